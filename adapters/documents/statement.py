"""A settlement statement as a workbook: 结算单, 明细 (every transaction), 暂缓 (held awards)."""

from __future__ import annotations

from adapters.documents.cells import grouped, totals
from adapters.documents.digest import canonical_digest
from adapters.documents.workbook import Sheet, workbook
from settlement.model.money import format_yuan, upper_rmb
from settlement.model.report import DETAIL_COLUMNS, HELD_COLUMNS, STATEMENT_COLUMNS, StatementDocument

TITLE = "会员普惠补贴结算单"
COMPUTED = ("合计", "大写金额")


def settled_total(document: StatementDocument) -> int:
    """The sum of 实结金额 in fen: what this statement pays."""
    return totals(document.lines, STATEMENT_COLUMNS)["settled_fen"]


def foot_lines(document: StatementDocument) -> tuple[tuple[str, str], ...]:
    """The foot without 合计 and 大写金额, which are computed from the lines; an assert where it says otherwise."""
    settled = settled_total(document)
    for label, value in document.foot:
        assert label != "大写金额" or value == upper_rmb(settled), "大写金额 is not the total of the lines"
    return tuple(line for line in document.foot if line[0] not in COMPUTED)


def digest_lines(document: StatementDocument) -> tuple[tuple[str, str], ...]:
    """The digests a statement prints: of its printed content, and the stored one where that is of other rows."""
    content = canonical_digest(document)
    printed = (("内容摘要 SHA-256", content),)
    stored = (("结算数据摘要 SHA-256", document.digest),)
    return printed if document.digest in {"", content} else printed + stored


def _below(document: StatementDocument) -> tuple[str, ...]:
    settled = settled_total(document)
    return (
        f"实结金额合计：{grouped(format_yuan(settled))} 元",
        f"大写金额：{upper_rmb(settled)}",
        *(f"{label}：{value}" for label, value in foot_lines(document)),
        *document.notes,
        *(f"{label}：{value}" for label, value in digest_lines(document)),
    )


def statement_xlsx(document: StatementDocument) -> bytes:
    """The statement as .xlsx with all its lines. Equal documents give equal bytes.

    Raises TryAgain where the temporary folder cannot be written.
    """
    zone = document.timezone
    number = (("结算单号", document.number),)
    lines = Sheet("结算单", TITLE, STATEMENT_COLUMNS, document.lines, zone, head=document.head, below=_below(document))
    detail = Sheet("明细", "交易明细", DETAIL_COLUMNS, document.detail, zone, head=number)
    held = Sheet("暂缓", "暂缓结算（不计入本期应结金额）", HELD_COLUMNS, document.held, zone, head=number)
    return workbook(f"{TITLE} {document.number}", document.business_date, [lines, detail, held])
