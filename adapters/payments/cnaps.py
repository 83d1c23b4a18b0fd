"""联行号: the 12-digit member id of the Chinese payment system CNAPS, whose last digit is ISO 7064 MOD 11,10."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"[0-9]{12}", re.ASCII)


def check_digit(eleven: str) -> str:
    """The digit that completes 11 digits (3 bank, 4 city, 4 branch): "10210009999" -> "6"."""
    assert len(eleven) == 11
    assert eleven.isascii()
    assert eleven.isdigit()
    product = 10
    for digit in eleven:
        total = (product + int(digit)) % 10 or 10
        product = total * 2 % 11
    return str((11 - product) % 10)


def is_cnaps(code: str) -> bool:
    """True for 12 ASCII digits with the right check digit."""
    return _DIGITS.fullmatch(code) is not None and check_digit(code[:11]) == code[11]
