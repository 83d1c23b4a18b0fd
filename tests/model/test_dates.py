"""Business dates, year-less times, the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from settlement.model.dates import Calendar, business_date, parse_compact_date, parse_date, resolve_yearless
from settlement.model.errors import BadInput

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    "text", ["2026-02-30", "2026-2-3", "20260203", "", "2026-13-01", "２０２６-01-01", "2026-01-01 "]
)
def test_wrong_dates(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|day"):
        parse_date(text)


def test_compact() -> None:
    assert parse_compact_date("20260507") == date(2026, 5, 7)
    with pytest.raises(ValueError, match="YYYY"):
        parse_compact_date("20260230")


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2026-05-07T22:59:59+08:00", date(2026, 5, 7)),
        ("2026-05-07T23:00:00+08:00", date(2026, 5, 8)),
        ("2026-05-07T15:00:00Z", date(2026, 5, 8)),
    ],
)
def test_cut_off(instant: str, expected: date) -> None:
    assert business_date(datetime.fromisoformat(instant), ZONE, time(23)) == expected


def test_midnight_cut_off_is_the_local_date() -> None:
    assert business_date(datetime(2026, 5, 7, 15, 59, tzinfo=UTC), ZONE, time(0)) == date(2026, 5, 7)


@pytest.mark.parametrize(
    ("month", "day", "clearing", "year"),
    [(12, 31, date(2027, 1, 1), 2026), (1, 1, date(2026, 12, 31), 2027), (5, 7, date(2026, 5, 7), 2026)],
)
def test_year_over_new_year(month: int, day: int, clearing: date, year: int) -> None:
    assert resolve_yearless(month, day, 12, 0, 0, clearing, ZONE).year == year


def test_29_february_takes_the_leap_year_near_by_and_30_is_refused() -> None:
    for clearing in (date(2028, 3, 1), date(2028, 8, 29), date(2027, 8, 30)):
        assert resolve_yearless(2, 29, 12, 0, 0, clearing, ZONE).year == 2028
    for day, clearing in ((30, date(2028, 3, 1)), (29, date(2027, 3, 1)), (29, date(2029, 2, 28))):
        with pytest.raises(ValueError, match="MMDD"):
            resolve_yearless(2, day, 1, 2, 3, clearing, ZONE)


CALENDAR = Calendar({date(2026, 5, day): day in (7, 8, 9, 11, 12, 13) for day in range(7, 14)})


def test_make_up_workday_counts_and_rest_days_roll() -> None:
    assert CALENDAR.roll_forward(date(2026, 5, 9)) == date(2026, 5, 9)
    assert CALENDAR.roll_forward(date(2026, 5, 10)) == date(2026, 5, 11)
    assert CALENDAR.add_workdays(date(2026, 5, 8), 2) == date(2026, 5, 11)
    assert CALENDAR.workdays_between(date(2026, 5, 8), date(2026, 5, 11)) == 2
    assert CALENDAR.workdays_between(date(2026, 5, 11), date(2026, 5, 8)) == 0


def test_a_date_that_is_not_loaded_stops() -> None:
    with pytest.raises(BadInput, match=r"2027 .*puhui import calendar"):
        CALENDAR.roll_forward(date(2027, 1, 1))
