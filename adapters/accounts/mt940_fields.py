"""Tagged fields of MT940 with their byte offsets, cut out of the stream in one pass, in flat memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from adapters.accounts.text_lines import FileRefusedError

MAX_FIELD = 64 * 1024
_CHUNK = 256 * 1024
_BOM = b"\xef\xbb\xbf"
# a tag at the start of a line, or what ends a message: `-` alone, `-}`, the blocks of the next one
_TOKEN = re.compile(rb"^(?::([0-9]{2}[A-Z]?|NS):|-\}|\{1:|-[ \t]*\r?$)", re.MULTILINE)
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
    """The fields of `data`, which ends where a field ends."""
    last: re.Match[bytes] | None = None
    for match in _TOKEN.finditer(data):
        if last is not None:
            yield _field(data, base, last, match.start())
        last = match
    if last is not None:
        yield _field(data, base, last, len(data))


def _field(data: bytes, base: int, match: re.Match[bytes], end: int) -> Field:
    start, body = match.span()
    if end - start > MAX_FIELD:
        raise FileRefusedError(
            "FIELD_TOO_LONG", f"a field of more than {MAX_FIELD} bytes; is it this format?", base + start
        )
    return Field(match[1] or b"", base + start, base + end, data[body:end])
