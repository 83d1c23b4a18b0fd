"""The night: receive → ingest → rate → reconcile → settle → post → publish → close."""

from __future__ import annotations

from collections.abc import Callable

from batch.receipts import write as write_receipts
from batch.release import write_missing
from batch.run import Run, Summary, run_file_step, run_step
from batch.steps.close import close
from batch.steps.ingest import ingest
from batch.steps.post import post
from batch.steps.publish import publish, write_close
from batch.steps.rate import rate
from batch.steps.receive import receive
from batch.steps.reconcile import reconcile
from batch.steps.settle import settle
from settlement.store.database import Database

Progress = Callable[[str], None]


def night(database: Database, run: Run, progress: Progress) -> dict[str, Summary]:
    """Runs what is left of a business date; every step once, in order. Gives the summaries of all its steps."""
    done: dict[str, Summary] = {}
    write_missing_payouts(database, run)
    for name, file_step in (("receive", receive), ("ingest", ingest)):
        progress(name)
        done[name] = run_file_step(database, run, name, file_step)
    write_receipts(database, run)
    for name, step in (
        ("rate", rate),
        ("reconcile", reconcile),
        ("settle", settle),
        ("post", post),
        ("publish", publish),
        ("close", close),
    ):
        progress(name)
        done[name] = run_step(database, run, name, step)
    write_close(database, run.home)
    return done


def write_missing_payouts(database: Database, run: Run) -> None:
    """Writes payout files whose release committed and whose file a crash kept back."""
    database.in_transaction(lambda connection: len(write_missing(connection, run)))
