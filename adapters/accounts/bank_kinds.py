"""What a row below the headings of a bank's export is: a line, or one of the rows that stand around lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from adapters.accounts.bank_feet import NUMBER, PAGE, PRINTED, TALLY, are_words, is_sum
from adapters.accounts.bank_headings import keys_of
from adapters.accounts.bank_map import BankMap
from adapters.accounts.bank_preamble import Preamble, check_unit, has_label, heading_key, names_account
from adapters.accounts.bank_rows import Row
from adapters.accounts.bank_table import Table, table_at
from adapters.safe_workbook import Cell

_DIGIT = re.compile("[0-9]")
_RULE = re.compile(r"[-=_*#+~. ]*")


class Kind(Enum):
    """What a row is."""

    LINE = auto()  # what is not sure to be another thing
    HEADINGS = auto()  # come again, perhaps of another table
    TRAILER = auto()  # begins as a foot does; may declare sums
    CARRIED = auto()  # a balance carried, or a sum among the lines
    NOTHING = auto()  # blank, a rule, labels, words, what stands behind a trailer


def first_of(texts: Sequence[str]) -> str:
    """How a row begins; "" of one that is blank or a rule."""
    return heading_key(next((text for text in texts if not _RULE.fullmatch(text)), ""))


def words_of(texts: Sequence[str]) -> set[str]:
    """The cells of a row that may be words of the mapping's `no_lines`."""
    return {"".join(text.split()) for text in texts if not text.isascii()}


@dataclass(slots=True)
class Kinds:
    """Tells rows apart, by the table they stand in and by what was seen above them."""

    bank: BankMap
    preamble: Preamble
    table: Table  # the last whose headings were seen
    foot: bool = False  # a trailer was the last thing seen
    any_line: bool = False
    numbered: bool = True  # the first cell of every line was a number

    def of(self, row: Row, texts: list[str], above: list[Cell]) -> Kind:
        """The kind of the next row; `above` is the row before it, where that is no line."""
        first = first_of(texts)
        if not first:
            return Kind.NOTHING
        if not _DIGIT.search(self.table.day_text(row)):
            # headings again, perhaps of another table: its columns may stand otherwise
            table = table_at(row, above, self.bank)
            if table:
                self.table, self.foot = table, False
                return Kind.HEADINGS
            if keys_of(row.cells) == self.table.merged:
                return Kind.NOTHING
        is_page = PAGE.match(first) is not None
        if (is_page or first.startswith(self.bank.trailer_keys) or TALLY.match(first)) and not self._is_line(
            row, first
        ):
            self.foot = self.foot or not is_page
            return Kind.TRAILER
        if not self.bank.no_line_keys.isdisjoint(words_of(texts)) and not self._names_other_side(row):
            return Kind.CARRIED
        if self._is_in_foot(row, texts) or self._is_sentence(row, texts):
            return Kind.NOTHING
        self.any_line = True
        self.numbered = self.numbered and texts[0].isascii() and _DIGIT.search(texts[0]) is not None
        return Kind.LINE

    def _is_line(self, row: Row, first: str) -> bool:
        """True for a row that begins as a trailer does, but has an amount and a day, perhaps a wrong one: 说明费."""
        is_total = is_sum(first, self.bank.totals) and not self._names_other_side(row)
        has_day = self._has_day(row) or self.table.is_like_a_day(row)
        return has_day and self.table.has_amount(row) and not is_total and PRINTED.match(first) is None

    def _is_in_foot(self, row: Row, texts: list[str]) -> bool:
        """True for the rows behind a trailer, or behind a row that names an account (the lines of another one follow).

        A row with a day, though it cannot be read, is a line again (本页小计 stands in the middle).
        """
        if self.foot or self._is_labels(row, texts):
            is_line = self._has_day(row) or (self.table.is_like_a_day(row) and self.table.has_amount(row))
            self.foot = not is_line
        return self.foot

    def _is_labels(self, row: Row, texts: list[str]) -> bool:
        """True for a row of labels with an account: under money it may have 币种, or the account's number."""
        labels = self.bank.account_keys
        if self.table.has_number(row) and (_DIGIT.search(self.table.day_text(row)) or not has_label(texts, labels)):
            return False
        return names_account(texts, labels)

    def _is_sentence(self, row: Row, texts: list[str]) -> bool:
        """True for words without money, other side and day; what may be part of a line, or other headings, is none."""
        if self.table.has_number(row, "balance") or (self.bank.headings and not self.any_line):
            return False
        told = [text for text in texts if text]
        if not are_words(told):
            return False
        if self._may_be_cut(row, texts) or NUMBER.match(self.table.day_text(row)) or self.table.is_like_a_day(row):
            return False
        if self.any_line:
            return len(told) == 1 or (":" in heading_key("".join(told)) and not self._names_somebody(row))
        check_unit(" ".join(told), self.bank.unit, row.start)  # a second row of headings may say it
        return True

    def _may_be_cut(self, row: Row, texts: list[str]) -> bool:
        """True for what may be a last line, cut down to its day; where lines begin with numbers, words are none."""
        place = self.table.columns["booking_date"][0]
        if row.whole or place == 0 or len(row.cells) > place + 1:
            return False
        return texts[0].isascii() or not (self.any_line and self.numbered)

    def _names_other_side(self, row: Row) -> bool:
        """True for a line with somebody's name, account or number, whose text happens to be a word of `no_lines`."""
        return self._names_somebody(row) and self._has_day(row) and self.table.has_amount(row)

    def _names_somebody(self, row: Row) -> bool:
        return self.table.names_somebody(row, self.bank.no_line_keys)

    def _has_day(self, row: Row) -> bool:
        return self.table.day(row, self.preamble.latest) is not None
