"""The whole week through the verbs that people use; what was planted is found, item by item."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text

from portal.cli.main import run
from portal.session import open_session
from settlement.model.outcomes import Outcome
from settlement.store.database import Database

pytestmark = pytest.mark.xdist_group("week")

VOLUME = 800
FIRST = date(2026, 5, 7)
DAYS = [FIRST + timedelta(days=n) for n in range(7)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration, run once as a person runs it."""
    folder = tmp_path_factory.mktemp("city") / "demo"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PUHUI_")}
    command = [sys.executable, "-m", "portal.cli.main", "demo", str(folder), "--volume", str(VOLUME)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "stdout.txt").write_text(done.stdout, "utf-8")
    (folder / "stderr.txt").write_text(done.stderr, "utf-8")
    return folder


@pytest.fixture(scope="module")
def database(home: Path) -> Iterator[Database]:
    os.environ["PUHUI_NOW"] = "2026-05-14T10:00:00+08:00"
    with open_session(home) as session:
        yield session.database
    del os.environ["PUHUI_NOW"]


def rows(database: Database, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql), values)]


DISCREPANCY = "SELECT 1 FROM puhui.discrepancy WHERE kind = '{}' AND business_date = :night AND {} = :key"
FOUND_BY = {
    "duplicate file": (
        "SELECT 1 FROM puhui.file JOIN puhui.file_outcome o USING (file_id)"
        " WHERE name = :key AND o.business_date = :night AND status = 'DUPLICATE'"
    ),
    "duplicate row": (
        "SELECT 1 FROM puhui.file_reject JOIN puhui.file f USING (file_id)"
        " WHERE code = 'DUPLICATE_ROW' AND f.business_date = :night AND position(:key in message) > 0"
    ),
    "row with a bad date": (
        "SELECT 1 FROM puhui.file_reject r JOIN puhui.file f USING (file_id), puhui.discrepancy d"
        " WHERE r.field = 'occurred_at' AND f.business_date = :night AND d.business_date = :night"
        " AND d.kind = 'THEIRS_ONLY' AND d.reference = :key"
    ),
    "file with a wrong trailer": (
        "SELECT 1 FROM puhui.file JOIN puhui.file_outcome o USING (file_id)"
        " WHERE name = :key AND o.business_date = :night AND status = 'REJECTED' AND accepted = 0"
    ),
    "sale only the bank has": DISCREPANCY.format("THEIRS_ONLY", "reference"),
    "sale only we have": DISCREPANCY.format("OURS_ONLY", "ours_id"),
    "cut-off difference": (
        "SELECT 1 FROM puhui.discrepancy d JOIN puhui.discrepancy_event e USING (discrepancy_id)"
        " WHERE d.kind = 'OURS_ONLY' AND d.business_date = :night AND d.ours_id = :key"
        " AND e.event = 'auto_closed' AND e.business_date = cast(:night AS date) + 1"
    ),
    "amount mismatch": DISCREPANCY.format("AMOUNT_MISMATCH", "ours_id") + " AND abs(difference_fen) = 100",
    "void on one side": DISCREPANCY.format("STATUS_MISMATCH", "ours_id"),
    "record three days late": (
        "SELECT 1 FROM puhui.transaction t JOIN puhui.recon_match m ON m.ours_id = t.transaction_id"
        " WHERE t.transaction_id = :key AND t.business_date = :night AND m.business_date = :night"
        " AND (t.occurred_at AT TIME ZONE 'Asia/Shanghai')::date = cast(:night AS date) - 3"
    ),
    "refund before its sale": (
        f"SELECT 1 FROM puhui.rated a JOIN puhui.rated b USING (transaction_id) WHERE transaction_id = :key"
        f" AND a.business_date = :night AND a.outcome = {int(Outcome.ORPHAN)}"
        f" AND b.business_date = cast(:night AS date) + 1 AND b.outcome <> {int(Outcome.ORPHAN)}"
    ),
    "over-refund": DISCREPANCY.format("OVER_REFUND", "ours_id"),
    "overclaimed discount": DISCREPANCY.format("OVERCLAIMED", "ours_id") + " AND difference_fen <> 0",
    "item twice in the bank's file": DISCREPANCY.format("DUPLICATE", "reference"),
    "returned payout": (
        "SELECT 1 FROM puhui.discrepancy d JOIN puhui.payout_result r ON r.end_to_end_id = d.ours_id"
        " WHERE d.kind = 'RETURNED' AND r.result = 'returned' AND d.business_date = :night AND d.ours_id = :key"
    ),
    "refused payout": (
        "SELECT 1 FROM puhui.discrepancy d JOIN puhui.payout_result r ON r.end_to_end_id = d.ours_id"
        " JOIN puhui.payout_item i USING (end_to_end_id) JOIN puhui.payout_hold h USING (statement_no)"
        " WHERE d.kind = 'RETURNED' AND r.result = 'rejected' AND r.line_id IS NULL AND d.business_date = :night"
        " AND d.ours_id = :key AND h.business_date = :night AND position('AC04' in h.reason) > 0"
    ),
    "unknown credit": (
        "SELECT 1 FROM puhui.discrepancy d JOIN puhui.bank_line l ON l.line_id = d.theirs_id"
        " WHERE d.kind = 'UNKNOWN_CREDIT' AND d.business_date = :night AND l.reference = :key"
    ),
}


def test_everything_planted_is_found(home: Path, database: Database) -> None:
    planted = json.loads((home / "demo.json").read_text("utf-8"))["planted"]
    assert {fault for fault, _, _ in planted} == set(FOUND_BY), "a fault of the list was not planted"
    missed = [
        (fault, night, key)
        for fault, night, key in planted
        if not rows(database, FOUND_BY[fault], night=date.fromisoformat(night), key=key)
    ]
    assert missed == []


def test_single_sided_items_are_no_more_than_planted(home: Path, database: Database) -> None:
    """Nothing is found that was not planted: discrepancies that do not come from rules or money are all explained."""
    planted = json.loads((home / "demo.json").read_text("utf-8"))["planted"]
    counts = dict(
        rows(database, "SELECT kind, count(*) FROM puhui.discrepancy WHERE kind IN ('OURS_ONLY', 'THEIRS_ONLY',"
                       " 'AMOUNT_MISMATCH', 'STATUS_MISMATCH', 'DUPLICATE', 'AMBIGUOUS') GROUP BY kind")
    )  # fmt: skip
    faults = [fault for fault, _, _ in planted]
    assert counts == {
        "OURS_ONLY": faults.count("sale only we have") + faults.count("cut-off difference"),
        "THEIRS_ONLY": faults.count("sale only the bank has") + faults.count("row with a bad date"),
        "AMOUNT_MISMATCH": 1,
        "STATUS_MISMATCH": 1,
        "DUPLICATE": 1,
    }


def test_the_budget_runs_out_in_mid_day(database: Database) -> None:
    ran_out = rows(
        database,
        "SELECT t.business_date, count(*) FROM puhui.rated r JOIN puhui.transaction t USING (transaction_id)"
        " WHERE r.limit_name = 'bakery-budget' AND r.outcome = 6"
        " AND extract(hour FROM t.occurred_at AT TIME ZONE 'Asia/Shanghai') < 22 GROUP BY 1 ORDER BY 1",
    )
    assert [row[0] for row in ran_out] == DAYS


def test_every_report_foots(home: Path) -> None:
    for day in DAYS:
        folder = home / "out" / day.isoformat() / "reports"
        names = {path.name.split("_")[0] for path in folder.glob("*.xlsx")}
        assert {"日对账报告", "差错明细表", "补贴预算执行表"} <= names, names
        assert any("余额调节表" in name for name in names)
        assert {path.stem for path in folder.glob("*.xlsx")} == {path.stem for path in folder.glob("*.csv")}


def test_statements_equal_payouts_equal_ledger(database: Database) -> None:
    (settled,) = rows(database, "SELECT coalesce(sum(amount_fen), 0)::bigint FROM puhui.payout_item WHERE attempt = 1")
    (drafted,) = rows(
        database,
        "SELECT coalesce(sum(s.settled_fen), 0)::bigint FROM puhui.statement s"
        " WHERE EXISTS (SELECT 1 FROM puhui.payout_item i WHERE i.statement_no = s.statement_no)",
    )
    assert settled == drafted
    assert settled[0] > 0
    ((balance,),) = rows(database, "SELECT coalesce(sum(amount_fen), 0)::bigint FROM puhui.entry_line")
    assert balance == 0
    ((bank,),) = rows(
        database, "SELECT coalesce(sum(amount_fen), 0)::bigint FROM puhui.entry_line WHERE account = '1002'"
    )
    ((closing,),) = rows(database, "SELECT closing_fen FROM puhui.bank_statement ORDER BY statement_date DESC LIMIT 1")
    assert bank == closing


def test_days_are_closed_in_a_chain(home: Path, database: Database) -> None:
    records = rows(database, "SELECT business_date, previous, digest FROM puhui.close_record ORDER BY business_date")
    assert [row[0] for row in records] == DAYS
    assert [row[1] for row in records] == ["0" * 64, *[row[2] for row in records[:-1]]]
    for day in DAYS:
        assert (home / "out" / day.isoformat() / "close.json").exists()


def test_the_second_run_changes_nothing_and_says_so(home: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (home / "out").rglob("*") if path.is_file()}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PUHUI_")}
    command = [sys.executable, "-m", "portal.cli.main", "demo", str(home), "--volume", str(VOLUME)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "nothing changed" in done.stderr
    assert done.stdout == (home / "stdout.txt").read_text("utf-8")
    assert before == {path: path.stat().st_mtime_ns for path in (home / "out").rglob("*") if path.is_file()}


def test_no_card_number_leaves_the_archive(home: Path, database: Database) -> None:
    """The generated numbers are looked for in every row and every file; the archive, the banks' own inbox and the
    reference files that people keep are where they may be."""
    cards = pl.read_csv(home / "import" / "cards.csv", infer_schema=False)["card_no"].to_list()
    pattern = re.compile("|".join(cards[:: max(len(cards) // 400, 1)]))
    tables = rows(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'puhui' ORDER BY 1")
    for (table,) in tables:
        for (line,) in rows(database, f'SELECT x::text FROM puhui."{table}" x'):
            assert not pattern.search(line), table
    for path in home.rglob("*"):
        inside = path.relative_to(home).parts[0]
        if path.is_file() and inside not in ("pg", "import", "archive"):
            assert not pattern.search(path.read_bytes().decode("latin-1")), path
    assert list((home / "exchange").glob("*/in/*")) == []


def test_a_night_that_has_run_changes_nothing(home: Path, database: Database) -> None:
    before = rows(database, "SELECT count(*), sum(size) FROM puhui.artifact")
    os.environ["PUHUI_HOME"] = str(home)
    try:
        assert run(["night", "--date", "2026-05-08"]) == 0
        assert run(["night", "--date", "2026-05-16"]) == 2
    finally:
        del os.environ["PUHUI_HOME"]
    assert rows(database, "SELECT count(*), sum(size) FROM puhui.artifact") == before
