"""Fixtures of the store's tests."""

from tests.store.servers import (
    database,
    debian_url,
    embedded_database,
    embedded_url,
    empty_database,
    migrated_template,
    server_url,
)

__all__ = [
    "database",
    "debian_url",
    "embedded_database",
    "embedded_url",
    "empty_database",
    "migrated_template",
    "server_url",
]
