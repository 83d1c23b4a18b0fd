"""The tables of docs/mapping.md, made from the models: `python -m tests.docs.mapping_page` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from adapters.accounts.bank_map import BankMap, Columns
from adapters.description import keys
from adapters.feeds.mapping import CsvColumn, CsvMapping, End, SpokenTotal
from adapters.layout import Layout, LayoutField, Line
from adapters.yaml_document import load_yaml, shipped_documents

PAGE = Path(__file__).resolve().parents[2] / "docs" / "mapping.md"
MODELS: dict[str, type[BaseModel]] = {
    model.__name__: model
    for model in (BankMap, Columns, CsvMapping, CsvColumn, End, SpokenTotal, Layout, Line, LayoutField)
}
_TABLE = re.compile(r"(<!-- keys: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_BLOCK = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# keys that no shipped description needs; a test holds each to its model
MORE: dict[str, dict[str, Any]] = {
    "BankMap": {
        "unit": "fen",
        "encoding": "gb18030",
        "separator": "|",
        "currency": "HKD",
        "currencies": {"葡币": "MOP"},
        "account_labels": ["账号", "客户账号"],
        "currency_labels": ["币种"],
        "trailers": ["合计", "打印时间"],
        "no_lines": ["期初余额", "本日合计"],
        "totals": ["合计"],
        "count_labels": ["总笔数"],
        "expenses_signed": True,
        "decimal": ",",
        "headings": ["交易日期", "摘要", "支出", "收入", "余额"],
    },
    "CsvMapping": {
        "newline": "lf",
        "zone": "Asia/Hong_Kong",
        "kind": "SALE",
        "preamble": ["#业务明细"],
        "strip": " \t",
        "excel_text": True,
        "open_end": True,
        "thousands": True,
        "money_mark": "¥",
        "decimal": ",",
    },
    "CsvColumn": {"unit": "fen", "note": "since 2024", "pad": "0"},
    "End": {"required": False},
    "SpokenTotal": {"of": "paid"},
    "Layout": {"zone": "Asia/Shanghai", "maximum_records": 5000, "quotes": True, "sheet": "回盘明细"},
    "Line": {"length": 310},
    "LayoutField": {"prefix": "NO:"},
}
# keys by which a part is known from another kind's
_SHOWS = {"BankMap": {"columns"}, "End": {"starts_with"}, "CsvColumn": {"name"}, "LayoutField": {"name"}}
# keys that stand in another table of the page, with the same meaning
_TOLD = {"LayoutField": {name for name, field in CsvColumn.model_fields.items() if not field.exclude}}


def blocks(page: str) -> dict[str, str]:
    """The examples of the page by the name behind their fence."""
    return dict(_BLOCK.findall(page))


def written(page: str) -> str:
    """The page with its tables as the models are now."""
    known = nodes(page)
    return _TABLE.sub(lambda found: found[1] + _table(found[2], known) + found[3], page)


def _table(name: str, nodes: list[dict[str, Any]]) -> str:
    rows = [("key", "default", "what", "example"), ("---",) * 4, *table(name, nodes)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)


def table(name: str, nodes: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """(key, default, meaning, example) of every key of a model."""
    model = MODELS[name]
    return [
        (f"`{key}`", f"`{default}`" if default not in {"", "must"} else default, what, _example(key, model, nodes))
        for key, default, what in keys("", model).rows
        if key not in _TOLD.get(name, ())
    ]


def _example(key: str, model: type[BaseModel], nodes: list[dict[str, Any]]) -> str:
    """The shortest value that the key has in a part of that kind of document."""
    known = {field.alias or name for name, field in model.model_fields.items()}
    must = _SHOWS.get(model.__name__) or {name for name, field in model.model_fields.items() if field.is_required()}
    found = [node[key] for node in nodes if key in node and must <= node.keys() <= known]
    found += [MORE[model.__name__][key]] if key in MORE.get(model.__name__, {}) else []
    shown = min((f"{key}: {_flow(value)}" for value in found), key=len, default="")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`" if shown else ""


def _flow(value: Any) -> str:
    """A value as YAML in one line, of which only the beginning is shown."""
    if isinstance(value, dict):
        cells = [f"{_flow(key)}: {_flow(inner)}" for key, inner in value.items()]
        return "{" + ", ".join(cells[:2] + ["…"] * (len(cells) > 2)) + "}"
    if isinstance(value, list):
        cells = [_flow(inner) for inner in value]
        return "[" + ", ".join(cells[:2] + ["…"] * (len(cells) > 2)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    plain = isinstance(value, int) or re.fullmatch(r"[^\W\d][\w/+-]*( \w+)*", text)
    return text if plain else '"' + text.replace("\t", "\\t") + '"' if "\t" in text else f"'{text}'"


def nodes(page: str) -> list[dict[str, Any]]:
    """Every mapping within the shipped descriptions and the worked examples."""
    packages = ("adapters.accounts", "adapters.feeds", "adapters.payments")
    whole: list[Any] = [document for package in packages for _, document in shipped_documents(package)]
    whole += [load_yaml(text, name) for name, text in blocks(page).items() if name.endswith(".yaml")]
    return [node for document in whole for node in _within(document)]


def _within(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield dict(value)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _within(inner)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
