"""Rows of a CSV or a workbook, one by one, as lists of text, with the bytes where each stands. Bounded in every way."""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import BinaryIO

from adapters.feeds.records import read_exactly
from adapters.markup import MAX_MARKUP, markup_rows
from adapters.quotes import csv_lines, delimiter_of, ends_with_cr, swallows_a_line
from adapters.refused import FileRefusedError
from adapters.safe_workbook import MAX_WORKBOOK, ROUNDED, Cell, is_workbook, number_text, table_rows
from adapters.utf16 import utf16_codec, utf16_lines

MAX_LINE = 262_144
MAX_CELLS = 200
Row = tuple[list[str], int, int]
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<[A-Za-z!?]")  # a web page, or XML, that is called .xls


@dataclass(slots=True)
class Reading:
    """How a file is read, and what was seen of it. A UTF-16 byte order mark goes before `encoding`."""

    encoding: str
    separator: str
    sheet: str  # of a workbook; "": the first
    is_table: Callable[[list[str]], bool]  # true of a row of headings
    prefix: str = ""  # in front of every cell of a record
    open_end: bool = False  # the last line of a CSV has no line end
    is_workbook: bool = False

    def see_open_end(self) -> None:
        """Keeps that the last line has no line end."""
        self.open_end = True


def read_rows(stream: BinaryIO, reading: Reading) -> Iterator[Row]:
    """Rows of a workbook (it begins as one), a page or a CSV. FileRefusedError: empty, or not within the bounds."""
    encoding, open_end = reading.encoding, reading.see_open_end
    start = read_exactly(stream, 64)
    if not start:
        raise FileRefusedError("EMPTY_FILE", "the file is empty; send the file again", 0)
    if is_workbook(start):
        reading.is_workbook = True
        yield from _workbook_rows(start + read_exactly(stream, MAX_WORKBOOK), reading)
    elif _MARKUP.match(start):
        reading.is_workbook = True
        yield from _markup_rows(start, stream, reading)
    else:
        codec = utf16_codec(start, encoding)
        lines = _Utf16Lines(start, stream, codec, open_end) if codec else _Lines(start, stream, encoding, open_end)
        yield from _csv_rows(lines, reading.separator, reading.prefix)


# --- CSV -------------------------------------------------------------------------------------------------------------


class _Lines:
    """Decoded lines for csv.reader; `position` is the byte behind the last line it took."""

    def __init__(self, start: bytes, stream: BinaryIO, encoding: str, open_end: Callable[[], None]) -> None:
        self.carry, self.stream, self.open_end = start, stream, open_end
        self.encoding = encoding.removesuffix("-sig")
        self.utf = self.encoding.startswith("utf")
        self.position = 0
        self.newline = b"\n"

    def __iter__(self) -> _Lines:
        return self

    def _raw(self) -> bytes:
        while self.newline not in self.carry and len(self.carry) <= MAX_LINE:
            more = self.stream.read(65_536)
            self.carry += more
            if not more:
                break
        if self.position == 0 and ends_with_cr(self.carry):
            self.newline = b"\r"
        if self.carry and self.newline not in self.carry and len(self.carry) <= MAX_LINE:
            self.open_end()
        line, newline, self.carry = self.carry.partition(self.newline)
        return line + newline

    def __next__(self) -> str:
        line = self._raw()
        if not line:
            raise StopIteration
        if len(line) > MAX_LINE:
            raise FileRefusedError("RECORD_LENGTH", f"a line is longer than {MAX_LINE} bytes", self.position)
        first = self.position == 0
        self.position += len(line)
        if first and self.utf:
            line = line.removeprefix(BOM_UTF8)
        try:
            text = line.decode(self.encoding)
        except UnicodeDecodeError:
            message = f"a line is not {self.encoding} text; set encoding to what the file is written in"
            raise FileRefusedError("BAD_ENCODING", message, self.position - len(line)) from None
        if "\0" in text:
            place = self.position - len(line)
            raise FileRefusedError("BAD_TEXT", "a line holds a NUL byte; the file is damaged", place)
        return text


class _Utf16Lines:
    """`_Lines` of UTF-16, whose line ends are two bytes and whose bytes may be line ends in other signs."""

    def __init__(self, start: bytes, stream: BinaryIO, codec: str, open_end: Callable[[], None]) -> None:
        self.start, self.stream, self.open_end = start, stream, open_end
        self.lines = utf16_lines(self._read, codec, MAX_LINE)
        self.position = 0

    def __iter__(self) -> _Utf16Lines:
        return self

    def _read(self, size: int) -> bytes:
        start, self.start = self.start, b""
        return start or self.stream.read(size)

    def __next__(self) -> str:
        try:
            begin, self.position, text = next(self.lines)
        except UnicodeDecodeError:
            message = "a line is not utf-16 text; set encoding to what the file is written in"
            raise FileRefusedError("BAD_ENCODING", message, self.position) from None
        if len(text) > MAX_LINE:
            raise FileRefusedError("RECORD_LENGTH", f"a line is longer than {MAX_LINE} characters", begin)
        if "\0" in text:
            raise FileRefusedError("BAD_TEXT", "a line holds a NUL character; the file is damaged", begin)
        if not text.endswith("\n"):
            self.open_end()
        return text


def _csv_rows(lines: _Lines | _Utf16Lines, separator: str, prefix: str) -> Iterator[Row]:
    reader = csv.reader(csv_lines(lines, separator, prefix), delimiter=delimiter_of(separator), strict=True)
    width = 0
    while True:
        begin, line = lines.position, reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            what = "quotes that do not close, bytes behind a closing quote, or a carriage return within a line"
            message = f"{what}; the file is cut or damaged: correct the line, or ask for the file again"
            raise FileRefusedError("BAD_QUOTES", message, begin) from None
        if len(cells) > MAX_CELLS:
            raise FileRefusedError("FIELD_COUNT", f"a row has more than {MAX_CELLS} cells", begin)
        if reader.line_num == line + 1:
            width = max(width, len(cells))
        elif swallows_a_line(cells, separator, width):
            message = "a quoted cell holds a whole line: a quote is one too many; ask for the file again"
            raise FileRefusedError("BAD_QUOTES", message, begin)
        yield cells, begin, lines.position


# --- workbooks -------------------------------------------------------------------------------------------------------


def _workbook_rows(data: bytes, reading: Reading) -> Iterator[Row]:
    """Rows of one sheet. All rows name the whole file as their bytes: a workbook is compressed."""
    for row in table_rows(data, reading.sheet, lambda cells, _: reading.is_table([str(cell) for cell in cells])):
        yield [_cell_text(cell) for cell in row], 0, len(data)


def _markup_rows(start: bytes, stream: BinaryIO, reading: Reading) -> Iterator[Row]:
    """Rows of the table of a page, or of the XML of Excel 2003, as banks' exports are read."""

    def texts(cells: list[Cell]) -> list[str]:
        return ["" if cell is None else _cell_text(cell).strip() for cell in cells]

    data = start + read_exactly(stream, MAX_MARKUP)
    encoding = reading.encoding.removesuffix("-sig")
    for row in markup_rows(data, encoding, reading.sheet, lambda cells, _: reading.is_table(texts(cells))):
        yield texts(row), 0, len(data)


def _cell_text(cell: object) -> str:
    """A typed cell as text: whole numbers without a point, times as ISO; 16 digits and more were rounded by Excel."""
    match cell:
        case bool():
            return "TRUE" if cell else "FALSE"
        case float() | int():
            if abs(cell) >= 10**15:
                raise FileRefusedError("ROUNDED", ROUNDED)
            return number_text(float(cell))
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M:%S}"
        case date() | time():
            return cell.isoformat()
        case timedelta():
            return str(cell)
        case _:
            return str(cell)
