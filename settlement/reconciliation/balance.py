"""银行存款余额调节表: the ledger's bank account against the bank's statement, every difference named."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from settlement.model.frames import Schema

OPEN_ITEM: Schema = {
    "day": pl.Date,
    "reference": pl.String,
    "summary": pl.String,
    "amount_fen": pl.Int64,  # above 0; the list says the direction
    "age_days": pl.Int64,
}


@dataclass(frozen=True, slots=True)
class BalanceReconciliation:
    """Both balances and the four lists of OPEN_ITEM that explain their difference.

    ours + bank_received - bank_paid = adjusted ours; bank + we_received - we_paid = adjusted bank.
    """

    ledger_fen: int
    bank_fen: int
    bank_received: pl.DataFrame
    bank_paid: pl.DataFrame
    we_received: pl.DataFrame
    we_paid: pl.DataFrame

    @property
    def adjusted_ledger_fen(self) -> int:
        """调节后余额 from our books."""
        return self.ledger_fen + _sum(self.bank_received) - _sum(self.bank_paid)

    @property
    def adjusted_bank_fen(self) -> int:
        """调节后余额 from the bank's statement."""
        return self.bank_fen + _sum(self.we_received) - _sum(self.we_paid)

    @property
    def residual_fen(self) -> int:
        """What no item explains; anything but 0 is an error to be found."""
        return self.adjusted_ledger_fen - self.adjusted_bank_fen


def _sum(items: pl.DataFrame) -> int:
    return int(items["amount_fen"].sum())
