"""Amounts with a comma before the fen, and years of two digits: read where the mapping says so, else rejects."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from accounts_support import read

from adapters.accounts.bank_cells import CellError, amount_of, date_of
from adapters.accounts.statement import out_of_balance
from tests.adapters.accounts.test_bank_writing import PLAIN

TEXT = (
    "日期;收入;支出;余额\n"
    "05.01.26;1.000,50;;1.010,50\n06.01.26 09:05;;2,00;1.008,50\n"
    "合计;1.000,50;2,00;\n期末余额：1.008,50\n"
)


def test_a_file_of_commas_and_short_years() -> None:
    frame, rejects, closing = read(
        "bank_csv", TEXT.encode(), layout={**PLAIN, "decimal": ",", "date_format": "DD/MM/YY"}
    )
    assert (rejects, out_of_balance(closing.notes)) == ([], [])
    assert frame.select("booking_date", "amount_fen", "opening_fen", "closing_fen").rows() == [
        (date(2026, 1, 5), 100_050, 1000, 100_850),
        (date(2026, 1, 6), -200, 1000, 100_850),
    ]
    wrong = TEXT.replace("合计;1.000,50", "合计;1.000,51")
    notes = read("bank_csv", wrong.encode(), layout={**PLAIN, "decimal": ",", "date_format": "DD/MM/YY"})[2].notes
    assert [note.split(":")[0] for note in out_of_balance(notes)] == ["TOTAL_MISMATCH"]
    assert [r.code for r in read("bank_csv", TEXT.encode(), layout=PLAIN)[1]] == ["BAD_AMOUNT"] * 2


@pytest.mark.parametrize(
    ("written", "fen"),
    [("1.234,56", 123_456), ("-1234,5", -123_450), ("1234", 123_400), (1234.5, 123_450), ("0,00", 0)],
)
def test_a_comma_before_the_fen(written: Any, fen: int) -> None:
    assert amount_of(written, 2, ",") == fen


@pytest.mark.parametrize("written", ["1,234.56", "1234.5", "1.23,00", "1,2345", "1234,"])
def test_a_point_is_not_one(written: str) -> None:
    with pytest.raises(CellError):
        amount_of(written, 2, ",")


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("26/01/05", "YY/MM/DD"),
        ("26-1-5 09:05:06", "YY/MM/DD"),
        ("260105", "YY/MM/DD"),
        (260105, "YY/MM/DD"),
        ("050126", "DD/MM/YY"),
        ("5.1.26", "DD/MM/YY"),
        ("01/05/26", "MM/DD/YY"),
    ],
)
def test_a_year_of_two_digits(written: Any, form: Any) -> None:
    assert date_of(written, form) == date(2026, 1, 5)


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("2026/01/05", "YY/MM/DD"),
        ("05/01/2026", "DD/MM/YY"),
        ("5/1/6", "DD/MM/YY"),
        ("31/02/26", "DD/MM/YY"),
        ("26/01/05", "ISO"),
        (50126, "DD/MM/YY"),  # a number that may count days, and has lost its zero
        ("20260105", "YY/MM/DD"),
    ],
)
def test_another_year_is_none(written: Any, form: Any) -> None:
    with pytest.raises(CellError):
        date_of(written, form)
