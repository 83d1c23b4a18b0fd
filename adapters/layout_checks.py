"""What a description must say so that a file can be read by it, found when it is loaded and not at a record."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from adapters.layout_dates import is_varied
from adapters.yaml_document import MisfitError
from settlement.model.outcomes import Kind, Rail

if TYPE_CHECKING:
    from adapters.layout import Layout, LayoutField, Line

# what the values of a transaction's codes may mean
_MEANINGS = {"kind": (*(kind.name for kind in Kind), "SKIP"), "rail": tuple(rail.value for rail in Rail)}
_TEXTS = ("text", "digits", "hex", "card")
# what a field of a canonical name must be; of each other, readers take whatever it is
_TYPES = {
    **dict.fromkeys(("occurred_at", "transmitted_at", "original_transmitted_at"), ("datetime",)),
    **dict.fromkeys(
        ("gross", "paid", "claimed", "fee", "accepted_amount", "settlement", "fee_payable", "fee_receivable",
         "switch_fee"), ("amount",),
    ),
    **dict.fromkeys(
        ("card_number", "issuer", "merchant_no", "terminal_no", "terminal_sequence", "rrn", "stan", "auth_code", "mcc",
         "currency", "acquirer", "forwarder", "original_stan"), _TEXTS,
    ),
    "clearing_date": ("date",),
}  # fmt: skip


def known_zone(name: str) -> str:
    """The name of a time zone. ValueError: there is no such zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"time zone {name!r} is not known; write one like Asia/Shanghai") from None
    return name


def dated_pattern(pattern: str) -> str:
    """A pattern of file names, or "". ValueError: no regular expression, or without the group that gives the date."""
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    if pattern and "clearing_date" not in groups:
        raise ValueError("has no group (?P<clearing_date>...), which gives the clearing date")
    return pattern


def check_positions(line: Line, *path: str | int) -> None:
    """Fixed fields have a place, in order, and do not overlap."""
    last = 0
    for number, field in enumerate(line.fields):
        place = (*path, "fields", number)
        if field.start is None or field.length is None:
            raise MisfitError(f"{field.name}: a fixed field has start and length", *place)
        if field.start <= last:
            raise MisfitError(f"{field.name}: byte {field.start} belongs to the field before it", *place, "start")
        last = field.end
    if line.length is not None and line.length < last:
        message = f"length {line.length} is shorter than the last field, which ends at byte {last}"
        raise MisfitError(message, *path, "length")


def check_transaction(record: Line) -> None:
    """Canonical fields of a transaction are of their types, and its codes mean what we have a word for."""
    for number, field in enumerate(record.fields):
        place = ("record", "fields", number)
        fits = _TYPES.get(field.name, (field.type,))
        if field.type not in fits:
            raise MisfitError(f"{field.name}: is of type {field.type}; give it {' or '.join(fits)}", *place)
        words = _MEANINGS.get(field.name)
        if words is None:
            continue
        meant = {*field.values.values(), *([field.constant] if field.constant is not None else [])}
        wrong = sorted(meant - set(words))
        if wrong or not meant:
            said = f"; not {', '.join(wrong)}" if wrong else ""
            raise MisfitError(f"{field.name}: give values that mean {', '.join(words)}{said}", *place)


def check_width(layout: Layout, field: LayoutField) -> None:
    """A constant fits its field, and what is in each cell of a delimited field does not hold the separator."""
    constant = field.constant or ""
    if field.length is not None and len(constant.encode(layout.text_encoding, "replace")) > field.length:
        raise ValueError(f"{field.name}: the constant is longer than the field")
    if layout.shape == "fixed" and is_varied(field.format):
        raise ValueError(f"{field.name}: {field.format} has no fixed width; write MM, DD and hh")
    if layout.shape == "delimited" and any(layout.separator in text for text in (constant, field.format)):
        raise ValueError(f"{field.name}: holds the separator {layout.separator!r}; give the one of the file")
