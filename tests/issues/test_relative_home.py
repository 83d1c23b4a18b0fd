"""`--home demo`, a relative folder: the server works in a folder of its own, so it is given an absolute one."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from settlement.store import server
from settlement.store.database import connect


def test_a_relative_home_opens_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with connect(Path("home")) as database, database.engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
    server.destroy(tmp_path / "home")
