"""What matching left over, named: kinds of discrepancies, likely causes, and the life of one."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from settlement.model.frames import INSTANT, Schema, conform, empty
from settlement.model.outcomes import Discrepancy
from settlement.reconciliation.matching import AMOUNT, BALANCED, Matched

# Rows of table `discrepancy` but the id.
FOUND: Schema = {
    "kind": pl.String,
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
    "detail": pl.String,
}
# Events after which nothing is open; `suspense` parks a discrepancy and leaves its award held.
CLOSING = ("auto_closed", "explained", "adjusted", "written_off", "suspense")
# Decisions of people and the events they become.
EVENT_OF = {"explain": "explained", "suspense": "suspense", "adjust": "adjusted", "write_off": "written_off"}
HOLDING = (Discrepancy.OURS_ONLY, Discrepancy.AMOUNT_MISMATCH, Discrepancy.STATUS_MISMATCH, Discrepancy.AMBIGUOUS)
_SECOND_COPY = r"#[0-9]+$"


def found(
    ours: pl.DataFrame, theirs: pl.DataFrame, matched: Matched, known_originals: pl.Series, cutoff_late: pl.Expr
) -> pl.DataFrame:
    """FOUND rows of one channel's night: from pairs that disagree, ambiguous items and tonight's items left over.

    `ours`, `theirs`: all items that took part (ITEM). `known_originals`: ids, of either side, of transactions that are
    matched; an operation on one of them that the other side lacks is a STATUS_MISMATCH. `cutoff_late` tells of a row with
    `occurred_at` whether it lies near the cut-off.
    """
    parts = [
        _from_pairs(ours, theirs, matched.pairs),
        _from_ambiguous(ours, theirs, matched.ambiguous),
        _left_over(matched.ours, "ours", known_originals, cutoff_late),
        _left_over(matched.theirs, "theirs", known_originals, cutoff_late),
    ]
    return pl.concat([empty(FOUND), *parts]).sort("kind", "ours_id", "theirs_id", nulls_last=True)


def _from_pairs(ours: pl.DataFrame, theirs: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    differing = pairs.filter(pl.col("result") != BALANCED)
    left = ours.select(ours_id="item_id", clearing_date="clearing_date", occurred_at="occurred_at", rrn="rrn",
                       ours_fen="amount_fen", ours_status="kind", stan="stan")  # fmt: skip
    right = theirs.select(theirs_id="item_id", theirs_fen="amount_fen", theirs_status="kind")
    joined = differing.join(left, on="ours_id", how="left").join(right, on="theirs_id", how="left")
    detail = (
        pl.when(pl.col("result") == AMOUNT)
        .then(pl.lit("金额不一致: 部分授权、小费或一方更正"))
        .otherwise(pl.lit("方向不一致: 一方已撤销、冲正或退货"))
    )
    return _shape(joined.with_columns(kind="result", detail=detail))


def _from_ambiguous(ours: pl.DataFrame, theirs: pl.DataFrame, ambiguous: pl.DataFrame) -> pl.DataFrame:
    parts = []
    for side, items in (("ours", ours), ("theirs", theirs)):
        mine = ambiguous.filter(pl.col("side") == side).join(items, on="item_id", how="left", maintain_order="left")
        parts.append(_one_sided(mine, side, pl.lit(str(Discrepancy.AMBIGUOUS)), pl.format("候选: {}", "candidates")))
    return pl.concat(parts)


def _left_over(items: pl.DataFrame, side: str, known: pl.Series, cutoff_late: pl.Expr) -> pl.DataFrame:
    single = Discrepancy.OURS_ONLY if side == "ours" else Discrepancy.THEIRS_ONLY
    operation = (pl.col("kind") != "SALE") & pl.col("original_id").is_in(known.implode()).fill_null(value=False)
    twice = pl.col("item_id").str.contains(_SECOND_COPY) & (side == "theirs")
    kind = (
        pl.when(twice)
        .then(pl.lit(str(Discrepancy.DUPLICATE)))
        .when(operation)
        .then(pl.lit(str(Discrepancy.STATUS_MISMATCH)))
        .otherwise(pl.lit(str(single)))
    )
    late = pl.col("occurred_at").dt.date() < pl.col("clearing_date") - timedelta(days=1)
    cause = (
        pl.when(twice)
        .then(pl.lit("对方文件中同一笔出现两次"))
        .when(operation)
        .then(pl.lit("只有一方有此撤销、冲正或退货"))
        .when(late)
        .then(pl.lit("迟到的脱机记录"))
        .when(cutoff_late)
        .then(pl.lit("临近日切, 可能在对方次日文件"))
        .when(pl.col("kind") == "REFUND")
        .then(pl.lit("隔日退货"))
        .otherwise(pl.lit("对方文件缺记录或缺文件" if side == "ours" else "我方流水缺记录或该行被拒收"))
    )
    return _one_sided(items, side, kind, cause)


def _one_sided(items: pl.DataFrame, side: str, kind: pl.Expr, detail: pl.Expr) -> pl.DataFrame:
    mine = side == "ours"
    nothing, amount = pl.lit(None, pl.Int64), pl.col("amount_fen")
    blank = pl.lit(None, pl.String)
    rows = items.with_columns(
        finding=kind,
        detail=detail,
        ours_id=pl.col("item_id") if mine else blank,
        theirs_id=blank if mine else pl.col("item_id"),
        ours_fen=amount if mine else nothing,
        theirs_fen=nothing if mine else amount,
        difference_fen=amount if mine else -amount,
        ours_status=pl.col("kind") if mine else blank,
        theirs_status=blank if mine else pl.col("kind"),
    )
    return _shape(rows.with_columns(kind="finding"))


def _shape(rows: pl.DataFrame) -> pl.DataFrame:
    return conform(rows.with_columns(reference=pl.coalesce("rrn", "stan")), FOUND)


def near_cutoff(zone: str, cutoff_minute: int, minutes: int = 30) -> pl.Expr:
    """Whether `occurred_at` lies within some minutes of the cut-off (minute of the local day)."""
    local = pl.col("occurred_at").dt.convert_time_zone(zone)
    minute = local.dt.hour().cast(pl.Int64) * 60 + local.dt.minute().cast(pl.Int64)
    return (minute - cutoff_minute).abs() <= minutes


def numbered(rows: pl.DataFrame, business_date: date) -> pl.DataFrame:
    """`rows` with discrepancy_id D-YYYYMMDD-000001 …, in order of content, whatever order they came in."""
    ordered = rows.sort("kind", "channel", "ours_id", "theirs_id", nulls_last=True)
    number = pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(6)
    return ordered.with_columns(
        pl.format("D-{}-{}", pl.lit(f"{business_date:%Y%m%d}"), number).alias("discrepancy_id"),
        pl.lit(business_date, pl.Date).alias("business_date"),
    )
