"""What people say of a debit that nothing explains: it was a payment of ours. One proposes, another approves.

A payment that the bank refused, or people called unpaid, is payable again. Where the bank's statement shows its debit
after all, that is an UNKNOWN_DEBIT which holds what replaces it: this is the way out that pays nobody twice. So it is
for a payment that no statement has shown, where the bank lost its number: while the debit is open nobody may call the
payment unpaid, and once it is explained as something else everybody may. The night asks once more, before it names its
own lines, whether anything speaks against it (settlement/payout/paid.py).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import polars as pl
from sqlalchemy import Connection

from batch import two_people
from batch.run import Run
from batch.two_people import PROPOSED, WAITING, Case, Matter, Word
from settlement.model.errors import BadInput
from settlement.payout.paid import ALIKE, Debit, Other, doubts, not_awaited, why_not
from settlement.payout.unpaid import Sent
from settlement.reconciliation.discrepancies import CLOSING
from settlement.store import paid as rows
from settlement.store import payouts
from settlement.store import two_people as people
from settlement.store import unpaid as item_rows


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a batch: its items, debits that may be theirs, what replaces them, adjusted differences.

    `named`: the debits that name an item, by it; `loose`: those that name nothing of ours, by their fen.
    """

    items: list[dict[str, Any]]
    debits: dict[str, Debit]
    named: dict[str, list[Debit]]
    loose: dict[int, list[Debit]]
    others: dict[str, Other]
    adjusted: dict[str, str]

    def awaited(self) -> Iterator[dict[str, Any]]:
        """The items that a debit may still pay."""
        return (row for row in self.items if not not_awaited(_sent(row)))

    def why_not(self, row: dict[str, Any], line: str, word: Word) -> str:
        """Why the line may not be called the payment of an item."""
        if why := not_awaited(_sent(row)):
            return why
        if line not in self.debits:
            return f"there is no bank line {line}; `puhui recon list --kind UNKNOWN_DEBIT` and `recon show` name them"
        name = row["end_to_end_id"]
        facts = (self.named.get(name, ()), self.others.get(name), self.adjusted.get(name), word.proposed)
        return why_not(_sent(row), row["account"], self.debits[line], *facts)

    def doubts(self, row: dict[str, Any], line: str) -> list[str]:
        """What people should look at before they say it."""
        debit = self.debits[line]
        alike = (
            other["end_to_end_id"]
            for other in self.awaited()
            if other is not row and debit.names is None and debit.may_be(_sent(other), other["account"])
        )
        return doubts(_sent(row), debit, list(islice(alike, ALIKE + 1)))

    def may_be(self, row: dict[str, Any]) -> Iterator[Debit]:
        """Debits that may be the payment of an item, by what they say; first those that name it."""
        found = [*self.named.get(row["end_to_end_id"], ()), *self.loose.get(row["amount_fen"], ())]
        return (debit for debit in found if debit.may_be(_sent(row), row["account"]))


def _sent(row: dict[str, Any]) -> Sent:
    return Sent(**{name: row[name] for name in Sent.__dataclass_fields__})


def _facts(connection: Connection, batch_no: str, lines: Sequence[str], events: Mapping[str, str | None]) -> _Facts:
    """`events`: the last events of differences as this night has them, which are not stored yet."""
    debits = {}
    for row in rows.debits(connection, batch_no, lines).to_dicts():
        row["event"] = events.get(row["case"], row["event"])
        is_open = row["event"] not in CLOSING and row["was"] is None and not row["undone"]
        debits[row["line_id"]] = Debit(**row, is_open=is_open)
    named: dict[str, list[Debit]] = {}
    loose: dict[int, list[Debit]] = {}
    for debit in debits.values():
        if debit.names is not None:
            named.setdefault(debit.names, []).append(debit)
        else:
            loose.setdefault(-debit.amount_fen, []).append(debit)
    others: dict[str, Other] = {}
    for row in rows.others(connection, batch_no).to_dicts():
        name = row.pop("end_to_end_id")
        others.setdefault(name, Other(row.pop("other"), **row))
    cases = rows.cases(connection, batch_no).iter_rows()
    adjusted = {name: case for name, case, event in cases if events.get(case, event) == "adjusted"}
    items = item_rows.items(connection, batch_no).to_dicts()
    return _Facts(items, debits, named, loose, others, adjusted)


def look(
    connection: Connection,
    _run: Run,
    batch_no: str,
    meant: Mapping[str, str] | None = None,
    events: Mapping[str, str | None] | None = None,
) -> list[Case]:
    """Every item of a batch, in order of EndToEndId; `meant`: lines by item where nobody has named one yet."""
    words = two_people.words(connection, batch_no, people.PAID)
    said = {name: word.said["line_id"] for name, word in words.items() if word.said and word.state in WAITING}
    lines = {**(meant or {}), **said}
    facts = _facts(connection, batch_no, sorted(set(lines.values())), events or {})
    cases = []
    for row in facts.items:
        name = row["end_to_end_id"]
        word, line = words.get(name, Word()), lines.get(name)
        why = not_awaited(_sent(row)) if line is None else facts.why_not(row, line, word)
        cases.append(Case(row, word, why, facts.doubts(row, line) if line in facts.debits else [], line))
    return cases


MATTER = Matter(people.PAID, "paid", "paid", look)
waiting = partial(two_people.waiting, MATTER)
approve = partial(two_people.approve, MATTER)
withdraw = partial(two_people.withdraw, MATTER)


def propose(
    connection: Connection, run: Run, batch_no: str, lines: Mapping[str, str], actor: str, reason: str
) -> Sequence[Case]:
    """Notes that `actor` says that bank lines were the payments of items (`lines`: by item), and gives those."""
    payouts.batch(connection, batch_no)
    cases = two_people.choose(look(connection, run, batch_no, lines), batch_no, list(lines))
    for case in cases:
        if case.line != lines[case.name]:
            raise BadInput(f"{case.name}: {case.line} is proposed as its payment; withdraw that first")
    return two_people.propose(MATTER, connection, run, cases, actor, reason)


def possible(connection: Connection, batch_no: str, actor: str) -> dict[str, str]:
    """By item the debit that names it and that `actor` may call its payment, or has; BadInput where there is none."""
    payouts.batch(connection, batch_no)
    words = two_people.words(connection, batch_no, people.PAID)
    facts = _facts(connection, batch_no, (), {})
    found, whys = {}, []
    for row in facts.awaited():
        name, word = row["end_to_end_id"], words.get(row["end_to_end_id"], Word())
        if word.state in WAITING:
            if word.said and word.state == PROPOSED and word.said["actor"] == actor:
                found[name] = word.said["line_id"]
            continue
        for debit in facts.may_be(row):
            why = facts.why_not(row, debit.line_id, word)
            if debit.names is not None and not why:
                found.setdefault(name, debit.line_id)
            elif debit.names is not None:
                whys.append(f", as {name}: {why}")
    if not found:
        raise BadInput(f"payout {batch_no}: --all: no payment of it can be meant{''.join(whys[:1])}")
    return found


def tonight(connection: Connection, run: Run, known: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """(TAKEN: items whose payment a debit is by decisions of this night, sentences about those that cannot be done).

    To be asked once tonight's lines and answers are stored and before any is named. `known`: the differences (KNOWN) as
    people's other decisions of this night leave them.
    """
    events = dict(known.select("discrepancy_id", "last_event").iter_rows())
    matter = replace(MATTER, look=partial(look, events=events))
    return two_people.taken(matter, _each_once(two_people.decided(matter, connection, run)))


def _each_once(cases: Iterator[Case]) -> Iterator[Case]:
    """A statement is paid by one attempt: what a case before has taken is not there any more."""
    paid: dict[str, str] = {}
    for case in cases:
        before = paid.get(case.item["statement_no"])
        if before is not None and not case.why_not:
            yield replace(case, why_not=f"{before} replaces it and is paid by now: the debit is one payment too many")
            continue
        if not case.why_not:
            paid[case.item["statement_no"]] = case.name
        yield case


def ways_of(connection: Connection, about: Mapping[str, Any]) -> Iterator[str]:
    """The same of what an open difference (a row of `discrepancy` with its last `event`) is about."""
    if about["kind"] not in ("UNKNOWN_DEBIT", "RETURNED", "UNPAID") or about["event"] in CLOSING:
        return
    line = about["theirs_id"] if about["kind"] == "UNKNOWN_DEBIT" else None
    for batch_no in rows.batches_of(connection, about["discrepancy_id"]):
        yield from ways(connection, batch_no, line, about["ours_id"])


def ways(connection: Connection, batch_no: str, line: str | None = None, item: str | None = None) -> Iterator[str]:
    """Sentences about open debits (`line`, or any) that may be payments of a batch (of `item`, or any).

    Of those that somebody has proposed only that, and where one line or item is asked for. Of amounts that everybody
    gets there are very many: take as many as are needed.
    """
    words = two_people.words(connection, batch_no, people.PAID)
    facts = _facts(connection, batch_no, (), {})
    for row in facts.awaited():
        name, word = row["end_to_end_id"], words.get(row["end_to_end_id"], Word())
        if item not in (None, name):
            continue
        if word.state in WAITING and word.said is not None:
            own = word.said["line_id"]
            if line == own or item is not None:
                yield f"{own} is proposed as the payment of {name} (puhui payout show {batch_no})"
            continue
        for debit in facts.may_be(row):
            if line not in (None, debit.line_id):
                continue
            why = facts.why_not(row, debit.line_id, word)
            command = f"puhui payout paid {batch_no} {name} --line {shlex.quote(debit.line_id)} --reason …"
            so = f"but {why}" if why else f"if it was: {command}"
            yield f"{debit.told}, may be the payment of {name}; {so}"
