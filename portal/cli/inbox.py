"""What the banks delivered: deliveries and their outcomes, and decisions about those in conflict with what stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from portal.cli import restated
from portal.cli.common import HERE, As, Home, Json, day, local, note, print_rows, said, signed_yuan
from settlement.model.errors import BadInput
from settlement.model.money import format_yuan

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from batch.deliveries import Look
    from batch.run import Run
    from portal.session import Session

inbox_app = typer.Typer(
    help="Files of the banks: what came, what was waiting, and conflicts to decide.", no_args_is_help=True
)
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, max=10**12, help="The delivery, as `list` numbers it.")]
Reason = Annotated[str, typer.Option("--reason", callback=said, help="Why; it is kept with the decision.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and decide nothing.")]
_COUNTS = ("accepted", "rejected", "duplicate", "quarantined")
_LIST = (
    *("number", "source", "name", "delivery", "status", "records", "accepted", "rejected", "duplicate", "held"),
    *("skipped", "decision"),
)
_DECIDED = {"propose_file": "proposed", "take_file": "taken", "keep_file": "kept"}
_STATUS_MAX_ROWS = 200


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    app.add_typer(inbox_app, name="inbox")


@inbox_app.command("list")
def list_(
    date: Annotated[
        str | None, typer.Option("--date", help="Business date that took them; the last night if left out.")
    ] = None,
    only_open: Annotated[
        bool, typer.Option("--open", help="Only deliveries that wait for a decision, of any date.")
    ] = False,
    home: Home = HERE,
    as_json: Json = False,
) -> None:
    """List deliveries with what became of them; --open: those that wait for a decision.

    Example: puhui inbox list --open
    """
    from portal.session import open_session
    from settlement.store import intake

    if only_open and date is not None:
        raise BadInput("--open and --date: give one; --open is of any date")
    with open_session(home) as session, session.database.engine.connect() as connection:
        if only_open:
            found = intake.undecided(connection)
        else:
            found = intake.outcomes(connection, day(date) if date else _last_night(connection, session))
    rows = [
        (
            row["file_id"], row["source"], row["name"], row["delivery"], row["status"], row["records"],
            *(row[name] for name in _COUNTS), row["records"] - sum(row[name] for name in _COUNTS),
            _DECIDED.get(row["decision"] or "", ""),
        )
        for row in found.iter_rows(named=True)
    ]  # fmt: skip
    print_rows(_LIST, rows, as_json=as_json)


def _last_night(connection: Connection, session: Session) -> date:
    from batch.run import LAST_STEP
    from settlement.store import runs

    done = runs.dates_run(connection, LAST_STEP)
    return done[-1] if done else session.config.policy.first_business_date


@inbox_app.command("waiting")
def waiting(home: Home = HERE, as_json: Json = False) -> None:
    """List what lies in the folders and is not taken, with the reason; needs no database.

    Example: puhui inbox waiting
    """
    from batch import inbox
    from batch.config import load_config
    from batch.names import masked

    config = load_config(home)
    own = frozenset(account.number for account in config.accounts)
    seen = [(source.name, inbox.look(home, source, own)) for source in config.sources]
    rows = [(source, name, why) for source, found in seen for name, why in found.left]
    rows += [(folder, name, "no source has a pattern for it") for folder, name in inbox.unknown(home, config.sources)]
    rows += [(source, masked(name, own), "complete: the next night takes it") for source, found in seen
             for name in found.complete]  # fmt: skip
    print_rows(("source", "name", "why"), sorted(rows), as_json=as_json)


@inbox_app.command("show")
def show(number: Number, home: Home = HERE, as_json: Json = False) -> None:
    """Show a delivery: its figures, its rejects, and of a conflict what taking it would change, with the money.

    Example: puhui inbox show 12
    """
    from portal.session import open_session

    with open_session(home) as session:
        seen = _looked(session, number)
    _print(seen, session.config.programme.zone, as_json=as_json)


@inbox_app.command("take")
def take(number: Number, reason: Reason, home: Home = HERE, user: As = None, dry_run: DryRun = False) -> None:
    """Propose that a conflicting delivery, or a statement with other lines (STATEMENT_CHANGED), is right.

    Another person approves it (`puhui inbox approve`).

    Example: puhui inbox take 12 --reason "letter of the bank of 2026-05-08" --as wang
    """
    from batch import deliveries

    def work(connection: Connection, run: Run, seen: Look, actor: str) -> str:
        deliveries.propose(connection, run, seen, actor, reason)
        assert seen.effect_fen is not None
        moved = format_yuan(seen.effect_fen)
        return f"proposed by {actor}; another person: puhui inbox approve {number} --effect {moved} --as NAME"

    _decide(home, number, "take", user, ("finance_maker", "finance_checker"), work, reason=reason, dry_run=dry_run)


@inbox_app.command("approve")
def approve(
    number: Number,
    effect: Annotated[
        str,
        typer.Option("--effect", help="The change in yuan that `show` told you, like -3.20."),
    ],
    home: Home = HERE,
    user: As = None,
    dry_run: DryRun = False,
) -> None:
    """Approve, as a second person who has seen the money effect, that a delivery is taken; the next night does it.

    Example: puhui inbox approve 12 --effect -3.20 --as li
    """
    from batch import deliveries

    fen = signed_yuan(effect, "--effect")

    def work(connection: Connection, run: Run, seen: Look, actor: str) -> str:
        deliveries.approve(connection, run, seen, actor, fen)
        again = f"; send again what was refused behind it: {', '.join(seen.waiting)}" if seen.waiting else ""
        return f"approved by {actor}; the night of {run.business_date} takes it{again}"

    _decide(home, number, "approve", user, ("finance_checker",), work, effect_fen=fen, dry_run=dry_run)


@inbox_app.command("keep")
def keep(number: Number, reason: Reason, home: Home = HERE, user: As = None, dry_run: DryRun = False) -> None:
    """Decide that what stands is right: what the delivery says otherwise stays without effect.

    Example: puhui inbox keep 12 --reason "the bank withdrew the file" --as wang
    """
    from batch import deliveries

    def work(connection: Connection, run: Run, seen: Look, actor: str) -> str:
        deliveries.keep(connection, run, seen, actor, reason)
        return f"what stands is kept, by {actor}"

    _decide(home, number, "keep", user, ("finance_maker", "finance_checker"), work, reason=reason, dry_run=dry_run)


# --- deciding --------------------------------------------------------------------------------------------------------


def _looked(session: Session, number: int) -> Look:
    from batch.deliveries import look

    with session.database.engine.connect() as connection:
        run = session.reader(connection)
        seen = look(connection, run, number)
        connection.rollback()
    return seen


def _decide(
    home: Path,
    number: int,
    verb: str,
    user: str | None,
    roles: tuple[str, ...],
    work: Callable[[Connection, Run, Look, str], str],
    *,
    dry_run: bool,
    **detail: Any,
) -> None:
    """Shows the delivery, decides in one transaction with its audit row; a dry run is the same and is rolled back."""
    from batch.deliveries import look
    from portal.cli.people import acting, audit
    from portal.session import open_session

    if not detail.get("reason", "-").strip():
        raise BadInput("--reason: say why; it is kept with the decision")
    with open_session(home) as session:
        actor = acting(session, user, *roles)
        seen = _looked(session, number)

        def decide(connection: Connection) -> str:
            run = session.desk(connection)
            with connection.begin_nested() as looking:
                now = look(connection, run, number)
                looking.rollback()  # cards that nobody has seen are numbered when their rows come in
            said = work(connection, run, now, actor)
            audit(connection, session, actor, f"inbox {verb}", number=number, **detail)
            return said

        if dry_run:
            with session.database.engine.connect() as connection:
                said = decide(connection)
                connection.rollback()
            _print(seen, session.config.programme.zone, as_json=False)
            note(f"delivery {number}: would be {said} (dry run: nothing was decided)")
            return
        note(f"delivery {number}: {session.database.in_transaction(decide)}")


# --- printing --------------------------------------------------------------------------------------------------------


def _print(seen: Look, zone: ZoneInfo, *, as_json: bool) -> None:
    told = _as_dict(seen, zone)
    if as_json:
        print(json.dumps(told, ensure_ascii=False, indent=1))
        return
    print(f"delivery {told['number']}: {told['source']} {told['name']}, delivery {told['delivery']} of this name")
    print(f"received {told['received_at']}, taken by the night of {told['business_date']}, SHA-256 {told['sha256']}")
    counts = ", ".join(f"{name} {told[name]}" for name in ("records", "accepted", "rejected", "duplicate", "held"))
    print(f"{told['status']}: {counts}" + (f" — {told['message']}" if told["message"] else ""))
    if told["rejects"]:
        print("\nwithout effect:")
        shown = told["rejects"][:_STATUS_MAX_ROWS]
        print_rows(("record", "byte", "field", "code", "message"), [list(row.values()) for row in shown])
        if len(told["rejects"]) > len(shown):
            print(f"and {len(told['rejects']) - len(shown)} more; --json has all")
    if told["changes"] is not None:
        _print_changes(told)
    restated.print_told(told)
    for step in told["decisions"]:
        by = step["actor"] + (f" and {step['checker']}" if step["checker"] else "")
        print(f"\n{step['at']} {step['decision']} by {by}: {step['reason']}", end="")
    print("\n" * bool(told["decisions"]), end="")
    if told["state"]:
        why = f"; cannot be taken: {told['why_not']}" if told["why_not"] else ""
        print(f"\nstate: {told['state']}{_since(told)}{why}")
    restated.print_waiting(told)
    if told["state"] == "open":
        keep = f"keep {told['number']} --reason …"
        take = "" if told["why_not"] else f"take {told['number']} --reason …, or "
        print(f"next: puhui inbox {take}{keep}")
    elif told["state"] == "proposed" and not told["why_not"]:
        effect = told.get("effect", told["subsidy_change"])
        print(f"next, by another person: puhui inbox approve {told['number']} --effect {effect} --as NAME")


def _since(told: dict[str, Any]) -> str:
    """What came of an approval that has brought no rows."""
    last = told["decisions"][-1] if told["decisions"] else None
    if last is None or last["decision"] != "taken" or last["rows"]:
        return ""
    if told["state"] == "taken":
        return "; the next night brings its rows in"
    return ", for its night could not take it as it was approved: decide anew"


def _print_changes(told: dict[str, Any]) -> None:
    print("\nif this delivery is taken for right (paid, in yuan; a sale is positive):")
    rows = told["changes"][:_STATUS_MAX_ROWS]
    total = told["paid_change"]
    print_rows(
        ("key", "kind", "what", "record", "stands", "becomes", "change"),
        [*(list(row.values()) for row in rows), ("in all", "", "", "", "", "", total)],
    )
    if len(told["changes"]) > len(rows):
        print(f"and {len(told['changes']) - len(rows)} more; --json has all")
    if told["subsidy_change"] is None:
        return
    print("\nsubsidy, as it would be rated now:")
    print_rows(
        ("merchant", "scheme", "change"),
        [*(list(row.values()) for row in told["subsidy"]), ("in all", "", told["subsidy_change"])],
    )
    for row in told["sponsors"]:
        print(f"  of {row['sponsor']}: {row['change']}")


def _as_dict(seen: Look, zone: ZoneInfo) -> dict[str, Any]:
    row = seen.row
    plain = {name: row[name] for name in ("source", "name", "delivery", "sha256", "status", "records", "accepted",
                                          "rejected", "duplicate", "code", "message")}  # fmt: skip
    moves, changes = seen.moves, None if seen.planned is None else seen.planned.changes
    return {
        "number": row["file_id"],
        **plain,
        "held": row["quarantined"],
        "received_at": local(row["received_at"], zone),
        "business_date": row["business_date"].isoformat(),
        "rejects": [
            {**reject, "byte": reject["byte"] if reject["byte"] >= 0 else None}
            for reject in seen.rejects.iter_rows(named=True)
        ],
        "state": seen.state,
        "why_not": seen.why_not,
        "changes": None if changes is None else [_change(change) for change in changes.iter_rows(named=True)],
        "paid_change": None if changes is None else _sum((changes["now_fen"] - changes["was_fen"]).sum()),
        "subsidy": None if moves is None else [
            {"merchant": r["merchant_no"], "scheme": r["scheme"], "change": format_yuan(r["change_fen"])}
            for r in moves.lines.iter_rows(named=True)
        ],
        "sponsors": None if moves is None else [
            {"sponsor": r["sponsor"], "change": format_yuan(r["change_fen"])}
            for r in moves.sponsors.iter_rows(named=True)
        ],
        "subsidy_change": None if moves is None else format_yuan(moves.subsidy_fen),
        "decisions": [
            {
                "decision": _DECIDED[step["kind"]],
                "at": local(step["at"], zone), "actor": step["actor"], "checker": step["checker"],
                "reason": step["reason"], "rows": step["rows"],
            }
            for step in seen.decided
        ],
        **restated.as_dict(seen),
    }  # fmt: skip


def _change(row: dict[str, Any]) -> dict[str, Any]:
    gone, new = row["action"] == "vanished", row["action"] == "added"
    return {
        "key": row["key"],
        "kind": row["kind"],
        "what": row["action"],
        "record": row["record"],
        "stands": None if new else format_yuan(row["was_fen"]),
        "becomes": None if gone else format_yuan(row["now_fen"]),
        "change": format_yuan(row["now_fen"] - row["was_fen"]),
    }


def _sum(fen: Any) -> str:
    return format_yuan(int(fen))
