"""A layout told to people: its table with an example of every line; a record of a file with its wrong cell marked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, BinaryIO

from adapters.description import Part, lines
from adapters.layout import Layout, LayoutField, Line
from adapters.layout_line import CellError, Value, encode_line, format_cell
from adapters.shown import Show, Shown, is_workbook, mask_cell, mask_number, mask_text, plain, read_at, show_line
from settlement.model.rejects import Reject

_DAY = date(2026, 5, 7)
_MOMENT = datetime(2026, 5, 7, 9, 30, 15)
_DIGITS = "6217000000000000001"
_COUNTING = "1234567890" * 4
_FEN = 12_345
# what says the kind of a record where it is no field that must be there: a sale
_SALE = {"mti": "0200", "processing_code": "000000", "condition_code": "00", "response_code": "00"}
_SAID_BY = {"kind": ("mti", "processing_code"), "occurred_at": ("transmitted_at",)}
_NEAR = 4  # bytes: a header stands at the start, or behind a byte order mark
_DIGIT_RUN = re.compile(r"\d{11,}")


# --- the table -------------------------------------------------------------------------------------------------------


def describe(layout: Layout) -> list[Part]:
    """The layout for people: one row per field, then an example of every line of the file."""
    how = f"delimited by {layout.separator!r}"
    if layout.shape == "fixed":
        how = f"fixed width, counted in bytes, {layout.separator!r} between fields, blanks behind texts"
    one_kind = (layout.newline, layout.gives, layout.shape) == ("any", "transaction", "fixed")
    ends = layout.newline_words + (", one kind in a file" if one_kind else "")
    head = [
        f"{layout.format}: {layout.title}",
        f"{how}; encoding {layout.encoding}; lines end with {ends}; amounts in {layout.unit}; times in {layout.zone}",
    ]
    head += ["cells may stand in double quotes"] if layout.quotes else []
    if (layout.gives, layout.shape) == ("result", "delimited"):
        head += [
            f"or a workbook, a row for a line; {f'its sheet {layout.sheet}' if layout.sheet else 'its first sheet'}"
        ]
    head += [f"file name: {layout.filename}"] if layout.filename else []
    head += [f"end mark: {layout.end_mark}"] if layout.end_mark else []
    head += [f"at most {layout.maximum_records} records"] if layout.maximum_records else []
    head += [f"natural key: {' '.join(layout.key)}"] if layout.key else []
    head += [f"key of the original: {' '.join(layout.original_key)}"] if layout.original_key else []
    head += [f"source: {layout.source}"] if layout.source else []
    parts = _parts(layout)
    tables = [_field_table(layout, title, line) for title, line in parts]
    examples = [encode_line(layout, line, _values(layout, line)).decode(layout.write_encoding) for _, line in parts]
    examples += [layout.end_mark] if layout.end_mark else []
    notes = [f"note: {note}" for note in layout.notes]
    return [lines("", head), *tables, lines("example", examples), lines("", notes)]


def _parts(layout: Layout) -> list[tuple[str, Line]]:
    """Every kind of line, and what it is called."""

    def numbered(what: str, some: Sequence[Line]) -> list[tuple[str, Line]]:
        return [(f"{what} line {n}" if len(some) > 1 else what, line) for n, line in enumerate(some, 1)]

    return [*numbered("header", layout.header), ("record", layout.record), *numbered("trailer", layout.trailer)]


def _field_table(layout: Layout, title: str, line: Line) -> Part:
    fixed = layout.shape == "fixed"
    rows = []
    for number, field in enumerate(line.fields, 1):
        place = f"{field.start}-{field.end}" if fixed else str(number)
        length = str(field.length) if fixed else f"to {field.length}" if field.length else ""
        must = "must" if field.must or field.constant is not None else ""
        rows.append((place, length, field.type, must, field.name, field_words(layout, field)))
    size = f"{line.width} bytes" if fixed else f"{len(line.fields)} fields"
    return Part(f"{title} ({size})", ("bytes" if fixed else "field", "length", "type", "must", "name", "what"), rows)


def field_words(layout: Layout, field: LayoutField) -> str:
    """What a field is, in words: title, format, unit, signs, codes, padding, what it declares."""
    words = [field.title, *cell_words(field, layout.unit_of(field))]
    if layout.shape == "fixed":
        filled = field.pad == "0" or field.type in {"amount", "count"}
        words += ["zeros on the left"] if filled else []
    if field.declares == "total":
        words += [f"declares the total of {field.of}, all records added up without signs"]
    elif field.declares:
        words += [f"declares the {field.declares.replace('_', ' ')}"]
    return "; ".join(word for word in [*words, field.note] if word)


def cell_words(field: LayoutField, unit: str) -> list[str]:
    """What a cell may hold, in words: format, unit, signs, codes."""
    words = [field.format]
    words += [f"in {unit}"] if field.type == "amount" else []
    words += [f"always {field.constant!r}"] if field.constant is not None else []
    signs = " ".join(f"{mark!r} {'plus' if way > 0 else 'minus'}" for mark, way in field.signs.items())
    words += [f"{'may begin with' if field.start is None else 'first character'} {signs}"] if signs else []
    words += ["without a sign"] if field.type == "amount" and not signs else []
    codes = ", ".join(f"{code or 'blank'} {meaning}" for code, meaning in field.values.items())
    words += [codes] if codes else []
    words += ["any other code unknown"] if field.otherwise is not None else []
    words += [f"begins with {field.prefix!r}"] if field.prefix else []
    words += [f"also blank: {' '.join(map(repr, field.blanks))}"] if field.blanks else []
    return words


def _values(layout: Layout, line: Line) -> dict[str, Value]:
    """Values of an example line; one record stands under header and trailer."""
    return {field.name: _value(layout, field) for field in line.fields}


def _value(layout: Layout, field: LayoutField) -> Value:
    """An example of a field that must be there; the others are left blank."""
    if field.constant is not None:
        return field.constant
    sale = _SALE.get(field.name) if layout.gives == "transaction" else None
    if sale is not None and (field.length or 4) >= len(sale) and _fitting(layout, field, sale):
        return sale
    if not field.required and not field.declares and field.name != "kind":
        return None
    if field.values:
        return next((code for code, meaning in field.values.items() if meaning != "SKIP"), next(iter(field.values)))
    summed = layout.record.field(field.of) if field.declares == "total" else None
    if summed is not None and not summed.required:
        return 0  # it is left blank
    match field.type:
        case "amount":
            return _FEN if not field.signs or 1 in field.signs.values() else -_FEN
        case "count":
            return 1
        case "date":
            return _DAY
        case "datetime":
            return _MOMENT
        case "card":
            return _fitting(layout, field, _DIGITS[: min(field.length or 19, 19)])
        case "text" if "name" in field.name and layout.encoding != "ascii":
            return "得月楼"
        case _:
            size = field.length or 8
            return _fitting(layout, field, _COUNTING[: size if field.type in {"digits", "hex"} else min(size, 8)])


def _fitting(layout: Layout, field: LayoutField, text: str) -> str | None:
    try:
        format_cell(field, text, layout.unit_of(field))
    except CellError:
        return None
    return text


# --- a record of a file ----------------------------------------------------------------------------------------------


def show_layout(layout_of: Callable[[Mapping[str, Any]], Layout]) -> Show:
    """The `show` of a format whose files have the layout that `layout_of` gives for the settings."""

    def show(stream: BinaryIO, reject: Reject, settings: Mapping[str, Any]) -> Shown | None:
        return show_record(stream, reject, layout_of(settings))

    return show


def show_record(stream: BinaryIO, reject: Reject, layout: Layout) -> Shown | None:
    """The line that a reject is about, cut into its cells. A line of another shape is shown as any text."""
    ends = [*layout.header, *layout.trailer] if reject.byte < _NEAR else [*layout.trailer, *layout.header]
    kinds = [layout.record] if reject.record else ends
    line, names = next(
        ((kind, names) for kind in kinds for names in [_names(kind, reject.field)] if names), (None, set[str]())
    )
    raw = read_at(stream, reject.byte)
    if line is None or not raw or is_workbook(stream):
        return show_line(stream, reject, {})
    fixed = layout.shape == "fixed"
    whole = raw[: line.width] if fixed else raw.split(b"\n", 1)[0].rstrip(b"\r")
    if fixed and (len(whole) < line.width or b"\n" in whole):
        return show_line(stream, reject, {})
    cells = [whole[(f.start or 1) - 1 : f.end] for f in line.fields] if fixed else _cut(whole, layout)
    if len(cells) != len(line.fields):
        return show_line(stream, reject, {})
    gaps = _gaps(whole, line) if fixed else [layout.separator] * (len(cells) - 1)
    text, spans = "", []
    for cell, gap in zip(cells, ["", *gaps], strict=True):
        text += gap
        spans.append((len(text), len(text) + len(cell.decode(layout.read_encoding, errors="replace"))))
        text += cell.decode(layout.read_encoding, errors="replace")
    numbers = [n for n, field in enumerate(line.fields) if field.name in names]
    masked = _masked(line.fields, spans, text)
    about = "; ".join(_about(layout, line.fields[number], reject) for number in numbers)
    return Shown(plain(masked), spans[numbers[0]][0], spans[numbers[-1]][1], about)


def _names(line: Line, name: str) -> set[str]:
    """The fields of a line that say what a reject is about: the one of that name, else those it is worked out of."""
    found = {name} if line.field(name) is not None else set()
    return found or {other for other in _SAID_BY.get(name, ()) if line.field(other) is not None}


def _gaps(whole: bytes, line: Line) -> list[str]:
    """What stands between the cells of a fixed line."""
    return [
        whole[left.end : (right.start or 1) - 1].decode("latin-1")
        for left, right in zip(line.fields, line.fields[1:], strict=False)
    ]


def _cut(whole: bytes, layout: Layout) -> list[bytes]:
    """Cells of a delimited line: decoded before they are cut, as the second byte of a character can be a separator."""
    text = whole.decode(layout.read_encoding, errors="surrogateescape")
    return [cell.encode(layout.read_encoding, errors="surrogateescape") for cell in text.split(layout.separator)]


def _masked(fields: Sequence[LayoutField], spans: Sequence[tuple[int, int]], text: str) -> str:
    """The line without what may be a card number: cards' cells, and long runs of digits wherever cells begin and end.

    Times and amounts with zeros in front are shown where they fill their cell: fields of a record that is shifted may
    hold a piece of a card number each.
    """
    out, clear = list(text), []
    for field, (start, end) in zip(fields, spans, strict=True):
        cell = text[start:end]
        number = field.type in {"amount", "count"}
        if (field.type in {"date", "datetime"} and cell[:2] in {"19", "20"}) or (
            number and cell.lstrip("+- DC")[:2] == "00"
        ):
            clear.append((start, end))
            continue
        card = field.type == "card" or "card_number" in field.name or "account" in field.name
        out[start:end] = mask_cell(cell) if card else mask_number(cell) if number else mask_text(cell)
    for run in _DIGIT_RUN.finditer(text):
        if not any(start <= run.start() and run.end() <= end for start, end in clear):
            out[run.start() + 2 : run.end() - 2] = "*" * (len(run.group()) - 4)
    return "".join(out)


def _about(layout: Layout, field: LayoutField, reject: Reject) -> str:
    place = ""
    if layout.shape == "fixed" and field.start is not None:
        line, byte = "record" if reject.record else "line", reject.byte + field.start - 1
        place = f", bytes {field.start}-{field.end} of the {line}, from byte {byte} of the file"
    return f"{field.name} is {field.type}{place}: {field_words(layout, field)}".rstrip(": ")
