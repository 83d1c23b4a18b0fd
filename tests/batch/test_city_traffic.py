"""The traffic of the demonstration: what nobody planted must not look like a fault."""

from __future__ import annotations

import polars as pl

from batch.city import traffic
from batch.city.home import prepare, town_of


def test_nothing_undoes_a_sale_before_it_was_made(tmp_path):
    prepare(tmp_path, 20160501, 20_000)
    town = town_of(tmp_path, 20160501, 20_000)
    day = traffic.day(town, town.first)
    times = day.select(original_key="transaction_id", sold_at="occurred_at")
    later = day.filter(pl.col("original_key").is_not_null()).join(times, on="original_key")
    assert later.height > 100
    assert later.filter(pl.col("occurred_at") <= pl.col("sold_at")).is_empty()
    cutoff = later["occurred_at"].dt.convert_time_zone(str(town.zone)).dt.hour().max()
    assert cutoff == 22  # all before the day's end at 23:00
