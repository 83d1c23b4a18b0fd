"""Column schemas of the canonical frames (Polars). Every stage speaks these; amounts are Int64 fen, times UTC instants.

A frame is checked at the door of a room with `conform`: exact names, exact types, that order.
"""

from __future__ import annotations

from typing import Any

import polars as pl

Schema = dict[str, Any]

INSTANT = pl.Datetime("us", "UTC")

# feeds.md "Canonical transaction": what every transaction adapter (feeds and clearing files) gives.
TRANSACTION: Schema = {
    "transaction_id": pl.String,  # source ':' natural key, readable, no card number
    "source": pl.String,
    "kind": pl.String,  # SALE REFUND VOID REVERSAL
    "original_key": pl.String,  # transaction_id of the original; null on SALE; null or unresolvable elsewhere: orphan
    "occurred_at": INSTANT,
    "clearing_date": pl.Date,
    "rail": pl.String,  # outcomes.Rail
    "merchant_no": pl.String,  # the source's number
    "terminal_no": pl.String,
    "card_token": pl.String,
    "card_masked": pl.String,
    "instrument": pl.String,  # citizen_card bank_card e_card; null: the card says
    "gross_fen": pl.Int64,  # null: only `rate` can know it
    "paid_fen": pl.Int64,
    "claimed_fen": pl.Int64,  # null: unknown
    "fee_fen": pl.Int64,
    "rrn": pl.String,
    "stan": pl.String,
    "auth_code": pl.String,
    "mcc": pl.String,
    "currency": pl.String,
    "file": pl.String,
    "record": pl.Int64,
    "byte_start": pl.Int64,
    "byte_end": pl.Int64,
}

# feeds.md "Commands": one row per bank line (per detail where an entry has details); credit positive.
# A statement without lines has one row with a null `line`.
STATEMENT_LINE: Schema = {
    "statement": pl.String,
    "account": pl.String,
    "currency": pl.String,
    "opening_fen": pl.Int64,
    "closing_fen": pl.Int64,
    "line": pl.Int64,  # from 1 within the statement
    "booking_date": pl.Date,
    "value_date": pl.Date,
    "amount_fen": pl.Int64,
    "reversal": pl.Boolean,
    "reference": pl.String,  # the bank's
    "end_to_end_id": pl.String,
    "counterparty_name": pl.String,
    "counterparty_account": pl.String,
    "remittance": pl.String,
    "bank_code": pl.String,
    "file": pl.String,
    "record": pl.Int64,
    "byte_start": pl.Int64,
    "byte_end": pl.Int64,
}

# A line of an account statement that a decision brought. `was_id`: the line that it takes back (null: it is added), and
# what the night made of that one (null: nothing). `returned`: the payment that it was came back since.
DECIDED_LINE: Schema = {
    "line_id": pl.String,
    "statement_id": pl.String,
    "end_to_end_id": pl.String,
    "amount_fen": pl.Int64,
    "was_id": pl.String,
    "kind": pl.String,
    "subject": pl.String,
    "reason": pl.String,
    "returned": pl.Boolean,
}
# One payment as a payout writer takes it, and one result as a result reader gives it.
PAYMENT: Schema = {
    "end_to_end_id": pl.String,
    "amount_fen": pl.Int64,
    "payee_name": pl.String,
    "payee_account": pl.String,
    "payee_bank_name": pl.String,
    "payee_bank_code": pl.String,  # 联行号, 12 digits
    "remittance": pl.String,
}
PAYMENT_RESULT: Schema = {
    "message_id": pl.String,
    "end_to_end_id": pl.String,
    "amount_fen": pl.Int64,
    "result": pl.String,  # paid rejected unknown
    "reason": pl.String,
    "file": pl.String,
    "record": pl.Int64,
    "byte_start": pl.Int64,
    "byte_end": pl.Int64,
}

# rules.md section 2, the CSV files of a programme directory as typed frames.
MERCHANTS: Schema = {
    "merchant_no": pl.String,
    "name": pl.String,
    "category": pl.String,
    "district": pl.String,
    "hq_district": pl.String,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
}
MEMBERS: Schema = {
    "member_no": pl.String,
    "org": pl.String,
    "district": pl.String,
    "status": pl.String,
    "tags": pl.String,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
}
ENTITLEMENTS: Schema = {
    "entitlement_no": pl.String,
    "member_no": pl.String,
    "scheme": pl.String,
    "uses": pl.Int64,
    "amount_fen": pl.Int64,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
}
CALENDAR: Schema = {"date": pl.Date, "kind": pl.String}  # workday restday

# What rating takes. `paid_fen` serves refunds that know only the paid part (feeds.md): gross_fen is null there and
# R = half_up(A * paid parts refunded so far / P), so that three parts make a whole.
RATE_INPUT: Schema = {
    "transaction_id": pl.String,
    "kind": pl.String,
    "original_id": pl.String,
    "occurred_at": INSTANT,
    "member_no": pl.String,
    "merchant_no": pl.String,
    "instrument": pl.String,
    "gross_fen": pl.Int64,
    "claimed_fen": pl.Int64,
    "paid_fen": pl.Int64,
}

# What rating gives: one row per line of awards.csv, in rating order.
AWARD: Schema = {
    "transaction_id": pl.String,
    "line": pl.Int64,  # from 1 within the transaction
    "sale_id": pl.String,  # the sale the row is about: itself, or the original's sale; null for orphans and unknowns
    "scheme": pl.String,
    "version": pl.Int64,
    "entitled_fen": pl.Int64,
    "granted_fen": pl.Int64,  # signed change; 0 where nothing is granted
    "outcome": pl.Int64,  # outcomes.Outcome
    "limit": pl.String,
    "payee": pl.String,  # outcomes.PayeeKind
}
AWARD_SHARE: Schema = {
    "transaction_id": pl.String,
    "line": pl.Int64,
    "position": pl.Int64,  # from 1, as the scheme writes them
    "sponsor": pl.String,
    "amount_fen": pl.Int64,
}


def conform(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """`frame` with the columns of `schema` in its order; assert: a missing column or another type is our error."""
    picked = frame if frame.columns == list(schema) else frame.select(list(schema))
    wrong = {name: (dtype, schema[name]) for name, dtype in picked.schema.items() if dtype != schema[name]}
    assert not wrong, f"frame does not conform: {wrong}"
    return picked


def unique(column: pl.Series) -> bool:
    """No null, and no value twice; cheap where the values rise, as numbers given in order do."""
    if column.null_count():
        return False
    return bool((column > column.shift(1)).all(ignore_nulls=True)) or column.n_unique() == len(column)


def empty(schema: Schema) -> pl.DataFrame:
    """A frame of `schema` with no rows."""
    return pl.DataFrame(schema=schema)
