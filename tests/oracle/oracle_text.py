"""Texts to values for the oracle: yuan to fen, whole numbers, dates, one word of a list; ValueError otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any


def fen(text: Any) -> int:
    """Yuan with at most two decimals to fen."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]+(\.[0-9]{1,2})?", text):
        raise ValueError(f"{text!r}: not yuan with at most two decimals")
    yuan, _, cents = text.partition(".")
    return int(yuan) * 100 + int((cents + "00")[:2])


def yuan(amount: int) -> str:
    """Fen to signed yuan with two decimals and no plus sign."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def whole(text: Any) -> int:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]+", text):
        raise ValueError(f"{text!r}: not a whole number")
    return int(text)


def day(text: Any) -> date:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f"{text!r}: not a date")
    return date.fromisoformat(text)


def one_of(word: Any, words: Sequence[str], where: str) -> str:
    if word not in words:
        raise ValueError(f"{where}: {word!r} is not one of {', '.join(words)}")
    return str(word)
