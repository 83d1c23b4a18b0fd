"""Read a programme directory for the oracle: rules.md section 2, nothing of the product imported.

YAML is read with every scalar as its text, so an amount is never a float. An error is a ValueError.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tests.oracle.oracle_roster import Roster, read_roster
from tests.oracle.oracle_text import day, fen, one_of, whole

WINDOWS = ("day", "week", "month", "quarter", "year", "total")
PER = ("member", "merchant", "district", "org")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ROUNDINGS = ("half_up", "down", "up")
POLICIES = ("proportional", "subsidy_first", "recompute", "full_only", "none")
DISTRICT = "district"

BENEFIT_KEYS = {
    "percent": ({"percent"}, {"cap", "rounding", "unit"}),
    "fixed": ({"off"}, set()),
    "steps": ({"every", "off"}, {"cap"}),
    "tiers": ({"tiers"}, {"rounding", "unit"}),
    "price": ({"price"}, {"cap"}),
    "claimed": (set(), {"min", "max"}),
}


@dataclass(frozen=True)
class Limit:
    """A limit of a scheme (`owner` is the scheme code) or a pool (`owner` is None); `value` in fen or a count."""

    owner: str | None
    name: str
    per: tuple[str, ...]
    measure: str
    value: int
    window: str
    on_exceed: str

    @property
    def identity(self) -> tuple[object, ...]:
        """What usage is kept by, next to the key: scheme, name, measure, `per`, window."""
        return (self.owner, self.name, self.measure, self.per, self.window)


@dataclass(frozen=True)
class Scheme:
    """One version of a scheme."""

    code: str
    version: int
    priority: int
    first_day: date
    last_day: date
    payee: str
    eligibility: dict[str, Any]
    benefit: dict[str, Any]
    min_grant: int
    limits: tuple[Limit, ...]
    funding: tuple[tuple[str, int], ...]
    policy: str
    restore_amount: bool
    restore_use: str

    @property
    def needs_entitlement(self) -> bool:
        return bool(self.eligibility["requires_entitlement"])


@dataclass(frozen=True)
class Programme:
    """A programme directory without errors."""

    zone: ZoneInfo
    combine: str
    sponsors: dict[str, str]  # name -> kind
    schemes: tuple[Scheme, ...]
    roster: Roster

    def in_force(self, on: date) -> list[Scheme]:
        """The version of each scheme that applies on a local date, in the order (priority, scheme code)."""
        found = [s for s in self.schemes if s.first_day <= on <= s.last_day]
        return sorted(found, key=lambda s: (s.priority, s.code.encode()))


def read_programme(folder: Path) -> Programme:
    """The directory as values. Raises ValueError for everything section 2 calls an error."""
    doc = _document(folder / "programme.yaml")
    _keys(doc, "programme.yaml", {"programme", "timezone", "sponsors"}, {"title", "currency", "combine", "pools"})
    try:
        zone = ZoneInfo(doc["timezone"])
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"programme.yaml: {doc['timezone']}: no such time zone") from error
    pools = {}
    for pool in doc.get("pools", []):
        limit = _limit(pool, None, "programme.yaml")
        if limit.name in pools:
            raise ValueError(f"programme.yaml: pool {limit.name} stands twice")
        pools[limit.name] = limit
    sponsors = {name: body["kind"] for name, body in doc["sponsors"].items()}
    if DISTRICT in sponsors:
        raise ValueError("programme.yaml: district is a reserved sponsor name")
    schemes = [_scheme(path, doc["programme"], pools, sponsors) for path in sorted((folder / "schemes").glob("*.yaml"))]
    _check_versions(schemes)
    combine = one_of(doc.get("combine", "best"), ("best", "first", "stack"), "combine")
    programme = Programme(zone, combine, sponsors, tuple(schemes), read_roster(folder))
    _check_district_sponsor(programme)
    return programme


def _document(path: Path) -> dict[str, Any]:
    try:
        doc = YAML(typ="base", pure=True).load(path.read_text(encoding="utf-8"))
    except (YAMLError, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: cannot be read") from error
    if not isinstance(doc, dict):
        raise ValueError(f"{path.name}: not a mapping")  # noqa: TRY004 - every error of a directory is a ValueError
    return doc


def _keys(doc: dict[str, Any], where: str, needed: set[str], allowed: set[str]) -> None:
    if needed - set(doc):
        raise ValueError(f"{where}: missing {sorted(needed - set(doc))}")
    if set(doc) - needed - allowed:
        raise ValueError(f"{where}: unknown key {sorted(set(doc) - needed - allowed)}")


def _limit(doc: dict[str, Any], owner: str | None, where: str) -> Limit:
    _keys(doc, f"{where}: limit", {"name", "measure", "value", "window"}, {"per", "on_exceed"})
    measure = one_of(doc["measure"], ("count", "amount"), where)
    return Limit(
        owner=owner,
        name=doc["name"],
        per=tuple(one_of(p, PER, where) for p in doc.get("per", [])),
        measure=measure,
        value=whole(doc["value"]) if measure == "count" else fen(doc["value"]),
        window=one_of(doc["window"], WINDOWS, where),
        on_exceed=one_of(doc.get("on_exceed", "partial"), ("partial", "deny"), where),
    )


def _scheme(path: Path, programme: str, pools: dict[str, Limit], sponsors: dict[str, str]) -> Scheme:
    doc, where = _document(path), path.name
    needed = {"scheme", "version", "programme", "effective", "payee", "benefit", "funding"}
    _keys(doc, where, needed, {"title", "priority", "eligibility", "min_grant", "limits", "pools", "refund"})
    if doc["programme"] != programme:
        raise ValueError(f"{where}: programme {doc['programme']} is not {programme}")
    _keys(doc["effective"], where, {"from"}, {"to"})
    limits = [_limit(limit, doc["scheme"], where) for limit in doc.get("limits", [])]
    if len({limit.name for limit in limits}) < len(limits):
        raise ValueError(f"{where}: two limits with one name")
    for name in doc.get("pools", []):
        if name not in pools:
            raise ValueError(f"{where}: no pool {name}")
        limits.append(pools[name])
    policy, amount, use = _refund(doc.get("refund", {}), where)
    return Scheme(
        code=doc["scheme"],
        version=whole(doc["version"]),
        priority=int(doc.get("priority", "100")),
        first_day=day(doc["effective"]["from"]),
        last_day=day(doc["effective"]["to"]) if "to" in doc["effective"] else date.max,
        payee=one_of(doc["payee"], ("merchant", "channel", "member"), where),
        eligibility=_eligibility(doc.get("eligibility", {}), where),
        benefit=_benefit(doc["benefit"], where),
        min_grant=fen(doc.get("min_grant", "0.01")),
        limits=tuple(limits),
        funding=_funding(doc["funding"], sponsors, where),
        policy=policy,
        restore_amount=amount,
        restore_use=use,
    )


def _refund(doc: dict[str, Any], where: str) -> tuple[str, bool, str]:
    _keys(doc, where, set(), {"policy", "restore"})
    restore = doc.get("restore", {})
    _keys(restore, where, set(), {"amount", "use"})
    return (
        one_of(doc.get("policy", "proportional"), POLICIES, where),
        one_of(restore.get("amount", "true"), ("true", "false"), where) == "true",
        one_of(restore.get("use", "void"), ("void", "full", "never"), where),
    )


def _funding(lines: list[dict[str, str]], sponsors: dict[str, str], where: str) -> tuple[tuple[str, int], ...]:
    out = []
    for line in lines:
        _keys(line, where, {"sponsor", "share"}, set())
        if line["sponsor"] != DISTRICT and line["sponsor"] not in sponsors:
            raise ValueError(f"{where}: no sponsor {line['sponsor']}")
        if whole(line["share"]) == 0:
            raise ValueError(f"{where}: a share is a positive whole number")
        out.append((line["sponsor"], whole(line["share"])))
    if not out:
        raise ValueError(f"{where}: empty funding")
    return tuple(out)


def _percent(text: str) -> Fraction:
    if not re.fullmatch(r"[0-9]+(\.[0-9]{1,4})?", text):
        raise ValueError(f"{text}: a percentage has at most four decimals")
    return Fraction(text)


def _rounding(doc: dict[str, Any], where: str) -> tuple[str, int]:
    return one_of(doc.get("rounding", "half_up"), ROUNDINGS, where), fen(doc.get("unit", "0.01"))


def _cap(doc: dict[str, Any]) -> int | None:
    return fen(doc["cap"]) if "cap" in doc else None


def _benefit(doc: dict[str, Any], where: str) -> dict[str, Any]:
    kind = one_of(doc.get("kind", ""), tuple(BENEFIT_KEYS), where)
    needed, allowed = BENEFIT_KEYS[kind]
    _keys(doc, f"{where}: benefit", needed | {"kind"}, allowed)
    out: dict[str, Any] = {"kind": kind, "cap": _cap(doc)}
    for name in ("off", "every", "price", "min", "max"):
        out[name] = fen(doc[name]) if name in doc else None
    out["rounding"], out["unit"] = _rounding(doc, where)
    if kind == "percent":
        out["percent"] = _percent(doc["percent"])
    if kind == "tiers":
        out["tiers"] = [_tier(tier, where) for tier in doc["tiers"]]
    if out["every"] == 0 or out["unit"] == 0:
        raise ValueError(f"{where}: every and unit are above 0")
    return out


def _tier(doc: dict[str, Any], where: str) -> dict[str, Any]:
    if "percent" in doc:
        _keys(doc, f"{where}: tier", {"from", "percent"}, {"cap"})
        return {"from": fen(doc["from"]), "percent": _percent(doc["percent"]), "cap": _cap(doc)}
    _keys(doc, f"{where}: tier", {"from", "off"}, set())
    return {"from": fen(doc["from"]), "off": fen(doc["off"])}


def _eligibility(doc: dict[str, Any], where: str) -> dict[str, Any]:
    names = {"merchants", "members", "instruments", "gross", "weekdays", "hours", "days", "requires_entitlement"}
    _keys(doc, f"{where}: eligibility", set(), names)
    merchants, members, gross = doc.get("merchants", {}), doc.get("members", {}), doc.get("gross", {})
    _keys(merchants, f"{where}: merchants", set(), {"category", "district", "id"})
    _keys(members, f"{where}: members", set(), {"district", "org", "tag"})
    _keys(gross, f"{where}: gross", set(), {"min", "max"})
    return {
        "merchants": merchants,
        "members": members,
        "instruments": doc.get("instruments"),
        "gross_min": fen(gross["min"]) if "min" in gross else None,
        "gross_max": fen(gross["max"]) if "max" in gross else None,
        "weekdays": [WEEKDAYS.index(one_of(d, WEEKDAYS, where)) for d in doc["weekdays"]]
        if "weekdays" in doc
        else None,
        "hours": [_span(text, where) for text in doc["hours"]] if "hours" in doc else None,
        "days": one_of(doc.get("days", "any"), ("any", "workday", "restday"), where),
        "requires_entitlement": one_of(doc.get("requires_entitlement", "false"), ("true", "false"), where) == "true",
    }


def _span(text: str, where: str) -> tuple[timedelta, timedelta]:
    """`10:00-22:00` as the time since local midnight of its start and end."""
    match = re.fullmatch(r"(([01][0-9]|2[0-3]):[0-5][0-9])-((([01][0-9]|2[0-3]):[0-5][0-9])|24:00)", text)
    if not match:
        raise ValueError(f"{where}: {text}: hours are HH:MM-HH:MM")
    start, end = (timedelta(hours=int(part[:2]), minutes=int(part[3:])) for part in match.group(1, 3))
    if start == end:
        raise ValueError(f"{where}: {text}: start and end differ")
    return start, end


def _check_versions(schemes: list[Scheme]) -> None:
    for one in schemes:
        for other in schemes:
            if one is other or one.code != other.code:
                continue
            if one.version == other.version:
                raise ValueError(f"{one.code}: version {one.version} stands twice")
            if one.first_day <= other.last_day and other.first_day <= one.last_day:
                raise ValueError(f"{one.code}: versions {one.version} and {other.version} overlap")


def _check_district_sponsor(programme: Programme) -> None:
    if any(name == DISTRICT for scheme in programme.schemes for name, _ in scheme.funding):
        for number, merchant in programme.roster.merchants.items():
            if not merchant["hq_district"]:
                raise ValueError(f"merchants.csv: {number}: hq_district is blank, and the district is a sponsor")
