"""How a mapped file ends: nothing may follow, nothing may be cut off, and every total that it names is compared."""

from __future__ import annotations

import io

import feeds_support as s
import pytest
import xlsxwriter

from adapters.feeds import mapped
from adapters.feeds.mapping import mapping_of
from settlement.model.errors import BadInput
from tests.adapters.feeds.test_feeds_mapped import ALIPAY, WECHAT, WECHAT_SALE
from tests.adapters.feeds.test_feeds_mapping_language import HEAD, PLAIN

ROW = "{}|消费|20260507|101112|1.00\n"
SAME = {
    "starts_with": ["总计"],
    "where": "same",
    "fields": [{"name": "mark"}, {"name": "n", "type": "count", "declares": "count"}],
}


def _read(text, mapping, name="a_20260507_1.txt", encoding="utf-8"):
    return s.read("mapped_csv", text.encode(encoding), s.context(name, "x", s.DAY, mapping=mapping))


def _refused(*given, **more):
    refused = _read(*given, **more)[2].refused
    return refused and refused.code


@pytest.mark.parametrize(
    ("behind", "code"),
    [
        (ROW.format(2), "AFTER_END"),
        (HEAD + ROW.format(2) + "总计|1\n", "AFTER_END"),
        ("打印人：甲\n", "AFTER_END"),
        ("\n ||\n-----|====\n", None),
        ("备注：甲\n", None),
    ],
)
def test_nothing_is_lost_behind_the_end(behind, code):
    mapping = {**PLAIN, "end": SAME, "ignore": ["备注"]}
    refused = _read(HEAD + ROW.format(1) + "总计|1\n" + behind, mapping)[2].refused
    assert (refused and refused.code) == code
    assert refused is None or "the mapping's ignore" in refused.message  # of a foot that the sender always writes


def test_nothing_is_lost_behind_the_end_of_a_wallet():
    assert _refused(WECHAT, "wechat_pay") is None
    assert _refused(WECHAT + WECHAT_SALE + "\r\n", "wechat_pay") == "AFTER_END"
    record = next(line for line in ALIPAY.splitlines() if not line.startswith("#") and "交易号" not in line)
    assert _refused(ALIPAY + "#导出时间：[2026年05月08日]\n", "alipay", encoding="gb18030") is None
    assert _refused(ALIPAY + record, "alipay", encoding="gb18030") == "AFTER_END"


def test_a_file_without_an_end_ends_with_a_line_end():
    text = HEAD + ROW.format(1)
    assert _refused(text, PLAIN) is None
    assert _refused(text[:-1], PLAIN) == "TRUNCATED"
    assert _refused(text[:-2], PLAIN) == "TRUNCATED"
    assert _refused(text[:-1].encode("utf-16").decode("utf-16"), PLAIN, encoding="utf-16") == "TRUNCATED"
    assert _refused(text + "总计|1", {**PLAIN, "end": SAME}) is None
    assert _refused(text[:-1], {**PLAIN, "end": {**SAME, "required": False}}) == "TRUNCATED"
    assert _refused(text[:-1], {**PLAIN, "open_end": True}) is None  # a sender that joins its lines
    assert _refused(text, {**PLAIN, "open_end": True}) is None
    with pytest.raises(BadInput, match="open_end: not with ragged"):
        _refused(text, {**PLAIN, "open_end": True, "ragged": True})


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ({**SAME, "where": "none"}, "would never be looked at"),
        ({"starts_with": ["总计"], "spoken": [{"pattern": "共[0-9]+笔"}]}, "has no group"),
        ({"starts_with": ["总计"], "spoken": [{"pattern": "共([0-9]+)笔"}]}, "has no group"),
        (
            {**SAME, "fields": [{"name": "t", "type": "amount", "declares": "total", "of": "nope"}]},
            "not of 'nope'",
        ),
    ],
)
def test_a_total_that_nobody_would_compare_is_no_mapping(end, message):
    with pytest.raises(BadInput, match=message):
        mapping_of({"mapping": {**PLAIN, "end": end}})


@pytest.mark.parametrize("line", ["\r\n", "||||\n", "备注\n"])
@pytest.mark.parametrize("end", ["", "总计|1\n"])
def test_a_file_of_blank_lines_is_refused_soon(line, end):
    mapping = {**PLAIN, "ignore": ["备注"], "end": {**SAME, "required": False}}
    text = HEAD + ROW.format(1) + end
    assert _refused(text + line * 1000, mapping) is None
    assert _refused(text + line * (mapped.MAX_PASSED + 1), mapping) == "TOO_MANY_LINES"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("`0.00,`0.03,`10.00", "`0.00,`9.99,`10.00", "手续费总金额 9.99 yuan and its records have 0.07 (net 0.03)"),
        ("`0.00,`0.03,`10.00", "`0.00,`0.07,`10.00", None),
        ("`4.00,`0.00,`0.03", "`4.00,`1.00,`0.03", "充值券退款总金额 1.00 yuan"),
        ("`2,`9.00", "`2,`9.01", "应结订单总金额 9.01 yuan"),
        ("`2,`9.00", "`3,`9.00", "总交易单数 3 records and it has 2"),
    ],
)
def test_each_total_of_a_wallet_is_compared_and_named(old, new, said):
    refused = _read(WECHAT.replace(old, new), "wechat_pay")[2].refused
    assert (refused is None) if said is None else (refused is not None and said in refused.message)


def test_the_discounts_that_alipay_speaks_of_are_compared():
    said = "商家优惠共2.00元"
    assert said in ALIPAY
    for other, code in ((said, None), ("商家优惠共99.99元", "TOTAL_MISMATCH"), ("商家优惠共9x元", "BAD_TRAILER")):
        assert _refused(ALIPAY.replace(said, other), "alipay", encoding="gb18030") == code, other


def test_a_row_without_a_key_is_a_reject_and_a_sale_undone_before_money_moved_is_skipped():
    undone = WECHAT_SALE.replace("SUCCESS", "REVOKED")
    half = undone.replace("`0,`0,`0.00,`0.00", "`0,`0,`4.00,`0.00")
    head, rest = WECHAT.split("\r\n", 1)
    for row, totals, counts in (
        (undone, "`3,`18.00,`4.00,`0.00,`0.08,`20.00,`5.00", (2, 0, 1)),
        (half, "`3,`18.00,`8.00,`0.00,`0.08,`20.00,`5.00", (2, 1, 0)),
    ):
        text = f"{head}\r\n{row}\r\n{rest}".replace("`2,`9.00,`4.00,`0.00,`0.03,`10.00,`5.00", totals)
        _, rejects, closing = _read(text, "wechat_pay")
        assert closing.refused is None
        assert (closing.accepted, closing.rejected, closing.skipped) == counts
        assert [r.code for r in rejects] == ["NO_KEY"] * counts[1]


@pytest.mark.parametrize(("column", "value"), [(4, "#DIV/0!"), (4, ""), (0, "#N/A"), (5, "#DIV/0!")])
def test_a_cell_without_a_value_is_no_blank_cell(column, value):
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, [*HEAD.strip().split("|"), "无"])
    for number in (1, 2):
        sheet.write_row(number, 0, ROW.format(number).strip().split("|"))
    sheet.write_formula(1, column, "=1/0", None, value)
    book.close()
    _, rejects, closing = s.read("mapped_csv", out.getvalue(), s.context("a.xlsx", "x", s.DAY, mapping=PLAIN))
    if column == 5:  # the mapping has no such column
        assert rejects == []
    else:
        assert [(r.record, r.code) for r in rejects] == [(1, "UNREAD_CELL")]
        assert closing.accepted == 1
