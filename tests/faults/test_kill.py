"""`puhui night` killed at any moment and run again ends with the same rows and byte-identical files."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import text

from batch.city import home as city_home
from batch.city.week import drop
from portal.cli import demo
from portal.session import open_session
from settlement.store.database import Database

SEED, VOLUME = 11, 400
LEAST = 30
POINTS = int(os.environ.get("PUHUI_KILL_POINTS", LEAST))
NIGHT = date(2026, 5, 7)
KILLER = Path(__file__).with_name("killer.py")
# what differs by design from run to run: fences count runs, the lease belongs to the present
NUMBERS = itertools.count()
PRESENT = {"run_lease"}
VOLATILE = {"step_run": ("fence",)}


class Trial:
    """One home of its own with a copy of the prepared database."""

    def __init__(self, folder: Path, url: str) -> None:
        self.home, self.url = folder, url

    def night(self, point: int) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PUHUI_")}
        environment |= {
            "PUHUI_NOW": "2026-05-07T23:30:00+08:00",
            "PUHUI_DATABASE_URL": self.url,
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        }
        command = [sys.executable, str(KILLER), str(point), "night", "--date", str(NIGHT), "--home", str(self.home)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def files(home: Path) -> dict[str, str]:
    """Every file that a night leaves, by digest; the archive is encrypted with fresh nonces, so its names count."""
    found = {}
    for folder in ("out", "exchange"):
        for path in sorted((home / folder).rglob("*")):
            if path.is_file():
                found[str(path.relative_to(home))] = hashlib.sha256(path.read_bytes()).hexdigest()
    found |= {f"archive/{path.name}": "" for path in (home / "archive").rglob("*") if path.is_file()}
    return found


def dump(database: Database) -> dict[str, list[str]]:
    with database.engine.connect() as connection:
        names = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'puhui' ORDER BY 1"))
        out = {}
        for (name,) in names.all():
            if name in PRESENT:
                continue
            columns = connection.execute(
                text(
                    "SELECT column_name FROM information_schema.columns WHERE table_schema = 'puhui'"
                    " AND table_name = :name ORDER BY ordinal_position"
                ),
                {"name": name},
            ).scalars()
            kept = ", ".join(f'"{column}"' for column in columns if column not in VOLATILE.get(name, ()))
            rows = connection.execute(text(f'SELECT row({kept})::text COLLATE "C" FROM puhui."{name}" ORDER BY 1'))
            out[name] = list(rows.scalars())
    return out


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with everything imported and the first day's files in its inboxes; its server stays up."""
    home = tmp_path_factory.mktemp("kill") / "home"
    with demo._environment(home):
        demo._begin(home, SEED, VOLUME)
        town = city_home.town_of(home, SEED, VOLUME)
        few = town.places.filter(pl.col("terminal_no").str.slice(1, 6).cast(pl.Int64) % 12 == 1)
        drop(dataclasses.replace(town, places=few), home, NIGHT, 0)
        with open_session(home) as session:
            session.database.renew()
            yield home


@contextmanager
def opened(prepared: Path, folder: Path) -> Iterator[tuple[Trial, Database]]:
    """A home with a copy of the prepared database, gone at the end."""
    home = folder / "home"
    home.mkdir()
    for name in ("exchange", "archive"):
        shutil.copytree(prepared / name, home / name)
    for name in ("puhui.toml", "puhui.keys"):
        shutil.copy2(prepared / name, home / name)
    with open_session(prepared) as session:
        session.database.renew()
        name = f"kill_{os.getpid()}_{next(NUMBERS)}"
        with session.database.create_scratch(name, session.database.engine.url.database or "") as scratch:
            yield Trial(home, scratch.engine.url.render_as_string(hide_password=False)), scratch


@dataclasses.dataclass(frozen=True)
class Whole:
    """What a night that nobody kills leaves, and how many moments it has."""

    rows: dict[str, list[str]]
    files: dict[str, str]
    moments: int


@pytest.fixture(scope="module")
def whole(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    with opened(prepared, tmp_path_factory.mktemp("whole")) as (trial, database):
        done = trial.night(0)
        assert done.returncode == 0, done.stderr
        moments = int(done.stderr.rsplit("moments ", 1)[1])
        found = Whole(dump(database), files(trial.home), moments)
        again = trial.night(0)
        assert again.returncode == 0, again.stderr
        assert (dump(database), files(trial.home)) == (found.rows, found.files), "a second run changed something"
    assert found.moments >= LEAST
    return found


@pytest.mark.parametrize("share", range(POINTS))
def test_killed_and_run_again(prepared: Path, whole: Whole, tmp_path: Path, share: int) -> None:
    points = min(POINTS, whole.moments)
    if share >= points:
        pytest.skip(f"the night has {points} moments, and is killed at each")
    point = 1 + share * (whole.moments - 1) // (points - 1)
    with opened(prepared, tmp_path) as (trial, database):
        killed = trial.night(point)
        assert killed.returncode == -signal.SIGKILL, (point, killed.stderr)
        resumed = trial.night(0)
        assert resumed.returncode == 0, (point, resumed.stderr)
        found = dump(database)
        assert {name: len(rows) for name, rows in found.items()} == {n: len(rows) for n, rows in whole.rows.items()}
        assert found == whole.rows
        assert files(trial.home) == whole.files


def test_killed_behind_its_last_commit(prepared: Path, whole: Whole, tmp_path: Path) -> None:
    """The day is closed then, and only its record is not in its place."""
    with opened(prepared, tmp_path) as (trial, _):
        assert trial.night(0).returncode == 0
        record = trial.home / "out" / str(NIGHT) / "close.json"
        record.rename(record.with_name(".close.json.part"))
        told = trial.night(0)
        assert (told.returncode, "close.json was missing and is written" in told.stderr) == (0, True)
        assert files(trial.home) == whole.files
