"""One line of a layout (layout.py): its cells as values, and values as its bytes.

A transaction feed is read and written by columns (adapters/feeds), which leave here every cell that is not regular:
`parse_cell` has the only say on what a cell may be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from adapters.layout import Layout, LayoutField, Line, Unit
from adapters.layout_dates import moment_of, strftime_format
from settlement.model.money import INT64_MAX, format_yuan, parse_amount

Value = str | int | date | datetime | None
# what texts of these types are made of, within the brackets of a regular expression; and the fault of other texts
ALPHABETS = {"digits": "0-9", "hex": "0-9A-Fa-f", "card": "0-9*"}
_FOREIGN = {
    "digits": ("BAD_DIGITS", "has something that is not a digit"),
    "hex": ("BAD_HEX", "has something that is not a hexadecimal digit"),
    "card": ("BAD_CARD", "is not a card number of digits"),
}


class CellError(ValueError):
    """One cell that cannot be read or written: the field's name, a reject code, and a message without the value."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code = field, code


def parse_cell(field: LayoutField, text: str, unit: Unit) -> Value:
    """The value of one cell. None where it is blank; CellError where it is not what the field says."""
    bare = text.strip(" ")
    if field.constant is not None:
        if bare != field.constant.strip(" "):
            raise CellError(field.name, "BAD_CONSTANT", f"must be {field.constant!r}")
        return bare
    if bare not in field.values and (not bare or bare in field.blanks):
        if field.must:
            raise CellError(field.name, "MISSING", "is blank; it must be given")
        return None
    if field.prefix:
        if not bare.startswith(field.prefix):
            raise CellError(field.name, "BAD_CONSTANT", f"must begin with {field.prefix!r}")
        return parse_cell(field.model_copy(update={"prefix": ""}), bare.removeprefix(field.prefix), unit)
    if field.values and bare not in field.values and field.otherwise is None:
        raise _unknown_code(field)
    return _parse_typed(field, bare, text, unit) if bare else bare  # blank: a code, of whatever type the others are


def _unknown_code(field: LayoutField) -> CellError:
    return CellError(field.name, "UNKNOWN_CODE", f"is none of {', '.join(code or 'blank' for code in field.values)}")


def _parse_typed(field: LayoutField, bare: str, text: str, unit: Unit) -> Value:
    match field.type:
        case "amount":
            return _parse_signed(field, text if field.signs else bare, unit)
        case "count":
            zeros = r"(?:\.0+)?" if field.start is None else ""  # WeChat's bill of funds counts 20.0 lines
            found = re.fullmatch(f"0*([0-9]{{1,18}}){zeros}", bare, re.ASCII)
            if found is None:
                raise CellError(field.name, "BAD_COUNT", "is not a whole number; write digits")
            return int(found[1])
        case "date" | "datetime":
            return _parse_date(field, bare)
        case "digits" | "hex" | "card":
            if re.fullmatch(f"[{ALPHABETS[field.type]}]+", bare) is None:
                raise CellError(field.name, *_FOREIGN[field.type])
        case "text":
            if any(ord(char) < 32 or ord(char) == 127 for char in bare):
                raise CellError(field.name, "BAD_TEXT", "has a control character")
    return bare


def _parse_signed(field: LayoutField, text: str, unit: Unit) -> int:
    """An amount cell in fen: a mark of the sign table, then digits (fen) or decimal text (yuan).

    Only where cells have no fixed places may the mark be left out: in a fixed field a digit there is one too many.
    """
    sign = 1
    if field.start is not None and (bare := text.lstrip(" "))[:1] in {"+", "-"} & field.signs.keys():
        text = bare  # programs write it before the first digit
    if field.signs and text[:1] in field.signs:
        sign, text = field.signs[text[0]], text[1:]
    elif field.signs and (field.start is not None or not text.removeprefix(".")[:1].isdigit()):
        raise CellError(
            field.name, "BAD_SIGN", f"begins with a mark that is none of {', '.join(map(repr, field.signs))}"
        )
    text = text.strip(" ")
    if len(text) > 18:  # a wide field filled with zeros
        text = re.sub("^0+(?=[0-9])", "", text)
    if text.startswith(".") and field.start is None and unit == "yuan":  # as Oracle writes 0.50
        text = "0" + text
    try:
        fen = parse_amount(text, 2 if unit == "yuan" else 0)
    except ValueError as error:
        raise CellError(field.name, "BAD_AMOUNT", str(error)) from None
    return sign * fen


def _parse_date(field: LayoutField, text: str) -> date | datetime:
    try:
        moment = moment_of(field.format, text)
    except ValueError as error:
        raise CellError(field.name, "BAD_DATE", str(error)) from None
    return moment.date() if field.type == "date" else moment


def format_cell(field: LayoutField, value: Value, unit: Unit) -> str:
    """The text of one cell, not yet padded. CellError where the field cannot hold the value."""
    if field.constant is not None:
        return field.constant
    if value is None or (value == "" and "" not in field.values):
        if field.must:
            raise CellError(field.name, "MISSING", "has no value; it must be given")
        return ""
    if isinstance(value, date):  # a datetime is a date
        return value.strftime(strftime_format(field.format))
    if isinstance(value, int):
        return _format_number(field, value, unit)
    if field.values and value not in field.values:
        raise _unknown_code(field)
    return field.prefix + value


def _format_number(field: LayoutField, value: int, unit: Unit) -> str:
    if field.type == "count":
        return str(value)
    sign = next((mark for mark, way in field.signs.items() if way == (-1 if value < 0 else 1)), None)
    if abs(value) > INT64_MAX or (sign is None and (value < 0 or (field.signs and field.start is not None))):
        raise CellError(field.name, "BAD_SIGN", "has no mark for this sign")
    body = format_yuan(abs(value)) if unit == "yuan" else str(abs(value))
    if field.length is not None and field.start is not None:  # a delimited cell is as long as its digits
        body = body.rjust(field.length - len(sign or ""), "0")
    return (sign or "") + body


def encode_text(field: str, text: str, encoding: str) -> bytes:
    """`text` in the target encoding; CellError names the character the encoding lacks (never a `?` in its place)."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        char = text[error.start]
        message = f"character U+{ord(char):04X} is not in {encoding}; use one that the bank's system knows"
        raise CellError(field, "NOT_IN_ENCODING", message) from None


def encode_line(layout: Layout, line: Line, values: Mapping[str, Value]) -> bytes:
    """One line without its newline, from values by field name (amounts in fen). CellError: a value does not fit."""
    cells = [format_cell(field, values.get(field.name), layout.unit_of(field)) for field in line.fields]
    if layout.shape == "delimited":
        return _encode_delimited(layout, line, cells)
    out = bytearray(layout.separator.encode("ascii") * line.width)
    for field, cell in zip(line.fields, cells, strict=True):
        assert field.start is not None
        assert field.length is not None
        raw = encode_text(field.name, cell, layout.write_encoding)
        _check_size(field, len(raw))
        zero = field.pad == "0" or field.type in {"amount", "count"}
        out[field.start - 1 : field.end] = raw.rjust(field.length, b"0") if zero and raw else raw.ljust(field.length)
    return bytes(out)


def _encode_delimited(layout: Layout, line: Line, cells: Sequence[str]) -> bytes:
    for field, cell in zip(line.fields, cells, strict=True):
        if layout.separator in cell or "\n" in cell or "\r" in cell:
            raise CellError(field.name, "HAS_SEPARATOR", f"holds {layout.separator!r} or a line end; take it out")
        _check_size(field, len(encode_text(field.name, cell, layout.write_encoding)))
    return encode_text("", layout.separator.join(cells), layout.write_encoding)


def split_line(layout: Layout, line: Line, raw: bytes) -> list[str]:
    """The cells of one line (no newline) as text, by bytes where it is fixed. CellError: length, number or encoding."""
    if layout.shape == "fixed":
        if len(raw) != line.width:
            raise CellError("", "RECORD_LENGTH", f"the line is {len(raw)} bytes; {line.width} are expected")
        _check_gaps(layout, line, raw)
        return [_decode_text(f.name, raw[(f.start or 1) - 1 : f.end], layout.read_encoding) for f in line.fields]
    cells = _decode_text("", raw, layout.read_encoding).split(layout.separator)
    if len(cells) != len(line.fields):
        raise CellError("", "FIELD_COUNT", f"the line has {len(cells)} fields; {len(line.fields)} are expected")
    return cells


def _check_gaps(layout: Layout, line: Line, raw: bytes) -> None:
    """CellError where a mark that stands between fixed fields stands elsewhere: the bytes have been shifted.

    Blanks between fields are no mark: banks use those bytes later, and say so first.
    """
    mark = ord(layout.separator)
    if mark == ord(" "):
        return
    last = 0
    for field in line.fields:
        assert field.start is not None
        if any(byte != mark for byte in raw[last : field.start - 1]):
            raise CellError(field.name, "BAD_SEPARATOR", f"has no {layout.separator!r} before it; bytes are shifted")
        last = field.end


def _decode_text(field: str, raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise CellError(field, "BAD_ENCODING", f"byte {error.start} of it is not {encoding}") from None


def check_length(field: LayoutField, text: str, encoding: str) -> None:
    """CellError where a delimited cell is longer than its field may be."""
    if field.length is not None and len(text) * 4 > field.length:
        _check_size(field, len(text.encode(encoding)))


def _check_size(field: LayoutField, size: int) -> None:
    if field.length is not None and size > field.length:
        raise CellError(field.name, "TOO_LONG", f"is {size} bytes; at most {field.length} fit")


def decode_line(layout: Layout, line: Line, raw: bytes) -> dict[str, Value]:
    """The values of one line by field name (amounts in fen). CellError: the first field that is wrong."""
    return decode_cells(layout, line, split_line(layout, line, raw))


def decode_cells(layout: Layout, line: Line, cells: Sequence[str]) -> dict[str, Value]:
    """As `decode_line`, of a line that was cut into its cells already."""
    pairs = list(zip(line.fields, cells, strict=True))
    for field, cell in pairs if layout.shape == "delimited" else ():
        check_length(field, cell.strip(" "), layout.text_encoding)
    return {field.name: parse_cell(field, cell, layout.unit_of(field)) for field, cell in pairs}
