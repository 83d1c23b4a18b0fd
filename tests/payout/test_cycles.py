"""Due dates and periods around the May 2026 make-up Saturday: Fri 8, Sat 9 (workday), Sun 10 (rest), Mon 11."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.model.dates import Calendar
from settlement.model.errors import BadInput
from settlement.payout.cycles import Period, Terms, due_period, is_nominal, next_due

REST = {date(2026, 5, n) for n in (1, 2, 3, 4, 5)}
DAYS = {date(2026, 1, 1) + timedelta(days=n): True for n in range(365)}
CALENDAR = Calendar({day: (day == date(2026, 5, 9)) or (day.weekday() < 5 and day not in REST) for day in DAYS})


def _may(first, last, due, month=5):
    return Period(date(2026, month, first), date(2026, 5, last), date(2026, 5, due))


@pytest.mark.parametrize(
    ("terms", "due", "expected"),
    [
        (Terms(), 8, _may(7, 7, 8)),
        (Terms(), 9, _may(8, 8, 9)),  # a make-up workday counts
        (Terms(), 10, None),
        (Terms(), 11, _may(9, 10, 11)),  # Sunday and Monday in one statement
        (Terms("weekly", 1), 11, _may(4, 10, 11)),
        (Terms("weekly", 7), 11, _may(3, 9, 11)),  # nominal Sunday 10 rolls to Monday
        (Terms("weekly", 7), 10, None),
        (Terms("weekly", 5), 8, _may(1, 7, 8)),
        (Terms("weekly", 5), 9, None),
        (Terms("monthly"), 6, Period(date(2026, 4, 1), date(2026, 4, 30), date(2026, 5, 6))),  # after the May holiday
        (Terms("monthly"), 7, None),
        (Terms("day", 10), 11, Period(date(2026, 4, 10), date(2026, 5, 9), date(2026, 5, 11))),
    ],
)
def test_what_is_paid_on_a_day_of_may(terms, due, expected):
    assert due_period(terms, date(2026, 5, due), CALENDAR) == expected


def test_day_31_is_the_last_day_of_a_shorter_month():
    terms = Terms("day", 31)
    assert [d for d in DAYS if is_nominal(terms, d)][1] == date(2026, 2, 28)


def test_next_due_skips_rest_days():
    assert next_due(Terms(), date(2026, 5, 9), CALENDAR) == date(2026, 5, 11)
    assert next_due(Terms("monthly"), date(2026, 5, 6), CALENDAR) == date(2026, 6, 1)


def test_a_day_beyond_the_calendar_stops():
    with pytest.raises(BadInput, match="2027-01-01 is not loaded"):
        next_due(Terms(), date(2026, 12, 31), CALENDAR)


@settings(deadline=None)
@given(
    st.sampled_from([Terms(), Terms("weekly", 3), Terms("weekly", 7), Terms("monthly"), Terms("day", 31)]),
)
def test_periods_follow_one_another_without_gap_or_overlap(terms):
    """Every clearing day of the year is covered exactly once."""
    days = [date(2026, 2, 1) + timedelta(days=n) for n in range(330)]
    periods = [p for day in days if (p := due_period(terms, day, CALENDAR)) is not None]
    assert len(periods) > 5
    for before, after in pairwise(periods):
        assert after.first == before.last + timedelta(days=1)
        assert after.first <= after.last < after.due
