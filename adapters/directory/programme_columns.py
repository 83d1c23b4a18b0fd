"""Text columns of a CSV table to typed ones, naming every row that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from adapters.directory.programme_table import Table
from settlement.model.frames import INSTANT
from settlement.model.money import parse_amount_column
from settlement.model.rejects import Reject

MAX_FEN = 10**15 - 1  # rules.documents.MAX_FEN; rooms on one level do not know each other, a test holds them equal
_CONTROL = r"[\x00-\x1f]"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TWO_DECIMALS = r"^[0-9]{1,13}\.[0-9]{2}$"
_MORE_DECIMALS = r"\.[0-9]{3}"  # also zeros: rules.md counts decimals, not value
_INSTANT = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:\.([0-9]{1,6}))?(Z|[+-][0-9]{2}:?[0-9]{2})$"
)
_USUAL_INSTANT = r"^(19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}$"
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
        if not _rising(column) and column.n_unique() != len(column):
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
        day = text.str.to_date("%Y-%m-%d", strict=False)
        bad = text.is_not_null() & (day.is_null() | ~text.str.contains(_DATE))
        self.refuse(bad, name, "DATE", "not a date; write YYYY-MM-DD, like 2026-05-07")
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
        if text.null_count() == 0 and text.str.contains(_USUAL_INSTANT).all():
            instant = _usual_instant(text)
        else:
            naive = text.str.contains(_NAIVE)
            self.refuse(naive, name, "NAIVE", "a time without offset; write it like 2026-05-07T10:00:00+08:00")
            instant = _any_instant(text.set(naive, None))
            bad = instant.is_null() & ~naive.fill_null(value=False)
            self.refuse(bad, name, "INSTANT", "not a time; write it like 2026-05-07T10:00:00+08:00")
            return instant
        self.refuse(instant.is_null(), name, "INSTANT", "no such day or time; write it like 2026-05-07T10:00:00+08:00")
        return instant


def _rising(column: pl.Series) -> bool:
    """Strictly rising, and so without a double."""
    return column.null_count() == 0 and bool((column > column.shift(1)).fill_null(value=True).all())


def _only(column: pl.Series, read: pl.Series | None) -> pl.Series:
    return column if read is None else column.set(~read, None)


def _usual_instant(text: pl.Series) -> pl.Series:
    """YYYY-MM-DDTHH:MM:SS±HH:MM by its digits (several times faster than a general parser); null: no such time."""

    def digits(start: int, length: int = 2) -> pl.Expr:
        return pl.col("t").str.slice(start, length).cast(pl.Int64)

    frame = text.to_frame("t").select(
        day=pl.col("t").str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False),
        hour=digits(11), minute=digits(14), second=digits(17), off_hour=digits(20), off_minute=digits(23),
        west=pl.col("t").str.slice(19, 1) == "-",
    )  # fmt: skip
    offset = pl.col("off_hour") * 60 + pl.col("off_minute")
    offset = pl.when(pl.col("west")).then(-offset).otherwise(offset)
    seconds = pl.col("hour") * 3600 + pl.col("minute") * 60 + pl.col("second") - offset * 60
    limits = (pl.col("hour") < 24) & (pl.col("minute") < 60) & (pl.col("second") < 60)
    limits &= (pl.col("off_hour") < 24) & (pl.col("off_minute") < 60)
    micros = pl.col("day").cast(pl.Int32).cast(pl.Int64) * 86_400_000_000 + seconds * 1_000_000
    return frame.select(pl.when(limits).then(micros).cast(INSTANT).alias(text.name)).to_series()


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
    base = _usual_instant(frame["usual"].set(~known, None))
    return (base.cast(pl.Int64) + frame["micros"]).cast(INSTANT).rename(text.name)
