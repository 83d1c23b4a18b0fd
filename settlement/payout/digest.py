"""The digest of a statement: SHA-256 of its canonical text, computed from rows alone, so that anyone can check it.

The text is one line of canonical JSON for the statement's own figures, one for each of its lines, then one line per
award and per held award, `transaction_id|line|granted|payable` and `transaction_id|line|reason|expected`, sorted.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date

import polars as pl

_NO = "statement_no"


def _plain(value: object) -> str:
    """A date as ISO text; assert: rows hold nothing else that JSON lacks."""
    assert isinstance(value, date), type(value)
    return value.isoformat()


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no blanks, real characters: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def _json_lines(frame: pl.DataFrame, *order: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in frame.sort(_NO, *order).iter_rows(named=True):
        found.setdefault(row[_NO], []).append(canonical_json(row))
    return found


def _text_lines(frame: pl.DataFrame, *columns: str) -> dict[str, str]:
    texts = [pl.col(name).cast(pl.String).fill_null("") for name in columns]
    lines = frame.sort(_NO, *columns[:2]).select(_NO, text=pl.concat_str(texts, separator="|"))
    joined = lines.group_by(_NO).agg(pl.col("text").str.join("\n"))
    return dict(joined.iter_rows())


def statement_digests(
    statements: pl.DataFrame, lines: pl.DataFrame, awards: pl.DataFrame, held: pl.DataFrame
) -> dict[str, str]:
    """Statement number to digest (hex).

    `statements`: the columns of the table but `digest`; `lines` and `held`: those of their tables; `awards`:
    statement_no, transaction_id, line, granted_fen, payable_fen. Row order does not matter.
    """
    heads = {row[_NO]: canonical_json(row) for row in statements.iter_rows(named=True)}
    figures = _json_lines(lines, "line")
    taken = _text_lines(awards, "transaction_id", "line", "granted_fen", "payable_fen")
    waiting = _text_lines(held, "transaction_id", "line", "reason", "expected_date")
    digests = {}
    for number, head in heads.items():
        parts = [head, *figures.get(number, []), "awards", taken.get(number, ""), "held", waiting.get(number, "")]
        digests[number] = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return digests
