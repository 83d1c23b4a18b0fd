"""CSV files of programme directories and imports as frames of text, in which every row still knows its line.

The common file (no newline in a field, no blank or short line) is read by Polars; anything else goes through the csv
module, which is slow and exact. Both give the same frame, so that no leniency decides what money is read.
"""

from __future__ import annotations

import csv
import io
import mmap
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from settlement.model.cards import mask_digits
from settlement.model.errors import BadInput
from settlement.model.rejects import Reject

MAX_FIELD = 500
SHOWN = 20
_CHUNK = 1 << 18  # stays in the processor's cache


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of text (a blank field is null) in the declared order; `lines` None: row n stands in line n + 2.

    `plain`: no control character stands in the file but its line ends.
    """

    file: str
    frame: pl.DataFrame
    lines: pl.Series | None
    plain: bool = False

    def line(self, row: int) -> int:
        """The line of the file (from 1) in which row `row` (from 0) begins."""
        return row + 2 if self.lines is None else int(self.lines[row])

    def rejects(self, bad: pl.Series, field: str, code: str, message: str) -> list[Reject]:
        """A Reject for each of the first rows where `bad` is true."""
        rows = bad.fill_null(value=False).arg_true().head(SHOWN)
        return [Reject(self.file, row + 1, -1, field, code, message, self.line(row)) for row in rows]


def read_table(path: Path, columns: tuple[str, ...]) -> Table | list[Reject]:
    """The file's rows as `table_of` gives them, or what makes it unreadable. BadInput where there is no such file.

    Fields of at most MAX_FIELD characters.
    """
    file = str(path)
    try:
        data = path.open("rb")
    except OSError as bad:
        raise BadInput(f"{file}: {(bad.strerror or 'cannot be read').lower()}; give the file") from None
    with data:
        size = path.stat().st_size  # of nothing there is no map
        with mmap.mmap(data.fileno(), 0, access=mmap.ACCESS_READ) if size else nullcontext(b"") as content:
            table = table_of(content, path, file, columns)
    if isinstance(table, Reject):
        return [table]
    if table.plain:
        return table
    long = table.frame.select(pl.all().str.len_chars() > MAX_FIELD)
    message = f"more than {MAX_FIELD} characters; shorten the field"
    return [r for c in long for r in table.rejects(c, c.name, "TOO_LONG", message)] or table


def table_of(
    content: bytes | mmap.mmap, source: Path | bytes, file: str, columns: tuple[str, ...], *, short: bool = False
) -> Table | Reject:
    """The rows of `content`; `source` is the same for Polars, which reads a path by itself.

    UTF-8 (a BOM is accepted), a header row with exactly `columns` in any order, every row as long as the header. Blank
    lines are skipped. `short`: rows may end early, as Excel and OnlyOffice leave out separators of blank fields, but
    not a last one without a line end, which may have been cut.
    """
    if not len(content):
        return _bad(file, 1, "EMPTY", f"the file is empty; write the header row {','.join(columns)}")
    header = _header(content, file, columns)
    if isinstance(header, Reject):
        return header
    table = _fast(content, source, file, header, short) or _exact(content, file, header, short)
    return table if isinstance(table, Reject) else replace(table, frame=table.frame.select(columns))


def _bad(file: str, line: int, code: str, message: str, field: str = "") -> Reject:
    return Reject(file, max(0, line - 1), -1, field, code, message, line)


def _header(content: bytes | mmap.mmap, file: str, columns: tuple[str, ...]) -> list[str] | Reject:
    first = content[: 1 << 16].split(b"\n", 1)[0].removeprefix(b"\xef\xbb\xbf").rstrip(b"\r")
    try:
        names = next(csv.reader([first.decode()], strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        return _bad(file, 1, "HEADER", f"the header cannot be read; save as CSV UTF-8 with {','.join(columns)}")
    for name in columns:
        if name not in names:
            return _bad(file, 1, "MISSING_COLUMN", f"column {name} is missing; the header is {','.join(columns)}", name)
    for name in names:
        if name not in columns:
            shown = mask_digits(name)[:40]
            return _bad(file, 1, "UNKNOWN_COLUMN", f"unknown column {shown!r}; the header is {','.join(columns)}")
        if names.count(name) > 1:
            return _bad(file, 1, "COLUMN_TWICE", f"column {name} stands twice; keep one", name)
    return names


def _count(content: bytes | mmap.mmap) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How often each byte that matters stands in the file: quote, comma, LF, CR, tab; and any control character."""
    total = np.zeros(6, np.int64)
    for start in range(0, len(content), _CHUNK):
        block = np.frombuffer(content[start : start + _CHUNK], np.uint8)
        controls = int(np.count_nonzero(block < ord(" ")))
        quotes, commas, newlines = (int(np.count_nonzero(block == ord(mark))) for mark in '",\n')
        others = (int(np.count_nonzero(block == ord(mark))) for mark in "\r\t") if controls != newlines else (0, 0)
        total += np.array([quotes, commas, newlines, *others, controls])
    return total


def _fast(content: bytes | mmap.mmap, source: Path | bytes, file: str, names: list[str], short: bool) -> Table | None:
    """By Polars where no control character but line ends and tabs stands in the file, else None."""
    quotes, commas, newlines, returns, tabs, controls = (int(n) for n in _count(content))
    rows = newlines - (content[-1] == ord("\n"))
    if controls != returns + newlines + tabs or returns not in {0, newlines} or len(names) < 2:
        return None
    try:
        frame = pl.read_csv(source, glob=False, infer_schema=False, quote_char='"' if quotes else None)
    except pl.exceptions.PolarsError:
        return None
    if frame.height != rows or frame.columns != names:
        return None
    # Polars fills a short line up in silence, also a blank one and one cut by a loose quote; too few commas tell.
    inside = sum(frame.select(pl.all().str.count_matches(",", literal=True).sum()).row(0)) if quotes else 0
    if commas - inside != (len(names) - 1) * (rows + 1) and (
        not short
        or quotes
        or content[-1] != ord("\n")
        or frame.select(pl.all_horizontal(pl.all().is_null()).any()).item()
    ):
        return None
    lengths = frame.select(pl.all().str.len_bytes().max()).row(0)
    if max((n or 0 for n in lengths), default=0) > MAX_FIELD:
        return None
    if quotes:  # Polars keeps "" apart from a blank field; this page does not
        frame = frame.with_columns(pl.when(pl.all().str.len_bytes() > 0).then(pl.all()).name.keep())
    return Table(file, frame, None, plain=tabs == 0)


def _exact(content: bytes | mmap.mmap, file: str, names: list[str], short: bool) -> Table | Reject:
    """Row by row with the csv module, strictly."""
    data = content[:].removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode()
    except UnicodeDecodeError as bad:
        return _bad(file, data.count(b"\n", 0, bad.start) + 1, "ENCODING", "not UTF-8; save the file as CSV UTF-8")
    if "\0" in text:
        return _bad(file, text.count("\n", 0, text.index("\0")) + 1, "NUL", "a NUL character; remove it")
    reader = csv.reader(io.StringIO(text, newline="\n"), strict=True)  # a CR alone ends no row
    rows: list[list[str]] = []
    lines: list[int] = []
    begin, width = 1, len(names)
    try:
        for row in reader:
            if row and begin > 1:
                if len(row) > width or (len(row) < width and not short):
                    return _ragged(file, begin, len(row), width)
                rows.append(row + [""] * (width - len(row)))
                lines.append(begin)
            begin = reader.line_num + 1
    except csv.Error as bad:
        said = str(bad).split(" - ")[0]  # behind it stands advice to programmers
        return _bad(file, begin, "CSV", f"{said}; correct the quotes and line ends, or shorten the field")
    if 0 < len(row) < width and not text.endswith("\n"):
        return _ragged(file, lines[-1], len(row), width)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return Table(file, frame.with_columns(pl.all().replace("", None)), pl.Series(lines, dtype=pl.Int64))


def _ragged(file: str, line: int, fields: int, width: int) -> Reject:
    return _bad(file, line, "FIELDS", f"{fields} fields; write {width}, as the header has")


def days(text: pl.Series) -> pl.Series:
    """YYYY-MM-DD as dates; null where it is none, or of the year 0, which Python has not."""
    formed = text.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$") & ~text.str.starts_with("0000")
    return text.set(~formed, None).str.to_date("%Y-%m-%d", strict=False)
