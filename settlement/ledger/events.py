"""What each event books (settlement.md "Ledger", the table of events), in columns.

Every function takes the new subledger rows of one business date and gives ledger lines (entries.LINE); `posting` puts
them together. Two lines of an event are built from one amount, so they balance by construction; Entries checks it.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from settlement.ledger.chart import PAYABLE, Chart, Role
from settlement.ledger.entries import LINE, Entries
from settlement.model.frames import Schema, conform, empty

# Totals of tonight's awards per payee, scheme, sponsor; `event` award or clawback.
AWARD_TOTAL: Schema = {
    "event": pl.String,
    "programme": pl.String,
    "scheme": pl.String,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "sponsor": pl.String,
    "sponsor_kind": pl.String,
    "merchant_no": pl.String,  # where the sale was made: who owes a merchant's share of a rebate
    "amount_fen": pl.Int64,
}
# One amount of one payee: a fee of a statement, a released item, a rejected item, an adjustment.
PAYEE_AMOUNT: Schema = {
    "subject": pl.String,
    "programme": pl.String,
    "payee_kind": pl.String,
    "payee_no": pl.String,
    "amount_fen": pl.Int64,
}
# One bank line of ours. kind: what it was (null: not known yet; paid_after_all: the payment of an item that was payable
# again); `suspended`: an earlier night booked it to suspense.
MONEY: Schema = {
    "line_id": pl.String,
    "kind": pl.String,
    "subject": pl.String,
    "amount_fen": pl.Int64,  # credit to our account positive
    "account": pl.String,
    "suspended": pl.Boolean,
    "payee_kind": pl.String,
    "payee_no": pl.String,
}
# A suspended amount (bank's sign) that a person cleared; event written_off or adjusted.
CLEARED: Schema = {"subject": pl.String, "event": pl.String, "amount_fen": pl.Int64}
OPENING: Schema = {"account": pl.String, "amount_fen": pl.Int64}


@dataclass(frozen=True, slots=True)
class Events:
    """Everything new of one business date."""

    awards: pl.DataFrame
    fees: pl.DataFrame
    releases: pl.DataFrame
    rejections: pl.DataFrame
    money: pl.DataFrame
    adjustments: pl.DataFrame
    cleared: pl.DataFrame
    openings: pl.DataFrame


def _text(value: str | None) -> pl.Expr:
    return pl.lit(value, pl.String)


def _payable(chart: Chart) -> pl.Expr:
    codes = {kind: chart.code(role) for kind, role in PAYABLE.items()}
    return pl.col("payee_kind").replace_strict(codes, default=None, return_dtype=pl.String)


def _lines(frame: pl.DataFrame, **columns: pl.Expr) -> pl.DataFrame:
    """Ledger lines of `frame`: the given columns, null for every dimension that is not given."""
    picked = {name: columns.get(name, _text(None)) for name in LINE}
    return conform(frame.select(**picked), LINE)


def award_lines(awards: pl.DataFrame, chart: Chart) -> pl.DataFrame:
    """Awards and clawbacks: own share to expense, other sponsors' to their advance, all to the payee's payable.

    A merchant's own share is booked only where the payee is the member (the merchant then owes it).
    """
    own = pl.col("sponsor") == chart.own_sponsor
    merchants = pl.col("sponsor_kind") == "merchant"
    booked = conform(awards, AWARD_TOTAL).filter(~merchants | (pl.col("payee_kind") == "member"))
    key = {
        "entry_key": pl.format("{}:{{date}}:{}:{}:{}:{}", "event", "programme", "scheme", "payee_kind", "payee_no"),
        "event": pl.col("event"),
        "summary": pl.format(
            "{} {} {} {}",
            pl.when(pl.col("event") == "award").then(_text("补贴")).otherwise(_text("补贴追回")),
            "scheme",
            "payee_kind",
            "payee_no",
        ),
        "programme": pl.col("programme"),
        "scheme": pl.col("scheme"),
    }
    debit = _lines(
        booked,
        **key,
        account=pl.when(merchants)
        .then(_text(chart.code(Role.MERCHANT_RECEIVABLE)))
        .when(own)
        .then(_text(chart.code(Role.SUBSIDY_EXPENSE)))
        .otherwise(_text(chart.code(Role.SPONSOR_ADVANCE))),
        amount_fen=pl.col("amount_fen"),
        sponsor=pl.col("sponsor"),
        payee_kind=pl.when(merchants).then(_text("merchant")),
        payee_no=pl.when(merchants).then("merchant_no"),
    )
    credit = _lines(
        booked,
        **key,
        account=_payable(chart),
        amount_fen=-pl.col("amount_fen"),
        payee_kind=pl.col("payee_kind"),
        payee_no=pl.col("payee_no"),
    )
    return pl.concat([debit, credit])


def _payee_pair(frame: pl.DataFrame, event: str, title: str, chart: Chart, other: Role) -> pl.DataFrame:
    """Debit the payee's payable, credit `other`, per row of PAYEE_AMOUNT."""
    frame = conform(frame, PAYEE_AMOUNT)
    key = {
        "entry_key": pl.format("{}:{}", _text(event), "subject"),
        "event": _text(event),
        "summary": pl.format("{} {}", _text(title), "subject"),
        "programme": pl.col("programme"),
    }
    payee = {"payee_kind": pl.col("payee_kind"), "payee_no": pl.col("payee_no")}
    return pl.concat(
        [
            _lines(frame, **key, **payee, account=_payable(chart), amount_fen=pl.col("amount_fen")),
            _lines(frame, **key, **payee, account=_text(chart.code(other)), amount_fen=-pl.col("amount_fen")),
        ]
    )


def _counter_account(chart: Chart) -> pl.Expr:
    """Against which account a bank line is booked, by what it was."""
    kind, own = pl.col("kind"), pl.col("subject") == chart.own_sponsor
    return (
        pl.when(kind == "paid")
        .then(_text(chart.code(Role.PAYOUT_IN_TRANSIT)))
        .when(kind.is_in(["returned", "paid_after_all"]))
        .then(_payable(chart))
        .when((kind == "sponsor_funds") & own)
        .then(_text(chart.code(Role.OWN_FUNDS)))
        .when(kind == "sponsor_funds")
        .then(_text(chart.code(Role.SPONSOR_ADVANCE)))
        .when(kind == "charge")
        .then(_text(chart.code(Role.BANK_CHARGE)))
        .when(kind == "interest")
        .then(_text(chart.code(Role.INTEREST)))
        .when(kind.is_null())
        .then(_text(chart.code(Role.SUSPENSE)))
    )


_MONEY_TITLE = {
    "paid": "银行已付",
    "paid_after_all": "银行已付 (认定)",
    "returned": "退汇",
    "sponsor_funds": "出资款到账",
    "charge": "银行手续费",
    "interest": "利息",
}


def money_lines(money: pl.DataFrame, programme: str, chart: Chart) -> pl.DataFrame:
    """Bank lines: our bank account against what the line was; a line of unknown meaning against suspense (挂账).

    A line that an earlier night suspended clears suspense instead of moving the bank account again.
    """
    frame = conform(money, MONEY)
    title = pl.col("kind").replace_strict(_MONEY_TITLE, default="挂账", return_dtype=pl.String)
    key = {
        "entry_key": pl.format(
            "{}:{}", pl.when("suspended").then(_text("cleared")).otherwise(_text("bank")), "line_id"
        ),
        "event": pl.col("kind").fill_null("suspense"),
        "summary": pl.format("{} {}", title, pl.coalesce("subject", "line_id")),
        "programme": _text(programme),
    }
    funds = pl.col("kind") == "sponsor_funds"
    bank = pl.when("suspended").then(_text(chart.code(Role.SUSPENSE))).otherwise(pl.col("account"))
    return pl.concat(
        [
            _lines(frame, **key, account=bank, amount_fen=pl.col("amount_fen")),
            _lines(
                frame,
                **key,
                account=_counter_account(chart),
                amount_fen=-pl.col("amount_fen"),
                sponsor=pl.when(funds).then("subject"),
                payee_kind=pl.col("payee_kind"),
                payee_no=pl.col("payee_no"),
            ),
        ]
    )


def cleared_lines(cleared: pl.DataFrame, programme: str, chart: Chart) -> pl.DataFrame:
    """Suspense cleared by a person: written off, or adjusted to its named account."""
    frame = conform(cleared, CLEARED)
    key = {
        "entry_key": pl.format("{}:{}", "event", "subject"),
        "event": pl.col("event"),
        "summary": pl.format("销账 {}", "subject"),
        "programme": _text(programme),
    }
    off = pl.col("event") == "written_off"
    other = pl.when(off).then(_text(chart.code(Role.WRITE_OFF))).otherwise(_text(chart.code(Role.ADJUSTMENT)))
    return pl.concat(
        [
            _lines(frame, **key, account=_text(chart.code(Role.SUSPENSE)), amount_fen=pl.col("amount_fen")),
            _lines(frame, **key, account=other, amount_fen=-pl.col("amount_fen")),
        ]
    )


def opening_lines(openings: pl.DataFrame, programme: str, chart: Chart) -> pl.DataFrame:
    """The bank's balance when the books begin."""
    frame = conform(openings, OPENING)
    key = {
        "entry_key": pl.format("opening:{}", "account"),
        "event": _text("opening"),
        "summary": pl.format("期初余额 {}", "account"),
        "programme": _text(programme),
    }
    return pl.concat(
        [
            _lines(frame, **key, account=pl.col("account"), amount_fen=pl.col("amount_fen")),
            _lines(frame, **key, account=_text(chart.code(Role.OPENING)), amount_fen=-pl.col("amount_fen")),
        ]
    )


def posting(events: Events, date_text: str, programme: str, chart: Chart) -> Entries:
    """All entries of one business date (ISO text `date_text`, part of the key of totals)."""
    awards = award_lines(events.awards, chart).with_columns(
        pl.col("entry_key").str.replace("{date}", date_text, literal=True)
    )
    negated = conform(events.rejections, PAYEE_AMOUNT).with_columns(-pl.col("amount_fen"))
    more = conform(events.adjustments, PAYEE_AMOUNT).with_columns(-pl.col("amount_fen"))
    parts = [
        opening_lines(events.openings, programme, chart),
        awards,
        _payee_pair(events.fees, "fee", "手续费", chart, Role.FEE_INCOME),
        _payee_pair(events.releases, "release", "付款发出", chart, Role.PAYOUT_IN_TRANSIT),
        _payee_pair(negated, "rejected", "付款被拒", chart, Role.PAYOUT_IN_TRANSIT),
        _payee_pair(more, "payee_adjustment", "调账", chart, Role.ADJUSTMENT),
        money_lines(events.money, programme, chart),
        cleared_lines(events.cleared, programme, chart),
    ]
    return Entries(pl.concat(parts))


def no_events() -> Events:
    """Nothing new: for tests and for building up."""
    payees = empty(PAYEE_AMOUNT)
    return Events(empty(AWARD_TOTAL), payees, payees, payees, empty(MONEY), payees, empty(CLEARED), empty(OPENING))
