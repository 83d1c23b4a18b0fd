"""What `rate` reads and writes: the night's transactions, cards and terminals in force, and rating's State."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, Select, Table, and_, literal, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from settlement.model import frames
from settlement.store import intake, reference
from settlement.store import tables as t
from settlement.store.copy import copy_in, copy_out

TONIGHT: frames.Schema = {
    "transaction_id": pl.String,
    "source": pl.String,
    "kind": pl.String,
    "original_key": pl.String,
    "occurred_at": frames.INSTANT,
    "clearing_date": pl.Date,
    "merchant_no": pl.String,
    "terminal_no": pl.String,
    "card_id": pl.Int64,
    "instrument": pl.String,
    "gross_fen": pl.Int64,
    "paid_fen": pl.Int64,
    "claimed_fen": pl.Int64,
}
CARDS: frames.Schema = {
    "card_id": pl.Int64,
    "member_no": pl.String,
    "instrument": pl.String,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
}
TERMINALS: frames.Schema = {
    "source": pl.String,
    "their_merchant_no": pl.String,
    "terminal_no": pl.String,
    "merchant_no": pl.String,
    "store_no": pl.String,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
}


def tonight(connection: Connection, business_date: date) -> pl.DataFrame:
    """The transactions that came in on a business date (TONIGHT)."""
    query = select(*[t.transaction.c[name] for name in TONIGHT]).where(t.transaction.c.business_date == business_date)
    return copy_out(connection, query, TONIGHT)


def by_id(connection: Connection, ids: pl.Series) -> pl.DataFrame:
    """The stored transactions of those ids (TONIGHT)."""
    return intake.known_rows(connection, t.transaction, "transaction_id", ids, TONIGHT)


def cards(connection: Connection, last_import: int) -> pl.DataFrame:
    """Cards in force (CARDS)."""
    return reference.current_rows(connection, t.card, last_import, CARDS)


def terminals(connection: Connection, last_import: int) -> pl.DataFrame:
    """Terminals in force (TERMINALS)."""
    return reference.current_rows(connection, t.terminal, last_import, TERMINALS)


def _newest(table: Table, schema: frames.Schema, before: date) -> Any:
    """Subquery of the rows of each key with the highest business date before `before`."""
    keys = [table.c[key] for key in table.info["keys"]]
    query = select(*[table.c[name] for name in schema]).ext(distinct_on(*keys)).where(table.c.business_date < before)
    return query.order_by(*keys, table.c.business_date.desc()).subquery()


def _wanted_ids() -> Select[Any]:
    return select(text("id")).select_from(text("wanted_id"))


def waiting(connection: Connection, schema: frames.Schema, before: date) -> pl.DataFrame:
    """Transactions that wait for their original at the opening of a business date."""
    w, r = t.STATE_TABLES["waiting"], t.state_released
    released = select(literal(1)).where(and_(r.c.transaction_id == w.c.transaction_id, r.c.business_date < before))
    query = select(*[w.c[name] for name in schema]).where(w.c.business_date < before, ~released.exists())
    return copy_out(connection, query, schema)


def opening_state(
    connection: Connection, schemas: dict[str, frames.Schema], before: date, originals: pl.Series, members: pl.Series
) -> dict[str, pl.DataFrame]:
    """The part of State that a batch can touch, as it was at the opening of a business date.

    Sales, lines and operations are those of the sales that `originals` lead to; usage is that of keys without a member,
    of `members`, and of the members of those sales.
    """
    state: dict[str, pl.DataFrame] = {"waiting": waiting(connection, schemas["waiting"], before)}
    operations = t.STATE_TABLES["operations"]
    intake.wanted(connection, originals)
    named = _newest(operations, schemas["operations"], before)
    direct = copy_out(
        connection,
        select(named.c.sale_id).where(named.c.transaction_id.in_(_wanted_ids()), named.c.sale_id.is_not(None)),
        {"sale_id": pl.String},
    )
    sales = pl.concat([originals.rename("sale_id").cast(pl.String), direct["sale_id"]]).drop_nulls().unique().sort()
    intake.wanted(connection, sales)
    for name, key in (("sales", "transaction_id"), ("lines", "transaction_id"), ("operations", "sale_id")):
        rows = _newest(t.STATE_TABLES[name], schemas[name], before)
        query = select(*rows.c).where(rows.c[key].in_(_wanted_ids()))
        state[name] = copy_out(connection, query, schemas[name])
    wanted = pl.concat([members.rename("m"), state["sales"]["member_no"].rename("m")]).drop_nulls().unique().sort()
    intake.wanted(connection, wanted)
    usage = _newest(t.STATE_TABLES["usage"], schemas["usage"], before)
    mine = usage.c.member_no.in_(_wanted_ids()) | (usage.c.member_no == "")
    state["usage"] = copy_out(connection, select(*usage.c).where(mine), schemas["usage"])
    for name in ("terms", "entitlements"):
        rows = _newest(t.STATE_TABLES[name], schemas[name], before)
        state[name] = copy_out(connection, select(*rows.c), schemas[name])
    return state


def put_state(
    connection: Connection, changed: dict[str, pl.DataFrame], released: pl.Series, business_date: date
) -> None:
    """Stores the changed rows of State under the business date."""
    stamp = pl.lit(business_date, pl.Date).alias("business_date")
    for name, frame in changed.items():
        if frame.height:
            copy_in(connection, t.STATE_TABLES[name], frame.with_columns(stamp))
    if len(released):
        gone = pl.DataFrame({"transaction_id": released}).with_columns(stamp)
        copy_in(connection, t.state_released, gone)
