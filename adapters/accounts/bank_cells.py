"""Cells of a bank's export as values: blanks, amounts with signs and separators, dates, account numbers."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Literal

from adapters.shown import mask_text
from settlement.model.dates import parse_compact_date, parse_date
from settlement.model.money import parse_amount

# a number as a cell of a workbook gives it; text stands for itself
Cell = str | int | float | bool | date | datetime | time | timedelta | None

_BLANKS = " \t\r\n\u00a0\u3000\ufeff"
_EMPTY = re.compile(r"-*")
_QUOTED = re.compile(r'="(.*)"', re.DOTALL)
_CURRENCY_MARK = re.compile(r"(?:CNY|RMB|￥|¥) ?")
_PLACE_MARK = re.compile(r"\([A-Z]{2}\)")
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?", re.ASCII)
# of a time, whole or cut, only that it is one is looked at
_TIME = re.compile(r"[ T]+[0-2]?[0-9]:(?:[0-5][0-9])?(?::[0-5][0-9](?:\.[0-9]+)?)?$", re.ASCII)
_COMPACT_TIME = re.compile(r"(?<=^[0-9]{8}) *[0-2][0-9][0-5][0-9][0-5][0-9]$", re.ASCII)
_NAMED = re.compile(r"([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日", re.ASCII)
_WIDE_BLANKS = str.maketrans("\u00a0\u3000", "  ")
_SHOWN = 40
_SLASHED = re.compile(r"([0-9]{4})[/.]([0-9]{1,2})[/.]([0-9]{1,2})", re.ASCII)
_LOCAL = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})", re.ASCII)
_YEARLESS = re.compile(r"([0-9]{2})/([0-9]{2})", re.ASCII)
_EXPONENT = re.compile(r"[0-9](?:\.[0-9]+)?E\+?[0-9]+", re.ASCII | re.IGNORECASE)
_ROUNDED = re.compile(r"[1-9][0-9]{14}0{2,}", re.ASCII)
_WRITTEN = {
    "ISO": "YYYY-MM-DD, YYYYMMDD, YYYY/MM/DD or YYYY年MM月DD日",
    "MM/DD": "MM/DD, with its month above the headings or set as clearing_date",
}
_EXACT = 10**15  # a workbook keeps 15 digits of a number


class CellError(ValueError):
    """A cell that cannot be read: code and a message without the value."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def text_of(cell: Cell) -> str:
    """The cell as bare text: padding, `="..."` and a leading backquote or apostrophe off; "" for blank.

    A number of a workbook becomes its shortest decimal text (67.0 is "67"), which is what the bank's program wrote.
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _EXACT else repr(cell)
    if not isinstance(cell, str):
        return cell.isoformat(" ") if isinstance(cell, datetime) else str(cell)
    text = cell.strip(_BLANKS)
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        text = quoted.group(1).strip(_BLANKS)
    return text.lstrip("`'").rstrip("'")


def value_of(cell: Cell) -> str | None:
    """Bare text, None where the cell is blank or one of the marks for nothing (`-`, `--`)."""
    text = text_of(cell)
    return None if _EMPTY.fullmatch(text) else text


def amount_of(cell: Cell, minor_digits: int) -> int | None:
    """Signed minor units: an optional sign, an optional currency mark, digits perhaps grouped by commas.

    None where the cell is blank. CellError: BAD_AMOUNT.
    """
    text = value_of(cell)
    if text is None:
        return None
    sign = -1 if text.startswith("-") else 1
    body = _CURRENCY_MARK.sub("", text.lstrip("+-") if text[1:2] not in {"+", "-"} else text, count=1)
    if body.startswith("-"):  # CNY-13.50
        sign, body = -sign, body[1:]
    body = _PLACE_MARK.sub("", body)
    if "," in body:
        if _GROUPED.fullmatch(body) is None:
            raise CellError("BAD_AMOUNT", "thousands are not grouped by threes; write 1,234.56")
        body = body.replace(",", "")
    try:
        return sign * parse_amount(body, minor_digits)
    except ValueError as error:
        raise CellError("BAD_AMOUNT", str(error)) from None


def date_of(
    cell: Cell, form: Literal["ISO", "DD/MM/YYYY", "MM/DD/YYYY", "MM/DD"], latest: date | None = None
) -> date | None:
    """A day: 2025-01-31, 20250131, 2025/1/31 or 2025年1月31日, each perhaps with a time; or the one given form.

    None where blank.
    MM/DD is the last such day that is not after `latest`. CellError: BAD_DATE.
    """
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    text = value_of(cell)
    if text is None:
        return None
    bare = _COMPACT_TIME.sub("", _TIME.sub("", text.translate(_WIDE_BLANKS)).rstrip())
    try:
        if form == "MM/DD":
            return _yearless_date(bare, latest)
        if form != "ISO":
            return _local_date(bare, form)
        slashed = _SLASHED.fullmatch(bare) or _NAMED.fullmatch(bare)
        if slashed:
            return date(*(int(part) for part in slashed.groups()))
        return parse_compact_date(bare) if len(bare) == 8 else parse_date(bare)
    except ValueError:
        shown = mask_text(text[:_SHOWN])
        raise CellError("BAD_DATE", f"{shown!r} is not a day written {_WRITTEN.get(form, form)}") from None


def _local_date(text: str, form: str) -> date:
    match = _LOCAL.fullmatch(text)
    if match is None:
        raise ValueError(form)
    first, second, year = (int(part) for part in match.groups())
    return date(year, second, first) if form == "DD/MM/YYYY" else date(year, first, second)


def _yearless_date(text: str, latest: date | None) -> date:
    match = _YEARLESS.fullmatch(text)
    if match is None or latest is None:
        raise ValueError(text)
    month, day = (int(part) for part in match.groups())
    return date(latest.year - ((month, day) > (latest.month, latest.day)), month, day)


def name_of(cell: Cell) -> str | None:
    """The name of the other side; a workbook that has the number 0 there has none."""
    return None if isinstance(cell, int | float) and not cell else value_of(cell)


def account_of(cell: Cell) -> str | None:
    """An account number as text. CellError ROUNDED_ACCOUNT where a workbook has kept only 15 of its digits."""
    message = "the account number was rounded by a workbook program; export it again with the column as text"
    if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= _EXACT:
        raise CellError("ROUNDED_ACCOUNT", message)
    text = value_of(cell)
    if text is not None and (_EXPONENT.fullmatch(text) or _ROUNDED.fullmatch(text)):
        raise CellError("ROUNDED_ACCOUNT", message)
    return text
