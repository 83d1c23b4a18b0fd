"""A draft rule tried on real transactions: both rule sets rate the same batches from the same State, then are compared.

Limits are consumed in true order, since it is `rate` that runs, batch after batch, State carried on. The opening State
is what the real past left, so a pool that was half used then is half used here. Rejected: recomputing only the sales
that the draft looks at, which misses what a changed scheme leaves of a shared pool to the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import polars as pl

from rules.documents import Effective, Scheme
from rules.engine import Engine, rate
from rules.parse import Document
from rules.plan import FAR, Plan
from rules.state import State
from rules.terms import Cap, window_start
from settlement.model.frames import Schema
from settlement.model.outcomes import Outcome

TRIAL_AWARD: Schema = {
    "date": pl.Date,
    "transaction_id": pl.String,
    "sale_id": pl.String,
    "scheme": pl.String,
    "granted_fen": pl.Int64,  # signed change, as in AWARD
    "outcome": pl.Int64,
    "limit": pl.String,
    "member_no": pl.String,  # the sale's
    "merchant_no": pl.String,
}
TRIAL_SHARE: Schema = {"date": pl.Date, "sponsor": pl.String, "amount_fen": pl.Int64}
# A budget is a limit or pool of money that counts everybody together.
BUDGET_DAY: Schema = {
    "date": pl.Date,
    "scheme": pl.String,  # "" for a pool
    "budget": pl.String,
    "window": pl.String,
    "value_fen": pl.Int64,
    "before_fen": pl.Int64,  # used at the opening of the day, in the day's window
    "used_fen": pl.Int64,  # at its end
}
_SIDES = ("now", "draft")


class Batch(NamedTuple):
    """What one day rates: `transactions` is RATE_INPUT."""

    date: date
    plan: Plan
    transactions: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Trial:
    """What one rule set gave: `awards` TRIAL_AWARD, `shares` TRIAL_SHARE, `budgets` BUDGET_DAY."""

    awards: pl.DataFrame
    shares: pl.DataFrame
    budgets: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two trials side by side; `now` is the rules in force, amounts are net of what refunds took back.

    `schemes` (scheme), `merchants` (merchant_no), `members` (member_no), `sponsors` (sponsor), `days` (date): each with
    now_fen, draft_fen, difference_fen; `schemes`, `merchants` and `members` also with now_sales and draft_sales (sales
    that got something), `schemes` also with now_/draft_members and now_/draft_merchants. `total` has the columns of
    `schemes` but the name. `days` also has now_sum_fen and draft_sum_fen, running. `budgets`: date, scheme, budget,
    window, value_fen, now_used_fen, draft_before_fen, draft_used_fen (null: that side has none), draft_left_fen.
    `cuts`: scheme, budget, window, now, draft: the first day on which a sale got less for want of this budget.
    """

    total: dict[str, int]
    schemes: pl.DataFrame
    days: pl.DataFrame
    budgets: pl.DataFrame
    cuts: pl.DataFrame
    merchants: pl.DataFrame
    members: pl.DataFrame
    sponsors: pl.DataFrame


# --- the draft's place among the rules -----------------------------------------------------------------------------


def in_force_throughout(draft: Document[Scheme], first: date, last: date) -> Document[Scheme]:
    """The draft as it is where its dates touch the period; else in force for the whole of it, and only that.

    A rule for next month is tried on last month's sales; with its own dates it would look at none of them.
    """
    dates = draft.value.effective
    if dates.first <= last and (dates.last or FAR) >= first:
        return draft
    return _dated(draft, first, last)


def with_draft(schemes: Sequence[Document[Scheme]], draft: Document[Scheme], *, beside: bool) -> list[Document[Scheme]]:
    """The documents with the draft in place of the versions of its code, as activating it would do, or beside them.

    In place: a version that began before ends on the eve of the draft; one of the same number, or that begins under the
    draft, gives way; what lies wholly before or after stays. Beside: the draft is added, nothing else changes.
    """
    if beside:
        return [*schemes, draft]
    kept: list[Document[Scheme]] = []
    dates, number = draft.value.effective, draft.value.version
    for document in schemes:
        old = document.value
        if old.scheme != draft.value.scheme:
            kept.append(document)
        elif old.version == number:
            continue
        elif (old.effective.last or FAR) < dates.first or old.effective.first > (dates.last or FAR):
            kept.append(document)
        elif old.effective.first < dates.first:
            kept.append(_dated(document, old.effective.first, dates.first - timedelta(days=1)))
    return [*kept, draft]


def _dated(document: Document[Scheme], first: date, last: date) -> Document[Scheme]:
    effective = Effective.model_validate({"from": first, "to": last})
    return Document(document.value.model_copy(update={"effective": effective}), document.file, document.place)


# --- one rule set --------------------------------------------------------------------------------------------------


def replay(batches: Sequence[Batch], opening: State, *, engine: Engine = "kernel") -> Trial:
    """Rates the batches in their order from `opening`, State carried on."""
    state = opening
    awards, shares, budgets = [], [], []
    for batch in batches:
        rated = rate(batch.plan, batch.transactions, state, engine=engine)
        before, state = state, rated.state
        day = pl.lit(batch.date, pl.Date).alias("date")
        who = state.sales.select("member_no", "merchant_no", sale_id="transaction_id")
        rows = rated.awards.filter(pl.col("scheme").is_not_null())
        rows = rows.join(who, on="sale_id", how="left", maintain_order="left").with_columns(day)
        awards.append(rows.select(list(TRIAL_AWARD)))
        shares.append(rated.shares.with_columns(day).select(list(TRIAL_SHARE)))
        budgets.append(_budgets(batch, before, state))
    return Trial(_together(awards, TRIAL_AWARD), _together(shares, TRIAL_SHARE), _together(budgets, BUDGET_DAY))


def _together(frames: list[pl.DataFrame], schema: Schema) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=schema), *frames])


def _budgets(batch: Batch, before: State, after: State) -> pl.DataFrame:
    """BUDGET_DAY of one day: every amount limit without keys that a scheme of the plan meets."""
    met: dict[tuple[str, str, str], Cap] = {}
    for terms in batch.plan.terms:
        for cap in terms.caps:
            if cap.measure == "amount" and not cap.per:
                met[cap.scope, cap.name, cap.window] = cap
    rows = [
        (batch.date, scope, name, window, cap.value, _used(before, cap, batch.date), _used(after, cap, batch.date))
        for (scope, name, window), cap in sorted(met.items())
    ]
    return pl.DataFrame(rows, schema=BUDGET_DAY, orient="row")


def _used(state: State, cap: Cap, day: date) -> int:
    """What a budget has used in the window of a day."""
    used = state.usage.filter(
        (pl.col("scheme") == cap.scope)
        & (pl.col("name") == cap.name)
        & (pl.col("measure") == cap.measure)
        & (pl.col("per") == cap.per_text)
        & (pl.col("window") == cap.window)
        & (pl.col("window_start") == window_start(cap.window, day))
    )
    return int(used["used"].sum())


# --- both ----------------------------------------------------------------------------------------------------------


def compare(now: Trial, draft: Trial) -> Comparison:
    """The Comparison of the rules in force with those of the draft; frames are sorted by their key."""
    both = pl.concat(
        [trial.awards.with_columns(side=pl.lit(side)) for side, trial in zip(_SIDES, (now, draft), strict=True)]
    )
    schemes = _by(both, "scheme", people=True)
    everything = _by(both.with_columns(every=pl.lit("all")), "every", people=True)
    total = everything.drop("every").row(0, named=True) if everything.height else dict.fromkeys(schemes.columns[1:], 0)
    shared = [t.shares.with_columns(side=pl.lit(side)) for side, t in zip(_SIDES, (now, draft), strict=True)]
    sponsors = _by(pl.concat(shared).rename({"amount_fen": "granted_fen"}), "sponsor")
    dates = pl.concat([now.budgets["date"], draft.budgets["date"], both["date"]]).unique()
    days = dates.to_frame().join(_by(both, "date"), on="date", how="left").fill_null(0).sort("date")
    return Comparison(
        total=total,
        schemes=schemes,
        days=days.with_columns(now_sum_fen=pl.col("now_fen").cum_sum(), draft_sum_fen=pl.col("draft_fen").cum_sum()),
        budgets=_budget_days(now, draft),
        cuts=_cuts(now, draft),
        merchants=_by(both, "merchant_no", sales=True),
        members=_by(both, "member_no", sales=True),
        sponsors=sponsors,
    )


def winners(frame: pl.DataFrame, count: int) -> pl.DataFrame:
    """The `count` rows of `merchants` or `members` that gain most by the draft; ties by number."""
    return frame.filter(pl.col("difference_fen") > 0).sort(-pl.col("difference_fen"), pl.first()).head(count)


def losers(frame: pl.DataFrame, count: int) -> pl.DataFrame:
    """The `count` rows of `merchants` or `members` that lose most by the draft; ties by number."""
    return frame.filter(pl.col("difference_fen") < 0).sort(pl.col("difference_fen"), pl.first()).head(count)


def _by(both: pl.DataFrame, key: str, *, sales: bool = False, people: bool = False) -> pl.DataFrame:
    """Sums of both sides by `key`."""
    given = pl.col("outcome").is_in([int(Outcome.GRANTED), int(Outcome.GRANTED_PARTIAL)])
    sums: list[pl.Expr] = []
    for side in _SIDES:
        here = pl.col("side") == side
        sums.append(pl.col("granted_fen").filter(here).sum().alias(f"{side}_fen"))
        if sales or people:
            sums.append(pl.col("sale_id").filter(here & given).n_unique().cast(pl.Int64).alias(f"{side}_sales"))
        if people:
            for name, column in (("members", "member_no"), ("merchants", "merchant_no")):
                sums.append(pl.col(column).filter(here & given).n_unique().cast(pl.Int64).alias(f"{side}_{name}"))
    difference = (pl.col("draft_fen") - pl.col("now_fen")).alias("difference_fen")
    return both.filter(pl.col(key).is_not_null()).group_by(key).agg(sums).with_columns(difference).sort(key)


def _budget_days(now: Trial, draft: Trial) -> pl.DataFrame:
    keys = ["date", "scheme", "budget", "window"]
    ours = now.budgets.select(*keys, now_value_fen="value_fen", now_used_fen="used_fen")
    theirs = draft.budgets.rename({"before_fen": "draft_before_fen", "used_fen": "draft_used_fen"})
    joined = ours.join(theirs, on=keys, how="full", coalesce=True)
    left = (pl.col("value_fen") - pl.col("draft_used_fen")).alias("draft_left_fen")
    joined = joined.with_columns(left).with_columns(pl.coalesce("value_fen", "now_value_fen").alias("value_fen"))
    columns = [*keys, "value_fen", "now_used_fen", "draft_before_fen", "draft_used_fen", "draft_left_fen"]
    return joined.select(columns).sort("scheme", "budget", "window", "date")


def _cuts(now: Trial, draft: Trial) -> pl.DataFrame:
    """Per budget the first day of a row that was refused or cut by it; a scheme's own limit counts for its scheme."""
    budgets = pl.concat([now.budgets, draft.budgets]).select("scheme", "budget", "window").unique()
    short = pl.col("outcome").is_in([int(Outcome.LIMIT_EXHAUSTED), int(Outcome.GRANTED_PARTIAL)])
    for side, trial in zip(_SIDES, (now, draft), strict=True):
        cut = trial.awards.filter(short & pl.col("limit").is_not_null()).select("date", "scheme", budget="limit")
        # a name may be a scheme's own limit and, for other schemes, a pool
        own = trial.budgets.filter(pl.col("scheme") != "").select("scheme", "budget").unique()
        mine = cut.join(own, on=["scheme", "budget"], how="semi")
        pool = cut.join(own, on=["scheme", "budget"], how="anti").with_columns(scheme=pl.lit(""))
        first = pl.concat([mine, pool]).group_by("scheme", "budget").agg(pl.col("date").min().alias(side))
        budgets = budgets.join(first, on=["scheme", "budget"], how="left")
    return budgets.sort("scheme", "budget", "window")
