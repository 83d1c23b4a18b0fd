"""Whole files or none: settlement/store/files.py."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from settlement.model.errors import BadConfiguration, TryAgain
from settlement.store import files


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_file_is_there_whole_and_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "out" / "2026-05-07" / "对账.csv"
    files.write_atomic(path, b"one")
    files.write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(path.parent) == ["对账.csv"]


def test_a_block_that_raises_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    files.write_atomic(path, b"old")

    def write_half() -> None:
        with files.atomic_path(path) as part:
            part.write_bytes(b"half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        write_half()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.xlsx"]


def test_what_a_killed_writer_left_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    code = (
        "import os, signal, sys, pathlib; from settlement.store.files import atomic_path\n"
        "with atomic_path(pathlib.Path(sys.argv[1])) as part:\n"
        "    part.write_bytes(b'a long half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False, cwd=Path(__file__).parents[2])
    assert names(tmp_path) == [".a.csv.part"]
    files.write_atomic(path, b"whole")
    assert names(tmp_path) == ["a.csv"]
    assert path.read_bytes() == b"whole"


def test_two_living_writers_of_one_file_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with files.atomic_path(path) as part:
        part.write_bytes(b"first")
        with pytest.raises(TryAgain, match=r"a\.csv: another program is writing it now"):
            files.write_atomic(path, b"second")
    assert path.read_bytes() == b"first"
    assert names(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO])
def test_a_failing_disk_is_try_again_and_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    path = tmp_path / "a.csv"
    files.write_atomic(path, b"old")

    def fail(_handle: int) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(TryAgain, match=r"a\.csv: the disk .*run the same command again"):
        files.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.csv"]


def test_a_file_where_a_folder_should_be_names_the_path(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(BadConfiguration, match=r"out/a\.csv: cannot write"):
        files.write_atomic(tmp_path / "out" / "a.csv", b"")


def test_the_folder_is_synced_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    seen: list[tuple[bool, bool]] = []
    real = os.fsync

    def watch(handle: int) -> None:
        seen.append((stat.S_ISDIR(os.fstat(handle).st_mode), path.exists()))
        real(handle)

    monkeypatch.setattr(os, "fsync", watch)
    files.write_atomic(path, b"x")
    assert seen == [(False, False), (True, True)]
