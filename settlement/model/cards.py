"""Card references: what is left of a card number after the adapter.

The token is HMAC-SHA-256 under a key kept outside the database, the mask is the first 6 and last 4 digits. A full
number goes no further than the adapter that read it: not to a log, an error, a table or a reject.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import numpy.typing as npt
import polars as pl

from settlement.model.money import format_yuan

TOKEN = 32  # characters of a token
KEPT = 1 << 20
TOLD = 1_000  # wrong check digits: a warning needs no more of them
_DIGITS = np.arange(10_000)[:, np.newaxis] // 10 ** np.arange(4) % 10  # of a number of four, the last first
# the sum over the digits of four, every second one from the right doubled and crossed
_LUHN = (_DIGITS + _DIGITS * [0, 1, 0, 1] - 9 * (_DIGITS > 4) * [0, 1, 0, 1]).sum(axis=1).astype(np.uint8)
_LONG_DIGITS = re.compile(r"[0-9]{12,19}")


def mask(number: str) -> str:
    """First 6 and last 4 with stars between; all stars up to 10 characters, where 6 + 4 would show the whole number."""
    if len(number) <= 10:
        return "*" * len(number)
    return number[:6] + "*" * (len(number) - 10) + number[-4:]


def mask_digits(text: str) -> str:
    """`text` with every run of 12 to 19 digits masked, for messages and raw rows shown to people."""
    return _LONG_DIGITS.sub(lambda match: mask(match.group()), text)


def luhn(number: str) -> bool:
    """Whether the last digit is the check digit (ISO/IEC 7812) of those before it."""
    doubled = (int(d) * 2 for d in number[-2::-2])
    return (sum(int(d) for d in number[::-2]) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0


def shown_total(fen: int) -> str:
    """A total in yuan for a message; a file whose columns slipped may sum card numbers, and those stay masked."""
    return mask_digits(format_yuan(fen))


@dataclass(frozen=True, slots=True)
class Tokeniser:
    """Card number to token. `key_id` names the key; the key itself never leaves this value or its repr."""

    key_id: str
    key: bytes = field(repr=False)

    def token(self, number: str) -> str:
        """32 hex digits of HMAC-SHA-256 over the ASCII number; where a bank writes words for it, over their UTF-8."""
        return self.tokens([number.encode()]).decode("ascii")

    def tokens(self, numbers: Iterable[bytes]) -> bytes:
        """The tokens of many numbers, joined. RFC 2104 with the key hashed once: half the time of hmac.new."""
        key = (self.key if len(self.key) <= 64 else hashlib.sha256(self.key).digest()).ljust(64, b"\0")
        inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key)).copy
        outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key)).copy
        out = []
        for number in numbers:
            first, second = inner(), outer()
            first.update(number)
            second.update(first.digest())
            out.append(second.digest()[: TOKEN // 2])
        return b"".join(out).hex().encode("ascii")


class CardTokens:
    """Tokens of the card numbers of one file, made once per distinct number; it lives as long as the read.

    Numbers of up to 19 digits are kept, by length, as sorted integers with the place of their token: 44 bytes each. It
    begins anew behind KEPT of them, so that memory stays flat. Rejected: a frame of all numbers so far, since joining
    each block with it took longer than the tokens.
    """

    def __init__(self, tokeniser: Tokeniser | None) -> None:
        self._tokeniser = tokeniser
        self._known: dict[int, tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]] = {}
        self._tokens, self._count = np.zeros(0, f"S{TOKEN}"), 0
        self._lock = Lock()  # blocks of a file are read at the same time
        self._wrong = np.zeros(0, np.uint64)

    @property
    def wrong_check_digits(self) -> int:
        """How many different numbers of 13 to 19 digits had another check digit than Luhn's; TOLD are many."""
        return min(len(self._wrong), TOLD)

    def of(self, numbers: pl.Series) -> pl.Series:
        """The token of each number; null where it is null, "" for a masked number and without a key."""
        n, value = pl.col("n"), pl.col("value")
        frame = pl.DataFrame({"n": numbers.cast(pl.String)})
        if self._tokeniser is None:
            if len(self._wrong) < TOLD:
                long = pl.when(n.str.len_bytes().is_between(13, 19)).then(n).cast(pl.UInt64, strict=False)
                values = frame.select(long.drop_nulls()).to_series().to_numpy()
                with self._lock:
                    self._look(values)
            return frame.select(pl.when(n.is_not_null()).then(pl.lit(""))).to_series()
        digits = n.str.contains("^[0-9]{1,19}$")
        frame = frame.with_columns(value=pl.when(digits).then(n.cast(pl.UInt64, strict=False)), size=n.str.len_bytes())
        lengths = frame.select(pl.when(value.is_not_null()).then("size").otherwise(0)).to_series().to_numpy()
        values = frame["value"].fill_null(0).to_numpy()
        cells = np.zeros(frame.height, f"S{TOKEN}")
        for length in np.unique(lengths[lengths > 0]).tolist():
            rows = np.flatnonzero(lengths == length)
            with self._lock:
                cells[rows] = self._of_length(length, values[rows], self._tokeniser)
        texts = pl.Series(cells.view(np.uint8).reshape(-1, TOKEN)).cast(pl.List(pl.UInt8)).cast(pl.Binary)
        frame = frame.with_columns(texts.cast(pl.String).alias("token"))
        rest = frame.filter(value.is_null())["n"].drop_nulls().unique().to_list()  # masked, or no card number
        table = {number: "" if "*" in number else self._tokeniser.token(number) for number in rest}
        other = n.replace_strict(table, default=None, return_dtype=pl.String)
        return frame.select(pl.when(value.is_not_null()).then("token").otherwise(other)).to_series()

    def _look(self, values: npt.NDArray[np.uint64]) -> None:
        if len(self._wrong) < TOLD:
            self._wrong = np.union1d(self._wrong, values[~_luhns(values)])

    def _of_length(self, length: int, values: npt.NDArray[np.uint64], tokeniser: Tokeniser) -> npt.NDArray[np.bytes_]:
        """Tokens of numbers of one length; the new ones are kept."""
        distinct, back = np.unique(values, return_inverse=True)
        if self._count + len(distinct) > len(self._tokens):
            self._tokens, self._count = np.empty(max(KEPT, len(distinct)), f"S{TOKEN}"), 0
            self._known.clear()
        known, places = self._known.get(length, (distinct[:0], back[:0]))
        at = np.searchsorted(known, distinct)
        new = known[np.minimum(at, len(known) - 1)] != distinct if len(known) else np.ones(len(distinct), np.bool_)
        made = tokeniser.tokens(f"{number:0{length}}".encode() for number in distinct[new].tolist())
        if length >= 13:
            self._look(distinct[new])
        count = int(new.sum())
        self._tokens[self._count : self._count + count] = np.frombuffer(made, f"S{TOKEN}")
        known = np.insert(known, at[new], distinct[new])
        places = np.insert(places, at[new], np.arange(self._count, self._count + count))
        self._known[length], self._count = (known, places), self._count + count
        return self._tokens[places[np.searchsorted(known, distinct)]][back]


def _luhns(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """`luhn` of many numbers; zeros in front change nothing. Four digits at once: one by one took seven times that."""
    rest, total = values, np.zeros(len(values), np.uint8)
    for _ in range(5):
        above = rest // 10_000
        total += _LUHN[(rest - above * 10_000).astype(np.intp)]
        rest = above
    return np.equal(total % 10, 0)


def masked(numbers: pl.Series) -> pl.Series:
    """`mask` for a column, by one expression per length that occurs."""
    absent = numbers.null_count()
    if absent * 2 > len(numbers):  # few records name the card of an original
        rows = numbers.is_not_null().arg_true()
        none = pl.Series("card_masked", [None], dtype=pl.String).new_from_index(0, len(numbers))
        return none.scatter(rows, masked(numbers.gather(rows))) if len(rows) else none
    size = numbers.str.len_chars()
    n = pl.col("n")
    out: pl.Expr = pl.when(n.is_null()).then(None).otherwise(n)  # a column also where every number is absent
    for length in size.drop_nulls().unique().sort().to_list():
        stars = pl.lit("*" * (length if length <= 10 else length - 10))
        shown = stars if length <= 10 else pl.concat_str([n.str.slice(0, 6), stars, n.str.slice(length - 4)])
        out = pl.when(pl.col("s") == length).then(shown).otherwise(out)
    return pl.DataFrame({"n": numbers, "s": size}).select(out.alias("card_masked")).to_series()


def card_columns(numbers: pl.Series, tokeniser: Tokeniser | None) -> tuple[pl.Series, pl.Series]:
    """(card_token, card_masked) of a String column of card numbers; null stays null, tokens as `CardTokens.of`."""
    return CardTokens(tokeniser).of(numbers).alias("card_token"), masked(numbers)
