"""Rows of cells of a bank's export, whatever it is: CSV, .xlsx, .xls, or .xls that is text or markup.

The container is known by its first bytes, never by its name. A workbook is bounded before it is opened (safe_workbook).
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from adapters.markup import MAX_MARKUP, is_markup, markup_rows
from adapters.quotes import csv_lines, delimiter_of, ends_with_cr, swallows_a_line, without_padding
from adapters.refused import FileRefusedError
from adapters.safe_workbook import MAX_WORKBOOK, Cell, is_workbook, table_rows
from adapters.text_lines import MAX_LINE, TextLine, decode, text_lines
from adapters.utf16 import utf16_codec, utf16_lines

MAX_PREAMBLE = 60
_SEPARATORS = (",", "\t", "|", ";")
_PREFIX = "`"  # before every cell of a wallet's 资金账单


@dataclass(frozen=True, slots=True)
class Row:
    """One row; offsets are bytes of a text file, and 0 to its size for a row of a workbook, which has none."""

    start: int
    end: int
    cells: list[Cell]
    whole: bool = True  # a line end stands behind it


class _Peeked(io.RawIOBase):
    """A stream whose first bytes were looked at. Where lines end with CR alone, as on an old Macintosh, it is an LF.

    `wide`: not so in UTF-16, where such a byte may be half a character.
    """

    def __init__(self, head: bytes, stream: BinaryIO, *, wide: bool) -> None:
        super().__init__()
        self._head, self._stream = head, stream
        self._ends = b"\r" if ends_with_cr(head) and not wide else b"\n"

    def read(self, size: int = -1, /) -> bytes:
        head, self._head = self._head, b""
        return (head or self._stream.read(size)).replace(self._ends, b"\n")


def rows(
    stream: BinaryIO,
    encoding: str,
    separator: str,
    sheet: str,
    is_heading: Callable[[str], bool],
    is_table: Callable[[list[Cell], list[Cell]], bool],
) -> Iterator[Row]:
    """The rows of the file. A UTF-16 byte order mark goes before `encoding`; "auto" is UTF-8 where the file's first
    64 KiB are, else GB18030; `separator` "auto" is the one that makes headings of a line of which `is_heading` is true.
    `is_table` is true of the headings of a sheet, with the row above them.

    Raises FileRefusedError for a file that is too large, packed beyond bounds, damaged, or not in its encoding.
    """
    head = stream.read(64 * 1024)
    if not head:
        raise FileRefusedError("EMPTY_FILE", "the file is empty; send the file again", 0)
    if is_workbook(head):
        data = head + stream.read(MAX_WORKBOOK)
        for cells in table_rows(data, sheet, is_table):
            yield Row(0, len(data), cells)
        return
    if is_markup(head):
        data = head + stream.read(MAX_MARKUP)
        for cells in markup_rows(data, encoding, sheet, is_table):
            yield Row(0, len(data), cells)
        return
    utf16 = utf16_codec(head, encoding)
    if utf16:
        encoding = utf16
    elif encoding == "auto":
        encoding = "utf-8" if _is_utf8(head) else "gb18030"
    if separator == "auto":
        separator = _separator_of(head.decode(encoding, "ignore"), is_heading, is_table)
    yield from _text_rows(_Peeked(head, stream, wide=bool(utf16)), encoding, separator)


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _separator_of(
    text: str, is_heading: Callable[[str], bool], is_table: Callable[[list[Cell], list[Cell]], bool]
) -> str:
    """The one that makes headings of a line, else the one that such a line has most; a comma where there is no such.

    Cells may be padded with tabs, so that these are more than the commas.
    """
    most = ""
    for line in filter(is_heading, text.splitlines()[:MAX_PREAMBLE]):
        for mark in sorted(_SEPARATORS, key=line.count, reverse=True):
            cells = next(csv.reader([without_padding(line, mark)], delimiter=mark), [])
            if mark in line and is_table(list(cells), []):
                return mark
            most = most or (mark if mark in line else "")
    return most or _SEPARATORS[0]


def _utf16_lines(stream: io.RawIOBase, codec: str) -> Iterator[TextLine]:
    """`text_lines` of UTF-16: bytes as they stand in the file, text as UTF-8."""
    place = 0
    try:
        for start, end, text in utf16_lines(stream.read, codec, MAX_LINE):
            place = end
            if end - start > 2 * MAX_LINE:
                message = f"a line of more than {MAX_LINE} characters; is it this format?"
                raise FileRefusedError("LINE_TOO_LONG", message, start)
            if "\0" in text:
                raise FileRefusedError("NUL_BYTE", "the file holds NUL characters; is it this format?", start)
            yield TextLine(start, end, text.removesuffix("\n").removesuffix("\r").encode(), text.endswith("\n"))
    except UnicodeDecodeError:
        raise FileRefusedError("BAD_ENCODING", "text that is not UTF-16; send the whole file again", place) from None


def _text_rows(stream: io.RawIOBase, encoding: str, separator: str) -> Iterator[Row]:
    """Records of a CSV: a quoted cell may go over lines; offsets are those of its first and last line."""
    taken: list[TextLine] = []
    utf16 = encoding.startswith("utf-16")
    codec = "utf-8" if utf16 else encoding
    # a raw stream reads as a binary one
    lines = _utf16_lines(stream, encoding) if utf16 else text_lines(stream)  # type: ignore[arg-type]

    def texts() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield decode(line.raw, codec, line.start) + "\n"

    reader = csv.reader(csv_lines(texts(), separator, _PREFIX), delimiter=delimiter_of(separator), strict=True)
    width = 0
    try:
        for cells in reader:
            if sum(line.end - line.start for line in taken) > MAX_LINE:
                raise FileRefusedError("LINE_TOO_LONG", f"a record of more than {MAX_LINE} bytes", taken[0].start)
            if len(taken) == 1:
                width = max(width, len(cells))
            elif swallows_a_line(cells, separator, width):
                message = "a quoted cell holds a whole line: a quote is one too many; ask for the file again"
                raise FileRefusedError("BAD_QUOTES", message, taken[0].start)
            else:
                cells = [cell.replace("\n", "") for cell in cells]
            yield Row(taken[0].start, taken[-1].end, list(cells), taken[-1].whole)
            taken.clear()
    except csv.Error:
        raise FileRefusedError("NOT_CSV", "a record that is not CSV; is the separator right?", taken[0].start) from None
