"""Workbooks from outside (.xlsx, .xls), bounded before and while they are opened.

operations.md "Inbox": unpacked size, ratio and count are bounded before anything is unpacked. What a reader allocates
cannot be told from outside: one far cell makes it allocate the whole rectangle, a shared text is copied for each cell
that names it, and a damaged .xls aborts the process. So a workbook is opened in a child process (workbook_child.py)
within CHILD_MEMORY and CHILD_SECONDS. A formula gives its kept value and is never run; without one, as with an error
(#DIV/0!), the cell is UNREAD, which is no blank cell: a discount that is not known is not none. Rejected: looking for
far cells in the XML; quotes, case, leading zeros and sheets in other folders all went past it.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any

from adapters.refused import FileRefusedError

# a number as a cell of a workbook gives it; text stands for itself
Cell = str | int | float | bool | date | datetime | time | timedelta | None
MAX_WORKBOOK = 32 * 1024 * 1024
MAX_UNPACKED = 96 * 1024 * 1024  # of XML
MAX_RATIO = 200
MAX_MEMBERS = 500
MAX_CELLS = 3_000_000
MAX_COLUMNS = 256
MAX_HEAD = 60  # rows, within which the headings of a sheet are looked for
MAX_SHEETS = 20
CHILD_MEMORY = 320 * 1024 * 1024
CHILD_SECONDS = 60  # of CPU
# stands for a cell whose value the workbook does not keep: no text of a cell can be this
UNREAD = "\0"
ROUNDED = (
    "a number of 16 digits or more stands in the workbook as a number, so Excel has rounded it; make the column text "
    "and export again"
)
UNREAD_CELL = "holds an error or a formula whose value was not saved: save the workbook in a program that computes it"
_CHILD = Path(__file__).with_name("workbook_child.py")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_GZIP = b"\x1f\x8b"
# what zipfile and zlib raise on damaged or locked archives
_BAD_ZIP = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
    OSError,
    ValueError,
)


def number_text(number: float) -> str:
    """A number as a workbook shows it: whole without a point, and to 15 digits, as 0.1 + 0.2 is 0.3 there.

    Only below 10**12 do 15 digits hold every fen.
    """
    if number.is_integer() and abs(number) < 2**53:
        return str(int(number))
    return repr(float(f"{number:.15g}") if abs(number) < 10**12 else number)


def is_workbook(head: bytes) -> bool:
    """True where a file begins as .xlsx or .xls does, or is packed, whatever its name is."""
    return head.startswith((_OLE, _ZIP, _GZIP))


def workbook_rows(data: bytes, sheet: str = "", others: list[str] | None = None) -> Iterator[list[Cell]]:
    """Rows of typed cells of the sheet of that name, or of the first (""); then `others` has the names of the others.

    A cell is str, float, int, bool, datetime, date, time or timedelta, or UNREAD. FileRefusedError, also after some
    rows: the workbook cannot be read within the bounds, and nothing of it may be kept.
    """
    if len(data) > MAX_WORKBOOK:
        raise FileRefusedError("TOO_LARGE", f"a workbook of more than {MAX_WORKBOOK} bytes; export it as CSV")
    if data.startswith(_ZIP):
        _check_zip(data)
    if data.startswith(_GZIP):  # a wallet's bill with tar_type=GZIP
        raise FileRefusedError("NOT_A_WORKBOOK", "a packed file (gzip); unpack it, and send what is in it")
    return _child_rows(data, sheet, [] if others is None else others)


def table_rows(data: bytes, sheet: str, is_table: Callable[[list[Cell], list[Cell]], bool]) -> Iterator[list[Cell]]:
    """`workbook_rows`, where no sheet is named also a look at the others: what stands there would be lost in silence.

    FileRefusedError: within MAX_HEAD one of them has a row of which, with the row above it, `is_table` is true,
    headings, and a row below.
    """
    others: list[str] = []
    yield from workbook_rows(data, sheet, others)
    for other in [] if sheet else others[:MAX_SHEETS]:
        rows = pairwise(chain([[]], islice(workbook_rows(data, other), MAX_HEAD)))
        if any(is_table(row, above) for above, row in rows) and any(any(row) for _, row in rows):
            message = f"the sheet {other!r} of the workbook has lines too: set sheet to the one that is meant"
            raise FileRefusedError("OTHER_SHEETS", f"{message}, or send each sheet in a file of its own")


def _check_zip(data: bytes) -> None:
    """Refuses a packed workbook before anything opens it. Each member is unpacked once here, and let go."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            total = sum(member.file_size for member in members)
            if len(members) > MAX_MEMBERS or total > MAX_UNPACKED or total > MAX_RATIO * len(data):
                raise FileRefusedError("PACKED_TOO_MUCH", "the workbook unpacks beyond bounds; export it as CSV")
            if "xl/workbook.xml" not in archive.namelist():
                message = "a packed file that is no .xlsx workbook; send the export itself"
                raise FileRefusedError("NOT_A_WORKBOOK", message)
            for member in members:
                _check_member(archive, member)
    except _BAD_ZIP:
        raise _refused("DAMAGED") from None


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Unpacks a member, which proves its declared size and its CRC, and looks for entities."""
    carry = b""
    with archive.open(member) as stream:
        while chunk := stream.read(1024 * 1024):
            text = carry + chunk
            if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
                message = "the workbook has a DOCTYPE; save it again with a workbook program"
                raise FileRefusedError("DOCTYPE", message)
            carry = text[-8:]


def _child_rows(data: bytes, sheet: str, others: list[str]) -> Iterator[list[Cell]]:
    """Rows from a child process; one that ends before its end mark ran into its limits."""
    limits = [str(limit) for limit in (CHILD_MEMORY, CHILD_SECONDS, MAX_CELLS, MAX_COLUMNS)]
    command = [sys.executable, "-I", str(_CHILD), *limits, sheet]
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        child = subprocess.Popen(  # noqa: S603 our own program, and no word of the file in its arguments
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    assert child.stdout is not None
    try:
        for line in child.stdout:
            item = json.loads(line)
            if item == "end":
                return
            if isinstance(item, dict) and "others" in item:
                others.extend(item["others"])
            elif isinstance(item, dict):
                raise _refused(item["code"])
            else:
                yield [_typed(cell) for cell in item]
        raise _refused("SHEET_TOO_LARGE")
    finally:
        child.stdout.close()
        child.kill()
        child.wait()


def _refused(code: str) -> FileRefusedError:
    """What the child says, or its death, as a refusal."""
    match code:
        case "DAMAGED":
            return FileRefusedError("DAMAGED", "the workbook is damaged or locked; save it again and send that")
        case "NO_SHEET":
            return FileRefusedError("NO_SHEET", "no such sheet in the workbook; set sheet to one that it has")
        case _:
            message = "a sheet that spans too many rows and columns to open; delete what stands far out, or send CSV"
            return FileRefusedError("SHEET_TOO_LARGE", message)


def _typed(cell: Any) -> Any:
    if not isinstance(cell, dict):
        return cell
    ((kind, value),) = cell.items()
    match kind:
        case "unread":
            return UNREAD
        case "datetime":
            return datetime.fromisoformat(value)
        case "date":
            return date.fromisoformat(value)
        case "time":
            return time.fromisoformat(value)
        case _:
            return timedelta(seconds=value)
