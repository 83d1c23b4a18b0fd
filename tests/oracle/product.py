"""`puhui rate` in this process, for comparisons by the thousand: a start of Python costs more than a rating."""

from __future__ import annotations

import csv
import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from typer.main import get_command

from portal.cli.main import application
from tests.oracle.rate_oracle import COLUMNS, Award

COMMAND = get_command(application())  # made once: it costs more than a rating


class RefusedError(Exception):
    """The command ended with another status than 0; the text is what it wrote."""


def rate_by_command(runs: list[tuple[Path, Path]], work: Path, engine: str = "kernel") -> list[list[Award]]:
    """The rows `puhui rate` writes for each (directory, file) in turn (with `--state` where there are several).

    `engine` is "kernel", or "reference".

    Raises RefusedError where the command does not end with status 0, and asserts the heading and the line ends.
    """
    out = []
    state = ["--state", str(work / "state")] if len(runs) > 1 else []
    for number, (folder, path) in enumerate(runs):
        awards = work / f"awards-{number}.csv"
        run_command(
            ["rate", str(folder), "--transactions", str(path), "--out", str(awards), "--engine", engine, *state]
        )
        data = awards.read_bytes()
        assert data.endswith(b"\n")
        assert b"\r" not in data
        with awards.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            assert tuple(reader.fieldnames or ()) == COLUMNS
            out.append(list(reader))
    return out


def run_command(words: list[str]) -> None:
    """Run the `puhui` command line in this process. Raises RefusedError for a status other than 0."""
    told = io.StringIO()
    try:
        with redirect_stdout(told), redirect_stderr(told):
            COMMAND.main(args=words, prog_name="puhui")
    except SystemExit as done:
        if done.code:
            raise RefusedError(f"status {done.code}: {told.getvalue()}") from done
