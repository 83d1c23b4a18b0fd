"""Cells of a layout of one's own: blank codes, wide numbers, characters that a field cuts; and its example."""

from __future__ import annotations

import feeds_support as s
import polars as pl
import pytest
from feeds_own_support import CARD, FIELDS, FIXED, ROW, read

from adapters.layout import Layout
from adapters.layout_text import describe
from adapters.yaml_document import document_of
from settlement.model.errors import BadInput


@pytest.mark.parametrize("type_", ["text", "digits", "hex"])
@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("shape", ["delimited", "fixed"])
def test_a_blank_cell_may_be_a_code(shape, required, type_):
    """Many files mark what was undone, and leave the mark of a sale blank."""
    mark = "R" if type_ == "text" else "2"
    kind = {"name": "kind", "type": type_, "required": required, "values": {"": "SALE", mark: "REFUND"}}
    if shape == "delimited":
        lines = [f"{code}|{CARD}|20260507093015|100|R{n}|5" for n, code in enumerate(["", mark, " ", "9"])]
        made = {"record": {"fields": [kind, *FIELDS[1:]]}}
    else:
        lines = [f"{code}{CARD}20260507093015000100R{n}" for n, code in enumerate([" ", mark, " ", "9"])]
        made = FIXED | {"record": {"fields": [kind | {"start": 1, "length": 1}, *FIXED["record"]["fields"][1:]]}}
    frame, rejects, _, _, given = read(*lines, "", **made)
    assert frame["kind"].to_list() == ["SALE", "REFUND", "SALE"]
    assert rejects == [(4, "kind", "UNKNOWN_CODE")]
    frame = frame.with_columns(card_number=pl.lit(CARD), merchant_name=pl.lit(None, pl.String))
    again, rejects, _ = s.read("citizen_card", s.write("citizen_card", frame, given), given)
    assert (again["kind"].to_list(), rejects) == (["SALE", "REFUND", "SALE"], [])


@pytest.mark.parametrize("required", [False, True])
def test_what_is_not_known_is_not_written_as_the_code_of_a_blank(required):
    rail = {"name": "rail", "required": required, "values": {"": "purse", "B": "bank_account"}}
    frame, _, _, _, given = read(ROW + "|", ROW.replace("R1", "R2") + "|B", "", fields=[rail])
    frame = frame.with_columns(card_number=pl.lit(CARD), merchant_name=pl.lit(None, pl.String))
    assert b"R1||\n" in s.write("citizen_card", frame, given)
    with pytest.raises(BadInput, match=r"record 1: rail: has no code in this layout"):
        s.write("citizen_card", frame.with_columns(rail=pl.lit(None, pl.String)), given)


def test_a_code_with_blanks_around_it_would_never_be_met():
    with pytest.raises(BadInput, match="code ' ' is read without the blanks around it"):
        read(ROW, "", record={"fields": [FIELDS[0] | {"values": {" ": "SALE"}}, *FIELDS[1:]]})


def test_a_wide_count_is_filled_with_zeros():
    count = {"name": "n", "type": "count", "declares": "count"}
    for text, code in (("1".zfill(20), None), ("2".zfill(20), "COUNT_MISMATCH"), ("1" + "0" * 19, "BAD_HEADER")):
        refused = read(text, ROW, "", header=[{"fields": [count]}])[2]
        assert (refused and refused.code) == code
        fixed = {**FIXED, "header": [{"fields": [count | {"start": 1, "length": 20}]}]}
        refused = read(text, f"S{CARD}20260507093015000100R1", "", **fixed)[2]
        assert (refused and refused.code) == code


def test_the_day_in_a_name_need_not_be_there():
    given = s.context("X", "own", None, layout=FIXED | {"filename": "^X(?P<clearing_date>20[0-9]{6})?"}, rail="purse")
    refused = s.read("citizen_card", f"S{CARD}20260507093015000100R1\n".encode(), given)[2].refused
    assert refused.code == "NO_CLEARING_DATE"


@pytest.mark.parametrize(
    ("encoding", "name", "code"),
    [
        ("gb18030", "得月楼菜馆".encode("gb18030")[:7], None),
        ("gb18030", b"12345\x95\x34", None),
        ("gb18030", b"123456\x80", "BAD_ENCODING"),
        ("gb18030", "得月𠮷".encode("gb18030")[:7], None),
        ("gb18030", b"123456\x95", None),
        ("gb18030", b"12345\xd6 ", "BAD_ENCODING"),
        ("gb18030", b"\xd6 34567", "BAD_ENCODING"),
        ("gb18030", b"123456\xff", "BAD_ENCODING"),
        ("utf-8", "得月楼".encode()[:7], None),
        ("utf-8", b"12345\xe5\x20", "BAD_ENCODING"),
        ("ascii", b"123456\xe5", "BAD_ENCODING"),
    ],
)
@pytest.mark.parametrize("used", [False, True])
def test_a_name_that_its_field_cuts_within_a_character(encoding, name, code, used):
    """What is only checked: of a part of the key every byte counts."""
    fields = [*FIXED["record"]["fields"], {"name": "shop", "start": 43, "length": 7}]
    layout = FIXED | {"encoding": encoding, "record": {"fields": fields}, "key": ["rrn", "shop"] if used else ["rrn"]}
    given = s.context("X", "own", s.DAY, layout=layout, rail="purse")
    rows = [f"S{CARD}20260507093015000100R{n}".encode() for n in (1, 2)]
    frame, rejects, closing = s.read("citizen_card", rows[0] + b"1234567\n" + rows[1] + name + b"\n", given)
    want = [] if code is None and not used else [(2, "shop", "BAD_ENCODING")]
    assert ([(r.record, r.field, r.code) for r in rejects], closing.refused) == (want, None)
    assert frame.height == 2 - len(want)


def test_the_example_of_a_layout_is_a_file_of_it():
    """A total of what the example leaves blank is nothing; a blank code is a blank cell."""
    kind = {"name": "kind", "required": True, "values": {"": "SALE", "R": "REFUND"}}
    total = {"name": "bonus_total", "type": "amount", "declares": "total", "of": "bonus"}
    layout = {"format": "own", "title": "own", "shape": "delimited", "encoding": "gb18030", "newline": "lf",
              "separator": "|", "key": ["rrn"], "trailer": [{"fields": [total]}],
              "record": {"fields": [kind, *FIELDS[1:3], FIELDS[3] | {"required": True}, FIELDS[4] | {"required": True},
                                    FIELDS[5]]}}  # fmt: skip
    told = describe(document_of(layout, "own", Layout))
    lines = next(part.rows for part in told if part.title == "example")
    data = "".join(f"{line[0]}\n" for line in lines).encode("gb18030")
    frame, rejects, closing = s.read("citizen_card", data, s.context("X", "own", s.DAY, layout=layout, rail="pos"))
    assert (frame["kind"].to_list(), rejects, closing.refused) == (["SALE"], [], None)
