"""Why each transaction got what it got: replayed by the reference from the opening State of the batch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from rules import reference
from rules.plan import Plan
from rules.rated import Rated
from rules.reference import Figure, Looked
from rules.state import State
from rules.terms import Terms
from rules.words import PASSED_OVER, SIMPLE, Words, benefit_words, spent_words, yuan
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
    size = award["granted"].removeprefix("-")
    if outcome == Outcome.CLAWED_BACK:
        return Words(f"{award['scheme']}：追回补贴{size}元", f"{award['scheme']}: {size} of the subsidy is taken back")
    return Words(f"{award['scheme']}：恢复补贴{size}元", f"{award['scheme']}: {size} of the subsidy is given again")


def _figure_words(figure: Figure) -> Words:
    """Like 满158减20 适用；本周限1次已用完，故补贴0元."""
    rule, amount = benefit_words(figure.terms.scheme.benefit), yuan(figure.fen)
    head = Words(f"{_name(figure.terms)}：{rule.zh} 适用", f"{_name(figure.terms)}: {rule.en} applies")
    match figure.outcome:
        case Outcome.NO_BENEFIT:
            why = Words("未达到门槛或无可补金额", "nothing is earned at this amount")
        case Outcome.CLAIM_OUT_OF_RANGE:
            why = Words("优惠金额超出范围", "the discount claimed is out of range")
        case Outcome.NO_ENTITLEMENT:
            why = Words("没有可用的券", "no entitlement is left")
        case Outcome.LIMIT_EXHAUSTED:
            why = spent_words(figure.limit, figure.terms)
        case Outcome.GRANTED_PARTIAL:
            why = _short(figure)
        case _:
            return Words(f"{head.zh}，补贴{amount}元", f"{head.en}, subsidy {amount}")
    return Words(f"{head.zh}；{why.zh}，故补贴{amount}元", f"{head.en}; {why.en}, so the subsidy is {amount}")


def _short(figure: Figure) -> Words:
    left = yuan(figure.fen)
    return Words(f"应补{yuan(figure.entitled)}元，{figure.limit}只剩{left}元", f"{figure.limit} has only {left} left")


def _other(figure: Figure) -> Words:
    words = _figure_words(figure)
    return Words(f"未选：{words.zh}", f"not chosen: {words.en}")


def _not_candidate(terms: Terms, why: str) -> Words:
    reason = PASSED_OVER[why]
    return Words(f"{_name(terms)}不适用：{reason.zh}", f"{_name(terms)} does not apply: {reason.en}")
