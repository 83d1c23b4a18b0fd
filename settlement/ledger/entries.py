"""Entries: balanced sets of ledger lines, in columns. Debit is positive, credit negative, amounts in fen.

An unbalanced entry cannot be built here; the store's trigger and the nightly check hold the same truth at two
other places.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from settlement.model.frames import Schema, conform

# One ledger line with the entry it belongs to. `entry_key` names the event and what it is about.
LINE: Schema = {
    "entry_key": pl.String,
    "event": pl.String,
    "summary": pl.String,
    "account": pl.String,
    "amount_fen": pl.Int64,
    "programme": pl.String,
    "scheme": pl.String,
    "sponsor": pl.String,
    "payee_kind": pl.String,
    "payee_no": pl.String,
}
_MERGED = [name for name in LINE if name != "amount_fen"]
ENTRY_ROW: Schema = {
    "entry_id": pl.Int64,
    "entry_key": pl.String,
    "business_date": pl.Date,
    "event": pl.String,
    "summary": pl.String,
}
LINE_ROW: Schema = {
    "entry_id": pl.Int64,
    "line": pl.Int64,
    **{name: LINE[name] for name in LINE if name not in {"entry_key", "event", "summary"}},
}


class UnbalancedError(ValueError):
    """Lines that do not sum to zero: a programmer's error, never stored."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Balanced entries: `lines` (LINE) sum to zero per entry_key. UnbalancedError for anything else.

    Lines of one entry on the same account and dimensions are merged, lines of zero left out.
    """

    lines: pl.DataFrame

    def __post_init__(self) -> None:
        merged = (
            conform(self.lines, LINE)
            .group_by(_MERGED)
            .agg(pl.col("amount_fen").sum())
            .filter(pl.col("amount_fen") != 0)
            .sort(_MERGED, nulls_last=True)
        )
        sums = merged.group_by("entry_key").agg(pl.col("amount_fen").sum()).filter(pl.col("amount_fen") != 0)
        if sums.height:
            worst = sums.sort("entry_key").row(0)
            raise UnbalancedError(f"entry {worst[0]} does not balance: {worst[1]} fen")
        object.__setattr__(self, "lines", conform(merged, LINE))

    def rows(self, business_date: date, first_id: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(ENTRY_ROW, LINE_ROW), numbered from `first_id` in order of (event, entry_key)."""
        keys = self.lines.select("event", "entry_key", "summary").unique().sort("event", "entry_key")
        assert keys["entry_key"].n_unique() == keys.height, "one entry under two events or summaries"
        ids = keys.with_columns(entry_id=pl.int_range(first_id, first_id + keys.height, dtype=pl.Int64, eager=True))
        entries = ids.with_columns(business_date=pl.lit(business_date, pl.Date))
        lines = self.lines.join(
            ids.select("entry_key", "entry_id"), on="entry_key", maintain_order="left"
        ).with_columns(line=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("entry_key"))
        return conform(entries, ENTRY_ROW), conform(lines.sort("entry_id", "line"), LINE_ROW)
