"""Hostile input to the readers of accounts and payments: no crash, hang, much memory, or accepted wrong total."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from accounts_fuzz import EXPORT, PAIN002, READERS, RESULT, SWIFT, check, run, seeds

from adapters.base import Closing, Context

FORMATS = sorted(READERS)
LAYOUTS = {"bank_csv": "ccb", "bank_result": "minsheng_result"}


@pytest.mark.parametrize("name", FORMATS)
def test_mutated_files_never_break_a_reader(name: str) -> None:
    outcomes = run(name, 400, 20260507)
    assert sum(outcomes.values()) == 400
    assert len(outcomes) > 2, outcomes  # the mutations reach more than one place


@pytest.mark.parametrize(
    ("name", "data"), [("mt940", SWIFT), ("bank_csv", EXPORT), ("bank_result", RESULT), ("pain002", PAIN002)]
)
def test_a_file_cut_at_every_byte_never_breaks_a_reader(name: str, data: bytes) -> None:
    whole = sum(check(name, data[:size]) == "whole" for size in range(len(data)))
    assert check(name, data) in {"whole", "noted"}
    assert whole <= len(data) // 3, "a cut file is mostly seen as cut"


def test_a_camt_file_cut_at_any_byte_is_refused() -> None:
    data = min((s for s in seeds("camt053") if len(s) > 500), key=len, default=b"")
    if not data:
        pytest.skip("samples are not beside the checkout")
    for size in range(0, len(data.rstrip()) - 1, 7):
        assert check("camt053", data[:size]) not in {"whole", "noted"}, size


class Endless(io.RawIOBase):
    """A start, then one byte without end; it counts what was read of it."""

    def __init__(self, start: bytes, filler: bytes) -> None:
        super().__init__()
        self.start, self.filler, self.given = start, filler, 0

    def read(self, size: int = -1, /) -> bytes:
        assert size > 0, "a reader asked for the whole file at once"
        out = self.start[:size]
        self.start = self.start[size:]
        if not out:
            out = self.filler * size
        self.given += len(out)
        assert self.given < 64 * 2**20, "a reader goes on through one endless line"
        return out


CAMT = b"<Document><BkToCstmrStmt><GrpHdr/><Stmt><Id>1</Id>"


@pytest.mark.parametrize(
    ("name", "start", "filler"),
    [
        ("camt053", b"", b"x"),
        ("camt053", CAMT, b" "),
        ("camt053", CAMT + b"<!--", b"-"),
        ("camt053", CAMT + b"<x a='", b"y"),
        ("camt053", CAMT + b"<", b"y"),
        ("camt053", CAMT + b"<x>", b"y"),
        ("camt053", b"", b"<a>"[:1]),
        ("pain002", b"<Document>", b" "),
        ("mt940", b"", b"x"),
        ("mt940", SWIFT + b":86:", b"x"),
        ("bank_csv", b"", b"x"),
        ("bank_csv", EXPORT + b'"', b"x"),
        ("bank_csv", b"PK\x03\x04", b"x"),
        ("bank_csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"x"),
        ("bank_result", b"", b"x"),
        ("bank_result", RESULT[:9], b"x"),
    ],
)
def test_one_endless_line_is_refused_in_little_memory(name: str, start: bytes, filler: bytes) -> None:
    stream = Endless(start, filler)
    tracemalloc.start()
    try:
        *_, closing = READERS[name](stream, Context("f", "bank", {"layout": LAYOUTS.get(name, "")}))  # type: ignore[arg-type] # raw
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(closing, Closing)
    assert closing.refused is not None
    assert peak < 256 * 2**20


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE b [<!ENTITY a "' + b"x" * 1000 + b'"><!ENTITY b "&a;&a;&a;">]><Document>&b;</Document>',
        b'<?xml version="1.0"?><!DOCTYPE d SYSTEM "http://example.invalid/x.dtd"><Document/>',
        b"<a>" * 5000,
        CAMT + b"<Bal>" * 300,
        CAMT + "\ud800".encode("utf-8", "surrogatepass"),
        CAMT + b"\0",
        b"<!" + b"[" * 1000,
        b"\xef\xbb\xbf\xef\xbb\xbf<Document/>",
    ],
)
def test_xml_bombs_are_refused(data: bytes) -> None:
    assert check("camt053", data) not in {"whole", "noted"}
    assert check("pain002", data) not in {"whole", "noted"}
