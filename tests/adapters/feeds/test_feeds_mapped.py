"""Wallets and lists by a mapping: preambles, total rows, backquotes, ="...", workbooks, and what is refused."""

from __future__ import annotations

import io
import zipfile

import feeds_support as s
import polars as pl
import pytest
import xlsxwriter

from adapters.feeds.mapping import CsvMapping, mapping_of
from settlement.model.errors import BadInput

WECHAT_HEAD = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,"
    "费率,订单金额,申请退款金额,费率备注"
)
WECHAT_SALE = (
    "`2026-05-07 11:01:02,`wx01,`10000100,`0,`T1,`420000000001,`A1,`u,`MICROPAY,`SUCCESS,`OTHERS,`CNY,`9.00,"
    "`1.00,`0,`0,`0.00,`0.00,`,`,`牛奶,`,`0.05,`0.60%,`10.00,`0.00,`"
)
WECHAT_REFUND = (
    "`2026-05-07 12:01:02,`wx01,`10000100,`0,`T1,`420000000001,`A1,`u,`MICROPAY,`REFUND,`OTHERS,`CNY,`0.00,"
    "`0.00,`500000000009,`R1,`4.00,`0.00,`ORIGINAL,`SUCCESS,`牛奶,`,`-0.02,`0.60%,`0.00,`5.00,`"
)
WECHAT_END = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
WECHAT_TOTAL = "`2,`9.00,`4.00,`0.00,`0.03,`10.00,`5.00"
WECHAT = f"{WECHAT_HEAD}\r\n{WECHAT_SALE}\r\n{WECHAT_REFUND}\r\n{WECHAT_END}\r\n{WECHAT_TOTAL}\r\n"


def _wechat(text, bom=b""):
    return s.read("mapped_csv", bom + text.encode(), s.context("wx20260507.csv", "wx", mapping="wechat_pay"))


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_wechat(bom):
    frame, rejects, closing = _wechat(WECHAT, bom)
    assert (rejects, closing.refused, closing.declared_records) == ([], None, 2)
    sale, refund = frame.iter_rows(named=True)
    assert (sale["gross_fen"], sale["paid_fen"], sale["claimed_fen"], sale["fee_fen"]) == (1000, 900, 100, 5)
    assert (refund["kind"], refund["gross_fen"], refund["paid_fen"], refund["claimed_fen"]) == ("REFUND", 500, 400, 100)
    assert refund["original_key"] == sale["transaction_id"] == "wx:420000000001"
    assert refund["transaction_id"] == "wx:500000000009"
    assert str(sale["occurred_at"]) == "2026-05-07 03:01:02+00:00"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("`2,`9.00", "`3,`9.00", "COUNT_MISMATCH"),
        ("`10.00,`5.00\r\n", "`10.01,`5.00\r\n", "TOTAL_MISMATCH"),
        ("`2,`9.00", "`2,`9.0O", "BAD_TRAILER"),
        (WECHAT_END, "x", "TRUNCATED"),
        (WECHAT_TOTAL + "\r\n", "", "TRUNCATED"),
        ("交易状态", "状态", "BAD_HEADING"),
        ("`10.00,`0.00,`\r\n", "`1O.00,`0.00,`\r\n", "TOTAL_UNPROVEN"),
        ("`牛奶,`,`0.05", '"`牛奶,`,`0.05', "BAD_QUOTES"),
    ],
)
def test_what_refuses_a_wallet_file(old, new, code):
    assert old in WECHAT
    _, _, closing = _wechat(WECHAT.replace(old, new, 1))
    assert closing.refused is not None
    assert closing.refused.code == code
    if code in {"COUNT_MISMATCH", "TOTAL_MISMATCH"} or new.endswith("O"):
        assert closing.refused.byte == WECHAT.encode().index(WECHAT_TOTAL.encode()), "the row of totals"
    if code == "TOTAL_UNPROVEN":
        assert closing.refused.byte > 0


def test_money_whose_heading_is_not_there_is_told():
    """A renamed 代金券 would make every deal price the paid amount, and nothing else of the file shows it."""
    assert not [note for note in _wechat(WECHAT)[2].notes if "no heading" in note]
    frame, rejects, closing = _wechat(WECHAT.replace("代金券金额", "代金券抵扣", 1))
    assert (rejects, closing.refused, frame["claimed_fen"].to_list()[0]) == ([], None, None)
    assert [note for note in closing.notes if "代金券金额 (claimed)" in note]


def test_a_bad_row_is_a_reject_and_its_amounts_still_count():
    frame, rejects, closing = _wechat(WECHAT.replace("2026-05-07 12:01:02", "2026-05-07 25:01:02"))
    assert [(r.record, r.field, r.code) for r in rejects] == [(2, "occurred_at", "BAD_DATE")]
    assert (frame.height, closing.refused) == (1, None)


ALIPAY = (
    "#支付宝业务明细查询\r\n#账号：[20881]\r\n#-----业务明细列表----\r\n"
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,订单金额（元）,商家实收（元）,商家优惠（元）,退款批次号/请求号,服务费（元）,备注\r\n"
    "2026050722001\t,A1\t,交易    ,茶,2026-05-07 09:00:00,2026-05-07 09:00:01,20.00,18.00,2.00,\t,-0.12,\r\n"
    "2026050722001\t,A1\t,退款    ,茶,2026-05-07 09:00:00,2026-05-07 10:00:01,-5.00,-4.50,-0.50,R1\t,0.03,\r\n"
    "#-----业务明细列表结束----\r\n#交易合计：1笔，商家实收共18.00元，商家优惠共2.00元\r\n"
    "#退款合计：1笔，商家实收退款共-4.50元，商家优惠退款共-0.50元\r\n#导出时间：[2026-05-08]\r\n"
)


def test_alipay():
    given = s.context("ali_20260507.csv", "ali", mapping="alipay")
    frame, rejects, closing = s.read("mapped_csv", ALIPAY.encode("gb18030"), given)
    assert (rejects, closing.refused) == ([], None)
    assert frame.select("kind", "gross_fen", "paid_fen", "claimed_fen", "fee_fen").rows() == [
        ("SALE", 2000, 1800, 200, 12),
        ("REFUND", 500, 450, 50, -3),  # what the merchant gets back
    ]
    assert frame["original_key"].to_list() == [None, frame["transaction_id"][0]]
    for no_amount in ("共-0.014.50元", "共..元"):
        spoken = ALIPAY.replace("共18.00元", no_amount).encode("gb18030")
        assert s.read("mapped_csv", spoken, given)[2].refused.code == "BAD_TRAILER"
    lied = ALIPAY.replace("共18.00元", "共18.01元").encode("gb18030")
    refused = s.read("mapped_csv", lied, given)[2].refused
    assert (refused.code, refused.byte) == ("TOTAL_MISMATCH", lied.index("#交易合计".encode("gb18030")))
    assert s.read("mapped_csv", ALIPAY.encode(), given)[2].refused.code in {"BAD_ENCODING", "BAD_HEADING"}
    saved_again = s.context("ali_20260507.csv", "ali", mapping="alipay", encoding="utf-8-sig")
    again = s.read("mapped_csv", ("\ufeff" + ALIPAY).encode(), saved_again)[0]
    assert again.drop("byte_start", "byte_end").equals(frame.drop("byte_start", "byte_end"))
    with pytest.raises(BadInput, match="setting encoding"):
        s.read("mapped_csv", b"x", s.context("a.csv", "ali", mapping="alipay", encoding="ebcdic"))


def test_allinpay_has_no_headings():
    cells = ["1001", "消费", "1234", "0", "20260507101112", "A1", "", "", "21", "", "1230", "", "", "", "1234", "C1"]
    cells += ["4", "", "622848******0001", "1", "M1", "观前店", "T1", ""]
    data = ("|".join(cells) + "\r\n").encode()
    given = s.context("2026-05-07_1_checkFile.txt", "tl", mapping="allinpay")
    frame, rejects, closing = s.read("mapped_csv", data, given)
    assert (rejects, closing.refused, str(closing.clearing_date)) == ([], None, "2026-05-07")
    assert frame.select("paid_fen", "fee_fen", "card_masked", "card_token").row(0) == (1234, 4, "622848******0001", "")


KINDS = {"支付": "SALE", "退款": "REFUND", "还款": "SKIP"}
TIME = {"type": "datetime", "format": "YYYY-MM-DD hh:mm:ss", "required": True}
MEITUAN = {
    "format": "meituan",
    "title": "美团交易账单",
    "encoding": "utf-8-sig",
    "money_mark": "¥",
    "excel_text": True,
    "ragged": True,
    "thousands": True,
    "key": ["trade_no"],
    "columns": [
        {"title": "交易成功时间", "name": "occurred_at"} | TIME,
        {"title": "交易类型", "name": "kind", "required": True, "values": KINDS},
        {"title": "订单金额", "name": "gross", "type": "amount", "required": True},
        {"title": "实付金额", "name": "paid", "type": "amount", "required": True},
        {"title": "交易单号", "name": "trade_no", "required": True},
    ],
}


@pytest.mark.skipif(not s.SAMPLES.is_dir(), reason="../shared/samples is not here")
def test_a_real_wallet_export_by_a_mapping_of_ones_own():
    folder = s.SAMPLES / "cn-bank-csv/deb-sig+double-entry-generator"
    data = (folder / "mt__example-mt-records.csv").read_bytes()
    frame, rejects, closing = s.read("mapped_csv", data, s.context("mt.csv", "mt", s.DAY, mapping=MEITUAN))
    assert closing.refused is None
    assert closing.records == 29  # 共：29笔记录
    assert [r.code for r in rejects if r.code != "UNKNOWN_CODE"] == []
    assert closing.accepted + closing.rejected + closing.skipped == 29
    assert frame.filter(frame["transaction_id"] == "mt:25022811100401670006000394166443")["paid_fen"].item() == 2117


def test_excel_text_thousands_and_workbooks():
    heads = [column["title"] for column in MEITUAN["columns"]]
    row = ["2026-05-07 10:11:12", "支付", "1,234.50", "¥1,200.00", '="00012345678901234567"']
    text = "\n".join([",".join(heads), ",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row), ""])
    given = s.context("mt.csv", "mt", s.DAY, mapping=MEITUAN)
    frame, rejects, _ = s.read("mapped_csv", text.encode(), given)
    assert rejects == []
    assert frame.select("paid_fen", "gross_fen", "transaction_id").row(0) == (120000, 123450, "mt:00012345678901234567")
    again, rejects, _ = s.read("mapped_csv", _workbook(heads, [*row[:4], "00012345678901234567"]), given)
    assert rejects == []
    assert again.select("paid_fen", "gross_fen", "transaction_id").equals(
        frame.select("paid_fen", "gross_fen", "transaction_id")
    )


def _workbook(heads, row, number=None):
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet()
    for column, head in enumerate(heads):
        sheet.write_string(0, column, head)
        sheet.write_string(1, column, row[column])
    if number is not None:
        sheet.write_number(1, len(heads) - 1, number)
    book.close()
    return out.getvalue()


def test_hostile_workbooks():
    heads = [column["title"] for column in MEITUAN["columns"]]
    row = ["2026-05-07 10:11:12", "支付", "1.00", "1.00", "1"]
    given = s.context("mt.xlsx", "mt", s.DAY, mapping=MEITUAN)
    good = _workbook(heads, row)
    cases = {
        "ROUNDED": [_workbook(heads, row, number=1234567890123456789)],
        "DAMAGED": [good[:-30], good[:200], b"PK\x03\x04" + bytes(500)],
        "SHEET_TOO_LARGE": [_far_cell(good)],
        "PACKED_TOO_MUCH": [_with_sheet(good, bytes(80_000_000))],
    }
    for code, files in cases.items():
        for data in files:
            refused = s.read("mapped_csv", data, given)[2].refused
            assert refused is not None
            assert refused.code == code


def _far_cell(data):
    """The workbook with its last cell in the last corner."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry).replace(b'r="A2"', b'r="XFD1048576"'))
    return out.getvalue()


def _with_sheet(data, more):
    """The workbook with more in a second sheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
        new.writestr("xl/worksheets/sheet2.xml", more)
    return out.getvalue()


def test_mappings_that_cannot_be():
    with pytest.raises(BadInput, match="setting mapping"):
        mapping_of({})
    with pytest.raises(BadInput, match="does not ship"):
        mapping_of({"mapping": "../../etc/passwd"})
    with pytest.raises(BadInput, match="there is no column with the name nothing"):
        mapping_of({"mapping": {**MEITUAN, "key": ["nothing"]}})
    for name in ("purse_daily", "wechat_pay", "alipay", "allinpay"):
        assert isinstance(mapping_of({"mapping": name}), CsvMapping)


@pytest.mark.parametrize("goods", ["饭,菜", '{"a":1,"b":"x"}', "a,b,c", ',"'])
def test_a_comma_in_a_text_of_wechat_moves_no_amount(goods):
    frame, rejects, closing = _wechat(WECHAT.replace("牛奶,`,", f"牛奶,`{goods},"))
    assert (rejects, closing.refused) == ([], None)
    assert frame["fee_fen"].to_list() == [5, -2]
    assert frame.equals(_wechat(WECHAT)[0].with_columns(frame["byte_start"], frame["byte_end"]))


def test_two_stray_quotes_hide_no_record():
    lines = [line.replace("`", "") for line in WECHAT.splitlines(keepends=True)]
    sale, refund = lines[1], lines[2]
    lines[1:3] = [sale.replace("牛奶", '"牛奶'), refund.replace("牛奶", '牛奶"')]
    end = {**mapping_of({"mapping": "wechat_pay"}).model_dump(by_alias=True, exclude={"end", "prefix"})}
    closing = s.read("mapped_csv", "".join(lines[:3]).encode(), s.context("wx20260507.csv", "wx", mapping=end))[2]
    assert (closing.refused.code, closing.refused.byte) == ("BAD_QUOTES", len(lines[0].encode()))


SIGNED = {
    "format": "x",
    "title": "t",
    "encoding": "utf-8",
    "sign": "ignore",
    "key": ["rrn"],
    "columns": [
        {"title": "单号", "name": "rrn", "required": True},
        {"title": "时间", "name": "occurred_at", "type": "datetime", "format": "YYYY-MM-DD hh:mm:ss"},
        {"title": "类型", "name": "kind", "values": {"消费": "SALE", "退货": "REFUND", "撤销": "VOID"}},
        {"title": "金额", "name": "paid", "type": "amount", "signs": {"-": -1, "+": 1}},
        {"title": "手续费", "name": "fee", "type": "amount", "signs": {"-": -1, "+": 1}},
    ],
}


def _signed(rows, **keys):
    data = "单号,时间,类型,金额,手续费\n" + "".join(f"{n},2026-05-07 10:00:00,{row}\n" for n, row in enumerate(rows, 1))
    return s.read(
        "mapped_csv", data.encode(), s.context("f", "x", mapping={**SIGNED, **keys}, clearing_date="2026-05-07")
    )


@pytest.mark.parametrize(
    ("rows", "fees"),
    [
        (["消费,10.00,0.04", "消费,5.00,0.02", "退货,-5.00,-0.02"], [4, 2, -2]),
        (["消费,10.00,-0.04", "消费,5.00,-0.02", "退货,-5.00,0.02"], [4, 2, -2]),  # as the merchant's money moves
        (["消费,10.00,0.04", "退货,5.00,0.02"], [4, 2]),  # a file without signs
        (["退货,-5.00,-0.02", "退货,-5.00,0.00"], [-2, 0]),
        (["退货,-5.00,0.02", "消费,10.00,-0.04", "消费,10.00,-0.04", "消费,10.00,0.01"], [-2, 4, 4, -1]),
    ],
)
def test_a_fee_that_a_refund_gives_back_is_below_zero(rows, fees):
    frame, rejects, _ = _signed(rows)
    assert (frame["fee_fen"].to_list(), rejects) == (fees, [])


def test_the_fees_of_a_file_have_one_way_in_all_its_blocks(monkeypatch):
    monkeypatch.setattr("adapters.feeds.mapped.ROWS", 2)
    frame = _signed(["消费,10.00,-0.04", "消费,10.00,-0.04", "退货,-5.00,0.02", "消费,1.00,0.01"])[0]
    assert frame["fee_fen"].to_list() == [4, 4, -2, -1]


def test_a_declared_total_of_fees_is_less_what_refunds_give_back():
    end = {"starts_with": ["合计"], "where": "same"}
    end["fields"] = [
        {"name": "mark", "constant": "合计"},
        {"name": "total", "type": "amount", "declares": "total", "of": "fee"},
    ]
    data = "合计,0.02\n"
    head = "单号,时间,类型,金额,手续费\n1,2026-05-07 10:00:00,消费,10.00,0.04\n2,2026-05-07 10:00:00,退货,-5.00,-0.02\n"
    context = s.context("f", "x", mapping={**SIGNED, "end": end}, clearing_date="2026-05-07")
    assert s.read("mapped_csv", (head + data).encode(), context)[2].refused is None


def test_voids_have_the_signs_of_what_they_undo():
    frame, rejects, _ = _signed(["消费,10.00,0.04", "退货,-5.00,-0.02", "撤销,-10.00,-0.04", "撤销,5.00,0.02"])
    assert (frame["paid_fen"].to_list(), rejects) == ([1000, 500, 1000, 500], [])


def test_a_turned_fee_is_written_as_it_is_read():
    context = s.context("f", "x", mapping={**SIGNED, "turned": ["fee"]}, clearing_date="2026-05-07")
    frame = _signed(["消费,10.00,-0.04", "退货,-5.00,0.02"], turned=["fee"])[0]
    data = s.adapter("mapped_csv").write(frame.with_columns(card_number=pl.lit(None, pl.String)), context)
    assert s.read("mapped_csv", data, context)[0]["fee_fen"].to_list() == frame["fee_fen"].to_list() == [4, -2]


def test_goods_with_commas_and_a_line_end_are_no_row():
    mapping = {**SIGNED, "kind": "SALE", "columns": [SIGNED["columns"][n] for n in (0, 1, 3)]}
    data = '单号,时间,金额,说明\n1,2026-05-07 10:00:00,10.00,"a, b, c\nd"\n2,2026-05-07 10:00:00,5.00,x\n'
    frame, rejects, closing = s.read(
        "mapped_csv", data.encode(), s.context("f", "x", mapping=mapping, clearing_date="2026-05-07")
    )
    assert (frame["paid_fen"].to_list(), rejects, closing.refused) == ([1000, 500], [], None)


@pytest.mark.parametrize(("sign", "kept"), [("10.00,-10.00,10.00", [1, 3]), ("-10.00,10.00,-10.00", [1, 3])])
def test_where_signs_are_ignored_one_against_its_kind_is_no_second_sale(sign, kept):
    number, time, _, paid, _ = SIGNED["columns"]
    mapping = SIGNED | {"kind": "SALE", "columns": [number, time, paid]}
    rows = "".join(f"{n},2026-05-07 10:00:00,{amount}\n" for n, amount in enumerate(sign.split(","), 1))
    context = s.context("f", "x", mapping=mapping, clearing_date="2026-05-07")
    frame, rejects, closing = s.read("mapped_csv", f"单号,时间,金额\n{rows}".encode(), context)
    assert (frame["record"].to_list(), [r.code for r in rejects], closing.refused) == (kept, ["BAD_SIGN"], None)


def test_an_order_number_that_a_workbook_program_rounded_names_no_sale():
    closing = _wechat(WECHAT.replace("`420000000001", "`4.2E+11"))[2]
    assert (closing.refused.code, closing.refused.record, closing.refused.field) == ("ROUNDED", 1, "order_no")


WECHAT_REFUNDED = WECHAT_REFUND.replace("`2026-05-07 12:01:02", "`2026-05-05 11:01:02").replace(
    "`500000000009", "`2026-05-07 12:01:00,`2026-05-07 12:01:02,`500000000009"
)
WECHAT_REFUNDS = (
    f"{WECHAT_HEAD.replace('微信退款单号', '退款申请时间,退款成功时间,微信退款单号')}\r\n"
    f"{WECHAT_REFUNDED}\r\n{WECHAT_END}\r\n"
    "`1,`0.00,`4.00,`0.00,`-0.02,`0.00,`5.00\r\n"
)


def test_a_bill_of_refunds_has_their_time_and_not_the_sales():
    closing = _wechat(WECHAT_REFUNDS)[2]
    assert (closing.refused.code, "退款成功时间" in closing.refused.message) == ("BAD_HEADING", True)
    context = s.context("wx20260507.csv", "wx", mapping="wechat_pay_refund")
    frame, rejects, closing = s.read("mapped_csv", WECHAT_REFUNDS.encode(), context)
    assert (rejects, closing.refused) == ([], None)
    same = _wechat(WECHAT)[0].filter(kind="REFUND")
    placed = ("record", "byte_start", "byte_end")
    assert frame.drop(placed).equals(same.drop(placed))
    waiting = WECHAT_REFUNDS.replace("`2026-05-07 12:01:02,", "`,").replace("ORIGINAL,`SUCCESS", "ORIGINAL,`PROCESSING")
    frame, rejects, closing = s.read("mapped_csv", waiting.encode(), context)
    assert (len(frame), rejects, closing.skipped, closing.refused) == (0, [], 1, None)


def test_a_file_without_the_column_that_tells_what_failed_is_refused():
    mapping = mapping_of({"mapping": "wechat_pay"}).model_dump(by_alias=True)
    status = next(column for column in mapping["columns"] if column["name"] == "refund_status")
    success = WECHAT.replace("退款状态", "状态")
    assert _wechat(success)[2].refused is None  # sales alone have no such column
    status["may_lack"] = False
    closing = s.read("mapped_csv", success.encode(), s.context("wx20260507.csv", "wx", mapping=mapping))[2]
    assert (closing.refused.code, "退款状态" in closing.refused.message) == ("BAD_HEADING", True)


@pytest.mark.parametrize(("goods", "code"), [('"牛\n奶"', ""), ("牛\t奶", ""), ("牛\x01奶", "BAD_TEXT")])
def test_a_line_end_in_the_name_of_goods_costs_no_sale(goods, code):
    text = WECHAT.replace("`牛奶", goods, 1)
    frame, rejects, closing = _wechat(text)
    assert ([r.code for r in rejects], closing.refused) == ([code] * bool(code), None)
    assert len(frame) == 2 - bool(code)


PAGE = "<tr>".join(
    ["<html><meta charset=gbk><table>"]
    + [
        "".join(f"<td>\r\n {cell.replace('<', '&lt;')}&nbsp;</td>" for cell in line.split(",")) + "</tr>"
        for line in WECHAT.splitlines()
    ]
)


def test_a_bill_called_xls_that_is_a_page():
    setting = {"mapping": "wechat_pay", "encoding": "gb18030"}
    context = s.context("wx20260507.xls", "wx", **setting)
    frame, rejects, closing = s.read("mapped_csv", f"{PAGE}</table></html>".encode("gb18030"), context)
    assert (rejects, closing.refused, closing.declared_records) == ([], None, 2)
    placed = ("byte_start", "byte_end")
    assert frame.drop(placed, "file").equals(_wechat(WECHAT)[0].drop(placed, "file"))
    closing = s.read("mapped_csv", PAGE.encode("gb18030"), context)[2]
    assert closing.refused.code == "TRUNCATED"


def test_the_rows_of_a_page_are_not_shown_as_those_of_a_csv():
    text = f"{PAGE.replace('2026-05-07 11', '2026-05-07T11')}</table></html>".encode("gb18030")
    setting = {"mapping": "wechat_pay", "encoding": "gb18030"}
    rejects = s.read("mapped_csv", text, s.context("wx20260507.xls", "wx", **setting))[1]
    assert [r.code for r in rejects] == ["BAD_DATE"]
    assert s.adapter("mapped_csv").show(io.BytesIO(text), rejects[0], setting) is None
