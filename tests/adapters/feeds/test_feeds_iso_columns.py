"""The columnar decoder equals iso8583.decode: every field of every sample and of generated messages, every refusal."""

from __future__ import annotations

import json
import os
import random

import feeds_support as s
import iso8583
import iso8583.specs
import numpy as np
import polars as pl
import pytest

from adapters.feeds import iso_walk
from adapters.feeds.iso_columns import SLACK, decode_columns, plan
from adapters.feeds.iso_encode import encode_columns
from adapters.feeds.iso_spec import SPECS
from settlement.model.errors import BadInput

ROUNDS = int(os.environ.get("PUHUI_ISO_ROUNDS", "4"))  # 250 messages a round and body; 200 rounds make 100,000
# Both bodies, those of the library, and one with lengths and texts that the two do not have, and a third bitmap.
BODIES = {**SPECS, "default": iso8583.specs.default, "default_ascii": iso8583.specs.default_ascii}
_ODD = {
    "2": {"len_enc": "b", "len_type": 1}, "32": {"len_enc": "bcd", "len_type": 1}, "33": {"len_enc": "cp500"},
    "34": {"len_enc": "gb18030"}, "35": {"data_enc": "b", "len_count": "nibbles", "left_pad": "F", "right_pad": "0"},
    "36": {"data_enc": "b", "len_count": "nibbles", "right_pad": "E"}, "43": {"data_enc": "utf-8"},
    "44": {"data_enc": "gb18030"}, "45": {"data_enc": "cp500"},
}  # fmt: skip
BODIES["odd"] = {name: {**entry, **_ODD.get(name, {})} for name, entry in SPECS["cups"].items()}
BODIES["odd"] |= {str(number): BODIES["odd"][str(number - 127)] for number in range(129, 192)}
WAYS = {"python": 10**9, "machine": 0}  # least messages of a block that machine code reads
_TOGETHER = [("t", "3", "25", "39"), ("12", "13")]


def _elements(spec):
    return [number for number in range(2, 193) if number != 65 and str(number) in spec]


def _generate(rng, spec):
    message = {"t": rng.choice(["0200", "0210", "0220", "0420", "0520", "0800"])}
    for element in rng.sample(_elements(spec), rng.randint(0, 26)):
        entry = spec[str(element)]
        size = rng.randint(0, min(entry["max_len"], 70)) if entry["len_type"] else entry["max_len"]
        if entry["data_enc"] == "b":
            digits = size if entry.get("len_count") == "nibbles" else 2 * size
            message[str(element)] = "".join(rng.choice("0123456789ABCDEF") for _ in range(digits))
        elif entry["data_enc"] == "latin-1":
            message[str(element)] = "".join(chr(rng.randint(0, 255)) for _ in range(size))
        else:
            message[str(element)] = "".join(rng.choice("0123456789 AZ") for _ in range(size))
    return message


def _damage(rng, raw):
    data = bytearray(raw)
    way = rng.random()
    if way < 0.4:
        return bytes(data[: rng.randint(0, len(data))])
    if way < 0.85:
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(data)
    return bytes(data) + rng.randbytes(3)


def _decoded(messages, spec):
    ends = np.cumsum([len(m) for m in messages]).astype(np.int64)
    starts = ends - np.array([len(m) for m in messages], np.int64)
    buffer = np.frombuffer(bytearray(b"".join(messages) + bytes(SLACK)), np.uint8)
    fields = ["t", *map(str, _elements(spec))]
    alone = [(name,) for name in fields if not any(name in group for group in _TOGETHER)]
    return decode_columns(buffer, starts, ends, plan(spec, [*_TOGETHER, *alone], fields))


def _reference(raw, spec):
    """(fields, None), or (None, where iso8583 refuses); no place where a third bitmap names an unknown field."""
    try:
        return iso8583.decode(raw, spec)[0], None
    except iso8583.DecodeError as error:
        return None, (error.field, error.pos)
    except KeyError:
        return None, None


def _compare(messages, spec):
    """Number of messages that both refuse."""
    decoded = _decoded(messages, spec)
    texts = {name: decoded.text(name).to_list() for name in decoded.plan.slots}
    _compare_cells(decoded, texts)
    refused = 0
    for row, raw in enumerate(messages):
        want, place = _reference(raw, spec)
        if want is None:
            refused += 1
            assert decoded.bad[row], (place, raw.hex())
            assert place is None or decoded.errors[row][:2] == place, raw.hex()
            continue
        assert not decoded.bad[row], (decoded.errors[row], raw.hex())
        got = {name: values[row] for name, values in texts.items() if values[row] is not None}
        assert got == {name: value for name, value in want.items() if name not in {"p", "1"}}, raw.hex()
    return refused


def _compare_cells(decoded, texts):
    """The fixed cells of each field are its text, filled up with blanks."""
    for group, (width, parts) in decoded.plan.groups.items():
        assert decoded.cells[group].shape == (decoded.height, width)
        for name, part in parts.items():
            if decoded.plan.spec[name]["data_enc"] not in {"b", "ascii", "latin-1"}:
                continue  # cells are bytes, and these are not what the text is made of
            cells = decoded.cells[group][:, part]
            size = cells.shape[1]
            want = "".join((text or "").ljust(size) for text in texts[name])
            assert cells.tobytes().decode("latin-1") == want, name
            cut = "".join((text or "").ljust(5)[:5] for text in texts[name])
            assert decoded.gathered(name, 5).tobytes().decode("latin-1") == cut, name


@pytest.mark.parametrize(
    ("body", "way"),
    [("cups", "python"), ("cups", "machine"), ("pos", "python"), ("pos", "machine"), ("default", "python"),
     ("default", "machine"), ("default_ascii", "python"), ("odd", "machine")],
)  # fmt: skip
def test_generated_and_damaged_messages(body, way, monkeypatch):
    monkeypatch.setattr(iso_walk, "SMALL", WAYS[way])
    rng, spec = random.Random(f"iso {body} {way}"), BODIES[body]
    refused = 0
    for _ in range(ROUNDS):
        messages = [bytes(iso8583.encode(_generate(rng, spec), spec)[0]) for _ in range(250)]
        assert _compare(messages, spec) == 0
        refused += _compare([_damage(rng, raw) for raw in messages], spec)
    assert refused > 100 * ROUNDS


@pytest.mark.parametrize("way", WAYS)
def test_a_binary_type_under_a_bitmap_of_text_and_a_text_counted_in_half_bytes(way, monkeypatch):
    monkeypatch.setattr(iso_walk, "SMALL", WAYS[way])
    bitmap = {"data_enc": "ascii", "max_len": 16}
    one = {**SPECS["pos"], **{name: {**SPECS["pos"][name], **bitmap} for name in ("p", "1")}}
    other = {**SPECS["cups"], "37": {**SPECS["cups"]["37"], "len_count": "nibbles"}}
    for spec in (one, other):
        full = {"t": "0200", "11": "000001", "37": "000000000012"[: 6 if spec is other else 12], "41": "T0000001"}
        messages = [bytes(iso8583.encode(dict(full), spec)[0]), bytes(iso8583.encode({"t": "0210"}, spec)[0])]
        assert _compare(messages * 2, spec) == 0


# what is done to a message of either body, and the field that is refused (None: whichever iso8583 names)
_PLAIN = {"t": "0200", "2": "6222020000000001", "4": "000000001000", "11": "000001", "41": "T0000001"}
_FAULTS = {
    "cut in the message type": (lambda raw, at: raw[: at["t"] + 1], "t"),
    "cut in the bitmap": (lambda raw, at: raw[: at["p"] + 7], "p"),
    "cut in a length": (lambda raw, at: raw[: at["2"]], "2"),
    "cut in a field": (lambda raw, at: raw[: at["4"] + 3], "4"),
    "data behind the last field": (lambda raw, at: raw + b"0", "41"),
    "a length above the largest": (lambda raw, at: _put(raw, at["2"], cups=b"20", pos=b"\x20"), "2"),
    "a length that is no number": (lambda raw, at: _put(raw, at["2"], cups=b"1x", pos=b"\x1a"), "2"),
    "a length below zero": (lambda raw, at: _put(raw, at["2"], cups=b"-5", pos=b"\xf5"), "2"),
    "a bitmap with a field too many": (lambda raw, at: _put(raw, at["p"], cups=b"\x70", pos=b"\x70"), None),
    "a bitmap with a field too few": (lambda raw, at: _put(raw, at["p"], cups=b"\x40", pos=b"\x40"), None),
    "a bitmap that promises another": (lambda raw, at: _put(raw, at["p"], cups=b"\xd0", pos=b"\xd0"), None),
}


def _put(raw, at, cups, pos):
    new = cups if raw[:4] == b"0200" else pos
    return raw[:at] + new + raw[at + len(new) :]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("body", ["cups", "pos"])
@pytest.mark.parametrize("fault", _FAULTS)
def test_refusals_have_a_code_and_a_byte(fault, body, way, monkeypatch):
    monkeypatch.setattr(iso_walk, "SMALL", WAYS[way])
    raw, encoded = iso8583.encode(dict(_PLAIN), SPECS[body])
    at, place = {}, 0
    for name in ("t", "p", "2", "4", "11", "41"):
        at[name], place = place, place + len(encoded[name]["len"]) + len(encoded[name]["data"])
    damage, field = _FAULTS[fault]
    bad = damage(bytes(raw), at)
    _, (refused_in, position) = _reference(bad, SPECS[body])
    assert field in {None, refused_in}
    _, rejects, closing = _feed(bytes(raw), bad, body=body)
    reject = next(reject for reject in rejects if reject.record == 2)
    assert (reject.code, reject.field, reject.byte) == ("BAD_MESSAGE", f"DE{refused_in}", 2 + len(raw))
    assert reject.message.endswith(f", at byte {position} of the message")
    assert closing.records == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["2", "32", "43", "44"])
def test_a_byte_that_is_no_text(name, way, monkeypatch):
    monkeypatch.setattr(iso_walk, "SMALL", WAYS[way])
    message = {"t": "0200", "3": "000000", name: "1" * BODIES["odd"][name]["max_len"], "49": "156"}
    raw, encoded = iso8583.encode(message, BODIES["odd"])
    for at in range(len(raw) - 3 - len(encoded[name]["data"]) - 3, len(raw)):
        bad = bytes(raw[:at]) + b"\xfe" + bytes(raw[at + 1 :])
        assert _compare([bytes(raw), bad], BODIES["odd"]) == 1


@pytest.mark.parametrize("way", WAYS)
def test_bitmaps_that_differ_in_one_bit(way, monkeypatch):
    monkeypatch.setattr(iso_walk, "SMALL", WAYS[way])
    spec, base = BODIES["odd"], {"t": "0200", "3": "000000", "66": "1", "130": "000000"}
    fixed = [str(number) for number in _elements(spec) if not spec[str(number)]["len_type"]]
    fixed = [name for name in fixed if spec[name]["data_enc"] != "b"]
    messages = [{**base, name: "1" * spec[name]["max_len"]} for name in fixed]
    pairs = zip(messages, messages[::-1], strict=True)
    raws = [bytes(iso8583.encode(dict(message), spec)[0]) for pair in pairs for message in pair]
    assert _compare(raws, spec) == 0


def test_a_field_that_no_specification_has():
    raw = bytes.fromhex(b"0200".hex() + "80" + "00" * 7 + "80" + "00" * 7 + "80" + "00" * 7)  # three bitmaps, field 129
    assert _reference(raw, SPECS["cups"]) == (None, None)
    decoded = _decoded([raw, raw + b"x"], SPECS["cups"])
    assert decoded.errors == dict.fromkeys((0, 1), ("129", 28, "the field is not in the specification"))


@pytest.mark.parametrize("settings", [{}, {"body": "pos", "header": "tpdu"}, {"framing": "len4", "header": "cups"}])
def test_machine_code_reads_a_file_as_python_does(settings, monkeypatch):
    given = s.context("POS20260507", "pos", s.DAY, **settings)
    data, rng = bytearray(s.write("pos_iso8583", s.pos_frame(150), given)), random.Random(8)
    files = [bytes(data)]
    for _ in range(12):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        files.append(bytes(data))
    found = {}
    for way, least in WAYS.items():
        monkeypatch.setattr(iso_walk, "SMALL", least)
        found[way] = [s.read("pos_iso8583", file, given) for file in files]
    for (frame, rejects, closing), other in zip(found["python"], found["machine"], strict=True):
        assert frame.equals(other[0])
        assert (rejects, closing) == other[1:]
    assert found["python"][0][0].height == 150


def test_more_kinds_of_codes_than_are_labelled():
    messages = [_message(t="0210", **{"11": f"{n:06d}", "39": f"{n:02d}"}) for n in range(100)]
    frame, rejects, closing = _feed(*messages)
    assert (sorted(frame["stan"]), rejects) == (["000000", "000010", "000011", "000016"], [])
    assert closing.skipped == 96


@pytest.mark.parametrize("body", ["cups", "pos"])
def test_the_writer_equals_encode(body):
    rng, spec = random.Random(f"write {body}"), SPECS[body]
    messages = []
    while len(messages) < 120:
        message = _generate(rng, spec)
        if all(message.values()):  # an empty value is a field of length 0 to iso8583; a column says it as text, too
            messages.append(message)
    names = sorted({name for message in messages for name in message})
    columns = {name: [m.get(name) for m in messages] for name in names}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))
    want = [bytes(iso8583.encode(dict(message), spec)[0]).hex().upper() for message in messages]
    assert encode_columns(frame, spec, "file").to_list() == want


@pytest.mark.skipif(not s.SAMPLES.is_dir(), reason="../shared/samples is not here")
def test_every_sample_message():
    folder = s.SAMPLES / "iso8583"
    known = json.loads((s.SAMPLES / "iso8583-decoded/cups_alatka_decoded.json").read_text("utf-8"))
    read = 0
    for path in sorted(folder.rglob("*.hex")):
        raw = bytes.fromhex(path.read_text().strip())
        if path.parent.name.startswith("vfwz"):
            assert _compare([raw[11:]], SPECS["pos"]) == 0, path.name
            read += 1
            continue
        refused = _compare([raw], SPECS["cups"])
        if path.name in known:
            assert refused == 0
            decoded = _decoded([raw], SPECS["cups"])
            want = {k: v for k, v in known[path.name].items() if k not in {"p", "1"}}
            got = {k: decoded.text(k).item() for k in decoded.plan.slots}
            got["43"] = got["43"].encode("latin-1").decode("gb18030") if "43" in got else None
            assert {k: v for k, v in got.items() if v is not None} == want
            read += 1
    assert read == 4 + len(known)
    for path in sorted(folder.rglob("*.dat")):  # other specifications: refused or not, the two agree
        _compare([path.read_bytes()], SPECS["cups"])
        _compare([path.read_bytes()], SPECS["pos"])


@pytest.mark.skipif(not s.SAMPLES.is_dir(), reason="../shared/samples is not here")
def test_the_real_terminal_answer_as_a_feed():
    path = s.SAMPLES / "iso8583/vfwz+iso8583-parser/PosMessageTest__PAY_RESPONSE.hex"
    data = path.read_bytes().strip() + b"\n"
    given = s.context("terminal.hex", "pos", s.DAY, framing="hex", header="tpdu", body="pos")
    frame, rejects, closing = s.read("pos_iso8583", data, given)
    assert (rejects, closing.refused) == ([], None)
    row = frame.row(0, named=True)
    assert (row["kind"], row["paid_fen"], row["rrn"], row["terminal_no"]) == ("SALE", 1111, "X00004002761", "10016919")
    assert row["transaction_id"] == "pos:T/84316655812000A/10016919/000727/000079"


def _message(**fields):
    base = {"t": "0200", "3": "000000", "4": "000000001000", "7": "0507120000", "11": "000001", "25": "00",
            "32": "48020000", "41": "T0000001", "42": "M00000000000001", "49": "156"}  # fmt: skip
    text = {name: value for name, value in (base | fields).items() if value is not None}
    return bytes(iso8583.encode(text, SPECS["cups"])[0])


def _feed(*messages, **settings):
    data = b"".join(len(m).to_bytes(2, "big") + m for m in messages)
    return s.read("pos_iso8583", data, s.context("POS20260507", "pos", s.DAY, **settings))


def test_unsuccessful_and_inquiries_are_counted_and_skipped():
    frame, rejects, closing = _feed(
        _message(**{"39": "51"}), _message(**{"3": "300000", "11": "000002"}), _message(**{"39": "00", "11": "000003"})
    )
    assert (frame.height, rejects, closing.skipped, closing.total_fen) == (1, [], 2, 1000)


def test_requests_and_answers_in_one_file_must_be_told_apart():
    request, answer = _message(), _message(t="0210", **{"39": "51"})
    ok = _message(t="0210", **{"39": "00"})
    assert _feed(request, ok)[2].refused.code == "MIXED_MESSAGES"
    assert _feed(request, answer, messages="responses")[0].height == 0
    assert _feed(request, ok, messages="requests")[0].height == 1


def test_de90_names_the_original_only_where_it_is_whole():
    good = "0200" + "000001" + "0507120000" + "00048020000" + "00000000000"
    refund = {"t": "0220", "3": "200000", "11": "000009"}
    sale = _feed(_message())[0]["transaction_id"].item()
    assert _feed(_message(**refund, **{"90": good}))[0]["original_key"].item() == sale
    for wrong in ("3132" + good[:-4], good[:10] + "0231120000" + good[20:], good[:4] + "00000A" + good[10:]):
        frame, rejects, closing = _feed(_message(**refund, **{"90": wrong}))
        assert (frame["original_key"].item(), rejects) == (None, [])
        assert any("orphans" in line for line in closing.notes)
    assert _feed(_message(**refund, **{"90": "0" * 42}))[0]["original_key"].item() is None


def test_an_original_of_last_year():
    original = "0200" + "000077" + "1230235959" + "00048020000" + "0" * 11
    refund = _message(**{"t": "0220", "3": "200000", "7": "0105120000", "90": original})
    data = len(refund).to_bytes(2, "big") + refund
    frame, _, _ = s.read("pos_iso8583", data, s.context("POS20260105", "pos"))
    assert frame["original_key"].item() == "pos:48020000//000077/20251230235959"


@pytest.mark.parametrize(
    ("settings", "field", "data", "claimed"),
    [
        ({}, "54", "0060156C000000000250", 250),
        ({}, "54", "0002156C000000099999" + "0060156D000000000250", 250),
        ({}, "54", "0002156C000000099999", None),
        ({"discount_field": "0"}, "54", "0060156C000000000250", None),
        ({"discount_field": "48", "discount_start": "3", "discount_length": "6"}, "48", "AS000250", 250),
        ({"discount_field": "57", "discount_prefix": "DC", "discount_length": "12"}, "57", "XYDC000000000250Z", 250),
        ({"discount_field": "57", "discount_prefix": "PR", "discount_means": "gross"}, "57", "PR000000001250", 250),
    ],
)
def test_where_the_discount_stands_is_configured(settings, field, data, claimed):
    frame, rejects, _ = _feed(_message(**{field: data}), **settings)
    assert (rejects, frame["claimed_fen"].item()) == ([], claimed)
    assert frame["gross_fen"].item() == 1000 + (claimed or 0)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"4": "12 45ABC    "}, "BAD_AMOUNT"),
        ({"4": None}, "NO_AMOUNT"),
        ({"7": "0231120000"}, "BAD_DATE"),
        ({"11": "A00001"}, "BAD_DIGITS"),
        ({"3": "990000"}, "UNKNOWN_KIND"),
        ({"4": "000000000000"}, "ZERO_AMOUNT"),
        ({"2": "62x2"}, "BAD_CARD"),
    ],
)
def test_fields_that_iso8583_does_not_check(fields, code):
    _, rejects, closing = _feed(_message(), _message(**({"11": "000002"} | fields)))
    assert [(r.record, r.code) for r in rejects] == [(2, code)]
    assert closing.accepted == 1


def _terminal(**fields):
    """A terminal's message as an answer has it: time, no institution."""
    base = {"t": "0210", "3": "000000", "4": "000000001000", "11": "000134", "12": "120000", "13": "0507", "25": "00",
            "39": "00", "41": "T0000001", "42": "M00000000000001", "49": "156", "60": "22000007"}  # fmt: skip
    text = {name: value for name, value in (base | fields).items() if value is not None}
    return bytes(iso8583.encode(text, SPECS["pos"])[0])


def test_a_terminals_reversal_undoes_the_message_of_its_trace():
    sale, reversal = _terminal(), _terminal(t="0410")
    void = _terminal(t="0210", **{"3": "200000", "11": "000135"})
    of_void = _terminal(t="0410", **{"3": "200000", "11": "000135"})
    frame, rejects, _ = _feed(sale, reversal, void, of_void, body="pos")
    key = "pos:T/M00000000000001/T0000001/000007/00013"
    assert rejects == []
    assert frame["kind"].to_list() == ["SALE", "REVERSAL", "VOID", "REVERSAL"]
    assert frame["transaction_id"].to_list() == [f"{key}4", f"{key}4/REVERSAL", f"{key}5", f"{key}5/REVERSAL"]
    assert frame["original_key"].to_list() == [None, f"{key}4", None, f"{key}5"]


def test_a_source_may_fill_odd_tracks_with_f():
    card = {"2": "621081000000001", "35": "621081000000001D99121010000"}
    filled = bytes(iso8583.encode(iso8583.decode(_terminal(**card), SPECS["pos"])[0], SPECS["pos F"])[0])
    frame, rejects, _ = _feed(filled, body="pos", track_pad="F")
    assert (rejects, frame["card_masked"].to_list()) == ([], ["621081*****0001"])
    assert [r.code for r in _feed(filled, body="pos")[1]] == ["BAD_MESSAGE"]


def test_a_terminals_request_without_a_time_says_so():
    _, rejects, _ = _feed(_terminal(), _terminal(t="0200", **{"12": None, "13": None, "39": None}), body="pos")
    assert [(r.record, r.code) for r in rejects] == [(2, "NO_TIME")]


def test_zero_bytes_behind_a_text_are_blanks_and_others_are_refused():
    frame, rejects, _ = _feed(
        _message(**{"41": "T1" + "\0" * 6}),
        _message(**{"11": "000002", "41": "T\0" + "1" * 6}),
        _message(**{"11": "000003", "41": "\x1f1234567"}),
    )
    assert frame["terminal_no"].to_list() == ["T1"]
    assert [(r.record, r.field, r.code) for r in rejects] == [(n, "terminal_no", "BAD_TEXT") for n in (2, 3)]


def test_the_card_of_track_2():
    frame, _, _ = _feed(_message(**{"35": "6226010562885479D311299912345148"}))
    assert frame["card_masked"].item() == "622601******5479"


def test_settings_that_are_wrong_say_which():
    with pytest.raises(BadInput, match="setting framing"):
        _feed(_message(), framing="len3")
