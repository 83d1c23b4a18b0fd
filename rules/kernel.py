"""The sequential heart over int64 arrays: rules.md sections 4 and 5 as in `rules.reference`, without a name.

Problem: a million sales under shared limits, one after the other. Example: limit 3 (`places`) and the code of the day
are one number, and what it has used is one row of a hash table. Rejected: a dense array per limit (members times weeks
times schemes do not fit), dictionaries of tuples (the reference: hundreds of times slower), 128-bit integers (none).
Bounds: amounts are below 2**50 and sums of a batch and State below 2**61, checked in rules.columnar. All is one file,
since Numba's cache notices a changed file but not a changed callee in another.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rules import layout as c
from rules.layout import Arrays, Ints, Work
from settlement.model.compiled import LOOP, STEP, WHOLE, ask_for, compiled

Int = Any  # an int64 inside the kernel
AHEAD = 3  # sales: how far the loop asks for memory before it needs it


class Env(NamedTuple):
    """What every step sees. `rows` is the table of usage, open addressing: key (-1: free), used; `cold` beside it: used
    before the batch, slot of a sale that has this key (apart, so that a look-up touches one line of the processor's
    cache). `keys` how many, and how many State brought; `out` rows of awards; `state` rows and lines written.
    """

    arrays: Arrays
    work: Work
    rows: Ints
    cold: Ints
    keys: Ints
    out: Ints
    state: Ints


@compiled(STEP)
def muldiv(a: Int, b: Int, c: Int) -> tuple[Int, Int]:
    """Quotient and rest of a·b / c without a 128-bit product, for a, b, c below 2**50 and a quotient in int64."""
    if (a | b) < 1 << 31 or b == 0 or a <= (1 << 62) // b:
        product = a * b
        quotient = product // c
        return quotient, product - quotient * c
    whole, part = a // c, a % c
    quotient, rest = 0, 0
    bit = 50
    while bit >= 0:
        quotient, rest = quotient * 2, rest * 2
        if rest >= c:
            quotient, rest = quotient + 1, rest - c
        if (b >> bit) & 1:
            quotient, rest = quotient + whole, rest + part
            if rest >= c:
                quotient, rest = quotient + 1, rest - c
        bit -= 1
    return quotient, rest


@compiled(STEP)
def muldiv_half_up(a: Int, b: Int, c: Int) -> Int:
    """a·b / c, halves up."""
    quotient, rest = muldiv(a, b, c)
    return quotient + (1 if 2 * rest >= c else 0)


@compiled(STEP)
def rounded_part(gross: Int, ppm: Int, rounding: Int, unit: Int) -> Int:
    """The part gross·ppm / 1,000,000 as a multiple of unit; rounding 0 half_up, 1 down, 2 up."""
    quotient, rest = muldiv(gross, ppm, 1_000_000 * unit)
    if (rounding == 0 and 2 * rest >= 1_000_000 * unit) or (rounding == 2 and rest > 0):
        quotient += 1
    return quotient * unit


@compiled(STEP)
def by_tiers(arrays: Arrays, t: Int, gross: Int) -> Int:
    """The highest tier reached."""
    terms, tiers = arrays.terms, arrays.tiers
    for k in range(terms[t, c.T_TIER1] - 1, terms[t, c.T_TIER0] - 1, -1):
        if tiers[k, c.TIER_FROM] <= gross:
            if tiers[k, c.TIER_OFF] >= 0:
                return tiers[k, c.TIER_OFF]
            fen = rounded_part(gross, tiers[k, c.TIER_PPM], terms[t, c.T_ROUND], terms[t, c.T_UNIT])
            return min(fen, tiers[k, c.TIER_CAP]) if tiers[k, c.TIER_CAP] >= 0 else fen
    return 0


@compiled(STEP)
def benefit(arrays: Arrays, t: Int, gross: Int, claimed: Int) -> tuple[Int, Int]:
    """(entitled, 1 where a known claim is out of range); claimed -1: unknown."""
    terms = arrays.terms
    kind, b1, b2 = terms[t, c.T_KIND], terms[t, c.T_B1], terms[t, c.T_B2]
    fen, outside = 0, 0
    if kind == 0:
        fen = rounded_part(gross, b1, terms[t, c.T_ROUND], terms[t, c.T_UNIT])
    elif kind == 1:
        fen = b1
    elif kind == 2:
        steps = gross // b1
        fen = gross if b2 > 0 and steps > gross // b2 else steps * b2
    elif kind == 3:
        fen = by_tiers(arrays, t, gross)
    elif kind == 4:
        fen = max(0, gross - b1)
    elif claimed >= 0:
        outside = 1 if (b1 >= 0 and claimed < b1) or (b2 >= 0 and claimed > b2) else 0
        fen = 0 if outside else claimed
    cap = terms[t, c.T_CAP]
    if cap >= 0:
        fen = min(fen, cap)
    fen = min(fen, gross)
    if claimed >= 0 and terms[t, c.T_MEMBER] == 0:
        fen = min(fen, claimed)
    return fen, outside


@compiled(STEP)
def spot(key: Int) -> Int:
    """Where to look for a key first, once cut to the size of the table."""
    mixed = np.uint64(key ^ (key >> 31))  # brings the limit's number, which stands high, down to where it counts
    return np.int64((mixed * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(24))


@compiled(STEP)
def place(rows: Ints, key: Int) -> Int:
    """Where `key` stands in the table, or the free row it would take."""
    size = rows.shape[0] - 1
    at = spot(key) & size
    while rows[at, 0] != key and rows[at, 0] != -1:
        at = (at + 1) & size
    return at


@compiled(STEP)
def fetch(env: Env, slot: Int) -> None:
    """Asks for the rows of usage that a sale's candidates will look at: a fifth of the loop was waiting for them."""
    arrays, work, rows = env.arrays, env.work, env.rows
    size, gross = rows.shape[0] - 1, work.gross[slot]
    t = next_candidate(work, slot, 0)
    while t >= 0:
        if gross >= arrays.terms[t, c.T_GMIN]:
            for cap in range(arrays.terms[t, c.T_CAP0], arrays.terms[t, c.T_CAP1]):
                ask_for(rows, spot(key_of(env, cap, slot)) & size)
        t = next_candidate(work, slot, t + 1)


@compiled(WHOLE)
def moved(rows: Ints, cold: Ints, wider: Ints, beside: Ints) -> None:
    """Puts the table into one with more room (`wider` has only free rows)."""
    for n in range(rows.shape[0]):
        if rows[n, 0] != -1:
            at = place(wider, rows[n, 0])
            wider[at] = rows[n]
            beside[at] = cold[n]


@compiled(WHOLE)
def brought(rows: Ints, cold: Ints, opening: Ints) -> None:
    """Puts what State brings, (key, used), into an empty table."""
    for n in range(len(opening)):
        at = place(rows, opening[n, 0])
        rows[at, 0], rows[at, 1], cold[at, 0], cold[at, 1] = opening[n, 0], opening[n, 1], opening[n, 1], -1


@compiled(STEP)
def key_of(env: Env, cap: Int, slot: Int) -> Int:
    """The number of a limit's key for a sale."""
    arrays, work = env.arrays, env.work
    return (arrays.caps[cap, c.CAP_ID] << c.KEY_BITS) | work.codes[slot, arrays.caps[cap, c.CAP_SHAPE]]


@compiled(STEP)
def charge(env: Env, slot: Int, n: Int, fen: Int, uses: Int) -> None:
    """Moves what line `n` is charged, in every limit and the entitlement."""
    arrays, work, rows = env.arrays, env.work, env.rows
    if fen == 0 and uses == 0:
        return
    lines = work.lines
    t = lines[n, c.L_TERMS]
    lines[n, c.L_CHARGED] += fen
    lines[n, c.L_USES] += uses
    for cap in range(arrays.terms[t, c.T_CAP0], arrays.terms[t, c.T_CAP1]):
        amount = uses if arrays.caps[cap, c.CAP_COUNT] else fen
        if amount != 0:
            key = key_of(env, cap, slot)
            at = place(rows, key)
            if rows[at, 0] == -1:  # a key seen first takes a row
                rows[at, 0], rows[at, 1] = key, 0
                env.cold[at, 0], env.cold[at, 1] = 0, slot
                env.keys[0] += 1
            elif env.keys[1] and env.cold[at, 1] == -1:  # State knew it, without a sale of this batch
                env.cold[at, 1] = slot
            rows[at, 1] += amount
    if lines[n, c.L_ENT] >= 0:
        work.entitlements[lines[n, c.L_ENT], c.ENT_USED] += uses
        work.entitlements[lines[n, c.L_ENT], c.ENT_USED_FEN] += fen


@compiled(STEP)
def entitlement(env: Env, t: Int, slot: Int) -> Int:
    """The member's entitlement for a scheme that is valid, has a use and min_grant left, and ends first; -1: none."""
    arrays, work = env.arrays, env.work
    member = work.member[slot]
    if member < 0:
        return -1
    rights, terms = work.entitlements, arrays.terms
    for n in range(arrays.first_right[member], arrays.first_right[member + 1]):
        if rights[n, c.ENT_SCHEME] != terms[t, c.T_SCHEME]:
            continue
        if work.day[slot] < rights[n, c.ENT_FIRST] or work.day[slot] > rights[n, c.ENT_LAST]:
            continue
        if rights[n, c.ENT_USES] >= 0 and rights[n, c.ENT_USED] >= rights[n, c.ENT_USES]:
            continue
        if rights[n, c.ENT_AMOUNT] >= 0 and rights[n, c.ENT_AMOUNT] - rights[n, c.ENT_USED_FEN] < terms[t, c.T_MIN]:
            continue
        return n
    return -1


@compiled(STEP)
def limited(env: Env, t: Int, slot: Int, fen: Int, name: Int) -> tuple[Int, Int]:
    """Step 5: the figure after a scheme's limits and pools, and what lowered it last."""
    arrays, rows = env.arrays, env.rows
    for cap in range(arrays.terms[t, c.T_CAP0], arrays.terms[t, c.T_CAP1]):
        if fen == 0:
            break
        at = place(rows, key_of(env, cap, slot))
        left = arrays.caps[cap, c.CAP_VALUE] - (rows[at, 1] if rows[at, 0] != -1 else 0)
        if arrays.caps[cap, c.CAP_COUNT]:
            if left < 1:
                fen, name = 0, arrays.caps[cap, c.CAP_NAME]
        elif left < fen:
            fen = 0 if arrays.caps[cap, c.CAP_DENY] else max(0, left)
            name = arrays.caps[cap, c.CAP_NAME]
    return fen, name


@compiled(STEP)
def figure(env: Env, t: Int, slot: Int, entitled: Int, outside: Int, ceiling: Int) -> tuple[Int, Int, Int, Int]:
    """Steps 3 to 5 of one candidate: (figure, outcome, limit, entitlement). ceiling -1: none."""
    arrays, work = env.arrays, env.work
    none: Int = -1
    if entitled == 0:
        return 0, (8 if outside else 9), c.NO_LIMIT, none
    name: Int = c.NO_LIMIT
    fen, right = entitled, none
    if ceiling >= 0 and ceiling < fen:
        fen, name = ceiling, c.CEILING
    if arrays.terms[t, c.T_NEEDS]:
        right = entitlement(env, t, slot)
        if right < 0:
            return 0, 7, c.NO_LIMIT, none
        if work.entitlements[right, c.ENT_AMOUNT] >= 0:
            left = work.entitlements[right, c.ENT_AMOUNT] - work.entitlements[right, c.ENT_USED_FEN]
            if max(0, left) < fen:
                fen, name = max(0, left), c.ENTITLEMENT
    fen, name = limited(env, t, slot, fen, name)
    if fen < arrays.terms[t, c.T_MIN]:
        if name == c.NO_LIMIT:
            name = c.MIN_GRANT
        fen = 0
    if fen == 0:
        return fen, 6, name, right
    return fen, (10 if fen < entitled else 11), name, right


@compiled(STEP)
def put_row(
    env: Env, tx: Int, line: Int, slot: Int, t: Int, entitled: Int, before: Int, after: Int, outcome: Int, limit: Int
) -> None:  # fmt: skip
    """One row of awards."""
    out, state = env.out, env.state
    n = state[0]
    state[0] += 1
    out[n, c.R_TX], out[n, c.R_LINE], out[n, c.R_SALE], out[n, c.R_TERMS] = tx, line, slot, t
    out[n, c.R_ENTITLED], out[n, c.R_BEFORE], out[n, c.R_AFTER] = entitled, before, after
    out[n, c.R_OUTCOME], out[n, c.R_LIMIT] = outcome, limit


@compiled(STEP)
def grant(env: Env, tx: Int, slot: Int, t: Int, entitled: Int, fen: Int, outcome: Int, limit: Int, right: Int) -> None:
    """Step 7 for one scheme."""
    work, state = env.work, env.state
    n = state[1]
    state[1] += 1
    lines = work.lines
    lines[n, c.L_TERMS], lines[n, c.L_ENT], lines[n, c.L_ENTITLED] = t, right, entitled
    lines[n, c.L_GRANTED], lines[n, c.L_KEPT], lines[n, c.L_CHARGED], lines[n, c.L_USES] = fen, fen, 0, 0
    if work.line_count[slot] == 0:
        work.first_line[slot] = n
    work.line_count[slot] += 1
    charge(env, slot, n, fen, 1)
    shown = limit if outcome == 10 else c.NO_LIMIT
    put_row(env, tx, work.line_count[slot], slot, t, entitled, 0, fen, outcome, shown)


@compiled(STEP)
def next_candidate(work: Work, slot: Int, t: Int) -> Int:
    """The first candidate of a sale from terms `t` on; -1: none."""
    word, words = t >> 6, work.mask.shape[1]
    while word < words:
        bits = work.mask[slot, word] >> np.uint64(t & 63)
        if bits != 0:
            while bits & np.uint64(1) == 0:
                bits >>= np.uint64(1)
                t += 1
            return t
        word += 1
        t = word << 6
    return -1


@compiled(STEP)
def rate_sale(env: Env, tx: Int, slot: Int, combine: Int) -> None:
    """Section 4; combine 0 best, 1 first, 2 stack."""
    arrays, work = env.arrays, env.work
    if work.pre[slot] != 0:
        put_row(env, tx, 1, slot, -1, -1, 0, 0, work.pre[slot], c.NO_LIMIT)
        return
    gross, claimed = work.gross[slot], work.claimed[slot]
    best_fen, best_t, best_entitled, best_outcome = 0, -1, 0, 99
    best_limit, best_right = c.NO_LIMIT, -1
    left, claim_left = gross, claimed
    t = next_candidate(work, slot, 0)
    while t >= 0:
        terms = arrays.terms
        if gross >= terms[t, c.T_GMIN] and (terms[t, c.T_GMAX] < 0 or gross <= terms[t, c.T_GMAX]):
            entitled, outside = benefit(arrays, t, gross, claimed)
            if combine == 2 or entitled > best_fen or best_fen == 0:
                ceiling: Int = -1
                if combine == 2:
                    ceiling = min(left, claim_left) if claimed >= 0 and terms[t, c.T_MEMBER] == 0 else left
                fen, outcome, limit, right = figure(env, t, slot, entitled, outside, ceiling)
                if combine == 2 and fen > 0:
                    grant(env, tx, slot, t, entitled, fen, outcome, limit, right)
                    left -= fen
                    if terms[t, c.T_MEMBER] == 0:
                        claim_left -= fen
                if fen > best_fen or (best_fen == 0 and outcome < best_outcome):
                    best_fen, best_t, best_entitled, best_outcome = fen, t, entitled, outcome
                    best_limit, best_right = limit, right
                if combine == 1 and fen > 0:
                    break
        t = next_candidate(work, slot, t + 1)
    if best_fen > 0:
        if combine != 2:
            grant(env, tx, slot, best_t, best_entitled, best_fen, best_outcome, best_limit, best_right)
        return
    outcome = best_outcome if best_t >= 0 else 5
    put_row(env, tx, 1, slot, best_t, best_entitled if best_t >= 0 else -1, 0, 0, outcome, best_limit)


@compiled(STEP)
def partial(work: Work, slot: Int, by_gross: Int, by_paid: Int) -> Int:
    """R of refunds by gross and of refunds by their paid part."""
    if by_paid == 0:
        return by_gross
    if work.paid[slot] > 0:
        return by_gross + muldiv_half_up(work.gross[slot], by_paid, work.paid[slot])
    return by_gross + by_paid


@compiled(STEP)
def refunded(work: Work, slot: Int) -> Int:
    """R of the page."""
    if work.flags[slot]:
        return work.gross[slot]
    return partial(work, slot, work.refunded_gross[slot], work.refunded_paid[slot])


@compiled(STEP)
def clawed(arrays: Arrays, t: Int, granted: Int, before: Int, gross: Int, r: Int) -> Int:
    """What an award loses at R."""
    terms = arrays.terms
    policy = terms[t, c.T_POLICY]
    if policy == 2 and terms[t, c.T_KIND] == 5:
        policy = 0
    if policy == 0:
        return muldiv_half_up(granted, r, gross)
    if policy == 1:
        return min(granted, max(0, r - before))
    if policy == 2:
        rest = gross - r
        again = 0
        if rest >= terms[t, c.T_GMIN] and (terms[t, c.T_GMAX] < 0 or rest <= terms[t, c.T_GMAX]):
            again, _ = benefit(arrays, t, rest, -1)
        return granted - min(granted, again)
    if policy == 3:
        return granted if r == gross else 0
    return 0


@compiled(STEP)
def settle(env: Env, tx: Int, slot: Int, outcome: Int) -> None:
    """Brings every line of a sale to what its R and flags say, with a row for each."""
    arrays, work = env.arrays, env.work
    lines, gross, flag = work.lines, work.gross[slot], work.flags[slot]
    r = refunded(work, slot)
    before, room = 0, gross - r
    for number in range(work.line_count[slot]):
        n = work.first_line[slot] + number
        t, granted, kept = lines[n, c.L_TERMS], lines[n, c.L_GRANTED], lines[n, c.L_KEPT]
        now = 0
        if flag == 0:
            now = min(granted - clawed(arrays, t, granted, before, gross, r), room)
        before += granted
        room -= now
        rule = arrays.terms[t, c.T_USE_RULE]  # restore.use: 0 void, 1 full, 2 never
        back = granted if flag else (granted - now if arrays.terms[t, c.AMOUNT_RULE] else 0)
        use = 1 if flag == 2 or (flag == 1 and rule < 2) or (r == gross and rule == 1) else 0
        charge(env, slot, n, granted - back - lines[n, c.L_CHARGED], 1 - use - lines[n, c.L_USES])
        lines[n, c.L_KEPT] = now
        put_row(env, tx, number + 1, slot, t, -1, kept, now, outcome, c.NO_LIMIT)
    if work.line_count[slot] == 0:
        put_row(env, tx, 1, slot, -1, -1, 0, 0, 24, c.NO_LIMIT)


@compiled(STEP)
def rate_on_sale(env: Env, tx: Int, op: Int, slot: Int) -> Int:
    """REFUND, VOID or REVERSAL of a sale; returns the refund's part of R (-1: none known)."""
    work = env.work
    kind, part, wrong = work.op_kind[op], -1, 0
    by_gross, by_paid = work.op_says[op, 0], work.op_says[op, 1]
    if kind == 1:
        if by_paid > 0 and work.paid[slot] >= 0 and work.refunded_paid[slot] + by_paid > work.paid[slot]:
            wrong = 23
        else:
            old_gross, old_paid = work.refunded_gross[slot], work.refunded_paid[slot]
            after = partial(work, slot, old_gross + by_gross, old_paid + by_paid)
            part = after - partial(work, slot, old_gross, old_paid)
            wrong = 23 if after > work.gross[slot] else 0
    if work.flags[slot]:
        wrong = 22
    if wrong:
        put_row(env, tx, 1, slot, -1, -1, 0, 0, wrong, c.NO_LIMIT)
        return part
    work.op_took[op] = 1
    work.touched[slot] = 1
    if kind == 1:
        work.op_gross[op], work.op_paid[op] = by_gross, by_paid
        work.refunded_gross[slot] += by_gross
        work.refunded_paid[slot] += by_paid
    else:
        work.flags[slot] = 1 if kind == 2 else 2
    settle(env, tx, slot, 25)
    return part


@compiled(STEP)
def rate_operation(env: Env, tx: Int, op: Int) -> Int:
    """Section 5; returns the refund's part of R (-1: none known)."""
    work = env.work
    work.op_touched[op] = 1
    target = work.target[op]
    if not work.target_is_op[op]:
        work.op_sale[op] = target
        return rate_on_sale(env, tx, op, target)
    slot = work.op_sale[target]
    work.op_sale[op] = slot
    undoes = work.op_kind[op] == 3 and work.op_kind[target] < 3 and work.op_took[target] and not work.op_undone[target]
    if not undoes:
        put_row(env, tx, 1, slot, -1, -1, 0, 0, 21, c.NO_LIMIT)
        return work.op_says[op, 0] if work.op_says[op, 0] > 0 else -1
    work.op_took[op] = 1
    work.op_undone[target] = 1
    work.op_touched[target] = 1
    work.touched[slot] = 1
    if work.op_kind[target] == 2:
        work.flags[slot] = 0
    else:
        work.refunded_gross[slot] -= work.op_gross[target]
        work.refunded_paid[slot] -= work.op_paid[target]
    settle(env, tx, slot, 26)
    return -1


@compiled(LOOP)
def stretch(env: Env, order: Ints, start: Int, combine: Int) -> Int:
    """Rates from `start` on while there is room in the table and for rows; returns where it stopped."""
    work = env.work
    most_caps, most_lines = env.arrays.most[0], env.arrays.most[1]
    for at in range(start, len(order)):
        if env.state[0] + most_lines > len(env.out) or 2 * (env.keys[0] + most_caps * most_lines) > len(env.rows):
            return at
        if at + AHEAD < len(order) and work.tx_index[order[at + AHEAD]] >= 0:
            fetch(env, work.tx_index[order[at + AHEAD]])
        tx, first = order[at], env.state[0]
        index = work.tx_index[tx]
        if index >= 0:
            rate_sale(env, tx, index, combine)
            work.touched[index] = 1
            part = work.gross[index]
        else:
            part = rate_operation(env, tx, -1 - index)
        work.moved[tx, 0], work.moved[tx, 1] = part, refunded(work, env.out[first, c.R_SALE])
    return len(order)
