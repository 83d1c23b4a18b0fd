"""The chain of closed days: one record per business date, each with the digest of the one before (settlement.md).

A record is canonical JSON. Its digest covers the record's text and the previous digest, so that nobody who rewrites a
day can keep the head that was printed on that day's report and sent to the banks with their receipts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class CloseRecord:
    """One closed day as stored: `record` is canonical JSON."""

    business_date: date
    record: str
    previous: str
    digest: str


def record_digest(record: str, previous: str) -> str:
    """SHA-256 (hex) over the previous digest and the record's text."""
    return hashlib.sha256(f"{previous}\n{record}".encode()).hexdigest()


def close_record(business_date: date, content: Mapping[str, Any], previous: str) -> CloseRecord:
    """The record of a day from its content (lists and mappings of text and whole numbers)."""
    assert "business_date" not in content, "the record's own key"
    whole = {"business_date": business_date.isoformat(), "previous": previous, **content}
    record = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return CloseRecord(business_date, record, previous, record_digest(record, previous))


def first_break(chain: Sequence[CloseRecord]) -> str | None:
    """What is wrong with the first record that does not fit, in words; None for a whole chain, in order of date."""
    previous, day = GENESIS, None
    for link in chain:
        if day is not None and link.business_date != day + timedelta(days=1):
            return f"{link.business_date}: follows {day}; a day is missing or stands twice"
        if link.previous != previous:
            return f"{link.business_date}: names another record before it than {day or 'the beginning'}"
        if link.digest != record_digest(link.record, link.previous):
            return f"{link.business_date}: the record is not the one that was closed"
        if json.loads(link.record)["business_date"] != link.business_date.isoformat():
            return f"{link.business_date}: holds the record of another day"
        previous, day = link.digest, link.business_date
    return None
