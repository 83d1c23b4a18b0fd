"""Statement exports of banks: each way of writing that the samples hold, and each that is refused."""

from __future__ import annotations

import io
import random
import zipfile
from datetime import date
from typing import Any

import pytest
import xlsxwriter
from accounts_support import read, refusal

from adapters.accounts.bank_map import PRESETS, BankMap, bank_map
from adapters.accounts.statement import out_of_balance, unproven
from settlement.model.errors import BadInput

HEAD = "凭证号,本方账号,对方账号,交易时间,借/贷,借方发生额,贷方发生额,对方行号,摘要,用途,对方单位名称,余额,个性化信息"
CODED: dict[str, Any] = {
    "format": "coded",
    "title": "x",
    "columns": {"booking_date": ["日期"], "income": ["收入"], "expense": ["支出"], "balance": ["余额"]},
}
FIRST = '\t0001,0003220001,1102001,2026-05-07 10:11:12,贷,,"1,000.00 ",102,收款,财政拨款,苏州市财政局,"11,000.00",'
SECOND = "\t0002,0003220001,1102002,2026-05-07 10:12:00,借,250.50,--,102,付款,补贴,甲公司,10749.50,SZ-1"


def icbc(*rows: str, preamble: str = "[HISTORYDETAIL]\r\n", encoding: str = "gb18030") -> bytes:
    return (preamble + "\r\n".join([HEAD, *(rows or (FIRST, SECOND))]) + "\r\n").encode(encoding)


def workbook(rows: list[list[Any]], sheet: str = "明细") -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        page = book.add_worksheet(sheet)
        for number, row in enumerate(rows):
            page.write_row(number, 0, row)
    return buffer.getvalue()


def test_icbc_export_has_every_column() -> None:
    raw = icbc()
    frame, rejects, closing = read("bank_csv", raw, layout="icbc")
    assert not rejects
    assert closing.notes == ()
    assert closing.clearing_date == date(2026, 5, 7)
    row = frame.row(1, named=True)
    assert raw[row.pop("byte_start") : row.pop("byte_end")].decode("gb18030") == SECOND + "\r\n"
    assert row == {
        "statement": "f",
        "account": "0003220001",
        "currency": "CNY",
        "opening_fen": 1_000_000,
        "closing_fen": 1_074_950,
        "line": 2,
        "booking_date": date(2026, 5, 7),
        "value_date": None,
        "amount_fen": -25050,
        "reversal": False,
        "reference": "0002",
        "end_to_end_id": None,
        "counterparty_name": "甲公司",
        "counterparty_account": "1102002",
        "remittance": "补贴 付款 SZ-1",
        "bank_code": None,
        "file": "f",
        "record": 2,
    }


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig"])
def test_the_encoding_is_utf8_where_it_can_be_and_else_gb18030(encoding: str) -> None:
    assert read("bank_csv", icbc(encoding=encoding), layout="icbc")[0].height == 2


def test_rows_listed_newest_first_prove_themselves_too() -> None:
    frame, _, closing = read("bank_csv", icbc(SECOND, FIRST), layout="icbc")
    assert closing.notes == ()
    assert frame["amount_fen"].to_list() == [-25050, 100_000]
    assert frame["opening_fen"].to_list() == [1_000_000, 1_000_000]


@pytest.mark.parametrize("split", [False, True])
def test_a_payout_and_its_return_of_one_day_are_as_old_as_their_times_say(split: bool) -> None:
    """Their balances follow both ways; 10,000.00 goes out at 10:11 and comes back at 10:12."""
    paid = '1,0003220001,,2026-05-07 10:11:12,借,100.00,,,,,,"9,900.00",'
    back = '2,0003220001,,2026-05-07 10:12:00,贷,,100.00,,,,,"10,000.00",'
    for rows in ((paid, back), (back, paid)):
        raw = icbc(*rows)
        if split:  # the day in one column, its time in another
            text = raw.decode("gb18030").replace("凭证号,", "记账日期,", 1)
            raw = text.replace("\n1,", "\n2026-05-07,").replace("\n2,", "\n2026-05-07,").encode("gb18030")
        frame, rejects, closing = read("bank_csv", raw, layout="icbc")
        assert (rejects, closing.notes) == ([], ())
        assert frame.select("opening_fen", "closing_fen").unique().rows() == [(1_000_000, 1_000_000)]


def test_a_missing_row_is_a_difference() -> None:
    third = FIRST.replace("11,000.00", "11,750.00")
    closing = read("bank_csv", icbc(FIRST, SECOND, third), layout="icbc")[2]
    at = icbc(FIRST, SECOND, third).index(third.encode("gb18030"))
    said = f"the balance after line 3 (byte {at}) is 11750.00 CNY, and 11749.50 follows from the balance before it"
    said += "; difference 0.50"
    assert out_of_balance(closing.notes) == [f"BALANCE_DIFFERENCE: statement f: {said}"]


def test_a_balance_that_cannot_be_read_leaves_the_statement_unproven() -> None:
    data = icbc(FIRST, SECOND.replace("10749.50", "xx.yy"))
    frame, rejects, closing = read("bank_csv", data, layout="icbc")
    assert not rejects
    assert frame.height == 2
    (note,) = unproven(closing.notes)
    assert note.endswith(f": none that can be read stands after line 2 (byte {data.index(SECOND[:9].encode())})")
    none = icbc(FIRST.replace("11,000.00", "x"), SECOND.replace("10749.50", ""))
    assert unproven(read("bank_csv", none, layout="icbc")[2].notes)[0].endswith(
        ": no balance that can be read stands in their column"
    )


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (SECOND.replace("250.50", "250.505"), "BAD_AMOUNT"),
        (SECOND.replace("250.50", "2,50.50").replace(",2,50.50,", ',"2,50.50",'), "BAD_AMOUNT"),
        (SECOND.replace("250.50", "２50.50"), "BAD_AMOUNT"),
        (SECOND.replace("250.50", "1e3"), "BAD_AMOUNT"),
        (SECOND.replace("250.50", "-"), "NO_AMOUNT"),
        (SECOND.replace("--", "1"), "TWO_AMOUNTS"),
        (SECOND.replace("2026-05-07", "2026-02-30"), "BAD_DATE"),
        (SECOND.replace("2026-05-07", "07.05.2026"), "BAD_DATE"),
        (SECOND.replace("2026-05-07 10:12:00", ""), "BAD_DATE"),
        (SECOND.replace("1102002", "1.10200E+18"), "ROUNDED_ACCOUNT"),
        (SECOND.replace("1102002", "123456789012365000"), "ROUNDED_ACCOUNT"),
        (SECOND + ",,x", "FIELD_COUNT"),
    ],
)
def test_a_row_that_cannot_be_read_is_a_reject_and_the_file_goes_on(wrong: str, code: str) -> None:
    frame, rejects, closing = read("bank_csv", icbc(wrong, FIRST), layout="icbc")
    assert [(r.record, r.code) for r in rejects] == [(1, code)]
    assert frame["amount_fen"].to_list() == [100_000]
    assert closing.refused is None


def test_a_negative_expense_is_a_reversal() -> None:
    row = read("bank_csv", icbc(SECOND.replace("250.50", "-250.50")), layout="icbc")[0].row(0, named=True)
    assert (row["amount_fen"], row["reversal"]) == (25050, True)


def test_short_rows_blank_lines_and_trailers_are_no_rejects() -> None:
    short = ",".join(FIRST.split(",")[:-1])
    frame, rejects, _ = read(
        "bank_csv", icbc(short, "", ",,,", "合计：,,,,,250.50", "以上数据仅供参考|以柜台为准"), layout="icbc"
    )
    assert not rejects
    assert frame.height == 1


def test_a_quoted_cell_may_go_over_lines() -> None:
    raw = icbc(FIRST.replace("收款", '"收\r\n款"'), SECOND)
    frame, rejects, _ = read("bank_csv", raw, layout="icbc")
    assert not rejects
    assert raw[frame["byte_start"][0] : frame["byte_end"][0]].count(b"\n") == 2
    assert raw[frame["byte_start"][1] : frame["byte_end"][1]].decode("gb18030") == SECOND + "\r\n"


def test_the_account_may_stand_above_the_headings_or_be_set() -> None:
    head = "日期,借方发生额（支取）,贷方发生额（收入）,余额,对方户名\n"
    row = "20260507,,67.00,100.00,甲\n"
    for above in ("账　号：,6228\n", "账号:6228,x\n"):
        assert read("bank_csv", (above + head + row).encode(), layout="ccb")[0]["account"].to_list() == ["6228"]
    frame, _, closing = read("bank_csv", (head + row).encode(), layout="ccb")
    assert frame["account"].to_list() == [""]
    assert [note.split(";")[0] for note in closing.notes] == ["NO_ACCOUNT: statement f does not name its account"]
    assert read("bank_csv", (head + row).encode(), layout="ccb", account="77")[2].notes == ()


def test_both_bracket_widths_and_english_in_brackets_are_one_heading() -> None:
    head = "交易日,交易时间,借方金额,贷方金额,余额,收（付）方名称,收(付)方账号\n"
    frame = read("bank_csv", (head + "20260507,1,5.00,,10.00,甲,12\n").encode(), layout="cmb")[0]
    assert frame.select("counterparty_name", "counterparty_account").row(0) == ("甲", "12")


def test_boc_names_payer_and_payee() -> None:
    head = (
        "交易类型[ Transaction Type ],付款人账号[ Debit Account No. ],付款人名称[ Payer's Name ],"
        "收款人账号[ Payee's Account Number ],收款人名称[ Payee's Name ],交易日期[ Transaction Date ],"
        "交易货币[ Trade Currency ],交易金额[ Trade Amount ],交易后余额[ After-transaction balance ]\n"
    )
    rows = "来账,11,甲,99,我,20260507,CNY,5.00,15.00\n往账,99,我,22,乙,20260507,CNY,-3.00,12.00\n"
    frame, rejects, closing = read("bank_csv", (head + rows).encode(), layout="boc")
    assert not rejects
    assert closing.notes == ()
    assert frame.select("account", "amount_fen", "counterparty_name", "counterparty_account").rows() == [
        ("99", 500, "甲", "11"),
        ("99", -300, "乙", "22"),
    ]
    bad = read("bank_csv", (head + rows.replace("往账", "?")).encode(), layout="boc")[1]
    assert [r.code for r in bad] == ["BAD_SIGN"]


def test_a_mapping_serves_any_other_bank() -> None:
    mapping = {
        "format": "bocom",
        "title": "交通银行",
        "columns": {
            "booking_date": ["交易日期"],
            "amount": ["交易金额"],
            "direction": ["借贷"],
            "balance": ["余额"],
            "counterparty_account": ["对方账号"],
        },
        "directions": {"借 Dr": -1, "贷 Cr": 1},
    }
    head, first = "交易日期,借贷,交易金额,余额,对方账号\n", "2026/5/7,贷 Cr,1.23,11.23,1\n"
    raw = head + first + "2026/05/07,借 Dr,￥3.21,8.02,6222020000000000007\n"
    frame, rejects, closing = read("bank_csv", raw.encode(), layout=mapping, account="1")
    assert not rejects
    assert closing.notes == ()
    assert frame["amount_fen"].to_list() == [123, -321]
    assert frame["counterparty_account"].to_list() == ["1", "622202*********0007"]


def test_text_that_is_called_xls_is_read_as_text() -> None:
    mapping = {
        "format": "broker",
        "title": "t",
        "separator": "\t",
        "columns": {"booking_date": ["日期"], "amount": ["金额"], "account": ["账号"]},
    }
    raw = '="日期"\t="金额"\t="账号"\n="20260507"\t-1.500\t="0012"\n'.encode("gb18030")
    frame = read("bank_csv", raw, layout=mapping)[0]
    assert frame.select("account", "amount_fen").row(0) == ("0012", -150)


ROWS: list[list[Any]] = [
    ["China Construction Bank"],
    ["账　号：", "0003220001"],
    ["记账日          ", "支出   ", "收入", "账户余额", "币种 ", "对方账号"],
    ["20260507", 0.0, 67.0, 167.0, "人民币", "12"],
    ["20260508", 16.78, 0.0, 150.22, "人民币", "0013"],
    ["以上数据仅供参考|具体内容请以柜台为准"],
]


def test_a_workbook_is_read_without_a_float() -> None:
    frame, rejects, closing = read("bank_csv", workbook(ROWS), layout="ccb")
    assert not rejects
    assert closing.notes == ()
    assert frame["amount_fen"].to_list() == [6700, -1678]
    assert frame["closing_fen"].to_list() == [15022, 15022]
    assert frame["counterparty_account"].to_list() == ["12", "0013"]


def test_an_account_that_is_a_number_of_16_digits_was_rounded() -> None:
    rows = [*ROWS[:3], ["20260507", 0.0, 67.0, 167.0, "人民币", 1234567890123456789], *ROWS[4:]]
    rejects = read("bank_csv", workbook(rows), layout="ccb")[1]
    assert [(r.record, r.code) for r in rejects] == [(1, "ROUNDED_ACCOUNT")]
    assert "export it again with the column as text" in rejects[0].message
    assert "123456" not in rejects[0].message


def test_a_formula_cell_gives_its_value_and_is_never_run() -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["交易时间", "收入金额", "支出金额", "账户余额"])
        page.write_row(1, 0, ["2026-05-07", "1.00"])
        page.write_formula(1, 2, '=HYPERLINK("http://x")', None, "0.00")
        page.write_formula(1, 3, "=1+1", None, 2)
    frame, _, closing = read("bank_csv", buffer.getvalue(), layout="abc", account="1")
    assert frame["amount_fen"].to_list() == [100]
    assert closing.notes == ()


def test_the_sheet_is_the_first_or_the_one_that_is_set() -> None:
    data = workbook(ROWS)
    assert refusal("bank_csv", data, layout="ccb", sheet="x") == "NO_SHEET"
    assert read("bank_csv", data, layout="ccb", sheet="明细")[0].height == 2


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def far_cell() -> bytes:
    with zipfile.ZipFile(io.BytesIO(workbook(ROWS))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"]
    members["xl/worksheets/sheet1.xml"] = sheet.replace(b'r="A6"', b'r="XFD1048576"')
    return zipped(members)


def many_cells() -> bytes:
    with zipfile.ZipFile(io.BytesIO(workbook(ROWS))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    head, _, tail = members["xl/worksheets/sheet1.xml"].partition(b"</sheetData>")
    cells = b"<c><v>1</v></c>" * 3_100_000
    members["xl/worksheets/sheet1.xml"] = head + b"<row>" + cells + b"</row></sheetData>" + tail
    members["xl/media/noise.bin"] = random.Random(1).randbytes(200_000)  # so that the ratio alone does not refuse it
    return zipped(members)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "EMPTY_FILE"),
        (workbook(ROWS)[:-40], "DAMAGED"),
        (workbook(ROWS)[:2000], "DAMAGED"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 5000, "DAMAGED"),
        (zipped({"a.txt": b"x"}), "NOT_A_WORKBOOK"),
        (zipped({"xl/workbook.xml": b"0" * 50_000_000}), "PACKED_TOO_MUCH"),
        (zipped({f"{n}": b"" for n in range(600)}), "PACKED_TOO_MUCH"),
        (zipped({"xl/workbook.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><x/>'}), "DOCTYPE"),
        (far_cell(), "SHEET_TOO_LARGE"),
        (many_cells(), "SHEET_TOO_LARGE"),
        (icbc().replace(b"0001", b"00\x0001"), "NUL_BYTE"),
        (icbc()[:41], "NO_HEADINGS"),
        (icbc(FIRST.replace("收款", '"收款')), "NOT_CSV"),
        (b"a,b\n" * 100, "NO_HEADINGS"),
        (b"\xef\xbb\xbf\r\n<html><p>1</p></html>", "NOT_CSV"),
        (icbc(FIRST.replace("收款", "x" * 70_000)), "LINE_TOO_LONG"),
        (icbc(FIRST.replace("收款", '"' + "x\r\n" * 30_000 + '"')), "LINE_TOO_LONG"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(data: bytes, code: str) -> None:
    assert refusal("bank_csv", data, layout="icbc") == code


def test_a_set_encoding_is_strict() -> None:
    assert refusal("bank_csv", icbc(), layout="icbc", encoding="utf-8") == "BAD_ENCODING"


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_loads_and_describes_itself(name: str) -> None:
    assert bank_map({"layout": name}).format == name


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "name a bank"),
        ({"layout": "nobank"}, "does not ship"),
        ({"layout": {"format": "x"}}, "setting layout"),
        ({"layout": {"format": "x", "title": "x", "columns": {"booking_date": ["a"], "income": ["b"]}}}, "go together"),
        (
            {
                "layout": {
                    "format": "x",
                    "title": "x",
                    "columns": {"booking_date": ["a"], "amount": ["b"], "direction": ["c"]},
                }
            },
            "needs directions",
        ),
        (
            {
                "layout": {
                    "format": "x",
                    "title": "x",
                    "columns": {"booking_date": ["a"], "amount": ["金额(元)"], "balance": ["余额", "金额（元）"]},
                }
            },
            r"columns\.balance: 金额\(元\) is the balance or the amount, not both",
        ),
    ],
)
def test_a_wrong_mapping_is_named(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        bank_map(settings)


@pytest.mark.parametrize(
    ("above", "noted"),
    [
        ("卡内账户,活期储蓄存款 港币 现汇\n", True),
        ("账户类型：美元户\n", True),
        ("户名：USD Trading Ltd\n", True),
        ("币种：港币\n", False),  # known, and taken
        ("卡内账户,活期储蓄存款 人民币\n", False),
        ("户名：苏州USDA公司\n", False),
        ("", False),
    ],
)
def test_a_currency_behind_no_known_label_is_told(above: str, noted: bool) -> None:
    head = "账号,6228\n" + above + "日期,借方发生额（支取）,贷方发生额（收入）,余额,对方户名\n"
    frame, _, closing = read("bank_csv", (head + "20260507,,67.00,100.00,甲\n").encode(), layout="ccb")
    assert any(note.startswith("CURRENCY_ASSUMED") for note in closing.notes) is noted
    assert frame["currency"].to_list() == ["HKD" if "币种" in above else "CNY"]


def test_a_currency_above_one_account_is_told_of_its_lines_alone() -> None:
    """Whether the last account says its own, or a column says it of none."""
    head, row = "日期,收入,支出,余额,币种\n", "20260507,67.00,,100.00,\n"
    own, foreign = "账号,6228\n币种,人民币\n", "账号,6229\n卡内账户,活期 港币\n"
    mapping = {**CODED, "columns": {**CODED["columns"], "currency": ["币种"]}}
    for first, second, told in ((foreign, own, 1), (own, foreign, 1), (own, own.replace("8", "9"), 0)):
        closing = read("bank_csv", (first + head + row + second + row).encode(), layout=mapping)[2]
        assert sum(note.startswith("CURRENCY_ASSUMED") for note in closing.notes) == told
    said = (foreign + head + row.replace(",\n", ",人民币\n")).encode()
    assert read("bank_csv", said, layout=mapping)[2].notes == ()


def test_a_number_for_a_currency_is_not_looked_for_in_other_numbers() -> None:
    mapping = {**CODED, "currencies": {"13": "HKD", "港纸": "HKD"}}
    head = "账号,6213001300\n{}日期,收入,支出,余额\n20260507,67.00,,100.00\n"
    for above, told in (("", 0), ("卡内账户,13\n", 0), ("卡内账户,港纸 现汇\n", 1)):
        notes = read("bank_csv", head.format(above).encode(), layout=mapping)[2].notes
        assert [note[:16] for note in notes] == ["CURRENCY_ASSUMED"] * told


def test_a_long_row_above_the_headings_costs_no_time() -> None:
    """Each of 60 rows may be of 64 KiB, and a workbook's of more: a look behind for each word is ten times slower."""
    foreign = bank_map({"layout": "ccb"}).foreign
    assert (foreign.pattern.count("(?<!"), foreign.pattern.count("(?!")) == (1, 1)
    assert foreign.search("港" * 2_000_000) is None


def test_a_currency_is_looked_up_once_for_rows_that_write_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    currency_of = BankMap.currency_of
    monkeypatch.setattr(BankMap, "currency_of", lambda bank, text: asked.append(text) or currency_of(bank, text))
    written = ["活期 港币 现汇"] * 3 + ["人民币", "", "不明", "不明", "人民币"]
    rows = "".join(f"20260507,1.00,,{word}\n" for word in written)
    mapping = {**CODED, "columns": {**CODED["columns"], "currency": ["币种"]}}
    frame, rejects, _ = read("bank_csv", ("日期,收入,支出,币种\n" + rows).encode(), layout=mapping)
    assert asked == ["活期 港币 现汇", "人民币", "不明", "人民币"]
    assert [reject.record for reject in rejects] == [6, 7]
    assert frame["currency"].to_list() == ["HKD"] * 3 + ["CNY"] * 3
