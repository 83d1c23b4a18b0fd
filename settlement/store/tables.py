"""Every table. Each has one step (or the portal) that writes it; foreign keys point upstream only; nothing is edited.

The application role may SELECT and INSERT; the few tables whose rows change are named in MUTABLE. Amounts are bigint
fen, instants timestamptz, business dates date. The writer of a table is named in its comment.
"""

from __future__ import annotations

from sqlalchemy import text

from settlement.store.schema import SCHEMA, metadata
from settlement.store.tables_facts import (
    award,
    award_share,
    bank_line,
    bank_statement,
    clearing_item,
    correction,
    file,
    file_outcome,
    file_reject,
    payout_answer,
    rated,
    transaction,
)
from settlement.store.tables_money import (
    artifact,
    close_record,
    discrepancy,
    discrepancy_event,
    entry,
    entry_line,
    money_match,
    payout_batch,
    payout_decision,
    payout_hold,
    payout_item,
    payout_result,
    recon_match,
    statement,
    statement_adjustment,
    statement_award,
    statement_held,
    statement_line,
)
from settlement.store.tables_people import (
    app_user,
    audit,
    calendar_day,
    card,
    card_token,
    chart_text,
    contract,
    decision,
    entitlement,
    import_file,
    member,
    merchant,
    merchant_store,
    night,
    organisation,
    payee_account,
    programme_text,
    run_lease,
    scheme_text,
    step_run,
    terminal,
)
from settlement.store.tables_state import STATE_TABLES, state_released

__all__ = [
    "ENTRY_BALANCES",
    "MUTABLE",
    "SCHEMA",
    "STATE_TABLES",
    "app_user",
    "artifact",
    "audit",
    "award",
    "award_share",
    "bank_line",
    "bank_statement",
    "calendar_day",
    "card",
    "card_token",
    "chart_text",
    "clearing_item",
    "close_record",
    "contract",
    "correction",
    "decision",
    "discrepancy",
    "discrepancy_event",
    "entitlement",
    "entry",
    "entry_line",
    "file",
    "file_outcome",
    "file_reject",
    "import_file",
    "member",
    "merchant",
    "merchant_store",
    "metadata",
    "money_match",
    "night",
    "organisation",
    "payee_account",
    "payout_answer",
    "payout_batch",
    "payout_decision",
    "payout_hold",
    "payout_item",
    "payout_result",
    "programme_text",
    "rated",
    "recon_match",
    "run_lease",
    "scheme_text",
    "state_released",
    "statement",
    "statement_adjustment",
    "statement_award",
    "statement_held",
    "statement_line",
    "step_run",
    "terminal",
    "transaction",
]

MUTABLE = (run_lease,)

ENTRY_BALANCES = text("""
CREATE FUNCTION puhui.entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE difference numeric;
BEGIN
  SELECT coalesce(sum(amount_fen), 0) INTO difference FROM puhui.entry_line WHERE entry_id = NEW.entry_id;
  IF difference <> 0 OR NOT EXISTS (SELECT 1 FROM puhui.entry_line WHERE entry_id = NEW.entry_id) THEN
    RAISE EXCEPTION 'entry % does not balance: % fen', NEW.entry_id, difference USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER entry_balances AFTER INSERT ON puhui.entry
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION puhui.entry_balances();
CREATE CONSTRAINT TRIGGER entry_line_balances AFTER INSERT ON puhui.entry_line
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION puhui.entry_balances();
""")
