"""Netting: lines, totals, hold-back, minimum, what is carried; figures worked out by hand from settlement.md."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.model.frames import empty
from settlement.payout.digest import statement_digests
from settlement.payout.statements import ADJUSTMENT, DUE_PAYEE, OPEN_AWARD, draft, part_expr

DAY, DUE, NEXT = date(2026, 5, 7), date(2026, 5, 8), date(2026, 5, 9)
UNTIL = date(2026, 6, 7)


def award(n, granted, *, kind="SALE", gross=10_000, payable=None, scheme="s", payee="M1", due=True, **more):
    row = {
        "transaction_id": f"t{n}",
        "line": 1,
        "kind": kind,
        "clearing_date": DAY,
        "scheme": scheme,
        "payee_kind": "merchant",
        "payee_no": payee,
        "gross_fen": gross,
        "paid_fen": gross - abs(granted),
        "granted_fen": granted,
        "payable_fen": granted if payable is None else payable,
        "undoes": False,
        "due": due,
        "reason": None if due else "OURS_ONLY",
    }
    return row | more


def payee(no="M1", **more):
    row = {
        "payee_kind": "merchant",
        "payee_no": no,
        "period_from": DAY,
        "period_to": DAY,
        "due_date": DUE,
        "next_due": NEXT,
        "brought_fen": 0,
        "held_back_fen": 0,
        "minimum_fen": 0,
        "holdback_ppm": 0,
        "holdback_until": UNTIL,
        "fee_ppm": 0,
    }
    return row | more


def drafted(awards, payees, adjustments=()):
    return draft(
        pl.DataFrame(awards, schema=OPEN_AWARD),
        pl.DataFrame(payees, schema=DUE_PAYEE),
        pl.DataFrame(list(adjustments), schema=ADJUSTMENT, orient="row"),
    )


def figures(result, *names):
    return result.statements.select(names).row(0)


def test_sales_refunds_share_and_fee_on_one_line():
    result = drafted(
        [
            award(1, 2000, payable=1400),
            award(2, 1000, gross=5000, payable=700),
            award(3, -1000, kind="REFUND", gross=5000, payable=-700),
        ],
        [payee(fee_ppm=6000)],
    )
    line = result.lines.row(0, named=True)
    assert (line["sale_count"], line["sale_fen"], line["refund_count"], line["refund_fen"]) == (2, 15_000, 1, 5000)
    assert line["paid_fen"] == 8000 + 4000 - 4000
    # 0.6 % of 100.00 net is 0.60
    assert (line["subsidy_fen"], line["merchant_share_fen"], line["fee_fen"]) == (2000, 600, 60)
    assert figures(result, "due_fen", "settled_fen", "carried_fen") == (1340, 1340, 0)


def test_an_undone_refund_takes_its_refund_back():
    result = drafted(
        [
            award(1, -1000, kind="REFUND", gross=5000),
            award(2, 1000, kind="REVERSAL", gross=5000, undoes=True),
        ],
        [payee(fee_ppm=6000)],
    )
    line = result.lines.row(0, named=True)
    assert (line["refund_count"], line["refund_fen"], line["paid_fen"], line["fee_fen"]) == (0, 0, 0, 0)


def test_the_fee_of_a_sale_with_two_awards_is_taken_once():
    two = [award(1, 2000), award(1, 500, scheme="u", line=2)]
    result = drafted(two, [payee(fee_ppm=10_000)])
    assert result.lines["fee_fen"].to_list() == [100, 0]


def test_a_negative_total_is_carried_and_comes_back():
    first = drafted([award(1, -700, kind="REFUND")], [payee()])
    assert figures(first, "due_fen", "settled_fen", "carried_fen") == (-700, 0, -700)
    second = drafted([award(2, 1000)], [payee(brought_fen=-700)])
    assert second.lines.select("scheme", "brought_fen", "subsidy_fen").rows() == [(None, -700, 0), ("s", 0, 1000)]
    assert figures(second, "due_fen", "settled_fen", "carried_fen") == (300, 300, 0)


@pytest.mark.parametrize(("minimum", "settled"), [(1000, 1000), (1001, 0)])
def test_minimum_is_inclusive(minimum, settled):
    result = drafted([award(1, 1000)], [payee(minimum_fen=minimum)])
    assert figures(result, "settled_fen", "carried_fen") == (settled, 1000 - settled)


def test_hold_back_of_two_days_and_its_release():
    first = drafted([award(1, 100_000)], [payee(holdback_ppm=50_000)])
    assert figures(first, "holdback_fen", "settled_fen", "carried_fen") == (5000, 95_000, 5000)
    second = drafted([award(2, 100_000)], [payee(holdback_ppm=50_000, brought_fen=5000, held_back_fen=5000)])
    assert figures(second, "due_fen", "settled_fen", "carried_fen") == (105_000, 95_000, 10_000)
    # the first hold-back's date has come, nothing new was sold: it is paid all the same
    third = drafted([], [payee(holdback_ppm=50_000, brought_fen=10_000, held_back_fen=5000)])
    assert figures(third, "due_fen", "holdback_fen", "settled_fen", "carried_fen") == (10_000, 0, 5000, 5000)


def test_held_awards_are_listed_with_reason_and_expected_date():
    result = drafted([award(1, 1000), award(2, 500, due=False)], [payee()])
    assert result.held.select("transaction_id", "reason", "expected_date").rows() == [("t2", "OURS_ONLY", NEXT)]
    assert figures(result, "due_fen") == (1000,)
    assert result.awards["transaction_id"].to_list() == ["t1"]


def test_a_payee_with_nothing_but_held_awards_gets_no_statement():
    result = drafted([award(2, 500, due=False)], [payee()])
    assert result.statements.is_empty()
    assert result.held.is_empty()


def test_awards_after_the_period_wait_and_late_ones_are_taken():
    late, early = date(2026, 5, 1), date(2026, 5, 8)
    result = drafted([award(1, 10, clearing_date=late), award(2, 20, clearing_date=early)], [payee()])
    assert result.lines.select("clearing_date", "subsidy_fen").rows() == [(late, 10)]


def test_adjustments_stand_on_their_own_line():
    result = drafted([award(1, 1000)], [payee()], [("D-1", 1, DAY, "merchant", "M1", -250)])
    assert result.lines.select("scheme", "adjustment_fen").rows() == [("s", 0), (None, -250)]
    assert figures(result, "adjustment_fen", "due_fen") == (-250, 750)


def test_nothing_due_nothing_drafted():
    result = draft(empty(OPEN_AWARD), empty(DUE_PAYEE), empty(ADJUSTMENT))
    assert result.statements.is_empty()
    assert result.lines.is_empty()


FEN = st.integers(-(10**12), 10**12)
AWARDS = st.lists(st.tuples(st.sampled_from("ABC"), FEN, st.booleans()), min_size=1, max_size=25)
PPM = st.integers(0, 1_000_000)


@settings(deadline=None)
@given(AWARDS, st.dictionaries(st.sampled_from("ABC"), FEN), PPM, PPM, st.integers(0, 10**6))
def test_nothing_is_lost_between_awards_lines_and_statements(rows, brought, holdback, fee, minimum):
    awards = [award(n, fen, payee=no, due=due, gross=abs(fen)) for n, (no, fen, due) in enumerate(rows)]
    payees = [
        payee(no, brought_fen=brought.get(no, 0), holdback_ppm=holdback, fee_ppm=fee, minimum_fen=minimum)
        for no in "ABC"
    ]
    result = drafted(awards, payees)
    for row in result.statements.iter_rows(named=True):
        mine = [fen for no, fen, due in rows if no == row["payee_no"] and due]
        assert row["subsidy_fen"] == sum(mine)
        assert row["due_fen"] == sum(mine) - row["fee_fen"] + brought.get(row["payee_no"], 0)
        assert row["due_fen"] == row["settled_fen"] + row["carried_fen"]
        assert row["settled_fen"] == 0 or row["settled_fen"] >= minimum
        assert row["settled_fen"] >= 0
    billed = set(result.statements["payee_no"])
    assert {no for no, _, due in rows if due} <= billed
    assert result.lines["subsidy_fen"].sum() == result.statements["subsidy_fen"].sum()
    shuffled = drafted(awards[::-1], payees[::-1])
    assert shuffled.statements.equals(result.statements)
    assert shuffled.lines.equals(result.lines)


@settings(deadline=None)
@given(st.lists(FEN, min_size=2, max_size=8))
def test_carrying_over_many_days_pays_the_sum_and_not_a_fen_more(days):
    carried = paid = 0
    for fen in days:
        result = drafted([award(1, fen)], [payee(brought_fen=carried)])
        settled, carried = figures(result, "settled_fen", "carried_fen")
        paid += settled
    assert paid + carried == sum(days)
    assert carried <= 0


@settings(deadline=None)
@given(FEN, PPM)
def test_part_is_half_up_away_from_zero(fen, ppm):
    got = pl.DataFrame({"f": [fen], "p": [ppm]}).select(part_expr(pl.col("f"), pl.col("p"))).item()
    exact = (2 * abs(fen) * ppm + 1_000_000) // 2_000_000
    assert got == (exact if fen >= 0 else -exact)


def _digest(result, **changes):
    number = pl.lit("N-1").alias("statement_no")
    frames = [
        result.statements.with_columns(number).with_columns(**{k: pl.lit(v) for k, v in changes.items()}),
        result.lines.with_columns(number),
        result.awards.with_columns(number),
        result.held.with_columns(number),
    ]
    return statement_digests(*frames)["N-1"], statement_digests(*[f.reverse() for f in frames])["N-1"]


def test_the_digest_changes_with_any_figure_and_not_with_row_order():
    base = [award(1, 1000), award(2, 500), award(3, 5, due=False)]
    one, reversed_rows = _digest(drafted(base, [payee()]))
    assert one == reversed_rows
    others = {
        _digest(drafted(base, [payee()]), due_date=NEXT)[0],
        _digest(drafted([award(1, 999), award(2, 501), award(3, 5, due=False)], [payee()]))[0],
        _digest(drafted([*base[:2], award(4, 5, due=False)], [payee()]))[0],
    }
    assert len(others | {one}) == 4
    assert all(a != b for a, b in pairwise(sorted(others | {one})))
