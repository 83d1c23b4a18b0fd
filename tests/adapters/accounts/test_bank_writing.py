"""What banks and wallets write around and into the lines of an export: labels, feet, days, signs, currencies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from accounts_support import read

from adapters.accounts.bank_cells import CellError, date_of, name_of
from adapters.accounts.statement import out_of_balance
from settlement.model.errors import BadInput
from tests.adapters.accounts.test_bank_csv import workbook

PLAIN: dict[str, Any] = {
    "format": "plain",
    "title": "t",
    "columns": {
        "booking_date": ["日期"],
        "income": ["收入"],
        "expense": ["支出"],
        "balance": ["余额"],
        "currency": ["币种"],
        "counterparty_name": ["户名"],
    },
}
HEAD = "日期,收入,支出,余额,币种,户名\n"
ROWS = ("20260507,1.00,,11.00,,甲\n", "20260508,,2.00,9.00,,乙\n", "20260509,3.00,,12.00,,丙\n")


def _read(text: str, **changes: Any) -> Any:
    return read("bank_csv", text.encode(), layout={**PLAIN, **changes})


@pytest.mark.parametrize(
    ("line", "account"),
    [
        ("账号：6222 0210 0100 1234 567 户名：某某贸易有限公司", "6222021001001234567"),
        ("账号：6222 0210 0100 1234", "6222021001001234"),
        ("账号:6222021001001234567户名:甲", "6222021001001234567"),
        ("银行卡号：6222 8888 8888 8888 888 姓名：测试用户", "6222888888888888888"),
        ("账户流水明细 账号：6230****6666", "6230****6666"),
        ("账户账号,622900000000001234", "622900000000001234"),
        ("账户账号：,622900000000001234", "622900000000001234"),
        ("账　号：********1234", "********1234"),
        ("# 账户: [ 一卡通:621483******1234   招商银行]", "621483******1234"),
        ("账号：10-5456010400", "10-5456010400"),
        ("账号：X0004567", "X0004567"),
        ("对方账号：1234567 账号：7654321", "7654321"),
        ("对方账号：1234567", ""),
        ("账号,123456789012.0", "123456789012"),  # of a program that took it for a number
        ('账户,"4,075.09"', ""),
        ("账户,2026-05-07", ""),
    ],
)
def test_the_account_is_the_number_behind_its_label(line: str, account: str) -> None:
    assert _read(line + "\n" + HEAD + ROWS[0])[0]["account"].to_list() == [account]


def test_a_currency_is_not_the_words_behind_it() -> None:
    assert _read("币种：美元 账号：7654321\n" + HEAD + ROWS[0])[0]["currency"].to_list() == ["USD"]


@pytest.mark.parametrize(
    "day",
    [
        "20260121051300",
        "20260121 051300",
        "20260121\u00a0051300",
        "2026年01月21日 05:13:00",
        "2026年1月21日",
        "2026-01-21 15:",
        "2026-01-21\u300005:13:00",
        "\u00a02026/1/21\u00a0 05:13:00\u3000",
        datetime(2026, 1, 21, 5, 13),
    ],
)
def test_ways_to_write_a_day(day: Any) -> None:
    assert str(date_of(day, "ISO")) == "2026-01-21"


@pytest.mark.parametrize("day", ["20260230051300", "202601210513", "20260121 256000", "2026年13月01日", "21.01.2026"])
def test_what_is_no_day_is_shown(day: str) -> None:
    with pytest.raises(CellError, match="is not a day written YYYY-MM-DD") as error:
        date_of(day, "ISO")
    shown = str(error.value).split("'")[1]
    assert shown[:2] == day[:2]
    assert sum(char.isdigit() for char in shown) <= 10


def test_a_number_where_a_day_should_be_is_masked() -> None:
    rejects = _read(HEAD + ROWS[0].replace("20260507", "6222021001001234567"))[1]
    assert [r.code for r in rejects] == ["BAD_DATE"]
    assert "'62***************67' is not a day" in rejects[0].message


NAMES = (
    "澳元 AUD 加拿大元 CAD 瑞士法郎 CHF 新西兰元 NZD 新加坡元 SGD 韩元 KRW 澳大利亚元 AUD 澳门元 MOP 泰铢 THB 卢布 RUB"
)


@pytest.mark.parametrize(("written", "code"), list(zip(NAMES.split()[::2], NAMES.split()[1::2], strict=True)))
def test_currencies_by_their_chinese_names(written: str, code: str) -> None:
    row = ROWS[0].replace(",,甲", f",{written},甲").replace(".00", "")
    assert _read(HEAD + row)[0]["currency"].to_list() == [code]


def test_an_unknown_currency_says_how_it_is_added_and_that_works() -> None:
    row = ROWS[0].replace(",,甲", ",葡币,甲")
    reject = _read(HEAD + row)[1][0]
    assert reject.code == "BAD_CURRENCY"
    assert "currencies: {葡币: …}" in reject.message
    assert _read(HEAD + row, currencies={"葡币": "MOP"})[0]["currency"].to_list() == ["MOP"]
    for copied in ("…", "mop"):  # it would be the currency of the lines
        with pytest.raises(BadInput, match="currencies"):
            _read(HEAD + row, currencies={"葡币": copied})


def test_money_out_below_zero_is_money_out_where_the_mapping_says_so() -> None:
    text = HEAD + "20260507,123.45,0.00,1123.45,,甲\n20260508,0.00,-23.45,1100.00,,乙\n20260509,,1.00,1099.00,,\n"
    frame, _, closing = _read(text, expenses_signed=True)
    assert frame["amount_fen"].to_list() == [12345, -2345, -100]
    assert frame["reversal"].to_list() == [False] * 3
    assert out_of_balance(closing.notes) == []
    frame, _, closing = _read(text)
    assert (frame["amount_fen"][1], frame["reversal"][1]) == (2345, True)
    assert out_of_balance(closing.notes)


FEET = [
    "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\n`20.0,`17.0,`0.35,`3.0,`0.18\n",
    '"1 收 50,000.00","1 支 2,500.00",,,,\n',
    "本页小计,4.00,2.00,,,\n",
    "合计,4.00,2.00,,,\n制表：,某人\n打印时间 2026-05-31,,,,,\n",
]


@pytest.mark.parametrize("foot", FEET)
def test_a_foot_is_no_line(foot: str) -> None:
    frame, rejects, closing = _read(HEAD + "".join(ROWS) + foot)
    assert (rejects, frame.height, closing.records, out_of_balance(closing.notes)) == ([], 3, 3, [])
    assert _read(HEAD + ROWS[0] + "x,1.00,,,,\n")[1], "money that no trailer announces is a reject"


def test_lines_go_on_behind_a_sum_of_the_page_with_or_without_headings() -> None:
    for between in ("本页小计,1.00,2.00,,,\n", "本页小计,1.00,2.00,,,\n第2页\n" + HEAD, HEAD):
        frame, rejects, closing = _read(HEAD + ROWS[0] + ROWS[1] + between + ROWS[2])
        assert (rejects, frame.height, out_of_balance(closing.notes)) == ([], 3, [])


def test_a_line_lost_behind_a_sum_shows_by_the_balance() -> None:
    foot = "本页小计,1.00,2.00,,,\n"
    lost = HEAD + ROWS[0] + foot + ROWS[1].replace("20260508", "damaged") + ROWS[2]
    frame, rejects, closing = _read(lost)
    assert (rejects, frame.height) == ([], 2)
    assert len(out_of_balance(closing.notes)) == 1
    bad = HEAD + ROWS[0] + foot + ROWS[1] + ROWS[2].replace("20260509", "damaged")
    assert [r.code for r in _read(bad)[1]] == ["BAD_DATE"], "behind a line the foot is over"


def test_the_number_zero_is_no_name() -> None:
    rows: list[list[Any]] = [HEAD.strip().split(","), ["20260507", 1, 0, 11, "", 0], ["20260508", 1, 0, 12, "", "0"]]
    frame = read("bank_csv", workbook(rows), layout=PLAIN, account="1")[0]
    assert frame["counterparty_name"].to_list() == [None, "0"]
    assert [name_of(cell) for cell in (0.0, 7.0, " 甲 ", None)] == [None, "7", "甲", None]


@pytest.mark.parametrize(("row", "codes"), [("20260507,1.00,,11.00\n", []), ("20260507,1.00,,11.00,,甲,,  ,\n", [])])
def test_cells_that_are_missing_at_the_end_or_blank_beyond_it_are_no_fault(row: str, codes: list[str]) -> None:
    assert [r.code for r in _read(HEAD + row)[1]] == codes
    assert [r.code for r in _read(HEAD + ROWS[0].rstrip() + ",x\n")[1]] == ["FIELD_COUNT"]


def test_no_headings_offers_encodings_only_where_the_text_looks_wrong() -> None:
    message = read("bank_csv", "对账单,甲公司\n".encode(), layout=PLAIN)[2].refused.message  # type: ignore[union-attr]
    assert "encoding" not in message
    assert "docs/mapping.md" in message
    big5 = read("bank_csv", "對帳單,甲公司\n".encode("big5"), layout=PLAIN)[2].refused.message  # type: ignore[union-attr]
    assert "is encoding another" in big5


@pytest.mark.parametrize("day", ["交易时间", "交易日期"])
def test_the_present_export_of_a_person_at_boc(day: str) -> None:
    head = f"{day},业务摘要,对方账户名称,对方账户账号,币种,钞/汇,收入金额,支出金额,余额,交易渠道/场所,附言\n"
    rows = '2026/05/08 14:00:00,提现,甲,X8***A,人民币元,-,"3,000.00",,"53,000.00",网关,--甲\n'
    rows += '2026/05/07 10:30:00,支付,乙,X1***N,人民币元,-,,"2,500.00","50,000.00",网关,乙\n'
    frame, rejects, closing = read("bank_csv", (head + rows).encode(), layout="boc", account="1")
    assert (rejects, closing.notes) == ([], ())
    assert frame.select("amount_fen", "counterparty_name", "remittance").rows() == [
        (300_000, "甲", "提现 --甲"),
        (-250_000, "乙", "支付 乙"),
    ]
