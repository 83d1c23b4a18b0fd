"""close: the last step. Closes every day that can be closed, in order, each with its record in the chain.

A day stays open while an expected file is missing (unless waived by name) or a check fails; later nights run, and the
first of them on which nothing stands in the way closes it.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
from sqlalchemy import Connection

from batch.config import Config
from batch.limits import limit_check
from batch.run import Run, Summary
from batch.steps.post import chart_of
from settlement.audit.chain import GENESIS, CloseRecord, close_record, first_break
from settlement.audit.checks import SIDE, Check, equal, listed
from settlement.ledger.chart import PAYABLE, Role
from settlement.store import close as rows
from settlement.store import intake, ledger

_TITLES = {
    "entries_balance": "分录借贷平衡",
    "shares": "出资分担之和等于补贴",
    "kept": "保留补贴不为负、不超授予、不超余款",
    "rows_add_up": "文件记录数相符",
    "statement_figures": "结算单合计等于明细",
    "statement_numbers": "结算单号连续",
    "brought_forward": "上期结转相符",
    "payout_batches": "付款批次等于结算单",
    "payable_once": "应付款在一笔有效付款中或有暂缓原因",
    "approved_digest": "发出文件与批准文件一致",
    "bank_lines": "银行流水逐笔有说明",
}
_PAIRS = {
    "subledger_payables": ("补贴明细账等于总账(应付)", ("awards", "ledger")),
    "subledger_sponsors": ("补贴明细账等于总账(出资)", ("shares", "ledger")),
    "payables": ("应付余额等于未结与未付", ("statements", "ledger")),
    "in_transit": ("付款在途等于已发未达", ("items", "ledger")),
}


def close(connection: Connection, run: Run) -> Summary:
    """Closes what can be closed up to tonight. Summary: the days closed, and why tonight's or an earlier one is not."""
    closed: list[str] = []
    reasons: list[str] = []
    head = rows.head(connection)
    day = head[0] + timedelta(days=1) if head else run.config.policy.first_business_date
    while day <= run.business_date and not reasons:
        reasons = [f"{day}: {reason}" for reason in obstacles(connection, run, day)]
        if not reasons:
            _close_day(connection, day)
            closed.append(day.isoformat())
            day += timedelta(days=1)
    return {"closed": closed, "open": reasons}


def obstacles(connection: Connection, run: Run, day: date) -> list[str]:
    """Why `day` cannot be closed, in words; empty when it can."""
    missing = missing_files(connection, run.config, day)
    found = [f"no file of {source} for {day}; it is awaited, or waive it by name" for source in missing]
    return found + [str(check) for check in checks(connection, run, day) if not check.ok]


def missing_files(connection: Connection, config: Config, day: date) -> list[str]:
    """Sources whose file of that day was expected, has not come and was not waived."""
    here = rows.arrived(connection, day) | rows.waived(connection, day)
    return sorted(s.name for s in config.sources if s.expected == "daily" and s.name not in here)


def checks(connection: Connection, run: Run, day: date) -> list[Check]:
    """Every named check as of the end of a business date (operations.md "Invariants")."""
    chart = chart_of(connection, run.config, run.last_import)
    statements = [source.name for source in run.config.sources if source.role == "statement"]
    found = [listed(name, title, rows.findings(connection, name, day, statements)) for name, title in _TITLES.items()]
    payables = [chart.code(role) for role in PAYABLE.values()]
    transit = chart.code(Role.PAYOUT_IN_TRANSIT)
    for name, (title, words) in _PAIRS.items():
        left, right = rows.sides(connection, name, day, payables, transit)
        found.append(equal(name, title, left, right, words))
    return [*found, limit_check(connection, run, day), _bank(connection, run.config, day), _chain(connection)]


def _bank(connection: Connection, config: Config, day: date) -> Check:
    """The ledger's bank accounts against the banks' statements, per ledger account."""
    theirs: dict[str, int] = {}
    for account in config.accounts:
        _, balance = intake.last_statement(connection, account.name, account.first_opening_fen, day)
        theirs[account.ledger_account] = theirs.get(account.ledger_account, 0) + balance
    ours = {code: ledger.account_balance(connection, code, day) for code in theirs}
    left, right = (pl.DataFrame(list(side.items()), schema=SIDE, orient="row") for side in (ours, theirs))
    return equal("bank_balance", "银行存款等于银行对账单", left, right, ("ledger", "bank"))


def _chain(connection: Connection) -> Check:
    broken = first_break([CloseRecord(*row) for row in rows.chain(connection)])
    return Check("chain", "日结链完整", 0 if broken is None else 1, broken or "")


def _close_day(connection: Connection, day: date) -> None:
    """Appends the record of `day`; every check has passed."""
    head = rows.head(connection)
    record = close_record(day, rows.content(connection, day), head[1] if head else GENESIS)
    rows.put_record(
        connection,
        business_date=record.business_date,
        record=record.record,
        previous=record.previous,
        digest=record.digest,
    )
