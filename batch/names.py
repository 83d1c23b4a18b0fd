"""What a file is called here whose name holds a card number: the number goes no further than the inbox.

Its middle digits become others, made of the number by a key and with a wrong check digit: the same name is always the
same again, so deliveries count on, and patterns of names fit as before. The receipt has that name too, and the SHA-256
of the bytes. Our own accounts' numbers stay, as banks call statements by them. Citizen cards have no check digit: their
numbers cannot be told from others. A number that ends in a day (20260507), or in one and four digits at most, is no
card's: banks call files by a code of eight digits and the day; one in ten has a right check digit, and lost its day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from settlement.model.cards import luhn, mask

_NUMBER = re.compile(r"(?<![0-9])(?:(?:62|81)[0-9]{14,17}|(?:4[0-9]|5[1-5])[0-9]{14})(?![0-9])", re.ASCII)
_DAY = re.compile(r"20[23][0-9](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{0,4}$", re.ASCII)


def known_as(name: str, index: Callable[[str], str], own: Collection[str] = ()) -> str:
    """The name with other digits in each card number but those of `own`; `index` gives hex digits of a text."""
    return _NUMBER.sub(lambda found: _other(found.group(), index) if _is_card(found, own) else found.group(), name)


def masked(text: str, own: Collection[str] = ()) -> str:
    """A name, or a sentence about one, for people: card numbers masked."""
    return _NUMBER.sub(lambda found: mask(found.group()) if _is_card(found, own) else found.group(), text)


def _is_card(found: re.Match[str], own: Collection[str]) -> bool:
    number = found.group()
    return luhn(number) and number not in own and _DAY.search(number) is None


def _other(number: str, index: Callable[[str], str]) -> str:
    width = len(number) - 10
    middle = int(index(number), 16) % 10**width
    while luhn(made := f"{number[:6]}{middle:0{width}}{number[-4:]}"):
        middle = (middle + 1) % 10**width
    return made
