"""The only SQLAlchemy and SQL: tables, migrations, COPY in and out, locks, reads, embedded server."""
