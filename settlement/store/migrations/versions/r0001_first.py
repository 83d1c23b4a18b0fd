"""The first schema."""

from alembic import op
from sqlalchemy import text

from settlement.store import tables as t

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes every table and the trigger that refuses unbalanced entries."""
    connection = op.get_bind()
    t.metadata.create_all(connection)
    connection.execute(text(str(t.ENTRY_BALANCES)))
