"""Statements and workbooks: 1,000 small statements, one of 200 detail lines, 100,000 rows of 15 columns as .xlsx.

    python -m benchmarks.documents_statements [count]

One process, one core. The first statement pays for reading the fonts and is not counted.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from adapters.documents import report_csv, report_xlsx, statement_pdf, statement_xlsx
from settlement.model.report import (
    DETAIL_COLUMNS,
    HELD_COLUMNS,
    STATEMENT_COLUMNS,
    Column,
    Report,
    StatementDocument,
    Table,
)

DAY = date(2026, 5, 7)
VALUES: dict[str, Callable[[int], Any]] = {
    "text": lambda n: f"苏州{n % 97:03d}",
    "money": lambda n: 100_000 + n * 37 % 1_000_003,
    "count": lambda n: n % 1_000,
    "ppm": lambda n: n % 1_000_000,
    "date": lambda _: DAY,
    "instant": lambda n: datetime(2026, 5, 7, 3, n % 60, n % 59, tzinfo=UTC),
}
TYPES: dict[str, Any] = {
    "text": pl.String,
    "money": pl.Int64,
    "count": pl.Int64,
    "ppm": pl.Int64,
    "date": pl.Date,
    "instant": pl.Datetime("us", "UTC"),
}


def frame(columns: tuple[Column, ...], rows: int, seed: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            column.name: pl.Series([VALUES[column.kind](seed * 1_009 + row * 7 + place) for row in range(rows)])
            for place, column in enumerate(columns)
        },
        schema={column.name: TYPES[column.kind] for column in columns},
    )


def statement(detail: int, seed: int) -> StatementDocument:
    return StatementDocument(
        number=f"SZPH2026{seed:06d}",
        head=(("商户名称", f"苏州第{seed}商店"), ("结算周期起", "2026-05-07"), ("结算周期止", "2026-05-07")),
        lines=frame(STATEMENT_COLUMNS, 2, seed),
        detail=frame(DETAIL_COLUMNS, detail, seed),
        held=frame(HELD_COLUMNS, 1, seed),
        foot=(("制单", ""), ("复核", ""), ("商户确认(签章)", "")),
        digest="",
        business_date=DAY,
    )


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main(count: int = 1_000) -> None:
    statement_pdf(statement(3, 0))
    small = [statement(5, seed) for seed in range(1, count + 1)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    spent = seconds(lambda: [statement_pdf(document) for document in small])
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    print(
        f"statement PDF, 5 detail lines:    {count:,} in {spent:.1f} s CPU, {spent / count * 1000:.1f} ms each, "
        f"+{grown} MiB"
    )
    for lines in (200, 2_000):
        documents = [statement(lines, 10_000 + seed) for seed in range(3)]
        one = min(seconds(lambda d=document: statement_pdf(d)) for document in documents)  # type: ignore[misc] # bound now
        print(
            f"statement PDF, {lines:,} detail lines: {one * 1000:.0f} ms CPU, "
            f"{one / (spent / count):.1f} times a small one"
        )
    spent = seconds(lambda: [statement_xlsx(document) for document in small[:100]])
    print(f"statement XLSX, 5 detail lines:   {spent / 100 * 1000:.1f} ms CPU each")
    columns = DETAIL_COLUMNS[:15]
    table = Table("明细", columns, frame(columns, 100_000, 7))
    report = Report("bench", "明细", DAY, (table,))
    book = seconds(lambda: report_xlsx(report))
    text = seconds(lambda: report_csv(replace(report)))
    print(f"report XLSX, 100,000 x 15:        {book:.1f} s CPU; as CSV {text:.2f} s, {book / text:.0f} times less")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
