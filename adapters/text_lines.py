"""Lines of a text file with their byte offsets, in flat memory, and their strict decoding."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from adapters.refused import FileRefusedError
from settlement.model.errors import BadInput

MAX_LINE = 64 * 1024
_CHUNK = 256 * 1024
# what a source may set as `encoding`; all of them keep ASCII bytes as they are
ENCODINGS = {
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "ascii": "ascii",
    "iso-8859-1": "iso-8859-1",
    "iso-8859-2": "iso-8859-2",
    "cp1250": "cp1250",
    "cp1252": "cp1252",
    "cp850": "cp850",
    "cp852": "cp852",
}


class TextLine(NamedTuple):
    """One line without its line end; `start` and `end` are byte offsets in the file, `end` after the line end.

    `whole`: a line end stands behind it, so that it was not cut.
    """

    start: int
    end: int
    raw: bytes
    whole: bool = True


def text_lines(stream: BinaryIO) -> Iterator[TextLine]:
    """Lines cut at LF, a CR before it dropped, a UTF-8 BOM skipped. FileRefusedError: NUL bytes, a line over 64 KiB."""
    carry, start, first = b"", 0, True
    while chunk := stream.read(_CHUNK):
        data = carry + chunk
        if b"\0" in chunk:
            line = start + data.rfind(b"\n", 0, data.index(b"\0")) + 1
            raise FileRefusedError("NUL_BYTE", "the file holds NUL bytes; is it this format, and UTF-16 perhaps?", line)
        if first and data.startswith(BOM_UTF8):
            data, start = data[3:], 3
        first = False
        parts = data.split(b"\n")
        carry = parts.pop()
        for part in parts:
            end = start + len(part) + 1
            if len(part) > MAX_LINE:
                raise FileRefusedError(
                    "LINE_TOO_LONG", f"a line of more than {MAX_LINE} bytes; is it this format?", start
                )
            yield TextLine(start, end, part.removesuffix(b"\r"))
            start = end
        if len(carry) > MAX_LINE:
            raise FileRefusedError("LINE_TOO_LONG", f"a line of more than {MAX_LINE} bytes; is it this format?", start)
    if first:
        raise FileRefusedError("EMPTY_FILE", "the file is empty; send the file again", 0)
    if carry:
        yield TextLine(start, start + len(carry), carry.removesuffix(b"\r"), whole=False)


def encoding_of(settings_value: object, source: str) -> str:
    """The codec of the setting `encoding` (default UTF-8); BadInput where it is not one of ENCODINGS."""
    name = str(settings_value or "utf-8").lower()
    if name not in ENCODINGS:
        raise BadInput(f"{source}: setting encoding is one of {', '.join(sorted(ENCODINGS))}")
    return ENCODINGS[name]


def decode(raw: bytes, encoding: str, start: int) -> str:
    """Strictly decoded text; FileRefusedError with the remedy otherwise, since a guess would change names."""
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        message = f"text that is not {encoding}; set encoding to what the bank writes: one of {', '.join(ENCODINGS)}"
        raise FileRefusedError("BAD_ENCODING", message, start) from None
