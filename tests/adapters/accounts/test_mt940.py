"""MT940: every guard of feeds.md, each broken once."""

from __future__ import annotations

from datetime import date

import pytest
from accounts_support import read, refusal

from settlement.model.errors import BadInput

LINE = ":61:2605070507C3,05NTRFSZ-000001//B1\r\n"


def message(
    *lines: str, opening: str = "C260506CNY10,00", closing: str = "C260507CNY13,05", end: str = "-\r\n"
) -> bytes:
    head = f":20:REF1\r\n:25:0003220001\r\n:28C:00127/001\r\n:60F:{opening}\r\n"
    return (head + "".join(lines or (LINE,)) + f":62F:{closing}\r\n" + end).encode()


def test_a_line_has_every_column_and_its_byte_range() -> None:
    raw = message(LINE, ":86:结算\r\n款\r\n")
    frame, rejects, closing = read("mt940", raw)
    assert not rejects
    assert closing.notes == ()
    assert closing.clearing_date == date(2026, 5, 7)
    row = frame.row(0, named=True)
    assert raw[row.pop("byte_start") : row.pop("byte_end")].decode() == LINE + ":86:结算\r\n款\r\n"
    assert row == {
        "statement": "00127/001",
        "account": "0003220001",
        "currency": "CNY",
        "opening_fen": 1000,
        "closing_fen": 1305,
        "line": 1,
        "booking_date": date(2026, 5, 7),
        "value_date": date(2026, 5, 7),
        "amount_fen": 305,
        "reversal": False,
        "reference": "B1",
        "end_to_end_id": "SZ-000001",
        "counterparty_name": None,
        "counterparty_account": None,
        "remittance": "结算 款",
        "bank_code": "NTRF",
        "file": "f",
        "record": 1,
    }


@pytest.mark.parametrize(
    ("mark", "amount", "reversal"),
    [
        ("C", 305, False),
        ("D", -305, False),
        ("RC", -305, True),
        ("RD", 305, True),
        ("CN", 305, False),
        ("DR", -305, False),
    ],
)
def test_each_mark_has_one_sign(mark: str, amount: int, reversal: bool) -> None:
    row = read("mt940", message(LINE.replace("C3,05", f"{mark}3,05")))[0].row(0, named=True)
    assert (row["amount_fen"], row["reversal"]) == (amount, reversal)


@pytest.mark.parametrize(("text", "fen"), [("3,", 300), ("3,5", 350), ("000000000003,05", 305), ("3,050", 305)])
def test_amounts_are_digits_a_comma_and_decimals(text: str, fen: int) -> None:
    assert read("mt940", message(LINE.replace("3,05", text)))[0]["amount_fen"].to_list() == [fen]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (LINE.replace("3,05", "3.05"), "BAD_LINE"),
        (LINE.replace("3,05", "305"), "BAD_LINE"),
        (LINE.replace("3,05", "1.003,05"), "BAD_LINE"),
        (LINE.replace("3,05", "3,051"), "BAD_AMOUNT"),
        (LINE.replace("3,05", "3,000.00"), "BAD_LINE"),  # a thousand is no 3
        (LINE.replace("3,05", "3,000,000"), "BAD_LINE"),
        (LINE.replace("3,05", "3,0500"), "BAD_LINE"),  # the last digit is no reference
        (LINE.replace("3,05", "-3,05"), "BAD_LINE"),
        (LINE.replace("C3,05", "X3,05"), "BAD_LINE"),
        (LINE.replace("C3,05", "EC3,05"), "BAD_LINE"),
        (LINE.replace("260507", "2605"), "BAD_LINE"),
        (":61:\r\n", "BAD_LINE"),
        (LINE.replace("3,05", "９,05"), "BAD_LINE"),
    ],
)
def test_a_line_that_does_not_fit_refuses_the_file(line: str, code: str) -> None:
    assert refusal("mt940", message(LINE, line)) == code


@pytest.mark.parametrize("balance", ["C260506CNY10.00", "C260506CNY10", "X260506CNY10,00", "C260506CN10,00", "10,00"])
def test_a_balance_that_cannot_be_read_refuses_the_file(balance: str) -> None:
    assert refusal("mt940", message(opening=balance)) == "BAD_BALANCE"
    assert refusal("mt940", message(closing=balance)) == "BAD_BALANCE"


@pytest.mark.parametrize(
    ("balance", "said"),
    [
        ("260506CNY10,00", "without C or D at its beginning"),
        ("C06MAICNY10,00", "without its day as YYMMDD"),
        ("C26050610,00", "without its currency of three capital letters"),
        ("C260506CNY,00", "without an amount of digits, 18 at most"),
        ("C260506CNY10.00", "without a comma before its decimals: a '.' is never a decimal"),
        ("C260506CNY10,00-", "with more than three decimals, or with something behind them"),
    ],
)
def test_what_is_wrong_with_a_balance_is_told(balance: str, said: str) -> None:
    refused = read("mt940", message(closing=balance))[2].refused
    assert refused is not None
    assert refused.message == f"a balance {said}; ask the bank"


@pytest.mark.parametrize(
    ("balances", "name", "day"),
    [({"opening": "C260230CNY10,00"}, ":60F:", "260230"), ({"closing": "C021131CNY13,05"}, ":62F:", "021131")],
)
def test_a_balance_of_a_day_that_does_not_exist_refuses_the_file(balances: dict[str, str], name: str, day: str) -> None:
    raw = message(**balances)
    refused = read("mt940", raw)[2].refused
    assert refused is not None
    assert (refused.code, refused.field) == ("BAD_BALANCE", name)
    assert day in refused.message
    assert raw[refused.byte :].startswith(name.encode())


@pytest.mark.parametrize(
    ("field", "account"),
    [
        (":25P:NL69INGB0123456789\r\nINGBNL2AXXX", "NL69INGB0123456789"),
        (":25:NL69INGB0123456789EUR", "NL69INGB0123456789"),
        (":25:NL69INGB0123456789 EUR", "NL69INGB0123456789"),
        (":25:NL69INGB0123456789USD", "NL69INGB0123456789USD"),  # not the currency of the statement
        (":25:NL68INGB0123456789EUR", "NL68INGB0123456789EUR"),  # no IBAN
        (":25://AT39364/12345678912/EUR", "//AT39364/12345678912/EUR"),
        (":25:0002EUR", "0002EUR"),
    ],
)
def test_the_account_without_what_some_banks_write_around_it(field: str, account: str) -> None:
    raw = message().replace(b":25:0003220001", field.encode()).replace(b"CNY", b"EUR")
    assert read("mt940", raw)[0]["account"].to_list() == [account]


def test_an_encoding_that_does_not_fit_is_told_with_those_that_can_be_set() -> None:
    refused = read("mt940", message(LINE, ":86:款\r\n").decode().encode("gb18030"))[2].refused
    assert refused is not None
    assert "gb18030" in refused.message
    assert "cp1252" in refused.message


def test_a_day_that_does_not_exist_is_a_reject_and_shows_in_the_balance() -> None:
    frame, rejects, closing = read("mt940", message(LINE.replace("2605070507", "2602300301"), LINE))
    assert [(r.record, r.code) for r in rejects] == [(1, "BAD_DATE")]
    assert frame["amount_fen"].to_list() == [305]
    assert closing.notes == ()  # the other line alone leads to the closing balance here
    assert closing.total_fen == 610


@pytest.mark.parametrize(
    ("dates", "booking", "value"),
    [
        ("2601011231", date(2025, 12, 31), date(2026, 1, 1)),
        ("2512310102", date(2026, 1, 2), date(2025, 12, 31)),
        ("260507", date(2026, 5, 7), date(2026, 5, 7)),
        ("260507    ", date(2026, 5, 7), date(2026, 5, 7)),
        ("2402280229", date(2024, 2, 29), date(2024, 2, 28)),
    ],
)
def test_the_entry_date_takes_the_year_nearest_to_the_value_date(dates: str, booking: date, value: date) -> None:
    row = read("mt940", message(LINE.replace("2605070507", dates)))[0].row(0, named=True)
    assert (row["booking_date"], row["value_date"]) == (booking, value)


def test_statements_of_one_file_stay_apart() -> None:
    first = message(LINE)
    second = message(LINE, opening="C260507CNY13,05", closing="C260507CNY16,10", end="-}{5:}\r\n")
    frame, _, closing = read("mt940", b"{1:F01BANK}{2:O940}{4:\r\n" + first + second)
    assert frame["statement"].to_list() == ["00127/001", "00127/001#2"]
    assert frame["opening_fen"].to_list() == [1000, 1305]
    assert frame["closing_fen"].to_list() == [1305, 1610]
    assert closing.notes == ()


def test_a_statement_without_lines_has_one_row() -> None:
    raw = message().replace(LINE.encode(), b"").replace(b"13,05", b"10,00")
    frame, _, closing = read("mt940", raw)
    assert frame.select("line", "opening_fen", "closing_fen").rows() == [(None, 1000, 1000)]
    assert closing.records == 0


def test_a_difference_is_named() -> None:
    closing = read("mt940", message(closing="C260507CNY13,06"))[2]
    said = "opening 10.00 + lines 3.05 is not closing 13.06 CNY; difference -0.01"
    assert closing.notes == (f"BALANCE_DIFFERENCE: statement 00127/001 (byte 0): {said}",)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "EMPTY_FILE"),
        (b"hello\n", "NOT_MT940"),
        (message()[: message().index(b":62F:")], "TRUNCATED"),
        (message() + b":20:REF2\r\n", "TRUNCATED"),
        (message() + LINE.encode(), "BAD_ORDER"),
        (LINE.encode() + message(), "BAD_ORDER"),
        (message().replace(b":25:0003220001\r\n", b""), "BAD_ORDER"),
        (message().replace(b":60F:", b":64:"), "BAD_ORDER"),
        (message().replace(b":61:", b":60F:C260506CNY10,00\r\n:61:"), "BAD_ORDER"),
        (message(closing="C260507USD13,05"), "OTHER_CURRENCY"),
        (message(LINE, ":86:款\r\n").decode().encode("gb18030"), "BAD_ENCODING"),
        (message().replace(b"REF1", b"R\0F1"), "NUL_BYTE"),
        (b"x" * 100_000, "NOT_MT940"),
        (b"x" * 1_000_000, "FIELD_TOO_LONG"),
        (message(LINE, ":86:" + "x\r\n" * 30_000), "FIELD_TOO_LONG"),
        (message(LINE, ":86:xxxxxxxx\r\n" * 8_000), "FIELD_TOO_LONG"),
        (message(LINE, ":NS:xxxxxxxx\r\n" * 8_000), "FIELD_TOO_LONG"),
        (b"\xef\xbb\xbf", "EMPTY_FILE"),
        (message(LINE).replace(b"REF1", b"REF\xff"), "BAD_ENCODING"),
        (message(LINE, "SUPPLEMENT\r\n", ":86:a\r\n").replace(b"SUPPLEMENT", b"\xff"), "BAD_ENCODING"),
        (b":20:R\r\n:25:1\r\n:28C:1\r\n:34F:CNYD0,00\r\n:13D:2605071200+0800\r\n", "WRONG_MESSAGE"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(raw: bytes, code: str) -> None:
    assert refusal("mt940", raw) == code


def test_a_file_of_many_blocks_keeps_each_line_and_its_bytes() -> None:
    # statements of 0, 1 and 2 lines, over several chunks of reading and several blocks of rows
    parts, fens = [], []
    for number in range(9000):
        lines = [f":61:260507C{number},{line}5NTRFSZ-{number}\r\n:86:text {number}\r\n" for line in range(number % 3)]
        fens += [number * 100 + line * 10 + 5 for line in range(number % 3)]
        total = sum(number * 100 + line * 10 + 5 for line in range(number % 3))
        closing = f"C260507CNY{total // 100},{total % 100:02d}"
        parts.append(message(*lines or ("",), opening="C260506CNY0,00", closing=closing))
    raw = b"".join(parts)
    frame, rejects, closing_ = read("mt940", raw)
    assert (rejects, closing_.notes, closing_.total_fen) == ([], (), sum(fens))
    lines = frame.drop_nulls("line")
    assert lines["amount_fen"].to_list() == fens
    assert lines["record"].to_list() == list(range(1, 9001))
    assert frame["statement"].n_unique() == 9000
    assert frame.filter(frame["line"].is_null()).height == 3000
    for start, end, reference in lines.select("byte_start", "byte_end", "end_to_end_id").gather_every(997).iter_rows():
        assert raw[start:end].startswith(b":61:")
        assert raw[start:end].endswith(f":86:text {reference[3:]}\r\n".encode())
    empty = frame.filter(frame["line"].is_null()).row(1500, named=True)
    assert raw[empty["byte_start"] : empty["byte_end"]].startswith(b":20:REF1\r\n")
    assert raw[empty["byte_start"] : empty["byte_end"]].endswith(b":62F:C260507CNY0,00\r\n")


def test_currencies_have_their_own_decimals_in_one_block() -> None:
    yen = message(":61:260507C500,NTRFA\r\n", opening="C260506JPY0,", closing="C260507JPY500,")
    dinar = message(":61:260507D1,5NTRFA\r\n", opening="C260506KWD1,500", closing="C260507KWD0,000")
    frame, _, closing = read("mt940", yen + dinar + message())
    assert frame["amount_fen"].to_list() == [500, -1500, 305]
    assert closing.notes == ()
    assert refusal("mt940", yen.replace(b"C500,NTRF", b"C500,5NTRF")) == "BAD_AMOUNT"


def test_text_that_looks_like_a_tag_or_an_end_stays_text() -> None:
    raw = message(LINE, ":86:a\r\n:b\r\n-c\r\n:1:d\r\n", LINE, ":86:x\r\n:86:y\r\n", closing="C260507CNY16,10")
    frame, _, closing = read("mt940", raw)
    assert frame["remittance"].to_list() == ["a :b -c :1:d", "x y"]
    assert closing.notes == ()
    start, end = frame.select("byte_start", "byte_end").row(1)
    assert raw[start:end].decode() == LINE + ":86:x\r\n:86:y\r\n"


def test_the_account_is_the_one_before_the_opening_balance() -> None:
    assert read("mt940", message(LINE, ":25:999\r\n"))[0]["account"].to_list() == ["0003220001"]


@pytest.mark.parametrize(
    ("end", "line"),
    [
        ("-\r\n", "at the line '-'"),
        ("-\r\nBANK\r\n:20:R2\r\n", "at the line '-'"),
        ("-\r\n:64:C260507CNY1,00\r\n:20:R2\r\n", "at the line ':20:'"),
        (":20:R2\r\n", "at the line ':20:'"),
        ("-}{5:}\r\n", "at the line '-}{5'"),
        ("{1:F01BANK}\r\n", "at the line '{1:F'"),
        ("", "with the file"),
    ],
)
def test_a_message_that_ends_inside_a_statement_was_cut(end: str, line: str) -> None:
    raw = message(LINE).partition(b":62F:")[0] + end.encode()
    refused = read("mt940", raw)[2].refused
    assert refused is not None
    assert (refused.code, refused.message.split(",")[0]) == ("TRUNCATED", f"a statement ends {line}")
    assert refused.byte == (raw.rindex(f"\n{line[13:-1]}".encode()) + 1 if end else len(raw))


def test_a_line_with_a_dash_is_text_where_its_message_goes_on() -> None:
    raw = message(
        "-\r\n",
        LINE,
        ":86:kenmerk -\r\n-\r\nmore\r\n",
        LINE,
        "-\r\n",
        ":86:x\r\n",
        LINE,
        "-\r\n",
        closing="C260507CNY19,15",
    )
    frame, rejects, closing = read("mt940", raw)
    assert (rejects, closing.refused, closing.notes) == ([], None, ())
    assert frame["remittance"].to_list() == ["kenmerk - - more", "x", None]
    start, end = frame.select("byte_start", "byte_end").row(0)
    assert raw[start:end].endswith(b"\r\n-\r\nmore\r\n")
    assert refusal("mt940", message(LINE, ":86:a\r\n" + "-\r\n" * 40_000)) == "FIELD_TOO_LONG"


def test_a_statement_whose_lines_are_all_rejected_keeps_its_row() -> None:
    raw = message(LINE.replace("260507", "260230")) + message(
        LINE, opening="C260507CNY13,05", closing="C260507CNY16,10"
    )
    frame, rejects, closing = read("mt940", raw)
    assert [r.record for r in rejects] == [1]
    assert frame.select("line", "amount_fen", "record").rows() == [(None, None, 0), (1, 305, 2)]
    assert raw[: frame["byte_end"][0]].endswith(b":62F:C260507CNY13,05\r\n")
    assert [note.split(":")[0] for note in closing.notes] == ["BALANCE_DIFFERENCE"]


def test_the_first_fault_of_a_file_is_the_one_that_is_named() -> None:
    raw = message(closing="C260507CNY13.05") + message(LINE)[:-40]
    closing = read("mt940", raw)[2]
    assert closing.refused is not None
    assert (closing.refused.code, closing.refused.field) == ("BAD_BALANCE", ":62F:")
    assert raw[closing.refused.byte :].startswith(b":62F:C260507CNY13.05")


def test_the_encoding_is_given_and_a_character_cut_by_the_wrap_is_whole() -> None:
    text = "款" * 40
    data = (":86:" + text).encode("gb18030")
    wrapped = b":86:" + data[4:69] + b"\r\n" + data[69:] + b"\r\n"  # 65 bytes a line: the cut is inside a character
    raw = message(LINE, "@@").replace(b"@@", wrapped)
    assert read("mt940", raw, encoding="gbk")[0]["remittance"].to_list() == [text]
    with pytest.raises(BadInput, match="encoding is one of"):
        read("mt940", raw, encoding="guess")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "166?00GUTSCHRIFT?20EREF+E1 ?21SVWZ+Miete?22 Mai?30B?31DE12?32Anna ?33Muster",
            ("E1", "Anna Muster", "DE12", "Miete Mai"),
        ),
        ("166?00GUT?20EREF+E1?24 Miete?25 Mai", ("E1", None, None, "Miete Mai")),
        ("166?00GUT?20EREF+E1?21SVWZ+Miete?60 Mai", ("E1", None, None, "Miete Mai")),
        ("805?00ENTGELT?20Pauschalen?3012345", ("SZ-000001", None, None, "Pauschalen")),
        ("835?00STORNO", ("SZ-000001", None, None, "STORNO")),
        ("/EREF/E2/BENM//NAME/A B/REMI/x y/ISDT/2026-05-07", ("E2", "A B", None, "x y")),
        ("/RTRN/AC04/EREF/E3/NAME/A/REMI/x", ("E3", "A", None, "/RTRN/AC04/ x")),
        ("free ?20 text", ("SZ-000001", None, None, "free ?20 text")),
    ],
)
def test_three_ways_of_writing_86_are_read(text: str, wanted: tuple[str | None, ...]) -> None:
    frame = read("mt940", message(LINE, f":86:{text}\r\n"))[0]
    found = frame.select("end_to_end_id", "counterparty_name", "counterparty_account", "remittance").row(0)
    assert found == wanted


def test_nonref_is_no_reference_and_the_supplement_serves_where_there_is_no_86() -> None:
    row = read("mt940", message(":61:260507C3,05NTRFNONREF\r\n账户管理费\r\n"))[0].row(0, named=True)
    assert (row["end_to_end_id"], row["reference"], row["remittance"]) == (None, None, "账户管理费")


def test_a_file_cut_at_any_byte_is_refused_or_whole() -> None:
    raw = message(LINE, ":86:a\r\n", LINE, closing="C260507CNY16,10") + message(
        LINE, opening="C260507CNY16,10", closing="C260507CNY19,15"
    )
    first_end = raw.index(b"-\r\n")
    for size in range(len(raw)):
        frame, _, closing = read("mt940", raw[:size])
        if closing.refused is None:
            balanced = closing.notes == ()
            assert not balanced or size >= first_end - 3, size  # "16,1" is 16.10 too
            assert frame["amount_fen"].drop_nulls().sum() in {610, 915}
