"""camt: what a bank declares of its entries and batches is compared with them; charges, texts and decimals."""

from __future__ import annotations

import pytest
from accounts_support import read, refusal
from test_camt import SPACE, detail, entry, statement

Outcome = str | None


def outcome(raw: str, name: str = "camt053") -> Outcome:
    refused = read(name, raw.encode())[2].refused
    return refused.code if refused else None


def declared(inside: str) -> str:
    return statement(entry("4"), entry("1", "DBIT"), closing="13", summary=f"<TxsSummry>{inside}</TxsSummry>")


def total(name: str, count: str = "", size: str = "", more: str = "") -> str:
    number = f"<NbOfNtries>{count}</NbOfNtries>" if count else ""
    return f"<{name}>{number}{f'<Sum>{size}</Sum>' if size else ''}{more}</{name}>"


def net(size: str, sign: str = "", *, old: bool = False) -> str:
    direction = f"<CdtDbtInd>{sign}</CdtDbtInd>" if sign else ""
    if old:
        return f"<TtlNetNtryAmt>{size}</TtlNetNtryAmt>{direction}"
    return f"<TtlNetNtry><Amt>{size}</Amt>{direction}</TtlNetNtry>"


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        (total("TtlCdtNtries", "1", "4.00") + total("TtlDbtNtries", "1", "1"), None),
        (total("TtlCdtNtries", "2"), "COUNT_MISMATCH"),
        (total("TtlDbtNtries", "0"), "COUNT_MISMATCH"),
        (total("TtlCdtNtries", "1", "4.01"), "TOTAL_MISMATCH"),
        (total("TtlDbtNtries", "", "4.00"), "TOTAL_MISMATCH"),
        (total("TtlDbtNtries", "", "4,00"), "BAD_TOTAL"),
        (total("TtlNtries", "2", "5", net("3", "CRDT")), None),
        (total("TtlNtries", "2", "5", net("3", "CRDT", old=True)), None),
        (total("TtlNtries", "2", "5", net("3")), None),
        (total("TtlNtries", "2", "5", net("3", "DBIT")), "TOTAL_MISMATCH"),
        (total("TtlNtries", "2", "5", net("3", "DBIT", old=True)), "TOTAL_MISMATCH"),
        (total("TtlNtries", "2", "", net("5", "CRDT")), "TOTAL_MISMATCH"),
        (total("TtlNtries", "", "", net("x", "CRDT")), "BAD_TOTAL"),
        (total("TtlNtries", "2", "3", net("3", "CRDT")), None),  # Wise: the Sum is the net
        (total("TtlNtries", "2", "-3"), None),
        (total("TtlNtries", "2", "3.01"), "TOTAL_MISMATCH"),
        (total("TtlDbtNtries", "1", "-1"), None),  # Wise, 2024: below zero
        (total("TtlDbtNtries", "1", "-2"), "TOTAL_MISMATCH"),
        (total("TtlCdtNtries", "1", "3"), "TOTAL_MISMATCH"),
        (total("TtlNtries", "2", "3", net("-3", "DBIT")), "TOTAL_MISMATCH"),
        (total("TtlNtries", "2", "--3"), "BAD_TOTAL"),
    ],
)
def test_the_totals_of_each_direction_and_the_net_are_compared(inside: str, code: Outcome) -> None:
    assert outcome(declared(inside)) == code


def test_a_net_below_zero_has_its_sign_or_its_direction() -> None:
    for size, sign in (("-3", "DBIT"), ("3", "DBIT"), ("-3", ""), ("3", "")):
        summary = f"<TxsSummry>{total('TtlNtries', '2', '-3', net(size, sign))}</TxsSummry>"
        assert outcome(statement(entry("1"), entry("4", "DBIT"), closing="7", summary=summary)) is None
    summary = f"<TxsSummry>{total('TtlNtries', '2', '-3', net('3', 'CRDT'))}</TxsSummry>"
    assert outcome(statement(entry("1"), entry("4", "DBIT"), closing="7", summary=summary)) == "TOTAL_MISMATCH"


def test_what_is_declared_is_told_with_its_direction() -> None:
    raw = declared(total("TtlCdtNtries", "2")).replace("<TxsSummry>", "\n<TxsSummry>").encode()
    refused = read("camt053", raw)[2].refused
    assert refused is not None
    assert refused.message == "statement S1, line 2, declares 2 credit entries and has 1; send the whole file again"
    assert raw[refused.byte :].startswith(b"<Ntry>"), "its first entry"


@pytest.mark.parametrize("count", ["1", "2"])
def test_banks_declare_all_entries_or_those_that_are_booked(count: str) -> None:
    waiting = entry("4", status="<Sts><Cd>PDNG</Cd></Sts>")
    size = str(4 * int(count))
    for name, more in (("TtlNtries", net(size, "CRDT")), ("TtlCdtNtries", "")):
        summary = f"<TxsSummry>{total(name, count, size, more)}</TxsSummry>"
        assert outcome(statement(entry("4"), waiting, closing="14", summary=summary)) is None


def test_a_rejected_entry_is_declared_too() -> None:
    summary = f"<TxsSummry>{total('TtlNtries', '2', '5')}</TxsSummry>"
    held = entry("1", status="<Sts><Cd>HELD</Cd></Sts>")
    assert outcome(statement(entry("4"), held, closing="14", summary=summary)) is None
    unread = f"<TxsSummry>{total('TtlDbtNtries', '1', '1')}</TxsSummry>"
    assert outcome(statement(entry("x", "DBIT"), summary=unread)) == "TOTAL_UNPROVEN"
    assert outcome(statement(entry("x"), entry("1", "DBIT"), summary=unread)) is None


def test_a_total_is_in_the_currency_that_the_first_entry_tells() -> None:
    summary = f"<TxsSummry>{total('TtlNtries', '1', '105')}</TxsSummry>"
    yen = statement(entry("105", currency="JPY"), opening="", closing="", summary=summary)
    assert outcome(yen.replace("<Ccy>CNY</Ccy>", "")) is None


def pages(name: str, number: str, last: str) -> str:
    return f"<{name}><PgNb>{number}</PgNb><LastPgInd>{last}</LastPgInd></{name}>"


@pytest.mark.parametrize(
    ("number", "last", "page"),
    [
        ("1", "true", False),
        ("1", "1", False),
        ("00001", "true", False),
        ("1", "YES", False),
        ("1", "false", True),
        ("1", "0", True),
        ("2", "true", True),
        ("00002", "1", True),
        ("10", "true", True),
    ],
)
def test_only_a_page_need_not_hold_what_is_declared(number: str, last: str, page: bool) -> None:
    raw = declared(total("TtlNtries", "3", "7.00") + total("TtlCdtNtries", "2"))
    code = None if page else "COUNT_MISMATCH"
    assert outcome(raw.replace("<Id>S1</Id>", "<Id>S1</Id>" + pages("StmtPgntn", number, last))) == code
    older = raw.replace("</CreDtTm></GrpHdr>", "</CreDtTm>" + pages("MsgPgntn", number, last) + "</GrpHdr>")
    assert outcome(older.replace(".08", ".02")) == code


def batch(number: str = "", size: str = "", currency: str = "CNY") -> str:
    count = f"<NbOfTxs>{number}</NbOfTxs>" if number else ""
    money = f'<TtlAmt Ccy="{currency}">{size}</TtlAmt>' if size else ""
    return f"<Btch>{count}{money}</Btch>"


PAIR = detail("1.00") + detail("2.00")


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        (f"<NtryDtls>{batch('2', '3.00')}{PAIR}</NtryDtls>", None),
        (f"<NtryDtls>{batch('02')}{PAIR}</NtryDtls>", None),
        (f"<NtryDtls>{batch('3')}{PAIR}</NtryDtls>", "COUNT_MISMATCH"),
        (f"<NtryDtls>{batch('3')}{detail('3.00')}</NtryDtls>", None),  # one detail is the batch, not broken down
        (f"<NtryDtls>{batch('3')}{detail()}</NtryDtls>", None),
        (f"<NtryDtls>{batch('3')}{detail('1.00')}</NtryDtls>", "COUNT_MISMATCH"),  # one of three
        (f"<NtryDtls>{batch('3')}{detail()}{detail()}</NtryDtls>", "COUNT_MISMATCH"),
        (f"<NtryDtls>{batch('2', '4.00')}{PAIR}</NtryDtls>", "TOTAL_MISMATCH"),
        (f"<NtryDtls>{batch('2', '4.00', 'USD')}{PAIR}</NtryDtls>", None),
        (f"<NtryDtls>{batch('2', 'x')}{PAIR}</NtryDtls>", "BAD_AMOUNT"),
        (f"<NtryDtls>{batch('20', '4.00')}</NtryDtls>", None),  # the bank keeps its details back
        (f"<NtryDtls>{batch('1', '4.00')}{detail('4.00')}</NtryDtls>", None),  # charges: DETAIL_DIFFERS
        (f"<NtryDtls>{batch('1', '1.00')}{detail('1.00')}</NtryDtls><NtryDtls>{detail('2.00')}</NtryDtls>", None),
        (f"<NtryDtls>{detail('1.00')}</NtryDtls><NtryDtls>{batch('1', '2.00')}{detail('2.00')}</NtryDtls>", None),
        (
            "".join(f"<NtryDtls>{batch('1', b)}{detail(d)}</NtryDtls>" for b, d in (("1", "1"), ("2.01", "2"))),
            "TOTAL_MISMATCH",
        ),
    ],
)
def test_what_a_batch_declares_is_compared_with_its_details(inside: str, code: Outcome) -> None:
    raw = statement(entry("3.00", more=inside), closing="13.00")
    _, rejects, _ = read("camt053", raw.encode())
    assert [reject.code for reject in rejects] == ([code] if code else [])
    whole, none, _ = read("camt053", raw.encode(), details="entry")
    assert (none, whole["amount_fen"].to_list()) == ([], [300])
    page = raw.replace("<Id>S1</Id>", "<Id>S1</Id>" + pages("StmtPgntn", "2", "true"))
    assert not read("camt053", page.encode())[1]


def test_a_single_detail_of_another_amount_divides_nothing_and_is_told() -> None:
    payments = [
        detail(amount, more=f"<Refs><EndToEndId>E{amount}</EndToEndId></Refs>") for amount in ("1500", "1000.00")
    ]
    raw = statement(
        entry("1526.00", "DBIT", f"<NtryDtls>{payments[0]}</NtryDtls>"),
        entry("995.00", "CRDT", f"<NtryDtls>{payments[1]}</NtryDtls>"),
        entry("1.00", "CRDT", f"<NtryDtls>{detail('1.00')}</NtryDtls>"),
        entry("1.00", "CRDT", f"<NtryDtls>{detail('2.00', currency='USD')}</NtryDtls>"),
        opening="1000.00",
        closing="471.00",
    )
    frame, rejects, closing = read("camt053", raw.encode())
    assert not rejects
    assert frame.select("amount_fen", "end_to_end_id").rows()[:2] == [(-152600, "E1500"), (99500, "E1000.00")]
    (note,) = closing.notes
    said, _, first = note.partition("; ")
    assert said == "DETAIL_DIFFERS: statement S1: entries whose one detail has another amount, one line each: 2"
    assert first == "the first is entry 1: detail 1500.00, entry 1526.00, difference 26.00 CNY"
    assert read("camt053", raw.encode(), details="entry")[2].notes == ()


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<Strd><RfrdDocInf><Tp><CdOrPrtry><Cd>CINV</Cd></CdOrPrtry></Tp><Nb>2178</Nb></RfrdDocInf></Strd>", "2178"),
        ("<Strd><CdtrRefInf><Ref>RF18</Ref></CdtrRefInf></Strd>", "RF18"),
        ("<Ustrd>text</Ustrd><Strd><CdtrRefInf><Ref>RF18</Ref></CdtrRefInf></Strd>", "text RF18"),
        (
            "<Strd><RfrdDocInf><Nb>1</Nb></RfrdDocInf><RfrdDocInf><Nb>2</Nb></RfrdDocInf></Strd><Ustrd>text</Ustrd>",
            "text 1 2",
        ),
    ],
)
def test_what_names_the_invoice_is_in_the_text(inside: str, said: str) -> None:
    more = f"<NtryDtls>{detail(more=f'<RmtInf>{inside}</RmtInf>')}</NtryDtls>"
    assert read("camt053", statement(entry("1", more=more)).encode())[0]["remittance"].to_list() == [said]


@pytest.mark.parametrize(("text", "fen"), [(".50", 50), ("5.", 500), ("+5.00", 500), ("+.5", 50), ("0005.00", 500)])
def test_decimals_as_the_schema_allows_them(text: str, fen: int) -> None:
    closing = f"{10 + fen / 100:.2f}"
    summary = f"<TxsSummry>{total('TtlNtries', '1', text)}</TxsSummry>"
    frame, rejects, told = read("camt053", statement(entry(text), closing=closing, summary=summary).encode())
    assert (rejects, told.refused, told.notes) == ([], None, ())
    assert frame["amount_fen"].to_list() == [fen]
    assert read("camt053", statement(opening=text, closing=text).encode())[2].notes == ()


@pytest.mark.parametrize(
    "text", [".", "+", "", "+.", "-5.00", "++5", "5..", "5,00", "1e3", "５", "5.001", "0x5", "1_0"]
)
def test_other_amounts_stay_refused(text: str) -> None:
    assert [reject.code for reject in read("camt053", statement(entry(text)).encode())[1]] == ["BAD_AMOUNT"]
    assert refusal("camt053", statement(opening=text or "x").encode()) == "BAD_BALANCE"


@pytest.mark.parametrize(
    ("part", "without", "lacks"),
    [
        ("<CdtDbtInd>CRDT</CdtDbtInd>", "", "direction (CdtDbtInd is CRDT or DBIT)"),
        (' Ccy="CNY"', "", "currency (Ccy is three capital letters)"),
        ('Ccy="CNY"', 'Ccy="cny"', "currency (Ccy is three capital letters)"),
        ("Amt", "Amount", "amount"),
    ],
)
def test_a_balance_says_what_it_lacks(part: str, without: str, lacks: str) -> None:
    head, balance, rest = statement().partition("</Bal>")
    refused = read("camt053", (head.replace(part, without) + balance + rest).encode())[2].refused
    assert refused is not None
    assert refused.message.endswith(f" has no {lacks}; ask the bank")


def test_a_note_names_the_balances_that_are_not_the_booked_ones() -> None:
    raw = statement().replace("<Cd>OPBD</Cd>", "<Cd>OPAV</Cd>").replace("<Cd>CLBD</Cd>", "<Prtry>015</Prtry>")
    (note,) = read("camt053", raw.encode())[2].notes
    assert note.startswith("BALANCE_MISSING")
    assert note.endswith("no opening and no closing balance; there is 015, OPAV: ask the bank for OPBD and CLBD")
    (note,) = read("camt053", raw.replace("015", f"01\n5 6222020000000000007{'x' * 9000}").encode())[2].notes
    assert "there is 01 5 622202*********0007xxxxxxxxxxx, OPAV:" in note, "one line, no longer than the code may be"


def test_a_balance_that_cannot_be_read_is_named_with_its_place() -> None:
    raw = statement(entry("1"), closing="1.2.3").replace("<Ntry>", "\n<Ntry>")
    refused = read("camt053", raw.encode())[2].refused
    assert refused is not None
    assert refused.message.startswith("statement S1: the balance CLBD, line 1, cannot be read: ")
    assert raw.encode()[refused.byte :].startswith(b"<Ntry>")
    bare = statement(opening="1.2.3").replace("<Bal>", "\n<Bal>").replace("<Id>S1</Id>", "<Id>6217000000000000011</Id>")
    refused = read("camt053", bare.encode())[2].refused
    assert refused is not None
    assert refused.message.startswith("statement 621700*********0011: the balance OPBD, line 2, ")
    assert refused.byte == len(bare.encode())


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (SPACE.replace(".08", ".15"), "camt.053.001.15"),
        (SPACE.replace("053", "054"), "camt.054.001.08"),
        (' xmlns="urn:other"', "no version of camt"),
    ],
)
def test_the_version_that_was_found_is_told(space: str, said: str) -> None:
    refused = read("camt053", statement(space=space).encode())[2].refused
    assert refused is not None
    assert refused.message.startswith(f"the namespace names {said}, not camt053 version 02 to 14")


@pytest.mark.parametrize("code", ["OPAV", "CLAV", "FWAV", "INFO", "XPCD"])
def test_a_balance_that_proves_nothing_may_be_empty(code: str) -> None:
    kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
    empty = f'<Bal>{kind}<Amt Ccy="CNY"/><CdtDbtInd/><Dt><Dt>2026-05-07</Dt></Dt></Bal>'
    frame, rejects, closing = read("camt053", statement(entry("4"), closing="14", summary=empty).encode())
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame["amount_fen"].to_list() == [400]
    assert outcome(statement(entry("4"), closing="14", summary=empty.replace(code, "CLBD"))) == "BAD_BALANCE"


def test_a_balance_of_the_banks_own_is_not_known_by_its_subtype() -> None:
    kind = "<Tp><CdOrPrtry><Prtry>BLOCKED</Prtry></CdOrPrtry><SubTp><Cd>OPBD</Cd></SubTp></Tp>"
    own = f'<Bal>{kind}<Amt Ccy="CNY">7</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-05-01</Dt></Dt></Bal>'
    frame, _, closing = read("camt053", statement(entry("4"), closing="14", summary=own).encode())
    assert (closing.refused, closing.notes) == (None, ())
    assert frame["opening_fen"].to_list() == [1000]


def test_who_pays_for_another_is_named_only_where_nobody_else_is() -> None:
    other = "<UltmtDbtr><Pty><Nm>OTHER</Nm></Pty></UltmtDbtr>"
    payer = "<Dbtr><Pty><Nm>PAYER</Nm></Pty></Dbtr>"
    for parties, name in ((other, "OTHER"), (payer + other, "PAYER")):
        inside = f"<NtryDtls>{detail(more=f'<RltdPties>{parties}</RltdPties>')}</NtryDtls>"
        frame, _, _ = read("camt053", statement(entry("4", more=inside), closing="14").encode())
        assert frame["counterparty_name"].to_list() == [name]


def test_that_nothing_was_rejected_does_not_hide_what_the_bank_says() -> None:
    marks = "".join(f"<AddtlRmtInf>{mark}</AddtlRmtInf>" for mark in ("?REJECT?0", "?ERROR?000"))
    inside = f"<NtryDtls>{detail(more=f'<RmtInf><Strd>{marks}</Strd></RmtInf>')}</NtryDtls>"
    for told, text in ((marks, "DEPOSIT"), (marks.replace("?0<", "?1<"), "?REJECT?1")):
        raw = statement(entry("4", more=inside.replace(marks, told) + "<AddtlNtryInf>DEPOSIT</AddtlNtryInf>"))
        assert read("camt053", raw.encode())[0]["remittance"].to_list() == [text]


def instructed(amount: str, reference: str, sign: str = "", currency: str = "CNY") -> str:
    money = f'<InstdAmt><Amt Ccy="{currency}">{amount}</Amt></InstdAmt>'
    return detail(sign=sign, more=f"<Refs><EndToEndId>{reference}</EndToEndId></Refs><AmtDtls>{money}</AmtDtls>")


@pytest.mark.parametrize(
    ("details", "lines"),
    [
        ([instructed("1", "A"), instructed("3", "B")], [("A", -100), ("B", -300)]),
        ([instructed("5", "A"), instructed("1", "B", "CRDT")], [("A", -500), ("B", 100)]),
        ([instructed("1", "A"), instructed("2", "B")], [(None, -400)]),  # a charge lies between
        ([instructed("1", "A"), instructed("3", "B", currency="USD")], [(None, -400)]),
        ([instructed("1", "A"), instructed("x", "B")], [(None, -400)]),
        ([instructed("1", "A"), detail()], [(None, -400)]),
    ],
)
def test_what_was_instructed_divides_a_booking_that_it_sums_to(
    details: list[str], lines: list[tuple[str | None, int]]
) -> None:
    raw = statement(entry("4", "DBIT", f"<NtryDtls>{''.join(details)}</NtryDtls>"), closing="6")
    frame, rejects, closing = read("camt053", raw.encode())
    assert (rejects, closing.refused) == ([], None)
    assert frame.select("end_to_end_id", "amount_fen").rows() == lines
    assert [note.partition(":")[0] for note in closing.notes] == ["DETAILS_WITHOUT_AMOUNT"] * (len(lines) == 1)


def party(side: str, name: str, account: str = "") -> str:
    number = f"<{side}Acct><Id><Othr><Id>{account}</Id></Othr></Id></{side}Acct>" if account else ""
    return f"<{side}><Pty><Nm>{name}</Nm></Pty></{side}>{number}"


@pytest.mark.parametrize(
    ("parties", "name"),
    [
        (party("Dbtr", "US", "0003220001") + party("Cdtr", "PAYEE", "0012"), "PAYEE"),  # those of the payment
        (party("Dbtr", "PAYEE", "0012") + party("Cdtr", "US", "0003220001"), "PAYEE"),  # those of the return
        (party("Dbtr", "US", "0003220001") + party("Cdtr", "PAYEE"), "PAYEE"),
        (party("Dbtr", "US", "0003220001"), "US"),  # nobody else is named
    ],
)
@pytest.mark.parametrize("told", ["<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>", ""])
def test_who_has_our_account_is_not_the_other_side(parties: str, name: str, told: str) -> None:
    inside = f"<NtryDtls>{detail(more=f'<RltdPties>{parties}</RltdPties>{told}')}</NtryDtls>"
    frame, _, _ = read("camt053", statement(entry("4", more=inside), closing="14").encode())
    assert frame["counterparty_name"].to_list() == [name]
