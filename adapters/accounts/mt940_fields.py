"""Tagged fields of MT940 with their byte offsets, cut out of the stream a chunk at a time, in flat memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate, count
from operator import add
from typing import BinaryIO, NamedTuple

from adapters.refused import FileRefusedError

MAX_FIELD = 64 * 1024
_CHUNK = 256 * 1024
_BOM = b"\xef\xbb\xbf"
# A field begins with a tag of MT940 to MT942 at the beginning of a line; other text that begins with a colon is part of
# the field before: `:26:37` is the end of a time that was wrapped.
# A message ends with `-` alone, `-}`, or where the blocks of the next one begin.
_NAME = rb"(?:6[0-5][FM]?|86|2[0158][CP]?|13D?|34F|90[CD]|NS):"
_TAG = rb":" + _NAME
# Nor is `:20:37 Karten` a tag behind `2019-04-22T16`.
_TIME = rb":(?:13|2[0158]):[0-5]\d[ ?Z+.](?:(?<=\dT[0-2]\d\n.{7})|(?<=\dT[0-2]\d\r\n.{7}))"
_BEGIN = re.compile(rb"\n(?=" + _TAG + rb"|-\}|\{1:|-[ \t]*\r?(?:\n|$))(?!" + _TIME + rb")")
_OPENED = b"{4::20:"  # some write the first field on the line where its block begins
# savings banks write `-:61:`, and a tag with a line end behind its first colon; the field begins all the same
_DASHED = re.compile(rb"\n-(?=" + _TAG + rb")")
_TORN = re.compile(rb"\n:(\r?\n)(?=" + _NAME + rb")")
_ODD = re.compile(rb"\n(?:-:|:\r?\n)")  # one look for both, which few files have
# German banks may write `@@` for a line end (in FinTS); the last two of a row of them are it
_AT_ENDS = re.compile(rb"@@(?=[^@])")
_AT_LAST = re.compile(rb"@@(?!@)")
# the first field that every statement has behind another, and before any text of a payer, who may write `@@:61:` too
_FIRST_END = re.compile(rb"(@@|[\r\n]):(?:25|60)")
# where a chunk may be cut: no text holds these, while `:20:` may be the rest of a time, which what stands before shows
_CUTS = (b"\n:61:", b"\n:62F:")
# A :61: that begins a line for people but not here: behind a CR among lines that end with LF, another sign that ends a
# line, or blanks. It would be text of the field before, and no balance shows the loss of lines that sum to nothing.
_HIDDEN = re.compile(
    rb"(?:[\r\x0b\x0c\x1c-\x1f]|\xc2\x85|\xe2\x80[\xa8\xa9]|\xef\xbb\xbf|\n(?:[ \t]|\xc2?\xa0|\xe3\x80\x80))"
    rb"(?:[ \t]|\xc2?\xa0|\xe3\x80\x80)*(:61:)"
)


class Fields(NamedTuple):
    """Whole fields in order, and the byte offset of each; the last offset is where they end.

    A field is its tag between colons and all up to the next field. One that begins otherwise is the end of a message
    and what stands between that and the next field.
    """

    raw: list[bytes]
    starts: list[int]
    text: bytes  # that they were cut out of, with a line end before it


def chunks(stream: BinaryIO) -> Iterator[Fields]:
    """The file's fields; text before the first is its envelope.

    FileRefusedError: an empty file, NUL bytes, a field over 64 KiB.
    """
    first = stream.read(_CHUNK)
    chunk = first.removeprefix(_BOM)
    if not chunk:
        raise FileRefusedError("EMPTY_FILE", "the file is empty; send the file again", 0)
    carry, base, size, begun = b"", len(first) - len(chunk), 0, len(chunk)
    bare = chunk.count(b"\r:") > chunk.count(b"\n:")  # lines that end with CR, whatever stands between messages
    at_signs = chunk.count(b"@@:") > chunk.count(b"\n:") and _ends_with_at_signs(chunk)
    while chunk:
        chunk = chunk.replace(b"\r", b"\n") if bare else chunk
        following = stream.read(_CHUNK)
        if b"\0" in chunk:
            line = size + len(first) - begun + chunk.rfind(b"\n", 0, chunk.index(b"\0")) + 1
            raise FileRefusedError("NUL_BYTE", "the file holds NUL bytes; is it this format, and UTF-16 perhaps?", line)
        size += len(chunk)
        data = carry + chunk
        if at_signs:
            data = (_AT_ENDS if following else _AT_LAST).sub(b"\r\n", data)  # as many bytes as there were
        if _OPENED in data:
            data = data.replace(_OPENED, b"{4\n:20:")
        if _ODD.search(data):
            data = _TORN.sub(rb"\n\1:", _DASHED.sub(b"\n\n", data))  # as many bytes as there were
        cut = max(data.rfind(mark) for mark in _CUTS) + 1 if following else len(data)
        if len(data) - cut > 2 * _CHUNK:
            raise _too_long(base)
        if cut:
            yield _cut_out(data[:cut], base)
        carry = data[cut:]
        base += cut
        chunk = following


def _ends_with_at_signs(chunk: bytes) -> bool:
    found = _FIRST_END.search(chunk)
    return found is not None and found[1] == b"@@"


def _cut_out(data: bytes, base: int) -> Fields:
    """The fields of `data`, which ends where a field ends."""
    text = b"\n" + data
    envelope, *raw = _BEGIN.split(text)
    # each field begins behind the line end that the split took
    starts = list(map(add, accumulate(map(len, raw), initial=len(envelope)), count(base)))
    starts[-1] = base + len(data)
    if raw and max(map(len, raw)) > MAX_FIELD:
        raise _too_long(next(start for field, start in zip(raw, starts, strict=False) if len(field) > MAX_FIELD))
    return Fields(raw, starts, text)


def check_hidden(fields: Fields, lines: int) -> None:
    """FileRefusedError: more `:61:` stand in the fields than the `lines` that were found, and one begins a line."""
    # counting is quicker than searching, which is left for what is not as it should be
    if fields.text.count(b":61:") != lines and (hidden := _HIDDEN.search(fields.text)):
        message = "a :61: that does not begin a line, for lines end in two ways or begin with blanks; correct the file"
        start = fields.starts[-1] - len(fields.text) + hidden.start(1)
        raise FileRefusedError("BAD_LINE", message, start, name=":61:")


def _too_long(start: int) -> FileRefusedError:
    return FileRefusedError("FIELD_TOO_LONG", f"a field of more than {MAX_FIELD} bytes; is it this format?", start)
