"""A draft tried on three days that can be worked by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

import rules
from rules.trial import Batch, compare, in_force_throughout, losers, replay, winners, with_draft
from settlement.model.frames import CALENDAR, ENTITLEMENTS, MEMBERS, MERCHANTS, RATE_INPUT, empty

PROGRAMME = """
programme: p
timezone: Asia/Shanghai
sponsors: {city: {name: C, kind: union}, shop: {name: S, kind: merchant}}
pools: [{name: pot, measure: amount, value: 50.00, window: total}]
"""
RULE = """
scheme: ten
version: 1
programme: p
effective: {from: 2026-05-01}
payee: merchant
benefit: {kind: fixed, off: 10.00}
limits: [{name: one-a-day, per: [member], measure: count, value: 1, window: day}]
pools: [pot]
funding: [{sponsor: city, share: 50}, {sponsor: shop, share: 50}]
"""
DRAFT = RULE.replace("version: 1", "version: 2").replace("10.00", "20.00")
DAYS = [date(2026, 5, 7) + timedelta(days=n) for n in range(3)]
ENGINE = "reference"


def scheme(text: str, file: str = "s.yaml") -> rules.Document[rules.Scheme]:
    found = rules.parse_scheme(text, file)
    assert not isinstance(found, list), found
    return found


def plan(documents: list[rules.Document[rules.Scheme]]) -> rules.Plan:
    programme = rules.parse_programme(PROGRAMME)
    assert not isinstance(programme, list)
    members = pl.DataFrame({"member_no": ["A", "B"], "status": ["active"] * 2})
    merchants = pl.DataFrame({"merchant_no": ["M1", "M2"]})
    made = rules.compile_plan(
        programme,
        documents,
        pl.concat([empty(MERCHANTS), merchants], how="diagonal"),
        pl.concat([empty(MEMBERS), members], how="diagonal"),
        empty(ENTITLEMENTS),
        empty(CALENDAR),
    )
    assert not isinstance(made, list), made
    return made


def day(number: int, *rows: tuple[str, str, str | None, str, str, int]) -> pl.DataFrame:
    """RATE_INPUT of a day: (id, kind, original, member, merchant, gross in fen), one an hour from 02:00 UTC."""
    start = datetime(DAYS[number].year, DAYS[number].month, DAYS[number].day, 2, tzinfo=UTC)
    body = [
        (name, kind, original, start + timedelta(hours=at), member, merchant, "bank_card", gross, None, gross)
        for at, (name, kind, original, member, merchant, gross) in enumerate(rows)
    ]
    return pl.DataFrame(body, schema=RATE_INPUT, orient="row")


def batches(made: rules.Plan) -> list[Batch]:
    """Six sales and a refund: 10.00 each under the rule, 20.00 under the draft, until the pot of 50.00 is empty."""
    return [
        Batch(DAYS[0], made, day(0, ("a1", "SALE", None, "A", "M1", 10000), ("b1", "SALE", None, "B", "M2", 10000))),
        Batch(DAYS[1], made, day(1, ("a2", "SALE", None, "A", "M1", 10000), ("b2", "SALE", None, "B", "M1", 10000))),
        Batch(DAYS[2], made, day(2, ("r1", "REFUND", "b1", "B", "M2", 10000), ("a3", "SALE", None, "A", "M2", 10000))),
    ]


@pytest.fixture(scope="module")
def compared():
    now, draft = plan([scheme(RULE)]), plan(with_draft([scheme(RULE)], scheme(DRAFT), beside=False))
    start = rules.State.empty()
    return compare(replay(batches(now), start, engine=ENGINE), replay(batches(draft), start, engine=ENGINE))


def test_cost_members_and_merchants(compared) -> None:
    """Now 10+10, 10+10, -10+10. Draft 20+20, 10 (the pot's rest) and 0, then -20 gives the pot 20 for a3."""
    assert compared.total == {
        "now_fen": 4000, "draft_fen": 5000, "difference_fen": 1000,
        "now_sales": 5, "draft_sales": 4,
        "now_members": 2, "draft_members": 2, "now_merchants": 2, "draft_merchants": 2,
    }  # fmt: skip
    assert compared.schemes.select("scheme", "difference_fen").rows() == [("ten", 1000)]


def test_the_budget_by_day(compared) -> None:
    assert compared.days.select("date", "now_fen", "draft_fen", "now_sum_fen", "draft_sum_fen").rows() == [
        (DAYS[0], 2000, 4000, 2000, 4000),
        (DAYS[1], 2000, 1000, 4000, 5000),
        (DAYS[2], 0, 0, 4000, 5000),
    ]
    assert compared.budgets.select("date", "budget", "now_used_fen", "draft_used_fen", "draft_left_fen").rows() == [
        (DAYS[0], "pot", 2000, 4000, 1000),
        (DAYS[1], "pot", 4000, 5000, 0),
        (DAYS[2], "pot", 4000, 5000, 0),
    ]


def test_the_day_it_runs_out(compared) -> None:
    assert compared.cuts.select("budget", "now", "draft").rows() == [("pot", None, DAYS[1])]


def test_who_wins_and_who_loses(compared) -> None:
    """M1: now a1, a2, b2 = 30, draft 20 + 10 + 0 = 30. M2: now b1 - b1 + a3 = 10, draft 20 - 20 + 20 = 20."""
    assert compared.merchants.select("merchant_no", "now_fen", "draft_fen").rows() == [
        ("M1", 3000, 3000), ("M2", 1000, 2000),
    ]  # fmt: skip
    assert winners(compared.merchants, 5)["merchant_no"].to_list() == ["M2"]
    assert losers(compared.merchants, 5).is_empty()
    # A: 30 -> 20 + 10 + 20; B: 10 + 10 - 10 -> 20 + 0 - 20
    assert winners(compared.members, 5).select("member_no", "difference_fen").rows() == [("A", 2000)]
    assert losers(compared.members, 5).select("member_no", "difference_fen").rows() == [("B", -1000)]
    assert compared.sponsors.select("sponsor", "now_fen", "draft_fen").rows() == [
        ("city", 2000, 2500), ("shop", 2000, 2500),
    ]  # fmt: skip


def test_nothing_rated_is_nothing_compared() -> None:
    made = plan([scheme(RULE)])
    nothing = replay([Batch(DAYS[0], made, day(0))], rules.State.empty(), engine=ENGINE)
    found = compare(nothing, nothing)
    assert set(found.total.values()) == {0}
    assert found.days.rows() == [(DAYS[0], 0, 0, 0, 0, 0)]


def dates(documents: list[rules.Document[rules.Scheme]]) -> list[tuple[int, str, str]]:
    return [
        (d.value.version, str(d.value.effective.first), str(d.value.effective.last))
        for d in sorted(documents, key=lambda d: d.value.effective.first)
    ]


def test_the_draft_takes_its_place_as_activating_it_would() -> None:
    old = scheme(RULE)
    later = scheme(DRAFT.replace("from: 2026-05-01", "from: 2026-05-08"))
    assert dates(with_draft([old], later, beside=False)) == [
        (1, "2026-05-01", "2026-05-07"), (2, "2026-05-08", "None"),
    ]  # fmt: skip
    assert dates(with_draft([old], scheme(DRAFT), beside=False)) == [(2, "2026-05-01", "None")]
    same = scheme(DRAFT.replace("version: 2", "version: 1").replace("from: 2026-05-01", "from: 2026-05-08"))
    assert dates(with_draft([old], same, beside=False)) == [(1, "2026-05-08", "None")]
    ended = scheme(RULE.replace("from: 2026-05-01", "from: 2026-04-01, to: 2026-04-30"))
    assert dates(with_draft([ended], later, beside=False)) == [
        (1, "2026-04-01", "2026-04-30"), (2, "2026-05-08", "None"),
    ]  # fmt: skip
    other = scheme(RULE.replace("scheme: ten", "scheme: other"))
    assert len(with_draft([old, other], later, beside=False)) == 3
    assert len(with_draft([old], other, beside=True)) == 2


def test_a_rule_for_next_month_is_tried_on_this_one() -> None:
    june = scheme(DRAFT.replace("from: 2026-05-01", "from: 2026-06-01, to: 2026-06-30"))
    assert dates([in_force_throughout(june, DAYS[0], DAYS[2])]) == [(2, "2026-05-07", "2026-05-09")]
    touching = scheme(DRAFT.replace("from: 2026-05-01", "from: 2026-05-09"))
    assert in_force_throughout(touching, DAYS[0], DAYS[2]) is touching


def test_a_pool_that_was_used_before_is_used_here() -> None:
    made = plan([scheme(RULE)])
    first = batches(made)
    opening = rules.rate(made, first[0].transactions, rules.State.empty(), engine=ENGINE).state
    found = replay(first[1:], opening, engine=ENGINE)
    assert found.budgets["used_fen"].to_list() == [4000, 4000]
    assert found.awards.filter(pl.col("transaction_id") == "r1")["merchant_no"].to_list() == ["M2"]
