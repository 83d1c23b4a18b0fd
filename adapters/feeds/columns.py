"""Cells of many records at once: bytes in a block -> typed Polars columns, without a Python step per record.

A field of n records is an (n, width) matrix of bytes. Regular cells (printable ASCII text, digits, real dates) are read
by array arithmetic. What is left, such as Chinese names, blanks and faults, goes once per distinct cell through
`layout.parse_cell`, which therefore has the only say on what is accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from adapters.layout import CellError, LayoutField, Value, parse_cell

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BLANK, ZERO = 0x20, 0x30
_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
DTYPES: dict[str, Any] = {
    "amount": pl.Int64,
    "count": pl.Int64,
    "date": pl.Date,
    "datetime": pl.Datetime("us"),
}


@dataclass(slots=True)
class Column:
    """A parsed column: null where the cell is blank or wrong. `errors` has the rows that are wrong, `bad` the same."""

    values: pl.Series
    bad: Mask
    errors: dict[int, CellError] = field(default_factory=dict)


def take(buffer: Bytes, offsets: Ints, width: int) -> Bytes:
    """(n, width) bytes of `buffer` at each offset, copied as whole cells (much faster than byte by byte).

    Every offset + width must lie inside the buffer: the caller pads it.
    """
    if width == 0 or not len(offsets):
        return np.zeros((len(offsets), width), np.uint8)
    windows = np.ndarray((len(buffer) - width + 1,), dtype=f"V{width}", buffer=buffer, strides=(1,))
    return windows[offsets].view(np.uint8).reshape(len(offsets), width)


def as_binary(cells: Bytes) -> pl.Series:
    """The rows as a Binary series; as a list of bytes on the way, so that no Python object is made."""
    if cells.shape[1] == 0:
        return pl.Series([b""] * len(cells), dtype=pl.Binary)
    return pl.Series(np.ascontiguousarray(cells)).cast(pl.List(pl.UInt8)).cast(pl.Binary)


def as_text(cells: Bytes) -> pl.Series:
    """Rows of printable ASCII as String, blanks around them dropped; an empty text is null."""
    if len(cells) > 1 and cells.size and bool((cells == cells[0]).all()):  # codes are often one and the same
        one = as_text(cells[:1])
        return one.new_from_index(0, len(cells))
    text = as_binary(cells).cast(pl.String)
    if cells.size and not (cells[:, 0] == BLANK).any() and not (cells[:, -1] == BLANK).any():
        return text
    text = text.str.strip_chars(" ")
    return text.zip_with(text != "", pl.Series([None], dtype=pl.String))


def digits_of(cells: Bytes) -> tuple[Ints, Mask]:
    """(value, all digits) of each row; at most 18 bytes wide. The value means nothing where not all are digits."""
    values = np.zeros(len(cells), np.int64)
    good = np.ones(len(cells), np.bool_)
    for column in range(cells.shape[1]):
        digit = cells[:, column] - np.uint8(ZERO)  # wraps: anything below '0' becomes large
        good &= digit <= 9
        values *= 10
        values += digit
    return values, good


def civil_days(year: Ints, month: Ints, day: Ints) -> Ints:
    """Days since 1970-01-01 of proleptic Gregorian dates (H. Hinnant, days_from_civil)."""
    y = year - (month <= 2)
    era = y // 400
    yoe = y - era * 400
    doy = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    return np.asarray(era * 146_097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719_468, np.int64)


def real_day(year: Ints, month: Ints, day: Ints) -> Mask:
    """True where the date exists."""
    good = (month >= 1) & (month <= 12) & (day >= 1) & (year >= 1)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = _DAYS[np.where(good, month, 0)] + (leap & (month == 2))
    return np.asarray(good & (day <= last), np.bool_)


def parse_column(spec: LayoutField, cells: Bytes, unit: Literal["fen", "yuan"], encoding: str) -> Column:
    """One field of all records. Amounts are Int64 fen, dates Date, datetimes naive Datetime, all else String."""
    dtype = DTYPES.get(spec.type, pl.String)
    regular, series = _FAST[spec.type](spec, cells, unit)
    if spec.values or spec.constant is not None:
        series, known = _only_known(spec, series)
        regular &= known
    if spec.blanks and dtype == pl.String:
        regular &= ~series.is_in(list(spec.blanks)).fill_null(value=False).to_numpy()
    odd = np.flatnonzero(~regular)
    column = Column(series, np.zeros(len(cells), np.bool_))
    if len(odd):
        _parse_odd(spec, cells, odd, unit, encoding, column, dtype)
    return column


def _only_known(spec: LayoutField, series: pl.Series) -> tuple[pl.Series, Mask]:
    """Codes as what they mean; True where the code is listed (or the constant stands)."""
    allowed = spec.values or {str(spec.constant): str(spec.constant)}
    known = series.is_in(list(allowed)).fill_null(value=False).to_numpy()
    if series.dtype == pl.String and spec.values:
        series = series.replace_strict(allowed, default=None, return_dtype=pl.String)
    return series, np.array(known)


def _parse_odd(
    spec: LayoutField, cells: Bytes, odd: Ints, unit: Literal["fen", "yuan"], encoding: str, out: Column, dtype: Any
) -> None:
    """Every cell the fast path left, once per distinct cell, through the layout's own reading of one cell."""
    raw = as_binary(cells[odd])
    distinct = raw.unique(maintain_order=True)
    outcomes = {cell: _parse_one(spec, cell, unit, encoding) for cell in distinct.to_list()}
    values = [None if isinstance(value, CellError) else value for value in outcomes.values()]
    table = pl.DataFrame({"cell": distinct, "value": pl.Series(values, dtype=dtype)})
    found = pl.DataFrame({"cell": raw}).join(table, on="cell", how="left", maintain_order="left")["value"]
    out.values = out.values.scatter(odd, found)
    wrong = {cell: value for cell, value in outcomes.items() if isinstance(value, CellError)}
    if wrong:
        hit = raw.is_in(pl.Series(list(wrong), dtype=pl.Binary).implode()).to_numpy()
        out.bad[odd[hit]] = True
        out.errors = {int(row): wrong[cell] for row, cell in zip(odd[hit], raw.filter(hit).to_list(), strict=True)}


def _parse_one(spec: LayoutField, cell: bytes, unit: Literal["fen", "yuan"], encoding: str) -> Value | CellError:
    try:
        text = cell.decode(encoding)
    except UnicodeDecodeError:
        return CellError(spec.name, "BAD_ENCODING", f"is not {encoding} text")
    try:
        value = parse_cell(spec, text, unit)
    except CellError as error:
        return error
    return spec.values.get(value, value) if isinstance(value, str) else value


# --- the regular cells of each type ----------------------------------------------------------------------------------


def _fast_text(spec: LayoutField, cells: Bytes, _unit: str) -> tuple[Mask, pl.Series]:
    """Printable ASCII; not all blank where the field is required."""
    regular = np.ones(len(cells), np.bool_)
    if cells.size and (int(cells.max()) > 0x7E or int(cells.min()) < BLANK):
        regular = np.array(~((cells > 0x7E) | (cells < BLANK)).any(axis=1))
        cells = np.where(regular[:, None], cells, np.uint8(BLANK))
    series = as_text(cells)
    if (spec.required or spec.constant is not None) and series.null_count():
        regular &= series.is_not_null().to_numpy()
    return regular, series


def _fast_pattern(pattern: str) -> Callable[[LayoutField, Bytes, str], tuple[Mask, pl.Series]]:
    def fast(spec: LayoutField, cells: Bytes, unit: str) -> tuple[Mask, pl.Series]:
        regular, series = _fast_text(spec, cells, unit)
        return regular & series.str.contains(pattern).fill_null(value=not spec.required).to_numpy(), series

    return fast


def _fast_digits(spec: LayoutField, cells: Bytes, unit: str) -> tuple[Mask, pl.Series]:
    regular, series = _fast_text(spec, cells, unit)
    if cells.size and int(cells.min()) >= ZERO and int(cells.max()) <= ZERO + 9:
        return regular, series
    return regular & series.str.contains("^[0-9]+$").fill_null(value=not spec.required).to_numpy(), series


def _fast_number(spec: LayoutField, cells: Bytes, unit: str) -> tuple[Mask, pl.Series]:
    """Digits (fen, or a count) after at most one mark. Yuan in fixed columns are rare: once per distinct cell."""
    if spec.type == "amount" and unit == "yuan":
        return np.zeros(len(cells), np.bool_), pl.Series(np.zeros(len(cells), np.int64))
    sign = np.ones(len(cells), np.int64)
    regular = np.ones(len(cells), np.bool_)
    if spec.signs:
        ways = np.zeros(256, np.int64)
        for mark, way in spec.signs.items():
            ways[ord(mark)] = way
        sign = ways[cells[:, 0]]
        regular, cells = sign != 0, cells[:, 1:]
    if cells.shape[1] > 18:
        return np.zeros(len(cells), np.bool_), pl.Series(np.zeros(len(cells), np.int64))
    values, good = digits_of(cells)
    return regular & good, pl.Series(np.where(regular & good, values * sign, 0))


def _parts(form: str, cells: Bytes) -> tuple[dict[str, Ints], Mask]:
    """The parts of a date format by token, and True where each is digits and the literals between are as written."""
    parts: dict[str, Ints] = {}
    good = np.ones(len(cells), np.bool_)
    place = 0
    while place < len(form):
        token = next((t for t in ("YYYY", "MM", "DD", "hh", "mm", "ss") if form.startswith(t, place)), "")
        if token:
            parts[token], digits = digits_of(cells[:, place : place + len(token)])
            good &= digits
            place += len(token)
        else:
            good &= cells[:, place] == ord(form[place])
            place += 1
    return parts, good


def _fast_date(spec: LayoutField, cells: Bytes, _unit: str) -> tuple[Mask, pl.Series]:
    """Real days and times of exactly the format; a format without a year is read in the leap year 2000."""
    dtype = DTYPES[spec.type]
    if not spec.format.isascii() or cells.shape[1] < len(spec.format):
        return np.zeros(len(cells), np.bool_), pl.Series([None] * len(cells), dtype=dtype)
    parts, good = _parts(spec.format, cells)
    good &= (cells[:, len(spec.format) :] == BLANK).all(axis=1)
    ones = np.ones(len(cells), np.int64)
    year, month, day = parts.get("YYYY", ones * 2000), parts.get("MM", ones), parts.get("DD", ones)
    hour, minute, second = (parts.get(token, ones * 0) for token in ("hh", "mm", "ss"))
    good &= real_day(year, month, day) & (hour < 24) & (minute < 60) & (second < 60)
    days = np.where(good, civil_days(year, np.where(good, month, 1), day), 0)
    if spec.type == "date":
        return good, pl.Series(days.astype(np.int32)).cast(pl.Date)
    micros = (days * 86_400 + np.where(good, hour * 3600 + minute * 60 + second, 0)) * 1_000_000
    return good, pl.Series(micros).cast(pl.Datetime("us"))


_FAST: dict[str, Callable[[LayoutField, Bytes, str], tuple[Mask, pl.Series]]] = {
    "text": _fast_text,
    "digits": _fast_digits,
    "hex": _fast_pattern("^[0-9A-Fa-f]+$"),
    "card": _fast_pattern("^[0-9*]+$"),
    "amount": _fast_number,
    "count": _fast_number,
    "date": _fast_date,
    "datetime": _fast_date,
}
