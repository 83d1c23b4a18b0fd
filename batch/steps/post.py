"""post: the ledger's only writer. An entry for every new subledger row of the steps before, and of people's decisions.

It reads rows of one business date as totals, has settlement.ledger turn them into balanced entries, and appends those.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
from sqlalchemy import Connection

from batch.config import Config
from batch.run import Run, Summary
from settlement.ledger.chart import Chart, parse_chart
from settlement.ledger.events import OPENING, Events, posting
from settlement.model.errors import BadConfiguration
from settlement.store import ledger as rows

CHARTS = Path(__file__).resolve().parents[1] / "charts"


def post(connection: Connection, run: Run) -> Summary:
    """Posts the business date. Summary: entries, lines, and the sum of debits in fen."""
    day, programme = run.business_date, run.config.programme.name
    chart = chart_of(connection, run.config, run.last_import)
    events = Events(
        awards=rows.award_totals(connection, day),
        fees=rows.fees(connection, day),
        releases=rows.releases(connection, day),
        rejections=rows.rejections(connection, day),
        money=rows.money(connection, day, {a.name: a.ledger_account for a in run.config.accounts}),
        adjustments=rows.adjustments(connection, day, programme),
        cleared=rows.cleared(connection, day),
        openings=_openings(connection, run.config),
    )
    posted = posting(events, day.isoformat(), programme, chart)
    entries, lines = posted.rows(day, rows.next_entry_id(connection))
    rows.put_entries(connection, entries, lines)
    debits = lines.filter(pl.col("amount_fen") > 0)["amount_fen"].sum()
    return {"entries": entries.height, "lines": lines.height, "debit_fen": int(debits)}


def chart_of(connection: Connection, config: Config, last_import: int) -> Chart:
    """The programme's chart: the imported one of that name, else the one that ships.

    BadConfiguration where there is neither, or where a bank account's ledger account is not in it.
    """
    name = config.programme.chart
    document = rows.chart_document(connection, name, last_import)
    if document is None:
        path = CHARTS / f"{name}.yaml"
        if not path.is_file():
            shipped = ", ".join(sorted(p.stem for p in CHARTS.glob("*.yaml")))
            raise BadConfiguration(
                f"puhui.toml: programme.chart: no chart {name!r}; import it (puhui import chart FILE) or name {shipped}"
            )
        document = (path.name, path.read_text("utf-8"))
    chart = parse_chart(document[1], document[0])
    for account in config.accounts:
        if account.ledger_account not in chart.accounts:
            raise BadConfiguration(
                f"puhui.toml: accounts.{account.name}.ledger_account: {account.ledger_account!r} is not in chart"
                f" {name!r}; add it to the chart or name one of its accounts"
            )
    return chart


def _openings(connection: Connection, config: Config) -> pl.DataFrame:
    """Balances with which the bank accounts enter the books, once (OPENING)."""
    found = [
        (account.ledger_account, account.first_opening_fen)
        for account in config.accounts
        if account.first_opening_fen and not rows.has_entry(connection, f"opening:{account.ledger_account}")
    ]
    return pl.DataFrame(found, schema=OPENING, orient="row")
