"""As whom the embedded server runs, where its data lie then, and who cannot get in."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from settlement.model.errors import BadConfiguration
from settlement.store import places, server
from settlement.store.places import Account, run_as
from settlement.store.server import embedded
from tests.store.test_server import ask

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another account")


@pytest.fixture(scope="module")
def public() -> Iterator[Path]:
    """A folder that every account can enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="puhui-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def system(public: Path) -> Iterator[Path]:
    """A folder in place of /var/lib/puhui, for homes that do not count as temporary meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "SYSTEM", public / "system")
        patch.setattr(places, "_temporary", lambda: Path("/nowhere"))
        yield public / "system"


@pytest.fixture(scope="module")
def roots(public: Path) -> Path:
    """A made home of root that every account can reach."""
    with embedded(public / "roots"):
        return public / "roots"


@pytest.fixture(scope="module")
def theirs(public: Path) -> Path:
    """A home of an ordinary user, which root used first."""
    home = public / "theirs"
    home.mkdir(mode=0o700)
    shutil.chown(home, "nobody")
    with embedded(home):
        return home


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory, system: Path) -> Iterator[Path]:
    """A made home in a folder that only root can enter; its data are in `system`."""
    home = tmp_path_factory.mktemp("private") / "home"
    with embedded(home):
        pass
    yield home
    server.destroy(home)


def ordinary_python(user: str) -> list[str]:
    """A command line that runs our modules as `user`; skips where that account cannot reach what it takes."""
    entry = pwd.getpwnam(user)
    account = Account(entry.pw_uid, entry.pw_gid)
    modules = next(path for path in sys.path if path.endswith("site-packages"))
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for python in (sys.executable, shutil.which(name, path="/usr/local/bin:/usr/bin") or sys.executable):
        done = run_as(
            account,
            ["/usr/bin/env", python, "-c", f"import sys; sys.path.append({modules!r}); import polars, psycopg2"],
        )
        if done.returncode == 0 and run_as(account, ["/usr/bin/test", "-r", ROOT / "settlement"]).returncode == 0:
            who = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
            return [*who, "env", f"PYTHONPATH={ROOT}:{modules}", "PYTHONDONTWRITEBYTECODE=1", python]
    pytest.skip(f"{user} can reach neither a {name} nor this checkout")


def use_as(user: str, home: Path, *rows: str) -> subprocess.CompletedProcess[str]:
    command = [*ordinary_python(user), "-m", "tests.store.holder", str(home), *rows]
    return subprocess.run(command, input="", capture_output=True, text=True, cwd=ROOT, check=False, timeout=120)


def test_an_ordinary_user_has_everything_in_the_home(public: Path) -> None:
    home = public / "own"
    home.mkdir(mode=0o700)
    shutil.chown(home, "nobody")
    first, second = use_as("nobody", home, "1", "2"), use_as("nobody", home)
    assert second.returncode == 0, second.stderr
    assert first.stdout.split("\n")[1] == "left"
    assert second.stdout.split()[2:] == [str(home / "pg" / "data"), "2", "left"]
    assert (home / "pg").stat().st_mode & 0o777 == 0o700
    assert {path.owner() for path in (home / "pg").iterdir()} == {"nobody"}


def test_root_and_the_owner_of_a_home_use_the_same_database(theirs: Path) -> None:
    done = use_as("nobody", theirs, "1")
    assert done.returncode == 0, done.stderr
    with embedded(theirs) as running:
        assert ask(running, "SELECT count(*) FROM kept") == 1
    assert {path.owner() for path in (theirs / "pg").iterdir()} == {"nobody"}


def test_an_ordinary_user_is_kept_out_of_roots_home_with_one_line(roots: Path) -> None:
    done = use_as("nobody", roots)
    assert done.returncode != 0
    assert f"{roots}/pg: belongs to user number 0; run as that user" in done.stderr.splitlines()[-1]


def test_roots_home_that_others_can_reach_holds_its_data_itself(roots: Path) -> None:
    with embedded(roots) as running:
        assert ask(running, "SELECT current_setting('data_directory')") == str(roots / "pg" / "data")
    assert not (roots / "pg" / "elsewhere").exists()
    assert (roots / "pg").stat().st_mode & 0o7777 == 0o710
    assert (roots / "pg").owner() == "root"


def test_roots_home_that_only_root_can_reach_has_its_data_elsewhere(private: Path, system: Path) -> None:
    for _ in range(2):
        with embedded(private) as running:
            data = Path(str(ask(running, "SELECT current_setting('data_directory')")))
        assert data.parent.parent == system
    assert data.parent.stat().st_mode & 0o7777 == 0o710
    assert private.parent.stat().st_mode & 0o7777 == 0o700, "no folder was opened for it"
    assert [path.name for path in system.iterdir() if not path.name.startswith("server-")] == [data.parent.name]


def test_the_data_of_a_temporary_home_are_temporary_and_swept_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = Path(tempfile.mkdtemp(prefix="puhui-test-"))
    temporary.chmod(0o755)
    monkeypatch.setattr(places, "_temporary", lambda: temporary)
    bases = []
    for name in ("gone", "here", "next"):
        folder = temporary / name / "pg"
        folder.mkdir(parents=True)
        folder.parent.chmod(0o700)
        bases.append(places._base(folder, Account(65534, 65534)))
        (bases[-1] / "data").mkdir()
        if name == "gone":
            shutil.rmtree(folder)
    assert {base.parent for base in bases} == {temporary / "puhui-root"}
    assert [base.exists() for base in bases] == [False, True, True]
    shutil.rmtree(temporary)


def test_other_accounts_and_even_the_servers_own_do_not_get_in(roots: Path) -> None:
    psql: list[str | Path] = [places.program("psql"), "-U", server.ADMIN, "-d", "puhui", "-Atc", "SELECT 1", "-h"]
    with embedded(roots) as running:
        account = places.find_places(roots).account
        assert account is not None
        entry, stranger = pwd.getpwuid(account.uid), pwd.getpwnam("daemon")
        for outsider in (Account(entry.pw_uid, entry.pw_gid), Account(stranger.pw_uid, stranger.pw_gid)):
            if outsider != account:
                done = run_as(outsider, [*psql, running.socket])
                assert done.returncode != 0
                assert "Permission denied" in done.stderr
                assert run_as(outsider, ["/bin/ls", roots / "pg" / "data"]).returncode != 0
        # Past the folder there is still the question who asks.
        done = run_as(account, [*psql, running.socket])
        assert done.returncode != 0
        assert "authentication failed" in done.stderr
        assert run_as(None, [*psql, running.socket]).stdout == "1\n"


def test_programs_that_the_account_cannot_reach_are_copied_once(
    tmp_path: Path, roots: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = places._package()
    tmp_path.chmod(0o700)
    for name in (real.name, f"{real.name}.libs"):
        (tmp_path / name).symlink_to(real.with_name(name))
    monkeypatch.setattr(places, "_package", lambda: tmp_path / real.name)
    for _ in range(2):
        with embedded(roots) as running:
            assert ask(running, "SELECT 1") == 1
    copies = [path for path in system.iterdir() if path.name.startswith((".", "server-"))]
    assert len(copies) == 1
    assert (copies[0] / real.name / places.INSTALL / "bin" / "postgres").is_file()
    assert not list(copies[0].rglob("*.a"))


def test_a_copied_home_does_not_write_into_the_originals_database(private: Path) -> None:
    copy = private.with_name("copy")
    shutil.copytree(private, copy)
    with pytest.raises(BadConfiguration, match=r"copy/pg: is a copy whose database .* belongs to .*home/pg; remove"):
        embedded(copy).__enter__()


def test_a_moved_home_takes_its_database_along(private: Path) -> None:
    query = "SELECT system_identifier FROM pg_control_system()"
    with embedded(private) as running:
        before = ask(running, query)
    moved = private.rename(private.with_name("moved"))
    with embedded(moved) as running:
        assert ask(running, query) == before
    moved.rename(private)
    with embedded(private) as running:
        assert ask(running, query) == before


def test_a_home_whose_database_is_gone_is_not_silently_empty(private: Path, system: Path) -> None:
    away = system.rename(system.with_name("away"))
    try:
        with pytest.raises(BadConfiguration, match=r"home/pg: its database .* is missing; restore it, or remove"):
            embedded(private).__enter__()
    finally:
        away.rename(system)


def test_root_without_any_spare_account_is_told_what_to_do(public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "ACCOUNTS", ("no-such-account",))
    with pytest.raises(BadConfiguration, match=r"does not run as root .* add one \(useradd --system puhui\)"):
        embedded(public / "new").__enter__()


def test_an_account_without_a_name_is_told_what_postgresql_wants() -> None:
    with pytest.raises(BadConfiguration, match=r"user number 61000 has no entry in /etc/passwd, .* PUHUI_DATABASE_URL"):
        places.user_name(61000)
