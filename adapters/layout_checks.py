"""What a description must say so that a file can be read by it, found when it is loaded and not at a record."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from adapters.layout_dates import TOKEN, is_varied, names_day
from adapters.quotes import known_separator
from adapters.yaml_document import MisfitError
from settlement.model.outcomes import Kind, Rail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adapters.layout import Layout, LayoutField, Line

# what the values of a transaction's codes may mean
_MEANINGS = {"kind": (*(kind.name for kind in Kind), "SKIP"), "rail": tuple(rail.value for rail in Rail)}
_DECLARED = {"count": "count", "total": "amount", "clearing_date": "date"}
_DAYS = ("occurred_at", "transmitted_at", "original_transmitted_at")  # a time alone is no moment
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


def check_field(field: LayoutField) -> None:
    """The keys of a field fit together."""
    name, texts = field.name, field.values or field.constant is not None
    if field.type in {"date", "datetime"}:
        _check_format(name, field.format)
    elif field.format:
        raise ValueError(f"{name}: only a date or datetime has a format")
    if field.signs and (field.type != "amount" or any(len(mark) != 1 for mark in field.signs)):
        raise ValueError(f"{name}: signs are single marks of an amount")
    if field.start is None and any(mark.isdigit() or mark == "." for mark in field.signs):
        raise ValueError(f"{name}: a digit cannot be told from the amount behind it; only a fixed field has such marks")
    if field.start is None and field.signs.get(" ") == -1:
        raise ValueError(f"{name}: blanks around a cell mean nothing; only a fixed field has them as a mark")
    if texts and field.type not in {"text", "digits", "hex"}:
        raise ValueError(f"{name}: only text has values or a constant")
    if field.values and field.constant is not None:
        raise ValueError(f"{name}: give values, or a constant, which is the one text that may stand there")
    edged = next((code for code in field.values if code != code.strip(" ")), None)
    if edged is not None:
        raise ValueError(f"{name}: code {edged!r} is read without the blanks around it; a blank cell is ''")
    if set(field.blanks) & set(field.values):
        raise ValueError(f"{name}: what is in `values` cannot mean that nothing is given (`blanks`)")
    if field.otherwise is not None and not field.values:
        raise ValueError(f"{name}: `otherwise` goes with values")
    if field.prefix and (field.type not in {"text", "digits"} or texts):
        raise ValueError(f"{name}: only a text without values or a constant has a prefix")
    if (field.declares == "total") != bool(field.of):
        raise ValueError(f"{name}: `declares: total` and `of: FIELD` go together")
    if field.declares is not None and field.type != _DECLARED[field.declares]:
        raise ValueError(f"{name}: what declares a {field.declares} is of type {_DECLARED[field.declares]}")


def _check_format(name: str, form: str) -> None:
    """Each part once, none without the one above it: MM in the place of mm would make minutes the month."""
    found = TOKEN.findall(form)
    if not found:
        raise ValueError(f"{name}: give its format, like YYYYMMDD")
    parts = [part[0] for part in found]  # M and MM are the same part
    twice = sorted(part for part in found if parts.count(part[0]) > 1)
    if twice:
        raise ValueError(f"{name}: {twice[0]} stands twice in {form} (MM is the month, mm the minute)")
    foreign = re.search("[A-SU-Ya-z]", TOKEN.sub("", form))  # T and Z stand in times of ISO 8601
    if foreign is not None:
        raise ValueError(f"{name}: {foreign.group()} is no part of a format in {form}; write YYYY MM DD hh mm ss")
    if ("h" in parts) != ("m" in parts) or ("s" in parts and "m" not in parts):
        raise ValueError(f"{name}: {form} has hours without minutes, or the reverse")


def check_keys(key: Sequence[str], original_key: Sequence[str]) -> None:
    """A key names a field once, and that of the original has the same parts, or it would never be found."""
    for what, names in (("key", key), ("original_key", original_key)):
        for number, name in enumerate(names):
            if name in names[:number]:
                raise MisfitError(f"{name} stands twice", what, number)
    if original_key and len(original_key) != len(key):
        message = f"has {len(original_key)} fields and `key` {len(key)}; give one for each, in the same order"
        raise MisfitError(message, "original_key")


def check_ends(layout: Layout) -> None:
    """What stands between fields and behind records can be told from them; only other lines declare."""
    if layout.shape == "delimited" and any(char.isalnum() or char in "\r\n" for char in layout.separator):
        raise MisfitError("a letter, digit or line end cannot part fields", "separator")
    if not layout.end_mark.isprintable():
        raise MisfitError("is one line of text", "end_mark")
    try:
        layout.end_mark.encode(layout.text_encoding)
    except UnicodeEncodeError:
        raise MisfitError(f"has a character that is not in {layout.encoding}", "end_mark") from None
    if layout.end_mark_newline and not layout.end_mark:
        raise MisfitError("there is no end mark that it could stand behind", "end_mark_newline")
    for number, field in enumerate(layout.record.fields):
        if field.declares is not None:
            message = f"{field.name}: a header or trailer declares, no record"
            raise MisfitError(message, "record", "fields", number, "declares")


def check_quotes(layout: Layout) -> None:
    """Only readers of result files know quotes and workbooks."""
    for key in ("quotes", "sheet"):
        if getattr(layout, key) and (layout.gives, layout.shape) != ("result", "delimited"):
            raise MisfitError("is for delimited result files (gives: result)", key)
    if layout.quotes:
        try:
            known_separator(layout.separator)
        except ValueError as error:
            raise MisfitError(str(error), "separator") from None


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
        if field.name in _DAYS and not names_day(field.format):
            raise MisfitError(f"{field.name} names no day; give its format month and day", *place, "format")
        words = _MEANINGS.get(field.name)
        if words is None:
            continue
        meant = {*field.values.values(), *([field.constant] if field.constant is not None else [])}
        wrong = sorted(meant - set(words))
        if wrong or not meant:
            said = f"; not {', '.join(wrong)}" if wrong else ""
            raise MisfitError(f"{field.name}: give values that mean {', '.join(words)}{said}", *place)


def check_width(layout: Layout, field: LayoutField) -> None:
    """What always stands in a field fits it, and in a delimited one does not hold the separator."""
    for what, text in (("constant", field.constant or ""), ("format", field.format), *_codes(field)):
        if field.length is not None and len(text.encode(layout.text_encoding, "replace")) > field.length:
            raise ValueError(f"{field.name}: the {what} is longer than the field")
        if layout.shape == "delimited" and layout.separator in text:
            raise ValueError(f"{field.name}: holds the separator {layout.separator!r}; give the one of the file")
    if layout.shape == "fixed" and is_varied(field.format):
        raise ValueError(f"{field.name}: {field.format} has no fixed width, or a short year; write YYYY, MM, DD and hh")
    if layout.shape == "delimited" and field.start is not None:
        raise ValueError(f"{field.name}: `start` is for fixed fields; those of this layout stand in order")


def _codes(field: LayoutField) -> list[tuple[str, str]]:
    return [(f"code {code}", code) for code in field.values]
