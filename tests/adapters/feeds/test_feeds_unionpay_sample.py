"""UnionPay's own ZM file agrees with its summary report: 8 sales, 13,227.00, fee 79.36."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import feeds_support as s
import pytest

from adapters.layout import shipped_layout

SAMPLE = s.SAMPLES / "unionpay/zm/chenzuolin+ACPSample_B2C/INN15090588ZM_802310048993424"
pytestmark = pytest.mark.skipif(not s.SAMPLES.is_dir(), reason="../shared/samples is not here")


def test_the_real_file():
    frame, rejects, closing = s.read("unionpay_zm", SAMPLE.read_bytes(), s.context(SAMPLE.name, "zm"))
    assert rejects == []
    assert (closing.records, closing.total_fen, closing.clearing_date) == (8, 1_322_700, date(2015, 9, 5))
    assert frame["fee_fen"].sum() == 7_936
    assert set(frame["kind"]) == {"SALE"}
    assert set(frame["card_masked"].str.slice(-4)) >= {"0048"}
    assert frame["transaction_id"][0] == "zm:88022900/49993/190624/20150906112203"
    assert str(frame["occurred_at"][0]) == "2015-09-06 03:22:03+00:00"
    assert frame["merchant_no"].unique().to_list() == ["802310048993424"]


def test_cut_inside_a_record():
    data = SAMPLE.read_bytes()
    assert len(data) % 609 == 0 or data.endswith(b"\r\n\r\n")
    for cut in (1, 608, 610, 4871):
        assert s.read("unionpay_zm", data[:cut], s.context(SAMPLE.name, "zm"))[2].refused is not None


@pytest.mark.parametrize("name", ["zm", "acomn", "acoma"])
def test_layouts_have_the_positions_of_the_field_tables(name):
    table: Path = s.SAMPLES / f"field-tables/unionpay_{name}.tsv"
    rows = [line.split("\t") for line in table.read_text("utf-8").splitlines() if line[:1].isdigit()]
    fields = shipped_layout("adapters.feeds", f"unionpay_{name}").record.fields
    assert [(int(row[2]), int(row[4])) for row in rows] == [(field.start, field.length) for field in fields]
    assert [row[1] for row in rows] == [field.title for field in fields]


def test_a_chinese_name_does_not_shift_what_follows():
    """Bytes are cut before they are decoded: six characters of 二级商户简称 are twelve bytes."""
    data = SAMPLE.read_bytes()
    name = "苏州得月楼菜".encode("gb18030")
    spoilt = data[:327] + name + data[327 + len(name) :]
    frame, rejects, _ = s.read("unionpay_zm", spoilt, s.context(SAMPLE.name, "zm"))
    plain, _, _ = s.read("unionpay_zm", data, s.context(SAMPLE.name, "zm"))
    assert rejects == []
    assert frame.equals(plain)


def test_the_settlement_must_say_the_same_direction():
    data = SAMPLE.read_bytes()
    spoilt = data[:180] + b"D" + data[181:]
    _, rejects, _ = s.read("unionpay_zm", spoilt, s.context(SAMPLE.name, "zm"))
    assert [(r.record, r.code) for r in rejects] == [(1, "SIGN_MISMATCH")]
