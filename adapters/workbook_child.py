"""Opens one workbook in a process of its own, for safe_workbook: the reader of a hostile file may abort, or eat memory.

Standard input: the file. Arguments: limits and the sheet's name ("": the first). Standard output: JSON lines; rows as
arrays, dates as {"type": ISO text}, then the names of the other sheets as {"others": [...]} and "end"; or one object
with `code`. Imports nothing of this project.

The reader gives "" for an error (#DIV/0!), and "" or, of an .xls, 0 for a formula whose value the workbook does not
keep: the cells that are so are found in the XML, or in the records of the .xls, and given as {"unread": ""}.
"""

from __future__ import annotations

import io
import json
import posixpath
import re
import resource
import struct
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from xml.etree.ElementTree import Element, ParseError, iterparse

_CHUNK = 1024 * 1024
# a formula or an error in a sheet: most exports have none, and are not read twice
_SUSPECT = re.compile(rb"""[<:]f[\s/>]|\bt\s*=\s*["']e["']""")


def _plain(cell: object) -> object:
    match cell:
        case datetime():
            return {"datetime": cell.isoformat()}
        case date():
            return {"date": cell.isoformat()}
        case time():
            return {"time": cell.isoformat()}
        case timedelta():
            return {"seconds": cell.total_seconds()}
        case _:
            return cell


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _elements(archive: zipfile.ZipFile, member: str, wanted: set[str]) -> Iterator[Element]:
    """Elements of those names, each let go when the next is asked for."""
    with archive.open(member) as stream:
        for _, element in iterparse(stream):  # noqa: S314 bounded by the limits of this process
            if _local(element.tag) in wanted:
                yield element
                element.clear()


def _member_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The part that holds a sheet. KeyError: there is none."""
    links = {}
    for link in _elements(archive, "xl/_rels/workbook.xml.rels", {"Relationship"}):
        links[link.get("Id")] = posixpath.normpath(posixpath.join("/xl", link.get("Target", ""))).lstrip("/").lower()
    for element in _elements(archive, "xl/workbook.xml", {"sheet"}):
        if element.get("name") == sheet:
            number = next(value for name, value in element.items() if _local(name) == "id")
            return {name.lower(): name for name in archive.namelist()}[links[number]]
    raise KeyError(sheet)


def _is_suspect(archive: zipfile.ZipFile, member: str) -> bool:
    carry = b""
    with archive.open(member) as stream:
        while chunk := stream.read(_CHUNK):
            if _SUSPECT.search(carry + chunk):
                return True
            carry = chunk[-32:]
    return False


def _unread(data: bytes, sheet: str) -> set[tuple[int, int]]:
    """(row, column) from 0 of every cell of an .xlsx that holds an error or a formula without its value."""
    found: set[tuple[int, int]] = set()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        member = _member_of(archive, sheet)
        if not _is_suspect(archive, member):
            return found
        row, column = -1, -1
        with archive.open(member) as stream:
            for event, element in iterparse(stream, ("start", "end")):  # noqa: S314 as above
                name = _local(element.tag)
                if event == "start" and name == "row":
                    row, column = int(element.get("r", row + 2)) - 1, -1
                elif event == "end" and name == "c":
                    place = re.fullmatch(r"([A-Za-z]{1,3})([0-9]{1,7})", element.get("r", ""))
                    row, column = (int(place[2]) - 1, _column(place[1])) if place else (row, column + 1)
                    if _is_unread(element):
                        found.add((row, column))
                elif event == "end" and name == "row":
                    element.clear()
    return found


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def _is_unread(cell: Element) -> bool:
    """An error, or a formula without a value; a formula of text may have given the empty text."""
    parts = {_local(part.tag): part.text or "" for part in cell}
    kind = cell.get("t", "n")
    return kind == "e" or ("f" in parts and kind != "str" and not parts.get("v", "").strip())


# --- .xls: a compound file (MS-CFB) that holds a stream of records (MS-XLS) ------------------------------------------

_LAST = 0xFFFFFFF9  # above it a sector number is a mark
_FORMULA, _BOOLERR, _BOF, _EOF, _BOUNDSHEET = 0x006, 0x205, 0x809, 0x00A, 0x085
_CALCULATE = 2  # of a formula's flags: to be computed when the file is opened, as what was never computed is


def _workbook_stream(data: bytes) -> bytes:
    """The stream that holds the sheets. struct.error, IndexError, KeyError: the file is damaged."""
    shift, small_shift = struct.unpack_from("<HH", data, 30)
    first, _, cutoff, small_first, _, more, _ = struct.unpack_from("<7I", data, 48)
    size = 1 << shift
    count = size // 4

    def sector(number: int) -> bytes:
        return data[(number + 1) * size : (number + 2) * size]

    def chained(number: int, table: list[int]) -> list[int]:
        numbers: list[int] = []
        while number < _LAST:
            if len(numbers) > len(table):
                raise IndexError
            numbers.append(number)
            number = table[number]
        return numbers

    parts = list(struct.unpack_from("<109I", data, 76))
    for _ in range(len(data) // size):
        if more >= _LAST:
            break
        *some, more = struct.unpack(f"<{count}I", sector(more))
        parts += some
    table = [one for part in parts if part < _LAST for one in struct.unpack(f"<{count}I", sector(part))]
    entries = b"".join(map(sector, chained(first, table)))
    found: dict[str, tuple[int, int]] = {}
    for at in range(0, len(entries) - 127, 128):
        (length,) = struct.unpack_from("<H", entries, at + 64)
        name = entries[at : at + max(length - 2, 0)].decode("utf-16-le", "replace")
        found.setdefault("" if entries[at + 66] == 5 else name, struct.unpack_from("<II", entries, at + 116))
    start, total = found["Workbook"] if "Workbook" in found else found["Book"]
    if total >= cutoff:
        return b"".join(map(sector, chained(start, table)))[:total]
    small = b"".join(map(sector, chained(found[""][0], table)))
    small_table = [one for n in chained(small_first, table) for one in struct.unpack(f"<{count}I", sector(n))]
    width = 1 << small_shift
    return b"".join(small[n * width : (n + 1) * width] for n in chained(start, small_table))[:total]


def _records(stream: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """(kind, place, length) of the records from `at` to the end of what begins there; charts inside are left out."""
    depth = 0
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        depth += (kind == _BOF) - (kind == _EOF)
        if depth == 1:
            yield kind, at + 4, length
        if depth <= 0:
            return
        at += 4 + length


def _unread_xls(data: bytes, sheet: str) -> set[tuple[int, int]]:
    """What `_unread` gives, of an .xls of Excel 97 and later (the records of older ones are others).

    A formula that gives the empty text is no such cell: one that was never computed may look so (xlwt), most do not.
    """
    stream, found = _workbook_stream(data), set[tuple[int, int]]()
    place = None
    for kind, at, _ in _records(stream, 0):
        if kind == _BOUNDSHEET:
            length, wide = stream[at + 6], stream[at + 7] & 1
            raw = stream[at + 8 : at + 8 + (length << wide)]
            if raw.decode("utf-16-le" if wide else "latin-1", "replace") == sheet:
                (place,) = struct.unpack_from("<I", stream, at)
    for kind, at, length in () if place is None else _records(stream, place):
        if kind == _BOOLERR and length >= 8 and stream[at + 7]:
            found.add(struct.unpack_from("<HH", stream, at))
        elif kind == _FORMULA and length >= 16:
            result, flags = stream[at + 6 : at + 14], stream[at + 14]
            error = result[6:] == b"\xff\xff" and result[0] == 2
            if error or (not any(result) and flags & _CALCULATE):
                found.add(struct.unpack_from("<HH", stream, at))
    return found


def main(limits: list[int], name: str) -> None:
    """Writes the rows of a sheet, or why it cannot. `limits`: bytes of memory, CPU seconds, cells, columns."""
    memory, seconds, max_cells, max_columns = limits
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, WorkbookClosed, XmlError, ZipError

    data = sys.stdin.buffer.read()
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        if not book.sheet_names or (name and name not in book.sheet_names):
            print(json.dumps({"code": "NO_SHEET"}))
            return
        name = name or book.sheet_names[0]
        sheet = book.get_sheet_by_name(name)
    except (CalamineError, PasswordError, WorkbookClosed, XmlError, ZipError, OSError, ValueError):
        print(json.dumps({"code": "DAMAGED"}))
        return
    except BaseException as error:  # a panic of the Rust reader is no Exception
        if type(error).__name__ != "PanicException":
            raise
        print(json.dumps({"code": "DAMAGED"}))
        return
    if sheet.total_width > max_columns or sheet.total_width * sheet.total_height > max_cells:
        print(json.dumps({"code": "SHEET_TOO_LARGE"}))
        return
    try:
        unread = _unread(data, name) if data.startswith(b"PK") else set()
    except (ParseError, KeyError, ValueError, zipfile.BadZipFile):
        print(json.dumps({"code": "DAMAGED"}))
        return
    if not data.startswith(b"PK"):
        with suppress(KeyError, IndexError, struct.error):  # the reader reads stranger files than is known here
            unread = _unread_xls(data, name)
    first = sheet.start[1] if sheet.start else 0
    for number, row in enumerate(sheet.iter_rows()):
        cells = [_plain(cell) for cell in row]
        if unread:
            cells = [{"unread": ""} if (number, first + at) in unread else cell for at, cell in enumerate(cells)]
        print(json.dumps(cells))
    print(json.dumps({"others": [other for other in book.sheet_names if other != name]}))
    print('"end"')


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:5]], sys.argv[5])
