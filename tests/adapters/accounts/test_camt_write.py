"""The writer of camt.053: valid by the schema, the same bytes for the same rows, and read back as written."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from accounts_support import SAMPLES, adapter, context, needs_samples, read
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from settlement.model.errors import BadInput
from settlement.model.frames import STATEMENT_LINE

SETTINGS = {"message_id": "SZB-20260507-1", "created_at": "2026-05-08T01:00:00+08:00"}
PLACE = ("file", "record", "byte_start", "byte_end")


def lines(*amounts: int, opening: int = 1000, **columns: Any) -> pl.DataFrame:
    """One statement of these amounts; `columns` are put on every row."""
    rows = [
        {
            "statement": "SZB20260507",
            "account": "0003220001",
            "currency": "CNY",
            "opening_fen": opening,
            "closing_fen": opening + sum(amounts),
            "line": number,
            "booking_date": date(2026, 5, 7),
            "value_date": date(2026, 5, 7),
            "amount_fen": amount,
            "reversal": False,
            "reference": f"R{number}",
            "file": "f",
            "record": number,
        }
        | columns
        for number, amount in enumerate(amounts, 1)
    ]
    return pl.DataFrame(rows, schema=STATEMENT_LINE)


def write(frame: pl.DataFrame, **more: Any) -> bytes:
    writer = adapter("camt053").write
    assert writer is not None
    return writer(frame, context(**(SETTINGS | more)))


@needs_samples
def test_what_is_written_is_valid_by_the_schema() -> None:
    schema = etree.XMLSchema(etree.parse(next(SAMPLES.glob("xsd/*/camt.053.001.08.xsd"))))
    frame = pl.concat(
        [
            lines(
                500,
                -200,
                end_to_end_id="E1",
                counterparty_name="甲",
                counterparty_account="0012",
                remittance="补贴 <&>",
            ),
            lines(300, statement="S2", account="NL26VAYB8060476890", bank_code="PMNT-RCDT-DMCT", currency="CNY"),
            lines(700, statement="S3", reversal=True, remittance="/RTRN/AC04 账户已销/ " + "长" * 300, bank_code="544"),
            lines(0, statement="S4", remittance="/RTRN/OWNCODE1/").with_columns(pl.lit(None, pl.Int64).alias("line")),
        ]
    )
    schema.assertValid(etree.fromstring(write(frame)))


def test_a_returned_payout_comes_back_as_one() -> None:
    frame = lines(
        700,
        end_to_end_id="SZ-2026-000001/1",
        reversal=True,
        counterparty_name="甲",
        counterparty_account="0012",
        remittance="/RTRN/AC04 账户已销/ 补贴",
        bank_code="PMNT-RCDT-RRTN",
    )
    back = read("camt053", write(frame))[0]
    assert back.drop(PLACE).equals(frame.drop(PLACE))


def test_row_order_does_not_reach_the_file() -> None:
    frame = lines(1, 2, 3, 4)
    assert write(frame) == write(frame.reverse())


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"statement": "S" * 36}, "Id needs 1 to 35 characters"),
        ({"reference": "R" * 36}, "AcctSvcrRef needs 1 to 35"),
        ({"remittance": "\x01"}, "Ustrd holds a control character"),
        ({"opening_fen": None}, "one opening and one closing balance"),
    ],
)
def test_what_the_standard_cannot_carry_is_an_error(columns: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        write(lines(1, **columns))


def test_settings_are_needed() -> None:
    with pytest.raises(BadInput, match="message_id"):
        write(lines(1), message_id="")


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
texts = words.map(lambda s: " ".join(s.split())).filter(bool) | st.none()


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(-(10**14), 10**14), texts, texts, texts, st.booleans()), max_size=6),
    opening=st.integers(-(10**15), 10**15),
)
def test_write_then_read_gives_the_rows_back(rows: list[tuple[Any, ...]], opening: int) -> None:
    base = lines(*(row[0] for row in rows), opening=opening)
    safe = {
        "end_to_end_id": [row[1] for row in rows],
        "counterparty_name": [row[2] for row in rows],
        "remittance": [row[3] for row in rows],
        "reversal": [row[4] for row in rows],
    }
    frame = base.with_columns(pl.Series(name, values, STATEMENT_LINE[name]) for name, values in safe.items())
    frame = frame.with_columns(pl.lit("PMNT-ICDT-DMCT").alias("bank_code"))
    if frame.height == 0:
        return
    back, rejects, closing = read("camt053", write(frame))
    assert not rejects
    assert closing.notes == ()
    assert back.drop(PLACE).equals(frame.drop(PLACE))
