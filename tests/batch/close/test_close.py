"""close: what keeps a day open, days in order, the chain; and every named check finds what it is named for."""

from __future__ import annotations

import json

import pytest

from batch.steps.close import checks
from settlement.audit.chain import GENESIS, CloseRecord, first_break
from settlement.store import close as rows
from settlement.store import tables as t
from tests.batch.settle.books import FRI, SAT, THU, at
from tests.batch.settle.test_documents import PROGRAMME, rules
from tests.batch.settle.test_documents import used as use


def chain(books):
    return [CloseRecord(*row) for row in books.do(rows.chain)]


def test_days_close_in_order_and_chain(books):
    books.sale(THU, 1000)
    for day in (THU, FRI):
        books.night(day)
        assert books.close() == {"closed": [day.isoformat()], "open": []}
    first, second = chain(books)
    assert (first.previous, second.previous) == (GENESIS, first.digest)
    assert first_break([first, second]) is None
    record = json.loads(first.record)
    assert record["totals"] | {"awards": 1, "statements": 1, "settled_fen": 1000} == record["totals"]
    assert {row["source"] for row in record["inputs"]} == {"pos", "unionpay", "bank"}
    assert [row["kind"] for row in record["imports"]] == ["calendar", "contracts", "accounts"]
    assert [row["kind"] for row in record["decisions"]] == ["approve_account"]
    assert json.loads(second.record)["imports"] == []


def test_a_missing_file_keeps_the_day_open_until_it_comes(books):
    books.begin(THU, missing=("unionpay",))
    books.statement(THU)
    books.finish()
    assert books.close() == {
        "closed": [],
        "open": ["2026-05-07: no file of unionpay for 2026-05-07; it is awaited, or waive it by name"],
    }
    books.begin(FRI)
    books.statement(FRI)
    books.finish()
    assert books.close()["closed"] == []
    books.file(SAT, "unionpay", 0, THU)
    books.begin(SAT)
    books.statement(SAT)
    books.finish()
    assert books.close() == {"closed": ["2026-05-07", "2026-05-08", "2026-05-09"], "open": []}


@pytest.mark.parametrize(("day", "subject"), [(THU, "unionpay"), (FRI, "unionpay:2026-05-07")])
def test_a_missing_file_is_waived_by_name(books, day, subject):
    books.begin(THU, missing=("unionpay",))
    books.statement(THU)
    books.finish()
    decision = {"decision_id": 99, "business_date": day, "at": at(day), "actor": "qian", "kind": "waive"}
    books.put(t.decision, decision | {"subject": subject, "reason": "the bank was shut"})
    assert books.close() == {"closed": ["2026-05-07"], "open": []}


def test_a_rejected_file_is_no_file(books):
    books.begin(THU, missing=("pos",))
    books.statement(THU)
    number = books.rows("SELECT max(file_id) + 1 FROM puhui.file")[0][0]
    file = {"file_id": number, "source": "pos", "name": "bad", "delivery": 1, "sha256": "0", "size": 1}
    books.put(t.file, file | {"received_at": at(THU), "business_date": THU})
    counts = dict.fromkeys(("records", "accepted", "rejected", "duplicate", "quarantined", "skipped"), 0)
    outcome = {"file_id": number, "business_date": THU, "status": "REJECTED", "clearing_date": THU}
    books.put(t.file_outcome, outcome | counts)
    books.finish()
    assert "no file of pos" in books.close()["open"][0]


def a_night(books):
    books.sale(THU, 2000)
    books.sale(THU, 1000, payee=("merchant", "M3"))
    books.begin(THU)
    books.statement(THU, (8000, "sponsor_funds", "bank"))
    books.finish()


# One thing broken each; the owner of the tables breaks it, since the application's role cannot.
_RELEASED = """INSERT INTO puhui.payout_decision
  (batch_no, step, at, actor, maker, approver, digest, business_date)
  VALUES ('B-20260507-1', 'released', now(), 'bo', 'night', 'ann', 'x', '2026-05-07')"""
BROKEN = {
    "entries_balance": "UPDATE puhui.entry_line SET amount_fen = amount_fen + 1 WHERE entry_id = 1 AND line = 1",
    "shares": "UPDATE puhui.award_share SET amount_fen = amount_fen + 1 WHERE position = 1",
    "kept": "UPDATE puhui.state_sales SET refunded_gross_fen = gross_fen - 1",
    "rows_add_up": "UPDATE puhui.file_outcome SET accepted = 2, records = 2 WHERE accepted = 1",
    "statement_figures": "UPDATE puhui.statement_line SET subsidy_fen = subsidy_fen + 1",
    "statement_numbers": "UPDATE puhui.statement SET number = 7 WHERE number = 2",
    "brought_forward": "UPDATE puhui.statement SET brought_fen = 1, due_fen = due_fen + 1, carried_fen = 1",
    "payout_batches": "UPDATE puhui.payout_batch SET total_fen = 1999",
    "payable_once": "DELETE FROM puhui.payout_hold",
    "approved_digest": _RELEASED,
    "bank_lines": "DELETE FROM puhui.money_match",
    "subledger_payables": "UPDATE puhui.award SET payable_fen = payable_fen - 1",
    "subledger_sponsors": "UPDATE puhui.award_share SET sponsor = 'gusu' WHERE sponsor = 'bank'",
    "payables": "UPDATE puhui.entry_line SET payee_no = 'M8' WHERE payee_no = 'M3'",
    "in_transit": "UPDATE puhui.entry_line SET account = '2205' WHERE account = '2241'",
    "bank_balance": "UPDATE puhui.bank_statement SET closing_fen = closing_fen + 1",
}


def test_each_check_finds_what_it_is_named_for(books):
    a_night(books)
    assert [str(c) for c in books.do(lambda c: checks(c, books.run, THU)) if not c.ok] == []
    for name, sql in BROKEN.items():
        with books.base.owner.connect() as owner:
            owner.exec_driver_sql(sql)
            failed = {check.name: check for check in checks(owner, books.run, THU) if not check.ok}
            owner.rollback()
        assert name in failed, name
        assert failed[name].detail


@pytest.mark.parametrize(("names", "ok"), [("SZ-2026-000001-1", False), ("none-of-ours", True)])
def test_a_bank_line_of_nothing_is_a_finding_where_it_names_a_payout(books, names, ok):
    a_night(books)
    with books.base.owner.connect() as owner:
        owner.exec_driver_sql(_RELEASED)
        owner.exec_driver_sql(BROKEN["bank_lines"])
        owner.exec_driver_sql(f"UPDATE puhui.bank_line SET amount_fen = 0, end_to_end_id = '{names}'")
        (found,) = [check for check in checks(owner, books.run, THU) if check.name == "bank_lines"]
        owner.rollback()
    assert found.ok == ok


@pytest.mark.parametrize(("used", "ok"), [(10_000, True), (10_001, False), (-1, False)])
def test_a_pool_is_used_up_to_its_value(books, used, ok):
    rules(books)
    use(books, THU, used)
    books.night(THU)
    failed = {c.name: c for c in books.do(lambda c: checks(c, books.run, THU)) if not c.ok}
    assert ("limits" not in failed) == ok
    if not ok:
        assert failed["limits"].detail == f"city-budget/amount/total: used {used} to {used}, value 10000"


@pytest.mark.parametrize(("then", "ok"), [(8_900, True), (9_100, False)])
def test_a_pool_that_was_cut_may_stand_above_its_value_and_not_rise(books, then, ok):
    """A refund under a budget that was cut below its use kept the day open, and every day after it."""
    rules(books)
    use(books, THU, 9_000)
    books.night(THU)
    number = books.imported("programme")
    cut = {"import_id": number, "programme": "suzhou", "file": "p.yaml", "yaml": PROGRAMME.replace("100.00", "50.00")}
    books.put(t.programme_text, cut)
    use(books, FRI, then)
    books.night(FRI)
    for day, right in ((THU, True), (FRI, ok)):
        failed = {c.name for c in books.do(lambda c, day=day: checks(c, books.run, day)) if not c.ok}
        assert ("limits" not in failed) == right


def test_a_failed_check_keeps_the_day_open(books):
    a_night(books)
    with books.base.owner.begin() as owner:
        owner.exec_driver_sql(BROKEN["shares"])
    assert books.close()["closed"] == []
    assert "shares: pos:0001/1: shares are not the award" in books.close()["open"][0]


def test_a_record_rewritten_is_found(books):
    books.night(THU)
    books.close()
    with books.base.owner.begin() as owner:
        owner.exec_driver_sql("UPDATE puhui.close_record SET record = replace(record, 'awards\":0', 'awards\":1')")
    books.night(FRI)
    (reason,) = books.close()["open"]
    assert "the record is not the one that was closed" in reason
