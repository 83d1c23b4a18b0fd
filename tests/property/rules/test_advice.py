"""Warnings of `puhui scheme check` are true: what never applies, gives or binds never does on generated sales."""

from __future__ import annotations

import copy
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rules
from rules import State
from rules.advice import advise
from settlement.model.frames import RATE_INPUT

sys.path.insert(0, str(Path(__file__).parent))
from programmes import START, Town, as_yaml, examples, towns

NEVER = {"NO_MERCHANT", "NO_MEMBER", "NO_ENTITLEMENTS", "EMPTY_LIST", "NO_DAY", "NEVER_GIVES"}


def warned(town: Town) -> list[tuple[str, str, int]]:
    """(scheme, code, place in the list that the field names, from 0)."""
    documents = [rules.parse_scheme(as_yaml(scheme), scheme["scheme"]) for scheme in town.schemes]
    found = advise(town.plan, [d for d in documents if isinstance(d, rules.Document)])
    return [(w.file, w.code, int("".join(filter(str.isdigit, w.field)) or 0) - 1) for w in found if w.record == 0]


def granted(plan: rules.Plan, town: Town) -> list[tuple[str, str | None, int]]:
    awards = rules.rate(plan, town.stream, State.empty(), engine="reference").awards
    return awards.filter(pl.col("granted_fen") != 0).select("transaction_id", "scheme", "granted_fen").rows()


def warned_of_giving(town: Town) -> set[str]:
    return {scheme for scheme, code, _ in warned(town) if code in NEVER}


@examples(200)
@given(towns())
def test_what_is_said_never_to_give_gives_nothing(town: Town) -> None:
    idle = warned_of_giving(town)
    assert not [row for row in granted(town.plan, town) if row[1] in idle]


LIMIT = st.fixed_dictionaries({
    "measure": st.sampled_from(["amount", "amount", "count"]),
    "value": st.sampled_from([3, 6, 9]),
    "window": st.sampled_from(["day", "total"]),
    "per": st.sampled_from([[], ["member"]]),
    "on_exceed": st.sampled_from(["deny", "partial"]),
})  # fmt: skip
BILLS = st.lists(st.sampled_from([400, 1000, 1400, 3000]), min_size=4, max_size=8)
UNDONE = st.lists(st.tuples(st.sampled_from(["REFUND", "VOID", "REVERSAL"]), st.integers(0, 9)), max_size=4)


@st.composite
def crowded(draw: st.DrawFn) -> Town:
    """A town with one scheme, which pays half of every sale under several limits that take in each other."""
    town = draw(towns(1))
    drawn = draw(st.lists(LIMIT, min_size=2, max_size=3))
    named = [{**limit, "name": f"m{number}"} for number, limit in enumerate(drawn)]
    limits = [{**one, "value": f"{one['value']}.00"} if one["measure"] == "amount" else one for one in named]
    scheme = {
        **town.schemes[0], "benefit": {"kind": "percent", "percent": "50"}, "payee": "member", "eligibility": {},
        "limits": limits, "pools": [],
    }  # fmt: skip
    bills = [
        (f"t{at:02d}", "SALE", None, START + timedelta(hours=5 * at), "U1", "M1", None, fen, None, None)
        for at, fen in enumerate(draw(BILLS))
    ]
    back = [
        (f"z{at:02d}", kind, f"t{of:02d}", START + timedelta(hours=5 * of + at), None, None, None, 200, None, None)
        for at, (kind, of) in enumerate(draw(UNDONE))
    ]
    return replace(town, schemes=[scheme], stream=pl.DataFrame([*bills, *back], schema=RATE_INPUT, orient="row"))


@examples(400)
@given(crowded())
def test_a_limit_that_is_said_never_to_bind_can_be_left_out(town: Town) -> None:
    """Without it, every grant is what it was; also where refunds and their reversals have moved the usage."""
    idle = [place for scheme, code, place in warned(town) if (scheme, code) == ("s0", "NEVER_BINDS")]
    if not idle:
        return
    schemes = copy.deepcopy(town.schemes)
    schemes[0]["limits"] = [limit for at, limit in enumerate(schemes[0]["limits"]) if at not in idle]
    assert granted(town.planned(schemes), town) == granted(town.plan, town)


@pytest.mark.parametrize(("made", "told"), [(towns(), warned_of_giving), (crowded(), warned)])
def test_the_generator_meets_warnings(made: Any, told: Any) -> None:
    """So that the properties above are not empty."""
    met = 0

    @settings(examples(100), max_examples=100)
    @given(made)
    def count(town: Town) -> None:
        nonlocal met
        met += bool(told(town))

    count()
    assert met >= 10
