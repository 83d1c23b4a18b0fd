"""Rows of files that left, and what publish prints."""

from __future__ import annotations

from datetime import date

import polars as pl
from sqlalchemy import Connection, select

from settlement.model import frames
from settlement.store import tables as t
from settlement.store.copy import copy_in

ARTIFACT: frames.Schema = {
    "path": pl.String,
    "kind": pl.String,
    "reference": pl.String,
    "sha256": pl.String,
    "size": pl.Int64,
}


def put(connection: Connection, rows: pl.DataFrame, business_date: date) -> None:
    """Stores ARTIFACT rows under the business date."""
    if rows.height:
        copy_in(connection, t.artifact, rows.with_columns(business_date=pl.lit(business_date, pl.Date)))


def printed_statements(connection: Connection, business_date: date) -> list[str]:
    """Numbers of the night's statements that are printed: those of merchants and channels, in order."""
    s = t.statement.c
    query = select(s.statement_no).where(s.business_date == business_date, s.payee_kind != "member")
    return [row[0] for row in connection.execute(query.order_by(s.programme, s.year, s.number))]


def close_records(connection: Connection) -> list[tuple[date, str]]:
    """(business date, canonical JSON) of all closed days, in order."""
    c = t.close_record.c
    return [(row[0], row[1]) for row in connection.execute(select(c.business_date, c.record).order_by(c.business_date))]
