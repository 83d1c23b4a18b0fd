"""Cells of a printed table as text, and its totals: one reading of `Column` for CSV, PDF and column widths."""

from __future__ import annotations

import polars as pl

from settlement.model.money import format_yuan, format_yuan_expr
from settlement.model.report import Column

TOTAL = "合计"


def _percent(name: str) -> pl.Expr:
    """Parts per million as a percentage of two to four decimals: 333333 -> 33.3333%, 500000 -> 50.00%."""
    ppm = pl.col(name)
    size = ppm.abs()
    sign = pl.when(ppm < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    first = (size // 100 % 100).cast(pl.String).str.zfill(2)
    rest = (size % 100).cast(pl.String).str.zfill(2).str.strip_chars_end("0")
    return pl.when(ppm.is_not_null()).then(pl.format("{}{}.{}{}%", sign, size // 10_000, first, rest))


def _text(column: Column, timezone: str) -> pl.Expr:
    cell = pl.col(column.name)
    match column.kind:
        case "money":
            cell = format_yuan_expr(column.name)
        case "ppm":
            cell = _percent(column.name)
        case "date":
            cell = cell.dt.to_string("%Y-%m-%d")
        case "instant":
            cell = cell.dt.convert_time_zone(timezone).dt.to_string("%Y-%m-%d %H:%M:%S")
        case "count" | "text":
            cell = cell.cast(pl.String)
    return cell.alias(column.name)


def ordered(frame: pl.DataFrame, columns: tuple[Column, ...]) -> pl.DataFrame:
    """`frame` in the columns' order; an assert where it has other columns than those named."""
    names = [column.name for column in columns]
    assert sorted(frame.columns) == sorted(names), f"columns {frame.columns} are not {names}"
    return frame if frame.columns == names else frame.select(names)


def cell_texts(frame: pl.DataFrame, columns: tuple[Column, ...], timezone: str) -> pl.DataFrame:
    """Every cell as text, nulls kept: money "-1234.50", dates ISO 8601, instants as local time without a zone."""
    return ordered(frame, columns).select(_text(column, timezone) for column in columns)


def totals(frame: pl.DataFrame, columns: tuple[Column, ...]) -> dict[str, int]:
    """Exact sums of the `total` columns in their unit (fen, count); nulls count as nothing.

    Summed as Python integers: Polars would wrap an int64 sum without a word.
    """
    return {column.name: sum(filter(None, frame[column.name].to_list())) for column in columns if column.total}


def total_texts(frame: pl.DataFrame, columns: tuple[Column, ...]) -> list[str]:
    """The total row as texts, 合计 in the first column that has no total; empty where no column is totalled."""
    sums = totals(frame, columns)
    if not sums:
        return []
    cells = [
        (format_yuan(sums[column.name]) if column.kind == "money" else str(sums[column.name])) if column.total else ""
        for column in columns
    ]
    label = label_place(columns)
    if label is not None:
        cells[label] = TOTAL
    return cells


def label_place(columns: tuple[Column, ...]) -> int | None:
    """Where the word 合计 stands: the first column without a total, if there is one."""
    return next((place for place, column in enumerate(columns) if not column.total), None)


def grouped(text: str) -> str:
    """Yuan text with thousands separators: "-1234567.50" -> "-1,234,567.50"; "" stays ""."""
    if not text:
        return ""
    whole, _, part = text.removeprefix("-").partition(".")
    sign = "-" if text.startswith("-") else ""
    return f"{sign}{int(whole):,}" + (f".{part}" if part else "")
