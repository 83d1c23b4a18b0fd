"""A programme directory and a transactions file, from disk to texts and frames (rules.md section 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from adapters.directory.csv_table import Table, read_table
from adapters.directory.programme_columns import Reader
from settlement.model.errors import BadInput
from settlement.model.frames import CALENDAR, ENTITLEMENTS, MEMBERS, MERCHANTS, RATE_INPUT, Schema, conform, empty
from settlement.model.outcomes import INSTRUMENTS, Kind
from settlement.model.rejects import Reject

MAX_YAML = 1_000_000
KINDS = tuple(kind.name for kind in Kind)

MERCHANT_COLUMNS = ("merchant_no", "name", "category", "district", "hq_district", "valid_from", "valid_to")
MEMBER_COLUMNS = ("member_no", "org", "district", "status", "tags", "valid_from", "valid_to")
ENTITLEMENT_COLUMNS = ("entitlement_no", "member_no", "scheme", "uses", "amount", "valid_from", "valid_to")
CALENDAR_COLUMNS = ("date", "kind")
TRANSACTION_COLUMNS = (
    "transaction_id", "kind", "original_id", "occurred_at", "member_no", "merchant_no", "instrument",
    "gross", "claimed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProgrammeFiles:
    """What a programme directory holds beside its documents: directory frames, and the table behind merchants."""

    merchants: pl.DataFrame
    members: pl.DataFrame
    entitlements: pl.DataFrame
    calendar: pl.DataFrame
    merchant_table: Table


def files_of(folder: Path) -> list[Path]:
    """Every file of a programme directory that is read where it exists."""
    tables = ("merchants.csv", "members.csv", "entitlements.csv", "calendar.csv")
    return [folder / "programme.yaml", *scheme_files(folder), *(folder / name for name in tables)]


def scheme_files(folder: Path) -> list[Path]:
    """The scheme documents of a programme directory, in the order of their names."""
    paths = [p for p in (folder / "schemes").glob("*.y*ml") if p.suffix in {".yaml", ".yml"}]
    return sorted(paths, key=lambda p: p.name)


def read_documents(folder: Path) -> tuple[tuple[str, str], tuple[tuple[str, str], ...]] | list[Reject]:
    """(programme.yaml, schemes/*.yaml in the order of their names) as (file, text). BadInput where one is missing."""
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such directory; give the programme directory")
    rejects: list[Reject] = []

    def text(path: Path) -> tuple[str, str]:
        found = _text(path)
        if isinstance(found, Reject):
            rejects.append(found)
            return str(path), ""
        return str(path), found

    programme = text(folder / "programme.yaml")
    schemes = tuple(text(path) for path in scheme_files(folder))
    return rejects or (programme, schemes)


def _text(path: Path) -> str | Reject:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_YAML + 1)
    except OSError as bad:
        raise BadInput(f"{path}: {(bad.strerror or 'cannot be read').lower()}; give the file") from None
    if len(data) > MAX_YAML:
        return Reject(str(path), 0, -1, "", "TOO_LARGE", f"more than {MAX_YAML} bytes; split the document", 1, 1)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        line = data.count(b"\n", 0, bad.start) + 1
        return Reject(str(path), 0, -1, "", "ENCODING", "not UTF-8; save the file as UTF-8", line, 1)


def read_programme(folder: Path, *, whole: bool = True) -> ProgrammeFiles | list[Reject]:
    """The CSV files of a programme directory, or everything in them that cannot be read.

    Without `whole`, merchants.csv and members.csv may be missing (a folder of rules alone).
    """
    merchants = _load(folder / "merchants.csv", MERCHANT_COLUMNS, _merchants, None if whole else MERCHANTS)
    members = _load(folder / "members.csv", MEMBER_COLUMNS, _members, None if whole else MEMBERS)
    entitlements = _load(folder / "entitlements.csv", ENTITLEMENT_COLUMNS, _entitlements, ENTITLEMENTS)
    calendar = _load(folder / "calendar.csv", CALENDAR_COLUMNS, _calendar, CALENDAR)
    rejects = [r for part in (merchants, members, entitlements, calendar) if isinstance(part, list) for r in part]
    if isinstance(merchants, list) or isinstance(members, list):
        return rejects
    if isinstance(entitlements, list) or isinstance(calendar, list):
        return rejects
    table, shops = merchants
    return ProgrammeFiles(shops, members[1], entitlements[1], calendar[1], table)


Build = Callable[[Reader], pl.DataFrame]


def _load(
    path: Path, columns: tuple[str, ...], build: Build, missing: Schema | None
) -> tuple[Table, pl.DataFrame] | list[Reject]:
    """The texts and the frame that `build` makes of them; `missing`: the schema of a file that may be missing."""
    if missing is not None and not path.exists():
        return Table(str(path), empty(dict.fromkeys(columns, pl.String)), None), empty(missing)
    return _built(read_table(path, columns), build)


def _built(table: Table | list[Reject], build: Build) -> tuple[Table, pl.DataFrame] | list[Reject]:
    if isinstance(table, list):
        return table
    reader = Reader(table)
    frame = build(reader)
    return sorted(reader.rejects, key=lambda r: (r.line, r.field)) or (table, frame)


def _valid(reader: Reader) -> list[pl.Series]:
    first, last = reader.date("valid_from"), reader.date("valid_to")
    reader.refuse(last < first, "valid_to", "DATES", "valid_to is before valid_from; write the later date in valid_to")
    return [first, last]


def _merchants(reader: Reader) -> pl.DataFrame:
    texts = [reader.code(name) for name in ("name", "category", "district", "hq_district")]
    sponsor = texts[3].str.contains(r"[\s,|=\"]")
    reader.refuse(sponsor, "hq_district", "CODE", "not a code; write it without blanks, commas, quotes, '|' and '='")
    return conform(pl.DataFrame([reader.key("merchant_no"), *texts, *_valid(reader)]), MERCHANTS)


def _members(reader: Reader) -> pl.DataFrame:
    texts = [reader.code(name) for name in ("org", "district", "status", "tags")]
    return conform(pl.DataFrame([reader.key("member_no"), *texts, *_valid(reader)]), MEMBERS)


def _entitlements(reader: Reader) -> pl.DataFrame:
    always = pl.repeat(value=True, n=reader.table.frame.height, eager=True, dtype=pl.Boolean)
    columns = [reader.key("entitlement_no"), reader.code("member_no", always), reader.code("scheme", always)]
    columns += [reader.whole("uses"), reader.amount("amount").rename("amount_fen"), *_valid(reader)]
    return conform(pl.DataFrame(columns), ENTITLEMENTS)


def _calendar(reader: Reader) -> pl.DataFrame:
    reader.key("date")
    return conform(pl.DataFrame([reader.date("date"), reader.word("kind", ("workday", "restday"))]), CALENDAR)


def transaction_texts(path: Path) -> Table | list[Reject]:
    """transactions.csv as texts: the first half of `read_transactions`, in which Polars works alone."""
    return read_table(path, TRANSACTION_COLUMNS)


def typed_transactions(texts: Table | list[Reject]) -> tuple[Table, pl.DataFrame] | list[Reject]:
    """The second half of `read_transactions`."""
    return _built(texts, _transactions)


def read_transactions(path: Path) -> tuple[Table, pl.DataFrame] | list[Reject]:
    """transactions.csv as RATE_INPUT, or everything in it that cannot be read; nothing of a bad file is given."""
    return typed_transactions(transaction_texts(path))


def _transactions(reader: Reader) -> pl.DataFrame:
    kind = reader.word("kind", KINDS)
    sale = (kind == "SALE").fill_null(value=False)
    priced = sale | (kind == "REFUND").fill_null(value=False)
    gross = reader.amount("gross", priced)
    blank = priced & reader.table.frame["gross"].is_null()
    reader.refuse(blank, "gross", "BLANK", "blank; write the amount in yuan, above 0.00")
    reader.refuse(gross == 0, "gross", "ZERO", "not above 0.00; write the amount in yuan")
    columns = [
        reader.key("transaction_id"),
        kind,
        reader.code("original_id"),
        reader.instant("occurred_at"),
        reader.code("member_no"),
        reader.code("merchant_no"),
        _sale_only(reader.word("instrument", INSTRUMENTS, sale, blank=True), sale),
        gross.rename("gross_fen"),
        reader.amount("claimed", sale).rename("claimed_fen"),
        pl.repeat(None, reader.table.frame.height, dtype=pl.Int64, eager=True).alias("paid_fen"),
    ]
    return conform(pl.DataFrame(columns), RATE_INPUT)


def _sale_only(column: pl.Series, sale: pl.Series) -> pl.Series:
    return column.set(~sale, None)
