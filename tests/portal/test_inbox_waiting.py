"""`puhui inbox waiting` names what lies in the folders and why it is not taken; it needs no database."""

from __future__ import annotations

import errno
import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from batch.config import load_config
from batch.deliveries import Look
from batch.inbox import look, take
from portal.cli.inbox import _print
from portal.cli.main import run
from settlement.model.errors import BadConfiguration
from settlement.store.intake import OUTCOME

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


def test_a_file_that_cannot_be_read_is_left_lying_and_stops_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without a SHA-256 in its marker; a folder of ours that nothing can be moved out of is told."""
    (tmp_path / "puhui.toml").write_bytes((SUZHOU / "puhui.toml").read_bytes())
    inbox = tmp_path / "exchange" / "smk" / "in"
    inbox.mkdir(parents=True)
    for name, marker in (("SMK_20260507", b""), ("SMK_20260508", b'{"sha256": "00"}'), ("SMK_20260509", b"")):
        (inbox / name).write_bytes(b"x")
        (inbox / f"{name}.ok").write_bytes(marker)
    real = Path.open

    def denied(path: Path, *given: Any, **more: Any) -> Any:
        if path.name in {"SMK_20260507", "SMK_20260508"}:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *given, **more)

    monkeypatch.setattr(Path, "open", denied)
    assert run(["inbox", "waiting", "--home", str(tmp_path), "--json"]) == 0
    found = {row["name"]: row["why"] for row in json.loads(capsys.readouterr().out)}
    why = "cannot be read (permission denied); correct its owner or permissions"
    assert found == {"SMK_20260507": why, "SMK_20260508": why, "SMK_20260509": "complete: the next night takes it"}
    source = load_config(tmp_path).source("smk")
    assert look(tmp_path, source).complete == ["SMK_20260509"]
    monkeypatch.setattr(Path, "rename", denied)
    with pytest.raises(BadConfiguration, match="SMK_20260508: cannot be moved to taking/"):
        take(tmp_path, source, "SMK_20260508", 1)


def test_a_card_number_in_a_name_is_told_masked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "puhui.toml").write_bytes((SUZHOU / "puhui.toml").read_bytes())
    inbox = tmp_path / "exchange" / "bank" / "in"
    inbox.mkdir(parents=True)
    card = "6217000000000000004"
    for name in (f"camt053_{card}.xml", f"camt053_{card}_2.xml", f"camt053_{card}_2.xml.ok", f"{card}.doc"):
        (inbox / name).touch()
    assert run(["inbox", "waiting", "--home", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert card not in said
    assert said.count("621700*********0004") == 4  # one of them names its marker


def test_what_cannot_be_taken_is_not_proposed_as_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    row = dict.fromkeys(OUTCOME, 0) | {"file_id": 12, "name": "f", "source": "smk", "sha256": "", "status": "CONFLICT"}
    row |= {"received_at": datetime(2026, 5, 8, tzinfo=UTC), "business_date": date(2026, 5, 8), "message": None}
    rejects = pl.DataFrame(schema={"record": pl.Int64, "byte": pl.Int64, "field": pl.String, "code": pl.String,
                                   "message": pl.String})  # fmt: skip
    for why, said in (("ask for it again", "next: puhui inbox keep 12"), ("", "next: puhui inbox take 12")):
        _print(Look(row, rejects, [], "open", why_not=why), ZoneInfo("Asia/Shanghai"), as_json=False)
        assert said in capsys.readouterr().out
