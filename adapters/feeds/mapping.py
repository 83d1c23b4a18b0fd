"""The description of a mapped CSV or workbook: which heading gives which field, and how rows begin and end.

docs/mapping.md is made from the descriptions of the fields here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from adapters.feeds.canonical import KINDS, SKIP
from adapters.layout import Document, Encoding, LayoutField, Unit, given, read_codec
from adapters.layout_checks import check_keys, known_zone
from adapters.layout_dates import names_day
from adapters.quotes import known_separator
from adapters.yaml_document import MisfitError, chosen_document
from settlement.model.errors import BadInput

PACKAGE = "adapters.feeds"
MappedEncoding = Literal[Encoding, "utf-16"]
_ENCODINGS = get_args(MappedEncoding)
AnyKind = Literal["", "SALE", "REFUND", "VOID", "REVERSAL"]
# what a column of a canonical name must be, where it is mapped
_TYPES = {
    "occurred_at": "datetime",
    "clearing_date": "date",
    "paid": "amount",
    "gross": "amount",
    "claimed": "amount",
    "fee": "amount",
    "card_number": "card",
}


class CsvColumn(LayoutField):
    """One column: a field as in a layout, whose `title` is its heading."""

    # what only payment and result files have
    otherwise: None = Field(default=None, exclude=True)
    prefix: Literal[""] = Field(default="", exclude=True)
    and_: str = Field(
        default="",
        alias="and",
        description="the heading of a second cell, joined behind the first with a blank: `format` is then over both",
    )
    may_lack: bool = given(
        "true: a file may lack a column of which a code means SKIP; else it is refused, as what failed would be a sale",
        default=False,
    )


class SpokenTotal(Document):
    """A total in a sentence, like 交易合计：3笔，商家实收共30.00元."""

    pattern: str = Field(
        description="regular expression; it must have a group: `count` is compared with the number of rows, a group "
        "with the name of an amount, or `total` for the one of `of`, with the sum of it"
    )
    kind: AnyKind = given("only rows of this kind are counted and summed; empty: all", "")
    of: str = given("the amount that the group `total` is about", "")


class End(Document):
    """What ends the records, and what is declared there."""

    starts_with: tuple[str, ...] = given(
        "how the row that ends the records begins, in its first cell that is not blank. Behind it stand only blank "
        "rows, rules like -----, rows of `ignore`, sentences of `spoken` and, with `where: none`, rows that begin so "
        "too; else the file is refused",
        (),
    )
    required: bool = given("a file without that row is refused: it was cut", default=True)
    where: Literal["none", "same", "next"] = given(
        "where the totals stand. none: in no cells. same: the cells of this row are `fields`, in order. next: this is "
        "a row of headings, the row after it has the values, and `fields` name the headings in `title`",
        "none",
    )
    fields: tuple[LayoutField, ...] = given("cells of the row of totals, with `declares` where they declare", ())
    spoken: tuple[SpokenTotal, ...] = given(
        "totals in sentences in this row, in those after it, or in rows of `ignore`; each must be found", ()
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.starts_with and (self.where != "none" or not self.spoken):
            raise ValueError("starts_with: say how the end row begins")
        if self.fields and self.where == "none":
            raise ValueError("fields: they would never be looked at; say where they stand: where: same, or next")
        return self


class CsvMapping(Document):
    """A mapped file: a CSV or a workbook of transactions."""

    format: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="its name: small letters, digits and _")
    title: str = Field(description="what it is, for people")
    source: str = given("where the description was taken from, for people", "")
    encoding: MappedEncoding = Field(
        description="of the text; a UTF-16 byte order mark goes before it. The setting `encoding` changes it"
    )
    separator: Annotated[str, AfterValidator(known_separator)] = given(
        "between cells of a CSV; also of several marks, like |@|", ","
    )
    newline: Literal["crlf", "lf"] = given("written between lines; any is read", "crlf")
    unit: Unit = given("of amounts whose column says none", "yuan")
    zone: Annotated[str, AfterValidator(known_zone)] = given("the time zone of the times in the file", "Asia/Shanghai")
    filename: str = given(
        "regular expression, searched in the file's name; its group `clearing_date` (YYYYMMDD, YYYY-MM-DD or YYMMDD) "
        "is the clearing date. Say what stands around it, so that no other number of the name is taken for it",
        "",
    )
    kind: AnyKind = given("the kind of every row, where no column says it", "")
    headings: bool = given("false: there is no row of headings, `columns` are the cells in order", default=True)
    unlike: tuple[str, ...] = given(
        "headings of another kind of this file, whose columns mean something else: a file that has one is refused", ()
    )
    also: dict[str, str] = given(
        "other headings, of other years or senders, and the heading of `columns` or `end` that each stands for; where "
        "a file has both, it is none",
        {},
    )
    preamble: tuple[str, ...] = given(
        "lines written above the headings; any lines above the headings (at most 60) are read over", ()
    )
    ignore: tuple[str, ...] = given(
        "regular expressions; a row whose first cell begins with one is no record (rules, counts above the records)", ()
    )
    prefix: str = given(
        "text in front of every cell that is taken off, and written again; a separator in such a cell needs no quotes",
        "",
    )
    strip: str = given("characters taken off both ends of every cell", " \t\u3000\u00a0")
    excel_text: bool = given('="..." around a cell is taken off', default=False)
    thousands: bool = given("1,234.56 is an amount", default=False)
    decimal: Literal[".", ","] = given(
        "what stands before the fen: ',' reads 1234,56, and 1.234,56 with `thousands`; in a workbook texts are rejects",
        ".",
    )
    money_mark: str = given("taken off the front of an amount, also behind its sign", "")
    ragged: bool = given("rows may lack their last, blank cells", default=False)
    open_end: bool = given(
        "true: the sender writes no line end behind the last row; a cut within its last cell cannot be seen then. "
        "Without it a CSV that ends so is refused, where no row ends the records. Not with `ragged`: the cells that a "
        "cut took would lack",
        default=False,
    )
    sign: Literal["keep", "ignore"] = given(
        "ignore: the kind says the direction, amounts are taken without their sign; a `paid` or `gross` of a sale or "
        "refund with another sign than most of its kind is a reject. A `fee` is above zero with the sign that most "
        "sales have there, and below with the other: a refund gives it back",
        "keep",
    )
    turned: tuple[str, ...] = given(
        "amounts whose sign is turned over, whatever `sign` says: the file's minus is our plus", ()
    )
    columns: tuple[CsvColumn, ...] = Field(min_length=1, strict=False, description="the columns that are read")
    end: End | None = given("what ends the records, and the totals that the file declares", None)
    key: tuple[str, ...] = Field(
        min_length=1, strict=False, description="columns whose values name a transaction, once and for all files"
    )
    refund_key: tuple[str, ...] = given("the same for anything but a sale, where it has its own number", ())
    original_key: tuple[str, ...] = given(
        "columns of a refund, void or reversal with the values that `key` has on its sale, one for each, in its order",
        (),
    )
    refund_paid: str = given("the column that stands for `paid` on anything but a sale", "")
    refund_gross: str = given("the column that stands for `gross` on anything but a sale", "")
    refund_claimed: str = given("the column that stands for `claimed` on anything but a sale", "")
    notes: tuple[str, ...] = given("what people should know, printed by `puhui feed describe`", ())

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError("columns: a name stands twice")
        for key in ("key", "refund_key", "original_key", "turned", "refund_paid", "refund_gross", "refund_claimed"):
            used = getattr(self, key)
            unknown = [name for name in ((used,) if isinstance(used, str) else used) if name and name not in names]
            if unknown:
                raise MisfitError(f"there is no column with the name {unknown[0]}: write its name, not its title", key)
        if "occurred_at" not in names or not {"paid", "gross"} & set(names):
            raise ValueError("columns: occurred_at and paid (or gross) must be among them")
        if ("kind" in names) == bool(self.kind):
            raise ValueError("kind: give a column named kind, or `kind: SALE` for a file of sales alone")
        for number, column in enumerate(self.columns):
            self._check_column(column, number)
        strange = [title for title in self.also.values() if title not in self._own_titles]
        if strange:
            raise MisfitError(f"no column has the title {strange[0]}", "also")
        check_keys(self.key, self.original_key)
        if self.open_end and self.ragged:
            raise MisfitError("not with ragged: a row that was cut would be one that lacks cells", "open_end")
        for number, name in enumerate(self.turned):
            if getattr(self.column(name), "type", "") != "amount":
                raise MisfitError(f"{name}: only an amount has a sign to turn", "turned", number)
        self._check_patterns()
        return self

    def _check_column(self, column: CsvColumn, number: int) -> None:
        wanted = _TYPES.get(column.name, column.type)
        if column.type != wanted:
            raise MisfitError(f"{column.name}: its type is {wanted}", "columns", number)
        if column.declares is not None or column.start is not None:
            wrong = "start" if column.declares is None else "declares"
            raise MisfitError(f"{column.name}: a column has no `{wrong}`", "columns", number, wrong)
        if column.type in {"date", "datetime"} and not names_day(column.format):
            message = f"{column.name}: {column.format} names no day; join the column of the day: title: DATE, and: TIME"
            raise MisfitError(message, "columns", number, "format")
        if column.name == "clearing_date" and "YY" not in column.format:
            raise MisfitError("clearing_date: needs its year", "columns", number, "format")
        if column.name == "kind" and not {SKIP, *KINDS}.issuperset(column.values.values() or [""]):
            message = f"kind: list its codes under `values`, each as one of {', '.join((*KINDS, SKIP))}"
            raise MisfitError(message, "columns", number)
        alike = [other for other in self.columns[:number] if other.title == column.title]
        same = next((other.name for other in alike if not (other.values and column.values)), None)
        if self.headings and column.title and same is not None:
            message = f"{column.name}: has the heading of {same}; a cell gives one column, but for codes with `values`"
            raise MisfitError(message, "columns", number, "title")
        if column.and_ and not self.headings and column.and_ not in {other.title for other in self.columns}:
            raise MisfitError(f"{column.name}: no column has the title {column.and_}", "columns", number, "and")

    def _check_patterns(self) -> None:
        amounts = {column.name for column in self.columns if column.type == "amount"}
        spoken = self.end.spoken if self.end else ()
        patterns = [("filename", self.filename), *(("ignore", pattern) for pattern in self.ignore)]
        for place, pattern in [*patterns, *(("end", total.pattern) for total in spoken)]:
            try:
                re.compile(pattern)
            except re.error as error:
                raise MisfitError(f"is no regular expression: {error}", place) from None
        if self.filename and "clearing_date" not in re.compile(self.filename).groupindex:
            raise MisfitError("has no group (?P<clearing_date>…)", "filename")
        for number, cell in enumerate(self.end.fields if self.end else ()):
            if cell.declares == "total" and cell.of not in amounts:
                message = f"{cell.name}: of: a total is of an amount of the columns, not of {cell.of!r}"
                raise MisfitError(message, "end", "fields", number)
        for total in spoken:
            if not re.compile(total.pattern).groupindex:
                message = "has no group that says what is compared: (?P<count>…), or (?P<paid>…)"
                raise MisfitError(message, "end", "spoken")
            about = {total.of if name == "total" else name for name in re.compile(total.pattern).groupindex}
            if about - amounts - {"count"}:
                message = f"a total is of an amount of the columns, not of {', '.join(sorted(about - amounts))!r}"
                raise MisfitError(message, "end", "spoken")

    def column(self, name: str) -> CsvColumn | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def identity(self) -> frozenset[str]:
        """The columns that name a transaction or its original."""
        return frozenset((*self.key, *self.refund_key, *self.original_key))

    @property
    def needed_headings(self) -> set[str]:
        """The headings without which a row is not the one of headings.

        They are also those of a code that leaves rows out, for all would be taken, and of a blank one: all would have
        it.
        """
        codes = {c.name for c in self.columns if "" in c.values or (SKIP in c.values.values() and not c.may_lack)}
        wanted = [column for column in self.columns if column.required or column.name in {*self.key, *codes}]
        return {title for column in wanted for title in (column.title, column.and_) if title}

    @cached_property
    def _own_titles(self) -> dict[str, str]:
        """The headings of this mapping, as they are written, and plain."""
        ends = (spec.title for spec in self.end.fields) if self.end else ()
        titles = [*(title for c in self.columns for title in (c.title, c.and_)), *ends, *self.unlike]
        return {_plain(title): title for title in titles} | {title: title for title in titles}

    @cached_property
    def _titles(self) -> dict[str, str]:
        """The same and those of `also`, before which its own go."""
        others = {_plain(title): title for title in self.also} | {title: title for title in self.also}
        return others | self._own_titles

    def titled(self, cells: list[str]) -> list[str]:
        """A row of headings in the words of this mapping: 金额 (元) is 金额（元）, and what `also` says.

        Where a heading stands there as it is written here, another that differs by blanks is another.
        """
        there = set(cells)
        alike = [self._titles.get(cell) or self._titles.get(_plain(cell), cell) for cell in cells]
        named = [
            cell if title in there and _narrow(cell) != _narrow(title) else title
            for cell, title in zip(cells, alike, strict=True)
        ]
        there = set(named)
        others = {other: self._own_titles[title] for other, title in self.also.items()}
        return [cell if others.get(cell, cell) in there else others[cell] for cell in named]

    def lacking(self, titles: list[str]) -> list[str]:
        """A note on money that is blank in every record, as the file has no such heading: it may have been renamed."""
        known = self.titled(titles)
        names = {"paid", "gross", "claimed", "fee", self.refund_paid, self.refund_gross, self.refund_claimed}
        lacks = [f"{c.title} ({c.name})" for c in self.columns if c.name in names and c.title not in known]
        if not (titles and lacks):
            return []
        return [
            f"no heading {', '.join(lacks)}: blank in every record; if it has another name now, correct the mapping"
        ]

    @property
    def read_encoding(self) -> str:
        """As Layout.read_encoding."""
        return read_codec(self.encoding)

    @cached_property
    def ignored(self) -> re.Pattern[str] | None:
        """What the first cell of a row that is no record begins with."""
        return re.compile("|".join(f"(?:{pattern})" for pattern in self.ignore)) if self.ignore else None

    @property
    def only_read(self) -> str:
        """What makes that no file can be written by this mapping; "" where nothing does."""
        if self.end is not None and self.end.spoken:
            return "totals in sentences"
        if any(column.and_ for column in self.columns):
            return "a column of two cells"
        titles = [column.title for column in self.columns if column.title]
        if self.headings and len(set(titles)) < len(titles):
            return "two columns of one heading"
        if self.decimal == ",":
            return "a comma before the fen"
        if len(self.separator) > 1:
            return "a separator of several marks"
        return "no column of kinds" if self.kind else ""


def _narrow(heading: str) -> str:
    return unicodedata.normalize("NFKC", heading)


def _plain(heading: str) -> str:
    """A heading in signs of one width, without blanks and line ends: workbooks break headings to be narrow."""
    return "".join(_narrow(heading).split())


def mapping_of(settings: Mapping[str, object]) -> CsvMapping:
    """The mapping of a source: settings["mapping"] as a shipped name, a mapping (YAML) or a CsvMapping.

    Its encoding is the setting `encoding` where that is given.
    """
    chosen = settings.get("mapping")
    if chosen is None:
        raise BadInput("setting mapping: a shipped name, or a YAML file as docs/mapping.md says")
    mapping = chosen_document(chosen, "mapping", PACKAGE, CsvMapping)
    encoding = settings.get("encoding")
    if encoding is None:
        return mapping
    if encoding not in _ENCODINGS:
        raise BadInput(f"setting encoding: {encoding!r} is none of {', '.join(_ENCODINGS)}")
    return mapping.model_copy(update={"encoding": encoding})
