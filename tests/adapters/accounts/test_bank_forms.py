"""Each table that the banks of the presets export: accounts of companies and people, debit and credit cards."""

from __future__ import annotations

from datetime import date

import pytest
from accounts_support import read

from adapters.accounts.statement import out_of_balance

# One export of each form that the banks of the presets write, made up after public ones: (bank, text, what it says).
FORMS: list[tuple[str, str, list[tuple[str, str, int]], tuple[int | None, int | None]]] = [
    (
        "ccb",
        (
            "建设银行账户明细信息,,,,,\n账　　号,0012,,账户名称,某公司,\n"
            "账户明细编号-交易流水号,交易时间,发生额/元,,余额/元,对方户名\n,,借方,贷方,,\n"
            '1-1,20260507 10:20:30,250.50,0.00,"749.50",甲\n1-2,20260508 10:20:30,0.00,"1,000.00","1,749.50",乙\n'
        ),
        [("0012", "2026-05-07", -25050), ("0012", "2026-05-08", 100_000)],
        (100_000, 174_950),
    ),
    (
        "icbc",
        (
            "户名: 某公司,账号: 0012\n日期,对方户名,对方账号,摘要,借方发生额,贷方发生额,余额\n"
            "2026-05-07,甲,11,付,250.50,,749.50\n"
        ),
        [("0012", "2026-05-07", -25050)],
        (100_000, 74_950),
    ),
    (
        "abc",
        (
            "账户号,,0012,账户名称,,某公司\n交易时间,收入金额,支出金额,账户余额,对方户名,交易用途\n"
            "2026-05-07 10:00:00,,250.50,749.50,甲,付\n"
        ),
        [("0012", "2026-05-07", -25050)],
        (100_000, 74_950),
    ),
    (
        "cmb",
        "公司名称,某公司\n银行账号,0012\n交易日,借方金额,贷方金额,余额,收(付)方名称\n20260507,250.50,,749.50,甲\n",
        [("0012", "2026-05-07", -25050)],
        (100_000, 74_950),
    ),
    (
        "icbc",
        (
            '明细查询文件下载\n\n卡号: 1234****5678,"卡别名: "\n\n'
            "交易日期,记账日期,摘要,交易场所,记账金额(收入),记账金额(支出),记账币种,余额,对方户名\n"
            '2026-05-06 \t,2026-05-07 \t,"消费  \t",店 \t,"   \t","18.00 \t",人民币 \t,"-118.00 \t","  \t",\n'
            '2026-05-06 \t,2026-05-06 \t,"消费  \t",店 \t,"   \t","26.00 \t",人民币 \t,"-100.00 \t","  \t",\n'
            ' \n合计金额,,,,"0.00 \t","44.00 \t",\n'
        ),
        [("1234****5678", "2026-05-07", -1800), ("1234****5678", "2026-05-06", -2600)],
        (-7400, -11800),
    ),
    (
        "icbc",
        (
            "[HISTORYDETAIL]\n对方账号\t交易时间\t借贷标志\t对方单位\t用途\t摘要\t附言\t发生额\t余额\t币种\t\n"
            "11\t2026-05-07 10:00:00\t借\t甲\t付\t补\t-\t250.50\t749.50\t人民币\t\n"
            "12\t2026-05-08 11:00:00\t贷\t乙\t收\t\t\t1,000.00\t1,749.50\t人民币\t\n"
        ),
        [("", "2026-05-07", -25050), ("", "2026-05-08", 100_000)],
        (100_000, 174_950),
    ),
    (
        "icbc",
        "对方账号,交易时间,对方单位,用途,余额,转出金额,转入金额\n11,2026-05-07 10:00:00,甲,付,749.50,250.50,\n",
        [("", "2026-05-07", -25050)],
        (100_000, 74_950),
    ),
    (
        "boc",
        (
            "查询账号[ Inquirer account number ]|0012|\n总笔数[ Total number ]|2|\n"
            "交易类型[ Transaction Type ]|付款人账号[ Debit Account No. ]|收款人账号[ Payee's Account Number ]|"
            "交易日期[ Date ]|交易时间[ Time ]|交易货币[ Currency ]|交易金额[ Amount ]|交易后余额[ Balance ]|\n"
            "往账|0012||20260507|14:22:52|USD|-400.00|+32.32|\n来账|AE73|0012|20260508|10:18:11|USD|+12.38|+44.70|\n"
        ),
        [("0012", "2026-05-07", -40_000), ("0012", "2026-05-08", 1238)],
        (43_232, 4470),
    ),
    (
        "boc",
        (
            "交易流水明细\n记账日期,记账时间,币别,金额,余额,交易名称,附言,对方账户名,对方卡号/账号,借记卡号\n"
            '2026-05-07,17:57:17,人民币,-71.89,"3,240.28",支付,----------,张三,6226******5669,3167\n'
        ),
        [("3167", "2026-05-07", -7189)],
        (331_217, 324_028),
    ),
    (
        "icbc",
        (
            "交易日期,账号,储种,币种,摘要,收入/支出金额,余额,对方户名,对方账号,渠道\n"
            '2026-05-07 08:20:50,0200006,活期,人民币,消费,-5.00,"1,799.57",甲,2088****0156,快捷支付\n'
        ),
        [("0200006", "2026-05-07", -500)],
        (180_457, 179_957),
    ),
    (
        "ccb",
        ("客户账号,交易日期,交易时间,借方发生额,贷方发生额,余额,凭证号码\n0012,20260507,10:10:10,2100.00,,100.08,1\n"),
        [("0012", "2026-05-07", -210_000)],
        (220_008, 10_008),
    ),
    (
        "abc",
        (
            "交易日期,交易时间,交易摘要,交易金额,本次余额,对手信息,日 志 号,交易渠道,交易附言\n"
            "20260507,101112,转存,+100.00,110.00,甲,369,网银,转账\n20260508,,还款,-10.00,100.00,123456,370\n"
        ),
        [("", "2026-05-07", 10_000), ("", "2026-05-08", -1000)],
        (1000, 10_000),
    ),
    (
        "ccb",
        (
            ",卡号/账号:0012,,客户名称:张三\n序号,摘要,币别,钞汇,交易日期,交易金额,账户余额,交易地点/附言,对方账号与户名\n"
            '1,汇兑,人民币元,钞,20260507,"5,000.00","7,100.00",汇入,0013/张三\n2,购,人民币元,钞,20260508,-100.00,"7,000.00",店,\n'
        ),
        [("0012", "2026-05-07", 500_000), ("0012", "2026-05-08", -10_000)],
        (210_000, 700_000),
    ),
    (
        "ccb",
        (
            "中国建设银行\n账　　号,0012,账户名称,某公司\n"
            "交易时间,借方发生额/元(支取),贷方发生额/元(收入),余额,币种,记账日期\n"
            "20260507 15:24:03,2100.00,0,100.08,人民币元,20260508\n"
        ),
        [("0012", "2026-05-08", -210_000)],
        (220_008, 10_008),
    ),
    (
        "cmb",
        (
            '\ufeff"# 招商银行交易记录"\n"# 账    号: [一卡通:6214********5555   招商银行]"\n'
            '"# 币    种: [           人民币]"\n\n'
            '"交易日期","交易时间","收入","支出","余额","交易类型","交易备注"\n'
            '"\t20260508","\t10:30:00","2.50","","102.50","结息","\t结息"\n'
            '"\t20260507","\t18:45:20","","200.00","100.00","汇款","\t 张"\n\n"# 收入合计: 1 笔，共 2.50 元"\n'
        ),
        [("6214********5555", "2026-05-08", 250), ("6214********5555", "2026-05-07", -20_000)],
        (30_000, 10_250),
    ),
    (
        "cmb",
        (
            "信用卡对账单（个人消费卡账户 2026年01月）\n交易日,记账日,交易摘要,人民币金额,卡号末四位,交易地金额\n"
            ',12/29,还款,-1.23,1234,-1.23\n01/05,01/07,中国移动,"8,000.00",1234,"8,000.00(CN)"\n'
        ),
        [("1234", "2025-12-29", 123), ("1234", "2026-01-07", -800_000)],
        (None, None),
    ),
]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
@pytest.mark.parametrize(("bank", "text", "lines", "balances"), FORMS)
def test_each_form_of_a_bank_is_read(
    bank: str,
    text: str,
    lines: list[tuple[str, str, int]],
    balances: tuple[int | None, int | None],
    encoding: str,
) -> None:
    frame, rejects, closing = read(
        "bank_csv", text.encode(encoding) if text[0] != "\ufeff" else text.encode(), layout=bank
    )
    assert (rejects, closing.refused, out_of_balance(closing.notes)) == ([], None, [])
    rows = frame.select("account", "booking_date", "amount_fen").rows()
    assert [(account, str(day), amount) for account, day, amount in rows] == lines
    assert frame.select("opening_fen", "closing_fen").row(0) == balances


def test_a_currency_above_the_headings_is_the_lines() -> None:
    text = '"# 币    种: [  {}]"\n交易日期,收入,支出,余额\n20260507,1.00,,1.00\n'
    assert read("bank_csv", text.format("美元").encode(), layout="cmb")[0]["currency"].to_list() == ["USD"]
    rejects = read("bank_csv", text.format("某币").encode(), layout="cmb")[1]
    assert [(r.code, "'某币'" in r.message, "currencies: {某币: USD}" in r.message) for r in rejects] == [
        ("BAD_CURRENCY", True, True)
    ]


def test_a_day_without_a_year_needs_its_month() -> None:
    text = "交易日,记账日,交易摘要,人民币金额\n,02/29,还款,-1.00\n,05/07,消费,2.00\n,05/08,消费,3.00\n"
    frame, rejects, _ = read("bank_csv", text.encode(), layout="cmb")  # the clearing date is 2026-05-07
    assert frame["booking_date"].to_list() == [date(2026, 5, 7), date(2025, 5, 8)]
    assert [(r.record, r.code, "clearing_date" in r.message) for r in rejects] == [(1, "BAD_DATE", True)]


def test_every_text_of_a_line_of_cmb_is_kept_once() -> None:
    text = (
        "交易日,借方金额,贷方金额,余额,业务摘要,用途,其它摘要,扩展摘要\n20260507,,2.00,9.00,退汇,货款,户名不符,退汇\n"
    )
    frame, rejects, _ = read("bank_csv", text.encode(), layout="cmb")
    assert (rejects, frame["remittance"].to_list()) == ([], ["货款 退汇 户名不符"])
