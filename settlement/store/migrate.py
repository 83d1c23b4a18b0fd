"""The schema brought to this version: roles, Alembic migrations, grants. Safe to run by several programs at once."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, exc, text

from settlement.model.errors import BadConfiguration
from settlement.store import tables as t
from settlement.store.database import Database
from settlement.store.server import APP, OWNER

HEAD = "0005"
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('puhui.migrate'))"


def upgrade(database: Database) -> None:
    """Brings the schema to HEAD. BadConfiguration: the database belongs to a newer version of the product."""
    found = _version(database)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise BadConfiguration(f"{database.label}: made by a newer puhui (schema {found}); install that version")
    _make_roles(database)
    with database.owner.begin() as connection:
        connection.execute(text(_LOCK))
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {t.SCHEMA}"))
        _alembic(connection)
        _grant(connection)
    database.renew()


def _version(database: Database) -> str | None:
    """The revision that the database is at; None for an empty one."""
    with database.engine.connect() as connection:
        there = connection.execute(text("SELECT to_regclass('puhui.alembic_version')")).scalar_one()
        if there is None:
            return None
        found = connection.execute(text("SELECT version_num FROM puhui.alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)


def _make_roles(database: Database) -> None:
    """The owner that nobody logs in as, and the application's role. Without the right to, it works as itself."""
    with database.owner.connect() as connection:
        known = set(connection.execute(text("SELECT rolname FROM pg_roles")).scalars())
        for role in (OWNER, APP):
            if role in known:
                continue
            try:
                with connection.begin_nested():
                    connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))
                    connection.execute(text(f"GRANT {role} TO CURRENT_USER"))
            except exc.DBAPIError:
                return
        connection.execute(
            text(f"DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {OWNER}', current_database()); END $$")
        )
        connection.commit()
    database.renew()


def _alembic(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def _grant(connection: Connection) -> None:
    """SELECT and INSERT for the application; UPDATE where a table is named mutable. Nobody deletes."""
    if APP not in set(connection.execute(text("SELECT rolname FROM pg_roles")).scalars()):
        return
    connection.execute(text(f"GRANT USAGE ON SCHEMA {t.SCHEMA} TO {APP}"))
    connection.execute(text(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {t.SCHEMA} TO {APP}"))
    for table in t.MUTABLE:
        connection.execute(text(f"GRANT UPDATE ON {t.SCHEMA}.{table.name} TO {APP}"))
