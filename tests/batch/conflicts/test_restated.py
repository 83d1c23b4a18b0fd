"""A bank withdraws a payment from a day's statement: through the verbs, as finance staff live it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from batch.city import bank, week
from batch.city import home as city
from batch.city.traffic import Town
from portal.cli import demo
from portal.cli.main import run
from portal.session import open_session
from settlement.store import server

VOLUME, SEED = 400, 7
FIRST = date(2026, 5, 7)
DAYS = [FIRST + timedelta(days=n) for n in range(6)]


@dataclass
class Trial:
    home: Path
    town: Town
    capsys: Any = None

    def say(self, *arguments: str, status: int = 0) -> tuple[str, str]:
        self.capsys.readouterr()
        found = run(list(arguments))
        said = self.capsys.readouterr()
        assert found == status, said.err
        return said.out, said.err

    def night(self, number: int) -> None:
        os.environ["PUHUI_NOW"] = f"{DAYS[number]}T23:30:00+08:00"
        assert run(["night", "--date", DAYS[number].isoformat()]) == 0
        os.environ["PUHUI_NOW"] = f"{DAYS[number] + timedelta(days=1)}T09:00:00+08:00"

    def statement(self, day: date, name: str) -> None:
        week.put(self.home, "bank", name, bank.statement(self.home, FIRST, day))

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with open_session(self.home) as session, session.database.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql), values)]

    def outcomes(self) -> list[tuple[Any, ...]]:
        """(name, delivery, status, code) of the bank's statements."""
        return self.rows(
            "SELECT f.name, f.delivery, o.status, o.code FROM puhui.file f JOIN puhui.file_outcome o USING (file_id)"
            " WHERE f.source = 'bank' AND f.name LIKE 'camt053%' ORDER BY file_id"
        )


@pytest.fixture
def trial(tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]) -> Iterator[Trial]:
    home = tmp_path_factory.mktemp("restated") / "home"
    with demo._environment(home):
        demo._begin(home, SEED, VOLUME)
        made = Trial(home, city.town_of(home, SEED, VOLUME), capsys)
        with open_session(home):  # one server for all verbs
            for day in DAYS[:2]:
                demo._one_day(home, SEED, VOLUME, FIRST, day)
            yield made
        server.destroy(home)


def test_a_payment_that_the_bank_withdraws(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    ((item, fen),) = trial.rows(
        "SELECT subject, amount_fen FROM puhui.money_match WHERE kind = 'paid' ORDER BY line_id DESC LIMIT 1"
    )
    whole = bank.lines

    def withdrawn(home: Path, first: date, day: date) -> list[bank.Line]:
        return [line for line in whole(home, first, day) if day != DAYS[1] or line.end_to_end_id != item]

    monkeypatch.setattr(bank, "lines", withdrawn)
    trial.statement(DAYS[1], "camt053_20260508.xml")
    trial.statement(DAYS[2], "camt053_20260509.xml")
    trial.night(2)
    assert trial.outcomes()[-2:] == [
        ("camt053_20260508.xml", 2, "REJECTED", "STATEMENT_CHANGED"),
        ("camt053_20260509.xml", 1, "REJECTED", "GAP"),
    ]
    number = json.loads(trial.say("inbox", "list", "--open", "--json")[0])[0]["number"]
    effect = f"{-fen / 100:.2f}"
    _people_see_it(trial, number, item, effect)
    out, err = trial.say("inbox", "take", number, "--reason", "letter of the bank", "--as", "wang")
    assert f"puhui inbox approve {number} --effect {effect} --as NAME" in err
    assert "proposed" in trial.say("inbox", "list", "--date", DAYS[2].isoformat())[0]
    refused = trial.say("inbox", "approve", number, "--effect", "-1", "--as", "li", status=2)[1]
    assert f"--effect: taking it moves {effect} of the account now" in refused
    assert len(refused.strip().splitlines()) == 1
    out, err = trial.say("inbox", "approve", number, "--effect", effect, "--as", "li")
    assert f"the night of {DAYS[3]} takes it; send again what was refused behind it: camt053_20260509.xml" in err
    assert json.loads(trial.say("inbox", "list", "--open", "--json")[0]) == []
    assert "state: taken; the next night brings its rows in" in trial.say("inbox", "show", number)[0]
    trial.statement(DAYS[2], "camt053_20260509.xml")
    trial.night(3)
    assert trial.outcomes()[-1] == ("camt053_20260509.xml", 2, "ACCEPTED", None)
    out, _ = trial.say("inbox", "show", number)
    assert "booked by the decision:" in out
    assert "state: taken" in out
    assert "refused behind it" not in out
    found = trial.rows("SELECT discrepancy_id FROM puhui.discrepancy WHERE kind = 'UNPAID' AND ours_id = :i", i=item)
    assert "银行更正对账单, 撤回" in trial.say("recon", "show", found[0][0])[0]
    verbs = [row[0] for row in trial.rows("SELECT verb FROM puhui.audit WHERE verb LIKE 'inbox%' ORDER BY seq")]
    assert verbs == ["inbox take", "inbox approve"]


def _people_see_it(trial: Trial, number: str, item: str, effect: str) -> None:
    out, _ = trial.say("inbox", "show", number)
    assert f"payment {item}" in out
    assert "a payment taken back is in transit again and a difference (UNPAID), unless it comes again here" in out
    assert "refused behind it (GAP), and taken if they come again once this one is in: camt053_20260509.xml" in out
    assert f"next: puhui inbox take {number} --reason …, or keep {number} --reason …" in out
    told = json.loads(trial.say("inbox", "show", number, "--json")[0])
    assert (told["state"], told["effect"], told["waiting"]) == ("open", effect, ["camt053_20260509.xml"])
    (difference,) = told["differences"]
    assert (difference["account"], difference["change"], difference["only_lacks_lines"]) == ("main", effect, True)
    assert [(line["what"], line["amount"]) for line in difference["lines"]] == [("taken back", effect)]
