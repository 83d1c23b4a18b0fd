"""The head of one camt statement: its id, account, currency, balances, and the totals it declares."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from adapters.accounts.camt_elements import AmountText, Elements, amount_of, first_of, minor_of, parse_day, text_of
from adapters.accounts.currency import format_minor, is_currency
from adapters.accounts.statement import BALANCE_CURRENCY, Statement, mask_cards
from adapters.refused import FileRefusedError
from settlement.model.money import parse_amount

_OPENING = ("OPBD", "PRCD")
_CLOSING = ("CLBD",)
_INTERIM = "ITBD"
_PROVING = frozenset({*_OPENING, *_CLOSING, _INTERIM})


@dataclass(frozen=True, slots=True)
class _Balance:
    code: str
    amount_fen: int
    currency: str
    day: date | None


@dataclass(slots=True)
class Tally:
    """Entries of one direction: how many and how much, all of them and those that are booked."""

    count: int = 0
    fen: int = 0
    booked: int = 0
    booked_fen: int = 0
    unread: int = 0  # those whose amount could not be read

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Declared:
    """What TxsSummry says of all entries, or of those of one direction; None: not declared."""

    count: int | None
    fen: int | None
    net_fen: int | None  # credits less debits, unsigned where it has no direction
    net_signed: bool


@dataclass(slots=True)
class Head:
    """A statement's head and the tally of its entries, compared at its end with what it declares."""

    statement: Statement
    balances: int
    paged: bool  # others continue it, and what it declares is of all of them
    declared: dict[str, dict[str, str | None]]  # texts of TxsSummry; the first entry may tell the currency
    byte: int  # where its first entry begins
    line: int  # that it begins in
    summary_line: int  # of its TxsSummry
    unread: list[str] = field(default_factory=list)  # codes of its balances that prove nothing
    tallies: dict[str | None, Tally] = field(default_factory=lambda: {"CRDT": Tally(), "DBIT": Tally(), None: Tally()})
    undivided: int = 0  # entries of several details none of which has an amount in their currency
    differing: int = 0  # entries whose one detail has another amount
    first_differing: str = ""

    @property
    def shown(self) -> str:
        """Its statement's name for messages."""
        return self.statement.shown

    @property
    def other_balances(self) -> str:
        """What a note says behind a balance that is missing: the codes of those that are there."""
        codes = ", ".join(sorted({" ".join(code.split())[:35] for code in self.unread})[:9])
        return f"; there is {codes}: ask the bank for OPBD and CLBD" if codes else ""

    def tally(self, indicator: str | None) -> Tally:
        """The tally of a direction; of None where it is neither CRDT nor DBIT."""
        return self.tallies.get(indicator) or self.tallies[None]

    def check_end(self, element: Any, parts: Elements) -> None:
        """Refuses a declared total that is not the entries', and balances that stand after the first entry."""
        late = sum(parts.local[child.tag] in {"Bal", "TxsSummry"} for child in element) - self.balances
        if late:
            message = f"statement {self.shown}: a balance or total after the first entry"
            raise FileRefusedError("LATE_BALANCE", message, self.byte)
        if self.paged:
            return
        credit, debit, neither = self.tallies.values()
        for name, tally, kind in (
            ("TtlNtries", credit + debit + neither, ""),
            ("TtlCdtNtries", credit, "credit "),
            ("TtlDbtNtries", debit, "debit "),
        ):
            if name in self.declared:
                declared = _declared(self.declared[name], self.statement.currency, self.byte)
                net = () if kind else (abs(credit.fen - debit.fen), abs(credit.booked_fen - debit.booked_fen))
                self._check(declared, tally, kind, net)
                if not kind:
                    self._check_net(declared, credit, debit)

    def _check(self, declared: Declared, tally: Tally, kind: str, net: tuple[int, ...]) -> None:
        """Banks declare all entries, or those that are booked; the Sum of Wise is their net.

        That hides no lost entry of a bank that adds them all up: the net of what is left never comes to as much.
        """
        shown, count = f"{self.shown}, line {self.summary_line},", tally.count + tally.unread
        if declared.count is not None and declared.count not in {count, tally.booked}:
            message = f"statement {shown} declares {declared.count} {kind}entries and has {count}"
            raise FileRefusedError("COUNT_MISMATCH", f"{message}; send the whole file again", self.byte)
        if declared.fen is None and declared.net_fen is None:
            return
        if tally.unread:
            message = f"statement {shown} declares a total, and an amount in it cannot be read"
            raise FileRefusedError("TOTAL_UNPROVEN", f"{message}; send the file again", self.byte)
        if declared.fen not in {None, tally.fen, tally.booked_fen, *net}:
            says, has = (format_minor(v or 0, self.statement.currency) for v in (declared.fen, tally.fen))
            message = f"statement {shown} declares a total of {says} and its {kind}entries sum to {has}"
            raise FileRefusedError("TOTAL_MISMATCH", f"{message}; send the whole file again", self.byte)

    def _check_net(self, declared: Declared, credit: Tally, debit: Tally) -> None:
        net, booked = credit.fen - debit.fen, credit.booked_fen - debit.booked_fen
        wanted = {net, booked} if declared.net_signed else {abs(net), abs(booked)}
        if declared.net_fen is not None and declared.net_fen not in wanted:
            says, has = (format_minor(v, self.statement.currency) for v in (declared.net_fen, net))
            shown = f"{self.shown}, line {self.summary_line},"
            message = f"statement {shown} declares a net total of {says} and its entries come to {has}"
            raise FileRefusedError("TOTAL_MISMATCH", f"{message}; send the whole file again", self.byte)


def is_page(pagination: Any, parts: Elements) -> bool:
    """True where a StmtPgntn (.02: the message's MsgPgntn) says that other pages go before or follow."""
    said = {parts.local[child.tag]: text_of(child) or "" for child in pagination}
    return said.get("PgNb", "1").lstrip("0") != "1" or said.get("LastPgInd") in {"false", "0"}


def read_head(element: Any, parts: Elements, byte: int, *, paged: bool) -> Head:
    """The head from a Stmt or Ntfctn whose first entry has been read, or that has none. Raises FileRefusedError.

    `byte`: where its first entry begins; `paged`: the message is a page.
    """
    identity = account = currency = None
    balances: list[_Balance] = []
    unread: list[str] = []
    summary: Any = None
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
                code = _balance_code(child, parts)
                if code in _PROVING or code is None:  # what is available, expected or informs proves nothing
                    balances.append(_balance(child, code, parts, mask_cards(identity or "without an id"), byte))
                else:
                    unread.append(mask_cards(code))
            case "TxsSummry":
                seen += 1
                summary = child
            case "StmtPgntn" | "NtfctnPgntn":
                paged = paged or is_page(child, parts)
            case "Ntry":
                break  # the parser may be ahead of the first entry; what stands behind it is not the head
    if identity is None or account is None:
        message = "a statement without an id or an account; ask the bank to send it again"
        raise FileRefusedError("NO_ACCOUNT", message, byte)
    if currency and not is_currency(currency):
        message = "the account's currency is not three capital letters, like CNY; ask the bank"
        raise FileRefusedError("BAD_CURRENCY", message, byte)
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
    declared, line = ({}, 0) if summary is None else (_summary(summary, parts), summary.sourceline)
    return Head(statement, seen, paged, declared, byte, element.sourceline, line, unread)


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


def _balance_code(element: Any, parts: Elements) -> str | None:
    """The code of a Bal, or the bank's own name for it (CdOrPrtry: SubTp stands behind it)."""
    kind = next((child for child in element if parts.local[child.tag] == "Tp"), None)
    return first_of(kind[0]) if kind is not None and len(kind) else None


def _balance(element: Any, code: str | None, parts: Elements, statement: str, byte: int) -> _Balance:
    """A Bal; one that cannot be read refuses the file, since the lines cannot be proven against it."""
    amount = indicator = day = None
    for child in element:
        match parts.local[child.tag]:
            case "Amt":
                amount = amount_of(child)
            case "CdtDbtInd":
                indicator = text_of(child)
            case "Dt":
                day = first_of(child)
    shown = f"statement {statement}: the balance {mask_cards(code or 'without a code')}, line {element.sourceline},"
    if amount is None or not is_currency(amount.currency) or indicator not in {"CRDT", "DBIT"}:
        lacks = "currency (Ccy is three capital letters)" if amount is not None else "amount"
        if amount is not None and is_currency(amount.currency):
            lacks = "direction (CdtDbtInd is CRDT or DBIT)"
        raise FileRefusedError("BAD_BALANCE", f"{shown} has no {lacks}; ask the bank", byte)
    try:
        size = minor_of(amount)
        when = parse_day(day) if day else None
    except ValueError as error:
        raise FileRefusedError("BAD_BALANCE", f"{shown} cannot be read: {error}", byte) from None
    return _Balance(code or "", size if indicator == "CRDT" else -size, amount.currency, when)


def _summary(element: Any, parts: Elements) -> dict[str, dict[str, str | None]]:
    """The texts of TxsSummry by name, of all entries and of those of a direction; the net is nested from .04 on."""
    groups = {parts.local[group.tag]: group for group in element}
    return {
        name: {parts.local[child.tag]: text_of(child) for child in groups[name].iter() if not len(child)}
        for name in ("TtlNtries", "TtlCdtNtries", "TtlDbtNtries")
        if name in groups
    }


def _declared(texts: dict[str, str | None], currency: str, byte: int) -> Declared:
    count, total, direction = texts.get("NbOfNtries"), texts.get("Sum"), texts.get("CdtDbtInd")
    net = texts.get("TtlNetNtryAmt") or texts.get("Amt") or ""
    below = direction == "DBIT" or net.startswith("-")
    net = net.removeprefix("-")
    try:
        return Declared(
            parse_amount(count, 0) if count else None,
            minor_of(AmountText(total.removeprefix("-"), currency)) if total else None,  # Wise's debits are below zero
            (-1 if below else 1) * minor_of(AmountText(net, currency)) if net else None,
            below or direction == "CRDT",
        )
    except ValueError as error:
        raise FileRefusedError("BAD_TOTAL", f"a declared total that cannot be read: {error}", byte) from None
