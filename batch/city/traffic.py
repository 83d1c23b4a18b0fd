"""A day's traffic: sales by hour, district and kind of shop, then refunds, voids and reversals of some of them.

`day` is a pure function of (town, date): the refunds of a day name sales of the day before, which are made again from
the seed. Frames have the columns of frames.TRANSACTION (token and mask blank) and `card_number`, `merchant_name`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from batch.city.people import People
from settlement.model.cards import mask
from settlement.model.frames import TRANSACTION

ISSUER = "21500001"
ACQUIRER = "03013050"
FORWARDER = "00010000"
# share of traffic, lowest and highest ordinary price in fen, by first two parts of the category
SHOPS: dict[str, tuple[float, int, int]] = {
    "food.bakery": (0.16, 600, 5200),
    "food.restaurant": (0.20, 1500, 26000),
    "retail.supermarket": (0.18, 900, 32000),
    "retail.convenience": (0.17, 300, 6000),
    "retail.market": (0.12, 500, 9000),
    "retail.appliance": (0.02, 20000, 780000),
    "leisure.cinema": (0.06, 2900, 5900),
    "fuel": (0.06, 10000, 42000),
    "culture.books": (0.03, 1500, 22000),
}
# `bank_key`, `original_bank_key`: how an acquirer's file names the same transaction
EXTRA = ("card_number", "merchant_name", "category", "index", "bank_key", "original_bank_key")
RAILS = (("pos", 0.5), ("bank_account", 0.2), ("purse", 0.3))


@dataclass(frozen=True, slots=True)
class Town:
    """What traffic is made of. `first`: no sale is older; `places`: terminals with their merchant;
    `days`: what was made before.
    """

    seed: int
    volume: int
    first: date
    zone: ZoneInfo
    people: People
    places: pl.DataFrame
    days: dict[date, pl.DataFrame] = field(default_factory=dict, compare=False)


def load_places(folder: Path) -> pl.DataFrame:
    """source, their_merchant_no, terminal_no, category, name of every terminal; sorted."""
    terminals = pl.read_csv(folder / "terminals.csv", infer_schema=False)
    merchants = pl.read_csv(folder / "merchants.csv", infer_schema=False)
    joined = terminals.join(merchants.select("merchant_no", "category", "name"), on="merchant_no")
    return joined.select("source", "their_merchant_no", "terminal_no", "category", "name").sort(pl.all())


def _rng(town: Town, day: date, stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([town.seed, day.toordinal(), stream]))


def day(town: Town, clearing: date) -> pl.DataFrame:
    """All records of a clearing day in order of time: its sales, and operations on its and yesterday's sales."""
    if clearing not in town.days:
        town.days[clearing] = _day(town, clearing)
    return town.days[clearing]


def _day(town: Town, clearing: date) -> pl.DataFrame:
    today = sales(town, clearing)
    yesterday = sales(town, clearing - timedelta(days=1))
    taken = operations(town, clearing - timedelta(days=1), yesterday)["original_key"].drop_nulls()
    left = yesterday.filter(~pl.col("transaction_id").is_in(taken.implode()))
    if clearing == town.first:
        left = left.clear()
    own = operations(town, clearing, today)
    rng = _rng(town, clearing, 3)
    late = _pick(rng, left, max(town.volume // 100, 1))
    refunds = _operations(town, clearing, late, "REFUND", rng, 800_000)
    return pl.concat([today, own, refunds]).sort("occurred_at", "transaction_id")


def sales(town: Town, clearing: date) -> pl.DataFrame:
    """The sales of a clearing day."""
    rng = _rng(town, clearing, 1)
    parts = []
    for number, (rail, share) in enumerate(RAILS):
        parts.append(_rail_sales(town, clearing, rail, int(town.volume * share * 0.955), rng, number))
    return pl.concat(parts)


def _rail_sales(
    town: Town, clearing: date, rail: str, count: int, rng: np.random.Generator, block: int
) -> pl.DataFrame:
    source = "pos" if rail == "pos" else "smk"
    places = town.places.filter(pl.col("source") == source)
    weights = np.array([SHOPS[category][0] for category in places["category"]])
    place = rng.choice(places.height, size=count, p=weights / weights.sum())
    chosen = places[place]
    low = np.array([SHOPS[category][1] for category in chosen["category"]])
    high = np.array([SHOPS[category][2] for category in chosen["category"]])
    # most purchases are small: a square of a uniform draw, in whole 10 fen
    gross = ((low + (high - low) * rng.random(count) ** 2) // 10 * 10).astype(np.int64)
    instruments = {"pos": ["bank_card"], "bank_account": ["citizen_card"], "purse": ["citizen_card", "e_card"]}[rail]
    cards = town.people.cards.filter(pl.col("instrument").is_in(instruments))
    card = cards[rng.integers(0, cards.height, size=count)]
    second = _seconds(rng, count)
    base = int(datetime.combine(clearing, time(), town.zone).timestamp())
    index = np.arange(count) + block * 3_000_000
    frame = pl.DataFrame(
        {
            "rail": pl.repeat(rail, count, eager=True),
            "source": pl.repeat(source, count, eager=True),
            "merchant_no": chosen["their_merchant_no"],
            "merchant_name": chosen["name"],
            "terminal_no": chosen["terminal_no"],
            "category": chosen["category"],
            "card_number": card["card_number"],
            "instrument": card["instrument"],
            "gross_fen": gross,
            "index": index,
            "occurred_at": (base + second) * 1_000_000,
        }
    ).with_columns(pl.col("occurred_at").cast(pl.Datetime("us", "UTC")), kind=pl.lit("SALE"))
    return _finish(town, clearing, _claims(frame, rng))


def _seconds(rng: np.random.Generator, count: int) -> np.ndarray:
    """Seconds of the local day: two busy times, nothing at night, a few after yesterday's 23:00."""
    lunch = rng.normal(12.2 * 3600, 5400, size=count)
    evening = rng.normal(18.6 * 3600, 6800, size=count)
    second = np.where(rng.random(count) < 0.45, lunch, evening)
    second = np.clip(second, 6.5 * 3600, 22 * 3600 + 3500)
    early = rng.random(count) < 0.002
    return np.where(early, -3600 + rng.integers(0, 1800, size=count), second).astype(np.int64)


def _claims(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The POS of convenience shops gives 1.00 to 10.00 off, at most twice a card and day, and says so."""
    drawn = pl.Series("drawn", rng.integers(10, 101, size=frame.height) * 10)
    offer = (pl.col("category") == "retail.convenience") & (pl.col("rail") == "pos") & (pl.col("gross_fen") >= 1100)
    turn = pl.int_range(pl.len()).over("card_number", "eligible")
    frame = frame.with_columns(drawn, eligible=offer).with_columns(turn=turn)
    claimed = pl.when(pl.col("eligible") & (pl.col("turn") < 2)).then(pl.col("drawn"))
    frame = frame.with_columns(claimed_fen=claimed.cast(pl.Int64))
    paid = pl.col("gross_fen") - pl.col("claimed_fen").fill_null(0)
    return frame.with_columns(paid_fen=paid).drop("drawn", "eligible", "turn")


def _finish(town: Town, clearing: date, frame: pl.DataFrame) -> pl.DataFrame:
    """Adds numbers and keys: `index` is unique within the clearing day and becomes stan, rrn, counters."""
    zone = str(town.zone)
    local = pl.col("occurred_at").dt.convert_time_zone(zone).dt.strftime("%Y%m%d%H%M%S")
    doy = clearing.timetuple().tm_yday
    purse = pl.col("rail") == "purse"
    stan = (pl.col("index") % 1_000_000).cast(pl.String).str.zfill(6)
    sequence = (pl.lit(doy * 10_000_000) + pl.col("index")).cast(pl.String).str.zfill(10)
    counter = ((pl.lit(doy * 7919) + pl.col("index")) % 1_000_000).cast(pl.String).str.zfill(6)
    rrn = pl.format("{}{}", pl.lit(f"6{doy:03d}"), pl.col("index").cast(pl.String).str.zfill(8))
    masked = pl.col("card_number").map_elements(mask, return_dtype=pl.String)
    pos_key = pl.format("pos:{}/{}/{}/{}", pl.lit(ACQUIRER.lstrip("0")), pl.lit(FORWARDER.lstrip("0")), stan, local)
    smk_key = pl.format("smk:{}/{}/{}/{}/{}", pl.lit(ISSUER), masked, counter, "terminal_no", sequence)
    frame = frame.with_columns(
        transaction_id=pl.when(pl.col("source") == "pos").then(pos_key).otherwise(smk_key),
        bank_key=pos_key,
        stan=pl.when(purse).then(sequence).otherwise(stan),
        rrn=pl.when(purse).then(None).otherwise(rrn),
        clearing_date=pl.lit(clearing, pl.Date),
        currency=pl.lit("156"),
        auth_code=pl.when(purse).then(None).otherwise(stan),
        mcc=pl.lit("5411"),
    )
    schema = {**TRANSACTION, "original_bank_key": pl.String}
    blank = [pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in frame.columns]
    return frame.with_columns(blank).select(*TRANSACTION, *EXTRA)


def operations(town: Town, clearing: date, today: pl.DataFrame) -> pl.DataFrame:
    """Refunds, voids and reversals of the same day; every sale is met once."""
    rng = _rng(town, clearing, 2)
    chosen = _pick(rng, today.filter(pl.col("rail") != "purse"), max(town.volume * 35 // 1000, 3))
    third = chosen.height // 5
    parts = [
        _operations(town, clearing, chosen[:third], "VOID", rng, 810_000),
        _operations(town, clearing, chosen[third : third + third // 2], "REVERSAL", rng, 840_000),
        _operations(town, clearing, chosen[third + third // 2 :], "REFUND", rng, 870_000),
    ]
    return pl.concat(parts)


def _pick(rng: np.random.Generator, frame: pl.DataFrame, count: int) -> pl.DataFrame:
    rows = rng.permutation(frame.height)[: min(count, frame.height)]
    return frame[rows]


def _operations(
    town: Town, clearing: date, originals: pl.DataFrame, kind: str, rng: np.random.Generator, block: int
) -> pl.DataFrame:
    """One operation of `kind` on each original, minutes after it, and before the day's cut-off.

    None is after 22:55 but those of still later sales: a refund is never before its sale.
    """
    count = originals.height
    latest = int(datetime.combine(clearing, time(22, 55), town.zone).timestamp()) * 1_000_000
    earliest = int(datetime.combine(clearing, time(8), town.zone).timestamp()) * 1_000_000
    delay = pl.Series("delay", rng.integers(60, 5400, size=count) * 1_000_000)
    moment = pl.max_horizontal(pl.col("occurred_at").cast(pl.Int64) + delay, pl.lit(earliest))
    after = pl.col("occurred_at").cast(pl.Int64) + 60 * 1_000_000
    part = pl.Series("part", np.where(rng.random(count) < 0.5, 100, rng.integers(20, 90, size=count)))
    whole = pl.lit(100) if kind != "REFUND" else part
    amount = (pl.col("paid_fen") * whole // 100).clip(1)
    frame = originals.with_columns(
        kind=pl.lit(kind),
        original_key=pl.col("transaction_id"),
        original_bank_key=pl.col("bank_key"),
        occurred_at=pl.max_horizontal(pl.min_horizontal(moment, pl.lit(latest)), after).cast(pl.Datetime("us", "UTC")),
        paid_fen=amount,
        gross_fen=pl.when(pl.col("claimed_fen").is_null()).then(amount),
        claimed_fen=pl.lit(None, pl.Int64),
        index=pl.int_range(count, dtype=pl.Int64) + block + clearing.toordinal() % 10 * 3_000,
    )
    return _finish(town, clearing, frame.drop("transaction_id", "stan", "rrn", "auth_code", "bank_key"))


def operations_on(town: Town, clearing: date, originals: pl.DataFrame, kind: str, block: int) -> pl.DataFrame:
    """One operation of `kind` on each of `originals`, numbered from `block`."""
    return _operations(town, clearing, originals, kind, _rng(town, clearing, block), block)
