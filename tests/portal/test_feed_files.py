"""`puhui feed` and the file system: names of any bytes, disks that fail or are full, outputs whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import random
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adapters.base import Context
from adapters.registry import adapter
from portal.cli import feed
from portal.cli.main import run
from settlement.model.cards import mask
from settlement.model.frames import TRANSACTION

ROOT = Path(__file__).resolve().parents[2]
DAY = date(2026, 5, 7)


def citizen(count: int = 5) -> bytes:
    """A citizen card file of sales at 09:00:00, 09:00:01, …"""
    chance, rows = random.Random(4), []
    for index in range(count):
        card = "215" + "".join(chance.choice("0123456789") for _ in range(13))
        key = f"smk:21500001/{mask(card)}/{index:06d}/T0000001/{index:010d}"
        fixed = {"transaction_id": key, "source": "smk", "kind": "SALE", "currency": "156", "clearing_date": DAY}
        place = {"merchant_no": "M00000000000001", "terminal_no": "T0000001", "stan": f"{index:010d}", "rail": "purse"}
        money = {"paid_fen": 100 + index, "gross_fen": 100 + index, "claimed_fen": 0, "instrument": "citizen_card"}
        at = datetime(2026, 5, 7, 1, tzinfo=UTC) + timedelta(seconds=index)
        rows.append({**fixed, **place, **money, "occurred_at": at, "card_number": card, "merchant_name": "得月楼"})
    schema = {**TRANSACTION, "card_number": pl.String, "merchant_name": pl.String}
    frame = pl.DataFrame([{**dict.fromkeys(schema), **row} for row in rows], schema=schema)
    write = adapter("citizen_card").write
    assert write is not None
    return write(frame, Context("SMK_20260507", "smk", {}, None, DAY))


def camt(account: str = "3220001") -> bytes:
    """A statement with one line of 3.00 from 10.00 to 13.00."""
    balances = "".join(
        f"<Bal><Tp><CdOrPrtry><Cd>{name}</Cd></CdOrPrtry></Tp><Amt Ccy='CNY'>{amount}</Amt>"
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-05-07</Dt></Dt></Bal>"
        for name, amount in (("OPBD", "10.00"), ("CLBD", "13.00"))
    )
    return (
        "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.02'><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId>"
        "<CreDtTm>2026-05-07T00:00:00</CreDtTm></GrpHdr><Stmt><Id>S1</Id><Acct><Id><Othr>"
        f"<Id>{account}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>{balances}<Ntry><Amt Ccy='CNY'>3.00</Amt>"
        "<CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-05-07</Dt></BookgDt></Ntry></Stmt>"
        "</BkToCstmrStmt></Document>"
    ).encode()


@pytest.fixture
def smk(tmp_path: Path) -> Path:
    path = tmp_path / "SMK_20260507"
    path.write_bytes(citizen())
    return path


@pytest.mark.parametrize("name", [b"SMK_\xff", b"SMK_a\nb", b"SMK_\x1b[31m", "SMK_市民卡".encode()])
def test_a_name_of_any_bytes_is_told_on_one_line_and_that_no_inbox_takes_it(
    name: bytes, smk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(os.fsdecode(os.fsencode(smk.parent) + b"/" + name))
    smk.rename(path)
    assert run(["feed", "check", str(path), "--format", "citizen_card"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.endswith("as citizen_card: ACCEPTED")
    assert first.isprintable()
    assert any(line.startswith("note: a file of this name is left lying: write 1 to 128 letters") for line in lines)
    assert run(["feed", "check", str(path), "--format", "citizen_card", "--json"]) == 0
    assert "left lying" in json.loads(capsys.readouterr().out)["notes"][-1]
    assert run(["feed", "convert", str(path), "--format", "citizen_card", "--out", str(smk.parent / "x.csv")]) == 0
    path.unlink()
    assert run(["feed", "check", str(path), "--format", "citizen_card"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].isprintable()


def test_a_name_that_its_source_does_not_take_is_told(smk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (smk.parent / "puhui.toml").write_bytes((ROOT / "examples" / "suzhou" / "puhui.toml").read_bytes())
    arguments = ["--source", "smk", "--home", str(smk.parent)]
    assert run(["feed", "check", str(smk), *arguments]) == 0
    assert "left lying" not in capsys.readouterr().out
    other = smk.rename(smk.parent / "SMK20260507")
    assert run(["feed", "check", str(other), *arguments]) == 0
    said = "note: a file of this name is left lying: this source takes files named SMK_[0-9]*\n"
    assert said in capsys.readouterr().out


def test_a_disk_that_cannot_be_read_is_one_line(
    smk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        def update(self, _: bytes) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(feed.hashlib, "sha256", Failing)
    assert run(["feed", "check", str(smk), "--format", "citizen_card"]) == 2
    said = "puhui: SMK_20260507: input/output error; give a file that can be read\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_full_disk_leaves_the_old_file_and_is_told(
    ending: str, smk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = smk.parent / f"x.{ending}"
    out.write_text("old")
    real = Path.open

    def full(path: Path, *given: Any, **more: Any) -> Any:
        return real(Path("/dev/full") if path.suffix == ".part" else path, *given, **more)

    monkeypatch.setattr(Path, "open", full)
    assert run(["feed", "convert", str(smk), "--format", "citizen_card", "--out", str(out)]) == 3
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == f"puhui: {out}: the disk is full; make room or repair it, then run the same command again"
    assert sorted(path.name for path in smk.parent.iterdir()) == ["SMK_20260507", out.name]
    assert out.read_text() == "old"


def test_a_folder_that_may_not_be_written_is_no_passing_fault(
    smk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("tempfile.mkstemp", denied)
    out = smk.parent / "x.csv"
    assert run(["feed", "convert", str(smk), "--format", "citizen_card", "--out", str(out)]) == 2
    said = f"puhui: {out}: cannot write (read-only file system); check the path, its owner and its permissions\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("arguments", [["feed", "list"], ["feed", "describe", "--format", "camt053"], ["--help"]])
def test_what_cannot_be_printed_is_told(arguments: list[str]) -> None:
    command = [sys.executable, "-c", "from portal.cli.main import main; main()", *arguments]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False, text=True)
    said = "puhui: standard output: the disk is full; make room or repair it, then run the same command again\n"
    assert (done.returncode, done.stderr) == (3, said)


def test_what_stands_twice_is_shown_with_its_bytes_and_remedy(smk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = smk.read_bytes().split(b"\r\n")
    head, rows, trailer = lines[0], lines[1:-2], lines[-2]
    count, total = len(rows) + 1, int(trailer[12:]) + 100
    again = [head, *rows, rows[0], f"T {count:09d} {total:015d}".encode(), b""]
    smk.write_bytes(b"\r\n".join(again))
    assert run(["feed", "check", str(smk), "--format", "citizen_card"]) == 0
    said = capsys.readouterr().out.splitlines()
    at = next(n for n, line in enumerate(said) if "[DUPLICATE_ROW]" in line)
    assert said[at].startswith("SMK_20260507: record 6, byte ")
    assert said[at + 1].startswith("    remedy: nothing: it has no effect")
    assert said[at + 2].lstrip().startswith("D 01 P")


@pytest.mark.parametrize("form", ["camt053", "camt054", "pain002"])
def test_a_file_that_is_no_xml_at_all_is_not_called_cut(
    form: str, smk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["feed", "check", str(smk), "--format", form, "--json"]) == 2
    (told,) = json.loads(capsys.readouterr().out)["rejects"]
    assert (told["code"], told["byte"]) == ("NOT_XML", 0)
    assert told["message"] == "no XML begins here; send the bank's XML, or check the source's format"
    assert told["remedy"].endswith("check that the source's format is that of this file")


@pytest.mark.parametrize("pieces", [1, 3, 40_000])
def test_xml_that_is_cut_or_broken_is_refused_at_the_line_where_it_breaks(
    pieces: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the line began in a part of the file that was read before."""
    head = b"<?xml version='1.0'?>\n<!-- a\nb -->\n"
    data = head + camt().replace(b"<Ntry>", b"<Ntry>" + b" <!---->\n" * pieces + b"<X" + b" " * 70_000 * (pieces == 3))
    path = tmp_path / "camt.xml"
    path.write_bytes(data)
    assert run(["feed", "check", str(path), "--format", "camt053", "--json"]) == 2
    (told,) = json.loads(capsys.readouterr().out)["rejects"]
    assert told["code"] == "NOT_XML"
    assert told["byte"] == data.index(b"<X")


def test_a_pipe_is_no_layout_and_is_not_waited_for(smk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = smk.parent / "own.yaml"
    os.mkfifo(pipe)
    assert run(["feed", "check", str(smk), "--format", "citizen_card", "--set", f"layout={pipe}"]) == 2
    assert capsys.readouterr().err == f"puhui: {pipe}: cannot be read as UTF-8 text; give a layout in YAML\n"


def test_the_receipt_of_a_file_without_a_day_has_that_of_our_clocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half past midnight here is still yesterday in UTC."""
    monkeypatch.setenv("PUHUI_NOW", "2026-05-08T00:30:00+08:00")
    (tmp_path / "e.xml").write_bytes(b"")
    assert run(["feed", "check", str(tmp_path / "e.xml"), "--format", "camt053", "--json"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert (said["business_date"], said["received_at"]) == ("2026-05-08", "2026-05-08T00:30:00+08:00")
