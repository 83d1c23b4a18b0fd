"""A program that uses the embedded database of a home until its input ends; what the server tests start and kill.

Prints "ready <postmaster pid> <data folder> <rows>" once it has a session. Arguments: home, then rows to add to `kept`.
"""

import sys
from pathlib import Path

from settlement.store.server import ADMIN, embedded


def main() -> None:
    import psycopg2

    home = Path(sys.argv[1])
    with embedded(home) as running:
        session = psycopg2.connect(running.url(ADMIN).replace("+psycopg2", ""))
        with session, session.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(1)")
            cursor.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
            for row in sys.argv[2:]:
                cursor.execute("INSERT INTO kept VALUES (%s)", (row,))
        with session, session.cursor() as cursor:
            cursor.execute(
                "SELECT pg_read_file('postmaster.pid'), current_setting('data_directory'), count(*) FROM kept"
            )
            found = cursor.fetchone()
            assert found
        print("ready", found[0].split()[0], found[1], found[2], flush=True)
        sys.stdin.read()
        session.close()
    print("left", flush=True)


if __name__ == "__main__":
    main()
