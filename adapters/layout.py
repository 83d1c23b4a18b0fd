"""A record layout as data: one YAML description reads, writes, validates and documents a format (feeds.md).

A layout names header lines, one record line, trailer lines and an end mark. This module holds the description and the
codec of a single line (headers, trailers, payout rows). Bulk records are read and written by columns in adapters/feeds.

    fixed      every field has a byte `start` (from 1) and a `length` in bytes
    delimited  fields stand in order, separated by `separator`, which no value may hold (but quoted: `quotes`)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache, cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from adapters.layout_checks import (
    check_ends,
    check_field,
    check_keys,
    check_positions,
    check_quotes,
    check_transaction,
    check_width,
    dated_pattern,
    known_zone,
)
from adapters.layout_dates import moment_of, strftime_format
from adapters.yaml_document import MisfitError, load_document, shipped_text
from settlement.model.errors import BadInput
from settlement.model.money import INT64_MAX, format_yuan, parse_amount

FieldType = Literal["text", "digits", "count", "amount", "date", "datetime", "hex", "card"]
Encoding = Literal["gb18030", "gbk", "utf-8", "utf-8-sig", "ascii"]
Value = str | int | date | datetime | None

_NEWLINES = {"crlf": b"\r\n", "lf": b"\n"}


class CellError(ValueError):
    """One cell that cannot be read or written: the field's name, a reject code, and a message without the value."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code = field, code


class Document(BaseModel):
    """A part of a description as data: strict, frozen, no unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


def given(description: str, default: Any) -> Any:
    """A key with a default; docs/mapping.md is made from the descriptions. A list of YAML is a tuple here."""
    return Field(default=default, strict=False if isinstance(default, tuple) else None, description=description)


class LayoutField(Document):
    """One field. `start` is the 1-based byte in a fixed line; widths are bytes of the encoded text."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$", description="the canonical name, or any other for what is only checked"
    )
    title: str = given("what the sender calls it; the heading in a mapped file", "")
    type: FieldType = given(
        "text. digits, hex, card: numbers kept as text, with leading zeros. count: a whole number. amount: digits "
        "in fen, or decimal text in yuan. date, datetime: exactly `format`",
        "text",
    )
    start: int | None = Field(default=None, ge=1, description="the first byte of a fixed field, from 1")
    length: int | None = Field(default=None, ge=1, le=65_535, description="bytes of a fixed field; at most, in others")
    format: str = given(
        "of a date or datetime: YYYY MM DD hh mm ss, and what stands between them. M, D and h have one digit or two "
        "(2026/5/7 9:05 is YYYY/M/D h:mm), f is a fraction of a second, YY a year of two digits (26 is 2026). None of "
        "these stands in a fixed field: there two digits of a year are a text of their own, and the year is found",
        "",
    )
    unit: Literal["fen", "yuan"] | None = given("of an amount, where it is not the file's", None)
    signs: dict[str, Literal[1, -1]] = Field(
        default_factory=dict,
        description="every mark that may stand in front of an amount, with 1 or -1; one must in a fixed field, "
        "where blanks may stand before + and -",
    )
    values: dict[str, str] = Field(
        default_factory=dict,
        description='every code that may stand here and what it means, "" of a blank cell; another is a reject. Of '
        "transactions a code that means SKIP leaves the record out, counted as skipped",
    )
    otherwise: Literal["unknown"] | None = given(
        "of the `result` of a result file: unknown, and so is every code that `values` lacks", None
    )
    prefix: str = given(
        "text that stands before the value (payment and result files): written with it, read without it", ""
    )
    constant: str | None = given("the one text that may stand here; written as such", None)
    required: bool = given("a record without it is a reject", default=False)
    pad: Literal["", " ", "0"] = given("0: zeros fill a fixed field on its left, as always in amounts and counts", "")
    blanks: tuple[str, ...] = given("texts that mean that nothing is given, beside the blank cell", ())
    declares: Literal["count", "total", "clearing_date"] | None = given(
        "of a header, trailer or row of totals: it declares the count of records, the unsigned total of the amount in "
        "`of`, or the clearing date. A count or total must be there: a blank one proves nothing",
        None,
    )
    of: str = given("the amount of the records that `declares: total` is about", "")
    note: str = given("more for people", "")

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        check_field(self)
        return self

    @property
    def must(self) -> bool:
        """True where a blank cell is wrong."""
        return self.required or self.declares in {"count", "total"}

    @property
    def end(self) -> int:
        """The 1-based last byte of a fixed field."""
        assert self.start is not None
        assert self.length is not None
        return self.start + self.length - 1


class Line(Document):
    """One kind of line."""

    fields: tuple[LayoutField, ...] = Field(min_length=1, strict=False, description="its fields, in order")
    length: int | None = Field(
        default=None, ge=1, description="bytes of a fixed line that is longer than its last field"
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [field.name for field in self.fields]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"field named twice: {', '.join(twice)}")
        return self

    def field(self, name: str) -> LayoutField | None:
        """The field of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)

    @property
    def width(self) -> int:
        """Bytes of a fixed line without its newline."""
        return self.length or max(field.end for field in self.fields)


class Layout(Document):
    """A format as data: header lines, one kind of record, trailer lines, an end mark."""

    format: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="its name: small letters, digits and _")
    title: str = Field(description="what it is, for people")
    source: str = given("where the description was taken from, for people", "")
    gives: Literal["transaction", "payment", "result"] = given(
        "what its records are: transaction, payment (a payout file) or result (a 回盘 file)", "transaction"
    )
    shape: Literal["fixed", "delimited"] = Field(
        description="fixed: fields by bytes. delimited: in order, `separator` between them; where it is a result file, "
        "a workbook too, a row for a line"
    )
    encoding: Encoding = Field(description="of the text; gbk is read as GB18030")
    newline: Literal["crlf", "lf", "any"] = given("line ends; any: either, one kind in a fixed feed's file", "crlf")
    separator: str = Field(
        default=" ", min_length=1, max_length=4, description="between delimited fields, and in the gaps of fixed ones"
    )
    quotes: bool = given("cells of a delimited result file may stand in double quotes, as in a CSV", default=False)
    sheet: str = given("of a result file that comes as a workbook: the sheet that is read; without it, the first", "")
    unit: Literal["fen", "yuan"] = given("of amounts whose field says none", "fen")
    zone: Annotated[str, AfterValidator(known_zone)] = given("the time zone of the times in the file", "Asia/Shanghai")
    filename: str = given(
        "regular expression, searched in the file's name; its group `clearing_date` is the clearing date", ""
    )
    maximum_records: int | None = Field(default=None, ge=1, description="more records refuse the file")
    header: tuple[Line, ...] = given("lines above the records", ())
    record: Line = Field(description="the line of a record")
    trailer: tuple[Line, ...] = given("lines below the records", ())
    end_mark: str = given("the last line of the file; it is read with a line end behind it or without", "")
    end_mark_newline: bool = given("true: it is written with a line end behind it", default=False)
    key: tuple[str, ...] = given("fields of the record whose values name it, once and for all files", ())
    original_key: tuple[str, ...] = given(
        "fields with the values that `key` has on the record's original, one for each, in its order", ()
    )
    notes: tuple[str, ...] = given("what people should know, printed by `puhui feed describe`", ())

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.shape == "fixed":
            if len(self.separator) != 1 or not self.separator.isascii():
                raise ValueError("separator: a fixed layout has one ASCII character between fields")
            check_positions(self.record, "record")
            for what, lines in (("header", self.header), ("trailer", self.trailer)):
                for number, line in enumerate(lines):
                    check_positions(line, what, number)
        for what, lines in (("header", self.header), ("trailer", self.trailer)):
            for number, line in enumerate(lines):
                self._check_totals(line, what, number)
        check_ends(self)
        self._check_bulk()
        if self.gives == "transaction":
            check_transaction(self.record)
        for what, names in (("key", self.key), ("original_key", self.original_key)):
            for number, name in enumerate(names):
                if self.record.field(name) is None:
                    raise MisfitError(f"the record has no field {name!r}", what, number)
        check_keys(self.key, self.original_key)
        check_quotes(self)
        try:
            dated_pattern(self.filename) if self.gives == "transaction" else re.compile(self.filename)
        except ValueError as error:
            raise MisfitError(str(error), "filename") from None
        except re.error as error:
            raise MisfitError(f"is no regular expression: {error}", "filename") from None
        return self

    def _check_totals(self, line: Line, what: str, number: int) -> None:
        for at, field in enumerate(line.fields):
            target = self.record.field(field.of)
            if field.declares == "total" and (target is None or target.type != "amount"):
                message = f"{field.name}: `of` must name an amount of the record, not {field.of!r}"
                raise MisfitError(message, what, number, "fields", at, "of")

    def _check_bulk(self) -> None:
        """Transactions are read by columns, which know no `prefix`; nothing but a result is `unknown`."""
        for line in self.lines:
            for field in line.fields:
                check_width(self, field)
                if field.prefix and line is self.record and self.gives == "transaction":
                    raise ValueError(f"{field.name}: a field of a transaction has no prefix")
                is_result = line is self.record and (self.gives, field.name) == ("result", "result")
                if field.otherwise is not None and not is_result:
                    raise ValueError(f"{field.name}: only the result of a result file may be `otherwise`")

    @property
    def lines(self) -> tuple[Line, ...]:
        """Every kind of line, in the order of the file."""
        return (*self.header, self.record, *self.trailer)

    @property
    def newline_bytes(self) -> bytes:
        """What a writer puts after a line (CRLF where the reader takes any)."""
        return _NEWLINES.get(self.newline, b"\r\n")

    @property
    def end_mark_bytes(self) -> bytes:
        """The end mark in the file's encoding, without a line end."""
        return self.end_mark.encode(self.text_encoding)

    @property
    def read_encoding(self) -> str:
        """The strict codec for reading: what banks call GBK is read as GB18030; a BOM is accepted on UTF-8."""
        return {"gbk": "gb18030", "utf-8": "utf-8-sig"}.get(self.encoding, self.encoding)

    @property
    def text_encoding(self) -> str:
        """The codec of a text by itself, without a BOM."""
        return self.read_encoding.removesuffix("-sig")

    @property
    def write_encoding(self) -> str:
        """The strict codec for writing; a BOM is written once, by the writer of the first line (utf-8-sig)."""
        return "utf-8" if self.encoding == "utf-8-sig" else self.encoding

    @cached_property
    def digit_fields(self) -> frozenset[str]:
        """Record fields whose values are digits, hex digits or a card number, as they stand."""
        kinds = {"digits", "hex", "card"}
        return frozenset(field.name for field in self.record.fields if field.type in kinds and not field.values)

    def unit_of(self, field: LayoutField) -> Literal["fen", "yuan"]:
        """The unit an amount is written in."""
        return field.unit or self.unit


# --- loading ---------------------------------------------------------------------------------------------------------


def load_layout(text: str, name: str) -> Layout:
    """A Layout from YAML text; `name` is what messages call it. BadInput: not YAML, or not a layout."""
    return load_document(text, name, Layout)


@cache
def shipped_layout(package: str, name: str) -> Layout:
    """The layout that ships in `package`/layouts as `name`.yaml. BadInput: there is none."""
    text = shipped_text(package, name)
    if text is None:
        raise BadInput(f"layout {name!r} does not ship; give one that `puhui feed list` names, or a YAML file")
    return load_layout(text, f"{name}.yaml")


# --- one line --------------------------------------------------------------------------------------------------------


def parse_cell(field: LayoutField, text: str, unit: Literal["fen", "yuan"]) -> Value:
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
        raise CellError(field.name, "UNKNOWN_CODE", f"is none of {', '.join(code or 'blank' for code in field.values)}")
    return _parse_typed(field, bare, text, unit) if bare else bare  # blank: a code, of whatever type the others are


def _parse_typed(field: LayoutField, bare: str, text: str, unit: Literal["fen", "yuan"]) -> Value:
    match field.type:
        case "amount":
            return parse_signed(field, text if field.signs else bare, unit)
        case "count":
            if re.fullmatch("0*[0-9]{1,18}", bare, re.ASCII) is None:
                raise CellError(field.name, "BAD_COUNT", "is not a whole number; write digits")
            return int(bare[-18:])
        case "date" | "datetime":
            return _parse_date(field, bare)
        case "digits":
            _need(field, bare, "[0-9]+", "BAD_DIGITS", "has something that is not a digit")
        case "hex":
            _need(field, bare, "[0-9A-Fa-f]+", "BAD_HEX", "has something that is not a hexadecimal digit")
        case "card":
            _need(field, bare, "[0-9*]+", "BAD_CARD", "is not a card number of digits")
        case "text":
            if any(ord(char) < 32 or ord(char) == 127 for char in bare):
                raise CellError(field.name, "BAD_TEXT", "has a control character")
    return bare


def _need(field: LayoutField, text: str, pattern: str, code: str, message: str) -> None:
    if re.fullmatch(pattern, text, re.ASCII) is None:
        raise CellError(field.name, code, message)


def parse_signed(field: LayoutField, text: str, unit: Literal["fen", "yuan"]) -> int:
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


def format_cell(field: LayoutField, value: Value, unit: Literal["fen", "yuan"]) -> str:
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
        raise CellError(field.name, "UNKNOWN_CODE", f"is none of {', '.join(code or 'blank' for code in field.values)}")
    return field.prefix + value


def _format_number(field: LayoutField, value: int, unit: Literal["fen", "yuan"]) -> str:
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
        if len(raw) > field.length:
            raise CellError(field.name, "TOO_LONG", f"is {len(raw)} bytes; at most {field.length} fit")
        zero = field.pad == "0" or field.type in {"amount", "count"}
        out[field.start - 1 : field.end] = raw.rjust(field.length, b"0") if zero and raw else raw.ljust(field.length)
    return bytes(out)


def _encode_delimited(layout: Layout, line: Line, cells: Sequence[str]) -> bytes:
    for field, cell in zip(line.fields, cells, strict=True):
        if layout.separator in cell or "\n" in cell or "\r" in cell:
            raise CellError(field.name, "HAS_SEPARATOR", f"holds {layout.separator!r} or a line end; take it out")
        raw = encode_text(field.name, cell, layout.write_encoding)
        if field.length is not None and len(raw) > field.length:
            raise CellError(field.name, "TOO_LONG", f"is {len(raw)} bytes; at most {field.length} fit")
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
    most = field.length
    if most is not None and len(text) * 4 > most and (size := len(text.encode(encoding))) > most:
        raise CellError(field.name, "TOO_LONG", f"is {size} bytes; at most {most} fit")


def decode_line(layout: Layout, line: Line, raw: bytes) -> dict[str, Value]:
    """The values of one line by field name (amounts in fen). CellError: the first field that is wrong."""
    return decode_cells(layout, line, split_line(layout, line, raw))


def decode_cells(layout: Layout, line: Line, cells: Sequence[str]) -> dict[str, Value]:
    """As `decode_line`, of a line that was cut into its cells already."""
    pairs = list(zip(line.fields, cells, strict=True))
    for field, cell in pairs if layout.shape == "delimited" else ():
        check_length(field, cell.strip(" "), layout.text_encoding)
    return {field.name: parse_cell(field, cell, layout.unit_of(field)) for field, cell in pairs}
