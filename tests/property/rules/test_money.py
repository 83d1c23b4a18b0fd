"""What holds of the money of any stream: caps, shares, and what a whole refund leaves behind."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

import rules
from rules import State
from rules.terms import read_terms
from settlement.model.frames import RATE_INPUT
from settlement.model.outcomes import Outcome

sys.path.insert(0, str(Path(__file__).parent))
from programmes import Town, compiled, examples, towns

UNDONE = int(Outcome.REINSTATED)


def one_by_one(town: Town) -> list[State]:
    """State after every row of the stream, each rated as its own batch in order of time."""
    plan, state, out = town.plan, State.empty(), []
    ordered = town.stream.sort("occurred_at", "transaction_id")
    for at in range(ordered.height):
        state = rules.rate(plan, ordered[at : at + 1], state, engine="reference").state
        out.append(state)
    return out


@examples(70)
@given(towns(10))
def test_caps_hold_and_usage_is_what_awards_charge_after_every_row(town: Town) -> None:
    caps = {(c.scope, c.name, c.measure, c.per_text, c.window): c.value for t in town.plan.terms for c in t.caps}
    undone = False
    for state in one_by_one(town):
        undone = undone or bool(state.operations["undone"].any())
        used = dict.fromkeys(caps, 0)
        for *key, amount in state.usage.select("scheme", "name", "measure", "per", "window", "used").iter_rows():
            assert amount >= 0
            assert undone or amount <= caps[tuple(key)]  # above it only by what was reinstated
            used[tuple(key)] += amount
        charged = dict.fromkeys(caps, 0)
        terms = {d: read_terms(document) for d, document in state.terms.select("terms", "document").iter_rows()}
        for digest, fen, uses in state.lines.select("terms", "charged_fen", "charged_uses").iter_rows():
            for c in terms[digest].caps:
                charged[c.scope, c.name, c.measure, c.per_text, c.window] += fen if c.measure == "amount" else uses
        assert used == charged


@examples(70)
@given(towns())
def test_shares_sum_to_the_award_and_kept_stays_within_the_sale(town: Town) -> None:
    rated = rules.rate(town.plan, town.stream, State.empty(), engine="reference")
    sums = rated.shares.group_by("transaction_id", "line").agg(pl.col("amount_fen").sum())
    joined = rated.awards.join(sums, on=["transaction_id", "line"], how="inner")
    assert (joined["granted_fen"] == joined["amount_fen"]).all()
    lines = rated.state.lines
    assert ((lines["kept_fen"] >= 0) & (lines["kept_fen"] <= lines["granted_fen"])).all()
    kept = lines.group_by("transaction_id").agg(pl.col("kept_fen").sum())
    left = rated.transactions.filter(pl.col("sale_id").is_not_null()).group_by("sale_id", maintain_order=True)
    after = left.agg(pl.col("refunded_fen").last()).rename({"sale_id": "transaction_id"})
    both = kept.join(after, on="transaction_id").join(rated.state.sales, on="transaction_id")
    assert (both["kept_fen"] <= both["gross_fen"] - both["refunded_fen"]).all()


@examples(70)
@given(towns(), st.sampled_from(["VOID", "REVERSAL", "REFUND"]))
def test_a_sale_wholly_undone_leaves_what_restore_says(town: Town, kind: str) -> None:
    sales = town.stream.filter(pl.col("kind") == "SALE")
    plan = town.plan
    last = max(sales["occurred_at"]) + timedelta(days=1)
    rows: list[tuple[Any, ...]] = [
        (f"z{n:02d}", kind, name, last, None, None, None, gross if kind == "REFUND" else None, None, None)
        for n, (name, gross) in enumerate(sales.select("transaction_id", "gross_fen").iter_rows())
    ]
    end = pl.concat([sales, pl.DataFrame(rows, schema=RATE_INPUT, orient="row")])
    rated = rules.rate(plan, end, State.empty(), engine="reference")
    restore = {t.digest: t.scheme.refund.restore for t in plan.terms}
    for digest, granted, kept, fen, uses in rated.state.lines.select(
        "terms", "granted_fen", "kept_fen", "charged_fen", "charged_uses"
    ).iter_rows():
        rule = restore[digest]
        assert kept == 0
        if kind == "REFUND":
            assert fen == (0 if rule.amount else granted)
            assert uses == (0 if rule.use == "full" else 1)
        else:
            assert fen == 0
            assert uses == (1 if kind == "VOID" and rule.use == "never" else 0)
    assert rated.shares.group_by("sponsor").agg(pl.col("amount_fen").sum())["amount_fen"].abs().sum() == 0
    assert UNDONE not in rated.awards["outcome"].to_list()


def one_limit(value: int) -> dict[str, Any]:
    return {
        "scheme": "s0", "version": 1, "programme": "p", "effective": {"from": "2026-01-01"}, "payee": "member",
        "benefit": {"kind": "percent", "percent": "50"}, "funding": [{"sponsor": "city", "share": 1}],
        "limits": [{"name": "l", "measure": "amount", "value": f"{value // 100}.{value % 100:02d}", "window": "total"}],
    }  # fmt: skip


@examples(70)
@given(towns(), st.integers(0, 4000), st.integers(0, 2000))
def test_raising_a_limit_never_lowers_the_total_granted_under_it(town: Town, value: int, more: int) -> None:
    sales = town.stream.filter(pl.col("kind") == "SALE")
    totals = []
    for limit in (value, value + more):
        plan = compiled({**town.programme, "pools": []}, [one_limit(limit)], town.entitlements)
        totals.append(int(rules.rate(plan, sales, State.empty(), engine="reference").awards["granted_fen"].sum()))
    assert totals[0] <= totals[1]
