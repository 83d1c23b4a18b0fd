"""`puhui budget` on stored nights."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portal.cli.main import run as puhui
from tests.batch.replay.conftest import DAYS, City


@pytest.fixture
def pools(city: City, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    del city
    capsys.readouterr()
    assert puhui(["budget", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["as_of"] == DAYS[-1].isoformat()
    return {pool["pool"]: pool for pool in found["pools"]}


def fen(text: str) -> int:
    return int(text.replace(".", ""))


def test_the_city_s_budget(city: City, pools: dict[str, dict[str, Any]]) -> None:
    """Every scheme but the appliances' draws on it, nothing is on a statement, and each weekday was seen once."""
    pool = pools["city-budget"]
    ((used,),) = city.rows(
        "SELECT used::bigint FROM puhui.state_usage WHERE name = 'city-budget' ORDER BY business_date DESC LIMIT 1"
    )
    assert fen(pool["used"]) == used > 0
    assert fen(pool["left"]) == fen(pool["value"]) - used
    assert fen(pool["committed"]) == used
    assert pool["days_seen"] == 7
    assert sum(fen(mean) for mean in pool["burn_by_weekday"].values()) == used
    assert pool["basis"] == "days"
    assert pool["looked_until"] == "2026-12-31"


def test_a_day_s_budget_that_is_used_up(pools: dict[str, dict[str, Any]]) -> None:
    pool = pools["bakery-budget"]
    assert pool["left"] == "0.00"
    assert (pool["runs_out"], pool["basis"]) == (DAYS[-1].isoformat(), "spent")
    assert pool["window_start"] == DAYS[-1].isoformat()


def test_pools_by_key_are_counted(city: City, pools: dict[str, dict[str, Any]]) -> None:
    pool = pools["film-cap"]
    ((keys, used),) = city.rows(
        "SELECT count(*), sum(used)::bigint FROM (SELECT DISTINCT ON (member_no) member_no, used FROM"
        " puhui.state_usage WHERE name = 'film-cap' ORDER BY member_no, business_date DESC) AS newest WHERE used > 0"
    )
    assert (pool["keys"], fen(pool["used"])) == (keys, used)
    assert pool["left"] is None
    assert pool["runs_out"] is None
    once = pools["appliance-once"]
    assert (once["used"], once["keys"], once["keys_used_up"]) == (str(once["keys"]),) + (once["keys"],) * 2
    assert once["committed"] is None


def test_people_read_it(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    del city
    capsys.readouterr()
    assert puhui(["budget"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"截至 {DAYS[-1]}")
    assert "under four weeks" in shown
    assert "used up" in shown
