"""Cells of many records as a table of bytes: copied, compared, told as text, digits and days by array arithmetic.

A field of n records is an (n, width) matrix of bytes, which may be a slice of a wider table. `Bounds`, the least and
the greatest byte of every byte column, prove most cells regular without looking at them one by one. Digits are read
eight at a time. columns.py makes typed columns of such cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from adapters.layout_dates import FIRST_YEAR

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

BLANK, ZERO, LAST_PRINTABLE = 0x20, 0x30, 0x7E
_BLANK = bytes([BLANK])
_ZEROS = np.uint64(0x3030303030303030)
_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)


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

    @property
    def filled(self) -> slice:
        """The byte columns but those at either end that are blank in every row."""
        return slice(len(self.high) - len(self.high.lstrip(_BLANK)), self.end)


def bounds_of(cells: Bytes) -> Bounds:
    """Bounds of cells by themselves: of the whole field, given to each of its byte columns (much faster)."""
    low, high = (int(cells.min()), int(cells.max())) if cells.size else (0, 0xFF)
    return Bounds(bytes([low]) * cells.shape[1], bytes([high]) * cells.shape[1])


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
    filled = bounds.filled
    text = as_binary(cells[:, filled]).cast(pl.String)
    edges = (filled.start, filled.stop - 1)
    ends = [bool(bounds.low[at] > BLANK or (cells[:, at] != BLANK).all()) for at in edges]
    if all(ends):
        return text
    text = text.str.strip_chars(" ")
    return text if any(ends) else text.zip_with(text != "", pl.Series([None], dtype=pl.String))


def masked_bytes(cells: Bytes, bounds: Bounds) -> Bytes | None:
    """`settlement.model.cards.mask` of card numbers that begin and end at the same byte in every row; else None."""
    filled = bounds.filled
    if filled.stop - filled.start <= 10 or min(bounds.low[filled]) <= BLANK:
        return None
    numbers = copied(cells[:, filled])
    numbers[:, 6:-4] = ord("*")
    return numbers


def masked_cells(cells: Bytes, bounds: Bounds) -> pl.Series | None:
    """`masked_bytes` as text."""
    numbers = masked_bytes(cells, bounds)
    return None if numbers is None else as_text(numbers)


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


# --- numbers ---------------------------------------------------------------------------------------------------------


def digit_words(cells: Bytes) -> Words:
    """(n, k) words of eight bytes, the last byte of the cell in the last; a digit is its value, zeros in front."""
    size, width = cells.shape
    words = -(-width // 8)
    out = np.full((size, words * 8), ZERO, np.uint8)
    if width and size and cells.strides[1] == 1:
        out[:, words * 8 - width :].view(f"V{width}")[:] = cells.view(f"V{width}")
    else:
        out[:, words * 8 - width :] = cells
    return np.asarray(out.view("<u8") ^ _ZEROS, np.uint64)


def all_digits(words: Words) -> Mask:
    """True for the rows of `digit_words` where every byte is 0..9 (a byte that carries is itself too large)."""
    high = ((words + np.uint64(0x7676767676767676)) | words) & np.uint64(0x8080808080808080)
    good = high[:, 0] == 0
    for column in range(1, words.shape[1]):
        good &= high[:, column] == 0
    return np.asarray(good, np.bool_)


def in_pairs(words: Words) -> Words:
    """Eight digits per word -> four numbers 0..99 in its 16-bit lanes, in order."""
    return np.asarray((words * np.uint64(10) + (words >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF), np.uint64)


def word_values(words: Words) -> Ints:
    """The number in the digits of each row of `digit_words`; at most 18 of them."""
    pairs = in_pairs(words)
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
    words = digit_words(cells)
    return word_values(words), all_digits(words)


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
    good = (month >= 1) & (month <= 12) & (day >= 1) & (year >= FIRST_YEAR)
    last = _DAYS[np.where(good, month, 0)] + (leap & (month == 2))
    return np.asarray(good & (day <= last), np.bool_)
