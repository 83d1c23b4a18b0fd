"""The ledger: trial balance and entries."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from portal.cli.common import HERE, Home, Json, print_rows, span

ledger_app = typer.Typer(help="The ledger: trial balance, entries.", no_args_is_help=True)

From = Annotated[str | None, typer.Option("--from", help="First business date; the first of all if left out.")]
To = Annotated[str | None, typer.Option("--to", help="Last business date; the last of all if left out.")]


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    app.add_typer(ledger_app, name="ledger")


@ledger_app.command("trial")
def trial(home: Home = HERE, first: From = None, last: To = None, as_json: Json = False) -> None:
    """Print the trial balance; debit positive. Exit 1 where it does not sum to zero.

    Example: puhui ledger trial --from 2026-05-01 --to 2026-05-31
    """
    from batch.steps.post import chart_of
    from portal.session import open_session
    from settlement.ledger.balances import residual, trial_balance
    from settlement.model.errors import FoundWrong
    from settlement.model.money import format_yuan
    from settlement.store import ledger, reference

    with open_session(home) as session, session.database.engine.connect() as connection:
        chart = chart_of(connection, session.config, reference.last_import(connection))
        since, until = _span(first, last, session.config.policy.first_business_date)
        found = trial_balance(ledger.movements(connection, since, until), chart)
    print_rows(
        ("科目编码", "科目名称", "期初(元)", "借方(元)", "贷方(元)", "期末(元)"),
        [
            (
                row["account"],
                row["name"],
                *[format_yuan(row[name]) for name in ("opening_fen", "debit_fen", "credit_fen", "closing_fen")],
            )
            for row in found.iter_rows(named=True)
        ],
        as_json=as_json,
    )
    if residual(found):
        raise FoundWrong(f"the ledger is off by {format_yuan(residual(found))}; call the auditor")


@ledger_app.command("entries")
def entries(home: Home = HERE, first: From = None, last: To = None, as_json: Json = False) -> None:
    """Print the entries of a span of business dates, line by line.

    Example: puhui ledger entries --from 2026-05-07 --to 2026-05-07
    """
    from portal.session import open_session
    from settlement.model.money import format_yuan
    from settlement.store import ledger

    with open_session(home) as session, session.database.engine.connect() as connection:
        since, until = _span(first, last, session.config.policy.first_business_date)
        found = ledger.entries(connection, since, until)
    print_rows(
        ("分录", "业务日期", "事项", "摘要", "科目编码", "借方(元)", "贷方(元)", "活动", "出资方", "收款方"),
        [
            (
                row["entry_id"],
                row["business_date"],
                row["event"],
                row["summary"],
                row["account"],
                format_yuan(row["amount_fen"]) if row["amount_fen"] > 0 else "",
                format_yuan(-row["amount_fen"]) if row["amount_fen"] < 0 else "",
                row["scheme"],
                row["sponsor"],
                " ".join(filter(None, (row["payee_kind"], row["payee_no"]))),
            )
            for row in found.iter_rows(named=True)
        ],
        as_json=as_json,
    )


def _span(first: str | None, last: str | None, begin: date) -> tuple[date, date]:
    """The business dates asked for; from the books' first day to the end of time where left out."""
    return span(first, last, begin, date.max)
