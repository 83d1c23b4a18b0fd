"""Records of a delimited file in blocks: lines, decoded before they are cut."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

import numpy as np
import polars as pl

from adapters.feeds import records
from adapters.feeds.records import Block, FileState, Unread, add_column, read_exactly, take_line, take_trailers
from adapters.feeds.text_columns import parse_texts, refuse_long
from adapters.layout import Layout
from adapters.layout_line import CellError, decode_line
from adapters.refused import FileRefusedError

MAX_LINE = 1024 * 1024


def delimited_blocks(stream: BinaryIO, state: FileState) -> Iterator[Unread]:
    """As `fixed_blocks`, for a delimited file."""
    layout = state.layout
    keep = len(layout.trailer) + 1 + bool(layout.end_mark)
    carry, more, headers = b"", True, list(layout.header)
    while more:
        fresh = read_exactly(stream, records.BLOCK)
        more = len(fresh) == records.BLOCK
        data = carry + fresh
        if not state.position and data.startswith(BOM_UTF8) and layout.encoding.startswith("utf"):
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
            lines, carry = _take_tail(state, lines), b""
        else:
            lines, carry = lines[:-keep], b"\n".join(lines[-keep:])
        if lines:
            yield partial(_block, layout, lines, state.records + 1, state.position)
            state.records += len(lines)
            state.position += sum(map(len, lines)) + len(lines)


def _last_lines(layout: Layout, data: bytes) -> list[bytes]:
    """The lines of the rest of a file, each ended; an end mark or trailer may stand with or without a line end."""
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    elif layout.ends_by_itself and _is_last(layout, lines[-1]):
        lines[-1] += b"\r" if layout.newline == "crlf" else b""
    elif not layout.end_mark:
        raise FileRefusedError("TRUNCATED", "the last line has no line end; the file was cut: send it again")
    if len(lines) > 1 and lines[-1] in {b"", b"\r"}:
        lines.pop()
    return lines


def _is_last(layout: Layout, raw: bytes) -> bool:
    """Whether a line is the last one of the trailer, and no record that was cut."""
    try:
        decode_line(layout, layout.trailer[-1], raw)
    except CellError:
        return False
    return True


def _bare(layout: Layout, raw: bytes, record: int, byte: int) -> bytes:
    """A line without its CR, which stands exactly where the layout has CRLF."""
    has = raw.endswith(b"\r")
    if (layout.newline == "crlf" and not has) or (layout.newline == "lf" and has):
        raise FileRefusedError(
            "BAD_NEWLINE", f"a line does not end with {layout.newline}; mixed line ends", byte, record
        )
    return raw.removesuffix(b"\r")


def _take_tail(state: FileState, lines: list[bytes]) -> list[bytes]:
    """The records among the last lines; the trailer goes into the state. FileRefusedError: no trailer, or no mark."""
    layout = state.layout
    if layout.end_mark:
        last = lines.pop() if lines else b""
        if last.removesuffix(b"\r") != layout.end_mark_bytes:
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


def _block(layout: Layout, lines: list[bytes], first_record: int, position: int) -> Block:
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
