"""What every reader of results shares: rows of PAYMENT_RESULT, and how a result is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from settlement.model.frames import PAYMENT_RESULT, conform

BLOCK_ROWS = 8192
BLOCK_BYTES = 8 * 1024 * 1024  # of the file: a row may hold a long text
RESULTS = ("paid", "rejected", "unknown")


class Result(NamedTuple):
    """One row of PAYMENT_RESULT but for its file.

    A row without an `end_to_end_id` speaks for every item of its message that has no row of its own.
    """

    message_id: str | None
    end_to_end_id: str | None
    amount_fen: int | None
    result: str
    reason: str | None
    record: int
    byte_start: int
    byte_end: int


def result_frame(rows: Sequence[Result], file: str) -> pl.DataFrame:
    """Rows as a PAYMENT_RESULT frame."""
    schema = {name: dtype for name, dtype in PAYMENT_RESULT.items() if name != "file"}
    frame = pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
    return conform(frame.with_columns(pl.lit(file, pl.String).alias("file")), PAYMENT_RESULT)
