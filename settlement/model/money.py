"""Money in int fen: the one way in from text, the one way out, exact division, and 大写.

No float, no `round`, no `/` anywhere. Values stay inside int64; `checked` guards the doors to arrays.
"""

from __future__ import annotations

import re

import polars as pl

INT64_MAX = 2**63 - 1
PPM = 1_000_000

_AMOUNT = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?", re.ASCII)
_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿", "万亿")


def checked(fen: int) -> int:
    """`fen` itself, once it is known to fit int64 (an assert: callers bound their input before)."""
    assert -INT64_MAX <= fen <= INT64_MAX, "amount does not fit int64"
    return fen


def parse_amount(text: str, minor_digits: int = 2) -> int:
    """Unsigned decimal text in major units to minor units ("12.3" -> 1230).

    ASCII digits with at most one point that stands between digits; no sign, exponent, underscore, separator, blank or
    full-width digit. Decimals beyond `minor_digits` must be zeros. Raises ValueError with a plain message.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        form = "digits with at most one point, like 12.34" if minor_digits else "a whole number, like 1234"
        raise ValueError(f"not an amount; write {form}")
    whole, decimals = match.group(1), match.group(2) or ""
    kept, beyond = decimals[:minor_digits], decimals[minor_digits:]
    if beyond.strip("0"):
        most = f"more than {minor_digits} decimals; write at most {minor_digits}"
        raise ValueError(most if minor_digits else "has decimals; write a whole number, like 1234")
    value = int(whole + kept.ljust(minor_digits, "0"))
    if value > INT64_MAX:
        raise ValueError("amount too large; the largest is 92233720368547758.07")
    return value


def parse_amount_column(text: pl.Series, minor_digits: int = 2) -> pl.Series:
    """`parse_amount` for a whole String column: Int64 minor units, null where the text is not an amount (or null).

    At most 15 digits before the point are read; anything longer is null, as an amount that large is no payment.
    """
    pattern = (
        rf"^([0-9]{{1,15}})(?:\.([0-9]{{1,{max(minor_digits, 1)}}})0*)?$"
        if minor_digits
        else r"^([0-9]{1,15})(?:\.(0+))?$"
    )
    frame = pl.DataFrame({"t": text.cast(pl.String)}).select(
        whole=pl.col("t").str.extract(pattern, 1),
        part=pl.col("t").str.extract(pattern, 2).fill_null(""),
    )
    part = pl.col("part").str.slice(0, minor_digits).str.pad_end(minor_digits, "0") if minor_digits else pl.lit("")
    return frame.select((pl.col("whole") + part).cast(pl.Int64, strict=False).alias(text.name)).to_series()


def format_yuan(fen: int) -> str:
    """Signed yuan with two decimals and no plus sign (-5 -> "-0.05")."""
    sign = "-" if fen < 0 else ""
    yuan, rest = divmod(abs(fen), 100)
    return f"{sign}{yuan}.{rest:02d}"


def format_yuan_expr(column: str) -> pl.Expr:
    """`format_yuan` for an Int64 column of fen, named as the column without `_fen`; null stays null."""
    fen = pl.col(column)
    size = fen.abs()
    text = pl.format(
        "{}{}.{}",
        pl.when(fen < 0).then(pl.lit("-")).otherwise(pl.lit("")),
        size // 100,
        (size % 100).cast(pl.String).str.zfill(2),
    )
    return pl.when(fen.is_null()).then(pl.lit(None, pl.String)).otherwise(text).alias(column.removesuffix("_fen"))


def half_up(numerator: int, denominator: int) -> int:
    """Numerator / denominator to the nearest whole number, halves away from zero for a non-negative numerator."""
    assert numerator >= 0 < denominator
    return (2 * numerator + denominator) // (2 * denominator)


def _group(number: int) -> str:
    """1..9999 in 大写, inner zeros as one 零, without leading 零."""
    out, zero = "", False
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if digit == 0:
            zero = bool(out)
            continue
        out += ("零" if zero else "") + _DIGITS[digit] + _PLACES[place]
        zero = False
    return out


def upper_rmb(fen: int) -> str:
    """人民币大写 of an amount in fen (支付结算办法 appendix 1): 140950 -> 人民币壹仟肆佰零玖元伍角整.

    A negative amount begins 人民币负. Zero is 人民币零元整.
    """
    yuan, rest = divmod(abs(checked(fen)), 100)
    jiao, last = divmod(rest, 10)
    groups = [yuan // 10 ** (4 * i) % 10_000 for i in range(5)]
    text, gap = "", False
    for index in range(4, -1, -1):
        number = groups[index]
        if number == 0:
            gap = bool(text)
            continue
        # 零 joins where a group lacks its thousands, or a whole group between was empty
        text += ("零" if text and (gap or number < 1000) else "") + _group(number)
        text += "亿亿" if index == 4 else _GROUPS[index] if not (index == 3 and groups[2]) else "万"
        gap = False
    head = "人民币" + ("负" if fen < 0 else "")
    if yuan:
        text += "元"
    elif rest == 0:
        return head + "零元整"
    if jiao:
        text += _DIGITS[jiao] + "角"
    elif yuan and last:
        text += "零"
    return head + text + (_DIGITS[last] + "分" if last else "整")
