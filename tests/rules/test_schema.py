"""The JSON Schema of editors: right by its own rules, takes what the check takes, refuses what a schema can refuse."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

import rules
from rules.schema import document_schema
from rules.yamltext import NumberText, Tree, read_tree

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "property" / "rules")]

from programmes import as_yaml, examples, towns  # noqa: E402 - the folder is put on the path just above
from test_scheme_check import BREAD, SCHEME, WRONG  # noqa: E402 - as above

SCHEMES = Draft202012Validator(document_schema("scheme"))
PROGRAMMES = Draft202012Validator(document_schema("programme"))
# What only the text or the whole of a document shows: a schema cannot, the check does.
BEYOND = {
    "to: 2025-12-31", "from: 2026-02-30", "max: 5.00", "min: 10.005", "percent: 33.33333", '"10:00-10:00"',
    "programme: toun", "name: week", "pools: [bugdet]", "sponsor: bonk", "version: 1.0", "min: 1e1",
    "{kind: tiers, tiers: [{from: 1, off: 1}, {from: 1.0, off: 2}]}", "{kind: claimed, min: 2, max: 1}",
}  # fmt: skip


def plain(value: Any) -> Any:
    """What an editor's YAML 1.2 parser makes of our tree."""
    if isinstance(value, NumberText):
        number = float(value.text.replace("_", ""))
        return int(number) if value.text.lstrip("-").isdigit() else number
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def seen(text: str) -> Any:
    tree = read_tree(text, "x.yaml")
    assert isinstance(tree, Tree), tree
    return plain(tree.value)


@pytest.mark.parametrize("kind", ["scheme", "programme"])
def test_it_is_a_right_schema_of_2020_12_and_says_what_every_key_means(kind: Any) -> None:
    schema = document_schema(kind)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
    assert "multipleOf" not in json.dumps(schema)  # 19.99 is no multiple of 0.01 in binary, so editors refuse it
    for part in (schema, *schema["$defs"].values()):
        assert part["additionalProperties"] is False
        assert part["description"]
        assert all(" / " in value["description"] for value in part["properties"].values())
    assert schema["properties"].get("min_grant", {"default": 0.01})["default"] == 0.01


def test_every_document_that_ships_is_taken() -> None:
    shipped = ROOT / "examples" / "suzhou" / "programme"
    files = sorted((shipped / "schemes").glob("*.yaml"))
    assert len(files) >= 13
    for file in files:
        assert not list(SCHEMES.iter_errors(seen(file.read_text("utf-8")))), file
    assert not list(PROGRAMMES.iter_errors(seen((shipped / "programme.yaml").read_text("utf-8"))))
    cases = [YAML(typ="base", pure=True).load(path) for path in sorted((HERE / "cases").glob("[!_]*.yaml"))]
    documents = [text for case in cases for text in case["schemes"]]
    assert len(documents) >= 50
    for text in documents:
        assert not list(SCHEMES.iter_errors(seen(text))), text


@pytest.mark.parametrize("text", [
    "category: food", "category: [2016]", "id: 'M1'",
])  # fmt: skip
def test_one_value_and_numbers_stand_for_texts(text: str) -> None:
    whole = SCHEME.replace("category: [food]", text)
    assert isinstance(rules.parse_scheme(whole, "x"), rules.Document)
    assert SCHEMES.is_valid(seen(whole))


@pytest.mark.parametrize(("old", "new"), [(row[0], row[1]) for row in WRONG if row[3] and row[2] != "3:1"])
def test_what_is_wrong_is_refused(old: str, new: str) -> None:
    tree = read_tree(SCHEME.replace(old, new, 1), BREAD)
    if not isinstance(tree, Tree):
        return  # no YAML of ours at all
    assert SCHEMES.is_valid(plain(tree.value)) == (new in BEYOND)


ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    5,
    0.5,
    1e20,
    "",
    "x",
    "5",
    "5.00",
    "2026-05-07",
    "wed",
    [],
    ["x"],
    [1],
    {},
    {"x": 1},
]


@examples(300)
@given(towns(1), st.randoms(use_true_random=False))
def test_what_the_check_takes_the_schema_takes(town: Any, chance: random.Random) -> None:
    """Generated documents, each with one place changed: whatever the check accepts, no editor may underline."""
    document = json.loads(json.dumps(chance.choice(town.schemes)))
    assert SCHEMES.is_valid(document)
    _change(document, chance)
    text = as_yaml(document)
    if isinstance(rules.parse_scheme(text, "x.yaml"), rules.Document):
        assert SCHEMES.is_valid(seen(text)), list(SCHEMES.iter_errors(seen(text)))


def _change(node: Any, chance: random.Random) -> None:
    """One key or item, anywhere, removed, replaced or added."""
    places = list(_places(node))
    holder, key = chance.choice(places)
    match chance.randrange(3):
        case 0:
            del holder[key]
        case 1:
            holder[key] = chance.choice(ODD)
        case _ if isinstance(holder, dict):
            names = ["cap", "off", "percent", "pay", "price", "min", "max", "to", "title", "per", "unit", "tag", "odd"]
            holder[chance.choice(names)] = chance.choice(ODD)
        case _:
            holder.append(chance.choice(ODD))


def _places(node: Any) -> Any:
    for key in node if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], dict | list):
            yield from _places(node[key])
