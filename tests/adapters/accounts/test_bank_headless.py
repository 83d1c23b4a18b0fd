"""Exports without a row of headings: the mapping names the cells in order."""

from __future__ import annotations

from typing import Any

import pytest
from accounts_support import read

from adapters.accounts.statement import out_of_balance
from settlement.model.errors import BadInput
from tests.adapters.accounts.test_bank_unseen import sheets

NAMED: dict[str, Any] = {
    "format": "plain",
    "title": "银企直连明细",
    "headings": ["日期", "摘要", "支出", "收入", "余额", ""],
    "columns": {
        "booking_date": ["日期"],
        "income": ["收入"],
        "expense": ["支出"],
        "balance": ["余额"],
        "remittance": ["摘要"],
    },
}
ROWS = (("20260508", "结算", "2.00", "", "9.00"), ("20260507", "补贴", "", "1.00", "11.00"))


@pytest.mark.parametrize("separator", [",", "|", "\t"])
def test_every_row_is_a_line(separator: str) -> None:
    text = "".join(separator.join(row) + f"{separator}\r\n" for row in ROWS) + f"合计{separator}2笔\r\n"
    frame, rejects, closing = read("bank_csv", text.encode("gb18030"), layout=NAMED, account="1")
    assert (rejects, out_of_balance(closing.notes), closing.records) == ([], [], 2)
    assert frame.select("amount_fen", "opening_fen", "closing_fen", "remittance").rows() == [
        (-200, 1000, 900, "结算"),
        (100, 1000, 900, "补贴"),
    ]
    headed = separator.join(NAMED["headings"]) + "\n" + text
    assert read("bank_csv", headed.encode(), layout=NAMED, account="1")[0].height == 2
    longer = text.replace("11.00", f"11.00{separator}{separator}x")
    assert [r.code for r in read("bank_csv", longer.encode(), layout=NAMED)[1]] == ["FIELD_COUNT"]
    other = f"交易明细\r\n{text}"
    assert [r.code for r in read("bank_csv", other.encode(), layout=NAMED)[1]] == ["NO_AMOUNT"]


def test_another_sheet_is_told() -> None:
    assert read("bank_csv", sheets(ROWS), layout=NAMED)[0].height == 2
    refused = read("bank_csv", sheets(ROWS, ROWS), layout=NAMED)[2].refused
    assert (refused and refused.code) == "OTHER_SHEETS"


@pytest.mark.parametrize("changes", [{"headings": ["日期", "金额"]}, {"others": [{"columns": NAMED["columns"]}]}])
def test_headings_that_will_not_do(changes: Any) -> None:
    with pytest.raises(BadInput, match="headings: name the cells"):
        read("bank_csv", b"x", layout=NAMED | changes)
