"""`puhui backtest` on stored nights: the side without the draft is what is stored, and nothing is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from portal.cli.main import run as puhui
from tests.batch.replay.conftest import DAYS, City

PERIOD = ["--from", DAYS[0].isoformat(), "--to", DAYS[-1].isoformat()]


def fen(text: str) -> int:
    return int(text.replace(".", ""))


@pytest.fixture
def draft(city: City, tmp_path: Path) -> Path:
    """The bakery rule as version 2, 60 % in place of 50 %."""
    text = (city.home / "import" / "programme" / "schemes" / "s05-bakery.yaml").read_text("utf-8")
    path = tmp_path / "draft.yaml"
    path.write_text(text.replace("version: 1", "version: 2").replace("percent: 50", "percent: 60"), "utf-8")
    return path


def tried(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert puhui(["backtest", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def counts(city: City) -> list[tuple[Any, ...]]:
    tables = city.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'puhui' ORDER BY 1")
    return [(name, *city.rows(f'SELECT count(*) FROM puhui."{name}"')[0]) for (name,) in tables]


def test_the_rule_in_force_costs_what_is_stored(city: City, draft: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = counts(city)
    found = tried(capsys, str(draft), *PERIOD)
    stored = dict(city.rows("SELECT scheme, sum(granted_fen)::bigint FROM puhui.award GROUP BY 1"))
    rows = {row["活动"]: row for row in found["汇总"]}
    total = rows.pop("合计")
    assert {scheme: fen(row["现行规则"]) for scheme, row in rows.items() if scheme in stored} == stored
    assert all(fen(row["现行规则"]) == 0 for scheme, row in rows.items() if scheme not in stored)
    assert fen(total["现行规则"]) == sum(stored.values())
    by_day = dict(city.rows("SELECT business_date::text, sum(granted_fen)::bigint FROM puhui.award GROUP BY 1"))
    assert {row["日期"]: fen(row["现行规则"]) for row in found["每日预算曲线"]} == by_day
    assert counts(city) == before


def test_limits_are_consumed_in_true_order(city: City, draft: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The bakery's own day budget was used up under the old rule, so a richer rule costs no more and serves fewer."""
    found = tried(capsys, str(draft), *PERIOD)
    bakery = next(row for row in found["汇总"] if row["活动"] == "bakery-half")
    assert bakery["差额"] == "0.00"
    assert int(bakery["草案笔数"]) < int(bakery["现行笔数"])
    assert all(fen(row["草案已占用"]) <= fen(row["预算总额"]) for row in found["预算占用"])
    gains, losses = found["增加最多的会员"], found["减少最多的会员"]
    assert gains
    assert losses
    assert [fen(row["差额"]) for row in gains] == sorted((fen(row["差额"]) for row in gains), reverse=True)
    assert all(fen(row["差额"]) < 0 for row in losses)
    everybody = sum(fen(row["差额"]) for row in found["全部会员"])
    assert everybody == sum(fen(row["差额"]) for row in found["全部商户"]) == 0
    assert {row["预算"] for row in found["预算用尽"] if row["草案首次用尽"] == DAYS[0].isoformat()} == {"bakery-budget"}
    del city


def test_a_later_start_opens_with_what_was_used(city: City, draft: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = tried(capsys, str(draft), "--from", DAYS[3].isoformat(), "--to", DAYS[4].isoformat())
    used = dict(
        city.rows(
            "SELECT business_date::text, used::bigint FROM puhui.state_usage"
            " WHERE scheme = '' AND name = 'city-budget' AND business_date >= :day",
            day=DAYS[3],
        )
    )
    shown = {row["日期"]: fen(row["现行已占用"]) for row in found["预算占用"] if row["预算"] == "city-budget"}
    assert shown == {day.isoformat(): used[day.isoformat()] for day in DAYS[3:5]}


def test_beside_needs_a_code_of_its_own(draft: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert puhui(["backtest", str(draft), *PERIOD, "--beside"]) == 2
    assert "give the draft another code" in capsys.readouterr().err
    other = tmp_path / "other.yaml"
    other.write_text(draft.read_text("utf-8").replace("scheme: bakery-half", "scheme: bakery-more"), "utf-8")
    found = tried(capsys, str(other), *PERIOD, "--beside")
    assert {"bakery-half", "bakery-more"} <= {row["活动"] for row in found["汇总"]}


def test_a_draft_of_next_month_says_how_it_was_tried(draft: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = draft.read_text("utf-8").replace("from: 2026-05-01", "from: 2026-07-01")
    draft.write_text(text, "utf-8")
    found = tried(capsys, str(draft), *PERIOD)
    assert any("2026-07-01" in value for label, value in found["head"] if label == "说明")
    assert int(next(row for row in found["汇总"] if row["活动"] == "bakery-half")["草案笔数"]) > 0


def test_a_list_of_transactions(city: City, draft: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Two breads of 20.00 after the week: 10.00 each now, 12.00 each with the draft."""
    rows = city.rows(
        "SELECT m.merchant_no, (SELECT min(member_no) FROM puhui.member WHERE member_no NOT IN"
        " (SELECT member_no FROM puhui.entitlement) AND status = 'active') FROM puhui.merchant m"
        " WHERE m.category = 'food.bakery' ORDER BY 1 LIMIT 1"
    )
    merchant, member = rows[0]
    head = "transaction_id,kind,original_id,occurred_at,member_no,merchant_no,instrument,gross,claimed\n"
    body = [
        f"new:{n},SALE,,2026-05-2{n}T12:00:00+08:00,{member},{merchant},citizen_card,20.00,\n" for n in (1, 2)
    ]  # fmt: skip
    path = tmp_path / "transactions.csv"
    path.write_text(head + "".join(body), "utf-8")
    found = tried(capsys, str(draft), "--transactions", str(path))
    assert [(row["日期"], row["现行规则"], row["草案"]) for row in found["每日预算曲线"]] == [
        ("2026-05-21", "10.00", "12.00"), ("2026-05-22", "10.00", "12.00"),
    ]  # fmt: skip
    known = city.rows("SELECT min(transaction_id) FROM puhui.state_sales")[0][0]
    path.write_text(head + body[0].replace("new:1", known), "utf-8")
    assert puhui(["backtest", str(draft), "--transactions", str(path)]) == 2
    assert "was rated before 2026-05-21" in capsys.readouterr().err


def test_the_workbook_and_the_screen(draft: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from python_calamine import CalamineWorkbook

    book = tmp_path / "out.xlsx"
    capsys.readouterr()
    assert puhui(["backtest", str(draft), *PERIOD, "--xlsx", str(book)]) == 0
    shown = capsys.readouterr().out
    assert "每日预算曲线" in shown
    assert shown.count("现行 █") == len(DAYS)
    assert "资金池 bakery-budget（总额" in shown
    sheets = CalamineWorkbook.from_path(str(book)).sheet_names
    assert sheets[:3] == ["汇总", "图表", "每日预算曲线"]
    assert sheets[-1] == "全部会员"


def test_the_workbook_draws_its_own_cells(draft: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Every series of every chart points at the column of its name, over the days of the period."""
    import openpyxl  # type: ignore[import-untyped]

    path = tmp_path / "out.xlsx"
    assert puhui(["backtest", str(draft), *PERIOD, "--xlsx", str(path)]) == 0
    book = openpyxl.load_workbook(path)
    charts = book["图表"]._charts
    assert [type(chart).__name__ for chart in charts] == ["BarChart", "LineChart", "LineChart", "LineChart"]
    drawn = [("现行规则", "草案"), ("现行累计", "草案累计"), *[("现行已占用", "草案已占用", "预算总额")] * 2]
    for chart, names in zip(charts, drawn, strict=True):
        for series, name in zip(chart.series, names, strict=False):  # a far budget is not drawn
            sheet, cells = series.val.numRef.f.replace("'", "").split("!")
            column = book[sheet][cells.replace("$", "")]
            heading = next(row for row in range(1, 9) if book[sheet].cell(row, 1).value == "日期")
            assert book[sheet].cell(heading, column[0][0].column).value == name
            assert len(column) == len(DAYS)
            assert column[0][0].row == heading + 1 or sheet == "预算占用"
            days = book[sheet][series.cat.numRef.f.split("!")[1].replace("$", "")]
            assert [day[0].value.date() for day in days] == DAYS
    del capsys


def test_dates_that_were_not_rated_are_told(draft: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = tried(capsys, str(draft), "--from", DAYS[-1].isoformat(), "--to", "2026-05-15")
    assert any("2 business dates" in value for label, value in found["head"] if label == "说明")
    whole = tried(capsys, str(draft), "--from", DAYS[-1].isoformat(), "--to", DAYS[-1].isoformat())
    assert not [value for label, value in whole["head"] if label == "说明"]
    assert whole["汇总"] == found["汇总"]


@pytest.mark.parametrize(
    ("change", "arguments", "said"),
    [
        (("percent: 60", "percent: 160"), PERIOD, "draft.yaml:12:35: benefit.percent: percentage out of range"),
        (("[bakery-budget, city-budget]", "[no-such-pool]"), PERIOD, "pool no-such-pool does not exist"),
        (("", ""), ["--from", "2027-01-01", "--to", "2027-01-02"], "has rated"),
        (("", ""), ["--from", "2026-05-07"], "give both"),
        (("", ""), ["--from", "2026-05-08", "--to", "2026-05-07"], "is before"),
        (("", ""), [*PERIOD, "--xlsx", "no-such-folder/b.xlsx"], "--xlsx: no folder no-such-folder; make it"),
        (("", ""), ["--from", "2026-5-8", "--to", "2026-05-09"], "--from: not a date; write YYYY-MM-DD"),
        (("", ""), ["--transactions", "no-such.csv"], "no-such.csv: no such file or directory; give the file"),
    ],
)
def test_what_cannot_be_tried_is_said(
    draft: Path,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str],
    arguments: list[str],
    said: str,
) -> None:
    draft.write_text(draft.read_text("utf-8").replace(*change) if change[0] else draft.read_text("utf-8"), "utf-8")
    capsys.readouterr()
    assert puhui(["backtest", str(draft), *arguments]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""
