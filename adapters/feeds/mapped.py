"""Any CSV or workbook by a column mapping (mapping.py): wallets, acquirers, a card company's daily list.

Settings: `mapping` (a shipped name, or a mapping), `encoding` (the mapping's), `sheet` (the first),
`rail`, `instrument`, `bad_row`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import polars as pl

from adapters.base import HOLDS_VALUES, Adapter, Closing, Context, Parsed
from adapters.feeds.canonical import (
    SKIP,
    amount_faults,
    amounts,
    currency,
    first_fault,
    key_column,
    key_text,
    own_reversal_keys,
    rail_setting,
    without_skipped,
)
from adapters.feeds.mapped_end import GROUPED, EndRows, Unreadable, basis_of, check_end, is_end, may_follow, sum_of
from adapters.feeds.mapped_write import write
from adapters.feeds.mapping import CsvMapping, mapping_of
from adapters.feeds.mapping_text import describe_mapping
from adapters.feeds.tables import Reading, Row, read_rows
from adapters.feeds.tally import Tally, check_bad_rows, finish, reject_of
from adapters.feeds.text_columns import parse_texts
from adapters.feeds.times import as_instant, clearing_date_of, with_years
from adapters.layout import LayoutField
from adapters.layout_dates import strftime_format
from adapters.layout_line import CellError
from adapters.refused import FileRefusedError
from adapters.safe_workbook import UNREAD, UNREAD_CELL
from adapters.shown import Shown, is_workbook, joined, mask_cell, mask_text, read_at, show_line
from adapters.utf16 import utf16_codec
from settlement.model.cards import CardTokens
from settlement.model.rejects import Reject

NAME = "mapped_csv"
ROWS = 20_000
BLOCK_TEXT = 8 * 1024 * 1024  # characters: a cell may be long
MAX_PREAMBLE = 60
MAX_PASSED = 100_000  # rows that are no records: a file of blank lines would be read for hours
_EXPONENT = r"^[0-9](?:\.[0-9]+)?E\+[0-9]+$"
_BREAK = r"[\t\r\n]+"  # in a quoted cell, or in one of a workbook
FAR = timedelta(days=370)  # no file is cleared that long before or after all that it tells of


@dataclass(slots=True)
class _Sheet:
    """What is known of the file so far: where its columns stand, its end, and sums for declared totals."""

    mapping: CsvMapping
    places: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, int] = field(default_factory=dict)  # where the other cell of a column of two stands
    ignored: list[list[str]] = field(default_factory=list)
    width: int = 0
    named: int = 0  # the last column that has a heading
    titles: list[str] = field(default_factory=list)  # as the row of headings has them
    records: int = 0
    passed: int = 0
    is_workbook: bool = False
    open_end: bool = False
    tail: list[list[str]] = field(default_factory=list)
    tail_at: list[int] = field(default_factory=list)  # where each row of it begins
    numbers: dict[str, int] = field(default_factory=dict)
    sums: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    unreadable: Unreadable = field(default_factory=dict)
    ways: dict[tuple[str, str], int] = field(default_factory=dict)  # signs of (amount, kind) that `sign: ignore` drops
    near: bool = False  # some record lies near the clearing date
    day: date | None = None  # of a record


def read(stream: BinaryIO, context: Context) -> Iterator[Parsed | Closing]:
    """Blocks of canonical transactions, then Closing (feeds.md "Transaction feeds")."""
    sheet, tally = _Sheet(mapping_of(context.settings)), Tally(CardTokens(context.tokeniser))
    mapping = sheet.mapping
    refused: Reject | None = None
    declared: EndRows | None = None
    try:
        if mapping.column("clearing_date") is None:
            tally.clearing = clearing_date_of(context, None, mapping.filename)
        rows = _rows(stream, sheet, str(context.settings.get("sheet", "")))
        _find_headings(sheet, rows)
        while block := _next_block(sheet, rows):
            yield _parsed(block, context, sheet, tally)
        tail = list(zip(sheet.tail, sheet.tail_at, strict=True))
        seen = (sheet.ignored, sheet.numbers, sheet.sums, sheet.unreadable)
        declared = check_end(mapping, tail, *seen, is_workbook=sheet.is_workbook)
        _check_clearing_date(context, sheet, tally)
        check_bad_rows(context, tally)
        _check_cut(sheet)
    except FileRefusedError as error:
        refused = error.reject(context.file)
    bank_cards = sheet.mapping.column("rail") is None  # of several rails, citizen cards are among them
    tally.notes[:0] = mapping.lacking(sheet.titles)
    yield tally.closing(
        context,
        refused,
        total_fen=None if basis_of(mapping) in sheet.unreadable else sum_of(sheet.sums, basis_of(mapping)),
        declared_records=declared.count if declared else None,
        declared_total_fen=declared.total if declared else None,
        bank_cards=bank_cards,
    )


def _rows(stream: BinaryIO, sheet: _Sheet, name: str) -> Iterator[Row]:
    """Rows of the workbook's sheet `name`, or of a CSV, without those to be passed over."""
    mapping = sheet.mapping
    needed = mapping.needed_headings
    reading = Reading(
        mapping.read_encoding,
        mapping.separator,
        name,
        lambda cells: needed <= set(mapping.titled(_cleaned(mapping, cells))) if mapping.headings else any(cells),
        mapping.prefix,
    )
    for raw, start, end in read_rows(stream, reading):
        sheet.open_end, sheet.is_workbook = reading.open_end, reading.is_workbook
        cells = _cleaned(mapping, raw)
        if mapping.ignored is None or mapping.ignored.match(cells[0] if cells else "") is None:
            yield cells, start, end
            continue
        _pass_over(sheet, start)
        if len(sheet.ignored) < MAX_PREAMBLE:  # a total may stand there
            sheet.ignored.append(cells)


def _pass_over(sheet: _Sheet, start: int) -> None:
    sheet.passed += 1
    if sheet.passed > MAX_PASSED:
        raise FileRefusedError("TOO_MANY_LINES", f"more than {MAX_PASSED} lines are no records; leave them out", start)


# --- rows ------------------------------------------------------------------------------------------------------------


def _cleaned(mapping: CsvMapping, cells: list[str]) -> list[str]:
    """Every cell without padding, prefix and ="..."."""
    out = []
    for cell in cells:
        text = cell.strip(mapping.strip)
        if mapping.prefix:
            text = text.removeprefix(mapping.prefix)
        if mapping.excel_text and text.startswith('="') and text.endswith('"'):
            text = text[2:-1]
        out.append(text.strip(mapping.strip))
    return out


def _find_headings(sheet: _Sheet, rows: Iterator[Row]) -> None:
    """The heading row: the first that has every needed heading; rows before it are preamble."""
    mapping = sheet.mapping
    if not mapping.headings:
        _place(sheet, [column.title for column in mapping.columns])
        sheet.places = {column.name: place for place, column in enumerate(mapping.columns)}
        return
    needed = mapping.needed_headings
    single = needed | {column.title for column in mapping.columns if column.type == "amount"}
    missing: set[str] = needed
    for written, _, _ in islice(rows, MAX_PREAMBLE):
        cells = mapping.titled(written)
        absent = needed - set(cells)
        if not absent:
            twice = sorted({cell for cell in cells if cell and cells.count(cell) > 1 and cell in single})
            if twice:
                raise FileRefusedError("BAD_HEADING", f"the heading stands twice: {', '.join(twice)}")
            other = [cell for cell in cells if cell in mapping.unlike]
            if other:
                message = (
                    f"{mapping.format} is not for files with the heading {other[0]}; give the mapping of their kind"
                )
                raise FileRefusedError("BAD_HEADING", message)
            if any(HOLDS_VALUES.fullmatch(cell) for cell in cells):
                message = "the heading row holds values: its line end is damaged, and a row would be lost"
                raise FileRefusedError("BAD_HEADING", f"{message}; ask for the file again")
            _place(sheet, cells)
            sheet.titles = written
            return
        missing = absent if len(absent) < len(missing) else missing
    message = f"no row has the headings that are needed; missing: {', '.join(sorted(missing))}"
    raise FileRefusedError("BAD_HEADING", message)


def _place(sheet: _Sheet, titles: list[str]) -> None:
    columns = sheet.mapping.columns
    sheet.places = {column.name: titles.index(column.title) for column in columns if column.title in titles}
    sheet.seconds = {
        column.name: titles.index(column.and_) for column in columns if column.and_ in titles and column.and_
    }
    sheet.width = len(titles)
    sheet.named = max((n for n, title in enumerate(titles, 1) if title or not sheet.mapping.headings), default=0)


def _next_block(sheet: _Sheet, rows: Iterator[Row]) -> list[Row]:
    """Up to ROWS records, or BLOCK_TEXT; blank rows are none; from the end row on, rows are kept for the totals."""
    block: list[Row] = []
    size = 0
    for row in rows:
        cells = row[0]
        again = cells == sheet.titles and not sheet.tail  # headings, where files of several days were joined
        if again or not any(cells):
            _pass_over(sheet, row[1])
            continue
        if sheet.tail and (len(sheet.tail) > MAX_PREAMBLE or not may_follow(sheet.mapping, sheet.tail, cells)):
            message = (
                "something follows the end of the records, which would be lost; send the whole file again, or where it "
                "is no record, name its beginning in the mapping's ignore"
            )
            raise FileRefusedError("AFTER_END", message, row[1])
        if sheet.tail or is_end(sheet.mapping, cells):
            sheet.tail.append(cells)
            sheet.tail_at.append(row[1])
            continue
        block.append(row)
        size += sum(map(len, cells))
        if len(block) == ROWS or size >= BLOCK_TEXT:
            break
    return block


def _parsed(block: list[Row], context: Context, sheet: _Sheet, tally: Tally) -> Parsed:
    first = sheet.records + 1
    sheet.records += len(block)
    errors: dict[int, CellError] = {}
    frame = _columns(block, sheet, errors).with_columns(
        record=pl.Series(np.arange(first, first + len(block), dtype=np.int64)),
        byte_start=pl.Series([row[1] for row in block], dtype=pl.Int64),
        byte_end=pl.Series([row[2] for row in block], dtype=pl.Int64),
    )
    rejects = {first + row: reject_of(context, error, first + row, block[row][1]) for row, error in errors.items()}
    keep = np.ones(len(block), np.bool_)
    keep[list(errors)] = False
    _add_sums(frame, sheet)
    frame = without_skipped(frame, sheet.mapping.columns)
    if tally.clearing is None:
        days = frame["clearing_date"].drop_nulls()
        tally.clearing = clearing_date_of(context, days[0] if len(days) else None, sheet.mapping.filename)
    columns = sheet.mapping.columns
    originals = {column.name for column in columns if column.name.startswith("original")}
    frame = with_years(frame, columns, tally.clearing, originals)
    _see_days(frame, sheet, tally.clearing)
    return finish(
        frame.filter(pl.Series(keep)), rejects, context, tally, lambda rows, _: interpret(rows, context, sheet.mapping)
    )


def _columns(block: list[Row], sheet: _Sheet, errors: dict[int, CellError]) -> pl.DataFrame:
    mapping = sheet.mapping
    for number, (cells, _, _) in enumerate(block):
        if len(cells) < sheet.width and not mapping.ragged:
            errors[number] = CellError("", "FIELD_COUNT", f"has {len(cells)} cells; {sheet.width} are expected")
        elif any(cells[sheet.named if len(cells) > sheet.width else sheet.width :]):
            errors[number] = CellError("", "FIELD_COUNT", f"has {len(cells)} cells; at most {sheet.width} are expected")
    columns, signs = {}, {}
    for spec in mapping.columns:
        texts = _texts(block, sheet.places.get(spec.name, -1))
        if spec.and_:
            texts = pl.select(pl.format("{} {}", texts, _texts(block, sheet.seconds.get(spec.name, -1)))).to_series()
        if sheet.is_workbook and spec.type in {"date", "datetime"}:
            texts = _as_written(spec, texts)
        if spec.type == "amount":
            texts = _money(mapping, texts, is_workbook=sheet.is_workbook)
        if spec.name in mapping.identity and texts.str.contains(_EXPONENT).any():
            row = texts.str.contains(_EXPONENT).arg_true()[0]
            record = sheet.records - len(block) + row + 1
            message = "an identity like 4.2E+27 was rounded by a workbook program; export again with the column as text"
            raise FileRefusedError("ROUNDED", message, block[row][1], record, spec.name)
        if spec.type == "text" and spec.name not in mapping.identity and texts.str.contains(_BREAK).any():
            texts = texts.str.replace_all(_BREAK, " ")  # people write goods and remarks so
        column = parse_texts(spec, texts, spec.unit or mapping.unit)
        for row, error in column.errors.items():
            unread = UNREAD in texts[row]  # a text with it is never regular
            errors.setdefault(row, CellError(spec.name, "UNREAD_CELL", UNREAD_CELL) if unread else error)
            if spec.type == "amount":
                sheet.unreadable.setdefault(spec.name, (sheet.records - len(block) + row + 1, block[row][1]))
        values = column.values
        if spec.name in mapping.turned:
            values = -values
        elif spec.type == "amount" and mapping.sign == "ignore":
            signs[spec.name] = values.sign()
            values = values.abs()
        columns[spec.name] = values
    if mapping.kind:
        columns["kind"] = pl.Series([mapping.kind], dtype=pl.String).new_from_index(0, len(block))
    if "fee" in signs:
        columns["fee"] = columns["fee"] * signs["fee"] * _way_of_fees(signs["fee"], columns["kind"], sheet)
    for name in signs.keys() & {"paid", "gross"}:
        _check_signs(name, signs[name], columns["kind"], sheet, errors)
    return pl.DataFrame(columns)


def _check_signs(name: str, signs: pl.Series, kinds: pl.Series, sheet: _Sheet, errors: dict[int, CellError]) -> None:
    """The sign that is dropped says nothing where all of a kind have one; a sale against the others may undo one.

    Voids and reversals stand as what they undo does turned over, a sale or a refund.
    """
    found = pl.DataFrame({"sign": signs, "kind": kinds}).with_row_index("row").filter(pl.col("sign") != 0)
    for (kind,), rows in found.filter(pl.col("kind").is_in(["SALE", "REFUND"])).group_by("kind"):
        way = sheet.ways.setdefault((name, str(kind)), 1 if rows["sign"].sum() >= 0 else -1)
        for row in rows.filter(pl.col("sign") != way)["row"].to_list():
            message = f"has another sign than most of its kind ({kind}); give what it undoes a kind of its own"
            errors.setdefault(row, CellError(name, "BAD_SIGN", message))


def _way_of_fees(signs: pl.Series, kinds: pl.Series, sheet: _Sheet) -> int:
    """The sign of what merchants pay, which is that of most sales: a fee that a refund gives back has the other.

    A kind says nothing of a fee's direction: so much of the sign is kept. Without sales it is kept as it is.
    """
    known, sales = sheet.ways.get(("fee", "SALE")), signs.filter(kinds == "SALE").sum()
    if known is None and sales:
        known = sheet.ways["fee", "SALE"] = 1 if sales > 0 else -1
    return known or 1


def _texts(block: list[Row], place: int) -> pl.Series:
    """The cells of one place, blank where a row has none there."""
    return pl.Series([cells[place] if 0 <= place < len(cells) else "" for cells, _, _ in block], dtype=pl.String)


def _as_written(spec: LayoutField, texts: pl.Series) -> pl.Series:
    """Dates of a workbook in the column's format: a cell keeps the day and the time, and not how they look."""
    forms = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")  # the second: midnight, or a day alone
    found = [texts.str.strptime(pl.Datetime("us"), form, strict=False) for form in forms]
    written = pl.coalesce(*(moments.dt.strftime(strftime_format(spec.format)) for moments in found), texts)
    return pl.select(written).to_series()


def _money(mapping: CsvMapping, texts: pl.Series, *, is_workbook: bool) -> pl.Series:
    """Amounts without their currency mark and, where groups of three are whole, without thousands separators."""
    if mapping.decimal == ",":
        if is_workbook:  # whose numbers have a point, of which nobody could tell that it is none of a text
            return texts
        texts = texts.str.replace_many([",", "."], [".", ","])
    if mapping.money_mark:
        texts = texts.str.replace(f"^([+-]?){re.escape(mapping.money_mark)}", "${1}")
    if mapping.thousands:
        grouped = texts.str.contains(f"^(?:{GROUPED.pattern})$")
        bare = texts.str.replace_all(",", "", literal=True)
        texts = pl.select(pl.when(grouped).then(bare).otherwise(texts)).to_series()
    return texts


def _add_sums(frame: pl.DataFrame, sheet: _Sheet) -> None:
    names = [spec.name for spec in sheet.mapping.columns if spec.type == "amount"]
    unsigned = (pl.col(name).abs().sum() for name in names)
    net = (pl.col(name).sum().alias(f"net {name}") for name in names)
    sums = frame.group_by("kind").agg(pl.len().alias("rows"), *unsigned, *net)
    for row in sums.iter_rows(named=True):
        kind = str(row["kind"] or "")
        sheet.numbers[kind] = sheet.numbers.get(kind, 0) + row["rows"]
        for name in names:
            unsigned_so_far, net_so_far = sheet.sums.get((name, kind), (0, 0))
            found = (row[name] or 0, row[f"net {name}"] or 0)
            sheet.sums[name, kind] = (unsigned_so_far + found[0], net_so_far + found[1])


def _see_days(frame: pl.DataFrame, sheet: _Sheet, clearing: date) -> None:
    days = frame["occurred_at"].drop_nulls()
    if not sheet.near and len(days):
        sheet.near = bool(((days.dt.date() - clearing).abs() <= FAR).any())
        sheet.day = days[0].date()


def _check_cut(sheet: _Sheet) -> None:
    if sheet.open_end and not sheet.tail and not sheet.mapping.open_end:
        message = (
            "the last line has no line end, and no row ends the records: it may be cut; send the file again, or where "
            "the sender never writes one, the mapping says open_end: true"
        )
        raise FileRefusedError("TRUNCATED", message)


def _check_clearing_date(context: Context, sheet: _Sheet, tally: Tally) -> None:
    """A date in a file's name may be no date at all, but the beginning of an account number (20880211…)."""
    named = sheet.mapping.column("clearing_date") is None and context.clearing_date is None
    if named and "clearing_date" not in context.settings and sheet.day is not None and not sheet.near:
        message = (
            f"the clearing date {tally.clearing} is more than {FAR.days} days from every record, like {sheet.day}: "
            "it is misread from the name; correct the mapping's filename, or set clearing_date"
        )
        raise FileRefusedError("CLEARING_DATE_FAR", message, name="clearing_date")


def interpret(frame: pl.DataFrame, context: Context, mapping: CsvMapping) -> pl.DataFrame:
    """Rows with canonical columns. Of gross, paid and claimed any two give the third."""
    sale = pl.col("kind") == "SALE"
    others = {"paid": mapping.refund_paid, "gross": mapping.refund_gross, "claimed": mapping.refund_claimed}
    for name, other in others.items():
        if other:
            own = pl.col(name) if name in frame.columns else pl.lit(None, pl.Int64)
            frame = frame.with_columns(pl.when(sale).then(own).otherwise(other).alias(name))
    if mapping.refund_gross and not mapping.refund_claimed and "claimed" in frame.columns:
        frame = frame.with_columns(pl.when(sale).then("claimed").alias("claimed"))  # what is given back is the rest
    frame = _third_amount(frame)
    frame = amounts(frame)
    keyless = pl.all_horizontal(pl.col(key_column(name)).is_null() for name in mapping.key)
    if mapping.refund_key:
        nothing = pl.all_horizontal(pl.col(key_column(name)).is_null() for name in mapping.refund_key)
        keyless = pl.when(sale).then(keyless).otherwise(nothing)
        # a sale that was undone before anything was paid back has no number of a refund and no amount: it never was
        void = (pl.col("kind") == "VOID") & nothing & (pl.col("paid").fill_null(0) == 0)
        frame = frame.with_columns(kind=pl.when(void).then(pl.lit(SKIP)).otherwise("kind"))
    prefix = f"{context.source}:"
    own_key = key_text(frame, mapping.key, prefix)
    if mapping.refund_key:
        own_key = pl.when(sale).then(own_key).otherwise(key_text(frame, mapping.refund_key, prefix))
    original: pl.Expr = pl.lit(None, pl.String)
    if mapping.original_key:
        named = pl.all_horizontal(pl.col(key_column(name)).is_not_null() for name in mapping.original_key)
        original = pl.when(~sale & named).then(key_text(frame, mapping.original_key, prefix))
    rail = rail_setting(context)
    frame = frame.with_columns(
        transaction_id=own_key,
        original_key=original,
        occurred_at=as_instant("occurred_at", mapping.zone),
        rail=pl.coalesce("rail", pl.lit(rail)) if "rail" in frame.columns else pl.lit(rail),
        instrument=pl.lit(context.settings.get("instrument"), pl.String),
        currency=currency(frame),
    )
    fault = first_fault(
        frame,
        (keyless, "NO_KEY"),
        (pl.col("paid").is_null(), "NO_AMOUNT"),
        (pl.col("occurred_at").is_null(), "BAD_DATE"),
        *amount_faults(),
    )
    return own_reversal_keys(frame).with_columns(fault=pl.when(pl.col("kind") != SKIP).then(fault))


def _third_amount(frame: pl.DataFrame) -> pl.DataFrame:
    blank = pl.lit(None, pl.Int64)
    gross, paid, claimed = (pl.col(n) if n in frame.columns else blank for n in ("gross", "paid", "claimed"))
    return frame.with_columns(
        paid=pl.coalesce(paid, gross - claimed.fill_null(0)), claimed=pl.coalesce(claimed, gross - paid)
    )


def _show(stream: BinaryIO, reject: Reject, settings: Mapping[str, Any]) -> Shown | None:
    """The row of a CSV with its wrong cell; of a workbook there are no bytes to show."""
    mapping = mapping_of(settings)
    utf16 = utf16_codec(read_at(stream, 0, 2), mapping.read_encoding)
    mapping = mapping.model_copy(update={"encoding": utf16}) if utf16 else mapping  # a row in the middle has no mark
    sheet = _Sheet(mapping)
    try:
        if is_workbook(stream) or reject.byte < 0:
            return None
        _find_headings(sheet, _rows(_from(stream, 0), sheet, ""))
        if sheet.is_workbook:  # a page
            return None
        cells = next(_rows(_from(stream, reject.byte), sheet, ""))[0]
    except (FileRefusedError, StopIteration):
        return show_line(stream, reject, settings)
    names = {place: name for name, place in sheet.places.items()}
    parts = []
    for place, cell in enumerate(cells):
        column = mapping.column(names.get(place, ""))
        parts.append(mask_cell(cell) if column is not None and column.type == "card" else mask_text(cell))
    wrong = mapping.column(reject.field)
    about = "" if wrong is None else f"{wrong.name} is {wrong.type}: {wrong.title} {wrong.format}".rstrip()
    return joined(parts, mapping.separator, sheet.places.get(reject.field, -1), about)


def _from(stream: BinaryIO, byte: int) -> BinaryIO:
    stream.seek(byte)
    return stream


ADAPTER = Adapter(NAME, "any CSV or workbook by a column mapping", "transaction", read, write, describe_mapping, _show)
