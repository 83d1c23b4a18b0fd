"""Frames of statement lines: each column has its own values, and no card number is overlooked by the quick look."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.accounts.statement import Block, Line, Statement, mask_cards
from settlement.model.frames import STATEMENT_LINE

# what card numbers are made of, with what may stand between and beside their digits
NUMBERS = st.tuples(
    st.sampled_from(["62", "81", "4", "51", "６2", "8１", "6 2", "3", "x62", "062"]),
    st.text("0123456789", min_size=10, max_size=18),
    st.sampled_from(["", " ", "-", "\u3000", "\u00a0", "７"]),
    st.integers(0, 18),
    st.sampled_from(["", " ", "a", "5", "\n62"]),
).map(lambda parts: parts[0] + parts[1][: parts[3]] + parts[2] + parts[1][parts[3] :] + parts[4])
TEXTS = st.none() | st.lists(NUMBERS | st.sampled_from(["", "商户", "ab", "4111111111111111"]), max_size=3).map("".join)


def line(number: int, name: str | None, account: str | None, remittance: str | None) -> Line:
    own = (f"r{number}", f"e{number}", name, account, remittance, f"b{number}")
    return Line(number, None, None, 7 * number, False, *own, 11 * number, 13 * number, 17 * number)


@pytest.mark.parametrize("times", [1, 256])  # few rows are looked at in Python, many by Polars
@given(texts=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=4))
def test_every_card_number_is_masked_and_nothing_else(
    texts: list[tuple[str | None, str | None, str | None]], times: int
) -> None:
    texts = texts * times
    block = Block()
    block.add(Statement("S", "A", "CNY", 1, 2), [line(number, *three) for number, three in enumerate(texts)])
    frame = block.frame("f")
    shown = [tuple(text and mask_cards(text) for text in three) for three in texts]
    assert frame.select("counterparty_name", "counterparty_account", "remittance").rows() == shown


def test_columns_keep_their_own_values_over_several_statements() -> None:
    block = Block()
    block.add(Statement("S1", "A1", "CNY", 1, 2), [line(1, "n1", "a1", "t1"), line(2, "n2", "a2", "t2")])
    block.add(Statement("S2", "A2", "EUR", 3, 4), [line(3, "n3", "a3", "t3")])
    frame = block.frame("f")
    assert frame.schema == pl.Schema(STATEMENT_LINE)
    assert frame.rows() == [
        ("S1", "A1", "CNY", 1, 2, 1, None, None, 7, False, "r1", "e1", "n1", "a1", "t1", "b1", "f", 11, 13, 17),
        ("S1", "A1", "CNY", 1, 2, 2, None, None, 14, False, "r2", "e2", "n2", "a2", "t2", "b2", "f", 22, 26, 34),
        ("S2", "A2", "EUR", 3, 4, 3, None, None, 21, False, "r3", "e3", "n3", "a3", "t3", "b3", "f", 33, 39, 51),
    ]
