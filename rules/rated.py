"""What rating gives back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

import polars as pl

from rules.output import HEADER
from rules.state import State
from settlement.model.frames import Schema

RATED_TRANSACTION: Schema = {
    "transaction_id": pl.String,
    "sale_id": pl.String,  # null: an orphan
    "gross_fen": pl.Int64,  # a refund's part of R also where only its paid part was given; null where none is known
    "refunded_fen": pl.Int64,  # R of the sale after this transaction; null for an orphan
    "outcome": pl.Int64,  # of the transaction's first row of awards
}


class Maker(Protocol):
    """What an engine knows after a batch; Rated asks only for what its user asks for."""

    def awards(self) -> pl.DataFrame:
        """AWARD."""
        ...

    def shares(self) -> pl.DataFrame:
        """AWARD_SHARE."""
        ...

    def csv(self) -> Iterator[bytes]:
        """awards.csv without its header, in pieces."""
        ...

    def transactions(self) -> pl.DataFrame:
        """RATED_TRANSACTION."""
        ...

    def changed(self) -> State:
        """What State gains."""
        ...

    def released(self) -> pl.Series:
        """What waits no longer."""
        ...


class Rated:
    """Awards in rating order with their shares, and what changed in State.

    `awards`: AWARD; `shares`: AWARD_SHARE, one row per award row with a scheme and sponsor; `transactions`:
    RATED_TRANSACTION, one row per transaction that has rows in `awards`; `changed`: State frames with only the rows
    that were added or changed (absolute values); `released`: ids that waited before and wait no longer: the store
    deletes them from `waiting`; `before`: the State that was given.
    """

    def __init__(self, maker: Maker, before: State) -> None:
        self._maker = maker
        self.before = before

    @cached_property
    def awards(self) -> pl.DataFrame:
        """AWARD, in rating order."""
        return self._maker.awards()

    @cached_property
    def shares(self) -> pl.DataFrame:
        """AWARD_SHARE, in the order of `awards`."""
        return self._maker.shares()

    @cached_property
    def transactions(self) -> pl.DataFrame:
        """RATED_TRANSACTION, in rating order."""
        return self._maker.transactions()

    @cached_property
    def changed(self) -> State:
        """State frames with only the rows that were added or changed."""
        return self._maker.changed()

    @cached_property
    def released(self) -> pl.Series:
        """Ids that waited before and wait no longer, sorted."""
        return self._maker.released()

    def csv(self) -> Iterator[bytes]:
        """awards.csv (rules.md section 7) in pieces of bytes."""
        yield HEADER
        yield from self._maker.csv()

    @cached_property
    def state(self) -> State:
        """The whole State after the batch."""
        return self.before.merged(self.changed, self.released)
