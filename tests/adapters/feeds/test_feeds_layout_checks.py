"""A layout that could not read its files is refused when it is loaded; its lengths and signs are enforced."""

from __future__ import annotations

import io
import random
from datetime import date, datetime

import feeds_support as s
import polars as pl
import pytest

from adapters.base import Closing, Parsed
from adapters.feeds.mapping import CsvMapping
from adapters.feeds.times import resolve_earlier
from adapters.layout import Layout, shipped_layout
from adapters.registry import adapter
from adapters.yaml_document import document_of
from settlement.model.errors import BadInput

HEAD, STRIDE = 25, 312
RECORD = [
    {"name": "kind", "required": True, "values": {"S": "SALE"}},
    {"name": "rail", "required": True, "values": {"P": "purse"}},
    {"name": "card_number", "type": "card", "length": 19, "required": True},
    {"name": "occurred_at", "type": "datetime", "format": "YYYYMMDDhhmmss", "required": True},
    {"name": "paid", "type": "amount", "required": True},
    {"name": "merchant_name", "length": 8},
]


def described(record=None, **changes):
    fields = [field | (record or {}).get(field["name"], {}) for field in RECORD]
    base = {"format": "own", "title": "own", "shape": "delimited", "encoding": "gb18030", "newline": "lf",
            "separator": "|", "key": ["card_number", "occurred_at"], "record": {"fields": fields}}  # fmt: skip
    return base | changes


@pytest.mark.parametrize(
    ("record", "changes", "said"),
    [
        ({}, {"zone": "Mars/X"}, "time zone 'Mars/X' is not known"),
        ({}, {"filename": "WX"}, "has no group"),
        ({}, {"filename": "WX("}, "is no regular expression"),
        ({"kind": {"values": {"S": "SELL"}}}, {}, "kind: give values that mean SALE, .*; not SELL"),
        ({"kind": {"values": {}}}, {}, "kind: give values that mean SALE"),
        ({"rail": {"values": {"P": "purses"}}}, {}, "rail: give values that mean .*; not purses"),
        ({"paid": {"type": "text"}}, {}, "paid: is of type text; give it amount"),
        ({"merchant_name": {"constant": "123456789"}}, {}, "the constant is longer than the field"),
        ({"occurred_at": {"format": "YYYYMMDD hhmmss"}}, {"separator": " "}, "holds the separator ' '"),
        ({"occurred_at": {"format": "YYYYMMDDhhMMss"}}, {}, "MM stands twice .* mm the minute"),
        ({"occurred_at": {"format": "yyyy/dd"}}, {}, "occurred_at: give its format"),
        ({"occurred_at": {"format": "YMMDDhhmmss"}}, {}, "Y is no part of a format in YMMDDhhmmss"),
        ({"occurred_at": {"format": "yyyyMMdd"}}, {}, "y is no part of a format in yyyyMMdd"),
        ({}, {"encoding": "ascii", "end_mark": "完"}, "end_mark: has a character that is not in ascii"),
        ({"occurred_at": {"format": "YYYYMMDDhh"}}, {}, "hours without minutes"),
        ({"paid": {"signs": {"1": 1, "0": -1}}}, {}, "paid: a digit cannot be told from the amount"),
        ({"paid": {"declares": "total", "of": "paid"}}, {}, "paid: a header or trailer declares"),
        ({"paid": {"start": 4, "length": 9}}, {}, "`start` is for fixed fields"),
        ({"kind": {"values": {"S|": "SALE"}}}, {}, "kind: holds the separator"),
        ({"kind": {"length": 1, "values": {"SA": "SALE"}}}, {}, "code SA is longer than the field"),
        ({"kind": {"constant": "S"}}, {}, "kind: give values, or a constant"),
        ({"kind": {"blanks": ["S"]}}, {}, "kind: what is in `values`"),
        ({}, {"separator": "\n"}, "cannot part fields"),
        ({}, {"separator": "0"}, "cannot part fields"),
        ({}, {"end_mark": "A\nB"}, "is one line of text"),
        ({}, {"end_mark_newline": True}, "there is no end mark"),
        ({}, {"key": ["card_number", "card_number"]}, "key.1: card_number stands twice"),
        ({}, {"original_key": ["merchant_name"]}, "original_key: has 1 fields and `key` 2"),
        (
            {},
            {"trailer": [{"fields": [{"name": "n", "declares": "count"}]}]},
            "n: what declares a count is of type count",
        ),
        (
            {},
            {"trailer": [{"fields": [{"name": "n", "declares": "total", "of": "paid"}]}]},
            "n: what declares a total is of type amount",
        ),
    ],
)
def test_what_cannot_serve_is_refused_when_the_layout_is_loaded(record, changes, said):
    document_of(described(), "own", Layout)
    with pytest.raises(BadInput, match=said):
        document_of(described(record, **changes), "own", Layout)


def test_the_length_of_a_delimited_field_is_enforced():
    line = "S|P|2150001234567890123|20260507093015|100|{}\n"
    names = ["12345678", "松鹤楼菜", "123456789", "松鹤楼菜馆"]
    data = "".join(line.format(name) for name in names).encode("gb18030")
    frame, rejects, _ = s.read("citizen_card", data, s.context("X", "own", s.DAY, layout=described()))
    assert frame.height == 2
    assert [(r.record, r.field, r.code) for r in rejects] == [(n, "merchant_name", "TOO_LONG") for n in (3, 4)]


def test_a_digit_in_the_place_of_a_sign_is_no_sign():
    frame = s.citizen_frame(20)
    data = s.write("citizen_card", frame, s.context(frame, "smk"))
    at = HEAD + 6 * STRIDE + 178
    data = data[:at] + b"5000000000010" + data[at + 13 :]
    _, rejects, _ = s.read("citizen_card", data, s.context("SMK_20260507", "smk"))
    assert [(r.record, r.field, r.code) for r in rejects] == [(7, "fee", "BAD_SIGN")]


def _payout(row):
    reader = adapter("bank_template").read
    given = s.context("req_20260507_001.txt", "ms", None, layout=shipped_layout("adapters.payments", "minsheng_payout"))
    amount = int(row.split("|")[3])
    data = f"P|1|{amount}\r\n{row}\r\n########".encode("gb18030")
    items = list(reader(io.BytesIO(data), given))
    assert isinstance(items[-1], Closing)
    return [reject.code for item in items if isinstance(item, Parsed) for reject in item.rejects]


def test_a_payout_file_keeps_its_lengths_and_has_amounts():
    assert _payout("S1|622|张三|1||") == []
    assert _payout("S" * 36 + "|622|张三|1||") == ["TOO_LONG"]
    assert _payout("S1|" + "6" * 33 + "|张三|1||") == ["TOO_LONG"]
    assert _payout("S1|622|张三|0||") == ["ZERO_AMOUNT"]


def test_an_original_is_not_after_its_own_record_but_where_clocks_differ():
    own = datetime(2026, 5, 7, 9, 30, 15)
    days = [
        datetime(2000, 5, 7, 9, 30, 15),
        datetime(2000, 5, 7, 10, 30, 15),  # a whole hour: clocks of two zones
        datetime(2000, 5, 7, 10, 30, 16),
        datetime(2000, 5, 8, 9, 30, 15),
    ]
    frame = pl.DataFrame({"original": days, "own": [own] * 4})
    years = resolve_earlier(frame, "original", "own", date(2026, 5, 7)).dt.year().to_list()
    assert years == [2026, 2026, 2025, 2025]
    over_new_year = pl.DataFrame({"original": [datetime(2000, 1, 1, 0, 0, 5)], "own": [datetime(2026, 12, 31, 23, 59)]})
    assert resolve_earlier(over_new_year, "original", "own", date(2026, 12, 31)).to_list() == [
        datetime(2027, 1, 1, 0, 0, 5)
    ]


def test_a_card_number_in_another_field_is_masked_in_the_key():
    fields = [*RECORD, {"name": "terminal_no"}, {"name": "seq", "type": "digits"}]
    layout = described(record={}) | {"key": ["card_number", "terminal_no", "seq"], "record": {"fields": fields}}
    card = "2150001234567890123"
    line = f"S|P|{card}|20260507093015|100||{{}}|{{}}\n"
    data = (line.format(card, card) + line.format("T1", "1234567890123456") + line.format("", "")).encode()
    frame, rejects, _ = s.read("citizen_card", data, s.context("X", "own", s.DAY, layout=layout))
    shown = "215000*********0123"
    assert rejects == []
    assert frame["transaction_id"].to_list() == [
        f"own:{shown}/{shown}/{shown}", f"own:{shown}/T1/1234567890123456", f"own:{shown}//"
    ]  # fmt: skip
    assert frame["terminal_no"].to_list() == [shown, "T1", None]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"separator": '"'}, "separator: a separator is one to four marks"),
        ({"turned": ["no"]}, "turned.0: no: only an amount"),
        ({"key": ["no", "no"]}, "key.1: no stands twice"),
        ({"original_key": ["no", "old"]}, "original_key: has 2 fields and `key` 1"),
        ({"columns": {"old": {"title": "no"}}}, "columns.3.title: old: has the heading of no"),
        ({"columns": {"old": {"start": 3}}}, "columns.3.start: old: a column has no `start`"),
        ({"columns": {"paid": {"declares": "total", "of": "paid"}}}, "columns.1.declares: paid: a column has no"),
    ],
)
def test_what_cannot_serve_is_refused_when_the_mapping_is_loaded(changes, said):
    columns = [
        {"title": "no", "name": "no"},
        {"title": "amount", "name": "paid", "type": "amount"},
        {"title": "at", "name": "occurred_at", "type": "datetime", "format": "YYYYMMDDhhmmss"},
        {"title": "old", "name": "old"},
    ]
    base = {"format": "own", "title": "own", "encoding": "utf-8", "kind": "SALE", "key": ["no"], "columns": columns}
    document_of(base, "own", CsvMapping)
    other = changes.get("columns", {})
    changed = base | changes | {"columns": [column | other.get(column["name"], {}) for column in columns]}
    with pytest.raises(BadInput, match=said):
        document_of(changed, "own", CsvMapping)


ORIGINALS = [
    {"name": "terminal_no"}, {"name": "old_terminal"},
    {"name": "old_at", "type": "datetime", "format": "MMDDhhmmss"},
]  # fmt: skip


def own_layout():
    """A company's own: the key is terminal and time, and refunds are written with a minus."""
    fields = {"kind": {"values": {"S": "SALE", "R": "REFUND"}}, "paid": {"signs": {"-": 1}}}
    layout = described(fields, key=["terminal_no", "occurred_at"], original_key=["old_terminal", "old_at"])
    layout["record"]["fields"] += ORIGINALS
    return layout


def test_a_layout_with_a_key_of_its_own_names_originals_and_is_written_again():
    card = s.number(random.Random(1), 16)
    lines = f"S|P|{card}|20251231235959|100||T1||\nR|P|{card}|20260101080000|-40||T1|T1|1231235959\n"
    given = s.context("X", "own", date(2026, 1, 1), layout=own_layout())
    frame, rejects, _ = s.read("citizen_card", lines.encode(), given)
    assert (rejects, frame["paid_fen"].to_list()) == ([], [100, 40])
    assert frame["transaction_id"].to_list() == ["own:T1/20251231235959", "own:T1/20260101080000"]
    assert frame["original_key"].to_list() == [None, "own:T1/20251231235959"]
    written = s.write("citizen_card", frame.with_columns(card_number=pl.lit(card)), given)
    again, rejects, _ = s.read("citizen_card", written, given)
    assert (rejects, again.drop(s.PLACES).equals(frame.drop(s.PLACES))) == ([], True)


def test_a_record_whose_key_is_blank_has_no_identity():
    layout = own_layout() | {"key": ["terminal_no"], "original_key": []}
    lines = "S|P|2150001|20260507093015|100||T1||\nS|P|2150001|20260507093016|100||||\n"
    frame, rejects, _ = s.read("citizen_card", lines.encode(), s.context("X", "own", s.DAY, layout=layout))
    assert [(r.record, r.code) for r in rejects] == [(2, "NO_KEY")]
    assert frame["transaction_id"].to_list() == ["own:T1"]


def test_a_wrong_trailer_is_refused_at_its_own_byte():
    """A total that does not hold, or cannot be read, is shown where it is declared and not where the records begin."""
    count = {"name": "count_in_all", "type": "count", "declares": "count"}
    total = {"name": "sum", "type": "amount", "declares": "total", "of": "paid"}
    layout = described(trailer=[{"fields": [{"name": "mark", "constant": "T"}, count, total]}])
    rows = b"S|P|2150001234567890123|20260507093015|100|x\nS|P|2150001234567890123|20260507093016|100|y\n"
    given = s.context("f", "smk", s.DAY, layout=layout)
    assert s.read("citizen_card", rows + b"T|2|200\n", given)[2].refused is None
    for trailer, code, name, cell in (
        (b"T|3|200\n", "COUNT_MISMATCH", "count_in_all", "3"),
        (b"T|2|201\n", "TOTAL_MISMATCH", "sum", "201"),
        (b"T|2|2x1\n", "BAD_TRAILER", "sum", "2x1"),
    ):
        data = rows + trailer
        refused = s.read("citizen_card", data, given)[2].refused
        assert (refused.code, refused.field, refused.byte) == (code, name, len(rows))
        shown = adapter("citizen_card").show(io.BytesIO(data), refused, {"layout": layout})
        assert shown.text == trailer.decode().strip()
        assert shown.text[shown.start : shown.end] == cell
