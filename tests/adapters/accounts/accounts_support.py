"""What the tests of the statement readers share: run a reader over bytes, and where the samples are."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adapters.accounts import ADAPTERS
from adapters.base import Adapter, Closing, Context, Parsed
from settlement.model.frames import STATEMENT_LINE, conform, empty
from settlement.model.rejects import Reject

SAMPLES = (Path(__file__).resolve().parents[3] / "../shared/samples").resolve()
needs_samples = pytest.mark.skipif(not SAMPLES.exists(), reason="samples are not beside the checkout")


def adapter(name: str) -> Adapter:
    return next(a for a in ADAPTERS if a.name == name)


def context(file: str = "f", **settings: Any) -> Context:
    return Context(file, "bank", settings, clearing_date=date(2026, 5, 7))


def read(name: str, data: bytes, **settings: Any) -> tuple[pl.DataFrame, list[Reject], Closing]:
    """(lines, rejects, closing) of one file; also that the Closing is last and the frames conform."""
    reader = adapter(name).read
    assert reader is not None
    items = list(reader(io.BytesIO(data), context(**settings)))
    closing = items.pop()
    assert isinstance(closing, Closing)
    frames, rejects = [empty(STATEMENT_LINE)], []
    for item in items:
        assert isinstance(item, Parsed)
        frames.append(conform(item.frame, STATEMENT_LINE))
        rejects.extend(item.rejects)
    if closing.refused is None:
        assert closing.records == closing.accepted + closing.rejected + closing.skipped
        assert closing.rejected == len(rejects)
    return pl.concat(frames), rejects, closing


def refusal(name: str, data: bytes, **settings: Any) -> str:
    """The code the whole file is refused with."""
    closing = read(name, data, **settings)[2]
    assert closing.refused is not None
    return closing.refused.code
