"""Parent of the embedded server: stops it when the last puhui process is gone, however that process ended.

Run as a program of its own (`python -I -S guardian.py`), not imported: it stands outside the session that started it,
so that killing that session, or its whole process group, does not kill the guardian.

Every puhui process holds a shared lock on the lease file as long as it uses the server; the kernel drops the lock when
the process dies. The guardian waits for the exclusive lock, which it gets when nobody is left, and keeps it while the
server stops, so that a newcomer waits and then starts afresh. Should the guardian itself be killed, the kernel (on
Linux) tells the server to stop. Rejected: a process list in a file, as it is wrong after a kill; polling, as it wakes a
laptop.

Arguments: lease handle, uid, gid (-1: stay as we are), folder to remove at the end ("" for none), then the server's
command line. The handle of the guardian lock is inherited and only held: it is free again when the guardian is gone.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from types import FrameType

STOP_SECONDS = 60
_PR_SET_PDEATHSIG = 1


class _ServerEndedError(Exception):
    """The server is gone before the last user."""


def main(lease: int, uid: int, gid: int, leftover: str, command: list[str]) -> None:
    """Run the server until nobody holds the lease."""
    if os.fork():
        os._exit(0)  # the program that started us need not be our parent and reap us
    server = _start(uid, gid, command)
    try:
        _watch(server)
        fcntl.flock(lease, fcntl.LOCK_EX)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _stop(server)
    except _ServerEndedError:
        server.wait()
    if leftover:
        shutil.rmtree(leftover, ignore_errors=True)


def _start(uid: int, gid: int, command: list[str]) -> subprocess.Popen[bytes]:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    guardian = os.getpid()

    def before_exec() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
            if os.getppid() != guardian:  # killed between fork and prctl
                os._exit(1)

    return subprocess.Popen(  # noqa: S603 - our own command line, no shell
        command,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        preexec_fn=before_exec,  # noqa: PLW1509 - this program has one thread
        umask=0o077,
        user=None if uid < 0 else uid,
        group=None if uid < 0 else gid,
        extra_groups=None if uid < 0 else [],
    )


def _watch(server: subprocess.Popen[bytes]) -> None:
    """From here on `_ServerEndedError` is raised, wherever we wait, when the server ends."""
    signal.signal(signal.SIGCHLD, _server_ended)
    if server.poll() is not None:  # before the handler stood
        raise _ServerEndedError


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown; where that hangs, an immediate one, from which the next start recovers by the log."""
    server.send_signal(signal.SIGINT)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)
        server.wait()


def _server_ended(_signal: int, _frame: FrameType | None) -> None:
    raise _ServerEndedError


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:])
