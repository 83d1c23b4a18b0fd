"""rate: resolves member and merchant, grants and claws back. Writes rated, award, award_share and State."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Connection

import rules
from batch.documents import plan_in_force
from batch.run import Run, Summary
from settlement.model import frames
from settlement.model.outcomes import Outcome
from settlement.store import rating
from settlement.store import tables as t
from settlement.store.copy import copy_in

_KEPT = [int(o) for o in (Outcome.GRANTED, Outcome.GRANTED_PARTIAL, Outcome.CLAWED_BACK, Outcome.REINSTATED)]


def rate(connection: Connection, run: Run) -> Summary:
    """Rates tonight's transactions as one batch after all earlier ones; orphans that waited are tried again."""
    plan = plan_in_force(connection, run)
    new = resolve(connection, run, rating.tonight(connection, run.business_date))
    state = opening(connection, run, new)
    rated = rules.rate(plan, to_input(new), state)
    late = rated.transactions.filter(~pl.col("transaction_id").is_in(new["transaction_id"].implode()))
    waited = resolve(connection, run, rating.by_id(connection, late["transaction_id"]))
    facts = pl.concat([new, waited])
    _write(connection, run, plan, rated, facts)
    rating.put_state(connection, rated.changed.frames(), rated.released, run.business_date)
    outcomes = rated.transactions.group_by("outcome").len().sort("outcome")
    return {
        "transactions": new.height,
        "subsidy_fen": int(rated.awards["granted_fen"].sum()),
        "outcomes": {Outcome(number).name: count for number, count in outcomes.iter_rows()},
    }


def resolve(connection: Connection, run: Run, rows: pl.DataFrame) -> pl.DataFrame:
    """TONIGHT rows with member_no, our_merchant_no, store_no and the instrument that the card has.

    A row that names no terminal belongs to the merchant number's row of terminals.csv whose terminal is blank.
    """
    zone = run.config.programme.timezone
    dated = rows.with_columns(
        local_date=pl.col("occurred_at").dt.convert_time_zone(zone).dt.date(),
        terminal_no=pl.col("terminal_no").fill_null(""),
        order=pl.int_range(pl.len(), dtype=pl.Int64),
    )
    cards = rating.cards(connection, run.last_import).rename({"instrument": "card_instrument"})
    terminals = rating.terminals(connection, run.last_import).rename(
        {"merchant_no": "our_merchant_no", "their_merchant_no": "merchant_no"}
    )
    dated = _as_of(dated, cards, ["card_id"], ["member_no", "card_instrument"])
    dated = _as_of(dated, terminals, ["source", "merchant_no", "terminal_no"], ["our_merchant_no", "store_no"])
    return dated.sort("order").with_columns(instrument=pl.coalesce("card_instrument", "instrument")).drop("order")


def _as_of(rows: pl.DataFrame, table: pl.DataFrame, keys: list[str], values: list[str]) -> pl.DataFrame:
    """`rows` with `values` of the table's row of the same keys valid on local_date; null where there is none."""
    right = table.sort("valid_from").with_columns(known_to=pl.col("valid_to").fill_null(pl.date(9999, 12, 31)))
    joined = rows.sort("local_date").join_asof(
        right.select(*keys, *values, "valid_from", "known_to"),
        left_on="local_date",
        right_on="valid_from",
        by=keys,
        strategy="backward",
        check_sortedness=False,
    )
    valid = pl.col("known_to") >= pl.col("local_date")
    return joined.with_columns(pl.when(valid).then(pl.col(name)).alias(name) for name in values).drop(
        "known_to", "valid_from", strict=False
    )


def to_input(rows: pl.DataFrame) -> pl.DataFrame:
    """RATE_INPUT of resolved rows."""
    named = rows.rename({"original_key": "original_id", "merchant_no": "their_merchant_no"})
    return frames.conform(named.rename({"our_merchant_no": "merchant_no"}), frames.RATE_INPUT)


def opening(connection: Connection, run: Run, new: pl.DataFrame) -> rules.State:
    """The part of State that rating `new` (original_key, member_no) and what waits can touch, as the date opens."""
    waiting = rating.waiting(connection, rules.STATE_SCHEMAS["waiting"], run.business_date)
    originals = pl.concat([new["original_key"].rename("o"), waiting["original_id"].rename("o")]).drop_nulls()
    members = pl.concat([new["member_no"].rename("m"), waiting["member_no"].rename("m")]).drop_nulls()
    loaded = rating.opening_state(connection, rules.STATE_SCHEMAS, run.business_date, originals, members)
    return rules.State.from_frames(loaded)


def _write(connection: Connection, run: Run, plan: rules.Plan, rated: rules.Rated, facts: pl.DataFrame) -> None:
    """Rows of rated, award and award_share."""
    stamp = [
        pl.lit(run.business_date, pl.Date).alias("business_date"),
        pl.lit(run.config.programme.name).alias("programme"),
    ]
    awards = rated.awards.rename({"limit": "limit_name", "payee": "payee_kind"})
    transactions = facts.select("transaction_id", "source", "clearing_date", "member_no", "our_merchant_no", "kind",
                                "claimed_fen", "store_no", "instrument")  # fmt: skip
    copy_in(connection, t.rated, _rated_rows(plan, rated, awards, transactions).with_columns(stamp))
    kept = awards.filter(pl.col("outcome").is_in(_KEPT) & pl.col("scheme").is_not_null())
    kept = kept.join(transactions.select("transaction_id", "source", "clearing_date"), on="transaction_id", how="left")
    kept = kept.join(_sale_payees(rated), on="sale_id", how="left")
    kinds = {name: sponsor.kind for name, sponsor in plan.programme.sponsors.items()}
    sponsor_kind = pl.col("sponsor").replace_strict(kinds, default="district", return_dtype=pl.String)
    shares = rated.shares.with_columns(sponsor_kind=sponsor_kind).join(kept, on=["transaction_id", "line"], how="semi")
    own = (
        shares.filter(pl.col("sponsor_kind") == "merchant")
        .group_by("transaction_id", "line")
        .agg(own_fen=pl.col("amount_fen").sum())
    )
    kept = kept.join(own, on=["transaction_id", "line"], how="left", maintain_order="left")
    kept_back = pl.when(pl.col("payee_kind") == "member").then(0).otherwise(pl.col("own_fen").fill_null(0))
    kept = kept.with_columns(
        *stamp,
        payable_fen=pl.col("granted_fen") - kept_back,
        payee_no=pl.when(pl.col("payee_kind") == "merchant")
        .then(pl.col("sale_merchant_no"))
        .when(pl.col("payee_kind") == "channel")
        .then(pl.col("source"))
        .otherwise(pl.col("sale_member_no")),
    )
    copy_in(connection, t.award, kept.select([column.name for column in t.award.columns]))
    copy_in(connection, t.award_share, shares.select([column.name for column in t.award_share.columns]))


def _sale_payees(rated: rules.Rated) -> pl.DataFrame:
    """Who sold and who bought, of every sale that this batch touched."""
    names = {"transaction_id": "sale_id", "merchant_no": "sale_merchant_no", "member_no": "sale_member_no"}
    both = pl.concat([rated.changed.sales.select(list(names)), rated.before.sales.select(list(names))])
    return both.rename(names).unique("sale_id", keep="first", maintain_order=True)


def _rated_rows(plan: rules.Plan, rated: rules.Rated, awards: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """One row per transaction, with its first award row's scheme and limit, and what was claimed beyond the grant."""
    first = awards.filter(pl.col("line") == 1).select("transaction_id", "scheme", "limit_name")
    paid_back = pl.col("granted_fen").filter(pl.col("payee_kind") != "member").sum()
    granted = awards.group_by("transaction_id").agg(granted_others_fen=paid_back)
    rows = rated.transactions.join(facts, on="transaction_id", how="left", maintain_order="left")
    rows = rows.join(first, on="transaction_id", how="left", maintain_order="left")
    rows = rows.join(granted, on="transaction_id", how="left", maintain_order="left")
    rows = rows.join(plan.members.select("member_no", "org"), on="member_no", how="left", maintain_order="left")
    beyond = (pl.col("claimed_fen") - pl.col("granted_others_fen").fill_null(0)).clip(0)
    overclaimed = pl.when(pl.col("kind") == "SALE").then(beyond).otherwise(0).fill_null(0)
    return rows.with_columns(overclaimed_fen=overclaimed).select(
        [c.name for c in t.rated.columns if c.name not in ("business_date", "programme")]
    )
