"""What a bank's export says of its lines besides amounts: direction marks, totals, counts, its last line end."""

from __future__ import annotations

import io

import pytest
import xlsxwriter
from accounts_support import read

from adapters.accounts import bank_csv
from adapters.accounts.statement import out_of_balance, unproven

HEAD = "凭证号,本方账号,交易时间,借/贷,借方发生额,贷方发生额,摘要,余额\n"
IN = "1,11,2026-05-07 10:00:00,贷,0.00,100.00,货款,1100.00\n"
OUT = "2,11,2026-05-07 11:00:00,借,50.00,,手续费,1050.00\n"


def _read(text: str, layout: str = "icbc"):
    return read("bank_csv", text.encode("gb18030"), layout=layout)


@pytest.mark.parametrize(
    ("row", "code", "name"),
    [
        (IN.replace("贷", "借"), "SIGN_MISMATCH", "amount"),
        (OUT.replace("借", "贷"), "SIGN_MISMATCH", "amount"),
        (IN.replace("贷", "进"), "BAD_SIGN", "amount"),
        (IN.replace("100.00", "1x0.00"), "BAD_AMOUNT", "amount"),
        (IN.replace("2026-05-07", "2026-02-30"), "BAD_DATE", "booking_date"),
        (IN.replace(",11,", ",123456789012365000,"), "ROUNDED_ACCOUNT", "account"),
        (IN.replace("\n", ",x\n"), "FIELD_COUNT", ""),
    ],
)
def test_a_reject_names_its_column(row: str, code: str, name: str) -> None:
    assert [(r.code, r.field) for r in _read(HEAD + row)[1]] == [(code, name)]


def test_marks_that_agree_are_fine() -> None:
    rows = IN.replace("贷", "贷 Cr") + OUT.replace("借", "") + "3,11,2026-05-07,借,-1.00,,红字,1051.00\n"
    frame, rejects, _ = _read(HEAD + rows)
    assert (rejects, frame["amount_fen"].to_list()) == ([], [10000, -5000, 100])


@pytest.mark.parametrize(
    ("foot", "notes"),
    [
        ("人民币合计,,,,50.00,100.00\n", []),
        (
            "人民币合计,,,,999.00,100.01\n",
            [
                "TOTAL_MISMATCH: 人民币合计 贷方发生额 declares 100.01 and its lines have 100.00 CNY",
                "TOTAL_MISMATCH: 人民币合计 借方发生额 declares 999.00 and its lines have 50.00 CNY",
            ],
        ),
        ("本页小计,,,,9.00,9.00\n", []),
        ("合计,收入,100.00\n", []),
        ("总笔数：2笔\n", []),
        ("总笔数：3\n", ["COUNT_MISMATCH: 总笔数 declares 3 lines and the file has 2"]),
        ("合计,,,,50.00,100.00\n3,11,2026-05-08,贷,,1.00,,1051.00\n合计,,,,,1.00\n", []),
    ],
)
def test_declared_totals_are_compared(foot: str, notes: list[str]) -> None:
    assert out_of_balance(_read(HEAD + IN + OUT + foot)[2].notes) == notes


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("借方笔数：1,借方发生额汇总：{out}\n贷方笔数：1,贷方发生额汇总：100.00\n", "借方发生额汇总"),
        ("收入总金额,100.00,支出总金额,{out}\n", "支出总金额"),
        ("借方（支出）金额汇总：{out}元\n", "借方(支出)金额汇总"),
        ("#支出合计： 1 笔，共 {out} 元\n", "支出合计"),
        ("总支出：{out}  总收入：100.00\n", "总支出"),
    ],
)
def test_sums_behind_their_words_are_compared(said: str, wrong: str) -> None:
    for out, notes in (
        ("50.00", []),
        ("51.00", [f"TOTAL_MISMATCH: {wrong} declares 51.00 and its lines have 50.00 CNY"]),
    ):
        told = said.format(out=out)
        assert out_of_balance(_read(told + HEAD + IN + OUT)[2].notes) == notes
        assert out_of_balance(_read(HEAD + IN + OUT + told)[2].notes) == notes
        page = told.replace("支出", "本年支出").replace("借方", "本页借方")
        assert out_of_balance(_read(HEAD + IN + OUT + page)[2].notes) == []


def test_a_sum_may_have_what_was_undone_with_its_minus_or_without() -> None:
    back = "3,11,2026-05-07 12:00:00,借,-50.00,,退回,1100.00\n"
    for said, wrong in (("0.00", 0), ("100.00", 0), ("50.00", 1)):
        closing = _read(f"借方发生总额：{said}\n" + HEAD + IN + OUT + back)[2]
        assert len(out_of_balance(closing.notes)) == wrong


def test_a_sum_of_amounts_with_a_direction_and_of_each_account() -> None:
    head = (
        "查询账号|{0}|\n借方发生总额|{1}|\n交易类型[ Type ]|交易日期|交易金额|交易后余额|\n往账|20260507|-5.00|+9.00|\n"
    )
    for second, wrong in (("5.00", 0), ("6.00", 1)):
        text = head.format("1111111", "5.00") + head.format("2222222", second)
        _, rejects, closing = _read(text, "boc")
        assert (rejects, len(out_of_balance(closing.notes))) == ([], wrong)


def test_what_undoes_money_out_is_less_of_that_side_of_signed_amounts() -> None:
    layout = {
        "format": "marked",
        "title": "t",
        "columns": {"booking_date": ["日期"], "amount": ["金额"], "direction": ["借贷"]},
        "directions": {"借": -1, "贷": 1},
        "expenses_signed": False,
    }
    lines = "日期,借贷,金额\n20260507,贷,9.00\n20260507,借,5.00\n20260508,借,-2.00\n20260509,贷,-1.00\n"
    for out, into, wrong in (("3.00", "8.00", 0), ("7.00", "10.00", 0), ("5.00", "11.00", 2)):
        text = f"{lines}借方总额：{out}\n贷方总额：{into}\n"
        closing = read("bank_csv", text.encode(), layout=layout)[2]
        assert len(out_of_balance(closing.notes)) == wrong


def test_totals_count_rejects_and_are_unproven_over_what_cannot_be_read() -> None:
    foot = "合计,,,,50.00,100.00\n"
    closing = _read(HEAD + IN + OUT.replace("2026-05-07", "2026-02-30") + foot)[2]
    assert (closing.rejected, out_of_balance(closing.notes)) == (1, [])
    for said in (foot, "借方发生总额：50.00\n", "贷方发生总额：100.00,借方发生总额：50.00,贷方合计：,\n"):
        notes = unproven(_read(HEAD + IN + OUT.replace("50.00,", "5O.00,") + said)[2].notes)
        assert [note.split(":")[0] for note in notes] == ["TOTAL_UNPROVEN"]


@pytest.mark.parametrize(
    ("foot", "notes"),
    [
        ("借方合计,2,100.00\n", []),
        ('借方合计,1,"2,100.00"\n', []),
        ("贷方合计：3,100.00\n", []),
        ("贷方合计,1,3100.00\n", []),  # one line
        ("期初余额：1,000.00,期末余额：2,000.00\n", []),
        ("期初余额,1,000.00,期末余额,2,000.00\n", []),
        ("期初余额,¥1,000.00,期末余额,¥2,000.00\n", []),
        ("期末余额：2,001.00\n", ["BALANCE_DIFFERENCE: 期末余额 declares 2001.00 and the lines have 2000.00 CNY"]),
        ("期末余额,2,001.00元\n", ["BALANCE_DIFFERENCE: 期末余额 declares 2001.00 and the lines have 2000.00 CNY"]),
    ],
)
def test_an_amount_of_a_foot_whose_thousands_have_no_quotes(foot: str, notes: list[str]) -> None:
    """Behind a word of sums it may be a count before a sum: it holds nothing; a balance is put together again."""
    lines = IN.replace(",100.00", ",3100.00").replace("1100.00", "4100.00") + OUT.replace("50.00,,", "2100.00,,")
    assert _read(HEAD + lines.replace("1050.00", "2000.00") + foot)[2].notes == tuple(notes)


def test_a_last_line_that_may_be_cut() -> None:
    text = HEAD + IN
    assert unproven(_read(text)[2].notes) == []
    for cut in (1, 2, 4):
        assert [note.split(":")[0] for note in unproven(_read(text[:-cut])[2].notes)] == ["NO_LAST_LINE_END"]
    refused = _read(text[: text.rindex(",")])[2].refused
    assert refused is not None
    assert refused.code == "TRUNCATED"
    whole = text.replace("余额\n", "余额,备注\n").replace("1100.00\n", "1100.00,x")
    assert unproven(_read(whole)[2].notes) == []
    assert any(note.startswith("OPEN_LAST_TEXT: ") for note in _read(whole)[2].notes)
    assert unproven(_read(text + "合计,,,,0.00,100.00")[2].notes) == []


@pytest.mark.parametrize("line", ["\n", ",,,,\n", "合计\n"])
def test_a_file_of_blank_lines_is_refused_soon(line: str) -> None:
    refused = _read(HEAD + IN + line * (bank_csv.MAX_PASSED + 1))[2].refused
    assert refused is not None
    assert refused.code == "TOO_MANY_LINES"


@pytest.mark.parametrize(
    ("column", "formula", "value", "outcome"),
    [
        (7, "=1/0", "#DIV/0!", [("UNREAD_CELL", "balance")]),
        (5, "=50+50", "", [("UNREAD_CELL", "amount")]),
        (5, "=50+50", 100, []),
        (8, "=1/0", "#DIV/0!", []),
    ],
)
def test_a_cell_without_a_value_is_no_blank_cell(column: int, formula: str, value: object, outcome: list[str]) -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    sheet = book.add_worksheet()
    for at, text in enumerate([HEAD.strip() + ",无", IN.replace("0.00,100.00", ",100.00").strip()]):
        sheet.write_row(at + 3, 2, text.split(","))
    sheet.write_formula(4, 2 + column, formula, None, value)
    book.close()
    rejects = read("bank_csv", out.getvalue(), layout="icbc")[1]
    assert [(r.code, r.field) for r in rejects] == outcome


@pytest.mark.parametrize(
    "card",
    [
        "6222 0212 3456 7890 123",
        "6222-0212-3456-7890-123",
        "６２２２０２１２３４５６７８９０１２３",
        "６２２２ ０２１２ ３４５６ ７８９０ １２３",
        "622202 1234567890123",
        "6222\u30000212\u30003456\u30007890\u3000123",
    ],
)
def test_a_card_number_is_masked_however_it_is_written(card: str) -> None:
    frame = _read(HEAD + IN.replace("货款", f"付{card}款"))[0]
    assert frame["remittance"].to_list() == ["付622202*********0123款"]


def test_other_numbers_stay() -> None:
    texts = "2026-05-07 10:00:00 SZ-20260507-000001 1102 0200 0000 0001 0512-65221234"
    assert _read(HEAD + IN.replace("货款", texts))[0]["remittance"].to_list() == [texts]


@pytest.mark.parametrize(("count", "notes"), [("3", ["COUNT_MISMATCH"]), ("2", [])])
def test_a_count_below_its_label_is_compared(count: str, notes: list[str]) -> None:
    foot = f"资金流水总笔数,收入笔数,收入金额\n`{count},`1,`100.00\n"
    closing = _read(HEAD + IN + OUT + foot)[2]
    assert [note.partition(":")[0] for note in out_of_balance(closing.notes)] == notes


def test_a_number_below_a_count_that_stands_beside_its_label_is_another() -> None:
    closing = _read("总笔数,2\n1,收入笔数\n" + HEAD + IN + OUT)[2]
    assert out_of_balance(closing.notes) == []


@pytest.mark.parametrize(
    ("foot", "wrong"),
    [
        ("期初余额,1000.00,期末余额,1050.00\n", []),  # the fourth column is that of balances
        ("期初余额,1000.00,期末余额,1051.00\n", ["期末余额"]),
        ("期末余额,1051.00\n", ["期末余额"]),
        ("期末余额,,,1051.00\n", ["期末余额"]),
        ("2026-05-07,期末余额,,1050.00\n", []),
        ("期初余额,,50.00,1000.00,1\n", []),
        ("期末余额,0.00,人民币,1050.00\n", []),  # without its day
        ("期末余额,0.00,人民币,1051.00\n", ["期末余额"]),
        ("期末余额,100,150,1050\n", []),  # a workbook writes whole yuan so
    ],
)
def test_a_balance_stands_behind_its_word_or_in_its_column(foot: str, wrong: list[str]) -> None:
    lines = "交易时间,收入金额,支出金额,账户余额\n20260507,100.00,,1100.00\n20260507,,50.00,1050.00\n"
    notes = out_of_balance(_read(lines + foot, "abc")[2].notes)
    assert [note.split()[1] for note in notes] == wrong
