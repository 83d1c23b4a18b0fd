"""Step 3 of a sale: what a scheme's benefit gives on a gross (rules.md section 4)."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import Any

from tests.oracle.oracle_directory import Scheme


def half_up(numerator: int, denominator: int) -> int:
    """The nearest whole number, a half going up."""
    return floor(Fraction(numerator, denominator) + Fraction(1, 2))


def to_unit(exact: Fraction, rounding: str, unit: int) -> int:
    """An exact number of fen to a multiple of `unit` fen."""
    units = exact / unit
    if rounding == "down":
        return floor(units) * unit
    if rounding == "up":
        return ceil(units) * unit
    return floor(units + Fraction(1, 2)) * unit


def _under(amount: int, cap: int | None) -> int:
    return amount if cap is None else min(amount, cap)


def _of_tiers(rule: dict[str, Any], gross: int) -> int:
    reached = [tier for tier in rule["tiers"] if tier["from"] <= gross]
    if not reached:
        return 0
    tier = max(reached, key=lambda t: t["from"])
    if "off" in tier:
        return int(tier["off"])
    return _under(to_unit(gross * tier["percent"] / 100, rule["rounding"], rule["unit"]), tier["cap"])


def _of_claim(rule: dict[str, Any], claimed: int | None) -> int | None:
    if claimed is None:
        return 0
    low, high = rule["min"], rule["max"]
    if (low is not None and claimed < low) or (high is not None and claimed > high):
        return None
    return claimed


def _of_kind(rule: dict[str, Any], gross: int, claimed: int | None) -> int | None:
    kind, cap = rule["kind"], rule["cap"]
    if kind == "percent":
        return _under(to_unit(gross * rule["percent"] / 100, rule["rounding"], rule["unit"]), cap)
    if kind == "fixed":
        return int(rule["off"])
    if kind == "steps":
        return _under(gross // rule["every"] * rule["off"], cap)
    if kind == "tiers":
        return _of_tiers(rule, gross)
    if kind == "price":
        return _under(max(0, gross - rule["price"]), cap)
    return _of_claim(rule, claimed)


def benefit(scheme: Scheme, gross: int, claimed: int | None) -> int | None:
    """`entitled` in fen on a gross in fen; None is CLAIM_OUT_OF_RANGE."""
    amount = _of_kind(scheme.benefit, gross, claimed)
    if amount is None:
        return None
    amount = min(amount, gross)
    if scheme.payee in {"merchant", "channel"} and claimed is not None:
        amount = min(amount, claimed)
    return amount
