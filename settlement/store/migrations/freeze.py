"""Prints the SQL of the tables as they are: `python -m settlement.store.migrations.freeze > versions/NNNN.sql`.

A migration runs frozen text, never the live metadata: what was applied once must stay what it was.
"""

from __future__ import annotations

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable, SetColumnComment, SetTableComment

from settlement.store import tables as t


def schema_sql() -> str:
    """CREATE TABLE, its indexes and comment for every table in order of dependence, then the triggers."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    out = []
    for table in t.metadata.sorted_tables:
        out.append(str(CreateTable(table).compile(dialect=dialect)).strip())
        out += [
            str(CreateIndex(index).compile(dialect=dialect)).strip()
            for index in sorted(table.indexes, key=lambda index: str(index.name))
        ]
        if table.comment:
            out.append(str(SetTableComment(table).compile(dialect=dialect)).strip())
        commented = [column for column in table.columns if column.comment]
        out += [str(SetColumnComment(column).compile(dialect=dialect)).strip() for column in commented]
    lines = [line.rstrip() for statement in out for line in f"{statement};".splitlines()]
    return "\n".join(lines) + "\n" + str(t.ENTRY_BALANCES).strip() + "\n"


if __name__ == "__main__":
    print(schema_sql(), end="")
