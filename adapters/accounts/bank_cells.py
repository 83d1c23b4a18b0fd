"""Cells of a bank's export as values: blanks, amounts with signs and separators, dates, account numbers."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Literal

from adapters.safe_workbook import UNREAD, Cell, number_text
from adapters.shown import mask_text
from settlement.model.dates import parse_compact_date
from settlement.model.money import parse_amount

DateForm = Literal["ISO", "DD/MM/YYYY", "MM/DD/YYYY", "YY/MM/DD", "DD/MM/YY", "MM/DD/YY", "MM/DD"]
_BLANKS = " \t\r\n\u00a0\u3000\ufeff"
_DASHES = "-\u2013\u2014\u2500\uff0d"
_EMPTY = re.compile(f"[{_DASHES}]*")
_QUOTED = re.compile(r'="(.*)"', re.DOTALL)
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_AMOUNT = re.compile(
    r"(?P<open>\()?(?P<first>[+-]?) ?(?:(?:CNY|RMB|人民币|￥|¥) ?)?(?P<second>-?)(?P<digits>[0-9.,]+)"
    r" ?(?:CNY|RMB|元|\((?!CR|DR|DB)[A-Z]{2}\))?(?P<last>-?)(?P<close>\))?",  # of a card, the land: (CN)
    re.ASCII,
)
_SIGNS = str.maketrans("\u2212\uff0d\uff0b\uff08\uff09", "--+()")  # as Chinese programs write them
_COMMA = str.maketrans(",.", ".,")
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?", re.ASCII)
# of a time, whole or cut, only that it is one is looked at: 10:30:22, 10.30.22.123456, 10时30分, 103022
_CLOCK = r"[0-2]?[0-9][:.时](?:[0-5][0-9]分?)?(?:[:.]?[0-5][0-9]秒?)?(?:\.[0-9]+)?"
_TIME = re.compile(
    rf"(?:(?:[ T]+|(?<=日))(?:[上下]午)? ?(?:{_CLOCK}|[0-2][0-9][0-5][0-9][0-5][0-9])|-{_CLOCK})"
    r"(?: ?[AP]M)?(?:\+08:?00)?$",
    re.ASCII | re.IGNORECASE,
)
_COMPACT_TIME = re.compile(r"(?<=^[0-9]{8})[ -]*[0-2][0-9][0-5][0-9][0-5][0-9](?:[0-9]{3})?$", re.ASCII)
_NAMED = re.compile(r"([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日", re.ASCII)
_WIDE_BLANKS = str.maketrans("\u00a0\u3000", "  ")
_SHOWN = 40
_DAY_ALONE = 10  # characters; with a time there are more
_MARKED = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})", re.ASCII)
_LOCAL = re.compile(r"([0-9]{1,2}|[A-Z]{3})([-/. ])([0-9]{1,2}|[A-Z]{3})\2([0-9]{4})", re.ASCII | re.IGNORECASE)
_SHORT = re.compile(r"([0-9]{1,2})([-/.])(?P<middle>[0-9]{1,2})\2(?P<last>[0-9]{1,2})", re.ASCII)
_SHORT_COMPACT = re.compile(r"([0-9]{2})(?P<middle>[0-9]{2})(?P<last>[0-9]{2})", re.ASCII)
_LIKE_A_DAY = re.compile(
    r"(?:[0-9]{4}[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}日?|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{4}|[0-9]{1,2})|20[0-9]{6}"
    r"|20[0-9]{2}[-/.]\S{1,6}|[0-9]{1,2}[-/. ][A-Z]{3}[-/. ][0-9]{4})(?:[ T][0-9:.]*)?",
    re.ASCII | re.IGNORECASE,
)
# the same where the form has no whole year; elsewhere they may be counts and sums
_LIKE_A_SHORT_DAY = re.compile(r"(?:[0-9]{1,2}[-/.月][0-9]{1,2}日?|[0-9]{4}|[0-9]{6})(?:[ T][0-9:.]*)?", re.ASCII)
_YEARLESS = re.compile(r"([0-9]{1,2})[-/.月]([0-9]{1,2})日?", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EXPONENT = re.compile(r"[0-9](?:\.[0-9]+)?E\+?[0-9]+", re.ASCII | re.IGNORECASE)
# of numbers with 17 digits one in a hundred ends so anyhow: an account at 农业银行 must not be refused for it
_ROUNDED = re.compile(r"[1-9][0-9]{14}0{3,}", re.ASCII)
_WRITTEN = {
    "ISO": "YYYY-MM-DD, YYYYMMDD, YYYY/MM/DD or YYYY年MM月DD日",
    "MM/DD": "MM/DD, with its month above the headings or set as clearing_date",
}
_OF_SUMS = dict.fromkeys(map(ord, "共合小总计笔条次户数收支借贷入出方金额元"))  # what counts and sums are written with
_OF_DAYS = _OF_SUMS | dict.fromkeys(map(ord, "年月日天本当上期累第页人民币"))  # beside a number: 5月合计2笔
_ACCOUNT_DIGITS = 6  # at least: a count is shorter
_EXACT = 10**15  # a workbook keeps 15 digits of a number
_SERIAL = (date(1899, 12, 30), 36_526, 73_050)  # days as a workbook counts them, from 2000 to 2099


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
        return number_text(cell)
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


def amount_of(cell: Cell, minor_digits: int, decimal: str = ".") -> int | None:
    """Signed minor units: a currency mark, digits perhaps grouped by commas; a minus before or behind, or brackets.

    `decimal`: "," where a text has points and commas the other way round. None where the cell is blank.
    CellError: BAD_AMOUNT.
    """
    text = value_of(cell)
    if text is None:
        return None
    if decimal == "," and isinstance(cell, str):
        text = text.translate(_COMMA)
    if _PLAIN.fullmatch(text):  # as most are
        return _minor(text, minor_digits)
    parts = _AMOUNT.fullmatch(text.translate(_SIGNS))
    marks = () if parts is None else parts.group("open", "first", "second", "last")
    minus = [mark for mark in marks if mark in {"(", "-"}]
    if parts is None or len(minus) > 1 or bool(parts["open"]) != bool(parts["close"]):
        raise CellError("BAD_AMOUNT", "not an amount; write digits with at most one point, like 12.34")
    body = parts["digits"]
    if "," in body:
        if _GROUPED.fullmatch(body) is None:
            raise CellError("BAD_AMOUNT", "thousands are not grouped by threes; write 1,234.56")
        body = body.replace(",", "")
    if body.startswith("."):  # as Oracle writes 0.50
        body = "0" + body
    return (-1 if minus else 1) * _minor(body, minor_digits)


def _minor(text: str, minor_digits: int) -> int:
    try:
        return parse_amount(text, minor_digits)
    except ValueError as error:
        raise CellError("BAD_AMOUNT", str(error)) from None


def see_minus(seen: set[bool], expense: int, more: str = "") -> None:
    """CellError where a file has money out with a minus and without one (`seen`), and the mapping does not say why."""
    seen.add(expense < 0)
    if len(seen) > 1:
        message = "money out with a minus and without one: set expenses_signed to what the minus means"
        raise CellError("BAD_SIGN", f"{message}{more}")


def date_of(cell: Cell, form: DateForm, latest: date | None = None) -> date | None:
    """A day: 2025-01-31, 20250131, 2025/1/31 or 2025年1月31日, each perhaps with a time; or the one given form.

    None where blank. A number of a workbook may count days, as it does where its cell has lost its look.
    MM/DD is the last such day that is not after `latest`. CellError: BAD_DATE.
    """
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    first, least, most = _SERIAL
    if isinstance(cell, int | float) and least <= cell < most + 1 and "YY" not in form.split("/"):
        return first + timedelta(days=int(cell))
    text = value_of(cell)
    if text is None or not text.strip("0-/.: "):  # 00000000, 0000-00-00: none, as databases write it
        return None
    bare = (
        text
        if len(text) <= _DAY_ALONE and form != "MM/DD"
        else _COMPACT_TIME.sub("", _TIME.sub("", " ".join(text.translate(_WIDE_BLANKS).split())))
    )
    try:
        if form == "MM/DD":
            return _yearless_date(bare, latest)
        if form.count("Y") == len("YY"):
            return _short_date(bare, form)
        if form != "ISO":
            return _local_date(bare, form)
        marked = _MARKED.fullmatch(bare) or _NAMED.fullmatch(bare)
        if marked:
            return date(*(int(part) for part in marked.groups() if part.isdigit()))
        return parse_compact_date(bare)
    except ValueError:
        shown = mask_text(text[:_SHOWN])
        raise CellError("BAD_DATE", f"{shown!r} is not a day written {_WRITTEN.get(form, form)}") from None


def _local_date(text: str, form: str) -> date:
    """Of 07/05/2026, 7-5-2026, 07.05.2026; a month may be named: 07 May 2026."""
    match = _LOCAL.fullmatch(text)
    if match is None:
        raise ValueError(form)
    day, month = match.group(1, 3) if form.startswith("DD") else match.group(3, 1)
    number = int(month) if month.isdigit() else _MONTHS.index(month.lower()) + 1
    return date(int(match[4]), number, int(day))


def _short_date(text: str, form: str) -> date:
    """Of 26/01/05, 26-1-5, 26.01.05 or 260105, its parts in the order of the form."""
    match = _SHORT.fullmatch(text) or _SHORT_COMPACT.fullmatch(text)
    if match is None:
        raise ValueError(form)
    parts = dict(zip(form.split("/"), match.group(1, "middle", "last"), strict=True))
    if len(parts["YY"]) != len("YY"):
        raise ValueError(form)
    return date(2000 + int(parts["YY"]), int(parts["MM"]), int(parts["DD"]))


def _yearless_date(text: str, latest: date | None) -> date:
    match = _YEARLESS.fullmatch(text)
    if match is None or latest is None:
        raise ValueError(text)
    month, day = (int(part) for part in match.groups())
    return date(latest.year - ((month, day) > (latest.month, latest.day)), month, day)


def is_like_a_day(cell: Cell, form: DateForm) -> bool:
    """True where a day is meant, though it may be none (2026-13-01), be written otherwise, or have been computed."""
    text = text_of(cell)
    if text == UNREAD or _LIKE_A_DAY.fullmatch(text):
        return True
    return form != "ISO" and "YYYY" not in form and _LIKE_A_SHORT_DAY.fullmatch(text) is not None


def is_somebody(name: Cell, account: Cell, words: frozenset[str]) -> bool:
    """True where the name or the account of another side is told: no word of sums (合计), and no count (共2笔)."""
    told = "".join(text_of(name).split())
    of_sums = _OF_DAYS if any(map(str.isdigit, told)) else _OF_SUMS
    if told not in words and any(map(str.isalpha, told.translate(of_sums))):
        return True
    return sum(map(str.isdigit, text_of(account))) >= _ACCOUNT_DIGITS


def is_reference(cell: Cell) -> bool:
    """True for the number of a line, which sums have none of; in its column they may have their day or an amount."""
    text = text_of(cell)
    return is_somebody(None, text, frozenset()) and not is_like_a_day(text, "ISO") and not {".", ","} & set(text)


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
