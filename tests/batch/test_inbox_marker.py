"""The marker of a complete file, as banks' programs write it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from batch.config import SourceConfig
from batch.inbox import look

DATA = b"a file\n"
SHA = hashlib.sha256(DATA).hexdigest()
SOURCE = SourceConfig.model_validate(
    {"name": "bank", "title": "bank", "format": "camt053", "role": "statement", "folder": "bank", "pattern": "*.xml"}
)


@pytest.mark.parametrize(
    ("marker", "left"),
    [
        ({}, ""),
        ({"size": len(DATA), "sha256": SHA}, ""),
        ({"size": str(len(DATA)), "sha256": SHA.upper()}, ""),
        ({"size": len(DATA) + 1}, "a.xml.ok says 8 bytes, the file has 7"),
        ({"sha256": SHA[::-1]}, "a.xml.ok names another SHA-256"),
    ],
)
def test_a_marker_says_size_and_digest_in_any_writing(marker: dict[str, Any], left: str, tmp_path: Path) -> None:
    inbox = tmp_path / "exchange" / "bank" / "in"
    inbox.mkdir(parents=True)
    (inbox / "a.xml").write_bytes(DATA)
    (inbox / "a.xml.ok").write_text(json.dumps(marker), "utf-8")
    seen = look(tmp_path, SOURCE)
    assert (seen.complete, seen.left) == ((["a.xml"], []) if not left else ([], [("a.xml", left)]))
