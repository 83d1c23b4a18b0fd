"""Text columns of a CSV table to typed ones, naming every row that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from adapters.directory.csv_table import Table, days
from settlement.model.frames import INSTANT, unique
from settlement.model.money import parse_amount_column
from settlement.model.rejects import Reject

MAX_FEN = 10**15 - 1  # rules.documents.MAX_FEN; rooms on one level do not know each other, a test holds them equal
_CONTROL = r"[\x00-\x1f]"
_TWO_DECIMALS = r"^[0-9]{1,13}\.[0-9]{2}$"
_MORE_DECIMALS = r"\.[0-9]{3}"  # also zeros: rules.md counts decimals, not value
_INSTANT = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:\.([0-9]{1,6}))?(Z|[+-][0-9]{2}:?[0-9]{2})$"
)
_USUAL_INSTANT = r"^(19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}$"
_FORM = b"0000-00-00T00:00:00+00:00"  # of the usual instant; 0 stands for any digit, + for a sign
_SIGN, _PLUS, _MINUS = 19, ord("+"), ord("-")
_DIGITS = [at for at, mark in enumerate(_FORM) if mark == ord("0")]
_MARKS = [at for at in range(len(_FORM)) if at not in {*_DIGITS, _SIGN}]
_YEARS = range(1900, 3000)
_BLOCK = 1 << 15  # rows at a time, so that they stay in the processor's cache
_NEVER = np.iinfo(np.int64).min
# Days from 1970-01-01 to the first of each month of _YEARS, and of the month behind them.
_MONTHS = (
    np.arange(f"{_YEARS[0]}-01", f"{_YEARS[-1] + 1}-02", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)
)
_NAIVE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+$"


@dataclass(slots=True)
class Reader:
    """Typed columns of one table; everything wrong gathers in `rejects`."""

    table: Table
    rejects: list[Reject] = field(default_factory=list)

    def refuse(self, bad: pl.Series, name: str, code: str, message: str) -> None:
        """Notes the rows where `bad` holds."""
        if bad.any():
            self.rejects += self.table.rejects(bad, name, code, message)

    def code(self, name: str, needed: pl.Series | None = None) -> pl.Series:
        """A number or code: no control characters; not blank where `needed`."""
        column = self.table.frame[name]
        if needed is not None:
            self.refuse(needed & column.is_null(), name, "BLANK", "blank; write the number")
        if not self.table.plain:
            self.refuse(column.str.contains(_CONTROL), name, "CONTROL", "a control character; remove it")
        return column

    def key(self, name: str) -> pl.Series:
        """A number that names its row: never blank, never twice."""
        column = self.table.frame[name]
        column = self.code(name, pl.repeat(value=True, n=len(column), eager=True, dtype=pl.Boolean))
        if not unique(column):
            again = column.is_duplicated() & ~column.is_first_distinct() & column.is_not_null()
            self.refuse(again, name, "TWICE", "stands twice; keep one row for each number")
        return column

    def amount(self, name: str, read: pl.Series | None = None) -> pl.Series:
        """Yuan to fen, null where blank or not `read`."""
        text = _only(self.table.frame[name], read)
        if text.str.contains(_TWO_DECIMALS).all():
            return text.str.replace(".", "", literal=True).cast(pl.Int64)
        fen = parse_amount_column(text)
        self.refuse(
            text.is_not_null() & (fen.is_null() | text.str.contains(_MORE_DECIMALS)),
            name,
            "AMOUNT",
            "not an amount of yuan with at most two decimals; write it like 12.34",
        )
        self.refuse(fen > MAX_FEN, name, "AMOUNT", "too large; the largest amount is 9999999999999.99")
        return fen.rename(name)

    def whole(self, name: str) -> pl.Series:
        """A whole number, null where blank."""
        text = self.table.frame[name]
        bad = ~text.str.contains(r"^[0-9]{1,12}$")
        self.refuse(bad, name, "WHOLE", "not a whole number; write digits only, like 4")
        return text.cast(pl.Int64, strict=False)

    def date(self, name: str) -> pl.Series:
        """YYYY-MM-DD, null where blank."""
        text = self.table.frame[name]
        day = days(text)
        self.refuse(text.is_not_null() & day.is_null(), name, "DATE", "not a date; write YYYY-MM-DD, like 2026-05-07")
        return day

    def word(
        self, name: str, words: tuple[str, ...], read: pl.Series | None = None, *, blank: bool = False
    ) -> pl.Series:
        """One of `words`; blank only where allowed."""
        text = self.table.frame[name]
        bad = ~text.is_in(words).fill_null(value=blank)
        self.refuse(bad if read is None else bad & read, name, "WORD", f"unknown {name}; write {', '.join(words)}")
        return text

    def instant(self, name: str) -> pl.Series:
        """ISO 8601 with an offset, seconds and up to six decimals optional, to UTC."""
        text = self.table.frame[name]
        usual = _usual_instant(text)
        if usual is not None:
            message = "no such day or time; write it like 2026-05-07T10:00:00+08:00"
            self.refuse(usual.is_null(), name, "INSTANT", message)
            return usual
        naive = text.str.contains(_NAIVE)
        self.refuse(naive, name, "NAIVE", "a time without offset; write it like 2026-05-07T10:00:00+08:00")
        instant = _any_instant(text.set(naive, None))
        bad = instant.is_null() & ~naive.fill_null(value=False)
        self.refuse(bad, name, "INSTANT", "not a time; write it like 2026-05-07T10:00:00+08:00")
        return instant


def _only(column: pl.Series, read: pl.Series | None) -> pl.Series:
    return column if read is None else column.set(~read, None)


def _usual_instant(text: pl.Series) -> pl.Series | None:
    """YYYY-MM-DDTHH:MM:SS±HH:MM by its bytes, all rows at once (a general parser takes ten times as long).

    None where a row is null or of another form; a row of this form that is no time (30 February) becomes null.
    """
    if not len(text):
        return text.cast(INSTANT)
    if text.null_count() or not bool((text.str.len_bytes() == len(_FORM)).all()):
        return None
    cells = text.cast(pl.Binary).bin.reinterpret(dtype=pl.Array(pl.UInt8, len(_FORM)), endianness="little").to_numpy()
    out = np.empty(len(text), np.int64)
    for start in range(0, len(out), _BLOCK):
        micros = _micros(np.ascontiguousarray(cells[start : start + _BLOCK].T))
        if micros is None:
            return None
        out[start : start + _BLOCK] = micros
    instant = pl.Series(text.name, out)
    return instant.set(instant == _NEVER, None).cast(INSTANT)


def _micros(by_place: NDArray[np.uint8]) -> NDArray[np.int64] | None:
    """Microseconds from 1970 in UTC of texts whose bytes stand by their place; _NEVER where there is no such time."""
    digits, sign = by_place - np.uint8(ord("0")), by_place[_SIGN]
    marked = all((by_place[at] == _FORM[at]).all() for at in _MARKS) and ((sign == _PLUS) | (sign == _MINUS)).all()
    if not marked or any((digits[at] > 9).any() for at in _DIGITS):
        return None

    def number(start: int, length: int = 2) -> NDArray[np.int32]:
        out: NDArray[np.int32] = digits[start].astype(np.int32)
        for at in range(start + 1, start + length):
            out = out * 10 + digits[at]
        return out

    year, month, day = number(0, 4), number(5), number(8)
    hour, minute, second, off_hour, off_minute = (number(at) for at in (11, 14, 17, 20, 23))
    if (year < _YEARS[0]).any() or (year > _YEARS[-1]).any():
        return None
    holds = (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & (minute < 60) & (second < 60)
    holds &= (off_hour < 24) & (off_minute < 60)
    at = np.where(holds, (year - _YEARS[0]) * 12 + month - 1, 0)
    first = _MONTHS[at]
    holds &= first + day <= _MONTHS[at + 1]
    offset = (off_hour * 60 + off_minute) * np.where(sign == _MINUS, -1, 1)
    seconds = hour * 3600 + (minute - offset) * 60 + second
    return np.where(holds, ((first + day - 1) * 86_400 + seconds) * 1_000_000, _NEVER)


def _any_instant(text: pl.Series) -> pl.Series:
    """Every accepted way of writing, brought to one and parsed."""
    part = [pl.col("t").str.extract(_INSTANT, n) for n in range(1, 6)]
    zone = part[4].str.replace("Z", "+00:00", literal=True).str.replace(":", "", literal=True)
    usual = pl.concat_str(
        [
            part[0],
            pl.lit("T"),
            part[1],
            part[2].fill_null(":00"),
            zone.str.slice(0, 3),
            pl.lit(":"),
            zone.str.slice(3, 2),
        ]
    )
    micros = part[3].fill_null("").str.pad_end(6, "0").cast(pl.Int64)
    frame = text.to_frame("t").select(usual=usual, micros=micros)
    known = frame["usual"].str.contains(_USUAL_INSTANT).fill_null(value=False)
    base = _usual_instant(frame["usual"].set(~known, "2000-01-01T00:00:00+00:00"))
    assert base is not None
    return (base.cast(pl.Int64) + frame["micros"]).cast(INSTANT).set(~known, None).rename(text.name)
