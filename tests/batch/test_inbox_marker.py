"""The marker of a complete file, as banks' programs write it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from batch.config import SourceConfig
from batch.inbox import look, take, taken

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


def test_what_is_no_plain_file_once_it_is_moved_is_never_opened(tmp_path: Path) -> None:
    """A sender who swaps a file for a link after the look would have us read, and receipt, a file of ours."""
    inbox = tmp_path / "exchange" / "bank" / "in"
    inbox.mkdir(parents=True)
    (tmp_path / "puhui.keys").write_bytes(b"secret")
    (inbox / "a.xml").symlink_to(tmp_path / "puhui.keys")
    assert take(tmp_path, SOURCE, "a.xml", 1) is None
    assert taken(tmp_path, SOURCE) == []
    assert list((inbox.parent / "taking").iterdir()) == []
    (inbox / "a.xml").write_bytes(DATA)
    copy = take(tmp_path, SOURCE, "a.xml", 1)
    assert copy is not None
    assert copy.read_bytes() == DATA
    assert (tmp_path / "puhui.keys").read_bytes() == b"secret"


def test_a_folder_that_was_moved_goes_back_and_is_in_no_files_way(tmp_path: Path) -> None:
    inbox = tmp_path / "exchange" / "bank" / "in"
    (inbox / "a.xml").mkdir(parents=True)
    assert take(tmp_path, SOURCE, "a.xml", 1) is None
    assert look(tmp_path, SOURCE).left == [("a.xml", "not a plain file with a plain name")]
    (inbox / "a.xml").rmdir()
    (inbox / "a.xml").write_bytes(DATA)
    assert take(tmp_path, SOURCE, "a.xml", 1) is not None
