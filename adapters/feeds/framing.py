"""Framings of a file of messages: where each message starts and ends, block by block, and what proves that none is cut.

len2    2 bytes, big-endian length, then the message
len4    4 ASCII digits, then the message
vbs     4 bytes, big-endian length; a length of zero ends the file, and must be there
hex     one message per line, as hexadecimal digits

Lengths make a chain, each saying where the next stands (`iso_walk.chain`). A file cut inside a message is refused here.
A cut exactly between two messages shows in the end mark (vbs) or in the reconciliation message (pos_iso8583.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from adapters.feeds import iso_walk
from adapters.feeds.byte_cells import Bytes, Ints
from adapters.feeds.iso_columns import SLACK
from adapters.feeds.records import fill, read_exactly
from adapters.refused import FileRefusedError

BLOCK = 16 * 1024 * 1024
MOST_MESSAGES = 100_000  # of a block: more than BLOCK holds of 20 fields; what is known of each outweighs tiny ones
MAX_MESSAGE = 16_384
_NO_DIGITS = bytes(chr(byte) not in "0123456789abcdefABCDEF\r\n" for byte in range(256))
FRAMINGS = ("len2", "len4", "vbs", "hex")


@dataclass(slots=True)
class Messages:
    """Messages of one block: buffer[starts:ends]; `file_starts`/`file_ends` are their framed bytes in the file.

    The buffer is good until the next block is asked for.
    """

    buffer: Bytes
    starts: Ints
    ends: Ints
    first_record: int
    file_starts: Ints
    file_ends: Ints


def read_messages(stream: BinaryIO, framing: str) -> Iterator[Messages]:
    """The blocks of a file. FileRefusedError: cut inside a message, an impossible length, or a missing end mark."""
    assert framing in FRAMINGS
    if framing == "hex":
        yield from _hex_blocks(stream)
    else:
        yield from _length_blocks(stream, framing)


_WIDTHS = {"len2": (2, iso_walk.LEN2), "len4": (4, iso_walk.LEN4), "vbs": (4, iso_walk.VBS)}


def _length_blocks(stream: BinaryIO, framing: str) -> Iterator[Messages]:
    """Blocks share one buffer: what is left of a block moves to its front."""
    width, kind = _WIDTHS[framing]
    buffer = np.zeros(BLOCK + MAX_MESSAGE + width + SLACK, np.uint8)
    begins = np.empty(MOST_MESSAGES, np.int64)
    carry, position, record, more, ended = 0, 0, 1, True, False
    while more and not ended:
        room = buffer[carry : min(carry + BLOCK, len(buffer) - SLACK)]
        fresh = fill(stream, room)
        more, size = fresh == len(room), carry + fresh
        count, after = iso_walk.run(iso_walk.chain, size // 200, buffer, size - width + 1, kind, begins)
        more = more or count == MOST_MESSAGES  # then the rest of the buffer is for the next block
        heads = np.append(begins[:count], after)
        lengths = np.diff(heads) - width
        if framing == "vbs" and len(lengths) and lengths[-1] == 0:
            ended, lengths = True, lengths[:-1]
        wrong = np.flatnonzero((lengths <= 0) | (lengths > MAX_MESSAGE))
        if len(wrong):
            _bad_length(framing, record + int(wrong[0]), position + int(heads[wrong[0]]))
        whole = len(lengths) - (len(lengths) > 0 and not ended and after > size)
        starts = heads[:whole] + width
        if whole:
            ends = starts + lengths[:whole]
            yield Messages(buffer, starts, ends, record, starts - width + position, ends + position)
        record += whole
        done = after if ended else int(heads[whole]) if count else 0
        position, carry = position + done, size - done
        buffer[:carry] = buffer[done:size].copy()
    _check_end(framing, buffer[:carry].tobytes() + (stream.read(1) if ended else b""), record, position, ended=ended)


def _bad_length(framing: str, record: int, byte: int) -> None:
    message = (
        f"the length before message {record} is no length of a message; the file is damaged or not framed {framing}"
    )
    raise FileRefusedError("BAD_FRAME", message, byte, record)


def _empty() -> FileRefusedError:
    message = "the file is empty; send it again, a day without messages is said otherwise"
    return FileRefusedError("EMPTY_FILE", message, 0)


def _check_end(framing: str, rest: bytes, record: int, position: int, *, ended: bool) -> None:
    if position == 0 and not rest:
        raise _empty()
    if rest and ended:
        raise FileRefusedError("AFTER_END", "bytes stand behind the end mark; the file is damaged", position)
    if rest:
        message = f"the file ends inside message {record}; it was cut: send it again"
        raise FileRefusedError("TRUNCATED", message, position, record)
    if framing == "vbs" and not ended:
        raise FileRefusedError("NO_END_MARK", "the zero length at the end is missing; the file was cut: send it again")


def _hex_blocks(stream: BinaryIO) -> Iterator[Messages]:
    """Lines of hexadecimal digits; CRLF or LF, one kind in a file; an empty last line is accepted."""
    carry, position, record, more = b"", 0, 1, True
    while more:
        fresh = read_exactly(stream, BLOCK)
        more = len(fresh) == BLOCK
        data = carry + fresh
        cut = data.rfind(b"\n") + 1
        if not more and cut < len(data):
            message = "the last line has no line end; the file was cut: send it again"
            raise FileRefusedError("TRUNCATED", message, position + cut, record + data.count(b"\n"))
        tail = cut
        for _ in range(2 if more else 0):  # the last line, which may be empty, and the one before are told together
            cut = data.rfind(b"\n", 0, max(cut - 1, 0)) + 1
        if len(data) - tail > 2 * MAX_MESSAGE + 2:
            raise FileRefusedError(
                "BAD_FRAME",
                "a line is longer than any message; not framed hex",
                position + tail,
                record + data.count(b"\n"),
            )
        for start, end in _parts(data, cut):
            block = _hex_block(data[start:end], record, position + start, last=not more and end == cut)
            record += len(block.starts)
            if len(block.starts):
                yield block
        position += cut
        carry = data[cut:]
    if position == 0:
        raise _empty()


def _parts(data: bytes, cut: int) -> list[tuple[int, int]]:
    """Where parts of at most about MOST_MESSAGES lines start and end; the last has two lines, if it can."""
    breaks = np.flatnonzero(np.frombuffer(data, np.uint8)[:cut] == 10)
    ends = [*(breaks[MOST_MESSAGES - 1 : -2 : MOST_MESSAGES] + 1).tolist(), *([cut] if cut else [])]
    return list(zip([0, *ends], ends, strict=False))


def _hex_block(data: bytes, record: int, position: int, *, last: bool) -> Messages:
    blank = 0 if data.startswith(b"\n") else data.find(b"\n\n") + 1
    if data.startswith(b"\n") or (blank and not (last and blank == len(data) - 1)):
        row = data.count(b"\n", 0, blank)
        raise FileRefusedError("BAD_FRAME", f"line {record + row} is empty; no message", position + blank, record + row)
    text = np.frombuffer(data, np.uint8)
    breaks = np.flatnonzero(text == 10)
    begin = np.concatenate(([0], breaks[:-1] + 1))
    end = np.where((breaks > begin) & (text[breaks - 1] == 13), breaks - 1, breaks)
    sizes = end - begin
    if last and len(sizes) > 1 and sizes[-1] == 0:
        begin, end, breaks, sizes = begin[:-1], end[:-1], breaks[:-1], sizes[:-1]
        data, text = data[: int(breaks[-1]) + 1], text[: int(breaks[-1]) + 1]  # a CR of the empty line is no digit
    wrong = np.flatnonzero((sizes == 0) | (sizes % 2 == 1) | (sizes > 2 * MAX_MESSAGE))
    # what is no digit, as 1; found by bytes and counted only where there is any: four bytes for each would be 64 MiB
    odd = np.frombuffer(data.translate(_NO_DIGITS), np.uint8)
    foreign = np.flatnonzero(np.add.reduceat(odd, begin, dtype=np.int32) > 0) if odd.any() else np.empty(0, np.int64)
    returns = text == 13
    inner = np.empty(0, np.int64)
    if returns.any():
        inner = np.flatnonzero(np.add.reduceat(returns, begin, dtype=np.int32) > (breaks > end))
    bad = np.concatenate([wrong, foreign, inner])
    if len(bad):
        row = int(bad.min())
        message = f"line {record + row} is not an even number of hexadecimal digits; the file is cut or damaged"
        raise FileRefusedError("BAD_FRAME", message, position + int(begin[row]), record + row)
    raw = bytes.fromhex(data.decode("ascii"))
    stops = np.cumsum(sizes // 2)
    buffer = np.frombuffer(bytearray(raw + bytes(SLACK)), np.uint8)
    return Messages(buffer, stops - sizes // 2, stops, record, begin + position, breaks + 1 + position)
