"""Shapes of MT940 that files outside the samples have."""

from __future__ import annotations

import polars as pl
import pytest
from accounts_support import read, refusal

from adapters.accounts import mt940_fields

HEAD = ":20:S\r\n:25:0003220001\r\n:28C:1/1\r\n:60F:C260506CNY100,00\r\n:61:2605070507D1,50NTRFE1//B1\r\n"
TAIL = ":62F:C260507CNY98,50\r\n"


@pytest.mark.parametrize("minute", ["26", "13", "20", "21", "25", "28"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_line_that_is_the_rest_of_a_time_is_text(minute: str, end: str) -> None:
    text = f":86:106?00PAY?20EREF+E1?24/PL 12-09-2026T16\r\n:{minute}:37 No?25te 007?31DE02?32NAME\r\n"
    frame, rejects, closing = read("mt940", (HEAD + text + TAIL).replace("\r\n", end).encode())
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame["end_to_end_id"].to_list() == ["E1"]
    assert frame["counterparty_name"].to_list() == ["NAME"]
    assert f"{minute}:37 No" in str(frame["remittance"][0])
    assert "te 007" in str(frame["remittance"][0])


@pytest.mark.parametrize("pad", range(0, 120, 15))
def test_the_rest_of_a_time_is_text_wherever_the_file_is_cut_into_chunks(
    pad: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mt940_fields, "_CHUNK", 1024)
    line = ":61:2605070507C1,00NTRFE1//B1\r\n:86:106?00PAY?20KARTE 2026-05-07T16\r\n:20:37 No?32NAME\r\n"
    raw = HEAD.replace(":20:S", f":20:{'S' * pad}") + line * 20 + TAIL.replace("98,50", "118,50")
    frame, rejects, closing = read("mt940", raw.encode())
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame["counterparty_name"].to_list() == [None, *["NAME"] * 20]


def test_a_field_that_looks_like_the_rest_of_a_time_is_one_behind_other_text() -> None:
    raw = HEAD.replace(":20:S", ":20:ST16").replace(":25:0003220001", ":25:37 0001") + TAIL
    frame, rejects, closing = read("mt940", raw.encode())
    assert (rejects, closing.refused, frame["account"].to_list()) == ([], None, ["37 0001"])


def test_what_ns_says_of_a_line_is_its_text() -> None:
    raw = HEAD.replace(":60F:", ":NS:22OWNER\r\n23ACCOUNT\r\n:60F:") + ":NS:01FEE\r\n15OTHER SIDE\r\n" + TAIL
    frame, rejects, closing = read("mt940", raw.encode())
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert "OTHER SIDE" in str(frame["remittance"][0])
    assert "OWNER" not in str(frame["remittance"][0])


def test_a_file_whose_lines_end_with_cr_alone_is_read() -> None:
    raw = (HEAD + ":86:166?00PAY?20EREF+E9\r\n?32ACME\r\n" + TAIL).replace("\r\n", "\r").encode()
    frame, rejects, closing = read("mt940", raw)
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame.select("amount_fen", "end_to_end_id", "counterparty_name").rows() == [(-150, "E9", "ACME")]
    start, end = frame["byte_start"][0], frame["byte_end"][0]
    assert raw[start:end].startswith(b":61:2605070507D1,50")
    assert raw[start:end].endswith(b"ACME\r")


@pytest.mark.parametrize("between", ["\n", "\r\n", "-\r\n"])
def test_what_stands_between_messages_does_not_change_how_their_lines_end(between: str) -> None:
    one = (HEAD + TAIL).replace("\r\n", "\r")
    frame, rejects, closing = read("mt940", f"{one}{between}{one}{between}".encode())
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame["amount_fen"].to_list() == [-150, -150]


def test_lines_that_end_with_lf_cr_are_read() -> None:
    raw = (HEAD + ":86:PAY\r\nRENT\r\n" + TAIL).replace("\r\n", "\n\r")
    frame, rejects, closing = read("mt940", raw.encode())
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame.select("amount_fen", "remittance").rows() == [(-150, "PAY RENT")]


def test_a_time_of_making_does_not_make_it_an_interim_report() -> None:
    raw = HEAD.replace(":60F:", ":13D:2605072300+0800\r\n:60F:") + TAIL
    frame, rejects, closing = read("mt940", raw.encode())
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame["amount_fen"].to_list() == [-150]


@pytest.mark.parametrize(
    ("written", "account"),
    [
        ("/PL00102055610000000000000001", "PL00102055610000000000000001"),
        ("DE89370400440532013000/CNY", "DE89370400440532013000"),
        ("/0003220001", "/0003220001"),  # what is no IBAN stays as the bank writes it
        ("0003220001/CNY", "0003220001/CNY"),
        ("DE88370400440532013000 CNY", "DE88370400440532013000"),  # a blank divides, whatever the check digits
        ("DE88370400440532013000CNY", "DE88370400440532013000CNY"),  # where the currency may be part of the account
        ("NL92 KNAB 0123 4567 89", "NL92KNAB0123456789"),
        ("DE89 3704 0044 0532 0130 00 CNY", "DE89370400440532013000"),
        ("0003 2200 01", "0003 2200 01"),
        ("AB12 3456 7890", "AB12 3456 7890"),  # shorter than any IBAN
        ("/NL92 KNAB 0123 4567 89 CNY", "NL92KNAB0123456789"),
        ("/DE89370400440532013000/CNY", "DE89370400440532013000"),
    ],
)
def test_what_stands_around_our_iban_is_not_part_of_it(written: str, account: str) -> None:
    frame, _, closing = read("mt940", (HEAD.replace("0003220001", written) + TAIL).encode())
    assert closing.refused is None
    assert frame["account"].to_list() == [account]


def test_the_first_field_may_stand_on_the_line_of_its_block() -> None:
    message = (
        "{1:F01BANKCNBJAXXX0000000000}{2:I940BANKCNBJXXXXN}{4:"
        + HEAD.replace("CNY100", "CNY{}")
        + ":62F:C260507CNY{}\r\n-}"
    )
    raw = message.replace("CNY{}", "CNY100", 1).replace("CNY{}", "CNY98,50") + "{5:{CHK:0}}"
    raw += message.replace("1/1", "2/1").replace("CNY{},00", "CNY98,50").replace("CNY{}", "CNY97,00")
    frame, rejects, closing = read("mt940", raw.encode())
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame.select("statement", "account", "amount_fen").rows() == [
        ("1/1", "0003220001", -150),
        ("2/1", "0003220001", -150),
    ]
    for start, end in frame.select("byte_start", "byte_end").rows():
        assert raw[start:end] == ":61:2605070507D1,50NTRFE1//B1\r\n"


def test_a_statement_may_begin_with_its_account_alone() -> None:
    # ABN AMRO's export of the day has no :20:; others write several accounts behind one
    bare = (HEAD + TAIL).replace(":20:S\r\n", "")
    other = bare.replace("0003220001", "0003220002")
    for raw in (bare + other, ":20:S\r\n" + bare + other):
        frame, rejects, closing = read("mt940", raw.encode())
        assert (rejects, closing.refused, closing.notes) == ([], None, ())
        assert frame.select("statement", "account", "amount_fen").rows() == [
            ("1/1", "0003220001", -150),
            ("1/1#2", "0003220002", -150),
        ]
    assert refusal("mt940", (bare + ":25:0003220002\r\n:28C:1/1\r\n").encode()) == "TRUNCATED"
    assert refusal("mt940", (bare + TAIL).encode()) == "BAD_ORDER"


def test_the_next_page_may_follow_in_the_same_message() -> None:
    first, last = "C260507CNY98,50", "C260508CNY97,00"
    pages = HEAD + TAIL.replace(":62F:", ":62M:")
    pages += f":60M:{first}\r\n:61:2605080508D1,50NTRFE2\r\n:62F:{last}\r\n-\r\n"
    frame, rejects, closing = read("mt940", pages.encode())
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame.select("statement", "account", "opening_fen", "closing_fen", "amount_fen").rows() == [
        ("1/1", "0003220001", 10000, 9850, -150),
        ("1/1#2", "0003220001", 9850, 9700, -150),
    ]
    # behind a final balance, and with a final one, it is none
    assert refusal("mt940", pages.replace(":62M:", ":62F:").encode()) == "BAD_ORDER"
    assert refusal("mt940", pages.replace(":60M:", ":60F:").encode()) == "BAD_ORDER"


@pytest.mark.parametrize("wrap", ["\r\n", "\n"])
def test_an_amount_may_have_been_wrapped_and_a_reference_too(wrap: str) -> None:
    raw = HEAD.replace("D1,50NTRFE1//B1", "DR\r\n1,50NTRFSZ-000000000001\r\n//B1\r\nMORE") + TAIL
    frame, rejects, closing = read("mt940", raw.replace("\r\n", wrap).encode())
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame.select("amount_fen", "end_to_end_id", "reference", "remittance", "bank_code").rows() == [
        (-150, "SZ-000000000001", "B1", "MORE", "NTRF")
    ]


def test_the_time_of_the_entry_may_stand_behind_its_day() -> None:
    """Bank Pekao writes it; without the entry day such digits are another way to write one, and are refused."""
    timed = (HEAD + TAIL).replace(":61:2605070507D", ":61:2605070508231740D")
    frame, rejects, closing = read("mt940", timed.encode())
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame.select(pl.col("value_date", "booking_date").cast(pl.String), "amount_fen").rows() == [
        ("2026-05-07", "2026-05-08", -150)
    ]
    for other in ("260507231740", "2605070507251399", "260507050723174000"):
        assert refusal("mt940", timed.replace("2605070508231740", other).encode()) == "BAD_LINE"


def test_a_message_may_end_on_the_line_of_its_balance() -> None:
    raw = "{1:F01BANKCNBJAXXX0000000000}{2:I940BANKCNBJXXXXN}{4:\r\n" + (HEAD + TAIL).strip() + "-}{5:{CHK:0}}"
    frame, rejects, closing = read("mt940", (raw + raw.replace("1/1", "2/1")).encode())
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame.select("statement", "closing_fen").rows() == [("1/1", 9850), ("2/1", 9850)]
    for other in ("-", "-x", "}", "x-}"):
        assert refusal("mt940", raw.replace("-}{5", f"{other}{{5").encode()) == "BAD_BALANCE"


@pytest.mark.parametrize(
    "between", ["\r", "\r\n ", "\n\t", "\n\u00a0", "\n\u3000", "\x0b", "\x0c", "\u0085", "\u2028", "\r\n\ufeff"]
)
def test_a_line_that_does_not_begin_a_line_refuses_the_file(between: str) -> None:
    """A payout and its return would be text of the line before, and the balances would agree."""
    lost = f"{between}:61:2605070507D20,00NTRFE2//B2{between}:61:2605070507C20,00NTRFE2//B3\r\n"
    raw = (HEAD + ":86:PAY" + lost + TAIL).encode()
    closing = read("mt940", raw)[2]
    assert closing.refused is not None
    assert (closing.refused.code, closing.refused.field) == ("BAD_LINE", ":61:")
    assert raw[closing.refused.byte :].startswith(b":61:2605070507D20,00")


def test_a_message_whose_lines_end_with_cr_between_others_refuses_the_file() -> None:
    other = (HEAD.replace("C260506CNY100,00", "C260507CNY98,50") + TAIL.replace("98,50", "97,00")).replace("\r\n", "\r")
    assert refusal("mt940", f"{HEAD}{TAIL}-\n{other}-\n{HEAD}{TAIL}{HEAD}{TAIL}".encode()) == "BAD_LINE"


def test_a_payer_who_quotes_a_line_stops_no_statement() -> None:
    frame, rejects, closing = read("mt940", (HEAD + ":86:/REMI/as :61:2605070507C5,00 says/\r\n" + TAIL).encode())
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame["remittance"].to_list() == ["as :61:2605070507C5,00 says"]


def test_a_dash_in_front_of_a_field_hides_no_line() -> None:
    """A payout and its return would be text of the balance before, and the balances would agree."""
    more = "-:61:2605070507D20,00NTRFE2//B2\r\n-:86:PAY\r\n-:61:2605070507C20,00NTRFE3//B3\r\n"
    raw = (HEAD.replace(":25:", "-:25:").replace(":61:", f"{more}:61:") + "-" + TAIL + "-\r\n").encode()
    frame, rejects, closing = read("mt940", raw)
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame.select("amount_fen", "end_to_end_id", "remittance").rows() == [
        (-2000, "E2", "PAY"),
        (2000, "E3", None),
        (-150, "E1", None),
    ]
    assert all(raw[start:].startswith(b":61:2605070507") for start in frame["byte_start"])


@pytest.mark.parametrize("wrap", ["\r\n", "\n"])
def test_a_tag_that_is_torn_behind_its_first_colon_begins_a_field(wrap: str) -> None:
    torn = ":\r\n61:2605070507D20,00NTRFE2//B2\r\n:\r\n86:106?00PAY?20EREF+E2X\r\n"
    raw = (HEAD.replace(":61:", f"{torn}:61:") + TAIL.replace("98,50", "78,50")).replace("\r\n", wrap).encode()
    frame, rejects, closing = read("mt940", raw)
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame.select("amount_fen", "end_to_end_id", "remittance").rows() == [
        (-2000, "E2X", "PAY"),
        (-150, "E1", None),
    ]
    start, end = frame.select("byte_start", "byte_end").row(0)
    assert raw[start:end].strip().startswith(b"61:2605070507D20,00")


AT_SIGNS = HEAD + ":86:166?00GUT?20EREF+E2?21SVWZ+a@b?22 c@\r\n?32Karl\r\n" + TAIL


@pytest.mark.parametrize("last", ["-\r\n", "-", ""])
@pytest.mark.parametrize("size", [*range(40, 48), 256 * 1024])
def test_lines_that_end_with_two_at_signs_are_read(size: int, last: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mt940_fields, "_CHUNK", size)
    raw = AT_SIGNS + last
    wanted = read("mt940", raw.encode())
    frame, rejects, closing = read("mt940", raw.replace("\r\n", "@@").encode())
    assert (rejects, closing) == (wanted[1], wanted[2])
    assert frame.equals(wanted[0])
    assert frame.select("end_to_end_id", "remittance").rows() == [("E2", "a@b c@")]


@pytest.mark.parametrize("wrap", ["\r\n", "\n", "\r"])
def test_a_payer_who_writes_at_signs_adds_no_lines(wrap: str) -> None:
    forged = "@@:" * 20 + "@@:61:260507C5,NTRFSZ-2026-000001-1@@:61:260507D5,NTRFNONREF"
    raw = (HEAD + f":86:{forged}\r\n" + TAIL).replace("\r\n", wrap).encode()
    frame, rejects, closing = read("mt940", raw)
    assert (rejects, closing.refused, closing.records) == ([], None, 1)
    assert frame["remittance"].to_list() == [forged]


def test_an_interim_report_of_lines_that_end_with_at_signs_is_named() -> None:
    raw = "@@:20:S@@:25:0003220001@@:28C:0@@:34F:CNY0,@@:13:2605070930@@:61:260507D1,NMSCE1@@:90D:1CNY1,@@-"
    assert refusal("mt940", raw.encode()) == "WRONG_MESSAGE"


@pytest.mark.parametrize("behind", ["", "-\r\n", ":62FC260507CNY98,50\r\n-\r\n"])
def test_the_opening_balance_that_is_wrong_is_named_where_the_closing_one_is_missing(behind: str) -> None:
    raw = HEAD.replace("CNY100,00", "CNYO100,00") + behind
    refused = read("mt940", raw.encode())[2].refused
    assert refused is not None
    assert (refused.code, refused.field) == ("BAD_BALANCE", ":60F:")
    assert raw[refused.byte :].startswith(":60F:")
    assert refusal("mt940", (HEAD + behind).encode()) == "TRUNCATED"
