"""What is printed, as values: reports of tables and settlement statements, before any file format.

One value serves the workbook, the CSV and the page, so that they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import polars as pl

CellKind = Literal["text", "money", "count", "date", "instant", "ppm"]


@dataclass(frozen=True, slots=True)
class Column:
    """One printed column: `name` in the frame, Chinese `heading`, and how its cells are shown.

    money: Int64 fen shown as yuan with two decimals; count: Int64; ppm: Int64 parts per million shown as a percentage;
    date: Date; instant: Datetime UTC shown in the report's zone; text: String, never a formula or a number.
    """

    name: str
    heading: str
    kind: CellKind = "text"
    total: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of a table's own cells: `series` are its columns, `by` the column along the axis.

    `first` and `count` are the rows that are drawn (count 0: to the end).
    """

    title: str
    kind: Literal["line", "column"]
    by: str
    series: tuple[str, ...]
    first: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a report: `frame` has exactly the columns' names; a total row is computed for `total` columns."""

    title: str
    columns: tuple[Column, ...]
    frame: pl.DataFrame
    notes: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A report finance staff read: the first table is the one its CSV holds.

    `head` are label/value lines above the tables; `checks` are (label, residual fen) lines that must be 0.00.
    """

    code: str
    title: str
    business_date: date
    tables: tuple[Table, ...]
    head: tuple[tuple[str, str], ...] = ()
    checks: tuple[tuple[str, int], ...] = ()
    timezone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class StatementDocument:
    """One 结算单 as settlement.md "Cycles, statements, payouts" prints it.

    `head` is the ordered heading/value lines (账号 masked); `lines` has the columns of STATEMENT_COLUMNS; `detail`
    those of DETAIL_COLUMNS; `held` those of HELD_COLUMNS; `foot` ordered label/value lines (合计 is computed from
    `lines`). `digest` is the SHA-256 of the statement's canonical content that anyone can check.
    """

    number: str
    head: tuple[tuple[str, str], ...]
    lines: pl.DataFrame
    detail: pl.DataFrame
    held: pl.DataFrame
    foot: tuple[tuple[str, str], ...]
    digest: str
    business_date: date
    notes: tuple[str, ...] = field(default=())
    timezone: str = "Asia/Shanghai"


STATEMENT_COLUMNS: tuple[Column, ...] = (
    Column("clearing_date", "清算日期", "date"),
    Column("scheme_title", "活动名称"),
    Column("sale_count", "交易笔数", "count", total=True),
    Column("sale_fen", "交易金额", "money", total=True),
    Column("refund_count", "退货笔数", "count", total=True),
    Column("refund_fen", "退货金额", "money", total=True),
    Column("paid_fen", "会员实付金额", "money", total=True),
    Column("subsidy_fen", "补贴金额", "money", total=True),
    Column("merchant_share_fen", "其中:商户承担", "money", total=True),
    Column("fee_fen", "手续费", "money", total=True),
    Column("adjustment_fen", "调账金额", "money", total=True),
    Column("brought_fen", "上期结转", "money", total=True),
    Column("due_fen", "应结金额", "money", total=True),
    Column("settled_fen", "实结金额", "money", total=True),
)

DETAIL_COLUMNS: tuple[Column, ...] = (
    Column("number", "序号", "count"),
    Column("clearing_date", "清算日期", "date"),
    Column("occurred_at", "交易时间", "instant"),
    Column("store", "门店"),
    Column("terminal_no", "终端号"),
    Column("stan", "系统跟踪号"),
    Column("rrn", "参考号"),
    Column("card_masked", "卡号(掩码)"),
    Column("kind", "交易类型"),
    Column("gross_fen", "交易金额", "money", total=True),
    Column("subsidy_fen", "补贴金额", "money", total=True),
    Column("paid_fen", "实付金额", "money", total=True),
    Column("scheme", "活动编号"),
    Column("version", "规则版本", "count"),
    Column("sponsors", "出资方"),
    Column("original_rrn", "原交易参考号"),
    Column("remark", "备注"),
)

HELD_COLUMNS: tuple[Column, ...] = (
    Column("clearing_date", "清算日期", "date"),
    Column("rrn", "参考号"),
    Column("scheme", "活动编号"),
    Column("subsidy_fen", "补贴金额", "money", total=True),
    Column("reason", "暂缓原因"),
    Column("expected_date", "预计结算日期", "date"),
)
