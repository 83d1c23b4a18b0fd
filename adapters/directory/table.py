"""A reference CSV as data: its fields, read into a typed frame, every wrong cell listed with line, field and remedy.

All cells are read as text first; a record is one line (a line break inside quotes is refused), so that a record's
line number is its number plus one. Nothing is guessed: UTF-8 (a BOM is accepted), comma, header row with exactly the
named columns in any order.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from settlement.model.cards import mask_digits
from settlement.model.money import parse_amount_column
from settlement.model.rejects import Reject

MAX_BYTES = 512 * 1024 * 1024
MAX_REJECTS = 1000
MAX_FIELD = 4000


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its type, whether a blank is allowed, and the values it may take.

    Types: text, date, yuan (to fen), ppm (percent with at most four decimals, to parts per million), int, digits.
    `secret` cells are never repeated in a message.
    """

    name: str
    kind: str = "text"
    required: bool = True
    choices: tuple[str, ...] = ()
    pattern: str = ""
    remedy: str = ""
    secret: bool = False

    @property
    def column(self) -> str:
        """The frame's column: amounts end in _fen, percentages in _ppm."""
        return {"yuan": f"{self.name}_fen", "ppm": f"{self.name.removesuffix('_percent')}_ppm"}.get(
            self.kind, self.name
        )


@dataclass(frozen=True, slots=True)
class TableFormat:
    """A kind of import: its fields and the columns that must be unique together."""

    kind: str
    fields: tuple[Field, ...]
    unique: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadTable:
    """What stood in the file: a typed frame with an Int64 `line`, or the rejects (then the frame is of no use)."""

    frame: pl.DataFrame
    rejects: list[Reject]


class _RefusedError(Exception):
    def __init__(self, reject: Reject) -> None:
        super().__init__(reject.message)
        self.reject = reject


def read_table(data: bytes, file: str, table: TableFormat) -> ReadTable:
    """Reads the bytes of a reference CSV. A file that cannot be read at all gives one reject of the whole file."""
    try:
        text = _decode(data, file)
        raw = _cells(text, file, table)
    except _RefusedError as refused:
        return ReadTable(pl.DataFrame(), [refused.reject])
    rejects: list[Reject] = []
    typed = [_typed(raw[field.name], field, raw["line"], file, rejects) for field in table.fields]
    frame = pl.DataFrame([raw["line"], *typed])
    rejects += _twice(frame, table, file)
    rejects.sort(key=lambda r: (r.line, r.field))
    return ReadTable(frame, rejects[:MAX_REJECTS])


def _refuse(file: str, line: int, code: str, message: str) -> _RefusedError:
    return _RefusedError(Reject(file, max(line - 1, 0), -1, "", code, message, line=max(line, 1)))


def _decode(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        raise _refuse(file, 1, "TOO_LARGE", f"more than {MAX_BYTES} bytes; split the file")
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise _refuse(file, line, "NUL_BYTE", "a NUL byte; save the file as plain CSV in UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _refuse(file, line, "ENCODING", "not UTF-8; save the file as CSV UTF-8") from None


def _cells(text: str, file: str, table: TableFormat) -> pl.DataFrame:
    """All cells as String (stripped, blank = null) and `line`; ragged rows and wrong headings are refused."""
    names = [field.name for field in table.fields]
    first = text.split("\n", 1)[0].rstrip("\r")
    try:
        heading = next(csv.reader([first]), [])
    except csv.Error:  # a CR within the line, which no heading has
        heading = []
    missing = [name for name in names if name not in heading]
    unknown = [name for name in heading if name not in names]
    if missing or unknown or len(set(heading)) != len(heading):
        what = [f"no column {', '.join(missing)}"] if missing else []
        what += [f"unknown column {', '.join(mask_digits(u)[:40] for u in unknown)}"] if unknown else []
        what = what or ["a column stands twice"]
        raise _refuse(file, 1, "HEADER", f"{'; '.join(what)}; the columns are {','.join(names)}")
    lines = text.count("\n") + (not text.endswith("\n"))
    try:
        frame = pl.read_csv(io.BytesIO(text.encode()), infer_schema=False, row_index_name="line", row_index_offset=2)
    except pl.exceptions.PolarsError:
        raise _ragged(text, file, len(heading)) from None
    if frame.height != lines - 1:
        raise _ragged(text, file, len(heading))
    stripped = [pl.col(name).str.strip_chars().replace("", None) for name in names]
    return frame.select(pl.col("line").cast(pl.Int64), *stripped)


def _ragged(text: str, file: str, width: int) -> _RefusedError:
    """The first line whose cells do not fit the heading, found the slow way."""
    csv.field_size_limit(MAX_BYTES)
    reader = csv.reader(io.StringIO(text), strict=True)
    line = 1
    try:
        for row in reader:
            line = reader.line_num
            if len(row) != width:
                return _refuse(file, line, "COLUMNS", f"{len(row)} cells where the heading has {width}; write {width}")
            if any("\n" in cell for cell in row):
                return _refuse(file, line, "LINE_BREAK", "a line break inside a cell; write it on one line")
    except csv.Error:
        return _refuse(file, line + 1, "QUOTES", "quotes do not close; write a quote inside a cell as two quotes")
    return _refuse(file, line, "BLANK_LINE", "an empty line; remove it")


def _typed(cells: pl.Series, field: Field, lines: pl.Series, file: str, rejects: list[Reject]) -> pl.Series:
    """The column in its type; a reject for each cell that is wrong."""
    convert, shape = _CONVERT[field.kind]
    values = convert(cells).alias(field.column)
    ok = values.is_not_null() | cells.is_null()
    if field.choices:
        ok &= cells.is_in(list(field.choices)) | cells.is_null()
        shape = f"write one of {', '.join(field.choices)}"
    if field.pattern:
        ok &= cells.str.contains(f"^(?:{field.pattern})$") | cells.is_null()
        shape = field.remedy
    if field.required:
        ok &= cells.is_not_null()
    ok &= (cells.str.len_bytes() <= MAX_FIELD) | cells.is_null()
    bad = pl.DataFrame({"line": lines, "cell": cells}).filter(~ok).head(MAX_REJECTS)
    for line, cell in bad.iter_rows():
        rejects.append(_cell_reject(file, line, field, cell, shape))
    return values


def _cell_reject(file: str, line: int, field: Field, cell: str | None, shape: str) -> Reject:
    if cell is None:
        return Reject(file, line - 1, -1, field.name, "BLANK", f"blank; {shape or 'write a value'}", line=line)
    shown = "" if field.secret else f" {mask_digits(cell[:40])!r}"
    return Reject(file, line - 1, -1, field.name, "VALUE", f"wrong value{shown}; {shape}", line=line)


def _twice(frame: pl.DataFrame, table: TableFormat, file: str) -> list[Reject]:
    """A reject for each row whose unique columns stood in an earlier row."""
    if not table.unique:
        return []
    secret = {field.name for field in table.fields if field.secret}
    keyed = frame.select("line", *table.unique).drop_nulls(table.unique[0])
    again = keyed.filter(~pl.struct(table.unique).is_first_distinct()).head(MAX_REJECTS)
    label = ", ".join(table.unique)
    out = []
    for row in again.iter_rows(named=True):
        shown = " ".join(str(row[name]) for name in table.unique if name not in secret)
        message = f"{label} {shown} stands twice; keep one row".replace("  ", " ")
        out.append(Reject(file, row["line"] - 1, -1, table.unique[0], "TWICE", message, line=row["line"]))
    return out


def _date(cells: pl.Series) -> pl.Series:
    exact = pl.when(pl.col("c").str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")).then(pl.col("c"))
    return pl.DataFrame({"c": cells}).select(exact.str.to_date("%Y-%m-%d", strict=False)).to_series()


def _int(cells: pl.Series) -> pl.Series:
    exact = pl.when(pl.col("c").str.contains(r"^[0-9]{1,15}$")).then(pl.col("c"))
    return pl.DataFrame({"c": cells}).select(exact.cast(pl.Int64, strict=False)).to_series()


def _digits(cells: pl.Series) -> pl.Series:
    return (
        pl.DataFrame({"c": cells}).select(pl.when(pl.col("c").str.contains(r"^[0-9]+$")).then(pl.col("c"))).to_series()
    )


_CONVERT: dict[str, tuple[Callable[[pl.Series], pl.Series], str]] = {
    "text": (lambda cells: cells.cast(pl.String), "write text of at most 4000 bytes"),
    "date": (_date, "write a real date as YYYY-MM-DD"),
    "yuan": (parse_amount_column, "write yuan with at most two decimals, like 12.34"),
    "ppm": (lambda cells: parse_amount_column(cells, 4), "write percent with at most four decimals, like 0.38"),
    "int": (_int, "write a whole number"),
    "digits": (_digits, "write digits only"),
}
