"""Opening and closing of a statement from the balance that the bank wrote after each of its lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from adapters.accounts.currency import format_minor
from adapters.accounts.statement import Line, Statement


@dataclass(slots=True)
class Account:
    """The lines of one account and currency, with the running balance the bank wrote after each (None: not written)."""

    statement: Statement
    lines: list[Line] = field(default_factory=list)
    balances: list[int | None] = field(default_factory=list)
    times: tuple[str, str] = ("", "")  # what stands for the time of the first line and of the last


def set_balances(owner: Account) -> str:
    """Sets opening and closing from the running balance; the first row that does not follow, in words, or "".

    Lines that follow from each other both ways, as a payout and its return do, are as old as their days say, or their
    times where they are of one day.
    """
    statement, lines, balances = owner.statement, owner.lines, owner.balances
    known = [balance for balance in balances if balance is not None]
    if not known or len(known) != len(balances):
        return ""
    amounts = [line.amount_fen or 0 for line in lines]
    days = [line.booking_date or date.min for line in lines]
    forward = _breaks(known, amounts)
    backward = _breaks(known[::-1], amounts[::-1])
    first, last = days[0], days[-1]
    if forward and backward and not _is_gap(forward, days) and not _is_gap(backward, days[::-1]):
        found = _ends_by_day(lines, known)
        if found:
            statement.opening_fen, statement.closing_fen = found
            return ""
    newest_first = not backward
    if bool(forward) == bool(backward):
        early, late = owner.times
        newest_first = first > last or (first == last and len(early) == len(late) and early > late)
    if newest_first:
        known, amounts = known[::-1], amounts[::-1]
    statement.opening_fen = known[0] - amounts[0]
    statement.closing_fen = known[-1]
    breaks = backward if newest_first else forward
    if not breaks:
        return ""
    place = breaks[0]
    line = len(known) - place if newest_first else place + 1
    due = known[place - 1] + amounts[place]
    written, follows, gap = (format_minor(fen, statement.currency) for fen in (known[place], due, known[place] - due))
    said = f"the balance after line {line}{_at(lines[line - 1])} is {written} {statement.currency}"
    return f"{said}, and {follows} follows from the balance before it; difference {gap}"


def unread(owner: Account, *, in_column: bool) -> str:
    """Why the balances prove nothing, where the bank wrote some: the first line without one that can be read."""
    if not in_column or not owner.lines:
        return ""
    missing = [n for n, balance in enumerate(owner.balances) if balance is None]
    if len(missing) == len(owner.balances):
        return ": no balance that can be read stands in their column"
    return (
        f": none that can be read stands after line {missing[0] + 1}{_at(owner.lines[missing[0]])}" if missing else ""
    )


def _at(line: Line) -> str:
    return f" (byte {line.byte_start})" if line.byte_start else ""  # rows of workbooks have none


def _breaks(balances: list[int], amounts: list[int]) -> list[int]:
    """The first two places at most whose balance is not the one before plus its amount."""
    places = range(1, len(balances))
    return list(islice((n for n in places if balances[n - 1] + amounts[n] != balances[n]), 2))


def _is_gap(breaks: list[int], days: Sequence[date]) -> bool:
    """True where a chain breaks once, and its days go on: one line that is missing there says as much as another order.

    Where the balance came back to the opening (an account that is emptied), the lines without it make a path too.
    """
    return len(breaks) == 1 and days[breaks[0] - 1] <= days[breaks[0]]


def _ends_by_day(lines: Sequence[Line], balances: Sequence[int]) -> tuple[int, int] | None:
    """(opening, closing) where day by day the lines follow from each other, though in another order than the file's.

    Banks list the lines of one second as they come, or days one way and the lines of a day the other.
    """
    days: dict[date, list[tuple[int, int]]] = {}
    for line, balance in zip(lines, balances, strict=True):
        assert line.booking_date is not None
        days.setdefault(line.booking_date, []).append((balance - (line.amount_fen or 0), balance))
    in_order = [steps for _, steps in sorted(days.items())]
    # days before the first that moves the balance end where they begin
    opening = at = next((ends[0] for ends in (_ends(steps, None) for steps in in_order) if ends), None)
    for steps in in_order:
        ends = _ends(steps, at)
        if ends is None:
            return None
        at = ends[1]
    return None if opening is None or at is None else (opening, at)


def _ends(steps: Sequence[tuple[int, int]], at: int | None) -> tuple[int, int] | None:
    """First and last of a path from balance to balance that takes each step once, and begins `at` where that is known.

    There is one where all steps hang together and as many lead to each balance as away, but for the first and the last
    (Euler); what is missing leaves a third. Where they are the same, only `at` tells which one it is.
    """
    ways: Counter[int] = Counter()
    roots: dict[int, int] = {}

    def root_of(balance: int) -> int:
        while roots.setdefault(balance, balance) != balance:
            roots[balance] = balance = roots.setdefault(roots[balance], roots[balance])
        return balance

    for before, after in steps:
        ways[before] += 1
        ways[after] -= 1
        roots[root_of(before)] = root_of(after)
    odd = sorted((way, balance) for balance, way in ways.items() if way)
    if not odd and at is not None:
        first = last = at
    elif [way for way, _ in odd] == [-1, 1]:
        (_, last), (_, first) = odd
    else:
        return None
    if first not in roots or at not in {None, first} or len({root_of(balance) for balance in tuple(roots)}) != 1:
        return None
    return first, last
