"""Runs `puhui` and kills this process at the N-th moment at which a crash could hurt: python killer.py N VERB ...

Moments: before and after every commit, and before every fsync, rename and unlink. With N = 0 nothing is killed and the
count of moments is printed last on standard error.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from sqlalchemy import Engine, event

COUNT = 0


def moment(limit: int) -> None:
    global COUNT  # noqa: PLW0603  # the one counter of this process
    COUNT += 1
    if limit == COUNT:
        os.kill(os.getpid(), signal.SIGKILL)


def arm(limit: int) -> None:
    for name in ("fsync", "replace", "rename", "unlink"):
        original = getattr(os, name)

        def wrapped(*args: Any, _original: Any = original, **kwargs: Any) -> Any:
            moment(limit)
            return _original(*args, **kwargs)

        setattr(os, name, wrapped)

    @event.listens_for(Engine, "commit")
    def _commit(_connection: object) -> None:
        moment(limit)


def main() -> None:
    limit = int(sys.argv[1])
    arm(limit)
    from portal.cli.main import run

    status = run(sys.argv[2:])
    print(f"moments {COUNT}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
