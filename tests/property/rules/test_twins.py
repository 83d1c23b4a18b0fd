"""Reference and kernel are one; the answer does not depend on how a stream is cut or in what order its rows stand."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import rules
from rules import State
from rules.amounts import rounded_part, share_fen
from settlement.model.money import half_up

sys.path.insert(0, str(Path(__file__).parent))
from programmes import SIDE_BY_SIDE, Town, crowds, examples


def same_frame(one: pl.DataFrame, other: pl.DataFrame) -> None:
    if one.schema != other.schema or not one.equals(other):  # asked first, as it is ten times quicker
        assert_frame_equal(one, other)


def same_state(one: State, other: State) -> None:
    others = other.frames()
    for name, frame in one.frames().items():
        if frame.height != others[name].height or not frame.equals(others[name]):
            assert_frame_equal(one.sorted().frames()[name], other.sorted().frames()[name])


def same(one: rules.Rated, other: rules.Rated) -> None:
    same_frame(one.awards, other.awards)
    same_frame(one.shares, other.shares)
    same_frame(one.transactions, other.transactions)
    assert b"".join(one.csv()) == b"".join(other.csv())
    assert one.released.to_list() == other.released.to_list()
    same_state(one.state, other.state)


@examples(2000, SIDE_BY_SIDE)
@given(crowds(), st.integers(0, 14 * SIDE_BY_SIDE))
def test_kernel_and_reference_give_the_same_over_two_batches(town: Town, cut: int) -> None:
    """Cut in the order of names: each town's stream goes partly into the first batch."""
    plan = town.plan
    stream = town.stream.sort("transaction_id")
    first, second = stream[:cut], stream[cut:]
    states = {"kernel": State.empty(), "reference": State.empty()}
    for batch in (first, second):
        by_kernel = rules.rate(plan, batch, states["kernel"], engine="kernel")
        by_reference = rules.rate(plan, batch, states["reference"], engine="reference")
        same(by_kernel, by_reference)
        states = {"kernel": by_kernel.state, "reference": by_reference.state}


@examples(800, SIDE_BY_SIDE)
@given(crowds(), st.integers(0, 300))
def test_a_stream_cut_in_time_gives_the_awards_of_the_whole(town: Town, half_hours: int) -> None:
    """Where nothing waits for what comes later: then a cut may show an orphan that the whole never sees."""
    stream = town.stream.sort("occurred_at", "transaction_id")
    kept: set[str | None] = set()
    for name, kind, original in stream.select("transaction_id", "kind", "original_id").iter_rows():
        if kind == "SALE" or original in kept:
            kept.add(name)
    stream = stream.filter(pl.col("transaction_id").is_in([name for name in kept if name]))
    instant = stream["occurred_at"].min()
    assert isinstance(instant, datetime)
    early = stream["occurred_at"] < instant + timedelta(minutes=30 * half_hours)
    plan = town.plan
    whole = rules.rate(plan, stream, State.empty(), engine="reference")
    one = rules.rate(plan, stream.filter(early), State.empty(), engine="reference")
    two = rules.rate(plan, stream.filter(~early), one.state, engine="reference")
    assert_frame_equal(whole.awards, pl.concat([one.awards, two.awards]))
    same_state(whole.state, two.state)


@examples(400, SIDE_BY_SIDE)
@given(crowds(), st.randoms(use_true_random=False))
def test_row_order_of_the_input_does_not_matter(town: Town, random: object) -> None:
    rows = list(range(town.stream.height))
    random.shuffle(rows)  # type: ignore[attr-defined]
    plan = town.plan
    one = rules.rate(plan, town.stream, State.empty(), engine="reference")
    other = rules.rate(plan, town.stream[rows], State.empty(), engine="reference")
    same(one, other)


@examples(400, SIDE_BY_SIDE)
@given(crowds())
def test_a_scheme_that_no_sale_meets_changes_nothing(town: Town) -> None:
    stranger = {
        "scheme": "a-stranger", "version": 1, "programme": "p", "priority": 1, "effective": {"from": "2026-01-01"},
        "payee": "member", "eligibility": {"merchants": {"id": ["NO"]}}, "benefit": {"kind": "fixed", "off": "9.00"},
        "pools": [pool["name"] for pool in town.programme["pools"]], "funding": [{"sponsor": "city", "share": 1}],
    }  # fmt: skip
    more = town.planned([stranger, *town.schemes])
    one = rules.rate(town.plan, town.stream, State.empty(), engine="reference")
    same(one, rules.rate(more, town.stream, State.empty(), engine="reference"))


@given(st.integers(0, 10**15 - 1), st.integers(0, 10**15 - 1), st.integers(1, 10**15 - 1))
@examples(400)
def test_muldiv_is_exact_where_the_product_leaves_int64(a: int, b: int, c: int) -> None:
    from rules.kernel import muldiv, muldiv_half_up

    b = min(b, c)
    assert tuple(int(n) for n in muldiv(a, b, c)) == divmod(a * b, c)
    assert int(muldiv_half_up(a, b, c)) == half_up(a * b, c)


@given(st.integers(0, 10**15 - 1), st.integers(0, 10**6), st.sampled_from([0, 1, 2]), st.integers(1, 10**8))
@examples(400)
def test_rounded_part_of_the_kernel_is_the_exact_one(gross: int, ppm: int, how: int, unit: int) -> None:
    from rules import kernel
    from rules.layout import ROUNDINGS

    word = ROUNDINGS[how]
    assert int(kernel.rounded_part(gross, ppm, how, unit)) == rounded_part(gross, ppm, word, unit)  # type: ignore[arg-type]


@given(
    st.lists(st.integers(0, 10**15 - 1), min_size=1, max_size=5),
    st.lists(st.integers(1, 10**6), min_size=1, max_size=4),
)
@examples(300)
def test_shares_of_a_column_are_the_shares_of_each(kept: list[int], shares: list[int]) -> None:
    from rules.kernel_rated import split

    columns = split(np.array(kept, np.int64), shares)
    for at, amount in enumerate(kept):
        found = [int(column[at]) for column in columns]
        assert found == share_fen(amount, shares)
        assert sum(found) == amount
