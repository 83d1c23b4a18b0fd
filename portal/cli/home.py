"""Verbs that set a home up: init, import, user, keys, account approval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from portal.cli.common import HERE, As, Home, Json, note, print_rows
from settlement.model.errors import BadConfiguration, BadInput, NotAllowed, NotFound

if TYPE_CHECKING:
    from sqlalchemy import Connection

user_app = typer.Typer(help="Users, their roles and passphrases.", no_args_is_help=True)
account_app = typer.Typer(help="Payee accounts: a second person approves each import.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    app.command("init")(init)
    app.command("import")(import_)
    app.add_typer(user_app, name="user")
    app.add_typer(account_app, name="account")


def init(
    folder: Annotated[Path, typer.Argument(help="The new home; made if it does not exist.")],
    config: Annotated[Path | None, typer.Option(help="A puhui.toml to start from.")] = None,
) -> None:
    """Make a home: configuration, keys, exchange folders, empty database.

    Example: puhui init /srv/puhui --config puhui.toml
    """
    from batch.config import CONFIG_NAME, load_config, parse_config
    from batch.imports import read_bytes
    from batch.inbox import folders
    from portal.session import keys_path, open_session
    from settlement.store.files import write_atomic
    from settlement.store.keys import generate

    target = folder / CONFIG_NAME
    given = b"" if config is None else read_bytes(config)
    if config is not None:
        parse_config(given, config)  # before anything is made
    if config is not None and target.exists() and read_bytes(target) != given:
        raise BadInput(f"{target}: exists and is another; edit it, or choose another folder")
    if config is None and not target.exists():
        raise BadInput(f"{target}: not found; give --config FILE (examples/suzhou/puhui.toml is one to start from)")
    if config is not None and not target.exists():
        write_atomic(target, given)
    loaded = load_config(folder)
    if not keys_path(folder).exists():
        generate(keys_path(folder))
    try:
        for source in loaded.sources:
            for made in folders(folder, source):
                made.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadConfiguration(
            f"{folder}/exchange: cannot be made ({error.strerror}); correct its permissions"
        ) from None
    with open_session(folder):
        note(f"{folder}: ready")


def import_(
    kind: Annotated[
        str,
        typer.Argument(
            help="organisations members cards merchants stores terminals contracts accounts "
            "entitlements calendar programme chart"
        ),
    ],
    file: Annotated[Path, typer.Argument(help="A CSV; for programme a folder, for chart a YAML file.")],
    home: Home = HERE,
    user: As = None,
) -> None:
    """Import reference data: all rows or none; wrong rows are listed with line, field and remedy.

    Example: puhui import members members.csv --as wang
    """
    from batch.imports import KINDS, Door, import_path
    from portal.cli.people import acting, audit
    from portal.session import open_session

    if kind not in KINDS:
        raise BadInput(f"no kind {kind!r}; write one of {', '.join(KINDS)}")
    with open_session(home) as session:
        actor = acting(session, user, "programme_manager", "finance_maker", "operator")
        door = Door(session.database, session.home, session.config, session.keys, actor, session.now)
        done = import_path(door, kind, file)
        if done.rejects:
            for reject in done.rejects:
                note(str(reject))
            raise BadInput(
                f"{file}: {len(done.rejects)} wrong rows, nothing was imported; correct them and import again"
            )
        if not done.changed:
            note(f"{kind}: nothing changed, {file.name} is import {done.import_id} already")
            return
        with session.database.engine.begin() as connection:
            audit(connection, session, actor, "import", kind=kind, import_id=done.import_id, rows=done.rows)
        note(f"{kind}: import {done.import_id}, {done.rows} rows")


@user_app.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="The user's name: up to 64 characters, no blanks.")],
    role: Annotated[
        str, typer.Option(help="programme_manager finance_maker finance_checker auditor operator access_administrator")
    ],
    home: Home = HERE,
    user: As = None,
    inactive: Annotated[bool, typer.Option("--inactive", help="Switch the user off.")] = False,
) -> None:
    """Add a user, or change role, passphrase or activity. The first user of a home is its access administrator.

    Example: puhui user add wang --role finance_maker --as admin
    """
    from portal.cli.people import ROLES, acting, audit, hash_passphrase, read_passphrase
    from portal.session import open_session
    from settlement.store import people

    if role not in ROLES:
        raise BadInput(f"no role {role!r}; write one of {', '.join(ROLES)}")
    if not name.isprintable() or len(name) > 64 or name != "".join(name.split()) or not name:
        raise BadInput("a user's name is 1 to 64 printable characters without blanks; write another")
    with open_session(home) as session:
        with session.database.engine.connect() as connection:
            known = people.users(connection)
            before = people.user(connection, name)
        if not known and role != "access_administrator":
            raise NotAllowed("the first user of a home is its access administrator; add that one first")
        actor = acting(session, user, "access_administrator") if known else name
        passphrase = read_passphrase(f"new passphrase of {name}: ")
        new = people.User(name, (before.version if before else 0) + 1, role, hash_passphrase(passphrase), not inactive)
        with session.database.engine.begin() as connection:
            people.put_user(connection, new, session.now, actor)
            audit(connection, session, actor, "user add", name=name, role=role, active=not inactive)
        note(f"{name}: {role}")


@user_app.command("list")
def user_list(home: Home = HERE, as_json: Json = False) -> None:
    """List users with their roles.

    Example: puhui user list --json
    """
    from portal.session import open_session
    from settlement.store import people

    with open_session(home) as session, session.database.engine.connect() as connection:
        found = people.users(connection)
    print_rows(
        ("name", "role", "active"), [(u.name, u.role, "yes" if u.active else "no") for u in found], as_json=as_json
    )


@account_app.command("approve")
def account_approve(
    import_id: Annotated[int, typer.Argument(min=1, max=10**9, help="The number that `puhui import accounts` gave.")],
    home: Home = HERE,
    user: As = None,
) -> None:
    """Approve imported payee accounts, as another person than the one who imported them.

    Example: puhui account approve 12 --as li
    """
    from portal.cli.people import acting, audit
    from portal.session import open_session
    from settlement.store import import_rows, people

    with open_session(home) as session:
        actor = acting(session, user, "finance_checker")

        def work(connection: Connection) -> str:
            maker = import_rows.maker(connection, import_id, "accounts")
            if maker is None:
                raise NotFound(f"import {import_id} is not an import of accounts; see the number `puhui import` gave")
            if maker == actor:
                raise NotAllowed(f"{actor} imported these accounts; another person approves them")
            if people.decided(connection, "approve_account", str(import_id)):
                return f"import {import_id} was approved before; nothing changed"
            people.add_decision(
                connection,
                business_date=session.desk(connection).business_date,
                at=session.now,
                actor=actor,
                checker=None,
                kind="approve_account",
                subject=str(import_id),
                reason="payee accounts checked",
            )
            audit(connection, session, actor, "account approve", import_id=import_id)
            return f"accounts of import {import_id}: approved by {actor}"

        note(session.database.in_transaction(work))
