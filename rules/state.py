"""State: what rating remembers between batches, as frames that a store can keep as tables with the same columns.

A sale keeps what its limits were charged under (its terms, date, districts), so that a refund years later gives back
to the very key that was charged, whatever the directory says by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from settlement.model.frames import RATE_INPUT, Schema, conform, empty

# How much of each limit each key has used. Texts are "" where the key has no such part; `scheme` is "" for a pool.
USAGE: Schema = {
    "scheme": pl.String,
    "name": pl.String,
    "measure": pl.String,
    "per": pl.String,  # keys in the order member, merchant, district, org, joined by "|"
    "window": pl.String,
    "member_no": pl.String,
    "merchant_no": pl.String,
    "district": pl.String,
    "org": pl.String,
    "window_start": pl.Date,  # 1970-01-01 for `total`
    "used": pl.Int64,  # fen or count
}
# Every SALE that was rated, also one that earned nothing. R of the page is `gross_fen` while voided or reversed, else
# refunded_gross_fen + half_up(gross_fen * refunded_paid_fen / paid_fen).
SALES: Schema = {
    "transaction_id": pl.String,
    "local_date": pl.Date,
    "member_no": pl.String,
    "merchant_no": pl.String,
    "district": pl.String,
    "org": pl.String,
    "hq_district": pl.String,
    "gross_fen": pl.Int64,
    "paid_fen": pl.Int64,  # null: not known
    "refunded_gross_fen": pl.Int64,
    "refunded_paid_fen": pl.Int64,
    "voided": pl.Boolean,
    "reversed": pl.Boolean,
}
# One row per scheme that granted. `charged_*` is what its limits and entitlement are charged now.
LINES: Schema = {
    "transaction_id": pl.String,
    "line": pl.Int64,
    "terms": pl.String,
    "scheme": pl.String,
    "version": pl.Int64,
    "entitlement_no": pl.String,  # null: none was needed
    "entitled_fen": pl.Int64,
    "granted_fen": pl.Int64,
    "kept_fen": pl.Int64,
    "charged_fen": pl.Int64,
    "charged_uses": pl.Int64,
}
TERMS: Schema = {"terms": pl.String, "scheme": pl.String, "version": pl.Int64, "document": pl.String}
# Every REFUND, VOID and REVERSAL that was rated; `gross_fen`/`paid_fen`: what a refund that took effect added to R.
OPERATIONS: Schema = {
    "transaction_id": pl.String,
    "kind": pl.String,
    "original_id": pl.String,
    "sale_id": pl.String,
    "took_effect": pl.Boolean,
    "undone": pl.Boolean,
    "gross_fen": pl.Int64,
    "paid_fen": pl.Int64,
}
ENTITLEMENT_USE: Schema = {"entitlement_no": pl.String, "used_uses": pl.Int64, "used_fen": pl.Int64}

STATE_SCHEMAS: dict[str, Schema] = {
    "usage": USAGE,
    "sales": SALES,
    "lines": LINES,
    "terms": TERMS,
    "operations": OPERATIONS,
    "entitlements": ENTITLEMENT_USE,
    "waiting": RATE_INPUT,
}
# The columns that name a row of each frame; a row in `changed` replaces the row of the same key.
STATE_KEYS: dict[str, tuple[str, ...]] = {
    "usage": tuple(name for name in USAGE if name != "used"),
    "sales": ("transaction_id",),
    "lines": ("transaction_id", "line"),
    "terms": ("terms",),
    "operations": ("transaction_id",),
    "entitlements": ("entitlement_no",),
    "waiting": ("transaction_id",),
}


@dataclass(frozen=True, slots=True)
class State:
    """The frames of STATE_SCHEMAS. Row order has no meaning; `sorted` gives the canonical order."""

    usage: pl.DataFrame
    sales: pl.DataFrame
    lines: pl.DataFrame
    terms: pl.DataFrame
    operations: pl.DataFrame
    entitlements: pl.DataFrame
    waiting: pl.DataFrame

    @classmethod
    def empty(cls) -> State:
        """No sale yet."""
        return cls(**{name: empty(schema) for name, schema in STATE_SCHEMAS.items()})

    @classmethod
    def from_frames(cls, frames: Mapping[str, pl.DataFrame]) -> State:
        """A State of the named frames; a missing one is empty."""
        return cls(
            **{
                name: conform(frames[name], schema) if name in frames else empty(schema)
                for name, schema in STATE_SCHEMAS.items()
            }
        )

    def frames(self) -> dict[str, pl.DataFrame]:
        """The frames by name, in the order of STATE_SCHEMAS."""
        return {name: getattr(self, name) for name in STATE_SCHEMAS}

    def known(self, ids: pl.Series) -> pl.Series:
        """Whether each id was rated, or waits, already."""
        every = [frame["transaction_id"] for frame in (self.sales, self.operations, self.waiting)]
        return ids.is_in(pl.concat(every).implode())

    def sorted(self) -> State:
        """The same State with every frame ordered by its key."""
        return State.from_frames({name: frame.sort(STATE_KEYS[name]) for name, frame in self.frames().items()})

    def merged(self, changed: State, rated_waiting: pl.Series) -> State:
        """This State with the rows of `changed` put in, and the waiting transactions `rated_waiting` taken out.

        Usage that has come back to 0 leaves no row, so that State does not depend on how a stream was cut.
        """
        unused = {"usage": pl.col("used") == 0, "entitlements": (pl.col("used_uses") == 0) & (pl.col("used_fen") == 0)}
        out: dict[str, pl.DataFrame] = {}
        for name, frame in self.frames().items():
            new = getattr(changed, name)
            if name == "waiting":
                frame = frame.filter(~pl.col("transaction_id").is_in(rated_waiting.implode()))
            out[name] = pl.concat([frame.join(new, on=list(STATE_KEYS[name]), how="anti"), new])
            if name in unused:
                out[name] = out[name].filter(~unused[name])
        return State(**out)


def touching(state: State, transactions: pl.DataFrame) -> State:
    """The part of State that rating `transactions` (the waiting ones included) can look at or change.

    Sales and operations that originals lead to, their lines in order, the usage of these sales' and transactions'
    members and merchants, and every entitlement's use.
    """
    if not (state.sales.height or state.operations.height or state.usage.height):
        return state
    originals = transactions.select(transaction_id=pl.col("original_id")).drop_nulls().unique()
    operations = state.operations.join(originals, on="transaction_id", how="semi")
    named = pl.concat([originals["transaction_id"], operations["sale_id"]]).unique()
    sales = state.sales.filter(pl.col("transaction_id").is_in(named.implode()))
    usage = state.usage
    if usage.height:
        members = _texts(transactions["member_no"], sales["member_no"])
        merchants = _texts(transactions["merchant_no"], sales["merchant_no"])
        usage = usage.filter(
            pl.col("member_no").is_in(members.implode()) & pl.col("merchant_no").is_in(merchants.implode())
        )
    return State(
        usage=usage,
        sales=sales,
        lines=state.lines.join(sales, on="transaction_id", how="semi").sort("transaction_id", "line"),
        terms=state.terms,
        operations=operations,
        entitlements=state.entitlements,
        waiting=state.waiting,
    )


def _texts(*columns: pl.Series) -> pl.Series:
    return pl.concat([c.alias("t") for c in columns] + [pl.Series("t", [""])]).drop_nulls().unique()
