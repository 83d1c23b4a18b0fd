"""The elements of camt.052 to .054 as values: one detail, one entry, an account, texts as the bank wrote them.

Source: ISO 20022 message definitions, versions .02 to .14. Names moved between versions: Sts became a choice (.04), the
party of Dbtr and Cdtr went into Pty (.08), BIC became BICFI. What did not move is found by its local name alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from adapters.accounts.currency import minor_digits
from adapters.refused import FileRefusedError
from settlement.model.dates import parse_date
from settlement.model.money import parse_amount

MAX_NAMES = 5000
# The remittance of a returned payment: "/RTRN/<code> <text>/ <what was said before>".
RETURNED = re.compile(r"/RTRN/([^/]+)/(?: (.*))?", re.DOTALL)
# what xs:decimal allows beside digits with a point between them: .50, 5. and +5.00
_DECIMAL = re.compile(r"\+?(?=\.?[0-9])([0-9]*)\.?([0-9]*)", re.ASCII)
_NO_FAULT = frozenset({"?REJECT?0", "?ERROR?000"})  # Swiss banks write these where nothing was rejected
_AMOUNTS = {"TxAmt": "transaction_amount", "CntrValAmt": "counter_value", "InstdAmt": "instructed"}
_NUMBERS = {"RfrdDocInf": "Nb", "CdtrRefInf": "Ref"}  # what Strd names the invoice by
_NO_ID = frozenset({"NOTPROVIDED", "NONREF"})  # what banks write where the payer gave none
_DAY = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:T(?:[01][0-9]|2[0-4]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)


@dataclass(slots=True)
class AmountText:
    """An amount as text, with its Ccy."""

    text: str
    currency: str


@dataclass(slots=True)
class Party:
    """Name and account of a debtor or creditor."""

    name: str | None = None
    account: str | None = None


@dataclass(slots=True)
class Detail:
    """What one TxDtls says; texts as the bank wrote them."""

    amount: AmountText | None = None
    transaction_amount: AmountText | None = None
    counter_value: AmountText | None = None
    instructed: AmountText | None = None
    indicator: str | None = None
    end_to_end_id: str | None = None
    reference: str | None = None
    bank_code: str | None = None
    debtor: Party = field(default_factory=Party)
    creditor: Party = field(default_factory=Party)
    unstructured: list[str] = field(default_factory=list)
    structured: list[str] = field(default_factory=list)
    returned: str | None = None
    information: str | None = None


@dataclass(slots=True)
class Batch:
    """What the Btch of an entry's NtryDtls declare. Numbers are of those NtryDtls whose TxDtls are here too."""

    transactions: list[tuple[str, int]] = field(default_factory=list)  # as declared, and TxDtls there
    totals: list[AmountText] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """What one Ntry says beside its details."""

    amount: AmountText | None = None
    indicator: str | None = None
    reversal: str | None = None
    status: str | None = None
    booking: str | None = None
    value: str | None = None
    reference: str | None = None
    own_reference: str | None = None
    bank_code: str | None = None
    information: str | None = None
    groups: int = 0  # NtryDtls
    batch: Batch | None = None


class _Local(dict[str, str]):
    """Tag to local name, each distinct tag taken apart once."""

    def __missing__(self, tag: str) -> str:
        if len(self) > MAX_NAMES:
            raise FileRefusedError(
                "NOT_CAMT", f"more than {MAX_NAMES} different element names; this is no bank statement"
            )
        name = self[tag] = tag.rpartition("}")[2]
        return name


def text_of(element: Any) -> str | None:
    """The element's text without the white space around it; None where it is empty."""
    text = element.text
    return (text.strip() or None) if text is not None else None


def amount_of(element: Any) -> AmountText:
    """An Amt element; "" where text or Ccy is missing."""
    return AmountText(text_of(element) or "", element.get("Ccy") or "")


def minor_of(amount: AmountText) -> int:
    """Unsigned minor units of an xs:decimal; ValueError (plain message) otherwise."""
    digits = minor_digits(amount.currency)
    try:
        return parse_amount(amount.text, digits)
    except ValueError:
        match = _DECIMAL.fullmatch(amount.text)
        if match is None:
            raise
        return parse_amount(f"{match[1] or 0}.{match[2] or 0}", digits)


def _stated(element: Any) -> AmountText | None:
    """An Amt of a detail; None where the bank left it empty, since the entry has the amount."""
    amount = amount_of(element)
    return amount if amount.text else None


def first_of(element: Any) -> str | None:
    """Text of the first child (the choice in Sts, BookgDt, Rsn), else the element's own (Sts up to .03)."""
    return text_of(element[0]) if len(element) else text_of(element)


class Elements:
    """Elements to details, entries and statement heads; holds nothing but the cache of names."""

    def __init__(self) -> None:
        self.local = _Local()

    def entry(self, element: Any) -> Entry:
        """An Ntry, whose details were taken before."""
        local, entry = self.local, Entry()
        for child in element:
            match local[child.tag]:
                case "Amt":
                    entry.amount = amount_of(child)
                case "CdtDbtInd":
                    entry.indicator = text_of(child)
                case "Sts":
                    entry.status = first_of(child)
                case "BookgDt":
                    entry.booking = first_of(child)
                case "ValDt":
                    entry.value = first_of(child)
                case "AcctSvcrRef":
                    entry.reference = text_of(child)
                case "BkTxCd":
                    entry.bank_code = self._bank_code(child)
                case "RvslInd":
                    entry.reversal = text_of(child)
                case "NtryRef":
                    entry.own_reference = text_of(child)
                case "AddtlNtryInf":
                    entry.information = text_of(child)
                case "NtryDtls":
                    self._batch(child, entry)
        return entry

    def _batch(self, element: Any, entry: Entry) -> None:
        """What an NtryDtls declares of its details, which stand, emptied, behind."""
        entry.groups += 1
        if not len(element) or self.local[element[0].tag] != "Btch":
            return
        batch = entry.batch = entry.batch or Batch()
        declared = {self.local[child.tag]: child for child in element[0]}
        details = sum(self.local[child.tag] == "TxDtls" for child in element)
        if details and "NbOfTxs" in declared and (text := text_of(declared["NbOfTxs"])):
            batch.transactions.append((text, details))
        if "TtlAmt" in declared:
            batch.totals.append(amount_of(declared["TtlAmt"]))

    def detail(self, element: Any) -> Detail:
        """A TxDtls."""
        local, detail = self.local, Detail()
        for child in element:
            match local[child.tag]:
                case "Refs":
                    self._references(child, detail)
                case "RltdPties":
                    self._parties(child, detail)
                case "RmtInf":
                    self._remittance(child, detail)
                case "Amt":
                    detail.amount = _stated(child)
                case "CdtDbtInd":
                    detail.indicator = text_of(child)
                case "AmtDtls":
                    self._amount_details(child, detail)
                case "BkTxCd":
                    detail.bank_code = self._bank_code(child)
                case "RtrInf":
                    detail.returned = self._returned(child)
                case "AddtlTxInf":
                    detail.information = text_of(child)
        return detail

    def _references(self, element: Any, detail: Detail) -> None:
        for child in element:
            name = self.local[child.tag]
            if name == "EndToEndId":
                said = text_of(child)
                detail.end_to_end_id = said if said not in _NO_ID else None
            elif name == "AcctSvcrRef":
                detail.reference = text_of(child)

    def _amount_details(self, element: Any, detail: Detail) -> None:
        for child in element:
            name = self.local[child.tag]
            if name in _AMOUNTS and len(child) and self.local[child[0].tag] == "Amt":
                setattr(detail, _AMOUNTS[name], _stated(child[0]))

    def _parties(self, element: Any, detail: Detail) -> None:
        for child in element:
            match self.local[child.tag]:
                case "Dbtr":
                    detail.debtor.name = self._party_name(child)
                case "Cdtr":
                    detail.creditor.name = self._party_name(child)
                case "UltmtDbtr":
                    detail.debtor.name = detail.debtor.name or self._party_name(child)
                case "UltmtCdtr":
                    detail.creditor.name = detail.creditor.name or self._party_name(child)
                case "DbtrAcct":
                    detail.debtor.account = self.account(child)
                case "CdtrAcct":
                    detail.creditor.account = self.account(child)

    def _party_name(self, element: Any) -> str | None:
        """Nm directly (to .07), in Pty (from .08), or of the agent that stands for the party."""
        for child in element:
            name = self.local[child.tag]
            if name == "Nm":
                return text_of(child)
            if name in {"Pty", "Agt", "FinInstnId"} and (found := self._party_name(child)) is not None:
                return found
        return None

    def account(self, element: Any) -> str | None:
        """Id/IBAN or Id/Othr/Id of an account; None where it has neither."""
        for outer in element:
            if self.local[outer.tag] != "Id":
                continue
            for choice in outer:
                if self.local[choice.tag] == "IBAN":
                    return text_of(choice)
                for inner in choice:
                    if self.local[inner.tag] == "Id":
                        return text_of(inner)
        return None

    def _remittance(self, element: Any, detail: Detail) -> None:
        for child in element:
            name = self.local[child.tag]
            if name == "Ustrd" and (text := text_of(child)):
                detail.unstructured.append(text)
            elif name == "Strd":
                for part in child:
                    inner = self.local[part.tag]
                    if inner in _NUMBERS:
                        found = (text_of(x) for x in part if self.local[x.tag] == _NUMBERS[inner])
                        detail.structured.extend(text for text in found if text)
                    elif inner == "AddtlRmtInf" and (text := text_of(part)) and text not in _NO_FAULT:
                        detail.structured.append(text)

    def _bank_code(self, element: Any) -> str | None:
        """Domain-family-subfamily ("PMNT-RCDT-DMCT"), else the bank's own code."""
        own: str | None = None
        for child in element:
            name = self.local[child.tag]
            if name == "Domn":
                parts = [text_of(x) for x in child.iter() if self.local[x.tag] in {"Cd", "SubFmlyCd"}]
                if any(parts):
                    return "-".join(part for part in parts if part)
            elif name == "Prtry" and len(child):
                own = first_of(child)
        return own

    def _returned(self, element: Any) -> str | None:
        """The reason of a return as "AC04 text": its code, then what the bank adds."""
        parts: list[str] = []
        for child in element:
            name = self.local[child.tag]
            text = first_of(child) if name == "Rsn" else text_of(child) if name == "AddtlInf" else None
            if text:
                parts.append(text)
        return " ".join(parts) or None


def remittance_text(detail: Detail | None, entry: Entry) -> str | None:
    """What the row tells in words: unstructured text and structured references, else the bank's additional text.

    A returned payment begins with `/RTRN/<code> <text>/` (docs/formats_accounts.md).
    """
    if detail is None:
        return entry.information
    said = " ".join([*detail.unstructured, *detail.structured]) or detail.information or entry.information
    if detail.returned is None:
        return said
    return f"/RTRN/{detail.returned.replace('/', ' ')}/" + (f" {said}" if said else "")


def parse_day(text: str) -> date:
    """The calendar day of an ISO date or date-time as the bank wrote it; ValueError (plain message) otherwise."""
    match = _DAY.fullmatch(text)
    if match is None:
        raise ValueError("not a date; write YYYY-MM-DD or an ISO date-time")
    return parse_date(match.group(1))
