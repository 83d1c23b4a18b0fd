"""One open home: configuration, keys, database and time, for the length of a command or of the server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from batch.config import Config, load_config
from portal import clock
from settlement.store import migrate
from settlement.store.database import Database, connect
from settlement.store.keys import Keys
from settlement.store.keys import load as load_keys

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from batch.run import Run

KEYS_NAME = "puhui.keys"


@dataclass(frozen=True, slots=True)
class Session:
    """What a verb works with."""

    home: Path
    config: Config
    keys: Keys
    database: Database
    now: datetime

    def desk(self, connection: Connection) -> Run:
        """What a decision of a person runs under, held until the transaction ends."""
        from batch import release

        return release.desk(connection, self.home, self.config, self.keys, self.now)

    def reader(self, connection: Connection) -> Run:
        """As `desk`, for looking only."""
        from batch import release

        return release.reader(connection, self.home, self.config, self.keys, self.now)


def keys_path(home: Path) -> Path:
    """Where the key file lies: PUHUI_KEYS_FILE, else <home>/puhui.keys."""
    said = os.environ.get("PUHUI_KEYS_FILE")
    return Path(said) if said else home / KEYS_NAME


@contextmanager
def open_session(home: Path) -> Iterator[Session]:
    """Opens the home; configuration and keys are checked before the database is started."""
    config = load_config(home)
    keys = load_keys(keys_path(home))
    moment = clock.now()
    with connect(home, os.environ.get("PUHUI_DATABASE_URL")) as database:
        migrate.upgrade(database)
        yield Session(home, config, keys, database, moment)
