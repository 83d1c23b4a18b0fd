"""What two people say that the bank did not pay: payable again, once, and never where anything speaks against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from batch import release, unpaid
from batch.steps.close import checks
from batch.steps.reconcile import reconcile
from settlement.model.errors import BadInput, NotAllowed, NotFound
from settlement.store import runs
from settlement.store import tables as t
from tests.batch.reconcile.nights import bank, decide, discrepancies, night, theirs
from tests.batch.reconcile.nights import run as reconciled
from tests.batch.reconcile.test_reconcile import PAID, footed, paid_out, sale
from tests.batch.reconcile.test_results import balance, results_of, told
from tests.batch.settle.books import FRI, MON, SAT, SUN, THU, TUE, Books, at
from tests.batch.settle.conftest import books, books_server

__all__ = ["books", "books_server", "paid_out"]

BATCH = "B-20260507-1"
WED = TUE + timedelta(days=1)
NEXT = TUE + timedelta(days=2)
REASON = "letter of the bank"
MAY_BE = (
    "a bank line that nobody has explained may be it (main:2026-05-12/1, {} of 2026-05-12);{}"
    " decide about D-20260512-000001 first"
)
WAY = " if it was, `puhui payout paid` says so; if not,"


def half(books: Books, day: date, *lines: tuple[int, dict[str, Any]], statement: bool = True) -> dict[str, Any]:
    """A night (begun before where that is so) up to reconcile, whose summary is given."""
    if not books.rows("SELECT 1 FROM puhui.night WHERE business_date = :d", d=day):
        books.begin(day)
    if statement:
        bank(books, day, *lines)
    summary = night(books, day)
    books.do(lambda c: runs.record_step(c, day, "reconcile", 1, at(day), summary))
    return summary


def lived(books: Books, day: date, *lines: tuple[int, dict[str, Any]], statement: bool = True) -> dict[str, Any]:
    """A whole night, every check of which holds; then the next date is open."""
    summary = half(books, day, *lines, statement=statement)
    books.finish()
    footed(books)
    found = books.do(lambda c: checks(c, books.run, day))
    assert [str(check) for check in found if not check.ok and check.name != "rows_add_up"] == []
    books.run = replace(books.run, business_date=day + timedelta(days=1))
    return summary


@pytest.fixture
def silent(paid_out: tuple[Books, str]) -> tuple[Books, str]:
    """Three banking days after the payment of 3.00 should have been made, on Tuesday, the bank shows nothing of it."""
    books, item = paid_out
    written(books)
    for day in (FRI, SAT, SUN, MON):
        lived(books, day)
    assert lived(books, TUE)["discrepancies"] == {"UNPAID": 1}
    return books, item


def propose(books: Books, item: str, actor: str = "wang") -> int:
    return sum(case.fen for case in books.do(lambda c: unpaid.propose(c, books.run, BATCH, [item], actor, REASON)))


def approve(books: Books, fen: int = 300, checker: str = "li") -> None:
    books.do(lambda c: unpaid.approve(c, books.run, BATCH, [], checker, fen))


def said(books: Books) -> list[tuple[Any, ...]]:
    return books.rows(
        "SELECT kind, subject, actor, checker, amount_fen FROM puhui.decision WHERE kind LIKE '%unpaid' ORDER BY 1, 2"
    )


def case(books: Books) -> unpaid.Case:
    (found,) = books.do(lambda c: unpaid.look(c, books.run, BATCH))
    return found


def items(books: Books) -> list[tuple[Any, ...]]:
    return books.rows("SELECT end_to_end_id, amount_fen, replaces FROM puhui.payout_item ORDER BY 1")


def test_two_people_make_it_payable_again_with_the_same_account(silent: tuple[Books, str]) -> None:
    books, item = silent
    transit, payable = balance(books, "2205"), balance(books, "2202")
    assert propose(books, item) == 300
    assert len(items(books)) == 1
    approve(books)
    summary = lived(books, WED)
    assert summary["bank_lines"] == {"unpaid": 1}
    assert summary["events"] == {"explained": 1}
    assert summary["discrepancies"] == {"RETURNED": 1}
    assert summary["decisions_refused"] == []
    assert results_of(books) == [(item, 1, "unpaid", None, REASON)]
    again = item[:-1] + "2"
    assert items(books) == [(item, 300, None), (again, 300, item)]
    # the ledger moves as at a refusal
    assert books.rows("SELECT event, entry_key FROM puhui.entry WHERE business_date = :d", d=WED) == [
        ("rejected", f"rejected:{item}")
    ]
    assert (balance(books, "2205"), balance(books, "2202")) == (transit + 300, payable - 300)
    # who, why: beside the difference and the result
    event = books.rows("SELECT event, actor, checker, reason, decision_id FROM puhui.discrepancy_event")
    assert event == [
        ("explained", "wang", "li", REASON, books.rows("SELECT max(decision_id) FROM puhui.decision")[0][0])
    ]
    ((detail,),) = books.rows("SELECT detail FROM puhui.discrepancy WHERE kind = 'RETURNED'")
    assert detail == f"经办 wang、复核 li 认定银行未付: {REASON}; 另起付款"
    # and what replaces it, once paid, closes the case
    batch = "B-20260513-1"
    books.run = replace(books.run, now=at(NEXT, 1))
    books.do(lambda c: release.approve(c, books.run, batch, "li"))
    books.do(lambda c: release.release(c, books.run, batch, "wang"))
    assert lived(books, NEXT, (-300, {"end_to_end_id": again}))["bank_lines"] == {"paid": 1}
    assert [row[4] for row in discrepancies(books)] == ["explained", "auto_closed"]
    assert (balance(books, "2205"), balance(books, "2202")) == (0, 0)


def test_a_debit_after_the_decision_is_unknown_and_holds_what_replaces_it(silent: tuple[Books, str]) -> None:
    books, item = silent
    propose(books, item)
    approve(books)
    lived(books, WED)
    batch = "B-20260513-1"
    books.do(lambda c: release.approve(c, books.run, batch, "li"))
    assert half(books, NEXT, (-300, {"end_to_end_id": item}))["discrepancies"] == {"UNKNOWN_DEBIT": 1}
    assert [row[2] for row in results_of(books)] == ["unpaid"]
    with pytest.raises(NotAllowed, match=r"the bank may have paid what .*-2 pays already"):
        books.do(lambda c: release.release(c, books.run, batch, "wang"))
    books.finish()
    last = NEXT + timedelta(days=3)
    for day in (NEXT + timedelta(days=1), last):
        lived(books, day)
    ((reason,),) = books.rows("SELECT reason FROM puhui.payout_hold WHERE business_date = :d", d=last)
    assert reason.startswith("the bank may have paid it already (D-20260514-")


def test_a_debit_without_our_number_after_the_decision_holds_it_too(silent: tuple[Books, str]) -> None:
    """People said that the bank did not pay, and nobody has explained what the bank has paid since."""
    books, item = silent
    propose(books, item)
    approve(books)
    lived(books, WED)
    friday = NEXT + timedelta(days=1)
    monday = friday + timedelta(days=3)
    lived(books, NEXT, (-300, {"end_to_end_id": "NOTPROVIDED"}))
    assert len(items(books)) == 2, "the second expired, and no third is drafted"
    ((reason,),) = books.rows("SELECT reason FROM puhui.payout_hold WHERE business_date = :d", d=NEXT)
    assert reason == "the bank may have paid it already (D-20260514-000001): decide about that first"
    decide(books, friday, "explain", "D-20260514-000001")
    lived(books, friday)
    lived(books, friday + timedelta(days=1))
    lived(books, monday - timedelta(days=1))
    assert [row[0][-1] for row in items(books)] == ["1", "2", "3"]


def test_a_debit_that_the_bank_gave_back_does_not_stop_it_for_ever(silent: tuple[Books, str]) -> None:
    """A wrong amount under its number, and the same as a credit; both are explained."""
    books, item = silent
    lived(books, WED, (-200, {"end_to_end_id": item}), (200, {"end_to_end_id": item}))
    assert "nobody has explained" in case(books).why_not
    for number in ("D-20260513-000001", "D-20260513-000002"):
        decide(books, NEXT, "explain", number)
    lived(books, NEXT)
    found = case(books)
    assert (found.why_not, len(found.doubts)) == ("", 2)


def test_a_debit_between_proposal_and_approval_refuses_it(silent: tuple[Books, str]) -> None:
    books, item = silent
    propose(books, item)
    lived(books, WED, (-300, {"end_to_end_id": item}))
    with pytest.raises(NotAllowed, match=r"-1: the bank paid it"):
        approve(books)
    assert [row[2] for row in results_of(books)] == ["paid"]


def test_a_debit_in_the_night_of_the_decision_is_the_payment(silent: tuple[Books, str]) -> None:
    books, item = silent
    propose(books, item)
    approve(books)
    summary = lived(books, WED, (-300, {"end_to_end_id": item}))
    assert summary["bank_lines"] == {"paid": 1}
    ((number,),) = books.rows("SELECT max(decision_id) FROM puhui.decision")
    assert summary["decisions_refused"] == [f"decision {number} (unpaid {item}): the bank paid it (puhui payout show)"]
    assert len(items(books)) == 1
    assert [row[4] for row in discrepancies(books)] == ["auto_closed"]
    assert (case(books).state, case(books).failed) == ("", True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ((-200, "own"), "a bank line names it (main:2026-05-12/1, -2.00 of 2026-05-12); ask the bank what that is"),
        ((300, "own"), MAY_BE.format("3.00", "")),
        ((-300, None), MAY_BE.format("-3.00", WAY)),
        ((-300, "theirs"), MAY_BE.format("-3.00", WAY)),
        ((-900, None), MAY_BE.format("-9.00", "")),
        ((-200, None), ""),
    ],
)
def test_a_line_that_may_be_it_stops_the_proposal(
    paid_out: tuple[Books, str], line: tuple[int, str | None], message: str
) -> None:
    books, item = paid_out
    written(books)
    for day in (FRI, SAT, MON):
        lived(books, day)
    name = {"own": item, "theirs": "NOTPROVIDED"}.get(line[1] or "")
    lived(books, TUE, (line[0], {"end_to_end_id": name}))
    assert case(books).why_not == message
    if not message:
        assert propose(books, item) == 300
        return
    with pytest.raises(NotAllowed):
        propose(books, item)
    number = next(row[0] for row in discrepancies(books) if row[1].startswith("UNKNOWN"))
    decide(books, WED, "explain", number)
    lived(books, WED)
    explained = case(books)
    if line[0] == -200:
        assert explained.why_not == message, "the bank paid something under its number"
    else:
        assert explained.why_not == ""
        told = f"main:2026-05-12/1 of 2026-05-12, {'-' * (line[0] < 0)}3.00, was closed as something else ({number})"
        assert explained.doubts == ([told] if abs(line[0]) == 300 else [])


def written(books: Books) -> None:
    """The file of the batch has left."""
    maker, digest = books.rows("SELECT maker, digest FROM puhui.payout_batch")[0]
    row = {"batch_no": BATCH, "maker": maker, "digest": digest, "business_date": FRI, "at": at(FRI)}
    books.put(t.payout_decision, row | {"step": "written", "actor": "wang", "file_name": "x.xml"})


def test_the_statements_must_reach_three_banking_days(paid_out: tuple[Books, str]) -> None:
    """Not the calendar: a statement that is missing may show it."""
    books, item = paid_out
    assert case(books).why_not == "its batch has not left; it is paid by nobody (puhui payout list)"
    written(books)
    for day in (FRI, SAT, MON):
        lived(books, day)
    waits = "the bank may still show it; statements reach 2026-05-11, 2 of 3 banking days past 2026-05-08: wait"
    assert case(books).why_not == waits
    lived(books, TUE, statement=False)
    lived(books, WED, statement=False)
    assert [row[1] for row in discrepancies(books)] == ["UNPAID"], "it is told all the same"
    with pytest.raises(NotAllowed, match=waits):
        propose(books, item)
    lived(books, NEXT)
    assert propose(books, item) == 300


def test_a_statement_that_is_dated_ahead_reaches_its_night(paid_out: tuple[Books, str]) -> None:
    """As that of a month so far with the month's last day."""
    books, _ = paid_out
    written(books)
    lived(books, FRI)
    books.begin(SAT)
    bank(books, SAT)
    head = {"statement_id": "main:month", "account": "main", "currency": "CNY", "opening_fen": books.closing}
    head |= {"closing_fen": books.closing, "statement_date": date(2026, 5, 31), "business_date": SAT}
    books.put(t.bank_statement, head | {"file_id": books.file(SAT, "bank")})
    assert case(books).why_not.startswith("the bank may still show it; statements reach 2026-05-09, ")


def test_a_word_of_the_bank_since_the_proposal_stops_it(silent: tuple[Books, str]) -> None:
    books, item = silent
    propose(books, item)
    books.begin(WED)
    told(books, {"end_to_end_id": item, "result": "unknown", "reason": "PDNG"})
    lived(books, WED)
    with pytest.raises(NotAllowed, match=r"the bank has called it unknown since \(bank-\d+\); look, withdraw and prop"):
        approve(books)
    books.do(lambda c: unpaid.withdraw(c, books.run, BATCH, [item], "li", "wait"))
    propose(books, item)
    approve(books)
    books.begin(NEXT)
    told(books, {"end_to_end_id": item, "result": "paid"})
    summary = lived(books, NEXT)
    assert "the bank has called it paid since" in summary["decisions_refused"][0]
    assert results_of(books) == []
    assert propose(books, item) == 300, "people may know better, and are told"
    assert case(books).doubts == [f"the bank called it paid in {answer(books)}, and no statement shows it"]


def answer(books: Books) -> str:
    sql = "SELECT f.name FROM puhui.payout_answer a JOIN puhui.file f USING (file_id) ORDER BY f.file_id DESC LIMIT 1"
    return str(books.rows(sql)[0][0])


def test_a_refusal_of_the_bank_in_that_night_goes_before(silent: tuple[Books, str]) -> None:
    books, item = silent
    propose(books, item)
    approve(books)
    books.begin(WED)
    told(books, {"end_to_end_id": item, "result": "rejected", "reason": "AC04"})
    summary = lived(books, WED)
    assert [row[2] for row in results_of(books)] == ["rejected"]
    assert "the bank refused it" in summary["decisions_refused"][0]


def test_paid_by_a_file_after_the_decision_holds_what_replaces_it(silent: tuple[Books, str]) -> None:
    books, item = silent
    propose(books, item)
    approve(books)
    lived(books, WED)
    books.begin(NEXT)
    told(books, {"end_to_end_id": item, "result": "paid"})
    assert half(books, NEXT)["discrepancies"] == {"UNPAID": 1}
    with pytest.raises(NotAllowed, match="the bank may have paid what"):
        books.do(lambda c: release.approve(c, books.run, "B-20260513-1", "li"))


def test_it_takes_two_and_each_call_counts_once(silent: tuple[Books, str]) -> None:
    books, item = silent
    with pytest.raises(NotAllowed, match=f"payout {BATCH}: nobody proposed that it is unpaid"):
        approve(books)
    with pytest.raises(NotFound, match=f"payout {BATCH}: it has no item X"):
        propose(books, "X")
    assert (propose(books, item), propose(books, item)) == (300, 300)
    with pytest.raises(BadInput, match="wang proposed it already; another person approves it"):
        propose(books, item, "li")
    with pytest.raises(NotAllowed, match="wang proposed it; another person approves it"):
        approve(books, checker="wang")
    with pytest.raises(BadInput, match=r"--effect: 3.00 would be payable again; look with"):
        approve(books, 301)
    approve(books)
    approve(books)
    assert said(books) == [("propose_unpaid", item, "wang", None, 300), ("unpaid", item, "wang", "li", 300)]
    with pytest.raises(BadInput, match="two people decided it already; the next night takes it"):
        propose(books, item)
    lived(books, WED)
    for again in (propose, lambda b, i: approve(b)):
        with pytest.raises(NotAllowed):
            again(books, item)
    assert len(said(books)) == 2
    assert case(books).state == "done"


def test_a_proposal_is_withdrawn(silent: tuple[Books, str]) -> None:
    books, item = silent
    propose(books, item)
    for _ in range(2):
        books.do(lambda c: unpaid.withdraw(c, books.run, BATCH, [item], "li", "wrong one"))
    with pytest.raises(NotAllowed, match="nobody proposed"):
        approve(books)
    assert propose(books, item, "li") == 300
    with pytest.raises(NotAllowed, match="li proposed it"):
        approve(books)
    approve(books, checker="zhou")
    books.do(lambda c: unpaid.withdraw(c, books.run, BATCH, [item], "wang", "the bank called"))
    assert "unpaid" not in lived(books, WED)["bank_lines"], "its night was still to come"
    propose(books, item)
    approve(books)
    lived(books, NEXT)
    with pytest.raises(BadInput, match="nothing waits to be withdrawn"):
        books.do(lambda c: unpaid.withdraw(c, books.run, BATCH, [item], "li", "too late"))


def test_what_is_paid_at_the_third_attempt_closes_all_cases(silent: tuple[Books, str]) -> None:
    """The second was drafted and expired: the third replaces that one."""
    books, item = silent
    propose(books, item)
    approve(books)
    for day in (WED, NEXT):
        lived(books, day)
    friday = NEXT + timedelta(days=1)
    assert [row[0][-1] for row in items(books)] == ["1", "2", "3"]
    ((batch,),) = books.rows("SELECT batch_no FROM puhui.payout_item WHERE attempt = 3")
    books.run = replace(books.run, now=at(friday, 1))
    books.do(lambda c: release.approve(c, books.run, batch, "li"))
    books.do(lambda c: release.release(c, books.run, batch, "wang"))
    lived(books, friday, (-300, {"end_to_end_id": item[:-1] + "3"}))
    assert [row[1::3] for row in discrepancies(books)] == [("UNPAID", "explained"), ("RETURNED", "auto_closed")]


def test_a_night_that_is_killed_does_it_once(silent: tuple[Books, str]) -> None:
    books, item = silent
    propose(books, item)
    approve(books)
    books.begin(WED)
    bank(books, WED)
    theirs(books, WED)
    with books.base.engine.connect() as connection:
        reconcile(connection, books.run)
        connection.rollback()
    assert results_of(books) == []
    assert reconciled(books)["bank_lines"] == {"unpaid": 1}
    assert [row[2] for row in results_of(books)] == ["unpaid"]


def test_a_payment_that_left_in_one_debit_of_the_batch_is_none_to_repeat(books: Books) -> None:
    """The bank books a batch as one line without numbers."""
    books.account("M3")
    books.begin(THU)
    for payee in ("M1", "M3"):
        sale(books, THU, payee=("merchant", payee))
    night(books, THU, ("R0001", PAID), ("R0002", PAID))
    bank(books, THU)
    books.finish()
    books.run = replace(books.run, business_date=FRI, now=at(FRI, 1))
    books.do(lambda c: release.approve(c, books.run, BATCH, "li"))
    books.do(lambda c: release.release(c, books.run, BATCH, "wang"))
    books.do(lambda c: release.write_released(c, books.run, BATCH))
    lived(books, FRI, (-600, {"remittance": "代发"}))
    for day in (SAT, MON, TUE):
        lived(books, day)
    both = books.do(lambda c: unpaid.look(c, books.run, BATCH))
    assert [bool(one.why_not) for one in both] == [True, True]
    assert "decide about D-20260508-000001 first" in both[0].why_not
