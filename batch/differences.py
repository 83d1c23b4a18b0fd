"""A delivery against what stands: which rows are new, the same, in conflict or missing, and the money of it.

Pure: frames in, frames out. `CONTENT` is what makes a row another one (feeds.md: another amount, card or merchant).
Where an earlier delivery of the same name stands, rows that this one lacks have vanished; a new row may then be one of
them under another key, so new rows are held too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from settlement.model.frames import Schema
from settlement.model.money import format_yuan
from settlement.model.outcomes import FileStatus
from settlement.model.rejects import Reject

CONTENT = ("kind", "original_key", "merchant_no", "card_id", "gross_fen", "paid_fen", "claimed_fen")
# One key that is not the same in both. `action`: added changed vanished. `record`: in the new delivery, where it is.
# Amounts are what was paid, a sale positive, all else negative; 0 where the row is not there.
CHANGE: Schema = {
    "key": pl.String,
    "kind": pl.String,
    "action": pl.String,
    "record": pl.Int64,
    "was_fen": pl.Int64,
    "now_fen": pl.Int64,
}


DUPLICATE_ROW = "DUPLICATE_ROW"
CONFLICT = "CONFLICT"
VANISHED = "VANISHED"
HELD = "HELD"
OTHER_SOURCE = "OTHER_SOURCE"


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows of a delivery by what becomes of them; `vanished` are standing rows that it lacks (key, content)."""

    accepted: pl.DataFrame
    duplicate: pl.DataFrame
    conflict: pl.DataFrame
    held: pl.DataFrame
    vanished: pl.DataFrame
    again: bool
    elsewhere: pl.DataFrame | None = None  # rows that another source has brought, with its key as `twin`

    @property
    def other_source(self) -> int:
        """How many rows another source has brought."""
        return 0 if self.elsewhere is None else self.elsewhere.height

    def without(self, twins: pl.DataFrame) -> Judged:
        """The same, but new rows among `twins` (transaction_id, twin) are held: another source has brought them."""
        if twins.is_empty():
            return self
        held = self.accepted.join(twins, on="transaction_id", how="inner", maintain_order="left")
        rest = self.accepted.join(twins, on="transaction_id", how="anti", maintain_order="left")
        return replace(self, accepted=rest, elsewhere=held)

    def status(self, rejected: int) -> tuple[FileStatus, str | None, str | None]:
        """(status, code, message) of the delivery, of which so many records cannot be read."""
        if not self.again:
            partial = bool(rejected or self.conflict.height or self.other_source)
            return (FileStatus.PARTIAL if partial else FileStatus.ACCEPTED), None, None
        if self.conflict.height or self.vanished.height:
            message = f"{self.conflict.height} rows differ from the delivery before, {self.vanished.height} are missing"
            return FileStatus.CONFLICT, CONFLICT, f"{message}; held until decided"
        if not self.accepted.height and not rejected and not self.other_source:
            return FileStatus.DUPLICATE, "SAME_ROWS", "the same rows as the delivery before; nothing was done"
        return FileStatus.SUPERSET, None, None

    def rejects(self) -> list[Reject]:
        """Rows without effect, with what they would have moved. What an earlier delivery brought is only counted."""
        told = [] if self.again else _row_rejects(self.duplicate, DUPLICATE_ROW)
        told += [*_row_rejects(self.conflict, CONFLICT), *_row_rejects(self.held, HELD)]
        if self.elsewhere is not None:
            told += _row_rejects(self.elsewhere, OTHER_SOURCE)
        missing = self.vanished.with_columns(
            record=pl.lit(0, pl.Int64), byte_start=pl.lit(-1, pl.Int64), gone=pl.lit(value=False)
        )
        return told + _row_rejects(missing, VANISHED)


def judge(
    rows: pl.DataFrame,
    stands: pl.DataFrame,
    undone: pl.Series,
    vanished: pl.DataFrame,
    *,
    again: bool,
    copies: bool = False,
    content: Sequence[str] = CONTENT,
) -> Judged:
    """What becomes of rows (transaction_id, record, byte_start, content), where `stands` (key, content) stands.

    `undone`: keys that people took back. `again`: an earlier delivery of this name was taken; `vanished` are its rows
    that are missing here. `copies`: a second equal copy in the file itself counts, as item key#2 (the bank's side).
    """
    first = rows.filter(pl.col("transaction_id").is_first_distinct())
    known = pl.concat([stands, first.join(stands, on="transaction_id", how="anti").select(stands.columns)])
    marked = rows.join(known, on="transaction_id", how="left", suffix="_before", maintain_order="left")
    name = pl.col("transaction_id")
    gone, before = name.is_in(undone.implode()), name.is_in(stands["transaction_id"].implode())
    marked = marked.with_columns(
        new=name.is_first_distinct() & ~before & ~gone, same=same(content) & ~gone, stands=before, gone=gone
    )
    new = marked.filter(pl.col("new"))
    twice = marked.filter(~pl.col("new") & pl.col("same"))
    conflict = marked.filter(~pl.col("new") & ~pl.col("same"))
    if copies:
        second = _second_copies(twice.filter(~pl.col("stands")))
        new = pl.concat([new, second]).sort("record")
        twice = twice.join(second, on="record", how="anti")
    held, accepted = (new, new.clear()) if vanished.height else (new.clear(), new)
    return Judged(accepted, twice, conflict, held, vanished, again)


def _second_copies(copies: pl.DataFrame) -> pl.DataFrame:
    """Copies within this very file (their key is not stored yet), renamed key#2, key#3 …"""
    number = pl.int_range(2, pl.len() + 2, dtype=pl.Int64).over("transaction_id")
    return copies.with_columns(transaction_id=pl.format("{}#{}", "transaction_id", number))


def copies_numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose second and later equal copies are called key#2, key#3 …"""
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("transaction_id", *CONTENT)
    copy = pl.format("{}#{}", "transaction_id", number)
    return rows.with_columns(transaction_id=pl.when(number > 1).then(copy).otherwise("transaction_id"))


def _row_rejects(rows: pl.DataFrame, code: str) -> list[Reject]:
    return [
        Reject("", row["record"], row["byte_start"], "transaction_id", code, _why(row, code))
        for row in rows.iter_rows(named=True)
    ]


def _why(row: dict[str, Any], code: str) -> str:
    name, shown = row["transaction_id"], _shown(row, "")
    match code:
        case "DUPLICATE_ROW":
            return f"{name} was taken before with the same content; no effect"
        case "VANISHED":
            return f"{name} ({shown}) came with an earlier delivery and is not in this one; it stands until decided"
        case "HELD":
            return f"{name} ({shown}) is new while earlier rows are missing: it may be one of them; held until decided"
        case "OTHER_SOURCE":
            return f"{name} ({shown}) is {row['twin']} of another source; held until decided"
        case _ if row["gone"]:
            return f"{name} ({shown}) was taken back by a decision; held until decided"
        case _:
            was = _shown(row, "_before")
            if was == shown:
                return f"{name} is known with another card, merchant, kind or original; held until decided"
            return f"{name} is known with other content (amount {was}, now {shown}); held until decided"


def _shown(row: dict[str, Any], suffix: str) -> str:
    """The amount of a row in yuan."""
    amount = row[f"paid_fen{suffix}"] if row[f"paid_fen{suffix}"] is not None else row[f"gross_fen{suffix}"]
    return format_yuan(amount) if amount is not None else "?"


def paid(suffix: str = "") -> pl.Expr:
    """The signed amount of a row: what was paid, else gross less the discount; a sale positive, all else negative."""
    gross, given, claimed = (pl.col(f"{name}_fen{suffix}") for name in ("gross", "paid", "claimed"))
    sign = pl.when(pl.col(f"kind{suffix}") == "SALE").then(1).otherwise(-1)
    return sign * pl.coalesce(given, gross - claimed.fill_null(0), pl.lit(0, pl.Int64))


def same(content: Sequence[str] = CONTENT, suffix: str = "_before") -> pl.Expr:
    """Whether a row and the one joined to it have the same content."""
    return pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}{suffix}")) for name in content)


def changes(before: pl.DataFrame, after: pl.DataFrame, content: Sequence[str] = CONTENT) -> pl.DataFrame:
    """CHANGE rows of two frames with `key`, the content columns, and `record` in `after`; keys unique in each.

    In the order of the new delivery, what vanished last.
    """
    old = before.select("key", *content)
    joined = after.select("key", "record", *content).join(
        old, on="key", how="full", suffix="_before", coalesce=True, maintain_order="left"
    )
    is_new, is_old = pl.col("kind_before").is_null(), pl.col("kind").is_null()
    action = pl.when(is_new).then(pl.lit("added")).when(is_old).then(pl.lit("vanished")).otherwise(pl.lit("changed"))
    zero = pl.lit(0, pl.Int64)
    told = joined.filter(is_new | is_old | ~same(content)).select(
        "key",
        kind=pl.coalesce("kind", "kind_before"),
        action=action,
        record="record",
        was_fen=pl.when(is_new).then(zero).otherwise(paid("_before")),
        now_fen=pl.when(is_old).then(zero).otherwise(paid()),
    )
    return told.sort("record", "key", nulls_last=True).select(list(CHANGE))
