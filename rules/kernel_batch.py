"""What stands around the loop: the order of rating, candidates, codes of keys; behind it, what limits have moved."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules import kernel
from rules.layout import ROW_WIDTH, Arrays, Ints, Work
from settlement.model.compiled import WHOLE, compiled

Flags = NDArray[np.bool_]
Masks = NDArray[np.uint64]
Int = Any  # an int64 inside the kernel


@compiled(WHOLE)
def rating_order(parent: Ints, ready: Flags, rank: Ints, sequence: Ints) -> tuple[Ints, Int]:
    """Section 3 over positions: (in rating order, how many are rated); the orphans stand behind, unordered.

    The twin of `rules.order.in_rating_order`.
    `parent` is the position of a transaction's original (-1: none here), `ready` whether it needs none or State has it,
    `rank` its place by (instant, kind, id), `sequence` the positions in the order they come up.
    """
    total = len(parent)
    order, rated, waits = np.empty(total, np.int64), np.zeros(total, np.bool_), np.zeros(total, np.bool_)
    child, sibling = np.full(total, -1, np.int64), np.full(total, -1, np.int64)
    by_rank = np.empty(total, np.int64)
    for n in range(total):
        by_rank[rank[n]] = n
    for k in range(total - 1, -1, -1):
        n = by_rank[k]
        if parent[n] >= 0:
            sibling[n] = child[parent[n]]
            child[parent[n]] = n
    stack = np.empty(total, np.int64)
    done = 0
    for first in sequence:
        if not ready[first] and (parent[first] < 0 or parent[first] == first or not rated[parent[first]]):
            waits[first] = True
            continue
        depth = 1
        stack[0] = first
        while depth:
            depth -= 1
            now = stack[depth]
            rated[now], waits[now] = True, False
            order[done] = now
            done += 1
            base = depth
            follower = child[now]
            while follower >= 0:
                if waits[follower] and follower != now:
                    stack[depth] = follower
                    depth += 1
                follower = sibling[follower]
            if depth > base + 1:
                stack[base:depth] = stack[base:depth][::-1].copy()
    behind = done
    for n in range(total):
        if not rated[n]:
            order[behind] = n
            behind += 1
    return order, done


@compiled(WHOLE)
def candidates(
    old: Int, member: Ints, merchant: Ints, days: Ints, minutes: Ints, instruments: Ints, low: Int,
    members: Ints, merchants: Ints, by_day: Masks, by_minute: Masks, by_instrument: Masks, by_merchant: Masks,
    by_member: Masks, pre: Ints, mask: Masks,
) -> None:  # fmt: skip
    """Fills `pre` and `mask` of the slots from `old` on (rules.md sections 4.1 and 4.2, all conditions but `gross`).

    `members` and `merchants`: first and last valid day of each row of the plan; `low` the first day of `by_day`.
    """
    for slot in range(old, len(member)):
        who, shop, day = member[slot], merchant[slot], days[slot]
        if who < 0:
            pre[slot] = 1
        elif day < members[who, 0] or day > members[who, 1]:
            pre[slot] = 2
        elif shop < 0:
            pre[slot] = 3
        elif day < merchants[shop, 0] or day > merchants[shop, 1]:
            pre[slot] = 4
        else:
            new = slot - old
            minute, instrument = minutes[new], instruments[new]
            for word in range(mask.shape[1]):
                when = by_day[day - low, word] & by_minute[minute, word] & by_instrument[instrument, word]
                mask[slot, word] = when & by_merchant[shop, word] & by_member[who, word]


@compiled(WHOLE)
def codes_of(day: Ints, parts: Ints, windows: Ints, factors: Ints, out: Ints) -> None:
    """The code of each row's key under each kind of limit (rules.keycodes); `day` counts the columns of `windows`."""
    for row in range(len(day)):
        for shape in range(windows.shape[0]):
            code = windows[shape, day[row]]
            for part in range(parts.shape[0]):
                code += parts[part, row] * factors[shape, part]
            out[row, shape] = code


@compiled(WHOLE)
def used_rows(rows: Ints, cold: Ints) -> Ints:
    """Of the kernel's table of usage the rows that are taken and have moved: key, used, used before, slot."""
    count = 0
    for n in range(rows.shape[0]):
        count += rows[n, 0] != -1 and rows[n, 1] != cold[n, 0]
    out = np.empty((count, 4), np.int64)
    count = 0
    for n in range(rows.shape[0]):
        if rows[n, 0] != -1 and rows[n, 1] != cold[n, 0]:
            out[count, 0], out[count, 1], out[count, 2], out[count, 3] = rows[n, 0], rows[n, 1], cold[n, 0], cold[n, 1]
            count += 1
    return out


def run(arrays: Arrays, work: Work, order: Ints, opening: Ints, combine: int) -> tuple[Ints, Ints, Ints]:
    """Rates the transactions of `order`; `opening` is (key, used) of what limits have used before.

    Returns (rows of awards, Env's `rows` and `cold` in the end). The tables are NumPy's, which asks for large pages of
    memory where Numba does not: their rows are met in no order, and small pages made the loop a tenth slower.
    """
    size = 1024
    while size < max(4 * len(opening), 2 * len(order)):
        size *= 2
    rows, cold = _table(size)
    kernel.brought(rows, cold, opening)
    count = np.array([len(opening), len(opening)])
    state = np.array([0, work.lines_before[0]])  # rows of awards written, lines written
    out = np.empty((len(order) + len(order) // 8 + 64, ROW_WIDTH), np.int64)
    most_caps, most_lines = (int(most) for most in arrays.most)
    done = kernel.stretch(kernel.Env(arrays, work, rows, cold, count, out, state), order, 0, combine)
    while done < len(order):
        if state[0] + most_lines > len(out):
            longer = np.empty((2 * len(out) + most_lines, ROW_WIDTH), np.int64)
            longer[: state[0]] = out[: state[0]]
            out = longer
        if 2 * (count[0] + most_caps * most_lines) > len(rows):
            wider = _table(2 * len(rows))
            kernel.moved(rows, cold, *wider)
            rows, cold = wider
        done = kernel.stretch(kernel.Env(arrays, work, rows, cold, count, out, state), order, done, combine)
    return out[: state[0]], rows, cold


def _table(size: int) -> tuple[Ints, Ints]:
    """Free rows of usage."""
    return np.full((size, 2), -1, np.int64), np.empty((size, 2), np.int64)
