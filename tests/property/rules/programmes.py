"""Small programmes and streams for the property tests: few members, close amounts, instants around midnight."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import rules
from rules.yamltext import Place
from settlement.model.frames import CALENDAR, ENTITLEMENTS, MEMBERS, MERCHANTS, RATE_INPUT

TIMES = int(os.environ.get("PUHUI_PROPERTY_TIMES", "1"))


def examples(sequences: int, side_by_side: int = 1) -> settings:
    """The settings of one property: so many sequences here, PUHUI_PROPERTY_TIMES as many in the long run.

    `side_by_side`: how many sequences one example holds.
    """
    return settings(
        max_examples=-(-sequences * TIMES // side_by_side),
        deadline=None,
        derandomize=TIMES == 1,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


yuan = st.integers(0, 3000).map(lambda fen: f"{fen // 100}.{fen % 100:02d}")
above_zero = st.integers(1, 3000).map(lambda fen: f"{fen // 100}.{fen % 100:02d}")
percent = st.sampled_from(["5", "10", "33.3333", "50", "100", "0.0001"])
window = st.sampled_from(["day", "week", "month", "quarter", "year", "total"])
per = st.lists(st.sampled_from(["member", "merchant", "district", "org"]), unique=True, max_size=2)


def some(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


tier = st.one_of(
    some({"from": yuan, "off": yuan}, {}),
    some({"from": yuan, "percent": percent}, {"cap": yuan}),
)
rounding = {"rounding": st.sampled_from(["half_up", "down", "up"]), "unit": st.sampled_from(["0.01", "0.10", "1.00"])}
benefit = st.one_of(
    some({"kind": st.just("percent"), "percent": percent}, {"cap": yuan, **rounding}),
    some({"kind": st.just("fixed"), "off": yuan}, {}),
    some({"kind": st.just("steps"), "every": above_zero, "off": yuan}, {"cap": yuan}),
    some(
        {"kind": st.just("tiers"), "tiers": st.lists(tier, min_size=1, max_size=3, unique_by=lambda t: t["from"])},
        rounding,
    ),
    some({"kind": st.just("price"), "pay": yuan}, {"cap": yuan}),
    some({"kind": st.just("claimed")}, {"min": st.just("0.50"), "max": st.just("12.00")}),
)


def limits(names: str, most: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    count = some({"measure": st.just("count"), "value": st.integers(0, 3), "window": window, "per": per}, {})
    amount = some(
        {"measure": st.just("amount"), "value": yuan, "window": window, "per": per},
        {"on_exceed": st.sampled_from(["partial", "deny"])},
    )
    several = st.lists(st.one_of(count, amount), max_size=most)
    return several.map(lambda found: [{"name": f"{names}{n}", **limit} for n, limit in enumerate(found)])


eligibility = some(
    {},
    {
        "merchants": some({}, {"category": st.just(["food"]), "district": st.just(["gusu"])}),
        "members": some({}, {"org": st.just(["o1"]), "tag": st.just(["paid"]), "district": st.just(["gusu"])}),
        "instruments": st.just(["citizen_card"]),
        "gross": st.sampled_from([{"min": "5.00"}, {"max": "20.00"}, {"min": "1.00", "max": "25.00"}]),
        "weekdays": st.sampled_from([["tue", "wed"], ["sat", "sun"]]),
        "hours": st.sampled_from([["10:00-22:00"], ["22:00-02:00"], ["00:00-24:00"]]),
        "days": st.sampled_from(["workday", "restday"]),
        "requires_entitlement": st.booleans(),
    },
)
refund = some(
    {},
    {
        "policy": st.sampled_from(["proportional", "subsidy_first", "recompute", "full_only", "none"]),
        "restore": some({}, {"amount": st.booleans(), "use": st.sampled_from(["void", "full", "never"])}),
    },
)
sponsor = st.sampled_from(["city", "bank", "shop", "district"])
funding = st.lists(some({"sponsor": sponsor, "share": st.integers(1, 7)}, {}), min_size=1, max_size=3)


@st.composite
def schemes(draw: st.DrawFn, pools: list[str]) -> list[dict[str, Any]]:
    out = []
    for number in range(draw(st.integers(1, 4))):
        body = draw(
            some(
                {"payee": st.sampled_from(["merchant", "channel", "member"]), "benefit": benefit, "funding": funding},
                {
                    "priority": st.integers(99, 101),
                    "eligibility": eligibility,
                    "min_grant": st.sampled_from(["0.00", "0.01", "0.50"]),
                    "limits": limits("l", 3),
                    "refund": refund,
                    "pools": st.lists(st.sampled_from(pools), unique=True) if pools else st.just([]),
                },
            )
        )
        head = {"scheme": f"s{number}", "version": 1, "programme": "p", "effective": {"from": "2026-01-01"}}
        out.append({**head, **body})
    return out


@dataclass(frozen=True)
class Town:
    """A programme (as documents), its plan and a stream of RATE_INPUT."""

    programme: dict[str, Any]
    schemes: list[dict[str, Any]]
    entitlements: pl.DataFrame
    stream: pl.DataFrame
    merchants: pl.DataFrame
    members: pl.DataFrame

    @property
    def plan(self) -> rules.Plan:
        return self.planned(self.schemes)

    def planned(self, schemes: list[dict[str, Any]]) -> rules.Plan:
        """The plan with other schemes."""
        return compiled(self.programme, schemes, self.entitlements, self.merchants, self.members)


def as_yaml(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False)  # JSON is YAML


NOWHERE = Place(1, 1)
MERCHANT_ROWS = [
    ("M1", "饼店", "food.bakery", "gusu", "gusu", None, None),
    ("M2", "影院", "film", None, "gusu", None, None),
    ("M3", "旧店", "food", "gusu", "wuzhong", None, date(2026, 6, 1)),
]
MEMBER_ROWS = [
    ("U1", "o1", "gusu", "active", "paid|new", None, None),
    ("U2", None, "wuzhong", "active", "", None, None),
    ("U3", "o1", "gusu", "left", "paid", None, None),
]


SHOPS = pl.DataFrame(MERCHANT_ROWS, schema=MERCHANTS, orient="row")
PEOPLE = pl.DataFrame(MEMBER_ROWS, schema=MEMBERS, orient="row")


def compiled(
    programme: dict[str, Any],
    documents: list[dict[str, Any]],
    rights: pl.DataFrame,
    merchants: pl.DataFrame | None = None,
    members: pl.DataFrame | None = None,
) -> rules.Plan:
    """The plan of documents whose amounts are texts. Not through YAML: that is half the time of a small example, and
    tests/rules/test_documents.py reads it.
    """
    head = rules.Document(rules.Programme.model_validate(programme), "programme.yaml", NOWHERE)
    parsed = [rules.Document(rules.Scheme.model_validate(d), d["scheme"], NOWHERE) for d in documents]
    calendar = pl.DataFrame([(date(2026, 6, 30), "restday")], schema=CALENDAR, orient="row")
    merchants = SHOPS if merchants is None else merchants
    plan = rules.compile_plan(head, parsed, merchants, PEOPLE if members is None else members, rights, calendar)
    assert isinstance(plan, rules.Plan), plan
    return plan


START = datetime(2026, 6, 29, 15, 0, tzinfo=UTC)  # 23:00 in Shanghai, an hour before the quarter's last day
amount = st.integers(1, 3000)


@st.composite
def streams(draw: st.DrawFn, most: int = 14) -> pl.DataFrame:
    count = draw(st.integers(1, most))
    rows: list[tuple[Any, ...]] = []
    for number in range(count):
        at = START + timedelta(minutes=draw(st.integers(0, 300)) * 30)
        kind = draw(st.sampled_from(["SALE", "SALE", "SALE", "REFUND", "VOID", "REVERSAL"])) if number else "SALE"
        name = f"t{number:02d}"
        if kind == "SALE":
            claimed = draw(st.one_of(st.none(), st.integers(0, 1500)))
            paid = draw(st.one_of(st.none(), st.integers(1, 3000)))
            who = draw(st.sampled_from(["U1", "U1", "U2", "U3", "U9", None]))
            where = draw(st.sampled_from(["M1", "M1", "M2", "M3", "M9"]))
            card = draw(st.sampled_from(["citizen_card", "bank_card", None]))
            rows.append((name, kind, None, at, who, where, card, draw(amount), claimed, paid))
            continue
        original = draw(st.sampled_from([f"t{n:02d}" for n in range(count)] + ["gone", None]))
        gross = draw(st.one_of(st.none(), amount)) if kind == "REFUND" else None
        paid = draw(st.integers(1, 1500)) if kind == "REFUND" and gross is None else None
        rows.append((name, kind, original, at, None, None, None, gross, None, paid))
    return pl.DataFrame(rows, schema=RATE_INPUT, orient="row")


@st.composite
def entitlements(draw: st.DrawFn) -> pl.DataFrame:
    rows = []
    for number in range(draw(st.integers(0, 4))):
        uses = draw(st.one_of(st.none(), st.integers(0, 2)))
        fen = draw(st.one_of(st.none(), st.integers(0, 2000)))
        last = draw(st.sampled_from([None, date(2026, 6, 30), date(2026, 7, 2)]))
        who = draw(st.sampled_from(["U1", "U2", "U9"]))
        rows.append((f"e{number}", who, f"s{draw(st.integers(0, 3))}", uses, fen, None, last))
    return pl.DataFrame(rows, schema=ENTITLEMENTS, orient="row")


combine = st.sampled_from(["best", "first", "stack"])


@st.composite
def towns(draw: st.DrawFn, most: int = 14, mode: str | None = None) -> Town:
    pools = draw(limits("pool", 2))
    programme = {
        "programme": "p",
        "timezone": "Asia/Shanghai",
        "combine": mode or draw(combine),
        "sponsors": {"city": {"kind": "union"}, "bank": {"kind": "bank"}, "shop": {"kind": "merchant"}},
        "pools": pools,
    }
    found = draw(schemes([p["name"] for p in pools]))
    return Town(programme, found, draw(entitlements()), draw(streams(most)), SHOPS, PEOPLE)


SIDE_BY_SIDE = 8


@st.composite
def crowds(draw: st.DrawFn, most: int = 14) -> Town:
    """SIDE_BY_SIDE towns as one programme: an example has as many sequences, and rates them for hardly more than one.

    Each town keeps to itself: its schemes take its own merchants only, its pools, members, entitlements and
    transactions have its number.
    """
    mode = draw(combine)
    return _as_one([draw(towns(most, mode)) for _ in range(SIDE_BY_SIDE)])


def _as_one(parts: list[Town]) -> Town:
    pools: list[dict[str, Any]] = []
    documents: list[dict[str, Any]] = []
    for number, town in enumerate(parts):
        pools += [{**pool, "name": f"{pool['name']}-{number}"} for pool in town.programme["pools"]]
        documents += [_own(scheme, number) for scheme in town.schemes]
    return Town(
        {**parts[0].programme, "pools": pools},
        documents,
        _numbered([t.entitlements for t in parts], ["entitlement_no", "member_no", "scheme"]),
        _numbered([t.stream for t in parts], ["transaction_id", "original_id", "member_no", "merchant_no"]),
        _numbered([t.merchants for t in parts], ["merchant_no"]),
        _numbered([t.members for t in parts], ["member_no"]),
    )


def _own(scheme: dict[str, Any], number: int) -> dict[str, Any]:
    """A scheme of a town among several, for its own merchants."""
    eligibility = scheme.get("eligibility", {})
    mine = [f"{row[0]}-{number}" for row in MERCHANT_ROWS]
    return {
        **scheme,
        "scheme": f"{scheme['scheme']}-{number}",
        "eligibility": {**eligibility, "merchants": {**eligibility.get("merchants", {}), "id": mine}},
        "pools": [f"{pool}-{number}" for pool in scheme.get("pools", [])],
    }


def _numbered(frames: list[pl.DataFrame], columns: list[str]) -> pl.DataFrame:
    return pl.concat(frame.with_columns(pl.col(columns) + f"-{number}") for number, frame in enumerate(frames))
