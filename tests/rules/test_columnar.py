"""What a batch becomes before the kernel: order, local time and key codes, each against the plain way of getting it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rules
from rules import State, keycodes
from rules.columnar import in_order, local_time
from rules.order import KIND_ORDER

sys.path.insert(0, str(Path(__file__).parents[1] / "property/rules"))
from programmes import Town, towns
from test_twins import same

ZONES = (
    "Asia/Shanghai",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kathmandu",
    "Australia/Adelaide",
    "Africa/Monrovia",
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2_000_000_000_000_000), min_size=1, max_size=30), st.sampled_from(ZONES))
def test_local_time_is_the_zones(instants: list[int], zone: str) -> None:
    day, minute = local_time(np.array(instants, np.int64), zone)
    for at, instant in enumerate(instants):
        local = (EPOCH + timedelta(microseconds=instant)).astimezone(ZoneInfo(zone))
        assert day[at] == (local.date() - EPOCH.date()).days
        assert minute[at] == local.hour * 60 + local.minute


@pytest.mark.parametrize("zone", ZONES)
def test_local_time_in_the_hours_of_a_change(zone: str) -> None:
    start = datetime(2026, 3, 29, tzinfo=UTC) if zone == "Europe/Berlin" else datetime(2026, 4, 4, tzinfo=UTC)
    start = datetime(2026, 3, 8, tzinfo=UTC) if zone == "America/New_York" else start
    instants = [start + timedelta(minutes=7 * n) for n in range(300)]
    at = np.array([(i - EPOCH) // timedelta(microseconds=1) for i in instants], np.int64)
    day, minute = local_time(at, zone)
    for n, instant in enumerate(instants):
        local = instant.astimezone(ZoneInfo(zone))
        assert (day[n], minute[n]) == ((local.date() - EPOCH.date()).days, local.hour * 60 + local.minute)


rows = st.tuples(st.integers(0, 5), st.sampled_from(list(KIND_ORDER)), st.sampled_from(["a", "b", "aa", "é", "中"]))


@settings(deadline=None)
@given(st.lists(rows, max_size=20), st.booleans())
def test_order_is_that_of_section_3(found: list[tuple[int, str, str]], in_time: bool) -> None:
    found = [(second, kind, f"{name}{n}") for n, (second, kind, name) in enumerate(found)]
    if in_time:
        found.sort(key=lambda row: row[0])
    frame = pl.DataFrame(
        {
            "occurred_at": pl.Series(
                [EPOCH + timedelta(seconds=s) for s, _, _ in found], dtype=pl.Datetime("us", "UTC")
            ),
            "transaction_id": pl.Series([name for _, _, name in found], dtype=pl.String),
        }
    )
    kind = np.array([KIND_ORDER[word] for _, word, _ in found], np.int64)
    wanted = sorted(range(len(found)), key=lambda n: (found[n][0], kind[n], found[n][2].encode()))
    assert in_order(frame, kind).tolist() == wanted


@settings(deadline=None, max_examples=25)
@given(towns(), st.integers(0, 14))
def test_keys_that_leave_their_places_are_numbered(town: Town, cut: int) -> None:
    """With room for hardly a key, every kind of limit is numbered as it occurs: the awards are the same."""
    states = {"kernel": State.empty(), "reference": State.empty()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keycodes, "ROOM", 2)
        for batch in (town.stream[:cut], town.stream[cut:]):
            by_kernel = rules.rate(town.plan, batch, states["kernel"], engine="kernel")
            by_reference = rules.rate(town.plan, batch, states["reference"], engine="reference")
            same(by_kernel, by_reference)
            states = {"kernel": by_kernel.state, "reference": by_reference.state}
