"""What a parsed delivery becomes: new rows, duplicates, conflicts, or a refusal; one outcome that adds up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, Table

from adapters.base import Closing
from batch.config import AccountConfig, SourceConfig
from batch.differences import CONTENT, same
from batch.run import Run
from settlement.model import frames
from settlement.model.cards import mask
from settlement.model.money import format_yuan
from settlement.model.outcomes import FileStatus
from settlement.model.rejects import Reject
from settlement.store import corrections, intake
from settlement.store import tables as t
from settlement.store.copy import copy_in

OUTCOME: frames.Schema = {
    "file_id": pl.Int64,
    "business_date": pl.Date,
    "status": pl.String,
    "clearing_date": pl.Date,
    "records": pl.Int64,
    "accepted": pl.Int64,
    "rejected": pl.Int64,
    "duplicate": pl.Int64,
    "quarantined": pl.Int64,
    "skipped": pl.Int64,
    "declared_records": pl.Int64,
    "total_fen": pl.Int64,
    "declared_total_fen": pl.Int64,
    "code": pl.String,
    "message": pl.String,
}
_REJECT_ROWS: frames.Schema = {
    "file_id": pl.Int64,
    "seq": pl.Int64,
    "record": pl.Int64,
    "byte": pl.Int64,
    "field": pl.String,
    "code": pl.String,
    "message": pl.String,
}
DUPLICATE_ROW = "DUPLICATE_ROW"
CONFLICT = "CONFLICT"
VANISHED = "VANISHED"
HELD = "HELD"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Row of file_outcome with its rejects."""

    status: FileStatus
    closing: Closing | None = None
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    clearing_date: date | None = None
    code: str | None = None
    message: str | None = None
    rejects: list[Reject] = field(default_factory=list)

    def row(self, file_id: int, business_date: date) -> dict[str, Any]:
        """The row as a mapping with the columns of OUTCOME; a refused file has no accepted record."""
        closing = self.closing or Closing(0, 0, 0)
        counted = self.accepted + self.duplicate + self.quarantined + closing.skipped
        return {
            "file_id": file_id,
            "business_date": business_date,
            "status": str(self.status),
            "clearing_date": self.clearing_date or closing.clearing_date,
            "records": closing.records,
            "accepted": self.accepted,
            "rejected": closing.records - counted,
            "duplicate": self.duplicate,
            "quarantined": self.quarantined,
            "skipped": closing.skipped,
            "declared_records": closing.declared_records,
            "total_fen": closing.total_fen,
            "declared_total_fen": closing.declared_total_fen,
            "code": self.code,
            "message": self.message,
        }

    def reject_rows(self, file_id: int) -> pl.DataFrame:
        """Rows of file_reject in order of record."""
        ordered = sorted(self.rejects, key=lambda r: (r.record, r.byte, r.field, r.code, r.message))
        rows = [(file_id, n, r.record, r.byte, r.field, r.code, r.message) for n, r in enumerate(ordered, 1)]
        return pl.DataFrame(rows, schema=_REJECT_ROWS, orient="row")


def refuse(closing: Closing, reject: Reject) -> Closing:
    """The closing with the file as a whole refused."""
    return replace(closing, refused=reject)


def nothing(closing: Closing, rejects: list[Reject]) -> Outcome:
    """Outcome of a file that is refused, or in which no row could be accepted, or that is rightly empty."""
    if closing.refused is not None:
        bad = closing.refused
        return Outcome(
            FileStatus.REJECTED,
            closing=replace(closing, skipped=0),
            code=bad.code,
            message=bad.message,
            rejects=[*rejects, bad],
        )
    return Outcome(FileStatus.PARTIAL if rejects else FileStatus.ACCEPTED, closing=closing, rejects=rejects)


def transactions(
    connection: Connection,
    run: Run,
    table: Table,
    file_id: int,
    frame: pl.DataFrame,
    rejects: list[Reject],
    closing: Closing,
    *,
    again: bool,
) -> Outcome:
    """Stores the new rows of a feed or clearing file; the same key again is a duplicate, or a conflict (quarantined).

    `again`: a delivery of this name was taken before. Where rows of it are missing now, a new row may be one of them
    under another key, so new rows are held too. A clearing file that holds one key twice with the same content keeps
    the second copy as item `key#2`: the bank counts it twice, so reconciliation must see it.
    """
    rows = numbered(connection, run, frame, file_id)
    marked = _marked(connection, table, rows)
    vanished = _vanished(connection, table, file_id, rows) if again else rows.clear()
    new = marked.filter(pl.col("new"))
    twice = marked.filter(~pl.col("new") & pl.col("same"))
    conflict = marked.filter(~pl.col("new") & ~pl.col("same"))
    if table is t.clearing_item:
        copies = _second_copies(twice.filter(~pl.col("stored")))
        new = pl.concat([new, copies]).sort("record")
        twice = twice.join(copies, on="record", how="anti")
    held, accepted = (new, new.clear()) if vanished.height else (new.clear(), new)
    store(connection, table, accepted)
    # what an earlier delivery of the name brought is expected here, and only counted
    told = [*rejects, *([] if again else _row_rejects(twice, DUPLICATE_ROW)), *_row_rejects(conflict, CONFLICT)]
    told += [*_row_rejects(held, HELD), *_row_rejects(vanished, VANISHED)]
    outcome = Outcome(
        FileStatus.PARTIAL if rejects or conflict.height else FileStatus.ACCEPTED,
        closing=closing,
        accepted=accepted.height,
        duplicate=twice.height,
        quarantined=conflict.height + held.height,
        clearing_date=closing.clearing_date or _day(frame, "clearing_date"),
        rejects=told,
    )
    if not again:
        return outcome
    if conflict.height or vanished.height:
        message = f"{conflict.height} rows differ from the delivery before, {vanished.height} are missing"
        return replace(outcome, status=FileStatus.CONFLICT, code=CONFLICT, message=f"{message}; held until decided")
    if not accepted.height and not rejects:
        message = "the same rows as the delivery before; nothing was done"
        return replace(outcome, status=FileStatus.DUPLICATE, code="SAME_ROWS", message=message)
    return replace(outcome, status=FileStatus.SUPERSET)


def key_of(table: Table) -> str:
    """The name of the column of `transaction` or `clearing_item` that is called transaction_id in a frame."""
    return "item_id" if table is t.clearing_item else "transaction_id"


def store(connection: Connection, table: Table, rows: pl.DataFrame) -> None:
    """Stores rows of a file; their originals are the rows that stand for those keys now."""
    now = corrections.current(connection, rows["original_key"])
    if now.height:
        rows = rows.with_columns(pl.col("original_key").replace(now["base_id"], now["row_id"]))
    put_rows(connection, table, rows)


def put_rows(connection: Connection, table: Table, rows: pl.DataFrame) -> None:
    """Stores rows as they are."""
    key = key_of(table)
    copy_in(connection, table, rows.rename({"transaction_id": key}).select([column.name for column in table.columns]))


def _marked(connection: Connection, table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with `new`, `same` (as the row that stands for the key), `stored`, and that row's columns with `_before`."""
    key = key_of(table)
    schema = {key: pl.String, **{name: rows.schema[name] for name in CONTENT}}
    found = corrections.standing(connection, table, key, rows["transaction_id"], schema)
    stored = found.rows.drop(key).rename({"base_id": "transaction_id"})
    first = rows.filter(pl.col("transaction_id").is_first_distinct())
    known = pl.concat([stored, first.join(stored, on="transaction_id", how="anti").select(stored.columns)])
    marked = rows.join(known, on="transaction_id", how="left", suffix="_before", maintain_order="left")
    name = pl.col("transaction_id")
    gone, before = name.is_in(found.undone.implode()), name.is_in(stored["transaction_id"].implode())
    return marked.with_columns(
        new=name.is_first_distinct() & ~before & ~gone, same=same() & ~gone, stored=before, gone=gone
    )


def _vanished(connection: Connection, table: Table, file_id: int, rows: pl.DataFrame) -> pl.DataFrame:
    """The standing rows of earlier deliveries of the name that this one lacks, with what `_row_rejects` reads."""
    key, ids = key_of(table), copies_numbered(rows, table)["transaction_id"]
    before = corrections.came_before(connection, table, key, file_id)
    missing = before.filter(~before.is_in(ids.implode()))
    schema = {key: pl.String, **{name: rows.schema[name] for name in CONTENT}}
    found = corrections.standing(connection, table, key, missing, schema).rows.sort("base_id")
    return found.with_columns(
        transaction_id="base_id", record=pl.lit(0, pl.Int64), byte_start=pl.lit(-1, pl.Int64), gone=pl.lit(value=False)
    )


def copies_numbered(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Rows of a clearing file whose second and later equal copies are called key#2, key#3 …; other rows as they are."""
    if table is not t.clearing_item:
        return rows
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("transaction_id", *CONTENT)
    copy = pl.format("{}#{}", "transaction_id", number)
    return rows.with_columns(transaction_id=pl.when(number > 1).then(copy).otherwise("transaction_id"))


def _day(frame: pl.DataFrame, column: str) -> date | None:
    newest = frame[column].max()
    return newest if isinstance(newest, date) else None


def numbered(connection: Connection, run: Run, frame: pl.DataFrame, file_id: int) -> pl.DataFrame:
    """Canonical rows with card tokens turned into card_id, ready for their table."""
    frame = frames.conform(frame, frames.TRANSACTION)
    ids = intake.card_ids(connection, frame["card_token"], run.keys.tokeniser.key_id)
    rows = frame.join(ids, left_on="card_token", right_on="token", how="left", maintain_order="left")
    return rows.with_columns(file_id=pl.lit(file_id, pl.Int64), business_date=pl.lit(run.business_date, pl.Date)).drop(
        "card_token", "file"
    )


def _second_copies(copies: pl.DataFrame) -> pl.DataFrame:
    """Copies within this very file (their key is not stored yet), renamed key#2, key#3 …"""
    number = pl.int_range(2, pl.len() + 2, dtype=pl.Int64).over("transaction_id")
    return copies.with_columns(transaction_id=pl.format("{}#{}", "transaction_id", number))


def _row_rejects(rows: pl.DataFrame, code: str) -> list[Reject]:
    """Rows without effect as rejects, with what they would have moved."""
    return [
        Reject("", row["record"], row["byte_start"], "transaction_id", code, _why(row, code))
        for row in rows.iter_rows(named=True)
    ]


def _why(row: dict[str, Any], code: str) -> str:
    name, shown = row["transaction_id"], _shown(row, "")
    match code:
        case "DUPLICATE_ROW":
            return f"{name} was taken before with the same content; no effect"
        case "VANISHED":
            return f"{name} ({shown}) came with an earlier delivery and is not in this one; it stands until decided"
        case "HELD":
            return f"{name} ({shown}) is new while earlier rows are missing: it may be one of them; held until decided"
        case _ if row["gone"]:
            return f"{name} ({shown}) was taken back by a decision; held until decided"
        case _:
            was = _shown(row, "_before")
            return f"{name} is known with other content (amount {was}, now {shown}); held until decided"


def _shown(row: dict[str, Any], suffix: str) -> str:
    """The amount of a row in yuan."""
    amount = row[f"paid_fen{suffix}"] if row[f"paid_fen{suffix}"] is not None else row[f"gross_fen{suffix}"]
    return format_yuan(amount) if amount is not None else "?"


def statements(
    connection: Connection, run: Run, source: SourceConfig, file_id: int, frame: pl.DataFrame, closing: Closing
) -> Outcome:
    """Stores bank statements; one that does not add up, or does not go on from the last closing, refuses the file."""
    frame = frames.conform(frame, frames.STATEMENT_LINE)
    accounts = {a.number: a for a in run.config.accounts if a.statement_source == source.name}
    sums = frame.group_by("account", "statement", maintain_order=True).agg(
        pl.col("opening_fen", "closing_fen", "currency").first(),
        pl.col("amount_fen").sum(),
        pl.col("booking_date").max(),
    )
    opening: dict[str, int] = {}
    for row in sums.iter_rows(named=True):
        wrong = _statement_wrong(connection, accounts, opening, row)
        if wrong:
            return nothing(refuse(closing, Reject("", 0, -1, "", *wrong)), [])
    day = closing.clearing_date or _day(frame, "booking_date") or run.business_date
    _store_statements(connection, run, accounts, file_id, frame, sums, day)
    return Outcome(FileStatus.ACCEPTED, closing=closing, accepted=closing.accepted, clearing_date=day)


def _statement_wrong(
    connection: Connection, accounts: dict[str, AccountConfig], opening: dict[str, int], row: dict[str, Any]
) -> tuple[str, str] | None:
    """(code, message) of what is wrong with a statement; None when it adds up and goes on from the last one."""
    account = row["account"]
    if account not in accounts:
        return "ACCOUNT", f"account {mask(account)} is not in puhui.toml for this source; add it or correct the file"
    if row["opening_fen"] is None or row["closing_fen"] is None:
        return (
            "BALANCE",
            f"statement {row['statement']} lacks its opening or closing balance; ask the bank for the whole",
        )
    difference = row["closing_fen"] - row["opening_fen"] - row["amount_fen"]
    if difference:
        return (
            "BALANCE",
            f"statement {row['statement']}: opening + lines differ from closing by {format_yuan(difference)}",
        )
    last = opening.get(account)
    if last is None:
        last = intake.last_closing(connection, accounts[account].name)
    if last is None:
        last = accounts[account].first_opening_fen
    if row["opening_fen"] != last:
        gap = format_yuan(row["opening_fen"] - last)
        return "GAP", f"statement {row['statement']} opens {gap} away from the last closing; a statement is missing"
    opening[account] = row["closing_fen"]
    return None


def _store_statements(
    connection: Connection,
    run: Run,
    accounts: dict[str, AccountConfig],
    file_id: int,
    frame: pl.DataFrame,
    sums: pl.DataFrame,
    day: date,
) -> None:
    name = pl.col("account").replace_strict({number: a.name for number, a in accounts.items()}, return_dtype=pl.String)
    identity = pl.format("{}:{}", name, "statement").alias("statement_id")
    stamp = {"file_id": pl.lit(file_id, pl.Int64), "business_date": pl.lit(run.business_date, pl.Date)}
    heads = sums.with_columns(identity, name.alias("account"), statement_date=pl.lit(day, pl.Date), **stamp)
    copy_in(connection, t.bank_statement, heads.select([c.name for c in t.bank_statement.columns]))
    numbers = frame["counterparty_account"].drop_nulls().unique().sort()
    table = pl.DataFrame(
        {
            "counterparty_account": numbers,
            "counterparty_masked": [mask(n) for n in numbers],
            "counterparty_index": [run.keys.keyed_index(n) for n in numbers],
        },
        schema={"counterparty_account": pl.String, "counterparty_masked": pl.String, "counterparty_index": pl.String},
    )
    lines = frame.filter(pl.col("line").is_not_null()).with_columns(identity, name.alias("account"), **stamp)
    lines = lines.with_columns(pl.format("{}/{}", "statement_id", "line").alias("line_id"))
    lines = lines.join(table, on="counterparty_account", how="left", maintain_order="left")
    copy_in(connection, t.bank_line, lines.select([c.name for c in t.bank_line.columns]))
