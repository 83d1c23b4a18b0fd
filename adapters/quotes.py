"""Blanks behind a closing quote, which banks and wallets write and CSV does not know."""

from __future__ import annotations

import re
from functools import cache


@cache
def _padding(separator: str) -> re.Pattern[str]:
    blanks = " " if separator == "\t" else " \t"
    return re.compile(rf'"[{blanks}]+(?={re.escape(separator)}|[\r\n]*$)')


def without_padding(line: str, separator: str) -> str:
    """The line with each closing quote at its separator, or at the end."""
    return _padding(separator).sub('"', line) if '" ' in line or '"\t' in line else line
