"""A statement that the bank sent again with other lines (STATEMENT_CHANGED), taken for right by two people.

Nothing is edited: the account goes on from its last closing with one more statement, `ACCOUNT:STATEMENT~DECISION`,
which holds the difference alone. A line that the restated one lacks is taken back by a counter-line of the opposite
amount; what it adds comes as it is. Example: day 1 was +100, +200, restated it is +100, +250: one statement of -200 and
+250. What the bank sends afterwards, of that day or later ones, is compared with what then stands (batch/standing.py).

A file of several statements is judged as ever once the first difference stands: the others are the same, are changed
too, or are new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection

from adapters.accounts.statement import mask_cards
from adapters.base import Closing
from batch import accept, standing
from batch.again import LINE, Lines, followed, without
from batch.config import SourceConfig
from batch.run import Run
from batch.standing import Statement
from settlement.model import frames
from settlement.store import corrections, intake, restated
from settlement.store import tables as t
from settlement.store.copy import copy_in

CHANGED = "STATEMENT_CHANGED"
_FEN = LINE.index("amount_fen")
_IDS = [LINE.index(name) for name in ("reference", "end_to_end_id")]
_ROW: frames.Schema = {
    **dict.fromkeys(["line_id", "statement_id", "account"], pl.String),
    "line": pl.Int64,
    **dict.fromkeys(["booking_date", "value_date"], pl.Date),
    "amount_fen": pl.Int64,
    "reversal": pl.Boolean,
    **dict.fromkeys(["reference", "end_to_end_id", "counterparty_name", "counterparty_masked"], pl.String),
    **dict.fromkeys(["counterparty_index", "remittance", "bank_code"], pl.String),
    "file_id": pl.Int64,
    "business_date": pl.Date,
}
_PICKED = ("kind", "subject", "counterparty_name")  # of a line that is taken back: the name as it would be stored now


@dataclass(frozen=True, slots=True)
class Decision:
    """Whose decision it is."""

    decision_id: int
    actor: str
    checker: str | None

    @property
    def words(self) -> str:
        """As it stands in the text of a counter-line."""
        return f"决定 {self.decision_id}: {self.actor}" + (f", {self.checker}" if self.checker else "")


@dataclass(frozen=True, slots=True)
class Difference:
    """What one restated statement changes.

    `back`: rows of bank_line taken back, each with `kind` and `subject`, which say what the night made of it. `added`:
    rows that it brings. `closing_fen`: the account's, with all that came since; `file_closing_fen`: the last of the
    account in the file.
    """

    account: str
    statement: str
    dates: list[date]  # of the statements that it restates
    opening_fen: int
    closing_fen: int
    file_closing_fen: int
    back: list[dict[str, Any]]
    added: list[dict[str, Any]]

    @property
    def is_part(self) -> bool:
        """True where it has nothing that the books lack: it may be an export from before the day's end."""
        return not self.added


@dataclass(slots=True)
class Taking:
    """What taking a delivery books, or `why_not`; then some of it may be stored, and the caller rolls back."""

    differences: list[Difference] = field(default_factory=list)
    new_lines: int = 0  # of its other statements, which are new
    new_fen: int = 0
    why_not: str = ""

    @property
    def effect_fen(self) -> int:
        """What the accounts' balances move by."""
        return sum(one.closing_fen - one.opening_fen for one in self.differences) + self.new_fen


def take(
    connection: Connection, run: Run, source: SourceConfig, file_id: int, frame: pl.DataFrame, closing: Closing,
    decision: Decision,
) -> Taking:  # fmt: skip
    """Stores the differences of a parsed delivery, and the statements of it that are new."""
    taking = Taking()
    if closing.refused is not None:
        taking.why_not = f"it is refused as it is read now: {closing.refused.message}"
        return taking
    judged = accept.judge_statements(connection, run, source, frame, closing)
    if judged.wrong is None or judged.wrong[0] != CHANGED:
        taking.why_not = "it says nothing any more that does not stand already"
        if judged.wrong is not None:
            taking.why_not = judged.wrong[1]
        elif judged.new:
            taking.why_not = "it goes on from the last closing by now: have it sent again, the night takes it"
        return taking
    while True:
        judged = accept.judge_statements(connection, run, source, frame, closing, decided=True)
        if judged.wrong is None or judged.wrong[0] != CHANGED or judged.at is None:
            break
        at = judged.accounts[judged.at["account"]].name, _name(judged.at)
        if at in [(one.account, one.statement) for one in taking.differences]:
            taking.why_not = f"{judged.wrong[1].partition(';')[0]}, with the difference booked too"
            return taking
        made = _difference(connection, run, judged, file_id, decision)
        if isinstance(made, str):
            taking.why_not = made
            return taking
        taking.differences.append(made)
    if judged.wrong is not None and judged.at is not None:
        several = len({row["account"] for row in judged.rows}) > 1
        taking.why_not = judged.wrong[1] + ("; ask the bank for one account alone" if several else "")
    elif judged.new:
        fresh = pl.concat(judged.new).filter(pl.col("line").is_not_null())
        taking.new_lines, taking.new_fen = fresh.height, int(fresh["amount_fen"].sum())
        accept.statements_taken(connection, run, file_id, judged, closing)
        _mark_new(connection, run, file_id, decision)
    return taking


def _mark_new(connection: Connection, run: Run, file_id: int, decision: Decision) -> None:
    """The lines of the file's new statements are of the decision too, so that all it brought is told."""
    new = restated.unmarked(connection, file_id, run.business_date)
    marks = new.select(
        row_id="line_id", base_id="statement_id", version=pl.lit(1, pl.Int64), ends=pl.lit(None, pl.String)
    )
    corrections.put(connection, marks, decision.decision_id, run.business_date)


def _difference(
    connection: Connection, run: Run, judged: accept.Judged, file_id: int, decision: Decision
) -> Difference | str:
    """Stores the difference of the statement at which judging stopped; or why that cannot be."""
    row, own = judged.at, judged.own
    assert row is not None
    assert own is not None
    account = judged.accounts[row["account"]]
    lines = own.filter(pl.col("line").is_not_null())
    came = Counter(lines.select(LINE).iter_rows())
    last_day = max([row["of_day"], *(line[0] for line in came)])
    links = _restated(connection, account.name, row, came, last_day)
    names = [link["statement_id"] for link in links]
    whole = [link["statement_id"] for link in links if link["statement_date"] <= last_day]
    stood = intake.lines_of(connection, *names)
    stood = stood.filter((pl.col("booking_date") <= last_day) | pl.col("statement_id").is_in(whole))
    known = Counter(stood.select(LINE).iter_rows())
    taken_back = _taken_back(connection, stood, known - came)
    if any(one["business_date"] == run.business_date for one in taken_back):
        return f"tonight another decision brought a line of {_name(row)}; decide again after this night"
    _, last = intake.last_statement(connection, account.name, account.first_opening_fen)
    called = f"{account.name}:{row['statement']}~{decision.decision_id}"
    stamp = {"statement_id": called, "account": account.name, "file_id": file_id, "business_date": run.business_date}
    fresh = accept.with_indexes(run, without(lines, known)).with_columns(
        **{name: pl.lit(value, _ROW[name]) for name, value in stamp.items()}, line_id=pl.lit(None, pl.String)
    )
    added = fresh.select(list(_ROW)).to_dicts()
    back = [_counter(one, run, decision) | stamp for one in taken_back]
    for number, line in enumerate([*back, *added], 1):
        line |= {"line": number, "line_id": f"{called}/{number}"}
    closing_fen = last + sum(line["amount_fen"] for line in (*back, *added))
    head = {"statement_id": called, "account": account.name, "currency": row["currency"], "opening_fen": last}
    head |= {"closing_fen": closing_fen, "statement_date": row["of_day"], "file_id": file_id}
    copy_in(connection, t.bank_statement, pl.DataFrame([head | {"business_date": run.business_date}]))
    copy_in(connection, t.bank_line, pl.DataFrame([*back, *added], schema=_ROW))
    versions = restated.versions(connection, names)
    marks: list[tuple[Any, ...]]
    marks = [(b["line_id"], one["home"], None, one["line_id"]) for b, one in zip(back, taken_back, strict=True)]
    for line in added:
        base = _home(links, line["booking_date"])
        marks.append((line["line_id"], base, versions.get(base, 1) + 1, None))
    corrections.put(connection, pl.DataFrame(marks, schema=corrections.MARK, orient="row"), decision.decision_id,
                    run.business_date)  # fmt: skip
    dates = [link["statement_date"] for link in links]
    ends = [other["closing_fen"] for other in judged.rows if other["account"] == row["account"]]
    return Difference(account.name, _name(row), dates, last, closing_fen, ends[-1], taken_back, added)


def _name(row: dict[str, Any]) -> str:
    return f"statement {mask_cards(row['statement'])}"


def _taken_back(connection: Connection, stood: pl.DataFrame, lacks: Lines) -> list[dict[str, Any]]:
    """Rows of bank_line of the lines that are lacked, with `home`, `kind`, `subject`, in their order.

    Of lines that are the same in all, those go first that the night could not name: a payment that stood there twice.
    """
    named = restated.named(connection, list(stood["line_id"]))
    rows = stood.join(named, on="line_id", how="left", maintain_order="left").to_dicts()
    left = Counter(lacks)
    picked: dict[str, dict[str, Any]] = {}
    for _, row in sorted(enumerate(rows), key=lambda at: (at[1]["kind"] is not None, -at[0])):
        key = tuple(row[name] for name in LINE)
        if left[key] > 0:
            left[key] -= 1
            picked[row["line_id"]] = {"home": row["statement_id"]} | {name: row[name] for name in _PICKED}
    whole = {line["line_id"]: line for line in restated.lines(connection, list(picked))}
    return [whole[row["line_id"]] | picked[row["line_id"]] for row in rows if row["line_id"] in picked]


def _counter(line: dict[str, Any], run: Run, decision: Decision) -> dict[str, Any]:
    """The line that takes another back: what it names stays, so that people and the night know what it was."""
    text = f"更正对账单 ({decision.words}), 撤回 {line['line_id']}"
    told = f"{text}: {line['remittance']}" if line["remittance"] else text
    changed = {"amount_fen": -line["amount_fen"], "reversal": not line["reversal"], "remittance": told}
    dates = {"booking_date": run.business_date, "value_date": line["value_date"] or line["booking_date"]}
    return {name: line[name] for name in _ROW} | changed | dates


# --- which statements it restates ---------------------------------------------------------------------------------


def _restated(connection: Connection, account: str, row: dict[str, Any], came: Lines, last: date) -> list[Statement]:
    """The statements of the account in whose place one with the lines `came` stands: one, or some that follow.

    They are all up to its day, and of its own day, which may have come in parts, those that have the numbers of its
    lines, or close where it does, else those that agree with it best. Of one of a later day, as a month so far is, only
    the lines up to its `last` count.
    """
    day: date = row["of_day"]
    stored = standing.statements_of(connection, account)
    lines: dict[str, Lines] = {one["statement_id"]: Counter() for one in stored}
    every: Lines = Counter()
    dates = {one["statement_id"]: one["statement_date"] for one in stored}
    for name, *stood in intake.lines_by_statement(connection, account, date.min, date.max).iter_rows():
        if stood[0] <= last or dates[name] <= last:
            lines[name][tuple(stood)] += 1
            every[tuple(stood)] += 1

    def differs(line: tuple[Any, ...], lacks: int) -> int:
        """`lacks`: how often the chain lacks a line that came. One that another statement has would stand twice."""
        return abs(lacks) + max(0, min(lacks, every[line] - came[line] + lacks))

    all_differ = sum(differs(line, times) for line, times in came.items())
    days = {one["statement_id"]: _day(one, lines[one["statement_id"]]) for one in stored}
    first = min([day, *(line[0] for line in came)])
    starts = [one for one in stored if one["opening_fen"] == row["opening_fen"]]
    near = [
        one for one in starts if first <= days[one["statement_id"]] <= last or first <= one["statement_date"] <= last
    ]
    numbered = _numbered(lines, came, first, last)
    since = {name for name, own in lines.items() if own and first <= days[name] < day}
    best: tuple[tuple[int, ...], list[Statement]] | None = None
    for place, start in enumerate(near or starts):
        chain, _ = followed(stored, start)
        parts = [(days[one["statement_id"]], bool(lines[one["statement_id"]])) for one in chain]
        missed = len(since - {one["statement_id"] for one in chain})
        lacks, difference, named = Counter(came), all_differ, 0
        for number, link in enumerate(chain, 1):
            name = link["statement_id"]
            if number > 1 and days[name] > day and not lines[name] & came:
                break
            for line, times in lines[name].items():
                difference += differs(line, lacks[line] - times) - differs(line, lacks[line])
                lacks[line] -= times
            named += numbered[name]
            elsewhere = link["closing_fen"] != row["closing_fen"]
            differences = difference if came else -difference  # of a day without lines no part is left
            score = (missed + _against(parts, number, day), -named, elsewhere, differences, number, place)
            if best is None or score < best[0]:
                best = score, chain[:number]
    assert best is not None, "one that is refused as changed opens where one did that was taken"
    return best[1]


def _numbered(lines: dict[str, Lines], came: Lines, first: date, last: date) -> Counter[str]:
    """By statement: how many of its lines have the number, day and direction of one that came, which no other has."""
    ids = Counter(one for line in came.elements() for one in _ids(line))
    found: dict[tuple[Any, ...], list[str]] = {}
    for name, own in lines.items():
        for line in own.elements():
            for one in _ids(line) if first <= line[0] <= last else ():
                found.setdefault(one, []).append(name)
    return Counter(names[0] for one, names in found.items() if len(names) == ids[one] == 1)


def _ids(line: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """What tells a line that moves money, beside its day and direction."""
    return [(at, line[at], line[0], line[_FEN] > 0) for at in _IDS if line[at] and line[_FEN]]


def _day(one: Statement, lines: Lines) -> date:
    """The last day that a statement is of: of several in a file each is stored with the day of the newest."""
    stored: date = one["statement_date"]
    return min([stored, max(line[0] for line in lines)]) if lines else stored


def _against(parts: Sequence[tuple[date, bool]], number: int, day: date) -> int:
    """How many statements speak against the first `number` of a chain: left out though before `day`, or the reverse.

    `parts`: the day of each, and whether it has lines. Those of the day itself may be left out behind one of that day
    with lines: it came in parts.
    """
    within, out = parts[:number], parts[number:]
    against = sum(one > day for one, _ in within) + sum(one < day for one, _ in out)
    return against + int((day, True) not in within and (day, True) in out)


def _home(links: Sequence[Statement], booked: date) -> str:
    """The statement that an added line is of: the first of its day or later, else the last."""
    found = next((link for link in links if link["statement_date"] >= booked), links[-1])
    name: str = found["statement_id"]
    return name
