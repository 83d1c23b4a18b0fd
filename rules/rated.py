"""What rating gives back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from rules.state import State
from settlement.model.frames import Schema
from settlement.model.money import format_yuan_expr

RATED_TRANSACTION: Schema = {
    "transaction_id": pl.String,
    "sale_id": pl.String,  # null: an orphan, or an original that is no sale
    "gross_fen": pl.Int64,  # a refund's part of R also where only its paid part was given; null where none is known
    "refunded_fen": pl.Int64,  # R of the sale after this transaction; null without a sale
    "outcome": pl.Int64,  # of the transaction's first row of awards
}


@dataclass(frozen=True)
class Rated:
    """Awards in rating order with their shares, and what changed in State.

    `awards`: AWARD; `shares`: AWARD_SHARE, one row per award row with a scheme and sponsor; `transactions`:
    RATED_TRANSACTION, one row per transaction that has rows in `awards`; `changed`: State frames with only the rows
    that were added or changed (absolute values); `released`: ids that waited before and wait no longer: the store
    deletes them from `waiting`.
    """

    awards: pl.DataFrame
    shares: pl.DataFrame
    transactions: pl.DataFrame
    changed: State
    released: pl.Series
    before: State

    @cached_property
    def state(self) -> State:
        """The whole State after the batch."""
        return self.before.merged(self.changed, self.released)

    @cached_property
    def sponsors(self) -> pl.Series:
        """Beside each row of `awards`: `city=3.34|gusu=6.66` in the order written, null where there is no scheme."""
        part = pl.format("{}={}", pl.col("sponsor"), format_yuan_expr("amount_fen"))
        key = ["transaction_id", "line"]
        texts = self.shares.select(*key, part=part).group_by(key, maintain_order=True).agg(pl.col("part").str.join("|"))
        return self.awards.select(key).join(texts, on=key, how="left", maintain_order="left")["part"]
