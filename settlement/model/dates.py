"""Business dates and the calendar of working days.

A business date (业务日期) is a clearing day. Dates come from data; nothing here knows "today".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from settlement.model.errors import BadInput

HALF_A_YEAR = 184  # days: a time without a year is never further from the clearing date
_DASHED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_COMPACT = re.compile(r"[0-9]{8}", re.ASCII)


def parse_date(text: str) -> date:
    """YYYY-MM-DD exactly; ValueError (plain message) for anything else, 30 February included."""
    if _DASHED.fullmatch(text) is None:
        raise ValueError("not a date; write YYYY-MM-DD, like 2026-05-07")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("no such day in the calendar; write a real date as YYYY-MM-DD") from None


def parse_compact_date(text: str) -> date:
    """YYYYMMDD exactly; ValueError as in `parse_date`."""
    if _COMPACT.fullmatch(text) is None:
        raise ValueError("not a date; write YYYYMMDD, like 20260507")
    return parse_date(f"{text[:4]}-{text[4:6]}-{text[6:]}")


def business_date(instant: datetime, zone: ZoneInfo, cutoff: time) -> date:
    """The clearing day of an aware instant: the local date, or the next from `cutoff` on (00:00: the local date)."""
    assert instant.tzinfo is not None, "naive time"
    local = instant.astimezone(zone)
    late = cutoff != time(0) and local.time() >= cutoff
    return local.date() + timedelta(days=1 if late else 0)


def resolve_yearless(
    month: int, day: int, hour: int, minute: int, second: int, clearing: date, zone: ZoneInfo
) -> datetime:
    """A time without a year (ISO 8583 DE7, UnionPay 传输时间) as the instant nearest to the clearing date.

    Over New Year the neighbouring year is taken. ValueError where no such day is within half a year: 29 February of a
    year without it is not that of the year after.
    """
    noon = datetime.combine(clearing, time(12), zone)
    found: list[datetime] = []
    for year in (clearing.year - 1, clearing.year, clearing.year + 1):
        try:
            found.append(datetime(year, month, day, hour, minute, second, tzinfo=zone))
        except ValueError:
            continue
    nearest = min(found, key=lambda instant: abs(instant - noon), default=None)
    if nearest is None or abs(nearest - noon) > timedelta(days=HALF_A_YEAR):
        raise ValueError("no such day or time; write MMDDhhmmss")
    return nearest


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working days as data: `days` maps a date to True (workday, make-up workdays too) or False (rest day).

    Only whole loaded years answer; a date of another year raises BadInput, it is never guessed.
    """

    days: Mapping[date, bool]

    def is_workday(self, day: date) -> bool:
        """True for a working (banking) day."""
        try:
            return self.days[day]
        except KeyError:
            raise BadInput(
                f"calendar: {day} is not loaded; import the calendar of {day.year} (puhui import calendar FILE)"
            ) from None

    def roll_forward(self, day: date) -> date:
        """`day` itself when it is a working day, else the next one (顺延)."""
        while not self.is_workday(day):
            day += timedelta(days=1)
        return day

    def add_workdays(self, day: date, count: int) -> date:
        """The `count`-th working day after `day`."""
        while count > 0:
            day += timedelta(days=1)
            count -= self.is_workday(day)
        return day

    def workdays_between(self, start: date, end: date) -> int:
        """Working days in (start, end]; 0 when end <= start. The age of an open item."""
        return sum(self.is_workday(start + timedelta(days=n)) for n in range(1, (end - start).days + 1))
