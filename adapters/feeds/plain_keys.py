"""Natural keys of fixed-width records joined as bytes, where each part stands at the same place in every record.

Most files are so: a terminal, a counter, a time of fixed width. The key is then a table of bytes of one width, quicker
to make than text joined record by record. Any doubt (a blank, a '/', a New Year in the block) gives None, and
`canonical.key_text` joins the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import polars as pl

from adapters.feeds.byte_cells import BLANK, LAST_PRINTABLE, ZERO, Bounds, Bytes, as_binary, masked_bytes
from adapters.feeds.canonical import ZEROS_STRIPPED, key_text
from adapters.layout import Layout, LayoutField

PLAIN = "plain key"  # the column of a block that holds such a table; no field can be called so
_SLASH = ord("/")
_TIME, _YEARLESS = "YYYYMMDDhhmmss", "MMDDhhmmss"
_YEAR = slice(-len(_TIME), -len(_YEARLESS))  # a time without a year is the last part


def plain_keys(layout: Layout, prefix: bytes, cells: Mapping[str, Bytes], bounds: Bounds) -> Bytes | None:
    """(n, width) bytes: `prefix` and the parts of each key; the year of a time that has none is left as 0000.

    From the cells of the fields, and the bounds of the whole record.
    """
    specs = {spec.name: spec for spec in layout.record.fields}
    row, pieces = bytearray(prefix), []
    for number, name in enumerate(layout.key):
        row += b"/" if number else b""
        piece = _piece(specs[name], cells[name], bounds.of(slice((specs[name].start or 1) - 1, specs[name].end)))
        if piece is None:
            return None
        if specs[name].type == "datetime" and specs[name].format == _YEARLESS:
            if number + 1 < len(layout.key):
                return None
            row += b"0000"
        pieces.append((len(row), piece))
        row += piece[0].tobytes()
    out = np.empty((len(pieces[0][1]), len(row)), np.uint8)
    out.view(f"V{len(row)}")[:] = np.frombuffer(bytes(row), f"V{len(row)}")
    for at, piece in pieces:
        width = piece.shape[1]
        if width and not bool((piece[0] == piece[-1]).all() and (piece == piece[0]).all()):
            out[:, at : at + width].view(f"V{width}")[:] = piece.view(f"V{width}")
    return out


def _piece(spec: LayoutField, cells: Bytes, bounds: Bounds) -> Bytes | None:
    """The bytes of a part without the blanks around it; None: it is not of one width, or not as it will be shown."""
    first, end = bounds.filled.start, bounds.filled.stop
    if spec.values or spec.constant is not None or spec.blanks or not end:
        return None
    if spec.name == "card_number":  # as a text it may hold a '/', or characters of several bytes
        return None if spec.type == "text" else masked_bytes(cells, bounds)
    if not bounds.of(slice(first, end)).within(BLANK + 1, LAST_PRINTABLE):
        return None
    if spec.type == "datetime":
        plain = spec.format in {_TIME, _YEARLESS} and (first, end) == (0, len(spec.format))
        return cells[:, first:end] if plain else None
    if spec.type not in {"text", "digits", "hex"}:
        return None
    for place in range(first, end):
        if bounds.low[place] <= _SLASH <= bounds.high[place] and (cells[:, place] == _SLASH).any():
            return None
    if spec.name in ZEROS_STRIPPED:
        while first < end and bounds.low[first] == ZERO == bounds.high[first]:
            first += 1
        if first < end and bounds.low[first] <= ZERO <= bounds.high[first]:
            return None
    return cells[:, first:end]


def own_keys(frame: pl.DataFrame, layout: Layout, prefix: str) -> pl.Expr | pl.Series:
    """The key of each record, as its block has it joined or from its parts; times have their years already."""
    if PLAIN in frame.columns and frame.height:
        table = frame[PLAIN].to_numpy()
        last = next(spec for spec in layout.record.fields if spec.name == layout.key[-1])
        if (last.type, last.format) != ("datetime", _YEARLESS):
            return as_binary(table).cast(pl.String)
        times = frame[last.name]
        first, latest = times.min(), times.max()
        assert isinstance(first, datetime | None) and isinstance(latest, datetime | None)  # noqa: PT018
        if first and latest and first.year == latest.year and not times.null_count():
            table = table.copy()
            table[:, _YEAR] = np.frombuffer(f"{first.year:04}".encode(), np.uint8)
            return as_binary(table).cast(pl.String)
    return key_text(frame, layout.key, prefix, layout.digit_fields)
