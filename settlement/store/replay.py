"""What explain, backtest and budget read: rated nights, one transaction's whole story, use of pools by day."""

from __future__ import annotations

from datetime import date

import polars as pl
from sqlalchemy import Connection, RowMapping, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from settlement.model import frames
from settlement.model.errors import NotFound
from settlement.store import intake
from settlement.store import tables as t
from settlement.store.copy import copy_out

# Change of use of one pool (over all its keys) in one window on one business date.
POOL_USE: frames.Schema = {
    "name": pl.String,
    "measure": pl.String,
    "per": pl.String,
    "window": pl.String,
    "window_start": pl.Date,
    "business_date": pl.Date,
    "change": pl.Int64,  # fen or count
}
# How the keys of one pool stand in one window.
POOL_KEYS: frames.Schema = {
    "name": pl.String,
    "measure": pl.String,
    "per": pl.String,
    "window": pl.String,
    "window_start": pl.Date,
    "used": pl.Int64,
    "keys": pl.Int64,
}
# Awards that no statement has taken yet; local_date is the sale's, whose windows they are charged in.
UNSETTLED: frames.Schema = {
    "scheme": pl.String,
    "version": pl.Int64,
    "local_date": pl.Date,
    "granted_fen": pl.Int64,
}


def rated_nights(connection: Connection, first: date, last: date) -> list[tuple[date, int]]:
    """(business date, last import in force) of the nights that have rated, in order, both ends inclusive."""
    s, n = t.step_run.c, t.night.c
    query = (
        select(n.business_date, n.last_import)
        .join(t.step_run, s.business_date == n.business_date)
        .where(s.step == "rate", n.business_date.between(first, last))
        .order_by(n.business_date)
    )
    return [(row[0], int(row[1])) for row in connection.execute(query)]


def rated_before(connection: Connection, ids: pl.Series, before: date) -> str | None:
    """One of `ids` (the least) that a night before that date has rated or left waiting; None where there is none."""
    schema: frames.Schema = {"transaction_id": pl.String, "business_date": pl.Date}
    known = intake.known_rows(connection, t.rated, "transaction_id", ids, schema)
    found: str | None = known.filter(pl.col("business_date") < before)["transaction_id"].min()  # type: ignore[assignment]  # of a String column
    return found


def transaction(connection: Connection, transaction_id: str) -> RowMapping:
    """The stored transaction with its file: all columns of `transaction`, file_name, sha256, delivery, received_at.

    NotFound where there is none.
    """
    f = t.file.c
    named = (f.name.label("file_name"), f.sha256, f.delivery, f.received_at)
    query = select(t.transaction, *named).join(t.file, f.file_id == t.transaction.c.file_id)
    row = connection.execute(query.where(t.transaction.c.transaction_id == transaction_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(
            f"no transaction {transaction_id!r} is stored; write it as statements and lists do (source:key), "
            "or look for its file among the refused ones"
        )
    return row


def ratings(connection: Connection, transaction_id: str) -> list[RowMapping]:
    """The rows of `rated` of a transaction, oldest first: an orphan has one for the night it came, one for its end."""
    r = t.rated
    query = select(r).where(r.c.transaction_id == transaction_id).order_by(r.c.business_date)
    return list(connection.execute(query).mappings())


def sale_awards(connection: Connection, sale_id: str) -> list[RowMapping]:
    """Every award row of a sale, its own and those of its refunds and voids, in order of night and time.

    transaction_id, line, kind, occurred_at, business_date, scheme, version, outcome, granted_fen, statement_no (null:
    not settled yet).
    """
    a, x, s = t.award.c, t.transaction.c, t.statement_award.c
    query = (
        select(
            a.transaction_id, a.line, x.kind, x.occurred_at, a.business_date, a.scheme, a.version, a.outcome,
            a.granted_fen, s.statement_no,
        )
        .join(t.transaction, x.transaction_id == a.transaction_id)
        .outerjoin(t.statement_award, (s.transaction_id == a.transaction_id) & (s.line == a.line))
        .where(a.sale_id == sale_id)
        .order_by(a.business_date, x.occurred_at, a.transaction_id.collate("C"), a.line)
    )  # fmt: skip
    return list(connection.execute(query).mappings())


def pool_use(connection: Connection, last: date) -> pl.DataFrame:
    """POOL_USE up to a business date: differences of the stored State of each key from night to night."""
    u = t.STATE_TABLES["usage"].c
    key = [u.name, u.measure, u.per, u.window, u.member_no, u.merchant_no, u.district, u.org, u.window_start]
    before = func.lag(u.used).over(partition_by=key, order_by=u.business_date)
    moves = (
        select(
            u.name, u.measure, u.per, u.window, u.window_start, u.business_date,
            (u.used - func.coalesce(before, 0)).label("change"),
        )
        .where(u.scheme == "", u.business_date <= last)
        .subquery()
    )  # fmt: skip
    by = [moves.c[name] for name in POOL_USE if name != "change"]
    total = func.sum(moves.c.change).cast(u.used.type).label("change")
    return copy_out(connection, select(*by, total).group_by(*by), POOL_USE).sort(list(POOL_USE)[:-1])


def pool_keys(connection: Connection, last: date) -> pl.DataFrame:
    """POOL_KEYS at the end of a business date, a row for each figure that keys of one pool and window stand at."""
    table = t.STATE_TABLES["usage"]
    keys = [table.c[name] for name in table.info["keys"]]
    newest = (
        select(table)
        .ext(distinct_on(*keys))
        .where(table.c.scheme == "", table.c.business_date <= last)
        .order_by(*keys, table.c.business_date.desc())
        .subquery()
    )
    by = [newest.c[name] for name in POOL_KEYS if name != "keys"]
    counted = select(*by, func.count().label("keys")).where(newest.c.used != 0).group_by(*by)
    return copy_out(connection, counted, POOL_KEYS).sort(list(POOL_KEYS))


def unsettled(connection: Connection, last: date) -> pl.DataFrame:
    """UNSETTLED up to a business date, summed by scheme, version and the sale's local date."""
    a, s = t.award.c, t.statement_award.c
    state = t.STATE_TABLES["sales"].c
    sold = select(state.transaction_id, state.local_date).distinct().subquery()
    query = (
        select(
            a.scheme, a.version, sold.c.local_date,
            func.sum(a.granted_fen).cast(a.granted_fen.type).label("granted_fen"),
        )
        .join(sold, sold.c.transaction_id == a.sale_id)
        .outerjoin(t.statement_award, (s.transaction_id == a.transaction_id) & (s.line == a.line))
        .where(a.business_date <= last, s.transaction_id.is_(None))
        .group_by(a.scheme, a.version, sold.c.local_date)
    )  # fmt: skip
    return copy_out(connection, query, UNSETTLED).sort(list(UNSETTLED)[:-1])
