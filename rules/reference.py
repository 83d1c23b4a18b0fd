"""The rules of rules.md sections 3 to 5, written to be read. The kernel does it over arrays; tests hold them equal.

Problem: grants under shared limits depend on everything granted before, so transactions are rated one at a time, in one
order. Example: two sales of a member under "1 a week": the earlier gets the subsidy, whichever stood first in the file;
voiding it gives the place back to whoever comes after the void, not to the second sale, which keeps its answer.
Rejected: deciding limits per key in bulk, because pools and entitlements tie keys together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from rules.amounts import benefit_fen, claim_outside
from rules.directory import Directory, Entitlement, looks_at, read_directory
from rules.memory import Charge, Line, Memory, Operation, Sale, UsageKey, changes, recall
from rules.order import Transaction, in_rating_order, with_local_time
from rules.output import awards_rows
from rules.plan import Plan
from rules.rated import RATED_TRANSACTION, Rated
from rules.shares import award_shares
from rules.state import State
from rules.terms import Cap, Terms
from settlement.model.frames import AWARD, RATE_INPUT, conform
from settlement.model.money import format_yuan
from settlement.model.outcomes import Outcome

_FURTHEST = (Outcome.LIMIT_EXHAUSTED, Outcome.NO_ENTITLEMENT, Outcome.CLAIM_OUT_OF_RANGE, Outcome.NO_BENEFIT)


class Cut(NamedTuple):
    """One thing that lowered a figure. `cap` is the limit, None for an entitlement, the ceiling and `min_grant`."""

    name: str
    before: int
    after: int
    left: int  # fen or uses that it had left
    cap: Cap | None = None


@dataclass(slots=True)
class Figure:
    """What one candidate would give a sale, and why."""

    terms: Terms
    entitled: int
    fen: int
    outcome: Outcome
    entitlement: Entitlement | None = None
    cuts: list[Cut] = field(default_factory=list)
    without: dict[str, int] = field(default_factory=dict)  # for explain: the figure had this limit not been there

    @property
    def cut(self) -> Cut:
        """What last lowered the figure; `min_grant` only where nothing else did."""
        others = [cut for cut in self.cuts if cut.cap or cut.name != "min_grant"]
        return (others or self.cuts)[-1]

    @property
    def limit(self) -> str:
        """The name of what last lowered the figure, where it says so on the award."""
        return self.cut.name if self.outcome in {Outcome.LIMIT_EXHAUSTED, Outcome.GRANTED_PARTIAL} else ""


@dataclass(slots=True)
class Row:
    """One row of awards. `before`/`after` are what is kept of the award, whose difference the shares book."""

    transaction_id: str
    line: int
    sale: Sale | None
    outcome: Outcome
    terms: Terms | None = None
    entitled: int | None = None
    before: int = 0
    after: int = 0
    limit: str | None = None


@dataclass(slots=True)
class Looked:
    """What rating a transaction looked at and moved, for explain.

    Of a sale: schemes that were not candidates with the reason, then candidates. Of every transaction: its rows, what
    it charged to limits (or gave back), and of its sale the gross and R after it.
    """

    passed_over: list[tuple[Terms, str]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    gross: int = 0
    refunded: int = 0
    claimed: int | None = None


class Rater:
    """Rates transactions one at a time against a Memory."""

    def __init__(self, plan: Plan, directory: Directory, memory: Memory) -> None:
        self.plan = plan
        self.directory = directory
        self.memory = memory
        self.rows: list[Row] = []
        self.moves: list[tuple[str, str | None, int | None, int | None, int]] = []
        self.looked: dict[str, Looked] | None = None

    def rate(self, tx: Transaction) -> None:
        """One transaction whose original, if it has one, has been rated."""
        first = len(self.rows)
        gross = self._sale(tx) if tx.kind == "SALE" else self._operation(tx)
        row = self.rows[first]
        refunded = row.sale.refunded if row.sale else None
        self.moves.append((tx.id, row.sale.id if row.sale else None, gross, refunded, int(row.outcome)))
        if self.looked is not None:
            self._note_moves(tx, self.rows[first:])

    def _note_moves(self, tx: Transaction, rows: list[Row]) -> None:
        assert self.looked is not None, "explain asked"
        looked = self.looked.setdefault(tx.id, Looked())
        looked.rows, looked.claimed = rows, tx.claimed
        looked.charges, self.memory.charges = self.memory.charges or [], []
        sale = rows[0].sale
        if sale is not None:
            looked.gross, looked.refunded = sale.gross, sale.refunded

    # -- sales (section 4)

    def _sale(self, tx: Transaction) -> int:
        assert tx.gross is not None, "a sale without gross"
        assert tx.gross > 0, "a sale of nothing"
        merchant = self.directory.merchants.get(tx.merchant or "")
        member = self.directory.members.get(tx.member or "")
        sale = Sale(
            tx.id, tx.local_date, tx.member or "", tx.merchant or "",
            merchant.district if merchant else "", member.org if member else "",
            merchant.hq_district if merchant else "", tx.gross, tx.paid,
        )  # fmt: skip
        self.memory.sales[tx.id] = sale
        self.memory.touched_sales.add(tx.id)
        wrong = self._unfit(tx)
        if wrong is not None:
            self.rows.append(Row(tx.id, 1, sale, wrong))
            return tx.gross
        granted, shown = self._combine(tx, sale, self._candidates(tx))
        for figure in granted:
            self._commit(sale, figure)
        if not granted:
            self._refuse(sale, shown)
        return tx.gross

    def _unfit(self, tx: Transaction) -> Outcome | None:
        """The first transaction check that fails."""
        member = self.directory.members.get(tx.member or "")
        merchant = self.directory.merchants.get(tx.merchant or "")
        if member is None:
            return Outcome.MEMBER_UNKNOWN
        if not member.active or not member.first <= tx.local_date <= member.last:
            return Outcome.MEMBER_INACTIVE
        if merchant is None:
            return Outcome.MERCHANT_UNKNOWN
        if not merchant.first <= tx.local_date <= merchant.last:
            return Outcome.MERCHANT_INACTIVE
        return None

    def _candidates(self, tx: Transaction) -> list[Terms]:
        """Schemes in force on the sale's local date whose eligibility holds, in the plan's order."""
        member = self.directory.members[tx.member or ""]
        merchant = self.directory.merchants[tx.merchant or ""]
        workday = self.directory.is_workday(tx.local_date)
        looked = Looked()
        found: list[Terms] = []
        for terms in self.plan.terms:
            in_force = terms.scheme.effective
            if tx.local_date < in_force.first or (in_force.last is not None and tx.local_date > in_force.last):
                looked.passed_over.append((terms, "effective"))
                continue
            reason = looks_at(
                terms.scheme, merchant, member, tx.instrument or "", tx.local_date, tx.minute, workday, tx.gross or 0
            )
            if reason:
                looked.passed_over.append((terms, reason))
            else:
                found.append(terms)
        if self.looked is not None:
            self.looked[tx.id] = looked
        return found

    def _figure(self, tx: Transaction, sale: Sale, terms: Terms, ceiling: int | None) -> Figure:
        """Steps 3 to 5 for one candidate; for explain also what it would be without each thing that lowered it."""
        figure = self._lowered(tx, sale, terms, ceiling, "")
        if self.looked is not None:
            names = {cut.name for cut in figure.cuts}
            if figure.outcome == Outcome.NO_ENTITLEMENT:
                names.add("entitlement")
            for name in sorted(names):
                figure.without[name] = self._lowered(tx, sale, terms, ceiling, name).fen
        return figure

    def _lowered(self, tx: Transaction, sale: Sale, terms: Terms, ceiling: int | None, skip: str) -> Figure:
        """One candidate's figure, leaving out the limit `skip`."""
        scheme = terms.scheme
        entitled = benefit_fen(scheme, sale.gross, tx.claimed)
        if entitled == 0:
            outside = claim_outside(scheme.benefit, tx.claimed)
            return Figure(terms, 0, 0, Outcome.CLAIM_OUT_OF_RANGE if outside else Outcome.NO_BENEFIT)
        figure = Figure(terms, entitled, entitled, Outcome.GRANTED)
        if ceiling is not None and skip != "ceiling":
            self._lower(figure, "ceiling", ceiling)
        if scheme.eligibility.requires_entitlement and skip != "entitlement":
            right = self._entitlement(sale, terms)
            if right is None:
                figure.fen, figure.outcome = 0, Outcome.NO_ENTITLEMENT
                return figure
            figure.entitlement = right
            if right.amount is not None:
                self._lower(figure, "entitlement", right.amount - self._uses(right)[1])
        self._limit(figure, sale, skip)
        if figure.fen < scheme.min_grant and skip != "min_grant":
            self._lower(figure, "min_grant", 0)
        if figure.fen == 0:
            figure.outcome = Outcome.LIMIT_EXHAUSTED
        elif figure.fen < entitled:
            figure.outcome = Outcome.GRANTED_PARTIAL
        return figure

    @staticmethod
    def _lower(figure: Figure, name: str, left: int, cap: Cap | None = None) -> None:
        """To what is left, or to 0 where a limit gives all or nothing."""
        to = 0 if cap and cap.deny else max(0, left)  # an overdrawn limit has nothing left
        if left < figure.fen and figure.fen > 0:  # a figure that is 0 already is not lowered
            figure.cuts.append(Cut(name, figure.fen, to, left, cap))
            figure.fen = to

    def _limit(self, figure: Figure, sale: Sale, skip: str) -> None:
        """Step 5: the scheme's limits, then its pools, each in the order written."""
        for cap in figure.terms.caps:
            if cap.name == skip:
                continue
            left = cap.value - self.memory.used(sale.usage_key(cap))
            if cap.measure == "amount" or left < 1:
                self._lower(figure, cap.name, left, cap)

    def _uses(self, right: Entitlement) -> tuple[int, int]:
        uses, fen = self.memory.uses.get(right.number, (0, 0))
        return uses, fen

    def _entitlement(self, sale: Sale, terms: Terms) -> Entitlement | None:
        """Step 4: of those valid with a use left and at least `min_grant` left, the one that ends first."""
        for right in self.directory.entitlements.get((sale.member, terms.scheme.scheme), []):
            uses, fen = self._uses(right)
            if not right.first <= sale.local_date <= right.last:
                continue
            if right.uses is not None and uses >= right.uses:
                continue
            if right.amount is not None and right.amount - fen < terms.scheme.min_grant:
                continue
            return right
        return None

    def _combine(self, tx: Transaction, sale: Sale, candidates: list[Terms]) -> tuple[list[Figure], list[Figure]]:
        """Step 6: (figures to grant, every figure looked at)."""
        mode = self.plan.programme.combine
        if mode == "stack":
            return self._stack(tx, sale, candidates)
        shown: list[Figure] = []
        for terms in candidates:
            shown.append(self._figure(tx, sale, terms, None))
            if mode == "first" and shown[-1].fen > 0 and self.looked is None:
                break
        self._note(tx, shown)
        given = [figure for figure in shown if figure.fen > 0]
        if mode == "best":
            given.sort(key=lambda figure: -figure.fen)  # stable: ties stay with the earlier
        return given[:1], shown

    def _stack(self, tx: Transaction, sale: Sale, candidates: list[Terms]) -> tuple[list[Figure], list[Figure]]:
        """Each in order on the full gross, under the ceiling. Pools are charged between figures, and taken back here:
        `_commit` charges for good.
        """
        shown: list[Figure] = []
        left, claim_left = sale.gross, tx.claimed
        trial: dict[UsageKey, int] = {}
        for terms in candidates:
            ceiling = left
            if terms.scheme.payee != "member" and claim_left is not None:
                ceiling = min(ceiling, claim_left)
            figure = self._figure(tx, sale, terms, ceiling)
            shown.append(figure)
            left -= figure.fen
            if terms.scheme.payee != "member" and claim_left is not None:
                claim_left -= figure.fen
            if figure.fen:
                for cap in terms.caps:
                    key = sale.usage_key(cap)
                    trial.setdefault(key, self.memory.used(key))
                    self.memory.usage[key] = self.memory.used(key) + (figure.fen if cap.measure == "amount" else 1)
        for key, used in trial.items():
            self.memory.usage[key] = used
        self._note(tx, shown)
        return [figure for figure in shown if figure.fen > 0], shown

    def _note(self, tx: Transaction, shown: list[Figure]) -> None:
        if self.looked is not None:
            self.looked[tx.id].figures = shown

    def _commit(self, sale: Sale, figure: Figure) -> None:
        """Step 7."""
        number = len(sale.lines) + 1
        right = figure.entitlement.number if figure.entitlement else None
        line = Line(number, figure.terms, right, figure.entitled, figure.fen, figure.fen, 0, 0)
        sale.lines.append(line)
        self.memory.charge(sale, line, figure.fen, 1)
        limit = figure.limit or None
        self.rows.append(
            Row(sale.id, number, sale, figure.outcome, figure.terms, figure.entitled, 0, figure.fen, limit)
        )

    def _refuse(self, sale: Sale, shown: list[Figure]) -> None:
        """The one row of a sale that got nothing: of the candidate that got furthest."""
        if not shown:
            self.rows.append(Row(sale.id, 1, sale, Outcome.NO_SCHEME))
            return
        best = min(shown, key=lambda figure: _FURTHEST.index(figure.outcome))
        self.rows.append(Row(sale.id, 1, sale, best.outcome, best.terms, best.entitled, 0, 0, best.limit or None))

    # -- refunds, voids and reversals (section 5)

    def _operation(self, tx: Transaction) -> int | None:
        assert tx.original_id is not None
        target = self.memory.operations.get(tx.original_id)
        sale = target.sale if target else self.memory.sales[tx.original_id]
        operation = Operation(tx.id, tx.kind, tx.original_id, sale)
        self.memory.operations[tx.id] = operation
        self.memory.touched_operations.add(tx.id)
        if target is None:
            assert sale is not None
            return self._on_sale(tx, operation, sale)
        undoes = tx.kind == "REVERSAL" and target.kind in {"REFUND", "VOID"} and target.took_effect
        if not undoes or target.undone or sale is None:
            self.rows.append(Row(tx.id, 1, sale, Outcome.NOT_REVERSIBLE))
            return tx.gross if tx.kind == "REFUND" else None
        return self._undo(tx, operation, target, sale)

    def _on_sale(self, tx: Transaction, operation: Operation, sale: Sale) -> int | None:
        wrong: Outcome | None = None
        part: int | None = None
        if tx.kind == "REFUND":
            by_gross, by_paid = (tx.gross, 0) if tx.gross is not None else (0, tx.paid)
            assert by_paid is not None, "a refund with neither gross nor paid part"
            operation.gross, operation.paid = by_gross, by_paid
            if by_paid > 0 and sale.paid is not None and sale.refunded_paid + by_paid > sale.paid:
                wrong = Outcome.OVER_REFUND
            else:
                after = sale.partial(sale.refunded_gross + by_gross, sale.refunded_paid + by_paid)
                part = after - sale.partial(sale.refunded_gross, sale.refunded_paid)
                wrong = Outcome.OVER_REFUND if after > sale.gross else None
        if sale.cancelled:
            wrong = Outcome.ALREADY_CANCELLED
        if wrong is not None:
            operation.gross = operation.paid = 0
            self.rows.append(Row(tx.id, 1, sale, wrong))
            return part
        operation.took_effect = True
        if tx.kind == "REFUND":
            sale.refunded_gross += operation.gross
            sale.refunded_paid += operation.paid
        elif tx.kind == "VOID":
            sale.voided = True
        else:
            sale.reversed = True
        self._book(tx, sale, Outcome.CLAWED_BACK)
        return part

    def _undo(self, tx: Transaction, operation: Operation, target: Operation, sale: Sale) -> int | None:
        """REVERSAL of a REFUND or VOID that took effect."""
        operation.took_effect = True
        target.undone = True
        self.memory.touched_operations.add(target.id)
        if target.kind == "VOID":
            sale.voided = False
        else:
            sale.refunded_gross -= target.gross
            sale.refunded_paid -= target.paid
        self._book(tx, sale, Outcome.REINSTATED)
        return None

    def _book(self, tx: Transaction, sale: Sale, outcome: Outcome) -> None:
        moved = self.memory.settle(sale)
        if not moved:
            self.rows.append(Row(tx.id, 1, sale, Outcome.NOTHING_GRANTED))
        for at, (line, before, after) in enumerate(moved):
            self.rows.append(Row(tx.id, at + 1, sale, outcome, line.terms, None, before, after))


def rate(plan: Plan, transactions: pl.DataFrame, state: State, looked: dict[str, Looked] | None = None) -> Rated:
    """One batch by the readable algorithm; `looked`, when given, is filled for explain."""
    every = pl.concat([conform(state.waiting, RATE_INPUT), conform(transactions, RATE_INPUT)])
    memory = recall(state, every, plan.terms)
    rater = Rater(plan, read_directory(plan, every["member_no"]), memory)
    rater.looked = looked
    memory.charges = None if looked is None else []
    waited = set(state.waiting["transaction_id"])
    records = [Transaction(*row) for row in with_local_time(every, plan.programme.timezone).iter_rows()]
    order = in_rating_order(records, waited, memory)
    released: list[str] = []
    for tx in iter(order.__next__, None):
        rater.rate(tx)
        if tx.id in waited:
            released.append(tx.id)
    for orphan in order:
        assert orphan is not None
        if orphan.id not in waited:
            memory.waiting.append(orphan[:10])
            rater.rows.append(Row(orphan.id, 1, None, Outcome.ORPHAN))
            gross = orphan.gross if orphan.kind == "REFUND" else None
            rater.moves.append((orphan.id, None, gross, None, int(Outcome.ORPHAN)))
    return Rated(Written(rater, tuple(released)), state)


@dataclass(frozen=True, slots=True)
class Written:
    """The maker of Rated over the reference's rows."""

    rater: Rater
    waited: tuple[str, ...]

    def awards(self) -> pl.DataFrame:
        """AWARD."""
        return pl.DataFrame([_award(row) for row in self.rater.rows], schema=AWARD, orient="row")

    def shares(self) -> pl.DataFrame:
        """AWARD_SHARE."""
        return award_shares(
            (row.transaction_id, row.line, row.terms, row.sale.hq_district if row.sale else "", row.before, row.after)
            for row in self.rater.rows
            if row.terms is not None
        )

    def csv(self) -> Iterator[bytes]:
        """awards.csv without its header."""
        yield awards_rows(self.awards(), self._sponsors())

    def _sponsors(self) -> pl.Series:
        """The shares of each row as one text, like `city=3.34|gusu=6.66`; null where there is no scheme."""
        texts: dict[tuple[str, int], list[str]] = {}
        for transaction_id, line, _, sponsor, fen in self.shares().iter_rows():
            texts.setdefault((transaction_id, line), []).append(f"{sponsor}={format_yuan(fen)}")
        joined = ["|".join(texts[row.transaction_id, row.line]) if row.terms else None for row in self.rater.rows]
        return pl.Series("sponsors", joined, dtype=pl.String)

    def transactions(self) -> pl.DataFrame:
        """RATED_TRANSACTION."""
        return pl.DataFrame(self.rater.moves, schema=RATED_TRANSACTION, orient="row")

    def changed(self) -> State:
        """The touched rows of State."""
        return changes(self.rater.memory)

    def released(self) -> pl.Series:
        """What waited before and was rated."""
        return pl.Series("transaction_id", sorted(self.waited), dtype=pl.String)


def _award(row: Row) -> tuple[object, ...]:
    scheme = row.terms.scheme if row.terms else None
    return (
        row.transaction_id,
        row.line,
        row.sale.id if row.sale else None,
        scheme.scheme if scheme else None,
        scheme.version if scheme else None,
        row.entitled,
        row.after - row.before,
        int(row.outcome),
        row.limit,
        scheme.payee if scheme else None,
    )
