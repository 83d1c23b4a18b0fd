"""A programme directory and a transactions file for the verbs that need no database; what is wrong ends the verb."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from settlement.model.rejects import Reject

if TYPE_CHECKING:
    import polars as pl

    import rules
    from adapters.directory.csv_table import Table
    from adapters.directory.programme import ProgrammeFiles

SHOWN = 20


@dataclass(slots=True)
class Documents:
    """programme.yaml and the schemes, with everything wrong in them."""

    programme: rules.Document[rules.Programme] | None = None
    schemes: list[rules.Document[rules.Scheme]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def refuse(rejects: list[Reject]) -> NoReturn:
    """Prints the first of the rejects, each with its place, and ends the command with status 2."""
    for reject in rejects[:SHOWN]:
        print(say(reject), file=sys.stderr)
    if len(rejects) > SHOWN:
        print(f"and {len(rejects) - SHOWN} more; correct these first", file=sys.stderr)
    raise typer.Exit(2)


def say(reject: Reject) -> str:
    """`file:line: what is wrong; what to write instead`."""
    name = f"{reject.field}: " if reject.field else ""
    return f"{reject.file}:{reject.line or 1}: {name}{reject.message}"


def load_documents(directory: Path) -> Documents:
    """The documents of a programme directory. BadInput where one is missing."""
    import rules
    from adapters.directory.programme import read_documents

    texts = read_documents(directory)
    if isinstance(texts, list):
        return Documents(rejects=texts)
    head, documents = rules.parse_programme(texts[0][1], texts[0][0]), Documents()
    if isinstance(head, list):
        documents.rejects += head
    else:
        documents.programme = head
    for file, text in texts[1]:
        scheme = rules.parse_scheme(text, file)
        if isinstance(scheme, list):
            documents.rejects += scheme
        else:
            documents.schemes.append(scheme)
    return documents


def load_plan(directory: Path, *, whole: bool = True) -> rules.Plan:
    """The compiled plan of a programme directory; ends the command where anything in it is wrong."""
    return plan_of(directory, load_documents(directory), whole=whole)


def plan_of(directory: Path, documents: Documents, *, whole: bool = True) -> rules.Plan:
    """The second half of `load_plan`. One run shows what is wrong in the documents and in the files beside them."""
    import rules
    from adapters.directory.programme import read_programme

    files = read_programme(directory, whole=whole)
    if isinstance(files, list):
        refuse(files + documents.rejects)
    programme = documents.programme
    if documents.rejects or programme is None:
        refuse(documents.rejects)
    plan = rules.compile_plan(
        programme, documents.schemes, files.merchants, files.members, files.entitlements, files.calendar
    )
    if isinstance(plan, list):
        refuse([placed(reject, files) for reject in plan])
    return plan


def placed(reject: Reject, files: ProgrammeFiles) -> Reject:
    """A reject about a row of the merchants frame, with the file and line of that row."""
    if reject.file != "merchants.csv":
        return reject
    table = files.merchant_table
    line = table.line(reject.record - 1)
    return Reject(table.file, reject.record, -1, reject.field, reject.code, reject.message, line)


def load_transactions(path: Path) -> tuple[Table, pl.DataFrame]:
    """transactions.csv as RATE_INPUT; ends the command where anything in it is wrong."""
    from adapters.directory.programme import read_transactions

    rows = read_transactions(path)
    if isinstance(rows, list):
        refuse(rows)
    return rows
