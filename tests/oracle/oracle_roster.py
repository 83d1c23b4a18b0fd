"""Read merchants, members, entitlements, calendar and transactions for the oracle (rules.md sections 2 and 7)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from tests.oracle.oracle_text import day, fen, one_of, whole

Row = dict[str, str]
KINDS = ("SALE", "REFUND", "VOID", "REVERSAL")

COLUMNS = {
    "merchants.csv": (
        "merchant_no",
        "name",
        "category",
        "district",
        "hq_district",
        "valid_from",
        "valid_to",
    ),
    "members.csv": (
        "member_no",
        "org",
        "district",
        "status",
        "tags",
        "valid_from",
        "valid_to",
    ),
    "entitlements.csv": (
        "entitlement_no",
        "member_no",
        "scheme",
        "uses",
        "amount",
        "valid_from",
        "valid_to",
    ),
    "calendar.csv": (
        "date",
        "kind",
    ),
    "transactions.csv": (
        "transaction_id",
        "kind",
        "original_id",
        "occurred_at",
        "member_no",
        "merchant_no",
        "instrument",
        "gross",
        "claimed",
    ),
}


@dataclass(frozen=True)
class Entitlement:
    """A right of one member; None means no limit."""

    number: str
    member_no: str
    scheme: str
    uses: int | None
    amount: int | None
    first_day: date
    last_day: date


@dataclass(frozen=True)
class Roster:
    """Everything about people, shops and days."""

    merchants: dict[str, Row]
    members: dict[str, Row]
    entitlements: tuple[Entitlement, ...]
    calendar: dict[date, str]

    def is_workday(self, on: date) -> bool:
        kind = self.calendar.get(on)
        return on.weekday() < 5 if kind is None else kind == "workday"


@dataclass(frozen=True)
class Transaction:
    """A row of transactions.csv; `gross` is 0 on VOID and REVERSAL, `claimed` None where unknown or not a sale."""

    id: str
    kind: str
    original: str
    at: datetime
    member: str
    merchant: str
    instrument: str
    gross: int
    claimed: int | None

    @property
    def order(self) -> tuple[datetime, int, bytes]:
        """Rating order: instant, kind, id as bytes (section 3)."""
        return (self.at, KINDS.index(self.kind), self.id.encode())


def valid(row: Row, on: date) -> bool:
    """Whether a member or merchant row is valid on a local date; both ends inclusive, blank is open."""
    after_start = not row["valid_from"] or day(row["valid_from"]) <= on
    return after_start and (not row["valid_to"] or on <= day(row["valid_to"]))


def read_roster(folder: Path) -> Roster:
    """The CSV files of a programme directory; entitlements.csv and calendar.csv may be missing."""
    calendar = {}
    for row in _rows(folder / "calendar.csv", optional=True):
        on = day(row["date"])
        if on in calendar:
            raise ValueError(f"calendar.csv: {on} stands twice")
        calendar[on] = one_of(row["kind"], ("workday", "restday"), "calendar.csv")
    entitlements = tuple(_entitlement(row) for row in _rows(folder / "entitlements.csv", optional=True))
    if len({e.number for e in entitlements}) < len(entitlements):
        raise ValueError("entitlements.csv: an entitlement_no stands twice")
    return Roster(
        merchants=_by_number(folder / "merchants.csv", "merchant_no"),
        members=_by_number(folder / "members.csv", "member_no"),
        entitlements=entitlements,
        calendar=calendar,
    )


def read_transactions(path: Path) -> list[Transaction]:
    """One batch, in file order. Raises ValueError for an unknown kind, a naive time, a bad amount, an id twice."""
    found = [_transaction(row) for row in _rows(path, columns="transactions.csv")]
    if len({t.id for t in found}) < len(found):
        raise ValueError(f"{path.name}: a transaction_id stands twice")
    return found


def _rows(path: Path, *, optional: bool = False, columns: str = "") -> list[Row]:
    if optional and not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if sorted(reader.fieldnames or []) != sorted(COLUMNS[columns or path.name]):
                raise ValueError(f"{path.name}: the columns are {COLUMNS[columns or path.name]}")
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path.name}: cannot be read") from error
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise ValueError(f"{path.name}:{number}: another number of fields than the header")
    return rows


def _by_number(path: Path, column: str) -> dict[str, Row]:
    out: dict[str, Row] = {}
    for row in _rows(path):
        if not row[column] or row[column] in out:
            raise ValueError(f"{path.name}: {column} {row[column]} is blank or stands twice")
        valid(row, date.min)  # reads both dates
        out[row[column]] = row
    return out


def _entitlement(row: Row) -> Entitlement:
    return Entitlement(
        number=row["entitlement_no"],
        member_no=row["member_no"],
        scheme=row["scheme"],
        uses=whole(row["uses"]) if row["uses"] else None,
        amount=fen(row["amount"]) if row["amount"] else None,
        first_day=day(row["valid_from"]) if row["valid_from"] else date.min,
        last_day=day(row["valid_to"]) if row["valid_to"] else date.max,
    )


def _transaction(row: Row) -> Transaction:
    kind = one_of(row["kind"], KINDS, "transactions.csv")
    at = datetime.fromisoformat(row["occurred_at"])
    if at.tzinfo is None:
        raise ValueError(f"{row['transaction_id']}: occurred_at has no offset")
    gross = fen(row["gross"]) if kind in {"SALE", "REFUND"} else 0
    if not row["transaction_id"] or (kind in {"SALE", "REFUND"} and gross == 0):
        raise ValueError(f"{row['transaction_id']}: an id is not blank, and a gross is above 0")
    sale = kind == "SALE"
    return Transaction(
        id=row["transaction_id"],
        kind=kind,
        original=row["original_id"],
        at=at,
        member=row["member_no"],
        merchant=row["merchant_no"],
        instrument=row["instrument"],
        gross=gross,
        claimed=fen(row["claimed"]) if sale and row["claimed"] else None,
    )
