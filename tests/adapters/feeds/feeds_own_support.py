"""A layout of one's own, for tests: its fields, and reading lines by it."""

from __future__ import annotations

import feeds_support as s

CARD = "2150001234567890123"
FIELDS = [
    {"name": "kind", "required": True, "values": {"S": "SALE", "R": "REFUND"}},
    {"name": "card_number", "type": "card", "required": True},
    {"name": "occurred_at", "type": "datetime", "format": "YYYYMMDDhhmmss", "required": True},
    {"name": "paid", "type": "amount"},
    {"name": "rrn"},
    {"name": "bonus", "type": "amount"},
]
RAIL = {"name": "rail", "values": {"P": "purse", "B": "bank_account"}}
PLACES = ((1, 1), (2, 19), (21, 14), (35, 6), (41, 2))
FIXED = {
    "format": "own", "title": "own", "shape": "fixed", "encoding": "gb18030", "newline": "lf", "separator": " ",
    "key": ["rrn"],
    "record": {"fields": [
        field | {"start": start, "length": size} for field, (start, size) in zip(FIELDS, PLACES, strict=False)
    ]},
}  # fmt: skip
ROW = f"S|{CARD}|20260507093015|100|R1|5"


def read(*lines, fields=(), settings=None, encoding="gb18030", **layout):
    base = {"format": "own", "title": "own", "shape": "delimited", "encoding": encoding, "newline": "lf",
            "separator": "|", "key": ["rrn"], "record": {"fields": [*FIELDS, *fields]}}  # fmt: skip
    given = s.context("X", "own", s.DAY, layout=base | layout, **(settings or {"rail": "purse"}))
    frame, rejects, closing = s.read("citizen_card", "\n".join(lines).encode("gb18030"), given)
    return frame, [(r.record, r.field, r.code) for r in rejects], closing.refused, closing, given
