"""Workbooks: text is text, money is exact, totals are formulas with values, equal data gives equal bytes."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tempfile
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl  # type: ignore[import-untyped] # its stubs are not among the pinned packages
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.documents import report_xlsx, statement_xlsx
from adapters.documents import workbook as module
from settlement.model.errors import TryAgain
from settlement.model.report import Column, Table
from tests.adapters.documents.examples import COLUMNS, DAY, frame, report, statement


def opened(content: bytes, *, values: bool = True) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content), data_only=values)


def sheet_xml(content: bytes, number: int = 1) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(f"xl/worksheets/sheet{number}.xml").decode()


def table_of(content: bytes) -> tuple[list[list[object]], int]:
    """All cells of the first sheet, and the row of the headings (from 0)."""
    rows = [[cell.value for cell in row] for row in opened(content).worksheets[0].iter_rows()]
    return rows, next(place for place, row in enumerate(rows) if row[0] == COLUMNS[0].heading)


def test_every_kind_of_cell() -> None:
    rows, head = table_of(report_xlsx(report()))
    assert rows[0][0] == "差错明细表"
    assert rows[1][0] == "业务日期：2026-05-07    渠道：POS"
    assert rows[head] == [column.heading for column in COLUMNS]
    first = ["D1", "0012345678901234567", datetime(2026, 5, 7), datetime(2026, 5, 8, 0, 30, 1), 1, 1234567.89, 0.333333]
    assert rows[head + 1] == first
    assert rows[head + 2][:2] == ["=1+1", "-12"]
    assert rows[head + 2][5:] == [-0.05, 0.5]
    assert rows[head + 3] == [None] * 7
    assert rows[head + 4] == ["合计", None, None, None, 3, 1234567.84, None]


def test_totals_are_formulas_and_data_never_is() -> None:
    sheet = opened(report_xlsx(report()), values=False).worksheets[0]
    formulas = [cell.value for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    assert formulas == ["=ROUND(SUM(E5:E7),0)", "=ROUND(SUM(F5:F7),2)"]


def test_checks_foot() -> None:
    rows, _ = table_of(report_xlsx(report(checks=(("期初", 0), ("桥", -123)))))
    assert [0, "期初：平"] in [row[:2] for row in rows]
    assert [-1.23, "桥：不平"] in [row[:2] for row in rows]
    sheet = opened(report_xlsx(report(checks=(("桥", -123),)))).worksheets[0]
    (cell,) = [cell for row in sheet.iter_rows() for cell in row if cell.value == -1.23]
    assert (cell.font.color.rgb, cell.number_format) == ("FFC00000", "0.00")


@given(st.lists(st.integers(min_value=-(10**15) + 1, max_value=10**15 - 1), min_size=1, max_size=200))
@settings(max_examples=20, deadline=None)
def test_money_is_written_exactly_to_fifteen_digits(amounts: list[int]) -> None:
    columns = (Column("name", "名称"), Column("fen", "金额", "money"))
    table = Table("一", columns, frame(columns, [("a", fen) for fen in amounts]))
    content = report_xlsx(report(tables=(table,), checks=(), head=()))
    texts = re.findall(r'<c r="B[0-9]+" s="[0-9]+"><v>([^<]*)</v>', sheet_xml(content))
    assert [Decimal(text) * 100 for text in texts] == amounts


def test_money_beyond_fifteen_digits_is_text_and_so_is_its_total() -> None:
    columns = (Column("name", "名称"), Column("fen", "金额", "money", total=True))
    table = Table("一", columns, frame(columns, [("a", 2**63 - 1), ("b", 10**15), ("c", -1)]))
    rows = [[c.value for c in row] for row in opened(report_xlsx(report(tables=(table,)))).worksheets[0].iter_rows()]
    column = [row[1] for row in rows if row[0] in {"a", "b", "c", "合计"}]
    assert column == ["92233720368547758.07", "10000000000000.00", -0.01, "92243720368547758.06"]


def test_an_inexact_cell_makes_its_total_a_value() -> None:
    columns = (Column("name", "名称"), Column("fen", "金额", "money", total=True))
    table = Table("一", columns, frame(columns, [("a", 10**15), ("b", -(10**15) + 7)]))
    sheet = opened(report_xlsx(report(tables=(table,))), values=False).worksheets[0]
    assert [row[1].value for row in sheet.iter_rows() if row[0].value == "合计"] == [0.07]


@pytest.mark.parametrize("text", ["=1+1", "+1", "@SUM(A1)", "http://x.cn", "007", "<r><t>x</t></r>", "{=1}", "a\x07b"])
def test_text_stays_text(text: str) -> None:
    content = report_xlsx(report([(text, text, None, None, None, None, None)]))
    rows, head = table_of(content)
    shown = str(rows[head + 1][0]).replace("_x0007_", "\x07")
    assert shown.removesuffix(" ") == text
    assert "<hyperlink" not in sheet_xml(content)


def test_a_text_too_long_for_a_cell_says_that_it_is_cut() -> None:
    rows, head = table_of(report_xlsx(report([("龘" * 40_000, *[None] * 6)])))
    cut = str(rows[head + 1][0])
    assert cut.endswith("…(已截断)")
    assert len(cut) < 32_767


def test_rows_beyond_a_sheet_go_on_and_the_last_has_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 2)
    rows: list[tuple[object, ...]] = [(f"D{n}", None, DAY, None, 1, 100, None) for n in range(5)]
    book = opened(report_xlsx(report(rows)))
    assert book.sheetnames == ["差错", "差错 (2)", "差错 (3)"]
    last = [[cell.value for cell in row] for row in book.worksheets[2].iter_rows()]
    assert ["合计", None, None, None, 5, 5, None] in last
    assert "合计" not in [row[0].value for sheet in book.worksheets[:2] for row in sheet.iter_rows()]


def test_sheet_names_are_what_a_workbook_allows() -> None:
    columns = (Column("name", "名称"),)
    tables = tuple(
        Table(title, columns, frame(columns, [("x",)])) for title in ("a/b:c", "A_B_C", "长" * 40, "长" * 40)
    )
    names = opened(report_xlsx(report(tables=tables, checks=()))).sheetnames
    assert names == ["a_b_c", "A_B_C (2)", "长" * 31, "长" * 27 + " (2)"]


def test_print_setup() -> None:
    sheet = opened(report_xlsx(report())).worksheets[0]
    assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert (sheet.page_setup.fitToWidth or 1, sheet.page_setup.fitToHeight) == (1, 0)
    assert sheet.print_title_rows == "$4:$4"
    assert sheet.freeze_panes == "A5"
    assert sheet.oddFooter.right.text == "第 &P 页 共 &N 页"


def test_equal_reports_give_equal_bytes() -> None:
    assert report_xlsx(report()) == report_xlsx(report())
    assert report_xlsx(report()) != report_xlsx(report(business_date=date(2026, 5, 8)))
    assert statement_xlsx(statement()) == statement_xlsx(statement())


def test_no_part_of_the_file_knows_the_clock() -> None:
    with zipfile.ZipFile(io.BytesIO(statement_xlsx(statement()))) as archive:
        assert {part.date_time for part in archive.infolist()} == {(1980, 1, 31, 0, 0, 0)}
        stamps = re.findall(r"W3CDTF\">([^<]*)<", archive.read("docProps/core.xml").decode())
    assert stamps == ["2026-05-07T00:00:00Z"] * 2


def test_a_long_text_gets_a_row_of_its_height() -> None:
    sheet = opened(report_xlsx(report([("说" * 100, *[None] * 6), ("短", *[None] * 6)]))).worksheets[0]
    assert (sheet.row_dimensions[5].height, sheet.row_dimensions[6].height) == (5 * 15 + 3, 18)


def test_an_empty_report_still_foots() -> None:
    rows, head = table_of(report_xlsx(report([])))
    assert rows[head + 1] == ["合计", None, None, None, 0, 0, None]


def test_statement_sheets() -> None:
    document = statement(lines=3, detail=5, held=2)
    book = opened(statement_xlsx(document))
    assert book.sheetnames == ["结算单", "明细", "暂缓"]
    cells = [str(cell.value) for row in book["结算单"].iter_rows() for cell in row]
    assert "大写金额：人民币肆佰捌拾元零陆分" in cells
    assert any("结算单号：SZPH2026000123" in text for text in cells)
    assert any(text.startswith("内容摘要 SHA-256：") for text in cells)
    detail = [[cell.value for cell in row] for row in book["明细"].iter_rows()]
    assert sum(row[7] is not None and "621226" in str(row[7]) for row in detail) == 5
    assert [row[3] for row in book["暂缓"].iter_rows(values_only=True)][-1] == 40


def test_a_full_disk_is_a_passing_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkstemp", full)
    with pytest.raises(TryAgain, match=r"No space left on device.*free space in TMPDIR") as fault:
        report_xlsx(report())
    assert "\n" not in str(fault.value)


def test_a_frame_of_other_columns_is_a_programmers_error() -> None:
    with pytest.raises(AssertionError, match="columns"):
        report_xlsx(report(tables=(Table("一", COLUMNS, pl.DataFrame({"x": [1]})),)))


@pytest.mark.skipif(shutil.which("soffice") is None, reason="soffice is missing: apt-get install libreoffice-calc")
def test_libreoffice_computes_the_same_totals(tmp_path: Path) -> None:
    (tmp_path / "r.xlsx").write_bytes(report_xlsx(report()))
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    recalculated = ["soffice", profile, "--headless", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76"]
    subprocess.run([*recalculated, "r.xlsx"], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    text = (tmp_path / "r.csv").read_text("utf-8")
    assert '合计,,,,3,"1,234,567.84",' in text
    assert "=1+1,-12,2026-05-07" in text
    assert "0012345678901234567" in text
