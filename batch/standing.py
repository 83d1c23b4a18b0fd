"""The statements of an account as they stand: each with the balances that the bank gives it now.

A decision about a restated statement (batch/restated.py) appends one more statement, which holds the difference alone.
The bank knows no such one: it opens and closes the restated statement, and all that were taken since, by the new
balances. So are they compared with what comes later: the difference counts where it belongs, its statement is left out.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

import polars as pl
from sqlalchemy import Connection

from adapters.accounts.statement import mask_cards
from batch.again import LINE
from settlement.model.money import format_yuan
from settlement.store import intake, restated

_FEN = LINE.index("amount_fen")
Statement = dict[str, Any]  # a row of intake.STATEMENT


def statements_of(connection: Connection, account: str) -> list[Statement]:
    """The account's statements (intake.STATEMENT) in the order in which their files came."""
    stored = intake.statements_of(connection, account).to_dicts()
    return restate(stored, restated.changes(connection, account))


def restate(stored: Sequence[Statement], changes: Mapping[str, Mapping[str, int]]) -> list[Statement]:
    """`stored` without the statements of `changes`, each of which moves (fen) what others that came before it hold."""
    if not changes:
        return list(stored)
    standing: list[Statement] = []
    for one in _followed(stored):
        if one["statement_id"] not in changes:
            standing.append(dict(one))
            continue
        moved = 0
        for earlier in standing:
            earlier["opening_fen"] += moved
            moved += changes[one["statement_id"]].get(earlier["statement_id"], 0)
            earlier["closing_fen"] += moved
    place = {one["statement_id"]: number for number, one in enumerate(stored)}
    return sorted(standing, key=lambda one: place[one["statement_id"]])


def _followed(stored: Sequence[Statement]) -> list[Statement]:
    """Night by night, in the order of balances: files of one night are not taken in that of their numbers."""
    chain: list[Statement] = []
    for _, night in groupby(sorted(stored, key=_night), _night):
        chain += _walk(list(night), chain[-1]["closing_fen"] if chain else None)
    return chain


def _night(one: Statement) -> date:
    night: date = one["business_date"]
    return night


def _walk(night: list[Statement], last: int | None) -> list[Statement]:
    opens: dict[int | None, deque[Statement]] = {}
    for one in night:
        opens.setdefault(one["opening_fen"], deque()).append(one)
    if last not in opens:
        starts = Counter(one["opening_fen"] for one in night) - Counter(one["closing_fen"] for one in night)
        last = next(iter(starts), night[0]["opening_fen"])
    # a balance that comes again is left by all its ways: those that lead back to it go between
    way: list[tuple[int | None, Statement | None]] = [(last, None)]
    ends: list[Statement] = []
    while way:
        balance, taken = way[-1]
        if rest := opens.get(balance):
            way.append((rest[0]["closing_fen"], rest.popleft()))
        else:
            way.pop()
            ends += [taken] if taken is not None else []
    return ends[::-1] + [one for rest in opens.values() for one in rest]


def last_of(standing: Collection[Statement], day: date) -> tuple[date | None, int | None]:
    """(date, closing) of the newest of those statements that are of `day` or before; (None, None): there is none.

    By balances, as intake.last_statement finds the newest of all.
    """
    known = [one for one in standing if one["statement_date"] <= day]
    ends = Counter(one["closing_fen"] for one in known)
    ends.subtract(Counter(one["opening_fen"] for one in known))
    last = max((fen for fen, times in ends.items() if times > 0), default=None)
    return max((one["statement_date"] for one in known), default=None), last


def is_there(
    connection: Connection,
    standing: Collection[Statement],
    name: str,
    row: Mapping[str, Any],
    day: date,
    booked: pl.Series,
) -> bool:
    """True where a statement that was stored as `name` (account:statement) has this day, these balances, and a line.

    The line is of the days from the first `booked` to the last.
    """
    wanted = (day, row["opening_fen"], row["closing_fen"])
    found = [
        one["statement_id"]
        for one in standing
        if (one["statement_date"], one["opening_fen"], one["closing_fen"]) == wanted
        and (one["statement_id"] == name or one["statement_id"].startswith(f"{name}@"))
    ]
    days = pl.col("booking_date").is_between(booked.min(), booked.max())
    return bool(found) and not intake.lines_of(connection, *found).filter(days).is_empty()


def gone_of(connection: Connection, account: str) -> Counter[tuple[Any, ...]] | None:
    """The account's lines (intake.LINE) that decisions took back for good; None where nobody decided."""
    gone, back = intake.by_decision(connection, account)
    if gone.is_empty() and back.is_empty():
        return None
    return Counter(gone.iter_rows()) - Counter(back.iter_rows())


def taken_back(
    gone: Counter[tuple[Any, ...]], row: Mapping[str, Any], own: pl.DataFrame, *, whole: bool
) -> tuple[str, str] | None:
    """(code, message) of a statement that brings lines which a decision took back: the old version, it seems.

    Only where the account is back at an opening of that one can it look like the next statement. So may what of that
    version stands (`whole`: all lines of the statement do): a balance proves nothing there.
    """
    came = Counter(own.filter(pl.col("line").is_not_null()).select(LINE).iter_rows())
    again = came & gone
    if not again:
        said = f"statement {mask_cards(row['statement'])}: all its {row['line']} lines were taken before"
        return ("STATEMENT_TWICE", f"{said}; nothing is stored") if whole else None
    name, lines = mask_cards(row["statement"]), f"{again.total()} line{'s' * (again.total() > 1)}"
    fen = sum(line[_FEN] * times for line, times in again.items())
    said = f"statement {name} brings {lines} of {format_yuan(fen)} that a decision took back"
    return "STATEMENT_CHANGED", f"{said}; nothing is stored: ask the bank which of the two is right"
