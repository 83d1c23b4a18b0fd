"""The row of headings of a bank's export: which column of a mapping stands where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from adapters.accounts.bank_cells import text_of
from adapters.accounts.bank_preamble import check_unit, heading_key, in_common_signs
from adapters.accounts.bank_rows import MAX_PREAMBLE
from adapters.base import HOLDS_VALUES
from adapters.refused import FileRefusedError
from adapters.safe_workbook import Cell
from adapters.text_lines import ENCODINGS

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
    for name, wanted in form.heading_keys.items():
        places = [keys.index(key) for key in wanted if key in keys]
        found[name] = places if name == "remittance" else places[:1]
    money = (found["income"] and found["expense"]) or (
        found["amount"] and (found["direction"] or not form.columns.direction)
    )
    if found["income"] and found["expense"]:
        found["amount"] = []
    return found if found["booking_date"] and money else None


def check_headings(cells: list[Cell], keys: list[str], found: dict[str, list[int]], unit: str, start: int) -> None:
    """FileRefusedError where a line would be lost, or an amount be another: the row is no plain row of headings."""
    if any(HOLDS_VALUES.fullmatch(text_of(cell)) for cell in cells):
        message = "the line of headings holds values: its line end is damaged, and a line would be lost"
        raise FileRefusedError("BAD_HEADING", f"{message}; ask for the file again", start)
    for key in (keys[place] for name in ("amount", "income", "expense") for place in found[name]):
        check_unit(key, unit, start)
        if keys.count(key) > 1:  # tables side by side
            message = f"the heading {key} stands twice, and one of the two would be lost; send each table by itself"
            raise FileRefusedError("BAD_HEADING", message, start)


def tells_sign(form: Form, keys: list[str], found: dict[str, list[int]]) -> bool:
    """True where a heading says what a minus means, and the form does not: 支出(-元) is money out."""
    return form.expenses_signed is None and any("(-" in keys[place] for place in found["expense"])


def no_headings(forms: Sequence[Form], seen: str) -> FileRefusedError:
    """The refusal of a file without headings; `seen` is what stood where they were looked for."""
    wanted = " | ".join(dict.fromkeys(h for form in forms for h in form.columns.booking_date))
    message = (
        f"no line of headings with a date ({wanted}) and an amount in the first {MAX_PREAMBLE}; set layout to "
        "this bank's mapping, or write one (docs/mapping.md)"
    )
    if not in_common_signs(seen):
        message += f"; or is encoding another: {', '.join(sorted({*ENCODINGS.values(), 'utf-16'}))}?"
    return FileRefusedError("NO_HEADINGS", message)
