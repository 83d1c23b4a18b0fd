"""`puhui inbox waiting` names what lies in the folders and why it is not taken; it needs no database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from portal.cli.main import run

SUZHOU = Path(__file__).resolve().parents[2] / "examples" / "suzhou"


def test_what_lies_in_the_folders_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "puhui.toml").write_bytes((SUZHOU / "puhui.toml").read_bytes())
    inbox = tmp_path / "exchange" / "smk" / "in"
    inbox.mkdir(parents=True)
    for name in (
        "SMK_20260507",
        "SMK_20260508",
        "SMK_20260508.ok",
        "letter.doc",
        "SMK_20260509.part",
        "SMK_20260510.ok",
    ):
        (inbox / name).write_bytes(b"")
    assert run(["inbox", "waiting", "--home", str(tmp_path), "--json"]) == 0
    found = {row["name"]: (row["source"], row["why"]) for row in json.loads(capsys.readouterr().out)}
    assert found == {
        "SMK_20260507": ("smk", "waits for SMK_20260507.ok"),
        "SMK_20260508": ("smk", "complete: the next night takes it"),
        "SMK_20260510.ok": ("smk", "a marker, and its file is not there"),
        "letter.doc": ("smk", "no source has a pattern for it"),
    }
    assert run(["inbox", "waiting", "--home", str(tmp_path / "nowhere")]) == 2
    assert "not found" in capsys.readouterr().err


def test_options_that_cannot_stand_together_are_refused_before_anything_opens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, words in (
        (["list", "--open", "--date", "2026-05-07"], "--open and --date: give one"),
        (["take", "1", "--reason", " "], "--reason: say why"),
        (["approve", "1", "--effect", "1,20"], "--effect: not an amount"),
    ):
        assert run(["inbox", *arguments, "--home", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
