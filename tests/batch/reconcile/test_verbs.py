"""`puhui recon` as people type it."""

from __future__ import annotations

import json
import random
from contextlib import contextmanager
from typing import Any

import pytest

from portal.cli.main import run
from portal.cli.people import hash_passphrase
from portal.session import Session
from settlement.store import people
from settlement.store import tables as t
from tests.batch.reconcile.nights import night
from tests.batch.settle.books import FRI, THU, Books, at

SHORT = "D-20260507-000001"
OVER = "D-20260507-000002"


@pytest.fixture
def says(books: Books, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a verb in the morning after a night with a 短款 of 97.00 and a 长款 of 2000.00."""
    secret = tmp_path / "passphrase"
    secret.write_text("long enough\n")
    monkeypatch.setenv("PUHUI_PASSPHRASE_FILE", str(secret))
    stored = hash_passphrase("long enough")
    for name, role in (("li", "finance_checker"), ("wang", "finance_maker"), ("sun", "auditor")):
        user = people.User(name, 1, role, stored, active=True)
        books.do(lambda c, user=user: people.put_user(c, user, at(THU), "admin"))
    books.begin(THU)
    books.sale(THU, 300, matched=False)
    night(books, THU, ("R0009", 200_000))
    step = {"business_date": THU, "step": "close", "fence": 1, "started_at": at(THU), "finished_at": at(THU)}
    books.put(t.step_run, step | {"summary": {}})

    @contextmanager
    def session(_home: Any) -> Any:
        yield Session(books.run.home, books.run.config, books.run.keys, books.base, at(FRI, 1))

    monkeypatch.setattr("portal.session.open_session", session)

    def say(*arguments: str) -> tuple[int, str, str]:
        status = run(list(arguments))
        said = capsys.readouterr()
        return status, said.out, said.err

    return say


def test_the_list_the_item_and_the_reports(says: Any) -> None:
    rows = json.loads(says("recon", "list", "--json")[1])
    assert [(row["id"], row["kind"], row["difference"], row["state"]) for row in rows] == [
        (SHORT, "OURS_ONLY", "97.00", "open"),
        (OVER, "THEIRS_ONLY", "-2000.00", "open"),
    ]
    only = says("recon", "list", "--kind", "OURS_ONLY", "--open", "--date", "2026-05-07")[1]
    assert (only.count("D-"), SHORT in only) == (1, True)
    shown = json.loads(says("recon", "show", SHORT, "--json")[1])
    assert (shown["kind"], shown["ours_fen"], shown["life"]) == ("OURS_ONLY", 9700, [])
    assert "detail: 对方文件无此笔" in says("recon", "show", SHORT)[1]
    reports = json.loads(says("recon", "report", "--json")[1])
    assert [report["title"] for report in reports] == ["日对账报告", "差错明细表", "银行存款余额调节表"]
    assert reports[0]["tables"][0]["rows"][0]["短款金额"] == "97.00"
    assert reports[0]["tables"][0]["rows"][0]["对账结果"] == "差错2笔"
    assert "长款(对方有我方无)" in says("recon", "report", "--date", "2026-05-07")[1]


def test_people_decide(books: Books, says: Any) -> None:
    assert says("recon", "explain", SHORT, "--reason", "letter 7", "--as", "wang")[0] == 0
    assert "takes a decision about it already" in says("recon", "suspense", SHORT, "--reason", "x", "--as", "li")[2]
    status, _, error = says("recon", "write-off", OVER, "--reason", "x", "--as", "wang")
    assert (status, "above 1000.00 a second person is needed" in error) == (2, True)
    status, _, error = says("recon", "write-off", OVER, "--reason", "x", "--as", "li", "--checker", "li")
    assert (status, "the second person must be another" in error) == (2, True)
    assert says("recon", "write-off", OVER, "--reason", "x", "--as", "wang", "--checker", "li")[0] == 0
    assert books.rows(
        "SELECT business_date, actor, checker, kind, subject FROM puhui.decision WHERE actor = 'wang'"
    ) == [
        (FRI, "wang", None, "explain", SHORT),
        (FRI, "wang", "li", "write_off", OVER),
    ]
    assert books.rows("SELECT verb FROM puhui.audit ORDER BY seq") == [("recon explain",), ("recon write_off",)]
    books.begin(FRI)
    assert night(books, FRI)["events"] == {"explained": 1, "written_off": 1}
    assert "is explained already" in says("recon", "explain", SHORT, "--reason", "x", "--as", "li")[2]
    assert "explained" in says("recon", "show", SHORT)[1]


def test_a_reason_keeps_no_card_number(books: Books, says: Any) -> None:
    """Reasons stand in tables, in the chain of the audit and on reports for good."""
    card = "6222020" + "".join(random.Random(8).choice("0123456789") for _ in range(12))
    spaced = " ".join(card[at : at + 4] for at in range(0, 19, 4))
    reason = f"card {card},\n{spaced}: RRN 612700000009 of 2026-05-07 2026-05-08"
    assert says("recon", "explain", SHORT, "--reason", reason, "--as", "wang")[0] == 0
    ((kept,),) = books.rows("SELECT reason FROM puhui.decision WHERE actor = 'wang'")
    masked = f"{card[:6]}*********{card[-4:]}"
    assert kept == f"card {masked}, {masked}: RRN 612700000009 of 2026-05-07 2026-05-08"
    ((audited,),) = books.rows("SELECT audit::text FROM puhui.audit WHERE actor = 'wang'")
    assert masked in audited
    assert card not in audited
    assert spaced not in audited


def test_an_adjustment_names_its_amount(books: Books, says: Any) -> None:
    assert "--amount: say how much" in says("recon", "adjust", SHORT, "--reason", "x", "--as", "li")[2]
    assert says("recon", "adjust", SHORT, "--amount", "-3.20", "--reason", "x", "--as", "li")[0] == 0
    assert books.rows("SELECT amount_fen FROM puhui.decision WHERE kind = 'adjust'") == [(-320,)]


MISTAKES = [
    (("explain", SHORT, "--reason", "x", "--as", "sun"), "sun is auditor; this needs"),
    (("explain", SHORT, "--reason", " ", "--as", "li"), "--reason: say why"),
    (("explain", "D-1", "--reason", "x", "--as", "li"), "no discrepancy 'D-1'; see `puhui recon list`"),
    (("show", "D-1"), "no discrepancy 'D-1'"),
    (("list", "--kind", "ODD"), "--kind: no kind 'ODD'; write one of THEIRS_ONLY"),
    (("report", "--date", "2026-05-08"), "no night of 2026-05-08; run `puhui night --date 2026-05-08` first"),
    (("report", "--date", "8 May"), "--date: not a date"),
    (("adjust", SHORT, "--amount", "1e3", "--reason", "x", "--as", "li"), "--amount: not an amount"),
]


def test_a_mistake_is_one_line_with_a_remedy(says: Any) -> None:
    for arguments, message in MISTAKES:
        status, out, error = says("recon", *arguments)
        assert (status, out) == (2, ""), arguments
        assert message in error, arguments
        assert error.count("\n") == 1, arguments
