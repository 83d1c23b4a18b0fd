"""Many ISO 8583 messages written at once: the columnar twin of `iso8583.encode`, in hexadecimal text."""

from __future__ import annotations

import polars as pl

from adapters.feeds.iso_spec import Spec
from settlement.model.errors import BadInput


def encode_columns(fields: pl.DataFrame, spec: Spec, name: str) -> pl.Series:
    """Messages as hexadecimal text, one per row. `fields` has "t" and "2" to "128" as String, null where absent.

    Binary and BCD fields are given as hexadecimal digits, all others as text whose characters the codec has. BadInput
    names message and field where a value does not fit; `name` is what it calls the file.
    """
    elements = sorted(int(column) for column in fields.columns if column != "t")
    present = fields.select(pl.col(str(e)).is_not_null() for e in elements)
    parts = [_data_hex(fields["t"], spec["t"], "t", name), _bitmaps(present, elements)]
    for element in elements:
        key = str(element)
        parts.append(_field_hex(fields[key], spec, key, name).fill_null(""))
    return (
        pl.DataFrame([part.alias(str(n)) for n, part in enumerate(parts)]).select(pl.concat_str(pl.all())).to_series()
    )


def _bitmaps(present: pl.DataFrame, elements: list[int]) -> pl.Series:
    """The one or two bitmaps of each message, once per distinct set of fields."""
    patterns = present.unique(maintain_order=True)
    maps = []
    for row in patterns.iter_rows():
        bits = sum(1 << (128 - element) for element, has in zip(elements, row, strict=True) if has)
        two = bits & (2**64 - 1)
        maps.append(f"{bits | 1 << 127:032X}" if two else f"{bits >> 64:016X}")
    table = patterns.with_columns(pl.Series("bitmap", maps, dtype=pl.String))
    return present.join(table, on=present.columns, how="left", maintain_order="left")["bitmap"]


def _field_hex(values: pl.Series, spec: Spec, key: str, name: str) -> pl.Series:
    """Length prefix and data of one field as hexadecimal digits; null where absent."""
    entry = spec[key]
    counted = entry.get("len_count", "bytes") == "nibbles"
    data = _data_hex(values, entry, key, name)
    size = values.str.len_chars() if counted else data.str.len_chars() // 2
    variable = int(entry["len_type"])
    wrong = size > entry["max_len"] if variable else size != entry["max_len"]
    if wrong.fill_null(value=False).any():
        row = (wrong.arg_true()[0] or 0) + 1
        kind = "at most " if variable else ""
        raise BadInput(f"{name}: message {row}: DE{key} ({entry['desc']}): must be {kind}{entry['max_len']} long")
    if not variable:
        return data
    if entry["len_enc"] == "bcd":
        prefix = size.cast(pl.String).str.zfill(variable * 2)
    else:
        prefix = size.cast(pl.String).str.zfill(variable).str.encode("hex")
    return prefix + data


def _data_hex(values: pl.Series, entry: object, key: str, name: str) -> pl.Series:
    assert isinstance(entry, dict)
    encoding = entry["data_enc"]
    if encoding != "b":
        if values.str.contains(r"[^\x00-\x7f]").any():
            return _distinct_hex(values, encoding, key, name)
        return values.str.encode("hex").str.to_uppercase()
    if values.str.contains(r"[^0-9A-Fa-f]").any():
        raise BadInput(f"{name}: DE{key} ({entry['desc']}): must be hexadecimal digits")
    upper = values.str.to_uppercase()
    odd = pl.col("v").str.len_chars() % 2 == 1
    left = entry.get("left_pad", "")
    padded = pl.concat_str([pl.lit(left), pl.col("v"), pl.lit("" if left else entry.get("right_pad", ""))])
    return pl.DataFrame({"v": upper}).select(pl.when(odd).then(padded).otherwise(pl.col("v"))).to_series()


def _distinct_hex(values: pl.Series, encoding: str, key: str, name: str) -> pl.Series:
    table: dict[str, str] = {}
    for text in values.drop_nulls().unique().to_list():
        try:
            table[text] = text.encode(encoding).hex().upper()
        except UnicodeEncodeError:
            raise BadInput(f"{name}: DE{key}: a character is not in {encoding}; use others") from None
    return values.replace_strict(table, default=None, return_dtype=pl.String)
