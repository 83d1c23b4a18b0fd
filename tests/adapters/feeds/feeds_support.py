"""Generated transactions of every rail, and the shortest way to write and read them back."""

from __future__ import annotations

import io
import random
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from adapters.base import Adapter, Closing, Context, Parsed
from adapters.registry import adapter
from settlement.model.cards import Tokeniser, mask
from settlement.model.frames import TRANSACTION

SAMPLES = Path(__file__).resolve().parents[3] / "../shared/samples"
ZONE = ZoneInfo("Asia/Shanghai")
TOKENISER = Tokeniser("test", b"k" * 32)
DAY = date(2026, 5, 7)
SCHEMA = {**TRANSACTION, "card_number": pl.String, "merchant_name": pl.String}
NAMES = ("得月楼菜馆", "松鹤楼(观前店)", "Shop 7", "𠮷野家", None)
PLACES = ("byte_start", "byte_end")


def number(rng: random.Random, length: int, head: str = "62") -> str:
    return head + "".join(rng.choice("0123456789") for _ in range(length - len(head)))


def _row(rng: random.Random, index: int, source: str, at: datetime, **given: Any) -> dict[str, Any]:
    card = given.pop("card_number", None) or number(rng, rng.choice([16, 19]))
    paid = rng.randint(1, 9_999_999)
    claimed = given.pop("claimed_fen", rng.choice([None, 0, rng.randint(1, 5000)]))
    kind = given.get("kind", "SALE")
    return {
        "source": source,
        "kind": kind,
        "occurred_at": at,
        "merchant_no": f"M{index % 7:014d}",
        "terminal_no": f"T{index % 50:07d}",
        "card_token": TOKENISER.token(card),
        "card_masked": mask(card),
        "gross_fen": None if kind == "REFUND" and claimed is None else paid + (claimed or 0),
        "paid_fen": paid,
        "claimed_fen": claimed,
        "rrn": f"{index:012d}",
        "stan": f"{index % 1_000_000:06d}",
        "mcc": "5411",
        "currency": "156",
        "record": index + 1,
        "byte_start": 0,
        "byte_end": 0,
        "card_number": card,
        "merchant_name": rng.choice(NAMES),
    } | given


def _frame(rows: Iterable[dict[str, Any]], file: str, day: date) -> pl.DataFrame:
    fixed = {"file": file, "clearing_date": day}
    return pl.DataFrame([{**dict.fromkeys(SCHEMA), **row, **fixed} for row in rows], schema=SCHEMA)


def _kind(rng: random.Random, rows: list[dict[str, Any]]) -> tuple[str, str | None]:
    """Mostly sales; else an operation on the record before, or on one that nobody has."""
    if not rows or rng.random() > 0.15:
        return "SALE", None
    before = rows[-1]
    return rng.choice(["REFUND", "VOID", "REVERSAL"]), before["transaction_id"] if before["kind"] == "SALE" else None


def pos_frame(
    count: int, seed: int = 1, source: str = "pos", day: date = DAY, file: str = "POS20260507"
) -> pl.DataFrame:
    """POS traffic of a clearing day from 23:00 of the day before."""
    rng, source = random.Random(seed), "pos"
    start = datetime(day.year, day.month, day.day, tzinfo=ZONE) - timedelta(hours=1)
    rows: list[dict[str, Any]] = []
    for index in range(count):
        at = (start + timedelta(seconds=20 * index)).astimezone(UTC)
        kind, original = _kind(rng, rows)
        key = f"{source}:48020000/49993/{index:06d}/{at.astimezone(ZONE):%Y%m%d%H%M%S}"
        extra = {"rail": "pos", "auth_code": rng.choice([None, "A12345"]), "original_key": original}
        rows.append(_row(rng, index, source, at, transaction_id=key, kind=kind, **extra))
    return _frame(rows, file, day)


def citizen_frame(count: int, seed: int = 2, source: str = "smk", day: date = DAY) -> pl.DataFrame:
    """Citizen-card traffic on both rails."""
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for index in range(count):
        card = number(rng, rng.choice([8, 16, 19]), "215")
        terminal, sequence = f"T{index % 50:07d}", f"{index:010d}"
        key = f"{source}:21500001/{mask(card)}/{index % 65536:06d}/{terminal}/{sequence}"
        purse = rng.random() < 0.5
        rails = {"rail": "purse", "rrn": None, "stan": sequence} if purse else {"rail": "bank_account"}
        kind, original = _kind(rng, rows)
        at = datetime(day.year, day.month, day.day, 1, tzinfo=UTC) + timedelta(seconds=index)
        extra = {"instrument": "citizen_card", "original_key": original, "fee_fen": rng.choice([None, -3, 0, 7])}
        extra |= {"claimed_fen": rng.randint(0, 500), "card_number": card}
        rows.append(
            _row(
                rng,
                index,
                source,
                at,
                transaction_id=key,
                kind=kind,
                **rails,
                **extra,
            )
        )
    return _frame(rows, f"SMK_{day:%Y%m%d}", day)


def purse_frame(count: int, seed: int = 3, source: str = "purse", day: date = DAY) -> pl.DataFrame:
    """The purse rail as the card company's daily list has it."""
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for index in range(count):
        at = datetime(day.year, day.month, day.day, 1, tzinfo=UTC) + timedelta(seconds=20 * index)
        terminal, stan = f"T{index % 50:07d}", f"{index:010d}"
        key = f"{source}:{terminal}/{stan}/{at.astimezone(ZONE):%Y%m%d%H%M%S}"
        kind, original = _kind(rng, rows)
        extra = {"rail": "purse", "rrn": None, "stan": stan, "mcc": None, "fee_fen": rng.choice([None, -3, 7])}
        rows.append(_row(rng, index, source, at, transaction_id=key, kind=kind, original_key=original, **extra))
    return _frame(rows, f"PURSE_{day:%Y%m%d}.csv", day)


def context(frame_or_file: pl.DataFrame | str, source: str, day: date | None = None, **settings: Any) -> Context:
    file = frame_or_file if isinstance(frame_or_file, str) else frame_or_file["file"][0]
    return Context(file, source, settings, TOKENISER, day)


def write(name: str, frame: pl.DataFrame, given: Context) -> bytes:
    chosen = adapter(name)
    assert chosen.write is not None
    return chosen.write(frame, given)


def read(name: str | Adapter, data: bytes, given: Context) -> tuple[pl.DataFrame, list[Any], Closing]:
    """(all accepted rows, all rejects, closing)."""
    chosen = adapter(name) if isinstance(name, str) else name
    assert chosen.read is not None
    items = list(chosen.read(io.BytesIO(data), given))
    assert isinstance(items[-1], Closing), "a reader ends with its Closing"
    blocks = [item for item in items if isinstance(item, Parsed)]
    assert len(blocks) == len(items) - 1
    frame = pl.concat([pl.DataFrame(schema=TRANSACTION), *(block.frame for block in blocks)])
    return frame, [reject for block in blocks for reject in block.rejects], items[-1]


def expected(frame: pl.DataFrame) -> pl.DataFrame:
    """What a reader gives for a written frame; bytes are compared apart."""
    return frame.select(list(TRANSACTION)).drop(PLACES)
