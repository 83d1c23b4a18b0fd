"""A programme directory and a transaction file of any size, from a seed, for the rules benchmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

DISTRICTS = ["gusu", "wuzhong", "xiangcheng", "huqiu", "wujiang", "sip"]
CATEGORIES = ["food.bakery", "food.canteen", "film", "fuel", "market.fresh", "market.super", "book", "sport"]

PROGRAMME = """programme: bench
timezone: Asia/Shanghai
combine: best
sponsors:
  city: {name: 市总, kind: union}
  bank: {name: 银行, kind: bank}
  shop: {name: 商户, kind: merchant}
pools:
  - {name: budget, measure: amount, value: 900000000.00, window: total}
  - {name: month-budget, measure: amount, value: 40000000.00, window: month}
  - {name: member-year, per: [member], measure: amount, value: 600.00, window: year}
"""

BENEFITS = [
    "{kind: percent, percent: 20, cap: 15.00}",
    "{kind: fixed, off: 5.00}",
    "{kind: steps, every: 50.00, off: 4.00, cap: 20.00}",
    "{kind: tiers, tiers: [{from: 50.00, off: 5.00}, {from: 100.00, off: 12.00}, {from: 200.00, percent: 10}]}",
    "{kind: price, pay: 10.00, cap: 30.00}",
    "{kind: claimed, min: 1.00, max: 10.00}",
]


def scheme(number: int) -> str:
    """One of 40 schemes with four limits and three pools."""
    category = CATEGORIES[number % len(CATEGORIES)]
    near = ", ".join(DISTRICTS[(number + step) % 6] for step in range(3))
    policy = ["proportional", "full_only", "subsidy_first", "recompute"][number % 4]
    return f"""scheme: s{number:02d}
version: 1
programme: bench
priority: {100 + number % 5}
effective: {{from: 2026-01-01, to: 2026-12-31}}
payee: {["merchant", "channel", "member"][number % 3]}
eligibility:
  merchants: {{category: [{category}], district: [{near}]}}
  gross: {{min: 5.00, max: 5000.00}}
  hours: ["07:00-23:00"]
benefit: {BENEFITS[number % len(BENEFITS)]}
limits:
  - {{name: week, per: [member], measure: count, value: 2, window: week}}
  - {{name: places, per: [], measure: count, value: 2000, window: day}}
  - {{name: shop, per: [merchant], measure: amount, value: 20000.00, window: month}}
  - {{name: district, per: [district], measure: amount, value: 400000.00, window: day}}
pools: [budget, month-budget, member-year]
funding: [{{sponsor: city, share: 50}}, {{sponsor: shop, share: 30}}, {{sponsor: bank, share: 20}}]
refund: {{policy: {policy}}}
"""


def write_city(folder: Path, transactions: int, members: int = 400_000, merchants: int = 5_000, seed: int = 1) -> Path:
    """Writes DIR with its CSV files and returns the path of transactions.csv beside it."""
    rng = np.random.default_rng(seed)
    (folder / "schemes").mkdir(parents=True, exist_ok=True)
    (folder / "programme.yaml").write_text(PROGRAMME, encoding="utf-8")
    for number in range(40):
        (folder / "schemes" / f"s{number:02d}.yaml").write_text(scheme(number), encoding="utf-8")
    pick = rng.integers
    pl.DataFrame(
        {
            "merchant_no": [f"M{n:05d}" for n in range(merchants)],
            "name": [f"商户{n}" for n in range(merchants)],
            "category": [CATEGORIES[n] for n in pick(0, len(CATEGORIES), merchants)],
            "district": [DISTRICTS[n] for n in pick(0, 6, merchants)],
            "hq_district": [DISTRICTS[n] for n in pick(0, 6, merchants)],
            "valid_from": "2025-01-01",
            "valid_to": "",
        }
    ).write_csv(folder / "merchants.csv")
    pl.DataFrame(
        {
            "member_no": [f"U{n:07d}" for n in range(members)],
            "org": [f"SZ-{n:03d}" for n in pick(0, 300, members)],
            "district": [DISTRICTS[n] for n in pick(0, 6, members)],
            "status": "active",
            "tags": ["paid-dues" if n else "" for n in pick(0, 2, members)],
            "valid_from": "2025-01-01",
            "valid_to": "",
        }
    ).write_csv(folder / "members.csv")
    path = folder / "transactions.csv"
    _transactions(rng, transactions, members, merchants).write_csv(path)
    return path


def _transactions(rng: np.random.Generator, count: int, members: int, merchants: int) -> pl.DataFrame:
    """94 % sales, 6 % refunds and voids of earlier sales, over 30 days, in time order."""
    number = np.arange(count)
    back = rng.random(count) < 0.06
    back[:100] = False
    original = np.maximum(number - rng.integers(1, 5000, count), 0)
    gross = rng.integers(300, 30_000, count)
    kind = np.where(back, np.where(rng.random(count) < 0.5, "REFUND", "VOID"), "SALE")
    seconds = np.sort(rng.integers(0, 30 * 86_400, count))
    frame = pl.DataFrame(
        {
            "n": number, "kind": kind, "back": back, "original": original, "seconds": seconds,
            "member": rng.integers(0, members, count), "merchant": rng.integers(0, merchants, count),
            "instrument": rng.integers(0, 3, count), "gross": gross, "claim": rng.integers(0, 1500, count),
        }
    )  # fmt: skip
    part = pl.when(pl.col("kind") == "REFUND").then(pl.col("gross") // 4 + 1).otherwise(pl.col("gross"))
    blank = pl.lit(None, pl.String)
    sale = ~pl.col("back")
    start = pl.datetime(2026, 5, 1, time_zone="Asia/Shanghai")
    return frame.select(
        transaction_id=pl.format("t{}", pl.col("n").cast(pl.String).str.zfill(9)),
        kind=pl.col("kind"),
        original_id=pl.when(sale)
        .then(blank)
        .otherwise(pl.format("t{}", pl.col("original").cast(pl.String).str.zfill(9))),
        occurred_at=(start + pl.duration(seconds=pl.col("seconds"))).dt.strftime("%Y-%m-%dT%H:%M:%S%:z"),
        member_no=pl.when(sale).then(pl.format("U{}", pl.col("member").cast(pl.String).str.zfill(7))).otherwise(blank),
        merchant_no=pl.when(sale)
        .then(pl.format("M{}", pl.col("merchant").cast(pl.String).str.zfill(5)))
        .otherwise(blank),
        instrument=pl.when(sale).then(
            pl.col("instrument").replace_strict({0: "citizen_card", 1: "bank_card", 2: "e_card"})
        ),
        gross=pl.when(pl.col("kind") == "VOID").then(blank).otherwise(_yuan(part)),
        claimed=pl.when(sale & (pl.col("claim") % 2 == 0)).then(_yuan(pl.col("claim"))).otherwise(blank),
    )


def _yuan(fen: pl.Expr) -> pl.Expr:
    return pl.format("{}.{}", fen // 100, (fen % 100).cast(pl.String).str.zfill(2))
