"""`puhui check` and `puhui waive`: the named checks of a day, and a file that will not come."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from portal.cli.common import HERE, As, Home, Json, day, note, print_rows, said
from settlement.model.errors import BadInput, FoundWrong, NotFound

if TYPE_CHECKING:
    from sqlalchemy import Connection


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    app.command("check")(check)
    app.command("waive")(waive)


def check(
    date: Annotated[str | None, typer.Option("--date", help="Business date; the last night's if left out.")] = None,
    home: Home = HERE,
    as_json: Json = False,
) -> None:
    """Run every named check as of the end of a business date; exit 1 where one fails.

    Example: puhui check --date 2026-05-07
    """
    from batch.steps.close import checks, missing_files
    from portal.session import open_session

    with open_session(home) as session, session.database.engine.connect() as connection:
        run = session.reader(connection)
        last = run.business_date - timedelta(days=1)
        wanted = last if date is None else day(date)
        if not session.config.policy.first_business_date <= wanted <= last:
            raise NotFound(f"no night of {wanted} has finished; run `puhui night` first, or give a date that has one")
        found = checks(connection, run, wanted)
        missing = missing_files(connection, session.config, wanted)
    rows = [(one.name, one.title, "ok" if one.ok else str(one)) for one in found]
    rows += [("expected_files", "应到文件", f"{source}: none of the day was taken, none waived") for source in missing]
    print_rows(("check", "检查", str(wanted)), rows, as_json=as_json)
    wrong = sum(not one.ok for one in found) + len(missing)
    if wrong:
        raise FoundWrong(f"{wrong} checks of {wanted} fail; see the lines above")


def waive(
    source: Annotated[str, typer.Argument(help="The source whose file of the day will not come.")],
    date: Annotated[str, typer.Option("--date", help="The business date that it is missing for.")],
    reason: Annotated[str, typer.Option(callback=said, help="Why it is not awaited.")],
    home: Home = HERE,
    user: As = None,
) -> None:
    """Waive the missing file of a business date by name; the next night can then close that date without it.

    Example: puhui waive smkcard --date 2026-05-10 --reason "card company closed" --as li
    """
    from portal.cli.people import FINANCE, acting, audit
    from portal.session import open_session
    from settlement.store import people

    if not reason:
        raise BadInput("--reason: say why; it is kept with the decision")
    missing = day(date)
    with open_session(home) as session:
        actor = acting(session, user, *FINANCE)
        if source not in [known.name for known in session.config.sources]:
            raise BadInput(f"no source {source!r} in puhui.toml; write one of its sources")

        def work(connection: Connection) -> None:
            people.add_decision(
                connection,
                business_date=session.desk(connection).business_date,
                at=session.now,
                actor=actor,
                checker=None,
                kind="waive",
                subject=f"{source}:{missing}",
                reason=reason,
            )
            audit(connection, session, actor, "waive", source=source, business_date=missing.isoformat())

        session.database.in_transaction(work)
        note(f"{source}: not awaited for {missing}")
