"""What people change in a programme between two files of transactions, for the generator.

Usage and awards made before stay as they were; a limit whose name, measure, `per` and window stay goes on counting.
"""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

Documents = dict[str, dict[str, Any]]
Table = list[list[str]]


def changed_schemes(dice: Random, docs: Documents, policies: tuple[str, ...], windows: tuple[str, ...]) -> Documents:
    """The scheme documents some time later: other limits, policies and shares; a few are gone."""
    out: Documents = {}
    for name, doc in deepcopy(docs).items():
        if dice.random() < 0.15:
            continue
        for limit in doc.get("limits", []):
            if dice.random() < 0.3:
                _change_limit(dice, limit, windows)
        if doc.get("limits") and dice.random() < 0.1:
            doc["limits"].reverse()
        if dice.random() < 0.2:
            doc["refund"] = {**doc.get("refund", {}), "policy": dice.choice(policies)}
        if dice.random() < 0.2:
            doc["funding"].reverse()
        if dice.random() < 0.1:
            doc["payee"] = dice.choice(("merchant", "channel", "member"))
        if dice.random() < 0.1:
            doc.pop("pools", None)
        out[name] = doc
    return out


def changed_pools(dice: Random, pools: list[dict[str, Any]], windows: tuple[str, ...]) -> list[dict[str, Any]]:
    """The pools some time later; none is gone, since schemes name them."""
    out = deepcopy(pools)
    for pool in out:
        if dice.random() < 0.3:
            _change_limit(dice, pool, windows)
    return out


def changed_rows(dice: Random, rows: Table, columns: dict[int, tuple[str, ...]]) -> Table:
    """Rows with other values here and there; `columns` gives the values a column may take. A few rows are gone."""
    out = []
    for row in rows:
        if dice.random() < 0.05:
            continue
        out.append([dice.choice(columns[i]) if i in columns and dice.random() < 0.2 else c for i, c in enumerate(row)])
    return out


def _change_limit(dice: Random, limit: dict[str, Any], windows: tuple[str, ...]) -> None:
    what = dice.choice(("value", "value", "window", "per"))
    if what == "value":
        limit["value"] = limit["value"] * 2 if dice.random() < 0.6 else type(limit["value"])(1)
    elif what == "window":
        limit["window"] = dice.choice(windows)
    else:
        limit["per"] = dice.choice(([], ["member"], ["merchant"], ["org"]))
