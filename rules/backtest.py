"""What a draft rule would have cost: the same transactions under the rules in force and under the draft.

Limits are consumed in true order in both replays, and nothing is kept: State is a value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from rules.documents import Scheme
from rules.engine import rate
from rules.order import with_local_time
from rules.parse import Document
from rules.plan import Plan, reference_rejects
from rules.rated import Rated
from rules.state import State
from rules.terms import make_terms
from settlement.model.outcomes import Outcome
from settlement.model.rejects import Reject


@dataclass(frozen=True, slots=True)
class Backtest:
    """Differences between two replays; amounts are net of clawbacks, in fen.

    `days`: date, before_fen, after_fen, draft_fen (of the draft's scheme). `merchants`, `members`: number, before_fen,
    after_fen, change_fen, the biggest winners first. `run_out`: pool to the first local date on which it stopped or cut
    a grant under the draft. `members_reached`: how many members the draft's scheme gave something.
    """

    days: pl.DataFrame
    merchants: pl.DataFrame
    members: pl.DataFrame
    run_out: dict[str, date]
    members_reached: int
    before_fen: int
    after_fen: int


def with_draft(plan: Plan, draft: Document[Scheme], *, beside: bool) -> Plan | list[Reject]:
    """The plan with the draft in place of its scheme's versions, or beside what is in force (then its code is new)."""
    scheme = draft.value
    rejects = reference_rejects(plan.programme, [draft])
    if beside and any(terms.scheme.scheme == scheme.scheme for terms in plan.terms):
        message = f"scheme {scheme.scheme} is in force; give the draft another code, or put it in its place"
        rejects.append(draft.reject(("scheme",), "SCHEME_IN_FORCE", message))
    if rejects:
        return rejects
    pools = {pool.name: pool for pool in plan.programme.pools}
    made = make_terms(scheme, tuple(pools[name] for name in scheme.pools), draft.file, draft.place.line)
    kept = [terms for terms in plan.terms if terms.scheme.scheme != scheme.scheme]
    order = sorted([*kept, made], key=lambda t: (t.scheme.priority, t.scheme.scheme, t.scheme.version))
    return replace(plan, terms=tuple(order))


def backtest(
    plan: Plan, draft: Document[Scheme], transactions: pl.DataFrame, opening: State, *, beside: bool = False
) -> Backtest | list[Reject]:
    """Replays RATE_INPUT from `opening` twice; the rejects of a draft that does not fit the programme."""
    drafted = with_draft(plan, draft, beside=beside)
    if isinstance(drafted, list):
        return drafted
    every = pl.concat([opening.waiting, transactions])
    when = with_local_time(every, plan.programme.timezone).select("transaction_id", date="local_date")
    before, after = rate(plan, transactions, opening), rate(drafted, transactions, opening)
    left, right = _rows(before, when), _rows(after, when)
    mine = right.filter(pl.col("scheme") == draft.value.scheme)
    reached = mine.filter(pl.col("granted_fen") > 0)["member_no"].n_unique()
    days = _compared(left, right, "date").join(_sums(mine, "date", "draft_fen"), on="date", how="left")
    days = days.drop("change_fen").with_columns(pl.col("draft_fen").fill_null(0)).sort("date")
    return Backtest(
        days=days,
        merchants=_compared(left, right, "merchant_no"),
        members=_compared(left, right, "member_no"),
        run_out=_run_out(drafted, right),
        members_reached=reached,
        before_fen=int(left["granted_fen"].sum()),
        after_fen=int(right["granted_fen"].sum()),
    )


def _rows(rated: Rated, when: pl.DataFrame) -> pl.DataFrame:
    """Award rows with their date and who sold to whom."""
    sales = pl.concat([rated.before.sales, rated.changed.sales]).unique("transaction_id", keep="last")
    who = sales.select("member_no", "merchant_no", sale_id="transaction_id")
    rows = rated.awards.join(when, on="transaction_id", how="left", maintain_order="left")
    return rows.join(who, on="sale_id", how="left", maintain_order="left")


def _sums(rows: pl.DataFrame, key: str, name: str) -> pl.DataFrame:
    return rows.drop_nulls(key).group_by(key).agg(pl.col("granted_fen").sum().alias(name))


def _compared(left: pl.DataFrame, right: pl.DataFrame, key: str) -> pl.DataFrame:
    """Per key both sums and their difference; winners first, then by key."""
    sums = _sums(left, key, "before_fen").join(_sums(right, key, "after_fen"), on=key, how="full", coalesce=True)
    filled = sums.with_columns(pl.col("before_fen", "after_fen").fill_null(0))
    change = (pl.col("after_fen") - pl.col("before_fen")).alias("change_fen")
    return filled.with_columns(change).sort("change_fen", key, descending=[True, False])


def _run_out(plan: Plan, rows: pl.DataFrame) -> dict[str, date]:
    stopped = [int(Outcome.LIMIT_EXHAUSTED), int(Outcome.GRANTED_PARTIAL)]
    pools = [pool.name for pool in plan.programme.pools]
    found = rows.filter(pl.col("outcome").is_in(stopped) & pl.col("limit").is_in(pools))
    return dict(found.group_by("limit").agg(pl.col("date").min()).sort("limit").iter_rows())
