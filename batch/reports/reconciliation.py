"""What finance staff read: 日对账报告, 差错明细表, 银行存款余额调节表 (reconciliation.md, "Reports")."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection

from batch.config import AccountConfig, ChannelConfig
from batch.run import Run
from settlement.model.dates import Calendar
from settlement.model.frames import INSTANT
from settlement.model.money import format_yuan
from settlement.model.outcomes import DISCREPANCY_ZH
from settlement.model.report import CellKind, Column, Report, Table
from settlement.reconciliation.balance import OPEN_ITEM, BalanceReconciliation
from settlement.store import intake, ledger, reconcile, reference
from settlement.store import recon_reports as rows

SYSTEM = "系统"
EVENT_ZH = {
    "auto_closed": "自动销账",
    "explained": "说明",
    "suspense": "挂账",
    "adjusted": "调账",
    "written_off": "核销",
    "reopened": "重开",
}
_TYPES: dict[CellKind, Any] = {
    "text": pl.String,
    "money": pl.Int64,
    "count": pl.Int64,
    "date": pl.Date,
    "instant": INSTANT,
    "ppm": pl.Int64,
}


def _frame(columns: tuple[Column, ...], data: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(data, schema={column.name: _TYPES[column.kind] for column in columns})


# --- 日对账报告 ----------------------------------------------------------------------------------------------------

_DAILY = (
    Column("business_date", "对账日期", "date"),
    Column("channel", "渠道"),
    Column("files", "文件名"),
    Column("ours", "我方笔数", "count", total=True),
    Column("ours_fen", "我方金额", "money", total=True),
    Column("theirs", "对方笔数", "count", total=True),
    Column("theirs_fen", "对方金额", "money", total=True),
    Column("balanced", "平账笔数", "count", total=True),
    Column("balanced_fen", "平账金额", "money", total=True),
    Column("over", "长款笔数", "count", total=True),
    Column("over_fen", "长款金额", "money", total=True),
    Column("short", "短款笔数", "count", total=True),
    Column("short_fen", "短款金额", "money", total=True),
    Column("amount", "金额不符笔数", "count", total=True),
    Column("difference_fen", "差额", "money", total=True),
    Column("status", "状态不符笔数", "count", total=True),
    Column("doubled", "重复笔数", "count", total=True),
    Column("suspense", "挂账笔数", "count", total=True),
    Column("suspense_fen", "挂账金额", "money", total=True),
    Column("result", "对账结果"),
    Column("maker", "对账人"),
    Column("checker", "复核人"),
)
_BRIDGE = (
    Column("channel", "渠道/账户"),
    Column("opening", "期初笔数", "count", total=True),
    Column("opening_fen", "期初差额", "money", total=True),
    Column("new", "新增笔数", "count", total=True),
    Column("new_fen", "新增差额", "money", total=True),
    Column("closed", "销账笔数", "count", total=True),
    Column("closed_fen", "销账差额", "money", total=True),
    Column("closing", "期末笔数", "count", total=True),
    Column("closing_fen", "期末差额", "money", total=True),
)
_WITHOUT_COLUMN = ("AMBIGUOUS", "OVERCLAIMED", "OVER_REFUND", "ORPHAN")


def daily_report(connection: Connection, run: Run) -> Report:
    """日对账报告: one row per channel, and the bridge of open discrepancies."""
    day = run.business_date
    opened = {(row["channel"], row["kind"]): row for row in rows.opened(connection, day).iter_rows(named=True)}
    bridge = rows.bridge(connection, day)
    suspense = {row["channel"]: (row["suspense"], row["suspense_fen"]) for row in bridge.iter_rows(named=True)}
    lines: list[dict[str, Any]] = []
    checks: list[tuple[str, int]] = []
    for channel in run.config.channels:
        line, residuals = _channel_line(connection, run, channel, opened, suspense.get(channel.name, (0, 0)))
        lines.append(line)
        checks += residuals
    titles = _titles(run)
    shown = bridge.with_columns(pl.col("channel").replace(titles)).select([column.name for column in _BRIDGE])
    return Report(
        code="daily",
        title="日对账报告",
        business_date=day,
        tables=(Table("日对账报告", _DAILY, _frame(_DAILY, lines), _DIRECTIONS), Table("差错结转", _BRIDGE, shown)),
        head=(("对账日期", day.isoformat()), *_chain(connection, day)),
        checks=(*checks, *_bridge_checks(bridge)),
        timezone=run.config.programme.timezone,
    )


_DIRECTIONS = (
    "长款: 对方有我方无; 短款: 我方有对方无",
    "金额以会员实付计, 消费为正, 退货、撤销、冲正为负; 差额 = 我方 − 对方",
    "待对方文件: 对方当日未送清算文件, 该渠道当日不对账, 补贴暂缓",
)


def _chain(connection: Connection, day: date) -> list[tuple[str, str]]:
    """The head of the chain of closed days, so that what is printed fixes what was closed."""
    last = rows.last_close(connection, day)
    return [("上一日结存证", f"{last[0]} {last[1]}")] if last else []


def _channel_line(
    connection: Connection,
    run: Run,
    channel: ChannelConfig,
    opened: dict[tuple[str, str], dict[str, Any]],
    suspense: tuple[int, int],
) -> tuple[dict[str, Any], list[tuple[str, int]]]:
    """(the channel's row, its checks): each side's total is its pairs and its discrepancies, nothing beside."""
    day, name = run.business_date, channel.name
    came, before = reconcile.file_nights(connection, channel.theirs, day)
    sides = {
        which: rows.side(connection, which, source, channel.rail, name, before, day)
        for which, source in (("ours", channel.ours), ("theirs", channel.theirs))
    }
    count, fen = rows.balanced(connection, name, day)

    def of(kind: str, column: str = "count") -> int:
        return int(opened[name, kind][column]) if (name, kind) in opened else 0

    line = {
        "business_date": day,
        "channel": channel.title,
        "files": "、".join(
            [*rows.file_names(connection, channel.ours, day), *rows.file_names(connection, channel.theirs, day)]
        ),
        "ours": sides["ours"]["items"],
        "ours_fen": sides["ours"]["fen"],
        "theirs": sides["theirs"]["items"],
        "theirs_fen": sides["theirs"]["fen"],
        "balanced": count,
        "balanced_fen": fen,
        "over": of("THEIRS_ONLY"),
        "over_fen": of("THEIRS_ONLY", "theirs_fen"),
        "short": of("OURS_ONLY"),
        "short_fen": of("OURS_ONLY", "ours_fen"),
        "amount": of("AMOUNT_MISMATCH"),
        "difference_fen": of("AMOUNT_MISMATCH", "difference_fen"),
        "status": of("STATUS_MISMATCH"),
        "doubled": of("DUPLICATE") + rows.doubled_rows(connection, channel.ours, channel.rail, day),
        "suspense": suspense[0],
        "suspense_fen": suspense[1],
        "result": _result(opened, name, came=came),
        "maker": SYSTEM,
        "checker": "",
    }
    if not came:
        return line, []
    checks = [
        (f"{channel.title}: {zh}金额 − 勾对 − 差错", side["fen"] - side["paired_fen"] - side["named_fen"])
        for zh, side in (("我方", sides["ours"]), ("对方", sides["theirs"]))
    ]
    return line, checks


def _result(opened: dict[tuple[str, str], dict[str, Any]], channel: str, *, came: bool) -> str:
    if not came:
        return "待对方文件"
    kinds = {kind: row["count"] for (name, kind), row in opened.items() if name == channel}
    if not kinds:
        return "平账"
    others = [f"{DISCREPANCY_ZH[kind]}{kinds[kind]}" for kind in _WITHOUT_COLUMN if kind in kinds]
    told = f"({'、'.join(others)})" if others else ""
    return f"差错{sum(kinds.values())}笔{told}"


def _bridge_checks(bridge: pl.DataFrame) -> list[tuple[str, int]]:
    """What opening + new − closed − closing leaves, in number and in fen."""
    sums = {name: int(bridge[name].sum()) for name in bridge.columns if name != "channel"}
    return [
        (f"期初 + 新增 − 销账 − 期末({unit})", sums[f"opening{end}"] + sums[f"new{end}"] - sums[f"closed{end}"]
         - sums[f"closing{end}"])
        for unit, end in (("笔数", ""), ("差额", "_fen"))
    ]  # fmt: skip


def _titles(run: Run) -> dict[str, str]:
    """Channel or account name to its title."""
    named = {account.name: account.title for account in run.config.accounts}
    return named | {channel.name: channel.title for channel in run.config.channels}


# --- 差错明细表 ----------------------------------------------------------------------------------------------------

_DETAIL = (
    Column("discrepancy_id", "差错编号"),
    Column("kind", "差错类型"),
    Column("channel", "渠道"),
    Column("clearing_date", "清算日期", "date"),
    Column("occurred_at", "交易时间", "instant"),
    Column("reference", "参考号"),
    Column("ours_fen", "我方金额", "money", total=True),
    Column("theirs_fen", "对方金额", "money", total=True),
    Column("difference_fen", "差额", "money", total=True),
    Column("ours_status", "我方状态"),
    Column("theirs_status", "对方状态"),
    Column("way", "处理方式"),
    Column("state", "处理状态"),
    Column("age", "账龄(天)", "count"),
    Column("actor", "经办"),
    Column("checker", "复核"),
    Column("event_date", "处理时间", "date"),
    Column("detail", "说明"),
)


def discrepancy_report(connection: Connection, run: Run) -> Report:
    """差错明细表: what is open at the end of the night, and what was closed in it."""
    day = run.business_date
    calendar = reference.calendar(connection, run.last_import)
    found = rows.details(connection, day)
    frame = detail_frame(found, day, calendar, _titles(run))
    bridge = rows.bridge(connection, day)
    still_open = int((frame["state"] != "已销账").sum())
    nets = [int(frame[name].sum()) for name in ("ours_fen", "theirs_fen", "difference_fen")]
    return Report(
        code="discrepancies",
        title="差错明细表",
        business_date=day,
        tables=(Table("差错明细表", _DETAIL, frame, ("账龄按银行工作日计; 未处理与挂账全部列出, 已销账仅列当日",)),),
        checks=(
            ("我方金额 − 对方金额 − 差额", nets[0] - nets[1] - nets[2]),
            ("未销账笔数 − 日对账报告期末笔数", still_open - int(bridge["closing"].sum())),
        ),
        timezone=run.config.programme.timezone,
    )


def detail_frame(found: pl.DataFrame, day: date, calendar: Calendar, titles: dict[str, str]) -> pl.DataFrame:
    """The printed columns of recon_reports.DETAIL rows as of `day`."""
    ages = {opened: calendar.workdays_between(opened, day) for opened in found["business_date"].unique()}
    closed = pl.col("event").is_in(reconcile.CLOSING).fill_null(value=False)
    state = pl.when(closed).then(pl.lit("已销账")).when(pl.col("event") == "suspense").then(pl.lit("挂账中"))
    told = pl.when(pl.col("reason").is_not_null()).then(pl.format("{} | {}", "detail", "reason")).otherwise("detail")
    actor = pl.when(pl.col("actor") == "night").then(pl.lit(SYSTEM)).otherwise(pl.col("actor").fill_null(""))
    return found.with_columns(
        pl.col("kind").replace(DISCREPANCY_ZH),
        pl.col("channel").replace(titles),
        pl.col("reference", "ours_status", "theirs_status", "checker").fill_null(""),
        way=pl.col("event").replace(EVENT_ZH).fill_null(""),
        state=state.otherwise(pl.lit("未处理")),
        age=pl.col("business_date").replace_strict(ages, default=0, return_dtype=pl.Int64),
        actor=actor,
        detail=told,
    ).select([column.name for column in _DETAIL])


# --- 银行存款余额调节表 --------------------------------------------------------------------------------------------

_BALANCE = (
    Column("item", "项目"),
    Column("day", "日期", "date"),
    Column("reference", "凭证号/流水号"),
    Column("summary", "摘要"),
    Column("amount_fen", "金额", "money"),
    Column("age_days", "未达天数", "count"),
)


def balance(connection: Connection, run: Run, account: AccountConfig) -> BalanceReconciliation:
    """The ledger's bank account against the newest statement at the end of the night; call it after `post`."""
    day = run.business_date
    bank = rows.bank_only(connection, account.name, day)
    ours = rows.ledger_only(connection, account.name, account.ledger_account, day)
    _, closing = intake.last_statement(connection, account.name, account.first_opening_fen, day)
    return BalanceReconciliation(
        ledger_fen=ledger.account_balance(connection, account.ledger_account, day),
        bank_fen=closing,
        bank_received=_open_items(bank, day, 1),
        bank_paid=_open_items(bank, day, -1),
        we_received=_open_items(ours, day, 1),
        we_paid=_open_items(ours, day, -1),
    )


def _open_items(items: pl.DataFrame, day: date, sign: int) -> pl.DataFrame:
    """Items of one direction with their amount above 0 and their age in days."""
    picked = items.filter(pl.col("amount_fen") * sign > 0)
    age = (pl.lit(day, pl.Date) - pl.col("day")).dt.total_days()
    return picked.with_columns(pl.col("amount_fen") * sign, age_days=age.cast(pl.Int64)).select(list(OPEN_ITEM))


def balance_report(connection: Connection, run: Run, account: AccountConfig) -> Report:
    """银行存款余额调节表 of one account."""
    found = balance(connection, run, account)
    newest, _ = intake.last_statement(connection, account.name, account.first_opening_fen, run.business_date)
    count, fen = rows.in_transit(connection, run.business_date)
    statement = f"对账单日期 {newest}" if newest else "尚无对账单, 以期初余额计"
    lines = [_balance_line("单位银行存款日记账余额", found.ledger_fen, f"科目 {account.ledger_account}")]
    lines += _item_lines("加: 银行已收单位未收", found.bank_received)
    lines += _item_lines("减: 银行已付单位未付", found.bank_paid)
    lines += [_balance_line("调节后余额(单位)", found.adjusted_ledger_fen, "")]
    lines += [_balance_line("银行对账单余额", found.bank_fen, statement)]
    lines += _item_lines("加: 单位已收银行未收", found.we_received)
    lines += _item_lines("减: 单位已付银行未付", found.we_paid)
    lines += [_balance_line("调节后余额(银行)", found.adjusted_bank_fen, "")]
    return Report(
        code=f"balance-{account.name}",
        title="银行存款余额调节表",
        business_date=run.business_date,
        tables=(
            Table(
                "银行存款余额调节表",
                _BALANCE,
                _frame(_BALANCE, lines),
                (f"付款在途 {count} 笔 {format_yuan(fen)} 元: 已发出而银行未答复, 记在付款在途科目, 未减银行存款",),
            ),
        ),
        head=(("账户", account.title), ("日期", run.business_date.isoformat())),
        checks=(("调节后余额(单位) − 调节后余额(银行)", found.residual_fen),),
        timezone=run.config.programme.timezone,
    )


def _balance_line(item: str, fen: int, summary: str) -> dict[str, Any]:
    return {"item": item, "day": None, "reference": "", "summary": summary, "amount_fen": fen, "age_days": None}


def _item_lines(item: str, items: pl.DataFrame) -> list[dict[str, Any]]:
    """The items of one list; a list without items is one line of 0.00, so that all four are seen."""
    if items.is_empty():
        return [_balance_line(item, 0, "无")]
    return [{"item": item, **row} for row in items.iter_rows(named=True)]
