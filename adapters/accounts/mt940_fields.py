"""Tagged fields of MT940 with their byte offsets, cut out of the stream in one pass, in flat memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from adapters.accounts.text_lines import FileRefusedError

MAX_FIELD = 64 * 1024
_CHUNK = 256 * 1024
_BOM = b"\xef\xbb\xbf"
_TAG = re.compile(rb"[0-9]{2}[A-Z]?|NS")
_KNOWN = frozenset({b"20", b"21", b"25", b"28", b"28C", b"60F", b"60M", b"61", b"86", b"62F", b"62M", b"64", b"65"})
# what ends a message: `-` alone, `-}`, the blocks of the next one
_END = re.compile(rb"^(?:-\}|\{1:|-[ \t]*\r?$)", re.MULTILINE)
_CUTS = (b"\n:61:", b"\n:20:", b"\n:62F:")


class Field(NamedTuple):
    """One field: its tag ("" where a message ends), its bytes up to the next field, the body after the tag."""

    tag: bytes
    start: int
    end: int
    body: bytes

    @property
    def lines(self) -> list[bytes]:
        """The body's lines without line ends; at least one."""
        lines = [line.removesuffix(b"\r") for line in self.body.split(b"\n")]
        return lines[:-1] if len(lines) > 1 and not lines[-1] else lines


def fields(stream: BinaryIO) -> Iterator[Field]:
    """The file's fields in order; text before the first and after a message's end is its envelope.

    FileRefusedError: an empty file, NUL bytes, a field over 64 KiB.
    """
    carry, base, size = b"", 0, 0
    more = True
    while more:
        chunk = stream.read(_CHUNK)
        more = bool(chunk)
        if b"\0" in chunk:
            raise FileRefusedError("NUL_BYTE", "the file holds NUL bytes; is it this format, and UTF-16 perhaps?", size)
        if not size and chunk.startswith(_BOM):
            chunk, base = chunk[3:], 3
        size += len(chunk)
        data = carry + chunk
        cut = max(data.rfind(mark) for mark in _CUTS) + 1 if more else len(data)
        if len(data) - cut > 2 * _CHUNK:
            raise FileRefusedError(
                "FIELD_TOO_LONG", f"a field of more than {MAX_FIELD} bytes; is it this format?", base
            )
        yield from _cut_out(data[:cut], base)
        carry = data[cut:]
        base += cut
    if not size:
        raise FileRefusedError("EMPTY_FILE", "the file is empty; send the file again", 0)


def _cut_out(data: bytes, base: int) -> Iterator[Field]:
    """The fields of `data`, which ends where a field ends. Splitting is many times faster than searching for tags."""
    pieces = (b"\n" + data + b"\n:20:").split(b"\n:")  # a last tag that is never given closes the field before it
    place = base + len(pieces[0]) - 1  # of the line end before the first tag
    limit = base + len(data)
    open_tag, open_start, body = None, 0, b""
    for piece in pieces[1:]:
        tag, colon, rest = piece.partition(b":")
        if not (tag in _KNOWN or _TAG.fullmatch(tag)) or not colon:
            body += b"\n:" + piece  # a line of text that begins with a colon
        else:
            if open_tag is not None:
                end = place + 1 if place < limit else limit
                if b"\n-" in body or b"\n{1:" in body or end - open_start > MAX_FIELD:
                    yield from _ended(open_tag, open_start, end, body)
                else:
                    yield Field(open_tag, open_start, end, body)
            open_tag, open_start, body = tag, place + 1, rest
        place += len(piece) + 2


def _ended(tag: bytes, start: int, end: int, body: bytes) -> Iterator[Field]:
    """The field, and the end of its message where one stands behind it."""
    if end - start > MAX_FIELD:
        raise FileRefusedError("FIELD_TOO_LONG", f"a field of more than {MAX_FIELD} bytes; is it this format?", start)
    stop = _END.search(body)
    if stop is None:
        yield Field(tag, start, end, body)
        return
    begin = start + len(tag) + 2 + stop.start()
    yield Field(tag, start, begin, body[: stop.start()])
    yield Field(b"", begin, end, b"")
