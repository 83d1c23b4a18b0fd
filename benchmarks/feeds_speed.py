"""Feeds against what they are measured by, in one run (issue 4): `python -m benchmarks.feeds_speed [records]`.

Processor time of one core is compared, since other work on the machine must not show. Targets: pos_iso8583 at 30 times
iso8583.decode or more, tokens and masks apart. Fixed-width formats follow, by fixed_width.py.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import iso8583
import numpy as np
import polars as pl

from adapters.base import Context, Parsed
from adapters.feeds.iso_spec import SPECS
from adapters.registry import adapter
from benchmarks import fixed_width
from settlement.model.cards import CardTokens, Tokeniser, masked
from settlement.model.frames import TRANSACTION

CARDS = 400_000
SAMPLE = 5_000
ROUNDS = 5


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds and the result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def traffic(count: int) -> pl.DataFrame:
    """`count` POS sales of one day with CARDS cards, without a Python step per row."""
    rng = np.random.default_rng(7)
    row = pl.int_range(count, eager=True)
    paid = pl.Series(rng.integers(1, 9_999_999, count))
    card = pl.Series(6_222_000_000_000_000 + rng.integers(0, CARDS, count)).cast(pl.String)
    at = (pl.Series(row) % 80_000 * 1_000_000 + 1_778_090_400_000_000).cast(pl.Datetime("us", "UTC"))
    local = at.dt.convert_time_zone("Asia/Shanghai").dt.strftime("%Y%m%d%H%M%S")
    trace = (row % 1_000_000).cast(pl.String).str.zfill(6)
    institution = (48_020_000 + row // 80_000).cast(pl.String)
    frame = pl.DataFrame({"paid_fen": paid, "card_number": card, "occurred_at": at, "stan": trace})
    frame = frame.with_columns(
        transaction_id=pl.format("pos:{}/49993/{}/{}", institution, trace, local),
        source=pl.lit("pos"), kind=pl.lit("SALE"), clearing_date=pl.lit("2026-05-07").str.to_date(),
        rail=pl.lit("pos"), merchant_no=pl.format("M{}", (row % 5000).cast(pl.String).str.zfill(14)),
        terminal_no=pl.format("T{}", (row % 9000).cast(pl.String).str.zfill(7)), claimed_fen=paid % 500,
        rrn=row.cast(pl.String).str.zfill(12), auth_code=pl.lit("A12345"), mcc=pl.lit("5411"),
        currency=pl.lit("156"), merchant_name=pl.lit("得月楼"), file=pl.lit("POS20260507"),
    )  # fmt: skip
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in TRANSACTION.items() if name not in frame.columns]
    return frame.with_columns(missing)


def read(name: str, data: bytes, given: Context) -> int:
    """Accepted rows; the frames are dropped as a block is done."""
    chosen = adapter(name)
    assert chosen.read is not None
    items = chosen.read(io.BytesIO(data), given)
    return sum(item.frame.height if isinstance(item, Parsed) else 0 for item in items)


def pos(frame: pl.DataFrame) -> None:
    """pos_iso8583 against iso8583.decode, taking turns; tokens and masks of the cards apart."""
    chosen = adapter("pos_iso8583")
    assert chosen.write is not None
    given = Context("POS20260507", "pos", {})
    data = chosen.write(frame, given)
    messages, at = [], 0
    while at < len(data) and len(messages) < SAMPLE:
        size = int.from_bytes(data[at : at + 2], "big")
        messages.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    fields = min(sum(name.isdigit() for name in iso8583.decode(m, SPECS["cups"])[0]) - 1 for m in messages)
    assert fields >= 20, "data elements in every message, without header, type and bitmaps"
    read("pos_iso8583", data[:at], given)  # the kernel is loaded
    ratios, speeds = [], []
    for _ in range(ROUNDS):
        theirs, _ = timed(lambda: [iso8583.decode(message, SPECS["cups"]) for message in messages])
        ours, rows = timed(lambda: read("pos_iso8583", data, given))
        assert rows == frame.height
        ratios.append(theirs / len(messages) / (ours / rows))
        speeds.append(rows / ours)
    print(f"pos_iso8583: {frame.height} messages of {fields} data elements, masks included")
    print(f"  {median(speeds):,.0f}/s, {median(ratios):.1f} times iso8583.decode (target 30); {_spread(ratios)}")
    with_key = Context("POS20260507", "pos", {}, Tokeniser("bench", b"k" * 32))
    spent: list[float] = []
    plain = CardTokens.of
    CardTokens.of = lambda self, numbers: _noted(spent, lambda: plain(self, numbers))  # type: ignore[method-assign]
    read("pos_iso8583", data, with_key)
    CardTokens.of = plain  # type: ignore[method-assign]
    masks, _ = timed(lambda: masked(frame["card_number"]))
    distinct = frame["card_number"].n_unique()
    print(
        f"  tokens of {distinct} cards in {frame.height} messages {sum(spent):.2f} s, their masks {masks:.2f} s", end=""
    )
    print(f" (target 1.0 together for {CARDS} cards of 1,000,000)")


def _spread(values: list[float]) -> str:
    return f"{len(values)} rounds from {min(values):.1f} to {max(values):.1f}"


def _noted(spent: list[float], work: Callable[[], Any]) -> Any:
    seconds, result = timed(work)
    spent.append(seconds)
    return result


def main() -> None:
    """Prints the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    frame = traffic(count)
    pos(frame)
    fixed_width.main(count)


if __name__ == "__main__":
    main()
