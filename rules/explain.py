"""Why each transaction got what it got: replayed by the reference from the opening State of the batch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from rules import reference
from rules.documents import Claimed
from rules.plan import Plan
from rules.rated import Rated
from rules.reference import Cut, Figure, Looked
from rules.state import State
from rules.terms import Terms
from rules.words import PASSED_OVER, SIMPLE, Words, benefit_words, limit_words, yuan
from settlement.model.money import format_yuan
from settlement.model.outcomes import Outcome


def explain(
    plan: Plan, transactions: pl.DataFrame, state: State, only: frozenset[str] | None = None
) -> Iterator[dict[str, Any]]:
    """One JSON object per transaction that the batch rates, in rating order (docs/rules.md, "Explain").

    `only` limits what is given, not what is replayed: limits are consumed in true order.
    """
    looked: dict[str, Looked] = {}
    rated = reference.rate(plan, transactions, state, looked)
    shares = _shares(rated)
    terms = {(t.scheme.scheme, t.scheme.version): t for t in plan.terms}
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in rated.awards.iter_rows(named=True):
        rows.setdefault(row["transaction_id"], []).append(_award(row, shares, terms))
    sales = dict(rated.transactions.select("transaction_id", "sale_id").iter_rows())
    for transaction_id, awards in rows.items():
        if only is not None and transaction_id not in only:
            continue
        seen = looked.get(transaction_id, Looked())
        words = _sentences(awards, seen)
        yield {
            "transaction_id": transaction_id,
            "sale_id": sales[transaction_id],
            "awards": awards,
            "schemes": [_candidate(f) for f in seen.figures] + [_passed_over(t, why) for t, why in seen.passed_over],
            "zh": [w.zh for w in words],
            "en": [w.en for w in words],
        }


def explain_lines(plan: Plan, transactions: pl.DataFrame, state: State) -> Iterator[str]:
    """`explain` as the lines of `--explain`."""
    for entry in explain(plan, transactions, state):
        yield json.dumps(entry, ensure_ascii=False)


def _shares(rated: Rated) -> dict[tuple[str, int], list[dict[str, str]]]:
    out: dict[tuple[str, int], list[dict[str, str]]] = {}
    for transaction_id, line, _, sponsor, fen in rated.shares.iter_rows():
        out.setdefault((transaction_id, line), []).append({"sponsor": sponsor, "amount": format_yuan(fen)})
    return out


def _award(
    row: dict[str, Any], shares: dict[tuple[str, int], list[dict[str, str]]], terms: dict[tuple[str, int], Terms]
) -> dict[str, Any]:
    rule = terms.get((row["scheme"], row["version"]))
    return {
        "outcome": Outcome(row["outcome"]).name,
        "scheme": row["scheme"],
        "version": row["version"],
        "title": rule.scheme.title if rule else None,
        "rule": f"{rule.file}:{rule.line}" if rule and rule.file else None,
        "entitled": None if row["entitled_fen"] is None else format_yuan(row["entitled_fen"]),
        "granted": format_yuan(row["granted_fen"]),
        "limit": row["limit"],
        "payee": row["payee"],
        "shares": shares.get((row["transaction_id"], row["line"]), []),
    }


def _named(terms: Terms) -> dict[str, Any]:
    scheme = terms.scheme
    rule = f"{terms.file}:{terms.line}" if terms.file else None
    return {"scheme": scheme.scheme, "version": scheme.version, "title": scheme.title, "rule": rule}


def _candidate(figure: Figure) -> dict[str, Any]:
    return {
        **_named(figure.terms),
        "candidate": True,
        "entitled": format_yuan(figure.entitled),
        "figure": format_yuan(figure.fen),
        "outcome": figure.outcome.name,
        "entitlement": figure.entitlement.number if figure.entitlement else None,
        "lowered": [
            {"by": cut.name, "from": format_yuan(cut.before), "to": format_yuan(cut.after)} for cut in figure.cuts
        ],
        "without": {name: f"{format_yuan(fen)} without {name}" for name, fen in figure.without.items()},
    }


def _passed_over(terms: Terms, why: str) -> dict[str, Any]:
    return {
        **_named(terms),
        "candidate": False,
        "stopped_by": why,
        "zh": PASSED_OVER[why].zh,
        "en": PASSED_OVER[why].en,
    }


def _sentences(awards: list[dict[str, Any]], seen: Looked) -> list[Words]:
    """The answer first, then what else was looked at."""
    first = Outcome[awards[0]["outcome"]]
    if first in SIMPLE:
        words = [SIMPLE[first]]
    elif first in {Outcome.CLAWED_BACK, Outcome.REINSTATED}:
        words = [_moved(award, first) for award in awards]
    else:
        shown = {(f.terms.scheme.scheme, f.terms.scheme.version): f for f in seen.figures}
        words = [_figure_words(shown[award["scheme"], award["version"]]) for award in awards]
        chosen = {(award["scheme"], award["version"]) for award in awards}
        words += [_other(f) for key, f in shown.items() if key not in chosen]
    return words + [_not_candidate(terms, why) for terms, why in seen.passed_over]


def _name(terms: Terms) -> str:
    return terms.scheme.title or terms.scheme.scheme


def _moved(award: dict[str, Any], outcome: Outcome) -> Words:
    """What an operation changed; a reworked award may also move against the operation."""
    name, change = award["title"] or award["scheme"], award["granted"]
    size = change.removeprefix("-").removesuffix(".00")
    if size == "0":
        return Words(f"{name}：补贴不变", f"{name}: the subsidy stays as it is")
    if change.startswith("-"):
        if outcome == Outcome.CLAWED_BACK:
            return Words(f"{name}：追回补贴{size}元", f"{name}: {size} of the subsidy is taken back")
        return Words(f"{name}：重算后补贴减少{size}元", f"{name}: worked out again, the subsidy falls by {size}")
    if outcome == Outcome.REINSTATED:
        return Words(f"{name}：恢复补贴{size}元", f"{name}: {size} of the subsidy is given again")
    return Words(f"{name}：重算后补贴增加{size}元", f"{name}: worked out again, the subsidy rises by {size}")


def _figure_words(figure: Figure) -> Words:
    """Like 满158减20 适用；本周限1次已用完，故补贴0元."""
    rule, amount = benefit_words(figure.terms.scheme.benefit), yuan(figure.fen)
    head = Words(f"{_name(figure.terms)}：{rule.zh}", f"{_name(figure.terms)}: {rule.en}")
    if figure.outcome != Outcome.NO_BENEFIT:
        head = Words(f"{head.zh} 适用", f"{head.en} applies")
    if figure.outcome == Outcome.GRANTED:
        return Words(f"{head.zh}，补贴{amount}元", f"{head.en}, subsidy {amount}")
    why = _why(figure)
    return Words(f"{head.zh}；{why.zh}，故补贴{amount}元", f"{head.en}; {why.en}, so the subsidy is {amount}")


def _why(figure: Figure) -> Words:
    """What stopped or lowered a figure."""
    match figure.outcome:
        case Outcome.NO_BENEFIT if isinstance(figure.terms.scheme.benefit, Claimed):
            return Words("没有优惠金额", "no discount is known")
        case Outcome.NO_BENEFIT:
            return Words("未达到门槛或无可补金额", "nothing is earned at this amount")
        case Outcome.CLAIM_OUT_OF_RANGE:
            return Words("优惠金额超出范围", "the discount claimed is out of range")
        case Outcome.NO_ENTITLEMENT:
            return Words("没有可用的券", "no entitlement is left")
        case Outcome.GRANTED_PARTIAL:
            thing, left = _thing(figure.cut), yuan(figure.fen)
            earned = yuan(figure.entitled)
            return Words(f"应补{earned}元，{thing.zh}，只剩{left}元", f"of {earned} earned, {thing.en} has {left} left")
        case _:
            return _spent(figure.cut, yuan(figure.terms.scheme.min_grant))


def _spent(cut: Cut, least: str) -> Words:
    """Why nothing is left of a figure."""
    below = Words(f"低于最低补贴额{least}元", f"below the least grant of {least}")
    if cut.name == "min_grant" and cut.cap is None:
        before = yuan(cut.before)
        return Words(f"应补{before}元，{below.zh}", f"{before} earned is {below.en}")
    thing, after = _thing(cut), yuan(cut.after)
    if cut.after > 0:
        return Words(f"{thing.zh}，只剩{after}元，{below.zh}", f"{thing.en} has {after} left, {below.en}")
    if cut.left <= 0:
        return Words(f"{thing.zh}已用完", f"{thing.en} is used up")
    left, before = yuan(cut.left), yuan(cut.before)
    return Words(f"{thing.zh}，只剩{left}元，不够补{before}元", f"{thing.en} has {left} left, not the whole {before}")


def _thing(cut: Cut) -> Words:
    if cut.cap is not None:
        return limit_words(cut.cap)
    if cut.name == "entitlement":
        return Words("券的余额", "the entitlement")
    return Words("其他补贴后的成交价或实际优惠", "the price or the discount given, after the other subsidies,")


def _other(figure: Figure) -> Words:
    words = _figure_words(figure)
    return Words(f"未选：{words.zh}", f"not chosen: {words.en}")


def _not_candidate(terms: Terms, why: str) -> Words:
    reason = PASSED_OVER[why]
    return Words(f"{_name(terms)}不适用：{reason.zh}", f"{_name(terms)} does not apply: {reason.en}")
