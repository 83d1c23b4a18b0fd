"""receive: claims complete files and archives their bytes. Writes `file`."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from batch import inbox
from batch.config import SourceConfig
from batch.names import known_as
from batch.run import Run, Summary
from settlement.store import intake, runs
from settlement.store.archive import Archive
from settlement.store.database import Database


def receive(database: Database, run: Run) -> Summary:
    """Takes every complete file of every source, in the order of configuration and name; one transaction a file."""
    archive = Archive(run.home / "archive", run.keys)
    left: list[list[str]] = []
    own = frozenset(account.number for account in run.config.accounts)
    for source in run.config.sources:
        for path, name, delivery in inbox.taken(run.home, source):
            called = known_as(name, run.keys.keyed_index, own)
            _claim(database, run, archive, source, path, called, delivery)
        seen = inbox.look(run.home, source, own)
        left += [[source.name, name, why] for name, why in seen.left]
        for name in seen.complete:
            called = known_as(name, run.keys.keyed_index, own)
            with database.engine.connect() as connection:
                delivery = intake.next_delivery(connection, source.name, called)
            copy = inbox.take(run.home, source, name, delivery)
            if copy is None:
                left.append([source.name, called, inbox.NOT_PLAIN])
            else:
                _claim(database, run, archive, source, copy, called, delivery)
    unknown = inbox.unknown(run.home, run.config.sources)
    left += [[folder, name, "no source has a pattern for it"] for folder, name in unknown]
    with database.engine.connect() as connection:
        received = intake.received(connection, run.business_date)
    return {"received": received, "left": left}


def _claim(
    database: Database, run: Run, archive: Archive, source: SourceConfig, path: Path, name: str, delivery: int
) -> None:
    """Archives the copy, stores its row if it has none yet, removes the copy."""

    def work(connection: Connection) -> None:
        runs.guard(connection, run.fence)
        if intake.claimed(connection, source.name, name, delivery):
            return
        sha256 = archive.put(path)
        intake.claim(
            connection,
            source=source.name,
            name=name,
            delivery=delivery,
            sha256=sha256,
            size=path.stat().st_size,
            received_at=run.now,
            business_date=run.business_date,
        )

    database.in_transaction(work)
    path.unlink()
