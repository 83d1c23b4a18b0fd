"""NUL bytes, mixed newlines, lone surrogates, empty files, entity bombs, deep and long XML: refused, or rejected."""

from __future__ import annotations

import pytest
from fuzz_oracle import check
from fuzz_subjects import subjects

ACCEPTED = {"whole", "noted"}
ALL = [(name, number) for name, subject in subjects().items() for number in range(len(subject.variants))]
LINES = [case for case in ALL if not subjects()[case[0]].binary and "camt" not in case[0] and case[0] != "pain002"]
XML = ["camt053", "camt054", "pain002"]
SURROGATE = b"\xed\xa0\x80"  # U+D800 as nobody may write it


ENCODINGS = {("citizen_card", 0): "gb18030", ("bank_result", 0): "gb18030", ("bank_result", 1): "utf-8"}
ENCODINGS |= {("mapped_csv", number): ("gb18030", "utf-8", "gb18030", "utf-8")[number] for number in range(4)}
ENCODINGS |= {("bank_csv", number): "gb18030" for number in range(5)}  # what it is read in where it is not UTF-8
ENCODINGS |= {("pos_iso8583+hex", 0): "ascii"}


def _is_text(file: bytes, encoding: str) -> bool:
    try:
        return bool(file.decode(encoding))
    except UnicodeDecodeError:
        return False


def good(name: str, number: int = 0) -> bytes:
    """The largest own seed: several records."""
    return subjects()[name].variants[number].seeds()[-1]


def outcome(name: str, data: bytes, number: int = 0) -> str:
    """What becomes of a file, the oracle of the fuzzer held."""
    return check(subjects()[name], bytes([number]) + data)


@pytest.mark.parametrize(("name", "number"), ALL)
def test_an_empty_file_is_refused(name: str, number: int) -> None:
    assert outcome(name, b"", number) in {"EMPTY_FILE", "NO_END_MARK" if name == "bank_result" else "", "TRUNCATED"}


@pytest.mark.parametrize(("name", "number"), LINES)
@pytest.mark.parametrize(
    "data", [b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\0", b"\x1a", b" " * 700, SURROGATE, b"\xff\xfe"]
)
def test_a_file_of_nothing_is_no_file(name: str, number: int, data: bytes) -> None:
    got = outcome(name, data, number)
    assert got not in ACCEPTED or subjects()[name].variants[number].file.startswith("2026-05-07_1")


@pytest.mark.parametrize(("name", "number"), LINES)
@pytest.mark.parametrize("piece", [b"\0", SURROGATE, b"\x81", b"\xff\xff\xff"])
def test_bytes_that_are_no_text_are_refused_or_rejected(name: str, number: int, piece: bytes) -> None:
    """In the middle of a record, over as many bytes as they are; the amounts of the rest still count."""
    data = good(name, number)
    at = data.index(b"\n", len(data) // 2) - 12
    file = data[:at] + piece + data[at + len(piece) :]
    got = outcome(name, file, number)
    if piece == b"\0":
        assert got not in ACCEPTED
    elif got in ACCEPTED:  # in the encoding that is set these bytes may be a character; UnionPay's reserve is no text
        assert name in {"mt940", "unionpay_zm", "unionpay_acom"} or _is_text(file, ENCODINGS[name, number])


@pytest.mark.parametrize(("name", "number"), LINES)
def test_mixed_newlines(name: str, number: int) -> None:
    """A lone LF or CR among CRLF: fixed and templated files refuse it, lists of text read a line as a line."""
    data = good(name, number)
    whole = outcome(name, data, number)
    for old, new in ((b"\r\n", b"\n"), (b"\r\n", b"\r"), (b"\n", b"\r"), (b"\n", b"\n\r"), (b"\n", b"\r\r\n")):
        if old in data:
            got = outcome(name, data.replace(old, new, 1), number)
            if name in {"citizen_card", "unionpay_zm", "unionpay_acom", "bank_result"}:
                assert got not in ACCEPTED, (old, new, got)
            elif got in ACCEPTED and (old, new) == (b"\r\n", b"\n"):
                assert got == whole


# --- XML -------------------------------------------------------------------------------------------------------------

LAUGHS = (
    b'<!DOCTYPE d [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]>"
)
DOCTYPES = [
    LAUGHS,
    b"<!DOCTYPE d>",
    b'<!DOCTYPE d SYSTEM "http://example.invalid/x.dtd">',
    b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    b'<!DOCTYPE d [<!ENTITY % p SYSTEM "http://example.invalid/x"> %p;]>',
    b'<!DOCTYPE d [<!ENTITY q "' + b"x" * 100_000 + b'">]>',
]


def _with(name: str, piece: bytes) -> bytes:
    """The good file with a piece behind its declaration, before its root."""
    data = good(name)
    at = data.index(b"<Document")
    return data[:at] + piece + data[at:]


@pytest.mark.parametrize("name", XML)
@pytest.mark.parametrize("piece", DOCTYPES, ids=range(len(DOCTYPES)))
def test_a_doctype_is_refused_before_the_parser_has_it(name: str, piece: bytes) -> None:
    assert outcome(name, _with(name, piece)) == "DOCTYPE"


@pytest.mark.parametrize("name", XML)
@pytest.mark.parametrize(
    ("piece", "codes"),
    [
        (b"&#xd800;", {"NOT_XML"}),
        (b"&#xDFFF;", {"NOT_XML"}),
        (b"&#0;", {"NOT_XML"}),
        (b"&x;", {"NOT_XML"}),
        (b"&#x110000;", {"NOT_XML"}),
        (SURROGATE, {"BAD_ENCODING"}),
        (b"\0", {"NOT_XML"}),
        (b"\xff", {"BAD_ENCODING"}),
        (b"<a>" * 5000, {"NOT_XML"}),
        (b"<a>" * 300 + b"</a>" * 300, {"NOT_XML"}),
        (b"<a b='" + b"y" * 5_000_000 + b"'/>", {"ELEMENT_TOO_LARGE", "NOT_XML"}),
        (b"<a>" + b"y" * 5_000_000 + b"</a>", {"ELEMENT_TOO_LARGE", "NOT_XML"}),
        (b"<a/>" * 2_000_000, {"ELEMENT_TOO_LARGE"}),
        (b"<!--" + b"-x" * 3_000_000 + b"-->", {"ELEMENT_TOO_LARGE", "NOT_XML"}),
        (b"<a " + b" ".join(b"a%d='1'" % n for n in range(400_000)) + b"/>", {"ELEMENT_TOO_LARGE", "NOT_XML"}),
        (b"<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='file:///etc/passwd' parse='text'/>", {"whole"}),
    ],
    ids=range(16),
)
def test_what_stands_inside_the_first_element(name: str, piece: bytes, codes: set[str]) -> None:
    data = good(name)
    at = data.index(b">", data.index(b"<Document")) + 1
    at = data.index(b">", at) + 1
    got = outcome(name, data[:at] + piece + data[at:])
    assert got in codes | ({"noted"} if codes == {"whole"} else set())


@pytest.mark.parametrize("name", XML)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-be", "utf-7", "cp037", "latin-1x", "unicode"])
def test_an_encoding_that_could_hide_a_doctype_is_refused(name: str, encoding: str) -> None:
    data = b"<?xml version='1.0' encoding='" + encoding.encode() + b"'?>" + good(name)[good(name).index(b"<Document") :]
    assert outcome(name, data) == "BAD_ENCODING"
    if encoding.startswith("utf-") and encoding != "utf-7":
        assert outcome(name, data.decode().encode(encoding)) in {"BAD_ENCODING", "NOT_XML"}
    hidden = data.replace(b"<Document", b"+ADwAIQ-DOCTYPE x+AD4-<Document", 1)
    assert outcome(name, hidden) == "BAD_ENCODING"


@pytest.mark.parametrize("name", XML)
@pytest.mark.parametrize("size", [4096 - 9, 4096 - 5, 4096 - 1, 65_536 - 4])
def test_a_doctype_over_the_border_of_two_reads_is_seen(name: str, size: int) -> None:
    data = _with(name, LAUGHS)
    at = data.index(b"<!DOCTYPE")
    assert outcome(name, data[:at] + b" " * (size - at) + data[at:]) == "DOCTYPE"
