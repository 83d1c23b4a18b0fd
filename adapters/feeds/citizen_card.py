"""市民卡 (citizen card) daily file, both directions, by a layout that is data (layouts/citizen_card.yaml by default).

Natural key: issuer, card reference, card counter, terminal, terminal sequence. The card reference is the masked number:
it needs no key, stays when keys are rotated, and terminal and sequence tell two cards of one mask apart.

Settings: `layout` (a shipped name, or a mapping), `issuer` (header of a written file), `bad_row`, `rail` where no field
says it, `instrument` (citizen_card).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import BinaryIO

import polars as pl

from adapters.base import Adapter, Closing, Context, Parsed
from adapters.feeds.canonical import (
    amount_faults,
    amounts,
    currency,
    first_fault,
    key_column,
    key_parts,
    key_where,
    own_reversal_keys,
    rail_setting,
    text_setting,
)
from adapters.feeds.layout_feed import layout_of, read_feed
from adapters.feeds.plain_keys import own_keys
from adapters.feeds.times import as_instant, as_local, with_years
from adapters.feeds.writing import write_records
from adapters.layout import Layout
from adapters.layout_line import Value
from adapters.layout_text import describe, show_layout
from settlement.model.cards import masked
from settlement.model.errors import BadInput
from settlement.model.outcomes import Rail

NAME = "citizen_card"


def interpret(frame: pl.DataFrame, context: Context, clearing: date, layout: Layout) -> pl.DataFrame:
    """Records with canonical columns: a purse sale's stan is its terminal sequence, its rrn blank."""
    frame = amounts(with_years(frame, layout.record.fields, clearing, set(layout.original_key) - set(layout.key)))
    if "rail" in context.settings:
        said = [pl.col("rail")] if "rail" in frame.columns else []
        frame = frame.with_columns(rail=pl.coalesce(*said, pl.lit(rail_setting(context))))
    have = set(frame.columns)
    blank = pl.lit(None, pl.String)
    purse = pl.col("rail") == Rail.PURSE.value
    stan = pl.col("stan") if "stan" in have else blank
    sequence = pl.col("terminal_sequence") if "terminal_sequence" in have else blank
    for name, other in zip(layout.key, layout.original_key, strict=False):
        if name == "card_number" and other in have:  # some files name the original by its full number
            frame = frame.with_columns(masked(frame[other]).alias(other))
    named = [pl.col(name).is_not_null() for name in _telling(layout)]
    original = pl.any_horizontal(pl.lit(value=False), *named) & (pl.col("kind") != "SALE")
    keyless = pl.all_horizontal(pl.col(key_column(name)).is_null() for name in layout.key)
    frame = frame.with_columns(
        keyless=keyless,  # as the record has them: a purse has other stan and rrn below
        transaction_id=own_keys(frame, layout, f"{context.source}:"),
        original_key=key_where(frame, original, layout.original_key, f"{context.source}:"),
        occurred_at=as_instant("occurred_at", layout.zone),
        stan=pl.when(purse).then(sequence).otherwise(stan),
        rrn=pl.when(~purse).then("rrn") if "rrn" in have else blank,
        instrument=pl.lit(context.settings.get("instrument", NAME), pl.String),
        currency=currency(frame),
    )
    fault = first_fault(
        frame,
        (pl.col("keyless"), "NO_KEY"),
        (pl.col("rail").is_null(), "MISSING"),
        (pl.col("paid").is_null(), "NO_AMOUNT"),
        (pl.col("occurred_at").is_null(), "BAD_DATE"),
        *amount_faults(),
    )
    return own_reversal_keys(frame).with_columns(fault=fault)


def _telling(layout: Layout) -> list[str]:
    """Fields by which a record names its original. Some files always give issuer and card: they name none alone."""
    pairs = list(zip(layout.key, layout.original_key, strict=False))
    others = [other for name, other in pairs if other not in layout.key and name not in {"issuer", "card_number"}]
    return others or [other for _, other in pairs if other not in layout.key]


def read(stream: BinaryIO, context: Context) -> Iterator[Parsed | Closing]:
    """Blocks of canonical transactions, then Closing (feeds.md "Transaction feeds")."""
    layout = layout_of(context.settings, NAME)
    missing = {"kind", "rail", "card_number", "occurred_at", "paid"} - {spec.name for spec in layout.record.fields}
    if "rail" in context.settings:
        missing.discard("rail")
    if missing or not layout.key:
        needed = ", ".join(sorted(missing)).replace("rail", "rail (or the setting of that name)") or "a key"
        raise BadInput(f"layout {layout.format}: a citizen card feed needs {needed}")
    return read_feed(stream, context, layout, interpret)


def write(frame: pl.DataFrame, context: Context) -> bytes:
    """The file of a frame of TRANSACTION columns with `card_number` and optional `merchant_name` (String).

    Keys are taken from transaction_id and original_key. settings: `issuer` for the header (default: of the first
    record); the clearing date is context.clearing_date. BadInput: a value does not fit the layout.
    """
    layout = layout_of(context.settings, NAME)
    columns = {
        "occurred_at": as_local("occurred_at", layout.zone),
        "gross": pl.col("gross_fen"),
        "paid": pl.col("paid_fen"),
        "claimed": pl.col("claimed_fen"),
        "fee": pl.col("fee_fen"),
        "stan": pl.when(pl.col("rail") != Rail.PURSE.value).then("stan"),
    }
    fields = {spec.name: spec for spec in layout.record.fields}
    own = key_parts("transaction_id", [fields[name] for name in layout.key])
    originals = key_parts("original_key", [fields[name] for name in layout.original_key])
    known = {"card_number", *columns} - {"stan"}
    parts = {name: part for name, part in (originals | own).items() if name not in known}
    raw = frame.with_columns(**columns | parts)
    issuer = raw["issuer"][0] if raw.height and "issuer" in raw.columns else ""
    declared: dict[str, Value] = {
        "issuer": text_setting(context, "issuer", str(issuer or "")),
        "clearing_date": context.clearing_date or _only_date(frame, context),
    }
    return write_records(layout, raw, declared, context.file)


def _only_date(frame: pl.DataFrame, context: Context) -> date:
    days = frame["clearing_date"].unique().to_list()
    if len(days) != 1:
        raise BadInput(f"{context.file}: a file holds one clearing date; give context.clearing_date")
    day = days[0]
    assert isinstance(day, date)
    return day


def _layout(settings: Mapping[str, object]) -> Layout:
    return layout_of(settings, NAME)


ADAPTER = Adapter(
    NAME,
    "市民卡 citizen card daily file",
    "transaction",
    read,
    write,
    lambda settings: describe(_layout(settings)),
    show_layout(_layout),
)
