"""Days and times of a file: its clearing date, the year of days that have none, and instants in its zone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache

import polars as pl

from adapters.base import Context
from adapters.layout import LayoutField
from adapters.refused import FileRefusedError
from settlement.model.dates import HALF_A_YEAR, parse_compact_date, parse_date
from settlement.model.errors import BadInput
from settlement.model.frames import INSTANT

_CLOCKS_DIFFER = timedelta(hours=1)
_YEARS = range(2000, 2100)  # of clearing dates


def clearing_date_of(context: Context, declared: object, filename: str) -> date:
    """The file's clearing date: given, else declared in the file, else in its name.

    `filename` is the layout's pattern; its group clearing_date is YYMMDD or YYYYMMDD. FileRefusedError: nowhere, or no
    such day.
    """
    day = _clearing_date(context, declared, filename)
    if day.year not in _YEARS:  # fillers: 99991231, 00010101
        message = f"the clearing date {day} is of no year from {_YEARS[0]} to {_YEARS[-1]}; write the day of clearing"
        raise FileRefusedError("NO_CLEARING_DATE", message, name="clearing_date")
    return day


def _clearing_date(context: Context, declared: object, filename: str) -> date:
    if context.clearing_date is not None:
        return context.clearing_date
    if isinstance(declared, date):
        return declared
    setting = context.settings.get("clearing_date")
    if setting is not None:
        try:
            return setting if isinstance(setting, date) else parse_date(str(setting))
        except ValueError as error:
            raise BadInput(f"setting clearing_date: {error}") from None
    named = named_day(context.file, filename)
    if named is not None:
        return named
    message = "the clearing date stands neither in the file nor in its name; give it: --set clearing_date=YYYY-MM-DD"
    raise FileRefusedError("NO_CLEARING_DATE", message, name="clearing_date")


def named_day(file: str, filename: str) -> date | None:
    """The clearing date in a file's name, by the layout's pattern; None where it has none."""
    found = re.search(filename, file) if filename else None
    if found is None:
        return None
    digits = (found["clearing_date"] or "").replace("-", "")  # the group may be one that need not be there
    try:
        return parse_compact_date(digits if len(digits) == 8 else f"20{digits}")
    except ValueError:
        return None


def resolve_year(frame: pl.DataFrame, column: str, clearing: date) -> pl.Series:
    """A naive time without a year (read in 2000) in the year that brings it nearest to noon of the clearing date.

    The same reading as `settlement.model.dates.resolve_yearless`; null where no such day is within half a year. The
    year is found once per day of the year; on a day half a year away, where noon decides, once per record.
    """
    moves, torn = _moves(clearing)
    day = frame[column].dt.ordinal_day() - 1
    if day.is_in(torn.implode()).any():
        return frame.select(_nearest(column, clearing)).to_series()
    return frame[column] + moves.gather(day)


@lru_cache(maxsize=16)
def days_in_year(clearing: date) -> Mapping[int, int]:
    """Days since 1970 of 100 times the month plus the day, in the year that `resolve_year` finds for the whole day."""
    moves, torn = _moves(clearing)
    days, closer = {}, set(torn.to_list())
    for day, move in enumerate(moves.to_list()):
        if move is not None and day not in closer:
            then = date(2000, 1, 1) + timedelta(days=day)
            days[then.month * 100 + then.day] = (then + move - date(1970, 1, 1)).days
    return days


@lru_cache(maxsize=16)
def _moves(clearing: date) -> tuple[pl.Series, pl.Series]:
    """What brings each of the 366 days of 2000 into its year (null: no such day there), and the days torn at noon."""
    days = pl.DataFrame({"first": pl.datetime_range(datetime(2000, 1, 1), datetime(2000, 12, 31), "1d", eager=True)})
    days = days.with_columns(last=pl.col("first") + timedelta(hours=23, minutes=59, seconds=59))
    moved = days.select(
        by=_nearest("first", clearing) - pl.col("first"), by_last=_nearest("last", clearing) - pl.col("last")
    )
    return moved["by"], moved.select(pl.arg_where(pl.col("by").ne_missing(pl.col("by_last")))).to_series()


def _nearest(column: str, clearing: date) -> pl.Expr:
    noon = datetime(clearing.year, clearing.month, clearing.day, 12)
    half = timedelta(days=HALF_A_YEAR)
    candidates = [_in_year(column, year) for year in (clearing.year - 1, clearing.year, clearing.year + 1)]
    best = candidates[0]
    for other in candidates[1:]:
        nearer = (other - noon).abs() < (best - noon).abs()
        best = pl.when(best.is_null() | nearer).then(other).otherwise(best)
    # every day has a year within half a year but 29 February, which another year than the nearest may have
    return pl.when((best - noon).abs() <= half).then(best).alias(column)


def resolve_earlier(frame: pl.DataFrame, column: str, own: str, clearing: date) -> pl.Series:
    """The time of an original: the latest year in which it is not after `own` (resolved, naive).

    Clocks of two machines differ: what is up to _CLOCKS_DIFFER after `own` is not of the year before.
    """
    if frame[column].null_count() == frame.height:
        return frame[column]
    rows = frame[column].is_not_null().arg_true()
    found = frame.select(column, own)[rows].select(_earlier(column, own, clearing)).to_series()
    return frame[column].clone().scatter(rows, found)


@lru_cache(maxsize=16)
def _earlier(column: str, own: str, clearing: date) -> pl.Expr:
    best: pl.Expr = pl.lit(None, pl.Datetime("us"))
    for year in range(clearing.year - 4, clearing.year + 2):
        candidate = _in_year(column, year)
        best = pl.when(candidate <= pl.col(own) + _CLOCKS_DIFFER).then(candidate).otherwise(best)
    return best.alias(column)


def _in_year(column: str, year: int) -> pl.Expr:
    """Days are moved by a constant per side of February; 29 February is null in a year without it."""
    leap = date(2000, 2, 29)
    late = date(year, 3, 1) - date(2000, 3, 1)
    early = date(year, 1, 1) - date(2000, 1, 1)
    has_leap = (date(year, 3, 1) - date(year, 2, 28)).days == 2
    moment = pl.col(column)
    moved = pl.when(moment.dt.month() > 2).then(moment + late).otherwise(moment + early)
    return moved if has_leap else pl.when(moment.dt.date() != leap).then(moved)


def with_years(
    frame: pl.DataFrame,
    fields: Iterable[LayoutField],
    clearing: date,
    originals: Collection[str],
    own: str = "occurred_at",
) -> pl.DataFrame:
    """Days without a year in theirs: nearest to the clearing date; those of `originals` before `own`, of the record."""
    yearless = [spec for spec in fields if spec.type in {"date", "datetime"} and "YY" not in spec.format]
    for spec in sorted(yearless, key=lambda spec: spec.name != own):
        if spec.name in frame.columns:
            moments = frame.with_columns(pl.col(spec.name).cast(pl.Datetime("us")))
            if spec.name in originals:
                found = resolve_earlier(moments, spec.name, own, clearing)
            else:
                found = resolve_year(moments, spec.name, clearing)
            frame = frame.with_columns(found.cast(frame.schema[spec.name]).alias(spec.name))
    return frame


def as_instant(column: str, zone: str) -> pl.Expr:
    """A naive local time as a UTC instant; a time that the zone skips is null, of a doubled one the first is taken."""
    return pl.col(column).map_batches(lambda local: _instants(local, zone), return_dtype=INSTANT)


def _instants(local: pl.Series, zone: str) -> pl.Series:
    """Where the clocks of the zone stay as they are from the first day to the last, by one subtraction."""
    first, last = local.min(), local.max()
    if isinstance(first, datetime) and isinstance(last, datetime) and (last - first).days <= 31:
        offset = _constant_offset(zone, first.date(), last.date())
        if offset is not None:
            return (local - offset).dt.replace_time_zone("UTC")
    return _by_the_zone(local, zone)


def _by_the_zone(local: pl.Series, zone: str) -> pl.Series:
    exact = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return exact.dt.convert_time_zone("UTC")


@lru_cache(maxsize=64)
def _constant_offset(zone: str, first: date, last: date) -> timedelta | None:
    """What the zone is ahead of UTC if that is the same in each hour of these days (a change lasts for weeks)."""
    hours = pl.datetime_range(first, last + timedelta(days=1), "1h", eager=True).cast(pl.Datetime("us"))
    offsets = (hours - _by_the_zone(hours, zone).dt.replace_time_zone(None)).unique().to_list()
    return offsets[0] if len(offsets) == 1 else None


def as_local(column: str, zone: str) -> pl.Expr:
    """A UTC instant as the naive time on the zone's clocks."""
    return pl.col(column).dt.convert_time_zone(zone).dt.replace_time_zone(None)
