"""Reconciliation by hand: reports, the list of discrepancies (差错), and what people decide about one."""

from __future__ import annotations

import json
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from portal.cli.common import HERE, SHOWN, As, Home, Json, day, local, note, print_rows, said, signed_yuan
from settlement.model.errors import BadInput, NotAllowed, NotFound
from settlement.model.money import format_yuan

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Connection

    from batch.run import Run
    from portal.session import Session
    from settlement.model.report import Report, Table

Reason = Annotated[str, typer.Option("--reason", callback=said, help="Why; it is printed beside the discrepancy.")]
Checker = Annotated[str | None, typer.Option("--checker", help="The second person; gives the own passphrase.")]
Identity = Annotated[str, typer.Argument(metavar="ID", help="Like D-20260508-000001.")]

recon = typer.Typer(help="Reconciliation: reports, discrepancies, decisions about them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    app.add_typer(recon, name="recon")


def _run_of(session: Session, connection: Connection, business_date: date) -> Run:
    """The run of a night that has begun, for reading."""
    from batch.run import Run
    from settlement.store import runs

    row = runs.night_row(connection, business_date)
    if row is None:
        raise NotFound(f"no night of {business_date}; run `puhui night --date {business_date}` first")
    config, last = session.config, int(row["last_import"])
    return Run(business_date, session.now, session.home, config, session.keys, last, 0)


def _last_night(session: Session) -> date:
    from batch.run import LAST_STEP
    from settlement.store import runs

    with session.database.engine.connect() as connection:
        done = runs.dates_run(connection, LAST_STEP)
    if not done:
        raise NotFound("no night has finished yet; run `puhui night` first")
    return done[-1]


# --- reading -------------------------------------------------------------------------------------------------------


@recon.command("report")
def report(
    date: Annotated[
        str | None, typer.Option("--date", help="Business date; the last finished one if left out.")
    ] = None,
    home: Home = HERE,
    as_json: Json = False,
) -> None:
    """Print 日对账报告, 差错明细表 and 余额调节表 of a night as now known; out/ holds them as first issued.

    Example: puhui recon report --date 2026-05-07
    """
    from batch.reports.reconciliation import balance_report, daily_report, discrepancy_report
    from portal.session import open_session

    with open_session(home) as session:
        wanted = _last_night(session) if date is None else day(date)
        with session.database.engine.connect() as connection:
            run = _run_of(session, connection, wanted)
            reports = [daily_report(connection, run), discrepancy_report(connection, run)]
            reports += [balance_report(connection, run, account) for account in session.config.accounts]
    if as_json:
        print(json.dumps([_as_json(found) for found in reports], ensure_ascii=False, indent=1))
        return
    for found in reports:
        _print(found)


def _as_json(found: Report) -> dict[str, Any]:
    """A report as JSON: headings as keys, money as text in yuan."""
    tables = [
        {"title": table.title, "rows": [dict(zip(_headings(table), row, strict=True)) for row in _cells(found, table)]}
        for table in found.tables
    ]
    checks = {label: format_yuan(residual) for label, residual in found.checks}
    return {"title": found.title, "date": found.business_date.isoformat(), "tables": tables, "checks": checks}


def _headings(table: Table) -> list[str]:
    return [column.heading for column in table.columns]


def _cells(found: Report, table: Table) -> list[list[str | None]]:
    """The rows of a table as printed text."""
    zone = ZoneInfo(found.timezone)
    return [
        [
            None if cell is None else _cell(cell, column.kind, zone)
            for cell, column in zip(row, table.columns, strict=True)
        ]
        for row in table.frame.iter_rows()
    ]


def _cell(value: Any, kind: str, zone: ZoneInfo) -> str:
    if kind == "money":
        return format_yuan(value)
    if kind == "instant":
        return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S}"
    return str(value)


def _print(found: Report) -> None:
    print(f"\n{found.title} {found.business_date}")
    for table in found.tables:
        print_rows(_headings(table), _cells(found, table))
        for told in table.notes:
            print(told)
    for label, residual in found.checks:
        print(f"{label}: {format_yuan(residual)}")


@recon.command("list")
def list_(
    date: Annotated[str | None, typer.Option("--date", help="As of the end of this business date.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind, like OURS_ONLY.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Leave out what was closed on that date.")] = False,
    home: Home = HERE,
    as_json: Json = False,
) -> None:
    """List discrepancies: what is open at the end of a business date, and what was closed on it.

    Example: puhui recon list --date 2026-05-07 --kind OURS_ONLY --open
    """
    import polars as pl

    from portal.session import open_session
    from settlement.model.outcomes import Discrepancy
    from settlement.store import recon_reports
    from settlement.store.reconcile import CLOSING

    kinds = [str(known) for known in Discrepancy]
    if kind is not None and kind not in kinds:
        raise BadInput(f"--kind: no kind {kind!r}; write one of {', '.join(kinds)}")
    with open_session(home) as session:
        wanted = _last_night(session) if date is None else day(date)
        with session.database.engine.connect() as connection:
            found = recon_reports.details(connection, wanted)
    if kind is not None:
        found = found.filter(pl.col("kind") == kind)
    if only_open:
        found = found.filter(~pl.col("event").is_in(CLOSING).fill_null(value=False))
    print_rows(_LIST, (_listed(row) for row in found.iter_rows(named=True)), as_json=as_json)


_LIST = ("id", "kind", "channel", "clearing_date", "reference", "ours", "theirs", "difference", "state", "detail")


def _listed(row: dict[str, Any]) -> list[Any]:
    amounts = [None if row[name] is None else format_yuan(row[name]) for name in ("ours_fen", "theirs_fen")]
    head = [row[name] for name in ("discrepancy_id", "kind", "channel", "clearing_date", "reference")]
    return [*head, *amounts, format_yuan(row["difference_fen"]), row["event"] or "open", row["detail"]]


@recon.command("show")
def show(identity: Identity, home: Home = HERE, as_json: Json = False) -> None:
    """Show one discrepancy and its life, and where a debit may be a payment of ours how to say so.

    Example: puhui recon show D-20260508-000001
    """
    from batch.paid import ways_of
    from portal.cli.paid import print_ways
    from portal.session import open_session
    from settlement.store import recon_reports

    with open_session(home) as session, session.database.engine.connect() as connection:
        row = _one(connection, identity).row(0, named=True)
        life = recon_reports.events(connection, identity)
        ways = list(islice(ways_of(connection, row), SHOWN + 1))
    zone, apart = session.config.programme.zone, ("event", "actor", "checker", "reason")
    told = {name: _plain(value, zone) for name, value in row.items() if name not in apart}
    steps = [{name: _plain(value, zone) for name, value in step.items()} for step in life.iter_rows(named=True)]
    if as_json:
        print(json.dumps({**told, "life": steps}, ensure_ascii=False, indent=1))
        return
    for name, value in told.items():
        if value is not None:
            print(f"{name}: {value}")
    if steps:
        print_rows(list(steps[0]), [list(step.values()) for step in steps])
    print_ways(ways)


def _plain(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, datetime):
        return local(value, zone)
    return value.isoformat() if isinstance(value, date) else value


def _one(connection: Connection, identity: str) -> pl.DataFrame:
    """The discrepancy as it stands now; NotFound where there is none."""
    from settlement.store import recon_reports

    found = recon_reports.detail(connection, identity, date.max)
    if found.is_empty():
        raise NotFound(f"no discrepancy {identity!r}; see `puhui recon list`")
    return found


# --- deciding ------------------------------------------------------------------------------------------------------


@recon.command("explain")
def explain(identity: Identity, reason: Reason, checker: Checker = None, as_user: As = None, home: Home = HERE) -> None:
    """Close a discrepancy as explained: its award falls due with the next night.

    Example: puhui recon explain D-20260508-000001 --reason "receipt seen at the shop" --as wang
    """
    _decide(home, "explain", identity, reason, as_user, checker, None)


@recon.command("suspense")
def suspense(
    identity: Identity, reason: Reason, checker: Checker = None, as_user: As = None, home: Home = HERE
) -> None:
    """Put a discrepancy on suspense (挂账): it stays open and is listed apart.

    Example: puhui recon suspense D-20260508-000001 --reason "asked the bank on 2026-05-08" --as wang
    """
    _decide(home, "suspense", identity, reason, as_user, checker, None)


@recon.command("adjust")
def adjust(
    identity: Identity,
    reason: Reason,
    amount: Annotated[
        str | None, typer.Option("--amount", help="Yuan; more to the payee is positive, like -3.20.")
    ] = None,
    checker: Checker = None,
    as_user: As = None,
    home: Home = HERE,
) -> None:
    """Close a discrepancy by an adjustment (调账) that the next night posts and puts on the payee's statement.

    Example: puhui recon adjust D-20260508-000001 --amount -3.20 --reason "bank's figure is right" --as wang
    """
    _decide(home, "adjust", identity, reason, as_user, checker, amount)


@recon.command("write-off")
def write_off(
    identity: Identity, reason: Reason, checker: Checker = None, as_user: As = None, home: Home = HERE
) -> None:
    """Write a discrepancy off (核销).

    Example: puhui recon write-off D-20260508-000001 --reason "below the cost of asking" --as wang
    """
    _decide(home, "write_off", identity, reason, as_user, checker, None)


def _decide(
    home: Any, kind: str, identity: str, reason: str, name: str | None, checker: str | None, amount: str | None
) -> None:
    """Records what a person decided, for the next night to take; the audit row goes with it."""
    from portal.cli.people import FINANCE, acting, audit
    from portal.session import open_session
    from settlement.store import people, reconcile

    if not reason.strip():
        raise BadInput("--reason: say why; it is printed beside the discrepancy")
    with open_session(home) as session:
        fen = None if amount is None else signed_yuan(amount, "--amount")
        with session.database.engine.connect() as connection:
            row = _one(connection, identity).row(0, named=True)
        _allowed(session, kind, row, fen, checker)
        who = acting(session, name, *FINANCE)
        second = acting(session, checker, *FINANCE) if checker else None
        if second == who:
            raise NotAllowed("the second person must be another; give --checker NAME")

        def work(connection: Connection) -> date:
            night = session.desk(connection).business_date
            if reconcile.decided_for(connection, identity, night):
                raise BadInput(f"{identity}: the night of {night} takes a decision about it already; wait for it")
            people.add_decision(
                connection,
                business_date=night,
                at=session.now,
                actor=who,
                checker=second,
                kind=kind,
                subject=identity,
                reason=reason,
                amount_fen=fen,
            )
            audit(connection, session, who, f"recon {kind}", id=identity, reason=reason, amount_fen=fen, checker=second)
            return night

        night = session.database.in_transaction(work)
        note(f"{identity}: {kind} by {who}; the night of {night} takes it")


def _allowed(session: Session, kind: str, row: dict[str, Any], fen: int | None, checker: str | None) -> None:
    """BadInput or NotAllowed where the night would refuse the decision."""
    from settlement.reconciliation.discrepancies import CLOSING, MOVES_MONEY, moved_fen, pays_twice

    identity = row["discrepancy_id"]
    if row["event"] in CLOSING:
        raise BadInput(f"{identity}: is {row['event']} already; see `puhui recon show {identity}`")
    if kind == "adjust" and fen is None and not row["kind"].startswith("UNKNOWN_"):
        raise BadInput("--amount: say how much more (or, with a minus, less) the payee gets")
    if fen is not None and row["kind"].startswith("UNKNOWN_"):
        raise BadInput("--amount: a bank line leaves suspense whole; leave it out")
    if twice := pays_twice(row, kind, fen):
        raise NotAllowed(f"{identity}: {twice}")
    limit = session.config.policy.second_person_above_fen
    moved = moved_fen(row, fen)
    if kind in MOVES_MONEY and moved > limit and not checker:
        raise NotAllowed(f"{identity}: above {format_yuan(limit)} a second person is needed; give --checker NAME")
