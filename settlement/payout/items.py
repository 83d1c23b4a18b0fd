"""Payout items: which payables leave tonight, as which attempt, to which account; the others are held with a reason.

A payable is a statement that settles something. It leaves as attempt 1; attempt n+1 may be drafted only once attempt n
is dead: voided with its batch, or returned or rejected by the bank and its account corrected since, or unpaid as two
people decided (payout/unpaid.py). An item whose result is unknown is alive: it is never sent again without them.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from settlement.model.frames import Schema, conform
from settlement.model.outcomes import DEAD_RESULTS, FAILED_RESULTS

# One statement with settled_fen > 0, the number of its last attempt, and the item that counts (nulls: none yet).
PAYABLE: Schema = {
    "statement_no": pl.String,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "settled_fen": pl.Int64,
    "attempt": pl.Int64,
    "end_to_end_id": pl.String,
    "account_import_id": pl.Int64,
    "account_valid_from": pl.Date,
    "voided": pl.Boolean,
    "result": pl.String,  # paid returned rejected unpaid, the last one; null: none yet
    "reason": pl.String,  # the bank's
}
# The account row in force of a payee, and whether a second person approved the import that brought it.
ACCOUNT: Schema = {
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "import_id": pl.Int64,
    "valid_from": pl.Date,
    "approved": pl.Boolean,
}
ITEM: Schema = {
    "end_to_end_id": pl.String,
    "batch_no": pl.String,
    "statement_no": pl.String,
    "attempt": pl.Int64,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "amount_fen": pl.Int64,
    "account_import_id": pl.Int64,
    "account_valid_from": pl.Date,
    "replaces": pl.String,
}
HOLD: Schema = {"statement_no": pl.String, "reason": pl.String}
BATCH: Schema = {"batch_no": pl.String, "payee_kind": pl.String, "count": pl.Int64, "total_fen": pl.Int64}

NO_ACCOUNT = "no account: import one of this payee (puhui import accounts) and have it approved"
NOT_APPROVED = "account not approved: a second person approves the import that brought it"
SAME_ACCOUNT = "returned by the bank ({}); waits for a corrected account, or for the same one imported again"


@dataclass(frozen=True, slots=True)
class Items:
    """Tonight's batches, their items, and what is held with its reason; sorted by statement number."""

    batches: pl.DataFrame
    items: pl.DataFrame
    holds: pl.DataFrame


def dead_expr() -> pl.Expr:
    """True where a payable (PAYABLE) is in no live item."""
    return pl.col("attempt").is_null() | pl.col("voided") | pl.col("result").is_in(DEAD_RESULTS).fill_null(False)


def _judged(payables: pl.DataFrame, accounts: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """Dead payables with their account, and `hold`: why one cannot leave (null: it can)."""
    same = (pl.col("import_id") == pl.col("account_import_id")) & (pl.col("valid_from") == pl.col("account_valid_from"))
    returned = pl.col("result").is_in(FAILED_RESULTS).fill_null(False)
    bank_says = pl.format(SAME_ACCOUNT, pl.col("reason").fill_null("no reason given"))
    return (
        conform(payables, PAYABLE)
        .filter(dead_expr())
        .join(conform(accounts, ACCOUNT), on=["payee_kind", "payee_no"], how="left")
        .join(conform(refused, HOLD).rename({"reason": "refused"}), on="statement_no", how="left")
        .with_columns(
            hold=pl.when(pl.col("import_id").is_null())
            .then(pl.lit(NO_ACCOUNT))
            .when(returned & same)
            .then(bank_says)
            .when(~pl.col("approved"))
            .then(pl.lit(NOT_APPROVED))
            .otherwise(pl.col("refused"))
        )
        .sort("statement_no")
    )


def draft_items(payables: pl.DataFrame, accounts: pl.DataFrame, refused: pl.DataFrame, batch_prefix: str) -> Items:
    """Items of tonight from `payables` (PAYABLE) and `accounts` (ACCOUNT, one row per payee at most).

    `refused` (HOLD): payables that the payout format cannot carry, with the reason; they are held. One batch per payee
    kind, `<batch_prefix>-<n>` in order of the kind's name. EndToEndId is the statement's number and the attempt.
    """
    judged = _judged(payables, accounts, refused)
    holds = judged.filter(pl.col("hold").is_not_null()).select("statement_no", reason=pl.col("hold"))
    leaving = judged.filter(pl.col("hold").is_null())
    attempt = pl.col("attempt").fill_null(0) + 1
    items = leaving.select(
        end_to_end_id=pl.format("{}-{}", "statement_no", attempt),
        batch_no=pl.format("{}-{}", pl.lit(batch_prefix), pl.col("payee_kind").rank("dense").cast(pl.Int64)),
        statement_no="statement_no",
        attempt=attempt,
        payee_kind="payee_kind",
        payee_no="payee_no",
        amount_fen="settled_fen",
        account_import_id="import_id",
        account_valid_from="valid_from",
        replaces="end_to_end_id",
    )
    batches = (
        items.group_by("batch_no", "payee_kind")
        .agg(count=pl.len().cast(pl.Int64), total_fen=pl.col("amount_fen").sum())
        .sort("batch_no")
    )
    return Items(conform(batches, BATCH), conform(items, ITEM), conform(holds, HOLD))
