"""Sponsor shares of award rows (rules.md section 6)."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from rules.amounts import share_fen
from rules.terms import Terms
from settlement.model.frames import AWARD_SHARE

KeptChange = tuple[str, int, Terms, str, int, int]


def award_shares(changes: Iterable[KeptChange]) -> pl.DataFrame:
    """AWARD_SHARE of (transaction_id, line, terms, hq_district, kept before, kept after).

    A row books the change of each share of the kept amount, so that shares sum to the award after every step.
    """
    rows: list[tuple[str, int, int, str, int]] = []
    for transaction_id, line, terms, hq_district, before, after in changes:
        parts = [share.share for share in terms.scheme.funding]
        old, new = share_fen(before, parts), share_fen(after, parts)
        for at, sponsor in enumerate(terms.sponsors):
            name = hq_district if sponsor == "district" else sponsor
            rows.append((transaction_id, line, at + 1, name, new[at] - old[at]))
    return pl.DataFrame(rows, schema=AWARD_SHARE, orient="row")
