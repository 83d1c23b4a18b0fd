"""UnionPay clearing files of fixed width: ZM (merchant, masked card) and ACOMN/ACOMA (institution, full card).

Natural key as POS messages have it: acquirer (DE32), forwarder (DE33), STAN (DE11), transmission time (DE7) with its
year resolved against the clearing date. The record's original fields give the key of the original.

Settings: `record` acomn | acoma | acoma_951 (unionpay_acom), `rail`, `instrument`, `approved` (list of DE39 codes),
`bad_row`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, BinaryIO

import polars as pl

from adapters.base import Adapter, Closing, Context, Parsed
from adapters.description import Part
from adapters.feeds.canonical import (
    APPROVED,
    OPERATIONS,
    PARTIAL_APPROVAL,
    SKIP,
    Fault,
    amount_faults,
    amounts,
    currency,
    first_fault,
    key_where,
    once_per_code,
    own_reversal_keys,
    rail_setting,
    split_key,
    unionpay_kind,
)
from adapters.feeds.layout_feed import PACKAGE, layout_of, read_feed
from adapters.feeds.plain_keys import own_keys
from adapters.feeds.records import read_exactly
from adapters.feeds.times import as_instant, as_local, with_years
from adapters.feeds.writing import write_records
from adapters.layout import Layout, shipped_layout
from adapters.layout_text import describe, show_layout
from settlement.model.errors import BadInput

_KEY_TIME = "%Y%m%d%H%M%S"
# MTI and DE3 that a writer gives a kind.
_CODES = {
    "SALE": ("0200", "000000"),
    "VOID": ("0200", "200000"),
    "REFUND": ("0220", "200000"),
    "REVERSAL": ("0420", "000000"),
}
_ACOM_FIELDS = (
    "mti", "processing_code", "condition_code", "response_code", "accepted_amount", "fee_payable", "fee_receivable",
    "switch_fee",
)  # fmt: skip
_ZM_CODE = "S56"  # the one code seen in a real file; its list is not public, and the kind stands in 交易类型


def approved_codes(context: Context) -> list[str]:
    """DE39 codes that mean success; the source's `approved` replaces the shipped list."""
    given = context.settings.get("approved", APPROVED)
    if isinstance(given, str):
        given = given.split(",")
    codes = [str(code).strip() for code in given]
    if not codes or any(len(code) != 2 for code in codes):
        raise BadInput("setting approved: write two-character answer codes, like 00,11")
    return codes


def add_keys(frame: pl.DataFrame, context: Context, clearing: date, layout: Layout) -> pl.DataFrame:
    """transaction_id, original_key and occurred_at from the year-less times and the trace numbers."""
    times = [spec for spec in layout.record.fields if spec.name in {"transmitted_at", "original_transmitted_at"}]
    frame = with_years(frame, times, clearing, {"original_transmitted_at"}, "transmitted_at")
    original = (
        pl.lit(bool(layout.original_key))
        & pl.col("original_stan").is_not_null()
        & pl.col("original_transmitted_at").is_not_null()
    )
    frame = frame.with_columns(
        transaction_id=own_keys(frame, layout, f"{context.source}:"),
        original_key=key_where(frame, original & (pl.col("kind") != "SALE"), layout.original_key, f"{context.source}:"),
        occurred_at=as_instant("transmitted_at", layout.zone),
        rail=pl.lit(rail_setting(context)),
        instrument=pl.lit(context.settings.get("instrument"), pl.String),
    )
    return own_reversal_keys(frame)


def _with_fault(frame: pl.DataFrame, *faults: Fault) -> pl.DataFrame:
    undated = pl.col("occurred_at").is_null()
    return frame.with_columns(fault=first_fault(frame, *faults, (undated, "BAD_DATE"), *amount_faults()))


def interpret_acom(frame: pl.DataFrame, context: Context, clearing: date, layout: Layout) -> pl.DataFrame:
    """ACOMN and ACOMA: kind by message type and DE3; unsuccessful answers are skipped; fee as the acquirer pays it."""
    good = pl.col("response_code").is_in(approved_codes(context)) | pl.col("response_code").is_null()
    partial = (pl.col("response_code") == PARTIAL_APPROVAL) & (pl.col("accepted_amount") > 0)
    fee = pl.sum_horizontal(pl.col("fee_payable"), -pl.col("fee_receivable"), pl.col("switch_fee"))
    none = pl.all_horizontal(pl.col(name).is_null() for name in ("fee_payable", "fee_receivable", "switch_fee"))
    kind = pl.when(good).then(unionpay_kind("mti", "processing_code", "condition_code")).otherwise(pl.lit(SKIP))
    frame = frame.with_columns(
        kind=once_per_code(frame, ["mti", "processing_code", "condition_code", "response_code"], kind),
        paid=pl.when(partial).then("accepted_amount").otherwise("paid"),
        fee=pl.when(~none).then(fee),
        currency=currency(frame),
    )
    return _with_fault(add_keys(amounts(frame), context, clearing, layout))


def interpret_zm(frame: pl.DataFrame, context: Context, clearing: date, layout: Layout) -> pl.DataFrame:
    """ZM: the settlement's sign must say the same direction as the kind; 优惠金额 is the claimed discount."""
    frame = frame.with_columns(claimed=pl.col("claimed").abs())
    way = pl.when(pl.col("kind") == "SALE").then(pl.col("settlement")).otherwise(-pl.col("settlement"))
    frame = add_keys(amounts(frame), context, clearing, layout)  # of what stands in the record, before it is left out
    frame = frame.with_columns(rrn=pl.lit(None, pl.String), currency=pl.lit("156"))
    return _with_fault(frame, (way < 0, "SIGN_MISMATCH"))


def acom_layout(settings: Mapping[str, object]) -> Layout:
    """ACOMN or ACOMA as the source's `record` says; never guessed."""
    record = str(settings.get("record", ""))
    if record not in {"acomn", "acoma", "acoma_951"}:
        raise BadInput("setting record: say which record the file has: acomn (500 bytes) or acoma (400 or 951 bytes)")
    return layout_of(settings, f"unionpay_{record}")


def _acom_layout_of(stream: BinaryIO, settings: Mapping[str, object]) -> tuple[Layout, tuple[int, ...]]:
    """The layout of a file, and the width of the other that was looked for.

    An ACOMA record goes on behind the 400 bytes of the field table, or it ends there.
    """
    layout = acom_layout(settings)
    if layout.format != "unionpay_acoma" or "layout" in settings or not stream.seekable():
        return layout, ()
    start, longer = stream.tell(), shipped_layout(PACKAGE, "unionpay_acoma_951")
    width = longer.record.width
    end = read_exactly(stream, width + 2)[width:]
    stream.seek(start)
    return (longer, ()) if end.startswith((b"\r\n", b"\n")) else (layout, (width,))


def zm_layout(settings: Mapping[str, object]) -> Layout:
    """The ZM layout, or the source's own."""
    return layout_of(settings, "unionpay_zm")


def _needs(layout: Layout, form: str, *names: str) -> Layout:
    """The layout of a source's own, which must have what the interpreter reads. BadInput: it has not."""
    times = ("transmitted_at", "original_transmitted_at", "original_stan")
    missing = {"paid", *times, *names} - {spec.name for spec in layout.record.fields}
    if missing or not layout.key:
        raise BadInput(f"layout {layout.format}: a {form} feed needs {', '.join(sorted(missing)) or 'a key'}")
    return layout


def read_acom(stream: BinaryIO, context: Context) -> Iterator[Parsed | Closing]:
    """Blocks of canonical transactions of an institution file, then Closing."""
    layout, also = _acom_layout_of(stream, context.settings)
    layout = _needs(layout, "unionpay_acom", *_ACOM_FIELDS)
    return read_feed(stream, context, layout, interpret_acom, bank_cards=True, also=also)


def read_zm(stream: BinaryIO, context: Context) -> Iterator[Parsed | Closing]:
    """Blocks of canonical transactions of a merchant file, then Closing."""
    layout = _needs(zm_layout(context.settings), "unionpay_zm", "kind", "claimed", "settlement")
    return read_feed(stream, context, layout, interpret_zm, bank_cards=True)


def _raw(frame: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """What both writers need: the parts of the keys, institutions with their eight digits, amounts."""
    frame = frame.with_columns(
        *split_key("transaction_id", layout.key),
        *split_key("original_key", tuple(_own(name) for name in layout.original_key)),
    )
    times = [
        pl.col(name).str.strptime(pl.Datetime("us"), _KEY_TIME, strict=False)
        for name in ("transmitted_at", "original_transmitted_at")
    ]
    frame = frame.with_columns(*times, paid=pl.col("paid_fen"), claimed=pl.col("claimed_fen"), fee=pl.col("fee_fen"))
    if (frame["transmitted_at"] != frame.select(as_local("occurred_at", layout.zone)).to_series()).any():
        raise BadInput("a UnionPay line has one time: transaction_id and occurred_at must name the same")
    return frame


def _own(name: str) -> str:
    """original_key repeats acquirer and forwarder; they are written once, from the own key."""
    return f"ignored_{name}" if name in {"acquirer", "forwarder"} else name


def write_acom(frame: pl.DataFrame, context: Context) -> bytes:
    """An institution file of a frame of TRANSACTION columns with `card_number` (and `merchant_name` under acoma)."""
    layout = acom_layout(context.settings)
    raw = _raw(frame, layout)
    kinds = {kind: pair[0] for kind, pair in _CODES.items()}, {kind: pair[1] for kind, pair in _CODES.items()}
    zero = pl.lit(0, pl.Int64)
    raw = raw.with_columns(
        mti=pl.col("kind").replace_strict(kinds[0], return_dtype=pl.String),
        processing_code=pl.col("kind").replace_strict(kinds[1], return_dtype=pl.String),
        condition_code=pl.lit("00"),
        response_code=pl.lit("00"),
        accepted_amount=zero,
        holder_fee=zero,
        fee_payable=pl.max_horizontal(pl.col("fee"), pl.when(pl.col("fee").is_not_null()).then(0)),
        fee_receivable=pl.max_horizontal(-pl.col("fee"), pl.when(pl.col("fee").is_not_null()).then(0)),
        switch_fee=pl.when(pl.col("fee").is_not_null()).then(zero),
    )
    return write_records(layout, raw, {}, context.file)


def write_zm(frame: pl.DataFrame, context: Context) -> bytes:
    """A merchant file; the card number is written masked. settlement = ±paid less the fee, as in the real sample."""
    layout = zm_layout(context.settings)
    raw = _raw(frame, layout)
    way = pl.when(pl.col("kind") == "SALE").then(1).otherwise(-1)
    settlement = way * pl.col("paid") - pl.col("fee").fill_null(0)
    raw = raw.with_columns(
        transaction_code=pl.lit(_ZM_CODE),
        card_number="card_masked",
        settlement=settlement,
        net=settlement,
    )
    return write_records(layout, raw, {}, context.file)


def _describe_acom(settings: Mapping[str, Any]) -> list[Part]:
    *layout, notes = describe(acom_layout(settings))
    return [*layout, Part("kinds", ("message type", "processing code", "what", "kind"), OPERATIONS), notes]


ADAPTERS = (
    Adapter(
        "unionpay_zm",
        "UnionPay 商户对账文件 ZM",
        "transaction",
        read_zm,
        write_zm,
        lambda settings: describe(zm_layout(settings)),
        show_layout(zm_layout),
    ),
    Adapter(
        "unionpay_acom",
        "UnionPay 一般交易流水 ACOMN / ACOMA",
        "transaction",
        read_acom,
        write_acom,
        _describe_acom,
        show_layout(acom_layout),
    ),
)
