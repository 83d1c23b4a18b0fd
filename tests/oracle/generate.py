"""Nasty small programmes for the comparison of oracle and product, each made from one seed.

`town(seed)` gives a programme directory as texts and a stream of transactions cut into batches. Everything is small
and close together (a few members, amounts next to thresholds, instants next to midnights), so that limits bind, ties
happen and boundaries are hit in every stream. `generate_stream.py` makes the transactions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.generate_change import changed_pools, changed_rows, changed_schemes
from tests.oracle.generate_stream import HEADER, Stream, make_batches

THEATRES = (  # (zone, a local date around which all happens)
    ("Asia/Shanghai", date(2026, 6, 30)),  # the end of a month and a quarter, a Tuesday after a week's end
    ("Asia/Shanghai", date(2026, 12, 31)),  # the end of a year, in mid-week
    ("Asia/Urumqi", date(2026, 5, 31)),  # a Sunday that ends a month
    ("America/New_York", date(2026, 11, 1)),  # the clock goes back on this Sunday
    ("Europe/Berlin", date(2026, 3, 29)),  # the clock goes forward on this Sunday
    ("Asia/Kathmandu", date(2028, 2, 29)),  # a leap day, and an offset with minutes
)
SPONSORS = {"city": "union", "bank": "bank", "net": "network", "shop": "merchant"}
DISTRICTS = ("gusu", "wuzhong")
CATEGORIES = ("food", "food.bakery", "food.bakery.cake", "foodstuff", "film")
INSTRUMENTS = ("citizen_card", "bank_card", "e_card")
WINDOWS = ("day", "week", "month", "quarter", "year", "total")
KEYS = ("member", "merchant", "district", "org")
POLICIES = ("proportional", "subsidy_first", "recompute", "full_only", "none")
HEADERS = {
    "members.csv": "member_no,org,district,status,tags,valid_from,valid_to",
    "merchants.csv": "merchant_no,name,category,district,hq_district,valid_from,valid_to",
    "entitlements.csv": "entitlement_no,member_no,scheme,uses,amount,valid_from,valid_to",
    "calendar.csv": "date,kind",
}
CHANGES: dict[str, dict[int, tuple[str, ...]]] = {  # file -> column -> what it may become
    "members.csv": {1: ("o1", "o2"), 2: DISTRICTS, 4: ("", "red", "blue")},
    "merchants.csv": {2: CATEGORIES, 3: DISTRICTS, 4: DISTRICTS},
    "entitlements.csv": {3: ("", "1", "5"), 4: ("", "0.50", "60.00")},
    "calendar.csv": {1: ("workday", "restday")},
}
HOURS = ("10:00-22:00", "22:00-02:00", "00:00-24:00", "23:00-00:00", "12:00-24:00", "00:00-00:01", "01:30-02:30")


@dataclass(frozen=True)
class Town:
    """A programme directory (file name -> text), as it is later, and its files of transactions in order."""

    seed: int
    files: dict[str, str]
    later: dict[str, str]
    batches: tuple[str, ...]

    def write(self, folder: Path) -> list[tuple[Path, Path]]:
        """Write everything below `folder`; for each batch the directory that holds for it and its file."""
        for name, files in (("first", self.files), ("later", self.later)):
            (folder / name / "schemes").mkdir(parents=True)
            for file, text in files.items():
                (folder / name / file).write_text(text, encoding="utf-8")
        runs = []
        for number, text in enumerate(self.batches):
            path = folder / f"transactions-{number}.csv"
            path.write_text(text, encoding="utf-8")
            runs.append((folder / ("later" if number else "first"), path))
        return runs


def money(fen: int) -> Decimal:
    return Decimal(fen).scaleb(-2)


def flow(value: Any) -> str:
    """A value as YAML flow text; amounts are plain numbers, words are quoted."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, str) else str(value)


def document(value: dict[str, Any]) -> str:
    return "".join(f"{key}: {flow(item)}\n" for key, item in value.items())


def town(seed: int, batches: int | None = None) -> Town:
    """The town of a seed; `batches` fixes the number of files, lets nothing arrive late and no rule change."""
    dice = Random(seed)
    zone, centre = dice.choice(THEATRES)
    maker = Maker(dice, centre)
    stem = "limit" if maker.maybe(0.1) else "pool"  # a pool may have the name of a limit
    pools = maker.limits(stem, dice.randint(0, 3))
    programme: dict[str, Any] = {
        "programme": "town",
        "title": "小城",
        "timezone": zone,
        "currency": "CNY",
        "combine": dice.choice(("best", "first", "stack", "stack")),
        "sponsors": {name: {"name": name, "kind": kind} for name, kind in SPONSORS.items()},
        "pools": pools,
    }
    codes = [f"{dice.choice('abAB')}{n}" for n in range(dice.randint(2, 6))]
    schemes: dict[str, dict[str, Any]] = {}
    for code in codes:
        for version, doc in enumerate(maker.versions(code, [pool["name"] for pool in pools]), start=1):
            schemes[f"schemes/{code}-{version}.yaml"] = doc
    tables = {
        "members.csv": maker.members(),
        "merchants.csv": maker.merchants(),
        "entitlements.csv": maker.entitlements(codes),
        "calendar.csv": maker.calendar(),
    }
    members, merchants = ([row[0] for row in tables[name]] for name in ("members.csv", "merchants.csv"))
    stream = Stream(dice, ZoneInfo(zone), centre, maker.scale, members, merchants, INSTRUMENTS)
    files = directory(programme, schemes, tables)
    later = files
    if batches is None and maker.maybe(0.4):
        programme["pools"] = changed_pools(dice, pools, WINDOWS)
        schemes = changed_schemes(dice, schemes, POLICIES, WINDOWS)
        tables = {name: changed_rows(dice, rows, CHANGES.get(name, {})) for name, rows in tables.items()}
        later = directory(programme, schemes, tables)
    return Town(seed, files, later, tuple(csv_text(HEADER, rows) for rows in make_batches(stream, batches)))


def directory(
    programme: dict[str, Any], schemes: dict[str, dict[str, Any]], tables: dict[str, list[list[str]]]
) -> dict[str, str]:
    """The files of a programme directory."""
    docs = {name: document(doc) for name, doc in {"programme.yaml": programme, **schemes}.items()}
    return docs | {name: csv_text(HEADERS[name], rows) for name, rows in tables.items()}


def csv_text(header: str, rows: list[list[str]]) -> str:
    return "".join(",".join(row) + "\n" for row in [header.split(","), *rows])


class Maker:
    """Makes the parts of a programme from one stream of dice."""

    def __init__(self, dice: Random, centre: date) -> None:
        self.dice = dice
        self.centre = centre
        self.scale = self.dice.choice((1, 1, 1, 1, 1, 1, 10**6, 10**9))  # rich towns try the bounds of arithmetic
        self.stem = self.dice.choice(("u", "u", "0", "1e", "户"))  # numbers of members that look like figures are none
        self.tight = self.maybe(0.4)  # few people, few conditions, many limits: everything meets everything

    def money(self, fen: int) -> Decimal:
        """An amount of this town: a few fen more or less than the scaled one, so that products do not come out even."""
        return money(fen * self.scale + (self.dice.randint(0, 6) if self.scale > 1 else 0))

    def maybe(self, chance: float) -> bool:
        return self.dice.random() < chance

    def some(self, words: tuple[str, ...]) -> list[str]:
        """At least one of the words, in their order."""
        picked = set(self.dice.sample(words, self.dice.randint(1, len(words))))
        return [word for word in words if word in picked]

    def near(self, spread: int = 4) -> date:
        return self.centre + timedelta(days=self.dice.randint(-spread, spread))

    def limits(self, stem: str, count: int) -> list[dict[str, Any]]:
        return [self.limit(f"{stem}{number}") for number in range(count)]

    def limit(self, name: str) -> dict[str, Any]:
        measure = self.dice.choice(("count", "amount"))
        value: Any = self.dice.randint(0 if self.maybe(0.1) else 1, 5)
        if measure == "amount":
            value = self.money(self.dice.choice((0, 1, 500, 999, 1000, 1550, 2000, 3333, 6000)))
        doc = {"name": name, "measure": measure, "value": value, "window": self.dice.choice(WINDOWS)}
        if self.maybe(0.7):
            doc["per"] = [] if self.maybe(0.2) else self.some(KEYS)[:2]
        if self.maybe(0.4):
            doc["on_exceed"] = self.dice.choice(("partial", "deny"))
        return doc

    def versions(self, code: str, pools: list[str]) -> list[dict[str, Any]]:
        """One scheme, at times in versions that follow each other in the days of the stream."""
        first = self.scheme(code, pools)
        docs, cut = [first], self.near(2)
        if self.maybe(0.3):
            second = dict(self.scheme(code, pools))
            if self.maybe(0.7) and "limits" in first:
                second["limits"] = [dict(limit) for limit in first["limits"]]
                if self.maybe(0.3):
                    second["limits"][0]["window"] = self.dice.choice(WINDOWS)
            first["effective"] = {"from": date(2020, 1, 1), "to": cut}
            second["effective"] = {"from": cut + timedelta(days=self.dice.randint(1, 2))}
            docs.append(second)
        return [{**doc, "version": number} for number, doc in enumerate(docs, start=1)]

    def scheme(self, code: str, pools: list[str]) -> dict[str, Any]:
        doc: dict[str, Any] = {"scheme": code, "title": code, "programme": "town"}
        doc["effective"] = {"from": self.near() if self.maybe(0.1) else date(2020, 1, 1)}
        if self.maybe(0.1):
            doc["effective"]["to"] = max(self.near(), doc["effective"]["from"])
        doc["payee"] = self.dice.choice(("merchant", "channel", "member"))
        doc["benefit"] = self.benefit()
        names = self.dice.sample([*SPONSORS, "district"], self.dice.randint(1, 4))
        doc["funding"] = [{"sponsor": name, "share": self.dice.choice((1, 1, 2, 3, 7, 50, 999983))} for name in names]
        if self.maybe(0.2 if self.tight else 0.8):
            doc["eligibility"] = self.eligibility()
        if self.maybe(0.6):
            doc["priority"] = self.dice.choice((1, 2, 100))
        if self.maybe(0.3):
            doc["min_grant"] = self.money(self.dice.choice((0, 1, 50, 100, 300)))
        if self.maybe(0.8):
            doc["limits"] = self.limits("limit", self.dice.randint(1 if self.tight else 0, 3))
            if not doc["limits"]:
                del doc["limits"]
        if pools and self.maybe(0.9 if self.tight else 0.6):
            doc["pools"] = self.dice.sample(pools, self.dice.randint(1, len(pools)))
        if self.maybe(0.8):
            doc["refund"] = self.refund()
        return doc

    def refund(self) -> dict[str, Any]:
        doc: dict[str, Any] = {"policy": self.dice.choice(POLICIES)}
        restore: dict[str, Any] = {}
        if self.maybe(0.6):
            restore["amount"] = self.maybe(0.5)
        if self.maybe(0.8):
            restore["use"] = self.dice.choice(("void", "full", "never"))
        if restore:
            doc["restore"] = restore
        return doc

    def eligibility(self) -> dict[str, Any]:
        doc: dict[str, Any] = {}
        if self.maybe(0.3):
            doc["merchants"] = {"category": self.some(("food", "food.bakery", "film"))}
            if self.maybe(0.3):
                doc["merchants"]["district"] = self.some(DISTRICTS)
            if self.maybe(0.2):
                doc["merchants"]["id"] = self.some(("m0", "m1", "m2"))
        if self.maybe(0.2):
            doc["members"] = {
                key: self.some(words)
                for key, words in {"district": DISTRICTS, "org": ("o1", "o2"), "tag": ("red", "blue")}.items()
                if self.maybe(0.5)
            }
        if self.maybe(0.15):
            doc["instruments"] = self.some(INSTRUMENTS)
        if self.maybe(0.3):
            doc["gross"] = {"min": self.money(self.dice.choice((1, 1000, 2000)))}
            if self.maybe(0.5):
                doc["gross"]["max"] = self.money(self.dice.choice((5000, 9999, 10000)))
        if self.maybe(0.15):
            doc["weekdays"] = self.some(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
        if self.maybe(0.2):
            doc["hours"] = self.dice.sample(HOURS, self.dice.randint(1, 2))
        if self.maybe(0.15):
            doc["days"] = self.dice.choice(("any", "workday", "restday"))
        if self.maybe(0.25):
            doc["requires_entitlement"] = True
        return doc

    def percent(self) -> Decimal:
        return Decimal(self.dice.choice(("5", "10", "12.5", "33.3333", "50", "66.67", "100", "99.9999", "0.0001")))

    def capped(self, doc: dict[str, Any]) -> dict[str, Any]:
        if self.maybe(0.4):
            doc["cap"] = self.money(self.dice.choice((1, 99, 500, 1000, 2050)))
        return doc

    def rounded(self, doc: dict[str, Any]) -> dict[str, Any]:
        if self.maybe(0.5):
            doc["rounding"] = self.dice.choice(("half_up", "down", "up"))
        if self.maybe(0.3):
            doc["unit"] = money(self.dice.choice((1, 5, 10, 100)))
        return doc

    def tier(self, start: int) -> dict[str, Any]:
        if self.maybe(0.6):
            return {"from": self.money(start), "off": self.money(self.dice.choice((1, 200, 1000, 3000)))}
        return self.capped({"from": self.money(start), "percent": self.percent()})

    def benefit(self) -> dict[str, Any]:
        kind = self.dice.choice(("percent", "percent", "fixed", "steps", "tiers", "price", "claimed"))
        doc: dict[str, Any] = {"kind": kind}
        if kind == "percent":
            return self.rounded(self.capped({**doc, "percent": self.percent()}))
        if kind == "fixed":
            return {**doc, "off": self.money(self.dice.choice((1, 333, 500, 1000, 2500)))}
        if kind == "steps":
            every = self.money(self.dice.choice((100, 1000, 3333)))
            return self.capped({**doc, "every": every, "off": self.money(self.dice.choice((10, 300, 1200)))})
        if kind == "tiers":
            starts = self.dice.sample((1, 1000, 2000, 5000, 10000), self.dice.randint(1, 4))
            return self.rounded({**doc, "tiers": [self.tier(start) for start in starts]})
        if kind == "price":
            return self.capped({**doc, "price": self.money(self.dice.choice((0, 1, 1000, 3000)))})
        if self.maybe(0.7):
            doc["min"] = self.money(self.dice.choice((0, 1, 100)))
        if self.maybe(0.7):
            doc["max"] = self.money(self.dice.choice((500, 1000, 3000)))
        return doc

    def dates(self, chance: float) -> list[str]:
        """valid_from and valid_to, mostly open."""
        days = sorted((self.near(), self.near()))
        return [str(day) if self.maybe(chance) else "" for day in days]

    def members(self) -> list[list[str]]:
        rows = []
        for number in range(self.dice.randint(1, 2) if self.tight else self.dice.randint(2, 5)):
            status = "active" if self.maybe(1 if self.tight else 0.96) else "left"
            tags = self.dice.choice(("", "red", "blue", "red|blue", "reddish"))
            org, district = self.dice.choice(("o1", "o2", "")), self.dice.choice(DISTRICTS)
            rows.append([f"{self.stem}{number}", org, district, status, tags, *self.dates(0.03)])
        return rows

    def merchants(self) -> list[list[str]]:
        rows = []
        for number in range(1 if self.tight else self.dice.randint(2, 4)):
            category, district = self.dice.choice(CATEGORIES), self.dice.choice((*DISTRICTS, ""))
            rows.append([f"m{number}", "店", category, district, self.dice.choice(DISTRICTS), *self.dates(0.03)])
        return rows

    def entitlements(self, codes: list[str]) -> list[list[str]]:
        rows = []
        for number in self.dice.sample(range(30), self.dice.randint(0, 24)):
            uses = "" if self.maybe(0.4) else str(self.dice.randint(0 if self.maybe(0.1) else 1, 3))
            amount = "" if self.maybe(0.4) else str(self.money(self.dice.choice((0, 50, 500, 1234, 4000))))
            member, code = f"{self.stem}{self.dice.randint(0, 3)}", self.dice.choice(codes)
            rows.append([f"e{number}", member, code, uses, amount, *self.dates(0.6)])
        return rows

    def calendar(self) -> list[list[str]]:
        days = {self.near() for _ in range(self.dice.randint(0, 4))}
        return [[str(day), self.dice.choice(("workday", "restday"))] for day in sorted(days)]
