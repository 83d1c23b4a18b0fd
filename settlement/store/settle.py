"""What `settle` reads and writes: open awards, terms of payees, statements, payables with their last item, accounts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, TextClause, func, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from settlement.model.frames import Schema
from settlement.store import reference
from settlement.store import tables as t
from settlement.store.copy import copy_in, copy_out
from settlement.store.payouts import waiting_batches

__all__ = [
    "PAID_TO",
    "accounts",
    "adjusted",
    "bulk_plans",
    "carried",
    "contracts",
    "expired",
    "last_number",
    "open_awards",
    "payables",
    "sealed_accounts",
    "sealed_items",
    "store",
    "voided_without_heir",
    "waiting_batches",
]

# Who is paid an award of a merchant: the payee of its contract on the award's clearing date, as contracts were known
# in the night that rated it. Fixed for ever, so that ledger, statement and payout name the same payee. Reads `picked`.
PAID_TO = """
SELECT n.payee_kind, n.payee_no AS named_no, n.business_date, n.clearing_date,
  coalesce(c.payee_no, n.payee_no) AS payee_no
FROM (SELECT DISTINCT payee_kind, payee_no, business_date, clearing_date FROM picked) n
JOIN puhui.night ON night.business_date = n.business_date
LEFT JOIN LATERAL (
  SELECT k.payee_no FROM puhui.contract k
  WHERE n.payee_kind = 'merchant' AND k.merchant_no = n.payee_no
    AND k.import_id = (SELECT max(i.import_id) FROM puhui.contract i
                       WHERE i.merchant_no = n.payee_no AND i.import_id <= night.last_import)
    AND k.valid_from <= n.clearing_date AND (k.valid_to IS NULL OR k.valid_to >= n.clearing_date)
  ORDER BY k.valid_from DESC LIMIT 1) c ON true
"""

OPEN: Schema = {
    "transaction_id": pl.String,
    "line": pl.Int64,
    "kind": pl.String,
    "clearing_date": pl.Date,
    "scheme": pl.String,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "named_no": pl.String,
    "gross_fen": pl.Int64,
    "paid_fen": pl.Int64,
    "granted_fen": pl.Int64,
    "payable_fen": pl.Int64,
    "undoes": pl.Boolean,
}
_OPEN = f"""
WITH picked AS (
  SELECT a.* FROM puhui.award a
  WHERE a.business_date <= :day AND a.payee_no IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM puhui.statement_award s WHERE s.transaction_id = a.transaction_id AND s.line = a.line)),
paid_to AS ({PAID_TO})
SELECT a.transaction_id, a.line, x.kind, a.clearing_date, a.scheme, a.payee_kind, p.payee_no, a.payee_no AS named_no,
  coalesce(r.gross_fen, x.gross_fen, sale.gross_fen, 0) AS gross_fen,
  coalesce(x.paid_fen, coalesce(r.gross_fen, x.gross_fen, sale.gross_fen, 0) - abs(a.granted_fen)) AS paid_fen,
  a.granted_fen, a.payable_fen, a.outcome = 26 AS undoes
FROM picked a
JOIN paid_to p ON p.payee_kind = a.payee_kind AND p.named_no = a.payee_no
  AND p.business_date = a.business_date AND p.clearing_date = a.clearing_date
JOIN puhui.transaction x ON x.transaction_id = a.transaction_id
LEFT JOIN puhui.transaction sale ON sale.transaction_id = a.sale_id
LEFT JOIN LATERAL (
  SELECT q.gross_fen FROM puhui.rated q WHERE q.transaction_id = a.transaction_id AND q.business_date <= :day
  ORDER BY q.business_date DESC LIMIT 1) r ON true
"""

CONTRACT: Schema = {
    "merchant_no": pl.String,
    "payee_no": pl.String,
    "cycle": pl.String,
    "cycle_day": pl.Int64,
    "minimum_fen": pl.Int64,
    "holdback_ppm": pl.Int64,
    "holdback_days": pl.Int64,
    "fee_ppm": pl.Int64,
    "invoice": pl.String,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
}

CARRIED: Schema = {
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "carried_fen": pl.Int64,
    "held_back_fen": pl.Int64,
}
_CARRIED = """
SELECT l.payee_kind, l.payee_no, l.carried_fen, coalesce(h.held_back_fen, 0) AS held_back_fen
FROM (SELECT DISTINCT ON (payee_kind, payee_no) payee_kind, payee_no, carried_fen FROM puhui.statement
      WHERE business_date <= :day ORDER BY payee_kind, payee_no, business_date DESC) l
LEFT JOIN (SELECT payee_kind, payee_no, sum(holdback_fen)::bigint AS held_back_fen FROM puhui.statement
           WHERE business_date <= :day AND holdback_until > :due GROUP BY 1, 2) h USING (payee_kind, payee_no)
"""

ADJUSTED: Schema = {
    "discrepancy_id": pl.String,
    "seq": pl.Int64,
    "day": pl.Date,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "amount_fen": pl.Int64,
}
# An adjustment goes to the payee of its transaction's award where there is one, else to the discrepancy's.
# Reads no other table than those of reconcile and rate, so that `post` books the same.
ADJUSTMENTS = f"""
WITH picked AS (
  SELECT e.discrepancy_id, e.seq, e.business_date, e.business_date AS clearing_date,
    coalesce(a.payee_kind, 'merchant') AS payee_kind, coalesce(a.payee_no, d.payee_no) AS payee_no, c.amount_fen
  FROM puhui.discrepancy_event e
  JOIN puhui.discrepancy d USING (discrepancy_id)
  JOIN puhui.decision c USING (decision_id)
  LEFT JOIN puhui.award a ON a.transaction_id = d.ours_id AND a.line = 1
  WHERE e.event = 'adjusted' AND e.business_date <= :day AND c.amount_fen <> 0
    AND coalesce(a.payee_no, d.payee_no) IS NOT NULL AND d.kind NOT IN ('UNKNOWN_CREDIT', 'UNKNOWN_DEBIT')),
paid_to AS ({PAID_TO})
SELECT k.discrepancy_id, k.seq, k.business_date AS day, k.payee_kind, p.payee_no, k.amount_fen
FROM picked k JOIN paid_to p ON p.payee_kind = k.payee_kind AND p.named_no = k.payee_no
  AND p.business_date = k.business_date
"""
_NOT_YET = """
WHERE NOT EXISTS (SELECT 1 FROM puhui.statement_adjustment s
                  WHERE s.discrepancy_id = k.discrepancy_id AND s.seq = k.seq)
"""

PAYABLE: Schema = {
    "statement_no": pl.String,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "settled_fen": pl.Int64,
    "attempt": pl.Int64,
    "end_to_end_id": pl.String,
    "account_import_id": pl.Int64,
    "account_valid_from": pl.Date,
    "voided": pl.Boolean,
    "result": pl.String,
    "reason": pl.String,
}
# Every statement that pays something, but those that have been paid: with the attempt that counts, which is the last
# that was not voided, but one that is paid goes before any, and before the dead one that the bank may yet pay (people
# called it paid, and the bank took that debit back). Of dead ones those that the bank refused or sent back go before
# those that people called unpaid: the bank spoke of their account. `attempt`: the number of the last, whichever counts.
_PAYABLE = """
SELECT s.statement_no, s.payee_kind, s.payee_no, s.settled_fen, i.last_attempt AS attempt, i.end_to_end_id,
  i.account_import_id, i.account_valid_from, i.voided, i.result, i.reason
FROM puhui.statement s
LEFT JOIN LATERAL (
  SELECT p.*, max(p.attempt) OVER () AS last_attempt, r.result, r.reason, v.step IS NOT NULL AS voided
  FROM puhui.payout_item p
  LEFT JOIN puhui.payout_decision v ON v.batch_no = p.batch_no AND v.step = 'voided'
  LEFT JOIN LATERAL (
    SELECT q.result, q.reason FROM puhui.payout_result q WHERE q.end_to_end_id = p.end_to_end_id
    ORDER BY q.seq DESC LIMIT 1) r ON true
  WHERE p.statement_no = s.statement_no
  ORDER BY r.result IS NOT DISTINCT FROM 'paid' DESC, v.step IS NOT NULL, coalesce(r.result, 'unknown') <> 'unknown',
    r.result IS NOT DISTINCT FROM 'unpaid', p.attempt DESC LIMIT 1) i ON true
WHERE s.settled_fen > 0 AND i.result IS DISTINCT FROM 'paid' AND s.business_date <= :day
"""

ACCOUNT: Schema = {
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "import_id": pl.Int64,
    "valid_from": pl.Date,
    "approved": pl.Boolean,
}
SEALED: Schema = {
    "end_to_end_id": pl.String,
    "statement_no": pl.String,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "amount_fen": pl.Int64,
    "name_sealed": pl.String,
    "account_sealed": pl.String,
    "account_masked": pl.String,
    "bank_name": pl.String,
    "bank_code": pl.String,
}
_SEALED = """
SELECT i.end_to_end_id, i.statement_no, i.payee_kind, i.payee_no, i.amount_fen, a.name_sealed, a.account_sealed,
  a.account_masked, a.bank_name, a.bank_code
FROM {items} i
JOIN puhui.payee_account a ON a.payee_kind = i.payee_kind AND a.payee_no = i.payee_no
  AND a.import_id = i.account_import_id AND a.valid_from = i.account_valid_from
"""
EXPIRED: Schema = {"batch_no": pl.String, "maker": pl.String, "digest": pl.String, "payee_kind": pl.String}


@contextmanager
def bulk_plans(connection: Connection) -> Iterator[None]:
    """Hash joins for what is read inside: tables of a first night have no statistics, and a guess may be quadratic."""
    connection.execute(text("SET LOCAL enable_nestloop = off"))
    yield
    connection.execute(text("SET LOCAL enable_nestloop = on"))


def _sql(sql: str, **values: Any) -> TextClause:
    return text(sql).bindparams(**values)


def open_awards(connection: Connection, day: date) -> pl.DataFrame:
    """Awards up to night `day` that are on no statement yet (OPEN), with the payee they are paid to."""
    with bulk_plans(connection):
        return copy_out(connection, _sql(_OPEN, day=day), OPEN)


def contracts(connection: Connection, last_import: int) -> pl.DataFrame:
    """Contract rows in force (CONTRACT): all periods of each merchant."""
    return reference.current_rows(connection, t.contract, last_import, CONTRACT)


def carried(connection: Connection, day: date, due: date) -> pl.DataFrame:
    """Per payee what its last statement carried forward, and what is kept back beyond `due` (CARRIED)."""
    return copy_out(connection, _sql(_CARRIED, day=day, due=due), CARRIED)


def adjusted(connection: Connection, day: date) -> pl.DataFrame:
    """Adjustments for a payee that are on no statement yet (ADJUSTED)."""
    return copy_out(connection, _sql(ADJUSTMENTS + _NOT_YET, day=day), ADJUSTED)


def payables(connection: Connection, day: date) -> pl.DataFrame:
    """Statements that pay something and are not known to be paid, with their last item (PAYABLE)."""
    return copy_out(connection, _sql(_PAYABLE, day=day), PAYABLE)


def accounts(connection: Connection, last_import: int, day: date, on: date) -> pl.DataFrame:
    """Per payee the account valid `on` that day (ACCOUNT). Approved: by a decision up to `day`, not of the importer."""
    a = reference.current(t.payee_account, reference.KEYS[t.payee_account], last_import).subquery()
    d, f = t.decision.c, t.import_file.c
    approval = (
        select(d.decision_id)
        .join(t.import_file, d.subject == func.cast(f.import_id, t.decision.c.subject.type))
        .where(d.kind == "approve_account", d.business_date <= day, d.actor != f.imported_by)
        .where(f.import_id == a.c.import_id)
        .exists()
    )
    query = (
        select(a.c.payee_kind, a.c.payee_no, a.c.import_id, a.c.valid_from, approval.label("approved"))
        .ext(distinct_on(a.c.payee_kind, a.c.payee_no))
        .where(a.c.valid_from <= on, (a.c.valid_to.is_(None)) | (a.c.valid_to >= on))
        .order_by(a.c.payee_kind, a.c.payee_no, a.c.valid_from.desc())
    )
    return copy_out(connection, query, ACCOUNT)


def last_number(connection: Connection, programme: str, year: int) -> int:
    """The highest statement number of a programme and year; 0 for none."""
    s = t.statement.c
    query = select(func.coalesce(func.max(s.number), 0)).where(s.programme == programme, s.year == year)
    return int(connection.execute(query).scalar_one())


def expired(connection: Connection, day: date) -> pl.DataFrame:
    """Batches whose execution date has passed unreleased by the end of `day` (EXPIRED)."""
    sql = """
    SELECT b.batch_no, b.maker, b.digest, min(i.payee_kind) AS payee_kind
    FROM puhui.payout_batch b JOIN puhui.payout_item i USING (batch_no)
    WHERE b.execution_date <= :day AND NOT EXISTS (
      SELECT 1 FROM puhui.payout_decision d WHERE d.batch_no = b.batch_no AND d.step IN ('released', 'voided'))
    GROUP BY 1, 2, 3 ORDER BY 1
    """
    return copy_out(connection, _sql(sql, day=day), EXPIRED)


def voided_without_heir(connection: Connection, day: date) -> pl.DataFrame:
    """Voided batches that no batch replaces yet, oldest first: batch_no, payee_kind."""
    sql = """
    SELECT b.batch_no, min(i.payee_kind) AS payee_kind
    FROM puhui.payout_batch b JOIN puhui.payout_item i USING (batch_no)
    JOIN puhui.payout_decision d ON d.batch_no = b.batch_no AND d.step = 'voided' AND d.business_date <= :day
    WHERE NOT EXISTS (SELECT 1 FROM puhui.payout_batch n WHERE n.replaces = b.batch_no)
    GROUP BY 1 ORDER BY 1
    """
    return copy_out(connection, _sql(sql, day=day), {"batch_no": pl.String, "payee_kind": pl.String})


def sealed_items(connection: Connection, batch_no: str) -> pl.DataFrame:
    """The items of a stored batch with their sealed accounts, in order of EndToEndId (SEALED)."""
    sql = _SEALED.format(items="puhui.payout_item") + " WHERE i.batch_no = :batch_no"
    return copy_out(connection, _sql(sql, batch_no=batch_no), SEALED).sort("end_to_end_id")


def sealed_accounts(connection: Connection, items: pl.DataFrame) -> pl.DataFrame:
    """Drafted items (columns of SEALED's key, account_import_id, account_valid_from) with their sealed accounts."""
    a = t.payee_account.c
    query = select(
        a.payee_kind,
        a.payee_no,
        a.import_id.label("account_import_id"),
        a.valid_from.label("account_valid_from"),
        a.name_sealed,
        a.account_sealed,
        a.account_masked,
        a.bank_name,
        a.bank_code,
    ).where(a.import_id.in_(sorted(set(items["account_import_id"]))))
    keys = ["payee_kind", "payee_no", "account_import_id", "account_valid_from"]
    schema: Schema = {
        "payee_kind": pl.String,
        "payee_no": pl.String,
        "account_import_id": pl.Int64,
        "account_valid_from": pl.Date,
        **{name: SEALED[name] for name in list(SEALED)[5:]},
    }
    found = items.join(copy_out(connection, query, schema), on=keys)
    assert found.height == items.height, "an account row is missing"
    return found.select(list(SEALED)).sort("end_to_end_id")


def store(connection: Connection, frames: dict[str, pl.DataFrame]) -> None:
    """Copies frames into the tables of their names, in the given order (foreign keys point to earlier ones)."""
    for name, frame in frames.items():
        copy_in(connection, getattr(t, name), frame)
