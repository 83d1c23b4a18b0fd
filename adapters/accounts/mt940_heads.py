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
from adapters.accounts.text_lines import FileRefusedError, decode
from settlement.model.money import INT64_MAX, parse_amount

# mark, day, currency, amount; NUL joins the balances, and no file that holds one is read
_BALANCE = re.compile(
    r"\0:6[02][FM]:([CD])([0-9]{6})([A-Z]{3})([0-9]{1,18}),([0-9]{0,3})[ \t\r\f\v]*(?:\n[^\0]*)?(?=\0)"
)
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
    texts = _texts(heads, encoding)
    names_of = (_name(number or reference, names) for reference, number in zip(texts[::3], texts[2::3], strict=True))
    days_of = map(day_of, days[1::2])
    parts = (names_of, texts[1::3], currencies[::2], amounts[::2], amounts[1::2], days_of, repeat(0), heads.counts)
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
        row = next(row for row, one in enumerate(text.split("\0")[1:-1]) if not _BALANCE.match(f"\0{one}\0"))
        message = "a balance is C or D, YYMMDD, currency, digits, a comma, decimals: a '.' is never a decimal"
        name = heads.balances[row][:5].decode("ascii")
        raise FileRefusedError("BAD_BALANCE", message, heads.balance_starts[row], name=name)
    return [parts[column::_PARTS] for column in range(1, _PARTS)]


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
