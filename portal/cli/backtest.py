"""`puhui backtest DRAFT`: a draft rule tried on stored nights or on a CSV, beside the rules in force."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portal.cli.common import HERE, Home, Json, day, note, print_rejects, print_rows
from settlement.model.errors import BadInput

if TYPE_CHECKING:
    import rules
    from rules.trial import Comparison
    from settlement.model.report import Report, Table

SIDES = ("now", "draft")
_ON_SCREEN = 9  # tables; the last two, all merchants and all members, are for the workbook and JSON


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("backtest")(backtest)


def backtest(
    draft: Annotated[Path, typer.Argument(metavar="DRAFT.yaml", help="One scheme document.")],
    first: Annotated[str | None, typer.Option("--from", help="First business date.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last business date.")] = None,
    beside: Annotated[
        bool, typer.Option("--beside", help="Add the draft; else it takes the place of the scheme of its code.")
    ] = False,
    transactions: Annotated[
        Path | None, typer.Option("--transactions", help="transactions.csv as for `puhui rate`, instead of the nights.")
    ] = None,
    xlsx: Annotated[Path | None, typer.Option("--xlsx", help="Write a workbook too, with every merchant.")] = None,
    home: Home = HERE,
    as_json: Json = False,
) -> None:
    """Try a draft rule on real weeks, limits consumed in true order; nothing is written to the database.

    Example: puhui backtest drafts/bakery.yaml --from 2026-05-07 --to 2026-05-13 --xlsx bakery.xlsx
    """
    from batch import backtest as trial
    from portal.cli.programme import load_transactions
    from portal.session import open_session

    since, until = day(first, "--from") if first else None, day(last, "--to") if last else None
    document = _draft(draft)
    rows = load_transactions(transactions)[1] if transactions else None
    if rows is None and (since is None or until is None):
        raise BadInput("--from and --to: give both, or --transactions FILE")
    if since and until and until < since:
        raise BadInput(f"--to {until} is before --from {since}; write the later date in --to")
    if xlsx is not None and not xlsx.absolute().parent.is_dir():
        raise BadInput(f"--xlsx: no folder {xlsx.parent}; make it, or give a path in one that is there")
    with open_session(home) as session, session.database.engine.connect() as connection:
        run = session.reader(connection)
        if rows is not None:
            found = trial.backtest_rows(connection, run, document, rows, since, until, beside=beside)
        else:
            assert since is not None
            assert until is not None
            found = trial.backtest(connection, run, document, since, until, beside=beside)
        connection.rollback()
    if isinstance(found, list):
        print_rejects(found)
        raise typer.Exit(2)
    report = trial.report(found)
    if xlsx is not None:
        _write(report, xlsx)
    if as_json:
        print(json.dumps(_as_json(report), ensure_ascii=False, indent=1))
    else:
        _print(report)
        _draw(found.comparison)


def _draft(path: Path) -> rules.Document[rules.Scheme]:
    import rules
    from batch.imports import read_bytes

    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not UTF-8; save the file as UTF-8") from None
    document = rules.parse_scheme(text, str(path))
    if isinstance(document, list):
        print_rejects(document)
        raise typer.Exit(2)
    return document


def _write(report: Report, path: Path) -> None:
    from adapters.documents.report import report_xlsx
    from settlement.store.files import write_atomic

    write_atomic(path, report_xlsx(report))
    note(f"{path}: written")


def _cells(table: Table, timezone: str) -> tuple[list[str], list[list[str | None]]]:
    from adapters.documents.cells import cell_texts

    texts = cell_texts(table.frame, table.columns, timezone)
    return [column.heading for column in table.columns], [list(row) for row in texts.iter_rows()]


def _as_json(report: Report) -> dict[str, Any]:
    whole: dict[str, Any] = {"title": report.title, "head": [list(line) for line in report.head]}
    for table in report.tables:
        headings, body = _cells(table, report.timezone)
        whole[table.title] = [dict(zip(headings, row, strict=True)) for row in body]
    return whole


def _draw(comparison: Comparison) -> None:
    """Cost a day as bars, and each budget as a curve: the rules in force above, the draft below."""
    from portal.cli.chart import bar, gathered, spark
    from settlement.model.money import format_yuan

    days = comparison.days
    labels = [day.isoformat() for day in days["date"]]
    lines = gathered(labels, [days["now_fen"].to_list(), days["draft_fen"].to_list()])
    most = max([1, *(figure for _, figures in lines for figure in figures)])
    print("\n每日成本图（元）")
    for label, figures in lines:
        for at, (side, figure) in enumerate(zip(("现行", "草案"), figures, strict=True)):
            print(f"{'' if at else label:<{len(label)}}  {side} {bar(figure, most)} {format_yuan(figure)}")
    print("\n预算占用图（元）")
    for key, rows in comparison.budgets.group_by("scheme", "budget", "window", maintain_order=True):
        value, sides = int(rows["value_fen"][-1]), [rows[f"{side}_used_fen"].fill_null(0).to_list() for side in SIDES]
        most = max(1, *(figure for side in sides for figure in side))
        name = f"{key[0]} {key[1]}" if key[0] else f"资金池 {key[1]}"
        print(f"{name}（总额 {format_yuan(value)}）{rows['date'][0]} 至 {rows['date'][-1]}")
        for side, figures in zip(("现行", "草案"), sides, strict=True):
            print(f"  {side} |{spark(figures, most)}| {format_yuan(figures[-1])}")


def _print(report: Report) -> None:
    for label, value in report.head:
        print(f"{label}: {value}")
    for table in report.tables[:_ON_SCREEN]:
        headings, body = _cells(table, report.timezone)
        print(f"\n{table.title}")
        if body:
            print_rows(headings, body)
        else:
            print("  无")
