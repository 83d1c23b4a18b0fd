"""The night by hand."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from portal.cli.common import HERE, Home, Json, day, note


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    app.command("night")(night)


def night(
    date: Annotated[
        str | None, typer.Option("--date", help="Business date; the next one that is due if left out.")
    ] = None,
    home: Home = HERE,
    as_json: Json = False,
) -> None:
    """Run the night of a business date: receive, ingest, rate, reconcile, settle, post, publish, close.

    Killed at any time, it goes on from its last committed step when run again. Example: puhui night --date 2026-05-07
    """
    from batch.night import night as run_night
    from batch.ready import ready
    from batch.run import begun, next_business_date
    from batch.steps.publish import write_close
    from portal.session import open_session
    from settlement.store import runs

    with open_session(home) as session:
        due = next_business_date(session.database, session.config)
        business_date = due if date is None else day(date)
        first = session.config.policy.first_business_date
        if first <= business_date < due:
            with session.database.engine.connect() as connection:
                summaries = runs.summaries(connection, business_date)
            written = write_close(session.database, session.home)  # the last thing that a night was killed before
            changed = "close.json was missing and is written" if written else "nothing changed"
            note(f"the night of {business_date} has finished before; {changed}")
        else:
            home_parts = (session.database, session.home, session.config, session.keys)
            with begun(*home_parts, business_date, session.now, ready) as run:
                summaries = run_night(session.database, run, lambda step: note(f"{business_date} {step}"))
            for step in summaries.values():
                for told in step.get("decisions_refused", ()):
                    note(f"{told}; nothing was done, decide again")
        if as_json:
            print(json.dumps(summaries, ensure_ascii=False, indent=1, sort_keys=True))
