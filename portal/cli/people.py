"""Who acts: the user named by --as or PUHUI_USER, the passphrase, the role, and the audit row."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from settlement.model.errors import BadConfiguration, BadInput, NotAllowed

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from portal.session import Session

ROLES = (
    "programme_manager",
    "finance_maker",
    "finance_checker",
    "auditor",
    "operator",
    "access_administrator",
)
FINANCE = ("finance_maker", "finance_checker")


def login() -> str:
    """The login of the machine, kept beside the user in the audit row."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def read_passphrase(prompt: str) -> str:
    """From PUHUI_PASSPHRASE_FILE, else asked for on the terminal."""
    said = os.environ.get("PUHUI_PASSPHRASE_FILE")
    if said:
        try:
            text = Path(said).read_text("utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError):
            raise BadConfiguration(
                f"{said}: the passphrase file cannot be read; correct PUHUI_PASSPHRASE_FILE"
            ) from None
    elif sys.stdin.isatty():
        text = getpass.getpass(prompt)
    else:
        raise NotAllowed("a passphrase is needed; run on a terminal or set PUHUI_PASSPHRASE_FILE")
    if not text:
        raise BadInput("the passphrase is empty; type one")
    return text


def hash_passphrase(passphrase: str) -> str:
    """argon2id with the library's defaults."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(passphrase)


def acting(session: Session, name: str | None, *roles: str) -> str:
    """The user who acts, known by passphrase and allowed by role; NotAllowed says not which name exists.

    `name` is what --as gave; else PUHUI_USER.
    """
    from argon2 import PasswordHasher
    from argon2.exceptions import Argon2Error

    from settlement.store import people

    who = name or os.environ.get("PUHUI_USER")
    if not who:
        raise NotAllowed("nobody acts; give --as NAME or set PUHUI_USER")
    with session.database.engine.connect() as connection:
        found = people.user(connection, who)
    passphrase = read_passphrase(f"passphrase of {who}: ")
    try:
        # a hash is verified in any case, so that an unknown name takes as long as a wrong passphrase
        PasswordHasher().verify(found.passphrase_hash if found else _NOBODY, passphrase)
    except Argon2Error:
        raise NotAllowed("user or passphrase is wrong; try again, or ask the access administrator") from None
    if found is None or not found.active:
        raise NotAllowed("user or passphrase is wrong; try again, or ask the access administrator")
    if found.role not in roles:
        raise NotAllowed(f"{who} is {found.role}; this needs {' or '.join(roles)}")
    return who


_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$oXrMVPKVEE6aH3gNJiEpZ6Uu5Dk0o1u3+VqEhl5xZ1w"


def audit(connection: Connection, session: Session, actor: str, verb: str, **detail: Any) -> None:
    """The audit row of a change, in the transaction that makes it."""
    from settlement.store import people

    people.add_audit(connection, session.now, actor, login(), verb, detail)
