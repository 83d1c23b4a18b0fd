"""A home as `puhui init` leaves it, for tests of the verbs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from portal.cli.main import run
from settlement.store import server

ROOT = Path(__file__).resolve().parents[2]
SUZHOU = ROOT / "examples" / "suzhou"


@contextmanager
def fresh_home(folder: Path, **users: str) -> Iterator[Path]:
    """A home of its own server below `folder`, on the evening of 2026-05-07, with `users` (name=role) beside admin."""
    with pytest.MonkeyPatch.context() as patch:
        (folder / "passphrase").write_text("correct horse\n", "utf-8")
        patch.setenv("PUHUI_PASSPHRASE_FILE", str(folder / "passphrase"))
        patch.setenv("PUHUI_HOME", str(folder / "home"))
        patch.setenv("PUHUI_NOW", "2026-05-07T23:30:00+08:00")
        patch.delenv("PUHUI_DATABASE_URL", raising=False)
        assert run(["init", str(folder / "home"), "--config", str(SUZHOU / "puhui.toml")]) == 0
        assert run(["user", "add", "admin", "--role", "access_administrator"]) == 0
        for name, role in users.items():
            assert run(["user", "add", name, "--role", role, "--as", "admin"]) == 0
        yield folder / "home"
        server.destroy(folder / "home")
