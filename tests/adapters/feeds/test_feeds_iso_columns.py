"""The columnar decoder equals iso8583.decode: every field of every sample and of generated messages, every refusal."""

from __future__ import annotations

import json
import os
import random

import feeds_support as s
import iso8583
import numpy as np
import polars as pl
import pytest

from adapters.feeds.iso_columns import SLACK, decode_columns, plan
from adapters.feeds.iso_encode import encode_columns
from adapters.feeds.iso_spec import SPECS
from settlement.model.errors import BadInput

ROUNDS = int(os.environ.get("PUHUI_ISO_ROUNDS", "4"))  # 250 messages a round and body; 200 rounds make 100,000


_FIELDS = ["t", *(str(number) for number in range(2, 129) if number != 65)]

_TOGETHER = [("t", "3", "25", "39"), ("12", "13")]
_GROUPS = [*_TOGETHER, *((name,) for name in _FIELDS if not any(name in group for group in _TOGETHER))]


def _generate(rng, spec):
    message = {"t": rng.choice(["0200", "0210", "0220", "0420", "0520", "0800"])}
    for element in rng.sample([n for n in range(2, 129) if n != 65], rng.randint(0, 26)):
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
    return decode_columns(
        np.frombuffer(b"".join(messages) + bytes(SLACK), np.uint8), starts, ends, plan(spec, _GROUPS, _FIELDS)
    )


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
            cells = decoded.cells[group][:, part]
            size = cells.shape[1]
            want = "".join((text or "").ljust(size) for text in texts[name])
            assert cells.tobytes().decode("latin-1") == want, name
            cut = "".join((text or "").ljust(5)[:5] for text in texts[name])
            assert decoded.gathered(name, 5).tobytes().decode("latin-1") == cut, name


@pytest.mark.parametrize("body", ["cups", "pos"])
def test_generated_and_damaged_messages(body):
    rng, spec = random.Random(f"iso {body}"), SPECS[body]
    refused = 0
    for _ in range(ROUNDS):
        messages = [bytes(iso8583.encode(_generate(rng, spec), spec)[0]) for _ in range(250)]
        assert _compare(messages, spec) == 0
        refused += _compare([_damage(rng, raw) for raw in messages], spec)
    assert refused > 100 * ROUNDS


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


def test_the_card_of_track_2():
    frame, _, _ = _feed(_message(**{"35": "6226010562885479D311299912345148"}))
    assert frame["card_masked"].item() == "622601******5479"


def test_settings_that_are_wrong_say_which():
    with pytest.raises(BadInput, match="setting framing"):
        _feed(_message(), framing="len3")
