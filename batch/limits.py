"""The check of limits: what rating's State says was used, against the values that programme and schemes give."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl
from sqlalchemy import Connection

from batch.documents import programme_in_force
from batch.run import Run
from rules import parse_scheme
from settlement.audit.checks import LIMIT_USE, Check, limits
from settlement.store import close, reference, runs

_Key = tuple[str, str, str, str, str]  # scheme ("" for a pool), name, measure, per, window


def limit_check(connection: Connection, run: Run, day: date) -> Check:
    """0 <= used, and <= value where it rose, for every key of every limit and pool that night `day` changed.

    The values are those of that night: a budget that was cut since must not keep its day open for ever.
    """
    use = close.limit_use(connection, day)
    night = runs.night_row(connection, day)
    values = _values(connection, replace(run, last_import=night["last_import"]) if night else run) if use.height else {}
    again = close.reinstated(connection, day)
    found = []
    for row in use.iter_rows(named=True):
        key = (row["scheme"], row["name"], row["measure"], row["per"], row["window"])
        schemes = {scheme for scheme, _ in again} if not row["scheme"] else {row["scheme"]}
        back = sum(again.get((scheme, row["measure"]), 0) for scheme in schemes)
        subject = "/".join(part for part in key if part)
        found.append((subject, row["lowest"], row["highest"], values.get(key), back))
    return limits(pl.DataFrame(found, schema=LIMIT_USE, orient="row"))


def _values(connection: Connection, run: Run) -> dict[_Key, int]:
    """The value of every limit; of several versions the highest, since usage goes on from one to the next."""
    name = run.config.programme.name
    documents = reference.programme_documents(connection, name, run.last_import)[1]
    schemes = [parse_scheme(text, file) for file, text in documents]
    owned = [("", pool) for pool in programme_in_force(connection, name, run.last_import).pools]
    owned += [(s.value.scheme, limit) for s in schemes if not isinstance(s, list) for limit in s.value.limits]
    values: dict[_Key, int] = {}
    for owner, limit in owned:
        key = (owner, limit.name, limit.measure, "|".join(limit.per), limit.window)
        values[key] = max(limit.value, values.get(key, 0))
    return values
