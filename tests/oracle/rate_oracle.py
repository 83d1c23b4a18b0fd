"""The oracle: a slow, plain reading of ../shared/design/rules.md that shares nothing with the product.

It answers one question, "what should `puhui rate` write?", and keeps no counter: the usage of a limit is summed anew
over all sales each time it is asked for. An Oracle stays alive between batches as `--state` does.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.oracle.oracle_directory import DISTRICT, Scheme, read_programme
from tests.oracle.oracle_grant import FURTHEST, Verdict, check, eligible, judge, key_of
from tests.oracle.oracle_roster import Transaction, read_transactions
from tests.oracle.oracle_sale import Line, Sale, shares
from tests.oracle.oracle_text import yuan

COLUMNS = ("transaction_id", "scheme", "version", "entitled", "granted", "outcome", "limit", "payee", "sponsors")
Award = dict[str, str]


@dataclass
class Rated:
    """A transaction that has been rated: the sale it is about, and whether it took effect and still does."""

    kind: str
    sale: Sale | None
    in_effect: bool = False


class Oracle:
    """Rates batch after batch of one programme."""

    def __init__(self, folder: Path) -> None:
        self.read(folder)
        self.sales: list[Sale] = []
        self.rated: dict[str, Rated] = {}
        self.waiting: list[Transaction] = []

    def read(self, folder: Path) -> None:
        """Take the programme as it is now; what was rated before keeps the rules it was rated by."""
        self.programme = read_programme(folder)

    def rate_file(self, path: Path) -> list[Award]:
        """The rows of awards.csv for one transactions file."""
        return self.rate(read_transactions(path))

    def rate(self, batch: list[Transaction]) -> list[Award]:
        """Section 3: one at a time in order, what waits for a transaction directly after it, orphans last."""
        known = set(self.rated) | {t.id for t in self.waiting}
        again = sorted(t.id for t in batch if t.id in known)
        if again:
            raise ValueError(f"{again[0]}: this transaction_id was in an earlier batch")
        rows: list[Award] = []
        for transaction in sorted(batch, key=lambda t: t.order):
            if transaction.kind == "SALE" or transaction.original in self.rated:
                rows += self._rate_with_followers(transaction)
            else:
                self.waiting.append(transaction)
        here = {t.id for t in batch}
        orphans = sorted((t for t in self.waiting if t.id in here), key=lambda t: t.order)
        return rows + [_row(t, "ORPHAN") for t in orphans]

    def _rate_with_followers(self, transaction: Transaction) -> list[Award]:
        rows = self._sale(transaction) if transaction.kind == "SALE" else self._change(transaction)
        followers = sorted((t for t in self.waiting if t.original == transaction.id), key=lambda t: t.order)
        for follower in followers:
            self.waiting.remove(follower)
            rows += self._rate_with_followers(follower)
        return rows

    # ---- a sale (section 4)

    def _sale(self, t: Transaction) -> list[Award]:
        sale = Sale(t.id, t.gross, t.claimed)
        self.sales.append(sale)
        self.rated[t.id] = Rated("SALE", sale, in_effect=True)
        local = t.at.astimezone(self.programme.zone)
        on = local.date()
        failure = check(self.programme, t, on)
        if failure:
            return [_row(t, failure)]
        candidates = [s for s in self.programme.in_force(on) if eligible(self.programme, s, t, local)]
        if not candidates:
            return [_row(t, "NO_SCHEME")]
        stack = self.programme.combine == "stack"
        verdicts = []
        for scheme in candidates:
            ceiling = _ceiling(sale, t, scheme) if stack else None
            verdict = judge(self.programme, scheme, t, on, self.sales, ceiling)
            verdicts.append(verdict)
            if stack and verdict.figure:
                self._commit(sale, t, verdict)
        if stack:
            chosen = [v for v in verdicts if v.figure]
        else:
            chosen = self._choose(verdicts)
            for verdict in chosen:
                self._commit(sale, t, verdict)
        if not chosen:
            chosen = [min(verdicts, key=lambda v: FURTHEST.index(v.outcome))]
        return [self._verdict_row(t, verdict) for verdict in chosen]

    def _choose(self, verdicts: list[Verdict]) -> list[Verdict]:
        above = [v for v in verdicts if v.figure > 0]
        if not above:
            return []
        return [above[0] if self.programme.combine == "first" else max(above, key=lambda v: v.figure)]

    def _commit(self, sale: Sale, t: Transaction, verdict: Verdict) -> None:
        on = t.at.astimezone(self.programme.zone).date()
        charges = tuple((limit.identity, key_of(self.programme, limit, t, on)) for limit in verdict.scheme.limits)
        sponsors = self._sponsors(verdict.scheme, t.merchant)
        sale.lines.append(Line(verdict.scheme, verdict.figure, verdict.entitlement, charges, sponsors))

    def _sponsors(self, scheme: Scheme, merchant: str) -> tuple[tuple[str, int], ...]:
        district = self.programme.roster.merchants[merchant]["hq_district"]
        return tuple((district if name == DISTRICT else name, share) for name, share in scheme.funding)

    def _verdict_row(self, t: Transaction, verdict: Verdict) -> Award:
        sponsors = self._sponsors(verdict.scheme, t.merchant)
        return _row(
            t,
            verdict.outcome,
            granted=yuan(verdict.figure),
            entitled=yuan(verdict.entitled),
            limit=verdict.limit,
            sponsors=_sponsor_text(sponsors, shares(verdict.figure, sponsors)),
            scheme=verdict.scheme,
        )

    # ---- refunds, voids and reversals (section 5)

    def _change(self, t: Transaction) -> list[Award]:
        original = self.rated[t.original]
        undo = t.kind == "REVERSAL" and original.kind in {"REFUND", "VOID"} and original.in_effect
        sale = original.sale if original.kind == "SALE" or undo else None
        self.rated[t.id] = Rated(t.kind, sale)
        if sale is None:
            return [_row(t, "NOT_REVERSIBLE")]
        if not undo and sale.cancelled:
            return [_row(t, "ALREADY_CANCELLED")]
        if t.kind == "REFUND" and sale.refunded + t.gross > sale.gross:
            return [_row(t, "OVER_REFUND")]
        before = sale.kept()
        self.rated[t.id].in_effect = True
        if undo:
            original.in_effect = False
            _undo(sale, t.original, original.kind)
        elif t.kind == "REFUND":
            sale.refunds[t.id] = t.gross
        else:
            sale.cancelled = t.kind
        if not sale.lines:
            return [_row(t, "NOTHING_GRANTED")]
        outcome = "REINSTATED" if undo else "CLAWED_BACK"
        pairs = zip(sale.lines, before, sale.kept(), strict=True)
        return [_change_row(t, outcome, line, old, new) for line, old, new in pairs]


def _undo(sale: Sale, original: str, kind: str) -> None:
    if kind == "REFUND":
        del sale.refunds[original]
    else:
        sale.cancelled = ""


def _ceiling(sale: Sale, t: Transaction, scheme: Scheme) -> int:
    """`stack` only: what the grants so far leave of the gross and, for payees other than the member, of the claim."""
    left = t.gross - sum(line.granted for line in sale.lines)
    if scheme.payee == "member" or t.claimed is None:
        return left
    repaid = sum(line.granted for line in sale.lines if line.scheme.payee != "member")
    return min(left, t.claimed - repaid)


def _change_row(t: Transaction, outcome: str, line: Line, old: int, new: int) -> Award:
    steps = [b - a for a, b in zip(shares(old, line.sponsors), shares(new, line.sponsors), strict=True)]
    sponsors = _sponsor_text(line.sponsors, steps)
    return _row(t, outcome, granted=yuan(new - old), sponsors=sponsors, scheme=line.scheme)


def _sponsor_text(sponsors: tuple[tuple[str, int], ...], amounts: list[int]) -> str:
    return "|".join(f"{name}={yuan(amount)}" for (name, _), amount in zip(sponsors, amounts, strict=True))


def _row(
    t: Transaction,
    outcome: str,
    *,
    granted: str = "0.00",
    entitled: str = "",
    limit: str = "",
    sponsors: str = "",
    scheme: Scheme | None = None,
) -> Award:
    return {
        "transaction_id": t.id,
        "scheme": scheme.code if scheme else "",
        "version": str(scheme.version) if scheme else "",
        "entitled": entitled,
        "granted": granted,
        "outcome": outcome,
        "limit": limit,
        "payee": scheme.payee if scheme else "",
        "sponsors": sponsors,
    }


def as_csv(rows: list[Award]) -> str:
    """Rows as the text of awards.csv."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def rate(runs: Iterable[tuple[Path, Path]]) -> list[list[Award]]:
    """The awards of each (directory, transactions file), rated in turn as batches of one programme."""
    oracle: Oracle | None = None
    out = []
    for folder, path in runs:
        if oracle is None:
            oracle = Oracle(folder)
        else:
            oracle.read(folder)
        out.append(oracle.rate_file(path))
    return out
