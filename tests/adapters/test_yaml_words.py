"""What a clerk is told who writes a mapping: file, line, what is wrong there, and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.accounts.bank_map import bank_map
from adapters.feeds.mapping import mapping_of
from adapters.yaml_document import read_yaml
from settlement.model.errors import BadInput

BANK = """format: bank
title: "t"
columns:
  booking_date: ["日期"]
  income: ["收入"]
  expense: ["支出"]
"""
WALLET = """format: wallet
title: "t"
encoding: utf-8
key: [rrn]
kind: SALE
columns:
  - {title: "单号", name: rrn, required: true}
  - {title: "时间", name: occurred_at, type: datetime, format: "YYYY-MM-DD hh:mm:ss"}
  - {title: "金额", name: paid, type: amount}
"""


@pytest.mark.parametrize(
    ("text", "old", "new", "told"),
    [
        (BANK, "title:", "titel:", "2:1: titel: there is no such key; write title, or take it out"),
        (BANK, "booking_date", "bookingdate", "4:3: columns.bookingdate: there is no such key; write booking_date, or"),
        (BANK, '["支出"]', "支出", "6:3: columns.expense: must be a list: [one, two]"),
        (BANK, '  expense: ["支出"]', "", "5:3: columns.income: income and expense go together"),
        (
            BANK,
            "  expense",
            "\texpense",
            "6:1: not YAML: found character '\\t' that",
        ),
        (BANK, "title:", "title：", "3:1: not YAML: could not find expected ':'; write the mark ： as"),
        (
            BANK,
            '["支出"]',
            '["支出"，"付"]',
            "6:17: not YAML: expected ',' or ']'",
        ),
        (BANK, BANK, "", " has no keys; begin it with format:"),
        (BANK, BANK, "icbc", " has no keys; begin it with format:"),
        (WALLET, "name: paid,", "name: paid, uint: fen,", "9:31: columns.2.uint: there is no such key; write unit, or"),
        (WALLET, "[rrn]", "[单号]", "4:1: key: there is no column with the name 单号: write its name, not its title"),
        (WALLET, "required: true", "required: yes", "7:30: columns.0.required: must be true or false"),
        (WALLET, "kind: SALE", 'kind: SALE\nfilename: "("', "6:1: filename: is no regular expression: "),
    ],
)
def test_a_mapping_that_cannot_be_is_told_in_plain_words(
    text: str, old: str, new: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(BadInput) as error:
        _ = bank_map({"layout": read_yaml(path)}) if text == BANK else mapping_of({"mapping": read_yaml(path)})
    assert str(error.value).startswith(f"own.yaml:{told}")
    assert ("write blanks for the tab" in str(error.value)) == ("\t" in new)
    assert ("of half the width" in str(error.value)) == bool({"：", "，"} & set(new))


def test_a_mapping_saved_in_gbk_is_saved_again(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(BANK.encode("gbk"))
    with pytest.raises(BadInput, match="not UTF-8; save the file as UTF-8"):
        read_yaml(path)
