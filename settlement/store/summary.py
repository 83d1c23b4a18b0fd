"""What a week looked like, for the summary that people read: per night counts and totals."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection, func, select

from settlement.store import tables as t


def nights(connection: Connection, days: list[date]) -> list[dict[str, Any]]:
    """One mapping per business date: files, statuses, transactions, subsidy, statements, payouts, closed."""
    out = []
    for day in days:
        rows = connection.execute(
            select(t.file_outcome.c.status, func.count())
            .where(t.file_outcome.c.business_date == day)
            .group_by(t.file_outcome.c.status)
            .order_by(t.file_outcome.c.status)
        )
        statuses: dict[str, int] = {row[0]: row[1] for row in rows}
        out.append(
            {
                "date": day,
                "files": sum(statuses.values()),
                "statuses": statuses,
                "transactions": _count(connection, t.transaction, day),
                "subsidy_fen": _sum(connection, t.award, "granted_fen", day),
                "statements": _count(connection, t.statement, day),
                "payouts": _count_items(connection, day),
                "payout_fen": _sum(connection, t.payout_batch, "total_fen", day),
                "closed": connection.execute(
                    select(t.close_record.c.digest).where(t.close_record.c.business_date == day)
                ).scalar_one_or_none(),
            }
        )
    return out


def _count(connection: Connection, table: Any, day: date) -> int:
    return int(connection.execute(select(func.count()).where(table.c.business_date == day)).scalar_one())


def _sum(connection: Connection, table: Any, column: str, day: date) -> int:
    total = func.coalesce(func.sum(table.c[column]), 0)
    return int(connection.execute(select(total).where(table.c.business_date == day)).scalar_one())


def _count_items(connection: Connection, day: date) -> int:
    total = func.coalesce(func.sum(t.payout_batch.c.count), 0)
    return int(connection.execute(select(total).where(t.payout_batch.c.business_date == day)).scalar_one())


def discrepancies(connection: Connection, days: list[date]) -> list[tuple[date, str, int]]:
    """(business date, kind, count) of discrepancies that were opened, in order."""
    d = t.discrepancy.c
    query = select(d.business_date, d.kind, func.count()).where(d.business_date.in_(days))
    rows = connection.execute(query.group_by(d.business_date, d.kind).order_by(d.business_date, d.kind))
    return [(row[0], row[1], row[2]) for row in rows]


def pool_used(connection: Connection, pool: str, day: date) -> int:
    """What a pool without keys and window `total` had used at the end of a business date, in fen."""
    usage = t.STATE_TABLES["usage"].c
    query = (
        select(usage.used)
        .where(usage.scheme == "", usage.name == pool, usage.window == "total", usage.business_date <= day)
        .order_by(usage.business_date.desc())
        .limit(1)
    )
    return int(connection.execute(query).scalar_one_or_none() or 0)
