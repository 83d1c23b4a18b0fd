"""A settlement statement as PDF, set by typst from a template in the tree, with fonts from the tree.

The data goes in as JSON text, so nothing in a name or a remark is ever read as markup. typst reads no system font, no
package and no clock: equal statements give equal bytes. The file is PDF/A-3b (ISO 19005-3), made to be archived; its
attachment `statement.json` is the statement's canonical content, whose SHA-256 is printed on it.

Tagged PDF is off: tags made the file of 200 lines sixteen times as large (659 kB for 40 kB) and seven times as slow.
"""

from __future__ import annotations

import json
from datetime import date
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import polars as pl
import typst

from adapters.documents.cells import cell_texts, grouped, total_texts
from adapters.documents.digest import canonical_content
from adapters.documents.fonts import FAMILY, FONT_FOLDER, drawable
from adapters.documents.statement import TITLE, digest_lines, foot_lines, settled_total
from adapters.documents.typesetting import Setting, set_table
from settlement.model.money import format_yuan, upper_rmb
from settlement.model.report import DETAIL_COLUMNS, HELD_COLUMNS, STATEMENT_COLUMNS, Column, StatementDocument

MOST_DETAIL_LINES = 5_000
RARE_NOTE = "〔U+…〕表示本文件的字体没有的字符，括号内是它的 Unicode 编号；工作簿和附件 statement.json 中是原字符。"
_TEMPLATE = Path(__file__).with_name("statement.typ")
_LOCK = Lock()  # one compiler per process is borrowed by one thread at a time
_EPOCH = date(1970, 1, 1).toordinal()
_NUMERIC = {"money", "count", "ppm"}
_PAGE_WIDTH = 7795  # tenths of a point: A4 landscape less the margins of statement.typ
_FREE = {"scheme_title", "reason", "store", "scheme", "sponsors", "remark"}  # free text, broken into lines


@lru_cache(maxsize=1)
def _compiler() -> tuple[typst.Compiler, bytes]:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONT_FOLDER)])
    template = _TEMPLATE.read_bytes()
    files: Any = {"main.typ": template}  # typst's stubs leave out the mapping of names to bytes
    return typst.Compiler(files, font_paths=fonts, ignore_system_fonts=True), template


def _compile(data: str, day: date) -> bytes:
    timestamp = (day.toordinal() - _EPOCH) * 86_400
    with _LOCK:
        compiler, template = _compiler()
        files: Any = {"main.typ": template, "data.json": data.encode()}
        pdf = compiler.compile(
            files,
            format="pdf",
            timestamp=timestamp,
            pdf_standards=["a-3b"],
            pdf_tags=False,
        )
    assert isinstance(pdf, bytes)
    return pdf


def _texts(frame: pl.DataFrame, columns: tuple[Column, ...], timezone: str) -> list[list[str]]:
    """The cells as printed, row by row: no nulls, thousands separators, nothing the font cannot draw."""
    texts = cell_texts(frame, columns, timezone)
    shown = []
    for column in columns:
        cells = [text or "" for text in texts[column.name]]
        if column.kind in {"money", "count"}:
            cells = [grouped(text) for text in cells]
        elif column.kind == "text":
            cells = [drawable(text) for text in cells]
        shown.append(cells)
    return [list(row) for row in zip(*shown, strict=True)]


def _listing(
    frame: pl.DataFrame, columns: tuple[Column, ...], timezone: str, largest: int = 75
) -> dict[str, object] | None:
    """What the template's `listing` takes; None for a table without rows."""
    if not frame.height:
        return None
    total = [
        grouped(text) if column.total else text
        for column, text in zip(columns, total_texts(frame, columns), strict=False)
    ]
    head = [column.heading for column in columns]
    free = [column.name in _FREE for column in columns]
    setting = set_table(head, _texts(frame, columns, timezone), total, free, _PAGE_WIDTH, largest)
    right = [column.kind in _NUMERIC for column in columns]
    return {name: getattr(setting, name) for name in Setting.__slots__} | {"right": right, "total": bool(total)}


def _detail(document: StatementDocument) -> dict[str, object]:
    """The detail pages; a line in their place where there is nothing, or so much that nobody would print it."""
    count = document.detail.height
    frame, words = document.detail, "本期无交易明细。"
    if count > MOST_DETAIL_LINES:
        frame = frame.clear()
        words = f"超过 {MOST_DETAIL_LINES:,} 笔，不在此打印；见同号工作簿的“明细”页和附件 statement.json。"
    return {
        "detail": _listing(frame, DETAIL_COLUMNS, document.timezone, largest=65),
        "detail-title": f"交易明细（{count:,} 笔）",
        "detail-words": words,
    }


def _pairs(lines: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [(drawable(label), drawable(value)) for label, value in lines]


def statement_pdf(document: StatementDocument) -> bytes:
    """The statement as PDF, A4 landscape: head, lines, 大写金额, held awards, notes, digests, then the detail pages.

    Up to MOST_DETAIL_LINES transactions are printed; beyond them the pages name the workbook. A character that the
    embedded font does not draw is printed as 〔U+20000〕 with a note. Equal documents give equal bytes.
    """
    zone = document.timezone
    settled = settled_total(document)
    digests = digest_lines(document)
    data: dict[str, object] = {
        "title": TITLE,
        "number": drawable(document.number),
        "author": "puhui-settlement",
        "date": document.business_date.isoformat(),
        "family": FAMILY,
        "footer": f"{digests[0][0]}：{digests[0][1]}",
        "head": _pairs(document.head),
        "lines": _listing(document.lines, STATEMENT_COLUMNS, zone),
        "words": upper_rmb(settled),
        "settled": grouped(format_yuan(settled)),
        "foot": _pairs(foot_lines(document)),
        "held": _listing(document.held, HELD_COLUMNS, zone),
        "digests": digests,
    }
    data |= _detail(document)
    notes = [drawable(note) for note in document.notes]
    shown = json.dumps([data, notes], ensure_ascii=False)
    data["notes"] = [*notes, RARE_NOTE] if "〔U+" in shown else notes
    data["content"] = canonical_content(document).decode()
    return _compile(json.dumps(data, ensure_ascii=False), document.business_date)
