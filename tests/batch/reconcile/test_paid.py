"""A debit that came for a payment which the bank had refused, or people had called unpaid, and was the payment."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from batch import paid, release, unpaid
from batch.steps.reconcile import reconcile
from settlement.model.errors import BadInput, NotAllowed, NotFound
from settlement.store import tables as t
from tests.batch.reconcile.nights import bank, decide, discrepancies, night, theirs
from tests.batch.reconcile.nights import run as reconciled
from tests.batch.reconcile.test_reconcile import PAID, paid_out, sale
from tests.batch.reconcile.test_results import balance, results_of, told
from tests.batch.reconcile.test_unpaid import BATCH, NEXT, WED, items, lived, propose, silent, written
from tests.batch.settle.books import FRI, MON, SAT, SUN, THU, TUE, Books, at
from tests.batch.settle.conftest import books, books_server

__all__ = ["books", "books_server", "paid_out", "silent"]

LETTER = "letter of the bank of 15 May"
LINE = f"main:{NEXT}/1"
FRIDAY, SATURDAY, SUNDAY, MONDAY = (NEXT + timedelta(days=n) for n in range(1, 5))


def say(books: Books, item: str, line: str = LINE, actor: str = "wang", batch: str = BATCH) -> None:
    books.do(lambda c: paid.propose(c, books.run, batch, {item: line}, actor, LETTER))


def agree(books: Books, fen: int = 300, checker: str = "li", batch: str = BATCH) -> None:
    books.do(lambda c: paid.approve(c, books.run, batch, [], checker, fen))


def decided(books: Books, item: str, line: str = LINE) -> None:
    say(books, item, line)
    agree(books)


def ways(books: Books, batch: str = BATCH) -> list[str]:
    return books.do(lambda c: list(paid.ways(c, batch)))


def replaced(books: Books, item: str) -> tuple[str, str]:
    """Two people call the payment unpaid; (what replaces it, its batch), drafted on Wednesday."""
    called_unpaid(books, item)
    return item[:-1] + "2", "B-20260513-1"


def called_unpaid(books: Books, item: str) -> None:
    propose(books, item)
    books.do(lambda c: unpaid.approve(c, books.run, BATCH, [], "li", 300))
    lived(books, WED)


def holds(books: Books, day: date) -> list[str]:
    return [row[0] for row in books.rows("SELECT reason FROM puhui.payout_hold WHERE business_date = :d", d=day)]


@pytest.fixture
def late(silent: tuple[Books, str]) -> tuple[Books, str]:
    """Two people called the payment unpaid for Wednesday; on Thursday its debit came. What replaced it is void."""
    books, item = silent
    called_unpaid(books, item)
    assert lived(books, NEXT, (-300, {"end_to_end_id": item}))["discrepancies"] == {"UNKNOWN_DEBIT": 1}
    assert [row[0][-1] for row in items(books)] == ["1", "2"]
    assert holds(books, NEXT) == ["the bank may have paid it already (D-20260514-000001): decide about that first"]
    return books, item


def test_two_people_say_that_a_debit_was_the_payment(late: tuple[Books, str]) -> None:
    books, item = late
    suspense, payable = balance(books, "1901"), balance(books, "2202")
    (way,) = ways(books)
    assert way == (
        f"{LINE}, -3.00 of 2026-05-14, may be the payment of {item}; if it was: puhui payout paid {BATCH} {item}"
        f" --line {LINE} --reason …"
    )
    decided(books, item)
    assert ways(books) == []
    summary = lived(books, FRIDAY)
    assert summary["bank_lines"] == {"paid_decided": 1}
    assert (summary["events"], summary["discrepancies"], summary["decisions_refused"]) == ({"explained": 2}, {}, [])
    assert results_of(books)[1:] == [(item, 2, "paid", LINE, LETTER)]
    ((number,),) = books.rows("SELECT max(decision_id) FROM puhui.decision")
    assert books.rows("SELECT decision_id FROM puhui.payout_result WHERE seq = 2") == [(number,)]
    match = books.rows("SELECT line_id, kind, subject, amount_fen, reason FROM puhui.money_match")
    assert match == [(LINE, "paid", item, -300, None)]
    # the payable that the refusal made is gone, against what the debit had put on suspense
    entries = books.rows("SELECT event, entry_key FROM puhui.entry WHERE business_date = :d", d=FRIDAY)
    assert entries == [("paid_after_all", f"cleared:{LINE}")]
    assert (balance(books, "1901"), balance(books, "2202")) == (suspense - 300, payable + 300)
    assert (balance(books, "2205"), balance(books, "2202")) == (0, 0)
    columns = "discrepancy_id, actor, checker, reason, evidence, decision_id"
    last = books.rows(f"SELECT {columns} FROM puhui.discrepancy_event WHERE business_date = :d ORDER BY 1", d=FRIDAY)
    assert last == [(row[0], "wang", "li", LETTER, LINE, number) for row in discrepancies(books)[1:]]
    assert [row[1::3] for row in discrepancies(books)] == [
        ("UNPAID", "explained"), ("RETURNED", "explained"), ("UNKNOWN_DEBIT", "explained")
    ]  # fmt: skip
    for day in (SATURDAY, SUNDAY, MONDAY):
        lived(books, day)
        assert holds(books, day) == []
    assert len(items(books)) == 2, "nothing is drafted for it any more"
    found = books.do(lambda c: paid.look(c, books.run, BATCH))
    assert [(one.state, one.why_not) for one in found] == [("done", "the bank paid it (puhui payout show)")]


def test_of_a_payment_that_the_bank_refused_too(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    written(books)
    told(books, {"end_to_end_id": item, "result": "rejected", "reason": "AC01"})
    lived(books, FRI)
    lived(books, SAT, (-300, {"end_to_end_id": item}))
    decided(books, item, f"main:{SAT}/1")
    assert lived(books, SUN)["events"] == {"explained": 2}
    assert [row[2] for row in results_of(books)] == ["rejected", "paid"]
    assert (balance(books, "2205"), balance(books, "2202"), balance(books, "1901")) == (0, 0, 0)
    books.account("M1", since=SAT)
    for day in (MON, TUE):
        lived(books, day)
    assert len(items(books)) == 1, "a corrected account is no reason to pay it again"


def test_of_a_payment_that_came_back_and_was_paid_once_more(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    written(books)
    name = {"end_to_end_id": item}
    lived(books, FRI, (-300, name))
    lived(books, SAT, (300, name))
    lived(books, SUN, (-300, name))
    decided(books, item, f"main:{SUN}/1")
    assert lived(books, MON)["events"] == {"explained": 2}
    assert (balance(books, "2205"), balance(books, "2202"), balance(books, "1901")) == (0, 0, 0)
    assert [row[2] for row in results_of(books)] == ["paid", "returned", "paid"]


def test_a_credit_of_that_night_gives_the_money_back(late: tuple[Books, str]) -> None:
    books, item = late
    decided(books, item)
    summary = lived(books, FRIDAY, (300, {"end_to_end_id": item, "remittance": "户名不符"}))
    assert summary["bank_lines"] == {"paid_decided": 1, "returned": 1}
    assert summary["discrepancies"] == {"RETURNED": 1}
    assert [row[1:4] for row in results_of(books)] == [
        (1, "unpaid", None), (2, "paid", LINE), (3, "returned", f"main:{FRIDAY}/1")
    ]  # fmt: skip
    for day in (SATURDAY, SUNDAY):
        lived(books, day)
    reason = "returned by the bank (户名不符); waits for a corrected account, or for the same one imported again"
    assert holds(books, SUNDAY) == [reason]
    books.account("M1", since=SAT)
    lived(books, MONDAY)
    assert items(books)[-1] == (item[:-1] + "3", 300, item)


def test_a_debit_without_a_number_may_be_it(silent: tuple[Books, str]) -> None:
    books, item = silent
    called_unpaid(books, item)
    lived(books, NEXT, (-300, {"end_to_end_id": "NOTPROVIDED"}))
    say(books, item)
    (one,) = books.do(lambda c: paid.look(c, books.run, BATCH))
    doubt = f"{LINE}, -3.00 of 2026-05-14, names no payment of ours; banks lose numbers, but it may be something else"
    assert one.doubts == [doubt]
    agree(books)
    assert lived(books, FRIDAY)["bank_lines"] == {"paid_decided": 1}
    assert (balance(books, "2205"), balance(books, "2202"), balance(books, "1901")) == (0, 0, 0)


def test_a_proposal_holds_what_replaces_a_refused_payment(paid_out: tuple[Books, str]) -> None:
    """A debit without a number holds nothing that the bank refused, until somebody says that it may be it."""
    books, item = paid_out
    written(books)
    told(books, {"end_to_end_id": item, "result": "rejected", "reason": "AC01"})
    lived(books, FRI)
    lived(books, SAT, (-300, {"remittance": "?"}))
    say(books, item, f"main:{SAT}/1")
    books.account("M1", since=SAT)
    lived(books, SUN)
    assert holds(books, SUN) == ["the bank may have paid it already (D-20260509-000001): decide about that first"]
    books.do(lambda c: paid.withdraw(c, books.run, BATCH, [item], "li", "it was the rent"))
    lived(books, MON)
    assert len(items(books)) == 2


def test_the_night_looks_once_more(late: tuple[Books, str]) -> None:
    """Somebody else closed the difference for the same night; the debit pays nothing then, and all is as before."""
    books, item = late
    decided(books, item)
    decide(books, FRIDAY, "explain", "D-20260514-000001")
    ((number,),) = books.rows("SELECT decision_id FROM puhui.decision WHERE kind = 'paid'")
    before = results_of(books)
    summary = lived(books, FRIDAY)
    said = f"decision {number} (paid {item}): {LINE} is no open UNKNOWN_DEBIT: it is explained (puhui recon show "
    assert [one.startswith(said) for one in summary["decisions_refused"]] == [True]
    assert results_of(books) == before
    (one,) = books.do(lambda c: paid.look(c, books.run, BATCH))
    assert (one.state, one.failed) == ("", True)


def test_an_adjustment_of_the_same_night_stands_against_it(late: tuple[Books, str]) -> None:
    """What was paid twice is had back by it: the payment leaves once more, or its payee has nothing."""
    books, item = late
    decided(books, item)
    decide(books, FRIDAY, "adjust", "D-20260513-000001", amount_fen=-300, checker="li")
    (refused,) = lived(books, FRIDAY)["decisions_refused"]
    assert refused.endswith("was adjusted, which its payee's statement has by now: explain D-20260514-000001 instead")
    with pytest.raises(NotAllowed, match="D-20260513-000001 of it was adjusted"):
        say(books, item)


@pytest.mark.parametrize(("word", "taken"), [("rejected", 0), ("paid", 1)])
def test_a_word_of_the_bank_since_the_proposal(late: tuple[Books, str], word: str, taken: int) -> None:
    books, item = late
    decided(books, item)
    books.begin(FRIDAY)
    told(books, {"end_to_end_id": item, "result": word})
    summary = lived(books, FRIDAY)
    assert summary["bank_lines"].get("paid_decided", 0) == taken
    assert len(summary["decisions_refused"]) == 1 - taken
    assert all("the bank has called it rejected since" in one for one in summary["decisions_refused"])


def test_a_debit_with_its_number_in_that_night_is_the_better_one(silent: tuple[Books, str]) -> None:
    books, item = silent
    called_unpaid(books, item)
    lived(books, NEXT, (-300, {}))
    decided(books, item)
    summary = lived(books, FRIDAY, (-300, {"end_to_end_id": item}))
    (refused,) = summary["decisions_refused"]
    assert f"main:{FRIDAY}/1, -3.00 of {FRIDAY} names it: propose that line" in refused
    say(books, item, f"main:{FRIDAY}/1")


def test_what_is_no_open_debit_of_it_is_refused(late: tuple[Books, str]) -> None:
    books, item = late
    more = (
        (-500, {"end_to_end_id": item}),
        (-400, {}),
        (100, {}),
        (-300, {"end_to_end_id": item[:-1] + "2"}),
        (-300, {}),
    )
    lived(books, FRIDAY, *more)
    decide(books, SATURDAY, "explain", "D-20260515-000005")
    lived(books, SATURDAY)
    numbers = dict(books.rows("SELECT theirs_id, discrepancy_id FROM puhui.discrepancy WHERE theirs_id IS NOT NULL"))
    lines = [f"main:{FRIDAY}/{n}" for n in range(1, 6)]
    closed = next(line for line in lines if numbers[line] == "D-20260515-000005")
    messages = {
        lines[0]: r"-5.00 of 2026-05-15, is not its amount of 3.00; ask the bank what that is \(puhui recon show",
        lines[1]: "-4.00 of 2026-05-15, is not its amount of 3.00",
        lines[2]: "is no debit but 1.00 that came in",
        lines[3]: f"names {item[:-1]}2, another payment",
        closed: r"is no open UNKNOWN_DEBIT: it is explained \(puhui recon show D-20260515-000005\)",
        "main:x/1": "there is no bank line main:x/1; `puhui recon list --kind UNKNOWN_DEBIT`",
    }
    for line, message in messages.items():
        with pytest.raises(NotAllowed, match=message):
            say(books, item, line)


def test_what_is_paid_or_nobody_refused_is_no_case(paid_out: tuple[Books, str]) -> None:
    books, item = paid_out
    with pytest.raises(NotFound, match="it has no item X"):
        say(books, "X")
    with pytest.raises(NotAllowed, match="its batch has not left; no debit can be its payment"):
        say(books, item)
    written(books)
    lived(books, FRI, (-300, {"end_to_end_id": item}), (-300, {"end_to_end_id": item}))
    with pytest.raises(NotAllowed, match="the bank paid it"):
        say(books, item, f"main:{FRI}/2")


def test_what_replaces_it_stands_against_it(silent: tuple[Books, str]) -> None:
    books, item = silent
    again, batch = replaced(books, item)
    books.begin(NEXT)
    bank(books, NEXT, (-300, {"end_to_end_id": item}))
    night(books, NEXT)
    with pytest.raises(
        NotAllowed, match=f"{again} replaces it and is drafted in {batch}: release that not; its night of {NEXT} makes"
    ):
        say(books, item)
    assert f"but {again} replaces it and is drafted in {batch}" in ways(books)[0]


def test_a_debit_beside_a_payment_that_has_left_is_one_too_many(silent: tuple[Books, str]) -> None:
    books, item = silent
    again, batch = replaced(books, item)
    left(books, batch)
    lived(books, NEXT, (-300, {"end_to_end_id": item}))
    too_many = (
        f"{again} replaces it and has left in {batch}: the debit is one payment too many; ask the bank for it back"
    )
    with pytest.raises(NotAllowed, match=too_many):
        say(books, item)
    # the bank refuses the second one: then the first is the payment
    books.begin(FRIDAY)
    told(books, {"end_to_end_id": again, "result": "rejected", "reason": "AC01"})
    lived(books, FRIDAY)
    decided(books, item)
    assert lived(books, SATURDAY)["events"] == {"explained": 3}
    books.account("M1", since=SAT)
    for day in (SUNDAY, MONDAY):
        lived(books, day)
    assert len(items(books)) == 2, "the refused one waits for no account any more"
    # and a debit of the second is one too many again
    tuesday = MONDAY + timedelta(days=1)
    lived(books, tuesday, (-300, {"end_to_end_id": again}))
    with pytest.raises(NotAllowed, match=f"{item} replaces it and has left in {BATCH}"):
        say(books, again, f"main:{tuesday}/1", batch=batch)


def test_a_restated_statement_takes_the_debit_back(late: tuple[Books, str]) -> None:
    """The payment is in transit again, as one is whose line the bank takes back; its debit may come once more."""
    books, item = late
    decided(books, item)
    lived(books, FRIDAY)
    books.begin(SATURDAY)
    bank(books, SATURDAY, (300, {"end_to_end_id": item}))
    mark = {"row_id": f"main:{SATURDAY}/1", "base_id": f"main:{NEXT}", "version": None, "ends": LINE}
    books.put(t.correction, mark | {"decision_id": 3, "business_date": SATURDAY})
    assert lived(books, SATURDAY, statement=False)["discrepancies"] == {"UNPAID": 1}
    assert [row[2] for row in results_of(books)] == ["unpaid", "paid", "unknown"]
    assert (balance(books, "2205"), balance(books, "2202")) == (-300, 0)
    lived(books, SUNDAY, (-300, {"end_to_end_id": item}))
    assert (balance(books, "2205"), balance(books, "2202"), balance(books, "1901")) == (0, 0, 0)
    assert [row[2] for row in results_of(books)][3:] == ["paid"]


def test_a_decision_for_a_night_that_is_taken_back_before_it_has_no_effect(late: tuple[Books, str]) -> None:
    books, item = late
    decided(books, item)
    books.begin(FRIDAY)
    bank(books, FRIDAY, (300, {"end_to_end_id": item}))
    mark = {"row_id": f"main:{FRIDAY}/1", "base_id": f"main:{NEXT}", "version": None, "ends": LINE}
    books.put(t.correction, mark | {"decision_id": 3, "business_date": FRIDAY})
    (refused,) = lived(books, FRIDAY, statement=False)["decisions_refused"]
    assert refused.endswith(f"{LINE} was taken back by a restated statement, or takes a line back; it pays nothing")


def test_of_two_attempts_that_people_call_paid_in_one_night_one_is(silent: tuple[Books, str]) -> None:
    """Each was refused when the other was looked at."""
    books, item = silent
    again, batch = replaced(books, item)
    left(books, batch)
    books.begin(NEXT)
    told(books, {"end_to_end_id": again, "result": "rejected"})
    lived(books, NEXT)
    lived(books, FRIDAY, (-300, {"end_to_end_id": item}), (-300, {"end_to_end_id": again}))
    for number, (name, of) in enumerate(((item, BATCH), (again, batch)), 1):
        say(books, name, f"main:{FRIDAY}/{number}", batch=of)
        agree(books, batch=of)
    summary = lived(books, SATURDAY)
    assert summary["bank_lines"] == {"paid_decided": 1, "unknown": 1}
    (refused,) = summary["decisions_refused"]
    assert refused.endswith(f"{item} replaces it and is paid by now: the debit is one payment too many")
    assert [row[1::3] for row in discrepancies(books)][-2:] == [
        ("UNKNOWN_DEBIT", "explained"), ("UNKNOWN_DEBIT", None)
    ]  # fmt: skip
    assert balance(books, "2202") == 0


def left(books: Books, batch: str) -> None:
    books.run = replace(books.run, now=at(books.run.business_date, 1))
    books.do(lambda c: release.approve(c, books.run, batch, "li"))
    books.do(lambda c: release.release(c, books.run, batch, "wang"))
    books.do(lambda c: release.write_released(c, books.run, batch))


def test_it_takes_two_and_each_call_counts_once(late: tuple[Books, str]) -> None:
    books, item = late
    with pytest.raises(NotAllowed, match=f"payout {BATCH}: nobody proposed that it is paid; `puhui payout paid` does"):
        agree(books)
    for _ in range(2):
        say(books, item)
    with pytest.raises(BadInput, match="wang proposed it already; another person approves it"):
        say(books, item, actor="li")
    with pytest.raises(BadInput, match=f"{LINE} is proposed as its payment; withdraw that first"):
        say(books, item, "main:x/1")
    with pytest.raises(NotAllowed, match="wang proposed it; another person approves it"):
        agree(books, checker="wang")
    with pytest.raises(BadInput, match=r"--effect: 3.00 would be paid; look with `puhui payout show` and name that"):
        agree(books, 299)
    for _ in range(2):
        agree(books)
    with pytest.raises(BadInput, match="two people decided it already"):
        say(books, item)
    assert said(books) == [("propose_paid", f"{item} {LINE}", None), ("paid", f"{item} {LINE}", "li")]
    for _ in range(2):
        books.do(lambda c: paid.withdraw(c, books.run, BATCH, [item], "li", "the bank called"))
    assert "paid_decided" not in lived(books, FRIDAY)["bank_lines"]
    decided(books, item)
    lived(books, SATURDAY)
    with pytest.raises(BadInput, match="nothing waits to be withdrawn"):
        books.do(lambda c: paid.withdraw(c, books.run, BATCH, [item], "li", "too late"))
    with pytest.raises(NotAllowed, match="the bank paid it"):
        say(books, item)


def said(books: Books) -> list[tuple[Any, ...]]:
    sql = "SELECT kind, subject, checker FROM puhui.decision WHERE kind LIKE '%paid' AND kind NOT LIKE '%unpaid'"
    return books.rows(f"{sql} ORDER BY decision_id")


def test_a_night_that_is_killed_does_it_once(late: tuple[Books, str]) -> None:
    books, item = late
    decided(books, item)
    books.begin(FRIDAY)
    bank(books, FRIDAY)
    theirs(books, FRIDAY)
    before = results_of(books)
    with books.base.engine.connect() as connection:
        reconcile(connection, books.run)
        connection.rollback()
    assert results_of(books) == before
    assert reconciled(books)["bank_lines"] == {"paid_decided": 1}
    assert [row[2] for row in results_of(books)] == ["unpaid", "paid"]


def test_a_debit_is_the_payment_of_one_item_alone(books: Books) -> None:
    """Two refused payments of the same amount, and one debit without a number."""
    books.account("M3")
    books.begin(THU)
    for payee in ("M1", "M3"):
        sale(books, THU, payee=("merchant", payee))
    night(books, THU, ("R0001", PAID), ("R0002", PAID))
    bank(books, THU)
    books.finish()
    books.run = replace(books.run, business_date=FRI, now=at(FRI, 1))
    left(books, BATCH)
    one, two = (row[0] for row in items(books))
    books.begin(FRI)
    told(books, *({"end_to_end_id": item, "result": "rejected"} for item in (one, two)))
    lived(books, FRI)
    line = f"main:{SAT}/1"
    lived(books, SAT, (-300, {}))
    say(books, one, line)
    found = books.do(lambda c: paid.look(c, books.run, BATCH))
    assert found[0].doubts[1] == f"{line} may as well be the payment of {two}"
    with pytest.raises(NotAllowed, match=f"{line} is proposed as the payment of {one}; withdraw that first"):
        say(books, two, line)
    agree(books)
    assert lived(books, SUN)["bank_lines"] == {"paid_decided": 1}
    assert balance(books, "2202") == -300
    with pytest.raises(NotAllowed, match=f"{line} is no open UNKNOWN_DEBIT: it was taken as paid of {one}"):
        say(books, two, line)
