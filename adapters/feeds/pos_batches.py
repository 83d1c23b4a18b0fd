"""Several closing 0520 messages in one file of POS messages: each proves a batch of its own.

Under `reconciliation: batches` a 0520 declares what stands between it and the 0520 before it, under `terminals` what
its terminal (DE41 and DE42) has sent since its last. What no 0520 closes refuses the file: a batch that was cut shows.
That a whole batch is missing behind the last 0520 cannot show, so that a source has to be set to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from adapters.feeds.byte_cells import Ints
from adapters.feeds.framing import Messages
from adapters.feeds.pos_fields import TOTALS, Stated
from adapters.refused import FileRefusedError

Compare = Callable[[dict[str, int], dict[str, int], Stated, tuple[int, int]], None]


@dataclass(slots=True)
class _Open:
    """What one terminal (or the file) has sent since its last 0520, and what that declared."""

    numbers: Counter[str] = field(default_factory=Counter)
    amounts: Counter[str] = field(default_factory=Counter)
    place: tuple[int, int] = (0, -1)  # record and byte of the first of it
    last: Stated | None = None


@dataclass(slots=True)
class Batches:
    """The batches of a file so far; `compare` refuses one that is not as its 0520 declares."""

    compare: Compare
    terminals: dict[str, _Open] = field(default_factory=dict)
    declared: Counter[str] = field(default_factory=Counter)  # by all of them together
    whole: bool = True  # each has declared all totals

    def add(self, rows: pl.DataFrame, closings: Ints, stated: list[Stated], block: Messages) -> None:
        """The messages of a block (terminal, kind, fen, counted, again: a 0521), closed by those in `closings`.

        FileRefusedError: a batch is not as declared.
        """
        closes = np.zeros(rows.height, np.int64)
        closes[closings] = 1
        rows = rows.with_row_index("row").with_columns(closes=pl.Series(closes))
        rows = rows.with_columns(batch=pl.col("closes").cum_sum().over("terminal") - pl.col("closes"))
        groups = rows.filter("counted").group_by("terminal", "batch", "kind")
        sums = groups.agg(count=pl.len(), fen=pl.col("fen").sum(), row=pl.col("row").min())
        parts: dict[tuple[str, int], list[tuple[str | None, int, int, int]]] = {}
        for terminal, batch, *part in sums.iter_rows():
            parts.setdefault((terminal, batch), []).append((part[0], part[1], part[2], part[3]))
        ends = rows[closings]["terminal", "batch", "row", "again"].iter_rows()
        for (terminal, batch, row, again), given in zip(ends, stated, strict=True):
            self._take(terminal, parts.pop((terminal, batch), []), block)
            known = self.terminals[terminal]
            if not (again and not known.numbers and given == known.last):
                self._close(terminal, given, (block.first_record + row, int(block.file_starts[row])))
        for (terminal, _), rest in parts.items():
            self._take(terminal, rest, block)

    def _take(self, terminal: str, parts: list[tuple[str | None, int, int, int]], block: Messages) -> None:
        known = self.terminals.setdefault(terminal, _Open())
        if parts and not known.numbers:
            row = min(row for *_, row in parts)
            known.place = block.first_record + row, int(block.file_starts[row])
        for kind, count, fen, _ in parts:
            known.numbers[str(kind)] += count
            known.amounts[str(kind)] += fen

    def _close(self, terminal: str, given: Stated, place: tuple[int, int]) -> None:
        known = self.terminals[terminal]
        if not given:
            raise FileRefusedError("BAD_TRAILER", "a closing 0520 declares no totals: it proves no batch", *place[::-1])
        self.compare(dict(known.numbers), dict(known.amounts), given, place)
        self.whole &= len(given) == len(TOTALS)
        self.declared.update({element: value or 0 for element, value in given.items()})
        self.terminals[terminal] = _Open(last=given)

    def check_closed(self) -> None:
        """FileRefusedError: messages that no 0520 has closed."""
        places = [known.place for known in self.terminals.values() if known.numbers]
        if places:
            message = "no closing 0520 stands behind this message; its batch was cut, or its 0520 is missing"
            raise FileRefusedError("NO_END_MARK", message, *min(places)[::-1])
