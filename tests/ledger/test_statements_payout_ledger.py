"""Sum of statements = payout file = ledger movement, in total and for each payee, over days of random awards."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.ledger.chart import PAYABLE as ROLES
from settlement.ledger.chart import parse_chart
from settlement.ledger.events import AWARD_TOTAL, PAYEE_AMOUNT, no_events, posting
from settlement.model.frames import empty
from settlement.payout.items import ACCOUNT, HOLD, PAYABLE, draft_items
from settlement.payout.statements import ADJUSTMENT, DUE_PAYEE, OPEN_AWARD, draft

TEXT = (Path(__file__).resolve().parents[2] / "batch" / "charts" / "default.yaml").read_text("utf-8")
CHART = parse_chart(TEXT, "default.yaml")
PAYEES = ("A", "B", "C")
START = date(2026, 5, 4)
AWARDS = st.lists(st.tuples(st.sampled_from(PAYEES), st.integers(-5000, 9000)), max_size=6)


def _open_awards(day, rows):
    names = list(OPEN_AWARD)
    body = [
        (f"{day}-{n}", 1, "SALE" if fen > 0 else "REFUND", day, "s", "merchant", no, abs(fen), 0, fen, fen, False, True)
        for n, (no, fen) in enumerate(rows)
    ]
    return pl.DataFrame([(*row, None) for row in body], schema={name: OPEN_AWARD[name] for name in names}, orient="row")


def _payees(day, carried, minimum):
    due = day + timedelta(days=1)
    rows = [
        ("merchant", no, day, day, due, due, carried.get(no, 0), 0, minimum, 0, due, 0)
        for no in PAYEES
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=DUE_PAYEE, orient="row")


def _pay(statements):
    """The items of freshly drafted statements; every payee has an approved account."""
    paying = statements.filter(pl.col("settled_fen") > 0)
    rows = [
        (f"S-{i}", "merchant", row["payee_no"], row["settled_fen"], *[None] * 7)
        for i, row in enumerate(paying.iter_rows(named=True))
    ]
    accounts = [("merchant", no, 1, START, True) for no in PAYEES]
    payables = pl.DataFrame(rows, schema=PAYABLE, orient="row")
    return draft_items(payables, pl.DataFrame(accounts, schema=ACCOUNT, orient="row"), empty(HOLD), "B")


def _post(day, rows, items):
    """(payee, fen) lines of the night's awards and of the release of its items, on the payable account."""
    awards = [("award", "p", "s", "merchant", no, "city", "union", None, fen) for no, fen in rows]
    releases = items.items.select(
        subject="end_to_end_id", programme=pl.lit("p"), payee_kind="payee_kind", payee_no="payee_no",
        amount_fen="amount_fen",
    )  # fmt: skip
    events = replace(
        no_events(),
        awards=pl.DataFrame(awards, schema=AWARD_TOTAL, orient="row"),
        releases=releases.select(list(PAYEE_AMOUNT)),
    )
    lines = posting(events, day.isoformat(), "p", CHART).lines
    return lines.filter(pl.col("account") == CHART.code(ROLES["merchant"]))


@settings(max_examples=60, deadline=None)
@given(st.lists(AWARDS, min_size=1, max_size=5), st.integers(0, 3000))
def test_statements_are_the_payout_file_are_the_ledger(days, minimum):
    carried: dict[str, int] = {}
    payable = dict.fromkeys(PAYEES, 0)
    paid = dict.fromkeys(PAYEES, 0)
    for n, rows in enumerate(days):
        day = START + timedelta(days=n)
        drafted = draft(_open_awards(day, rows), _payees(day, carried, minimum), empty(ADJUSTMENT))
        items = _pay(drafted.statements)
        assert items.items["amount_fen"].sum() == drafted.statements["settled_fen"].sum()
        assert items.batches["total_fen"].sum() == items.items["amount_fen"].sum()
        for payee, fen in items.items.select("payee_no", "amount_fen").iter_rows():
            paid[payee] += fen
        for payee, fen in _post(day, rows, items).select("payee_no", "amount_fen").iter_rows():
            payable[payee] -= fen
        carried |= dict(drafted.statements.select("payee_no", "carried_fen").iter_rows())
        assert payable == {no: carried.get(no, 0) for no in PAYEES}
    earned = {no: sum(fen for rows in days for name, fen in rows if name == no) for no in PAYEES}
    assert {no: paid[no] + payable[no] for no in PAYEES} == earned
