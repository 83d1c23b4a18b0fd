"""What a bank's export declares about its own lines: sums in rows like 人民币合计, sums and numbers behind their words.

As with balances, lines are given and a difference is named in a note, which holds the statement: the totals may be of
another stretch of time than the lines.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from adapters.accounts.bank_cells import CellError, amount_of
from adapters.accounts.bank_map import BankMap
from adapters.accounts.bank_preamble import heading_key, labels_of
from adapters.accounts.bank_rows import Row
from adapters.accounts.currency import format_minor
from adapters.accounts.statement import (
    BALANCE_DIFFERENCE,
    COUNT_MISMATCH,
    TOTAL_MISMATCH,
    TOTAL_UNPROVEN,
    Statement,
)
from adapters.safe_workbook import Cell
from adapters.shown import mask_text

_CARRIED = ("期初余额", "期末余额")
_SHOWN = 3
_NUMBER = re.compile(r"([0-9]{1,9})笔?", re.ASCII)
# sums behind their words: 借方发生总额, 支出总金额, 贷方(收入)金额汇总; not those of a page or a year
_SIDE = r"(?P<side>借方|支出|贷方|收入)(?:\((?:支出|支取|收入)\))?"
_SUM = re.compile(
    rf"{_SIDE}(?:发生)?(?:总额|总金额|额汇总|金额汇总|合计|合计金额|金额合计)"
    rf"|(?:汇总|总){_SIDE.replace('side', 'other')}(?:发生)?(?:额|金额)?"
)
_SPOKEN = re.compile(r"[0-9]+笔[,，]共([0-9.,]+)元", re.ASCII)  # behind 收入合计
# whole numbers before another one: the thousands of an amount that has no quotes around it, or a count before a sum
_IN_PIECES = re.compile(r"(?<![^\t:：]) *[-+¥￥]*[0-9]+(?:\t[0-9]+)*\t[0-9][0-9,]*(?:\.[0-9]+)?元?(?=\t|$)", re.ASCII)
# thousands and fen: whole yuan in cells side by side are several amounts
_CUT_APART = re.compile(r"(?<![^\t:：]) *[-+¥￥]*[0-9]{1,3}(?:\t[0-9]{3})+\.[0-9]{2}元?(?=\t|$)", re.ASCII)
_VALUE = re.compile(r"[-+¥￥]*[0-9][0-9,]*(?:\.[0-9]+)?元?", re.ASCII)
_SIDES = {"借方": "expense", "支出": "expense", "贷方": "income", "收入": "income"}
Sums = Counter[tuple[str, str]]


@dataclass(slots=True)
class Totals:
    """Sums of 收入 and 支出 by currency, of all lines and of those since the last row of totals."""

    bank: BankMap
    lines: int = 0  # whose amounts are in the sums
    declared: list[int] = field(default_factory=list)
    all: Sums = field(default_factory=Counter)
    since: Sums = field(default_factory=Counter)
    carried: tuple[list[Cell], list[Cell]] = field(default_factory=lambda: ([], []))
    above: list[str] = field(default_factory=list)  # the row before it that is no line
    gross: Sums = field(default_factory=Counter)  # as `all`, without signs
    said: dict[str, list[tuple[str, Cell]]] = field(default_factory=dict)  # sums behind their words, by side

    def add(self, currency: str, income: int, expense: int) -> None:
        """The amounts of one line, also of one that is a reject for another reason."""
        self.lines += 1
        for sums in (self.all, self.since):
            sums[currency, "income"] += income
            sums[currency, "expense"] += expense
        self.gross[currency, "income"] += abs(income)
        self.gross[currency, "expense"] += abs(expense)

    def add_signed(self, currency: str, amount: int, reversal: bool) -> None:
        """The same of one signed amount; what undoes money out is less of that, not money in."""
        income, expense = (min(amount, 0), min(-amount, 0)) if reversal else (max(amount, 0), max(-amount, 0))
        self.add(currency, income, expense)

    def see_count(self, texts: list[str]) -> None:
        """The declared number of lines, where a row says it, or a row of labels above it; and declared sums."""
        for names, value in () if _IN_PIECES.search("\t".join(texts)) else labels_of(texts):
            found = next((match for match in map(_SUM.fullmatch, sorted(names)) if match), None)
            if found:
                spoken = _SPOKEN.fullmatch("".join(value.split()))
                side = _SIDES[found["side"] or found["other"]]
                self.said.setdefault(side, []).append((found[0], spoken[1] if spoken else value))
        labels = set(map(heading_key, self.bank.count_labels))
        told = zip(({heading_key(text)} for text in self.above), texts, strict=False)
        self.above = (
            [] if any(map(_NUMBER.fullmatch, texts)) else texts
        )  # one with numbers has its own beside its labels
        for names, value in [*labels_of(texts), *told]:
            number = _NUMBER.fullmatch(value)
            if number and not labels.isdisjoint(names):
                self.declared.append(int(number[1]))

    def count_note(self, records: int) -> Iterator[str]:
        """What is wrong with the declared numbers of lines: the last is of all, or each is of one account or page."""
        if self.declared and records not in {self.declared[-1], sum(self.declared)}:
            label = self.bank.count_labels[0]
            yield f"{COUNT_MISMATCH}: {label} declares {self.declared[-1]} lines and the file has {records}"

    def sum_notes(self, records: int) -> Iterator[str]:
        """What is wrong with sums behind their words: the last is of all, or each is of one account or page."""
        currencies = {currency for currency, _ in self.all}
        if len(currencies) != 1:
            return
        (currency,) = currencies
        for side, cells in self.said.items():
            declared = [abs(amount) for _, cell in cells if (amount := self._amount(cell, currency)) is not None]
            have = {abs(self.all[currency, side]), self.gross[currency, side]}
            if not declared or not have.isdisjoint({declared[-1], sum(declared)}):
                continue
            if self.lines < records:
                yield f"{TOTAL_UNPROVEN}: {cells[-1][0]}: an amount of its lines cannot be read"
                continue
            said, is_ = (format_minor(fen, currency) for fen in (declared[-1], self.all[currency, side]))
            yield f"{TOTAL_MISMATCH}: {cells[-1][0]} declares {said} and its lines have {is_} {currency}"

    def see_carried(self, texts: list[str], balance: Cell) -> None:
        """The balance before the lines or after them, of a row with its word.

        In a row of words and amounts it may be the amount behind its word, or `balance`: 期末余额,0.00,贷,950.00.
        """
        told = ["".join(text.split()) for text in _put_together(texts) if text]
        words, values = told[::2], told[1::2]
        in_pairs = all(map(_VALUE.fullmatch, values)) and not any(map(_VALUE.match, words))
        in_pairs = in_pairs and len(words) == len(values)
        for word, value in zip(words, values, strict=True) if in_pairs else ():
            self._see_balance({word}, value)
        if not in_pairs or not set(_CARRIED) <= set(words):  # of two balances the column has one at most
            self._see_balance(set(told), balance)

    def _see_balance(self, words: set[str], balance: Cell) -> None:
        for word, cells in zip(_CARRIED, self.carried, strict=True):
            if word in words:
                cells.append(balance)

    def see_labelled(self, texts: list[str]) -> None:
        """The same of a foot that writes them behind their words: 期末余额：950.00."""
        for names, value in labels_of(_put_together(texts)):
            self._see_balance(names, value)

    def carried_notes(self, statement: Statement) -> Iterator[str]:
        """What is wrong with those balances, where the lines say them too: at their ends a line may be missing."""
        have = (statement.opening_fen, statement.closing_fen)
        for word, cells, is_ in zip(_CARRIED, self.carried, have, strict=True):
            found = [self._amount(cell, statement.currency) for cell in cells]
            declared = {amount for amount in found if amount is not None}  # perhaps of each day
            if declared and is_ is not None and is_ not in declared:
                said = ", ".join(format_minor(amount, statement.currency) for amount in sorted(declared)[:_SHOWN])
                shown = format_minor(is_, statement.currency)
                yield f"{BALANCE_DIFFERENCE}: {word} declares {said} and the lines have {shown} {statement.currency}"

    def notes(
        self, row: Row, first: str, columns: Mapping[str, list[int]], headings: list[str], records: int
    ) -> Iterator[str]:
        """What is wrong with a row that begins with `first`, where it is one of totals."""
        currencies = {currency for currency, _ in self.all}
        if first.startswith("人民币"):
            currencies &= {"CNY"}
        if not first.startswith(tuple(map(heading_key, self.bank.totals))) or len(currencies) != 1:
            return
        (currency,) = currencies
        label = mask_text(first[:20])
        for name in ("income", "expense"):
            place = columns[name][0] if columns[name] else len(row.cells)
            declared = self._amount(row.cells[place] if place < len(row.cells) else None, currency)
            have = {abs(sums[currency, name]) for sums in (self.all, self.since)}
            if declared is None or abs(declared) in have:
                continue
            if self.lines < records:
                yield f"{TOTAL_UNPROVEN}: {label} {headings[place]}: an amount above it cannot be read"
                continue
            said, is_ = (format_minor(value, currency) for value in (declared, self.all[currency, name]))
            yield f"{TOTAL_MISMATCH}: {label} {headings[place]} declares {said} and its lines have {is_} {currency}"
        self.since.clear()

    def _amount(self, cell: Cell, currency: str) -> int | None:
        """The amount of a cell; None where it is another thing, as in a foot that does not keep to the columns."""
        try:
            return amount_of(cell, self.bank.digits_of(currency), self.bank.decimal)
        except CellError:
            return None


def _put_together(texts: list[str]) -> list[str]:
    """The cells of a row in which behind a word an amount stands in one cell, whose thousands were cut from it."""
    return _CUT_APART.sub(lambda pieces: pieces[0].replace("\t", ","), "\t".join(texts)).split("\t")
