"""`puhui explain TRANSACTION`: why it got what it got, down to the lines of the rule and the bank's raw record."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from portal.cli.common import HERE, Home, Json, print_rows
from settlement.model.errors import BadInput, FoundWrong

_SAID = {
    "zh": {
        "transaction": "交易", "member": "会员", "merchant": "商户", "terminal": "终端", "original": "原交易",
        "rated": "计算批次", "cleared": "清算日期", "claimed": "报送优惠",
        "answer": "结论", "charged": "限额变动", "paid_by": "出资", "candidates": "看过的活动",
        "sale": "本笔消费的全部补贴",
        "others": "不适用的活动", "waits": "原交易未到，等待中", "raw": "原始记录", "record": "第{}条，字节 {}-{}",
        "without": "若无此限额可补{}元", "yuan": "元",
    },
    "en": {
        "transaction": "transaction", "member": "member", "merchant": "merchant", "terminal": "terminal",
        "original": "original", "rated": "rated in the night of", "cleared": "cleared on",
        "claimed": "discount reported", "answer": "answer", "charged": "limits moved", "paid_by": "paid by",
        "candidates": "schemes looked at", "sale": "all awards of this sale", "others": "schemes that do not apply",
        "waits": "its original has not come; it waits", "raw": "raw record", "record": "record {}, bytes {}-{}",
        "without": "without this limit: {}", "yuan": "yuan",
    },
}  # fmt: skip
_KIND = {"SALE": "消费", "REFUND": "退货", "VOID": "撤销", "REVERSAL": "冲正"}
_INSTRUMENT = {"citizen_card": "市民卡", "bank_card": "银行卡", "e_card": "电子会员卡"}
_SALE = {
    "zh": ("交易", "类型", "时间", "批次", "活动", "版本", "结果", "补贴(元)", "结算单"),
    "en": ("transaction", "kind", "time", "night", "scheme", "version", "outcome", "subsidy", "statement"),
}
_CANDIDATES = {
    "zh": ("活动", "版本", "应补(元)", "实补(元)", "结果"),
    "en": ("scheme", "version", "due", "given", "outcome"),
}
_OTHERS = {
    "zh": ("活动", "版本", "原因", "规则"),
    "en": ("scheme", "version", "reason", "rule"),
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
    from batch.replay import explained
    from portal.session import open_session

    if lang not in _SAID:
        raise BadInput("--lang: not known; write zh or en")
    with open_session(home) as session, session.database.engine.connect() as connection:
        run = session.reader(connection)
        found = explained(connection, run, transaction)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        _print(found, lang)
    if not found["agrees"]:
        raise FoundWrong(f"{transaction}: rated again it gives another result than is stored; call the auditor")


def _print(found: dict[str, Any], lang: str) -> None:
    said, entry = _SAID[lang], found["explanation"]
    _print_head(found, said, lang)
    print(f"\n{said['answer']}")
    if found["waits"]:
        print(f"  {said['waits']}")
    chosen = len(entry["awards"])
    for sentence in entry[lang][:chosen]:
        print(f"  {sentence}")
    for award in entry["awards"]:
        _print_award(award, said, lang)
    candidates = [scheme for scheme in entry["schemes"] if scheme["candidate"]]
    if candidates:
        print(f"\n{said['candidates']}")
        rows = [(s["title"] or s["scheme"], s["version"], s["entitled"], s["figure"], s["outcome"]) for s in candidates]
        print_rows(_CANDIDATES[lang], rows, indent="  ")
        for sentence in entry[lang][chosen : chosen + max(0, len(candidates) - chosen)]:
            print(f"  {sentence}")
        for scheme in candidates:
            _print_rule(scheme, said, lang)
    _print_others([scheme for scheme in entry["schemes"] if not scheme["candidate"]], said, lang)
    if found["sale"]:
        print(f"\n{said['sale']}")
        print_rows(_SALE[lang], [list(row.values()) for row in found["sale"]], indent="  ")
    _print_raw(found["raw"], said)


def _print_head(found: dict[str, Any], said: dict[str, str], lang: str) -> None:
    """Three lines: what it is, who and where, when it was rated."""
    facts = found["transaction"]
    kind, card = facts["kind"], facts["instrument"]
    if lang == "zh":
        kind, card = _KIND[kind], _INSTRUMENT.get(card, card)
    amount = facts["gross"] or facts["paid"]
    print(f"{said['transaction']} {facts['transaction_id']}")
    when = facts["occurred_at"].replace("T", " ")
    print("  " + "  ".join(str(w) for w in (kind, f"{amount} {said['yuan']}", when, card, facts["card"]) if w))
    who = [("member", "member_no"), ("merchant", "merchant_no"), ("terminal", "terminal_no"), ("claimed", "claimed"),
           ("original", "original")]  # fmt: skip
    print("  " + "  ".join(f"{said[word]} {facts[key]}" for word, key in who if facts[key] is not None))
    print(f"  {said['cleared']} {facts['clearing_date']}  {said['rated']} {found['rated_on']}")


def _print_award(award: dict[str, Any], said: dict[str, str], lang: str) -> None:
    """Who pays, what the limits gave or got back, and where the rule says so."""
    if award["scheme"] is None:
        return
    if award["shares"] and int(award["granted"].replace(".", "")):
        paid = "  ".join(f"{share['sponsor']} {share['amount']}" for share in award["shares"])
        print(f"  {said['paid_by']} ({award['scheme']} v{award['version']}): {paid}")
    if award["limits"]:
        print(f"  {said['charged']} ({award['scheme']} v{award['version']}):")
        for charge in award["limits"]:
            print(f"    {charge[lang]}")
    _print_lines(award.get("yaml", []), "    ")


def _print_rule(scheme: dict[str, Any], said: dict[str, str], lang: str) -> None:
    """What lowered a candidate, and the lines of YAML that spoke."""
    print(f"  {scheme['scheme']} v{scheme['version']}")
    for cut in scheme["lowered"]:
        without = scheme["without"].get(cut["by"], "").partition(" ")[0]
        more = f"; {said['without'].format(without)}" if without else ""
        print(f"    {cut['by']}: {cut['from']} → {cut['to']}  {cut[lang]}{more}")
    _print_lines(scheme["yaml"], "    ")


def _print_others(schemes: list[dict[str, Any]], said: dict[str, str], lang: str) -> None:
    if not schemes:
        return
    print(f"\n{said['others']}")
    rows = []
    for scheme in schemes:
        place = next(iter(scheme["yaml"]), None)
        where = f"{place['file']}:{place['line']}" if place else scheme["rule"]
        rows.append((scheme["title"] or scheme["scheme"], scheme["version"], scheme[lang], where))
    print_rows(_OTHERS[lang], rows, indent="  ")


def _print_lines(places: list[dict[str, Any]], indent: str) -> None:
    for place in places:
        for line, text in enumerate(place["text"].split("\n"), place["line"]):
            print(f"{indent}{place['file']}:{line}: {text.strip()}")


def _print_raw(raw: dict[str, Any], said: dict[str, str]) -> None:
    place = said["record"].format(raw["record"], raw["byte_start"], raw["byte_end"])
    print(f"\n{said['raw']} {raw['file']} ({raw['sha256'][:12]}…)  {place}")
    print(f"  {raw['bytes']}")
