"""What a pain.002 says above its items: group or payment block, its status and what it declares of the items below.

The group (OrgnlGrpInfAndSts) speaks of the whole pain.001, a block (OrgnlPmtInfAndSts) of one PmtInf of it. Both may
declare how many items there were (OrgnlNbOfTxs, OrgnlCtrlSum) and how many have which status (NbOfTxsPerSts). A bank
that reports by exception declares items and lists none of that status; it never lists more than it declares.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from adapters.payments.results import perhaps_paid
from adapters.refused import FileRefusedError
from adapters.safe_xml import local_name
from settlement.model.cards import shown_total
from settlement.model.money import INT64_MAX, parse_amount

STATUS = re.compile(r"[A-Z]{4}", re.ASCII)
# ISO's reasons of a refusal or return are two letters and two digits; DS are signatures, DS07 "processing is fine"
_REFUSAL = re.compile(r"(?!DS)[A-Z]{2}[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reason:
    """StsRsnInf of one place: its codes, codes and texts as people read them, and the texts with nothing between.

    Banks cut a text into lines of 35 or 105 characters, within words too.
    """

    codes: tuple[str, ...]
    text: str | None
    run: str

    @property
    def perhaps_paid(self) -> bool:
        """True where what the bank refuses may have been paid, by its words."""
        return perhaps_paid(self.text) or perhaps_paid(self.run)

    @property
    def is_refusal(self) -> bool:
        """True where a code says why something was not paid."""
        return any(_REFUSAL.fullmatch(code) for code in self.codes)


@dataclass(slots=True)
class Tally:
    """Items that were met: how many, their sum, how many of them without an amount."""

    items: int = 0
    total: int = 0
    blank: int = 0

    def join(self, other: Tally) -> None:
        """Those items too."""
        self.items += other.items
        self.total = min(self.total + other.total, INT64_MAX)
        self.blank += other.blank


@dataclass(slots=True)
class Listed:
    """Items listed below a group or block, all and by status."""

    every: Tally = field(default_factory=Tally)
    by_status: dict[str, Tally] = field(default_factory=dict)

    def add(self, status: str | None, amount: int | None) -> None:
        """One more item; its status is None where it cannot be read."""
        one = Tally(1, amount or 0, int(amount is None))
        self.every.join(one)
        if status is not None:
            self.by_status.setdefault(status, Tally()).join(one)

    def join(self, other: Listed) -> None:
        """Those items too."""
        self.every.join(other.every)
        for status, tally in other.by_status.items():
            self.by_status.setdefault(status, Tally()).join(tally)


@dataclass(frozen=True, slots=True)
class Level:
    """Group or block. `declared`: status -> (number of items, their sum or None)."""

    what: str
    name: str | None
    status: str | None
    reason: Reason
    items: int | None
    total: int | None
    declared: dict[str, tuple[int, int | None]]
    line: int = field(compare=False)  # where it begins; libxml2 does not know it for certain behind 65535
    byte: int = field(default=-1, compare=False)  # of its first item, where there is one

    @property
    def shown(self) -> str:
        """What it is, for messages."""
        return f"{self.what} (line {self.line})"


def level_of(element: Any, before: str = "", byte: int = -1) -> Level:
    """The Level of an OrgnlGrpInfAndSts or an OrgnlPmtInfAndSts. Refuses what cannot be read in it.

    `before`: only what stands before its first child of that name (the parser may have read beyond it), at `byte`.
    """
    parts = list(takewhile(lambda child: local_name(child) != before, element))
    group = local_name(element) == "OrgnlGrpInfAndSts"
    status = find(parts, "GrpSts" if group else "PmtInfSts")
    if status is not None and STATUS.fullmatch(status) is None:
        raise FileRefusedError("BAD_STATUS", "not a status; four capital letters, like ACSC or RJCT")
    what = "report" if group else "payment block"
    declared: dict[str, tuple[int, int | None]] = {}
    for child in parts:
        if local_name(child) == "NbOfTxsPerSts":
            of, items = find(child, "DtldSts"), _number(child, "DtldNbOfTxs", 0)
            if of is None or items is None:
                continue
            if declared.setdefault(of, (items, _number(child, "DtldCtrlSum", 2)))[0] != items:
                raise FileRefusedError("COUNT_MISMATCH", f"the {what} declares two numbers of items {of}; ask the bank")
    return Level(
        what,
        find(parts, "OrgnlMsgId" if group else "OrgnlPmtInfId"),
        status,
        reason_of(parts),
        _number(parts, "OrgnlNbOfTxs", 0),
        _number(parts, "OrgnlCtrlSum", 2),
        declared,
        element.sourceline,
        byte,
    )


def _number(element: Iterable[Any], name: str, digits: int) -> int | None:
    text = find(element, name)
    try:
        return None if text is None else parse_amount(text, digits)
    except ValueError:
        raise FileRefusedError("BAD_TOTAL", "a number or sum of transactions that cannot be read") from None


def prove(level: Level, listed: Listed) -> None:
    """Refuses the file where the items listed contradict what the level declares of them, or it contradicts itself."""
    every, promised = listed.every, sum(items for items, _ in level.declared.values())
    if level.items is not None and max(every.items, promised) > level.items:
        raise _miscounted(level, f"{level.items} items", max(every.items, promised))
    _prove_sum(level, level.total, every, complete=every.items == level.items)
    if not level.declared:
        return
    for status, tally in listed.by_status.items():
        items, total = level.declared.get(status, (0, None))
        if tally.items != items:
            raise _miscounted(level, f"{items} items {status}", tally.items)
        _prove_sum(level, total, tally, complete=True)
    sums = [total for _, total in level.declared.values()]
    known = sum(total for total in sums if total is not None)
    _prove_sum(level, level.total, Tally(promised, known, sums.count(None)), complete=promised == level.items)


def _miscounted(level: Level, declared: str, found: int) -> FileRefusedError:
    message = f"the {level.shown} declares {declared} and has {found}; send the whole file again"
    return FileRefusedError("COUNT_MISMATCH", message, level.byte)


def _prove_sum(level: Level, total: int | None, tally: Tally, *, complete: bool) -> None:
    """`complete`: these are all the items that `total` is the sum of; else they may not sum to more."""
    if total is None or tally.items == 0:
        return
    if tally.total > total or (complete and not tally.blank and tally.total != total):
        message = f"the {level.shown} declares {shown_total(total)}, its items sum to {shown_total(tally.total)}"
        raise FileRefusedError("TOTAL_MISMATCH", f"{message}; send the whole file again", level.byte)


def reason_of(element: Iterable[Any]) -> Reason:
    """Codes and additional information of StsRsnInf."""
    codes: list[str] = []
    parts: list[str] = []
    lines: list[str] = []
    for child in element:
        if local_name(child) != "StsRsnInf":
            continue
        for part in child:
            if local_name(part) == "Rsn" and len(part):
                codes.append(text_of(part[0]) or "")
                parts.append(codes[-1])
            elif local_name(part) == "AddtlInf":
                lines.append(text_of(part) or "")
                parts.append(lines[-1])
    return Reason(tuple(codes), " ".join(part for part in parts if part) or None, "".join(lines))


def text_of(element: Any) -> str | None:
    """The element's text without blanks around it, None where there is none."""
    return (element.text or "").strip() or None


def find(element: Iterable[Any], name: str) -> str | None:
    """Text of the first child of that local name."""
    return next((text_of(child) for child in element if local_name(child) == name), None)
