"""Small correct files that no writer of ours makes: wallets, bank exports, MT940, results. No number is real."""

from __future__ import annotations

from datetime import date

import polars as pl
from test_feeds_mapped import ALIPAY, WECHAT

from settlement.model.frames import STATEMENT_LINE

__all__ = ["ALIPAY", "ALLINPAY", "EXPORTS", "PAIN002", "RESULT", "SWIFT", "UNIONPAY_RESULT", "WECHAT", "lines_frame"]

PAIN002 = (
    b"<Document><CstmrPmtStsRpt><OrgnlGrpInfAndSts><OrgnlMsgId>M</OrgnlMsgId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>"
    b"<OrgnlPmtInfAndSts><OrgnlPmtInfId>M</OrgnlPmtInfId><TxInfAndSts><OrgnlEndToEndId>E1</OrgnlEndToEndId>"
    b"<TxSts>ACSC</TxSts></TxInfAndSts><TxInfAndSts><OrgnlEndToEndId>E2</OrgnlEndToEndId><TxSts>RJCT</TxSts>"
    b"<StsRsnInf><Rsn><Cd>AC01</Cd></Rsn></StsRsnInf><OrgnlTxRef><Amt><InstdAmt Ccy='CNY'>2.50</InstdAmt></Amt>"
    b"</OrgnlTxRef></TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
)
RESULT = "P|2|300\r\nSZ1|110|甲|100|补贴||S|\r\nSZ2|110|乙|200|补贴||F|不符\r\n########".encode("gb18030")
UNIONPAY_RESULT = (
    "1.0|300|2||\norderId|currencyCode|txnAmt|accType|accNo|customerNm|respCode|respMsg\n"
    "SZ1|156|100|01|110|甲|00|\nSZ2|156|200|01|110|乙|10|不符\n"
).encode()
EXPORTS = {
    "ccb": (
        '账号:,1\n日期,借方发生额,贷方发生额,余额,对方账号\n20260507,,67.00,100.00,12\n20260508,"1,000.50",--,-900.50,\n'
    ).encode(),
    "icbc": (
        "[HISTORYDETAIL]\r\n凭证号,本方账号,对方账号,交易时间,借/贷,借方发生额,贷方发生额,对方行号,摘要,用途,对方单位名称,余额\r\n"
        "1,110,120,2026-05-07 01:02:03,借,1.50,,102,代付,,甲,98.50\r\n"
    ).encode("gb18030"),
    "abc": (
        "账号:,110\r\n交易时间,收入金额,支出金额,账户余额,对方账号,对方户名,对方开户行,摘要\r\n"
        "2026-05-07 01:02:03,3.00,,103.00,120,乙,行,退汇\r\n2026-05-07 02:02:03,,2.00,101.00,120,乙,行,\r\n"
    ).encode("gb18030"),
    "cmb": (
        "账号,账号名称,币种,交易日,交易时间,起息日,借方金额,贷方金额,余额,摘要,流水号,收(付)方名称,收（付）方账号\r\n"
        "110,工会,人民币,20260507,010203,20260507,1.00,,99.00,代付,F1,甲,120\r\n"
    ).encode("gb18030"),
    "boc": (
        "交易类型[ Transaction Type ],付款人账号[ Debit Account No. ],收款人账号[ Payee's Account Number ],"
        "交易日期[ Transaction Date ],交易货币[ Trade Currency ],交易金额[ Trade Amount ],"
        "交易后余额[ After-transaction balance ],交易流水号[ Transaction reference number ]\r\n"
        "往账,110,120,20260507,CNY,-1.00,99.00,R1\r\n来账,120,110,20260507,CNY,2.00,101.00,R2\r\n"
    ).encode("gb18030"),
}
SWIFT = (
    b":20:R\r\n:25:1\r\n:28C:1/1\r\n:60F:C260506CNY10,00\r\n:61:2605070507C3,05NTRFSZ//B\r\n:86:/EREF/E/NAME/N/REMI/t\r\n"
    b":61:260507RD1,NMSC\r\n:62F:C260507CNY14,05\r\n-\r\n"
)
_ALLINPAY = ["1001", "消费", "1234", "0", "20260507101112", "A1", "", "", "21", "", "1230", "", "", "", "1234", "C1"]
ALLINPAY = ("|".join([*_ALLINPAY, "4", "", "622848******0001", "1", "M1", "观前店", "T1", ""]) + "\r\n").encode()


def lines_frame(*amounts: int, statement: str = "S1", opening: int = 1000) -> pl.DataFrame:
    """One statement of these amounts (fen) as a STATEMENT_LINE frame."""
    day = date(2026, 5, 7)
    heads = {"statement": statement, "account": "0003220001", "currency": "CNY", "opening_fen": opening}
    rows = [
        heads
        | {"closing_fen": opening + sum(amounts), "line": number, "booking_date": day, "value_date": day}
        | {"amount_fen": amount, "reversal": False, "reference": f"R{number}", "end_to_end_id": f"E{number}"}
        | {"counterparty_name": "甲", "counterparty_account": "6217000000000000011", "remittance": "补贴"}
        for number, amount in enumerate(amounts, 1)
    ]
    return pl.DataFrame(rows, schema=STATEMENT_LINE)
