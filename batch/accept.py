"""What a parsed delivery becomes: new rows, duplicates, conflicts, or a refusal; one outcome that adds up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, Table

from adapters.accounts.statement import mask_cards
from adapters.base import Closing
from batch import standing
from batch.again import LINE, Again, again, same_ids
from batch.config import AccountConfig, SourceConfig
from batch.differences import CONTENT, copies_numbered, judge
from batch.lines_before import Before
from batch.refusals import GAP, block_sums, doubt, in_order, once, statement_sums, statement_wrong, twice_in_file
from batch.run import Run
from settlement.model import frames
from settlement.model.cards import mask
from settlement.model.outcomes import FileStatus
from settlement.model.rejects import Reject
from settlement.store import corrections, intake
from settlement.store import tables as t
from settlement.store.copy import copy_in

OUTCOME: frames.Schema = {
    "file_id": pl.Int64,
    "business_date": pl.Date,
    "status": pl.String,
    "clearing_date": pl.Date,
    "records": pl.Int64,
    "accepted": pl.Int64,
    "rejected": pl.Int64,
    "duplicate": pl.Int64,
    "quarantined": pl.Int64,
    "skipped": pl.Int64,
    "declared_records": pl.Int64,
    "total_fen": pl.Int64,
    "declared_total_fen": pl.Int64,
    "code": pl.String,
    "message": pl.String,
}
_REJECT_ROWS: frames.Schema = {
    "file_id": pl.Int64,
    "seq": pl.Int64,
    "record": pl.Int64,
    "byte": pl.Int64,
    "field": pl.String,
    "code": pl.String,
    "message": pl.String,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Row of file_outcome with its rejects."""

    status: FileStatus
    closing: Closing | None = None
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    clearing_date: date | None = None
    code: str | None = None
    message: str | None = None
    rejects: list[Reject] = field(default_factory=list)

    def row(self, file_id: int, business_date: date) -> dict[str, Any]:
        """The row as a mapping with the columns of OUTCOME; a refused file has no accepted record."""
        closing = self.closing or Closing(0, 0, 0)
        counted = self.accepted + self.duplicate + self.quarantined + closing.skipped
        return {
            "file_id": file_id,
            "business_date": business_date,
            "status": str(self.status),
            "clearing_date": self.clearing_date or closing.clearing_date,
            "records": closing.records,
            "accepted": self.accepted,
            "rejected": closing.records - counted,
            "duplicate": self.duplicate,
            "quarantined": self.quarantined,
            "skipped": closing.skipped,
            "declared_records": closing.declared_records,
            "total_fen": closing.total_fen,
            "declared_total_fen": closing.declared_total_fen,
            "code": self.code,
            "message": self.message,
        }

    def reject_rows(self, file_id: int) -> pl.DataFrame:
        """Rows of file_reject in order of record."""
        ordered = sorted(self.rejects, key=lambda r: (r.record, r.byte, r.field, r.code, r.message))
        rows = [(file_id, n, r.record, r.byte, r.field, r.code, r.message) for n, r in enumerate(ordered, 1)]
        return pl.DataFrame(rows, schema=_REJECT_ROWS, orient="row")


def refuse(closing: Closing, reject: Reject) -> Closing:
    """The closing with the file as a whole refused."""
    return replace(closing, refused=reject)


def nothing(closing: Closing, rejects: list[Reject]) -> Outcome:
    """Outcome of a file that is refused, or in which no row could be accepted, or that is rightly empty."""
    if closing.refused is not None:
        bad = closing.refused
        return Outcome(
            FileStatus.REJECTED,
            closing=replace(closing, skipped=0),
            code=bad.code,
            message=bad.message,
            rejects=[*rejects, bad],
        )
    return Outcome(FileStatus.PARTIAL if rejects else FileStatus.ACCEPTED, closing=closing, rejects=rejects)


def transactions(
    connection: Connection,
    run: Run,
    table: Table,
    file_id: int,
    frame: pl.DataFrame,
    rejects: list[Reject],
    closing: Closing,
    *,
    again: bool,
) -> Outcome:
    """Stores the new rows of a feed or clearing file; the same key again is a duplicate, or a conflict (quarantined).

    `again`: a delivery of this name was taken before. A clearing file that holds one key twice with the same content
    keeps the second copy as item `key#2`: the bank counts it twice, so reconciliation must see it.
    """
    key = key_of(table)
    rows = numbered(connection, run, frame, file_id)
    schema = {key: pl.String, **{name: rows.schema[name] for name in CONTENT}}
    found = corrections.standing(connection, table, key, rows["transaction_id"], schema)
    stands = found.rows.drop(key).rename({"base_id": "transaction_id"})
    vanished = _vanished(connection, table, file_id, rows, schema) if again else stands.clear()
    judged = judge(rows, stands, found.undone, vanished, again=again, copies=table is t.clearing_item)
    no_feeds = [source.name for source in run.config.sources if source.role != "feed"]
    of_feed = table is t.transaction and judged.accepted.height > 0
    if of_feed and intake.has_feeds_but(connection, str(rows["source"][0]), no_feeds):
        judged = judged.without(intake.under_another_source(connection, judged.accepted))
    store(connection, table, judged.accepted)
    status, code, message = judged.status(len(rejects))
    return Outcome(
        status,
        closing=closing,
        accepted=judged.accepted.height,
        duplicate=judged.duplicate.height,
        quarantined=judged.conflict.height + judged.held.height + judged.other_source,
        clearing_date=closing.clearing_date or _day(frame, "clearing_date"),
        code=code,
        message=message,
        rejects=[*rejects, *judged.rejects()],
    )


def _vanished(
    connection: Connection, table: Table, file_id: int, rows: pl.DataFrame, schema: frames.Schema
) -> pl.DataFrame:
    """The standing rows of earlier deliveries of the name that this one lacks."""
    key, ids = key_of(table), keyed(rows, table)["transaction_id"]
    before = corrections.came_before(connection, table, key, file_id)
    missing = before.filter(~before.is_in(ids.implode()))
    found = corrections.standing(connection, table, key, missing, schema).rows.sort("base_id")
    return found.drop(key).rename({"base_id": "transaction_id"})


def key_of(table: Table) -> str:
    """The name of the column of `transaction` or `clearing_item` that is called transaction_id in a frame."""
    return "item_id" if table is t.clearing_item else "transaction_id"


def keyed(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Rows as they are called in their table, where second copies of a clearing file have names of their own."""
    return copies_numbered(rows) if table is t.clearing_item else rows


def store(connection: Connection, table: Table, rows: pl.DataFrame) -> None:
    """Stores rows of a file; their originals are the rows that stand for those keys now."""
    now = corrections.current(connection, rows["original_key"])
    if now.height:
        rows = rows.with_columns(pl.col("original_key").replace(now["base_id"], now["row_id"]))
    put_rows(connection, table, rows)


def put_rows(connection: Connection, table: Table, rows: pl.DataFrame) -> None:
    """Stores rows as they are."""
    key = key_of(table)
    copy_in(connection, table, rows.rename({"transaction_id": key}).select([column.name for column in table.columns]))


def _day(frame: pl.DataFrame, column: str) -> date | None:
    newest = frame[column].max()
    return newest if isinstance(newest, date) else None


def numbered(connection: Connection, run: Run, frame: pl.DataFrame, file_id: int) -> pl.DataFrame:
    """Canonical rows with card tokens turned into card_id, ready for their table."""
    frame = frames.conform(frame, frames.TRANSACTION)
    ids = intake.card_ids(connection, frame["card_token"], run.keys.tokeniser.key_id)
    rows = frame.join(ids, left_on="card_token", right_on="token", how="left", maintain_order="left")
    return rows.with_columns(file_id=pl.lit(file_id, pl.Int64), business_date=pl.lit(run.business_date, pl.Date)).drop(
        "card_token", "file"
    )


def statements(
    connection: Connection, run: Run, source: SourceConfig, file_id: int, frame: pl.DataFrame, closing: Closing
) -> Outcome:
    """Stores bank statements; one that does not add up, or does not go on from the last closing, refuses the file.

    Of one that comes again with more lines these are new; one that stands twice in the file counts once.
    """
    judged = judge_statements(connection, run, source, frame, closing)
    if judged.wrong:
        return nothing(refuse(closing, Reject("", 0, -1, "", *judged.wrong)), [])
    return statements_taken(connection, run, file_id, judged, closing)


@dataclass(slots=True)
class Judged:
    """A file's statements beside what the books have."""

    accounts: dict[str, AccountConfig]  # the source's, by number
    day: date
    rows: list[dict[str, Any]]  # of `statement_sums`, in the order in which they follow
    copies: list[dict[str, Any]]  # that stand twice in the file
    new: list[pl.DataFrame]
    wrong: tuple[str, str] | None = None  # (code, message)
    at: dict[str, Any] | None = None  # the statement that is wrong, if it is one
    own: pl.DataFrame | None = None  # its lines


def judge_statements(
    connection: Connection,
    run: Run,
    source: SourceConfig,
    frame: pl.DataFrame,
    closing: Closing,
    *,
    decided: bool = False,
) -> Judged:
    """What of a file's statements is new, or wrong; nothing is stored. `decided`: people took the file for right."""
    day = closing.clearing_date or _day(frame, "booking_date") or run.business_date
    frame = intake.members_masked(connection, frames.conform(frame, frames.STATEMENT_LINE))
    kept, copies = once(statement_sums([block_sums(frame)]))
    frame = frame.with_columns(booking_date=pl.coalesce("booking_date", "value_date", pl.lit(day, pl.Date)))  # of camt
    accounts = {a.number: a for a in run.config.accounts if a.statement_source == source.name}
    many = Counter(row["account"] for row in kept)
    for row in kept:  # a file has one day, that of its newest statement; of several each is of its last line's
        row["of_day"] = (row["day"] if many[row["account"]] > 1 else None) or day
    judged = _Statements(connection, accounts, day, many, decided)
    rows, wrong = in_order(kept, judged.last), doubt(closing.notes)
    before = Before(connection, accounts, frame, rows)
    parts = frame.partition_by("account", "statement", as_dict=True)
    new: list[pl.DataFrame] = []
    if wrong:
        return Judged(accounts, day, rows, copies, new, wrong)
    for row in rows:
        part = parts[row["account"], row["statement"]]
        own, wrong = judged.new_of(row, part, before)
        if wrong:
            return Judged(accounts, day, rows, copies, new, wrong, row, part)
        new += [own] if own.height else []
    if not new and not decided:
        new = judged.quiet_since({row["account"]: row for row in rows}, parts)
    return Judged(accounts, day, rows, copies, new, None if new else judged.twice)


@dataclass(slots=True)
class _Statements:
    """Judges the statements of a file one after the other, beside those that the books have."""

    connection: Connection
    accounts: dict[str, AccountConfig]
    day: date
    many: Counter[str]  # statements of each account in the file
    decided: bool
    last: dict[str, int] = field(default_factory=dict)  # closing of each account so far
    stored: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    balances: dict[str, set[int | None]] = field(default_factory=dict)  # that each account had so far
    twice: tuple[str, str] | None = None  # of a statement that was left out: the file must bring something else
    lacks: bool = False  # such a one lacks lines that were taken
    gone: dict[str, Counter[tuple[Any, ...]] | None] = field(default_factory=dict)  # standing.gone_of each account

    def __post_init__(self) -> None:
        for number, account in self.accounts.items():
            self.last[number] = intake.last_statement(self.connection, account.name, account.first_opening_fen)[1]
            self.balances[number] = {account.first_opening_fen}

    def new_of(
        self, row: dict[str, Any], own: pl.DataFrame, before: Before
    ) -> tuple[pl.DataFrame, tuple[str, str] | None]:
        """(what is new of a statement, (code, message) of what is wrong with it); `own` are its rows."""
        number, last = row["account"], self.last.get(row["account"])
        wrong = statement_wrong(row, self.accounts, last)
        if last is None or (wrong is not None and wrong[0] != GAP):
            return own, wrong
        quiet = not row["line"] and row["opening_fen"] == row["closing_fen"]
        if quiet and self.many[number] > 1 and self._had(row):
            # which day it is of only the file's own day would tell; a month so far has many, and they say nothing
            return own.clear(), None
        if quiet and wrong is not None and self._nothing_moved(row):
            return own, None
        found = self._again(row, own, last, before)
        longer = found is not None and 0 < found.new.height < row["line"]
        if found is not None and (longer or wrong is not None):
            closing = last + int(found.new["amount_fen"].sum())
            heads = {"opening_fen": pl.lit(last, pl.Int64), "closing_fen": pl.lit(closing, pl.Int64)}
            own, wrong = found.new.with_columns(**heads), found.wrong
        elif wrong is not None:
            wrong = before.named(row, wrong)
            if row["line"] and wrong and wrong[0] == GAP and self._had(row):
                wrong = (
                    GAP,
                    f"{wrong[1]}; it sums to nothing, and later ones were taken: ask for one from then until now",
                )
        else:  # an account may be back at a balance that it had
            wrong = self._came_before(row, own, found, before)
            alone = self.many[number] == 1 and row["opening_fen"] != row["closing_fen"]
            if wrong is not None and found is not None and found.holds_nothing_new and not (found.part and alone):
                own, wrong, self.twice, self.lacks = own.clear(), None, self.twice or wrong, self.lacks or found.part
            wrong = wrong or (before.named(row, None) if own.height else None)
            if own.height and found is not None and found.wrong and self._restates(row, own, before, wrong):
                wrong = found.wrong
        if wrong is None and own.height and not self.decided:
            gone = self._gone(number)
            wrong = None if gone is None else standing.taken_back(gone, row, own, whole=before.whole(row))
        if own.height:
            self.last[number] = int(own["closing_fen"][0])
            self.balances[number].add(self.last[number])
        return own, wrong

    def _again(self, row: dict[str, Any], own: pl.DataFrame, last: int, before: Before) -> Again | None:
        lines, number = own.filter(pl.col("line").is_not_null()), row["account"]
        statements, stored, days = self._stored(number), before.stored(number), {self.day, row["of_day"]}
        return again(self.connection, statements, stored, row, lines, last, days, decided=self.decided)

    def _restates(self, row: dict[str, Any], own: pl.DataFrame, before: Before, wrong: tuple[str, str] | None) -> bool:
        """Whether a statement that opens as one of before did says otherwise of its day, and is no second page of it.

        The account is back at that opening, so that it fits. `wrong`: it is refused in any case, and no balance can
        go on from where it closes; people may take what is told to be another version.
        """
        number, moves = row["account"], row["opening_fen"] != row["closing_fen"]
        lines = own.filter(pl.col("line").is_not_null())
        if same_ids(lines, before.stored(number)) or (moves and wrong is not None):
            return True
        day = row["of_day"]
        if day > max(one["statement_date"] for one in self._stored(number)):
            return False
        # a later day went on from the old version; or it has a line of an earlier day that is there
        booked = intake.last_booked(self.connection, self.accounts[number].name)
        both = Counter(lines.select(LINE).iter_rows()) & Counter(before.stored(number).select(LINE).iter_rows())
        return booked is not None and min([day, *(line[0] for line in both)]) < booked

    def _gone(self, number: str) -> Counter[tuple[Any, ...]] | None:
        if number not in self.gone:
            self.gone[number] = standing.gone_of(self.connection, self.accounts[number].name)
        return self.gone[number]

    def _stored(self, number: str) -> list[dict[str, Any]]:
        if number not in self.stored:
            self.stored[number] = standing.statements_of(self.connection, self.accounts[number].name)
            self.balances[number] |= {one["closing_fen"] for one in self.stored[number]}
        return self.stored[number]

    def quiet_since(
        self, ends: dict[str, dict[str, Any]], parts: dict[tuple[Any, ...], pl.DataFrame]
    ) -> list[pl.DataFrame]:
        """Statements without lines, of a file that brings nothing new and is of a day of its own, as a month so far is.

        Else that day would never close. `ends`: the last of each account.
        """
        if self.lacks or not all(self._nothing_moved(row) for row in ends.values()):
            return []
        heads = {name: pl.col("closing_fen") for name in ("opening_fen", "closing_fen")}
        no_line = pl.lit(None, pl.Int64).alias("line")
        return [parts[number, row["statement"]].head(1).with_columns(no_line, **heads) for number, row in ends.items()]

    def _nothing_moved(self, row: dict[str, Any]) -> bool:
        """True where the books have no statement of the file's day, and then were where this one closes.

        Later ones may have come, but none of its lines is of a day behind the one before it.
        """
        before, closing = standing.last_of(self._stored(row["account"]), self.day)
        closing = self.accounts[row["account"]].first_opening_fen if closing is None else closing
        booked = row["day"] if row["line"] else None
        new = before is None or before < self.day
        return new and closing == row["closing_fen"] and (booked is None or (before is not None and booked <= before))

    def _had(self, row: dict[str, Any]) -> bool:
        """True of a statement that closes as it opens, at a balance that the account had."""
        number = row["account"]
        if row["opening_fen"] != row["closing_fen"]:
            return False
        self._stored(number)
        return row["opening_fen"] in self.balances[number]

    def _came_before(
        self, row: dict[str, Any], own: pl.DataFrame, found: Again | None, before: Before
    ) -> tuple[str, str] | None:
        """(code, message) of a statement that goes on from the last closing, and yet came before."""
        same_lines = row["line"] and found is not None and found.holds_nothing_new
        doubtful = row["line"] and (row["opening_fen"] == row["closing_fen"] or before.whole(row))
        called = f"{self.accounts[row['account']].name}:{row['statement']}"
        stored, days = self._stored(row["account"]), own["booking_date"]
        # a weekend's statements may all be dated Monday, and called so
        known = doubtful and standing.is_there(self.connection, stored, called, row, self.day, days)
        if not same_lines and not known:
            return None
        part = found is not None and found.part
        balances = "as a part of one that opens the same" if part else "with the same balances"
        said = f"statement {mask_cards(row['statement'])} of {self.day} was taken before, {balances}"
        return "STATEMENT_TWICE", f"{said}; nothing is stored"


def statements_taken(connection: Connection, run: Run, file_id: int, judged: Judged, closing: Closing) -> Outcome:
    """Stores what is new of a file's statements, in which nothing is wrong."""
    rows, copies, new, day = judged.rows, judged.copies, judged.new, judged.day
    if not new:
        message = "the same statements as before; nothing was done"
        return Outcome(
            FileStatus.DUPLICATE, closing=closing, duplicate=closing.accepted, clearing_date=day, code="SAME_ROWS",
            message=message,
        )  # fmt: skip
    frame = pl.concat(new)
    heads = ("account", "statement")
    sums = frame.group_by(heads, maintain_order=True).agg(pl.col("currency", "opening_fen", "closing_fen").first())
    _store_statements(connection, run, judged.accounts, file_id, frame, sums, day)
    fresh = frame.filter(pl.col("line").is_not_null()).select("account", "statement", "record").n_unique()
    twice = sum(row["entries"] for row in copies)
    before = sum(row["entries"] for row in rows) - fresh
    return Outcome(
        FileStatus.SUPERSET if before else FileStatus.ACCEPTED,
        closing=closing,
        accepted=closing.accepted - twice - before,
        duplicate=twice + before,
        clearing_date=day,
        rejects=[twice_in_file(row) for row in copies],
    )


def _store_statements(
    connection: Connection,
    run: Run,
    accounts: dict[str, AccountConfig],
    file_id: int,
    frame: pl.DataFrame,
    sums: pl.DataFrame,
    day: date,
) -> None:
    name = pl.col("account").replace_strict({number: a.name for number, a in accounts.items()}, return_dtype=pl.String)
    called = pl.format("{}:{}", name, "statement")
    taken = intake.statements_stored(connection, sums.select(called).to_series())
    # banks begin their numbers anew each year, or give all statements one
    again = pl.format("{}@{}", called, pl.lit(file_id))
    identity = pl.when(called.is_in(taken.implode())).then(again).otherwise(called).alias("statement_id")
    stamp = {"file_id": pl.lit(file_id, pl.Int64), "business_date": pl.lit(run.business_date, pl.Date)}
    heads = sums.with_columns(identity, name.alias("account"), statement_date=pl.lit(day, pl.Date), **stamp)
    copy_in(connection, t.bank_statement, heads.select([c.name for c in t.bank_statement.columns]))
    lines = frame.filter(pl.col("line").is_not_null()).with_columns(identity, name.alias("account"), **stamp)
    lines = lines.with_columns(pl.format("{}/{}", "statement_id", "line").alias("line_id"))
    lines = with_indexes(run, lines)
    copy_in(connection, t.bank_line, lines.select([c.name for c in t.bank_line.columns]))


def with_indexes(run: Run, lines: pl.DataFrame) -> pl.DataFrame:
    """Lines with the other side's account masked, and as a keyed index."""
    numbers = lines["counterparty_account"].drop_nulls().unique().sort()
    table = pl.DataFrame(
        {
            "counterparty_account": numbers,
            "counterparty_masked": [mask(n) for n in numbers],
            "counterparty_index": [run.keys.keyed_index(n) for n in numbers],
        },
        schema={"counterparty_account": pl.String, "counterparty_masked": pl.String, "counterparty_index": pl.String},
    )
    return lines.join(table, on="counterparty_account", how="left", maintain_order="left")
