"""The bank says that the second of two statements is right: two people take it, and the account goes on from there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from settlement.model.errors import BadInput, NotAllowed
from tests.batch.settle.books import FRI, MON, SAT, SUN, THU, TUE
from tests.batch.settle.restated import OPEN, Bank, bank, line

__all__ = ["bank"]

DAY1 = (line(100, "a", booking_date=THU), line(200, "b", booking_date=THU, reference="B2"))
DAY1_NOW = (line(100, "a", booking_date=THU), line(250, "b", booking_date=THU, reference="B2"))
DAY2 = (line(-70, "c", booking_date=FRI),)


def refused_as_changed(bank: Bank) -> tuple[int, int]:
    """Day 1, then day 1 with other lines and day 2 behind it: (the restated one, day 2)."""
    bank.begin(THU)
    first = bank.send(THU, OPEN, *DAY1)
    bank.night()
    bank.begin(FRI)
    changed = bank.send(THU, OPEN, *DAY1_NOW, number="1b")
    behind = bank.send(FRI, OPEN + 350, *DAY2, number="2", name="d2.sta")
    bank.night()
    assert [bank.status(n) for n in (first, changed, behind)] == [
        ("ACCEPTED", None),
        ("REJECTED", "STATEMENT_CHANGED"),
        ("REJECTED", "GAP"),
    ]
    bank.begin(SAT)
    return changed, behind


def test_from_the_refusal_to_the_next_day(bank: Bank) -> None:
    changed, _ = refused_as_changed(bank)
    seen = bank.look(changed)
    assert (seen.state, seen.effect_fen, seen.why_not, seen.waiting) == ("open", 50, "", ["d2.sta"])
    assert bank.last() == OPEN + 300
    bank.propose(changed)
    assert bank.look(changed).state == "proposed"
    bank.approve(changed, 50)
    assert bank.look(changed).state == "taken"
    again = bank.send(FRI, OPEN + 350, *DAY2, number="2", name="d2.sta")
    bank.night()
    assert bank.status(again) == ("ACCEPTED", None)
    assert bank.status(changed) == ("REJECTED", "STATEMENT_CHANGED")
    assert bank.last() == OPEN + 280
    seen = bank.look(changed)
    booked = [(one["line_id"], one["amount_fen"], one["ends"], one["remittance"]) for one in seen.booked]
    assert booked == [
        ("main:1b~5/1", -200, "main:1/2", "更正对账单 (决定 5: wang, li), 撤回 main:1/2: b"),
        ("main:1b~5/2", 250, None, "b"),
    ]
    assert (seen.state, seen.waiting, seen.decided[-1]["rows"]) == ("taken", [], 2)
    assert bank.closed["closed"] == [FRI.isoformat()]
    assert bank.closed["open"] == [f"{SAT}: no file of bank for {SAT}; it is awaited, or waive it by name"]


def test_the_next_day_is_named_also_where_it_came_first(bank: Bank) -> None:
    """It tells that the day before was restated, and the bank sends that one when it is asked."""
    bank.begin(THU)
    bank.send(THU, OPEN, *DAY1)
    bank.night()
    bank.begin(FRI)
    early = bank.send(FRI, OPEN + 350, *DAY2, number="2", name="d2.sta")
    bank.night()
    assert bank.status(early) == ("REJECTED", "GAP")
    bank.begin(SAT)
    changed = bank.send(THU, OPEN, *DAY1_NOW, number="1b")
    bank.night()
    bank.begin(SUN)
    assert bank.look(changed).waiting == ["d2.sta"]
    bank.take(changed, 50)
    again = bank.send(FRI, OPEN + 350, *DAY2, number="2", name="d2.sta")
    bank.night()
    assert (bank.status(again), bank.look(changed).waiting) == (("ACCEPTED", None), [])


@pytest.mark.parametrize("since", [(), DAY2, (*DAY2, line(70, "d", booking_date=FRI))])
def test_copies_of_either_version_move_nothing(bank: Bank, since: tuple[dict[str, object], ...]) -> None:
    """Whatever came between: day 2 as the first version had it is day 2 of the second, by other balances."""
    bank.begin(THU)
    bank.send(THU, OPEN, *DAY1)
    bank.night()
    bank.begin(FRI)
    bank.send(FRI, OPEN + 300, *since, number="2")
    bank.night()
    bank.begin(SAT)
    changed = bank.send(THU, OPEN, *DAY1_NOW, number="1b")
    bank.night()
    bank.begin(SUN)
    bank.take(changed, 50)
    bank.night()
    moved = sum(one["amount_fen"] for one in since)  # type: ignore[misc]  # an int
    assert bank.last() == OPEN + 350 + moved
    stands, lines = bank.standing(), bank.lines()
    bank.begin(MON)
    same, twice = ("DUPLICATE", "SAME_ROWS"), ("REJECTED", "STATEMENT_TWICE")
    day2 = same if moved or not since else twice  # the account is where day 2 opened
    copies = {
        bank.send(THU, OPEN, *DAY1_NOW, number="1c"): same,
        bank.send(THU, OPEN, *DAY1, number="1d"): ("REJECTED", "STATEMENT_CHANGED"),
        bank.send_all(FRI, (OPEN, DAY1_NOW, "7"), (OPEN + 350, since, "8")): day2,
        bank.send_all(FRI, (OPEN, DAY1, "7"), (OPEN + 300, since, "8")): ("REJECTED", "STATEMENT_CHANGED"),
    }
    if since:
        copies |= {
            bank.send(FRI, OPEN + 350, *since, number="2b"): day2,
            bank.send(FRI, OPEN + 300, *since, number="2c"): twice,
        }
    bank.night()
    assert {name: bank.status(name) for name in copies} == copies
    assert (bank.standing(), bank.lines(), bank.last()) == (stands, lines, OPEN + 350 + moved)
    more = bank.send_all(MON, (OPEN, DAY1_NOW, "7"), (OPEN + 350, since, "8"), (OPEN + 350 + moved, (line(9),), "9"))
    bank.ingest_again()
    assert bank.status(more) == ("SUPERSET", None)
    assert bank.last() == OPEN + 359 + moved


@pytest.mark.parametrize("same", [0, 1])
def test_back_to_the_first_version(bank: Bank, same: int) -> None:
    """Also where the bank sends the very bytes that were taken first."""
    changed, _ = refused_as_changed(bank)
    bank.take(changed, 50)
    bank.night()
    bank.begin(SUN)
    ((number,),) = bank.books.rows("SELECT min(file_id) FROM puhui.file WHERE source = 'bank'")
    first = bank.send(THU, OPEN, *DAY1, number="1c", bytes_of=number * same)
    bank.night()
    bank.begin(MON)
    seen = bank.look(first)
    assert seen.taking is not None
    (difference,) = seen.taking.differences
    assert [(one["line_id"], one["amount_fen"]) for one in difference.back] == [("main:1b~5/2", 250)]
    bank.take(first, -50)
    bank.night()
    assert bank.last() == OPEN + 300
    assert [fen for fen, _ in bank.lines()] == [100, 200, -200, 250, -250, 200]
    assert sorted(key[1] for key in bank.standing()) == [100, 200]


def test_back_to_the_first_version_whose_bytes_came_twice(bank: Bank) -> None:
    """The copy of before brought nothing, so it says nothing about what stands."""
    changed, _ = refused_as_changed(bank)
    ((number,),) = bank.books.rows("SELECT min(file_id) FROM puhui.file WHERE source = 'bank'")
    copy = bank.send(THU, OPEN, *DAY1, number="1", bytes_of=number)
    bank.night()
    assert bank.status(copy) == ("DUPLICATE", "DUPLICATE_FILE")
    bank.begin(SUN)
    bank.take(changed, 50)
    bank.night()
    bank.begin(MON)
    back = bank.send(THU, OPEN, *DAY1, number="1", bytes_of=number)
    bank.night()
    bank.begin(TUE)
    assert bank.status(back) == ("REJECTED", "STATEMENT_CHANGED")
    bank.take(back, -50)
    bank.night()
    assert bank.last() == OPEN + 300


def test_a_month_so_far_is_told_by_what_it_changes_of_all_its_days(bank: Bank) -> None:
    bank.begin(THU)
    bank.send(THU, OPEN, *DAY1)
    bank.night()
    bank.begin(FRI)
    bank.send(FRI, OPEN + 300, *DAY2, number="2")
    bank.night()
    bank.begin(SAT)
    month = bank.send(SAT, OPEN, *DAY1, line(-71, "c", booking_date=FRI), number="m")
    bank.night()
    ((said,),) = bank.books.rows("SELECT message FROM puhui.file_outcome WHERE file_id = :f", f=month)
    assert "lacks 1 line of -0.70 and adds 1 line of -0.71; nothing is stored" in said


PARTS = tuple(line(fen, reference=f"B{fen}", booking_date=THU) for fen in (100, -250, 160))
NO_LINE_OF_THE_REST = (PARTS[0], *(line(fen, reference=f"B{fen}", booking_date=THU) for fen in (99, -189)))
ANOTHER_REST = (line(-260, reference="C", booking_date=THU), PARTS[2] | {"amount_fen": 140})


@pytest.mark.parametrize("now", [NO_LINE_OF_THE_REST, ANOTHER_REST, ()])
def test_a_day_that_came_as_noon_and_evening_is_restated_whole(bank: Bank, now: tuple[dict[str, Any], ...]) -> None:
    """Its closing tells it, or a number of the bank's in the evening's lines."""
    bank.begin(THU)
    bank.send(THU, OPEN, *PARTS[:2])
    bank.send(THU, OPEN, *PARTS, number="2")
    bank.night()
    bank.begin(FRI)
    bank.send(FRI, OPEN + 10, *DAY2, number="3")
    bank.night()
    bank.begin(SAT)
    changed = bank.send(THU, OPEN, *now, number="1b")
    bank.night()
    bank.begin(SUN)
    moved = sum(one["amount_fen"] for one in now)
    bank.take(changed, moved - 10)
    bank.night()
    assert sorted(key[1] for key in bank.standing()) == sorted(one["amount_fen"] for one in (*now, *DAY2))
    assert bank.last() == OPEN + moved - 70


def test_a_day_that_came_in_a_month_so_far_is_restated_alone(bank: Bank) -> None:
    """The lines of the days behind it stand."""
    bank.begin(FRI)
    bank.send(FRI, OPEN, *DAY1, *DAY2)
    bank.night()
    bank.begin(SAT)
    changed = bank.send(THU, OPEN, *DAY1_NOW, number="1b")
    bank.night()
    bank.begin(SUN)
    bank.take(changed, 50)
    bank.night()
    assert sorted(key[1] for key in bank.standing()) == [-70, 100, 250]
    bank.begin(MON)
    more = bank.send(SUN, OPEN + 280, line(5, booking_date=SUN), number="9")
    again = bank.send(SUN, OPEN, *DAY1_NOW, *DAY2, line(5, booking_date=SUN), number="m")
    bank.night()
    assert (bank.status(more), bank.status(again)) == (("ACCEPTED", None), ("DUPLICATE", "SAME_ROWS"))


# --- wrong use ----------------------------------------------------------------------------------------------------


def test_each_wrong_use_is_told_and_nothing_is_decided(bank: Bank) -> None:
    changed, behind = refused_as_changed(bank)
    with pytest.raises(NotAllowed, match="nobody proposed to take it"):
        bank.approve(changed, 50)
    with pytest.raises(BadInput, match=r"was refused \(GAP\), which no decision changes: ask the bank for the stat"):
        bank.propose(behind)
    with pytest.raises(BadInput, match="nothing of it is held"):
        bank.propose(1)
    bank.propose(changed)
    with pytest.raises(BadInput, match="wang proposed it already; another person approves it"):
        bank.propose(changed, "li")
    with pytest.raises(NotAllowed, match="wang proposed it; another person approves it"):
        bank.approve(changed, 50, "wang")
    with pytest.raises(BadInput, match=r"--effect: taking it moves 0.50 of the account now; look with"):
        bank.approve(changed, -50)
    assert bank.books.rows("SELECT kind FROM puhui.decision WHERE kind LIKE '%file'") == [("propose_file",)]
    bank.approve(changed, 50)
    with pytest.raises(BadInput, match="was taken already"):
        bank.approve(changed, 50)
    assert bank.lines() == [(100, "a"), (200, "b")]


def test_what_came_since_may_leave_nothing_to_take(bank: Bank) -> None:
    """Two copies of the restated statement were refused; one is taken, and the other says nothing more."""
    changed, _ = refused_as_changed(bank)
    other = bank.send(THU, OPEN, *DAY1_NOW, number="1e")
    bank.night()
    bank.begin(SUN)
    assert bank.status(other) == ("REJECTED", "STATEMENT_CHANGED")
    bank.propose(other)
    bank.take(changed, 50)
    bank.night()
    bank.begin(MON)
    with pytest.raises(BadInput, match="it says nothing any more that does not stand already"):
        bank.approve(other, 50)
    bank.books.do(lambda c: bank.keep(c, other))
    assert bank.look(other).state == "kept"


def test_a_night_that_finds_another_effect_takes_nothing_and_people_decide_anew(bank: Bank) -> None:
    """Both versions of the day that the bank sent are approved for one night: the second moves something else then."""
    changed, _ = refused_as_changed(bank)
    other = bank.send(THU, OPEN, line(100, "a"), line(260, "b", reference="B2"), number="1e")
    bank.night()
    bank.begin(SUN)
    bank.take(changed, 50)
    bank.take(other, 60)
    bank.night()
    (told,) = bank.summary["decisions_refused"]
    assert "(take_file" in told
    assert "tonight another decision brought a line of statement 1e" in told
    assert bank.last() == OPEN + 350
    bank.begin(MON)
    seen = bank.look(other)
    assert (seen.state, seen.effect_fen) == ("open", 10)
    assert other in list(bank.books.do(bank.undecided))
    bank.night()
    assert "decisions_refused" not in bank.summary
    assert bank.last() == OPEN + 350


def test_killed_in_the_middle_and_run_again(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    from batch import restated

    changed, _ = refused_as_changed(bank)
    bank.take(changed, 50)
    before = bank.lines()

    def dies(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(restated.corrections, "put", dies)  # the statement and its lines are in, its marks are not
        with pytest.raises(KeyboardInterrupt):
            bank.ingest()
    assert bank.lines() == before
    bank.ingest()
    assert bank.last() == OPEN + 350
    after = bank.lines()
    bank.ingest_again()
    assert bank.lines() == after


def test_an_account_that_is_where_the_old_version_opens(bank: Bank) -> None:
    """The bank withdraws all of the day. Its first version then looks like the next statement, and waits for people."""
    bank.begin(THU)
    bank.send(THU, OPEN, *DAY1)
    bank.night()
    bank.begin(FRI)
    changed = bank.send(THU, OPEN, number="1b")
    bank.night()
    bank.begin(SAT)
    assert bank.status(changed) == ("REJECTED", "STATEMENT_CHANGED")
    bank.take(changed, -300)
    bank.night()
    assert (bank.last(), bank.standing().total()) == (OPEN, 0)
    bank.begin(SUN)
    first = bank.send(THU, OPEN, *DAY1, number="1c")
    bank.night()
    ((said,),) = bank.books.rows("SELECT message FROM puhui.file_outcome WHERE file_id = :f", f=first)
    assert said.startswith("statement 1c brings 2 lines of 3.00 that a decision took back; nothing is stored: ask")
    bank.begin(MON)
    seen = bank.look(first)
    assert seen.taking is not None
    assert (seen.effect_fen, seen.taking.new_lines) == (300, 2)
    bank.take(first, 300)
    bank.night()
    assert (bank.last(), bank.standing().total()) == (OPEN + 300, 2)
    assert [one["amount_fen"] for one in bank.look(first).booked] == [100, 200]
    bank.begin(TUE)
    again = bank.send(FRI, OPEN + 300, *DAY2, number="2")
    bank.night()
    assert bank.status(again) == ("ACCEPTED", None)


def test_a_file_of_two_days_brings_the_difference_and_the_new_day(bank: Bank) -> None:
    changed, _ = refused_as_changed(bank)
    both = bank.send_all(FRI, (OPEN, DAY1_NOW, "7"), (OPEN + 350, DAY2, "8"))
    bank.night()
    bank.begin(SUN)
    seen = bank.look(both)
    assert seen.taking is not None
    assert (seen.effect_fen, seen.taking.new_lines, seen.taking.new_fen) == (-20, 1, -70)
    bank.take(both, -20)
    bank.night()
    assert bank.last() == OPEN + 280
    assert [one["amount_fen"] for one in bank.look(both).booked] == [-200, 250, -70]
    assert bank.look(changed).why_not == "it says nothing any more that does not stand already"


def test_a_file_of_two_accounts(bank: Bank) -> None:
    """One is changed, the other is the same, then new; one that lacks a statement refuses the whole."""
    first = bank.run.config.accounts[0]
    second = first.model_copy(update={"name": "second", "number": "32201988236052500002", "first_opening_fen": 0})
    bank.books.run = replace(bank.run, config=bank.run.config.model_copy(update={"accounts": (first, second)}))

    def of(opening: int, *lines: dict[str, Any]) -> tuple[int, tuple[dict[str, Any], ...], str, str]:
        return opening, lines, "1", second.number

    bank.begin(THU)
    other = line(40, "x", reference="X1", booking_date=THU)
    bank.send_all(THU, (OPEN, DAY1, "1"), of(0, other))
    bank.ingest()
    bank.begin(FRI)
    same = bank.send_all(THU, (OPEN, DAY1_NOW, "2"), of(0, other))
    more = bank.send_all(FRI, (OPEN, DAY1_NOW, "3"), of(40, line(2, "y", reference="X2")))
    gap = bank.send_all(FRI, (OPEN, DAY1_NOW, "4"), of(41, line(2, "y", reference="X2")))
    bank.ingest()
    bank.begin(SAT)
    codes = {number: bank.status(number)[1] for number in (same, more, gap)}
    assert codes == dict.fromkeys((same, more, gap), "STATEMENT_CHANGED")
    assert (bank.look(same).effect_fen, bank.look(more).effect_fen, bank.look(gap).effect_fen) == (50, 52, None)
    assert bank.look(gap).why_not.endswith("a statement is missing; ask the bank for one account alone")
    bank.take(more, 52)
    bank.ingest()
    assert (bank.last(), bank.last("second")) == (OPEN + 350, 42)
    booked = [(one["account"], one["amount_fen"]) for one in bank.look(more).booked]
    assert booked == [("main", -200), ("main", 250), ("second", 2)]


def test_a_fee_that_stood_there_twice_does_not_come_back_with_the_old_version_and_more(bank: Bank) -> None:
    """The one that stays is its twin in all, so that only the decision tells the old version from a new line."""
    fee = line(-5, booking_date=THU)
    bank.begin(THU)
    bank.send(THU, OPEN, fee, fee)
    bank.night()
    bank.begin(FRI)
    changed = bank.send(THU, OPEN, fee, number="1b")
    bank.night()
    bank.begin(SAT)
    bank.take(changed, 5)
    bank.night()
    bank.begin(SUN)
    old = bank.send(FRI, OPEN, fee, fee, *DAY2, number="m1")
    new = bank.send(FRI, OPEN, fee, *DAY2, number="m2")
    bank.night()
    assert (bank.status(old), bank.status(new)) == (("REJECTED", "STATEMENT_CHANGED"), ("SUPERSET", None))
    assert bank.last() == OPEN - 75
