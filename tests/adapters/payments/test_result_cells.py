"""回盘 whose cells are quoted, or that come as a workbook: read by the same layout, nothing lost or guessed."""

from __future__ import annotations

import datetime as dt
import io
import time
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from adapters.base import Closing, Context, Parsed
from adapters.layout import load_layout
from adapters.payments.bank_template import read
from portal.cli.main import run
from settlement.model.errors import BadInput

HEAD = ["付款编号", "金额", "处理结果", "失败原因"]
LAYOUT = """
format: our_result
title: 回盘
gives: result
shape: delimited
encoding: gb18030
separator: ","
newline: any
unit: yuan
quotes: true
header:
  - fields: [{name: c1, constant: 付款编号}, {name: c2, constant: 金额}, {name: c3, constant: 处理结果},
             {name: c4, constant: 失败原因}]
record:
  fields:
    - {name: end_to_end_id, required: true}
    - {name: amount, type: amount, required: true}
    - {name: result, required: true, values: {成功: paid, 失败: rejected}}
    - {name: reason}
trailer:
  - fields: [{name: c1, constant: 合计}, {name: total, type: amount, declares: total, of: amount},
             {name: count, type: count, declares: count}, {name: c4}]
"""
HEADER = LAYOUT[LAYOUT.index("header:") : LAYOUT.index("record:")]
TOTAL_ABOVE = """header:
  - fields: [{name: c1, constant: P}, {name: total, type: amount, declares: total, of: amount}]
"""


def results(raw: bytes, layout: str = LAYOUT) -> tuple[list[tuple[Any, ...]], list[str], Closing]:
    items = list(read(io.BytesIO(raw), Context("x.csv", "bank", {"layout": load_layout(layout, "x.yaml")})))
    closing = items.pop()
    assert isinstance(closing, Closing)
    blocks = [item for item in items if isinstance(item, Parsed)]
    rows = [row for b in blocks for row in b.frame.select("end_to_end_id", "amount_fen", "result", "reason").rows()]
    return rows, [reject.code for block in blocks for reject in block.rejects], closing


def quoted(*rows: str, total: str = "3.50", count: int = 2) -> bytes:
    lines = (",".join(f'"{cell}"' for cell in HEAD), *rows, f'"合计","{total}","{count}",""')
    return "".join(f"{line}\r\n" for line in lines).encode("gb18030")


def workbook(*rows: list[Any], more: list[list[Any]] | None = None) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "default_date_format": "yyyy/m/d"}) as book:
        for number, lines in enumerate((rows, more or [])):
            sheet = book.add_worksheet(f"表{number}")
            for place, row in enumerate(lines):
                sheet.write_row(place, 0, row)
                for column, cell in enumerate(row):
                    if cell == "#N/A":
                        sheet.write_formula(place, column, "=NA()", value=cell)
    return buffer.getvalue()


def test_cells_may_be_quoted_and_hold_separator_quote_and_line_end() -> None:
    raw = quoted('"SZ1","1.20","成功",""', '"SZ2" ,2.30,"失败","户名不符,""甲""\r\n请更正"')
    rows, codes, closing = results(raw)
    assert rows == [("SZ1", 120, "paid", "成功"), ("SZ2", 230, "rejected", '失败 户名不符,"甲" 请更正')]
    assert (codes, closing.refused, closing.declared_records, closing.total_fen) == ([], None, 2, 350)


def test_a_row_whose_quotes_are_damaged_is_a_reject_and_one_that_does_not_close_refuses() -> None:
    raw = quoted('"SZ1","1.20","成功",""', '"SZ2","2.30","失败","a"b""', total="3.50").replace(b'"3.50"', b'"1.20"')
    assert results(raw)[2].refused is not None  # the amount of the damaged row is not known, so no total is proven
    cut = quoted('"SZ1","1.20","成功",""', '"SZ2","2.30","失败","户名')
    refused = results(cut)[2].refused
    assert refused is not None


def test_a_quoted_file_cut_anywhere_is_refused() -> None:
    raw = quoted('"SZ1","1.20","成功",""', '"SZ2","2.30","失败","户名不符"')
    assert results(raw)[2].refused is None
    assert all(results(raw[:size])[2].refused is not None for size in range(len(raw) - 1))


def test_a_cell_with_thousands_of_line_ends_is_read_at_once() -> None:
    head = quoted().partition(b"\r\n")[0] + b"\n"
    layout = LAYOUT.partition("trailer:")[0]
    row = b'SZ%d,1.20,\xb3\xc9\xb9\xa6,"' + b"\n" * 64_000 + b'"\n'
    start = time.process_time()
    rows, codes, closing = results(head + b"".join(row % number for number in range(4)), layout)
    assert time.process_time() - start < 2  # joined line by line it took a second for each row
    assert (len(rows), codes, closing.refused) == (4, [], None)
    refused = results(head + row.replace(b'"\n', b"\n" * 2_000 + b'"\n') % 1, layout)[2].refused
    assert refused is not None
    assert refused.code == "LINE_TOO_LONG"


def test_the_amounts_are_summed_where_no_total_is_declared() -> None:
    bare = quoted('"SZ1","1.20","成功",""', '"SZ2","x","失败",""').rpartition('"合计"'.encode("gb18030"))[0]
    rows, codes, closing = results(bare, LAYOUT.partition("trailer:")[0])
    assert (len(rows), codes, closing.total_fen, closing.declared_total_fen) == (1, ["BAD_AMOUNT"], 120, None)


def test_without_the_key_a_quote_is_a_letter() -> None:
    refused = results(quoted('"SZ1","1.20","成功",""'), LAYOUT.replace("quotes: true\n", ""))[2].refused
    assert refused is not None
    assert refused.code == "BAD_HEADER"


@pytest.mark.parametrize("layout", [LAYOUT, LAYOUT.replace("quotes: true\n", "")])
def test_a_workbook_is_read_by_the_same_layout(layout: str) -> None:
    rows = [HEAD, ["SZ1", 1.2, "成功"], [], ["SZ2", "2.30", "失败", "户名不符"], ["合计", 3.5, 2]]
    assert results(workbook(*rows), layout)[:2] == (
        [("SZ1", 120, "paid", "成功"), ("SZ2", 230, "rejected", "失败 户名不符")],
        [],
    )


@pytest.mark.parametrize(
    ("rows", "more", "code"),
    [
        ([HEAD, ["SZ1", 1.2, "成功"], ["合计", 3.5, 2]], [], "COUNT_MISMATCH"),
        ([HEAD, ["SZ1", 1.2, "成功"]], [], "BAD_TRAILER"),
        ([HEAD, ["SZ1", 1.2, "成功"], ["合计", 1.2, 1]], [["SZ2", "2.30", "失败"]], "OTHER_SHEETS"),
        ([HEAD, [1234567890123456, 1.2, "成功"], ["合计", 1.2, 1]], [], "ROUNDED"),
        ([HEAD, ["SZ1", "#N/A", "成功"], ["合计", 1.2, 1]], [], "TOTAL_UNPROVEN"),
        ([[*HEAD[:3], "别的"], ["SZ1", 1.2, "成功"], ["合计", 1.2, 1]], [], "BAD_HEADER"),
        ([], [], "EMPTY_FILE"),
    ],
)
def test_a_workbook_that_cannot_be_trusted_is_refused(rows: list[Any], more: list[Any], code: str) -> None:
    refused = results(workbook(*rows, more=more))[2].refused
    assert refused is not None
    assert refused.code == code


def test_the_sheet_may_be_named_and_a_row_may_not_be_longer_than_the_layout() -> None:
    main_rows = [HEAD, ["SZ1", 1.2, "成功", "", "x"], ["SZ2", 2.3, "成功"], ["合计", 3.5, 2]]
    raw = workbook(["说明"], more=main_rows)
    layout = LAYOUT.replace("unit: yuan", "unit: yuan\nsheet: 表1").partition("trailer:")[0] + "end_mark: 完\n"
    refused = results(raw, layout)[2].refused
    assert refused is not None
    assert refused.code == "NO_END_MARK"
    rows, codes, closing = results(raw, layout.replace("end_mark: 完\n", ""))
    assert [row[0] for row in rows] == ["SZ2"]
    assert (codes, closing.rejected) == (["FIELD_COUNT", "UNKNOWN_CODE"], 2)
    marked = workbook(HEAD, ["SZ1", 1.2, "成功"], ["完"])
    assert results(marked, layout.replace("sheet: 表1\n", ""))[0] == [("SZ1", 120, "paid", "成功")]


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("type: date, format: YYYYMMDD", dt.datetime(2026, 5, 7)),
        ("type: date, format: YYYY/M/D", dt.datetime(2026, 5, 7)),
        ("type: date, format: YYYYMMDD", 20260507),
        ('type: datetime, format: "YYYY-MM-DD hh:mm:ss"', dt.datetime(2026, 5, 7, 9, 5, 3, 500000)),
    ],
)
def test_a_day_of_a_workbook_is_read_whatever_the_layout_writes(kind: str, cell: object) -> None:
    layout = LAYOUT.partition("trailer:")[0].replace("{name: reason}", f"{{name: reason}}\n    - {{name: day, {kind}}}")
    rows, codes, _ = results(workbook(["SZ1", 1.2, "成功", "", cell]), layout.replace(HEADER, ""))
    assert (rows, codes) == ([("SZ1", 120, "paid", "成功")], [])


def test_a_long_number_in_a_sheet_that_is_not_read_refuses_nothing() -> None:
    layout = LAYOUT.partition("trailer:")[0]
    rows = [HEAD, ["SZ1", 1.2, "成功"]]
    assert results(workbook(*rows, more=[["账号", 6217000000000000004]]), layout)[2].refused is None
    refused = results(workbook(*rows, more=[[6217000000000000004, 1.2, "成功"]]), layout)[2].refused
    assert refused is not None
    assert refused.code == "OTHER_SHEETS"


def test_blanks_and_tabs_around_cells_are_none_of_them() -> None:
    rows = [HEAD, ["SZ1\t", 1.2, "成功", "", " "], ["完"], [" "]]
    marked = LAYOUT.partition("trailer:")[0] + "end_mark: 完\n"
    assert results(workbook(*rows), marked)[0] == [("SZ1", 120, "paid", "成功")]
    rows_of_text, codes, _ = results(quoted('"SZ1\t","1.20","成功",""', '"\tSZ2","2.30\u3000","成功","甲\t\r乙\t\n"'))
    assert (rows_of_text, codes) == ([("SZ1", 120, "paid", "成功"), ("SZ2", 230, "paid", "成功 甲 乙")], [])


@pytest.mark.parametrize("constant", ['"付款编号\\n(至多 20 位)"', "付款编号(至多 20 位)", "付款编号 (至多 20 位)"])
def test_a_heading_broken_over_lines_is_the_constant_however_that_is_written(constant: str) -> None:
    layout = LAYOUT.replace("constant: 付款编号", f"constant: {constant}")
    heads = ["付款编号\n(至多 20 位)", *HEAD[1:]]
    rows = [["A-1", 3.5, "成功", ""], ["合计", 3.5, 1, ""]]
    raw = ("".join(",".join(f'"{cell}"' for cell in row) + "\r\n" for row in [heads, *rows])).encode("gb18030")
    for file in (workbook(heads, *rows), raw):
        assert results(file, layout)[0] == [("A-1", 350, "paid", "成功")]
    refused = results(workbook(["付款编号\n(至多 30 位)", *HEAD[1:]], *rows), layout)[2].refused
    assert refused is not None
    assert refused.code == "BAD_HEADER"


def test_an_end_mark_may_be_quoted_and_a_quoted_cell_hold_a_separator_of_several_marks() -> None:
    layout = LAYOUT.partition("trailer:")[0].replace('separator: ","', 'separator: "|@|"') + "end_mark: 完\n"
    rows = ["|@|".join(f'"{cell}"' for cell in row) for row in (HEAD, ["SZ1", "1.20", "失败", "甲|@|乙"])]
    for mark, code in (('"完"', None), ("完", None), ('"完', "TRUNCATED"), ('""完""', "NO_END_MARK")):
        found, codes, closing = results("\r\n".join([*rows, mark]).encode("gb18030"), layout)
        assert (closing.refused and closing.refused.code) == code
        assert code or (found, codes) == ([("SZ1", 120, "rejected", "失败 甲|@|乙")], [])


def test_header_and_trailer_may_declare_totals_of_two_amounts() -> None:
    fee = "{name: fee, type: amount}"
    layout = LAYOUT.partition("trailer:")[0].replace(HEADER, TOTAL_ABOVE).replace("{name: reason}", fee)
    layout += "trailer:\n  - fields: [{name: c1, constant: T}, {name: f, type: amount, declares: total, of: fee}]\n"
    text = "P,3.50\nSZ1,1.20,成功,0.10\nSZ2,2.30,成功,0.20\nT,{}\n"
    assert results(text.format("0.30").encode("gb18030"), layout)[2].refused is None
    refused = results(text.format("0.31").encode("gb18030"), layout)[2].refused
    assert refused is not None
    assert refused.code == "TOTAL_MISMATCH"


@pytest.mark.parametrize("change", [("gives: result", "gives: payment"), ('separator: ","', 'separator: "-"')])
def test_quotes_are_for_delimited_result_files(change: tuple[str, str]) -> None:
    with pytest.raises(BadInput, match=r"result files|separator"):
        load_layout(LAYOUT.replace(*change), "x.yaml")


def test_describe_tells_of_quotes_and_of_the_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = tmp_path / "own.yaml"
    layout.write_text(LAYOUT.replace("unit: yuan", "unit: yuan\nsheet: 表1"), "utf-8")
    assert run(["feed", "describe", "--format", "bank_result", "--set", f"layout={layout}"]) == 0
    said = capsys.readouterr().out
    assert "\ncells may stand in double quotes\nor a workbook, a row for a line; its sheet 表1\n" in said
    assert "lines end with CR LF or LF;" in said  # either, line by line
    mixed = quoted('"SZ1","1.20","成功",""', '"SZ2","2.30","成功",""').replace(b"\r\n", b"\n", 2)
    assert results(mixed)[2].refused is None


def test_check_tells_of_a_workbook_and_of_quotes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = tmp_path / "own.yaml"
    layout.write_text(LAYOUT.partition("trailer:")[0], "utf-8")
    file = tmp_path / "r.xlsx"
    file.write_bytes(workbook(HEAD, ["SZ1", 1.2, "成功"], ["SZ2", 2.3, "待定"]))
    assert run(["feed", "check", str(file), "--format", "bank_result", "--set", f"layout={layout}"]) == 1
    said = capsys.readouterr().out
    assert "accepted 1, rejected 1" in said
    assert "is none of 成功, 失败 [UNKNOWN_CODE]" in said
    assert "PK" not in said


@pytest.mark.parametrize(
    ("last", "codes", "row", "code"),
    [
        ("result", '{"1": rejected, "10": unknown}', "A1,2.00,1", "TRUNCATED"),
        ("result", '{"1": rejected, "20": unknown}', "A1,2.00,1", None),
        ("end_to_end_id", '{"1": rejected}', "1,2.00,A1", "TRUNCATED"),
        ("reason", '{"1": rejected, "10": unknown}', "A1,2.00,1,账号不", None),
    ],
)
def test_a_last_row_without_a_line_end_is_not_taken_where_a_cut_would_make_it_another(
    last: str, codes: str, row: str, code: str | None
) -> None:
    """Processing (10) cut to refused (1) would be paid again; a reason that is cut says the same."""
    fields = {
        "end_to_end_id": "{name: end_to_end_id, required: true}",
        "amount": "{name: amount, type: amount, required: true}",
        "result": f"{{name: result, required: true, values: {codes}}}",
        "reason": "{name: reason}",
    }
    order = {"result": ["end_to_end_id", "amount", "result"], "end_to_end_id": ["result", "amount", "end_to_end_id"]}
    listed = "".join(f"\n    - {fields[name]}" for name in order.get(last, list(fields)))
    head = LAYOUT[: LAYOUT.index("header:")].replace("quotes: true\n", "")
    layout = f"{head}header:\n  - fields: [{{name: n, type: count, declares: count}}]\nrecord:\n  fields:{listed}\n"
    raw = f"1\n{row}".encode("gb18030")
    closing = results(raw, layout)[2]
    assert (closing.refused and closing.refused.code) == code
    assert results(raw + b"\n", layout)[0][0][2] == "rejected"


@pytest.mark.parametrize(
    "reason",
    [
        "流水号重复", "重覆交易", "订单号已存在", "该笔已支付", "DUPL", "duplicate order", "MsgId already received",
        "交易重帐", "该批次已处理", "流水号已被使用", "业务参考号必须唯一", "has already been processed",
        "already in process", "order number not unique", "previously paid", "该笔业务已记帐", "款项已入帐", "已上账",
        "此批次已代发成功", "补贴已发放", "该笔已汇出", "文件已导入", "already been booked", "already credited",
        "重復交易", "疑重交易", "存在相同的业务参考号", "流水号已被占用", "款项已到账", "该笔已划付",
        "has already been made", "订单交易成功，不允许再次交易", "订单正在交易中", "交易结果未知，请稍后查询",
        "交易状态未明", "接收行超时", "通讯超时", "区域中心通讯可疑", "流水号状态未知", "系统内已有相同的流水",
    ],
)  # fmt: skip
def test_what_is_refused_as_a_copy_is_unknown_for_the_first_one_may_be_paid(reason: str) -> None:
    rows, codes, _ = results(quoted(f'"A1","1.50","失败","{reason}"', '"A2","2.00","失败","账号不存在"'))
    assert [row[2] for row in rows] == ["unknown", "rejected"]
    assert reason in rows[0][3]
    assert not codes


@pytest.mark.parametrize(
    "reason",
    [
        "账号户名不符", "当日已支付金额超限", "已使用额度不足", "已处理，失败", "款项已成功退回", "严重账户异常",
        "account already closed", "unique id missing", "已代发笔数超限", "已汇款，退回", "账户已转久悬", "账户已结清",
        "收付款账号相同", "已占用额度超限", "超时未授权", "账户状态可疑", "卡状态未知", "处理超时，已自动撤销",
        "交易超时，系统已自动撤销", "接收行超时拒绝", "收款人状态可疑", "联网核查结果不明", "可用额度已被占用",
        "资金已占用", "没有相同户名的账户", "收款人不在相同机构", "可疑重点账户", "原交易失败，不允许再次提交",
    ],
)  # fmt: skip
def test_what_is_refused_for_another_reason_goes_back_to_its_payee(reason: str) -> None:
    """As unknown it would wait until a person has asked the bank."""
    rows, _, _ = results(quoted(f'"A1","1.50","失败","{reason}"', '"A2","2.00","失败","账号不存在"'))
    assert [row[2] for row in rows] == ["rejected", "rejected"]


@pytest.mark.parametrize(("last", "code"), [('"1"', None), ('"1', "TRUNCATED"), ("1", "TRUNCATED")])
def test_a_last_quoted_cell_that_closes_was_not_cut(last: str, code: str | None) -> None:
    """Programs that join lines leave the last line end out."""
    head = LAYOUT[: LAYOUT.index("header:")]
    fields = "{name: end_to_end_id, required: true}, {name: result, required: true, values: {1: rejected, 10: unknown}}"
    fields = fields.replace("1:", '"1":').replace("10:", '"10":')
    layout = f"{head}header:\n  - fields: [{{name: n, type: count, declares: count}}]\nrecord:\n  fields: [{fields}]\n"
    closing = results(f'1\n"A1",{last}'.encode(), layout)[2]
    assert (closing.refused and closing.refused.code) == code


@pytest.mark.parametrize(
    ("cell", "fen"),
    [
        ("1.00元", 100),  # 工商银行, 广发银行
        ('"1,002.50元"', 100250),
        ('"1,002.50"', 100250),
        (".01", 1),  # 建设银行
        ("￥ 12 元", 1200),
    ],
)
def test_an_amount_may_be_written_as_people_are_shown_it(cell: str, fen: int) -> None:
    total = f"{fen // 100}.{fen % 100:02}元"
    rows, codes, closing = results(quoted(f"E1,{cell},成功,", total=total, count=1))
    assert (rows, codes, closing.refused) == ([("E1", fen, "paid", "成功")], [], None)


@pytest.mark.parametrize("cell", ['"1,02"', '"1,0000.00"', "元", ".", "-1.00元", "1.00万元", "1.005元", "1.0.0"])
def test_another_amount_than_one_in_yuan_is_none(cell: str) -> None:
    rows, _, closing = results(quoted(f"E1,{cell},成功,", total="1.00", count=1))
    assert rows == []
    assert closing.refused is not None
    assert closing.refused.code == "TOTAL_UNPROVEN"
