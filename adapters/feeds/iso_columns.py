"""Many ISO 8583 messages at once, from a pyiso8583 specification: the columnar twin of `iso8583.decode`.

The problem: `iso8583.decode` makes two dictionaries per message. Here one walk (iso_walk.py) brings the wanted fields
of every message of a block into lines of fixed columns, as a fixed-width file has them, and notes where others stand:

    0200 <bitmap 2 4 11> 16 6222...  000000010000  000012            0200 6222020... 000000010000 000012     90: -
    0420 <bitmap 4 11 90>            000000010000  000013  0200...   0420            000000010000 000013     90: 36 + 42

The walk knows what a regular message looks like. One that is not goes, alone, to `iso8583.decode` itself, which
therefore has the only say on what is refused, and where; so does a body with text bitmaps, or in another codec than
ASCII and latin-1, message by message. Rejected: one group per distinct bitmap, since a hostile file has as many bitmaps
as messages; a step per field over all messages (NumPy), which took as long as all of this reader now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import iso8583
import numpy as np
import polars as pl

from adapters.feeds import iso_walk as w
from adapters.feeds.byte_cells import BLANK, Bytes, Ints, Mask
from adapters.feeds.iso_spec import Spec

SLACK = 64  # bytes behind a block, where a word that begins in the last message may end
_UNKNOWN = {"data_enc": "b", "len_enc": "b", "len_type": 1, "max_len": -1, "desc": "refuses whatever stands there"}
_HEX = "0123456789ABCDEF"


@dataclass(frozen=True, slots=True)
class Plan:
    """A specification made ready: `spec` without its header and whole for three bitmaps, `table` as iso_walk has it.

    groups      fields whose cells stand side by side: width of all, and the part of each field
    slots       field: its row of places
    """

    spec: Spec
    known: frozenset[str]
    groups: dict[tuple[str, ...], tuple[int, dict[str, slice]]]
    slots: dict[str, int]
    table: Ints

    def laid_out(self, height: int) -> tuple[Ints, Ints, int]:
        """(table, groups, bytes in all) for `height` messages: the cells of each group behind those of the last."""
        table, groups, begin = self.table.copy(), np.zeros((len(self.groups), 2), np.int64), 0
        for number, (width, parts) in enumerate(self.groups.values()):
            groups[number] = begin, width
            for name, part in parts.items():
                table[_row_of(name), w.CELLS : w.RUN] = begin + part.start, width, number
            begin += height * width + 8
        return table, groups, begin


def plan(spec: Spec, groups: Iterable[tuple[str, ...]], places: Iterable[str]) -> Plan:
    """What a reader of these messages needs, once per file: groups of fields wanted as cells, and fields as places.

    Headers ("h") are left out: framing takes them off before.
    """
    fields = ["t", *(str(number) for number in range(2, w.FIELDS) if number != 65)]
    known = frozenset(name for name in fields if name in spec)
    whole = {name: spec.get(name, _UNKNOWN) for name in fields} | {"p": spec["p"], "1": spec["1"]}
    whole["h"] = {**spec["h"], "max_len": 0}
    slots = {name: slot for slot, name in enumerate(places)}
    table = np.zeros((w.FIELDS, w.COLUMNS), np.int64)
    table[:, [w.SLOT, w.CELLS, w.GROUP]] = -1
    for name in fields:
        table[_row_of(name)] = [*_row(name, whole[name]), slots.get(name, -1), -1, 0, -1, 0]
    table[:, w.RUN] = (table[:, w.DATA] == w.ASCII) & ((table[:, w.LENGTH] == 0) | (table[:, w.CODING] == w.DIGITS))
    if any(spec[name]["data_enc"] != "b" for name in ("p", "1")):
        table[0, w.DATA] = w.OTHER
    spans: dict[tuple[str, ...], tuple[int, dict[str, slice]]] = {}
    for group in groups:
        assert list(group) == sorted(group, key=_row_of), "what is written behind a field's cell, the next overwrites"
        begin, parts = 0, {}
        for name in group:
            row = table[_row_of(name)]  # its DATA may be OTHER although it is binary, under a bitmap of text
            width = int(row[w.MOST]) * (2 if whole[name]["data_enc"] == "b" and not row[w.HALVES] else 1)
            parts[name] = slice(begin, begin + width)
            begin += width
        spans[group] = begin, parts
    return Plan(whole, known, spans, slots, table)


def _row_of(name: str) -> int:
    return 0 if name == "t" else int(name)


def _row(name: str, entry: Mapping[str, Any]) -> list[int]:
    """LENGTH to RIGHT of a field. The message type has a length of its own, whatever the specification says."""
    data, length, size = _data(entry["data_enc"]), int(entry["len_type"]), int(entry["max_len"])
    coding = {"b": w.BINARY, "bcd": w.BCD}.get(entry["len_enc"], w.OTHER)
    if coding == w.OTHER and _like_ascii(entry["len_enc"]):
        coding = w.DIGITS
    if name == "t":
        return [0, coding, 2 if data == w.BINARY else 4, 0, data, -1, -1]
    halves = int(entry.get("len_count", "bytes") == "nibbles")
    data = w.OTHER if halves and data != w.BINARY else data  # a text counted in half bytes does not fill its cell
    return [length, coding, size, halves, data, *(_pad(entry, side) for side in ("left_pad", "right_pad"))]


def _pad(entry: Mapping[str, Any], side: str) -> int:
    return _HEX.find(entry.get(side, "")[:1] or "none")


def _data(encoding: str) -> int:
    if encoding == "b":
        return w.BINARY
    return w.BYTES if _any_byte(encoding) else w.ASCII if _like_ascii(encoding) else w.OTHER


@cache
def _like_ascii(encoding: str) -> bool:
    """The first 128 bytes are what they are in ASCII."""
    try:
        return bytes(range(128)).decode(encoding) == bytes(range(128)).decode("ascii")
    except (UnicodeDecodeError, LookupError):
        return False


@cache
def _any_byte(encoding: str) -> bool:
    """Every byte is a character by itself."""
    try:
        return all(len(bytes([byte]).decode(encoding)) == 1 for byte in range(256))
    except (UnicodeDecodeError, LookupError):
        return False


@dataclass(slots=True)
class Decoded:
    """A block of messages. `errors` maps a row to (field, position in the message, what is wrong), `bad` has the same.

    cells       group of fields: (messages, width) characters as text (BCD and binary as hexadecimal digits), blank
                where absent
    places      (fields, messages): where a field stands in `buffer` and its characters, as `iso_walk.walk` has it
    """

    buffer: Bytes
    starts: Ints
    ends: Ints
    plan: Plan
    cells: dict[tuple[str, ...], Bytes]
    places: Ints
    bad: Mask
    errors: dict[int, tuple[str, int, str]] = field(default_factory=dict)

    @property
    def height(self) -> int:
        """Messages in the block."""
        return len(self.starts)

    def sizes(self, name: str) -> Ints:
        """Characters of the field in each message, -1 where absent."""
        places = self.places[self.plan.slots[name]]
        return np.where(places < 0, -1, places & w.MOST_CHARACTERS)

    def gathered(self, name: str, width: int, rows: Ints | None = None) -> Bytes:
        """(messages, width) characters of a field of which only its place is known; longer values are cut."""
        places = self.places[self.plan.slots[name]]
        places = places if rows is None else places[rows]
        out = np.empty(len(places) * width + 8, np.uint8)
        binary = self.plan.spec[name]["data_enc"] == "b"
        w.run(w.gather, self.height, self.buffer, eight_at(self.buffer), places, binary, width, eight_at(out))
        return out[: len(places) * width].reshape(len(places), width)

    def text(self, name: str) -> pl.Series:
        """The field exactly as `iso8583.decode` gives it, null where absent. For tests and for free-text fields."""
        slot, encoding = self.plan.slots[name], self.plan.spec[name]["data_enc"]
        values: list[str | None] = [None] * self.height
        for row, place in enumerate(self.places[slot].tolist()):
            at, size = place >> w.SIZE, place & w.MOST_CHARACTERS
            if place >= 0 and encoding == "b":
                values[row] = self.buffer[at // 2 : (at + size + 1) // 2].tobytes().hex().upper()[at % 2 :][:size]
            elif place >= 0:
                values[row] = self.buffer[at : at + size].tobytes().decode(encoding)
        return pl.Series(name, values, dtype=pl.String)


def eight_at(cells: Bytes) -> Ints:
    """The eight bytes from each byte on, as integers, without a copy. The bytes must stand one behind the other."""
    return np.ndarray((max(cells.size - 7, 0),), np.int64, cells, 0, (1,))


def decode_columns(buffer: Bytes, starts: Ints, ends: Ints, chosen: Plan) -> Decoded:
    """Decodes messages buffer[start:end], with at least SLACK bytes behind the last."""
    height = len(starts)
    assert len(buffer) >= int(ends.max(initial=0)) + SLACK
    table, groups, size = chosen.laid_out(height)
    store, places = np.empty(size + 8, np.uint8), np.full((len(chosen.slots), height), -1, np.int64)
    odd, program = np.zeros(height, np.bool_), np.empty((w.KEPT * w.FIELDS, w.COLUMNS), np.int64)
    bare, bitmaps = np.empty((w.KEPT, len(groups)), np.int64), np.full((w.KEPT, 4), -1, np.int64)
    block = (buffer, eight_at(buffer), starts, ends)
    w.run(w.walk, height, *block, table, groups, program, bare, bitmaps, places, eight_at(store), odd)
    cells = {
        group: store[begin : begin + height * width].reshape(height, width)
        for group, (begin, width) in zip(chosen.groups, groups.tolist(), strict=True)
    }
    out = Decoded(buffer, starts, ends, chosen, cells, places, odd)
    for row in np.flatnonzero(odd).tolist():
        _decode_alone(out, row)
    return out


def _decode_alone(out: Decoded, row: int) -> None:
    """One message by `iso8583.decode`: its fields and their places, or why it is refused."""
    start = int(out.starts[row])
    out.places[:, row] = -1
    for cells in out.cells.values():
        cells[row] = BLANK
    try:
        texts, raw = iso8583.decode(out.buffer[start : int(out.ends[row])].tobytes(), out.plan.spec)
    except iso8583.DecodeError as error:
        known = error.field in out.plan.known or error.field in {"p", "1"}
        what = error.msg if known else "the field is not in the specification"
        out.errors[row] = (error.field, error.pos, what)
        return
    out.bad[row] = False
    for name in ("t", "p", *sorted((name for name in raw if name.isdigit()), key=int)):
        start += len(raw[name]["len"])
        entry, data = out.plan.spec[name], raw[name]["data"]
        where, chars = start, data
        if entry["data_enc"] == "b":
            lead = bool(len(texts[name]) & 1) and data[0] >> 4 == _pad(entry, "left_pad")
            where, chars = start * 2 + lead, texts[name].encode()
        if name in out.plan.slots:
            out.places[out.plan.slots[name], row] = where << w.SIZE | len(chars)
        for group, (_, parts) in out.plan.groups.items():
            if name in parts:
                out.cells[group][row, parts[name]][: len(chars)] = np.frombuffer(chars, np.uint8)
        start += len(data)
