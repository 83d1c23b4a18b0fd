"""`puhui feed check --source` refuses what the night refuses, with its receipt, where no database need be asked."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.base import Context
from adapters.registry import adapter
from batch.config import load_config
from batch.refusals import doubt, statement_wrong
from batch.steps.ingest import Delivery, parse
from portal.cli.main import run
from tests.portal.test_feed_files import camt, citizen

SUZHOU = Path(__file__).resolve().parents[2] / "examples" / "suzhou"
CARD = "6222020" + "".join(random.Random(6).choice("0123456789") for _ in range(12))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The example's configuration, whose feeds and results take whole files alone."""
    text = (SUZHOU / "puhui.toml").read_text("utf-8")
    for pattern in ('pattern = "SMK_[0-9]*"\n', 'pattern = "pain002_*.xml"\n'):
        assert pattern in text
        text = text.replace(pattern, f"{pattern}reject_file_on_bad_row = true\n")
    (tmp_path / "puhui.toml").write_text(text, "utf-8")
    return tmp_path


def checked(capsys: pytest.CaptureFixture[str], home: Path, source: str, name: str, data: bytes) -> tuple[int, Any]:
    (home / name).write_bytes(data)
    status = run(["feed", "check", str(home / name), "--source", source, "--home", str(home), "--json"])
    return status, json.loads(capsys.readouterr().out)


def night(home: Path, source: str, name: str, data: bytes) -> Any:
    """The refusal of the night."""
    config = load_config(home)
    archive: Any = SimpleNamespace(open=lambda _: io.BytesIO(data))
    running: Any = SimpleNamespace(keys=SimpleNamespace(tokeniser=None))
    return parse(running, archive, Delivery(1, source, name, 1, "", len(data)), config.source(source)).closing.refused


def pain002(status: str) -> bytes:
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>S</MsgId>'
        "<CreDtTm>2026-05-14T22:00:00+08:00</CreDtTm></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>B-1</OrgnlMsgId>"
        "<OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>B-1"
        f"</OrgnlPmtInfId><TxInfAndSts><OrgnlEndToEndId>E1</OrgnlEndToEndId><TxSts>{status}</TxSts></TxInfAndSts>"
        "</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    ).encode()


def test_a_bad_row_refuses_the_file_as_in_the_night(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad_date = citizen().replace(b"20260507090001", b"20260532090001", 1)
    bad_amount = camt(account="3050123400056789").replace(b">3.00<", b">x.00<", 1)
    for source, name, data, status, code in (
        ("smk", "SMK_20260507", bad_date, 2, "BAD_ROWS"),
        ("answers", "pain002_1.xml", pain002("nope"), 2, "BAD_ROW"),
        ("bank", "camt053_1.xml", bad_amount, 1, "BAD_ROW"),  # `convert` writes the lines that can be read
    ):
        refused = night(home, source, name, data)
        found, receipt = checked(capsys, home, source, name, data)
        assert (found, receipt["status"], receipt["accepted"]) == (status, "REJECTED", 0), source
        told = receipt["rejects"][0]
        assert (told["code"], told["message"], told["byte"] or -1) == (code, refused.message, refused.byte)
        assert told["remedy"]
        assert refused.code == code
        if code == "BAD_ROW":
            assert "record 1" in told["message"]
            assert refused.byte > 0


def test_a_statement_of_another_account_is_not_called_accepted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, receipt = checked(capsys, home, "bank", "camt053_1.xml", camt(account="3050123400056789"))
    assert (status, receipt["status"]) == (0, "ACCEPTED")
    status, receipt = checked(capsys, home, "bank", "camt053_1.xml", camt(account=CARD))
    assert (status, receipt["status"], receipt["rejects"][0]["code"]) == (1, "REJECTED", "ACCOUNT")
    assert CARD not in json.dumps(receipt), "the account of a debit card is its number"
    assert run(["feed", "check", str(home / "camt053_1.xml"), "--source", "bank", "--home", str(home)]) == 1
    text = capsys.readouterr().out
    assert "the night takes nothing of it: camt053_1.xml: account 622202" in text
    assert "    remedy: add the account to puhui.toml" in text
    assert CARD not in text
    assert run(["feed", "check", str(home / "camt053_1.xml"), "--format", "camt053"]) == 0, "whose it is, nobody knows"


def test_a_difference_is_what_the_lines_are_too_much() -> None:
    row = {"account": "1", "statement": "S", "opening_fen": 1000, "closing_fen": 1300, "amount_fen": 400}
    row |= {"currency": "CNY"}
    assert statement_wrong(row, {"1"}, None) == (
        "BALANCE",
        "statement S: opening + lines differ from closing by 1.00",
    )
    assert statement_wrong(row | {"amount_fen": 300}, {"1"}, None) is None
    assert statement_wrong(row | {"amount_fen": 300}, {"1"}, 900) == (
        "GAP",
        "statement S opens 1.00 away from the last closing; a statement is missing",
    )
    data = camt().replace(b">3.00<", b">4.00<", 1)
    reader = adapter("camt053").read
    assert reader is not None
    *_, closing = reader(io.BytesIO(data), Context("f", "bank"))
    found = doubt(closing.notes)  # type: ignore[union-attr]  # the last item is the closing
    assert found is not None
    assert found[1].endswith("difference 1.00"), "of the same sign"


def test_statements_in_any_order_and_twice_are_told_as_the_night_takes_them(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = camt(account="3050123400056789")
    inside = first.partition(b"<Stmt>")[2].partition(b"</Stmt>")[0]
    later = inside.replace(b">13.00<", b">16.00<").replace(b">10.00<", b">13.00<")
    later = later.replace(b"<Id>S1<", b"<Id>S2<").replace(b"2026-05-07", b"2026-05-08")
    both = b"".join(b"<Stmt>" + one + b"</Stmt>" for one in (later, inside, later))
    data = first.replace(b"<Stmt>" + inside + b"</Stmt>", both)
    status, receipt = checked(capsys, home, "bank", "camt053_1.xml", data)
    assert (status, receipt["status"], receipt["accepted"], receipt["duplicate"]) == (0, "ACCEPTED", 2, 1)
    assert [(told["record"], told["code"]) for told in receipt["rejects"]] == [(3, "STATEMENT_TWICE")]
    assert [one["statement"] for one in receipt["accepted_by"]] == ["S2", "S1"]
    gap = data.replace(later, later.replace(b">3.00<", b">4.00<").replace(b">16.00<", b">17.00<"), 1)
    status, receipt = checked(capsys, home, "bank", "camt053_1.xml", gap)
    assert (status, receipt["status"], receipt["rejects"][0]["code"]) == (1, "REJECTED", "GAP"), "another version"
