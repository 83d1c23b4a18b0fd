"""What `puhui feed convert` writes: the canonical columns as CSV or Parquet, whole or not at all."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from adapters.accounts.currency import minor_digits
from adapters.shown import mask_cell
from settlement.model.errors import BadInput
from settlement.model.frames import PAYMENT, PAYMENT_RESULT, STATEMENT_LINE, TRANSACTION, Schema
from settlement.store.files import file_error

_SCHEMAS: dict[str, Schema] = {
    "transaction": TRANSACTION,
    "statement": STATEMENT_LINE,
    "result": PAYMENT_RESULT,
    "payment": PAYMENT,
}
# columns of a frame that are not published (feeds.md lists those that are)
_PLACES = {"transaction": ("rail", "byte_start", "byte_end"), "statement": ("file", "record", "byte_start", "byte_end")}
_ZONE = "Asia/Shanghai"
_CODES_OF_MINOR = {"156": "CNY"}


class Output:
    """A CSV or Parquet file that appears whole or not at all."""

    def __init__(self, path: Path, gives: str, part: Path) -> None:
        self.path, self.gives, self.part = path, gives, part
        self.parquet = path.suffix == ".parquet"
        self.frames: list[pl.DataFrame] = []
        self.begun = False

    def add(self, frame: pl.DataFrame) -> None:
        """One block, in order."""
        shown = published(frame, self.gives, as_text=not self.parquet)
        if self.parquet:
            self.frames.append(shown)
            return
        buffer = io.BytesIO()  # Polars would say of a full disk that it is none of its errors
        shown.write_csv(buffer, include_header=not self.begun)
        with _writing(self.path), self.part.open("ab") as stream:
            stream.write(buffer.getbuffer())
        self.begun = True

    def keep(self) -> None:
        """Moves the file to its name."""
        if self.parquet:
            empty = published(pl.DataFrame(schema=_SCHEMAS[self.gives]), self.gives, as_text=False)
            buffer = io.BytesIO()
            pl.concat([empty, *self.frames]).write_parquet(buffer)
            with _writing(self.path):
                self.part.write_bytes(buffer.getbuffer())
        elif not self.begun:
            self.add(pl.DataFrame(schema=_SCHEMAS[self.gives]))
        with _writing(self.path):
            self.part.replace(self.path)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """TryAgain: the disk is full or fails. BadConfiguration: it may not be written."""
    try:
        yield
    except OSError as error:
        raise file_error("write", path, error) from None


@contextmanager
def open_output(path: Path, gives: str, source: Path) -> Iterator[Output]:
    """An Output beside its final place; gone again unless it was kept. A file that is there is replaced whole.

    BadInput: another ending, no such folder, a folder in its place, or `source` itself. Errors of writing: `_writing`.
    """
    if path.suffix not in {".csv", ".parquet"}:
        raise BadInput(f"--out {path}: write a name that ends in .csv or .parquet")
    if gives not in _SCHEMAS:
        raise BadInput("this format is only written; there is nothing to convert")
    if path.is_dir() or (path.exists() and (not path.is_file() or path.samefile(source))):
        raise BadInput(f"--out {path}: is a folder, a device or the file itself; write another name")
    if not path.parent.is_dir():
        raise BadInput(f"--out {path}: there is no folder {path.parent}; make it first")
    with _writing(path):
        handle, name = tempfile.mkstemp(prefix=".feed-", suffix=".part", dir=path.parent)
        os.close(handle)
        part = Path(name)
        part.chmod(0o644)
    try:
        yield Output(path, gives, part)
    finally:
        with suppress(OSError):
            part.unlink()


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
        elif name == "payee_account":  # may be a card number, and an export holds none
            columns.append(frame[name].map_elements(mask_cell, return_dtype=pl.String))
        elif name == "card_token" and as_text:  # blank without a key: an empty cell, not ""
            columns.append(frame[name].replace("", None))
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
