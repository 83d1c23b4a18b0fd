"""`puhui rate`: the offline tool, from a programme directory and a transactions file to awards (rules.md section 7)."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from portal.cli.programme import load_documents, plan_of, refuse
from settlement.model.errors import BadInput, PuhuiError, TryAgain
from settlement.model.rejects import Reject

if TYPE_CHECKING:
    import polars as pl

    import rules
    from adapters.directory.csv_table import Table

ROW_BYTES = 60  # of a short row of transactions.csv
MAX_SUM = 2**59  # fen in one file; rating keeps sums below 2**61


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("rate", help=_HELP)(rate)


_HELP = """Rate a transactions file against a programme directory; needs no database.

Example: puhui rate examples/suzhou --transactions transactions.csv --out awards.csv --state state
"""


def rate(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Programme directory.")],
    transactions: Annotated[Path, typer.Option("--transactions", help="transactions.csv, rated as one batch.")],
    out: Annotated[Path, typer.Option("--out", help="awards.csv to write.")],
    state: Annotated[Path | None, typer.Option("--state", help="Directory that carries usage and sales on.")] = None,
    explain: Annotated[Path | None, typer.Option("--explain", help="JSON lines to write, one per transaction.")] = None,
    engine: Annotated[str, typer.Option("--engine", help="auto, kernel or reference; both give the same.")] = "auto",
) -> None:
    """Rates the file as one batch: all of it is written, or nothing (exit status 2 and every error)."""
    from adapters.directory.programme_state import held

    chosen: rules.Engine
    match engine:
        case "auto" | "kernel" | "reference":
            chosen = engine
        case _:
            raise BadInput("--engine: unknown; write auto, kernel or reference")
    _apart(directory, transactions, out, explain)
    with held(state) if state is not None else nullcontext():
        _rate(directory, transactions, out, state, explain, chosen)


def _rate(
    directory: Path, transactions: Path, out: Path, state: Path | None, explain: Path | None, chosen: rules.Engine
) -> None:
    """The command with its options read and the state directory held."""
    from adapters.directory.programme import transaction_texts, typed_transactions
    from adapters.directory.programme_state import drop_older, stage_state

    with ThreadPoolExecutor(1) as beside:
        # Polars reads the large file while Python loads what it needs and reads the documents. Its columns come after
        # that: their hundred small steps would wait for Python's lock at each.
        texts = beside.submit(transaction_texts, transactions)
        import rules

        if chosen == "kernel" or (chosen == "auto" and _is_large(transactions)):
            rules.warm()
        documents = load_documents(directory)
        typed = beside.submit(lambda: typed_transactions(texts.result()))
        plan = plan_of(directory, documents)
        opening = _opening(state, plan)
        rows = _new_transactions(typed.result(), opening)
    rated = rules.rate(plan, rows, opening, engine=chosen)
    renames: list[tuple[Path, Path]] = []
    try:
        renames.append(_written(rated.csv(), out))
        if explain is not None:
            lines = (f"{line}\n".encode() for line in rules.explain_lines(plan, rows, opening))
            renames.append(_written(lines, explain))
        if state is not None:
            renames.append(stage_state(state, plan.programme.programme, rated.state.frames()))
        for temporary, final in renames:
            _rename(temporary, final)
    finally:
        for temporary, _ in renames:
            temporary.unlink(missing_ok=True)
        if state is not None:
            drop_older(state)


def _apart(directory: Path, transactions: Path, out: Path, explain: Path | None) -> None:
    """Ends the command where what it writes would fall on another file of the command, or on a directory."""
    from adapters.directory.programme import files_of

    taken = dict.fromkeys((path.resolve() for path in files_of(directory)), "the programme")
    taken[transactions.resolve()] = "--transactions"
    for name, path in (("--out", out), ("--explain", explain)):
        if path is None:
            continue
        if path.is_dir():
            raise BadInput(f"{path}: is a directory; give a file that can be written")
        other = taken.setdefault(path.resolve(), name)
        if other != name:
            raise BadInput(f"{name}: {path} is the file of {other} too; give another file")


def _is_large(path: Path) -> bool:
    import rules

    return path.is_file() and path.stat().st_size > rules.SMALL * ROW_BYTES


def _opening(folder: Path | None, plan: rules.Plan) -> rules.State:
    import rules
    from adapters.directory.programme_state import read_state

    if folder is None:
        return rules.State.empty()
    return rules.State.from_frames(read_state(folder, plan.programme.programme, rules.STATE_SCHEMAS))


def _new_transactions(read: tuple[Table, pl.DataFrame] | list[Reject], opening: rules.State) -> pl.DataFrame:
    """The file's transactions; ends the command where one cannot be read, or State knows it already."""
    if isinstance(read, list):
        refuse(read)
    table, frame = read
    known = opening.known(frame["transaction_id"])
    if known.any():
        message = "was rated by an earlier batch of --state; remove the row"
        refuse(table.rejects(known, "transaction_id", "KNOWN", message))
    if int(frame["gross_fen"].sum()) > MAX_SUM:
        raise BadInput(f"{table.file}: the amounts sum to more than can be kept; cut the file into smaller ones")
    return frame


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _written(pieces: Iterable[bytes], path: Path) -> tuple[Path, Path]:
    temporary = _part(path)
    try:
        with temporary.open("wb") as file:
            file.writelines(pieces)
    except OSError as bad:
        raise _not_written(temporary, path, bad) from None
    return temporary, path


def _not_written(temporary: Path, path: Path, bad: OSError) -> PuhuiError:
    """What to tell of a file that cannot be written; nothing of it is left."""
    if temporary.is_file():
        temporary.unlink()
    if bad.errno in {errno.ENOSPC, errno.EIO, errno.EDQUOT}:
        return TryAgain(f"{path}: {(bad.strerror or 'cannot be written').lower()}; make room and run again")
    return BadInput(f"{path}: {(bad.strerror or 'cannot be written').lower()}; give a file that can be written")


def _rename(temporary: Path, final: Path) -> None:
    try:
        temporary.replace(final)
    except OSError as bad:
        raise _not_written(temporary, final, bad) from None
