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

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO

from adapters.accounts.mt940_fields import MAX_FIELD, Fields, check_hidden, chunks
from adapters.accounts.mt940_heads import Heads, statements_of
from adapters.accounts.mt940_lines import NO_LINE, Lines, resolve
from adapters.accounts.mt940_text import NEXT_TEXT
from adapters.accounts.statement import BLOCK_BYTES, BLOCK_LINES, MAX_NOTES, fits
from adapters.base import Closing, Context, Parsed
from adapters.refused import FileRefusedError
from adapters.text_lines import encoding_of
from settlement.model.rejects import Reject

MAX_STATEMENT_LINES = 200_000  # kept until its closing balance is known
MAX_STATEMENT_BYTES = 48 * 1024 * 1024
_NEXT = NEXT_TEXT.encode()


def read_mt940(stream: BinaryIO, context: Context) -> Iterator[Parsed | Closing]:
    """Blocks of lines, then the Closing. Setting: `encoding` (UTF-8 by default)."""
    return _Reader(context, encoding_of(context.settings.get("encoding"), context.source)).read(stream)


@dataclass(slots=True)
class _Reader:
    """Holds the order of the fields; what they say is taken apart when a block of whole statements is together."""

    context: Context
    encoding: str
    opened: bool = False  # from :20: (or a :25: without one) to the closing balance
    paged: bool = False  # behind :62M:, which :60M: may continue without a :20: of its own
    inside: bool = False  # from the opening balance to the closing one
    started: int = 0
    reference: bytes = b""
    account: bytes = b""
    number: bytes = b""
    head: tuple[bytes, bytes, bytes] = (b"", b"", b"")  # these three as they stood before the opening balance
    opening: bytes = b""
    opening_start: int = 0
    dash: tuple[int, int] = (0, 0)  # bytes of the last line `-`, and where what stands behind it ends
    stop: int = 0  # bytes of the fields that were read
    first: int = 0  # row in `lines` of the statement's first line
    heads: Heads = field(default_factory=Heads)
    lines: Lines = field(default_factory=Lines)
    notes: list[str] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    statements: int = 0
    records: int = 0
    rejected: int = 0
    held: int = 0  # bytes of the chunks whose lines are kept
    total_fen: int = 0
    closing_date: date | None = None

    def read(self, stream: BinaryIO) -> Iterator[Parsed | Closing]:
        """Statement by statement: its closing balance stands behind its lines."""
        refused = None
        try:
            for fields in chunks(stream):
                try:
                    yield from self._add(fields)
                except FileRefusedError:  # a line that is hidden may be why
                    check_hidden(fields, fields.text.count(b"\n:61:"))
                    raise
            self._end_message(self.stop, b"")
            self._check_found()
            if self.lines.heads:
                yield self._flush()
        except FileRefusedError as fault:
            error = self._first(fault)
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

    def _first(self, fault: FileRefusedError) -> FileRefusedError:
        """A balance that stands before the fault may be one itself; the file's first is the one to name."""
        heads = self.heads
        if self.inside:  # of a statement that has no end its opening balance may be why
            heads.texts += self.head
            heads.balances += (self.opening, self.opening)
            heads.balance_starts += (self.opening_start, self.opening_start)
            heads.places.append((self.started, self.opening_start))
            heads.counts.append(0)
        try:
            if heads.counts:
                statements_of(heads, self.encoding, {})
        except FileRefusedError as earlier:
            return earlier
        return fault

    def _add(self, fields: Fields) -> Iterator[Parsed]:
        """The fields of a chunk, in order."""
        heads, texts, records, starts, stops = self.lines.columns()
        self.stop, before = fields.starts[-1], self.records
        self.held += self.stop - fields.starts[0]
        for raw, start, end in zip(fields.raw, fields.starts, fields.starts[1:], strict=False):
            tag = raw[:4]
            if tag == b":61:":
                self.records += 1
                if not self.inside:
                    message = "a :61: outside a statement, or before its opening balance; send the whole file again"
                    raise FileRefusedError("BAD_ORDER", message, start, self.records)
                heads.append(raw)
                texts.append(b"")
                records.append(self.records)
                starts.append(start)
                stops.append(end)
            elif tag == b":86:":
                # of the :61: before it; one behind the balance, or before any line, is about the statement
                if self.inside and len(heads) > self.first:
                    text = raw[4:].rstrip(b"\r\n")
                    texts[-1] = _bounded(texts[-1] + _NEXT + text, start) if texts[-1] else text
                    stops[-1] = end
            elif step := _STEPS.get(tag):
                if step(self, raw, start, end):
                    yield self._flush()
                    heads, texts, records, starts, stops = self.lines.columns()
            elif raw[:1] == b"-" and raw[:2] != b"-}":
                self._dash(raw, start, end)
            elif not raw.startswith(b":"):
                self._end_message(start, raw)
        check_hidden(fields, self.records - before)
        if len(heads) > MAX_STATEMENT_LINES:
            raise FileRefusedError("STATEMENT_TOO_LONG", f"a statement of more than {MAX_STATEMENT_LINES} lines")
        if self.held > MAX_STATEMENT_BYTES:
            message = f"a statement of more than {MAX_STATEMENT_BYTES} bytes; ask the bank for shorter ones"
            raise FileRefusedError("STATEMENT_TOO_LONG", message)

    def _dash(self, raw: bytes, start: int, end: int) -> None:
        """A line `-` ends a message, unless a field of the same one follows: it is text then.

        Which of the two shows later: inside a statement it is kept as text, and where no more of that follows, the next
        :20: or the end of the file finds the statement cut.
        """
        self.dash = (start, end)
        lines = self.lines
        if self.inside and len(lines.heads) > self.first:
            part = lines.texts if lines.texts[-1] else lines.heads
            part[-1] = _bounded(part[-1] + b"\n" + raw.rstrip(b"\r\n"), start)
            lines.stops[-1] = end

    def _supplement(self, raw: bytes, start: int, end: int) -> None:
        """What the bank adds in its own way (:NS:) serves as the line behind a :61: does."""
        lines = self.lines
        if self.inside and len(lines.heads) > self.first:
            lines.heads[-1] = _bounded(lines.heads[-1] + b"\n" + raw[4:], start)
            lines.stops[-1] = end

    def _begin(self, raw: bytes, start: int, _end: int) -> None:
        if self.opened:
            self._end_message(start, raw)
        self.opened, self.paged, self.started = True, False, start
        self.reference, self.account, self.number = raw[4:].strip(), b"", b""

    def _set_account(self, raw: bytes, start: int, _end: int) -> None:
        """Some begin a statement here, without `:20:`, or write several accounts behind one."""
        if not self.opened:
            self.opened, self.paged, self.started, self.number = True, False, start, b""
        self.account = raw.split(b":", 2)[2].strip()

    def _set_account_of_party(self, raw: bytes, start: int, end: int) -> None:
        """The account stands on the first line, the BIC of who keeps it on the second."""
        self._set_account(raw[:3] + raw[4:].partition(b"\n")[0], start, end)

    def _set_number(self, raw: bytes, _start: int, _end: int) -> None:
        self.number = raw.split(b":", 2)[2].strip()

    def _open(self, raw: bytes, start: int, _end: int) -> None:
        if not self.opened and self.paged and raw.startswith(b":60M:"):
            self.opened, self.started = True, start
        if not self.opened or self.inside or not self.account:
            message = "an opening balance without :25: before it, or a second one; send the whole file again"
            raise FileRefusedError("BAD_ORDER", message, start)
        self.head = (self.reference, self.account, self.number)
        self.inside, self.opening, self.opening_start, self.first = True, raw, start, len(self.lines.heads)

    def _close(self, raw: bytes, start: int, end: int) -> bool:
        """A closing balance completes its statement; True where it completes a block."""
        if not self.inside:
            message = "a closing balance without an opening balance; send the whole file again"
            raise FileRefusedError("BAD_ORDER", message, start)
        lines, heads = self.lines, self.heads
        count = len(lines.heads) - self.first
        if not count:
            lines.heads.append(NO_LINE)
            lines.texts.append(b"")
            lines.records.append(0)
            lines.starts.append(self.started)
            lines.stops.append(end)
        heads.texts += self.head
        heads.balances += (self.opening, raw.partition(b"-}")[0])  # the end of the message may stand on its line
        heads.balance_starts += (self.opening_start, start)
        heads.places.append((self.started, end))
        heads.counts.append(count)
        self.opened = self.inside = False
        self.paged = raw.startswith(b":62M:")
        self.statements += 1
        return len(lines.heads) >= BLOCK_LINES or self.held >= BLOCK_BYTES

    def _flush(self) -> Parsed:
        heads, lines, self.heads, self.lines = self.heads, self.lines, Heads(), Lines()
        self.held = 0
        statements = statements_of(heads, self.encoding, self.names)
        resolved = resolve(statements, heads.places, lines, self.encoding, self.context.file)
        self.notes.extend(resolved.notes)
        if len(self.notes) > MAX_NOTES:
            message = f"more than {MAX_NOTES} statements do not add up; ask the bank for the file again"
            raise FileRefusedError("TOO_MANY_NOTES", message)
        self.rejected += len(resolved.rejects)
        self.total_fen += resolved.total_fen
        days = [self.closing_date, *(statement.closing_date for statement in statements)]
        self.closing_date = max(filter(None, days), default=None)
        if not fits(self.total_fen):
            raise FileRefusedError("TOTAL_TOO_LARGE", "the amounts of this file add up beyond int64")
        return Parsed(resolved.frame, resolved.rejects)

    def _refuse_interim(self, _raw: bytes, start: int, _end: int) -> None:
        if self.opened and not self.inside:
            message = "this is MT942, a report of the running day, which is not final; ask the bank for MT940"
            raise FileRefusedError("WRONG_MESSAGE", message, start)

    def _end_message(self, start: int, raw: bytes) -> None:
        """A message ends where its closing balance stood; one that does not was cut. `raw`: what ends it."""
        if self.opened or self.inside:
            if start == self.dash[1]:
                start, raw = self.dash[0], b"-"
            end = f"at the line {raw[:4].decode('ascii', 'replace')!r}" if raw else "with the file"
            message = f"a statement ends {end}, before its closing balance (:62F:); the file was cut: send it again"
            raise FileRefusedError("TRUNCATED", message, start)


def _bounded(text: bytes, start: int) -> bytes:
    if len(text) > MAX_FIELD:
        raise FileRefusedError("FIELD_TOO_LONG", f"text of more than {MAX_FIELD} bytes behind a :61:", start)
    return text


# the fields that are no lines; all others say nothing that is read here
_STEPS: dict[bytes, Callable[[_Reader, bytes, int, int], bool | None]] = {
    b":20:": _Reader._begin,
    b":25:": _Reader._set_account,
    b":25P": _Reader._set_account_of_party,
    b":28:": _Reader._set_number,
    b":28C": _Reader._set_number,
    b":60F": _Reader._open,
    b":60M": _Reader._open,
    b":62F": _Reader._close,
    b":62M": _Reader._close,
    b":NS:": _Reader._supplement,
    b":34F": _Reader._refuse_interim,
    b":90C": _Reader._refuse_interim,
    b":90D": _Reader._refuse_interim,
}
