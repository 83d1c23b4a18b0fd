"""State as Python objects for the reference: only the rows a batch can touch, and afterwards only what it touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from rules.amounts import given_back, kept_fen
from rules.documents import Measure
from rules.state import STATE_SCHEMAS, State, touching
from rules.terms import Cap, Terms, read_terms, window_start
from settlement.model.money import half_up

UsageKey = tuple[str, str, str, str, str, str, str, str, str, date]


@dataclass(slots=True)
class Line:
    """What one scheme granted on a sale."""

    number: int
    terms: Terms
    entitlement_no: str | None
    entitled: int
    granted: int
    kept: int
    charged: int
    uses: int


@dataclass(slots=True)
class Sale:
    """A sale that was rated, with all that its limits were charged under."""

    id: str
    local_date: date
    member: str
    merchant: str
    district: str
    org: str
    hq_district: str
    gross: int
    paid: int | None
    refunded_gross: int = 0
    refunded_paid: int = 0
    voided: bool = False
    reversed: bool = False
    lines: list[Line] = field(default_factory=list)

    @property
    def cancelled(self) -> bool:
        """Voided or reversed, and not undone."""
        return self.voided or self.reversed

    @property
    def refunded(self) -> int:
        """R of the page."""
        return self.gross if self.cancelled else self.partial(self.refunded_gross, self.refunded_paid)

    def partial(self, by_gross: int, by_paid: int) -> int:
        """R of refunds that gave their gross, and of refunds that gave only the paid part."""
        if by_paid == 0:
            return by_gross
        return by_gross + (half_up(self.gross * by_paid, self.paid) if self.paid else by_paid)

    def usage_key(self, cap: Cap) -> UsageKey:
        """The key this sale has under a limit."""
        per = cap.per
        return (
            cap.scope,
            cap.name,
            cap.measure,
            cap.per_text,
            cap.window,
            self.member if "member" in per else "",
            self.merchant if "merchant" in per else "",
            self.district if "district" in per else "",
            self.org if "org" in per else "",
            window_start(cap.window, self.local_date),
        )


@dataclass(slots=True)
class Operation:
    """A REFUND, VOID or REVERSAL that was rated."""

    id: str
    kind: str
    original_id: str
    sale: Sale | None
    took_effect: bool = False
    undone: bool = False
    gross: int = 0
    paid: int = 0


class Charge(NamedTuple):
    """One move by one award line, for explain: what a limit's key (or an entitlement) had used before and after."""

    line: int
    name: str
    cap: Cap | None  # None: the entitlement of this name
    measure: Measure
    before: int
    after: int


@dataclass(slots=True)
class Memory:
    """The State of a batch while it is rated. `touched_*` name what `changed` must hold."""

    sales: dict[str, Sale] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    usage: dict[UsageKey, int] = field(default_factory=dict)
    uses: dict[str, list[int]] = field(default_factory=dict)  # entitlement_no -> [uses, fen]
    waiting: list[tuple[Any, ...]] = field(default_factory=list)
    terms: dict[str, Terms] = field(default_factory=dict)
    touched_sales: set[str] = field(default_factory=set)
    touched_operations: set[str] = field(default_factory=set)
    touched_usage: set[UsageKey] = field(default_factory=set)
    touched_uses: set[str] = field(default_factory=set)
    usage_before: dict[UsageKey, int] = field(default_factory=dict)
    charges: list[Charge] | None = None  # every move is noted here where explain wants it

    def used(self, key: UsageKey) -> int:
        """Fen or count that a key has used."""
        return self.usage.get(key, 0)

    def charge(self, sale: Sale, line: Line, fen: int, uses: int) -> None:
        """Moves what `line` is charged by `fen` and `uses`, in every limit and the entitlement."""
        if fen == 0 and uses == 0:
            return
        line.charged += fen
        line.uses += uses
        for cap in line.terms.caps:
            key = sale.usage_key(cap)
            before = self.used(key)
            self.usage[key] = before + (fen if cap.measure == "amount" else uses)
            self.touched_usage.add(key)
            self._note(Charge(line.number, cap.name, cap, cap.measure, before, self.usage[key]))
        if line.entitlement_no is not None:
            use = self.uses.setdefault(line.entitlement_no, [0, 0])
            use[0] += uses
            use[1] += fen
            self.touched_uses.add(line.entitlement_no)
            self._note(Charge(line.number, line.entitlement_no, None, "count", use[0] - uses, use[0]))
            self._note(Charge(line.number, line.entitlement_no, None, "amount", use[1] - fen, use[1]))

    def _note(self, charge: Charge) -> None:
        if self.charges is not None and charge.before != charge.after:
            self.charges.append(charge)

    def settle(self, sale: Sale) -> list[tuple[Line, int, int]]:
        """Brings every line of a sale to what its R and flags say: (line, kept before, kept after)."""
        refunded = sale.refunded
        kept = kept_fen(
            [(line.terms.scheme, line.granted) for line in sale.lines], sale.gross, refunded, cancelled=sale.cancelled
        )
        moved: list[tuple[Line, int, int]] = []
        for line, now in zip(sale.lines, kept, strict=True):
            back = given_back(
                line.terms.scheme, line.granted, now,
                voided=sale.voided, reversed_=sale.reversed, whole=refunded == sale.gross,
            )  # fmt: skip
            self.charge(sale, line, line.granted - back.fen - line.charged, 1 - back.uses - line.uses)
            moved.append((line, line.kept, now))
            line.kept = now
        self.touched_sales.add(sale.id)
        return moved


def recall(state: State, transactions: pl.DataFrame, terms: tuple[Terms, ...]) -> Memory:
    """The part of State that rating `transactions` (the waiting ones included) can look at."""
    memory = Memory(terms={t.digest: t for t in terms})
    for digest, document in state.terms.select("terms", "document").iter_rows():
        if digest not in memory.terms:
            memory.terms[digest] = read_terms(document)
    opening = touching(state, transactions)
    sales, operations = opening.sales, opening.operations
    for row in sales.iter_rows():
        memory.sales[row[0]] = Sale(*row)
    for sale_id, number, digest, _, _, *rest in opening.lines.iter_rows():
        memory.sales[sale_id].lines.append(Line(number, memory.terms[digest], *rest))
    for name, kind, original, sale_id, took, undone, gross, paid in operations.iter_rows():
        memory.operations[name] = Operation(
            name, kind, original, memory.sales.get(sale_id or ""), took, undone, gross, paid
        )
    for *key, used in opening.usage.iter_rows():
        memory.usage[tuple(key)] = used
    memory.usage_before = dict(memory.usage)
    for number, uses, fen in opening.entitlements.iter_rows():
        memory.uses[number] = [uses, fen]
    return memory


def changes(memory: Memory) -> State:
    """The touched rows as State frames."""
    sales = [memory.sales[name] for name in sorted(memory.touched_sales)]
    operations = [memory.operations[name] for name in sorted(memory.touched_operations)]
    lines = [(sale.id, line) for sale in sales for line in sale.lines]
    met = {line.terms.digest: line.terms for _, line in lines}

    def moved(key: UsageKey) -> bool:
        return memory.usage[key] != memory.usage_before.get(key, 0)

    rows: dict[str, list[tuple[Any, ...]]] = {
        "usage": [(*key, memory.usage[key]) for key in sorted(memory.touched_usage) if moved(key)],
        "sales": [_sale_row(sale) for sale in sales],
        "lines": [_line_row(sale_id, line) for sale_id, line in lines],
        "terms": [(d, met[d].scheme.scheme, met[d].scheme.version, met[d].document) for d in sorted(met)],
        "operations": [
            (o.id, o.kind, o.original_id, o.sale.id if o.sale else None, o.took_effect, o.undone, o.gross, o.paid)
            for o in operations
        ],
        "entitlements": [(number, *memory.uses[number]) for number in sorted(memory.touched_uses)],
        "waiting": memory.waiting,
    }
    return State.from_frames(
        {name: pl.DataFrame(rows[name], schema=schema, orient="row") for name, schema in STATE_SCHEMAS.items()}
    )


def _sale_row(sale: Sale) -> tuple[Any, ...]:
    who = (sale.id, sale.local_date, sale.member, sale.merchant, sale.district, sale.org, sale.hq_district)
    return (*who, sale.gross, sale.paid, sale.refunded_gross, sale.refunded_paid, sale.voided, sale.reversed)


def _line_row(sale_id: str, line: Line) -> tuple[Any, ...]:
    scheme = line.terms.scheme
    what = (sale_id, line.number, line.terms.digest, scheme.scheme, scheme.version, line.entitlement_no)
    return (*what, line.entitled, line.granted, line.kept, line.charged, line.uses)
