"""What refuses a file as a whole though its adapter can read it: asked by the night and by `puhui feed check`.

Pure. What only the database knows, the last closing of an account, is given.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from adapters.accounts.statement import mask_cards, out_of_balance, unproven
from adapters.registry import adapter
from batch.config import SourceConfig
from settlement.model.cards import mask
from settlement.model.money import format_yuan
from settlement.model.rejects import Reject

_YUAN = ("CNY", "RMB")


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

    `row`: account, statement, currency, opening_fen, closing_fen, and the sum of its lines. `accounts`: numbers of the
    source's.
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
        return "GAP", f"statement {name} opens {gap} away from the last closing; a statement is missing"
    return None
