"""What `explain` says: a sentence for every way a figure can come about."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

import rules
from settlement.model.frames import CALENDAR, ENTITLEMENTS, MEMBERS, MERCHANTS, RATE_INPUT, empty

PROGRAMME = """
programme: p
timezone: Asia/Shanghai
sponsors: {city: {kind: union}}
pools: [{name: pot, measure: amount, value: 30.00, window: total}]
"""
HEAD = """
scheme: market
version: 1
title: 周日超市
programme: p
effective: {from: 2026-01-01, to: 2026-12-31}
payee: merchant
funding: [{sponsor: city, share: 1}]
"""
TIERS = "benefit: {kind: tiers, tiers: [{from: 158, off: 20}]}\n"
ONCE = "limits: [{name: once, per: [member], measure: count, value: 1, window: week}]\n"


def said(body: str, *rows: tuple[Any, ...], rights: list[tuple[Any, ...]] | None = None) -> list[dict[str, Any]]:
    """The explanations of rows (id, kind, original, gross in fen, claimed), a minute apart, under one scheme."""
    head, scheme = rules.parse_programme(PROGRAMME), rules.parse_scheme(HEAD + body, "market.yaml")
    assert isinstance(head, rules.Document)
    assert isinstance(scheme, rules.Document), scheme
    merchants = pl.DataFrame([("M", "店", "food", "gusu", None, None, None)], schema=MERCHANTS, orient="row")
    members = pl.DataFrame([("U", "o", "gusu", "active", "", None, None)], schema=MEMBERS, orient="row")
    held = pl.DataFrame(rights or [], schema=ENTITLEMENTS, orient="row")
    plan = rules.compile_plan(head, [scheme], merchants, members, held, empty(CALENDAR))
    assert isinstance(plan, rules.Plan)
    at = pl.datetime_range(pl.datetime(2026, 5, 10, 2), pl.datetime(2026, 5, 10, 3), "1m", time_zone="UTC", eager=True)
    body_rows = [
        (name, kind, of, at[n], "U", "M", "bank_card", gross, claimed, None)
        for n, (name, kind, of, gross, claimed) in enumerate(rows)
    ]
    stream = pl.DataFrame(body_rows, schema=RATE_INPUT, orient="row")
    return list(rules.explain(plan, stream, rules.State.empty()))


def sale(name: str, fen: int, claimed: int | None = None) -> tuple[Any, ...]:
    return (name, "SALE", None, fen, claimed)


PERCENT = "benefit: {kind: percent, percent: 50}\n"
CASES = [
    (TIERS, [sale("a", 15800)], "周日超市：满158减20 适用，补贴20元", "20 off from 158 applies, subsidy 20"),
    (TIERS, [sale("a", 15799)], "周日超市：满158减20；成交价157.99元未满158元，故补贴0元", "is below 158"),
    (TIERS + ONCE, [sale("a", 15800), sale("b", 15800)],
     "周日超市：满158减20 适用；本周限1次已用完，故补贴0元", "1 use a week for each member (once) is used up"),
    ("benefit: {kind: steps, every: 100, off: 5}\n", [sale("a", 9900)], "成交价99元未满100元", "is below 100"),
    ("benefit: {kind: price, pay: 10}\n", [sale("a", 1000)], "成交价10元不高于10元", "not above 10"),
    ("benefit: {kind: claimed, min: 1, max: 5}\n", [sale("a", 1000, 600)], "优惠金额6元超出范围", "is out of range"),
    ("benefit: {kind: claimed}\n", [sale("a", 1000)], "没有报送优惠金额", "no discount was reported"),
    (TIERS, [sale("a", 15800, 0)], "报送的优惠金额为0", "the discount reported is 0"),
    (PERCENT + "pools: [pot]\n", [sale("a", 4000), sale("b", 4000)],
     "应补20元，资金池〔pot〕活动期内限30元，只剩10元，故补贴10元", "the pool of 30 in all (pot) has 10 left"),
    (PERCENT + "limits: [{name: l, measure: amount, value: 15, window: day, on_exceed: deny}]\n", [sale("a", 4000)],
     "本日限15元，只剩15元，不够补20元", "has 15 left, not the whole 20"),
    (PERCENT + "min_grant: 5.00\n", [sale("a", 400)], "应补2元，低于最低补贴额5元", "is below the least grant of 5"),
    (PERCENT + "min_grant: 5.00\nlimits: [{name: l, measure: amount, value: 3, window: day}]\n", [sale("a", 4000)],
     "本日限3元，只剩3元，低于最低补贴额5元", "has 3 left, below the least grant of 5"),
    (PERCENT + "eligibility: {requires_entitlement: true}\n", [sale("a", 4000)], "没有可用的券", "no entitlement"),
    ("eligibility: {merchants: {category: [film]}}\n" + PERCENT, [sale("a", 4000)],
     "没有适用的活动，故无补贴", "no scheme applies"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "rows", "zh", "en"), CASES)
def test_the_last_sale_says_why(body: str, rows: list[tuple[Any, ...]], zh: str, en: str) -> None:
    entry = said(body, *rows)[-1]
    assert zh in entry["zh"][0]
    assert en in entry["en"][0]


def test_a_scheme_that_is_passed_over_says_what_it_wants() -> None:
    (entry,) = said("eligibility: {merchants: {category: [film]}, hours: ['10:00-22:00']}\n" + PERCENT, sale("a", 1))
    (scheme,) = entry["schemes"]
    assert (scheme["stopped_by"], scheme["zh"]) == ("merchants.category", "商户类别不符（商户类别：film）")
    assert entry["zh"][1] == "周日超市不适用：商户类别不符（商户类别：film）"


def test_an_entitlement_is_named_with_what_it_has_left() -> None:
    body = PERCENT + "eligibility: {requires_entitlement: true}\n"
    right = ("E1", "U", "market", 2, 1500, date(2026, 1, 1), None)
    entry = said(body, sale("a", 4000), rights=[right])[0]
    assert entry["zh"][0].endswith("应补20元，券E1的余额，只剩15元，故补贴15元")
    moved = [
        (m["limit"], m["kind"], m["measure"], m["used_before"], m["used_after"]) for m in entry["awards"][0]["limits"]
    ]
    assert moved == [("E1", "entitlement", "count", "0", "1"), ("E1", "entitlement", "amount", "0.00", "15.00")]


def test_refunds_voids_and_their_reversals_say_by_which_policy_and_what_limits_get_back() -> None:
    body = PERCENT + ONCE + "pools: [pot]\n"
    entries = said(
        body, sale("a", 4000), ("b", "REFUND", "a", 1000, None), ("c", "VOID", "a", None, None),
        ("d", "REVERSAL", "c", None, None), ("e", "REFUND", "a", 3001, None),
    )  # fmt: skip
    words = [entry["zh"][0] for entry in entries]
    assert words[1] == "周日超市：成交价40元，累计已退10元；退货按比例追回：追回补贴5元，保留15元"
    assert words[2] == "周日超市：成交价40元，累计已退40元；整笔取消，全部追回：追回补贴15元，保留0元"
    assert words[3] == "周日超市：成交价40元，累计已退10元；退货按比例追回：恢复补贴15元，保留15元"
    assert words[4] == "退货超过原金额，不作处理（成交价40元，累计已退10元）"
    assert entries[1]["en"][0].endswith("5 of it is taken back, 15 is kept")
    moves = [
        [(m["limit"], m["used_before"], m["used_after"]) for m in entry["awards"][0]["limits"]] for entry in entries
    ]
    assert moves == [
        [("once", "0", "1"), ("pot", "0.00", "20.00")],
        [("pot", "20.00", "15.00")],
        [("once", "1", "0"), ("pot", "15.00", "0.00")],
        [("once", "0", "1"), ("pot", "0.00", "15.00")],
        [],
    ]
