"""State of the offline tool on disk: one folder per batch, and a pointer to the newest that changes by one rename.

```
state/CURRENT            {"format": 2, "programme": "suzhou-2026", "folder": "batch-000003", "sha256": {"usage": …}}
state/batch-000003/*.parquet
```

The pointer has the digest of each file: a Parquet page with a flipped bit may well be read, as another amount.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from settlement.model.errors import BadInput, TryAgain
from settlement.model.frames import Schema

FORMAT = 2
_FOLDER = re.compile(r"batch-([0-9]{6,})")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The state directory is this run's alone: of two at a time, the later to end would undo what the other kept.

    A directory that is not there is made, and gone again where nothing was kept in it. TryAgain: another run has it.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        door = os.open(folder, os.O_RDONLY)
    except OSError as bad:
        raise BadInput(f"{folder}: {(bad.strerror or 'cannot be read').lower()}; give a directory to --state") from None
    try:
        _lock(door, folder)
        yield
    finally:
        if made:
            with suppress(OSError):  # something was kept in it
                folder.rmdir()
        os.close(door)


def _lock(door: int, folder: Path) -> None:
    try:
        fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TryAgain(f"{folder}: another run is at work with it; run again when it has ended") from None


def read_state(folder: Path, programme: str, schemas: Mapping[str, Schema]) -> dict[str, pl.DataFrame]:
    """The newest frames; none where nothing is kept yet. BadInput where what is there is not this programme's State."""
    pointer = folder / "CURRENT"
    if not pointer.exists():
        return {}
    try:
        content = json.loads(pointer.read_bytes())
        found, name = content["programme"], content["folder"]
        known = content["format"] == FORMAT and _FOLDER.fullmatch(name) is not None
        digests = {frame: content["sha256"][frame] for frame in schemas} if known else {}
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{pointer}: not a state of puhui rate; give the right directory to --state") from None
    if not known:
        raise BadInput(f"{pointer}: written by another version; give a new directory to --state")
    if found != programme:
        raise BadInput(f"{pointer}: the state of programme {found}, not of {programme}; give the right --state")
    return {n: _read(folder / name / f"{n}.parquet", schema, digests[n]) for n, schema in schemas.items()}


def _read(path: Path, schema: Schema, digest: str) -> pl.DataFrame:
    try:
        if _digest(path) != digest:
            raise BadInput(f"{path}: not as it was written; put the state directory back from a copy")
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError):
        raise BadInput(f"{path}: cannot be read; put the state directory back from a copy") from None
    if dict(frame.schema) != schema:
        raise BadInput(f"{path}: columns of another version; put the state directory back from a copy")
    return frame


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stage_state(folder: Path, programme: str, frames: Mapping[str, pl.DataFrame]) -> tuple[Path, Path]:
    """Writes the frames beside the newest; returns (temporary pointer, pointer) to rename when all else is written."""
    try:
        name = f"batch-{_newest(folder) + 1:06d}"
        (folder / name).mkdir()
        paths = {frame: folder / name / f"{frame}.parquet" for frame in frames}
        for frame, rows in frames.items():
            rows.write_parquet(paths[frame])
        digests = {frame: _digest(path) for frame, path in paths.items()}
        content = {"format": FORMAT, "programme": programme, "folder": name, "sha256": digests}
        temporary = folder / "CURRENT.part"
        with temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps(content) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as bad:
        raise TryAgain(f"{folder}: {(bad.strerror or 'cannot be written').lower()}; make room and run again") from None
    return temporary, folder / "CURRENT"


def drop_older(folder: Path) -> None:
    """Removes the batch folders that the pointer does not name; without a pointer nothing was ever kept."""
    pointer = folder / "CURRENT"
    name = json.loads(pointer.read_bytes())["folder"] if pointer.exists() else None
    for path in folder.glob("batch-*"):
        if path.name != name and _FOLDER.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)


def _newest(folder: Path) -> int:
    numbers = [int(match[1]) for path in folder.iterdir() if (match := _FOLDER.fullmatch(path.name))]
    return max(numbers, default=0)
