"""A day that the bank changes while the account is back at its opening: it fits there, as the next statement would."""

from __future__ import annotations

from typing import Any

import pytest

from tests.batch.settle.books import FRI, MON, SAT, SUN, THU
from tests.batch.settle.restated import OPEN, Bank, bank, line

__all__ = ["bank"]

CHANGED, TWICE = ("REJECTED", "STATEMENT_CHANGED"), ("REJECTED", "STATEMENT_TWICE")
IN, OUT = line(100, reference="B1", booking_date=THU), line(-100, reference="B2", booking_date=THU)
BARE = (line(100, booking_date=THU), line(-100, booking_date=THU))
LATER = (line(70, booking_date=FRI), line(-70, booking_date=FRI))


def emptied(bank: Bank, *lines: dict[str, Any], since: tuple[dict[str, Any], ...] = ()) -> None:
    """Thursday of these lines, which sum to nothing, perhaps Friday's."""
    bank.begin(THU)
    bank.send(THU, OPEN, *lines)
    bank.ingest()
    bank.begin(FRI)
    if since:
        bank.send(FRI, OPEN, *since, number="2")
        bank.ingest()
    bank.begin(SAT)


def taken(bank: Bank, file_id: int, *lines: dict[str, Any]) -> None:
    """Two people take it: its lines stand, and the bank's next day goes on from there."""
    assert bank.status(file_id) == CHANGED
    bank.begin(SUN)
    effect = bank.look(file_id).effect_fen
    assert effect is not None
    bank.take(file_id, effect)
    bank.ingest()
    stand = sorted(one["amount_fen"] for one in lines)
    assert sorted(key[1] for key in bank.standing()) == stand
    assert bank.last() == OPEN + sum(stand)
    bank.begin(MON)
    more = bank.send(MON, OPEN + sum(stand), line(1), number="3")
    bank.ingest()
    assert bank.status(more) == ("ACCEPTED", None)


@pytest.mark.parametrize(
    "lines",
    [
        (IN, OUT | {"amount_fen": -90}),  # another amount
        (IN, line(-100, reference="B9", booking_date=THU), line(7, reference="B8", booking_date=THU)),
        (IN | {"amount_fen": 107}, OUT | {"amount_fen": -107}),  # it sums to nothing itself
    ],
)
@pytest.mark.parametrize("since", [(), LATER])
def test_a_line_that_the_bank_numbers_tells_another_version(
    bank: Bank, lines: tuple[dict[str, Any], ...], since: tuple[dict[str, Any], ...]
) -> None:
    emptied(bank, IN, OUT, since=since)
    changed = bank.send(THU, OPEN, *lines, number="1b")
    bank.ingest()
    taken(bank, changed, *lines, *since)


def test_it_lacks_a_line_alone(bank: Bank) -> None:
    emptied(bank, IN, OUT, since=LATER)
    changed = bank.send(THU, OPEN, IN, number="1b")
    bank.ingest()
    taken(bank, changed, IN, *LATER)


def test_a_later_day_tells_it_where_no_line_has_a_number_and_nothing_moves(bank: Bank) -> None:
    emptied(bank, *BARE, since=LATER)
    now = (line(100, booking_date=THU), line(-101, booking_date=THU), line(1, booking_date=THU))
    changed = bank.send(THU, OPEN, *now, number="1b")
    both = bank.send_all(FRI, (OPEN, now, "7"), (OPEN, LATER, "8"))
    bank.ingest()
    assert bank.status(both) == CHANGED
    taken(bank, changed, *now, *LATER)


def test_a_later_day_tells_it_where_no_line_has_a_number(bank: Bank) -> None:
    """Friday opened where Thursday closed: nothing of Thursday can have come between."""
    emptied(bank, *BARE, since=LATER)
    now = (line(33, booking_date=THU),)
    changed = bank.send(THU, OPEN, *now, number="1b")
    both = bank.send_all(FRI, (OPEN, now, "7"), (OPEN + 33, LATER, "8"))
    month = bank.send(FRI, OPEN, *now, *LATER, number="9")
    bank.ingest()
    assert [bank.status(one) for one in (both, month)] == [CHANGED, CHANGED]
    taken(bank, changed, *now, *LATER)


def test_a_second_page_of_the_day_is_taken(bank: Bank) -> None:
    """It has no number of before, and no later day went on; so has a restated day, which nothing tells."""
    emptied(bank, IN, OUT)
    page = bank.send(THU, OPEN, line(-30, reference="B3"), line(100, reference="B4"), number="2")
    bank.ingest()
    assert bank.status(page) == ("ACCEPTED", None)
    assert bank.last() == OPEN + 70


def test_numbers_that_tell_no_line(bank: Bank) -> None:
    """Of a shop, in each of its days and pages; of a payment and its return."""
    emptied(bank, *(one | {"reference": "SHOP"} for one in (IN, OUT)))
    day = bank.send(FRI, OPEN, line(60, reference="SHOP"), number="2")
    bank.ingest_again()
    back = bank.send(FRI, OPEN + 60, line(-60, reference="SHOP"), number="3")
    bank.ingest_again()
    lines = (line(8, reference="SHOP", booking_date=THU), line(9, reference="SHOP", booking_date=SAT))
    page = bank.send(SAT, OPEN, *lines, line(7, reference="SHOP", booking_date=THU), number="4")
    bank.ingest_again()
    assert [bank.status(one) for one in (day, back, page)] == [("ACCEPTED", None)] * 3


def test_a_restated_day_of_several_in_a_file_has_no_line_of_before(bank: Bank) -> None:
    """Each is of its own day, not of the file's; a day that was quiet has lines now."""
    bank.begin(THU)
    bank.send(THU, OPEN, line(5, booking_date=THU))
    bank.ingest()
    bank.begin(FRI)
    bank.send(FRI, OPEN + 5, number="2")
    bank.ingest()
    bank.begin(SAT)
    bank.send(SAT, OPEN + 5, line(9, booking_date=SAT), number="3")
    bank.ingest()
    bank.begin(SUN)
    days = ((OPEN, (line(6, booking_date=THU),), "7"), (OPEN + 6, (line(2, booking_date=FRI),), "8"))
    changed = bank.send_all(SAT, *days, (OPEN + 8, (line(9, booking_date=SAT),), "9"))
    bank.ingest()
    assert bank.status(changed) == CHANGED
    bank.begin(MON)
    bank.take(changed, 3)
    bank.ingest()
    assert sorted(key[1] for key in bank.standing()) == [2, 6, 9]
    assert bank.last() == OPEN + 17
