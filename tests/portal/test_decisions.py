"""What people decide while a night stands half done, and how much a decision about a bank line moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from portal.cli.main import run
from portal.session import open_session
from settlement.store import tables as t
from tests.portal.homes import SUZHOU, fresh_home

FIRST, NEXT = date(2026, 5, 7), date(2026, 5, 8)
ABOUT = "D-20260507-000001"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose first night was killed before its last step; it has one open bank line of 5,000.00."""
    users = {"manager": "programme_manager", "wang": "finance_maker", "li": "finance_checker"}
    with fresh_home(tmp_path_factory.mktemp("decisions"), **users) as made:
        for kind, file in (("calendar", "calendar.csv"), ("programme", "programme"), ("accounts", "accounts.csv")):
            assert run(["import", kind, str(SUZHOU / file), "--as", "manager" if kind != "accounts" else "wang"]) == 0
        with pytest.MonkeyPatch.context() as killed:
            killed.setattr("batch.night.close", _killed)
            assert run(["night"]) != 0
        _find(made)
        yield made


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def _find(home: Path) -> None:
    about: dict[str, Any] = {"discrepancy_id": ABOUT, "business_date": FIRST, "kind": "UNKNOWN_CREDIT"}
    about |= {"channel": "main", "clearing_date": FIRST, "theirs_fen": 500_000, "difference_fen": -500_000}
    with open_session(home) as session, session.database.engine.begin() as connection:
        connection.execute(insert(t.discrepancy).values(**about, detail="", theirs_id=None))


def _dates(home: Path) -> list[tuple[str, date]]:
    with open_session(home) as session, session.database.engine.connect() as connection:
        d = t.decision.c
        rows = connection.execute(select(d.kind, d.business_date).order_by(d.decision_id))
        return [(row[0], row[1]) for row in rows]


def test_a_bank_line_is_moved_whole_whatever_amount_is_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adjust = ["recon", "adjust", ABOUT, "--reason", "a gift", "--as", "wang"]
    capsys.readouterr()
    assert run([*adjust, "--amount", "0.01"]) == 2
    assert "--amount: a bank line leaves suspense whole; leave it out" in capsys.readouterr().err
    assert run(adjust) == 2
    assert "above 1000.00 a second person is needed" in capsys.readouterr().err
    assert _dates(home) == []


def test_a_decision_while_a_night_is_half_done_belongs_to_the_next(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The running night has taken its decisions already: what comes now would be lost, or change it when run again."""
    assert run(["account", "approve", str(_accounts(home)), "--as", "li"]) == 0
    assert run(["waive", "smk", "--date", "2026-05-07", "--reason", "closed", "--as", "wang"]) == 0
    capsys.readouterr()
    assert run(["recon", "adjust", ABOUT, "--reason", "a gift", "--as", "wang", "--checker", "li"]) == 0
    assert f"the night of {NEXT} takes it" in capsys.readouterr().err
    assert _dates(home) == [("approve_account", NEXT), ("waive", NEXT), ("adjust", NEXT)]
    also = {"decision_id": 4, "business_date": NEXT, "at": datetime.fromisoformat("2026-05-08T10:00:00+08:00")}
    also |= {"actor": "wang", "kind": "explain", "subject": ABOUT, "reason": "a letter"}
    with open_session(home) as session, session.database.engine.begin() as connection:
        connection.execute(insert(t.decision).values(**also))
    assert run(["night"]) == run(["night"]) == 0
    told = f"decision 4 (explain {ABOUT}): it is adjusted already; nothing was done, decide again"
    assert told in capsys.readouterr().err


def _accounts(home: Path) -> int:
    with open_session(home) as session, session.database.engine.connect() as connection:
        sql = text("SELECT import_id FROM puhui.import_file WHERE kind = 'accounts'")
        return int(connection.execute(sql).scalar_one())
