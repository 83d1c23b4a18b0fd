"""Debits that may be payments which were called dead, or which nothing has answered; and what speaks against that."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from sqlalchemy import Connection, text

from settlement.model.frames import Schema
from settlement.model.outcomes import DEAD_RESULTS
from settlement.store.copy import copy_out
from settlement.store.two_people import PROMISED

DEBIT: Schema = {
    "line_id": pl.String,
    "account": pl.String,
    "day": pl.Date,
    "amount_fen": pl.Int64,
    "names": pl.String,
    "was": pl.String,
    "subject": pl.String,
    "undone": pl.Boolean,
    "case": pl.String,
    "event": pl.String,
    "promised": pl.String,
}
_ITEM = """
WITH item AS (
  SELECT i.end_to_end_id, i.statement_no, i.amount_fen, b.execution_date, b.account
  FROM puhui.payout_item i JOIN puhui.payout_batch b USING (batch_no) WHERE i.batch_no = :batch_no)
"""
# The lines asked for; debits that name an item of the batch and are no payment; and those of the amount of one that are
# a difference. `promised`: the item as whose payment people have proposed the line (PROMISED).
_DEBITS = f"""{_ITEM}, wanted AS (
  SELECT unnest(cast(:lines AS text[])) AS line_id
  UNION
  SELECT l.line_id FROM puhui.bank_line l JOIN item i USING (end_to_end_id) WHERE l.amount_fen < 0
    AND NOT EXISTS (SELECT 1 FROM puhui.money_match m WHERE m.line_id = l.line_id)
  UNION
  SELECT l.line_id FROM puhui.discrepancy d JOIN puhui.bank_line l ON l.line_id = d.theirs_id
  JOIN item i ON i.account = l.account AND i.amount_fen = -l.amount_fen AND i.execution_date <= l.booking_date
  WHERE d.kind = 'UNKNOWN_DEBIT' AND NOT EXISTS (SELECT 1 FROM puhui.money_match m WHERE m.line_id = l.line_id)),
promise AS (SELECT q.line_id, min(q.item) AS item FROM ({PROMISED}) q GROUP BY 1)
SELECT l.line_id, l.account, l.booking_date AS day, l.amount_fen, o.end_to_end_id AS names, m.kind AS was, m.subject,
  EXISTS (SELECT 1 FROM puhui.correction c WHERE c.ends = l.line_id OR (c.row_id = l.line_id AND c.version IS NULL))
    AS undone,
  d.discrepancy_id AS "case", e.event, p.item AS promised
FROM wanted w JOIN puhui.bank_line l USING (line_id)
LEFT JOIN puhui.payout_item o ON o.end_to_end_id = l.end_to_end_id
LEFT JOIN puhui.money_match m ON m.line_id = l.line_id
LEFT JOIN puhui.discrepancy d ON d.theirs_id = l.line_id AND d.kind = 'UNKNOWN_DEBIT'
LEFT JOIN LATERAL (SELECT x.event FROM puhui.discrepancy_event x WHERE x.discrepancy_id = d.discrepancy_id
  ORDER BY x.seq DESC LIMIT 1) e ON true
LEFT JOIN promise p ON p.line_id = l.line_id
ORDER BY l.line_id
"""
OTHER: Schema = {
    "end_to_end_id": pl.String,
    "other": pl.String,
    "batch_no": pl.String,
    "execution_date": pl.Date,
    "left": pl.Boolean,
}
# Other attempts of the statements of a batch's items that are alive: they pay, or have paid, the same.
_OTHERS = f"""{_ITEM}
SELECT i.end_to_end_id, o.end_to_end_id AS other, o.batch_no, b.execution_date, EXISTS (
    SELECT 1 FROM puhui.payout_decision d WHERE d.batch_no = o.batch_no AND d.step = 'released') AS left
FROM item i JOIN puhui.payout_item o ON o.statement_no = i.statement_no AND o.end_to_end_id <> i.end_to_end_id
JOIN puhui.payout_batch b ON b.batch_no = o.batch_no
LEFT JOIN LATERAL (SELECT r.result FROM puhui.payout_result r WHERE r.end_to_end_id = o.end_to_end_id
  ORDER BY r.seq DESC LIMIT 1) q ON true
WHERE coalesce(q.result, '') <> ALL (:dead) AND NOT EXISTS (
  SELECT 1 FROM puhui.payout_decision d WHERE d.batch_no = o.batch_no AND d.step = 'voided')
ORDER BY i.end_to_end_id, o.attempt
"""
CASE: Schema = {"end_to_end_id": pl.String, "case": pl.String, "event": pl.String}
_CASES = f"""{_ITEM}
SELECT i.end_to_end_id, d.discrepancy_id AS "case", e.event
FROM item i JOIN puhui.payout_item o USING (statement_no)
JOIN puhui.discrepancy d ON d.ours_id = o.end_to_end_id AND d.kind IN ('RETURNED', 'UNPAID')
LEFT JOIN LATERAL (SELECT x.event FROM puhui.discrepancy_event x WHERE x.discrepancy_id = d.discrepancy_id
  ORDER BY x.seq DESC LIMIT 1) e ON true
ORDER BY 1, 2
"""


def debits(connection: Connection, batch_no: str, lines: Sequence[str]) -> pl.DataFrame:
    """`lines`, and debits (DEBIT) that may be payments of a batch and that nothing has matched."""
    query = text(_DEBITS).bindparams(batch_no=batch_no, lines=list(lines))
    return copy_out(connection, query, DEBIT)


def others(connection: Connection, batch_no: str) -> pl.DataFrame:
    """Other live attempts of what a batch pays (OTHER)."""
    return copy_out(connection, text(_OTHERS).bindparams(batch_no=batch_no, dead=list(DEAD_RESULTS)), OTHER)


def cases(connection: Connection, batch_no: str) -> pl.DataFrame:
    """The differences (CASE) of all attempts of what a batch pays, each with its last event."""
    return copy_out(connection, text(_CASES).bindparams(batch_no=batch_no), CASE)


def batches_of(connection: Connection, discrepancy_id: str) -> list[str]:
    """The batches with payments that a difference may be about: the item it names, or awaited ones of its amount.

    The last to be executed first: a debit comes soon.
    """
    sql = """
    SELECT b.batch_no, b.execution_date FROM puhui.discrepancy d
    JOIN puhui.payout_item i ON i.end_to_end_id = d.ours_id JOIN puhui.payout_batch b USING (batch_no)
    WHERE d.discrepancy_id = :case
    UNION
    SELECT b.batch_no, b.execution_date FROM puhui.discrepancy d JOIN puhui.bank_line l ON l.line_id = d.theirs_id
    JOIN puhui.payout_item i ON i.amount_fen = -l.amount_fen
    JOIN puhui.payout_batch b ON b.batch_no = i.batch_no AND b.account = l.account
      AND b.execution_date <= l.booking_date
    JOIN puhui.payout_decision w ON w.batch_no = b.batch_no AND w.step = 'written'
    LEFT JOIN LATERAL (SELECT r.result FROM puhui.payout_result r WHERE r.end_to_end_id = i.end_to_end_id
      ORDER BY r.seq DESC LIMIT 1) q ON true
    WHERE d.discrepancy_id = :case AND d.ours_id IS NULL AND q.result IS DISTINCT FROM 'paid' ORDER BY 2 DESC, 1"""
    return [row[0] for row in connection.execute(text(sql), {"case": discrepancy_id})]
