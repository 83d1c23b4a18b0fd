"""receive: claims complete files and archives their bytes. Writes `file`."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from batch import inbox
from batch.config import SourceConfig
from batch.run import Run, Summary
from settlement.store import intake, runs
from settlement.store.archive import Archive
from settlement.store.database import Database


def receive(database: Database, run: Run) -> Summary:
    """Takes every complete file of every source, in the order of configuration and name; one transaction a file."""
    archive = Archive(run.home / "archive", run.keys)
    received = 0
    left: list[list[str]] = []
    for source in run.config.sources:
        for path, name, delivery in inbox.taken(run.home, source):
            received += _claim(database, run, archive, source, path, name, delivery)
        seen = inbox.look(run.home, source)
        left += [[source.name, name, why] for name, why in seen.left]
        for name in seen.complete:
            with database.engine.connect() as connection:
                delivery = intake.next_delivery(connection, source.name, name)
            path = inbox.take(run.home, source, name, delivery)
            received += _claim(database, run, archive, source, path, name, delivery)
    left += [
        [folder, name, "no source has a pattern for it"] for folder, name in inbox.unknown(run.home, run.config.sources)
    ]
    return {"received": received, "left": left}


def _claim(
    database: Database, run: Run, archive: Archive, source: SourceConfig, path: Path, name: str, delivery: int
) -> int:
    """Archives the copy, stores its row if it has none yet, removes the copy; 1 where the row is new."""

    def work(connection: Connection) -> int:
        runs.guard(connection, run.fence)
        if intake.claimed(connection, source.name, name, delivery):
            return 0
        with path.open("rb") as stream:
            sha256 = archive.put(stream)
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
        return 1

    new = database.in_transaction(work)
    path.unlink()
    return new
