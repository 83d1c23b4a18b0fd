"""Rows of another source are looked for by their time: a block range index on `transaction.occurred_at`."""

from alembic import op

revision = "0003"
down_revision = "0002"

SQL = """
CREATE INDEX ix_transaction_occurred_at ON puhui.transaction USING brin (occurred_at);
COMMENT ON TABLE puhui.file_reject IS
  'ingest: rows without effect: unreadable, DUPLICATE_ROW, CONFLICT, HELD, VANISHED, OTHER_SOURCE';
"""


def upgrade() -> None:
    """Runs the frozen text."""
    op.get_bind().exec_driver_sql(SQL)
