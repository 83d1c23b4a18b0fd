"""Rule documents from text: a value with its places, or the list of everything wrong with it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from rules import documents
from rules.documents import Programme, Scheme
from rules.yamltext import Place, read_tree
from settlement.model.rejects import Reject

D = TypeVar("D", Programme, Scheme)

_WORDS = {
    "string_type": ("not text", "write a word or a text in quotes"),
    "bool_type": ("not true or false", "write true or false"),
    "dict_type": ("not a mapping", "write `key: value` lines"),
    "model_type": ("not a mapping", "write `key: value` lines"),
    "model_attributes_type": ("not a mapping", "write `key: value` lines"),
    "tuple_type": ("not a list", "write it in brackets, like [a, b]"),
    "too_short": ("empty", "write at least one"),
    "string_too_short": ("empty", "write a word"),
    "string_too_long": ("too long", "write at most 500 characters"),
    "greater_than_equal": ("too small", "write 1 or more"),
    "less_than_equal": ("too large", "write a smaller number"),
}


@dataclass(frozen=True, slots=True)
class Document(Generic[D]):
    """A parsed document, its file's name, and where each of its keys stands."""

    value: D
    file: str
    place: Place

    def reject(self, path: tuple[str | int, ...], code: str, message: str) -> Reject:
        """A Reject at the line and column of `path`."""
        here = self.place.find(path)
        return Reject(self.file, 0, -1, _dotted(path), code, message, here.line, here.column)


def parse_programme(text: str, file: str = "programme.yaml") -> Document[Programme] | list[Reject]:
    """programme.yaml (rules.md section 2), or everything wrong with it."""
    return _parse(text, file, Programme)


def parse_scheme(text: str, file: str) -> Document[Scheme] | list[Reject]:
    """schemes/*.yaml (rules.md section 2), or everything wrong with it."""
    return _parse(text, file, Scheme)


def _parse(text: str, file: str, model: type[D]) -> Document[D] | list[Reject]:
    tree = read_tree(text, file)
    if isinstance(tree, Reject):
        return [tree]
    try:
        return Document(model.model_validate(tree.value), file, tree.place)
    except ValidationError as bad:
        return sorted((_reject(e, file, tree.place) for e in bad.errors()), key=lambda r: (r.line, r.column, r.code))


def _dotted(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def _real_path(path: tuple[str | int, ...], place: Place) -> tuple[str | int, ...]:
    """`path` without pydantic's own step for the chosen kind of a benefit or limit."""
    steps = list(path)
    if len(steps) > 2 and steps[0] == "benefit":
        del steps[1]
    elif len(steps) > 3 and steps[0] in {"limits", "pools"}:
        del steps[2]
    return tuple(steps) if place.inside else ()


def _reject(error: Any, file: str, place: Place) -> Reject:
    path = _real_path(error["loc"], place)
    here = place.find(path)
    code, message = _message(error, path)
    line, column = here.line, here.column
    if error["type"] == "extra_forbidden":
        line, column = here.key_line or line, here.key_column or column
    return Reject(file, 0, -1, _dotted(path), code, message, line, column)


def _message(error: Any, path: tuple[str | int, ...]) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx", {})
    last = str(path[-1]) if path else ""
    if kind == "missing":
        return "MISSING", f"`{last}` is missing; add it"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(last, KNOWN_KEYS, 1)
        return "UNKNOWN_KEY", f"unknown key; {f'write `{near[0]}`, or remove it' if near else 'remove it'}"
    if kind == "value_error":
        return "WRONG_VALUE", str(context["error"])
    if kind in {"literal_error", "enum"}:
        return "WRONG_VALUE", f"not one of the words known here; write {context['expected']}"
    if kind == "union_tag_invalid":
        return "WRONG_VALUE", f"unknown {context['discriminator']}; write {context['expected_tags']}"
    if kind == "union_tag_not_found":
        return "MISSING", f"{context['discriminator']} is missing; add it"
    what, remedy = _WORDS.get(kind, (error["msg"], "correct it as docs/rules.md says"))
    return "WRONG_TYPE" if kind.endswith("_type") else "WRONG_VALUE", f"{what}; {remedy}"


def _keys() -> list[str]:
    models = [m for m in vars(documents).values() if isinstance(m, type) and issubclass(m, BaseModel)]
    return sorted({field.alias or name for model in models for name, field in model.model_fields.items()})


KNOWN_KEYS = _keys()
