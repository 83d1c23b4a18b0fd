"""Canonical transactions -> a file of ISO 8583 messages in any framing, header and body that the reader knows.

The file ends with a 0520 reconciliation message, so that a cut between two messages shows.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from adapters.base import Context
from adapters.feeds.framing import MAX_MESSAGE
from adapters.feeds.iso_encode import encode_columns
from adapters.feeds.pos_iso8583 import totals_of
from adapters.feeds.pos_settings import HEADERS, PosSettings, settings_of
from adapters.feeds.times import as_local
from settlement.model.errors import BadInput

_MTI = {"SALE": "0200", "VOID": "0200", "REFUND": "0220", "REVERSAL": "0420"}
_PROCESSING = {"SALE": "000000", "VOID": "200000", "REFUND": "200000", "REVERSAL": "000000"}
_TPDU = "6000030000603100310100"
_KEY = r"^[^:]*:([0-9]*)/([0-9]*)/([0-9]{6})/[0-9]{4}([0-9]{10})(?:/[A-Z]+)?$"
_TERMINAL_KEY = r"^[^:]*:T/[^/]*/[^/]*/([0-9]{6})/([0-9]{6})(?:/[A-Z]+)?$"


def write(frame: pl.DataFrame, context: Context) -> bytes:
    """The file of a frame of TRANSACTION columns with `card_number` and optional `merchant_name`.

    Keys are taken from transaction_id and original_key: `acquirer/forwarder/stan/time`, or `T/...` of a terminal.
    BadInput: a value does not fit its field, or the discount would go into a private field.
    """
    settings = settings_of(context)
    if settings.discount_field not in {0, 54} or settings.discount_means != "discount":
        raise BadInput("setting discount_field: a file is written with its discount in DE54 (54), or without (0)")
    fields = _fields(frame, settings)
    closing = _closing(frame, context)
    spec = settings.spec
    messages = pl.concat([encode_columns(fields, spec, context.file), encode_columns(closing, spec, context.file)])
    return (
        bytes.fromhex("".join(_framed(messages, settings).to_list()))
        if settings.framing != "hex"
        else _lines(messages, settings)
    )


def _fields(frame: pl.DataFrame, settings: PosSettings) -> pl.DataFrame:
    """Data elements as text columns, null where a message does not carry one."""
    key, origin = pl.col("transaction_id"), pl.col("original_key")
    local = as_local("occurred_at", settings.zone)
    fen = pl.col("paid_fen").cast(pl.String).str.zfill(12)
    columns = {
        "t": pl.col("kind").replace_strict(_MTI, return_dtype=pl.String),
        "2": pl.col("card_number"),
        "3": pl.col("kind").replace_strict(_PROCESSING, return_dtype=pl.String),
        "4": fen,
        "7": key.str.extract(_KEY, 4),
        "11": pl.coalesce(key.str.extract(_KEY, 3), key.str.extract(_TERMINAL_KEY, 2)),
        "12": local.dt.strftime("%H%M%S"),
        "13": local.dt.strftime("%m%d"),
        "15": pl.col("clearing_date").dt.strftime("%m%d"),
        "18": pl.col("mcc"),
        "22": pl.lit("051"),
        "25": pl.lit("00"),
        "32": key.str.extract(_KEY, 1).str.zfill(8),  # one of zeros alone is blank in the key
        "33": _institution(key.str.extract(_KEY, 2)),
        "37": pl.col("rrn").str.pad_end(12),
        "38": pl.col("auth_code").str.pad_end(6),
        "39": pl.when(pl.col("kind") != "REVERSAL").then(pl.lit("00")),
        "41": pl.col("terminal_no").str.pad_end(8),
        "42": pl.col("merchant_no").str.pad_end(15),
        "49": pl.col("currency"),
        "90": _de90(origin),
    }
    if settings.discount_field == 54:
        columns["54"] = _de54(settings)
    if settings.body == "pos":
        batch = key.str.extract(_TERMINAL_KEY, 1)
        columns["60"] = pl.when(batch.is_not_null()).then(pl.format("22{}000", batch))
        columns["61"] = pl.concat_str(origin.str.extract(_TERMINAL_KEY, 1), origin.str.extract(_TERMINAL_KEY, 2))
        columns["90"] = pl.when(batch.is_null()).then(columns["90"])
    fields = frame.select(expr.alias(name) for name, expr in columns.items())
    if fields["11"].null_count():
        raise BadInput("transaction_id: write source:acquirer/forwarder/stan/YYYYMMDDhhmmss for a POS message")
    name = _name_of(frame)
    return fields if name is None else fields.with_columns(name.alias("43"))


def _institution(column: pl.Expr) -> pl.Expr:
    return pl.when(column != "").then(column.str.zfill(8))


def _de90(origin: pl.Expr) -> pl.Expr:
    """Original data elements of a sale; null without an original."""
    acquirer, forwarder = origin.str.extract(_KEY, 1), origin.str.extract(_KEY, 2)
    return pl.concat_str(
        pl.lit("0200"),
        origin.str.extract(_KEY, 3),
        origin.str.extract(_KEY, 4),
        acquirer.str.zfill(11),
        forwarder.str.zfill(11),
    )


def _de54(settings: PosSettings) -> pl.Expr:
    """One additional amount: account 00, the configured type, CNY, credit, fen."""
    amount = pl.col("claimed_fen").cast(pl.String).str.zfill(12)
    return pl.concat_str(pl.lit(f"00{settings.discount_amount_type}156C"), amount)


def _name_of(frame: pl.DataFrame) -> pl.Series | None:
    """DE43, 40 bytes: the merchant's name in GBK, as latin-1 text, cut between characters."""
    if "merchant_name" not in frame.columns:
        return None
    table = {name: _forty_bytes(name) for name in frame["merchant_name"].drop_nulls().unique().to_list()}
    return frame["merchant_name"].replace_strict(table, default=None, return_dtype=pl.String)


def _forty_bytes(name: str) -> str:
    raw = b""
    for char in name:
        try:
            encoded = char.encode("gb18030")
        except UnicodeEncodeError:
            raise BadInput("merchant_name: a character is not in gb18030; use others") from None
        if len(raw) + len(encoded) > 40:
            break
        raw += encoded
    return raw.ljust(40).decode("latin-1")


def _closing(frame: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The 0520 with numbers and amounts per direction."""
    sums = frame.group_by("kind").agg(pl.len(), pl.col("paid_fen").sum())
    numbers = {kind: count for kind, count, _ in sums.iter_rows()}
    totals = totals_of(numbers, {kind: paid for kind, _, paid in sums.iter_rows()})
    day = context.clearing_date or (frame["clearing_date"][0] if frame.height else None)
    if not isinstance(day, date):
        raise BadInput(f"{context.file}: give context.clearing_date for a file without transactions")
    texts = {element: str(value).zfill(10 if int(element) < 80 else 16) for element, value in totals.items()}
    return pl.DataFrame({"t": ["0520"], "15": [f"{day:%m%d}"], **{k: [v] for k, v in texts.items()}})


def _with_header(messages: pl.Series, settings: PosSettings) -> pl.Series:
    if settings.header == "none":
        return messages
    if settings.header in {"tpdu", "tpdu5"}:
        return _TPDU[: 2 * HEADERS[settings.header]] + messages
    sizes = messages.str.len_chars() // 2 + HEADERS["cups"]
    front, back = "2E02", f"{b'00010000   00010000   000'.hex().upper()}00{b'00000000'.hex()}00{b'00000'.hex()}"
    return front + sizes.cast(pl.String).str.zfill(4).str.encode("hex") + back + messages


def _lines(messages: pl.Series, settings: PosSettings) -> bytes:
    return ("\n".join(_with_header(messages, settings).to_list()) + "\n").encode()


def _framed(messages: pl.Series, settings: PosSettings) -> pl.Series:
    """Each message as hexadecimal digits behind its length; vbs gets its zero length at the end."""
    whole = _with_header(messages, settings)
    sizes = whole.str.len_chars() // 2
    assert sizes.max() is None or int(str(sizes.max())) <= MAX_MESSAGE, "no message is that long"
    if settings.framing == "len4":
        return sizes.cast(pl.String).str.zfill(4).str.encode("hex") + whole
    width = 4 if settings.framing == "len2" else 8
    table = {size: f"{size:0{width}X}" for size in sizes.unique().to_list()}
    framed = sizes.replace_strict(table, return_dtype=pl.String) + whole
    return pl.concat([framed, pl.Series(["00000000"])]) if settings.framing == "vbs" else framed
