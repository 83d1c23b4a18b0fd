"""The order in which transactions are rated (rules.md section 3), written to be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple

import polars as pl

from rules.memory import Memory
from settlement.model.outcomes import Kind

KIND_ORDER = {kind.name: int(kind) for kind in Kind}


class Transaction(NamedTuple):
    """One row of RATE_INPUT with its local time."""

    id: str
    kind: str
    original_id: str | None
    occurred_at: datetime
    member: str | None
    merchant: str | None
    instrument: str | None
    gross: int | None
    claimed: int | None
    paid: int | None
    local_date: date
    minute: int


def in_rating_order(transactions: list[Transaction], waiting: set[str], memory: Memory) -> Iterator[Transaction | None]:
    """Section 3: transactions in the order they are rated; after them None, then the orphans that remain.

    `transactions` are sorted; those named in `waiting` came with an earlier batch and have been waiting since.
    """
    rated = {*memory.sales, *memory.operations}
    waits: dict[str, list[Transaction]] = {}
    left: dict[str, Transaction] = {}

    def ready(tx: Transaction) -> Iterator[Transaction]:
        """`tx`, and directly after it what waits for it, each followed by what waits for that."""
        stack = [tx]
        while stack:
            now = stack.pop()
            left.pop(now.id, None)
            rated.add(now.id)
            yield now
            stack.extend(sorted(waits.pop(now.id, []), key=sort_key, reverse=True))

    for tx in sorted(transactions, key=lambda t: (t.id not in waiting, *sort_key(t))):
        original = tx.original_id or ""
        if tx.kind != "SALE" and (original not in rated or original == tx.id):
            left[tx.id] = tx
            waits.setdefault(original, []).append(tx)
        else:
            yield from ready(tx)
    yield None
    yield from sorted(left.values(), key=sort_key)


def sort_key(tx: Transaction) -> tuple[datetime, int, str]:
    """The first sentence of section 3."""
    return tx.occurred_at, KIND_ORDER[tx.kind], tx.id


def with_local_time(transactions: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """RATE_INPUT and the local date and minute of the day in the programme's time zone."""
    local = pl.col("occurred_at").dt.convert_time_zone(timezone)
    minute = local.dt.hour().cast(pl.Int64) * 60 + local.dt.minute().cast(pl.Int64)
    return transactions.with_columns(local_date=local.dt.date(), minute=minute)
