"""What a bank gets back for every delivery of a file: `<name>.<n>.ack` (feeds.md, row `receipt`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from settlement.model.rejects import Reject

Status = Literal["ACCEPTED", "PARTIAL", "REJECTED", "DUPLICATE", "CONFLICT", "SUPERSET"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """One delivery of one file. None: the format declares no such figure, or the file gave none.

    `delivery` counts deliveries of `name` from 1; `received_at` is aware and printed in `timezone`; `chain_head` is the
    digest of the last close record ("" before the first close). `rejects` hold no card number (model/rejects.py).
    """

    name: str
    delivery: int
    sha256: str
    received_at: datetime
    status: Status
    business_date: date
    records_read: int
    records_declared: int | None
    total_read_fen: int | None
    total_declared_fen: int | None
    accepted: int
    rejected: int
    duplicate: int
    quarantined: int
    rejects: tuple[Reject, ...]
    chain_head: str
    timezone: str = "Asia/Shanghai"

    @property
    def skipped(self) -> int:
        """What was read and is no transaction of ours (inquiries, failed sales, a closing 0520): the figures add up."""
        return self.records_read - self.accepted - self.rejected - self.duplicate - self.quarantined


def receipt_name(name: str, delivery: int) -> str:
    """The receipt's own file name: ("ZM20260507.txt", 2) -> "ZM20260507.txt.2.ack"."""
    return f"{name}.{delivery}.ack"


def receipt_json(receipt: Receipt) -> bytes:
    """The receipt as UTF-8 JSON with one field a line in the order of feeds.md, line feeds, and one at the end.

    Totals are whole fen; a reject's `byte` is null where it is unknown.
    """
    assert receipt.received_at.tzinfo is not None, "naive time"
    content = {
        "name": receipt.name,
        "delivery": receipt.delivery,
        "sha256": receipt.sha256,
        "received_at": receipt.received_at.astimezone(ZoneInfo(receipt.timezone)).isoformat(timespec="seconds"),
        "status": receipt.status,
        "business_date": receipt.business_date.isoformat(),
        "records": {"read": receipt.records_read, "declared": receipt.records_declared},
        "total_fen": {"read": receipt.total_read_fen, "declared": receipt.total_declared_fen},
        "accepted": receipt.accepted,
        "rejected": receipt.rejected,
        "duplicate": receipt.duplicate,
        "quarantined": receipt.quarantined,
        "skipped": receipt.skipped,
        "rejects": [
            {
                "record": reject.record,
                "byte": reject.byte if reject.byte >= 0 else None,
                "field": reject.field,
                "code": reject.code,
                "message": reject.message,
            }
            for reject in receipt.rejects
        ],
        "chain_head": receipt.chain_head,
    }
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()
