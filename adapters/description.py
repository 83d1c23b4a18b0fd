"""What `puhui feed describe` says of a format: parts with a title, each a table or lines; as text and as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from unicodedata import east_asian_width


class Part(NamedTuple):
    """A table: each row has a cell for each of `headings`. Without headings, rows are lines of one cell."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def lines(title: str, said: Sequence[str]) -> Part:
    """A part of lines."""
    return Part(title, (), [(line,) for line in said])


def as_text(parts: Sequence[Part]) -> str:
    """For people: parts apart by a blank line, the columns of tables aligned."""
    said = []
    for title, headings, rows in parts:
        if rows:
            head = [title] if title else []
            said.append("\n".join(head + (aligned([headings, *rows]) if headings else [row[0] for row in rows])))
    return "\n\n".join(said) + "\n"


def as_data(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """For programs: a row of a table is an object by its headings."""
    return [
        {"title": title, "rows": [dict(zip(headings, row, strict=True)) for row in rows]}
        if headings
        else {"title": title, "lines": [row[0] for row in rows]}
        for title, headings, rows in parts
        if rows
    ]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines with aligned columns, the last one free; Chinese characters are two columns wide."""
    count = max(len(row) for row in rows) - 1
    sizes = [max(columns(row[n]) for row in rows) for n in range(count)]
    return [
        "  ".join(
            [*(cell + " " * (sizes[n] - columns(cell)) for n, cell in enumerate(row[:count])), row[count]]
        ).rstrip()
        for row in rows
    ]


def columns(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)
