"""When two people may say that the bank did not pay an item: its statement is payable again then, in a new item.

The danger is to pay twice, so nothing may stand against it: no line of any statement, no word of the bank since the
proposal, and the account's statements must reach as many banking days past the item's as a late booking takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from settlement.model.dates import Calendar
from settlement.model.money import format_yuan

RESULTS = {"paid": "the bank paid it", "returned": "the bank returned it", "rejected": "the bank refused it",
           "unpaid": "it is unpaid by decision"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A debit or credit of the bank's that may be an item's. `case`: the discrepancy that it is, open or closed."""

    line_id: str
    day: date
    amount_fen: int
    end_to_end_id: str | None
    case: str | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """An item as the bank's files leave it. `since`: its execution date, or the night that took its payment back."""

    end_to_end_id: str
    amount_fen: int
    batch_fen: int
    left: bool  # its batch was released and the file was written
    result: str | None  # the last one; null: none, or unknown
    since: date
    execution_date: date
    answer: str | None  # the last word of a result file, with its night and name
    answer_day: date | None
    answer_file: str | None


def lines_about(item: Sent, lines: Iterable[Line]) -> list[Line]:
    """Those of `lines` that name the item; and debits since its date that name nothing of ours and may be or hold it.

    An open one may be of any amount from the item's on, for a bank may book a batch, or what it paid of one, in one
    line; of those that people have closed as something else, only its amount or its whole batch's is told.
    """
    amounts = {-item.amount_fen, -item.batch_fen}

    def may_hold(line: Line) -> bool:
        enough = -line.amount_fen >= item.amount_fen if line.is_open else line.amount_fen in amounts
        return line.end_to_end_id is None and enough and line.day >= item.execution_date

    return [line for line in lines if line.end_to_end_id == item.end_to_end_id or may_hold(line)]


def why_not(
    item: Sent, lines: Iterable[Line], reached: date | None, after_days: int, calendar: Calendar, proposed: date | None
) -> str:
    """Why the item may not be called unpaid; "" where it may.

    `lines`: bank lines that nothing explains. `reached`: the newest day of the account's statements. `proposed`: the
    business date of the proposal that is approved or taken now; a word of the bank since then speaks against it.
    """
    if not item.left:
        return "its batch has not left; it is paid by nobody (puhui payout list)"
    about = lines_about(item, lines)
    if item.result is not None:
        late = next((one for one in about if one.is_open and one.amount_fen == -item.amount_fen), None)
        way = f"; if {late.line_id} was the payment, `puhui payout paid` says so" if late else ""
        return f"{RESULTS[item.result]}{way} (puhui payout show)"
    out = -sum(line.amount_fen for line in about if line.end_to_end_id is not None)  # less what the bank gave back
    for line in about:
        said = f"{line.line_id}, {format_yuan(line.amount_fen)} of {line.day}"
        if line.end_to_end_id is not None and line.amount_fen < 0 < out:
            return f"a bank line names it ({said}); ask the bank what that is"
        if line.is_open:
            case = line.case or "this night's"
            return f"a bank line that nobody has explained may be it ({said}); decide about {case} first"
    if reached is None:
        return "no statement of its account has come; wait for one"
    # counted back from what is there: days to come may lie beyond the calendar
    passed = calendar.workdays_between(item.since, reached)
    if passed < after_days:
        return (
            f"the bank may still show it; statements reach {reached}, {passed} of {after_days} banking days past"
            f" {item.since}: wait"
        )
    if proposed is not None and item.answer_day is not None and item.answer_day >= proposed:
        return f"the bank has called it {item.answer} since ({item.answer_file}); look, withdraw and propose again"
    return ""


def doubts(item: Sent, lines: Iterable[Line]) -> list[str]:
    """What does not stop people, but what they should look at before they say that the bank did not pay."""
    found = [
        f"{line.line_id} of {line.day}, {format_yuan(line.amount_fen)}, was closed as something else ({line.case})"
        for line in lines_about(item, lines)
        if not line.is_open
    ]
    if item.answer == "paid":
        found.append(f"the bank called it paid in {item.answer_file}, and no statement shows it")
    return found
