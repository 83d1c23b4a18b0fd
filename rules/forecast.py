"""How long a budget lasts, from what it burnt day by day. Whole numbers only, no chance.

Method. The burn expected of a Monday is the mean of the Mondays seen, and so on; days ahead are counted down with it
until the budget is used up. The range is what the past shows of good and bad times: with four weeks or more, every
seven days in a row are a week, and the same countdown runs at the pace of the week that only one in ten exceeds (early)
and of the week that nine in ten exceed (late). With one to four weeks there are too few weeks to order, so the range is
of days: every day ahead burns the 90 % (10 %) day. Under a week a weekday is missing, and nothing is foretold.

Example: 5 left; seven days burnt 1 each: it ends on the fifth day ahead, and the range is that day alone.
Rejected: a straight line through the sums, which hides that Wednesdays burn ten times a Tuesday; a random simulation,
which gives another answer with another seed and needs a page to explain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from rules.documents import Window
from rules.terms import window_start
from settlement.model.money import half_up

HORIZON_DAYS = 3660
FEWEST_DAYS = 7
FEWEST_FOR_WEEKS = 28
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a budget runs out.

    `weekday`: mean burn of Monday to Sunday (None: no such day was seen); `runs_out` is the day that uses the last of
    it (a day of the past where it is used up), `early` and `late` the range; None: not up to `until`.
    `basis`: what the range rests on; `none`: fewer than 7 days were seen, nothing is foretold.
    """

    weekday: tuple[int | None, ...]
    runs_out: date | None
    early: date | None
    late: date | None
    basis: Literal["spent", "weeks", "days", "none"]
    until: date


def forecast(burnt: Sequence[tuple[date, int]], left: int, until: date | None = None) -> Forecast:
    """The Forecast of `left` (fen or count) after `burnt`, one figure for every day in order without gaps (assert).

    A day that gave more back than it took has a negative figure. `until`: the last day that matters, as the end of the
    window; none: HORIZON_DAYS ahead.
    """
    assert burnt, "no day was seen"
    last = burnt[-1][0]
    assert [day for day, _ in burnt] == [last - timedelta(days=n) for n in reversed(range(len(burnt)))], "days in order"
    end = min(until or date.max, last + timedelta(days=HORIZON_DAYS))
    means = weekday_means(burnt)
    if left <= 0:
        spent = _spent_on(burnt, left)
        return Forecast(means, spent, spent, spent, "spent", end)
    if len(burnt) < FEWEST_DAYS:
        return Forecast(means, None, None, None, "none", end)

    def usual(day: date) -> int:
        return means[day.weekday()] or 0

    week = sum(mean or 0 for mean in means)
    figures = [fen for _, fen in burnt]
    if len(burnt) >= FEWEST_FOR_WEEKS and week > 0:
        weeks = [sum(figures[at : at + _WEEK]) for at in range(len(figures) - _WEEK + 1)]
        fast, slow = quantile(weeks, 90), quantile(weeks, 10)
        early, late = _countdown(left * week, last, end, usual, fast), _countdown(left * week, last, end, usual, slow)
        return Forecast(means, _countdown(left, last, end, usual), early, late, "weeks", end)
    fast, slow = quantile(figures, 90), quantile(figures, 10)
    early, late = _countdown(left, last, end, lambda _: fast), _countdown(left, last, end, lambda _: slow)
    return Forecast(means, _countdown(left, last, end, usual), early, late, "days", end)


def weekday_means(burnt: Sequence[tuple[date, int]]) -> tuple[int | None, ...]:
    """Mean burn of Monday to Sunday to the nearest whole, halves away from zero; None where no such day was seen."""
    seen: list[list[int]] = [[] for _ in range(_WEEK)]
    for day, fen in burnt:
        seen[day.weekday()].append(fen)
    return tuple(_mean(figures) if figures else None for figures in seen)


def _mean(figures: Sequence[int]) -> int:
    total = sum(figures)
    size = half_up(abs(total), len(figures))
    return size if total >= 0 else -size


def quantile(figures: Sequence[int], percent: int) -> int:
    """The figure at rank ceil(percent·n/100) in order of size: one that was seen, never a value between two."""
    assert figures, "no figure"
    assert 0 < percent <= 100, "a percentage"
    rank = -(-percent * len(figures) // 100)
    return sorted(figures)[rank - 1]


def _countdown(left: int, last: date, end: date, burn: Callable[[date], int], pace: int = 1) -> date | None:
    """The first day after `last` and up to `end` on which the burn times `pace`, summed, reaches `left`."""
    day = last
    while day < end and left > 0:
        day += timedelta(days=1)
        left -= burn(day) * pace
    return day if left <= 0 else None


def _spent_on(burnt: Sequence[tuple[date, int]], left: int) -> date:
    """The day since which nothing has been left; the first day seen where it was spent before."""
    spent = burnt[0][0]
    for day, fen in reversed(burnt):
        left += fen
        if left > 0:
            return day
        spent = day
    return spent


def window_end(window: Window, day: date) -> date | None:
    """The last day of the window that `day` lies in; None for `total`."""
    start = window_start(window, day)
    match window:
        case "day":
            return start
        case "week":
            return start + timedelta(days=6)
        case "month":
            return (start + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        case "quarter":
            return (start + timedelta(days=92)).replace(day=1) - timedelta(days=1)
        case "year":
            return start.replace(month=12, day=31)
        case "total":
            return None
