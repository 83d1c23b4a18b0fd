"""Warnings for rules that are allowed but surely not meant: schemes that never apply, idle limits, falling tiers.

A warning is never a guess: what it says holds for every stream of sales over the directory as it is (a property test
tries). What the directory does not tell (whether merchants.csv was given at all) gives no warning.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import polars as pl

from rules.amounts import benefit_fen
from rules.documents import WEEKDAYS, Claimed, Fixed, Percent, Price, Scheme, Steps, Tier, Tiers
from rules.layout import SPECIAL_NAMES
from rules.parse import Document
from rules.plan import FAR, Plan, merchant_holds
from rules.terms import Cap, Terms
from rules.words import yuan
from settlement.model.rejects import Reject

LOOKED_DAYS = 3660


def advise(plan: Plan, schemes: list[Document[Scheme]]) -> list[Reject]:
    """Warnings on a compiled plan, by file and line; `schemes` are the documents that it was made from."""
    by_name = {(d.value.scheme, d.value.version): d for d in schemes}
    warnings: list[Reject] = []
    if not plan.terms:
        message = "no scheme stands in the folder schemes: every sale gets nothing; write one"
        warnings.append(Reject("programme.yaml", 0, -1, "", "NO_SCHEMES", message, 1, 1))
    for terms in plan.terms:
        document = by_name[terms.scheme.scheme, terms.scheme.version]
        earlier = [
            other for other in plan.terms
            if other.scheme.scheme == terms.scheme.scheme
            and other.scheme.effective.first < terms.scheme.effective.first
        ]  # fmt: skip
        warnings += _never_applies(plan, terms.scheme, document)
        warnings += _never_gives(terms, document)
        warnings += _limits_never_bind(terms, earlier, document)
        warnings += _tiers(terms.scheme, document)
        warnings += _same_names(plan, terms.scheme, document)
    warnings += _gaps([by_name[t.scheme.scheme, t.scheme.version] for t in plan.terms])
    warnings += _unused_entitlements(plan)
    return sorted(warnings, key=lambda w: (w.file, w.line, w.column, w.code))


# --- schemes that never apply --------------------------------------------------------------------------------------


def _never_applies(plan: Plan, scheme: Scheme, document: Document[Scheme]) -> list[Reject]:
    """No merchant, member, entitlement or day meets the conditions."""
    wanted = scheme.eligibility
    found: list[Reject] = []

    def reject(path: tuple[str, ...], code: str, message: str) -> None:
        found.append(document.reject(("eligibility", *path), code, message))

    merchants = _while_in_force(plan.merchants, scheme)
    if plan.merchants.height and not merchants.filter(merchant_holds(wanted.merchants)).height:
        reject(("merchants",), "NO_MERCHANT", "no merchant in force meets this; correct it or import the merchants")
    if plan.members.height and not _members(plan, scheme).height:
        reject(("members",), "NO_MEMBER", "no active member meets this; correct it or import the members")
    rights = _while_in_force(plan.entitlements, scheme).filter(pl.col("scheme") == scheme.scheme)
    if plan.members.height and wanted.requires_entitlement and not rights.height:
        message = "needs an entitlement, and entitlements.csv has none for it; import them or remove the condition"
        reject(("requires_entitlement",), "NO_ENTITLEMENTS", message)
    for name in ("instruments", "weekdays", "hours"):
        if getattr(wanted, name) == ():
            reject((name,), "EMPTY_LIST", "an empty list is met by nobody; write a value or remove the key")
    if not _some_day(plan, scheme):
        path = ("weekdays",) if wanted.weekdays is not None else ("days",)
        reject(path, "NO_DAY", "no day on which the scheme is in force is one of these; correct days or dates")
    return found


def _while_in_force(frame: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    """Rows whose own dates touch those of the scheme."""
    first, last = scheme.effective.first, scheme.effective.last or FAR
    begins = pl.col("valid_from").fill_null(date.min) <= last
    return frame.filter(begins & (pl.col("valid_to").fill_null(FAR) >= first))


def _members(plan: Plan, scheme: Scheme) -> pl.DataFrame:
    """Active members that meet the member conditions."""
    who = scheme.eligibility.members
    frame = _while_in_force(plan.members, scheme).filter(pl.col("status") == "active")
    if who.district is not None:
        frame = frame.filter(pl.col("district").is_in(list(who.district)))
    if who.org is not None:
        frame = frame.filter(pl.col("org").is_in(list(who.org)))
    if who.tag is not None:
        tags = frame["tags"].fill_null("").str.split("|").list.eval(pl.element().is_in(list(who.tag))).list.any()
        frame = frame.filter(tags.fill_null(value=False))
    return frame


def _some_day(plan: Plan, scheme: Scheme) -> bool:
    """Whether some day in force is of the weekdays and kind that the scheme wants; an open end has every day."""
    wanted, first, last = scheme.eligibility, scheme.effective.first, scheme.effective.last
    if last is None or (last - first).days > LOOKED_DAYS or (wanted.weekdays is None and wanted.days == "any"):
        return True
    calendar = dict(plan.calendar.select("date", "kind").iter_rows())
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        kind = calendar.get(day, "workday" if day.weekday() < 5 else "restday")
        weekday = wanted.weekdays is None or WEEKDAYS[day.weekday()] in wanted.weekdays
        if weekday and wanted.days in {"any", kind}:
            return True
    return False


def _unused_entitlements(plan: Plan) -> list[Reject]:
    """Entitlements of a scheme or member that does not exist: they are never used."""
    found: list[Reject] = []
    schemes, members = {terms.scheme.scheme for terms in plan.terms}, plan.members["member_no"].implode()
    looked = [("scheme", ~pl.col("scheme").is_in(list(schemes)))]
    if plan.members.height:
        looked.append(("member_no", ~pl.col("member_no").is_in(members)))
    for column, strange in looked:
        rows = plan.entitlements.filter(strange)
        if rows.height:
            number, named = rows.select("entitlement_no", column).row(0)
            word = "scheme" if column == "scheme" else "member"
            message = f"{rows.height} of a {word} that does not exist, like {number} ({named}); correct or remove them"
            found.append(Reject("entitlements.csv", 0, -1, column, "UNUSED_ENTITLEMENTS", message, 1))
    return found


# --- schemes that never give ---------------------------------------------------------------------------------------


def _never_gives(terms: Terms, document: Document[Scheme]) -> list[Reject]:
    """The most it can give is below the least grant, or a limit lets nothing through."""
    scheme, least = terms.scheme, max(terms.scheme.min_grant, 1)
    most = most_fen(scheme)
    found: list[Reject] = []
    if most is not None and most < least:
        message = f"never gives more than {yuan(most)}, below min_grant {yuan(least)}; raise the benefit or lower it"
        found.append(document.reject(("benefit",), "NEVER_GIVES", message))
    for at, cap in enumerate(terms.caps):
        if cap.value < (least if cap.measure == "amount" else 1):
            own = sum(1 for c in terms.caps if c.scope)
            path = ("limits", at) if cap.scope else ("pools", at - own)
            message = f"{cap.name} lets nothing through: its value is below the least grant; raise it or remove it"
            found.append(document.reject(path, "NEVER_GIVES", message))
    return found


def most_fen(scheme: Scheme) -> int | None:
    """The most one sale can earn under a scheme; None where nothing bounds it."""
    benefit, low, top = scheme.benefit, scheme.eligibility.gross.min or 1, scheme.eligibility.gross.max
    if isinstance(benefit, Tiers):
        return _most_of_tiers(scheme, benefit, low, top)
    if isinstance(benefit, Claimed):
        bounds = [bound for bound in (benefit.max, top) if bound is not None]
        return min(bounds, default=None)
    if top is not None:  # the others never fall where the price rises
        return benefit_fen(scheme, top, None)
    match benefit:
        case Fixed():
            return benefit.off
        case Percent():
            return benefit.cap if benefit.percent else 0
        case Steps():
            return benefit.cap if benefit.off else 0
        case Price():
            return benefit.cap


def _most_of_tiers(scheme: Scheme, benefit: Tiers, low: int, top: int | None) -> int | None:
    """The largest benefit at the upper end of each tier that the gross range reaches."""
    most = 0
    ends = [*(tier.start - 1 for tier in benefit.tiers[1:]), None]
    for tier, end in zip(benefit.tiers, ends, strict=True):
        last = end if top is None else top if end is None else min(end, top)
        if last is not None and last < max(tier.start, low):
            continue
        if last is not None:
            most = max(most, benefit_fen(scheme, last, None))
        elif tier.percent is None:
            most = max(most, tier.off or 0)
        elif tier.percent and tier.cap is None:
            return None
        else:
            most = max(most, tier.cap if tier.percent and tier.cap is not None else 0)
    return most


# --- limits that never bind ----------------------------------------------------------------------------------------


def _limits_never_bind(terms: Terms, earlier: list[Terms], document: Document[Scheme]) -> list[Reject]:
    """Own limits that change no grant, because another limit always stops or lowers the sale first."""
    found: list[Reject] = []
    kept = list(terms.caps)
    for cap in [cap for cap in terms.caps if cap.scope]:
        # two equal limits make each other idle: the one that is told is out of the race
        other = next((o for o in kept if o is not cap and _idle(cap, o, kept, terms, earlier)), None)
        if other is not None:
            kept.remove(cap)
            message = f"never binds: {other.name} is always met first; remove it or lower it"
            found.append(document.reject(("limits", terms.caps.index(cap)), "NEVER_BINDS", message))
    return found


_INSIDE = {
    "day": {"day", "week", "month", "quarter", "year", "total"},
    "week": {"week", "total"},
    "month": {"month", "quarter", "year", "total"},
    "quarter": {"quarter", "year", "total"},
    "year": {"year", "total"},
    "total": {"total"},
}


def _idle(cap: Cap, by: Cap, kept: list[Cap], terms: Terms, earlier: list[Terms]) -> bool:
    """Whether `cap` changes no grant because of `by`, whose key takes in every sale that the key of `cap` does.

    Not where an earlier version lacks `by`: then `cap` may have used more than `by` knows of.
    """
    if not set(by.per) <= set(cap.per) or by.window not in _INSIDE[cap.window]:
        return False
    if any(not any(_same_count(other, by) for other in version.caps) for version in earlier):
        return False
    if cap.measure == by.measure:
        return _tighter(cap, by, kept)
    if cap.measure == "count" or earlier:
        return False
    # an amount that the count of `by` cannot reach; not where a use can come back and its amount cannot
    most, restore = most_fen(terms.scheme), terms.scheme.refund.restore
    return most is not None and by.value * most <= cap.value and (restore.amount or restore.use != "full")


def _same_count(one: Cap, other: Cap) -> bool:
    return (one.scope, one.name, one.measure, one.per, one.window) == (
        other.scope, other.name, other.measure, other.per, other.window,
    )  # fmt: skip


def _tighter(cap: Cap, by: Cap, kept: list[Cap]) -> bool:
    """Whether `by` has never more left than `cap`, and the figure after both is the same without `cap`."""
    at, there = kept.index(cap), kept.index(by)
    if by.value > cap.value or (by.value == cap.value and at < there):
        return False
    if there < at or cap.measure == "count":
        return True
    # Until `by` the figure is larger without `cap`: one that denies in between would deny it; and where `cap` denies,
    # one that lowers it in between would leave less than `by` denies.
    between = [other for other in kept[at + 1 : there] if other.measure == "amount"]
    return (by.deny and not between) if cap.deny else not any(other.deny for other in between)


# --- tiers and versions --------------------------------------------------------------------------------------------


def _tiers(scheme: Scheme, document: Document[Scheme]) -> list[Reject]:
    """A higher tier that gives less than the one below it, and tiers that the gross range never reaches."""
    benefit, reach = scheme.benefit, scheme.eligibility.gross
    if not isinstance(benefit, Tiers):
        return []
    found: list[Reject] = []

    def reject(tier: Tier, code: str, message: str) -> None:
        found.append(document.reject(("benefit", "tiers", _written(tier, document)), code, message))

    top = FAR_FEN if reach.max is None else reach.max
    for low, high in pairwise(benefit.tiers):
        if (reach.min or 0) >= high.start:
            reject(low, "TIER_UNREACHED", f"no sale reaches this tier: gross.min is {yuan(reach.min or 0)}; remove one")
        before, after = benefit_fen(scheme, high.start - 1, None), benefit_fen(scheme, high.start, None)
        if after < before and (reach.min or 0) < high.start <= top:
            was, now = yuan(before), yuan(after)
            message = f"from {yuan(high.start)} the benefit falls from {was} to {now}; correct the tier"
            reject(high, "TIER_LOWERS", message)
    for tier in benefit.tiers:
        if tier.start > top:
            reject(tier, "TIER_UNREACHED", f"no sale reaches this tier: gross.max is {yuan(top)}; remove one of them")
    return found


FAR_FEN = 2**62


def _written(tier: Tier, document: Document[Scheme]) -> int:
    """Where a tier stands in the document, whose order the model does not keep."""
    starts = document.tier_starts
    return starts.index(tier.start) if tier.start in starts else 0


def _gaps(documents: list[Document[Scheme]]) -> list[Reject]:
    """Days between two versions of a scheme on which none is in force."""
    by_code: dict[str, list[Document[Scheme]]] = {}
    for document in documents:
        by_code.setdefault(document.value.scheme, []).append(document)
    found: list[Reject] = []
    for versions in by_code.values():
        for before, after in pairwise(sorted(versions, key=lambda d: d.value.effective.first)):
            last, first = before.value.effective.last or FAR, after.value.effective.first
            if (first - last).days > 1:
                message = f"no version is in force between {last} and {first}; close the gap if it is not meant"
                found.append(after.reject(("effective", "from"), "GAP", message))
    return found


# --- names that cannot be told apart -------------------------------------------------------------------------------


def _same_names(plan: Plan, scheme: Scheme, document: Document[Scheme]) -> list[Reject]:
    """A limit that the `limit` column of awards would not tell from something else; a sponsor in two shares."""
    found: list[Reject] = []
    pools = {pool.name for pool in plan.programme.pools}
    for at, limit in enumerate(scheme.limits):
        if limit.name in pools or limit.name in SPECIAL_NAMES:
            other = "a pool" if limit.name in pools else "a word of the awards"
            message = f"the name is that of {other} too, so no report tells them apart; write another name"
            found.append(document.reject(("limits", at, "name"), "SAME_NAME", message))
    seen: set[str] = set()
    for at, share in enumerate(scheme.funding):
        if share.sponsor in seen:
            message = f"{share.sponsor} has a share above already, and each is rounded alone; write one share"
            found.append(document.reject(("funding", at, "sponsor"), "SPONSOR_TWICE", message))
        seen.add(share.sponsor)
    return found
