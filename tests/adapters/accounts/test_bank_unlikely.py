"""Lines that look like feet, accounts and pages below each other, and numbers that are another thing than they seem."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from accounts_support import read

from adapters.accounts.bank_cells import CellError, account_of, amount_of
from adapters.accounts.statement import out_of_balance
from tests.adapters.accounts.test_bank_csv import workbook
from tests.adapters.accounts.test_bank_unseen import sheets
from tests.adapters.accounts.test_bank_writing import HEAD, PLAIN, ROWS

PAID = {**PLAIN, "columns": {**PLAIN["columns"], "counterparty_account": ["账号"], "remittance": ["摘要"]}}
SIDES = "日期,收入,支出,余额,户名,账号,摘要\n"
TWO_ROWS = "日期,发生额,,余额\n,收入,支出,\n"


def _amounts(text: str, layout: Any = PLAIN, **settings: Any) -> list[int]:
    frame, rejects, closing = read("bank_csv", text.encode(), layout=layout, **settings)
    assert (rejects, out_of_balance(closing.notes)) == ([], [])
    return frame["amount_fen"].to_list()


@pytest.mark.parametrize("side", ["某某公司,1234567", ",1234567", "某某公司,", "365便利店,"])
def test_a_line_whose_text_is_a_word_of_sums_is_one_where_it_has_another_side(side: str) -> None:
    rows = f"20260507,1.00,,11.00,甲,,货款\n20260508,,2.00,9.00,{side},合计\n"
    assert _amounts(SIDES + rows, PAID) == [100, -200]
    for sums in ("20260508,1.00,2.00,,,,合计\n", "20260508,,2.00,,共1笔,1,合计\n", ",,2.00,9.00,甲,,合计\n"):
        assert _amounts(SIDES + rows + sums, PAID) == [100, -200]


@pytest.mark.parametrize(("opening", "closing", "wrong"), [(10, 9, 0), (12, 9, 1), (10, 12, 1), (12, 12, 2)])
def test_balances_carried_must_be_those_of_the_lines(opening: int, closing: int, wrong: int) -> None:
    """The running balance proves no line but those in the middle."""
    rows = [f"20260507,,,{opening}.00,,期初余额\n", *ROWS[:2], f",,,{closing}.00,,期末余额\n"]
    for told in (rows, rows[::-1], [f"20260507,,,{opening}.00,,期初余额\n", *rows[1:], ",,,--,,期末余额\n"]):
        frame, rejects, closing_ = read("bank_csv", (HEAD + "".join(told)).encode(), layout=PLAIN)
        assert (frame.height, rejects) == (2, [])
        codes = [note.partition(":")[0] for note in out_of_balance(closing_.notes)]
        assert codes == ["BALANCE_DIFFERENCE"] * wrong


@pytest.mark.parametrize("none", ["00000000", "0000-00-00", "0", "0000-00-00 00:00:00"])
def test_a_day_of_zeros_is_none(none: str) -> None:
    layout = {**PLAIN, "columns": {**PLAIN["columns"], "value_date": ["起息日"]}}
    text = HEAD.strip() + ",起息日\n" + ROWS[0].strip() + f",{none}\n"
    frame, rejects, _ = read("bank_csv", text.encode(), layout=layout)
    assert (frame["value_date"].to_list(), rejects) == ([None], [])
    text = HEAD + ROWS[0].replace("20260507", none)
    assert [r.code for r in read("bank_csv", text.encode(), layout=PLAIN)[1]] == ["BAD_DATE"]


@pytest.mark.parametrize("day", ["2026-13-08", "20260231", "31/05/2026", "2026-02-30 10:00:00"])
def test_a_day_that_cannot_be_read_is_a_reject_behind_a_foot_too(day: str) -> None:
    text = HEAD + ROWS[0] + "本页小计,1.00,,,,\n" + f"{day},,2.00,9.00,,乙\n"
    assert [r.code for r in read("bank_csv", text.encode(), layout=PLAIN)[1]] == ["BAD_DATE"]
    for foot in ("2026-05-07至2026-05-31,1.00,,,,\n", "1000.00,250.00,,,,\n", f"{day},,,,,\n"):
        assert _amounts(HEAD + ROWS[0] + "本页小计,1.00,,,,\n" + foot) == [100]


def test_rules_between_the_lines_are_no_lines() -> None:
    rule = "--------,-----,----,---,--,----\n"
    assert _amounts(HEAD + rule + ROWS[0] + "-----------\n" + ROWS[1] + "==========\n") == [100, -200]


def test_the_next_page_of_an_account_has_its_currency() -> None:
    first = "账号：1111111 币种：美元\n" + HEAD + ROWS[0]
    for again in ("账号：1111111\n" + HEAD, "本页小计,1.00\n账号：1111111\n" + HEAD, "账号：1111111\n"):
        frame, rejects, _ = read("bank_csv", (first + again + ROWS[1]).encode(), layout=PLAIN)
        assert (set(frame["currency"]), frame["closing_fen"].to_list(), rejects) == ({"USD"}, [900, 900], [])


@pytest.mark.parametrize("again", [TWO_ROWS, ""])
def test_accounts_below_each_other(again: str) -> None:
    """With headings in two rows, or above the lines of all."""
    first, second = "20260507,1.00,,11.00\n20260508,,2.00,9.00\n", "20260507,,5.00,3.00\n"
    text = f"{TWO_ROWS}账号：1111111\n{first}总笔数：2\n账号：2222222\n{again}{second}总笔数：1\n"
    frame, rejects, closing = read("bank_csv", text.encode(), layout=PLAIN)
    assert (rejects, closing.notes) == ([], ())
    assert frame.select("account", "amount_fen").rows() == [("1111111", 100), ("1111111", -200), ("2222222", -500)]
    wrong = read("bank_csv", text.replace("总笔数：2", "总笔数：3").encode(), layout=PLAIN)[2]
    assert [note.partition(":")[0] for note in wrong.notes] == ["COUNT_MISMATCH"]


def test_another_table_below_has_its_own_columns() -> None:
    other = "日期,支出,收入,余额,户名,币种\n20260508,2.00,,9.00,乙,美元\n"
    frame, rejects, _ = read("bank_csv", (HEAD + ROWS[0] + "账号：2222222\n" + other).encode(), layout=PLAIN)
    assert rejects == []
    assert frame.select("amount_fen", "currency", "counterparty_name").rows() == [
        (100, "CNY", "甲"),
        (-200, "USD", "乙"),
    ]
    frame = read("bank_csv", (HEAD + ROWS[0] + other).encode(), layout=PLAIN)[0]
    assert frame["amount_fen"].to_list() == [100, -200]


def test_an_account_in_a_foot_is_not_that_of_the_lines_below() -> None:
    text = "账号：1111111\n" + HEAD + ROWS[0] + "说明：退款请汇至 账号：9999999\n" + ROWS[1]
    assert set(read("bank_csv", text.encode(), layout=PLAIN)[0]["account"]) == {"1111111"}


@pytest.mark.parametrize(
    "cells", ['账号,"4,075.09",,,,', "账号,,50000.00,9.00,,", "账号,2026-05-08,2.00,,9.00,", "账号,5月,,2.00,9.00,"]
)
def test_an_amount_or_a_day_is_no_account(cells: str) -> None:
    """A row with a label in its first cell that names no account is a line that cannot be read."""
    frame, rejects, closing = read("bank_csv", (HEAD + ROWS[0] + cells + "\n" + ROWS[1]).encode(), layout=PLAIN)
    assert (len(rejects), closing.records, set(frame["account"])) == (1, 3, {""})


def test_headings_in_two_rows_come_again() -> None:
    assert _amounts(TWO_ROWS + "20260507,1.00,,11.00\n" + TWO_ROWS + "20260508,,2.00,9.00\n") == [100, -200]


def test_another_sheet_with_headings_in_two_rows() -> None:
    page = [row.split(",") for row in TWO_ROWS.splitlines()]
    raw = sheets([*page, ["20260507", 1, "", 11]], [*page, ["20260601", "", 2, 9]])
    assert read("bank_csv", raw, layout=PLAIN)[2].refused.code == "OTHER_SHEETS"  # type: ignore[union-attr]
    assert read("bank_csv", sheets([*page, ["20260507", 1, "", 11]], page), layout=PLAIN)[2].refused is None


def test_days_without_a_year_are_in_the_stretch_above_the_headings() -> None:
    layout = {**PLAIN, "date_format": "MM/DD"}
    text = "账单周期：2023年12月05日-2024年01月04日\n" + HEAD + "12/30,1.00,,11.00,,\n1/3 9:05,,2.00,9.00,,\n"
    frame, rejects, _ = read("bank_csv", text.encode(), layout=layout)
    assert ([str(day) for day in frame["booking_date"]], rejects) == (["2023-12-30", "2024-01-03"], [])


@pytest.mark.parametrize("written", ["10.00(DR)", "10.00(CR)", "10.00 (DB)"])
def test_a_mark_of_the_direction_is_no_land(written: str) -> None:
    with pytest.raises(CellError):
        amount_of(written, 2)


def test_a_number_of_seventeen_digits_may_end_in_two_zeros() -> None:
    assert account_of("10510201040002100") == "10510201040002100"


def test_a_long_number_of_a_workbook_has_no_point() -> None:
    layout = {**PLAIN, "columns": {**PLAIN["columns"], "reference": ["流水号"]}}
    raw = workbook([["日期", "收入", "支出", "流水号"], ["20260507", 1, "", 2026050712345678]])
    assert read("bank_csv", raw, layout=layout)[0]["reference"].to_list() == ["2026050712345678"]


def test_thousands_without_quotes_do_not_become_two_cells() -> None:
    layout = {"format": "short", "title": "t", "columns": {"booking_date": ["日期"], "amount": ["金额"]}}
    text = "日期,金额,摘要,\n20260507,1,234.56,货款,\n20260508,2.00,货款,\n20260509,3.00,货款,,\n"
    frame, rejects, _ = read("bank_csv", text.encode(), layout=layout)
    assert (frame["amount_fen"].to_list(), [r.code for r in rejects]) == ([200, 300], ["FIELD_COUNT"])
    merged = workbook([["日期", "金额", "对方", ""], ["20260507", 1, "甲", "1234567"]])
    assert read("bank_csv", merged, layout=layout)[1] == []


@pytest.mark.parametrize(
    "lines",
    [
        # the second line stands in the cell that the first quote opened and the second closes
        '20260507,1.00,,11.00,,"甲\n20260508,,2.00,9.00,,乙"\n',
        '"20260507,1.00,,11.00,,甲\n20260508",,2.00,9.00,,乙\n20260509,3.00,,12.00,,丙\n',
        '20260507,1.00,"x,11.00,,甲\n20260508,,2.00,9.00,,乙\n20260509,3.00,",12.00,,丙\n',
        '20260507,1.00,,11.00,"x,\n20260508,,2.00",9.00,,\n20260509,3.00,,12.00,,丙\n',  # ends before it began
        '20260507,1.00,,11.00,"x,甲\n20260508",,2.00,9.00,,乙\n20260509,3.00,,12.00,,丙\n',
        '"20260507,1.00,,11.00,,甲\n20260508,,2.00,9.00,,乙"\n20260509,3.00,,12.00,,丙\n',
        '20260507,1.00,,"11.00\n20260508,,2.00,9.00"\n20260509,3.00,,12.00\n',  # lines that lack their last cells
    ],
)
def test_two_stray_quotes_hide_no_line(lines: str) -> None:
    closing = read("bank_csv", (HEAD + lines).encode(), layout=PLAIN)[2]
    assert closing.refused is not None
    assert (closing.refused.code, closing.refused.byte > 0) == ("BAD_QUOTES", True)


def test_a_name_over_two_lines_is_one_line() -> None:
    text = HEAD + '20260507,1.00,,11.00,,"甲,一\n乙,二"\n20260508,,2.00,9.00,,乙\n'
    frame, rejects, closing = read("bank_csv", text.encode(), layout=PLAIN)
    assert (frame["amount_fen"].to_list(), rejects, closing.refused) == ([100, -200], [], None)


NOTE = '"注： 1, this list, as printed,\n2, is for reference only, and no receipt, call 95588"\n'


@pytest.mark.parametrize(
    "quoted",
    [
        (NOTE, ""),
        ("", NOTE),
        ("", '20260508,,2.00,7.00,,"a,b,c,d,20260507,f\ng, h"\n'),
        ("", '20260508,,2.00,7.00,,"a,b,c,d,e,f\ng, h"\n'),
    ],
)
def test_sentences_with_commas_and_line_ends_are_no_line(quoted: tuple[str, str]) -> None:
    frame, rejects, closing = read("bank_csv", f"{quoted[0]}{HEAD}{ROWS[0]}{quoted[1]}".encode(), layout=PLAIN)
    assert (frame["amount_fen"][0], rejects, closing.refused) == (_amounts(HEAD + ROWS[0])[0], [], None)
    assert frame["counterparty_name"].to_list()[1:] in ([], ["a,b,c,d,e,fg, h"], ["a,b,c,d,20260507,fg, h"])


def test_a_line_that_begins_with_a_word_of_sums_is_one_where_it_has_another_side() -> None:
    head = "摘要,日期,收入,支出,户名\n"
    rows = "合计付款,20260507,1.00,,甲公司\n货款,20260508,,2.00,乙公司\n合计,20260508,1.00,2.00,\n"
    layout = {**PLAIN, "columns": {**PLAIN["columns"], "balance": [], "remittance": ["摘要"]}}
    assert _amounts(head + rows, layout) == [100, -200]


def test_tables_side_by_side_are_sent_apart() -> None:
    text = "日期,收入,支出,余额,日期,收入,支出,余额\n20260507,1.00,,11.00,20260507,2.00,,13.00\n"
    closing = read("bank_csv", text.encode(), layout=PLAIN)[2]
    assert closing.refused is not None
    assert (closing.refused.code, "收入" in closing.refused.message) == ("BAD_HEADING", True)


@pytest.mark.parametrize(
    ("above", "unit", "amounts"),
    [
        ("单位：元", "yuan", [100, -200]),
        ("单位：人民币元", "yuan", [100, -200]),
        ("金额单位：人民币万元", "yuan", None),
        ("（单位：分）", "yuan", None),
        ("（单位：分）", "fen", [1, -2]),
        ("开户单位：分宜支行", "yuan", [100, -200]),
        ("账户明细（万元）", "yuan", None),
        ("信用额度（万元）：5", "yuan", [100, -200]),
        ("信用额度（万元）,5", "yuan", [100, -200]),
        ("注册资本（单位：万元）：50", "yuan", [100, -200]),
        ("查询时间（时/分/秒）,10/20/30", "yuan", [100, -200]),
        ("单位：元", "fen", None),
    ],
)
def test_amounts_in_another_unit_are_not_yuan(above: str, unit: str, amounts: list[int] | None) -> None:
    body = "20260507,1.00,,11.00\n20260508,,2.00,9.00\n"
    body = body if unit == "yuan" else body.replace(".00", "")
    closing = read("bank_csv", f"{above}\n{HEAD}{body}".encode(), layout={**PLAIN, "unit": unit})[2]
    if amounts is None:
        assert closing.refused is not None
        assert closing.refused.code == "BAD_HEADING"
    else:
        assert _amounts(f"{above}\n{HEAD}{body}", {**PLAIN, "unit": unit}) == amounts
    headed = {**PLAIN, "columns": {**PLAIN["columns"], "income": ["收入(万元)"]}}
    closing = read("bank_csv", (HEAD.replace("收入", "收入(万元)") + body).encode(), layout=headed)[2]
    assert closing.refused is not None


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("人民币(CNY)", "CNY"),
        ("CNY 人民币", "CNY"),
        ("01-人民币", "CNY"),
        ("美元/USD", "USD"),
        ("人民币/USD", ""),
        ("人民币户", ""),
        ("002 活期储蓄存款 港币 现汇", "HKD"),
        ("钞户 人民币", "CNY"),
        ("人民币 兑 美元", ""),
        ("VIP 人民币", ""),
        ("VIP 客户", ""),
        ("活期 现汇", ""),
        ("折合人民币 美元", ""),
        ("人民币户 人民币", "CNY"),
        ("人民币（元）", "CNY"),
        ("人民币（万元）", ""),
        ("美元 单位分", ""),
    ],
)
def test_a_currency_that_is_told_twice_or_beside_other_words(written: str, code: str) -> None:
    frame, rejects, _ = read("bank_csv", f"{HEAD}20260507,1.00,,11.00,{written},甲\n".encode(), layout=PLAIN)
    assert [r.code for r in rejects] == ([] if code else ["BAD_CURRENCY"])
    assert frame["currency"].to_list() == [code or "CNY"]
    # of a unit no code is asked for: under it, yuan would be read
    assert ["in yuan" in r.message and "currencies:" not in r.message for r in rejects] == (
        [] if code else [written in {"人民币（万元）", "美元 单位分"}]
    )


def test_a_packed_file_is_unpacked_first() -> None:
    closing = read("bank_csv", gzip.compress((HEAD + ROWS[0]).encode()), layout=PLAIN)[2]
    assert closing.refused is not None
    assert (closing.refused.code, "unpack it" in closing.refused.message) == ("NOT_A_WORKBOOK", True)


def test_money_out_with_a_minus_and_without_one_is_not_guessed() -> None:
    layout = {**PLAIN, "columns": {**PLAIN["columns"], "expense": ["支出（-元）"]}}
    text = HEAD.replace("支出", "支出（-元）") + "20260507,,2.36,11.00,,收费\n20260507,,-2.36,13.36,,收费\n"
    frame, rejects, _ = read("bank_csv", text.encode(), layout=layout)
    assert (frame["amount_fen"].to_list(), [r.code for r in rejects]) == ([-236], ["BAD_SIGN"])
    frame, rejects, _ = read("bank_csv", text.encode(), layout={**layout, "expenses_signed": False})
    assert (frame["amount_fen"].to_list(), rejects) == ([-236, 236], [])


@pytest.mark.parametrize(
    ("above", "account"),
    [
        ("账户：基本存款账户\n账号：0012\n", "0012"),
        ("本方账号,对方账号\n", ""),
        ("账户：****0012\n", "****0012"),
    ],
)
def test_a_kind_of_account_or_a_heading_is_no_account(above: str, account: str) -> None:
    frame = read("bank_csv", (above + HEAD + ROWS[0]).encode(), layout=PLAIN)[0]
    assert frame["account"].to_list() == [account]


@pytest.mark.parametrize(("heading", "amount"), [("支出（-元）", -236), ("支出(-元)", -236), ("支出", 236)])
def test_a_heading_may_say_that_money_out_stands_below_zero(heading: str, amount: int) -> None:
    layout = {**PLAIN, "columns": {**PLAIN["columns"], "expense": [heading]}}
    text = HEAD.replace("支出", heading) + "20260507,,-2.36,11.00,,收费\n"
    assert _amounts(text, layout) == [amount]
