"""YAML documents of formats (layouts, mappings): bounded, without aliases, checked by a model, with line and column."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from settlement.model.errors import BadInput

MAX_YAML_BYTES = 262_144
_NO_KEY = "extra_forbidden"
# what pydantic says in words of its own
_PLAIN = {
    _NO_KEY: "there is no such key; take it out",
    "missing": "must be given",
    "string_type": "must be a text; write it in quotes",
    "int_type": "must be a whole number, without quotes",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list: [one, two], or a line for each that begins with -",
    "dict_type": "must be keys with values, like name: value",
    "model_type": "must be keys with values, like name: value",
}
_WIDE_MARKS = re.compile("[\uff1a\uff0c\u201c\u201d\u2018\u2019\u3010\u3011\uff5b\uff5d\u3000]")  # ：，“”‘’【】｛｝
D = TypeVar("D", bound=BaseModel)


class MisfitError(ValueError):
    """What does not fit together in a document, at `path` below the part that was checked."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path


def load_document(text: str, name: str, model: type[D]) -> D:
    """A YAML document as `model`. BadInput names place and remedy."""
    return document_of(load_yaml(text, name), name, model)


class YamlDocument(dict[str, Any]):
    """A mapping that remembers the file it stood in, so that what is wrong with it has a line and a column."""

    def __init__(self, data: Mapping[str, Any], name: str, text: str) -> None:
        super().__init__(data)
        self.name, self.text = name, text


def load_yaml(text: str, name: str) -> object:
    """What a YAML text says (a mapping as YamlDocument): at most 256 KiB, no aliases, no duplicate keys.

    BadInput names place and remedy.
    """
    if len(text.encode()) > MAX_YAML_BYTES:
        raise BadInput(f"{name}: larger than {MAX_YAML_BYTES} bytes; a layout is a short document")
    yaml = YAML(typ="safe", pure=True)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            if isinstance(event, AliasEvent):
                at = f"{event.start_mark.line + 1}:{event.start_mark.column + 1}"
                raise BadInput(f"{name}:{at}: YAML aliases are not taken; write the value out")
        data = yaml.load(text)
    except ReaderError as error:
        lines = text[: error.position].split("\n")
        at = f"{len(lines)}:{len(lines[-1]) + 1}"
        what = f"character U+{ord(text[error.position]):04X} may not stand here"
        raise BadInput(f"{name}:{at}: not YAML: {what}; correct it") from None
    except (YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark is not None else name
        said = getattr(error, "problem", None) or "unreadable"
        raise BadInput(f"{where}: not YAML: {said}; {_remedy(text, said, mark)}") from None
    return YamlDocument(data, name, text) if isinstance(data, dict) else data


def _remedy(text: str, said: str, mark: Any) -> str:
    """What to do about a text that is no YAML. What is wrong may stand on the line before the one that is told."""
    lines = text.splitlines()[max(mark.line - 1, 0) : mark.line + 1] if mark is not None else []
    wide = _WIDE_MARKS.search("\n".join(lines))
    if "'\\t'" in said:
        return "write blanks for the tab"
    return f'write the mark {wide.group()} as : , or " of half the width' if wide else "correct it"


def read_yaml(path: Path) -> object:
    """What a YAML file says, as `load_yaml`. BadInput: it cannot be read, or has no keys."""
    wrong = BadInput(f"{path}: cannot be read as UTF-8 text; give a layout in YAML")
    if path.exists() and not path.is_file():
        raise wrong  # a pipe without a writer would be waited for
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_YAML_BYTES + 1).decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path}: {os.strerror(error.errno or 0).lower()}; give a layout in YAML") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not UTF-8; save the file as UTF-8") from None
    data = load_yaml(text, path.name)
    if not isinstance(data, dict):
        raise BadInput(f"{path.name}: has no keys; begin it with format: and title:, as docs/mapping.md shows")
    return data


def document_of(data: object, name: str, model: type[D]) -> D:
    """`data` (as `load_yaml` gives it, or any mapping) as `model`. BadInput names the place and what is wrong there."""
    try:
        return model.model_validate(dict(data) if isinstance(data, YamlDocument) else data)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        first = next((one for one in found if one["type"] == _NO_KEY), found[0])  # why another key seems to be missing
        cause = first.get("ctx", {}).get("error")
        path = (*first["loc"], *(cause.path if isinstance(cause, MisfitError) else ()))
        place = f"{data.name}:{_place(data.text, path)}" if isinstance(data, YamlDocument) else name
        where = ".".join(str(part) for part in path) or "document"
        said = _PLAIN.get(first["type"]) or first["msg"].removeprefix("Value error, ")
        if first["type"] == _NO_KEY:
            meant = get_close_matches(str(path[-1]), _keys_at(model, path[:-1]), 1)
            said = f"there is no such key; write {meant[0]}, or take it out" if meant else said
        raise BadInput(f"{place}: {where}: {said}; `puhui feed describe` shows a correct layout") from None


def _keys_at(model: Any, path: Sequence[str | int]) -> list[str]:
    """The keys that a document of `model` may have at `path`."""
    for step in path:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if isinstance(step, str):
            inner = _parts(fields[step].annotation) if step in fields else ()
            model = next((one for one in inner if isinstance(one, type) and issubclass(one, BaseModel)), None)
        if model is None:
            return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _parts(annotation: Any) -> Iterator[Any]:
    """A type and those in it: of tuple[X, ...] also X."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _place(text: str, path: Sequence[str | int]) -> str:
    """line:column of the value at `path`, or of the last step of it that the text has."""
    node = YAML(typ="safe", pure=True).compose(text)
    mark = node.start_mark
    for step in path:
        if isinstance(node, MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == step), None)
            if pair is None:
                break
            mark, node = pair[0].start_mark, pair[1]
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            mark = node.start_mark
        else:
            break
    return f"{mark.line + 1}:{mark.column + 1}"


def shipped_documents(package: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, what it says) of every layout that ships in `package`/layouts, by name."""
    for path in sorted((resources.files(package) / "layouts").iterdir(), key=lambda path: path.name):
        if path.name.endswith(".yaml"):
            document = load_yaml(path.read_text("utf-8"), path.name)
            assert isinstance(document, dict), "a layout is a mapping"
            yield path.name.removesuffix(".yaml"), document


def shipped_document(package: str, name: str, model: type[D]) -> D:
    """The layout that ships in `package`/layouts as `name`.yaml. BadInput: there is none."""
    document = _shipped(package, name, model)
    assert isinstance(document, model), "it is cached under its model"
    return document


@cache
def _shipped(package: str, name: str, model: type[BaseModel]) -> BaseModel:
    path = resources.files(package) / "layouts" / f"{name}.yaml"
    if re.fullmatch(r"[a-z][a-z0-9_]*", name) is None or not path.is_file():
        raise BadInput(f"layout {name!r} does not ship; give one that `puhui feed list` names, or a YAML file")
    return load_document(path.read_text("utf-8"), f"{name}.yaml", model)


def chosen_document(chosen: object, setting: str, package: str, model: type[D]) -> D:
    """What a setting of a source gives: the name of one that ships, a mapping (YAML), or a `model` itself.

    BadInput: none of these, or it is wrong.
    """
    if isinstance(chosen, model):
        return chosen
    if isinstance(chosen, str):
        return shipped_document(package, chosen, model)
    return document_of(chosen, f"setting {setting}", model)
