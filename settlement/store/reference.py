"""Reference data as it was after a given import: per key, the row of the highest import not after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from sqlalchemy import Connection, Select, Table, func, select

from settlement.model import frames
from settlement.model.dates import Calendar
from settlement.store import tables as t
from settlement.store.copy import copy_out

# Several rows of one key are several validity periods; a whole key is replaced by a later import of that key.
KEYS: dict[Table, tuple[str, ...]] = {
    t.organisation: ("org",),
    t.member: ("member_no",),
    t.card: ("card_id",),
    t.merchant: ("merchant_no",),
    t.merchant_store: ("store_no",),
    t.terminal: ("source", "their_merchant_no", "terminal_no"),
    t.contract: ("merchant_no",),
    t.payee_account: ("payee_kind", "payee_no"),
    t.entitlement: ("entitlement_no",),
    t.calendar_day: ("date",),
    t.programme_text: ("programme",),
    t.scheme_text: ("programme", "scheme", "version"),
    t.chart_text: ("chart",),
}


def current(table: Table, keys: Sequence[str], last_import: int) -> Select[Any]:
    """SELECT of the rows in force up to `last_import`: per `keys`, all rows of the highest import that names it."""
    rank = (
        func.rank()
        .over(partition_by=[table.c[key] for key in keys], order_by=table.c.import_id.desc())
        .label("import_rank")
    )
    ranked = select(table, rank).where(table.c.import_id <= last_import).subquery()
    return select(*[ranked.c[column.name] for column in table.columns]).where(ranked.c.import_rank == 1)


def current_rows(connection: Connection, table: Table, last_import: int, schema: frames.Schema) -> pl.DataFrame:
    """The rows in force of a reference table as a frame with the columns of `schema`."""
    rows = current(table, KEYS[table], last_import).subquery()
    return copy_out(connection, select(*[rows.c[name] for name in schema]), schema)


def members(connection: Connection, last_import: int) -> pl.DataFrame:
    """MEMBERS frame in force."""
    return current_rows(connection, t.member, last_import, frames.MEMBERS)


def merchants(connection: Connection, last_import: int) -> pl.DataFrame:
    """MERCHANTS frame in force."""
    return current_rows(connection, t.merchant, last_import, frames.MERCHANTS)


def entitlements(connection: Connection, last_import: int) -> pl.DataFrame:
    """ENTITLEMENTS frame in force."""
    return current_rows(connection, t.entitlement, last_import, frames.ENTITLEMENTS)


def calendar_frame(connection: Connection, last_import: int) -> pl.DataFrame:
    """CALENDAR frame in force."""
    return current_rows(connection, t.calendar_day, last_import, frames.CALENDAR)


def calendar(connection: Connection, last_import: int) -> Calendar:
    """The working-day calendar in force."""
    frame = calendar_frame(connection, last_import)
    return Calendar({day: kind == "workday" for day, kind in frame.iter_rows()})


def programme_documents(
    connection: Connection, programme: str, last_import: int
) -> tuple[tuple[str, str], list[tuple[str, str]]]:
    """((file, yaml) of programme.yaml, [(file, yaml)] of its schemes in order of scheme and version).

    An empty file name means the programme has not been imported.
    """
    p = current(t.programme_text, KEYS[t.programme_text], last_import).subquery()
    row = connection.execute(select(p.c.file, p.c.yaml).where(p.c.programme == programme)).one_or_none()
    s = current(t.scheme_text, KEYS[t.scheme_text], last_import).subquery()
    schemes = connection.execute(
        select(s.c.file, s.c.yaml).where(s.c.programme == programme).order_by(s.c.scheme.collate("C"), s.c.version)
    )
    return (row[0], row[1]) if row else ("", ""), [(r[0], r[1]) for r in schemes]


def last_import(connection: Connection) -> int:
    """The highest import number; 0 when nothing has been imported."""
    return int(connection.execute(select(func.coalesce(func.max(t.import_file.c.import_id), 0))).scalar_one())
