"""Columns of fen as text: by the table or one by one, the same as `format_yuan`."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rules.yuan import yuan_texts
from settlement.model.money import format_yuan

near = st.integers(-3000, 3000)
far = st.integers(-(10**15), 10**15)


@given(st.lists(st.one_of(st.none(), near, far)), st.booleans())
def test_each_amount_reads_as_format_yuan_says(values: list[int | None], many: bool) -> None:
    values *= 50 if many else 1
    texts = yuan_texts(pl.Series("a_fen", values, dtype=pl.Int64)).to_list()
    assert texts == [None if value is None else format_yuan(value) for value in values]
