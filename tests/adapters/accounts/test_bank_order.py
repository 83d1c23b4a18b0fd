"""Lines of a day in another order than they were booked in: what proves the balance, and what does not."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from accounts_support import read

from adapters.accounts.statement import BALANCE_DIFFERENCE
from tests.adapters.accounts.test_bank_writing import PLAIN

HEAD = "日期,收入,支出,余额\n"
# three lines of one second, one of them the return of another; a day whose lines sum to nothing; a last day
FIRST = ("20260506,100.00,,1100.00", "20260506,10.00,,1110.00", "20260506,20.00,,1130.00", "20260506,,30.00,1100.00")
EVEN = ("20260507,5.00,,1105.00", "20260507,,5.00,1100.00")
LAST = ("20260508,1.00,,1101.00",)


def _ends(rows: Any) -> tuple[set[tuple[Any, Any]], list[str]]:
    frame, rejects, closing = read("bank_csv", (HEAD + "\n".join(rows) + "\n").encode(), layout=PLAIN)
    assert (len(frame), rejects) == (len(rows), [])
    notes = [note for note in closing.notes if note.startswith(BALANCE_DIFFERENCE)]
    return set(frame.select("opening_fen", "closing_fen").iter_rows()), notes


# one line between them that is missing would say as much: as they stand they are a chain with one gap
GAPS = ((1, 2, 3, 0), (2, 3, 1, 0), (3, 1, 2, 0))


@pytest.mark.parametrize("order", [order for order in permutations(range(4)) if order not in GAPS])
def test_lines_of_a_day_in_any_order(order: Any) -> None:
    first = [FIRST[place] for place in order]
    assert _ends([*first, *EVEN, *LAST]) == ({(100_000, 110_100)}, [])
    assert _ends([*LAST, *EVEN, *first]) == ({(100_000, 110_100)}, [])


@pytest.mark.parametrize("order", GAPS)
def test_lines_that_may_be_another_order_or_lack_one_are_held(order: Any) -> None:
    assert len(_ends([*(FIRST[place] for place in order), *EVEN, *LAST])[1]) == 1


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("lost", [1, 2, 3, 4])
def test_a_line_that_an_emptied_account_lacks_shows(lost: int, step: int) -> None:
    """Of 0, 100, 0, 100, 0 … what is left is a path too, from another opening."""
    rows = ["20260506,100.00,,100.00", "20260506,,100.00,0.00"] * 3
    del rows[lost]
    assert len(_ends(rows[::step])[1]) == 1
    days = [row.replace("20260506", f"2026050{day}") for day, row in enumerate(rows, 1)]
    assert len(_ends(days[::step])[1]) == 1


def test_days_downwards_with_their_lines_upwards() -> None:
    assert _ends([*LAST, *FIRST]) == ({(100_000, 110_100)}, [])
    assert _ends([LAST[0], "20260508,,1.00,1100.00", *FIRST[:2], "20260506,,10.00,1100.00"]) == (
        {(100_000, 110_000)},
        [],
    )


def test_a_first_day_that_sums_to_nothing_begins_where_the_next_does() -> None:
    even = ("20260505,5.00,,1005.00", "20260505,,5.00,1000.00")
    assert _ends([*LAST, *FIRST, *even]) == ({(100_000, 110_100)}, [])
    assert len(_ends([*LAST, *FIRST, even[0]])[1]) == 1


@pytest.mark.parametrize("lost", range(1, len(FIRST) + len(EVEN)))  # without its first line it begins later
def test_a_line_that_is_missing_shows_in_any_order(lost: int) -> None:
    rows = [*LAST, *FIRST[1:3], FIRST[0], FIRST[3], *EVEN]
    rows.remove((*FIRST, *EVEN)[lost])
    assert len(_ends(rows)[1]) == 1


def test_a_line_twice_and_lines_apart_show() -> None:
    assert len(_ends([*FIRST[::-1], FIRST[0], *LAST])[1]) == 1
    apart = ("20260506,7.00,,57.00", "20260506,,7.00,50.00")  # of another account
    assert len(_ends([*FIRST, *apart, *LAST])[1]) == 1


def test_days_stand_in_their_order() -> None:
    other = [row.replace("20260506", "20260509") for row in FIRST]
    assert len(_ends([*other[::-1], *EVEN, *LAST])[1]) == 1
