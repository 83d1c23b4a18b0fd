"""What `puhui feed describe` says of a format: parts with a title, each a table or lines; as text and as data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from unicodedata import east_asian_width

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_DEFAULT = 24  # columns of a terminal


class Part(NamedTuple):
    """A table: each row has a cell for each of `headings`. Without headings, rows are lines of one cell."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def lines(title: str, said: Sequence[str]) -> Part:
    """A part of lines."""
    return Part(title, (), [(line,) for line in said])


def keys(title: str, model: type[BaseModel]) -> Part:
    """The keys of a part of a YAML document: name, default ("must" where there is none), meaning."""
    rows = [
        (field.alias or name, "must" if field.is_required() else _default(field), field.description or "")
        for name, field in model.model_fields.items()
        if not field.exclude
    ]
    return Part(title, ("name", "default", "what"), rows)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=value.isspace()) if value else ""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, tuple) else ""


def unchosen(what: str, setting: str, shipped: Iterable[tuple[str, dict[str, Any]]]) -> list[Part]:
    """What is told where no layout is chosen: how one is chosen or written, and those that ship."""
    said = [
        f"{what}: --set {setting}=NAME of these that ship, or --set {setting}=OWN.yaml",
        "how one is written: docs/mapping.md, which has every key and a worked example",
    ]
    return [lines("", said), Part("", ("name", "what"), [(name, str(known["title"])) for name, known in shipped])]


def as_text(parts: Sequence[Part]) -> str:
    """For people: parts apart by a blank line, the columns of tables aligned; of a long default its beginning alone."""
    said = []
    for title, headings, rows in parts:
        if rows:
            if headings[1:2] == ("default",):
                rows = [(name, _cut(default), what) for name, default, what in rows]
            head = [title] if title else []
            said.append("\n".join(head + (aligned([headings, *rows]) if headings else [row[0] for row in rows])))
    return "\n\n".join(said) + "\n"


def _cut(text: str) -> str:
    """A default that is a list of many words would push what it means out of the window."""
    shown, size = "", 0
    for char in text:
        size += columns(char)
        if size > _DEFAULT:
            return f"{shown}…"
        shown += char
    return text


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
