"""What a writer writes, the reader of the same format gives back row for row: formats, framings, bodies, headers."""

from __future__ import annotations

from datetime import date

import feeds_support as s
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from settlement.model.errors import BadInput
from settlement.model.frames import TRANSACTION


def _same(name, frame, given):
    data = s.write(name, frame, given)
    got, rejects, closing = s.read(name, data, given)
    assert closing.refused is None
    assert rejects == []
    assert dict(got.schema) == TRANSACTION
    assert_frame_equal(got.drop(s.PLACES), s.expected(frame))
    assert closing.accepted == frame.height
    assert closing.total_fen == frame["paid_fen"].sum()
    return data, got, closing


def test_citizen_card_both_rails():
    frame = s.citizen_frame(400)
    data, got, closing = _same("citizen_card", frame, s.context(frame, "smk"))
    assert closing.declared_records == 400
    assert closing.declared_total_fen == closing.total_fen
    assert closing.clearing_date == s.DAY
    for row in got.sample(20, seed=1).iter_rows(named=True):  # every row can be shown as the bank wrote it
        line = data[row["byte_start"] : row["byte_end"]].decode("gb18030")
        assert line.startswith("D ")
        assert line.endswith("\r\n")
        assert f"{row['paid_fen']:012d}" in line
    purse = got.filter(pl.col("rail") == "purse")
    assert purse["rrn"].null_count() == purse.height


@pytest.mark.parametrize("framing", ["len2", "len4", "vbs", "hex"])
@pytest.mark.parametrize("header", ["none", "tpdu5", "tpdu", "cups"])
@pytest.mark.parametrize("body", ["cups", "pos"])
def test_pos_every_framing(framing, header, body):
    frame = s.pos_frame(60)
    given = s.context(frame, "pos", framing=framing, header=header, body=body, reconciliation="required")
    _, got, closing = _same("pos_iso8583", frame, given)
    assert closing.declared_records == 60
    assert closing.skipped == 1  # the closing 0520
    assert got["byte_start"].to_list() == [0, *got["byte_end"].to_list()[:-1]]


def test_terminal_keys_of_a_terminal_body():
    """A terminal that knows no institution: merchant, terminal, batch, trace are the key; DE61 names the original."""
    frame = s.pos_frame(40).with_columns(
        transaction_id=pl.format("pos:T/{}/{}/000123/{}", "merchant_no", "terminal_no", "stan")
    )
    before = pl.format("pos:T/{}/{}/000123/{}", "merchant_no", "terminal_no", pl.col("stan").shift(1))
    names_one = pl.col("original_key").is_not_null() | (pl.col("kind") == "REVERSAL")
    frame = frame.with_columns(original_key=pl.when(names_one).then(before))
    _same("pos_iso8583", frame, s.context(frame, "pos", framing="len2", header="tpdu", body="pos"))


@pytest.mark.parametrize("record", ["acomn", "acoma", "acoma_951"])
def test_acom(record):
    frame = s.pos_frame(200, file=f"IND26050701{record[:5].upper()}").with_columns(
        claimed_fen=pl.lit(None, pl.Int64),
        gross_fen=pl.when(pl.col("kind") != "REFUND").then("paid_fen"),
        fee_fen=pl.when(pl.col("record") % 3 > 0).then(pl.col("record") - 100),
    )
    data, _, closing = _same("unionpay_acom", frame, s.context(frame, "pos", record=record))
    assert len(data) == 200 * {"acomn": 502, "acoma": 402, "acoma_951": 953}[record]
    assert closing.clearing_date == s.DAY
    if record == "acoma_951":  # the first line tells an ACOMA that goes on behind the 400 bytes
        again, rejects, closing = s.read("unionpay_acom", data, s.context(frame, "pos", record="acoma"))
        assert (rejects, closing.refused) == ([], None)
        assert again.equals(s.read("unionpay_acom", data, s.context(frame, "pos", record=record))[0])
    for given, lengths in (("acomn", "500"), ("acoma", "400 or 951"), ("acoma_951", "951")):
        cut = s.read("unionpay_acom", data[9:], s.context(frame, "pos", record=given))[2].refused
        assert (cut.code, f"is not {lengths} bytes" in cut.message) == ("RECORD_LENGTH", True)


def test_zm_masks_its_cards():
    frame = s.pos_frame(100, file="INN26050788ZM_802310048993424").with_columns(
        rrn=pl.lit(None, pl.String),
        auth_code=pl.lit(None, pl.String),
        claimed_fen=pl.lit(7, pl.Int64),
        gross_fen=pl.col("paid_fen") + 7,
        fee_fen=pl.lit(11, pl.Int64),
        card_token=pl.lit(""),
    )
    data, _, _ = _same("unionpay_zm", frame, s.context(frame, "pos"))
    assert not any(card.encode() in data for card in frame["card_number"])


def test_purse_list():
    frame = s.purse_frame(300)
    _, _, closing = _same("mapped_csv", frame, s.context(frame, "purse", mapping="purse_daily", rail="purse"))
    assert closing.declared_records == 300


def test_files_without_transactions():
    empty = s.citizen_frame(1).clear()
    for name, given in (
        ("citizen_card", s.context("SMK_20260507", "smk", s.DAY, issuer="21500001")),
        ("pos_iso8583", s.context("POS20260507", "pos", s.DAY)),
        ("mapped_csv", s.context("PURSE_20260507.csv", "purse", s.DAY, mapping="purse_daily")),
    ):
        got, rejects, closing = s.read(name, s.write(name, empty, given), given)
        assert (got.height, rejects, closing.refused, closing.declared_total_fen) == (0, [], None, 0)


def test_pos_and_acquirer_agree_on_what_they_match_on():
    ours = s.pos_frame(80)
    given = s.context(ours, "pos")
    first, _, _ = s.read("pos_iso8583", s.write("pos_iso8583", ours, given), given)
    theirs = ours.with_columns(
        transaction_id=pl.col("transaction_id").str.replace("pos:", "acq:"),
        original_key=pl.col("original_key").str.replace("pos:", "acq:"),
    )
    clearing = s.context("IND26050701ACOMN", "acq", record="acomn")
    second, _, _ = s.read("unionpay_acom", s.write("unionpay_acom", theirs, clearing), clearing)
    columns = ["rrn", "terminal_no", "stan", "paid_fen", "kind", "card_token", "occurred_at", "clearing_date", "rail"]
    assert_frame_equal(first.select(columns), second.select(columns))
    assert first["transaction_id"].str.strip_prefix("pos:").equals(second["transaction_id"].str.strip_prefix("acq:"))


def test_no_card_number_leaves_the_adapter():
    for name, frame, more in (
        ("citizen_card", s.citizen_frame(50), {}),
        ("pos_iso8583", s.pos_frame(50), {}),
        ("mapped_csv", s.purse_frame(50), {"mapping": "purse_daily"}),
    ):
        given = s.context(frame, frame["source"][0], **more)
        data = s.write(name, frame, given)
        spoilt = data.replace(b"T000000", b"\x01000000")  # rejects, too
        for content in (data, spoilt):
            got, rejects, closing = s.read(name, content, given)
            text = got.write_csv() + "".join(map(str, rejects)) + str(closing)
            assert not [card for card in frame["card_number"] if len(card) > 10 and card in text]


def test_without_a_tokeniser_tokens_are_blank_and_a_note_says_so():
    frame = s.citizen_frame(5)
    given = s.context(frame, "smk")
    bare = s.Context(given.file, "smk")
    got, _, closing = s.read("citizen_card", s.write("citizen_card", frame, given), bare)
    assert got["card_token"].to_list() == [""] * 5
    assert any("card_token stays blank" in line for line in closing.notes)
    assert got["transaction_id"].equals(frame["transaction_id"])  # the identity needs no key


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("merchant_name", "很" * 21, "merchant_name: is longer than 40 bytes"),
        ("merchant_name", "bad\x07name", "control character"),
        ("merchant_no", "1234567890123456", "merchant_no: is longer than 15 bytes"),
        ("paid_fen", -1, "paid: is below zero"),
        ("kind", "GIFT", "has no code in this layout"),
    ],
)
def test_a_writer_never_cuts_or_replaces(column, value, words):
    frame = s.citizen_frame(3).with_columns(pl.lit(value).cast(s.SCHEMA[column]).alias(column))
    with pytest.raises(BadInput, match=words):
        s.write("citizen_card", frame, s.context(frame, "smk"))


def test_dates_without_a_year_over_new_year():
    """The clearing day 2026-01-01 begins at 23:00 of 31 December: DE7 says 1231, the year is the one before."""
    day = date(2026, 1, 1)
    frame = s.pos_frame(400, day=day, file="POS20260101")
    assert {str(at)[:4] for at in frame["occurred_at"]} == {"2025", "2026"} or frame[
        "occurred_at"
    ].dt.year().min() == 2025
    _same("pos_iso8583", frame, s.context(frame, "pos"))
    acom = frame.with_columns(
        claimed_fen=pl.lit(None, pl.Int64),
        gross_fen=pl.when(pl.col("kind") != "REFUND").then("paid_fen"),
        file=pl.lit("IND26010101ACOMN"),
    )
    _same("unionpay_acom", acom, s.context(acom, "pos", record="acomn"))


def test_blocks_do_not_show(monkeypatch):
    """A file of many blocks reads as one of a single block, at any block size."""
    from adapters.feeds import framing, mapped, records

    frame, pos = s.citizen_frame(30), s.pos_frame(30)
    data = s.write("citizen_card", frame, s.context(frame, "smk"))
    messages = s.write("pos_iso8583", pos, s.context(pos, "pos"))
    purse = s.purse_frame(30)
    listed = s.write("mapped_csv", purse, s.context(purse, "purse", mapping="purse_daily", rail="purse"))
    for size in (400, 3000):
        monkeypatch.setattr(records, "BLOCK", size)
        monkeypatch.setattr(framing, "BLOCK", size)
        monkeypatch.setattr(mapped, "ROWS", size // 100)
        for name, content, original, more in (
            ("citizen_card", data, frame, {}),
            ("pos_iso8583", messages, pos, {}),
            ("mapped_csv", listed, purse, {"mapping": "purse_daily", "rail": "purse"}),
        ):
            got, rejects, closing = s.read(name, content, s.context(original, original["source"][0], **more))
            assert closing.refused is None, closing.refused
            assert rejects == []
            assert_frame_equal(got.drop(s.PLACES), s.expected(original))


@pytest.mark.parametrize("body", ["cups", "pos"])
def test_what_was_read_is_written_again(body):
    """A reference shorter than its field, and an institution of zeros alone, which a key has as blank."""
    frame = s.pos_frame(1).with_columns(
        rrn=pl.lit("X0000400276"), auth_code=pl.lit("A1"), transaction_id=pl.lit("pos://000000/20260507120000")
    )
    frame = frame.with_columns(occurred_at=pl.lit("2026-05-07T04:00:00Z").str.to_datetime(time_zone="UTC"))
    _same("pos_iso8583", frame, s.context(frame, "pos", body=body))
