"""Columns of fen as yuan text, by a table of the amounts that occur: a million amounts, few of them different."""

from __future__ import annotations

import polars as pl

from settlement.model.money import format_yuan_expr


def yuan_texts(fen: pl.Series) -> pl.Series:
    """Signed yuan with two decimals beside each Int64 fen; null stays null. As `format_yuan`, row for row."""
    low, high = fen.min(), fen.max()
    if not isinstance(low, int) or not isinstance(high, int):
        return pl.Series(fen.name, [None] * len(fen), dtype=pl.String)
    if high - low >= len(fen):
        return _formatted(fen)
    return _formatted(pl.int_range(low, high + 1, dtype=pl.Int64, eager=True)).gather(fen - low).rename(fen.name)


def _formatted(fen: pl.Series) -> pl.Series:
    return fen.to_frame("amount_fen").select(format_yuan_expr("amount_fen")).to_series().rename(fen.name)
