"""What people decided about conflicting files: which version of a key stands, and what depends on it.

A key has the version that its file gave it (no row in `correction`), or those that decisions added. A version stands
until a row of `correction` ends it. `table` is transaction or clearing_item, `key` the name of its first column.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, Table, and_, func, literal, select, text

from settlement.model import frames
from settlement.store import intake
from settlement.store import tables as t
from settlement.store.copy import copy_in, copy_out

MARK: frames.Schema = {"row_id": pl.String, "base_id": pl.String, "version": pl.Int64, "ends": pl.String}
CORRECTION: frames.Schema = {**MARK, "decision_id": pl.Int64, "business_date": pl.Date}
VERSION: frames.Schema = {"base_id": pl.String, "version": pl.Int64}
CURRENT: frames.Schema = {"base_id": pl.String, "row_id": pl.String}


def _wanted() -> Any:
    return select(text("id")).select_from(text("wanted_id"))


@dataclass(frozen=True, slots=True)
class Standing:
    """Of asked keys: the rows that stand (`base_id`, then columns), and the keys whose every row was undone."""

    rows: pl.DataFrame
    undone: pl.Series


def _any(connection: Connection) -> bool:
    """Whether people ever took a conflicting file for right; where not, nothing need be looked up."""
    return bool(connection.execute(select(select(literal(1)).select_from(t.correction).exists())).scalar_one())


def _of_keys(connection: Connection, keys: pl.Series) -> pl.DataFrame:
    """Rows of `correction` (MARK) of these keys, which are then in wanted_id."""
    intake.wanted(connection, keys.drop_nulls())
    query = select(*[t.correction.c[name] for name in MARK]).where(t.correction.c.base_id.in_(_wanted()))
    return copy_out(connection, query, MARK)


def _current(marks: pl.DataFrame) -> pl.DataFrame:
    first = marks.select("base_id", row_id="base_id").unique()
    rows = pl.concat([first, marks.filter(pl.col("version").is_not_null()).select("base_id", "row_id")]).unique()
    return rows.join(marks, left_on="row_id", right_on="ends", how="anti").select(list(CURRENT))


def versions(connection: Connection, keys: pl.Series) -> pl.DataFrame:
    """The highest version (VERSION) of those of these keys that have corrections."""
    return _of_keys(connection, keys).group_by("base_id").agg(pl.col("version").max())


def current(connection: Connection, keys: pl.Series) -> pl.DataFrame:
    """Of those of these keys that have corrections, the row that stands now (CURRENT); none where all were undone."""
    return _current(_of_keys(connection, keys)) if _any(connection) else frames.empty(CURRENT)


def base_of(connection: Connection, ids: pl.Series) -> pl.Series:
    """`ids` with the key of its source in place of a later version's."""
    if not _any(connection):
        return ids
    intake.wanted(connection, ids.drop_nulls())
    query = select(t.correction.c.row_id, t.correction.c.base_id).where(t.correction.c.row_id.in_(_wanted()))
    known = copy_out(connection, query, {"row_id": pl.String, "base_id": pl.String})
    return ids.replace(known["row_id"], known["base_id"]) if known.height else ids


def standing(connection: Connection, table: Table, key: str, ids: pl.Series, schema: frames.Schema) -> Standing:
    """What stands for each of these keys; the columns are `base_id` and those of `schema`, which has `key` first.

    `original_key` has the key of its source too, so that it can be compared with what a file says.
    """
    marks = _of_keys(connection, ids)
    query = select(*[table.c[name] for name in schema]).where(table.c[key].in_(_wanted()))
    rows = copy_out(connection, query, schema).filter(~pl.col(key).is_in(marks["ends"].drop_nulls().implode()))
    rows = rows.with_columns(pl.col(key).alias("base_id"))
    now = _current(marks)
    later = now.filter(pl.col("row_id") != pl.col("base_id"))
    if later.height:
        found = intake.known_rows(connection, table, key, later["row_id"], schema)
        rows = pl.concat([rows, found.join(later, left_on=key, right_on="row_id").select(rows.columns)])
    rows = rows.with_columns(base_of(connection, rows["original_key"])).select("base_id", *schema)
    undone = marks["base_id"].unique()
    return Standing(rows, undone.filter(~undone.is_in(rows["base_id"].implode())))


def came_before(connection: Connection, table: Table, key: str, file_id: int) -> pl.Series:
    """Keys of all rows that earlier deliveries of the same name brought, whether they stand or not."""
    this, f = t.file.alias(), t.file.c
    same = and_(f.source == this.c.source, f.name == this.c.name, f.file_id < this.c.file_id)
    earlier = select(f.file_id, f.business_date).join(this, same).where(this.c.file_id == file_id).subquery()
    on = and_(table.c.file_id == earlier.c.file_id, table.c.business_date == earlier.c.business_date)
    by_file = select(table.c[key].label("id")).join(earlier, on)
    # rows of a decision came in on a later date than their file
    by_decision = select(table.c[key].label("id")).join(t.correction, t.correction.c.row_id == table.c[key])
    by_decision = by_decision.join(earlier, table.c.file_id == earlier.c.file_id)
    found = [copy_out(connection, query, {"id": pl.String}) for query in (by_file, by_decision)]
    return base_of(connection, pl.concat(found)["id"]).unique().sort()


def dependents(connection: Connection, table: Table, key: str, ids: pl.Series) -> pl.Series:
    """Keys of the standing rows whose original is one of these rows."""
    intake.wanted(connection, ids.drop_nulls())
    ended = select(literal(1)).where(t.correction.c.ends == table.c[key]).exists()
    undoing = select(literal(1)).where(t.correction.c.row_id == table.c[key], t.correction.c.version.is_(None)).exists()
    query = select(table.c[key].label("id")).where(table.c.original_key.in_(_wanted()), ~ended, ~undoing)
    found = copy_out(connection, query, {"id": pl.String})
    return base_of(connection, found["id"]).unique().sort()


def put(connection: Connection, marks: pl.DataFrame, decision_id: int, business_date: date) -> None:
    """Stores marks (row_id, base_id, version, ends) of rows that a decision added."""
    stamps = {"decision_id": pl.lit(decision_id, pl.Int64), "business_date": pl.lit(business_date, pl.Date)}
    copy_in(connection, t.correction, marks.with_columns(**stamps).select(list(CORRECTION)))


# --- decisions about files -----------------------------------------------------------------------------------------


def decisions(connection: Connection, file_id: int) -> list[dict[str, Any]]:
    """What people decided about a delivery, oldest first: rows of `decision`, and `rows` added so far."""
    d, c = t.decision.c, t.correction.c
    added = select(func.count()).where(c.decision_id == d.decision_id).scalar_subquery()
    kinds = ("propose_file", "take_file", "keep_file")
    query = select(t.decision, added.label("rows")).where(d.kind.in_(kinds), d.subject == str(file_id))
    return [dict(row) for row in connection.execute(query.order_by(d.decision_id)).mappings()]


def to_take(connection: Connection, business_date: date) -> list[dict[str, Any]]:
    """Decisions to take a delivery for right, up to a business date, whose rows are not in yet, in order."""
    d, c = t.decision.c, t.correction.c
    done = select(literal(1)).where(c.decision_id == d.decision_id).exists()
    query = select(t.decision).where(d.kind == "take_file", d.business_date <= business_date, ~done)
    return [dict(row) for row in connection.execute(query.order_by(d.decision_id)).mappings()]
