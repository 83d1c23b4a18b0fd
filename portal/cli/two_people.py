"""What two people say of payouts: what the verbs of `unpaid` and `paid` share, and how `payout show` tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from portal.cli.common import SHOWN, note, said, signed_yuan
from settlement.model.money import format_yuan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlalchemy import Connection

    from batch.run import Run
    from batch.two_people import Case, Matter

Items = Annotated[list[str] | None, typer.Argument(metavar="ITEM", help="Payments (付款编号) of the batch.")]
Reason = Annotated[str, typer.Option("--reason", callback=said, help="Why; it is kept and printed with the payment.")]
Back = Annotated[bool, typer.Option("--withdraw", help="Take it back, until a night has done it.")]
MAKERS, CHECKERS = ("finance_maker", "finance_checker"), ("finance_checker",)
Effect = Annotated[str, typer.Option("--effect", help="Their sum in yuan, as `payout show` tells, like 3.00.")]


def approved(
    home: Path,
    who: str | None,
    batch_no: str,
    verb: str,
    effect: str,
    approve: Callable[[Connection, Run, str, int], Sequence[Case]],
    then: str,
    warnings: Callable[[Connection, Run, Sequence[Case]], list[str]],
) -> None:
    """What a second person decides. `then`: what the night makes of it."""
    fen = signed_yuan(effect, "--effect")

    def work(connection: Connection, run: Run, actor: str) -> tuple[str, list[str], list[str]]:
        cases = approve(connection, run, actor, fen)
        told = f"{many(cases)} of {format_yuan(fen)} {verb}, approved by {actor};"
        told += f" the night of {run.business_date} {then}"
        return told, [case.name for case in cases], warnings(connection, run, cases)

    act(home, who, CHECKERS, batch_no, f"approve-{verb}", work, effect_fen=fen)


def act(home: Path, who: str | None, roles: tuple[str, ...], batch_no: str, verb: str, work: Any, **more: Any) -> None:
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


def proposed(batch_no: str, matter: Matter, cases: Sequence[Case], actor: str) -> str:
    """That `actor` proposed something, and what comes next."""
    total = format_yuan(sum(case.fen for case in cases))
    told = f"{many(cases)} of {total} proposed as {matter.verb} by {actor}; nothing moves until another person says:"
    return f"{told} puhui payout approve-{matter.verb} {batch_no} --effect {total} --as NAME"


def withdrawn(names: Sequence[str], actor: str) -> str:
    """That `actor` withdrew something."""
    return f"withdrawn by {actor}: {', '.join(names) or 'nothing'}"


def many(cases: Sequence[Case]) -> str:
    """How many payments they are."""
    return f"{len(cases)} payment{'s' * (len(cases) != 1)}"


def doubts(cases: Sequence[Case]) -> list[str]:
    """What people should look at before they decide about `cases`."""
    found = [f"look at this first: {case.name}: {doubt}" for case in cases for doubt in case.doubts]
    if len(found) > SHOWN:
        found = [*found[:SHOWN], f"and {len(found) - SHOWN} more; look at these first"]
    return found


def told_of(cases: Sequence[Case]) -> dict[str, str]:
    """By EndToEndId what people said, in the words of the column."""
    from batch.two_people import APPROVED, DONE, OPEN, PROPOSED

    words = {PROPOSED: "提出", APPROVED: "已定, 待夜间处理", DONE: "已定", OPEN: "未能执行"}
    told = {}
    for case in cases:
        said = case.word.said
        if said is None or (case.state == OPEN and not case.failed):
            continue
        people = "、".join(filter(None, (said["actor"], said["checker"])))
        line = f" ({said['line_id']})" if said["line_id"] else ""
        told[case.name] = f"{people} {words[case.state]}{line}: {said['reason']}"
    return told


def print_proposed(batch_no: str, matter: Matter, cases: Sequence[Case]) -> list[Case]:
    """Prints what a second person may do about proposals, and gives them."""
    from batch.two_people import PROPOSED

    waiting = [case for case in cases if case.state == PROPOSED]
    for case in waiting:
        if case.why_not:
            print(f"{case.name}: cannot be approved: {case.why_not}")
    ready = [case for case in waiting if not case.why_not]
    if ready:
        total = format_yuan(sum(case.fen for case in ready))
        named = "".join(f" {case.name}" for case in ready) if len(ready) < len(waiting) else ""
        command = f"puhui payout approve-{matter.verb} {batch_no}{named} --effect {total} --as NAME"
        print(f"next, by another person: {command}")
    return waiting
