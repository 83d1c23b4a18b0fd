"""Warnings for rules that are allowed but surely not meant: schemes that never apply, idle limits, falling tiers."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import polars as pl

from rules.amounts import benefit_fen
from rules.documents import Claimed, Fixed, Percent, Price, Scheme, Steps, Tier, Tiers
from rules.parse import Document
from rules.plan import FAR, Plan, merchant_holds
from rules.terms import Cap, Terms
from rules.words import yuan
from settlement.model.rejects import Reject


def advise(plan: Plan, schemes: list[Document[Scheme]], end: date | None = None) -> list[Reject]:
    """Warnings on a compiled plan, by file and line; `end` is the last day of interest (no scheme begins after it)."""
    by_name = {(d.value.scheme, d.value.version): d for d in schemes}
    warnings: list[Reject] = []
    for terms in plan.terms:
        document = by_name[terms.scheme.scheme, terms.scheme.version]
        warnings += _never_applies(plan, terms, document)
        warnings += _limits_never_bind(terms, document)
        warnings += _tiers_lower(terms.scheme, document)
        if end is not None and terms.scheme.effective.first > end:
            warnings.append(document.reject(("effective", "from"), "LATER", f"begins after {end}"))
    warnings += _gaps([by_name[t.scheme.scheme, t.scheme.version] for t in plan.terms])
    return sorted(warnings, key=lambda w: (w.file, w.line, w.column, w.code))


def _never_applies(plan: Plan, terms: Terms, document: Document[Scheme]) -> list[Reject]:
    """No merchant, no member or no entitlement meets the conditions, or no sale can earn the least grant."""
    scheme, wanted = terms.scheme, terms.scheme.eligibility
    found: list[Reject] = []
    if plan.merchants.height and not plan.merchants.filter(merchant_holds(wanted.merchants)).height:
        found.append(document.reject(("eligibility", "merchants"), "NO_MERCHANT", "no merchant meets this; correct it"))
    members = _members(plan, scheme)
    if plan.members.height and members == 0:
        found.append(document.reject(("eligibility", "members"), "NO_MEMBER", "no member meets this; correct it"))
    if plan.members.height and wanted.requires_entitlement and scheme.scheme not in set(plan.entitlements["scheme"]):
        message = "needs an entitlement, and entitlements.csv has none for it; import them or remove the condition"
        found.append(document.reject(("eligibility", "requires_entitlement"), "NO_ENTITLEMENTS", message))
    most = most_fen(scheme)
    if most is not None and most < max(scheme.min_grant, 1):
        message = f"never gives more than {yuan(most)}, below min_grant; raise the benefit or lower min_grant"
        found.append(document.reject(("benefit",), "NEVER_GIVES", message))
    return found


def _members(plan: Plan, scheme: Scheme) -> int:
    """How many members meet the member conditions."""
    who = scheme.eligibility.members
    frame = plan.members
    if who.district is not None:
        frame = frame.filter(frame["district"].is_in(list(who.district)))
    if who.org is not None:
        frame = frame.filter(frame["org"].is_in(list(who.org)))
    if who.tag is not None:
        tags = frame["tags"].fill_null("").str.split("|").list.eval(_in(who.tag)).list.any()
        frame = frame.filter(tags.fill_null(value=False))
    return frame.height


def _in(words: tuple[str, ...]) -> pl.Expr:
    return pl.element().is_in(list(words))


def most_fen(scheme: Scheme) -> int | None:
    """The most one sale can earn under a scheme; None where nothing bounds it."""
    benefit, top = scheme.benefit, scheme.eligibility.gross.max
    bound: int | None
    match benefit:
        case Fixed():
            bound = benefit.off
        case Percent() | Steps() | Price():
            bound = benefit.cap
        case Tiers():
            bounds = [tier.off if tier.percent is None else tier.cap for tier in benefit.tiers]
            bound = None if None in bounds else max(b for b in bounds if b is not None)
        case Claimed():
            bound = benefit.max
    if top is None:
        return bound
    reachable = top if isinstance(benefit, Claimed | Tiers) else benefit_fen(scheme, top, None)
    return reachable if bound is None else min(bound, reachable)


def _limits_never_bind(terms: Terms, document: Document[Scheme]) -> list[Reject]:
    """A limit that an earlier or later one of the same keys and measure always meets first."""
    found: list[Reject] = []
    own = [cap for cap in terms.caps if cap.scope]
    for at, cap in enumerate(own):
        other = next((o for o in own if o is not cap and _tighter(o, cap, own.index(o) < at)), None)
        if other is not None:
            message = f"never binds: {other.name} is met first; remove it or lower it"
            found.append(document.reject(("limits", at), "NEVER_BINDS", message))
    return found


_INSIDE = {
    "day": {"day", "week", "month", "quarter", "year", "total"},
    "week": {"week", "total"},
    "month": {"month", "quarter", "year", "total"},
    "quarter": {"quarter", "year", "total"},
    "year": {"year", "total"},
    "total": {"total"},
}


def _tighter(one: Cap, other: Cap, first: bool) -> bool:
    """Whether `one` always stops a sale that `other` would stop: the same measure, keys at least as wide, a window at
    least as long, and a value that is smaller (or the same and met first).
    """
    if one.measure != other.measure or not set(one.per) <= set(other.per) or one.window not in _INSIDE[other.window]:
        return False
    return one.value < other.value or (one.value == other.value and first)


def _tiers_lower(scheme: Scheme, document: Document[Scheme]) -> list[Reject]:
    """A higher tier that gives less than the one below it."""
    if not isinstance(scheme.benefit, Tiers):
        return []
    found: list[Reject] = []
    for low, high in pairwise(scheme.benefit.tiers):
        just_below = high.start - 1
        before, after = _gives(scheme, just_below), _gives(scheme, high.start)
        if low.start < high.start and after < before:
            message = (
                f"from {yuan(high.start)} the benefit falls from {yuan(before)} to {yuan(after)}; correct the tier"
            )
            found.append(document.reject(("benefit", "tiers", _written(high, document)), "TIER_LOWERS", message))
    return found


def _written(tier: Tier, document: Document[Scheme]) -> int:
    """Where a tier stands as written: the document keeps them sorted."""
    lines = document.place.find(("benefit", "tiers")).inside
    order = sorted(lines, key=lambda at: (lines[at].line, lines[at].column))
    benefit = document.value.benefit
    assert isinstance(benefit, Tiers)
    return int(order[min(benefit.tiers.index(tier), len(order) - 1)])


def _gives(scheme: Scheme, gross: int) -> int:
    return benefit_fen(scheme, gross, None)


def _gaps(documents: list[Document[Scheme]]) -> list[Reject]:
    """Days between two versions of a scheme on which none is in force."""
    by_code: dict[str, list[Document[Scheme]]] = {}
    for document in documents:
        by_code.setdefault(document.value.scheme, []).append(document)
    found: list[Reject] = []
    for versions in by_code.values():
        versions.sort(key=lambda d: d.value.effective.first)
        for before, after in pairwise(versions):
            last, first = before.value.effective.last or FAR, after.value.effective.first
            if (first - last).days > 1:
                message = f"no version is in force between {last} and {first}; close the gap if it is not meant"
                found.append(after.reject(("effective", "from"), "GAP", message))
    return found
