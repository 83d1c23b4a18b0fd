"""The description of a mapped CSV or workbook: which heading gives which field, and how rows begin and end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from adapters.description import Part, lines
from adapters.layout import Encoding, LayoutField
from adapters.yaml_document import document_of, load_document, shipped_text
from settlement.model.errors import BadInput

PACKAGE = "adapters.feeds"


class _Document(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class SpokenTotal(_Document):
    """A total in a sentence, like 交易合计：3笔，商家实收共30.00元: groups `count` and `total` of the rows of `kind`.

    `total` is compared with the unsigned sum of the amount named in `of`; either group may be absent.
    """

    pattern: str
    kind: Literal["", "SALE", "REFUND", "VOID", "REVERSAL"] = ""
    of: str = ""


class End(_Document):
    """What ends the records: a row whose first cell begins with one of `starts_with`.

    where   none: it says nothing more. same: its own cells are `fields`, in order. next: it is a heading row, and the
            row after it has the values; `fields` name the headings in `title`.
    spoken  totals in sentences in this row or those after it.
    """

    starts_with: tuple[str, ...] = Field(min_length=1, strict=False)
    required: bool = True
    where: Literal["none", "same", "next"] = "none"
    fields: tuple[LayoutField, ...] = Field(default=(), strict=False)
    spoken: tuple[SpokenTotal, ...] = Field(default=(), strict=False)


class CsvMapping(_Document):
    """A mapped file. A column's `title` is its heading; `headings: false` means there is no heading row.

    prefix       text in front of every cell that is taken off ("`"), and written again
    strip        characters taken off both ends of every cell
    excel_text   ="..." around a cell is taken off
    thousands    1,234.56 is an amount
    money_mark   taken off the front of an amount (¥)
    ragged       rows may lack their last, blank cells
    refund_paid, refund_gross, refund_claimed: fields that stand for paid, gross and claimed on anything but a sale
    refund_key   the natural key of anything but a sale, where it has its own number
    sign         ignore: the kind says the direction, amounts are taken without their sign
    turned       amounts whose sign is turned over, whatever `sign` says: the file's minus is our plus
    """

    format: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    source: str = ""
    encoding: Encoding
    separator: str = Field(default=",", min_length=1, max_length=1)
    newline: Literal["crlf", "lf"] = "crlf"
    unit: Literal["fen", "yuan"] = "yuan"
    zone: str = "Asia/Shanghai"
    filename: str = ""
    headings: bool = True
    preamble: tuple[str, ...] = Field(default=(), strict=False)
    prefix: str = ""
    strip: str = " \t\u3000\u00a0"
    excel_text: bool = False
    thousands: bool = False
    money_mark: str = ""
    ragged: bool = False
    sign: Literal["keep", "ignore"] = "keep"
    turned: tuple[str, ...] = Field(default=(), strict=False)
    columns: tuple[LayoutField, ...] = Field(min_length=1, strict=False)
    end: End | None = None
    key: tuple[str, ...] = Field(min_length=1, strict=False)
    refund_key: tuple[str, ...] = Field(default=(), strict=False)
    original_key: tuple[str, ...] = Field(default=(), strict=False)
    refund_paid: str = ""
    refund_gross: str = ""
    refund_claimed: str = ""
    notes: tuple[str, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError("columns: a name stands twice")
        used = {*self.key, *self.refund_key, *self.original_key, *self.turned} | {
            name for name in (self.refund_paid, self.refund_gross, self.refund_claimed) if name
        }
        unknown = sorted(used - set(names))
        if unknown:
            raise ValueError(f"columns: there is none named {', '.join(unknown)}")
        if "kind" not in names or "occurred_at" not in names or not {"paid", "gross"} & set(names):
            raise ValueError("columns: kind, occurred_at and paid (or gross) must be among them")
        for pattern in (self.filename, *(spoken.pattern for spoken in (self.end.spoken if self.end else ()))):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"pattern: {error}") from None
        return self

    def column(self, name: str) -> LayoutField | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def read_encoding(self) -> str:
        """As Layout.read_encoding."""
        return {"gbk": "gb18030", "utf-8": "utf-8-sig"}.get(self.encoding, self.encoding)


def mapping_of(settings: Mapping[str, object]) -> CsvMapping:
    """The mapping of a source: settings["mapping"] as a shipped name, a mapping (YAML) or a CsvMapping.

    Its encoding is the setting `encoding` where that is given.
    """
    mapping = _chosen(settings.get("mapping"))
    encoding = settings.get("encoding")
    if encoding is None:
        return mapping
    if encoding not in get_args(Encoding):
        raise BadInput(f"setting encoding: {encoding!r} is none of {', '.join(get_args(Encoding))}")
    return mapping.model_copy(update={"encoding": encoding})


def _chosen(chosen: object) -> CsvMapping:
    if isinstance(chosen, CsvMapping):
        return chosen
    if isinstance(chosen, str):
        text = shipped_text(PACKAGE, chosen)
        if text is None:
            raise BadInput(f"mapping {chosen!r} does not ship; give one that `puhui feed list` names, or a YAML file")
        return load_document(text, f"{chosen}.yaml", CsvMapping)
    if chosen is None:
        raise BadInput("setting mapping: say which columns the file has: a shipped name, or a YAML file")
    return document_of(chosen, "setting mapping", CsvMapping)


def describe_mapping(mapping: CsvMapping) -> list[Part]:
    """The mapping for people: its columns, and what stands above the records."""
    head = [f"{mapping.format}: {mapping.title}"]
    head += [f"CSV or workbook; {mapping.encoding}; separator {mapping.separator!r}; unit {mapping.unit}"]
    head += [f"source: {mapping.source}"] * bool(mapping.source)
    head += [f"natural key: {' '.join(mapping.key)}"]
    head += [f"file name: {mapping.filename}"] * bool(mapping.filename)
    if mapping.end is not None:
        head += [f"records end at a row that begins with {' or '.join(mapping.end.starts_with)}"]
    rows = []
    for number, column in enumerate(mapping.columns, 1):
        words = [column.format, f"in {column.unit or mapping.unit}" * (column.type == "amount")]
        words += [", ".join(f"{code} {meaning}" for code, meaning in column.values.items())]
        heading = column.title if mapping.headings else f"{number} {column.title}".rstrip()
        what = "; ".join(word for word in [*words, column.note] if word)
        rows.append((heading, column.type, "must" * column.required, column.name, what))
    headings = ("heading" if mapping.headings else "cell", "type", "must", "name", "what")
    heads = mapping.separator.join(column.title for column in mapping.columns)
    example = [*mapping.preamble, heads] if mapping.headings else []
    notes = [f"note: {note}" for note in mapping.notes]
    return [lines("", head), Part("", headings, rows), lines("example", example), lines("", notes)]
