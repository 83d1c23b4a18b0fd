"""`puhui demo`: a small Suzhou, seven nights, and what people do by day, all through the verbs that people use."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from portal.cli.common import note
from settlement.model.errors import BadInput, FoundWrong

PASSPHRASE = "demo-passphrase-of-nobody"  # noqa: S105  # the demonstration's users exist in its own folder only
_WAITING = ("drafted", "approved")
USERS = (
    ("admin", "access_administrator"),
    ("manager", "programme_manager"),
    ("wang", "finance_maker"),
    ("li", "finance_checker"),
)
IMPORTS = (
    ("manager", "calendar", "calendar.csv"),
    ("manager", "organisations", "organisations.csv"),
    ("manager", "members", "members.csv"),
    ("manager", "cards", "cards.csv"),
    ("manager", "merchants", "merchants.csv"),
    ("manager", "stores", "stores.csv"),
    ("manager", "terminals", "terminals.csv"),
    ("manager", "contracts", "contracts.csv"),
    ("manager", "entitlements", "entitlements.csv"),
    ("manager", "programme", "programme"),
    ("wang", "chart", "chart.yaml"),
    ("wang", "accounts", "accounts.csv"),
    ("wang", "accounts", "member_accounts.csv"),
)


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("demo")(demo)


def demo(
    folder: Annotated[Path, typer.Argument(help="Where the city lives; made if it does not exist.")] = Path("demo"),
    volume: Annotated[int, typer.Option(min=400, max=2_000_000, help="Transactions a day.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Another seed, another city.")] = 20160501,
) -> None:
    """Make a small Suzhou and run its week: Thursday 2026-05-07 to Wednesday, nights and days.

    Run again, it changes nothing and says so. Example: puhui demo demo --volume 20000
    """
    from batch.city import home as city_home
    from batch.city.week import DAYS
    from portal.cli.demo_summary import print_summary

    started = time.monotonic()
    first = city_home.first_date()
    home = folder.resolve()
    done = _made_before(home, seed, volume)
    with _environment(home):
        if done is None:
            _begin(home, seed, volume)
            done = []
        nights = [first + timedelta(days=n) for n in range(DAYS)]
        left = [night for night in nights if night.isoformat() not in done]
        from portal.session import open_session

        with open_session(home):  # one server for the whole week; every verb below joins it
            for night in left:
                _one_day(home, seed, volume, first, night)
                done.append(night.isoformat())
                _remember(home, nights=done)
            print_summary(home, nights)
    if left:
        note(f"{len(left)} nights in {time.monotonic() - started:.0f} s")
    else:
        note(f"{folder}: this week has been run; nothing changed")


def _say(*arguments: str, at: datetime) -> None:
    """Runs a verb as a person would, in this process; its failure ends the demonstration."""
    from portal.cli.main import run

    os.environ["PUHUI_NOW"] = at.isoformat()
    status = run(list(arguments))
    if status:
        raise FoundWrong(f"`puhui {' '.join(arguments)}` ended with {status}; see the line above")


@contextmanager
def _environment(home: Path) -> Iterator[None]:
    """The environment of the demonstration's people; put back afterwards."""
    home.mkdir(parents=True, exist_ok=True)
    secret = home / "demo.passphrase"
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(PASSPHRASE + "\n", "utf-8")
    names = ("PUHUI_HOME", "PUHUI_PASSPHRASE_FILE", "PUHUI_NOW", "PUHUI_USER")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(PUHUI_HOME=str(home), PUHUI_PASSPHRASE_FILE=str(secret))
    os.environ["PUHUI_NOW"] = "2026-05-06T09:00:00+08:00"
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _made_before(home: Path, seed: int, volume: int) -> list[str] | None:
    """Nights that an earlier demonstration ran here; None for a new folder. BadInput: another city lives there."""
    path = home / "demo.json"
    if home.exists() and not home.is_dir():
        raise BadInput(f"{home}: is no folder; give an empty or new folder")
    if not path.exists():
        if home.exists() and any(entry.name != "demo.passphrase" for entry in home.iterdir()):
            raise BadInput(f"{home}: holds something that no finished demonstration made; give an empty or new folder")
        return None
    try:
        made: dict[str, Any] = json.loads(path.read_text("utf-8"))
        city = made["seed"], made["volume"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{path}: not what a demonstration wrote; give an empty or new folder") from None
    if city != (seed, volume):
        raise BadInput(f"{home}: holds the city of seed {city[0]} and volume {city[1]}; give those, or another folder")
    return list(made["nights"]) if "nights" in made else None


def _remember(home: Path, **facts: Any) -> dict[str, Any]:
    """Puts facts into demo.json and gives all of it: how far the demonstration has come."""
    from settlement.store.files import write_atomic

    path = home / "demo.json"
    made: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    made.update(facts)
    write_atomic(path, json.dumps(made, indent=1).encode())
    return made


def _begin(home: Path, seed: int, volume: int) -> None:
    """Home, users, reference data."""
    from batch.city import home as city_home
    from portal.session import open_session

    morning = datetime.fromisoformat("2026-05-06T09:00:00+08:00")
    note(f"making a city for {volume} transactions a day")
    _remember(home, seed=seed, volume=volume)
    folder = city_home.prepare(home, seed, volume)
    _say("init", str(home), "--config", str(folder / "puhui.toml"), at=morning)
    with open_session(home):
        for name, role in USERS:
            _say("user", "add", name, "--role", role, "--as", "admin", at=morning)
        for who, kind, file in IMPORTS:
            _say("import", kind, str(folder / file), "--as", who, at=morning)
        for import_id in _account_imports(home):
            _say("account", "approve", str(import_id), "--as", "li", at=morning)
    _remember(home, nights=[], planted=[])


def _account_imports(home: Path) -> list[int]:
    from portal.session import open_session
    from settlement.store import import_rows

    with open_session(home) as session, session.database.engine.connect() as connection:
        return import_rows.numbers(connection, "accounts")


def _one_day(home: Path, seed: int, volume: int, first: date, night: date) -> None:
    """The banks drop their files, the night runs, and in the morning people approve, release and explain."""
    from batch.city.home import town_of
    from batch.city.week import drop

    known = _remember(home)
    if known.get("dropped") != night.isoformat():
        planted = drop(town_of(home, seed, volume), home, first, (night - first).days)
        told = [[fault.fault, fault.night.isoformat(), fault.key] for fault in planted]
        _remember(home, dropped=night.isoformat(), planted=known["planted"] + told)
    _say("night", "--date", night.isoformat(), at=datetime.fromisoformat(f"{night}T23:30:00+08:00"))
    morning = datetime.fromisoformat(f"{night + timedelta(days=1)}T09:30:00+08:00")
    for batch, state in _waiting_batches(home):
        if state == "drafted":
            _say("payout", "approve", batch, "--as", "li", at=morning)
        _say("payout", "release", batch, "--as", "wang", at=morning)
    for identity in _explainable(home, night):
        _say("recon", "explain", identity, "--reason", "收单机构来函确认", "--as", "wang", at=morning)


def _waiting_batches(home: Path) -> list[tuple[str, str]]:
    """(number, state) of the batches that people have not finished with."""
    from portal.session import open_session
    from settlement.store import payouts

    with open_session(home) as session, session.database.engine.connect() as connection:
        found = payouts.batches(connection)
    return sorted((no, state) for no, state in found.select("batch_no", "state").iter_rows() if state in _WAITING)


def _explainable(home: Path, night: date) -> list[str]:
    """Single-sided items of small amount of the night before last: by then the bank has answered."""
    from portal.session import open_session
    from settlement.store import reconcile

    with open_session(home) as session, session.database.engine.connect() as connection:
        return reconcile.open_of(connection, night - timedelta(days=2), "OURS_ONLY")
