"""A batch from frames to the kernel's arrays: order, slots, masks and the codes of limit keys, all by whole columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from rules import arrays, kernel_order
from rules.arrays import EPOCH, Numbers
from rules.documents import INSTRUMENTS, Key, Window
from rules.layout import COMBINES, KEY_BITS, Arrays, Ints, Work
from rules.order import KIND_ORDER, with_local_time
from rules.plan import Plan
from rules.state import State, touching
from rules.terms import Terms, read_terms
from settlement.model.frames import RATE_INPUT, conform
from settlement.model.outcomes import Outcome

_WINDOWS: dict[Window, Any] = {
    "day": lambda d: d.cast(pl.Int32).cast(pl.Int64),
    "week": lambda d: (d.cast(pl.Int32).cast(pl.Int64) + 3) // 7,
    "month": lambda d: d.dt.year().cast(pl.Int64) * 12 + d.dt.month().cast(pl.Int64),
    "quarter": lambda d: d.dt.year().cast(pl.Int64) * 4 + (d.dt.month().cast(pl.Int64) - 1) // 3,
    "year": lambda d: d.dt.year().cast(pl.Int64),
    "total": lambda d: d.cast(pl.Int32).cast(pl.Int64) * 0,
}
_KEY_COLUMN: dict[Key, str] = {"member": "member_no", "merchant": "merchant_no", "district": "district", "org": "org"}


@dataclass(frozen=True, slots=True)
class Batch:
    """What the kernel takes, and the frames its numbers point into.

    `rows`: RATE_INPUT with local time, waiting transactions first, each part in the order of section 3; positions in it
    are the kernel's transactions. `slots`: the texts of each sale, State's sales first.
    """

    numbers: Numbers
    arrays: Arrays
    work: Work
    opening_use: Ints
    rows: pl.DataFrame
    slots: pl.DataFrame
    opening: State
    rights: pl.DataFrame
    order: Ints
    rated: int
    waited: int
    combine: int


def ints(column: pl.Series, absent: int | None = None) -> Ints:
    """An Int64 array; nulls become `absent`, and where none is given there must be none."""
    if absent is not None:
        column = column.fill_null(absent)
    assert column.null_count() == 0, f"{column.name} has nulls"
    return np.array(column.cast(pl.Int64).to_numpy(), np.int64)


def prepare(plan: Plan, transactions: pl.DataFrame, state: State) -> Batch:
    """The arrays of one batch. Assert: the sums of amounts stay below 2**62."""
    rows = _sorted_rows(plan, state.waiting, transactions)
    waited = state.waiting.height
    opening = touching(state, rows)
    numbers = arrays.as_numbers([*plan.terms, *_only_in_state(plan, opening)])
    total = sum(int(c.sum()) for c in (rows["gross_fen"], opening.sales["gross_fen"], opening.usage["used"].abs()))
    assert total < 2**61, "amounts sum to more than int64 holds"
    sale = rows["kind"] == "SALE"
    sale_rows = rows.filter(sale)
    slots = _slots(plan, opening.sales, sale_rows)
    rights = _rights(plan, numbers, opening.entitlements, opening.lines["entitlement_no"])
    links = _Links(rows, sale, opening)
    order, rated = links.order(waited)
    codes, opening_use = _codes(numbers, slots, opening.usage, opening.sales.height)
    work = _work(plan, numbers, opening, rows, sale_rows, slots, rights, links, codes)
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


def _sorted_rows(plan: Plan, waiting: pl.DataFrame, transactions: pl.DataFrame) -> pl.DataFrame:
    kind = pl.col("kind").replace_strict(KIND_ORDER, return_dtype=pl.Int64)
    parts = []
    for frame in (waiting, transactions):
        part = conform(frame, RATE_INPUT).with_columns(kind_no=kind)
        keys = [pl.col("occurred_at"), pl.col("kind_no"), pl.col("transaction_id")]
        rising = part.select(keys).with_columns(pl.all().shift(1).name.prefix("p_"))
        later = (pl.col("occurred_at") > pl.col("p_occurred_at")) | (
            (pl.col("occurred_at") == pl.col("p_occurred_at"))
            & (
                (pl.col("kind_no") > pl.col("p_kind_no"))
                | ((pl.col("kind_no") == pl.col("p_kind_no")) & (pl.col("transaction_id") > pl.col("p_transaction_id")))
            )
        )
        in_order = rising.select(later.fill_null(value=True).all()).item()
        parts.append(part if in_order else part.sort(keys))
    return with_local_time(pl.concat(parts), plan.programme.timezone).with_row_index("row")


def _only_in_state(plan: Plan, opening: State) -> list[Terms]:
    known = {terms.digest for terms in plan.terms}
    rows = opening.terms.sort("terms").select("terms", "document").iter_rows()
    return [read_terms(document) for digest, document in rows if digest not in known]


def _slots(plan: Plan, sales: pl.DataFrame, sale_rows: pl.DataFrame) -> pl.DataFrame:
    """SALES' texts of every slot, with `member`/`merchant` the row in the plan (null: not there)."""
    columns = ["transaction_id", "local_date", "member_no", "merchant_no", "district", "org", "hq_district"]
    members = plan.members.select("member_no", "org", member=pl.int_range(pl.len(), dtype=pl.Int64))
    shops = plan.merchants.select(
        "merchant_no", "district", "hq_district", merchant=pl.int_range(pl.len(), dtype=pl.Int64)
    )
    new = sale_rows.select("transaction_id", "local_date", "member_no", "merchant_no")
    new = new.join(members, on="member_no", how="left", maintain_order="left")
    new = new.join(shops, on="merchant_no", how="left", maintain_order="left")
    old = sales.select(columns).join(members.drop("org"), on="member_no", how="left", maintain_order="left")
    old = old.join(shops.drop("district", "hq_district"), on="merchant_no", how="left", maintain_order="left")
    both = pl.concat([old, new.select(old.columns)])
    return both.with_columns(pl.col("member_no", "merchant_no", "district", "org", "hq_district").fill_null(""))


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
    """What each REFUND, VOID and REVERSAL points at."""

    def __init__(self, rows: pl.DataFrame, sale: pl.Series, opening: State) -> None:
        self.rows = rows
        self.sale = sale.to_numpy()
        self.old_sales, self.old_ops = opening.sales.height, opening.operations.height
        ops = rows.filter(~sale).select("row", "original_id")
        originals = ops.select(transaction_id="original_id").drop_nulls().unique()
        here = rows.select("transaction_id", here="row").join(originals, on="transaction_id", how="semi")
        old = opening.sales.select("transaction_id", old_sale=pl.int_range(pl.len(), dtype=pl.Int64))
        done = opening.operations.select("transaction_id", old_op=pl.int_range(pl.len(), dtype=pl.Int64))
        for frame in (here, old, done):
            ops = ops.join(frame, left_on="original_id", right_on="transaction_id", how="left", maintain_order="left")
        self.op_row = ints(ops["row"])
        self.parent = ints(ops["here"], -1)
        self.old_sale, self.old_op = ints(ops["old_sale"], -1), ints(ops["old_op"], -1)
        self.index = np.empty(len(self.sale), np.int64)
        self.index[self.sale] = np.arange(int(self.sale.sum())) + self.old_sales
        self.index[~self.sale] = np.arange(len(self.op_row)) + self.old_ops

    def targets(self) -> tuple[Ints, Ints]:
        """(slot or op that each op is about, whether it is an op); 0 for orphans, which are never rated."""
        here = np.maximum(self.parent, 0)
        target = np.where(self.parent >= 0, self.index[here] if len(self.index) else 0, 0)
        is_op = (self.parent >= 0) & ~self.sale[here] if len(self.sale) else self.parent >= 0
        target = np.where(self.old_sale >= 0, self.old_sale, np.where(self.old_op >= 0, self.old_op, target))
        is_op = np.where(self.old_sale >= 0, False, np.where(self.old_op >= 0, True, is_op))
        return target.astype(np.int64), is_op.astype(np.int64)

    def order(self, waited: int) -> tuple[Ints, int]:
        """(positions in rating order with the orphans behind, how many are rated)."""
        total = len(self.sale)
        parent = np.full(total, -1, np.int64)
        parent[self.op_row] = self.parent
        ready = self.sale.copy()
        ready[self.op_row] = (self.old_sale >= 0) | (self.old_op >= 0)
        rank = np.arange(total, dtype=np.int64)
        if waited:
            by = self.rows.select("row", "occurred_at", "kind_no", "transaction_id")
            rank[ints(by.sort("occurred_at", "kind_no", "transaction_id")["row"])] = np.arange(total)
        order, rated = kernel_order.rating_order(parent, ready, rank, np.arange(total, dtype=np.int64))
        orphans = order[rated:]
        order[rated:] = orphans[np.argsort(rank[orphans], kind="stable")]
        return order, int(rated)


def _codes(numbers: Numbers, slots: pl.DataFrame, usage: pl.DataFrame, old: int) -> tuple[Ints, Ints]:
    """(per slot and shape the code of its key, (key, used) of State's usage)."""
    texts = list(_KEY_COLUMN.values())
    table = pl.concat(
        [
            slots.select(*texts, "local_date", "member", "merchant"),
            usage.select(
                *texts, local_date="window_start", member=pl.lit(None, pl.Int64), merchant=pl.lit(None, pl.Int64)
            ),
        ]
    )
    known = slots.height
    # Who is not in the plan has no new sale with a candidate: one code for all of them will do while State is empty.
    plain = not usage.height and not old
    parts: dict[Key, tuple[Ints, int]] = {}
    used_keys = {key for shape in numbers.shapes for key in shape[0]}
    for key in sorted(used_keys):
        parts[key] = _dense(table, key, plain=plain)
    codes = np.empty((known, len(numbers.shapes)), np.int64)
    opening = np.empty((usage.height, 2), np.int64)
    opening[:, 0], opening[:, 1] = -1, ints(usage["used"])
    limit_no = _limit_numbers(numbers, usage)
    for at, (per, window) in enumerate(numbers.shapes):
        code, size = _from_zero(ints(table.select(c=_WINDOWS[window](pl.col("local_date")))["c"]))
        for key in per:
            code, size = _paired(code, size, *parts[key])
        codes[:, at] = code[:known]
        of_shape = np.array([(limit.per, limit.window) == (per, window) for limit in numbers.limits], bool)
        mine = (limit_no >= 0) & of_shape[np.maximum(limit_no, 0)] if len(of_shape) else np.zeros(len(limit_no), bool)
        opening[mine, 0] = (limit_no[mine] << KEY_BITS) | code[known:][mine]
    return codes, opening[opening[:, 0] >= 0]


def _limit_numbers(numbers: Numbers, usage: pl.DataFrame) -> Ints:
    """CAP_ID of each row of usage; -1: no limit of today."""
    if not usage.height:
        return np.empty(0, np.int64)
    names = ("scheme", "name", "measure", "per", "window")
    rows = [(c.scope, c.name, c.measure, c.per_text, c.window, at) for at, c in enumerate(numbers.limits)]
    table = pl.DataFrame(rows, schema={**dict.fromkeys(names, pl.String), "at": pl.Int64}, orient="row")
    return ints(usage.join(table, on=names, how="left", maintain_order="left")["at"], -1)


def _dense(table: pl.DataFrame, key: Key, *, plain: bool) -> tuple[Ints, int]:
    """(a code for each row's value of a key, how many codes). `plain`: the plan's own row numbers will do."""
    if plain and key in {"member", "merchant"}:
        code = ints(table[key], -1) + 1
        return code, int(code.max(initial=0)) + 1
    return _from_zero(ints(table[_KEY_COLUMN[key]].cast(pl.Categorical).to_physical()))


def _from_zero(code: Ints) -> tuple[Ints, int]:
    if not len(code):
        return code, 1
    low = int(code.min())
    return code - low, int(code.max()) - low + 1


def _paired(one: Ints, ones: int, other: Ints, others: int) -> tuple[Ints, int]:
    """Two codes as one, kept below 2**KEY_BITS."""
    if ones * others >= 1 << KEY_BITS:
        one = np.unique(one, return_inverse=True)[1].astype(np.int64)
        other = np.unique(other, return_inverse=True)[1].astype(np.int64)
        ones, others = int(one.max()) + 1, int(other.max()) + 1
        assert ones * others < 1 << KEY_BITS, "more keys than a batch can hold; cut it"
    return one * others + other, ones * others


def _checks(plan: Plan, slots: pl.DataFrame, old: int) -> Ints:
    """The outcome of the transaction checks (section 4.1) per slot; 0: all hold."""
    count = slots.height - old
    day = ints(slots["local_date"].slice(old).cast(pl.Int32))
    out = np.zeros(slots.height, np.int64)
    pre = np.zeros(count, np.int64)
    for key, frame, unknown, inactive in (
        ("merchant", plan.merchants, Outcome.MERCHANT_UNKNOWN, Outcome.MERCHANT_INACTIVE),
        ("member", plan.members, Outcome.MEMBER_UNKNOWN, Outcome.MEMBER_INACTIVE),
    ):
        at = ints(slots[key].slice(old), -1)
        first = ints(frame["valid_from"].fill_null(date.min).cast(pl.Int32))
        last = ints(frame["valid_to"].fill_null(date.max).cast(pl.Int32))
        if key == "member":
            first = np.where((frame["status"] == "active").fill_null(value=False).to_numpy(), first, last + 1)
        if len(first):
            here = np.maximum(at, 0)
            pre = np.where((day < first[here]) | (day > last[here]), int(inactive), pre)
        pre = np.where(at < 0, int(unknown), pre)
    out[old:] = pre
    return out


def _mask(plan: Plan, slots: pl.DataFrame, sale_rows: pl.DataFrame, pre: Ints, old: int) -> arrays.Mask:
    """Which terms look at each slot; none for State's sales and where a check failed."""
    words = max(1, (len(plan.terms) + 63) // 64)
    mask = np.zeros((slots.height, words), np.uint64)
    if not sale_rows.height or not plan.members.height or not plan.merchants.height:
        return mask
    day = ints(sale_rows["local_date"].cast(pl.Int32))
    low = int(day.min())
    first = date.fromordinal(EPOCH.toordinal() + low)
    found = arrays.day_mask(plan, first, int(day.max()) - low + 1)[day - low]
    found &= arrays.minute_mask(plan)[ints(sale_rows["minute"])]
    codes = {name: at + 1 for at, name in enumerate(INSTRUMENTS)}
    by = sale_rows["instrument"].replace_strict(codes, default=0, return_dtype=pl.Int64)
    found &= arrays.instrument_mask(plan)[ints(by, 0)]
    found &= arrays.merchant_mask(plan)[np.maximum(ints(slots["merchant"].slice(old), -1), 0)]
    found &= arrays.member_mask(plan)[np.maximum(ints(slots["member"].slice(old), -1), 0)]
    mask[old:] = np.where((pre[old:] == 0)[:, None], found, np.uint64(0))
    return mask


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


def _padded(column: Ints, old: Ints) -> Ints:
    return np.concatenate([old, column])


def _work(
    plan: Plan,
    numbers: Numbers,
    opening: State,
    rows: pl.DataFrame,
    sale_rows: pl.DataFrame,
    slots: pl.DataFrame,
    rights: pl.DataFrame,
    links: _Links,
    codes: Ints,
) -> Work:
    sales, old = opening.sales, opening.sales.height
    zeros = np.zeros(sale_rows.height, np.int64)
    pre = _checks(plan, slots, old)
    mask = _mask(plan, slots, sale_rows, pre, old)
    first_line, line_count = _line_places(opening, slots.height)
    ops, new_ops = opening.operations, len(links.op_row)
    target, is_op = links.targets()
    none = np.full(ops.height, -1, np.int64)
    kinds = {"REFUND": 1, "VOID": 2, "REVERSAL": 3}
    op_kind = ints(rows["kind_no"])[links.op_row]
    old_slot = sales.select(sale_id="transaction_id", slot=pl.int_range(pl.len(), dtype=pl.Int64))
    op_sale = ops.select("sale_id").join(old_slot, on="sale_id", how="left", maintain_order="left")["slot"]
    blank = np.zeros(new_ops, np.int64)
    flags = np.where(ints(sales["voided"]) == 1, 1, np.where(ints(sales["reversed"]) == 1, 2, 0))
    return Work(
        gross=_padded(ints(sale_rows["gross_fen"]), ints(sales["gross_fen"])),
        paid=_padded(ints(sale_rows["paid_fen"], -1), ints(sales["paid_fen"], -1)),
        claimed=_padded(ints(sale_rows["claimed_fen"], -1), np.full(old, -1, np.int64)),
        refunded_gross=_padded(zeros, ints(sales["refunded_gross_fen"])),
        refunded_paid=_padded(zeros, ints(sales["refunded_paid_fen"])),
        flags=_padded(zeros, flags.astype(np.int64)),
        first_line=first_line,
        line_count=line_count,
        touched=np.zeros(slots.height, np.int64),
        member=ints(slots["member"], plan.members.height),
        day=ints(slots["local_date"].cast(pl.Int32)),
        pre=pre,
        mask=mask,
        codes=codes,
        lines=_lines(numbers, plan, opening, rights, mask),
        lines_before=np.array([opening.lines.height], np.int64),
        op_kind=_padded(op_kind, ints(ops["kind"].replace_strict(kinds, return_dtype=pl.Int64))),
        op_sale=_padded(np.full(new_ops, -1, np.int64), ints(op_sale, -1)),
        op_took=_padded(blank, ints(ops["took_effect"])),
        op_undone=_padded(blank, ints(ops["undone"])),
        op_gross=_padded(blank, ints(ops["gross_fen"])),
        op_paid=_padded(blank, ints(ops["paid_fen"])),
        op_touched=np.zeros(ops.height + new_ops, np.int64),
        target=_padded(target, none),
        target_is_op=_padded(is_op, none),
        tx_sale=links.sale.astype(np.int64),
        tx_index=links.index,
        tx_gross=ints(rows["gross_fen"], -1),
        tx_paid=ints(rows["paid_fen"], -1),
        moved=np.full((rows.height, 4), -1, np.int64),
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
