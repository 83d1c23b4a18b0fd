"""Rows of cells of a bank's export, whatever it is: CSV, .xlsx, .xls, or .xls that is text.

The container is known by its first bytes, never by its name. A workbook is bounded before it is opened: its unpacked
size, its ratio, and the rectangle its cells span, since a single far cell would make a reader allocate the whole.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, WorkbookClosed, XmlError, ZipError

from adapters.accounts.bank_cells import Cell
from adapters.accounts.text_lines import MAX_LINE, FileRefusedError, TextLine, decode, text_lines

MAX_PREAMBLE = 60
_SEPARATORS = (",", "\t", "|", ";")
MAX_WORKBOOK = 32 * 1024 * 1024
MAX_UNPACKED = 96 * 1024 * 1024  # of XML
MAX_RATIO = 200
MAX_MEMBERS = 500
MAX_CELLS = 3_000_000
MAX_COLUMNS = 256
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_BOM = b"\xef\xbb\xbf"
_CELL = re.compile(rb"<c[ />]")
_REFERENCE = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')


@dataclass(frozen=True, slots=True)
class Row:
    """One row; offsets are bytes of a text file, and 0 to its size for a row of a workbook, which has none."""

    start: int
    end: int
    cells: list[Cell]


class _Peeked(io.RawIOBase):
    """A stream whose first bytes were looked at."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        super().__init__()
        self._head, self._stream = head, stream

    def read(self, size: int = -1, /) -> bytes:
        if not self._head:
            return self._stream.read(size)
        head, self._head = self._head, b""
        return head


def rows(
    stream: BinaryIO, encoding: str, separator: str, sheet: str, is_heading: Callable[[str], bool]
) -> Iterator[Row]:
    """The rows of the file. `encoding` "auto" is UTF-8 where the file's first 64 KiB are, else GB18030; `separator`
    "auto" is the one that stands most often in the line of which `is_heading` is true.

    Raises FileRefusedError for a file that is too large, packed beyond bounds, damaged, or not in its encoding.
    """
    head = stream.read(64 * 1024)
    if not head:
        raise FileRefusedError("EMPTY_FILE", "the file is empty; send the file again", 0)
    if head.startswith((_OLE, _ZIP)):
        data = head + stream.read(MAX_WORKBOOK)
        if len(data) > MAX_WORKBOOK:
            raise FileRefusedError("TOO_LARGE", f"a workbook of more than {MAX_WORKBOOK} bytes; export it as CSV")
        if head.startswith(_ZIP):
            _check_zip(data)
        yield from _sheet_rows(data, sheet)
        return
    if head.removeprefix(_BOM).lstrip().startswith(b"<"):
        message = "a web page or XML that is called a workbook; open it, save it as .xlsx or CSV, and send that"
        raise FileRefusedError("NOT_CSV", message, 0)
    if encoding == "auto":
        encoding = "utf-8" if _is_utf8(head) else "gb18030"
    if separator == "auto":
        separator = _separator_of(head.decode(encoding, "ignore"), is_heading)
    yield from _text_rows(_Peeked(head, stream), encoding, separator)


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _separator_of(text: str, is_heading: Callable[[str], bool]) -> str:
    """A comma where no line is one of headings: the reader says so then."""
    for line in text.splitlines()[:MAX_PREAMBLE]:
        best = max(_SEPARATORS, key=line.count)
        if best in line and is_heading(line):
            return best
    return _SEPARATORS[0]


def _text_rows(stream: io.RawIOBase, encoding: str, separator: str) -> Iterator[Row]:
    """Records of a CSV: a quoted cell may go over lines; offsets are those of its first and last line."""
    taken: list[TextLine] = []
    # banks pad behind a closing quote, which is no CSV
    padding = re.compile(rf'"[ \t]+(?={re.escape(separator)}|$)') if separator != "\t" else re.compile(r'" +(?=\t|$)')

    def texts() -> Iterator[str]:
        for line in text_lines(stream):  # type: ignore[arg-type] # a raw stream reads as a binary one
            taken.append(line)
            yield padding.sub('"', decode(line.raw, encoding, line.start))

    reader = csv.reader(texts(), delimiter=separator, strict=True)
    try:
        for cells in reader:
            if sum(line.end - line.start for line in taken) > MAX_LINE:
                raise FileRefusedError("LINE_TOO_LONG", f"a record of more than {MAX_LINE} bytes", taken[0].start)
            yield Row(taken[0].start, taken[-1].end, list(cells))
            taken.clear()
    except csv.Error:
        raise FileRefusedError("NOT_CSV", "a record that is not CSV; is the separator right?", taken[0].start) from None


def _check_zip(data: bytes) -> None:
    """Refuses a packed workbook before anything opens it. Each member is unpacked once here, counted, and let go."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            total = sum(member.file_size for member in members)
            if len(members) > MAX_MEMBERS or total > MAX_UNPACKED or total > MAX_RATIO * len(data):
                message = "the workbook unpacks beyond bounds; export the statement as CSV"
                raise FileRefusedError("PACKED_TOO_MUCH", message)
            if "xl/workbook.xml" not in archive.namelist():
                raise FileRefusedError(
                    "NOT_A_WORKBOOK", "a packed file that is no .xlsx workbook; send the export itself"
                )
            for member in members:
                _check_member(archive, member)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, RuntimeError, NotImplementedError, OSError, ValueError):
        raise FileRefusedError("DAMAGED", "the workbook is damaged or locked; save it again and send that") from None
    except zlib.error:
        raise FileRefusedError("DAMAGED", "the workbook is damaged; save it again and send that") from None


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Unpacks (which proves declared size and CRC) and, in a sheet, bounds the rectangle of its cells."""
    is_sheet = member.filename.startswith("xl/worksheets/") and member.filename.endswith(".xml")
    last_row = last_column = cells = 0
    carry = b""
    with archive.open(member) as stream:
        while chunk := stream.read(1024 * 1024):
            if b"<!DOCTYPE" in chunk or b"<!ENTITY" in chunk:
                raise FileRefusedError("DOCTYPE", "the workbook has a DOCTYPE; save it again with a workbook program")
            if not is_sheet:
                continue
            text = carry + chunk
            for match in _REFERENCE.finditer(text):
                last_row = max(last_row, int(match.group(2)))
                last_column = max(last_column, _column(match.group(1)))
            carry = text[-32:]
            cells += len(_CELL.findall(chunk))
    if last_column > MAX_COLUMNS or max(last_row * last_column, cells) > MAX_CELLS:
        message = (
            f"a sheet that spans {last_row} rows and {last_column} columns; delete what stands far out, or send CSV"
        )
        raise FileRefusedError("SHEET_TOO_LARGE", message)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _sheet_name(names: list[str], wanted: str) -> str:
    if not names or (wanted and wanted not in names):
        raise FileRefusedError("NO_SHEET", "no such sheet in the workbook; set sheet to one that it has")
    return wanted or names[0]


def _sheet_rows(data: bytes, sheet: str) -> Iterator[Row]:
    """Rows of one sheet: the one named, else the first."""
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        cells = book.get_sheet_by_name(_sheet_name(book.sheet_names, sheet)).to_python(skip_empty_area=False)
    except (CalamineError, PasswordError, WorkbookClosed, XmlError, ZipError, OSError, ValueError):
        raise FileRefusedError("DAMAGED", "the workbook is damaged or locked; save it again and send that") from None
    except BaseException as error:  # a panic of the Rust reader is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise FileRefusedError("DAMAGED", "the workbook is damaged; save it again and send that") from None
    for row in cells:
        yield Row(0, len(data), list(row))
