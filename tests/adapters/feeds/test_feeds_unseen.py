"""Mapped files of kinds that no sample has: dates and sheets of workbooks, days of one digit, long separators."""

from __future__ import annotations

import io
from datetime import date, datetime, time

import feeds_support as s
import pytest
import xlsxwriter

from adapters.feeds.mapped_write import write
from settlement.model.errors import BadInput
from tests.adapters.feeds.test_feeds_mapping_language import PLAIN

HEAD = ("订单号", "时间", "类型", "金额", "手续费")
ROWS = (
    ("1", datetime(2026, 5, 7), "消费", 0.1 + 0.2, 0),
    ("2", datetime(2026, 5, 7, 9, 5, 3), "退货", -1234.5, -0.38),
)
MINUS = {"-": -1}


def _mapping(form, **more):
    return {
        "format": "own",
        "title": "t",
        "encoding": "utf-8",
        "sign": "ignore",
        "key": ["rrn"],
        "columns": [
            {"title": "订单号", "name": "rrn", "required": True},
            {"title": "时间", "name": "occurred_at", "type": "datetime", "format": form, "required": True},
            {"title": "类型", "name": "kind", "values": {"消费": "SALE", "退货": "REFUND"}, "required": True},
            {"title": "金额", "name": "paid", "type": "amount", "signs": MINUS, "required": True},
            {"title": "手续费", "name": "fee", "type": "amount", "signs": MINUS},
        ],
        **more,
    }


def _read(data, mapping, **settings):
    return s.read("mapped_csv", data, s.context("a", "x", s.DAY, mapping=mapping, **settings))


def _book(*pages):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "yyyy/m/d h:mm"}) as book:
        for rows in pages:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return out.getvalue()


@pytest.mark.parametrize("form", ["YYYY-MM-DD hh:mm:ss", "YYYY/M/D h:mm:ss", "YYYYMMDDhhmmss", "YYYY-MM-DD hh:mm:ss.f"])
def test_dates_of_a_workbook_are_of_the_format_of_their_column(form):
    frame, rejects, closing = _read(_book((HEAD, *ROWS)), _mapping(form))
    assert (rejects, closing.refused) == ([], None)
    moments = [f"{moment:%H:%M:%S}" for moment in frame["occurred_at"].dt.convert_time_zone("Asia/Shanghai")]
    assert moments == ["00:00:00", "09:05:03"]
    assert frame["paid_fen"].to_list() == [30, 123_450]


def test_records_in_another_sheet_are_not_left_out_in_silence():
    raw = _book((("笔数", 2), ("金额", 3)), (HEAD, *ROWS))
    mapping = _mapping("YYYY-MM-DD hh:mm:ss")
    assert _read(raw, mapping)[2].refused.code == "OTHER_SHEETS"
    frame, rejects, closing = _read(raw, mapping, sheet="Sheet2")
    assert (frame.height, rejects, closing.refused) == (2, [], None)
    assert _read(_book((HEAD, ROWS[0]), (HEAD, ROWS[1])), mapping)[2].refused.code == "OTHER_SHEETS"
    assert _read(_book((HEAD, *ROWS), (("笔数", 2),)), mapping)[2].refused is None


@pytest.mark.parametrize(
    ("form", "first", "second"),
    [
        ("YYYY/M/D h:mm", "2026/5/7 9:05", "2026/05/17 10:30"),
        ("M/D/YYYY h:mm:ss", "5/7/2026 9:05:03", "12/17/2025 10:30:00"),
        ("YYYY-MM-DD hh:mm:ss.f", "2026-05-07 09:05:03.0", "2026-05-07 10:30:22.123456789"),
    ],
)
def test_times_of_no_fixed_width(form, first, second):
    text = ",".join(HEAD) + f"\n1,{first},消费,1,.38\n2,{second},退货,-2.5,-.15\n3,2026/5/,消费,1,0\n"
    frame, rejects, _ = _read(text.encode(), _mapping(form))
    assert [(r.record, r.code) for r in rejects] == [(3, "BAD_DATE")]
    assert frame["fee_fen"].to_list() == [38, -15]  # given back
    assert frame["occurred_at"][0].minute == 5
    assert set(frame["occurred_at"].dt.microsecond()) == {0}


@pytest.mark.parametrize("form", ["YYYY/M/D", "YYMMDD"])
def test_a_day_of_no_fixed_width_has_no_place_in_a_fixed_field(form):
    field = {"name": "at", "type": "date", "format": form, "start": 1, "length": 9}
    given = {"format": "a", "title": "a", "shape": "fixed", "encoding": "ascii", "record": {"fields": [field]}}
    with pytest.raises(BadInput, match="no fixed width"):
        s.read("citizen_card", b"x", s.context("a", "x", s.DAY, layout=given))


def test_a_separator_of_several_marks():
    mapping = _mapping("YYYY-MM-DD hh:mm:ss", separator="|@|")
    text = ",".join(HEAD).replace(",", "|@|") + "\n1|@|2026-05-07 09:05:03|@|消费|@|1,5|@|0\n"
    frame, rejects, _ = _read(text.replace("1,5", "1.50").encode(), mapping)
    assert (frame["paid_fen"].to_list(), rejects) == ([150], [])
    with pytest.raises(BadInput, match="a separator of several marks; it is only read"):
        write(frame, s.context("a", "x", s.DAY, mapping=mapping))
    with pytest.raises(BadInput, match="separator is one to four marks"):
        _read(b"x", {**PLAIN, "separator": "ab"})


TOTAL = {"name": "total", "type": "amount", "declares": "total", "of": "paid"}


def test_headings_that_come_again_are_no_record():
    head, form = ",".join(HEAD) + "\n", "YYYY-MM-DD hh:mm:ss"
    text = head + "1,2026-05-07 09:05:03,消费,1.00,0\n" + head + "2,2026-05-08 09:05:03,消费,2.00,0\n"
    frame, rejects, closing = _read(text.encode(), _mapping(form))
    assert (frame["paid_fen"].to_list(), rejects, closing.records) == ([100, 200], [], 2)
    end = {"starts_with": ["合计"]}
    assert _read((text + "合计\n" + head).encode(), _mapping(form, end=end))[2].refused.code == "AFTER_END"


@pytest.mark.parametrize(
    ("foot", "end"),
    [
        (',,合计,"¥1,102.50"', {"where": "same", "fields": [{"name": "a"}, {"name": "b"}, {"name": "c"}, TOTAL]}),
        ('合计,"共2笔，¥1,102.50元"', {"spoken": [{"pattern": "共(?P<count>[0-9]+)笔，(?P<paid>¥[0-9,.]+)元"}]}),
    ],
)
def test_totals_are_written_as_amounts_are(foot, end):
    rows = '1,2026-05-07 09:05:03,消费,"¥1,100.00",0\n2,2026-05-07 09:05:03,退货,-¥2.50,0\n'
    mapping = _mapping("YYYY-MM-DD hh:mm:ss", thousands=True, money_mark="¥", end={"starts_with": ["合计"], **end})
    frame, rejects, closing = _read(f"{','.join(HEAD)}\n{rows}{foot}\n".encode(), mapping)
    assert (frame["paid_fen"].to_list(), rejects, closing.refused) == ([110_000, 250], [], None)
    wrong = foot.replace("102", "103")
    assert _read(f"{','.join(HEAD)}\n{rows}{wrong}\n".encode(), mapping)[2].refused.code == "TOTAL_MISMATCH"


def test_a_day_and_a_time_in_two_cells_of_a_workbook_are_of_the_format_of_their_column():
    mapping = _mapping("YYYYMMDD hhmmss")
    mapping["columns"][1]["and"] = "时刻"
    rows = [
        (*HEAD, "时刻"),
        ("1", date(2026, 5, 7), "消费", 1, 0, time(9, 5, 0)),
        ("2", date(2026, 5, 7), "消费", 1, 0, time(23, 59, 59)),
        ("3", "20260507", "消费", 1, 0, "090502"),
    ]
    frame, rejects, _ = _read(_book(rows), mapping)
    moments = [f"{moment:%d %H:%M:%S}" for moment in frame["occurred_at"].dt.convert_time_zone("Asia/Shanghai")]
    assert (moments, rejects) == (["07 09:05:00", "07 23:59:59", "07 09:05:02"], [])


def test_a_heading_of_money_that_stands_twice_is_told():
    text = "订单号,时间,类型,金额,手续费,备注,{0}\n1,2026-05-07 09:05:03,消费,1.00,,甲,0.10\n"
    mapping = _mapping("YYYY-MM-DD hh:mm:ss")
    refused = _read(text.format("手续费").encode(), mapping)[2].refused
    assert (refused.code, "手续费" in refused.message) == ("BAD_HEADING", True)
    assert _read(text.format("备注").encode(), mapping)[2].refused is None


def test_thousands_without_quotes_do_not_become_two_cells():
    text = "订单号,时间,类型,金额,手续费,\n1,2026-05-07 09:05:03,消费,{0},0.00,{1}\n"
    mapping = _mapping("YYYY-MM-DD hh:mm:ss")
    assert [r.code for r in _read(text.format("1,234.56", "").encode(), mapping)[1]] == ["FIELD_COUNT"]
    for behind in ("", ",", "x"):
        frame, rejects, _ = _read(text.format("234.56", behind).encode(), mapping)
        assert (frame["paid_fen"].to_list(), rejects) == ([23_456], [])


@pytest.mark.parametrize("records", [2, 9000])
def test_lines_that_end_with_cr_alone(records):
    rows = "".join(f"{n},2026-05-07 09:05:03,消费,1.00,0.00\n" for n in range(records))
    text = "订单号,时间,类型,金额,手续费\n" + rows
    mapping = _mapping("YYYY-MM-DD hh:mm:ss")
    frame, rejects, closing = _read(text.replace("\n", "\r").encode(), mapping)
    assert (rejects, closing.refused) == ([], None)
    assert frame.equals(_read(text.encode(), mapping)[0])
    assert _read(text.replace("\n", "\r")[:-1].encode(), mapping)[2].refused.code == "TRUNCATED"


def test_a_comma_before_the_fen_and_a_year_of_two_digits():
    rows = "1;07.05.26 9:05;消费;1.234,56;0,10\n2;08.05.26 9:05;消费;1.234;0\n"
    text = f"订单号;时间;类型;金额;手续费\n{rows}合计;2.468,56\n"
    end = {"starts_with": ["合计"], "where": "same"}
    end["fields"] = [{"name": "mark"}, {"name": "total", "type": "amount", "declares": "total", "of": "paid"}]
    more = {"separator": ";", "thousands": True, "decimal": ",", "end": end}
    frame, rejects, closing = _read(text.encode(), _mapping("DD.MM.YY h:mm", **more))
    assert (rejects, closing.refused) == ([], None)
    assert frame.select("paid_fen", "fee_fen").rows() == [(123_456, 10), (123_400, 0)]
    assert [str(moment)[:16] for moment in frame["occurred_at"]] == ["2026-05-07 01:05", "2026-05-08 01:05"]
    wrong = text.replace("2.468,56", "2.468,57").encode()
    assert _read(wrong, _mapping("DD.MM.YY h:mm", **more))[2].refused.code == "TOTAL_MISMATCH"
    rejects = _read(text.encode(), _mapping("DD.MM.YY h:mm", separator=";", thousands=True))[1]
    assert [r.code for r in rejects] == ["BAD_AMOUNT", "BAD_AMOUNT", "FIELD_COUNT"]
    again = _read(text.replace(".05.26", ".05.2026").encode(), _mapping("DD.MM.YY h:mm", **more))[1]
    assert [r.code for r in again] == ["BAD_DATE", "BAD_DATE"]
    with pytest.raises(BadInput, match="comma before the fen"):
        list(write(frame, s.context("x.csv", "own", mapping=_mapping("DD.MM.YY h:mm", **more))))


def test_in_a_workbook_a_number_has_its_point():
    mapping = _mapping("YYYY-MM-DD hh:mm:ss", thousands=True, decimal=",")
    rows = (*ROWS, ("3", datetime(2026, 5, 8), "消费", "1.234,56", 0))
    frame, rejects, _ = _read(_book((HEAD, *rows)), mapping)
    assert (frame["paid_fen"].to_list(), [r.code for r in rejects]) == ([30, 123_450], ["BAD_AMOUNT"])
    end = {"starts_with": ["合计"], "where": "same"}
    end["fields"] = [{"name": "mark"}, {"name": "total", "type": "amount", "declares": "total", "of": "paid"}]
    mapping = _mapping("YYYY-MM-DD hh:mm:ss", thousands=True, decimal=",", end=end)
    for total, code in ((1234.25, None), (1234.24, "TOTAL_MISMATCH"), ("1.234,25", "BAD_TRAILER")):
        rows = (("1", datetime(2026, 5, 7), "消费", 1234.25, 0), ("合计", total, None, None, None))
        refused = _read(_book((HEAD, *rows)), mapping)[2].refused
        assert (refused and refused.code) == code


def test_a_carriage_return_within_a_line_is_named():
    """Of a line end that was damaged two rows could become one: the file is refused, and says for what."""
    text = ",".join(HEAD) + "\n1,2026-05-07 09:05:03,消费,1.00,0\r2,2026-05-07 09:05:03,消费,1.00,0\n"
    refused = _read(text.encode(), _mapping("YYYY-MM-DD hh:mm:ss"))[2].refused
    assert (refused.code, "carriage return" in refused.message) == ("BAD_QUOTES", True)


FUNDS = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号\n"
    "`2026-05-07 04:21:23,`50001,`19001,`退款,`退款,`支出,`0.02,`0.17,`system,`缺货,退,`REF1\n"
    "`2026-05-07 05:21:23,`42001,`19002,`交易,`交易,`收入,`1.02,`1.19,`system,`,`REF2\n"
    "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\n`{0},`1.0,`1.02,`1.0,`0.02\n"
)


@pytest.mark.parametrize(
    ("count", "code"), [("2.0", None), ("2", None), ("3.0", "COUNT_MISMATCH"), ("2.5", "BAD_TRAILER")]
)
def test_a_wallets_bill_of_funds_counts_its_lines_with_a_point(count, code):
    mapping = {
        "format": "own", "title": "t", "encoding": "utf-8", "prefix": "`", "key": ["flow_no"],
        "columns": [
            {"title": "记账时间", "name": "occurred_at", "type": "datetime", "format": "YYYY-MM-DD hh:mm:ss"},
            {"title": "资金流水单号", "name": "flow_no"},
            {"title": "业务类型", "name": "kind", "values": {"交易": "SALE", "退款": "REFUND", "提现": "SKIP"}},
            {"title": "收支金额（元）", "name": "paid", "type": "amount"},
        ],
        "end": {"starts_with": ["资金流水总笔数"], "where": "next",
                "fields": [{"title": "资金流水总笔数", "name": "n", "type": "count", "declares": "count"}]},
    }  # fmt: skip
    frame, rejects, closing = _read(FUNDS.format(count).encode(), mapping)
    assert (closing.refused and closing.refused.code) == code
    assert (frame.select("kind", "paid_fen").rows(), rejects) == ([("REFUND", 2), ("SALE", 102)], [])


@pytest.mark.parametrize("written", ["{0}", "{0[0]}\n{0[1]}", "{0[0]} {0[1]}", "{0[0]}\u3000{0[1]}"])
def test_a_heading_is_the_same_with_a_line_end_or_blanks_in_it(written):
    """Workbooks break their headings over lines, to be narrow; a mapping writes them in one, or as they stand."""
    head = (*HEAD[:1], *(written.format(heading) for heading in HEAD[1:4]), HEAD[4])
    text = ",".join(f'"{cell}"' for cell in head) + "\n1,2026-05-07 09:05:03,消费,1.00,0\n"
    broken = _mapping("YYYY-MM-DD hh:mm:ss")
    broken["columns"] = [column | {"title": title} for column, title in zip(broken["columns"], head, strict=True)]
    for mapping in (_mapping("YYYY-MM-DD hh:mm:ss"), broken):
        assert _read(_book((head, ROWS[0])), mapping)[0]["paid_fen"].to_list() == [30]
        for data in (text, text.replace(",".join(f'"{cell}"' for cell in head), ",".join(HEAD))):
            assert _read(data.encode(), mapping)[0]["paid_fen"].to_list() == [100]


def test_of_headings_that_differ_by_blanks_the_one_that_is_written_so_counts():
    """Where none is, nothing says which."""
    mapping = _mapping("YYYYMMDDhhmmss")
    mapping["columns"].append({"title": "原订单号", "name": "old"})
    mapping |= {"original_key": ["old"], "also": {"费用(元)": "手续费"}}
    row = "{},1,20260507090503,退货,1.00,2.00,a,b\n"
    head = "{},订单号,时间,类型,金额,{},原 订单号,原订单号\n"
    for other in ("金 额", '"金\n额"'):
        frame, rejects, closing = _read((head + row).format(other, '"费用\n（元）"', "9").encode(), mapping)
        assert (frame["paid_fen"].to_list(), rejects, closing.refused) == ([100], [], None)
        assert (frame["fee_fen"].to_list(), frame["original_key"].to_list()) == ([200], ["x:b"])
    twice = (head + row).replace(",金额,", ",金　额,").format("金 额", "手续费", "9")
    refused = _read(twice.encode(), mapping)[2].refused
    assert (refused.code, refused.message) == ("BAD_HEADING", "the heading stands twice: 金额")
    # of two that differ by the width of signs alone nothing says which, though one is as it is written
    next(column for column in mapping["columns"] if column["name"] == "paid")["title"] = "金额（元）"
    twice = (head + row).replace(",金额,", ",金额(元),").format("金额（元）", "手续费", "9")
    assert _read(twice.encode(), mapping)[2].refused.message == "the heading stands twice: 金额（元）"
    mapping["also"] = {"支付金额": "金额(元)"}  # as a file may write it, not the column
    once = (head + row).format("x", "手续费", "9").replace(",金额,", ",支付金额,")
    assert _read(once.encode(), mapping)[0]["paid_fen"].to_list() == [100]
    mapping["also"] = {"费用": "手 续费金"}
    with pytest.raises(BadInput, match="no column has the title"):
        _read(twice.encode(), mapping)
