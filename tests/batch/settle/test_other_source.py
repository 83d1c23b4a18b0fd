"""Which rows of one source are another source's too, by the SQL that asks a real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from settlement.model.frames import INSTANT
from settlement.store import intake
from settlement.store import tables as t
from tests.batch.settle.books import SAT, SUN, THU, at

SALE = {"kind": "SALE", "rrn": "612700000001", "terminal_no": "50000050", "gross_fen": 1670, "paid_fen": 1500}
OF_CARDS = {"transaction_id": "smk:K1", "source": "smk", "occurred_at": at(SAT, 8)}


def stored(books, **more):
    """A row of `pos`; its key is another one unless `transaction_id` says otherwise."""
    fact = {"transaction_id": "pos:P1", "source": "pos", "clearing_date": SAT, "rail": "pos", "currency": "CNY"}
    fact |= {"occurred_at": at(SAT, 8), "file_id": books.file(SAT, "pos", 1), "record": 1, "business_date": SAT}
    books.put(t.transaction, fact | {"byte_start": 0, "byte_end": 1} | SALE | more)


def asked(books, **more):
    schema = {"occurred_at": INSTANT, "gross_fen": pl.Int64, "paid_fen": pl.Int64, "rrn": pl.String}
    frame = pl.DataFrame([OF_CARDS | SALE | more], schema_overrides=schema | {"terminal_no": pl.String})
    return books.do(lambda c: intake.under_another_source(c, frame))["twin"].to_list()


@pytest.mark.parametrize(
    ("stands", "comes", "twin"),
    [
        ({}, {}, True),
        ({"gross_fen": 1, "paid_fen": 1500}, {}, True),
        ({}, {"paid_fen": None, "gross_fen": 1670}, True),
        ({"gross_fen": 1, "paid_fen": 2}, {}, False),
        ({}, {"terminal_no": "50000051"}, False),
        ({"terminal_no": None}, {"terminal_no": None}, False),
        ({"rrn": None}, {"rrn": None}, False),
        ({"rrn": "000000000000"}, {"rrn": "000000000000"}, False),
        ({"rrn": ""}, {"rrn": ""}, False),
        ({}, {"kind": "REFUND"}, False),
        ({}, {"occurred_at": at(SAT, 8) + timedelta(days=1)}, False),
        ({}, {"occurred_at": at(SAT, 8) + timedelta(days=1, microseconds=-1)}, True),
        ({}, {"occurred_at": at(SAT, 8) - timedelta(days=1, microseconds=-1)}, True),
        # a night that was run late takes newer sales under an older date
        ({"business_date": THU}, {}, True),
        ({"business_date": SUN}, {}, True),
        # the natural key, where there is no RRN
        ({"transaction_id": "pos:K1", "rrn": None}, {"rrn": None}, True),
        ({"transaction_id": "pos:K1~2", "rrn": None}, {"rrn": None}, True),
        ({"transaction_id": "pos:K1", "rrn": None}, {"rrn": None, "kind": "VOID"}, False),
        ({"transaction_id": "smk:K9", "source": "smk"}, {}, False),
    ],
)
def test_what_another_source_has_brought(books, stands, comes, twin):
    stored(books, **stands)
    name = stands.get("transaction_id", "pos:P1")
    assert asked(books, **comes) == ([name] if twin else [])


def test_a_row_that_a_decision_took_back_is_nobodys(books):
    stored(books)
    stored(books, transaction_id="pos:P1~undone", kind="REVERSAL")
    decision = {"decision_id": 900, "business_date": SAT, "at": at(SAT), "actor": "wang", "kind": "take_file"}
    books.put(t.decision, decision | {"subject": "1", "reason": "letter"})
    mark = {"row_id": "pos:P1~undone", "base_id": "pos:P1", "ends": "pos:P1", "decision_id": 900}
    books.put(t.correction, mark | {"business_date": SAT})
    assert asked(books) == []
    assert asked(books, kind="REVERSAL") == []
