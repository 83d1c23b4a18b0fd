"""The payout file of a batch: a pure function of its rows, so that a file written twice is byte-identical.

Sealed accounts are opened here and nowhere else; what is opened goes into the file's bytes only.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime

import polars as pl

from adapters.base import Context
from adapters.payments.pain001 import write
from batch.run import Run
from settlement.model.frames import PAYMENT, conform


def file_bytes(run: Run, batch_no: str, execution_date: date, created_at: datetime, sealed: pl.DataFrame) -> bytes:
    """The file of a batch. `sealed`: its items with sealed accounts (settlement.store.settle.SEALED)."""
    payout = run.config.payout
    account = run.config.account(payout.account)
    sealed = sealed.sort("end_to_end_id")
    opened = sealed.with_columns(
        payee_name=pl.Series([run.keys.open(text) for text in sealed["name_sealed"]], dtype=pl.String),
        payee_account=pl.Series([run.keys.open(text) for text in sealed["account_sealed"]], dtype=pl.String),
        remittance=pl.format("会员普惠补贴 {}", "statement_no"),
    )
    frame = opened.rename({"bank_name": "payee_bank_name", "bank_code": "payee_bank_code"})
    settings = {
        "version": payout.version,
        "message_id": batch_no,
        "created_at": created_at.astimezone(run.config.programme.zone).isoformat(timespec="seconds"),
        "execution_date": execution_date,
        "debtor_name": payout.debtor_name,
        "debtor_account": account.number,
        "debtor_bank_code": payout.debtor_bank_code,
    }
    return write(conform(frame, PAYMENT), Context(file_name(batch_no), "payout", settings))


def file_name(batch_no: str) -> str:
    """The name under which a batch leaves."""
    return f"{batch_no}.xml"


def digest(content: bytes) -> str:
    """SHA-256 of the file's bytes, hex."""
    return hashlib.sha256(content).hexdigest()
