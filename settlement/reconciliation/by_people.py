"""What the night makes of what two people say of payout items (batch/unpaid.py, batch/paid.py).

Unpaid: as if the bank had refused the item. Its open UNPAID is explained by these people, and a RETURNED tells the item
until what replaces it is paid. A debit of it that comes after all finds a result, so it is an UNKNOWN_DEBIT that holds
what replaces it.

Paid: the debit that they name was the payment of an item that the bank refused, or people called unpaid. It is matched
as any payment is, and these people explain the debit and what still told that the item failed.
"""

from __future__ import annotations

import polars as pl

from settlement.model.frames import Schema, conform
from settlement.model.outcomes import Discrepancy
from settlement.reconciliation.discrepancies import EVENT, FOUND, is_open
from settlement.reconciliation.money import MONEY

PAID, UNPAID = "paid", "unpaid"  # the results
TAKEN: Schema = {
    "end_to_end_id": pl.String,
    "payee_no": pl.String,
    "amount_fen": pl.Int64,
    "account": pl.String,
    "execution_date": pl.Date,
    "seq": pl.Int64,  # of its last result
    "line_id": pl.String,  # the debit; null: unpaid
    "decision_id": pl.Int64,
    "actor": pl.String,
    "checker": pl.String,
    "reason": pl.String,
}


def results(taken: pl.DataFrame, result: str) -> pl.DataFrame:
    """Rows of payout_result, but their business date, of TAKEN."""
    names = ("end_to_end_id", "reason", "decision_id", "line_id")
    return taken.select(*names, result=pl.lit(result), seq=pl.col("seq") + 1)


def matches(taken: pl.DataFrame) -> pl.DataFrame:
    """MONEY rows of the debits of TAKEN."""
    paid = {"kind": pl.lit(PAID), "subject": pl.col("end_to_end_id"), "amount_fen": -pl.col("amount_fen")}
    return conform(taken.with_columns(**paid, reason=pl.lit(None, pl.String)), MONEY)


def unpaid_explained(known: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
    """EVENT rows: each open UNPAID of TAKEN is explained by the people who decided."""
    return _explained(known, Discrepancy.UNPAID, taken, "ours_id", taken.select("decision_id", ours_id="end_to_end_id"))


def paid_explained(known: pl.DataFrame, taken: pl.DataFrame, attempts: pl.DataFrame) -> pl.DataFrame:
    """EVENT rows: the UNKNOWN_DEBIT of TAKEN, its UNPAID, and each RETURNED of any attempt, none of which waits now.

    `attempts`: (ours_id, evidence), where the evidence is the item of TAKEN.
    """
    of = taken.select("decision_id", "line_id", "end_to_end_id")
    lines = of.select("decision_id", theirs_id="line_id")
    items = of.select("decision_id", ours_id="end_to_end_id")
    every = attempts.join(of, left_on="evidence", right_on="end_to_end_id").select("decision_id", "ours_id")
    parts = [
        _explained(known, Discrepancy.UNKNOWN_DEBIT, taken, "theirs_id", lines),
        _explained(known, Discrepancy.UNPAID, taken, "ours_id", items),
        _explained(known, Discrepancy.RETURNED, taken, "ours_id", every),
    ]
    return pl.concat(parts)


def _explained(
    known: pl.DataFrame, kind: Discrepancy, taken: pl.DataFrame, side: str, subjects: pl.DataFrame
) -> pl.DataFrame:
    """EVENT rows: open differences of a kind whose `side` is in `subjects` (decision_id, that side)."""
    about = known.filter((pl.col("kind") == str(kind)) & is_open())
    people = taken.select("decision_id", "actor", "checker", "reason", evidence="line_id")
    met = about.join(subjects, on=side).join(people, on="decision_id").sort("discrepancy_id")
    return conform(met.with_columns(event=pl.lit("explained")), EVENT)


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
