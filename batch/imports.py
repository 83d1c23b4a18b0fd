"""`puhui import KIND FILE`: reference data as archived, append-only, numbered imports. All rows or none.

A later import of a key replaces the rows of that key; a key that a later file lacks stays as it was. The same bytes as
the newest import of that kind change nothing.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
from sqlalchemy import Connection, Table

from adapters.directory.formats import FORMATS
from adapters.directory.table import read_table
from batch.config import Config
from batch.documents import chart_rows, programme_rows, standing_rejects
from settlement.model.cards import card_columns, mask
from settlement.model.errors import BadInput
from settlement.model.rejects import Reject
from settlement.store import import_rows, intake, reference
from settlement.store import tables as t
from settlement.store.archive import Archive
from settlement.store.database import Database
from settlement.store.keys import Keys


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: its number, its rows, or the rejects that kept everything out."""

    import_id: int
    rows: int
    changed: bool
    rejects: list[Reject]


@dataclass(frozen=True, slots=True)
class Door:
    """What an import may use."""

    database: Database
    home: Path
    config: Config
    keys: Keys
    actor: str
    now: datetime


_TABLES: dict[str, Table] = {
    "organisations": t.organisation,
    "members": t.member,
    "cards": t.card,
    "merchants": t.merchant,
    "stores": t.merchant_store,
    "terminals": t.terminal,
    "contracts": t.contract,
    "accounts": t.payee_account,
    "entitlements": t.entitlement,
    "calendar": t.calendar_day,
}
KINDS = (*_TABLES, "programme", "chart")

# field of a kind -> kind whose key it names
_REFERS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "members": (("org", "organisations", "org"),),
    "cards": (("member_no", "members", "member_no"),),
    "stores": (("merchant_no", "merchants", "merchant_no"),),
    "terminals": (("merchant_no", "merchants", "merchant_no"), ("store_no", "stores", "store_no")),
    "contracts": (("merchant_no", "merchants", "merchant_no"), ("payee_no", "merchants", "merchant_no")),
    "entitlements": (("member_no", "members", "member_no"),),
}


def import_path(door: Door, kind: str, path: Path) -> Imported:
    """Imports a file (for `programme` a folder). BadInput where it cannot be read; row errors come as rejects."""
    if kind == "programme":
        data, tables, rejects = programme_rows(path)
    elif kind == "chart":
        data, tables, rejects = chart_rows(path)
    elif kind in _TABLES:
        data = read_bytes(path)
        read = read_table(data, path.name, FORMATS[kind])
        rejects = read.rejects
        tables = {} if rejects else {_TABLES[kind]: read.frame}
    else:
        raise BadInput(f"no kind {kind!r}; write one of {', '.join(KINDS)}")
    if rejects:
        return Imported(0, 0, changed=False, rejects=rejects)
    sha256 = Archive(door.home / "archive", door.keys).put(io.BytesIO(data))

    def work(connection: Connection) -> Imported:
        return _store(connection, door, kind, path.name, sha256, tables)

    return door.database.in_transaction(work)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file that a person named."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            # asked before opening: a pipe without a writer would be waited for, a device has no end
            raise BadInput(f"{path}: is no plain file; save it first")
        return path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{path}: not found; give the path of a file") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: is a folder; give the path of a file") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); correct its permissions") from None


def _store(
    connection: Connection, door: Door, kind: str, name: str, sha256: str, tables: dict[Table, pl.DataFrame]
) -> Imported:
    newest = import_rows.newest(connection, kind)
    if newest is not None and newest.sha256 == sha256:
        return Imported(newest.import_id, newest.rows, changed=False, rejects=[])
    last = reference.last_import(connection)
    rejects: list[Reject] = []
    if kind == "programme":
        today = door.now.astimezone(door.config.programme.zone).date()
        rejects = standing_rejects(connection, tables, last, today)
    ready: dict[Table, pl.DataFrame] = {}
    for table, frame in tables.items():
        rejects += _dangling(connection, kind, name, frame, last)
        shaped = _SHAPE.get(kind, _plain)(connection, door, frame)
        rejects += [Reject(name, r.record, -1, r.field, r.code, r.message, line=r.line) for r in shaped.rejects]
        ready[table] = shaped.frame
    if rejects:
        return Imported(0, 0, changed=False, rejects=sorted(rejects, key=lambda r: (r.line, r.field)))
    rows = sum(frame.height for frame in ready.values())
    import_id = import_rows.begin(connection, kind, name, sha256, rows, door.now, door.actor)
    for table, frame in ready.items():
        import_rows.put(connection, table, frame.with_columns(import_id=pl.lit(import_id, pl.Int64)))
    return Imported(import_id, rows, changed=True, rejects=[])


def _dangling(connection: Connection, kind: str, name: str, frame: pl.DataFrame, last: int) -> list[Reject]:
    """Rows that name something which has not been imported."""
    out = []
    for field, other, key in _REFERS.get(kind, ()):
        known = reference.current_rows(connection, _TABLES[other], last, {key: pl.String}).unique()
        lost = frame.filter(pl.col(field).is_not_null()).join(known, left_on=field, right_on=key, how="anti").head(1000)
        for line, value in lost.select("line", field).sort("line").iter_rows():
            message = f"{value!r} is not among the imported {other}; import it first or correct the value"
            out.append(Reject(name, line - 1, -1, field, "UNKNOWN", message, line=line))
    return out


@dataclass(frozen=True, slots=True)
class _Shaped:
    frame: pl.DataFrame
    rejects: list[Reject]


def _plain(_connection: Connection, _door: Door, frame: pl.DataFrame) -> _Shaped:
    blank = [name for name in ("hq_district", "terminal_no") if name in frame.columns]
    return _Shaped(frame.with_columns(pl.col(blank).fill_null("")), [])


def _members(_connection: Connection, door: Door, frame: pl.DataFrame) -> _Shaped:
    """Names and ID numbers sealed; the digits of an ID number are checked as GB 11643 says, not its county code."""
    wrong = [
        Reject(
            "", line - 1, -1, "id_no", "ID_NUMBER", "check digit or birth date is wrong; correct the number", line=line
        )
        for line, number in frame.select("line", "id_no").iter_rows()
        if not id_number_ok(number)
    ]
    numbers = frame["id_no"].to_list()
    sealed = frame.with_columns(
        pl.col("tags").fill_null(""),
        name_sealed=pl.Series([door.keys.seal(name) for name in frame["name"].to_list()], dtype=pl.String),
        id_sealed=pl.Series([door.keys.seal(number) for number in numbers], dtype=pl.String),
        id_index=pl.Series([door.keys.keyed_index(number) for number in numbers], dtype=pl.String),
    )
    return _Shaped(sealed, wrong[:1000])


def id_number_ok(number: str) -> bool:
    """GB 11643: 18 digits with a right check digit and a real birth date, or 15 digits with a real one."""
    born = number[6:14] if len(number) == 18 else "19" + number[6:12]
    try:
        datetime.strptime(born, "%Y%m%d")  # noqa: DTZ007  # a calendar check, no instant
    except ValueError:
        return False
    if len(number) == 15:
        return True
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(weight * int(digit) for weight, digit in zip(weights, number[:17], strict=True))
    return number[17] == "10X98765432"[total % 11]


def _cards(connection: Connection, door: Door, frame: pl.DataFrame) -> _Shaped:
    tokens, masked = card_columns(frame["card_no"], door.keys.tokeniser)
    ids = intake.card_ids(connection, tokens, door.keys.tokeniser.key_id)
    with_token = frame.with_columns(token=tokens, card_masked=masked)
    rows = with_token.join(ids, on="token", how="left", maintain_order="left")
    return _Shaped(rows, _overlaps(rows, "card_id", "card_masked"))


def _overlaps(rows: pl.DataFrame, key: str, shown: str) -> list[Reject]:
    """Rows of one key whose dates overlap."""
    ordered = rows.sort(key, "valid_from")
    before = pl.col("valid_to").shift(1).over(key).fill_null(pl.date(9999, 12, 31))
    bad = ordered.filter((pl.int_range(pl.len()).over(key) > 0) & (before >= pl.col("valid_from"))).head(1000)
    return [
        Reject(
            "",
            line - 1,
            -1,
            "valid_from",
            "OVERLAP",
            f"dates of {value} overlap an earlier row; end that one before",
            line=line,
        )
        for line, value in bad.select("line", shown).iter_rows()
    ]


def _dated(_connection: Connection, _door: Door, frame: pl.DataFrame) -> _Shaped:
    return _Shaped(frame, _overlaps(frame, "merchant_no", "merchant_no"))


def _accounts(_connection: Connection, door: Door, frame: pl.DataFrame) -> _Shaped:
    numbers = frame["account_no"].to_list()
    sealed = frame.with_columns(
        name_sealed=pl.Series([door.keys.seal(name) for name in frame["account_name"].to_list()], dtype=pl.String),
        account_sealed=pl.Series([door.keys.seal(number) for number in numbers], dtype=pl.String),
        account_masked=pl.Series([mask(number) for number in numbers], dtype=pl.String),
        account_index=pl.Series([door.keys.keyed_index(number) for number in numbers], dtype=pl.String),
        payee=pl.format("{} {}", "payee_kind", "payee_no"),
    )
    return _Shaped(sealed, _overlaps(sealed, "payee", "payee"))


def _calendar(_connection: Connection, _door: Door, frame: pl.DataFrame) -> _Shaped:
    """Whole years only: a date that is not loaded is never guessed."""
    wrong = []
    for year in sorted(frame["date"].dt.year().unique().to_list()):
        days = frame.filter(pl.col("date").dt.year() == year)
        whole = 366 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 365
        if days.height != whole:
            line = int(days["line"][0])
            message = f"{year} has {days.height} of its {whole} days; write every day of the year"
            wrong.append(Reject("", line - 1, -1, "date", "YEAR", message, line=line))
    return _Shaped(frame, wrong)


_SHAPE: dict[str, Callable[[Connection, Door, pl.DataFrame], _Shaped]] = {
    "members": _members,
    "cards": _cards,
    "terminals": _plain,
    "contracts": _dated,
    "accounts": _accounts,
    "calendar": _calendar,
}
