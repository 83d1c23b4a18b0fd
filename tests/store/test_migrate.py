"""The migrated schema is the one that the code describes; the application may add rows, not change them."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import exc, text

from settlement.model.errors import BadConfiguration
from settlement.store import migrate
from settlement.store import tables as t
from settlement.store.database import Database


def test_migrations_make_the_described_tables(empty_database: Database) -> None:
    migrate.upgrade(empty_database)
    with empty_database.owner.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "compare_type": True,
                "include_name": lambda name, kind, _parent: kind != "schema" or name == t.SCHEMA,
                "version_table_schema": t.SCHEMA,
            },
        )
        assert compare_metadata(context, t.metadata) == []
    migrate.upgrade(empty_database)


def test_rows_are_added_not_changed(database: Database) -> None:
    with database.engine.connect() as connection:
        if connection.execute(text("SELECT current_user")).scalar_one() != "puhui_app":
            pytest.skip("this server's user may not make roles")
    for statement in ("DELETE FROM puhui.audit", "UPDATE puhui.entry SET summary = ''", "TRUNCATE puhui.award CASCADE"):
        with database.engine.connect() as connection, pytest.raises(exc.ProgrammingError, match="42501"):
            connection.execute(text(statement))


def test_an_unbalanced_entry_cannot_be_stored(database: Database) -> None:
    entry = "INSERT INTO puhui.entry VALUES (1, 'k', '2026-05-07', 'award', 's')"
    line = "INSERT INTO puhui.entry_line (entry_id, line, account, amount_fen) VALUES (1, {}, '1002', {})"
    with database.engine.connect() as connection:
        connection.execute(text(entry))
        connection.execute(text(line.format(1, 5)))
        connection.execute(text(line.format(2, -4)))
        with pytest.raises(exc.IntegrityError):
            connection.commit()
    with database.engine.begin() as connection:
        connection.execute(text(entry))
        connection.execute(text(line.format(1, 5)))
        connection.execute(text(line.format(2, -5)))


def test_a_store_of_before_keeps_its_rows(empty_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(migrate, "HEAD", "0004")
        migrate.upgrade(empty_database)
    row = "1, date '2026-05-08', now(), 'wang', 'explain', 'D-20260507-000001', 'letter'"
    with empty_database.owner.begin() as connection:
        columns = "decision_id, business_date, at, actor, kind, subject, reason"
        connection.execute(text(f"INSERT INTO puhui.decision ({columns}) VALUES ({row})"))
    migrate.upgrade(empty_database)
    with empty_database.engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM puhui.alembic_version")).scalar_one() == migrate.HEAD
        assert connection.execute(text("SELECT kind FROM puhui.decision")).scalars().all() == ["explain"]
        assert connection.execute(text("SELECT count(decision_id) FROM puhui.payout_result")).scalar_one() == 0


def test_a_newer_schema_is_refused(empty_database: Database) -> None:
    migrate.upgrade(empty_database)
    with empty_database.owner.begin() as connection:
        connection.execute(text("UPDATE puhui.alembic_version SET version_num = '9999'"))
    with pytest.raises(BadConfiguration, match="made by a newer puhui"):
        migrate.upgrade(empty_database)
