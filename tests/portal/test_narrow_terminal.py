"""A terminal that lacks a character shows its number, and the command goes on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", b"\\u5e02\\u6c11\\u5361"), ("gbk", "市民卡".encode("gbk"))])
def test_what_the_terminal_lacks_is_escaped(encoding: str, shown: bytes) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "portal.cli.main", "feed", "list", "--home", "/nowhere"]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert shown in done.stdout
