"""awards.csv (rules.md section 7), as the reference writes it; the kernel's twin is rules.kernel_csv."""

from __future__ import annotations

import polars as pl

from settlement.model.money import format_yuan_expr
from settlement.model.outcomes import Outcome

AWARDS_CSV = (
    "transaction_id", "scheme", "version", "entitled", "granted", "outcome", "limit", "payee", "sponsors",
)  # fmt: skip
HEADER = (",".join(AWARDS_CSV) + "\n").encode()


def awards_rows(awards: pl.DataFrame, sponsors: pl.Series) -> bytes:
    """The lines of AWARD with the text of its shares beside each row, in rating order; null is a blank field."""
    names = {int(outcome): outcome.name for outcome in Outcome}
    rows = awards.select(
        "transaction_id",
        "scheme",
        "version",
        format_yuan_expr("entitled_fen"),
        format_yuan_expr("granted_fen"),
        pl.col("outcome").replace_strict(names, return_dtype=pl.String),
        "limit",
        "payee",
        sponsors=sponsors,
    )
    return rows.write_csv(include_header=False, line_terminator="\n").encode()
