"""Alembic's environment: runs on the connection that settlement.store.migrate gives, nowhere else."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema="puhui",
    include_schemas=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
