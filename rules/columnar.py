"""A batch from frames to the kernel's arrays: order, slots, candidates, codes of limit keys, all by whole columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rules import arrays, kernel_batch
from rules.arrays import EPOCH, Numbers
from rules.documents import INSTRUMENTS
from rules.keycodes import key_codes
from rules.layout import COMBINES, Arrays, Ints, Work
from rules.order import KIND_ORDER
from rules.plan import Plan
from rules.slots import Slots, days_of, ints
from rules.state import State, touching
from rules.terms import Terms, read_terms
from settlement.model.frames import RATE_INPUT, conform
from settlement.model.in_order import side_by_side

_DAY, _HOUR, _MINUTE = 86_400_000_000, 3_600_000_000, 60_000_000  # microseconds
_KIND = pl.Enum(list(KIND_ORDER))
ALONE = 1 << 15  # transactions; of fewer a second thread costs more than it takes over


@dataclass(frozen=True, slots=True)
class Batch:
    """What the kernel takes, and the frames its numbers point into.

    `rows`: RATE_INPUT, waiting transactions first; positions in it are the kernel's transactions.
    """

    numbers: Numbers
    arrays: Arrays
    work: Work
    opening_use: Ints
    rows: pl.DataFrame
    slots: Slots
    opening: State
    rights: pl.DataFrame
    order: Ints
    rated: int
    waited: int
    combine: int


def prepare(plan: Plan, transactions: pl.DataFrame, state: State) -> Batch:
    """The arrays of one batch. Assert: the sums of amounts stay below 2**62."""
    parts = [conform(frame, RATE_INPUT) for frame in (state.waiting, transactions) if frame.height]
    rows = parts[0] if len(parts) == 1 else pl.concat(parts or [conform(transactions, RATE_INPUT)])
    waited = state.waiting.height
    kind = ints(rows["kind"].cast(_KIND).to_physical())
    opening = touching(state, rows)
    numbers = arrays.as_numbers([*plan.terms, *_only_in_state(plan, opening)])
    used = (opening.usage["used"].abs(), opening.entitlements["used_fen"])
    total = sum(int(c.sum()) for c in (rows["gross_fen"], opening.sales["gross_fen"], *used))
    assert total < 2**61, "amounts sum to more than int64 holds"
    sale = kind == KIND_ORDER["SALE"]
    day, minute = local_time(ints(rows["occurred_at"].to_physical())[sale], plan.programme.timezone)
    small = len(kind) <= ALONE
    (links, (order, rated)), slots = side_by_side(
        lambda: _linked(rows, kind, sale, opening, waited),
        lambda: Slots(plan, opening.sales, rows, sale, day),
        small=small,
    )
    rights = _rights(plan, numbers, opening.entitlements, opening.lines["entitlement_no"])
    (codes, opening_use), looked_at = side_by_side(
        lambda: key_codes(numbers, slots, opening.usage),
        lambda: _candidates(plan, slots, rows["instrument"], minute),
        small=small,
    )
    work = _work(plan, numbers, opening, rows, looked_at, slots, rights, links, codes)
    members = plan.members.height + 1
    first_right = np.searchsorted(ints(rights["member"]), np.arange(members + 1)).astype(np.int64)
    most_lines = len(plan.terms) if plan.programme.combine == "stack" else 1
    most_lines = max(1, most_lines, int(work.line_count.max(initial=0)))
    most = np.array([numbers.most_caps, most_lines], np.int64)
    packed = Arrays(numbers.term_rows, numbers.tiers, numbers.caps, first_right, most)
    combine = COMBINES.index(plan.programme.combine)
    return Batch(
        numbers, packed, work, opening_use, rows, slots, opening, rights, order, rated, waited, combine
    )  # fmt: skip


def _linked(
    rows: pl.DataFrame, kind: Ints, sale: NDArray[np.bool_], opening: State, waited: int
) -> tuple[_Links, tuple[Ints, int]]:
    links = _Links(rows, kind, sale, opening)
    return links, links.order(waited)


def in_order(frame: pl.DataFrame, kind: Ints) -> Ints:
    """The rows in the order of section 3. A file is mostly in order: then only rows of one instant are compared."""
    at = frame["occurred_at"].to_physical().to_numpy()
    order = np.arange(frame.height)
    step = np.diff(at)
    if (step < 0).any():
        mixed = order
    else:
        same = np.append(step == 0, False)
        mixed = np.flatnonzero(same | np.roll(same, 1))
    if len(mixed):
        keys = pl.DataFrame({"at": at[mixed], "kind": kind[mixed], "id": frame["transaction_id"].gather(mixed)})
        order[mixed] = mixed[ints(keys.with_row_index("row").sort("at", "kind", "id")["row"])]
    return order


def local_time(at: Ints, timezone: str) -> tuple[Ints, Ints]:
    """(local date as days from 1970-01-01, minute of the local day) of each instant (microseconds from 1970 in UTC).

    A zone is asked for the ends of each hour that occurs: where both have one offset, so has what lies between (no zone
    has changed twice within an hour). In the hours of a change every instant is asked for.
    """
    if not len(at):
        return at, at
    hour = at // _HOUR
    first, last = int(hour.min()), int(hour.max())
    hours, place = np.arange(first, last + 1), hour - first
    if last - first > 10 * len(at):
        hours, place = np.unique(hour, return_inverse=True)
    begin, end = _offset(hours * _HOUR, timezone), _offset((hours + 1) * _HOUR - 1, timezone)
    offset = begin[place]
    changing = np.flatnonzero((begin != end)[place])
    offset[changing] = _offset(at[changing], timezone)
    local = at + offset
    day = local // _DAY
    return day, (local - day * _DAY) // _MINUTE


def _offset(at: Ints, timezone: str) -> Ints:
    """Microseconds by which the zone's time is ahead of UTC at each instant."""
    utc = pl.Series(at).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return ints(utc.dt.convert_time_zone(timezone).dt.replace_time_zone(None).to_physical()) - at


def _only_in_state(plan: Plan, opening: State) -> list[Terms]:
    known = {terms.digest for terms in plan.terms}
    rows = opening.terms.sort("terms").select("terms", "document").iter_rows()
    return [read_terms(document) for digest, document in rows if digest not in known]


def _rights(plan: Plan, numbers: Numbers, used: pl.DataFrame, charged: pl.Series) -> pl.DataFrame:
    """Entitlements with the member's row, sorted as section 4.4 takes them; last those that only State's lines name."""
    members = plan.members.select("member_no", member=pl.int_range(pl.len(), dtype=pl.Int64))
    found = plan.entitlements.join(members, on="member_no", how="inner")
    gone = charged.drop_nulls().unique().to_frame("entitlement_no").join(found, on="entitlement_no", how="anti")
    found = pl.concat([found, gone.with_columns(member=pl.lit(plan.members.height, pl.Int64))], how="diagonal")
    return (
        found.join(used, on="entitlement_no", how="left")
        .with_columns(
            last=pl.col("valid_to").fill_null(date.max),
            scheme_no=pl.col("scheme").replace_strict(numbers.schemes, default=-1, return_dtype=pl.Int64),
        )
        .sort("member", "last", "entitlement_no")
    )


class _Links:
    """What each REFUND, VOID and REVERSAL points at; State's operations stand before the batch's."""

    def __init__(self, rows: pl.DataFrame, kind: Ints, sale: NDArray[np.bool_], opening: State) -> None:
        self.rows, self.kind, self.sale = rows, kind, sale
        self.op_row = np.flatnonzero(~sale)
        self.ops = rows[self.op_row]
        old_sales, old_ops = opening.sales.height, opening.operations.height
        wanted = self.ops.select("original_id")
        originals = wanted.select(transaction_id="original_id").drop_nulls().unique()
        here = rows.select("transaction_id", here=pl.int_range(pl.len(), dtype=pl.Int64))
        here = here.join(originals, on="transaction_id", how="semi")
        old = opening.sales.select("transaction_id", old_sale=pl.int_range(pl.len(), dtype=pl.Int64))
        done = opening.operations.select("transaction_id", old_op=pl.int_range(pl.len(), dtype=pl.Int64))
        for frame in (here, old, done):
            wanted = wanted.join(
                frame, left_on="original_id", right_on="transaction_id", how="left", maintain_order="left"
            )
        self.parent = ints(wanted["here"], -1)
        self.old_sale, self.old_op = ints(wanted["old_sale"], -1), ints(wanted["old_op"], -1)
        self.index = np.empty(rows.height, np.int64)
        self.index[sale] = np.arange(old_sales, old_sales + rows.height - len(self.op_row))
        self.index[self.op_row] = -1 - np.arange(old_ops, old_ops + len(self.op_row))

    def targets(self) -> tuple[Ints, Ints]:
        """(slot or op that each op is about, whether it is an op); 0 for orphans, which are never rated."""
        found = self.index[np.maximum(self.parent, 0)] if len(self.index) else self.parent
        found = np.where(self.parent >= 0, found, 0)
        found = np.where(self.old_op >= 0, -1 - self.old_op, np.where(self.old_sale >= 0, self.old_sale, found))
        return np.where(found < 0, -1 - found, found), (found < 0).astype(np.int64)

    def order(self, waited: int) -> tuple[Ints, int]:
        """(positions in rating order with the orphans behind, how many are rated)."""
        total = len(self.sale)
        parent = np.full(total, -1, np.int64)
        parent[self.op_row] = self.parent
        ready = self.sale.copy()
        ready[self.op_row] = (self.old_sale >= 0) | (self.old_op >= 0)
        rank, sequence = np.empty(total, np.int64), in_order(self.rows, self.kind)
        rank[sequence] = np.arange(total)
        if waited:  # what waits comes up first, each part in its own order
            sequence = np.concatenate([sequence[sequence < waited], sequence[sequence >= waited]])
        order, rated = kernel_batch.rating_order(parent, ready, rank, sequence)
        orphans = order[rated:]
        order[rated:] = orphans[np.argsort(rank[orphans], kind="stable")]
        return order, int(rated)


def _candidates(plan: Plan, slots: Slots, instruments: pl.Series, minute: Ints) -> tuple[Ints, arrays.Mask]:
    """(outcome of the transaction checks (section 4.1), 0 where all hold; which terms look at it) per slot.

    State's sales, which are not rated again, have no candidate.
    """
    words = max(1, (len(plan.terms) + 63) // 64)
    pre, mask = np.zeros(slots.count, np.int64), np.zeros((slots.count, words), np.uint64)
    if not len(minute):
        return pre, mask
    day = slots.day[slots.old :]
    low = int(day.min())
    when = arrays.day_mask(plan, date.fromordinal(EPOCH.toordinal() + low), int(day.max()) - low + 1)
    instrument = ints(instruments.cast(pl.Enum(INSTRUMENTS), strict=False).to_physical().cast(pl.Int64), -1)[slots.rows]
    kernel_batch.candidates(
        slots.old, slots.member, slots.merchant, slots.day, minute, instrument + 1, low,
        _valid(plan.members, (plan.members["status"] == "active").fill_null(value=False)), _valid(plan.merchants, None),
        when, arrays.minute_mask(plan), arrays.instrument_mask(plan), arrays.merchant_mask(plan),
        arrays.member_mask(plan), pre, mask,
    )  # fmt: skip
    return pre, mask


def _valid(frame: pl.DataFrame, active: pl.Series | None) -> Ints:
    """First and last day of each member or merchant; never for one who is not active."""
    first, last = days_of(frame["valid_from"].fill_null(date.min)), days_of(frame["valid_to"].fill_null(date.max))
    if active is not None:
        first = np.where(active.to_numpy(), first, last + 1)
    return np.stack([first, last], axis=1)


def _lines(numbers: Numbers, plan: Plan, opening: State, rights: pl.DataFrame, mask: arrays.Mask) -> Ints:
    """State's lines, and room for those that the batch can write."""
    room = int((mask != 0).any(axis=1).sum())
    if plan.programme.combine == "stack":
        room = int(np.bitwise_count(mask).sum())
    lines = np.zeros((opening.lines.height + room, 7), np.int64)
    if opening.lines.height:
        at = {terms.digest: n for n, terms in reversed(list(enumerate(numbers.terms)))}
        rank = rights.select("entitlement_no", right=pl.int_range(pl.len(), dtype=pl.Int64))
        old = opening.lines.join(rank, on="entitlement_no", how="left", maintain_order="left")
        columns = ["right", "entitled_fen", "granted_fen", "kept_fen", "charged_fen", "charged_uses"]
        lines[: old.height, 0] = ints(old["terms"].replace_strict(at, return_dtype=pl.Int64))
        for n, name in enumerate(columns):
            lines[: old.height, n + 1] = ints(old[name], -1)
    return lines


def _behind(old: Ints, column: Ints) -> Ints:
    return np.concatenate([old, column]) if len(old) else column


def _ahead(old: Ints, count: int) -> Ints:
    """State's numbers, then zeros."""
    out = np.zeros(count, np.int64)
    out[: len(old)] = old
    return out


def _work(
    plan: Plan,
    numbers: Numbers,
    opening: State,
    rows: pl.DataFrame,
    looked_at: tuple[Ints, arrays.Mask],
    slots: Slots,
    rights: pl.DataFrame,
    links: _Links,
    codes: Ints,
) -> Work:
    sales, ops, count = opening.sales, opening.operations, opening.operations.height + len(links.op_row)
    pre, mask = looked_at
    first_line, line_count = _line_places(opening, slots.count)
    target, is_op = links.targets()
    none = np.full(ops.height, -1, np.int64)
    kinds = {"REFUND": 1, "VOID": 2, "REVERSAL": 3}
    old_slot = sales.select(sale_id="transaction_id", slot=pl.int_range(pl.len(), dtype=pl.Int64))
    op_sale = ops.select("sale_id").join(old_slot, on="sale_id", how="left", maintain_order="left")["slot"]
    refund = links.kind[links.op_row] == KIND_ORDER["REFUND"]
    gross = np.where(refund, ints(links.ops["gross_fen"], 0), 0)
    paid = np.where(refund & (gross == 0), ints(links.ops["paid_fen"], 0), 0)
    return Work(
        gross=_behind(ints(sales["gross_fen"]), ints(rows["gross_fen"], -1)[slots.rows]),
        paid=_behind(ints(sales["paid_fen"], -1), ints(rows["paid_fen"], -1)[slots.rows]),
        claimed=_behind(np.full(slots.old, -1, np.int64), ints(rows["claimed_fen"], -1)[slots.rows]),
        refunded_gross=_ahead(ints(sales["refunded_gross_fen"]), slots.count),
        refunded_paid=_ahead(ints(sales["refunded_paid_fen"]), slots.count),
        flags=_ahead(np.where(ints(sales["voided"]) == 1, 1, 2 * ints(sales["reversed"])), slots.count),
        first_line=first_line,
        line_count=line_count,
        touched=np.zeros(slots.count, np.int64),
        member=slots.member,
        day=slots.day,
        pre=pre,
        mask=mask,
        codes=codes,
        lines=_lines(numbers, plan, opening, rights, mask),
        lines_before=np.array([opening.lines.height], np.int64),
        op_kind=_behind(ints(ops["kind"].replace_strict(kinds, return_dtype=pl.Int64)), links.kind[links.op_row]),
        op_sale=_behind(ints(op_sale, -1), np.full(len(links.op_row), -1, np.int64)),
        op_took=_ahead(ints(ops["took_effect"]), count),
        op_undone=_ahead(ints(ops["undone"]), count),
        op_gross=_ahead(ints(ops["gross_fen"]), count),
        op_paid=_ahead(ints(ops["paid_fen"]), count),
        op_touched=np.zeros(count, np.int64),
        op_says=np.stack([_behind(none, gross), _behind(none, paid)], axis=1),
        target=_behind(none, target),
        target_is_op=_behind(none, is_op),
        tx_index=links.index,
        moved=np.empty((rows.height, 2), np.int64),
        entitlements=_right_numbers(rights),
    )


def _line_places(opening: State, slots: int) -> tuple[Ints, Ints]:
    """(first line, how many) per slot; State's lines stand in the order of their sales."""
    first, count = np.zeros(slots, np.int64), np.zeros(slots, np.int64)
    if opening.lines.height:
        at = opening.sales.select("transaction_id", slot=pl.int_range(pl.len(), dtype=pl.Int64))
        where = opening.lines.join(at, on="transaction_id", how="left", maintain_order="left")
        slot = ints(where["slot"])
        count += np.bincount(slot, minlength=slots).astype(np.int64)
        head = ints(where["line"]) == 1
        first[slot[head]] = np.flatnonzero(head)
    return first, count


def _right_numbers(rights: pl.DataFrame) -> Ints:
    out = np.empty((rights.height, 7), np.int64)
    out[:, 0], out[:, 1] = ints(rights["scheme_no"]), ints(rights["uses"], -1)
    out[:, 2] = ints(rights["amount_fen"], -1)
    out[:, 3] = ints(rights["valid_from"].fill_null(date.min).cast(pl.Int32))
    out[:, 4] = ints(rights["last"].cast(pl.Int32))
    out[:, 5], out[:, 6] = ints(rights["used_uses"], 0), ints(rights["used_fen"], 0)
    return out
