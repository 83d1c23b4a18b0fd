"""Items that people may call unpaid, and the bank lines that speak against it."""

from __future__ import annotations

from datetime import date

import polars as pl
from sqlalchemy import Connection, text

from settlement.model.frames import Schema
from settlement.store.copy import copy_out
from settlement.store.reconcile import CLOSING

ITEM: Schema = {
    "end_to_end_id": pl.String,
    "statement_no": pl.String,
    "payee_no": pl.String,
    "amount_fen": pl.Int64,
    "batch_fen": pl.Int64,
    "account": pl.String,
    "left": pl.Boolean,
    "result": pl.String,
    "seq": pl.Int64,
    "since": pl.Date,
    "execution_date": pl.Date,
    "answer": pl.String,
    "answer_day": pl.Date,
    "answer_file": pl.String,
}
_ITEMS = """
SELECT i.end_to_end_id, i.statement_no, i.payee_no, i.amount_fen, b.total_fen AS batch_fen, b.account,
  (SELECT count(*) FROM puhui.payout_decision d WHERE d.batch_no = i.batch_no
     AND d.step IN ('released', 'written')) = 2 AS left,
  nullif(r.result, 'unknown') AS result, coalesce(r.seq, 0) AS seq,
  CASE WHEN r.result = 'unknown' THEN greatest(b.execution_date, r.business_date) ELSE b.execution_date END AS since,
  b.execution_date, a.result AS answer, a.business_date AS answer_day, a.name AS answer_file
FROM puhui.payout_item i JOIN puhui.payout_batch b USING (batch_no)
LEFT JOIN LATERAL (SELECT q.result, q.seq, q.business_date FROM puhui.payout_result q
  WHERE q.end_to_end_id = i.end_to_end_id ORDER BY q.seq DESC LIMIT 1) r ON true
LEFT JOIN (
  SELECT DISTINCT ON (w.end_to_end_id) w.end_to_end_id, w.result, w.business_date, f.name
  FROM puhui.payout_answer w JOIN puhui.file f USING (file_id) JOIN puhui.payout_item n USING (end_to_end_id)
  WHERE n.batch_no = :batch_no ORDER BY w.end_to_end_id, w.file_id DESC) a
  ON a.end_to_end_id = i.end_to_end_id
WHERE i.batch_no = :batch_no ORDER BY i.end_to_end_id
"""
LINE: Schema = {
    "line_id": pl.String,
    "day": pl.Date,
    "amount_fen": pl.Int64,
    "end_to_end_id": pl.String,
    "case": pl.String,
    "is_open": pl.Boolean,
}
# Bank lines that no match explains: those that name an item of the batch, and debits of the payout account since, which
# name no payout of ours and may hold one of the batch. Not what a decision took back, nor its counters.
_LINES = """
WITH item AS (
  SELECT i.end_to_end_id, i.amount_fen, b.execution_date, b.account
  FROM puhui.payout_item i JOIN puhui.payout_batch b USING (batch_no) WHERE i.batch_no = :batch_no),
line AS (
  SELECT l.line_id, l.booking_date, l.amount_fen, l.end_to_end_id FROM puhui.bank_line l
  WHERE l.end_to_end_id IN (SELECT end_to_end_id FROM item)
  UNION ALL
  SELECT l.line_id, l.booking_date, l.amount_fen, NULL FROM puhui.bank_line l
  WHERE l.account = (SELECT min(account) FROM item) AND l.booking_date >= (SELECT min(execution_date) FROM item)
    AND -l.amount_fen >= (SELECT min(amount_fen) FROM item)
    AND NOT EXISTS (SELECT 1 FROM puhui.payout_item o WHERE o.end_to_end_id = l.end_to_end_id))
SELECT l.line_id, l.booking_date AS day, l.amount_fen, l.end_to_end_id, d.discrepancy_id AS "case",
  coalesce(e.event, '') <> ALL (:closing) AS is_open
FROM line l
LEFT JOIN puhui.discrepancy d ON d.theirs_id = l.line_id AND d.kind IN ('UNKNOWN_CREDIT', 'UNKNOWN_DEBIT')
LEFT JOIN LATERAL (SELECT e.event FROM puhui.discrepancy_event e WHERE e.discrepancy_id = d.discrepancy_id
  ORDER BY e.seq DESC LIMIT 1) e ON true
WHERE NOT EXISTS (SELECT 1 FROM puhui.money_match m WHERE m.line_id = l.line_id)
  AND NOT EXISTS (SELECT 1 FROM puhui.correction c WHERE c.ends = l.line_id OR (
    c.row_id = l.line_id AND c.version IS NULL))
ORDER BY l.line_id
"""


def items(connection: Connection, batch_no: str) -> pl.DataFrame:
    """The items of a batch (ITEM) as the bank's files leave them."""
    return copy_out(connection, text(_ITEMS).bindparams(batch_no=batch_no), ITEM)


def lines(connection: Connection, batch_no: str) -> pl.DataFrame:
    """Bank lines (LINE) that may be payments of a batch and that nothing explains."""
    query = text(_LINES).bindparams(batch_no=batch_no, closing=list(CLOSING))
    return copy_out(connection, query, LINE)


def reached(connection: Connection, account: str) -> date | None:
    """The newest day that the account's statements show; one that is dated ahead shows no more than its night's."""
    sql = "SELECT max(least(statement_date, business_date)) FROM puhui.bank_statement WHERE account = :account"
    newest: date | None = connection.execute(text(sql), {"account": account}).scalar_one()
    return newest
