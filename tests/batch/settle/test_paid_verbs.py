"""What people type when the bank says that a debit was the payment after all."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.batch.settle.test_unpaid_verbs import BATCH, ITEM, OTHER, WED, lived, says, silent

__all__ = ["says", "silent"]

THURSDAY, FRIDAY = WED + timedelta(days=1), WED + timedelta(days=2)
LINE, CASE = f"main:{THURSDAY}/1", "D-20260514-000001"
PROPOSE = ("payout", "paid", BATCH, ITEM, "--line", LINE, "--reason", "letter of 15 May", "--as", "wang")
WAY = (
    f"{LINE}, -3.00 of {THURSDAY}, may be the payment of {ITEM}; if it was: puhui {' '.join(PROPOSE[:6])} --reason …\n"
)


@pytest.fixture
def late(silent, says):
    """The payment of 3.00 is unpaid by decision; on Thursday its debit comes, and what replaced it is void."""
    assert says("payout", "unpaid", BATCH, ITEM, "--reason", "letter of 12 May", "--as", "wang")[0] == 0
    assert says("payout", "approve-unpaid", BATCH, "--effect", "3.00", "--as", "li")[0] == 0
    lived(silent, WED)
    lived(silent, THURSDAY, (-300, {"end_to_end_id": ITEM}))
    return silent


def test_two_people_say_that_a_debit_was_the_payment(late, says):
    assert says("payout", "show", BATCH)[1].endswith(WAY)
    assert says("recon", "show", CASE)[1].endswith(WAY)
    assert "确为该笔付款的, 由两人认定 (puhui payout paid)" in says("recon", "show", CASE)[1]
    ((returned,),) = late.rows("SELECT discrepancy_id FROM puhui.discrepancy WHERE kind = 'RETURNED'")
    assert says("recon", "show", returned)[1].endswith(WAY), "the case that waits names the way out too"
    assert "may be the payment" not in says("recon", "show", CASE, "--json")[1]
    status, out, error = says("payout", "unpaid", BATCH, ITEM, "--reason", "x", "--as", "wang")
    assert (status, out) == (2, "")
    said = f"it is unpaid by decision; if {LINE} was the payment, `puhui payout paid` says so (puhui payout show)"
    assert error == f"puhui: {ITEM}: {said}\n"
    for _ in range(2):
        status, out, error = says(*PROPOSE)
        assert (status, out) == (0, "")
        assert error == (
            f"{BATCH}: 1 payment of 3.00 proposed as paid by wang; nothing moves until another person says:"
            f" puhui payout approve-paid {BATCH} --effect 3.00 --as NAME\n"
        )
    shown = says("payout", "show", BATCH)[1]
    assert shown.endswith(f"next, by another person: puhui payout approve-paid {BATCH} --effect 3.00 --as NAME\n")
    assert told(says)[ITEM]["认定已付"] == f"wang 提出 ({LINE}): letter of 15 May"
    assert told(says)[OTHER]["认定已付"] == ""
    for case in (CASE, returned):
        told_of = f"{LINE} is proposed as the payment of {ITEM} (puhui payout show {BATCH})\n"
        assert says("recon", "show", case)[1].endswith(told_of)
    assert says("payout", "approve-paid", BATCH, "--effect", "8.00", "--as", "li")[0] == 2
    assert "this needs finance_checker" in says("payout", "approve-paid", BATCH, "--effect", "3", "--as", "wang")[2]
    for _ in range(2):
        status, _, error = says("payout", "approve-paid", BATCH, "--effect", "3.00", "--as", "li")
        assert (status, error) == (
            0,
            f"{BATCH}: 1 payment of 3.00 paid, approved by li; the night of {FRIDAY} takes them for paid\n",
        )
    lived(late, FRIDAY)
    row = told(says)[ITEM]
    assert (row["结果"], row["认定未付"], row["认定已付"]) == (
        "成功",
        "wang、li 已定: letter of 12 May",
        f"wang、li 已定 ({LINE}): letter of 15 May",
    )
    assert "may be the payment" not in says("recon", "show", CASE)[1]
    verbs = late.rows("SELECT verb, actor, detail FROM puhui.audit ORDER BY seq DESC LIMIT 4")
    assert [row[:2] for row in verbs] == [("payout approve-paid", "li")] * 2 + [("payout paid", "wang")] * 2
    assert json.loads(verbs[-1][2]) == {
        "batch": BATCH, "items": [ITEM], "line": LINE, "reason": "letter of 15 May", "withdraw": False
    }  # fmt: skip


def told(says):
    return {row["付款编号"]: row for row in json.loads(says("payout", "show", BATCH, "--json")[1])}


def test_a_debit_without_a_number_is_told_with_its_doubt(silent, says):
    assert says("payout", "unpaid", BATCH, ITEM, "--reason", "letter of 12 May", "--as", "wang")[0] == 0
    assert says("payout", "approve-unpaid", BATCH, "--effect", "3.00", "--as", "li")[0] == 0
    lived(silent, WED)
    lived(silent, THURSDAY, (-300, {"end_to_end_id": "NOTPROVIDED"}))
    assert says("recon", "show", CASE)[1].endswith(WAY)
    doubt = (
        f"look at this first: {ITEM}: {LINE}, -3.00 of {THURSDAY}, names no payment of ours; banks lose numbers, but it"
        " may be something else\n"
    )
    assert says(*PROPOSE)[2].endswith(doubt)
    assert says("payout", "show", BATCH)[1].endswith(doubt)
    assert says("payout", "approve-paid", BATCH, "--effect", "3.00", "--as", "li")[2].endswith(doubt)


def test_a_batch_that_the_bank_paid_late_as_a_whole(silent, says):
    """Its file still lay there."""
    assert says("payout", "unpaid", BATCH, "--all", "--reason", "file lost", "--as", "wang")[0] == 0
    assert says("payout", "approve-unpaid", BATCH, "--effect", "8.00", "--as", "li")[0] == 0
    lived(silent, WED)
    every = ("payout", "paid", BATCH, "--all", "--reason", "paid late", "--as", "wang")
    none = f"puhui: payout {BATCH}: --all: no payment of it can be meant\n"
    assert says(*every) == (2, "", none)
    lived(silent, THURSDAY, (-300, {"end_to_end_id": ITEM}), (-500, {"end_to_end_id": OTHER}))
    for _ in range(2):
        status, _, error = says(*every)
        assert (status, error.startswith(f"{BATCH}: 2 payments of 8.00 proposed as paid by wang;")) == (0, True)
    assert says(*every, "--withdraw")[2] == f"{BATCH}: withdrawn by wang: {ITEM}, {OTHER}\n"
    assert says(*every)[0] == 0
    assert says("payout", "approve-paid", BATCH, "--effect", "8.00", "--as", "li")[0] == 0
    lived(silent, FRIDAY)
    assert silent.rows("SELECT count(*) FROM puhui.payout_result WHERE result = 'paid'") == [(2,)]
    assert [row["结果"] for row in told(says).values()] == ["成功", "成功"]
    said = f"puhui: payout {BATCH}: --all: no payment of it can be meant\n"
    assert says(*every) == (2, "", said)


def test_what_cannot_be_said_is_told_and_a_proposal_is_withdrawn(late, says):
    paid = PROPOSE[:2]
    for arguments, message in (
        ((BATCH, ITEM, "--reason", "x"), "--line: name the debit that was the payment, as `puhui payout show` and"),
        ((BATCH, "--line", LINE, "--reason", "x"), "name one payment and its --line, or give --all"),
        ((BATCH, ITEM, "--all", "--reason", "x"), "name one payment and its --line, or give --all"),
        ((BATCH, ITEM, "--line", LINE, "--reason", " "), "--reason: say why; it is kept with the decision"),
        ((BATCH, "X", "--line", LINE, "--reason", "x"), f"payout {BATCH}: it has no item X"),
        ((BATCH, OTHER, "--line", LINE, "--reason", "x"), f"{OTHER}: nobody has refused it"),
        ((BATCH, ITEM, "--reason", "x", "--withdraw"), f"{ITEM}: nothing waits to be withdrawn"),
    ):
        status, out, error = says(*paid, *arguments, "--as", "wang")
        assert (status, out, error.count("\n")) == (2, "", 1)
        assert message in error
    assert says(*PROPOSE)[0] == 0
    status, _, error = says(*paid, BATCH, ITEM, "--withdraw", "--reason", "no", "--as", "li")
    assert (status, error) == (0, f"{BATCH}: withdrawn by li: {ITEM}\n")
    assert told(says)[ITEM]["认定已付"] == ""
    assert says("payout", "show", BATCH)[1].endswith(WAY)
