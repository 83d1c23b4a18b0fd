"""Why each transaction got what it got: replayed by the reference from the opening State of the batch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from rules import reference
from rules.memory import Charge
from rules.plan import Plan
from rules.rated import Rated
from rules.reasons import (
    SIMPLE,
    charge_words,
    figure_words,
    lowered_words,
    moved_words,
    name_of,
    simple_words,
    stopped_words,
)
from rules.reference import Cut, Figure, Looked
from rules.state import State
from rules.terms import Terms
from rules.words import Words
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
    kinds = dict(pl.concat([state.waiting, transactions]).select("transaction_id", "kind").iter_rows())
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in rated.awards.iter_rows(named=True):
        charges = looked[row["transaction_id"]].charges if row["transaction_id"] in looked else []
        rows.setdefault(row["transaction_id"], []).append(_award(row, shares, terms, charges))
    sales = dict(rated.transactions.select("transaction_id", "sale_id").iter_rows())
    for transaction_id, awards in rows.items():
        if only is not None and transaction_id not in only:
            continue
        seen = looked.get(transaction_id, Looked())
        words = _sentences(awards, seen, kinds[transaction_id])
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
    row: dict[str, Any],
    shares: dict[tuple[str, int], list[dict[str, str]]],
    terms: dict[tuple[str, int], Terms],
    charges: list[Charge],
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
        "limits": [_charged(charge) for charge in charges if charge.line == row["line"]],
    }


def _charged(charge: Charge) -> dict[str, Any]:
    """What one limit took (or got back): what its key, or the entitlement, had used before and after."""
    words, cap = charge_words(charge), charge.cap
    shown = format_yuan if charge.measure == "amount" else str
    return {
        "limit": charge.name,
        "kind": "entitlement" if cap is None else "limit" if cap.scope else "pool",
        "measure": charge.measure,
        "per": list(cap.per) if cap else ["member"],
        "window": cap.window if cap else "total",
        "value": shown(cap.value) if cap else None,
        "used_before": shown(charge.before),
        "used_after": shown(charge.after),
        "zh": words.zh,
        "en": words.en,
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
        "lowered": [_cut(figure, cut) for cut in figure.cuts],
        "without": {name: f"{format_yuan(fen)} without {name}" for name, fen in figure.without.items()},
    }


def _cut(figure: Figure, cut: Cut) -> dict[str, str]:
    words = lowered_words(figure, cut)
    fens = {"from": format_yuan(cut.before), "to": format_yuan(cut.after)}
    return {"by": cut.name, **fens, "zh": words.zh, "en": words.en}


def _passed_over(terms: Terms, why: str) -> dict[str, Any]:
    reason = stopped_words(terms.scheme, why)
    return {**_named(terms), "candidate": False, "stopped_by": why, "zh": reason.zh, "en": reason.en}


def _sentences(awards: list[dict[str, Any]], seen: Looked, kind: str) -> list[Words]:
    """The answer first, then what else was looked at."""
    first = Outcome[awards[0]["outcome"]]
    if first in SIMPLE:
        words = [simple_words(first, seen)]
    elif first in {Outcome.CLAWED_BACK, Outcome.REINSTATED}:
        words = [moved_words(row, seen, kind) for row in seen.rows]
    else:
        shown = {(f.terms.scheme.scheme, f.terms.scheme.version): f for f in seen.figures}
        words = [figure_words(shown[award["scheme"], award["version"]], seen) for award in awards]
        chosen = {(award["scheme"], award["version"]) for award in awards}
        words += [_other(f, seen) for key, f in shown.items() if key not in chosen]
    return words + [_not_candidate(terms, why) for terms, why in seen.passed_over]


def _other(figure: Figure, seen: Looked) -> Words:
    words = figure_words(figure, seen)
    return Words(f"未选：{words.zh}", f"not chosen: {words.en}")


def _not_candidate(terms: Terms, why: str) -> Words:
    reason = stopped_words(terms.scheme, why)
    return Words(f"{name_of(terms)}不适用：{reason.zh}", f"{name_of(terms)} does not apply: {reason.en}")
