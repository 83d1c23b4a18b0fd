"""Entries balance or do not exist; events book what the table in settlement.md says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.ledger.balances import MOVEMENT, residual, trial_balance
from settlement.ledger.chart import Chart, Role, parse_chart
from settlement.ledger.entries import LINE, Entries, UnbalancedError
from settlement.ledger.events import AWARD_TOTAL, CLEARED, MONEY, OPENING, PAYEE_AMOUNT, no_events, posting
from settlement.model.errors import BadConfiguration

CHARTS = Path(__file__).resolve().parents[2] / "batch" / "charts"
TEXT = (CHARTS / "default.yaml").read_text("utf-8")
CHART: Chart = parse_chart(TEXT, "default.yaml")
DAY = "2026-05-07"


def _frame(rows, schema):
    return pl.DataFrame(rows, schema=schema, orient="row")


def _booked(**events):
    lines = posting(replace(no_events(), **events), DAY, "suzhou", CHART).lines
    return {(r["account"], r["sponsor"], r["payee_no"]): r["amount_fen"] for r in lines.iter_rows(named=True)}


def _line(key, account, fen):
    return (key, "award", "x", account, fen, None, None, None, None, None)


def test_an_unbalanced_entry_cannot_be_built():
    lines = [_line("a", "1", 5), _line("a", "2", -5), _line("b", "1", 7), _line("b", "2", -6)]
    with pytest.raises(UnbalancedError, match="entry b does not balance: 1 fen"):
        Entries(_frame(lines, LINE))


def test_two_entries_that_only_balance_together_are_refused():
    with pytest.raises(UnbalancedError):
        Entries(_frame([_line("a", "1", 5), _line("b", "2", -5)], LINE))


def test_lines_are_merged_zero_left_out_and_numbered_without_gaps():
    lines = [_line("b", "1", 5), _line("b", "1", 2), _line("b", "2", -7), _line("a", "1", 1), _line("a", "1", -1)]
    entries, rows = Entries(_frame(lines, LINE)).rows(date(2026, 5, 7), 41)
    assert entries["entry_id"].to_list() == [41]
    assert rows.select("entry_id", "line", "account", "amount_fen").rows() == [(41, 1, "1", 7), (41, 2, "2", -7)]


def _award(event, payee_kind, payee, sponsor, kind, fen):
    return (event, "suzhou", "bakery", payee_kind, payee, sponsor, kind, "M9", fen)


@pytest.mark.parametrize(
    ("payee_kind", "payable", "receivable"),
    [("merchant", "2202", None), ("channel", "2203", None), ("member", "2204", 400)],
)
def test_award_of_three_sponsors(payee_kind, payable, receivable):
    shares = [
        _award("award", payee_kind, "P", "city", "union", 1000),
        _award("award", payee_kind, "P", "shop", "merchant", 400),
        _award("award", payee_kind, "P", "bank", "bank", 600),
    ]
    booked = _booked(awards=_frame(shares, AWARD_TOTAL))
    owed = 1600 + (receivable or 0)
    expected = {("5001", "city", None): 1000, ("2241", "bank", None): 600, (payable, None, "P"): -owed}
    if receivable:
        expected["1121", "shop", "M9"] = receivable
    assert booked == expected


def test_a_clawback_is_the_award_reversed_in_an_entry_of_its_own():
    shares = [_award("award", "merchant", "P", "city", "union", 1000)]
    back = [_award("clawback", "merchant", "P", "city", "union", -1000)]
    entries = posting(replace(no_events(), awards=_frame(shares + back, AWARD_TOTAL)), DAY, "suzhou", CHART)
    assert sorted(set(entries.lines["entry_key"])) == [
        "award:2026-05-07:suzhou:bakery:merchant:P",
        "clawback:2026-05-07:suzhou:bakery:merchant:P",
    ]
    assert entries.lines["amount_fen"].sum() == 0


PAYEE = [("S-1", "suzhou", "merchant", "P", 900)]


@pytest.mark.parametrize(
    ("name", "debit", "credit"),
    [
        ("fees", ("2202", "P"), ("4003", "P")),
        ("releases", ("2202", "P"), ("2205", "P")),
        ("rejections", ("2205", "P"), ("2202", "P")),
        ("adjustments", ("5005", "P"), ("2202", "P")),
    ],
)
def test_payee_events(name, debit, credit):
    booked = _booked(**{name: _frame(PAYEE, PAYEE_AMOUNT)})
    assert booked == {(debit[0], None, debit[1]): 900, (credit[0], None, credit[1]): -900}


@pytest.mark.parametrize(
    ("kind", "subject", "fen", "counter"),
    [
        ("paid", "S-1-1", -900, ("2205", None, "P")),
        ("returned", "S-1-1", 900, ("2202", None, "P")),
        ("sponsor_funds", "bank", 5000, ("2241", "bank", None)),
        ("sponsor_funds", "city", 5000, ("4001", "city", None)),
        ("charge", "main", -12, ("5002", None, None)),
        ("interest", "main", 34, ("4002", None, None)),
        (None, None, 777, ("1901", None, None)),
        (None, None, -777, ("1901", None, None)),
    ],
)
def test_a_bank_line_moves_the_bank_account_and_what_it_was(kind, subject, fen, counter):
    payee = ("merchant", "P") if kind in {"paid", "returned"} else (None, None)
    booked = _booked(money=_frame([("L1", kind, subject, fen, "1002", False, *payee)], MONEY))
    assert booked == {("1002", None, None): fen, counter: -fen}


def test_a_suspended_line_that_is_known_later_leaves_the_bank_account_alone():
    money = _frame([("L1", "sponsor_funds", "bank", 777, "1002", True, None, None)], MONEY)
    assert _booked(money=money) == {("1901", None, None): 777, ("2241", "bank", None): -777}


@pytest.mark.parametrize(("event", "account"), [("written_off", "5004"), ("adjusted", "5005")])
def test_a_person_clears_suspense(event, account):
    booked = _booked(cleared=_frame([("D-1", event, 777)], CLEARED))
    assert booked == {("1901", None, None): 777, (account, None, None): -777}


def test_opening_balance():
    assert _booked(openings=_frame([("1002", 10_000)], OPENING)) == {
        ("1002", None, None): 10_000,
        ("3001", None, None): -10_000,
    }


KINDS = st.sampled_from([("city", "union"), ("bank", "bank"), ("shop", "merchant"), ("gusu", "union")])


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["award", "clawback"]),
            st.sampled_from(["merchant", "channel", "member"]),
            st.sampled_from(["P", "Q"]),
            KINDS,
            st.integers(-(10**12), 10**12),
        ),
        max_size=30,
    )
)
def test_every_award_balances_and_the_payable_is_what_the_payee_is_owed(rows):
    awards = _frame([_award(e, kind, payee, *sponsor, fen) for e, kind, payee, sponsor, fen in rows], AWARD_TOTAL)
    lines = posting(replace(no_events(), awards=awards), DAY, "suzhou", CHART).lines
    assert lines["amount_fen"].sum() == 0
    for kind in ("merchant", "channel", "member"):
        owed = sum(r[4] for r in rows if r[1] == kind and (r[3][1] != "merchant" or kind == "member"))
        booked = lines.filter(pl.col("account") == CHART.payable(kind))["amount_fen"].sum()
        assert booked == -owed


def test_trial_balance_foots():
    moves = _frame([("1002", 100, 50, 20), ("3001", -100, 0, 0), ("5001", 0, 0, 30)], MOVEMENT)
    trial = trial_balance(moves, CHART)
    assert trial.select("account", "name", "closing_fen").rows() == [
        ("1002", "银行存款", 130),
        ("3001", "期初余额", -100),
        ("5001", "补贴支出", -30),
    ]
    assert residual(trial) == 0


@pytest.mark.parametrize("path", sorted(CHARTS.glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_charts_are_whole(path):
    chart = parse_chart(path.read_text("utf-8"), path.name)
    assert chart.chart == path.stem
    assert {chart.code(role) for role in Role} <= set(chart.accounts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('subsidy_expense: "5001"', 'subsidy_expense: "9"'), "no account '9'; add it under accounts"),
        (('  opening: "3001"\n', ""), "opening has no account; name the code of one"),
        (("  opening:", "  openning:"), "opening has no account"),
        (('payable_channel: "2203"', 'payable_channel: "2202"'), "need an account each"),
        (("kind: asset", "kind: aset"), "accounts.1002.kind"),
        (("own_sponsor: city", "own_sponsor: [city"), "c.yaml:"),
    ],
)
def test_a_wrong_chart_is_named(change, message):
    with pytest.raises(BadConfiguration) as caught:
        parse_chart(TEXT.replace(*change), "c.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
