"""Bytes shown to people: the wrong place is pointed out, and no card number stands there, however damaged."""

from __future__ import annotations

import io
import random
import re

import pytest

from adapters.shown import mask_cell, mask_text, show_line
from settlement.model.rejects import Reject


@pytest.mark.parametrize(
    ("text", "cell", "anywhere"),
    [
        ("6222021234567890", "622202******7890", "62************90"),
        ("6222 0212 3456 7890", "6222 02** **** 7890", "62** **** **** **90"),
        ("622202x1234567890", "622202x******7890", "62****x********90"),
        ("６２２２０２１２３４５６７８９０", "６２２２０２******７８９０", "６２************９０"),
        ("21550001", "********", "21550001"),
        ("2026-05-07 09:00:00,12.00", "", "2026-05-07 09:00:00,12.00"),
        (":61:1407290729C500NTRF", ":61:1407*****9C500NTRF", ":61:1407290729C500NTRF"),
        ("", "", ""),
    ],
)
def test_masks(text: str, cell: str, anywhere: str) -> None:
    assert mask_text(text) == anywhere
    assert mask_cell(text) == (cell or mask_cell(text))


def test_a_damaged_card_number_is_never_shown_whole() -> None:
    rng = random.Random(5)
    for _ in range(2000):
        number = "62" + "".join(rng.choice("0123456789") for _ in range(rng.choice([14, 17])))
        at = rng.randrange(len(number))
        spoilt = number[:at] + rng.choice("xX?°") + number[at + rng.choice([0, 1]) :]
        for shown in (mask_cell(spoilt), mask_text(f"a;{spoilt};b")):
            assert len(re.findall(r"\d", shown)) <= 10, (spoilt, shown)


def test_of_xml_the_element_is_shown() -> None:
    data = b"<Doc>\n  <Ntry>\n    <Ref>6222021234567890</Ref><ns:Amt Ccy='CNY'>12..3</ns:Amt>\n  </Ntry></Doc>"
    shown = show_line(io.BytesIO(data), Reject("f", 1, 8, "Amt", "BAD_AMOUNT", "m"), {})
    assert shown is not None
    assert shown.text == "<Ref>62************90</Ref><ns:Amt Ccy='CNY'>12..3</ns:Amt>"
    assert shown.text[shown.start : shown.end] == "<ns:Amt Ccy='CNY'>12..3"
    assert show_line(io.BytesIO(data), Reject("f", 0, -1, "", "X", "m"), {}) is None


def test_of_a_workbook_no_bytes_are_shown() -> None:
    data = b"PK\x03\x04" + bytes(range(200))
    assert show_line(io.BytesIO(data), Reject("f", 1, 0, "amount", "BAD_AMOUNT", "m"), {}) is None
