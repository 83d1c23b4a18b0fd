"""Fields of decoded ISO 8583 messages as typed columns, and what they mean together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import polars as pl

from adapters.feeds import iso_walk as w
from adapters.feeds.byte_cells import (
    BLANK,
    Bytes,
    Ints,
    Mask,
    as_text,
    bounds_of,
    copied,
    digits_of,
    equal_rows,
    masked_cells,
)
from adapters.feeds.columns import Column, nulls, parse_column
from adapters.feeds.iso_columns import Decoded, Plan, plan
from adapters.feeds.pos_kinds import CODES, KIND_NAMES, Kinds, kinds_of
from adapters.feeds.pos_settings import PosSettings
from adapters.feeds.times import days_in_year, resolve_year
from adapters.layout import LayoutField
from adapters.layout_line import CellError

_CARD = LayoutField(name="card_number", type="card", start=1, length=19)
_AMOUNT = LayoutField(name="amount", type="amount", start=1, length=12)
_DAY_AND_TIME = LayoutField(name="time", type="datetime", format="MMDDhhmmss", start=1, length=10)
_TIME_AND_DAY = LayoutField(name="time", type="datetime", format="hhmmssMMDD", start=1, length=10)
# column: the data element that is read as it stands
_PLAIN = {
    "stan": "11",
    "mcc": "18",
    "acquirer": "32",
    "forwarder": "33",
    "rrn": "37",
    "auth_code": "38",
    "terminal_no": "41",
    "merchant_no": "42",
    "currency": "49",
}
_SPECS = {
    name: LayoutField(name=name, type="digits" if name == "stan" else "text", start=1, length=1) for name in _PLAIN
}
_LOCAL = ("12", "13")
_YUAN = np.frombuffer(b"156", np.uint8)
Stated = dict[str, int | None]  # what a closing message declares, by data element
TOTALS = ("74", "75", "76", "77", "86", "87", "88", "89")


def plan_of(settings: PosSettings) -> Plan:
    """The data elements that a canonical transaction is made of: what is rare or wide as places."""
    groups = [CODES, _LOCAL, *((element,) for element in (*_PLAIN.values(), "2", "4", "7"))]
    batch = ["60", "61"] if settings.body == "pos" else []
    discount = [str(settings.discount_field)] if settings.discount_field else []
    return plan(settings.spec, groups, dict.fromkeys(["2", "35", "90", *batch, *discount]))


def closing_plan(settings: PosSettings) -> Plan:
    """What a closing reconciliation message is made of."""
    return plan(settings.spec, [("t",), *((element,) for element in TOTALS)], ())


def pos_columns(
    decoded: Decoded, settings: PosSettings, clearing: date
) -> tuple[pl.DataFrame, Kinds, pl.DataFrame, dict[int, CellError]]:
    """(columns, kinds, originals of some, first fault per message): what a canonical transaction is made of.

    Times are naive, that of the original in the year 2000; paid and claimed are fen. A field that is absent is null.
    """
    columns: dict[str, pl.Series] = {}
    errors: dict[int, CellError] = {}

    def keep(name: str, column: Column) -> None:
        columns[name] = column.values.alias(name)
        named = {id(error): error for error in column.errors.values()}  # one for many rows, and stays so
        named = {key: CellError(name, error.code, str(error)) for key, error in named.items()}
        for row, error in column.errors.items():
            errors.setdefault(row, named[id(error)])

    for name, element in _PLAIN.items():
        keep(name, _read(_SPECS[name], _without_zeros(decoded.cells[(element,)])))
    columns |= _card(decoded, keep)
    keep("paid", _amount(decoded.cells[("4",)]))
    keep("transmitted_at", _moment(_DAY_AND_TIME, decoded.cells[("7",)], clearing))
    columns["sent"] = _sent(decoded.cells[("7",)], columns["transmitted_at"])
    keep("local_at", _moment(_TIME_AND_DAY, _time_and_day(decoded.cells[_LOCAL]), clearing))
    if settings.discount_field:
        keep("claimed", _discount(decoded, settings))
    columns |= _terminal_batch(decoded, settings)
    originals = _originals(decoded)
    kinds = kinds_of(decoded, originals, settings)
    columns["kind"] = pl.Series(KIND_NAMES, dtype=pl.String).gather(pl.Series(kinds.kind))
    return pl.DataFrame({name: series.alias(name) for name, series in columns.items()}), kinds, originals, errors


def _read(spec: LayoutField, cells: Bytes) -> Column:
    return parse_column(spec, cells, "fen", "latin-1")


def _amount(cells: Bytes) -> Column:
    """Fen: digits by a loop, what is not all digits as a layout reads it."""
    height, width = cells.shape
    values = np.empty(height, np.int64)
    w.run(w.whole, height, np.ascontiguousarray(cells).ravel(), width, values)
    return _with_odd(_AMOUNT, cells, pl.Series(values), np.flatnonzero(values < 0))


def _moment(spec: LayoutField, cells: Bytes, clearing: date) -> Column:
    """Naive times in the year that brings them nearest to the clearing date, most days by a table."""
    days = np.full(13 * 32, w.NEVER, np.int64)
    for day, since in days_in_year(clearing).items():
        days[day // 100 * 32 + day % 100] = since
    values = np.empty(len(cells), np.int64)
    day, time = spec.format.index("MM"), spec.format.index("hh")
    w.run(w.moments, len(cells), np.ascontiguousarray(cells).ravel(), day, time, days, values)
    odd = np.flatnonzero(values == w.NEVER)
    values[odd] = 0
    return _with_odd(spec, cells, pl.Series(values).cast(pl.Datetime("us")), odd, clearing)


def _with_odd(spec: LayoutField, cells: Bytes, values: pl.Series, odd: Ints, clearing: date | None = None) -> Column:
    """The column with the `odd` rows read as a layout reads them: blanks, faults, days that need a closer look."""
    column = Column(values, np.zeros(len(cells), np.bool_))
    if not len(odd):
        return column
    found = _read(spec, cells[odd])
    if clearing is not None:
        days = resolve_year(pl.DataFrame({"at": found.values}), "at", clearing)
        no_year = CellError(spec.name, "BAD_DATE", "is no day of the year of the clearing date")
        _refused(found, np.flatnonzero((days.is_null() & found.values.is_not_null()).to_numpy()), no_year)
        found.values = days
    column.put(odd, found)
    return column


def _without_zeros(cells: Bytes) -> Bytes:
    """Zero bytes at the end, with which some terminals fill up, as blanks."""
    if not cells.all():
        cells[np.cumprod(cells[:, ::-1] == 0, axis=1)[:, ::-1] == 1] = BLANK
    return cells


def _sent(cells: Bytes, times: pl.Series) -> pl.Series:
    """DE7 as it stands, null where it is no time: the key has it."""
    if times.null_count():
        cells[times.is_null().to_numpy()] = BLANK
    return as_text(cells)


def _time_and_day(cells: Bytes) -> Bytes:
    """DE12 and DE13 side by side; a date without a time says nothing, nor the reverse."""
    absent = (cells[:, 0] == BLANK) | (cells[:, 6] == BLANK)
    if absent.any():
        cells[absent] = BLANK
    return cells


def _card(decoded: Decoded, keep: Callable[[str, Column], None]) -> dict[str, pl.Series]:
    """card_number: DE2, else what stands in front of the separator of track 2 (DE35). Its mask, where it is quick."""
    cells, sizes = decoded.cells[("2",)], decoded.sizes("2")
    missing = sizes <= 0
    if missing.any():
        track = decoded.gathered("35", 20)
        ended = np.cumsum((track == ord("=")) | (track == ord("D")) | (track == ord("d")), axis=1) > 0
        number = np.where(ended, np.uint8(BLANK), track)[:, :19]
        number[~ended.any(axis=1)] = BLANK
        cells = np.where(missing[:, None], number, cells)
    elif 0 < sizes.min() == sizes.max():
        cells = copied(cells[:, : sizes[0]])
    column = _read(_CARD, cells)
    keep("card_number", column)
    shown = None if column.values.null_count() else masked_cells(cells, bounds_of(cells))
    return {} if shown is None else {"card_masked": shown}


def _discount(decoded: Decoded, settings: PosSettings) -> Column:
    """The configured discount: null where the message says none. What is not whole is a fault, never a smaller one."""
    element = str(settings.discount_field)
    sizes = decoded.sizes(element)
    width = int(sizes.max(initial=0))
    if width <= 0:
        return _amount(np.full((decoded.height, 12), BLANK, np.uint8))
    cells = decoded.gathered(element, width)
    if settings.discount_field == 54:
        return _from_de54(cells, sizes, decoded.cells[("49",)], settings)
    if settings.discount_prefix:
        return _all_digits(_behind_prefix(cells, settings))
    start = settings.discount_start - 1
    found = cells[:, start : start + settings.discount_length]
    return _all_digits(_wide(found, settings.discount_length))


def _all_digits(cells: Bytes) -> Column:
    """Amounts of which every character is a digit; null where all are blank."""
    values = np.empty(len(cells), np.int64)
    w.run(w.whole, len(cells), np.ascontiguousarray(cells).ravel(), cells.shape[1], values)
    odd = np.flatnonzero(values < 0)
    column = Column(pl.Series(values), np.zeros(len(cells), np.bool_))
    if len(odd):
        column.values = column.values.scatter(odd, None)
        short = odd[(cells[odd] != BLANK).any(axis=1)]
        message = f"is not the {cells.shape[1]} digits that the settings say"
        _refused(column, short, CellError("claimed", "BAD_AMOUNT", message))
    return column


def _refused(column: Column, rows: Ints, error: CellError) -> Column:
    """The column with the same fault in these rows, where they have none."""
    column.bad[rows] = True
    for row in rows.tolist():
        column.errors.setdefault(row, error)
    return column


def _wide(cells: Bytes, width: int) -> Bytes:
    """Cells filled with blanks to `width` (the field ends before)."""
    if cells.shape[1] == width:
        return cells
    out = np.full((len(cells), width), BLANK, np.uint8)
    out[:, : cells.shape[1]] = cells
    return out


def _from_de54(cells: Bytes, sizes: Ints, currency: Bytes, settings: PosSettings) -> Column:
    """The amount of the DE54 entry of the configured type: account 2, type 2, currency 3, sign 1, amount 12."""
    wanted = np.frombuffer(settings.discount_amount_type.encode(), np.uint8)
    found = np.full((len(cells), 20), BLANK, np.uint8)
    times = np.zeros(len(cells), np.int64)
    for start in range(0, cells.shape[1] - 19, 20):
        hit = equal_rows(cells[:, start + 2 : start + 4], wanted)
        times += hit
        if hit.all():
            found = cells[:, start : start + 20]
        elif hit.any():
            found[hit] = cells[hit, start : start + 20]
    column, given = _all_digits(found[:, 8:20]), times > 0
    faults = (
        ((sizes > 0) & (sizes % 20 != 0), "BAD_AMOUNT", "holds an entry that is not 20 characters long (DE54)"),
        (times > 1, "BAD_AMOUNT", "stands twice: two entries of DE54 have the type of the discount"),
        (given & ~_alike(found[:, 4:7], currency), "OTHER_CURRENCY", "is in another currency than the transaction"),
        (given & (found[:, 7] != ord("C")) & (found[:, 7] != ord("D")), "BAD_SIGN", "has a mark other than C or D"),
        (given & (found[:, 8] == BLANK), "BAD_AMOUNT", "has no amount"),
    )
    for wrong, code, message in faults:
        if wrong.any():
            _refused(column, np.flatnonzero(wrong), CellError("claimed", code, message))
    return column


def _alike(currency: Bytes, own: Bytes) -> Mask:
    """True where both are the same currency; that of the message is CNY where it says none."""
    yuan, mine = equal_rows(currency, _YUAN), equal_rows(own, _YUAN)
    if yuan.all() and mine.all():
        return yuan
    return np.asarray((currency == np.where(own[:, :1] == BLANK, _YUAN, own)).all(axis=1), np.bool_)


def _behind_prefix(cells: Bytes, settings: PosSettings) -> Bytes:
    """The characters behind the first place where the prefix stands."""
    prefix = np.frombuffer(settings.prefix_bytes, np.uint8)
    out = np.full((len(cells), settings.discount_length), BLANK, np.uint8)
    done = np.zeros(len(cells), np.bool_)
    for start in range(cells.shape[1] - len(prefix) + 1):
        hit = (cells[:, start : start + len(prefix)] == prefix).all(axis=1) & ~done
        if hit.any():
            tail = cells[:, start + len(prefix) : start + len(prefix) + settings.discount_length]
            out[hit] = _wide(tail, settings.discount_length)[hit]
            done |= hit
    return out


def _originals(decoded: Decoded) -> pl.DataFrame:
    """DE90 of the messages (`row`) that have one; used only where it is whole, else null and `original_bad`.

    Whole: type of a request, trace, real time (in the year 2000), two institutions.
    """
    rows = np.flatnonzero(decoded.sizes("90") >= 0)
    cells = decoded.gathered("90", 42, rows)
    named = ~(cells == 0x30).all(axis=1)
    digits = ((cells >= 0x30) & (cells <= 0x39)).all(axis=1)
    mti = (cells[:, 0] == 0x30) & ((cells[:, 1] == 0x31) | (cells[:, 1] == 0x32))
    time = _read(_DAY_AND_TIME, cells[:, 10:20])
    good = np.array(named & digits & mti & ~time.bad & (cells[:, 4:10] != 0x30).any(axis=1))
    cells[~good] = BLANK
    return pl.DataFrame({
        "row": pl.Series(rows, dtype=pl.Int64),
        "original_mti": as_text(cells[:, 0:4]),
        "original_stan": as_text(cells[:, 4:10]),
        "original_transmitted_at": time.values.zip_with(pl.Series(good), nulls(len(rows), pl.Datetime("us"))),
        "original_acquirer": as_text(cells[:, 20:31]),
        "original_forwarder": as_text(cells[:, 31:42]),
        "original_bad": pl.Series(named & ~good),
    })  # fmt: skip


def _terminal_batch(decoded: Decoded, settings: PosSettings) -> dict[str, pl.Series]:
    """The terminal body's batch number (DE60, digits 3 to 8) and the original's batch and trace (DE61)."""
    if settings.body != "pos":
        none = nulls(decoded.height)
        return {"batch": none, "original_batch": none, "original_batch_stan": none}
    own, original = decoded.gathered("60", 8), decoded.gathered("61", 12)
    good = ((original >= 0x30) & (original <= 0x39)).all(axis=1)
    good &= (original != 0x30).any(axis=1)  # zeros name none
    original = np.where(good[:, None], original, np.uint8(BLANK))
    return {
        "batch": as_text(own[:, 2:8]),
        "original_batch": as_text(original[:, 0:6]),
        "original_batch_stan": as_text(original[:, 6:12]),
    }


def stated_totals(messages: Decoded) -> list[Stated]:
    """Counts (DE74 to 77) and amounts (DE86 to 89) that closing messages give; None for one that is not digits."""
    out: list[Stated] = [{} for _ in range(messages.height)]
    for element in TOTALS:
        cells = messages.cells[(element,)]
        values, good = digits_of(cells)
        for row in np.flatnonzero((cells != BLANK).any(axis=1)).tolist():
            out[row][element] = int(values[row]) if good[row] else None
    return out
