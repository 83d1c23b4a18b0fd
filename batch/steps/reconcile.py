"""reconcile: feeds against clearing files, payouts against account statements, and the life of discrepancies.

Writes recon_match, discrepancy, discrepancy_event, money_match, payout_result, and in payout_decision that the bank has
a batch. People's decisions come first, then the
channels, the findings of rating and the bank lines; each may close what earlier nights left open, and opens new ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl
from sqlalchemy import Connection

from batch import paid, unpaid
from batch.config import ChannelConfig
from batch.run import Run, Summary
from settlement.model.frames import INSTANT, conform
from settlement.model.outcomes import Discrepancy, Outcome
from settlement.reconciliation import by_people, money, rated, restated
from settlement.reconciliation import discrepancies as life
from settlement.reconciliation.matching import MATCH, RECON_ITEM, Matching, match
from settlement.store import reconcile as rows
from settlement.store import reference, runs
from settlement.store import restated as restated_rows

BANK = "bank"  # who says that it has a batch
UNKNOWN = (Discrepancy.UNKNOWN_CREDIT, Discrepancy.UNKNOWN_DEBIT)


@dataclass
class Night:
    """What the parts of the step share: earlier discrepancies as they stand now, new ones, events so far."""

    known: pl.DataFrame
    found: list[pl.DataFrame] = field(default_factory=list)
    events: list[pl.DataFrame] = field(default_factory=list)

    def happened(self, events: pl.DataFrame) -> None:
        """Keeps events and lets `known` stand as after them; its event numbers stay those of before."""
        self.events.append(events)
        self.known = life.after(self.known, events)


def reconcile(connection: Connection, run: Run) -> Summary:
    """Answers the night's three questions. Summary: pairs by channel and pass, discrepancies, events, bank lines."""
    night = Night(rows.known(connection, life.KNOWN, run.business_date))
    decisions = rows.decisions(connection, life.DECISION, run.business_date, list(life.EVENT_OF))
    taken, refused = life.decided(night.known, decisions, run.config.policy.second_person_above_fen)
    night.happened(taken)
    matched: dict[str, dict[str, int]] = {}
    for channel in run.config.channels:
        came, before = rows.file_nights(connection, channel.theirs, run.business_date)
        if came:
            pairs = _channel(connection, run, channel, night, before)
            matched[channel.name] = dict(pairs.group_by("pass").len().sort("pass").iter_rows())
    _rated(connection, run, night)
    lines = _money(connection, run, night, refused)
    return {
        "matched": matched,
        "waiting_for_file": [c.name for c in run.config.channels if c.name not in matched],
        "discrepancies": _store_found(connection, run, night),
        "events": _store_events(connection, run, night),
        "decisions_refused": refused,
        "bank_lines": lines,
    }


def _store_found(connection: Connection, run: Run, night: Night) -> dict[str, int]:
    """Numbers and stores what was found; gives the count by kind."""
    found = life.numbered(pl.concat([pl.DataFrame(schema=life.FOUND), *night.found]), run.business_date)
    rows.store(connection, {"discrepancy": found})
    return dict(found.group_by("kind").len().sort("kind").iter_rows())


def _store_events(connection: Connection, run: Run, night: Night) -> dict[str, int]:
    """Numbers and stores what happened to earlier discrepancies; gives the count by event."""
    events = life.sequenced(night.known, pl.concat([life.nothing(), *night.events]))
    stamp = pl.lit(run.business_date, pl.Date).alias("business_date")
    rows.store(connection, {"discrepancy_event": events.with_columns(stamp)})
    return dict(events.group_by("event").len().sort("event").iter_rows())


# --- transactions --------------------------------------------------------------------------------------------------


def _channel(
    connection: Connection, run: Run, channel: ChannelConfig, night: Night, after: date | None
) -> pl.DataFrame:
    """Matches what came `after` the last night with a clearing file; gives tonight's pairs (MATCH)."""
    day, zone = run.business_date, run.config.programme.timezone
    ours_came, _ = rows.file_nights(connection, channel.ours, day)
    since = day - timedelta(days=channel.carry_days)
    open_of = (channel.name, life.HEALABLE, since, day)
    ours = rows.ours_fresh(connection, channel.ours, channel.rail, after, day)
    theirs = rows.theirs_fresh(connection, channel.theirs, channel.rail, after, day)
    ours_open = rows.ours_open(connection, channel.ours, channel.rail, *open_of)
    theirs_open = rows.theirs_open(connection, channel.theirs, channel.rail, *open_of)
    matching = match(
        ours.select(list(RECON_ITEM)),
        theirs,
        ours_open.select(list(RECON_ITEM)),
        theirs_open,
        near_minutes=channel.near_minutes,
        zone=zone,
    )
    pairs = conform(matching.matches, MATCH)
    stamps = {"channel": pl.lit(channel.name), "business_date": pl.lit(day, pl.Date)}
    rows.store(connection, {"recon_match": pairs.with_columns(**stamps)})
    night.happened(life.healed(night.known, pairs))
    all_ours, all_theirs = pl.concat([ours, ours_open]), pl.concat([theirs, theirs_open])
    originals = _originals(connection, matching, ours, theirs)
    about = life.Channel(channel.name, zone, run.config.programme.cutoff, ours_came)
    night.found.append(life.found(about, all_ours, all_theirs, matching, originals))
    return pairs


def _originals(connection: Connection, matching: Matching, ours: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """Pairs of earlier nights among the originals of operations that found no match."""
    sides = (("ours_id", ours, matching.ours_left), ("theirs_id", theirs, matching.theirs_left))
    found = [
        rows.pairs_of(connection, side, items.join(left, on="item_id", how="semi")["original_id"])
        for side, items, left in sides
    ]
    return pl.concat(found).unique(maintain_order=True)


def _rated(connection: Connection, run: Run, night: Night) -> None:
    """What rating found wrong tonight, each transaction once per kind; orphans whose sale came are closed."""
    name: pl.Expr = pl.col("source")
    for channel in run.config.channels:
        here = (pl.col("source") == channel.ours) & (pl.col("rail") == channel.rail)
        name = pl.when(here).then(pl.lit(channel.name)).otherwise(name)
    facts = rows.rated_findings(connection, run.business_date, list(rated.OUTCOMES)).with_columns(channel=name)
    found = rated.findings(conform(facts, rated.RATED))
    before = rows.found_before(connection, rated.KINDS, found["ours_id"])
    night.found.append(found.filter(~pl.format("{}:{}", "kind", "ours_id").is_in(before.implode())))
    came = rows.rated_again(connection, run.business_date, int(Outcome.ORPHAN))
    night.happened(life.closed_because(night.known, [Discrepancy.ORPHAN], "ours_id", came, "原交易已到, 重新计算"))


# --- money ---------------------------------------------------------------------------------------------------------


def _money(connection: Connection, run: Run, night: Night, undecided: list[str]) -> dict[str, int]:
    """Names the bank lines, answers payouts, finds what is unknown or missing; gives the number of lines by kind.

    Sentences about decisions that have no effect go to `undecided`.
    """
    config, day = run.config, run.business_date
    said_paid = _decided_paid(connection, run, night, undecided)
    lines = rows.bank_lines(connection, money.LINE, day)
    undone = _undone(connection, run)
    decided = pl.concat([undone.known["line_id"], undone.counters["line_id"]])
    sent = _with(rows.sent_named(connection, lines["end_to_end_id"], day), undone.results)
    sponsors = {
        (account.name, run.keys.keyed_index(sponsor.account)): sponsor.sponsor
        for account in config.accounts
        for sponsor in account.sponsors
    }
    codes = {account.name: account.charge_codes for account in config.accounts}
    plain = lines.filter(~pl.col("line_id").is_in(decided.implode()))
    known = money.name_lines(plain, sent, sponsors, codes)
    results = money.results(known, sent.select("end_to_end_id", "seq"))
    stamp = pl.lit(day, pl.Date).alias("business_date")
    every, answers = pl.concat([undone.known, known]), pl.concat([undone.results, conform(results, restated.RESULT)])
    rows.store(connection, {"money_match": every.with_columns(stamp)})
    _put_results(connection, run, answers)
    doubted = undone.results.filter(~pl.col("end_to_end_id").is_in(results["end_to_end_id"].implode()))
    night.found.append(restated.found_unpaid(doubted, sent, config.payout.account))
    _money_closed(connection, night, known, results)
    named = night.known.filter(pl.col("kind").is_in([str(kind) for kind in UNKNOWN]))
    returned_late = known.filter(pl.col("kind") == "returned").select("line_id")
    again = lines.join(named, left_on="line_id", right_on="theirs_id", how="semi")
    fresh = lines.join(again.join(returned_late, on="line_id", how="anti"), on="line_id", how="anti")
    fresh = fresh.join(undone.known, on="line_id", how="anti")
    night.found.append(restated.told(money.found_lines(fresh, known, sent), undone.counters))
    refused = _answers(connection, run, night)
    unsaid = _decided_unpaid(connection, run, night, undecided)
    _unpaid(connection, run, night, doubted["end_to_end_id"])
    counts = dict(every.group_by("kind").len().sort("kind").iter_rows())
    more = {"unknown": lines.height - every.height, "rejected": refused, "unpaid": unsaid, "paid_decided": said_paid}
    return counts | {name: count for name, count in more.items() if count}


def _undone(connection: Connection, run: Run) -> restated.Undone:
    """What tonight's decisions about restated statements took back."""
    tonight = restated_rows.tonight(connection, run.business_date)
    paid = tonight.filter(pl.col("kind").is_in(["paid", "returned"]))["subject"]
    return restated.undo(tonight, rows.sent_named(connection, paid, run.business_date))


def _with(sent: pl.DataFrame, results: pl.DataFrame) -> pl.DataFrame:
    """SENT after those results: an item in doubt may be paid by another line of tonight."""
    later = results.select("end_to_end_id", doubt=pl.lit(value=True), last="seq")
    joined = sent.join(later, on="end_to_end_id", how="left", maintain_order="left")
    result = pl.when(pl.col("doubt").is_null()).then("result")
    return joined.with_columns(result=result, seq=pl.coalesce("last", "seq")).select(sent.columns)


def _money_closed(connection: Connection, night: Night, known: pl.DataFrame, results: pl.DataFrame) -> None:
    """What tonight's lines answer: late payments, lines explained later, returns whose new payment has arrived."""
    named = known.select("kind", theirs_id="line_id", evidence="subject")
    night.happened(life.closed_because(night.known, UNKNOWN, "theirs_id", named.drop("kind"), "后到资料已说明此笔"))
    answered = results.select(ours_id="end_to_end_id", evidence="line_id")
    night.happened(life.closed_because(night.known, [Discrepancy.UNPAID], "ours_id", answered, "银行已答复"))
    anew = rows.attempts(connection, results.filter(pl.col("result") == "paid")["end_to_end_id"])
    night.happened(life.closed_because(night.known, [Discrepancy.RETURNED], "ours_id", anew, "另起付款已付"))


def _answers(connection: Connection, run: Run, night: Night) -> int:
    """What tonight's result files say, after the account statements: how many items the banks refused."""
    answers = rows.answers(connection, money.ANSWER, run.business_date)
    sent = rows.sent_named(connection, answers["end_to_end_id"], run.business_date)
    refused = money.refused(answers, sent)
    stamp = pl.lit(run.business_date, pl.Date).alias("business_date")
    _put_results(connection, run, refused)
    why = refused.select("evidence", ours_id="end_to_end_id")
    night.happened(life.closed_because(night.known, [Discrepancy.UNPAID], "ours_id", why, "银行已答复"))
    night.found.append(money.found_answers(answers, sent, run.config.payout.account))
    has_it = rows.acknowledged(connection, run.business_date).with_columns(
        stamp,
        step=pl.lit("sent"),
        at=pl.lit(runs.began(connection, run.business_date)).cast(INSTANT),
        actor=pl.lit(BANK),
        approver=pl.lit(None, pl.String),
        file_name=pl.lit(None, pl.String),
    )
    rows.store(connection, {"payout_decision": has_it})
    return refused.height


def _put_results(connection: Connection, run: Run, results: pl.DataFrame) -> None:
    stamp = {"business_date": pl.lit(run.business_date, pl.Date)}
    if "decision_id" not in results.columns:
        stamp["decision_id"] = pl.lit(None, pl.Int64)
    rows.store(connection, {"payout_result": results.with_columns(**stamp)})


def _decided_paid(connection: Connection, run: Run, night: Night, undecided: list[str]) -> int:
    """Debits that two people say were payments, where nothing speaks against it; how many.

    Before tonight's lines are named, so that one which gives the money back finds a paid item.
    """
    taken, refused = paid.tonight(connection, run, night.known)
    undecided += refused
    stamp = pl.lit(run.business_date, pl.Date).alias("business_date")
    rows.store(connection, {"money_match": by_people.matches(taken).with_columns(stamp)})
    _put_results(connection, run, by_people.results(taken, by_people.PAID))
    attempts = rows.attempts(connection, taken["end_to_end_id"])
    night.happened(by_people.paid_explained(night.known, taken, attempts))
    return taken.height


def _decided_unpaid(connection: Connection, run: Run, night: Night, undecided: list[str]) -> int:
    """What two people say that the bank did not pay, where tonight's files do not speak against it; how many items."""
    taken, refused = unpaid.tonight(connection, run)
    undecided += refused
    _put_results(connection, run, by_people.results(taken, by_people.UNPAID))
    night.happened(by_people.unpaid_explained(night.known, taken))
    night.found.append(by_people.found(taken))
    return taken.height


def _unpaid(connection: Connection, run: Run, night: Night, doubted: pl.Series) -> None:
    """Released items about which the bank has been silent too long, each once; `doubted` were told tonight."""
    silent = rows.sent_unanswered(connection, run.business_date)
    if silent.is_empty():
        return
    payout = run.config.payout
    calendar = reference.calendar(connection, run.last_import)
    late = money.unpaid(silent, payout.account, run.business_date, payout.unpaid_after_days, calendar)
    told = rows.found_before(connection, [str(Discrepancy.UNPAID)], late["ours_id"])
    known = pl.format("{}:{}", "kind", "ours_id").is_in(told.implode()) | pl.col("ours_id").is_in(doubted.implode())
    night.found.append(late.filter(~known))
