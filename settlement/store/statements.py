"""Reads of stored statements: for printing, for showing, and for proving their digests."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from settlement.model.errors import NotFound
from settlement.model.frames import INSTANT, Schema
from settlement.store import reference
from settlement.store import tables as t
from settlement.store.copy import copy_out

_FEN = ("subsidy_fen", "merchant_share_fen", "fee_fen", "adjustment_fen", "brought_fen")
HEAD: Schema = {
    "statement_no": pl.String,
    "programme": pl.String,
    "number": pl.Int64,
    "year": pl.Int64,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "business_date": pl.Date,
    "period_from": pl.Date,
    "period_to": pl.Date,
    "due_date": pl.Date,
    **dict.fromkeys([*_FEN, "due_fen", "settled_fen", "carried_fen", "holdback_fen"], pl.Int64),
    "holdback_until": pl.Date,
}
LINE: Schema = {
    "statement_no": pl.String,
    "line": pl.Int64,
    "clearing_date": pl.Date,
    "scheme": pl.String,
    **dict.fromkeys(["sale_count", "sale_fen", "refund_count", "refund_fen", "paid_fen", *_FEN], pl.Int64),
}
AWARD: Schema = {
    "statement_no": pl.String,
    "transaction_id": pl.String,
    "line": pl.Int64,
    "granted_fen": pl.Int64,
    "payable_fen": pl.Int64,
}
HELD: Schema = {
    "statement_no": pl.String,
    "transaction_id": pl.String,
    "line": pl.Int64,
    "reason": pl.String,
    "expected_date": pl.Date,
}
DETAIL: Schema = {
    "transaction_id": pl.String,
    "line": pl.Int64,
    "clearing_date": pl.Date,
    "occurred_at": INSTANT,
    "store": pl.String,
    "terminal_no": pl.String,
    "stan": pl.String,
    "rrn": pl.String,
    "card_masked": pl.String,
    "kind": pl.String,
    "gross_fen": pl.Int64,
    "paid_fen": pl.Int64,
    "subsidy_fen": pl.Int64,
    "scheme": pl.String,
    "version": pl.Int64,
    "original_rrn": pl.String,
    "first_statement": pl.String,
    "undoes": pl.Boolean,
}
_DETAIL = """
SELECT w.transaction_id, w.line, x.clearing_date, x.occurred_at, coalesce(m.name, r.store_no, '') AS store,
  x.terminal_no, x.stan, x.rrn, x.card_masked, x.kind, coalesce(r.gross_fen, x.gross_fen, o.gross_fen, 0) AS gross_fen,
  x.paid_fen, a.granted_fen AS subsidy_fen, a.scheme, a.version, o.rrn AS original_rrn,
  CASE WHEN f.statement_no <> w.statement_no THEN f.statement_no END AS first_statement, a.outcome = 26 AS undoes
FROM puhui.statement_award w
JOIN puhui.award a USING (transaction_id, line)
JOIN puhui.transaction x USING (transaction_id)
LEFT JOIN LATERAL (SELECT q.gross_fen, q.store_no FROM puhui.rated q WHERE q.transaction_id = w.transaction_id
                   ORDER BY q.business_date DESC LIMIT 1) r ON true
LEFT JOIN LATERAL (SELECT s.name FROM puhui.merchant_store s WHERE s.store_no = r.store_no AND s.import_id <= :imports
                   ORDER BY s.import_id DESC LIMIT 1) m ON true
LEFT JOIN puhui.transaction o ON o.transaction_id = x.original_key
LEFT JOIN LATERAL (SELECT v.statement_no FROM puhui.statement_award v WHERE v.transaction_id = a.sale_id
                   AND a.sale_id <> a.transaction_id ORDER BY v.line LIMIT 1) f ON true
WHERE w.statement_no = :statement_no
"""
SHARE: Schema = {
    "transaction_id": pl.String,
    "line": pl.Int64,
    "position": pl.Int64,
    "sponsor": pl.String,
    "amount_fen": pl.Int64,
}
HELD_DETAIL: Schema = {
    "transaction_id": pl.String,
    "clearing_date": pl.Date,
    "rrn": pl.String,
    "scheme": pl.String,
    "subsidy_fen": pl.Int64,
    "reason": pl.String,
    "expected_date": pl.Date,
}
# The item that pays a statement as of the night, and the account of the item that paid this payee before it.
_PAYMENT = """
SELECT i.batch_no, i.end_to_end_id, a.account_masked, a.bank_name, a.name_sealed, h.reason,
  (SELECT q.account_masked FROM puhui.payout_item p JOIN puhui.payout_batch b USING (batch_no)
     JOIN puhui.payee_account q ON q.payee_kind = p.payee_kind AND q.payee_no = p.payee_no
       AND q.import_id = p.account_import_id AND q.valid_from = p.account_valid_from
     WHERE p.payee_kind = s.payee_kind AND p.payee_no = s.payee_no AND b.business_date < s.business_date
       AND (p.account_import_id, p.account_valid_from) <> (i.account_import_id, i.account_valid_from)
       AND NOT EXISTS (SELECT 1 FROM puhui.payout_item n JOIN puhui.payout_batch c USING (batch_no)
         WHERE n.payee_kind = p.payee_kind AND n.payee_no = p.payee_no
           AND c.business_date > b.business_date AND c.business_date < s.business_date)
     ORDER BY b.business_date DESC, p.end_to_end_id LIMIT 1) AS account_before
FROM puhui.statement s
LEFT JOIN puhui.payout_item i ON i.statement_no = s.statement_no AND i.attempt = 1
LEFT JOIN puhui.payee_account a ON a.payee_kind = i.payee_kind AND a.payee_no = i.payee_no
  AND a.import_id = i.account_import_id AND a.valid_from = i.account_valid_from
LEFT JOIN puhui.payout_hold h ON h.statement_no = s.statement_no AND h.business_date = s.business_date
WHERE s.statement_no = :statement_no
"""
LISTED: Schema = {
    "statement_no": pl.String,
    "business_date": pl.Date,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "period_from": pl.Date,
    "period_to": pl.Date,
    "due_date": pl.Date,
    "due_fen": pl.Int64,
    "settled_fen": pl.Int64,
    "carried_fen": pl.Int64,
}
USE: Schema = {
    "scheme": pl.String,
    "sponsor": pl.String,
    "granted_fen": pl.Int64,
    "returned_fen": pl.Int64,
    "settled_fen": pl.Int64,
}
_USE = """
SELECT a.scheme, s.sponsor,
  coalesce(sum(s.amount_fen) FILTER (WHERE a.outcome IN (10, 11)), 0)::bigint AS granted_fen,
  coalesce(-sum(s.amount_fen) FILTER (WHERE a.outcome IN (25, 26)), 0)::bigint AS returned_fen,
  coalesce(sum(s.amount_fen) FILTER (WHERE b.statement_no IS NOT NULL), 0)::bigint AS settled_fen
FROM puhui.award a JOIN puhui.award_share s USING (transaction_id, line)
LEFT JOIN puhui.statement_award w ON w.transaction_id = a.transaction_id AND w.line = a.line
LEFT JOIN puhui.statement b ON b.statement_no = w.statement_no AND b.business_date <= :day
WHERE a.business_date <= :day GROUP BY 1, 2
"""


def _read(connection: Connection, sql: str, schema: Schema, **values: Any) -> pl.DataFrame:
    return copy_out(connection, text(sql).bindparams(**values), schema)


def statement(connection: Connection, statement_no: str) -> dict[str, Any]:
    """The stored row of a statement; NotFound where there is none."""
    query = select(t.statement).where(t.statement.c.statement_no == statement_no)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no statement {statement_no}; `puhui statement list` shows them")
    return dict(row)


def rows_of(connection: Connection, statement_no: str) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(HEAD, LINE, AWARD, HELD) of a statement as stored: what its digest is made of."""
    s, line, held = t.statement.c, t.statement_line.c, t.statement_held.c
    awards = """
    SELECT w.statement_no, w.transaction_id, w.line, a.granted_fen, a.payable_fen
    FROM puhui.statement_award w JOIN puhui.award a USING (transaction_id, line) WHERE w.statement_no = :statement_no
    """
    return (
        copy_out(connection, select(*[s[n] for n in HEAD]).where(s.statement_no == statement_no), HEAD),
        copy_out(connection, select(*[line[n] for n in LINE]).where(line.statement_no == statement_no), LINE),
        _read(connection, awards, AWARD, statement_no=statement_no),
        copy_out(connection, select(*[held[n] for n in HELD]).where(held.statement_no == statement_no), HELD),
    )


def details(connection: Connection, statement_no: str, last_import: int) -> pl.DataFrame:
    """One row per award of a statement (DETAIL), in order of clearing date, time, transaction and line."""
    found = _read(connection, _DETAIL, DETAIL, statement_no=statement_no, imports=last_import)
    return found.sort("clearing_date", "occurred_at", "transaction_id", "line")


def shares(connection: Connection, statement_no: str) -> pl.DataFrame:
    """The sponsors' shares of a statement's awards (SHARE)."""
    sql = """
    SELECT x.transaction_id, x.line, x.position, x.sponsor, x.amount_fen
    FROM puhui.statement_award w JOIN puhui.award_share x USING (transaction_id, line)
    WHERE w.statement_no = :statement_no
    """
    return _read(connection, sql, SHARE, statement_no=statement_no).sort("transaction_id", "line", "position")


def held_details(connection: Connection, statement_no: str) -> pl.DataFrame:
    """What a statement lists as held (HELD_DETAIL), in order of clearing date and transaction."""
    sql = """
    SELECT h.transaction_id, a.clearing_date, x.rrn, a.scheme, a.granted_fen AS subsidy_fen, h.reason, h.expected_date
    FROM puhui.statement_held h JOIN puhui.award a USING (transaction_id, line)
    JOIN puhui.transaction x USING (transaction_id) WHERE h.statement_no = :statement_no
    """
    found = _read(connection, sql, HELD_DETAIL, statement_no=statement_no)
    return found.sort("clearing_date", "transaction_id", "scheme")


def payment(connection: Connection, statement_no: str) -> dict[str, Any]:
    """How a statement is paid: batch, item, masked account, bank, sealed name; or the reason why not (nulls else)."""
    return dict(connection.execute(text(_PAYMENT), {"statement_no": statement_no}).mappings().one())


def payee_name(connection: Connection, payee_no: str, last_import: int) -> str | None:
    """The name of a merchant; None where it is not in the directory."""
    m = reference.current(t.merchant, reference.KEYS[t.merchant], last_import).subquery().c
    return connection.execute(select(m.name).where(m.merchant_no == payee_no)).scalar_one_or_none()


def listed(connection: Connection, first: date, last: date) -> pl.DataFrame:
    """Statements of a span of business dates (LISTED), in order of number."""
    s = t.statement.c
    query = select(*[s[name] for name in LISTED]).where(s.business_date.between(first, last))
    return copy_out(connection, query, LISTED).sort("business_date", "statement_no")


def scheme_titles(connection: Connection, programme: str, last_import: int) -> dict[str, str]:
    """Scheme code to the title of its highest version."""
    s = reference.current(t.scheme_text, reference.KEYS[t.scheme_text], last_import).subquery().c
    query = select(s.scheme, s.title).where(s.programme == programme).order_by(s.scheme, s.version)
    return {row[0]: row[1] for row in connection.execute(query)}


def use_of_schemes(connection: Connection, day: date) -> pl.DataFrame:
    """Per scheme and sponsor what was granted, given back and put on statements up to `day` (USE)."""
    return _read(connection, _USE, USE, day=day).sort("scheme", "sponsor")


def pool_use(connection: Connection, day: date) -> list[tuple[str, date | None, int]]:
    """(pool, start of the window, fen) of each pool without keys, its newest window as of `day`."""
    u = t.STATE_TABLES["usage"].c
    nobody = [u[key].is_(None) | (u[key] == "") for key in ("member_no", "merchant_no", "district", "org")]
    query = (
        select(u.name, u.window_start, u.used)
        .ext(distinct_on(u.name))
        .where(u.scheme == "", u.measure == "amount", u.business_date <= day, u.window_start <= day, *nobody)
        .order_by(u.name, u.window_start.desc(), u.business_date.desc())
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


PERSON: Schema = {
    "member_no": pl.String,
    "org": pl.String,
    "district": pl.String,
    "name_sealed": pl.String,
    "id_sealed": pl.String,
}


def persons(connection: Connection, numbers: list[str], last_import: int) -> pl.DataFrame:
    """Roster rows of those members (PERSON), names and identity numbers sealed."""
    m = reference.current(t.member, reference.KEYS[t.member], last_import).subquery()
    query = select(*[m.c[name] for name in PERSON]).where(m.c.member_no.in_(numbers))
    return copy_out(connection, query, PERSON).sort("member_no")


def organisation_names(connection: Connection, last_import: int) -> dict[str, str]:
    """Code of an organisation to its name."""
    o = reference.current(t.organisation, reference.KEYS[t.organisation], last_import).subquery().c
    return {row[0]: row[1] for row in connection.execute(select(o.org, o.name))}


def schemes_of_items(connection: Connection, business_date: date) -> dict[str, list[str]]:
    """EndToEndId of members' items drafted on a business date to the schemes on their statements, in order."""
    sql = """
    SELECT DISTINCT i.end_to_end_id, l.scheme FROM puhui.payout_item i JOIN puhui.payout_batch b USING (batch_no)
    JOIN puhui.statement_line l USING (statement_no)
    WHERE b.business_date = :day AND i.payee_kind = 'member' AND l.scheme IS NOT NULL ORDER BY 1, 2
    """
    found: dict[str, list[str]] = {}
    for item, scheme in connection.execute(text(sql), {"day": business_date}):
        found.setdefault(item, []).append(scheme)
    return found
