"""The archive: raw files by the SHA-256 of their bytes, encrypted, so that auditors can go from a row to its bytes.

A file is `<root>/<first two digits>/<digest>`: a header, then the bytes in chunks of 1 MiB, each AES-256-GCM under a
key of this file alone with the chunk's number as nonce. The header holds that key, encrypted under an archive key, and
authenticates digest and length with it; so a chunk that is altered, moved or missing, and a file under another's name,
are noticed, memory stays flat for files of any size, any byte range can be read, and a new archive key needs new
headers only. Rejected: one GCM message per file, which must be read whole before its first byte may be trusted.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from settlement.model.errors import FoundWrong, NotFound
from settlement.store.files import file_error, sync
from settlement.store.keys import Keys, Ring

CHUNK = 1 << 20
_TAG = 16
_MAGIC = b"PUHUIAR1"
_ID_BYTES, _LENGTH_BYTES, _NONCE_BYTES, _KEY_BYTES = 32, 8, 12, 32
_HEADER = len(_MAGIC) + _ID_BYTES + _LENGTH_BYTES + _NONCE_BYTES + _KEY_BYTES + _TAG
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive in folder `root`, which only its owner enters."""

    root: Path
    keys: Keys

    def path(self, sha256: str) -> Path:
        """Where the file of this digest (64 small hex digits) lies or would lie."""
        assert _DIGEST.fullmatch(sha256), "not a SHA-256"
        return self.root / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """Whether the file is there."""
        return self.path(sha256).is_file()

    def put(self, source: Path | IO[bytes]) -> str:
        """Keep the bytes of a file or stream (read once, to its end) and give their SHA-256.

        The same bytes again change nothing. When this returns, the file is on the disk. Errors: TryAgain (disk full or
        failing), BadConfiguration (not allowed), naming the file.
        """
        named = source if isinstance(source, Path) else self.root
        try:
            with ExitStack() as stack:
                stream = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
                name, part = stack.enter_context(self._part())
                sha256 = _encrypt(stream, part, self.keys.archive)
                if not self.has(sha256):
                    self._keep(name, sha256)
                return sha256
        except OSError as error:
            raise file_error("archive", named, error) from None

    def open(self, sha256: str) -> BinaryIO:
        """The bytes as a seekable stream. Every byte it gives has been authenticated.

        Errors, also while reading: NotFound; FoundWrong (damaged or altered); BadConfiguration (its key is missing).
        """
        path = self.path(sha256)
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:
            raise NotFound(f"{path}: is not in the archive; restore it from a backup") from None
        except OSError as error:
            raise file_error("read", path, error) from None
        try:
            return io.BufferedReader(_Reader(file, path, self.keys.archive), CHUNK)
        except BaseException:
            file.close()
            raise

    @contextmanager
    def _part(self) -> Iterator[tuple[Path, BinaryIO]]:
        """A locked temporary file in the root, gone at the end; those of killed programs, unlocked, are swept."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        root = os.open(self.root, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(root, fcntl.LOCK_EX)  # nobody sweeps between making and locking
            for stale in sorted(self.root.glob(".*.part")):
                _remove_unlocked(stale)
            handle, name = tempfile.mkstemp(dir=self.root, prefix=".", suffix=".part")
            fcntl.flock(handle, fcntl.LOCK_EX)
        finally:
            os.close(root)
        try:
            with os.fdopen(handle, "w+b") as part:
                yield Path(name), part
        finally:
            Path(name).unlink(missing_ok=True)

    def _keep(self, part: Path, sha256: str) -> None:
        path = self.path(sha256)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        part.replace(path)
        sync(path.parent)
        sync(self.root)


def _encrypt(source: IO[bytes], part: BinaryIO, ring: Ring) -> str:
    """Write header and chunks; the header last, as it holds digest and length. Gives the digest."""
    key = secrets.token_bytes(_KEY_BYTES)
    cipher, digest, length = AESGCM(key), hashlib.sha256(), 0
    part.write(bytes(_HEADER))
    for number, chunk in enumerate(_chunks(source)):
        digest.update(chunk)
        length += len(chunk)
        part.write(cipher.encrypt(number.to_bytes(_NONCE_BYTES, "big"), chunk, None))
    part.seek(0)
    opening = _opening(ring.active, length)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    part.write(opening + nonce + AESGCM(ring.key(ring.active)).encrypt(nonce, key, opening + digest.digest()))
    part.flush()
    os.fsync(part.fileno())
    return digest.hexdigest()


def _opening(key_id: str, length: int) -> bytes:
    return _MAGIC + key_id.encode("ascii").ljust(_ID_BYTES, b"\0") + length.to_bytes(_LENGTH_BYTES, "big")


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    while chunk := _read_full(source, CHUNK):
        yield chunk


class _Reader(io.RawIOBase):
    """The clear bytes of an archived file, chunk by chunk; owns `file`."""

    def __init__(self, file: io.FileIO, path: Path, ring: Ring) -> None:
        super().__init__()
        self._file, self._path, self._position = file, path, 0
        self._number, self._chunk = -1, b""
        header = file.read(_HEADER) or b""
        opening, rest = header[: len(_MAGIC) + _ID_BYTES + _LENGTH_BYTES], header[-_NONCE_BYTES - _KEY_BYTES - _TAG :]
        if len(header) != _HEADER or not header.startswith(_MAGIC):
            raise self._damaged()
        key_id = opening[len(_MAGIC) : -_LENGTH_BYTES].rstrip(b"\0").decode("ascii", "replace")
        self._length = int.from_bytes(opening[-_LENGTH_BYTES:], "big")
        wrapping = AESGCM(ring.key(key_id))
        try:
            key = wrapping.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], opening + bytes.fromhex(path.name))
        except InvalidTag:
            raise self._damaged() from None
        self._cipher = AESGCM(key)
        chunks = -(-self._length // CHUNK)
        if os.fstat(file.fileno()).st_size != _HEADER + self._length + chunks * _TAG:
            raise self._damaged()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        if start + offset < 0:
            raise ValueError("negative seek position")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override] # 3.11 cannot name Buffer
        if self._position >= self._length:
            return 0
        number, start = divmod(self._position, CHUNK)
        self._load(number)
        target = memoryview(buffer).cast("B")
        taken = self._chunk[start : start + len(target)]
        target[: len(taken)] = taken
        self._position += len(taken)
        return len(taken)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _load(self, number: int) -> None:
        if number == self._number:
            return
        try:
            self._file.seek(_HEADER + number * (CHUNK + _TAG))
            sealed = _read_full(self._file, CHUNK + _TAG)
            self._chunk = self._cipher.decrypt(number.to_bytes(_NONCE_BYTES, "big"), sealed, None)
        except InvalidTag:
            raise self._damaged() from None
        except OSError as error:
            raise file_error("read", self._path, error) from None
        self._number = number

    def _damaged(self) -> FoundWrong:
        return FoundWrong(f"{self._path}: the archived file is damaged or was altered; restore it from a backup")


def _read_full(file: IO[bytes] | io.FileIO, wanted: int) -> bytes:
    """`wanted` bytes, fewer at the end only; a raw stream may give less than it was asked for."""
    pieces = []
    while wanted and (piece := file.read(wanted)):
        pieces.append(piece)
        wanted -= len(piece)
    return b"".join(pieces)


def _remove_unlocked(part: Path) -> None:
    """Remove a temporary file unless a living program holds it."""
    try:
        with part.open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()
    except (BlockingIOError, FileNotFoundError):
        return
