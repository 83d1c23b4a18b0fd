"""A record layout as data: one YAML description reads, writes, validates and documents a format (feeds.md).

A layout names header lines, one record line, trailer lines and an end mark. This module holds the description;
layout_line.py reads and writes a single line by it (headers, trailers, payout rows), adapters/feeds whole columns.

    fixed      every field has a byte `start` (from 1) and a `length` in bytes
    delimited  fields stand in order, separated by `separator`, which no value may hold (but quoted: `quotes`)
"""

from __future__ import annotations

import re
from functools import cached_property
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
from adapters.layout_dates import is_varied
from adapters.yaml_document import MisfitError, load_document, shipped_document

FieldType = Literal["text", "digits", "count", "amount", "date", "datetime", "hex", "card"]
Encoding = Literal["gb18030", "gbk", "utf-8", "utf-8-sig", "ascii"]
Unit = Literal["fen", "yuan"]

_NEWLINES = {"crlf": b"\r\n", "lf": b"\n"}


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
    unit: Unit | None = given("of an amount, where it is not the file's", None)
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


def read_codec(encoding: str) -> str:
    """The strict codec for reading: what banks call GBK is read as GB18030; a BOM is accepted on UTF-8."""
    return {"gbk": "gb18030", "utf-8": "utf-8-sig"}.get(encoding, encoding)


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
    unit: Unit = given("of amounts whose field says none", "fen")
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
        fixed = self.shape == "fixed"
        if fixed:
            if len(self.separator) != 1 or not self.separator.isascii():
                raise ValueError("separator: a fixed layout has one ASCII character between fields")
            check_positions(self.record, "record")
        for what, lines in (("header", self.header), ("trailer", self.trailer)):
            for number, line in enumerate(lines):
                if fixed:
                    check_positions(line, what, number)
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
    def newline_words(self) -> str:
        """Line ends as people call them."""
        return {"crlf": "CR LF", "lf": "LF", "any": "CR LF or LF"}[self.newline]

    @property
    def ends_by_itself(self) -> bool:
        """Whether the last line of the trailer can be told to be whole without a line end: by what it declares.

        Not where the file may be cut within its clearing date, and leave another one (2026/5/17, 2026/5/1).
        """
        fields = self.trailer[-1].fields if self.trailer and not self.end_mark else ()
        if fields and fields[-1].declares == "clearing_date" and is_varied(fields[-1].format):
            return False
        return any(field.constant is not None or field.declares in {"count", "total"} for field in fields)

    @property
    def end_mark_bytes(self) -> bytes:
        """The end mark in the file's encoding, without a line end."""
        return self.end_mark.encode(self.text_encoding)

    @property
    def read_encoding(self) -> str:
        """The strict codec for reading."""
        return read_codec(self.encoding)

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

    def unit_of(self, field: LayoutField) -> Unit:
        """The unit an amount is written in."""
        return field.unit or self.unit


# --- loading ---------------------------------------------------------------------------------------------------------


def load_layout(text: str, name: str) -> Layout:
    """A Layout from YAML text; `name` is what messages call it. BadInput: not YAML, or not a layout."""
    return load_document(text, name, Layout)


def shipped_layout(package: str, name: str) -> Layout:
    """The layout that ships in `package`/layouts as `name`.yaml. BadInput: there is none."""
    return shipped_document(package, name, Layout)
