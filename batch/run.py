"""A run of one business date: its identity, its lease, and steps that commit together with their record.

The identity of a night is (job, business date): the same date is the same job whenever it runs. A step that has a
row in step_run is done; a run that was killed anywhere goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from batch.config import Config
from settlement.store.keys import Keys

Summary = dict[str, Any]
Step = Callable[[Connection, "Run"], Summary]


@dataclass(frozen=True, slots=True)
class Run:
    """What a step may know beside the store: the business date, the folders, configuration, keys, and one time.

    `now` is the port's one reading of the clock for this command (aware); rows keep it, nothing is computed from it.
    `last_import` bounds the reference data in force tonight.
    """

    business_date: date
    now: datetime
    home: Path
    config: Config
    keys: Keys
    last_import: int
    fence: int
