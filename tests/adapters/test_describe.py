"""`describe` prints every format and every layout that ships; its example is a file that the layout reads."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import adapters
from adapters.description import as_text
from adapters.feeds.pos_settings import PosSettings
from adapters.layout import Layout, load_layout
from adapters.layout_line import decode_line
from adapters.layout_text import describe, show_record
from adapters.registry import ALL, MEANS, SETTINGS, adapter, check_settings, shipped
from adapters.yaml_document import document_of, load_yaml
from portal.cli.main import run
from settlement.model.errors import BadInput
from settlement.model.rejects import Reject

ROOT = Path(adapters.__file__).parent
LAYOUTS = [(form, setting, value) for _, form, setting, value, _ in shipped()]
# a mapping has no default; every other format describes itself without a setting
NEEDS = {"mapped_csv": {"mapping": "wechat_pay"}, "unionpay_acom": {"record": "acoma"}}


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: entry.name)
def test_every_format_describes_itself(entry, capsys):
    options = [part for key, value in NEEDS.get(entry.name, {}).items() for part in ("--set", f"{key}={value}")]
    assert run(["feed", "describe", "--format", entry.name, *options]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) >= 5
    assert any(word in out for word in ("amount", "paid", "income"))
    assert run(["feed", "describe", "--format", entry.name, *options, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["format"] == entry.name
    tables = [part["rows"] for part in told["parts"] if "rows" in part]
    assert tables
    for row in (row for table in tables for row in table):
        assert row.keys() >= {"what"} or row.keys() in ({"name", "headings"}, {"setting", "value"})
        assert all((cell[:7] if name == "default" else cell) in out for name, cell in row.items())  # cut in text


@pytest.mark.parametrize(("form", "setting", "value"), LAYOUTS, ids=str)
def test_every_layout_that_ships_is_found_and_described(form, setting, value, capsys):
    assert run(["feed", "describe", "--format", form, "--set", f"{setting}={value}"]) == 0
    assert "source" in capsys.readouterr().out


def test_what_a_bank_must_know_of_totals_is_told(capsys):
    for form, setting, said in (
        ("mapped_csv", "mapping=purse_daily", "a total adds up all records, without their signs"),
        ("pos_iso8583", "body=cups", "`reconciliation: required` a 0520 gives all eight"),
    ):
        assert run(["feed", "describe", "--format", form, "--set", setting]) == 0
        assert said in capsys.readouterr().out


def _layouts() -> list[Layout]:
    paths = [*ROOT.glob("feeds/layouts/*.yaml"), *ROOT.glob("payments/layouts/*.yaml")]
    return [load_layout(path.read_text("utf-8"), path.name) for path in paths if "shape:" in path.read_text("utf-8")]


@pytest.mark.parametrize("layout", _layouts(), ids=lambda layout: layout.format)
def test_the_example_is_a_file_of_the_layout(layout):
    text = as_text(describe(layout))
    lines = text.split("\nexample\n")[1].split("\n")
    kinds = [*layout.header, layout.record, *layout.trailer]
    for line, told in zip(kinds, lines, strict=False):
        values = decode_line(layout, line, told.encode(layout.write_encoding))
        assert all(values[field.name] is not None for field in line.fields if field.required)
    assert not layout.end_mark or lines[len(kinds)] == layout.end_mark
    for field in (field for line in kinds for field in line.fields):
        assert f" {field.name} " in text or f" {field.name}\n" in text, field.name
    widths = {len(row) - len(row.lstrip()) for row in text.splitlines() if row.startswith("bytes")}
    assert widths <= {0}


OWN = """format: own
title: Own layout
shape: fixed
encoding: gb18030
header:
  - fields:
      - {name: day, start: 1, length: 8, type: date, format: YYYYMMDD, declares: clearing_date}
record:
  fields:
    - {name: card_number, start: 1, length: 16, type: card, required: true}
    - {name: paid, start: 17, length: 12, type: amount, required: true}
trailer:
  - fields:
      - {name: sum, start: 1, length: 15, type: amount, declares: total, of: paid}
key: [card_number]
"""


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("start: 17", "start: 16", "own.yaml:11:20: record.fields.1.start: paid: byte 16 belongs to the field before"),
        ("of: paid", "of: gross", "own.yaml:14:74: trailer.0.fields.0.of: sum: `of` must name an amount of the record"),
        ("key: [card_number]", "key: [card]", "own.yaml:15:7: key.0: the record has no field 'card'"),
        ("type: card", "type: cart", "own.yaml:10:49: record.fields.0.type: Input should be"),
        ("title: Own layout\n", "", "own.yaml:1:1: title: must be given"),
        ("title: Own layout", "title: Own\nextra: 1", "own.yaml:3:1: extra: there is no such key; take it out"),
        ("title: Own layout", "title: Own: layout", "own.yaml:2:11: not YAML: mapping values are not allowed here"),
        ("shape: fixed", "shape: fixed\nshape: fixed", "own.yaml:4:1: not YAML: "),
        ("title: Own layout", "title: Own\x07", "own.yaml:2:11: not YAML: character U+0007 may not stand here"),
        ("title: Own layout", "title: &a Own\nsource: *a", "own.yaml:3:9: YAML aliases are not taken"),
        ("start: 17", "start: '17'", "own.yaml:11:20: record.fields.1.start: must be a whole number, without quotes"),
        ("title: Own layout", "title: 7", "own.yaml:2:1: title: must be a text; write it in quotes"),
        ("key: [card_number]", "key: card_number", "own.yaml:15:1: key: must be a list"),
        ("format: YYYYMMDD, ", "", "own.yaml:7:9: header.0.fields.0: day: give its format, like YYYYMMDD"),
        ("key:", "filename: '('\nkey:", "own.yaml:15:1: filename: is no regular expression"),
    ],
)  # fmt: skip
def test_a_layout_that_cannot_be_says_where_and_what(old, new, place, tmp_path, capsys):
    assert old in OWN
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace(old, new), "utf-8")
    assert run(["feed", "describe", "--format", "citizen_card", "--set", f"layout={path}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"puhui: {place}"), error
    assert error.count("\n") == 1
    path.write_text(OWN, "utf-8")
    assert run(["feed", "describe", "--format", "citizen_card", "--set", f"layout={path}"]) == 0


def test_pieces_of_a_card_in_a_shifted_record_are_not_shown():
    """A record without separators that lacks its first byte: every cell holds a piece of the next."""
    import io

    layout = document_of(load_yaml(OWN, "own.yaml"), "own.yaml", Layout)
    record = b"6217001234567890" + b"000000012345"
    shifted = record[1:] + b"\n6"
    for raw in (shifted, b"0" + record[:-1]):
        shown = show_record(io.BytesIO(raw), Reject("f", 1, 0, "paid", "BAD_AMOUNT", "m"), layout)
        assert shown is not None
        assert "217001234567890" not in shown.text
        assert sum(char.isdigit() for char in shown.text[:16]) <= 10


def test_every_setting_says_what_it_is_for():
    own = set(PosSettings.model_fields)
    every = {name for names in SETTINGS.values() for name in names}
    assert every - own <= MEANS.keys() <= every | {"clearing_date"}
    assert all(f"    {name} " in (PosSettings.__doc__ or "") or f"`{name}`" in PosSettings.__doc__ for name in own)


# --- settings --------------------------------------------------------------------------------------------------------


# which formats a module reads settings for, by the beginning of its name; others read for every format of their room
OF_FORMAT = {
    "mapp": ("mapped_csv",),
    "bank_csv": ("bank_csv",),
    "bank_map": ("bank_csv",),
    "mt940": ("mt940",),
    "camt_write": ("camt053",),
    "camt": ("camt053", "camt054"),
    "pain001": ("pain001",),
    "pain002": ("pain002",),
    "bank_template": ("bank_result",),
    "citizen_card": ("citizen_card",),
    "unionpay": ("unionpay_acom",),
    "pos": ("pos_iso8583",),
}
TRANSACTIONS = tuple(entry.name for entry in ALL if entry.gives == "transaction")


def _asked_for() -> list[tuple[str, tuple[str, ...], str]]:
    """(setting that a module looks at, formats it looks for, where): `settings.get("x")`, `text_setting(c, "x", …)`."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        formats = next((of for start, of in OF_FORMAT.items() if path.name.startswith(start)), ())
        formats = formats or (TRANSACTIONS if path.parent.name == "feeds" else ())
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                at = 0 if called.endswith(("settings.get", "given.get")) else 1 if called.endswith("_setting") else None
                if at is not None and len(node.args) > at and isinstance(node.args[at], ast.Constant):
                    found.append((str(node.args[at].value), formats, f"{path.name}:{node.lineno}"))
    return found


def test_every_setting_that_is_looked_at_can_be_set():
    # `layout` has a default in the one reader of layouts; formats without layouts never come there
    asked = [(name, of, where) for name, of, where in _asked_for() if not where.startswith("layout_feed")]
    assert len(asked) >= 20
    missing = [
        f"{where}: {name} of {form}"
        for name, formats, where in asked
        for form in formats
        if name not in (*SETTINGS[form], "clearing_date")
    ]
    assert missing == [], "add to adapters/registry.py, SETTINGS"
    assert SETTINGS.keys() | {"bank_template"} == {entry.name for entry in ALL}


def test_every_setting_of_a_feed_is_looked_at():
    asked = {(name, form) for name, of, _ in _asked_for() for form in of}
    asked |= {(name, "pos_iso8583") for name in PosSettings.model_fields}
    assert {(name, form) for form in TRANSACTIONS for name in SETTINGS[form]} - asked == set()


def test_a_misspelt_setting_is_refused_with_the_right_one():
    with pytest.raises(BadInput, match=r"--set framng: pos_iso8583 has no such setting.*did you mean framing\?"):
        check_settings("pos_iso8583", ["framng"], "--set ")
    with pytest.raises(BadInput, match=r"--set misspelt: bank_template has no such setting"):
        check_settings("bank_template", ["misspelt"], "--set ", {"misspelt": "1"})
    check_settings("bank_template", ["version", "account_type"], "--set ", {"layout": "unionpay_payout"})
    with pytest.raises(BadInput, match=r"did you mean citizen_card\?"):
        adapter("citizencard")
    with pytest.raises(BadInput, match="wechat_pay is a layout, no format: write --format mapped_csv --set mapping="):
        adapter("wechat_pay")
