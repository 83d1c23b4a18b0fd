"""The payout file of a batch: a pure function of its rows, so that a file written twice is byte-identical.

Sealed accounts are opened here and nowhere else; what is opened goes into the file's bytes only.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime

import polars as pl

from adapters.base import Context
from adapters.payments.pain001 import check_items, write
from batch.run import Run
from settlement.model.errors import BadInput
from settlement.model.frames import PAYMENT, conform
from settlement.payout.items import HOLD

NAME_LENGTH = 70  # the shortest that any version takes


def file_bytes(run: Run, batch_no: str, execution_date: date, created_at: datetime, sealed: pl.DataFrame) -> bytes:
    """The file of a batch. `sealed`: its items with sealed accounts (settlement.store.settle.SEALED)."""
    payout = run.config.payout
    account = run.config.account(payout.account)
    settings = {
        "version": payout.version,
        "message_id": batch_no,
        "created_at": created_at.astimezone(run.config.programme.zone).isoformat(timespec="seconds"),
        "execution_date": execution_date,
        "debtor_name": payout.debtor_name,
        "debtor_account": account.number,
        "debtor_bank_code": payout.debtor_bank_code,
    }
    return write(conform(_opened(run, sealed), PAYMENT), Context(file_name(batch_no), "payout", settings))


def refused(run: Run, sealed: pl.DataFrame) -> pl.DataFrame:
    """Items that the file cannot carry (a bank code, a name): statement_no and the reason (HOLD)."""
    found = []
    for item in _opened(run, sealed).iter_slices(1):
        try:
            check_items(conform(item, PAYMENT), NAME_LENGTH, "payout")
        except BadInput as error:
            found.append((item["statement_no"][0], f"{error}; import a corrected account"))
    return pl.DataFrame(found, schema=HOLD, orient="row")


def _opened(run: Run, sealed: pl.DataFrame) -> pl.DataFrame:
    """SEALED rows with the columns of PAYMENT, accounts opened."""
    sealed = sealed.sort("end_to_end_id").rename({"bank_name": "payee_bank_name", "bank_code": "payee_bank_code"})
    return sealed.with_columns(
        payee_name=pl.Series([run.keys.open(text) for text in sealed["name_sealed"]], dtype=pl.String),
        payee_account=pl.Series([run.keys.open(text) for text in sealed["account_sealed"]], dtype=pl.String),
        remittance=pl.format("会员普惠补贴 {}", "statement_no"),
    )


def file_name(batch_no: str) -> str:
    """The name under which a batch leaves."""
    return f"{batch_no}.xml"


def digest(content: bytes) -> str:
    """SHA-256 of the file's bytes, hex."""
    return hashlib.sha256(content).hexdigest()
