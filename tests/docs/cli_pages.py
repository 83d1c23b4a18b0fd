"""docs/cli.md, made from the command's own help: `python -m tests.docs.cli_pages > docs/cli.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import typer

from portal.cli.main import application

WIDTH = 110
HEAD = """# Command line

Made from the help of the commands themselves; do not edit it. `python -m tests.docs.cli_pages > docs/cli.md` writes it
anew, and `tests/docs/test_cli.py` fails while the two differ.

Exit status: 0 done, 1 found something wrong, 2 bad input or configuration, 3 a passing fault (try again). Messages go
to standard error, one line each (docs/errors.md lists them); what was asked for goes to standard output.
Verbs that change something ask for the passphrase of the user named by `--as`, or read it from the file that
`PUHUI_PASSPHRASE_FILE` names.
"""


def pages() -> str:
    """The whole text of docs/cli.md."""
    parts = [HEAD]
    for path, command, context in commands():
        body = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        parts.append(f"{'#' * min(len(path) + 1, 3)} {' '.join(path)}\n\n```text\n{body}\n```\n")
    return "\n".join(parts)


def commands() -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """(words, command, context) of `puhui`, its verbs and their sub-verbs, in the order of the help."""
    yield from _walk(("puhui",), root(), None)


@cache
def root() -> Any:
    """The `puhui` command itself."""
    return typer.main.get_command(application())


def example(command: Any) -> str:
    """The command line that the help gives as an example; "" where it gives none."""
    _, found, text = (command.help or "").partition("Example:")
    return " ".join(text.split()) if found else ""


def _walk(path: tuple[str, ...], command: Any, parent: Any) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = typer.Context(command, parent=parent, info_name=path[-1], **settings)
    yield path, command, context
    for name, inner in getattr(command, "commands", {}).items():
        yield from _walk((*path, name), inner, context)


if __name__ == "__main__":
    sys.stdout.write(pages())
