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

HIGH = -0x7F7F7F7F7F7F7F80  # the high bit of each of eight bytes, as a signed integer
LOW_BYTES = tuple((1 << 8 * n) - 1 for n in range(8))
SMALL = 2_000  # messages; about where loading Numba has paid for itself
LEN2, LEN4, VBS = 0, 1, 2  # framings that are a chain of lengths
# Columns of a table of fields (iso_columns.plan): bytes of length, how they are written, largest length, counted in
# half bytes, what the data is, pad on the left and on the right, row of the result (-1: not wanted).
LENGTH, CODING, MOST, HALVES, DATA, LEFT, RIGHT, SLOT = range(8)
BINARY, BCD, DIGITS = range(3)  # CODING; and BINARY as DATA
SIZE = 24  # bits of a place that count characters
MOST_CHARACTERS = (1 << SIZE) - 1
ASCII, BYTES, OTHER = 3, 4, 5  # DATA: text of bytes below 128, of any bytes, or not to be decided here

Array = Any  # of integers: a NumPy array for machine code, a memoryview for Python
Run = Callable[..., Any]


def chain(data: Array, limit: int, framing: int, starts: Array) -> tuple[int, int]:
    """Where each length of a framed block stands, into `starts`: how many, and where the next would stand.

    A length is read while all its bytes lie before `limit`; zero, or what is no number, ends the walk.
    """
    at, count = 0, 0
    while at < limit:
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


def _listed(buffer: Array, at: int, wide: int, fields: Array) -> int:
    """The numbers of the fields in `wide` bytes of bitmap, ascending, into `fields`; how many."""
    count = 0
    for index in range(wide):
        byte = buffer[at + index]
        for bit in range(8):
            number = index * 8 + bit + 1
            if byte & (128 >> bit) and number not in (1, 65):
                fields[count] = number
                count += 1
    return count


def _field(buffer: Array, words: Array, here: int, end: int, table: Array, number: int, places: Array, row: int) -> int:
    """Reads the field that stands `here`, notes its place, gives where the next stands; -1 where it is not regular."""
    width, length = table[number, LENGTH], table[number, MOST]
    if width:
        if here + width > end:
            return -1
        coding, length = table[number, CODING], 0
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
        if length > table[number, MOST]:
            return -1
        here += width
    halves, data = table[number, HALVES], table[number, DATA]
    count = (length + 1) // 2 if halves else length
    if here + count > end or data == OTHER:
        return -1
    lead = 0
    if data == BINARY and halves and length & 1:
        if buffer[here] >> 4 == table[number, LEFT]:
            lead = 1
        elif buffer[here + count - 1] & 15 != table[number, RIGHT]:
            return -1
    if data == ASCII:
        high, place, stop = 0, here, here + count
        while place + 8 <= stop:
            high |= words[place]
            place += 8
        high |= words[place] & LOW_BYTES[stop - place]
        if high & HIGH:
            return -1
    slot = table[number, SLOT]
    if slot >= 0:
        first = here * 2 + lead if data == BINARY else here
        size = count if data != BINARY else length if halves else count * 2
        places[slot, row] = first << SIZE | size
    return int(here + count)


def walk(
    buffer: Array, words: Array, starts: Array, ends: Array, table: Array, fields: Array, places: Array, odd: Array
) -> None:
    """Where each wanted field of each message stands; `odd` marks messages that are not regular from end to end.

    Messages are buffer[start:end], `words` the same bytes eight at a time from each of them on, `table[0]` describes
    the message type. A place is `where << SIZE | characters`, -1 where the field is absent; of binary fields both count
    half bytes, a pad on the left left out. The fields of a bitmap are listed once as long as it stays the same: `seen`
    is where it stood last.
    """
    seen, wide, count = -1, 0, 0
    for row in range(len(starts)):
        end = ends[row]
        here = _field(buffer, words, starts[row], end, table, 0, places, row)
        if here < 0 or here + 8 > end:
            odd[row] = True
            continue
        need = 8
        if buffer[here] & 128:
            need = 24 if here + 16 <= end and buffer[here + 8] & 128 else 16
        if here + need > end:
            odd[row] = True
            continue
        same = seen >= 0 and need == wide
        if same:
            for index in range(need):
                if buffer[here + index] != buffer[seen + index]:
                    same = False
                    break
        if not same:
            wide = need
            count = _listed(buffer, here, wide, fields)
        seen = here
        here += wide
        for index in range(count):
            here = _field(buffer, words, here, end, table, fields[index], places, row)
            if here < 0:
                break
        odd[row] = here != end


def gather(buffer: Array, places: Array, binary: bool, out: Array) -> None:
    """The characters of one field of each message, cut at the width of `out` and filled with blanks."""
    width = out.shape[1]
    for row in range(len(places)):
        first, count = places[row] >> SIZE, places[row] & MOST_CHARACTERS
        count = min(count, width) if first >= 0 else 0
        if binary:
            for index in range(count):
                place = first + index
                half = buffer[place >> 1] & 15 if place & 1 else buffer[place >> 1] >> 4
                out[row, index] = half + 48 if half < 10 else half + 55
        else:
            for index in range(count):
                out[row, index] = buffer[first + index]
        for index in range(count, width):
            out[row, index] = 32


@cache
def _machine() -> dict[Run, Run]:
    """The loops as machine code; what they call is compiled into them."""
    from numba.extending import register_jitable

    from settlement.model.compiled import LOOP, STEP, compiled

    for step in (_listed, _field):
        register_jitable(**STEP)(step)
    return {loop: compiled(LOOP)(loop) for loop in (chain, walk, gather)}


def run(loop: Run, messages: int, *given: Any) -> Any:
    """`chain`, `walk` or `gather` over a block of about so many messages."""
    if messages >= SMALL:
        return _machine()[loop](*given)
    return loop(*(one.data if isinstance(one, np.ndarray) and one.flags.aligned else one for one in given))
