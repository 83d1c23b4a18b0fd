"""Widths and line breaks: nothing is lost, nothing is wider than its column."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from adapters.documents import canonical_content, canonical_digest
from adapters.documents.cells import grouped
from adapters.documents.fonts import REGULAR, advances
from adapters.documents.typesetting import BOLD, EM, PADDING, set_table, text_width, wrapped
from settlement.model.report import StatementDocument
from tests.adapters.documents.examples import statement

CELLS = st.text(alphabet="苏州，。（）ab 0123456789-_.,W", max_size=40)


def test_widths_are_the_fonts_own() -> None:
    assert text_width("苏州") == 2 * EM
    assert text_width("0") == 555
    assert len(advances(REGULAR.read_bytes())) > 31_000


@given(CELLS, st.integers(min_value=EM, max_value=12 * EM))
def test_a_wrapped_text_is_whole_and_fits(text: str, width: int) -> None:
    lines = wrapped(text, width).split("\n")
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(text_width(line.rstrip(" ")) <= width for line in lines)


def test_lines_break_where_a_reader_expects() -> None:
    assert wrapped("guanqian-full158", 10 * 560) == "guanqian-\nfull158"
    assert wrapped("短款：我方有，银行无", 6 * EM) == "短款：我方\n有，银行无"
    assert wrapped("X" * 5, 2 * 600) == "XX\nXX\nX"


@given(
    st.lists(st.tuples(CELLS, st.from_regex(r"-?[0-9]{1,13}\.[0-9]{2}", fullmatch=True), CELLS), max_size=8),
    st.integers(min_value=2_000, max_value=8_000),
)
def test_a_table_fits_its_page_and_amounts_stay_whole(rows: list[tuple[str, str, str]], page: int) -> None:
    cells = [[first, grouped(amount), last] for first, amount, last in rows]
    total = ["合计", "1,234.56", ""]
    setting = set_table(["活动名称", "会员实付金额", "备注"], cells, total, [True, False, True], page)
    assert sum(setting.widths) * setting.size <= page * EM
    assert len(setting.rows) == len(setting.heights) == len(rows) + 2
    for place, row in enumerate(setting.rows):
        assert "\n" not in row[1] or place == 0
        bold = BOLD if place in {0, len(setting.rows) - 1} else 100
        for text, width in zip(row, setting.widths, strict=True):
            for line in text.split("\n"):
                assert text_width(line.rstrip(" ")) * bold <= (width - PADDING) * 100 + 100


def test_canonical_content_says_all_but_the_digest() -> None:
    document = statement()
    content = json.loads(canonical_content(document))
    assert sorted(content) == sorted(set(StatementDocument.__dataclass_fields__) - {"digest"})
    assert content["lines"][0]["settled_fen"] == document.lines["settled_fen"][0]
    assert content["detail"][0]["occurred_at"] == "2026-05-07T03:00:07+00:00"
    assert canonical_digest(document) == sha256(canonical_content(document)).hexdigest()
    assert canonical_digest(replace(document, digest="x")) == canonical_digest(document)
    assert canonical_digest(replace(document, notes=())) != canonical_digest(document)
    assert canonical_digest(replace(document, lines=document.lines.reverse())) != canonical_digest(document)
