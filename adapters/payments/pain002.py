"""pain.002 in, versions .03 to .14: the bank's status report on a pain.001, to PAYMENT_RESULT frames.

Source: ISO 20022 pain.002.001.03 and .10. A status is final or it is not: ACSC and ACCC are paid, RJCT and CANC are
rejected, all others (ACTC, ACCP, ACSP, PDNG, PART, ...) leave the result unknown, since money may still move.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from adapters.base import Closing, Context, Parsed
from adapters.payments.results import BLOCK_ROWS, Result, result_frame
from adapters.safe_xml import GuardedStream, XmlRefusedError, elements, local_name, namespace
from settlement.model.cards import mask_digits
from settlement.model.money import INT64_MAX, parse_amount
from settlement.model.rejects import Reject

_FINAL = {"ACSC": "paid", "ACCC": "paid", "RJCT": "rejected", "CANC": "rejected"}
_STATUS = re.compile(r"[A-Z]{4}", re.ASCII)
# behind the version national rules may follow ("pain.002.001.03.ch.02.xsd")
_VERSION = re.compile(r"(?:^|[:/$])pain\.002\.001\.(?:0[3-9]|1[0-4])(?![0-9])", re.ASCII)
_WANTED = ("OrgnlGrpInfAndSts", "PmtInfSts", "TxInfAndSts", "OrgnlPmtInfAndSts")


def result_of(status: str) -> str:
    """paid, rejected or unknown, of an ISO 20022 status code."""
    return _FINAL.get(status, "unknown")


def read(stream: BinaryIO, context: Context) -> Iterator[Parsed | Closing]:
    """Blocks of results, then the Closing. A report that names no item gives one row without an end_to_end_id."""
    return _Reader(context).read(stream)


class _BadRowError(Exception):
    def __init__(self, name: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code, self.message = name, code, message


@dataclass(slots=True)
class _Reader:
    context: Context
    message_id: str | None = None
    group_status: str | None = None
    group_reason: str | None = None
    block_status: str | None = None
    block_rows: int = 0
    declared: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    rows: list[Result] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    records: int = 0
    rejected: int = 0
    total_fen: int = 0

    def read(self, stream: BinaryIO) -> Iterator[Parsed | Closing]:
        """Blocks, then the Closing."""
        refused = None
        try:
            yield from self._blocks(GuardedStream(stream, "TxInfAndSts"))
        except XmlRefusedError as error:
            refused = Reject(self.context.file, 0, error.byte, "", error.code, error.message)
        accepted = self.records - self.rejected
        yield Closing(self.records, accepted, self.rejected, total_fen=self.total_fen, refused=refused)

    def _blocks(self, guard: GuardedStream) -> Iterator[Parsed]:
        for element in elements(guard, _WANTED):
            match local_name(element):
                case "OrgnlGrpInfAndSts":
                    self._take_group(element)
                case "PmtInfSts":
                    self.block_status = _text(element)
                case "TxInfAndSts":
                    self._take_item(element, *(guard.ranges.popleft() if guard.ranges else (-1, -1)))
                case _:
                    self._end_block(element, guard.position)
            _drop(element)
            guard.progress()
            if len(self.rows) >= BLOCK_ROWS:
                yield self._flush()
        self._end(guard.position)
        yield self._flush()

    def _flush(self) -> Parsed:
        parsed = Parsed(result_frame(self.rows, self.context.file), self.rejects)
        self.rows, self.rejects = [], []
        return parsed

    def _take_group(self, element: Any) -> None:
        """The head of the report; refuses what is not pain.002."""
        space = namespace(element)
        if space and _VERSION.search(space) is None:
            raise XmlRefusedError("BAD_VERSION", "not pain.002 version 03 to 14; ask the bank for one of these")
        self.message_id = _find(element, "OrgnlMsgId")
        self.group_status = _find(element, "GrpSts")
        self.group_reason = _reason(element)
        if self.message_id is None:
            raise XmlRefusedError("NO_MESSAGE_ID", "the report does not say which message it answers (OrgnlMsgId)")
        for child in element:
            if local_name(child) == "NbOfTxsPerSts":
                self._declare(_find(child, "DtldSts"), _find(child, "DtldNbOfTxs"))

    def _declare(self, status: str | None, count: str | None) -> None:
        if status and count:
            try:
                self.declared[status] = parse_amount(count, 0)
            except ValueError:
                raise XmlRefusedError("BAD_TOTAL", "a number of transactions that cannot be read") from None

    def _take_item(self, element: Any, start: int, end: int) -> None:
        if self.message_id is None:
            raise XmlRefusedError("NO_MESSAGE_ID", "an item before the report says which message it answers")
        self.records += 1
        self.block_rows += 1
        try:
            self.rows.append(self._item(element, start, end))
        except _BadRowError as bad:
            self.rejected += 1
            self.rejects.append(Reject(self.context.file, self.records, start, bad.field, bad.code, bad.message))

    def _item(self, element: Any, start: int, end: int) -> Result:
        identity = _find(element, "OrgnlEndToEndId")
        if identity is None:
            raise _BadRowError("OrgnlEndToEndId", "NO_END_TO_END_ID", "the item has no OrgnlEndToEndId; ask the bank")
        status = _find(element, "TxSts") or self.block_status or self.group_status
        if status is None or _STATUS.fullmatch(status) is None:
            raise _BadRowError("TxSts", "BAD_STATUS", "not a status; four capital letters, like ACSC or RJCT")
        self.seen[status] = self.seen.get(status, 0) + 1
        amount = _amount(element)
        if amount is not None:
            self.total_fen = min(self.total_fen + amount, INT64_MAX)
        reason = " ".join(part for part in (status, _reason(element)) if part)
        return Result(self.message_id, identity, amount, result_of(status), reason, self.records, start, end)

    def _end_block(self, element: Any, position: int) -> None:
        """A payment block that reports a status and no item: one row for what has no row of its own."""
        if self.block_rows == 0 and self.block_status:
            self._whole(self.block_status, _reason(element), position)
        self.block_status, self.block_rows = None, 0

    def _end(self, position: int) -> None:
        if self.message_id is None:
            raise XmlRefusedError("NOT_PAIN002", "no pain.002 report in this XML; send the bank's file unchanged")
        for status, count in sorted(self.declared.items()):
            if self.seen.get(status, 0) not in {0, count}:
                message = f"the report declares {count} items {status} and has {self.seen[status]}"
                raise XmlRefusedError("COUNT_MISMATCH", f"{message}; send the whole file again")
        if self.records == 0 and self.group_status:
            self._whole(self.group_status, self.group_reason, position)
        if self.records == 0:
            raise XmlRefusedError("NO_STATUS", "the report holds no status; send the whole file again")

    def _whole(self, status: str, reason: str | None, position: int) -> None:
        self.records += 1
        if _STATUS.fullmatch(status) is None:
            raise XmlRefusedError("BAD_STATUS", "not a status; four capital letters, like ACSC or RJCT")
        said = " ".join(part for part in (status, reason) if part)
        self.rows.append(Result(self.message_id, None, None, result_of(status), said, self.records, 0, position))


def _text(element: Any) -> str | None:
    return (element.text or "").strip() or None


def _find(element: Any, name: str) -> str | None:
    """Text of the first child of that local name."""
    return next((_text(child) for child in element if local_name(child) == name), None)


def _reason(element: Any) -> str | None:
    """Codes and additional information of StsRsnInf, long digit runs masked (a bank may repeat the account)."""
    parts: list[str] = []
    for child in element:
        if local_name(child) != "StsRsnInf":
            continue
        for part in child:
            if local_name(part) == "Rsn" and len(part):
                parts.append(_text(part[0]) or "")
            elif local_name(part) == "AddtlInf":
                parts.append(_text(part) or "")
    return mask_digits(" ".join(part for part in parts if part)) or None


def _amount(element: Any) -> int | None:
    """InstdAmt of OrgnlTxRef where the bank repeats it."""
    found = next((x for x in element.iter("{*}InstdAmt")), None)
    if found is None:
        return None
    try:
        return parse_amount(_text(found) or "")
    except ValueError as error:
        raise _BadRowError("InstdAmt", "BAD_AMOUNT", str(error)) from None


def _drop(element: Any) -> None:
    """Empties a read element and takes its like before it out of the tree."""
    element.clear()
    before = element.getprevious()
    while before is not None and before.tag == element.tag:
        element.getparent().remove(before)
        before = element.getprevious()
