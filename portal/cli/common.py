"""Options and printing that the verbs share."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from settlement.model.cards import mask
from settlement.model.dates import parse_date
from settlement.model.errors import BadInput
from settlement.model.money import parse_amount
from settlement.model.rejects import Reject

Home = Annotated[
    Path,
    typer.Option(
        "--home", envvar="PUHUI_HOME", help="Folder of puhui.toml, keys, exchange and out.", show_default=True
    ),
]
BatchNo = Annotated[str, typer.Argument(metavar="BATCH", help="Number of the batch, like B-20260507-1.")]
As = Annotated[str | None, typer.Option("--as", envvar="PUHUI_USER", help="The user who acts.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
HERE = Path()
SHOWN = 20
NARROWEST = 20  # columns; less says a terminal without a size, as those that `script` or `docker exec -t` open
# a card or account number in one piece, or in groups of four; dates and reference numbers of 12 digits are shorter
_NUMBER = re.compile(r"(?<![0-9])(?:[0-9]{13,19}|[0-9]{4}(?:[ -][0-9]{4}){3}(?:[ -]?[0-9]{1,3})?)(?![0-9])")
_WORD = re.compile(r"[!-~]{2}")
_FIGURE = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,2})?(%|次)?")


def day(text: str, option: str = "--date") -> date:
    """A date option."""
    try:
        return parse_date(text)
    except ValueError as error:
        raise BadInput(f"{option}: {error}") from None


def said(text: str) -> str:
    """What a person gives as a reason, kept for good and printed: on one line, with no card number that was pasted."""
    return _NUMBER.sub(lambda found: mask(re.sub("[ -]", "", found.group())), " ".join(text.split()))


def local(at: datetime, zone: ZoneInfo) -> str:
    """A moment as the programme's clocks show it."""
    return at.astimezone(zone).isoformat(timespec="seconds")


def signed_yuan(text: str, option: str) -> int:
    """An amount option in fen: yuan, with a minus where it is below zero."""
    try:
        return -parse_amount(text[1:]) if text.startswith("-") else parse_amount(text)
    except ValueError as error:
        raise BadInput(f"{option}: {error}") from None


def span(first: str | None, last: str | None, earliest: date, latest: date) -> tuple[date, date]:
    """The dates of --from and --to; `earliest` and `latest` where they are left out."""
    since = earliest if first is None else day(first, "--from")
    until = latest if last is None else day(last, "--to")
    if first is not None and last is not None and until < since:
        raise BadInput(f"--to {until} is before --from {since}; write the later date in --to")
    return since, until


def print_rows(
    headings: Sequence[str], rows: Iterable[Sequence[Any]], *, as_json: bool = False, indent: str = ""
) -> None:
    """Rows as an aligned table (Chinese counts as two columns wide), or as JSON objects with the headings as keys.

    In a table amounts and counts stand at the right of their column. On a terminal that is too narrow for it each row
    takes some lines.
    """
    body = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if as_json:
        print(json.dumps([dict(zip(headings, row, strict=True)) for row in body], ensure_ascii=False, indent=1))
        return
    widths = [max(_width(cell) for cell in column) for column in zip(headings, *body, strict=True)]
    right = [
        any(column) and all(_FIGURE.fullmatch(cell) for cell in column if cell) for column in zip(*body, strict=True)
    ]
    room = _room() - _width(indent)
    gap = next((gap for gap in ("  ", " ") if sum(widths) + len(gap) * (len(widths) - 1) <= room), None)
    if gap is None and body:
        lead = 1 if len({row[0] for row in body}) == len(body) or len(headings) < 3 else 2
        if any(headings[:lead]):
            print(indent + "  ".join(headings[:lead]))  # what the first line of each row is
        for row in body:
            _print_record(headings, row, lead, room, indent)
        return
    for row in (list(headings), *body):
        cells = [_padded(*cell) for cell in zip(row, widths, right or [False] * len(row), strict=True)]
        print((indent + (gap or "  ").join(cells)).rstrip())


def _room() -> int:
    """Columns of the terminal; endless where the output goes to a file or another program, or nobody knows (0)."""
    columns = os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else 0
    return columns if columns >= NARROWEST else sys.maxsize


def _print_record(headings: Sequence[str], row: Sequence[str], lead: int, room: int, indent: str) -> None:
    """A row that is too wide for the terminal: its `lead` first cells, below them each other one behind its heading."""
    print(indent + "  ".join(row[:lead]))
    line, indent = "", indent + "  "
    for heading, cell in zip(headings[lead:], row[lead:], strict=True):
        if not cell:
            continue
        pair = f"{heading}: {cell}" if heading else cell
        if line and _width(line) + 2 + _width(pair) > room - 2:
            print(indent + line)
            line = ""
        line += ("  " if line else "") + pair
        while _width(line) > room - 2:
            size = _fitting(line, room - 2)
            print(indent + line[:size].rstrip())
            line = "  " + line[size:].lstrip()  # further in than where a heading begins
    if line:
        print(indent + line)


def _fitting(line: str, room: int) -> int:
    """How many characters of a line that is too wide stand in `room`; no figure and no word is cut but a long one."""
    most = next(n for n in range(len(line), 0, -1) if _width(line[:n]) <= room)
    whole = (n for n in range(most, most // 2, -1) if not _WORD.fullmatch(line[n - 1 : n + 1]))
    return next(whole, most)


def _padded(cell: str, width: int, right: bool) -> str:
    blanks = " " * (width - _width(cell))
    return blanks + cell if right else cell + blanks


def _width(text: str) -> int:
    """Columns a text takes on a terminal."""
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def print_rejects(rejects: Sequence[Reject], prefix: str = "") -> None:
    """The first of the rejects on standard error: file:line:column: what is wrong; what to write instead [CODE]."""
    for reject in rejects[:SHOWN]:
        note(f"{prefix}{reject}")
    if len(rejects) > SHOWN:
        note(f"and {len(rejects) - SHOWN} more; correct these first")


def note(text: str) -> None:
    """A line for the person at the terminal, on standard error."""
    print(text, file=sys.stderr)
