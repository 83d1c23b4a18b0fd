"""A small city whose nights have received, ingested and rated, once for the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from batch import VERSION
from batch.city import home as city_home
from batch.city.week import drop
from batch.run import Run, run_file_step, run_step
from batch.steps.ingest import ingest
from batch.steps.rate import rate
from batch.steps.receive import receive
from portal.cli.demo import IMPORTS, PASSPHRASE, USERS
from portal.cli.main import run as puhui
from portal.session import Session, open_session
from settlement.store import reference, runs

SEED, VOLUME = 20160501, 400
FIRST = date(2026, 5, 7)
DAYS = [FIRST + timedelta(days=n) for n in range(7)]


@dataclass(frozen=True)
class City:
    """An open home and the verbs on it."""

    home: Path
    session: Session

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.session.database.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql), values)]


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """Seven nights up to `rate`; the environment names the home."""
    home = tmp_path_factory.mktemp("replay") / "home"
    home.mkdir()
    secret = home / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE, "utf-8")
    said = {
        "PUHUI_HOME": str(home),
        "PUHUI_PASSPHRASE_FILE": str(secret),
        "PUHUI_NOW": "2026-05-06T09:00:00+08:00",
        "PUHUI_DEBUG": "1",
    }
    before = {name: os.environ.get(name) for name in said}
    os.environ.update(said)
    try:
        folder = city_home.prepare(home, SEED, VOLUME)
        assert puhui(["init", str(home), "--config", str(folder / "puhui.toml")]) == 0
        with open_session(home) as session:
            _people(folder)
            town = city_home.town_of(home, SEED, VOLUME)
            for number, day in enumerate(DAYS):
                drop(town, home, FIRST, number)
                _rate_only(session, day)
            yield City(home, session)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _people(folder: Path) -> None:
    for name, role in USERS:
        assert puhui(["user", "add", name, "--role", role, "--as", "admin"]) == 0
    for who, kind, file in IMPORTS:
        if kind != "accounts":
            assert puhui(["import", kind, str(folder / file), "--as", who]) == 0


def _rate_only(session: Session, day: date) -> None:
    """The night's steps up to `rate`, under a lease as a real night holds it."""
    database, now = session.database, datetime(day.year, day.month, day.day, 15, 30, tzinfo=UTC)
    fence = database.in_transaction(lambda c: runs.take_lease(c, "replay", dead=False))
    last = database.in_transaction(reference.last_import)
    row = {"business_date": day, "started_at": now, "last_import": last, "config_digest": session.config.digest}
    database.in_transaction(lambda c: runs.begin_night(c, **row, product_version=VERSION))
    run = Run(day, now, session.home, session.config, session.keys, last, fence)
    run_file_step(database, run, "receive", receive)
    run_file_step(database, run, "ingest", ingest)
    run_step(database, run, "rate", rate)
    database.in_transaction(lambda c: runs.release_lease(c, fence))
