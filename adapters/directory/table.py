"""A reference CSV as data: its fields, read into a typed frame, every wrong cell listed with line, field and remedy.

All cells are read as text first, by the reader of programme directories (csv_table.py); a record is one line (a line
break inside quotes is refused), and its number is that of its line less one. Nothing is guessed: UTF-8 (a BOM is
accepted), comma, header row with exactly the named columns in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from adapters.directory.csv_table import Table, days, table_of
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


def read_table(data: bytes, file: str, table: TableFormat) -> ReadTable:
    """Reads the bytes of a reference CSV. A file that cannot be read at all gives one reject of the whole file."""
    if len(data) > MAX_BYTES:
        message = f"more than {MAX_BYTES} bytes; split the file"
        return ReadTable(pl.DataFrame(), [Reject(file, 0, -1, "", "TOO_LARGE", message, line=1)])
    texts = table_of(data, data, file, tuple(field.name for field in table.fields), short=True)
    if isinstance(texts, Reject):
        return ReadTable(pl.DataFrame(), [texts])
    broken = _line_breaks(texts)
    if broken:
        return ReadTable(pl.DataFrame(), broken)
    raw = _cells(texts)
    rejects: list[Reject] = []
    typed = [_typed(raw[field.name], field, raw["line"], file, rejects) for field in table.fields]
    frame = pl.DataFrame([raw["line"], *typed])
    rejects += _twice(frame, table, file)
    rejects.sort(key=lambda r: (r.line, r.field))
    return ReadTable(frame, rejects[:MAX_REJECTS])


def _line_breaks(texts: Table) -> list[Reject]:
    if texts.plain:
        return []
    bad = texts.frame.select(pl.all().str.contains(r"[\r\n]"))
    message = "a line break inside a cell; write it on one line"
    return [reject for column in bad for reject in texts.rejects(column, column.name, "LINE_BREAK", message)]


def _cells(texts: Table) -> pl.DataFrame:
    """`line`, and all cells without the blanks around them; blank = null. Rows of blanks (Excel: `,,,`) are skipped."""
    lines = pl.int_range(2, texts.frame.height + 2, eager=True) if texts.lines is None else texts.lines
    cells = texts.frame.select(lines.alias("line"), pl.all().str.strip_chars().replace("", None))
    return cells.filter(pl.any_horizontal(pl.exclude("line").is_not_null()))


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
    if field.secret and _is_rounded(cells):
        message = (
            "all long numbers have zeros behind the 15th digit, as a workbook program rounds them; export again with "
            "the column as text, or import true ones together with a long one that ends otherwise"
        )
        rejects.append(Reject(file, 0, -1, field.name, "ROUNDED", message, line=1))
    bad = pl.DataFrame({"line": lines, "cell": cells}).filter(~ok).head(MAX_REJECTS)
    for line, cell in bad.iter_rows():
        rejects.append(_cell_reject(file, line, field, cell, shape))
    return values


def _is_rounded(cells: pl.Series) -> bool:
    """True where all numbers of 16 digits or more have zeros behind the 15th, as Excel keeps them: three at least."""
    long = cells.filter(cells.str.contains(r"^[0-9]{16,}$"))
    zeros = long.str.len_bytes().cast(pl.Int64).sum() - 15 * len(long)
    return bool(zeros >= 3 and long.str.contains(r"^[1-9].{14}0+$").all())  # Excel keeps no zero in front


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


def _matching(cells: pl.Series, pattern: str) -> pl.Series:
    return cells.set(~cells.str.contains(pattern), None)


_CONVERT: dict[str, tuple[Callable[[pl.Series], pl.Series], str]] = {
    "text": (lambda cells: cells.cast(pl.String), "write text of at most 4000 bytes"),
    "date": (days, "write a real date as YYYY-MM-DD"),
    "yuan": (parse_amount_column, "write yuan with at most two decimals, like 12.34"),
    "ppm": (lambda cells: parse_amount_column(cells, 4), "write percent with at most four decimals, like 0.38"),
    "int": (lambda cells: _matching(cells, "^[0-9]{1,15}$").cast(pl.Int64), "write a whole number"),
    "digits": (lambda cells: _matching(cells, "^[0-9]+$"), "write digits only"),
}
