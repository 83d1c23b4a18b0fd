"""Exports of kinds that no sample has: amounts, days, sheets, merged headings, texts that come first."""

from __future__ import annotations

import io
from typing import Any

import pytest
import xlsxwriter
from accounts_support import read

from adapters.accounts.bank_cells import CellError, amount_of, date_of
from adapters.accounts.statement import out_of_balance
from settlement.model.errors import BadInput
from tests.adapters.accounts.test_bank_csv import workbook
from tests.adapters.accounts.test_bank_writing import HEAD, PLAIN, ROWS

MARKED: dict[str, Any] = {
    "format": "marked",
    "title": "t",
    "columns": {"booking_date": ["日期"], "amount": ["金额"], "direction": ["借贷"]},
    "directions": {"借": -1, "贷": 1},
}


@pytest.mark.parametrize(
    ("written", "fen"),
    [
        ("1,234.50-", -123_450),
        ("(1,234.50)", -123_450),
        ("（1,234.50）", -123_450),
        ("\u22121,234.50", -123_450),
        ("\uff0d10.00", -1000),
        ("- 1.00", -100),
        ("1234.5元", 123_450),
        ("人民币1,234.50", 123_450),
        ("8,000.00(CN)", 800_000),
        (".50", 50),
        ("-.5", -50),
        ("——", None),
        ("－", None),
        (0.1 + 0.2, 30),
        (1234.5600000000002, 123_456),
        (-100.30000000000001, -10_030),
    ],
)
def test_ways_to_write_an_amount(written: Any, fen: int | None) -> None:
    assert amount_of(written, 2) == fen


@pytest.mark.parametrize("written", ["1CNY234.00", "-(1.00)", "(1.00", "-1.00-", "--1", "1.0.0", 1234.565, ".", "1."])
def test_what_is_no_amount(written: Any) -> None:
    with pytest.raises(CellError) as error:
        amount_of(written, 2)
    assert error.value.code == "BAD_AMOUNT"


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("2026-5-7 9:05:03", "ISO"),
        ("2026-05-07-10.30.22.123456", "ISO"),
        ("2026/05/07-10:30:22", "ISO"),
        ("2026-05-07T10:30:00+08:00", "ISO"),
        ("2026/5/7 02:30:22 PM", "ISO"),
        ("2026/5/7 上午10:30:00", "ISO"),
        ("2026年05月07日 10时30分22秒", "ISO"),
        ("2026年5月7日10:30:22", "ISO"),
        ("2026-05-07 103022", "ISO"),
        ("20260507103022123", "ISO"),
        ("2026-05-07\n10:30:22", "ISO"),
        (46149.437754629629, "ISO"),
        (46149, "DD/MM/YYYY"),
        ("7/5/2026 10:30 PM", "DD/MM/YYYY"),
        ("07-05-2026", "DD/MM/YYYY"),
        ("07.05.2026", "DD/MM/YYYY"),
        ("07 May 2026", "DD/MM/YYYY"),
        ("07-MAY-2026", "DD/MM/YYYY"),
        ("5/7/2026 22:30", "MM/DD/YYYY"),
    ],
)
def test_ways_to_write_a_day(written: Any, form: Any) -> None:
    assert str(date_of(written, form)) == "2026-05-07"


@pytest.mark.parametrize("written", ["2026-05/07", "46149", "2026-05-07T23:30:00Z", "07 Mai 2026", "2026-05-07 99:00"])
def test_what_is_no_day(written: str) -> None:
    for form in ("ISO", "DD/MM/YYYY"):
        with pytest.raises(CellError):
            date_of(written, form)  # type: ignore[arg-type]


def test_a_text_that_begins_as_a_trailer_is_a_line_where_it_has_a_day_and_an_amount() -> None:
    head = "户名,日期,收入,支出,余额\n"
    rows = "说明费退款,20260507,1.00,,11.00\n累计积分,20260508,,2.00,9.00\n#12,20260509,3.00,,12.00\n"
    foot = "合计,20260509,4.00,2.00,\n累计,,4.00,2.00,\n"
    frame, rejects, closing = read("bank_csv", (head + rows + foot).encode(), layout=PLAIN)
    assert (rejects, out_of_balance(closing.notes)) == ([], [])
    assert frame["amount_fen"].to_list() == [100, -200, 300]
    own = {**PLAIN, "trailers": ["打印日期"]}
    frame, rejects, _ = read("bank_csv", (head + rows + "打印日期,20260531,,,\n").encode(), layout=own)
    assert (frame.height, rejects) == (3, [])


def test_money_out_with_and_without_a_minus_is_told_until_the_mapping_says_what_it_means() -> None:
    text = "日期,借贷,金额\n20260507,贷,9.00\n20260507,借,5.00\n20260508,借,-5.00\n20260509,贷,-1.00\n"
    frame, rejects, _ = read("bank_csv", text.encode(), layout=MARKED)
    assert frame["amount_fen"].to_list() == [900, -500]
    assert [(r.record, r.code) for r in rejects] == [(3, "BAD_SIGN"), (4, "BAD_SIGN")]
    assert "expenses_signed" in rejects[0].message
    assert "expenses_signed" in rejects[1].message
    frame, rejects, _ = read("bank_csv", text.encode(), layout={**MARKED, "expenses_signed": False})
    assert frame.select("amount_fen", "reversal").rows() == [(900, False), (-500, False), (500, True), (-100, True)]
    assert rejects == []
    frame, rejects, _ = read("bank_csv", text.encode(), layout={**MARKED, "expenses_signed": True})
    assert frame["amount_fen"].to_list() == [900, -500, -500]
    assert [r.record for r in rejects] == [4]
    minus = text.replace("借,5.00", "借,-5.00").replace("20260509,贷,-1.00\n", "")
    frame, rejects, _ = read("bank_csv", minus.encode(), layout=MARKED)
    assert (frame["amount_fen"].to_list(), rejects) == ([900, -500, -500], [])


@pytest.mark.parametrize("foot", ["合计,8.00,,\n\n", "", "第二页,,,\n"])
def test_lines_below_the_name_of_another_account_are_its_own(foot: str) -> None:
    head = "账号：{}  币种：{},,,\n日期,收入,支出,余额\n"
    first = head.format("1111111", "人民币") + "20260507,8.00,,11.00\n"
    second = head.format("2222222", "美元") + "20260507,5.00,,5.00\n20260508,,1.00,4.00\n"
    frame, rejects, closing = read("bank_csv", (first + foot + second).encode(), layout=PLAIN)
    assert (rejects, closing.notes) == ([], ())
    assert frame.select("account", "currency", "amount_fen").rows() == [
        ("1111111", "CNY", 800),
        ("2222222", "USD", 500),
        ("2222222", "USD", -100),
    ]
    frame = read("bank_csv", (first + foot + second).encode(), layout=PLAIN, account="3333333")[0]
    assert set(frame["account"]) == {"3333333"}


@pytest.mark.parametrize("word", ["期初余额", "本日合计", "本 月 合 计", "承前页"])
def test_balances_carried_and_sums_among_the_lines_are_no_lines(word: str) -> None:
    rows = f"20260501,,,10.00,,{word}\n" + ROWS[0] + f"20260507,1.00,,11.00,,{word}\n" + ROWS[1]
    frame, rejects, closing = read("bank_csv", (HEAD + rows).encode(), layout=PLAIN)
    assert (frame["amount_fen"].to_list(), rejects, out_of_balance(closing.notes)) == ([100, -200], [], [])
    own = {**PLAIN, "no_lines": ["结存"]}
    assert read("bank_csv", (HEAD + ROWS[0].replace("甲", word)).encode(), layout=own)[0].height == 1


def test_a_payout_and_its_return_are_as_old_as_their_days_say() -> None:
    for newest_first, days in ((True, ("20260508", "20260507")), (False, ("20260507", "20260508"))):
        text = HEAD + f"{days[0]},100.00,,200.00,,\n{days[1]},,100.00,100.00,,\n"
        frame, _, closing = read("bank_csv", text.encode(), layout=PLAIN)
        assert out_of_balance(closing.notes) == []
        assert frame.select("opening_fen", "closing_fen").row(0) == ((20_000,) * 2 if newest_first else (10_000,) * 2)


def test_headings_in_two_rows() -> None:
    text = "账号：7654321,,,\n日期,发生额,,余额\n,收入,支出,\n20260507,1.00,,11.00\n20260508,,2.00,9.00\n"
    frame, rejects, closing = read("bank_csv", text.encode(), layout=PLAIN)
    assert (rejects, closing.notes) == ([], ())
    assert frame.select("account", "amount_fen").rows() == [("7654321", 100), ("7654321", -200)]


def sheets(*pages: list[list[Any]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        for number, rows in enumerate(pages, 1):
            sheet = book.add_worksheet(f"明细{number}")
            for at, row in enumerate(rows):
                sheet.write_row(at, 0, row)
    return out.getvalue()


def test_lines_in_another_sheet_are_not_left_out_in_silence() -> None:
    head = HEAD.strip().split(",")
    first, second = ([row.strip().split(",")] for row in ROWS[:2])
    raw = sheets([head, *first], [["账号", "1"], head, *second], [["日期", "说明"]])
    refused = read("bank_csv", raw, layout=PLAIN)[2].refused
    assert refused is not None
    assert (refused.code, "明细2" in refused.message) == ("OTHER_SHEETS", True)
    for sheet, amount in (("明细1", 100), ("明细2", -200)):
        frame, rejects, closing = read("bank_csv", raw, layout=PLAIN, sheet=sheet)
        assert (frame["amount_fen"].to_list(), rejects, closing.refused) == ([amount], [], None)
    behind = sheets([["说明"]], [head, *first])
    assert read("bank_csv", behind, layout=PLAIN)[2].refused.code == "OTHER_SHEETS"  # type: ignore[union-attr]
    for other in ([["日期", "说明"]], [head], [head, ["", ""]]):
        assert read("bank_csv", sheets([head, *first], other), layout=PLAIN)[2].refused is None


def test_numbers_of_a_workbook_are_days_and_amounts_as_it_shows_them() -> None:
    rows: list[list[Any]] = [HEAD.strip().split(","), [46149.5, 0.1 + 0.2, "", 10.3], [46150, "", 10.3, 0]]
    frame, rejects, closing = read("bank_csv", workbook(rows), layout=PLAIN, account="1")
    assert (rejects, closing.notes) == ([], ())
    assert [(str(day), fen) for day, fen in frame.select("booking_date", "amount_fen").rows()] == [
        ("2026-05-07", 30),
        ("2026-05-08", -1030),
    ]


@pytest.mark.parametrize("separator", ["^", "|@|", "|+|"])
def test_separators_of_other_marks(separator: str) -> None:
    text = (HEAD + "".join(ROWS)).replace(",", separator).encode()
    for given in ({"layout": {**PLAIN, "separator": separator}}, {"layout": PLAIN, "separator": separator}):
        frame, rejects, closing = read("bank_csv", text, **given)
        assert (frame["amount_fen"].to_list(), rejects) == ([100, -200, 300], [])
        assert out_of_balance(closing.notes) == []


@pytest.mark.parametrize("separator", ["", "ab", '"', "\n", "."])
def test_a_separator_that_is_none_is_told(separator: str) -> None:
    with pytest.raises(BadInput, match="separator is one to four marks"):
        read("bank_csv", HEAD.encode(), layout=PLAIN, separator=separator)
