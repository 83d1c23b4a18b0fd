"""reconcile: feeds against clearing files, payouts against account statements, and the life of discrepancies.

Writes recon_match, discrepancy, discrepancy_event, money_match, payout_result.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl
from sqlalchemy import Connection

from batch.config import ChannelConfig
from batch.run import Run, Summary
from settlement.model.frames import INSTANT
from settlement.model.money import format_yuan_expr
from settlement.model.outcomes import Discrepancy, Outcome
from settlement.reconciliation import money
from settlement.reconciliation.discrepancies import EVENT_OF, FOUND, found, near_cutoff, numbered
from settlement.reconciliation.matching import BALANCED, match
from settlement.store import reconcile as rows
from settlement.store import reference

_SINGLE = (str(Discrepancy.OURS_ONLY), str(Discrepancy.THEIRS_ONLY))
_NEW: dict[str, object] = {**FOUND, "channel": pl.String, "payee_no": pl.String}
_EVENT = {
    "discrepancy_id": pl.String,
    "event": pl.String,
    "actor": pl.String,
    "checker": pl.String,
    "reason": pl.String,
    "evidence": pl.String,
    "decision_id": pl.Int64,
}


def reconcile(connection: Connection, run: Run) -> Summary:
    """Answers the night's three questions. Summary: matches by channel, discrepancies by kind, events, money lines."""
    new: list[pl.DataFrame] = []
    events: list[pl.DataFrame] = [_decided(connection, run)]
    matches: dict[str, int] = {}
    waiting: list[str] = []
    for channel in run.config.channels:
        if not rows.has_file(connection, channel.theirs, run.business_date):
            waiting.append(channel.name)
            continue
        matches[channel.name] = _channel(connection, run, channel, new, events)
    _rules(connection, run, new, events)
    lines = _money(connection, run, new, events)
    opened = numbered(pl.concat([pl.DataFrame(schema=_NEW), *new]), run.business_date)
    rows.put(connection, "discrepancy", opened)
    closed = _put_events(connection, run, pl.concat(events))
    kinds = opened.group_by("kind").len().sort("kind")
    return {
        "matched": matches,
        "waiting_for_file": waiting,
        "discrepancies": dict(kinds.iter_rows()),
        "events": closed,
        "money": lines,
    }


def _channel(
    connection: Connection, run: Run, channel: ChannelConfig, new: list[pl.DataFrame], events: list[pl.DataFrame]
) -> int:
    """Matches one channel; gives the number of matches."""
    day = run.business_date
    since = day - timedelta(days=channel.carry_days)
    ours_of = {"source": channel.ours, "rail": channel.rail, "since": since, "day": day}
    theirs_of = {"source": channel.theirs, "rail": channel.rail, "since": since, "day": day}
    ours = rows.ours(connection, **ours_of, still_open=False)
    theirs = rows.theirs(connection, **theirs_of, still_open=False)
    old_ours = rows.ours(connection, **ours_of, still_open=True)
    old_theirs = rows.theirs(connection, **theirs_of, still_open=True)
    copies = pl.col("item_id").str.contains("#", literal=True)
    matched = match(ours, theirs.filter(~copies), old_ours, old_theirs, channel.near_minutes)
    pairs = matched.pairs.with_columns(channel=pl.lit(channel.name), business_date=pl.lit(day, pl.Date))
    rows.put(connection, "recon_match", pairs)
    events.append(_healed(connection, matched.pairs))
    all_ours, all_theirs = pl.concat([ours, old_ours]), pl.concat([theirs, old_theirs])
    left = matched.theirs.filter(~pl.col("item_id").is_in(old_theirs["item_id"].implode()))
    fresh = type(matched)(
        matched.pairs,
        matched.ambiguous,
        matched.ours.filter(~pl.col("item_id").is_in(old_ours["item_id"].implode())),
        pl.concat([left, theirs.filter(copies)]),
    )
    originals = pl.concat([fresh.ours["original_id"], fresh.theirs["original_id"]])
    known = rows.matched_among(connection, originals)
    cutoff = run.config.programme.cutoff
    late = near_cutoff(run.config.programme.timezone, cutoff.hour * 60 + cutoff.minute)
    opened = found(all_ours, all_theirs, fresh, known, late).with_columns(channel=pl.lit(channel.name))
    owners = rows.owners(connection, opened["ours_id"])
    named = opened.join(owners, left_on="ours_id", right_on="transaction_id", how="left", maintain_order="left")
    new.append(named.select(list(_NEW)))
    return pairs.height


def _healed(connection: Connection, pairs: pl.DataFrame) -> pl.DataFrame:
    """auto_closed for open single-sided discrepancies whose item has found its other side."""
    parts = [pl.DataFrame(schema=_EVENT)]
    for side in ("ours_id", "theirs_id"):
        open_rows = rows.open_discrepancies(connection, side, pairs[side], _SINGLE)
        told = open_rows.join(pairs, left_on="id", right_on=side, how="left")
        reason = (
            pl.when(pl.col("result") == BALANCED)
            .then(pl.lit("次日勾对平账"))
            .otherwise(pl.lit("对方记录已到, 另立差错"))
        )
        parts.append(_events(told, "auto_closed", reason, pl.col("key")))
    return pl.concat(parts)


def _events(told: pl.DataFrame, event: str, reason: pl.Expr, evidence: pl.Expr) -> pl.DataFrame:
    return told.select(
        "discrepancy_id",
        pl.lit(event).alias("event"),
        pl.lit("night").alias("actor"),
        pl.lit(None, pl.String).alias("checker"),
        reason.alias("reason"),
        evidence.cast(pl.String).alias("evidence"),
        pl.lit(None, pl.Int64).alias("decision_id"),
    )


def _decided(connection: Connection, run: Run) -> pl.DataFrame:
    """What people decided for this night; above the configured amount a decision without a second person has no effect."""
    decisions = rows.decisions(connection, run.business_date)
    above = pl.col("difference_fen").abs() > run.config.policy.second_person_above_fen
    moves_money = pl.col("kind").is_in(["adjust", "write_off"])
    taken = decisions.filter(~(above & moves_money & pl.col("checker").is_null()))
    return taken.select(
        "discrepancy_id",
        pl.col("kind").replace_strict(EVENT_OF, return_dtype=pl.String).alias("event"),
        "actor",
        "checker",
        "reason",
        pl.lit(None, pl.String).alias("evidence"),
        "decision_id",
    )


def _rules(connection: Connection, run: Run, new: list[pl.DataFrame], events: list[pl.DataFrame]) -> None:
    """Over-claimed discounts, over-refunds and orphans of tonight; orphans whose sale came are closed."""
    facts = rows.rule_facts(connection, run.business_date)
    kind = (
        pl.when(pl.col("outcome") == int(Outcome.ORPHAN))
        .then(pl.lit(str(Discrepancy.ORPHAN)))
        .when(pl.col("outcome") == int(Outcome.OVER_REFUND))
        .then(pl.lit(str(Discrepancy.OVER_REFUND)))
        .otherwise(pl.lit(str(Discrepancy.OVERCLAIMED)))
    )
    known = rows.open_discrepancies(connection, "ours_id", facts["transaction_id"], [str(Discrepancy.ORPHAN)])
    facts = facts.with_columns(finding=kind).join(known, left_on="transaction_id", right_on="id", how="anti")
    claimed = pl.col("finding") == str(Discrepancy.OVERCLAIMED)
    granted = pl.col("claimed_fen") - pl.col("overclaimed_fen")
    detail = (
        pl.when(claimed)
        .then(pl.format("申报优惠 {}, 规则核给 {}", pl.col("claimed_yuan"), pl.col("granted_yuan")))
        .when(pl.col("finding") == str(Discrepancy.OVER_REFUND))
        .then(pl.lit("退货累计超过原交易"))
        .otherwise(pl.lit("原交易未到或不存在"))
    )
    facts = facts.with_columns(granted_fen=granted).with_columns(
        format_yuan_expr("claimed_fen").alias("claimed_yuan"), format_yuan_expr("granted_fen").alias("granted_yuan")
    )
    signed = pl.when(claimed).then("claimed_fen").otherwise(-pl.col("amount_fen"))
    new.append(
        facts.select(
            kind="finding",
            ours_id="transaction_id",
            theirs_id=pl.lit(None, pl.String),
            clearing_date="clearing_date",
            occurred_at="occurred_at",
            reference="reference",
            ours_fen=pl.when(claimed).then("granted_fen").otherwise(signed),
            theirs_fen=pl.when(claimed).then("claimed_fen"),
            difference_fen=pl.when(claimed).then(-pl.col("overclaimed_fen")).otherwise(signed),
            ours_status="kind",
            theirs_status=pl.lit(None, pl.String),
            detail=detail,
            channel=_channel_name(run),
            payee_no="payee_no",
        )
    )
    came = rows.no_orphans_now(connection, run.business_date)
    healed = rows.open_discrepancies(connection, "ours_id", came, [str(Discrepancy.ORPHAN)])
    events.append(_events(healed, "auto_closed", pl.lit("原交易已到"), pl.col("id")))


def _channel_name(run: Run) -> pl.Expr:
    """The channel of a transaction by its source and rail; the source where no channel reconciles it."""
    name: pl.Expr = pl.col("source")
    for channel in run.config.channels:
        here = (pl.col("source") == channel.ours) & (pl.col("rail") == channel.rail)
        name = pl.when(here).then(pl.lit(channel.name)).otherwise(name)
    return name


def _money(connection: Connection, run: Run, new: list[pl.DataFrame], events: list[pl.DataFrame]) -> dict[str, int]:
    """Names tonight's bank lines; gives their number by kind."""
    lines = rows.bank_lines(connection, run.business_date, money.LINE)
    sponsors = {
        (account.name, run.keys.keyed_index(sponsor.account)): sponsor.sponsor
        for account in run.config.accounts
        for sponsor in account.sponsors
    }
    codes = {account.name: account.charge_codes for account in run.config.accounts}
    known, unknown = money.name_lines(lines, rows.sent_items(connection, money.SENT), sponsors, codes)
    stamp = pl.lit(run.business_date, pl.Date).alias("business_date")
    rows.put(connection, "money_match", known.with_columns(stamp))
    results = known.filter(pl.col("kind").is_in(["paid", "returned"]))
    last = rows.last_seq(connection, results["subject"])
    before = pl.col("end_to_end_id").replace_strict(last, default=0, return_dtype=pl.Int64)
    numbered_results = results.join(lines.select("line_id", "booking_date"), on="line_id").sort("booking_date", "kind")
    rows.put(
        connection,
        "payout_result",
        numbered_results.select("line_id", "reason", stamp, end_to_end_id="subject", result="kind").with_columns(
            seq=before + pl.int_range(1, pl.len() + 1).over("end_to_end_id")
        ),
    )
    new.append(_money_discrepancies(known, unknown, lines))
    new.append(_unpaid(connection, run))
    paid = rows.open_discrepancies(connection, "ours_id", results["subject"], [str(Discrepancy.UNPAID)])
    events.append(_events(paid, "auto_closed", pl.lit("银行已付"), pl.col("id")))
    kinds = (
        pl.concat([known.select("kind"), unknown.select(kind=pl.lit("unknown"))]).group_by("kind").len().sort("kind")
    )
    return dict(kinds.iter_rows())


def _money_discrepancies(known: pl.DataFrame, unknown: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    returned = known.filter(pl.col("kind") == "returned").join(lines, on="line_id", suffix="_line")
    back = returned.with_columns(
        finding=pl.lit(str(Discrepancy.RETURNED)),
        ours_id="subject",
        detail=pl.format("银行退汇: {}", pl.col("reason").fill_null("无原因")),
    )
    credit = pl.col("amount_fen") > 0
    kind = (
        pl.when(credit).then(pl.lit(str(Discrepancy.UNKNOWN_CREDIT))).otherwise(pl.lit(str(Discrepancy.UNKNOWN_DEBIT)))
    )
    rest = unknown.with_columns(
        finding=kind,
        ours_id=pl.lit(None, pl.String),
        detail=pl.format("银行摘要: {}", pl.col("remittance").fill_null("无")),
    )
    columns = ["line_id", "account", "booking_date", "amount_fen", "reference", "finding", "ours_id", "detail"]
    both = pl.concat([back.select(columns), rest.select(columns)])
    return both.select(
        kind="finding",
        ours_id="ours_id",
        theirs_id="line_id",
        clearing_date="booking_date",
        occurred_at=pl.lit(None, INSTANT),
        reference="reference",
        ours_fen=pl.lit(None, pl.Int64),
        theirs_fen="amount_fen",
        difference_fen=-pl.col("amount_fen"),
        ours_status=pl.lit(None, pl.String),
        theirs_status=pl.lit(None, pl.String),
        detail="detail",
        channel="account",
        payee_no=pl.lit(None, pl.String),
    )


def _unpaid(connection: Connection, run: Run) -> pl.DataFrame:
    """Released items that no statement has shown within the agreed banking days."""
    calendar = reference.calendar(connection, run.last_import)
    before, count = run.business_date, 0
    while count < run.config.payout.unpaid_after_days:
        count += calendar.is_workday(before)
        before -= timedelta(days=1)
    late = rows.unpaid(connection, before)
    return late.select(
        kind=pl.lit(str(Discrepancy.UNPAID)),
        ours_id="end_to_end_id",
        theirs_id=pl.lit(None, pl.String),
        clearing_date="day",
        occurred_at=pl.lit(None, INSTANT),
        reference="end_to_end_id",
        ours_fen=-pl.col("amount_fen"),
        theirs_fen=pl.lit(None, pl.Int64),
        difference_fen=-pl.col("amount_fen"),
        ours_status=pl.lit("released"),
        theirs_status=pl.lit(None, pl.String),
        detail=pl.lit("已发出的付款未见于银行对账单"),
        channel=pl.lit(run.config.payout.account),
        payee_no="payee_no",
    )


def _put_events(connection: Connection, run: Run, events: pl.DataFrame) -> int:
    """Numbers tonight's events after those each discrepancy has and stores them."""
    ordered = events.sort("discrepancy_id", "decision_id", "event", nulls_last=True)
    last = rows.last_event(connection, ordered["discrepancy_id"].unique())
    numbered_events = ordered.join(last, on="discrepancy_id", how="left", maintain_order="left").with_columns(
        seq=pl.col("last").fill_null(0) + pl.int_range(1, pl.len() + 1).over("discrepancy_id"),
        business_date=pl.lit(run.business_date, pl.Date),
    )
    rows.put(connection, "discrepancy_event", numbered_events)
    return numbered_events.height
