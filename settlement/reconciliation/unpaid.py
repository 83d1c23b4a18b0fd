"""What the night makes of items that two people called unpaid (batch/unpaid.py): as if the bank had refused them.

The open UNPAID of such an item is explained by these people, and a RETURNED tells the item until what replaces it is
paid. A debit of it that comes after all finds a result, so it is an UNKNOWN_DEBIT that holds what replaces it.
"""

from __future__ import annotations

import polars as pl

from settlement.model.frames import Schema, conform
from settlement.model.outcomes import Discrepancy
from settlement.reconciliation.discrepancies import EVENT, FOUND, is_open

UNPAID = "unpaid"  # the result of such an item
TAKEN: Schema = {
    "end_to_end_id": pl.String,
    "payee_no": pl.String,
    "amount_fen": pl.Int64,
    "account": pl.String,
    "execution_date": pl.Date,
    "seq": pl.Int64,  # of its last result
    "decision_id": pl.Int64,
    "actor": pl.String,
    "checker": pl.String,
    "reason": pl.String,
}


def results(taken: pl.DataFrame) -> pl.DataFrame:
    """Rows of payout_result, but their business date, of TAKEN."""
    result, line = pl.lit(UNPAID), pl.lit(None, pl.String)
    return taken.select("end_to_end_id", "reason", "decision_id", result=result, seq=pl.col("seq") + 1, line_id=line)


def explained(known: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
    """EVENT rows: each open UNPAID of TAKEN is explained by the people who decided."""
    about = known.filter((pl.col("kind") == str(Discrepancy.UNPAID)) & is_open())
    people = taken.select("decision_id", "actor", "checker", "reason", ours_id="end_to_end_id")
    met = about.join(people, on="ours_id").sort("discrepancy_id")
    return conform(met.with_columns(event=pl.lit("explained"), evidence=pl.lit(None, pl.String)), EVENT)


def found(taken: pl.DataFrame) -> pl.DataFrame:
    """FOUND rows (RETURNED) of TAKEN."""
    rows = taken.sort("end_to_end_id")
    none = {name: pl.lit(None, dtype) for name, dtype in FOUND.items() if name not in rows.columns}
    told = pl.format("经办 {}、复核 {} 认定银行未付: {}; 另起付款", "actor", "checker", "reason")
    return conform(
        rows.with_columns(**none).with_columns(
            kind=pl.lit(str(Discrepancy.RETURNED)),
            channel="account",
            ours_id="end_to_end_id",
            reference="end_to_end_id",
            clearing_date="execution_date",
            ours_fen=-pl.col("amount_fen"),
            difference_fen=-pl.col("amount_fen"),
            detail=told,
        ),
        FOUND,
    )
