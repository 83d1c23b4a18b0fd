"""Rows of imports: the numbered file and its reference rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, Table, func, insert, select, text

from settlement.store import tables as t
from settlement.store.copy import copy_in


@dataclass(frozen=True, slots=True)
class ImportFile:
    """An earlier import of a kind."""

    import_id: int
    sha256: str
    rows: int


def newest(connection: Connection, kind: str) -> ImportFile | None:
    """The newest import of a kind; takes the transaction's lock on imports, so that numbers go one by one."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('puhui.import_file'))"))
    table = t.import_file
    query = (
        select(table.c.import_id, table.c.sha256, table.c.rows)
        .where(table.c.kind == kind)
        .order_by(table.c.import_id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else ImportFile(*row)


def begin(
    connection: Connection, kind: str, name: str, sha256: str, rows: int, imported_at: datetime, imported_by: str
) -> int:
    """Inserts the row of an import and gives its number (1, 2, 3 … without gaps)."""
    import_id = int(connection.execute(select(func.coalesce(func.max(t.import_file.c.import_id), 0) + 1)).scalar_one())
    connection.execute(
        insert(t.import_file).values(
            import_id=import_id,
            kind=kind,
            name=name,
            sha256=sha256,
            rows=rows,
            imported_at=imported_at,
            imported_by=imported_by,
        )
    )
    return import_id


def put(connection: Connection, table: Table, frame: pl.DataFrame) -> int:
    """Copies the columns that the table has; the frame may hold more."""
    return copy_in(connection, table, frame.select([column.name for column in table.columns]))


def maker(connection: Connection, import_id: int, kind: str) -> str | None:
    """Who made an import of that kind; None where there is no such import."""
    table = t.import_file.c
    query = select(table.imported_by).where(table.import_id == import_id, table.kind == kind)
    return connection.execute(query).scalar_one_or_none()


def numbers(connection: Connection, kind: str) -> list[int]:
    """Numbers of the imports of a kind, in order."""
    table = t.import_file.c
    return [
        row[0] for row in connection.execute(select(table.import_id).where(table.kind == kind).order_by("import_id"))
    ]
