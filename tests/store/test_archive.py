"""The archive: what goes in comes out, and nothing that was altered does."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from settlement.model.errors import BadConfiguration, FoundWrong, NotFound, TryAgain
from settlement.store import archive as module
from settlement.store.archive import Archive
from settlement.store.keys import generate, load
from tests.store.test_keys import rotated

CHUNK = 64


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """An archive with small chunks, so that small files have many."""
    monkeypatch.setattr(module, "CHUNK", CHUNK)
    generate(tmp_path / "puhui.keys")
    return Archive(tmp_path / "archive", load(tmp_path / "puhui.keys"))


def read(archive: Archive, sha256: str) -> bytes:
    with archive.open(sha256) as stream:
        return stream.read()


def files(archive: Archive) -> list[str]:
    return sorted(str(path.relative_to(archive.root)) for path in archive.root.rglob("*") if path.is_file())


class Trickle(io.RawIOBase):
    """A stream that gives less than it is asked for, as a pipe does."""

    def __init__(self, data: bytes) -> None:
        self._left = data

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        piece, self._left = self._left[: min(3, len(buffer))], self._left[min(3, len(buffer)) :]
        buffer[: len(piece)] = piece
        return len(piece)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(0, 5 * CHUNK) | st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK]), data=st.data())
def test_what_goes_in_comes_out_and_any_range_can_be_read(archive: Archive, size: int, data: st.DataObject) -> None:
    content = os.urandom(size)
    sha256 = archive.put(io.BytesIO(content))
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert archive.put(Trickle(content)) == sha256  # type: ignore[arg-type]
    assert read(archive, sha256) == content
    with archive.open(sha256) as stream:
        start = data.draw(st.integers(0, size + 10))
        count = data.draw(st.integers(0, size + 10))
        assert stream.seek(start) == start
        assert stream.read(count) == content[start : start + count]
        assert stream.seek(0, io.SEEK_END) == size
        assert stream.read() == b""


def test_a_text_file_is_read_by_lines(archive: Archive, tmp_path: Path) -> None:
    text = "".join(f"第{n}行\n" for n in range(200)).encode("gb18030")
    (tmp_path / "feed.txt").write_bytes(text)
    with archive.open(archive.put(tmp_path / "feed.txt")) as stream:
        assert list(stream) == text.splitlines(keepends=True)


def test_a_file_lies_under_its_digest_private_and_unreadable(archive: Archive) -> None:
    content = b"6222" * 100
    sha256 = archive.put(io.BytesIO(content))
    path = archive.root / sha256[:2] / sha256
    assert archive.path(sha256) == path
    assert files(archive) == [f"{sha256[:2]}/{sha256}"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert b"6222" not in path.read_bytes()


def test_the_same_bytes_again_change_nothing(archive: Archive) -> None:
    sha256 = archive.put(io.BytesIO(b"once"))
    before = archive.path(sha256).read_bytes()
    assert archive.put(io.BytesIO(b"once")) == sha256
    assert archive.path(sha256).read_bytes() == before
    assert len(files(archive)) == 1


def test_many_who_put_the_same_bytes_at_once_leave_one_whole_file(archive: Archive) -> None:
    content = os.urandom(50 * CHUNK)
    threads = [threading.Thread(target=lambda: archive.put(io.BytesIO(content))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files(archive)) == 1
    assert read(archive, hashlib.sha256(content).hexdigest()) == content


def test_every_altered_byte_is_noticed(archive: Archive) -> None:
    content = os.urandom(2 * CHUNK + 5)
    sha256 = archive.put(io.BytesIO(content))
    path = archive.path(sha256)
    sound = path.read_bytes()
    for place in range(len(sound)):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        with pytest.raises((FoundWrong, BadConfiguration)):
            read(archive, sha256)
    path.write_bytes(sound)
    assert read(archive, sha256) == content


def test_a_cut_lengthened_or_reordered_file_is_noticed(archive: Archive) -> None:
    sha256 = archive.put(io.BytesIO(os.urandom(3 * CHUNK)))
    path = archive.path(sha256)
    sound = path.read_bytes()
    head, one = module._HEADER, CHUNK + 16
    chunks = [sound[head + n * one : head + (n + 1) * one] for n in range(3)]
    swapped = sound[:head] + chunks[1] + chunks[0] + chunks[2]
    assert len(swapped) == len(sound)
    for wrong in (b"", sound[:10], sound[:head], sound[:-one], sound[:-1], sound + b"x", sound + chunks[0], swapped):
        path.write_bytes(wrong)
        with pytest.raises(FoundWrong, match=r"the archived file is damaged or was altered; restore it from a backup"):
            read(archive, sha256)


def test_a_file_under_another_files_name_is_noticed_before_its_first_byte(archive: Archive) -> None:
    first, second = archive.put(io.BytesIO(b"first")), archive.put(io.BytesIO(b"other"))
    archive.path(first).write_bytes(archive.path(second).read_bytes())
    with pytest.raises(FoundWrong, match=first):
        archive.open(first)


def test_a_missing_file_names_its_path(archive: Archive) -> None:
    with pytest.raises(NotFound, match=r"archive/00/0{64}: is not in the archive; restore it from a backup"):
        archive.open("0" * 64)


def test_a_new_key_writes_and_the_old_one_still_reads(archive: Archive, tmp_path: Path) -> None:
    old = archive.put(io.BytesIO(b"old"))
    later = Archive(archive.root, rotated(tmp_path / "puhui.keys", "archive"))
    new = later.put(io.BytesIO(b"new"))
    assert (read(later, old), read(later, new)) == (b"old", b"new")
    with pytest.raises(BadConfiguration, match=r"key file: has no archive key new; restore puhui\.keys"):
        archive.open(new)


def test_a_full_disk_is_try_again_and_leaves_nothing(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TryAgain, match="the disk is full; make room"):
        archive.put(io.BytesIO(b"content"))
    assert files(archive) == []


def test_a_source_that_breaks_off_leaves_nothing(archive: Archive, tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(TryAgain, match="the disk failed"):
        archive.put(Broken())
    with pytest.raises(BadConfiguration, match=r"no-such-file: cannot archive"):
        archive.put(tmp_path / "no-such-file")
    assert files(archive) == []


def test_what_a_killed_program_left_is_swept_by_the_next(archive: Archive, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, pathlib\n"
        "from settlement.store.archive import Archive\n"
        "from settlement.store.keys import load\n"
        "class Deadly:\n"
        "    def read(self, size): os.kill(os.getpid(), signal.SIGKILL)\n"
        "Archive(pathlib.Path(sys.argv[1]), load(pathlib.Path(sys.argv[2]))).put(Deadly())"
    )
    paths = [str(archive.root), str(tmp_path / "puhui.keys")]
    done = subprocess.run([sys.executable, "-c", code, *paths], check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == -9
    assert [name.endswith(".part") for name in files(archive)] == [True]
    sha256 = archive.put(io.BytesIO(b"next"))
    assert files(archive) == [f"{sha256[:2]}/{sha256}"]
