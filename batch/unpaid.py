"""What people say of payments that the bank did not make: one proposes, another approves, the next night does it.

Nothing but a file of the bank ends an item whose result is unknown, and a bank may never send one. The night asks once
more, after its own statements and result files, whether anything speaks against it (settlement/payout/unpaid.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import Connection

from batch.run import Run
from settlement.model.errors import BadInput, NotAllowed, NotFound
from settlement.model.money import format_yuan
from settlement.payout.unpaid import Line, Sent, doubts, why_not
from settlement.reconciliation.unpaid import TAKEN, UNPAID
from settlement.store import payouts, people, reference
from settlement.store import unpaid as rows

OPEN, PROPOSED, APPROVED, DONE = "", "proposed", "approved", "done"
_WAITING = (PROPOSED, APPROVED)


@dataclass(frozen=True, slots=True)
class Case:
    """An item, what people said last of it, and what speaks against calling it unpaid ("": nothing).

    `failed`: two people did, and their night could not.
    """

    item: dict[str, Any]
    state: str
    said: dict[str, Any] | None
    why_not: str
    doubts: list[str]
    failed: bool

    @property
    def name(self) -> str:
        """Its EndToEndId."""
        return str(self.item["end_to_end_id"])

    @property
    def fen(self) -> int:
        """Its amount."""
        return int(self.item["amount_fen"])


def look(connection: Connection, run: Run, batch_no: str) -> list[Case]:
    """Every item of a batch, in order of EndToEndId."""
    found = rows.items(connection, batch_no).to_dicts()
    lines = [Line(**row) for row in rows.lines(connection, batch_no).to_dicts()]
    reached = {account: rows.reached(connection, account) for account in {i["account"] for i in found}}
    calendar, days = reference.calendar(connection, run.last_import), run.config.payout.unpaid_after_days
    last: dict[str, dict[str, Any]] = {}
    proposals: dict[str, dict[str, Any]] = {}
    for row in rows.said(connection, batch_no):
        last[row["end_to_end_id"]] = row
        if row["kind"] == rows.PROPOSE:
            proposals[row["end_to_end_id"]] = row
    cases = []
    for row in found:
        sent = Sent(**{name: row[name] for name in Sent.__dataclass_fields__})
        said = last.get(sent.end_to_end_id)
        state = _state(said)
        proposed = proposals[sent.end_to_end_id]["business_date"] if state in _WAITING else None
        why = why_not(sent, lines, reached[row["account"]], days, calendar, proposed)
        failed = bool(said and said["kind"] == rows.DECIDE and state == OPEN)
        cases.append(Case(row, state, said, why, doubts(sent, lines), failed))
    return cases


def _state(said: dict[str, Any] | None) -> str:
    if said is None or said["kind"] == rows.WITHDRAW:
        return OPEN
    if said["kind"] == rows.PROPOSE:
        return PROPOSED
    if said["taken"]:
        return DONE
    return OPEN if said["over"] else APPROVED


def possible(connection: Connection, run: Run, batch_no: str, actor: str) -> list[str]:
    """The items of a batch that `actor` may call unpaid, or has; BadInput where there is none."""
    cases = _picked(connection, run, batch_no, (), every=True)
    own = {case.name for case in cases if case.state == PROPOSED and case.said and case.said["actor"] == actor}
    wanted = [case.name for case in cases if not case.why_not and (case.state == OPEN or case.name in own)]
    if not wanted:
        why = next((f", as {case.name}: {case.why_not}" for case in cases if case.why_not), "")
        raise BadInput(f"payout {batch_no}: --all: no payment of it can be meant{why}")
    return wanted


def waiting(connection: Connection, run: Run, batch_no: str) -> list[str]:
    """The items of a batch that wait for a second person, or for the night."""
    return [case.name for case in _picked(connection, run, batch_no, (), every=True) if case.state in _WAITING]


def propose(
    connection: Connection, run: Run, batch_no: str, items: Sequence[str], actor: str, reason: str
) -> list[Case]:
    """Notes that `actor` says the bank did not pay these items, and gives them; a second person has to approve.

    What the same person proposed already stays so. BadInput, NotAllowed: one of them may not be called unpaid.
    """
    cases = _picked(connection, run, batch_no, items)
    for case in cases:
        if case.state == PROPOSED and case.said and case.said["actor"] != actor:
            raise BadInput(f"{case.name}: {case.said['actor']} proposed it already; another person approves it")
        _allowed(case)
    for case in cases:
        if case.state != PROPOSED:
            _decide(connection, run, case, rows.PROPOSE, actor, None, reason)
    return cases


def approve(
    connection: Connection, run: Run, batch_no: str, items: Sequence[str], checker: str, effect_fen: int
) -> list[Case]:
    """Approves proposals (of `items`, or all of the batch) and gives them; the next night makes them payable again.

    `effect_fen`: their sum, as the checker saw it. What the same person approved already for that night stays so.
    """
    cases = _picked(connection, run, batch_no, items, every=True)
    chosen = [case for case in cases if case.state == PROPOSED]
    before = [case for case in cases if case.state == APPROVED and case.said and case.said["checker"] == checker]
    if not chosen and before and sum(case.fen for case in before) == effect_fen:
        return before
    missing = next((case for case in cases if items and case.state != PROPOSED), None)
    if missing or not chosen:
        name = missing.name if missing else f"payout {batch_no}"
        raise NotAllowed(f"{name}: nobody proposed that it is unpaid; `puhui payout unpaid` does")
    for case in chosen:
        if case.said and case.said["actor"] == checker:
            raise NotAllowed(f"{case.name}: {checker} proposed it; another person approves it")
        _allowed(case)
    total = sum(case.fen for case in chosen)
    if total != effect_fen:
        raise BadInput(
            f"--effect: {format_yuan(total)} would be payable again; look with `puhui payout show` and name that"
        )
    for case in chosen:
        assert case.said is not None, "it was proposed"
        _decide(connection, run, case, rows.DECIDE, case.said["actor"], checker, case.said["reason"])
    return chosen


def withdraw(connection: Connection, run: Run, batch_no: str, items: Sequence[str], actor: str, reason: str) -> None:
    """Takes back what the night has not done yet; whoever said it. What was withdrawn already stays so."""
    for case in _picked(connection, run, batch_no, items):
        if case.state == OPEN and case.said and case.said["kind"] == rows.WITHDRAW:
            continue
        if case.state not in _WAITING:
            raise BadInput(f"{case.name}: nothing waits to be withdrawn; see `puhui payout show {batch_no}`")
        _decide(connection, run, case, rows.WITHDRAW, actor, None, reason)


def tonight(connection: Connection, run: Run) -> tuple[pl.DataFrame, list[str]]:
    """(TAKEN: items that are unpaid by decisions of this night, sentences about decisions that cannot be done now).

    To be asked once tonight's lines and answers are stored.
    """
    done: list[dict[str, Any]] = []
    refused: list[str] = []
    for case in _decided(connection, run):
        assert case.said is not None, "it was decided"
        if case.why_not:
            refused.append(f"decision {case.said['decision_id']} ({UNPAID} {case.name}): {case.why_not}")
        else:
            done.append({name: (case.said | case.item)[name] for name in TAKEN})
    return pl.DataFrame(done, schema=TAKEN, orient="row"), refused


def _decided(connection: Connection, run: Run) -> Iterator[Case]:
    for batch_no in rows.decided(connection, run.business_date):
        for case in look(connection, run, batch_no):
            if case.state == APPROVED and case.said and case.said["business_date"] == run.business_date:
                yield case


def _picked(
    connection: Connection, run: Run, batch_no: str, items: Sequence[str], *, every: bool = False
) -> list[Case]:
    """The cases of `items`, each once; all of the batch where none is named and `every` is meant."""
    payouts.batch(connection, batch_no)
    cases = {case.name: case for case in look(connection, run, batch_no)}
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
        subject=case.name,
        reason=reason,
        amount_fen=case.fen,
    )
