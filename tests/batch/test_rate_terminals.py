"""A merchant number without terminals (an acquirer's CSV, a wallet) can be named in terminals.csv."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace

import polars as pl
import pytest

from adapters.directory.formats import FORMATS
from adapters.directory.table import read_table
from batch.imports import _plain
from batch.steps import rate
from settlement.model import frames
from settlement.store import rating

FILE = """source,their_merchant_no,terminal_no,merchant_no,store_no,valid_from,valid_to
csv,800001,,M1,S1,2026-01-01,
csv,800001,T9,M2,S2,2026-01-01,
"""


def test_a_row_without_a_terminal_has_the_merchant_numbers_blank_row(monkeypatch: pytest.MonkeyPatch) -> None:
    read = read_table(FILE.encode(), "terminals.csv", FORMATS["terminals"])
    assert not read.rejects
    terminals = frames.conform(_plain(None, None, read.frame).frame, rating.TERMINALS)  # type: ignore[arg-type]
    monkeypatch.setattr(rating, "cards", lambda *_: pl.DataFrame(schema=rating.CARDS))
    monkeypatch.setattr(rating, "terminals", lambda *_: terminals)
    rows = pl.DataFrame(
        {
            "transaction_id": ["a", "b", "c", "d"],
            "source": ["csv"] * 4,
            "merchant_no": ["800001", "800001", "800001", "800002"],
            "terminal_no": [None, "T9", "T8", None],
            "occurred_at": [datetime(2026, 5, 7, 4, tzinfo=UTC)] * 4,
        },
        schema_overrides={name: rating.TONIGHT[name] for name in ("merchant_no", "terminal_no", "occurred_at")},
    )
    every = rows.with_columns(
        pl.lit(None, kind).alias(name) for name, kind in rating.TONIGHT.items() if name not in rows.columns
    )
    run = SimpleNamespace(config=SimpleNamespace(programme=SimpleNamespace(timezone="Asia/Shanghai")), last_import=1)
    resolved = rate.resolve(None, run, every)  # type: ignore[arg-type]
    assert resolved["our_merchant_no"].to_list() == ["M1", "M2", None, None]
    assert resolved["store_no"].to_list() == ["S1", "S2", None, None]
    assert resolved["local_date"].to_list() == [date(2026, 5, 7)] * 4
