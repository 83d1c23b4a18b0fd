"""Payouts that the bank did not make, as two people say: the verbs, and how `puhui payout show` tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from portal.cli.common import HERE, SHOWN, As, BatchNo, Home, note, said, signed_yuan
from settlement.model.errors import BadInput
from settlement.model.money import format_yuan

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from batch.run import Run
    from batch.unpaid import Case

Items = Annotated[list[str] | None, typer.Argument(metavar="ITEM", help="Payments (付款编号) of the batch.")]
Reason = Annotated[str, typer.Option("--reason", callback=said, help="Why; it is kept and printed with the payment.")]


def register(payout_app: typer.Typer) -> None:
    """Adds the verbs."""
    payout_app.command("unpaid")(unpaid)
    payout_app.command("approve-unpaid")(approve_unpaid)


def unpaid(
    batch_no: BatchNo,
    reason: Reason,
    items: Items = None,
    every: Annotated[bool, typer.Option("--all", help="All payments of the batch that may be called unpaid.")] = False,
    back: Annotated[bool, typer.Option("--withdraw", help="Take it back, until a night has done it.")] = False,
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
            return f"withdrawn by {actor}: {', '.join(names) or 'nothing'}", names, []
        names = list(items or decisions.possible(connection, run, batch_no, actor))
        cases = decisions.propose(connection, run, batch_no, names, actor, reason)
        total = format_yuan(sum(case.fen for case in cases))
        told = f"{_many(cases)} of {total} proposed as unpaid by {actor}; nothing moves until another person says:"
        told += f" puhui payout approve-unpaid {batch_no} --effect {total} --as NAME"
        return told, names, _warnings(run, batch_no, cases, decisions.look(connection, run, batch_no))

    _act(home, who, ("finance_maker", "finance_checker"), batch_no, "unpaid", work, reason=reason, withdraw=back)


def approve_unpaid(
    batch_no: BatchNo,
    effect: Annotated[
        str, typer.Option("--effect", help="Yuan that become payable again, as `payout show` tells, like 3.00.")
    ],
    items: Items = None,
    home: Home = HERE,
    who: As = None,
) -> None:
    """Approve, as a second person, that payments are unpaid.

    The next night makes them payable again: all that are proposed in the batch, or those named.

    Example: puhui payout approve-unpaid B-20260507-1 --effect 3.00 --as li
    """
    from batch import unpaid as decisions

    fen = signed_yuan(effect, "--effect")

    def work(connection: Connection, run: Run, actor: str) -> tuple[str, list[str], list[str]]:
        cases = decisions.approve(connection, run, batch_no, list(items or ()), actor, fen)
        told = f"{_many(cases)} of {format_yuan(fen)} unpaid, approved by {actor};"
        told += f" the night of {run.business_date} makes them payable again"
        every = decisions.look(connection, run, batch_no)
        return told, [case.name for case in cases], _warnings(run, batch_no, cases, every)

    _act(home, who, ("finance_checker",), batch_no, "approve-unpaid", work, effect_fen=fen)


def _act(home: Path, who: str | None, roles: tuple[str, ...], batch_no: str, verb: str, work: Any, **more: Any) -> None:
    """Decides in one transaction with its audit row, and tells it."""
    from portal.cli.people import acting, audit
    from portal.session import open_session

    with open_session(home) as session:
        actor = acting(session, who, *roles)

        def decide(connection: Connection) -> tuple[str, list[str]]:
            run = session.desk(connection)
            told, names, warnings = work(connection, run, actor)
            audit(connection, session, actor, f"payout {verb}", batch=batch_no, items=names, **more)
            return told, warnings

        told, warnings = session.database.in_transaction(decide)
    note(f"{batch_no}: {told}")
    for line in warnings:
        note(line)


def _many(cases: list[Case]) -> str:
    return f"{len(cases)} payment{'s' * (len(cases) != 1)}"


def _warnings(run: Run, batch_no: str, cases: list[Case], every: list[Case]) -> list[str]:
    """What people should look at before `cases` leave again; `every`: all of the batch."""
    from batch.release import lies_at

    found = [f"look at this first: {case.name}: {doubt}" for case in cases for doubt in case.doubts]
    if len(found) > SHOWN:
        found = [*found[:SHOWN], f"and {len(found) - SHOWN} more; look at these first"]
    path = lies_at(run, batch_no)
    if cases and path is not None and not any(_told(case) for case in every):
        found.append(f"look at this first: {path} still lies there; take it away, or the bank may pay it yet")
    return found


def _told(case: Case) -> bool:
    """Whether the bank has said anything of it, so that it has the file; what people say tells nothing of that."""
    return bool(case.item["answer"]) or case.item["result"] not in (None, "unpaid")


# --- showing -------------------------------------------------------------------------------------------------------


def told_of(cases: list[Case]) -> dict[str, str]:
    """By EndToEndId what people said, in the words of the column."""
    from batch.unpaid import APPROVED, DONE, OPEN, PROPOSED

    words = {PROPOSED: "提出", APPROVED: "已定, 待夜间处理", DONE: "已定", OPEN: "未能执行"}
    told = {}
    for case in cases:
        if case.said is None or (case.state == OPEN and not case.failed):
            continue
        people = "、".join(filter(None, (case.said["actor"], case.said["checker"])))
        said = words[case.state]
        told[case.name] = f"{people} {said}: {case.said['reason']}"
    return told


def print_next(run: Run, batch_no: str, cases: list[Case]) -> None:
    """Prints what may be done about payments that nothing has settled, if anything."""
    from batch.unpaid import OPEN, PROPOSED

    proposed = [case for case in cases if case.state == PROPOSED]
    for case in proposed:
        if case.why_not:
            print(f"{case.name}: cannot be approved: {case.why_not}")
    ready = [case for case in proposed if not case.why_not]
    if ready:
        total = format_yuan(sum(case.fen for case in ready))
        named = "".join(f" {case.name}" for case in ready) if len(ready) < len(proposed) else ""
        print(f"next, by another person: puhui payout approve-unpaid {batch_no}{named} --effect {total} --as NAME")
    silent = [case for case in cases if case.state == OPEN and not case.why_not]
    if silent:
        total = format_yuan(sum(case.fen for case in silent))
        print(f"{_many(silent)} of {total} that no statement shows; if the bank says that it did not pay:"
              f" puhui payout unpaid {batch_no} ITEM --reason …")  # fmt: skip
    for line in _warnings(run, batch_no, proposed, cases):
        print(line)
