"""Files of a layout, read in blocks: records as typed columns, values of header and trailer, what refuses a file.

Memory stays flat: a block holds BLOCK bytes of records; bytes that may be trailer are held back until the end of the
file is known. Lines are never searched for in a fixed-width file: a record of another length refuses the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import polars as pl

from adapters.feeds.columns import BLANK, Bytes, Column, Ints, Mask, parse_column, take
from adapters.feeds.text_columns import parse_texts
from adapters.layout import CellError, Layout, LayoutField, Line, Value, decode_line

BLOCK = 16 * 1024 * 1024
MAX_LINE = 1024 * 1024


class FileRefused(Exception):  # noqa: N818 a state of the file, caught by the reader and given as Closing.refused
    """The file as a whole is refused. `record` 0 and `byte` -1 where no place can be named."""

    def __init__(self, code: str, message: str, field_name: str = "", record: int = 0, byte: int = -1) -> None:
        super().__init__(message)
        self.code, self.message, self.field, self.record, self.byte = code, message, field_name, record, byte


@dataclass(slots=True)
class Block:
    """Records of one block: `columns` by field name, all of the same height, and where each record stands.

    `errors` has the first fault of each record that cannot be accepted, `bad` the same as a mask.
    """

    columns: dict[str, pl.Series]
    bad: Mask
    errors: dict[int, CellError]
    first_record: int
    starts: Ints
    ends: Ints
    unreadable: dict[str, int] = field(default_factory=dict)  # amount -> first row where it cannot be read

    @property
    def height(self) -> int:
        """Records in the block."""
        return len(self.starts)


@dataclass(slots=True)
class FileState:
    """What a read knows so far. `wanted`: free text that is asked for; `declared` fills as lines are read."""

    layout: Layout
    wanted: frozenset[str] = frozenset()
    declared: dict[str, Value] = field(default_factory=dict)
    records: int = 0
    position: int = 0
    totals: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, tuple[int, int]] = field(default_factory=dict)


def read_exactly(stream: BinaryIO, size: int) -> bytes:
    """Up to `size` bytes, fewer only at the end of the stream (a raw stream may return less than asked)."""
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_blocks(stream: BinaryIO, state: FileState) -> Iterator[Block]:
    """The record blocks of a file. At the end header and trailer are in `state.declared` and have been compared.

    FileRefused: wrong record length, header, trailer, end mark, count or total.
    """
    reader = _fixed_blocks if state.layout.shape == "fixed" else _delimited_blocks
    for block in reader(stream, state):
        _add_totals(state, block)
        state.records += block.height
        yield block
    _compare_declared(state)


# --- header, trailer, totals -----------------------------------------------------------------------------------------


def _take_line(state: FileState, line: Line, raw: bytes, what: str) -> None:
    try:
        values = decode_line(state.layout, line, raw)
    except CellError as error:
        code = "BAD_HEADER" if what == "header" else "BAD_TRAILER"
        where = f"{error.field} " if error.field else ""
        message = f"the {what} line is not as laid down: {where}{error}; ask for the whole file again"
        raise FileRefused(code, message, error.field, 0, state.position) from None
    for spec in line.fields:
        key = f"total:{spec.of}" if spec.declares == "total" else spec.declares or f"{what}.{spec.name}"
        if spec.declares and values[spec.name] is None:
            raise FileRefused("BAD_TRAILER", f"the {what} declares no {spec.declares}", spec.name, 0, state.position)
        if key in state.declared and state.declared[key] != values[spec.name]:
            raise FileRefused("BAD_TRAILER", f"header and trailer declare another {spec.declares}", spec.name)
        state.declared[key] = values[spec.name]


def _take_trailers(state: FileState, raws: list[bytes]) -> None:
    for line, raw in zip(state.layout.trailer, raws, strict=True):
        _take_line(state, line, raw, "trailer")


def _add_totals(state: FileState, block: Block) -> None:
    """Unsigned sums of every amount over all records, rejected ones included."""
    for spec in state.layout.record.fields:
        if spec.type == "amount" and spec.name in block.columns:
            values = block.columns[spec.name]
            state.totals[spec.name] = state.totals.get(spec.name, 0) + _abs_sum(values)
            row = block.unreadable.get(spec.name)
            if row is not None:
                state.unreadable.setdefault(spec.name, (block.first_record + row, int(block.starts[row])))


def _abs_sum(values: pl.Series) -> int:
    """Exact: halves of 32 bits cannot overflow int64 over a block."""
    size = values.abs()
    high, low = (size // 2**32).sum(), (size % 2**32).sum()
    return int(high or 0) * 2**32 + int(low or 0)


def _compare_declared(state: FileState) -> None:
    count = state.declared.get("count")
    if count is not None and count != state.records:
        message = f"the file declares {count} records and has {state.records}; ask for the whole file again"
        raise FileRefused("COUNT_MISMATCH", message)
    maximum = state.layout.maximum_records
    if maximum is not None and state.records > maximum:
        raise FileRefused("TOO_MANY_RECORDS", f"{state.records} records; at most {maximum} may stand in one file")
    for key, declared in state.declared.items():
        if not key.startswith("total:"):
            continue
        name = key.removeprefix("total:")
        if name in state.unreadable:
            record, byte = state.unreadable[name]
            message = "an amount under a declared total cannot be read, so the total cannot be proved; correct the file"
            raise FileRefused("TOTAL_UNPROVEN", message, name, record, byte)
        have = state.totals.get(name, 0)
        if declared != have:
            message = f"the file declares a total of {declared} fen and its records sum to {have}; correct the file"
            raise FileRefused("TOTAL_MISMATCH", message, name)


# --- fixed width -----------------------------------------------------------------------------------------------------


def _fixed_blocks(stream: BinaryIO, state: FileState) -> Iterator[Block]:
    layout = state.layout
    first = (layout.header or (layout.record,))[0]
    head = read_exactly(stream, first.width + 2)
    newline = _newline_of(layout, head, first.width)
    head = _fixed_header(stream, state, head, newline)
    stride = layout.record.width + len(newline)
    mark = layout.end_mark.encode() + (newline if layout.end_mark_newline else b"")
    tail = sum(line.width + len(newline) for line in layout.trailer) + len(mark)
    carry, more = head, True
    while more:
        fresh = read_exactly(stream, BLOCK)
        more = len(fresh) == BLOCK
        data = carry + fresh
        if not more and not mark and data.endswith(newline * 2):
            data = data[: -len(newline)]  # UnionPay's files end with an empty line
        body = len(data) - tail
        count = max(body - (0 if not more else len(newline)), 0) // stride
        if count:
            yield _fixed_block(state, data, count, newline)
            state.position += count * stride
        carry = data[count * stride :]
        if not more and len(carry) != tail:
            _refuse_rest(state, carry, stride, tail)
    _fixed_trailer(state, carry, newline, mark)


def _newline_of(layout: Layout, head: bytes, width: int) -> bytes:
    if not head:
        raise FileRefused("EMPTY_FILE", "the file is empty; a day without records still has its header and trailer")
    for name, newline in (("crlf", b"\r\n"), ("lf", b"\n")):
        if layout.newline in {name, "any"} and head[width:].startswith(newline):
            return newline
    message = f"the first line is not {width} bytes and a line end ({layout.newline}); is it this format?"
    raise FileRefused("RECORD_LENGTH", message, "", 0 if layout.header else 1, 0)


def _fixed_header(stream: BinaryIO, state: FileState, head: bytes, newline: bytes) -> bytes:
    """Reads the header lines; what was read beyond them comes back."""
    for line in state.layout.header:
        size = line.width + len(newline)
        head += read_exactly(stream, max(size - len(head), 0))
        raw = head[:size]
        if not raw.endswith(newline) or len(raw) != size:
            raise FileRefused("BAD_HEADER", f"the header line is not {line.width} bytes", "", 0, state.position)
        _take_line(state, line, raw.removesuffix(newline), "header")
        state.position += size
        head = head[size:]
    return head


def _refuse_rest(state: FileState, rest: bytes, stride: int, tail: int) -> None:
    record = state.records + 1
    if state.layout.trailer or tail:
        message = f"the file ends with {len(rest)} bytes where a trailer of {tail} belongs; it was cut: send it again"
        raise FileRefused("TRUNCATED", message, "", 0, state.position)
    message = f"the file ends inside record {record}, after {len(rest)} of {stride} bytes; it was cut: send it again"
    raise FileRefused("TRUNCATED", message, "", record, state.position)


def _fixed_trailer(state: FileState, rest: bytes, newline: bytes, mark: bytes) -> None:
    if not rest.endswith(mark):
        raise FileRefused("NO_END_MARK", "the end mark is missing; the file was cut: send it again", "", 0)
    rest = rest.removesuffix(mark)
    raws: list[bytes] = []
    for line in state.layout.trailer:
        size = line.width + len(newline)
        raw, rest = rest[:size], rest[size:]
        if not raw.endswith(newline):
            raise FileRefused("BAD_TRAILER", "the trailer has no line end; the file was cut: send it again", "", 0)
        raws.append(raw.removesuffix(newline))
    _take_trailers(state, raws)


def _fixed_block(state: FileState, data: bytes, count: int, newline: bytes) -> Block:
    line = state.layout.record
    stride = line.width + len(newline)
    buffer = np.frombuffer(data, np.uint8)
    table = buffer[: count * stride].reshape(count, stride)
    ends = (table[:, line.width :] == np.frombuffer(newline, np.uint8)).all(axis=1)
    if not ends.all():
        row = int(np.argmin(ends))
        message = f"the record is not {line.width} bytes and a line end; the file is cut or of another format"
        place = state.position + row * stride
        raise FileRefused("RECORD_LENGTH", message, "", state.records + row + 1, place)
    offsets = np.arange(count, dtype=np.int64) * stride
    starts = offsets + state.position
    out = Block({}, np.zeros(count, np.bool_), {}, state.records + 1, starts, starts + stride)
    _check_gaps(state.layout, table, out)
    for spec in line.fields:
        assert spec.start is not None
        assert spec.length is not None
        cells = take(buffer, offsets + (spec.start - 1), spec.length)
        if spec.name not in state.wanted and _is_plain(spec, cells):
            continue
        _add_column(out, spec.name, parse_column(spec, cells, state.layout.unit_of(spec), state.layout.read_encoding))
    return out


def _is_plain(spec: LayoutField, cells: Bytes) -> bool:
    """True for free text that is printable: nothing can be wrong with it, and nobody asks for it."""
    free = spec.type == "text" and not (spec.required or spec.values or spec.constant is not None)
    return free and int(cells.min()) >= BLANK and int(cells.max()) <= 0x7E


def _check_gaps(layout: Layout, table: Bytes, out: Block) -> None:
    covered = {byte for spec in layout.record.fields for byte in range((spec.start or 1) - 1, spec.end)}
    gaps = [byte for byte in range(layout.record.width) if byte not in covered]
    wrong = (table[:, gaps] != ord(layout.separator)).any(axis=1) if gaps else out.bad
    for row in np.flatnonzero(wrong):
        out.errors[int(row)] = CellError("", "BAD_SEPARATOR", "fields are not where the layout has them")
    out.bad |= wrong


def _add_column(out: Block, name: str, column: Column) -> None:
    out.columns[name] = column.values.alias(name)
    if column.bad.any():
        out.unreadable[name] = int(np.argmax(column.bad))
    out.bad |= column.bad
    for row, error in column.errors.items():
        out.errors.setdefault(row, error)


# --- delimited -------------------------------------------------------------------------------------------------------


def _delimited_blocks(stream: BinaryIO, state: FileState) -> Iterator[Block]:
    layout = state.layout
    keep = len(layout.trailer) + 1 + bool(layout.end_mark)
    carry, more, headers = b"", True, list(layout.header)
    while more:
        fresh = read_exactly(stream, BLOCK)
        more = len(fresh) == BLOCK
        data = carry + fresh
        if not state.position and data.startswith(b"\xef\xbb\xbf") and layout.encoding.startswith("utf"):
            data, state.position = data[3:], 3
        lines = data.split(b"\n") if more else _last_lines(layout, data)
        if any(len(line) > MAX_LINE for line in lines):
            raise FileRefused("RECORD_LENGTH", f"a line is longer than {MAX_LINE} bytes", "", 0, state.position)
        while headers and (len(lines) > keep or not more):
            if not lines:
                raise FileRefused("BAD_HEADER", "the file ends before its header; send it again", "", 0, 0)
            raw = lines.pop(0)
            _take_line(state, headers.pop(0), _bare(layout, raw, 0, state.position), "header")
            state.position += len(raw) + 1
        if not more:
            carry_lines = _take_delimited_tail(state, lines)
            lines, carry = carry_lines, b""
        else:
            lines, carry = lines[:-keep], b"\n".join(lines[-keep:])
        if lines:
            yield _delimited_block(state, lines)
            state.position += sum(map(len, lines)) + len(lines)


def _last_lines(layout: Layout, data: bytes) -> list[bytes]:
    """The lines of the rest of a file, each ended; the end mark may stand without a line end."""
    open_end = bool(layout.end_mark) and not layout.end_mark_newline
    if not data:
        raise FileRefused("EMPTY_FILE", "the file is empty; a day without records still has its header and trailer")
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    elif not open_end:
        raise FileRefused("TRUNCATED", "the last line has no line end; the file was cut: send it again")
    if not open_end and len(lines) > 1 and lines[-1] in {b"", b"\r"}:
        lines.pop()
    return lines


def _bare(layout: Layout, raw: bytes, record: int, byte: int) -> bytes:
    """A line without its CR, which stands exactly where the layout has CRLF."""
    has = raw.endswith(b"\r")
    if (layout.newline == "crlf" and not has) or (layout.newline == "lf" and has):
        raise FileRefused(
            "BAD_NEWLINE", f"a line does not end with {layout.newline}; mixed line ends", "", record, byte
        )
    return raw.removesuffix(b"\r")


def _take_delimited_tail(state: FileState, lines: list[bytes]) -> list[bytes]:
    layout = state.layout
    if layout.end_mark:
        last = lines.pop() if lines else b""
        if last.removesuffix(b"\r") != layout.end_mark.encode() or (
            last.endswith(b"\r") and not layout.end_mark_newline
        ):
            raise FileRefused("NO_END_MARK", "the end mark is missing; the file was cut: send it again")
    size = len(layout.trailer)
    if len(lines) < size:
        raise FileRefused("TRUNCATED", "the trailer is missing; the file was cut: send it again")
    if size:
        _take_trailers(state, [_bare(layout, raw, 0, -1) for raw in lines[-size:]])
        lines = lines[:-size]
    return lines


def _delimited_block(state: FileState, lines: list[bytes]) -> Block:
    """Lines are decoded before they are cut: in GBK the second byte of a character can be a separator."""
    layout = state.layout
    sizes = np.array([len(line) + 1 for line in lines], np.int64)
    starts = state.position + np.concatenate(([0], np.cumsum(sizes)[:-1]))
    out = Block({}, np.zeros(len(lines), np.bool_), {}, state.records + 1, starts, starts + sizes)
    text = pl.DataFrame({"line": _decoded(layout, lines, out)})
    fields = layout.record.fields
    count = text.select(pl.col("line").str.count_matches(layout.separator, literal=True)).to_series()
    wrong = (count != len(fields) - 1).to_numpy() & ~out.bad
    for row in np.flatnonzero(wrong).tolist():
        message = f"has {int(count[row]) + 1} fields; {len(fields)} are expected"
        out.errors[row] = CellError("", "FIELD_COUNT", message)
    out.bad |= wrong
    uncut = out.bad.copy()
    whole = pl.when(pl.Series(~out.bad)).then("line").otherwise(pl.lit(layout.separator * (len(fields) - 1)))
    cut = text.select(whole.str.split_exact(layout.separator, len(fields) - 1).alias("cells")).unnest("cells")
    for spec, cells in zip(fields, cut.get_columns(), strict=True):
        _add_column(out, spec.name, parse_texts(spec, cells, layout.unit_of(spec)))
        if uncut.any():
            out.unreadable[spec.name] = int(np.argmax(uncut))
    return out


def _decoded(layout: Layout, lines: list[bytes], out: Block) -> list[str]:
    """The lines as text; a line that is not in the encoding is blank and has an error."""
    codec = layout.read_encoding.removesuffix("-sig")
    texts: list[str] = []
    for row, line in enumerate(lines):
        try:
            texts.append(_bare(layout, line, out.first_record + row, int(out.starts[row])).decode(codec))
        except UnicodeDecodeError:
            texts.append("")
            out.errors[row] = CellError("", "BAD_ENCODING", f"is not {codec} text")
            out.bad[row] = True
    return texts
