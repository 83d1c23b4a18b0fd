"""What people say of payments that the bank did not make: one proposes, another approves, the next night does it.

Nothing but a file of the bank ends an item whose result is unknown, and a bank may never send one. The night asks once
more, after its own statements and result files, whether anything speaks against it (settlement/payout/unpaid.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl
from sqlalchemy import Connection

from batch import two_people
from batch.run import Run
from batch.two_people import OPEN, PROPOSED, Case, Matter, Word
from settlement.model.errors import BadInput
from settlement.payout.unpaid import Line, Sent, doubts, why_not
from settlement.store import reference
from settlement.store import two_people as people
from settlement.store import unpaid as rows


def look(connection: Connection, run: Run, batch_no: str) -> list[Case]:
    """Every item of a batch, in order of EndToEndId."""
    found = rows.items(connection, batch_no).to_dicts()
    named: dict[str | None, list[Line]] = {None: []}
    for line in rows.lines(connection, batch_no).to_dicts():
        named.setdefault(line["end_to_end_id"], []).append(Line(**line))
    reached = {account: rows.reached(connection, account) for account in {i["account"] for i in found}}
    calendar, days = reference.calendar(connection, run.last_import), run.config.payout.unpaid_after_days
    words = two_people.words(connection, batch_no, people.UNPAID)
    cases = []
    for row in found:
        sent = Sent(**{name: row[name] for name in Sent.__dataclass_fields__})
        word = words.get(sent.end_to_end_id, Word())
        lines = [*named.get(sent.end_to_end_id, ()), *named[None]]
        why = why_not(sent, lines, reached[row["account"]], days, calendar, word.proposed)
        cases.append(Case(row, word, why, doubts(sent, lines)))
    return cases


MATTER = Matter(people.UNPAID, "unpaid", "payable again", look)
waiting = partial(two_people.waiting, MATTER)
approve = partial(two_people.approve, MATTER)
withdraw = partial(two_people.withdraw, MATTER)


def propose(
    connection: Connection, run: Run, batch_no: str, items: Sequence[str], actor: str, reason: str
) -> Sequence[Case]:
    """Notes that `actor` says the bank did not pay these items, and gives them (two_people.propose)."""
    cases = two_people.picked(MATTER, connection, run, batch_no, items)
    return two_people.propose(MATTER, connection, run, cases, actor, reason)


def possible(connection: Connection, run: Run, batch_no: str, actor: str) -> list[str]:
    """The items of a batch that `actor` may call unpaid, or has; BadInput where there is none."""
    cases = two_people.picked(MATTER, connection, run, batch_no, (), every=True)
    own = {case.name for case in cases if case.state == PROPOSED and case.actor == actor}
    wanted = [case.name for case in cases if not case.why_not and (case.state == OPEN or case.name in own)]
    if not wanted:
        why = next((f", as {case.name}: {case.why_not}" for case in cases if case.why_not), "")
        raise BadInput(f"payout {batch_no}: --all: no payment of it can be meant{why}")
    return wanted


def tonight(connection: Connection, run: Run) -> tuple[pl.DataFrame, list[str]]:
    """(TAKEN: items that are unpaid by decisions of this night, sentences about decisions that cannot be done now).

    To be asked once tonight's lines and answers are stored.
    """
    return two_people.taken(MATTER, two_people.decided(MATTER, connection, run))
