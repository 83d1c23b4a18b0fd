"""Fields of decoded ISO 8583 messages as typed columns, and what they mean together."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import polars as pl

from adapters.feeds.canonical import SKIP, unionpay_kind
from adapters.feeds.columns import BLANK, Bytes, Column, as_binary, digits_of, parse_column
from adapters.feeds.iso_columns import Decoded, as_text_cells
from adapters.feeds.pos_settings import PosSettings
from adapters.layout import CellError, LayoutField

_DIGITS_10 = LayoutField(name="time", type="datetime", format="MMDDhhmmss", start=1, length=10)
# column: (data element, width, type) of what is read as it stands
_PLAIN: dict[str, tuple[str, int, Literal["text", "digits"]]] = {
    "stan": ("11", 6, "digits"),
    "mcc": ("18", 4, "text"),
    "acquirer": ("32", 11, "text"),
    "forwarder": ("33", 11, "text"),
    "rrn": ("37", 12, "text"),
    "auth_code": ("38", 6, "text"),
    "terminal_no": ("41", 8, "text"),
    "merchant_no": ("42", 15, "text"),
    "currency": ("49", 3, "text"),
}
# what the kind is told by: (data element, width); the type of the original last
_CODES = {"mti": ("t", 4), "processing_code": ("3", 6), "condition_code": ("25", 2), "response_code": ("39", 2)}
_OTHERS = ("2", "4", "7", "12", "13", "35", "90")
TOTALS = ("74", "75", "76", "77", "86", "87", "88", "89")


def wanted_fields(settings: PosSettings) -> set[str]:
    """The data elements that a canonical transaction is made of."""
    own = {element for element, _, _ in _PLAIN.values()}.union(_OTHERS, (element for element, _ in _CODES.values()))
    batch = {"60", "61"} if settings.body == "pos" else set()
    return own | batch | ({str(settings.discount_field)} if settings.discount_field else set())


def pos_columns(decoded: Decoded, settings: PosSettings) -> tuple[pl.DataFrame, dict[int, CellError]]:
    """(columns, first fault per message): the fields that a canonical transaction is made of, and its `kind`.

    Times are naive, in the year 2000; paid and claimed are fen. A field that is absent is null.
    """
    columns: dict[str, pl.Series] = {}
    errors: dict[int, CellError] = {}

    def keep(name: str, column: Column) -> None:
        columns[name] = column.values.alias(name)
        for row, error in column.errors.items():
            errors.setdefault(row, CellError(name, error.code, str(error)))

    for name, (element, width, kind) in _PLAIN.items():
        cells = decoded.cells(element, width)
        if not cells.all():  # some terminals fill up with zero bytes
            cells[np.cumprod(cells[:, ::-1] == 0, axis=1)[:, ::-1] == 1] = BLANK
        keep(name, _read(LayoutField(name=name, type=kind, start=1, length=width), cells))
    keep("card_number", _card(decoded))
    keep("paid", _amount("paid", decoded.cells("4", 12)))
    keep("transmitted_at", _read(_DIGITS_10, decoded.cells("7", 10)))
    local = np.concatenate([decoded.cells("13", 4), decoded.cells("12", 6)], axis=1)
    local[(local[:, 0] == BLANK) | (local[:, 4] == BLANK)] = (
        BLANK  # a date without a time says nothing, nor the reverse
    )
    keep("local_at", _read(_DIGITS_10, local))
    if settings.discount_field:
        keep("claimed", _discount(decoded, settings))
    columns |= _original(decoded)
    columns |= _terminal_batch(decoded, settings)
    frame = pl.DataFrame({name: series.alias(name) for name, series in columns.items()})
    return frame.hstack(_kinds(decoded, frame["original_mti"], settings)), errors


def _read(spec: LayoutField, cells: Bytes) -> Column:
    return parse_column(spec, cells, "fen", "latin-1")


def _kinds(decoded: Decoded, original_mti: pl.Series, settings: PosSettings) -> pl.DataFrame:
    """kind, and whether it is an `answer` and has no answer code (`bare`): once per distinct combination of codes."""
    cells = [decoded.cells(element, width) for element, width in _CODES.values()]
    codes = pl.DataFrame(
        {
            "codes": as_binary(np.concatenate(cells, axis=1)),
            "of_authorisation": original_mti.str.starts_with("01").fill_null(value=False),
        }
    )
    distinct = codes.unique()
    texts, start = [code.decode("latin-1") for code in distinct["codes"].to_list()], 0
    for name, (_, width) in _CODES.items():
        bare = [text[start : start + width].rstrip("\0").strip() or None for text in texts]
        distinct = distinct.with_columns(pl.Series(name, bare, dtype=pl.String))
        start += width
    table = distinct.select("codes", "of_authorisation", *_kind(settings))
    joined = codes.join(table, on=["codes", "of_authorisation"], how="left", maintain_order="left")
    return joined.select("kind", "answer", "bare")


def _kind(settings: PosSettings) -> list[pl.Expr]:
    """Unsuccessful messages, those of a pair that do not count, and reversed authorisations are SKIP."""
    answer = pl.col("mti").str.slice(2, 1).is_in(["1", "3"])
    reversal = pl.col("mti").str.slice(1, 1) == "4"
    # DE39 of a reversal request is the reason for it, not an answer
    answered = pl.col("response_code").is_not_null() & (answer | ~reversal)
    declined = answered & ~pl.col("response_code").is_in(list(settings.approved))
    unwanted = {"any": pl.lit(value=False), "requests": answer, "responses": ~answer}[settings.messages]
    skip = (declined | unwanted | (reversal & pl.col("of_authorisation"))).fill_null(value=False)
    kind = pl.when(skip).then(pl.lit(SKIP)).otherwise(unionpay_kind("mti", "processing_code", "condition_code"))
    bare = pl.col("response_code").is_null()
    return [kind.alias("kind"), answer.alias("answer"), bare.alias("bare")]


def _amount(name: str, cells: Bytes) -> Column:
    spec = LayoutField(name=name, type="amount", start=1, length=max(cells.shape[1], 1))
    return _read(spec, cells)


def _card(decoded: Decoded) -> Column:
    """DE2, else the number in front of the separator of track 2 (DE35)."""
    cells = decoded.cells("2", 19)
    missing = (decoded.sizes("2") < 0) & (decoded.sizes("35") >= 0)
    if missing.any():
        track = decoded.cells("35", 20)
        ended = np.cumsum((track == ord("=")) | (track == ord("D")) | (track == ord("d")), axis=1) > 0
        number = np.where(ended, np.uint8(BLANK), track)[:, :19]
        number[~ended.any(axis=1)] = BLANK
        cells = np.where(missing[:, None], number, cells)
    return _read(LayoutField(name="card_number", type="card", start=1, length=19), cells)


def _discount(decoded: Decoded, settings: PosSettings) -> Column:
    """The configured discount as the cells of an amount: blank where the message says none."""
    element = str(settings.discount_field)
    width = int(decoded.sizes(element).max(initial=0))
    if width <= 0:
        return _amount("claimed", np.full((decoded.height, 12), BLANK, np.uint8))
    cells = decoded.cells(element, width)
    if settings.discount_field == 54:
        return _amount("claimed", _from_de54(cells, settings))
    if settings.discount_prefix:
        return _amount("claimed", _behind_prefix(cells, settings))
    start = settings.discount_start - 1
    found = cells[:, start : start + settings.discount_length]
    return _amount("claimed", _wide(found, settings.discount_length))


def _wide(cells: Bytes, width: int) -> Bytes:
    """Cells filled with blanks to `width` (the field ends before)."""
    if cells.shape[1] == width:
        return cells
    out = np.full((len(cells), width), BLANK, np.uint8)
    out[:, : cells.shape[1]] = cells
    return out


def _from_de54(cells: Bytes, settings: PosSettings) -> Bytes:
    """The amount of the first DE54 entry of the configured type: account 2, type 2, currency 3, sign 1, amount 12."""
    out = np.full((len(cells), 12), BLANK, np.uint8)
    wanted = np.frombuffer(settings.discount_amount_type.encode(), np.uint8)
    for start in range(0, cells.shape[1] - 19, 20):
        hit = (cells[:, start + 2 : start + 4] == wanted).all(axis=1) & (out[:, 0] == BLANK)
        out[hit] = cells[hit, start + 8 : start + 20]
    return out


def _behind_prefix(cells: Bytes, settings: PosSettings) -> Bytes:
    """The characters behind the first place where the prefix stands."""
    prefix = np.frombuffer(settings.discount_prefix.encode("latin-1"), np.uint8)
    out = np.full((len(cells), settings.discount_length), BLANK, np.uint8)
    done = np.zeros(len(cells), np.bool_)
    for start in range(cells.shape[1] - len(prefix) + 1):
        hit = (cells[:, start : start + len(prefix)] == prefix).all(axis=1) & ~done
        if hit.any():
            tail = cells[:, start + len(prefix) : start + len(prefix) + settings.discount_length]
            out[hit] = _wide(tail, settings.discount_length)[hit]
            done |= hit
    return out


def _original(decoded: Decoded) -> dict[str, pl.Series]:
    """DE90, used only where it is whole: type of a request, trace, real time, two institutions; `original_bad` else."""
    present = decoded.sizes("90") >= 0
    empty: dict[str, Any] = {
        "original_mti": pl.String, "original_stan": pl.String, "original_transmitted_at": pl.Datetime("us"),
        "original_acquirer": pl.String, "original_forwarder": pl.String,
    }  # fmt: skip
    if not present.any():
        out = {name: _nulls(decoded.height, dtype) for name, dtype in empty.items()}
        return out | {"original_bad": pl.Series("original_bad", np.zeros(decoded.height, np.bool_))}
    cells = decoded.cells("90", 42)
    named = present & ~(cells == 0x30).all(axis=1)
    digits = ((cells >= 0x30) & (cells <= 0x39)).all(axis=1)
    mti = (cells[:, 0] == 0x30) & ((cells[:, 1] == 0x31) | (cells[:, 1] == 0x32))
    time = _read(_DIGITS_10, cells[:, 10:20])
    good = np.array(named & digits & mti & ~time.bad & (cells[:, 4:10] != 0x30).any(axis=1))
    cells = np.where(good[:, None], cells, np.uint8(BLANK))
    usable = pl.Series(good)
    return {
        "original_mti": as_text_cells(cells[:, 0:4]),
        "original_stan": as_text_cells(cells[:, 4:10]),
        "original_transmitted_at": pl.select(pl.when(usable).then(time.values)).to_series(),
        "original_acquirer": as_text_cells(cells[:, 20:31]),
        "original_forwarder": as_text_cells(cells[:, 31:42]),
        "original_bad": pl.Series(named & ~good),
    }


def _nulls(height: int, dtype: Any) -> pl.Series:
    return pl.Series([None], dtype=dtype).new_from_index(0, height)


def _terminal_batch(decoded: Decoded, settings: PosSettings) -> dict[str, pl.Series]:
    """The terminal body's batch number (DE60, digits 3 to 8) and the original's batch and trace (DE61)."""
    if settings.body != "pos":
        none = _nulls(decoded.height, pl.String)
        return {"batch": none, "original_batch": none, "original_batch_stan": none}
    own, original = decoded.cells("60", 8), decoded.cells("61", 12)
    good = np.array(((original >= 0x30) & (original <= 0x39)).all(axis=1))
    original = np.where(good[:, None], original, np.uint8(BLANK))
    return {
        "batch": as_text_cells(own[:, 2:8]),
        "original_batch": as_text_cells(original[:, 0:6]),
        "original_batch_stan": as_text_cells(original[:, 6:12]),
    }


def reconciliation_totals(message: Decoded) -> dict[str, int] | None:
    """Counts (DE74 to 77) and amounts (DE86 to 89) of a closing reconciliation message; None where one is not given."""
    if message.bad[0] or message.text("t").item() not in {"0520", "0521"}:
        return None
    out: dict[str, int] = {}
    for element in TOTALS:
        values, good = digits_of(message.cells(element, 10 if int(element) < 80 else 16))
        if not good[0]:
            return None
        out[element] = int(values[0])
    return out
