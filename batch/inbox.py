"""The exchange folder: which files are complete, and taking one so that a crash neither loses nor doubles it.

Taking a file is three moves: rename in/<name> to taking/<name>~<delivery>; hash, archive and claim in the database;
remove the taken copy. A run that was killed between two moves finds the copy in taking/: with its row it is only
removed, without it is claimed now. The delivery number makes the name of the copy unique.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from batch import names
from batch.config import SourceConfig
from settlement.model.errors import TryAgain
from settlement.store.files import file_error

MARKER = ".ok"
MAX_MARKER = 64 * 1024
NOT_PLAIN = "not a plain file with a plain name"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Seen:
    """What lies in a source's folder: complete file names in order, and what is left lying with the reason."""

    complete: list[str]
    left: list[tuple[str, str]]


def folders(home: Path, source: SourceConfig) -> tuple[Path, Path, Path]:
    """(in, taking, out) of a source."""
    root = home / "exchange" / source.folder
    return root / "in", root / "taking", root / "out"


def look(home: Path, source: SourceConfig, own: Collection[str] = ()) -> Seen:
    """Reads the source's inbox and changes nothing; names outside the pattern are other sources' or rubbish.

    What is left is told with card numbers masked but those of `own`, our accounts.
    """
    inbox = folders(home, source)[0]
    try:
        entries = sorted(os.scandir(inbox), key=lambda e: e.name.encode("utf-8", "surrogateescape"))
    except FileNotFoundError:
        return Seen([], [])
    except OSError as error:
        raise TryAgain(f"{inbox}: cannot be read ({error.strerror}); correct its permissions and run again") from None
    here = {entry.name for entry in entries}
    complete: list[str] = []
    left: list[tuple[str, str]] = []
    for entry in entries:
        name = entry.name
        if _lone_marker(name, here, source):
            left.append((_shown(name), "a marker, and its file is not there"))
        if name.endswith((".part", MARKER)) or not fnmatch.fnmatchcase(name, source.pattern):
            continue
        if _NAME.fullmatch(name) is None or entry.is_symlink() or not entry.is_file(follow_symlinks=False):
            left.append((_shown(name), NOT_PLAIN))
            continue
        wrong = _unreadable(inbox / name) or _incomplete(inbox, name, here, source)
        if wrong:
            left.append((name, wrong))
        else:
            complete.append(name)
    return Seen(complete, [(names.masked(name, own), names.masked(why, own)) for name, why in left])


def _lone_marker(name: str, here: set[str], source: SourceConfig) -> bool:
    data = name.removesuffix(MARKER)
    return data != name and data not in here and fnmatch.fnmatchcase(data, source.pattern)


def name_wrong(name: str, pattern: str) -> str:
    """Why a file of this name would never be taken by a source of this pattern; "" where it would."""
    if name.endswith((".part", MARKER)) or _NAME.fullmatch(name) is None:
        return "write 1 to 128 letters, digits, '.', '_' or '-', beginning with a letter or digit, no .ok or .part"
    return "" if fnmatch.fnmatchcase(name, pattern) else f"this source takes files named {pattern}"


def unknown(home: Path, sources: tuple[SourceConfig, ...]) -> list[tuple[str, str]]:
    """(folder, name) of entries that belong to no source: shown, never taken."""
    found = []
    for folder in sorted({source.folder for source in sources}):
        here = [source for source in sources if source.folder == folder]
        inbox = folders(home, here[0])[0]
        if not inbox.is_dir():
            continue
        for name in sorted(path.name for path in inbox.iterdir()):
            data = name.removesuffix(MARKER)
            if name.endswith(".part") or any(fnmatch.fnmatchcase(data, source.pattern) for source in here):
                continue
            found.append((folder, _shown(name)))
    return found


def _shown(name: str) -> str:
    """A name that anybody may have given, fit to be printed: no control characters, no other scripts, 80 at most."""
    return names.masked("".join(c if c.isascii() and c.isprintable() else "?" for c in name))[:80]


def _unreadable(path: Path) -> str:
    """Why the file cannot be taken, for what it is worth to its sender; "" where it can. One file stops no night."""
    try:
        path.open("rb").close()
    except OSError as error:
        return f"cannot be read ({(error.strerror or '').lower()}); correct its owner or permissions"
    return ""


def _incomplete(inbox: Path, name: str, here: set[str], source: SourceConfig) -> str:
    """Why the file must wait; "" when it is complete."""
    if source.complete == "rename":
        return ""
    if name + MARKER not in here:
        return f"waits for {name}{MARKER}"
    marker_file = inbox / (name + MARKER)
    if marker_file.is_symlink() or not marker_file.is_file() or marker_file.stat().st_size > MAX_MARKER:
        return f"{name}{MARKER} is no plain small file"  # a pipe would be waited for all night
    try:
        said = marker_file.read_bytes()
    except OSError as error:
        return f"{name}{MARKER} cannot be read ({error.strerror})"
    if not said.strip():
        return ""
    try:
        marker = json.loads(said)
        size, sha256 = marker.get("size"), marker.get("sha256")
    except (ValueError, AttributeError):
        return f"{name}{MARKER} is neither empty nor a JSON object"
    data = inbox / name
    if size is not None and str(size) != str(data.stat().st_size):
        return f"{name}{MARKER} says {size} bytes, the file has {data.stat().st_size}"
    if sha256 is not None and str(sha256).lower() != file_digest(data):  # some write it in capitals
        return f"{name}{MARKER} names another SHA-256"
    return ""


def file_digest(path: Path) -> str:
    """SHA-256 of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def take(home: Path, source: SourceConfig, name: str, delivery: int) -> Path | None:
    """Moves in/<name> to taking/ and removes its marker; gives the path of the copy.

    None where it is no plain file by now: the sender may put a link to a file of ours, or a pipe, in the place of what
    `look` saw. Nothing but the night writes to taking/, so what is seen there stays. A folder goes back to in/, where
    each night tells of it: no file of its name could be moved over it. Anything else holds nothing and is removed.
    """
    inbox, taking, _ = folders(home, source)
    copy = taking / f"{name}~{delivery}"
    try:
        taking.mkdir(mode=0o700, parents=True, exist_ok=True)
        (inbox / name).rename(copy)
        (inbox / (name + MARKER)).unlink(missing_ok=True)
        if _plain(copy):
            return copy
        if stat.S_ISDIR(copy.lstat().st_mode):
            copy.rename(inbox / name)
        else:
            copy.unlink()
    except OSError as error:
        raise file_error("be moved to taking/", inbox / name, error) from None
    return None


def _plain(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


def taken(home: Path, source: SourceConfig) -> list[tuple[Path, str, int]]:
    """Copies that a killed run left in taking/ and that match the source's pattern: (path, name, delivery)."""
    inbox, taking, _ = folders(home, source)
    if not taking.is_dir():
        return []
    found = []
    for path in sorted(taking.iterdir()):
        name, _, number = path.name.rpartition("~")
        if number.isdigit() and fnmatch.fnmatchcase(name, source.pattern) and _plain(path):
            if not (inbox / name).exists():
                (inbox / (name + MARKER)).unlink(missing_ok=True)
            found.append((path, name, int(number)))
    return found
