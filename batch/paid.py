"""What people say of a debit that came for a dead payment: it was the payment. One proposes, another approves.

A payment that the bank refused, or people called unpaid, is payable again. Where the bank's statement shows its debit
after all, that is an UNKNOWN_DEBIT which holds what replaces it: this is the way out that pays nobody twice. The night
asks once more, before it names its own lines, whether anything speaks against it (settlement/payout/paid.py).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import polars as pl
from sqlalchemy import Connection

from batch import two_people
from batch.run import Run
from batch.two_people import WAITING, Case, Matter, Word
from settlement.model.errors import BadInput
from settlement.payout.paid import Debit, Other, doubts, not_refused, why_not
from settlement.payout.unpaid import Sent
from settlement.reconciliation.discrepancies import CLOSING
from settlement.store import paid as rows
from settlement.store import payouts
from settlement.store import two_people as people
from settlement.store import unpaid as item_rows


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a batch: its items, debits that may be theirs, what replaces them, adjusted differences."""

    items: list[dict[str, Any]]
    debits: dict[str, Debit]
    others: dict[str, Other]
    adjusted: dict[str, str]

    def why_not(self, row: dict[str, Any], line: str, word: Word) -> str:
        """Why the line may not be called the payment of an item."""
        if why := not_refused(_sent(row)):
            return why
        if line not in self.debits:
            return f"there is no bank line {line}; `puhui recon list --kind UNKNOWN_DEBIT` and `recon show` name them"
        name, every = row["end_to_end_id"], list(self.debits.values())
        facts = (self.others.get(name), self.adjusted.get(name), word.proposed)
        return why_not(_sent(row), row["account"], self.debits[line], every, *facts)

    def doubts(self, row: dict[str, Any], line: str) -> list[str]:
        """What people should look at before they say it."""
        debit = self.debits[line]
        alike = [
            other["end_to_end_id"]
            for other in self.items
            if other is not row and not not_refused(_sent(other)) and debit.may_be(_sent(other), other["account"])
        ]
        return doubts(_sent(row), debit, alike)


def _sent(row: dict[str, Any]) -> Sent:
    return Sent(**{name: row[name] for name in Sent.__dataclass_fields__})


def _facts(connection: Connection, batch_no: str, lines: Sequence[str], events: Mapping[str, str | None]) -> _Facts:
    """`events`: the last events of differences as this night has them, which are not stored yet."""
    debits = {}
    for row in rows.debits(connection, batch_no, lines).to_dicts():
        row["event"] = events.get(row["case"], row["event"])
        is_open = row["event"] not in CLOSING and row["was"] is None and not row["undone"]
        debits[row["line_id"]] = Debit(**row, is_open=is_open)
    others: dict[str, Other] = {}
    for row in rows.others(connection, batch_no).to_dicts():
        name = row.pop("end_to_end_id")
        others.setdefault(name, Other(row.pop("other"), **row))
    cases = rows.cases(connection, batch_no).iter_rows()
    adjusted = {name: case for name, case, event in cases if events.get(case, event) == "adjusted"}
    return _Facts(item_rows.items(connection, batch_no).to_dicts(), debits, others, adjusted)


def look(
    connection: Connection,
    run: Run,
    batch_no: str,
    line: str | None = None,
    events: Mapping[str, str | None] | None = None,
) -> list[Case]:
    """Every item of a batch, in order of EndToEndId; `line`: the one that is meant where nobody has named any yet."""
    del run  # every matter is looked at alike
    words = two_people.words(connection, batch_no, people.PAID)
    meant = {name: word.said["line_id"] for name, word in words.items() if word.said and word.state in WAITING}
    lines = {*meant.values(), *([line] if line is not None else [])}
    facts = _facts(connection, batch_no, sorted(lines), events or {})
    cases = []
    for row in facts.items:
        name = row["end_to_end_id"]
        word, own = words.get(name, Word()), meant.get(name, line)
        why = not_refused(_sent(row)) if own is None else facts.why_not(row, own, word)
        cases.append(Case(row, word, why, facts.doubts(row, own) if own in facts.debits else [], own))
    return cases


MATTER = Matter(people.PAID, "paid", "paid", look)
waiting = partial(two_people.waiting, MATTER)
approve = partial(two_people.approve, MATTER)
withdraw = partial(two_people.withdraw, MATTER)


def propose(
    connection: Connection, run: Run, batch_no: str, item: str, line: str, actor: str, reason: str
) -> Sequence[Case]:
    """Notes that `actor` says that a bank line was the payment of an item, and gives it (two_people.propose)."""
    payouts.batch(connection, batch_no)
    cases = two_people.choose(look(connection, run, batch_no, line), batch_no, [item])
    for case in cases:
        if case.state in WAITING and case.line != line:
            raise BadInput(f"{case.name}: {case.line} is proposed as its payment; withdraw that first")
    return two_people.propose(MATTER, connection, run, cases, actor, reason)


def tonight(connection: Connection, run: Run, known: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """(TAKEN: items whose payment a debit is by decisions of this night, sentences about those that cannot be done).

    To be asked once tonight's lines and answers are stored and before any is named. `known`: the differences (KNOWN) as
    people's other decisions of this night leave them.
    """
    events = dict(known.select("discrepancy_id", "last_event").iter_rows())
    matter = replace(MATTER, look=partial(look, events=events))
    return two_people.taken(matter, _each_once(two_people.decided(matter, connection, run)))


def _each_once(cases: Iterator[Case]) -> Iterator[Case]:
    """A line pays one item, and a statement is paid by one line: what a case before has taken is not there any more."""
    lines: dict[str | None, str] = {}
    statements: dict[str, str] = {}
    for case in cases:
        paid = statements.get(case.item["statement_no"])
        if not case.why_not and case.line in lines:
            yield replace(case, why_not=f"{case.line} is the payment of {lines[case.line]} by now")
            continue
        if not case.why_not and paid is not None:
            yield replace(case, why_not=f"{paid} replaces it and is paid by now: the debit is one payment too many")
            continue
        if not case.why_not:
            lines[case.line] = case.name
            statements[case.item["statement_no"]] = case.name
        yield case


def ways_of(connection: Connection, about: Mapping[str, Any]) -> list[str]:
    """The same of what an open difference (a row of `discrepancy` with its last `event`) is about."""
    if about["kind"] not in ("UNKNOWN_DEBIT", "RETURNED", "UNPAID") or about["event"] in CLOSING:
        return []
    line = about["theirs_id"] if about["kind"] == "UNKNOWN_DEBIT" else None
    batches = rows.batches_of(connection, about["discrepancy_id"])
    return [told for batch_no in batches for told in ways(connection, batch_no, line, about["ours_id"])]


def ways(connection: Connection, batch_no: str, line: str | None = None, item: str | None = None) -> list[str]:
    """Sentences about open debits (`line`, or any) that may be payments of a batch (of `item`, or any).

    Of those that somebody has proposed only that, and where one line or item is asked for.
    """
    words = two_people.words(connection, batch_no, people.PAID)
    facts = _facts(connection, batch_no, (), {})
    found = []
    for row in facts.items:
        name, word = row["end_to_end_id"], words.get(row["end_to_end_id"], Word())
        if item not in (None, name) or not_refused(_sent(row)):
            continue
        if word.state in WAITING and word.said is not None:
            own = word.said["line_id"]
            if line == own or item is not None:
                found.append(f"{own} is proposed as the payment of {name} (puhui payout show {batch_no})")
            continue
        for debit in facts.debits.values():
            if line not in (None, debit.line_id) or not debit.may_be(_sent(row), row["account"]):
                continue
            why = facts.why_not(row, debit.line_id, word)
            command = f"puhui payout paid {batch_no} {name} --line {shlex.quote(debit.line_id)} --reason …"
            found.append(
                f"{debit.told}, may be the payment of {name}; " + (f"but {why}" if why else f"if it was: {command}")
            )
    return found
