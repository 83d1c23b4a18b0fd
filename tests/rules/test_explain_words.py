"""The sentences of `--explain`: each says what truly happened to the figure, in both languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rules.test_rate_command import HEAD, SALE, SCHEME, rated, town

BENEFIT = "benefit: {kind: percent, percent: 50, cap: 15.00}"
LIMITS = "limits: [{name: one-a-week, per: [member], measure: count, value: 1, window: week}]"
SECOND = SALE.replace("t1", "t2").replace("T10", "T11")


def explained(folder: Path, scheme: str, rows: str) -> list[dict[str, object]]:
    """The entries of the transactions, in rating order."""
    files = {"schemes/bread.yaml": scheme, "transactions.csv": HEAD + rows}
    result = rated(town(folder, **files), "--explain", str(folder / "e.jsonl"))
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in (folder / "e.jsonl").read_text(encoding="utf-8").splitlines()]


def limited(limit: str) -> str:
    """The scheme under another limit."""
    return SCHEME.replace(LIMITS, f"limits: [{limit}]")


SECOND_SALE = [
    (SCHEME, "；本周限1次已用完，故补贴0元", "the limit of 1 use a week for each member (one-a-week) is used up"),
    (
        limited("{name: shop, per: [merchant], measure: amount, value: 15.00, window: month}"),
        "；应补9.95元，该商户本月限15元，只剩5.05元，故补贴5.05元",
        "of 9.95 earned, the limit of 15 a month for each merchant (shop) has 5.05 left, so the subsidy is 5.05",
    ),
    (
        limited("{name: shop, per: [merchant], measure: amount, value: 15.00, window: month, on_exceed: deny}"),
        "；该商户本月限15元，只剩5.05元，不够补9.95元，故补贴0元",
        "(shop) has 5.05 left, not the whole 9.95, so the subsidy is 0",
    ),
    (
        limited("{name: shop, measure: amount, value: 15.00, window: day}") + "min_grant: 6.00\n",
        "；本日限15元，只剩5.05元，低于最低补贴额6元，故补贴0元",
        "(shop) has 5.05 left, below the least grant of 6, so the subsidy is 0",
    ),
    (
        SCHEME + "min_grant: 10.00\n",
        "；应补9.95元，低于最低补贴额10元，故补贴0元",
        "9.95 earned is below the least grant of 10",
    ),
    (
        SCHEME.replace(BENEFIT, "benefit: {kind: tiers, tiers: [{from: 20.00, percent: 50, cap: 15.00}]}"),
        "面包五折：满20补50%（封顶15元）；成交价19.90元未满20元，故补贴0元",
        "50 % from 20 (at most 15); a price of 19.90 is below 20, so the subsidy is 0",
    ),
    (
        SCHEME.replace(BENEFIT, "benefit: {kind: claimed, min: 1.00}"),
        "面包五折：按实际优惠补贴（1元起）；没有报送优惠金额，故补贴0元",
        "no discount was reported, so the subsidy is 0",
    ),
]


@pytest.mark.parametrize(("scheme", "zh", "en"), SECOND_SALE)
def test_what_stopped_or_lowered_the_second_sale(scheme: str, zh: str, en: str, tmp_path: Path) -> None:
    entry = explained(tmp_path, scheme, SALE + SECOND)[1]
    assert zh in str(entry["zh"])
    assert en in str(entry["en"])


def test_every_step_down_is_shown_to_the_last(tmp_path: Path) -> None:
    scheme = limited("{name: shop, measure: amount, value: 15.00, window: day}") + "min_grant: 6.00\n"
    entry = explained(tmp_path, scheme, SALE + SECOND)[1]
    schemes = entry["schemes"]
    assert isinstance(schemes, list)
    assert [(cut["by"], cut["from"], cut["to"], cut["zh"]) for cut in schemes[0]["lowered"]] == [
        ("shop", "9.95", "5.05", "本日限15元，只剩5.05元，低于最低补贴额6元"),
        ("min_grant", "5.05", "0.00", "应补5.05元，低于最低补贴额6元"),
    ]
    assert schemes[0]["without"] == {"min_grant": "5.05 without min_grant", "shop": "9.95 without shop"}
    assert entry["awards"][0]["limit"] == "shop"  # type: ignore[index]


def test_an_operation_says_which_way_the_subsidy_moved(tmp_path: Path) -> None:
    tiers = (
        "benefit: {kind: tiers, tiers: [{from: 5.00, off: 4.00}, {from: 10.00, off: 1.00}, {from: 15.00, off: 4.00}]}"
    )
    scheme = SCHEME.replace(BENEFIT, tiers) + "refund: {policy: recompute}\n"
    rows = SALE + "".join(
        f"{number},{kind},{original},2026-05-0{day}T10:00:00+08:00,,,,{gross},\n"
        for number, kind, original, day, gross in [
            ("r1", "REFUND", "t1", 7, "6.00"),  # 13.90 is left: 1.00
            ("r2", "REFUND", "t1", 8, "6.00"),  # 7.90: 4.00 again
            ("r3", "REFUND", "t1", 9, "1.00"),  # 6.90: still 4.00
            ("u2", "REVERSAL", "r2", 9, ""),  # 12.90: 1.00
        ]
    )
    said = {entry["transaction_id"]: (*entry["zh"], *entry["en"]) for entry in explained(tmp_path, scheme, rows)}  # type: ignore[misc]
    zh, en = "面包五折：成交价19.90元，累计已退", "面包五折: of 19.90, "
    policy = ("退货按余额重算：", "a refund has the subsidy worked out again on what is left: ")
    assert said["r1"] == (
        f"{zh}6元；{policy[0]}追回补贴3元，保留1元", f"{en}6 is refunded; {policy[1]}3 of it is taken back, 1 is kept",
    )  # fmt: skip
    assert said["r2"][0] == f"{zh}12元；{policy[0]}重算后补贴增加3元，保留4元"
    assert "worked out again, the subsidy rises by 3" in said["r2"][1]
    assert said["r3"][0] == f"{zh}13元；{policy[0]}补贴不变，保留4元"
    assert "the subsidy stays as it is" in said["r3"][1]
    assert said["u2"][0] == f"{zh}7元；{policy[0]}重算后补贴减少3元，保留1元"
    assert "worked out again, the subsidy falls by 3" in said["u2"][1]
