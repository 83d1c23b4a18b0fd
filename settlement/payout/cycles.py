"""When a payee's payables fall due, and which days a statement covers (settlement.md, "Cycles, statements, payouts").

A cycle names its nominal due dates; each covers the clearing days from the nominal date before it up to the day before
itself, and is paid on the first banking day not before it (顺延, make-up workdays count). Example, T+1 around a
make-up Saturday: Friday's sales are nominally due on Saturday, which is a banking day; Saturday's and Sunday's are
due on Sunday and Monday, and both are paid on Monday in one statement. The rejected way, counting banking days from
each sale, would give a weekly contract several due dates in one week.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from settlement.model.dates import Calendar

Cycle = Literal["T+1", "weekly", "monthly", "day"]
CYCLES: tuple[Cycle, ...] = ("T+1", "weekly", "monthly", "day")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a contract says about paying: cycle, minimum (fen), hold-back (ppm and days), fee (ppm of the gross)."""

    cycle: Cycle = "T+1"
    cycle_day: int | None = None
    minimum_fen: int = 0
    holdback_ppm: int = 0
    holdback_days: int = 0
    fee_ppm: int = 0
    invoice: str = "none"


@dataclass(frozen=True, slots=True)
class Period:
    """The clearing days a statement covers, both inclusive, and the banking day it is paid on."""

    first: date
    last: date
    due: date


def as_cycle(text: str) -> Cycle:
    """The cycle of that name; assert: imports refuse any other."""
    assert text in CYCLES, f"unknown cycle {text!r}"
    return text


def _in_month(year: int, month: int, day: int) -> date:
    """That day of the month, or the last one of a shorter month."""
    return date(year, month, min(day, monthrange(year, month)[1]))


def is_nominal(terms: Terms, day: date) -> bool:
    """Whether `day` is a nominal due date, before rolling forward."""
    if terms.cycle == "T+1":
        return True
    if terms.cycle == "weekly":
        return day.isoweekday() == (terms.cycle_day or 1)
    wanted = 1 if terms.cycle == "monthly" else terms.cycle_day or 1
    return day == _in_month(day.year, day.month, wanted)


def _nominal_before(terms: Terms, day: date) -> date:
    """The last nominal due date before `day`; cycles are at most 31 days apart."""
    day -= _DAY
    while not is_nominal(terms, day):
        day -= _DAY
    return day


def due_period(terms: Terms, due: date, calendar: Calendar) -> Period | None:
    """What is paid on `due`: the days of every nominal date that rolls forward to it; None where there is none."""
    if not calendar.is_workday(due):
        return None
    nominal, day = [], due
    while day == due or not calendar.is_workday(day):
        if is_nominal(terms, day):
            nominal.append(day)
        day -= _DAY
    if not nominal:
        return None
    return Period(_nominal_before(terms, nominal[-1]), nominal[0] - _DAY, due)


def next_due(terms: Terms, after: date, calendar: Calendar) -> date:
    """The first banking day after `after` on which the cycle pays. BadInput beyond the loaded calendar."""
    day = after + _DAY
    while due_period(terms, day, calendar) is None:
        day += _DAY
    return day
