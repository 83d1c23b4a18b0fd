"""What a bank's result file (pain.002, 回盘) becomes: an answer about each released payment that it names.

A row without an `end_to_end_id` speaks for every item of its batch that has no row of its own in the file. A row that
names no released payment, another amount than ours, or says two things of one payment, is rejected: it has no effect.
"""

from __future__ import annotations

from datetime import date

import polars as pl
from sqlalchemy import Connection

from adapters.base import Closing
from batch.accept import Outcome
from settlement.model.cards import mask_digits, shown_total
from settlement.model.frames import PAYMENT_RESULT, conform
from settlement.model.outcomes import FileStatus
from settlement.model.rejects import Reject
from settlement.store import reconcile
from settlement.store import tables as t
from settlement.store.copy import copy_in

_SAYS = pl.col("result").n_unique() > 1


def results(
    connection: Connection,
    file_id: int,
    day: date,
    frame: pl.DataFrame,
    rejects: list[Reject],
    closing: Closing,
    *,
    by_batch: bool,
) -> Outcome:
    """Stores the answers of a result file that the night of `day` takes in.

    `by_batch`: its `message_id` is our batch's number (pain.002); else it may be a number of the bank's.
    """
    rows = conform(frame, PAYMENT_RESULT)
    items = reconcile.released(connection, rows["end_to_end_id"], rows["message_id"], day)
    own, own_wrong, again = _of_items(rows.filter(pl.col("end_to_end_id").is_not_null()), items, by_batch=by_batch)
    whole, whole_wrong = _of_batches(rows.filter(pl.col("end_to_end_id").is_null()), items)
    spoken_for = rows.select("end_to_end_id").drop_nulls()
    rest = whole.drop("end_to_end_id").join(items, left_on="message_id", right_on="batch_no")
    rest = rest.join(spoken_for, on="end_to_end_id", how="anti")
    stamp = {"file_id": pl.lit(file_id, pl.Int64), "business_date": pl.lit(day, pl.Date)}
    names = [column.name for column in t.payout_answer.columns]
    answers = pl.concat([part.with_columns(**stamp).select(names) for part in (own, rest)])
    copy_in(connection, t.payout_answer, answers.sort("record", "end_to_end_id"))
    wrong = [*rejects, *own_wrong, *whole_wrong]
    silent = whole.height - rest["record"].n_unique()
    return Outcome(
        FileStatus.PARTIAL if wrong else FileStatus.ACCEPTED,
        closing=closing,
        accepted=own.height + whole.height - silent,
        duplicate=again + silent,
        rejects=wrong,
    )


def _of_items(rows: pl.DataFrame, items: pl.DataFrame, *, by_batch: bool) -> tuple[pl.DataFrame, list[Reject], int]:
    """(one row for each item, the rejects, how many rows say once more what another says)."""
    known = items.select("end_to_end_id", "batch_no", item_fen="amount_fen")
    rows = rows.join(known, on="end_to_end_id", how="left", maintain_order="left")
    unknown = pl.col("item_fen").is_null()
    if by_batch:
        unknown |= pl.col("message_id").ne_missing(pl.col("batch_no"))
    other = (pl.col("amount_fen") != pl.col("item_fen")).fill_null(value=False)
    two = _SAYS.over("end_to_end_id")
    wrong = []
    for row in rows.filter(unknown | other | two).iter_rows(named=True):
        name = mask_digits(row["end_to_end_id"])
        if row["item_fen"] is None or (by_batch and row["message_id"] != row["batch_no"]):
            of = f" in batch {mask_digits(row['message_id'] or '')}" if by_batch else ""
            said = f"no released payment{of} is called {name}; ask the bank which one it means"
            code, message = "UNKNOWN_PAYMENT", said
        elif row["amount_fen"] not in {None, row["item_fen"]}:
            amounts = f"{shown_total(row['amount_fen'])}, we sent {shown_total(row['item_fen'])}"
            code, message = "OTHER_AMOUNT", f"payment {name}: the bank names {amounts}; ask the bank"
        else:
            code, message = "TWO_RESULTS", f"the file says two things of payment {name}; ask the bank what became of it"
        wrong.append(_reject(row, "end_to_end_id", code, message))
    good = rows.filter(~(unknown | other | two))
    once = good.unique("end_to_end_id", keep="first", maintain_order=True)
    return once, wrong, good.height - once.height


def _of_batches(rows: pl.DataFrame, items: pl.DataFrame) -> tuple[pl.DataFrame, list[Reject]]:
    """(rows about whole batches, the rejects). One that names another sum than the batch's is about a part of it."""
    sums = items.group_by("batch_no").agg(batch_fen=pl.col("amount_fen").sum())
    rows = rows.join(sums, left_on="message_id", right_on="batch_no", how="left", maintain_order="left")
    unknown = pl.col("batch_fen").is_null()
    other = (pl.col("amount_fen") != pl.col("batch_fen")).fill_null(value=False)
    two = _SAYS.over("message_id")
    wrong = []
    for row in rows.filter(unknown | other | two).iter_rows(named=True):
        name = mask_digits(row["message_id"] or "")
        if row["batch_fen"] is None:
            code, message = "UNKNOWN_PAYMENT", f"no released batch is called {name!r}; ask the bank which one it means"
        elif row["amount_fen"] not in {None, row["batch_fen"]}:
            amounts = f"{shown_total(row['amount_fen'])}, we sent {shown_total(row['batch_fen'])}"
            code, message = "OTHER_AMOUNT", f"batch {name}: the bank names {amounts}; ask the bank which part it means"
        else:
            code, message = "TWO_RESULTS", f"the file says two things of batch {name}; ask the bank what became of it"
        wrong.append(_reject(row, "message_id", code, message))
    good = rows.filter(~(unknown | other | two)).drop("batch_fen")
    return good.unique("message_id", keep="first", maintain_order=True), wrong


def _reject(row: dict[str, object], name: str, code: str, message: str) -> Reject:
    record, byte = row["record"], row["byte_start"]
    assert isinstance(record, int)
    assert isinstance(byte, int)
    return Reject(str(row["file"]), record, byte, name, code, message)
