"""Records of a layout written by columns: typed columns -> one text per record -> bytes.

Widths are bytes of the encoded text, so a Chinese name is padded by its encoded length. A character that the encoding
lacks, a value too long or a code without a mark stops the writer with BadInput; nothing is cut or replaced.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Mapping

import polars as pl

from adapters.feeds.columns import nulls
from adapters.layout import Layout, LayoutField, Unit
from adapters.layout_dates import strftime_format
from adapters.layout_line import CellError, Value, encode_line, encode_text
from settlement.model.errors import BadInput


def write_records(layout: Layout, frame: pl.DataFrame, declared: Mapping[str, Value], name: str) -> bytes:
    """The file: header lines, one record per row, trailer lines with count and totals, end mark.

    `frame` has a column per record field that carries a value (amounts Int64 fen, dates Date, datetimes naive, all else
    String); `declared` has values of header and trailer fields by name. `name` is what messages call the file.
    """
    texts = [_column_text(layout, spec, frame, name) for spec in layout.record.fields]
    newline = layout.newline_bytes
    body = _join(layout, texts, frame.height)
    values = {**declared, **_declared(layout, frame, declared.get("clearing_date"))}
    try:
        head = [encode_line(layout, line, values) for line in layout.header]
        tail = [encode_line(layout, line, values) for line in layout.trailer]
        records = encode_text("", body, layout.write_encoding)
    except CellError as error:
        raise BadInput(f"{name}: {error.field or 'record'}: {error}") from None
    bom = BOM_UTF8 if layout.encoding == "utf-8-sig" else b""
    mark = layout.end_mark_bytes + (newline if layout.end_mark and layout.end_mark_newline else b"")
    out = bom + b"".join(line + newline for line in head) + records + b"".join(line + newline for line in tail) + mark
    if layout.shape == "fixed":
        size = frame.height * (layout.record.width + len(newline))
        assert len(records) == size, "a written record is not as wide as its layout"
    return out


def _declared(layout: Layout, frame: pl.DataFrame, day: Value) -> dict[str, Value]:
    """What header and trailer fields declare: count and unsigned totals of the records, and their clearing date."""
    out: dict[str, Value] = {}
    for spec in (field for line in (*layout.header, *layout.trailer) for field in line.fields):
        if spec.declares == "count":
            out[spec.name] = frame.height
        elif spec.declares == "total":
            out[spec.name] = int(frame[spec.of].abs().sum() or 0) if spec.of in frame.columns else 0  # then blank
        elif spec.declares == "clearing_date":
            out[spec.name] = day
    return out


def _join(layout: Layout, texts: list[pl.Series], height: int) -> str:
    """All records as one text, each with its newline."""
    if not height:
        return ""
    newline = layout.newline_bytes.decode()
    columns = pl.DataFrame([text.alias(str(number)) for number, text in enumerate(texts)])
    if layout.shape == "delimited":
        rows = columns.select(pl.concat_str(pl.all(), separator=layout.separator)).to_series()
    else:
        rows = columns.select(pl.concat_str(_with_gaps(layout, columns))).to_series()
    return newline.join(rows.to_list()) + newline


def _with_gaps(layout: Layout, columns: pl.DataFrame) -> list[pl.Expr]:
    """The fixed fields with the separators between them and up to the end of the line."""
    parts: list[pl.Expr] = []
    place = 1
    for number, spec in enumerate(layout.record.fields):
        assert spec.start is not None
        parts += [pl.lit(layout.separator * (spec.start - place))] * (spec.start > place)
        parts.append(pl.col(columns.columns[number]))
        place = spec.end + 1
    rest = layout.record.width - place + 1
    return parts + [pl.lit(layout.separator * rest)] * (rest > 0)


def _column_text(layout: Layout, spec: LayoutField, frame: pl.DataFrame, name: str) -> pl.Series:
    """One field of all records as text, padded where the layout is fixed."""
    fixed = layout.shape == "fixed"
    width = spec.length if fixed else None
    if spec.constant is not None:
        values = pl.Series([spec.constant], dtype=pl.String).new_from_index(0, frame.height)
    elif spec.name not in frame.columns:
        values = nulls(frame.height)
    elif spec.type in {"amount", "count"}:
        values = _number_text(spec, frame[spec.name], layout.unit_of(spec), width, name)
    elif spec.type in {"date", "datetime"}:
        values = frame[spec.name].dt.strftime(strftime_format(spec.format))
    else:
        values = _code_text(spec, frame[spec.name].cast(pl.String), name)
    if spec.required:
        missing = values.is_null() if "" in spec.values else values.is_null() | (values == "")
        _refuse(spec, missing, "has no value; it must be given", name)
    values = values.fill_null("")
    bad = values.str.contains(r"[\x00-\x1f\x7f]") | (
        values.str.contains(layout.separator, literal=True) if not fixed else pl.Series([False])
    )
    _refuse(spec, bad, "holds a control character or the separator; take it out", name)
    return _padded(layout, spec, values, name) if fixed else values


def _refuse(spec: LayoutField, bad: pl.Series, message: str, name: str) -> None:
    if bad.fill_null(value=False).any():
        record = (bad.arg_true()[0] or 0) + 1
        raise BadInput(f"{name}: record {record}: {spec.name}: {message}")


def _code_text(spec: LayoutField, values: pl.Series, name: str) -> pl.Series:
    """Meanings back to codes (the first code of a meaning); other texts as they are."""
    if not spec.values:
        return values
    codes: dict[str, str] = {}
    for code, meaning in spec.values.items():
        codes.setdefault(meaning, code)
    nothing = values.is_null() if "" not in spec.values else pl.Series([False])  # blank would be read as that code
    known = values.is_in(list(codes)).fill_null(value=False) | nothing
    _refuse(spec, ~known, "has no code in this layout", name)
    return values.replace_strict(codes, default=None, return_dtype=pl.String)


def _number_text(spec: LayoutField, values: pl.Series, unit: Unit, width: int | None, name: str) -> pl.Series:
    """Digits (fen, counts) or yuan with two decimals, with the mark of its sign; zero-filled to the width."""
    ways = {way: mark for mark, way in reversed(spec.signs.items())}
    negative = values < 0
    if -1 not in ways:
        _refuse(spec, negative, "is below zero, and the layout has no mark for that", name)
    size = pl.col("v").abs()
    yuan = spec.type == "amount" and unit == "yuan"
    text = pl.format("{}.{}", size // 100, (size % 100).cast(pl.String).str.zfill(2)) if yuan else size.cast(pl.String)
    if width is not None:
        text = text.str.zfill(width - bool(ways))
    mark = pl.when(pl.col("v") < 0).then(pl.lit(ways.get(-1, ""))).otherwise(pl.lit(ways.get(1, "")))
    full = pl.when(pl.col("v").is_not_null()).then(pl.concat_str([mark, text]))
    return pl.DataFrame({"v": values.cast(pl.Int64)}).select(full).to_series()


def _padded(layout: Layout, spec: LayoutField, values: pl.Series, name: str) -> pl.Series:
    """Blanks behind (zeros before, where `pad` says so) up to the field's bytes in the target encoding."""
    assert spec.length is not None
    if values.str.contains(r"[^\x20-\x7e]").any():
        distinct = values.unique().to_list()
        try:
            sizes = {text: len(encode_text(spec.name, text, layout.write_encoding)) for text in distinct}
        except CellError as error:
            raise BadInput(f"{name}: {error.field}: {error}") from None
        padded = {text: text + " " * (spec.length - size) for text, size in sizes.items()}
        too_long = values.replace_strict(sizes, return_dtype=pl.Int64) > spec.length
        result = values.replace_strict(padded, return_dtype=pl.String)
    else:
        too_long = values.str.len_bytes() > spec.length
        filled = pl.when(pl.col("v") != "").then(pl.col("v").str.zfill(spec.length)).otherwise(pl.col("v"))
        base = pl.DataFrame({"v": values})
        values = base.select(filled).to_series() if spec.pad == "0" else values
        result = values.str.pad_end(spec.length, " ")
    _refuse(spec, too_long, f"is longer than {spec.length} bytes", name)
    return result
