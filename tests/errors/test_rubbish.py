"""An exchange folder full of rubbish: nothing is waited for, nothing odd is taken, names are shown fit to print."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batch.config import SourceConfig
from batch.inbox import folders, look, unknown

SOURCE = SourceConfig(name="smk", title="smk", format="citizen_card", role="feed", folder="smk", pattern="SMK_*")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    path = folders(tmp_path, SOURCE)[0]
    path.mkdir(parents=True)
    return path


def test_only_plain_complete_files_are_taken(tmp_path: Path, inbox: Path) -> None:
    (inbox / "SMK_good").write_bytes(b"x")
    (inbox / "SMK_good.ok").write_bytes(b"")
    (inbox / "SMK_alone").write_bytes(b"x")
    (inbox / "SMK_folder").mkdir()
    (inbox / "SMK_link").symlink_to("/etc/passwd")
    os.mkfifo(inbox / "SMK_pipe")
    (inbox / "SMK_\x1b[2Jclear").write_bytes(b"x")
    (inbox / ("SMK_" + "x" * 200)).write_bytes(b"x")
    os.close(os.open(os.fsencode(inbox) + b"/SMK_\xff\xfe", os.O_CREAT))
    (inbox / "other").write_bytes(b"x")
    seen = look(tmp_path, SOURCE)
    assert seen.complete == ["SMK_good"]
    left = dict(seen.left)
    assert left["SMK_alone"] == "waits for SMK_alone.ok"
    plain = "not a plain file with a plain name"
    assert [left[f"SMK_{name}"] for name in ("folder", "link", "pipe")] == [plain] * 3
    assert len(seen.left) == 7
    assert {"SMK_?[2Jclear", "SMK_??"} <= left.keys()
    assert all(name.isascii() and name.isprintable() and len(name) <= 80 for name in left)
    assert unknown(tmp_path, (SOURCE,)) == [("smk", "other")]


def test_a_marker_that_is_no_plain_small_file_is_not_read(tmp_path: Path, inbox: Path) -> None:
    for name in ("pipe", "link", "folder", "huge", "text", "list"):
        (inbox / f"SMK_{name}").write_bytes(b"x")
    os.mkfifo(inbox / "SMK_pipe.ok")
    (inbox / "SMK_link.ok").symlink_to("/dev/zero")
    (inbox / "SMK_folder.ok").mkdir()
    (inbox / "SMK_huge.ok").write_bytes(b" " * (64 * 1024 + 1))
    (inbox / "SMK_text.ok").write_bytes(b"done")
    (inbox / "SMK_list.ok").write_bytes(b"[1]")
    seen = look(tmp_path, SOURCE)
    assert seen.complete == []
    left = dict(seen.left)
    for name in ("pipe", "link", "folder", "huge"):
        assert left[f"SMK_{name}"] == f"SMK_{name}.ok is no plain small file"
    for name in ("text", "list"):
        assert left[f"SMK_{name}"] == f"SMK_{name}.ok is neither empty nor a JSON object"
