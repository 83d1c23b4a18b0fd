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
from typing import BinaryIO

from adapters.accounts.mt940_fields import Field, fields
from adapters.accounts.mt940_lines import Lines, day_of, one_amount, resolve
from adapters.accounts.statement import BLOCK_BYTES, BLOCK_LINES, MAX_NOTES, Statement, fits
from adapters.accounts.text_lines import FileRefusedError, decode, encoding_of
from adapters.base import Closing, Context, Parsed
from settlement.model.rejects import Reject

MAX_STATEMENT_LINES = 200_000  # kept until its closing balance is known
MAX_STATEMENT_BYTES = 48 * 1024 * 1024
_BALANCE = re.compile(rb"([CD])([0-9]{6})([A-Z]{3})([0-9]{1,18},[0-9]{0,3})")
_INTERIM = frozenset({b"34F", b"90C", b"90D", b"13D"})


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
    has_line: bool = False
    lines: Lines = field(default_factory=Lines)
    notes: list[str] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    started: int = 0
    statements: int = 0
    records: int = 0
    rejected: int = 0
    held: int = 0  # bytes of the fields whose lines are kept
    total_fen: int = 0
    closing_date: date | None = None

    def read(self, stream: BinaryIO) -> Iterator[Parsed | Closing]:
        """Statement by statement: its closing balance stands behind its lines."""
        refused = None
        try:
            for item in fields(stream):
                self._hold(item)
                if item.tag == b"61":
                    self._add_entry(item)
                elif item.tag == b"86":
                    self._add_information(item)
                else:
                    self._take(item)
                if self.statement is None and (len(self.lines.heads) >= BLOCK_LINES or self.held >= BLOCK_BYTES):
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

    def _hold(self, item: Field) -> None:
        self.held += item.end - item.start
        if self.held > MAX_STATEMENT_BYTES:
            message = f"a statement of more than {MAX_STATEMENT_BYTES} bytes; ask the bank for shorter ones"
            raise FileRefusedError("STATEMENT_TOO_LONG", message)

    def _check_found(self) -> None:
        if not self.statements:
            raise FileRefusedError("NOT_MT940", "no statement (:20: to :62F:) in this file; send the bank's file")

    def _take(self, item: Field) -> None:
        """A field that is no line; a closing balance completes its statement."""
        match item.tag:
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
        size = one_amount(match.group(4).decode("ascii"), currency, item.start, 0)
        return size if match.group(1) == b"C" else -size, currency, day_of(match.group(2).decode("ascii"))

    def _add_entry(self, item: Field) -> None:
        self.records += 1
        if self.statement is None:
            message = "a :61: outside a statement, or before its opening balance; send the whole file again"
            raise FileRefusedError("BAD_ORDER", message, item.start, self.records)
        first, _, rest = item.body.partition(b"\n")
        lines = self.lines
        lines.heads.append(first.removesuffix(b"\r"))
        lines.supplements.append(b" ".join(rest.split()) if rest else b"")
        lines.texts.append(b"")
        lines.records.append(self.records)
        lines.starts.append(item.start)
        lines.stops.append(item.end)
        self.has_line = True
        if len(lines.heads) > MAX_STATEMENT_LINES:
            raise FileRefusedError("STATEMENT_TOO_LONG", f"a statement of more than {MAX_STATEMENT_LINES} lines")

    def _add_information(self, item: Field) -> None:
        """A :86: belongs to the :61: before it; one behind the balance, or before any line, is about the statement."""
        if not self.has_line:
            return
        text = item.body.rstrip(b"\r\n")
        if b"\n" in text:
            text = join_wrapped(text.replace(b"\r\n", b"\n").split(b"\n"))
        lines = self.lines
        lines.texts[-1] = lines.texts[-1] + b" " + text if lines.texts[-1] else text
        lines.stops[-1] = item.end

    def _flush(self) -> Parsed:
        lines, self.lines, self.held = self.lines, Lines(), 0
        resolved = resolve(lines, self.encoding, self.context.file)
        self.notes.extend(resolved.notes)
        if len(self.notes) > MAX_NOTES:
            message = f"more than {MAX_NOTES} statements do not add up; ask the bank for the file again"
            raise FileRefusedError("TOO_MANY_NOTES", message)
        self.rejected += len(resolved.rejects)
        self.total_fen += resolved.total_fen
        if not fits(self.total_fen):
            raise FileRefusedError("TOTAL_TOO_LARGE", "the amounts of this file add up beyond int64")
        return Parsed(resolved.frame, resolved.rejects)

    def _close(self, item: Field) -> None:
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
        self.lines.statements.append(statement)
        self.lines.places.append((self.started, item.end))
        self.lines.ends.append(len(self.lines.heads))
        self.statement, self.opened, self.has_line = None, False, False
        self.statements += 1

    def _end_message(self, start: int) -> None:
        """A message ends where its closing balance stood; one that does not was cut."""
        if self.opened or self.statement is not None:
            message = "a statement ends before its closing balance (:62F:); the file was cut: send it again"
            raise FileRefusedError("TRUNCATED", message, start)


def join_wrapped(lines: list[bytes]) -> bytes:
    """Lines of a field as one text: a line that fills its 65 bytes goes on without a blank, for it was only wrapped."""
    parts = [line if len(line) >= 65 else line + b" " for line in lines[:-1]]
    return b"".join(parts) + lines[-1]
