"""pain.002 in, versions .03 to .14: the bank's status report on a pain.001, to PAYMENT_RESULT frames.

Source: ISO 20022 pain.002.001.03 and .10. A status is final or it is not: ACSC and ACCC are paid, RJCT and CANC are
rejected, all others (ACTC, ACCP, ACSP, PDNG, PART, ...) leave the result unknown, since money may still move. Unknown
is also what the report contradicts: final statuses of group, block and item that oppose each other, a reason of refusal
under a paid status, and a refusal because the bank has the like already: the first one may have been paid.

    group   OrgnlGrpInfAndSts                  our message (OrgnlMsgId)
    block   OrgnlPmtInfAndSts                  one PmtInf of it; ours has one, whose PmtInfId is the MsgId
    item    OrgnlPmtInfAndSts/TxInfAndSts      one payment (OrgnlEndToEndId)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from adapters.base import Closing, Context, Parsed
from adapters.payments.pain002_levels import STATUS, Level, Listed, Reason, find, level_of, prove, reason_of, text_of
from adapters.payments.results import BLOCK_BYTES, BLOCK_ROWS, Result, result_frame, settled, shown_reason
from adapters.refused import FileRefusedError
from adapters.safe_xml import GuardedStream, drop, elements, local_name, namespace
from settlement.model.money import parse_amount
from settlement.model.rejects import Reject

_FINAL = {"ACSC": "paid", "ACCC": "paid", "RJCT": "rejected", "CANC": "rejected"}
# behind the version national rules may follow ("pain.002.001.03.ch.02.xsd")
_VERSION = re.compile(r"(?:^|[:/$])pain\.002\.001\.(?:0[3-9]|1[0-4])(?![0-9])", re.ASCII)
_REPORT, _BLOCK, _ITEM = "CstmrPmtStsRpt", "OrgnlPmtInfAndSts", "TxInfAndSts"
_WANTED = ("OrgnlGrpInfAndSts", _ITEM, _BLOCK, _REPORT)
_MAX_NAMELESS = 100_000


def result_of(status: str) -> str:
    """paid, rejected or unknown, of an ISO 20022 status code."""
    return _FINAL.get(status, "unknown")


def read(stream: BinaryIO, context: Context) -> Iterator[Parsed | Closing]:
    """Blocks of results, then the Closing. A report that names no item gives one row without an end_to_end_id."""
    return settled(_Reader(context).read(stream), context.file)


class _BadRowError(Exception):
    def __init__(self, name: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code, self.message = name, code, message


@dataclass(slots=True)
class _Block:
    """The payment block that is being read. `nameless`: its items without an id, while no item of it has one."""

    level: Level
    listed: Listed = field(default_factory=Listed)
    nameless: list[Reject] = field(default_factory=list)


@dataclass(slots=True)
class _Reader:
    context: Context
    group: Level | None = None
    block: _Block | None = None
    listed: Listed = field(default_factory=Listed)
    reports: int = 0
    rows: list[Result] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    records: int = 0
    rejected: int = 0
    skipped: int = 0
    silent: Level | None = None  # the first block about our message that has a status and no item
    said: set[str] = field(default_factory=set)  # the results of all blocks that have a status
    said_of_ours: set[str] = field(default_factory=set)  # of those like `silent`
    others: int = 0  # blocks with a status and no item that are of another name than our message
    contradictory: int = 0
    unlisted: int = 0
    left_over: bool = False  # the group's status is final, some items are listed, and not all of them

    def read(self, stream: BinaryIO) -> Iterator[Parsed | Closing]:
        """Blocks, then the Closing."""
        refused = None
        try:
            yield from self._blocks(GuardedStream(stream, _ITEM))
        except FileRefusedError as error:
            refused = error.reject(self.context.file)
        yield Closing(
            self.records,
            self.records - self.rejected - self.skipped,
            self.rejected,
            self.skipped,
            total_fen=self.listed.every.total,
            notes=self._notes(),
            refused=refused,
        )

    def _blocks(self, guard: GuardedStream) -> Iterator[Parsed]:
        flushed = 0
        for element in elements(guard, _WANTED):
            name = local_name(element)
            span = guard.ranges.popleft() if name == _ITEM and guard.ranges else (-1, -1)
            if _in_place(element, name):
                self._take(element, name, span)
            drop(element)
            guard.progress()
            if len(self.rows) + len(self.rejects) >= BLOCK_ROWS or guard.position - flushed >= BLOCK_BYTES:
                flushed = guard.position
                yield self._flush()
        self._end(guard.position)
        yield self._flush()

    def _flush(self) -> Parsed:
        parsed = Parsed(result_frame(self.rows, self.context.file), self.rejects)
        self.rows, self.rejects = [], []
        return parsed

    def _take(self, element: Any, name: str, span: tuple[int, int]) -> None:
        if name == _REPORT:
            self.reports += 1
            self._only_one(self.reports)
        elif name == _ITEM:
            self._take_item(element, *span)
        elif name == _BLOCK:
            self._end_block(element)
        else:
            self._only_one(1 if self.group is None else 2)
            self._take_group(element)

    def _only_one(self, reports: int) -> None:
        if reports > 1:
            raise FileRefusedError(
                "SEVERAL_REPORTS", "more than one report in the file; send each as a file of its own"
            )

    def _take_group(self, element: Any) -> None:
        """The head of the report; refuses what is not about a pain.001."""
        space = namespace(element)
        if space and _VERSION.search(space) is None:
            raise FileRefusedError("BAD_VERSION", "not pain.002 version 03 to 14; ask the bank for one of these")
        about = find(element, "OrgnlMsgNmId")
        if about is not None and not about.casefold().startswith("pain.001"):
            raise FileRefusedError("WRONG_MESSAGE", "the report is not about a pain.001 (OrgnlMsgNmId); ask the bank")
        group = level_of(element)
        if group.name is None:
            said = shown_reason(group.status, group.reason.text) or "nothing"
            message = f"the report does not say which message it answers (OrgnlMsgId); of that message it says: {said}"
            raise FileRefusedError("NO_MESSAGE_ID", message)
        self.group = group

    def _named(self) -> Level:
        if self.group is None:
            raise FileRefusedError("NO_MESSAGE_ID", "an item before the report says which message it answers")
        return self.group

    # --- items -------------------------------------------------------------------------------------------------------

    def _take_item(self, element: Any, start: int, end: int) -> None:
        group, parent = self._named(), element.getparent()
        if self.block is None and local_name(parent) == _BLOCK:
            self.block = _Block(level_of(parent, _ITEM, start))
        self.records += 1
        try:
            row = self._item(element, group, start, end)
        except _BadRowError as bad:
            reject = Reject(self.context.file, self.records, start, bad.field, bad.code, bad.message)
            if self.block is not None and self._is_described(element, bad.code, self.block):
                self.block.nameless.append(reject)
                return
            self._reject_nameless()
            self._reject(reject)
        else:
            self._reject_nameless()
            self.rows.append(row)

    def _reject(self, *rejects: Reject) -> None:
        self.rejected += len(rejects)
        self.rejects += rejects

    def _reject_nameless(self) -> None:
        """The block has an item of another kind: those before it without an id are rejects."""
        if self.block is not None:
            self._reject(*self.block.nameless)
            self.block.nameless.clear()

    def _is_described(self, element: Any, code: str, block: _Block) -> bool:
        """True while a block names no item by its id: some banks describe items of a block that has one status."""
        alone = block.listed.every.items == len(block.nameless) + 1 <= _MAX_NAMELESS
        same = block.level.status is not None and find(element, "TxSts") in {None, block.level.status}
        return code == "NO_END_TO_END_ID" and alone and same and not reason_of(element).codes

    def _item(self, element: Any, group: Level, start: int, end: int) -> Result:
        block = self.block.level if self.block is not None else None
        own = find(element, "TxSts")
        status = own or (block and block.status) or group.status
        if status is not None and STATUS.fullmatch(status) is None:
            status = None
        amount, wrong = _amount(element)
        (self.listed if self.block is None else self.block.listed).add(status, amount)
        identity = find(element, "OrgnlEndToEndId")
        if identity is None:
            raise _BadRowError("OrgnlEndToEndId", "NO_END_TO_END_ID", "the item has no OrgnlEndToEndId; ask the bank")
        if status is None:
            raise _BadRowError("TxSts", "BAD_STATUS", "not a status; four capital letters, like ACSC or RJCT")
        of = element.find("{*}OrgnlGrpInf/{*}OrgnlMsgId")
        if of is not None and text_of(of) != group.name:
            message = "the item is of another message than the report; ask the bank which one it means"
            raise _BadRowError("OrgnlMsgId", "OTHER_MESSAGE", message)
        if wrong is not None:
            raise wrong
        levels = [level for level in (group, block) if level is not None]
        reason = reason_of(element)
        text = reason.text or _inherited(own, levels)
        result = self._judge(status, reason, levels)
        said = shown_reason(status, text)
        return Result(group.name, identity, amount, result, said, self.records, start, end)

    def _judge(self, status: str, reason: Reason, above: list[Level]) -> str:
        """The result of a status, `unknown` where group and block above it or a reason contradict it."""
        places = [(status, reason), *((level.status, level.reason) for level in above)]
        finals = {_FINAL[said] for said, _ in places if said in _FINAL}
        refused = any(_FINAL.get(said or status) == "paid" and why.is_refusal for said, why in places)
        result = result_of(status)
        if len(finals) > 1 or (result == "paid" and refused):
            self.contradictory += 1
            return "unknown"
        # a level that is not refused itself ("PART: 7 already processed") does not speak of an item that says why it is
        reasons = [why for said, why in places if not reason.is_refusal or result_of(said or status) == result]
        return "unknown" if result == "rejected" and any(why.perhaps_paid for why in reasons) else result

    # --- blocks and the whole message --------------------------------------------------------------------------------

    def _end_block(self, element: Any) -> None:
        """The end of a payment block: its numbers are proven; one without an item by name speaks as a whole."""
        group, level = self._named(), level_of(element)
        block = self.block or _Block(level)
        if level != block.level:
            raise FileRefusedError(
                "BAD_ORDER", "a payment block says its status or numbers behind its items; ask the bank"
            )
        described = len(block.nameless) == block.listed.every.items
        listed = Listed() if described else block.listed  # one description may be of all items together
        prove(block.level, listed)
        self.listed.join(listed)
        self.block = None
        self.skipped += len(block.nameless)
        if level.status is None:
            return
        result = result_of(level.status)
        if result == "rejected" and level.reason.perhaps_paid:  # of what is paid, such words (已入账) say that it is
            result = "unknown"
        self.said.add(result)
        if not described:
            self.unlisted += level.status != "PART" and (level.items or 0) > block.listed.every.items
        elif level.name != group.name:
            self.others += 1
        else:
            self.silent = self.silent or level
            self.said_of_ours.add(result)

    def _end(self, position: int) -> None:
        if self.group is None:
            raise FileRefusedError("NOT_PAIN002", "no pain.002 report in this XML; send the bank's file unchanged")
        prove(self.group, self.listed)
        whole, said = self.silent, self.said_of_ours
        if whole is None and self.records == self.skipped and self.group.status is not None:
            whole, said = self.group, self.said
        elif whole is None and result_of(self.group.status or "") != "unknown":
            self.left_over = (self.group.items or 0) > self.listed.every.items
        if whole is not None and whole.status is not None:
            self._whole(self.group, whole, whole.status, said, position)
        if self.records == self.skipped:
            message = "its blocks are not of our message (OrgnlPmtInfId)" if self.others else "it holds no status"
            raise FileRefusedError("NO_STATUS", f"the report says nothing of our payments: {message}; ask the bank")

    def _whole(self, group: Level, level: Level, status: str, said: set[str], position: int) -> None:
        """A row for what has no row of its own; none where group and blocks oppose each other."""
        finals = self.said | {result_of(group.status or "")}
        if {"paid", "rejected"} <= finals:
            if self.records == self.skipped:
                message = "group and payment blocks say opposite things of the message; ask the bank what became of it"
                raise FileRefusedError("NO_STATUS", message)
            self.contradictory += 1
            return
        self.records += 1
        result = self._judge(status, level.reason, [group])
        if result != "unknown" and not _is_of_all(group, level, result):
            self.contradictory += 1
            result = "unknown"
        if said - {result_of(status)}:
            result = "unknown"
        text = shown_reason(status, level.reason.text)
        total = group.total if level.total is None else level.total
        total = total or None  # 0 is no part of a batch: the bank has not counted what it refused
        self.rows.append(Result(group.name, None, total, result, text, self.records, 0, position))

    def _notes(self) -> tuple[str, ...]:
        told = (
            (self.contradictory, "statuses or reasons that contradict each other: not taken as paid or rejected"),
            (
                self.others,
                "payment blocks of another name than the message (OrgnlPmtInfId): their status has no effect",
            ),
            (
                self.unlisted,
                "payment blocks whose status speaks of items that are not listed: it has no effect on these",
            ),
            (self.left_over, "status of the report speaks of items that are not listed: it has no effect on these"),
        )
        return tuple(f"{int(count)} {text}; ask the bank" for count, text in told if count)


def _is_of_all(group: Level, level: Level, result: str) -> bool:
    """False where a group that is PART, or the numbers by status, say that not every item has the `result`.

    A payment would be paid twice that is rejected with its message, and was not. A block under PART that counts its
    items may be the part that it means.
    """
    if level is not group and group.status == "PART" and not level.declared:
        return False
    for each in (group, level):
        counts = {status: items for status, (items, _) in each.declared.items() if items}
        if {result_of(status) for status in counts} - {result}:
            return False
        if counts and each.items is not None and sum(counts.values()) != each.items:
            return False
    return True


def _in_place(element: Any, name: str) -> bool:
    """True where the element stands where a report has it, and not in what a bank adds of its own (SplmtryData)."""
    above = [local_name(parent) for parent in element.iterancestors()]
    if "SplmtryData" in above:
        return False
    if name == _ITEM and above[:1] == [_BLOCK]:
        del above[0]
    return name == _REPORT or above[:1] == [_REPORT]


def _inherited(own: str | None, levels: list[Level]) -> str | None:
    """The reason that group or block gives for an item without one: where it has their status, or is not paid."""
    block = levels[-1].reason.text if len(levels) > 1 and result_of(own or "") != "paid" else None
    return block or (levels[0].reason.text if own is None else None)


def _amount(element: Any) -> tuple[int | None, _BadRowError | None]:
    """InstdAmt of OrgnlTxRef where the bank repeats it, and what is wrong with it."""
    found = element.find("{*}OrgnlTxRef/{*}Amt/{*}InstdAmt")
    if found is None:
        return None, None
    try:
        amount = parse_amount(text_of(found) or "")
    except ValueError as error:
        return None, _BadRowError("InstdAmt", "BAD_AMOUNT", str(error))
    if found.get("Ccy") != "CNY":
        return amount, _BadRowError("InstdAmt", "OTHER_CURRENCY", "the amount is not in CNY; we pay nothing else")
    return amount, None
