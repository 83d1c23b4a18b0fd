"""Text cells of many records (delimited files, CSV, workbooks) -> typed columns, by whole-column expressions.

As in columns.py, what is not regular goes once per distinct cell through `parse_cell`.
"""

from __future__ import annotations

import re

import numpy as np
import polars as pl

from adapters.feeds.columns import DTYPES, Column, nulls, parse_text, read_one_by_one
from adapters.layout import LayoutField, Unit
from adapters.layout_dates import is_varied, strftime_format
from adapters.layout_line import ALPHABETS, CellError, check_length

_PATTERNS = {
    "text": r"^[^\x00-\x1f\x7f]*$",
    "count": r"^[0-9]{1,18}$",
    **{kind: f"^[{own}]+$" for kind, own in ALPHABETS.items()},
}


def parse_texts(spec: LayoutField, cells: pl.Series, unit: Unit) -> Column:
    """One field of all records from String cells (no nulls). Types as `columns.parse_column` gives them."""
    text = cells.str.strip_chars(" ")
    blank = text == ""
    values, regular = _typed(spec, text, unit)
    allowed = list(spec.values) or ([spec.constant] if spec.constant is not None else [])
    if allowed:
        regular &= text.is_in(allowed)
        if spec.values:
            values = values.replace_strict(spec.values, default=None, return_dtype=pl.String)
    if spec.blanks:
        regular &= ~text.is_in(list(spec.blanks))
    empty_is_fine = not spec.required and spec.constant is None and "" not in spec.values
    values = pl.select(pl.when(regular & ~blank).then(values)).to_series()
    odd = np.flatnonzero(~(regular | blank if empty_is_fine else regular & ~blank).to_numpy())
    column = Column(values, np.zeros(len(cells), np.bool_))
    if len(odd):
        column.put(odd, read_one_by_one(spec, cells.gather(odd), lambda cell: parse_text(spec, cell, unit)))
    return column


def _typed(spec: LayoutField, text: pl.Series, unit: Unit) -> tuple[pl.Series, pl.Series]:
    """(values, True where the cell is regular)."""
    if spec.type == "amount":
        values = _amounts(spec, text, unit)
        return values, values.is_not_null()
    if spec.type in {"date", "datetime"}:
        values = _dates(spec, text)
        return values, values.is_not_null()
    regular = text.str.contains(_PATTERNS[spec.type])
    return (text.cast(pl.Int64, strict=False), regular) if spec.type == "count" else (text, regular)


def _amounts(spec: LayoutField, text: pl.Series, unit: Unit) -> pl.Series:
    places = 2 if unit == "yuan" else 0
    marks = "".join(re.escape(mark) for mark in spec.signs)
    mark = f"([{marks}]?)" if marks else "()"
    tail = rf"(?:\.([0-9]{{1,{places}}})0*)?" if places else "()"
    pattern = rf"^{mark}([0-9]{{1,15}}){tail}$"
    whole = pl.col("t").str.extract(pattern, 2) + pl.col("t").str.extract(pattern, 3).fill_null("").str.pad_end(
        places, "0"
    )
    sign = pl.col("t").str.extract(pattern, 1).replace_strict(dict(spec.signs), default=1, return_dtype=pl.Int64)
    return pl.DataFrame({"t": text}).select((whole.cast(pl.Int64, strict=False) * sign).alias("v")).to_series()


def _dates(spec: LayoutField, text: pl.Series) -> pl.Series:
    """Exactly the format: the shape by pattern, the day by the calendar; without a year in the leap year 2000."""
    if is_varied(spec.format):  # cell by cell
        return nulls(len(text), DTYPES[spec.type])
    shape = re.escape(spec.format)
    shape = shape.replace("YYYY", "[1-9][0-9]{3}")
    for token in ("MM", "DD", "hh", "mm", "ss"):
        shape = shape.replace(token, "[0-9]{2}")
    yearless = "YYYY" not in spec.format
    form = ("%Y" if yearless else "") + strftime_format(spec.format)
    shaped = pl.select(pl.when(text.str.contains(f"^{shape}$")).then(("2000" + text) if yearless else text)).to_series()
    if spec.type == "date":
        return shaped.str.strptime(pl.Date, form, strict=False)
    if not any(token in spec.format for token in ("hh", "mm", "ss")):
        return shaped.str.strptime(pl.Date, form, strict=False).cast(pl.Datetime("us"))
    if "ss" not in spec.format:
        shaped, form = shaped + ":00", form + ":%S"
    return shaped.str.strptime(pl.Datetime("us"), form, strict=False)


def refuse_long(spec: LayoutField, cells: pl.Series, encoding: str, out: Column) -> None:
    """A fault for each cell of more than `length` bytes."""
    if spec.length is None:
        return
    bare = cells.str.strip_chars(" ")
    maybe = (bare.str.len_bytes() > spec.length) | (bare.str.len_chars() < bare.str.len_bytes())
    rows = np.flatnonzero(maybe.to_numpy())
    for row, text in zip(rows.tolist(), bare.gather(rows).to_list(), strict=True):
        try:
            check_length(spec, text, encoding)
        except CellError as error:
            out.errors.setdefault(row, error)
            out.bad[row] = True
