"""A column mapping told to people: its columns, and an example of a file that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import polars as pl

from adapters.description import Part, keys, lines, unchosen
from adapters.feeds.canonical import SKIP
from adapters.feeds.columns import DTYPES
from adapters.feeds.mapped_write import text_of
from adapters.feeds.mapping import PACKAGE, CsvColumn, CsvMapping, End, mapping_of
from adapters.layout_line import CellError, Value
from adapters.layout_text import cell_words
from adapters.yaml_document import shipped_documents
from settlement.model.errors import BadInput

_SALE = ("kind", "occurred_at", "paid", "gross")
_MOMENT = datetime(2026, 5, 7, 9, 30, 15)
_VALUES: dict[str, Value] = {
    "amount": 12_345,
    "count": 1,
    "date": date(2026, 5, 7),
    "datetime": _MOMENT,
    "card": "6217000000000000001",
}


def describe_mapping(settings: Mapping[str, object]) -> list[Part]:
    """The mapping for people: its columns, and what stands above the records; without one, those that ship."""
    if "mapping" not in settings:
        known = [(name, document) for name, document in shipped_documents(PACKAGE) if "columns" in document]
        told = unchosen("a CSV or workbook is read by a mapping", "mapping", known)
        return [*told, keys("mapping", CsvMapping), keys("columns", CsvColumn), keys("end", End)]
    mapping = mapping_of(settings)
    head = [f"{mapping.format}: {mapping.title}"]
    head += [f"CSV or workbook; {mapping.encoding}; separator {mapping.separator!r}; unit {mapping.unit}"]
    head += [f"source: {mapping.source}"] * bool(mapping.source)
    head += _rules(mapping)
    rows = []
    for number, column in enumerate(mapping.columns, 1):
        words = cell_words(column, column.unit or mapping.unit)
        joined = " + ".join(filter(None, (column.title, column.and_)))
        heading = joined if mapping.headings else f"{number} {joined}".rstrip()
        what = "; ".join(word for word in [*words, column.note] if word)
        rows.append((heading, column.type, "must" * column.required, column.name, what))
    headings = ("heading" if mapping.headings else "cell", "type", "must", "name", "what")
    notes = [f"note: {note}" for note in mapping.notes]
    return [lines("", head), Part("", headings, rows), lines("example", example(mapping)), lines("", notes)]


def _rules(mapping: CsvMapping) -> list[str]:
    """What holds for the whole file: names, keys, marks around cells, signs, and the totals that end it."""
    keys_of = {
        "natural key": mapping.key,
        "key of anything but a sale": mapping.refund_key,
        "key of the original": mapping.original_key,
    }
    said = [f"{what}: {' '.join(names)}" for what, names in keys_of.items() if names]
    others = {"paid": mapping.refund_paid, "gross": mapping.refund_gross, "claimed": mapping.refund_claimed}
    instead = ", ".join(f"{other} stands for {name}" for name, other in others.items() if other)
    said += [f"on anything but a sale: {instead}"] * bool(instead)
    said += [f"every row is a {mapping.kind}"] * bool(mapping.kind)
    said += [f"file name: {mapping.filename}"] * bool(mapping.filename)
    marks = [f"cells begin with {mapping.prefix}"] * bool(mapping.prefix)
    marks += ['="..." around a cell is taken off'] * mapping.excel_text
    marks += ["thousands may be separated"] * mapping.thousands
    marks += [f"{mapping.decimal!r} stands before the decimals"] * (mapping.decimal != ".")
    marks += [f"{mapping.money_mark} may stand before an amount"] * bool(mapping.money_mark)
    marks += ["the kind says the direction, signs are taken off"] * (mapping.sign == "ignore")
    marks += [f"the sign of {' and '.join(mapping.turned)} is turned over"] * bool(mapping.turned)
    marks += ["rows may lack their last, blank cells"] * mapping.ragged
    marks += ["no line end need stand behind the last row"] * mapping.open_end
    said += ["; ".join(marks)] * bool(marks)
    said += [f"the heading {other} stands for {title}" for other, title in mapping.also.items()]
    said += [f"no record: a row that begins with {pattern}" for pattern in mapping.ignore]
    return said + _end(mapping)


def _end(mapping: CsvMapping) -> list[str]:
    end = mapping.end
    if end is None:
        return []
    need = "" if end.required else " (it may be missing)"
    said = [f"records end at a row that begins with {' or '.join(end.starts_with)}{need}"] * bool(end.starts_with)
    said += [
        f"declared there: {spec.title or spec.name}, the {spec.declares} {f'of {spec.of}' if spec.of else ''}".rstrip()
        for spec in end.fields
        if spec.declares
    ]
    said += ["a total adds up all records, without their signs or with them"] * any(spec.of for spec in end.fields)
    said += [f"declared in a sentence{f' for each {t.kind}' if t.kind else ''}: {t.pattern}" for t in end.spoken]
    return said + ["the example lacks these sentences, without which a file is refused"] * bool(end.spoken)


def example(mapping: CsvMapping) -> list[str]:
    """A file of one sale that the mapping reads, but for totals in sentences; two cells in one have their headings."""
    titles = [title for column in mapping.columns for title in (column.title, column.and_) if title]
    if any(column.and_ for column in mapping.columns):
        return [*mapping.preamble, mapping.separator.join(titles)] if mapping.headings else []
    row = {column.name: [_value(mapping, column)] for column in mapping.columns}
    types = {column.name: DTYPES.get(column.type, pl.String) for column in mapping.columns}
    above = [mapping.separator.join(titles)] * mapping.headings
    try:
        return text_of(pl.DataFrame(row, schema=types), mapping, "example").splitlines()
    except (BadInput, CellError):
        return [*mapping.preamble, *above] if mapping.headings else []


def _of_refunds(mapping: CsvMapping) -> tuple[str, ...]:
    """The columns that a refund has, where the file has nothing else."""
    kinds = [set(column.values.values()) for column in mapping.columns if column.name == "kind"]
    if not kinds or "SALE" in kinds[0]:
        return ()
    return (mapping.refund_gross, mapping.refund_paid, *mapping.refund_key, *mapping.original_key)


def _value(mapping: CsvMapping, column: CsvColumn) -> Value:
    """What a sale has in a column that must be there, or that names it; the discount is none, the others are blank."""
    if column.constant is not None:
        return column.constant
    if column.name == "claimed":
        return 0
    if not column.required and column.name not in {*mapping.key, *_SALE, *_of_refunds(mapping)}:
        return None
    if column.values:
        meanings = [meaning for meaning in column.values.values() if meaning != SKIP]
        return "SALE" if "SALE" in meanings else (meanings or [SKIP])[0]
    value = _VALUES.get(column.type, "12345678")
    return value[: column.length or 19] if isinstance(value, str) else value
