"""Keys, kept in a file outside the database: card tokens, archive, personal data, keyed index.

`puhui.keys` is JSON, readable by its owner alone. Each purpose has a ring: keys by key id and the one that is active;
old keys stay in the ring as long as something was made under them. No key and no clear value is in a repr or a message.
(operations.md, Security and privacy.)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from settlement.model.cards import Tokeniser
from settlement.model.errors import BadConfiguration, FoundWrong
from settlement.store.files import file_error, sync

FORMAT = "puhui-keys-1"
PURPOSES = ("card", "archive", "personal", "index")
KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_REMEDY = "restore puhui.keys from its safe copy, or correct it"


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of one purpose: 32 bytes each, by key id; `active` is for what is made now."""

    purpose: str
    active: str
    keys: dict[str, bytes] = field(repr=False)

    def key(self, key_id: str) -> bytes:
        """The key of this id. BadConfiguration where the ring has lost it."""
        try:
            return self.keys[key_id]
        except KeyError:
            raise BadConfiguration(f"key file: has no {self.purpose} key {key_id}; {_REMEDY}") from None


@dataclass(frozen=True, slots=True)
class Sealer:
    """Encrypts short texts with AES-256-GCM under a ring; what it makes reads `key_id:base64(nonce + ciphertext)`."""

    ring: Ring

    def seal(self, clear: str) -> str:
        """`clear` encrypted under the active key; twice the same text gives two values."""
        nonce, key_id = secrets.token_bytes(_NONCE_BYTES), self.ring.active
        sealed = AESGCM(self.ring.key(key_id)).encrypt(nonce, clear.encode(), key_id.encode())
        return f"{key_id}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str) -> str:
        """What was sealed. Errors: FoundWrong (altered, or made under another key), BadConfiguration (key missing)."""
        key_id, _, text = sealed.partition(":")
        key = self.ring.key(key_id)
        try:
            data = base64.b64decode(text, validate=True)
            return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], key_id.encode()).decode()
        except (InvalidTag, ValueError, binascii.Error):
            raise FoundWrong(
                f"a value sealed under {self.ring.purpose} key {key_id} does not open: it was altered or the key is "
                f"another one; {_REMEDY}"
            ) from None


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of a home."""

    card: Ring
    archive: Ring
    personal: Ring
    index: Ring

    @property
    def tokeniser(self) -> Tokeniser:
        """Card numbers to tokens under the active card key."""
        return Tokeniser(self.card.active, self.card.key(self.card.active))

    @property
    def tokenisers(self) -> tuple[Tokeniser, ...]:
        """One per living card key, the active one first; while a key is rotated, two live."""
        others = sorted(set(self.card.keys) - {self.card.active})
        return tuple(Tokeniser(key_id, self.card.key(key_id)) for key_id in (self.card.active, *others))

    def seal(self, clear: str) -> str:
        """A name, identity or account number encrypted under the active personal-data key (see Sealer)."""
        return Sealer(self.personal).seal(clear)

    def open(self, sealed: str) -> str:
        """What `seal` was given. Errors: see Sealer.open."""
        return Sealer(self.personal).open(sealed)

    def keyed_index(self, clear: str) -> str:
        """64 hex digits of HMAC-SHA-256, to find a sealed value by its clear text; unlinkable without the key."""
        return hmac.new(self.index.key(self.index.active), clear.encode(), hashlib.sha256).hexdigest()

    def new_person_key(self) -> str:
        """A new key of one person, sealed. Stored beside the person's rows; erasing the person deletes it."""
        return self.seal(_new_key())

    def person(self, sealed_key: str) -> Sealer:
        """The Sealer of one person, whose values nobody can open once the sealed key is deleted."""
        return Sealer(Ring("person's", "person", {"person": base64.b64decode(self.open(sealed_key))}))


def generate(path: Path) -> None:
    """Make a new key file of mode 600. BadConfiguration where one is there: new keys open nothing the old sealed."""
    rings = {
        purpose: {
            "active": f"{purpose}-1",
            "keys": {f"{purpose}-1": base64.b64encode(secrets.token_bytes(32)).decode()},
        }
        for purpose in PURPOSES
    }
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
            json.dump({"format": FORMAT, **rings}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(part)  # unlike a rename, this never replaces a key file that came meanwhile
        sync(path.parent)
    except FileExistsError:
        raise BadConfiguration(f"{path}: there is a key file already; keep it, what it has sealed needs it") from None
    except OSError as error:
        raise file_error("write", path, error) from None
    finally:
        part.unlink(missing_ok=True)


def load(path: Path) -> Keys:
    """Read a key file. BadConfiguration: missing, readable by others, malformed; no message quotes its content."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_IMODE(mode) & 0o077:
                raise BadConfiguration(f"{path}: others can read the key file; run chmod 600 {path}")
            data = file.read()
    except FileNotFoundError:
        raise BadConfiguration(
            f"{path}: the key file is missing; restore it from its safe copy, set PUHUI_KEYS_FILE, "
            "or make a new home with puhui init"
        ) from None
    except OSError as error:
        raise file_error("read", path, error) from None
    try:
        return _keys(json.loads(data, object_pairs_hook=_once))
    except (ValueError, RecursionError) as error:  # JSON and UTF-8 errors are ValueErrors, and quote no content here
        reason = str(error) if type(error) is ValueError else "not JSON in UTF-8"
        raise BadConfiguration(f"{path}: {reason}; {_REMEDY}") from None


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _keys(document: Any) -> Keys:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"is no key file of format {FORMAT}")
    if set(document) != {"format", *PURPOSES}:
        raise ValueError(f"must have format, {', '.join(PURPOSES)} and nothing else")
    return Keys(**{purpose: _ring(purpose, document[purpose]) for purpose in PURPOSES})


def _ring(purpose: str, value: Any) -> Ring:
    if not isinstance(value, dict) or set(value) != {"active", "keys"} or not isinstance(value["keys"], dict):
        raise ValueError(f"{purpose}: must have active and keys")
    keys = {key_id: _key(purpose, key_id, text) for key_id, text in value["keys"].items()}
    if not isinstance(value["active"], str) or value["active"] not in keys:
        raise ValueError(f"{purpose}: the active key is not among its keys")
    return Ring(purpose, value["active"], keys)


def _key(purpose: str, key_id: str, text: Any) -> bytes:
    if _KEY_ID.fullmatch(key_id) is None:
        raise ValueError(f"{purpose}: a key id is up to 32 small letters, digits and dashes")
    try:
        key = base64.b64decode(text, validate=True)
    except (TypeError, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"{purpose} key {key_id}: must be {KEY_BYTES} bytes in base64")
    return key
