"""`puhui feed` as a bank runs it: exit codes, what is printed, what is written, no card number anywhere."""

from __future__ import annotations

import json

import feeds_support as s
import polars as pl
import pytest

from portal.cli.main import run


@pytest.fixture
def smk(tmp_path):
    frame = s.citizen_frame(12)
    path = tmp_path / "SMK_20260507"
    path.write_bytes(s.write("citizen_card", frame, s.context(frame, "smk")))
    return path, frame


def test_check_and_convert_a_good_file(smk, tmp_path, capsys):
    path, frame = smk
    assert run(["feed", "check", str(path), "--format", "citizen_card", "--json"]) == 0
    receipt = json.loads(capsys.readouterr().out)
    assert (receipt["status"], receipt["accepted"], receipt["records"]) == (
        "ACCEPTED",
        12,
        {"read": 12, "declared": 12},
    )
    out = tmp_path / "x.csv"
    assert run(["feed", "convert", str(path), "--format", "citizen_card", "--out", str(out)]) == 0
    rows = pl.read_csv(out, infer_schema=False)
    assert rows["paid"][0] == f"{frame['paid_fen'][0] // 100}.{frame['paid_fen'][0] % 100:02d}"
    assert rows["occurred_at"][0] == "2026-05-07T09:00:00+08:00"
    assert "paid_fen" not in rows.columns
    assert run(["feed", "convert", str(path), "--format", "citizen_card", "--out", str(tmp_path / "x.parquet")]) == 0
    assert pl.read_parquet(tmp_path / "x.parquet").height == 12


def test_rejects_are_one_and_refusals_two(smk, tmp_path, capsys):
    path, frame = smk
    data = path.read_bytes()
    at = data.index(b"20260507090003")
    path.write_bytes(data[:at] + b"20260532" + data[at + 8 :])
    out = tmp_path / "x.csv"
    assert run(["feed", "convert", str(path), "--format", "citizen_card", "--out", str(out)]) == 1
    assert pl.read_csv(out, infer_schema=False).height == 11
    assert "BAD_DATE" in capsys.readouterr().err
    assert run(["feed", "check", str(path), "--format", "citizen_card"]) == 1
    printed = capsys.readouterr().out
    assert "record 4, byte 961: occurred_at" in printed
    assert not [card for card in frame["card_number"] if len(card) > 10 and card in printed]
    path.write_bytes(data[:-4])
    kept = out.read_bytes()
    assert run(["feed", "convert", str(path), "--format", "citizen_card", "--out", str(out)]) == 2
    assert out.read_bytes() == kept
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".feed-")] == []
    assert run(["feed", "check", str(path), "--format", "citizen_card"]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "nofile", "--format", "citizen_card"], "No such file"),
        (["check", "nofile"], "say which file this is"),
        (["describe", "--format", "nope"], "is not known"),
        (["describe", "--format", "unionpay_acom"], "setting record"),
        (["describe", "--format", "citizen_card", "--set", "layout"], "write key=value"),
        (["describe", "--format", "citizen_card", "--set", "layout=none.yaml"], "cannot be read"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, words, capsys):
    assert run(["feed", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_describe_and_list(capsys):
    for arguments in (["--format", "unionpay_acom", "--set", "record=acomn"], ["--format", "pos_iso8583"]):
        assert run(["feed", "describe", *arguments]) == 0
        assert "card_number" in capsys.readouterr().out
    assert run(["feed", "list"]) == 0
    assert "citizen_card" in capsys.readouterr().out
