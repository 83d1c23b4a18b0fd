"""Formats of dates and times in a description: YYYY MM DD hh mm ss, YY, and what stands between them."""

from __future__ import annotations

import re
from datetime import datetime

_TOKENS = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "hh": "%H", "mm": "%M", "ss": "%S"}
# of one digit or two; f is a fraction, which is let go; YY has two digits, and no place in a fixed field either
_SHORT = {"YY": "%y", "M": "%m", "D": "%d", "h": "%H", "f": "0"}
TOKEN = re.compile("|".join((*_TOKENS, *_SHORT)))
FIRST_YEAR = 1000  # before it a filler is misread (00000101), and UTC may have no such year
_WIDE_BLANKS = str.maketrans("\u00a0\u3000", "  ")  # of Chinese programs, inside a time too


def names_day(form: str) -> bool:
    """True for a format that has month and day; the year may be found by the clearing date."""
    return {"M", "D"} <= {part[0] for part in TOKEN.findall(form)}


def is_varied(form: str) -> bool:
    """True for a format whose parts have no fixed width."""
    return not _SHORT.keys().isdisjoint(TOKEN.findall(form))


def strftime_format(form: str) -> str:
    """YYYYMMDDhhmmss as Python's format string."""
    return TOKEN.sub(lambda match: (_TOKENS | _SHORT)[match.group()], form.replace("%", "%%"))


def moment_of(form: str, text: str) -> datetime:
    """Exactly the format: strptime alone would also take missing zeros. ValueError: it is not so, or no real moment."""
    text = text.translate(_WIDE_BLANKS)
    match = re.fullmatch(TOKEN.sub(_digits, re.escape(form)), text, re.ASCII)
    if match is None:
        raise ValueError(f"is not written {form}")
    if match.groups():  # strptime reads no fraction of nine digits
        text = text[: match.start(1)] + "0" + text[match.end(1) :]
    year = "" if "YY" in form else "2000"  # a leap year, so that 29 February can stand without its year
    try:
        moment = datetime.strptime(year + text, ("%Y" if year else "") + strftime_format(form))  # noqa: DTZ007 the caller knows the zone
    except ValueError:
        moment = None
    if moment is None or moment.year < FIRST_YEAR:
        raise ValueError(f"is no such day or time; write a real one as {form}")
    return moment if moment.year >= 2000 or "YYYY" in form else moment.replace(year=moment.year + 100)


def _digits(token: re.Match[str]) -> str:
    """What stands in a text for a part of a format."""
    part = token.group()
    if part == "f":
        return "([0-9]{1,9})"
    return "[0-9]{1,2}" if part in _SHORT and part != "YY" else f"[0-9]{{{len(part)}}}"
