"""Exact arithmetic of rules.md: benefit of a gross (section 4.3), kept after refunds (section 5), shares (section 6).

Plain Python ints. The kernel has its own int64 twin of each (`rules.kernel`); property tests hold them equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rules.documents import Benefit, Claimed, Fixed, Percent, Price, Rounding, Scheme, Steps, Tiers
from settlement.model.money import PPM, half_up


def rounded_part(gross_fen: int, ppm: int, rounding: Rounding, unit_fen: int) -> int:
    """The part gross · ppm / 1,000,000 rounded to a whole multiple of `unit_fen`."""
    numerator, denominator = gross_fen * ppm, PPM * unit_fen
    if rounding == "half_up":
        units = half_up(numerator, denominator)
    elif rounding == "down":
        units = numerator // denominator
    else:
        units = -(-numerator // denominator)
    return units * unit_fen


def _capped(fen: int, cap_fen: int | None) -> int:
    return fen if cap_fen is None else min(fen, cap_fen)


def _by_tiers(benefit: Tiers, gross_fen: int) -> int:
    for tier in reversed(benefit.tiers):
        if tier.start <= gross_fen:
            if tier.percent is None:
                return tier.off or 0
            return _capped(rounded_part(gross_fen, tier.percent, benefit.rounding, benefit.unit), tier.cap)
    return 0


def claim_outside(benefit: Benefit, claimed_fen: int | None) -> bool:
    """Whether a known claim lies outside the bounds of a `claimed` benefit (CLAIM_OUT_OF_RANGE)."""
    if not isinstance(benefit, Claimed) or claimed_fen is None:
        return False
    below = benefit.min is not None and claimed_fen < benefit.min
    return below or (benefit.max is not None and claimed_fen > benefit.max)


def benefit_fen(scheme: Scheme, gross_fen: int, claimed_fen: int | None) -> int:
    """`entitled` of a gross under a scheme; a claim outside the bounds gives 0."""
    benefit = scheme.benefit
    match benefit:
        case Percent():
            fen = _capped(rounded_part(gross_fen, benefit.percent, benefit.rounding, benefit.unit), benefit.cap)
        case Fixed():
            fen = benefit.off
        case Steps():
            fen = _capped(gross_fen // benefit.every * benefit.off, benefit.cap)
        case Tiers():
            fen = _by_tiers(benefit, gross_fen)
        case Price():
            fen = _capped(max(0, gross_fen - benefit.pay), benefit.cap)
        case Claimed():
            fen = 0 if claimed_fen is None or claim_outside(benefit, claimed_fen) else claimed_fen
    fen = min(fen, gross_fen)
    if scheme.payee != "member" and claimed_fen is not None:
        fen = min(fen, claimed_fen)
    return fen


def in_range(scheme: Scheme, gross_fen: int) -> bool:
    """Whether a gross lies within the scheme's `gross` eligibility (both bounds inclusive)."""
    bounds = scheme.eligibility.gross
    if bounds.min is not None and gross_fen < bounds.min:
        return False
    return bounds.max is None or gross_fen <= bounds.max


def clawed_fen(scheme: Scheme, granted: int, before: int, gross: int, refunded: int) -> int:
    """What an award of `granted` loses at `refunded` of `gross`; `before` is the granted of the sale's lines before."""
    policy = scheme.refund.policy
    if policy == "recompute" and isinstance(scheme.benefit, Claimed):
        policy = "proportional"
    match policy:
        case "proportional":
            return half_up(granted * refunded, gross)
        case "subsidy_first":
            return min(granted, max(0, refunded - before))
        case "recompute":
            left = gross - refunded
            again = benefit_fen(scheme, left, None) if in_range(scheme, left) else 0
            return granted - min(granted, again)
        case "full_only":
            return granted if refunded == gross else 0
        case "none":
            return 0


def kept_fen(lines: Sequence[tuple[Scheme, int]], gross: int, refunded: int, *, cancelled: bool) -> list[int]:
    """Kept of each (scheme, granted) line of a sale, in order: a function of R alone.

    Example: 100.00 with 20.00 proportional, R 33.33 -> 13.33 kept; R 66.66 -> 6.67; R 100.00 -> 0. Rejected: taking a
    part of each refund, which depends on how the refund is split.
    """
    if cancelled:
        return [0] * len(lines)
    kept: list[int] = []
    before, room = 0, gross - refunded
    for scheme, granted in lines:
        left = min(granted - clawed_fen(scheme, granted, before, gross, refunded), room)
        kept.append(left)
        before += granted
        room -= left
    return kept


class GivenBack(NamedTuple):
    """What a line's limits and entitlement get back: fen, and uses (0 or 1)."""

    fen: int
    uses: int


def given_back(scheme: Scheme, granted: int, kept: int, *, voided: bool, reversed_: bool, whole: bool) -> GivenBack:
    """rules.md section 5 "Limits": a function of the sale's state; `whole` is R = A."""
    restore = scheme.refund.restore
    restored = granted - kept if restore.amount else 0
    fen = granted if voided or reversed_ else restored
    use = reversed_ or (voided and restore.use in {"void", "full"}) or (whole and restore.use == "full")
    return GivenBack(fen, int(use))


def share_fen(kept: int, shares: Sequence[int]) -> list[int]:
    """`kept` split by `shares` in order: each after the first floor(kept·s/S), the first has the rest (尾差).

    Example: 10.00 by 1:2 -> 3.34, 6.66.
    """
    total = sum(shares)
    rest = [kept * share // total for share in shares[1:]]
    return [kept - sum(rest), *rest]
