"""XML from outside, read as a stream that cannot hurt: no DOCTYPE, no entities, bounded encoding, size and depth.

operations.md "Security and privacy". `GuardedStream` stands between the file and lxml: it sees each byte first, refuses
what must not reach the parser, bounds how much may pile up between two elements that the reader lets go of, and notes
the byte range of each element of one name, which lxml does not tell.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections import deque
from collections.abc import Iterator
from typing import Any, BinaryIO

from lxml import etree

from adapters.refused import FileRefusedError

MAX_PENDING_BYTES = 4 * 1024 * 1024
_NAME_LOOKBACK = 80
_DECLARATION = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_QUALIFIED = re.compile(rb"<(/?)[A-Za-z_][\w.\-]*:$")
_OPENERS = re.compile(rb"<!--|<!\[CDATA\[|<\?|<!")
_CLOSERS = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
# what banks declare; a bank that says GBK or GB2312 writes GB18030 (feeds.md)
_ENCODINGS = {
    "UTF-8": "UTF-8",
    "UTF8": "UTF-8",
    "US-ASCII": "UTF-8",
    "ASCII": "UTF-8",
    "GB18030": "GB18030",
    "GBK": "GB18030",
    "GB2312": "GB18030",
    "CP936": "GB18030",
    "EUC-CN": "GB18030",
    "ISO-8859-1": "ISO-8859-1",
    "ISO-8859-2": "ISO-8859-2",
    "ISO-8859-15": "ISO-8859-15",
    "WINDOWS-1250": "WINDOWS-1250",
    "WINDOWS-1252": "WINDOWS-1252",
}
_SECOND = {
    etree.ErrorTypes.ERR_DOCUMENT_END: "something stands behind the end of the XML document",
    etree.ErrorTypes.ERR_RESERVED_XML_NAME: "an XML declaration that is not at the file's beginning",
}
_WRONG_BYTES = etree.ErrorTypes.ERR_INVALID_ENCODING
_PACKED = (b"PK\x03\x04", b"\x1f\x8b")  # zip, gzip


class GuardedStream:
    """A readable for `etree.iterparse` that checks every byte before the parser has it.

    `name` is the local name of the elements whose byte ranges are wanted: `ranges` holds (start, end) of each closed
    one in document order. The reader calls `progress()` whenever it has dropped elements from the tree; more than
    MAX_PENDING_BYTES without it is refused, so that memory stays flat for a file of any size.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._mark = re.compile(re.escape(name.encode("ascii")) + rb"[\s/>]")
        self._carry = b""  # the last bytes, where they may be the start of a token that the next chunk completes
        self._inside = b""  # the closer that ends the comment, CDATA or PI we are in
        self._open = -1
        self._released = 0
        self.position = 0
        self._chunk, self._lines, self._line_at = b"", 0, 0  # the last chunk; line ends before it, and its line's start
        self.ranges: deque[tuple[int, int]] = deque()
        self._first = self._read_first()
        self.encoding = self._encoding()

    def _read_first(self) -> bytes:
        first = self._stream.read(4096)
        while len(first) < 4096 and (more := self._stream.read(4096 - len(first))):
            first += more
        return first

    def _encoding(self) -> str:
        head = self._first[:4]
        if not head:
            raise FileRefusedError("EMPTY_FILE", "the file is empty; send the file again", 0)
        if head.startswith(_PACKED):
            raise FileRefusedError("NOT_XML", "a packed file (zip or gzip); unpack it and send the XML inside", 0)
        if head[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in head:
            raise FileRefusedError("BAD_ENCODING", "UTF-16 or UTF-32 text; send the file as UTF-8", 0)
        begin = self._first.removeprefix(BOM_UTF8).lstrip()
        if begin and not begin.startswith(b"<"):
            raise FileRefusedError(
                "NOT_XML", "no XML begins here; send the bank's XML, or check the source's format", 0
            )
        if begin[:5] == b"<?xml" and begin[5:6].isspace() and not self._first.removeprefix(BOM_UTF8).startswith(b"<"):
            message = "blanks or an empty line before the XML declaration; send the file without them"
            raise FileRefusedError("NOT_XML", message, 0)
        match = _DECLARATION.match(self._first)
        declared = match.group(1).decode("ascii").upper() if match else "UTF-8"
        if declared not in _ENCODINGS:
            raise FileRefusedError("BAD_ENCODING", "the declared encoding is not accepted; send UTF-8 or GB18030", 0)
        return _ENCODINGS[declared]

    def read(self, size: int = -1) -> bytes:
        """The next bytes for the parser; raises FileRefusedError."""
        if self._first:
            chunk, self._first = self._first, b""
        else:
            chunk = self._stream.read(size)
        if not chunk:
            return b""
        if b"\n" in self._chunk:
            self._lines += self._chunk.count(b"\n")
            self._line_at = self.position - len(self._chunk) + self._chunk.rfind(b"\n") + 1
        self._chunk = chunk
        self._scan(chunk)
        self.position += len(chunk)
        if self.position - self._released > MAX_PENDING_BYTES:
            raise FileRefusedError(
                "ELEMENT_TOO_LARGE",
                f"no end of an entry within {MAX_PENDING_BYTES} bytes; no bank writes such an element",
                self._released,
            )
        return chunk

    def line_start(self, number: int) -> int:
        """The byte where a line of the last chunk begins; -1 where it is none of it."""
        turns, at = number - 1 - self._lines, -1
        if turns <= 0:
            return self._line_at if turns == 0 else -1
        for _ in range(turns):
            at = self._chunk.find(b"\n", at + 1)
            if at < 0:
                return -1
        return self.position - len(self._chunk) + at + 1

    def progress(self) -> None:
        """The reader has let go of what it read so far."""
        self._released = self.position

    def _scan(self, chunk: bytes) -> None:
        """Notes marks and refuses declarations in `chunk`; comments, CDATA and instructions are skipped over."""
        data = self._carry + chunk
        base = self.position - len(self._carry)
        special = b"<!" in data or b"<?" in data
        at = 0
        while True:
            if self._inside:
                end = data.find(self._inside, at)
                if end < 0:
                    self._carry = data[max(at, len(data) - 2) :]
                    return
                at, self._inside = end + len(self._inside), b""
            stop = _settled(data, at)
            opener = _OPENERS.search(data, at, stop) if special else None
            self._note(data, at, opener.start() if opener else stop, base)
            if opener is None:
                self._carry = data[stop:]
                return
            if opener.group() == b"<!":
                message = "the file has a DOCTYPE; entities and DTDs are refused, send plain XML"
                raise FileRefusedError("DOCTYPE", message, base + opener.start())
            at, self._inside = opener.end(), _CLOSERS[opener.group()]

    def _note(self, data: bytes, start: int, stop: int, base: int) -> None:
        """Byte ranges of the marked elements between `start` and `stop`, where ordinary markup stands."""
        for match in self._mark.finditer(data, start, stop):
            at = match.start()
            opening = data.rfind(b"<", max(start, at - _NAME_LOOKBACK), at)
            lead = data[opening:at] if opening >= 0 else b""
            if lead not in {b"<", b"</"}:
                prefixed = _QUALIFIED.match(lead)
                if prefixed is None:
                    continue
                lead = b"<" + prefixed.group(1)
            closes = data.find(b">", match.end() - 1)
            after = base + (closes + 1 if closes >= 0 else match.end())
            if lead == b"</":
                self.ranges.append((self._open, after))
            else:
                self._open = base + opening
                if data[closes - 1 : closes] == b"/":
                    self.ranges.append((self._open, after))


def _settled(data: bytes, start: int) -> int:
    """Up to where `data` holds whole tokens: a tag that begins in the last bytes and is not closed waits for more."""
    opening = data.rfind(b"<", max(start, len(data) - _NAME_LOOKBACK))
    return len(data) if opening < 0 or data.find(b">", opening) >= 0 else opening


def elements(guard: GuardedStream, names: tuple[str, ...]) -> Iterator[Any]:
    """Each closed element whose local name is in `names`, with or without a namespace, in document order.

    Raises FileRefusedError for anything that is not well-formed XML, cut files included. The caller drops the elements
    and calls `guard.progress()`.
    """
    try:
        events = etree.iterparse(
            guard,
            events=("end",),
            tag=[f"{{*}}{name}" for name in names],
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            collect_ids=False,
            encoding=guard.encoding,
        )
        for _, element in events:
            yield element
    except etree.XMLSyntaxError as error:
        code, message = _told(error, guard.encoding)
        raise FileRefusedError(code, message, guard.line_start(error.lineno or 0)) from None


def drop(element: Any) -> None:
    """Empties a read element and takes its like before it out of the tree (itself it must not leave yet)."""
    element.clear()
    before = element.getprevious()
    while before is not None and before.tag == element.tag:
        element.getparent().remove(before)
        before = element.getprevious()


def _told(error: Any, encoding: str) -> tuple[str, str]:
    """Code and message of an XMLSyntaxError, and where it is, without the text there (it may hold a card number)."""
    place = f"line {error.lineno}" if error.lineno else "no position"
    if error.code == _WRONG_BYTES:
        return "BAD_ENCODING", f"bytes that are not {encoding} ({place}); declare the encoding that they are in"
    if error.code in _SECOND:  # statements of several days put one behind the other, mostly
        message = f"{_SECOND[error.code]} ({place}); send each document as a file of its own, and nothing around it"
        return "AFTER_END", message
    return "NOT_XML", f"not well-formed XML ({place}); send the whole file again"


def local_name(element: Any) -> str:
    """The element's name without its namespace."""
    tag = str(element.tag)
    return tag.rpartition("}")[2]


def namespace(element: Any) -> str:
    """The element's namespace, "" where it has none."""
    tag = str(element.tag)
    return tag[1:].partition("}")[0] if tag.startswith("{") else ""
