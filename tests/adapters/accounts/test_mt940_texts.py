"""What `:86:` and the line behind `:61:` say, in the ways that banks really write; account numbers are invented."""

from __future__ import annotations

import pytest
from accounts_support import read
from hypothesis import given
from hypothesis import strategies as st

from adapters.accounts.camt_elements import RETURNED
from adapters.accounts.mt940_text import read_information

Found = tuple[str | None, str | None, str | None, str | None]


def lines(*fields: str, wrap: str = "\r\n", currency: str = "CNY") -> list[Found]:
    """(end-to-end id, name, account, remittance) of each line of a statement with these fields."""
    head = [":20:S", ":25:0003220001", ":28C:1/1", f":60F:C260506{currency}0,00"]
    text = wrap.join([*head, *fields, f":62F:C260507{currency}0,00", "-", ""])
    frame, rejects, closing = read("mt940", text.encode())
    assert (rejects, closing.refused) == ([], None)
    return frame.select("end_to_end_id", "counterparty_name", "counterparty_account", "remittance").rows()


def said(text: str, head: str = ":61:260507C1,NTRFNONREF", currency: str = "CNY") -> Found:
    (found,) = lines(head, f":86:{text}", currency=currency)
    return found


CNTP = ("NL32INGB0000012345", "ING BANK NV INZAKE WEB")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "/EREF/EV12341REP1231456T1234//CNTP/NL32INGB0000012345/INGBNL2A/ING BANK NV INZAKE WEB///REMI/USTD//TEXT",
            ("EV12341REP1231456T1234", CNTP[1], CNTP[0], "TEXT"),
        ),
        ("/CNTP/NL32INGB0000012345/INGBNL2A/B Bert///REMI/USTD//a/b", (None, "B Bert", CNTP[0], "a/b")),
        ("/CNTP//INGBNL2A/B Bert/CITY//REMI/STRD/CUR/9001123412341234/", (None, "B Bert", None, "9001123412341234")),
        ("/CNTP/0007654332/////REMI/USTD//x", (None, None, "0007654332", "x")),
        (
            "/EREF/E1//UNHEARD/of//CNTP/1/INGBNL2A/B//ULTD/C///REMI///x",
            ("E1", "B", "1", "x"),
        ),
        ("/EREF//UNHEARD/of/REMI/x", (None, None, None, "x")),
        ("/BUSP/Verzamel Eurobetaling///PREF/M1//REMI///TOTAAL 1 POSTEN/", (None, None, None, "TOTAAL 1 POSTEN")),
        ("/EREF/SZ-1/2/BENM//NAME/A/REMI/x", ("SZ-1/2", "A", None, "x")),
        (
            "/ACCW/NL54INGB0006752576,INGBNL2A/ORDP//NAME/Hr A en/of B/REMI/x",
            (None, "Hr A en/of B", "NL54INGB0006752576", "x"),
        ),
        ("/TRTP/SEPA OVERBOEKING/BBAN/90000014/BIC/KNABNL2H/NAME/KNAB/REMI/x", (None, "KNAB", "90000014", "x")),
        (
            "/BENM/NL38INGB0654321789/INGBNL2A/ING Bank NV///EREF/E1//REMI///x/",
            ("E1", "ING Bank NV", "NL38INGB0654321789", "x"),
        ),
        ("/BENM/300000003998473/TELEKOM AD/5,6m//0264", (None, "TELEKOM AD", "300000003998473", None)),
        ("/ORDP/N.A. Bank, CANARY WHARF/REMI/x", (None, "N.A. Bank, CANARY WHARF", None, "x")),
        (
            "/EREF/E1/CDTRREFTP//CD/SCOR/ISSR/CUR/CDTRREF/5000056789012345/NAME/A",
            ("E1", "A", None, "5000056789012345"),
        ),
        ("/REMI/a/REMI/b/EREF/E1/EREF/E2", ("E1", None, None, "a")),
        ("/PT/FT/PY/SOMETHING", (None, None, None, "/PT/FT/PY/SOMETHING")),
        ("//EREF/E1", (None, None, None, "//EREF/E1")),
    ],
)
def test_the_code_words_of_banks_are_taken_apart(text: str, wanted: Found) -> None:
    # where there is no remittance the whole text is
    assert said(text) == (*wanted[:3], wanted[3] or text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "/RTRN/MS03//BUSP/Europese Incasso/eenmalig//BENM/NL50INGB0001234567/INGBNL2A/ING///EREF/E1//REMI///x/",
            ("E1", "ING", "NL50INGB0001234567", "/RTRN/MS03/ x"),
        ),
        (
            "/RTYP/SEPA Incasso Terugboeking/RTRN/AC01/IBAN/ NL71ABNA1234567890/NAME/A B/REMI/x/EREF/1234567X908303803",
            ("1234567X908303803", "A B", "NL71ABNA1234567890", "/RTRN/AC01/ x"),
        ),
        ("/RTRN/MS03/by order/EREF/E1", ("E1", None, None, "/RTRN/MS03 by order/")),
        ("/RTRN//EREF/E1/REMI/x", ("E1", None, None, "x")),
    ],
)
def test_a_returned_payment_is_told_as_in_camt(text: str, wanted: Found) -> None:
    found = said(text)
    assert found == wanted
    assert found[3] is not None
    assert (RETURNED.match(found[3]) is not None) == ("MS03" in text or "AC01" in text)


@pytest.mark.parametrize("customer", ["NONREF", "KREF+", "KREF", "PREF", "EREF", "MARF", ".", "N", "X", "NOTPROVIDED"])
def test_what_stands_for_no_reference_is_none(customer: str) -> None:
    assert said("x", f":61:260507C1,NTRF{customer}//B1")[0] is None
    assert said("166?00GUT?20EREF+NOTPROVIDED", f":61:260507C1,NTRF{customer}//B1")[0] is None
    assert said("/EREF/NOTPROVIDED/REMI/x", f":61:260507C1,NTRF{customer}//B1")[0] is None
    assert said("x", f":61:260507C1,NTRF{customer}1//B1")[0] == f"{customer}1"


def test_a_blank_before_the_type_of_transaction() -> None:
    assert said("x", ":61:260507C1, NTRFNONREF")[0] is None


@pytest.mark.parametrize("wrap", ["\r\n", "\n"])
def test_a_line_end_in_subfields_stands_for_no_character(wrap: str) -> None:
    fields = (
        ":61:260507C1,NTRFNONREF",
        ":86:166?00GUT?20EREF+E",
        "1?21SVWZ+Mie",
        "te Mai?32Finanzamt Abteilun",
        "?33g Mitte",
    )
    assert lines(*fields, wrap=wrap) == [("E1", "Finanzamt Abteilung Mitte", None, "Miete Mai")]


def test_a_line_whose_last_blank_was_cut_off_keeps_it() -> None:
    filled = "166?00GUT?20SVWZ+" + "Unstrukturierter Verwendungszweck mit".ljust(47, ".")
    assert len(filled) == 64
    assert said(f"{filled}\r\n140 Stellen?32A")[3] == f"{filled[17:]} 140 Stellen"
    assert said(f"{filled}\r\n?32A")[3] == filled[17:]
    assert said(f"{filled[:63]}?\r\n32A")[1] == "A"


def test_a_first_line_of_65_with_its_tag_was_wrapped() -> None:
    first = "/EREF/EV12341REP1231456T1234//CNTP/NL32INGB0000012345/INGBNL2"
    assert len(first) == 61
    assert said(f"{first}\r\nA/ING BANK NV///REMI/USTD//x/") == ("EV12341REP1231456T1234", "ING BANK NV", CNTP[0], "x")
    assert said("a" * 61 + "\r\nb")[3] == "a" * 61 + " b"  # free text: nothing says so


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("020<00PRZELEW<10\r\n<20FAKTURA 2<21 of 3<31NL32<32POL SP.", (None, "POL SP.", "NL32", "FAKTURA 2 of 3")),
        ("8300<00PRZELEW<10<20FAKTURA<32A", (None, "A", None, "FAKTURA")),
        ("000>100555555555\r\n>20TENAAM >21EN STELLING>310666", (None, None, "0666", "TENAAM EN STELLING")),
        ("000^20F.2059^24Ref^30RAIFF^31RO05^32QUEHENBE\r\nRGER", (None, "QUEHENBERGER", "RO05", "F.2059Ref")),
        ("110~20AMT~21   ~\r\n22  ~32NEXTERP~25CVF", (None, "NEXTERP", None, "AMT     CVF")),
        ("000+20Plata+31RO89+32NEXTERP+33/\r\n+23FACT", (None, "NEXTERP/", "RO89", "PlataFACT")),
        ("000+00GUT+20EREF+20260507+21SVWZ+x", ("20260507", None, None, "x")),
        (" 020?00GUT?20a?32B", (None, "B", None, "a")),
        ("229\r\n?00BONIFICATION\r\n?20a\r\n?32ABC", (None, "ABC", None, "a")),
        ("835?00STORNO", (None, None, None, "STORNO")),
    ],
)
def test_banks_that_write_subfields_with_another_sign(text: str, wanted: Found) -> None:
    assert said(text) == wanted


@pytest.mark.parametrize(
    "text", ["100+20 is 120", "2024?12 or later", "717.76.000.09 BTW", "020<99 a <98", "GVC 020<00a<20b", ">20a>31b"]
)
def test_free_text_is_not_torn(text: str) -> None:
    assert said(text)[3] == text


REF = ":61:260507D1,N102EREF\r\n"


@pytest.mark.parametrize(
    ("head", "text", "wanted"),
    [
        (REF + "NL96RBOS0523149468", "/EREF/E1/BENM//NAME/A/REMI/x", ("E1", "A", "NL96RBOS0523149468", "x")),
        (REF + "NL96RBOS0523149468", "/IBAN/NL1/REMI/x", (None, None, "NL1", "NL96RBOS0523149468 x")),
        (REF + "NL96RBOS0523149468", "/IBAN/NL96RBOS0523149468/REMI/x", (None, None, "NL96RBOS0523149468", "x")),
        (REF + "0663616476", "/ORDP//NAME/A/REMI/x", (None, "A", None, "0663616476 x")),
        (REF + "Card transaction", "Card transaction at B", (None, None, None, "Card transaction at B")),
        (REF + "/TRCD/00100/", "/EREF/E1//REMI/USTD//x", ("E1", None, None, "x")),
        (
            REF + "/OCMT/EUR10,00/",
            "/RTRN/MS03//EREF/E1//REMI/USTD//x",
            ("E1", None, None, "/RTRN/MS03/ /OCMT/EUR10,00/ x"),
        ),
        (REF + "/OCMT/EUR10,00/", "/RTRN/MS03//EREF/E1", ("E1", None, None, "/RTRN/MS03/ /OCMT/EUR10,00/")),
        (REF + "fee\r\nof May", "", (None, None, None, "fee of May")),
        (REF + "NL96RBOS0523149468", "", (None, None, "NL96RBOS0523149468", None)),
    ],
)
def test_the_line_behind_a_61_is_kept_where_86_follows(head: str, text: str, wanted: Found) -> None:
    assert said(text, head) == wanted


def test_of_two_texts_of_one_line_the_first_value_counts() -> None:
    text = ":86:166?00GUT?20EREF+E1?21SVWZ+Miete?32Karl"
    assert lines(":61:260507C1,NTRFNONREF", text, text) == [("E1", "Karl", None, "Miete")]
    more = ":86:166?00GUT?20EREF+E2?21SVWZ+Mai?31DE1?32Anna"
    assert lines(":61:260507C1,NTRFNONREF", text, more) == [("E1", "Karl", "DE1", "Miete Mai")]
    assert lines(":61:260507C1,NTRFNONREF", text, ":86:?33Muster") == [("E1", "KarlMuster", None, "Miete")]
    assert lines(":61:260507C1,NTRFNONREF", ":86:" + "a" * 65, ":86:b") == [(None, None, None, "a" * 65 + " b")]


def test_a_text_of_blanks_says_nothing() -> None:
    assert read_information(" \n") == (None, None, None, None)


@pytest.mark.parametrize("mark", ["BREF", "RREF", "PURP", "MDAT", "DDAT", "SQTP", "ANAM", "ORCR", "ORMR"])
def test_every_sepa_mark_ends_the_reference_before_it(mark: str) -> None:
    found = said(f"166?00GUTSCHRIFT?20EREF+E7?21{mark}+X1?22SVWZ+RENT?32ACME")
    assert found == ("E7", "ACME", None, "RENT")


def test_danish_code_words_do_not_hide_those_behind_them() -> None:
    text = "/RREF/38-1 /EREF/1309-1 /ORDP//NAME/AB AG\r\n/REMI/Inv. 7 - 22.724,00 /RCMT/EUR 1,00 /CHRG/DKK 4,00"
    assert said(text) == ("1309-1", "AB AG", None, "Inv. 7 - 22.724,00")


@pytest.mark.parametrize(
    ("text", "paid_by", "paid_to"),
    [
        ("/ORDP/PAYER LTD\r\n/BENM/PAYEE LTD\r\n/EREF/E7\r\n/REMI/x", ("PAYER LTD", None), ("PAYEE LTD", None)),
        (
            "/EREF/E7/BENM//NAME/PAYEE LTD/IBAN/DE89370400440532013000/ORDP//NAME/PAYER LTD/REMI/x",
            ("PAYER LTD", None),
            ("PAYEE LTD", "DE89370400440532013000"),
        ),
    ],
)
def test_of_two_sides_the_other_one_is_told(text: str, paid_by: tuple[str, None], paid_to: tuple[str, str]) -> None:
    for mark in ("C", "RC"):
        assert said(text, f":61:260507{mark}1,NTRFNONREF") == ("E7", *paid_by, "x")
    for mark in ("D", "RD"):
        assert said(text, f":61:260507{mark}1,NTRFNONREF") == ("E7", *paid_to, "x")
    for mark, other in (("C", paid_to), ("RD", paid_to), ("D", paid_by), ("RC", paid_by)):
        assert said(f"/RTRN/AC04{text}", f":61:260507{mark}1,NTRFNONREF") == ("E7", *other, "/RTRN/AC04/ x")


def test_the_whole_account_of_a_polish_text_counts_and_empty_subfields_say_nothing() -> None:
    text = "020~00152\r\n~20PAY\r\n~21\u02d9\r\n~3010205561\r\n~31{}\r\n~32ACME\r\n~33\u02d9\r\n~38{}\r\n~60\u02d9"
    iban = "PL00102055610000000000000001"
    assert said(text.format("0000000000000001", iban)) == (None, "ACME", iban, "PAY")
    assert said(text.format("0000000000000001", iban[2:])) == (None, "ACME", iban[2:], "PAY")
    assert said(text.format("\u02d9", iban)) == (None, "ACME", iban, "PAY")
    assert said(text.format("0000000000000001", "\u02d9")) == (None, "ACME", "0000000000000001", "PAY")


def test_a_reference_that_a_text_repeats_is_not_added_to_the_first() -> None:
    text = "166?00RETURN?20EREF+E7?21SVWZ+RETURN OF ?22EREF+E8?23SVWZ+ACCOUNT CLOSED?32ACME"
    assert said(text) == ("E7", "ACME", None, "RETURN OF ACCOUNT CLOSED")


def test_subfields_without_a_code_before_them() -> None:
    assert said("?20RENT ?21JULY?31DE89370400440532013000?32ACME") == (
        None,
        "ACME",
        "DE89370400440532013000",
        "RENT JULY",
    )
    assert said("?00CREDIT\r\n?20EREF+E7?22SVWZ+RENT") == ("E7", None, None, "RENT")
    for free in ("why ?20 of 30", "?3 of ?20", "? 20"):
        assert said(free) == (None, None, None, free)


def test_bulgarian_subfields_have_letters_before_them() -> None:
    text = "TBB+00ПРЕВОД Ф.1/26.07 +21Ф.1 +30BFTBBGSF+31BG00BFTB76300000000001+32ФИРМА ООД "
    assert said(text) == (None, "ФИРМА ООД", "BG00BFTB76300000000001", "ПРЕВОД Ф.1/26.07 Ф.1")
    assert said("SUM+00 of all") == (None, None, None, "SUM+00 of all")


WORDS = ("CNTP", "BENM", "ORDP", "ACCW", "EREF", "NAME", "REMI", "IBAN", "RTRN", "CDTRREF", "USTD")
MARKS = ("?00", "?20", "?21", "?31", "?32", "?38", "?60", "EREF+", "SVWZ+", "IBAN+", "+", "\n", "\n:86:", "\u02d9")
PIECES = st.sampled_from(["/", "//", " ", "ab", "12", "DEUTDEFF", *(f"/{word}" for word in WORDS), *WORDS, *MARKS])


@given(st.sampled_from(["/", "166", "1660", "TBB+00", ""]), st.lists(PIECES, max_size=12), st.booleans())
def test_no_text_fails_and_no_part_is_blank(begin: str, pieces: list[str], credit: bool) -> None:
    found = read_information(begin + "".join(pieces), (credit, not credit))
    assert all(part is None or part.strip() for part in found)


def test_two_sides_of_which_one_is_empty() -> None:
    assert read_information("/BENM/ORDP//NAME/Payer/REMI/x", (True, False))[1:] == ("Payer", None, "x")
    assert read_information("/BENM/ORDP//NAME/Payer/REMI/x", (False, True))[1:] == (None, None, "x")


def test_an_unknown_word_at_the_beginning_of_a_line_ends_an_id() -> None:
    # Goldman Sachs; the id of a payout must come out whole and alone
    words = ("/EREF/SZ-1/2", "/CRNM/NAME OF PAYEE", "/CACT/107045863/CBIC/BANKCNBJXXX", "/REMI/PAYMENT", "/OPRP/TAG")
    wanted = ("SZ-1/2", "NAME OF PAYEE", "107045863", "PAYMENT")
    assert said("\r\n".join(words), ":61:260507D1,NTRFNONREF") == wanted
    assert said("/EREF/SZ-1\r\n/DACT/83485/DBIC/X\r\n/CRNM/OURSELVES") == (
        "SZ-1",
        None,
        "83485",
        "/EREF/SZ-1 /DACT/83485/DBIC/X /CRNM/OURSELVES",
    )
    assert said("/EREF/SZ-1\r\n/UNHEARD/OF\r\n/REMI/a\r\n/UNHEARD/OF/b")[::3] == ("SZ-1", "a /UNHEARD/OF/b")


def test_an_id_may_stand_first_without_a_slash() -> None:
    text = "EREF/SZ-1/PREF/RP/GS/CTBA0003"
    assert said(text, ":61:260507CD10,00ACHPSZ-1") == ("SZ-1", None, None, text)
    assert said("EREF 1/PREF/RP") == (None, None, None, "EREF 1/PREF/RP")


def test_an_iban_that_was_wrapped_with_a_blank_is_whole() -> None:
    text = "020?00PAY?20X?310000000016?32ACME?38PL00102055610000 \r\n000000000001"
    assert said(text) == (None, "ACME", "PL00102055610000000000000001", "X")


def test_an_iban_may_stand_where_names_go_on() -> None:
    # ING in Romania, which pads all subfields with blanks and ends with their sign
    text = "110~20RCD CNY 1,00      ~32NAME SRL    ~33RO2\r\n5INGB0014000031948911   ~60     ~61    ~"
    assert said(text) == (None, "NAME SRL", "RO25INGB0014000031948911", "RCD CNY 1,00")


def test_a_type_without_its_first_letter_is_no_reference() -> None:
    assert said("/TYPE/150:FEE", ":61:260507C1,00TRF//B1")[0] is None


def test_a_side_before_the_other_one_on_a_line_of_its_own() -> None:
    found = read_information("/ORDP/ACME 123\n/BENM/US\n/REMI/x", (True, False))
    assert found == (None, None, "ACME 123", "x")


def test_what_stands_for_no_reference_is_none_wherever_it_stands():
    assert said("166?20EREF+NONREF?21SVWZ+x")[0] is None
    assert said("166?20EREF+NONREF?21SVWZ+x", ":61:260507C1,NTRFE2E-1")[0] == "E2E-1"
    head = [":20:S", ":25:1", ":28C:1", ":60F:C260506CNY0,00", ":61:260507C1,NMSC01916//NONREF", ":61:260507D1,NONREF"]
    head += [":61:260507C1,NOTPROVIDED//B7"]
    frame = read("mt940", "\r\n".join([*head, ":62F:C260507CNY1,00", ""]).encode())[0]
    assert frame.select("end_to_end_id", "reference", "bank_code").rows() == [
        ("01916", None, "NMSC"),
        (None, None, None),
        (None, "B7", None),
    ]


def test_the_name_behind_a_reference_that_is_filled_with_blanks_is_no_part_of_it():
    assert said("x", ":61:260507C1,N0440121470966      W.P. Jansen") == ("0121470966", "W.P. Jansen", None, "x")
    assert said("x", ":61:260507C1,N030NONREF          TOMTE") == (None, "TOMTE", None, "x")
    assert said("166?20x?32Karl", ":61:260507C1,N030NONREF          TOMTE") == (None, "Karl", None, "x")
    assert said("x", ":61:260507C1,NTRFMSGID CTSc-01  B")[0] == "MSGID CTSc-01  B"
    assert said("x", ":61:260507C1,N05100001238972230329")[0] == "00001238972230329"
    # an id that is longer than it may be, with blanks within, is no id of 16 characters and a name
    assert said("x", ":61:260507C1,NTRFSZ-2026  000001-10001")[:2] == ("SZ-2026  000001-10001", None)


def test_the_words_of_the_bank_behind_an_id_are_no_part_of_it():
    text = "159?00RETOURE?20EREF+SZ-2026-000001-1?21MTLG:Konto gesperrt Rueckue?22berweisung?34903"
    assert said(text) == ("SZ-2026-000001-1", None, None, "MTLG:Konto gesperrt Rueckueberweisung")
    assert said("191?20KREF+TFNr 01005?21 EBB?22MTLG:Datei mit 5")[3] == "MTLG:Datei mit 5"
    assert said("116?20EREF+E1?21SVWZ+Rechnung vom ?22IBAN: DE1")[3] == "Rechnung vom IBAN: DE1"
    # an id of 35 characters fills its subfield and goes on, with whatever letters
    assert said("166?20EREF+SZ-2026-05-07T093015-A?21BCDE:000001?22SVWZ+x")[0] == "SZ-2026-05-07T093015-ABCDE:000001"
    assert said("159?20EREF+SZ-2026-05-07T093015-A?21MTLG:Konto gesperrt")[0] == "SZ-2026-05-07T093015-A"


@pytest.mark.parametrize("account", ["NL47INGB9999999999", "BE68539007547034", "0987654321"])
def test_an_account_in_the_place_of_the_reference_is_the_other_sides(account: str) -> None:
    """SNS and ASN write it there, its name on the next line, and both in `:86:` again."""
    head = f":61:260507C1,NOVB{account}\r\nw jansen "
    text = f"{account} w jansen\r\n{' ' * 65}\r\nBetaling\r\n{' ' * 65}"
    wanted = (None, "w jansen", account, f"{account} w jansen Betaling")
    assert said(text, head, "EUR") == wanted
    assert said(text, head.replace("\r", "//B1\r"), "EUR") == wanted
    assert said(f"{account} w jansens", head, "EUR")[:3] == (account, None, None)
    assert said(f"x {account} w jansen", head, "EUR")[:3] == (account, None, None)


def test_a_number_that_is_told_twice_is_a_reference_all_the_same() -> None:
    assert said("SZ-2026-000001 PAYOUT of May", ":61:260507D1,NTRFSZ-2026-000001\r\nPAYOUT")[:2] == (
        "SZ-2026-000001",
        None,
    )
    assert said("20260507 PAYOUT of May", ":61:260507D1,NTRF20260507\r\nPAYOUT")[:2] == ("20260507", None)


@pytest.mark.parametrize(
    ("number", "currency"), [("2026050701", "CNY"), ("HQ20260507123456", "CNY"), ("HQ20260507123456", "EUR")]
)
def test_a_number_that_may_be_an_account_of_another_country_is_a_reference(number: str, currency: str) -> None:
    head = f":61:260507D1,NTRF{number}\r\nPAYOUT"
    assert said(f"{number} PAYOUT of May", head, currency)[:3] == (number, None, None)


def test_an_iban_that_is_too_long_for_a_reference_is_none() -> None:
    assert said("x", ":61:260507C1,NDDBGB82WEST12345698765432//") == (None, None, "GB82WEST12345698765432", "x")
    assert said("x", ":61:260507C1,NDDBGB83WEST12345698765432//")[:3] == ("GB83WEST12345698765432", None, None)
    assert said("166?20x?31DE02", ":61:260507C1,NDDBGB82WEST12345698765432")[2] == "DE02"


def test_four_letters_before_nonref_are_the_type() -> None:
    head = [":20:S", ":25:1", ":60F:C260506CNY0,", ":61:260507DD1,ACHBNONREF//B1", ":61:260507DD1,ACHPE1"]
    frame = read("mt940", "\r\n".join([*head, ":61:260507D1,CASHNONREFUND", ":62F:D260507CNY3,", ""]).encode())[0]
    assert frame.select("end_to_end_id", "reference", "bank_code").rows() == [
        (None, "B1", "ACHB"),
        ("ACHPE1", None, None),
        ("CASHNONREFUND", None, None),
    ]


def test_a_line_that_is_longer_than_a_bank_wraps_ends_where_it_ends() -> None:
    assert said("a" * 65 + "\r\nb")[3] == "a" * 65 + "b"
    assert said("a" * 72 + "\r\nb")[3] == "a" * 72 + " b"
    assert said("款" * 65 + "\r\nb")[3] == "款" * 65 + "b"


def test_subfields_without_a_code_before_them_begin_with_any_sign() -> None:
    assert said(">20Fee of May>31491050\r\n0477>32Karl") == (None, "Karl", "4910500477", "Fee of May")
    assert said(">20Fee of May\r\n>31>32") == (None, None, None, "Fee of May")


def test_a_subfield_that_is_not_known_stays_in_the_text() -> None:
    assert said("166?20SVWZ+paid?96 of 100?32Karl") == (None, "Karl", None, "paid?96 of 100")
    assert said("166?20SVWZ+paid?21EREF+E1?96 of 100")[0] == "E1"
    assert said("166?20SVWZ+paid?32Karl?35Owner?70Owner?71 too") == (None, "Karl", None, "paid")


def test_a_blank_in_an_iban_is_no_part_of_it() -> None:
    filled = "166?00GUT?20SVWZ+" + "." * 40 + "?31DE42"
    assert len(filled) == 64  # of which the blank at the end may have been cut off
    assert said(f"{filled}\r\n20041111234567890?32A")[1:3] == ("A", "DE4220041111234567890")
    assert said("166?20x?3112 34 56?32A")[2] == "12 34 56"


def test_a_code_word_may_follow_the_slash_that_ends_the_line_before() -> None:
    assert said("/PREF/P1//CSID/NL64ZZZ242678500002/\r\nREMI/USTD//x/") == (None, None, None, "x")
    assert said("/NAME/\r\nA en/\r\nof B/REMI/x") == (None, "A en/of B", None, "x")
    assert said("/NAME/A/REMI/x/EREF/NOTPROV\r\nIDED") == (None, "A", None, "x")
    assert said("/NAME/A/REMI/USTD// x/") == (None, "A", None, "x")
