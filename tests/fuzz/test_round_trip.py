"""Whatever records are generated, what a writer writes its reader gives back: every format of feeds that writes.

Hypothesis draws amounts, cards, names and kinds; camt.053, bank templates and pain.001 have theirs beside their tests.
"""

from __future__ import annotations

from typing import Any

import feeds_support as s
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from settlement.model.cards import mask

FEN = st.one_of(st.sampled_from([1, 99, 100, 10**11 - 1, 10**10]), st.integers(1, 10**9))
NAMES = st.sampled_from([None, "得月楼", "松鹤楼(观前店)", "𠮷野家", "A b-c.d", "x" * 40, "·", "镕喆堃"])
CARDS = st.integers(12, 19).flatmap(lambda size: st.integers(10 ** (size - 1), 10**size - 1)).map(str)
ROWS = st.lists(st.tuples(FEN, st.none() | st.integers(0, 10**6), CARDS, NAMES), min_size=1, max_size=6)
POS = [
    {"framing": framing, "body": body, "header": header, "reconciliation": "required"}
    for framing in ("len2", "len4", "vbs", "hex")
    for body in ("cups", "pos")
    for header in ("none", "tpdu", "cups")
]
QUICK = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _frame(make: Any, seed: int, rows: list[tuple[int, int | None, str, str | None]], **fixed: Any) -> pl.DataFrame:
    """A generated frame with the drawn amounts, cards and names; keys are made of the cards again."""
    paid, claimed, cards, names = (list(column) for column in zip(*rows, strict=True))
    frame = make(len(rows), seed).with_columns(
        pl.Series("paid_fen", paid, pl.Int64),
        pl.Series("claimed_fen", claimed, pl.Int64),
        pl.Series("merchant_name", names, pl.String),
    )
    if make is not s.citizen_frame:  # there the key holds the mask of the number
        frame = frame.with_columns(
            pl.Series("card_number", cards),
            pl.Series("card_masked", [mask(card) for card in cards]),
            pl.Series("card_token", [s.TOKENISER.token(card) for card in cards]),
        )
    no_trace = pl.col("original_key").str.contains("/000000/")  # UnionPay's files: a trace of zeros is no trace
    frame = frame.with_columns(original_key=pl.when(~no_trace).then("original_key"))
    frame = frame.with_columns(**fixed)
    known = pl.col("claimed_fen").is_not_null() | (pl.col("kind") != "REFUND")
    return frame.with_columns(gross_fen=pl.when(known).then(pl.col("paid_fen") + pl.col("claimed_fen").fill_null(0)))


def _same(name: str, frame: pl.DataFrame, chosen: Any) -> None:
    data = s.write(name, frame, chosen)
    got, rejects, closing = s.read(name, data, chosen)
    assert closing.refused is None
    assert rejects == []
    assert_frame_equal(got.drop(s.PLACES), s.expected(frame))
    assert closing.total_fen == sum(frame["paid_fen"].to_list())


@QUICK
@given(seed=st.integers(0, 2**20), rows=ROWS)
def test_citizen_card(seed: int, rows: list[Any]) -> None:
    frame = _frame(s.citizen_frame, seed, rows)
    _same("citizen_card", frame, s.context(frame, "smk"))


@pytest.mark.parametrize("chosen", POS, ids=lambda chosen: "-".join(list(chosen.values())[:3]))
@settings(QUICK, max_examples=2)
@given(seed=st.integers(0, 2**20), rows=ROWS)
def test_pos(chosen: dict[str, str], seed: int, rows: list[Any]) -> None:
    frame = _frame(s.pos_frame, seed, rows)
    _same("pos_iso8583", frame, s.context(frame, "pos", **chosen))


@pytest.mark.parametrize("record", ["acomn", "acoma"])
@QUICK
@given(seed=st.integers(0, 2**20), rows=ROWS)
def test_acom(record: str, seed: int, rows: list[Any]) -> None:
    frame = _frame(s.pos_frame, seed, rows, claimed_fen=pl.lit(None, pl.Int64), file=pl.lit("IND26050701X"))
    _same("unionpay_acom", frame, s.context(frame, "pos", s.DAY, record=record))


@QUICK
@given(seed=st.integers(0, 2**20), rows=ROWS, rate=st.integers(0, 300))
def test_zm(seed: int, rows: list[Any], rate: int) -> None:
    blank = pl.lit(None, pl.String)
    frame = _frame(s.pos_frame, seed, rows, claimed_fen=pl.col("claimed_fen").fill_null(0), rrn=blank, auth_code=blank)
    frame = frame.with_columns(fee_fen=pl.col("paid_fen") * rate // 10_000, card_token=pl.lit(""))
    frame = frame.with_columns(file=pl.lit("INN26050788ZM_802310048993424"))
    _same("unionpay_zm", frame, s.context(frame, "pos"))


@QUICK
@given(seed=st.integers(0, 2**20), rows=ROWS)
def test_purse_list(seed: int, rows: list[Any]) -> None:
    frame = _frame(s.purse_frame, seed, rows)
    _same("mapped_csv", frame, s.context(frame, "purse", mapping="purse_daily", rail="purse"))
