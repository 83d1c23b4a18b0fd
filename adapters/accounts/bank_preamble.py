"""Lines of a bank's export above its headings: labels with what stands behind them, the month, a number among words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from adapters.refused import FileRefusedError

if TYPE_CHECKING:  # it makes its words comparable here
    from adapters.accounts.bank_map import BankMap

_LABELLED = re.compile(r"[:：]")
_NEXT_LABEL = re.compile(r"\s\S+[:：]")
# an account among other words: in groups of four, or as one piece
_NUMBER = re.compile(r"[0-9*]{4}(?: [0-9*]{4}){2,}(?: [0-9*]{1,3}(?![0-9]))?|[0-9*][0-9*-]{3,}[0-9]", re.ASCII)
# what else has digits: an amount, a day
_AMOUNT_OR_DAY = re.compile(
    r"[-+¥￥]*(?:[0-9]{1,9}\.[0-9]{1,2}|[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{1,2})?)元?"
    r"|20[0-9]{2}[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}日?(?:[ T].*)?",
    re.ASCII,
)
_ACCOUNT_SIGNS = re.compile(r"(?:[0-9*][^0-9*]*){4}", re.ASCII)
_MONTH = re.compile(r"(20[0-9]{2})年([0-9]{1,2})月", re.ASCII)
# what amounts are in, where it is not yuan: 单位：万元, 金额(分)
_UNITS = r"\s*(?:人民币)?(百万元|万元|千元|亿元|元|角|分)"
_UNIT = re.compile(rf"(?:单位[:：]?|[(（/]){_UNITS}(?!\w)")
# above the headings: not of a limit or a capital (额度（万元）：5), nor of how times are written (时/分/秒)
_UNIT_ABOVE = re.compile(rf"单位[:：]?{_UNITS}(?!\w|[)）]?\s*[:：])")
_UNIT_LAST = re.compile(rf"[(（]{_UNITS}[)）]$")
_BRACKET = re.compile(r"\[.*?\]")


def heading_key(text: str) -> str:
    """A heading without what banks vary: width (NFKC), blanks, an English name in square brackets, case, 帐 for 账."""
    plain = unicodedata.normalize("NFKC", text).replace("帐", "账")
    plain = _BRACKET.sub("", plain)
    return "".join(plain.split()).casefold()


@dataclass(slots=True)
class Preamble:
    """What the rows above the lines say of them: whose they are, the currency as it is written there, the month."""

    bank: BankMap
    account: str = ""
    currency: str = ""
    latest: date | None = None
    other: str = ""  # a foreign currency that stands there behind no label that is known

    def read(self, texts: Sequence[str], start: int) -> None:
        """Takes what one row says: "账号：123" in one cell, or the value in the next cell."""
        for text in texts:
            found = self.bank.foreign.search(text)
            self.other = self.other or (found.group() if found else "")
        for names, value in labels_of(texts):
            if not names.isdisjoint(self.bank.account_keys):
                self.account = self.account or account_in(value)
            elif not names.isdisjoint(map(heading_key, self.bank.currency_labels)):
                self.currency = value.strip("[] ")
        check_unit_above(texts, self.bank.unit, start)
        for text in texts:
            self.latest = month_end(text) or self.latest

    def begin_again(self, rows: Sequence[tuple[Sequence[str], int]]) -> bool:
        """Takes the rows between two lines, of which one names an account; False where that is the one of before."""
        account, currency, other = self.account, self.currency, self.other
        self.account = self.currency = self.other = ""
        for texts, start in rows:
            self.read(texts, start)
        if self.account != account:
            return True
        # the next page need not say these again
        self.currency, self.other = self.currency or currency, self.other or other
        return False


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


def has_label(texts: Sequence[str], labels: AbstractSet[str]) -> bool:
    """True where a cell is one of the labels and nothing else."""
    return not labels.isdisjoint(heading_key(text).rstrip(":") for text in texts)


def names_account(texts: Sequence[str], labels: AbstractSet[str]) -> bool:
    """True where an account stands behind one of the labels."""
    return any(account_in(value) and not labels.isdisjoint(names) for names, value in labels_of(texts))


def account_in(text: str) -> str:
    """The account number among other words, without the blanks of its groups; the text itself where there is none.

    "" where it can be none: a kind of account (基本户), another heading, an amount, a day.
    """
    if not _ACCOUNT_SIGNS.search(text) or _AMOUNT_OR_DAY.fullmatch(text):
        return ""
    number = _NUMBER.search(" ".join(text.split()))
    return number.group().replace(" ", "") if number and not text.isalnum() else text


def month_end(text: str) -> date | None:
    """The last day of the latest month that is named like 2024年01月: a stretch of time names two."""
    months = [(int(year), int(month)) for year, month in _MONTH.findall(text) if 1 <= int(month) <= 12]
    if not months:
        return None
    year, month = max(months)
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def check_unit(heading: str, unit: str, start: int) -> None:
    """FileRefusedError where the heading of an amount says another unit than it would be read in."""
    _check(_UNIT.search(heading), unit, start)


def check_unit_above(texts: Sequence[str], unit: str, start: int) -> None:
    """The same of a row above the headings."""
    told = [text for text in texts if text]
    for text in told:
        _check(_UNIT_ABOVE.search(text) or (_UNIT_LAST.search(text) if len(told) == 1 else None), unit, start)


def _check(found: re.Match[str] | None, unit: str, start: int) -> None:
    if found and {"元": "yuan", "分": "fen"}.get(found[1]) != unit:
        read = {"分": "say unit: fen in the mapping", "元": "take unit: fen out of the mapping"}.get(
            found[1], "ask for an export in yuan"
        )
        raise FileRefusedError("BAD_HEADING", f"the file says that its amounts are in {found[1]}; {read}", start)


def in_common_signs(text: str) -> bool:
    """True where a text has common Chinese signs alone, as it would not in another encoding."""
    try:
        text.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True
