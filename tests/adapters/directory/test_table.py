"""Reference CSVs: every wrong cell has its line, its field and a remedy; nothing is guessed."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.directory import csv_table
from adapters.directory.formats import FORMATS
from adapters.directory.table import read_table

CALENDAR = FORMATS["calendar"]


def messages(data: bytes, kind: str = "calendar") -> list[str]:
    return [str(reject) for reject in read_table(data, "f.csv", FORMATS[kind]).rejects]


def test_a_good_file_is_typed() -> None:
    read = read_table("\ufeffkind,date\r\nworkday,2026-01-05\r\nrestday,2026-01-04\r\n".encode(), "c.csv", CALENDAR)
    assert read.rejects == []
    assert read.frame.rows() == [(2, date(2026, 1, 5), "workday"), (3, date(2026, 1, 4), "restday")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "f.csv:1: the file is empty; write the header row date,kind [EMPTY]"),
        (b"date\n", "f.csv:1: kind: column kind is missing; the header is date,kind [MISSING_COLUMN]"),
        (b"date,kind,colour\n", "f.csv:1: unknown column 'colour'; the header is date,kind [UNKNOWN_COLUMN]"),
        (
            b"date,kind,6222021234567890123\n",
            "f.csv:1: unknown column '622202*********0123'; the header is date,kind [UNKNOWN_COLUMN]",
        ),
        (b"date,kind,kind\n", "f.csv:1: kind: column kind stands twice; keep one [COLUMN_TWICE]"),
        (b"date,kind\n2026-01-05,workday,x\n", "f.csv:2: 3 fields; write 2, as the header has [FIELDS]"),
        (b"date,kind\n2026-01-05", "f.csv:2: 1 fields; write 2, as the header has [FIELDS]"),
        (
            b'date,kind\n"2026\n",workday\n',
            "f.csv:2: date: a line break inside a cell; write it on one line [LINE_BREAK]",
        ),
        (b"date,kind\n\xff\n", "f.csv:2: not UTF-8; save the file as CSV UTF-8 [ENCODING]"),
        (b"date,kind\n\x00\n", "f.csv:2: a NUL character; remove it [NUL]"),
        (
            b"date,kind\n2026-02-30,workday\n",
            "f.csv:2: date: wrong value '2026-02-30'; write a real date as YYYY-MM-DD [VALUE]",
        ),
        (
            b"date,kind\n0000-01-01,workday\n",
            "f.csv:2: date: wrong value '0000-01-01'; write a real date as YYYY-MM-DD [VALUE]",
        ),
        (
            b"date,kind\n2026-01-05\r,workday\n",
            (
                "f.csv:2: new-line character seen in unquoted field; "
                "correct the quotes and line ends, or shorten the field [CSV]"
            ),
        ),
        (
            b"date,kind\r2026-01-05,workday\r",
            "f.csv:1: the header cannot be read; save as CSV UTF-8 with date,kind [HEADER]",
        ),
        (b"date,kind\n2026-01-05,feast\n", "f.csv:2: kind: wrong value 'feast'; write one of workday, restday [VALUE]"),
        (b"date,kind\n,workday\n", "f.csv:2: date: blank; write a real date as YYYY-MM-DD [BLANK]"),
        (
            b"date,kind\n2026-01-05,workday\n2026-01-05,restday\n",
            "f.csv:3: date: date 2026-01-05 stands twice; keep one row [TWICE]",
        ),
    ],
)
def test_each_fault_has_one_line(data: bytes, message: str) -> None:
    assert messages(data) == [message]


def test_secrets_are_not_repeated() -> None:
    head = "card_no,member_no,instrument,valid_from,valid_to\n"
    rows = "62999901234567890x,U1,bank_card,2026-01-01,\n6299990123456789012,U1,bank_card,2026-01-01,\n"
    said = " ".join(messages((head + rows + rows.splitlines()[1] + "\n").encode(), "cards"))
    assert "write 8 to 19 digits" in said
    assert "stands twice" in said
    assert "62999901234567" not in said


@pytest.mark.parametrize(
    ("numbers", "rounded"),
    [
        (["6299990123456780000", "6299990123456790000"], True),
        (["629999012345678000", "322501988236012"], True),
        (["6299990123456780000", "6299990123456791234"], False),  # a number may end with zeros by chance
        (["6299990123456780", "6299990123456790"], False),
        (["322501988236000"], False),
        (["629999012345678000", "0629990123456780000"], False),  # Excel would have lost the zero in front
    ],
)
def test_numbers_that_excel_has_rounded_are_refused(numbers: list[str], rounded: bool) -> None:
    head = ",".join(field.name for field in FORMATS["accounts"].fields)
    rows = [f"merchant,M{number},店,{number},行,103305001014,2026-01-01," for number in numbers]
    said = messages("\n".join([head, *rows, ""]).encode(), "accounts")
    assert ["[ROUNDED]" in one for one in said] == [True] * rounded
    assert not any("6299990" in one for one in said)


def test_amounts_and_percentages() -> None:
    head = ",".join(field.name for field in FORMATS["contracts"].fields)
    row = "M1,M1,T+1,,5.00,0.5,30,0.38,none,2026-01-01,"
    frame = read_table(f"{head}\n{row}\n".encode(), "f.csv", FORMATS["contracts"]).frame
    assert frame.select("minimum_fen", "holdback_ppm", "fee_ppm").row(0) == (500, 5000, 3800)
    assert messages(f"{head}\n{row.replace('5.00', '5.001')}\n".encode(), "contracts") == [
        "f.csv:2: minimum: wrong value '5.001'; write yuan with at most two decimals, like 12.34 [VALUE]"
    ]


ORGANISATIONS = "org,name,district,parent\n"


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ("1,N,D\n2,N,D,P\n3,N,D\n", [2, 3, 4]),  # Excel and OnlyOffice leave out separators of blank fields
        ('1,"N""x",D\r\n2,"N,M",D,P\r\n', [2, 3]),
        ("1,N,D\n\n2,N,D,P\n\n", [2, 4]),
        ("1,N,D\n,,,\n \n2,N,D,P\n,,,\n", [2, 5]),  # Excel writes blank rows so
        ("1,\tN\t,D,P\n2,N,D", None),  # the last one may have been cut, and its parent lost
        ('1,"N",D\n2,N,D', None),
        ("1,N\r2,N,D\n", None),
        ("1,N,D,P,\n", None),
    ],
)
def test_rows_may_end_early_where_they_were_not_cut(rows: str, lines: list[int] | None) -> None:
    read = read_table((ORGANISATIONS + rows).encode(), "f.csv", FORMATS["organisations"])
    assert ([] if read.rejects else read.frame["line"].to_list()) == (lines or [])
    assert (lines is None) == bool(read.rejects)


def test_loose_quotes_make_no_short_rows() -> None:
    said = messages((ORGANISATIONS + 'x"y,z"\n","a"b,","a,b"\n').encode(), "organisations")
    assert [one[-5:] for one in said] == ["[CSV]"]


FIELDS = st.sampled_from(["1", "N", "", " ", "\t7", '""', '"a,b"', '"q""q"', "苏州"])


@settings(deadline=None)  # a busy machine
@given(
    st.lists(st.lists(FIELDS, max_size=4), max_size=5), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans()
)
def test_polars_and_the_csv_module_give_the_same(rows: list[list[str]], end: str, last: bool, short: bool) -> None:
    columns = ("org", "name", "district", "parent")
    data = (end.join([",".join(columns), *(",".join(row) for row in rows)]) + end * last).encode()
    quick = csv_table._fast(data, data, "f", list(columns), short)
    if quick is not None:
        exact = csv_table._exact(data, "f", list(columns), short)
        assert isinstance(exact, csv_table.Table)
        assert quick.frame.equals(exact.frame)
        assert [quick.line(row) for row in range(quick.frame.height)] == list(exact.lines)


@settings(deadline=None)  # a busy machine
@given(st.binary(max_size=200))
@example(b"\r\x01")
def test_rubbish_is_never_an_exception(data: bytes) -> None:
    read = read_table(data, "f.csv", CALENDAR)
    assert read.rejects or read.frame.schema == {"line": pl.Int64, "date": pl.Date, "kind": pl.String}


@settings(deadline=None)  # a busy machine
@given(st.lists(st.text(alphabet='ab,"\n\r ', max_size=12), max_size=5))
def test_rubbish_after_a_good_heading(lines: list[str]) -> None:
    read = read_table(("date,kind\n" + "\n".join(lines)).encode(), "f.csv", CALENDAR)
    assert read.rejects or read.frame.height == 0
