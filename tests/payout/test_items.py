"""Payout items: a payable is in one live item, or held with a reason; the life of a batch."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from settlement.model.errors import NotAllowed
from settlement.payout.items import ACCOUNT, HOLD, NO_ACCOUNT, NOT_APPROVED, PAYABLE, draft_items
from settlement.payout.life import Batch, Decided, may_approve, may_confirm, may_release, over_drawn

OLD, NEW = date(2026, 1, 1), date(2026, 5, 9)
DAY = date(2026, 5, 8)


def payable(no, *, kind="merchant", payee="M1", fen=100, last=None, voided=None, result=None, reason=None):
    attempt, account = (None, None) if last is None else last
    e2e = None if attempt is None else f"{no}-{attempt}"
    since = None if attempt is None else OLD
    return (no, kind, payee, fen, attempt, e2e, account, since, voided, result, reason)


def run(payables, accounts, refused=()):
    return draft_items(
        pl.DataFrame(payables, schema=PAYABLE, orient="row"),
        pl.DataFrame(accounts, schema=ACCOUNT, orient="row"),
        pl.DataFrame(list(refused), schema=HOLD, orient="row"),
        "B-20260507",
    )


GOOD = ("merchant", "M1", 1, OLD, True)
CORRECTED = ("merchant", "M1", 7, NEW, True)


def test_a_new_payable_leaves_as_attempt_one():
    result = run([payable("S-1")], [GOOD])
    assert result.items.select("end_to_end_id", "batch_no", "attempt", "amount_fen", "replaces").rows() == [
        ("S-1-1", "B-20260507-1", 1, 100, None)
    ]
    assert result.batches.rows() == [("B-20260507-1", "merchant", 1, 100)]


@pytest.mark.parametrize(
    ("state", "accounts", "expected"),
    [
        ({}, [], NO_ACCOUNT),
        ({}, [("merchant", "M1", 1, OLD, False)], NOT_APPROVED),
        ({"last": (1, 1), "voided": False}, [GOOD], None),
        ({"last": (1, 1), "voided": False}, [CORRECTED], None),
        ({"last": (1, 1), "voided": True}, [GOOD], "S-1-2"),
        ({"last": (1, 1), "voided": False, "result": "returned", "reason": "AC04"}, [GOOD], "AC04"),
        ({"last": (1, 1), "voided": False, "result": "returned"}, [CORRECTED], "S-1-2"),
        ({"last": (2, 1), "voided": False, "result": "rejected"}, [CORRECTED], "S-1-3"),
        ({"last": (1, 1), "voided": False, "result": "returned"}, [(*CORRECTED[:4], False)], NOT_APPROVED),
        ({"last": (1, 1), "voided": False, "result": "paid"}, [GOOD], None),
    ],
)
def test_what_becomes_of_a_payable(state, accounts, expected):
    result = run([payable("S-1", **state)], accounts)
    seen = result.items["end_to_end_id"].to_list() + result.holds["reason"].to_list()
    if expected is None:
        assert seen == []
    else:
        assert len(seen) == 1
        assert expected in seen[0]


def test_a_batch_per_payee_kind_and_its_total():
    payables = [
        payable("S-2", kind="merchant", fen=5),
        payable("S-1", kind="member", payee="U1", fen=7),
        payable("S-3", kind="merchant", payee="M2", fen=6),
    ]
    accounts = [GOOD, ("merchant", "M2", 1, OLD, True), ("member", "U1", 1, OLD, True)]
    result = run(payables, accounts)
    assert result.batches.rows() == [("B-20260507-1", "member", 1, 7), ("B-20260507-2", "merchant", 2, 11)]


def test_what_the_file_cannot_carry_is_held():
    result = run([payable("S-1"), payable("S-2")], [GOOD], [("S-1", "its bank code is wrong")])
    assert result.items["end_to_end_id"].to_list() == ["S-2-1"]
    assert result.holds.rows() == [("S-1", "its bank code is wrong")]


FRESH = Batch("B-1", "night", "d", DAY)
APPROVED = Batch("B-1", "night", "d", DAY, (Decided("approved", "ann", "d"),))
RELEASED = Batch("B-1", "night", "d", DAY, (*APPROVED.decided, Decided("released", "bo", "d")))


def test_the_straight_way():
    may_approve(FRESH, "ann", DAY)
    assert may_release(APPROVED, "bo", "d", DAY).actor == "ann"
    may_confirm(RELEASED, "ann")
    assert [b.state for b in (FRESH, APPROVED, RELEASED)] == ["drafted", "approved", "released"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: may_approve(FRESH, "night", DAY), "night made it; another person approves"),
        (lambda: may_approve(APPROVED, "cy", DAY), "it is approved"),
        (lambda: may_approve(FRESH, "ann", date(2026, 5, 9)), "execution date 2026-05-08 has passed"),
        (lambda: may_release(FRESH, "bo", "d", DAY), "it is drafted"),
        (lambda: may_release(APPROVED, "ann", "d", DAY), "another person releases"),
        (lambda: may_release(APPROVED, "bo", "x", DAY), "not the one that was approved"),
        (lambda: may_release(RELEASED, "cy", "d", DAY), "it is released"),
        (lambda: may_confirm(APPROVED, "bo"), "only a released batch"),
    ],
)
def test_every_other_way_is_refused(call, message):
    with pytest.raises(NotAllowed, match=message):
        call()


def test_overdraft():
    funds = [("bank", 1000), ("gusu", 0)]
    assert over_drawn(funds, [("bank", 1000)], {}) == []
    assert over_drawn(funds, [("bank", 1001), ("gusu", 5)], {"gusu": 5}) == [("bank", -1)]
    assert over_drawn([], [("new", 3)], {"new": 1}) == [("new", -2)]
