"""Rows of people: users in versions, the audit chain, decisions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from settlement.store import tables as t


@dataclass(frozen=True, slots=True)
class User:
    """The version in force of a user."""

    name: str
    version: int
    role: str
    passphrase_hash: str
    active: bool


def user(connection: Connection, name: str) -> User | None:
    """The newest version of a user; None when there is none."""
    u = t.app_user.c
    query = select(u.name, u.version, u.role, u.passphrase_hash, u.active).where(u.name == name)
    row = connection.execute(query.order_by(u.version.desc()).limit(1)).one_or_none()
    return None if row is None else User(*row)


def users(connection: Connection) -> list[User]:
    """Every user's newest version, by name."""
    u = t.app_user.c
    query = select(u.name, u.version, u.role, u.passphrase_hash, u.active).ext(distinct_on(u.name))
    rows = connection.execute(query.order_by(u.name, u.version.desc()))
    return sorted((User(*row) for row in rows), key=lambda found: found.name)


def put_user(connection: Connection, new: User, at: datetime, by: str) -> None:
    """Inserts a version of a user."""
    connection.execute(
        insert(t.app_user).values(
            name=new.name,
            version=new.version,
            role=new.role,
            passphrase_hash=new.passphrase_hash,
            active=new.active,
            changed_at=at,
            changed_by=by,
        )
    )


def add_audit(connection: Connection, at: datetime, actor: str, login: str, verb: str, detail: dict[str, Any]) -> str:
    """Appends a row to the audit chain and gives its digest: SHA-256 of the row's JSON with the one before."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('puhui.audit'))"))
    last = connection.execute(
        select(t.audit.c.seq, t.audit.c.digest).order_by(t.audit.c.seq.desc()).limit(1)
    ).one_or_none()
    seq, previous = (last[0] + 1, last[1]) if last else (1, "0" * 64)
    plain = json.dumps(detail, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    digest = audit_digest(seq, at, actor, login, verb, plain, previous)
    connection.execute(
        insert(t.audit).values(
            seq=seq, at=at, actor=actor, login=login, verb=verb, detail=plain, previous=previous, digest=digest
        )
    )
    return digest


def audit_digest(seq: int, at: datetime, actor: str, login: str, verb: str, detail: str, previous: str) -> str:
    """The digest of one audit row."""
    row = [seq, at.isoformat(), actor, login, verb, detail, previous]
    return hashlib.sha256(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def add_decision(
    connection: Connection,
    *,
    business_date: date,
    at: datetime,
    actor: str,
    checker: str | None,
    kind: str,
    subject: str,
    reason: str,
    amount_fen: int | None = None,
) -> int:
    """Inserts what a person decided and gives its number."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('puhui.decision'))"))
    decision_id = int(connection.execute(select(func.coalesce(func.max(t.decision.c.decision_id), 0) + 1)).scalar_one())
    connection.execute(
        insert(t.decision).values(
            decision_id=decision_id,
            business_date=business_date,
            at=at,
            actor=actor,
            checker=checker,
            kind=kind,
            subject=subject,
            reason=reason,
            amount_fen=amount_fen,
        )
    )
    return decision_id


def decided(connection: Connection, kind: str, subject: str) -> bool:
    """True where a decision of that kind names the subject."""
    query = select(t.decision.c.decision_id).where(t.decision.c.kind == kind, t.decision.c.subject == subject).limit(1)
    return connection.execute(query).first() is not None
