"""Records of a fixed-width file in blocks. Lines are never searched for: a record of another length refuses it all."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from functools import partial
from queue import Empty, SimpleQueue
from typing import BinaryIO

import numpy as np
import polars as pl

from adapters.feeds import records
from adapters.feeds.byte_cells import (
    BLANK,
    LAST_PRINTABLE,
    ZERO,
    Bounds,
    Bytes,
    as_binary,
    bounds_of,
    copied,
    masked_cells,
    rows_of,
)
from adapters.feeds.columns import in_alphabet, parse_column, sign_table
from adapters.feeds.plain_keys import PLAIN, plain_keys
from adapters.feeds.records import Block, FileState, Unread, add_column, fill, read_exactly, take_line, take_trailers
from adapters.layout import Layout, LayoutField
from adapters.layout_line import CellError
from adapters.refused import FileRefusedError

FIRST = 16  # part of a block
_INCOMPLETE = {"incomplete multibyte sequence", "unexpected end of data"}  # as the codecs call the begin of a character
CACHED = 1024 * 1024  # bytes of records that stay in the processor's cache while their fields are picked out


def fixed_blocks(stream: BinaryIO, state: FileState) -> Iterator[Unread]:
    """The blocks of records of a file, not yet read; header and trailer are taken on the way."""
    layout = state.layout
    # without a header and records, the first line is the trailer or the end mark
    firsts = [line.width for line in layout.header[:1] or (layout.record, *layout.trailer[:1])]
    firsts += [len(layout.end_mark_bytes)] if not (layout.header or layout.trailer) and layout.end_mark else []
    head = read_exactly(stream, max(firsts) + 2)
    if head.startswith(codecs.BOM_UTF8) and layout.encoding.startswith("utf"):
        head, state.position = head[3:] + read_exactly(stream, 3), 3
    newline = _newline_of(layout, head, firsts, state.also)
    head = _header(stream, state, head, newline)
    stride = layout.record.width + len(newline)
    mark = layout.end_mark_bytes
    tail = sum(line.width + len(newline) for line in layout.trailer) + len(mark)
    size = max(records.BLOCK // stride, max(len(head), tail) // stride + 1) * stride
    # the first block is done before others are begun: a small one tells as much, if it has enough to judge the format
    begin = min(max(size // stride // FIRST, records.HOPELESS, -(-len(head) // stride)) * stride, size)
    rooms = _Rooms(size)
    data, more = rooms.read(stream, begin, head), True
    while more:
        ahead = rooms.read(stream, size)  # longer than any trailer: a full block behind `data` makes it all records
        more = len(ahead) == size
        if not more:
            data = np.concatenate([data, ahead])
            # UnionPay's files end with an empty line; transfers and editors put a line end behind an end mark
            beyond = {mark + newline} if mark else {newline * 2, newline}
            if data[-len((mark or newline) + newline) :].tobytes() in beyond:
                data = data[: -len(newline)]
            elif layout.ends_by_itself and (len(data) + len(newline) - tail) % stride == 0:
                data = np.concatenate([data, np.frombuffer(newline, np.uint8)])
        count = max(len(data) - (0 if more else tail), 0) // stride
        rest = data[count * stride :].tobytes()
        if count:
            table = data[: count * stride].reshape(count, stride)
            yield partial(rooms.leave, table, partial(_block, state, newline, state.records + 1, state.position))
            state.records += count
            state.position += count * stride
        data = ahead
    if len(rest) != tail:
        _refuse_rest(state, rest, stride, tail, newline)
    _trailer(state, rest, newline, mark)


class _Rooms:
    """Memory of blocks, used again when a block is done: each page of fresh memory costs a fault."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free: SimpleQueue[Bytes] = SimpleQueue()

    def read(self, stream: BinaryIO, size: int, head: bytes = b"") -> Bytes:
        """`head` and what follows in the stream, `size` bytes together, fewer only at its end."""
        try:
            room = self._free.get_nowait()
        except Empty:
            room = np.empty(self._size, np.uint8)
        room[: len(head)] = np.frombuffer(head, np.uint8)
        return room[: len(head) + fill(stream, room[len(head) : size])]

    def leave(self, table: Bytes, read: Callable[[Bytes], Block]) -> Block:
        """The block of these records, which copies all it keeps of them; their memory is free then."""
        try:
            return read(table)
        finally:
            room = table.base
            if room is not None and room.nbytes == self._size and len(table) > 1:  # NumPy may not copy a single row
                self._free.put(room)


def _newline_of(layout: Layout, head: bytes, widths: list[int], also: tuple[int, ...]) -> bytes:
    if not head:
        raise FileRefusedError(
            "EMPTY_FILE", "the file is empty; a day without records still has its header and trailer", 0
        )
    for name, newline in (("crlf", b"\r\n"), ("lf", b"\n")):  # a LF at one width may be the end of a CRLF at another
        for width in widths:
            if layout.newline in {name, "any"} and head[width:].startswith(newline):
                return newline
    alone = layout.trailer[0].width if layout.ends_by_itself and len(layout.trailer) == 1 else 0
    if not layout.header and (head == layout.end_mark_bytes or len(head) == alone):  # without records or a line end
        return layout.newline_bytes
    ends = layout.newline_words
    if any(head[width:].startswith((b"\n", b"\r\n")) for width in widths):
        message = f"the first line does not end with {ends}; send the file so, or correct the layout's `newline`"
        raise FileRefusedError("BAD_NEWLINE", message, 0, 0 if layout.header else 1)
    known = " or ".join(map(str, (widths[0], *also)))
    message = f"the first line is not {known} bytes and a line end ({ends}); is it this format?"
    raise FileRefusedError("RECORD_LENGTH", message, 0, 0 if layout.header else 1)


def _header(stream: BinaryIO, state: FileState, head: bytes, newline: bytes) -> bytes:
    """Reads the header lines; what was read beyond them comes back."""
    for line in state.layout.header:
        size = line.width + len(newline)
        head += read_exactly(stream, max(size - len(head), 0))
        raw = head[:size]
        if not raw.endswith(newline) or len(raw) != size:
            raise FileRefusedError("BAD_HEADER", f"the header line is not {line.width} bytes", state.position)
        take_line(state, line, raw.removesuffix(newline), "header", state.position)
        state.position += size
        head = head[size:]
    return head


def _begins_trailer(layout: Layout, rest: bytes) -> bool:
    """Whether these bytes begin as the trailer does: with its first constant."""
    mark = next((spec for spec in layout.trailer[0].fields if spec.constant), None)
    return mark is not None and rest[(mark.start or 1) - 1 :].startswith((mark.constant or "").encode(layout.encoding))


def _refuse_rest(state: FileState, rest: bytes, stride: int, tail: int, newline: bytes) -> None:
    record = state.records + 1
    mark = state.layout.end_mark_bytes
    ended = len(rest) > tail and rest[:tail].endswith(mark or newline)
    if ended and (mark or (state.layout.trailer and _begins_trailer(state.layout, rest))):
        last = "end mark" if mark else "trailer"
        message = f"{len(rest) - tail} bytes stand behind the {last}, and would be lost; send the file without them"
        raise FileRefusedError("AFTER_END", message, state.position + tail)
    if state.layout.trailer or tail:
        message = f"the file ends with {len(rest)} bytes where a trailer of {tail} belongs; it was cut: send it again"
        raise FileRefusedError("TRUNCATED", message, state.position)
    message = f"the file ends inside record {record}, after {len(rest)} of {stride} bytes; it was cut: send it again"
    raise FileRefusedError("TRUNCATED", message, state.position, record)


def _trailer(state: FileState, rest: bytes, newline: bytes, mark: bytes) -> None:
    if not rest.endswith(mark):
        raise FileRefusedError("NO_END_MARK", "the end mark is missing; the file was cut: send it again")
    rest = rest.removesuffix(mark)
    byte, placed = state.position, []
    for line in state.layout.trailer:
        size = line.width + len(newline)
        raw, rest = rest[:size], rest[size:]
        if not raw.endswith(newline):
            raise FileRefusedError("BAD_TRAILER", "the trailer has no line end; the file was cut: send it again", byte)
        placed.append((byte, raw.removesuffix(newline)))
        byte += size
    take_trailers(state, placed)


# --- one block -------------------------------------------------------------------------------------------------------


def _block(state: FileState, newline: bytes, first_record: int, position: int, table: Bytes) -> Block:
    """The records of a table, of which `state` has what holds for the whole file; it is ahead of them."""
    layout, line = state.layout, state.layout.record
    count, stride = table.shape
    gathered, bounds = _gathered(table, [spec for spec in line.fields if spec.name in state.wanted])
    if bounds.of(slice(line.width, None)) != (newline, newline):
        row = int(np.argmin((table[:, line.width :] == np.frombuffer(newline, np.uint8)).all(axis=1)))
        message = f"the record is not {line.width} bytes and a line end; the file is cut or of another format"
        raise FileRefusedError("RECORD_LENGTH", message, position + row * stride, first_record + row)
    starts = np.arange(count, dtype=np.int64) * stride + position
    out = Block({}, np.zeros(count, np.bool_), {}, first_record, starts, starts + stride)
    _check_gaps(layout, table, bounds, out)
    for spec in line.fields:
        within = bounds.of(_place(spec))
        cells = gathered.get(spec.name)
        if cells is None:
            cells = table[:, _place(spec)]
            if _proven(layout, spec, cells, within):
                continue
            if spec.type == "text" and not spec.values and spec.constant is None:
                cells = _uncut(layout.text_encoding, cells)
                within = bounds_of(cells)
                if _proven(layout, spec, cells, within):
                    continue
        add_column(out, spec.name, parse_column(spec, cells, layout.unit_of(spec), layout.read_encoding, within))
        if (spec.name, spec.type) == ("card_number", "card") and not out.columns[spec.name].null_count():
            masks = masked_cells(cells, within)
            if masks is not None:
                out.columns["card_masked"] = masks.alias("card_masked")
    if not out.bad.any():
        keys = plain_keys(layout, state.key_prefix, gathered, bounds)
        if keys is not None:
            out.columns[PLAIN] = pl.Series(PLAIN, keys)
    return out


def _place(spec: LayoutField) -> slice:
    assert spec.start is not None
    return slice(spec.start - 1, spec.end)


def _gathered(table: Bytes, fields: list[LayoutField]) -> tuple[dict[str, Bytes], Bounds]:
    """(cells of the fields, each in an array of its own; bounds of all bytes), while a few records are in the cache."""
    count, stride = table.shape
    cells = {spec.name: np.empty((count, spec.length or 0), np.uint8) for spec in fields}
    wholes = {spec.name: f"V{spec.length}" for spec in fields}  # copied as whole cells: much faster than byte by byte
    pairs = [
        (cells[spec.name].view(wholes[spec.name]), table[:, _place(spec)].view(wholes[spec.name])) for spec in fields
    ]
    low, high = np.full(stride, 0xFF, np.uint8), np.zeros(stride, np.uint8)
    step = max(CACHED // stride // 8, 1) * 8
    for first in range(0, count, step):
        part = table[first : first + step]
        wide = part if len(part) % 8 else part.reshape(-1, 8 * stride)  # long rows: fewer turns of numpy's outer loop
        np.minimum(low, wide.min(axis=0).reshape(-1, stride).min(axis=0), out=low)
        np.maximum(high, wide.max(axis=0).reshape(-1, stride).max(axis=0), out=high)
        for own, shared in pairs:
            own[first : first + step] = shared[first : first + step]
    return cells, Bounds(low.tobytes(), high.tobytes())


def _check_gaps(layout: Layout, table: Bytes, bounds: Bounds, out: Block) -> None:
    """Between fields stands the separator."""
    covered = {byte for spec in layout.record.fields for byte in range((spec.start or 1) - 1, spec.end)}
    gaps = [byte for byte in range(layout.record.width) if byte not in covered]
    separator = ord(layout.separator)
    if all(bounds.low[gap] == separator == bounds.high[gap] for gap in gaps):
        return
    wrong = (table[:, gaps] != separator).any(axis=1)
    for row in np.flatnonzero(wrong):
        out.errors[int(row)] = CellError("", "BAD_SEPARATOR", "fields are not where the layout has them")
    out.bad |= wrong


def _proven(layout: Layout, spec: LayoutField, cells: Bytes, bounds: Bounds) -> bool:
    """True where all cells of a field that nobody asks for are as the layout says; False: it must be read to know."""
    if spec.constant is not None or spec.values or (spec.required and spec.blanks):
        return False
    if bounds.within(BLANK, BLANK):
        return not spec.required
    if spec.type == "text":
        if spec.required and bounds.low[0] <= BLANK:
            return False
        return bounds.within(BLANK, LAST_PRINTABLE) or _decodes(layout.read_encoding, cells, bounds)
    if spec.type in {"digits", "hex", "card"}:
        return min(bounds.high) > BLANK and in_alphabet(spec.type, cells, bounds)
    if spec.type == "amount" and layout.unit_of(spec) == "fen":
        signed = bool(spec.signs)
        digits = bounds.of(slice(signed, None))
        marks = sign_table(spec)[bounds.low[0] : bounds.high[0] + 1] if signed else np.ones(1)
        return 0 < len(digits.low) <= 18 and digits.within(ZERO, ZERO + 9) and bool(marks.all())
    return False


def _decodes(encoding: str, cells: Bytes, bounds: Bounds) -> bool:
    """True where every cell is text without control characters.

    The distinct cells are decoded together, a line end behind each: no character of GB18030 or UTF-8 goes on over it.
    """
    if not bounds.within(BLANK, 0xFF):
        return False
    width = bounds.end
    cells = copied(cells[:, :width])
    cells = rows_of(cells, as_binary(cells).arg_unique().to_numpy())
    lines = np.full((len(cells), width + 1), ord("\n"), np.uint8)
    lines[:, :width].view(f"V{width}")[:] = cells.view(f"V{width}")
    try:
        return "\x7f" not in lines.tobytes().decode(encoding)
    except UnicodeDecodeError:
        return False


def _uncut(encoding: str, cells: Bytes) -> Bytes:
    """The cells without the first bytes of a character that the end of the field has cut: programs cut names so."""
    texts, out, tails = as_binary(cells), cells, dict[int, list[bytes]]()
    for text in texts.unique().to_list():
        try:
            text.decode(encoding)
        except UnicodeDecodeError as error:
            # the codec of GB18030 waits behind any byte above 127
            if error.reason in _INCOMPLETE and error.end == len(text) and 0x81 <= text[error.start] <= 0xFE:
                tails.setdefault(len(text) - error.start, []).append(text)
    for size in tails:
        out = out.copy() if out is cells else out
        out[texts.is_in(pl.Series(tails[size]).implode()).to_numpy(), -size:] = BLANK
    return out
