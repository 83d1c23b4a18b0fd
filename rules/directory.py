"""The directory's frames as Python objects, for the reference and for explain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from rules.documents import Scheme
from rules.plan import Plan

_LAST = date.max
_FIRST = date.min


@dataclass(frozen=True, slots=True)
class Merchant:
    """A row of MERCHANTS; blanks are ""."""

    number: str
    category: str
    district: str
    hq_district: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Member:
    """A row of MEMBERS; blanks are ""."""

    number: str
    org: str
    district: str
    active: bool
    tags: frozenset[str]
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A row of ENTITLEMENTS; None is no limit."""

    number: str
    uses: int | None
    amount: int | None
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Directory:
    """Who and where. `entitlements` are by (member, scheme), the one that ends first standing first."""

    merchants: dict[str, Merchant]
    members: dict[str, Member]
    entitlements: dict[tuple[str, str], list[Entitlement]]
    calendar: dict[date, str]

    def is_workday(self, day: date) -> bool:
        """By the calendar; a date without a row: Monday to Friday."""
        kind = self.calendar.get(day)
        return day.weekday() < 5 if kind is None else kind == "workday"


def read_directory(plan: Plan, members: pl.Series) -> Directory:
    """The plan's directory, with only the members (and their entitlements) of a batch."""
    wanted = pl.col("member_no").is_in(members.drop_nulls().unique().implode())
    merchants = {
        row["merchant_no"]: Merchant(
            row["merchant_no"], row["category"] or "", row["district"] or "", row["hq_district"] or "", *_dates(row)
        )
        for row in plan.merchants.iter_rows(named=True)
    }
    people = {
        row["member_no"]: Member(
            row["member_no"], row["org"] or "", row["district"] or "", row["status"] == "active",
            frozenset((row["tags"] or "").split("|")), *_dates(row),
        )
        for row in plan.members.filter(wanted).iter_rows(named=True)
    }  # fmt: skip
    rights: dict[tuple[str, str], list[Entitlement]] = {}
    for row in plan.entitlements.filter(wanted).iter_rows(named=True):
        right = Entitlement(row["entitlement_no"], row["uses"], row["amount_fen"], *_dates(row))
        rights.setdefault((row["member_no"], row["scheme"]), []).append(right)
    for several in rights.values():
        several.sort(key=lambda right: (right.last, right.number))
    calendar = dict(plan.calendar.select("date", "kind").iter_rows())
    return Directory(merchants, people, rights, calendar)


def _dates(row: dict[str, Any]) -> tuple[date, date]:
    return row["valid_from"] or _FIRST, row["valid_to"] or _LAST


def looks_at(
    scheme: Scheme,
    merchant: Merchant,
    member: Member,
    instrument: str,
    day: date,
    minute: int,
    workday: bool,
    gross: int,
) -> str:
    """The first condition of a scheme in force that does not hold, or "" when all hold (rules.md section 4.2)."""
    wanted = scheme.eligibility
    shop, who = wanted.merchants, wanted.members
    if shop.category is not None and not any(_below(merchant.category, path) for path in shop.category):
        return "merchants.category"
    if shop.district is not None and merchant.district not in shop.district:
        return "merchants.district"
    if shop.id is not None and merchant.number not in shop.id:
        return "merchants.id"
    if who.district is not None and member.district not in who.district:
        return "members.district"
    if who.org is not None and member.org not in who.org:
        return "members.org"
    if who.tag is not None and not any(tag in member.tags for tag in who.tag):
        return "members.tag"
    if wanted.instruments is not None and instrument not in wanted.instruments:
        return "instruments"
    if (wanted.gross.min or 0) > gross or (wanted.gross.max is not None and gross > wanted.gross.max):
        return "gross"
    return _when(scheme, day, minute, workday)


def _below(category: str, path: str) -> bool:
    return category == path or category.startswith(path + ".")


def _when(scheme: Scheme, day: date, minute: int, workday: bool) -> str:
    wanted = scheme.eligibility
    if (
        wanted.weekdays is not None
        and ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day.weekday()] not in wanted.weekdays
    ):
        return "weekdays"
    if wanted.hours is not None and not any(hours.hold(minute) for hours in wanted.hours):
        return "hours"
    if wanted.days != "any" and (wanted.days == "workday") != workday:
        return "days"
    return ""
