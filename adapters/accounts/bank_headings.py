"""The row of headings of a bank's export: which column of a mapping stands where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from adapters.accounts.bank_cells import Cell, text_of
from adapters.accounts.bank_preamble import heading_key

if TYPE_CHECKING:  # it asks here whether its own headings will do
    from adapters.accounts.bank_map import Form


def keys_of(cells: list[Cell]) -> list[str]:
    """The cells of a row as headings are compared."""
    return [heading_key(text_of(cell)) for cell in cells]


def headings_of(cells: list[Cell], above: list[Cell]) -> Iterator[list[str]]:
    """What may be the headings: this row, or its cells under merged ones of the row above (发生额 over 借, 贷)."""
    keys = keys_of(cells)
    yield keys
    if len(above) == len(cells):
        yield [key or over for key, over in zip(keys, keys_of(above), strict=True)]


def places_of(keys: list[str], form: Form) -> dict[str, list[int]] | None:
    """Where the columns of a form stand; None where such headings have no date, or no way to know the amount.

    Where money in and money out stand apart, nothing is the amount.
    """
    found: dict[str, list[int]] = {}
    for name, headings in form.columns.model_dump().items():
        places = [keys.index(heading_key(h)) for h in headings if heading_key(h) in keys]
        found[name] = places if name == "remittance" else places[:1]
    money = (found["income"] and found["expense"]) or (
        found["amount"] and (found["direction"] or not form.columns.direction)
    )
    if found["income"] and found["expense"]:
        found["amount"] = []
    return found if found["booking_date"] and money else None
