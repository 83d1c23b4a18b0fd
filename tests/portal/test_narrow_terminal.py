"""A terminal that lacks a character shows its number, and the command goes on."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
from contextlib import suppress

import pytest

from portal.cli import common
from portal.cli.common import _width


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", b"\\u5e02\\u6c11\\u5361"), ("gbk", "市民卡".encode("gbk"))])
def test_what_the_terminal_lacks_is_escaped(encoding: str, shown: bytes) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "portal.cli.main", "feed", "list", "--home", "/nowhere"]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert shown in done.stdout


def on_terminal(columns: int, code: str) -> list[str]:
    """What a script prints on a terminal of that width."""
    main, side = os.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with os.fdopen(main, "rb", 0) as screen:
        child = subprocess.Popen([sys.executable, "-c", code], stdout=side, env=os.environ)
        os.close(side)
        said = b""
        with suppress(OSError):  # as the terminal closes
            while part := screen.read(65536):
                said += part
        assert child.wait() == 0
    return said.decode().replace("\r", "").splitlines()


PRINT = """
from portal.cli.common import print_rows
print_rows(("id", "kind", "ours", "detail"), [("D-1", "短款", "-1.20", "对方文件无此笔" * 9), ("D-2", "", "3.00", "x")])
"""


def test_a_row_that_is_too_wide_for_the_terminal_takes_some_lines() -> None:
    lines = on_terminal(60, PRINT)
    assert all(_width(line) <= 60 for line in lines)
    assert lines[:3] == ["id", "D-1", "  kind: 短款  ours: -1.20"]
    assert "".join(line.strip() for line in lines[3:-2]) == "detail: " + "对方文件无此笔" * 9
    assert lines[4].startswith("    ")  # further in than a heading
    assert lines[-2:] == ["D-2", "  ours: 3.00  detail: x"]


def test_no_figure_is_cut_in_two(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = "渠道申报优惠 12345.67 元, 规则核给 0.00 元; 挂账/调账/核销动账 -12345.67 元"
    for columns in range(30, 80):
        monkeypatch.setattr(common, "_room", lambda columns=columns: columns)
        common.print_rows(("id", "detail"), [("D-1", text)])
        lines = capsys.readouterr().out.splitlines()
        assert all(_width(line) <= columns for line in lines)
        words = " ".join(line.strip() for line in lines).split()
        assert {"12345.67", "-12345.67", "0.00"} <= set(words), columns


@pytest.mark.parametrize("columns", [0, 1, 19])
def test_a_terminal_without_a_size_shows_a_table(columns: int) -> None:
    assert on_terminal(columns, PRINT) == on_terminal(200, PRINT)


def test_one_that_is_wide_enough_shows_a_table_and_so_does_a_file() -> None:
    wide = on_terminal(200, PRINT)
    assert wide[0].split() == ["id", "kind", "ours", "detail"]
    done = subprocess.run([sys.executable, "-c", PRINT], capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == wide
