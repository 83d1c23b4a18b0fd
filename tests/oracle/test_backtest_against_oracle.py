"""Every figure of a backtest, worked out anew from the awards of the oracle: plain sums over text rows, no frame."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import rules
from portal.cli.programme import load_plan, load_transactions
from rules.trial import Batch, compare, replay
from tests.oracle.generate import town
from tests.oracle.oracle_grant import window_of
from tests.oracle.oracle_sale import used
from tests.oracle.rate_oracle import Award, Oracle

DAYS = 3
GIVEN = {"GRANTED", "GRANTED_PARTIAL"}
SHORT = {"LIMIT_EXHAUSTED", "GRANTED_PARTIAL"}
Budgets = dict[tuple[str, str, str, date], tuple[int, int, int]]


def fen(text: str) -> int:
    return int(text.replace(".", ""))


def by_oracle(folder: Path, files: list[Path], days: list[date]) -> tuple[list[tuple[date, Award]], Budgets]:
    """(rows with their day, (scheme, budget, window, day) -> (value, used before, used after))."""
    oracle, rows, budgets = Oracle(folder), [], {}
    whole = {
        ((limit.owner or ""), limit.name, limit.window): limit
        for scheme in oracle.programme.schemes
        for limit in scheme.limits
        if limit.measure == "amount" and not limit.per
    }
    for day, file in zip(days, files, strict=True):
        taken = {key: used(oracle.sales, limit, (window_of(limit.window, day),)) for key, limit in whole.items()}
        rows += [(day, row) for row in oracle.rate_file(file)]
        for key, limit in whole.items():
            after = used(oracle.sales, limit, (window_of(limit.window, day),))
            budgets[(*key, day)] = (limit.value, taken[key], after)
    return rows, budgets


def sums(rows: Iterable[tuple[date, Award]], key: Any) -> dict[str, tuple[int, set[str]]]:
    """Key of a row -> (fen, sales that got something)."""
    money: dict[str, int] = defaultdict(int)
    sales: dict[str, set[str]] = defaultdict(set)
    for day, row in rows:
        if not row["scheme"]:
            continue
        money[key(day, row)] += fen(row["granted"])
        if row["outcome"] in GIVEN:
            sales[key(day, row)].add(row["transaction_id"])
    return {name: (money[name], sales[name]) for name in money}


def side_by_side(now: dict[str, Any], draft: dict[str, Any], count: Any) -> list[tuple[Any, ...]]:
    """Rows (name, fen now, fen draft, difference, count now, count draft), in order of the name."""
    none: tuple[int, set[str]] = (0, set())
    out = []
    for name in sorted({*now, *draft}):
        a, b = now.get(name, none), draft.get(name, none)
        out.append((name, a[0], b[0], b[0] - a[0], *count(a[1]), *count(b[1])))
    return out


def drafted(folder: Path, files: dict[str, str]) -> Path:
    """The directory with one rule changed: the first scheme that has limits has none of them."""
    name = next((file for file in sorted(files) if file.startswith("schemes/") and "\nlimits:" in files[file]), "")
    (folder / "schemes").mkdir(parents=True)
    for file, text in files.items():
        lines = text.splitlines(keepends=True)
        kept = [line for line in lines if file != name or not line.startswith("limits:")]
        (folder / file).write_text("".join(kept), encoding="utf-8")
    return folder


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_every_figure_of_a_comparison(seed: int, tmp_path: Path) -> None:
    made = town(seed, DAYS)
    runs = made.write(tmp_path)
    files = [path for _, path in runs]
    lines = [line for path in files for line in path.read_text("utf-8").splitlines()[1:]]
    first = min(date.fromisoformat(line.split(",")[3][:10]) for line in lines)
    days = [first + timedelta(days=n) for n in range(DAYS)]
    folders = [tmp_path / "first", drafted(tmp_path / "draft", made.files)]
    told = [by_oracle(folder, files, days) for folder in folders]
    sales: dict[str, tuple[str, str]] = {}
    of: dict[str, str] = {}
    for file in files:
        with file.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                of[row["transaction_id"]] = row["original_id"]
                if row["kind"] == "SALE":
                    sales[row["transaction_id"]] = (row["member_no"], row["merchant_no"])

    def who(row: Award) -> tuple[str, str]:
        name = row["transaction_id"]
        while name not in sales:
            name = of[name]
        return sales[name]

    trials = []
    for folder in folders:
        plan = load_plan(folder)
        batches = [Batch(day, plan, load_transactions(file)[1]) for day, file in zip(days, files, strict=True)]
        trials.append(replay(batches, rules.State.empty(), engine="reference"))
    found = compare(*trials)

    (now, now_budgets), (draft, draft_budgets) = told
    people = [
        ("schemes", lambda day, row: row["scheme"],
         lambda s: (len(s), len({sales[t][0] for t in s}), len({sales[t][1] for t in s}))),
        ("merchants", lambda day, row: who(row)[1], lambda s: (len(s),)),
        ("members", lambda day, row: who(row)[0], lambda s: (len(s),)),
    ]  # fmt: skip
    columns = ["now_fen", "draft_fen", "difference_fen", "now_sales"]
    for name, key, count in people:
        frame = getattr(found, name)
        more = ["now_members", "now_merchants"] if name == "schemes" else []
        wanted = [frame.columns[0], *columns, *more, *(c.replace("now", "draft") for c in ["now_sales", *more])]
        assert frame.select(wanted).rows() == side_by_side(sums(now, key), sums(draft, key), count)
    _days_and_total(found, now, draft, days)
    _sponsors(found, now, draft)
    _budgets(found, now_budgets, draft_budgets)
    _cuts(found, now, draft, now_budgets, draft_budgets)


def _days_and_total(found: Any, now: Any, draft: Any, days: list[date]) -> None:
    cost = [[sum(fen(row["granted"]) for at, row in side if at == day and row["scheme"]) for day in days]
            for side in (now, draft)]  # fmt: skip
    shown = (
        dict(found.days.select("date", "now_fen").iter_rows()),
        dict(found.days.select("date", "draft_fen").iter_rows()),
    )
    assert [[side.get(day, 0) for day in days] for side in shown] == cost
    last = found.days.row(-1, named=True) if found.days.height else {"now_sum_fen": 0, "draft_sum_fen": 0}
    assert (last["now_sum_fen"], last["draft_sum_fen"]) == (sum(cost[0]), sum(cost[1]))
    assert found.total["now_fen"] == sum(cost[0])
    assert found.total["difference_fen"] == sum(cost[1]) - sum(cost[0])


def _sponsors(found: Any, now: Any, draft: Any) -> None:
    parts: list[dict[str, int]] = []
    for side in (now, draft):
        mine: dict[str, int] = defaultdict(int)
        for _, row in side:
            for part in filter(None, row["sponsors"].split("|")):
                name, _, amount = part.partition("=")
                mine[name] += fen(amount)
        parts.append(mine)
    names = sorted({*parts[0], *parts[1]})
    assert found.sponsors.select("sponsor", "now_fen", "draft_fen").rows() == [
        (name, parts[0][name], parts[1][name]) for name in names
    ]


def _budgets(found: Any, now: Budgets, draft: Budgets) -> None:
    expected = {}
    for scheme, budget, window, day in {*now, *draft}:
        key = (scheme, budget, window, day)
        value, before, after = draft.get(key, (None, None, None))
        left = None if value is None or after is None else value - after
        expected[key] = (now[key][0] if value is None else value, now.get(key, (0, 0, None))[2], before, after, left)
    shown = found.budgets.select(
        "scheme", "budget", "window", "date",
        "value_fen", "now_used_fen", "draft_before_fen", "draft_used_fen", "draft_left_fen",
    )  # fmt: skip
    assert {row[:4]: row[4:] for row in shown.iter_rows()} == expected


def _cuts(found: Any, now: Any, draft: Any, now_budgets: Budgets, draft_budgets: Budgets) -> None:
    """The first day on which a row names a budget; a scheme's own limit of that name comes before a pool's."""
    for side, rows, budgets in (("now", now, now_budgets), ("draft", draft, draft_budgets)):
        own = {(scheme, budget) for scheme, budget, _, _ in budgets if scheme}
        first: dict[tuple[str, str], date] = {}
        for day, row in rows:
            if row["outcome"] in SHORT and row["limit"]:
                mine = (row["scheme"], row["limit"])
                first.setdefault(mine if mine in own else ("", row["limit"]), day)
        for scheme, budget, at in found.cuts.select("scheme", "budget", side).iter_rows():
            assert at == first.get((scheme, budget)), (side, scheme, budget)
