"""A bank account as it truly is, and a bank that sends statements of it in every way that banks do.

A slow model: the truth is a list of lines, a statement a range of it. What the books hold is checked against the truth
alone, never against what the intake says of itself.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import polars as pl
from sqlalchemy import Connection, insert, text

from adapters.base import Closing
from batch.run import Run
from batch.steps import ingest
from settlement.model.frames import STATEMENT_LINE
from settlement.store import tables as t
from settlement.store.intake import LINE
from tests.batch.settle.books import THU, at

START = THU
OPEN = 1_000_000
Key = tuple[Any, ...]


@dataclass
class Account:
    """The truth: lines in the order in which they were booked; `ends[d]`: how many there are when day d ends."""

    lines: list[dict[str, Any]]
    ends: list[int]
    opening: int = OPEN

    def balance(self, place: int) -> int:
        return self.opening + sum(line["amount_fen"] for line in self.lines[:place])

    def bounds(self, day: int) -> tuple[int, int]:
        return (self.ends[day - 1] if day else 0), self.ends[day]

    def keys(self, first: int = 0, last: int | None = None) -> Counter[Key]:
        return Counter(key_of(line) for line in self.lines[first:last])


def key_of(line: dict[str, Any]) -> Key:
    return tuple(line[name] for name in LINE)


@dataclass
class Statement:
    """A range of the truth as the bank states it on `day`."""

    first: int
    last: int
    day: int
    name: str = "1"


@dataclass
class File:
    """A file of statements; `dated`: the format says the day of a closing balance (MT940, camt), exports do not."""

    name: str
    statements: list[Statement]
    dated: bool = True
    of: Account | None = None  # another version of the truth


@dataclass
class Plan:
    """What comes in each night."""

    nights: list[list[File]] = field(default_factory=list)
    kind: str = ""


def day_of(number: int) -> date:
    return START + timedelta(days=number)


# --- the truth ----------------------------------------------------------------------------------------------------


def account(rng: random.Random) -> Account:
    """Days of payouts, returns, fees, charges, sweeps; with the bank's references, with those of payers, or none."""
    days = rng.randint(2, 6)
    ids = rng.choice(["bank", "bank", "payer", "shared", "none", "some"])
    emptied = rng.random() < 0.3
    small = rng.random() < 0.5
    lines: list[dict[str, Any]] = []
    ends: list[int] = []
    balance, paid = OPEN, list[dict[str, Any]]()
    for day in range(days):
        today: list[int] = []
        for _ in range(0 if rng.random() < 0.2 else rng.randint(1, 4)):
            fen = rng.choice([-5, -5, 100, -100, 500, -500]) if small else rng.randint(-9999, 9999) or 1
            back = paid.pop() if paid and rng.random() < 0.25 else None
            line = _line(rng, day, -back["amount_fen"] if back else fen, ids, len(lines))
            if back:
                line["end_to_end_id"] = back["end_to_end_id"]
            elif line["amount_fen"] < 0:
                paid.append(line)
            if lines and not back and rng.random() < 0.15 and lines[-1]["booking_date"] == line["booking_date"]:
                line |= {"amount_fen": lines[-1]["amount_fen"]}
            today.append(line["amount_fen"])
            lines.append(line)
        if emptied and sum(today):
            lines.append(_line(rng, day, OPEN - balance - sum(today), ids, len(lines)))
        balance = OPEN + sum(line["amount_fen"] for line in lines)
        ends.append(len(lines))
    return Account(lines, ends)


def _line(rng: random.Random, day: int, fen: int, ids: str, number: int) -> dict[str, Any]:
    line: dict[str, Any] = dict.fromkeys(STATEMENT_LINE)
    line |= {"booking_date": day_of(day), "amount_fen": fen, "reversal": False}
    line["remittance"] = "费用" if fen == -5 else None
    if ids == "bank" or (ids == "some" and rng.random() < 0.5):
        line["reference"] = f"B{number}"
    elif ids == "shared":
        line["reference"] = "NONREF"
    if ids == "payer" or rng.random() < 0.2:
        line["end_to_end_id"] = f"E{number}" if fen != -5 else None
    return line


# --- how the bank sends it ----------------------------------------------------------------------------------------


def plan(rng: random.Random, truth: Account, kinds: list[str] | None = None) -> Plan:
    kind = rng.choice(kinds or list(KINDS))
    made = Plan(KINDS[kind](rng, truth), kind)
    dated = rng.random() < 0.6
    naming = rng.choice(["running", "equal", "year", "file"])
    count = 0
    for night in made.nights:
        for file in night:
            file.dated = dated
            for statement in file.statements:
                count += 1
                number = str(count % 3 + 1) if naming == "year" else str(count)
                statement.name = {"equal": "1", "file": file.name}.get(naming, number)
    return made


def _daily(rng: random.Random, truth: Account) -> list[list[File]]:
    quiet = rng.random() < 0.6
    nights = []
    for day in range(len(truth.ends)):
        first, last = truth.bounds(day)
        given = quiet or first != last
        nights.append([File(f"d{day}", [Statement(first, last, day)])] if given else [])
    return nights


def _weekly(rng: random.Random, truth: Account) -> list[list[File]]:
    """One statement of some days."""
    nights: list[list[File]] = [[] for _ in truth.ends]
    first = 0
    for day, last in enumerate(truth.ends):
        if day == len(truth.ends) - 1 or rng.random() < 0.4:
            nights[day].append(File(f"w{day}", [Statement(first, last, day)]))
            first = last
    return nights


def _several(rng: random.Random, truth: Account) -> list[list[File]]:
    """A file of the statements of some days, oldest or newest first or sorted by nothing."""
    nights: list[list[File]] = [[] for _ in truth.ends]
    held: list[Statement] = []
    order = rng.choice(["old", "new", "any"])
    for day in range(len(truth.ends)):
        held.append(Statement(*truth.bounds(day), day))
        if day == len(truth.ends) - 1 or rng.random() < 0.4:
            if order == "any":
                rng.shuffle(held)
            nights[day].append(File(f"s{day}", held[::-1] if order == "new" else held))
            held = []
    return nights


def _month(rng: random.Random, truth: Account) -> list[list[File]]:
    return [[File(f"m{day}", [Statement(0, last, day)])] for day, last in enumerate(truth.ends)]


def _month_of_days(rng: random.Random, truth: Account) -> list[list[File]]:
    """The month so far as a file of one statement a day."""
    each = [Statement(*truth.bounds(day), day) for day in range(len(truth.ends))]
    new = rng.random() < 0.5
    days = [[Statement(s.first, s.last, s.day) for s in each[: n + 1]] for n in range(len(each))]
    return [[File(f"n{day}", some[::-1] if new else some)] for day, some in enumerate(days)]


def _noon(rng: random.Random, truth: Account) -> list[list[File]]:
    """Of noon and of the evening: the evening's is the rest, or the whole day; in one night or the whole a night on."""
    whole = rng.random() < 0.6
    nights: list[list[File]] = []
    for day in range(len(truth.ends)):
        first, last = truth.bounds(day)
        cut = rng.randint(first, last)
        files = [File(f"x{day}a", [Statement(first, cut, day)])]
        files.append(File(f"x{day}b", [Statement(first if whole else cut, last, day)]))
        nights.append(files)
    return nights


def _window(rng: random.Random, truth: Account) -> list[list[File]]:
    """The last some days, each day."""
    wide = rng.randint(1, 2)
    one = rng.random() < 0.5
    nights = []
    for day, last in enumerate(truth.ends):
        since = max(0, day - wide)
        parts = [Statement(*truth.bounds(n), n) for n in range(since, day + 1)]
        nights.append([File(f"v{day}", [Statement(parts[0].first, last, day)] if one else parts)])
    return nights


def _mixed(rng: random.Random, truth: Account) -> list[list[File]]:
    nights = _daily(rng, truth)
    for day in range(1, len(nights)):
        if rng.random() < 0.4:
            nights[day] = rng.choice([_month, _month_of_days, _window, _noon])(rng, truth)[day]
    return nights


def _restated(rng: random.Random, truth: Account) -> list[list[File]]:
    """A day is sent with a line less, then whole, the same night or nights later; the last ones as the month."""
    nights = _daily(rng, truth)
    moved = [day for day in range(len(truth.ends)) if truth.bounds(day)[1] - truth.bounds(day)[0] > 1]
    if not moved:
        return nights
    day = rng.choice(moved)
    first, last = truth.bounds(day)
    lacks = rng.randrange(first, last)
    short = Account(truth.lines[:lacks] + truth.lines[lacks + 1 :], [end - (end > lacks) for end in truth.ends])
    nights[day] = [File(f"r{day}", [Statement(first, last - 1, day)], of=short)]
    nights[min(day + rng.randint(0, 2), len(nights) - 1)].append(File(f"r{day}w", [Statement(first, last, day)]))
    nights[-1].append(File("rm", [Statement(0, truth.ends[-1], len(truth.ends) - 1)]))
    return nights


def _weekend(rng: random.Random, truth: Account) -> list[list[File]]:
    """Saturday's and Sunday's come with Monday's, each in a file of its own, all dated Monday."""
    nights: list[list[File]] = [[] for _ in truth.ends]
    held: list[int] = []
    for day in range(len(truth.ends)):
        held.append(day)
        if day_of(day).weekday() < 5 or day == len(truth.ends) - 1:
            nights[day] = [File(f"e{n}", [Statement(*truth.bounds(n), day)]) for n in held]
            held = []
    return nights


def _pages(rng: random.Random, truth: Account) -> list[list[File]]:
    """A day in up to three parts, in one file or several; perhaps the whole of it that night or the next."""
    nights: list[list[File]] = [[] for _ in truth.ends]
    together, whole = rng.random() < 0.5, rng.random() < 0.4
    for day in range(len(truth.ends)):
        first, last = truth.bounds(day)
        cuts = [first, *sorted(rng.randint(first, last) for _ in range(2)), last]
        parts = [Statement(*cut, day) for cut in pairwise(cuts)]
        nights[day] += [File(f"p{day}", parts)] if together else [File(f"p{day}{n}", [s]) for n, s in enumerate(parts)]
        if whole:
            nights[min(day + rng.randint(0, 1), len(nights) - 1)].append(File(f"q{day}", [Statement(first, last, day)]))
    return nights


KINDS: dict[str, Callable[[random.Random, Account], list[list[File]]]] = {
    "daily": _daily,
    "weekly": _weekly,
    "several": _several,
    "month": _month,
    "month_of_days": _month_of_days,
    "noon": _noon,
    "window": _window,
    "mixed": _mixed,
    "restated": _restated,
    "weekend": _weekend,
    "pages": _pages,
}


def disturbed(rng: random.Random, made: Plan) -> Plan:
    """The plan with files late, again, out of order; each comes once at least."""
    nights = [list(night) for night in made.nights]
    for night, files in enumerate(made.nights):
        for file in files:
            chance = rng.random()
            copy = File(f"{file.name}-{night}", [Statement(**vars(s)) for s in file.statements], file.dated, file.of)
            if chance < 0.15:  # late
                nights[night].remove(file)
                to = rng.randint(night, len(nights))
                while len(nights) <= to:
                    nights.append([])
                nights[to].append(file)
            elif chance < 0.4:  # again
                if rng.random() < 0.5:
                    for statement in copy.statements:
                        statement.name = f"{statement.name}x"
                to = rng.randint(night, len(nights))
                while len(nights) <= to:
                    nights.append([])
                nights[to].append(copy)
    for files in nights:
        if rng.random() < 0.4:
            rng.shuffle(files)
    return Plan(nights, made.kind)


# --- the intake ---------------------------------------------------------------------------------------------------


class Night:
    """The real loop of `ingest` in one transaction that is never committed; what a file holds is given, not read."""

    def __init__(self, connection: Connection, run: Run) -> None:
        self.connection, self.run = connection, run
        self.files = 0
        self.contents: dict[str, ingest.Content] = {}
        engine = SimpleNamespace(connect=self._same)
        self.database: Any = SimpleNamespace(engine=engine, in_transaction=lambda work: work(connection))

    @contextmanager
    def _same(self) -> Iterator[Connection]:
        yield self.connection

    def parse(self, _run: Any, _archive: Any, delivery: ingest.Delivery, _source: Any) -> ingest.Content:
        return self.contents[delivery.name]

    def live(self, truth: Account, number: int, files: list[File]) -> list[tuple[str, str, str | None, str | None]]:
        """(name, status, code, message) of each file of a night."""
        day = day_of(number)
        names = []
        for file in files:
            self.files += 1
            name = f"{file.name}.{self.files}"
            self.contents[name] = content(file.of or truth, file, self.run.config.accounts[0].number)
            row = {"file_id": self.files, "source": "bank", "name": name, "delivery": 1, "size": 1}
            row |= {"sha256": f"{self.files:064d}", "received_at": at(day), "business_date": day}
            self.connection.execute(insert(t.file), row)
            names.append(self.files)
        ingest.ingest(self.database, replace(self.run, business_date=day, now=at(day)))
        sql = "SELECT f.name, o.status, o.code, o.message FROM puhui.file f JOIN puhui.file_outcome o USING (file_id)"
        found = self.connection.execute(text(f"{sql} WHERE file_id = ANY(:ids) ORDER BY file_id"), {"ids": names})
        return [tuple(row) for row in found]

    def stored(self) -> Counter[Key]:
        columns = ", ".join(LINE)
        return Counter(tuple(row) for row in self.connection.execute(text(f"SELECT {columns} FROM puhui.bank_line")))


def content(truth: Account, file: File, number: str) -> ingest.Content:
    rows: list[dict[str, Any]] = []
    names: Counter[str] = Counter()
    record = 0
    for statement in file.statements:
        names[statement.name] += 1
        said = statement.name if names[statement.name] == 1 else f"{statement.name}#{names[statement.name]}"
        head = {"statement": said, "account": number, "currency": "CNY", "file": file.name, "byte_start": 0}
        head |= {"opening_fen": truth.balance(statement.first), "closing_fen": truth.balance(statement.last)}
        lines = truth.lines[statement.first : statement.last]
        for place, line in enumerate(lines, 1):
            record += 1
            rows.append(line | head | {"line": place, "record": record, "byte_end": 1})
        if not lines:
            rows.append(dict.fromkeys(STATEMENT_LINE) | head | {"record": 0, "byte_end": 1})
    day = max(day_of(statement.day) for statement in file.statements) if file.dated else None
    return ingest.Content(pl.DataFrame(rows, schema=STATEMENT_LINE), [], Closing(record, record, 0, clearing_date=day))


def once_more(truth: Account) -> list[list[File]]:
    """What a clerk asks the bank for where files were refused: each day once more, then the whole."""
    days = [Statement(*truth.bounds(day), day, f"z{day}") for day in range(len(truth.ends))]
    whole = Statement(0, len(truth.lines), len(truth.ends) - 1, "z")
    return [[File(f"z{one.day}", [one])] for one in days] + [[File("z", [whole])]]
