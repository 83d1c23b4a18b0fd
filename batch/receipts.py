"""Receipts to the banks: one `.ack` for every delivery of a file, written when its outcome has committed.

A receipt is a pure function of rows, so that a night that was killed between the commit and the file writes it again.
"""

from __future__ import annotations

from adapters.documents.receipt import Receipt, receipt_json, receipt_name
from batch.inbox import folders
from batch.run import Run
from settlement.model.rejects import Reject
from settlement.store import intake
from settlement.store.database import Database
from settlement.store.files import write_atomic


def write(database: Database, run: Run) -> int:
    """Writes the receipts of all outcomes of the business date that lack theirs; gives how many were written."""
    written = 0
    with database.engine.connect() as connection:
        head = intake.chain_head(connection, run.business_date)
        rows = intake.outcomes(connection, run.business_date)
        for row in rows.iter_rows(named=True):
            source = run.config.source(row["source"])
            path = folders(run.home, source)[2] / receipt_name(row["name"], row["delivery"])
            rejects = intake.rejects_of(connection, row["file_id"])
            receipt = Receipt(
                name=row["name"],
                delivery=row["delivery"],
                sha256=row["sha256"],
                received_at=row["received_at"],
                status=row["status"],
                business_date=run.business_date,
                records_read=row["records"],
                records_declared=row["declared_records"],
                total_read_fen=row["total_fen"],
                total_declared_fen=row["declared_total_fen"],
                accepted=row["accepted"],
                rejected=row["rejected"],
                duplicate=row["duplicate"],
                quarantined=row["quarantined"],
                rejects=tuple(Reject(row["name"], *values) for values in rejects.iter_rows()),
                chain_head=head,
                timezone=run.config.programme.timezone,
            )
            data = receipt_json(receipt)
            if not path.exists() or path.read_bytes() != data:
                write_atomic(path, data)
                written += 1
    return written
