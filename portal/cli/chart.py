"""Small charts of characters for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
_EIGHTHS = "▏▎▍▌▋▊▉█"
MOST_LINES = 31


def bar(figure: int, most: int, width: int = 32) -> str:
    """A bar as long as `figure` is of `most`, to an eighth of a character; nothing for 0 and below."""
    eighths = max(figure, 0) * width * 8 // most if most > 0 else 0
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest - 1] if rest else "")


def spark(figures: Sequence[int], most: int) -> str:
    """A curve of one character a figure, as high as each is of `most`; a blank for 0 and below."""
    top = len(_BARS)
    heights = (min(top, -(-figure * top // most)) if most > 0 and figure > 0 else 0 for figure in figures)
    return "".join(_BARS[height - 1] if height else " " for height in heights)


def gathered(labels: Sequence[str], figures: Sequence[Sequence[int]]) -> list[tuple[str, list[int]]]:
    """Labels with one figure of each series, summed so that at most MOST_LINES lines are left."""
    step = max(1, -(-len(labels) // MOST_LINES))
    lines: list[tuple[str, list[int]]] = []
    for at in range(0, len(labels), step):
        last = labels[min(at + step, len(labels)) - 1]
        label = labels[at] if step == 1 else f"{labels[at]} … {last}"
        lines.append((label, [sum(series[at : at + step]) for series in figures]))
    return lines
