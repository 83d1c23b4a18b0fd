"""The books of settle's tests serve here too."""

from tests.batch.settle.conftest import books, books_server

__all__ = ["books", "books_server"]
