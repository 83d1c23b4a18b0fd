"""The passes: small cases by hand, then random lists against the slow reading, in any order of rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.reconciliation import discrepancies
from settlement.reconciliation.matching import RECON_ITEM
from settlement.store import reconcile
from tests.reconciliation.items import FRI, NOON, item, left, matched, pairs, slow

FULL = {"rrn": "612700000001", "terminal_no": "T1", "stan": "000001"}
CARD = {"card_id": 7, "card_tail": "1234"}

CASES: dict[str, tuple[list[Any], list[Any], list[Any], list[Any], list[Any]]] = {
    # name: ours, theirs, pairs, left of ours, left of theirs
    "exact": ([item("a", **FULL)], [item("x", **FULL)], [("a", "x", "exact", "BALANCED")], [], []),
    "a purse has no rrn: terminal and number do": (
        [item("a", terminal_no="P1", stan="0000000009")],
        [item("x", terminal_no="P1", stan="0000000009")],
        [("a", "x", "exact", "BALANCED")],
        [],
        [],
    ),
    "rrn of zeros says nothing": (
        [item("a", rrn="000000000000")],
        [item("x", rrn="000000000000")],
        [],
        [("a", "single", "")],
        [("x", "single", "")],
    ),
    "reference with another amount": (
        [item("a", 1000, **FULL)],
        [item("x", 1100, **FULL)],
        [("a", "x", "reference", "AMOUNT_MISMATCH")],
        [],
        [],
    ),
    "reference without their rrn": (
        [item("a", **FULL)],
        [item("x", terminal_no="T1", stan="000001")],
        [("a", "x", "reference", "BALANCED")],
        [],
        [],
    ),
    "the same trace number on another day is another sale": (
        [item("a", terminal_no="T1", stan="000001")],
        [item("x", 900, terminal_no="T1", stan="000001", minutes=24 * 60)],
        [],
        [("a", "single", "")],
        [("x", "single", "")],
    ),
    "a sale here is a void there": (
        [item("a", 1000, **FULL)],
        [item("x", -1000, kind="VOID", **FULL)],
        [("a", "x", "reference", "STATUS_MISMATCH")],
        [],
        [],
    ),
    "a void that repeats its sale's rrn does not take the sale": (
        [item("a", **FULL), item("v", -1000, kind="VOID", original_id="a", **FULL)],
        [item("x", **FULL)],
        [("a", "x", "exact", "BALANCED")],
        [("v", "single", "")],
        [],
    ),
    "near by card": (
        [item("a", **CARD)],
        [item("x", minutes=4, **CARD)],
        [("a", "x", "near", "BALANCED")],
        [],
        [],
    ),
    "near by the last four where they show a mask": (
        [item("a", **CARD)],
        [item("x", card_tail="1234", minutes=-5)],
        [("a", "x", "near", "BALANCED")],
        [],
        [],
    ),
    "not near: six minutes": (
        [item("a", **CARD)],
        [item("x", minutes=6, **CARD)],
        [],
        [("a", "single", "")],
        [("x", "single", "")],
    ),
    "not near: two cards with the same last four": (
        [item("a", card_id=7, card_tail="1234")],
        [item("x", card_id=8, card_tail="1234")],
        [],
        [("a", "single", "")],
        [("x", "single", "")],
    ),
    "two candidates: nothing is matched": (
        [item("a", **CARD)],
        [item("x", minutes=1, **CARD), item("y", minutes=2, **CARD)],
        [],
        [("a", "ambiguous", "x y")],
        [("x", "ambiguous", "a"), ("y", "ambiguous", "a")],
    ),
    "a claim leaves another item with one candidate": (
        [item("a", **CARD), item("b", minutes=4, **FULL, **CARD)],
        [item("x", minutes=1, **CARD), item("y", minutes=2, **FULL, **CARD)],
        [("a", "x", "near", "BALANCED"), ("b", "y", "exact", "BALANCED")],
        [],
        [],
    ),
    "their second copy": (
        [item("a", **FULL)],
        [item("x", **FULL), item("x#2", **FULL)],
        [("a", "x", "exact", "BALANCED")],
        [],
        [("x#2", "duplicate", "x")],
    ),
    "our second copy under another key": (
        [item("a", **FULL), item("b", **FULL)],
        [item("x", **FULL)],
        [("a", "x", "exact", "BALANCED")],
        [("b", "duplicate", "a")],
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    ours, theirs, expected, ours_left, theirs_left = CASES[name]
    found = matched(ours, theirs)
    assert pairs(found) == expected
    assert left(found.ours_left) == ours_left
    assert left(found.theirs_left) == theirs_left


def test_carry_closes_yesterday() -> None:
    yesterday = [item("a", **FULL)]
    found = matched([], [item("x", clearing_date=FRI, business_date=FRI, **FULL)], ours_open=yesterday)
    assert pairs(found) == [("a", "x", "carry", "BALANCED")]
    assert found.matches["key"][0].startswith("rule=exact|rrn=612700000001|terminal_no=T1")
    assert found.ours_left.is_empty()


def test_carry_comes_before_the_opposite_direction() -> None:
    """Tonight's void repeats the rrn of yesterday's sale, which their file holds only tonight."""
    void = item("v", -1000, kind="VOID", original_id="a", **FULL)
    found = matched([void], [item("x", **FULL)], ours_open=[item("a", **FULL)])
    assert pairs(found) == [("a", "x", "carry", "BALANCED")]
    assert left(found.ours_left) == [("v", "single", "")]


def test_what_stays_open_is_nowhere() -> None:
    found = matched([], [], ours_open=[item("a", **FULL)], theirs_open=[item("x", rrn="9")])
    assert pairs(found) == []
    assert found.ours_left.is_empty()
    assert found.theirs_left.is_empty()


def test_the_store_speaks_of_the_same_things() -> None:
    """The store and this room do not import each other; what both name is equal."""
    assert reconcile.RECON_COLUMNS == RECON_ITEM
    assert reconcile.CLOSING == discrepancies.CLOSING


# --- random lists --------------------------------------------------------------------------------------------------

_SOME = st.sampled_from
_VALUES = st.fixed_dictionaries(
    {
        "amount_fen": _SOME([1000, 1000, 1100, -1000]),
        "rrn": _SOME([None, "1", "2", "3", "000"]),
        "terminal_no": _SOME([None, "T1", "T2"]),
        "stan": _SOME([None, "11", "12"]),
        "card_id": _SOME([None, 7, 8]),
        "card_tail": _SOME([None, "1234"]),
        "merchant_no": _SOME(["M1", "M1", None]),
        "minutes": _SOME([0, 3, 6, 24 * 60]),
    }
)


@st.composite
def _lists(draw: st.DrawFn) -> list[list[Any]]:
    sides = []
    for side in ("a", "x", "old-a", "old-x"):
        count = draw(st.integers(0, 6 if len(side) == 1 else 3))
        rows = [draw(_VALUES) for _ in range(count)]
        named = [
            item(f"{side}{n}", v["amount_fen"], **{k: w for k, w in v.items() if k not in ("amount_fen", "minutes")})
            | {"occurred_at": NOON + timedelta(minutes=v["minutes"])}
            for n, v in enumerate(rows)
        ]
        if side == "x" and named and draw(st.booleans()):
            named.append(named[0] | {"item_id": named[0]["item_id"] + "#2"})
        sides.append(named)
    return sides


@settings(max_examples=120, deadline=None)
@given(_lists())
def test_equals_the_slow_reading(sides: list[list[Any]]) -> None:
    found = matched(*sides)
    expected, ours_left, theirs_left = slow(*sides)
    assert pairs(found) == expected
    assert left(found.ours_left) == ours_left
    assert left(found.theirs_left) == theirs_left


@settings(max_examples=40, deadline=None)
@given(_lists(), st.randoms(use_true_random=False))
def test_order_of_rows_is_nothing_and_every_item_stands_once(sides: list[list[Any]], random: Any) -> None:
    found = matched(*sides)
    shuffled = [random.sample(rows, len(rows)) for rows in sides]
    again = matched(*shuffled)
    assert found.matches.equals(again.matches)
    assert found.ours_left.equals(again.ours_left)
    assert found.theirs_left.equals(again.theirs_left)
    for index, (side, rest) in enumerate((("ours_id", found.ours_left), ("theirs_id", found.theirs_left))):
        claimed = found.matches[side].to_list()
        assert len(set(claimed)) == len(claimed), "one to one"
        old = {row["item_id"] for row in sides[index + 2]}
        stands = [name for name in claimed if name not in old] + rest["item_id"].to_list()
        assert sorted(stands) == sorted(row["item_id"] for row in sides[index])


def test_a_number_repeated_everywhere_does_not_multiply_rows() -> None:
    """4,000 items a side under one rrn would be 16 million pairs; they are ambiguous, at once."""
    ours = [item(f"a{n}", n + 1, rrn="1", stan=str(n + 1)) for n in range(4_000)]
    theirs = [item(f"x{n}", n + 1, rrn="1", stan=str(n + 9_000)) for n in range(4_000)]
    found = matched(ours, theirs)
    assert found.matches.is_empty()
    assert found.ours_left["state"].unique().to_list() == ["ambiguous"]
    assert found.ours_left.filter(pl.col("others").str.split(" ").list.len() > 5).is_empty()
