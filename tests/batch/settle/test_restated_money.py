"""What a payment, a return, funds were when the bank takes back the line that said so: never silently what it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from batch import unpaid
from batch.reports.reconciliation import balance_report
from batch.steps.close import checks
from settlement.store import payouts
from tests.batch.reconcile.nights import discrepancies, theirs
from tests.batch.reconcile.test_reconcile import PAID, footed, sale
from tests.batch.settle.books import FRI, MON, SAT, SUN, THU, TUE, at
from tests.batch.settle.restated import OPEN, Bank, bank, line
from tests.batch.settle.test_settle import decide

__all__ = ["bank"]

ITEM = "SZ-2026-000001-1"
PAYMENT = line(-300, "补贴", end_to_end_id=ITEM, reference="B1")
FEE = line(-5, "手续费", bank_code="FEE")


def results(bank: Bank) -> list[tuple[Any, ...]]:
    return bank.books.rows("SELECT end_to_end_id, seq, result, line_id FROM puhui.payout_result ORDER BY 1, 2")


def matches(bank: Bank) -> list[tuple[Any, ...]]:
    return bank.books.rows(
        "SELECT line_id, kind, subject, amount_fen FROM puhui.money_match ORDER BY business_date, line_id"
    )


def balances(bank: Bank) -> dict[str, int]:
    """Balances of the ledger but for those of 0."""
    sql = "SELECT account, sum(amount_fen)::bigint FROM puhui.entry_line GROUP BY 1 HAVING sum(amount_fen) <> 0"
    return dict(bank.books.rows(sql))


def proved(bank: Bank) -> None:
    """Every report foots and every check of the night holds."""
    footed(bank.books)
    found = bank.books.do(lambda c: checks(c, bank.run, bank.run.business_date))
    assert [str(check) for check in found if not check.ok] == []


@pytest.fixture
def paid(bank: Bank) -> Bank:
    """Thursday's subsidy of 3.00 left, and the statement of Friday says so, beside a charge and a top-up."""
    books = bank.books
    account = books.run.config.accounts[0].model_copy(update={"charge_codes": ("FEE",)})
    books.run = replace(books.run, config=books.run.config.model_copy(update={"accounts": (account,)}))
    bank.begin(THU)
    sale(books, THU)
    theirs(books, THU, ("R0001", PAID))
    bank.send(THU, OPEN, number="thu")
    bank.night()
    decide(books, FRI, "B-20260507-1")
    bank.begin(FRI)
    bank.send(FRI, OPEN, FEE, PAYMENT, number="fri")
    bank.night()
    assert results(bank) == [(ITEM, 1, "paid", "main:fri/2")]
    proved(bank)
    bank.begin(SAT)
    return bank


def restated(bank: Bank, effect: int, *lines: dict[str, Any]) -> str:
    """Friday comes again with these lines and is taken on Sunday; the statement that holds the difference."""
    file_id = bank.send(FRI, OPEN, *lines, number="fri2")
    bank.night()
    assert bank.status(file_id) == ("REJECTED", "STATEMENT_CHANGED")
    bank.begin(SUN)
    bank.take(file_id, effect)
    bank.night()
    assert "decisions_refused" not in bank.summary
    proved(bank)
    bank.begin(MON)
    return bank.books.rows("SELECT DISTINCT statement_id FROM puhui.bank_line WHERE file_id = :f", f=file_id)[0][0]


def test_a_payment_taken_back_is_in_transit_and_a_case_until_the_bank_pays(paid: Bank) -> None:
    before = balances(paid)
    name = restated(paid, 300, FEE)
    assert results(paid)[1:] == [(ITEM, 2, "unknown", f"{name}/1")]
    assert matches(paid)[-1] == (f"{name}/1", "paid", ITEM, 300)
    ((_, kind, ours, line_id, event),) = discrepancies(paid.books)
    assert (kind, ours, line_id, event) == ("UNPAID", ITEM, None, None)
    ((detail,),) = paid.books.rows("SELECT detail FROM puhui.discrepancy")
    assert detail == "银行更正对账单, 撤回 main:fri/2: 此前所记付款未发生, 付款又在途; 向银行查询, 不得重复付款"
    moved = {a: fen - before.get(a, 0) for a, fen in balances(paid).items() if fen != before.get(a, 0)}
    assert sorted(moved.values()) == [-300, 300]
    assert moved["1002"] == 300
    # nothing pays again, and the bank's silence is told once
    paid.night()
    assert paid.books.rows("SELECT count(*) FROM puhui.payout_item") == [(1,)]
    paid.begin(TUE)
    paid.send(MON, OPEN - 5, PAYMENT, number="mon")
    paid.night()
    assert results(paid)[2:] == [(ITEM, 3, "paid", "main:mon/1")]
    assert [row[1:] for row in discrepancies(paid.books)] == [("UNPAID", ITEM, None, "auto_closed")]
    assert balances(paid) == before
    proved(paid)


def test_a_payment_taken_back_long_after_it_was_sent_is_one_case(paid: Bank) -> None:
    """The bank has been silent about it for long, that night too."""
    file_id = paid.send(FRI, OPEN, FEE, number="fri2")
    paid.night()
    paid.begin(FRI + timedelta(days=14))
    paid.take(file_id, 300)
    paid.night()
    assert [row[1:] for row in discrepancies(paid.books)] == [("UNPAID", ITEM, None, None)]
    proved(paid)


def test_a_payment_taken_back_is_unpaid_three_banking_days_later(paid: Bank) -> None:
    """Not counted from when it should have been made: until Sunday a statement said that it was."""
    restated(paid, 300, FEE)
    before = balances(paid)

    def case() -> unpaid.Case:
        (found,) = paid.books.do(lambda c: unpaid.look(c, paid.run, "B-20260507-1"))
        return found

    waits = "the bank may still show it; statements reach 2026-05-08, 0 of 3 banking days past 2026-05-10: wait"
    assert case().why_not == waits
    for day in (MON, TUE, TUE + timedelta(days=1)):
        paid.send(day, OPEN - 5, number=f"{day}")
        paid.night()
        paid.begin(day + timedelta(days=1))
    assert case().why_not == ""
    paid.books.do(lambda c: unpaid.propose(c, paid.run, "B-20260507-1", [ITEM], "wang", "letter"))
    paid.books.do(lambda c: unpaid.approve(c, paid.run, "B-20260507-1", [], "li", 300))
    paid.night()
    assert [row[2] for row in results(paid)] == ["paid", "unknown", "unpaid"]
    moved = {a: fen - before.get(a, 0) for a, fen in balances(paid).items() if fen != before.get(a, 0)}
    assert (moved, before["2205"], balances(paid).get("2205")) == ({"2202": -300}, -300, None)
    proved(paid)


def test_a_payment_on_another_day_is_the_same_payment(paid: Bank) -> None:
    before, told = balances(paid), results(paid)
    name = restated(paid, 0, FEE, PAYMENT | {"booking_date": SAT, "remittance": "补贴款"})
    assert matches(paid)[-2:] == [(f"{name}/1", "paid", ITEM, 300), (f"{name}/2", "paid", ITEM, -300)]
    assert (results(paid), discrepancies(paid.books), balances(paid)) == (told, [], before)
    ((state,),) = paid.books.rows("SELECT result FROM puhui.payout_result ORDER BY seq DESC LIMIT 1")
    assert state == "paid"


def test_a_payment_of_another_amount_is_both(paid: Bank) -> None:
    restated(paid, 270, FEE, PAYMENT | {"amount_fen": -30})
    assert [row[1:3] for row in discrepancies(paid.books)] == [("UNKNOWN_DEBIT", ITEM), ("UNPAID", ITEM)]


def test_a_payment_that_stood_there_twice_loses_the_copy_that_was_none(paid: Bank) -> None:
    file_id = paid.send(SAT, OPEN - 305, line(-9, "x"), number="sat")
    paid.night()
    assert paid.status(file_id)[0] == "ACCEPTED"
    paid.begin(SUN)
    twice = (FEE, PAYMENT | {"booking_date": SAT}, PAYMENT | {"booking_date": SAT})
    paid.send(SUN, OPEN - 314, *twice, number="sun")
    paid.night()
    assert [row[1:4:2] for row in discrepancies(paid.books)][-2:] == [
        ("UNKNOWN_DEBIT", "main:sun/2"),
        ("UNKNOWN_DEBIT", "main:sun/3"),
    ]
    paid.begin(MON)
    changed = paid.send(SUN, OPEN - 314, *twice[:2], number="sun2")
    paid.night()
    paid.begin(TUE)
    (difference,) = paid.look(changed).taking.differences  # type: ignore[union-attr]  # it can be taken
    assert [one["line_id"] for one in difference.back] == ["main:sun/3"]
    paid.take(changed, 300)
    paid.night()
    proved(paid)
    ((counter,),) = paid.books.rows("SELECT detail FROM puhui.discrepancy WHERE theirs_id LIKE 'main:sun2~%'")
    assert counter == "银行更正对账单, 此笔撤回 main:sun/3; 与该笔一并处理"


def test_charges_and_funds_go_back(paid: Bank) -> None:
    before = balances(paid)
    name = restated(paid, -2, line(-7, "手续费", bank_code="FEE"), PAYMENT)
    assert matches(paid)[-2:] == [(f"{name}/1", "charge", "main", 5), (f"{name}/2", "charge", "main", -7)]
    moved = {a: fen - before.get(a, 0) for a, fen in balances(paid).items() if fen != before.get(a, 0)}
    assert sorted(moved.values()) == [-2, 2]
    assert discrepancies(paid.books) == []


def test_a_return_taken_back_holds_the_payment_until_people_decide(paid: Bank) -> None:
    back = line(300, "户名不符", end_to_end_id=ITEM, reference="B2")
    paid.send(SAT, OPEN - 305, back, number="sat")
    paid.night()
    assert [row[1] for row in discrepancies(paid.books)] == ["RETURNED"]
    paid.begin(SUN)
    changed = paid.send(SAT, OPEN - 305, number="sat2")
    paid.night()
    assert paid.status(changed) == ("REJECTED", "STATEMENT_CHANGED")
    paid.begin(MON)
    paid.take(changed, -300)
    paid.night()
    assert [row[1:3] for row in discrepancies(paid.books)] == [("RETURNED", ITEM), ("UNKNOWN_DEBIT", ITEM)]
    assert [row[2] for row in results(paid)] == ["paid", "returned"]
    proved(paid)


def test_a_return_with_other_words_is_the_same_return(paid: Bank) -> None:
    back = line(300, "户名不符", end_to_end_id=ITEM, reference="B2")
    paid.send(SAT, OPEN - 305, back, number="sat")
    paid.night()
    paid.begin(SUN)
    changed = paid.send(SAT, OPEN - 305, back | {"remittance": "账号户名不符"}, number="sat2")
    paid.night()
    paid.begin(MON)
    before = balances(paid)
    paid.take(changed, 0)
    paid.night()
    assert [row[1] for row in discrepancies(paid.books)] == ["RETURNED"]
    assert [row[2] for row in results(paid)] == ["paid", "returned"]
    assert balances(paid) == before
    proved(paid)


def test_a_payment_returned_since_stays_returned(paid: Bank) -> None:
    paid.send(SAT, OPEN - 305, line(300, "户名不符", end_to_end_id=ITEM, reference="B2"), number="sat")
    restated(paid, 300, FEE)
    assert [row[2] for row in results(paid)] == ["paid", "returned"]
    assert [row[1:3] for row in discrepancies(paid.books)] == [("RETURNED", ITEM), ("UNKNOWN_CREDIT", ITEM)]


def test_the_balance_report_counts_it_in_transit(paid: Bank) -> None:
    restated(paid, 300, FEE)
    run = replace(paid.run, business_date=SUN, now=at(SUN))
    report = paid.books.do(lambda c: balance_report(c, run, run.config.accounts[0]))
    assert report.tables[0].notes[0].startswith("付款在途 1 笔 3.00 元")
    ((shown,),) = [(row,) for row in paid.books.do(lambda c: payouts.items(c, "B-20260507-1")).to_dicts()]
    assert shown["result"] == "unknown"
