"""Steps 1 to 5 of a sale for one scheme: checks, eligibility, entitlement, limits (rules.md section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tests.oracle.oracle_benefit import benefit
from tests.oracle.oracle_directory import Limit, Programme, Scheme
from tests.oracle.oracle_roster import Entitlement, Transaction, valid
from tests.oracle.oracle_sale import Sale, entitlement_used, gross_fits, used

# How far a candidate got; the row of a sale that earned nothing shows the one that got furthest (step 6).
FURTHEST = ("LIMIT_EXHAUSTED", "NO_ENTITLEMENT", "CLAIM_OUT_OF_RANGE", "NO_BENEFIT")


@dataclass(frozen=True)
class Verdict:
    """What one candidate would give: `figure` in fen, and why it is that."""

    scheme: Scheme
    entitled: int
    figure: int
    outcome: str
    limit: str = ""
    entitlement: str | None = None


def check(programme: Programme, sale: Transaction, on: date) -> str:
    """Step 1: the first failure, or ""."""
    member = programme.roster.members.get(sale.member)
    if member is None:
        return "MEMBER_UNKNOWN"
    if member["status"] != "active" or not valid(member, on):
        return "MEMBER_INACTIVE"
    merchant = programme.roster.merchants.get(sale.merchant)
    if merchant is None:
        return "MERCHANT_UNKNOWN"
    return "" if valid(merchant, on) else "MERCHANT_INACTIVE"


def eligible(programme: Programme, scheme: Scheme, sale: Transaction, local: datetime) -> bool:
    """Step 2: whether every key given holds for a sale whose member and merchant are known."""
    wanted = scheme.eligibility
    clock = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    workday = programme.roster.is_workday(local.date())
    return (
        _merchant_fits(wanted["merchants"], programme.roster.merchants[sale.merchant])
        and _member_fits(wanted["members"], programme.roster.members[sale.member])
        and (wanted["instruments"] is None or sale.instrument in wanted["instruments"])
        and gross_fits(scheme, sale.gross)
        and (wanted["weekdays"] is None or local.weekday() in wanted["weekdays"])
        and (wanted["hours"] is None or any(_in_span(clock, span) for span in wanted["hours"]))
        and (wanted["days"] == "any" or (wanted["days"] == "workday") == workday)
    )


def _merchant_fits(wanted: dict[str, list[str]], merchant: dict[str, str]) -> bool:
    path = merchant["category"]
    return (
        ("category" not in wanted or any(path == c or path.startswith(c + ".") for c in wanted["category"]))
        and ("district" not in wanted or merchant["district"] in wanted["district"])
        and ("id" not in wanted or merchant["merchant_no"] in wanted["id"])
    )


def _member_fits(wanted: dict[str, list[str]], member: dict[str, str]) -> bool:
    tags = member["tags"].split("|") if member["tags"] else []
    return (
        ("district" not in wanted or member["district"] in wanted["district"])
        and ("org" not in wanted or member["org"] in wanted["org"])
        and ("tag" not in wanted or any(tag in wanted["tag"] for tag in tags))
    )


def _in_span(clock: timedelta, span: tuple[timedelta, timedelta]) -> bool:
    start, end = span
    if start < end:
        return start <= clock < end
    return clock >= start or clock < end


def window_of(window: str, on: date) -> str:
    """The name of the window a local date lies in."""
    if window == "day":
        return on.isoformat()
    if window == "week":
        return f"week of {(on - timedelta(days=on.weekday())).isoformat()}"
    if window == "month":
        return f"{on.year}-{on.month}"
    if window == "quarter":
        return f"{on.year} Q{(on.month + 2) // 3}"
    return str(on.year) if window == "year" else "total"


def key_of(programme: Programme, limit: Limit, sale: Transaction, on: date) -> tuple[str, ...]:
    """The key a sale uses a limit under: the values of `per`, and the window."""
    values = {
        "member": sale.member,
        "merchant": sale.merchant,
        "district": programme.roster.merchants[sale.merchant]["district"],
        "org": programme.roster.members[sale.member]["org"],
    }
    return (*(values[per] for per in limit.per), window_of(limit.window, on))


def find_entitlement(
    programme: Programme, scheme: Scheme, member: str, on: date, sales: list[Sale]
) -> tuple[Entitlement, int | None] | None:
    """Step 4: the entitlement to use and the amount left on it (None: no amount limit)."""
    usable = []
    for right in programme.roster.entitlements:
        if right.member_no != member or right.scheme != scheme.code or not right.first_day <= on <= right.last_day:
            continue
        uses, amount = entitlement_used(sales, right.number)
        left = None if right.amount is None else right.amount - amount
        if (right.uses is None or uses < right.uses) and (left is None or left >= scheme.min_grant):
            usable.append((right, left))
    return min(usable, key=lambda pair: (pair[0].last_day, pair[0].number.encode()), default=None)


def judge(
    programme: Programme, scheme: Scheme, sale: Transaction, on: date, sales: list[Sale], ceiling: int | None
) -> Verdict:
    """Steps 3 to 5 for one candidate; `sales` holds every sale so far, this one included."""
    entitled = benefit(scheme, sale.gross, sale.claimed)
    if entitled is None:
        return Verdict(scheme, 0, 0, "CLAIM_OUT_OF_RANGE")
    if entitled == 0:
        return Verdict(scheme, 0, 0, "NO_BENEFIT")
    figure, lowered_by, number = entitled, "", None
    if ceiling is not None and ceiling < figure:
        figure, lowered_by = ceiling, "ceiling"
    if scheme.needs_entitlement:
        found = find_entitlement(programme, scheme, sale.member, on, sales)
        if found is None:
            return Verdict(scheme, entitled, 0, "NO_ENTITLEMENT")
        number = found[0].number
        if found[1] is not None and found[1] < figure:
            figure, lowered_by = found[1], "entitlement"
    for limit in scheme.limits:
        after = _after_limit(limit, figure, used(sales, limit, key_of(programme, limit, sale, on)))
        if after < figure:
            figure, lowered_by = after, limit.name
    if figure < scheme.min_grant:
        figure, lowered_by = 0, lowered_by or "min_grant"
    if figure == 0:
        return Verdict(scheme, entitled, 0, "LIMIT_EXHAUSTED", lowered_by)
    if figure < entitled:
        return Verdict(scheme, entitled, figure, "GRANTED_PARTIAL", lowered_by, number)
    return Verdict(scheme, entitled, figure, "GRANTED", "", number)


def _after_limit(limit: Limit, figure: int, taken: int) -> int:
    if limit.measure == "count":
        return 0 if taken + 1 > limit.value else figure
    if limit.value - taken < figure:
        return max(0, limit.value - taken) if limit.on_exceed == "partial" else 0
    return figure
