"""Words and paths that a verb refuses before it opens a home's database."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

import pytest
import typer

from portal.cli import main
from portal.cli.main import run

ROOT = Path(__file__).resolve().parents[2]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    status = run(list(arguments))
    told = capsys.readouterr()
    assert (status, told.out, told.err.count("\n")) == (2, "", 1), told
    return told.err.strip().removeprefix("puhui: ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("payout", "list", "--state", "lost"), "--state: no state 'lost'; write one of drafted, approved, released"),
        (
            ("statement", "list", "--from", "2026-05-10", "--to", "2026-05-01"),
            "--to 2026-05-01 is before --from 2026-05-10; write the later date in --to",
        ),
        (("statement", "list", "--from", ""), "--from: not a date; write YYYY-MM-DD"),
        (("user", "add", "a b", "--role", "operator"), "a user's name is 1 to 64 printable characters without blanks"),
        (("user", "add", "x" * 65, "--role", "operator"), "a user's name is 1 to 64 printable characters"),
        (("user", "add", "a\x1b[2J", "--role", "operator"), "a user's name is 1 to 64 printable characters"),
        (("account", "approve", "9" * 20), "Invalid value for"),
        (("recon", "list", "--kind", "FISH"), "--kind: no kind 'FISH'; write one of"),
    ],
)
def test_a_wrong_word(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], line: str) -> None:
    assert refused(capsys, *arguments).startswith(line)


@pytest.mark.parametrize("verb", [("init", "NEW", "--config"), ("feed", "check", "--format", "mt940")])
def test_a_pipe_or_device_is_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: tuple[str, ...]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (str(pipe), "/dev/zero"):
        words = [str(tmp_path / "new") if word == "NEW" else word for word in verb]
        assert refused(capsys, *words, path) == f"{path}: is no plain file; save it first"


def test_init_with_a_wrong_configuration_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wrong.toml").write_bytes(b"[programme]\nname = '\xd4'\n")
    home = tmp_path / "home"
    line = refused(capsys, "init", str(home), "--config", str(tmp_path / "wrong.toml"))
    assert line == f"{tmp_path}/wrong.toml: byte 20 is not UTF-8; save the file as UTF-8"
    assert not home.exists()


def test_a_home_that_is_a_file_and_a_configuration_that_is_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x", "utf-8")
    (tmp_path / "home" / "puhui.toml").mkdir(parents=True)
    assert refused(capsys, "night", "--home", str(tmp_path / "file")) == (
        f"{tmp_path}/file/puhui.toml: cannot be read (Not a directory); correct its path or permissions"
    )
    assert refused(capsys, "night", "--home", str(tmp_path / "home")) == (
        f"{tmp_path}/home/puhui.toml: cannot be read (Is a directory); correct its path or permissions"
    )


def test_the_demo_in_a_file_or_beside_a_broken_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x", "utf-8")
    assert refused(capsys, "demo", str(tmp_path / "file")) == (
        f"{tmp_path}/file: is no folder; give an empty or new folder"
    )
    (tmp_path / "demo.json").write_text("{", "utf-8")
    assert refused(capsys, "demo", str(tmp_path)) == (
        f"{tmp_path}/demo.json: not what a demonstration wrote; give an empty or new folder"
    )


def test_a_verb_alone_is_the_verb_among_all() -> None:
    whole = typer.main.get_command(main.application()).commands
    assert set(whole) == {verb for verbs in main.VERBS.values() for verb in verbs}
    for verbs in main.VERBS.values():
        for verb in verbs:
            alone = typer.main.get_command(main.application(verb)).commands
            assert set(alone) == set(verbs)
            assert alone[verb].get_short_help_str() == whole[verb].get_short_help_str()


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"puhui {importlib.metadata.version('puhui-settlement')}\n"
