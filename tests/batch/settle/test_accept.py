"""What the night takes of an account statement: all of it or nothing."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from adapters.base import Closing
from batch import accept
from settlement.model.frames import STATEMENT_LINE
from settlement.store import intake
from tests.batch.settle.books import FRI, SAT, THU, Books


def taken(books: Books, *notes: str, **more: Any) -> accept.Outcome:
    """A statement of one line that adds up and goes on from the opening of the account."""
    return taken_of(books, more, notes=notes)


def taken_of(books: Books, *changes: dict[str, Any], notes: tuple[str, ...] = ()) -> accept.Outcome:
    """A file of such lines, each changed by one of `changes`."""
    row = dict.fromkeys(STATEMENT_LINE) | {"statement": "S1", "account": books.run.config.accounts[0].number}
    row |= {"currency": "CNY", "opening_fen": 1_000_000, "closing_fen": 1_000_100, "amount_fen": 100, "line": 1}
    row |= {"booking_date": THU, "reversal": False, "record": 1, "byte_start": 0, "byte_end": 1, "file": "f"}
    frame = pl.DataFrame([row | change for change in changes], schema=STATEMENT_LINE)
    source = next(s for s in books.run.config.sources if s.role == "statement")
    file_id = books.file(books.run.business_date, "bank", 1)
    closing = Closing(len(changes), len(changes), 0, notes=notes)
    return books.do(lambda c: accept.statements(c, books.run, source, file_id, frame, closing))


def moved(opening: int, closing: int, **more: Any) -> dict[str, Any]:
    return {"opening_fen": opening, "closing_fen": closing, "amount_fen": closing - opening} | more


def test_a_statement_that_adds_up_is_taken(books: Books) -> None:
    books.begin(THU)
    assert taken(books, "DETAIL_DIFFERS: a note that people read").status == "ACCEPTED"
    assert books.rows("SELECT count(*) FROM puhui.bank_line") == [(1,)]


@pytest.mark.parametrize("code", ["TOTAL_MISMATCH", "COUNT_MISMATCH", "NO_LAST_LINE_END", "BALANCE_DIFFERENCE"])
def test_one_that_its_own_totals_contradict_is_not(books: Books, code: str) -> None:
    books.begin(THU)
    outcome = taken(books, f"{code}: why")
    assert (outcome.status, outcome.code, outcome.message) == ("REJECTED", "BALANCE", f"{code}: why")
    assert books.rows("SELECT count(*) FROM puhui.bank_line") == [(0,)]


def test_a_number_may_come_again_with_another_days_statement(books: Books) -> None:
    """Banks begin their numbers anew each year, or give every statement one."""
    books.begin(THU)
    assert taken(books).status == "ACCEPTED"
    books.begin(FRI)
    assert taken(books, **moved(1_000_100, 1_000_300, booking_date=FRI)).status == "ACCEPTED"
    assert taken(books, **moved(1_000_300, 1_000_600, booking_date=FRI)).status == "ACCEPTED"
    found = books.rows("SELECT statement_id, line_id FROM puhui.bank_line ORDER BY file_id")
    names = [name for name, _ in found]
    assert names[0] == "main:S1"
    assert len(set(names)) == 3
    assert all(line == f"{name}/1" for name, line in found)
    assert books.do(lambda c: intake.last_statement(c, "main", 1_000_000)) == (FRI, 1_000_600)


def test_a_statement_that_comes_again_in_other_bytes_is_not_taken_twice(books: Books) -> None:
    """Its lines sum to nothing, so that its opening is the last closing."""
    books.begin(THU)
    lines = ({"closing_fen": 1_000_000}, {"closing_fen": 1_000_000, "amount_fen": -100, "line": 2, "record": 2})
    assert taken_of(books, *lines).status == "ACCEPTED"
    again = taken_of(books, *lines)
    assert (again.status, again.code) == ("REJECTED", "STATEMENT_TWICE")
    assert books.rows("SELECT count(*) FROM puhui.bank_line") == [(2,)]


def line(opening: int, closing: int, number: int, fen: int, **more: Any) -> dict[str, Any]:
    """One line of a statement of several."""
    return {"opening_fen": opening, "closing_fen": closing, "amount_fen": fen, "line": number, "record": number} | more


def stored(books: Books) -> list[tuple[Any, ...]]:
    return books.rows("SELECT amount_fen FROM puhui.bank_line ORDER BY amount_fen")


def test_the_same_lines_in_another_export_are_a_duplicate_whatever_came_since(books: Books) -> None:
    books.begin(THU)
    assert taken(books).status == "ACCEPTED"
    assert taken(books, statement="20260507").status == "DUPLICATE"  # another name, another time of writing
    books.begin(FRI)
    assert taken(books, **moved(1_000_100, 1_000_300, booking_date=FRI, statement="S2")).status == "ACCEPTED"
    outcome = taken(books)
    assert (outcome.status, outcome.code, outcome.accepted, outcome.duplicate) == ("DUPLICATE", "SAME_ROWS", 0, 1)
    assert stored(books) == [(100,), (200,)]


def test_an_export_with_more_lines_brings_those_alone(books: Books) -> None:
    """Noon, evening, the month so far: each opens where the first did."""
    books.begin(THU)
    noon = [line(1_000_000, 1_000_200, 1, 100), line(1_000_000, 1_000_200, 2, 100)]  # two equal lines are two
    assert taken_of(books, *noon).status == "ACCEPTED"
    evening = [line(1_000_000, 999_950, n, fen) for n, fen in ((1, 100), (2, 100), (3, 100), (4, -350))]
    outcome = taken_of(books, *evening)
    assert (outcome.status, outcome.accepted, outcome.duplicate) == ("SUPERSET", 2, 2)
    assert stored(books) == [(-350,), (100,), (100,), (100,)]
    books.begin(FRI)
    again = [row | {"closing_fen": 1_000_000, "line": n, "record": n} for n, row in enumerate(evening, 2)]
    month = [line(1_000_000, 1_000_000, 1, 50, booking_date=FRI, reference="R"), *again]
    outcome = taken_of(books, *month)
    assert (outcome.status, outcome.accepted, outcome.duplicate) == ("SUPERSET", 1, 4)
    assert books.rows("SELECT opening_fen, closing_fen FROM puhui.bank_statement ORDER BY file_id") == [
        (1_000_000, 1_000_200),
        (1_000_200, 999_950),
        (999_950, 1_000_000),
    ]
    back = taken_of(books, *evening)  # it goes on from the last closing, as the account is back at its first opening
    assert (back.status, back.code) == ("REJECTED", "STATEMENT_TWICE")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([line(1_000_000, 1_000_100, 1, 100)], "lacks 1 line of 2.00; nothing"),
        ([line(1_000_000, 1_000_400, 1, 100), line(1_000_000, 1_000_400, 2, 300)], "lacks 1 line of 2.00 and adds 1"),
        ([line(1_000_000, 1_000_300, 1, 300)], "lacks 2 lines of 3.00 and adds 1 line of 3.00"),
    ],
)
def test_an_export_that_says_otherwise_is_refused_with_the_money(books: Books, rows: Any, says: str) -> None:
    books.begin(THU)
    both = [line(1_000_000, 1_000_300, 1, 100), line(1_000_000, 1_000_300, 2, 200)]
    assert taken_of(books, *both).status == "ACCEPTED"
    outcome = taken_of(books, *rows)
    assert (outcome.status, outcome.code) == ("REJECTED", "STATEMENT_CHANGED")
    assert says in (outcome.message or "")
    assert stored(books) == [(100,), (200,)]


def test_a_line_added_to_a_day_that_was_followed_is_told_and_another_opening_is_a_gap(books: Books) -> None:
    books.begin(THU)
    assert taken(books).status == "ACCEPTED"
    assert taken(books, **moved(1_000_100, 1_000_300, reference="R2")).status == "ACCEPTED"
    more = [line(1_000_000, 1_000_600, 1, 100), line(1_000_000, 1_000_600, 2, 500, reference="late")]
    assert taken_of(books, *more).code == "STATEMENT_CHANGED"
    assert taken(books, **moved(1_000_777, 1_000_900)).code == "GAP"
    empty = {"opening_fen": 1_000_000, "closing_fen": 1_000_000, "line": None, "amount_fen": None, "record": 0}
    assert (
        taken(books, **empty, booking_date=FRI).code == "GAP"
    )  # an empty day elsewhere is no copy of a day that moved
    assert stored(books) == [(100,), (200,)]


def test_lines_of_a_day_that_came_back_to_its_balance_are_not_taken_twice(books: Books) -> None:
    """1,000,100 is the closing of the first and of the last: the lines between are known too."""
    books.begin(THU)
    assert taken(books).status == "ACCEPTED"
    loop = [line(1_000_100, 1_000_100, 1, 5, reference="a"), line(1_000_100, 1_000_100, 2, -5, reference="b")]
    assert taken_of(books, *loop).status == "ACCEPTED"
    all_rows = [
        line(1_000_000, 1_000_170, 1, 100),
        line(1_000_000, 1_000_170, 2, 5, reference="a"),
        line(1_000_000, 1_000_170, 3, -5, reference="b"),
        line(1_000_000, 1_000_170, 4, 70, reference="c"),
    ]
    outcome = taken_of(books, *all_rows)
    assert (outcome.status, outcome.accepted, outcome.duplicate) == ("SUPERSET", 1, 3)
    assert stored(books) == [(-5,), (5,), (70,), (100,)]


def loop_of(opening: int, name: str, *, back: bool = True, **more: Any) -> list[dict[str, Any]]:
    """A payout and its return under numbers of the bank's, and behind them a line of 7."""
    head = {"opening_fen": opening, "closing_fen": opening + 7 * (not back), "statement": name} | more
    rows = [head | {"amount_fen": -5, "reference": "a"}, head | {"amount_fen": 5, "reference": "b"}]
    if not back:
        rows.append(head | {"amount_fen": 7, "reference": "c"})
    return [row | {"line": n, "record": n} for n, row in enumerate(rows, 1)]


def test_a_month_whose_account_came_back_to_its_opening_brings_no_line_twice(books: Books) -> None:
    """It opens where two statements did: the lines between them were taken too, and sum to nothing."""
    books.begin(FRI)
    assert taken_of(books, *loop_of(1_000_000, "1", booking_date=THU)).status == "ACCEPTED"
    assert taken(books, **moved(1_000_000, 1_000_100, booking_date=FRI, statement="2")).status == "ACCEPTED"
    month = [row | {"closing_fen": 1_000_300} for row in loop_of(1_000_000, "3", booking_date=THU)]
    month += [line(1_000_000, 1_000_300, n, 100 * (n - 2), booking_date=FRI, statement="3") for n in (3, 4)]
    outcome = taken_of(books, *month)
    assert (outcome.status, outcome.accepted, outcome.duplicate) == ("SUPERSET", 1, 3)
    assert stored(books) == [(-5,), (5,), (100,), (200,)]


def test_no_line_comes_twice_where_the_start_of_an_export_was_never_an_opening(books: Books) -> None:
    """Days before the window and in it came as one statement; the window opens where a later one did."""
    books.begin(FRI)
    first = [line(1_000_000, 1_000_050, 1, 50), *loop_of(1_000_000, "1")]
    first = [row | {"closing_fen": 1_000_050, "line": n, "record": n} for n, row in enumerate(first, 1)]
    assert taken_of(books, *(row | {"statement": "1"} for row in first)).status == "ACCEPTED"
    assert taken(books, **moved(1_000_050, 1_000_150, statement="2")).status == "ACCEPTED"
    window = [row | {"closing_fen": 1_000_350} for row in loop_of(1_000_050, "3")]
    window += [line(1_000_050, 1_000_350, n, 100 * (n - 2), statement="3") for n in (3, 4)]
    outcome = taken_of(books, *window)
    assert (outcome.status, outcome.code) == ("REJECTED", "STATEMENT_TWICE")
    assert "2 of its 4 lines were taken before, and no balance proves them" in (outcome.message or "")
    assert stored(books) == [(-5,), (5,), (50,), (100,)]


def test_an_evening_whose_noon_was_back_at_its_opening_brings_the_rest(books: Books) -> None:
    books.begin(THU)
    assert taken_of(books, *loop_of(1_000_000, "noon")).status == "ACCEPTED"
    outcome = taken_of(books, *loop_of(1_000_000, "evening", back=False))
    assert (outcome.status, outcome.accepted, outcome.duplicate) == ("SUPERSET", 1, 2)
    assert stored(books) == [(-5,), (5,), (7,)]


def test_a_noon_that_comes_behind_its_evening_is_not_taken_twice(books: Books) -> None:
    """The evening was back at the opening, and the bank has no numbers: the balance of noon proves nothing."""
    books.begin(THU)
    evening = [line(1_000_000, 1_000_000, n, fen, statement="b") for n, fen in ((1, 50), (2, 50), (3, -100))]
    assert taken_of(books, *evening).status == "ACCEPTED"
    outcome = taken_of(books, *(row | {"closing_fen": 1_000_100, "statement": "a"} for row in evening[:2]))
    assert (outcome.status, outcome.code) == ("REJECTED", "STATEMENT_CHANGED")  # or a line was withdrawn: people know
    assert stored(books) == [(-100,), (50,), (50,)]


def test_a_day_may_follow_a_noon_without_lines_of_its_name_and_balances(books: Books) -> None:
    """Of a bank that gives all statements one name."""
    books.begin(THU)
    quiet = moved(1_000_000, 1_000_000, statement="1", line=None, amount_fen=None, booking_date=None, record=0)
    assert taken_of(books, quiet).status == "ACCEPTED"
    assert taken_of(books, *loop_of(1_000_000, "1")).status == "ACCEPTED"
    assert stored(books) == [(-5,), (5,)]


def test_lines_that_sum_to_nothing_may_be_added_to_a_day_that_was_followed(books: Books) -> None:
    """The rest of a day was refused, for it looked as its first half did; then the bank sends the day."""
    books.begin(FRI)
    half = [row | {"reference": None} for row in loop_of(1_000_000, "1")]
    assert taken_of(books, *half).status == "ACCEPTED"
    assert taken_of(books, *half).code == "STATEMENT_TWICE"
    assert taken(books, **moved(1_000_000, 1_000_100, booking_date=FRI, statement="2")).status == "ACCEPTED"
    day = [row | {"line": n, "record": n} for n, row in enumerate(half * 2, 1)]
    outcome = taken_of(books, *day)
    assert (outcome.status, outcome.accepted, outcome.duplicate) == ("SUPERSET", 2, 2)
    assert taken_of(books, *day).status == "DUPLICATE"
    assert taken(books, **moved(1_000_100, 1_000_101, booking_date=FRI, statement="3")).status == "ACCEPTED"
    assert stored(books) == [(-5,), (-5,), (1,), (5,), (5,), (100,)]


def test_a_day_that_was_followed_is_not_restated_by_lines_that_sum_to_nothing(books: Books) -> None:
    """What came in and was swept out is 1.00 in the one, 1.07 in the other: nothing shows which is right."""
    books.begin(FRI)
    assert taken_of(books, *loop_of(1_000_000, "1")).status == "ACCEPTED"
    swept = [line(1_000_000, 1_000_000, n, fen, reference=f"s{fen}") for n, fen in ((1, 100), (2, -100))]
    assert taken_of(books, *(row | {"statement": "2"} for row in swept)).status == "ACCEPTED"
    assert taken(books, **moved(1_000_000, 1_000_100, booking_date=FRI, statement="3")).status == "ACCEPTED"
    other = [line(1_000_000, 1_000_000, n, fen, reference=f"s{fen}") for n, fen in ((3, 107), (4, -107))]
    day = [row | {"statement": "4"} for row in [*loop_of(1_000_000, "4"), *other]]
    assert taken_of(books, *day).code == "STATEMENT_CHANGED"
    assert stored(books) == [(-100,), (-5,), (5,), (100,), (100,)]


def test_a_late_day_that_sums_to_nothing_comes_with_a_statement_from_then_until_now(books: Books) -> None:
    """No balance missed it, and later days were taken; a quiet day at the same balance is no hindrance."""
    books.begin(SAT)
    quiet = moved(1_000_100, 1_000_100, statement="q", line=None, amount_fen=None, booking_date=None, record=0)
    assert taken_of(books, moved(1_000_000, 1_000_100), quiet).status == "ACCEPTED"
    assert taken(books, **moved(1_000_100, 1_000_300, booking_date=SAT, statement="3")).status == "ACCEPTED"
    late = loop_of(1_000_100, "2", booking_date=FRI)
    outcome = taken_of(books, *late)
    assert outcome.code == "GAP"
    assert "it sums to nothing, and later ones were taken: ask for one from then until now" in (outcome.message or "")
    whole = [moved(1_000_000, 1_000_300), *late, moved(1_000_100, 1_000_300, booking_date=SAT)]
    head = {"statement": "4", "opening_fen": 1_000_000, "closing_fen": 1_000_300}
    outcome = taken_of(
        books,
        *(
            row | head | {"line": n, "record": n, "amount_fen": fen}
            for n, (row, fen) in enumerate(zip(whole, (100, -5, 5, 200), strict=True), 1)
        ),
    )
    assert (outcome.status, outcome.accepted, outcome.duplicate) == ("SUPERSET", 2, 2)
    assert stored(books) == [(-5,), (5,), (100,), (200,)]


@pytest.mark.parametrize("turn", [1, -1])
def test_a_month_so_far_of_days_that_end_where_they_began_brings_its_last_day(books: Books, turn: int) -> None:
    """Of an account that is emptied daily; one day had no lines, and one name is given to all."""
    books.begin(SAT)
    days = [
        moved(1_000_000, 1_000_000, statement="1#2", line=None, amount_fen=None, booking_date=None, record=0),
        *loop_of(1_000_000, "1", booking_date=THU),
        *loop_of(1_000_000, "1#3", booking_date=FRI),
    ]
    assert taken_of(books, *loop_of(1_000_000, "1", booking_date=THU)).status == "ACCEPTED"
    outcome = taken_of(books, *days[::turn])
    assert (outcome.status, outcome.accepted) == ("SUPERSET", 3)
    assert stored(books) == [(-5,), (-5,), (5,), (5,)]
    assert taken_of(books, moved(1_000_000, 1_000_007, booking_date=SAT, statement="x")).status == "ACCEPTED"
    outcome = taken_of(books, *days[::turn], moved(1_000_007, 1_000_008, statement="y", booking_date=SAT))
    assert (outcome.status, outcome.code) == ("SUPERSET", None)
    assert stored(books) == [(-5,), (-5,), (1,), (5,), (5,), (7,)]


def test_a_file_of_a_day_that_came_and_one_that_did_not_brings_the_latter(books: Books) -> None:
    books.begin(THU)
    assert taken(books).status == "ACCEPTED"
    books.begin(FRI)
    both = [moved(1_000_000, 1_000_100), moved(1_000_100, 1_000_400, statement="S2", booking_date=FRI, record=2)]
    outcome = taken_of(books, *both)
    assert (outcome.status, outcome.accepted, outcome.duplicate) == ("SUPERSET", 1, 1)
    assert stored(books) == [(100,), (300,)]


def test_a_quiet_day_may_come_after_later_ones(books: Books) -> None:
    """Its day would never close else."""
    books.begin(THU)
    assert taken(books).status == "ACCEPTED"
    books.begin(SAT)
    assert taken(books, **moved(1_000_100, 1_000_300, booking_date=SAT)).status == "ACCEPTED"
    quiet = {"opening_fen": 1_000_100, "closing_fen": 1_000_100, "line": None, "amount_fen": None, "booking_date": FRI}
    outcome = taken(books, **quiet, statement="F")
    assert (outcome.status, outcome.clearing_date) == ("ACCEPTED", FRI)
    assert taken(books, **quiet | {"opening_fen": 1_000_200, "closing_fen": 1_000_200}).code == "GAP"
    assert taken(books, **quiet | {"booking_date": THU}).code == "GAP"  # Thursday moved
    assert taken(books, **moved(1_000_300, 1_000_700, booking_date=SAT, statement="S3")).status == "ACCEPTED"


def test_the_last_of_several_statements_in_a_file_closes_the_account(books: Books) -> None:
    books.begin(THU)
    weekend = [
        moved(1_000_000, 1_000_100, statement="10"),
        moved(1_000_100, 1_000_700, statement="8", record=2),
        moved(1_000_700, 1_000_200, statement="9", record=3),
        moved(1_000_200, 1_000_200, statement="7", line=None, amount_fen=None, record=0),
    ]
    assert taken_of(books, *weekend).status == "ACCEPTED"
    assert books.do(lambda c: intake.last_statement(c, "main", 1_000_000)) == (THU, 1_000_200)
    assert taken(books, **moved(1_000_200, 1_000_300, statement="11")).status == "ACCEPTED"
    assert books.do(lambda c: intake.last_statement(c, "main", 1_000_000, THU)) == (THU, 1_000_300)


def test_another_currency_is_no_fen(books: Books) -> None:
    """An account of several currencies has one number."""
    books.begin(THU)
    outcome = taken(books, currency="USD")
    assert (outcome.status, outcome.code) == ("REJECTED", "OTHER_CURRENCY")
    assert books.rows("SELECT count(*) FROM puhui.bank_statement") == [(0,)]


def test_a_line_without_its_day_has_that_of_its_value_or_of_the_statement(books: Books) -> None:
    books.begin(THU)
    lines = [moved(1_000_000, 1_000_200, booking_date=FRI, amount_fen=100), moved(1_000_000, 1_000_200, amount_fen=50)]
    lines[1] |= {"booking_date": None, "value_date": THU, "line": 2, "record": 2}
    lines.append(lines[1] | {"value_date": None, "line": 3, "record": 3})
    assert taken_of(books, *lines).status == "ACCEPTED"
    assert books.rows("SELECT booking_date FROM puhui.bank_line ORDER BY line") == [(FRI,), (THU,), (FRI,)]
