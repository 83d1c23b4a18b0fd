"""Files cut at every byte, with any bit flipped, and with trailers that lie: refused, or right; never a wrong total.

Each case goes through the oracle of the fuzzer as well. In `make test` a slow format is cut at every fifth byte but for
its first variant, and every n-th bit is flipped; with PUHUI_HOSTILE=1 (`make fuzz`) all are.
"""

from __future__ import annotations

import io
import os
from typing import Any

import polars as pl
import pytest
from fuzz_mutator import BATCH
from fuzz_oracle import check
from fuzz_subjects import Subject, subjects

from adapters.accounts.statement import out_of_balance, unproven
from adapters.base import Closing, Parsed

ALL = bool(os.environ.get("PUHUI_HOSTILE"))
ACCEPTED = {"whole", "noted", "rejects"}
TEXT = [name for name in subjects() if "xlsx" not in name]
CASES = [(name, number) for name in TEXT for number in range(len(subjects()[name].variants))]
# what declares its totals, or ends with a mark: a cut file is refused, or it gives every row of the whole one
PROVED = {"citizen_card", "camt053", "camt054", "pain002", "bank_result"}


def small(name: str, number: int = 0) -> tuple[Subject, bytes]:
    """A correct input of one or two records."""
    subject = subjects()[name]
    own = subject.variants[number].seeds()
    one = subject.variants[number].stride or name.startswith("pos")
    return subject, bytes([number]) + own[0 if one else min(1, len(own) - 1)]


def rows(subject: Subject, data: bytes) -> tuple[pl.DataFrame, Closing]:
    """All accepted rows, and the Closing."""
    variant, file = subject.variant(data)
    *items, closing = subject.read(io.BytesIO(file), subject.context(variant))
    assert isinstance(closing, Closing)
    frames = [item.frame for item in items if isinstance(item, Parsed)]
    return pl.concat([pl.DataFrame(schema=subject.schema), *frames]), closing


def amounts(frame: pl.DataFrame) -> list[int]:
    """The money of each row."""
    return frame["paid_fen" if "paid_fen" in frame.columns else "amount_fen"].drop_nulls().to_list()


@pytest.mark.parametrize(("name", "number"), CASES)
def test_cut_at_every_byte(name: str, number: int) -> None:
    subject, data = small(name, number)
    full, _ = rows(subject, data)
    step = 5 if number and not ALL and name in {"pos_iso8583", "mapped_csv"} else 1
    sizes = sorted({*range(1, len(data), step), *range(max(1, len(data) - 60), len(data))})
    outcomes = {size: check(subject, data[:size]) for size in sizes}
    cut = {size: outcome for size, outcome in outcomes.items() if outcome in ACCEPTED}
    for size, outcome in cut.items():
        frame, closing = rows(subject, data[:size])
        same = amounts(frame) == amounts(full)
        if name in PROVED or subject.variants[number].file.startswith(("PURSE", "wx", "ali")):
            assert same, f"cut at {size}: {outcome} with other amounts"
        elif name.startswith(("unionpay", "pos")):  # no end mark: only between two records, and POS says so
            assert amounts(frame) == amounts(full)[: frame.height]
            assert outcome == "noted" if name.startswith("pos") else (size - 1) % subject.variants[number].stride == 0
        elif name in {"mt940", "bank_csv"}:
            held = out_of_balance(closing.notes) or unproven(closing.notes) or outcome == "rejects"
            assert held or amounts(frame) == amounts(full)[: len(amounts(frame))], f"cut at {size}: {outcome}"
        else:  # a mapping without an end row: noted, or at the end of a line
            assert outcome != "whole" or data[:size].endswith(b"\n"), f"cut at {size}"


@pytest.mark.parametrize(("name", "file"), [("unionpay_zm", 0), ("unionpay_acom", 0), ("unionpay_acom", 1)])
def test_records_without_a_trailer_cut_around_their_border(name: str, file: int) -> None:
    """Two records: cut at each of the last bytes of the first, and at each of the first of the second."""
    subject = subjects()[name]
    stride = subject.variants[file].stride
    data = bytes([file]) + subject.variants[file].seeds()[1]
    for size in range(stride - 6, stride + 6):
        assert (check(subject, data[: size + 1]) in ACCEPTED) == (size == stride), size


def _declared(name: str, number: int) -> Any:
    subject, data = small(name, number)
    _, closing = rows(subject, data)
    return subject, data, (closing.records, closing.total_fen)


FLIPPED = [
    ("citizen_card", 0, 19), ("bank_result", 0, 1), ("bank_result", 1, 1), ("mapped_csv", 0, 29), ("mapped_csv", 1, 91),
    ("mapped_csv", 2, 67), ("mt940", 0, 3), ("camt053", 0, 7), ("bank_csv", 0, 1), ("bank_csv", 2, 3),
    ("pos_iso8583", 2, 61), ("pos_iso8583+hex", 0, 61),
]  # fmt: skip


@pytest.mark.parametrize(("name", "number", "step"), FLIPPED)
def test_one_bit_flipped(name: str, number: int, step: int) -> None:
    """A flip cannot change an amount and its total at once: what is accepted has the total it had.

    A bank's export proves every amount but its first row's, from which the opening balance comes: there the opening
    changes with it, and is not the closing of the day before.
    """
    subject, data, figures = _declared(name, number)
    full, refused = rows(subject, data)[0], 0
    for bit in range(8, len(data) * 8, 1 if ALL else step):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        outcome = check(subject, bytes(flipped))
        refused += outcome not in ACCEPTED
        if outcome in ACCEPTED:
            frame, closing = rows(subject, bytes(flipped))
            held = out_of_balance(closing.notes) or unproven(closing.notes)
            if outcome == "whole" and closing.declared_total_fen is not None:
                assert (closing.records, closing.total_fen) == figures, f"bit {bit}"
            elif name in {"mt940", "camt053", "bank_csv"} and outcome == "whole" and closing.total_fen != figures[1]:
                assert held or _balances(frame) != _balances(full), f"bit {bit}: {closing}"
    assert refused


def _balances(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    return frame.select("opening_fen", "closing_fen").unique().sort("opening_fen").rows()


def test_every_bit_of_a_citizen_record() -> None:
    """All 2,480 flips of a record in files whose trailer fits: each is a reject, or its paid amount is what it says."""
    subject, data = small("citizen_card")
    record = data[26 : 26 + 312]
    flips = []
    for bit in range(310 * 8):
        flipped = bytearray(record)
        flipped[bit // 8] ^= 1 << bit % 8
        if flipped[152:164].isdigit():  # an unreadable amount under a declared total refuses the file: above
            flips.append(bytes(flipped))
    total = sum(int(line[152:164]) for line in flips)
    file = data[:26] + b"".join(flips) + b"T %09d %015d\r\n" % (len(flips), total)
    assert check(subject, file) == "rejects"
    frame, closing = rows(subject, file)
    assert closing.total_fen == total
    for row in frame.iter_rows(named=True):
        assert row["paid_fen"] == int(flips[row["record"] - 1][152:164])
    assert BATCH < closing.rejected < len(flips)


LIES: list[tuple[str, int, bytes, bytes, str]] = [
    ("bank_result", 0, b"P|2|300", b"P|3|300", "COUNT_MISMATCH"),
    ("bank_result", 0, b"P|2|300", b"P|2|301", "TOTAL_MISMATCH"),
    ("bank_result", 0, b"P|2|300", b"P|2|-300", "BAD_HEADER"),
    ("bank_result", 0, b"P|2|300", b"P|2|3e2", "BAD_HEADER"),
    ("bank_result", 0, b"P|2|300", b"P|2|9223372036854775808", "BAD_HEADER"),
    ("bank_result", 0, b"P|2|300", b"P||", "BAD_HEADER"),
    ("bank_result", 1, b"1.0|300|2||", b"1.0|300|1||", "COUNT_MISMATCH"),
    ("bank_result", 1, b"1.0|300|2||", b"1.0|3000|2||", "TOTAL_MISMATCH"),
    ("mapped_csv", 1, b"`2,`9.00", b"`1,`9.00", "COUNT_MISMATCH"),
    ("mapped_csv", 1, b"`2,`9.00,`4.00", b"`2,`9.00,`4.01", "TOTAL_MISMATCH"),
    ("mapped_csv", 1, b"`2,`9.00", b"`2,`90.0", "TOTAL_MISMATCH"),
    ("mapped_csv", 2, "共18.00元".encode("gb18030"), "共-18.00元".encode("gb18030"), "BAD_TRAILER"),
    ("mapped_csv", 2, "交易合计：1笔".encode("gb18030"), "交易合计：2笔".encode("gb18030"), "COUNT_MISMATCH"),
]


@pytest.mark.parametrize(("name", "number", "old", "new", "code"), LIES)
def test_a_trailer_that_lies(name: str, number: int, old: bytes, new: bytes, code: str) -> None:
    subject, data = small(name, number)
    assert old in data
    assert check(subject, data.replace(old, new, 1)) == code


@pytest.mark.parametrize("change", [1, -1, 10**8, 999_999_998])
@pytest.mark.parametrize("field", ["count", "total"])
def test_a_citizen_trailer_that_lies(field: str, change: int) -> None:
    subject, data = small("citizen_card")
    count, total = int(data[-27:-18]), int(data[-17:-2])
    count, total = (count + change, total) if field == "count" else (count, total + change)
    lied = data[:-29] + b"T %09d %015d\r\n" % (count % 10**9, total % 10**15)
    assert check(subject, lied) in {"COUNT_MISMATCH", "TOTAL_MISMATCH"}


def test_a_closing_message_that_lies() -> None:
    """Each digit of the 0520 of a file in hexadecimal lines: where it counts, the file is refused."""
    subject, data = small("pos_iso8583+hex")
    start = data.rindex(b"\n", 0, -1) + 1 + 36  # behind message type and bitmaps
    figures = rows(subject, data)[1]
    outcomes = set()
    for at in range(start, len(data) - 1, 1 if ALL else 3):
        if data[at : at + 1].isdigit():
            changed = data[:at] + b"%d" % ((data[at] - 47) % 10) + data[at + 1 :]
            outcome = check(subject, changed)
            outcomes.add(outcome)
            if outcome == "whole":
                closing = rows(subject, changed)[1]
                assert closing.declared_records == figures.declared_records
                assert closing.declared_total_fen == figures.declared_total_fen
    assert {"COUNT_MISMATCH", "TOTAL_MISMATCH"} <= outcomes
