"""The programme of the settle tests, whose rows these nights read."""

from __future__ import annotations

from tests.batch.settle.conftest import books, books_server

__all__ = ["books", "books_server"]
