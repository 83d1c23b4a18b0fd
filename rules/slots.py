"""The sales a batch can touch, each in a slot: State's first, then the batch's own in the order of its rows."""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rules.documents import Key
from rules.layout import Ints
from rules.plan import Plan

Frame = TypeVar("Frame", pl.Series, pl.DataFrame)
KEY_COLUMN: dict[Key, str] = {"member": "member_no", "merchant": "merchant_no", "district": "district", "org": "org"}


def ints(column: pl.Series, absent: int | None = None) -> Ints:
    """An Int64 array; nulls become `absent`, and where none is given there must be none."""
    if absent is not None:
        column = column.fill_null(absent)
    assert column.null_count() == 0, f"{column.name} has nulls"
    return np.array(column.cast(pl.Int64).to_numpy(), np.int64)


def days_of(column: pl.Series) -> Ints:
    """Dates as days from 1970-01-01."""
    return ints(column.cast(pl.Int32))


class Slots:
    """`member` and `merchant` are rows in the plan (-1: not there), `day` the local date of the sale."""

    def __init__(self, plan: Plan, sales: pl.DataFrame, rows: pl.DataFrame, sale: NDArray[np.bool_], day: Ints) -> None:
        """`sales`: State's; `rows`: the batch's transactions, of which `sale` are sales, on the days `day`."""
        self.members, self.merchants = plan.members, plan.merchants
        self._sales, self._batch = sales, rows
        self.rows = np.flatnonzero(sale)
        self.old, self.count = sales.height, sales.height + len(self.rows)
        self.day = np.concatenate([days_of(sales["local_date"]), day])
        self.member = self._places(plan.members["member_no"])
        self.merchant = self._places(plan.merchants["merchant_no"])

    def _places(self, numbers: pl.Series) -> Ints:
        """Where each sale's number stands in the plan; -1: nowhere."""
        table = pl.DataFrame({"n": numbers, "at": pl.int_range(len(numbers), dtype=pl.Int64, eager=True)})

        def found(wanted: pl.Series) -> Ints:
            places = wanted.to_frame("n").join(table, on="n", how="left", maintain_order="left")["at"]
            return ints(places, -1)

        new = found(self._batch[numbers.name])[self.rows]
        return np.concatenate([found(self._sales[numbers.name]), new]) if self.old else new

    @cached_property
    def transaction_id(self) -> pl.Series:
        """The number of each sale."""
        return _both(self._sales["transaction_id"], self._batch["transaction_id"].gather(self.rows))

    @cached_property
    def texts(self) -> pl.DataFrame:
        """SALES' texts of every slot, as they were on the day of the sale."""
        names = ["transaction_id", "local_date", "member_no", "merchant_no", "district", "org", "hq_district"]
        new = self._batch.select("transaction_id", "member_no", "merchant_no")[self.rows].with_columns(
            local_date=pl.Series(self.day[self.old :]).cast(pl.Int32).cast(pl.Date),
            org=gather(self.members["org"], index(self.member[self.old :])),
            district=gather(self.merchants["district"], index(self.merchant[self.old :])),
            hq_district=gather(self.merchants["hq_district"], index(self.merchant[self.old :])),
        )
        both = _both(self._sales.select(names), new.select(names))
        return both.with_columns(pl.col("member_no", "merchant_no", "district", "org", "hq_district").fill_null(""))


def _both(one: Frame, other: Frame) -> Frame:
    return pl.concat([one, other]) if len(one) else other


def index(numbers: Ints) -> pl.Series:
    """-1 as null."""
    series = pl.Series(numbers)
    return series.set(series < 0, None)


def gather(values: pl.Series, at: pl.Series) -> pl.Series:
    """Values at positions, null where the position is null."""
    if not len(values):
        return pl.Series([None] * len(at), dtype=values.dtype)
    return values.gather(at)
