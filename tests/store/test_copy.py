"""COPY in and out: what goes in comes out, on every server that is here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Connection, MetaData, Table, Text, bindparam, exc, select, text

from settlement.store import copy
from settlement.store.copy import copy_in, copy_out
from settlement.store.database import Database, connect

INT64 = st.integers(-(2**63), 2**63 - 1)
# PostgreSQL has no NUL in a text, and UTF-8 no lone surrogates: adapters reject both.
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.sampled_from(
    [
        "",
        "\\N",
        "\\.",
        "\\",
        "\\n",
        '"',
        '""',
        "a\tb",
        "a\nb",
        "a\rb",
        "\r\n",
        ",",
        " ",
        "NULL",
        "\x08\x0b\x0c",
        "\\\\n",
    ]
)
DATES = st.dates(date(1, 1, 1), date(9999, 12, 31))
INSTANTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))
SCHEMA: copy.Schema = {
    "words": pl.String,
    "amount_fen": pl.Int64,
    "day": pl.Date,
    "at": pl.Datetime("us", "UTC"),
    "flag": pl.Boolean,
    "Order": pl.String,
}
ROWS = st.lists(st.tuples(*(st.none() | s for s in (WORDS, INT64, DATES, INSTANTS, st.booleans(), WORDS))), max_size=20)
TABLE = (
    "DISCARD TEMP; CREATE TEMP TABLE item"
    ' (words text, amount_fen bigint, day date, at timestamptz, flag boolean, "Order" text)'
)


@pytest.fixture(scope="module", params=["embedded", "debian"])
def server(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database on every server that is here."""
    with connect(Path(), request.getfixturevalue(f"{request.param}_url")) as database:
        yield database


@contextmanager
def fresh_table(server: Database) -> Iterator[Connection]:
    """A new temporary table `item`, gone at the end; in a new table, rows lie in the order in which they came."""
    with server.engine.connect() as connection:
        connection.exec_driver_sql(TABLE)
        yield connection


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_what_goes_in_comes_out(server: Database, rows: list[tuple[Any, ...]]) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    with fresh_table(server) as connection:
        assert copy_in(connection, "item", frame) == len(rows)
        assert copy_out(connection, "SELECT * FROM item", SCHEMA).equals(frame)
        # The server agrees: psycopg2 reads the same values its own way.
        plain = connection.exec_driver_sql('SELECT words, amount_fen, flag, "Order" FROM item').all()
        assert [tuple(row) for row in plain] == [(r[0], r[1], r[4], r[5]) for r in rows]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.none() | WORDS, max_size=10))
def test_a_single_column_of_text_survives(server: Database, values: list[str | None]) -> None:
    frame = pl.DataFrame({"words": values}, schema={"words": pl.String})
    with fresh_table(server) as connection:
        copy_in(connection, "item", frame)
        assert copy_out(connection, "SELECT words FROM item", {"words": pl.String}).equals(frame)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "UTC"])
@pytest.mark.parametrize("style", ["German", "SQL, DMY"])
def test_no_setting_of_the_session_shifts_an_instant_or_a_date(server: Database, zone: str, style: str) -> None:
    frame = pl.DataFrame(
        {"day": [date(2026, 5, 7)], "at": [datetime(2026, 5, 7, 23, 30, 0, 1, UTC)]},
        schema={"day": pl.Date, "at": pl.Datetime("us", "UTC")},
    )
    with fresh_table(server) as connection:
        connection.exec_driver_sql(f"SET TIME ZONE '{zone}'; SET datestyle = '{style}'")
        copy_in(connection, "item", frame)
        assert copy_out(connection, "SELECT at, day FROM item", dict(frame.schema)).equals(frame)
        epoch = connection.exec_driver_sql("SELECT extract(epoch FROM at)::text FROM item").scalar_one()
    assert epoch == "1778196600.000001"


def test_many_blocks_keep_their_rows_and_their_order(server: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy, "ROWS_PER_BLOCK", 7)
    monkeypatch.setattr(copy, "BYTES_PER_BLOCK", 500)
    numbers = pl.Series(range(2_000), dtype=pl.Int64)
    frame = pl.DataFrame({"amount_fen": numbers, "words": numbers.cast(pl.String) + "\n笔\t\\"})
    schema = dict(frame.schema)
    with fresh_table(server) as connection:
        assert copy_in(connection, "item", frame) == 2_000
        up = copy_out(connection, "SELECT * FROM item ORDER BY amount_fen", schema)
        down = copy_out(connection, "SELECT * FROM item ORDER BY amount_fen DESC;", schema)
    assert up.equals(frame)
    assert down.equals(frame.reverse())


def test_an_empty_frame_and_an_empty_answer_have_their_columns(server: Database) -> None:
    with fresh_table(server) as connection:
        assert copy_in(connection, "item", pl.DataFrame(schema=SCHEMA)) == 0
        assert copy_out(connection, "SELECT * FROM item", SCHEMA).equals(pl.DataFrame(schema=SCHEMA))


def test_a_query_takes_values_that_would_break_sql(server: Database) -> None:
    table = Table("item", MetaData(), Column("words", Text))
    evil = "'; DROP TABLE item; -- %s %(x)s %% \\ 对 :name"
    frame = pl.DataFrame({"words": [evil, "else"]})
    schema = {"words": pl.String}
    with fresh_table(server) as connection:
        copy_in(connection, table, frame)
        for found in (
            copy_out(connection, select(table.c.words).where(table.c.words == evil), schema),
            copy_out(connection, select(table.c.words).where(table.c.words.in_([evil])), schema),
            copy_out(connection, "SELECT words FROM item WHERE words = :name", schema, {"name": evil}),
            copy_out(connection, text("SELECT words FROM item WHERE words = :name").bindparams(name=evil), schema),
            copy_out(connection, select(table.c.words).where(table.c.words == bindparam("x")), schema, {"x": evil}),
        ):
            assert found["words"].to_list() == [evil]
        every = "SELECT words FROM item WHERE words LIKE '%' AND 7 % 4 = 3"
        assert copy_out(connection, every, schema).height == 2


def test_dates_and_instants_are_values_too(server: Database) -> None:
    frame = pl.DataFrame({"at": [datetime(2026, 5, 7, tzinfo=UTC) + timedelta(hours=n) for n in range(3)]})
    frame = frame.cast(pl.Datetime("us", "UTC"))
    with fresh_table(server) as connection:
        copy_in(connection, "item", frame)
        query = "SELECT at FROM item WHERE at > :from AND at::date = :day AND at IS DISTINCT FROM :none"
        values = {"from": datetime(2026, 5, 7, tzinfo=UTC), "day": date(2026, 5, 7), "none": None}
        assert copy_out(connection, query, dict(frame.schema), values).height == 2


def test_rows_are_gone_when_the_transaction_is_rolled_back_and_there_when_committed(empty_database: Database) -> None:
    frame = pl.DataFrame({"amount_fen": [1]})
    schema = {"amount_fen": pl.Int64}
    with empty_database.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE item (amount_fen bigint)")
    with empty_database.engine.connect() as connection:
        copy_in(connection, "item", frame)
        connection.rollback()
        assert copy_out(connection, "SELECT amount_fen FROM item", schema).height == 0
        connection.rollback()
        copy_in(connection, "item", frame)
        connection.commit()
    with empty_database.engine.connect() as connection:
        assert copy_out(connection, "SELECT amount_fen FROM item", schema).equals(frame)


def test_an_error_quotes_no_value(server: Database) -> None:
    number = "62220212345678901"
    with fresh_table(server) as connection:
        connection.commit()
        with pytest.raises(exc.DataError) as wrong_type:
            copy_in(connection, "item", pl.DataFrame({"amount_fen": [number + "x"]}))
        connection.rollback()
        with pytest.raises(exc.DataError) as unreadable:
            copy_out(connection, f"SELECT '{number}x'::bigint AS amount_fen", {"amount_fen": pl.Int64})
        connection.rollback()
        connection.exec_driver_sql("DISCARD TEMP; CREATE TEMP TABLE once (words text CONSTRAINT only_once UNIQUE)")
        copy_in(connection, "once", pl.DataFrame({"words": [number]}))
        with pytest.raises(exc.IntegrityError, match="only_once") as twice:
            copy_in(connection, "once", pl.DataFrame({"words": [number]}))
    for caught in (wrong_type, twice, unreadable):
        shown = f"{caught.value!s} {caught.value!r} {caught.value.orig!s} {caught.value.orig!r}"
        assert number not in shown


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Datetime("us"), pl.Datetime("ms", "UTC"), pl.Decimal(10, 2)])
def test_a_type_that_copy_does_not_carry_is_our_own_error(server: Database, dtype: Any) -> None:
    with fresh_table(server) as connection:
        with pytest.raises(AssertionError, match="column x: COPY carries no"):
            copy_in(connection, "item", pl.DataFrame(schema={"x": dtype}))
        with pytest.raises(AssertionError, match="column x: COPY carries no"):
            copy_out(connection, "SELECT 1 AS x", {"x": dtype})


def test_a_column_that_is_not_what_the_schema_says_is_refused(server: Database) -> None:
    with fresh_table(server) as connection, pytest.raises(pl.exceptions.ComputeError):
        copy_out(connection, "SELECT 'x' AS amount_fen", {"amount_fen": pl.Int64})


def test_the_edges_of_bigint(server: Database) -> None:
    edges = pl.DataFrame({"amount_fen": [-(2**63), 2**63 - 1, 0, None]}, schema={"amount_fen": pl.Int64})
    with fresh_table(server) as connection:
        copy_in(connection, "item", edges)
        total = "SELECT sum(amount_fen)::bigint AS total_fen FROM item"
        assert copy_out(connection, "SELECT amount_fen FROM item", dict(edges.schema)).equals(edges)
        assert copy_out(connection, total, {"total_fen": pl.Int64})["total_fen"].to_list() == [-1]
