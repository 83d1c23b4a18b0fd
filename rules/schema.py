"""JSON Schema of the rule documents, for editors that complete keys and check while one types.

The schema is generated from the models; this module adds what they cannot say: a description of every key, the
alternatives of `price`, tiers and `district`, and the spellings that the reader takes (an amount in quotes, one value
where a list may stand). It accepts every document that `scheme check` accepts; what only the text shows (decimals of
a bare number) or only other files show (whether a pool exists) is left to the check.
"""

from __future__ import annotations

from typing import Any, Literal

from rules.documents import MAX_COUNT, MAX_SHARE, MAX_VERSION, Programme, Scheme
from rules.parse import MAY_BE_BLANK

# Model -> key -> what it means, Chinese first: editors show it beside the key.
_SAID: dict[str, dict[str, str]] = {
    "Scheme": {
        "scheme": "活动编号 / code of the scheme; its versions share it",
        "version": "规则版本 / version, a whole number; dates of versions must not overlap",
        "title": "活动名称 / title that people read",
        "programme": "项目编号 / code of the programme, as in programme.yaml",
        "priority": "优先级, 小者在先 / smaller goes first (default 100)",
        "effective": "活动期, 首尾两日均含 / in force, both days inclusive, local date of the sale",
        "payee": "收款方 / who is owed the subsidy: merchant (gave the discount), channel (fronted it) or member",
        "eligibility": "适用条件, 全部满足 / conditions; every key given must hold, a list means any of",
        "benefit": "优惠方式 / how much a sale earns",
        "min_grant": "最低补贴额, 不足不补 / the least subsidy, yuan (default 0.01)",
        "limits": "限额与限次, 按所写顺序 / limits, applied in the order written, before the pools",
        "pools": "资金池, 按所写顺序 / pools of programme.yaml that the scheme draws from",
        "funding": "出资份额, 首位承担尾差 / who pays which part; the first has the rounding remainder",
        "refund": "退货规则 / what a refund takes back (default proportional)",
    },
    "Effective": {"from": "首日 / first day, YYYY-MM-DD", "to": "末日, 不写为长期 / last day; left out: open"},
    "Eligibility": {
        "merchants": "商户条件 / which merchants",
        "members": "会员条件 / which members",
        "instruments": "支付方式 / instruments",
        "gross": "成交价范围 / range of the price, both ends inclusive",
        "weekdays": "星期 / weekdays",
        "hours": '时段, 如 "10:00-22:00" / local hours, start inclusive, end exclusive; 22:00-02:00 wraps midnight',
        "days": "工作日或休息日 / any, workday or restday by calendar.csv",
        "requires_entitlement": "须持券 / needs an entitlement of the member",
    },
    "MerchantCondition": {
        "category": "商户类别路径 / dotted path; food takes in food.bakery",
        "district": "商户所在区 / district of the merchant",
        "id": "商户编号 / merchant numbers",
    },
    "MemberCondition": {
        "district": "会员所在区 / district of the member",
        "org": "所属工会 / union organisation of the member",
        "tag": "会员标签 / any of these tags",
    },
    "GrossRange": {"min": "最低成交价, 元 / at least, yuan", "max": "最高成交价, 元 / at most, yuan"},
    "Percent": {
        "kind": "折扣 / percent of the price",
        "percent": "补贴比例, 0至100 / percentage, at most four decimals",
        "cap": "封顶, 元 / at most, yuan",
        "rounding": "取整 / half_up (default), down or up",
        "unit": "取整单位, 元 / rounded to this, yuan (default 0.01)",
    },
    "Fixed": {"kind": "立减 / a fixed amount off", "off": "减多少, 元 / yuan off"},
    "Steps": {
        "kind": "每满减 / off for every whole step",
        "every": "每满, 元 / the step, yuan",
        "off": "减多少, 元 / yuan off for each step",
        "cap": "封顶, 元 / at most, yuan",
    },
    "Tiers": {
        "kind": "满减 / off of the highest tier reached",
        "tiers": "档次 / tiers in any order",
        "rounding": "取整 / half_up (default), down or up",
        "unit": "取整单位, 元 / rounded to this, yuan (default 0.01)",
    },
    "Tier": {
        "from": "满, 元 / from this price on, yuan",
        "off": "减多少, 元 / yuan off; or `percent`",
        "percent": "补贴比例 / percentage; or `off`",
        "cap": "封顶, 元, 仅与 percent 同用 / at most, yuan, with `percent` only",
    },
    "Price": {
        "kind": "一口价 / the member pays a fixed price",
        "pay": "会员付多少, 元 / what the member pays, yuan",
        "price": "同 pay / the same as `pay`; write one of them",
        "cap": "补贴封顶, 元 / the subsidy is at most this, yuan",
    },
    "Claimed": {
        "kind": "随机立减 / the discount that the channel gave",
        "min": "最低优惠, 元 / at least, yuan",
        "max": "最高优惠, 元 / at most, yuan; outside: CLAIM_OUT_OF_RANGE",
    },
    "AmountLimit": {
        "name": "名称 / name, shown where it stops a sale",
        "per": "按谁计, 空为合计 / counted per these; empty: everybody together",
        "window": "窗口 / day, week (Monday to Sunday), month, quarter, year or total",
        "on_exceed": "不足时 / partial: gives what is left (default); deny: gives nothing",
        "measure": "计量 / amount: yuan; count: sales",
        "value": "限额, 元 / at most, yuan",
    },
    "CountLimit": {
        "name": "名称 / name, shown where it stops a sale",
        "per": "按谁计, 空为合计 / counted per these; empty: everybody together",
        "window": "窗口 / day, week (Monday to Sunday), month, quarter, year or total",
        "on_exceed": "限次不用 / without effect on a count",
        "measure": "计量 / amount: yuan; count: sales",
        "value": "限次, 笔 / at most this many sales",
    },
    "Share": {"sponsor": "出资方编号, 或 district / sponsor of programme.yaml, or district", "share": "份额 / parts"},
    "Refund": {"policy": "追回方式 / how much a refund takes back", "restore": "退还额度 / what limits get back"},
    "Restore": {
        "amount": "金额退还限额 / amounts go back to the limits (default true)",
        "use": "次数退还 / when a use goes back: void (default), full or never",
    },
    "Programme": {
        "programme": "项目编号 / code of the programme",
        "title": "项目名称 / title that people read",
        "timezone": "时区 / like Asia/Shanghai",
        "currency": "币种 / CNY",
        "combine": "多活动并用 / best (default), first or stack",
        "sponsors": "出资方 / who pays shares, by code; `district` is reserved",
        "pools": "资金池 / named limits that schemes draw from",
    },
    "Sponsor": {"name": "名称 / name", "kind": "类别 / union, bank, network, merchant or other"},
}

# What the models check after reading, so that it is not in what they generate.
_BOUNDS: dict[tuple[str, str], dict[str, Any]] = {
    ("AmountLimit", "per"): {"uniqueItems": True},
    ("CountLimit", "per"): {"uniqueItems": True},
    ("CountLimit", "value"): {"maximum": MAX_COUNT},
    ("Scheme", "pools"): {"uniqueItems": True},
    ("Scheme", "funding"): {"minItems": 1},
    ("Scheme", "version"): {"maximum": MAX_VERSION},
    ("Share", "share"): {"maximum": MAX_SHARE},
    ("Tiers", "tiers"): {"minItems": 1},
}


def document_schema(kind: Literal["scheme", "programme"]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a scheme or of programme.yaml."""
    model = Scheme if kind == "scheme" else Programme
    schema = _plain(model.model_json_schema(by_alias=True, mode="validation"))
    parts = {**schema.get("$defs", {}), model.__name__: schema}
    for (name, key), bound in _BOUNDS.items():
        if name in parts:
            parts[name]["properties"][key].update(bound)
    if kind == "scheme":
        _alternatives(parts)
    else:
        keys = schema["properties"]
        keys["sponsors"]["propertyNames"] = {"pattern": keys["programme"]["pattern"], "not": {"const": "district"}}
    for name, part in parts.items():
        for key, value in part["properties"].items():
            if "anyOf" in value and key not in MAY_BE_BLANK:
                value["anyOf"] = [way for way in value["anyOf"] if way != {"type": "null"}]
            value["description"] = _SAID[name][key]
            if key in {"min_grant", "unit"}:
                value["default"] = 0.01  # the models keep fen
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _plain(node: Any) -> Any:
    """The schema without titles made of key names and without OpenAPI's `discriminator`."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _plain(value) for key, value in node.items() if key != "discriminator"}
    if isinstance(kept.get("title"), str):
        del kept["title"]
    return kept


def _alternatives(parts: dict[str, Any]) -> None:
    """What the models check with code: one key or the other."""
    price, tier = parts["Price"], parts["Tier"]
    price["properties"]["price"] = dict(price["properties"]["pay"])
    price["required"] = ["kind"]
    price["oneOf"] = [{"required": ["pay"]}, {"required": ["price"]}]
    off, percent = ({"required": [key], "properties": {key: {"not": {"type": "null"}}}} for key in ("off", "percent"))
    tier["oneOf"] = [off, percent]
    tier["if"] = off
    tier["then"] = {"properties": {"cap": {"type": "null"}}}
