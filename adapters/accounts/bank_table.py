"""One table of a bank's export: where its columns stand, and what a row has in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from adapters.accounts.bank_cells import (
    CellError,
    date_of,
    is_like_a_day,
    is_reference,
    is_somebody,
    text_of,
    value_of,
)
from adapters.accounts.bank_headings import check_headings, headings_of, keys_of, places_of, tells_sign
from adapters.accounts.bank_map import BankMap, Form
from adapters.accounts.bank_rows import Row
from adapters.safe_workbook import UNREAD, Cell

MONEY = ("amount", "income", "expense")
_SIDES = ("counterparty", "payer", "payee")
_DIGIT = re.compile("[0-9]")


@dataclass(frozen=True)
class Table:
    """A form of the mapping, the headings as they are compared, and where each column of the form stands."""

    form: Form
    headings: list[str]
    columns: dict[str, list[int]]
    merged: list[str] = field(default_factory=list)  # those of the row above, where some of the headings stand there
    tells_sign: bool = False  # the heading of money out does

    @cached_property
    def width(self) -> int:
        """Cells of a whole line: headings at the end may be blank."""
        return max(n for n, text in enumerate(self.headings, 1) if text)

    def cell(self, row: Row, name: str) -> Cell:
        """The cell of a column; None where the file lacks the column or the row is short."""
        place = self.columns[name]
        return row.cells[place[0]] if place and place[0] < len(row.cells) else None

    def day_text(self, row: Row) -> str:
        """What stands where the day does."""
        return text_of(self.cell(row, "booking_date"))

    def day(self, row: Row, latest: date | None) -> date | None:
        """The day of a row; None where it has none that can be read."""
        try:
            return date_of(self.cell(row, "booking_date"), self.form.date_format, latest)
        except CellError:
            return None

    def is_like_a_day(self, row: Row) -> bool:
        """True where a day is meant, though it cannot be read."""
        return is_like_a_day(self.cell(row, "booking_date"), self.form.date_format)

    def has_amount(self, row: Row) -> bool:
        """True where something stands under the amounts."""
        return any(value_of(self.cell(row, name)) for name in MONEY)

    def has_number(self, row: Row, *more: str) -> bool:
        """True where a number stands under the amounts or in the columns `more`, or what could not be read."""
        cells = (text_of(self.cell(row, name)) for name in (*MONEY, *more))
        return any(cell == UNREAD or _DIGIT.search(cell) for cell in cells)

    def names_somebody(self, row: Row, no_names: frozenset[str]) -> bool:
        """True where a row has the number of a line, or the name or account of another side."""
        cells = ((self.cell(row, f"{who}_name"), self.cell(row, f"{who}_account")) for who in _SIDES)
        return is_reference(self.cell(row, "reference")) or any(is_somebody(*both, no_names) for both in cells)

    def unread(self, row: Row) -> str:
        """The first column with a cell that could not be read; "" where there is none."""
        if UNREAD not in row.cells:  # as nearly always
            return ""
        for column, places in self.columns.items():
            if any(row.cells[place] == UNREAD for place in places if place < len(row.cells)):
                return column
        return ""


def table_without_headings(bank: BankMap) -> Table | None:
    """That of a file without a row of headings, where the mapping says what its cells are."""
    return Table(bank, *bank.places) if bank.headings else None


def table_at(row: Row, above: list[Cell], bank: BankMap) -> Table | None:
    """The table whose headings a row holds, perhaps with those merged above it: a date and a way to know the amount."""
    for form, keys in ((form, keys) for form in bank.forms for keys in headings_of(row.cells, above)):
        found = places_of(keys, form)
        if found is None:
            continue
        check_headings(row.cells, keys, found, bank.unit, row.start)
        merged = [] if keys == keys_of(row.cells) else keys_of(above)
        return Table(form, keys, found, merged, tells_sign(form, keys, found))
    return None
