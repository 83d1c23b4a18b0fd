"""What stands around the lines of MT940 statements: reference, account, number, balances; many statements at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import repeat

from adapters.accounts.currency import minor_digits
from adapters.accounts.statement import Statement
from adapters.refused import FileRefusedError
from adapters.text_lines import decode
from settlement.model.money import INT64_MAX, parse_amount

# mark, day, currency, amount; NUL joins the balances, and no file that holds one is read
_BALANCE = re.compile(
    r"\0:6[02][FM]:([CD])([0-9]{6})([A-Z]{3})([0-9]{1,18}),([0-9]{0,3})[ \t\r\f\v]*(?:\n[^\0]*|)(?=\0)"
)
# what a balance is made of, in order, each with what is wrong where it does not fit
_PARTS_OF_IT = (
    (r":6[02][FM]:[CD]", "without C or D at its beginning"),
    (r"[0-9]{6}", "without its day as YYMMDD"),
    (r"[A-Z]{3}", "without its currency of three capital letters"),
    (r"[0-9]{1,18}", "without an amount of digits, 18 at most"),
    (r",", "without a comma before its decimals: a '.' is never a decimal"),
    (r"[0-9]{0,3}[ \t\r\f\v]*(?:\n|$)", "with more than three decimals, or with something behind them"),
)
IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
_GROUPED = re.compile(r"[A-Z]{2}[0-9]{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?", re.ASCII)  # as it is printed
_UNREAD = -1
_PARTS = 6  # the groups, and what stands between two balances: nothing


@dataclass(slots=True)
class Heads:
    """Closed statements as they stand, in file order.

    `texts` holds :20:, :25: and :28: of each, `balances` the whole fields :60: and :62: of each; `places` the bytes
    from its :20: to the end of its :62:, `counts` its lines.
    """

    texts: list[bytes] = field(default_factory=list)
    balances: list[bytes] = field(default_factory=list)
    balance_starts: list[int] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


def statements_of(heads: Heads, encoding: str, names: dict[str, int]) -> list[Statement]:
    """The statements with their balances. `names` counts how often each name was met in this file.

    FileRefusedError: a balance that does not fit the grammar, two currencies in one statement, undecodable text.
    """
    marks, days, currencies, wholes, decimals = _balances(heads)
    sizes = sizes_of(wholes, decimals, list(map(minor_digits, currencies)), heads.balance_starts, repeat(0))
    amounts = [size if mark == "C" else -size for size, mark in zip(sizes, marks, strict=True)]
    if currencies[::2] != currencies[1::2]:
        row = next(row for row in range(0, len(currencies), 2) if currencies[row] != currencies[row + 1])
        message = f"the opening balance is in {currencies[row]}, the closing balance in {currencies[row + 1]}"
        raise FileRefusedError("OTHER_CURRENCY", f"{message}; ask the bank", heads.balance_starts[row + 1])
    days_of = list(map(day_of, days))
    if None in days_of:
        row = days_of.index(None)
        message = f"a balance of the day {days[row]} (YYMMDD), which no calendar has; ask the bank"
        raise _bad_balance(heads, row, message)
    texts = _texts(heads, encoding)
    names_of = (_name(number or reference, names) for reference, number in zip(texts[::3], texts[2::3], strict=True))
    accounts = map(_account, texts[1::3], currencies[::2])
    parts = (names_of, accounts, currencies[::2], amounts[::2], amounts[1::2], days_of[1::2], repeat(0), heads.counts)
    return list(map(Statement, *parts))


def _name(name: str, names: dict[str, int]) -> str:
    """Banks number all their statements 0: the second of a file is "0#2", so that no two are one."""
    count = names[name] = names.get(name, 0) + 1
    return name if count == 1 else f"{name}#{count}"


def _balances(heads: Heads) -> list[list[str]]:
    """The five parts of every balance, as columns: opening, closing, opening, closing."""
    text = b"\0".join([b"", *heads.balances, b""]).decode("iso-8859-1")
    parts = _BALANCE.split(text)
    if len(parts) != len(heads.balances) * _PARTS + 1:
        row, one = next(
            (row, one) for row, one in enumerate(text.split("\0")[1:-1]) if not _BALANCE.match(f"\0{one}\0")
        )
        raise _bad_balance(heads, row, f"a balance {_fault(one)}; ask the bank")
    return [parts[column::_PARTS] for column in range(1, _PARTS)]


def _fault(text: str) -> str:
    """What is wrong with the first part that does not fit."""
    at = 0
    for pattern, said in _PARTS_OF_IT:
        found = re.compile(pattern).match(text, at)
        if found is None:
            return said
        at = found.end()
    raise AssertionError("a balance that fits the grammar")


def _bad_balance(heads: Heads, row: int, message: str) -> FileRefusedError:
    name = heads.balances[row][:5].decode("ascii")
    return FileRefusedError("BAD_BALANCE", message, heads.balance_starts[row], name=name)


@lru_cache(maxsize=256)
def _account(account: str, currency: str) -> str:
    """Without the slash before an IBAN, the currency behind it and the blanks in it; all else stays."""
    own = account.removeprefix("/")
    if own.endswith(currency):
        rest = own.removesuffix(currency)
        bare = _ungrouped(rest.rstrip(" /"))
        # the currency may be part of the IBAN itself, where nothing stands between (Mauritius)
        if (IBAN.fullmatch(bare) and rest.endswith((" ", "/"))) or is_iban(bare):
            return bare
    own = _ungrouped(own)
    return own if IBAN.fullmatch(own) else account


def _ungrouped(account: str) -> str:
    return account.replace(" ", "") if _GROUPED.fullmatch(account) else account


def is_iban(text: str) -> bool:
    """Whether it looks like an IBAN and its check digits are right."""
    return bool(IBAN.fullmatch(text)) and int("".join(str(int(one, 36)) for one in text[4:] + text[:4])) % 97 == 1


def _texts(heads: Heads, encoding: str) -> list[str]:
    joined = b"\0".join(heads.texts)
    if b"\n" in joined:
        joined = joined.replace(b"\r\n", b"").replace(b"\n", b"")
    try:
        return joined.decode(encoding).split("\0")
    except UnicodeDecodeError:
        for row, text in enumerate(joined.split(b"\0")):
            decode(text, encoding, heads.places[row // 3][0])
        raise


def sizes_of(
    wholes: list[str], decimals: list[str], digits: list[int], starts: list[int], records: Iterable[int]
) -> list[int]:
    """Unsigned minor units of amounts ("123" and "45"), which have `digits` decimals; FileRefusedError BAD_AMOUNT."""
    sizes = [
        int(whole + part)
        if len(part) == count
        else int(whole + part.ljust(count, "0"))
        if len(part) < count
        else _UNREAD
        for whole, part, count in zip(wholes, decimals, digits, strict=True)
    ]
    if _UNREAD in sizes or max(sizes, default=0) > INT64_MAX:
        each = zip(wholes, decimals, digits, starts, records, strict=False)
        sizes = [_one_size(*one) for one in each]
    return sizes


def _one_size(whole: str, decimals: str, digits: int, start: int, record: int) -> int:
    try:
        return parse_amount(f"{whole}.{decimals}" if decimals else whole, digits)
    except ValueError as error:
        raise FileRefusedError("BAD_AMOUNT", f"an amount that cannot be read: {error}", start, record) from None


@lru_cache(maxsize=4096)
def day_of(text: str) -> date | None:
    """YYMMDD; 80 to 99 are 1980 to 1999. None where there is no such day."""
    year, month, day = int(text[:2]), int(text[2:4]), int(text[4:6])
    try:
        return date(year + (1900 if year >= 80 else 2000), month, day)
    except ValueError:
        return None
