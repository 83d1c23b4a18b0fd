"""Cells of many records at once: bytes in a block -> typed Polars columns, without a Python step per record.

A field of n records is an (n, width) matrix of bytes, which may be a slice of a wider table. `Bounds`, the least and
the greatest byte of every byte column, prove most cells regular without looking at them one by one. Regular cells
(printable ASCII text, digits, real dates) are read by array arithmetic, eight digits at a time. What is left, such as
Chinese names and faults, goes once per distinct cell through `layout.parse_cell`, which therefore has the only say on
what is accepted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from operator import le
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from adapters.layout import CellError, LayoutField, Value, parse_cell
from adapters.layout_dates import TOKEN

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

BLANK, ZERO, LAST_PRINTABLE = 0x20, 0x30, 0x7E
_BLANK = bytes([BLANK])
_ZEROS = np.uint64(0x3030303030303030)
_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
DTYPES: dict[str, Any] = {
    "amount": pl.Int64,
    "count": pl.Int64,
    "date": pl.Date,
    "datetime": pl.Datetime("us"),
}
_ALPHABETS = {
    "digits": frozenset(b"0123456789"),
    "hex": frozenset(b"0123456789ABCDEFabcdef"),
    "card": frozenset(b"0123456789*"),
}
_PATTERNS = {"digits": "^[0-9]+$", "hex": "^[0-9A-Fa-f]+$", "card": "^[0-9*]+$"}


class Bounds(NamedTuple):
    """The least and the greatest byte in each byte column of a field, over all records.

    As bytes: for so few of them Python's own functions are quicker than NumPy's.
    """

    low: bytes
    high: bytes

    def within(self, first: int, last: int) -> bool:
        """True where every byte of the field lies in first..last."""
        return min(self.low) >= first and max(self.high) <= last

    def of(self, place: slice) -> Bounds:
        """The bounds of some of the byte columns."""
        return Bounds(self.low[place], self.high[place])

    @property
    def end(self) -> int:
        """How many byte columns there are before those that are blank in every row."""
        return len(self.high.rstrip(_BLANK))


@dataclass(slots=True)
class Column:
    """A parsed column: null where the cell is blank or wrong. `errors` has the rows that are wrong, `bad` the same."""

    values: pl.Series
    bad: Mask
    errors: dict[int, CellError] = field(default_factory=dict)


def bounds_of(cells: Bytes) -> Bounds:
    """Bounds of cells by themselves: of the whole field, given to each of its byte columns (much faster)."""
    low, high = (int(cells.min()), int(cells.max())) if cells.size else (0, 0xFF)
    return Bounds(bytes([low]) * cells.shape[1], bytes([high]) * cells.shape[1])


def take(buffer: Bytes, offsets: Ints, width: int) -> Bytes:
    """(n, width) bytes of `buffer` at each offset, copied as whole cells (much faster than byte by byte).

    Every offset + width must lie inside the buffer: the caller pads it.
    """
    if width == 0 or not len(offsets):
        return np.zeros((len(offsets), width), np.uint8)
    windows = np.ndarray((len(buffer) - width + 1,), dtype=f"V{width}", buffer=buffer, strides=(1,))
    return windows[offsets].view(np.uint8).reshape(len(offsets), width)


def copied(cells: Bytes) -> Bytes:
    """The cells as an array of their own, copied as whole cells."""
    size, width = cells.shape
    if not cells.size or cells.strides[1] != 1:
        return cells.copy()
    return cells.view(f"V{width}").copy().view(np.uint8).reshape(size, width)


def as_binary(cells: Bytes) -> pl.Series:
    """The rows as a Binary series; as a list of bytes on the way, so that no Python object is made.

    The series may share the memory of the cells: they must not be changed afterwards.
    """
    if cells.shape[1] == 0:
        return pl.Series([b""] * len(cells), dtype=pl.Binary)
    own = cells if cells.flags.c_contiguous else copied(cells)
    return pl.Series(own).cast(pl.List(pl.UInt8)).cast(pl.Binary)


def as_text(cells: Bytes, bounds: Bounds | None = None) -> pl.Series:
    """Rows of printable ASCII as String, blanks around them dropped; an empty text is null."""
    if not cells.size:
        return pl.Series([None] * len(cells), dtype=pl.String)
    bounds = bounds or bounds_of(cells)
    row = cells[0]
    if bool((cells[-1] == row).all() and (cells == row).all()):  # codes are often one and the same
        text = row.tobytes().decode("ascii").strip(" ")
        return pl.Series([text or None], dtype=pl.String).new_from_index(0, len(cells))
    first, last = len(bounds.high) - len(bounds.high.lstrip(_BLANK)), bounds.end - 1  # around these all is blank
    text = as_binary(cells[:, first : last + 1]).cast(pl.String)
    ends = [bool(bounds.low[at] > BLANK or (cells[:, at] != BLANK).all()) for at in (first, last)]
    if all(ends):
        return text
    text = text.str.strip_chars(" ")
    return text if any(ends) else text.zip_with(text != "", pl.Series([None], dtype=pl.String))


def masked_bytes(cells: Bytes, bounds: Bounds) -> Bytes | None:
    """`settlement.model.cards.mask` of card numbers that begin and end at the same byte in every row; else None."""
    filled = slice(len(bounds.high) - len(bounds.high.lstrip(_BLANK)), bounds.end)
    if filled.stop - filled.start <= 10 or min(bounds.low[filled]) <= BLANK:
        return None
    numbers = copied(cells[:, filled])
    numbers[:, 6:-4] = ord("*")
    return numbers


def masked_cells(cells: Bytes, bounds: Bounds) -> pl.Series | None:
    """`masked_bytes` as text."""
    numbers = masked_bytes(cells, bounds)
    return None if numbers is None else as_text(numbers)


# --- numbers ---------------------------------------------------------------------------------------------------------


def _digit_words(cells: Bytes) -> Words:
    """(n, k) words of eight bytes, the last byte of the cell in the last; a digit is its value, zeros in front."""
    size, width = cells.shape
    words = -(-width // 8)
    out = np.full((size, words * 8), ZERO, np.uint8)
    if width and size and cells.strides[1] == 1:
        out[:, words * 8 - width :].view(f"V{width}")[:] = cells.view(f"V{width}")
    else:
        out[:, words * 8 - width :] = cells
    return np.asarray(out.view("<u8") ^ _ZEROS, np.uint64)


def _all_digits(words: Words) -> Mask:
    """True for the rows of `_digit_words` where every byte is 0..9 (a byte that carries is itself too large)."""
    high = ((words + np.uint64(0x7676767676767676)) | words) & np.uint64(0x8080808080808080)
    good = high[:, 0] == 0
    for column in range(1, words.shape[1]):
        good &= high[:, column] == 0
    return np.asarray(good, np.bool_)


def _in_pairs(words: Words) -> Words:
    """Eight digits per word -> four numbers 0..99 in its 16-bit lanes, in order."""
    return np.asarray((words * np.uint64(10) + (words >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF), np.uint64)


def _values(words: Words) -> Ints:
    pairs = _in_pairs(words)
    lane = np.uint64(0x000000FF000000FF)
    eights = (
        (pairs & lane) * np.uint64(0x000F424000000064)
        + ((pairs >> np.uint64(16)) & lane) * np.uint64(0x0000271000000001)
    ) >> np.uint64(32)
    values = eights[:, 0].astype(np.int64)
    for column in range(1, words.shape[1]):
        values *= 100_000_000
        values += eights[:, column].astype(np.int64)
    return values


def digits_of(cells: Bytes) -> tuple[Ints, Mask]:
    """(value, all digits) of each row; at most 18 bytes wide. The value means nothing where not all are digits."""
    if not cells.size:
        return np.zeros(len(cells), np.int64), np.ones(len(cells), np.bool_)
    words = _digit_words(cells)
    return _values(words), _all_digits(words)


# --- days ------------------------------------------------------------------------------------------------------------

Parts = Any  # whole numbers of 32 bits, or one for all records


def civil_days(year: Parts, month: Parts, day: Parts) -> Parts:
    """Days since 1970-01-01 of proleptic Gregorian dates (H. Hinnant, days_from_civil)."""
    y = year - (month <= 2)
    era = y // 400
    yoe = y - era * 400
    doy = (153 * (month + 9 - 12 * (month > 2)) + 2) // 5 + day - 1
    return era * 146_097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719_468


def real_day(year: Parts, month: Parts, day: Parts) -> Mask:
    """True where the date exists."""
    leap = (year // 4 * 4 == year) & ((year // 100 * 100 != year) | (year // 400 * 400 == year))
    good = (month >= 1) & (month <= 12) & (day >= 1) & (year >= 1)
    last = _DAYS[np.where(good, month, 0)] + (leap & (month == 2))
    return np.asarray(good & (day <= last), np.bool_)


# --- one field -------------------------------------------------------------------------------------------------------


def parse_column(
    spec: LayoutField, cells: Bytes, unit: Literal["fen", "yuan"], encoding: str, bounds: Bounds | None = None
) -> Column:
    """One field of all records. Amounts are Int64 fen, dates Date, datetimes naive Datetime, all else String."""
    dtype = DTYPES.get(spec.type, pl.String)
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
        _parse_odd(spec, cells, odd, unit, encoding, column, dtype)
    return column


def _alike(spec: LayoutField, cells: Bytes, unit: Literal["fen", "yuan"], encoding: str) -> Column:
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


def equal_rows(cells: Bytes, row: Bytes) -> Mask:
    """True where a row of cells is `row`, compared in pieces of up to eight bytes."""
    same: Mask | None = None
    for start, size in _pieces(cells.shape[1]):
        piece = cells[:, start : start + size].view(f"<u{size}")[:, 0]
        found = piece == row[start : start + size].view(f"<u{size}")[0]
        same = found if same is None else same & found
        if not same.any():
            break
    assert same is not None
    return np.asarray(same, np.bool_)


def _pieces(width: int) -> Iterator[tuple[int, int]]:
    """(start, size) of pieces of 8, 4, 2 or 1 bytes that cover `width`."""
    start = 0
    while start < width:
        size = next(size for size in (8, 4, 2, 1) if size <= width - start)
        yield start, size
        start += size


def rows_of(cells: Bytes, rows: Ints) -> Bytes:
    """Some rows, copied as whole cells."""
    width = cells.shape[1]
    if not width or cells.strides[1] != 1:
        return cells[rows]
    return cells.view(f"V{width}")[:, 0][rows].view(np.uint8).reshape(len(rows), width)


def _without(absent: Mask, spec: LayoutField, cells: Bytes, unit: Literal["fen", "yuan"], encoding: str) -> Column:
    """The column where some cells are absent: the others are read, and spread over their rows."""
    size, rows = len(cells), np.flatnonzero(~absent)
    values = pl.Series([None], dtype=DTYPES.get(spec.type, pl.String)).new_from_index(0, size)
    bad = np.zeros(size, np.bool_)
    if not len(rows):
        return Column(values, bad)
    found = parse_column(spec, rows_of(cells, rows), unit, encoding)
    bad[rows] = found.bad
    errors = {int(rows[row]): error for row, error in found.errors.items()}
    return Column(values.scatter(rows, found.values), bad, errors)


def _parse_odd(
    spec: LayoutField, cells: Bytes, odd: Ints, unit: Literal["fen", "yuan"], encoding: str, out: Column, dtype: Any
) -> None:
    """Every cell the fast path left, once per distinct cell, through the layout's own reading of one cell."""
    raw = as_binary(cells[odd])
    distinct = raw.unique(maintain_order=True)
    outcomes = {cell: parse_one(spec, cell, unit, encoding) for cell in distinct.to_list()}
    values = [None if isinstance(value, CellError) else value for value in outcomes.values()]
    table = pl.DataFrame({"cell": distinct, "value": pl.Series(values, dtype=dtype)})
    found = pl.DataFrame({"cell": raw}).join(table, on="cell", how="left", maintain_order="left")["value"]
    out.values = out.values.scatter(odd, found)
    wrong = {cell: value for cell, value in outcomes.items() if isinstance(value, CellError)}
    if wrong:
        hit = raw.is_in(pl.Series(list(wrong), dtype=pl.Binary).implode()).to_numpy()
        out.bad[odd[hit]] = True
        out.errors = {int(row): wrong[cell] for row, cell in zip(odd[hit], raw.filter(hit).to_list(), strict=True)}


def parse_one(spec: LayoutField, cell: bytes, unit: Literal["fen", "yuan"], encoding: str) -> Value | CellError:
    """One cell by the layout's own reading; codes as what they mean. The fast paths must agree with it."""
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

Fast = tuple[Mask, pl.Series]


def _fast(spec: LayoutField, cells: Bytes, unit: Literal["fen", "yuan"], bounds: Bounds) -> Fast:
    """(True where the cell is regular, the values): there the value is what `parse_cell` gives, elsewhere anything."""
    if spec.type in {"amount", "count"}:
        return _fast_number(spec, cells, unit, bounds)
    if spec.type in {"date", "datetime"}:
        return _fast_date(spec, cells, bounds)
    if spec.values or spec.constant is not None:
        return _fast_code(spec, cells, unit)
    regular, series = _fast_text(spec, cells, bounds)
    if spec.type != "text" and not in_alphabet(spec.type, cells, bounds):
        regular &= series.str.contains(_PATTERNS[spec.type]).fill_null(value=not spec.required).to_numpy()
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
    table = np.zeros(256, np.bool_)
    table[list(_ALPHABETS[kind])] = True
    return table


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


def _fast_code(spec: LayoutField, cells: Bytes, unit: Literal["fen", "yuan"]) -> Fast:
    """Listed codes, or the constant, of one or two bytes by a table; wider ones once per distinct cell."""
    size, width = cells.shape
    if width not in {1, 2}:
        return np.zeros(size, np.bool_), pl.Series([None], dtype=pl.String).new_from_index(0, size)
    codes = [code.encode() for code in spec.values or [str(spec.constant)] if code.isascii() and len(code) == width]
    meanings = [parse_one(spec, code, unit, "ascii") for code in codes]
    good = {code: text for code, text in zip(codes, meanings, strict=True) if isinstance(text, str)}
    table = np.full(256**width, len(good), np.uint32)
    for place, code in enumerate(good):
        table[int.from_bytes(code, "little")] = place
    places = table[cells.view(f"<u{width}")[:, 0]]
    texts = pl.Series([*good.values(), None], dtype=pl.String)
    return np.asarray(places < len(good), np.bool_), texts.gather(pl.Series(places))


def _fast_number(spec: LayoutField, cells: Bytes, unit: Literal["fen", "yuan"], bounds: Bounds) -> Fast:
    """Digits (fen, or a count) after at most one mark. Yuan in fixed columns are rare: once per distinct cell."""
    signed = bool(spec.signs)
    rare = (spec.type == "amount" and unit == "yuan") or (signed and bool(spec.blanks))
    if rare or not 0 < cells.shape[1] - signed <= 18:
        return np.zeros(len(cells), np.bool_), pl.Series(np.zeros(len(cells), np.int64))
    words = _digit_words(cells[:, signed:])
    values = _values(words)
    sure = bounds.of(slice(signed, None)).within(ZERO, ZERO + 9)
    regular = np.ones(len(cells), np.bool_) if sure else _all_digits(words)
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
    words = _digit_words(cells[:, : len(form)] if len(places) == len(form) else cells[:, places])
    if not all(bounds.low[place] >= ZERO and bounds.high[place] <= ZERO + 9 for place in places):
        good &= _all_digits(words)
    pairs = _in_pairs(words).view("<u2")
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
        return np.zeros(len(cells), np.bool_), pl.Series([None], dtype=dtype).new_from_index(0, len(cells))
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
