"""What `puhui feed check` and `convert` print and write."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import polars as pl

from adapters.accounts.currency import minor_digits
from adapters.accounts.statement import out_of_balance
from adapters.base import Closing, Parsed
from adapters.documents.receipt import Receipt, Status, receipt_json, receipt_name
from portal import clock
from settlement.model.errors import BadInput, TryAgain
from settlement.model.frames import PAYMENT_RESULT, STATEMENT_LINE, TRANSACTION, Schema
from settlement.model.money import format_yuan
from settlement.model.rejects import Reject

MAX_SHOWN = 1000
_SCHEMAS: dict[str, Schema] = {"transaction": TRANSACTION, "statement": STATEMENT_LINE, "result": PAYMENT_RESULT}
_PLACES = {"transaction": ("byte_start", "byte_end"), "statement": ("file", "record", "byte_start", "byte_end")}
_ZONE = "Asia/Shanghai"
_RUN = re.compile(r"[0-9]{10,}")
_BCD_RUN = re.compile(r"(?:[0-9]{2} ){3,}[0-9]{2}")
_BYTES_SHOWN = 96
_CODES_OF_MINOR = {"156": "CNY"}


@dataclass(slots=True)
class Findings:
    """What a read of one file found."""

    file: Path
    sha256: str
    format: str
    accepted: int = 0
    rejects: list[Reject] = field(default_factory=list)
    more: int = 0
    closing: Closing | None = None

    def take(self, item: Parsed | Closing) -> None:
        """Counts one block, or the closing."""
        if isinstance(item, Closing):
            self.closing = item
            return
        self.accepted += item.frame.height
        room = MAX_SHOWN - len(self.rejects)
        self.rejects += item.rejects[:room]
        self.more += max(len(item.rejects) - room, 0)

    @property
    def exit_code(self) -> int:
        """0 all accepted, 1 rejects or balances that do not add up, 2 refused."""
        assert self.closing is not None, "a reader ends with its Closing"
        if self.closing.refused is not None:
            return 2
        return 1 if self.rejects or self.closing.rejected or out_of_balance(self.closing.notes) else 0

    @property
    def status(self) -> Status:
        """What the receipt would say."""
        return {0: "ACCEPTED", 1: "PARTIAL", 2: "REJECTED"}[self.exit_code]  # type: ignore[return-value]  # literals

    def lines(self) -> list[str]:
        """Rejects, notes and the refusal, a line each."""
        assert self.closing is not None
        out = [str(reject) for reject in self.rejects]
        out += [f"{self.more} more rejects are not shown"] * bool(self.more)
        out += [f"{self.file.name}: {line}" for line in self.closing.notes]
        return out + ([f"refused: {self.closing.refused}"] if self.closing.refused else [])


def print_findings(findings: Findings, stream: BinaryIO, *, as_json: bool) -> None:
    """The report of `check`: figures, rejects with their bytes (cards masked), and the receipt."""
    closing = findings.closing
    assert closing is not None
    receipt = receipt_json(_receipt(findings, closing))
    if as_json:
        body = json.loads(receipt) | {"format": findings.format, "notes": list(closing.notes)}
        print(json.dumps(body, ensure_ascii=False, indent=1))
        return
    refused = closing.refused
    print(f"{findings.file.name}: {findings.format}: {findings.status}")
    print(f"  read {closing.records}, declared {_said(closing.declared_records)}")
    print(f"  total read {_yuan(closing.total_fen)}, declared {_yuan(closing.declared_total_fen)}")
    accepted = 0 if refused else closing.accepted
    print(f"  would accept {accepted}, reject {closing.rejected}, skip {closing.skipped}")
    for reject in [*findings.rejects, *([refused] if refused else [])]:
        print(reject)
        shown = _bytes_at(stream, reject.byte)
        if shown:
            print(f"  bytes: {shown}")
    if findings.more:
        print(f"{findings.more} more rejects are not shown")
    for line in closing.notes:
        print(f"note: {line}")
    print(f"receipt {receipt_name(findings.file.name, 1)}:")
    print(receipt.decode(), end="")


def _said(value: int | None) -> str:
    return "nothing" if value is None else str(value)


def _yuan(value: int | None) -> str:
    return "nothing" if value is None else format_yuan(value)


def _receipt(findings: Findings, closing: Closing) -> Receipt:
    refused = closing.refused
    now = clock.now()
    return Receipt(
        name=findings.file.name,
        delivery=1,
        sha256=findings.sha256,
        received_at=now,
        status=findings.status,
        business_date=closing.clearing_date or now.date(),
        records_read=closing.records,
        records_declared=closing.declared_records,
        total_read_fen=closing.total_fen,
        total_declared_fen=closing.declared_total_fen,
        accepted=0 if refused else closing.accepted,
        rejected=closing.records if refused else closing.rejected,
        duplicate=0,
        quarantined=0,
        rejects=(refused,) if refused else tuple(findings.rejects),
        chain_head="",
    )


def _bytes_at(stream: BinaryIO, byte: int) -> str:
    """The first bytes of a record as text, or as hexadecimal where most of it is binary; card numbers masked.

    A record cannot say where its card number stands once it is damaged, so every longer run of digits is masked.
    """
    if byte < 0:
        return ""
    stream.seek(byte)
    raw = stream.read(_BYTES_SHOWN)
    line = raw.split(b"\n", 1)[0].rstrip(b"\r")
    text = line.decode("gb18030", errors="replace")
    if not text.isprintable():
        if sum(32 <= b < 127 for b in raw) * 2 < len(raw):
            return _BCD_RUN.sub(lambda m: "** " * (len(m.group()) // 3) + "**", raw.hex(" ").upper())
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in raw)
    return _RUN.sub(lambda m: m.group()[:2] + "*" * (len(m.group()) - 4) + m.group()[-2:], text)


# --- convert ---------------------------------------------------------------------------------------------------------


class Output:
    """A CSV or Parquet file that appears whole or not at all."""

    def __init__(self, path: Path, gives: str, part: Path) -> None:
        self.path, self.gives, self.part = path, gives, part
        self.parquet = path.suffix == ".parquet"
        self.frames: list[pl.DataFrame] = []
        self.begun = False
        self.kept = False

    def add(self, frame: pl.DataFrame) -> None:
        """One block, in order."""
        shown = published(frame, self.gives, as_text=not self.parquet)
        if self.parquet:
            self.frames.append(shown)
            return
        with self.part.open("ab") as stream:
            shown.write_csv(stream, include_header=not self.begun)
        self.begun = True

    def keep(self) -> None:
        """Moves the file to its name."""
        if self.parquet:
            empty = published(pl.DataFrame(schema=_SCHEMAS[self.gives]), self.gives, as_text=False)
            pl.concat([empty, *self.frames]).write_parquet(self.part)
        elif not self.begun:
            self.add(pl.DataFrame(schema=_SCHEMAS[self.gives]))
        self.part.replace(self.path)
        self.kept = True


@contextmanager
def open_output(path: Path, gives: str) -> Iterator[Output]:
    """An Output beside its final place; gone again unless it was kept."""
    if path.suffix not in {".csv", ".parquet"}:
        raise BadInput(f"--out {path}: write a name that ends in .csv or .parquet")
    if gives not in _SCHEMAS:
        raise BadInput("this format is only written; there is nothing to convert")
    try:
        handle, name = tempfile.mkstemp(prefix=".feed-", suffix=".part", dir=path.parent)
        os.close(handle)
        part = Path(name)
        part.chmod(0o644)
        output = Output(path, gives, part)
        try:
            yield output
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise TryAgain(f"--out {path}: {os.strerror(error.errno or 0)}; make room, or write elsewhere") from None


def published(frame: pl.DataFrame, gives: str, *, as_text: bool) -> pl.DataFrame:
    """Canonical columns as they are published: amounts in major units under names without `_fen`, local instants.

    As text (CSV) amounts are signed decimals and instants ISO 8601 with offset; else Decimal and Datetime.
    """
    columns = []
    for name in _SCHEMAS[gives]:
        if name in _PLACES.get(gives, ("file", "record", "byte_start", "byte_end")):
            continue
        dtype = frame.schema[name]
        if name.endswith("_fen"):
            text = _major_units(frame, name)
            columns.append(text if as_text else text.cast(pl.Decimal(38, 4 if gives == "statement" else 2)))
        elif isinstance(dtype, pl.Datetime):
            local = frame[name].dt.convert_time_zone(_ZONE)
            columns.append(local.dt.strftime("%Y-%m-%dT%H:%M:%S%:z") if as_text else local)
        else:
            columns.append(frame[name])
    return pl.DataFrame([column.alias(column.name.removesuffix("_fen")) for column in columns])


def _major_units(frame: pl.DataFrame, name: str) -> pl.Series:
    """Minor units as signed text with two decimals, more where the currency has them."""
    codes = frame["currency"].fill_null("CNY") if "currency" in frame.columns else pl.Series(["CNY"] * frame.height)
    digits = {code: minor_digits(_CODES_OF_MINOR.get(code, code)) for code in codes.unique().to_list()}
    value = pl.col("value")
    base = pl.DataFrame({"value": frame[name], "digits": codes.replace_strict(digits, return_dtype=pl.Int64)})
    scale = pl.lit(10).cast(pl.Int64).pow(pl.col("digits")).cast(pl.Int64)
    size = value.abs()
    decimals = (size % scale).cast(pl.String).str.zfill(pl.col("digits"))
    tail = pl.when(pl.col("digits") == 0).then(pl.lit("00")).otherwise(decimals)
    text = pl.concat_str(
        pl.when(value < 0).then(pl.lit("-")).otherwise(pl.lit("")), (size // scale).cast(pl.String), pl.lit("."), tail
    )
    return base.select(pl.when(value.is_not_null()).then(text).alias(name)).to_series()
