"""A small statement and report, made by formula; card numbers appear masked only."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from settlement.model.report import (
    DETAIL_COLUMNS,
    HELD_COLUMNS,
    STATEMENT_COLUMNS,
    Column,
    Report,
    StatementDocument,
    Table,
)

DAY = date(2026, 5, 7)
TYPES: dict[str, Any] = {
    "text": pl.String,
    "money": pl.Int64,
    "count": pl.Int64,
    "ppm": pl.Int64,
    "date": pl.Date,
    "instant": pl.Datetime("us", "UTC"),
}


def frame(columns: tuple[Column, ...], rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={column.name: TYPES[column.kind] for column in columns}, orient="row")


def line(place: int, scale: int = 1) -> tuple[object, ...]:
    title = ("观前街商圈满158减20", "周五电影1元购", "早餐一元公交立减 guanqian-2026")[place % 3]
    subsidy, share = (20_000 + 3 * place) * scale, (4_000 + place) * scale
    sale, paid, due = (1_812_345 + place * 977) * scale, (1_712_345 + place) * scale, subsidy - share
    return (
        DAY - timedelta(days=place // 3), title, 120 + place, sale, place % 4, -15_800 * (place % 4) * scale,
        paid, subsidy, share, 0, 0, 0, due, due,
    )  # fmt: skip


def detail_line(place: int) -> tuple[object, ...]:
    back = place % 9 == 0
    sign = -1 if back else 1
    return (
        place + 1, DAY, datetime(2026, 5, 7, 3, place % 60, 7, tzinfo=UTC), "松鹤楼（观前店）", f"0512{place:04d}",
        f"{place * 37 % 1_000_000:06d}", f"6127{place * 911:08d}", f"621226*********{place % 10_000:04d}",
        "退货" if back else "消费", sign * (15_800 + place), sign * 2_000, sign * 13_800, "guanqian-full158-2026", 3,
        "苏州市总工会 60% 商户 40%", f"6127{place + 5:08d}" if back else None, "隔日退货" if back else None,
    )  # fmt: skip


def held_line(place: int) -> tuple[object, ...]:
    reason = "短款：我方有、银行无；待次日清算文件核对"
    return (DAY, f"612700001{place:03d}", "guanqian-full158-2026", 2_000, reason, DAY + timedelta(days=1))


def statement(lines: int = 3, detail: int = 5, held: int = 2, *, scale: int = 1, **changed: Any) -> StatementDocument:
    """A statement with that many rows; `changed` replaces fields."""
    values: dict[str, Any] = {
        "number": "SZPH2026000123",
        "head": (
            ("结算单号", "SZPH2026000123"),
            ("商户编号", "M3205000017"),
            ("商户名称", "苏州松鹤楼菜馆有限公司"),
            ("结算账号(掩码)", "6222****1234"),
            ("状态", "已批准"),
        ),
        "lines": frame(STATEMENT_COLUMNS, [line(place, scale) for place in range(lines)]),
        "detail": frame(DETAIL_COLUMNS, [detail_line(place) for place in range(detail)]),
        "held": frame(HELD_COLUMNS, [held_line(place) for place in range(held)]),
        "foot": (("应开票金额", "1,234.00"), ("制单", "王会计"), ("复核", ""), ("商户确认(签章)", "")),
        "digest": "",
        "business_date": DAY,
        "notes": ("结算账户自 2026-05-01 起变更，由第二人复核。",),
    }
    return StatementDocument(**(values | changed))


COLUMNS = (
    Column("item", "差错编号"),
    Column("account", "账号"),
    Column("day", "清算日期", "date"),
    Column("at", "交易时间", "instant"),
    Column("count", "笔数", "count", total=True),
    Column("fen", "差额", "money", total=True),
    Column("ppm", "执行率", "ppm"),
)


def report(rows: list[tuple[object, ...]] | None = None, **changed: Any) -> Report:
    """A report of one table with a column of each kind."""
    if rows is None:
        at = datetime(2026, 5, 7, 16, 30, 1, tzinfo=UTC)
        rows = [
            ("D1", "0012345678901234567", DAY, at, 1, 123_456_789, 333_333),
            ("=1+1", "-12", DAY, at, 2, -5, 500_000),
            (None, None, None, None, None, None, None),
        ]
    values: dict[str, Any] = {
        "code": "discrepancies",
        "title": "差错明细表",
        "business_date": DAY,
        "tables": (Table("差错", COLUMNS, frame(COLUMNS, rows)),),
        "head": (("渠道", "POS"),),
        "checks": (("期初 + 新增 − 销账 − 期末", 0),),
    }
    return Report(**(values | changed))
