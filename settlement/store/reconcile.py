"""What `reconcile` reads and writes: items of both sides, what is open, decisions, bank lines, sent payouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, text

from settlement.model.frames import INSTANT, Schema
from settlement.store import intake
from settlement.store import tables as t
from settlement.store.copy import copy_in, copy_out

# Kinds that hold the award of `ours_id` until they are explained (reconciliation.md, "What it means for money").
HOLDING = ("OURS_ONLY", "AMOUNT_MISMATCH", "STATUS_MISMATCH", "AMBIGUOUS", "DUPLICATE")
# Last events after which a discrepancy is no longer open; 挂账 (suspense) is a state on the way, still open.
CLOSING = ("auto_closed", "explained", "adjusted", "written_off")

_LAST = """
LEFT JOIN LATERAL (SELECT e.event, e.seq FROM puhui.discrepancy_event e
  WHERE e.discrepancy_id = d.discrepancy_id AND e.business_date <= :day ORDER BY e.seq DESC LIMIT 1) l ON true
"""

# --- for settle ----------------------------------------------------------------------------------------------------

DUE: Schema = {"transaction_id": pl.String, "due": pl.Boolean, "reason": pl.String}
# An operation that one side lacks (STATUS_MISMATCH) holds its sale too, as nobody knows yet whether the sale stands.
_DUE = """
WITH holding AS (
  SELECT w.id, d.discrepancy_id, d.kind FROM wanted_id w
  JOIN puhui.discrepancy d ON d.ours_id = w.id AND d.kind = ANY (:holding)
  UNION
  SELECT w.id, d.discrepancy_id, d.kind FROM puhui.discrepancy d
  JOIN puhui.transaction x ON x.transaction_id = d.ours_id JOIN wanted_id w ON w.id = x.original_key
  WHERE d.kind = 'STATUS_MISMATCH'),
state AS (
  SELECT h.id, min(h.discrepancy_id) FILTER (WHERE coalesce(l.event, '') NOT IN ('explained', 'auto_closed')) AS blocker,
    bool_or(l.event = 'explained') AS explained
  FROM holding h
  LEFT JOIN LATERAL (SELECT e.event FROM puhui.discrepancy_event e WHERE e.discrepancy_id = h.discrepancy_id
    ORDER BY e.seq DESC LIMIT 1) l ON true
  GROUP BY h.id)
SELECT w.id AS transaction_id, x.source, x.rail, coalesce(m.result = 'BALANCED', false) AS balanced,
  coalesce(s.explained, false) AS explained, s.blocker, d.kind AS blocker_kind
FROM wanted_id w
JOIN puhui.transaction x ON x.transaction_id = w.id
LEFT JOIN puhui.recon_match m ON m.ours_id = w.id
LEFT JOIN state s ON s.id = w.id
LEFT JOIN puhui.discrepancy d ON d.discrepancy_id = s.blocker
"""
_DUE_ROW: Schema = {
    "transaction_id": pl.String,
    "source": pl.String,
    "rail": pl.String,
    "balanced": pl.Boolean,
    "explained": pl.Boolean,
    "blocker": pl.String,
    "blocker_kind": pl.String,
}
_WORDS = {
    "OURS_ONLY": "短款: 对方文件无此笔",
    "AMOUNT_MISMATCH": "金额不符",
    "STATUS_MISMATCH": "状态不符: 一方已撤销、冲正或退货",
    "AMBIGUOUS": "待判: 有多个候选",
    "DUPLICATE": "重复",
}


def due_state(
    connection: Connection, transaction_ids: pl.Series, at_once: Sequence[tuple[str, str]] = ()
) -> pl.DataFrame:
    """Which of these transactions' awards may be paid (DUE, one row per distinct known id), and why the others not.

    Due: matched BALANCED, or with a holding discrepancy that a person explained; never while another one is open.
    `at_once`: (source, rail) of the channels that do not wait for the match (hold = false).
    """
    intake.wanted(connection, transaction_ids.unique().rename("id"))
    rows = copy_out(connection, text(_DUE).bindparams(holding=list(HOLDING)), _DUE_ROW)
    waits = pl.lit(value=True)
    for source, rail in at_once:
        waits &= ~((pl.col("source") == source) & (pl.col("rail") == rail))
    open_one = pl.col("blocker").is_not_null()
    due = ~waits | (~open_one & (pl.col("balanced") | pl.col("explained")))
    words = pl.col("blocker_kind").replace_strict(_WORDS, default=None, return_dtype=pl.String)
    reason = pl.when(open_one).then(pl.format("{} {}", words, "blocker")).otherwise(pl.lit("尚未对账"))
    return rows.with_columns(due=due).select("transaction_id", "due", reason=pl.when(~pl.col("due")).then(reason))


def open_of(connection: Connection, business_date: date, kind: str) -> list[str]:
    """Ids of the discrepancies of a kind that a business date opened and that are open now, in order."""
    sql = f"SELECT d.discrepancy_id FROM puhui.discrepancy d {_LAST.replace(':day', 'CURRENT_DATE')}"
    sql = sql.replace(" AND e.business_date <= CURRENT_DATE", "")
    sql += " WHERE d.business_date = :opened AND d.kind = :kind AND coalesce(l.event, '') <> ALL (:closing) ORDER BY 1"
    values = {"opened": business_date, "kind": kind, "closing": list(CLOSING)}
    return [row[0] for row in connection.execute(text(sql), values)]
