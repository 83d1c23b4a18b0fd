"""The order of rating (rules.md section 3) over positions; the twin of `rules.order.in_rating_order`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.layout import Ints
from settlement.model.compiled import WHOLE, compiled

Flags = NDArray[np.bool_]
Int = Any  # an int64 inside the kernel


@compiled(WHOLE)
def rating_order(parent: Ints, ready: Flags, rank: Ints, sequence: Ints) -> tuple[Ints, Int]:
    """Section 3 over positions: (in rating order, how many are rated); the orphans stand behind, unordered.

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
            stack[base:depth] = stack[base:depth][::-1].copy()
    behind = done
    for n in range(total):
        if not rated[n]:
            order[behind] = n
            behind += 1
    return order, done
