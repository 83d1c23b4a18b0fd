"""Opening and closing of a statement from the balance that the bank wrote after each of its lines."""

from __future__ import annotations

from adapters.accounts.statement import Line, Statement


def set_balances(statement: Statement, lines: list[Line], balances: list[int | None]) -> str:
    """Sets opening and closing from the running balance; the first row that does not follow, in words, or "".

    Lines that follow from each other both ways, as a payout and its return do, are as old as their days say.
    """
    known = [balance for balance in balances if balance is not None]
    if not known or len(known) != len(balances):
        return ""
    amounts = [line.amount_fen or 0 for line in lines]
    forward = _first_break(known, amounts)
    backward = _first_break(known[::-1], amounts[::-1])
    first, last = lines[0].booking_date, lines[-1].booking_date
    assert first is not None
    assert last is not None
    newest_first = backward is None
    if (forward is None) == (backward is None):
        newest_first = first > last
    if newest_first:
        known, amounts = known[::-1], amounts[::-1]
    statement.opening_fen = known[0] - amounts[0]
    statement.closing_fen = known[-1]
    place = backward if newest_first else forward
    if place is None:
        return ""
    line = len(known) - place if newest_first else place + 1
    return f"the balance after line {line} does not follow from the balance before it"


def _first_break(balances: list[int], amounts: list[int]) -> int | None:
    """The first index whose balance is not the one before plus its amount."""
    for place in range(1, len(balances)):
        if balances[place - 1] + amounts[place] != balances[place]:
            return place
    return None
