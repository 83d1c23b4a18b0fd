"""What the kernel wrote, as frames; the parts that a caller may not want are made when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rules import kernel_batch
from rules.columnar import Batch, prepare
from rules.kernel_batch import used_rows
from rules.kernel_csv import csv_rows, ids_of, pieces_of
from rules.layout import (
    KEY_BITS,
    L_CHARGED,
    L_ENT,
    L_ENTITLED,
    L_GRANTED,
    L_KEPT,
    L_TERMS,
    L_USES,
    R_AFTER,
    R_BEFORE,
    R_ENTITLED,
    R_LIMIT,
    R_LINE,
    R_OUTCOME,
    R_SALE,
    R_TERMS,
    R_TX,
    ROW_WIDTH,
    Ints,
)
from rules.plan import Plan
from rules.rated import RATED_TRANSACTION, Rated
from rules.slots import gather, index, ints
from rules.state import ENTITLEMENT_USE, LINES, OPERATIONS, SALES, TERMS, USAGE, State
from settlement.model.frames import AWARD, AWARD_SHARE, RATE_INPUT, conform
from settlement.model.outcomes import Outcome


def rate(plan: Plan, transactions: pl.DataFrame, state: State) -> Rated:
    """One batch by the kernel; the same as `rules.reference.rate`."""
    batch = prepare(plan, transactions, state)
    out, *usage = kernel_batch.run(
        batch.arrays, batch.work, batch.order[: batch.rated], batch.opening_use, batch.combine
    )
    return Rated(Written(batch, out, usage), state)


class Written:
    """The maker of Rated over the kernel's arrays."""

    def __init__(self, batch: Batch, out: Ints, usage: list[Ints]) -> None:
        """`out` and `usage` as the kernel leaves them."""
        self.batch = batch
        self._used = usage
        orphans = batch.order[batch.rated :]
        self._orphans = orphans[orphans >= batch.waited]
        self._out = np.concatenate([out, self._orphan_rows()]) if len(self._orphans) else out

    def _orphan_rows(self) -> Ints:
        rows = np.full((len(self._orphans), ROW_WIDTH), -1, np.int64)
        rows[:, R_TX], rows[:, R_LINE], rows[:, R_OUTCOME] = self._orphans, 1, int(Outcome.ORPHAN)
        rows[:, R_BEFORE] = rows[:, R_AFTER] = 0
        return rows

    def awards(self) -> pl.DataFrame:
        """AWARD, in rating order."""
        out, numbers = self._out, self.batch.numbers
        schemes = [terms.scheme for terms in numbers.terms]
        term = index(out[:, R_TERMS])
        names = pl.Series(list(numbers.names), dtype=pl.String)
        sale = index(out[:, R_SALE])
        frame = pl.DataFrame(
            {
                "transaction_id": self.batch.rows["transaction_id"].gather(out[:, R_TX]),
                "line": out[:, R_LINE],
                "sale_id": gather(self.batch.slots.transaction_id, sale),
                "scheme": gather(pl.Series([s.scheme for s in schemes], dtype=pl.String), term),
                "version": gather(pl.Series([s.version for s in schemes], dtype=pl.Int64), term),
                "entitled_fen": index(out[:, R_ENTITLED]),
                "granted_fen": out[:, R_AFTER] - out[:, R_BEFORE],
                "outcome": out[:, R_OUTCOME],
                "limit": gather(names, index(out[:, R_LIMIT])),
                "payee": gather(pl.Series([s.payee for s in schemes], dtype=pl.String), term),
            }
        )
        return conform(frame, AWARD)

    def transactions(self) -> pl.DataFrame:
        """RATED_TRANSACTION, in rating order."""
        first = self._out[self._out[:, R_LINE] == 1]  # one of each transaction
        rated, at = self.batch.rated, first[:, R_TX]
        moved = self.batch.work.moved[at]
        moved[rated:, 0] = np.where(self._refunds(at[rated:]), ints(self.batch.rows["gross_fen"][at[rated:]], -1), -1)
        moved[rated:, 1] = -1
        frame = pl.DataFrame(
            {
                "transaction_id": self.batch.rows["transaction_id"].gather(at),
                "sale_id": gather(self.batch.slots.transaction_id, index(first[:, R_SALE])),
                "gross_fen": index(moved[:, 0]),
                "refunded_fen": index(moved[:, 1]),
                "outcome": first[:, R_OUTCOME],
            }
        )
        return conform(frame, RATED_TRANSACTION)

    def _refunds(self, at: Ints) -> NDArray[np.bool_]:
        return (self.batch.rows["kind"].gather(at) == "REFUND").to_numpy()

    @cached_property
    def _parts(self) -> tuple[Ints, list[tuple[Ints, list[pl.Series], list[Ints]]]]:
        """Per terms with rows: (rows of `awards`, sponsor names, change of each share)."""
        with_terms = np.flatnonzero(self._out[:, R_TERMS] >= 0)
        term = self._out[with_terms, R_TERMS]
        groups = []
        for number in np.unique(term):
            rows = with_terms[term == number]
            funding = self.batch.numbers.terms[number].scheme.funding
            shares = [share.share for share in funding]
            before = split(self._out[rows, R_BEFORE], shares)
            after = split(self._out[rows, R_AFTER], shares)
            names = [self._sponsor(share.sponsor, rows) for share in funding]
            groups.append((rows, names, [b - a for a, b in zip(before, after, strict=True)]))
        return with_terms, groups

    def _sponsor(self, name: str, rows: Ints) -> pl.Series:
        if name == "district":
            return self.batch.slots.texts["hq_district"].gather(self._out[rows, R_SALE])
        return pl.Series([name], dtype=pl.String).new_from_index(0, len(rows))

    def shares(self) -> pl.DataFrame:
        """AWARD_SHARE, in the order of `awards`."""
        parts = [
            pl.DataFrame({"row": rows, "position": at + 1, "sponsor": name, "amount_fen": change})
            for rows, names, changes in self._parts[1]
            for at, (name, change) in enumerate(zip(names, changes, strict=True))
        ]
        if not parts:
            return pl.DataFrame(schema=AWARD_SHARE)
        frame = pl.concat(parts).with_columns(pl.col("position").cast(pl.Int64)).sort("row", "position")
        row = ints(frame["row"])
        named = frame.with_columns(
            transaction_id=self.batch.rows["transaction_id"].gather(self._out[row, R_TX]),
            line=pl.Series(self._out[row, R_LINE]),
        )
        return conform(named, AWARD_SHARE)

    def csv(self) -> Iterator[bytes]:
        """awards.csv without its header."""
        ids = ids_of(self.batch.rows["transaction_id"])
        yield from csv_rows(self._out, ids, pieces_of(self.batch.numbers, self.batch.slots))

    def released(self) -> pl.Series:
        """Ids that waited before and wait no longer."""
        rated = self.batch.order[: self.batch.rated]
        return self.batch.rows["transaction_id"].gather(np.sort(rated[rated < self.batch.waited])).sort()

    def changed(self) -> State:
        """State frames with only what the batch added or changed."""
        sales, lines = self._sales_and_lines()
        used = set(lines["terms"])
        terms = sorted((t for t in {t.digest: t for t in self.batch.numbers.terms}.values() if t.digest in used),
                       key=lambda t: t.digest)  # fmt: skip
        documents = [(t.digest, t.scheme.scheme, t.scheme.version, t.document) for t in terms]
        return State.from_frames(
            {
                "usage": self._usage(),
                "sales": sales,
                "lines": lines,
                "terms": pl.DataFrame(documents, schema=TERMS, orient="row"),
                "operations": self._operations(),
                "entitlements": self._entitlements(),
                "waiting": conform(self.batch.rows.select(list(RATE_INPUT))[self._orphans], RATE_INPUT),
            }
        )

    def _usage(self) -> pl.DataFrame:
        moved, numbers = used_rows(*self._used), self.batch.numbers
        slots = self.batch.slots.texts
        parts = []
        for number, limit in enumerate(numbers.limits):
            mine = moved[moved[:, 0] >> KEY_BITS == number]
            if not len(mine):
                continue
            who = slots[mine[:, 3]]
            texts = {
                column: pl.col(column) if key in limit.per else pl.lit("")
                for key, column in (
                    ("member", "member_no"), ("merchant", "merchant_no"), ("district", "district"), ("org", "org"),
                )
            }  # fmt: skip
            day = pl.col("local_date")
            starts = {
                "day": day, "week": day.dt.truncate("1w"), "month": day.dt.truncate("1mo"),
                "quarter": day.dt.truncate("1q"), "year": day.dt.truncate("1y"), "total": pl.date(1970, 1, 1),
            }  # fmt: skip
            frame = who.select(
                scheme=pl.lit(limit.scope), name=pl.lit(limit.name), measure=pl.lit(limit.measure),
                per=pl.lit(limit.per_text), window=pl.lit(limit.window), **texts, window_start=starts[limit.window],
                used=pl.Series(mine[:, 1]),
            )  # fmt: skip
            parts.append(conform(frame, USAGE))
        if not parts:
            return pl.DataFrame(schema=USAGE)
        return pl.concat(parts).sort(list(USAGE)[:-1])

    def _sales_and_lines(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        work, numbers = self.batch.work, self.batch.numbers
        slot = np.flatnonzero(work.touched)
        sales = self.batch.slots.texts[slot].with_columns(
            gross_fen=pl.Series(work.gross[slot]),
            paid_fen=index(work.paid[slot]),
            refunded_gross_fen=pl.Series(work.refunded_gross[slot]),
            refunded_paid_fen=pl.Series(work.refunded_paid[slot]),
            voided=pl.Series(work.flags[slot] == 1),
            reversed=pl.Series(work.flags[slot] == 2),
        )
        owner = np.repeat(slot, work.line_count[slot])
        start = np.repeat(np.cumsum(work.line_count[slot]) - work.line_count[slot], work.line_count[slot])
        number = np.arange(len(owner)) - start
        lines = work.lines[work.first_line[owner] + number]
        digests = pl.Series([t.digest for t in numbers.terms], dtype=pl.String)
        codes = pl.Series([t.scheme.scheme for t in numbers.terms], dtype=pl.String)
        versions = pl.Series([t.scheme.version for t in numbers.terms], dtype=pl.Int64)
        frame = pl.DataFrame(
            {
                "transaction_id": self.batch.slots.transaction_id.gather(owner),
                "line": number + 1,
                "terms": digests.gather(lines[:, L_TERMS]),
                "scheme": codes.gather(lines[:, L_TERMS]),
                "version": versions.gather(lines[:, L_TERMS]),
                "entitlement_no": gather(self.batch.rights["entitlement_no"], index(lines[:, L_ENT])),
                "entitled_fen": lines[:, L_ENTITLED],
                "granted_fen": lines[:, L_GRANTED],
                "kept_fen": lines[:, L_KEPT],
                "charged_fen": lines[:, L_CHARGED],
                "charged_uses": lines[:, L_USES],
            }
        )
        return conform(sales, SALES), conform(frame, LINES)

    def _operations(self) -> pl.DataFrame:
        work, opening = self.batch.work, self.batch.opening.operations
        ops = self.batch.rows.filter(pl.col("kind") != "SALE").select("transaction_id", "kind", "original_id")
        every = pl.concat([opening.select(ops.columns), ops])
        op = np.flatnonzero(work.op_touched)
        frame = every[op].with_columns(
            sale_id=gather(self.batch.slots.transaction_id, index(work.op_sale[op])),
            took_effect=pl.Series(work.op_took[op] == 1),
            undone=pl.Series(work.op_undone[op] == 1),
            gross_fen=pl.Series(work.op_gross[op]),
            paid_fen=pl.Series(work.op_paid[op]),
        )
        return conform(frame, OPERATIONS)

    def _entitlements(self) -> pl.DataFrame:
        rights, now = self.batch.rights, self.batch.work.entitlements
        frame = rights.select("entitlement_no").with_columns(
            used_uses=pl.Series(now[:, 5]), used_fen=pl.Series(now[:, 6])
        )
        was = rights.select(pl.col("used_uses").fill_null(0), pl.col("used_fen").fill_null(0))
        moved = (frame["used_uses"] != was["used_uses"]) | (frame["used_fen"] != was["used_fen"])
        return conform(frame.filter(moved), ENTITLEMENT_USE)


def split(kept: Ints, shares: list[int]) -> list[Ints]:
    """Section 6 for a column of kept amounts; the twin of `rules.amounts.share_fen`."""
    total = sum(shares)
    rest = [_part(kept, share, total) for share in shares[1:]]
    return [kept - sum(rest, np.zeros(len(kept), np.int64)), *rest]


def _part(kept: Ints, share: int, total: int) -> Ints:
    """floor(kept·share/total) without leaving int64: kept = q·total + r, and r·share fits."""
    whole, rest = np.divmod(kept, total)
    part: Ints = whole * share + rest * share // total
    return part
