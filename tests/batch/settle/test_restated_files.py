"""A bank that changes a day after it has sent it, in every way: once people took that, the books go over to it."""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, text

from batch import restated
from batch.steps import ingest
from settlement.store import intake, people
from tests.batch.settle import bank_model as bank
from tests.batch.settle.books import Books, at

SEEDS = int(os.environ.get("PUHUI_RESTATED_SEEDS", "12"))


def changed(rng: random.Random, truth: bank.Account, day: int) -> bank.Account:
    """Another truth: of the lines of a day some are gone, others are changed, some are new."""
    first, last = truth.bounds(day)
    lines = []
    for line in truth.lines[first:last]:
        chance = rng.random()
        if chance < 0.3:
            continue
        lines.append(line | ({"amount_fen": line["amount_fen"] + rng.choice([-5, 5, 100])} if chance < 0.6 else {}))
    while lines == truth.lines[first:last] or rng.random() < 0.3:
        lines.append(bank._line(rng, day, rng.choice([-5, 100, -100, 700]), "bank", 900 + len(lines)))
    moved = len(lines) - (last - first)
    ends = [end + moved * (number >= day) for number, end in enumerate(truth.ends)]
    return bank.Account(truth.lines[:first] + lines + truth.lines[last:], ends)


def forms(truth: bank.Account, day: int, sent: int) -> dict[str, list[bank.Statement]]:
    """How a bank may send the day again when `sent` days were sent."""
    first, last = truth.bounds(day)
    days = [bank.Statement(*truth.bounds(n), n, f"t{n}") for n in range(sent)]
    return {
        "day": [bank.Statement(first, last, day, "r")],
        "since": [bank.Statement(first, truth.ends[sent - 1], sent - 1, "r")],
        "month": [bank.Statement(0, truth.ends[sent - 1], sent - 1, "r")],
        "days since": days[day:],
        "month of days": days,
    }


class Trial:
    """An account, two truths of it, and the nights."""

    def __init__(self, connection: Connection, books: Books, rng: random.Random) -> None:
        self.rng, self.connection, self.number = rng, connection, 0
        self.night = bank.Night(connection, books.run)
        self.old = bank.account(rng)
        self.sent = rng.randint(1, len(self.old.ends))
        self.day = rng.randrange(self.sent)
        self.new = changed(rng, self.old, self.day)
        self.form = rng.choice(list(forms(self.new, self.day, self.sent)))
        if self.form != "day" and rng.random() < 0.4:
            self.new = changed(rng, self.new, rng.randrange(self.day, self.sent))
        self.restated: int | None = None

    def live(self, truth: bank.Account, *files: bank.File) -> list[tuple[str, str, str | None, str | None]]:
        self.number += 1
        return self.night.live(truth, self.number, list(files))

    def file(self, truth: bank.Account, name: str, statements: list[bank.Statement]) -> bank.File:
        return bank.File(
            name, [bank.Statement(**vars(one)) for one in statements], dated=self.rng.random() < 0.6, of=truth
        )

    def copy(self) -> bank.File:
        """Some of what was sent, by one of the truths."""
        truth = self.rng.choice([self.old, self.new])
        day = self.rng.randrange(self.sent)
        form = self.rng.choice(list(forms(truth, day, self.sent)))
        return self.file(truth, f"c{self.number}", forms(truth, day, self.sent)[form])

    def begin(self) -> str | None:
        """The days as they first were, then the restated one; the code of its refusal."""
        for day in range(self.sent):
            self.live(self.old, self.file(self.old, f"d{day}", [bank.Statement(*self.old.bounds(day), day, f"{day}")]))
        assert self.night.stored() == self.old.keys(0, self.old.ends[self.sent - 1])
        ((_, _, code, _),) = self.live(
            self.new, self.file(self.new, "r", forms(self.new, self.day, self.sent)[self.form])
        )
        self.restated = self.night.files
        return code

    def effect(self) -> restated.Taking:
        content = self.night.contents[f"r.{self.restated}"]
        run, source = self.run(), next(s for s in self.night.run.config.sources if s.role == "statement")
        with self.connection.begin_nested() as trial:
            number = self.decide(0)
            by = restated.Decision(number, "wang", "li")
            assert self.restated is not None
            taking = restated.take(self.connection, run, source, self.restated, content.frame, content.closing, by)
            trial.rollback()
        return taking

    def run(self) -> Any:
        day = bank.day_of(self.number + 1)
        return replace(self.night.run, business_date=day, now=at(day))

    def decide(self, fen: int) -> int:
        run = self.run()
        return people.add_decision(
            self.connection, business_date=run.business_date, at=run.now, actor="wang", checker="li",
            kind="take_file", subject=str(self.restated), reason="letter", amount_fen=fen,
        )  # fmt: skip

    def standing(self) -> Counter[bank.Key]:
        columns = ", ".join(intake.LINE)
        sql = f"SELECT {columns} FROM ({intake._STANDING}) s"
        return Counter(tuple(row) for row in self.connection.execute(text(sql)))

    def last(self) -> int:
        return intake.last_statement(self.connection, "main", bank.OPEN)[1]


@pytest.mark.parametrize("block", range(3))
def test_the_books_go_to_the_new_truth(books: Books, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    taken = sum(_tried(books, monkeypatch, seed) for seed in range(block * SEEDS, (block + 1) * SEEDS))
    assert taken > SEEDS / 4  # the others came while the account was at their opening, or as lines that are new


def test_what_stands_of_the_old_version_is_not_booked_where_the_account_is_back(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _tried(books, monkeypatch, 9739)


def _tried(books: Books, monkeypatch: pytest.MonkeyPatch, seed: int) -> bool:
    monkeypatch.setattr(ingest.runs, "guard", lambda *_: None)
    with books.base.engine.connect() as connection, connection.begin() as transaction:
        trial = Trial(connection, books, random.Random(f"restated{seed}"))
        monkeypatch.setattr(ingest, "parse", trial.night.parse)
        taken = _lived(trial, seed)
        transaction.rollback()
    return taken


def _quiet(truth: bank.Account, day: int) -> bool:
    first, last = truth.bounds(day)
    return first == last


def _lived(trial: Trial, seed: int) -> bool:
    if trial.begin() != restated.CHANGED:
        return False
    sent = trial.new.ends[trial.sent - 1]
    emptied = any(_quiet(trial.new, day) and not _quiet(trial.old, day) for day in range(trial.sent))
    if emptied and trial.form.startswith(("days", "month of")):
        return False  # a day without lines among others says nothing
    if trial.rng.random() < 0.5:
        trial.live(trial.old, trial.copy())
    taking = trial.effect()
    if taking.why_not and trial.standing() == trial.new.keys(0, sent):
        return False  # the copy brought it, for it was the old version and more
    assert not taking.why_not, (seed, trial.form, taking.why_not)
    assert taking.effect_fen == trial.new.balance(sent) - trial.last(), (seed, trial.form)
    trial.decide(taking.effect_fen)
    trial.live(trial.new)
    assert trial.standing() == trial.new.keys(0, sent), (seed, trial.form)
    assert trial.last() == trial.new.balance(sent), (seed, trial.form)
    for _ in range(3):
        for said in trial.live(trial.new, trial.copy()):
            assert trial.standing() == trial.new.keys(0, sent), (seed, trial.form, said)
            assert trial.last() == trial.new.balance(sent), (seed, said)
    for day in range(trial.sent, len(trial.new.ends)):
        trial.live(
            trial.new, trial.file(trial.new, f"n{day}", [bank.Statement(*trial.new.bounds(day), day, f"n{day}")])
        )
        assert trial.standing() <= trial.new.keys(), (seed, day)
    for files in bank.once_more(trial.new):
        if trial.standing() == trial.new.keys():
            break
        trial.live(trial.new, *files)
        assert trial.standing() <= trial.new.keys(), seed
    assert trial.standing() == trial.new.keys(), seed
    assert trial.last() == trial.new.balance(len(trial.new.lines)), seed
    return True
