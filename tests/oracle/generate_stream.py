"""Streams of transactions for the generator: sales at boundaries, and every kind of refund, void and reversal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

HEADER = "transaction_id,kind,original_id,occurred_at,member_no,merchant_no,instrument,gross,claimed"
GROSSES = (1, 99, 999, 1000, 1001, 1999, 2000, 3333, 4999, 5000, 5001, 9999, 10000, 10001, 25000)
CLAIMS = (0, 1, 99, 100, 500, 501, 1000, 3000, 6000)
CLOCKS = ("00:00:00", "00:00:01", "01:59:59", "02:00:00", "09:59:59", "10:00:00", "12:00:00", "21:59:59", "23:59:59")
OFFSETS = (0, 480, 540, -300, 345)


@dataclass(frozen=True)
class Made:
    """One made transaction; `gross` in fen, `claimed` as text."""

    id: str
    kind: str
    original: str
    at: datetime
    member: str = ""
    merchant: str = ""
    instrument: str = ""
    gross: int = 0
    claimed: str = ""


@dataclass(frozen=True)
class Stream:
    """What a stream is made from."""

    dice: Random
    zone: ZoneInfo
    centre: date
    scale: int  # what the amounts are multiplied by
    members: list[str]
    merchants: list[str]
    instruments: tuple[str, ...]


def make_batches(stream: Stream, count: int | None = None) -> list[list[list[str]]]:
    """Rows of the files. A fixed `count` cuts the stream by time and lets no original come after what refers to it."""
    dice = stream.dice
    made = _sales(stream)
    for number in range(dice.randint(0, 2 * len(made))):
        made.append(_change(stream, made, number, in_order=count is not None))
    made.sort(key=lambda t: (t.at, t.id))
    parts = count or dice.randint(1, 3)
    cuts = sorted(dice.sample(range(len(made) + 1), parts - 1)) if parts - 1 <= len(made) else []
    ends = [0, *(_between_instants(made, cut) for cut in cuts), len(made)]
    batches = [made[start:end] for start, end in pairwise(ends)]
    if count is None:
        batches = _some_late(dice, batches)
    return [[_row(dice, t) for t in dice.sample(batch, len(batch))] for batch in batches]


def _between_instants(made: list[Made], cut: int) -> int:
    """The first place from `cut` on that does not part transactions of one instant."""
    while 0 < cut < len(made) and made[cut].at == made[cut - 1].at:
        cut += 1
    return cut


def _some_late(dice: Random, batches: list[list[Made]]) -> list[list[Made]]:
    """Move a few transactions to a later batch than their time says."""
    out: list[list[Made]] = [[] for _ in batches]
    for place, batch in enumerate(batches):
        for t in batch:
            late = dice.randint(place, len(batches) - 1) if dice.random() < 0.1 else place
            out[late].append(t)
    return out


def _instant(stream: Stream) -> datetime:
    dice = stream.dice
    day = stream.centre + timedelta(days=dice.randint(-3, 3))
    clock = time.fromisoformat(dice.choice(CLOCKS))
    local = datetime.combine(day, clock, tzinfo=stream.zone).replace(fold=dice.randint(0, 1))
    return local.astimezone(UTC)


def _sales(stream: Stream) -> list[Made]:
    dice, out = stream.dice, []
    for number in range(dice.randint(1, 30)):
        claim = str(Decimal(dice.choice(CLAIMS) * stream.scale).scaleb(-2)) if dice.random() < 0.5 else ""
        out.append(
            Made(
                id=f"{dice.choice('sST票')}{number}",
                kind="SALE",
                original="",
                at=_instant(stream),
                member=dice.choice(stream.members) if dice.random() < 0.98 else dice.choice(("", "u99")),
                merchant=dice.choice(stream.merchants) if dice.random() < 0.98 else "m99",
                instrument=dice.choice(stream.instruments),
                gross=dice.choice(GROSSES) * stream.scale + (dice.randint(0, 6) if stream.scale > 1 else 0),
                claimed=claim,
            )
        )
    return out


def _change(stream: Stream, made: list[Made], number: int, *, in_order: bool) -> Made:
    """A refund, void or reversal of something made before; at times of nothing, or of what comes later."""
    dice = stream.dice
    original = dice.choice(made)
    if original.kind == "REVERSAL" or dice.random() < 0.3:
        original = dice.choice(made)  # reversals of reversals are the rarer
    kind = dice.choice(("REFUND", "REFUND", "VOID", "REVERSAL"))
    if original.kind in {"REFUND", "VOID"} and dice.random() < 0.8:
        kind = "REVERSAL"
    name = f"{dice.choice('rRs退')}{number + 100}"
    wait = dice.choice((0, 0, 1, 60, 3600, 86400, 200000))
    at = original.at + timedelta(seconds=wait)
    if in_order:
        at = max(at, original.at + timedelta(seconds=1))
    elif dice.random() < 0.15:
        at = _instant(stream)
    named = original.id
    if not in_order and dice.random() < 0.05:
        named = dice.choice(("", name, "nowhere", f"r{number + 101}", f"s{number + 99}"))
    whole = original.gross or 1000
    gross = max(1, dice.choice((whole, whole // 2, whole // 3, whole - whole // 3, 1, 333, 1000, whole + 1)))
    return Made(id=name, kind=kind, original=named, at=at, gross=gross if kind == "REFUND" else 0)


def _row(dice: Random, t: Made) -> list[str]:
    offset = dice.choice(OFFSETS)
    at = t.at.astimezone(timezone(timedelta(minutes=offset))).isoformat()
    if offset == 0 and dice.random() < 0.5:
        at = at.replace("+00:00", "Z")
    if t.kind != "SALE" and dice.random() < 0.1:
        t = replace(t, member="u0", merchant="nowhere", instrument="x", claimed="1.00")  # ignored on all but SALE
    gross = str(Decimal(t.gross).scaleb(-2)) if t.gross else dice.choice(("", "0.00", "5.00"))
    return [t.id, t.kind, t.original, at, t.member, t.merchant, t.instrument, gross, t.claimed]
