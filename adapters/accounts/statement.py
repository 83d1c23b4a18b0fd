"""What every reader of account statements shares: frames of lines, the balance of a statement, masking.

A line is credit positive, in minor units of its currency. A statement whose lines do not lead from the opening to the
closing balance is not refused: its lines are given, and the difference is named in `Closing.notes` under a stable code
(feeds.md "Bank clearing and statements"), so that the night holds it and `feed convert` ends with 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from adapters.accounts.currency import format_minor
from settlement.model.cards import luhn, mask
from settlement.model.frames import STATEMENT_LINE, empty
from settlement.model.money import INT64_MAX

BLOCK_LINES = 8192
BLOCK_BYTES = 8 * 1024 * 1024  # of the file: a line may hold a long text
MAX_NOTES = 10_000
_MAY_HOLD_CARDS = frozenset({"counterparty_name", "counterparty_account", "remittance"})
# most files are small: a series costs as much as a hundred rows, so few rows share one for all columns of a type
_FEW = 256
_TYPES = dict.fromkeys(STATEMENT_LINE.values())
_TOGETHER = [([name for name, of in STATEMENT_LINE.items() if of == kind], kind) for kind in _TYPES]
_HEADS = ("statement", "account", "currency", "opening_fen", "closing_fen")

# Codes a note begins with, before its colon.
BALANCE_DIFFERENCE = "BALANCE_DIFFERENCE"
BALANCE_CURRENCY = "BALANCE_CURRENCY"
CURRENCY_ASSUMED = "CURRENCY_ASSUMED"
BALANCE_MISSING = "BALANCE_MISSING"
COUNT_MISMATCH = "COUNT_MISMATCH"
TOTAL_MISMATCH = "TOTAL_MISMATCH"
TOTAL_UNPROVEN = "TOTAL_UNPROVEN"
NO_LAST_LINE_END = "NO_LAST_LINE_END"
OPEN_LAST_TEXT = "OPEN_LAST_TEXT"
NOT_BOOKED = "NOT_BOOKED"
UNDIVIDED = "DETAILS_WITHOUT_AMOUNT"
DETAIL_DIFFERS = "DETAIL_DIFFERS"
_HELD = (BALANCE_DIFFERENCE, BALANCE_CURRENCY, COUNT_MISMATCH, TOTAL_MISMATCH)
_UNPROVEN = (BALANCE_MISSING, NO_LAST_LINE_END, TOTAL_UNPROVEN)

# A card number as it stands in an account or a text: UnionPay (62, 81) of 14 to 19 digits, Visa or Mastercard of 16
# whose check digit is right. Corporate accounts and references begin otherwise, are of another length, or fail it.
# Its digits may be of full width, and in groups with a blank or a hyphen between them.
_D = "[0-9０-９]"
_G = rf"(?:[ \u3000\u00a0-]?{_D})"
_SHAPE = rf"(?:[6６][2２]|[8８][1１]){_G}{{12,17}}|(?:[4４]{_D}|[5５][1-5１-５]){_G}{{14}}"
_CARD = rf"(?:^|[^0-9０-９])(?:{_SHAPE})(?:[^0-9０-９]|$)"
_CARD_NUMBER = re.compile(rf"(?<!{_D})(?:{_SHAPE})(?!{_D})")
_BARE = str.maketrans("０１２３４５６７８９", "0123456789", " \u3000\u00a0-")
# what `_may_hold_a_card` looks for: the shortest card number, then one that stands alone and begins as they do. The
# first character comes first, for that is what the search jumps to.
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_DIGIT_RUN = b"0" * 14
_WIDE = "０１２３４５６７８９"
_LIKE_A_CARD = re.compile(
    rf"[4568４５６８](?<!{_D}.)(?:(?:(?<=[6６])[2２]|(?<=[8８])[1１]){_G}{{12,17}}|"
    rf"(?:(?<=[4４]){_D}|(?<=[5５])[1-5１-５]){_G}{{14}})(?!{_D})"
)


class Line(NamedTuple):
    """One row of a statement before it is a column: the fields of STATEMENT_LINE that differ from line to line."""

    line: int | None
    booking_date: date | None
    value_date: date | None
    amount_fen: int | None
    reversal: bool | None
    reference: str | None
    end_to_end_id: str | None
    counterparty_name: str | None
    counterparty_account: str | None
    remittance: str | None
    bank_code: str | None
    record: int
    byte_start: int
    byte_end: int


@dataclass(slots=True)
class Statement:
    """The head of one statement and the running sum of its lines, in minor units."""

    statement: str
    account: str
    currency: str
    opening_fen: int | None = None
    closing_fen: int | None = None
    closing_date: date | None = None
    total_fen: int = 0
    lines: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """The statement's name for messages: banks name statements as they like, also by a card number."""
        return mask_cards(self.statement)

    def balance_notes(self, *, wants_balances: bool, place: str = "", why: str = "") -> list[str]:
        """The notes of this statement, with its balance difference or, where balances are due, their absence.

        `place` says where in the file it is, as in " (byte 512)"; `why` goes behind what says that one is missing.
        """
        if self.notes and any(note.startswith(BALANCE_CURRENCY) for note in self.notes):
            return self.notes  # amounts of two currencies have no difference
        if self.opening_fen is None or self.closing_fen is None:
            if not wants_balances:
                return self.notes
            which = [n for n, v in (("opening", self.opening_fen), ("closing", self.closing_fen)) if v is None]
            return [
                *self.notes,
                f"{BALANCE_MISSING}: statement {self.shown}{place} has no {' and no '.join(which)} balance{why}",
            ]
        gap = self.opening_fen + self.total_fen - self.closing_fen
        if gap == 0:
            return self.notes
        amounts = (self.opening_fen, self.total_fen, self.closing_fen, gap)
        opening, total, closing, difference = [format_minor(amount, self.currency) for amount in amounts]
        said = (
            f"{BALANCE_DIFFERENCE}: statement {self.shown}{place}: opening {opening} + lines {total} is not closing "
            f"{closing} {self.currency}; difference {difference}"
        )
        return [*self.notes, said]


def out_of_balance(notes: Iterable[str]) -> list[str]:
    """Those of a reader's notes that say a statement does not add up: `convert` ends with 1, the night holds it."""
    return [note for note in notes if note.startswith(_HELD)]


def unproven(notes: Iterable[str]) -> list[str]:
    """Those of a reader's notes that say a statement lacks a balance or its last line end: a loss would not show."""
    return [note for note in notes if note.startswith(_UNPROVEN)]


def fits(amount: int) -> bool:
    """True where an amount or a running sum fits int64."""
    return -INT64_MAX <= amount <= INT64_MAX


def mask_cards(text: str) -> str:
    """`text` with every card-like number masked; accounts and references of other shapes stay as they are."""
    return _CARD_NUMBER.sub(_mask_match, text) if len(text) >= len(_DIGIT_RUN) else text


def _mask_match(match: re.Match[str]) -> str:
    """UnionPay's numbers are masked whatever their check digit (its own samples fail Luhn); others if Luhn holds."""
    number = match.group().translate(_BARE)
    if number[0] in "68" or luhn(number):
        return mask(number)
    return match.group()


@dataclass(slots=True)
class Block:
    """Lines on their way to a frame, of one statement after another; heads are read when the frame is made."""

    groups: list[tuple[Statement, list[Line]]] = field(default_factory=list)
    size: int = 0

    def add(self, statement: Statement, lines: list[Line]) -> None:
        """Appends lines of a statement, whose head may still change until `frame` is called."""
        self.groups.append((statement, lines))
        self.size += len(lines)

    def frame(self, file: str) -> pl.DataFrame:
        """All lines as a STATEMENT_LINE frame, card numbers masked; the block is empty then."""
        groups, self.groups, self.size = self.groups, [], 0
        lines = [line for _, some in groups for line in some]
        if not lines:
            return empty(STATEMENT_LINE)
        columns: dict[str, Sequence[Any]] = dict(zip(Line._fields, zip(*lines, strict=True), strict=True))
        return line_frame([owner for owner, _ in groups], [len(some) for _, some in groups], columns, file)


def line_frame(
    statements: Sequence[Statement], counts: Sequence[int], columns: Mapping[str, Sequence[Any]], file: str
) -> pl.DataFrame:
    """`columns` (those of Line) of statements of `counts` rows each as a STATEMENT_LINE frame, card numbers masked.

    Days may be `date` or days since 1970.
    """
    heads = {name: spread([getattr(one, name) for one in statements], counts) for name in _HEADS}
    rows = sum(counts)
    whole = {**columns, **heads, "file": [file] * rows}
    series: dict[str, pl.Series] = {}
    if rows < _FEW:
        for names, kind in _TOGETHER:
            joined = pl.Series(list(chain.from_iterable(map(whole.__getitem__, names))), dtype=kind, strict=True)
            series |= {name: joined.slice(place * rows, rows).alias(name) for place, name in enumerate(names)}
    else:
        series = {name: pl.Series(name, whole[name], kind, strict=True) for name, kind in STATEMENT_LINE.items()}
    for name in _MAY_HOLD_CARDS:
        if _may_hold_a_card(whole[name]):
            series[name] = _masked(series[name])
    return pl.DataFrame([series[name] for name in STATEMENT_LINE])


def spread(values: Sequence[Any], counts: Sequence[int]) -> list[Any]:
    """Each value as often as its count says; quicker where that is once, as in statements of one line."""
    if counts.count(1) == len(counts):
        return list(values)
    return np.array(values, dtype=object).repeat(counts).tolist()


def _may_hold_a_card(texts: Sequence[str | None]) -> bool:
    """True where digits stand that could be a card; most columns have none, and this is the quickest look.

    Of few texts it is exact; of many, Polars looks sooner than a regex of Python's does.
    """
    joined = "\n".join(filter(None, texts))
    if joined.isascii():
        if _DIGIT_RUN not in joined.encode().translate(_DIGITS, b" -"):
            return False
    elif not any(digit in joined for digit in _WIDE):
        run = joined.replace("\u3000", "").replace("\u00a0", "").encode()
        if _DIGIT_RUN not in run.translate(_DIGITS, b" -"):
            return False
    return len(texts) >= _FEW or _LIKE_A_CARD.search(joined) is not None


def empty_line(start: int, end: int) -> Line:
    """The one row of a statement that has no line: its `line` is null, so that its balances are not lost."""
    return Line(None, None, None, None, None, None, None, None, None, None, None, 0, start, end)


def _masked(column: pl.Series) -> pl.Series:
    """Only texts that hold a card-like number go through Python."""
    found = column.str.contains(_CARD).arg_true()
    return column.scatter(found, [mask_cards(text) for text in column.gather(found)]) if len(found) else column
