"""What limits count by, as numbers: the code of a key is its window and its parts, each counted in its own place.

Example: 3 days, 400,000 members: `per: [member], window: day` has code = day + 3 · member. Where the places of a kind
would leave KEY_BITS, its codes are numbered as they occur, and that number is a part of its own. Rejected: hashes of
texts (they collide), numbering every kind (it sorts a million keys seven times).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from rules import kernel_batch
from rules.arrays import Numbers
from rules.documents import Key, Window
from rules.layout import KEY_BITS, Ints
from rules.slots import KEY_COLUMN, Slots, days_of, ints


def _months(day: Ints) -> Ints:
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


ROOM = 1 << KEY_BITS
_WINDOWS: dict[Window, Callable[[Ints], Ints]] = {
    "day": lambda day: day,
    "week": lambda day: (day + 3) // 7,  # 1970-01-01 was a Thursday
    "month": _months,
    "quarter": lambda day: _months(day) // 3,
    "year": lambda day: _months(day) // 12,
    "total": np.zeros_like,
}


def key_codes(numbers: Numbers, slots: Slots, usage: pl.DataFrame) -> tuple[Ints, Ints]:
    """(per slot and kind of limit the code of its key, (key, used) of what State has used)."""
    names = [name for name in KEY_COLUMN if any(name in per for per, _ in numbers.shapes)]
    coded = [_part(slots, usage, name) for name in names]
    parts, sizes = [code for code, _ in coded], [size for _, size in coded]
    day = np.concatenate([slots.day, days_of(usage["window_start"])])
    low, high = (int(day.min()), int(day.max())) if len(day) else (0, 0)
    windows = np.zeros((len(numbers.shapes), high - low + 1), np.int64)
    factors = np.zeros((len(numbers.shapes), len(names) + len(numbers.shapes)), np.int64)
    for at, (per, window) in enumerate(numbers.shapes):
        code, room = _from_zero(_WINDOWS[window](np.arange(low, high + 1)))
        used = [names.index(key) for key in per]
        places = [room := room * size for size in (1, *(sizes[n] for n in used))]
        if places[-1] < ROOM:
            windows[at] = code
            factors[at, used] = places[:-1]
        else:
            parts.append(_numbered(code[day - low], [parts[n] for n in used]))
            factors[at, len(parts) - 1] = 1
    table = np.stack(parts) if parts else np.zeros((0, len(day)), np.int64)
    codes = np.empty((len(day), len(numbers.shapes)), np.int64)  # NumPy's, for large pages: see rules.kernel_batch.run
    kernel_batch.codes_of(day - low, table, windows, factors, codes)
    return codes[: slots.count], _opening(numbers, usage, codes[slots.count :])


def _part(slots: Slots, usage: pl.DataFrame, key: Key) -> tuple[Ints, int]:
    """(a code for each sale's value of a key, and behind them for each row of usage; how many codes)."""
    if slots.old or usage.height:
        texts = pl.concat([slots.texts[KEY_COLUMN[key]], usage[KEY_COLUMN[key]]])
        return _from_zero(ints(texts.cast(pl.Categorical).to_physical()))
    # Who is not in the plan has no sale with a candidate: one code for all of them will do while State is empty.
    if key in {"member", "merchant"}:
        code = (slots.member if key == "member" else slots.merchant) + 1
        return code, int(code.max(initial=0)) + 1
    at, owners = (slots.member, slots.members) if key == "org" else (slots.merchant, slots.merchants)
    of_owner = ints(owners[KEY_COLUMN[key]].cast(pl.Categorical).to_physical(), -1)  # blank is a key of its own
    return _from_zero(np.append(of_owner, -1)[at])


def _from_zero(code: Ints) -> tuple[Ints, int]:
    if not len(code):
        return code, 1
    low = int(code.min())
    return code - low, int(code.max()) - low + 1


def _numbered(code: Ints, parts: list[Ints]) -> Ints:
    """A window's code and parts as one number, however many there are of each."""
    for part in parts:
        code = np.unique(code, return_inverse=True)[1].astype(np.int64)
        dense = np.unique(part, return_inverse=True)[1].astype(np.int64)
        code = code * (int(dense.max(initial=0)) + 1) + dense  # below the square of how many rows there are
    return np.unique(code, return_inverse=True)[1].astype(np.int64)


def _opening(numbers: Numbers, usage: pl.DataFrame, codes: Ints) -> Ints:
    """(key, used) of the rows of usage whose limit is one of today."""
    limit_no = _limit_numbers(numbers, usage)
    known = np.flatnonzero(limit_no >= 0)
    shape_of = np.array([numbers.shapes.index((c.per, c.window)) for c in numbers.limits], np.int64)
    limit_no = limit_no[known]
    key = (limit_no << KEY_BITS) | codes[known, shape_of[limit_no]]
    return np.stack([key, ints(usage["used"])[known]], axis=1)


def _limit_numbers(numbers: Numbers, usage: pl.DataFrame) -> Ints:
    """CAP_ID of each row of usage; -1: no limit of today."""
    if not usage.height:
        return np.empty(0, np.int64)
    names = ("scheme", "name", "measure", "per", "window")
    rows = [(c.scope, c.name, c.measure, c.per_text, c.window, at) for at, c in enumerate(numbers.limits)]
    table = pl.DataFrame(rows, schema={**dict.fromkeys(names, pl.String), "at": pl.Int64}, orient="row")
    return ints(usage.join(table, on=names, how="left", maintain_order="left")["at"], -1)
