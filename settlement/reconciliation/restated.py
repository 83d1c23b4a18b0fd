"""What the night makes of the lines by which a decision took back lines of an account statement (batch/restated.py).

The bank says that a line never was, so what the line was is undone by its exact opposite, which settlement.md books:
a payment is in transit again, a top-up or charge goes back. It is no return: the money did not come back, it was not
seen to leave, and the bank may book the payment on another day. Whoever was paid is nobody's to pay again before people
have asked the bank, so the item's result is unknown and a difference UNPAID tells it, as where a bank is silent.

A line that is taken back and comes again with other words (day, text) is the same movement: both are what it was.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import polars as pl

from settlement.model.frames import DECIDED_LINE, Schema, conform
from settlement.model.outcomes import Discrepancy
from settlement.reconciliation.discrepancies import FOUND
from settlement.reconciliation.money import MONEY

UNKNOWN = "unknown"  # the result of an item whose payment was taken back
RESULT: Schema = {
    "line_id": pl.String,
    "reason": pl.String,
    "end_to_end_id": pl.String,
    "result": pl.String,
    "seq": pl.Int64,
}
_PAYOUT = ("paid", "returned")


@dataclass(frozen=True, slots=True)
class Undone:
    """`known`: MONEY of the lines that undo or repeat another; `results`: payout_result of items that are in doubt.

    `counters`: all lines that take one back; those that are not among `known` are differences.
    """

    known: pl.DataFrame
    results: pl.DataFrame
    counters: pl.DataFrame  # line_id, was_id


def undo(tonight: pl.DataFrame, sent: pl.DataFrame) -> Undone:
    """What tonight's lines of decisions (DECIDED_LINE) are; `sent`: the payout items they name (money.SENT, `seq`).

    Where a payment has been returned since, or a return is taken back, nothing can be undone without paying twice or
    never: the line stays a difference that names its item, which holds the item until people close it. So it is where
    people have called a later debit the payment since: that one pays the item, and stands.
    """
    rows = conform(tonight, DECIDED_LINE).to_dicts()
    items = {row["end_to_end_id"]: row for row in sent.to_dicts()}
    added = Counter(_movement(row, 1) for row in rows if row["was_id"] is None)
    taken = [row for row in rows if row["was_id"] is not None]
    known: list[tuple[str, str, str, int, str | None]] = []
    again: dict[tuple[str, str, int], list[tuple[str, str, str | None]]] = {}
    results: list[tuple[str, str, str, str, int]] = []
    for row in taken:
        kind, subject = row["kind"], row["subject"]
        movement = _movement(row, -1)
        repeated = kind in _PAYOUT and added[movement] > 0
        if repeated:
            added[movement] -= 1
            again.setdefault(movement, []).append((kind, subject, row["reason"]))
        elif kind == "returned" or (kind == "paid" and (row["returned"] or items[subject]["result"] != "paid")):
            continue
        elif kind == "paid":
            why = f"银行更正对账单, 撤回 {row['was_id']}"
            results.append((row["line_id"], why, subject, UNKNOWN, items[subject]["seq"] + 1))
        if kind is not None:
            known.append((row["line_id"], kind, subject, row["amount_fen"], None))
    for row in rows:
        if row["was_id"] is None and again.get(_movement(row, 1)):
            kind, subject, reason = again[_movement(row, 1)].pop()
            known.append((row["line_id"], kind, subject, row["amount_fen"], reason))
    return Undone(
        pl.DataFrame(known, schema=MONEY, orient="row"),
        pl.DataFrame(results, schema=RESULT, orient="row"),
        pl.DataFrame([(row["line_id"], row["was_id"]) for row in taken],
                     schema={"line_id": pl.String, "was_id": pl.String}, orient="row"),
    )  # fmt: skip


def _movement(row: dict[str, object], sign: int) -> tuple[str, str, int]:
    """What a line and the one that comes again in its place have in common."""
    amount = row["amount_fen"]
    assert isinstance(amount, int)
    return str(row["statement_id"]), str(row["end_to_end_id"]), sign * amount


def found_unpaid(results: pl.DataFrame, sent: pl.DataFrame, account: str) -> pl.DataFrame:
    """FOUND rows (UNPAID) of the items that are in doubt; `sent` has their amounts, payees and dates."""
    rows = results.select("end_to_end_id", why="reason").join(sent, on="end_to_end_id").sort("end_to_end_id")
    none = {name: pl.lit(None, dtype) for name, dtype in FOUND.items() if name not in rows.columns}
    return conform(
        rows.with_columns(**none).with_columns(
            kind=pl.lit(str(Discrepancy.UNPAID)),
            channel=pl.lit(account),
            ours_id="end_to_end_id",
            reference="end_to_end_id",
            clearing_date="execution_date",
            ours_fen=-pl.col("amount_fen"),
            difference_fen=-pl.col("amount_fen"),
            detail=pl.format("{}: 此前所记付款未发生, 付款又在途; 向银行查询, 不得重复付款", "why"),
        ),
        FOUND,
    )


def told(found: pl.DataFrame, counters: pl.DataFrame) -> pl.DataFrame:
    """FOUND rows, of which those of counter-lines say which line they take back."""
    rows = found.join(counters, left_on="theirs_id", right_on="line_id", how="left", maintain_order="left")
    why = pl.format("银行更正对账单, 此笔撤回 {}; 与该笔一并处理", "was_id")
    return conform(rows.with_columns(detail=pl.coalesce(why, "detail")), FOUND)
