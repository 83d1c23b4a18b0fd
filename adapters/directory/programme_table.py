"""CSV files as frames of text, in which every row still knows its line.

The common file (no newline in a field, no blank or short line) is read by Polars; anything else goes through the csv
module, which is slow and exact. Both give the same frame, so that no leniency decides what money is read.
"""

from __future__ import annotations

import csv
import io
import mmap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

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
    """The file's rows, or what makes it unreadable. BadInput where there is no such file.

    UTF-8 (a BOM is accepted), a header row with exactly `columns` in any order, every row as long as the header, fields
    of at most MAX_FIELD characters. Blank lines are skipped.
    """
    file = str(path)
    try:
        data = path.open("rb")
    except OSError as bad:
        raise BadInput(f"{file}: {(bad.strerror or 'cannot be read').lower()}; give the file") from None
    with data:
        size = path.stat().st_size
        if size == 0:
            return [_bad(file, 1, "EMPTY", f"the file is empty; write the header row {','.join(columns)}")]
        with mmap.mmap(data.fileno(), 0, access=mmap.ACCESS_READ) as content:
            header = _header(content, file, columns)
            if isinstance(header, Reject):
                return [header]
            table = _fast(content, path, header) or _exact(content, file, header)
    if isinstance(table, Reject):
        return [table]
    ordered = table.frame.select(columns)
    table = Table(file, ordered, table.lines, table.plain)
    if table.plain:
        return table
    long = ordered.select(pl.all().str.len_chars() > MAX_FIELD)
    message = f"more than {MAX_FIELD} characters; shorten the field"
    return [r for c in long for r in table.rejects(c, c.name, "TOO_LONG", message)] or table


def _bad(file: str, line: int, code: str, message: str, field: str = "") -> Reject:
    return Reject(file, max(0, line - 1), -1, field, code, message, line)


def _header(content: mmap.mmap, file: str, columns: tuple[str, ...]) -> list[str] | Reject:
    first = content[: 1 << 16].split(b"\n", 1)[0].removeprefix(b"\xef\xbb\xbf").rstrip(b"\r")
    try:
        names = next(csv.reader([first.decode()], strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        return _bad(file, 1, "HEADER", f"the header cannot be read; write {','.join(columns)} in UTF-8")
    for name in columns:
        if name not in names:
            return _bad(file, 1, "MISSING_COLUMN", f"column {name} is missing; the header is {','.join(columns)}", name)
    for name in names:
        if name not in columns:
            shown = name[:40].encode("unicode_escape").decode()
            return _bad(file, 1, "UNKNOWN_COLUMN", f"unknown column {shown}; the header is {','.join(columns)}")
        if names.count(name) > 1:
            return _bad(file, 1, "COLUMN_TWICE", f"column {name} stands twice; keep one", name)
    return names


def _count(content: mmap.mmap) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How often each byte that matters stands in the file: quote, comma, CR, LF; and any control character."""
    total = np.zeros(5, np.int64)
    for start in range(0, len(content), _CHUNK):
        block = np.frombuffer(content[start : start + _CHUNK], np.uint8)
        controls = int(np.count_nonzero(block < ord(" ")))
        quotes, commas, newlines = (int(np.count_nonzero(block == ord(mark))) for mark in '",\n')
        returns = int(np.count_nonzero(block == ord("\r"))) if controls != newlines else 0
        total += np.array([quotes, commas, returns, newlines, controls])
    return total


def _fast(content: mmap.mmap, path: Path, names: list[str]) -> Table | None:
    """By Polars where the file is plain, else None."""
    quotes, commas, returns, newlines, controls = (int(n) for n in _count(content))
    rows = newlines - (content[-1] == ord("\n"))
    if controls != returns + newlines or returns not in {0, newlines} or len(names) < 2:
        return None
    try:
        frame = pl.read_csv(path, glob=False, infer_schema=False, quote_char='"' if quotes else None)
    except pl.exceptions.PolarsError:
        return None
    if frame.height != rows or frame.columns != names:
        return None
    # Polars fills a short line up in silence; too few commas give it away.
    inside = sum(frame.select(pl.all().str.count_matches(",", literal=True).sum()).row(0)) if quotes else 0
    if commas - inside != (len(names) - 1) * (rows + 1):
        return None
    lengths = frame.select(pl.all().str.len_bytes().max()).row(0)
    if max((n or 0 for n in lengths), default=0) > MAX_FIELD:
        return None
    if quotes:  # Polars keeps "" apart from a blank field; this page does not
        frame = frame.with_columns(pl.when(pl.all().str.len_bytes() > 0).then(pl.all()).name.keep())
    return Table(str(path), frame, None, plain=True)


def _exact(content: mmap.mmap, file: str, names: list[str]) -> Table | Reject:
    """Row by row with the csv module, strictly."""
    data = content[:].removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode()
    except UnicodeDecodeError as bad:
        return _bad(file, data.count(b"\n", 0, bad.start) + 1, "ENCODING", "not UTF-8; save the file as UTF-8")
    if "\0" in text:
        return _bad(file, text.count("\n", 0, text.index("\0")) + 1, "NUL", "a NUL character; remove it")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    begin = 1
    try:
        for row in reader:
            if row and begin > 1:
                if len(row) != len(names):
                    message = f"{len(row)} fields; write {len(names)}, as the header has"
                    return _bad(file, begin, "FIELDS", message)
                rows.append(row)
                lines.append(begin)
            begin = reader.line_num + 1
    except csv.Error as bad:
        return _bad(file, begin, "CSV", f"{str(bad)[:80]}; correct the quotes or shorten the field")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return Table(file, frame.with_columns(pl.all().replace("", None)), pl.Series(lines, dtype=pl.Int64))
