"""camt.053 and camt.054, versions .02 to .14, with or without a namespace, to STATEMENT_LINE frames.

Source: ISO 20022 message definitions camt.053.001.02 to .14; feeds.md "Bank clearing and statements";
docs/formats_accounts.md.

An entry (Ntry) is one movement of the account; its details (NtryDtls/TxDtls) say what it is made of. One row per
detail, and the details must sum to the entry; an entry without details is one row. CdtDbtInd is the direction of the
booking: RvslInd only says that it undoes an earlier one, it never flips the sign.

The file is read as a stream: lxml closes one detail and one entry after another, and each is dropped once it is a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, BinaryIO

from adapters.accounts.camt_details import BadEntryError, as_one_line, divide, entry_minor, sign_of
from adapters.accounts.camt_elements import Detail, Elements, Entry, Party, parse_day, remittance_text
from adapters.accounts.camt_head import Head, is_page, read_head
from adapters.accounts.currency import is_currency
from adapters.accounts.statement import (
    BLOCK_BYTES,
    BLOCK_LINES,
    DETAIL_DIFFERS,
    MAX_NOTES,
    NOT_BOOKED,
    UNDIVIDED,
    Block,
    Line,
    empty_line,
    fits,
)
from adapters.base import Closing, Context, Parsed, Read
from adapters.refused import FileRefusedError
from adapters.safe_xml import GuardedStream, drop, elements, local_name, namespace
from settlement.model.errors import BadInput
from settlement.model.rejects import Reject

MAX_DETAILS = 100_000
_CONTAINERS = {"BkToCstmrStmt": "camt053", "BkToCstmrDbtCdtNtfctn": "camt054", "BkToCstmrAcctRpt": "camt052"}
_ADVICE = {
    "camt053": "a bank statement; read it as camt053",
    "camt054": "a debit/credit notification; read it as camt054",
    "camt052": "an account report of the running day, which is not final; ask the bank for camt.053",
}
# banks keep the ISO name inside their own ("ISO:camt.053.001.02:APC:...", ".../camt.053.001.04.ch.02.xsd")
_MESSAGE_ID = re.compile(r"(?:^|[:/$])camt\.05([0-9])\.001\.([0-9]{2})(?![0-9])", re.ASCII)
_NOT_BOOKED = frozenset({"PDNG", "INFO", "FUTR"})


def reader(name: str) -> Read:
    """`read` of the format `name` (camt053 or camt054)."""

    def read(stream: BinaryIO, context: Context) -> Iterator[Parsed | Closing]:
        return _Reader(name, context).read(stream)

    return read


@dataclass(slots=True)
class _Reader:
    """One pass over one file. Settings: `details` is "rows" (a row per detail) or "entry" (a row per entry)."""

    name: str
    context: Context
    parts: Elements = field(default_factory=Elements)
    days: dict[str, date] = field(default_factory=dict)
    details: list[Detail] = field(default_factory=list)
    block: Block = field(default_factory=Block)
    rejects: list[Reject] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)
    names: dict[tuple[str, str], int] = field(default_factory=dict)  # of each account, how often it was met
    head: Head | None = None
    checked: bool = False
    paged: bool = False  # the message is one of several
    statements: int = 0
    records: int = 0
    accepted: int = 0
    rejected: int = 0
    skipped: int = 0
    total_fen: int = 0
    closing_date: date | None = None

    def read(self, stream: BinaryIO) -> Iterator[Parsed | Closing]:
        """Blocks of lines, then the Closing; a file that cannot be trusted ends with `refused`."""
        if self.context.settings.get("details", "rows") not in {"rows", "entry"}:
            raise BadInput(f"{self.context.source}: setting details is rows or entry")
        try:
            yield from self._blocks(GuardedStream(stream, "Ntry"))
            self._check_found()
        except FileRefusedError as refused:
            yield self._closing(refused.reject(self.context.file))
            return
        yield self._closing(None)

    def _check_found(self) -> None:
        if not self.checked:
            raise FileRefusedError("NOT_CAMT", f"no {self.name} message in this XML; send the bank's file unchanged")
        if not self.statements:
            raise FileRefusedError("NO_STATEMENT", "the message holds no statement; send the whole file again")

    def _closing(self, refused: Reject | None) -> Closing:
        waiting = ", ".join(f"{status} {count}" for status, count in sorted(self.waiting.items()))
        notes = [*self.notes, f"{NOT_BOOKED}: {waiting}"] if waiting else self.notes
        return Closing(
            records=self.records,
            accepted=self.accepted,
            rejected=self.rejected,
            skipped=self.skipped,
            total_fen=self.total_fen,
            clearing_date=self.closing_date,
            notes=tuple(notes),
            refused=refused,
        )

    def _blocks(self, guard: GuardedStream) -> Iterator[Parsed]:
        names, flushed = self.parts.local, 0
        for element in elements(guard, ("TxDtls", "Ntry", "GrpHdr", "Stmt", "Ntfctn", "Rpt")):
            match names[element.tag]:
                case "TxDtls":
                    self._take_detail(element)
                case "Ntry":
                    self._take_entry(element, guard)
                case "GrpHdr":
                    self._check_message(element.getparent())
                    pages = (child for child in element if names[child.tag] == "MsgPgntn")
                    self.paged = any(is_page(child, self.parts) for child in pages)
                    element.clear()
                case _:
                    self._end_statement(element, guard)
            guard.progress()
            full = self.block.size + len(self.rejects) >= BLOCK_LINES or guard.position - flushed >= BLOCK_BYTES
            if full and (self.block.size or self.rejects):
                flushed = guard.position
                yield self._flush()
        yield self._flush()

    def _flush(self) -> Parsed:
        parsed = Parsed(self.block.frame(self.context.file), self.rejects)
        self.rejects = []
        return parsed

    def _check_message(self, container: Any) -> None:
        """Refuses another message than the one that was asked for, and a version that is not .02 to .14."""
        name = _CONTAINERS.get(local_name(container)) if container is not None else None
        if name is None:
            raise FileRefusedError("NOT_CAMT", f"no {self.name} message in this XML; send the bank's file unchanged")
        if name != self.name:
            raise FileRefusedError("WRONG_MESSAGE", f"this is {name}, {_ADVICE[name]}")
        space = namespace(container)
        match = _MESSAGE_ID.search(space)
        if space and (match is None or match.group(1) != name[-1] or not 2 <= int(match.group(2)) <= 14):
            said = f"camt.05{match.group(1)}.001.{match.group(2)}" if match else "no version of camt"
            message = f"the namespace names {said}, not {name} version 02 to 14; ask the bank for one of these"
            raise FileRefusedError("BAD_VERSION", message)
        self.checked = True

    def _begin_statement(self, element: Any, guard: GuardedStream) -> Head:
        """The head of the statement, read when its first entry, or its end, is here."""
        if self.head is None:
            self._check_message(element.getparent())
            byte = guard.ranges[0][0] if guard.ranges else guard.position
            self.head = read_head(element, self.parts, byte, paged=self.paged)
            statement = self.head.statement
            key = (statement.account, statement.statement)
            count = self.names[key] = self.names.get(key, 0) + 1
            if count > 1:  # pages of one statement are statements of one id, each with its own balances
                statement.statement += f"#{count}"
        return self.head

    def _end_statement(self, element: Any, guard: GuardedStream) -> None:
        head = self._begin_statement(element, guard)
        head.check_end(element, self.parts)
        statement = head.statement
        if head.undivided:
            said = f"entries whose details have no amount in {statement.currency}, one line each: {head.undivided}"
            statement.notes.append(f"{UNDIVIDED}: statement {statement.shown}: {said}")
        if head.differing:
            said = f"entries whose one detail has another amount, one line each: {head.differing}"
            statement.notes.append(f"{DETAIL_DIFFERS}: statement {statement.shown}: {said}; {head.first_differing}")
        wanted = self.name == "camt053"
        first = f", first entry at byte {head.byte}" if statement.lines else ""
        place, why = f" (line {head.line}{first})", head.other_balances
        self.notes.extend(statement.balance_notes(wants_balances=wanted, place=place, why=why))
        if len(self.notes) > MAX_NOTES:
            message = f"more than {MAX_NOTES} statements do not add up; ask the bank for the file again"
            raise FileRefusedError("TOO_MANY_NOTES", message)
        days = [day for day in (self.closing_date, statement.closing_date) if day is not None]
        self.closing_date = max(days, default=None)
        if statement.lines == 0:
            self.block.add(statement, [empty_line(0, guard.position)])
        self.statements += 1
        self.head = None
        drop(element)

    def _take_detail(self, element: Any) -> None:
        if len(self.details) >= MAX_DETAILS:
            raise FileRefusedError("TOO_MANY_DETAILS", f"an entry with more than {MAX_DETAILS} details")
        self.details.append(self.parts.detail(element))
        element.clear()

    def _take_entry(self, element: Any, guard: GuardedStream) -> None:
        """One entry becomes lines, a reject, or a count of what is not booked."""
        owner = element.getparent()
        if owner is None or self.parts.local[owner.tag] not in {"Stmt", "Ntfctn", "Rpt"}:
            raise FileRefusedError("NOT_CAMT", "an entry outside a statement; send the bank's file unchanged")
        head = self._begin_statement(owner, guard)
        entry = self.parts.entry(element)
        drop(element)
        details, self.details = self.details, []
        start, end = guard.ranges.popleft() if guard.ranges else (-1, -1)
        self.records += 1
        try:
            amount = self._entry_amount(entry, head)
            self._count(head, entry, amount)
            if self._is_booked(entry):
                self._add_lines(head, entry, details, amount, (self.records, start, end))
                self.accepted += 1
            else:
                self.skipped += 1
        except BadEntryError as bad:
            head.tally(entry.indicator).unread += bad.field == "Amt"
            self.rejected += 1
            self.rejects.append(Reject(self.context.file, self.records, start, bad.field, bad.code, bad.message))

    def _count(self, head: Head, entry: Entry, amount: int) -> None:
        tally, booked = head.tally(entry.indicator), entry.status == "BOOK"
        tally.count += 1
        tally.fen += amount
        tally.booked += booked
        tally.booked_fen += amount * booked
        self.total_fen += amount
        if not fits(self.total_fen):
            raise FileRefusedError("TOTAL_TOO_LARGE", "the amounts of this file add up beyond int64")

    def _entry_amount(self, entry: Entry, head: Head) -> int:
        """Unsigned minor units of the entry, whose currency must be the statement's."""
        if entry.amount is None:
            raise BadEntryError("Amt", "NO_AMOUNT", "the entry has no amount; ask the bank to send it again")
        statement = head.statement
        currency = entry.amount.currency
        if not is_currency(currency):
            raise BadEntryError("Ccy", "BAD_CURRENCY", "not a currency; three capital letters, like CNY")
        if not statement.currency:
            statement.currency = currency
        if currency != statement.currency:
            message = (
                f"the entry is in {currency}, the statement in {statement.currency}; ask the bank for one currency"
            )
            raise BadEntryError("Ccy", "OTHER_CURRENCY", message)
        return entry_minor(entry.amount, "Amt")

    def _is_booked(self, entry: Entry) -> bool:
        """True for BOOK; what is pending or informs only is counted and skipped."""
        if entry.status in _NOT_BOOKED:
            self.waiting[entry.status] = self.waiting.get(entry.status, 0) + 1
            return False
        if entry.status != "BOOK":
            said = "has no status" if entry.status is None else "has another status than BOOK, PDNG, INFO or FUTR"
            raise BadEntryError("Sts", "UNKNOWN_STATUS", f"the entry {said}; ask the bank whether it is booked")
        return True

    def _add_lines(
        self, head: Head, entry: Entry, details: list[Detail], amount: int, place: tuple[int, int, int]
    ) -> None:
        """The lines of a booked entry; everything is checked before the first of them counts."""
        statement = head.statement
        sign = sign_of(entry.indicator, "CdtDbtInd")
        reversal = _reversal(entry.reversal)
        booking, value = self._day(entry.booking, "BookgDt"), self._day(entry.value, "ValDt")
        if self.context.settings.get("details") == "entry":
            pairs = as_one_line(details, sign * amount)
        else:
            pairs = divide(head, entry, details, sign, amount, self.records)
        if not fits(statement.total_fen + sign * amount):
            raise FileRefusedError("TOTAL_TOO_LARGE", "the amounts of this statement add up beyond int64")
        statement.total_fen += sign * amount
        lines = []
        for detail, signed in pairs:
            statement.lines += 1
            other = _other_side(detail, statement.account, signed, reversal) if detail is not None else Party()
            lines.append(_line(statement.lines, (booking, value), signed, reversal, entry, detail, other, place))
        self.block.add(statement, lines)

    def _day(self, text: str | None, name: str) -> date | None:
        if text is None:
            return None
        found = self.days.get(text)
        if found is None:
            try:
                found = parse_day(text)
            except ValueError as error:
                raise BadEntryError(name, "BAD_DATE", str(error)) from None
            if len(self.days) < MAX_DETAILS:
                self.days[text] = found
        return found


def _line(
    number: int,
    days: tuple[date | None, date | None],
    signed: int,
    reversal: bool,
    entry: Entry,
    detail: Detail | None,
    other: Party,
    place: tuple[int, int, int],
) -> Line:
    reference = entry.reference or entry.own_reference
    end_to_end_id = None
    bank_code = entry.bank_code
    if detail is not None:
        reference = detail.reference or reference
        end_to_end_id = detail.end_to_end_id
        bank_code = detail.bank_code or bank_code
    remittance = remittance_text(detail, entry)
    said = (reference, end_to_end_id, other.name, other.account, remittance, bank_code)
    return Line(number, *days, signed, reversal, *said, *place)


def _other_side(detail: Detail, own: str, signed: int, reversal: bool) -> Party:
    """The debtor of a credit and the creditor of a debit.

    A reversal and a returned payment keep the parties of what they undo, so there it is the other way round; but banks
    differ, and who has our own account is never the other side.
    """
    undone = reversal or detail.returned is not None
    other, one = (detail.debtor, detail.creditor) if (signed >= 0) != undone else (detail.creditor, detail.debtor)
    if undone and other.name is None and other.account is None:
        return one
    return one if other.account == own and one.account != own and (one.name or one.account) else other


def _reversal(text: str | None) -> bool:
    if text in {None, "false", "0"}:
        return False
    if text in {"true", "1"}:
        return True
    raise BadEntryError("RvslInd", "BAD_REVERSAL", "neither true nor false")
