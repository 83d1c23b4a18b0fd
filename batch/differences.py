"""Two deliveries of the same rows compared by key: what is the same, added, changed, vanished, and the money of it.

Pure: frames in, frames out. `CONTENT` is what makes a row another one (feeds.md: another amount, card or merchant).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from settlement.model.frames import Schema

CONTENT = ("kind", "original_key", "merchant_no", "card_id", "gross_fen", "paid_fen", "claimed_fen")
# One key that is not the same in both. `action`: added changed vanished. `record`: in the new delivery, where it is.
# Amounts are what was paid, a sale positive, all else negative; 0 where the row is not there.
CHANGE: Schema = {
    "key": pl.String,
    "kind": pl.String,
    "action": pl.String,
    "record": pl.Int64,
    "was_fen": pl.Int64,
    "now_fen": pl.Int64,
}


def paid(suffix: str = "") -> pl.Expr:
    """The signed amount of a row: what was paid, else gross less the discount; a sale positive, all else negative."""
    gross, given, claimed = (pl.col(f"{name}_fen{suffix}") for name in ("gross", "paid", "claimed"))
    sign = pl.when(pl.col(f"kind{suffix}") == "SALE").then(1).otherwise(-1)
    return sign * pl.coalesce(given, gross - claimed.fill_null(0), pl.lit(0, pl.Int64))


def same(content: Sequence[str] = CONTENT, suffix: str = "_before") -> pl.Expr:
    """Whether a row and the one joined to it have the same content."""
    return pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}{suffix}")) for name in content)


def changes(before: pl.DataFrame, after: pl.DataFrame, content: Sequence[str] = CONTENT) -> pl.DataFrame:
    """CHANGE rows of two frames with `key`, the content columns, and `record` in `after`; keys unique in each.

    In the order of the new delivery, what vanished last.
    """
    old = before.select("key", *content)
    joined = after.select("key", "record", *content).join(
        old, on="key", how="full", suffix="_before", coalesce=True, maintain_order="left"
    )
    is_new, is_old = pl.col("kind_before").is_null(), pl.col("kind").is_null()
    action = pl.when(is_new).then(pl.lit("added")).when(is_old).then(pl.lit("vanished")).otherwise(pl.lit("changed"))
    zero = pl.lit(0, pl.Int64)
    told = joined.filter(is_new | is_old | ~same(content)).select(
        "key",
        kind=pl.coalesce("kind", "kind_before"),
        action=action,
        record="record",
        was_fen=pl.when(is_new).then(zero).otherwise(paid("_before")),
        now_fen=pl.when(is_old).then(zero).otherwise(paid()),
    )
    return told.sort("record", "key", nulls_last=True).select(list(CHANGE))
