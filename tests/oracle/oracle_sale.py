"""What a sale is at any moment, worked out anew from its history each time: rules.md section 5.

Nothing here is a counter. A sale remembers what was granted and which refunds and cancellation are in effect;
kept amounts and what limits are charged follow from that.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.oracle.oracle_benefit import benefit, half_up
from tests.oracle.oracle_directory import Limit, Scheme

Charge = tuple[tuple[object, ...], tuple[str, ...]]  # a limit's identity, and the key of one of its counts


@dataclass(frozen=True)
class Line:
    """One award: what a scheme granted to a sale, and every limit key it charges."""

    scheme: Scheme
    granted: int
    entitlement: str | None
    charges: tuple[Charge, ...]
    sponsors: tuple[tuple[str, int], ...]  # (name, share), district already its code


@dataclass
class Sale:
    """A rated sale. `refunds` holds the refunds in effect, `cancelled` is "", "VOID" or "REVERSAL"."""

    id: str
    gross: int
    claimed: int | None
    lines: list[Line] = field(default_factory=list)
    refunds: dict[str, int] = field(default_factory=dict)
    cancelled: str = ""

    @property
    def refunded(self) -> int:
        """R: the whole gross while the sale is cancelled, else what the refunds in effect sum to."""
        return self.gross if self.cancelled else sum(self.refunds.values())

    def kept(self) -> list[int]:
        """What each line keeps now."""
        out: list[int] = []
        for index, line in enumerate(self.lines):
            before = sum(earlier.granted for earlier in self.lines[:index])
            lost = line.granted if self.cancelled else _clawed_back(self, line, before)
            out.append(min(line.granted - lost, self.gross - self.refunded - sum(out)))
        return out

    def charged_amount(self, index: int) -> int:
        """What line `index` takes now of every amount limit and of its entitlement's amount."""
        line = self.lines[index]
        if self.cancelled:
            return 0
        return self.kept()[index] if line.scheme.restore_amount else line.granted

    def charged_use(self, index: int) -> int:
        """What line `index` takes now of every count limit and of its entitlement's uses: 1 or 0."""
        use = self.lines[index].scheme.restore_use
        given_back = (
            self.cancelled == "REVERSAL"
            or (self.cancelled == "VOID" and use in {"void", "full"})
            or (self.refunded == self.gross and use == "full")
        )
        return 0 if given_back else 1


def _clawed_back(sale: Sale, line: Line, before: int) -> int:
    """The table of section 5: what the award loses at R; `before` is the G of all lines before."""
    granted, refunded, left = line.granted, sale.refunded, sale.gross - sale.refunded
    policy = line.scheme.policy
    if policy == "recompute" and line.scheme.benefit["kind"] == "claimed":
        policy = "proportional"
    if policy == "proportional":
        return half_up(granted * refunded, sale.gross)
    if policy == "subsidy_first":
        return min(granted, max(0, refunded - before))
    if policy == "recompute":
        again = benefit(line.scheme, left, sale.claimed) or 0 if gross_fits(line.scheme, left) else 0
        return granted - min(granted, again)
    if policy == "full_only":
        return granted if refunded == sale.gross else 0
    return 0


def gross_fits(scheme: Scheme, gross: int) -> bool:
    """Whether an amount lies in the `gross` range of the scheme; both ends inclusive."""
    low, high = scheme.eligibility["gross_min"], scheme.eligibility["gross_max"]
    return (low is None or low <= gross) and (high is None or gross <= high)


def shares(kept: int, sponsors: tuple[tuple[str, int], ...]) -> list[int]:
    """Section 6: every sponsor after the first has floor(K*si/S), the first has the rest."""
    total = sum(share for _, share in sponsors)
    others = [kept * share // total for _, share in sponsors[1:]]
    return [kept - sum(others), *others]


def used(sales: list[Sale], limit: Limit, key: tuple[str, ...]) -> int:
    """What all sales together take now of a limit under a key."""
    total = 0
    for sale in sales:
        for index, line in enumerate(sale.lines):
            times = line.charges.count((limit.identity, key))
            if times:
                charge = sale.charged_use(index) if limit.measure == "count" else sale.charged_amount(index)
                total += times * charge
    return total


def entitlement_used(sales: list[Sale], number: str) -> tuple[int, int]:
    """(uses, fen) that all sales together take now of an entitlement."""
    lines = [(sale, i) for sale in sales for i, line in enumerate(sale.lines) if line.entitlement == number]
    return sum(sale.charged_use(i) for sale, i in lines), sum(sale.charged_amount(i) for sale, i in lines)
