"""One thing broken per file: the reject's record, byte, field and code, or the refusal of the whole file."""

from __future__ import annotations

import feeds_support as s
import polars as pl
import pytest

from adapters.feeds.canonical import unionpay_kind
from settlement.model.cards import shown_total

STRIDE = 312
HEAD = 25


@pytest.fixture(scope="module")
def citizen():
    frame = s.citizen_frame(20)
    return s.write("citizen_card", frame, s.context(frame, "smk"))


def _put(data: bytes, record: int, start: int, text: bytes) -> bytes:
    at = HEAD + (record - 1) * STRIDE + start - 1
    return data[:at] + text + data[at + len(text) :]


@pytest.mark.parametrize(
    ("start", "text", "field", "code"),
    [
        (125, b"20260230090000", "occurred_at", "BAD_DATE"),
        (125, b"20260507240000", "occurred_at", "BAD_DATE"),
        (3, b"09", "kind", "UNKNOWN_CODE"),
        (6, b" ", "rail", "MISSING"),
        (37, b"12A456", "card_counter", "BAD_DIGITS"),
        (17, b"62212x", "card_number", "BAD_CARD"),
        (84, b"\xc4\x20\xc4", "merchant_name", "BAD_ENCODING"),
        (84, b"\x00" * 3 + b" " * 37, "merchant_name", "BAD_TEXT"),
        (140, b"00000000000 ", "gross", "AMOUNTS_DISAGREE"),
        (179, b"*", "fee", "BAD_SIGN"),
        (253, b"XYZ", "tac", "BAD_HEX"),
        (1, b"X", "tag", "BAD_CONSTANT"),
        (2, b"-", "", "BAD_SEPARATOR"),
    ],
)
def test_one_bad_cell_is_one_reject(citizen, start, text, field, code):
    given = s.context("SMK_20260507", "smk")
    frame, rejects, closing = s.read("citizen_card", _put(citizen, 7, start, text), given)
    assert [(r.record, r.byte, r.field, r.code) for r in rejects] == [(7, HEAD + 6 * STRIDE, field, code)]
    assert closing.refused is None
    assert (closing.accepted, closing.rejected, frame.height) == (19, 1, 19)
    assert closing.declared_total_fen == closing.total_fen  # rejected records count


def test_an_unreadable_amount_under_a_declared_total_refuses_the_file(citizen):
    for text in (b"12 45", b"-", b"1e5", "１".encode("gb18030")):
        _, _, closing = s.read("citizen_card", _put(citizen, 3, 153, text), s.context("SMK_20260507", "smk"))
        assert closing.refused is not None
        assert (closing.refused.code, closing.refused.field, closing.refused.record) == ("TOTAL_UNPROVEN", "paid", 3)


def test_a_trailer_that_does_not_hold_is_named_with_its_byte(citizen):
    at = citizen.index(b"T 000000020")
    for data, name in (
        (citizen.replace(b"T 000000020", b"T 000000021"), "record_count"),
        (citizen[:-3] + bytes([citizen[-3] ^ 1]) + citizen[-2:], "total_paid"),
    ):
        refused = s.read("citizen_card", data, s.context("SMK_20260507", "smk"))[2].refused
        assert (refused.record, refused.byte, refused.field) == (0, at, name)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda d: d.replace(b"T 000000020", b"T 000000021"), "COUNT_MISMATCH"),
        (lambda d: d[:-3] + bytes([d[-3] ^ 1]) + d[-2:], "TOTAL_MISMATCH"),
        (lambda d: d[:HEAD] + d[HEAD + STRIDE :], "COUNT_MISMATCH"),
        (lambda d: d.replace(b"\r\n", b"\n"), "BAD_NEWLINE"),
        (lambda d: d[: HEAD + 100] + b" " + d[HEAD + 100 :], "RECORD_LENGTH"),
        (lambda d: d[: HEAD + STRIDE - 2] + b"\n " + d[HEAD + STRIDE :], "RECORD_LENGTH"),
        (lambda d: b"X" + d[1:], "BAD_HEADER"),
        (lambda d: d.replace(b"H 001", b"H 002"), "BAD_HEADER"),
        (lambda d: d + d, "RECORD_LENGTH"),
        (lambda _: b"", "EMPTY_FILE"),
        (lambda d: d[:-29], "TRUNCATED"),
        (lambda d: d.replace(b"T 000000020", b"X 000000020"), "BAD_TRAILER"),
    ],
)
def test_what_refuses_a_file(citizen, damage, code):
    _, _, closing = s.read("citizen_card", damage(citizen), s.context("SMK_20260507", "smk"))
    assert closing.refused is not None
    assert closing.refused.code == code


@pytest.mark.parametrize(
    ("name", "make", "settings"),
    [
        ("citizen_card", s.citizen_frame, {}),
        ("pos_iso8583", s.pos_frame, {"reconciliation": "required"}),
        ("pos_iso8583", s.pos_frame, {"framing": "vbs"}),
        ("pos_iso8583", s.pos_frame, {"framing": "hex", "reconciliation": "required", "body": "pos", "header": "tpdu"}),
        ("pos_iso8583", s.pos_frame, {"framing": "len4", "reconciliation": "required", "header": "cups"}),
    ],
)
def test_a_file_cut_at_any_byte_is_refused(name, make, settings):
    frame = make(2)
    given = s.context(frame, "x", **settings)
    data = s.write(name, frame.with_columns(source=pl.lit("x")), given)
    assert s.read(name, data, given)[2].refused is None
    proved = {len(data) - 2} if name == "citizen_card" else set()  # all but the line end of the trailer is there
    for cut in {*range(0, len(data), 41), *range(len(data) - 6, len(data)), *_ends(name, data, given)} - proved:
        assert s.read(name, data[:cut], given)[2].refused is not None, cut


def _ends(name, data, given):
    """The bytes between two records, where a cut is hardest to see."""
    frame = s.read(name, data, given)[0]
    return {*frame["byte_start"].to_list(), *frame["byte_end"].to_list()} - {len(data)}


def test_a_unionpay_file_cut_inside_a_record_is_refused():
    frame = s.pos_frame(3, file="IND26050701ACOMN")
    given = s.context(frame, "x", record="acomn")
    data = s.write("unionpay_acom", frame, given)
    for cut in (0, 1, 250, 499, 500, 501, 502, 503, 1003, 1004, 1005, 1500, 1505):
        refused = s.read("unionpay_acom", data[:cut], given)[2].refused
        assert (refused is None) == (cut in {502, 1004}), cut  # between records nothing shows: no trailer exists


def test_a_source_may_take_only_whole_files(citizen):
    given = s.context("SMK_20260507", "smk", bad_row="reject_file")
    _, _, closing = s.read("citizen_card", _put(citizen, 7, 3, b"09"), given)
    assert closing.refused is not None
    assert closing.refused.code == "BAD_ROWS"


@pytest.mark.parametrize(
    ("mti", "processing", "condition", "kind"),
    [
        ("0200", "000000", "00", "SALE"),
        ("0210", "000000", "00", "SALE"),
        ("0220", "000000", "00", "SALE"),
        ("0200", "000000", "06", "SALE"),
        ("0220", "000000", "06", "SALE"),
        ("0200", "200000", "00", "VOID"),
        ("0200", "200000", "06", "VOID"),
        ("0220", "200000", "00", "REFUND"),
        ("0230", "200000", "69", "REFUND"),
        ("0420", "000000", "00", "REVERSAL"),
        ("0420", "200000", "00", "REVERSAL"),
        ("0420", "000000", "06", "REVERSAL"),
        ("0420", "030000", "06", "SKIP"),
        ("0100", "030000", "06", "SKIP"),
        ("0100", "200000", "06", "SKIP"),
        ("0200", "300000", "00", "SKIP"),
        ("0200", "290000", "00", "SKIP"),
        ("0800", None, None, "SKIP"),
        ("0920", None, None, "SKIP"),  # an electronic signature is uploaded
        ("0200", "990000", "00", None),
        ("02A0", "000000", "00", None),
        ("1200", "000000", "00", None),
    ],
)
def test_kinds(mti, processing, condition, kind):
    frame = pl.DataFrame({"m": [mti], "p": [processing], "c": [condition]}, schema=dict.fromkeys("mpc", pl.String))
    assert frame.select(unionpay_kind("m", "p", "c")).item() == kind


def test_a_total_of_card_numbers_is_told_masked():
    """Columns that slipped: the card number stands where the amount should."""
    assert shown_total(74_723_58) == "74723.58"
    assert shown_total(6241777631706690_00) == "624177******6690.00"
    assert shown_total(-6241777631706690) == "-624177****7066.90"


@pytest.mark.parametrize("name", ["citizen_card", "unionpay_acom", "mapped_csv"])
def test_another_currency_is_never_taken_for_yuan(name):
    """Behind the adapters every amount is fen."""
    if name == "mapped_csv":
        mapping = {
            "format": "abroad", "title": "abroad", "encoding": "utf-8", "key": ["rrn"], "kind": "SALE",
            "columns": [
                {"title": "no", "name": "rrn"}, {"title": "amount", "name": "paid", "type": "amount"},
                {"title": "at", "name": "occurred_at", "type": "datetime", "format": "YYYYMMDDhhmmss"},
                {"title": "currency", "name": "currency", "values": {"CNY": "156", "USD": "840"}},
            ],
        }  # fmt: skip
        rows = ["no,amount,at,currency", "1,1.00,20260507120000,USD", "2,1.00,20260507120000,CNY", ""]
        data, settings = "\r\n".join(rows).encode(), {"mapping": mapping}
    else:
        frame = (s.citizen_frame if name == "citizen_card" else s.pos_frame)(2, source="pos")
        frame = frame.with_columns(kind=pl.lit("SALE"), original_key=pl.lit(None, pl.String))
        frame = frame.with_columns(currency=pl.Series(["840", "156"]))
        settings = {} if name == "citizen_card" else {"record": "acoma"}
        data = s.write(name, frame, s.context("F20260507", "pos", s.DAY, **settings))
    frame, rejects, closing = s.read(name, data, s.context("F20260507", "pos", s.DAY, **settings))
    assert [(r.record, r.field, r.code) for r in rejects] == [(1, "currency", "OTHER_CURRENCY")]
    assert (frame["currency"].to_list(), closing.accepted) == (["156"], 1)
