"""The first schema: every table and the trigger that refuses unbalanced entries (r0001.sql)."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Runs the frozen text."""
    op.get_bind().exec_driver_sql(Path(__file__).with_name("r0001.sql").read_text("utf-8").replace("%", "%%"))
