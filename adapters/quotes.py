"""What banks and wallets write and CSV does not know: blanks behind a closing quote, separators of several marks.

Lines that end with CR alone, as on an old Macintosh. And texts with a separator in them and no quotes around, where a
mark before each cell says where it begins.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

ONE_MARK = "\x1f"  # stands for a separator of several: no text may hold it
_VALUE = re.compile(r"[+-]?[0-9][0-9,.:/年月日T -]*", re.ASCII)  # a day, perhaps with a time, or an amount
_SHORTEST = 4  # of a day, or of an amount with its fen
_AROUND = " \t`'=\""
_SEPARATOR = re.compile(r"""(?![.+-]$)[^\w"'\r\n]{1,4}""")


def known_separator(text: str) -> str:
    """A separator that can be told from what stands between. ValueError: it cannot."""
    if _SEPARATOR.fullmatch(text) is None:
        raise ValueError("a separator is one to four marks that no amount, word or quote has, like , or |@|")
    return text


def ends_with_cr(head: bytes) -> bool:
    """Whether the lines of a file that begins so end with CR alone. One at the very end may be a CRLF that was cut."""
    return b"\r" in head[:-1] and b"\n" not in head


def delimiter_of(separator: str) -> str:
    """What separates the cells of a line that `without_padding` gave."""
    return separator if len(separator) == 1 else ONE_MARK


@cache
def _padding(separator: str) -> re.Pattern[str]:
    blanks = " " if separator == "\t" else " \t"
    return re.compile(rf'"[{blanks}]+(?={re.escape(separator)}|[\r\n]*$)')


def csv_lines(lines: Iterable[str], separator: str, prefix: str = "") -> Iterator[str]:
    """The lines as csv.reader takes them. Of a line whose cells begin with `prefix` the cells begin there alone.

    A wallet writes `饭,菜 or `{"a":1,"b":2} without quotes. How many cells a line has, the last line without the prefix
    says, the headings; a line that is not so is left as it is.
    """
    width = 0
    for line in lines:
        if prefix and len(separator) == 1:
            bare = line.rstrip(f"{separator} \t\r\n")  # blank cells may stand behind the last one
            if not line.startswith(prefix):
                width = bare.count(separator) + 1
            elif bare.count(separator) >= width > 1:
                line = _quoted(bare, separator, prefix, width) + line[len(bare) :]
        yield without_padding(line, separator)


def _quoted(bare: str, separator: str, prefix: str, width: int) -> str:
    cells = bare.split(separator + prefix)
    if len(cells) != width:
        return bare
    marked = (cell if place == 0 else prefix + cell for place, cell in enumerate(cells))
    return separator.join('"' + cell.replace('"', '""') + '"' for cell in marked)


def without_padding(line: str, separator: str) -> str:
    """The line with each closing quote at its separator, or at the end; a separator of several marks is ONE_MARK."""
    if len(separator) > 1:
        line, separator = line.replace(separator, ONE_MARK), ONE_MARK
    return _padding(separator).sub('"', line) if '" ' in line or '"\t' in line else line


def swallows_a_line(cells: Sequence[str], separator: str, width: int) -> bool:
    """True where a row over several lines holds a whole one in a cell: two stray quotes opened it.

    One cell has as many separators as the row, and a day and an amount between them; or all have those of two rows of
    `width`, and one of both. People's remarks, and the sentences of a foot, have commas and line ends too, but hardly
    such cells.
    """
    mark = delimiter_of(separator)
    marks = [cell.count(mark) for cell in cells]
    of_two = len(cells) - 1 + sum(marks) >= 2 * (max(width, 3) - 1)
    of_one = len(cells) > 1 and max(marks) >= max(len(cells) - 1, 2)
    texts = (cell for cell, here in zip(cells, marks, strict=True) if here)
    parts = (part.strip(_AROUND) for text in texts for line in text.splitlines() for part in line.split(mark))
    values = list(filter(_VALUE.fullmatch, parts)) if of_one or of_two else []
    return len(values) >= (2 if of_one else 1) and len(max(values, key=len)) >= _SHORTEST


def quoted_cells(line: str, separator: str) -> list[str]:
    """The cells of one line of which some may be quoted. ValueError: its quotes do not close, or close too early."""
    if '"' not in line:
        return line.split(separator)
    told = without_padding(line, separator)
    try:
        (cells,) = csv.reader([told], delimiter=delimiter_of(separator), strict=True)
    except (csv.Error, ValueError):
        message = "has quotes that do not close, or something behind a closing quote; double a quote within a cell"
        raise ValueError(message) from None
    return cells if len(separator) == 1 else [cell.replace(ONE_MARK, separator) for cell in cells]
