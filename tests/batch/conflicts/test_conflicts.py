"""A bank sends a day again with other rows: nothing moves until two people saw the money, then it flows through."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text

from batch.city import home as city
from batch.city import week
from batch.city.traffic import Town
from portal.cli import demo
from portal.cli.main import run
from portal.session import open_session
from settlement.store import server

VOLUME, SEED = 400, 7
FIRST = date(2026, 5, 7)
NAME = "POS2026050701"


@dataclass
class Trial:
    """A small city after its first night, and the hands of its people."""

    home: Path
    town: Town
    pos: pl.DataFrame  # the POS feed of the first day
    card: pl.DataFrame  # the citizen-card feed of the first day, its bank rail
    capsys: Any = None

    def send(self, frame: pl.DataFrame, name: str = NAME) -> None:
        """The bank drops the POS feed of the first day, once more."""
        week.put(self.home, "posbank", name, week._write("pos_iso8583", "pos", name, frame, FIRST))

    def send_card(self, frame: pl.DataFrame, name: str) -> None:
        """A file of the citizen-card feed."""
        week.put(self.home, "smk", name, week._write("citizen_card", "smk", name, frame, FIRST))

    def night(self, number: int) -> None:
        day = FIRST + timedelta(days=number)
        os.environ["PUHUI_NOW"] = f"{day}T23:30:00+08:00"
        assert run(["night", "--date", day.isoformat()]) == 0

    def do(self, *arguments: str, status: int = 0) -> tuple[str, str]:
        """A verb; what it said on standard output and error."""
        self.capsys.readouterr()
        assert run(["inbox", *arguments]) == status, self.capsys.readouterr().err
        said = self.capsys.readouterr()
        return said.out, said.err

    def json(self, *arguments: str) -> Any:
        return json.loads(self.do(*arguments, "--json")[0])

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with open_session(self.home) as session, session.database.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql), values)]

    def newest(self) -> tuple[int, str]:
        """(number, status) of the newest delivery."""
        sql = "SELECT file_id, status FROM puhui.file_outcome ORDER BY file_id DESC LIMIT 1"
        return self.rows(sql)[0]  # type: ignore[return-value]  # the columns of the query

    def receipt(self, delivery: int) -> dict[str, Any]:
        path = self.home / "exchange" / "posbank" / "out" / f"{NAME}.{delivery}.ack"
        return json.loads(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def city_trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    home = tmp_path_factory.mktemp("conflicts") / "home"
    with demo._environment(home):
        demo._begin(home, SEED, VOLUME)
        town = city.town_of(home, SEED, VOLUME)
        with open_session(home):  # one server for all verbs
            week.drop(town, home, FIRST, 0)
            ours = week.clearing_day(town, FIRST, 0).ours
            trial = Trial(home, town, ours["pos"], ours["bank_account"])
            trial.night(0)
            yield trial
        server.destroy(home)


@pytest.fixture
def trial(city_trial: Trial, capsys: pytest.CaptureFixture[str]) -> Trial:
    city_trial.capsys = capsys
    return city_trial


def granted(trial: Trial, *ids: str) -> dict[str, int]:
    sql = "SELECT transaction_id, sum(granted_fen)::bigint FROM puhui.award WHERE transaction_id = ANY (:i) GROUP BY 1"
    return dict(trial.rows(sql, i=list(ids)))


def paid_more(frame: pl.DataFrame, key: str, fen: int) -> pl.DataFrame:
    """The frame with a sale of another amount."""
    more = pl.when(pl.col("transaction_id") == key).then(fen).otherwise(0)
    return frame.with_columns(pl.col("paid_fen") + more, pl.col("gross_fen") + more)


@dataclass
class Case:
    """The day as the bank sent it the second time: one sale of another amount, one sale gone."""

    changed: str
    vanished: str
    was_fen: int
    gone_fen: int
    other: pl.DataFrame


def test_a_file_sent_again_waits_for_two_people_and_then_flows_through(trial: Trial) -> None:
    paid = trial.rows("""SELECT a.transaction_id, a.granted_fen FROM puhui.award a JOIN puhui.transaction x
      USING (transaction_id) WHERE x.source = 'pos' AND x.kind = 'SALE' AND a.granted_fen > 0 AND NOT EXISTS (
      SELECT 1 FROM puhui.transaction y WHERE y.original_key = x.transaction_id) ORDER BY 1""")
    (changed, was), (vanished, gone) = paid[0], paid[1]
    other = paid_more(trial.pos, changed, 12_345).filter(pl.col("transaction_id") != vanished)
    case = Case(changed, vanished, was, gone, other)
    number, effect = _nothing_moves_and_people_are_told(trial, case)
    _two_people_decide(trial, case, number, effect)
    trial.night(2)
    _it_flows_through(trial, case, number, effect)
    later = _what_stands_is_compared(trial, case)
    _back_to_the_first_figures(trial, case, later)
    _a_row_in_another_file_is_kept_as_it_stands(trial)
    _a_sale_under_two_sources_is_held(trial)


def _nothing_moves_and_people_are_told(trial: Trial, case: Case) -> tuple[str, str]:
    before = trial.rows("SELECT count(*) FROM puhui.transaction")
    trial.send(case.other)
    trial.night(1)
    assert trial.rows("SELECT count(*) FROM puhui.transaction") == before
    number, status = str(trial.newest()[0]), trial.newest()[1]
    assert status == "CONFLICT"
    receipt = trial.receipt(2)
    counts = [receipt[name] for name in ("status", "accepted", "duplicate", "quarantined")]
    assert counts == ["CONFLICT", 0, trial.pos.height - 2, 1]
    assert [reject["code"] for reject in receipt["rejects"]] == ["VANISHED", "CONFLICT"]
    assert [row["number"] for row in trial.json("list", "--open")] == [number]
    seen = trial.json("show", number)
    assert seen["state"] == "open"
    found = [(row["key"], row["what"]) for row in seen["changes"]]
    assert found == [(case.changed, "changed"), (case.vanished, "vanished")]
    assert seen["changes"][0]["change"] == "123.45"
    assert seen["changes"][1]["becomes"] is None
    effect = seen["subsidy_change"]
    assert sum(_fen(row["change"]) for row in seen["sponsors"]) == _fen(effect) < 0
    return number, effect


def _two_people_decide(trial: Trial, case: Case, number: str, effect: str) -> None:
    """One proposes, another approves who names the effect; neither can do both, and a dry run decides nothing."""

    def refused(*arguments: str) -> str:
        return trial.do(arguments[0], number, *arguments[1:], status=2)[1]

    assert "nobody proposed to take it" in refused("approve", "--effect", effect, "--as", "li")
    out, err = trial.do("take", number, "--reason", "letter", "--as", "wang", "--dry-run")
    assert case.changed in out
    assert "dry run: nothing was decided" in err
    assert trial.json("show", number)["state"] == "open"
    trial.do("take", number, "--reason", "letter", "--as", "wang")
    assert "wang proposed it already" in refused("take", "--reason", "x", "--as", "li")
    assert "--effect: taking it moves" in refused("approve", "--effect", "0.01", "--as", "li")
    assert "wang is finance_maker" in refused("approve", "--effect", effect, "--as", "wang")
    assert trial.rows("SELECT count(*) FROM puhui.decision WHERE kind = 'take_file'") == [(0,)]
    trial.do("approve", number, "--effect", effect, "--as", "li")
    assert "was taken already" in refused("keep", "--reason", "x", "--as", "li")
    assert trial.json("list", "--open") == []


def _it_flows_through(trial: Trial, case: Case, number: str, effect: str) -> None:
    added = dict(trial.rows("SELECT row_id, ends FROM puhui.correction"))
    undo = {f"{case.changed}~undone": case.changed, f"{case.vanished}~undone": case.vanished}
    assert added == {**undo, f"{case.changed}~2": None}
    sql = "SELECT transaction_id, kind, original_key FROM puhui.transaction WHERE transaction_id LIKE '%~%'"
    new = (f"{case.changed}~2", "SALE", None)
    assert sorted(trial.rows(sql)) == sorted([new, *((a, "REVERSAL", b) for a, b in undo.items())])
    moved = granted(trial, *added)
    assert moved[f"{case.changed}~undone"] == -case.was_fen
    assert moved[f"{case.vanished}~undone"] == -case.gone_fen
    assert sum(moved.values()) == _fen(effect)
    assert trial.json("show", number)["decisions"][-1]["checker"] == "li"


def _what_stands_is_compared(trial: Trial, case: Case) -> pl.DataFrame:
    """The same rows in another order, then one row more, which names the sale by the key that banks know."""
    trial.send(case.other.sample(fraction=1, shuffle=True, seed=1).with_columns(auth_code=pl.lit("A00001")))
    trial.night(3)
    assert trial.newest()[1] == "DUPLICATE"
    assert trial.rows("SELECT code FROM puhui.file_outcome ORDER BY file_id DESC LIMIT 1") == [("SAME_ROWS",)]
    later = _refund(trial, case.changed)
    trial.send(pl.concat([case.other, later]))
    trial.night(4)
    assert trial.newest()[1] == "SUPERSET"
    sql = "SELECT original_key FROM puhui.transaction WHERE transaction_id = :id"
    assert trial.rows(sql, id=later["transaction_id"][0]) == [(f"{case.changed}~2",)]
    return later


def _back_to_the_first_figures(trial: Trial, case: Case, later: pl.DataFrame) -> None:
    """The refund depends on the changed sale, so it is undone and comes again with it."""
    trial.send(pl.concat([trial.pos, later]))
    trial.night(5)
    number, status = str(trial.newest()[0]), trial.newest()[1]
    assert status == "CONFLICT"
    effect = trial.json("show", number)["subsidy_change"]
    trial.do("take", number, "--reason", "second letter", "--as", "wang")
    trial.do("approve", number, "--effect", effect, "--as", "li")
    trial.night(6)
    stands = trial.rows(
        "SELECT x.transaction_id, x.original_key FROM puhui.transaction x JOIN puhui.correction c"
        " ON c.row_id = x.transaction_id WHERE c.business_date = :day",
        day=FIRST + timedelta(days=6),
    )
    changed, refund = case.changed, later["transaction_id"][0]
    undone = [(f"{changed}~2~undone", f"{changed}~2"), (f"{refund}~undone", refund)]
    again = [(f"{changed}~3", None), (f"{refund}~2", f"{changed}~3"), (f"{case.vanished}~2", None)]
    assert sorted(stands) == sorted([*undone, *again])
    assert sum(granted(trial, *(row[0] for row in stands)).values()) == _fen(effect)
    trial.capsys.readouterr()
    run(["check"])
    told = trial.capsys.readouterr().out
    assert "rows_add_up" in told
    assert [line for line in told.splitlines() if "rows_add_up" in line and "stored" in line] == []


def _a_row_in_another_file_is_kept_as_it_stands(trial: Trial) -> None:
    """The same key with another amount in a file of another name: only that row is held; one person may keep."""
    row = trial.pos.filter(pl.col("kind") == "SALE")[:1]
    trial.send(paid_more(row, row["transaction_id"][0], 100), "POS2026050799")
    trial.night(7)
    number, status = str(trial.newest()[0]), trial.newest()[1]
    assert status == "PARTIAL"
    seen = trial.json("show", number)
    assert [(entry["code"], entry["field"]) for entry in seen["rejects"]] == [("CONFLICT", "transaction_id")]
    assert [change["change"] for change in seen["changes"]] == ["1.00"]
    trial.do("keep", number, "--reason", "the bank withdrew the file", "--as", "wang")
    assert trial.json("list", "--open") == []
    assert "kept" in trial.do("show", number)[0]
    assert "was kept already" in trial.do("take", number, "--reason", "x", "--as", "wang", status=2)[1]
    rows = trial.rows("SELECT count(*) FROM puhui.correction")
    trial.night(8)
    assert trial.rows("SELECT count(*) FROM puhui.correction") == rows


def _a_sale_under_two_sources_is_held(trial: Trial) -> None:
    """The citizen-card feed brings a sale that the POS feed brought: RRN, terminal and amount are the same."""
    sql = (
        "SELECT transaction_id, rrn, terminal_no, gross_fen, paid_fen, claimed_fen, occurred_at FROM puhui.transaction"
    )
    sales = trial.rows(f"{sql} WHERE source = 'pos' AND kind = 'SALE' AND rrn IS NOT NULL ORDER BY 1 LIMIT 3")
    before = trial.rows("SELECT count(*) FROM puhui.transaction")
    name = f"SMK_{FIRST:%Y%m%d}_7"
    trial.send_card(pl.concat([_as_card_sale(trial, n, *sale[1:]) for n, sale in enumerate(sales)]), name)
    trial.night(9)
    number, status = str(trial.newest()[0]), trial.newest()[1]
    assert (status, trial.rows("SELECT count(*) FROM puhui.transaction")) == ("PARTIAL", [(before[0][0] + 2,)])
    seen = trial.json("show", number)
    (told,) = seen["rejects"]
    assert told["code"] == "OTHER_SOURCE"
    assert f"is {sales[0][0]} of another source; held until decided" in told["message"]
    assert [change["what"] for change in seen["changes"]] == ["added"]
    trial.do("keep", number, "--reason", "one sale", "--as", "wang")
    assert trial.json("list", "--open") == []


def _as_card_sale(trial: Trial, number: int, *figures: Any) -> pl.DataFrame:
    """A sale of the citizen-card feed with the figures of a POS sale; of the second another RRN, the third later."""
    rrn, terminal, gross, paid, claimed, at = figures
    row = trial.card.filter((pl.col("kind") == "SALE") & (pl.col("rail") == "bank_account"))[number : number + 1]
    rrn = rrn if number != 1 else f"{int(rrn) + 500_000:012d}"
    at = at + timedelta(days=2) if number == 2 else at
    key = "/".join([*row["transaction_id"][0].split("/")[:-2], terminal, str(900_000 + number)])
    return row.with_columns(
        transaction_id=pl.lit(key), rrn=pl.lit(rrn), terminal_no=pl.lit(terminal), gross_fen=pl.lit(gross, pl.Int64),
        paid_fen=pl.lit(paid, pl.Int64), claimed_fen=pl.lit(claimed, pl.Int64),
        occurred_at=pl.lit(at, row.schema["occurred_at"]),
    )  # fmt: skip


def _fen(yuan: str) -> int:
    return int(yuan.replace(".", ""))


def _refund(trial: Trial, sale: str) -> pl.DataFrame:
    from batch.city import traffic

    row = trial.pos.filter(pl.col("transaction_id") == sale)
    refund = traffic.operations_on(trial.town, FIRST, row, "REFUND", 991_000)
    return refund.with_columns(paid_fen=pl.lit(500, pl.Int64), gross_fen=pl.lit(500, pl.Int64))
