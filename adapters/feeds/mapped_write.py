"""Canonical transactions -> a CSV by a column mapping, that the reader gives back as they were."""

from __future__ import annotations

import csv
import io
from codecs import BOM_UTF8

import polars as pl

from adapters.base import Context
from adapters.feeds.canonical import key_parts
from adapters.feeds.mapping import CsvMapping, mapping_of
from adapters.feeds.times import as_local
from adapters.layout import LayoutField
from adapters.layout_line import CellError, Value, encode_text, format_cell
from settlement.model.errors import BadInput

_FROM = {"paid": "paid_fen", "gross": "gross_fen", "claimed": "claimed_fen", "fee": "fee_fen"}


def write(frame: pl.DataFrame, context: Context) -> bytes:
    """The CSV of a frame of TRANSACTION columns with `card_number` and optional `merchant_name`.

    BadInput: a value has no code in the mapping, or a character is not in its encoding.
    """
    mapping = mapping_of(context.settings)
    if mapping.only_read:
        raise BadInput(f"{context.file}: mapping {mapping.format} has {mapping.only_read}; it is only read")
    try:
        text = text_of(_raw(frame, mapping), mapping, context.file)
        data = encode_text("", text, "utf-8" if mapping.encoding == "utf-8-sig" else mapping.encoding)
    except CellError as error:
        raise BadInput(f"{context.file}: {error}") from None
    return BOM_UTF8 + data if mapping.encoding == "utf-8-sig" else data


def text_of(raw: pl.DataFrame, mapping: CsvMapping, name: str) -> str:
    """The CSV of a typed column per mapped field; where totals are sentences, without them.

    BadInput: a value has no code in the mapping.
    """
    out = io.StringIO()
    newline = "\r\n" if mapping.newline == "crlf" else "\n"
    writer = csv.writer(out, delimiter=mapping.separator, lineterminator=newline)
    for line in mapping.preamble:
        out.write(line + newline)
    if mapping.headings:
        writer.writerow([column.title for column in mapping.columns])
    cells = [_cells(column, raw, mapping, name) for column in mapping.columns]
    writer.writerows(zip(*cells, strict=True))
    for row in _end_rows(mapping, raw):
        writer.writerow(row)
    return out.getvalue()


def _raw(frame: pl.DataFrame, mapping: CsvMapping) -> pl.DataFrame:
    """A typed column per mapped field, from canonical columns and the parts of both keys."""
    sale, every = pl.col("kind") == "SALE", pl.lit(value=True)
    parts = [_key_parts(mapping, "transaction_id", mapping.key, sale if mapping.refund_key else every)]
    if mapping.refund_key:
        parts.append(_key_parts(mapping, "transaction_id", mapping.refund_key, ~sale))
    if mapping.original_key:
        parts.append(_key_parts(mapping, "original_key", mapping.original_key, every))
    columns = {column.name: _source(column, frame, parts) for column in mapping.columns}
    others = {mapping.refund_paid: "paid_fen", mapping.refund_gross: "gross_fen", mapping.refund_claimed: "claimed_fen"}
    columns |= {other: pl.when(~sale).then(name) for other, name in others.items() if other}
    columns |= {name: -columns[name] for name in mapping.turned}
    local = frame.with_columns(occurred_at=as_local("occurred_at", mapping.zone))
    return local.select(expr.alias(name) for name, expr in columns.items())


def _key_parts(mapping: CsvMapping, key: str, names: tuple[str, ...], where: pl.Expr) -> dict[str, pl.Expr]:
    """The parts of a key by field name; null but `where`, and where another format made it (its times do not read)."""
    specs = [mapping.column(name) for name in names]
    parts = key_parts(key, [spec for spec in specs if spec is not None])
    times = [spec.name for spec in specs if spec is not None and spec.type in {"date", "datetime"}]
    fits = pl.all_horizontal(where, *(parts[name].is_not_null() for name in times))
    return {name: pl.when(fits).then(expr) for name, expr in parts.items()}


def _source(column: LayoutField, frame: pl.DataFrame, parts: list[dict[str, pl.Expr]]) -> pl.Expr:
    """The canonical column of that name, else the first key that has it: a record's own goes before its original's."""
    name = _FROM.get(column.name, column.name)
    if name in frame.columns:
        return pl.col(name)
    found = [keys[column.name] for keys in parts if column.name in keys]
    return pl.coalesce(*found) if found else pl.lit(None, pl.String)


def _cells(column: LayoutField, raw: pl.DataFrame, mapping: CsvMapping, name: str) -> list[str]:
    codes = {meaning: code for code, meaning in reversed(column.values.items())}
    out = []
    for number, value in enumerate(raw[column.name].to_list(), 1):
        coded: Value = codes.get(value, value) if isinstance(value, str) else value
        try:
            out.append(mapping.prefix + format_cell(column, coded, column.unit or mapping.unit))
        except CellError as error:
            raise BadInput(f"{name}: record {number}: {column.name}: {error}") from None
    return out


def _end_rows(mapping: CsvMapping, raw: pl.DataFrame) -> list[list[str]]:
    end = mapping.end
    if end is None:
        return []
    values: dict[str, Value] = {}
    for spec in end.fields:
        if spec.declares == "count":
            values[spec.name] = raw.height
        elif spec.declares == "total":
            values[spec.name] = int(raw[spec.of].abs().sum() or 0)
    cells = [format_cell(spec, values.get(spec.name), spec.unit or mapping.unit) for spec in end.fields]
    if end.where == "same":
        return [cells]
    if end.where == "next":
        return [[spec.title for spec in end.fields], [mapping.prefix + cell for cell in cells]]
    return [[end.starts_with[0]]] if end.starts_with else []
