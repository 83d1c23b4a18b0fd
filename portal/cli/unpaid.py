"""Payouts that the bank did not make, as two people say: the verbs, and how `puhui payout show` tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from portal.cli.common import HERE, As, BatchNo, Home
from portal.cli.two_people import (
    MAKERS,
    Back,
    Effect,
    Items,
    Reason,
    act,
    approved,
    doubts,
    many,
    print_proposed,
    proposed,
    withdrawn,
)
from settlement.model.errors import BadInput
from settlement.model.money import format_yuan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from batch.run import Run
    from batch.two_people import Case


def register(payout_app: typer.Typer) -> None:
    """Adds the verbs."""
    payout_app.command("unpaid")(unpaid)
    payout_app.command("approve-unpaid")(approve_unpaid)


def unpaid(
    batch_no: BatchNo,
    reason: Reason,
    items: Items = None,
    every: Annotated[bool, typer.Option("--all", help="All payments of the batch that may be called unpaid.")] = False,
    back: Back = False,
    home: Home = HERE,
    who: As = None,
) -> None:
    """Propose that the bank did not make payments and will not: they leave again in new ones.

    For what no statement shows and no result file tells (UNPAID). Ask the bank first, in writing. Another person
    approves (`puhui payout approve-unpaid`). Refused while a bank line may be the payment, or statements do not reach
    far enough to tell.

    Example: puhui payout unpaid B-20260507-1 SZ-2026-000001-1 --reason "letter of the bank of 2026-05-13" --as wang
    """
    from batch import unpaid as decisions

    if not reason.strip():
        raise BadInput("--reason: say why; it is kept with the decision")
    if bool(items) == every:
        raise BadInput("name the payments of the batch, or give --all (puhui payout show)")

    def work(connection: Connection, run: Run, actor: str) -> tuple[str, list[str], list[str]]:
        if back:
            names = list(items or decisions.waiting(connection, run, batch_no))
            decisions.withdraw(connection, run, batch_no, names, actor, reason)
            return withdrawn(names, actor), names, []
        names = list(items or decisions.possible(connection, run, batch_no, actor))
        cases = decisions.propose(connection, run, batch_no, names, actor, reason)
        told = proposed(batch_no, decisions.MATTER, cases, actor)
        return told, names, _warnings(run, batch_no, cases, decisions.look(connection, run, batch_no))

    act(home, who, MAKERS, batch_no, "unpaid", work, reason=reason, withdraw=back)


def approve_unpaid(
    batch_no: BatchNo,
    effect: Effect,
    items: Items = None,
    home: Home = HERE,
    who: As = None,
) -> None:
    """Approve, as a second person, that payments are unpaid.

    The next night makes them payable again: all that are proposed in the batch, or those named.

    Example: puhui payout approve-unpaid B-20260507-1 --effect 3.00 --as li
    """
    from batch import unpaid as decisions

    def warnings(connection: Connection, run: Run, cases: Sequence[Case]) -> list[str]:
        return _warnings(run, batch_no, cases, decisions.look(connection, run, batch_no))

    def approve(connection: Connection, run: Run, actor: str, fen: int) -> Sequence[Case]:
        return decisions.approve(connection, run, batch_no, list(items or ()), actor, fen)

    approved(home, who, batch_no, "unpaid", effect, approve, "makes them payable again", warnings)


def _warnings(run: Run, batch_no: str, cases: Sequence[Case], every: Sequence[Case]) -> list[str]:
    """What people should look at before `cases` leave again; `every`: all of the batch."""
    from batch.release import lies_at

    found = doubts(cases)
    path = lies_at(run, batch_no)
    if cases and path is not None and not any(_told(case) for case in every):
        found.append(f"look at this first: {path} still lies there; take it away, or the bank may pay it yet")
    return found


def _told(case: Case) -> bool:
    """Whether the bank has said anything of it, so that it has the file; what people say tells nothing of that."""
    return bool(case.item["answer"]) or case.item["result"] not in (None, "unpaid")


def print_next(run: Run, batch_no: str, cases: Sequence[Case]) -> None:
    """Prints what may be done about payments that nothing has settled, if anything."""
    from batch.two_people import OPEN
    from batch.unpaid import MATTER

    waiting = print_proposed(batch_no, MATTER, cases)
    silent = [case for case in cases if case.state == OPEN and not case.why_not]
    if silent:
        total = format_yuan(sum(case.fen for case in silent))
        print(f"{many(silent)} of {total} that no statement shows; if the bank says that it did not pay:"
              f" puhui payout unpaid {batch_no} ITEM --reason …")  # fmt: skip
    for line in _warnings(run, batch_no, waiting, cases):
        print(line)
