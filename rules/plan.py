"""The plan: a programme with its scheme versions and directory, checked against each other (rules.md section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import polars as pl

from rules.documents import Limit, MerchantCondition, Programme, Scheme
from rules.parse import Document
from rules.terms import Terms, make_terms
from settlement.model.frames import CALENDAR, ENTITLEMENTS, MEMBERS, MERCHANTS, conform, empty, unique
from settlement.model.rejects import Reject

FAR = date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything rating needs but transactions and State.

    `terms` stand in the order candidates are looked at: (priority, scheme code, version). The frames are those of
    settlement.model.frames, one row per number.
    """

    programme: Programme
    terms: tuple[Terms, ...]
    merchants: pl.DataFrame
    members: pl.DataFrame
    entitlements: pl.DataFrame
    calendar: pl.DataFrame


def compile_plan(
    programme: Document[Programme],
    schemes: Sequence[Document[Scheme]],
    merchants: pl.DataFrame,
    members: pl.DataFrame,
    entitlements: pl.DataFrame | None = None,
    calendar: pl.DataFrame | None = None,
) -> Plan | list[Reject]:
    """The Plan, or everything that does not fit together: nothing is rated from a directory that has an error.

    Frames: MERCHANTS, MEMBERS, ENTITLEMENTS, CALENDAR of settlement.model.frames, numbers unique (assert). None for the
    optional ones means empty.
    """
    merchants, members = conform(merchants, MERCHANTS), conform(members, MEMBERS)
    entitlements = empty(ENTITLEMENTS) if entitlements is None else conform(entitlements, ENTITLEMENTS)
    calendar = empty(CALENDAR) if calendar is None else conform(calendar, CALENDAR)
    for frame, number in ((merchants, "merchant_no"), (members, "member_no"), (entitlements, "entitlement_no")):
        assert unique(frame[number]), f"{number} is null or stands twice"
    ordered = sorted(schemes, key=lambda d: (d.value.priority, d.value.scheme, d.value.version, d.file))
    rejects = reference_rejects(programme.value, ordered) + _version_rejects(ordered)
    rejects += _district_rejects(ordered, merchants)
    if rejects:
        return rejects
    pools = {pool.name: pool for pool in programme.value.pools}
    terms = tuple(_terms(document, pools) for document in ordered)
    return Plan(programme.value, terms, merchants, members, entitlements, calendar)


def _terms(document: Document[Scheme], pools: dict[str, Limit]) -> Terms:
    drawn = tuple(pools[name] for name in document.value.pools)
    return make_terms(document.value, drawn, document.file, document.place.line)


def reference_rejects(programme: Programme, schemes: Sequence[Document[Scheme]]) -> list[Reject]:
    """Programmes, pools and sponsors that a scheme names and nobody declares."""
    rejects: list[Reject] = []
    pools, sponsors = {pool.name for pool in programme.pools}, {*programme.sponsors, "district"}
    for document in schemes:
        scheme = document.value
        if scheme.programme != programme.programme:
            message = f"programme {scheme.programme} does not exist here; write {programme.programme}"
            rejects.append(document.reject(("programme",), "UNKNOWN_PROGRAMME", message))
        for at, name in enumerate(scheme.pools):
            if name not in pools:
                message = f"pool {name} does not exist; declare it in programme.yaml or correct the name"
                rejects.append(document.reject(("pools", at), "UNKNOWN_POOL", message))
        for at, share in enumerate(scheme.funding):
            if share.sponsor not in sponsors:
                message = f"sponsor {share.sponsor} does not exist; declare it in programme.yaml or correct the name"
                rejects.append(document.reject(("funding", at, "sponsor"), "UNKNOWN_SPONSOR", message))
    return rejects


def _version_rejects(schemes: Sequence[Document[Scheme]]) -> list[Reject]:
    """Versions of one scheme that stand twice, or whose effective dates overlap."""
    by_code: dict[str, list[Document[Scheme]]] = {}
    for document in schemes:
        by_code.setdefault(document.value.scheme, []).append(document)
    rejects: list[Reject] = []
    for code, versions in by_code.items():
        seen: dict[int, str] = {}
        for document in versions:
            number = document.value.version
            if number in seen:
                message = f"version {number} of {code} also stands in {seen[number]}; give it another version"
                rejects.append(document.reject(("version",), "VERSION_TWICE", message))
            seen.setdefault(number, document.file)
        versions.sort(key=lambda d: (d.value.effective.first, d.value.version))
        for before, after in pairwise(versions):
            if (before.value.effective.last or FAR) >= after.value.effective.first:
                other = f"version {before.value.version} in {before.file}"
                message = f"version {after.value.version} of {code} overlaps {other}; end one before the other begins"
                rejects.append(after.reject(("effective",), "VERSIONS_OVERLAP", message))
    return rejects


def merchant_holds(condition: MerchantCondition) -> pl.Expr:
    """Whether a row of MERCHANTS meets `condition`; a category meets its own path and everything below it."""
    holds = pl.lit(value=True)
    if condition.id is not None:
        holds &= pl.col("merchant_no").is_in(list(condition.id))
    if condition.district is not None:
        holds &= pl.col("district").is_in(list(condition.district))
    if condition.category is not None:
        path = pl.col("category")
        below = [(path == c) | path.str.starts_with(c + ".") for c in condition.category]
        holds &= pl.any_horizontal(*below) if below else pl.lit(value=False)
    return holds.fill_null(value=False)


def _district_rejects(schemes: Sequence[Document[Scheme]], merchants: pl.DataFrame) -> list[Reject]:
    """Merchants whose own head-office district would have to pay, and is blank."""
    needing = [d.value.eligibility.merchants for d in schemes if any(s.sponsor == "district" for s in d.value.funding)]
    if not needing:
        return []
    blank = pl.col("hq_district").fill_null("") == ""
    wanted = pl.any_horizontal(*[merchant_holds(condition) for condition in needing])
    rows = merchants.with_row_index("row").filter(blank & wanted)
    message = "hq_district is blank and a scheme here is paid by `district`; write the head-office district"
    return [
        Reject("merchants.csv", row + 1, -1, "hq_district", "BLANK_DISTRICT", f"merchant {number}: {message}")
        for row, number in zip(rows["row"], rows["merchant_no"], strict=True)
    ]
