"""Cells of many records at once: bytes in a block -> typed Polars columns, without a Python step per record.

Regular cells (printable ASCII text, digits, real dates) are read by array arithmetic (byte_cells.py). What is left,
such as Chinese names and faults, goes once per distinct cell through `parse_cell`, which therefore has the only say on
what is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from operator import le
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from adapters.feeds.byte_cells import (
    BLANK,
    LAST_PRINTABLE,
    ZERO,
    Bounds,
    Bytes,
    Ints,
    Mask,
    Parts,
    all_digits,
    as_binary,
    as_text,
    bounds_of,
    civil_days,
    digit_words,
    equal_rows,
    in_pairs,
    real_day,
    rows_of,
    word_values,
)
from adapters.layout import LayoutField, Unit
from adapters.layout_dates import TOKEN
from adapters.layout_line import ALPHABETS, CellError, Value, parse_cell

DTYPES: dict[str, Any] = {
    "amount": pl.Int64,
    "count": pl.Int64,
    "date": pl.Date,
    "datetime": pl.Datetime("us"),
}


def nulls(height: int, dtype: Any = pl.String) -> pl.Series:
    """A column that has nothing in any row."""
    return pl.Series([None], dtype=dtype).new_from_index(0, height)


@dataclass(slots=True)
class Column:
    """A parsed column: null where the cell is blank or wrong. `errors` has the rows that are wrong, `bad` the same."""

    values: pl.Series
    bad: Mask
    errors: dict[int, CellError] = field(default_factory=dict)

    def put(self, rows: Ints, found: Column) -> None:
        """These rows become what `found` has."""
        self.values = self.values.scatter(rows, found.values)
        self.bad[rows] = found.bad
        self.errors |= {int(rows[row]): error for row, error in found.errors.items()}


# --- one field -------------------------------------------------------------------------------------------------------


def parse_column(spec: LayoutField, cells: Bytes, unit: Unit, encoding: str, bounds: Bounds | None = None) -> Column:
    """One field of all records. Amounts are Int64 fen, dates Date, datetimes naive Datetime, all else String."""
    bounds = bounds or bounds_of(cells)
    if len(cells) and bounds.low == bounds.high:
        return _alike(spec, cells, unit, encoding)
    absent = _absent(spec, cells, bounds)
    if absent is not None:
        return _without(absent, spec, cells, unit, encoding)
    regular, series = _fast(spec, cells, unit, bounds)
    odd = np.flatnonzero(~regular)
    column = Column(series, np.zeros(len(cells), np.bool_))
    if len(odd):
        found = read_one_by_one(spec, as_binary(cells[odd]), lambda cell: parse_one(spec, cell, unit, encoding))
        column.put(odd, found)
    return column


def _alike(spec: LayoutField, cells: Bytes, unit: Unit, encoding: str) -> Column:
    """The column of cells that are one and the same."""
    size = len(cells)
    value = parse_one(spec, cells[0].tobytes(), unit, encoding)
    wrong = isinstance(value, CellError)
    values = pl.Series([None if wrong else value], dtype=DTYPES.get(spec.type, pl.String))
    errors = dict.fromkeys(range(size), value) if isinstance(value, CellError) else {}
    return Column(values.new_from_index(0, size), np.full(size, wrong), errors)


def _absent(spec: LayoutField, cells: Bytes, bounds: Bounds) -> Mask | None:
    """Where an optional cell is blank, or one of the field's `blanks` from its first byte; None: nowhere."""
    if spec.required or spec.constant is not None or "" in spec.values or not cells.size:
        return None
    absent: Mask | None = None
    for text in ("", *spec.blanks):
        if not text.isascii() or len(text) > cells.shape[1]:
            continue
        row = text.ljust(cells.shape[1]).encode()
        if all(map(le, bounds.low, row)) and all(map(le, row, bounds.high)):
            found = equal_rows(cells, np.frombuffer(row, np.uint8))
            absent = found if absent is None else absent | found
    return absent if absent is not None and absent.any() else None


def _without(absent: Mask, spec: LayoutField, cells: Bytes, unit: Unit, encoding: str) -> Column:
    """The column where some cells are absent: the others are read, and spread over their rows."""
    size, rows = len(cells), np.flatnonzero(~absent)
    values = nulls(size, DTYPES.get(spec.type, pl.String))
    column = Column(values, np.zeros(size, np.bool_))
    if len(rows):
        column.put(rows, parse_column(spec, rows_of(cells, rows), unit, encoding))
    return column


def read_one_by_one(spec: LayoutField, cells: pl.Series, read: Callable[[Any], Value | CellError]) -> Column:
    """The column of cells that `read` takes by themselves, each distinct one once."""
    distinct = cells.unique(maintain_order=True)
    outcomes = {cell: read(cell) for cell in distinct.to_list()}
    values = [None if isinstance(value, CellError) else value for value in outcomes.values()]
    table = pl.DataFrame({"cell": distinct, "value": pl.Series(values, dtype=DTYPES.get(spec.type, pl.String))})
    found = pl.DataFrame({"cell": cells}).join(table, on="cell", how="left", maintain_order="left")["value"]
    wrong = {cell: value for cell, value in outcomes.items() if isinstance(value, CellError)}
    if not wrong:
        return Column(found, np.zeros(len(cells), np.bool_))
    bad = cells.is_in(pl.Series(list(wrong), dtype=cells.dtype).implode())
    errors = zip(bad.arg_true().to_list(), (wrong[cell] for cell in cells.filter(bad).to_list()), strict=True)
    return Column(found, bad.to_numpy(writable=True), dict(errors))


def parse_one(spec: LayoutField, cell: bytes, unit: Unit, encoding: str) -> Value | CellError:
    """One cell by the layout's own reading; codes as what they mean. The fast paths must agree with it."""
    try:
        text = cell.decode(encoding)
    except UnicodeDecodeError:
        return CellError(spec.name, "BAD_ENCODING", f"is not {encoding} text")
    return parse_text(spec, text, unit)


def parse_text(spec: LayoutField, text: str, unit: Unit) -> Value | CellError:
    """As `parse_one`, of a cell that is text already."""
    try:
        value = parse_cell(spec, text, unit)
    except CellError as error:
        return error
    return spec.values.get(value, value) if isinstance(value, str) else value


# --- the regular cells of each type ----------------------------------------------------------------------------------

Fast = tuple[Mask, pl.Series]


def _fast(spec: LayoutField, cells: Bytes, unit: Unit, bounds: Bounds) -> Fast:
    """(True where the cell is regular, the values): there the value is what `parse_cell` gives, elsewhere anything."""
    if spec.type in {"amount", "count"}:
        return _fast_number(spec, cells, unit, bounds)
    if spec.type in {"date", "datetime"}:
        return _fast_date(spec, cells, bounds)
    if spec.values or spec.constant is not None:
        return _fast_code(spec, cells, unit)
    regular, series = _fast_text(spec, cells, bounds)
    if spec.type != "text" and not in_alphabet(spec.type, cells, bounds):
        regular &= series.str.contains(f"^[{ALPHABETS[spec.type]}]+$").fill_null(value=not spec.required).to_numpy()
    if spec.blanks and (spec.required or any(len(text) != cells.shape[1] for text in spec.blanks)):
        regular &= ~series.is_in(list(spec.blanks)).fill_null(value=False).to_numpy()
    return regular, series


def in_alphabet(kind: str, cells: Bytes, bounds: Bounds) -> bool:
    """True where every byte is one of the type's own; byte columns behind the longest cell are blank."""
    width = bounds.end
    if width and bounds.of(slice(width)).within(ZERO, ZERO + 9):
        return True
    return bool(width and _alphabet(kind)[cells[:, :width]].all())


@cache
def _alphabet(kind: str) -> Mask:
    """A table of 256: True for the bytes that a cell of this type is made of."""
    own = re.compile(f"[{ALPHABETS[kind]}]".encode())
    return np.array([own.match(bytes([byte])) is not None for byte in range(256)])


def _fast_text(spec: LayoutField, cells: Bytes, bounds: Bounds) -> Fast:
    """Printable ASCII; not all blank where the field is required."""
    regular = np.ones(len(cells), np.bool_)
    if cells.size and not bounds.within(BLANK, LAST_PRINTABLE):
        regular = np.array(~((cells > LAST_PRINTABLE) | (cells < BLANK)).any(axis=1))
        cells = np.where(regular[:, None], cells, np.uint8(BLANK))
        bounds = bounds_of(cells)
    series = as_text(cells, bounds)
    if spec.required and series.null_count():
        regular &= series.is_not_null().to_numpy()
    return regular, series


def _fast_code(spec: LayoutField, cells: Bytes, unit: Unit) -> Fast:
    """Listed codes, or the constant, of one or two bytes by a table; wider ones once per distinct cell."""
    size, width = cells.shape
    if width not in {1, 2}:
        return np.zeros(size, np.bool_), nulls(size)
    codes = [code.encode() for code in spec.values or [str(spec.constant)] if code.isascii() and len(code) == width]
    meanings = [parse_one(spec, code, unit, "ascii") for code in codes]
    good = {code: text for code, text in zip(codes, meanings, strict=True) if isinstance(text, str)}
    table = np.full(256**width, len(good), np.uint32)
    for place, code in enumerate(good):
        table[int.from_bytes(code, "little")] = place
    places = table[cells.view(f"<u{width}")[:, 0]]
    texts = pl.Series([*good.values(), None], dtype=pl.String)
    return np.asarray(places < len(good), np.bool_), texts.gather(pl.Series(places))


def _fast_number(spec: LayoutField, cells: Bytes, unit: Unit, bounds: Bounds) -> Fast:
    """Digits (fen, or a count) after at most one mark. Yuan in fixed columns are rare: once per distinct cell."""
    signed = bool(spec.signs)
    rare = (spec.type == "amount" and unit == "yuan") or (signed and bool(spec.blanks))
    if rare or not 0 < cells.shape[1] - signed <= 18:
        return np.zeros(len(cells), np.bool_), pl.Series(np.zeros(len(cells), np.int64))
    words = digit_words(cells[:, signed:])
    values = word_values(words)
    sure = bounds.of(slice(signed, None)).within(ZERO, ZERO + 9)
    regular = np.ones(len(cells), np.bool_) if sure else all_digits(words)
    if signed:
        ways = sign_table(spec)[cells[:, 0]]
        values *= ways
        regular &= ways != 0
    return regular, pl.Series(values)


def sign_table(spec: LayoutField) -> npt.NDArray[np.int8]:
    """1 or -1 for each byte that is a mark of the field, 0 for every other."""
    ways = np.zeros(256, np.int8)
    for mark, way in spec.signs.items():
        if mark.isascii():
            ways[ord(mark)] = way
    return ways


def _parts(form: str, cells: Bytes, bounds: Bounds) -> tuple[dict[str, Parts], Mask]:
    """The parts of a date format by token, and True where each is digits and the literals between are as written."""
    found = [(match.start(), match.group()) for match in TOKEN.finditer(form)]
    places = [place for start, part in found for place in range(start, start + len(part))]
    good = np.ones(len(cells), np.bool_)
    for place in set(range(len(form))) - set(places):
        good &= cells[:, place] == ord(form[place])
    words = digit_words(cells[:, : len(form)] if len(places) == len(form) else cells[:, places])
    if not all(bounds.low[place] >= ZERO and bounds.high[place] <= ZERO + 9 for place in places):
        good &= all_digits(words)
    pairs = in_pairs(words).view("<u2")
    parts: dict[str, Parts] = {}
    at = pairs.shape[1] - len(places) // 2
    for _, part in found:
        value = pairs[:, at].astype(np.int32)
        if part == "YYYY":
            at += 1
            value = value * 100 + pairs[:, at]
        parts[part] = value
        at += 1
    return parts, good


def _fast_date(spec: LayoutField, cells: Bytes, bounds: Bounds) -> Fast:
    """Real days and times of exactly the format; a format without a year is read in the leap year 2000."""
    dtype, size = DTYPES[spec.type], len(spec.format)
    if not spec.format.isascii() or not TOKEN.search(spec.format) or cells.shape[1] < size:
        return np.zeros(len(cells), np.bool_), nulls(len(cells), dtype)
    parts, good = _parts(spec.format, cells, bounds)
    if cells.shape[1] > size and not (cells[:, size:] == BLANK).all():
        good &= (cells[:, size:] == BLANK).all(axis=1)
    year, month, day = parts.get("YYYY", 2000), parts.get("MM", 1), parts.get("DD", 1)
    hour, minute, second = (parts.get(token, 0) for token in ("hh", "mm", "ss"))
    good &= real_day(year, month, day) & np.asarray((hour < 24) & (minute < 60) & (second < 60))
    days = np.broadcast_to(civil_days(year, month, day), good.shape).astype(np.int64)
    if spec.type == "date":
        return good, pl.Series(days.astype(np.int32)).cast(pl.Date)
    micros = (days * 86_400 + ((hour * 60 + minute) * 60 + second)) * 1_000_000
    return good, pl.Series(micros).cast(pl.Datetime("us"))
