"""Real PostgreSQL servers for tests: the embedded one, Debian's where it is installed, and a fresh database per test.

Fixtures, to be imported by a conftest.py: `embedded_database`, `embedded_url`, `debian_url` (skips without a server
binary), `server_url` (both, one after the other), `database` (a fresh migrated one), `empty_database`.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest

from settlement.store import guardian, server
from settlement.store.database import Database, connect
from settlement.store.places import Account, run_as

DEBIAN = Path("/usr/lib/postgresql/15/bin")
PASSWORD = "p-" + secrets.token_hex(8)
_serial = itertools.count()


@pytest.fixture(scope="session")
def embedded_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The embedded database of a home of this session, empty."""
    home = tmp_path_factory.mktemp("home")
    with connect(home) as database:
        yield database
    server.destroy(home)


@pytest.fixture(scope="session")
def embedded_url(embedded_database: Database) -> str:
    """The embedded server under its administrator, as a foreign PUHUI_DATABASE_URL."""
    return embedded_database.admin_url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def debian_url() -> Iterator[str]:
    """A Debian PostgreSQL 15 on a TCP port with a password, under its administrator."""
    if not (DEBIAN / "postgres").is_file():
        pytest.skip("Debian's postgresql-15 is not installed (make system-packages)")
    folder = Path(tempfile.mkdtemp(prefix="puhui-debian-"))
    try:
        with debian_server(folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def debian_server(folder: Path) -> Iterator[str]:
    """Run Debian's server over `folder`, which its account can reach, with our guardian so that no kill leaves it."""
    account = spare_account()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "password").write_text(PASSWORD)
    if account:
        for path in (folder, folder / "password"):
            os.chown(path, account.uid, account.gid)
    shape = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={folder}/password", "--no-sync"]
    made = run_as(account, [DEBIAN / "initdb", "-D", folder / "data", "-U", "boss", *shape])
    assert made.returncode == 0, made.stderr
    lease = os.open(folder / "lease", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lease, fcntl.LOCK_SH)
    watched = os.open(folder / "lease", os.O_RDWR)
    who = [str(account.uid), str(account.gid)] if account else ["-1", "-1"]
    options = ["-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-k", str(folder)]
    command = [str(DEBIAN / "postgres"), "-D", str(folder / "data"), *options]
    with (folder / "log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-I", "-S", guardian.__file__, str(watched), *who, "", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(watched,),
            start_new_session=True,
            check=True,
        )
    os.close(watched)
    url = f"postgresql://boss:{PASSWORD}@127.0.0.1:{port}/postgres"
    try:
        wait_until(lambda: _answers(url))
        yield url
    finally:
        os.close(lease)
        wait_until(lambda: not (folder / "data" / "postmaster.pid").exists())


def spare_account() -> Account | None:
    """As whom a server runs in tests: nobody but ourselves, or an existing account for root."""
    if os.geteuid():
        return None
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def _answers(url: str) -> bool:
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True


def wait_until(condition: object, seconds: float = 30) -> None:
    """Wait for a callable to be true; fails after `seconds`."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.fixture(params=["embedded", "debian"])
def server_url(request: pytest.FixtureRequest) -> str:
    """Every server that is here, under its administrator."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def empty_database(server_url: str) -> Iterator[Database]:
    """A fresh database without tables, on every server that is here; the application may make its own."""
    with connect(Path(), server_url) as outer, outer.create_scratch(f"empty_{os.getpid()}_{next(_serial)}") as database:
        with database.owner.begin() as connection:
            connection.exec_driver_sql("GRANT CREATE ON SCHEMA public TO PUBLIC")
        yield database


@pytest.fixture(scope="session")
def migrated_template(embedded_database: Database) -> Iterator[str]:
    """A database with the tables of this version, to be copied; nobody is connected to it."""
    from settlement.store import migrate

    with embedded_database.create_scratch("migrated_template") as database:
        migrate.upgrade(database)
        database.renew()
        yield "migrated_template"


@pytest.fixture
def database(embedded_database: Database, migrated_template: str) -> Iterator[Database]:
    """A fresh database with the tables of this version on the embedded server."""
    with embedded_database.create_scratch(f"fresh_{next(_serial)}", migrated_template) as fresh:
        yield fresh
