"""SWIFT MT940 to STATEMENT_LINE frames.

Source: SWIFT Standards MT940 Customer Statement Message; feeds.md; docs/formats_accounts.md; samples/notes.md D.

The reader is our own, not the mt-940 library behind guards: every guard that feeds.md asks for is the grammar itself
(each `:61:` is a line or refuses the file; amounts are digits, a comma, decimals; RC and RD have their own sign; each
`:20:` opens a statement; the encoding is given), lines keep their byte range, and it is many times faster. The library
is the oracle of the tests.

A `:61:` that does not fit the grammar refuses the whole file. Only a day that is not in the calendar is a reject: the
line is there, it cannot be dated, and the balance will show the difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import BinaryIO

from adapters.accounts.currency import minor_digits
from adapters.accounts.mt940_fields import Field, fields
from adapters.accounts.mt940_text import Information, read_information
from adapters.accounts.statement import BLOCK_LINES, Block, Line, Statement, empty_line, fits
from adapters.accounts.text_lines import FileRefusedError, decode, encoding_of
from adapters.base import Closing, Context, Parsed
from settlement.model.money import parse_amount
from settlement.model.rejects import Reject

MAX_STATEMENT_LINES = 200_000  # kept until its closing balance is known
_BALANCE = re.compile(rb"([CD])([0-9]{6})([A-Z]{3})([0-9]{1,18},[0-9]{0,3})")
_LINE = re.compile(
    rb"([0-9]{6})([0-9]{4}| {4})?(RC|RD|C|D)([A-Z])?[ ]?([0-9]{1,18},[0-9]{0,3})([NSF][A-Z0-9 ]{3})?([^\n]*)"
)
# the one table of signs: a reversal of a credit takes money away (SWIFT MT940, field 61, subfield 3)
_SIGNS = {b"C": (1, False), b"D": (-1, False), b"RC": (-1, True), b"RD": (1, True)}
_INTERIM = frozenset({b"34F", b"90C", b"90D", b"13D"})


@dataclass(slots=True)
class _Entry:
    """A `:61:` and the `:86:` fields that follow it."""

    record: int
    start: int
    end: int
    head: re.Match[bytes]
    supplement: bytes
    information: list[bytes] = field(default_factory=list)


def read_mt940(stream: BinaryIO, context: Context) -> Iterator[Parsed | Closing]:
    """Blocks of lines, then the Closing. Setting: `encoding` (UTF-8 by default)."""
    return _Reader(context, encoding_of(context.settings.get("encoding"), context.source)).read(stream)


@dataclass(slots=True)
class _Reader:
    context: Context
    encoding: str
    reference: str = ""
    account: str = ""
    number: str = ""
    opened: bool = False
    statement: Statement | None = None
    entry: _Entry | None = None
    lines: list[Line] = field(default_factory=list)
    block: Block = field(default_factory=Block)
    rejects: list[Reject] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    known_days: dict[tuple[bytes, bytes | None], tuple[date, date] | None] = field(default_factory=dict)
    started: int = 0
    statements: int = 0
    records: int = 0
    rejected: int = 0
    total_fen: int = 0
    closing_date: date | None = None

    def read(self, stream: BinaryIO) -> Iterator[Parsed | Closing]:
        """Statement by statement: its closing balance stands behind its lines."""
        refused = None
        try:
            for item in fields(stream):
                self._take(item)
                if self.block.size >= BLOCK_LINES or len(self.rejects) >= BLOCK_LINES:
                    yield self._flush()
            self._end_message(-1)
            yield self._flush()
            self._check_found()
        except FileRefusedError as error:
            refused = Reject(self.context.file, error.record, error.byte, error.field, error.code, error.message)
        yield Closing(
            records=self.records,
            accepted=self.records - self.rejected,
            rejected=self.rejected,
            total_fen=self.total_fen,
            clearing_date=self.closing_date,
            notes=tuple(self.notes),
            refused=refused,
        )

    def _check_found(self) -> None:
        if not self.statements:
            raise FileRefusedError("NOT_MT940", "no statement (:20: to :62F:) in this file; send the bank's file")

    def _take(self, item: Field) -> None:
        """One field; a closing balance completes its statement."""
        match item.tag:
            case b"61":
                self._add_entry(item)
            case b"86":
                self._add_information(item)
            case b"20":
                self._end_message(item.start)
                self.opened, self.reference, self.account, self.number = True, self._text(item), "", ""
                self.started = item.start
            case b"25" | b"25P":
                self.account = self._text(item)
            case b"28" | b"28C":
                self.number = self._text(item)
            case b"60F" | b"60M":
                self._open(item)
            case b"62F" | b"62M":
                self._close(item)
            case b"":
                self._end_message(item.start)
            case tag if tag in _INTERIM and self.statement is None and self.opened:
                message = "this is MT942, a report of the running day, which is not final; ask the bank for MT940"
                raise FileRefusedError("WRONG_MESSAGE", message, item.start)

    def _text(self, item: Field) -> str:
        return decode(b"".join(item.lines).strip(), self.encoding, item.start)

    def _open(self, item: Field) -> None:
        if not self.opened or self.statement is not None or not self.account:
            message = "an opening balance without :20: and :25: before it, or a second one; send the whole file again"
            raise FileRefusedError("BAD_ORDER", message, item.start)
        amount, currency, _ = self._balance(item)
        name = self.number or self.reference
        count = self.names[name] = self.names.get(name, 0) + 1
        # banks number all their statements 0: the second of a file is "0#2", so that no two are one
        self.statement = Statement(name if count == 1 else f"{name}#{count}", self.account, currency, amount)

    def _balance(self, item: Field) -> tuple[int, str, date | None]:
        match = _BALANCE.fullmatch(item.lines[0].rstrip())
        if match is None:
            message = "a balance is C or D, YYMMDD, currency, digits, a comma, decimals: a '.' is never a decimal"
            raise FileRefusedError("BAD_BALANCE", message, item.start, name=f":{item.tag.decode()}:")
        currency = match.group(3).decode("ascii")
        size = _amount(match.group(4), currency, item.start, 0)
        return size if match.group(1) == b"C" else -size, currency, _day(match.group(2))

    def _add_entry(self, item: Field) -> None:
        self._finish_entry()
        self.records += 1
        if self.statement is None:
            message = "a :61: outside a statement, or before its opening balance; send the whole file again"
            raise FileRefusedError("BAD_ORDER", message, item.start, self.records)
        first, _, rest = item.body.partition(b"\n")
        head = _LINE.fullmatch(first.removesuffix(b"\r"))
        if head is None:
            message = (
                "a :61: is YYMMDD, perhaps MMDD, C D RC or RD, perhaps a letter, then digits, a comma, decimals: "
                "a '.' is never a decimal; correct the file"
            )
            raise FileRefusedError("BAD_LINE", message, item.start, self.records, ":61:")
        supplement = b" ".join(rest.split(b"\n")) if rest else b""
        self.entry = _Entry(self.records, item.start, item.end, head, supplement)

    def _add_information(self, item: Field) -> None:
        if self.entry is not None:
            text = item.body.rstrip(b"\r\n")
            self.entry.information.append(join_wrapped(item.lines) if b"\n" in text else text)
            self.entry.end = item.end

    def _finish_entry(self) -> None:
        """The entry becomes a line, now that its :86: fields are known."""
        entry, self.entry = self.entry, None
        if entry is None:
            return
        assert self.statement is not None
        sign, reversal = _SIGNS[entry.head.group(3)]
        size = _amount(entry.head.group(5), self.statement.currency, entry.start, entry.record)
        self.total_fen += size
        if not fits(self.total_fen):
            raise FileRefusedError("TOTAL_TOO_LARGE", "the amounts of this file add up beyond int64", entry.start)
        days = self._days(entry.head.group(1), entry.head.group(2))
        if days is None:
            self.rejected += 1
            message = "no such day in the calendar; ask the bank for the line's date"
            self.rejects.append(Reject(self.context.file, entry.record, entry.start, ":61:", "BAD_DATE", message))
            return
        self.statement.total_fen += sign * size
        self.statement.lines += 1
        self.lines.append(self._line(entry, sign * size, reversal, days))
        if len(self.lines) > MAX_STATEMENT_LINES:
            raise FileRefusedError("STATEMENT_TOO_LONG", f"a statement of more than {MAX_STATEMENT_LINES} lines")

    def _days(self, value: bytes, entry: bytes | None) -> tuple[date, date] | None:
        """(booking date, value date); None where one of them is no day. A file has few of them, so they are kept."""
        key = (value, entry)
        if key not in self.known_days:
            day = _day(value)
            booking = _entry_day(entry, day)
            if len(self.known_days) > 10_000:
                self.known_days.clear()
            self.known_days[key] = None if day is None or booking is None else (booking, day)
        return self.known_days[key]

    def _line(self, entry: _Entry, amount: int, reversal: bool, days: tuple[date, date]) -> Line:
        assert self.statement is not None
        own, _, bank = decode(entry.head.group(7), self.encoding, entry.start).partition("//")
        customer = own.strip()
        said = b" ".join(entry.information) or entry.supplement.strip()
        information = read_information(decode(said, self.encoding, entry.start)) if said else Information()
        code = entry.head.group(6)
        return Line(
            self.statement.lines,
            *days,
            amount,
            reversal,
            bank.strip() or None,
            information.end_to_end_id or (customer if customer not in {"", "NONREF"} else None),
            information.name,
            information.account,
            information.remittance,
            code.decode("ascii").strip() if code else None,
            entry.record,
            entry.start,
            entry.end,
        )

    def _flush(self) -> Parsed:
        parsed = Parsed(self.block.frame(self.context.file), self.rejects)
        self.rejects = []
        return parsed

    def _close(self, item: Field) -> None:
        self._finish_entry()
        statement = self.statement
        if statement is None:
            message = "a closing balance without an opening balance; send the whole file again"
            raise FileRefusedError("BAD_ORDER", message, item.start)
        amount, currency, day = self._balance(item)
        if currency != statement.currency:
            message = f"the opening balance is in {statement.currency}, the closing balance in {currency}"
            raise FileRefusedError("OTHER_CURRENCY", f"{message}; ask the bank", item.start)
        statement.closing_fen, statement.closing_date = amount, day
        self.closing_date = max((d for d in (self.closing_date, day) if d is not None), default=None)
        self.notes.extend(statement.balance_notes(wants_balances=True))
        if statement.lines == 0:
            self.lines.append(empty_line(self.started, item.end))
        self.block.add(statement, self.lines)
        self.lines, self.statement, self.opened = [], None, False
        self.statements += 1

    def _end_message(self, start: int) -> None:
        """A message ends where its closing balance stood; one that does not was cut."""
        if self.opened or self.statement is not None:
            message = "a statement ends before its closing balance (:62F:); the file was cut: send it again"
            raise FileRefusedError("TRUNCATED", message, start)


def join_wrapped(lines: list[bytes]) -> bytes:
    """Lines of a field as one text: a line that fills its 65 bytes goes on without a blank, for it was only wrapped."""
    out = lines[0]
    for before, line in pairwise(lines):
        out += line if len(before) >= 65 else b" " + line
    return out


def _amount(raw: bytes, currency: str, start: int, record: int) -> int:
    text = raw.decode("ascii")
    whole, _, decimals = text.partition(",")
    try:
        return parse_amount(f"{whole}.{decimals}" if decimals else whole, minor_digits(currency))
    except ValueError as error:
        raise FileRefusedError("BAD_AMOUNT", f"an amount that cannot be read: {error}", start, record) from None


def _day(raw: bytes) -> date | None:
    """YYMMDD; 80 to 99 are 1980 to 1999. None where there is no such day."""
    year, month, day = int(raw[:2]), int(raw[2:4]), int(raw[4:6])
    try:
        return date(year + (1900 if year >= 80 else 2000), month, day)
    except ValueError:
        return None


def _entry_day(raw: bytes | None, value: date | None) -> date | None:
    """MMDD in the year that brings it nearest to the value date (over New Year); without it, the value date."""
    if raw is None or not raw.strip() or value is None:
        return value
    found: list[date] = []
    for year in (value.year - 1, value.year, value.year + 1):
        try:
            found.append(date(year, int(raw[:2]), int(raw[2:])))
        except ValueError:
            continue
    return min(found, key=lambda day: abs(day - value), default=None)
