"""Large files in a process of their own: refused where they must be, and never more than 512 MiB.

`make test` reads small ones; with PUHUI_HOSTILE=1 (`make fuzz`) a line is a GiB and a correct file 256 MiB.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from fuzz_first import ROOT

MEMORY_MIB = 512
HOSTILE = bool(os.environ.get("PUHUI_HOSTILE"))


def _run(mode: str, mib: int) -> list[dict[str, Any]]:
    command = [sys.executable, "tests/fuzz/fuzz_sizes.py", mode, str(mib)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()][1:]


def test_one_endless_line_is_refused() -> None:
    results = _run("lines", 1024 if HOSTILE else 64)
    assert len(results) > 150
    for result in results:
        assert result["refused"], result
        assert result["peak_mib"] < MEMORY_MIB, result


@pytest.mark.parametrize(("mode", "small", "large"), [("files", 3, 256), ("fat", 24, 256)])
def test_memory_stays_flat(mode: str, small: int, large: int) -> None:
    results = _run(mode, large if HOSTILE else small)
    for result in results:
        assert result["peak_mib"] < MEMORY_MIB, result
        assert result["rows"] or result["refused"], result
    if HOSTILE and mode == "fat":
        assert {"TOO_MANY_NOTES", "STATEMENT_TOO_LONG", "TOO_LARGE"} <= {result["refused"] for result in results}
    if mode == "files":
        assert {result["refused"] for result in results} <= {"", "TOO_MANY_LINES", "TOO_LARGE"}
