"""What a POS file may not say: totals that lie, discounts that are cut, other currencies, messages without identity."""

from __future__ import annotations

import tracemalloc

import feeds_support as s
import iso8583
import pytest

from adapters.feeds import framing, tally
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


def test_a_discount_may_stand_behind_a_chinese_text():
    text = "活动优惠0500元".encode("gb18030").decode("latin-1")
    given = {"discount_field": 57, "discount_prefix": "优惠", "discount_length": 4}
    frame, rejects, _ = feed(message(**{"57": text}), message(**{"11": "000002", "57": "0500"}), **given)
    assert (rejects, frame["claimed_fen"].to_list()) == ([], [500, None])


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
    monkeypatch.setattr(tally, "MOST_REJECTS", 2)
    bad = [message(**{"11": f"{number:06}", "7": "0231120000"}) for number in range(3)]
    assert code_of(message(), *bad[:2]) is None
    assert code_of(message(), *bad) == ("TOO_MANY_REJECTS", "")


@pytest.mark.parametrize(
    "settings",
    [{"zone": "Mars/X"}, {"filename": "POS"}, {"filename": "POS("}, {"discount_field": 1}, {"discount_field": "65"}],
)
def test_settings_that_cannot_serve_are_named(settings):
    with pytest.raises(BadInput, match=f"setting {next(iter(settings))}"):
        feed(message(), **settings)


REQUEST = {"t": "0200", "39": None}
ORIGINAL = "0200" + "000001" + "0507120000"


@pytest.mark.parametrize("messages", ["any", "requests"])
def test_a_request_that_an_answer_of_the_file_declines_is_no_sale(messages):
    pair = message(**REQUEST), message(**{"39": "51"})
    assert code_of(*pair, messages=messages) == ("MIXED_MESSAGES", "")
    frame, rejects, end = feed(*pair, messages="responses")
    assert (frame.height, rejects, end.skipped) == (0, [], 2)
    inquiry = message(**{"3": "300000", "11": "000002", "39": "51"})
    assert code_of(message(**REQUEST), inquiry, messages=messages) is None


@pytest.mark.parametrize("messages", ["any", "requests"])
def test_a_request_that_was_approved_in_part_is_not_counted_whole(messages):
    part = message(**{"4": "000000000600", "39": "10"})
    assert code_of(message(**REQUEST), part, messages=messages) == ("MIXED_MESSAGES", "")
    assert feed(message(**REQUEST), part, messages="responses")[0]["paid_fen"].to_list() == [600]
    assert feed(part)[0]["paid_fen"].to_list() == [600]


def test_an_answer_without_an_answer_code_is_rejected():
    frame, rejects, end = feed(message(), message(**{"11": "000002", "39": None}), messages="responses")
    assert [(r.record, r.field, r.code) for r in rejects] == [(2, "response_code", "NO_ANSWER")]
    assert (frame.height, end.total_fen) == (1, 2000)


def test_a_notification_is_no_operation_that_is_known():
    frame, rejects, _ = feed(message(), message(t="0240", **{"3": "200000", "11": "000002"}))
    assert [(r.record, r.code) for r in rejects] == [(2, "UNKNOWN_KIND")]
    assert frame["kind"].to_list() == ["SALE"]


@pytest.mark.parametrize(("acquirer", "forwarder"), [("48020000", "49990"), ("48020000", "0"), ("0", "0")])
def test_institutions_that_de90_does_not_state_are_the_messages_own(acquirer, forwarder):
    original = ORIGINAL + acquirer.zfill(11) + forwarder.zfill(11)
    sale = message(**{"33": "00049990"})
    undone = message(t="0430", **{"11": "000002", "33": "00049990", "90": original})
    frame, rejects, _ = feed(sale, undone)
    assert (rejects, frame["kind"].to_list()) == ([], ["SALE", "REVERSAL"])
    assert frame["original_key"][1] == frame["transaction_id"][0]


@pytest.mark.parametrize(
    ("function", "kinds"), [("10", []), ("11", []), ("20", ["REVERSAL"]), ("21", ["REVERSAL"]), ("23", ["REVERSAL"])]
)
def test_a_terminals_reversal_of_a_preauthorisation_moves_nothing(function, kinds):
    undone = message("pos", t="0410", **{"3": "200000", "7": None, "32": None, "12": "120000", "13": "0507", "25": "06",
                                         "60": f"{function}000007"})  # fmt: skip
    frame, rejects, _ = feed(undone, body="pos")
    assert (rejects, frame["kind"].to_list()) == ([], kinds)


@pytest.mark.parametrize("original", [None, "0" * 12, "0" * 12 + "0507", "0000070000010507"])
def test_a_terminals_reversal_undoes_its_trace_where_de61_names_none(original):
    at = {"7": None, "32": None, "12": "120000", "13": "0507", "60": "22000007"}
    sale, undone = message("pos", **at), message("pos", t="0410", **at, **{"61": original})
    frame, rejects, _ = feed(sale, undone, body="pos")
    assert (rejects, frame["kind"].to_list()) == ([], ["SALE", "REVERSAL"])
    assert frame["original_key"][1] == frame["transaction_id"][0]


@pytest.mark.parametrize("mti", ["0220", "0221", "0230"])
@pytest.mark.parametrize(
    ("function", "kinds"), [("22", ["SALE"]), ("24", ["SALE"]), ("30", ["SALE"]), ("32", []), ("34", [])]
)
def test_a_terminals_change_of_a_sales_amount_is_no_second_sale(mti, function, kinds):
    changed = message("pos", t=mti, **{"7": None, "32": None, "12": "120000", "13": "0507", "60": f"{function}000007"})
    frame, rejects, _ = feed(changed, body="pos")
    assert frame["kind"].to_list() == kinds
    assert [reject.code for reject in rejects] == ["UNKNOWN_KIND"] * (not kinds)


@pytest.mark.parametrize(
    ("fields", "field"), [({"7": "0229120000"}, "transmitted_at"), ({"12": "120000", "13": "0229"}, "local_at")]
)
def test_29_february_of_a_year_without_it_is_no_day_of_another_year(fields, field):
    def on(day):
        data = b"".join(len(one).to_bytes(2, "big") + one for one in (message(), message(**{"11": "000002"} | fields)))
        return s.read("pos_iso8583", data, s.context(f"POS{day}", "pos"))

    for day in ("20251231", "20260301", "20270301"):
        assert [(r.record, r.field, r.code) for r in on(day)[1]] == [(2, field, "BAD_DATE")], day
    frame, rejects, _ = on("20280301")
    assert rejects == []
    assert f"{frame['occurred_at'][1]:%Y-%m-%d}" == "2028-02-29"


def test_closing_messages_that_declare_different_totals_prove_nothing():
    lies, true = closing(**TOTALS | {"76": "0000000007"}), closing(**TOTALS)
    assert code_of(*SALES, lies, true) == ("BAD_TRAILER", "")
    assert code_of(*SALES, true, closing(t="0521", **TOTALS), closing(t="0530")) is None
    assert code_of(*SALES, closing(), true) is None


def test_track_2_says_the_card_where_de2_is_empty():
    frame, _, _ = feed(message(**{"2": "", "35": "6222020000000001=2512"}))
    assert frame["card_masked"].to_list() == ["622202******0001"]


def test_answer_codes_of_the_settings_are_two_characters():
    answers = message(), message(**{"11": "000002", "39": "11"})
    assert feed(*answers, approved="00, 11")[0].height == 2
    for wrong in ("00;11", "", "0", "00,"):
        with pytest.raises(BadInput, match="setting approved: write two-character"):
            feed(*answers, approved=wrong)


REVERSED = {"t": "0420", "39": "98", "11": "000009", "90": "0200" + "000001" + "0507120000" + "00048020000" + "0" * 11}


def test_a_rejected_answer_is_an_answer_all_the_same():
    """Its request must not count in its place."""
    request, answer = message(t="0200", **{"39": None}), message(**{"39": None})
    assert code_of(request, answer) == ("MIXED_MESSAGES", "")
    assert code_of(request, answer, messages="requests") is None


def test_a_reversal_without_an_answer_is_not_skipped_in_silence():
    """`messages=responses` takes the answers; a log that has none of its reversals would lose them."""
    reversal, answer = message(**REVERSED), message(**REVERSED | {"t": "0430", "39": "00"})
    repeat = message(**REVERSED | {"t": "0421"})
    of_authorisation = message(**REVERSED | {"90": "01" + REVERSED["90"][2:]})

    def told(*messages, **settings):
        return "without an answer in the file" in " ".join(feed(*messages, **settings)[2].notes)

    assert told(message(), reversal, messages="responses")
    assert not told(message(), reversal)
    assert not told(message(), reversal, repeat, answer, messages="responses")
    assert not told(message(), of_authorisation, messages="responses")


def test_a_reversal_that_was_declined_is_not_counted_by_its_request():
    """DE39 of a reversal's request is the reason for it: only the answer says whether anything was undone."""
    reversal, declined = message(**REVERSED), message(**REVERSED | {"t": "0430", "39": "12"})
    assert code_of(message(), reversal, declined) == ("MIXED_MESSAGES", "")
    frame = feed(message(), reversal, declined, messages="responses")[0]
    assert frame["kind"].to_list() == ["SALE"]
    assert code_of(message(), reversal, message(**{"11": "000002", "39": "51"})) is None, "a sale was declined"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_last_line_of_a_file_of_hexadecimal_digits_may_be_empty(newline):
    lines = [one.hex() for one in (*SALES, closing(**TOTALS))]
    data = newline.join([*lines, "", ""]).encode()
    frame, rejects, end = s.read("pos_iso8583", data, s.context("POS20260507", "pos", s.DAY, framing="hex"))
    assert (frame.height, rejects, end.refused) == (2, [], None)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_empty_last_line_of_hexadecimal_digits_may_stand_where_a_block_ends(monkeypatch, newline):
    lines = [one.hex() for one in (*SALES, closing(**TOTALS))]
    data = newline.join([*lines, "", ""]).encode()
    for size in (len(data) // 2, *range(len(data) - 3, len(data) + 2)):
        monkeypatch.setattr(framing, "BLOCK", size)
        frame, _, end = s.read("pos_iso8583", data, s.context("POS20260507", "pos", s.DAY, framing="hex"))
        assert (frame.height, end.refused) == (2, None), size


def _terminal_sale(terminal, stan, **fields):
    return message(**({"41": terminal.ljust(8), "11": f"{stan:06d}"} | fields))


def _end(terminal=None, count=0, t="0520", **more):
    given = TOTALS | {"76": f"{count:010d}", "88": f"{count * 1000:016d}", "41": terminal and terminal.ljust(8)} | more
    return closing(t=t, **given)


def test_each_of_several_closing_messages_proves_its_batch(monkeypatch):
    a, b, c = (_terminal_sale("A", n) for n in (1, 2, 3))
    late = message(t="0430", **{"11": "000009", "41": "A       "})
    undone = {"77": "0000000001", "89": f"{1000:016d}"}
    whole = [a, b, _end("A", 2), _end("A", 2, t="0521"), closing(t="0530"), c, late, _end("A", 1, **undone)]
    for size in (framing.BLOCK, 150):
        monkeypatch.setattr(framing, "BLOCK", size)
        frame, rejects, end = feed(*whole, reconciliation="batches")
        assert (frame.height, rejects, end.refused) == (4, [], None)
        assert (end.declared_records, end.declared_total_fen) == (4, 4000)
        assert code_of(*whole) == ("AFTER_END", "")
        assert code_of(*whole[:-1], reconciliation="batches") == ("NO_END_MARK", "")
        assert code_of(*whole[:1], *whole[2:], reconciliation="batches") == ("COUNT_MISMATCH", "DE76")
        assert code_of(*whole[:5], *whole[6:], reconciliation="batches") == ("COUNT_MISMATCH", "DE76")
        refused = feed(*whole[:5], *whole[6:], reconciliation="batches")[2].refused
        assert refused.record == 7, "the 0520 of the second batch"
        again = _end("A", 2), _end("A", 2)
        assert code_of(a, b, *again, reconciliation="batches") == ("COUNT_MISMATCH", "DE76"), "no repeat: all is gone"
    assert code_of(a, closing(), reconciliation="batches") == ("BAD_TRAILER", "")
    assert code_of(a, _end("A", 1, **{"88": "A".zfill(16)}), reconciliation="batches") == ("BAD_TOTAL", "DE88")
    assert code_of(a, message(**{"4": "00000000A000"}), closing(**{"76": "0000000002"}), reconciliation="batches") == (
        "TOTAL_UNPROVEN", "paid"
    )  # fmt: skip


def test_the_closing_message_of_a_terminal_is_about_its_own(monkeypatch):
    a, b, c, d = _terminal_sale("A", 1), _terminal_sale("B", 2), _terminal_sale("A", 3), _terminal_sale("B", 4)
    mixed = [a, b, c, _end("A", 2), d, _end("B", 2), _terminal_sale("A", 5), _end("C", 0), _end("A", 1)]
    mixed = [one if one[:4] != b"0520" else _with_merchant(one) for one in mixed]
    for size in (framing.BLOCK, 150):
        monkeypatch.setattr(framing, "BLOCK", size)
        frame, rejects, end = feed(*mixed, reconciliation="terminals")
        assert (frame.height, rejects, end.refused, end.declared_records) == (5, [], None, 5)
        assert code_of(*mixed, reconciliation="batches") == ("COUNT_MISMATCH", "DE76")
        for gone in (0, 1, 2, 4, 6):
            left = mixed[:gone] + mixed[gone + 1 :]
            assert code_of(*left, reconciliation="terminals") == ("COUNT_MISMATCH", "DE76")
        assert code_of(*mixed[:5], reconciliation="terminals") == ("NO_END_MARK", "")


def _with_merchant(one):
    fields, _ = iso8583.decode(one, SPECS["cups"])
    return bytes(
        iso8583.encode({k: v for k, v in fields.items() if k not in "p1"} | {"42": "M00000000000001"}, SPECS["cups"])[0]
    )


def test_what_moves_no_money_may_follow_the_closing_message():
    """Sign-off, echo, batch uploads and declined sales come behind the 0520 of a day."""
    quiet = [message(t="0820", **{"4": None}), message(t="0320"), message(**{"39": "51", "11": "000009"})]
    assert code_of(*SALES, closing(**TOTALS), *quiet) is None
    assert code_of(*SALES, closing(**TOTALS), message(**{"3": "990000", "11": "000009"})) == ("AFTER_END", "")


def _cups(body, reason=b"00000"):
    size = f"{len(body) + 46:04d}".encode()
    return b"\x2e\x02" + size + b"00010000   00010000   \0\0\0\0" + b"00000000\0" + reason + body


def test_a_message_that_cups_has_turned_back_moves_nothing():
    sale, back = _cups(message()), _cups(message(**{"11": "000002"}), b"00025")
    frame, rejects, end = feed(sale, back, header="cups")
    assert (frame["stan"].to_list(), rejects, end.refused, end.skipped) == (["000001"], [], None, 1)
    request = message(t="0200", **{"39": None})
    assert feed(_cups(request), header="cups")[0].height == 1
    assert code_of(_cups(request), _cups(request, b"00025"), header="cups") == ("MIXED_MESSAGES", "")


@pytest.mark.parametrize("spec", ["cups", "pos"])
def test_private_fields_are_as_long_as_their_length_can_say(spec):
    """A signature's picture (0920, DE62) has up to 999 bytes: refused, it left the totals of the day unproved."""
    picture = message(spec, **{"t": "0920", "39": None, "62": "\xff" * 999, "4": "000000001000"})
    sale = message(spec, **{"55": "9F" * 300, "59": "A" * 700, "60": "22000001000501", "12": "120000", "13": "0507"})
    numbers = {"74": "0" * 10, "76": "0000000001", "88": "1000".zfill(16)}
    end = bytes(iso8583.encode({"t": "0520", **numbers}, SPECS[spec])[0])
    frame, rejects, done = feed(sale, picture, end, body=spec)
    assert (frame["paid_fen"].to_list(), rejects, done.refused, done.skipped) == ([1000], [], None, 2)


def said(data, framing="len2", **settings):
    data = len(data).to_bytes(2, "big") + data if framing == "len2" else data.hex().encode() + b"\n"
    _, rejects, closing = s.read(
        "pos_iso8583", data, s.context("POS20260507", "pos", s.DAY, framing=framing, **settings)
    )
    return [reject.message for reject in rejects] + ([closing.refused.message] if closing.refused else [])


HEAD = b"\x2e\x02%04d" + b"00010000   48020000   " + b"000" + b"0" + b"0" * 8 + b"0" + b"0" * 5
TPDU = bytes.fromhex("6000030000603100310100")


def test_a_header_that_is_not_there_is_told_by_what_stands_there():
    raw, size = message(), len(message()) + 46
    assert said(HEAD % size + raw, header="cups") == []
    assert "states 9999 bytes, and header and body are" in said(HEAD % 9999 + raw, header="cups")[0]
    assert "states no length" in said((HEAD % size).replace(b"%04d" % size, b"ABCD") + raw, header="cups")[0]
    assert "the first byte would be 2E, and is 30" in said(raw, header="cups")[0]
    terminal = TPDU + message("pos", **{"60": "22000007"})
    assert said(terminal, header="tpdu", body="pos") == []
    assert "the first byte would be 60, and is 02" in said(terminal[11:], header="tpdu", body="pos")[0]
    assert "has 11 bytes" in said(TPDU, header="tpdu", body="pos")[0]
    own = len(terminal).to_bytes(2, "big") + terminal
    assert "with its own length: cut it off" in said(own, "hex", header="tpdu", body="pos")[0]


def test_a_body_of_another_kind_is_told_before_the_field_that_does_not_decode():
    host, terminal = message(), TPDU + message("pos", **{"60": "22000007"})
    assert said(host) == []
    for data, settings in ((terminal[11:], {}), (b"\0\x10" + host, {}), (HEAD % (len(host) + 46) + host, {})):
        assert "does not begin with a message type in ASCII (see the settings" in said(data, **settings)[0]
    for data in (host, terminal, b"\0\x10" + terminal[11:]):
        (text,) = said(data, body="pos")
        assert "does not begin with a message type in BCD (see the settings" in text
        assert text.endswith("of the message"), "the field and its byte are told all the same"
    digits = host[:4] + host[4:12].hex().upper().encode() + host[12:]
    assert said(digits)[0].startswith("the bitmap is written as hexadecimal digits")


@pytest.mark.parametrize("pad", ["0", "F"])
def test_a_track_that_is_filled_otherwise_names_the_setting(pad):
    track = {"2": None, "35": "6222020000000000007D301220100000000", "60": "22000007"}
    raw = message("pos" if pad == "0" else "pos F", **track)
    other = "F" if pad == "0" else "0"
    assert said(raw, body="pos", track_pad=pad) == []
    assert f"is not {other} (see the setting track_pad)" in said(raw, body="pos", track_pad=other)[0]
    assert "track_pad" not in said(raw[:-30], body="pos", track_pad=pad)[0], "it is cut, not filled otherwise"


def test_a_file_of_which_nothing_can_be_read_says_why_by_its_first_record():
    (text,) = (end.refused.message for end in [feed(*[b"\x12" + message()] * 200)[2]])
    assert "The first: DE" in text
    assert "does not begin with a message type in ASCII" in text
