"""YAML documents of formats (layouts, mappings): bounded, without aliases, checked by a model, with line and column."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from settlement.model.errors import BadInput

MAX_YAML_BYTES = 262_144
_PLAIN = {
    "extra_forbidden": "there is no such key; take it out",
    "missing": "must be given",
    "string_type": "must be a text; write it in quotes",
    "int_type": "must be a whole number, without quotes",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list: [one, two], or a line for each that begins with -",
    "dict_type": "must be keys with values, like name: value",
    "model_type": "must be keys with values, like name: value",
}
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
        raise BadInput(f"{where}: not YAML: {getattr(error, 'problem', None) or 'unreadable'}; correct it") from None
    return YamlDocument(data, name, text) if isinstance(data, dict) else data


def read_yaml(path: Path) -> object:
    """What a YAML file says, as `load_yaml`. BadInput: it cannot be read."""
    wrong = BadInput(f"{path}: cannot be read as UTF-8 text; give a layout in YAML")
    if path.exists() and not path.is_file():
        raise wrong  # a pipe without a writer would be waited for
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_YAML_BYTES + 1).decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path}: {os.strerror(error.errno or 0).lower()}; give a layout in YAML") from None
    except UnicodeDecodeError:
        raise wrong from None
    return load_yaml(text, path.name)


def document_of(data: object, name: str, model: type[D]) -> D:
    """`data` (as `load_yaml` gives it, or any mapping) as `model`. BadInput names the place and what is wrong there."""
    try:
        return model.model_validate(dict(data) if isinstance(data, YamlDocument) else data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        cause = first.get("ctx", {}).get("error")
        path = (*first["loc"], *(cause.path if isinstance(cause, MisfitError) else ()))
        place = f"{data.name}:{_place(data.text, path)}" if isinstance(data, YamlDocument) else name
        where = ".".join(str(part) for part in path) or "document"
        said = _PLAIN.get(first["type"]) or first["msg"].removeprefix("Value error, ")
        raise BadInput(f"{place}: {where}: {said}; `puhui feed describe` shows a correct layout") from None


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


def shipped_text(package: str, name: str) -> str | None:
    """The YAML text of a layout that ships in `package`/layouts, or None."""
    if re.fullmatch(r"[a-z][a-z0-9_]*", name) is None:
        return None
    path = resources.files(package) / "layouts" / f"{name}.yaml"
    return path.read_text("utf-8") if path.is_file() else None
