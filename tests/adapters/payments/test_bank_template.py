"""Payout files by template and their result files: two real styles, read back, and nothing lost or guessed."""

from __future__ import annotations

import io
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Closing, Context, Parsed
from adapters.description import as_text
from adapters.layout import Layout, load_layout, shipped_layout
from adapters.layout_text import describe
from adapters.payments import ADAPTERS, bank_template
from adapters.payments.bank_template import layout_of, read, read_back, write
from settlement.model.errors import BadInput
from settlement.model.frames import PAYMENT, PAYMENT_RESULT, conform

MINSHENG = "req_20260508_001.txt"
UNIONPAY = "DF00000000777290058110097202605080001I.txt"


def item(number: int, fen: int = 12345, **more: Any) -> dict[str, Any]:
    return {
        "end_to_end_id": f"SZ{number:06d}",
        "amount_fen": fen,
        "payee_name": f"商户{number}",
        "payee_account": f"11020{number:09d}",
        "payee_bank_name": "中国工商银行",
        "payee_bank_code": "102100099996",
        "remittance": "补贴",
    } | more


def written(*items: dict[str, Any], file: str = MINSHENG, **given: Any) -> bytes:
    frame = pl.DataFrame(list(items), schema=PAYMENT)
    return write(frame, Context(file, "bank", {"layout": "minsheng_payout"} | given))


def results(raw: bytes, **given: Any) -> tuple[list[tuple[Any, ...]], list[str], Closing]:
    items = list(read(io.BytesIO(raw), Context("resp_20260508_001.txt", "bank", {"layout": "minsheng_result"} | given)))
    closing = items.pop()
    assert isinstance(closing, Closing)
    rows: list[tuple[Any, ...]] = []
    codes: list[str] = []
    for block in items:
        assert isinstance(block, Parsed)
        frame = conform(block.frame, PAYMENT_RESULT)
        rows += frame.select("end_to_end_id", "amount_fen", "result", "reason").rows()
        codes += [reject.code for reject in block.rejects]
    return rows, codes, closing


def test_minsheng_file_is_as_the_bank_takes_it() -> None:
    assert written(item(2, 5), item(1)).decode("gb18030") == (
        "P|2|12350\r\nSZ000001|11020000000001|商户1|12345|补贴|\r\nSZ000002|11020000000002|商户2|5|补贴|\r\n########"
    )


def test_minsheng_file_to_other_banks_has_the_payees_bank() -> None:
    raw = written(item(1), layout="minsheng_payout_outer", file="req_outer_20260508_001.txt").decode("gb18030")
    assert raw == "PO|1|12345\r\nSZ000001|11020000000001|商户1|102100099996|中国工商银行|12345|补贴|\r\n########"


def test_unionpay_file_is_as_the_network_takes_it() -> None:
    raw = written(item(1), layout="unionpay_payout", file=UNIONPAY, version="1.0", account_type="01")
    assert raw.decode() == (
        "1.0|12345|1||\n"
        "orderId|currencyCode|txnAmt|accType|accNo|customerNm|bizType|certifTp|certifId|phoneNo|postscript\n"
        "SZ000001|156|12345|01|11020000000001|商户1|||||补贴\n"
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"payee_name": "甲|乙"}, "payee_name holds '\\|'"),
        ({"payee_name": "甲\n乙"}, "payee_name holds a character that a bank file cannot carry"),
        ({"payee_name": " 甲"}, "payee_name has blanks around it"),
        ({"payee_name": "甲\u00a0乙"}, "payee_name holds a character"),
        ({"payee_name": "甲\u2028乙"}, "payee_name holds a character"),
        ({"payee_name": "甲\u2029乙"}, "payee_name holds a character"),
        ({"payee_name": "甲\u200b乙"}, "payee_name holds a character"),
        ({"payee_account": "1102 0000"}, "payee_account has a blank"),
        ({"payee_account": "１１０２０"}, "payee_account has a blank or a full-width character"),
        ({"payee_name": "𠮷祥"}, r"payee_name character U\+20BB7 is not in gbk"),
        ({"payee_name": "€店"}, r"payee_name character U\+20AC is not in gbk"),
        ({"payee_name": "名" * 61}, "payee_name is 122 bytes; at most 120 fit"),
        ({"payee_name": None}, "payee_name has no value"),
        ({"payee_account": ""}, "payee_account has no value"),
        ({"amount_fen": 0}, "the amount is not above 0"),
    ],
)
def test_what_the_template_cannot_carry_names_the_item(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=f"item SZ000002: {says}") as caught:
        written(item(1), item(2, **wrong))
    assert "11020" not in str(caught.value)


def test_the_payees_bank_code_has_a_right_check_digit() -> None:
    outer = {"layout": "minsheng_payout_outer", "file": "req_outer_20260508_001.txt"}
    for code in ("102100099997", "1021000999", "１０２１０００９９９９６"):
        with pytest.raises(BadInput, match="item SZ000002: payee_bank_code is not a 联行号"):
            written(item(1), item(2, payee_bank_code=code), **outer)
    assert written(item(1, payee_bank_code="102100099997"))  # the file to the bank's own payees does not carry it


def test_a_bank_of_gbk_gets_no_character_beyond_it_and_may_answer_in_gb18030() -> None:
    assert written(item(1, payee_name="喆店")).decode("gbk")
    assert results(answer(ROWS[0].replace("甲", "𠮷"), *ROWS[1:]))[2].refused is None


def test_file_name_count_and_double_items_are_checked() -> None:
    with pytest.raises(BadInput, match="takes files named"):
        written(item(1), file="payout.txt")
    with pytest.raises(BadInput, match="stands twice"):
        written(item(1), item(1))
    for blank in (None, ""):
        with pytest.raises(BadInput, match="an item has no end_to_end_id"):
            written(item(1), item(2, end_to_end_id=blank))
    with pytest.raises(BadInput, match="at least one"):
        written()
    layout = shipped_layout("adapters.payments", "minsheng_payout").model_copy(update={"maximum_records": 1})
    with pytest.raises(BadInput, match="split the batch"):
        written(item(1), item(2), layout=layout)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "name the bank's template"),
        ({"layout": "nobank"}, "does not ship"),
        ({"layout": "minsheng_result"}, "a payment layout is needed"),
        ({"layout": {"format": "x"}}, "setting layout"),
    ],
)
def test_the_layout_must_be_a_payout_template(given: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        layout_of(given, "payment")


def test_read_back_finds_a_file_that_lies() -> None:
    layout = shipped_layout("adapters.payments", "minsheng_payout")
    raw = written(item(1), item(2))
    assert read_back(raw, layout)["amount_fen"].to_list() == [12345, 12345]
    for wrong in (
        raw.replace(b"P|2|", b"P|3|"),
        raw.replace(b"|24690", b"|24691"),
        raw[:-1],
        raw[:-8],
        raw.replace(b"\r\n", b"\n"),
        raw.replace(b"|12345|", b"|1234x|", 1),
        b"",
    ):
        with pytest.raises(BadInput):
            read_back(wrong, layout)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("end_to_end_id", "SZ000009"),
        ("amount", 12344),
        ("payee_name", "别人"),
        ("payee_account", "11020000000009"),
        ("payee_bank_code", "105100000017"),
        ("payee_bank_name", "别的银行"),
        ("remittance", None),
    ],
)
def test_a_writer_that_errs_gives_no_file(monkeypatch: pytest.MonkeyPatch, name: str, value: Any) -> None:
    """One row is formed with another value, and the header with it: every field that the file carries is seen."""
    values, totals = bank_template._values, bank_template._totals
    wrong = {2: {name: value}}
    less = 1 if name == "amount" else 0
    monkeypatch.setattr(
        bank_template, "_values", lambda layout, row, n, context: values(layout, row, n, context) | wrong.get(n, {})
    )
    monkeypatch.setattr(bank_template, "_totals", lambda line, c, count, total: totals(line, c, count, total - less))
    with pytest.raises(BadInput, match=f"item SZ000002: {name} is not what was to be written") as caught:
        written(item(1), item(2), layout="minsheng_payout_outer", file="req_outer_20260508_001.txt")
    assert "11020" not in str(caught.value)


def test_an_item_that_the_writer_loses_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    back = bank_template.read_back
    monkeypatch.setattr(bank_template, "read_back", lambda data, layout: back(data, layout).head(1))
    with pytest.raises(BadInput, match="it has 1 items, the batch 2"):
        written(item(1), item(2))


def layout_with(text: str, **more: Any) -> Layout:
    """The layout of a small delimited file of this record, header and trailer as given."""
    head = f"format: t\ntitle: t\nshape: delimited\nencoding: gbk\nnewline: lf\nseparator: '|'\n{text}"
    return load_layout(head, "t").model_copy(update=more)


TWICE = """gives: payment
header:
  - fields: [{name: n, type: count, required: true, declares: count},
             {name: t, type: amount, required: true, declares: total, of: amount}]
record: {fields: [{name: end_to_end_id, required: true}, {name: amount, type: amount, required: true}]}
trailer:
  - fields: [{name: mark, constant: T}, {name: n2, type: count, required: true, declares: count},
             {name: t2, type: amount, required: true, declares: total, of: amount}]
"""


def test_header_and_trailer_that_declare_the_same_thing_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    layout = layout_with(TWICE)
    assert read_back(b"1|5\nE1|5\nT|1|5\n", layout).height == 1
    for raw in (b"2|5\nE1|5\nT|1|5\n", b"1|6\nE1|5\nT|1|5\n"):
        with pytest.raises(BadInput, match="the file declares"):
            read_back(raw, layout)
    totals = bank_template._totals
    monkeypatch.setattr(
        bank_template, "_totals", lambda line, *given: totals(line, *given) | ({"n": 7} if line.field("n") else {})
    )
    with pytest.raises(BadInput, match="the file declares 7 rows and 1"):
        written(item(1), layout=layout)


def test_an_amount_is_laid_down_as_an_amount_and_a_text_as_a_text() -> None:
    for old, new in (
        ("amount, type: amount", "amount, type: count"),
        ("end_to_end_id,", "end_to_end_id, type: count,"),
    ):
        with pytest.raises(BadInput, match="is of type count; give it"):
            layout_of(
                {
                    "layout": layout_with(
                        TWICE.replace("of: amount}", "of: spare}")
                        .replace(old, new)
                        .replace("record: {fields: [", "record: {fields: [{name: spare, type: amount}, ")
                    )
                },
                "payment",
            )


ROWS = (
    "SZ1|110|甲|100|补贴||S|\r\n",
    "SZ2|110|乙|200|补贴||F|账号6222020000000000007不符\r\n",
    "SZ3|110|丙|300|补贴||U|处理中\r\n",
)


def answer(*rows: str, total: int = 600, count: int = 3, mark: str = "########") -> bytes:
    return (f"P|{count}|{total}\r\n" + "".join(rows or ROWS) + mark).encode("gb18030")


def test_each_row_of_a_result_file_is_paid_rejected_or_unknown() -> None:
    rows, codes, closing = results(answer())
    assert rows == [
        ("SZ1", 100, "paid", "S"),
        ("SZ2", 200, "rejected", "F 账号622202*********0007不符"),
        ("SZ3", 300, "unknown", "U 处理中"),
    ]
    assert not codes
    assert (closing.total_fen, closing.declared_total_fen, closing.declared_records) == (600, 600, 3)


def test_a_row_with_an_unknown_code_is_a_reject_and_still_counts() -> None:
    rows, codes, closing = results(answer(ROWS[0], ROWS[1].replace("|F|", "|X|"), ROWS[2]))
    assert [row[0] for row in rows] == ["SZ1", "SZ3"]
    assert codes == ["UNKNOWN_CODE"]
    assert closing.refused is None
    assert closing.total_fen == 600


def test_a_payment_of_which_the_file_says_two_things_has_no_result() -> None:
    rows, codes, closing = results(answer(ROWS[0], ROWS[0].replace("|S|", "|F|"), ROWS[1], count=3, total=400))
    assert [row[0] for row in rows] == ["SZ2"]
    assert codes == ["TWO_RESULTS", "TWO_RESULTS"]
    assert (closing.records, closing.accepted, closing.rejected, closing.refused) == (3, 1, 2, None)


def test_more_results_than_memory_holds_refuse_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.payments.results.MAX_HELD_BYTES", 10)
    refused = results(answer())[2].refused
    assert refused is not None
    assert refused.code == "TOO_LARGE"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "EMPTY_FILE"),
        (answer(mark=""), "NO_END_MARK"),
        (answer()[:-3], "NO_END_MARK"),
        (answer(count=4), "COUNT_MISMATCH"),
        (answer(total=601), "TOTAL_MISMATCH"),
        (answer(ROWS[0].replace("100", "1x0"), *ROWS[1:]), "TOTAL_UNPROVEN"),
        (answer().replace(b"P|3|", b"Q|3|"), "BAD_HEADER"),
        (answer().replace(b"\r\n", b"\n"), "BAD_NEWLINE"),
        (answer("x" * 70000, *ROWS[1:]), "LINE_TOO_LONG"),
        (b"x" * 200000, "LINE_TOO_LONG"),
    ],
)
def test_a_result_file_that_cannot_be_trusted_is_refused(raw: bytes, code: str) -> None:
    refused = results(raw)[2].refused
    assert refused is not None
    assert refused.code == code


def test_a_result_file_cut_anywhere_is_refused() -> None:
    raw = answer()
    for size in range(len(raw)):
        assert results(raw[:size])[2].refused is not None, size


def test_unionpay_results_take_the_batch_number_from_the_name() -> None:
    layout = shipped_layout("adapters.payments", "unionpay_result")
    head = "|".join(str(spec.constant) for spec in layout.header[1].fields)
    raw = f"1.0|300|2||\n{head}\nSZ1|156|100|01|11|甲|00|ok\nSZ2|156|200|01|11|乙|05|?\n".encode()
    name = UNIONPAY.replace("I.txt", "O.txt")
    items = list(read(io.BytesIO(raw), Context(name, "bank", {"layout": "unionpay_result"})))
    block = items[0]
    assert isinstance(block, Parsed)
    assert block.frame.select("message_id", "end_to_end_id", "result").rows() == [
        ("0001", "SZ1", "paid"),
        ("0001", "SZ2", "unknown"),
    ]
    starts = block.frame.select("byte_start", "byte_end").rows()
    assert raw[starts[1][0] : starts[1][1]] == "SZ2|156|200|01|11|乙|05|?\n".encode()
    windows = raw.replace(b"\n", b"\r\n").removesuffix(b"\r\n")  # as some programs write it
    again, closing = read(io.BytesIO(windows), Context(name, "bank", {"layout": "unionpay_result"}))
    assert isinstance(again, Parsed)
    assert isinstance(closing, Closing)
    assert closing.refused is None
    assert again.frame["result"].to_list() == ["paid", "unknown"]


def test_every_shipped_template_describes_itself() -> None:
    told = {adapter.name: adapter.describe for adapter in ADAPTERS}
    assert all("end_to_end_id" in as_text(describe({})) for describe in told.values())
    for name in ("minsheng_payout", "minsheng_payout_outer", "unionpay_payout"):
        assert "payee_account" in as_text(told["bank_template"]({"layout": name}))
    assert "result" in as_text(told["bank_result"]({"layout": "unionpay_result"}))


plain = st.text(st.characters(codec="gbk", exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), max_size=15).filter(
    lambda text: "|" not in text and text.strip() == text and text.isprintable()
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**12), plain.filter(bool), plain), min_size=1, max_size=8))
def test_every_file_written_reads_back_to_its_rows(values: list[tuple[int, str, str]]) -> None:
    items = [item(n, fen, payee_name=name, remittance=said) for n, (fen, name, said) in enumerate(values, 1)]
    layout = shipped_layout("adapters.payments", "minsheng_payout")
    assert read_back(written(*items), layout)["payee_name"].to_list() == [value[1] for value in values]


RESULT = """gives: result
record:
  fields:
    - {name: end_to_end_id, required: true}
    - {name: amount, type: amount}
    - {name: result, required: true, values: {S: paid, F: rejected}}
    - {name: reason}
"""
COUNTED = f"""{RESULT}header:
  - fields: [{{name: n, type: count, declares: count}}, {{name: t, type: amount, declares: total, of: amount}}]
"""


@pytest.mark.parametrize("name", ["end_to_end_id", "result"])
def test_a_result_template_demands_an_id_and_a_result_of_each_row(name: str) -> None:
    for old, new in (
        (f"{name}, required: true", name),
        (f"{name}, required: true", f"{name}, required: true, constant: S"),
    ):
        with pytest.raises(
            BadInput, match=f"{name}: (add `required: true` and no constant|give values, or a constant)"
        ):
            layout_of({"layout": layout_with(RESULT.replace(old, new))}, "result")


def test_a_row_without_an_id_or_a_result_is_a_reject() -> None:
    rows, codes, _ = results(b"|1|S|\nE2|1||\n  |1|S|\nE4|1|S|\n", layout=layout_with(RESULT))
    assert [row[0] for row in rows] == ["E4"]
    assert codes == ["MISSING"] * 3


@pytest.mark.parametrize(
    ("raw", "code"),
    [(b"1|5\nE1|5|S|\n", None), (b"|5\nE1|5|S|\n", "BAD_HEADER"), (b"1|\nE1|5|S|\n", "BAD_HEADER")],
)
def test_a_declared_count_or_total_must_be_there(raw: bytes, code: str | None) -> None:
    refused = results(raw, layout=layout_with(COUNTED))[2].refused
    assert (refused and refused.code) == code


def test_a_last_line_without_its_line_end_is_cut_unless_a_declared_count_holds() -> None:
    cut = results(b"E1|5|S|\nE2|5|S|", layout=layout_with(RESULT))[2].refused
    assert cut is not None
    assert cut.code == "TRUNCATED"
    assert results(b"E1|5|S|\nE2|5|S|\n", layout=layout_with(RESULT))[2].refused is None
    assert results(b"2|10\nE1|5|S|\nE2|5|S|", layout=layout_with(COUNTED))[2].refused is None
    short = results(b"3|10\nE1|5|S|\nE2|5|S|", layout=layout_with(COUNTED))[2].refused
    assert short is not None
    assert (short.code, short.byte) == ("COUNT_MISMATCH", 0)
    assert short.field
    for rows, code, byte in (
        (b"E1|5|S|\nE2|6|S|\n", "TOTAL_MISMATCH", 0),
        (b"E1|x|S|\nE2|5|S|\n", "TOTAL_UNPROVEN", 5),
    ):
        wrong = results(b"2|10\n" + rows, layout=layout_with(COUNTED))[2].refused
        assert wrong is not None
        assert (wrong.code, wrong.byte) == (code, byte)


FIXED = """format: t
title: t
gives: result
shape: fixed
encoding: gbk
newline: lf
separator: "|"
record:
  fields:
    - {name: end_to_end_id, start: 1, length: 3, required: true}
    - {name: amount, start: 5, length: 3, type: amount}
    - {name: result, start: 9, length: 1, required: true, values: {S: paid}}
"""


def test_the_mark_between_fixed_fields_stands_where_the_layout_has_it() -> None:
    assert results(b"E1 |005|S\n", layout=load_layout(FIXED, "t"))[0] == [("E1", 5, "paid", "S")]
    for raw in (b"E1 X005|S\n", b"E1 |005XS\n"):
        assert results(raw, layout=load_layout(FIXED, "t"))[1] == ["BAD_SEPARATOR"]
    blanks = load_layout(FIXED.replace('"|"', '" "'), "t")
    assert results(b"E1 X005XS\n", layout=blanks)[0] == [("E1", 5, "paid", "S")]


def test_an_amount_at_a_fixed_place_is_not_as_people_are_shown_it() -> None:
    """A cell of bytes that are shifted may begin with a point: .50 of 1002.50."""
    layout = load_layout(FIXED.replace("shape: fixed", "shape: fixed\nunit: yuan"), "t")
    assert results(b"E1 |1.5|S\n", layout=layout)[0] == [("E1", 150, "paid", "S")]
    assert results(b"E1 |.50|S\n", layout=layout)[:2] == ([], ["BAD_AMOUNT"])


def test_unionpay_codes_that_ask_for_a_query_leave_the_result_unknown() -> None:
    spec = shipped_layout("adapters.payments", "unionpay_result").record.field("result")
    assert spec is not None
    assert {code for code, said in spec.values.items() if said == "unknown"} == {
        "01", "03", "04", "05", "06", "12", "34", "60",
    }  # fmt: skip


def test_a_result_template_may_take_any_other_code_as_unknown() -> None:
    layout = layout_with(RESULT.replace("F: rejected}", "F: rejected}, otherwise: unknown"))
    assert "any other code unknown" in as_text(describe(layout))
    rows, codes, _ = results(b"E1|1|S|\nE2|1|Q|?\nE3|1||\n", layout=layout)
    assert rows == [("E1", 1, "paid", "S"), ("E2", 1, "unknown", "Q ?")]
    assert codes == ["MISSING"]
    for wrong in (
        RESULT.replace("F: rejected}", "F: rejected}, otherwise: paid"),
        RESULT.replace("{name: reason}", "{name: reason, otherwise: unknown}"),
        RESULT.replace("{name: reason}", "{name: reason, values: {A: a}, otherwise: unknown}"),
    ):
        with pytest.raises(BadInput, match="otherwise"):
            layout_with(wrong)


def test_a_cell_may_begin_with_a_constant_text() -> None:
    text = TWICE.replace("{name: end_to_end_id, required: true}", "{name: end_to_end_id, required: true, prefix: 单号}")
    layout = layout_with(text)
    raw = written(item(1), layout=layout)
    assert raw.decode("gbk").split("\n")[1] == "单号SZ000001|12345"
    for wrong in (raw.replace("单号".encode("gbk"), b""), raw.replace(b"SZ000001", b"")):
        with pytest.raises(BadInput, match="row 1 cannot be read back"):
            read_back(wrong, layout)
    for old, new in (("gives: payment", "gives: transaction"), ("prefix: 单号", "prefix: 单号, type: amount")):
        with pytest.raises(BadInput, match="prefix"):
            layout_with(text.replace(old, new))
