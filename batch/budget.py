"""How the pools of a programme stand after the last night that rated, and how long they last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
from sqlalchemy import Connection

import rules
from batch.documents import plan_in_force
from batch.run import Run
from rules.documents import Limit
from rules.forecast import FEWEST_DAYS, Forecast, forecast, window_end
from rules.terms import window_start
from settlement.model.errors import NotFound
from settlement.model.money import format_yuan
from settlement.store import replay

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
BASIS = {
    "spent": "已用尽 / used up",
    "weeks": "区间按实际七日合计的10%至90%分位 / range: 10 % to 90 % of the weeks seen",
    "days": "不足四周，区间按日的10%至90%分位 / under four weeks: 10 % to 90 % of the days seen",
    "none": f"不足{FEWEST_DAYS}天，不预测 / under {FEWEST_DAYS} days: too little to foretell",
}


@dataclass(frozen=True, slots=True)
class PoolState:
    """One pool in the window that the business date lies in; figures are fen, or counts by its measure.

    `used`: what its limits are charged; `committed`: the part of it whose awards no statement has taken yet (None for a
    count); `left`: value less used, of the whole pool (None where it counts per key); `keys`/`full`: keys that used any
    of it, and those that used it up. `days`: the days seen, from the first on which the pool was used; `outlook`: None
    where it counts per key, or was never used.
    """

    name: str
    measure: str
    per: tuple[str, ...]
    window: str
    window_start: date
    value: int
    used: int
    committed: int | None
    left: int | None
    keys: int
    full: int
    days: int
    outlook: Forecast | None


@dataclass(frozen=True, slots=True)
class Budget:
    """All pools as of the end of a business date."""

    as_of: date
    pools: tuple[PoolState, ...]


def budget(connection: Connection, run: Run) -> Budget:
    """The pools after the last night that rated. NotFound: none has."""
    nights = replay.rated_nights(connection, date.min, date.max)
    if not nights:
        raise NotFound("no night has rated yet; run `puhui night` first")
    days = [business_date for business_date, _ in nights]
    plan = plan_in_force(connection, run)
    moves = replay.pool_use(connection, days[-1])
    keys = replay.pool_keys(connection, days[-1])
    waiting = replay.unsettled(connection, days[-1])
    pools = [_pool(plan, pool, days, moves, keys, waiting) for pool in plan.programme.pools]
    return Budget(days[-1], tuple(pools))


def _same(pool: Limit) -> pl.Expr:
    """Rows of State that count for the pool as it is defined now; with another measure, key or window it began anew."""
    return (
        (pl.col("name") == pool.name)
        & (pl.col("measure") == pool.measure)
        & (pl.col("per") == "|".join(pool.per))
        & (pl.col("window") == pool.window)
    )


def _pool(
    plan: rules.Plan,
    pool: Limit,
    nights: list[date],
    moves: pl.DataFrame,
    keys: pl.DataFrame,
    waiting: pl.DataFrame,
) -> PoolState:
    start = window_start(pool.window, nights[-1])
    mine = keys.filter(_same(pool) & (pl.col("window_start") == start))
    used = sum(figure * count for figure, count in mine.select("used", "keys").iter_rows())
    full = int(mine.filter(pl.col("used") >= pool.value)["keys"].sum())
    left = None if pool.per else pool.value - used
    burnt = _burnt(moves.filter(_same(pool)), nights)
    outlook = forecast(burnt, left, _until(plan, pool, nights[-1])) if burnt and left is not None else None
    return PoolState(
        name=pool.name,
        measure=pool.measure,
        per=pool.per,
        window=pool.window,
        window_start=start,
        value=pool.value,
        used=used,
        committed=_committed(plan, pool, start, waiting) if pool.measure == "amount" else None,
        left=left,
        keys=int(mine["keys"].sum()),
        full=full,
        days=len(burnt),
        outlook=outlook,
    )


def _burnt(moves: pl.DataFrame, nights: list[date]) -> list[tuple[date, int]]:
    """What the pool lost on every business date from the first that used it, refunds that gave back taken off.

    A date whose night has not run is no day of nothing: the series begins anew after it.
    """
    if moves.is_empty():
        return []
    by_day = dict(moves.group_by("business_date").agg(pl.col("change").sum()).iter_rows())
    first = max(min(by_day), _unbroken(nights))
    return [(day, by_day.get(day, 0)) for day in nights if day >= first]


def _unbroken(nights: list[date]) -> date:
    """The first of the nights since which none is missing."""
    first = nights[-1]
    for night in reversed(nights):
        if first - night > timedelta(days=1):
            break
        first = night
    return first


def _drawing(plan: rules.Plan, pool: Limit) -> list[rules.Scheme]:
    return [terms.scheme for terms in plan.terms if pool.name in terms.scheme.pools]


def _until(plan: rules.Plan, pool: Limit, day: date) -> date | None:
    """The last day that matters: the end of the window, or of the last scheme that draws on the pool."""
    ends = [scheme.effective.last for scheme in _drawing(plan, pool)]
    last = None if not ends or None in ends else max(end for end in ends if end is not None)
    window = window_end(pool.window, day)
    return min((end for end in (last, window) if end is not None), default=None)


def _committed(plan: rules.Plan, pool: Limit, start: date, waiting: pl.DataFrame) -> int:
    """Awards, in the pool's window, of scheme versions that draw on it, which no statement has taken."""
    drawing = pl.DataFrame(
        [(scheme.scheme, scheme.version) for scheme in _drawing(plan, pool)],
        schema={"scheme": pl.String, "version": pl.Int64},
        orient="row",
    )
    within = pl.col("local_date").is_between(start, window_end(pool.window, start) or date.max)
    drawn = waiting.join(drawing, on=["scheme", "version"], how="semi").filter(within)
    return int(drawn["granted_fen"].sum())


def shown(pool: PoolState, figure: int | None) -> str | None:
    """A figure of a pool as people read it: yuan, or a count."""
    if figure is None:
        return None
    return format_yuan(figure) if pool.measure == "amount" else str(figure)
