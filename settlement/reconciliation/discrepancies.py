"""What matching left over, by its name: kinds of discrepancies (差错), likely causes, numbers, and the life of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any

import polars as pl

from settlement.model.frames import INSTANT, Schema, conform, empty
from settlement.model.money import format_yuan_expr
from settlement.model.outcomes import Discrepancy
from settlement.reconciliation.matching import Matching

# A new row of table `discrepancy`, but its number and business date. `channel`: of transactions, or the account of
# money. Amounts as in RECON_ITEM (money side: credit positive); difference = ours less theirs, a missing side as 0.
FOUND: Schema = {
    "kind": pl.String,
    "channel": pl.String,
    "ours_id": pl.String,
    "theirs_id": pl.String,
    "clearing_date": pl.Date,
    "occurred_at": INSTANT,
    "reference": pl.String,
    "ours_fen": pl.Int64,
    "theirs_fen": pl.Int64,
    "difference_fen": pl.Int64,
    "ours_status": pl.String,
    "theirs_status": pl.String,
    "payee_no": pl.String,
    "detail": pl.String,
}
# A discrepancy of an earlier night: its last event (null: none yet) and the number of that event (0: none yet).
KNOWN: Schema = {
    "discrepancy_id": pl.String,
    "kind": pl.String,
    "ours_id": pl.String,
    "theirs_id": pl.String,
    "theirs_fen": pl.Int64,
    "difference_fen": pl.Int64,
    "last_event": pl.String,
    "last_seq": pl.Int64,
}
EVENT: Schema = {
    "discrepancy_id": pl.String,
    "event": pl.String,
    "actor": pl.String,
    "checker": pl.String,
    "reason": pl.String,
    "evidence": pl.String,
    "decision_id": pl.Int64,
}
# A row of table `decision` about a discrepancy.
DECISION: Schema = {
    "decision_id": pl.Int64,
    "subject": pl.String,
    "kind": pl.String,
    "actor": pl.String,
    "checker": pl.String,
    "reason": pl.String,
    "amount_fen": pl.Int64,
}

# Last events after which a discrepancy is no longer open; 挂账 (suspense) is a state on the way, still open.
CLOSING = ("auto_closed", "explained", "adjusted", "written_off")
# What people decide and the event it becomes; those that move money need a second person above an amount.
EVENT_OF = {"explain": "explained", "suspense": "suspense", "adjust": "adjusted", "write_off": "written_off"}
MOVES_MONEY = ("adjust", "write_off")
NIGHT = "night"
# Kinds of two lists of items, which a later file may heal.
HEALABLE = ("OURS_ONLY", "THEIRS_ONLY", "STATUS_MISMATCH", "AMBIGUOUS")
STATUS_ZH = {"SALE": "消费", "REFUND": "退货", "VOID": "撤销", "REVERSAL": "冲正"}
_NEAR_CUTOFF_MINUTES = 30


@dataclass(frozen=True, slots=True)
class Channel:
    """What naming needs to know of a channel: its name, zone and cut-off, and whether our own feed came tonight."""

    name: str
    zone: str
    cutoff: time
    ours_came: bool = True


def found(
    channel: Channel, ours: pl.DataFrame, theirs: pl.DataFrame, matching: Matching, originals: pl.DataFrame
) -> pl.DataFrame:
    """FOUND rows of one channel's night.

    `ours`, `theirs`: the items that took part (RECON_ITEM, open ones too; ours with `payee_no`). `originals`: pairs
    (ours_id, theirs_id) of earlier nights among the originals of operations; tonight's are known from `matching`.
    """
    pairs = pl.concat([originals.select("ours_id", "theirs_id"), matching.matches.select("ours_id", "theirs_id")])
    left = ours.select(
        "clearing_date",
        "occurred_at",
        "payee_no",
        ours_id="item_id",
        ours_fen="amount_fen",
        ours_status="kind",
        reference=pl.coalesce("rrn", "stan"),
    )
    right = theirs.select(theirs_id="item_id", theirs_fen="amount_fen", theirs_status="kind")
    rows = pl.concat(
        [
            _of_pairs(matching.matches, left, right),
            _of_side(channel, matching.ours_left, ours, pairs, mine=True),
            _of_side(channel, matching.theirs_left, theirs, pairs, mine=False),
        ]
    )
    words = [pl.col(name).replace(STATUS_ZH) for name in ("ours_status", "theirs_status")]
    return conform(rows.with_columns(*words, channel=pl.lit(channel.name)), FOUND)


def _of_pairs(matches: pl.DataFrame, left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Pairs that disagree."""
    rows = matches.filter(pl.col("result") != "BALANCED").join(left, on="ours_id", how="left")
    rows = rows.join(right, on="theirs_id", how="left")
    amount = pl.col("result") == "AMOUNT_MISMATCH"
    cause = pl.when(amount).then(pl.lit("金额不一致: 部分授权、小费或一方更正")).otherwise(
        pl.lit("方向不一致: 一方已撤销、冲正或退货")
    )  # fmt: skip
    difference = pl.col("ours_fen") - pl.col("theirs_fen")
    return _shaped(rows.with_columns(kind="result", difference_fen=difference), cause)


def _of_side(
    channel: Channel, left_over: pl.DataFrame, items: pl.DataFrame, pairs: pl.DataFrame, *, mine: bool
) -> pl.DataFrame:
    """Items of one side without a match: doubled, ambiguous, an operation whose original both sides know."""
    own, other = ("ours_id", "theirs_id") if mine else ("theirs_id", "ours_id")
    rows = left_over.join(items, on="item_id", how="left", maintain_order="left")
    known = pairs.select(original_id=own, other_id=other).unique("original_id")
    rows = rows.join(known, on="original_id", how="left", maintain_order="left")
    operation = (pl.col("kind_of_item") != "SALE") & pl.col("other_id").is_not_null()
    kind = (
        pl.when(pl.col("state") == "duplicate")
        .then(pl.lit(str(Discrepancy.DUPLICATE)))
        .when(pl.col("state") == "ambiguous")
        .then(pl.lit(str(Discrepancy.AMBIGUOUS)))
        .when(operation)
        .then(pl.lit(str(Discrepancy.STATUS_MISMATCH)))
        .otherwise(pl.lit(str(Discrepancy.OURS_ONLY if mine else Discrepancy.THEIRS_ONLY)))
    )
    rows = rows.rename({"kind": "kind_of_item"}).with_columns(kind=kind)
    status, nothing, blank = pl.col("kind_of_item"), pl.lit(None, pl.Int64), pl.lit(None, pl.String)
    counterpart = pl.when(pl.col("kind") == "STATUS_MISMATCH").then("other_id")
    amount = pl.col("amount_fen")
    rows = rows.with_columns(
        **{own: pl.col("item_id"), other: counterpart},
        ours_fen=amount if mine else nothing,
        theirs_fen=nothing if mine else amount,
        difference_fen=amount if mine else -amount,
        ours_status=status if mine else blank,
        theirs_status=blank if mine else status,
        reference=pl.coalesce("rrn", "stan"),
        payee_no=pl.col("payee_no") if mine else blank,
    )
    return _shaped(rows, _cause(channel, mine=mine))


def _cause(channel: Channel, *, mine: bool) -> pl.Expr:
    """The likely cause in words; a guess by what is known of the row, for the person who looks into it."""
    local = pl.col("occurred_at").dt.convert_time_zone(channel.zone)
    minute = local.dt.hour().cast(pl.Int64) * 60 + local.dt.minute().cast(pl.Int64)
    cutoff = channel.cutoff.hour * 60 + channel.cutoff.minute
    apart = (minute - cutoff).abs()
    at_cutoff = pl.min_horizontal(apart, 1440 - apart) <= _NEAR_CUTOFF_MINUTES
    late = pl.col("clearing_date") < pl.col("business_date")
    kind = pl.col("kind")
    if mine:
        missing = pl.lit("对方文件无此笔: 可能在对方次日文件")
    elif channel.ours_came:
        missing = pl.lit("我方无此笔: 可能被拒收或未上送")
    else:
        missing = pl.lit("我方流水文件未到")
    return (
        pl.when(kind == "DUPLICATE")
        .then(pl.format("与 {} 为同一笔, 出现两次", "others"))
        .when(kind == "AMBIGUOUS")
        .then(pl.format("有多个候选: {}", "others"))
        .when(kind == "STATUS_MISMATCH")
        .then(pl.format("仅{}有此{}, 原交易双方均有", pl.lit("我方" if mine else "对方"), _status("kind_of_item")))
        .when(late)
        .then(pl.lit("迟到的脱机记录, 清算日期早于业务日期"))
        .when(at_cutoff)
        .then(pl.format("临近日切 {}, 可能在另一方次日文件", pl.lit(f"{channel.cutoff:%H:%M}")))
        .when(pl.col("kind_of_item") == "REFUND")
        .then(pl.lit("可能为隔日退货"))
        .otherwise(missing)
    )


def _status(column: str) -> pl.Expr:
    return pl.col(column).replace(STATUS_ZH)


def _shaped(rows: pl.DataFrame, cause: pl.Expr) -> pl.DataFrame:
    """FOUND columns; the detail ends with what each way out would move."""
    moved = format_yuan_expr("difference_fen").alias("moved")
    ways = pl.format("{}; 说明不动账, 挂账/调账/核销动账 {} 元", cause, moved)
    return rows.with_columns(detail=ways, channel=pl.lit("")).select(list(FOUND))


def numbered(rows: pl.DataFrame, business_date: date) -> pl.DataFrame:
    """FOUND rows with discrepancy_id (D-YYYYMMDD-000001 …, in order of content) and business_date."""
    ordered = conform(rows, FOUND).sort(
        "channel", "kind", "clearing_date", "occurred_at", "ours_id", "theirs_id", nulls_last=True
    )
    number = pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(6)
    return ordered.with_columns(
        discrepancy_id=pl.format("D-{}-{}", pl.lit(f"{business_date:%Y%m%d}"), number),
        business_date=pl.lit(business_date, pl.Date),
    )


# --- life ----------------------------------------------------------------------------------------------------------


def is_open() -> pl.Expr:
    """Whether a row with `last_event` is open."""
    return ~pl.col("last_event").is_in(CLOSING).fill_null(value=False)


def moved_fen(about: Mapping[str, Any], amount_fen: int | None) -> int:
    """What a decision about a discrepancy moves, unsigned: the amount that was said, but a bank line's own, whole."""
    if about["kind"].startswith("UNKNOWN_"):
        return abs(int(about["theirs_fen"] or about["difference_fen"]))
    return abs(int(about["difference_fen"]) if amount_fen is None else amount_fen)


def pays_twice(about: Mapping[str, Any], kind: str, amount_fen: int | None) -> str:
    """Why a payment that has not arrived is not paid by an adjustment, which the payee gets beside it; "": it is not.

    One that takes from the payee may stand: what was paid twice is had back so.
    """
    if kind != "adjust" or amount_fen is None or amount_fen <= 0:
        return ""
    if about["kind"] == Discrepancy.UNPAID:
        return "the bank may pay it yet; once it says that it did not, `puhui payout unpaid BATCH ITEM` pays it again"
    if about["kind"] == Discrepancy.RETURNED:
        return "it leaves again in a new payment; an adjustment would pay it twice"
    return ""


def decided(
    known: pl.DataFrame, decisions: pl.DataFrame, second_person_above_fen: int
) -> tuple[pl.DataFrame, list[str]]:
    """(EVENT rows of people's decisions in their order, sentences about those that had no effect).

    A decision needs an open discrepancy and must not pay twice; one that moves more than `second_person_above_fen`
    needs a checker too. The portal checks the same when the decision is made; what happened between counts here.
    """
    state = {row["discrepancy_id"]: row for row in known.iter_rows(named=True)}
    events: list[dict[str, object]] = []
    refused: list[str] = []
    for decision in conform(decisions, DECISION).sort("decision_id").iter_rows(named=True):
        about = state.get(decision["subject"])
        said = f"decision {decision['decision_id']} ({decision['kind']} {decision['subject']})"
        if about is None:
            refused.append(f"{said}: there is no such discrepancy")
            continue
        if about["last_event"] in CLOSING:
            refused.append(f"{said}: it is {about['last_event']} already")
            continue
        twice = pays_twice(about, decision["kind"], decision["amount_fen"])
        if twice:
            refused.append(f"{said}: {twice}")
            continue
        moved = moved_fen(about, decision["amount_fen"])
        if decision["kind"] in MOVES_MONEY and moved > second_person_above_fen and not decision["checker"]:
            refused.append(f"{said}: it needs a second person")
            continue
        about["last_event"] = EVENT_OF[decision["kind"]]
        picked = {name: decision[name] for name in ("actor", "checker", "reason", "decision_id")}
        events.append({"discrepancy_id": about["discrepancy_id"], "event": about["last_event"], **picked})
    return pl.DataFrame([{**dict.fromkeys(EVENT), **e} for e in events], schema=EVENT), refused


def after(known: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """KNOWN rows as they stand once `events` have happened (their numbers stay those of before)."""
    last = events.group_by("discrepancy_id", maintain_order=True).agg(told=pl.col("event").last())
    joined = known.join(last, on="discrepancy_id", how="left", maintain_order="left")
    return conform(joined.with_columns(last_event=pl.coalesce("told", "last_event")), KNOWN)


def healed(known: pl.DataFrame, matches: pl.DataFrame) -> pl.DataFrame:
    """EVENT rows: what is open and whose item tonight's matches hold closes; what people booked opens again.

    An adjusted or written-off item that comes after all would count twice, so a person has to look again.
    """
    booked = pl.col("last_event").is_in(["adjusted", "written_off"]).fill_null(value=False)
    about = known.filter(pl.col("kind").is_in(HEALABLE) & (is_open() | booked))
    parts = [
        about.join(matches.select(side, "theirs_id" if side == "ours_id" else "ours_id", "pass", "result", "key")
                   .rename({"theirs_id" if side == "ours_id" else "ours_id": "other_id"}), on=side, how="inner")
        for side in ("ours_id", "theirs_id")
    ]  # fmt: skip
    met = pl.concat([part.select(*KNOWN, "other_id", "pass", "result", "key") for part in parts])
    met = met.unique("discrepancy_id", keep="first", maintain_order=True)
    result = pl.col("result").replace(
        {"BALANCED": "平账", "AMOUNT_MISMATCH": "金额不符", "STATUS_MISMATCH": "状态不符"}
    )
    reason = pl.when(booked).then(pl.lit("已入账处理的一笔后来勾对: ")).otherwise(pl.lit("后到文件勾对: "))
    return _by_night(
        met,
        pl.when(booked).then(pl.lit("reopened")).otherwise(pl.lit("auto_closed")),
        pl.concat_str(reason, result),
        pl.format("{}|{}", "other_id", "key"),
    )


def closed_because(
    known: pl.DataFrame, kinds: Sequence[Discrepancy], side: str, subjects: pl.DataFrame, reason: str
) -> pl.DataFrame:
    """EVENT rows: open discrepancies of these kinds close whose `side` (ours_id, theirs_id) is in `subjects`.

    `subjects`: (that side, evidence).
    """
    about = known.filter(pl.col("kind").is_in([str(kind) for kind in kinds]) & is_open())
    met = about.join(subjects.unique(side, keep="first", maintain_order=True), on=side, how="inner")
    return _by_night(met, pl.lit("auto_closed"), pl.lit(reason), pl.col("evidence"))


def _by_night(rows: pl.DataFrame, event: pl.Expr, reason: pl.Expr, evidence: pl.Expr) -> pl.DataFrame:
    told = rows.select(
        "discrepancy_id",
        event=event,
        actor=pl.lit(NIGHT),
        checker=pl.lit(None, pl.String),
        reason=reason,
        evidence=evidence.cast(pl.String),
        decision_id=pl.lit(None, pl.Int64),
    )
    return conform(told, EVENT)


def sequenced(known: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """EVENT rows in the order given per discrepancy, with `seq` after the events it had."""
    rows = events.join(
        known.select("discrepancy_id", "last_seq"), on="discrepancy_id", how="left", maintain_order="left"
    )
    place = pl.int_range(1, pl.len() + 1).over("discrepancy_id")
    return rows.with_columns(seq=pl.col("last_seq").fill_null(0) + place).drop("last_seq").sort("discrepancy_id", "seq")


def nothing() -> pl.DataFrame:
    """No events."""
    return empty(EVENT)
