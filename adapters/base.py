"""What every adapter is: bytes in blocks to canonical frames, or a frame to bytes; it knows no database or folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, BinaryIO, Literal

import polars as pl

from adapters.description import Part
from adapters.shown import Show, show_line
from settlement.model.cards import Tokeniser
from settlement.model.rejects import Reject

# an amount, or digits as of a date or an account: such a cell among headings is a line whose line end was damaged
HOLDS_VALUES = re.compile(r"\s*[+-]?(?:[0-9][0-9,]*\.[0-9]+|[0-9]{6,})\s*")


@dataclass(frozen=True, slots=True)
class Context:
    """What an adapter may know beside the bytes: the file's name, its source's settings, the tokeniser.

    `clearing_date` is given by `--set clearing_date=` or by the inbox; where it is None the adapter takes it from the
    file (header, or the layout's name pattern) and refuses the file if it is nowhere.
    """

    file: str
    source: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    tokeniser: Tokeniser | None = None
    clearing_date: date | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """One block: a canonical frame (settlement.model.frames) and the rejects among its records, in file order."""

    frame: pl.DataFrame
    rejects: list[Reject]


@dataclass(frozen=True, slots=True)
class Closing:
    """What is known once the file is read to its end; always the last item a reader yields.

    `records` = accepted + rejected + skipped. Totals are unsigned sums in minor units over all records, rejected ones
    included; `declared_*` is None where the format declares none. `refused` set: the file as a whole is refused and
    nothing of the blocks before may be kept.
    """

    records: int
    accepted: int
    rejected: int
    skipped: int = 0
    total_fen: int | None = None
    declared_records: int | None = None
    declared_total_fen: int | None = None
    clearing_date: date | None = None
    notes: tuple[str, ...] = ()
    refused: Reject | None = None


Read = Callable[[BinaryIO, Context], Iterator[Parsed | Closing]]
Write = Callable[[pl.DataFrame, Context], bytes]


@dataclass(frozen=True, slots=True)
class Adapter:
    """One format by name. `gives` says which canonical frame `read` yields; `describe` tells its layout;
    `show` gives the bytes that a reject is about, cards masked.
    """

    name: str
    title: str
    gives: Literal["transaction", "statement", "result", "payment", "none"]
    read: Read | None
    write: Write | None
    describe: Callable[[Mapping[str, Any]], list[Part]]
    show: Show = show_line
