"""What ISO 8583 messages are: sale, void, refund or reversal, request or answer; what moves no money is skipped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from adapters.feeds import iso_walk as w
from adapters.feeds.byte_cells import Mask
from adapters.feeds.canonical import KINDS, PARTIAL_APPROVAL, SKIP, unionpay_kind
from adapters.feeds.iso_columns import Decoded, eight_at
from adapters.feeds.pos_settings import PosSettings

_CODES = {"mti": "t", "processing_code": "3", "condition_code": "25", "response_code": "39"}  # what the kind is told by
_CODE_WIDTHS = {"mti": 4, "processing_code": 6, "condition_code": 2, "response_code": 2}
KIND_NAMES = (*KINDS, SKIP, None)  # None: a kind that is not known
MOST_KINDS = 64
CODES = tuple(_CODES.values())


@dataclass(frozen=True, slots=True)
class Kinds:
    """Of each message: place of its kind in KIND_NAMES, whether it is an answer, and whether it has no answer code.

    `declined`: answers by which what would have moved money did not, or less. `advice`: tells of money that has moved
    already, or is its answer; repeats are none.
    """

    kind: npt.NDArray[np.uint8]
    answer: Mask
    bare: Mask
    declined: Mask
    advice: Mask

    @property
    def moves(self) -> Mask:
        """What is not skipped; what is of no known kind is rejected, and may move money."""
        return np.asarray(self.kind != KIND_NAMES.index(SKIP), np.bool_)


def kinds_of(decoded: Decoded, originals: pl.DataFrame, settings: PosSettings) -> Kinds:
    """Kinds, found once per distinct combination of codes."""
    cells = decoded.cells[CODES]
    height, width = cells.shape
    labels, rows = np.zeros(height, np.int64), np.zeros(MOST_KINDS, np.int64)
    count = w.run(w.label, height, eight_at(cells), width, labels, rows)
    if count < 0:
        labels, rows, count = np.arange(height), np.arange(height), height
    texts, start = {}, 0
    for name, size in _CODE_WIDTHS.items():
        codes = [cell.tobytes().decode("latin-1") for cell in cells[rows[:count], start : start + size]]
        texts[name] = [code.rstrip("\0").strip() or None for code in codes]
        start += size
    found = _kind_table if count <= MOST_KINDS else _kind_table.__wrapped__
    table = found(settings, *(tuple(texts[name]) for name in _CODES))
    kind, answer, bare, declined, advice, reversal, held, told = (column[labels] for column in table)
    of_authorisation = originals["row"].filter(originals["original_mti"].str.starts_with("01")).to_numpy()
    undone = of_authorisation[reversal[of_authorisation]]
    kind[undone], advice[undone] = KIND_NAMES.index(SKIP), False
    if settings.body == "pos" and (held.any() or told.any()):
        # a terminal has no DE90: of what it reverses, DE60 tells a pre-authorisation (10, its void 11)
        function, second = decoded.gathered("60", 2).T
        kind[held & (function == ord("1")) & ((second | 1) == ord("1"))] = KIND_NAMES.index(SKIP)
        # 32 and 34 change the amount of an earlier sale (a tip): as a sale it would be paid twice
        kind[told & (function == ord("3")) & np.isin(second, (ord("2"), ord("4")))] = KIND_NAMES.index(None)
    return Kinds(kind, answer, bare, declined, advice)


@lru_cache(maxsize=64)
def _kind_table(settings: PosSettings, *codes: tuple[str | None, ...]) -> tuple[npt.NDArray[Any], ...]:
    """kind, answer, bare, declined, advice, reversal, held, told of each combination of codes.

    held: a reversal with DE25 06. told: a sale that an advice (022x, 023x) tells of.
    """
    frame = pl.DataFrame(dict(zip(_CODES, codes, strict=True)), schema=dict.fromkeys(_CODES, pl.String))
    found = frame.select(_kind(settings)).with_columns(pl.exclude("kind").fill_null(value=False))
    kind = np.array([KIND_NAMES.index(kind) for kind in found["kind"].to_list()], np.uint8)
    names = ("answer", "bare", "declined", "advice", "reversal", "held", "told")
    return kind, *(found[name].to_numpy() for name in names)


def _kind(settings: PosSettings) -> list[pl.Expr]:
    """Unsuccessful messages and those of a pair that do not count are SKIP; so is, above, a reversed authorisation."""
    answer = pl.col("mti").str.slice(2, 1).is_in(["1", "3"])
    reversal = pl.col("mti").str.slice(1, 1) == "4"
    # DE39 of a reversal request is the reason for it, not an answer
    answered = pl.col("response_code").is_not_null() & (answer | ~reversal)
    declined = answered & ~pl.col("response_code").is_in(list(settings.approved))
    partial = pl.col("response_code") == PARTIAL_APPROVAL  # the answer's amount is less than what was asked for
    unwanted = {"any": pl.lit(value=False), "requests": answer, "responses": ~answer}[settings.messages]
    skip = (declined | unwanted).fill_null(value=False)
    meant = unionpay_kind("mti", "processing_code", "condition_code")
    advice = (reversal | pl.col("mti").str.slice(2, 1).is_in(["2", "3"])) & pl.col("mti").str.ends_with("0")
    return [
        pl.when(skip).then(pl.lit(SKIP)).otherwise(meant).alias("kind"),
        answer.alias("answer"),
        pl.col("response_code").is_null().alias("bare"),
        (answer & (declined | partial) & meant.ne_missing(SKIP)).alias("declined"),
        (advice & meant.ne_missing(SKIP)).alias("advice"),
        reversal.alias("reversal"),
        (reversal & (pl.col("condition_code") == "06")).alias("held"),
        ((meant == "SALE") & ~skip & pl.col("mti").str.slice(2, 1).is_in(["2", "3"])).alias("told"),
    ]
