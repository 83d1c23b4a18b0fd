"""The one door to rating: `rate` by the kernel or by the reference, which give the same."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from rules import reference
from rules.plan import Plan
from rules.rated import Rated
from rules.state import State
from settlement.model.frames import unique

Engine = Literal["auto", "kernel", "reference"]
SMALL = 50_000  # rows; below, the reference is done before Numba is loaded


def warm() -> None:
    """Loads Numba, which takes a good half second: to be done while the kernel's input is still being read."""
    from rules.kernel_batch import rating_order

    none = np.empty(0, np.int64)
    rating_order(none, np.empty(0, np.bool_), none, none)


def rate(plan: Plan, transactions: pl.DataFrame, state: State, *, engine: Engine = "auto") -> Rated:
    """Rates one batch (rules.md sections 3 to 6).

    `transactions`: RATE_INPUT with ids that are unique and unknown to `state` (assert), in any order. SALE needs
    gross_fen > 0, REFUND gross_fen or paid_fen (> 0). Amounts are at most documents.MAX_FEN, which keeps every sum in
    int64. Data problems are outcomes; nothing is raised. Both engines give the same; `auto` takes the quicker one.
    """
    ids = transactions["transaction_id"]
    assert unique(ids), "a transaction id stands twice"
    assert not state.known(ids).any(), "a transaction is known to State already"
    if engine == "reference" or (engine == "auto" and transactions.height + state.waiting.height < SMALL):
        return reference.rate(plan, transactions, state)
    from rules import kernel_rated  # Numba is heavy: only who rates by the kernel loads it

    return kernel_rated.rate(plan, transactions, state)
