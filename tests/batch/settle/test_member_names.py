"""The bank's statements name the members that were paid; the store keeps these names masked, and only these."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from sqlalchemy import text

from settlement.model.persons import mask_name
from settlement.store import intake
from tests.batch.reconcile.nights import theirs
from tests.batch.reconcile.test_reconcile import PAID, sale
from tests.batch.settle.books import FRI, MON, SAT, SUN, THU
from tests.batch.settle.restated import OPEN, Bank, bank, line
from tests.batch.settle.test_settle import decide

__all__ = ["bank"]

ITEM = "SZ-2026-000001-1"
LINES = (
    line(-300, "补贴", end_to_end_id=ITEM, counterparty_name="欧阳小明", reference="B1"),
    line(500, "货款", counterparty_name="欧阳小明", reference="B2"),
    line(-200, "补贴", end_to_end_id="SZ-2026-000009-1", counterparty_name="面包店", reference="B3"),
)


def names(bank: Bank) -> list[tuple[Any, ...]]:
    return bank.books.rows("SELECT line_id, counterparty_name FROM puhui.bank_line ORDER BY business_date, line_id")


@pytest.fixture
def paid(bank: Bank) -> Bank:
    """A member's subsidy of 3.00 left on Friday, whose statement is sent."""
    books = bank.books
    books.account("U1", "member")
    bank.begin(THU)
    sale(books, THU, payee=("member", "U1"))
    theirs(books, THU, ("R0001", PAID))
    bank.send(THU, OPEN, number="thu")
    bank.night()
    decide(books, FRI, "B-20260507-1")
    bank.begin(FRI)
    bank.send(FRI, OPEN, *LINES, number="fri")
    bank.night()
    assert books.rows("SELECT result FROM puhui.payout_result") == [("paid",)]
    bank.begin(SAT)
    return bank


def in_clear(bank: Bank, name: str = "欧阳小明") -> None:
    """As the line was stored before names were masked."""
    with bank.books.base.owner.begin() as owner:
        owner.execute(text("ALTER TABLE puhui.bank_line DISABLE TRIGGER USER"))
        update = text("UPDATE puhui.bank_line SET counterparty_name = :name WHERE line_id = 'main:fri/1'")
        owner.execute(update, {"name": name})
        owner.execute(text("ALTER TABLE puhui.bank_line ENABLE TRIGGER USER"))
    assert names(bank)[0] == ("main:fri/1", name)


def test_only_the_name_of_a_member_who_was_paid_is_masked(paid: Bank) -> None:
    assert [name for _, name in names(paid)] == ["欧***", "欧阳小明", "面包店"]


@pytest.mark.parametrize("name", ["欧阳小明", "欧", "", "O'Brien 明", "欧***", "*"])
def test_a_name_is_masked_alike_at_the_door_and_where_it_was_stored_in_clear(paid: Bank, name: str) -> None:
    in_clear(paid, name)
    with paid.books.base.engine.connect() as connection:
        read = intake.lines_of(connection, "main:fri").filter(pl.col("end_to_end_id") == ITEM)
        came = intake.members_masked(connection, read.with_columns(counterparty_name=pl.lit(name)))
    assert (read["counterparty_name"].to_list(), came["counterparty_name"].to_list()) == ([mask_name(name)],) * 2


@pytest.mark.parametrize("before", [False, True])
def test_a_statement_that_comes_again_is_the_same_whether_its_names_are_masked(paid: Bank, before: bool) -> None:
    if before:
        in_clear(paid)
    same = paid.send(FRI, OPEN, *LINES, number="again")
    more = paid.send(FRI, OPEN, *LINES, line(7, "息"), number="more")
    paid.night()
    assert [paid.status(n) for n in (same, more)] == [("DUPLICATE", "SAME_ROWS"), ("SUPERSET", None)]
    assert (len(names(paid)), paid.last()) == (4, OPEN + 7)


@pytest.mark.parametrize("before", [False, True])
def test_a_restated_statement_moves_only_what_it_changed(paid: Bank, before: bool) -> None:
    if before:
        in_clear(paid)
    changed = paid.send(FRI, OPEN, LINES[0], LINES[1] | {"amount_fen": 600}, LINES[2], number="fri2")
    paid.night()
    assert paid.status(changed) == ("REJECTED", "STATEMENT_CHANGED")
    paid.begin(SUN)
    paid.take(changed, 100)
    paid.night()
    assert [one["amount_fen"] for one in paid.look(changed).booked] == [-500, 600]


def test_the_line_that_takes_a_payment_back_has_its_name_masked(paid: Bank) -> None:
    in_clear(paid)
    changed = paid.send(FRI, OPEN, *LINES[1:], number="fri2")
    paid.night()
    paid.begin(SUN)
    paid.take(changed, 300)
    paid.night()
    assert [(one["amount_fen"], one["counterparty_name"]) for one in paid.look(changed).booked] == [(300, "欧***")]
    paid.begin(MON)
    old = paid.send(FRI, OPEN, *LINES, number="fri3")
    paid.night()
    assert paid.status(old) == ("REJECTED", "STATEMENT_CHANGED")
