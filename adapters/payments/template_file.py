"""Files of a bank's template, line by line: header, rows, trailer, end mark, and what refuses the whole file.

The description is an adapters.layout.Layout; this reads it row by row, in flat memory, since a result file is small and
each of its rows is looked at by people. Bulk transaction feeds have their own columnar reader.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Any, BinaryIO

from adapters.layout import Layout, LayoutField, Line
from adapters.layout_dates import strftime_format
from adapters.layout_line import CellError, Value, decode_cells, parse_cell, split_line
from adapters.quotes import quoted_cells
from adapters.refused import FileRefusedError
from adapters.safe_workbook import MAX_WORKBOOK, ROUNDED, UNREAD, UNREAD_CELL, is_workbook, number_text, workbook_rows
from settlement.model.cards import shown_total
from settlement.model.money import INT64_MAX

MAX_LINE = 64 * 1024
_CHUNK = 64 * 1024
_BLANKS = " \t\u3000\u00a0"  # banks put a tab behind a number, so that Excel keeps it as text
_LINE_ENDS = re.compile(r"[\r\n]+")
_AS_SHOWN = re.compile(r" *[¥￥]? *(?=[0-9.])((?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.[0-9]+)?) *元? *")


@dataclass(frozen=True, slots=True)
class Row:
    """One record: where it stands, and its values by field name or what is wrong with it."""

    record: int
    start: int
    end: int
    values: dict[str, Value] | None
    error: CellError | None


@dataclass(slots=True)
class Declared:
    """What header and trailer say and what the rows give; unsigned sums by field, over rejected rows too."""

    count: int | None = None
    totals: dict[str, int] = field(default_factory=dict)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)  # "" (count) or field -> what declares it, byte
    records: int = 0
    sums: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)  # amount -> byte of the first row where it cannot be read


@dataclass(frozen=True, slots=True)
class _RawLine:
    start: int
    raw: bytes
    newline: bytes
    cells: list[Any] | None = None  # of a workbook's row, typed

    @property
    def end(self) -> int:
        return self.start + len(self.raw) + len(self.newline)


def rows(stream: BinaryIO, layout: Layout, declared: Declared) -> Iterator[Row]:
    """Each record of the file; raises FileRefusedError, at the latest once all are read.

    Refused: an empty file, a wrong header or trailer, no end mark, a declared count or total that is not the rows' or
    is declared twice with another number, an amount that cannot be read under a declared total, more records than the
    layout allows.
    """
    head = stream.read(_CHUNK)
    book = layout.gives == "result" and layout.shape == "delimited" and is_workbook(head)
    lines = _workbook_lines(head + stream.read(MAX_WORKBOOK), layout) if book else _lines(head, stream, layout)
    for number, line in enumerate(layout.header, 1):
        raw = next(lines, None)
        if raw is None:
            code = "EMPTY_FILE" if number == 1 else "BAD_HEADER"
            raise FileRefusedError(code, "the file ends before its header does; send the whole file again", 0)
        _take(layout, line, raw, declared, "HEADER")
    held: deque[_RawLine] = deque()
    for raw in lines:
        held.append(raw)
        if len(held) > len(layout.trailer):
            yield _row(layout, held.popleft(), declared)
    if len(held) < len(layout.trailer):
        raise FileRefusedError("BAD_TRAILER", "the file ends before its trailer does; send the whole file again")
    for line, raw in zip(layout.trailer, held, strict=True):
        _take(layout, line, raw, declared, "TRAILER")
    _compare(layout, declared)


def _lines(head: bytes, stream: BinaryIO, layout: Layout) -> Iterator[_RawLine]:
    """The file's lines without its end mark. Each ends as the layout says; the last need not under a declared count."""
    previous: _RawLine | None = None
    raw_lines = _raw_lines(head, stream)
    for line in _joined(raw_lines) if layout.quotes else raw_lines:
        if previous is not None:
            yield _checked(layout, previous)
        previous = line
    if previous is None:
        return
    if layout.end_mark:
        mark, found = layout.end_mark_bytes, previous.raw.rstrip(b"\r\n")
        if found != mark and not (layout.quotes and found == b'"' + mark + b'"'):
            raise FileRefusedError("NO_END_MARK", "the end mark is missing; the file was cut: send it again")
        return
    if previous.raw:
        yield _checked(layout, previous)


def _joined(lines: Iterator[_RawLine]) -> Iterator[_RawLine]:
    """Lines, those that end within a quoted cell with what follows; no encoding has a quote within a character."""
    held: list[_RawLine] = []  # joined once: a cell may have thousands of line ends
    size, is_open = 0, False
    for line in lines:
        held.append(line)
        size += len(line.raw) + len(line.newline)
        if len(held) > 1:
            _check_length(size, held[0].start)
        is_open ^= line.raw.count(b'"') % 2 == 1
        if not is_open:
            yield _RawLine(held[0].start, b"".join(one.raw + one.newline for one in held[:-1]) + line.raw, line.newline)
            held, size = [], 0
    if held:
        message = "a quoted cell does not close; the file was cut: send it again"
        raise FileRefusedError("TRUNCATED", message, held[0].start)


def _workbook_lines(data: bytes, layout: Layout) -> Iterator[_RawLine]:
    """The rows of a workbook's sheet but blank ones; all name the whole file as their bytes: it is compressed."""
    others: list[str] = []
    marked = not layout.end_mark
    for cells in workbook_rows(data, layout.sheet, others):
        given = [text for text in (str(cell).strip(_BLANKS) for cell in cells) if text]
        if marked and layout.end_mark and given:
            raise FileRefusedError("AFTER_END", "rows stand behind the end mark; send the whole file again")
        if layout.end_mark and given == [layout.end_mark]:
            marked = True
        elif given:
            _check_rounded(cells)
            yield _RawLine(0, data, b"", cells)
    if not marked:
        raise FileRefusedError("NO_END_MARK", "the end mark is missing; the file was cut: send it again")
    for other in [] if layout.sheet else others:
        if any(_is_record(layout, row) for row in workbook_rows(data, other)):
            message = f"the sheet {other!r} has rows too: name the one that is meant in `sheet` of the layout"
            raise FileRefusedError("OTHER_SHEETS", f"{message}, or send each sheet in a file of its own")


def _is_record(layout: Layout, row: list[Any]) -> bool:
    try:
        _record(layout, _RawLine(0, b"", b"", row))
    except CellError:
        return False
    return True


def _check_rounded(row: list[Any]) -> None:
    """Excel keeps 15 digits of a number."""
    if any(isinstance(cell, float | int) and abs(cell) >= 10**15 for cell in row):
        raise FileRefusedError("ROUNDED", ROUNDED)


def _cell_text(spec: LayoutField, cell: Any) -> str:
    """A typed cell as text; a day or time as its field writes them."""
    if isinstance(cell, date) and spec.type in {"date", "datetime"}:
        return cell.strftime(strftime_format(spec.format))
    if isinstance(cell, bool) or not isinstance(cell, float | int):
        return str(cell)
    return number_text(float(cell))


def _split(layout: Layout, line: Line, raw: _RawLine) -> list[str]:
    """The cells of a line; amounts of a result without what banks write them with for people.

    Not those at fixed places: where a cell begins with a point there, bytes are shifted.
    """
    cells = _cut(layout, line, raw)
    if layout.gives != "result" or layout.shape == "fixed":
        return cells
    shown = [spec.type == "amount" and layout.unit_of(spec) == "yuan" for spec in line.fields]
    return [_bare(cell) if as_shown else cell for as_shown, cell in zip(shown, cells, strict=True)]


def _bare(cell: str) -> str:
    """￥1,002.00元 as 1002.00; anything else as it is."""
    found = _AS_SHOWN.fullmatch(cell)
    return found[1].replace(",", "") if found else cell


def _cut(layout: Layout, line: Line, raw: _RawLine) -> list[str]:
    """Cells as they stand. Quoted ones and those of a workbook may hold line ends; its rows may lack blank cells."""
    if raw.cells is None and not layout.quotes:
        return split_line(layout, line, raw.raw)
    width, cells = len(line.fields), raw.cells
    if cells is None:
        cells = _quoted(layout, raw.raw)
    elif not any(str(cell).strip(_BLANKS) for cell in cells[width:]):
        cells = (cells + [""] * width)[:width]
    if len(cells) != width:
        raise CellError("", "FIELD_COUNT", f"the line has {len(cells)} fields; {width} are expected")
    for spec, cell in zip(line.fields, cells, strict=True):
        if cell == UNREAD:
            raise CellError(spec.name, "UNREAD_CELL", UNREAD_CELL)
    return [_in_one_line(spec, _cell_text(spec, cell)) for spec, cell in zip(line.fields, cells, strict=True)]


def _in_one_line(spec: LayoutField, text: str) -> str:
    """A cell's text, a blank for a line end in it. A constant is compared without: headings are broken to be narrow."""
    parts = [part.strip(_BLANKS) for part in _LINE_ENDS.split(text)]
    if spec.constant is not None and len(parts) > 1 and _bare_text(text) == _bare_text(spec.constant):
        return spec.constant
    return " ".join(parts).strip(_BLANKS)


def _bare_text(text: str) -> str:
    return "".join(text.split())


def _quoted(layout: Layout, raw: bytes) -> list[str]:
    try:
        return quoted_cells(raw.decode(layout.read_encoding), layout.separator)
    except UnicodeDecodeError as error:
        raise CellError("", "BAD_ENCODING", f"byte {error.start} of it is not {layout.read_encoding}") from None
    except ValueError as error:
        raise CellError("", "BAD_QUOTES", str(error)) from None


def _raw_lines(head: bytes, stream: BinaryIO) -> Iterator[_RawLine]:
    """Lines cut at LF; a line longer than MAX_LINE refuses the file, so that memory stays flat."""
    carry, start, first = b"", 0, True
    for chunk in chain([head], iter(lambda: stream.read(_CHUNK), b"")):
        data = carry + chunk
        if first and data.startswith(BOM_UTF8):
            data, start = data[3:], 3
        first = False
        parts = data.split(b"\n")
        carry = parts.pop()
        for part in parts:
            _check_length(len(part), start)
            body = part.removesuffix(b"\r")
            yield _RawLine(start, body, part[len(body) :] + b"\n")
            start += len(part) + 1
        _check_length(len(carry), start)
    if carry:
        yield _RawLine(start, carry, b"")


def _check_length(size: int, start: int) -> None:
    if size > MAX_LINE:
        message = f"a line of more than {MAX_LINE} bytes; is it this format?"
        raise FileRefusedError("LINE_TOO_LONG", message, start)


def _checked(layout: Layout, line: _RawLine) -> _RawLine:
    wanted = {"crlf": (b"\r\n",), "lf": (b"\n",), "any": (b"\r\n", b"\n")}[layout.newline]
    if line.newline not in (*wanted, b""):
        raise FileRefusedError("BAD_NEWLINE", f"a line does not end with {layout.newline}", line.start)
    counted = any(spec.declares == "count" for head in layout.header for spec in head.fields)
    may_be_another = _is_another_when_cut(layout) and not (layout.quotes and line.raw.endswith(b'"'))
    if line.newline == b"" and (layout.trailer or layout.end_mark or not counted or may_be_another):
        raise FileRefusedError("TRUNCATED", "the last line has no line end; the file was cut: send it again")
    return line


def _is_another_when_cut(layout: Layout) -> bool:
    """True where a row that lost its last bytes may be a whole one of another payment or result: 10 becomes 1."""
    last = layout.record.fields[-1]
    codes = last.values if last.name == "result" else {}
    starts = any(one != code and code.startswith(one) for code in codes for one in codes)
    return layout.shape == "delimited" and (starts or last.name == "end_to_end_id")


def _take(layout: Layout, line: Line, raw: _RawLine, declared: Declared, what: str) -> None:
    """The values of a header or trailer line."""
    try:
        values = _decoded(layout, line, raw)
    except CellError as error:
        where = f"{error.field} " if error.field else ""
        message = f"the {what.lower()} line is not as laid down: {where}{error}; send the whole file again"
        raise FileRefusedError(f"BAD_{what}", message, raw.start, name=error.field) from None
    for spec in line.fields:
        value = values[spec.name]
        if spec.declares == "count" and isinstance(value, int):
            if declared.count not in {None, value}:
                message = f"the file declares {declared.count} rows and {value}; send the whole file again"
                raise FileRefusedError("COUNT_MISMATCH", message, raw.start, name=spec.name)
            declared.count = value
            declared.places[""] = spec.name, raw.start
        elif spec.declares == "total" and isinstance(value, int):
            first = declared.totals.setdefault(spec.of, value)
            declared.places[spec.of] = spec.name, raw.start
            if first != value:
                message = f"the file declares {shown_total(first)} yuan and {shown_total(value)}; correct the file"
                raise FileRefusedError("TOTAL_MISMATCH", message, raw.start, name=spec.name)


def _row(layout: Layout, raw: _RawLine, declared: Declared) -> Row:
    declared.records += 1
    values, error = None, None
    try:
        values = _record(layout, raw)
    except CellError as problem:
        error = problem
        values = None
    _add(layout, raw, values, declared)
    return Row(declared.records, raw.start, raw.end, values, error)


def _decoded(layout: Layout, line: Line, raw: _RawLine) -> dict[str, Value]:
    return decode_cells(layout, line, _split(layout, line, raw))


def _record(layout: Layout, raw: _RawLine) -> dict[str, Value]:
    values = _decoded(layout, layout.record, raw)
    if layout.gives == "payment" and values["amount"] == 0:
        raise CellError("amount", "ZERO_AMOUNT", "is zero; a payment has an amount")
    return values


def _add(layout: Layout, raw: _RawLine, values: dict[str, Value] | None, declared: Declared) -> None:
    """Adds the row's amounts; a row with a bad field still counts if its amounts can be read by themselves."""
    of = dict.fromkeys([*declared.totals, *(spec.of for line in layout.trailer for spec in line.fields if spec.of)])
    told = [] if "amount" in of or layout.record.field("amount") is None else ["amount"]  # on the receipt in any case
    for name in (*of, *told):
        value = values[name] if values is not None else _amount_alone(layout, raw, name)
        if isinstance(value, int):
            declared.sums[name] = min(declared.sums.get(name, 0) + abs(value), INT64_MAX)
        else:
            declared.unreadable.setdefault(name, raw.start)


def _amount_alone(layout: Layout, raw: _RawLine, name: str) -> Value:
    """The amount of a row whose other fields are wrong; None where it cannot be read."""
    spec = layout.record.field(name)
    assert spec is not None, "the layout was checked: `of` names an amount of the record"
    try:
        cells = _split(layout, layout.record, raw)
        return parse_cell(spec, cells[layout.record.fields.index(spec)], layout.unit_of(spec))
    except CellError:
        return None


def _compare(layout: Layout, declared: Declared) -> None:
    if declared.count is not None and declared.count != declared.records:
        field, byte = declared.places[""]
        message = f"the file declares {declared.count} rows and has {declared.records}; send the whole file again"
        raise FileRefusedError("COUNT_MISMATCH", message, byte, name=field)
    if layout.maximum_records is not None and declared.records > layout.maximum_records:
        message = f"{declared.records} rows; at most {layout.maximum_records} may stand in one file"
        raise FileRefusedError("TOO_MANY_RECORDS", message)
    for name, total in declared.totals.items():
        if name in declared.unreadable:
            message = "an amount under a declared total cannot be read, so the total cannot be proved; correct the file"
            raise FileRefusedError("TOTAL_UNPROVEN", message, declared.unreadable[name], name=name)
        if declared.sums.get(name, 0) != total:
            field, byte = declared.places[name]
            have = shown_total(declared.sums.get(name, 0))
            message = f"the file declares {shown_total(total)} yuan and its rows sum to {have}; correct the file"
            raise FileRefusedError("TOTAL_MISMATCH", message, byte, name=field)
