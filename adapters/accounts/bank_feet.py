"""The end of a bank's export: rows below its lines, known by how they begin (words of banks are in a mapping,
trailers), and whether its last line was cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from adapters.accounts.bank_cells import is_somebody
from adapters.accounts.bank_preamble import heading_key
from adapters.accounts.bank_rows import Row
from adapters.accounts.statement import NO_LAST_LINE_END, OPEN_LAST_TEXT
from adapters.refused import FileRefusedError

TALLY = re.compile(r"[0-9]+笔?[收支借贷]|共[0-9]+[笔条]")  # counts and sums: 1 收 50,000.00, 共2条
PAGE = re.compile(r"[第共][0-9]+页")  # lines go on behind it: other rows there are no feet
# when a table was printed and by whom, beside a day and a number: never a line
PRINTED = re.compile(r"(?:打印|制表|导出|下载|查询)(?:时间|日期|人|员|柜员)")
NUMBER = re.compile("[=\"'` ]*[0-9]", re.ASCII)  # how a day begins, also a cell ="2026-05-07" that was cut
_PARTS = re.compile(r"[,;|\t，；]")
_VALUE = re.compile(r"[+-]?[0-9][0-9,.:/年月日T -]{3,}", re.ASCII)  # a day, an amount with its fen, an account
_ACCOUNT = re.compile(r"[0-9*]{9}", re.ASCII)  # more than a day has
_ALSO_HEADS = ("打印", "制表", "导出", "下载", "查询", "期初余额:", "期末余额:")


def is_head(texts: Sequence[str], trailers: tuple[str, ...]) -> bool:
    """False for a foot, whose account is not that of the lines below; what says when it was printed may name that."""
    text = heading_key("".join(texts)).lstrip("#")
    return not text.startswith(trailers) or (text.startswith(_ALSO_HEADS) and _ACCOUNT.search(text) is not None)


def are_words(told: Sequence[str]) -> bool:
    """False for cells with a value that has no label, or one with two of them: of a line whose cells moved."""
    bare = (text for above, text in zip(["", *told], told, strict=False) if not above.endswith((":", "：")))
    values = [part for text in bare for part in _PARTS.split(text) if _VALUE.fullmatch(part.strip())]
    return len(values) <= (len(told) == 1)


def is_sum(first: str, words: Sequence[str]) -> bool:
    """True for a word of sums with nothing but signs, counts and such words behind it: 合计(2笔), and not 合计费."""
    begins = (word for word in map(heading_key, words) if first.startswith(word))
    return any(not is_somebody(first.removeprefix(word), None, frozenset()) for word in begins)


def cut_notes(last: Row | None, position: int, records: int, least: int, money: set[int]) -> Iterator[str]:
    """A file that was cut ends in a line: banks do write a whole last line without its end, but not half of it.

    `least`: cells of a whole line, or of the shortest one before the last; `money`: where amounts and balances stand.
    """
    if last is None or last.whole or last.end < position:
        return
    if len(last.cells) < least:
        message = "the last line lacks cells and its line end: it was cut; ask for the whole file"
        raise FileRefusedError("TRUNCATED", message, last.start, records)
    message = "the last line has no line end; if it was cut, its last cell is not whole"
    code = NO_LAST_LINE_END if len(last.cells) - 1 in money else OPEN_LAST_TEXT  # of which no money depends
    yield f"{code}: {message}"
