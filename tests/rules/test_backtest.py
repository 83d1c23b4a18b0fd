"""A draft rule replayed on a week: what it would have cost, whom it would have reached, when the pool runs out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl

import rules
from rules.backtest import Backtest, backtest, with_draft
from settlement.model.frames import MEMBERS, MERCHANTS, RATE_INPUT

PROGRAMME = """programme: town
timezone: Asia/Shanghai
sponsors: {city: {kind: union}}
pools: [{name: budget, measure: amount, value: 30.00, window: total}]
"""
SCHEME = """scheme: bread
version: 1
programme: town
effective: {from: 2026-01-01}
payee: merchant
benefit: {kind: fixed, off: 2.00}
pools: [budget]
funding: [{sponsor: city, share: 1}]
"""


def document(text: str) -> rules.Document[rules.Scheme]:
    parsed = rules.parse_scheme(text, "draft.yaml")
    assert isinstance(parsed, rules.Document)
    return parsed


def plan() -> rules.Plan:
    head = rules.parse_programme(PROGRAMME)
    assert isinstance(head, rules.Document)
    merchants = pl.DataFrame([("M1", "", "food", "gusu", "gusu", None, None)], schema=MERCHANTS, orient="row")
    people = [(f"U{n}", "o", "gusu", "active", "", None, None) for n in range(2)]
    made = rules.compile_plan(head, [document(SCHEME)], merchants, pl.DataFrame(people, schema=MEMBERS, orient="row"))
    assert isinstance(made, rules.Plan)
    return made


def week() -> pl.DataFrame:
    noon = datetime(2026, 5, 4, 4, tzinfo=UTC)
    rows = [
        (f"t{n}", "SALE", None, noon + timedelta(days=n), f"U{n % 2}", "M1", "bank_card", 1000, None, None)
        for n in range(5)
    ]
    return pl.DataFrame(rows, schema=RATE_INPUT, orient="row")


def test_a_draft_in_place_of_the_rule_in_force() -> None:
    found = backtest(plan(), document(SCHEME.replace("off: 2.00", "off: 8.00")), week(), rules.State.empty())
    assert isinstance(found, Backtest)
    assert (found.before_fen, found.after_fen, found.members_reached) == (1000, 3000, 2)
    assert found.days["after_fen"].to_list() == [800, 800, 800, 600, 0]
    assert found.run_out == {"budget": date(2026, 5, 7)}
    assert found.members.rows() == [("U0", 600, 1600, 1000), ("U1", 400, 1400, 1000)]
    assert found.merchants["change_fen"].to_list() == [2000]


def test_a_draft_beside_needs_a_code_of_its_own() -> None:
    clash = with_draft(plan(), document(SCHEME), beside=True)
    assert isinstance(clash, list)
    assert clash[0].code == "SCHEME_IN_FORCE"
    more = with_draft(plan(), document(SCHEME.replace("scheme: bread", "scheme: cake")), beside=True)
    assert isinstance(more, rules.Plan)
    assert [terms.scheme.scheme for terms in more.terms] == ["bread", "cake"]


def test_a_draft_that_names_an_unknown_pool_is_refused() -> None:
    found = backtest(plan(), document(SCHEME.replace("[budget]", "[other]")), week(), rules.State.empty())
    assert isinstance(found, list)
    assert "pool other does not exist" in found[0].message
