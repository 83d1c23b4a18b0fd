"""Payouts by hand: what the night drafted, approval by a second person, release, confirmation."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from portal.cli import paid, two_people, unpaid
from portal.cli.common import HERE, SHOWN, As, BatchNo, Home, Json, day, local, note, print_rows
from settlement.model.errors import BadInput
from settlement.model.outcomes import RESULT_ZH

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from batch.run import Run

payout_app = typer.Typer(
    help="Payout batches: list, show, approve, release, confirm, unpaid, paid.", no_args_is_help=True
)

_STATES = {"drafted": "待批准", "approved": "待发出", "released": "已发出", "sent": "银行已收", "voided": "已作废"}
_ITEM = ("付款编号", "收款方", "金额(元)", "近90天平均(元)", "变化(元)", "账号(掩码)", "开户行",
         "替代", "结果", "原因", "回盘", "回盘文件", "认定未付", "认定已付")  # fmt: skip
_ALWAYS = 7  # of these, from the first


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    app.add_typer(payout_app, name="payout")
    unpaid.register(payout_app)
    paid.register(payout_app)


@payout_app.command("list")
def list_(
    home: Home = HERE,
    state: Annotated[str | None, typer.Option(help="Only batches in this state: drafted, approved, released…")] = None,
    as_json: Json = False,
) -> None:
    """List payout batches, newest first. Example: puhui payout list --state drafted"""
    if state is not None and state not in _STATES:
        raise BadInput(f"--state: no state {state!r}; write one of {', '.join(_STATES)}")
    from portal.session import open_session
    from settlement.model.money import format_yuan
    from settlement.store import payouts

    with open_session(home) as session, session.database.engine.connect() as connection:
        found = payouts.batches(connection)
    print_rows(
        ("批次", "业务日期", "付款日", "收款方", "笔数", "金额(元)", "状态", "批准", "发出", "成功", "退回"),
        [
            (
                row["batch_no"],
                row["business_date"],
                row["execution_date"],
                row["payee_kind"],
                row["count"],
                format_yuan(row["total_fen"]),
                row["state"] if as_json else _STATES[row["state"]],
                row["approver"],
                row["releaser"],
                row["paid"],
                row["returned"],
            )
            for row in found.iter_rows(named=True)
            if state in {None, row["state"]}
        ],
        as_json=as_json,
    )


@payout_app.command("show")
def show(batch_no: BatchNo, home: Home = HERE, as_json: Json = False) -> None:
    """Show a batch before deciding on it: total, count, digest, items, largest changes first.

    结果 is what the account statement (or a refusal) made of an item, 回盘 the last word of the bank's result files,
    认定未付 who said that the bank did not pay it, 认定已付 that a debit was the payment after all.

    Example: puhui payout show B-20260507-1
    """
    from batch import paid as debits
    from batch.unpaid import look
    from portal.session import open_session
    from settlement.model.money import format_yuan
    from settlement.store import payouts

    with open_session(home) as session, session.database.engine.connect() as connection:
        batch = payouts.batch(connection, batch_no)
        items = payouts.items(connection, batch_no)
        items = items.join(payouts.answers(connection, batch_no), on="end_to_end_id", how="left", maintain_order="left")
        steps = payouts.decisions(connection, batch_no)
        run = session.reader(connection)
        cases = look(connection, run, batch_no)
        paid_cases = debits.look(connection, run, batch_no)
        ways = list(islice(debits.ways(connection, batch_no), SHOWN + 1))
    said, said_paid = two_people.told_of(cases), two_people.told_of(paid_cases)
    rows = sorted(
        items.iter_rows(named=True),
        key=lambda item: (-abs(item["amount_fen"] - (item["usual_fen"] or 0)), item["end_to_end_id"]),
    )
    if not as_json:
        print(f"批次 {batch_no}  付款日 {batch['execution_date']}  制单 {batch['maker']}")
        print(f"笔数 {batch['count']}  金额 {format_yuan(batch['total_fen'])} 元")
        print(f"文件摘要 SHA-256 {batch['digest']}")
        for step in steps:
            print(f"{local(step['at'], session.config.programme.zone)} {step['step']} {step['actor']}")
    told = [
        (
            item["end_to_end_id"],
            f"{item['payee_kind']} {item['payee_no']}",
            format_yuan(item["amount_fen"]),
            format_yuan(item["usual_fen"]) if item["usual_fen"] is not None else "首次",
            format_yuan(item["amount_fen"] - (item["usual_fen"] or 0)),
            item["account_masked"],
            item["bank_name"],
            item["replaces"],
            RESULT_ZH.get(item["result"], ""),
            item["reason"],
            " ".join(filter(None, (RESULT_ZH.get(item["answer"], ""), item["answer_reason"]))),
            item["answer_file"],
            said.get(item["end_to_end_id"]),
            said_paid.get(item["end_to_end_id"]),
        )
        for item in rows
    ]
    # a terminal is narrow: columns of what may yet come stand there once it has
    shown = [place for place in range(len(_ITEM)) if as_json or place < _ALWAYS or any(row[place] for row in told)]
    print_rows([_ITEM[place] for place in shown], [[row[place] for place in shown] for row in told], as_json=as_json)
    if not as_json:
        unpaid.print_next(run, batch_no, cases)
        paid.print_next(batch_no, paid_cases, ways)


@payout_app.command("draft")
def draft(
    home: Home = HERE,
    date: Annotated[str | None, typer.Option("--date", help="Business date; the last night if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Show what the night drafted and what it held, with the reasons. The night itself drafts.

    Example: puhui payout draft --date 2026-05-07
    """
    from datetime import timedelta

    from portal.session import open_session
    from settlement.model.money import format_yuan
    from settlement.store import close, payouts

    with open_session(home) as session, session.database.engine.connect() as connection:
        last = close.open_date(connection, session.config.policy.first_business_date) - timedelta(days=1)
        wanted = last if date is None else day(date)
        drafted = payouts.batches(connection)
        held = payouts.holds(connection, wanted)
    rows = [
        ("付款", row["batch_no"], row["payee_kind"], format_yuan(row["total_fen"]), row["state"])
        for row in drafted.iter_rows(named=True)
        if row["business_date"] == wanted
    ]
    rows += [
        ("暂缓", row["statement_no"], f"{row['payee_kind']} {row['payee_no']}", format_yuan(row["settled_fen"]),
         row["reason"])
        for row in held.iter_rows(named=True)
    ]  # fmt: skip
    print_rows(("种类", "编号", "收款方", "金额(元)", "状态或原因"), rows, as_json=as_json)


@payout_app.command("approve")
def approve(batch_no: BatchNo, home: Home = HERE, who: As = None) -> None:
    """Approve a drafted batch: its total, its items and the digest of its file.

    Example: puhui payout approve B-20260507-1 --as li
    """
    from batch import release as decisions
    from portal.cli.people import FINANCE, acting, audit
    from portal.session import open_session

    with open_session(home) as session:
        actor = acting(session, who, *FINANCE)

        def work(connection: Connection) -> str:
            digest = decisions.approve(connection, session.desk(connection), batch_no, actor)
            audit(connection, session, actor, "payout approve", batch=batch_no, digest=digest)
            return digest

        digest = session.database.in_transaction(work)
    note(f"{batch_no} approved by {actor}, file digest {digest}")


@payout_app.command("release")
def release(batch_no: BatchNo, home: Home = HERE, who: As = None) -> None:
    """Release an approved batch: writes the payout file for the bank. Another person than the approver does it.

    Where a crash kept the file of an earlier release back, it is written now. Example: puhui payout release
    B-20260507-1 --as wang
    """
    from batch import release as decisions
    from portal.cli.people import FINANCE, acting, audit
    from portal.session import open_session

    with open_session(home) as session:
        actor = acting(session, who, *FINANCE)

        def work(connection: Connection) -> Run:
            desk = session.desk(connection)
            batch, _ = decisions.load(connection, batch_no)
            if batch.taken("released") is None or batch.taken(decisions.WRITTEN) is not None:
                decisions.release(connection, desk, batch_no, actor)
                audit(connection, session, actor, "payout release", batch=batch_no, digest=batch.digest)
            return desk

        desk = session.database.in_transaction(work)

        def write(connection: Connection) -> Path:
            return decisions.write_released(connection, desk, batch_no)

        path = session.database.in_transaction(write)
    note(f"{batch_no} released by {actor}: {path}")


@payout_app.command("confirm")
def confirm(batch_no: BatchNo, home: Home = HERE, who: As = None) -> None:
    """Confirm that the bank has the file of a released batch. Example: puhui payout confirm B-20260507-1 --as wang"""
    from batch import release as decisions
    from portal.cli.people import FINANCE, acting, audit
    from portal.session import open_session

    with open_session(home) as session:
        actor = acting(session, who, *FINANCE)

        def work(connection: Connection) -> None:
            decisions.confirm(connection, session.desk(connection), batch_no, actor)
            audit(connection, session, actor, "payout confirm", batch=batch_no)

        session.database.in_transaction(work)
    note(f"{batch_no} confirmed as sent by {actor}")
