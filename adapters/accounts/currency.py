"""Minor units of currencies: how many decimals an amount of a currency has (ISO 4217, table A.1)."""

from __future__ import annotations

import re

_CODE = re.compile(r"[A-Z]{3}", re.ASCII)
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
_DIGITS = {
    **dict.fromkeys(_NONE.split(), 0),
    **dict.fromkeys(_THREE.split(), 3),
    **dict.fromkeys(_FOUR.split(), 4),
}


def is_currency(code: str) -> bool:
    """True for three capital letters; a code that is too new for the table above has two decimals."""
    return _CODE.fullmatch(code) is not None


def minor_digits(code: str) -> int:
    """Decimals of `code`: 2 but for the currencies of the table (JPY 0, KWD 3)."""
    return _DIGITS.get(code, 2)


def format_minor(amount: int, code: str) -> str:
    """Minor units as signed text in major units, with the currency's decimals (-5 CNY -> "-0.05", 5 JPY -> "5")."""
    digits = minor_digits(code)
    if not digits:
        return str(amount)
    text = str(abs(amount)).zfill(digits + 1)
    return f"{'-' if amount < 0 else ''}{text[:-digits]}.{text[-digits:]}"
