"""ingest: parses deliveries, accepts, rejects, receipts. One transaction a file.

Writes transaction, clearing_item, correction, bank_statement, bank_line, payout_answer, card_token, file_outcome,
file_reject.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection

from adapters.base import Closing, Context, Parsed
from adapters.registry import adapter
from batch import accept, restated
from batch.config import SourceConfig
from batch.corrections import plan, take, why_not
from batch.refusals import GAP, bad_row, settings_of
from batch.results import results
from batch.run import Run, Summary
from settlement.model.errors import BadConfiguration
from settlement.model.money import format_yuan
from settlement.model.outcomes import FileStatus
from settlement.model.rejects import Reject
from settlement.store import corrections, intake, runs
from settlement.store import tables as t
from settlement.store.archive import Archive
from settlement.store.copy import copy_in
from settlement.store.database import Database


@dataclass(frozen=True, slots=True)
class Delivery:
    """One pending row of `file`."""

    file_id: int
    source: str
    name: str
    delivery: int
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Content:
    """A delivery as its adapter read it: all accepted rows, all rejects, what is known at the end."""

    frame: pl.DataFrame
    rejects: list[Reject]
    closing: Closing


MAX_HELD_ROWS = 200_000  # of statements that are read once for all tries of a night
# what another statement of the night may make good
WAITING = frozenset({GAP, "STATEMENT_TWICE", "STATEMENT_CHANGED"})


def ingest(database: Database, run: Run) -> Summary:
    """Gives every pending delivery its outcome."""
    archive = Archive(run.home / "archive", run.keys)
    refused = _take_decided(database, run, archive)
    with database.engine.connect() as connection:
        pending = [Delivery(*row) for row in intake.pending_files(connection).iter_rows()]
    _take_all(database, run, archive, pending)
    with database.engine.connect() as connection:
        outcomes = intake.outcomes(connection, run.business_date)
    counts = outcomes.group_by("status").len().sort("status")
    summary: Summary = {"files": outcomes.height, "status": dict(counts.iter_rows())}
    return summary | ({"decisions_refused": refused} if refused else {})


def _take_all(database: Database, run: Run, archive: Archive, pending: list[Delivery]) -> None:
    """Other files as they came, then statements: always the oldest that does not wait, so that a kill changes nothing.

    Names need not sort by day (01052026 and 30042026, or a random number), and a year may come at once.
    """
    statements = []
    for delivery in pending:
        if _source(run, delivery).role == "statement":
            statements.append(delivery)
        else:
            _ingest_file(database, run, archive, delivery, last=True)
    held = _Held(run, archive)
    about = {d.file_id: _about(run, held.content(d)) for d in statements} if len(statements) > 1 else {}

    def place(delivery: Delivery) -> tuple[date, int]:
        return about[delivery.file_id][0], delivery.file_id

    rest = deque(sorted(statements, key=place) if about else statements)
    waiting: list[Delivery] = []
    last = False
    while rest or waiting:
        if not rest:
            rest, waiting, last = deque(sorted(waiting, key=place) if about else waiting), [], True
        delivery = rest.popleft()
        if not _ingest_file(database, run, archive, delivery, last=last, held=held):
            waiting.append(delivery)
        elif waiting:  # perhaps for this one: those of its accounts are tried again
            accounts = about[delivery.file_id][1]
            again = [d for d in waiting if about[d.file_id][1] & accounts]
            waiting = [d for d in waiting if d not in again]
            rest.extendleft(sorted(again, key=place, reverse=True))


@dataclass(slots=True)
class _Held:
    """Files of statements as they were read for their day, and are tried, perhaps more than once; not all of many."""

    run: Run
    archive: Archive
    contents: dict[int, Content] = field(default_factory=dict)
    rows: int = 0

    def content(self, delivery: Delivery) -> Content:
        """What the file holds; it is read where it is not held."""
        found = self.contents.get(delivery.file_id)
        if found is None:
            found = parse(self.run, self.archive, delivery, _source(self.run, delivery))
            rows = found.frame.height + len(found.rejects)
            if self.rows + rows <= MAX_HELD_ROWS:
                self.contents[delivery.file_id] = found
                self.rows += rows
        return found


def _about(run: Run, content: Content) -> tuple[date, set[str]]:
    """The newest day of a file of statements, as `accept.statements` has it, and its accounts."""
    if not content.frame.height:
        return run.business_date, set()
    newest = content.closing.clearing_date or content.frame["booking_date"].max()
    return newest if isinstance(newest, date) else run.business_date, set(content.frame["account"])


def _ingest_file(
    database: Database, run: Run, archive: Archive, delivery: Delivery, *, last: bool, held: _Held | None = None
) -> bool:
    """False, and nothing is done: before this statement one is missing, which another file may bring (`last`: none).

    One that looks like one of before waits too: behind the one that is missing its balance proves its lines.
    """
    source = _source(run, delivery)
    with database.engine.connect() as connection:
        before = intake.same_bytes_before(connection, delivery.file_id, delivery.source, delivery.sha256)
    content = None
    if not before:
        content = held.content(delivery) if held else parse(run, archive, delivery, source)

    def work(connection: Connection) -> bool:
        runs.guard(connection, run.fence)
        if content is None:
            outcome = _same_bytes(before or "")
        else:
            outcome = _stored(connection, run, delivery, source, content)
            if outcome.code in WAITING and not last:
                return False
        _write_outcome(connection, run, delivery, outcome)
        return True

    return database.in_transaction(work)


def _take_decided(database: Database, run: Run, archive: Archive) -> list[str]:
    """Adds the rows of conflicting deliveries that two people took for right, before anything new comes in.

    Gives a sentence for each that cannot be taken any more as it was decided.
    """
    refused: list[str] = []
    with database.engine.connect() as connection:
        decided = corrections.to_take(connection, run.business_date)
    for decision in decided:
        decision_id, file_id = decision["decision_id"], int(decision["subject"])
        with database.engine.connect() as connection:
            delivery = Delivery(*intake.delivery(connection, file_id).row(0))
        source = _source(run, delivery)
        if source.role == "statement" and decision["business_date"] < run.business_date:
            continue  # its own night could not, and people decide anew
        content = parse(run, archive, delivery, source)

        def work(connection: Connection) -> str:
            runs.guard(connection, run.fence)
            if source.role == "statement":  # noqa: B023 called in this turn
                return _take_statement(connection, run, source, decision, content)  # noqa: B023 the same
            planned = plan(connection, run, source, file_id, content.frame)  # noqa: B023 called in this turn
            wrong = why_not(planned, len(content.rejects))  # noqa: B023 the same
            if not wrong:
                take(connection, run, planned, decision_id)  # noqa: B023 the same
            return wrong

        wrong = database.in_transaction(work)
        if wrong:
            refused.append(f"decision {decision_id} (take_file {file_id}): {wrong}")
    return refused


def _take_statement(
    connection: Connection, run: Run, source: SourceConfig, decision: dict[str, Any], content: Content
) -> str:
    """Books a restated statement as it was approved; else says why not, and nothing is done."""
    by = restated.Decision(decision["decision_id"], decision["actor"], decision["checker"])
    file_id, approved = int(decision["subject"]), int(decision["amount_fen"])
    with connection.begin_nested() as trial:
        taking = restated.take(connection, run, source, file_id, content.frame, content.closing, by)
        wrong = taking.why_not
        if not wrong and taking.effect_fen != approved:
            now, then = format_yuan(taking.effect_fen), format_yuan(approved)
            wrong = f"it moves {now} by now, and {then} was approved; decide again"
        if wrong:
            trial.rollback()
    return wrong


def _source(run: Run, delivery: Delivery) -> SourceConfig:
    source = next((s for s in run.config.sources if s.name == delivery.source), None)
    if source is None:
        raise BadConfiguration(
            f"{delivery.name}: source {delivery.source!r} is not in puhui.toml any more; put it back to take the file"
        )
    return source


def parse(run: Run, archive: Archive, delivery: Delivery, source: SourceConfig) -> Content:
    """Reads the archived bytes through the source's adapter, whole."""
    chosen = adapter(source.format)
    assert chosen.read is not None, f"{source.format} does not read"
    context = Context(delivery.name, source.name, settings_of(source), run.keys.tokeniser)
    frames: list[pl.DataFrame] = []
    rejects: list[Reject] = []
    closing: Closing | None = None
    with archive.open(delivery.sha256) as stream:
        for item in chosen.read(stream, context):
            if isinstance(item, Parsed):
                frames.append(item.frame)
                rejects += item.rejects
            else:
                closing = item
    assert closing is not None, f"{source.format} gave no closing"
    whole = source.reject_file_on_bad_row or source.role == "statement"
    refused = bad_row(rejects) if whole and closing.refused is None else None
    if refused is not None:
        closing = accept.refuse(closing, refused)
    frame = pl.concat(frames) if frames else pl.DataFrame()
    return Content(frame, rejects, closing)


def _same_bytes(before: str) -> accept.Outcome:
    message = f"the same bytes as {before}; nothing was done"
    return accept.Outcome(FileStatus.DUPLICATE, code="DUPLICATE_FILE", message=message)


def _stored(
    connection: Connection, run: Run, delivery: Delivery, source: SourceConfig, content: Content
) -> accept.Outcome:
    """The outcome of one delivery, whose accepted rows are stored."""
    closing = content.closing
    if closing.refused is None and content.frame.height:
        if source.role == "statement":
            return accept.statements(connection, run, source, delivery.file_id, content.frame, closing)
        if source.role == "result":
            by_batch = source.format == "pain002" and run.config.payout.format == "pain001"
            given = (content.frame, content.rejects, closing)
            return results(connection, delivery.file_id, run.business_date, *given, by_batch=by_batch)
        again = intake.same_name_before(connection, delivery.file_id, delivery.source, delivery.name)
        table = t.transaction if source.role == "feed" else t.clearing_item
        return accept.transactions(
            connection, run, table, delivery.file_id, content.frame, content.rejects, closing, again=again
        )
    return accept.nothing(closing, content.rejects)


def _write_outcome(connection: Connection, run: Run, delivery: Delivery, outcome: accept.Outcome) -> None:
    rows = outcome.reject_rows(delivery.file_id)
    row = pl.DataFrame([outcome.row(delivery.file_id, run.business_date)], schema=accept.OUTCOME)
    copy_in(connection, t.file_outcome, row)
    if rows.height:
        copy_in(connection, t.file_reject, rows)
