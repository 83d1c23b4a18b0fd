"""What holds of the money of any stream: caps, shares, ledger, and what a whole refund leaves behind."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

import rules
from rules import State
from rules.amounts import share_fen
from rules.terms import read_terms
from settlement.ledger.chart import parse_chart
from settlement.ledger.events import AWARD_TOTAL, no_events, posting
from settlement.model.frames import ENTITLEMENTS, RATE_INPUT, conform, empty
from settlement.model.outcomes import Outcome

sys.path.insert(0, str(Path(__file__).parent))
from programmes import SIDE_BY_SIDE, Town, benefit, compiled, crowds, examples, limits, streams, towns

UNDONE = int(Outcome.REINSTATED)
CHART_FILE = Path(__file__).resolve().parents[3] / "batch" / "charts" / "default.yaml"
CHART = parse_chart(CHART_FILE.read_text("utf-8"), CHART_FILE.name)


def one_by_one(town: Town) -> list[State]:
    """State after every row of the stream, each rated as its own batch in order of time."""
    plan, state, out = town.plan, State.empty(), []
    ordered = town.stream.sort("occurred_at", "transaction_id")
    for at in range(ordered.height):
        state = rules.rate(plan, ordered[at : at + 1], state, engine="reference").state
        out.append(state)
    return out


def used_and_charged(state: State, plan: rules.Plan) -> tuple[dict[Any, int], dict[Any, int]]:
    """What the limits have used in all, and what the award lines were charged: per limit, over all keys."""
    used = {(c.scope, c.name, c.measure, c.per_text, c.window): 0 for t in plan.terms for c in t.caps}
    charged = dict(used)
    for *key, amount in state.usage.select("scheme", "name", "measure", "per", "window", "used").iter_rows():
        used[tuple(key)] += amount
    terms = {d: read_terms(document) for d, document in state.terms.select("terms", "document").iter_rows()}
    for digest, fen, uses in state.lines.select("terms", "charged_fen", "charged_uses").iter_rows():
        for c in terms[digest].caps:
            charged[c.scope, c.name, c.measure, c.per_text, c.window] += fen if c.measure == "amount" else uses
    return used, charged


@examples(70)
@given(towns(10))
def test_caps_hold_and_usage_is_what_awards_charge_after_every_row(town: Town) -> None:
    caps = {(c.scope, c.name, c.measure, c.per_text, c.window): c.value for t in town.plan.terms for c in t.caps}
    undone = False
    for state in one_by_one(town):
        undone = undone or bool(state.operations["undone"].any())
        for *key, amount in state.usage.select("scheme", "name", "measure", "per", "window", "used").iter_rows():
            assert amount >= 0
            assert undone or amount <= caps[tuple(key)]  # above it only by what was reinstated
        used, charged = used_and_charged(state, town.plan)
        assert used == charged


@examples(400, SIDE_BY_SIDE)
@given(crowds())
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


def booked(rated: rules.Rated, plan: rules.Plan) -> dict[tuple[str, str, str | None, str | None], int]:
    """(account, scheme, sponsor, payee) -> what the ledger holds after the awards were posted, zeros left out.

    The totals are gathered as the store's query does, each sale paid to whom its scheme says.
    """
    kinds = {name: sponsor.kind for name, sponsor in plan.programme.sponsors.items()}
    payees = {"merchant": pl.col("merchant_no"), "member": pl.col("member_no"), "channel": pl.lit("pos")}
    payee_no = pl.coalesce(pl.when(pl.col("payee") == kind).then(number) for kind, number in payees.items())
    undo = pl.col("outcome").is_in([int(Outcome.CLAWED_BACK), UNDONE])
    who = rated.state.sales.select("merchant_no", "member_no", sale_id="transaction_id")
    shares = rated.shares.join(rated.awards, on=["transaction_id", "line"]).join(who, on="sale_id")
    totals = shares.select(
        event=pl.when(undo).then(pl.lit("clawback")).otherwise(pl.lit("award")),
        programme=pl.lit("p"),
        scheme="scheme",
        payee_kind="payee",
        payee_no=payee_no,
        sponsor="sponsor",
        sponsor_kind=pl.col("sponsor").replace_strict(kinds, default="union"),
        merchant_no="merchant_no",
        amount_fen="amount_fen",
    )
    entries = posting(replace(no_events(), awards=conform(totals, AWARD_TOTAL)), "2026-06-30", "p", CHART)
    sums = entries.lines.group_by("account", "scheme", "sponsor", "payee_no").agg(pl.col("amount_fen").sum())
    return {(a, s, by, to): fen for a, s, by, to, fen in sums.iter_rows() if fen}


@examples(400, SIDE_BY_SIDE)
@given(crowds())
def test_the_ledger_holds_what_is_kept_however_it_came_about(town: Town) -> None:
    """Refunds, voids and their reversals: payables, expense and advances are those of the kept amounts alone."""
    plan = town.plan
    rated = rules.rate(plan, town.stream, State.empty(), engine="reference")
    who = {
        row[0]: row[1:] for row in rated.state.sales.select("transaction_id", "member_no", "merchant_no").iter_rows()
    }
    home = dict(town.merchants.select("merchant_no", "hq_district").iter_rows())
    terms = {t.digest: t.scheme for t in plan.terms}
    expected: dict[tuple[str, str, str | None, str | None], int] = {}

    def book(account: str, scheme: str, sponsor: str | None, payee: str | None, fen: int) -> None:
        key = (account, scheme, sponsor, payee)
        expected[key] = expected.get(key, 0) + fen

    for sale, digest, kept in rated.state.lines.select("transaction_id", "terms", "kept_fen").iter_rows():
        scheme, (member, merchant) = terms[digest], who[sale]
        payable, payee = {"merchant": ("2202", merchant), "channel": ("2203", "pos"), "member": ("2204", member)}[
            scheme.payee
        ]
        for share, fen in zip(scheme.funding, share_fen(kept, [s.share for s in scheme.funding]), strict=True):
            sponsor = home[merchant] if share.sponsor == "district" else share.sponsor
            if sponsor == "shop":  # the merchant's own money: owed to nobody, or by it where the member is paid
                if scheme.payee != "member":
                    continue
                book("1121", scheme.scheme, sponsor, merchant, fen)
            else:
                book("5001" if sponsor == CHART.own_sponsor else "2241", scheme.scheme, sponsor, None, fen)
            book(payable, scheme.scheme, None, payee, -fen)
    assert booked(rated, plan) == {key: fen for key, fen in expected.items() if fen}


@examples(400, SIDE_BY_SIDE)
@given(crowds(), st.sampled_from(["VOID", "REVERSAL", "REFUND"]))
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
    assert booked(rated, plan) == {}
    used, charged = used_and_charged(rated.state, plan)
    assert used == charged
    assert UNDONE not in rated.awards["outcome"].to_list()


@st.composite
def one_limit(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A scheme with one limit of any kind, and the same with that limit raised."""
    (limit,) = draw(limits("l", 1).filter(bool))
    more = draw(st.integers(0, 2000))
    value = int(limit["value"].replace(".", "")) + more if limit["measure"] == "amount" else limit["value"] + more % 3
    raised = {**limit, "value": f"{value // 100}.{value % 100:02d}" if limit["measure"] == "amount" else value}
    scheme = {
        "scheme": "s0", "version": 1, "programme": "p", "effective": {"from": "2026-01-01"}, "payee": "member",
        "benefit": draw(benefit), "funding": [{"sponsor": "city", "share": 1}],
    }  # fmt: skip
    return {**scheme, "limits": [limit]}, {**scheme, "limits": [raised]}


PROGRAMME = {"programme": "p", "timezone": "Asia/Shanghai", "sponsors": {"city": {"kind": "union"}}}


@examples(400)
@given(streams(), one_limit())
def test_raising_a_limit_never_lowers_the_total_granted_under_it(stream: pl.DataFrame, pair: Any) -> None:
    """Also where the limit denies what it cannot pay whole: what it then pays instead is never more."""
    sales = stream.filter(pl.col("kind") == "SALE")
    totals = []
    for scheme in pair:
        plan = compiled(PROGRAMME, [scheme], empty(ENTITLEMENTS))
        totals.append(int(rules.rate(plan, sales, State.empty(), engine="reference").awards["granted_fen"].sum()))
    assert totals[0] <= totals[1]
