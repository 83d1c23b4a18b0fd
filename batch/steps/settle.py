"""settle: what is due to whom. Drafts the statements due on the next day, and payouts of every payable without one.

Night D looks at the next calendar day, E. Where E is a banking day, each payee whose cycle falls due on it gets a
statement of its due awards, and every payable that is in no live item gets one, or a reason why not.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Connection

from batch import payments
from batch.run import Run, Summary
from settlement.model.dates import Calendar
from settlement.model.frames import INSTANT, conform
from settlement.payout.cycles import Terms, as_cycle, due_period, next_due
from settlement.payout.digest import statement_digests
from settlement.payout.items import BATCH, HOLD, ITEM, Items, dead_expr, draft_items
from settlement.payout.statements import ADJUSTMENT, DUE_PAYEE, OPEN_AWARD, PAYEE_KEY, Drafted, draft
from settlement.store import reconcile, reference, runs
from settlement.store import settle as rows

MAKER = "night"
VOIDER = "night-void"


def settle(connection: Connection, run: Run) -> Summary:
    """Voids what expired, drafts statements and payouts for the next day. Summary: counts and totals in fen."""
    day, due = run.business_date, run.business_date + timedelta(days=1)
    calendar = reference.calendar(connection, run.last_import)
    voided = _void_expired(connection, run)
    drafted = _draft_statements(connection, run, due, calendar)
    payables = rows.payables(connection, day)
    if calendar.is_workday(due):
        items = _draft_payouts(connection, run, due, payables)
    else:
        items = _all_wait(payables, calendar.roll_forward(due))
    _store_payouts(connection, run, due, items)
    return {
        "statements": drafted.statements.height,
        "due_fen": int(drafted.statements["due_fen"].sum()),
        "settled_fen": int(drafted.statements["settled_fen"].sum()),
        "awards": drafted.awards.height,
        "awards_held": drafted.held.height,
        "batches": items.batches.height,
        "payouts": items.items.height,
        "payouts_fen": int(items.items["amount_fen"].sum()),
        "payouts_held": items.holds.height,
        "batches_voided": voided,
    }


def _void_expired(connection: Connection, run: Run) -> int:
    """A row `voided` for each batch whose execution date passed unreleased; its payables are drafted anew."""
    expired = rows.expired(connection, run.business_date)
    decisions = expired.select(
        "batch_no",
        step=pl.lit("voided"),
        at=pl.lit(runs.began(connection, run.business_date)).cast(INSTANT),
        actor=pl.lit(VOIDER),
        maker="maker",
        digest="digest",
        business_date=pl.lit(run.business_date),
    )
    rows.store(connection, {"payout_decision": decisions})
    return expired.height


def _terms_of(contracts: pl.DataFrame, day: date) -> dict[str, Terms]:
    """Terms in force on `day` by payee: of the head office's own contract, else of its first store's."""
    live = contracts.filter(
        (pl.col("valid_from") <= day) & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= day))
    ).sort(pl.col("merchant_no") != pl.col("payee_no"), "merchant_no", "valid_from", descending=[False, False, True])
    terms: dict[str, Terms] = {}
    for row in live.unique("payee_no", keep="first", maintain_order=True).iter_rows(named=True):
        fields = {name: row[name] for name in Terms.__dataclass_fields__ if name != "cycle"}
        terms[row["payee_no"]] = Terms(cycle=as_cycle(row["cycle"]), **fields)
    return terms


def _due_payees(connection: Connection, run: Run, due: date, calendar: Calendar, known: pl.DataFrame) -> pl.DataFrame:
    """The payees (of `known`, or with money carried) whose cycle falls due on `due`, with their terms (DUE_PAYEE)."""
    carried = rows.carried(connection, run.business_date, due)
    terms = _terms_of(rows.contracts(connection, run.last_import), run.business_date)
    payees = (
        pl.concat([known.select(PAYEE_KEY), carried.filter(pl.col("carried_fen") != 0).select(PAYEE_KEY)])
        .unique()
        .join(carried, on=PAYEE_KEY, how="left")
        .sort(PAYEE_KEY)
    )
    found: list[dict[str, Any]] = []
    standard = Terms()
    for payee in payees.iter_rows(named=True):
        own = terms.get(payee["payee_no"], standard) if payee["payee_kind"] == "merchant" else standard
        period = due_period(own, due, calendar)
        if period is None:
            continue
        found.append(
            {
                "payee_kind": payee["payee_kind"],
                "payee_no": payee["payee_no"],
                "period_from": period.first,
                "period_to": period.last,
                "due_date": due,
                "next_due": next_due(own, due, calendar),
                "brought_fen": payee["carried_fen"] or 0,
                "held_back_fen": payee["held_back_fen"] or 0,
                "minimum_fen": own.minimum_fen,
                "holdback_ppm": own.holdback_ppm,
                "holdback_until": due + timedelta(days=own.holdback_days),
                "fee_ppm": own.fee_ppm,
            }
        )
    return pl.DataFrame(found, schema=DUE_PAYEE)


def _open_awards(connection: Connection, run: Run) -> pl.DataFrame:
    """Awards on no statement yet, each with whether it is due and why not (OPEN_AWARD)."""
    awards = rows.open_awards(connection, run.business_date)
    at_once = [(channel.ours, channel.rail) for channel in run.config.channels if not channel.hold]
    state = reconcile.due_state(connection, awards["transaction_id"], at_once)
    joined = awards.join(state, on="transaction_id", how="left").with_columns(
        pl.col("due").fill_null(False),
        reason=pl.when(~pl.col("due").fill_null(False)).then(pl.col("reason").fill_null("尚未对账")),
    )
    return conform(joined, OPEN_AWARD)


def _draft_statements(connection: Connection, run: Run, due: date, calendar: Calendar) -> Drafted:
    """Drafts, numbers and stores the statements that are paid on `due`; none where it is no banking day."""
    nothing = draft(*(pl.DataFrame(schema=schema) for schema in (OPEN_AWARD, DUE_PAYEE, ADJUSTMENT)))
    if not calendar.is_workday(due):
        return nothing
    awards = _open_awards(connection, run)
    adjustments = rows.adjusted(connection, run.business_date)
    known = pl.concat([awards.select(PAYEE_KEY), adjustments.select(PAYEE_KEY)])
    drafted = draft(awards, _due_payees(connection, run, due, calendar, known), adjustments)
    _store_statements(connection, run, drafted)
    return drafted


def _numbered(connection: Connection, run: Run, drafted: Drafted) -> pl.DataFrame:
    """The statements with their numbers, without gaps after the last of the year, in order of payee."""
    programme, day = run.config.programme, run.business_date
    first = rows.last_number(connection, programme.name, day.year) + 1
    number = pl.int_range(first, first + pl.len(), dtype=pl.Int64)
    return drafted.statements.sort(PAYEE_KEY).with_columns(
        programme=pl.lit(programme.name),
        number=number,
        year=pl.lit(day.year, pl.Int64),
        business_date=pl.lit(day),
        statement_no=pl.format(
            "{}-{}-{}",
            pl.lit(programme.statement_code),
            pl.lit(str(day.year)),
            number.cast(pl.String).str.zfill(6),
        ),
    )


def _store_statements(connection: Connection, run: Run, drafted: Drafted) -> None:
    numbered = _numbered(connection, run, drafted)
    number = numbered.select(*PAYEE_KEY, "statement_no")
    parts = {
        "statement_line": drafted.lines.join(number, on=PAYEE_KEY).drop(PAYEE_KEY),
        "statement_award": drafted.awards.join(number, on=PAYEE_KEY).drop(PAYEE_KEY),
        "statement_held": drafted.held.join(number, on=PAYEE_KEY).drop(PAYEE_KEY),
    }
    digests = statement_digests(numbered, *parts.values())
    digest = pl.col("statement_no").replace_strict(digests, return_dtype=pl.String)
    parts["statement_award"] = parts["statement_award"].select("transaction_id", "line", "statement_no")
    adjusted = drafted.adjustments.join(number, on=PAYEE_KEY)
    rows.store(
        connection,
        {
            "statement": numbered.with_columns(digest=digest) if digests else numbered.with_columns(digest=pl.lit("")),
            **parts,
            "statement_adjustment": adjusted.select("discrepancy_id", "seq", "statement_no", "amount_fen"),
        },
    )


def _draft_payouts(connection: Connection, run: Run, due: date, payables: pl.DataFrame) -> Items:
    """Tonight's payouts; an item that the file cannot carry is held, so that it does not stop the others."""
    accounts = rows.accounts(connection, run.last_import, run.business_date, due)
    prefix = f"B-{run.business_date:%Y%m%d}"
    doubt = pl.format("the bank may have paid it already ({}): decide about that first", "discrepancy_id")
    doubted = reconcile.doubted(connection).select("statement_no", reason=doubt)
    first = draft_items(payables, accounts, doubted, prefix)
    refused = payments.refused(run, rows.sealed_accounts(connection, first.items))
    return draft_items(payables, accounts, pl.concat([doubted, refused]), prefix)


def _all_wait(payables: pl.DataFrame, until: date) -> Items:
    """No banking day: every payable without a live item waits."""
    holds = payables.filter(dead_expr()).select("statement_no", reason=pl.lit(f"waits for the banking day {until}"))
    return Items(pl.DataFrame(schema=BATCH), pl.DataFrame(schema=ITEM), conform(holds, HOLD))


def _store_payouts(connection: Connection, run: Run, due: date, items: Items) -> None:
    """Batches with the digest of the file they would release, their items, and the holds."""
    heirs = rows.voided_without_heir(connection, run.business_date)
    replaces = heirs.group_by("payee_kind").agg(replaces=pl.col("batch_no").max())
    batches = items.batches.join(replaces, on="payee_kind", how="left").sort("batch_no")
    began = runs.began(connection, run.business_date)
    digests = []
    for batch_no in batches["batch_no"]:
        of_batch = items.items.filter(pl.col("batch_no") == batch_no)
        sealed = rows.sealed_accounts(connection, of_batch)
        payments.check_whole(batch_no, sealed, of_batch.height, int(of_batch["amount_fen"].sum()))
        digests.append(payments.digest(payments.file_bytes(run, batch_no, due, began, sealed)))
    stored = batches.drop("payee_kind").with_columns(
        business_date=pl.lit(run.business_date),
        execution_date=pl.lit(due),
        created_at=pl.lit(began).cast(INSTANT),
        maker=pl.lit(MAKER),
        account=pl.lit(run.config.payout.account),
        format=pl.lit(payments.format_of(run)),
        digest=pl.Series(digests, dtype=pl.String),
    )
    holds = items.holds.with_columns(business_date=pl.lit(run.business_date))
    rows.store(connection, {"payout_batch": stored, "payout_item": items.items, "payout_hold": holds})
