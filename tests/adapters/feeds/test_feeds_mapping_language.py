"""The language of mappings: days in two cells or without a year, rows that are no records, rows that are left out."""

from __future__ import annotations

from datetime import UTC, date

import feeds_support as s
import pytest

from adapters.feeds.mapping import mapping_of
from settlement.model.errors import BadInput
from tests.adapters.feeds.test_feeds_mapped import ALIPAY, WECHAT

PLAIN = {
    "format": "plain",
    "title": "对账文件",
    "encoding": "utf-8",
    "separator": "|",
    "key": ["order_no"],
    "columns": [
        {"title": "订单号", "name": "order_no", "required": True},
        {"title": "类型", "name": "kind", "required": True, "values": {"消费": "SALE", "退货": "REFUND"}},
        {
            "title": "交易日期",
            "and": "交易时间",
            "name": "occurred_at",
            "type": "datetime",
            "format": "YYYYMMDD hhmmss",
            "required": True,
        },
        {"title": "金额", "name": "paid", "type": "amount", "required": True},
    ],
}
HEAD = "订单号|类型|交易日期|交易时间|金额\n"


def _columns(**changes):
    return [{**column, **changes.get(column["name"], {})} for column in PLAIN["columns"]]


def _read(text, mapping, day=date(2026, 5, 7), **settings):
    return s.read("mapped_csv", text.encode(), s.context("a.txt", "x", day, mapping=mapping, **settings))


def _local(frame):
    return frame["occurred_at"].dt.convert_time_zone("Asia/Shanghai").dt.strftime("%Y-%m-%d %H:%M:%S").to_list()


def test_a_day_and_a_time_in_two_cells_are_one_moment():
    frame, rejects, _ = _read(HEAD + "1|消费|20260507|101112|1.00\n2|消费|20260507||1.00\n", PLAIN)
    assert _local(frame) == ["2026-05-07 10:11:12"]
    assert [(r.record, r.field, r.code) for r in rejects] == [(2, "occurred_at", "BAD_DATE")]
    closing = _read("订单号|类型|交易日期|金额\n", PLAIN)[2]
    assert closing.refused is not None
    assert "交易时间" in closing.refused.message
    bare = {**PLAIN, "headings": False, "columns": [*_columns(), {"title": "交易时间", "name": "time"}]}
    assert _local(_read("1|消费|20260507|1.00|101112\n", bare)[0]) == ["2026-05-07 10:11:12"]
    with pytest.raises(BadInput, match="no column has the title 交易时间"):
        mapping_of({"mapping": {**PLAIN, "headings": False}})


@pytest.mark.parametrize(
    ("clearing", "cell", "moment"),
    [
        (date(2026, 5, 7), "0507101112", "2026-05-07 10:11:12"),
        (date(2026, 1, 1), "1231235959", "2025-12-31 23:59:59"),
        (date(2025, 12, 31), "0101000001", "2026-01-01 00:00:01"),
        (date(2028, 3, 1), "0229101112", "2028-02-29 10:11:12"),
        (date(2026, 3, 1), "0229101112", None),
    ],
)
def test_a_day_without_a_year_is_in_the_year_of_the_clearing_date(clearing, cell, moment):
    columns = _columns(occurred_at={"and": "", "format": "MMDDhhmmss"})
    columns += [{"title": "原时间", "name": "original_at", "type": "datetime", "format": "MMDDhhmmss"}]
    mapping = {**PLAIN, "columns": columns, "original_key": ["original_at"]}
    text = f"订单号|类型|交易日期|金额|原时间\n1|退货|{cell}|1.00|1230101112\n"
    frame, rejects, _ = _read(text, mapping, clearing)
    assert _local(frame) == ([moment] if moment else [])
    assert [r.code for r in rejects] == ([] if moment else ["BAD_DATE"])
    if moment:  # the latest that is not after the record, and not the nearest to the clearing date
        year = max(y for y in range(2020, 2030) if f"{y}-12-30 10:11:12" <= moment)
        assert frame["original_key"][0] == f"x:{year}1230101112"


@pytest.mark.parametrize("form", ["hh:mm:ss", "hhmmss", "YYYYMM", "YYYY-MM hh:mm"])
def test_a_time_without_a_day_is_no_moment(form):
    with pytest.raises(BadInput, match="names no day; join the column of the day"):
        mapping_of({"mapping": {**PLAIN, "columns": _columns(occurred_at={"format": form})}})


def test_rows_that_are_no_records_are_passed_over_and_their_totals_compared():
    rules = {**PLAIN, "headings": False, "ignore": ["TotalCount=", "-----", "[0-9]$"]}
    rules["columns"] = [*_columns(), {"title": "交易时间", "name": "time"}]
    rows = "7|8|9\n-----\n11|消费|20260507|1.00|101112\n12|退货|20260507|1.00|101112\n-----\n"
    frame, rejects, closing = _read("TotalCount=2\n" + rows, rules)
    assert (rejects, frame.height, closing.records, closing.refused) == ([], 2, 2, None)
    counted = {**rules, "end": {"spoken": [{"pattern": "TotalCount=(?P<count>[0-9]+)"}]}}
    assert _read("TotalCount=2\n" + rows, counted)[2].declared_records == 2
    for wrong, code in (("TotalCount=3\n", "COUNT_MISMATCH"), ("", "BAD_TRAILER")):
        refused = _read(wrong + rows, counted)[2].refused
        assert refused is not None
        assert refused.code == code
    without = {key: value for key, value in rules.items() if key != "ignore"}
    assert len(_read("TotalCount=2\n" + rows, without)[1]) > 1


def test_a_file_of_sales_alone_needs_no_column_of_kinds():
    columns = [column for column in _columns() if column["name"] != "kind"]
    sales = {**PLAIN, "kind": "SALE", "columns": columns}
    frame = _read("订单号|交易日期|交易时间|金额\n1|20260507|101112|1.00\n", sales)[0]
    assert frame.select("kind", "gross_fen").row(0) == ("SALE", 100)
    for mapping in ({**PLAIN, "columns": columns}, {**PLAIN, "kind": "SALE"}):
        with pytest.raises(BadInput, match="give a column named kind, or"):
            mapping_of({"mapping": mapping})


@pytest.mark.parametrize("status", ["FAIL", "CHANGE", "PROCESSING", "退款失败"])
def test_a_refund_that_has_not_happened_is_skipped(status):
    frame, rejects, closing = s.read(
        "mapped_csv",
        WECHAT.replace("`ORIGINAL,`SUCCESS", f"`ORIGINAL,`{status}").encode(),
        s.context("wx20260507.csv", "wx", mapping="wechat_pay"),
    )
    assert frame["kind"].to_list() == ["SALE"]
    assert (rejects, closing.refused, closing.skipped, closing.accepted) == ([], None, 1, 1)


def test_a_refund_of_an_unknown_status_is_a_reject():
    given = s.context("wx20260507.csv", "wx", mapping="wechat_pay")
    _, rejects, _ = s.read("mapped_csv", WECHAT.replace("`ORIGINAL,`SUCCESS", "`ORIGINAL,`NEW").encode(), given)
    assert [(r.field, r.code) for r in rejects] == [("refund_status", "UNKNOWN_CODE")]


WECHAT_2014 = (
    "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,"
    "代金券或立减优惠金额,微信退款单号,商户退款单号,退款金额,代金券或立减优惠退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率\n"
    "`2014-11-10 16:33:45,`wx1,`10000100,`0,`1000,`1001,`A1,`u,`MICROPAY,`SUCCESS,`CFT,`CNY,`10.01,`1.0,`0,`0,`0,`0,"
    "`,`,`茶,`,`0,`0.60%\n"
    "`2014-11-10 16:46:14,`wx1,`10000100,`0,`1000,`1001,`A1,`u,`MICROPAY,`REFUND,`CFT,`CNY,`0.0,`0.0,`5001,`R1,`2.0,"
    "`0.2,`ORIGINAL,`SUCCESS,`茶,`,`0,`0.60%\n"
    "总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额\n`2,`10.01,`2.0,`0.2,`0\n"
)


def test_the_wechat_bill_of_24_columns():
    given = s.context("wx_20141110.csv", "wx", mapping="wechat_pay_2014")
    frame, rejects, closing = s.read("mapped_csv", WECHAT_2014.encode(), given)
    assert (rejects, closing.refused, closing.declared_records) == ([], None, 2)
    assert frame.select("kind", "gross_fen", "paid_fen", "claimed_fen").rows() == [
        ("SALE", 1001, 901, 100),
        ("REFUND", 200, 180, 20),
    ]
    lied = s.read("mapped_csv", WECHAT_2014.replace("`2.0,`0.2,`0\n", "`2.1,`0.2,`0\n").encode(), given)[2]
    assert lied.refused is not None
    assert lied.refused.code == "TOTAL_MISMATCH"


def test_the_wechat_bill_of_24_columns_with_its_other_headings():
    bill = WECHAT_2014.replace("代金券或立减优惠", "企业红包")
    given = s.context("wx_20141110.csv", "wx", mapping="wechat_pay_2014")
    frame, rejects, closing = s.read("mapped_csv", bill.encode(), given)
    assert (rejects, closing.refused, frame["claimed_fen"].to_list()) == ([], None, [100, 20])
    lied = s.read("mapped_csv", bill.replace("`0.2,`0\n", "`0.3,`0\n").encode(), given)[2]
    assert lied.refused is not None
    assert lied.refused.code == "TOTAL_MISMATCH"


def test_the_wechat_refunds_of_26_columns_have_their_own_time():
    headings, _, refund, *end = WECHAT_2014.replace("代金券或立减优惠", "企业红包").splitlines()
    headings = headings.replace("微信退款单号", "退款申请时间,退款成功时间,微信退款单号")
    refund = refund.replace("`5001", "`2014-11-11 08:00:00,`2014-11-11 08:00:02,`5001")
    end[1] = "`1,`0.0,`2.0,`0.2,`0"
    bill = "\n".join([headings, refund, *end, ""])
    given = s.context("wx_20141111.csv", "wx", mapping="wechat_pay_refund_2014")
    frame, rejects, closing = s.read("mapped_csv", bill.encode(), given)
    assert (rejects, closing.refused) == ([], None)
    assert frame.select("transaction_id", "kind", "paid_fen", "claimed_fen").rows() == [("wx:5001", "REFUND", 180, 20)]
    assert frame["occurred_at"][0].astimezone(UTC).isoformat() == "2014-11-11T00:00:02+00:00"


def test_headings_of_another_width_or_sender_are_the_same():
    changed = ALIPAY.replace("（元）", "(元)").replace("支付宝交易号", "银联交易号")
    given = s.context("2088_20260507.csv", "ali", mapping="alipay")
    frame, rejects, closing = s.read("mapped_csv", changed.encode("gb18030"), given)
    assert (rejects, closing.refused) == ([], None)
    same = s.read("mapped_csv", ALIPAY.encode("gb18030"), given)[0]
    assert frame.drop("byte_start", "byte_end").equals(same.drop("byte_start", "byte_end"))


def test_where_a_file_has_both_headings_the_other_one_is_its_own():
    bill = WECHAT_2014.replace(",费率\n", ",费率,企业红包金额\n").replace("0.60%", "0.60%,`9.99")
    given = s.context("wx_20141110.csv", "wx", mapping="wechat_pay_2014")
    assert s.read("mapped_csv", bill.encode(), given)[0]["claimed_fen"].to_list() == [100, 20]


def test_the_trailer_of_an_old_alipay_file():
    old = ALIPAY.replace("商家实收共18.00元，商家优惠共2.00元", "交易金额共20.00元，优惠金额共2.00元")
    old = old.replace("商家实收退款共-4.50元，商家优惠退款共-0.50元", "交易退款金额共-5.00元，优惠退款金额共-0.50元")
    given = s.context("2088_20260507.csv", "ali", mapping="alipay")
    assert s.read("mapped_csv", old.encode("gb18030"), given)[2].refused is None
    for lie, code in (("共20.00元", "TOTAL_MISMATCH"), ("合计：1笔，交易金额", "COUNT_MISMATCH")):
        wrong = old.replace(lie, lie.replace("20.00", "20.01").replace("1笔", "2笔")).encode("gb18030")
        refused = s.read("mapped_csv", wrong, given)[2].refused
        assert refused is not None
        assert refused.code == code


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"filename": "20[0-9]{6}"}, r"has no group \(\?P<clearing_date>"),
        ({"ignore": ["("]}, "pattern"),
        ({"also": {"红包": "优惠券"}}, "no column has the title 优惠券"),
        ({"end": {"where": "same"}}, "starts_with: say how the end row begins"),
        ({"end": {"spoken": [{"pattern": "(?P<total>x)"}]}}, "a total is of an amount of the columns"),
        ({"end": {"spoken": [{"pattern": "(?P<order_no>x)"}]}}, "a total is of an amount of the columns"),
        ({"columns": _columns(paid={"type": "text"})}, "paid: its type is amount"),
        ({"columns": _columns(kind={"values": {"消费": "sale"}})}, "kind: list its codes under `values`"),
        ({"columns": _columns(kind={"values": {}})}, "kind: list its codes under `values`"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_when_it_is_read(change, says):
    with pytest.raises(BadInput, match=says):
        mapping_of({"mapping": {**PLAIN, **change}})


def test_blanks_behind_a_closing_quote_are_padding():
    text = HEAD + '"1"  |消费|20260507|101112|"1.00" \n"2" |消费|20260507|101112|1.00\n'
    frame, rejects, closing = _read(text, PLAIN)
    assert (rejects, closing.refused, frame["transaction_id"].to_list()) == ([], None, ["x:1", "x:2"])
    refused = _read(HEAD + '"1"x|消费|20260507|101112|1.00\n', PLAIN)[2].refused
    assert refused is not None
    assert refused.code == "BAD_QUOTES"


def test_two_columns_of_codes_may_read_one_cell():
    """A code that says the kind and the rail; two amounts of one heading are a slip of the pen."""
    rail = {"title": "类型", "name": "rail", "values": {"消费": "purse", "退货": "bank_account"}}
    mapping = {**PLAIN, "columns": [*_columns(), rail]}
    frame, rejects, _ = _read(HEAD + "1|消费|20260507|101112|1.00\n2|退货|20260507|101113|1.00\n", mapping)
    assert (rejects, frame["rail"].to_list()) == ([], ["purse", "bank_account"])
    assert frame["kind"].to_list() == ["SALE", "REFUND"]
    whole = {"title": "时间", "and": "", "format": "YYYYMMDDhhmmss"}
    assert mapping_of({"mapping": {**mapping, "columns": [*_columns(occurred_at=whole), rail]}}).only_read
    fee = {"title": "金额", "name": "fee", "type": "amount"}
    with pytest.raises(BadInput, match="fee: has the heading of paid"):
        mapping_of({"mapping": {**PLAIN, "columns": [*_columns(), fee]}})


@pytest.mark.parametrize(
    "changes",
    [
        {"original_key": ["shop", "old"], "key": ["shop", "order_no"]},
        {"original_key": ["shop", "order_no"], "refund_key": ["shop", "old"], "key": ["shop", "order_no"]},
        {"original_key": ["old"], "refund_paid": "back"},
    ],
)
def test_a_key_that_shares_columns_with_that_of_its_original_is_written_again(changes):
    whole = {"title": "时间", "and": "", "format": "YYYYMMDDhhmmss"}
    more = [{"title": name, "name": name} for name in ("shop", "old")]
    columns = [*_columns(occurred_at=whole), *more, {"title": "退款", "name": "back", "type": "amount"}]
    mapping = {**PLAIN, **changes, "columns": columns, "newline": "lf"}
    own, old = ("1", "9") if "refund_key" in changes else ("2", "1")
    text = "订单号|类型|时间|金额|shop|old|退款\n1|消费|20260507101112|1.00|{0}||\n"
    text += "{1}|退货|20260507101113|{2}|{0}|{3}|{4}\n"
    amounts = ("1.00", "0.50") if "refund_paid" in changes else ("0.50", "")
    text = text.format("A" if "shop" in changes.get("key", ()) else "", own, amounts[0], old, amounts[1])
    given = s.context("a.txt", "x", date(2026, 5, 7), mapping=mapping)
    frame, rejects, _ = s.read("mapped_csv", text.encode(), given)
    assert rejects == []
    assert frame["original_key"].to_list() == [None, frame["transaction_id"][0]]
    again, rejects, _ = s.read("mapped_csv", s.write("mapped_csv", frame, given), given)
    assert (rejects, again.drop(s.PLACES).equals(frame.drop(s.PLACES))) == ([], True)


def test_a_key_with_a_day_is_written_again():
    """Serial numbers that begin again each day."""
    whole = {"title": "时间", "and": "", "format": "YYYYMMDDhhmmss"}
    day = {"title": "日期", "name": "day", "type": "date", "format": "YYYYMMDD"}
    mapping = {**PLAIN, "key": ["day", "order_no"], "columns": [*_columns(occurred_at=whole), day], "newline": "lf"}
    given = s.context("a.txt", "x", date(2026, 5, 7), mapping=mapping)
    text = "订单号|类型|时间|金额|日期\n1|消费|20260507101112|1.00|20260507\n"
    assert s.write("mapped_csv", s.read("mapped_csv", text.encode(), given)[0], given).decode() == text


@pytest.mark.parametrize("required", [False, True])
def test_a_blank_that_is_a_code_needs_its_heading(required):
    """A column that the file calls otherwise would be blank in every row, and each refund a sale."""
    kind = {"title": "类型", "name": "kind", "required": required, "values": {"": "SALE", "退货": "REFUND"}}
    mapping = {**PLAIN, "columns": _columns(kind=kind)}
    if not required:
        del mapping["columns"][1]["required"]
    rows = "1||20260507|101112|1.00\n2|退货|20260507|101112|1.00\n"
    frame, rejects, _ = _read(HEAD + rows, mapping)
    assert (rejects, frame["kind"].to_list()) == ([], ["SALE", "REFUND"])
    refused = _read(HEAD.replace("类型", "交易类型") + rows, mapping)[2].refused
    assert (refused and refused.code) == "BAD_HEADING"


@pytest.mark.parametrize("name", ["day", "clearing_date"])
@pytest.mark.parametrize("year", ["0000", "0001", "0999"])
def test_a_day_before_the_year_1000_is_a_reject(name, year):
    """Polars reads a year 0, which Python has not; and 0001-01-01 in Suzhou is of it in UTC."""
    whole = {"title": "时间", "and": "", "format": "YYYYMMDDhhmmss"}
    day = {"title": "日期", "name": name, "type": "date", "format": "YYYYMMDD"}
    mapping = {**PLAIN, "columns": [*_columns(occurred_at=whole), day]}
    rows = f"1|消费|20260507101112|1.00|{year}0101\n2|消费|{year}0101000000|1.00|20260507\n"
    rows += "3|消费|20260507101112|1.00|20260507\n"
    frame, rejects, _ = _read("订单号|类型|时间|金额|日期\n" + rows, mapping)
    assert [(one.record, one.field, one.code) for one in rejects] == [
        (1, name, "BAD_DATE"),
        (2, "occurred_at", "BAD_DATE"),
    ]
    assert frame["transaction_id"].to_list() == ["x:3"]
