"""Result files at night: what they may change (a refusal of what no line has paid), and what they may not."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from adapters.base import Closing
from batch import release
from batch.accept import Outcome
from batch.results import results
from settlement.model.errors import NotAllowed
from settlement.model.frames import PAYMENT_RESULT
from tests.batch.reconcile.nights import bank, discrepancies, night
from tests.batch.reconcile.test_reconcile import footed, paid_out, sale
from tests.batch.settle.books import FRI, MON, SAT, SUN, THU, Books
from tests.batch.settle.conftest import books, books_server

__all__ = ["books", "books_server", "paid_out"]


def told(books: Books, *rows: dict[str, Any], by_batch: bool = False) -> Outcome:
    """A result file of tonight with these rows, as ingest takes it."""
    file_id = books.file(books.run.business_date, "bank", len(rows))
    base = dict.fromkeys(PAYMENT_RESULT) | {"file": "r.xml", "byte_start": 7, "byte_end": 8}
    whole = [base | {"record": number} | row for number, row in enumerate(rows, 1)]
    frame = pl.DataFrame(whole, schema=PAYMENT_RESULT)
    closing = Closing(len(rows), len(rows), 0)
    return books.do(lambda c: results(c, file_id, books.run.business_date, frame, [], closing, by_batch=by_batch))


def lived(books: Books, day: date, *lines: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    """The night that began, with the bank's statement of these lines."""
    bank(books, day, *lines)
    return night(books, day)


def results_of(books: Books) -> list[tuple[Any, ...]]:
    return books.rows("SELECT end_to_end_id, seq, result, line_id, reason FROM puhui.payout_result ORDER BY 1, 2")


def balance(books: Books, account: str) -> int:
    sql = "SELECT coalesce(sum(amount_fen), 0)::bigint FROM puhui.entry_line WHERE account = :a"
    return int(books.rows(sql, a=account)[0][0])


def test_a_refused_payment_goes_back_and_leaves_again_with_a_corrected_account(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    assert told(books, {"end_to_end_id": item, "amount_fen": 300, "result": "rejected", "reason": "AC01"}).accepted == 1
    summary = lived(books, FRI)
    assert summary["bank_lines"] == {"rejected": 1}
    assert summary["discrepancies"] == {"RETURNED": 1}
    assert results_of(books) == [(item, 1, "rejected", None, "AC01")]
    done = books.finish()
    assert (done["settle"]["payouts"], done["settle"]["payouts_held"]) == (0, 1)
    ((reason,),) = books.rows("SELECT reason FROM puhui.payout_hold WHERE business_date = :d", d=FRI)
    assert reason == "returned by the bank (AC01); waits for a corrected account, or for the same one imported again"
    ((entry,),) = books.rows("SELECT count(*) FROM puhui.entry WHERE event = 'rejected'")
    assert entry == 1
    footed(books)
    books.account("M1", since=SAT)
    books.begin(SAT)
    lived(books, SAT)
    books.finish()
    books.begin(SUN)
    lived(books, SUN)
    assert books.finish()["settle"]["payouts"] == 1
    ((again, replaces),) = books.rows(
        "SELECT end_to_end_id, replaces FROM puhui.payout_item WHERE replaces IS NOT NULL"
    )
    assert replaces == item
    assert again == item[:-1] + "2"


def test_a_statement_is_the_money_and_a_file_against_it_is_a_difference(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    told(books, {"end_to_end_id": item, "result": "rejected", "reason": "AC01"})
    summary = lived(books, FRI, (-300, {"end_to_end_id": item}))
    assert summary["bank_lines"] == {"paid": 1}
    assert [row[2:4] for row in results_of(books)] == [("paid", f"main:{FRI}/1")]
    assert [row[1:3] for row in discrepancies(books)] == [("UNPAID", item)]
    books.finish()
    footed(books)
    books.begin(SAT)
    lived(books, SAT, (300, {"end_to_end_id": item, "remittance": "户名不符"}))
    assert [(row[1], row[4]) for row in discrepancies(books)] == [("UNPAID", "auto_closed"), ("RETURNED", None)]


def test_a_debit_after_a_refusal_is_an_unknown_debit(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    told(books, {"end_to_end_id": item, "result": "rejected"})
    lived(books, FRI)
    books.finish()
    books.begin(SAT)
    assert lived(books, SAT, (-300, {"end_to_end_id": item}))["discrepancies"] == {"UNKNOWN_DEBIT": 1}
    assert len(results_of(books)) == 1
    books.finish()
    footed(books)


@pytest.mark.parametrize("result", ["unknown", "paid"])
def test_only_a_line_says_that_money_went(paid_out: tuple[Books, str], result: str) -> None:
    books, item = paid_out
    told(books, {"end_to_end_id": item, "result": result})
    assert lived(books, FRI)["discrepancies"] == {}
    assert results_of(books) == []
    ((step, actor),) = books.rows("SELECT step, actor FROM puhui.payout_decision WHERE step = 'sent'")
    assert (step, actor) == ("sent", "bank"), "that it answers is its acknowledgement"


def test_paid_after_rejected_is_shown_and_never_paid_twice(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    told(books, {"end_to_end_id": item, "result": "rejected"})
    lived(books, FRI)
    books.finish()
    books.begin(SAT)
    told(books, {"end_to_end_id": item, "result": "paid"})
    assert lived(books, SAT)["discrepancies"] == {"UNPAID": 1}
    assert [row[2] for row in results_of(books)] == ["rejected"]
    assert books.finish()["settle"]["payouts"] == 0


def test_what_the_bank_may_have_paid_after_all_does_not_leave_again(paid_out: tuple[Books, str]) -> None:
    """Refused, drafted anew to a corrected account, and then the debit of the first stands on the statement."""
    books, item = paid_out
    told(books, {"end_to_end_id": item, "result": "rejected", "reason": "AC01"})
    lived(books, FRI)
    books.account("M1", since=FRI)
    assert books.finish()["settle"]["payouts"] == 1
    ((batch,),) = books.rows("SELECT batch_no FROM puhui.payout_item WHERE replaces IS NOT NULL")
    books.begin(SAT)
    books.do(lambda c: release.approve(c, books.run, batch, "li"))
    assert lived(books, SAT, (-300, {"end_to_end_id": item}))["discrepancies"] == {"UNKNOWN_DEBIT": 1}
    with pytest.raises(NotAllowed, match=r"the bank may have paid what .*-2 pays already \(D-20260509-000001\)"):
        books.do(lambda c: release.release(c, books.run, batch, "wang"))
    books.finish()
    books.begin(SUN)
    lived(books, SUN)
    assert books.finish()["settle"]["payouts"] == 0, "the batch has expired, its heir is held"
    ((reason,),) = books.rows("SELECT reason FROM puhui.payout_hold WHERE business_date = :d", d=SUN)
    assert reason == "the bank may have paid it already (D-20260509-000001): decide about that first"


def test_rejected_after_paid_is_shown_and_has_no_effect(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    told(books, {"end_to_end_id": item, "result": "paid"})
    lived(books, FRI)
    books.finish()
    books.begin(SAT)
    told(books, {"end_to_end_id": item, "result": "rejected", "reason": "AC04"})
    assert lived(books, SAT)["discrepancies"] == {"UNPAID": 1}
    assert results_of(books) == []


def test_the_last_file_of_a_night_counts(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    told(books, {"end_to_end_id": item, "result": "rejected"})
    told(books, {"end_to_end_id": item, "result": "unknown"})
    lived(books, FRI)
    assert results_of(books) == []


def test_a_row_about_the_batch_speaks_for_items_without_one(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    ((batch,),) = books.rows("SELECT DISTINCT batch_no FROM puhui.payout_item")
    told(books, {"message_id": batch, "result": "rejected", "reason": "RJCT FF01"})
    assert books.rows("SELECT end_to_end_id, record, result, reason FROM puhui.payout_answer") == [
        (item, 1, "rejected", "RJCT FF01")
    ]
    # its own row speaks for it, also one that is rejected
    outcome = told(
        books, {"message_id": batch, "result": "rejected"}, {"end_to_end_id": item, "amount_fen": 1, "result": "paid"}
    )
    assert [reject.code for reject in outcome.rejects] == ["OTHER_AMOUNT"]
    assert books.rows("SELECT count(*) FROM puhui.payout_answer")[0][0] == 1


def test_a_row_about_another_sum_than_the_batchs_is_about_a_part_of_it(paid_out: tuple[Books, str]) -> None:
    """A bank that splits a batch answers each part: what it refuses of one must not come back for all."""
    books, _ = paid_out
    ((batch, total),) = books.rows("SELECT batch_no, sum(amount_fen)::bigint FROM puhui.payout_item GROUP BY 1")
    row = {"message_id": batch, "result": "rejected"}
    (reject,) = told(books, row | {"amount_fen": total - 1}, by_batch=True).rejects
    assert (reject.code, reject.field) == ("OTHER_AMOUNT", "message_id")
    assert books.rows("SELECT count(*) FROM puhui.payout_answer")[0][0] == 0
    assert told(books, row | {"amount_fen": total}, by_batch=True).rejects == []
    assert books.rows("SELECT count(*) FROM puhui.payout_answer")[0][0] == 1


def test_what_names_no_payment_of_ours_has_no_effect(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    rows = [
        {"end_to_end_id": "6217000000000000001", "result": "rejected"},
        {"end_to_end_id": item, "amount_fen": 301, "result": "rejected"},
        {"message_id": "B-19990101-1", "result": "rejected"},
        {"result": "rejected"},
    ]
    outcome = told(books, *rows)
    said = [(reject.record, reject.byte, reject.code) for reject in outcome.rejects]
    expected = ["UNKNOWN_PAYMENT", "OTHER_AMOUNT", "UNKNOWN_PAYMENT", "UNKNOWN_PAYMENT"]
    assert sorted(said) == [(n, 7, code) for n, code in enumerate(expected, 1)]
    assert "621700*********0001" in outcome.rejects[0].message
    assert outcome.status == "PARTIAL"
    row = outcome.row(1, FRI)
    assert (row["records"], row["accepted"], row["rejected"], row["duplicate"]) == (4, 0, 4, 0)
    lived(books, FRI)
    assert results_of(books) == []


def test_a_report_on_another_message_says_nothing_of_ours(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    ((batch,),) = books.rows("SELECT DISTINCT batch_no FROM puhui.payout_item")
    row = {"end_to_end_id": item, "result": "rejected", "message_id": "MSG-7"}
    (reject,) = told(books, row, by_batch=True).rejects
    assert reject.code == "UNKNOWN_PAYMENT"
    assert reject.message.startswith(f"no released payment in batch MSG-7 is called {item};")
    assert told(books, row).accepted == 1, "a template's number is the bank's"
    assert told(books, row | {"message_id": batch}, by_batch=True).accepted == 1


def test_two_words_of_one_payment_are_none_and_one_twice_is_a_duplicate(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    ((batch,),) = books.rows("SELECT DISTINCT batch_no FROM puhui.payout_item")
    two = [{"end_to_end_id": item, "result": "rejected"}, {"end_to_end_id": item, "result": "paid"}]
    assert [reject.code for reject in told(books, *two).rejects] == ["TWO_RESULTS", "TWO_RESULTS"]
    both = [{"message_id": batch, "result": "rejected"}, {"message_id": batch, "result": "unknown"}]
    assert [reject.code for reject in told(books, *both).rejects] == ["TWO_RESULTS", "TWO_RESULTS"]
    outcome = told(books, two[0], two[0])
    assert (outcome.accepted, outcome.duplicate, outcome.rejects) == (1, 1, [])


def test_a_batch_that_was_not_released_has_no_answers(books: Books) -> None:
    books.begin(THU)
    sale(books, THU)
    night(books, THU, ("R0001", 9_700))
    bank(books, THU)
    books.finish()
    ((item,),) = books.rows("SELECT end_to_end_id FROM puhui.payout_item")
    books.begin(FRI)
    assert [reject.code for reject in told(books, {"end_to_end_id": item, "result": "rejected"}).rejects] == [
        "UNKNOWN_PAYMENT"
    ]


def test_silence_that_a_refusal_ends_is_closed(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    for day in (FRI, SAT, MON):
        if day != FRI:
            books.begin(day)
        night(books, day)
    later = MON.replace(day=12)
    books.begin(later)
    assert night(books, later)["discrepancies"] == {"UNPAID": 1}
    last = MON.replace(day=13)
    books.begin(last)
    told(books, {"end_to_end_id": item, "result": "rejected", "reason": "AC04"})
    assert night(books, last)["discrepancies"] == {"RETURNED": 1}
    assert [(row[1], row[4]) for row in discrepancies(books)] == [("UNPAID", "auto_closed"), ("RETURNED", None)]
    ((evidence,),) = books.rows("SELECT evidence FROM puhui.discrepancy_event")
    assert evidence.endswith(":1")
