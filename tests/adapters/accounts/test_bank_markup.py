"""Exports that are called .xls and are a web page or the XML of Excel 2003; the data is made up."""

from __future__ import annotations

from time import process_time

import pytest
from accounts_support import read

from adapters.accounts.statement import out_of_balance
from tests.adapters.accounts.test_bank_writing import PLAIN

HEADS = ("日期", "收入", "支出", "余额", "户名")
PAGE = (
    '<html xmlns:x="urn:schemas-microsoft-com:office:excel"><head><meta charset="{0}"></head><body><TABLE border=1>\r\n'
    "<tr><td colspan=3>账号：600012345678901</td><td colspan=2>币种：人民币</td></tr>\r\n"
    "<tr><th rowspan=2>日期</th><th colspan=2>发生额</th><th rowspan=2>余额</th><th rowspan=2>户名</th></tr>\r\n"
    "<tr><th>收入</th><th>支出</th></tr>\r\n"
    "<tr><td>2026-05-07<br>10:00:01</td><td>1,000.00</td>"
    "<td>&nbsp;</td><td>1,010.00</td><td>甲<!--x-->&amp;乙</td></tr>\r\n"
    "<tr><form><td>2026-05-08</td><td></td><td>2.00<td>1,008.00<td>丙</form></tr>\r\n"
    "<tr><td>合计</td><td>1,000.00</td><td>2.00</td></tr></TABLE></body></html>\r\n"
)
BOOK = (
    '<?xml version="1.0" encoding="GBK"?>\n<?mso-application progid="Excel.Sheet"?>\n'
    '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
    'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">{0}</Workbook>'
)


def _cell(value: object, index: int = 0, formula: str = "") -> str:
    kind = "Number" if isinstance(value, float) else "DateTime" if str(value).startswith("2026-") else "String"
    data = "" if value is None else f'<Data ss:Type="{kind}">{value}</Data>'
    place = f' ss:Index="{index}"' if index else ""
    return f"<Cell{place}{formula}>{data}</Cell>"


def _sheet(name: str, *rows: str) -> str:
    table = "".join(f"<Row>{row}</Row>" for row in rows)
    return f'<Worksheet ss:Name="{name}"><Table>{table}</Table></Worksheet>'


LINES = _sheet(
    "明细",
    '<Cell ss:MergeAcross="2"><Data ss:Type="String">账号：600012345678901</Data></Cell>' + _cell("币种：人民币"),
    "".join(map(_cell, HEADS)),
    _cell("2026-05-07T10:00:00.000") + _cell(1000.0) + _cell(1010.1, 4) + _cell("甲&amp;乙"),
    _cell("20260508") + _cell(0.1 + 0.2, 3) + _cell(1009.8, 0, ' ss:Formula="=D3-C4"') + _cell("丙"),
)


@pytest.mark.parametrize(("encoding", "named"), [("gb18030", "gb2312"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16")])
def test_a_web_page(encoding: str, named: str) -> None:
    frame, rejects, closing = read("bank_csv", PAGE.format(named).encode(encoding), layout=PLAIN)
    assert (rejects, closing.refused, out_of_balance(closing.notes)) == ([], None, [])
    assert (
        frame.select("account", "currency", "opening_fen", "closing_fen").rows()
        == [("600012345678901", "CNY", 1000, 100_800)] * 2
    )
    assert frame.select("amount_fen", "counterparty_name").rows() == [(100_000, "甲&乙"), (-200, "丙")]
    assert [str(day) for day in frame["booking_date"]] == ["2026-05-07", "2026-05-08"]


@pytest.mark.parametrize(
    ("page", "code"),
    [
        (PAGE[: PAGE.index("<tr><td>合计")], "TRUNCATED"),
        (PAGE[: PAGE.index("</TABLE>") + 7], "TRUNCATED"),
        (PAGE.replace("<td>合计", '<td x="<td>">合计'), "DAMAGED"),
        (PAGE.replace("<tr><td>合计", "</tr></TABLE><td>合计").replace("</tr></TABLE></body>", "</body>"), "DAMAGED"),
        ("<html><body>请重新登录</body></html>", "NOT_CSV"),
        ("<table><tr><td>请重新登录</td></tr></table>", "NO_HEADINGS"),
        ('<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022"/>', "NOT_CSV"),
        (PAGE.replace("丙", "丙\0"), "NUL_BYTE"),
        ("<table><tr>" + "<td>1</td>" * 300 + "</tr></table>", "SHEET_TOO_LARGE"),
    ],
)
def test_a_page_that_cannot_be_trusted(page: str, code: str) -> None:
    refused = read("bank_csv", page.encode(), layout=PLAIN)[2].refused
    assert (refused and refused.code) == code


def test_the_xml_of_excel_2003() -> None:
    frame, rejects, closing = read("bank_csv", BOOK.format(LINES).encode("gb18030"), layout=PLAIN)
    assert (rejects, closing.refused, out_of_balance(closing.notes)) == ([], None, [])
    assert frame.select("account", "amount_fen", "closing_fen", "counterparty_name").rows() == [
        ("600012345678901", 100_000, 100_980, "甲&乙"),
        ("600012345678901", -30, 100_980, "丙"),
    ]
    assert [str(day) for day in frame["booking_date"]] == ["2026-05-07", "2026-05-08"]


def test_a_value_that_was_not_saved_is_none_and_other_sheets_are_told() -> None:
    row = _cell("20260509") + _cell(None, 0, ' ss:Formula="=1"') + _cell(1009.8, 4)
    book = BOOK.format(LINES.replace("</Table>", f"<Row>{row}</Row></Table>"))
    assert [r.code for r in read("bank_csv", book.encode("gb18030"), layout=PLAIN)[1]] == ["UNREAD_CELL"]
    other = _sheet("二", "".join(map(_cell, HEADS)), _cell("20260509"))
    for sheets, settings, code in (
        (LINES + other, {}, "OTHER_SHEETS"),
        (LINES + other, {"sheet": "明细"}, None),
        (LINES + _sheet("三", _cell("说明")), {}, None),
        (LINES, {"sheet": "x"}, "NO_SHEET"),
        (LINES[:-9], {}, "DAMAGED"),
        ("<!DOCTYPE x>" + LINES, {}, "DOCTYPE"),
    ):
        refused = read("bank_csv", BOOK.format(sheets).encode("gb18030"), layout=PLAIN, **settings)[2].refused
        assert (refused and refused.code) == code


TABLE = "<tr><td>日期</td><td>收入</td><td>支出</td><td>户名</td></tr>"
LINE = "<tr><td>2026-05-08</td><td></td><td>2.00</td><td></td></tr>"


@pytest.mark.parametrize(
    "page",
    [
        f"<table>{TABLE}{LINE}</table>",
        f"<table>{TABLE}{LINE.replace('<td></td>', '<td/>')}</table>",
        f"<table>{TABLE}<!-- <tr><td>x</td></tr> -->{LINE}</table><script>a = '<td>'</script><style><!--a<!--</style>",
        f"<table><tr><td>账号</td><td rowspan=2>1</td></tr></table><table>{TABLE}{LINE}</table>",
        f"<table><thead><tr><td>x</td><td rowspan=9>1</td></tr></thead><tbody>{TABLE}{LINE}</tbody></table>",
        f'<table><tr><td title=\'a>b\' w="1"">x</td></tr>{TABLE}{LINE}</table>',
    ],
)
def test_what_pages_have_around_their_cells(page: str) -> None:
    frame, rejects, closing = read("bank_csv", page.encode(), layout=PLAIN)
    assert (rejects, closing.refused, frame["amount_fen"].to_list()) == ([], None, [-200])


def test_text_that_looks_like_a_tag_is_text() -> None:
    page = f"<table>{TABLE}{LINE.replace('<td></td></tr>', '<td>甲<乙 <font color=red>5</font></td></tr>')}</table>"
    assert read("bank_csv", page.encode(), layout=PLAIN)[0]["counterparty_name"].to_list() == ["甲<乙 5"]


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ("<table><tr {0}><td>1</td></tr></table>", "DAMAGED"),
        ("<table><tr><td>1<b {0}></b></td></tr></table>", "NO_HEADINGS"),
        (BOOK.format("<Row {0}/>"), "NO_HEADINGS"),
    ],
)
def test_a_tag_with_many_attributes_takes_no_time(page: str, code: str) -> None:
    begun = process_time()
    refused = read("bank_csv", page.format(" ".join(f'a{n}=""' for n in range(60_000))).encode(), layout=PLAIN)[
        2
    ].refused
    assert (refused and refused.code) == code
    assert process_time() - begun < 5  # seconds; squares of them would be more
