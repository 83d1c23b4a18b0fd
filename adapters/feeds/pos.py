"""The adapter `pos_iso8583`: reader, writer and description together."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.base import Adapter
from adapters.feeds import pos_write
from adapters.feeds.iso_spec import SPECS
from adapters.feeds.pos_iso8583 import NAME, read
from adapters.feeds.pos_settings import PosSettings, pos_settings

_USE = {
    "2": "card_number", "3": "kind (with the message type and 25)", "4": "paid", "7": "natural key, time",
    "11": "stan, natural key", "12": "occurred_at", "13": "occurred_at", "18": "mcc", "25": "kind",
    "32": "natural key", "33": "natural key", "35": "card_number where 2 is absent", "37": "rrn", "38": "auth_code",
    "39": "unsuccessful answers are skipped", "41": "terminal_no", "42": "merchant_no", "49": "currency",
    "54": "claimed (settings)", "60": "batch (terminal body)", "61": "original (terminal body)", "90": "original_key",
}  # fmt: skip


def _describe(settings: Mapping[str, object]) -> str:
    chosen = pos_settings(settings)
    lines = [f"{NAME}: ISO 8583 messages; framing {chosen.framing}, header {chosen.header}, body {chosen.body}"]
    lines += ["settings:"] + [
        f"  {line.strip()}" for line in (PosSettings.__doc__ or "").splitlines()[2:] if line.strip()
    ]
    rows = [("field", "size", "coding", "what", "gives")]
    for name, entry in SPECS[chosen.body].items():
        if name == "h":
            continue
        variable = "L" * (entry["len_type"] if entry["len_enc"] != "bcd" else entry["len_type"] * 2)
        unit = " digits" if entry.get("len_count") == "nibbles" else " bytes"
        rows.append((name, f"{variable}{entry['max_len']}{unit}", entry["data_enc"], entry["desc"], _USE.get(name, "")))
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    table = ["  ".join([*(cell.ljust(widths[n]) for n, cell in enumerate(row[:4])), row[4]]).rstrip() for row in rows]
    return "\n".join([*lines, "", *table]) + "\n"


ADAPTER = Adapter(NAME, "ISO 8583 POS messages", "transaction", read, pos_write.write, _describe)
