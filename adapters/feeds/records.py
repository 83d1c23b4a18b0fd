"""Files of a layout, read in blocks: records as typed columns, values of header and trailer, what refuses a file.

Memory stays flat: a block holds BLOCK bytes of records; bytes that may be trailer are held back until the end of the
file is known. Delimited files are read here, fixed-width ones in fixed_blocks.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO

import numpy as np
import polars as pl

from adapters.feeds.columns import Bytes, Column, Ints, Mask
from adapters.feeds.text_columns import parse_texts, refuse_long
from adapters.layout import CellError, Layout, Line, Value, decode_line
from adapters.refused import FileRefusedError
from settlement.model.cards import shown_total

BLOCK = 16 * 1024 * 1024
PIECE = 256 * 1024
MAX_LINE = 1024 * 1024
HOPELESS = 100  # records at the beginning of a file, of which none is good: it is another format


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


Unread = Callable[[], Block]  # reads one block; FileRefusedError: a record of another length, or another line end


@dataclass(slots=True)
class FileState:
    """What a reader of blocks knows so far; it is ahead of the blocks that have been read.

    `wanted`: the fields that are asked for; others are only checked. `key_prefix`: what keys begin with.
    `declared` fills as header and trailer are read, `places` with where each stands: its field, and its line's byte.
    """

    layout: Layout
    wanted: frozenset[str]
    key_prefix: bytes = b""
    declared: dict[str, Value] = field(default_factory=dict)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    records: int = 0
    position: int = 0


@dataclass(slots=True)
class Totals:
    """Unsigned sums of the amounts asked for over all records, rejected ones included; exact at any size.

    `unreadable`: for an amount, the first (record, byte) where it cannot be read.
    """

    sums: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, other: Totals) -> None:
        """Adds the totals of a block behind those so far."""
        for name, total in other.sums.items():
            self.sums[name] = self.sums.get(name, 0) + total
        self.unreadable = other.unreadable | self.unreadable

    def add_block(self, layout: Layout, block: Block) -> None:
        """Adds the records of a block."""
        for spec in layout.record.fields:
            if spec.type == "amount" and spec.name in block.columns:
                self.sums[spec.name] = self.sums.get(spec.name, 0) + _abs_sum(block.columns[spec.name])
                row = block.unreadable.get(spec.name)
                if row is not None:
                    self.unreadable.setdefault(spec.name, (block.first_record + row, int(block.starts[row])))


def read_exactly(stream: BinaryIO, size: int) -> bytes:
    """Up to `size` bytes, fewer only at the end of the stream (a raw stream may return less than asked)."""
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def fill(stream: BinaryIO, room: Bytes) -> int:
    """Reads until the room is full or the stream ends; in pieces that stay in the cache till they are copied."""
    done = 0
    while done < len(room) and (part := stream.read(min(PIECE, len(room) - done))):
        room[done : done + len(part)] = np.frombuffer(part, np.uint8)
        done += len(part)
    return done


# --- header, trailer, totals -----------------------------------------------------------------------------------------


def take_line(state: FileState, line: Line, raw: bytes, what: str, byte: int) -> None:
    """What the header or trailer line at `byte` declares, into the state. FileRefusedError: it is not as laid down."""
    try:
        values = decode_line(state.layout, line, raw)
    except CellError as error:
        code = "BAD_HEADER" if what == "header" else "BAD_TRAILER"
        where = f"{error.field} " if error.field else ""
        message = f"the {what} line is not as laid down: {where}{error}; ask for the whole file again"
        raise FileRefusedError(code, message, byte, name=error.field) from None
    for spec in line.fields:
        key = f"total:{spec.of}" if spec.declares == "total" else spec.declares or f"{what}.{spec.name}"
        if spec.declares and values[spec.name] is None:
            raise FileRefusedError("BAD_TRAILER", f"the {what} declares no {spec.declares}", byte, name=spec.name)
        if spec.declares and state.declared.get(key, values[spec.name]) != values[spec.name]:
            raise FileRefusedError(
                "BAD_TRAILER", f"header and trailer declare another {spec.declares}", byte, name=spec.name
            )
        state.declared[key] = values[spec.name]
        state.places[key] = spec.name, byte


def take_trailers(state: FileState, lines: list[tuple[int, bytes]]) -> None:
    """All trailer lines: where each begins, and its bytes without the line end."""
    for line, (byte, raw) in zip(state.layout.trailer, lines, strict=True):
        take_line(state, line, raw, "trailer", byte)


def _abs_sum(values: pl.Series) -> int:
    """Exact: halves of 32 bits cannot overflow int64 over a block."""
    size = values.abs()
    largest = size.max()
    if isinstance(largest, int) and largest < 2**32:
        return int(size.sum())
    high, low = (size // 2**32).sum(), (size % 2**32).sum()
    return int(high or 0) * 2**32 + int(low or 0)


def compare_declared(state: FileState, totals: Totals) -> None:
    """Header and trailer against the records of the whole file. FileRefusedError: count or a total differs."""
    count = state.declared.get("count")
    if count is not None and count != state.records:
        message = f"the file declares {count} records and has {state.records}; ask for the whole file again"
        name, byte = state.places["count"]
        raise FileRefusedError("COUNT_MISMATCH", message, byte, name=name)
    maximum = state.layout.maximum_records
    if maximum is not None and state.records > maximum:
        raise FileRefusedError("TOO_MANY_RECORDS", f"{state.records} records; at most {maximum} may stand in one file")
    for key, declared in state.declared.items():
        if not key.startswith("total:"):
            continue
        name = key.removeprefix("total:")
        if name in totals.unreadable:
            record, byte = totals.unreadable[name]
            message = "an amount under a declared total cannot be read, so the total cannot be proved; correct the file"
            raise FileRefusedError("TOTAL_UNPROVEN", message, byte, record, name)
        have = totals.sums.get(name, 0)
        if declared != have:
            total = shown_total(declared) if isinstance(declared, int) else "nothing"
            said = f"declares a total of {total} yuan and its records sum to {shown_total(have)}"
            message = f"the file {said}; correct the file"
            name, byte = state.places[key]
            raise FileRefusedError("TOTAL_MISMATCH", message, byte, name=name)


def add_column(out: Block, name: str, column: Column) -> None:
    """A parsed column of the block, with its faults."""
    out.columns[name] = column.values.alias(name)
    if column.bad.any():
        out.unreadable[name] = int(np.argmax(column.bad))
    out.bad |= column.bad
    for row, error in column.errors.items():
        out.errors.setdefault(row, error)


# --- delimited -------------------------------------------------------------------------------------------------------


def delimited_blocks(stream: BinaryIO, state: FileState) -> Iterator[Unread]:
    """As `fixed_blocks`, for a delimited file."""
    layout = state.layout
    keep = len(layout.trailer) + 1 + bool(layout.end_mark)
    carry, more, headers = b"", True, list(layout.header)
    while more:
        fresh = read_exactly(stream, BLOCK)
        more = len(fresh) == BLOCK
        data = carry + fresh
        if not state.position and data.startswith(b"\xef\xbb\xbf") and layout.encoding.startswith("utf"):
            data, state.position = data[3:], 3
        if not (data or more or state.records):
            message = "the file is empty; a day without records still has its header and trailer"
            raise FileRefusedError("EMPTY_FILE", message, 0)
        lines = data.split(b"\n") if more else _last_lines(layout, data)
        if any(len(line) > MAX_LINE for line in lines):
            raise FileRefusedError("RECORD_LENGTH", f"a line is longer than {MAX_LINE} bytes", state.position)
        while headers and (len(lines) > keep or not more):
            if not lines:
                raise FileRefusedError("BAD_HEADER", "the file ends before its header; send it again", 0)
            raw = lines.pop(0)
            take_line(state, headers.pop(0), _bare(layout, raw, 0, state.position), "header", state.position)
            state.position += len(raw) + 1
        if not more:
            carry_lines = _take_delimited_tail(state, lines)
            lines, carry = carry_lines, b""
        else:
            lines, carry = lines[:-keep], b"\n".join(lines[-keep:])
        if lines:
            yield partial(_delimited_block, layout, lines, state.records + 1, state.position)
            state.records += len(lines)
            state.position += sum(map(len, lines)) + len(lines)


def _last_lines(layout: Layout, data: bytes) -> list[bytes]:
    """The lines of the rest of a file, each ended; the end mark may stand without a line end."""
    open_end = bool(layout.end_mark) and not layout.end_mark_newline
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    elif not open_end:
        raise FileRefusedError("TRUNCATED", "the last line has no line end; the file was cut: send it again")
    if not open_end and len(lines) > 1 and lines[-1] in {b"", b"\r"}:
        lines.pop()
    return lines


def _bare(layout: Layout, raw: bytes, record: int, byte: int) -> bytes:
    """A line without its CR, which stands exactly where the layout has CRLF."""
    has = raw.endswith(b"\r")
    if (layout.newline == "crlf" and not has) or (layout.newline == "lf" and has):
        raise FileRefusedError(
            "BAD_NEWLINE", f"a line does not end with {layout.newline}; mixed line ends", byte, record
        )
    return raw.removesuffix(b"\r")


def _take_delimited_tail(state: FileState, lines: list[bytes]) -> list[bytes]:
    layout = state.layout
    if layout.end_mark:
        last = lines.pop() if lines else b""
        if last.removesuffix(b"\r") != layout.end_mark_bytes or (last.endswith(b"\r") and not layout.end_mark_newline):
            raise FileRefusedError("NO_END_MARK", "the end mark is missing; the file was cut: send it again")
    size = len(layout.trailer)
    if len(lines) < size:
        raise FileRefusedError("TRUNCATED", "the trailer is missing; the file was cut: send it again")
    if size:
        lines, trailer = lines[:-size], lines[-size:]
        byte, placed = state.position + sum(map(len, lines)) + len(lines), []
        for raw in trailer:
            placed.append((byte, _bare(layout, raw, 0, byte)))
            byte += len(raw) + 1
        take_trailers(state, placed)
    return lines


def _delimited_block(layout: Layout, lines: list[bytes], first_record: int, position: int) -> Block:
    """Lines are decoded before they are cut: in GBK the second byte of a character can be a separator."""
    sizes = np.array([len(line) + 1 for line in lines], np.int64)
    starts = position + np.concatenate(([0], np.cumsum(sizes)[:-1]))
    out = Block({}, np.zeros(len(lines), np.bool_), {}, first_record, starts, starts + sizes)
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
        column = parse_texts(spec, cells, layout.unit_of(spec))
        refuse_long(spec, cells, layout.text_encoding, column)
        add_column(out, spec.name, column)
        if uncut.any():
            out.unreadable[spec.name] = int(np.argmax(uncut))
    return out


def _decoded(layout: Layout, lines: list[bytes], out: Block) -> list[str]:
    """The lines as text; a line that is not in the encoding is blank and has an error."""
    codec = layout.text_encoding
    texts: list[str] = []
    for row, line in enumerate(lines):
        try:
            texts.append(_bare(layout, line, out.first_record + row, int(out.starts[row])).decode(codec))
        except UnicodeDecodeError:
            texts.append("")
            out.errors[row] = CellError("", "BAD_ENCODING", f"is not {codec} text")
            out.bad[row] = True
    return texts
