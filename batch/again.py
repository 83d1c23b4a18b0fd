"""An account statement that comes again in other bytes: which of its lines the account has already (operations.md).

The statements of an account are a chain, each opens where the one before closed. One that opens elsewhere, but where an
earlier one opened, may be that one sent again: the same lines (another export of the day), or the same and more (that
of the evening after that of noon, or of the whole month so far). Only whole statements from there on count, line by
line; what else opens there is told and refused, for a line that was taken is money that was booked.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any, NamedTuple

import polars as pl
from sqlalchemy import Connection

from adapters.accounts.statement import mask_cards
from settlement.model.money import format_yuan
from settlement.store import intake

LINE = tuple(intake.LINE)
_MOST = 20  # statements that open at one balance are looked at, the newest first


class Again(NamedTuple):
    """What a statement is beside those taken before: `new` are its lines that they lack, or `wrong` (code, message)."""

    new: pl.DataFrame
    wrong: tuple[str, str] | None = None


def again(
    connection: Connection,
    stored: list[dict[str, Any]],
    row: dict[str, Any],
    lines: pl.DataFrame,
    last: int,
    day: date,
) -> Again | None:
    """None where no statement that was taken opens where this one does, or none that this one can be.

    `stored`: the account's, as `intake.statements_of` gives them; `row`: its name and balances; `lines`: LINE and more,
    as they would be stored; `last`: the account's last closing.
    """
    if row["opening_fen"] is None or row["closing_fen"] is None:
        return None
    came = Counter(lines.select(LINE).iter_rows())
    first: dict[str, Any] | None = None
    for start in [s for s in reversed(stored) if s["opening_fen"] == row["opening_fen"]][:_MOST]:
        if not came and start["statement_date"] != day:
            continue  # nothing moved on that day, and nothing on this: only the balance tells, and it is another
        known: Counter[tuple[Any, ...]] = Counter()
        chain, whole = _chain(stored, start)
        for number, link in enumerate(chain):
            mine = Counter(intake.lines_of(connection, link["statement_id"]).select(LINE).iter_rows())
            if number == 0 and (mine & came or start["statement_date"] == day):
                first = first or start
            known += mine
            if known - came:
                break
            if known == came and link["closing_fen"] == row["closing_fen"]:
                return Again(lines.clear())
        else:
            if whole and chain[-1]["closing_fen"] == last:
                return Again(_without(lines, known))
    return None if first is None else Again(lines.clear(), _changed(connection, row, first, came))


def _chain(stored: list[dict[str, Any]], start: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """`start` and what followed it, by their balances, and whether nothing of a later file is left out."""
    since = [link for link in stored if link["file_id"] >= start["file_id"]]
    later = sum(link["file_id"] > start["file_id"] for link in since)
    chain, rest = [start], [link for link in since if link is not start]
    while (link := next((one for one in rest if one["opening_fen"] == chain[-1]["closing_fen"]), None)) is not None:
        chain.append(link)
        rest.remove(link)
    return chain, later == sum(link["file_id"] > start["file_id"] for link in chain)


def _without(lines: pl.DataFrame, known: Counter[tuple[Any, ...]]) -> pl.DataFrame:
    """The lines but for those that are known, each as often as it is."""
    left = Counter(known)
    new = []
    for line in lines.select(LINE).iter_rows():
        new.append(left[line] <= 0)
        left[line] -= 1
    return lines.filter(pl.Series(new, dtype=pl.Boolean))


def _changed(
    connection: Connection, row: dict[str, Any], first: dict[str, Any], came: Counter[tuple[Any, ...]]
) -> tuple[str, str]:
    """(code, message) of a statement that says otherwise of lines that were taken, with the money."""
    taken = Counter(intake.lines_of(connection, first["statement_id"]).select(LINE).iter_rows())
    lacks, more = taken - came, came - taken
    at = LINE.index("amount_fen")
    said = []
    for what, sides in (("lacks", lacks), ("adds", more)):
        if sides:
            fen = sum(line[at] * times for line, times in sides.items())
            said.append(f"{what} {sides.total()} line{'s' * (sides.total() > 1)} of {format_yuan(fen)}")
    name = mask_cards(row["statement"])
    message = f"statement {name} opens as one of {first['statement_date']} did that was taken, and "
    message += " and ".join(said or ["closes otherwise"])
    return "STATEMENT_CHANGED", f"{message}; nothing is stored: ask the bank which of the two is right"
