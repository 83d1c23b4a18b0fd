"""Tables of files, of what stood in them, and of what rating made of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from settlement.store.schema import day, fen, instant, metadata, words
from settlement.store.tables_people import decision

# --- files (receive, ingest) ---------------------------------------------------------------------------------------

file = Table(
    "file",
    metadata,
    Column("file_id", BigInteger, primary_key=True, comment="1, 2, 3 … without gaps"),
    words("source"),
    words("name"),
    Column("delivery", Integer, nullable=False, comment="1 for the first time this name came"),
    words("sha256"),
    Column("size", BigInteger, nullable=False),
    instant("received_at"),
    day("business_date"),
    UniqueConstraint("source", "name", "delivery"),
    Index(None, "sha256"),
    comment="receive: a claimed, archived delivery",
)

file_outcome = Table(
    "file_outcome",
    metadata,
    Column("file_id", BigInteger, ForeignKey(file.c.file_id), primary_key=True),
    day("business_date"),
    Column("status", Text, nullable=False, comment="outcomes.FileStatus"),
    day("clearing_date", null=True),
    Column("records", BigInteger, nullable=False),
    Column("accepted", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("duplicate", BigInteger, nullable=False),
    Column("quarantined", BigInteger, nullable=False),
    Column("skipped", BigInteger, nullable=False),
    Column("declared_records", BigInteger, nullable=True),
    fen("total_fen", null=True),
    fen("declared_total_fen", null=True),
    Column("code", Text, nullable=True, comment="why the whole file was refused"),
    words("message", null=True),
    CheckConstraint("records = accepted + rejected + duplicate + quarantined + skipped", name="rows_add_up"),
    comment="ingest: what a delivery became; written in the transaction that stores its rows",
)

file_reject = Table(
    "file_reject",
    metadata,
    Column("file_id", BigInteger, ForeignKey(file.c.file_id), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("record", BigInteger, nullable=False),
    Column("byte", BigInteger, nullable=False),
    words("field"),
    words("code"),
    words("message"),
    comment="ingest: rows without effect: unreadable, DUPLICATE_ROW, CONFLICT, HELD, VANISHED, OTHER_SOURCE",
)


def _transaction_columns() -> list[Column[Any]]:
    """Canonical transaction (feeds.md) as stored: the card token has become card_id."""
    return [
        words("source"),
        words("kind"),
        words("original_key", null=True),
        instant("occurred_at"),
        day("clearing_date"),
        words("rail"),
        words("merchant_no", null=True),
        words("terminal_no", null=True),
        Column("card_id", BigInteger, nullable=True),
        words("card_masked", null=True),
        words("instrument", null=True),
        fen("gross_fen", null=True),
        fen("paid_fen", null=True),
        fen("claimed_fen", null=True),
        fen("fee_fen", null=True),
        words("rrn", null=True),
        words("stan", null=True),
        words("auth_code", null=True),
        words("mcc", null=True),
        words("currency"),
        Column("file_id", BigInteger, ForeignKey(file.c.file_id), nullable=False),
        Column("record", BigInteger, nullable=False),
        Column("byte_start", BigInteger, nullable=False),
        Column("byte_end", BigInteger, nullable=False),
        Column("business_date", Date, nullable=False, index=True, comment="the night that took it"),
    ]


transaction = Table(
    "transaction",
    metadata,
    Column("transaction_id", Text, primary_key=True),
    *_transaction_columns(),
    # rows come in about the order of their time, so a block range says enough and costs next to nothing
    Index(None, "occurred_at", postgresql_using="brin"),
    comment="ingest: our side",
)

clearing_item = Table(
    "clearing_item",
    metadata,
    Column("item_id", Text, primary_key=True, comment="their key; a second copy in their file ends in #2"),
    *_transaction_columns(),
    comment="ingest: the bank's side",
)

# lines of account statements too: settlement/store/restated.py
correction = Table(
    "correction",
    metadata,
    Column("row_id", Text, primary_key=True, comment="transaction_id or item_id of the added row"),
    Column("base_id", Text, nullable=False, index=True, comment="the key as the source writes it"),
    Column("version", Integer, nullable=True, comment="which version of the key the row is; null: it undoes one"),
    Column("ends", Text, nullable=True, index=True, comment="the row that stands no longer"),
    Column("decision_id", BigInteger, ForeignKey(decision.c.decision_id), nullable=False, index=True),
    day("business_date"),
    CheckConstraint("version IS NOT NULL OR ends IS NOT NULL", name="says_something"),
    comment="ingest: rows that a decision about a conflicting file added; a key without rows here has one version",
)

bank_statement = Table(
    "bank_statement",
    metadata,
    Column("statement_id", Text, primary_key=True, comment="account:statement"),
    words("account"),
    words("currency"),
    fen("opening_fen"),
    fen("closing_fen"),
    day("statement_date"),
    Column("file_id", BigInteger, ForeignKey(file.c.file_id), nullable=False),
    day("business_date"),
    comment="ingest: opening + lines = closing, and opening = the previous closing, or the file is refused",
)

bank_line = Table(
    "bank_line",
    metadata,
    Column("line_id", Text, primary_key=True, comment="statement_id/line"),
    Column("statement_id", Text, ForeignKey(bank_statement.c.statement_id), nullable=False),
    words("account"),
    Column("line", BigInteger, nullable=False),
    day("booking_date"),
    day("value_date", null=True),
    Column("amount_fen", BigInteger, nullable=False, comment="credit positive"),
    Column("reversal", Boolean, nullable=False),
    words("reference", null=True),
    words("end_to_end_id", null=True),
    words("counterparty_name", null=True),
    words("counterparty_masked", null=True),
    Column("counterparty_index", Text, nullable=True, comment="keyed"),
    words("remittance", null=True),
    words("bank_code", null=True),
    Column("file_id", BigInteger, ForeignKey(file.c.file_id), nullable=False),
    Column("business_date", Date, nullable=False, index=True),
    Index(None, "account", "booking_date"),
    comment="ingest",
)

payout_answer = Table(
    "payout_answer",
    metadata,
    Column("file_id", BigInteger, ForeignKey(file.c.file_id), primary_key=True),
    Column("end_to_end_id", Text, primary_key=True, comment="a released payout item"),
    Column("record", BigInteger, nullable=False),
    Column("result", Text, nullable=False, comment="paid rejected unknown"),
    words("reason", null=True),
    Column("business_date", Date, nullable=False, index=True),
    comment="ingest: what a result file (pain.002, 回盘) says of an item; the account statement is the money itself",
)

# --- rate ----------------------------------------------------------------------------------------------------------

rated = Table(
    "rated",
    metadata,
    Column("transaction_id", Text, ForeignKey(transaction.c.transaction_id), primary_key=True),
    Column("business_date", Date, primary_key=True),
    words("programme"),
    words("sale_id", null=True),
    words("member_no", null=True),
    words("org", null=True),
    Column("our_merchant_no", Text, nullable=True),
    words("store_no", null=True),
    words("instrument", null=True),
    fen("gross_fen", null=True),
    fen("refunded_fen", null=True),
    Column("outcome", SmallInteger, nullable=False, comment="outcomes.Outcome; ORPHAN is rated again on a later date"),
    words("scheme", null=True),
    Column("limit_name", Text, nullable=True),
    Column("overclaimed_fen", BigInteger, nullable=False, comment="claimed by merchant or channel beyond the grant"),
    Index(None, "business_date"),
    comment="rate: one row per transaction and date it was rated on",
)

award = Table(
    "award",
    metadata,
    Column("transaction_id", Text, ForeignKey(transaction.c.transaction_id), primary_key=True),
    Column("line", Integer, primary_key=True),
    day("business_date"),
    words("programme"),
    words("sale_id"),
    words("scheme"),
    Column("version", Integer, nullable=False),
    fen("entitled_fen", null=True),
    Column("granted_fen", BigInteger, nullable=False, comment="signed change"),
    Column("outcome", SmallInteger, nullable=False),
    Column("limit_name", Text, nullable=True),
    words("payee_kind"),
    Column("payee_no", Text, nullable=True, comment="merchant_no, channel source, or member_no"),
    Column(
        "payable_fen", BigInteger, nullable=False, comment="granted less the merchant's own share where it is kept back"
    ),
    day("clearing_date"),
    Index(None, "business_date"),
    Index(None, "sale_id"),
    comment="rate: the subledger; granted, clawed back and reinstated rows",
)

award_share = Table(
    "award_share",
    metadata,
    Column("transaction_id", Text, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("position", SmallInteger, primary_key=True),
    words("sponsor"),
    Column("sponsor_kind", Text, nullable=False, comment="union bank network merchant district"),
    fen("amount_fen"),
    ForeignKeyConstraint(["transaction_id", "line"], [award.c.transaction_id, award.c.line]),
    comment="rate",
)
