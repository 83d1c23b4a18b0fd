"""Receipts: every field of feeds.md, in its order, the same bytes for the same delivery."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from adapters.documents import Receipt, receipt_json, receipt_name
from settlement.model.rejects import Reject

RECEIPT = Receipt(
    name="ZM20260507.txt",
    delivery=2,
    sha256="0f" * 32,
    received_at=datetime(2026, 5, 7, 16, 5, 9, 123456, tzinfo=UTC),
    status="PARTIAL",
    business_date=date(2026, 5, 8),
    records_read=8,
    records_declared=4,
    total_read_fen=123_456,
    total_declared_fen=None,
    accepted=1,
    rejected=2,
    duplicate=0,
    quarantined=0,
    rejects=(
        Reject("ZM20260507.txt", 2, 120, "日期", "BAD_DATE", "no such day; write YYYYMMDD"),
        Reject("ZM20260507.txt", 0, -1, "", "TRAILER", "count differs"),
    ),
    chain_head="ab" * 32,
)

EXPECTED = """{
  "name": "ZM20260507.txt",
  "delivery": 2,
  "sha256": "SHA",
  "received_at": "2026-05-08T00:05:09+08:00",
  "status": "PARTIAL",
  "business_date": "2026-05-08",
  "records": {
    "read": 8,
    "declared": 4
  },
  "total_fen": {
    "read": 123456,
    "declared": null
  },
  "accepted": 1,
  "rejected": 2,
  "duplicate": 0,
  "quarantined": 0,
  "skipped": 5,
  "rejects": [
    {
      "record": 2,
      "byte": 120,
      "field": "日期",
      "code": "BAD_DATE",
      "message": "no such day; write YYYYMMDD"
    },
    {
      "record": 0,
      "byte": null,
      "field": "",
      "code": "TRAILER",
      "message": "count differs"
    }
  ],
  "chain_head": "HEAD"
}
""".replace("SHA", "0f" * 32).replace("HEAD", "ab" * 32)


def test_the_whole_receipt() -> None:
    assert receipt_json(RECEIPT).decode() == EXPECTED
    assert json.loads(receipt_json(RECEIPT))["rejects"][0]["field"] == "日期"


def test_its_name() -> None:
    assert receipt_name("ZM20260507.txt", 2) == "ZM20260507.txt.2.ack"


def test_an_instant_without_a_zone_is_a_programmers_error() -> None:
    with pytest.raises(AssertionError, match="naive time"):
        receipt_json(replace(RECEIPT, received_at=datetime(2026, 5, 7)))
