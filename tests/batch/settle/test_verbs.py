"""The verbs payout, statement and ledger as people type them."""

from __future__ import annotations

import json
from contextlib import contextmanager

import polars as pl
import pytest

from adapters.base import Closing
from batch.results import results
from portal.cli.main import run
from portal.cli.people import hash_passphrase
from portal.session import Session
from settlement.model.frames import PAYMENT_RESULT
from settlement.store import people
from tests.batch.settle.books import FRI, THU, at

BATCH = "B-20260507-1"


@pytest.fixture
def says(books, tmp_path, monkeypatch, capsys):
    """Runs a verb on the books; gives (exit status, standard output, standard error)."""
    secret = tmp_path / "passphrase"
    secret.write_text("long enough\n")
    monkeypatch.setenv("PUHUI_PASSPHRASE_FILE", str(secret))
    stored = hash_passphrase("long enough")
    for name, role in (("li", "finance_checker"), ("wang", "finance_maker"), ("sun", "auditor")):
        user = people.User(name, 1, role, stored, active=True)
        books.do(lambda c, user=user: people.put_user(c, user, at(THU), "admin"))

    @contextmanager
    def session(_home):
        yield Session(books.run.home, books.run.config, books.run.keys, books.base, at(FRI, 1))

    monkeypatch.setattr("portal.session.open_session", session)

    def say(*arguments):
        status = run(list(arguments))
        said = capsys.readouterr()
        return status, said.out, said.err

    return say


def test_a_payout_is_shown_approved_released_and_confirmed(books, says):
    books.sale(THU, 1000)
    books.sale(THU, 500, payee=("merchant", "M3"))
    books.night(THU)
    assert json.loads(says("payout", "list", "--json")[1])[0] | {"状态": "drafted", "金额(元)": "10.00"}
    status, shown, _ = says("payout", "show", BATCH)
    assert status == 0
    assert "金额 10.00 元" in shown
    assert "首次" in shown
    assert "no account" in says("payout", "draft")[1]
    assert says("payout", "approve", BATCH, "--as", "li")[0] == 0
    status, _, error = says("payout", "release", BATCH, "--as", "li")
    assert (status, "another person releases" in error) == (2, True)
    assert says("payout", "release", BATCH, "--as", "wang")[0] == 0
    assert (books.run.home / "exchange" / "bank" / "out" / f"{BATCH}.xml.ok").is_file()
    assert says("payout", "release", BATCH, "--as", "wang")[0] == 2
    assert says("payout", "confirm", BATCH, "--as", "wang")[0] == 0
    assert says("payout", "list", "--state", "sent")[1].count(BATCH) == 1
    verbs = books.rows("SELECT verb, actor FROM puhui.audit ORDER BY seq")
    assert verbs == [("payout approve", "li"), ("payout release", "wang"), ("payout confirm", "wang")]


def test_what_the_bank_answered_last_stands_beside_each_item(books, says):
    """An answer that settles nothing (PDNG) is shown too, and moments stand on the clocks of the programme."""
    books.sale(THU, 1000)
    books.night(THU)
    assert says("payout", "approve", BATCH, "--as", "li")[0] == 0
    assert says("payout", "release", BATCH, "--as", "wang")[0] == 0
    items = json.loads(says("payout", "show", BATCH, "--json")[1])
    assert [(row["回盘"], row["回盘文件"]) for row in items] == [("", "")]
    assert "回盘" not in says("payout", "show", BATCH)[1]
    chosen = items[0]["付款编号"]
    books.begin(FRI)
    for number, (result, reason) in enumerate((("paid", "ACSC"), ("unknown", "PDNG"))):
        file_id = books.file(FRI, "bank", number)
        row = dict.fromkeys(PAYMENT_RESULT) | {"end_to_end_id": chosen, "result": result, "reason": reason}
        row |= {"file": "r.xml", "record": 1, "byte_start": 7, "byte_end": 8}
        frame, closing = pl.DataFrame([row], schema=PAYMENT_RESULT), Closing(1, 1, 0)
        books.do(lambda c, f=file_id, x=frame, y=closing: results(c, f, FRI, x, [], y, by_batch=False))
    told = {
        row["付款编号"]: (row["结果"], row["回盘"]) for row in json.loads(says("payout", "show", BATCH, "--json")[1])
    }
    assert told == {chosen: ("", "未定 PDNG")}
    text = says("payout", "show", BATCH)[1]
    assert "未定 PDNG" in text
    assert "+08:00 approved li" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("payout", "approve", BATCH, "--as", "sun"), "sun is auditor; this needs finance_maker or finance_checker"),
        (("payout", "approve", "B-1", "--as", "li"), "no payout batch B-1; `puhui payout list` shows them"),
        (("payout", "show", "B-1"), "no payout batch B-1"),
        (("statement", "show", "SZ-1"), "no statement SZ-1; `puhui statement list` shows them"),
        (("ledger", "trial", "--from", "7 May"), "--from: not a date; write YYYY-MM-DD"),
    ],
)
def test_a_mistake_is_one_line_with_a_remedy(says, arguments, message):
    status, out, error = says(*arguments)
    assert (status, out) == (2, "")
    assert message in error
    assert error.count("\n") == 1


def test_statements_are_listed_shown_and_verified(books, says):
    books.sale(THU, 1000)
    books.night(THU)
    assert "SZ-2026-000001" in says("statement", "list", "--payee", "M1")[1]
    assert "SZ-2026-000001" not in says("statement", "list", "--from", "2026-05-08")[1]
    told = says("statement", "show", "SZ-2026-000001")[1]
    assert "人民币壹拾元整" in told
    assert "+00:00" not in told  # times are those of the programme's clocks
    shown = json.loads(says("statement", "show", "SZ-2026-000001", "--json")[1])
    assert shown["lines"][0]["补贴金额"] == "10.00"
    assert says("statement", "verify")[0] == 0
    with books.base.owner.begin() as owner:
        owner.exec_driver_sql("UPDATE puhui.statement_line SET sale_count = 2")
    status, out, error = says("statement", "verify", "SZ-2026-000001")
    assert (status, "不一致" in out, "its rows do not give its digest" in error) == (1, True, True)


def test_the_ledger_is_printed(books, says):
    books.sale(THU, 1000)
    books.night(THU)
    rows = json.loads(says("ledger", "trial", "--json")[1])
    closing = {row["科目编码"]: row["期末(元)"] for row in rows}
    assert closing == {"1002": "10000.00", "2202": "-10.00", "2241": "4.00", "3001": "-10000.00", "5001": "6.00"}
    entries = says("ledger", "entries", "--to", "2026-05-07")[1]
    assert "补贴 bakery merchant M1" in entries
