"""One open database: engines built in one place, never at import; transactions that retry; databases for tests.

A `postgresql://` URL of a server of version 15 or newer, or else the embedded server of the home. Two engines: `engine`
works as `puhui_app`, which owns no table, so that row security and grants bind it; `owner` works as `puhui_owner`, for
migrations alone. On a foreign server the session takes these roles where they exist and the URL's user may; `renew()`
after they were made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg2
import sqlalchemy
from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy.engine import ExceptionContext, make_url

from settlement.model.errors import BadConfiguration, PuhuiError, TryAgain
from settlement.store import faults
from settlement.store.server import ADMIN, APP, OWNER, embedded

Result = TypeVar("Result")

OLDEST = 150000
ATTEMPTS = 10
ISOLATION = "SERIALIZABLE"
_URL = "PUHUI_DATABASE_URL"
_DRIVER = "postgresql+psycopg2"
_OURS = {"postgres", "postgresql", _DRIVER}
# A server that vanishes is noticed within about a minute, not after TCP's two hours.
_PATIENCE = {"connect_timeout": "10", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}
_SESSION = "SET TIME ZONE 'UTC'; SET datestyle = 'ISO, YMD'; SET client_encoding = 'UTF8'; SET jit = off"


@dataclass(frozen=True, slots=True)
class Database:
    """An open database. `label` names it in messages, without a password."""

    engine: Engine
    owner: Engine
    label: str
    admin_url: sqlalchemy.URL

    def in_transaction(
        self, work: Callable[[Connection], Result], *, committed: Callable[[Connection], bool] | None = None
    ) -> Result:
        """`in_transaction` on `engine`, naming this database in messages."""
        return in_transaction(self.engine, work, committed=committed, where=self.label)

    def renew(self) -> None:
        """Let go of pooled connections, so that new ones take roles made meanwhile."""
        self.engine.dispose()
        self.owner.dispose()

    @contextmanager
    def create_scratch(self, name: str, template: str = "template0") -> Iterator[Database]:
        """A new database on the same server, dropped when the block ends; for tests and trials.

        `template` is copied, and nobody may be connected to it. Errors: BadConfiguration where the user may not.
        """
        with _administration(self) as connection:
            quote = connection.dialect.identifier_preparer.quote
            options = f"TEMPLATE {quote(template)} ENCODING 'UTF8'"
            if _may_be(connection, OWNER):
                options += f" OWNER {OWNER}"
            connection.exec_driver_sql(f"CREATE DATABASE {quote(name)} {options}")
        app, owner = (engine.url.set(database=name) for engine in (self.engine, self.owner))
        scratch = _database(app, owner, self.admin_url)
        try:
            yield scratch
        finally:
            scratch.renew()
            with _administration(self) as connection:
                connection.exec_driver_sql(f"DROP DATABASE {quote(name)} WITH (FORCE)")


@contextmanager
def connect(home: Path, url: str | None = None) -> Iterator[Database]:
    """Open the database at `url`, or the embedded one of `home` where `url` is None or "".

    Nothing reads the environment here: the caller passes PUHUI_DATABASE_URL. Errors: BadConfiguration (not PostgreSQL,
    older than 15, not UTF8, a standby, no such database, wrong password), TryAgain (away, busy).
    """
    if url:
        target = _foreign(url)
        yield from _opened(_database(target, target, target))
        return
    with embedded(home.absolute()) as running:  # the server works in a folder of its own
        app, admin = make_url(running.url(APP)), make_url(running.url(ADMIN))
        yield from _opened(_database(app, admin, admin.set(database="postgres")))


def in_transaction(
    engine: Engine,
    work: Callable[[Connection], Result],
    *,
    committed: Callable[[Connection], bool] | None = None,
    where: str = "database",
) -> Result:
    """Do `work` in one serializable transaction and commit; a serialization failure or deadlock does it all again.

    `work` may run several times, so its effects outside the database must bear that. A COMMIT whose answer is lost is
    not assumed: `committed` looks the work up by its key on a new connection; without it, the fault is TryAgain.
    Errors: what `work` raises; TryAgain or BadConfiguration for operating faults; other database errors as they are.
    """
    for attempt in range(ATTEMPTS):
        try:
            return _once(engine, work, committed)
        except exc.DBAPIError as error:
            if not faults.may_retry(error) or attempt == ATTEMPTS - 1:
                raise faults.operating_error(error, where) or error from None
        time.sleep(0.005 * 2**attempt)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _once(
    engine: Engine, work: Callable[[Connection], Result], committed: Callable[[Connection], bool] | None
) -> Result:
    with engine.connect().execution_options(isolation_level=ISOLATION) as connection:
        connection.begin()
        result = work(connection)
        try:
            connection.commit()
        except exc.DBAPIError as error:
            if not faults.is_cut(error) or committed is None:
                raise
            lost = error
        else:
            return result
    with engine.connect() as connection:
        if committed(connection):
            return result
    raise lost


def _opened(database: Database) -> Iterator[Database]:
    try:
        _check(database)
        yield database
    finally:
        database.renew()


def _database(app: sqlalchemy.URL, owner: sqlalchemy.URL, admin: sqlalchemy.URL) -> Database:
    host = app.query.get("host", app.host) or "the local socket"
    return Database(_engine(app, APP), _engine(owner, OWNER), f"database {app.database} on {host}", admin)


def _engine(url: sqlalchemy.URL, role: str) -> Engine:
    """The one place where an engine is made."""
    engine = sqlalchemy.create_engine(url, hide_parameters=True, pool_pre_ping=True)
    event.listen(engine, "connect", lambda raw, _record: _settle(raw, role))
    event.listen(engine, "handle_error", _hide_values)
    return engine


def _settle(raw: Any, role: str) -> None:
    """What every session has: UTC, ISO dates, and the role where the user may take it."""
    with raw.cursor() as cursor:
        cursor.execute(_SESSION)
        cursor.execute("SELECT current_user = %s", (role,))
        if not cursor.fetchone()[0]:
            cursor.execute(_may_be_sql(raw.info.server_version), {"role": role})
            if cursor.fetchone():
                cursor.execute(f"SET ROLE {role}")
    raw.commit()


def _may_be_sql(version: int) -> str:
    kind = "SET" if version >= 160000 else "MEMBER"
    return f"SELECT 1 FROM pg_roles WHERE rolname = %(role)s AND pg_has_role(oid, '{kind}')"


def _may_be(connection: Connection, role: str) -> bool:
    version = connection.connection.driver_connection.info.server_version  # type: ignore[union-attr] # it is open
    return connection.exec_driver_sql(_may_be_sql(version), {"role": role}).first() is not None


def _hide_values(context: ExceptionContext) -> None:
    faults.hide_values(context.sqlalchemy_exception or context.original_exception)


@contextmanager
def _administration(database: Database) -> Iterator[Connection]:
    """A connection for statements that no transaction may hold, as the URL's user."""
    engine = sqlalchemy.create_engine(database.admin_url, hide_parameters=True, poolclass=sqlalchemy.NullPool)
    event.listen(engine, "handle_error", _hide_values)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection
    except exc.DBAPIError as error:
        raise faults.operating_error(error, database.label) or error from None


def _foreign(text: str) -> sqlalchemy.URL:
    """The URL of a foreign server with our driver; its text is never shown, as it holds a password."""
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError):
        raise BadConfiguration(f"{_URL}: is no URL; write postgresql://user:password@host:5432/database") from None
    if url.drivername not in _OURS:
        raise BadConfiguration(f"{_URL}: {url.drivername} is not PostgreSQL; write postgresql://user@host/database")
    if not url.database:
        raise BadConfiguration(f"{_URL}: names no database; write postgresql://user:password@host:5432/database")
    return url.set(drivername=_DRIVER, query={**_PATIENCE, "application_name": "puhui", **url.query})


def _check(database: Database) -> None:
    """Whether the server is there and fit."""
    where = database.label
    try:
        with database.engine.connect() as connection:
            row = connection.exec_driver_sql(
                "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
                " current_setting('server_encoding'), pg_is_in_recovery()"
            ).one()
    except exc.DBAPIError as error:
        raise _refusal(error, where) from None
    number, version, encoding, standby = row
    if number < OLDEST:
        raise BadConfiguration(f"{where}: is PostgreSQL {version}; {_URL} needs version 15 or newer")
    if encoding != "UTF8":
        raise BadConfiguration(f"{where}: has encoding {encoding}; make it with ENCODING 'UTF8' TEMPLATE template0")
    if standby:
        raise BadConfiguration(f"{where}: is a standby; set {_URL} to the primary server")


# What libpq says when no session comes about: it gives no SQLSTATE then, only words (English, as the server's are).
_REFUSALS: tuple[tuple[str, type[PuhuiError], str], ...] = (
    ("authentication failed", BadConfiguration, "wrong user or password; correct PUHUI_DATABASE_URL"),
    ("no password supplied", BadConfiguration, "a password is needed; add it to PUHUI_DATABASE_URL"),
    ("no pg_hba.conf entry", BadConfiguration, "the server does not admit this user from here; ask its administrator"),
    ('role "', BadConfiguration, "no such user; correct PUHUI_DATABASE_URL"),
    ('database "', BadConfiguration, "no such database; create it, or correct PUHUI_DATABASE_URL"),
    ("could not translate host name", BadConfiguration, "no such host; correct PUHUI_DATABASE_URL"),
    ("invalid ", BadConfiguration, "an option of PUHUI_DATABASE_URL is wrong; correct it"),
    ("starting up", TryAgain, "the server is starting; run again in a moment"),
    ("shutting down", TryAgain, "the server is stopping; run again in a moment"),
    ("too many clients", TryAgain, "no connection is free; run again in a moment"),
    ("Connection refused", TryAgain, "nothing answers; start the server or correct PUHUI_DATABASE_URL, then run again"),
    ("No such file", TryAgain, "no server at this socket; start it or correct PUHUI_DATABASE_URL, then run again"),
    ("timeout expired", TryAgain, "no answer in time; check host and network, then run again"),
)


def _refusal(error: exc.DBAPIError, where: str) -> PuhuiError:
    words = str(error.orig)
    if isinstance(error.orig, psycopg2.ProgrammingError):
        return BadConfiguration(f"{where}: an option of {_URL} is wrong; correct it")
    for sign, kind, remedy in _REFUSALS:
        if sign in words:
            return kind(f"{where}: {remedy}")
    return faults.operating_error(error, where) or TryAgain(f"{where}: cannot be reached; check {_URL}, then run again")
