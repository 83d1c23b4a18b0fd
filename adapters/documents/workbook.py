"""Sheets of a workbook (xlsxwriter, one row in memory at a time): head lines, one table with its total, lines below.

Text is text: a cell of text is never a formula, a link or a number, so account numbers keep their digits. Money is a
number of two decimals: a Decimal made from whole fen, whose digits are written as they are; up to 15 digits, which is
what a spreadsheet holds exactly, and as text beyond. The bytes depend on the data alone.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from adapters.documents.cells import TOTAL, cell_texts, label_place, ordered, totals
from settlement.model.errors import TryAgain
from settlement.model.money import format_yuan
from settlement.model.report import Chart, Column

EXACT = 10**15
MOST_ROWS = 1_000_000
_LONGEST = 32_000
_CUT = "…(已截断)"
_MARGIN = 3  # characters: a cell's inside margins and indent
_WIDEST = 48  # characters; a wider text takes several lines
_LINE = 15  # points
_MOST_LINES = 27  # a row is at most 409 points high
_PLACES = {"money": 2, "ppm": 6, "count": 0}
_NUMBER_FORMATS = {
    "money": "#,##0.00;[Red]-#,##0.00",
    "count": "#,##0",
    "ppm": "0.00##%",
    "date": "yyyy-mm-dd",
    "instant": "yyyy-mm-dd hh:mm:ss",
    "text": "@",
}
_FONT = {"font_name": "Microsoft YaHei", "font_size": 10, "valign": "vcenter"}
_CHART_FONT = {"name": "Microsoft YaHei", "size": 9}
_SERIES: tuple[dict[str, object], ...] = (
    {"color": "#5B6B7D", "width": 2.25},
    {"color": "#D9822B", "width": 2.25},
    {"color": "#C00000", "width": 1, "dash_type": "dash"},  # a bound
)
_CHART_WIDTH, _CHART_ROWS = 640, 17  # pixels; rows of 20 pixels
_GRID = {"border": 1, "border_color": "#BFC5CC"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table on one sheet (continued on further sheets beyond a million rows).

    `head` are label/value lines above the table; `below` text lines and `checks` (label, residual fen) under it. Charts
    of all tables stand together on the second sheet, those of a table that takes several sheets are left out.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    frame: pl.DataFrame
    timezone: str
    head: tuple[tuple[str, str], ...] = ()
    checks: tuple[tuple[str, int], ...] = ()
    below: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()


class Styles:
    """The cell formats of one workbook, made once."""

    def __init__(self, book: Workbook) -> None:
        def style(**settings: object) -> Format:
            return book.add_format(_FONT | settings)

        self.title = style(bold=True, font_size=15)
        self.line = style(font_color="#333F4C")
        self.beside = style(font_color="#333F4C", indent=1)
        self.wrong = style(bold=True, font_color="#C00000", num_format="0.00")
        self.right = style(bold=True, font_color="#1F7A3D", num_format="0.00")
        self.heading = style(**_GRID, bold=True, bg_color="#E4EAF1", align="center", text_wrap=True, num_format="@")
        self.cell = {kind: self._cell(style, kind, {}) for kind in _NUMBER_FORMATS}
        strong = {"bold": True, "bg_color": "#F4F6F9", "top": 2, "top_color": "#5B6B7D"}
        self.total = {kind: self._cell(style, kind, strong) for kind in _NUMBER_FORMATS}
        self.wide = style(**_GRID, align="right", num_format="@")

    @staticmethod
    def _cell(style: Callable[..., Format], kind: str, more: dict[str, object]) -> Format:
        aligned: dict[str, object] = {"num_format": _NUMBER_FORMATS[kind]}
        if kind == "text":
            aligned |= {"text_wrap": True, "indent": 1}
        if kind in {"date", "instant"}:
            aligned["align"] = "center"
        return style(**_GRID, **aligned, **more)


def safe_text(text: str) -> str:
    """Text as a cell takes it: cut (and said so) before the 32,767 characters a cell holds.

    xlsxwriter writes a text that looks like its own rich-text markup as markup; a blank behind it keeps it text.
    """
    if len(text) > _LONGEST // 2:  # a character beyond the BMP counts twice
        text = text[: _LONGEST // 2] + _CUT
    return text + " " if text.startswith("<r>") and text.endswith("</r>") else text


def _number(value: int, places: int) -> Any:  # xlsxwriter's stubs leave out Decimal, which it takes
    """The value as a Decimal, whose digits xlsxwriter writes as they are; None beyond 15 digits."""
    return Decimal(value).scaleb(-places) if abs(value) < EXACT else None


def _writer(sheet: Worksheet, styles: Styles, column: Column, place: int) -> Callable[[int, Any], Any]:
    """A function that writes one non-null value of `column` in a given row."""
    style, kind = styles.cell[column.kind], column.kind
    if kind == "text":
        return lambda row, value: sheet.write_string(row, place, safe_text(value), style)
    if kind in {"date", "instant"}:
        return lambda row, value: sheet.write_datetime(row, place, value, style)
    return lambda row, value: _write_number(sheet, row, place, value, kind, style, styles.wide)


def _write_number(sheet: Worksheet, row: int, place: int, value: int, kind: str, style: Format, wide: Format) -> None:
    """A number of one of the kinds of _PLACES; as text in the format `wide` beyond 15 digits."""
    number = _number(value, _PLACES[kind])
    if number is None:
        sheet.write_string(row, place, format_yuan(value) if kind == "money" else str(value), wide)
    else:
        sheet.write_number(row, place, number, style)


def _display_width(text: pl.Expr) -> pl.Expr:
    """Width in columns of a terminal font, where a Chinese character takes two."""
    return text.str.len_chars() + (text.str.len_bytes() - text.str.len_chars()) // 2


def _line_counts(table: Sheet, frame: pl.DataFrame, widths: list[int]) -> list[int]:
    """How many lines each row needs for its longest wrapped text; spreadsheets do not all measure it themselves."""
    needed = []
    for column, width in zip(table.columns, widths, strict=True):
        if column.kind == "text":
            size, line = _display_width(pl.col(column.name)).fill_null(0), width - _MARGIN
            # a broken line is not quite full: count on two characters less
            needed.append(pl.when(size <= line).then(1).otherwise((size + line - 3) // (line - 2)))
    if not needed:
        return [1] * frame.height
    return frame.select(pl.max_horizontal(needed).clip(1, _MOST_LINES)).to_series().to_list()


def _write_rows(
    sheet: Worksheet, styles: Styles, table: Sheet, frame: pl.DataFrame, first: int, widths: list[int]
) -> None:
    writers = [_writer(sheet, styles, column, place) for place, column in enumerate(table.columns)]
    blanks = [styles.cell[column.kind] for column in table.columns]
    local = frame.with_columns(
        pl.col(column.name).dt.convert_time_zone(table.timezone).dt.replace_time_zone(None)
        for column in table.columns
        if column.kind == "instant"
    )
    lines = _line_counts(table, frame, widths)
    for row, values in enumerate(local.iter_rows(), first):
        if lines[row - first] > 1:
            sheet.set_row(row, lines[row - first] * _LINE + 3)
        for place, value in enumerate(values):
            if value is None:
                sheet.write_blank(row, place, None, blanks[place])
            else:
                writers[place](row, value)


def _write_total(sheet: Worksheet, styles: Styles, table: Sheet, first: int, row: int, *, whole: bool) -> None:
    """The total row: a formula over the column with its value; the value alone where a sum would not be exact."""
    sums = totals(table.frame, table.columns)
    for place, column in enumerate(table.columns):
        style = styles.total[column.kind]
        if place == label_place(table.columns):
            sheet.write_string(row, place, TOTAL, styles.total["text"])
            continue
        if not column.total:
            sheet.write_blank(row, place, None, styles.total["text"])
            continue
        total = sums[column.name]
        number = _number(total, _PLACES[column.kind])
        exact = table.frame.select((pl.col(column.name).abs() < EXACT).all()).item()
        if number is not None and whole and row > first and exact:
            letter = xl_col_to_name(place)
            formula = f"=ROUND(SUM({letter}{first + 1}:{letter}{row}),{_PLACES[column.kind]})"
            sheet.write_formula(row, place, formula, style, number)
        else:
            _write_number(sheet, row, place, total, column.kind, style, styles.wide)


def _widths(table: Sheet) -> list[int]:
    """Column widths in characters: as wide as the widest text (a Chinese character counts two), within bounds."""
    texts = cell_texts(table.frame, table.columns, table.timezone)
    widest = texts.select(_display_width(pl.all()).max().fill_null(0)).row(0)
    sums = totals(table.frame, table.columns)
    widths = []
    for column, content in zip(table.columns, widest, strict=True):
        size = max(int(content), len(str(sums.get(column.name, ""))))
        if column.kind in {"money", "count"}:
            size += size // 3  # thousands separators
        letters = len(column.heading)
        heading = 2 * (letters if letters <= 3 else (letters + 1) // 2)  # a longer heading takes two lines
        widths.append(min(max(size, heading, 5), _WIDEST) + _MARGIN)
    return widths


def _packed(head: tuple[tuple[str, str], ...], width: int) -> Iterator[str]:
    """Head lines side by side, as many in a row as the table is wide."""
    line = ""
    for label, value in head:
        item = f"{label}：{value}"
        wide = len(f"{line}{item}".encode("gb18030")) + 4  # two bytes per Chinese character: the width on paper
        if line and wide > width:
            yield line
            line = ""
        line += ("    " if line else "") + item
    if line:
        yield line


def _print_setup(sheet: Worksheet, heading_row: int, name: str) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.repeat_rows(heading_row)
    sheet.freeze_panes(heading_row + 1, 0)
    sheet.hide_gridlines(2)
    sheet.set_footer(f"&L&8{name.replace('&', '&&')}&R&8第 &P 页 共 &N 页")


def _write_below(sheet: Worksheet, styles: Styles, table: Sheet, row: int) -> None:
    if table.checks:
        row += 1
        sheet.write_string(row, 0, "核对（差额应为 0.00）", styles.line)
        for label, residual in table.checks:
            row += 1
            style = styles.wrong if residual else styles.right
            _write_number(sheet, row, 0, residual, "money", style, style)
            sheet.write_string(row, 1, safe_text(f"{label}{'：不平' if residual else '：平'}"), styles.beside)
    row += 1
    for text in table.below:
        row += 1
        sheet.write_string(row, 0, safe_text(text), styles.line)


def _write_part(sheet: Worksheet, styles: Styles, table: Sheet, frame: pl.DataFrame, *, last: bool, whole: bool) -> int:
    """One sheet with the rows of `frame`; the last one carries the totals of the whole table and what stands below.

    The row that the table's own rows begin at.
    """
    widths = _widths(table)
    for place, width in enumerate(widths):
        sheet.set_column(place, place, width)
    sheet.set_default_row(_LINE + 3)
    sheet.set_row(0, 26)
    sheet.write_string(0, 0, safe_text(table.title), styles.title)
    row = 1
    for line in _packed(table.head, sum(widths)):
        sheet.write_string(row, 0, safe_text(line), styles.line)
        row += 1
    row += 1
    _print_setup(sheet, row, table.title)
    sheet.set_row(row, 30)
    for place, column in enumerate(table.columns):
        sheet.write_string(row, place, column.heading, styles.heading)
    first = row + 1
    _write_rows(sheet, styles, table, frame, first, widths)
    row = first + frame.height
    if last:
        if any(column.total for column in table.columns):
            _write_total(sheet, styles, table, first, row, whole=whole)
            row += 1
        _write_below(sheet, styles, table, row)
    return first


def _sheet_name(book: Workbook, name: str) -> str:
    r"""A name this workbook still allows: at most 31 characters, none of []:*?/\, no apostrophe at an end, unique."""
    clean = "".join("_" if character in "[]:*?/\\" else character for character in name).strip("'") or "_"
    taken = {str(sheet.name).lower() for sheet in book.worksheets()}
    found, count = clean[:31], 1
    while found.lower() in taken:
        count += 1
        suffix = f" ({count})"
        found = clean[: 31 - len(suffix)] + suffix
    return found


def write_sheet(book: Workbook, styles: Styles, table: Sheet) -> tuple[str, int]:
    """`table` as a sheet; as several, named "…", "… (2)", where it has more rows than a sheet takes.

    (name of the last sheet, the row that its rows begin at).
    """
    frame = ordered(table.frame, table.columns)
    parts = max(1, -(-frame.height // MOST_ROWS))
    for part in range(parts):
        sheet: Worksheet = book.add_worksheet(_sheet_name(book, table.name))
        piece = frame.slice(part * MOST_ROWS, MOST_ROWS)
        first = _write_part(sheet, styles, table, piece, last=part == parts - 1, whole=parts == 1)
    return str(sheet.name), first


def _chart(book: Workbook, table: Sheet, wanted: Chart, name: str, first: int) -> Any:
    """A native chart over cells of the sheet `name`, whose rows begin at `first`."""
    places = {column.name: place for place, column in enumerate(table.columns)}
    top = first + wanted.first
    end = top + (wanted.count or table.frame.height - wanted.first) - 1
    chart: Any = book.add_chart({"type": wanted.kind})
    for column, style in zip(wanted.series, _SERIES, strict=False):
        look = {"line": style} if wanted.kind == "line" else {"fill": {"color": style["color"]}}
        chart.add_series({
            "name": table.columns[places[column]].heading,
            "categories": [name, top, places[wanted.by], end, places[wanted.by]],
            "values": [name, top, places[column], end, places[column]],
            **look,
        })  # fmt: skip
    chart.set_title({"name": wanted.title, "name_font": _CHART_FONT | {"size": 12}})
    chart.set_x_axis({"num_font": _CHART_FONT, "num_format": "mm-dd", "text_axis": True})
    grid = {"visible": True, "line": {"color": "#E4EAF1"}}
    chart.set_y_axis({"num_font": _CHART_FONT, "num_format": "#,##0", "min": 0, "major_gridlines": grid})
    chart.set_legend({"position": "bottom", "font": _CHART_FONT})
    chart.set_size({"width": _CHART_WIDTH - 16, "height": _CHART_ROWS * 20 - 16})
    return chart


def _draw(sheet: Worksheet, styles: Styles, charts: list[Any], title: str) -> None:
    """All charts on one sheet, two side by side, six on a page."""
    sheet.set_row(0, 26)
    sheet.write_string(0, 0, safe_text(title), styles.title)
    _print_setup(sheet, 0, title)
    sheet.freeze_panes(1, 0)
    rows = [2 + place // 2 * _CHART_ROWS for place in range(len(charts))]
    for place, chart in enumerate(charts):
        sheet.insert_chart(rows[place], place % 2 * (_CHART_WIDTH // 64), chart)
    sheet.set_h_pagebreaks(rows[6::6])


@contextmanager
def _rows_folder() -> Iterator[str]:
    """A private folder for the rows that xlsxwriter keeps in files; a full disk is a passing fault, named as such."""
    try:
        with TemporaryDirectory(prefix="puhui-workbook-") as folder:
            yield folder
    except (OSError, FileCreateError) as fault:
        raise TryAgain(
            f"workbook: temporary files cannot be written ({fault}); free space in TMPDIR, run again"
        ) from None


def workbook(title: str, day: date, tables: list[Sheet]) -> bytes:
    """The sheets as one .xlsx file. `day` is its date of creation, so equal data gives equal bytes.

    Raises TryAgain where the temporary folder is full or cannot be written.
    """
    out = io.BytesIO()
    settings = {"constant_memory": True} | dict.fromkeys(
        ("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False
    )
    with _rows_folder() as folder:
        book = xlsxwriter.Workbook(out, settings | {"tmpdir": folder})
        book.set_properties({"title": title, "created": datetime.combine(day, time(0))})
        styles = Styles(book)
        charts: list[Any] = []
        pictures: Worksheet | None = None
        for table in tables:
            name, first = write_sheet(book, styles, table)
            if table.frame.height <= MOST_ROWS:
                charts += [_chart(book, table, wanted, name, first) for wanted in table.charts]
            if pictures is None and any(other.charts and other.frame.height for other in tables):
                pictures = book.add_worksheet(_sheet_name(book, "图表"))  # the second sheet, drawn when all stand
        if pictures is not None:
            _draw(pictures, styles, charts, f"{title} - 图表")
        book.close()
    return out.getvalue()
