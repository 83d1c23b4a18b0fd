"""What `close` reads and writes: summaries for the named checks, what a day consisted of, the chain of closed days.

Everything is as of the end of a business date: rows of later nights do not change what an earlier day shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Connection, func, insert, literal, or_, select, text

from settlement.model.frames import Schema
from settlement.store import tables as t
from settlement.store.settle import ADJUSTMENTS, PAID_TO

FINDING: Schema = {"subject": pl.String, "detail": pl.String}
SIDE: Schema = {"subject": pl.String, "fen": pl.Int64}

# --- checks that list what is wrong; each answers (subject, detail) ------------------------------------------------

FINDINGS: dict[str, str] = {
    "entries_balance": """
        SELECT cast(e.entry_id AS text) AS subject, 'off by ' || coalesce(sum(l.amount_fen), 0) || ' fen' AS detail
        FROM puhui.entry e LEFT JOIN puhui.entry_line l USING (entry_id) WHERE e.business_date <= :day
        GROUP BY e.entry_id HAVING coalesce(sum(l.amount_fen), 0) <> 0 OR count(l.line) < 2""",
    "shares": """
        SELECT a.transaction_id || '/' || a.line AS subject, 'shares are not the award' AS detail
        FROM puhui.award a LEFT JOIN puhui.award_share s USING (transaction_id, line) WHERE a.business_date = :day
        GROUP BY a.transaction_id, a.line, a.granted_fen HAVING coalesce(sum(s.amount_fen), 0) <> a.granted_fen""",
    "kept": """
        SELECT k.sale_id AS subject, 'keeps ' || k.kept || ' fen' AS detail
        FROM (SELECT p.sale_id, sum(p.kept) AS kept, bool_or(p.kept < 0 OR p.kept > p.granted) AS beyond
              FROM (SELECT a.sale_id, a.scheme, sum(a.granted_fen) AS kept,
                      sum(a.granted_fen) FILTER (WHERE a.outcome IN (10, 11)) AS granted
                    FROM puhui.award a WHERE a.business_date <= :day AND a.sale_id IN (
                      SELECT b.sale_id FROM puhui.award b WHERE b.business_date = :day)
                    GROUP BY 1, 2) p GROUP BY 1) k
        LEFT JOIN LATERAL (
          SELECT CASE WHEN z.voided OR z.reversed THEN 0 ELSE z.gross_fen - z.refunded_gross_fen END AS remains
          FROM puhui.state_sales z WHERE z.transaction_id = k.sale_id AND z.business_date <= :day
          ORDER BY z.business_date DESC LIMIT 1) s ON true
        WHERE k.beyond OR k.kept > coalesce(s.remains, 0)""",
    "rows_add_up": """
        SELECT f.name AS subject, 'records do not add up' AS detail
        FROM puhui.file f LEFT JOIN puhui.file_outcome o USING (file_id)
        WHERE f.business_date = :day AND (o.file_id IS NULL
          OR o.records <> o.accepted + o.rejected + o.duplicate + o.quarantined + o.skipped)
        UNION ALL
        SELECT f.name, 'accepted ' || o.accepted || ', stored ' || r.stored
        FROM puhui.file_outcome o JOIN puhui.file f USING (file_id)
        CROSS JOIN LATERAL (
          SELECT (SELECT count(*) FROM puhui.transaction x WHERE x.file_id = o.file_id)
               + (SELECT count(*) FROM puhui.clearing_item c WHERE c.file_id = o.file_id)
               + (SELECT count(DISTINCT a.record) FROM puhui.payout_answer a WHERE a.file_id = o.file_id)
               - (SELECT count(*) FROM puhui.correction k JOIN puhui.transaction x ON x.transaction_id = k.row_id
                  WHERE x.file_id = o.file_id)
               - (SELECT count(*) FROM puhui.correction k JOIN puhui.clearing_item c ON c.item_id = k.row_id
                  WHERE c.file_id = o.file_id) AS stored) r
        WHERE o.business_date = :day AND f.source <> ALL (:statement_sources) AND o.accepted <> r.stored""",
    "statement_figures": """
        SELECT s.statement_no AS subject, 'its lines or awards are not its total' AS detail
        FROM puhui.statement s
        LEFT JOIN (SELECT statement_no, sum(subsidy_fen) AS subsidy, sum(merchant_share_fen) AS share,
                     sum(fee_fen) AS fee, sum(adjustment_fen) AS adjustment, sum(brought_fen) AS brought
                   FROM puhui.statement_line GROUP BY 1) l USING (statement_no)
        LEFT JOIN (SELECT w.statement_no, sum(a.granted_fen) AS granted, sum(a.payable_fen) AS payable
                   FROM puhui.statement_award w JOIN puhui.award a USING (transaction_id, line) GROUP BY 1) a
          USING (statement_no)
        LEFT JOIN (SELECT statement_no, sum(amount_fen) AS adjusted FROM puhui.statement_adjustment GROUP BY 1) j
          USING (statement_no)
        WHERE s.business_date = :day AND (
          (s.subsidy_fen, s.merchant_share_fen, s.fee_fen, s.adjustment_fen, s.brought_fen) IS DISTINCT FROM
          (coalesce(l.subsidy, 0), coalesce(l.share, 0), coalesce(l.fee, 0), coalesce(l.adjustment, 0),
           coalesce(l.brought, 0))
          OR s.subsidy_fen <> coalesce(a.granted, 0)
          OR s.subsidy_fen - s.merchant_share_fen <> coalesce(a.payable, 0)
          OR s.adjustment_fen <> coalesce(j.adjusted, 0))""",
    "statement_numbers": """
        SELECT s.programme || ' ' || s.year AS subject,
          'highest number ' || max(s.number) || ', statements ' || count(*) AS detail
        FROM puhui.statement s GROUP BY s.programme, s.year HAVING max(s.number) <> count(*) OR min(s.number) <> 1""",
    "brought_forward": """
        SELECT q.statement_no AS subject, 'brings ' || q.brought_fen || ', before it ' || q.carried AS detail
        FROM (SELECT s.statement_no, s.brought_fen, s.business_date, coalesce(lag(s.carried_fen) OVER (
                PARTITION BY s.payee_kind, s.payee_no ORDER BY s.business_date), 0) AS carried
              FROM puhui.statement s WHERE s.business_date <= :day) q
        WHERE q.business_date = :day AND q.brought_fen <> q.carried""",
    "payout_batches": """
        SELECT b.batch_no AS subject, 'count or total is not that of its items' AS detail
        FROM puhui.payout_batch b LEFT JOIN puhui.payout_item i USING (batch_no) WHERE b.business_date = :day
        GROUP BY b.batch_no, b.count, b.total_fen
        HAVING count(i.end_to_end_id) <> b.count OR coalesce(sum(i.amount_fen), 0) <> b.total_fen
        UNION ALL
        SELECT i.end_to_end_id, 'is not what its statement settles, or pays another'
        FROM puhui.payout_item i JOIN puhui.payout_batch b USING (batch_no) JOIN puhui.statement s USING (statement_no)
        WHERE b.business_date = :day
          AND (i.amount_fen, i.payee_kind, i.payee_no) <> (s.settled_fen, s.payee_kind, s.payee_no)""",
    "approved_digest": """
        SELECT r.batch_no AS subject, 'released under another digest than approved' AS detail
        FROM puhui.payout_decision r JOIN puhui.payout_batch b USING (batch_no)
        LEFT JOIN puhui.payout_decision a ON a.batch_no = r.batch_no AND a.step = 'approved'
        WHERE r.step = 'released' AND r.business_date <= :day
          AND (a.digest IS DISTINCT FROM r.digest OR b.digest <> r.digest OR a.actor IS DISTINCT FROM r.approver)""",
    "bank_lines": """
        SELECT l.line_id AS subject, 'neither matched nor a named discrepancy' AS detail
        FROM puhui.bank_line l WHERE l.business_date = :day
          AND (l.amount_fen <> 0 OR EXISTS (
            SELECT 1 FROM puhui.payout_item i JOIN puhui.payout_decision r ON r.batch_no = i.batch_no
            WHERE i.end_to_end_id = l.end_to_end_id AND r.step = 'released'))
          AND NOT EXISTS (SELECT 1 FROM puhui.money_match m WHERE m.line_id = l.line_id)
          AND NOT EXISTS (SELECT 1 FROM puhui.discrepancy d WHERE d.theirs_id = l.line_id)""",
}
# An item is live until its batch is voided, the bank returned or refused it, or people say that the bank did not pay
# it, as of the end of `day`.
_LIVE = """
  SELECT i.* FROM puhui.payout_item i JOIN puhui.payout_batch b USING (batch_no)
  LEFT JOIN puhui.payout_decision v ON v.batch_no = i.batch_no AND v.step = 'voided' AND v.business_date <= :day
  LEFT JOIN LATERAL (
    SELECT r.result FROM puhui.payout_result r WHERE r.end_to_end_id = i.end_to_end_id AND r.business_date <= :day
    ORDER BY r.seq DESC LIMIT 1) r ON true
  WHERE b.business_date <= :day AND v.batch_no IS NULL
    AND coalesce(r.result, '') NOT IN ('returned', 'rejected', 'unpaid')
"""
FINDINGS["payable_once"] = f"""
    SELECT s.statement_no AS subject, CASE WHEN count(i.end_to_end_id) > 1 THEN 'is in several live payout items'
      ELSE 'is in no live payout item and has no reason' END AS detail
    FROM puhui.statement s LEFT JOIN ({_LIVE}) i USING (statement_no)
    LEFT JOIN puhui.payout_hold h ON h.statement_no = s.statement_no AND h.business_date = :day
    WHERE s.settled_fen > 0 AND s.business_date <= :day
    GROUP BY s.statement_no, h.statement_no
    HAVING count(i.end_to_end_id) > 1 OR (count(i.end_to_end_id) = 0 AND h.statement_no IS NULL)"""

# --- checks of two sides; each answers (subject, fen) --------------------------------------------------------------

SIDES: dict[str, tuple[str, str]] = {
    "subledger_payables": (
        """SELECT concat_ws('/', programme, scheme, payee_kind) AS subject,
             sum(CASE WHEN payee_kind = 'member' THEN granted_fen ELSE payable_fen END)::bigint AS fen
           FROM puhui.award WHERE business_date <= :day AND payee_no IS NOT NULL GROUP BY 1""",
        """SELECT concat_ws('/', l.programme, l.scheme, l.payee_kind) AS subject, -sum(l.amount_fen)::bigint AS fen
           FROM puhui.entry_line l JOIN puhui.entry e USING (entry_id)
           WHERE e.event IN ('award', 'clawback') AND l.account = ANY (:payables) AND e.business_date <= :day
           GROUP BY 1""",
    ),
    "subledger_sponsors": (
        """SELECT concat_ws('/', a.programme, a.scheme, s.sponsor) AS subject, sum(s.amount_fen)::bigint AS fen
           FROM puhui.award_share s JOIN puhui.award a USING (transaction_id, line)
           WHERE a.business_date <= :day AND a.payee_no IS NOT NULL
             AND (s.sponsor_kind <> 'merchant' OR a.payee_kind = 'member') GROUP BY 1""",
        """SELECT concat_ws('/', l.programme, l.scheme, l.sponsor) AS subject, sum(l.amount_fen)::bigint AS fen
           FROM puhui.entry_line l JOIN puhui.entry e USING (entry_id)
           WHERE e.event IN ('award', 'clawback') AND l.sponsor IS NOT NULL AND e.business_date <= :day GROUP BY 1""",
    ),
    # What each payee is owed: awards and adjustments on no statement yet, what its last statement carried forward, and
    # what statements settle that has not left (or came back).
    "payables": (
        f"""WITH picked AS (
              SELECT a.payee_kind, a.payee_no, a.business_date, a.clearing_date, a.payable_fen FROM puhui.award a
              WHERE a.business_date <= :day AND a.payee_no IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM puhui.statement_award w JOIN puhui.statement s USING (statement_no)
                WHERE w.transaction_id = a.transaction_id AND w.line = a.line AND s.business_date <= :day)),
            paid_to AS ({PAID_TO})
            SELECT concat_ws('/', q.payee_kind, q.payee_no) AS subject, sum(q.fen)::bigint AS fen FROM (
              SELECT p.payee_kind, p.payee_no, a.payable_fen AS fen FROM picked a JOIN paid_to p
                ON p.payee_kind = a.payee_kind AND p.named_no = a.payee_no
                AND p.business_date = a.business_date AND p.clearing_date = a.clearing_date
              UNION ALL
              SELECT j.payee_kind, j.payee_no, j.amount_fen FROM ({ADJUSTMENTS}) j WHERE NOT EXISTS (
                SELECT 1 FROM puhui.statement_adjustment x JOIN puhui.statement s USING (statement_no)
                WHERE x.discrepancy_id = j.discrepancy_id AND x.seq = j.seq AND s.business_date <= :day)
              UNION ALL
              (SELECT DISTINCT ON (payee_kind, payee_no) payee_kind, payee_no, carried_fen FROM puhui.statement
               WHERE business_date <= :day ORDER BY payee_kind, payee_no, business_date DESC)
              UNION ALL
              SELECT s.payee_kind, s.payee_no, s.settled_fen FROM puhui.statement s
              WHERE s.settled_fen > 0 AND s.business_date <= :day AND NOT EXISTS (
                SELECT 1 FROM ({_LIVE}) i JOIN puhui.payout_decision d ON d.batch_no = i.batch_no
                  AND d.step = 'released' AND d.business_date <= :day WHERE i.statement_no = s.statement_no)
            ) q GROUP BY 1""",
        """SELECT concat_ws('/', l.payee_kind, l.payee_no) AS subject, -sum(l.amount_fen)::bigint AS fen
           FROM puhui.entry_line l JOIN puhui.entry e USING (entry_id)
           WHERE l.account = ANY (:payables) AND e.business_date <= :day GROUP BY 1""",
    ),
    "in_transit": (
        """SELECT i.end_to_end_id AS subject, i.amount_fen AS fen
           FROM puhui.payout_item i JOIN puhui.payout_decision d ON d.batch_no = i.batch_no AND d.step = 'released'
           WHERE d.business_date <= :day AND NOT EXISTS (
             SELECT 1 FROM puhui.payout_result r WHERE r.end_to_end_id = i.end_to_end_id AND r.business_date <= :day
               AND (r.result = 'paid' OR r.line_id IS NULL) AND NOT EXISTS (
                 SELECT 1 FROM puhui.payout_result u WHERE u.end_to_end_id = r.end_to_end_id AND u.seq > r.seq
                   AND u.result = 'unknown' AND u.business_date <= :day))""",
        """SELECT coalesce(m.subject, regexp_replace(e.entry_key, '^[a-z]+:|/.*$', '', 'g')) AS subject,
             -sum(l.amount_fen)::bigint AS fen
           FROM puhui.entry_line l JOIN puhui.entry e USING (entry_id)
           LEFT JOIN puhui.money_match m ON e.event = 'paid' AND m.line_id = regexp_replace(e.entry_key, '^[a-z]+:', '')
           WHERE l.account = :in_transit AND e.business_date <= :day GROUP BY 1""",
    ),
}


def findings(connection: Connection, check: str, day: date, statement_sources: Sequence[str] = ()) -> pl.DataFrame:
    """What a check of FINDINGS lists as of `day` (FINDING), at most 100 rows."""
    values: dict[str, Any] = {"day": day, "statement_sources": list(statement_sources)}
    sql = FINDINGS[check]
    used = {name: value for name, value in values.items() if f":{name}" in sql}
    return _rows(connection, f"SELECT * FROM ({sql}) f ORDER BY 1, 2 LIMIT 100", FINDING, used)


def sides(
    connection: Connection, check: str, day: date, payables: Sequence[str], in_transit: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both sides of a check of SIDES as of `day` (SIDE); `payables`, `in_transit`: account codes."""
    values: dict[str, Any] = {"day": day, "payables": list(payables), "in_transit": in_transit}
    left, right = (
        _rows(connection, sql, SIDE, {name: value for name, value in values.items() if f":{name}" in sql})
        for sql in SIDES[check]
    )
    return left, right


def _rows(connection: Connection, sql: str, schema: Schema, values: Mapping[str, Any]) -> pl.DataFrame:
    """Small results through the ordinary cursor: lists as parameters, no COPY."""
    found = connection.execute(text(sql), values)
    return pl.DataFrame([tuple(row) for row in found], schema=schema, orient="row")


LIMIT: Schema = {
    "scheme": pl.String,
    "name": pl.String,
    "measure": pl.String,
    "per": pl.String,
    "window": pl.String,
    "lowest": pl.Int64,
    "highest": pl.Int64,
}


def limit_use(connection: Connection, day: date) -> pl.DataFrame:
    """Per limit the lowest use among the keys that night `day` changed, and the highest among those whose use it raised
    (LIMIT); scheme "": a pool. A key whose value was lowered stands above it until refunds have given enough back.
    """
    same = " AND ".join(f'b."{name}" = u."{name}"' for name in t.STATE_TABLES["usage"].info["keys"])
    sql = f"""
    SELECT u.scheme, u.name, u.measure, u.per, u."window", min(u.used),
      coalesce(max(u.used) FILTER (WHERE u.used > coalesce(b.used, 0)), least(0, min(u.used)))
    FROM puhui.state_usage u LEFT JOIN LATERAL (
      SELECT b.used FROM puhui.state_usage b WHERE {same} AND b.business_date < :day
      ORDER BY b.business_date DESC LIMIT 1) b ON true
    WHERE u.business_date = :day GROUP BY 1, 2, 3, 4, 5
    """
    return _rows(connection, sql, LIMIT, {"day": day})


def reinstated(connection: Connection, day: date) -> dict[tuple[str, str], int]:
    """(scheme, measure) to what undone refunds took back up to `day`: fen for amount, rows for count."""
    sql = """
    SELECT a.scheme, coalesce(sum(a.granted_fen), 0)::bigint, count(*) FROM puhui.award a
    WHERE a.outcome = 26 AND a.business_date <= :day GROUP BY 1
    """
    found: dict[tuple[str, str], int] = {}
    for scheme, fen, count in connection.execute(text(sql), {"day": day}):
        found |= {(scheme, "amount"): fen, (scheme, "count"): count}
    return found


# --- the open day, expected files ----------------------------------------------------------------------------------


def open_date(connection: Connection, first_business_date: date) -> date:
    """The business date that takes what people decide now: the first whose night has not begun."""
    last: date | None = connection.execute(select(func.max(t.night.c.business_date))).scalar_one()
    return first_business_date if last is None else last + timedelta(days=1)


def hold_night(connection: Connection) -> None:
    """Keeps a night from beginning until this transaction ends, so that a decision is not dated into a running one."""
    connection.execute(select(t.run_lease.c.fence).with_for_update(read=True)).all()


def arrived(connection: Connection, day: date) -> set[str]:
    """Sources with an accepted file of that clearing day, whenever it came: or a statement that people took."""
    f, o = t.file.c, t.file_outcome.c
    by_decision = select(literal(1)).where(t.bank_statement.c.file_id == f.file_id)
    query = (
        select(f.source)
        .join(t.file_outcome, f.file_id == o.file_id)
        .where(or_(o.status.in_(["ACCEPTED", "PARTIAL", "SUPERSET"]), by_decision.exists()))
        .where(func.coalesce(o.clearing_date, o.business_date) == day)
    )
    return {row[0] for row in connection.execute(query)}


def waived(connection: Connection, day: date) -> set[str]:
    """Sources whose file of that day a person waived: subject `source` decided on that open day, or `source:date`."""
    d = t.decision.c
    query = select(d.subject, d.business_date).where(d.kind == "waive")
    found = set()
    for subject, decided in connection.execute(query):
        source, _, named = subject.partition(":")
        if named == day.isoformat() or (not named and decided == day):
            found.add(source)
    return found


# --- the chain -----------------------------------------------------------------------------------------------------


def chain(connection: Connection) -> list[tuple[date, str, str, str]]:
    """Every close record in order: (business date, record, previous, digest)."""
    c = t.close_record.c
    rows = connection.execute(select(c.business_date, c.record, c.previous, c.digest).order_by(c.business_date))
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def head(connection: Connection) -> tuple[date, str] | None:
    """(business date, digest) of the last closed day; None before the first."""
    c = t.close_record.c
    row = connection.execute(select(c.business_date, c.digest).order_by(c.business_date.desc()).limit(1)).first()
    return None if row is None else (row[0], row[1])


def put_record(connection: Connection, **row: Any) -> None:
    """Appends a close record (all columns)."""
    connection.execute(insert(t.close_record).values(**row))


# Lists of a day, as text: what the record names. Every row is one line.
_CONTENT = {
    "inputs": """
        SELECT f.source, f.name, f.delivery, f.sha256, o.status FROM puhui.file f
        LEFT JOIN puhui.file_outcome o USING (file_id) WHERE f.business_date = :day""",
    "imports": """
        SELECT f.import_id, f.kind, f.name, f.sha256 FROM puhui.import_file f
        JOIN puhui.night n ON n.business_date = :day
        LEFT JOIN puhui.night p ON p.business_date = cast(:day AS date) - 1
        WHERE f.import_id <= n.last_import AND f.import_id > coalesce(p.last_import, 0)""",
    "outputs": "SELECT a.path, a.kind, a.sha256, a.size FROM puhui.artifact a WHERE a.business_date = :day",
    "decisions": """
        SELECT d.decision_id, d.kind, d.subject, d.actor, d.checker, d.reason, d.amount_fen FROM puhui.decision d
        WHERE d.business_date = :day""",
    "payout_decisions": """
        SELECT d.batch_no, d.step, d.actor, d.approver, d.digest, d.file_name FROM puhui.payout_decision d
        WHERE d.business_date = :day""",
    "statements": "SELECT s.statement_no, s.digest FROM puhui.statement s WHERE s.business_date = :day",
    "rules": """
        SELECT DISTINCT ON (s.programme, s.scheme, s.version) s.programme, s.scheme, s.version,
          encode(sha256(convert_to(s.yaml, 'UTF8')), 'hex') AS sha256
        FROM puhui.scheme_text s JOIN puhui.night n ON n.business_date = :day AND s.import_id <= n.last_import
        ORDER BY s.programme, s.scheme, s.version, s.import_id DESC""",
}
_TOTALS = """
SELECT
  (SELECT count(*) FROM puhui.transaction WHERE business_date = :day) AS transactions,
  (SELECT coalesce(sum(gross_fen), 0)::bigint FROM puhui.transaction WHERE business_date = :day) AS gross_fen,
  (SELECT count(*) FROM puhui.award WHERE business_date = :day) AS awards,
  (SELECT coalesce(sum(granted_fen), 0)::bigint FROM puhui.award WHERE business_date = :day) AS subsidy_fen,
  (SELECT count(*) FROM puhui.discrepancy WHERE business_date = :day) AS discrepancies,
  (SELECT count(*) FROM puhui.statement WHERE business_date = :day) AS statements,
  (SELECT coalesce(sum(settled_fen), 0)::bigint FROM puhui.statement WHERE business_date = :day) AS settled_fen,
  (SELECT coalesce(sum(i.amount_fen), 0)::bigint FROM puhui.payout_item i JOIN puhui.payout_decision d
     ON d.batch_no = i.batch_no AND d.step = 'released' WHERE d.business_date = :day) AS released_fen,
  (SELECT count(*) FROM puhui.entry WHERE business_date = :day) AS entries,
  (SELECT coalesce(sum(l.amount_fen) FILTER (WHERE l.amount_fen > 0), 0)::bigint FROM puhui.entry_line l
     JOIN puhui.entry e USING (entry_id) WHERE e.business_date = :day) AS debit_fen
"""


def content(connection: Connection, day: date) -> dict[str, Any]:
    """What a close record names of a day: lists in order of their content, totals, configuration and product."""
    found: dict[str, Any] = {}
    for name, sql in _CONTENT.items():
        rows = connection.execute(text(sql), {"day": day}).mappings()
        found[name] = sorted((dict(row) for row in rows), key=lambda row: [str(value) for value in row.values()])
    found["totals"] = dict(connection.execute(text(_TOTALS), {"day": day}).mappings().one())
    n = t.night.c
    night = connection.execute(select(n.config_digest, n.product_version).where(n.business_date == day)).one()
    return found | {"configuration": night[0], "product": night[1]}
