"""How a mapped file ends: nothing may follow, nothing may be cut off, and every total that it names is compared."""

from __future__ import annotations

import feeds_support as s
import pytest

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
    assert _refused(HEAD + ROW.format(1) + "总计|1\n" + behind, mapping) == code


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
