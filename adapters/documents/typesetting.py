"""Column widths, line breaks and row heights of a printed table, from the font's own widths.

typst can do this itself, by laying every cell out twice or more: 200 detail lines of 17 columns take twice as long.
Here the cells are measured once by adding up character widths, so that a column is as wide as its widest cell, the
columns of free text share what is left, and a text without a place to break (a long code) is broken all the same: no
text ever runs into the next cell.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.documents.fonts import regular_advances

EM = 1000
PADDING = 700  # left and right of a cell together, in thousandths of the type size
BOLD = 109  # an amount in bold is at most 1.08 times as wide; in hundredths
LEADING = 250  # between two lines of a cell
ROW = 680  # above and below the lines of a cell together
_LEAST = 7 * EM
_SIZES = (75, 70, 65, 60, 55, 50, 45, 40)  # tenths of a point
_NO_START = frozenset("，。、；：！？）》」』”’％%…·,.;:!?)")
_BREAK_AFTER = frozenset(" -/_")


@dataclass(frozen=True, slots=True)
class Setting:
    """A table ready to print: `size` in tenths of a point; widths and heights in thousandths of the type size."""

    size: int
    widths: list[int]
    rows: list[list[str]]
    heights: list[int]


def text_width(text: str) -> int:
    """The width of one line of text in thousandths of the type size; 1,000 for a character the font lacks."""
    known = regular_advances()
    return sum(known.get(ord(character), EM) for character in text)


def _break_at(text: str, start: int, end: int) -> int:
    """Where a line text[start:] that is full at `end` is best broken: after a blank, a dash or a Chinese character."""
    for place in range(end, start, -1):
        before, after = text[place - 1], text[place]
        if (
            (before in _BREAK_AFTER or before > "⺀" or after > "⺀")
            and after not in _NO_START
            and before not in "（《“"
        ):
            return place
    return end


def wrapped(text: str, width: int) -> str:
    """`text` with line feeds so that no line is wider than `width` (a line holds one character at least)."""
    if text_width(text) <= width:
        return text
    known = regular_advances()
    lines: list[str] = []
    start = used = 0
    place = 0
    while place < len(text):
        used += known.get(ord(text[place]), EM)
        if used > width and place > start:
            place = _break_at(text, start, place)
            lines.append(text[start:place].rstrip(" "))
            start, used = place, 0
            continue
        place += 1
    return "\n".join([*lines, text[start:]])


def _in_bold(width: int) -> int:
    return -(-width * BOLD // 100)


def _heading_width(heading: str, lines: int) -> int:
    """In two lines, a heading of more than four characters is about half as wide."""
    whole = text_width(heading)
    return _in_bold(whole if lines == 1 or whole <= 4 * EM else whole // 2 + EM)


def _widest(rows: list[list[str]], total: list[str], count: int) -> list[int]:
    """The width of each column's widest cell."""
    columns = zip(*rows, strict=True) if rows else ((),) * count
    found = [max((text_width(text) for text in set(cells)), default=0) for cells in columns]
    return [max(width, _in_bold(text_width(text))) for width, text in zip(found, total or [""] * count, strict=True)]


def _shared(natural: list[int], free: list[bool], room: int) -> list[int] | None:
    """Widths that fill `room`, columns of free text taking what the others leave; None where that is too little."""
    fixed = sum(width for width, loose in zip(natural, free, strict=True) if not loose)
    wishes = [width if loose else 0 for width, loose in zip(natural, free, strict=True)]
    left = room - fixed - sum(min(wish, _LEAST) for wish in wishes)
    if left < 0:
        return None
    more = [max(wish - _LEAST, 0) if loose else 0 for wish, loose in zip(wishes, free, strict=True)]
    if sum(more) > left:
        extra = [left * part // sum(more) for part in more]
    else:  # everything fits: the slack is spread over the free columns by their width, so that the table fills the page
        slack = left - sum(more)
        extra = [part + slack * wish // max(sum(wishes), 1) for part, wish in zip(more, wishes, strict=True)]
    return [
        width if not loose else min(wish, _LEAST) + part
        for width, loose, wish, part in zip(natural, free, wishes, extra, strict=True)
    ]


def _fitted(head: list[str], widest: list[int], free: list[bool], page: int, largest: int) -> tuple[int, list[int]]:
    """Type size and widths of the columns: the largest type in which all fits, headings in one line if they can be."""
    padding = PADDING * len(head)
    for size in (size for size in _SIZES if size <= largest):
        for lines in (1, 2):
            natural = [max(w, _heading_width(h, lines)) for w, h in zip(widest, head, strict=True)]
            widths = _shared(natural, free, page * EM // size - padding)
            if widths is not None:
                return size, widths
    room = page * EM // size - padding
    return size, [room * width // sum(natural) for width in natural]


def row_height(cells: list[str]) -> int:
    """The height of a row whose cells hold line feeds."""
    lines = max(text.count("\n") for text in cells) + 1
    return lines * EM + (lines - 1) * LEADING + ROW


def set_table(
    head: list[str], rows: list[list[str]], total: list[str], free: list[bool], page: int, largest: int = 75
) -> Setting:
    """The table fitted to a page `page` tenths of a point wide, in the largest type (`largest` at most) that fits.

    `free` marks columns of free text, which are broken into lines; the cells of the others stay on one line. `rows` of
    the result are the heading row, the rows, then the total row where `total` is not empty. The smallest type breaks
    whatever does not fit.
    """
    size, widths = _fitted(head, _widest(rows, total, len(head)), free, page, largest)
    bold = [width * 100 // BOLD for width in widths]
    lines = [[wrapped(text, width) for text, width in zip(head, bold, strict=True)]]
    lines += [[wrapped(text, width) for text, width in zip(row, widths, strict=True)] for row in rows]
    if total:
        lines.append([wrapped(text, width) for text, width in zip(total, bold, strict=True)])
    return Setting(size, [width + PADDING for width in widths], lines, [row_height(line) for line in lines])
