"""The invariants of operations.md as named checks: pure functions over small frames that the store summarises.

A frame that lists what is wrong is empty when all is well; a frame of two sides is compared here. A check never repairs
anything. Its detail names the first finding and how many there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from settlement.model.frames import Schema, conform
from settlement.model.money import format_yuan


@dataclass(frozen=True, slots=True)
class Check:
    """One named check: `findings` is how many things are wrong, `detail` names the first in words ("" when none)."""

    name: str
    title: str
    findings: int
    detail: str = ""

    @property
    def ok(self) -> bool:
        """True where nothing is wrong."""
        return self.findings == 0

    def __str__(self) -> str:
        more = f" (and {self.findings - 1} more)" if self.findings > 1 else ""
        return f"{self.name}: {self.detail}{more}" if self.findings else f"{self.name}: ok"


# What a check that only lists findings takes: one row per finding.
FINDING: Schema = {"subject": pl.String, "detail": pl.String}
# Two sides of one sum per subject; a side without the subject has no row, which counts as 0.
SIDE: Schema = {"subject": pl.String, "fen": pl.Int64}
# Per limit the lowest use of any of its keys and windows that a night changed, and the highest of those that it raised;
# value null: no such limit stands any more.
# Undone refunds take what they had given back without a check: a use may stand above the value by `reinstated`.
LIMIT_USE: Schema = {
    "subject": pl.String,
    "lowest": pl.Int64,
    "highest": pl.Int64,
    "value": pl.Int64,
    "reinstated": pl.Int64,
}


def listed(name: str, title: str, findings: pl.DataFrame) -> Check:
    """A check whose findings the store lists (FINDING), sorted by subject."""
    found = conform(findings, FINDING).sort("subject", "detail")
    detail = "{}: {}".format(*found.row(0)) if found.height else ""
    return Check(name, title, found.height, detail)


def equal(name: str, title: str, left: pl.DataFrame, right: pl.DataFrame, words: tuple[str, str]) -> Check:
    """Two sides (SIDE) that must agree for every subject; `words` name them in the detail."""
    sides = pl.concat(
        [
            conform(left, SIDE).select("subject", left="fen", right=pl.lit(0, pl.Int64)),
            conform(right, SIDE).select("subject", left=pl.lit(0, pl.Int64), right="fen"),
        ]
    )
    sums = sides.group_by("subject").agg(pl.col("left").sum(), pl.col("right").sum())
    wrong = sums.filter(pl.col("left") != pl.col("right")).sort("subject")
    if not wrong.height:
        return Check(name, title, 0)
    subject, ours, theirs = wrong.row(0)
    detail = f"{subject}: {words[0]} {format_yuan(ours)}, {words[1]} {format_yuan(theirs)}"
    return Check(name, title, wrong.height, detail)


def limits(use: pl.DataFrame) -> Check:
    """0 <= used <= value for every key of every limit, above the value only by what was reinstated (LIMIT_USE)."""
    frame = conform(use, LIMIT_USE)
    above = pl.col("highest") > pl.col("value") + pl.col("reinstated")
    wrong = frame.filter((pl.col("lowest") < 0) | above.fill_null(False))
    value = pl.col("value").cast(pl.String).fill_null("none")
    detail = pl.format("used {} to {}, value {}", "lowest", "highest", value)
    return listed("limits", "限额使用不为负、不超限", wrong.select("subject", detail=detail))
