"""pain.001: valid by the schema, counted and read back, the same bytes for the same rows, and every limit an error."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from adapters.base import Context
from adapters.payments import pain001
from adapters.payments.cnaps import check_digit, is_cnaps
from adapters.payments.pain001 import read_back, read_settings, write
from settlement.model.errors import BadInput
from settlement.model.frames import PAYMENT

SAMPLES = (Path(__file__).resolve().parents[3] / "../shared/samples").resolve()
ICBC, CCB = "102100099996", "105100000017"
SETTINGS: dict[str, Any] = {
    "version": "09",
    "message_id": "SZ-P-2026-000001",
    "created_at": "2026-05-08T02:00:00+08:00",
    "execution_date": date(2026, 5, 8),
    "debtor_name": "苏州市总工会",
    "debtor_account": "32250198886809000012",
    "debtor_bank_code": CCB,
}


def item(number: int, fen: int = 12345, **more: Any) -> dict[str, Any]:
    return {
        "end_to_end_id": f"SZ-2026-{number:06d}/1",
        "amount_fen": fen,
        "payee_name": f"苏州某某商贸有限公司{number}",
        "payee_account": f"11020{number:014d}",
        "payee_bank_name": "中国工商银行",
        "payee_bank_code": ICBC,
        "remittance": "会员普惠补贴",
    } | more


def payments(*items: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(items), schema=PAYMENT)


def written(*items: dict[str, Any], **settings: Any) -> bytes:
    return write(payments(*items), Context("batch.xml", "bank", SETTINGS | settings))


@pytest.mark.skipif(not SAMPLES.exists(), reason="samples are not beside the checkout")
@pytest.mark.parametrize("version", ["03", "09"])
def test_the_file_is_valid_by_the_schema(version: str) -> None:
    schema = etree.XMLSchema(etree.parse(next(SAMPLES.glob(f"xsd/*/pain.001.001.{version}.xsd"))))
    data = written(
        item(1), item(2, 1, remittance=None, payee_bank_name=""), item(3, payee_name="<&>𠮷"), version=version
    )
    schema.assertValid(etree.fromstring(data))


def test_the_largest_total_still_validates_and_one_more_is_refused() -> None:
    assert b"<CtrlSum>9999999999999999.99<" in written(item(1, 10**18 - 1))
    with pytest.raises(BadInput, match="split the batch"):
        written(item(1, 10**18 - 1), item(2, 1))


def test_the_same_rows_are_the_same_bytes_in_any_order() -> None:
    assert written(item(1), item(2)) == written(item(2), item(1))
    assert written(item(1)) != written(item(1), created_at="2026-05-08T02:00:01+08:00")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"payee_name": "名" * 141}, "payee_name has 141 characters; the standard takes at most 140"),
        ({"payee_name": " "}, "payee_name is empty"),
        ({"payee_name": "a\x07"}, "payee_name holds a character"),
        ({"payee_name": "a\ufffe"}, "payee_name holds a character"),
        ({"payee_name": " 名"}, "payee_name has blanks around it"),
        ({"payee_name": "名\u3000"}, "payee_name has blanks around it"),
        ({"payee_name": "名\u00a0名"}, "payee_name holds a character"),
        ({"payee_name": "名\u2028名"}, "payee_name holds a character"),
        ({"payee_name": "名\u2029名"}, "payee_name holds a character"),
        ({"payee_name": "名\u202e名"}, "payee_name holds a character"),
        ({"payee_name": "名\u200b名"}, "payee_name holds a character"),
        ({"payee_account": "11020\n"}, "payee_account has blanks around it"),
        ({"payee_account": "1102 0000"}, "payee_account has a blank"),
        ({"payee_account": "1102\u00a00000"}, "payee_account holds a character"),
        ({"payee_account": "１１０２０"}, "payee_account has a blank or a full-width character"),
        ({"payee_account": "1" * 35}, "payee_account has 35"),
        ({"payee_account": None}, "payee_account is empty"),
        ({"payee_bank_code": "102100099997"}, "payee_bank_code is not a 联行号"),
        ({"payee_bank_code": None}, "payee_bank_code is not a 联行号"),
        ({"payee_bank_name": "行" * 141}, "payee_bank_name has 141"),
        ({"remittance": "言" * 141}, "remittance has 141"),
        ({"amount_fen": 0}, "the amount is not above 0"),
        ({"amount_fen": -5}, "the amount is not above 0"),
        ({"amount_fen": None}, "the amount is not above 0"),
    ],
)
def test_what_the_standard_cannot_carry_names_the_item(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=f"item SZ-2026-000002/1: {says}") as caught:
        written(item(1), item(2, **wrong))
    assert "11020" not in str(caught.value)


def test_a_name_may_hold_plain_and_chinese_blanks() -> None:
    assert written(item(1, payee_name="张\u3000三 and 李"))


def test_version_03_takes_names_of_70() -> None:
    assert written(item(1, payee_name="名" * 70), version="03")
    with pytest.raises(BadInput, match="at most 70"):
        written(item(1, payee_name="名" * 71), version="03")


def test_an_end_to_end_id_stands_once_and_is_short() -> None:
    with pytest.raises(BadInput, match="stands twice"):
        written(item(1), item(1))
    with pytest.raises(BadInput, match="end_to_end_id has 36"):
        written(item(1, end_to_end_id="E" * 36))


def test_no_items_is_an_error() -> None:
    with pytest.raises(BadInput, match="at least one item"):
        written()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("version", "11", "version is 09 or 03"),
        ("message_id", "M" * 36, "message_id has 36"),
        ("message_id", "", "message_id is empty"),
        ("created_at", "yesterday", "created_at is not an ISO time"),
        *[
            ("created_at", text, "created_at is not an ISO time")  # Python takes these, the schema does not
            for text in ("2026-05-07", "2026-05-07 23:30:00", "2026-05-07T23:30", "2026-05-07T23:30:00+0800")
        ],
        ("execution_date", "2026-02-30", "execution_date is not a date"),
        ("execution_date", None, "execution_date is not a date"),
        ("debtor_name", "名" * 141, "debtor_name has 141"),
        ("debtor_account", "", "debtor_account is empty"),
        ("debtor_account", "3225 0198", "debtor_account has a blank"),
        ("debtor_bank_code", "105100000018", "debtor_bank_code is not a 联行号"),
    ],
)
def test_settings_are_checked(name: str, value: Any, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        written(item(1), **{name: value})


TAMPERED: list[tuple[bytes, bytes, str]] = [
    (b"<NbOfTxs>2<", b"<NbOfTxs>3<", "head: NbOfTxs"),
    (b"<NbOfTxs>2<", b"<NbOfTxs>2.00<", "head: NbOfTxs"),
    (b"<CtrlSum>246.91<", b"<CtrlSum>246.92<", "head: CtrlSum"),
    (b"<CtrlSum>246.91</CtrlSum>", b"", "head: CtrlSum"),
    (b">123.45<", b">123.46<", "item SZ-2026-000001/1: amount"),
    (b">123.45<", b">0123.45<", "item SZ-2026-000001/1: amount"),
    (b">123.45<", b">x<", "item SZ-2026-000001/1: amount"),
    (b'Ccy="CNY"', b'Ccy="USD"', "item SZ-2026-000001/1: amount"),
    (b"SZ-2026-000001/1", b"SZ-2026-000009/1", "item SZ-2026-000001/1: end_to_end_id"),
    (b"11020" + b"0" * 13 + b"2", b"11020" + b"0" * 13 + b"3", "item SZ-2026-000002/1: payee_account"),
    ("公司1".encode(), "公司?".encode(), "item SZ-2026-000001/1: payee_name"),
    (ICBC.encode(), CCB.encode(), "item SZ-2026-000001/1: payee_bank_code"),
    ("中国工商银行".encode(), "中国农业银行".encode(), "item SZ-2026-000001/1: payee_bank_name"),
    ("会员普惠补贴".encode(), "补贴".encode(), "item SZ-2026-000001/1: remittance"),
    (b"<Amt>", b"<Amt><EqvtAmt/>", "item SZ-2026-000001/1: amount"),
    (b"<CdtTrfTxInf>", b"<Foo/><CdtTrfTxInf>", "head: items"),
    (b"<PmtMtd>TRF<", b"<PmtMtd>CHK<", "head: PmtMtd"),
    (b"2026-05-08</Dt>", b"2036-05-08</Dt>", "head: execution_date"),
    (b"<MsgId>SZ-P", b"<MsgId>SZ-Q", "head: message_id"),
    (b"<PmtInfId>SZ-P", b"<PmtInfId>SZ-Q", "head: message_id"),
    (b"32250198886809000012", b"32250198886809000013", "head: debtor_account"),
    (b"<Nm>\xe8\x8b\x8f\xe5\xb7\x9e\xe5\xb8\x82\xe6\x80\xbb", b"<Nm>\xe6\x80\xbb", "head: debtor_name"),
    (CCB.encode(), ICBC.encode(), "head: debtor_bank_code"),
    (b"001.001.09", b"001.001.08", "it is not pain.001.001.09"),
]


@pytest.mark.parametrize(("old", "new", "says"), TAMPERED)
def test_read_back_compares_every_field_and_names_item_and_field(old: bytes, new: bytes, says: str) -> None:
    items = payments(item(1), item(2, 12346))
    told = read_settings(SETTINGS, "batch.xml")
    data = write(items, Context("batch.xml", "bank", SETTINGS))
    read_back(data, items, told)
    assert old in data
    with pytest.raises(BadInput, match=says) as caught:
        read_back(data.replace(old, new, 1), items, told)
    assert "11020" not in str(caught.value)
    assert "3225" not in str(caught.value)


def test_read_back_takes_no_item_more_or_less_and_no_other_order() -> None:
    told = read_settings(SETTINGS, "batch.xml")
    two, three = payments(item(1), item(2)), payments(item(1), item(2), item(3))
    data = write(two, Context("batch.xml", "bank", SETTINGS))
    for wrong, items in (
        (data, three),
        (write(three, Context("batch.xml", "bank", SETTINGS)), two),
        (data, payments(item(2), item(1))),
        (data.replace(b"<CdtTrfTxInf>", b"<!--", 1).replace(b"</CdtTrfTxInf>", b"-->", 1), two),
        (data[:-20], two),
        (b"<Document/>", two),
        (b"<a/>", two),
        (b"<!DOCTYPE x><Document/>", two),
    ):
        with pytest.raises(BadInput):
            read_back(wrong, items, told)


def test_a_writer_that_errs_gives_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by `assert`, which `python -O` leaves out: the writer is given other rows than the batch has."""
    message = pain001._message
    monkeypatch.setattr(pain001, "_message", lambda items, told: message(items.head(1), told))
    with pytest.raises(BadInput, match="NbOfTxs is not what was to be written"):
        written(item(1), item(2))


def test_check_digits_of_real_banks_hold() -> None:
    for code in (ICBC, CCB, "104100000004", "103100000026", "308584000013", "301290000007"):
        assert is_cnaps(code), code
        assert check_digit(code[:11]) == code[11]
        assert not is_cnaps(code[:11] + str((int(code[11]) + 1) % 10))
    for text in ("", "10210009999", "1021000999960", "１０２１０００９９９９６", "10210009999X"):
        assert not is_cnaps(text)


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=70).filter(
    lambda text: text.strip() == text and text.isprintable()
)
ITEMS = st.lists(
    st.fixed_dictionaries(
        {
            "amount_fen": st.integers(1, 10**15),
            "payee_name": TEXT,
            "payee_account": st.from_regex(r"[0-9A-Z]{1,34}", fullmatch=True),
            "payee_bank_name": st.none() | TEXT,
            "payee_bank_code": st.sampled_from([ICBC, CCB]),
            "remittance": st.none() | TEXT,
        }
    ),
    min_size=1,
    max_size=8,
)
PATHS = {
    "end_to_end_id": "PmtId/EndToEndId",
    "payee_name": "Cdtr/Nm",
    "payee_account": "CdtrAcct/Id/Othr/Id",
    "payee_bank_name": "CdtrAgt/FinInstnId/Nm",
    "payee_bank_code": "CdtrAgt/FinInstnId/ClrSysMmbId/MmbId",
    "remittance": "RmtInf/Ustrd",
}


@pytest.mark.parametrize("version", ["03", "09"])
@settings(max_examples=60, deadline=None)
@given(values=ITEMS)
def test_every_file_written_has_its_rows(version: str, values: list[dict[str, Any]]) -> None:
    """Read by another library's eyes: every text of every item, and the amount, as they went in."""
    rows = [item(number, **value) for number, value in enumerate(values, 1)]
    data = written(*rows, version=version)
    root = etree.fromstring(data)
    found = []
    for transfer in root.iterfind(".//{*}CdtTrfTxInf"):
        got = {
            name: transfer.findtext("/".join(f"{{*}}{step}" for step in path.split("/")))
            for name, path in PATHS.items()
        }
        amount = transfer.find("{*}Amt/{*}InstdAmt")
        assert amount is not None
        assert amount.get("Ccy") == "CNY"
        found.append(got | {"amount_fen": int(amount.text.replace(".", ""))})
    assert found == [{name: row[name] or None for name in (*PATHS, "amount_fen")} for row in rows]
    assert root.findtext(".//{*}GrpHdr/{*}NbOfTxs") == str(len(rows))
