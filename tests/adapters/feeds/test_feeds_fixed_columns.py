"""Columns of fixed-width fields against the same cells read one by one, and blocks in parallel against one by one."""

from __future__ import annotations

import io
import random
import threading
from functools import partial

import feeds_support as s
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from adapters.base import Parsed
from adapters.feeds import fixed_blocks, records
from adapters.feeds.byte_cells import Bounds, masked_cells
from adapters.feeds.columns import DTYPES, parse_column, parse_one
from adapters.layout import LayoutField, shipped_layout
from adapters.layout_dates import TOKEN
from adapters.layout_line import CellError
from adapters.registry import adapter
from settlement.model import in_order
from settlement.model.cards import mask

SHIPPED = ("citizen_card", "unionpay_acomn", "unionpay_acoma", "unionpay_acoma_951", "unionpay_zm")
OWN = (
    {"name": "yuan", "type": "amount", "unit": "yuan", "length": 9},
    {"name": "yuan_signed", "type": "amount", "unit": "yuan", "length": 9, "signs": {"+": 1, "-": -1}},
    {"name": "no_amount", "type": "amount", "length": 6, "blanks": ["000000"]},
    {"name": "no_signed", "type": "amount", "length": 4, "signs": {" ": 1, "-": -1}, "blanks": ["0", "000"]},
    {"name": "wide", "type": "amount", "length": 20},
    {"name": "widest", "type": "amount", "length": 18},
    {"name": "number", "type": "count", "length": 7},
    {"name": "day", "type": "date", "format": "YYYY-MM-DD", "length": 12},
    {"name": "no_day", "type": "date", "format": "YYYYMMDD", "length": 8, "blanks": ["00000000"], "required": True},
    {"name": "month", "type": "date", "format": "MM/YYYY", "length": 7},
    {"name": "clock", "type": "datetime", "format": "hh:mm", "length": 5},
    {"name": "moment", "type": "datetime", "format": "YYYYMMDDhhmmss", "length": 14},
    {"name": "none", "type": "text", "length": 3, "blanks": ["N/A", "-"]},
    {"name": "must", "type": "text", "length": 3, "blanks": ["0"], "required": True},
    {"name": "word", "type": "text", "length": 4, "values": {"SALE": "SALE", "BACK": "REFUND"}},
    {"name": "code", "type": "digits", "length": 2, "values": {"01": "a", "2": "b", "X1": "c"}},
    {"name": "letter", "type": "text", "length": 1, "values": {"A": "yes", "": "no"}, "required": True},
    {"name": "fixed", "type": "text", "length": 3, "constant": "001"},
    {"name": "hex", "type": "hex", "length": 5, "required": True},
    {"name": "card", "type": "card", "length": 19},
    {"name": "one", "type": "digits", "length": 1},
    {"name": "long", "type": "text", "length": 131},
)
MONTHS, DAYS, TENS = ("01", "02", "12", "13"), ("00", "01", "28", "29", "30", "31"), ("00", "59", "60")
PIECES = (
    *(b" ", b"0", b"9", b"/", b"\x00", b"\x7f", b"\x81", b"*", b"C", b"D", b"+", b"-", b"A", b"f", b".", b":", b"\r"),
    *(b"000", b"1231235959", b"0229", b"0230", b"20240229", b"20230229", b"00000000", b"2026-05-07", b"05/2026"),
    *("得月楼".encode("gb18030"), b"\x81\x30\x81\x30", b"12.50", b"SALE", b"001", b"01", b"N/A", b"23:59", b"24:00"),
)


def _specs():
    for name in SHIPPED:
        layout = shipped_layout("adapters.feeds", name)
        yield from ((spec, layout.unit_of(spec)) for spec in layout.record.fields)
    yield from ((LayoutField(start=1, **given), given.get("unit", "fen")) for given in OWN)


def _good(rng, spec):
    """A cell as a writer makes it, or nearly."""
    size = spec.length
    digits = "".join(rng.choice("0123456789") for _ in range(size))
    if spec.blanks and rng.random() < 0.3:
        return rng.choice([str.rjust, str.ljust])(rng.choice(spec.blanks), size)
    if spec.constant is not None or spec.values:
        return spec.constant or rng.choice(list(spec.values))
    match spec.type:
        case "amount" | "count":
            return rng.choice([*spec.signs, ""]) + digits if rng.random() < 0.9 else ""
        case "date" | "datetime":
            year, month, day = (
                rng.choice(["2026", "2024", "1900", "2000", "0000", "0001"]),
                rng.choice(MONTHS),
                rng.choice(DAYS),
            )
            clock = {"hh": rng.choice(["00", "23", "24"]), "mm": rng.choice(TENS), "ss": rng.choice(TENS)}
            parts = {"YYYY": year, "MM": month, "DD": day} | clock
            return TOKEN.sub(lambda match: parts[match.group()], spec.format)
        case "digits" | "card" | "hex":
            return digits[: rng.choice([size, size, max(size - 3, 1)])]
    return rng.choice(["T0000007", "x", "", digits])


def _cells(rng, spec, count):
    """Cells of one temper: alike, good, or with bytes changed here and there."""
    pool = [_good(rng, spec).encode()[: spec.length].ljust(spec.length) for _ in range(rng.choice([1, 2, 5, count]))]
    out = [bytearray(rng.choice(pool)) for _ in range(count)]
    for _ in range(rng.choice([0, 0, 1, 4])):
        cell, piece = rng.choice(out), rng.choice(PIECES)
        at = rng.choice([0, 0, rng.randrange(spec.length)])
        cell[at : at + len(piece)] = piece[: spec.length - at]
    if rng.random() < 0.2:
        out = [bytearray(rng.choice(PIECES).ljust(spec.length)[: spec.length]) for _ in range(count)]
    return np.frombuffer(b"".join(bytes(cell) for cell in out), np.uint8).reshape(count, spec.length).copy()


def _one_by_one(spec, cells, unit):
    found = [parse_one(spec, row.tobytes(), unit, "gb18030") for row in cells]
    values = [None if isinstance(value, CellError) else value for value in found]
    errors = {row: (e.code, e.field) for row, e in enumerate(found) if isinstance(e, CellError)}
    return pl.Series(values, dtype=DTYPES.get(spec.type, pl.String)), errors


@pytest.mark.parametrize("seed", range(6))
def test_columns_are_the_cells_one_by_one(seed):
    """Exact bounds of a slice of a table, or none given: values, faults and what is proven without reading."""
    for number, (spec, unit) in enumerate(_specs()):
        rng = random.Random(f"{seed} {number}")
        for _ in range(6):
            cells = _cells(rng, spec, rng.choice([1, 2, 17]))
            values, errors = _one_by_one(spec, cells, unit)
            table = np.full((len(cells), spec.length + 5), ord("x"), np.uint8)
            table[:, 2:-3] = cells
            bounds = Bounds(cells.min(axis=0).tobytes(), cells.max(axis=0).tobytes())
            for given, within in ((table[:, 2:-3], bounds), (cells.copy(), None)):
                got = parse_column(spec, given, unit, "gb18030", within)
                case = (spec.name, [bytes(row) for row in cells])
                assert got.values.to_list() == values.to_list(), case
                assert got.values.dtype == values.dtype, case
                assert {row: (e.code, e.field) for row, e in got.errors.items()} == errors, case
                assert np.flatnonzero(got.bad).tolist() == sorted(errors), case
            layout = shipped_layout("adapters.feeds", "citizen_card").model_copy(update={"unit": unit})
            assert not (fixed_blocks._proven(layout, spec, table[:, 2:-3], bounds) and errors), case


def test_masks_from_cells_are_the_masks():
    for numbers in (["6222021234567890123"] * 2 + ["6222021234567890999"], ["2150000123456789", "2150000000000000"]):
        cells = np.array([number.ljust(19).encode() for number in numbers], "S19").view(np.uint8).reshape(-1, 19)
        masks = masked_cells(cells, Bounds(cells.min(axis=0).tobytes(), cells.max(axis=0).tobytes()))
        assert masks.to_list() == [mask(number) for number in numbers]
    for numbers in (["6222021234567890123", "2150000123456789"], ["12345678", "12345679"]):
        cells = np.array([number.ljust(19).encode() for number in numbers], "S19").view(np.uint8).reshape(-1, 19)
        assert masked_cells(cells, Bounds(cells.min(axis=0).tobytes(), cells.max(axis=0).tobytes())) is None


def _all(name, data, given):
    items = list(adapter(name).read(io.BytesIO(data), given))
    blocks = [item for item in items if isinstance(item, Parsed)]
    frame = pl.concat([block.frame for block in blocks]) if blocks else None
    return frame, [reject for block in blocks for reject in block.rejects], items[-1]


@pytest.mark.parametrize("damage", ["", "reject", "length", "end", "count", "hopeless"])
def test_blocks_read_at_the_same_time_do_not_show(monkeypatch, damage):
    """Frames, rejects and closing of many blocks on three threads as on none, of whole and of refused files."""
    frame = s.citizen_frame(300)
    given = s.context(frame, "smk")
    data = s.write("citizen_card", frame, given)
    at = 25 + 312 * 150
    match damage:
        case "reject":
            data = data[: at + 2] + b"99" + data[at + 4 :]
        case "length":
            data = data[: at + 310] + b"\n\r" + data[at + 312 :]
        case "end":
            data = data[:-7]
        case "count":
            data = data.replace(b"T 000000300", b"T 000000301")
        case "hopeless":
            data = data.replace(b"\r\nD ", b"\r\nX ")
    monkeypatch.setattr(records, "BLOCK", 312 * 120)
    monkeypatch.setattr(fixed_blocks, "CACHED", 312 * 9)
    outcomes = []
    for threads in (1, 3):
        monkeypatch.setattr(in_order.pl, "thread_pool_size", lambda threads=threads: threads)
        outcomes.append(_all("citizen_card", data, given))
    (one, rejects, closing), (many, others, last) = outcomes
    assert (rejects, closing) == (others, last)
    assert (closing.refused is None) == (damage in {"", "reject"})
    if one is not None:
        assert_frame_equal(one, many)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_tasks_in_order(monkeypatch, threads):
    monkeypatch.setattr(in_order.pl, "thread_pool_size", lambda: threads)
    taken = []

    def tasks(count):
        for number in range(count):
            taken.append(number)
            yield partial(work, number)

    def work(number):
        if number == 7:
            raise ValueError("seven")
        return number

    for count in (0, 1, 2, 5):
        assert list(in_order.in_order(tasks(count))) == list(range(count))
    got = []
    with pytest.raises(ValueError, match="seven"):
        got.extend(in_order.in_order(tasks(20)))
    assert got == list(range(7))
    taken.clear()
    stopped = in_order.in_order(tasks(50))
    assert next(stopped) == 0
    assert taken == [0]  # a file of another format is refused before more is read
    assert next(stopped) == 1
    stopped.close()
    assert len(taken) <= threads + 2  # no more is held than that
    assert threading.active_count() == 1


def test_a_small_file_starts_no_thread(monkeypatch):
    monkeypatch.setattr(in_order.pl, "thread_pool_size", lambda: 4)
    monkeypatch.setattr(in_order, "ThreadPoolExecutor", None)
    frame = s.citizen_frame(3)
    given = s.context(frame, "smk")
    assert s.read("citizen_card", s.write("citizen_card", frame, given), given)[2].accepted == 3
