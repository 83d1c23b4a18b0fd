"""A conflicting file taken for right (feeds.md): a REVERSAL for each vanished or changed row, then the new one.

Nothing is edited: the rows are added on the left and flow through rating, reconciliation and settlement. Example: S is
a sale of 100.00 with a refund R of 30.00; the new file says S is 120.00 and R as before. Added are `R~undone` and
`S~undone` (reversals), then `S~2` of 120.00 and `R~2`, which names S~2. Later rows that name S are led to S~2.

    what depends on a changed row is undone before it and comes again after it
    a REVERSAL is final (rules.md section 5), so it cannot be undone: what it reversed comes again without it
    reversals stand before everything else of the plan in time, or the new sale would be rated while the old one uses
    the limits

Rejected: changing the stored row, which would leave statements and entries without their reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from sqlalchemy import Connection, Table

import rules
from batch import accept
from batch.config import SourceConfig
from batch.differences import CHANGE, CONTENT, changes
from batch.documents import plan_in_force
from batch.run import Run
from batch.steps.rate import opening, resolve, to_input
from settlement.model import frames
from settlement.store import corrections, rating
from settlement.store import tables as t

UNDONE = "~undone"
_BACK_US = {"SALE": 1}  # before the first moment of the plan; all else 2: what depends on a sale is undone before it
_MARK = ("row_id", "base_id", "version", "ends")


@dataclass(frozen=True, slots=True)
class Plan:
    """What taking a delivery adds: `rows` as their table has them, `marks` of those rows, and CHANGE for people."""

    table: Table
    rows: pl.DataFrame
    marks: pl.DataFrame
    changes: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Effect:
    """What rating would make of a plan now: `lines` (merchant_no, scheme, change_fen) and `sponsors` (sponsor, …)."""

    lines: pl.DataFrame
    sponsors: pl.DataFrame

    @property
    def subsidy_fen(self) -> int:
        """The change of all subsidies together."""
        return int(self.lines["change_fen"].sum())


def plan(connection: Connection, run: Run, source: SourceConfig, file_id: int, frame: pl.DataFrame) -> Plan:
    """The plan of a parsed delivery (canonical rows); empty where the delivery says nothing that does not stand."""
    table = t.transaction if source.role == "feed" else t.clearing_item
    key = accept.key_of(table)
    rows = accept.keyed(accept.numbered(connection, run, frame, file_id), table)
    rows = rows.unique("transaction_id", keep="last", maintain_order=True)
    schema = {key: pl.String, **{c.name: rows.schema[c.name] for c in table.columns if c.name != key}}
    before = corrections.came_before(connection, table, key, file_id)
    ids = pl.concat([rows["transaction_id"], before.filter(~before.is_in(rows["transaction_id"].implode()))])
    standing = corrections.standing(connection, table, key, ids, schema).rows.rename({key: "row_id"})
    named = rows.rename({"transaction_id": "base_id"})
    found = changes(standing.rename({"base_id": "key"}), named.rename({"base_id": "key"}), CONTENT)
    gone = found.filter(pl.col("action") != "added")["key"]
    touched = _with_dependents(connection, table, key, schema, standing.filter(pl.col("base_id").is_in(gone.implode())))
    vanished = found.filter(pl.col("action") == "vanished")["key"]
    again = touched.filter(~pl.col("base_id").is_in(vanished.implode()))
    fresh = named.filter(pl.col("base_id").is_in(found["key"].implode()))
    new = pl.concat([fresh, again.join(fresh, on="base_id", how="anti").select(fresh.columns)])
    undo = _undo(touched, new, run)
    coming = _coming(connection, new, touched, run)
    together = pl.concat([undo, coming.select(undo.columns)])
    columns = [name for name in rows.columns if name != "transaction_id"]
    return Plan(
        table,
        together.rename({"row_id": "transaction_id"}).select("transaction_id", *columns),
        together.select(_MARK),
        found.select(list(CHANGE)),
    )


def _with_dependents(
    connection: Connection, table: Table, key: str, schema: frames.Schema, touched: pl.DataFrame
) -> pl.DataFrame:
    """The rows that must be undone: those given, what depends on them, and what a touched REVERSAL reversed."""
    fresh = touched
    while fresh.height:
        names = corrections.dependents(connection, table, key, fresh["row_id"])
        reversed_ = fresh.filter(pl.col("kind") == "REVERSAL")["original_key"].drop_nulls()
        wanted = pl.concat([names, reversed_]).unique()
        wanted = wanted.filter(~wanted.is_in(touched["base_id"].implode()))
        fresh = corrections.standing(connection, table, key, wanted, schema).rows.rename({key: "row_id"})
        touched = pl.concat([touched, fresh.select(touched.columns)])
    return touched


def _undo(touched: pl.DataFrame, new: pl.DataFrame, run: Run) -> pl.DataFrame:
    """A REVERSAL of every touched row that is not one itself, with its mark."""
    first = pl.concat([touched["occurred_at"], new["occurred_at"]]).min()
    back = pl.col("kind").replace_strict(_BACK_US, default=2, return_dtype=pl.Int64)
    rows = touched.filter(pl.col("kind") != "REVERSAL").sort("base_id")
    return rows.with_columns(
        row_id=pl.concat_str("row_id", pl.lit(UNDONE)),
        ends="row_id",
        original_key="row_id",
        occurred_at=pl.lit(first, frames.INSTANT) - pl.duration(microseconds=back),
        kind=pl.lit("REVERSAL"),
        version=pl.lit(None, pl.Int64),
        business_date=pl.lit(run.business_date, pl.Date),
    )


def _coming(connection: Connection, new: pl.DataFrame, touched: pl.DataFrame, run: Run) -> pl.DataFrame:
    """The new rows, each the next version of its key; originals are led to the version that stands afterwards."""
    known = corrections.versions(connection, new["base_id"]).with_columns(stored=pl.lit(value=True))
    stood = touched.select("base_id", old="row_id", was="kind")
    # a final reversal that comes no more ends with the next version of what it reversed
    dropped = touched.filter(pl.col("kind") == "REVERSAL").join(new, on="base_id", how="anti")
    dropped = dropped.select(base_id="original_key", dropped="row_id").unique("base_id", keep="first")
    rows = new.join(known, on="base_id", how="left", maintain_order="left")
    rows = rows.join(stood, on="base_id", how="left", maintain_order="left")
    rows = rows.join(dropped, on="base_id", how="left", maintain_order="left")
    stored = pl.col("old").is_not_null() | pl.col("stored").is_not_null()
    number = pl.when(stored).then(pl.max_horizontal(pl.col("version").fill_null(1), 1) + 1).otherwise(1)
    rows = rows.with_columns(version=number.cast(pl.Int64))
    name = pl.when(pl.col("version") > 1).then(pl.format("{}~{}", "base_id", "version")).otherwise("base_id")
    final = pl.when(pl.col("was") == "REVERSAL").then("old").otherwise("dropped")
    rows = rows.with_columns(row_id=name, ends=final, business_date=pl.lit(run.business_date, pl.Date))
    elsewhere = corrections.current(connection, rows["original_key"])
    led = pl.concat([rows.select("base_id", "row_id"), elsewhere.join(rows, on="base_id", how="anti")])
    led = pl.concat([led, stood.select("base_id", row_id="old").join(led, on="base_id", how="anti")])
    return rows.with_columns(pl.col("original_key").replace(led["base_id"], led["row_id"])).sort("record", "base_id")


def why_not(planned: Plan, rejected: int) -> str:
    """Why a delivery with that many unreadable records cannot be taken; "" where it can."""
    if planned.changes.is_empty():
        return "it says nothing any more that does not stand already"
    if rejected and (planned.changes["action"] == "vanished").any():
        return f"{rejected} of its records cannot be read, so nobody knows which rows are missing; ask for it again"
    return ""


def effect(connection: Connection, run: Run, planned: Plan) -> Effect:
    """What rating would make of the plan's rows if the night came now; other rows of that night may still change it.

    A clearing file has none: it moves what is matched. BadInput: the programme has not been imported.
    """
    line = {"merchant_no": pl.String, "scheme": pl.String, "change_fen": pl.Int64}
    if planned.table is not t.transaction:
        return Effect(frames.empty(line), frames.empty({"sponsor": pl.String, "change_fen": pl.Int64}))
    new = resolve(connection, run, planned.rows.select([pl.col(n).cast(d) for n, d in rating.TONIGHT.items()]))
    rated = rules.rate(plan_in_force(connection, run), to_input(new), opening(connection, run, new))
    named = {"transaction_id": "sale_id", "merchant_no": "merchant_no"}
    sales = pl.concat([rated.changed.sales.select(list(named)), rated.before.sales.select(list(named))])
    sales = sales.rename(named).unique("sale_id", keep="first", maintain_order=True)
    awards = rated.awards.filter(pl.col("granted_fen") != 0).join(sales, on="sale_id", how="left")
    change = pl.col("granted_fen").sum().alias("change_fen")
    shares = rated.shares.filter(pl.col("amount_fen") != 0).group_by("sponsor")
    return Effect(
        awards.group_by("merchant_no", "scheme").agg(change).sort("merchant_no", "scheme").select(list(line)),
        shares.agg(change_fen=pl.col("amount_fen").sum()).sort("sponsor"),
    )


def take(connection: Connection, run: Run, planned: Plan, decision_id: int) -> int:
    """Stores the plan's rows with their marks; gives their number."""
    accept.put_rows(connection, planned.table, planned.rows)
    corrections.put(connection, planned.marks, decision_id, run.business_date)
    return planned.rows.height
