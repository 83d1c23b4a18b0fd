"""The adapter `pos_iso8583`: reader, writer and description together."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.base import Adapter
from adapters.description import Part, lines
from adapters.feeds import pos_write
from adapters.feeds.canonical import OPERATIONS
from adapters.feeds.pos_iso8583 import NAME, read
from adapters.feeds.pos_settings import PosSettings, pos_settings
from adapters.feeds.pos_shown import NOTES, TERMINAL_NOTES, USE, coding_words, show, size_words


def _describe(settings: Mapping[str, object]) -> list[Part]:
    chosen = pos_settings(settings)
    head = [f"{NAME}: ISO 8583 messages; framing {chosen.framing}, header {chosen.header}, body {chosen.body}"]
    said = [f"  {line[4:]}" for line in (PosSettings.__doc__ or "").splitlines()[2:] if line.strip()]
    values = [(name, ",".join(v) if isinstance(v, tuple) else str(v)) for name, v in chosen if v != ""]
    force = Part("in force (--set changes it)", ("setting", "value"), values)
    rows = [
        (name, size_words(entry), coding_words(entry), entry["desc"], USE.get(name, ""))
        for name, entry in chosen.spec.items()
        if name != "h"
    ]
    kinds = Part("kinds", ("message type", "DE3", "what", "kind"), OPERATIONS)
    fields = Part("", ("field", "size", "coding", "what", "gives"), rows)
    notes = [f"note: {note}" for note in (*NOTES, *(TERMINAL_NOTES if chosen.body == "pos" else ()))]
    return [lines("", head), lines("settings:", said), force, kinds, fields, lines("", notes)]


ADAPTER = Adapter(NAME, "ISO 8583 POS messages", "transaction", read, pos_write.write, _describe, show)
