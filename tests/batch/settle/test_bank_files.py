"""Whatever a bank sends, and in whatever order, the books never hold a line that the account does not have."""

from __future__ import annotations

import random

import pytest

from batch.steps import ingest
from settlement.store import intake
from tests.batch.settle import bank_model as bank
from tests.batch.settle.books import Books

ASKED = frozenset({"GAP", "STATEMENT_CHANGED", "STATEMENT_TWICE"})  # each tells whom to ask for what


@pytest.mark.parametrize("kind", bank.KINDS)
def test_every_line_of_an_account_once(books: Books, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(ingest.runs, "guard", lambda *_: None)
    for seed in range(2):
        rng = random.Random(f"{kind}{seed}")
        truth = bank.account(rng)
        sent = bank.plan(rng, truth, [kind])
        sent = bank.disturbed(rng, sent) if seed else sent
        with books.base.engine.connect() as connection, connection.begin() as trial:
            night = bank.Night(connection, books.run)
            monkeypatch.setattr(ingest, "parse", night.parse)
            for number, files in enumerate([*sent.nights, *bank.once_more(truth)]):
                if number >= len(sent.nights) and night.stored() == truth.keys():
                    break
                for name, status, code, message in night.live(truth, number, files):
                    assert (status == "REJECTED") == (code in ASKED), (seed, name, message)
                assert night.stored() <= truth.keys(), (seed, number)
            assert night.stored() == truth.keys(), seed
            assert intake.last_statement(connection, "main", bank.OPEN)[1] == truth.balance(len(truth.lines))
            trial.rollback()
