"""When two people may say that a debit of the bank was a payment, which was called dead or which no statement showed.

The danger is on both sides: a payee that is paid twice, where what replaces the payment leaves too, and one that is
never paid, where the debit was something else. So the debit must be open, of the very amount, and nobody else's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from settlement.model.money import format_yuan
from settlement.model.outcomes import DEAD_RESULTS
from settlement.payout.unpaid import RESULTS, Sent

ALIKE = 3  # so many other items are named beside a proposal


@dataclass(frozen=True, slots=True)
class Debit:
    """A bank line. `names`: the payout item whose number it has. `case`: the UNKNOWN_DEBIT that it is."""

    line_id: str
    account: str
    day: date
    amount_fen: int
    names: str | None
    was: str | None  # what a night made of it, and of whom
    subject: str | None
    undone: bool  # a decision about its statement took it back, or it takes another back
    case: str | None
    event: str | None  # the last one of the case
    promised: str | None  # the item as whose payment people have proposed it already
    is_open: bool

    @property
    def told(self) -> str:
        """As sentences name it."""
        return f"{self.line_id}, {format_yuan(self.amount_fen)} of {self.day}"

    def may_be(self, item: Sent, account: str) -> bool:
        """Whether it may be the payment, by what the line itself says."""
        ours = self.names == item.end_to_end_id or (self.names is None and self.day >= item.execution_date)
        return self.is_open and ours and -self.amount_fen == item.amount_fen and self.account == account


@dataclass(frozen=True, slots=True)
class Other:
    """Another attempt of the same statement that is alive. `left`: it was released."""

    end_to_end_id: str
    batch_no: str
    execution_date: date
    left: bool


def not_awaited(item: Sent) -> str:
    """Why no debit can be named as the payment, whichever it is; "" where one may come yet, or was not expected."""
    if not item.left:
        return "its batch has not left; no debit can be its payment (puhui payout list)"
    return "" if item.result is None or item.result in DEAD_RESULTS else f"{RESULTS[item.result]} (puhui payout show)"


def why_not(
    item: Sent,
    account: str,
    debit: Debit,
    named: Sequence[Debit],
    other: Other | None,
    adjusted: str | None,
    proposed: date | None,
) -> str:
    """Why `debit` may not be called the payment of an item that awaits one (`not_awaited`); "" where it may.

    `named`: the debits that name the item. `other`: what replaces the item. `adjusted`: a difference
    of the item that people closed by an adjustment. `proposed`: as in payout/unpaid.py.
    """
    if why := _not_free(debit) or _not_its(item, account, debit):
        return why
    better = next((one for one in named if one.is_open), None)
    if better is not None and debit.names is None:
        return (
            f"{better.told} names it: propose that line, or decide about {better.case or 'it after this night'} first"
        )
    if other is not None and other.left:
        its = "" if debit.names else "that one's payment, or "
        return (
            f"{other.end_to_end_id} replaces it and has left in {other.batch_no}: the debit is {its}one payment too"
            f" many; ask the bank for it back ({debit.case})"
        )
    if other is not None:
        return (
            f"{other.end_to_end_id} replaces it and is drafted in {other.batch_no}: release that not; its night of"
            f" {other.execution_date} makes it void, propose then"
        )
    if adjusted is not None:
        return f"{adjusted} of it was adjusted, which its payee's statement has by now: explain {debit.case} instead"
    if proposed is not None and item.answer not in (None, "paid") and item.answer_day and item.answer_day >= proposed:
        return f"the bank has called it {item.answer} since ({item.answer_file}); look, withdraw and propose again"
    return ""


def _not_free(debit: Debit) -> str:
    """Why the line is no open difference."""
    if debit.was is not None:
        return f"{debit.line_id} is no open UNKNOWN_DEBIT: it was taken as {debit.was} of {debit.subject}"
    if debit.undone:
        return f"{debit.line_id} was taken back by a restated statement, or takes a line back; it pays nothing"
    if debit.amount_fen >= 0:
        return f"{debit.line_id} is no debit but {format_yuan(debit.amount_fen)} that came in"
    if debit.case is None:
        return f"{debit.line_id} is no UNKNOWN_DEBIT yet; wait for its night"
    if not debit.is_open:
        return f"{debit.line_id} is no open UNKNOWN_DEBIT: it is {debit.event} (puhui recon show {debit.case})"
    return ""


def _not_its(item: Sent, account: str, debit: Debit) -> str:
    """Why the line is no payment of this item."""
    if debit.names not in (None, item.end_to_end_id):
        return f"{debit.line_id} names {debit.names}, another payment (puhui recon show {debit.case})"
    if -debit.amount_fen != item.amount_fen:
        fen = format_yuan(item.amount_fen)
        return f"{debit.told}, is not its amount of {fen}; ask the bank what that is (puhui recon show {debit.case})"
    if debit.account != account:
        return f"{debit.line_id} is of account {debit.account}, and it leaves from {account}"
    if debit.names is None and debit.day < item.execution_date:
        return f"{debit.told}, is from before its execution date {item.execution_date} and does not name it"
    if debit.promised not in (None, item.end_to_end_id):
        return f"{debit.line_id} is proposed as the payment of {debit.promised}; withdraw that first"
    return ""


def doubts(item: Sent, debit: Debit, alike: Sequence[str]) -> list[str]:
    """What does not stop people, but what they should look at first. `alike`: other items whose payment it may be."""
    found = []
    if debit.names is None:
        found.append(f"{debit.told}, names no payment of ours; banks lose numbers, but it may be something else")
        more = ", …" if len(alike) > ALIKE else ""
        found += [f"{debit.line_id} may as well be the payment of {', '.join(alike[:ALIKE])}{more}"] if alike else []
    if item.answer is not None and item.answer != "paid":
        found.append(f"the bank called it {item.answer} in {item.answer_file}")
    return found
