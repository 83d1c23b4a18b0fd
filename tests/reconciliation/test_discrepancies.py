"""Names of what is left over, numbers, and the life of a discrepancy."""

from __future__ import annotations

from datetime import time
from typing import Any

import polars as pl
from hypothesis import given, settings

from settlement.model.outcomes import Discrepancy, Outcome
from settlement.reconciliation import discrepancies as life
from settlement.reconciliation import rated
from tests.reconciliation.items import NOON, THU, ZONE, Row, frame, item, matched
from tests.reconciliation.test_matching import _lists

CHANNEL = life.Channel("pos", ZONE, time(23, 0))
PAIRS = {"ours_id": pl.String, "theirs_id": pl.String}
FULL = {"rrn": "612700000001", "terminal_no": "T1", "stan": "000001"}


def named(ours: list[Row], theirs: list[Row], originals: list[tuple[str, str]] = [], **channel: Any) -> pl.DataFrame:  # noqa: B006  # never changed
    found = matched(ours, theirs)
    mine = frame(ours).with_columns(payee_no=pl.lit("M1"))
    known = pl.DataFrame(originals, schema=PAIRS, orient="row")
    about = life.Channel("pos", ZONE, time(23, 0), **channel)
    return life.numbered(life.found(about, mine, frame(theirs), found, known), THU)


def brief(rows: pl.DataFrame) -> list[tuple[Any, ...]]:
    return list(rows.select("kind", "ours_id", "theirs_id", "ours_fen", "theirs_fen", "difference_fen").iter_rows())


def test_single_sided() -> None:
    rows = named([item("a", **FULL)], [item("x", 700, rrn="9")])
    assert brief(rows) == [
        ("OURS_ONLY", "a", None, 1000, None, 1000),
        ("THEIRS_ONLY", None, "x", None, 700, -700),
    ]
    assert rows["discrepancy_id"].to_list() == ["D-20260507-000001", "D-20260507-000002"]
    assert rows["payee_no"].to_list() == ["M1", None]
    assert "调账/核销动账 10.00 元" in rows["detail"][0]


def test_amounts_and_directions_differ() -> None:
    rows = named([item("a", **FULL)], [item("x", 900, **FULL)])
    assert brief(rows) == [("AMOUNT_MISMATCH", "a", "x", 1000, 900, 100)]
    rows = named([item("a", **FULL)], [item("x", -1000, kind="REVERSAL", **FULL)])
    assert brief(rows) == [("STATUS_MISMATCH", "a", "x", 1000, -1000, 2000)]
    assert rows["theirs_status"].to_list() == ["冲正"]


def test_an_operation_on_a_sale_that_both_know() -> None:
    sale, theirs = item("a", **FULL), item("x", **FULL)
    void = item("v", -1000, kind="VOID", rrn="2", original_id="a")
    assert brief(named([sale, void], [theirs])) == [("STATUS_MISMATCH", "v", "x", -1000, None, -1000)]
    assert brief(named([void], [], [("a", "x")])) == [("STATUS_MISMATCH", "v", "x", -1000, None, -1000)]
    their_void = void | {"item_id": "y", "original_id": "x"}
    assert brief(named([sale], [theirs, their_void])) == [("STATUS_MISMATCH", "a", "y", None, -1000, 1000)]
    assert brief(named([void], [])) == [("OURS_ONLY", "v", None, -1000, None, -1000)]


def test_doubled_and_ambiguous() -> None:
    rows = named([item("a", **FULL)], [item("x", **FULL), item("x#2", **FULL)])
    assert brief(rows) == [("DUPLICATE", None, "x#2", None, 1000, -1000)]
    card = {"card_id": 7}
    rows = named([item("a", **card)], [item("x", minutes=1, **card), item("y", minutes=2, **card)])
    assert [row[0] for row in brief(rows)] == ["AMBIGUOUS"] * 3
    assert "x y" in rows["detail"][0]


def test_likely_causes() -> None:
    def cause(row: Row, **channel: Any) -> str:
        mine = row["item_id"] == "a"
        return str(named([row] if mine else [], [] if mine else [row], **channel)["detail"][0]).split(";")[0]

    assert cause(item("a", minutes=10 * 60 + 50, **FULL)) == "临近日切 23:00, 可能在另一方次日文件"
    late = item("a", clearing_date=THU.replace(day=4), **FULL)
    assert cause(late) == "迟到的脱机记录, 清算日期早于业务日期"
    assert cause(item("a", -500, **FULL)) == "可能为隔日退货"
    assert cause(item("x", **FULL)) == "我方无此笔: 可能被拒收或未上送"
    assert cause(item("x", **FULL), ours_came=False) == "我方流水文件未到"


@settings(max_examples=60, deadline=None)
@given(_lists())
def test_sums_foot(sides: list[list[Row]]) -> None:
    """Of each side: total = pairs + discrepancies without a pair; and over all, ours − theirs = the differences."""
    ours, theirs = sides[0], sides[1]
    found = matched(ours, theirs)
    rows = life.found(CHANNEL, frame(ours).with_columns(payee_no=pl.lit("M1")), frame(theirs), found,
                      pl.DataFrame(schema=PAIRS))  # fmt: skip
    for side, items in (("ours", ours), ("theirs", theirs)):
        paired = set(found.matches[f"{side}_id"])
        alone = rows.filter(~pl.col(f"{side}_id").is_in(list(paired)), pl.col(f"{side}_fen").is_not_null())
        total = sum(row["amount_fen"] for row in items)
        assert total == sum(r["amount_fen"] for r in items if r["item_id"] in paired) + alone[f"{side}_fen"].sum()
    nets = sum(row["amount_fen"] for row in ours) - sum(row["amount_fen"] for row in theirs)
    assert nets == rows["difference_fen"].sum()


# --- rating --------------------------------------------------------------------------------------------------------


def test_findings_of_rating() -> None:
    base = {"channel": "pos", "kind": "SALE", "clearing_date": THU, "occurred_at": NOON, "reference": "1"}
    base |= {"amount_fen": 5000, "claimed_fen": None, "overclaimed_fen": 0, "payee_no": "M1"}
    rows = [
        base | {"transaction_id": "s", "claimed_fen": 1200, "overclaimed_fen": 200, "outcome": int(Outcome.GRANTED)},
        base | {"transaction_id": "o", "kind": "REFUND", "amount_fen": -100, "outcome": int(Outcome.ORPHAN)},
        base | {"transaction_id": "r", "kind": "REFUND", "amount_fen": -900, "outcome": int(Outcome.OVER_REFUND)},
        base | {"transaction_id": "n", "outcome": int(Outcome.GRANTED)},
    ]
    found = rated.findings(pl.DataFrame(rows, schema=rated.RATED))
    assert brief(found) == [
        ("OVERCLAIMED", "s", None, 1000, 1200, -200),
        ("ORPHAN", "o", None, -100, None, -100),
        ("OVER_REFUND", "r", None, -900, None, -900),
    ]


# --- life ----------------------------------------------------------------------------------------------------------


def known(*rows: tuple[str, str, str | None, int]) -> pl.DataFrame:
    """(id, kind, last event, difference); ours_id is o-<id>."""
    found = [(i, k, f"o-{i}", None, -fen, fen, last, 0 if last is None else 1) for i, k, last, fen in rows]
    return pl.DataFrame(found, schema=life.KNOWN, orient="row")


def decisions(*rows: tuple[int, str, str, str | None, int | None]) -> pl.DataFrame:
    found = [(n, subject, kind, "wang", checker, "why", fen) for n, subject, kind, checker, fen in rows]
    return pl.DataFrame(found, schema=life.DECISION, orient="row")


def test_people_decide() -> None:
    state = known(("D1", "OURS_ONLY", None, 500), ("D2", "OURS_ONLY", "explained", 500), ("D3", "OURS_ONLY", None, 900))
    asked = decisions(
        (1, "D1", "suspense", None, None),
        (2, "D1", "explain", None, None),
        (3, "D1", "explain", None, None),
        (4, "D2", "explain", None, None),
        (5, "D3", "write_off", None, None),
        (6, "D9", "explain", None, None),
        (7, "D3", "adjust", "li", 900),
    )
    events, refused = life.decided(state, asked, 600)
    assert list(events.select("discrepancy_id", "event", "decision_id").iter_rows()) == [
        ("D1", "suspense", 1),
        ("D1", "explained", 2),
        ("D3", "adjusted", 7),
    ]
    assert [said.split(":")[1].strip() for said in refused] == [
        "it is explained already",
        "it is explained already",
        "it needs a second person",
        "there is no such discrepancy",
    ]
    numbered = life.sequenced(state, events)
    assert list(numbered.select("discrepancy_id", "seq").iter_rows()) == [("D1", 1), ("D1", 2), ("D3", 1)]


def test_an_adjustment_pays_nobody_what_a_payment_pays() -> None:
    rows = ("UNPAID", 300), ("RETURNED", 1), ("UNPAID", -300), ("OVERCLAIMED", 300)
    state = known(*((f"D{n}", kind, None, -300) for n, (kind, _) in enumerate(rows)))
    asked = decisions(*((n, f"D{n}", "adjust", "li", fen) for n, (_, fen) in enumerate(rows)))
    events, refused = life.decided(state, asked, 0)
    assert list(events["discrepancy_id"]) == ["D2", "D3"]
    again = "once it says that it did not, `puhui payout unpaid BATCH ITEM` pays it again"
    assert refused == [
        f"decision 0 (adjust D0): the bank may pay it yet; {again}",
        "decision 1 (adjust D1): it leaves again in a new payment; an adjustment would pay it twice",
    ]


def test_a_later_file_closes_and_opens_again() -> None:
    state = known(
        ("D1", "OURS_ONLY", None, 1),
        ("D2", "OURS_ONLY", "suspense", 1),
        ("D3", "OURS_ONLY", "written_off", 1),
        ("D4", "OURS_ONLY", "explained", 1),
        ("D5", "AMOUNT_MISMATCH", None, 1),
    )
    pairs = [(f"o-D{n}", f"x{n}", "carry", "BALANCED", "k") for n in range(1, 6)]
    names = ("ours_id", "theirs_id", "pass", "result", "key")
    events = life.healed(state, pl.DataFrame(pairs, schema=dict.fromkeys(names, pl.String), orient="row"))
    assert dict(events.select("discrepancy_id", "event").iter_rows()) == {
        "D1": "auto_closed",
        "D2": "auto_closed",
        "D3": "reopened",
    }
    assert events["evidence"][0] == "x1|k"
    later = life.after(state, events)
    assert dict(later.select("discrepancy_id", "last_event").iter_rows())["D3"] == "reopened"
    assert life.closed_because(
        later,
        [Discrepancy.OURS_ONLY],
        "ours_id",
        pl.DataFrame({"ours_id": ["o-D1", "o-D3"], "evidence": ["e", "e"]}),
        "w",
    )["discrepancy_id"].to_list() == ["D3"]
