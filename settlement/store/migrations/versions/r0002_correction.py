"""Rows that a decision about a conflicting file added: table `correction`."""

from alembic import op

revision = "0002"
down_revision = "0001"

SQL = """
CREATE TABLE puhui.correction (
  row_id TEXT NOT NULL,
  base_id TEXT NOT NULL,
  version INTEGER,
  ends TEXT,
  decision_id BIGINT NOT NULL,
  business_date DATE NOT NULL,
  CONSTRAINT pk_correction PRIMARY KEY (row_id),
  CONSTRAINT ck_correction_says_something CHECK (version IS NOT NULL OR ends IS NOT NULL),
  CONSTRAINT fk_correction_decision_id FOREIGN KEY (decision_id) REFERENCES puhui.decision (decision_id)
);
CREATE INDEX ix_correction_base_id ON puhui.correction (base_id);
CREATE INDEX ix_correction_decision_id ON puhui.correction (decision_id);
CREATE INDEX ix_correction_ends ON puhui.correction (ends);
COMMENT ON TABLE puhui.correction IS
  'ingest: rows that a decision about a conflicting file added; a key without rows here has one version';
COMMENT ON COLUMN puhui.correction.row_id IS 'transaction_id or item_id of the added row';
COMMENT ON COLUMN puhui.correction.base_id IS 'the key as the source writes it';
COMMENT ON COLUMN puhui.correction.version IS 'which version of the key the row is; null: it undoes one';
COMMENT ON COLUMN puhui.correction.ends IS 'the row that stands no longer';
COMMENT ON COLUMN puhui.decision.kind IS
  'explain suspense adjust write_off waive approve_account propose_file take_file keep_file';
COMMENT ON COLUMN puhui.decision.subject IS 'discrepancy id, source name, import id, file id';
COMMENT ON TABLE puhui.file_reject IS
  'ingest: rows without effect: unreadable, DUPLICATE_ROW, CONFLICT, HELD, VANISHED';
"""


def upgrade() -> None:
    """Runs the frozen text."""
    op.get_bind().exec_driver_sql(SQL)
