"""An account statement that comes again in other bytes: which of its lines the account has already (operations.md).

The statements of an account are a chain, each opens where the one before closed. One that opens elsewhere, but where an
earlier one opened, may be that one sent again: the same lines (another export of the day), or the same and more (that
of the evening after that of noon, or of the whole month so far). Only whole statements from there on count, line by
line; what else opens there is told and refused, for a line that was taken is money that was booked.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection
from datetime import date
from typing import Any, NamedTuple

import polars as pl
from sqlalchemy import Connection

from adapters.accounts.statement import mask_cards
from batch.lines_before import may_sum_to_nothing
from settlement.model.money import format_yuan
from settlement.store import intake

LINE = tuple(intake.LINE)
_FEN = LINE.index("amount_fen")
Lines = Counter[tuple[Any, ...]]


class Again(NamedTuple):
    """What a statement is beside those taken before: `new` are its lines that they lack, or `wrong` (code, message).

    `part`: it is wrong for it lacks lines alone.
    """

    new: pl.DataFrame
    wrong: tuple[str, str] | None = None
    part: bool = False

    @property
    def holds_nothing_new(self) -> bool:
        """True where all its lines were taken from that opening on."""
        return self.part or (self.wrong is None and self.new.is_empty())


def again(
    connection: Connection,
    statements: list[dict[str, Any]],
    stored: pl.DataFrame,
    row: dict[str, Any],
    lines: pl.DataFrame,
    last: int,
    days: Collection[date],
    *,
    decided: bool = False,
) -> Again | None:
    """None where no statement that was taken opens where this one does, or none that this one can be.

    `statements`: the account's, as `standing.statements_of` gives them; `stored`: its lines of these days, as
    `intake.lines_by_statement` does; `row`: name and balances; `lines`: LINE and more, as they would be stored; `last`:
    the account's last closing; `days`: of the file, and of the statement's last line where it has several; `decided`:
    people took the file for right, so that one that opens where another did restates it, whatever its day.
    """
    if row["opening_fen"] is None or row["closing_fen"] is None:
        return None
    starts = [one for one in statements if one["opening_fen"] == row["opening_fen"]]
    if not starts:
        return None
    came = Counter(lines.select(LINE).iter_rows())
    ends = _ends(came)
    here = _by_statement(stored, lines)
    first: dict[str, Any] | None = None
    other: dict[str, Any] | None = None
    more: Lines | None = None
    part, found_in = False, 0
    # the oldest first: where the account came back to the opening, lines that are known lie between
    for start in starts:
        if more is not None and start["file_id"] > found_in:
            break  # the chain that was found has all of later files
        same_day = start["statement_date"] in days
        if not same_day and start["statement_id"] not in here:
            other = other or start
            continue  # nothing of it is of these days
        new, left = came.copy(), came.total()
        chain, whole = followed(statements, start)
        for number, link in enumerate(chain):
            mine = here.get(link["statement_id"], Counter()) if came else _lines(connection, link)
            if number == 0 and (same_day or mine & came or ends & _ends(mine)):
                first = first or start
            new.subtract(mine)
            left -= mine.total()
            if any(new[line] < 0 for line in mine):
                part = part or (bool(came) and max(new.values()) <= 0)
                break
            if not left and link["closing_fen"] == row["closing_fen"]:
                return Again(lines.clear())
        else:
            adds = _sum(new)
            goes_on = chain[-1]["closing_fen"] == last and last + adds == row["closing_fen"]
            if first is not None and first is not start and _is_before(+new, start, here):
                break  # an earlier one is of these days, and says otherwise; those that follow have less
            # lines that sum to nothing may also be of a day that others followed
            if more is None and whole and (goes_on or (left < came.total() and not adds)):
                more, found_in = +new, start["file_id"]
    if more is not None:
        taken = Counter(line for mine in here.values() for line in mine.elements())
        return _more(row, lines, came, more, taken)
    first = first or (other if decided else None)
    if first is None:
        return None
    taken = _lines(connection, first)
    for link in followed(statements, first)[0][1:]:  # a month so far restates those that follow too
        taken += here.get(link["statement_id"], Counter())
    return Again(lines.clear(), _changed(row, first, taken, came), part)


def _ends(lines: Lines) -> set[date]:
    """The first and the last day of lines."""
    booked = {line[0] for line in lines}
    return {min(booked), max(booked)} if booked else set()


def _is_before(new: Lines, start: dict[str, Any], here: dict[str, Lines]) -> bool:
    """Whether some of `new` are of a day before a statement that was taken."""
    began = min(_ends(here.get(start["statement_id"], Counter())), default=start["statement_date"])
    return min(_ends(new), default=began) < began


def same_ids(lines: pl.DataFrame, stored: pl.DataFrame) -> bool:
    """Whether some line has the id, the day and the direction of one of `stored`, and neither has it more than once."""
    for column in ("reference", "end_to_end_id"):
        key = [column, "booking_date", pl.col("amount_fen") > 0]
        moving = pl.col(column).is_not_null() & (pl.col("amount_fen") != 0)
        # the details of an entry have the id of their entry
        came = lines.filter(moving).group_by(key).agg(pl.col("record").n_unique().alias("entries"))
        known = stored.filter(moving).group_by(key).agg(pl.len().alias("stored"))
        both = came.join(known, on=[column, "booking_date", "amount_fen"])
        if not both.filter(pl.col("entries") == 1, pl.col("stored") == 1).is_empty():
            return True
    return False


def _by_statement(stored: pl.DataFrame, lines: pl.DataFrame) -> dict[str, Lines]:
    """What the account has of the days of `lines`, by the statements that brought it."""
    days = pl.col("booking_date").is_between(lines["booking_date"].min(), lines["booking_date"].max())
    here: dict[str, Lines] = {}
    for name, *line in stored.filter(days).iter_rows():
        here.setdefault(name, Counter())[tuple(line)] += 1
    return here


def _lines(connection: Connection, link: dict[str, Any]) -> Lines:
    return Counter(intake.lines_of(connection, link["statement_id"]).select(LINE).iter_rows())


def _sum(lines: Lines) -> int:
    return sum(line[_FEN] * times for line, times in lines.items())


def _more(row: dict[str, Any], lines: pl.DataFrame, came: Lines, new: Lines, stored: Lines) -> Again:
    """The `new` of what `came`; refused where that may be lines which other statements brought."""
    twice = new & (stored - (came - new))
    if twice == new and not _sum(new):
        return Again(lines.clear())
    if may_sum_to_nothing(line[_FEN] for line in twice.elements()):
        name = f"statement {mask_cards(row['statement'])}"
        said = f"{name}: {twice.total()} of its {row['line']} lines were taken before, and no balance proves them"
        return Again(lines.clear(), ("STATEMENT_TWICE", f"{said}; nothing is stored"))
    return Again(without(lines, came - new))


def followed(statements: list[dict[str, Any]], start: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """`start` and what followed it, by their balances, and whether nothing of a later file is left out."""
    # files of one night are taken in the order of their balances, not of their numbers
    since = [link for link in statements if link["business_date"] >= start["business_date"]]
    later = sum(link["file_id"] > start["file_id"] for link in since)
    opens: dict[int, deque[dict[str, Any]]] = {}
    for link in since:
        if link is not start:
            opens.setdefault(link["opening_fen"], deque()).append(link)
    # a balance that comes again is left by all its ways: those that lead back to it go between
    way, ends = [start], list[dict[str, Any]]()
    while way:
        if rest := opens.get(way[-1]["closing_fen"]):
            way.append(rest.popleft())
        else:
            ends.append(way.pop())
    chain = ends[::-1]
    return chain, later == sum(link["file_id"] > start["file_id"] for link in chain)


def without(lines: pl.DataFrame, known: Lines) -> pl.DataFrame:
    """The lines but for those that are known, each as often as it is."""
    left = Counter(known)
    new = []
    for line in lines.select(LINE).iter_rows():
        new.append(left[line] <= 0)
        left[line] -= 1
    return lines.filter(pl.Series(new, dtype=pl.Boolean))


def _changed(row: dict[str, Any], first: dict[str, Any], taken: Lines, came: Lines) -> tuple[str, str]:
    """(code, message) of a statement that says otherwise of lines that were `taken` from `first` on, with the money."""
    lacks, more = taken - came, came - taken
    said = []
    for what, sides in (("lacks", lacks), ("adds", more)):
        if sides:
            said.append(f"{what} {sides.total()} line{'s' * (sides.total() > 1)} of {format_yuan(_sum(sides))}")
    name = mask_cards(row["statement"])
    message = f"statement {name} opens as one of {first['statement_date']} did that was taken, and "
    message += " and ".join(said or ["closes otherwise"])
    return "STATEMENT_CHANGED", f"{message}; nothing is stored: ask the bank which of the two is right"
