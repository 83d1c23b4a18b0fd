"""camt.053 and .054: one thing broken per test, and the code that names it."""

from __future__ import annotations

from datetime import date

import pytest
from accounts_support import read, refusal

from adapters.accounts.statement import out_of_balance, unproven

SPACE = ' xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"'
BOOKED = "<Sts><Cd>BOOK</Cd></Sts>"


def balance(code: str, amount: str, sign: str = "CRDT", currency: str = "CNY") -> str:
    kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
    day = "<Dt><Dt>2026-05-07</Dt></Dt>"
    return f'<Bal>{kind}<Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{day}</Bal>'


def entry(amount: str, sign: str = "CRDT", more: str = "", status: str = BOOKED, currency: str = "CNY") -> str:
    return f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{status}{more}</Ntry>'


def detail(amount: str = "", sign: str = "", more: str = "", currency: str = "CNY") -> str:
    money = f'<Amt Ccy="{currency}">{amount}</Amt>' if amount else ""
    direction = f"<CdtDbtInd>{sign}</CdtDbtInd>" if sign else ""
    return f"<TxDtls>{money}{direction}{more}</TxDtls>"


def statement(
    *entries: str, opening: str = "10.00", closing: str = "10.00", summary: str = "", space: str = SPACE
) -> str:
    head = "<Id>S1</Id><Acct><Id><Othr><Id>0003220001</Id></Othr></Id><Ccy>CNY</Ccy></Acct>"
    balances = (balance("OPBD", opening) if opening else "") + (balance("CLBD", closing) if closing else "")
    header = "<GrpHdr><MsgId>M</MsgId><CreDtTm>2026-05-07T00:00:00</CreDtTm></GrpHdr>"
    body = f"<BkToCstmrStmt>{header}<Stmt>{head}{balances}{summary}{''.join(entries)}</Stmt></BkToCstmrStmt>"
    return f'<?xml version="1.0" encoding="UTF-8"?><Document{space}>{body}</Document>'


def test_a_line_has_every_column_and_its_byte_range() -> None:
    inside = (
        "<Refs><AcctSvcrRef>R2</AcctSvcrRef><EndToEndId>SZ-2026-000001/1</EndToEndId></Refs>"
        "<RltdPties><Dbtr><Pty><Nm>甲公司</Nm></Pty></Dbtr><DbtrAcct><Id><Othr><Id>0012</Id></Othr></Id></DbtrAcct>"
        "<Cdtr><Pty><Nm>us</Nm></Pty></Cdtr></RltdPties><RmtInf><Ustrd>结算</Ustrd><Ustrd>款</Ustrd></RmtInf>"
    )
    dates = "<BookgDt><DtTm>2026-05-07T23:30:00+08:00</DtTm></BookgDt><ValDt><Dt>2026-05-08</Dt></ValDt>"
    code = (
        "<AcctSvcrRef>R1</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd>"
        "<SubFmlyCd>DMCT</SubFmlyCd></Fmly></Domn><Prtry><Cd>Z1</Cd></Prtry></BkTxCd>"
    )
    raw = statement(entry("3.05", more=f"{dates}{code}<NtryDtls>{detail(more=inside)}</NtryDtls>"), closing="13.05")
    frame, rejects, closing = read("camt053", raw.encode())
    assert not rejects
    assert closing.refused is None
    assert closing.notes == ()
    assert closing.clearing_date == date(2026, 5, 7)
    row = frame.row(0, named=True)
    start, end = row.pop("byte_start"), row.pop("byte_end")
    found = raw.encode()[start:end].decode()
    assert found.startswith("<Ntry>")
    assert found.endswith("</Ntry>")
    assert row == {
        "statement": "S1",
        "account": "0003220001",
        "currency": "CNY",
        "opening_fen": 1000,
        "closing_fen": 1305,
        "line": 1,
        "booking_date": date(2026, 5, 7),
        "value_date": date(2026, 5, 8),
        "amount_fen": 305,
        "reversal": False,
        "reference": "R2",
        "end_to_end_id": "SZ-2026-000001/1",
        "counterparty_name": "甲公司",
        "counterparty_account": "0012",
        "remittance": "结算 款",
        "bank_code": "PMNT-RCDT-DMCT",
        "file": "f",
        "record": 1,
    }


def test_a_batch_entry_is_one_line_per_detail() -> None:
    details = detail("1.00") + detail("4.00") + detail("2.00", "CRDT")
    raw = statement(entry("3.00", "DBIT", f"<NtryDtls>{details}</NtryDtls>"), closing="7.00")
    frame, rejects, closing = read("camt053", raw.encode())
    assert not rejects
    assert frame["amount_fen"].to_list() == [-100, -400, 200]
    assert frame["line"].to_list() == [1, 2, 3]
    assert frame["record"].to_list() == [1, 1, 1]
    assert closing.notes == ()
    assert closing.total_fen == 300


def test_details_that_state_the_original_direction_keep_the_bookings() -> None:
    details = detail("1.00", "CRDT") + detail("2.00", "CRDT")
    frame, rejects, _ = read("camt053", statement(entry("3.00", "DBIT", f"<NtryDtls>{details}</NtryDtls>")).encode())
    assert not rejects
    assert frame["amount_fen"].to_list() == [-100, -200]


@pytest.mark.parametrize(
    ("details", "code"),
    [
        (detail("1.00") + detail("1.99"), "DETAILS_MISMATCH"),
        (detail() + detail("3.00"), "DETAILS_WITHOUT_AMOUNT"),
        (detail("1.00", currency="USD") + detail("3.00"), "DETAILS_WITHOUT_AMOUNT"),
        (detail("1.00") + detail("2.O0"), "BAD_AMOUNT"),
        (detail("1.00", "CR") + detail("2.00"), "BAD_SIGN"),
    ],
)
def test_details_must_sum_to_the_entry(details: str, code: str) -> None:
    raw = statement(entry("3.00", more=f"<NtryDtls>{details}</NtryDtls>"), closing="13.00").encode()
    frame, rejects, closing = read("camt053", raw)
    assert [r.code for r in rejects] == [code]
    assert frame["line"].to_list() == [None]
    assert out_of_balance(closing.notes)
    if code != "BAD_SIGN":
        whole, none, settled = read("camt053", raw, details="entry")
        assert not none
        assert whole["amount_fen"].to_list() == [300]
        assert settled.notes == ()


@pytest.mark.parametrize(
    "details", [detail() + detail(), detail("1.00", currency="USD") + detail("2.00", currency="USD")]
)
def test_an_entry_that_no_detail_divides_is_one_line_and_told(details: str) -> None:
    raw = statement(entry("3.00", "DBIT", f"<NtryDtls>{details}</NtryDtls>"), closing="7.00").encode()
    frame, rejects, closing = read("camt053", raw)
    assert not rejects
    assert frame["amount_fen"].to_list() == [-300]
    assert closing.notes == (
        "DETAILS_WITHOUT_AMOUNT: statement S1: entries whose details have no amount in CNY, one line each: 1",
    )
    assert read("camt053", raw, details="entry")[2].notes == ()


def test_a_reversal_is_not_flipped_and_keeps_its_parties() -> None:
    parties = "<RltdPties><Dbtr><Nm>us</Nm></Dbtr><Cdtr><Nm>payee</Nm></Cdtr></RltdPties>"
    returned = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>账户/已销</AddtlInf></RtrInf>"
    more = "<RmtInf><Ustrd>补贴</Ustrd></RmtInf>"
    inside = detail(more=f"<Refs><EndToEndId>E1</EndToEndId></Refs>{parties}{more}{returned}")
    raw = statement(
        '<Ntry><Amt Ccy="CNY">5</Amt><CdtDbtInd>CRDT</CdtDbtInd><RvslInd>true</RvslInd>'
        f"<Sts>BOOK</Sts><NtryDtls>{inside}</NtryDtls></Ntry>",
        closing="15.00",
    )
    row = read("camt053", raw.encode())[0].row(0, named=True)
    assert row["amount_fen"] == 500
    assert row["reversal"] is True
    assert row["counterparty_name"] == "payee"
    assert row["remittance"] == "/RTRN/AC04 账户 已销/ 补贴"


@pytest.mark.parametrize("written", ["NOTPROVIDED", "NONREF"])
def test_an_end_to_end_id_that_was_not_provided_is_none(written: str) -> None:
    inside = detail(more=f"<Refs><EndToEndId>{written}</EndToEndId></Refs>")
    raw = statement(entry("3.05", more=f"<NtryDtls>{inside}</NtryDtls>"), closing="13.05").encode()
    assert read("camt053", raw)[0]["end_to_end_id"].to_list() == [None]


@pytest.mark.parametrize("time", ["", "T10:05", "T10:05+08:00", "T10:05:06.1234567Z"])
def test_of_a_day_with_a_time_only_the_day_counts(time: str) -> None:
    dates = f"<BookgDt><DtTm>2026-05-07{time}</DtTm></BookgDt>"
    frame, rejects, closing = read("camt053", statement(entry("3.05", more=dates), closing="13.05").encode())
    assert (rejects, closing.notes) == ([], ())
    assert frame["booking_date"].to_list() == [date(2026, 5, 7)]


def test_only_booked_entries_count() -> None:
    raw = statement(
        entry("1", status="<Sts><Cd>PDNG</Cd></Sts>"),
        entry("1", status="<Sts>INFO</Sts>"),
        entry("1", status="<Sts>FUTR</Sts>"),
        entry("1", status="<Sts>HELD</Sts>"),
        entry("1", status=""),
    )
    frame, rejects, closing = read("camt053", raw.encode())
    assert (closing.accepted, closing.skipped, closing.rejected) == (0, 3, 2)
    assert [r.code for r in rejects] == ["UNKNOWN_STATUS", "UNKNOWN_STATUS"]
    assert [r.message.split(";")[0] for r in rejects] == [
        "the entry has another status than BOOK, PDNG, INFO or FUTR",
        "the entry has no status",
    ]
    assert closing.notes == ("NOT_BOOKED: FUTR 1, INFO 1, PDNG 1",)
    assert frame["line"].to_list() == [None]
    assert frame["opening_fen"].to_list() == [1000]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (entry("12..34"), "BAD_AMOUNT"),
        (entry("1.001"), "BAD_AMOUNT"),
        (entry("-1"), "BAD_AMOUNT"),
        (entry("１２"), "BAD_AMOUNT"),
        (entry("1e3"), "BAD_AMOUNT"),
        (entry("1", currency="cny"), "BAD_CURRENCY"),
        (entry("1", currency="USD"), "OTHER_CURRENCY"),
        (entry("1", "CREDIT"), "BAD_SIGN"),
        (entry("1", more="<RvslInd>maybe</RvslInd>"), "BAD_REVERSAL"),
        (entry("1", more="<BookgDt><Dt>2026-02-30</Dt></BookgDt>"), "BAD_DATE"),
        (entry("1", more="<ValDt><Dt>20260507</Dt></ValDt>"), "BAD_DATE"),
        ("<Ntry/>", "NO_AMOUNT"),
    ],
)
def test_an_entry_that_cannot_be_read_is_a_reject_and_the_file_goes_on(bad: str, code: str) -> None:
    raw = statement(bad, entry("1.00"), closing="11.00")
    frame, rejects, closing = read("camt053", raw.encode())
    assert [(r.record, r.code) for r in rejects] == [(1, code)]
    assert rejects[0].byte == raw.encode().index(b"<Ntry")
    assert frame["amount_fen"].to_list() == [100]
    assert closing.refused is None


def test_zeros_beyond_the_minor_unit_are_accepted_and_currencies_have_their_own() -> None:
    assert read("camt053", statement(entry("1.0500")).encode())[0]["amount_fen"].to_list() == [105]
    yen = statement(entry("105", currency="JPY"), opening="", closing="").replace("<Ccy>CNY</Ccy>", "")
    assert read("camt053", yen.encode())[0]["amount_fen"].to_list() == [105]
    dinar = yen.replace("JPY", "KWD").replace(">105<", ">1.055<")
    assert read("camt053", dinar.encode())[0]["amount_fen"].to_list() == [1055]


def test_a_difference_is_named_and_the_lines_are_given() -> None:
    raw = statement(entry("3.00"), closing="12.00").replace("<Stmt>", "\n<Stmt>").encode()
    frame, _, closing = read("camt053", raw)
    assert frame.height == 1
    assert closing.refused is None
    place = f"(line 2, first entry at byte {raw.index(b'<Ntry>')})"
    said = "opening 10.00 + lines 3.00 is not closing 12.00 CNY; difference 1.00"
    assert closing.notes == (f"BALANCE_DIFFERENCE: statement S1 {place}: {said}",)
    assert out_of_balance(closing.notes) == list(closing.notes)


def test_a_statement_that_is_named_by_a_card_number_is_told_masked() -> None:
    named = statement(entry("3"), closing="").replace("<Id>S1</Id>", "<Id>6217000000000000011</Id>", 1)
    _, _, closing = read("camt053", named.encode())
    (note,) = closing.notes
    assert note.startswith("BALANCE_MISSING: statement 621700*********0011 (line 1, first entry at byte ")
    assert note.endswith(") has no closing balance")


def test_an_account_in_no_currency_refuses_the_file() -> None:
    wrong = statement(entry("3"), closing="13.00").replace("<Ccy>CNY</Ccy>", "<Ccy>6217000000000000011</Ccy>", 1)
    frame, _, closing = read("camt053", wrong.encode())
    assert closing.refused is not None
    assert (closing.refused.code, frame.height) == ("BAD_CURRENCY", 0)
    assert "6217" not in closing.refused.message


def test_a_missing_balance_and_one_in_another_currency_are_named() -> None:
    closing = read("camt053", statement(entry("3"), closing="").encode())[2]
    (note,) = unproven(closing.notes)
    assert note.endswith(" has no closing balance")
    mixed = statement(entry("3"), closing="").replace("</Bal>", "</Bal>" + balance("CLBD", "13", currency="SEK"), 1)
    assert out_of_balance(read("camt053", mixed.encode())[2].notes) == [
        "BALANCE_CURRENCY: statement S1 is in CNY, its closing balance in SEK"
    ]


@pytest.mark.parametrize(("first", "second"), [("OPBD", "ITBD"), ("ITBD", "ITBD"), ("ITBD", "CLBD"), ("PRCD", "ITBD")])
def test_a_page_of_a_statement_opens_or_closes_with_an_interim_balance(first: str, second: str) -> None:
    balances = balance(first, "10.00") + balance(second, "13.05")
    _, _, closing = read("camt053", statement(entry("3.05"), opening="", closing="", summary=balances).encode())
    assert (closing.refused, closing.notes) == (None, ())


def test_pages_of_one_id_in_a_file_are_statements_of_their_own() -> None:
    first = statement(entry("3.05"), closing="13.05")
    second = statement(entry("1"), opening="13.05", closing="14.05").partition("<Stmt>")[2].partition("</Stmt>")[0]
    frame, _, closing = read("camt053", first.replace("</Stmt>", f"</Stmt><Stmt>{second}</Stmt>").encode())
    assert (closing.refused, closing.notes) == (None, ())
    assert frame.select("statement", "line", "opening_fen").rows() == [("S1", 1, 1000), ("S1#2", 1, 1305)]


def test_an_interim_balance_alone_proves_nothing() -> None:
    raw = statement(entry("3.05"), opening="", closing="", summary=balance("ITBD", "13.05"))
    (note,) = unproven(read("camt053", raw.encode())[2].notes)
    assert note.endswith(" has no opening balance")


def test_of_a_balance_per_day_the_first_opens_and_the_last_closes() -> None:
    days = [("OPBD", "12.00", "08"), ("CLBD", "13.05", "08"), ("OPBD", "10.00", "07"), ("CLBD", "12.00", "07")]
    balances = "".join(balance(code, size).replace("2026-05-07", f"2026-05-{day}") for code, size, day in days)
    _, _, closing = read("camt053", statement(entry("3.05"), opening="", closing="", summary=balances).encode())
    assert (closing.notes, closing.clearing_date) == ((), date(2026, 5, 8))


def test_of_balances_in_two_currencies_the_accounts_own_is_taken() -> None:
    balances = "".join(balance(c, a, currency=m) for c, a, m in (("OPBD", "1", "USD"), ("OPBD", "10", "CNY")))
    raw = statement(entry("3.05"), opening="", closing="13.05").replace("<Bal>", balances + "<Bal>", 1)
    assert read("camt053", raw.encode())[2].notes == ()


def test_an_amount_that_a_detail_leaves_empty_is_the_entrys() -> None:
    inside = '<TxDtls><Amt Ccy="CNY"/><AmtDtls><TxAmt><Amt Ccy="CNY"/></TxAmt></AmtDtls></TxDtls>'
    frame, rejects, _ = read(
        "camt053", statement(entry("3.05", more=f"<NtryDtls>{inside}</NtryDtls>"), closing="13.05").encode()
    )
    assert (rejects, frame["amount_fen"].to_list()) == ([], [305])


def test_prcd_opens_where_there_is_no_opbd() -> None:
    raw = statement(entry("3"), closing="13").replace("OPBD", "PRCD")
    assert read("camt053", raw.encode())[2].notes == ()


@pytest.mark.parametrize(
    ("summary", "code"),
    [
        ("<NbOfNtries>2</NbOfNtries><Sum>5.00</Sum>", None),
        ("<NbOfNtries>3</NbOfNtries>", "COUNT_MISMATCH"),
        ("<Sum>5.01</Sum>", "TOTAL_MISMATCH"),
        ("<Sum>5,00</Sum>", "BAD_TOTAL"),
    ],
)
def test_declared_totals_are_compared(summary: str, code: str | None) -> None:
    declared = f"<TxsSummry><TtlNtries>{summary}</TtlNtries></TxsSummry>"
    raw = statement(entry("4"), entry("1", "DBIT"), closing="13", summary=declared).encode()
    refused = read("camt053", raw)[2].refused
    assert (refused.code if refused else None) == code


def test_an_unreadable_amount_under_a_declared_total_refuses_the_file() -> None:
    declared = "<TxsSummry><TtlNtries><NbOfNtries>1</NbOfNtries><Sum>5</Sum></TtlNtries></TxsSummry>"
    assert refusal("camt053", statement(entry("x"), summary=declared).encode()) == "TOTAL_UNPROVEN"


def test_names_without_namespace_and_with_a_prefix() -> None:
    plain = statement(entry("3"), closing="13", space="")
    frame = read("camt053", plain.encode())[0]
    assert frame["amount_fen"].to_list() == [300]
    prefixed = plain.replace("<", "<n:").replace("<n:/", "</n:").replace("<n:?", "<?")
    prefixed = prefixed.replace("<n:Document", '<n:Document xmlns:n="urn:iso:std:iso:20022:tech:xsd:camt.053.001.12"')
    raw = prefixed.encode()
    row = read("camt053", raw)[0].row(0, named=True)
    assert row["amount_fen"] == 300
    assert raw[row["byte_start"] : row["byte_end"]].startswith(b"<n:Ntry>")
    assert raw[row["byte_start"] : row["byte_end"]].endswith(b"</n:Ntry>")


@pytest.mark.parametrize("version", ["02", "12", "13", "14"])
def test_every_version_whose_parts_are_the_same_is_read(version: str) -> None:
    """What came with .13 and .14 (RtrId, RltdCorpActn, UndrlygAllcn, InstrCpy) says nothing that is read here."""
    refs = "<Refs><EndToEndId>E1</EndToEndId><RtrId>X</RtrId></Refs>"
    new = "<UndrlygAllcn><Amt Ccy='CNY'>1.00</Amt></UndrlygAllcn><InstrCpy>&lt;Ntry&gt;</InstrCpy>"
    raw = statement(
        entry("3.05", more=f"<NtryDtls>{detail('3.05', more=refs + new)}</NtryDtls>"),
        closing="13.05",
        space=SPACE.replace(".08", f".{version}"),
    )
    frame, rejects, closing = read("camt053", raw.encode())
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame.select("amount_fen", "end_to_end_id").rows() == [(305, "E1")]


def test_comments_and_cdata_do_not_move_the_byte_range() -> None:
    noise = "<!-- <Ntry> 注 </Ntry> --><?x <Ntry> ?>"
    inside = f"<NtryDtls>{detail(more='<RmtInf><Ustrd><![CDATA[<Ntry></Ntry>]]></Ustrd></RmtInf>')}</NtryDtls>"
    raw = statement(noise, entry("1", more=inside), noise, entry("2"), closing="13").encode()
    frame = read("camt053", raw)[0]
    assert frame["remittance"].to_list() == ["<Ntry></Ntry>", None]
    assert raw[frame["byte_start"][1] : frame["byte_end"][1]].decode() == entry("2")


def test_gb18030_is_read_where_the_file_declares_it() -> None:
    raw = statement(entry("1", more="<AddtlNtryInf>𠮷祥</AddtlNtryInf>"), closing="11")
    for name in ("GB18030", "gbk", "CP936", "EUC-CN"):
        data = raw.replace("UTF-8", name).encode("gb18030")
        frame = read("camt053", data)[0]
        assert frame["remittance"].to_list() == ["𠮷祥"]
        assert data[frame["byte_start"][0] : frame["byte_end"][0]].endswith(b"</Ntry>")


@pytest.mark.parametrize(
    "space",
    [
        "ISO:camt.053.001.02:APC:STUZZA:payments:003",
        "http://bank.example/de/camt.053.001.04.ch.02.xsd",
        "urn:swift:xsd:$camt.053.001.02",
    ],
)
def test_a_national_namespace_keeps_the_version(space: str) -> None:
    frame, _, closing = read("camt053", statement(entry("3.05"), closing="13.05", space=f' xmlns="{space}"').encode())
    assert (closing.refused, frame["amount_fen"].to_list()) == (None, [305])


def test_a_business_header_and_an_envelope_around_the_document() -> None:
    inside = statement(entry("3.05"), closing="13.05").split("?>", 1)[1]
    header = '<h:AppHdr xmlns:h="urn:iso:std:iso:20022:tech:xsd:head.001.001.01"><h:BizSvc>x</h:BizSvc></h:AppHdr>'
    frame, _, closing = read("camt053", f'<BizMsgEnvlp xmlns="urn:e">{header}{inside}</BizMsgEnvlp>'.encode())
    assert (closing.refused, frame["amount_fen"].to_list()) == (None, [305])


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("ISO-8859-15", "é€"), ("windows-1252", "é€"), ("ISO-8859-2", "ł"), ("windows-1250", "ł"), ("ISO-8859-1", "é")],
)
def test_an_encoding_of_one_byte_is_read_as_declared(encoding: str, text: str) -> None:
    raw = statement(entry("3.05", more=f"<AddtlNtryInf>{text}</AddtlNtryInf>"), closing="13.05")
    frame, _, closing = read("camt053", raw.replace("UTF-8", encoding).encode(encoding))
    assert (closing.refused, frame["remittance"].to_list()) == (None, [text])


@pytest.mark.parametrize("packed", [b"PK\x03\x04rest", b"\x1f\x8b\x08rest"])
def test_a_packed_file_is_named_as_such(packed: bytes) -> None:
    refused = read("camt053", packed)[2].refused
    assert refused is not None
    assert (refused.code, "unpack it" in refused.message) == ("NOT_XML", True)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "EMPTY_FILE"),
        (b"hello", "NOT_XML"),
        (b"<a>", "NOT_XML"),
        (statement().encode("utf-16"), "BAD_ENCODING"),
        (statement().replace("UTF-8", "EBCDIC-CP-US").encode(), "BAD_ENCODING"),
        (statement(entry("1", more="<AddtlNtryInf>中</AddtlNtryInf>")).encode("gb18030"), "BAD_ENCODING"),
        (
            statement(space=SPACE.replace("053", "052")).replace("BkToCstmrStmt", "BkToCstmrAcctRpt").encode(),
            "WRONG_MESSAGE",
        ),
        (statement(space=SPACE.replace(".08", ".15")).encode(), "BAD_VERSION"),
        (statement(space=SPACE.replace(".08", ".01")).encode(), "BAD_VERSION"),
        (statement(space=' xmlns="urn:other"').encode(), "BAD_VERSION"),
        (b"<Document><Other><GrpHdr/></Other></Document>", "NOT_CAMT"),
        (b"<Document/>", "NOT_CAMT"),
        (b"<Document><BkToCstmrStmt><GrpHdr/></BkToCstmrStmt></Document>", "NO_STATEMENT"),
        (statement().replace("<Id>S1</Id>", "").encode(), "NO_ACCOUNT"),
        (statement().replace("<Amt", "<Amount", 1).replace("</Amt", "</Amount", 1).encode(), "BAD_BALANCE"),
        (statement(opening="1.2.3").encode(), "BAD_BALANCE"),
        (statement(entry("1") + balance("CLBD", "1")).encode(), "LATE_BALANCE"),
        (b"<Document><Ntry/></Document>", "NOT_CAMT"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Document>&b;</Document>', "DOCTYPE"),
        (b'<?xml version="1.0"?>\n<!-- x --><!DOCTYPE Document SYSTEM "file:///etc/passwd"><Document/>', "DOCTYPE"),
        (b"<Document>&undefined;</Document>", "NOT_XML"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(raw: bytes, code: str) -> None:
    assert refusal("camt053", raw) == code


@pytest.mark.parametrize(
    ("raw", "code", "said"),
    [
        (
            statement(entry("1")) * 2,
            "AFTER_END",
            "an XML declaration that is not at the file's beginning (line 1); send each document as a file of its own",
        ),
        (statement(entry("1")) + "\x1a", "AFTER_END", "something stands behind the end of the XML document"),
        ("\r\n" + statement(entry("1")), "NOT_XML", "blanks or an empty line before the XML declaration"),
        (statement(entry("1", more="<AddtlNtryInf>Zürich</AddtlNtryInf>")), "BAD_ENCODING", "bytes that are not UTF-8"),
    ],
)
def test_xml_that_is_whole_is_not_asked_for_whole_again(raw: str, code: str, said: str) -> None:
    refused = read("camt053", raw.encode("latin-1"))[2].refused
    assert refused is not None
    assert refused.code == code
    assert refused.message.startswith(said)
    assert "whole file" not in refused.message


def test_a_style_sheet_is_no_declaration() -> None:
    """It may stand behind blanks, as comments may."""
    body = statement(entry("1")).partition("?>")[2].lstrip()
    raw = '\n<?xml-stylesheet href="a.xsl"?>\n' + body
    assert (read("camt053", raw.encode())[2].refused, read("camt053", body.encode())[2].refused) == (None, None)


def test_a_notification_has_no_balances_and_needs_none() -> None:
    raw = statement(entry("3"), opening="", closing="", space=SPACE.replace("053", "054"))
    raw = raw.replace("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn").replace("Stmt>", "Ntfctn>")
    raw = raw.replace("BkToCstmrDbtCdtNtfctn>", "BkToCstmrDbtCdtNtfctn>")
    frame, _, closing = read("camt054", raw.encode())
    assert frame["amount_fen"].to_list() == [300]
    assert closing.notes == ()
    assert refusal("camt053", raw.encode()) == "WRONG_MESSAGE"


def test_no_card_number_leaves_the_reader() -> None:
    card = "6222020000000000007"
    party = f"<RltdPties><Dbtr><Nm>甲</Nm></Dbtr><DbtrAcct><Id><Othr><Id>{card}</Id></Othr></Id></DbtrAcct></RltdPties>"
    inside = detail(more=f"{party}<RmtInf><Ustrd>代发{card}退</Ustrd></RmtInf>")
    frame = read("camt053", statement(entry("1", more=f"<NtryDtls>{inside}</NtryDtls>")).encode())[0]
    assert frame["counterparty_account"].to_list() == ["622202*********0007"]
    assert frame["remittance"].to_list() == ["代发622202*********0007退"]


def test_a_sum_beyond_int64_is_refused_and_not_wrapped() -> None:
    most = "92233720368547758.07"
    assert refusal("camt053", statement(entry(most), entry(most)).encode()) == "TOTAL_TOO_LARGE"
