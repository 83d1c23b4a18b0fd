"""What a night needs before it begins: programme, plan, chart, calendar. Afterwards its imports are fixed."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from adapters.registry import adapter, check_settings
from batch.config import SourceConfig
from batch.documents import plan_in_force
from batch.run import Run
from batch.steps.post import chart_of
from settlement.model.errors import BadConfiguration
from settlement.store import reference

# A monthly cycle looks a month on and over the holidays at its end.
CALENDAR_DAYS = 40
_GIVES = {"feed": "transaction", "clearing": "transaction", "statement": "statement", "result": "result"}


def ready(connection: Connection, run: Run) -> None:
    """Raises BadInput or BadConfiguration where tonight's steps would: what is missing, and how it comes in."""
    for source in run.config.sources:
        _readable(source)
    plan_in_force(connection, run)
    chart_of(connection, run.config, run.last_import)
    calendar = reference.calendar(connection, run.last_import)
    for days in (0, CALENDAR_DAYS):
        calendar.is_workday(run.business_date + timedelta(days=days))


def _readable(source: SourceConfig) -> None:
    """A source's format must give what its role takes."""
    chosen = adapter(source.format)
    wanted = _GIVES[source.role]
    if chosen.read is None or chosen.gives != wanted:
        raise BadConfiguration(
            f"puhui.toml: sources.{source.name}: {source.format} gives no {wanted}; `puhui feed list` shows what does"
        )
    if source.role == "statement" and source.format == "camt054":
        raise BadConfiguration(
            f"puhui.toml: sources.{source.name}: camt054 has no balances, so that nothing proves it whole; have the "
            "bank send camt053, mt940 or an export"
        )
    where = f"puhui.toml: sources.{source.name}.settings."
    check_settings(source.format, source.settings, where, source.settings)
