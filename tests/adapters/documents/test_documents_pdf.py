"""Statement PDF: every figure is text in it, it is the same twice, and its digest can be checked."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pypdf
import pytest

from adapters.documents import canonical_content, canonical_digest, statement_pdf
from adapters.documents import pdf as module
from adapters.documents.cells import cell_texts, grouped, total_texts
from adapters.documents.fonts import drawable
from adapters.documents.statement import settled_total
from settlement.model.money import upper_rmb
from settlement.model.report import DETAIL_COLUMNS, HELD_COLUMNS, STATEMENT_COLUMNS, StatementDocument
from tests.adapters.documents.examples import statement

ROOT = Path(__file__).resolve().parents[3]


def reader(document: StatementDocument) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(statement_pdf(document)))


def text_of(document: StatementDocument) -> str:
    """All text without blanks and line ends, as a cell may be broken into lines."""
    return "".join("".join(page.extract_text() for page in reader(document).pages).split())


def figures(document: StatementDocument) -> set[str]:
    found = {value for pair in (*document.head, *document.foot) for value in pair}
    for frame, columns in (
        (document.lines, STATEMENT_COLUMNS),
        (document.detail, DETAIL_COLUMNS),
        (document.held, HELD_COLUMNS),
    ):
        texts = cell_texts(frame, columns, document.timezone)
        rows = [*texts.rows(), total_texts(frame, columns)]
        for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
            found.add(column.heading)
            found.update((grouped(t or "") if column.total else t or "") for t in cells)
    return {"".join(text.split()) for text in found}


def test_every_figure_is_text_in_the_pages() -> None:
    document = statement(lines=9, detail=60, held=3)
    text = text_of(document)
    assert [figure for figure in sorted(figures(document)) if figure not in text] == []
    assert upper_rmb(settled_total(document)) in text
    assert canonical_digest(document) in text


def test_long_amounts_stay_whole() -> None:
    document = statement(lines=3, detail=0, scale=10**9)
    lines = "\n".join(page.extract_text() for page in reader(document).pages).split()
    for total in total_texts(document.lines, STATEMENT_COLUMNS):
        assert grouped(total) in lines if total not in {"", "合计"} else True


def test_pages_are_numbered_and_heads_repeat() -> None:
    pages = ["".join(page.extract_text().split()) for page in reader(statement(detail=150)).pages]
    assert len(pages) > 3
    assert all(f"第{place}页共{len(pages)}页" in page for place, page in enumerate(pages, 1))
    assert all("系统跟踪号" in page and "原交易参考号" in page for page in pages[1:])


def test_equal_statements_give_equal_bytes_in_another_process_too() -> None:
    first = statement_pdf(statement(detail=30))
    assert statement_pdf(statement(detail=30)) == first
    code = (
        "import sys, hashlib; from adapters.documents import statement_pdf;"
        "from tests.adapters.documents.examples import statement;"
        "sys.stdout.write(hashlib.sha256(statement_pdf(statement(detail=30))).hexdigest())"
    )
    unwritable = {"HOME": "/nonexistent", "XDG_CACHE_HOME": "/proc/nowhere", "TZ": "America/New_York", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=unwritable | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == hashlib.sha256(first).hexdigest()


def test_another_business_date_gives_other_bytes() -> None:
    assert statement_pdf(statement()) != statement_pdf(
        statement(business_date=statement().business_date.replace(day=8))
    )


def test_attachment_is_the_content_that_the_digest_names() -> None:
    document = statement()
    attached = reader(document).attachments["statement.json"][0]
    assert attached == canonical_content(document)
    assert hashlib.sha256(attached).hexdigest() == canonical_digest(document)


def test_stored_digest_is_printed_where_it_is_another_one() -> None:
    stored = "ab" * 32
    assert stored in text_of(statement(digest=stored))
    assert "结算数据摘要" not in text_of(statement(digest=canonical_digest(statement())))


def test_fonts_are_embedded() -> None:
    fonts = set()
    for page in reader(statement()).pages:
        resources: Any = page["/Resources"]
        for font in resources["/Font"].values():
            face = font["/DescendantFonts"][0].get_object()
            assert "/FontFile3" in face["/FontDescriptor"]
            fonts.add(face["/BaseFont"].partition("+")[2])
    assert {name.removesuffix("-Identity-H") for name in fonts} == {"NotoSansCJKsc-Regular", "NotoSansCJKsc-Bold"}


def test_the_file_says_that_it_is_made_for_archives() -> None:
    root: Any = reader(statement()).trailer["/Root"]
    metadata = root["/Metadata"].get_object().get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>B</pdfaid:conformance>" in metadata
    assert "/OutputIntents" in root


def test_a_rare_character_is_never_lost() -> None:
    rare, known = "\U00020000", "\U00020bb7"  # 𠀀 is in no Noto face of this size; 𠮷 is drawn
    text = text_of(statement(head=(("商户名称", f"{known}野{rare}记\x07"),)))
    assert f"{known}野〔U+20000〕记〔U+0007〕" in text
    assert "字体没有的字符" in text
    assert "字体没有的字符" not in text_of(statement())
    assert drawable("苏州ＡＢ①￥㐂龘") == "苏州ＡＢ①￥㐂龘"


def test_text_is_never_markup() -> None:
    trap = '#panic("x") $x$ *b* _i_ <a> @b \\ // "q" `c` = h'
    text = text_of(statement(notes=(trap,), head=(("商户名称", trap),)))
    assert text.count("".join(trap.split())) == 2


def test_a_long_code_is_broken_inside_its_cell() -> None:
    document = statement(detail=3)
    long = replace(document, detail=document.detail.with_columns(store=pl.lit("X" * 70)))
    pages = [page.extract_text() for page in reader(long).pages]
    assert "".join(pages).count("X") == 3 * 70
    assert max(word.count("X") for word in "".join(pages).split()) < 40


def test_more_detail_than_is_printed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DETAIL_LINES", 4)
    text = text_of(statement(detail=5))
    assert "交易明细（5笔）" in text
    assert "超过4笔，不在此打印" in text
    assert len(reader(statement(detail=5)).pages) == 1


def test_empty_tables_are_said_in_words() -> None:
    text = text_of(statement(lines=0, detail=0, held=0))
    assert "本期无结算项目" in text
    assert "本期无暂缓项目" in text
    assert "本期无交易明细" in text
    assert "人民币零元整" in text


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_foot_of_any_length(count: int) -> None:
    text = text_of(statement(foot=tuple((f"签字栏{place}", f"值{place}") for place in range(count))))
    assert all(f"签字栏{place}" in text and f"值{place}" in text for place in range(count))


def test_a_foot_that_contradicts_the_lines_is_a_programmers_error() -> None:
    with pytest.raises(AssertionError, match="大写金额"):
        statement_pdf(statement(foot=(("大写金额", "人民币壹元整"),)))


def test_threads_take_turns() -> None:
    expected = statement_pdf(statement())
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(statement_pdf(statement()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is missing: apt-get install poppler-utils")
def test_pdftotext_finds_the_figures(tmp_path: Path) -> None:
    document = statement(lines=9, detail=40)
    path = tmp_path / "statement.pdf"
    path.write_bytes(statement_pdf(document))
    done = subprocess.run(["pdftotext", str(path), "-"], capture_output=True, check=True)
    text = "".join(done.stdout.decode().split())
    assert [figure for figure in sorted(figures(document)) if figure not in text] == []
