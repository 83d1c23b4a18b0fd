"""A message that is rejected, field by field, for people: cards masked, secrets left out, the wrong field pointed out.

One message at a time is decoded with the library, which also says how far it came with one that it refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

import iso8583

from adapters.feeds.pos_settings import HEADERS, PosSettings, pos_settings
from adapters.shown import Shown, joined, mask_cell, mask_number, mask_text, read_at
from settlement.model.rejects import Reject

# the element that a canonical field comes from, and how `describe` calls its use
USE = {
    "2": "card_number", "3": "kind (with the message type and 25)", "4": "paid", "7": "natural key, time",
    "11": "stan, natural key", "12": "occurred_at", "13": "occurred_at", "18": "mcc", "25": "kind",
    "32": "natural key", "33": "natural key", "35": "card_number where 2 is absent", "37": "rrn", "38": "auth_code",
    "39": "unsuccessful answers are skipped", "41": "terminal_no", "42": "merchant_no", "49": "currency",
    "54": "claimed (settings)", "60": "batch (terminal body)", "61": "original (terminal body)", "90": "original_key",
    "74": "0520: number of REFUND", "76": "0520: number of SALE", "77": "0520: number of VOID and REVERSAL",
    "86": "0520: total of REFUND", "88": "0520: total of SALE", "89": "0520: total of VOID and REVERSAL",
    "75": "0520: zeros", "87": "0520: zeros",
}  # fmt: skip
NOTES = (
    "DE54 is made of entries of 20: account type 2, amount type 2, currency 3, C or D, amount 12",
    "DE90 of the original: message type 4, trace 6, time (DE7) 10, acquirer (DE32) 11, forwarder (DE33) 11, 0 before",
    "a closing 0520 counts all messages that move money, rejected ones too; what it gives must hold",
    "with `reconciliation: required` a 0520 gives all eight: 74 to 77 and 86 to 89",
)
TERMINAL_NOTES = (
    "the message type is two bytes of BCD, LL one, LLL two; lengths count digits where the size says digits",
    "DE60 is a function 2, the batch 6 and more; DE61 is the original's batch 6 and trace 6",
)
_FIELDS = {
    "transmitted_at": "7",
    "local_at": "12",
    "occurred_at": "12",
    "stan": "11",
    "claimed": "54",
    "kind": "3",
    "response_code": "39",
}
_CARDS = frozenset({"2", "34", "35", "36", "45", "102", "103"})
_AMOUNTS = frozenset({"4", "5", "6", "54", "86", "87", "88", "89"})
_SECRET = frozenset({"52", "55", "64", "96", "128"})
_HEX_SHOWN = 4  # bytes of what cannot be decoded: eight packed digits at most
_CARD_SHOWN = 3  # of a card number: its first six


def show(stream: BinaryIO, reject: Reject, settings: Mapping[str, Any]) -> Shown | None:
    """The message at the reject's byte, as far as it can be decoded."""
    chosen = pos_settings(settings)
    message = _message(stream, reject.byte, chosen)
    if not message:
        return None
    spec = chosen.spec
    body = message[HEADERS[chosen.header] :]
    rest = b""
    try:
        decoded, _ = iso8583.decode(body, spec)
        wrong = _element(reject.field, decoded, chosen)
    except iso8583.DecodeError as error:
        decoded, wrong = error.doc_dec, error.field
        rest = body[error.pos :][: _CARD_SHOWN if wrong in _CARDS else _HEX_SHOWN]
    parts = [decoded.get("t", "")]
    names = sorted((name for name in decoded if name.isdigit() and name != "1"), key=int)
    parts += [f"DE{name}={_masked(name, decoded[name])}" for name in names if name != wrong or not rest]
    marked = names.index(wrong) + 1 if wrong in names and not rest else -1
    if rest:
        parts.append(f"{_name(wrong)}: {rest.hex(' ').upper()}…")
        marked = len(parts) - 1
    about = _about(wrong, spec)
    said = "the message type, DE3 and DE25 say the operation; " if reject.field == "kind" and about else ""
    return joined(parts, " ", marked, said + about)


def _message(stream: BinaryIO, byte: int, chosen: PosSettings) -> bytes:
    """The message behind its framing."""
    raw = read_at(stream, byte)
    if chosen.framing == "hex":
        try:
            return bytes.fromhex(raw.split(b"\n", 1)[0].decode("ascii"))
        except ValueError:
            return b""
    width = 2 if chosen.framing == "len2" else 4
    head = raw[:width]
    if chosen.framing == "len4":
        return raw[width : width + int(head)] if head.isdigit() else b""
    return raw[width : width + int.from_bytes(head, "big")]


def _element(field: str, decoded: Mapping[str, str], chosen: PosSettings) -> str:
    """The number of the element that a reject's field names; "" where it names none."""
    if field.startswith("DE"):
        return field.removeprefix("DE")
    if field == "card_number" and "2" not in decoded:
        return "35"
    if field == "claimed":
        return str(chosen.discount_field)
    return _FIELDS.get(field) or next((number for number, use in USE.items() if use == field), "")


def _masked(name: str, text: str) -> str:
    if name in _SECRET:
        return f"({len(text)} characters)"
    if name in _CARDS:
        return mask_cell(text)
    if name in _AMOUNTS:
        return text if text.startswith("00") else mask_number(text)
    return text if name == "90" else mask_text(text)  # DE90 names a message by numbers and a time


def _name(number: str) -> str:
    """How an element is called: DE3; the message type and the bitmap have no number."""
    return {"t": "message type", "p": "bitmap"}.get(number, f"DE{number}")


def _about(number: str, spec: Mapping[str, Mapping[str, Any]]) -> str:
    entry = spec.get(number)
    if entry is None:
        return ""
    return f"{_name(number)} is {entry['desc']}: {size_words(entry)}, {entry['data_enc']}"


def size_words(entry: Mapping[str, Any]) -> str:
    """The size of an element: LL19 bytes, 12 digits."""
    digits = entry["len_type"]
    variable = "L" * (digits if entry["len_enc"] != "bcd" or not digits else digits + 1)  # LL in one byte, LLL in two
    return f"{variable}{entry['max_len']}" + (" digits" if entry.get("len_count") == "nibbles" else " bytes")


def coding_words(entry: Mapping[str, Any]) -> str:
    """How a field is written: ascii, bytes, or BCD with what fills an odd number of digits."""
    if entry.get("len_count") != "nibbles":
        return "bytes" if entry["data_enc"] == "b" else str(entry["data_enc"])
    return f"BCD, {entry['left_pad']} before" if "left_pad" in entry else f"BCD, {entry['right_pad']} behind"
