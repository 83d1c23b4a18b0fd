"""What the reports of reconciliation read, as of the end of a business date: later nights change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, text

from settlement.model.frames import Schema
from settlement.store.copy import copy_out
from settlement.store.reconcile import CLOSING

_CLOSING = "(" + ", ".join(f"'{event}'" for event in CLOSING) + ")"
# The last event of discrepancy d up to :day.
_LAST = """
LEFT JOIN LATERAL (SELECT e.* FROM puhui.discrepancy_event e
  WHERE e.discrepancy_id = d.discrepancy_id AND e.business_date <= :day ORDER BY e.seq DESC LIMIT 1) l ON true
"""
_AMOUNT = (
    "(CASE WHEN x.kind = 'SALE' THEN 1 ELSE -1 END * coalesce(x.paid_fen, x.gross_fen - coalesce(x.claimed_fen, 0), 0))"
)
# Of one side: all items taken after night :after up to :day, those with a pair, those that are a discrepancy.
_SIDE = f"""
SELECT count(*) AS items, coalesce(sum(q.fen), 0)::bigint AS fen,
  coalesce(sum(q.fen) FILTER (WHERE q.paired), 0)::bigint AS paired_fen,
  coalesce(sum(q.fen) FILTER (WHERE q.named AND NOT q.paired), 0)::bigint AS named_fen
FROM (
  SELECT {_AMOUNT} AS fen, m.{{side}} IS NOT NULL AS paired, n.id IS NOT NULL AS named
  FROM puhui.{{table}} x
  LEFT JOIN puhui.recon_match m ON m.{{side}} = x.{{key}} AND m.business_date <= :day
  LEFT JOIN (SELECT DISTINCT d.{{side}} AS id FROM puhui.discrepancy d
             WHERE d.business_date = :day AND d.channel = :channel AND d.kind IN
               ('OURS_ONLY', 'THEIRS_ONLY', 'STATUS_MISMATCH', 'AMBIGUOUS', 'DUPLICATE')) n ON n.id = x.{{key}}
  WHERE x.source = :source AND x.rail = :rail AND x.business_date <= :day
    AND (cast(:after AS date) IS NULL OR x.business_date > :after)) q
"""
_SIDES = {
    "ours": _SIDE.format(side="ours_id", key="transaction_id", table="transaction"),
    "theirs": _SIDE.format(side="theirs_id", key="item_id", table="clearing_item"),
}


def side(
    connection: Connection, which: str, source: str, rail: str, channel: str, after: date | None, day: date
) -> Mapping[str, int]:
    """items, fen, paired_fen, named_fen of one side (ours, theirs) of a channel's night."""
    values = {"source": source, "rail": rail, "channel": channel, "after": after, "day": day}
    return {k: int(v) for k, v in connection.execute(text(_SIDES[which]), values).mappings().one().items()}


def balanced(connection: Connection, channel: str, day: date) -> tuple[int, int]:
    """(count, fen as we have it) of the pairs of tonight that agree."""
    sql = f"""SELECT count(*), coalesce(sum({_AMOUNT}), 0)::bigint FROM puhui.recon_match m
      JOIN puhui.transaction x ON x.transaction_id = m.ours_id
      WHERE m.channel = :channel AND m.business_date = :day AND m.result = 'BALANCED'"""
    row = connection.execute(text(sql), {"channel": channel, "day": day}).one()
    return int(row[0]), int(row[1])


def file_names(connection: Connection, source: str, day: date) -> list[str]:
    """Names of the source's files of a night, in order of arrival."""
    sql = "SELECT f.name FROM puhui.file f WHERE f.source = :source AND f.business_date = :day ORDER BY f.file_id"
    return [row[0] for row in connection.execute(text(sql), {"source": source, "day": day})]


def doubled_rows(connection: Connection, source: str, rail: str, day: date) -> int:
    """Rows of our feed that ingest refused tonight as taken before; their message begins with the transaction."""
    sql = """SELECT count(*) FROM puhui.file_reject r JOIN puhui.file f USING (file_id)
      JOIN puhui.transaction x ON x.transaction_id = split_part(r.message, ' ', 1)
      WHERE r.code = 'DUPLICATE_ROW' AND f.source = :source AND f.business_date = :day AND x.rail = :rail"""
    return int(connection.execute(text(sql), {"source": source, "rail": rail, "day": day}).scalar_one())


KIND: Schema = {
    "channel": pl.String,
    "kind": pl.String,
    "count": pl.Int64,
    "ours_fen": pl.Int64,
    "theirs_fen": pl.Int64,
    "difference_fen": pl.Int64,
}


def opened(connection: Connection, day: date) -> pl.DataFrame:
    """Discrepancies that a night opened, summed by channel and kind (KIND)."""
    sql = """SELECT d.channel, d.kind, count(*) AS count, coalesce(sum(d.ours_fen), 0)::bigint AS ours_fen,
      coalesce(sum(d.theirs_fen), 0)::bigint AS theirs_fen, sum(d.difference_fen)::bigint AS difference_fen
      FROM puhui.discrepancy d WHERE d.business_date = :day GROUP BY 1, 2"""
    return _read(connection, sql, KIND, {"day": day}).sort("channel", "kind")


BRIDGE: Schema = {
    "channel": pl.String,
    "opening": pl.Int64,
    "opening_fen": pl.Int64,
    "new": pl.Int64,
    "new_fen": pl.Int64,
    "closed": pl.Int64,
    "closed_fen": pl.Int64,
    "closing": pl.Int64,
    "closing_fen": pl.Int64,
    "suspense": pl.Int64,
    "suspense_fen": pl.Int64,
}
# Opening and closing are states, new and closed are rows of the night: that they agree is what the bridge proves.
_BRIDGE = f"""
WITH state AS (
  SELECT d.channel, d.discrepancy_id, d.difference_fen AS fen, d.business_date = :day AS is_new,
    d.business_date < :day AND coalesce(b.event, '') NOT IN {_CLOSING} AS was_open,
    coalesce(l.event, '') NOT IN {_CLOSING} AS is_open, l.event = 'suspense' AS is_suspense
  FROM puhui.discrepancy d {_LAST}
  LEFT JOIN LATERAL (SELECT e.event FROM puhui.discrepancy_event e
    WHERE e.discrepancy_id = d.discrepancy_id AND e.business_date < :day ORDER BY e.seq DESC LIMIT 1) b ON true
  WHERE d.business_date <= :day),
told AS (
  SELECT s.channel, s.fen, e.event IN {_CLOSING} AS closes, e.event = 'reopened' AS opens
  FROM puhui.discrepancy_event e JOIN state s USING (discrepancy_id) WHERE e.business_date = :day)
SELECT s.channel, s.opening, s.opening_fen, s.fresh + coalesce(v.reopened, 0) AS new,
  s.fresh_fen + coalesce(v.reopened_fen, 0) AS new_fen, coalesce(v.closed, 0) AS closed,
  coalesce(v.closed_fen, 0) AS closed_fen, s.closing, s.closing_fen, s.suspense, s.suspense_fen
FROM (SELECT channel, count(*) FILTER (WHERE was_open) AS opening,
        coalesce(sum(fen) FILTER (WHERE was_open), 0)::bigint AS opening_fen,
        count(*) FILTER (WHERE is_new) AS fresh, coalesce(sum(fen) FILTER (WHERE is_new), 0)::bigint AS fresh_fen,
        count(*) FILTER (WHERE is_open) AS closing,
        coalesce(sum(fen) FILTER (WHERE is_open), 0)::bigint AS closing_fen,
        count(*) FILTER (WHERE is_suspense) AS suspense,
        coalesce(sum(fen) FILTER (WHERE is_suspense), 0)::bigint AS suspense_fen
      FROM state GROUP BY 1) s
LEFT JOIN (SELECT channel, count(*) FILTER (WHERE closes) AS closed,
             coalesce(sum(fen) FILTER (WHERE closes), 0)::bigint AS closed_fen,
             count(*) FILTER (WHERE opens) AS reopened,
             coalesce(sum(fen) FILTER (WHERE opens), 0)::bigint AS reopened_fen
           FROM told GROUP BY 1) v USING (channel)
"""


def bridge(connection: Connection, day: date) -> pl.DataFrame:
    """Open discrepancies before and after a night and what changed, by channel or account (BRIDGE)."""
    return _read(connection, _BRIDGE, BRIDGE, {"day": day}).sort("channel")


DETAIL: Schema = {
    "discrepancy_id": pl.String,
    "business_date": pl.Date,
    "kind": pl.String,
    "channel": pl.String,
    "clearing_date": pl.Date,
    "occurred_at": pl.Datetime("us", "UTC"),
    "reference": pl.String,
    "ours_id": pl.String,
    "theirs_id": pl.String,
    "ours_fen": pl.Int64,
    "theirs_fen": pl.Int64,
    "difference_fen": pl.Int64,
    "ours_status": pl.String,
    "theirs_status": pl.String,
    "detail": pl.String,
    "event": pl.String,
    "actor": pl.String,
    "checker": pl.String,
    "event_date": pl.Date,
    "reason": pl.String,
}
_DETAIL = f"""
SELECT d.*, l.event, l.actor, l.checker, l.business_date AS event_date, l.reason
FROM puhui.discrepancy d {_LAST} WHERE d.business_date <= :day
"""
_SHOWN = f" AND (coalesce(l.event, '') NOT IN {_CLOSING} OR l.business_date = :day)"


def details(connection: Connection, day: date, *, all_of_night: bool = False) -> pl.DataFrame:
    """Discrepancies (DETAIL) that are open at the end of `day` or were closed on it; or all that the night opened."""
    more = " AND d.business_date = :day" if all_of_night else _SHOWN
    return _read(connection, _DETAIL + more, DETAIL, {"day": day}).sort("discrepancy_id")


def detail(connection: Connection, discrepancy_id: str, day: date) -> pl.DataFrame:
    """One discrepancy (DETAIL, no row where there is none) as of `day`."""
    return _read(connection, _DETAIL + " AND d.discrepancy_id = :id", DETAIL, {"day": day, "id": discrepancy_id})


EVENT: Schema = {
    "seq": pl.Int64,
    "business_date": pl.Date,
    "event": pl.String,
    "actor": pl.String,
    "checker": pl.String,
    "reason": pl.String,
    "evidence": pl.String,
}


def events(connection: Connection, discrepancy_id: str) -> pl.DataFrame:
    """The life of one discrepancy (EVENT), in order."""
    sql = "SELECT e.* FROM puhui.discrepancy_event e WHERE e.discrepancy_id = :id"
    return _read(connection, sql, EVENT, {"id": discrepancy_id}).sort("seq")


def last_close(connection: Connection, day: date) -> tuple[date, str] | None:
    """(business date, digest) of the last close record before `day`; None before the first."""
    sql = "SELECT business_date, digest FROM puhui.close_record WHERE business_date < :day ORDER BY 1 DESC LIMIT 1"
    row = connection.execute(text(sql), {"day": day}).one_or_none()
    return (row[0], row[1]) if row else None


# --- balance -------------------------------------------------------------------------------------------------------

ITEM: Schema = {"day": pl.Date, "reference": pl.String, "summary": pl.String, "amount_fen": pl.Int64}
# Bank lines that the ledger has not booked; credit positive.
_BANK_ONLY = """
SELECT l.booking_date AS day, l.line_id AS reference, coalesce(l.remittance, l.reference, '') AS summary, l.amount_fen
FROM puhui.bank_line l WHERE l.account = :account AND l.business_date <= :day AND l.amount_fen <> 0
  AND NOT EXISTS (SELECT 1 FROM puhui.entry e WHERE e.entry_key = 'bank:' || l.line_id AND e.business_date <= :day)
"""
# Ledger lines on the bank account that no bank line made (the opening balance is the statement's too); debit positive.
_LEDGER_ONLY = """
SELECT e.business_date AS day, e.entry_id::text AS reference, e.summary, sum(l.amount_fen)::bigint AS amount_fen
FROM puhui.entry e JOIN puhui.entry_line l USING (entry_id)
WHERE l.account = :ledger_account AND e.business_date <= :day AND e.event <> 'opening'
  AND NOT EXISTS (SELECT 1 FROM puhui.bank_line b
                  WHERE e.entry_key = 'bank:' || b.line_id AND b.account = :account AND b.business_date <= :day)
GROUP BY e.entry_id, e.business_date, e.summary HAVING sum(l.amount_fen) <> 0
"""


def bank_only(connection: Connection, account: str, day: date) -> pl.DataFrame:
    """What the statement has and the ledger has not (ITEM)."""
    return _read(connection, _BANK_ONLY, ITEM, {"account": account, "day": day}).sort("day", "reference")


def ledger_only(connection: Connection, account: str, ledger_account: str, day: date) -> pl.DataFrame:
    """What the ledger has and no statement shows (ITEM)."""
    values = {"account": account, "ledger_account": ledger_account, "day": day}
    return _read(connection, _LEDGER_ONLY, ITEM, values).sort("day", "reference")


def in_transit(connection: Connection, day: date) -> tuple[int, int]:
    """(count, fen) of payouts that left and of which the bank has said nothing by the end of `day`, or took it back."""
    sql = """SELECT count(*), coalesce(sum(i.amount_fen), 0)::bigint FROM puhui.payout_item i
      JOIN puhui.payout_decision d ON d.batch_no = i.batch_no AND d.step = 'released' AND d.business_date <= :day
      LEFT JOIN LATERAL (SELECT r.result FROM puhui.payout_result r WHERE r.end_to_end_id = i.end_to_end_id
        AND r.business_date <= :day ORDER BY r.seq DESC LIMIT 1) q ON true
      WHERE coalesce(q.result, 'unknown') = 'unknown'"""
    row = connection.execute(text(sql), {"day": day}).one()
    return int(row[0]), int(row[1])


def _read(connection: Connection, sql: str, schema: Schema, values: dict[str, Any]) -> pl.DataFrame:
    return copy_out(connection, text(sql).bindparams(**values), schema)
