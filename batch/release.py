"""What people do with a payout batch by day: approve, release, confirm.

A release commits its row first and writes the file after: money never leaves without a row that says so. The file is a
pure function of rows, so whoever finds it missing after a crash writes the same bytes (`write_released`).
"""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from batch import payments
from batch.config import Config
from batch.run import Run
from batch.steps.post import chart_of
from settlement.ledger.chart import Role
from settlement.model.errors import BadConfiguration, FoundWrong, NotAllowed
from settlement.model.money import format_yuan
from settlement.payout.life import Batch, Decided, may_approve, may_confirm, may_release, over_drawn
from settlement.store import close, payouts, reconcile, reference, settle
from settlement.store.files import write_atomic
from settlement.store.keys import Keys

WRITTEN = "written"


def desk(connection: Connection, home: Path, config: Config, keys: Keys, now: datetime) -> Run:
    """What a decision of a person runs under: the open business date; no night begins before the transaction ends."""
    close.hold_night(connection)
    return reader(connection, home, config, keys, now)


def reader(connection: Connection, home: Path, config: Config, keys: Keys, now: datetime) -> Run:
    """As `desk`, for looking only: it holds nobody up."""
    open_date = close.open_date(connection, config.policy.first_business_date)
    return Run(open_date, now, home, config, keys, reference.last_import(connection), 0)


def load(connection: Connection, batch_no: str) -> tuple[Batch, dict[str, Any]]:
    """The batch with the steps taken, and its stored row. NotFound where there is none."""
    row = payouts.batch(connection, batch_no)
    steps = [Decided(d["step"], d["actor"], d["digest"]) for d in payouts.decisions(connection, batch_no)]
    return Batch(batch_no, row["maker"], row["digest"], row["execution_date"], tuple(steps)), row


def approve(connection: Connection, run: Run, batch_no: str, actor: str) -> str:
    """Approves the batch's digest, which is returned. NotAllowed for the maker, a wrong state, a passed date."""
    batch, _ = load(connection, batch_no)
    may_approve(batch, actor, run.business_date)
    _refuse_doubt(connection, batch_no)
    _decide(connection, run, batch, "approved", actor)
    return batch.digest


def release(connection: Connection, run: Run, batch_no: str, actor: str) -> str:
    """Releases an approved batch and gives its file's name; the caller commits and then calls `write_released`.

    NotAllowed: the approver or maker, a wrong state, a passed date, a file that is not the approved one, an item that
    the bank may have paid already, or a sponsor's advance that would go below its overdraft.
    """
    batch, row = load(connection, batch_no)
    content = _bytes(connection, run, row)
    approval = may_release(batch, actor, payments.digest(content), run.business_date)
    _refuse_doubt(connection, batch_no)
    _refuse_overdraft(connection, run, batch_no)
    name = payments.file_name(run, batch_no)
    _decide(connection, run, batch, "released", actor, approver=approval.actor, file_name=name)
    path = str(_folder(run.config) / name)
    payouts.put_artifact(connection, run.business_date, path, batch_no, batch.digest, len(content))
    return name


def confirm(connection: Connection, run: Run, batch_no: str, actor: str) -> None:
    """Records that the bank has the file (`sent`)."""
    batch, _ = load(connection, batch_no)
    may_confirm(batch, actor)
    _decide(connection, run, batch, "sent", actor)


def write_released(connection: Connection, run: Run, batch_no: str) -> Path:
    """Writes the file of a released batch, `<name>.ok` after it, then the row that says so; once. Gives the path.

    The bank takes its files away, so only the row tells a file that left from one that a crash kept back. FoundWrong
    where the rows no longer give the released bytes: nothing is written then.
    """
    batch, row = load(connection, batch_no)
    assert batch.state in {"released", "sent"}, batch.state
    path = run.home / _folder(run.config) / payouts.released_as(connection, batch_no)
    if batch.taken(WRITTEN):
        return path
    content = _bytes(connection, run, row)
    digest = payments.digest(content)
    if digest != batch.digest:
        raise FoundWrong(f"payout {batch_no}: its rows no longer give the released file; run `puhui check`")
    write_atomic(path, content)
    said = {"name": path.name, "size": len(content), "sha256": digest}
    marker = path.with_name(f"{path.name}.ok")
    write_atomic(marker, (json.dumps(said, separators=(",", ":")) + "\n").encode())
    releaser = batch.taken("released")
    assert releaser is not None, batch.state
    _decide(connection, run, batch, WRITTEN, releaser.actor, file_name=path.name)
    return path


def write_missing(connection: Connection, run: Run) -> list[Path]:
    """Writes the files of released batches that a crash kept from leaving; gives their paths."""
    return [write_released(connection, run, batch_no) for batch_no in payouts.released_unwritten(connection)]


def lies_at(run: Run, batch_no: str) -> Path | None:
    """Where the file of a batch still lies for the bank to take, below home; None: it lies nowhere."""
    path = _folder(run.config) / payments.file_name(run, batch_no)
    return path if (run.home / path).exists() else None


def _folder(config: Config) -> Path:
    """Where payout files lie, below home."""
    return Path("exchange") / config.payout.folder / "out"


def _bytes(connection: Connection, run: Run, row: dict[str, Any]) -> bytes:
    """The file of a stored batch. BadConfiguration: puhui.toml says another format by now."""
    now = payments.format_of(run)
    if row["format"] != now:
        raise BadConfiguration(
            f"payout {row['batch_no']}: drafted as {row['format']}, and puhui.toml (payout.format) says {now};"
            " put it back until this batch has left"
        )
    sealed = settle.sealed_items(connection, row["batch_no"])
    payments.check_whole(row["batch_no"], sealed, row["count"], row["total_fen"])
    execution: date = row["execution_date"]
    return payments.file_bytes(run, row["batch_no"], execution, row["created_at"], sealed)


def _decide(
    connection: Connection,
    run: Run,
    batch: Batch,
    step: str,
    actor: str,
    approver: str | None = None,
    file_name: str | None = None,
) -> None:
    payouts.put_decision(
        connection,
        batch_no=batch.batch_no,
        step=step,
        at=run.now,
        actor=actor,
        maker=batch.maker,
        approver=approver,
        digest=batch.digest,
        file_name=file_name,
        business_date=run.business_date,
    )


def _refuse_doubt(connection: Connection, batch_no: str) -> None:
    items = payouts.items(connection, batch_no)
    doubts = items.join(reconcile.doubted(connection), on="statement_no").sort("end_to_end_id")
    if doubts.height:
        item = doubts.row(0, named=True)
        raise NotAllowed(
            f"payout {batch_no}: the bank may have paid what {item['end_to_end_id']} pays already"
            f" ({item['discrepancy_id']}); decide about that first (puhui recon show)"
        )


def _refuse_overdraft(connection: Connection, run: Run, batch_no: str) -> None:
    chart = chart_of(connection, run.config, run.last_import)
    received = payouts.funds(connection, chart.code(Role.SPONSOR_ADVANCE))
    shares = payouts.paid_shares(connection, batch_no, chart.own_sponsor)
    beyond = over_drawn(received, shares, run.config.policy.overdraft_fen)
    if beyond:
        sponsor, fen = beyond[0]
        raise NotAllowed(
            f"payout {batch_no}: the advance of sponsor {sponsor} would go {format_yuan(-fen)} below its overdraft;"
            " wait for its funds, or agree on an overdraft (puhui.toml, policy.overdraft_fen)"
        )
