"""Workbooks that would eat memory or abort the process that opens them; formula cells; both readers of workbooks."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from fuzz_oracle import check
from fuzz_sizes import forget_peak, peak_mib
from fuzz_subjects import SAMPLES, subjects, workbook

from adapters.refused import FileRefusedError
from adapters.safe_workbook import workbook_rows

SHEET = "xl/worksheets/sheet1.xml"
GOOD = workbook([["a", "b"]] * 3)


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def changed(old: bytes, new: bytes, **parts: bytes) -> bytes:
    """The good workbook with its sheet changed."""
    every = members(GOOD)
    assert old in every[SHEET]
    return zipped({**every, SHEET: every[SHEET].replace(old, new), **parts})


def elsewhere() -> bytes:
    """The sheet stands in another folder than sheets do."""
    parts = members(changed(b'r="B3"', b'r="Z1048576"'))
    parts["xl/other/s.xml"] = parts.pop(SHEET)
    links = "xl/_rels/workbook.xml.rels"
    parts[links] = parts[links].replace(b"worksheets/sheet1.xml", b"other/s.xml")
    return zipped(parts)


def shared_text() -> bytes:
    """One text of 30,000 characters, named by 50,000 cells."""
    parts = members(GOOD)
    texts = "xl/sharedStrings.xml"
    parts[texts] = parts[texts].replace(b"<t>a<", b"<t>" + b"x" * 30_000 + b"<")
    row = b"<row>" + b'<c t="s"><v>0</v></c>' * 100 + b"</row>"
    parts[SHEET] = parts[SHEET].replace(b"</sheetData>", row * 500 + b"</sheetData>")
    parts["noise"] = random.Random(1).randbytes(60_000)  # so that the ratio alone does not refuse it
    return zipped(parts)


def lying_sizes() -> bytes:
    """The directory says that the sheet unpacks to one byte."""
    data = bytearray(zipped(members(GOOD)))
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(SHEET.encode()))
    data[at + 24 : at + 28] = struct.pack("<I", 1)
    return bytes(data)


TOO_LARGE = "SHEET_TOO_LARGE"
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "far cell": (lambda: changed(b'r="B3"', b'r="XFD1048576"'), TOO_LARGE),
    "single quotes": (lambda: changed(b'r="B3"', b"r='Z1048576'"), TOO_LARGE),
    "small letters": (lambda: changed(b'r="B3"', b'r="z1048576"'), TOO_LARGE),
    "leading zeros": (lambda: changed(b'r="B3"', b'r="Z0001048576"'), TOO_LARGE),
    "no references": (
        lambda: changed(b"</sheetData>", b'<row r="1048576">' + b"<c><v>1</v></c>" * 60 + b"</row></sheetData>"),
        TOO_LARGE,
    ),
    "another folder": (elsewhere, TOO_LARGE),
    "a shared text": (shared_text, TOO_LARGE),
    "ratio": (lambda: zipped({**members(GOOD), "xl/media/x": bytes(50_000_000)}), "PACKED_TOO_MUCH"),
    "members": (lambda: zipped({**members(GOOD), **{str(n): b"" for n in range(600)}}), "PACKED_TOO_MUCH"),
    "size": (
        lambda: zipped({**members(GOOD), "x": random.Random(1).randbytes(600_000) + bytes(101_000_000)}),
        "PACKED_TOO_MUCH",
    ),
    "lying sizes": (lying_sizes, "DAMAGED"),
    "entities": (lambda: changed(b"<sheetData>", b'<!DOCTYPE x [<!ENTITY a "b">]><sheetData>'), "DOCTYPE"),
    "entities over a border": (
        lambda: changed(
            b"<sheetData>", b" " * (2**20 - 4 - members(GOOD)[SHEET].index(b"<sheetData>")) + b"<!DOCTYPE x>"
        ),
        "DOCTYPE",
    ),
    "no workbook": (lambda: zipped({"a.txt": b"x"}), "NOT_A_WORKBOOK"),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("subject", ["bank_csv+xlsx", "mapped_csv+xlsx"])
def test_a_bomb_is_refused_in_little_memory(name: str, subject: str) -> None:
    make, code = BOMBS[name]
    data = make()
    forget_peak()
    before = peak_mib()
    assert check(subjects()[subject], b"\0" + data) == code
    assert peak_mib() - before < 200


@pytest.mark.skipif(not SAMPLES.exists(), reason="samples are not beside the checkout")
@pytest.mark.parametrize("corner", [b"\xff\xff\xff\xff", b"\xff\xff\xff\x00"])
def test_an_xls_whose_cell_stands_far_out_does_not_abort(corner: bytes) -> None:
    """The library's allocation fails, and with it the process: it is a child, and this is a refusal."""
    sheets = [path for path in SAMPLES.glob("cn-bank-csv/*/*.xls") if path.read_bytes()[:2] == b"\xd0\xcf"]
    assert sheets
    data = bytearray(min(sheets, key=lambda path: path.stat().st_size).read_bytes())
    at = data.index(b"\xfd\x00\x0a\x00", 2048)  # a cell of a shared text: row, column
    data[at + 4 : at + 8] = corner
    for subject in ("bank_csv+xlsx", "mapped_csv+xlsx"):
        assert check(subjects()[subject], b"\0" + bytes(data)) == TOO_LARGE


def test_a_formula_gives_its_kept_value_and_is_never_run() -> None:
    command = b'<c r="B3"><f>HYPERLINK("http://example.invalid","x")</f><v>7</v></c>'
    sheet = members(GOOD)[SHEET]
    cell = sheet[sheet.index(b'<c r="B3"') : sheet.index(b"</c>", sheet.index(b'<c r="B3"')) + 4]
    rows = list(workbook_rows(changed(cell, command)))
    assert rows[2] == ["a", 7.0]


def test_every_cut_and_many_flips_of_a_workbook() -> None:
    """Cut: always refused. Flipped: the CRC finds it, or the bit is none that counts."""
    whole = list(workbook_rows(GOOD))
    for size in range(8, len(GOOD), 131):
        with pytest.raises(FileRefusedError):
            list(workbook_rows(GOOD[:size]))
    for bit in range(0, len(GOOD) * 8, 1511):
        flipped = bytearray(GOOD)
        flipped[bit // 8] ^= 1 << bit % 8
        rows: Any
        try:
            rows = list(workbook_rows(bytes(flipped)))
        except FileRefusedError:
            continue
        assert rows == whole
