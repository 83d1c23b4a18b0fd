"""Files that are either the old one or the new one, whole, after any crash (operations.md, Nightly run).

Write to a temporary name in the same folder, fsync, rename, fsync of the folder. The temporary name is `.<name>.part`,
which no inbox takes. It is always the same, so that what a killed writer left is overwritten and not heaped up; a lock
on it, which the kernel drops when its holder dies, keeps two living writers apart.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from settlement.model.errors import BadConfiguration, PuhuiError, TryAgain

PASSING = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up", errno.EIO: "the disk failed"}


def write_atomic(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Put `data` at `path`, whole or not at all; missing folders are made. `mode` is cut by the umask.

    Errors: TryAgain (disk full or failing, another program writes the same file), BadConfiguration (not allowed, not
    a folder), each naming `path`.
    """
    with atomic_path(path, mode=mode) as part:
        try:
            part.write_bytes(data)
        except OSError as error:
            raise file_error("write", path, error) from None


@contextmanager
def atomic_path(path: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """Give an empty temporary file for a library that writes by name; it becomes `path` when the block ends well.

    The library must write into the file, not replace it. When the block raises, `path` is as it was and the temporary
    file is gone. Errors as in `write_atomic`.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _claim(part, mode)
    except BlockingIOError:
        raise TryAgain(f"{path}: another program is writing it now; wait for it, then run again") from None
    except OSError as error:
        raise file_error("write", path, error) from None
    try:
        yield part
        try:
            os.fsync(handle)
            part.replace(path)
            sync(path.parent)
        except OSError as error:
            raise file_error("write", path, error) from None
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    finally:
        os.close(handle)


def sync(path: Path) -> None:
    """Have a file or a folder on the disk before going on. Errors: OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_error(verb: str, path: Path, error: OSError) -> PuhuiError:
    """The one-line operating error for an OSError: passing faults are TryAgain, the rest BadConfiguration."""
    if error.errno in PASSING:
        return TryAgain(f"{path}: {PASSING[error.errno]}; make room or repair it, then run the same command again")
    reason = (error.strerror or type(error).__name__).lower()
    return BadConfiguration(f"{path}: cannot {verb} ({reason}); check the path, its owner and its permissions")


def _claim(part: Path, mode: int) -> int:
    """Open and lock `part`, empty; BlockingIOError while a living writer holds it."""
    while True:
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between opening and locking, the writer before us may have renamed or removed this very file.
            if _is_still(part, handle):
                os.ftruncate(handle, 0)
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _is_still(part: Path, handle: int) -> bool:
    """Whether the name `part` still leads to the file that `handle` has open."""
    try:
        return os.path.samestat(os.fstat(handle), part.lstat())
    except FileNotFoundError:
        return False
