"""A debit without our number that pays what nobody has answered; and payments that come to life again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from batch import paid
from batch.steps.settle import settle
from settlement.model.errors import NotAllowed
from settlement.store import tables as t
from tests.batch.reconcile.nights import bank, decide, discrepancies
from tests.batch.reconcile.test_paid import (
    FRIDAY,
    LINE,
    SATURDAY,
    SUNDAY,
    decided,
    holds,
    late,
    left,
    say,
    ways,
)
from tests.batch.reconcile.test_reconcile import paid_out
from tests.batch.reconcile.test_results import balance, results_of, told
from tests.batch.reconcile.test_unpaid import BATCH, NEXT, WED, approve, half, items, lived, propose, silent, written
from tests.batch.settle.books import FRI, MON, SAT, SUN, Books
from tests.batch.settle.conftest import books, books_server

__all__ = ["books", "books_server", "late", "paid_out", "silent"]

LOST = {"end_to_end_id": "NOTPROVIDED"}


def books_of_payouts(books: Books) -> tuple[int, int, int]:
    """Transit, payable and suspense."""
    return balance(books, "2205"), balance(books, "2202"), balance(books, "1901")


def take_back(books: Books, day: date, line: str, name: dict[str, str]) -> dict[str, Any]:
    """A night whose restated statement takes a debit of 3.00 back."""
    books.begin(day)
    bank(books, day, (300, name))
    mark = {"row_id": f"main:{day}/1", "base_id": line.split("/", maxsplit=1)[0], "version": None, "ends": line}
    books.put(t.correction, mark | {"decision_id": 3, "business_date": day})
    return lived(books, day, statement=False)


def test_a_debit_without_a_number_is_a_payment_that_nobody_answered(silent: tuple[Books, str]) -> None:
    books, item = silent
    lived(books, WED, (-300, LOST))
    line, case = f"main:{WED}/1", f"D-{WED:%Y%m%d}-000001"
    with pytest.raises(
        NotAllowed,
        match=rf"may be it \({line}, -3.00 of {WED}\); if it was, `puhui payout paid` says so; if not, decide about"
        rf" {case} first",
    ):
        propose(books, item)
    (way,) = ways(books)
    assert way.startswith(f"{line}, -3.00 of {WED}, may be the payment of {item}; if it was: puhui payout paid")
    decided(books, item, line)
    (one,) = books.do(lambda c: paid.look(c, books.run, BATCH))
    assert one.doubts == [
        f"{line}, -3.00 of {WED}, names no payment of ours; banks lose numbers, but it may be something else"
    ]
    summary = lived(books, NEXT)
    assert (summary["bank_lines"], summary["events"]) == ({"paid_decided": 1}, {"explained": 2})
    assert [row[1::3] for row in discrepancies(books)] == [("UNPAID", "explained"), ("UNKNOWN_DEBIT", "explained")]
    assert [row[1:4] for row in results_of(books)] == [(1, "paid", line)]
    # as of any payment: out of transit, and never payable
    assert books.rows("SELECT event, entry_key FROM puhui.entry WHERE business_date = :d", d=NEXT) == [
        ("paid", f"cleared:{line}")
    ]
    assert books_of_payouts(books) == (0, 0, 0)
    with pytest.raises(NotAllowed, match="the bank paid it"):
        propose(books, item)
    lived(books, FRIDAY)
    assert len(items(books)) == 1


def test_before_it_is_called_unpaid_by_the_calendar(paid_out: tuple[Books, str]) -> None:
    """There is no UNPAID yet, and there will be none."""
    books, item = paid_out
    with pytest.raises(NotAllowed, match="its batch has not left; no debit can be its payment"):
        say(books, item)
    written(books)
    lived(books, FRI, (-300, LOST))
    decided(books, item, f"main:{FRI}/1")
    assert lived(books, SAT)["events"] == {"explained": 1}
    for day in (SUN, MON, MON + timedelta(days=1), WED):
        assert lived(books, day)["discrepancies"] == {}
    assert books_of_payouts(books) == (0, 0, 0)


def test_its_own_debit_comes_in_the_night_that_should_do_it(silent: tuple[Books, str]) -> None:
    """The other one stays open, and nothing is paid by two."""
    books, item = silent
    lived(books, WED, (-300, LOST))
    decided(books, item, f"main:{WED}/1")
    summary = lived(books, NEXT, (-300, {"end_to_end_id": item}))
    assert summary["bank_lines"] == {"paid": 1, "unknown": 1}
    (refused,) = summary["decisions_refused"]
    assert f"{LINE}, -3.00 of {NEXT} names it: propose that line" in refused
    assert [row[1:4] for row in results_of(books)] == [(1, "paid", LINE)]
    assert books_of_payouts(books) == (0, 0, 300)


@pytest.mark.parametrize(("word", "taken"), [("rejected", 0), ("paid", 1)])
def test_a_word_of_the_bank_in_that_night(silent: tuple[Books, str], word: str, taken: int) -> None:
    books, item = silent
    lived(books, WED, (-300, LOST))
    decided(books, item, f"main:{WED}/1")
    books.begin(NEXT)
    told(books, {"end_to_end_id": item, "result": word, "reason": "AC01"})
    summary = lived(books, NEXT)
    assert (summary["bank_lines"].get("paid_decided", 0), len(summary["decisions_refused"])) == (taken, 1 - taken)
    assert [row[2] for row in results_of(books)] == ["paid" if taken else "rejected"]
    assert books_of_payouts(books) == ((0, 0, 0) if taken else (0, -300, 300))


def test_a_payment_that_came_to_life_again_may_be_called_unpaid_again(late: tuple[Books, str]) -> None:
    """Unpaid, paid after all, taken back by the bank, and unpaid once more: each is an entry of its own."""
    books, item = late
    decided(books, item)
    lived(books, FRIDAY)
    take_back(books, SATURDAY, LINE, {"end_to_end_id": item})
    assert books_of_payouts(books) == (-300, 0, 0)
    day = SUNDAY
    for _ in range(4):
        lived(books, day)
        day += timedelta(days=1)
    propose(books, item)
    approve(books)
    assert lived(books, day)["bank_lines"] == {"unpaid": 1}
    assert [row[2] for row in results_of(books)] == ["unpaid", "paid", "unknown", "unpaid"]
    assert books_of_payouts(books) == (0, -300, 0)
    keys = [row[0] for row in books.rows("SELECT entry_key FROM puhui.entry WHERE event = 'rejected' ORDER BY 1")]
    assert keys == [f"rejected:{item}", f"rejected:{item}/4"]
    assert items(books)[-1] == (item[:-1] + "3", 300, item)


def test_a_payment_that_came_to_life_again_goes_before_a_dead_one(silent: tuple[Books, str]) -> None:
    """The second was refused, the first paid after all, and taken back: it may be paid yet, and nothing replaces it."""
    books, item = silent
    propose(books, item)
    approve(books)
    lived(books, WED)
    again, batch = item[:-1] + "2", "B-20260513-1"
    left(books, batch)
    books.begin(NEXT)
    told(books, {"end_to_end_id": again, "result": "rejected", "reason": "AC01"})
    lived(books, NEXT, (-300, {"end_to_end_id": item}))
    decided(books, item)
    lived(books, FRIDAY)
    take_back(books, SATURDAY, LINE, {"end_to_end_id": item})
    ((case,),) = books.rows("SELECT discrepancy_id FROM puhui.discrepancy WHERE business_date = :d", d=SATURDAY)
    decide(books, SUNDAY, "explain", case)
    books.account("M1", since=SAT)
    day = SUNDAY
    for _ in range(3):
        lived(books, day)
        day += timedelta(days=1)
    assert len(items(books)) == 2
    assert books_of_payouts(books) == (-300, 0, 0)


def test_what_is_approved_holds_too_until_its_night(paid_out: tuple[Books, str]) -> None:
    """People may decide while a night runs, before it drafts: what it drafts would stand against them, and leave."""
    books, item = paid_out
    written(books)
    told(books, {"end_to_end_id": item, "result": "rejected", "reason": "AC01"})
    lived(books, FRI)
    lived(books, SAT, (-300, LOST))
    books.account("M1", since=SAT)
    half(books, SUN)
    tonight = books.run
    books.run = replace(tonight, business_date=MON)
    decided(books, item, f"main:{SAT}/1")
    books.run = tonight
    books.do(lambda c: settle(c, books.run))
    assert holds(books, SUN) == ["the bank may have paid it already (D-20260509-000001): decide about that first"]
    assert len(items(books)) == 1
