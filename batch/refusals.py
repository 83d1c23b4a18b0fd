"""What refuses a file as a whole though its adapter can read it: asked by the night and by `puhui feed check`.

Pure. What only the database knows, the last closing of an account, is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from adapters.accounts.statement import mask_cards, out_of_balance, unproven
from adapters.registry import adapter
from batch.config import SourceConfig
from settlement.model.cards import mask
from settlement.model.money import format_yuan
from settlement.model.rejects import Reject

GAP = "GAP"  # before this statement one is missing
_YUAN = ("CNY", "RMB")
# What makes a line of a statement itself, wherever it stands.
LINE_CONTENT = (
    *("booking_date", "value_date", "amount_fen", "reversal", "reference", "end_to_end_id", "counterparty_name"),
    *("counterparty_account", "remittance", "bank_code"),
)
_HEAD = ("account", "currency", "opening_fen", "closing_fen")


def settings_of(source: SourceConfig) -> dict[str, Any]:
    """The settings that a source's adapter reads with; those of transactions refuse a file with bad rows themselves."""
    if source.reject_file_on_bad_row and adapter(source.format).gives == "transaction":
        return {**source.settings, "bad_row": "reject_file"}
    return dict(source.settings)


def bad_row(rejects: Sequence[Reject]) -> Reject | None:
    """The refusal of a file that is taken whole or not at all: it names the first row that cannot be accepted."""
    if not rejects:
        return None
    first = rejects[0]
    where = f"record {first.record}" + (f", {first.field}" if first.field else "")
    message = f"this source takes no file with a bad row; {where}: {first.message}"
    return Reject(first.file, 0, first.byte, "", "BAD_ROW", message)


def doubt(notes: Sequence[str]) -> tuple[str, str] | None:
    """(code, message) where the balances, totals or counts of a file's statements do not prove their lines."""
    found = [*out_of_balance(notes), *unproven(notes)]
    return ("BALANCE", found[0]) if found else None


def statement_wrong(row: dict[str, Any], accounts: Collection[str], last: int | None) -> tuple[str, str] | None:
    """(code, message) of what is wrong with a statement; None where it adds up and goes on from `last`, if known.

    `row`: one of `statement_sums`. `accounts`: numbers of the source's.
    """
    account, name = row["account"], mask_cards(row["statement"])
    if account not in accounts:
        return "ACCOUNT", f"account {mask(account)} is not in puhui.toml for this source; add it or correct the file"
    if row["opening_fen"] is None or row["closing_fen"] is None:
        return "BALANCE", f"statement {name} lacks its opening or closing balance; ask the bank for the whole"
    if row["currency"] not in _YUAN:
        return "OTHER_CURRENCY", f"statement {name} is in {row['currency']}; the books are in CNY: ask for that alone"
    difference = row["opening_fen"] + row["amount_fen"] - row["closing_fen"]
    if difference:
        return "BALANCE", f"statement {name}: opening + lines differ from closing by {format_yuan(difference)}"
    if last is not None and row["opening_fen"] != last:
        gap = format_yuan(row["opening_fen"] - last)
        return GAP, f"statement {name} opens {gap} away from the last closing; a statement is missing"
    return None


# --- several statements in a file --------------------------------------------------------------------------------


def statement_sums(blocks: Sequence[pl.DataFrame]) -> list[dict[str, Any]]:
    """The statements of a file from the `block_sums` of its blocks, in their order."""
    if not blocks:
        return []
    first = pl.col("currency", "opening_fen", "closing_fen", "record", "byte_start").first()
    sums = pl.col("amount_fen", "line", "entries", "digest").sum()
    grouped = pl.concat(blocks).group_by("account", "statement", maintain_order=True)
    return grouped.agg(first, sums, pl.col("day").max()).to_dicts()


def block_sums(frame: pl.DataFrame) -> pl.DataFrame:
    """The statements of a STATEMENT_LINE frame, each with what its lines come to.

    `line`, `entries`: lines, and records of the file that they are; `day`: the last of booking; `digest`: of content.
    """
    is_line = pl.col("line").is_not_null()
    digest = frame.select(LINE_CONTENT).hash_rows()
    return (
        frame.with_columns(digest=digest)
        .group_by("account", "statement", maintain_order=True)
        .agg(
            pl.col("currency", "opening_fen", "closing_fen", "record", "byte_start").first(),
            pl.col("amount_fen").sum(),
            pl.col("line").count().cast(pl.Int64),
            pl.col("record").filter(is_line).n_unique().cast(pl.Int64).alias("entries"),
            pl.col("digest").filter(is_line).sum(),
            pl.coalesce("booking_date", "value_date").max().alias("day"),
        )
    )


def once(rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(`rows` of `statement_sums`, those that say once more what one of the same account and number has said).

    The reader calls the second statement of one number `number#2`.
    """
    seen: set[tuple[Any, ...]] = set()
    kept: list[dict[str, Any]] = []
    again: list[dict[str, Any]] = []
    for row in rows:
        number = row["statement"].rpartition("#")[0] or row["statement"]
        key = (number, *(row[name] for name in (*_HEAD, "line", "amount_fen", "digest")))
        (again if row["line"] and key in seen else kept).append(row)
        seen.add(key)
    return kept, again


def twice_in_file(row: dict[str, Any]) -> Reject:
    """Tells of a statement that `once` leaves out."""
    message = f"statement {mask_cards(row['statement'])} stands twice in the file, line for line; it is counted once"
    return Reject("", row["record"], row["byte_start"], "statement", "STATEMENT_TWICE", message)


def in_order(rows: Sequence[dict[str, Any]], last: Mapping[str, int | None]) -> list[dict[str, Any]]:
    """Statements (`statement_sums`), account by account, in the order in which their balances follow from `last`.

    Banks write the oldest first, or the newest, or sort by a number. Where nothing follows from everything, the order
    is that of the days, so that the gap is named where it is.
    """
    accounts: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        accounts.setdefault(row["account"], []).append(row)
    return [row for account, own in accounts.items() for row in _ordered(own, last.get(account))]


def _ordered(rows: list[dict[str, Any]], last: int | None) -> list[dict[str, Any]]:
    if _follows(rows, last):
        return rows
    by_day = _by_day(rows)
    orders = (by_day, _by_day(rows[::-1]))
    # the first may have been taken before, as of the month so far: then they do not follow from `last`
    starts = [*([] if last is None else [(order, last) for order in orders]),
              *((order, order[0]["opening_fen"]) for order in orders)]  # fmt: skip
    for order, start in starts:
        chained = _chained(order, start)
        days = [row["day"] for row in chained or () if row["day"] is not None]
        if chained is not None and (days == sorted(days) or _no_balance_twice(chained)):
            return chained
    return by_day


def _no_balance_twice(chain: list[dict[str, Any]]) -> bool:
    """Then no other order follows, and none with a gap in it: days may be those of value, which lie ahead of others."""
    balances = [row["opening_fen"] for row in chain if row["opening_fen"] != row["closing_fen"]]
    balances.append(chain[-1]["closing_fen"])
    return len(set(balances)) == len(balances)


def _by_day(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that have a day, oldest first; each that has none keeps its place behind the one before it."""
    day, keys = date.min, list[date]()
    for row in rows:
        day = row["day"] or day
        keys.append(day)
    return [row for _, row in sorted(zip(keys, rows, strict=True), key=lambda pair: pair[0])]


def _follows(rows: list[dict[str, Any]], last: int | None) -> bool:
    for row in rows:
        if last is not None and row["opening_fen"] != last:
            return False
        last = row["closing_fen"]
    return True


def _chained(rows: list[dict[str, Any]], last: int) -> list[dict[str, Any]] | None:
    """Always the first of `rows` that opens with the last closing, one without lines before all; None: not all do."""
    waiting: dict[int | None, deque[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["line"] > 0):
        waiting.setdefault(row["opening_fen"], deque()).append(row)
    chain: list[dict[str, Any]] = []
    while waiting.get(last):
        chain.append(waiting[last].popleft())
        last = chain[-1]["closing_fen"]
    return chain if len(chain) == len(rows) else None
