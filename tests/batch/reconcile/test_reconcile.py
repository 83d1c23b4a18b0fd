"""The step on a real database: nights of one channel, what they hold, close and open, and what the reports say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from batch.reports.reconciliation import balance_report, daily_report, discrepancy_report
from batch.steps.post import post
from batch.steps.reconcile import reconcile
from settlement.store import close
from settlement.store import reconcile as rows
from settlement.store import tables as t
from tests.batch.reconcile.nights import bank, decide, discrepancies, due, night, run, theirs
from tests.batch.settle.books import FRI, MON, SAT, THU, TUE, Books, at

PAID = 9_700  # of a sale of 100.00 with 3.00 of subsidy


def sale(books: Books, day: Any, **more: Any) -> str:
    return books.sale(day, 300, matched=False, **more)


def footed(books: Books) -> None:
    """Every check of every report is 0, once the night is posted."""
    if not books.rows("SELECT 1 FROM puhui.entry WHERE business_date = :day", day=books.run.business_date):
        books.do(lambda c: post(c, books.run))

    def work(connection: Any) -> list[tuple[str, int]]:
        reports = [daily_report(connection, books.run), discrepancy_report(connection, books.run)]
        reports += [balance_report(connection, books.run, account) for account in books.run.config.accounts]
        return [check for report in reports for check in report.checks]

    checks = books.do(work)
    assert len(checks) >= 5
    assert [check for check in checks if check[1]] == []


def test_a_night_matches_and_the_next_one_heals(books: Books) -> None:
    books.begin(THU)
    both, late, other = (sale(books, THU) for _ in range(3))
    summary = night(books, THU, ("R0001", PAID), ("R0003", PAID + 100), ("R0009", 500))
    assert summary["matched"] == {"pos": {"exact": 1, "reference": 1}}
    assert summary["discrepancies"] == {"AMOUNT_MISMATCH": 1, "OURS_ONLY": 1, "THEIRS_ONLY": 1}
    state = due(books, both, late, other)
    assert state[both] == (True, None)
    assert state[late][0] is False
    assert state[late][1] == "短款: 对方文件无此笔 D-20260507-000002"
    assert state[other] == (False, "金额不符 D-20260507-000001")
    footed(books)

    books.begin(FRI)
    summary = night(books, FRI, ("R0002", PAID))
    assert summary["matched"] == {"pos": {"carry": 1}}
    assert summary["events"] == {"auto_closed": 1}
    assert due(books, late) == {late: (True, None)}
    footed(books)
    assert [row[4] for row in discrepancies(books)] == [None, "auto_closed", None]


def test_a_missing_clearing_file_makes_the_channel_wait(books: Books) -> None:
    books.begin(THU, missing=("unionpay",))
    first = sale(books, THU)
    assert run(books)["waiting_for_file"] == ["pos"]
    assert discrepancies(books) == []
    assert due(books, first) == {first: (False, "尚未对账")}
    assert due(books, first, at_once=[("pos", "pos")]) == {first: (True, None)}
    books.begin(FRI)
    second = sale(books, FRI)
    summary = night(books, FRI, ("R0001", PAID), ("R0002", PAID))
    assert summary["matched"] == {"pos": {"exact": 2}}
    assert due(books, first, second) == {first: (True, None), second: (True, None)}
    footed(books)


def test_a_void_that_they_lack_holds_the_sale_too(books: Books) -> None:
    books.begin(THU)
    sold = sale(books, THU)
    voided = books.sale(THU, -300, kind="VOID", original=sold, matched=False)
    night(books, THU, ("R0001", PAID))
    assert [row[1:4] for row in discrepancies(books)] == [("STATUS_MISMATCH", voided, "u:R0001:SALE")]
    assert [held[0] for held in due(books, sold, voided).values()] == [False, False]
    footed(books)
    books.begin(FRI)
    decide(books, FRI, "explain", "D-20260507-000001")
    assert night(books, FRI)["events"] == {"explained": 1}
    assert [held[0] for held in due(books, sold, voided).values()] == [True, True]


def test_people_decide_and_money_needs_two(books: Books) -> None:
    policy = books.run.config.policy.model_copy(update={"second_person_above_fen": 1_000})
    books.run = replace(books.run, config=books.run.config.model_copy(update={"policy": policy}))
    books.begin(THU)
    lone = sale(books, THU)
    night(books, THU)
    books.begin(FRI)
    decide(books, FRI, "suspense", "D-20260507-000001")
    decide(books, FRI, "write_off", "D-20260507-000001")
    summary = night(books, FRI)
    assert summary["events"] == {"suspense": 1}
    assert summary["decisions_refused"] == ["decision 5 (write_off D-20260507-000001): it needs a second person"]
    footed(books)
    books.begin(SAT)
    decide(books, SAT, "write_off", "D-20260507-000001", checker="li")
    assert night(books, SAT)["events"] == {"written_off": 1}
    assert due(books, lone)[lone][0] is False
    footed(books)
    books.begin(MON)
    assert night(books, MON, ("R0001", PAID))["events"] == {"reopened": 1}
    footed(books)


def test_a_small_amount_said_of_a_large_bank_line_needs_two(books: Books) -> None:
    """The ledger moves the line whole, so an amount that somebody says does not make it small."""
    books.begin(THU)
    bank(books, THU, (500_000, {"remittance": "?"}))
    night(books, THU)
    books.begin(FRI)
    decide(books, FRI, "adjust", "D-20260507-000001", amount_fen=1)
    (told,) = night(books, FRI)["decisions_refused"]
    assert told.endswith("(adjust D-20260507-000001): it needs a second person")


def test_run_again_after_a_rollback_gives_the_same_rows(books: Books) -> None:
    books.begin(THU)
    for _ in range(5):
        sale(books, THU)
    theirs(books, THU, ("R0001", PAID), ("R0003", 1), ("R0008", 5), ("R0009", 6))
    tables = ("recon_match", "discrepancy", "discrepancy_event", "money_match", "payout_result")

    def all_rows(connection: Any) -> list[str]:
        return [str(r[0]) for n in tables for r in connection.execute(text(f"SELECT x FROM puhui.{n} x ORDER BY 1"))]

    with books.base.engine.connect() as connection:
        reconcile(connection, books.run)
        first = all_rows(connection)
        connection.rollback()
        assert all_rows(connection) == []
        reconcile(connection, books.run)
        assert all_rows(connection) == first
        connection.rollback()
    assert len(first) == 8


def test_an_orphan_closes_when_its_sale_is_rated(books: Books) -> None:
    books.begin(THU)
    refund = books.sale(THU, -300, kind="REFUND", original="pos:9999", matched=False)
    night(books, THU)
    books.begin(FRI)
    stamp = {"transaction_id": refund, "business_date": FRI, "programme": "suzhou", "gross_fen": 1}
    books.put(t.rated, stamp | {"outcome": 30, "overclaimed_fen": 0})
    assert night(books, FRI)["discrepancies"] == {"ORPHAN": 1}
    books.begin(SAT)
    books.put(t.rated, stamp | {"business_date": SAT, "outcome": 30, "overclaimed_fen": 0})
    assert night(books, SAT)["discrepancies"] == {}, "one orphan is one discrepancy"
    books.begin(MON)
    books.put(t.rated, stamp | {"business_date": MON, "outcome": 25, "sale_id": "pos:9999", "overclaimed_fen": 0})
    assert night(books, MON)["events"] == {"auto_closed": 1}
    footed(books)


@pytest.fixture
def paid_out(books: Books) -> tuple[Books, str]:
    """Books in the night of Friday with one released payout of 3.00; its EndToEndId."""
    books.begin(THU)
    sale(books, THU)
    night(books, THU, ("R0001", PAID))
    bank(books, THU)
    books.finish()
    ((batch, digest, item),) = books.rows(
        "SELECT batch_no, b.digest, i.end_to_end_id FROM puhui.payout_batch b JOIN puhui.payout_item i USING (batch_no)"
    )
    step = {"batch_no": batch, "maker": "night", "digest": digest, "business_date": FRI, "at": at(FRI)}
    books.put(t.payout_decision, step | {"step": "approved", "actor": "li", "approver": None})
    books.put(t.payout_decision, step | {"step": "released", "actor": "wang", "approver": "li"})
    books.begin(FRI)
    return books, item


def test_a_payout_is_paid_and_comes_back(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    bank(books, FRI, (-300, {"end_to_end_id": item}), (12_345, {"remittance": "货款", "reference": "MISC"}))
    summary = night(books, FRI)
    assert summary["bank_lines"] == {"paid": 1, "unknown": 1}
    assert [row[1] for row in discrepancies(books)] == ["UNKNOWN_CREDIT"]
    books.finish()
    footed(books)
    books.begin(SAT)
    bank(books, SAT, (300, {"end_to_end_id": item, "remittance": "户名不符"}))
    assert night(books, SAT)["discrepancies"] == {"RETURNED": 1}
    answers = books.rows("SELECT seq, result, reason FROM puhui.payout_result ORDER BY seq")
    assert answers == [(1, "paid", None), (2, "returned", "户名不符")]
    books.finish()
    footed(books)


def test_silence_becomes_unpaid_and_heals(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    for day in (FRI, SAT, MON):
        if day != FRI:
            books.begin(day)
        assert night(books, day)["discrepancies"] == {}
    books.begin(TUE)
    assert night(books, TUE)["discrepancies"] == {"UNPAID": 1}
    assert discrepancies(books)[0][1:3] == ("UNPAID", item)
    books.begin(TUE.replace(day=13))
    bank(books, TUE.replace(day=13), (-300, {"end_to_end_id": item}))
    summary = night(books, TUE.replace(day=13))
    assert summary["discrepancies"] == {}
    assert summary["events"] == {"auto_closed": 1}


def test_open_of(books: Books) -> None:
    books.begin(THU)
    sale(books, THU)
    night(books, THU)
    assert books.do(lambda c: rows.open_of(c, THU, "OURS_ONLY")) == ["D-20260507-000001"]
    books.begin(FRI)
    night(books, FRI, ("R0001", PAID))
    assert books.do(lambda c: rows.open_of(c, THU, "OURS_ONLY")) == []


def test_a_bank_line_of_nothing_asks_nobody_and_holds_no_day(books: Books) -> None:
    books.begin(THU)
    bank(books, THU, (0, {"remittance": "结息"}), (5, {"remittance": "x"}))
    night(books, THU)
    assert [row[1:4] for row in discrepancies(books)] == [("UNKNOWN_CREDIT", None, f"main:{THU}/2")]
    assert books.do(lambda c: close.findings(c, "bank_lines", THU)).is_empty()
