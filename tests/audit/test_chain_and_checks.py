"""The chain of closed days and the two shapes of a named check."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.audit.chain import GENESIS, close_record, first_break
from settlement.audit.checks import FINDING, LIMIT_USE, SIDE, equal, limits, listed

DAY = date(2026, 5, 7)


def chain(length):
    links, previous = [], GENESIS
    for n in range(length):
        links.append(close_record(DAY + timedelta(days=n), {"totals": {"awards": n}}, previous))
        previous = links[-1].digest
    return links


def test_a_record_is_canonical_json_whatever_the_order_of_its_content():
    one = close_record(DAY, {"b": 1, "a": "会员"}, GENESIS)
    two = close_record(DAY, {"a": "会员", "b": 1}, GENESIS)
    assert one == two
    assert one.record == f'{{"a":"会员","b":1,"business_date":"2026-05-07","previous":"{GENESIS}"}}'


def test_a_whole_chain_is_whole():
    assert first_break(chain(4)) is None
    assert first_break([]) is None


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: [c[0], c[2]], "2026-05-09: follows 2026-05-07"),
        (lambda c: [c[0], replace(c[1], previous=GENESIS), c[2]], "2026-05-08: names another record before it"),
        (lambda c: [replace(c[0], record=c[0].record.replace("0}", "9}")), *c[1:]], "2026-05-07: the record is not"),
        (lambda c: [c[0], replace(c[1], digest=GENESIS), c[2]], "2026-05-08: the record is not"),
        (lambda c: c[1:], "2026-05-08: names another record before it than the beginning"),
    ],
)
def test_a_broken_chain_names_the_first_day(spoil, message):
    assert message in first_break(spoil(chain(3)))


def test_a_day_rewritten_with_its_own_digest_breaks_the_next():
    links = chain(3)
    links[1] = close_record(links[1].business_date, {"totals": {"awards": 99}}, links[0].digest)
    assert first_break(links).startswith("2026-05-09: names another record")


def _sides(pairs):
    return pl.DataFrame(pairs, schema=SIDE, orient="row")


SUMS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-9, 9)), max_size=8)


@settings(deadline=None)
@given(SUMS, SUMS)
def test_two_sides_agree_exactly_when_every_subject_does(left, right):
    def sums(rows):
        return {key: total for key in "abc" if (total := sum(fen for name, fen in rows if name == key))}

    check = equal("x", "x", _sides(left), _sides(right), ("ours", "theirs"))
    assert check.ok == (sums(left) == sums(right))


def test_what_differs_is_named_in_yuan():
    check = equal("x", "x", _sides([("M1", 1005), ("M2", 1)]), _sides([("M1", 1000)]), ("ledger", "bank"))
    assert str(check) == "x: M1: ledger 10.05, bank 10.00 (and 1 more)"


def test_findings_are_counted_and_the_first_is_named():
    found = pl.DataFrame([("b", "late"), ("a", "gone")], schema=FINDING, orient="row")
    assert str(listed("x", "x", found)) == "x: a: gone (and 1 more)"
    assert str(listed("x", "x", found.clear())) == "x: ok"


@pytest.mark.parametrize(
    ("lowest", "highest", "value", "reinstated", "ok"),
    [
        (0, 10, 10, 0, True),
        (0, 11, 10, 0, False),
        (0, 11, 10, 1, True),
        (-1, 5, 10, 0, False),
        (0, 99, None, 0, True),
        (-1, 99, None, 0, False),
    ],
)
def test_limits(lowest, highest, value, reinstated, ok):
    row = pl.DataFrame([("l", lowest, highest, value, reinstated)], schema=LIMIT_USE, orient="row")
    assert limits(row).ok == ok
