"""The head of one camt statement: its id, account, currency, balances, and the totals it declares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from adapters.accounts.camt_elements import Elements, amount_of, first_of, parse_day, text_of
from adapters.accounts.currency import format_minor, is_currency, minor_digits
from adapters.accounts.statement import BALANCE_CURRENCY, Statement
from adapters.safe_xml import XmlRefusedError
from settlement.model.money import parse_amount

_OPENING = ("OPBD", "PRCD")
_CLOSING = ("CLBD",)
_INTERIM = "ITBD"


@dataclass(frozen=True, slots=True)
class _Balance:
    code: str
    amount_fen: int
    currency: str
    day: date | None


@dataclass(slots=True)
class Head:
    """A statement's head and the tally of its entries, compared at its end with what it declares."""

    statement: Statement
    balances: int
    declared: tuple[int | None, int | None]  # entries, unsigned sum; None: not declared
    entries: int = 0
    entries_fen: int = 0
    booked: int = 0
    booked_fen: int = 0
    unread: int = 0  # entries whose amount could not be read
    undivided: int = 0  # entries of several details none of which has an amount in their currency

    def check_end(self, element: Any, parts: Elements) -> None:
        """Refuses a declared total that is not the entries', and balances that stand after the first entry."""
        late = sum(parts.local[child.tag] in {"Bal", "TxsSummry"} for child in element) - self.balances
        if late:
            message = f"statement {self.statement.shown}: a balance or total after the first entry"
            raise XmlRefusedError("LATE_BALANCE", message)
        count, total = self.declared
        if count is not None and count not in {self.entries + self.unread, self.booked}:
            message = f"statement {self.statement.shown} declares {count} entries and has {self.entries + self.unread}"
            raise XmlRefusedError("COUNT_MISMATCH", f"{message}; send the whole file again")
        if total is None:
            return
        if self.unread:
            message = f"statement {self.statement.shown} declares a total, and an amount in it cannot be read"
            raise XmlRefusedError("TOTAL_UNPROVEN", f"{message}; send the file again")
        if total not in {self.entries_fen, self.booked_fen}:
            says, has = (format_minor(v, self.statement.currency) for v in (total, self.entries_fen))
            message = f"statement {self.statement.shown} declares a total of {says} and its entries sum to {has}"
            raise XmlRefusedError("TOTAL_MISMATCH", f"{message}; send the whole file again")


def read_head(element: Any, parts: Elements) -> Head:
    """The head from a Stmt or Ntfctn whose first entry has been read, or that has none. Raises XmlRefusedError."""
    identity = account = currency = None
    balances: list[_Balance] = []
    summary: Any = None
    paged = False
    seen = 0
    for child in element:
        match parts.local[child.tag]:
            case "Id":
                identity = text_of(child)
            case "Acct":
                account = parts.account(child)
                currency = next((text_of(x) for x in child if parts.local[x.tag] == "Ccy"), None)
            case "Bal":
                seen += 1
                balances.append(_balance(child, parts))
            case "TxsSummry":
                seen += 1
                summary = child
            case "StmtPgntn" | "NtfctnPgntn":
                paged = [text_of(x) for x in child] != ["1", "true"]
            case "Ntry":
                break  # the parser may be ahead of the first entry; what stands behind it is not the head
    if identity is None or account is None:
        raise XmlRefusedError("NO_ACCOUNT", "a statement without an id or an account; ask the bank to send it again")
    if currency and not is_currency(currency):
        raise XmlRefusedError(
            "BAD_CURRENCY", "the account's currency is not three capital letters, like CNY; ask the bank"
        )
    opening, closing = _ends(balances, currency)
    currency = currency or next((b.currency for b in (opening, closing) if b is not None), "")
    statement = Statement(identity, account, currency)
    if opening is not None:
        statement.opening_fen = opening.amount_fen
    if closing is not None:
        statement.closing_fen, statement.closing_date = closing.amount_fen, closing.day
    for kind, balance in (("opening", opening), ("closing", closing)):
        if balance is not None and balance.currency != currency:
            said = f"is in {currency}, its {kind} balance in {balance.currency}"
            statement.notes.append(f"{BALANCE_CURRENCY}: statement {statement.shown} {said}")
    declared = (None, None) if summary is None or paged else _declared(summary, parts, currency)
    return Head(statement, seen, declared)


def _ends(balances: list[_Balance], currency: str | None) -> tuple[_Balance | None, _Balance | None]:
    """(opening, closing). A page of a statement that others continue has ITBD where the whole has OPBD and CLBD."""
    opening = _chosen(balances, _OPENING, currency, latest=False)
    closing = _chosen(balances, _CLOSING, currency, latest=True)
    interim = [balance for balance in balances if balance.code == _INTERIM]
    if opening is None and len(interim) > (closing is None):
        opening = interim.pop(0)
    if closing is None and interim:
        closing = interim[-1]
    return opening, closing


def _chosen(balances: list[_Balance], codes: tuple[str, ...], currency: str | None, *, latest: bool) -> _Balance | None:
    """Of the first code that there is, the balance of the first day (or the last); the account's currency goes first.

    A statement over several days may give a balance for each of them.
    """
    for code in codes:
        found = [balance for balance in balances if balance.code == code]
        found = [balance for balance in found if balance.currency == currency] or found
        if found:
            return (max if latest else min)(found, key=lambda balance: balance.day or date.min)
    return None


def _balance(element: Any, parts: Elements) -> _Balance:
    """A Bal; one that cannot be read refuses the file, since the lines cannot be proven against it."""
    code = amount = indicator = day = None
    for child in element:
        match parts.local[child.tag]:
            case "Tp":
                code = next((text_of(x) for x in child.iter() if parts.local[x.tag] == "Cd"), None)
            case "Amt":
                amount = amount_of(child)
            case "CdtDbtInd":
                indicator = text_of(child)
            case "Dt":
                day = first_of(child)
    if amount is None or not is_currency(amount.currency) or indicator not in {"CRDT", "DBIT"}:
        raise XmlRefusedError("BAD_BALANCE", "a balance without amount, currency or direction; send the file again")
    try:
        size = parse_amount(amount.text, minor_digits(amount.currency))
        when = parse_day(day) if day else None
    except ValueError as error:
        raise XmlRefusedError("BAD_BALANCE", f"a balance that cannot be read: {error}") from None
    return _Balance(code or "", size if indicator == "CRDT" else -size, amount.currency, when)


def _declared(summary: Any, parts: Elements, currency: str) -> tuple[int | None, int | None]:
    """Number and unsigned sum of all entries (TxsSummry/TtlNtries), each None where it is not declared."""
    count: int | None = None
    total: int | None = None
    for group in summary:
        if parts.local[group.tag] != "TtlNtries":
            continue
        for child in group:
            name, text = parts.local[child.tag], text_of(child)
            try:
                if name == "NbOfNtries" and text:
                    count = parse_amount(text, 0)
                elif name == "Sum" and text:
                    total = parse_amount(text, minor_digits(currency))
            except ValueError as error:
                raise XmlRefusedError("BAD_TOTAL", f"a declared total that cannot be read: {error}") from None
    return count, total
