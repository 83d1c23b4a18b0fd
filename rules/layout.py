"""Where each number stands in the kernel's arrays. Absent amounts are -1, flags 0 or 1, days count from 1970-01-01."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

KEY_BITS = 48  # a limit's number stands above the code of its key
NO_LIMIT, CEILING, ENTITLEMENT, MIN_GRANT = -1, 0, 1, 2
SPECIAL_NAMES = ("ceiling", "entitlement", "min_grant")

# terms: one row per scheme version
(
    T_KIND, T_B1, T_B2, T_CAP, T_ROUND, T_UNIT, T_TIER0, T_TIER1, T_CAP0, T_CAP1, T_MEMBER, T_MIN, T_GMIN, T_GMAX,
    T_POLICY, AMOUNT_RULE, T_USE_RULE, T_NEEDS, T_SCHEME,
) = range(19)  # fmt: skip
TERMS_WIDTH = 19
TIER_FROM, TIER_OFF, TIER_PPM, TIER_CAP = range(4)
# caps: one row per limit of a scheme version, in order
CAP_ID, CAP_SHAPE, CAP_COUNT, CAP_VALUE, CAP_DENY, CAP_NAME = range(6)
ENT_SCHEME, ENT_USES, ENT_AMOUNT, ENT_FIRST, ENT_LAST, ENT_USED, ENT_USED_FEN = range(7)
L_TERMS, L_ENT, L_ENTITLED, L_GRANTED, L_KEPT, L_CHARGED, L_USES = range(7)
R_TX, R_LINE, R_SALE, R_TERMS, R_ENTITLED, R_BEFORE, R_AFTER, R_OUTCOME, R_LIMIT = range(9)
ROW_WIDTH = 9

BENEFIT_KINDS = ("percent", "fixed", "steps", "tiers", "price", "claimed")
ROUNDINGS = ("half_up", "down", "up")
POLICIES = ("proportional", "subsidy_first", "recompute", "full_only", "none")
USE_RULES = ("void", "full", "never")
COMBINES = ("best", "first", "stack")


class Arrays(NamedTuple):
    """The plan as numbers."""

    terms: Ints
    tiers: Ints
    caps: Ints
    first_right: Ints  # member -> first row of its entitlements; one longer than members
    most: Ints  # most limits of a scheme version, most lines of a sale


class Work(NamedTuple):
    """A batch as numbers. A slot is a sale (State's first), an op is a REFUND, VOID or REVERSAL (State's first)."""

    # per slot
    gross: Ints
    paid: Ints
    claimed: Ints
    refunded_gross: Ints
    refunded_paid: Ints
    flags: Ints  # 1 voided, 2 reversed
    first_line: Ints
    line_count: Ints
    touched: Ints
    member: Ints
    day: Ints
    pre: Ints  # outcome of the transaction checks; 0 all hold
    mask: NDArray[np.uint64]  # bit t: terms t is in force and its conditions but `gross` hold
    codes: Ints  # per shape
    # per line
    lines: Ints
    lines_before: Ints
    # per op
    op_kind: Ints
    op_sale: Ints
    op_took: Ints
    op_undone: Ints
    op_gross: Ints
    op_paid: Ints
    op_touched: Ints
    op_says: Ints  # what a refund states: its gross, else 0 and its paid part; 0 of the others
    target: Ints
    target_is_op: Ints
    # per transaction
    tx_index: Ints  # its slot; -1 less its op
    moved: Ints  # part of R, R after
    # per entitlement
    entitlements: Ints
