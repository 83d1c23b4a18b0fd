"""Account statements that lie there together are taken by their day, whatever they are called."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.base import Closing
from batch.steps import ingest
from batch.steps.ingest import Delivery
from tests.batch.settle.books import FRI, SAT, THU

DAYS = {2: SAT, 3: None, 4: THU, 6: FRI}


def test_statements_are_taken_by_their_day_and_all_else_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def parse(_run: Any, _archive: Any, delivery: Delivery, _source: Any) -> Any:
        looked.append(delivery.file_id)
        return SimpleNamespace(closing=Closing(0, 0, 0, clearing_date=DAYS[delivery.file_id]))

    monkeypatch.setattr(ingest, "parse", parse)
    roles = {"smk": "feed", "bank": "statement", "other": "statement"}
    sources = [SimpleNamespace(name=name, role=role) for name, role in roles.items()]
    run: Any = SimpleNamespace(config=SimpleNamespace(sources=sources))
    came = ["smk", "bank", "bank", "bank", "other", "bank", "smk"]
    pending = [Delivery(n, source, f"f{n}", 1, "", 0) for n, source in enumerate(came, 1)]
    archive: Any = None
    ordered = ingest._in_order(run, archive, pending)
    assert [d.file_id for d in ordered] == [1, 4, 6, 2, 5, 3, 7]  # the one that says no day comes last
    assert sorted(looked) == [2, 3, 4, 6]  # one alone is read once
    assert isinstance(DAYS[4], date)
