"""pain.002: each status is paid, rejected or unknown, and a report that cannot be trusted is refused."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from lxml import etree

from adapters.base import Closing, Context, Parsed
from adapters.payments.pain002 import read
from settlement.model.frames import PAYMENT_RESULT, conform

SAMPLES = (Path(__file__).resolve().parents[3] / "../shared/samples").resolve()
SPACE = ' xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"'


def item(number: int, status: str = "ACSC", more: str = "") -> str:
    state = f"<TxSts>{status}</TxSts>" if status else ""
    return f"<TxInfAndSts><OrgnlEndToEndId>E{number}</OrgnlEndToEndId>{state}{more}</TxInfAndSts>"


def report(*items: str, group: str = "<GrpSts>PART</GrpSts>", block: str = "", space: str = SPACE) -> bytes:
    header = "<GrpHdr><MsgId>B1</MsgId><CreDtTm>2026-05-08T03:00:00</CreDtTm></GrpHdr>"
    original = f"<OrgnlMsgId>M1</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>{group}"
    inside = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>M1</OrgnlPmtInfId>{block}{''.join(items)}</OrgnlPmtInfAndSts>"
    body = f"{header}<OrgnlGrpInfAndSts>{original}</OrgnlGrpInfAndSts>{inside if items or block else ''}"
    return f"<Document{space}><CstmrPmtStsRpt>{body}</CstmrPmtStsRpt></Document>".encode()


def results(raw: bytes) -> tuple[list[tuple[object, ...]], list[str], Closing]:
    items = list(read(io.BytesIO(raw), Context("r.xml", "bank")))
    closing = items.pop()
    assert isinstance(closing, Closing)
    rows: list[tuple[object, ...]] = []
    codes: list[str] = []
    for block in items:
        assert isinstance(block, Parsed)
        frame = conform(block.frame, PAYMENT_RESULT)
        rows += frame.select("message_id", "end_to_end_id", "amount_fen", "result", "reason").rows()
        codes += [reject.code for reject in block.rejects]
        for start, end in frame.drop_nulls("end_to_end_id").select("byte_start", "byte_end").iter_rows():
            assert raw[start:end].startswith(b"<TxInfAndSts>")
            assert raw[start:end].endswith(b"</TxInfAndSts>")
    return rows, codes, closing


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("ACSC", "paid"),
        ("ACCC", "paid"),
        ("RJCT", "rejected"),
        ("CANC", "rejected"),
        ("ACSP", "unknown"),
        ("ACTC", "unknown"),
        ("ACCP", "unknown"),
        ("PDNG", "unknown"),
        ("XXXX", "unknown"),
    ],
)
def test_each_status_has_one_result(status: str, result: str) -> None:
    rows, codes, closing = results(report(item(1, status)))
    assert rows == [("M1", "E1", None, result, status)]
    assert not codes
    assert closing.refused is None


def test_reason_and_amount_are_kept_and_an_account_in_the_text_is_masked() -> None:
    more = (
        "<StsRsnInf><Rsn><Cd>AC01</Cd></Rsn><AddtlInf>账号 6222020000000000007 不存在</AddtlInf></StsRsnInf>"
        '<OrgnlTxRef><Amt><InstdAmt Ccy="CNY">12.3</InstdAmt></Amt></OrgnlTxRef>'
    )
    rows, _, closing = results(report(item(1, "RJCT", more), item(2)))
    assert rows[0] == ("M1", "E1", 1230, "rejected", "RJCT AC01 账号 622202*********0007 不存在")
    assert rows[1] == ("M1", "E2", None, "paid", "ACSC")
    assert closing.total_fen == 1230


@pytest.mark.skipif(not SAMPLES.exists(), reason="samples are not beside the checkout")
def test_the_reports_of_these_tests_are_valid_by_the_schema() -> None:
    schema = etree.XMLSchema(etree.parse(next(SAMPLES.glob("xsd/*/pain.002.001.10.xsd"))))
    schema.assertValid(etree.fromstring(report(item(1), item(2, "RJCT"), block="<PmtInfSts>PART</PmtInfSts>")))


def test_an_item_without_status_has_the_blocks_and_else_the_groups() -> None:
    rows, _, _ = results(report(item(1, ""), block="<PmtInfSts>RJCT</PmtInfSts>"))
    assert rows == [("M1", "E1", None, "rejected", "RJCT")]
    rows, _, _ = results(report(item(1, ""), group="<GrpSts>ACSC</GrpSts>"))
    assert rows == [("M1", "E1", None, "paid", "ACSC")]


def test_a_report_on_the_whole_message_is_one_row_without_an_item() -> None:
    reason = "<StsRsnInf><Rsn><Prtry>DUPL</Prtry></Rsn></StsRsnInf>"
    rows, _, closing = results(report(group=f"<GrpSts>RJCT</GrpSts>{reason}"))
    assert rows == [("M1", None, None, "rejected", "RJCT DUPL")]
    assert closing.accepted == 1
    rows, _, _ = results(report(block="<PmtInfSts>ACSC</PmtInfSts>"))
    assert rows == [("M1", None, None, "paid", "ACSC")]


def test_bad_items_are_rejects() -> None:
    nameless = item(1).replace("<OrgnlEndToEndId>E1</OrgnlEndToEndId>", "")
    amount = '<OrgnlTxRef><Amt><InstdAmt Ccy="CNY">1,2</InstdAmt></Amt></OrgnlTxRef>'
    raw = report(nameless, item(2, "paid"), item(3, "ACSC", amount), item(4))
    rows, codes, closing = results(raw)
    assert codes == ["NO_END_TO_END_ID", "BAD_STATUS", "BAD_AMOUNT"]
    assert [row[1] for row in rows] == ["E4"]
    assert (closing.records, closing.accepted, closing.rejected) == (4, 1, 3)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "EMPTY_FILE"),
        (b"<!DOCTYPE x><Document/>", "DOCTYPE"),
        (b"<Document/>", "NOT_PAIN002"),
        (report(item(1))[:-30], "NOT_XML"),
        (report(item(1), space=SPACE.replace("002.001.10", "001.001.09")), "BAD_VERSION"),
        (report(item(1)).replace(b"<OrgnlMsgId>M1</OrgnlMsgId>", b""), "NO_MESSAGE_ID"),
        (report(group="<GrpSts>refused</GrpSts>"), "BAD_STATUS"),
        (report(group=""), "NO_STATUS"),
        (
            report(
                item(1),
                group="<NbOfTxsPerSts><DtldNbOfTxs>2</DtldNbOfTxs><DtldSts>ACSC</DtldSts></NbOfTxsPerSts>",
            ),
            "COUNT_MISMATCH",
        ),
    ],
)
def test_a_report_that_cannot_be_trusted_is_refused(raw: bytes, code: str) -> None:
    refused = results(raw)[2].refused
    assert refused is not None
    assert refused.code == code


def test_a_national_namespace_keeps_the_version() -> None:
    space = ' xmlns="http://bank.example/de/pain.002.001.03.ch.02.xsd"'
    rows, codes, closing = results(report(space=space, group="<GrpSts>ACTC</GrpSts>"))
    assert (rows, codes, closing.refused) == ([("M1", None, None, "unknown", "ACTC")], [], None)


def test_a_report_without_a_namespace_is_read() -> None:
    assert results(report(item(1), space=""))[0][0][1] == "E1"
