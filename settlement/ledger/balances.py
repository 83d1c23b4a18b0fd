"""Balances of the ledger: the trial balance, and a beancount view of entries."""

from __future__ import annotations

import polars as pl

from settlement.ledger.chart import Chart
from settlement.model.frames import Schema, conform

# Sums of one account up to a date: opening before the period, debits and credits within it.
MOVEMENT: Schema = {
    "account": pl.String,
    "opening_fen": pl.Int64,
    "debit_fen": pl.Int64,
    "credit_fen": pl.Int64,
}
TRIAL: Schema = {
    "account": pl.String,
    "name": pl.String,
    "kind": pl.String,
    "opening_fen": pl.Int64,
    "debit_fen": pl.Int64,
    "credit_fen": pl.Int64,
    "closing_fen": pl.Int64,
}


def trial_balance(movements: pl.DataFrame, chart: Chart) -> pl.DataFrame:
    """TRIAL per account that ever moved, sorted by code; debit positive. closing = opening + debit - credit."""
    names = pl.DataFrame(
        [(code, account.name, account.kind) for code, account in chart.accounts.items()],
        schema={"account": pl.String, "name": pl.String, "kind": pl.String},
        orient="row",
    )
    joined = conform(movements, MOVEMENT).join(names, on="account", how="left").sort("account")
    closing = pl.col("opening_fen") + pl.col("debit_fen") - pl.col("credit_fen")
    return conform(joined.with_columns(closing_fen=closing), TRIAL)


def residual(trial: pl.DataFrame) -> int:
    """Sum of all closing balances: 0 in books that balance."""
    return int(conform(trial, TRIAL)["closing_fen"].sum())
