"""The clock: the one place that reads the time, once a command. PUHUI_NOW replaces it for rehearsals and tests."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from settlement.model.errors import BadConfiguration


def now() -> datetime:
    """The present instant in UTC, or what PUHUI_NOW says (ISO 8601 with offset)."""
    said = os.environ.get("PUHUI_NOW")
    if not said:
        return datetime.now(UTC)
    try:
        instant = datetime.fromisoformat(said)
    except ValueError:
        raise BadConfiguration("PUHUI_NOW: not a time; write ISO 8601 with offset, or unset it") from None
    if instant.tzinfo is None:
        raise BadConfiguration("PUHUI_NOW: has no offset; write it like 2026-05-07T23:30:00+08:00")
    return instant.astimezone(UTC)
