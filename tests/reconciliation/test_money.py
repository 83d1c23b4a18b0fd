"""Bank lines against payouts, sponsors and charges; silence; the balance."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from settlement.model.dates import Calendar
from settlement.reconciliation import money
from settlement.reconciliation.balance import OPEN_ITEM, BalanceReconciliation

FRI, SAT, SUN, MON = (date(2026, 5, 8) + timedelta(days=n) for n in range(4))
SPONSORS = {("main", "index-city"): "city"}
CODES = {"main": ("CHRG",)}


def lines(*rows: dict[str, Any]) -> pl.DataFrame:
    base = {"account": "main", "booking_date": FRI, "reference": "R", "remittance": "words"}
    base |= dict.fromkeys(("end_to_end_id", "counterparty_index", "bank_code"))
    return pl.DataFrame([base | {"line_id": f"L{n}"} | row for n, row in enumerate(rows, 1)], schema=money.LINE)


def sent(*rows: tuple[str, int, str | None]) -> pl.DataFrame:
    return pl.DataFrame([(e, fen, result, "M1") for e, fen, result in rows], schema=money.SENT, orient="row")


def named(found: pl.DataFrame) -> list[tuple[str, str, str]]:
    return list(found.select("line_id", "kind", "subject").iter_rows())


CASES: dict[str, tuple[dict[str, Any], str | None, tuple[str, str] | str]] = {
    # a line, the result known of E1 (1000 fen) before, what it is: (kind, subject) or the discrepancy
    "payment": ({"amount_fen": -1000, "end_to_end_id": "E1"}, None, ("paid", "E1")),
    "return": ({"amount_fen": 1000, "end_to_end_id": "E1"}, "paid", ("returned", "E1")),
    "paid twice": ({"amount_fen": -1000, "end_to_end_id": "E1"}, "paid", "UNKNOWN_DEBIT"),
    "another amount": ({"amount_fen": -999, "end_to_end_id": "E1"}, None, "UNKNOWN_DEBIT"),
    "return without payment": ({"amount_fen": 1000, "end_to_end_id": "E1"}, None, "UNKNOWN_CREDIT"),
    "returned twice": ({"amount_fen": 1000, "end_to_end_id": "E1"}, "returned", "UNKNOWN_CREDIT"),
    "top-up": ({"amount_fen": 5000, "counterparty_index": "index-city"}, None, ("sponsor_funds", "city")),
    "money to a sponsor": ({"amount_fen": -5000, "counterparty_index": "index-city"}, None, "UNKNOWN_DEBIT"),
    "charge": ({"amount_fen": -15, "bank_code": "CHRG"}, None, ("charge", "main")),
    "interest": ({"amount_fen": 15, "bank_code": "CHRG"}, None, ("interest", "main")),
    "unknown credit": ({"amount_fen": 12345}, None, "UNKNOWN_CREDIT"),
    "unknown id": ({"amount_fen": -1000, "end_to_end_id": "E9"}, None, "UNKNOWN_DEBIT"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_line_is_known_or_a_discrepancy(name: str) -> None:
    line, before, expected = CASES[name]
    one, items = lines(line), sent(("E1", 1000, before))
    known = money.name_lines(one, items, SPONSORS, CODES)
    found = money.found_lines(one, known, items)
    if isinstance(expected, str):
        assert known.is_empty()
        assert list(found.select("kind", "theirs_id").iter_rows()) == [(expected, "L1")]
    else:
        assert named(known) == [("L1", *expected)]
        assert found["kind"].to_list() == (["RETURNED"] if expected[0] == "returned" else [])


@pytest.mark.parametrize(
    ("before", "fen", "difference"), [(None, -999, -1), ("paid", -1000, 1000), ("paid", -999, 999)]
)
def test_a_debit_beside_a_payment_that_has_its_answer_is_all_difference(
    before: str | None, fen: int, difference: int
) -> None:
    one, items = lines({"amount_fen": fen, "end_to_end_id": "E1"}), sent(("E1", 1000, before))
    found = money.found_lines(one, money.name_lines(one, items, SPONSORS, CODES), items)
    assert found["difference_fen"].to_list() == [difference]


def test_paid_twice_in_one_night_is_a_difference_of_the_second() -> None:
    two, items = lines(*[{"amount_fen": -1000, "end_to_end_id": "E1"}] * 2), sent(("E1", 1000, None))
    found = money.found_lines(two, money.name_lines(two, items, SPONSORS, CODES), items)
    assert found.select("kind", "difference_fen").rows() == [("UNKNOWN_DEBIT", 1000)]


def test_a_line_of_nothing_is_no_difference_unless_it_names_a_payout() -> None:
    both, items = lines({"amount_fen": 0}, {"amount_fen": 0, "end_to_end_id": "E1"}), sent(("E1", 1000, None))
    found = money.found_lines(both, money.name_lines(both, items, SPONSORS, CODES), items)
    assert found.select("kind", "theirs_id", "ours_id").rows() == [("UNKNOWN_CREDIT", "L2", "E1")]


def test_paid_and_returned_on_one_day_in_any_order() -> None:
    two = lines({"amount_fen": 1000, "end_to_end_id": "E1"}, {"amount_fen": -1000, "end_to_end_id": "E1"})
    for ordered in (two, two.reverse()):
        known = money.name_lines(ordered, sent(("E1", 1000, None)), SPONSORS, CODES)
        assert named(known) == [("L1", "returned", "E1"), ("L2", "paid", "E1")]
        answers = money.results(known, pl.DataFrame({"end_to_end_id": ["E1"], "seq": [0]}))
        assert list(answers.select("result", "seq", "reason").iter_rows()) == [
            ("paid", 1, None),
            ("returned", 2, "words"),
        ]


def test_silence_is_counted_in_banking_days() -> None:
    calendar = Calendar({date(2026, 5, 1) + timedelta(days=n): n not in (9, 10) or n == 8 for n in range(30)})
    items = sent(("E1", 1000, None), ("E2", 500, "paid")).with_columns(
        execution_date=pl.lit(FRI, pl.Date), batch_no=pl.lit("B")
    )
    assert [calendar.is_workday(day) for day in (FRI, SAT, SUN, MON)] == [True, True, False, False]
    for day, count in ((SAT, 0), (MON, 0), (MON + timedelta(days=1), 1)):
        late = money.unpaid(items, "main", day, 2, calendar)
        assert late["ours_id"].to_list() == ["E1"] * count
    assert late["difference_fen"].to_list() == [-1000]


def test_balance_is_explained_by_its_items() -> None:
    def items(*fen: int) -> pl.DataFrame:
        return pl.DataFrame([(FRI, "r", "s", f, 1) for f in fen], schema=OPEN_ITEM, orient="row")

    found = BalanceReconciliation(1000, 1500, items(700), items(100, 50), items(60), items(10))
    assert (found.adjusted_ledger_fen, found.adjusted_bank_fen, found.residual_fen) == (1550, 1550, 0)
    assert BalanceReconciliation(1000, 1500, items(), items(), items(), items()).residual_fen == -500
