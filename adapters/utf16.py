"""UTF-16 text by lines, each with the bytes where it stands. Programs of banks call it Unicode text."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator

_CHUNK = 65_536


def utf16_codec(head: bytes, encoding: str) -> str:
    """The codec of a file that begins with a UTF-16 byte order mark, or is said to be UTF-16; "" of any other.

    Without a mark it is little-endian, as Windows writes it.
    """
    if encoding.startswith("utf-16-"):
        return encoding
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    return "utf-16-le" if head.startswith(codecs.BOM_UTF16_LE) or encoding == "utf-16" else ""


def utf16_lines(read: Callable[[int], bytes], codec: str, limit: int) -> Iterator[tuple[int, int, str]]:
    """(first byte, byte behind it, text with its line end) of every line; a mark at the beginning is no text.

    A line of more than `limit` characters comes in pieces, so that memory stays flat. UnicodeDecodeError: not UTF-16.
    """
    decoder = codecs.getincrementaldecoder(codec)()
    start, carry, more = 0, "", True
    while more:
        chunk = read(_CHUNK)
        more = bool(chunk)
        parts = (carry + decoder.decode(chunk, final=not more)).split("\n")
        carry = parts.pop()
        texts = [part + "\n" for part in parts]
        if carry and (not more or len(carry) > limit):
            texts.append(carry)
            carry = ""
        for text in texts:
            end = start + len(text.encode(codec))
            yield start, end, text.removeprefix("\ufeff") if start == 0 else text
            start = end
