"""Connecting, roles, transactions that retry, and the errors people meet."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Connection, exc, make_url, text

from settlement.model.errors import BadConfiguration, BadInput, PuhuiError, TryAgain
from settlement.store import database as module
from settlement.store.copy import copy_in
from settlement.store.database import Database, connect, in_transaction
from tests.store.servers import PASSWORD


@pytest.fixture
def counter(empty_database: Database) -> Database:
    """A database with two counters, at 0."""
    with empty_database.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE counter (name text PRIMARY KEY, value bigint)")
        connection.exec_driver_sql("INSERT INTO counter VALUES ('a', 0), ('b', 0)")
    return empty_database


def value(database: Database, name: str = "a") -> int:
    with database.engine.connect() as connection:
        return int(connection.execute(text("SELECT value FROM counter WHERE name = :n"), {"n": name}).scalar_one())


def add(connection: Connection, name: str = "a") -> None:
    connection.execute(text("UPDATE counter SET value = value + 1 WHERE name = :n"), {"n": name})


def test_the_embedded_application_owns_nothing_and_is_no_superuser(embedded_database: Database) -> None:
    with embedded_database.engine.connect() as connection:
        query = "SELECT current_user, session_user, rolsuper FROM pg_roles WHERE rolname = current_user"
        assert connection.exec_driver_sql(query).one() == ("puhui_app", "puhui_app", False)
    with embedded_database.owner.connect() as connection:
        query = "SELECT current_user, rolsuper, rolcanlogin FROM pg_roles WHERE rolname = current_user"
        assert connection.exec_driver_sql(query).one() == ("puhui_owner", False, False)


def test_a_foreign_session_takes_the_roles_once_they_exist(debian_url: str) -> None:
    roles = ("puhui_owner", "puhui_app")
    with connect(Path(), debian_url) as database:
        with database.engine.begin() as connection:
            assert connection.exec_driver_sql("SELECT current_user").scalar_one() == "boss"
            for role in roles:
                connection.exec_driver_sql(f"CREATE ROLE {role} NOLOGIN")
        try:
            database.renew()
            with database.engine.connect() as app, database.owner.connect() as owner:
                assert app.exec_driver_sql("SELECT current_user").scalar_one() == "puhui_app"
                app.rollback()
                assert app.exec_driver_sql("SELECT current_user").scalar_one() == "puhui_app"
                assert owner.exec_driver_sql("SELECT current_user").scalar_one() == "puhui_owner"
        finally:
            with database.owner.begin() as connection:
                connection.exec_driver_sql("RESET ROLE")
                for role in roles:
                    connection.exec_driver_sql(f"DROP ROLE {role}")


def test_every_session_is_in_utc_with_iso_dates(server_url: str) -> None:
    with connect(Path(), server_url) as database, database.engine.connect() as connection:
        query = "SELECT current_setting('TimeZone'), current_setting('DateStyle'), current_setting('jit')"
        assert connection.exec_driver_sql(query).one() == ("UTC", "ISO, YMD", "off")


def test_two_who_read_and_write_the_same_row_both_count(counter: Database) -> None:
    meet = threading.Barrier(2, timeout=20)
    tries: list[int] = []

    def work(connection: Connection) -> None:
        tries.append(1)
        found = connection.execute(text("SELECT value FROM counter WHERE name = 'a'")).scalar_one()
        if len(tries) <= 2:
            meet.wait()
        connection.execute(text("UPDATE counter SET value = :v WHERE name = 'a'"), {"v": found + 1})

    threads = [threading.Thread(target=counter.in_transaction, args=(work,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert value(counter) == 2
    assert len(tries) == 3


def test_a_deadlock_is_tried_again(counter: Database) -> None:
    meet = threading.Barrier(2, timeout=20)
    tries: list[str] = []

    def cross(first: str, second: str) -> None:
        def work(connection: Connection) -> None:
            tries.append(first)
            add(connection, first)
            if tries.count(first) == 1:
                meet.wait()
            add(connection, second)

        counter.in_transaction(work)

    threads = [threading.Thread(target=cross, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (value(counter, "a"), value(counter, "b")) == (2, 2)
    assert len(tries) >= 3


def test_the_transaction_of_work_that_raises_leaves_nothing(counter: Database) -> None:
    def work(connection: Connection) -> None:
        add(connection)
        raise BadInput("stop")

    with pytest.raises(BadInput, match="stop"):
        counter.in_transaction(work)
    assert value(counter) == 0


def test_who_never_gets_through_is_told_to_try_again(counter: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ATTEMPTS", 3)
    tries: list[int] = []

    def always_late(connection: Connection) -> None:
        tries.append(1)
        add(connection)
        connection.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION 'late' USING ERRCODE = '40001'; END $$")

    with pytest.raises(TryAgain, match=r"database .* other programs write the same rows \(40001\); run the same"):
        counter.in_transaction(always_late)
    assert len(tries) == 3
    assert value(counter) == 0


def cut(database: Database, connection: Connection) -> None:
    """End the session of `connection` from outside, and wait until it is gone."""
    pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with database.owner.connect() as other:
        other.exec_driver_sql("RESET ROLE")
        assert other.exec_driver_sql("SELECT pg_terminate_backend(%s, 10000)", (pid,)).scalar_one()


def test_a_cut_in_mid_work_is_try_again_and_leaves_nothing(counter: Database) -> None:
    def work(connection: Connection) -> None:
        add(connection)
        cut(counter, connection)
        add(connection)

    with pytest.raises(TryAgain, match="the connection is lost or the server has stopped; run the same command again"):
        counter.in_transaction(work)
    assert value(counter) == 0


def test_a_cut_in_mid_copy_is_try_again_and_the_next_transaction_works(counter: Database) -> None:
    frame = pl.DataFrame({"name": ["c"], "value": [1]})

    def work(connection: Connection) -> None:
        cut(counter, connection)
        copy_in(connection, "counter", frame)

    with pytest.raises(TryAgain, match="the connection is lost or the server has stopped; run the same command again"):
        counter.in_transaction(work)
    assert counter.in_transaction(lambda connection: copy_in(connection, "counter", frame)) == 1
    assert value(counter, "c") == 1


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("looks_up", [True, False])
def test_a_lost_commit_is_looked_up_and_never_assumed(
    counter: Database, monkeypatch: pytest.MonkeyPatch, before: bool, looks_up: bool
) -> None:
    real = Connection.commit

    def commit_and_lose(connection: Connection) -> None:
        monkeypatch.setattr(Connection, "commit", real)
        if not before:
            real(connection)
            connection.begin()
        cut(counter, connection)
        if before:
            real(connection)
        else:
            connection.exec_driver_sql("SELECT 1")

    def work(connection: Connection) -> str:
        add(connection)
        monkeypatch.setattr(Connection, "commit", commit_and_lose)
        return "done"

    def committed(connection: Connection) -> bool:
        return bool(connection.exec_driver_sql("SELECT value = 1 FROM counter WHERE name = 'a'").scalar_one())

    look = committed if looks_up else None
    if looks_up and not before:
        assert counter.in_transaction(work, committed=look) == "done"
    else:
        with pytest.raises(TryAgain, match="run the same command again"):
            in_transaction(counter.engine, work, committed=look)
    assert value(counter) == (0 if before else 1)


def test_errors_show_no_value(counter: Database) -> None:
    number = "62220212345678901"
    statements = (
        ("INSERT INTO counter VALUES (:x, 1), (:x, 2)", exc.IntegrityError),
        ("SELECT CAST(:x || 'x' AS bigint)", exc.DataError),
    )
    for sql, kind in statements:
        with counter.engine.connect() as connection, pytest.raises(kind) as caught:
            connection.execute(text(sql), {"x": number})
        assert number not in f"{caught.value!s} {caught.value!r} {caught.value.orig!s} {caught.value.orig!r}"


def test_a_scratch_database_is_a_copy_of_its_template_and_is_dropped(empty_database: Database) -> None:
    with empty_database.owner.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE there ()")
    name = str(empty_database.engine.url.database)
    empty_database.renew()
    with (
        empty_database.create_scratch(f"{name}_copy", template=name) as scratch,
        scratch.engine.connect() as connection,
    ):
        assert connection.exec_driver_sql("SELECT to_regclass('there')").scalar_one() == "there"
        assert connection.exec_driver_sql("SELECT current_database()").scalar_one() == f"{name}_copy"
    with empty_database.engine.connect() as connection:
        query = "SELECT count(*) FROM pg_database WHERE datname = %s"
        assert connection.exec_driver_sql(query, (f"{name}_copy",)).scalar_one() == 0


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_spelling_of_the_scheme_uses_our_driver(debian_url: str, scheme: str) -> None:
    with connect(Path(), debian_url.replace("postgresql", scheme, 1)) as database:
        assert database.engine.url.drivername == "postgresql+psycopg2"


REFUSED = [
    ("text", "nonsense", BadConfiguration, "PUHUI_DATABASE_URL: is no URL; write postgresql://"),
    ("text", "mysql://u:secret@h/d", BadConfiguration, "PUHUI_DATABASE_URL: mysql is not PostgreSQL"),
    ("text", "postgresql://u:secret@h:port/d", BadConfiguration, "PUHUI_DATABASE_URL: is no URL"),
    ("text", "postgresql://u:secret@h", BadConfiguration, "PUHUI_DATABASE_URL: names no database"),
    ("text", "postgresql://u:secret@127.0.0.1:1/d", TryAgain, "database d on 127.0.0.1: nothing answers"),
    ("text", "postgresql://u:secret@/d?host=/nowhere", TryAgain, "database d on /nowhere: no server at this socket"),
    ("text", "postgresql://u:secret@h.invalid/d", BadConfiguration, "database d on h.invalid: no such host"),
    ("text", "postgresql://u:secret@127.0.0.1/d?nonsense=1", BadConfiguration, "an option of PUHUI_DATABASE_URL is"),
    ("password", "secret", BadConfiguration, "wrong user or password; correct PUHUI_DATABASE_URL"),
    ("username", "secret", BadConfiguration, "wrong user or password; correct PUHUI_DATABASE_URL"),
    ("database", "missing", BadConfiguration, "database missing on 127.0.0.1: no such database; create it"),
]


@pytest.mark.parametrize(("part", "text_", "kind", "words"), REFUSED)
def test_a_url_that_does_not_work_says_so_in_one_line_without_the_password(
    request: pytest.FixtureRequest, part: str, text_: str, kind: type[PuhuiError], words: str
) -> None:
    url = text_
    if part != "text":
        good = make_url(request.getfixturevalue("debian_url"))
        parts: dict[str, Any] = {part: text_}
        url = good.set(**parts).render_as_string(hide_password=False)
    with pytest.raises(kind) as caught, connect(Path(), url):
        pass
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert "secret" not in message
    assert PASSWORD not in message
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_server_that_is_too_old_is_refused(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OLDEST", 990000)
    with pytest.raises(
        BadConfiguration, match=r"is PostgreSQL 1[58]\..*; PUHUI_DATABASE_URL needs version 15 or newer"
    ):
        connect(Path(), server_url).__enter__()


def test_a_database_in_another_encoding_is_refused(server_url: str) -> None:
    with connect(Path(), server_url) as outer, outer.owner.connect() as connection:
        connection.rollback()
        auto = connection.execution_options(isolation_level="AUTOCOMMIT")
        auto.exec_driver_sql("RESET ROLE")
        auto.exec_driver_sql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'")
        latin = make_url(server_url).set(database="latin").render_as_string(hide_password=False)
        try:
            with pytest.raises(BadConfiguration, match="has encoding LATIN1; make it with ENCODING 'UTF8'"):
                connect(Path(), latin).__enter__()
        finally:
            auto.exec_driver_sql("DROP DATABASE latin WITH (FORCE)")


def test_who_may_not_create_a_database_is_told_so(embedded_database: Database) -> None:
    app = embedded_database.engine.url.render_as_string(hide_password=False)
    with (
        connect(Path(), app) as plain,
        pytest.raises(BadConfiguration, match="this role may not do that"),
        plain.create_scratch("never"),
    ):
        pass
