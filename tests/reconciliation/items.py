"""Items for tests, and an independent slow reading of the matching passes: plain loops over plain values."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from settlement.reconciliation.matching import RECON_ITEM, Matching, match

THU, FRI = date(2026, 5, 7), date(2026, 5, 8)
NOON = datetime(2026, 5, 7, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
ZONE = "Asia/Shanghai"
NEAR = 5
Row = dict[str, Any]


def item(name: str, amount: int = 1000, *, minutes: int = 0, **more: Any) -> Row:
    """A sale at noon; a negative amount is a refund."""
    row: Row = {
        "item_id": name,
        "kind": "SALE" if amount > 0 else "REFUND",
        "original_id": None,
        "clearing_date": THU,
        "occurred_at": NOON + timedelta(minutes=minutes),
        "rrn": None,
        "terminal_no": None,
        "stan": None,
        "amount_fen": amount,
        "card_id": None,
        "card_tail": None,
        "merchant_no": "M1",
        "business_date": THU,
    }
    return row | more


def frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=RECON_ITEM)


def matched(ours: list[Row], theirs: list[Row], ours_open: list[Row] = [], theirs_open: list[Row] = []) -> Matching:  # noqa: B006  # never changed
    frames = [frame(rows) for rows in (ours, theirs, ours_open, theirs_open)]
    return match(*frames, near_minutes=NEAR, zone=ZONE)


def pairs(matching: Matching) -> list[tuple[str, str, str, str]]:
    """(ours, theirs, pass, result), sorted."""
    return sorted(matching.matches.select("ours_id", "theirs_id", "pass", "result").iter_rows())


def left(rows: pl.DataFrame) -> list[tuple[str, str, str]]:
    return sorted(rows.select("item_id", "state", "others").iter_rows())


# --- the slow reading ----------------------------------------------------------------------------------------------


def _clean(row: Row) -> Row:
    numbers = {n: None if row[n] is None or not row[n].strip("0 ") else row[n] for n in ("rrn", "terminal_no", "stan")}
    local = row["occurred_at"].astimezone(ZoneInfo(ZONE)).date()
    return row | numbers | {"way": 1 if row["kind"] == "SALE" else -1, "local": local}


def _exact(a: Row, b: Row) -> bool:
    given = a["rrn"] is not None or (a["terminal_no"] is not None and a["stan"] is not None)
    return given and all(a[n] == b[n] for n in ("rrn", "terminal_no", "stan", "amount_fen"))


def _rrn(a: Row, b: Row, way: int = 1) -> bool:
    return a["rrn"] is not None and a["rrn"] == b["rrn"] and a["way"] == way * b["way"]


def _stan(a: Row, b: Row, way: int = 1) -> bool:
    given = a["terminal_no"] is not None and a["stan"] is not None
    same = all(a[n] == b[n] for n in ("terminal_no", "stan", "local"))
    return given and same and a["way"] == way * b["way"]


def _near(a: Row, b: Row, card: str) -> bool:
    if a[card] is None or a[card] != b[card] or a["merchant_no"] is None:
        return False
    if None not in (a["card_id"], b["card_id"]) and a["card_id"] != b["card_id"]:
        return False
    close = abs(a["occurred_at"] - b["occurred_at"]) <= timedelta(minutes=NEAR)
    return close and a["merchant_no"] == b["merchant_no"] and a["amount_fen"] == b["amount_fen"]


LOOKED = [
    ("exact", _exact),
    ("reference", _rrn),
    ("reference", _stan),
    ("near", lambda a, b: _near(a, b, "card_id")),
    ("near", lambda a, b: _near(a, b, "card_tail")),
]
OPPOSITE = [("reference", lambda a, b: _rrn(a, b, -1)), ("reference", lambda a, b: _stan(a, b, -1))]


def _doubles(rows: list[Row]) -> dict[str, str]:
    ids = {row["item_id"] for row in rows}
    content = [n for n in RECON_ITEM if n not in ("item_id", "original_id", "clearing_date", "business_date")]
    found = {}
    for row in rows:
        copy = re.fullmatch(r"(.*)#[0-9]+", row["item_id"])
        if copy and copy.group(1) in ids:
            found[row["item_id"]] = copy.group(1)
            continue
        same = [r["item_id"] for r in rows if all(r[n] == row[n] for n in content)]
        first = min(same, key=lambda name: (bool(re.search(r"#[0-9]+$", name)), name))
        if first != row["item_id"] and (row["rrn"] is not None or row["stan"] is not None):
            found[row["item_id"]] = first
    return found


def _slow_rounds(a_side: list[Row], b_side: list[Row], looked: list[Any], old: set[str], found: list[Any],
                 result: str = "") -> None:  # fmt: skip
    again = True
    while again:
        again = False
        for name, same in looked:
            claims = []
            for a in a_side:
                candidates = [b for b in b_side if same(a, b)]
                if len(candidates) == 1 and sum(same(other, candidates[0]) for other in a_side) == 1:
                    claims.append((a, candidates[0]))
            for a, b in claims:
                again = True
                a_side.remove(a)
                b_side.remove(b)
                said = result or ("BALANCED" if a["amount_fen"] == b["amount_fen"] else "AMOUNT_MISMATCH")
                carried = a["item_id"] in old or b["item_id"] in old
                found.append((a["item_id"], b["item_id"], "carry" if carried else name, said))


def slow(ours: list[Row], theirs: list[Row], ours_open: list[Row], theirs_open: list[Row]) -> tuple[Any, Any, Any]:
    """(pairs, left of ours, left of theirs) as `pairs` and `left` give them."""
    a_side, b_side = [_clean(r) for r in ours], [_clean(r) for r in theirs]
    doubles = [_doubles(a_side), _doubles(b_side)]
    a_side = [r for r in a_side if r["item_id"] not in doubles[0]]
    b_side = [r for r in b_side if r["item_id"] not in doubles[1]]
    old = {r["item_id"] for r in [*ours_open, *theirs_open]}
    found: list[Any] = []
    _slow_rounds(a_side, b_side, LOOKED, old, found)
    a_side += [_clean(r) for r in ours_open]
    b_side += [_clean(r) for r in theirs_open]
    _slow_rounds(a_side, b_side, LOOKED, old, found)
    _slow_rounds(a_side, b_side, OPPOSITE, old, found, "STATUS_MISMATCH")
    out = []
    for mine, other, twice in ((a_side, b_side, doubles[0]), (b_side, a_side, doubles[1])):
        rows = [(name, "duplicate", base) for name, base in twice.items()]
        for row in mine:
            if row["item_id"] in old:
                continue
            per_rule = [sorted(o["item_id"] for o in other if same(row, o))[:5] for _, same in LOOKED]
            met = sorted({name for names in per_rule for name in names})[:5]
            rows.append((row["item_id"], "ambiguous" if met else "single", " ".join(met)))
        out.append(sorted(rows))
    return sorted(found), out[0], out[1]
