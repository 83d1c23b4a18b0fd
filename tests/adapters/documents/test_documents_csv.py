"""Report CSV: opens in Excel as UTF-8, foots, and runs no formula."""

from __future__ import annotations

import csv
import io

import polars as pl
import pytest

from adapters.documents import report_csv
from tests.adapters.documents.examples import COLUMNS, DAY, report


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_the_whole_file() -> None:
    expected = (
        "\ufeff差错编号,账号,清算日期,交易时间,笔数,差额,执行率\n"
        "D1,0012345678901234567,2026-05-07,2026-05-08 00:30:01,1,1234567.89,33.3333%\n"
        "'=1+1,'-12,2026-05-07,2026-05-08 00:30:01,2,-0.05,50.00%\n"
        ",,,,,,\n"
        "合计,,,,3,1234567.84,\n"
        "核对:期初 + 新增 − 销账 − 期末,,,,,,0.00\n"
    )
    assert report_csv(report()).decode() == expected


def test_data_alone_without_footing() -> None:
    assert len(rows_of(report_csv(report(), footing=False))) == 4


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n"])
def test_a_text_that_a_spreadsheet_would_run_is_quoted(sign: str) -> None:
    text = f'{sign}cmd|"/c calc"!A1,x'
    assert rows_of(report_csv(report([(text, "a=b", None, None, None, None, None)])))[1][:2] == [f"'{text}", "a=b"]


def test_every_row_has_as_many_fields_as_the_head() -> None:
    rows = rows_of(report_csv(report([('a"b\nc,d', None, DAY, None, None, -100, 1), (None,) * 7])))
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert rows[1] == ['a"b\nc,d', "", "2026-05-07", "", "", "-1.00", "0.0001%"]


def test_sums_do_not_wrap() -> None:
    rows = rows_of(report_csv(report([("a", None, None, None, 1, 2**63 - 1, None)] * 3)))
    assert rows[-2][5] == "276701161105643274.21"


def test_polars_reads_it_back() -> None:
    frame = pl.read_csv(report_csv(report(), footing=False), infer_schema=False)
    assert frame.columns == [column.heading for column in COLUMNS]
    assert frame["差额"].to_list() == ["1234567.89", "-0.05", None]


def test_a_residual_is_shown() -> None:
    assert rows_of(report_csv(report(checks=(("桥", -7),))))[-1] == ["核对:桥", "", "", "", "", "", "-0.07"]
