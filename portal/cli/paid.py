"""Debits that were payments after all, as two people say: the verbs, and how `puhui payout show` tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from portal.cli.common import HERE, SHOWN, As, BatchNo, Home
from portal.cli.two_people import (
    MAKERS,
    Back,
    Effect,
    Items,
    Reason,
    act,
    approved,
    doubts,
    print_proposed,
    proposed,
    withdrawn,
)
from settlement.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from batch.run import Run
    from batch.two_people import Case

Line = Annotated[
    str | None, typer.Option("--line", help="The debit (theirs_id of its UNKNOWN_DEBIT), like main:2026-05-14/1.")
]


def register(payout_app: typer.Typer) -> None:
    """Adds the verbs."""
    payout_app.command("paid")(paid)
    payout_app.command("approve-paid")(approve_paid)


def paid(
    batch_no: BatchNo,
    reason: Reason,
    item: Annotated[str | None, typer.Argument(metavar="ITEM", help="The payment (付款编号).")] = None,
    line: Line = None,
    every: Annotated[bool, typer.Option("--all", help="All payments of the batch that an open debit names.")] = False,
    back: Back = False,
    home: Home = HERE,
    who: As = None,
) -> None:
    """Propose that a debit was a payment that had been called refused or unpaid, or that no statement has shown.

    For an UNKNOWN_DEBIT that came after all, or without our number: the payment is paid by it, and nothing replaces it.
    Ask the bank first, in writing. Another person approves (`puhui payout approve-paid`). Refused where the debit is
    not its amount or is something else, or where what replaces the payment is drafted or has left.

    Example: puhui payout paid B-20260507-1 SZ-2026-000001-1 --line main:2026-05-14/1 --reason "letter of 2026-05-15"
    --as wang
    """
    from batch import paid as decisions

    if not reason.strip():
        raise BadInput("--reason: say why; it is kept with the decision")
    if (item is None) != every or (line is not None and every):
        raise BadInput("name one payment and its --line, or give --all (puhui payout show)")
    if line is None and not back and not every:
        raise BadInput("--line: name the debit that was the payment, as `puhui payout show` and `recon show` do")

    def work(connection: Connection, run: Run, actor: str) -> tuple[str, list[str], list[str]]:
        if back:
            names = [item] if item is not None else decisions.waiting(connection, run, batch_no)
            decisions.withdraw(connection, run, batch_no, names, actor, reason)
            return withdrawn(names, actor), names, []
        lines = decisions.possible(connection, batch_no, actor) if item is None or line is None else {item: line}
        cases = decisions.propose(connection, run, batch_no, lines, actor, reason)
        return proposed(batch_no, decisions.MATTER, cases, actor), list(lines), doubts(cases)

    act(home, who, MAKERS, batch_no, "paid", work, line=line, reason=reason, withdraw=back)


def approve_paid(
    batch_no: BatchNo,
    effect: Effect,
    items: Items = None,
    home: Home = HERE,
    who: As = None,
) -> None:
    """Approve, as a second person, that debits were payments.

    The next night takes them for paid: all that are proposed in the batch, or those named.

    Example: puhui payout approve-paid B-20260507-1 --effect 3.00 --as li
    """
    from batch import paid as decisions

    def approve(connection: Connection, run: Run, actor: str, fen: int) -> Sequence[Case]:
        return decisions.approve(connection, run, batch_no, list(items or ()), actor, fen)

    approved(home, who, batch_no, "paid", effect, approve, "takes them for paid", lambda _c, _r, cases: doubts(cases))


def print_next(batch_no: str, cases: Sequence[Case], ways: Sequence[str]) -> None:
    """Prints what may be done about debits that may be payments of the batch; `ways`: batch.paid.ways."""
    from batch.paid import MATTER

    for told in doubts(print_proposed(batch_no, MATTER, cases)):
        print(told)
    print_ways(ways)


def print_ways(told: Sequence[str]) -> None:
    """Prints the first of these sentences."""
    for line in told[:SHOWN]:
        print(line)
    if len(told) > SHOWN:
        print("and more; decide about these first")
