"""Lives of payouts between a bank that pays, is late, silent, refuses or lies, and what people say of payments.

The truth is the bank model's. Whatever comes in whatever order, every night's checks hold, no statement is paid twice
while anybody could know, and nobody alone makes money leave again.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import pytest

from batch import paid, release, unpaid
from settlement.model.errors import BadInput, NotAllowed
from tests.batch.reconcile.nights import bank, night
from tests.batch.reconcile.test_reconcile import PAID, sale
from tests.batch.reconcile.test_results import told
from tests.batch.reconcile.test_unpaid import lived
from tests.batch.settle.books import FRI, THU, Books, at
from tests.batch.settle.conftest import books, books_server

__all__ = ["books", "books_server"]

SEEDS = range(2 * int(os.environ.get("PUHUI_PROPERTY_TIMES", "1")))
PAYEES = ("M1", "M3", "M4", "M5", "M6")
PEOPLE = ("wang", "li", "zhou")
NIGHTS = 16
FIRST = ["late", "never", "never", "lies", "lies"]  # fates of the first items, in some order
REFUSED = (BadInput, NotAllowed)


@dataclass
class Life:
    """A bank with one fate for each item that has left, and what people did so far."""

    books: Books
    rng: random.Random
    other: random.Random  # of those who name debits, so that the rest goes on as without them
    debits: dict[date, list[str]] = field(default_factory=dict)
    words: dict[date, list[tuple[str, str]]] = field(default_factory=dict)
    fates: dict[str, str] = field(default_factory=dict)
    first: list[str] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)  # items whose debit a stored statement has
    seen: Counter[str] = field(default_factory=Counter)

    def items(self, batch_no: str) -> list[tuple[str, int, str]]:
        sql = "SELECT end_to_end_id, amount_fen, statement_no FROM puhui.payout_item WHERE batch_no = :b ORDER BY 1"
        return self.books.rows(sql, b=batch_no)  # type: ignore[return-value]  # the columns of the query

    def leave(self, day: date) -> None:
        """Every batch that may leave does, mostly; the bank decides what becomes of its items."""
        for batch_no, *_ in self.books.rows("SELECT batch_no FROM puhui.payout_batch ORDER BY 1"):
            if self.rng.random() < 0.1:
                continue
            try:
                self.books.do(lambda c, b=batch_no: release.approve(c, self.books.run, b, "li"))
                self.books.do(lambda c, b=batch_no: release.release(c, self.books.run, b, "wang"))
            except REFUSED:
                continue
            self.books.do(lambda c, b=batch_no: release.write_released(c, self.books.run, b))
            for item, _, statement in self.items(batch_no):
                assert not [one for one in self.shown if one.startswith(statement)], f"{item} leaves, and was paid"
                self.decide(item, day)

    def decide(self, item: str, day: date) -> None:
        if not self.fates:
            self.first = self.rng.sample(FIRST, len(FIRST))
        fate = self.first.pop() if self.first else self.rng.choice(["pays", "late", "never", "refuses", "lies"])
        self.fates[item] = fate
        when = {"pays": 0, "late": self.rng.randint(3, 12), "lies": self.rng.randint(6, 14)}.get(fate)
        if when is not None:
            self.debits.setdefault(day + timedelta(days=when), []).append(item)
        word = {"refuses": "rejected", "lies": self.rng.choice([None, "rejected"]), "pays": "paid"}.get(fate)
        word = word or self.rng.choice([None, None, None, "unknown"])
        if word:
            self.words.setdefault(day + timedelta(days=self.rng.randint(0, 6)), []).append((item, word))

    def people(self) -> None:
        """By day anybody tries anything; what is refused has no effect."""
        for batch_no, *_ in self.books.rows("SELECT batch_no FROM puhui.payout_batch ORDER BY 1"):
            for item, fen, _ in self.items(batch_no):
                who = self.rng.choice(PEOPLE)
                move = self.rng.choice(["propose", "propose", "approve", "approve", "approve", "withdraw", None])
                with suppress(*REFUSED):
                    if move == "propose":
                        self.say(unpaid.propose, batch_no, [item], who, "letter")
                    elif move == "withdraw" and self.rng.random() < 0.2:
                        self.say(unpaid.withdraw, batch_no, [item], who, "no")
                    elif move == "approve":
                        self.say(unpaid.approve, batch_no, [item], who, fen + (self.rng.random() < 0.1))
                    else:
                        continue
                    self.seen[move] += 1
        self.say_paid()

    def say_paid(self) -> None:
        """Anybody names any unknown debit as any payment, or agrees; sometimes takes it back."""
        sql = """SELECT d.theirs_id, i.batch_no, i.end_to_end_id, i.amount_fen
          FROM puhui.discrepancy d, puhui.payout_item i WHERE d.kind = 'UNKNOWN_DEBIT' ORDER BY 1, 3"""
        for line, batch_no, item, fen in self.books.rows(sql):
            who, luck = self.other.choice(PEOPLE), self.other.random()
            with suppress(*REFUSED):
                if luck < 0.4:
                    self.say(paid.propose, batch_no, {item: line}, who, "letter")
                elif luck < 0.8:
                    self.say(paid.approve, batch_no, [item], who, fen)
                elif luck < 0.82:
                    self.say(paid.withdraw, batch_no, [item], who, "no")

    def say(self, verb: Any, *arguments: Any) -> None:
        self.books.do(lambda c: verb(c, self.books.run, *arguments))

    def night(self, day: date) -> None:
        """The bank's files of a day, and the night; what it decided stands on what the statements show."""
        self.books.begin(day)
        amounts = dict(self.books.rows("SELECT end_to_end_id, amount_fen FROM puhui.payout_item"))
        for item, result in self.words.get(day, ()):
            told(self.books, {"end_to_end_id": item, "result": result})
        debited = self.debits.get(day, [])
        self.shown |= set(debited)
        lived(self.books, day, *((-amounts[item], {"end_to_end_id": item}) for item in debited))
        for item, kind, result in self.books.rows(
            "SELECT r.end_to_end_id, (SELECT count(DISTINCT x) FROM unnest(ARRAY[d.actor, d.checker]) x), r.result"
            " FROM puhui.payout_result r JOIN puhui.decision d USING (decision_id) WHERE r.business_date = :d", d=day,
        ):  # fmt: skip
            assert kind == 2
            assert (item in self.shown) == (result == "paid")
            self.seen["taken" if result == "unpaid" else "by debit"] += 1
        self.seen["after"] += sum(self.result(item) == "unpaid" for item in debited)

    def result(self, item: str) -> str | None:
        sql = "SELECT result FROM puhui.payout_result WHERE end_to_end_id = :e ORDER BY seq DESC LIMIT 1"
        found = self.books.rows(sql, e=item)
        return found[0][0] if found else None


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_paid_twice_while_anybody_can_know(books: Books, seed: int) -> None:
    for payee in PAYEES[1:]:
        books.account(payee)
    books.begin(THU)
    for number, payee in enumerate(PAYEES):
        sale(books, THU, payee=("merchant", payee))
        books.sale(THU, 100 + number, matched=False, payee=("merchant", payee))
    night(books, THU, *((f"R{n + 1:04d}", PAID if n % 2 == 0 else 9_900 - n // 2) for n in range(2 * len(PAYEES))))
    bank(books, THU)
    books.finish()
    life = Life(books, random.Random(seed), random.Random(seed))
    for number in range(NIGHTS):
        day = FRI + timedelta(days=number)
        books.run = replace(books.run, business_date=day, now=at(day, 1))
        life.leave(day)
        life.people()
        life.people()
        life.night(day)
    assert seed > 1 or (life.seen["after"] and life.seen["by debit"]), "these two have debits after a decision"
    twice = books.rows(
        "SELECT i.statement_no FROM puhui.payout_item i JOIN puhui.payout_result r USING (end_to_end_id)"
        " WHERE r.result = 'paid' GROUP BY 1 HAVING count(*) > 1"
    )
    assert twice == [], "no two debits are taken for the payment of one statement"
    print(seed, dict(life.seen))
