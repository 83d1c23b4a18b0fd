"""docs/errors.md lists every message and every reject code of the source, with its exit status, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.remedies import REMEDY
from portal.cli.main import run
from tests.errors.collect import GAP, KINDS, ROOT, codes, messages, squeezed

PAGE = (ROOT / "docs" / "errors.md").read_text("utf-8")
_MESSAGE = re.compile(r"^\| (\d+) \| (`+)(.+?)\2 \| .*\|$", re.MULTILINE)
_CODE = re.compile(r"^\| `([A-Z0-9_]+)` \| (.+) \|$", re.MULTILINE)


def listed() -> set[tuple[int, str]]:
    """(exit status, message with gaps) of the page."""
    return {(int(status), gapped(text)) for status, _, text in _MESSAGE.findall(PAGE)}


def gapped(text: str) -> str:
    return squeezed(re.sub(r"<[^<>]*>", GAP, text.replace("\\|", "|")))


def said() -> dict[tuple[int, str], str]:
    """(exit status, message with gaps) of the source -> where."""
    return {(KINDS[kind].exit_code, gapped(text)): where for (kind, text), where in messages().items()}


def test_the_reader_of_the_source_finds_what_is_there() -> None:
    assert (2, f"{GAP}: is a folder; give the path of a file") in said()
    assert {"BAD_AMOUNT", "NEGATIVE_AMOUNT", "DUPLICATE_ROW", "HEADER", "YEAR", "NOT_YAML"} <= codes().keys()
    assert len(said()) > 150
    assert len(codes()) > 120


def test_every_message_is_listed() -> None:
    missing = [f"{where}: exit {key[0]}: {key[1]}" for key, where in said().items() if key not in listed()]
    assert not missing, "add to docs/errors.md:\n" + "\n".join(missing)


def test_every_listed_message_exists() -> None:
    assert not listed() - said().keys()


def test_every_code_is_listed_once_with_a_meaning() -> None:
    found = [code for code, _ in _CODE.findall(PAGE)]
    missing = [f"{where}: {code}" for code, where in codes().items() if code not in found]
    assert not missing, "add to docs/errors.md:\n" + "\n".join(missing)
    assert sorted(found) == sorted(set(codes()))


def test_every_code_of_a_file_has_a_remedy() -> None:
    """What `puhui feed check` says to do; notes and what only a writer meets need none."""
    no_reject = {"BALANCE_CURRENCY", "BALANCE_DIFFERENCE", "BALANCE_MISSING", "DETAIL_DIFFERS", "NOT_BOOKED"}
    no_reject |= {"NO_LAST_LINE_END", "OPEN_LAST_TEXT", "CURRENCY_ASSUMED"}
    writing = {"HAS_SEPARATOR", "NOT_IN_ENCODING"}
    rooms = (
        "adapters/feeds/",
        "adapters/accounts/",
        "adapters/payments/",
        "adapters/layout_line.py",
        "adapters/safe_xml.py",
    )
    given = {code for code, where in codes().items() if where.startswith(rooms)}
    assert len(given) > 80
    assert given - REMEDY.keys() == no_reject | writing
    assert REMEDY.keys() - given <= set(codes())


# --- reproduced without a database ------------------------------------------------------------------------------------

FILES = {
    "empty": b"",
    "text": b"a,b\n1,2\n",
    "binary": bytes(range(256)) * 4,
    "xml": b"<a/>",
    "doctype": b"<!DOCTYPE a><a/>",
    "cut": b"<a>",
}


@pytest.mark.parametrize(
    ("form", "file", "code"),
    [
        ("camt053", "empty", "EMPTY_FILE"),
        ("camt053", "xml", "NOT_CAMT"),
        ("camt053", "doctype", "DOCTYPE"),
        ("camt053", "cut", "NOT_XML"),
        ("camt054", "xml", "NOT_CAMT"),
        ("pain002", "xml", "NOT_PAIN002"),
        ("mt940", "empty", "EMPTY_FILE"),
        ("mt940", "text", "NOT_MT940"),
        ("mt940", "binary", "NUL_BYTE"),
        ("citizen_card", "empty", "EMPTY_FILE"),
        ("unionpay_acom --set record=acomn", "empty", "EMPTY_FILE"),
        ("bank_csv --set layout=icbc", "empty", "EMPTY_FILE"),
        ("bank_csv --set layout=icbc", "text", "NO_HEADINGS"),
        ("pos_iso8583", "empty", "NO_CLEARING_DATE"),
        ("pos_iso8583 --set clearing_date=2026-05-07", "empty", "EMPTY_FILE"),
    ],
)
def test_a_refused_file_names_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, file: str, code: str
) -> None:
    path = tmp_path / "file.dat"
    path.write_bytes(FILES[file])
    assert run(["feed", "check", str(path), "--format", *form.split()]) == 2
    assert f"[{code}]" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        "feed check HERE/nothing --format mt940",
        "feed check HERE --format mt940",
        "feed check FILE --format fish",
        "feed check FILE --format pain001",
        "feed check FILE --format unionpay_acom",
        "feed check FILE --format bank_csv",
        "feed check FILE --format bank_csv --set layout=fish",
        "feed check FILE --format mapped_csv",
        "feed check FILE --format mapped_csv --set mapping=fish",
        "feed check FILE --format citizen_card --set layout=fish",
        "feed check FILE --format camt053 --set details=fish",
        "feed check FILE --format mt940 --set encoding=fish",
        "feed check FILE --format mt940 --set fish",
        "feed check FILE",
        "feed convert FILE --format mt940 --out HERE/x.txt",
        "feed describe --source fish --home SUZHOU",
        "scheme list HERE/nothing",
        "scheme list HERE",
        "scheme schema fish",
        "scheme show SUZHOU fish --lang fish",
        "rate HERE/nothing --transactions FILE --out HERE/out.csv",
        "rate SUZHOU/programme --transactions FILE --out HERE/out.csv --engine fish",
        "backtest HERE/nothing --home SUZHOU",
        "backtest SUZHOU/programme/schemes/s01-first-login.yaml --home SUZHOU",
        "backtest SUZHOU/programme/schemes/s01-first-login.yaml --from 2026-05-08 --to 2026-05-07 --home SUZHOU",
        "explain smk:1 --lang fish --home SUZHOU",
        "night --home HERE",
        "night --home SUZHOU",
        "import fish FILE --home SUZHOU",
        "init HERE/new",
        "init HERE/new --config FILE",
        "init HERE/new --config HERE",
        "user add wang --role fish",
        "user add @@ --role operator --home HERE",
        "check --date fish --home HERE",
        "recon list --kind fish",
        "recon explain D-1 --reason  --home HERE",
        "payout list --state fish",
        "demo FILE",
        "demo HERE",
    ],
)
def test_what_is_said_is_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    monkeypatch.delenv("PUHUI_KEYS_FILE", raising=False)
    (tmp_path / "file.dat").write_bytes(FILES["text"])
    suzhou = str(ROOT / "examples" / "suzhou")
    words = [
        word.replace("HERE", str(tmp_path)).replace("FILE", str(tmp_path / "file.dat")).replace("SUZHOU", suzhou)
        for word in arguments.split(" ")
    ]
    status = run(words)
    told = capsys.readouterr().err
    assert told.count("\n") == 1, told
    line = told.strip().removeprefix("puhui: ")
    assert any(status == known and matches(text, line) for known, text in listed()), (status, line)
    assert status == 2


def matches(text: str, line: str) -> bool:
    """Whether the line is the message with its gaps filled; a message of gaps alone matches nothing."""
    parts = text.split(GAP)
    if sum(len(part.strip(" :;()")) for part in parts) < 8:
        return False
    return re.fullmatch(".+?".join(re.escape(part) for part in parts), line) is not None
