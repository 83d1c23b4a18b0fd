"""What people see and decide about a delivery that is in conflict with what stands (operations.md, "Inbox").

So is an account statement that says otherwise of lines that were taken (STATEMENT_CHANGED, batch/restated.py).

One person proposes to take the delivery for right, a second one sees the same money effect and approves it by naming
it; the next night adds the rows. Keeping what stands moves nothing and needs one person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl
from sqlalchemy import Connection

from adapters.remedies import REMEDY
from batch import restated
from batch.config import SourceConfig
from batch.corrections import Effect, Plan, effect, plan, why_not
from batch.restated import CHANGED, Taking
from batch.run import Run
from batch.steps.ingest import Content, Delivery, parse
from settlement.model.errors import BadConfiguration, BadInput, NotAllowed, NotFound
from settlement.model.money import format_yuan
from settlement.store import corrections, intake, people, runs
from settlement.store import restated as restated_rows
from settlement.store.archive import Archive

_STATES = {"propose_file": "proposed", "take_file": "taken", "keep_file": "kept"}


@dataclass(frozen=True, slots=True)
class Look:
    """A delivery: its row (intake.OUTCOME), its rejects, what people decided, and what taking it would do.

    `state`: "" where nothing is held, else open, proposed, taken, kept. `planned` is None where nothing is held or it
    was decided, `moves` also where the delivery cannot be taken; `why_not` says why. A statement has `taking` in place
    of these two, or `booked` once it is taken; `waiting`: files that were refused behind it and have to come again.
    """

    row: dict[str, Any]
    rejects: pl.DataFrame
    decided: list[dict[str, Any]]
    state: str
    planned: Plan | None = None
    moves: Effect | None = None
    why_not: str = ""
    taking: Taking | None = None
    booked: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    @property
    def effect_fen(self) -> int | None:
        """What a second person names; None where the delivery cannot be taken."""
        if self.taking is not None:
            return None if self.why_not else self.taking.effect_fen
        return None if self.moves is None else self.moves.subsidy_fen


def look(connection: Connection, run: Run, file_id: int) -> Look:
    """Everything about a delivery, read from its archived bytes; NotFound where there is none of that number.

    Give a connection whose transaction is rolled back: reading numbers the cards that nobody has seen before.
    """
    found = intake.outcome(connection, file_id)
    if found.is_empty():
        raise NotFound(f"no delivery {file_id}; see `puhui inbox list`")
    row = found.row(0, named=True)
    rejects, decided = intake.rejects_of(connection, file_id), corrections.decisions(connection, file_id)
    if row["code"] == CHANGED and row["status"] == "REJECTED":
        return _statement(connection, run, row, rejects, decided)
    if not row["quarantined"] and row["status"] != "CONFLICT":
        return Look(row, rejects, decided, "")
    state = _STATES[decided[-1]["kind"]] if decided else "open"
    if state in {"taken", "kept"}:
        return Look(row, rejects, decided, state)
    later = intake.came_after(connection, file_id)
    if later is not None:
        why = f"delivery {later} of this name came later; decide about that one"
        return Look(row, rejects, decided, state, why_not=why)
    source, content = _read(connection, run, row)
    planned = plan(connection, run, source, file_id, content.frame)
    wrong = why_not(planned, len(content.rejects))
    if wrong:
        return Look(row, rejects, decided, state, planned, why_not=wrong)
    return Look(row, rejects, decided, state, planned, effect(connection, run, planned))


def _read(connection: Connection, run: Run, row: dict[str, Any]) -> tuple[SourceConfig, Content]:
    source = next((s for s in run.config.sources if s.name == row["source"]), None)
    if source is None:
        raise BadConfiguration(f"source {row['source']!r} is not in puhui.toml any more; put it back to see its files")
    delivery = Delivery(*intake.delivery(connection, row["file_id"]).row(0))
    return source, parse(run, Archive(run.home / "archive", run.keys), delivery, source)


def _statement(
    connection: Connection, run: Run, row: dict[str, Any], rejects: pl.DataFrame, decided: list[dict[str, Any]]
) -> Look:
    """A statement that was refused as changed; what taking it would book is booked and rolled back."""
    last = decided[-1] if decided else None
    state = _STATES[last["kind"]] if last else "open"
    if last and state == "taken" and not last["rows"]:
        # an approval is for the statements that the second person saw: where its night could not, it is over
        over = runs.step_summary(connection, last["business_date"], "ingest") is not None
        state = "open" if over else state
    waiting = restated_rows.waiting_since(connection, row["file_id"])
    if state in {"taken", "kept"}:
        booked = restated_rows.booked(connection, last["decision_id"]) if last else []
        return Look(row, rejects, decided, state, booked=booked, waiting=waiting)
    source, content = _read(connection, run, row)
    with connection.begin_nested() as trial:
        number = people.add_decision(
            connection, business_date=run.business_date, at=run.now, actor="", checker=None, kind="take_file",
            subject=str(row["file_id"]), reason="",
        )  # fmt: skip
        by = restated.Decision(number, "", None)
        taking = restated.take(connection, run, source, row["file_id"], content.frame, content.closing, by)
        trial.rollback()
    return Look(row, rejects, decided, state, why_not=taking.why_not, taking=taking, waiting=waiting)


def propose(connection: Connection, run: Run, seen: Look, actor: str, reason: str) -> None:
    """Notes that `actor` wants the delivery taken for right; a second person has to approve."""
    _open(seen)
    _takeable(seen)
    if seen.state == "proposed":
        raise BadInput(f"{_named(seen)}: {seen.decided[-1]['actor']} proposed it already; another person approves it")
    _decide(connection, run, seen, "propose_file", actor, None, reason)


def approve(connection: Connection, run: Run, seen: Look, checker: str, effect_fen: int) -> None:
    """Approves a proposal: the next night takes the delivery. `effect_fen` is what the checker saw.

    NotAllowed: nobody proposed it, or the same person did. BadInput: the effect is another by now.
    """
    _open(seen)
    moves = _takeable(seen)
    if seen.state != "proposed":
        raise NotAllowed(f"{_named(seen)}: nobody proposed to take it; `puhui inbox take` does")
    last = seen.decided[-1]
    if last["actor"] == checker:
        raise NotAllowed(f"{_named(seen)}: {checker} proposed it; another person approves it")
    if effect_fen != moves:
        now = format_yuan(moves) + (" of subsidy" if seen.taking is None else " of the account")
        raise BadInput(f"--effect: taking it moves {now} now; look with `puhui inbox show` and name that")
    _decide(connection, run, seen, "take_file", last["actor"], checker, last["reason"], moves)


def keep(connection: Connection, run: Run, seen: Look, actor: str, reason: str) -> None:
    """Decides that what stands is right; what was held stays without effect."""
    _open(seen)
    _decide(connection, run, seen, "keep_file", actor, None, reason)


def _named(seen: Look) -> str:
    return f"delivery {seen.row['file_id']}"


def _open(seen: Look) -> None:
    if not seen.state and seen.row["status"] == "REJECTED":
        remedy = REMEDY.get(seen.row["code"], "see docs/errors.md")
        raise BadInput(f"{_named(seen)}: was refused ({seen.row['code']}), which no decision changes: {remedy}")
    if not seen.state:
        raise BadInput(f"{_named(seen)}: nothing of it is held, so there is nothing to decide")
    if seen.state in {"taken", "kept"}:
        raise BadInput(f"{_named(seen)}: was {seen.state} already; see `puhui inbox show {seen.row['file_id']}`")


def _takeable(seen: Look) -> int:
    if seen.effect_fen is None:
        raise BadInput(f"{_named(seen)}: {seen.why_not}")
    return seen.effect_fen


def _decide(
    connection: Connection, run: Run, seen: Look, kind: str, actor: str, checker: str | None, reason: str,
    amount_fen: int | None = None,
) -> None:  # fmt: skip
    people.add_decision(
        connection,
        business_date=run.business_date,
        at=run.now,
        actor=actor,
        checker=checker,
        kind=kind,
        subject=str(seen.row["file_id"]),
        reason=reason,
        amount_fen=amount_fen,
    )
