"""Bytes of a file for people: the place that is wrong, in its line, with every card number masked.

A record that cannot be read cannot say where its card number stands, so two rules hold. A cell known to be a card's
keeps at most the first 6 and last 4 of its digits, whatever stands between them. Everywhere else a run of 11 digits or
more keeps 2 and 2, also where single other characters stand between the digits (`6222 0212-3456x7890123`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from adapters import safe_workbook
from adapters.utf16 import utf16_codec
from settlement.model.rejects import Reject

MAX_SHOWN = 16_384
_HEAD, _TAIL = 6, 4
# pieces of four digits or more with one character between them, which is no mark that separates fields
_RUN = re.compile(r"\d{4,}(?:[^\s\d,;|\"'<>:/.=()\[\]*+]\d{4,}| \d{4,})*")
_LONG = 11


@dataclass(frozen=True, slots=True)
class Shown:
    """`text`: one line, cards masked; `start` to `end` of it is what is wrong (equal: nothing is marked).

    `about` says what belongs there, like "paid is amount, bytes 801 to 812: 实付金额; in fen"; "" if unknown.
    """

    text: str
    start: int = 0
    end: int = 0
    about: str = ""


# (file, reject, settings) -> what to show of it; None: nothing can be shown
Show = Callable[[BinaryIO, Reject, Mapping[str, Any]], Shown | None]


def mask_cell(text: str) -> str:
    """A card's cell: the first 6 and last 4 digits stay, none where there are 10 or fewer; what is no digit stays."""
    few = sum(char.isdigit() for char in text) <= _HEAD + _TAIL
    return _starred(text, 0, 0) if few else mask_number(text)


def mask_number(text: str) -> str:
    """A cell that should hold no card: the first 6 and last 4 of its digits stay."""
    return _starred(text, _HEAD, _TAIL)


def mask_text(text: str) -> str:
    """Any text: runs of 11 digits or more, with single characters between them, keep their first and last two."""

    def masked(found: re.Match[str]) -> str:
        run = found.group()
        return _starred(run, 2, 2) if sum(char.isdigit() for char in run) >= _LONG else run

    return _RUN.sub(masked, text)


def _starred(text: str, head: int, tail: int) -> str:
    """`text` with stars for its digits but for the first `head` and the last `tail` of them."""
    places = [at for at, char in enumerate(text) if char.isdigit()]
    hidden = set(places[head : max(len(places) - tail, head)])
    return "".join("*" if at in hidden else char for at, char in enumerate(text))


def plain(text: str) -> str:
    """The text on one line of a terminal: control characters, line ends too, as a dot."""
    return "".join(char if char.isprintable() else "·" for char in text)


def joined(parts: Sequence[str], between: str, marked: int = -1, about: str = "") -> Shown:
    """Parts (masked by the caller) as one line with the `marked`-th (-1: none) pointed out."""
    start, text = 0, ""
    for number, part in enumerate(parts):
        text += between if number else ""
        if number == marked:
            start = len(text)
        text += plain(part)
        if number == marked:
            end = len(text)
    return Shown(text, start, end, about) if 0 <= marked < len(parts) else Shown(text, about=about)


def show_line(stream: BinaryIO, reject: Reject, settings: Mapping[str, Any]) -> Shown | None:
    """The line that begins at the reject's byte; of XML, the line of the element that it names."""
    del settings
    raw = read_at(stream, reject.byte)
    if not raw or is_workbook(stream):
        return None
    utf16 = utf16_codec(read_at(stream, 0, 2), "")
    if utf16:
        text = raw.decode(utf16, errors="replace").removeprefix("\ufeff")
        return Shown(plain(mask_text(text.split("\n", 1)[0].rstrip("\r"))))
    name = re.escape(reject.field.encode())
    element = re.search(rb"<(?:[A-Za-z0-9_.-]+:)?" + name + rb"\b[^>]*>[^<]*", raw) if name else None
    if element is not None and raw.lstrip().startswith(b"<"):
        begin = raw.rfind(b"\n", 0, element.start()) + 1
        head, found = raw[begin : element.start()], element.group().rstrip()
        tail = raw[begin + len(head) + len(found) :].split(b"\n", 1)[0]
        parts = [mask_text(_decoded(part)) for part in (head.lstrip(), found, tail.rstrip(b"\r"))]
        return joined(parts, "", 1)
    line = raw.split(b"\n", 1)[0].rstrip(b"\r")
    return Shown(plain(mask_text(_decoded(line))))


def is_workbook(stream: BinaryIO) -> bool:
    """Whether the file is packed: its bytes say nothing to people."""
    return safe_workbook.is_workbook(read_at(stream, 0, 8))


def read_at(stream: BinaryIO, byte: int, size: int = MAX_SHOWN) -> bytes:
    """Up to `size` bytes from an offset; nothing from an unknown one (-1)."""
    if byte < 0:
        return b""
    stream.seek(byte)
    return stream.read(size)


def _decoded(raw: bytes) -> str:
    """Text of bytes whose encoding nobody has said: UTF-8 where it is, else GB18030."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", errors="replace")
