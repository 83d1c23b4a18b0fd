"""Rows of what banks call .xls and is markup: the table of a web page, or the XML of Excel 2003 (SpreadsheetML).

The text is decoded strictly, as a CSV is, before lxml has it. A DOCTYPE is refused in XML; a web page has no entities
of its own. A page whose tables do not all end was cut. Merged cells give their text once, as those of a workbook do.
Of a page lxml has the tags of tables alone, without attributes: for one tag with many it would take hours.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from lxml import etree

from adapters.refused import FileRefusedError
from adapters.safe_workbook import MAX_COLUMNS, UNREAD, Cell
from adapters.text_lines import decode
from adapters.utf16 import utf16_codec

MAX_MARKUP = 8 * 1024 * 1024
MAX_ELEMENTS = 1_000_000  # each takes memory until the end, also an empty one
_SHEET = "{urn:schemas-microsoft-com:office:spreadsheet}"
_CELLS = re.compile(r"<(?:t[rdh]|/?table)[\s/>]", re.IGNORECASE)  # and what holds them
# comments, programs and styles; tags; a mark that begins none of these
_PARTS = re.compile(
    r"""<(?:!--.*?(?:-->|\Z)|(?:script|style)\b.*?(?:</(?:script|style)|\Z)"""
    r"""|(?P<end>/?)(?P<tag>[a-z][a-z0-9:]*|[!?])(?P<rest>(?:=\s*"[^"]*"|=\s*'[^']*'|[^<>]){0,9999}+)>|)""",
    re.IGNORECASE | re.DOTALL,
)
_KEPT = frozenset({"table", "thead", "tbody", "tfoot", "tr", "td", "th", "br"})
_SPANS = re.compile(r"""\s((?:col|row)span)\s*=\s*["']?\s*([0-9]+)""", re.IGNORECASE | re.ASCII)
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:E[+-]?[0-9]+)?", re.ASCII | re.IGNORECASE)
IsTable = Callable[[list[Cell], list[Cell]], bool]


def is_markup(head: bytes) -> bool:
    """True where a file begins as markup does, after a byte order mark and blanks."""
    codec = utf16_codec(head, "") or "utf-8"
    return head.decode(codec, "ignore").lstrip("\ufeff \t\r\n").startswith("<")


def markup_rows(data: bytes, encoding: str, sheet: str, is_table: IsTable) -> Iterator[list[Cell]]:
    """Rows of cells. FileRefusedError: it is no table, was cut, or is not within the bounds."""
    if len(data) > MAX_MARKUP:
        raise FileRefusedError("TOO_LARGE", f"a page of more than {MAX_MARKUP} bytes; export a shorter time", 0)
    text = _text_of(data, encoding)
    is_sheet = _SHEET[1:-1] in text[:4096]
    if text.count("<") - text.count("</") + is_sheet * text.count("=") > MAX_ELEMENTS:
        message = f"more than {MAX_ELEMENTS} elements and attributes; export a shorter time"
        raise FileRefusedError("TOO_LARGE", message, 0)
    try:
        if is_sheet:
            yield from _sheet_rows(text, sheet, is_table)
        elif _CELLS.search(text) is not None:
            yield from _page_rows(text)
        else:
            message = "XML, or a web page without a table; open it, save it as .xlsx or CSV, and send that"
            raise FileRefusedError("NOT_CSV", message, 0)
    except (etree.XMLSyntaxError, ValueError):
        raise FileRefusedError("DAMAGED", "the markup is cut or damaged; send the file again", 0) from None


def _text_of(data: bytes, encoding: str) -> str:
    codec = utf16_codec(data, encoding)
    if not codec and encoding == "auto":
        try:
            return _checked(data.decode("utf-8-sig"))
        except UnicodeDecodeError:
            codec = "gb18030"
    return _checked(decode(data, codec or encoding, 0))


def _checked(text: str) -> str:
    if "\0" in text:
        raise FileRefusedError("NUL_BYTE", "the file holds NUL characters; is it this format?", 0)
    return text.lstrip("\ufeff")


def _elements(text: str, **how: Any) -> Iterator[Any]:
    """Each element of the wanted tags when it ends; it is let go when the next is asked for."""
    for _, element in etree.iterparse(io.BytesIO(text.encode()), events=("end",), **how):
        yield element
        element.clear(keep_tail=True)


# --- a web page ------------------------------------------------------------------------------------------------------


def _page_rows(text: str) -> Iterator[list[Cell]]:
    text = _PARTS.sub(_bare_part, text)
    if text.count("<table") != text.count("</table"):
        raise FileRefusedError("TRUNCATED", "a table of the page does not end: it was cut; send the file again", 0)
    left = sum(map(text.count, ("<tr", "<td", "<th>", "<th ")))
    group = None
    over: dict[int, int] = {}  # columns that a cell above reaches into, and how many rows it still does
    for row in _elements(text, tag="tr", html=True, encoding="utf-8"):
        left -= 1
        if row.getparent() is not group:  # no cell reaches into another table, nor from its head into its body
            group, over = row.getparent(), {}
        cells: list[Cell] = []
        below: dict[int, int] = {}
        for cell in row.iter("td", "th"):  # those of a table within have been let go
            left -= 1
            _skip(cells, over)
            wide, high = (_span(cell.get(name)) for name in ("colspan", "rowspan"))
            below |= {len(cells) + n: high - 1 for n in range(wide) if high > 1}
            cells += [_cell_text(cell), *[None] * (wide - 1)]
            _bound(cells)
        _skip(cells, over)
        over = {place: rows - 1 for place, rows in over.items() if rows > 1} | below
        yield cells
    if left:
        raise _unreadable()


def _bare_part(part: re.Match[str]) -> str:
    """A tag of a table with its spans alone; nothing of any other tag, of comments, programs and styles."""
    rest = part["rest"] or ""
    if (part.group() == "<" and _CELLS.match(part.string, part.start())) or ("<" in rest and _CELLS.search(rest)):
        raise _unreadable()
    if part.group() == "<":
        return "&lt;"
    tag = (part["tag"] or "").lower()
    if tag not in _KEPT:
        return ""
    spans = "".join(f' {name.lower()}="{number[:9]}"' for name, number in _SPANS.findall(rest)[:2])
    return f"<{part['end']}{tag}{'' if part['end'] else spans}>"


def _unreadable() -> FileRefusedError:
    message = "cells of the page cannot be read; save it as .xlsx or CSV, and send that"
    return FileRefusedError("DAMAGED", message, 0)


def _skip(cells: list[Cell], over: dict[int, int]) -> None:
    while len(cells) in over:
        cells.append(None)


def _span(text: str | None) -> int:
    return min(max(int(text), 1), MAX_COLUMNS) if text and text.isascii() and text.isdigit() else 1


def _cell_text(cell: Any) -> str:
    for end in cell.iter("br"):
        end.tail = " " + (end.tail or "")
    return "".join(cell.itertext()) if len(cell) else cell.text or ""


# --- SpreadsheetML ---------------------------------------------------------------------------------------------------


def _sheet_rows(text: str, sheet: str, is_table: IsTable) -> Iterator[list[Cell]]:
    """Rows of the sheet of that name, or of the first; lines in another one refuse the file, as of a workbook."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise FileRefusedError("DOCTYPE", "the workbook has a DOCTYPE; save it again with a workbook program", 0)
    wanted, last, headed, seen = "", "", False, False
    above: list[Cell] = []
    for name, row in _named_rows(_DECLARATION.sub("", text)):
        wanted = wanted or sheet or name
        if name == wanted:
            seen = True
            yield row
        elif not sheet:
            above, headed = (above, headed) if name == last else ([], False)
            if headed and any(row):
                message = f"the sheet {name!r} of the workbook has lines too: set sheet to the one that is meant"
                raise FileRefusedError("OTHER_SHEETS", f"{message}, or send each sheet in a file of its own")
            headed = headed or is_table(row, above)
            last, above = name, row
    if sheet and not seen:
        raise FileRefusedError("NO_SHEET", "no such sheet in the workbook; set sheet to one that it has")


def _named_rows(text: str) -> Iterator[tuple[str, list[Cell]]]:
    """(name of its sheet, cells) of each row."""
    for row in _elements(text, tag=f"{_SHEET}Row"):
        cells: list[Cell] = []
        for cell in row.iterchildren(f"{_SHEET}Cell"):
            index = _span(cell.get(f"{_SHEET}Index"))
            cells += [None] * (index - 1 - len(cells))
            cells += [_data_of(cell), *[None] * _merged(cell.get(f"{_SHEET}MergeAcross"))]
            _bound(cells)
        sheet = next(row.iterancestors(f"{_SHEET}Worksheet"), None)
        yield ("" if sheet is None else sheet.get(f"{_SHEET}Name") or "", cells)


def _merged(text: str | None) -> int:
    return _span(text) if text and text != "0" else 0


def _data_of(cell: Any) -> Cell:
    """The value; UNREAD for an error, and for a formula whose value was not saved."""
    data = cell.find(f"{_SHEET}Data")
    text = "" if data is None else "".join(data.itertext()).strip()
    kind = "String" if data is None else data.get(f"{_SHEET}Type")
    if kind == "Error" or (not text and kind != "String") or (data is None and cell.get(f"{_SHEET}Formula")):
        return UNREAD
    if kind == "Number" and _NUMBER.fullmatch(text):
        return float(text)
    return datetime.fromisoformat(text) if kind == "DateTime" else text


def _bound(cells: list[Cell]) -> None:
    if len(cells) > MAX_COLUMNS:
        raise FileRefusedError("SHEET_TOO_LARGE", f"a row of more than {MAX_COLUMNS} cells; send CSV")
