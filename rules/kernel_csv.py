"""awards.csv from the kernel's rows (rules.md section 7), as bytes.

Problem: a million rows of nine texts, of which only the transaction's number and the amounts are not among a few dozen.
Rejected: a frame of nine columns of text (four times the time and the memory of the bytes themselves).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rules import layout as c
from rules.arrays import Numbers
from rules.layout import Ints
from rules.slots import Slots
from settlement.model.compiled import STEP, WHOLE, compiled
from settlement.model.in_order import in_order
from settlement.model.outcomes import Outcome

Bytes = NDArray[np.uint8]
Int = Any  # an int64 inside the kernel

ROWS = 1 << 16  # written in one piece
AMOUNT = 22  # bytes of the longest amount
DISTRICT = -1


class Texts(NamedTuple):
    """Texts end to end: text n is data[start[n] : start[n + 1]]."""

    data: Bytes
    start: Ints


class Pieces(NamedTuple):
    """What rows are made of."""

    heads: Texts  # ",scheme,version" of each terms
    outcomes: Texts
    limits: Texts
    payees: Texts  # of each terms
    sponsors: Texts  # "name=" of each share of each terms
    districts: Texts  # "name=" of each slot's head office, by `district`
    district: Ints  # slot -> its text in `districts`
    funding: Ints  # row per share: the share, DISTRICT or its text in `sponsors`
    first: Ints  # terms -> first row of `funding`; one longer than terms
    most: Ints  # bytes of the longest row but its transaction's number


def texts_of(values: Iterable[str]) -> Texts:
    """Texts one after the other."""
    data = [value.encode() for value in values]
    return Texts(np.frombuffer(b"".join(data), np.uint8), np.cumsum([0, *map(len, data)]))


def ids_of(ids: pl.Series) -> Texts:
    """Transaction numbers as CSV fields."""
    special = ids.str.contains('[,"\r\n]')
    if special.any():
        quoted = ids.to_frame("t").select(pl.format('"{}"', pl.col("t").str.replace_all('"', '""', literal=True)))
        ids = quoted.to_series().zip_with(special, ids)
    start = np.zeros(len(ids) + 1, np.int64)
    np.cumsum(ids.str.len_bytes().to_numpy(), out=start[1:])
    joined: str = ids.str.join("").item() if len(ids) else ""
    return Texts(np.frombuffer(joined.encode(), np.uint8), start)


def pieces_of(numbers: Numbers, slots: Slots) -> Pieces:
    """The texts of a batch's rows."""
    schemes = [terms.scheme for terms in numbers.terms]
    names, funding, first = list[str](), list[tuple[int, int]](), [0]
    for scheme in schemes:
        for share in scheme.funding:
            own = share.sponsor != "district"
            funding.append((share.share, len(names) if own else DISTRICT))
            names += [f"{share.sponsor}="] if own else []
        first.append(len(funding))
    districts, district = Texts(np.empty(0, np.uint8), np.zeros(1, np.int64)), np.empty(0, np.int64)
    if any(at == DISTRICT for _, at in funding):
        text = slots.texts["hq_district"]
        known = text.unique().sort()
        districts = texts_of(f"{name}=" for name in known)
        district = text.cast(pl.Enum(known)).to_physical().cast(pl.Int64).to_numpy().copy()
    last = max(Outcome)
    outcomes = {int(outcome): outcome.name for outcome in Outcome}
    tables = (
        texts_of(f",{scheme.scheme},{scheme.version}" for scheme in schemes),
        texts_of(outcomes.get(number, "") for number in range(last + 1)),
        texts_of(numbers.names),
        texts_of(scheme.payee for scheme in schemes),
        texts_of(names),
        districts,
    )
    longest = [int(np.diff(table.start).max(initial=0)) for table in tables]
    shares = int(np.diff(first).max(initial=0))
    most = sum(longest[:4]) + shares * (max(longest[4:]) + 1 + AMOUNT) + 2 * AMOUNT + 10
    return Pieces(
        *tables, district, np.array(funding, np.int64).reshape(-1, 2), np.array(first, np.int64),
        np.array([most], np.int64),
    )  # fmt: skip


def csv_rows(out: Ints, ids: Texts, pieces: Pieces) -> Iterator[bytes]:
    """The lines of `out` (the kernel's rows) in pieces; `ids` of the batch's transactions."""
    size = np.diff(ids.start)

    def piece(start: int) -> bytes:
        some = out[start : start + ROWS]
        room = int(size[some[:, c.R_TX]].sum()) + len(some) * int(pieces.most[0])
        buffer = np.empty(room, np.uint8)
        return buffer[: write_rows(some, ids, pieces, buffer)].tobytes()

    yield from in_order(partial(piece, start) for start in range(0, len(out), ROWS))


@compiled(STEP)
def put(buffer: Bytes, at: Int, texts: Texts, number: Int) -> Int:
    """Copies a text; returns where it ends."""
    for n in range(texts.start[number], texts.start[number + 1]):
        buffer[at] = texts.data[n]
        at += 1
    return at


@compiled(STEP)
def put_byte(buffer: Bytes, at: Int, byte: Int) -> Int:
    """One byte."""
    buffer[at] = byte
    return at + 1


@compiled(STEP)
def put_yuan(buffer: Bytes, at: Int, fen: Int) -> Int:
    """Signed yuan with two decimals."""
    if fen < 0:
        at = put_byte(buffer, at, 45)
        fen = -fen
    end = at + 4
    rest = fen // 1000
    while rest > 0:
        rest //= 10
        end += 1
    for place in range(end - at):
        if place == 2:
            buffer[end - 3] = 46
        else:
            buffer[end - 1 - place] = 48 + fen % 10
            fen //= 10
    return end


@compiled(STEP)
def part_of(kept: Int, share: Int, total: Int) -> Int:
    """floor(kept · share / total) without leaving int64."""
    whole = kept // total
    return whole * share + (kept - whole * total) * share // total


@compiled(STEP)
def put_shares(buffer: Bytes, at: Int, row: Ints, pieces: Pieces) -> Int:
    """Section 6: every sponsor after the first has its part rounded down, the first has the rest."""
    funding, t = pieces.funding, row[c.R_TERMS]
    first, last = pieces.first[t], pieces.first[t + 1]
    total, rest = 0, row[c.R_AFTER] - row[c.R_BEFORE]
    for n in range(first, last):
        total += funding[n, 0]
    for n in range(first + 1, last):
        rest -= part_of(row[c.R_AFTER], funding[n, 0], total) - part_of(row[c.R_BEFORE], funding[n, 0], total)
    for n in range(first, last):
        if n > first:
            at = put_byte(buffer, at, 124)
            rest = part_of(row[c.R_AFTER], funding[n, 0], total) - part_of(row[c.R_BEFORE], funding[n, 0], total)
        if funding[n, 1] < 0:
            at = put(buffer, at, pieces.districts, pieces.district[row[c.R_SALE]])
        else:
            at = put(buffer, at, pieces.sponsors, funding[n, 1])
        at = put_yuan(buffer, at, rest)
    return at


@compiled(WHOLE)
def write_rows(out: Ints, ids: Texts, pieces: Pieces, buffer: Bytes) -> Int:
    """Lines of awards.csv for rows of `rules.layout`; returns how many bytes of the buffer they took."""
    at: Int = 0
    for n in range(len(out)):
        row = out[n]
        t = row[c.R_TERMS]
        at = put(buffer, at, ids, row[c.R_TX])
        at = put(buffer, at, pieces.heads, t) if t >= 0 else put_byte(buffer, put_byte(buffer, at, 44), 44)
        at = put_byte(buffer, at, 44)
        if row[c.R_ENTITLED] >= 0:
            at = put_yuan(buffer, at, row[c.R_ENTITLED])
        at = put_byte(buffer, at, 44)
        at = put_yuan(buffer, at, row[c.R_AFTER] - row[c.R_BEFORE])
        at = put_byte(buffer, at, 44)
        at = put(buffer, at, pieces.outcomes, row[c.R_OUTCOME])
        at = put_byte(buffer, at, 44)
        if row[c.R_LIMIT] >= 0:
            at = put(buffer, at, pieces.limits, row[c.R_LIMIT])
        at = put_byte(buffer, at, 44)
        if t >= 0:
            at = put(buffer, at, pieces.payees, t)
        at = put_byte(buffer, at, 44)
        if t >= 0:
            at = put_shares(buffer, at, row, pieces)
        at = put_byte(buffer, at, 10)
    return at
