"""Servers for the end-to-end tests."""

from tests.store.servers import debian_url, embedded_database, embedded_url, empty_database, server_url

__all__ = ["debian_url", "embedded_database", "embedded_url", "empty_database", "server_url"]
