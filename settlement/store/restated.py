"""Lines of account statements that a decision took back or added (batch/restated.py): rows of `correction`.

`row_id` is the line in `bank_line`, `base_id` the statement that it is of, `version` the number of that one's version;
a line that takes another back has no version, and `ends` is the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, text

from settlement.model.frames import DECIDED_LINE, Schema
from settlement.store import tables as t
from settlement.store.copy import copy_out

CHANGE: Schema = {"brought_by": pl.String, "statement_id": pl.String, "amount_fen": pl.Int64}


def changes(connection: Connection, account: str) -> dict[str, dict[str, int]]:
    """By the statement that holds a difference: what it moves (fen) in each statement that it restates."""
    sql = """SELECT b.statement_id AS brought_by, k.base_id AS statement_id, sum(b.amount_fen)::bigint AS amount_fen
      FROM puhui.correction k JOIN puhui.bank_line b ON b.line_id = k.row_id WHERE b.account = :account
        AND k.base_id <> b.statement_id GROUP BY 1, 2"""
    found: dict[str, dict[str, int]] = {}
    for by, name, fen in copy_out(connection, text(sql).bindparams(account=account), CHANGE).iter_rows():
        found.setdefault(by, {})[name] = fen
    return found


def versions(connection: Connection, statements: Sequence[str]) -> dict[str, int]:
    """The last version of those of these statements that have one."""
    sql = """SELECT base_id, max(version) FROM puhui.correction WHERE base_id = ANY (:names) AND version IS NOT NULL
      GROUP BY 1"""
    return {row[0]: int(row[1]) for row in connection.execute(text(sql), {"names": list(statements)})}


# What a night made of a bank line; null: nothing yet, or a difference.
NAMED: Schema = {"line_id": pl.String, "kind": pl.String, "subject": pl.String}


def named(connection: Connection, lines: Sequence[str]) -> pl.DataFrame:
    """NAMED of bank lines."""
    sql = "SELECT m.line_id, m.kind, m.subject FROM puhui.money_match m WHERE m.line_id = ANY (:lines)"
    return copy_out(connection, text(sql).bindparams(lines=list(lines)), NAMED)


def lines(connection: Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of `bank_line`."""
    sql = "SELECT b.* FROM puhui.bank_line b WHERE b.line_id = ANY (:ids)"
    columns = [column.name for column in t.bank_line.columns]
    found = connection.execute(text(sql), {"ids": list(ids)}).mappings()
    return [{name: row[name] for name in columns} for row in found]


def unmarked(connection: Connection, file_id: int, business_date: date) -> pl.DataFrame:
    """(line_id, statement_id) of the lines that a file brought in a night and that no row tells a decision's."""
    sql = """SELECT b.line_id, b.statement_id FROM puhui.bank_line b WHERE b.file_id = :file AND b.business_date = :day
      AND NOT EXISTS (SELECT 1 FROM puhui.correction k WHERE k.row_id = b.line_id) ORDER BY b.statement_id, b.line"""
    query = text(sql).bindparams(file=file_id, day=business_date)
    return copy_out(connection, query, {"line_id": pl.String, "statement_id": pl.String})


def booked(connection: Connection, decision_id: int) -> list[dict[str, Any]]:
    """Rows of `bank_line` that a decision brought, in order, each with `ends`: the line that it takes back, or null."""
    sql = """SELECT b.*, k.ends FROM puhui.correction k JOIN puhui.bank_line b ON b.line_id = k.row_id
      WHERE k.decision_id = :decision ORDER BY b.account, b.statement_id, b.line"""
    return [dict(row) for row in connection.execute(text(sql), {"decision": decision_id}).mappings()]


def tonight(connection: Connection, day: date) -> pl.DataFrame:
    """The bank lines that decisions brought in a night (DECIDED_LINE), in order."""
    sql = """SELECT b.line_id, b.statement_id, b.end_to_end_id, b.amount_fen, k.ends AS was_id, m.kind, m.subject,
        m.reason, EXISTS (SELECT 1 FROM puhui.payout_result r WHERE r.end_to_end_id = m.subject
          AND r.result = 'returned' AND r.business_date >= m.business_date) AS returned
      FROM puhui.bank_line b JOIN puhui.correction k ON k.row_id = b.line_id
      LEFT JOIN puhui.money_match m ON m.line_id = k.ends
      WHERE b.business_date = :day ORDER BY b.statement_id, b.line"""
    return copy_out(connection, text(sql).bindparams(day=day), DECIDED_LINE)


def waiting_since(connection: Connection, file_id: int) -> list[str]:
    """Names of files of the delivery's source that came later or are of a later day, and were refused as GAP.

    A bank mostly sends the next day first, and the restated one once it is asked. Not one that was taken since, as its
    name or its bytes tell.
    """
    sql = """SELECT f.name FROM puhui.file f JOIN puhui.file_outcome o USING (file_id)
      JOIN (puhui.file this JOIN puhui.file_outcome was USING (file_id))
        ON this.source = f.source AND this.file_id = :file_id
      WHERE (f.file_id > :file_id OR o.clearing_date > was.clearing_date) AND o.code = 'GAP' AND NOT EXISTS (
        SELECT 1 FROM puhui.file g JOIN puhui.file_outcome p USING (file_id)
        WHERE g.source = f.source AND p.status <> 'REJECTED'
          AND (g.sha256 = f.sha256 OR (g.name = f.name AND g.file_id > f.file_id)))
      GROUP BY f.name ORDER BY min(f.file_id)"""
    return [row[0] for row in connection.execute(text(sql), {"file_id": file_id})]
