"""Rows of a CSV or a workbook, one by one, as lists of text, with the bytes where each stands. Bounded in every way."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import BinaryIO

from python_calamine import CalamineError, CalamineWorkbook

from adapters.feeds.records import FileRefused

MAX_LINE = 262_144
MAX_CELLS = 200
MAX_WORKBOOK = 64 * 1024 * 1024
MAX_RATIO = 200
MAX_ROWS = 1_048_576
_REFERENCE = re.compile(rb'<c\b[^>]*?\br="([A-Z]{1,3})([0-9]{1,7})"')
Row = tuple[list[str], int, int]


def read_rows(stream: BinaryIO, encoding: str, separator: str) -> Iterator[Row]:
    """Rows of a workbook (it begins as one) or of a CSV. FileRefused: not readable within the bounds."""
    start = stream.read(8)
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
        yield from _workbook_rows(start + stream.read(MAX_WORKBOOK))
    else:
        yield from _csv_rows(start, stream, encoding, separator)


# --- CSV -------------------------------------------------------------------------------------------------------------


class _Lines:
    """Decoded lines for csv.reader; `position` is the byte behind the last line it took."""

    def __init__(self, start: bytes, stream: BinaryIO, encoding: str) -> None:
        self.carry, self.stream = start, stream
        self.encoding = encoding.removesuffix("-sig")
        self.utf = self.encoding.startswith("utf")
        self.position = 0

    def __iter__(self) -> _Lines:
        return self

    def _raw(self) -> bytes:
        while b"\n" not in self.carry and len(self.carry) <= MAX_LINE:
            more = self.stream.read(65_536)
            if not more:
                line, self.carry = self.carry, b""
                return line
            self.carry += more
        line, newline, self.carry = self.carry.partition(b"\n")
        return line + newline

    def __next__(self) -> str:
        line = self._raw()
        if not line:
            raise StopIteration
        if len(line) > MAX_LINE:
            raise FileRefused("RECORD_LENGTH", f"a line is longer than {MAX_LINE} bytes", "", 0, self.position)
        first = self.position == 0
        self.position += len(line)
        if first and self.utf:
            line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            text = line.decode(self.encoding)
        except UnicodeDecodeError:
            message = f"a line is not {self.encoding} text; set encoding to what the file is written in"
            raise FileRefused("BAD_ENCODING", message, "", 0, self.position - len(line)) from None
        if "\0" in text:
            place = self.position - len(line)
            raise FileRefused("BAD_TEXT", "a line holds a NUL byte; the file is damaged", "", 0, place)
        return text


def _csv_rows(start: bytes, stream: BinaryIO, encoding: str, separator: str) -> Iterator[Row]:
    lines = _Lines(start, stream, encoding)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        begin = lines.position
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            message = "quotes that do not close, or bytes behind a closing quote; the file is cut or damaged"
            raise FileRefused("BAD_QUOTES", message, "", 0, begin) from None
        if len(cells) > MAX_CELLS:
            raise FileRefused("FIELD_COUNT", f"a row has more than {MAX_CELLS} cells", "", 0, begin)
        yield cells, begin, lines.position


# --- workbooks -------------------------------------------------------------------------------------------------------


def _workbook_rows(data: bytes) -> Iterator[Row]:
    """Rows of the first sheet. All rows name the whole file as their bytes: a workbook is compressed."""
    if len(data) > MAX_WORKBOOK:
        raise FileRefused("TOO_LARGE", f"a workbook of more than {MAX_WORKBOOK} bytes; split it, or give a CSV")
    if data.startswith(b"PK"):
        _bound_zip(data)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheet = workbook.get_sheet_by_index(0)
    except (CalamineError, OSError, ValueError, IndexError):
        raise FileRefused("BAD_WORKBOOK", "the workbook cannot be opened; save it again as .xlsx or CSV") from None
    if sheet.total_height > MAX_ROWS or sheet.total_width > MAX_CELLS:
        raise FileRefused("TOO_LARGE", f"a sheet of more than {MAX_ROWS} rows or {MAX_CELLS} columns; split it")
    for row in sheet.iter_rows():
        yield [_cell_text(cell) for cell in row], 0, len(data)


def _bound_zip(data: bytes) -> None:
    """Unpacked size, ratio, count, and the place of the furthest cell (readers make the whole rectangle)."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            if len(entries) > 1000 or total > 4 * MAX_WORKBOOK or total > MAX_RATIO * len(data):
                raise FileRefused("TOO_LARGE", "the workbook unpacks to far more than it is; give a CSV")
            for entry in entries:
                if entry.filename.startswith("xl/worksheets/") and entry.filename.endswith(".xml"):
                    _bound_sheet(archive, entry)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        message = "the workbook cannot be unpacked; it was cut or damaged: send it again"
        raise FileRefused("BAD_WORKBOOK", message) from None


def _bound_sheet(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    tail, read = b"", 0
    with archive.open(entry) as part:
        while chunk := part.read(1024 * 1024):
            read += len(chunk)
            if read > entry.file_size:
                raise FileRefused("TOO_LARGE", "the workbook unpacks to more than it says; it is damaged")
            text = tail + chunk
            for letters, number in _REFERENCE.findall(text):
                if int(number) > MAX_ROWS or _column_number(letters) > MAX_CELLS:
                    message = f"a cell stands beyond row {MAX_ROWS} or column {MAX_CELLS}; give only the table"
                    raise FileRefused("TOO_LARGE", message)
            tail = text[-200:]


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _cell_text(cell: object) -> str:
    """A typed cell as text: whole numbers without a point, times as ISO; 16 digits and more were rounded by Excel."""
    match cell:
        case bool():
            return "TRUE" if cell else "FALSE"
        case float() | int():
            if abs(cell) >= 10**15:
                message = "a number of 16 digits or more stands in the workbook as a number, so Excel has rounded it; "
                raise FileRefused("ROUNDED", message + "make the column text and export again")
            return str(int(cell)) if cell == int(cell) else repr(cell)
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M:%S}"
        case date() | time():
            return cell.isoformat()
        case timedelta():
            return str(cell)
        case _:
            return str(cell)
