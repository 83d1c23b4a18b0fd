"""The payout file of a batch: a pure function of its rows, so that a file written twice is byte-identical.

Sealed accounts are opened here and nowhere else; what is opened goes into the file's bytes only.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime

import polars as pl

from adapters.base import Context
from adapters.payments import bank_template, pain001
from adapters.payments.bank_template import payout_layout
from adapters.payments.cnaps import is_cnaps
from batch.run import Run
from settlement.model.errors import BadInput, FoundWrong
from settlement.model.frames import PAYMENT, conform
from settlement.model.money import format_yuan
from settlement.payout.items import HOLD

NAME_LENGTH = 70  # the shortest that any version takes


def file_bytes(run: Run, batch_no: str, execution_date: date, created_at: datetime, sealed: pl.DataFrame) -> bytes:
    """The file of a batch. `sealed`: its items with sealed accounts (settlement.store.settle.SEALED).

    Both writers read what they wrote and compare counts and totals before they give it.
    """
    payout, name = run.config.payout, file_name(run, batch_no)
    items = conform(_opened(run, sealed), PAYMENT)
    if payout.format == "bank_template":
        return bank_template.write(items, Context(name, "payout", payout.settings, None, execution_date))
    settings = {
        "version": payout.version,
        "message_id": batch_no,
        "created_at": created_at.astimezone(run.config.programme.zone).isoformat(timespec="seconds"),
        "execution_date": execution_date,
        "debtor_name": payout.debtor_name,
        "debtor_account": run.config.account(payout.account).number,
        "debtor_bank_code": payout.debtor_bank_code,
    }
    return pain001.write(items, Context(name, "payout", settings))


def check_whole(batch_no: str, sealed: pl.DataFrame, count: int, total_fen: int) -> None:
    """FoundWrong where the rows that the file is made of are not the items of the batch that people see."""
    rows, fen = sealed.height, int(sealed["amount_fen"].sum())
    if (rows, fen) != (count, total_fen):
        raise FoundWrong(
            f"payout {batch_no}: it has {count} items of {format_yuan(total_fen)}, its accounts give {rows} of"
            f" {format_yuan(fen)}; run `puhui check`"
        )


def refused(run: Run, sealed: pl.DataFrame) -> pl.DataFrame:
    """Items that the file cannot carry (a bank code, a name, one too many): statement_no and the reason (HOLD)."""
    found = []
    for item in _opened(run, sealed).iter_slices(1):
        try:
            _check(run, conform(item, PAYMENT))
        except BadInput as error:
            found.append((item["statement_no"][0], f"{error}; import a corrected account"))
    held = pl.DataFrame(found, schema=HOLD, orient="row")
    payout = run.config.payout
    most = payout_layout(payout.settings).maximum_records if payout.format == "bank_template" else None
    if most is None:
        return held
    fit = sealed.sort("end_to_end_id").filter(~pl.col("statement_no").is_in(held["statement_no"].implode()))
    over = fit.filter(pl.int_range(pl.len()).over("payee_kind") >= most)
    message = f"the bank takes {most} items in a file; it leaves with the next"
    return pl.concat([held, over.select("statement_no", reason=pl.lit(message))])


def _check(run: Run, item: pl.DataFrame) -> None:
    """BadInput where a file of the programme cannot carry the item."""
    payout, code = run.config.payout, item["payee_bank_code"][0]
    if payout.bank is not None and not (code or "").startswith(payout.bank):
        raise BadInput(f"the payout file goes to accounts at bank {payout.bank} alone, this one is at {code}")
    if payout.format == "pain001":
        pain001.check_items(item, NAME_LENGTH, "payout")
        return
    if payout_layout(payout.settings).record.field("payee_bank_code") is not None and not is_cnaps(code or ""):
        raise BadInput(f"payee_bank_code {code} is not a 联行号 (12 digits with check digit)")
    day = date(2026, 1, 1)  # that of a file never to be written
    bank_template.write(item, Context(payout.name_of("B-20260101-1"), "payout", payout.settings, None, day))


def _opened(run: Run, sealed: pl.DataFrame) -> pl.DataFrame:
    """SEALED rows with the columns of PAYMENT, accounts opened."""
    sealed = sealed.sort("end_to_end_id").rename({"bank_name": "payee_bank_name", "bank_code": "payee_bank_code"})
    return sealed.with_columns(
        payee_name=pl.Series([run.keys.open(text) for text in sealed["name_sealed"]], dtype=pl.String),
        payee_account=pl.Series([run.keys.open(text) for text in sealed["account_sealed"]], dtype=pl.String),
        remittance=pl.format("会员普惠补贴 {}", "statement_no"),
    )


def file_name(run: Run, batch_no: str) -> str:
    """The name under which a batch leaves."""
    return run.config.payout.name_of(batch_no)


def format_of(run: Run) -> str:
    """What a batch is written as, like pain001.09."""
    payout = run.config.payout
    if payout.format == "pain001":
        return f"pain001.{payout.version}"
    return f"bank_template.{payout_layout(payout.settings).format}"


def digest(content: bytes) -> str:
    """SHA-256 of the file's bytes, hex."""
    return hashlib.sha256(content).hexdigest()
