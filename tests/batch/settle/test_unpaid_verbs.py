"""What people type when the bank says that it did not make a payment."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from settlement.store import people, runs
from tests.batch.reconcile.nights import bank, night
from tests.batch.settle.books import FRI, MON, SAT, THU, TUE, at
from tests.batch.settle.test_verbs import BATCH, says

__all__ = ["says"]

ITEM, OTHER = "SZ-2026-000001-1", "SZ-2026-000002-1"
WED = TUE + timedelta(days=1)
LOOK = f"look at this first: exchange/bank/out/{BATCH}.xml still lies there; take it away, or the bank may pay it yet\n"


def lived(books, day, *lines):
    books.begin(day)
    bank(books, day, *lines)
    summary = night(books, day)
    books.do(lambda c: runs.record_step(c, day, "reconcile", 1, at(day), summary))
    books.finish()


@pytest.fixture
def silent(books, says):
    """Two payments of 3.00 and 5.00 left on Friday; until Tuesday no statement shows them."""
    books.account("M3")
    books.sale(THU, 300, matched=False)
    books.sale(THU, 500, matched=False, payee=("merchant", "M3"))
    books.begin(THU)
    night(books, THU, ("R0001", 9_700), ("R0002", 9_500))
    bank(books, THU)
    books.finish()
    assert says("payout", "approve", BATCH, "--as", "li")[0] == 0
    assert says("payout", "release", BATCH, "--as", "wang")[0] == 0
    for day in (FRI, SAT, MON, TUE):
        lived(books, day)
    return books


def told(says):
    return {row["付款编号"]: row for row in json.loads(says("payout", "show", BATCH, "--json")[1])}


def test_two_people_call_a_payment_unpaid(silent, says):
    shown = says("payout", "show", BATCH)[1]
    hint = "2 payments of 8.00 that no statement shows; if the bank says that it did not pay:"
    assert shown.endswith(f"{hint} puhui payout unpaid {BATCH} ITEM --reason …\n")
    assert "认定未付" not in shown
    for _ in range(2):
        status, out, error = says("payout", "unpaid", BATCH, ITEM, "--reason", "letter of 12 May", "--as", "wang")
        assert (status, out) == (0, "")
        assert error == (
            f"{BATCH}: 1 payment of 3.00 proposed as unpaid by wang; nothing moves until another person says:"
            f" puhui payout approve-unpaid {BATCH} --effect 3.00 --as NAME\n{LOOK}"
        )
    shown = says("payout", "show", BATCH)[1]
    assert f"next, by another person: puhui payout approve-unpaid {BATCH} --effect 3.00 --as NAME\n" in shown
    assert LOOK in shown
    assert told(says)[ITEM]["认定未付"] == "wang 提出: letter of 12 May"
    assert told(says)[OTHER]["认定未付"] == ""
    assert says("payout", "approve-unpaid", BATCH, "--effect", "8.00", "--as", "li")[0] == 2
    assert "this needs finance_checker" in says("payout", "approve-unpaid", BATCH, "--effect", "3", "--as", "wang")[2]
    for _ in range(2):
        status, _, error = says("payout", "approve-unpaid", BATCH, "--effect", "3.00", "--as", "li")
        assert status == 0
        assert error.startswith(f"{BATCH}: 1 payment of 3.00 unpaid, approved by li; the night of {WED} makes them pay")
    assert told(says)[ITEM]["认定未付"] == "wang、li 已定, 待夜间处理: letter of 12 May"
    lived(silent, WED)
    row = told(says)[ITEM]
    assert (row["结果"], row["原因"], row["认定未付"]) == (
        "未付",
        "letter of 12 May",
        "wang、li 已定: letter of 12 May",
    )
    again = json.loads(says("payout", "show", "B-20260513-1", "--json")[1])
    assert [(row["付款编号"], row["替代"], row["金额(元)"]) for row in again] == [(ITEM[:-1] + "2", ITEM, "3.00")]
    verbs = silent.rows("SELECT verb, actor, detail FROM puhui.audit ORDER BY seq DESC LIMIT 4")
    assert [row[:2] for row in verbs] == [("payout approve-unpaid", "li")] * 2 + [("payout unpaid", "wang")] * 2
    assert json.loads(verbs[-1][2]) == {
        "batch": BATCH, "items": [ITEM], "reason": "letter of 12 May", "withdraw": False
    }  # fmt: skip


def test_a_file_that_the_bank_never_had_is_called_unpaid_as_a_whole(silent, says):
    other = people.User("zhou", 1, "finance_checker", people_hash(silent), active=True)
    silent.do(lambda c: people.put_user(c, other, at(THU), "admin"))
    assert says("payout", "unpaid", BATCH, OTHER, "--reason", "x", "--as", "li")[0] == 0
    error = says("payout", "unpaid", BATCH, "--all", "--reason", "file lost", "--as", "wang")[2]
    assert f"{BATCH}: 1 payment of 3.00 proposed" in error, "what another person proposed stays"
    assert "li proposed it" in says("payout", "approve-unpaid", BATCH, "--effect", "8.00", "--as", "li")[2]
    assert says("payout", "approve-unpaid", BATCH, "--effect", "8.00", "--as", "zhou")[0] == 0
    lived(silent, WED)
    assert silent.rows("SELECT count(*) FROM puhui.payout_result WHERE result = 'unpaid'") == [(2,)]
    error = says("payout", "unpaid", BATCH, "--all", "--reason", "file lost", "--as", "wang")[2]
    assert "--all: no payment of it can be meant, as SZ-2026-000001-1: it is unpaid by decision" in error


def test_an_adjustment_is_no_way_to_pay_it_again(silent, says):
    ((number,),) = silent.rows("SELECT discrepancy_id FROM puhui.discrepancy WHERE ours_id = :i", i=ITEM)
    adjust = ("recon", "adjust", number, "--reason", "x", "--as", "wang", "--checker", "li", "--amount")
    status, out, error = says(*adjust, "3.00")
    assert (status, out) == (2, "")
    assert error == (
        f"puhui: {number}: the bank may pay it yet; once it says that it did not,"
        " `puhui payout unpaid BATCH ITEM` pays it again\n"
    )
    assert says(*adjust, "-3.00")[0] == 0, "what was paid twice is had back"


def people_hash(books):
    return books.rows("SELECT passphrase_hash FROM puhui.app_user LIMIT 1")[0][0]


def test_what_can_be_approved_is_named_where_not_all_can(silent, says):
    for item in (ITEM, OTHER):
        assert says("payout", "unpaid", BATCH, item, "--reason", "x", "--as", "wang")[0] == 0
    lived(silent, WED, (-300, {"end_to_end_id": ITEM}))
    silent.run = replace(silent.run, business_date=WED + timedelta(days=1))
    command = f"payout approve-unpaid {BATCH} {OTHER} --effect 5.00"
    assert f"next, by another person: puhui {command} --as NAME\n" in says("payout", "show", BATCH)[1]
    assert says(*command.split(), "--as", "li")[0] == 0


def test_the_file_that_still_lies_there_is_told_of_the_second_payment_too(silent, says):
    assert says("payout", "unpaid", BATCH, ITEM, "--reason", "x", "--as", "wang")[0] == 0
    assert says("payout", "approve-unpaid", BATCH, "--effect", "3.00", "--as", "li")[0] == 0
    lived(silent, WED)
    status, _, error = says("payout", "unpaid", BATCH, OTHER, "--reason", "x", "--as", "wang")
    assert (status, error.endswith(LOOK)) == (0, True)


def test_what_cannot_be_said_is_told(silent, says):
    assert says("payout", "unpaid", BATCH, ITEM, "--reason", "x", "--as", "wang")[0] == 0
    lived(silent, WED, (-300, {"end_to_end_id": ITEM}))
    silent.run = replace(silent.run, business_date=WED + timedelta(days=1))
    shown = says("payout", "show", BATCH)[1]
    assert f"{ITEM}: cannot be approved: the bank paid it (puhui payout show)\n" in shown
    assert "approve-unpaid" not in shown
    status, _, error = says("payout", "approve-unpaid", BATCH, "--effect", "3.00", "--as", "li")
    assert (status, error) == (2, f"puhui: {ITEM}: the bank paid it (puhui payout show)\n")
    assert says("payout", "unpaid", BATCH, "--all", "--withdraw", "--reason", "it came", "--as", "li")[0] == 0
    assert told(says)[ITEM]["认定未付"] == ""
    for arguments, message in (
        ((BATCH, "--reason", "x"), "name the payments of the batch, or give --all"),
        ((BATCH, OTHER, "--all", "--reason", "x"), "name the payments of the batch, or give --all"),
        ((BATCH, OTHER, "--reason", " "), "--reason: say why; it is kept with the decision"),
        ((BATCH, "X", "--reason", "x"), f"payout {BATCH}: it has no item X; `puhui payout show {BATCH}` lists them"),
    ):
        status, out, error = says("payout", "unpaid", *arguments, "--as", "wang")
        assert (status, out, error.count("\n")) == (2, "", 1)
        assert message in error
