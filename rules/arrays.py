"""The plan as arrays of whole numbers, and the masks of who may have which scheme when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rules.documents import (
    INSTRUMENTS,
    WEEKDAYS,
    Claimed,
    Fixed,
    Key,
    Percent,
    Price,
    Scheme,
    Steps,
    Tiers,
    Window,
)
from rules.layout import (
    BENEFIT_KINDS,
    POLICIES,
    ROUNDINGS,
    SPECIAL_NAMES,
    TERMS_WIDTH,
    USE_RULES,
    Ints,
)
from rules.plan import Plan, merchant_holds
from rules.terms import Cap, Terms

Mask = NDArray[np.uint64]
Shape = tuple[tuple[Key, ...], Window]
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Numbers:
    """`terms` are the plan's, then those that only State knows. `names` are what R_LIMIT counts in."""

    terms: tuple[Terms, ...]
    term_rows: Ints
    tiers: Ints
    caps: Ints
    limits: tuple[Cap, ...]  # by CAP_ID: the first cap of that identity
    shapes: tuple[Shape, ...]
    names: tuple[str, ...]
    schemes: dict[str, int]
    most_caps: int


def _bound(value: int | None) -> int:
    return -1 if value is None else value


def _benefit(scheme: Scheme, first_tier: int) -> tuple[list[int], list[list[int]]]:
    """[kind, b1, b2, cap, rounding, unit, tier0, tier1] of a scheme and the rows of its tiers."""
    benefit = scheme.benefit
    kind = BENEFIT_KINDS.index(benefit.kind)
    tiers: list[list[int]] = []
    rounding, unit = 0, 1
    match benefit:
        case Percent():
            numbers = (benefit.percent, 0, _bound(benefit.cap))
            rounding, unit = ROUNDINGS.index(benefit.rounding), benefit.unit
        case Fixed():
            numbers = (benefit.off, 0, -1)
        case Steps():
            numbers = (benefit.every, benefit.off, _bound(benefit.cap))
        case Tiers():
            numbers = (0, 0, -1)
            rounding, unit = ROUNDINGS.index(benefit.rounding), benefit.unit
            tiers = [[t.start, _bound(t.off), _bound(t.percent), _bound(t.cap)] for t in benefit.tiers]
        case Price():
            numbers = (benefit.pay, 0, _bound(benefit.cap))
        case Claimed():
            numbers = (_bound(benefit.min), _bound(benefit.max), -1)
    return [kind, *numbers, rounding, unit, first_tier, first_tier + len(tiers)], tiers


def _rest(scheme: Scheme, cap0: int, cap1: int, number: int) -> list[int]:
    """The remaining numbers of a row of terms."""
    gross, restore = scheme.eligibility.gross, scheme.refund.restore
    return [
        cap0,
        cap1,
        int(scheme.payee == "member"),
        scheme.min_grant,
        gross.min or 0,
        _bound(gross.max),
        POLICIES.index(scheme.refund.policy),
        int(restore.amount),
        USE_RULES.index(restore.use),
        int(scheme.eligibility.requires_entitlement),
        number,
    ]


def as_numbers(terms: Sequence[Terms]) -> Numbers:
    """Terms as arrays; limits of one identity (State keeps them by it) share a number over all versions."""
    limits: dict[tuple[str, str, str, str, str], Cap] = {}
    shapes: dict[Shape, int] = {}
    names = {name: at for at, name in enumerate(SPECIAL_NAMES)}
    schemes: dict[str, int] = {}
    rows: list[list[int]] = []
    tiers: list[list[int]] = []
    caps: list[list[int]] = []
    for one in terms:
        head, steps = _benefit(one.scheme, len(tiers))
        tiers += steps
        start = len(caps)
        for cap in one.caps:
            identity = (cap.scope, cap.name, cap.measure, cap.per_text, cap.window)
            limits.setdefault(identity, cap)
            number = list(limits).index(identity)
            shape = shapes.setdefault((cap.per, cap.window), len(shapes))
            name = names.setdefault(cap.name, len(names))
            caps.append([number, shape, int(cap.measure == "count"), cap.value, int(cap.deny), name])
        scheme = schemes.setdefault(one.scheme.scheme, len(schemes))
        rows.append(head + _rest(one.scheme, start, len(caps), scheme))
    return Numbers(
        terms=tuple(terms),
        term_rows=np.array(rows, np.int64).reshape(-1, TERMS_WIDTH),
        tiers=np.array(tiers, np.int64).reshape(-1, 4),
        caps=np.array(caps, np.int64).reshape(-1, 6),
        limits=tuple(limits.values()),
        shapes=tuple(shapes),
        names=tuple(names),
        schemes=schemes,
        most_caps=max((len(one.caps) for one in terms), default=0),
    )


def _set(mask: Mask, at: int, holds: NDArray[np.bool_] | bool) -> None:
    """Sets bit `at` in the rows where `holds`."""
    bit = np.uint64(1) << np.uint64(at & 63)
    mask[:, at >> 6] |= np.where(holds, bit, np.uint64(0))


def _blank(rows: int, terms: Sequence[Terms]) -> Mask:
    return np.zeros((rows, max(1, (len(terms) + 63) // 64)), np.uint64)


def merchant_mask(plan: Plan) -> Mask:
    """Per row of the plan's merchants, which terms take it."""
    mask = _blank(plan.merchants.height, plan.terms)
    for at, terms in enumerate(plan.terms):
        holds = plan.merchants.select(h=merchant_holds(terms.scheme.eligibility.merchants))["h"]
        _set(mask, at, holds.to_numpy() if len(holds) == len(mask) else bool(holds[0]))
    return mask


def member_mask(plan: Plan) -> Mask:
    """Per row of the plan's members, which terms take it."""
    mask = _blank(plan.members.height, plan.terms)
    tags = pl.format("|{}|", pl.col("tags").fill_null(""))
    for at, terms in enumerate(plan.terms):
        who = terms.scheme.eligibility.members
        holds: pl.Expr = pl.lit(value=True)
        if who.district is not None:
            holds &= pl.col("district").fill_null("").is_in(list(who.district))
        if who.org is not None:
            holds &= pl.col("org").fill_null("").is_in(list(who.org))
        if who.tag is not None:
            any_of = [tags.str.contains(f"|{tag}|", literal=True) for tag in who.tag if "|" not in tag]
            holds &= pl.any_horizontal(*any_of) if any_of else pl.lit(value=False)
        found = plan.members.select(h=holds)["h"]
        _set(mask, at, found.to_numpy() if len(found) == len(mask) else bool(found[0]))
    return mask


def day_mask(plan: Plan, first: date, days: int) -> Mask:
    """Per day from `first` on, which terms are in force, on that weekday, on that kind of day."""
    mask = _blank(days, plan.terms)
    all_days = [first + timedelta(days=n) for n in range(days)]
    calendar = dict(plan.calendar.select("date", "kind").iter_rows())
    ordinal = np.arange(days) + (first - EPOCH).days
    weekday = (ordinal + 3) % 7  # 1970-01-01 was a Thursday
    work = np.array([calendar.get(d, "workday" if d.weekday() < 5 else "restday") == "workday" for d in all_days], bool)
    for at, terms in enumerate(plan.terms):
        wanted, force = terms.scheme.eligibility, terms.scheme.effective
        holds = ordinal >= (force.first - EPOCH).days
        if force.last is not None:
            holds &= ordinal <= (force.last - EPOCH).days
        if wanted.weekdays is not None:
            holds &= np.isin(weekday, [WEEKDAYS.index(name) for name in wanted.weekdays])
        if wanted.days != "any":
            holds &= work == (wanted.days == "workday")
        _set(mask, at, holds)
    return mask


def minute_mask(plan: Plan) -> Mask:
    """Per minute of the local day, which terms are open."""
    mask = _blank(24 * 60, plan.terms)
    minute = np.arange(24 * 60)
    for at, terms in enumerate(plan.terms):
        hours = terms.scheme.eligibility.hours
        holds = np.full(len(minute), hours is None)
        for h in hours or ():
            since, until = minute >= h.start, minute < h.end
            holds |= (since & until) if h.start < h.end else (since | until)
        _set(mask, at, holds)
    return mask


def instrument_mask(plan: Plan) -> Mask:
    """Per instrument (none, then INSTRUMENTS), which terms take it."""
    mask = _blank(len(INSTRUMENTS) + 1, plan.terms)
    for at, terms in enumerate(plan.terms):
        wanted = terms.scheme.eligibility.instruments
        rows = [wanted is None] + [wanted is None or name in wanted for name in INSTRUMENTS]
        _set(mask, at, np.array(rows, bool))
    return mask
