"""What the banks' result files say of payments: table `payout_answer`."""

from alembic import op

revision = "0004"
down_revision = "0003"

SQL = """
CREATE TABLE puhui.payout_answer (
  file_id BIGINT NOT NULL,
  end_to_end_id TEXT NOT NULL,
  record BIGINT NOT NULL,
  result TEXT NOT NULL,
  reason TEXT,
  business_date DATE NOT NULL,
  CONSTRAINT pk_payout_answer PRIMARY KEY (file_id, end_to_end_id),
  CONSTRAINT fk_payout_answer_file_id FOREIGN KEY (file_id) REFERENCES puhui.file (file_id)
);
CREATE INDEX ix_payout_answer_business_date ON puhui.payout_answer (business_date);
COMMENT ON TABLE puhui.payout_answer IS
  'ingest: what a result file (pain.002, 回盘) says of an item; the account statement is the money itself';
COMMENT ON COLUMN puhui.payout_answer.end_to_end_id IS 'a released payout item';
COMMENT ON COLUMN puhui.payout_answer.result IS 'paid rejected unknown';
COMMENT ON COLUMN puhui.payout_result.line_id IS 'null: refused, by a result file';
COMMENT ON TABLE puhui.payout_decision IS
  'portal: approval and release by people; settle: voided when the execution date has passed; '
  'reconcile: sent on the bank''s answer';
"""


def upgrade() -> None:
    """Runs the frozen text."""
    op.get_bind().exec_driver_sql(SQL)
