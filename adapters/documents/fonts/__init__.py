"""The fonts of the printed documents: where they lie, and which characters they draw.

A character without a glyph would be an empty box, or nothing: a payee's name must not lose a character silently. So
`drawable` prints such a character as its number, 〔U+20000〕, and the statement says so in a note.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from struct import unpack_from

FONT_FOLDER = Path(__file__).parent
REGULAR = FONT_FOLDER / "NotoSansCJKsc-Regular.subset.otf"
FAMILY = "Noto Sans CJK SC"


def advances(font: bytes) -> dict[int, int]:
    """Code point to advance width in thousandths of the type size, for each character that an OpenType font draws.

    Read from `cmap` (its subtable of format 12) and `hmtx` (OpenType 1.9); the font has 1,000 units per em.
    """
    (count,) = unpack_from(">H", font, 4)
    records = (unpack_from(">4sLLL", font, 12 + 16 * index) for index in range(count))
    tables = {tag: offset for tag, _, offset, _ in records}
    (metrics,) = unpack_from(">H", font, tables[b"hhea"] + 34)
    widths = unpack_from(">" + "HH" * metrics, font, tables[b"hmtx"])[::2]
    cmap = tables[b"cmap"]
    found: dict[int, int] = {}
    for index in range(unpack_from(">H", font, cmap + 2)[0]):
        (place,) = unpack_from(">L", font, cmap + 8 + 8 * index)
        if unpack_from(">H", font, cmap + place) != (12,):
            continue
        for group in range(unpack_from(">L", font, cmap + place + 12)[0]):
            first, last, glyph = unpack_from(">LLL", font, cmap + place + 16 + 12 * group)
            for step in range(last - first + 1):
                found[first + step] = widths[min(glyph + step, metrics - 1)]
    assert found, "the font has no cmap subtable of format 12"
    return found


@lru_cache(maxsize=1)
def regular_advances() -> dict[int, int]:
    """`advances` of the regular face, read once."""
    return advances(REGULAR.read_bytes())


@lru_cache(maxsize=1)
def _undrawable() -> re.Pattern[str]:
    """A pattern of one character that the regular face does not draw (the bold face falls back to the regular)."""
    spans: list[tuple[int, int]] = []
    for point in sorted(regular_advances()):
        if spans and spans[-1][1] == point - 1:
            spans[-1] = (spans[-1][0], point)
        else:
            spans.append((point, point))
    return re.compile("[^" + "".join(f"\\U{first:08X}-\\U{last:08X}" for first, last in spans) + "]")


def drawable(text: str) -> str:
    """`text` with each character that the font does not draw (control characters too) as 〔U+0007〕."""
    return _undrawable().sub(lambda match: f"〔U+{ord(match[0]):04X}〕", text)
