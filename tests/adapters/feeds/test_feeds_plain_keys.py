"""Keys joined as bytes against keys joined from their parts: the same, however the cells of the parts look."""

from __future__ import annotations

import random
from datetime import date

import feeds_support as s
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from adapters.feeds import fixed_blocks
from adapters.layout import shipped_layout

RECORDS = 12
PIECES = (
    b" ",
    b"0",
    b"00",
    b"9",
    b"/",
    b"A/B",
    b"-",
    b"~",
    b"x1",
    b"   ",
    "楼".encode("gb18030"),
    b"02290101",
    b"123123",
)


def _file(name):
    """(format, data, context, bytes before the records) of a regular file."""
    if name == "citizen_card":
        frame = s.citizen_frame(RECORDS).with_columns(card_number=pl.lit("2150001234567890"))
        shown = frame["transaction_id"].str.replace(r"/[0-9*]+/", "/215000******7890/")
        frame = frame.with_columns(
            transaction_id=shown, card_masked=pl.lit("215000******7890"), original_key=pl.lit(None, pl.String)
        )
        frame = frame.with_columns(
            kind=pl.lit("SALE"), gross_fen=pl.col("paid_fen") + pl.col("claimed_fen").fill_null(0)
        )
        given = s.context(frame, "smk")
        return name, s.write(name, frame, given), given, 26
    frame = s.pos_frame(RECORDS, file={"unionpay_zm": "INN26050788ZM_802310048993424"}.get(name, "IND26050701"))
    settings = {"record": name.removeprefix("unionpay_")} if name != "unionpay_zm" else {}
    given = s.context(frame, "pos", s.DAY, **settings)
    form = "unionpay_zm" if name == "unionpay_zm" else "unionpay_acom"
    frame = frame.with_columns(
        claimed_fen=pl.lit(7 if name == "unionpay_zm" else None, pl.Int64),
        gross_fen=pl.col("paid_fen") + (7 if name == "unionpay_zm" else 0),
        fee_fen=pl.lit(11, pl.Int64),
    )
    return form, s.write(form, frame, given), given, 0


def _read(monkeypatch, form, data, given, *, plain):
    taken = []
    with monkeypatch.context() as patch:
        real = fixed_blocks.plain_keys

        def noted(*arguments):
            keys = real(*arguments) if plain else None
            taken.append(keys is not None)
            return keys

        patch.setattr(fixed_blocks, "plain_keys", noted)
        found = s.read(form, data, given)
    return found, taken


NAMES = ("citizen_card", "unionpay_zm", "unionpay_acomn", "unionpay_acoma", "unionpay_acoma_951")


@pytest.mark.parametrize("name", NAMES)
def test_a_regular_file_has_its_keys_joined_as_bytes(monkeypatch, name):
    form, data, given, _ = _file(name)
    (frame, rejects, closing), taken = _read(monkeypatch, form, data, given, plain=True)
    (slow, _, _), _ = _read(monkeypatch, form, data, given, plain=False)
    assert taken == [True]
    assert (rejects, closing.refused, frame.height) == ([], None, RECORDS)
    assert_frame_equal(frame, slow)
    assert frame["transaction_id"].n_unique() == RECORDS


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_keys_are_those_of_the_parts(monkeypatch, name, seed):
    """Cells of the key's parts are overwritten: in one record, or in all, so that the field stays of one width."""
    form, data, given, head = _file(name)
    layout, rng, ways = shipped_layout("adapters.feeds", name), random.Random(seed), set()
    specs = [spec for spec in layout.record.fields if spec.name in layout.key]
    stride = layout.record.width + 2
    for _ in range(20):
        body = np.frombuffer(data, np.uint8)[head : head + RECORDS * stride].reshape(RECORDS, stride).copy()
        for _ in range(rng.choice((1, 1, 2))):
            spec, piece = rng.choice(specs), rng.choice(PIECES)
            cell = piece[: spec.length] if rng.random() < 0.6 else (piece * 20)[: spec.length]
            at = spec.start - 1 + rng.choice((0, spec.length - len(cell), (spec.length - len(cell)) // 2))
            rows = slice(None) if rng.random() < 0.6 else rng.randrange(RECORDS)
            body[rows, at : at + len(cell)] = np.frombuffer(cell, np.uint8)
        changed = data[:head] + body.tobytes() + data[head + body.size :]
        (fast, rejects, closing), taken = _read(monkeypatch, form, changed, given, plain=True)
        (slow, others, last), _ = _read(monkeypatch, form, changed, given, plain=False)
        assert (rejects, closing) == (others, last)
        assert_frame_equal(fast, slow)
        ways.update(taken)
    assert ways == {True, False}


@pytest.mark.parametrize("day", [date(2026, 1, 1), date(2025, 12, 31), date(2028, 2, 29)])
def test_the_year_of_a_time_without_one(monkeypatch, day):
    """Over New Year a block has two years, and its keys are joined from their parts."""
    frame = s.pos_frame(RECORDS, day=day, file="IND26050701").with_columns(
        claimed_fen=pl.lit(None, pl.Int64),
        gross_fen="paid_fen",
        kind=pl.lit("SALE"),
        original_key=pl.lit(None, pl.String),
    )
    given = s.context(frame, "pos", day, record="acomn")
    data = s.write("unionpay_acom", frame, given)
    (got, rejects, closing), _ = _read(monkeypatch, "unionpay_acom", data, given, plain=True)
    assert (rejects, closing.refused) == ([], None)
    assert got["transaction_id"].to_list() == frame["transaction_id"].to_list()
