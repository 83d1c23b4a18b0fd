"""Fields of POS messages to canonical transactions: natural keys, originals, instants, amounts.

The natural key is DE32, DE33, DE11 and DE7 with its year resolved, as DE90 and UnionPay's clearing files have it. A
terminal body without DE32 or DE7 is known by merchant, terminal, batch and trace (`T/...`), its original by DE61; a
reversal repeats the trace of what it undoes.
"""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl

from adapters.base import Context
from adapters.feeds.canonical import (
    amount_faults,
    amounts,
    currency,
    first_fault,
    key_text,
    key_where,
    own_reversal_keys,
    part,
    rail_setting,
)
from adapters.feeds.columns import nulls
from adapters.feeds.pos_settings import PosSettings
from adapters.feeds.times import as_instant, resolve_earlier

_ORIGINAL = ("original_acquirer", "original_forwarder", "original_stan", "original_transmitted_at")
_TERMINAL = ("merchant_no", "terminal_no", "batch", "stan")
_TERMINAL_ORIGINAL = ("merchant_no", "terminal_no", "original_batch", "original_batch_stan")
# a host's message is known by its institutions, trace and time
_HOST = pl.col("transmitted_at").is_not_null() & pl.col("acquirer").is_not_null()


def interpret(
    frame: pl.DataFrame, originals: pl.DataFrame, context: Context, clearing: date, settings: PosSettings
) -> pl.DataFrame:
    """Messages with canonical columns: keys, originals, instants, amounts; `fault` where they cannot stand together."""
    if settings.discount_means == "gross" and "claimed" in frame.columns:
        frame = frame.with_columns(claimed=pl.col("claimed") - pl.col("paid"))
    sent, local = frame["transmitted_at"], frame["local_at"]
    frame = with_series(frame, _first(sent, local).alias("own_at"), _first(local, sent).alias("own_time"))
    frame = amounts(frame).with_columns(
        transaction_id=_own_keys(frame, context.source),
        original_key=_original_keys(frame, originals, context.source, clearing),
        occurred_at=as_instant("own_time", settings.zone),
        rail=pl.lit(rail_setting(context)),
        instrument=pl.lit(context.settings.get("instrument"), pl.String),
        currency=currency(frame),
    )
    fault = first_fault(
        frame,
        (pl.col("paid").is_null(), "NO_AMOUNT"),
        (pl.col("stan").is_null(), "NO_TRACE"),
        (pl.col("occurred_at").is_null(), "NO_TIME"),
        (_without_key(settings), "NO_KEY"),
        *amount_faults(),
    )
    if not frame.select(_HOST.all()).item():
        repeats = ~_HOST & (pl.col("kind") == "REVERSAL") & pl.col("original_key").is_null()
        frame = frame.with_columns(original_key=pl.when(repeats).then("transaction_id").otherwise("original_key"))
    return own_reversal_keys(frame).with_columns(fault=fault)


def with_series(frame: pl.DataFrame, *columns: pl.Series) -> pl.DataFrame:
    """The frame with these columns, without a query: one costs as much as a thousand records."""
    return pl.DataFrame({column.name: column for column in (*frame.get_columns(), *columns)})


def _first(one: pl.Series, other: pl.Series) -> pl.Series:
    return one.zip_with(one.is_not_null(), other) if one.null_count() else one


def _without_key(settings: PosSettings) -> pl.Expr:
    """Where the key would have neither date nor batch, so that the next day's message could have the same."""
    return ~_HOST if settings.body == "cups" else ~_HOST & pl.col("batch").is_null()


def _own_keys(frame: pl.DataFrame, source: str) -> pl.Expr:
    """Of a host's messages by DE7, of a terminal's by its batch."""
    host = frame["transmitted_at"].is_not_null() & frame["acquirer"].is_not_null()
    own = _host_key(frame, f"{source}:") if host.any() else pl.lit(None, pl.String)
    if host.all():
        return own
    return pl.when(host).then(own).otherwise(key_text(frame, _TERMINAL, f"{source}:T/"))


def _original_keys(frame: pl.DataFrame, originals: pl.DataFrame, source: str, clearing: date) -> pl.Series:
    """As the message's own key: by DE90 of a host's, by DE61 of a terminal's; null on a sale."""
    other = pl.col("kind") != "SALE"
    if frame["original_batch_stan"].null_count() < frame.height:
        by_trace = ~_HOST & other & pl.col("original_batch_stan").is_not_null()
        keys = key_where(frame, by_trace, _TERMINAL_ORIGINAL, f"{source}:T/")
    else:
        keys = nulls(frame.height)
    records, wanted = frame["record"].to_numpy(), originals["record"].to_numpy()
    at = np.searchsorted(records, wanted)
    here = np.append(records, -1)[at] == wanted  # not among those that are rejected
    if not here.any():
        return keys
    at, originals = at[here], originals.filter(pl.Series(here))
    own = ("kind", "own_at", "transmitted_at", "acquirer", "forwarder")
    named = with_series(pl.DataFrame([frame[name] for name in own])[at], *(originals[name] for name in _ORIGINAL))
    named = named.with_columns(_or_own("acquirer"), _or_own("forwarder"))
    named = with_series(named, resolve_earlier(named, "original_transmitted_at", "own_at", clearing))
    usable = _HOST & other & pl.col("original_transmitted_at").is_not_null()
    return keys.scatter(at, _first(key_where(named, usable, _ORIGINAL, f"{source}:"), keys.gather(at)))


def _or_own(institution: str) -> pl.Expr:
    """The institution of the original; one of zeros is not stated, and is the record's own."""
    original = f"original_{institution}"
    stated = pl.col(original).str.strip_chars("0") != ""
    return pl.when(stated).then(original).otherwise(institution).alias(original)


def _host_key(frame: pl.DataFrame, prefix: str) -> pl.Expr:
    """As `key_text` of acquirer, forwarder, stan and time: stan is digits, and DE7 stands as it is behind its year."""
    first, last = frame["transmitted_at"].min(), frame["transmitted_at"].max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    year = pl.lit(str(first.year)) if first.year == last.year else pl.col("transmitted_at").dt.year().cast(pl.String)
    front = pl.concat_str([pl.lit(prefix), part(frame, "acquirer"), pl.lit("/"), part(frame, "forwarder"), pl.lit("/")])
    return pl.concat_str([front, pl.col("stan").fill_null(""), pl.concat_str([pl.lit("/"), year]), "sent"])
