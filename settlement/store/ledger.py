"""What `post` reads and writes: the new subledger rows of a business date as totals, entries, balances."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, func, select, text

from settlement.model.frames import Schema
from settlement.store import reference
from settlement.store import tables as t
from settlement.store.copy import copy_in, copy_out
from settlement.store.settle import ADJUSTMENTS, PAID_TO, bulk_plans

AWARD_TOTAL: Schema = {
    "event": pl.String,
    "programme": pl.String,
    "scheme": pl.String,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "sponsor": pl.String,
    "sponsor_kind": pl.String,
    "merchant_no": pl.String,
    "amount_fen": pl.Int64,
}
PAYEE_AMOUNT: Schema = {
    "subject": pl.String,
    "programme": pl.String,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "amount_fen": pl.Int64,
}
MONEY: Schema = {
    "line_id": pl.String,
    "kind": pl.String,
    "subject": pl.String,
    "amount_fen": pl.Int64,
    "account": pl.String,
    "suspended": pl.Boolean,
    "payee_kind": pl.String,
    "payee_no": pl.String,
}
CLEARED: Schema = {"subject": pl.String, "event": pl.String, "amount_fen": pl.Int64}
MOVEMENT: Schema = {"account": pl.String, "opening_fen": pl.Int64, "debit_fen": pl.Int64, "credit_fen": pl.Int64}

# The merchant matters only where it owes its share of a rebate to the member.
_AWARDS = f"""
WITH picked AS (SELECT a.* FROM puhui.award a WHERE a.business_date = :day AND a.payee_no IS NOT NULL),
paid_to AS ({PAID_TO})
SELECT CASE WHEN a.outcome IN (25, 26) THEN 'clawback' ELSE 'award' END AS event, a.programme, a.scheme, a.payee_kind,
  p.payee_no, s.sponsor, s.sponsor_kind,
  CASE WHEN s.sponsor_kind = 'merchant' THEN o.our_merchant_no END AS merchant_no,
  sum(s.amount_fen)::bigint AS amount_fen
FROM picked a
JOIN puhui.award_share s ON s.transaction_id = a.transaction_id AND s.line = a.line
JOIN paid_to p ON p.payee_kind = a.payee_kind AND p.named_no = a.payee_no
  AND p.business_date = a.business_date AND p.clearing_date = a.clearing_date
LEFT JOIN LATERAL (
  SELECT r.our_merchant_no FROM puhui.rated r
  WHERE s.sponsor_kind = 'merchant' AND r.transaction_id = a.sale_id AND r.business_date <= :day
  ORDER BY r.business_date DESC LIMIT 1) o ON true
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""
_FEES = """
SELECT statement_no AS subject, programme, payee_kind, payee_no, fee_fen AS amount_fen
FROM puhui.statement WHERE business_date = :day AND fee_fen <> 0
"""
_RELEASES = """
SELECT i.end_to_end_id AS subject, s.programme, i.payee_kind, i.payee_no, i.amount_fen
FROM puhui.payout_decision d JOIN puhui.payout_item i USING (batch_no) JOIN puhui.statement s USING (statement_no)
WHERE d.step = 'released' AND d.business_date = :day
"""
# Refused by the bank without a line on its statement, or not paid, as people decided: the money never left.
_REJECTIONS = """
SELECT i.end_to_end_id AS subject, s.programme, i.payee_kind, i.payee_no, i.amount_fen
FROM puhui.payout_result r JOIN puhui.payout_item i USING (end_to_end_id) JOIN puhui.statement s USING (statement_no)
WHERE r.business_date = :day AND r.line_id IS NULL AND r.result IN ('rejected', 'returned', 'unpaid')
"""
# A line that nothing explained in its own night goes to suspense; one explained later leaves it. A payment that was
# payable again, as people say that this line is it, is not in transit any more.
_MONEY = """
SELECT l.line_id, CASE WHEN m.kind = 'paid' AND EXISTS (
    SELECT 1 FROM puhui.payout_result r JOIN puhui.payout_result b ON b.end_to_end_id = r.end_to_end_id
      AND b.seq = r.seq - 1 AND b.result IN ('returned', 'rejected', 'unpaid')
    WHERE r.end_to_end_id = m.subject AND r.line_id = l.line_id AND r.result = 'paid') THEN 'paid_after_all'
  ELSE m.kind END AS kind, m.subject, l.amount_fen, l.account, l.business_date < :day AS suspended,
  i.payee_kind, i.payee_no
FROM puhui.bank_line l
LEFT JOIN puhui.money_match m ON m.line_id = l.line_id AND m.business_date = :day
LEFT JOIN puhui.payout_item i ON m.kind IN ('paid', 'returned') AND i.end_to_end_id = m.subject
WHERE (l.business_date = :day OR m.business_date = :day) AND l.amount_fen <> 0
"""
_CLEARED = """
SELECT e.discrepancy_id || '/' || e.seq AS subject, e.event, l.amount_fen
FROM puhui.discrepancy_event e
JOIN puhui.discrepancy d USING (discrepancy_id)
JOIN puhui.bank_line l ON l.line_id = d.theirs_id
WHERE e.business_date = :day AND e.event IN ('written_off', 'adjusted')
  AND d.kind IN ('UNKNOWN_CREDIT', 'UNKNOWN_DEBIT')
"""
_MOVEMENTS = """
SELECT l.account, coalesce(sum(l.amount_fen) FILTER (WHERE e.business_date < :first), 0)::bigint AS opening_fen,
  coalesce(sum(l.amount_fen) FILTER (WHERE e.business_date >= :first AND l.amount_fen > 0), 0)::bigint AS debit_fen,
  coalesce(-sum(l.amount_fen) FILTER (WHERE e.business_date >= :first AND l.amount_fen < 0), 0)::bigint AS credit_fen
FROM puhui.entry_line l JOIN puhui.entry e USING (entry_id) WHERE e.business_date <= :last GROUP BY 1
"""


def _read(connection: Connection, sql: str, schema: Schema, **values: Any) -> pl.DataFrame:
    return copy_out(connection, text(sql).bindparams(**values), schema)


def award_totals(connection: Connection, day: date) -> pl.DataFrame:
    """Shares of tonight's awards and clawbacks, summed per scheme, payee and sponsor (AWARD_TOTAL)."""
    with bulk_plans(connection):
        return _read(connection, _AWARDS, AWARD_TOTAL, day=day)


def fees(connection: Connection, day: date) -> pl.DataFrame:
    """Fees that tonight's statements take from the subsidy (PAYEE_AMOUNT)."""
    return _read(connection, _FEES, PAYEE_AMOUNT, day=day)


def releases(connection: Connection, day: date) -> pl.DataFrame:
    """Items that left under decisions of this business date (PAYEE_AMOUNT)."""
    return _read(connection, _RELEASES, PAYEE_AMOUNT, day=day)


def rejections(connection: Connection, day: date) -> pl.DataFrame:
    """Items that the bank refused without moving money (PAYEE_AMOUNT)."""
    return _read(connection, _REJECTIONS, PAYEE_AMOUNT, day=day)


def adjustments(connection: Connection, day: date, programme: str) -> pl.DataFrame:
    """Adjustments of this business date for payees (PAYEE_AMOUNT; more to the payee is positive)."""
    sql = f"""
    SELECT q.discrepancy_id || '/' || q.seq AS subject, cast(:programme AS text) AS programme, q.payee_kind, q.payee_no,
      q.amount_fen
    FROM ({ADJUSTMENTS}) q WHERE q.day = :day
    """
    return _read(connection, sql, PAYEE_AMOUNT, day=day, programme=programme)


def money(connection: Connection, day: date, ledger_accounts: Mapping[str, str]) -> pl.DataFrame:
    """Bank lines of tonight and lines explained tonight (MONEY), on the ledger account of their bank account."""
    frame = _read(connection, _MONEY, MONEY, day=day)
    return frame.with_columns(pl.col("account").replace_strict(dict(ledger_accounts), return_dtype=pl.String))


def cleared(connection: Connection, day: date) -> pl.DataFrame:
    """Suspended bank lines that a person cleared (CLEARED)."""
    return _read(connection, _CLEARED, CLEARED, day=day)


def next_entry_id(connection: Connection) -> int:
    """The number of the next entry; 1 in empty books."""
    return int(connection.execute(select(func.coalesce(func.max(t.entry.c.entry_id), 0) + 1)).scalar_one())


def has_entry(connection: Connection, entry_key: str) -> bool:
    """True where an entry of that key stands."""
    query = select(t.entry.c.entry_id).where(t.entry.c.entry_key == entry_key)
    return connection.execute(query).first() is not None


def put_entries(connection: Connection, entries: pl.DataFrame, lines: pl.DataFrame) -> None:
    """Appends entries and their lines; the store refuses one that does not balance, or a key that stands."""
    copy_in(connection, t.entry, entries)
    copy_in(connection, t.entry_line, lines)


def movements(connection: Connection, first: date, last: date) -> pl.DataFrame:
    """Per account the balance before `first`, debits and credits from then to `last` (MOVEMENT)."""
    return _read(connection, _MOVEMENTS, MOVEMENT, first=first, last=last)


def chart_document(connection: Connection, chart: str, last_import: int) -> tuple[str, str] | None:
    """(file, YAML text) of the imported chart of that name in force; None when none was imported."""
    c = reference.current(t.chart_text, reference.KEYS[t.chart_text], last_import).subquery()
    row = connection.execute(select(c.c.file, c.c.yaml).where(c.c.chart == chart)).one_or_none()
    return (row[0], row[1]) if row else None


def account_balance(connection: Connection, account: str, day: date) -> int:
    """Debit-positive balance of an account at the end of `day`, in fen."""
    e, line = t.entry.c, t.entry_line.c
    query = (
        select(func.coalesce(func.sum(line.amount_fen), 0))
        .select_from(t.entry_line.join(t.entry))
        .where(line.account == account, e.business_date <= day)
    )
    return int(connection.execute(query).scalar_one())


ENTRY: Schema = {
    "entry_id": pl.Int64,
    "business_date": pl.Date,
    "event": pl.String,
    "summary": pl.String,
    "line": pl.Int64,
    "account": pl.String,
    "amount_fen": pl.Int64,
    "scheme": pl.String,
    "sponsor": pl.String,
    "payee_kind": pl.String,
    "payee_no": pl.String,
}


def entries(connection: Connection, first: date, last: date) -> pl.DataFrame:
    """Entries with their lines of a span of business dates (ENTRY), in order."""
    e, line = t.entry.c, t.entry_line.c
    columns = [e[name] if name in e else line[name] for name in ENTRY]
    query = select(*columns).select_from(t.entry.join(t.entry_line)).where(e.business_date.between(first, last))
    return copy_out(connection, query, ENTRY).sort("entry_id", "line")
