"""`puhui explain TRANSACTION`: why it got what it got, down to the lines of the rule and the bank's raw record."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from portal.cli.common import HERE, Home, Json, print_rows
from settlement.model.errors import BadInput, FoundWrong

_LABELS = {
    "zh": {
        "transaction": "交易", "rated": "计算批次", "waits": "等待原交易", "rule": "规则", "paid_by": "出资",
        "lowered": "限额扣减", "sale": "本笔消费的全部补贴", "raw": "原始记录", "record": "第{}条，字节 {}-{}",
        "without": "若无{}，可补{}元",
    },
    "en": {
        "transaction": "transaction", "rated": "rated in the night of", "waits": "waits for its original",
        "rule": "rule", "paid_by": "paid by", "lowered": "lowered by", "sale": "all awards of this sale",
        "raw": "raw record", "record": "record {}, bytes {}-{}", "without": "without {}: {}",
    },
}  # fmt: skip
_SALE = {
    "zh": ("交易", "类型", "时间", "批次", "活动", "版本", "结果", "补贴(元)", "结算单"),
    "en": ("transaction", "kind", "time", "night", "scheme", "version", "outcome", "subsidy", "statement"),
}


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("explain")(explain)


def explain(
    transaction: Annotated[str, typer.Argument(metavar="TRANSACTION", help="Its number, like smk:2026…")],
    lang: Annotated[str, typer.Option("--lang", help="zh or en.")] = "zh",
    home: Home = HERE,
    as_json: Json = False,
) -> None:
    """Explain a sale, refund or void: schemes looked at, what stopped them, limits, shares, rule lines, raw record.

    Rates the night again as it was; nothing is written. Exit 1 where that does not give what is stored.
    Example: puhui explain pos:20260507:000123 --lang en
    """
    from batch.release import reader
    from batch.replay import explained
    from portal.session import open_session

    if lang not in _LABELS:
        raise BadInput("--lang: not known; write zh or en")
    with open_session(home) as session, session.database.engine.connect() as connection:
        run = reader(connection, session.home, session.config, session.keys, session.now)
        found = explained(connection, run, transaction)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        _print(found, lang)
    if not found["agrees"]:
        raise FoundWrong(f"{transaction}: rated again it gives another result than is stored; call the auditor")


def _print(found: dict[str, Any], lang: str) -> None:
    said, entry = _LABELS[lang], found["explanation"]
    facts = " ".join(f"{key}={value}" for key, value in found["transaction"].items() if value is not None)
    print(f"{said['transaction']}: {facts}")
    print(f"{said['rated']}: {found['rated_on']}")
    if found["waits"]:
        print(f"{said['waits']}: {found['transaction']['original'] or '-'}")
    for sentence in entry[lang]:
        print(f"  {sentence}")
    for award in entry["awards"]:
        if award["shares"] and award["granted"] != "0.00":
            paid = ", ".join(f"{share['sponsor']} {share['amount']}" for share in award["shares"])
            print(f"{said['paid_by']} ({award['scheme']} v{award['version']}): {paid}")
        _print_lines(award.get("yaml", []))
    for scheme in entry["schemes"]:
        _print_scheme(scheme, said)
    if found["sale"]:
        print(f"{said['sale']}:")
        print_rows(_SALE[lang], [list(row.values()) for row in found["sale"]])
    raw = found["raw"]
    place = said["record"].format(raw["record"], raw["byte_start"], raw["byte_end"])
    print(f"{said['raw']}: {raw['file']} ({raw['sha256'][:12]}…), {place}")
    print(f"  {raw['bytes']}")


def _print_scheme(scheme: dict[str, Any], said: dict[str, str]) -> None:
    """The scheme's version, what lowered it, and the lines of YAML that spoke."""
    print(f"{said['rule']} {scheme['scheme']} v{scheme['version']}: {scheme['title']}")
    for cut in scheme.get("lowered", []):
        print(f"  {said['lowered']} {cut['by']}: {cut['from']} -> {cut['to']}")
    for name, words in scheme.get("without", {}).items():
        print(f"  {said['without'].format(name, words.partition(' ')[0])}")
    _print_lines(scheme["yaml"])


def _print_lines(places: list[dict[str, Any]]) -> None:
    for place in places:
        for line, text in enumerate(place["text"].split("\n"), place["line"]):
            print(f"  {place['file']}:{line}: {text.strip()}")
