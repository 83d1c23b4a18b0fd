"""Many ISO 8583 messages at once, from a pyiso8583 specification: the columnar twin of `iso8583.decode`.

The problem: `iso8583.decode` makes two dictionaries per message. Here one walk (iso_walk.py) notes where every wanted
field of every message of a block stands, and nothing is copied until a column is asked for (`cells`, `text`):

    0200 <bitmap 2 4 11> 16 6222...  000000010000  000012            2: 14 + 16    4: 30 + 12    11: 42 + 6
    0420 <bitmap 4 11 90>            000000010000  000013  0200...   2: -          4: 12 + 12    11: 24 + 6

The walk knows what a regular message looks like. One that is not goes, alone, to `iso8583.decode` itself, which
therefore has the only say on what is refused, and where; so does a body with text bitmaps, or in another codec than
ASCII and latin-1, message by message. Rejected: one group per distinct bitmap, since a hostile file has as many bitmaps
as messages; a step per field over all messages (NumPy), which was half as fast as this whole reader.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

import iso8583
import numpy as np
import polars as pl

from adapters.feeds import iso_walk as w
from adapters.feeds.columns import Bytes, Ints, Mask, as_binary, as_text
from adapters.feeds.iso_spec import Spec

SLACK = 64  # bytes behind a block, where a word that begins in the last message may end
LAST = 192  # fields of three bitmaps
_UNKNOWN = {"data_enc": "b", "len_enc": "b", "len_type": 1, "max_len": -1, "desc": "refuses whatever stands there"}
_HEX = "0123456789ABCDEF"


@dataclass(frozen=True, slots=True)
class Plan:
    """A specification made ready: `spec` without its header and whole up to field LAST, `table` as iso_walk has it."""

    spec: Spec
    known: frozenset[str]
    slots: dict[str, int]
    table: Ints


def plan(spec: Spec, wanted: Iterable[str] | None = None) -> Plan:
    """What a reader of these messages needs, once per file. `wanted`: fields to be noted; None: every field.

    Headers ("h") are left out: framing takes them off before.
    """
    fields = ["t", *(str(number) for number in range(2, LAST + 1) if number != 65)]
    known = frozenset(name for name in fields if name in spec)
    whole = {name: spec.get(name, _UNKNOWN) for name in fields} | {"p": spec["p"], "1": spec["1"]}
    whole["h"] = {**spec["h"], "max_len": 0}
    slots = {name: slot for slot, name in enumerate(fields if wanted is None else sorted(wanted)) if name in known}
    table = np.zeros((LAST + 1, 8), np.int64)
    for name in fields:
        entry = whole[name]
        size, data = int(entry["max_len"]), _data(entry["data_enc"])
        if name == "t":
            entry, size = {**entry, "len_type": 0, "len_count": "bytes"}, 2 if data == w.BINARY else 4
        coding = {"b": w.BINARY, "bcd": w.BCD}.get(entry["len_enc"], w.OTHER)
        if coding == w.OTHER and _like_ascii(entry["len_enc"]):
            coding = w.DIGITS
        halves = int(entry.get("len_count", "bytes") == "nibbles")
        pads = [_HEX.find(entry.get(side, "")[:1] or "none") for side in ("left_pad", "right_pad")]
        row = [int(entry["len_type"]), coding, size, halves, data, *pads, slots.get(name, -1)]
        table[0 if name == "t" else int(name)] = row
    if any(spec[name]["data_enc"] != "b" for name in ("p", "1")):
        table[0, w.DATA] = w.OTHER
    return Plan(whole, known, slots, table)


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

    places      (wanted fields, messages): where each stands in `buffer` and its characters, as `iso_walk.walk` has it
    """

    buffer: Bytes
    starts: Ints
    ends: Ints
    plan: Plan
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

    def cells(self, name: str, width: int) -> Bytes:
        """(messages, width) characters of a field as text (BCD and binary as hexadecimal digits), blank where absent.

        Longer values are cut at `width`, shorter ones filled with blanks: only for fields whose width is known.
        """
        out = np.empty((self.height, width), np.uint8)
        slot = self.plan.slots[name]
        binary = self.plan.spec[name]["data_enc"] == "b"
        w.run(w.gather, self.height, self.buffer, self.places[slot], binary, out)
        return out

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


def decode_columns(buffer: Bytes, starts: Ints, ends: Ints, chosen: Plan) -> Decoded:
    """Decodes messages buffer[start:end], with at least SLACK bytes behind the last."""
    height = len(starts)
    assert len(buffer) >= int(ends.max(initial=0)) + SLACK
    words = np.ndarray((len(buffer) - 7,), np.int64, buffer, 0, (1,))
    places, odd = np.full((len(chosen.slots), height), -1, np.int64), np.zeros(height, np.bool_)
    w.run(w.walk, height, buffer, words, starts, ends, chosen.table, np.zeros(LAST, np.int64), places, odd)
    out = Decoded(buffer, starts, ends, chosen, places, odd)
    for row in np.flatnonzero(odd).tolist():
        _decode_alone(out, row)
    return out


def _decode_alone(out: Decoded, row: int) -> None:
    """One message by `iso8583.decode`: its fields' places, or why it is refused."""
    start = int(out.starts[row])
    out.places[:, row] = -1
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
        slot = out.plan.slots.get(name)
        if slot is not None:
            entry, data = out.plan.spec[name], raw[name]["data"]
            binary = entry["data_enc"] == "b"
            lead = len(texts[name]) & 1 and data[0] >> 4 == _HEX.find(entry.get("left_pad", "")[:1] or "none")
            where, size = (start * 2 + lead, len(texts[name])) if binary else (start, len(data))
            out.places[slot, row] = where << w.SIZE | size
        start += len(raw[name]["data"])


def as_text_cells(cells: Bytes) -> pl.Series:
    """Cells of any bytes as latin-1 text without blanks around; null where blank."""
    if cells.size and (int(cells.max()) > 0x7E or int(cells.min()) < 0x20):
        texts = [raw.decode("latin-1").rstrip("\0").strip() or None for raw in as_binary(cells).to_list()]
        return pl.Series(texts, dtype=pl.String)
    return as_text(cells)
