"""publish: reports, statements and the day's close record as files below out/<date>/. Writes `artifact`.

Every file is a pure function of rows, written whole before its row commits, and byte-identical when written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from sqlalchemy import Connection

from adapters.documents import report_csv, report_xlsx, statement_pdf, statement_xlsx
from batch.executor import spread
from batch.reports.reconciliation import balance_report, daily_report, discrepancy_report
from batch.reports.settlement import budget_report, member_payout_report, statement_document
from batch.run import Run, Summary
from settlement.model.report import Report, StatementDocument
from settlement.store import artifacts
from settlement.store.database import Database
from settlement.store.files import write_atomic

File = tuple[str, str, str, bytes]  # kind, reference, path below home, bytes


def publish(connection: Connection, run: Run) -> Summary:
    """Writes all files of the night, then their rows."""
    rows: list[tuple[str, str, str, str, int]] = []
    counts: dict[str, int] = {}
    for kind, reference, path, data in _files(connection, run):
        write_atomic(run.home / path, data)
        rows.append((path, kind, reference, hashlib.sha256(data).hexdigest(), len(data)))
        counts[kind] = counts.get(kind, 0) + 1
    frame = pl.DataFrame(rows, schema=artifacts.ARTIFACT, orient="row")
    artifacts.put(connection, frame, run.business_date)
    return {"files": len(rows), "kinds": dict(sorted(counts.items()))}


def reports(connection: Connection, run: Run) -> list[Report]:
    """The reports of the night, in the order people read them."""
    out = [daily_report(connection, run), discrepancy_report(connection, run)]
    out += [balance_report(connection, run, account) for account in run.config.accounts]
    out += [budget_report(connection, run), member_payout_report(connection, run)]
    return out


def _files(connection: Connection, run: Run) -> Iterator[File]:
    folder = Path("out") / run.business_date.isoformat()
    for report in reports(connection, run):
        for ending, data in (("xlsx", report_xlsx(report)), ("csv", report_csv(report))):
            yield "report", report.code, str(folder / "reports" / f"{report.title}_{report.code}.{ending}"), data
    numbers = artifacts.printed_statements(connection, run.business_date)
    documents = (statement_document(connection, run, number) for number in numbers)
    for number, (pdf, workbook) in zip(numbers, spread(_printed, documents, len(numbers)), strict=True):
        yield "statement", number, str(folder / "statements" / f"{number}.pdf"), pdf
        yield "statement", number, str(folder / "statements" / f"{number}.xlsx"), workbook


def _printed(document: StatementDocument) -> tuple[bytes, bytes]:
    """A statement as PDF and workbook."""
    return statement_pdf(document), statement_xlsx(document)


def write_close(database: Database, home: Path) -> int:
    """Writes close.json of every closed day that lacks it; gives how many were written."""
    written = 0
    with database.engine.connect() as connection:
        records = artifacts.close_records(connection)
    for day, text in records:
        path = home / "out" / day.isoformat() / "close.json"
        data = text.encode()
        if not path.exists() or path.read_bytes() != data:
            write_atomic(path, data)
            written += 1
    return written
