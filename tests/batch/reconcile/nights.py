"""Rows that the steps before reconcile would have written, and the step itself."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from batch.steps.reconcile import reconcile
from settlement.store import reconcile as rows
from settlement.store import tables as t
from tests.batch.settle.books import Books, at


def theirs(books: Books, day: date, *items: tuple[str, int] | dict[str, Any]) -> None:
    """The acquirer's file of a night: (rrn, fen) or whole rows; a file without items is a file too."""
    file_id = books.file(day, "unionpay", len(items))
    base = {"source": "unionpay", "occurred_at": at(day, 8), "rail": "pos", "clearing_date": day, "currency": "CNY"}
    base |= {"file_id": file_id, "record": 1, "byte_start": 0, "byte_end": 1, "business_date": day}
    base |= {"original_key": None}
    for given in items:
        row = given if isinstance(given, dict) else {"rrn": given[0], "paid_fen": given[1], "kind": "SALE"}
        books.put(t.clearing_item, base | {"item_id": f"u:{row['rrn']}:{row['kind']}"} | row)


def run(books: Books) -> dict[str, Any]:
    """The step of the night that began."""
    return books.do(lambda c: reconcile(c, books.run))


def night(books: Books, day: date, *items: tuple[str, int] | dict[str, Any]) -> dict[str, Any]:
    """A night with a clearing file of these items."""
    theirs(books, day, *items)
    return run(books)


def due(books: Books, *names: str, **more: Any) -> dict[str, tuple[bool, str | None]]:
    """due_state of transactions, by name."""
    found = books.do(lambda c: rows.due_state(c, pl.Series("id", names, dtype=pl.String), **more))
    return {row[0]: (row[1], row[2]) for row in found.iter_rows()}


def decide(books: Books, day: date, kind: str, subject: str, **more: Any) -> None:
    number = books.rows("SELECT coalesce(max(decision_id), 0) + 1 FROM puhui.decision")[0][0]
    row = {"decision_id": number, "business_date": day, "at": at(day), "actor": "wang", "kind": kind}
    books.put(t.decision, row | {"subject": subject, "reason": "letter"} | more)


def discrepancies(books: Books) -> list[tuple[Any, ...]]:
    """(id, kind, ours, theirs, last event) in order."""
    return books.rows(
        "SELECT d.discrepancy_id, d.kind, d.ours_id, d.theirs_id, (SELECT e.event FROM puhui.discrepancy_event e"
        " WHERE e.discrepancy_id = d.discrepancy_id ORDER BY e.seq DESC LIMIT 1)"
        " FROM puhui.discrepancy d ORDER BY 1"
    )


def bank(books: Books, day: date, *lines: tuple[int, dict[str, Any]]) -> None:
    """The bank's statement of a day and its lines (fen, more columns), as ingest stores them."""
    identity, file_id = f"main:{day}", books.file(day, "bank", len(lines))
    opening, books.closing = books.closing, books.closing + sum(fen for fen, _ in lines)
    head = {"statement_id": identity, "account": "main", "file_id": file_id, "business_date": day}
    amounts = {"opening_fen": opening, "closing_fen": books.closing, "currency": "CNY", "statement_date": day}
    books.put(t.bank_statement, head | amounts)
    for number, (fen, more) in enumerate(lines, 1):
        line = {"line_id": f"{identity}/{number}", "line": number, "booking_date": day, "amount_fen": fen}
        books.put(t.bank_line, head | line | {"reversal": False} | more)
