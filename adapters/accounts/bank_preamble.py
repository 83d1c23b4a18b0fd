"""Lines of a bank's export above its headings: labels with what stands behind them, the month, a number among words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from adapters.accounts.text_lines import FileRefusedError

_LABELLED = re.compile(r"[:：]")
_NEXT_LABEL = re.compile(r"\s\S+[:：]")
# an account among other words: in groups of four, or as one piece
_NUMBER = re.compile(r"[0-9*]{4}(?: [0-9*]{4}){2,}(?: [0-9*]{1,3}(?![0-9]))?|[0-9*][0-9*-]{3,}[0-9]", re.ASCII)
_MONTH = re.compile(r"(20[0-9]{2})年([0-9]{1,2})月", re.ASCII)
# what amounts are in, where it is not yuan: 单位：万元, 金额(分)
_UNIT = re.compile(r"(?:单位[:：]?\s*(?:人民币)?|[(（/])\s*(万元|千元|百万元|亿元|角|分)(?!\w)")
_BRACKET = re.compile(r"\[.*?\]")


def heading_key(text: str) -> str:
    """A heading without what banks vary: width (NFKC), blanks, an English name in square brackets, case, 帐 for 账."""
    plain = unicodedata.normalize("NFKC", text).replace("帐", "账")
    plain = _BRACKET.sub("", plain)
    return "".join(plain.split()).casefold()


def labels_of(texts: Sequence[str]) -> Iterator[tuple[set[str], str]]:
    """(what the label may be called, what stands behind it) of every label of a line.

    A label ends at a colon; the word before the colon is one too (账户明细 账号：1). A cell without a colon may be the
    label of the next cell that is not blank, and so may one that ends with its colon.
    """
    for place, text in enumerate(texts):
        behind = next((other for other in texts[place + 1 :] if other), "")
        marks = list(_LABELLED.finditer(text))
        if not marks:
            yield {heading_key(text)}, behind
        for mark in marks:
            before, after = text[: mark.start()], text[mark.end() :]
            names = {heading_key(before).lstrip("#"), heading_key((before.split() or [""])[-1])}
            value = _NEXT_LABEL.split(after, maxsplit=1)[0].strip(" [")
            yield names, value or after.strip() or behind


def has_label(texts: Sequence[str], labels: Sequence[str]) -> bool:
    """True where a cell is one of the labels and nothing else."""
    return not {heading_key(text).rstrip(":") for text in texts}.isdisjoint(map(heading_key, labels))


def account_in(text: str) -> str:
    """The account number among other words, without the blanks of its groups; the text itself where there is none."""
    number = _NUMBER.search(" ".join(text.split()))
    return number.group().replace(" ", "") if number and not text.isalnum() else text


def month_end(text: str) -> date | None:
    """The last day of the latest month that is named like 2024年01月: a stretch of time names two."""
    months = [(int(year), int(month)) for year, month in _MONTH.findall(text) if 1 <= int(month) <= 12]
    if not months:
        return None
    year, month = max(months)
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def check_unit(text: str, unit: str, start: int) -> None:
    """FileRefusedError where a text says that amounts are in another unit than they would be read in."""
    found = _UNIT.search(text)
    if found and (unit, found[1]) != ("fen", "分"):
        read = "say unit: fen in the mapping" if found[1] == "分" else "ask for an export in yuan"
        raise FileRefusedError("BAD_HEADING", f"the file says that its amounts are in {found[1]}; {read}", start)


def in_common_signs(text: str) -> bool:
    """True where a text has common Chinese signs alone, as it would not in another encoding."""
    try:
        text.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True
