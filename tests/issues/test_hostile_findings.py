"""What the fuzzer and the hostile tests found, each mended: see docs/results/2026-11-26-fuzz.md."""

from __future__ import annotations

import io
import sys
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "adapters/feeds"))

import feeds_support as s
import pytest

from adapters.base import Closing, Context
from adapters.registry import adapter


def _closing(name: str, data: bytes, file: str = "f", **settings: str) -> Closing:
    reader = adapter(name).read
    assert reader is not None
    *_, closing = reader(io.BytesIO(data), Context(file, "src", settings, clearing_date=date(2026, 5, 7)))
    assert isinstance(closing, Closing)
    return closing


@pytest.mark.parametrize(
    ("name", "data", "settings"),
    [
        ("citizen_card", b"H 001 21500001 20260507\r\nT 000000000 000000000000000\r\n", {}),
        ("bank_result", b"P|0|0\r\n########", {"layout": "minsheng_result"}),
    ],
)
def test_a_file_without_records_has_a_total_of_zero(name: str, data: bytes, settings: dict[str, str]) -> None:
    closing = _closing(name, data, **settings)
    assert (closing.records, closing.declared_total_fen, closing.total_fen) == (0, 0, 0)


def test_a_full_card_number_as_the_original_does_not_reach_the_key() -> None:
    """Some card companies write 原卡号 in full: the key holds the mask, which is the original's as well."""
    frame = s.citizen_frame(2, 7).with_columns(kind=s.pl.Series(["SALE", "REFUND"]))
    frame = frame.with_columns(original_key=s.pl.Series([None, frame["transaction_id"][0]]))
    given = s.context(frame, "smk")
    data = s.write("citizen_card", frame, given)
    number = frame["card_number"][0].encode().ljust(19)
    masked = frame["card_masked"][0].encode().ljust(19)
    assert data.count(masked) == 1
    got, rejects, closing = s.read("citizen_card", data.replace(masked, number), given)
    assert (rejects, closing.refused) == ([], None)
    assert got["original_key"][1] == got["transaction_id"][0]
    assert frame["card_number"][0] not in repr(got.rows())


@pytest.mark.parametrize(
    ("name", "text", "settings"),
    [
        (
            "bank_csv",
            "账号:,1\n日期,借方发生额,贷方发生额,余额,对方账号*20260507,,67.00,100.00,12\n",
            {"layout": "ccb"},
        ),
        (
            "mapped_csv",
            "清算日期,交易类型,终端号,终端流水号,交易时间,卡号,商户号,实付金额,优惠金额*20260507,消费,T1,1,x,6,M,1.00,0\r\n",
            {"mapping": "purse_daily"},
        ),
    ],
)
def test_a_row_that_ran_into_the_headings_is_not_lost(name: str, text: str, settings: dict[str, str]) -> None:
    refused = _closing(name, text.encode("gb18030"), "PURSE_20260507.csv", **settings).refused
    assert refused is not None
    assert refused.code == "BAD_HEADING"


def test_an_empty_list_and_an_open_end_are_refused() -> None:
    row = b"1001|\xe6\xb6\x88\xe8\xb4\xb9|1234|0|20260507101112|A1||||||||||C1|4||622848******0001|1|M1|x|T1|"
    empty = _closing("mapped_csv", b"", mapping="allinpay").refused
    assert empty is not None
    assert empty.code == "EMPTY_FILE"
    cut = _closing("mapped_csv", row, mapping="allinpay").refused
    assert cut is not None
    assert cut.code == "TRUNCATED"
    assert _closing("mapped_csv", row + b"\n", mapping="allinpay").refused is None
