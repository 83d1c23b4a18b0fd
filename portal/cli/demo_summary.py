"""The end of the demonstration: what happened per night, in words a finance person uses, and where the files are."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from portal.cli.common import print_rows
from settlement.model.money import format_yuan
from settlement.model.outcomes import DISCREPANCY_ZH

WEEKDAYS = "一二三四五六日"
BUDGET = "city-budget"


def print_summary(home: Path, days: list[date]) -> None:
    """Prints the table of nights, the discrepancies by kind, and the folders."""
    from batch.documents import programme_in_force
    from portal.session import open_session
    from settlement.store import reference, summary

    with open_session(home) as session, session.database.engine.connect() as connection:
        rows = summary.nights(connection, days)
        found = summary.discrepancies(connection, days)
        programme = programme_in_force(connection, session.config.programme.name, reference.last_import(connection))
        budget = next(pool.value for pool in programme.pools if pool.name == BUDGET)
        left = [budget - summary.pool_used(connection, BUDGET, row["date"]) for row in rows]
    print(f"\n{programme.title}  每晚汇总")
    print_rows(
        (
            "业务日期",
            "星期",
            "文件",
            "未收文件",
            "交易笔数",
            "补贴净额(元)",
            "结算单",
            "付款笔数",
            "付款金额(元)",
            "预算余额(元)",
            "日结",
        ),
        [
            (
                row["date"],
                WEEKDAYS[row["date"].weekday()],
                row["files"],
                "、".join(f"{status} {count}" for status, count in row["statuses"].items() if status != "ACCEPTED"),
                row["transactions"],
                format_yuan(row["subsidy_fen"]),
                row["statements"],
                row["payouts"],
                format_yuan(row["payout_fen"]),
                format_yuan(rest),
                "已结" if row["closed"] else "未结",
            )
            for row, rest in zip(rows, left, strict=True)
        ],
    )
    kinds = sorted({kind for _, kind, _ in found}, key=list(DISCREPANCY_ZH).index)
    counts = {(day, kind): count for day, kind, count in found}
    print("\n差错(新增)")
    print_rows(
        ("差错类型", *[f"{day:%m-%d}" for day in days]),
        [(DISCREPANCY_ZH[kind], *[counts.get((day, kind), "") for day in days]) for kind in kinds],
    )
    print("\n文件在哪里")
    print_rows(
        ("文件夹", "内容"),
        [
            (f"{home}/out/<日期>/reports", "日对账报告、差错明细表、余额调节表、预算执行表 (xlsx, csv)"),
            (f"{home}/out/<日期>/statements", "结算单 (pdf, xlsx)"),
            (f"{home}/out/<日期>/close.json", "日结记录, 逐日成链"),
            (f"{home}/exchange/<银行>/out", "回执 .ack, 付款文件 .xml 与 .ok"),
            (f"{home}/archive", "原始文件, 加密"),
        ],
    )
