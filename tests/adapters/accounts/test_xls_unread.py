"""Cells of a binary .xls whose value it does not keep: errors, and formulas that were written and never computed."""

from __future__ import annotations

import struct
from datetime import date

import pytest
from accounts_support import read

from adapters.safe_workbook import UNREAD, workbook_rows

NEVER = 0xFFFFFFFF
END = 0xFFFFFFFE


def record(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def text(row: int, column: int, value: str) -> bytes:
    return record(0x204, struct.pack("<HHHHB", row, column, 0, len(value), 1) + value.encode("utf-16-le"))


def number(row: int, column: int, value: float) -> bytes:
    return record(0x203, struct.pack("<HHHd", row, column, 0, value))


def error(row: int, column: int) -> bytes:
    return record(0x205, struct.pack("<HHHBB", row, column, 0, 7, 1))


def formula(row: int, column: int, result: bytes, flags: int = 0) -> bytes:
    """Of the number 1; `result` is what was kept of it."""
    head = struct.pack("<HHH", row, column, 0)
    return record(0x006, head + result + struct.pack("<HIH", flags, 0, 3) + b"\x1e\x01\x00")


def kept(value: float) -> bytes:
    return struct.pack("<d", value)


def special(kind: int, value: int = 0) -> bytes:
    return bytes([kind, 0, value, 0, 0, 0, 0xFF, 0xFF])


def begin(kind: int) -> bytes:
    return record(0x809, struct.pack("<HHHHII", 0x600, kind, 0, 0, 0, 6))


def xls(*cells: bytes, sheet: str = "明细") -> bytes:
    """A compound file of one sector of its table, one of names, and the workbook with one sheet."""
    name = struct.pack("<BB", len(sheet), 1) + sheet.encode("utf-16-le")
    page = record(0x042, struct.pack("<H", 1200))
    start = len(begin(5) + page + record(0x085, bytes(6) + name) + record(0x00A))
    head = begin(5) + page + record(0x085, struct.pack("<IBB", start, 0, 0) + name) + record(0x00A)
    size = record(0x200, struct.pack("<IIHHH", 0, 20, 0, 20, 0))
    chart = begin(0x20) + error(0, 0) + record(0x00A)  # its cells are not the sheet's
    stream = head + begin(0x10) + size + chart + b"".join(cells) + record(0x00A)
    stream = stream.ljust(-(-max(len(stream), 4096) // 512) * 512, b"\0")
    sectors = len(stream) // 512
    table = [0xFFFFFFFD, END, *range(3, sectors + 2), END]
    table += [NEVER] * (128 - len(table))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<6H", 0x3E, 3, 0xFFFE, 9, 6, 0)
    header += struct.pack("<11I", 0, 0, 1, 1, 0, 4096, END, 0, END, 0, 0) + b"\xff" * 432
    names = entry("Root Entry", 5, END, 0, 1) + entry("Workbook", 2, 2, len(stream)) + entry("", 0, 0, 0) * 2
    return header + struct.pack("<128I", *table) + names + stream


def entry(name: str, kind: int, start: int, size: int, child: int = NEVER) -> bytes:
    raw = name.encode("utf-16-le")
    head = raw.ljust(64, b"\0") + struct.pack("<HBB", len(raw) + 2 if name else 0, kind, 1)
    return head + struct.pack("<III", NEVER, NEVER, child) + bytes(36) + struct.pack("<IQ", start, size)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (number(1, 1, 0.0), 0.0),
        (formula(1, 1, kept(7.5)), 7.5),
        (formula(1, 1, kept(7.5), 2), 7.5),
        (formula(1, 1, kept(0.0)), 0.0),
        (formula(1, 1, kept(0.0), 2), UNREAD),  # as programs write one that they do not compute
        (formula(1, 1, special(2, 7)), UNREAD),
        (error(1, 1), UNREAD),
        (formula(1, 1, special(1, 1)), True),
        (formula(1, 1, special(3)), ""),
    ],
)
def test_what_was_not_computed_is_no_value(cell: bytes, value: object) -> None:
    rows = list(workbook_rows(xls(text(0, 0, "a"), text(0, 1, "b"), text(1, 0, "c"), cell)))
    assert rows == [["a", "b"], ["c", value]]


def test_an_amount_that_was_not_computed_is_a_reject_and_not_nothing() -> None:
    heads = ("凭证号", "本方账号", "交易时间", "借方发生额", "贷方发生额", "余额")
    cells = [text(0, place, head) for place, head in enumerate(heads)]
    for row, money in ((1, number(1, 4, 5.0)), (2, formula(2, 4, kept(0.0), 2))):
        cells += [text(row, 1, "0003220001"), text(row, 2, "2026-05-07"), money]
    frame, rejects, _ = read("bank_csv", xls(*cells), layout="icbc")
    assert frame.select("amount_fen", "booking_date").rows() == [(500, date(2026, 5, 7))]
    assert [(reject.record, reject.code, reject.field) for reject in rejects] == [(2, "UNREAD_CELL", "amount")]
