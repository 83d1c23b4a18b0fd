"""A run of one business date: its identity, its lease, and steps that commit together with their record.

The identity of a night is (job, business date): the same date is the same job whenever it runs. A step that has a
row in step_run is done; a run that was killed anywhere goes on from there.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from batch import VERSION
from batch.config import Config
from settlement.model.errors import BadConfiguration, BadInput
from settlement.store import reference, runs
from settlement.store.database import Database
from settlement.store.keys import Keys

Summary = dict[str, Any]
LAST_STEP = "close"


@dataclass(frozen=True, slots=True)
class Run:
    """What a step may know beside the store: the business date, the folders, configuration, keys, and one time.

    `now` is the port's one reading of the clock for this command (aware); rows keep it, nothing is computed from it.
    `last_import` bounds the reference data in force tonight.
    """

    business_date: date
    now: datetime
    home: Path
    config: Config
    keys: Keys
    last_import: int
    fence: int


Step = Callable[[Connection, Run], Summary]
FileStep = Callable[[Database, Run], Summary]


def holder() -> str:
    """This process as a lease holder: machine, process number and its start, so that a reused number is another."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def _started(pid: int) -> str:
    """Start time of a process of this machine in kernel ticks; "" when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _is_dead(name: str) -> bool:
    """True where the holder is a process of this machine that is gone."""
    host, _, rest = name.partition(":")
    pid, _, started = rest.partition(":")
    return host == socket.gethostname() and pid.isdigit() and _started(int(pid)) != started


def next_business_date(database: Database, config: Config) -> date:
    """The earliest business date whose night has not finished."""
    with database.engine.connect() as connection:
        done = runs.dates_run(connection, LAST_STEP)
    return done[-1] + timedelta(days=1) if done else config.policy.first_business_date


@contextmanager
def begun(
    database: Database,
    home: Path,
    config: Config,
    keys: Keys,
    business_date: date,
    now: datetime,
    ready: Callable[[Connection, Run], None] | None = None,
) -> Iterator[Run]:
    """The lease held and the night's row made or found; releases the lease at the end.

    `ready` raises where a new night cannot be run through. It is asked before the night's row is made, because that
    row fixes configuration and imports: what is missing then could not be brought in any more.
    """
    due = next_business_date(database, config)
    if business_date > due:
        raise BadInput(f"the night of {due} has not finished; run `puhui night --date {due}` first")
    if business_date < config.policy.first_business_date:
        first = config.policy.first_business_date
        raise BadInput(f"{business_date} is before the first business date {first} (puhui.toml, policy)")
    me = holder()

    def take(connection: Connection) -> int:
        held_by = runs.lease_holder(connection)
        return runs.take_lease(connection, me, dead=bool(held_by) and _is_dead(held_by))

    fence = database.in_transaction(take)
    try:

        def make(connection: Connection) -> Run:
            last = reference.last_import(connection)
            new = Run(business_date, now, home, config, keys, last, fence)
            if ready and runs.night_row(connection, business_date) is None:
                ready(connection, new)
            return replace(new, last_import=_night(connection, config, business_date, now))

        yield database.in_transaction(make)
    finally:
        database.in_transaction(lambda c: runs.release_lease(c, fence))


def _night(connection: Connection, config: Config, business_date: date, now: datetime) -> int:
    """Makes the night's row, or finds the one of the run that was killed; gives its last import."""
    row = runs.night_row(connection, business_date)
    if row is None:
        last_import = reference.last_import(connection)
        runs.begin_night(
            connection,
            business_date=business_date,
            started_at=now,
            last_import=last_import,
            config_digest=config.digest,
            product_version=VERSION,
        )
        return last_import
    if row["config_digest"] != config.digest and LAST_STEP not in runs.summaries(connection, business_date):
        raise BadConfiguration(
            f"puhui.toml changed since the night of {business_date} began; put it back until this night has finished"
        )
    return int(row["last_import"])


def run_step(database: Database, run: Run, name: str, step: Step) -> Summary:
    """Runs a step and its record in one transaction; a step that is done gives its stored summary."""

    def work(connection: Connection) -> Summary:
        runs.guard(connection, run.fence)
        done = runs.step_summary(connection, run.business_date, name)
        if done is not None:
            return done
        summary = step(connection, run)
        runs.record_step(connection, run.business_date, name, run.fence, run.now, summary)
        return summary

    return database.in_transaction(work)


def run_file_step(database: Database, run: Run, name: str, step: FileStep) -> Summary:
    """Runs a step that has a transaction per file, then records it."""
    with database.engine.connect() as connection:
        done = runs.step_summary(connection, run.business_date, name)
    if done is not None:
        return done
    summary = step(database, run)

    def record(connection: Connection) -> Summary:
        runs.guard(connection, run.fence)
        runs.record_step(connection, run.business_date, name, run.fence, run.now, summary)
        return summary

    return database.in_transaction(record)
