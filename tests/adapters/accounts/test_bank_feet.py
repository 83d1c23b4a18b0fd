"""Feet, files without lines and headings as banks write them today, found in public importers; the data is made up."""

from __future__ import annotations

import pytest
from accounts_support import read

from adapters.accounts.statement import out_of_balance
from tests.adapters.accounts.test_bank_writing import HEAD, PLAIN, ROWS

FUND = {
    "format": "fund",
    "title": "微信支付资金账单",
    "columns": {
        "booking_date": ["记账时间"],
        "amount": ["收支金额(元)"],
        "direction": ["收支类型"],
        "balance": ["账户结余(元)"],
        "reference": ["资金流水单号"],
        "remittance": ["业务名称", "备注"],
    },
    "directions": {"收入": 1, "支出": -1},
}


@pytest.mark.parametrize(
    "foot",
    [
        "制表人：张三,,,,,\n",
        "打印日期：2026-05-31\n",
        "借方笔数：1,借方金额：2.00,贷方笔数：2\n",
        "共3条记录\n第 1 页,共 1 页\n",
        "注：1. 本明细仅供参考\n2. 以银行记录为准\n",
        "温馨提示：以银行记录为准,,,,,\n导出时间：2026-05-31 10:00:00,,,,,\n",
        "以下此页无正文\n出单截至日期：2026-05-31\n",
        "***以下空白***,,,,,\n页码：1/3\n",
        "客服热线：95588,,操作员：张三,,\n账户余额：123.45",
        "本期合计,4.00,2.00,,,\n",
        "借方交易笔数,1,借方交易金额,5.00,贷方交易笔数,1\n",
    ],
)
def test_a_foot_of_words_is_no_line(foot: str) -> None:
    frame, rejects, closing = read("bank_csv", (HEAD + "".join(ROWS) + foot).encode(), layout=PLAIN)
    assert (rejects, frame.height, out_of_balance(closing.notes)) == ([], len(ROWS), [])


@pytest.mark.parametrize(
    "cells",
    ["", "x,1.00,,,", "x,,,9.00,", "20260,,,,", "=1,,,,甲公司", "2026-05-32,,,,", "20", '="2026', "日子,出,进,,\n"],
)
def test_what_may_have_been_a_line_is_no_foot(cells: str) -> None:
    """Money, a part of a day and another side are told, also of a file that was cut."""
    layout = {**PLAIN, "columns": {**PLAIN["columns"], "counterparty_name": ["摘要"]}}
    text = "日期,收入,支出,余额,摘要\n20260507,8.00,,11.00,\n"
    _, rejects, closing = read("bank_csv", (text + cells).encode(), layout=layout)
    assert bool(rejects or closing.refused) == bool(cells)


def test_words_in_the_first_column_are_a_foot_though_names_stand_there() -> None:
    layout = {**PLAIN, "columns": {**PLAIN["columns"], "counterparty_name": ["户名"]}}
    text = "户名,日期,收入,支出\n甲,20260507,1.00,\n以下空白,,,\n"
    frame, rejects, _ = read("bank_csv", text.encode(), layout=layout)
    assert (frame.height, rejects) == (1, [])
    assert len(read("bank_csv", (text + "乙,昨日,,\n").encode(), layout=layout)[1]) == 1


def test_a_text_that_begins_with_a_word_of_sums_is_a_line() -> None:
    text = "摘要,日期,收入,支出\n合计费,20260507,1.00,\n总计利息,20260507,,2.00\n{}"
    for foot in ("合计,20260507,1.00,2.00\n", "合计2笔：,20260507,1.00,2.00\n", "总计(元),20260507,1.00,2.00\n"):
        frame, rejects, _ = read("bank_csv", text.format(foot).encode(), layout=PLAIN)
        assert (frame["amount_fen"].to_list(), rejects) == ([100, -200], [])


def test_a_cut_line_is_no_foot_where_the_day_is_not_the_first_cell() -> None:
    text = "摘要,日期,收入,支出,余额\n甲,20260507,8.00,,11.00\n"
    for cut, code in (("乙", "TRUNCATED"), ("乙,", "TRUNCATED"), ("乙\n", None)):
        _, rejects, closing = read("bank_csv", (text + cut).encode(), layout=PLAIN)
        assert (rejects, closing.refused and closing.refused.code) == ([], code)


def test_words_without_a_line_end_are_a_foot_where_lines_begin_with_numbers() -> None:
    text = "流水号,日期,收入,支出,余额\n88,20260507,8.00,,11.00\n"
    for end, code in (("客服热线：95588", None), ("以下空白,,", None), ("8", "TRUNCATED"), ("", None)):
        frame, rejects, closing = read("bank_csv", (text + end).encode(), layout=PLAIN)
        assert (rejects, closing.refused and closing.refused.code) == ([], code)
        assert frame.height == (code is None)
    # no line above says how they begin, or one began with another thing
    for first in ("", text.partition("88")[2], "VISA" + text.partition("88")[2]):
        lines = text.partition("88")[0] + first
        for end in ("甲", "甲,"):
            assert read("bank_csv", (lines + end).encode(), layout=PLAIN)[2].refused is not None
        _, rejects, closing = read("bank_csv", (lines + "以下空白,,,").encode(), layout=PLAIN)  # not cut before its day
        assert (rejects, closing.refused) == ([], None)


@pytest.mark.parametrize(
    "line",
    ["票,,甲,20260508,,8.00,16.00\n", "票;20260508;甲;8.00;;16.00\n", "L100005,,,,,\n乙,转账,,,,\n", "对象,摘要,,,,\n"],
)
def test_a_line_whose_cells_moved_or_that_was_broken_is_no_foot(line: str) -> None:
    """It is told, also where it is the first of the file, and where every cell moved to another heading."""
    head = "凭证,日期,收入,户名,用途,附注,支出,余额\n"
    whole = "1,20260507,8.00,,,,,8.00\n"
    layout = {**PLAIN, "columns": {**PLAIN["columns"], "counterparty_name": ["户名"]}}
    for text in (head + line, head + whole + line)["L" in line or "对" in line :]:
        frame, rejects, _ = read("bank_csv", text.encode(), layout=layout)
        assert (frame.drop_nulls("amount_fen").height, len(rejects) > 0) == (int(whole in text), True)


def test_a_second_row_of_headings_is_no_line_and_may_say_the_unit() -> None:
    layout = {**PLAIN, "columns": {**PLAIN["columns"], "counterparty_name": ["户名"], "counterparty_account": ["账号"]}}
    text = "日期,收入,支出,户名,账号\nDate,Income{0},Expense{0},Name,Account\n20260507,8.00,,,\n"
    frame, rejects, _ = read("bank_csv", text.format("").encode(), layout=layout)
    assert (frame.height, rejects) == (1, [])
    refused = read("bank_csv", text.format("(万元)").encode(), layout=layout)[2].refused
    assert (refused and refused.code) == "BAD_HEADING"


@pytest.mark.parametrize("said", ["没有符合条件的记录\n", "暂无数据,,,,,\n", "查无记录\n", "抱歉，没有您要的明细\n"])
def test_a_day_without_lines_has_none(said: str) -> None:
    _, rejects, closing = read("bank_csv", (HEAD + said).encode(), layout=PLAIN)
    assert (rejects, closing.records, closing.refused) == ([], 0, None)


def test_a_balance_said_below_the_lines_is_compared() -> None:
    closing_balance = ROWS[-1].split(",")[3]
    for said, wrong in ((closing_balance, 0), (closing_balance + "元", 0), ("123.45", 1)):
        foot = f"期末余额：{said}\n"
        _, rejects, closing = read("bank_csv", (HEAD + "".join(ROWS) + foot).encode(), layout=PLAIN)
        assert (rejects, len(out_of_balance(closing.notes))) == ([], wrong)


def test_a_line_that_begins_as_a_foot_and_has_a_wrong_day_is_a_reject() -> None:
    layout = {**PLAIN, "columns": {**PLAIN["columns"], "counterparty_name": ["户名"]}}
    text = "户名,日期,收入,支出\n甲,20260507,1.00,\n说明费退款,2026-13-07,5.00,\n打印社,2026-05-32,,2.00\n"
    frame, rejects, _ = read("bank_csv", text.encode(), layout=layout)
    assert (frame.height, [r.code for r in rejects]) == (1, ["BAD_DATE", "BAD_DATE"])


@pytest.mark.parametrize(
    "headings",
    [
        "借,贷,余额,收(付)方名称,收(付)方帐号",
        "借方金额,贷方金额,余额,收/付方名称,收/付方帐号",
        "借方金额,贷方金额,余额,收付方名称,收付方账号",
    ],
)
def test_headings_of_cmb(headings: str) -> None:
    text = f"帐号：110912345678901\n交易日,{headings}\n20260507,2.00,,9.00,某某公司,6222021\n"
    (line,) = read("bank_csv", text.encode("gb18030"), layout="cmb")[0].iter_rows(named=True)
    assert (line["account"], line["amount_fen"], line["closing_fen"]) == ("110912345678901", -200, 900)
    assert (line["counterparty_name"], line["counterparty_account"]) == ("某某公司", "6222021")


def test_a_comma_in_a_text_of_a_wallet_moves_no_amount() -> None:
    text = (
        "记账时间,资金流水单号,业务名称,收支类型,收支金额(元),账户结余(元),备注\r\n"
        '`2026-05-07 01:02:03,`11,`退款,`支出,`0.02,`0.17,`缺货,"退"款\r\n'
        "`2026-05-07 02:02:03,`12,`交易,`收入,`1.02,`1.19,`\r\n"
        "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n`2,`1,`1.02,`1,`0.02\r\n"
    )
    frame, rejects, closing = read("bank_csv", text.encode(), layout=FUND)
    assert (rejects, out_of_balance(closing.notes)) == ([], [])
    assert frame.select("reference", "amount_fen", "remittance").rows() == [
        ("11", -2, '退款 缺货,"退"款'),
        ("12", 102, "交易"),
    ]


def test_lines_that_end_with_cr_alone() -> None:
    text = (HEAD + "".join(ROWS)).replace("\n", "\r")
    frame, rejects, _ = read("bank_csv", text.encode("gb18030"), layout=PLAIN)
    assert (rejects, frame["amount_fen"].to_list()) == ([], [100, -200, 300])
    text = (HEAD + "".join(ROWS)).replace("乙", "不").replace("\n", "\r")  # 不 is 4E0D in UTF-16
    assert read("bank_csv", text.encode("utf-16"), layout=PLAIN)[2].refused is not None


@pytest.mark.parametrize(
    "labels", ["账号,{},币种,人民币,,\n", "户名,某工会,账号,{},,\n", "户名,账号,{},,,\n", "账号：{},,币种：,人民币\n"]
)
def test_labels_in_cells_above_the_next_account_are_no_line(labels: str) -> None:
    text = "".join(labels.format(f"622202100100{n}") + HEAD + ROWS[0] for n in (1234567, 7654321))
    frame, rejects, closing = read("bank_csv", text.encode(), layout=PLAIN)
    assert (rejects, out_of_balance(closing.notes), closing.records) == ([], [], 2)
    assert frame["account"].to_list() == ["6222021001001234567", "6222021001007654321"]


def test_a_line_without_its_day_that_speaks_of_an_account_is_a_reject() -> None:
    layout = {**PLAIN, "columns": {**PLAIN["columns"], "remittance": ["户名"]}}
    text = HEAD + ROWS[0] + ",,2.00,9.00,,账号：6222021001001234567\n"
    assert [r.code for r in read("bank_csv", text.encode(), layout=layout)[1]] == ["BAD_DATE"]


def test_a_sum_below_an_account_is_of_its_lines() -> None:
    text = "账号：111111,,\n" + HEAD + ROWS[0] + "账号：222222,,\n" + HEAD + "20260507,2.00,,2.00,,丁\n合计,2.00,,\n"
    for said, wrong in (
        (text, 0),
        (text.replace("合计,2.00", "合计,3.00"), 0),
        (text.replace("合计,2.00", "合计,4.00"), 1),
    ):
        _, rejects, closing = read("bank_csv", said.encode(), layout=PLAIN)
        assert (rejects, len(out_of_balance(closing.notes))) == ([], wrong)


@pytest.mark.parametrize("separator", [",", ";", "|"])
def test_headings_that_are_padded_with_tabs(separator: str) -> None:
    text = (HEAD + "".join(ROWS)).replace(",", f"\t{separator}").replace("\n", "\t\n")
    frame, rejects, _ = read("bank_csv", text.encode(), layout=PLAIN)
    assert (rejects, frame["amount_fen"].to_list()) == ([], [100, -200, 300])


def test_a_line_with_a_number_of_the_bank_is_no_sum() -> None:
    layout = {**PLAIN, "columns": {**PLAIN["columns"], "reference": ["流水号"], "remittance": ["摘要"]}}
    text = "日期,收入,支出,余额,流水号,摘要\n20260507,1.00,,11.00,2026050700001,货款\n"
    line = "20260508,,2.00,9.00,2026050800002,小计\n"
    assert read("bank_csv", (text + line).encode(), layout=layout)[0]["amount_fen"].to_list() == [100, -200]
    for count in ("", "2", "共2笔"):
        sums = line.replace("2026050800002", count)
        assert read("bank_csv", (text + sums).encode(), layout=layout)[0].height == 1


@pytest.mark.parametrize(
    "name", ["", "合计", "共2笔", "收入2笔", "支出", "2026年5月合计", "本日合计2笔", "人民币2笔", "第1页"]
)
def test_words_of_sums_are_no_name(name: str) -> None:
    text = f"日期,收入,支出,余额,户名,摘要\n20260507,1.00,,11.00,甲,货款\n20260507,1.00,,11.00,{name},本日合计\n"
    layout = {**NAMED, "columns": {**NAMED["columns"], "remittance": ["摘要"]}}
    assert read("bank_csv", text.encode(), layout=layout)[0].height == 1


NAMED = {**PLAIN, "columns": {**PLAIN["columns"], "counterparty_name": ["户名"]}}
FIRST = "账号：600012345678901\n日期,收入,支出,户名\n2026-05-07,1.00,,甲\n"


@pytest.mark.parametrize(
    "above",
    [
        "打印时间：2026-05-07,账号：700012345678901\n",
        "查询时间：2026-05-01至2026-05-07 账号：700012345678901\n",
        "期初余额：1.00,账号：700012345678901\n",
        "第1页,账号：700012345678901\n",
    ],
)
def test_what_begins_as_a_foot_may_name_the_next_account(above: str) -> None:
    text = FIRST + above + "日期,收入,支出,户名\n2026-05-07,2.00,,乙\n"
    frame, rejects, _ = read("bank_csv", text.encode(), layout=NAMED)
    assert rejects == []
    assert frame.select("account", "amount_fen").rows() == [("600012345678901", 100), ("700012345678901", 200)]


def test_behind_the_number_of_a_page_nothing_is_lost() -> None:
    text = FIRST + "第1页/共2页\n2026-O5-08,2.00,,乙\n,3.00,,丙\n2026-05-08,4.00,,丁\n"
    frame, rejects, _ = read("bank_csv", text.encode(), layout=NAMED)
    assert (frame["amount_fen"].to_list(), [r.code for r in rejects]) == ([100, 400], ["BAD_DATE"] * 2)


@pytest.mark.parametrize(
    ("form", "good", "wrong"),
    [
        ("YY/MM/DD", "26/05/07", "26/02/30"),
        ("YY/MM/DD", "260507", "260230"),
        ("MM/DD", "05/07", "02/30 10:00"),
        ("DD/MM/YYYY", "07 May 2026", "31 Jun 2026"),
        ("ISO", "2026-05-07", "2026-O5-07"),
    ],
)
def test_a_wrong_day_of_any_form_behind_a_foot_is_a_reject(form: str, good: str, wrong: str) -> None:
    text = f"日期,收入,支出,户名\n{good},1.00,,甲\n本页小计,1.00,,\n{wrong},2.00,,乙\n"
    frame, rejects, _ = read("bank_csv", text.encode(), layout={**NAMED, "date_format": form})
    assert (frame["amount_fen"].to_list(), [r.code for r in rejects]) == ([100], ["BAD_DATE"])


def test_when_it_was_printed_and_by_whom_is_no_line() -> None:
    text = "序号,日期,收入,支出,户名\n1,2026-05-07,1.00,,甲\n打印时间,2026-05-08,00123,,\n"
    frame, rejects, _ = read("bank_csv", text.encode(), layout=NAMED)
    assert (frame["amount_fen"].to_list(), rejects) == ([100], [])


@pytest.mark.parametrize("end", ["", ","])
def test_blank_cells_behind_backquotes_are_no_text(end: str) -> None:
    text = f"日期,户名,收入,支出,余额{end}\n`2026-05-07,`甲,`1.00,`,`5.00,\n`2026-05-08,`乙,丙,`2.00,`,`7.00,\n"
    frame, rejects, closing = read("bank_csv", text.encode(), layout=NAMED, account="1")
    assert (rejects, closing.notes) == ([], ())
    assert frame.select("amount_fen", "closing_fen").rows() == [(100, 700), (200, 700)]


def test_who_printed_it_is_no_account() -> None:
    text = FIRST + "打印日期：20260507 柜员 账号：00712\n2026-05-08,2.00,,乙\n"
    frame, rejects, _ = read("bank_csv", text.encode(), layout=NAMED)
    assert (frame["account"].unique().to_list(), frame.height, rejects) == (["600012345678901"], 2, [])


@pytest.mark.parametrize(("reference", "lines"), [("20260507", 1), ("123456.00", 1), ("900000000017", 2)])
def test_the_day_or_an_amount_of_a_sum_is_no_reference(reference: str, lines: int) -> None:
    layout = {**NAMED, "columns": {**NAMED["columns"], "reference": ["流水号"]}}
    text = f"日期,流水号,收入,支出,户名\n2026-05-07,900000000016,1.00,,甲\n2026-05-07,{reference},1.00,,本日合计\n"
    frame, rejects, _ = read("bank_csv", text.encode(), layout=layout)
    assert (frame.height, rejects) == (lines, [])
