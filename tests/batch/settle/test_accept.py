"""What the night takes of an account statement: all of it or nothing."""

from __future__ import annotations

import polars as pl
import pytest

from adapters.base import Closing
from batch import accept
from settlement.model.frames import STATEMENT_LINE
from tests.batch.settle.books import THU, Books


def taken(books: Books, *notes: str) -> accept.Outcome:
    """A statement of one line that adds up and goes on from the opening of the account."""
    row = dict.fromkeys(STATEMENT_LINE) | {"statement": "S1", "account": books.run.config.accounts[0].number}
    row |= {"currency": "CNY", "opening_fen": 1_000_000, "closing_fen": 1_000_100, "amount_fen": 100, "line": 1}
    row |= {"booking_date": THU, "reversal": False, "record": 1, "byte_start": 0, "byte_end": 1, "file": "f"}
    frame = pl.DataFrame([row], schema=STATEMENT_LINE)
    source = next(s for s in books.run.config.sources if s.role == "statement")
    file_id = books.file(THU, "bank", 1)
    closing = Closing(1, 1, 0, notes=notes)
    return books.do(lambda c: accept.statements(c, books.run, source, file_id, frame, closing))


def test_a_statement_that_adds_up_is_taken(books: Books) -> None:
    books.begin(THU)
    assert taken(books, "DETAIL_DIFFERS: a note that people read").status == "ACCEPTED"
    assert books.rows("SELECT count(*) FROM puhui.bank_line") == [(1,)]


@pytest.mark.parametrize("code", ["TOTAL_MISMATCH", "COUNT_MISMATCH", "NO_LAST_LINE_END", "BALANCE_DIFFERENCE"])
def test_one_that_its_own_totals_contradict_is_not(books: Books, code: str) -> None:
    books.begin(THU)
    outcome = taken(books, f"{code}: why")
    assert (outcome.status, outcome.code, outcome.message) == ("REJECTED", "BALANCE", f"{code}: why")
    assert books.rows("SELECT count(*) FROM puhui.bank_line") == [(0,)]
