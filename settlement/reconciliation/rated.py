"""What rating found wrong with tonight's transactions: over-claimed, over-refunded, without their original."""

from __future__ import annotations

import polars as pl

from settlement.model.frames import INSTANT, Schema, conform
from settlement.model.money import format_yuan_expr
from settlement.model.outcomes import Discrepancy, Outcome
from settlement.reconciliation.discrepancies import FOUND, STATUS_ZH

# A rated row that is a finding. `amount_fen`: paid, a sale positive, all else negative; `channel`: of reconciliation.
RATED: Schema = {
    "transaction_id": pl.String,
    "channel": pl.String,
    "kind": pl.String,
    "clearing_date": pl.Date,
    "occurred_at": INSTANT,
    "reference": pl.String,
    "amount_fen": pl.Int64,
    "claimed_fen": pl.Int64,
    "overclaimed_fen": pl.Int64,
    "outcome": pl.Int64,
    "payee_no": pl.String,
}
OUTCOMES = {int(Outcome.ORPHAN): Discrepancy.ORPHAN, int(Outcome.OVER_REFUND): Discrepancy.OVER_REFUND}
KINDS = (str(Discrepancy.OVERCLAIMED), *(str(kind) for kind in OUTCOMES.values()))


def findings(rated: pl.DataFrame) -> pl.DataFrame:
    """FOUND rows of RATED rows: one per transaction and kind.

    OVERCLAIMED shows what the rules grant as ours and the claim as theirs; the others show the operation as ours.
    """
    rows = conform(rated, RATED)
    over = rows.filter(pl.col("overclaimed_fen") > 0).with_columns(
        granted_fen=pl.col("claimed_fen") - pl.col("overclaimed_fen")
    )
    over = over.with_columns(*[format_yuan_expr(name) for name in ("claimed_fen", "granted_fen", "overclaimed_fen")])
    claimed = _found(
        over,
        kind=pl.lit(str(Discrepancy.OVERCLAIMED)),
        ours_fen=pl.col("granted_fen"),
        theirs_fen=pl.col("claimed_fen"),
        difference_fen=-pl.col("overclaimed_fen"),
        detail=pl.format("渠道申报优惠 {} 元, 规则核给 {} 元, 多报 {} 元不予补贴", "claimed", "granted", "overclaimed"),
    )
    wrong = rows.filter(pl.col("outcome").is_in(list(OUTCOMES)))
    orphan = pl.col("outcome") == int(Outcome.ORPHAN)
    operations = _found(
        wrong,
        kind=pl.col("outcome").replace_strict({k: str(v) for k, v in OUTCOMES.items()}, return_dtype=pl.String),
        ours_fen=pl.col("amount_fen"),
        theirs_fen=pl.lit(None, pl.Int64),
        difference_fen=pl.col("amount_fen"),
        detail=pl.when(orphan)
        .then(pl.lit("原交易未到或不存在: 等原交易文件, 到后自动销账"))
        .otherwise(pl.lit("退货累计超过原交易, 超出部分不追回补贴")),
    )
    return pl.concat([claimed, operations])


def _found(rows: pl.DataFrame, **columns: pl.Expr) -> pl.DataFrame:
    """FOUND rows with the transaction as ours."""
    own = {"ours_id": pl.col("transaction_id"), "ours_status": pl.col("kind").replace(STATUS_ZH)}
    none = {name: pl.lit(None, pl.String) for name in ("theirs_id", "theirs_status")}
    return conform(rows.with_columns(**own, **none, **columns), FOUND)
