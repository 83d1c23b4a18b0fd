"""A report as a workbook: one sheet per table, the first with the report's head, checks and title."""

from __future__ import annotations

from adapters.documents.workbook import Sheet, workbook
from settlement.model.report import Report


def report_xlsx(report: Report) -> bytes:
    """The workbook of `report` (reconciliation.md "Reports"): amounts as numbers, text as text, totals as formulas.

    Equal reports give equal bytes. Raises TryAgain where the temporary folder cannot be written.
    """
    sheets = []
    for place, table in enumerate(report.tables):
        first = place == 0
        sheets.append(
            Sheet(
                name=table.title,
                title=report.title if first else f"{report.title} - {table.title}",
                columns=table.columns,
                frame=table.frame,
                timezone=report.timezone,
                head=(("业务日期", report.business_date.isoformat()), *report.head) if first else (),
                checks=report.checks if first else (),
                below=table.notes,
                charts=table.charts,
            )
        )
    return workbook(report.title, report.business_date, sheets)
