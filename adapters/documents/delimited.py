"""A report as CSV: UTF-8 with BOM (Excel reads it as UTF-8 then), comma, double quotes where needed, line feeds.

The first table only, as text: money in plain yuan with two decimals, dates ISO 8601, instants in the report's zone.

Formula injection. A spreadsheet runs a cell that begins with = + - @ (their full-width forms in Chinese Excel too) or a
tab or carriage return, quoted or not. CSV cannot say "this is text", so such a *text* cell gets an apostrophe in front,
as OWASP's "CSV Injection" page advises; numbers of ours keep their minus sign. The workbook holds the text unchanged.
"""

from __future__ import annotations

import io

import polars as pl

from adapters.documents.cells import cell_texts, total_texts
from settlement.model.money import format_yuan
from settlement.model.report import Column, Report

_FORMULA = r"^([=+\-@＝＋－＠\t\r\n])"
CHECK = "核对:"


def _harmless(columns: tuple[Column, ...]) -> list[pl.Expr]:
    return [
        pl.col(column.name).str.replace(_FORMULA, "'${1}").alias(column.name)
        for column in columns
        if column.kind == "text"
    ]


def _footing(report: Report) -> list[list[str | None]]:
    """The total row, then one row per check: 核对:label first, the residual last."""
    table = report.tables[0]
    total = [text or None for text in total_texts(table.frame, table.columns)]
    width = len(table.columns)
    assert width > 1 or not report.checks, "a check line needs two columns"
    blank: list[str | None] = [None] * (width - 2)
    checks = [[CHECK + label, *blank, format_yuan(residual)] for label, residual in report.checks]
    return ([total] if total else []) + checks


def report_csv(report: Report, *, footing: bool = True) -> bytes:
    """The first table with its Chinese headings; with `footing` also its total row and the residual of each check.

    Every row has as many fields as the head, so that any CSV reader takes it; `footing=False` gives the data alone.
    """
    table = report.tables[0]
    names = [column.name for column in table.columns]
    frame = cell_texts(table.frame, table.columns, report.timezone).with_columns(_harmless(table.columns))
    if footing:
        rows = pl.DataFrame(_footing(report), schema=dict.fromkeys(names, pl.String), orient="row")
        frame = pl.concat([frame, rows])
    headings = pl.DataFrame([[c.heading for c in table.columns]], schema=frame.schema, orient="row")
    out = io.BytesIO()
    pl.concat([headings, frame]).write_csv(out, include_bom=True, include_header=False, null_value="")
    return out.getvalue()
