"""`puhui budget`: how the pools stand and how long they last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from portal.cli.common import HERE, Home, Json, print_rows

if TYPE_CHECKING:
    from batch.budget import Budget, PoolState

_STAND = ("资金池", "窗口", "按", "总额", "已占用", "其中未结算", "剩余", "已用", "预计用尽", "最早", "最晚")
_BURN = ("资金池", "日均", "周一", "周二", "周三", "周四", "周五", "周六", "周日", "天数")
_KEYS = {"member": "每会员", "merchant": "每商户", "district": "每区", "org": "每工会"}
_WINDOWS = {"day": "每日", "week": "每周", "month": "每月", "quarter": "每季", "year": "每年", "total": "总额"}


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("budget")(budget)


def budget(home: Home = HERE, as_json: Json = False) -> None:
    """Show every pool: used, committed (not yet on a statement), left, burn by weekday, when it runs out.

    Example: puhui budget --json
    """
    from batch.budget import budget as pools_of
    from portal.session import open_session

    with open_session(home) as session, session.database.engine.connect() as connection:
        run = session.reader(connection)
        found = pools_of(connection, run)
    if as_json:
        print(json.dumps(_as_json(found), ensure_ascii=False, indent=1))
    else:
        _print(found)


def _as_json(found: Budget) -> dict[str, Any]:
    return {"as_of": found.as_of.isoformat(), "pools": [_pool_json(pool) for pool in found.pools]}


def _pool_json(pool: PoolState) -> dict[str, Any]:
    from batch.budget import WEEKDAYS, shown

    outlook = pool.outlook
    means = outlook.weekday if outlook else (None,) * len(WEEKDAYS)
    return {
        "pool": pool.name,
        "measure": pool.measure,
        "per": list(pool.per),
        "window": pool.window,
        "window_start": pool.window_start.isoformat(),
        "value": shown(pool, pool.value),
        "used": shown(pool, pool.used),
        "committed": shown(pool, pool.committed),
        "left": shown(pool, pool.left),
        "keys": pool.keys,
        "keys_used_up": pool.full,
        "days_seen": pool.days,
        "burn_by_weekday": {name: shown(pool, mean) for name, mean in zip(WEEKDAYS, means, strict=True)},
        "runs_out": _date(outlook.runs_out) if outlook else None,
        "earliest": _date(outlook.early) if outlook else None,
        "latest": _date(outlook.late) if outlook else None,
        "looked_until": _date(outlook.until) if outlook else None,
        "basis": outlook.basis if outlook else None,
    }


def _date(day: Any) -> str | None:
    return None if day is None else str(day)


def _print(found: Budget) -> None:
    from batch.budget import BASIS

    print(f"截至 {found.as_of}")
    print_rows(_STAND, [_stand(pool) for pool in found.pools])
    burning = [pool for pool in found.pools if pool.outlook is not None]
    if burning:
        print("\n消耗速度（每日平均，按星期）")
        print_rows(_BURN, [_burn(pool) for pool in burning])
    print()
    for pool in found.pools:
        if pool.per:
            print(f"{pool.name}: {pool.keys} 个使用，其中 {pool.full} 个用尽 / {pool.full} of {pool.keys} used up")
        elif pool.outlook is None:
            print(f"{pool.name}: 尚未使用 / not used yet")
        else:
            print(f"{pool.name}: {BASIS[pool.outlook.basis]}")


def _stand(pool: PoolState) -> list[str | None]:
    """How a pool stands: figures in yuan (or uses), the part used where it counts everybody together, dates."""
    from batch.budget import shown

    unit = "" if pool.measure == "amount" else "次"
    figures = [shown(pool, figure) for figure in (pool.value, pool.used, pool.committed, pool.left)]
    keys = "+".join(_KEYS[key] for key in pool.per)
    mille = pool.used * 1000 // pool.value if pool.value else 0
    part = "" if pool.per else f"{mille // 10}.{mille % 10}%"
    head = [pool.name, _WINDOWS[pool.window], keys, *(f"{f}{unit}" if f else f for f in figures), part]
    outlook = pool.outlook
    if outlook is None:
        return [*head, "", "", ""]
    later = "" if outlook.basis == "none" else f"{outlook.until}后"
    return [*head, *(_date(day) or later for day in (outlook.runs_out, outlook.early, outlook.late))]


def _burn(pool: PoolState) -> list[str | None]:
    """What it loses on a day, in the mean and by weekday."""
    from batch.budget import shown

    assert pool.outlook is not None, "a pool that has burnt"
    seen = [mean for mean in pool.outlook.weekday if mean is not None]
    means = [shown(pool, mean) for mean in pool.outlook.weekday]
    return [pool.name, shown(pool, sum(seen) // len(seen)), *means, str(pool.days)]
