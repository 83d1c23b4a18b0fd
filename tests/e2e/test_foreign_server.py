"""The same night on a PostgreSQL that others run: PUHUI_DATABASE_URL alone decides."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import text

from batch.city import home as city_home
from batch.city.week import drop
from portal.cli import demo
from portal.cli.main import run
from portal.session import open_session
from settlement.store.database import Database

pytestmark = pytest.mark.xdist_group("foreign")


def test_a_night(empty_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, night = tmp_path / "home", date(2026, 5, 7)
    monkeypatch.setenv("PUHUI_DATABASE_URL", empty_database.engine.url.render_as_string(hide_password=False))
    with demo._environment(home):
        demo._begin(home, 5, 400)
        town = city_home.town_of(home, 5, 400)
        drop(town, home, night, 0)
        assert run(["night", "--date", str(night), "--home", str(home)]) == 0
        assert run(["check", "--date", str(night), "--home", str(home)]) == 0
        with open_session(home) as session, session.database.engine.connect() as connection:
            closed = connection.execute(text("SELECT count(*) FROM puhui.close_record")).scalar_one()
            stored = connection.execute(text("SELECT count(*) FROM puhui.transaction")).scalar_one()
    assert closed == 1
    assert stored > 300
    assert not (home / "pg").exists(), "the embedded server was started"
    assert pl.read_csv(next((home / "out").glob("*/reports/日对账报告_*.csv"))).height > 3
