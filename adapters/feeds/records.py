"""Files of a layout, read in blocks: records as typed columns, values of header and trailer, what refuses a file.

Memory stays flat: a block holds BLOCK bytes of records; bytes that may be trailer are held back until the end of the
file is known. fixed_blocks.py reads fixed-width files, delimited_blocks.py delimited ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import polars as pl

from adapters.feeds.byte_cells import Bytes, Ints, Mask
from adapters.feeds.columns import Column
from adapters.layout import Layout, Line
from adapters.layout_line import CellError, Value, decode_line
from adapters.refused import FileRefusedError
from settlement.model.cards import shown_total

BLOCK = 16 * 1024 * 1024
PIECE = 256 * 1024
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

    `wanted`: the fields that are asked for; others are only checked. `key_prefix`: what keys begin with. `also`: other
    widths of a record by which another layout would have been chosen.
    `declared` fills as header and trailer are read, `places` with where each stands: its field, and its line's byte.
    """

    layout: Layout
    wanted: frozenset[str]
    key_prefix: bytes = b""
    also: tuple[int, ...] = ()
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
