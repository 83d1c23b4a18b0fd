"""The lines of many MT940 statements at once: `:61:` heads to columns, what `:86:` says, balances.

Most files are small, and one data frame expression costs as much as reading fifty lines: so the work is done on lists,
a column at a time, with one regex over all heads joined. NUL joins them, for a file that holds one is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import chain
from operator import mul
from typing import Any

import polars as pl

from adapters.accounts.currency import minor_digits
from adapters.accounts.mt940_heads import IBAN, day_of, is_iban, sizes_of
from adapters.accounts.mt940_text import read_information
from adapters.accounts.statement import Statement, fits, line_frame, spread
from adapters.refused import FileRefusedError
from adapters.text_lines import decode
from settlement.model.rejects import Reject

# value day and entry day (with its time: Pekao), mark, funds code, amount, transaction type, references; then the line
# behind the first. What may be missing is written (?:X|), which Python takes faster than (?:X)?.
_HEAD = re.compile(
    r"\0:61:([0-9]{6}(?:[0-9]{4}| {4}|))(?:(?<=[0-9]{10})[0-2][0-9][0-5][0-9][0-5][0-9]|)(R?[CD])[A-Z]?[ \n]?"
    r"([0-9]{1,18}),([0-9]{0,3})"
    r"(?: ?((?!NONREF|NOTPROVIDED)[NSF][A-Z0-9 ]{3}|[A-Z]{4}(?=NONREF\b))|)([^\0\n]*)(?:\n([^\0]*)|)(?=\0)"
)
_AMOUNT = "0123456789.,"  # behind the decimals it is of an amount that is written otherwise: 1,000.00
NO_LINE = b":61:700101C0,00"  # keeps the place of a statement without lines
# the one table of signs: a reversal of a credit takes money away (SWIFT MT940, field 61, subfield 3)
_SIGNS = {"C": 1, "D": -1, "RC": -1, "RD": 1}
# whether the other side is who paid, and whether it is in a return; a reversal names the sides of what it undoes
_PAYERS = {"C": (True, False), "D": (False, True), "RC": (True, True), "RD": (False, False)}
_REVERSALS = {"C": False, "D": False, "RC": True, "RD": True}
# what banks write where the payer gave no reference, or where :86: has it
_NO_REFERENCE = frozenset(["", "NONREF", "NOTPROVIDED", "KREF+", "KREF", "PREF", "EREF", "MARF", ".", "N", "X"])
# of banks that leave out the letter before: 100,00TRF//B1
_NO_REFERENCE |= {"TRF", "MSC", "CHG", "INT", "COM"}
_NONE_TOLD = ("NONREF", "NOTPROVIDED")  # in :86:, and behind the // of :61:
_REFERENCE = 16  # characters of the customer's reference; Rabobank fills it with blanks and names the other side behind
_FILLED = re.compile(r".{14}  \S", re.DOTALL)  # blanks elsewhere are of an id that is longer than it may be
# a line that fills its 65 bytes goes on without a blank, for it was only wrapped; some banks count `:86:` in. One of
# more than 70, but for letters that take several bytes each, is of a bank that does not wrap
_WRAPPED = re.compile(rb"\n(?:(?<=[^\n\0]{65}\n)(?<![\x01-\x09\x0b-\x7f]{71}\n)|(?<=\0/[^\n\0]{60}\n))(?!:86:)")
# 64 bytes that do not end with the sign of a subfield: the blank that the bank wrote last was cut off
_CUT = re.compile(rb"\n(?<=[\n\0][^\n\0]{63}[^\n\0?<>^~+]\n)(?![?]|:86:)")
_SUBFIELDS = re.compile(rb"\0\s*[0-9]{3,4}\s*[?<>^~+]")
# what the line behind a :61: holds beside text: the other side's account (Rabobank), a type of transaction (ING)
# of the Netherlands: its IBAN, and before that ten digits
_DUTCH = re.compile(r"NL[0-9]{2}[A-Z]{4}[0-9]{10}|[0-9]{10}", re.ASCII)
_TYPE = re.compile(r"/TRCD/[0-9]+/", re.ASCII)
# what NO_LINE seems to say and does not
_ABSENT = ("booking_date", "value_date", "amount_fen", "reversal")
_PLACE = frozenset({"record", "byte_start", "byte_end"})
_PARTS = 8  # the groups, and what stands between two heads: nothing
_EPOCH = date(1970, 1, 1).toordinal()

Places = list[tuple[int, int]]


@dataclass(slots=True)
class Lines:
    """Rows of closed statements, in file order.

    A row is a `:61:` as it stands and the text of the `:86:` behind it. A statement without lines has one row: NO_LINE,
    record 0.
    """

    heads: list[bytes] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    records: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)

    def columns(self) -> tuple[list[bytes], list[bytes], list[int], list[int], list[int]]:
        """The five, for a loop that appends to all."""
        return self.heads, self.texts, self.records, self.starts, self.stops


@dataclass(frozen=True, slots=True)
class Resolved:
    """A frame of the accepted lines, the rejects, the notes on balances, and the unsigned sum of all lines."""

    frame: pl.DataFrame
    rejects: list[Reject]
    notes: list[str]
    total_fen: int


def resolve(statements: list[Statement], places: Places, lines: Lines, encoding: str, file: str) -> Resolved:
    """Takes the lines of `statements`, which stand at `places`, apart, and sums them up.

    FileRefusedError: the first line that does not fit the grammar, or cannot be decoded.
    """
    days, marks, wholes, decimals, codes, rests, extras = _heads(lines, encoding)
    digits = spread([minor_digits(statement.currency) for statement in statements], _counts(statements))
    sizes = sizes_of(wholes, decimals, digits, lines.starts, lines.records)
    pairs = [_days(day) for day in days]
    booking = [pair[0] for pair in pairs]
    said: list[str | None] = []
    for text, mark in zip(_said(lines, encoding), marks, strict=True):
        said += read_information(text, _PAYERS[mark])
    if any(extras):
        currencies = spread([statement.currency for statement in statements], _counts(statements))
        _add_second_lines(said, rests, extras, currencies)
    # twice, for tuples by the thousand keep the garbage collector busy
    customers = [rest.partition("//")[0].strip() for rest in rests]
    references = [rest.partition("//")[2].strip() or None for rest in rests]
    if any(none in references for none in _NONE_TOLD):
        references = [None if reference in _NONE_TOLD else reference for reference in references]
    if max(map(len, customers), default=0) > _REFERENCE:
        _shorten(customers, said)
    columns: dict[str, list[Any]] = {
        "booking_date": booking,
        "value_date": [pair[1] for pair in pairs],
        "amount_fen": list(map(mul, sizes, map(_SIGNS.__getitem__, marks))),
        "reversal": list(map(_REVERSALS.__getitem__, marks)),
        "reference": references,
        "end_to_end_id": [
            told if told and told not in _NONE_TOLD else None if customer in _NO_REFERENCE else customer
            for told, customer in zip(said[::4], customers, strict=True)
        ],
        "counterparty_name": said[1::4],
        "counterparty_account": said[2::4],
        "remittance": said[3::4],
        "bank_code": [code and code.strip() for code in codes],
        "record": lines.records,
        "byte_start": lines.starts,
        "byte_end": lines.stops,
    }
    undated = [row for row, day in enumerate(booking) if day is None and lines.records[row]]
    rejects = [_undated(file, lines.records[row], lines.starts[row]) for row in undated]
    if undated:
        columns = _without(set(undated), columns, statements, places)
    notes = _balances(statements, places, columns)
    numbers = [range(1, one.lines + 1) if one.lines else (None,) for one in statements]
    columns["line"] = list(chain.from_iterable(numbers))
    return Resolved(line_frame(statements, _counts(statements), columns, file), rejects, notes, sum(sizes))


def _counts(statements: list[Statement]) -> list[int]:
    """Rows of each statement: its lines, or one that has none."""
    return [statement.lines or 1 for statement in statements]


def _heads(lines: Lines, encoding: str) -> list[list[Any]]:
    """The seven parts of every head, as columns. Own count of `:61:` equals transactions."""
    joined = b"\0".join([b"", *lines.heads, b""]).replace(b"\r\n", b"\n").replace(b"\r\0", b"\0")
    try:
        text = joined.decode(encoding)
    except UnicodeDecodeError:
        _name_undecodable(lines.heads, lines.starts, encoding)
        raise
    # a flat list, for tuples by the thousand keep the garbage collector busy
    parts: list[str | None] = _HEAD.split(text)
    columns = [parts[column::_PARTS] for column in range(1, _PARTS)]
    row = None
    if len(parts) != len(lines.heads) * _PARTS + 1:
        row = next(row for row, head in enumerate(text.split("\0")[1:-1]) if not _HEAD.match(f"\0{head}\0"))
    elif None in columns[4]:
        pairs = enumerate(zip(columns[4], columns[5], strict=True))
        row = next((row for row, (code, rest) in pairs if code is None and rest and rest[0] in _AMOUNT), None)
    if row is not None:
        message = (
            "a :61: is YYMMDD, perhaps MMDD, C D RC or RD, perhaps a letter, then digits, a comma, decimals: "
            "a '.' is never a decimal; correct the file"
        )
        raise FileRefusedError("BAD_LINE", message, lines.starts[row], lines.records[row], ":61:")
    return columns


def _said(lines: Lines, encoding: str) -> list[str]:
    """What `:86:` says of each row, wrapped lines made one; the line ends that are left stand."""
    joined = b"\0".join([b"", *lines.texts])
    if b"\n" in joined:
        joined = joined.replace(b"\r\n", b"\n")
        if _SUBFIELDS.search(joined):  # in other texts a line end is a blank anyway
            joined = _CUT.sub(b" \n", joined)
        joined = _WRAPPED.sub(b"", joined)
    try:
        return joined.decode(encoding).split("\0")[1:]
    except UnicodeDecodeError:
        _name_undecodable(joined.split(b"\0")[1:], lines.starts, encoding)
        raise


def _add_second_lines(
    said: list[str | None], rests: list[str], extras: list[str | None], currencies: list[str]
) -> None:
    """Adds what stands behind the first line of each `:61:` to `said` (four a row) and `rests`."""
    for row, extra in enumerate(extras):
        if not extra:
            continue
        if extra[:2] == "//" and "//" not in rests[row]:  # the bank's reference, which found no room
            first, _, extra = extra.partition("\n")
            rests[row] += first
        at = 4 * row + 2
        extra = " ".join(extra.split())
        if currencies[row] == "EUR":
            customer, slashes, bank = rests[row].partition("//")
            if _names_other_side(customer.strip(), extra, said[at + 1] or ""):
                said[at - 1], said[at] = said[at - 1] or extra, said[at] or customer.strip()
                rests[row] = slashes + bank
        said[at], said[at + 1] = _supplemented(said[at], said[at + 1], extra)


def _names_other_side(customer: str, extra: str, text: str) -> bool:
    """SNS, ASN: the customer's reference is the other side's account, and `extra` its name; `text` begins with both."""
    if not customer or not extra or not text.startswith(customer):
        return False
    behind = text.removeprefix(f"{customer} {extra}")
    if behind == text or behind[:1].strip():
        return False
    return bool(_DUTCH.fullmatch(customer)) or is_iban(customer)


def _shorten(customers: list[str], said: list[str | None]) -> None:
    """Takes what is no reference out of those that are longer than they may be."""
    for row, customer in enumerate(customers):
        if len(customer) <= _REFERENCE:
            continue
        at = 4 * row + 1
        if _FILLED.match(customer):
            said[at] = said[at] or customer[_REFERENCE:].strip() or None
            customers[row] = customer[:_REFERENCE].strip()
        elif is_iban(customer):  # the other side's account (DenizBank)
            said[at + 1] = said[at + 1] or customer
            customers[row] = ""


def _supplemented(account: str | None, remittance: str | None, extra: str) -> tuple[str | None, str | None]:
    """With what the line behind the `:61:` adds: an account that no text gives, or text that none holds yet."""
    if extra[2:4].isdigit() and IBAN.fullmatch(extra):
        if account in {None, extra}:
            return extra, remittance
    elif not extra.strip("- "):
        return account, remittance
    if remittance is None:
        return account, extra
    if extra in remittance or (extra[0] == "/" and _TYPE.fullmatch(extra)):
        return account, remittance
    if remittance.startswith("/RTRN/"):  # a return is known by how its text begins
        reason, _, remittance = remittance.partition("/ ")
        return account, f"{reason.rstrip('/')}/ {extra} {remittance}".rstrip(" ")
    return account, f"{extra} {remittance}"


def _name_undecodable(raw: list[bytes], starts: list[int], encoding: str) -> None:
    for one, start in zip(raw, starts, strict=True):
        decode(one, encoding, start)


@lru_cache(maxsize=4096)
def _days(text: str) -> tuple[int | None, int | None]:
    """(booking day, value day) of "YYMMDD" or "YYMMDDMMDD", in days since 1970; both None where one is no day."""
    day = day_of(text[:6])
    booking = _entry_day(text[6:], day)
    if day is None or booking is None:
        return None, None
    return booking.toordinal() - _EPOCH, day.toordinal() - _EPOCH


def _entry_day(text: str, value: date | None) -> date | None:
    """MMDD in the year that brings it nearest to the value date (over New Year); without it, the value date."""
    if value is None or not text.strip():
        return value
    found: list[date] = []
    for year in (value.year - 1, value.year, value.year + 1):
        try:
            found.append(date(year, int(text[:2]), int(text[2:])))
        except ValueError:
            continue
    return min(found, key=lambda day: abs(day - value), default=None)


def _undated(file: str, record: int, start: int) -> Reject:
    message = "no such day in the calendar; ask the bank for the line's date"
    return Reject(file, record, start, ":61:", "BAD_DATE", message)


def _without(
    rows: set[int], columns: dict[str, list[Any]], statements: list[Statement], places: Places
) -> dict[str, list[Any]]:
    """Columns without `rows`; a statement that has no other line keeps one row, and is one without lines."""
    keep: list[int] = []
    at = 0
    for statement, count, place in zip(statements, _counts(statements), places, strict=True):
        kept = [row for row in range(at, at + count) if row not in rows]
        at += count
        if not kept:
            kept = [at - 1]
            columns["record"][at - 1] = 0
            columns["byte_start"][at - 1], columns["byte_end"][at - 1] = place
            for name in columns.keys() - _PLACE:
                columns[name][at - 1] = None
            statement.lines = 0
        else:
            statement.lines = min(statement.lines, len(kept))
        keep.extend(kept)
    return {name: [column[row] for row in keep] for name, column in columns.items()}


def _balances(statements: list[Statement], places: Places, columns: dict[str, list[Any]]) -> list[str]:
    """Sums each statement's lines, exactly, and names the differences; the row of one without lines says nothing."""
    notes: list[str] = []
    amounts = columns["amount_fen"]
    bare: list[int] = []
    at = 0
    for statement, (start, _) in zip(statements, places, strict=True):
        if statement.lines:
            end = at + statement.lines
            statement.total_fen = sum(amounts[at:end])
            if not fits(statement.total_fen):
                raise FileRefusedError("TOTAL_TOO_LARGE", "the amounts of a statement add up beyond int64")
            at = end
        else:
            bare.append(at)
            at += 1
        notes.extend(statement.balance_notes(wants_balances=True, place=f" (byte {start})"))
    for column in map(columns.__getitem__, _ABSENT):
        for row in bare:
            column[row] = None
    return notes
