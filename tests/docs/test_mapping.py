"""docs/mapping.md has every key of the mapping languages, and its worked examples do what the page says."""

from __future__ import annotations

import csv
import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from adapters.base import Context
from adapters.registry import adapter
from adapters.yaml_document import document_of, load_yaml, shipped_documents
from portal.cli.main import run
from settlement.model.frames import PAYMENT, TRANSACTION
from tests.docs.mapping_page import MODELS, MORE, PAGE, blocks, nodes, table, written

TEXT = PAGE.read_text("utf-8")
BLOCKS = blocks(TEXT)


def test_the_tables_are_what_the_models_say() -> None:
    assert written(TEXT) == TEXT, "run: python -m tests.docs.mapping_page"


@pytest.mark.parametrize("name", MODELS)
def test_every_key_has_a_meaning_and_an_example(name: str) -> None:
    assert f"<!-- keys: {name} -->" in TEXT
    bare = [key for key, _, what, example in table(name, nodes(TEXT)) if not what or not example]
    assert not bare, f"{name}: describe it in its model; give an example in tests/docs/mapping_page.py"


@pytest.mark.parametrize("name", ["BankMap", "CsvMapping", "Layout"])
def test_each_further_example_is_taken_by_its_model(name: str) -> None:
    package = "adapters.accounts" if name == "BankMap" else "adapters.feeds"
    part = {"BankMap": "columns", "CsvMapping": "columns", "Layout": "record"}[name]
    document = next(document for _, document in shipped_documents(package) if part in document)
    for key, value in MORE[name].items():
        of_results = key in {"quotes", "sheet"} and name == "Layout"
        base = dict(shipped_documents("adapters.payments"))["minsheng_result"] if of_results else document
        whole = {**base, key: value}
        if key == "kind":
            whole["columns"] = [column for column in document["columns"] if column["name"] != "kind"]
        document_of(whole, key, MODELS[name])


def test_every_canonical_name_that_can_be_mapped_is_told() -> None:
    names = TEXT.partition("### Names of columns")[2].partition("###")[0]
    told = set(re.findall(r"^\| `(\w+)` \| \w+", names, re.MULTILINE))
    made = {"transaction_id", "source", "original_key", "card_token", "card_masked", "instrument", "file", "record"}
    assert told == {name.removesuffix("_fen") for name in TRANSACTION} - made - {"byte_start", "byte_end"} | {
        "card_number"
    }


@pytest.mark.parametrize(
    ("form", "setting", "mapping", "file", "result", "encoding"),
    [
        ("bank_csv", "layout", "bank.yaml", "bank.csv", "bank.result", "utf-8"),
        ("mapped_csv", "mapping", "acquirer.yaml", "POS_898110289997632_20260101.txt", "acquirer.result", "utf-8"),
        ("citizen_card", "layout", "card.yaml", "SY_20260507.txt", "card.result", "gbk"),
        ("bank_result", "layout", "answer.yaml", "PF20260508_01.rsp", "answer.result", "gbk"),
    ],
)
def test_the_worked_examples(
    tmp_path: Path, form: str, setting: str, mapping: str, file: str, result: str, encoding: str
) -> None:
    (tmp_path / mapping).write_text(BLOCKS[mapping], "utf-8")
    (tmp_path / file).write_text(BLOCKS[file], encoding)
    out = tmp_path / "out.csv"
    options = ["--format", form, "--set", f"{setting}={tmp_path / mapping}", "--out", str(out)]
    options += ["--set", "rail=bank_account"] if form == "citizen_card" else []
    assert run(["feed", "convert", str(tmp_path / file), *options]) == 0
    expected = list(csv.DictReader(BLOCKS[result].splitlines()))
    rows = list(csv.DictReader(out.read_text("utf-8-sig").splitlines()))
    assert [{name: row[name] for name in expected[0]} for row in rows] == expected


def test_the_payout_file_is_what_its_template_writes() -> None:
    payees = {"SZ-1-1": ("得月楼菜馆", "6222021234560017", 100_000), "SZ-1-2": ("松鹤楼", "6222021234560025", 25_050)}
    items = pl.DataFrame(
        [
            {"end_to_end_id": number, "amount_fen": fen, "payee_name": name, "payee_account": account}
            | {"payee_bank_name": None, "payee_bank_code": "105305000012", "remittance": "普惠结算"}
            for number, (name, account, fen) in payees.items()
        ],
        schema=PAYMENT,
    )
    settings = {"layout": load_yaml(BLOCKS["payout.yaml"], "payout.yaml")}
    form = adapter("bank_template")
    assert form.write is not None
    written = form.write(items, Context("PF20260508_01.txt", "bank", settings, clearing_date=date(2026, 5, 8)))
    assert written.decode("gbk").replace("\r\n", "\n") == BLOCKS["PF20260508_01.txt"]


@pytest.mark.parametrize(("form", "shipped"), [("bank_csv", "icbc"), ("mapped_csv", "wechat_pay")])
def test_describe_without_a_mapping_says_how_one_is_written(
    form: str, shipped: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["feed", "describe", "--format", form]) == 0
    told = capsys.readouterr().out
    assert "docs/mapping.md" in told
    assert f"\n{shipped} " in told


def test_describe_tells_what_is_in_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The unit of a bank's mapping, and of a POS source the settings that nobody has given."""
    (tmp_path / "bank.yaml").write_text(BLOCKS["bank.yaml"] + "unit: fen\n", "utf-8")
    options = ["--format", "bank_csv", "--set", f"layout={tmp_path / 'bank.yaml'}"]
    assert run(["feed", "describe", *options]) == 0
    assert "whole numbers of fen" in capsys.readouterr().out
    assert run(["feed", "describe", "--format", "pos_iso8583"]) == 0
    assert re.search(r"^discount_field +54$", capsys.readouterr().out, re.MULTILINE)


def test_a_result_file_without_a_layout_is_told_one_of_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "answer").write_bytes(b"P|0|0\r\n########")
    assert run(["feed", "check", str(tmp_path / "answer"), "--format", "bank_result"]) == 2
    assert "like minsheng_result" in capsys.readouterr().err
