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


def because(code: str, tag: str = "Cd") -> str:
    return f"<StsRsnInf><Rsn><{tag}>{code}</{tag}></Rsn></StsRsnInf>"


def sent(amount: str, currency: str = "CNY") -> str:
    return f'<OrgnlTxRef><Amt><InstdAmt Ccy="{currency}">{amount}</InstdAmt></Amt></OrgnlTxRef>'


def per(status: str, count: int, total: str = "") -> str:
    summed = f"<DtldCtrlSum>{total}</DtldCtrlSum>" if total else ""
    return f"<NbOfTxsPerSts><DtldNbOfTxs>{count}</DtldNbOfTxs><DtldSts>{status}</DtldSts>{summed}</NbOfTxsPerSts>"


def report(
    *items: str,
    group: str = "<GrpSts>PART</GrpSts>",
    block: str = "",
    space: str = SPACE,
    of: str = "M1",
    more: str = "",
) -> bytes:
    header = "<GrpHdr><MsgId>B1</MsgId><CreDtTm>2026-05-08T03:00:00</CreDtTm></GrpHdr>"
    original = f"<OrgnlMsgId>M1</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>{group}"
    inside = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{of}</OrgnlPmtInfId>{block}{''.join(items)}</OrgnlPmtInfAndSts>"
    body = f"{header}<OrgnlGrpInfAndSts>{original}</OrgnlGrpInfAndSts>{inside if items or block else ''}{more}"
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
    rows, _, closing = results(report(group=f"<GrpSts>RJCT</GrpSts>{because('AM10')}"))
    assert rows == [("M1", None, None, "rejected", "RJCT AM10")]
    assert closing.accepted == 1
    rows, _, _ = results(report(group="<GrpSts>ACTC</GrpSts>", block="<PmtInfSts>ACSC</PmtInfSts>"))
    assert rows == [("M1", None, None, "paid", "ACSC")]


def test_a_row_of_the_whole_has_the_sum_that_was_sent() -> None:
    total = "<OrgnlCtrlSum>12.30</OrgnlCtrlSum>"
    refused = "<GrpSts>RJCT</GrpSts>"
    assert results(report(group=total + refused))[0] == [("M1", None, 1230, "rejected", "RJCT")]
    block = f"{total}<PmtInfSts>RJCT</PmtInfSts>"
    assert results(report(group=refused, block=block))[0] == [("M1", None, 1230, "rejected", "RJCT")]
    none = "<OrgnlNbOfTxs>0</OrgnlNbOfTxs><OrgnlCtrlSum>0.00</OrgnlCtrlSum>"  # of a file that the bank could not read
    assert results(report(group=none + refused))[0] == [("M1", None, None, "rejected", "RJCT")]


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


# --- what a bank contradicts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["DU01", "DU02", "DU03", "DU04", "DU05", "AM05", "DUPL"])
@pytest.mark.parametrize("tag", ["Cd", "Prtry"])
def test_a_refusal_because_the_bank_has_the_like_already_leaves_the_result_unknown(code: str, tag: str) -> None:
    why = because(code, tag)
    assert results(report(item(1, "RJCT", why)))[0] == [("M1", "E1", None, "unknown", f"RJCT {code}")]
    assert results(report(group=f"<GrpSts>RJCT</GrpSts>{why}"))[0][0][3] == "unknown"
    assert results(report(item(1, ""), block=f"<PmtInfSts>RJCT</PmtInfSts>{why}"))[0][0][3:] == (
        "unknown",
        f"RJCT {code}",
    )
    assert results(report(item(1, "RJCT", because("AC01")), group=f"<GrpSts>RJCT</GrpSts>{why}"))[0][0][3] == "unknown"


@pytest.mark.parametrize("said", ["DUPLICATE FILE DETECTED", "possible duplicate", "重复付款", "code DU01: refused"])
def test_a_copy_that_is_told_in_words_leaves_the_result_unknown_too(said: str) -> None:
    why = because("NARR").replace("</StsRsnInf>", f"<AddtlInf>{said}</AddtlInf></StsRsnInf>")
    assert results(report(group=f"<GrpSts>RJCT</GrpSts>{why}"))[0][0][3] == "unknown"
    assert results(report(item(1, "RJCT", because("DUPLICATE_PAYMENT", "Prtry"))))[0][0][3] == "unknown"
    assert results(report(item(1, "RJCT", why.replace(said, "account closed"))))[0][0][3] == "rejected"


@pytest.mark.parametrize("said", ["Transaction refused, file is a dup|licate", "该笔交易为重|复交易", "already|paid"])
def test_a_copy_is_told_in_words_that_the_bank_cut_into_lines(said: str) -> None:
    lines = "".join(f"<AddtlInf>{line}</AddtlInf>" for line in said.split("|"))
    why = because("NARR").replace("</StsRsnInf>", f"{lines}</StsRsnInf>")
    assert results(report(item(1, "RJCT", why)))[0][0][3] == "unknown"


def test_a_block_that_is_paid_opposes_one_that_is_refused_whatever_it_says_of_it() -> None:
    paid = "<StsRsnInf><AddtlInf>已入账</AddtlInf></StsRsnInf>"
    other = block_of("P9", "ACSC").replace("</PmtInfSts>", f"</PmtInfSts>{paid}")
    assert results(report(block="<PmtInfSts>RJCT</PmtInfSts>", more=other))[2].refused is not None
    assert results(report(group="<GrpSts>ACTC</GrpSts>", block=f"<PmtInfSts>ACSC</PmtInfSts>{paid}"))[0][0][3] == "paid"


def test_what_a_report_says_of_the_items_that_were_paid_does_not_hold_the_refused_ones() -> None:
    said = "<StsRsnInf><AddtlInf>7 already paid, 3 rejected</AddtlInf></StsRsnInf>"
    for status, why, wanted in (
        ("PART", because("AC04"), "rejected"),
        ("PART", "", "unknown"),
        ("PART", because("NARR"), "unknown"),
        ("RJCT", because("AC04"), "unknown"),
    ):
        rows, _, _ = results(report(item(1, "RJCT", why), group=f"<GrpSts>{status}</GrpSts>{said}"))
        assert [row[3] for row in rows] == [wanted]


@pytest.mark.parametrize(
    ("group", "block", "status", "more"),
    [
        ("RJCT", "", "ACSC", ""),
        ("", "RJCT", "ACSC", ""),
        ("ACSC", "", "RJCT", because("AC04")),
        ("", "ACCC", "CANC", ""),
        ("RJCT", "ACSC", "", ""),
        ("ACSC", "", "", because("AC04")),
        ("", "", "ACSC", because("AC04")),
        ("", "", "ACCC", because("AG01", "Prtry")),
    ],
)
def test_levels_that_contradict_each_other_leave_the_result_unknown(
    group: str, block: str, status: str, more: str
) -> None:
    raw = report(
        item(1, status, more),
        group=f"<GrpSts>{group}</GrpSts>" if group else "",
        block=f"<PmtInfSts>{block}</PmtInfSts>" if block else "",
    )
    rows, codes, closing = results(raw)
    assert [row[3] for row in rows] == ["unknown"]
    assert not codes
    assert closing.notes == (
        "1 statuses or reasons that contradict each other: not taken as paid or rejected; ask the bank",
    )


def test_a_reason_that_refuses_nothing_leaves_a_paid_item_paid() -> None:
    for code in ("DS07", "G000", "NARR", "0000"):
        rows, _, closing = results(report(item(1, "ACSC", because(code)), item(2, "RJCT", because("AC04"))))
        assert [row[3] for row in rows] == ["paid", "rejected"]
        assert not closing.notes


def test_a_payment_of_which_the_report_says_two_things_has_no_result() -> None:
    rows, codes, closing = results(report(item(1), item(2), item(1, "RJCT"), item(2)))
    assert [row[1] for row in rows] == ["E2", "E2"]
    assert codes == ["TWO_RESULTS", "TWO_RESULTS"]
    assert (closing.records, closing.accepted, closing.rejected) == (4, 2, 2)


# --- what a bank declares --------------------------------------------------------------------------------------------

TWO = (item(1, "ACSC", sent("1.00")), item(2, "RJCT", sent("2.00")))


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        (per("ACSC", 1, "1.00") + per("RJCT", 1, "2.00"), None),
        (per("ACSC", 1) + per("RJCT", 1) + per("PDNG", 7), None),  # reporting by exception lists no pending item
        (per("ACSC", 1) + per("RJCT", 1) + per("RJCT", 1), None),
        (per("ACSC", 2), "COUNT_MISMATCH"),
        (per("ACSC", 1), "COUNT_MISMATCH"),
        (per("ACSC", 1) + per("RJCT", 2), "COUNT_MISMATCH"),
        (per("ACSC", 1) + per("RJCT", 1) + per("RJCT", 9), "COUNT_MISMATCH"),
        (per("ACSC", 1, "1.01") + per("RJCT", 1), "TOTAL_MISMATCH"),
        (per("ACSC", 1, "0.99") + per("RJCT", 1), "TOTAL_MISMATCH"),
        (per("ACSC", 1, "1,00") + per("RJCT", 1), "BAD_TOTAL"),
    ],
)
def test_items_by_status_are_as_many_as_group_and_block_declare(declared: str, code: str | None) -> None:
    for raw in (report(*TWO, group=declared), report(*TWO, block=declared)):
        refused = results(raw)[2].refused
        assert (refused and refused.code) == code


@pytest.mark.parametrize(
    ("count", "total", "code"),
    [
        ("2", "3.00", None),
        ("3", "9.00", None),
        ("3", "", None),
        ("1", "", "COUNT_MISMATCH"),
        ("2", "3.01", "TOTAL_MISMATCH"),
        ("3", "2.99", "TOTAL_MISMATCH"),
        ("", "2.99", "TOTAL_MISMATCH"),
        ("x", "", "BAD_TOTAL"),
    ],
)
def test_no_more_items_than_the_original_had(count: str, total: str, code: str | None) -> None:
    said = f"<OrgnlNbOfTxs>{count}</OrgnlNbOfTxs>" if count else ""
    said += f"<OrgnlCtrlSum>{total}</OrgnlCtrlSum>" if total else ""
    for raw in (report(*TWO, group=said), report(*TWO, block=said)):
        refused = results(raw)[2].refused
        assert (refused and refused.code) == code


def test_declared_numbers_agree_with_each_other() -> None:
    by_status = per("ACSC", 2, "2.00") + per("RJCT", 1, "1.00")
    for head, code in (
        ("<OrgnlNbOfTxs>3</OrgnlNbOfTxs><OrgnlCtrlSum>3.00</OrgnlCtrlSum>", None),
        ("<OrgnlNbOfTxs>2</OrgnlNbOfTxs>", "COUNT_MISMATCH"),
        ("<OrgnlNbOfTxs>3</OrgnlNbOfTxs><OrgnlCtrlSum>4.00</OrgnlCtrlSum>", "TOTAL_MISMATCH"),
        ("<OrgnlNbOfTxs>4</OrgnlNbOfTxs><OrgnlCtrlSum>2.00</OrgnlCtrlSum>", "TOTAL_MISMATCH"),
    ):
        refused = results(report(group=f"{head}<GrpSts>ACTC</GrpSts>{by_status}"))[2].refused
        assert (refused and refused.code) == code


# --- the whole message -----------------------------------------------------------------------------------------------


def block_of(name: str, status: str) -> str:
    inside = f"<OrgnlPmtInfId>{name}</OrgnlPmtInfId><PmtInfSts>{status}</PmtInfSts>"
    return f"<OrgnlPmtInfAndSts>{inside}</OrgnlPmtInfAndSts>"


def test_a_block_of_another_name_says_nothing_of_the_message() -> None:
    rows, codes, closing = results(report(item(1), more=block_of("P2", "RJCT")))
    assert [row[1] for row in rows] == ["E1"]
    assert not codes
    assert closing.notes[0].startswith("1 payment blocks of another name")
    refused = results(report(group="", block="<PmtInfSts>RJCT</PmtInfSts>", of="P1"))[2].refused
    assert refused is not None
    assert refused.code == "NO_STATUS"
    assert "not of our message" in refused.message


def test_opposite_group_and_blocks_give_no_row_of_the_message() -> None:
    for raw in (
        report(group="<GrpSts>RJCT</GrpSts>", block="<PmtInfSts>ACSC</PmtInfSts>"),
        report(block="<PmtInfSts>ACSC</PmtInfSts>", more=block_of("M1", "RJCT")),
        report(group="<GrpSts>ACSC</GrpSts>", more=block_of("P2", "RJCT")),
    ):
        refused = results(raw)[2].refused
        assert refused is not None
        assert "opposite" in refused.message
    rows, _, closing = results(report(item(1), group="", more=block_of("M1", "ACSC") + block_of("P2", "RJCT")))
    assert [row[1] for row in rows] == ["E1"]
    assert len(closing.notes) == 2


def test_a_final_group_over_an_open_block_leaves_the_message_unknown() -> None:
    assert results(report(group="<GrpSts>ACSC</GrpSts>", more=block_of("P2", "PDNG")))[0][0][3] == "unknown"
    assert results(report(block="<PmtInfSts>ACSC</PmtInfSts>", more=block_of("M1", "PDNG")))[0][0][3] == "unknown"
    copy = block_of("M1", "RJCT").replace("</PmtInfSts>", f"</PmtInfSts>{because('DU02')}")
    assert results(report(block="<PmtInfSts>RJCT</PmtInfSts>", more=copy))[0][0][3] == "unknown"


@pytest.mark.parametrize("status", ["RJCT", "ACSC"])
def test_a_status_of_the_whole_is_unknown_where_the_numbers_say_that_items_differ(status: str) -> None:
    """Three items are rejected, seven are not: all ten rejected would pay seven twice."""
    group, block = f"<GrpSts>{status}</GrpSts>", f"<PmtInfSts>{status}</PmtInfSts>"
    for raw in (
        report(group=group + per("RJCT", 3) + per("ACSC", 7)),
        report(group=group + per(status, 3) + per("ACSP", 7)),
        report(group=f"<OrgnlNbOfTxs>10</OrgnlNbOfTxs>{group}{per(status, 3)}"),
        report(group="", block=block + per("RJCT", 3) + per("ACSC", 7)),
        report(group=f"<GrpSts>ACTC</GrpSts>{per('RJCT', 3)}{per('ACSC', 7)}", block=block),
        report(group="<GrpSts>PART</GrpSts>", block=block),
    ):
        rows, codes, closing = results(raw)
        assert rows == [("M1", None, None, "unknown", status)]
        assert not codes
        assert "contradict each other" in closing.notes[0]


def test_numbers_by_status_that_are_of_all_items_change_nothing() -> None:
    result = {"RJCT": "rejected", "ACSC": "paid"}
    for status, wanted in result.items():
        counts = per(status, 10) + per("PDNG", 0)
        group, block = f"<GrpSts>{status}</GrpSts>{counts}", f"<PmtInfSts>{status}</PmtInfSts>{counts}"
        for raw in (report(group=group), report(group=f"<OrgnlNbOfTxs>10</OrgnlNbOfTxs>{group}"), report(block=block)):
            assert [row[3] for row in results(raw)[0]] == [wanted]
            assert results(raw)[2].notes == ()


def test_a_file_with_rejects_gives_no_row_of_the_message() -> None:
    for wrong in (item(1, "ACSC", sent("1,5")), item(1) + item(1, "RJCT")):
        rows, codes, closing = results(report(wrong, more=block_of("M1", "ACSC")))
        assert not rows
        assert codes
        assert closing.records == closing.rejected + closing.skipped
        assert "left out" in closing.notes[-1]


def test_a_block_without_an_id_on_its_items_speaks_by_its_status() -> None:
    nameless = f"<TxInfAndSts>{sent('3.00')}</TxInfAndSts>"
    rows, codes, closing = results(
        report(nameless, block=f"<OrgnlNbOfTxs>2</OrgnlNbOfTxs><PmtInfSts>RJCT</PmtInfSts>{per('RJCT', 2, '3.00')}")
    )
    assert rows == [("M1", None, None, "rejected", "RJCT")]
    assert not codes
    assert (closing.records, closing.accepted, closing.skipped) == (2, 1, 1)
    for items in (
        (nameless, item(1, "RJCT")),
        (item(1, "RJCT"), nameless),
        (nameless.replace("</TxInf", "<TxSts>ACSC</TxSts></TxInf"),),
        (nameless.replace("</TxInf", f"{because('AM05')}</TxInf"),),
    ):
        assert results(report(*items, block="<PmtInfSts>RJCT</PmtInfSts>"))[1] == ["NO_END_TO_END_ID"]


def test_a_blocks_reason_stands_on_its_unpaid_items_and_reaches_no_item_that_is_not_listed() -> None:
    block = f"<OrgnlNbOfTxs>4</OrgnlNbOfTxs><PmtInfSts>RJCT</PmtInfSts>{because('AM04')}"
    rows, _, closing = results(report(item(1, "RJCT"), item(2, "RJCT", because("AC01")), item(3, "PDNG"), block=block))
    assert [row[3:] for row in rows] == [
        ("rejected", "RJCT AM04"),
        ("rejected", "RJCT AC01"),
        ("unknown", "PDNG AM04"),
    ]
    assert closing.notes[0].startswith("1 payment blocks whose status speaks of items that are not listed")


def test_a_final_group_with_items_tells_that_the_others_are_not_listed() -> None:
    for count, told in ((3, True), (1, False)):
        group = f"<OrgnlNbOfTxs>{count}</OrgnlNbOfTxs><GrpSts>RJCT</GrpSts>"
        rows, _, closing = results(report(item(1, "RJCT"), group=group))
        assert [row[1] for row in rows] == ["E1"]
        assert [note.startswith("1 status of the report speaks of items") for note in closing.notes] == [True] * told


# --- what is no report on our pain.001 -------------------------------------------------------------------------------


def test_an_item_of_another_currency_or_message_is_a_reject() -> None:
    of = "<OrgnlGrpInf><OrgnlMsgId>{}</OrgnlMsgId></OrgnlGrpInf>"
    raw = report(
        item(1, "ACSC", sent("1.00", "USD")), item(2, "ACSC", of.format("M2")), item(3, "ACSC", of.format("M1"))
    )
    rows, codes, _ = results(raw)
    assert [row[1] for row in rows] == ["E3"]
    assert codes == ["OTHER_CURRENCY", "OTHER_MESSAGE"]


def test_what_stands_in_supplementary_data_is_no_item() -> None:
    inside = f"<SplmtryData><Envlp>{item(9)}<CstmrPmtStsRpt>{item(8)}</CstmrPmtStsRpt></Envlp></SplmtryData>"
    rows, codes, closing = results(report(item(1), item(2), more=inside))
    assert [row[1] for row in rows] == ["E1", "E2"]
    assert not codes
    assert closing.records == 2


def test_other_messages_and_several_reports_are_refused() -> None:
    plain = report(item(1), space="")
    two = plain.removesuffix(b"</Document>") + plain.removeprefix(b"<Document>")
    group = report(item(1)).replace(b"</OrgnlGrpInfAndSts>", b"</OrgnlGrpInfAndSts><OrgnlGrpInfAndSts/>")
    late = report(item(1)).replace(b"</TxInfAndSts>", b"</TxInfAndSts><PmtInfSts>RJCT</PmtInfSts>")
    for raw, code in (
        (plain.replace(b"CstmrPmtStsRpt", b"FIToFIPmtStsRpt"), "NOT_PAIN002"),
        (report(item(1)).replace(b"pain.001.001.09", b"pain.008.001.08"), "WRONG_MESSAGE"),
        (two, "SEVERAL_REPORTS"),
        (group, "SEVERAL_REPORTS"),
        (late, "BAD_ORDER"),
    ):
        refused = results(raw)[2].refused
        assert refused is not None
        assert refused.code == code


def test_a_report_without_the_message_it_answers_is_refused_with_what_it_says() -> None:
    raw = report(group=f"<GrpSts>RJCT</GrpSts>{because('FF01')}").replace(b"<OrgnlMsgId>M1</OrgnlMsgId>", b"")
    refused = results(raw)[2].refused
    assert refused is not None
    assert refused.message.endswith("(OrgnlMsgId); of that message it says: RJCT FF01")


def test_a_block_far_down_in_the_file_is_the_same_at_its_end() -> None:
    raw = report(*(item(number).replace("><", ">\n<") for number in (1, 2))).replace(
        b"<OrgnlPmtInfId>M1</OrgnlPmtInfId>", b""
    )
    rows, codes, closing = results(raw.replace(b"<OrgnlPmtInf", b"\n" * 70_000 + b"<OrgnlPmtInf", 1))
    assert (len(rows), codes, closing.refused) == (2, [], None)
