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
from settlement.store.two_people import ITEM_OF, LINE_OF, PAID

# Kinds that hold the award of `ours_id` until they are explained (reconciliation.md, "What it means for money").
HOLDING = ("OURS_ONLY", "AMOUNT_MISMATCH", "STATUS_MISMATCH", "AMBIGUOUS", "DUPLICATE")
# Last events after which a discrepancy is no longer open; 挂账 (suspense) is a state on the way, still open.
CLOSING = ("auto_closed", "explained", "adjusted", "written_off")

# The last event of discrepancy d, whenever it was.
_LAST = """
LEFT JOIN LATERAL (SELECT e.event, e.seq FROM puhui.discrepancy_event e
  WHERE e.discrepancy_id = d.discrepancy_id ORDER BY e.seq DESC LIMIT 1) l ON true
"""

# The columns of settlement.reconciliation.matching.RECON_ITEM (a sibling room; a test holds them equal).
RECON_COLUMNS: Schema = {
    "item_id": pl.String,
    "kind": pl.String,
    "original_id": pl.String,
    "clearing_date": pl.Date,
    "occurred_at": INSTANT,
    "rrn": pl.String,
    "terminal_no": pl.String,
    "stan": pl.String,
    "amount_fen": pl.Int64,
    "card_id": pl.Int64,
    "card_tail": pl.String,
    "merchant_no": pl.String,
    "business_date": pl.Date,
}

# --- for settle ----------------------------------------------------------------------------------------------------

DUE: Schema = {"transaction_id": pl.String, "due": pl.Boolean, "reason": pl.String}
# An operation that one side lacks (STATUS_MISMATCH) holds its sale too, as nobody knows yet whether the sale stands.
_DUE = f"""
WITH holding AS (
  SELECT w.id, d.discrepancy_id, d.kind FROM wanted_id w
  JOIN puhui.discrepancy d ON d.ours_id = w.id AND d.kind = ANY (:holding)
  UNION
  SELECT w.id, d.discrepancy_id, d.kind FROM puhui.discrepancy d
  JOIN puhui.transaction x ON x.transaction_id = d.ours_id JOIN wanted_id w ON w.id = x.original_key
  WHERE d.kind = 'STATUS_MISMATCH'),
state AS (
  SELECT h.id, bool_or(l.event = 'explained') AS explained,
    min(h.discrepancy_id) FILTER (WHERE coalesce(l.event, '') NOT IN ('explained', 'auto_closed')) AS blocker
  FROM holding h JOIN puhui.discrepancy d USING (discrepancy_id) {_LAST}
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
    sql = f"""SELECT d.discrepancy_id FROM puhui.discrepancy d {_LAST}
      WHERE d.business_date = :opened AND d.kind = :kind AND coalesce(l.event, '') <> ALL (:closing) ORDER BY 1"""
    values = {"opened": business_date, "kind": kind, "closing": list(CLOSING)}
    return [row[0] for row in connection.execute(text(sql), values)]


# --- transactions --------------------------------------------------------------------------------------------------

OURS: Schema = {**RECON_COLUMNS, "payee_no": pl.String}
_AMOUNT = (
    "CASE WHEN x.kind = 'SALE' THEN 1 ELSE -1 END * coalesce(x.paid_fen, x.gross_fen - coalesce(x.claimed_fen, 0), 0)"
)
_ITEM = f"""SELECT x.{{key}} AS item_id, x.kind, x.original_key AS original_id, x.clearing_date, x.occurred_at, x.rrn,
  x.terminal_no, x.stan, {_AMOUNT} AS amount_fen, x.card_id, right(x.card_masked, 4) AS card_tail, x.merchant_no,
  x.business_date"""
_OURS = f"""
{_ITEM.format(key="transaction_id")}, r.our_merchant_no AS payee_no
FROM puhui.transaction x
LEFT JOIN puhui.rated r ON r.transaction_id = x.transaction_id AND r.business_date = x.business_date
WHERE x.source = :source AND x.rail = :rail
"""
_THEIRS = f"""
{_ITEM.format(key="item_id")}
FROM puhui.clearing_item x WHERE x.source = :source AND x.rail = :rail
"""
# Taken after the last night that had a clearing file: tonight's, and those of nights whose file was missing.
_FRESH = " AND x.business_date <= :day AND (cast(:after AS date) IS NULL OR x.business_date > :after)"
_OPEN = """ AND x.{key} IN (
  SELECT d.{side} FROM puhui.discrepancy d WHERE d.channel = :channel AND d.kind = ANY (:kinds)
  AND d.business_date >= :since AND d.business_date < :day)
 AND NOT EXISTS (SELECT 1 FROM puhui.recon_match m WHERE m.{side} = x.{key})"""
_CAME = "('ACCEPTED', 'PARTIAL', 'SUPERSET', 'CONFLICT')"


def file_nights(connection: Connection, source: str, day: date) -> tuple[bool, date | None]:
    """(whether a file of the source was taken tonight, the last night before that had one)."""
    sql = f"""SELECT coalesce(bool_or(o.business_date = :day), false) AS tonight,
      max(o.business_date) FILTER (WHERE o.business_date < :day) AS before
      FROM puhui.file f JOIN puhui.file_outcome o USING (file_id)
      WHERE f.source = :source AND o.status IN {_CAME} AND o.business_date <= :day"""
    row = connection.execute(text(sql), {"source": source, "day": day}).one()
    return bool(row[0]), row[1]


def ours_fresh(connection: Connection, source: str, rail: str, after: date | None, day: date) -> pl.DataFrame:
    """Our items (OURS) taken after night `after` (None: ever) up to `day`."""
    values = {"source": source, "rail": rail, "after": after, "day": day}
    return _read(connection, _OURS + _FRESH, OURS, values)


def theirs_fresh(connection: Connection, source: str, rail: str, after: date | None, day: date) -> pl.DataFrame:
    """Their items (the columns of matching.RECON_ITEM) taken after night `after` up to `day`."""
    values = {"source": source, "rail": rail, "after": after, "day": day}
    return _read(connection, _THEIRS + _FRESH, RECON_COLUMNS, values)


def ours_open(
    connection: Connection, source: str, rail: str, channel: str, kinds: Sequence[str], since: date, day: date
) -> pl.DataFrame:
    """Our items (OURS) of discrepancies of these kinds, opened from `since` to before `day`, that have no match."""
    values = {"source": source, "rail": rail, "channel": channel, "kinds": list(kinds), "since": since, "day": day}
    return _read(connection, _OURS + _OPEN.format(key="transaction_id", side="ours_id"), OURS, values)


def theirs_open(
    connection: Connection, source: str, rail: str, channel: str, kinds: Sequence[str], since: date, day: date
) -> pl.DataFrame:
    """Their items, as `ours_open`."""
    values = {"source": source, "rail": rail, "channel": channel, "kinds": list(kinds), "since": since, "day": day}
    return _read(connection, _THEIRS + _OPEN.format(key="item_id", side="theirs_id"), RECON_COLUMNS, values)


PAIR: Schema = {"ours_id": pl.String, "theirs_id": pl.String}


def pairs_of(connection: Connection, side: str, ids: pl.Series) -> pl.DataFrame:
    """Stored matches (PAIR) of the items `ids` of one side; `side`: ours_id or theirs_id."""
    assert side in PAIR, "a side is ours_id or theirs_id"
    intake.wanted(connection, ids.drop_nulls().unique().rename("id"))
    sql = f"SELECT m.ours_id, m.theirs_id FROM puhui.recon_match m JOIN wanted_id w ON w.id = m.{side}"
    return _read(connection, sql, PAIR, {})


# --- findings of rating --------------------------------------------------------------------------------------------

RATED: Schema = {
    "transaction_id": pl.String,
    "source": pl.String,
    "rail": pl.String,
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
_RATED = f"""
SELECT x.transaction_id, x.source, x.rail, x.kind, x.clearing_date, x.occurred_at, coalesce(x.rrn, x.stan) AS reference,
  {_AMOUNT} AS amount_fen, x.claimed_fen, r.overclaimed_fen, r.outcome, r.our_merchant_no AS payee_no
FROM puhui.rated r JOIN puhui.transaction x USING (transaction_id)
WHERE r.business_date = :day AND (r.overclaimed_fen > 0 OR r.outcome = ANY (:outcomes))
"""


def rated_findings(connection: Connection, day: date, outcomes: Sequence[int]) -> pl.DataFrame:
    """Tonight's rated rows (RATED) that were claimed too high, or have one of these outcomes."""
    return _read(connection, _RATED, RATED, {"day": day, "outcomes": list(outcomes)})


def rated_again(connection: Connection, day: date, orphan: int) -> pl.DataFrame:
    """(ours_id, evidence) of transactions that an earlier night found orphaned and tonight did not."""
    sql = """SELECT DISTINCT r.transaction_id AS ours_id, r.sale_id AS evidence FROM puhui.rated r
      JOIN puhui.rated b ON b.transaction_id = r.transaction_id AND b.business_date < r.business_date
        AND b.outcome = :orphan
      WHERE r.business_date = :day AND r.outcome <> :orphan"""
    return _read(connection, sql, SUBJECT, {"day": day, "orphan": orphan})


# --- life ----------------------------------------------------------------------------------------------------------

SUBJECT: Schema = {"ours_id": pl.String, "evidence": pl.String}


def known(connection: Connection, schema: Schema, day: date) -> pl.DataFrame:
    """Discrepancies of earlier nights that may still change (columns of discrepancies.KNOWN).

    Open ones, those that people booked (a late file opens them again), and those that tonight's decisions name.
    """
    sql = f"""SELECT d.*, l.event AS last_event, coalesce(l.seq, 0) AS last_seq FROM puhui.discrepancy d {_LAST}
      WHERE d.business_date < :day AND (coalesce(l.event, '') NOT IN ('auto_closed', 'explained')
        OR d.discrepancy_id IN (SELECT c.subject FROM puhui.decision c WHERE c.business_date = :day))"""
    return _read(connection, sql, schema, {"day": day}).sort("discrepancy_id")


def found_before(connection: Connection, kinds: Sequence[str], ids: pl.Series) -> pl.Series:
    """The ours_id among `ids` that have a discrepancy of one of these kinds already, as kind:ours_id."""
    intake.wanted(connection, ids.drop_nulls().unique().rename("id"))
    sql = """SELECT DISTINCT d.kind || ':' || d.ours_id AS key
      FROM puhui.discrepancy d JOIN wanted_id w ON w.id = d.ours_id
      WHERE d.kind = ANY (:kinds)"""
    return _read(connection, sql, {"key": pl.String}, {"kinds": list(kinds)})["key"]


def decisions(connection: Connection, schema: Schema, day: date, kinds: Sequence[str]) -> pl.DataFrame:
    """People's decisions of these kinds for the night of `day` (columns of discrepancies.DECISION)."""
    sql = "SELECT c.* FROM puhui.decision c WHERE c.business_date = :day AND c.kind = ANY (:kinds)"
    return _read(connection, sql, schema, {"day": day, "kinds": list(kinds)})


def decided_for(connection: Connection, discrepancy_id: str, day: date) -> bool:
    """True where the night of `day` will take a decision about a discrepancy."""
    sql = "SELECT 1 FROM puhui.decision c WHERE c.subject = :id AND c.business_date = :day LIMIT 1"
    return connection.execute(text(sql), {"id": discrepancy_id, "day": day}).first() is not None


# --- money ---------------------------------------------------------------------------------------------------------


def bank_lines(connection: Connection, schema: Schema, day: date) -> pl.DataFrame:
    """Tonight's bank lines, and earlier ones that nobody has explained yet (columns of money.LINE).

    Not lines that a decision took back, nor those that take them back: they stay the difference that they are.
    """
    sql = f"""SELECT b.* FROM puhui.bank_line b WHERE b.business_date = :day
      UNION ALL
      SELECT b.* FROM puhui.bank_line b
      JOIN puhui.discrepancy d ON d.theirs_id = b.line_id AND d.kind IN ('UNKNOWN_CREDIT', 'UNKNOWN_DEBIT') {_LAST}
      WHERE b.business_date < :day AND coalesce(l.event, '') IN ('', 'suspense', 'reopened')
        AND NOT EXISTS (SELECT 1 FROM puhui.money_match m WHERE m.line_id = b.line_id)
        AND NOT EXISTS (SELECT 1 FROM puhui.correction c WHERE c.ends = b.line_id OR (
          c.row_id = b.line_id AND c.version IS NULL))"""
    return _read(connection, sql, schema, {"day": day})


SENT: Schema = {
    "end_to_end_id": pl.String,
    "amount_fen": pl.Int64,
    "result": pl.String,
    "seq": pl.Int64,
    "payee_no": pl.String,
    "execution_date": pl.Date,
    "batch_no": pl.String,
}
_SENT = """
SELECT i.end_to_end_id, i.amount_fen, nullif(r.result, 'unknown') AS result, coalesce(r.seq, 0) AS seq, i.payee_no,
  b.execution_date, i.batch_no
FROM puhui.payout_item i JOIN puhui.payout_batch b USING (batch_no)
LEFT JOIN LATERAL (SELECT q.result, q.seq FROM puhui.payout_result q WHERE q.end_to_end_id = i.end_to_end_id
  ORDER BY q.seq DESC LIMIT 1) r ON true
WHERE EXISTS (SELECT 1 FROM puhui.payout_decision d
              WHERE d.batch_no = i.batch_no AND d.step = 'released' AND d.business_date <= :day)
"""


def sent_named(connection: Connection, ids: pl.Series, day: date) -> pl.DataFrame:
    """Released payout items (SENT) that bank lines name by EndToEndId."""
    intake.wanted(connection, ids.drop_nulls().unique().rename("id"))
    return _read(connection, _SENT + " AND i.end_to_end_id IN (SELECT id FROM wanted_id)", SENT, {"day": day})


def sent_unanswered(connection: Connection, day: date) -> pl.DataFrame:
    """Released payout items (SENT) about which the bank has said nothing yet."""
    return _read(connection, _SENT + " AND coalesce(r.result, 'unknown') = 'unknown'", SENT, {"day": day})


def attempts(connection: Connection, paid: pl.Series) -> pl.DataFrame:
    """(ours_id, evidence): every attempt of what an item of `paid`, the evidence, pays; one may be voided, or dead."""
    intake.wanted(connection, paid.unique().rename("id"))
    sql = """SELECT b.end_to_end_id AS ours_id, i.end_to_end_id AS evidence FROM wanted_id w
      JOIN puhui.payout_item i ON i.end_to_end_id = w.id
      JOIN puhui.payout_item b ON b.statement_no = i.statement_no"""
    return _read(connection, sql, SUBJECT, {})


RELEASED: Schema = {"end_to_end_id": pl.String, "batch_no": pl.String, "amount_fen": pl.Int64}


def released(connection: Connection, ids: pl.Series, batches: pl.Series, day: date) -> pl.DataFrame:
    """Released payout items (RELEASED) among `ids`, and all those of `batches`."""
    intake.wanted(connection, pl.concat([ids, batches]).drop_nulls().unique().rename("id"))
    sql = """SELECT i.end_to_end_id, i.batch_no, i.amount_fen FROM puhui.payout_item i
      WHERE (i.end_to_end_id IN (SELECT id FROM wanted_id) OR i.batch_no IN (SELECT id FROM wanted_id))
        AND EXISTS (SELECT 1 FROM puhui.payout_decision d
                    WHERE d.batch_no = i.batch_no AND d.step = 'released' AND d.business_date <= :day)"""
    return _read(connection, sql, RELEASED, {"day": day})


def answers(connection: Connection, schema: Schema, day: date) -> pl.DataFrame:
    """What tonight's result files say of each item, the last file's word (columns of money.ANSWER)."""
    sql = """SELECT DISTINCT ON (a.end_to_end_id) a.end_to_end_id, a.result, a.reason,
        f.name || ':' || a.record AS evidence, EXISTS (
          SELECT 1 FROM puhui.payout_answer p WHERE p.end_to_end_id = a.end_to_end_id AND p.business_date <= :day
            AND p.file_id < a.file_id AND p.result = 'paid') AS said_paid
      FROM puhui.payout_answer a JOIN puhui.file f USING (file_id)
      WHERE a.business_date = :day ORDER BY a.end_to_end_id, a.file_id DESC"""
    return _read(connection, sql, schema, {"day": day})


DOUBTED: Schema = {"statement_no": pl.String, "discrepancy_id": pl.String}


def doubted(connection: Connection) -> pl.DataFrame:
    """Statements (DOUBTED) of which the bank may have paid an item that it refused: an open difference names it.

    So may an open debit without a number of ours hold one that people, and not the bank, called unpaid; and any debit
    one as whose payment somebody has proposed it.
    """
    sql = f"""SELECT q.statement_no, min(d.discrepancy_id) AS discrepancy_id FROM (
        SELECT d.discrepancy_id, i.statement_no
        FROM puhui.discrepancy d JOIN puhui.payout_item i ON i.end_to_end_id = d.ours_id
        WHERE d.kind IN ('UNKNOWN_DEBIT', 'UNPAID')
        UNION ALL
        SELECT d.discrepancy_id, i.statement_no
        FROM puhui.payout_result r JOIN puhui.payout_item i USING (end_to_end_id)
        JOIN puhui.payout_batch b USING (batch_no)
        JOIN puhui.bank_line k ON k.account = b.account AND k.booking_date >= b.execution_date
          AND -k.amount_fen >= i.amount_fen
        JOIN puhui.discrepancy d ON d.theirs_id = k.line_id AND d.ours_id IS NULL AND d.kind = 'UNKNOWN_DEBIT'
        WHERE r.result = 'unpaid'
        UNION ALL
        SELECT d.discrepancy_id, i.statement_no FROM (
          SELECT DISTINCT ON (1) {ITEM_OF.format("c.subject")} AS item, {LINE_OF.format("c.subject")} AS line_id, c.kind
          FROM puhui.decision c WHERE c.kind = ANY (:kinds) ORDER BY 1, c.decision_id DESC) p
        JOIN puhui.payout_item i ON i.end_to_end_id = p.item
        JOIN puhui.discrepancy d ON d.theirs_id = p.line_id AND d.kind = 'UNKNOWN_DEBIT'
        WHERE p.kind = :propose) q
      JOIN puhui.discrepancy d USING (discrepancy_id) {_LAST}
      WHERE coalesce(l.event, '') <> ALL (:closing)
      GROUP BY q.statement_no"""
    values = {"closing": list(CLOSING), "kinds": PAID.every, "propose": PAID.propose}
    return _read(connection, sql, DOUBTED, values)


ACKNOWLEDGED: Schema = {"batch_no": pl.String, "maker": pl.String, "digest": pl.String}


def acknowledged(connection: Connection, day: date) -> pl.DataFrame:
    """Batches (ACKNOWLEDGED) that tonight's result files answer and of which nobody knew that the bank has them."""
    sql = """SELECT DISTINCT b.batch_no, b.maker, b.digest
      FROM puhui.payout_answer a JOIN puhui.payout_item i USING (end_to_end_id)
      JOIN puhui.payout_batch b USING (batch_no)
      WHERE a.business_date = :day AND NOT EXISTS (
        SELECT 1 FROM puhui.payout_decision d WHERE d.batch_no = b.batch_no AND d.step = 'sent')"""
    return _read(connection, sql, ACKNOWLEDGED, {"day": day}).sort("batch_no")


# --- writing -------------------------------------------------------------------------------------------------------


def store(connection: Connection, frames: Mapping[str, pl.DataFrame]) -> None:
    """Appends frames to the tables of their names; columns that a table does not have are left out."""
    for name, frame in frames.items():
        table = t.metadata.tables[f"puhui.{name}"]
        copy_in(connection, table, frame.select([c.name for c in table.columns]))


def _read(connection: Connection, sql: str, schema: Schema, values: dict[str, Any]) -> pl.DataFrame:
    return copy_out(connection, text(sql).bindparams(**values), schema)
