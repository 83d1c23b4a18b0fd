"""The lines of many MT940 statements at once: `:61:` heads to columns, what `:86:` says, balances.

A reader that took each `:61:` apart by itself was half as fast as the mt-940 library times five; what repeats (grammar,
amounts, days, signs) is done by columns, and only the free text of `:86:` goes line by line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from adapters.accounts.currency import minor_digits
from adapters.accounts.mt940_text import Information, read_information
from adapters.accounts.statement import Statement, fits, masked
from adapters.accounts.text_lines import FileRefusedError, decode
from settlement.model.frames import STATEMENT_LINE, conform, empty
from settlement.model.money import parse_amount, parse_amount_column
from settlement.model.rejects import Reject

# value day, entry day, mark, funds code, amount, transaction type, references
_HEAD = (
    r"^(?<value>[0-9]{6})(?<entry>[0-9]{4}| {4})?(?<mark>RC|RD|C|D)[A-Z]?[ ]?(?<amount>[0-9]{1,18},[0-9]{0,3})"
    r"(?<code>[NSF][A-Z0-9 ]{3})?(?<rest>.*)$"
)
# the one table of signs: a reversal of a credit takes money away (SWIFT MT940, field 61, subfield 3)
_SIGNS = {"C": 1, "D": -1, "RC": -1, "RD": 1}
_NOTHING = Information()


@dataclass(slots=True)
class Lines:
    """Raw lines of closed statements, in file order: `ends` holds for each statement where its lines end here."""

    heads: list[bytes] = field(default_factory=list)
    supplements: list[bytes] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    records: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A frame of the accepted lines, the rejects, the notes on balances, and the unsigned sum of all lines."""

    frame: pl.DataFrame
    rejects: list[Reject]
    notes: list[str]
    total_fen: int


def resolve(lines: Lines, encoding: str, file: str) -> Resolved:
    """Takes the lines apart. FileRefusedError: the first line that does not fit the grammar, or cannot be decoded."""
    if not lines.statements:
        return Resolved(empty(STATEMENT_LINE), [], [], 0)
    owners = [n for n, count in enumerate(_counts(lines.ends)) for _ in range(count)]
    frame = _heads(lines, encoding, owners)
    sizes = _amounts(frame["amount"], [lines.statements[n].currency for n in owners], lines)
    booking, value = _days(frame)
    sign = frame["mark"].replace_strict(_SIGNS, return_dtype=pl.Int64)
    frame = frame.with_columns(
        amount_fen=sizes * sign,
        reversal=pl.col("mark").str.starts_with("R"),
        booking_date=booking,
        value_date=value,
        owner=pl.Series(owners, dtype=pl.Int64),
        record=pl.Series(lines.records, dtype=pl.Int64),
        byte_start=pl.Series(lines.starts, dtype=pl.Int64),
        byte_end=pl.Series(lines.stops, dtype=pl.Int64),
        **_said(lines, encoding),
    )
    undated = frame.filter(pl.col("booking_date").is_null())
    message = "no such day in the calendar; ask the bank for the line's date"
    rejects = [
        Reject(file, record, start, ":61:", "BAD_DATE", message)
        for record, start in undated.select("record", "byte_start").iter_rows()
    ]
    accepted = frame.filter(pl.col("booking_date").is_not_null())
    notes = _balances(lines.statements, accepted)
    return Resolved(_columns(accepted, lines, file), rejects, notes, sum(sizes.to_list()))


def _counts(ends: list[int]) -> list[int]:
    return [end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _texts(raw: list[bytes], encoding: str, starts: list[int]) -> list[str]:
    """All of them decoded at once; where that fails, the one that is wrong is named."""
    try:
        return b"\n".join(raw).decode(encoding).split("\n") if raw else []
    except UnicodeDecodeError:
        return [decode(one, encoding, start) for one, start in zip(raw, starts, strict=True)]


def _heads(lines: Lines, encoding: str, owners: list[int]) -> pl.DataFrame:
    texts = pl.Series("head", _texts(lines.heads, encoding, lines.starts), pl.String)
    assert len(texts) == len(owners), "every head belongs to a statement"
    frame = texts.str.extract_groups(_HEAD).struct.unnest()
    wrong = frame["value"].is_null()
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        message = (
            "a :61: is YYMMDD, perhaps MMDD, C D RC or RD, perhaps a letter, then digits, a comma, decimals: "
            "a '.' is never a decimal; correct the file"
        )
        raise FileRefusedError("BAD_LINE", message, lines.starts[row], lines.records[row], ":61:")
    parts = pl.col("rest").str.splitn("//", 2).struct
    return frame.with_columns(
        customer=parts[0].str.strip_chars(),
        reference=parts[1].str.strip_chars(),
        bank_code=pl.col("code").str.strip_chars(),
    )


def _amounts(texts: pl.Series, currencies: Sequence[str], lines: Lines) -> pl.Series:
    """Unsigned minor units. What the column parser leaves (16 digits and more) goes one by one."""
    plain = texts.str.replace(",", ".", literal=True).str.strip_chars_end(".")
    digits = pl.Series([minor_digits(currency) for currency in currencies], dtype=pl.Int64)
    found = pl.Series("size", [None] * len(plain), pl.Int64)
    for count in sorted(set(digits.to_list())):
        found = found.zip_with(digits != count, parse_amount_column(plain, count))
    left = found.is_null().arg_true().to_list()
    values = {row: one_amount(texts[row], currencies[row], lines.starts[row], lines.records[row]) for row in left}
    if not values:
        return found
    return found.scatter(list(values), list(values.values()))


def one_amount(text: str, currency: str, start: int, record: int) -> int:
    """Unsigned minor units of "123,45"; FileRefusedError BAD_AMOUNT."""
    whole, _, decimals = text.partition(",")
    try:
        return parse_amount(f"{whole}.{decimals}" if decimals else whole, minor_digits(currency))
    except ValueError as error:
        raise FileRefusedError("BAD_AMOUNT", f"an amount that cannot be read: {error}", start, record) from None


def _days(frame: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """(booking dates, value dates), each distinct pair taken once; both null where one is no day."""
    pairs = frame.select("value", "entry").unique()
    table = [(value, entry, *_day_pair(value, entry)) for value, entry in pairs.iter_rows()]
    schema = {"value": pl.String, "entry": pl.String, "booking": pl.Date, "day": pl.Date}
    known = pl.DataFrame(table, schema=schema, orient="row")
    joined = frame.select("value", "entry").join(
        known, on=["value", "entry"], how="left", nulls_equal=True, maintain_order="left"
    )
    return joined["booking"], joined["day"]


def _day_pair(value: str, entry: str | None) -> tuple[date | None, date | None]:
    day = day_of(value)
    booking = _entry_day(entry, day)
    return (None, None) if day is None or booking is None else (booking, day)


def day_of(text: str) -> date | None:
    """YYMMDD; 80 to 99 are 1980 to 1999. None where there is no such day."""
    year, month, day = int(text[:2]), int(text[2:4]), int(text[4:6])
    try:
        return date(year + (1900 if year >= 80 else 2000), month, day)
    except ValueError:
        return None


def _entry_day(text: str | None, value: date | None) -> date | None:
    """MMDD in the year that brings it nearest to the value date (over New Year); without it, the value date."""
    if text is None or not text.strip() or value is None:
        return value
    found: list[date] = []
    for year in (value.year - 1, value.year, value.year + 1):
        try:
            found.append(date(year, int(text[:2]), int(text[2:])))
        except ValueError:
            continue
    return min(found, key=lambda day: abs(day - value), default=None)


def _said(lines: Lines, encoding: str) -> dict[str, pl.Series]:
    """What `:86:` says, else the line after `:61:`."""
    raw = [text or extra for text, extra in zip(lines.texts, lines.supplements, strict=True)]
    parts = [read_information(text) if text else _NOTHING for text in _texts(raw, encoding, lines.starts)]
    columns = list(zip(*parts, strict=True)) if parts else [()] * 4
    names = ("said_id", "counterparty_name", "counterparty_account", "remittance")
    return {name: pl.Series(name, values, pl.String) for name, values in zip(names, columns, strict=True)}


def _balances(statements: list[Statement], accepted: pl.DataFrame) -> list[str]:
    """Sums each statement's lines, exactly, and names the differences."""
    notes: list[str] = []
    owners, amounts = accepted["owner"].to_list(), accepted["amount_fen"].to_list()
    for owner, amount in zip(owners, amounts, strict=True):
        statement = statements[owner]
        statement.total_fen += amount
        statement.lines += 1
    for statement in statements:
        if not fits(statement.total_fen):
            raise FileRefusedError("TOTAL_TOO_LARGE", "the amounts of a statement add up beyond int64")
        notes.extend(statement.balance_notes(wants_balances=True))
    return notes


def _columns(accepted: pl.DataFrame, lines: Lines, file: str) -> pl.DataFrame:
    """STATEMENT_LINE, with one row for a statement that has no line."""
    bare = [n for n, statement in enumerate(lines.statements) if statement.lines == 0]
    places = [lines.places[n] for n in bare]
    without = pl.DataFrame(
        {
            "owner": bare,
            "record": [0] * len(bare),
            "byte_start": [p[0] for p in places],
            "byte_end": [p[1] for p in places],
        },
        schema=dict.fromkeys(("owner", "record", "byte_start", "byte_end"), pl.Int64),
    )
    heads = pl.DataFrame(
        [(n, s.statement, s.account, s.currency, s.opening_fen, s.closing_fen) for n, s in enumerate(lines.statements)],
        schema={"owner": pl.Int64} | {name: STATEMENT_LINE[name] for name in list(STATEMENT_LINE)[:5]},
        orient="row",
    )
    numbered = accepted.with_columns(
        line=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("owner"),
        end_to_end_id=pl.coalesce("said_id", pl.when(~pl.col("customer").is_in(["", "NONREF"])).then("customer")),
        reference=pl.when(pl.col("reference") != "").then("reference"),
    )
    rows = pl.concat([numbered, without], how="diagonal") if bare else numbered
    rows = rows.join(heads, on="owner", how="left", maintain_order="left").sort("owner", maintain_order=True)
    return masked(conform(rows.with_columns(pl.lit(file, pl.String).alias("file")), STATEMENT_LINE))
