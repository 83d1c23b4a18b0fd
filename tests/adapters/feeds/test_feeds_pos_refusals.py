"""What a POS file may not say: totals that lie, discounts that are cut, other currencies, messages without identity."""

from __future__ import annotations

import tracemalloc

import feeds_support as s
import iso8583
import pytest

from adapters.feeds import framing, layout_feed
from adapters.feeds.iso_spec import SPECS
from settlement.model.errors import BadInput

TOTALS = {"74": "0" * 10, "75": "0" * 10, "76": "0000000002", "77": "0" * 10,
          "86": "0" * 16, "87": "0" * 16, "88": "2000".zfill(16), "89": "0" * 16}  # fmt: skip


def message(spec="cups", **fields):
    base = {"t": "0210", "3": "000000", "4": "000000001000", "7": "0507120000", "11": "000001", "25": "00", "39": "00",
            "32": "48020000", "41": "T0000001", "42": "M00000000000001", "49": "156"}  # fmt: skip
    text = {name: value for name, value in (base | fields).items() if value is not None}
    return bytes(iso8583.encode(text, SPECS[spec])[0])


def closing(t="0520", **fields):
    text = {name: value for name, value in ({"t": t} | fields).items() if value is not None}
    return bytes(iso8583.encode(text, SPECS["cups"])[0])


def feed(*messages, **settings):
    data = b"".join(len(one).to_bytes(2, "big") + one for one in messages)
    return s.read("pos_iso8583", data, s.context("POS20260507", "pos", s.DAY, **settings))


SALES = message(), message(**{"11": "000002"})


def code_of(*messages, **settings):
    refused = feed(*messages, **settings)[2].refused
    return None if refused is None else (refused.code, refused.field)


@pytest.mark.parametrize(
    ("totals", "code"),
    [
        (TOTALS, None),
        ({"76": "0000000002"}, None),
        ({"76": "0000000003"}, ("COUNT_MISMATCH", "DE76")),
        ({"88": "2001".zfill(16)}, ("TOTAL_MISMATCH", "DE88")),
        (TOTALS | {"88": "A".zfill(16)}, ("BAD_TOTAL", "DE88")),
        (TOTALS | {"88": "2000".rjust(16)}, ("BAD_TOTAL", "DE88")),
    ],
)
def test_each_total_that_the_closing_message_gives_must_hold(totals, code):
    assert code_of(*SALES, closing(**totals)) == code
    if code:
        refused = feed(*SALES, closing(**totals))[2].refused
        assert refused.record == len(SALES) + 1, "the closing message itself"
        assert refused.byte > 0


def test_a_demanded_closing_message_gives_all_its_totals():
    assert code_of(*SALES, closing(**TOTALS), reconciliation="required") is None
    assert code_of(*SALES, closing(**{"76": "0000000002"}), reconciliation="required") == ("NO_END_MARK", "")


def test_behind_the_closing_message_stand_only_its_repeats_and_answers(monkeypatch):
    late, end = message(**{"11": "000003"}), closing(**TOTALS)
    for size in (framing.BLOCK, 150):  # in the same block, and in later ones
        monkeypatch.setattr(framing, "BLOCK", size)
        assert code_of(*SALES, end, closing(t="0521", **TOTALS), closing(t="0530")) is None
        assert code_of(*SALES, end, late) == ("AFTER_END", "")
        assert code_of(*SALES, end, closing(t="0530"), late, end) == ("AFTER_END", "")


@pytest.mark.parametrize(
    ("settings", "fields", "code"),
    [
        ({}, {"54": "0060156X000000000250"}, "BAD_SIGN"),
        ({}, {"54": "00601560000000000250"}, "BAD_SIGN"),
        ({}, {"54": "0060156C00000000025"}, "BAD_AMOUNT"),
        ({}, {"54": "0060156C            "}, "BAD_AMOUNT"),
        ({}, {"54": "0060156C   000000250"}, "BAD_AMOUNT"),
        ({}, {"54": "0060156C000000000250" * 2}, "BAD_AMOUNT"),
        ({}, {"54": "0060840C000000000250"}, "OTHER_CURRENCY"),
        ({}, {"54": "0060840C000000000250", "49": None}, "OTHER_CURRENCY"),
        ({"discount_field": "48", "discount_start": "3"}, {"48": "AS000002500"}, "BAD_AMOUNT"),
        ({"discount_field": "57", "discount_prefix": "DC"}, {"57": "DC000002500"}, "BAD_AMOUNT"),
    ],
)
def test_a_discount_that_is_not_whole_is_never_a_smaller_one(settings, fields, code):
    frame, rejects, _ = feed(message(), message(**{"11": "000002"} | fields), **settings)
    assert frame["claimed_fen"].to_list() == [None]
    assert [(r.record, r.field, r.code) for r in rejects] == [(2, "claimed", code)]


@pytest.mark.parametrize("currency", ["392", "414", "840", "999", "CNY"])
def test_amounts_are_yuan(currency):
    frame, rejects, _ = feed(message(**{"49": None}), message(**{"11": "000002", "49": currency}))
    assert frame["currency"].to_list() == ["156"]
    assert [(r.record, r.field, r.code) for r in rejects] == [(2, "currency", "OTHER_CURRENCY")]


def test_a_message_whose_key_would_have_no_day_is_refused():
    local = {"7": None, "12": "120000", "13": "0507"}
    for fields in (local, {"32": None}):
        assert [r.code for r in feed(message(**fields))[1]] == ["NO_KEY"]
    batch = {"60": "22000007"}
    assert [r.code for r in feed(message("pos", **local), body="pos")[1]] == ["NO_KEY"]
    assert feed(message("pos", **local | batch), body="pos")[1] == []


def test_a_file_of_tiny_messages_takes_little_memory():
    for data, settings in ((b"\x00\x01x" * 1_000_000, {}), (b"00\n" * 1_000_000, {"framing": "hex"})):
        tracemalloc.start()
        _, _, end = s.read("pos_iso8583", data, s.context("POS20260507", "pos", s.DAY, **settings))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert end.refused.code == "NOT_DECODABLE"
        assert most < 200 * 2**20


def test_blocks_of_few_messages_are_the_same_file(monkeypatch):
    many = [message(**{"11": f"{number:06}"}) for number in range(1, 40)]
    hexadecimal = b"".join(one.hex().encode() + b"\n" for one in many) + b"\n"
    whole = feed(*many)[0]
    for most in (1, 7, 38, 39):
        monkeypatch.setattr(framing, "MOST_MESSAGES", most)
        assert feed(*many)[0].equals(whole)
        frame, _, end = s.read("pos_iso8583", hexadecimal, s.context("POS20260507", "pos", s.DAY, framing="hex"))
        assert (end.refused, frame["transaction_id"].to_list()) == (None, whole["transaction_id"].to_list())
        with_end = b"".join(len(one).to_bytes(4, "big") + one for one in many) + bytes(4)
        assert s.read("pos_iso8583", with_end, s.context("POS20260507", "pos", s.DAY, framing="vbs"))[0].height == 39


def test_a_file_with_too_many_rejects_is_refused(monkeypatch):
    monkeypatch.setattr(layout_feed, "MOST_REJECTS", 2)
    bad = [message(**{"11": f"{number:06}", "7": "0231120000"}) for number in range(3)]
    assert code_of(message(), *bad[:2]) is None
    assert code_of(message(), *bad) == ("TOO_MANY_REJECTS", "")


@pytest.mark.parametrize("settings", [{"zone": "Mars/X"}, {"filename": "POS"}, {"filename": "POS("}])
def test_settings_that_cannot_serve_are_named(settings):
    with pytest.raises(BadInput, match=f"setting {next(iter(settings))}"):
        feed(message(), **settings)
