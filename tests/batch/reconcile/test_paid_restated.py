"""A payment that came back and was paid once more, as people said; then a restated statement takes lines of it back."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from settlement.store import tables as t
from tests.batch.reconcile.nights import bank
from tests.batch.reconcile.test_paid import decided
from tests.batch.reconcile.test_paid_unanswered import books_of_payouts
from tests.batch.reconcile.test_reconcile import paid_out
from tests.batch.reconcile.test_results import results_of
from tests.batch.reconcile.test_unpaid import lived, written
from tests.batch.settle.books import FRI, MON, SAT, SUN, TUE, Books
from tests.batch.settle.conftest import books, books_server

__all__ = ["books", "books_server", "paid_out"]

PAID, BACK, AGAIN = (FRI, -300), (SAT, 300), (SUN, -300)


@pytest.fixture
def again(paid_out: tuple[Books, str]) -> tuple[Books, str]:
    books, item = paid_out
    written(books)
    for day, fen in (PAID, BACK, AGAIN):
        lived(books, day, (fen, {"end_to_end_id": item}))
    decided(books, item, f"main:{SUN}/1")
    return books, item


def without(books: Books, day: date, item: str, *lines: tuple[date, int]) -> dict[str, Any]:
    """A night that books a restated statement which lacks these lines."""
    books.begin(day)
    bank(books, day, *[(-fen, {"end_to_end_id": item}) for _, fen in lines])
    for number, (was, _) in enumerate(lines, 1):
        mark = {"row_id": f"main:{day}/{number}", "base_id": f"main:{was}", "ends": f"main:{was}/1", "version": None}
        books.put(t.correction, mark | {"decision_id": 3, "business_date": day})
    return lived(books, day, statement=False)


def test_the_return_is_taken_back_in_the_night_that_books_the_payment(again: tuple[Books, str]) -> None:
    """Then the bank paid twice: the payable is settled once, and what went too much is told and stands on suspense."""
    books, item = again
    summary = without(books, MON, item, BACK)
    assert (summary["bank_lines"], summary["decisions_refused"]) == ({"paid_decided": 1, "unknown": 1}, [])
    assert summary["discrepancies"] == {"UNKNOWN_DEBIT": 1}
    assert books_of_payouts(books) == (0, 0, 300)


@pytest.mark.parametrize("lines", [(PAID, BACK), (PAID,)])
@pytest.mark.parametrize("day", [MON, TUE])
def test_a_debit_that_came_back_is_not_the_one_that_pays(
    again: tuple[Books, str], lines: tuple[tuple[date, int], ...], day: date
) -> None:
    """The later debit does, and stands: were the payment in transit again, people could call it unpaid: paid twice."""
    books, item = again
    if day == TUE:
        lived(books, MON)
    summary = without(books, day, item, *lines)
    assert summary["discrepancies"] == {"UNKNOWN_CREDIT": 1} | ({"UNKNOWN_DEBIT": 1} if BACK in lines else {})
    assert [row[2] for row in results_of(books)] == ["paid", "returned", "paid"]
    assert books_of_payouts(books) == (0, 0, 0 if BACK in lines else -300)


def test_all_of_it_is_taken_back(again: tuple[Books, str]) -> None:
    """The night stopped: two debits of one payment in doubt at once."""
    books, item = again
    lived(books, MON)
    summary = without(books, TUE, item, PAID, BACK, AGAIN)
    assert summary["discrepancies"] == {"UNKNOWN_CREDIT": 1, "UNKNOWN_DEBIT": 1, "UNPAID": 1}
    assert [row[2] for row in results_of(books)] == ["paid", "returned", "paid", "unknown"]
    assert books_of_payouts(books) == (-300, 0, 0)
