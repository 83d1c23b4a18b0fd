"""Rows of runs: the lease with its fencing number, nights, finished steps."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, insert, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from settlement.model.errors import TryAgain
from settlement.store import tables as t

JOB = "night"


def take_lease(connection: Connection, holder: str, *, dead: bool, minutes: int = 10) -> int:
    """Takes the lease and gives its new fencing number; TryAgain while another live run holds it.

    `dead` says that the present holder is known to be gone (a killed process of this machine). Time is the database's.
    """
    start = upsert(t.run_lease).values(
        job=JOB, fence=0, holder="", taken_at=func.now(), expires_at=text("now() - interval '1 second'")
    )
    connection.execute(start.on_conflict_do_nothing())
    free = literal(dead) if dead else or_(t.run_lease.c.expires_at < func.now(), t.run_lease.c.holder == "")
    taken = connection.execute(
        update(t.run_lease)
        .where(t.run_lease.c.job == JOB, free)
        .values(
            fence=t.run_lease.c.fence + 1,
            holder=holder,
            taken_at=func.now(),
            expires_at=func.now() + text(f"interval '{int(minutes)} minutes'"),
        )
        .returning(t.run_lease.c.fence)
    ).scalar_one_or_none()
    if taken is None:
        raise TryAgain(f"another night is running ({lease_holder(connection)}); wait until it ends and run again")
    return int(taken)


def lease_holder(connection: Connection) -> str:
    """Who holds the lease; "" when nobody does."""
    held = select(t.run_lease.c.holder).where(t.run_lease.c.job == JOB)
    return str(connection.execute(held).scalar_one_or_none() or "")


def release_lease(connection: Connection, fence: int) -> None:
    """Gives the lease back if it is still ours."""
    connection.execute(
        update(t.run_lease)
        .where(t.run_lease.c.job == JOB, t.run_lease.c.fence == fence)
        .values(holder="", expires_at=func.now())
    )


def guard(connection: Connection, fence: int) -> None:
    """Refuses the writes of a run whose lease was taken by another; renews it otherwise. Locks the row until commit."""
    renewed = connection.execute(
        update(t.run_lease)
        .where(t.run_lease.c.job == JOB, t.run_lease.c.fence == fence)
        .values(expires_at=func.now() + text("interval '10 minutes'"))
        .returning(t.run_lease.c.fence)
    ).scalar_one_or_none()
    if renewed is None:
        raise TryAgain("another night took over while this one stood still; nothing more was written, run again")


def step_summary(connection: Connection, business_date: date, step: str) -> dict[str, Any] | None:
    """The summary of a finished step; None when it has not finished."""
    query = select(t.step_run.c.summary).where(t.step_run.c.business_date == business_date, t.step_run.c.step == step)
    return connection.execute(query).scalar_one_or_none()


def record_step(
    connection: Connection, business_date: date, step: str, fence: int, at: datetime, summary: dict[str, Any]
) -> None:
    """The row that makes a step done; committed with the step's effect."""
    plain = json.loads(json.dumps(summary, ensure_ascii=False, sort_keys=True))
    connection.execute(
        insert(t.step_run).values(
            business_date=business_date, step=step, fence=fence, started_at=at, finished_at=at, summary=plain
        )
    )


def summaries(connection: Connection, business_date: date) -> dict[str, dict[str, Any]]:
    """Step name to summary of a business date."""
    query = select(t.step_run.c.step, t.step_run.c.summary).where(t.step_run.c.business_date == business_date)
    return {row[0]: row[1] for row in connection.execute(query)}


def dates_run(connection: Connection, last_step: str) -> list[date]:
    """Business dates whose `last_step` has finished, in order."""
    query = (
        select(t.step_run.c.business_date).where(t.step_run.c.step == last_step).order_by(t.step_run.c.business_date)
    )
    return [row[0] for row in connection.execute(query)]


def began(connection: Connection, business_date: date) -> datetime:
    """When the night first began: what a killed run would have written, the next one writes too."""
    row = night_row(connection, business_date)
    assert row is not None, "a step runs inside a night"
    instant: datetime = row["started_at"]
    return instant


def night_row(connection: Connection, business_date: date) -> dict[str, Any] | None:
    """The row of a night that has begun."""
    row = connection.execute(select(t.night).where(t.night.c.business_date == business_date)).mappings().one_or_none()
    return dict(row) if row else None


def begin_night(connection: Connection, **row: Any) -> None:
    """Inserts the row of a night that begins for the first time."""
    connection.execute(insert(t.night).values(**row))
