"""post: what it books from stored rows; unbalanced entries are refused by the store as well."""

from __future__ import annotations

import pytest
from sqlalchemy import exc, text

from batch.steps.post import chart_of
from settlement.model.errors import BadConfiguration
from settlement.store import ledger
from settlement.store import tables as t
from tests.batch.settle.books import FRI, THU, at


def booked(books, day):
    """(event, account, payee or sponsor) to fen of a business date."""
    sql = """
    SELECT e.event, l.account, coalesce(l.payee_no, l.sponsor), sum(l.amount_fen)::bigint FROM puhui.entry e
    JOIN puhui.entry_line l USING (entry_id) WHERE e.business_date = :d GROUP BY 1, 2, 3
    """
    return {row[:3]: row[3] for row in books.rows(sql, d=day)}


def decision(books, day, number, kind, subject, fen=None):
    row = {"decision_id": number, "business_date": day, "at": at(day), "actor": "ann", "checker": "bo", "kind": kind}
    books.put(t.decision, row | {"subject": subject, "reason": "agreed", "amount_fen": fen})


def event(books, day, discrepancy, name, number):
    row = {"discrepancy_id": discrepancy, "seq": 1, "business_date": day, "event": name, "actor": "ann"}
    books.put(t.discrepancy_event, row | {"reason": "agreed", "decision_id": number})


def test_the_opening_balance_is_booked_once(books):
    books.night(THU)
    books.night(FRI)
    assert booked(books, THU) == {("opening", "1002", None): 1_000_000, ("opening", "3001", None): -1_000_000}
    assert booked(books, FRI) == {}


def test_awards_and_clawbacks_of_a_night(books):
    sale = books.sale(THU, 1000)
    books.sale(THU, -400, kind="REFUND", original=sale)
    books.night(THU)
    found = booked(books, THU)
    assert found["award", "5001", "city"] == 600
    assert found["award", "2241", "bank"] == 400
    assert found["award", "2202", "M1"] == -1000
    assert found["clawback", "5001", "city"] == -240
    assert found["clawback", "2202", "M1"] == 400


def test_a_fee_taken_from_the_subsidy(books):
    books.contract("M1", "M1", fee_ppm=6000)
    books.sale(THU, 1000)
    books.night(THU)
    assert booked(books, THU)["fee", "2202", "M1"] == 60
    assert booked(books, THU)["fee", "4003", "M1"] == -60
    assert books.rows("SELECT fee_fen, settled_fen FROM puhui.statement") == [(60, 940)]
    assert books.close()["open"] == []


def test_an_unknown_credit_waits_in_suspense_and_is_written_off(books):
    books.begin(THU)
    books.statement(THU, (777, None, None))
    name = books.put_discrepancy(THU, "UNKNOWN_CREDIT", f"main:{THU}/1")
    books.finish()
    assert booked(books, THU)["suspense", "1901", None] == -777
    books.begin(FRI)
    decision(books, FRI, 90, "write_off", name)
    event(books, FRI, name, "written_off", 90)
    books.statement(FRI)
    books.finish()
    assert booked(books, FRI) == {("written_off", "1901", None): 777, ("written_off", "5004", None): -777}
    assert books.close()["open"] == []


def test_a_line_explained_a_day_later_leaves_suspense(books):
    books.begin(THU)
    books.statement(THU, (777, None, None))
    books.put_discrepancy(THU, "UNKNOWN_CREDIT", f"main:{THU}/1")
    books.finish()
    books.begin(FRI)
    match = {"line_id": f"main:{THU}/1", "business_date": FRI, "kind": "sponsor_funds", "subject": "bank"}
    books.put(t.money_match, match | {"amount_fen": 777})
    books.statement(FRI)
    books.finish()
    assert booked(books, FRI) == {("sponsor_funds", "1901", None): 777, ("sponsor_funds", "2241", "bank"): -777}
    assert books.close()["open"] == []


def test_an_adjustment_for_a_payee_is_booked_and_stands_on_its_next_statement(books):
    sale = books.sale(THU, 1000)
    books.night(THU)
    books.begin(FRI)
    row = {"discrepancy_id": "D-1", "business_date": FRI, "kind": "AMOUNT_MISMATCH", "channel": "pos"}
    books.put(t.discrepancy, row | {"ours_id": sale, "difference_fen": 250, "detail": ""})
    decision(books, FRI, 91, "adjust", "D-1", -250)
    event(books, FRI, "D-1", "adjusted", 91)
    books.sale(FRI, 900)
    books.statement(FRI)
    books.finish()
    assert booked(books, FRI)["payee_adjustment", "2202", "M1"] == 250
    assert books.rows("SELECT adjustment_fen, settled_fen FROM puhui.statement ORDER BY number") == [
        (0, 1000),
        (-250, 650),
    ]
    assert books.close()["open"] == []


def test_the_store_refuses_an_unbalanced_entry(books):
    books.night(THU)
    with pytest.raises(exc.DBAPIError, match="does not balance: 5 fen"):
        books.put_unbalanced()
    assert len(books.rows("SELECT 1 FROM puhui.entry")) == 1


def test_the_application_may_neither_edit_nor_delete_the_ledger(books):
    books.night(THU)
    for sql in ("UPDATE puhui.entry_line SET amount_fen = 1", "DELETE FROM puhui.entry"):
        with pytest.raises(BadConfiguration, match="this role may not do that"):
            books.do(lambda c, sql=sql: c.execute(text(sql)))


def test_entries_and_balances_can_be_read(books):
    books.sale(THU, 1000)
    books.night(THU)
    moves = books.do(lambda c: ledger.movements(c, THU, THU))
    assert moves["debit_fen"].sum() == moves["credit_fen"].sum() == 1_001_000
    found = books.do(lambda c: ledger.entries(c, THU, THU))
    assert found["amount_fen"].sum() == 0
    assert found["entry_id"].unique().sort().to_list() == [1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"programme": {"chart": "none"}}, "no chart 'none'; import it"),
        ({"accounts": "9999"}, "accounts.main.ledger_account: '9999' is not in chart"),
    ],
)
def test_a_chart_that_does_not_fit_the_configuration(books, change, message):
    config = books.run.config
    if "programme" in change:
        config = config.model_copy(update={"programme": config.programme.model_copy(update=change["programme"])})
    else:
        account = config.accounts[0].model_copy(update={"ledger_account": change["accounts"]})
        config = config.model_copy(update={"accounts": (account,)})
    with pytest.raises(BadConfiguration) as caught:
        books.do(lambda c: chart_of(c, config, 1))
    assert message in str(caught.value)
