"""The loops over bytes that every ISO 8583 message passes through, written once and run in two ways.

A block of many messages runs as machine code (Numba); a small one as the Python that stands here, over memoryviews,
since a file of a few messages is done before Numba is loaded. `run` chooses; a test holds the two equal. All is one
file, because Numba's cache notices a changed file but not a changed callee in another.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

NEVER = -(1 << 63)  # a moment that is none
SMALL = 5_000  # messages; about where loading Numba has paid for itself
LEN2, LEN4, VBS = 0, 1, 2  # framings that are a chain of lengths
# Columns of a table of fields (iso_columns.plan): bytes of length, how they are written, largest length, counted in
# half bytes, what the data is, pad on the left and on the right; row of `places` (-1: not wanted); where its cells
# begin (-1: not wanted), how far it is from one to the next, their group; and whether all its bytes must be ASCII.
LENGTH, CODING, MOST, HALVES, DATA, LEFT, RIGHT, SLOT, CELLS, STRIDE, GROUP, RUN = range(12)
COLUMNS, FIELDS = 12, 193
KEPT = 8  # programs: most bitmaps of a file are few
BINARY, BCD, DIGITS = range(3)  # CODING; and BINARY as DATA
ASCII, BYTES, OTHER = 3, 4, 5  # DATA: text of bytes below 128, of any bytes, or not to be decided here
SIZE = 24  # bits of a place that count characters
MOST_CHARACTERS = (1 << SIZE) - 1
# Eight bytes as a signed integer: the high bit of each, a blank each; the first n bytes, and blanks behind them.
HIGH, BLANKS = -0x7F7F7F7F7F7F7F80, 0x2020202020202020
FIRST = tuple((1 << 8 * n) - 1 for n in range(8))
BEHIND = tuple(BLANKS & ~first for first in FIRST)

Array = Any  # of integers: a NumPy array for machine code, a memoryview for Python
Run = Callable[..., Any]


def chain(data: Array, limit: int, framing: int, starts: Array) -> tuple[int, int]:
    """Where each length of a framed block stands, into `starts`: how many, and where the next would stand.

    A length is read while all its bytes lie before `limit`; zero, or what is no number, ends the walk, and so do as
    many as `starts` holds.
    """
    at, count = 0, 0
    while at < limit and count < len(starts):
        starts[count] = at
        count += 1
        length = 0
        if framing == LEN2:
            length = data[at] * 256 + data[at + 1]
            at += 2
        elif framing == LEN4:
            for place in range(at, at + 4):
                digit = data[place] - 48
                length = length * 10 + digit if 0 <= digit <= 9 and length >= 0 else -1
            at += 4
        else:
            length = ((data[at] * 256 + data[at + 1]) * 256 + data[at + 2]) * 256 + data[at + 3]
            at += 4
        if length == 0:
            break
        at += length if length > 0 else limit
    return count, at


def _listed(
    buffer: Array, at: int, wide: int, table: Array, groups: Array, program: Array, first: int, bare: Array, kept: int
) -> int:
    """Rows of the table for the fields in `wide` bytes of bitmap, in order, from `first` on in the program; how many.

    `bare[kept]` marks the groups of cells that these fields do not fill. Bits 1 and 65 stand for more bitmap: their
    rows of the table are fields of no length.
    """
    for group in range(len(groups)):
        bare[kept, group] = groups[group, 1]
    count = 0
    for number in range(wide * 8 + 1):
        if number and not buffer[at + (number - 1 >> 3)] & (128 >> (number - 1 & 7)):
            continue
        group, width = table[number, GROUP], table[number, MOST]
        if group >= 0 and not table[number, LENGTH]:
            bare[kept, group] -= width * 2 if table[number, DATA] == BINARY and not table[number, HALVES] else width
        if number:
            for column in range(COLUMNS):
                program[first + count, column] = table[number, column]
            count += 1
    return count


def _field(
    buffer: Array, words: Array, here: int, end: int, program: Array, step: int, places: Array, cells: Array, row: int
) -> int:
    """Reads the field that stands `here`, notes it, and gives where the next stands; -1 where it is not regular."""
    width, length = program[step, LENGTH], program[step, MOST]
    if width:
        if here + width > end:
            return -1
        coding, length = program[step, CODING], 0
        for place in range(here, here + width):
            byte = buffer[place]
            if coding == BINARY:
                length = length * 256 + byte
            elif coding == BCD and byte >> 4 <= 9 and byte & 15 <= 9:
                length = length * 100 + (byte >> 4) * 10 + (byte & 15)
            elif coding == DIGITS and 48 <= byte <= 57:
                length = length * 10 + byte - 48
            else:
                return -1
        if length > program[step, MOST]:
            return -1
        here += width
    halves, data = program[step, HALVES], program[step, DATA]
    count = (length + 1) // 2 if halves else length
    if here + count > end or data == OTHER:
        return -1
    lead = 0
    if data == BINARY and halves and length & 1:
        if buffer[here] >> 4 == program[step, LEFT]:
            lead = 1
        elif buffer[here + count - 1] & 15 != program[step, RIGHT]:
            return -1
    first = here * 2 + lead if data == BINARY else here
    size = count if data != BINARY else length if halves else count * 2
    if program[step, SLOT] >= 0:
        places[program[step, SLOT], row] = first << SIZE | size
    if program[step, CELLS] >= 0:
        _copy(buffer, words, first, size, data == BINARY, cells, program[step, CELLS] + row * program[step, STRIDE])
    return int(here + count)


def _ascii(words: Array, here: int, stop: int) -> bool:
    """True where no byte from `here` to `stop` is above 127."""
    high = 0
    while here + 8 <= stop:
        high |= words[here]
        here += 8
    if here < stop:
        high |= words[here] & FIRST[stop - here]
    return high & HIGH == 0


def _copy(buffer: Array, words: Array, first: int, size: int, binary: bool, cells: Array, to: int) -> None:
    """The characters of a field, eight at a time; up to seven bytes behind them become blank."""
    if binary:
        for start in range(0, size, 8):
            eight = BLANKS
            for index in range(min(size - start, 8)):
                place = first + start + index
                half = buffer[place >> 1] >> 4 * (1 - place % 2) & 15
                eight += (half + 16 if half < 10 else half + 23) << 8 * index
            cells[to + start] = eight
        return
    for start in range(0, size - 7, 8):
        cells[to + start] = words[first + start]
    rest = size & 7
    if rest:
        cells[to + size - rest] = words[first + size - rest] & FIRST[rest] | BEHIND[rest]


def _blank(cells: Array, to: int, width: int) -> None:
    for start in range(0, width, 8):
        cells[to + start] = BLANKS


def walk(
    buffer: Array, words: Array, starts: Array, ends: Array, table: Array, groups: Array, program: Array, bare: Array,
    bitmaps: Array, places: Array, cells: Array, odd: Array,
) -> None:  # fmt: skip
    """Where each wanted field of each message stands, and its characters in cells of fixed width.

    Messages are buffer[start:end], `words` the same bytes eight at a time from each of them on, `table[0]` describes
    the message type; `odd` marks messages that are not regular from end to end. A place is `where << SIZE` with the
    number of characters, -1 where the field is absent; of binary fields both count half bytes, a pad on the left left
    out. Cells stand one behind the other, so that a word written behind the end of one is overwritten by the next;
    `groups` has where each of them begins, and its width. What a bitmap asks for is listed once, as one of KEPT
    programs, with the bitmap and the number of fields in `bitmaps`. Fields of ASCII are looked through a run of them at
    once, from `clean` on.
    """
    for row in range(len(starts)):
        start, end = starts[row], ends[row]
        here = start + (2 if table[0, DATA] == BINARY else 4)
        odd[row] = True
        if here + 8 > end:
            continue
        wide = 8
        if buffer[here] & 128:
            wide = 24 if here + 16 <= end and buffer[here + 8] & 128 else 16
        if here + wide > end:
            continue
        first, second, third = words[here], 0, 0
        if wide > 8:
            second = words[here + 8]
        if wide > 16:
            third = words[here + 16]
        kept = (first ^ first >> 13 ^ first >> 29 ^ second ^ second >> 21 ^ third) & (KEPT - 1)
        count = bitmaps[kept, 3]
        if count < 0 or bitmaps[kept, 0] != first or bitmaps[kept, 1] != second or bitmaps[kept, 2] != third:
            bitmaps[kept, 0], bitmaps[kept, 1], bitmaps[kept, 2] = first, second, third
            count = bitmaps[kept, 3] = _listed(buffer, here, wide, table, groups, program, kept * FIELDS, bare, kept)
        for group in range(len(groups)):
            if bare[kept, group]:
                _blank(cells, groups[group, 0] + row * groups[group, 1], groups[group, 1])
        good = _field(buffer, words, start, end, table, 0, places, cells, row) > 0
        good = good and (table[0, DATA] != ASCII or _ascii(words, start, here))
        here += wide
        clean = here
        for step in range(kept * FIELDS, kept * FIELDS + count):
            then = _field(buffer, words, here, end, program, step, places, cells, row)
            if then < 0:
                good = False
                break
            if not program[step, RUN]:
                good = good and _ascii(words, clean, here)
                clean = here + program[step, LENGTH] if program[step, DATA] == ASCII else then
            here = then
        odd[row] = not (good and here == end and _ascii(words, clean, here))


def gather(buffer: Array, words: Array, places: Array, binary: bool, width: int, cells: Array) -> None:
    """The characters of one field of each message in cells of `width`, longer ones cut, shorter ones with blanks."""
    for row in range(len(places)):
        _blank(cells, row * width, width)
        if places[row] >= 0:
            size = min(places[row] & MOST_CHARACTERS, width)
            _copy(buffer, words, places[row] >> SIZE, size, binary, cells, row * width)


def label(cells: Array, width: int, labels: Array, rows: Array) -> int:
    """Numbers distinct cells (8 to 16 bytes wide) in order of appearance, into `labels`; -1: more than `rows` holds.

    The first row of each goes into `rows`; the result is how many there are.
    """
    count, found = 0, 0
    for row in range(len(labels)):
        front, back = cells[row * width], cells[row * width + width - 8]
        same = False
        for known in range(-1 if count else 0, count):  # that of the row before first
            number = known if known >= 0 else found
            at = rows[number] * width
            if cells[at] == front and cells[at + width - 8] == back:
                found, same = number, True
                break
        if not same:
            if count == len(rows):
                return -1
            rows[count] = row
            found, count = count, count + 1
        labels[row] = found
    return count


def whole(cells: Array, width: int, values: Array) -> None:
    """The number in each cell of digits; -1 where there is anything else."""
    for row in range(len(values)):
        value, good = 0, True
        for place in range(row * width, row * width + width):
            digit = cells[place] - 48
            good = good and 0 <= digit <= 9
            value = value * 10 + digit
        values[row] = value if good else -1


def moments(cells: Array, day: int, time: int, days: Array, values: Array) -> None:
    """Microseconds of cells of ten digits, MMDD from `day` and hhmmss from `time` on; NEVER where it is no such cell.

    `days` has, at 32 times the month plus the day, days since 1970, or NEVER.
    """
    for row in range(len(values)):
        good, at = True, row * 10
        for place in range(at, at + 10):
            good = good and 48 <= cells[place] <= 57
        month, of_month = _two(cells, at + day), _two(cells, at + day + 2)
        hour, minute, second = _two(cells, at + time), _two(cells, at + time + 2), _two(cells, at + time + 4)
        values[row] = NEVER
        if good and month <= 12 and of_month <= 31 and hour <= 23 and minute <= 59 and second <= 59:
            since = days[month * 32 + of_month]
            if since != NEVER:
                values[row] = (((since * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000


def _two(cells: Array, at: int) -> int:
    return int((cells[at] - 48) * 10 + cells[at + 1] - 48)


@cache
def _machine() -> dict[Run, Run]:
    """The loops as machine code; what they call is compiled into them."""
    from numba.extending import register_jitable

    from settlement.model.compiled import LOOP, STEP, compiled

    for step in (_listed, _field, _ascii, _copy, _blank, _two):
        register_jitable(**STEP)(step)
    return {loop: compiled(LOOP)(loop) for loop in (chain, walk, gather, label, whole, moments)}


def run(loop: Run, messages: int, *given: Any) -> Any:
    """One of the loops over a block of about so many messages."""
    if messages >= SMALL:
        return _machine()[loop](*given)
    return loop(*(one.data if isinstance(one, np.ndarray) and one.flags.aligned else one for one in given))
