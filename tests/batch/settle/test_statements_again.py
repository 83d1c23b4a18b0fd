"""Statements in any order in a file, and lines that come again where no balance shows it."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from adapters.base import Closing
from batch.steps import ingest
from settlement.model.frames import STATEMENT_LINE
from settlement.store import tables as t
from tests.batch.settle.books import FRI, SAT, THU, Books, at
from tests.batch.settle.test_accept import moved, taken_of

OPEN = 1_000_000


def pair(name: str, amount: int = 500, closing: int = OPEN) -> tuple[dict[str, Any], ...]:
    """A payout and its return: lines that leave no trace in the balance."""
    head = {"statement": name, "opening_fen": OPEN, "closing_fen": closing, "reference": "R"}
    return head | {"amount_fen": -amount}, head | {"amount_fen": amount, "line": 2, "record": 2}


def stored(books: Books) -> tuple[int, int]:
    return books.rows("SELECT count(*), coalesce(sum(abs(amount_fen)), 0)::bigint FROM puhui.bank_line")[0]


def test_the_newest_may_stand_first(books: Books) -> None:
    books.begin(THU)
    days = [
        moved(OPEN + 900, OPEN + 200, statement="3", booking_date=SAT),
        moved(OPEN + 900, OPEN + 900, statement="x", line=None, amount_fen=None, booking_date=None),
        moved(OPEN + 100, OPEN + 900, statement="2", booking_date=FRI),
        moved(OPEN, OPEN + 100, statement="1", booking_date=THU),
    ]
    assert taken_of(books, *days).status == "ACCEPTED"
    assert stored(books) == (3, 1600)


@pytest.mark.parametrize("turn", [1, -1])
def test_they_may_be_sorted_by_anything_while_balances_and_days_agree(books: Books, turn: int) -> None:
    books.begin(THU)
    days = [
        moved(OPEN, OPEN + 100, statement="1"),
        moved(OPEN + 7, OPEN + 9, statement="10", booking_date=SAT),
        moved(OPEN + 100, OPEN, statement="2"),
        moved(OPEN, OPEN + 7, statement="3", booking_date=FRI),
    ]
    assert taken_of(books, *days[::turn]).status == "ACCEPTED"
    assert stored(books) == (4, 209)


def test_balances_that_follow_against_the_days_are_a_gap(books: Books) -> None:
    """The older one opens 1.00 away: a statement is missing before it, though the newer one goes round."""
    books.begin(THU)
    days = [moved(OPEN + 100, OPEN, statement="1"), moved(OPEN, OPEN + 100, statement="2", booking_date=FRI)]
    outcome = taken_of(books, *days)
    assert (outcome.code, outcome.message) == (
        "GAP",
        "statement 1 opens 1.00 away from the last closing; a statement is missing",
    )


def test_days_of_value_may_go_back_where_no_balance_comes_twice(books: Books) -> None:
    """Some banks write no day of booking, and a line may be of value the day after tomorrow."""
    books.begin(THU)
    days = [
        moved(OPEN + 100, OPEN + 300, statement="2", booking_date=FRI),
        moved(OPEN, OPEN + 100, statement="1", booking_date=SAT),
    ]
    assert taken_of(books, *days).status == "ACCEPTED"
    assert stored(books) == (2, 300)


def test_a_gap_is_named_where_it_is_in_time(books: Books) -> None:
    books.begin(THU)
    outcome = taken_of(
        books,
        moved(OPEN + 900, OPEN + 200, statement="3", booking_date=SAT),
        moved(OPEN, OPEN + 100, statement="1", booking_date=THU),
    )
    assert outcome.message == "statement 3 opens 8.00 away from the last closing; a statement is missing"


@pytest.mark.parametrize("closing", [OPEN, OPEN + 300])
def test_a_statement_that_stands_twice_in_a_file_counts_once(books: Books, closing: int) -> None:
    books.begin(THU)
    third = {"amount_fen": closing - OPEN, "line": 3, "record": 3}
    first = [*pair("1", closing=closing), pair("1", closing=closing)[0] | third]
    again = [row | {"statement": "1#2", "record": row["record"] + 3 if "record" in row else 4} for row in first]
    outcome = taken_of(books, *first, *again)
    assert (outcome.status, outcome.accepted, outcome.duplicate) == ("ACCEPTED", 3, 3)
    assert [(reject.record, reject.code) for reject in outcome.rejects] == [(4, "STATEMENT_TWICE")]
    assert outcome.row(1, THU)["rejected"] == 0
    assert stored(books) == (3, 1000 + closing - OPEN)


def test_one_of_its_number_with_other_lines_counts(books: Books) -> None:
    """Banks that give all statements of a day one number."""
    books.begin(THU)
    other = [row | {"statement": "1#2", "reference": "S", "record": n} for n, row in enumerate(pair("1"), 3)]
    assert taken_of(books, *pair("1"), *other).status == "ACCEPTED"
    assert stored(books) == (4, 2000)


PARTS = (
    moved(OPEN, OPEN - 500, statement="7", reference="R"),
    moved(OPEN - 500, OPEN, statement="8", reference="R", record=2),
)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pair("a.csv"), pair("b.csv")),  # an export that was saved again
        (PARTS, PARTS),  # its parts move the balance, the whole does not
        (PARTS, pair("9")),  # parts of a day, then the day
        (pair("9"), PARTS),
    ],
)
def test_what_comes_again_and_sums_to_nothing_is_seen_by_its_lines(
    books: Books, first: tuple[dict[str, Any], ...], second: tuple[dict[str, Any], ...]
) -> None:
    books.begin(THU)
    assert taken_of(books, *first).status == "ACCEPTED"
    outcome = taken_of(books, *second)
    assert (outcome.status, outcome.code) == ("REJECTED", "STATEMENT_TWICE")
    assert stored(books) == (2, 1000)


def test_another_version_of_a_day_of_an_account_that_is_emptied_daily(books: Books) -> None:
    """What came in is 1.00, then 1.07 by another export: what was swept out is another line, and no balance differs."""
    books.begin(THU)
    head = {"opening_fen": OPEN, "closing_fen": OPEN, "statement": "a.csv", "reference": "R1"}
    swept = head | {"amount_fen": -100, "reference": "R2", "line": 2, "record": 2}
    assert taken_of(books, head, swept).status == "ACCEPTED"
    more = [head, head | {"amount_fen": 7, "line": 2, "record": 2, "reference": "R3"}, swept | {"amount_fen": -107}]
    more[2] |= {"line": 3, "record": 3}
    outcome = taken_of(books, *(row | {"statement": "b.csv"} for row in more))
    said = "statement b.csv opens as one of 2026-05-07 did that was taken, and lacks 1 line of -1.00 and adds 2 lines"
    assert (outcome.code, str(outcome.message).partition(" of -1.00; nothing")[0]) == ("STATEMENT_CHANGED", said)
    assert stored(books) == (2, 200)


def test_parts_of_a_day_and_the_day_in_one_file(books: Books) -> None:
    books.begin(THU)
    outcome = taken_of(books, *PARTS, *pair("9"))
    assert (outcome.status, outcome.code) == ("REJECTED", "STATEMENT_TWICE")


def test_lines_that_look_like_others_count_where_the_balance_proves_them(books: Books) -> None:
    """A charge of the same amount twice a day, in two statements; on another day the same pair again."""
    books.begin(THU)
    assert taken_of(books, moved(OPEN, OPEN - 5, statement="1")).status == "ACCEPTED"
    assert taken_of(books, moved(OPEN - 5, OPEN - 10, statement="2")).status == "ACCEPTED"
    back = {"opening_fen": OPEN - 10, "closing_fen": OPEN - 10}
    assert taken_of(books, *(row | back for row in pair("3"))).status == "ACCEPTED"
    assert taken_of(books, *(row | back | {"booking_date": FRI} for row in pair("4"))).status == "ACCEPTED"
    assert stored(books) == (6, 2010)


@pytest.mark.parametrize(("name", "number"), [("1", None), ("1", "R1"), ("b", "R1")])
def test_one_that_comes_again_while_the_account_is_back_at_its_opening(
    books: Books, name: str, number: str | None
) -> None:
    """The account is funded for a payout and is empty after it; then the bank sends the first statement once more."""
    books.begin(THU)
    funded = moved(OPEN, OPEN + 500, statement="1", reference=number)
    assert taken_of(books, funded).status == "ACCEPTED"
    assert taken_of(books, moved(OPEN + 500, OPEN, statement="2", booking_date=FRI)).status == "ACCEPTED"
    outcome = taken_of(books, funded | {"statement": name})
    assert (outcome.status, outcome.code) == ("REJECTED", "STATEMENT_TWICE")
    assert stored(books) == (2, 1000)
    assert taken_of(books, moved(OPEN, OPEN + 7, statement="3", booking_date=SAT)).status == "ACCEPTED"


def test_pages_of_an_emptied_account_whose_lines_have_one_id(books: Books) -> None:
    """An id that many lines have, as POS, is no number: equal lines on two pages are two."""
    books.begin(THU)
    first = {"end_to_end_id": "POS", "opening_fen": OPEN, "closing_fen": OPEN + 200}
    second = {"end_to_end_id": "POS", "opening_fen": OPEN + 200, "closing_fen": OPEN, "statement": "S1#2"}
    swept = second | {"end_to_end_id": "SWEEP", "amount_fen": -300, "line": 2, "record": 4}
    pages = [first, first | {"line": 2, "record": 2}, second | {"record": 3}, swept]
    assert taken_of(books, *pages).status == "ACCEPTED"
    assert stored(books) == (4, 600)


def test_a_statement_that_came_before_is_not_called_a_gap(books: Books) -> None:
    books.begin(THU)
    assert taken_of(books, moved(OPEN, OPEN + 100)).status == "ACCEPTED"
    outcome = taken_of(books, moved(OPEN, OPEN + 100))
    assert (outcome.status, outcome.code, outcome.duplicate) == ("DUPLICATE", "SAME_ROWS", 1)
    more = (moved(OPEN, OPEN + 107, amount_fen=100), moved(OPEN, OPEN + 107, amount_fen=7, line=2, record=2))
    outcome = taken_of(books, *more)  # of one that goes on where it opened, what is new is taken
    assert (outcome.status, outcome.accepted, outcome.duplicate) == ("SUPERSET", 1, 1)
    assert stored(books) == (2, 107)
    late = moved(OPEN + 50, OPEN + 160, amount_fen=100, statement="S2")
    over = (late, late | {"amount_fen": 10, "line": 2, "record": 2})
    outcome = taken_of(books, *over)
    assert outcome.code == "GAP"
    assert outcome.message == (
        "statement S2 opens -0.57 away from the last closing; 1 of its 2 lines were taken before: it is another "
        "version of one that was, or overlaps it"
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"10": (OPEN + 100, OPEN + 300, 1), "12": (OPEN + 900, OPEN, 2), "9": (OPEN, OPEN + 100, 3)},
            [("10", "ACCEPTED", None), ("12", "REJECTED", "GAP"), ("9", "ACCEPTED", None)],
        ),
        (  # a fee as the one before, of the same day
            {"1": (OPEN, OPEN - 5, 1), "10": (OPEN + 2, OPEN - 3, 2), "9": (OPEN - 5, OPEN + 2, 3)},
            [("1", "ACCEPTED", None), ("10", "ACCEPTED", None), ("9", "ACCEPTED", None)],
        ),
        (  # one that waits comes twice
            {"10": (OPEN + 2, OPEN - 3, 1), "9": (OPEN, OPEN + 2, 2), "9a": (OPEN + 2, OPEN - 3, 1)},
            [("10", "ACCEPTED", None), ("9", "ACCEPTED", None), ("9a", "DUPLICATE", "DUPLICATE_FILE")],
        ),
    ],
)
def test_files_of_a_night_are_taken_in_the_order_of_their_balances(
    books: Books,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, tuple[int, int, int]],
    expected: list[tuple[str, str, str | None]],
) -> None:
    """Files stand in the order of their names, where 10 comes before 9; what is missing still refuses the rest."""
    books.begin(THU)
    number = books.run.config.accounts[0].number
    for place, (name, (_, _, digest)) in enumerate(given.items(), 100):
        row = {"file_id": place, "source": "bank", "name": name, "delivery": 1, "sha256": f"{digest:064d}", "size": 1}
        books.put(t.file, row | {"received_at": at(THU), "business_date": THU})

    def parsed(_run: Any, _archive: Any, delivery: ingest.Delivery, _source: Any) -> ingest.Content:
        row = dict.fromkeys(STATEMENT_LINE) | moved(*given[delivery.name][:2], statement=delivery.name, account=number)
        row |= {"currency": "CNY", "line": 1, "booking_date": THU, "reversal": False, "record": 1, "file": "f"}
        frame = pl.DataFrame([row | {"byte_start": 0, "byte_end": 1}], schema=STATEMENT_LINE)
        return ingest.Content(frame, [], Closing(1, 1, 0))

    monkeypatch.setattr(ingest, "parse", parsed)
    monkeypatch.setattr(ingest.runs, "guard", lambda *_: None)
    ingest.ingest(books.base, books.run)
    found = books.rows(
        "SELECT f.name, o.status, o.code FROM puhui.file f JOIN puhui.file_outcome o USING (file_id)"
        " WHERE f.source = 'bank' ORDER BY file_id"
    )
    assert found == expected
    taken = [given[name] for name, status, _ in expected if status == "ACCEPTED"]
    assert stored(books) == (len(taken), sum(abs(closing - opening) for opening, closing, _ in taken))
