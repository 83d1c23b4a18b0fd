"""Statements (结算单) to payees: list, show, verify."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from portal.cli.common import HERE, Home, Json, print_rows, span

if TYPE_CHECKING:
    import polars as pl

    from settlement.model.report import Column

statement_app = typer.Typer(help="Statements to payees: list, show, verify.", no_args_is_help=True)

From = Annotated[str | None, typer.Option("--from", help="First business date; all if left out.")]
To = Annotated[str | None, typer.Option("--to", help="Last business date; all if left out.")]
_EARLIEST, _LATEST = date.min, date.max


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    app.add_typer(statement_app, name="statement")


@statement_app.command("list")
def list_(
    home: Home = HERE,
    first: From = None,
    last: To = None,
    payee: Annotated[str | None, typer.Option(help="Only this payee, by number.")] = None,
    as_json: Json = False,
) -> None:
    """List statements by number. Example: puhui statement list --from 2026-05-07 --payee M0001"""
    from portal.session import open_session
    from settlement.model.money import format_yuan
    from settlement.store import statements

    since, until = span(first, last, _EARLIEST, _LATEST)
    with open_session(home) as session, session.database.engine.connect() as connection:
        found = statements.listed(connection, since, until)
    print_rows(
        ("结算单号", "业务日期", "收款方", "周期起", "周期止", "结算日期", "应结(元)", "实结(元)", "结转(元)"),
        [
            (
                row["statement_no"],
                row["business_date"],
                f"{row['payee_kind']} {row['payee_no']}",
                row["period_from"],
                row["period_to"],
                row["due_date"],
                format_yuan(row["due_fen"]),
                format_yuan(row["settled_fen"]),
                format_yuan(row["carried_fen"]),
            )
            for row in found.iter_rows(named=True)
            if payee in {None, row["payee_no"]}
        ],
        as_json=as_json,
    )


@statement_app.command("show")
def show(
    number: Annotated[str, typer.Argument(metavar="STATEMENT", help="Like SZ-2026-000001.")],
    home: Home = HERE,
    as_json: Json = False,
) -> None:
    """Show a statement: head, lines, what is held, digest. Example: puhui statement show SZ-2026-000001"""
    import json

    from batch.reports.settlement import statement_document
    from portal.session import open_session
    from settlement.model.report import DETAIL_COLUMNS, HELD_COLUMNS, STATEMENT_COLUMNS

    with open_session(home) as session, session.database.engine.connect() as connection:
        run = session.reader(connection)
        document = statement_document(connection, run, number)

    tables = {
        name: _table(columns, frame, None if as_json else document.timezone)
        for name, columns, frame in (
            ("lines", STATEMENT_COLUMNS, document.lines),
            ("held", HELD_COLUMNS, document.held),
            ("detail", DETAIL_COLUMNS, document.detail),
        )
    }
    if as_json:
        whole: dict[str, object] = {"head": dict(document.head), "foot": dict(document.foot), "digest": document.digest}
        for name, (headings, body) in tables.items():
            whole[name] = [dict(zip(headings, map(_text, row), strict=True)) for row in body]
        print(json.dumps(whole, ensure_ascii=False, indent=1))
        return
    for label, value in (*document.head, *document.foot, ("摘要", document.digest)):
        print(f"{label}: {value}")
    for headings, body in tables.values():
        if body:
            print()
            print_rows(headings, body)
    for line in document.notes:
        print(line)


def _table(
    columns: tuple[Column, ...], frame: pl.DataFrame, timezone: str | None
) -> tuple[list[str], list[list[object]]]:
    """(headings, rows) with money as yuan; as the documents print them, where a time zone is given."""
    from adapters.documents.cells import cell_texts
    from settlement.model.money import format_yuan

    headings = [column.heading for column in columns]
    if timezone is not None:
        return headings, [list(row) for row in cell_texts(frame, columns, timezone).rows()]
    kinds = [column.kind for column in columns]
    body = [
        [
            format_yuan(cell) if kind == "money" and cell is not None else cell
            for cell, kind in zip(row, kinds, strict=True)
        ]
        for row in frame.rows()
    ]
    return headings, body


def _text(cell: object) -> str | None:
    return None if cell is None else str(cell)


@statement_app.command("verify")
def verify(
    number: Annotated[str | None, typer.Argument(metavar="[STATEMENT]", help="One statement; all if left out.")] = None,
    home: Home = HERE,
    as_json: Json = False,
) -> None:
    """Compute digests anew from the stored rows and compare. Exit 1 where one differs.

    Example: puhui statement verify SZ-2026-000001
    """
    from batch.reports.settlement import proven_digest
    from portal.session import open_session
    from settlement.model.errors import FoundWrong
    from settlement.store import statements

    with open_session(home) as session, session.database.engine.connect() as connection:
        numbers = [number] if number else list(statements.listed(connection, _EARLIEST, _LATEST)["statement_no"])
        proven = [(name, *proven_digest(connection, name)) for name in numbers]
    wrong = [name for name, stored, computed in proven if stored != computed]
    print_rows(
        ("结算单号", "摘要", "结果"),
        [(name, stored, "一致" if stored == computed else "不一致") for name, stored, computed in proven],
        as_json=as_json,
    )
    if wrong:
        raise FoundWrong(f"statement {wrong[0]}: its rows do not give its digest; call the auditor")
