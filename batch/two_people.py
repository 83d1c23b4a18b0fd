"""What two people say of payout items: one proposes, another approves naming the sum, the next night does it.

What is the same whatever they say (batch/unpaid.py, batch/paid.py): who may say it when, the withdrawal, and the second
look of the night, after which what cannot be done has no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection

from batch.run import Run
from settlement.model.errors import BadInput, NotAllowed, NotFound
from settlement.model.money import format_yuan
from settlement.reconciliation.by_people import TAKEN
from settlement.store import payouts, people
from settlement.store import two_people as rows

OPEN, PROPOSED, APPROVED, DONE = "", "proposed", "approved", "done"
WAITING = (PROPOSED, APPROVED)


@dataclass(frozen=True, slots=True)
class Word:
    """What people said last of an item. `proposed`: the business date of a proposal that waits."""

    state: str = OPEN
    said: dict[str, Any] | None = None
    proposed: date | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """An item, what people said last of it, and what speaks against saying it ("": nothing).

    `line`: the bank line that is meant, where one is.
    """

    item: dict[str, Any]
    word: Word
    why_not: str
    doubts: list[str]
    line: str | None = None

    @property
    def name(self) -> str:
        """Its EndToEndId."""
        return str(self.item["end_to_end_id"])

    @property
    def fen(self) -> int:
        """Its amount."""
        return int(self.item["amount_fen"])

    @property
    def state(self) -> str:
        """OPEN, PROPOSED, APPROVED or DONE."""
        return self.word.state

    @property
    def actor(self) -> str | None:
        """Who said the last word."""
        return self.word.said["actor"] if self.word.said else None

    @property
    def failed(self) -> bool:
        """Whether two people decided it and their night could not."""
        return self.word.failed


@dataclass(frozen=True, slots=True)
class Matter:
    """What can be said. `verb`: of `puhui payout`; `effect`: what becomes of the sum; `look`: every case of a batch."""

    kinds: rows.Kinds
    verb: str
    effect: str
    look: Callable[[Connection, Run, str], list[Case]]


def words(connection: Connection, batch_no: str, kinds: rows.Kinds) -> dict[str, Word]:
    """By EndToEndId the last word about those items of a batch that people spoke of."""
    found: dict[str, Word] = {}
    proposed: dict[str, date] = {}
    for said in rows.said(connection, batch_no, kinds):
        name, state = said["end_to_end_id"], _state(said, kinds)
        if said["kind"] == kinds.propose:
            proposed[name] = said["business_date"]
        failed = said["kind"] == kinds.decide and state == OPEN
        found[name] = Word(state, said, proposed[name] if state in WAITING else None, failed)
    return found


def _state(said: dict[str, Any], kinds: rows.Kinds) -> str:
    if said["kind"] == kinds.withdraw:
        return OPEN
    if said["kind"] == kinds.propose:
        return PROPOSED
    if said["taken"]:
        return DONE
    return OPEN if said["over"] else APPROVED


def waiting(matter: Matter, connection: Connection, run: Run, batch_no: str) -> list[str]:
    """The items of a batch that wait for a second person, or for the night."""
    return [case.name for case in picked(matter, connection, run, batch_no, (), every=True) if case.state in WAITING]


def propose(
    matter: Matter, connection: Connection, run: Run, cases: Sequence[Case], actor: str, reason: str
) -> Sequence[Case]:
    """Notes that `actor` says it of these items, and gives them; a second person has to approve.

    What the same person proposed already stays so. BadInput, NotAllowed: it may not be said of one of them.
    """
    for case in cases:
        if case.state == PROPOSED and case.actor != actor:
            raise BadInput(f"{case.name}: {case.actor} proposed it already; another person approves it")
        _allowed(case)
    for case in cases:
        if case.state != PROPOSED:
            _decide(connection, run, case, matter.kinds.propose, actor, None, reason)
    return cases


def approve(
    matter: Matter,
    connection: Connection,
    run: Run,
    batch_no: str,
    items: Sequence[str],
    checker: str,
    effect_fen: int,
) -> list[Case]:
    """Approves proposals (of `items`, or all of the batch) and gives them; the next night does it.

    `effect_fen`: their sum, as the checker saw it. What the same person approved already for that night stays so.
    """
    cases = picked(matter, connection, run, batch_no, items, every=True)
    chosen = [case for case in cases if case.state == PROPOSED]
    before = [c for c in cases if c.state == APPROVED and c.word.said and c.word.said["checker"] == checker]
    if not chosen and before and sum(case.fen for case in before) == effect_fen:
        return before
    missing = next((case for case in cases if items and case.state != PROPOSED), None)
    if missing or not chosen:
        name = missing.name if missing else f"payout {batch_no}"
        raise NotAllowed(f"{name}: nobody proposed that it is {matter.verb}; `puhui payout {matter.verb}` does")
    for case in chosen:
        if case.actor == checker:
            raise NotAllowed(f"{case.name}: {checker} proposed it; another person approves it")
        _allowed(case)
    total = sum(case.fen for case in chosen)
    if total != effect_fen:
        raise BadInput(
            f"--effect: {format_yuan(total)} would be {matter.effect}; look with `puhui payout show` and name that"
        )
    for case in chosen:
        assert case.word.said is not None, "it was proposed"
        said = case.word.said
        _decide(connection, run, case, matter.kinds.decide, said["actor"], checker, said["reason"])
    return chosen


def withdraw(
    matter: Matter, connection: Connection, run: Run, batch_no: str, items: Sequence[str], actor: str, reason: str
) -> None:
    """Takes back what the night has not done yet; whoever said it. What was withdrawn already stays so."""
    for case in picked(matter, connection, run, batch_no, items):
        if case.state == OPEN and case.word.said and not case.failed:
            continue
        if case.state not in WAITING:
            raise BadInput(f"{case.name}: nothing waits to be withdrawn; see `puhui payout show {batch_no}`")
        _decide(connection, run, case, matter.kinds.withdraw, actor, None, reason)


def decided(matter: Matter, connection: Connection, run: Run) -> Iterator[Case]:
    """What two people decided for this night, as it stands now."""
    for batch_no in rows.decided(connection, run.business_date, matter.kinds):
        for case in matter.look(connection, run, batch_no):
            if case.state == APPROVED and case.word.said and case.word.said["business_date"] == run.business_date:
                yield case


def taken(matter: Matter, cases: Iterable[Case]) -> tuple[pl.DataFrame, list[str]]:
    """(TAKEN: what is done of those decisions, sentences about those that cannot be done now)."""
    done: list[dict[str, Any]] = []
    refused: list[str] = []
    for case in cases:
        assert case.word.said is not None, "it was decided"
        if case.why_not:
            number = case.word.said["decision_id"]
            refused.append(f"decision {number} ({matter.verb} {case.name}): {case.why_not}")
        else:
            done.append({name: (case.word.said | case.item)[name] for name in TAKEN})
    return pl.DataFrame(done, schema=TAKEN, orient="row"), refused


def picked(
    matter: Matter, connection: Connection, run: Run, batch_no: str, items: Sequence[str], *, every: bool = False
) -> list[Case]:
    """The cases of `items`, each once; all of the batch where none is named and `every` is meant."""
    payouts.batch(connection, batch_no)
    return choose(matter.look(connection, run, batch_no), batch_no, items, every=every)


def choose(found: Sequence[Case], batch_no: str, items: Sequence[str], *, every: bool = False) -> list[Case]:
    """As `picked`, of the cases of a batch."""
    cases = {case.name: case for case in found}
    unknown = next((name for name in items if name not in cases), None)
    if unknown is not None:
        raise NotFound(f"payout {batch_no}: it has no item {unknown}; `puhui payout show {batch_no}` lists them")
    return [cases[name] for name in dict.fromkeys(items or (cases if every else ()))]


def _allowed(case: Case) -> None:
    if case.state == APPROVED:
        raise BadInput(f"{case.name}: two people decided it already; the next night takes it")
    if case.why_not:
        raise NotAllowed(f"{case.name}: {case.why_not}")


def _decide(
    connection: Connection, run: Run, case: Case, kind: str, actor: str, checker: str | None, reason: str
) -> None:
    people.add_decision(
        connection,
        business_date=run.business_date,
        at=run.now,
        actor=actor,
        checker=checker,
        kind=kind,
        subject=rows.subject(case.name, case.line),
        reason=reason,
        amount_fen=case.fen,
    )
