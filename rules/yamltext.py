"""YAML text to a tree of plain values in which everything knows its line and column.

Problem: a rule document is money. `15.00` must never pass through a float, and a mistake must be shown where it stands.
ruamel.yaml's events carry marks and raw text, so the tree is built from them. Rejected: loading to Python values
(floats), and composing nodes (aliases are already resolved there, so a bomb has gone off).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from settlement.model.rejects import Reject

MAX_CHARS = 1_000_000
MAX_DEPTH = 16

_NUMBER = re.compile(
    r"[-+]?([0-9][0-9_]*(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|0[xo][0-9a-fA-F]+"
)
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NumberText:
    """An unquoted number as it is written; whoever wants it reads the text (money, percent, whole number)."""

    text: str


@dataclass(slots=True)
class Place:
    """Where a value stands (1-based), and where the values in it stand, by key or index."""

    line: int
    column: int
    inside: dict[str | int, Place] = field(default_factory=dict)
    key_line: int = 0
    key_column: int = 0

    def find(self, path: tuple[str | int, ...]) -> Place:
        """The place of the deepest value along `path`; steps that do not exist here are skipped."""
        here = self
        for step in path:
            here = here.inside.get(step, here)
        return here


@dataclass(frozen=True, slots=True)
class Tree:
    """A parsed document: mappings as dict, sequences as list, scalars as str, bool, None or NumberText."""

    value: Any
    place: Place


class _Refused(Exception):  # noqa: N818 - never leaves this module: it carries a Reject to the door
    def __init__(self, event: Any, code: str, message: str) -> None:
        super().__init__(message)
        mark = event.start_mark
        self.line, self.column, self.code = mark.line + 1, mark.column + 1, code


def read_tree(text: str, file: str) -> Tree | Reject:
    """The one document in `text`, or the first thing that makes it unreadable.

    Refused: more than MAX_CHARS, nesting deeper than MAX_DEPTH, anchors and aliases, tags, duplicate keys, several
    documents, and whatever YAML 1.2 does not allow.
    """
    if len(text) > MAX_CHARS:
        return Reject(file, 0, -1, "", "TOO_LARGE", f"more than {MAX_CHARS} characters; split the document", 1, 1)
    try:
        events = [e for e in _guarded(YAML(typ="safe", pure=True).parse(text)) if hasattr(e, "start_mark")]
        content = iter(events)
        return _document(content)
    except _Refused as bad:
        return Reject(file, 0, -1, "", bad.code, str(bad), bad.line, bad.column)
    except MarkedYAMLError as bad:
        mark = bad.problem_mark or bad.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = (bad.problem or "not YAML").splitlines()[0]
        return Reject(file, 0, -1, "", "NOT_YAML", f"{problem}; correct the YAML here", line, column)
    except (YAMLError, ValueError) as bad:  # a character YAML does not allow has no mark of its own
        line = text.count("\n", 0, getattr(bad, "position", 0) or 0) + 1
        return Reject(file, 0, -1, "", "NOT_YAML", "a character that YAML does not allow; remove it", line, 1)


def _guarded(events: Iterator[Any]) -> Iterator[Any]:
    """The events as they come, stopping at the first that this product refuses."""
    depth = documents = 0
    for event in events:
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(event, "YAML_ALIAS", "anchors and aliases are not read; write the value out")
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _Refused(event, "YAML_DOCUMENTS", "a second document; keep one document in a file")
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _Refused(event, "YAML_DEPTH", f"nested deeper than {MAX_DEPTH}; write it flat")
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            depth -= 1
        if getattr(event, "tag", None) is not None and not _implied(event):
            raise _Refused(event, "YAML_TAG", "tags are not read; remove it")
        yield event


def _implied(event: Any) -> bool:
    return event.tag is None or str(event.tag) in {"", "None"}


def _document(events: Iterator[Any]) -> Tree:
    for event in events:
        if isinstance(event, MappingStartEvent | SequenceStartEvent | ScalarEvent):
            return _value(event, events)
    return Tree(None, Place(1, 1))


def _value(event: Any, events: Iterator[Any]) -> Tree:
    place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
    if isinstance(event, ScalarEvent):
        return Tree(_scalar(event), place)
    if isinstance(event, SequenceStartEvent):
        return _sequence(events, place)
    return _mapping(events, place)


def _sequence(events: Iterator[Any], place: Place) -> Tree:
    items: list[Any] = []
    for event in events:
        if isinstance(event, SequenceEndEvent):
            break
        item = _value(event, events)
        place.inside[len(items)] = item.place
        items.append(item.value)
    return Tree(items, place)


def _mapping(events: Iterator[Any], place: Place) -> Tree:
    out: dict[str, Any] = {}
    for event in events:
        if isinstance(event, MappingEndEvent):
            break
        if not isinstance(event, ScalarEvent):
            raise _Refused(event, "YAML_KEY", "a key that is a list or a mapping; write a word")
        key = event.value
        if key in out:
            raise _Refused(event, "DUPLICATE_KEY", f"`{key[:40]}` stands twice; keep one of them")
        item = _value(next(events), events)
        item.place.key_line, item.place.key_column = event.start_mark.line + 1, event.start_mark.column + 1
        place.inside[key] = item.place
        out[key] = item.value
    return Tree(out, place)


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.style:  # quoted or block text is text
        return text
    if text in _WORDS:
        return _WORDS[text]
    return NumberText(text) if _NUMBER.fullmatch(text) else text
