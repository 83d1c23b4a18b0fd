"""From a format's own columns to the canonical transaction: kinds, cards, keys, amounts, faults (times: times.py).

The natural key is readable text, its parts joined by '/': `<source>:<part>/<part>/...`. Writers split it again, so that
a frame written and read back has the same identities.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache

import numpy as np
import polars as pl

from adapters.base import Context
from adapters.feeds.byte_cells import Mask
from adapters.feeds.columns import nulls
from adapters.layout import LayoutField
from settlement.model.cards import CardTokens, masked
from settlement.model.errors import BadInput
from settlement.model.frames import TRANSACTION, conform
from settlement.model.outcomes import Kind, Rail
from settlement.model.rejects import Reject

SKIP = "SKIP"
ZEROS_STRIPPED = frozenset({"acquirer", "forwarder", "original_acquirer", "original_forwarder"})  # in keys
Fault = tuple[pl.Expr, str]  # where it is, and its code
KINDS = tuple(kind.name for kind in Kind)
APPROVED = ("00", "10", "11", "16", "A2", "A4", "A5", "A6")
PARTIAL_APPROVAL = "10"
# DE3 of operations that are no purchase: cash, deposit, payout, inquiries, verification, transfers, loads.
_NO_PURCHASE = ("01", "17", "21", "29", "30", "31", "33", "40", "46", "47", "48", "49", "60", "61", "62", "63")


def text_setting(context: Context, name: str, default: str, allowed: Sequence[str] = ()) -> str:
    """A setting of the source as text. BadInput: not one of `allowed`."""
    value = str(context.settings.get(name, default))
    if allowed and value not in allowed:
        raise BadInput(
            f"setting {name}: {value!r} is none of {', '.join(allowed)}; correct it for source {context.source}"
        )
    return value


def rail_setting(context: Context) -> str:
    """The rail of a file that does not say it per record; pos where the source says nothing."""
    return text_setting(context, "rail", Rail.POS.value, tuple(Rail))


# what `unionpay_kind` makes of a message, for people: message type, DE3, what it is, its kind
OPERATIONS = (
    ("020x 021x", "00", "消费; with DE25=06 预授权完成", "SALE"),
    ("020x 021x", "20", "撤销", "VOID"),
    ("022x 023x", "00", "离线消费", "SALE"),
    ("022x 023x", "20", "退货", "REFUND"),
    ("040x to 043x", "00", "冲正 of a sale", "REVERSAL"),
    ("040x to 043x", "20", "冲正 of a void or refund", "REVERSAL"),
    ("any", "03", "with DE25=06: 预授权 and what undoes it", "skipped"),
    ("any", " ".join(_NO_PURCHASE), "cash, transfers, payouts, inquiries", "skipped"),
    ("01xx 03xx 05xx 06xx 08xx 09xx", "any", "authorisation, files, settlement, network, signatures", "skipped"),
    ("any other", "any other", "UNKNOWN_KIND", "rejected"),
)


@cache
def unionpay_kind(mti: str, processing: str, condition: str) -> pl.Expr:
    """Kind by MTI, DE3 and DE25 (samples/notes.md A): SALE REFUND VOID REVERSAL, SKIP, or null where unknown.

    Under 020x/021x DE3=20 is a void, under 022x/023x a refund; of notifications (024x) nobody says. What authorises,
    inquires, manages keys or the network or uploads a signature (0920) moves no money and is skipped.
    """
    family, function = pl.col(mti).str.slice(1, 1), pl.col(mti).str.slice(2, 1)
    code = pl.col(processing).str.slice(0, 2)
    advice = function.is_in(["2", "3"])
    preauth = (pl.col(condition) == "06").fill_null(value=False) & (code == "03")
    return (
        pl.when(~pl.col(mti).str.contains("^0[0-9]{3}$"))
        .then(None)
        .when(family.is_in(["1", "3", "5", "6", "8", "9"]) | preauth | code.is_in(list(_NO_PURCHASE)))
        .then(pl.lit(SKIP))
        .when(~function.is_in(["0", "1", "2", "3"]))
        .then(None)
        .when((family == "4") & code.is_in(["00", "20"]))
        .then(pl.lit("REVERSAL"))
        .when((family == "2") & (code == "00"))
        .then(pl.lit("SALE"))
        .when((family == "2") & (code == "20"))
        .then(pl.when(advice).then(pl.lit("REFUND")).otherwise(pl.lit("VOID")))
    )


def without_skipped(frame: pl.DataFrame, fields: Iterable[LayoutField]) -> pl.DataFrame:
    """A record with a code that means SKIP in any field, like a refund that failed, is counted and left out."""
    names = [spec.name for spec in fields if spec.name != "kind" and SKIP in spec.values.values()]
    if not names:
        return frame
    skipped = pl.any_horizontal(pl.col(name).eq_missing(pl.lit(SKIP)) for name in names)
    return frame.with_columns(kind=pl.when(skipped).then(pl.lit(SKIP)).otherwise("kind"))


def add_card(frame: pl.DataFrame, tokens: CardTokens) -> pl.DataFrame:
    """`card_number` becomes card_token and card_masked; a format without cards gets blank columns."""
    if "card_number" not in frame.columns:
        blank = pl.lit(None, pl.String)
        return frame.with_columns(card_token=blank, card_masked=blank)
    numbers = frame["card_number"]
    shown = [] if "card_masked" in frame.columns else [masked(numbers)]
    return frame.drop("card_number").with_columns(tokens.of(numbers).alias("card_token"), *shown)


def key_column(name: str) -> str:
    """The column that a part of a key is read from: of a card's number only the mask."""
    return "card_masked" if name == "card_number" else name


def part(frame: pl.DataFrame, name: str, digits: frozenset[str] = frozenset()) -> pl.Expr:
    """One part of a natural key as text: times as 14 digits, institutions without leading zeros, blank where null.

    A '/' in a part is written %2F; columns named in `digits` cannot hold one.
    """
    shown = key_column(name)
    column, values = pl.col(shown), frame[shown]
    if values.dtype == pl.Datetime:
        return column.dt.strftime("%Y%m%d%H%M%S").fill_null("")
    if len(values) > 1 and _like_first(values).all():  # an institution is often one and the same
        column = pl.lit(values[0], values.dtype)
    if name in ZEROS_STRIPPED:
        return column.str.strip_chars_start("0").fill_null("")
    if name in digits:
        return column.fill_null("")
    return column.cast(pl.String).str.replace_all("/", "%2F", literal=True).fill_null("")


def key_text(frame: pl.DataFrame, names: Iterable[str], prefix: str, digits: frozenset[str] = frozenset()) -> pl.Expr:
    """`prefix` (the source and ':'), then the named columns as part/part/...; `digits` as `part` takes it."""
    parts = [part(frame, name, digits) for name in names]
    return pl.format("{}" + "/".join("{}" for _ in parts), pl.lit(prefix), *parts)


def key_where(frame: pl.DataFrame, where: pl.Expr, names: Iterable[str], prefix: str) -> pl.Series:
    """`key_text` where `where` holds, null elsewhere: few records name an original."""
    rows = frame.select(where.fill_null(value=False)).to_series().arg_true()
    keys = nulls(frame.height)
    if not len(rows):
        return keys
    some = frame.select(key_column(name) for name in names)[rows]
    return keys.scatter(rows, some.with_columns(key=key_text(some, names, prefix))["key"])


def once_per_code(frame: pl.DataFrame, names: list[str], text: pl.Expr) -> pl.Series:
    """A text that depends on a few code columns alone, found once for each combination that occurs (if they are few).

    Most records of a file are alike: those like the first are set aside, and so on with what is left.
    """
    rest, rows = [frame[name] for name in names], np.arange(frame.height)
    kinds = np.zeros(frame.height, np.uint32)
    firsts: list[int] = []
    while len(rows):
        if len(firsts) == 16:
            return frame.select(text).to_series()
        alike = np.logical_and.reduce([_like_first(codes) for codes in rest])
        kinds[rows[alike]] = len(firsts)
        firsts.append(int(rows[0]))
        left = pl.Series(~alike)
        rest, rows = [codes.filter(left) for codes in rest], rows[~alike]
    return frame.select(names)[firsts].select(text).to_series().gather(pl.Series(kinds))


def _like_first(values: pl.Series) -> Mask:
    same = values.eq_missing(values.head(1)) if values.null_count() else values == values[0]
    return np.asarray(same.to_numpy(), np.bool_)


def split_key(column: str, names: tuple[str, ...]) -> list[pl.Expr]:
    """The parts of a key column by name, for writers; null where the key is null or a part is blank."""
    after = pl.col(column).str.splitn(":", 2).struct.field("field_1")
    parts = after.str.splitn("/", len(names) + 1)  # behind the last may stand what `own_reversal_keys` adds
    out = []
    for number, name in enumerate(names):
        value = parts.struct.field(f"field_{number}").str.replace_all("%2F", "/", literal=True)
        out.append(pl.when(value != "").then(value).alias(name))
    return out


def key_parts(column: str, fields: Sequence[LayoutField]) -> dict[str, pl.Expr]:
    """`split_key` for keys made of these fields, by name; days and times as such, null where they do not read."""
    parts = split_key(column, tuple(spec.name for spec in fields))
    forms = {"datetime": (pl.Datetime("us"), "%Y%m%d%H%M%S"), "date": (pl.Date(), "%Y-%m-%d")}
    return {
        spec.name: part.str.strptime(*forms[spec.type], strict=False) if spec.type in forms else part
        for spec, part in zip(fields, parts, strict=True)
    }


def own_reversal_keys(frame: pl.DataFrame) -> pl.DataFrame:
    """A void, refund or reversal that repeats its original's key (terminals do) gets `/KIND` behind its own."""
    if not (frame["transaction_id"] == frame["original_key"]).any():
        return frame
    same = (pl.col("transaction_id") == pl.col("original_key")) & (pl.col("kind") != "SALE")
    own = pl.concat_str(["transaction_id", pl.lit("/"), "kind"])
    return frame.with_columns(transaction_id=pl.when(same).then(own).otherwise("transaction_id"))


def amounts(frame: pl.DataFrame) -> pl.DataFrame:
    """gross, paid, claimed as feeds.md says: gross = paid + discount; a refund with only its paid part has no gross."""
    have = frame.columns
    blank = pl.lit(None, pl.Int64)
    paid, claimed = pl.col("paid"), pl.col("claimed") if "claimed" in have else blank
    whole = pl.when(claimed.is_not_null() | (pl.col("kind") != "REFUND")).then(paid + claimed.fill_null(0))
    gross = pl.coalesce("gross", whole) if "gross" in have else whole
    fee = pl.col("fee") if "fee" in have else blank
    return frame.with_columns(gross_fen=gross, paid_fen=paid, claimed_fen=claimed, fee_fen=fee)


def currency(frame: pl.DataFrame) -> pl.Expr:
    """What a record says, CNY (156) where it says nothing."""
    return pl.coalesce("currency", pl.lit("156")) if "currency" in frame.columns else pl.lit("156")


@cache
def amount_faults() -> tuple[Fault, ...]:
    """Where the amounts of an (already derived) record cannot be.

    Behind this no amount has a currency any more: all are fen.
    """
    gross, paid, claimed = pl.col("gross_fen"), pl.col("paid_fen"), pl.col("claimed_fen")
    counts = pl.col("kind").is_in(["SALE", "REFUND"])
    return (
        (pl.col("currency") != "156", "OTHER_CURRENCY"),
        ((paid < 0) | (claimed < 0) | (gross < 0), "NEGATIVE_AMOUNT"),
        (gross != paid + claimed, "AMOUNTS_DISAGREE"),
        ((pl.coalesce(gross, paid) == 0) & counts, "ZERO_AMOUNT"),
    )


def first_fault(frame: pl.DataFrame, *faults: Fault) -> pl.Expr:
    """The code of the first fault that each record has, null where all is well; most blocks have none at all."""
    if not frame.select(pl.any_horizontal(wrong for wrong, _ in faults).any()).item():
        return pl.lit(None, pl.String)
    return pl.coalesce(pl.when(wrong).then(pl.lit(code)) for wrong, code in faults)


FAULTS: Mapping[str, tuple[str, str]] = {
    "NEGATIVE_AMOUNT": ("paid", "is below zero; the kind of the record says the direction, amounts have no sign"),
    "AMOUNTS_DISAGREE": ("gross", "is not the amount paid plus the discount; correct one of the three"),
    "ZERO_AMOUNT": ("paid", "is zero; a sale or refund has an amount"),
    "NO_AMOUNT": ("paid", "is missing; a sale or refund has an amount (DE4)"),
    "MISSING": ("rail", "is blank, and no setting `rail` says it for the whole source"),
    "NO_TRACE": ("stan", "is missing; without the trace number (DE11) a record has no identity"),
    "UNKNOWN_KIND": (
        "kind",
        "is no operation that this format knows; correct it, or tell us what it stands for",
    ),
    "NO_TIME": (
        "occurred_at",
        "is missing: the message has neither DE7 nor DE12 with DE13 (of a terminal, the answers have them)",
    ),
    "NO_KEY": (
        "key",
        "is blank: nothing names the transaction (of POS: DE7 and DE32 of a host's message, DE60 of a terminal's)",
    ),
    "OTHER_CURRENCY": ("currency", "is not 156 (CNY): subsidies are settled in yuan alone"),
    "BAD_DATE": ("occurred_at", "is no such day or time in the year of the clearing date"),
    "SIGN_MISMATCH": ("settlement", "has the sign of the other direction"),
    "ORIGINAL_INVALID": (
        "original",
        "names the original in a way that cannot be read; check the original data elements",
    ),
}


def fault_reject(context: Context, code: str, record: int, byte: int) -> Reject:
    """The reject of a record whose fields are readable one by one but cannot stand together."""
    name, message = FAULTS[code]
    return Reject(context.file, record, byte, name, code, message)


def conformed(frame: pl.DataFrame, context: Context, clearing: date) -> pl.DataFrame:
    """The canonical frame: blank columns for what the format does not carry, clearing date, file, exact types."""
    day = pl.lit(clearing, pl.Date)
    given: dict[str, pl.Expr] = {
        "source": pl.lit(context.source, pl.String),
        "file": pl.lit(context.file, pl.String),
        "clearing_date": pl.coalesce("clearing_date", day) if "clearing_date" in frame.columns else day,
    }
    columns = [
        given[name] if name in given else pl.col(name) if name in frame.columns else pl.lit(None, dtype)
        for name, dtype in TRANSACTION.items()
    ]
    named = [column.alias(name) for name, column in zip(TRANSACTION, columns, strict=True)]
    return conform(frame.select(named), TRANSACTION)
