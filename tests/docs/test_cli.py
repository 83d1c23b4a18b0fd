"""The command's help is the documentation: docs/cli.md is what the help says, and every example can be typed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.docs.cli_pages import commands, example, pages, root

ROOT = Path(__file__).resolve().parents[2]
VERBS = [(path, command) for path, command, _ in commands() if not hasattr(command, "commands")]
NAMES = [" ".join(path[1:]) for path, _ in VERBS]


def test_the_page_is_what_the_help_says() -> None:
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert page == pages(), "run: python -m tests.docs.cli_pages > docs/cli.md"


@pytest.mark.parametrize(("path", "command"), VERBS, ids=NAMES)
def test_every_verb_has_an_example_that_can_be_typed(path: tuple[str, ...], command: Any) -> None:
    line = example(command)
    assert line.startswith(" ".join(path)), f"{' '.join(path)}: no example of this verb in its help"
    words = shlex.split(line.partition(" > ")[0])[1:]
    group, context = root(), None
    while hasattr(group, "commands"):
        context = typer.Context(group, parent=context, info_name=group.name)
        _, group, words = group.resolve_command(context, words)
    assert group is not None
    group.make_context(group.name, words, parent=context)  # an option that is not there, or a missing one, raises


@pytest.mark.parametrize(("path", "command"), VERBS, ids=NAMES)
def test_every_option_says_what_it_is(path: tuple[str, ...], command: Any) -> None:
    silent = [parameter.name for parameter in command.params if not parameter.help]
    assert not silent, f"{' '.join(path)}: no help for {silent}"


def test_help_is_told_in_full_at_the_terminal_for_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    from portal.cli.main import run

    for path, command in VERBS:
        assert run([*path[1:], "-h"]) == 0
        printed = " ".join(capsys.readouterr().out.split())
        assert " ".join(command.help.split()) in printed
