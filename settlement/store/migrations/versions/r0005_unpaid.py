"""What two people say that the bank did not pay: `payout_result.decision_id`; lines of an account by day of booking."""

from alembic import op

revision = "0005"
down_revision = "0004"

SQL = """
ALTER TABLE puhui.payout_result ADD COLUMN decision_id BIGINT
  CONSTRAINT fk_payout_result_decision_id REFERENCES puhui.decision (decision_id);
COMMENT ON COLUMN puhui.payout_result.result IS 'paid returned rejected unknown unpaid';
COMMENT ON COLUMN puhui.payout_result.line_id IS 'null: refused, by a result file, or unpaid, by people';
COMMENT ON COLUMN puhui.payout_result.decision_id IS 'of unpaid';
COMMENT ON COLUMN puhui.decision.kind IS
  'explain suspense adjust write_off waive approve_account propose_file take_file keep_file '
  'propose_unpaid withdraw_unpaid unpaid';
COMMENT ON COLUMN puhui.decision.subject IS 'discrepancy id, source name, import id, file id, end_to_end_id';
CREATE INDEX ix_bank_line_account_booking_date ON puhui.bank_line (account, booking_date);
"""


def upgrade() -> None:
    """Runs the frozen text."""
    op.get_bind().exec_driver_sql(SQL)
