"""How a booked entry (Ntry) of camt becomes lines: one for each of its details, or one where these divide nothing.

Several details whose amounts are in the entry's currency must sum to it. Where none has an amount in it, the entry is
one line and the statement's note UNDIVIDED counts it. A single detail divides nothing: the entry's amount holds, and
another one is told in the note DETAIL_DIFFERS. What the bank declares of a batch must be there.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from adapters.accounts.camt_elements import AmountText, Batch, Detail, Entry, minor_of
from adapters.accounts.camt_head import Head
from adapters.accounts.currency import format_minor
from adapters.accounts.statement import mask_cards

Part = tuple[Detail | None, int]  # what becomes a line: the detail that describes it, and its signed minor units


class BadEntryError(Exception):
    """One entry that cannot be accepted: field, code, message."""

    def __init__(self, field_name: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code, self.message = field_name, code, message


def entry_minor(amount: AmountText, name: str) -> int:
    """Unsigned minor units of an amount of the entry or of its details; `name` is its field."""
    try:
        return minor_of(amount)
    except ValueError as error:
        raise BadEntryError(name, "BAD_AMOUNT", str(error)) from None


def sign_of(indicator: str | None, name: str) -> int:
    """1 for CRDT and -1 for DBIT, of the entry or of a detail; `name` is its field."""
    if indicator == "CRDT":
        return 1
    if indicator == "DBIT":
        return -1
    raise BadEntryError(name, "BAD_SIGN", "neither CRDT nor DBIT")


def as_one_line(details: list[Detail], signed: int) -> list[Part]:
    """The entry as one line, which a single detail describes."""
    return [(details[0] if len(details) == 1 else None, signed)]


def divide(head: Head, entry: Entry, details: list[Detail], sign: int, amount: int, record: int) -> list[Part]:
    """The lines of an entry of `amount` in the statement's currency; `head` counts what its notes tell."""
    currency = head.statement.currency
    if entry.batch is not None and not head.paged:
        _check_batch(entry.batch, entry.groups, details, amount, currency)
    if len(details) == 1:
        _compare_single(head, details[0], amount, record)
    elif details:
        divided = _divided(details, currency, sign, amount)
        if divided is not None:
            return list(zip(details, divided, strict=True))
        head.undivided += 1
    return as_one_line(details, sign * amount)


def _compare_single(head: Head, detail: Detail, amount: int, record: int) -> None:
    """A single detail divides nothing, so the entry's amount holds; another one (charges, mostly) is told."""
    currency = head.statement.currency
    size = _single_amount(detail, currency)
    if size is not None and size != amount:
        own, entry, gap = (format_minor(one, currency) for one in (size, amount, amount - size))
        told = f"the first is entry {record}: detail {own}, entry {entry}, difference {gap} {currency}"
        head.first_differing = head.first_differing or told
        head.differing += 1


def _single_amount(detail: Detail, currency: str) -> int | None:
    """Minor units of the first amount that an entry's only detail says in the entry's currency."""
    said = _in_currency(currency, detail.amount, detail.transaction_amount)
    return None if said is None else entry_minor(said, "TxDtls/Amt")


def _check_batch(batch: Batch, groups: int, details: list[Detail], amount: int, currency: str) -> None:
    """What the bank declares of a batch entry; its total where there are details that divide the entry.

    A single detail of the whole amount, or of none, is the batch itself, not broken down: German banks write one in
    every entry (DFÜ-Abkommen, Anlage 3, camt).
    """
    is_whole = len(details) == 1 and _single_amount(details[0], currency) in {None, amount}
    for text, count in batch.transactions:
        if text.lstrip("0") != str(count) and not is_whole:
            message = f"the batch declares {mask_cards(text)} transactions and has {count}"
            raise BadEntryError("NtryDtls/Btch", "COUNT_MISMATCH", f"{message}; ask the bank, or set details=entry")
    totals = batch.totals
    if len(details) > 1 and len(totals) == groups and all(total.currency == currency for total in totals):
        declared = sum(entry_minor(total, "NtryDtls/Btch") for total in totals)
        if declared != amount:
            says, has = (format_minor(size, currency) for size in (declared, amount))
            message = f"the batch declares a total of {says}, its entry is {has}; ask the bank, or set details=entry"
            raise BadEntryError("NtryDtls/Btch", "TOTAL_MISMATCH", message)


def _divided(details: list[Detail], currency: str, sign: int, amount: int) -> list[int] | None:
    """Signed minor units of each of several details; None where they have no amount, and the booking is one line.

    What was instructed divides it where nothing else does and it sums to the booking: then no charge lies between them.
    """
    said = [_in_currency(currency, one.amount, one.transaction_amount, one.counter_value) for one in details]
    if any(said):
        return _signed(details, [_detail_minor(one, currency) for one in said], sign, amount)
    instructed = [_in_currency(currency, one.instructed) for one in details]
    if all(instructed):
        with suppress(BadEntryError):
            return _signed(details, [_detail_minor(one, currency) for one in instructed], sign, amount)
    return None


def _in_currency(currency: str, *amounts: AmountText | None) -> AmountText | None:
    """The first of `amounts` that is in `currency`."""
    for amount in amounts:
        if amount is not None and amount.currency == currency:
            return amount
    return None


def _detail_minor(said: AmountText | None, currency: str) -> int:
    """Minor units of what one of several details says, where another of them has an amount."""
    if said is not None:
        return entry_minor(said, "TxDtls/Amt")
    message = (
        f"one detail of the entry has an amount in {currency} and another has none, so they cannot sum to the entry; "
        "ask the bank for it, or set details=entry to take the entry as one line"
    )
    raise BadEntryError("TxDtls", "DETAILS_WITHOUT_AMOUNT", message)


def _signed(details: list[Detail], sizes: Sequence[int], sign: int, amount: int) -> list[int]:
    """The sizes of several details with their signs; they must sum to the entry.

    A detail without a direction has the entry's. Where every detail states the opposite direction and the sizes sum to
    the entry, the bank wrote the direction of the original payment: the booking's direction holds.
    """
    signs = [sign if one.indicator is None else sign_of(one.indicator, "TxDtls/CdtDbtInd") for one in details]
    signed = [one * size for one, size in zip(signs, sizes, strict=True)]
    if sum(signed) == sign * amount:
        return signed
    if sum(sizes) == amount and all(one == -sign for one in signs):
        return [sign * size for size in sizes]
    message = "the details do not sum to the entry; ask the bank, or set details=entry to take the entry as one line"
    raise BadEntryError("TxDtls", "DETAILS_MISMATCH", message)
