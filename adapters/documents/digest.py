"""The content of a statement as canonical JSON, and its SHA-256: what anyone can check with a PDF reader and sha256sum.

The PDF carries these very bytes as its attachment `statement.json` and prints their digest.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime

import polars as pl

from settlement.model.report import StatementDocument


def _plain(value: object) -> str:
    assert isinstance(value, date | datetime), type(value)
    return value.isoformat()


def _records(frame: pl.DataFrame) -> list[dict[str, object]]:
    return list(frame.iter_rows(named=True))


def canonical_content(document: StatementDocument) -> bytes:
    """Everything the statement says but its digest: UTF-8 JSON, keys sorted, no blanks, ended by one line feed.

    Amounts are whole fen as in the frames, dates and UTC instants ISO 8601, rows and head lines in their given order.
    """
    content = {
        "number": document.number,
        "head": document.head,
        "lines": _records(document.lines),
        "detail": _records(document.detail),
        "held": _records(document.held),
        "foot": document.foot,
        "notes": document.notes,
        "business_date": document.business_date,
        "timezone": document.timezone,
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain)
    return f"{text}\n".encode()


def canonical_digest(document: StatementDocument) -> str:
    """SHA-256 of `canonical_content`, 64 lower-case hex digits."""
    return hashlib.sha256(canonical_content(document)).hexdigest()
