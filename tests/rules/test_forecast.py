"""How long a budget lasts: figures worked by hand."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.forecast import HORIZON_DAYS, forecast, quantile, weekday_means, window_end

MONDAY = date(2026, 5, 4)


def burnt(*figures: int, first: date = MONDAY) -> list[tuple[date, int]]:
    return [(first + timedelta(days=n), figure) for n, figure in enumerate(figures)]


def test_even_burn_ends_on_the_day_that_takes_the_last_of_it() -> None:
    found = forecast(burnt(*[1] * 7), 5)
    assert found.weekday == (1,) * 7
    assert found.basis == "days"
    # seen to Sunday 05-10; Monday to Friday take 1 each
    assert (found.runs_out, found.early, found.late) == (date(2026, 5, 15),) * 3


def test_a_wednesday_budget_ends_on_a_wednesday() -> None:
    found = forecast(burnt(0, 0, 1000, 0, 0, 0, 0), 2500)
    assert found.weekday == (0, 0, 1000, 0, 0, 0, 0)
    assert found.runs_out == date(2026, 5, 27)  # 05-13 leaves 1500, 05-20 leaves 500
    assert found.early == date(2026, 5, 13)  # days 11, 12, 13 at 1000 each
    assert found.late is None  # the 10 % day burns nothing


def test_weekday_means_round_halves_away_from_zero_and_know_no_missing_day() -> None:
    assert weekday_means(burnt(1, 5, first=MONDAY) + burnt(2, first=MONDAY + timedelta(days=7))) == (
        2, 5, None, None, None, None, None,
    )  # fmt: skip
    assert weekday_means([(MONDAY, -1), (MONDAY + timedelta(days=7), -2)])[0] == -2


def test_four_weeks_give_a_range_of_weeks() -> None:
    """Weeks of 70, 70, 70 and 140: mean days 12 or 13 (half up of 12.5), so a mean week of 91 after rounding."""
    found = forecast(burnt(*[10] * 21, *[20] * 7), 910)
    assert found.basis == "weeks"
    assert found.weekday == (13,) * 7
    assert found.runs_out == date(2026, 5, 31) + timedelta(days=70)  # 910 at 13 a day
    # 22 weeks of seven days in a row: fifteen of 70, then 80, 90 … 140; rank 20 is 120, rank 3 is 70
    assert found.early == date(2026, 5, 31) + timedelta(days=54)  # ceil(910 * 91 / (13 * 120))
    assert found.late == date(2026, 5, 31) + timedelta(days=91)  # 910 * 91 / (13 * 70)


def test_under_a_week_nothing_is_foretold() -> None:
    found = forecast(burnt(*[100] * 6), 1)
    assert (found.runs_out, found.early, found.late, found.basis) == (None, None, None, "none")


def test_spent_is_the_day_since_which_nothing_was_left() -> None:
    found = forecast(burnt(5, 5, 0, -2, 2), 0)
    assert found.basis == "spent"
    assert found.runs_out == date(2026, 5, 8)  # a refund on the fourth day had given 2 back
    assert forecast(burnt(0, 0), -3).runs_out == MONDAY


def test_nothing_ends_after_what_matters() -> None:
    assert forecast(burnt(*[1] * 7), 5, date(2026, 5, 15)).runs_out == date(2026, 5, 15)
    assert forecast(burnt(*[1] * 7), 5, date(2026, 5, 14)).runs_out is None
    assert forecast(burnt(*[1] * 7), HORIZON_DAYS).runs_out == date(2026, 5, 10) + timedelta(days=HORIZON_DAYS)
    assert forecast(burnt(*[1] * 7), HORIZON_DAYS + 1).runs_out is None


@pytest.mark.parametrize(
    ("window", "day", "end"),
    [
        ("day", date(2026, 5, 7), date(2026, 5, 7)),
        ("week", date(2026, 5, 7), date(2026, 5, 10)),
        ("month", date(2026, 2, 3), date(2026, 2, 28)),
        ("month", date(2026, 12, 31), date(2026, 12, 31)),
        ("quarter", date(2026, 5, 7), date(2026, 6, 30)),
        ("quarter", date(2026, 1, 1), date(2026, 3, 31)),
        ("quarter", date(2026, 11, 30), date(2026, 12, 31)),
        ("year", date(2026, 5, 7), date(2026, 12, 31)),
        ("total", date(2026, 5, 7), None),
    ],
)
def test_window_ends(window: str, day: date, end: date | None) -> None:
    assert window_end(window, day) == end  # type: ignore[arg-type]  # the table holds Window words


def test_quantiles_are_figures_that_were_seen() -> None:
    assert [quantile([3, 1, 2], percent) for percent in (1, 33, 34, 66, 67, 100)] == [1, 1, 2, 2, 3, 3]


@given(st.lists(st.integers(0, 1000), min_size=7, max_size=60), st.integers(1, 20_000))
def test_the_range_holds_its_order(figures: list[int], left: int) -> None:
    found = forecast(burnt(*figures), left)
    far = date.max
    assert (found.early or far) <= (found.late or far)
    more = forecast(burnt(*figures), left + 1)
    assert (found.runs_out or far) <= (more.runs_out or far)
