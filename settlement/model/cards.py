"""Card references: what is left of a card number after the adapter.

The token is HMAC-SHA-256 under a key kept outside the database, the mask is the first 6 and last 4 digits. A full
number goes no further than the adapter that read it: not to a log, an error, a table or a reject.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field

import polars as pl

_LONG_DIGITS = re.compile(r"[0-9]{12,19}")


def mask(number: str) -> str:
    """First 6 and last 4 with stars between; all stars up to 10 characters, where 6 + 4 would show the whole number."""
    if len(number) <= 10:
        return "*" * len(number)
    return number[:6] + "*" * (len(number) - 10) + number[-4:]


def mask_digits(text: str) -> str:
    """`text` with every run of 12 to 19 digits masked, for messages and raw rows shown to people."""
    return _LONG_DIGITS.sub(lambda match: mask(match.group()), text)


@dataclass(frozen=True, slots=True)
class Tokeniser:
    """Card number to token. `key_id` names the key; the key itself never leaves this value or its repr."""

    key_id: str
    key: bytes = field(repr=False)

    def token(self, number: str) -> str:
        """32 hex digits of HMAC-SHA-256 over the ASCII number."""
        return hmac.new(self.key, number.encode("ascii"), hashlib.sha256).hexdigest()[:32]


def card_columns(numbers: pl.Series, tokeniser: Tokeniser | None) -> tuple[pl.Series, pl.Series]:
    """(card_token, card_masked) of a String column of full numbers, once per distinct number; null stays null.

    Without a tokeniser (a bank checking its own file) every token is "".
    """
    distinct = numbers.unique().drop_nulls()
    texts = distinct.to_list()
    tokens = [tokeniser.token(t) for t in texts] if tokeniser else [""] * len(texts)
    table = pl.DataFrame(
        {"n": distinct, "card_token": tokens, "card_masked": [mask(t) for t in texts]},
        schema={"n": pl.String, "card_token": pl.String, "card_masked": pl.String},
    )
    joined = pl.DataFrame({"n": numbers.cast(pl.String)}).join(table, on="n", how="left", maintain_order="left")
    return joined["card_token"], joined["card_masked"]
