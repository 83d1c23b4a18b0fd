"""What must hold of any rating, tried on the oracle itself: an oracle that is wrong helps nobody."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import pytest

from tests.oracle.generate import town
from tests.oracle.oracle_roster import Transaction, read_transactions
from tests.oracle.oracle_sale import entitlement_used, used
from tests.oracle.oracle_text import fen
from tests.oracle.rate_oracle import Award, Oracle

SEEDS = range(5000, 5025)


def signed(text: str) -> int:
    return -fen(text[1:]) if text.startswith("-") else fen(text)


def laid_out(seed: int, folder: Path, batches: int | None = None) -> tuple[Oracle, list[list[Transaction]]]:
    runs = town(seed, batches).write(folder)
    return Oracle(folder / "first"), [read_transactions(path) for _, path in runs]


def sums_per_award(oracle: Oracle, rows: list[Award]) -> dict[tuple[str, str], int]:
    """(sale, scheme) -> the sum of its rows, read from the rows alone."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        sale = oracle.rated[row["transaction_id"]].sale if row["transaction_id"] in oracle.rated else None
        if sale is not None and row["scheme"]:
            sums[sale.id, row["scheme"]] += signed(row["granted"])
    return sums


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stream_cut_in_time_gives_the_rows_of_the_whole(seed: int, tmp_path: Path) -> None:
    cut, batches = laid_out(seed, tmp_path / "town", batches=3)
    whole = Oracle(tmp_path / "town" / "first").rate([t for batch in batches for t in batch])
    assert [row for batch in batches for row in cut.rate(batch)] == whole


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_a_file_does_not_matter(seed: int, tmp_path: Path) -> None:
    one, batches = laid_out(seed, tmp_path / "town")
    other = Oracle(tmp_path / "town" / "first")
    for batch in batches:
        assert one.rate(batch) == other.rate(random.Random(seed).sample(batch, len(batch)))


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_add_up_to_what_is_kept_and_shares_to_rows(seed: int, tmp_path: Path) -> None:
    oracle, batches = laid_out(seed, tmp_path / "town")
    rows = [row for batch in batches for row in oracle.rate(batch)]
    for row in rows:
        parts = [signed(part.rpartition("=")[2]) for part in row["sponsors"].split("|") if part]
        assert sum(parts) == signed(row["granted"])
    sums = sums_per_award(oracle, rows)
    for sale in oracle.sales:
        kept = [sums[sale.id, line.scheme.code] for line in sale.lines]
        assert kept == sale.kept()
        assert all(0 <= part <= line.granted for part, line in zip(kept, sale.lines, strict=True))
        assert sum(kept) <= sale.gross - sale.refunded


@pytest.mark.parametrize("seed", SEEDS)
def test_every_transaction_has_its_rows_and_an_orphan_is_told_once(seed: int, tmp_path: Path) -> None:
    oracle, batches = laid_out(seed, tmp_path / "town")
    told: list[str] = []
    for batch in batches:
        rows = oracle.rate(batch)
        told += [row["transaction_id"] for row in rows if row["outcome"] == "ORPHAN"]
        assert {t.id for t in batch} <= {row["transaction_id"] for row in rows}
    assert len(told) == len(set(told))
    assert {t.id for t in oracle.waiting} <= set(told)


def test_caps_hold_where_nothing_was_reinstated(tmp_path: Path) -> None:
    bound = 0
    for seed in SEEDS:
        oracle, batches = laid_out(seed, tmp_path / str(seed))
        rows = [row for batch in batches for row in oracle.rate(batch)]
        if any(row["outcome"] == "REINSTATED" for row in rows):
            continue
        limits = {limit.identity: limit for scheme in oracle.programme.schemes for limit in scheme.limits}
        changed = {(s.code, n.name) for s in oracle.programme.schemes if s.version > 1 for n in s.limits}
        charges = {charge for sale in oracle.sales for line in sale.lines for charge in line.charges}
        for identity, key in charges:
            limit = limits[identity]
            if (limit.owner, limit.name) in changed:
                continue  # another version may have had a higher value
            bound += used(oracle.sales, limit, key) == limit.value
            assert 0 <= used(oracle.sales, limit, key) <= limit.value
        for right in oracle.programme.roster.entitlements:
            uses, amount = entitlement_used(oracle.sales, right.number)
            assert right.uses is None or uses <= right.uses
            assert right.amount is None or amount <= right.amount
    assert bound > 5, "the towns are too generous for this test to mean anything"


def test_the_towns_show_every_outcome(tmp_path: Path) -> None:
    seen: set[str] = set()
    lowered: set[str] = set()
    for seed in range(5000, 5080):
        oracle, batches = laid_out(seed, tmp_path / str(seed))
        for row in (row for batch in batches for row in oracle.rate(batch)):
            seen.add(row["outcome"])
            lowered.add(row["limit"])
    assert seen >= {
        "MEMBER_UNKNOWN",
        "MEMBER_INACTIVE",
        "MERCHANT_UNKNOWN",
        "MERCHANT_INACTIVE",
        "NO_SCHEME",
        "LIMIT_EXHAUSTED",
        "NO_ENTITLEMENT",
        "CLAIM_OUT_OF_RANGE",
        "NO_BENEFIT",
        "GRANTED_PARTIAL",
        "GRANTED",
        "NOT_REVERSIBLE",
        "ALREADY_CANCELLED",
        "OVER_REFUND",
        "NOTHING_GRANTED",
        "CLAWED_BACK",
        "REINSTATED",
        "ORPHAN",
    }
    assert lowered >= {"ceiling", "entitlement", "min_grant", "pool0", "limit0"}
