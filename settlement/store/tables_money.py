"""Tables of reconciliation, settlement, the ledger and the day close."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
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
from settlement.store.tables_facts import award, bank_line, clearing_item, transaction
from settlement.store.tables_people import decision

# --- reconcile -----------------------------------------------------------------------------------------------------

recon_match = Table(
    "recon_match",
    metadata,
    Column("ours_id", Text, ForeignKey(transaction.c.transaction_id), primary_key=True),
    Column("theirs_id", Text, ForeignKey(clearing_item.c.item_id), nullable=False, unique=True),
    day("business_date"),
    words("channel"),
    Column("pass", Text, nullable=False, comment="exact reference near carry"),
    Column("result", Text, nullable=False, comment="BALANCED AMOUNT_MISMATCH STATUS_MISMATCH"),
    Column("key", Text, nullable=False, comment="the values that made the match, name=value joined by |"),
    Index(None, "business_date"),
    comment="reconcile",
)

discrepancy = Table(
    "discrepancy",
    metadata,
    Column("discrepancy_id", Text, primary_key=True, comment="D-<business date>-<number of six digits>"),
    day("business_date"),
    Column("kind", Text, nullable=False, comment="outcomes.Discrepancy"),
    Column("channel", Text, nullable=False, comment="channel of transactions, or account of money"),
    Column("ours_id", Text, nullable=True, comment="transaction_id or end_to_end_id"),
    Column("theirs_id", Text, nullable=True, comment="item_id or line_id"),
    day("clearing_date", null=True),
    instant("occurred_at", null=True),
    words("reference", null=True),
    fen("ours_fen", null=True),
    fen("theirs_fen", null=True),
    fen("difference_fen"),
    words("ours_status", null=True),
    words("theirs_status", null=True),
    words("payee_no", null=True),
    Column("detail", Text, nullable=False, comment="likely cause, candidates"),
    Index(None, "business_date"),
    Index(None, "ours_id"),
    comment="reconcile",
)

discrepancy_event = Table(
    "discrepancy_event",
    metadata,
    Column("discrepancy_id", Text, ForeignKey(discrepancy.c.discrepancy_id), primary_key=True),
    Column("seq", Integer, primary_key=True),
    day("business_date"),
    Column("event", Text, nullable=False, comment="auto_closed explained suspense adjusted written_off reopened"),
    words("actor"),
    words("checker", null=True),
    words("reason"),
    words("evidence", null=True),
    Column("decision_id", BigInteger, ForeignKey(decision.c.decision_id), nullable=True),
    Index(None, "business_date"),
    comment="reconcile: the life of a discrepancy; open until its last event is a closing one",
)

money_match = Table(
    "money_match",
    metadata,
    Column("line_id", Text, ForeignKey(bank_line.c.line_id), primary_key=True),
    day("business_date"),
    Column("kind", Text, nullable=False, comment="paid returned sponsor_funds charge interest"),
    Column("subject", Text, nullable=False, comment="end_to_end_id, sponsor, or account name"),
    fen("amount_fen"),
    words("reason", null=True),
    Index(None, "business_date"),
    comment="reconcile: what a bank line was; a line without a row here is a discrepancy",
)

# --- settle --------------------------------------------------------------------------------------------------------

statement = Table(
    "statement",
    metadata,
    Column("statement_no", Text, primary_key=True, comment="programme code-year-six digits, without gaps"),
    words("programme"),
    Column("number", BigInteger, nullable=False),
    Column("year", SmallInteger, nullable=False),
    words("payee_kind"),
    words("payee_no"),
    day("business_date"),
    day("period_from"),
    day("period_to"),
    Column("due_date", Date, nullable=False, comment="the banking day it is paid on"),
    fen("subsidy_fen"),
    fen("merchant_share_fen"),
    fen("fee_fen"),
    fen("adjustment_fen"),
    fen("brought_fen"),
    fen("due_fen"),
    fen("settled_fen"),
    fen("carried_fen"),
    Column("holdback_fen", BigInteger, nullable=False, comment="kept back by this statement, part of carried_fen"),
    day("holdback_until", null=True),
    words("digest"),
    UniqueConstraint("programme", "year", "number"),
    UniqueConstraint("programme", "payee_kind", "payee_no", "business_date"),
    CheckConstraint(
        "due_fen = subsidy_fen - merchant_share_fen - fee_fen + adjustment_fen + brought_fen", name="due_adds_up"
    ),
    CheckConstraint("due_fen = settled_fen + carried_fen AND settled_fen >= 0", name="settled_or_carried"),
    Index(None, "business_date"),
    comment="settle",
)

statement_line = Table(
    "statement_line",
    metadata,
    Column("statement_no", Text, ForeignKey(statement.c.statement_no), primary_key=True),
    Column("line", Integer, primary_key=True),
    day("clearing_date"),
    Column("scheme", Text, nullable=True, comment="null: balance brought forward or adjustment"),
    Column("sale_count", BigInteger, nullable=False),
    fen("sale_fen"),
    Column("refund_count", BigInteger, nullable=False),
    fen("refund_fen"),
    fen("paid_fen"),
    fen("subsidy_fen"),
    fen("merchant_share_fen"),
    fen("fee_fen"),
    fen("adjustment_fen"),
    fen("brought_fen"),
    comment="settle",
)

statement_award = Table(
    "statement_award",
    metadata,
    Column("transaction_id", Text, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("statement_no", Text, ForeignKey(statement.c.statement_no), nullable=False, index=True),
    ForeignKeyConstraint(["transaction_id", "line"], [award.c.transaction_id, award.c.line]),
    comment="settle: an award is on one statement at most",
)

statement_held = Table(
    "statement_held",
    metadata,
    Column("statement_no", Text, ForeignKey(statement.c.statement_no), primary_key=True),
    Column("transaction_id", Text, primary_key=True),
    Column("line", Integer, primary_key=True),
    words("reason"),
    day("expected_date", null=True),
    ForeignKeyConstraint(["transaction_id", "line"], [award.c.transaction_id, award.c.line]),
    comment="settle: awards listed as held on a statement",
)

statement_adjustment = Table(
    "statement_adjustment",
    metadata,
    Column("discrepancy_id", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("statement_no", Text, ForeignKey(statement.c.statement_no), nullable=False, index=True),
    Column("amount_fen", BigInteger, nullable=False, comment="more to the payee is positive"),
    ForeignKeyConstraint(["discrepancy_id", "seq"], [discrepancy_event.c.discrepancy_id, discrepancy_event.c.seq]),
    comment="settle: an adjustment is on one statement at most",
)

payout_batch = Table(
    "payout_batch",
    metadata,
    Column("batch_no", Text, primary_key=True, comment="B-<business date>-<n>"),
    day("business_date"),
    day("execution_date"),
    Column("created_at", DateTime(timezone=True), nullable=False, comment="CreDtTm of the file"),
    words("maker"),
    words("account"),
    words("format"),
    Column("count", Integer, nullable=False),
    fen("total_fen"),
    Column("digest", Text, nullable=False, comment="SHA-256 of the file to be released"),
    Column("replaces", Text, nullable=True, comment="a batch voided because its date had passed"),
    UniqueConstraint("batch_no", "maker"),
    CheckConstraint("total_fen > 0 AND count > 0", name="pays_something"),
    comment="settle: drafted",
)

payout_item = Table(
    "payout_item",
    metadata,
    Column("end_to_end_id", Text, primary_key=True, comment="statement number and attempt"),
    Column("batch_no", Text, ForeignKey(payout_batch.c.batch_no), nullable=False, index=True),
    Column("statement_no", Text, ForeignKey(statement.c.statement_no), nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    words("payee_kind"),
    words("payee_no"),
    fen("amount_fen"),
    Column("account_import_id", BigInteger, nullable=False, comment="row of payee_account that is paid to"),
    Column("account_valid_from", Date, nullable=False),
    Column("replaces", Text, nullable=True, comment="the returned item that this one pays again"),
    UniqueConstraint("statement_no", "attempt"),
    CheckConstraint("amount_fen > 0", name="pays_something"),
    comment="settle: a payable is in one live item: attempt n+1 needs the return of attempt n",
)

payout_hold = Table(
    "payout_hold",
    metadata,
    Column("statement_no", Text, ForeignKey(statement.c.statement_no), primary_key=True),
    Column("business_date", Date, primary_key=True),
    words("reason"),
    comment="settle: a payable that is in no live item, and why",
)

payout_decision = Table(
    "payout_decision",
    metadata,
    Column("batch_no", Text, primary_key=True),
    Column("step", Text, primary_key=True, comment="approved released written sent voided"),
    instant("at"),
    words("actor"),
    words("maker"),
    Column("approver", Text, nullable=True, comment="on a release: who approved"),
    words("digest"),
    words("file_name", null=True),
    Column("business_date", Date, nullable=False, comment="the open business date whose night posts it"),
    ForeignKeyConstraint(["batch_no", "maker"], [payout_batch.c.batch_no, payout_batch.c.maker]),
    CheckConstraint("actor <> maker", name="not_the_maker"),
    CheckConstraint("step <> 'released' OR (approver IS NOT NULL AND approver <> actor)", name="second_person"),
    comment="portal: approval and release by people; settle: voided when the execution date has passed; reconcile: "
    "sent on the bank's answer",
)

# `unknown` where a decision took back the line that said paid; `unpaid` where two people say that the bank did not pay,
# `paid` with a decision where they say that a debit which came after a refusal was the payment
payout_result = Table(
    "payout_result",
    metadata,
    Column("end_to_end_id", Text, ForeignKey(payout_item.c.end_to_end_id), primary_key=True),
    Column("seq", SmallInteger, primary_key=True),
    day("business_date"),
    Column("result", Text, nullable=False, comment="paid returned rejected unknown unpaid"),
    Column(
        "line_id",
        Text,
        ForeignKey(bank_line.c.line_id),
        nullable=True,
        comment="null: refused, by a result file, or unpaid, by people",
    ),
    words("reason", null=True),
    Column("decision_id", BigInteger, ForeignKey(decision.c.decision_id), nullable=True, comment="of unpaid"),
    comment="reconcile",
)

# --- post ----------------------------------------------------------------------------------------------------------

entry = Table(
    "entry",
    metadata,
    Column("entry_id", BigInteger, primary_key=True, comment="1, 2, 3 … without gaps"),
    Column(
        "entry_key", Text, nullable=False, unique=True, comment="event and what it is about: posting twice is refused"
    ),
    day("business_date"),
    words("event"),
    words("summary"),
    Index(None, "business_date"),
    comment="post: the ledger's only writer",
)

entry_line = Table(
    "entry_line",
    metadata,
    Column("entry_id", BigInteger, ForeignKey(entry.c.entry_id), primary_key=True),
    Column("line", SmallInteger, primary_key=True),
    words("account"),
    Column("amount_fen", BigInteger, nullable=False, comment="debit positive, credit negative"),
    words("programme", null=True),
    words("scheme", null=True),
    words("sponsor", null=True),
    words("payee_kind", null=True),
    words("payee_no", null=True),
    CheckConstraint("amount_fen <> 0", name="moves_something"),
    Index(None, "account"),
    comment="post; a deferred trigger refuses an entry whose lines do not sum to zero",
)

# --- publish, close ------------------------------------------------------------------------------------------------

artifact = Table(
    "artifact",
    metadata,
    Column("path", Text, primary_key=True, comment="relative to the home folder"),
    day("business_date"),
    Column("kind", Text, nullable=False, comment="report statement receipt payout close"),
    words("reference"),
    words("sha256"),
    Column("size", BigInteger, nullable=False),
    Index(None, "business_date"),
    comment="publish (payout files: release): a file that left is a function of rows and can be written again",
)

close_record = Table(
    "close_record",
    metadata,
    Column("business_date", Date, primary_key=True),
    Column("record", Text, nullable=False, comment="canonical JSON"),
    words("previous"),
    words("digest"),
    comment="close: the chain of closed days",
)
