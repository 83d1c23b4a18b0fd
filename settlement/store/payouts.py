"""Payout batches as people see and decide them: the batch with its steps, its items, the funds behind a release."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, insert, select, text

from settlement.model.errors import NotFound
from settlement.model.frames import Schema
from settlement.store import tables as t
from settlement.store.copy import copy_out

BATCH: Schema = {
    "batch_no": pl.String,
    "business_date": pl.Date,
    "execution_date": pl.Date,
    "payee_kind": pl.String,
    "count": pl.Int64,
    "total_fen": pl.Int64,
    "state": pl.String,
    "approver": pl.String,
    "releaser": pl.String,
    "paid": pl.Int64,
    "returned": pl.Int64,
}
_BATCHES = """
SELECT b.batch_no, b.business_date, b.execution_date, min(i.payee_kind) AS payee_kind, b.count, b.total_fen,
  CASE WHEN bool_or(v.step IS NOT NULL) THEN 'voided' WHEN bool_or(s.step IS NOT NULL) THEN 'sent'
    WHEN bool_or(r.step IS NOT NULL) THEN 'released' WHEN bool_or(a.step IS NOT NULL) THEN 'approved'
    ELSE 'drafted' END AS state,
  min(a.actor) AS approver, min(r.actor) AS releaser,
  count(*) FILTER (WHERE q.result = 'paid') AS paid,
  count(*) FILTER (WHERE q.result IN ('returned', 'rejected', 'unpaid')) AS returned
FROM puhui.payout_batch b
JOIN puhui.payout_item i USING (batch_no)
LEFT JOIN puhui.payout_decision a ON a.batch_no = b.batch_no AND a.step = 'approved'
LEFT JOIN puhui.payout_decision r ON r.batch_no = b.batch_no AND r.step = 'released'
LEFT JOIN puhui.payout_decision s ON s.batch_no = b.batch_no AND s.step = 'sent'
LEFT JOIN puhui.payout_decision v ON v.batch_no = b.batch_no AND v.step = 'voided'
LEFT JOIN LATERAL (SELECT x.result FROM puhui.payout_result x WHERE x.end_to_end_id = i.end_to_end_id
                   ORDER BY x.seq DESC LIMIT 1) q ON true
GROUP BY b.batch_no, b.business_date, b.execution_date, b.count, b.total_fen
"""
ITEM: Schema = {
    "end_to_end_id": pl.String,
    "batch_no": pl.String,
    "statement_no": pl.String,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "amount_fen": pl.Int64,
    "account_masked": pl.String,
    "bank_name": pl.String,
    "replaces": pl.String,
    "result": pl.String,
    "reason": pl.String,
    "usual_fen": pl.Int64,  # the payee's average of the 90 days before; null: it was never paid
}
# The average is whole fen, rounded down: it is for looking at, nothing is paid by it.
_ITEMS = """
SELECT i.end_to_end_id, i.batch_no, i.statement_no, i.payee_kind, i.payee_no, i.amount_fen, a.account_masked,
  a.bank_name, i.replaces, q.result, q.reason, h.usual_fen
FROM puhui.payout_item i
JOIN puhui.payout_batch b USING (batch_no)
JOIN puhui.payee_account a ON a.payee_kind = i.payee_kind AND a.payee_no = i.payee_no
  AND a.import_id = i.account_import_id AND a.valid_from = i.account_valid_from
LEFT JOIN LATERAL (SELECT x.result, x.reason FROM puhui.payout_result x WHERE x.end_to_end_id = i.end_to_end_id
                   ORDER BY x.seq DESC LIMIT 1) q ON true
LEFT JOIN LATERAL (
  SELECT cast(div(sum(s.settled_fen), count(*)) AS bigint) AS usual_fen FROM puhui.statement s
  WHERE s.payee_kind = i.payee_kind AND s.payee_no = i.payee_no AND s.settled_fen > 0
    AND s.business_date < b.business_date AND s.business_date >= b.business_date - 90) h ON true
"""
ANSWER: Schema = {"end_to_end_id": pl.String, "answer": pl.String, "answer_reason": pl.String, "answer_file": pl.String}
HOLD: Schema = {
    "statement_no": pl.String,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "settled_fen": pl.Int64,
    "reason": pl.String,
}
FUNDS: Schema = {"sponsor": pl.String, "fen": pl.Int64}
# What sponsors have given so far: everything on their advance but what awards took from it.
_FUNDS = """
SELECT l.sponsor, -sum(l.amount_fen)::bigint AS fen FROM puhui.entry_line l JOIN puhui.entry e USING (entry_id)
WHERE l.account = :advance AND l.sponsor IS NOT NULL AND e.event NOT IN ('award', 'clawback') GROUP BY 1
"""
# Shares of all awards that stand on statements of a payee up to the last one released, or released now.
_PAID_SHARES = """
WITH leaving AS (
  SELECT s.programme, s.payee_kind, s.payee_no, max((s.year, s.number)) AS upto
  FROM puhui.payout_item i JOIN puhui.statement s USING (statement_no)
  WHERE i.batch_no = :batch_no OR EXISTS (
    SELECT 1 FROM puhui.payout_decision d WHERE d.batch_no = i.batch_no AND d.step = 'released')
  GROUP BY 1, 2, 3)
SELECT x.sponsor, sum(x.amount_fen)::bigint AS fen
FROM leaving k
JOIN puhui.statement s USING (programme, payee_kind, payee_no)
JOIN puhui.statement_award w USING (statement_no)
JOIN puhui.award_share x USING (transaction_id, line)
WHERE (s.year, s.number) <= k.upto AND x.sponsor_kind <> 'merchant' AND x.sponsor <> :own GROUP BY 1
"""


def _read(connection: Connection, sql: str, schema: Schema, **values: Any) -> pl.DataFrame:
    return copy_out(connection, text(sql).bindparams(**values), schema)


def batches(connection: Connection) -> pl.DataFrame:
    """Every batch with its state and what the bank answered (BATCH), newest first."""
    return _read(connection, _BATCHES, BATCH).sort("business_date", "batch_no", descending=True)


def waiting_batches(connection: Connection) -> list[str]:
    """Drafted batches that nobody has decided on, in order of their number."""
    found = batches(connection).filter(pl.col("state") == "drafted")
    return sorted(found["batch_no"])


def items(connection: Connection, batch_no: str) -> pl.DataFrame:
    """The items of a batch (ITEM), in order of EndToEndId."""
    found = _read(connection, _ITEMS + " WHERE i.batch_no = :batch_no", ITEM, batch_no=batch_no)
    return found.sort("end_to_end_id")


def answers(connection: Connection, batch_no: str) -> pl.DataFrame:
    """The last word (ANSWER) that a result file of the bank has of the items of a batch, where there is one."""
    sql = """
    SELECT DISTINCT ON (a.end_to_end_id) a.end_to_end_id, a.result AS answer, a.reason AS answer_reason,
      f.name AS answer_file
    FROM puhui.payout_answer a JOIN puhui.payout_item i USING (end_to_end_id) JOIN puhui.file f USING (file_id)
    WHERE i.batch_no = :batch_no ORDER BY a.end_to_end_id, a.file_id DESC
    """
    return _read(connection, sql, ANSWER, batch_no=batch_no)


def member_items(connection: Connection, business_date: date) -> pl.DataFrame:
    """The items drafted for members on a business date (ITEM)."""
    sql = _ITEMS + " WHERE i.payee_kind = 'member' AND b.business_date = :day"
    return _read(connection, sql, ITEM, day=business_date).sort("end_to_end_id")


def holds(connection: Connection, business_date: date) -> pl.DataFrame:
    """Payables that a night held, with the reason (HOLD)."""
    sql = """
    SELECT h.statement_no, s.payee_kind, s.payee_no, s.settled_fen, h.reason
    FROM puhui.payout_hold h JOIN puhui.statement s USING (statement_no) WHERE h.business_date = :day
    """
    return _read(connection, sql, HOLD, day=business_date).sort("statement_no")


def batch(connection: Connection, batch_no: str) -> dict[str, Any]:
    """The stored row of a batch; NotFound where there is none. Locks it against a second decision at the same time."""
    query = select(t.payout_batch).where(t.payout_batch.c.batch_no == batch_no)
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('puhui.payout'))"))
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no payout batch {batch_no}; `puhui payout list` shows them")
    return dict(row)


def decisions(connection: Connection, batch_no: str) -> list[dict[str, Any]]:
    """The steps taken on a batch, in order of time."""
    d = t.payout_decision
    rows = connection.execute(select(d).where(d.c.batch_no == batch_no).order_by(d.c.at, d.c.step)).mappings()
    return [dict(row) for row in rows]


def released_as(connection: Connection, batch_no: str) -> str:
    """The name under which a batch was released."""
    d = t.payout_decision.c
    query = select(d.file_name).where(d.batch_no == batch_no, d.step == "released")
    return str(connection.execute(query).scalar_one())


def put_decision(connection: Connection, **row: Any) -> None:
    """Appends a step taken on a batch (columns of payout_decision)."""
    connection.execute(insert(t.payout_decision).values(**row))


def put_artifact(connection: Connection, business_date: date, path: str, batch_no: str, sha256: str, size: int) -> None:
    """Appends the row of a payout file that leaves."""
    connection.execute(
        insert(t.artifact).values(
            path=path, business_date=business_date, kind="payout", reference=batch_no, sha256=sha256, size=size
        )
    )


def released_unwritten(connection: Connection) -> list[str]:
    """Released batches whose file is not known to have left, in order of number."""
    sql = """
    SELECT d.batch_no FROM puhui.payout_decision d WHERE d.step = 'released' AND NOT EXISTS (
      SELECT 1 FROM puhui.payout_decision w WHERE w.batch_no = d.batch_no AND w.step = 'written')
    ORDER BY d.batch_no
    """
    return [row[0] for row in connection.execute(text(sql))]


def funds(connection: Connection, advance: str) -> list[tuple[str, int]]:
    """(sponsor, fen) that came in on the advance account of that code."""
    return [(row[0], row[1]) for row in connection.execute(text(_FUNDS), {"advance": advance})]


def paid_shares(connection: Connection, batch_no: str, own: str) -> list[tuple[str, int]]:
    """(sponsor, fen): shares of other sponsors than `own` in everything released, and in this batch."""
    return [(row[0], row[1]) for row in connection.execute(text(_PAID_SHARES), {"batch_no": batch_no, "own": own})]
