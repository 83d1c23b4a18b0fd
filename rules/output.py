"""awards.csv as a frame of text (rules.md section 7)."""

from __future__ import annotations

import polars as pl

from rules.rated import Rated
from rules.yuan import yuan_texts
from settlement.model.outcomes import Outcome

AWARDS_CSV = (
    "transaction_id", "scheme", "version", "entitled", "granted", "outcome", "limit", "payee", "sponsors",
)  # fmt: skip


def awards_csv(rated: Rated) -> pl.DataFrame:
    """The rows of awards.csv in rating order, all texts but `version`; null is a blank field."""
    names = {int(outcome): outcome.name for outcome in Outcome}
    return rated.awards.select(
        "transaction_id",
        "scheme",
        "version",
        yuan_texts(rated.awards["entitled_fen"]).alias("entitled"),
        yuan_texts(rated.awards["granted_fen"]).alias("granted"),
        pl.col("outcome").replace_strict(names, return_dtype=pl.String),
        "limit",
        "payee",
        rated.sponsors.alias("sponsors"),
    )
