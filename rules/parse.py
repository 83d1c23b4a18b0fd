"""Rule documents from text: a value with its places, or the list of everything wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from rules.documents import Programme, Scheme, Tier
from rules.yamltext import Place, read_tree
from settlement.model.rejects import Reject

D = TypeVar("D", Programme, Scheme)
Path = tuple[str | int, ...]

MAY_BE_BLANK = {"to", "cap", "min", "max"}  # no value is no bound, as a blank date of a CSV file is

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
    "too_long": ("too long", "write at most 500 characters"),
    "greater_than_equal": ("too small", "write 1 or more"),
    "less_than_equal": ("too large", "write a smaller number"),
}


@dataclass(frozen=True, slots=True)
class Document(Generic[D]):
    """A parsed document, its file's name, and where each of its keys stands.

    `tier_starts`: the `from` of each tier (fen) in the order written, as the model keeps tiers sorted.
    """

    value: D
    file: str
    place: Place
    tier_starts: tuple[int, ...] = ()

    def reject(self, path: Path, code: str, message: str) -> Reject:
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
    blank = list(_blanks(tree.value, ()))
    rejects = [_blank(path, file, tree.place) for path in blank]
    try:
        value = model.model_validate(tree.value)
        if not rejects:
            return Document(value, file, tree.place, _tier_starts(tree.value))
    except ValidationError as bad:
        errors = [e for e in bad.errors() if _real_path(e["loc"], tree.place) not in blank]
        rejects += [_reject(e, file, tree.place, model) for e in errors]
    return sorted(rejects, key=lambda r: (r.line, r.column, r.code))


def _tier_starts(written: Any) -> tuple[int, ...]:
    """`from` of the tiers as they stand in a document that is right."""
    benefit = written.get("benefit", {})
    tiers = benefit.get("tiers", []) if benefit.get("kind") == "tiers" else []
    return tuple(Tier.model_validate(tier).start for tier in tiers)


def _blanks(value: Any, path: Path) -> Iterator[Path]:
    """Where a key or a dash has nothing after it: a condition left blank would let every sale in."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _blanks(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _blanks(item, (*path, index))
    elif value is None and path and path[-1] not in MAY_BE_BLANK:
        yield path


def _blank(path: Path, file: str, place: Place) -> Reject:
    here = place.find(path)
    line, column = here.key_line or here.line, here.key_column or here.column
    return Reject(file, 0, -1, _dotted(path), "MISSING", "has no value; write one, or remove it", line, column)


def _dotted(path: Path) -> str:
    return "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def _real_path(path: Path, place: Place) -> Path:
    """`path` without pydantic's own step for the chosen kind of a benefit or limit."""
    steps = list(path)
    if len(steps) > 2 and steps[0] == "benefit":
        del steps[1]
    elif len(steps) > 3 and steps[0] in {"limits", "pools"}:
        del steps[2]
    return tuple(steps) if place.inside else ()


def _reject(error: Any, file: str, place: Place, model: type[BaseModel]) -> Reject:
    path = _real_path(error["loc"], place)
    here = place.find(path)
    code, message = _message(error, path, model)
    if path == ("benefit", "price") and code == "UNKNOWN_KEY" and "pay" in place.find(("benefit",)).inside:
        message = "the same as `pay`, which stands here too; keep one of them"
    line, column = here.line, here.column
    if error["type"] == "extra_forbidden":
        line, column = here.key_line or line, here.key_column or column
    return Reject(file, 0, -1, _dotted(path), code, message, line, column)


def _message(error: Any, path: Path, model: type[BaseModel]) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx", {})
    last = str(path[-1]) if path else ""
    if kind == "missing":
        return "MISSING", f"`{last}` is missing; add it"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(last, _keys_at(model, error["loc"][:-1]), 1)
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


def _keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that may stand in the mapping at `path`, which is pydantic's: with a step for the chosen kind."""
    models = [model]
    for step in path:
        if isinstance(step, int):
            continue
        if len(models) > 1:
            models = [m for m in models if step in _kinds(m)]
        else:
            fields = [f.annotation for m in models for name, f in m.model_fields.items() if (f.alias or name) == step]
            models = _models(fields[0]) if fields else models  # a step that is no field: a sponsor
    return [field.alias or name for m in models for name, field in m.model_fields.items()]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models in an annotation like `tuple[AmountLimit | CountLimit, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _kinds(model: type[BaseModel]) -> set[Any]:
    """The words by which a model of several is chosen, like `percent` of `kind`."""
    literals = [f.annotation for f in model.model_fields.values() if get_origin(f.annotation) is Literal]
    return {word for literal in literals for word in get_args(literal)}
