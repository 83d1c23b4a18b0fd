"""Statements: netting what is due to each payee into lines, a total, what is paid now and what is carried forward.

    due     = subsidy - merchant's own share - fee + adjustments + brought forward      (应结)
    settled = due - hold-back where that is above 0 and at least the minimum, else 0    (实结)
    carried = due - settled                                                             (下期 上期结转)

The money kept back under a hold-back is part of what is carried: a statement keeps back `ppm` of its own new amount and
everything that earlier statements kept back and whose release date has not come. Example: 1,000.00 new, 5 %
kept 30 days, nothing before: settled 950.00, carried 50.00. Next day 1,000.00 new: due 1,050.00, kept
50.00 (before) + 50.00 (now), settled 950.00, carried 100.00. The rejected way, ppm of the whole due amount, would
release most of yesterday's hold-back at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from settlement.model.frames import Schema, conform
from settlement.model.money import PPM

PAYEE_KEY = ["payee_kind", "payee_no"]

# One award that is not on a statement yet. gross_fen and paid_fen are the transaction's, unsigned.
OPEN_AWARD: Schema = {
    "transaction_id": pl.String,
    "line": pl.Int64,
    "kind": pl.String,
    "clearing_date": pl.Date,
    "scheme": pl.String,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "gross_fen": pl.Int64,
    "paid_fen": pl.Int64,
    "granted_fen": pl.Int64,
    "payable_fen": pl.Int64,
    "undoes": pl.Boolean,  # a REINSTATED row: a refund that was undone
    "due": pl.Boolean,
    "reason": pl.String,
}
# A payee whose cycle falls due tonight, with what its contract says. held_back_fen: kept back earlier, not released.
DUE_PAYEE: Schema = {
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "period_from": pl.Date,
    "period_to": pl.Date,
    "due_date": pl.Date,
    "next_due": pl.Date,
    "brought_fen": pl.Int64,
    "held_back_fen": pl.Int64,
    "minimum_fen": pl.Int64,
    "holdback_ppm": pl.Int64,
    "holdback_until": pl.Date,
    "fee_ppm": pl.Int64,
}
ADJUSTMENT: Schema = {
    "discrepancy_id": pl.String,
    "seq": pl.Int64,
    "day": pl.Date,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "amount_fen": pl.Int64,  # more to the payee is positive
}
_AMOUNTS = ["subsidy_fen", "merchant_share_fen", "fee_fen", "adjustment_fen", "brought_fen"]
_FIGURES = ["sale_count", "sale_fen", "refund_count", "refund_fen", "paid_fen", *_AMOUNTS]
LINE: Schema = {
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "line": pl.Int64,
    "clearing_date": pl.Date,
    "scheme": pl.String,
    **dict.fromkeys(_FIGURES, pl.Int64),
}
STATEMENT: Schema = {
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "period_from": pl.Date,
    "period_to": pl.Date,
    "due_date": pl.Date,
    **dict.fromkeys([*_AMOUNTS, "due_fen", "holdback_fen", "settled_fen", "carried_fen"], pl.Int64),
    "holdback_until": pl.Date,
}
HELD: Schema = {
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "transaction_id": pl.String,
    "line": pl.Int64,
    "reason": pl.String,
    "expected_date": pl.Date,
}


@dataclass(frozen=True, slots=True)
class Drafted:
    """Statements of one night, one per payee, sorted by payee; numbers are given by the caller in that order."""

    statements: pl.DataFrame
    lines: pl.DataFrame
    awards: pl.DataFrame
    held: pl.DataFrame
    adjustments: pl.DataFrame


def part_expr(fen: pl.Expr, ppm: pl.Expr) -> pl.Expr:
    """`fen` * `ppm` / 1,000,000 to the nearest fen, halves away from zero, without leaving int64."""
    size = fen.abs()
    return fen.sign() * (size // PPM * ppm + (2 * (size % PPM) * ppm + PPM) // (2 * PPM))


def _award_lines(awards: pl.DataFrame, payees: pl.DataFrame) -> pl.DataFrame:
    """One line per payee, clearing date and scheme. A fee is charged once per transaction, on its first line."""
    sale = pl.col("kind") == "SALE"
    sign = pl.when(pl.col("undoes")).then(-1).otherwise(1)
    first = pl.col("line") == pl.col("line").min().over("transaction_id")
    return (
        awards.with_columns(
            fee_base=pl.when(first).then(pl.when(sale).then(1).otherwise(-sign) * pl.col("gross_fen")).otherwise(0)
        )
        .group_by([*PAYEE_KEY, "clearing_date", "scheme"])
        .agg(
            sale_count=sale.sum().cast(pl.Int64),
            sale_fen=pl.col("gross_fen").filter(sale).sum(),
            refund_count=sign.filter(~sale).sum().cast(pl.Int64),
            refund_fen=(sign * pl.col("gross_fen")).filter(~sale).sum(),
            paid_fen=(pl.when(sale).then(1).otherwise(-sign) * pl.col("paid_fen")).sum(),
            subsidy_fen=pl.col("granted_fen").sum(),
            merchant_share_fen=(pl.col("granted_fen") - pl.col("payable_fen")).sum(),
            fee_base=pl.col("fee_base").sum(),
        )
        .join(payees.select(*PAYEE_KEY, "fee_ppm"), on=PAYEE_KEY)
        .with_columns(
            fee_fen=part_expr(pl.col("fee_base"), pl.col("fee_ppm")),
            adjustment_fen=pl.lit(0, pl.Int64),
            brought_fen=pl.lit(0, pl.Int64),
        )
    )


def _other_lines(payees: pl.DataFrame, adjustments: pl.DataFrame) -> pl.DataFrame:
    """The lines without a scheme: what was brought forward, and adjustments per day."""
    brought = payees.filter(pl.col("brought_fen") != 0).select(
        *PAYEE_KEY,
        pl.col("period_from").alias("clearing_date"),
        "brought_fen",
        pl.lit(0, pl.Int64).alias("adjustment_fen"),
    )
    adjusted = (
        adjustments.group_by([*PAYEE_KEY, "day"])
        .agg(adjustment_fen=pl.col("amount_fen").sum())
        .select(
            *PAYEE_KEY, pl.col("day").alias("clearing_date"), pl.lit(0, pl.Int64).alias("brought_fen"), "adjustment_fen"
        )
    )
    missing = [name for name in _FIGURES if name not in {"brought_fen", "adjustment_fen"}]
    return pl.concat([brought, adjusted]).with_columns(
        pl.lit(None, pl.String).alias("scheme"), *[pl.lit(0, pl.Int64).alias(name) for name in missing]
    )


def _number_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """Brought forward first, then by clearing date and scheme, adjustments last in their day."""
    ordered = lines.sort(
        *PAYEE_KEY, pl.col("brought_fen") == 0, "clearing_date", "scheme", nulls_last=True, maintain_order=True
    )
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over(PAYEE_KEY)
    return conform(ordered.with_columns(line=number), LINE)


def _totals(lines: pl.DataFrame, payees: pl.DataFrame) -> pl.DataFrame:
    """One statement per payee: sums of its lines, hold-back, what is paid and what is carried."""
    sums = lines.group_by(PAYEE_KEY).agg(pl.col(_AMOUNTS).sum())
    fresh = pl.col("subsidy_fen") - pl.col("merchant_share_fen") - pl.col("fee_fen") + pl.col("adjustment_fen")
    kept = pl.max_horizontal(fresh, 0) // PPM * pl.col("holdback_ppm")
    kept += pl.max_horizontal(fresh, 0) % PPM * pl.col("holdback_ppm") // PPM
    free = pl.col("due_fen") - pl.col("held_back_fen") - pl.col("holdback_fen")
    pays = (free > 0) & (free >= pl.col("minimum_fen"))
    return (
        sums.join(payees.drop("brought_fen"), on=PAYEE_KEY)
        .with_columns(due_fen=fresh + pl.col("brought_fen"), holdback_fen=kept)
        .with_columns(settled_fen=pl.when(pays).then(free).otherwise(0))
        .with_columns(
            carried_fen=pl.col("due_fen") - pl.col("settled_fen"),
            holdback_until=pl.when(pl.col("holdback_fen") > 0).then("holdback_until"),
        )
        .sort(PAYEE_KEY)
    )


def draft(awards: pl.DataFrame, payees: pl.DataFrame, adjustments: pl.DataFrame) -> Drafted:
    """Tonight's statements from open awards (OPEN_AWARD), payees whose cycle is due (DUE_PAYEE) and adjustments.

    An award is taken when it is due and its clearing date lies in or before the payee's period; the others of that
    reach are listed as held. A payee gets a statement when it has an award or an adjustment to show, or carried money
    that may now be paid.
    """
    awards, payees = conform(awards, OPEN_AWARD), conform(payees, DUE_PAYEE)
    reach = awards.join(payees.select(*PAYEE_KEY, "period_to", "next_due"), on=PAYEE_KEY).filter(
        pl.col("clearing_date") <= pl.col("period_to")
    )
    taken = reach.filter("due").sort("transaction_id", "line")
    adjusted = conform(adjustments, ADJUSTMENT).join(payees.select(PAYEE_KEY), on=PAYEE_KEY, how="semi")
    free = pl.col("brought_fen") - pl.col("held_back_fen")
    pays_again = payees.filter((free > 0) & (free >= pl.col("minimum_fen"))).select(PAYEE_KEY)
    shown = pl.concat([taken.select(PAYEE_KEY), adjusted.select(PAYEE_KEY), pays_again]).unique()
    billed = payees.join(shown, on=PAYEE_KEY, how="semi")
    columns = [*PAYEE_KEY, "clearing_date", "scheme", *_FIGURES]
    lines = pl.concat([_award_lines(taken, billed).select(columns), _other_lines(billed, adjusted).select(columns)])
    lines = _number_lines(lines)
    held = reach.filter(~pl.col("due")).join(shown, on=PAYEE_KEY, how="semi").sort("transaction_id", "line")
    return Drafted(
        conform(_totals(lines, billed), STATEMENT),
        lines,
        taken.select(*PAYEE_KEY, "transaction_id", "line", "granted_fen", "payable_fen"),
        conform(held.with_columns(expected_date=pl.col("next_due")), HELD),
        adjusted.sort("discrepancy_id", "seq"),
    )
