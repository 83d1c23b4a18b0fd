"""The digest of a statement: SHA-256 of its canonical JSON, computed from rows alone, so that anyone can check it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any


def _plain(value: object) -> str:
    """A date as ISO text; assert: rows hold nothing else that JSON lacks."""
    assert isinstance(value, date), type(value)
    return value.isoformat()


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no blanks, real characters: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def statement_digest(
    head: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
    awards: Sequence[Mapping[str, Any]],
    held: Sequence[Mapping[str, Any]],
) -> str:
    """SHA-256 (hex) over the statement's own figures, its lines, its awards (id, line, fen) and what is held."""
    content = {"statement": head, "lines": list(lines), "awards": list(awards), "held": list(held)}
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()
