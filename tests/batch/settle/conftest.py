"""One server and one migrated template for the folder; a copy of it for each test."""

from __future__ import annotations

import itertools

import pytest

from settlement.store import migrate
from settlement.store.database import connect
from tests.batch.settle.books import opened

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def books_server(tmp_path_factory):
    with connect(tmp_path_factory.mktemp("books") / "home") as server, server.create_scratch("books_made") as made:
        migrate.upgrade(made)
        made.renew()
        yield server


@pytest.fixture
def books(books_server, tmp_path):
    with books_server.create_scratch(f"books_{next(_NUMBERS)}", "books_made") as base:
        yield opened(base, tmp_path / "home")
