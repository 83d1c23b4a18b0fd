"""`puhui explain` on stored nights: every answer is the stored one, and leads to its raw record."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest

import rules
from batch.documents import plan_in_force
from batch.replay import at_night, just_before, masked
from batch.steps.rate import opening, resolve, to_input
from portal.cli.main import run as puhui
from settlement.model.outcomes import Outcome
from settlement.store.rating import tonight
from settlement.store.replay import rated_nights
from tests.batch.replay.conftest import DAYS, City


def explained(capsys: pytest.CaptureFixture[str], transaction_id: str) -> dict[str, Any]:
    capsys.readouterr()
    assert puhui(["explain", transaction_id, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def first_of(city: City, outcome: Outcome, where: str = "true") -> str:
    rows = city.rows(
        f"SELECT transaction_id FROM puhui.rated JOIN puhui.transaction USING (transaction_id)"
        f" WHERE outcome = :outcome AND {where} ORDER BY rated.business_date DESC, 1 LIMIT 1",
        outcome=int(outcome),
    )
    assert rows, f"the city has no {outcome.name}"
    return str(rows[0][0])


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.GRANTED, Outcome.GRANTED_PARTIAL, Outcome.LIMIT_EXHAUSTED, Outcome.NO_SCHEME, Outcome.NO_BENEFIT,
        Outcome.CLAWED_BACK, Outcome.NOTHING_GRANTED, Outcome.OVER_REFUND,
    ],
)  # fmt: skip
def test_the_replay_gives_what_is_stored(city: City, capsys: pytest.CaptureFixture[str], outcome: Outcome) -> None:
    found = explained(capsys, first_of(city, outcome))
    assert found["agrees"]
    assert not found["waits"]
    assert found["explanation"]["awards"][0]["outcome"] == outcome.name
    assert found["explanation"]["zh"]
    assert found["explanation"]["en"]


def test_one_alone_is_explained_as_in_its_whole_batch(city: City) -> None:
    """The replay up to the one transaction gives the same words as the reference's replay of the whole night."""
    session, day = city.session, DAYS[4]
    with session.database.engine.connect() as connection:
        run = session.reader(connection)
        night = at_night(run, *rated_nights(connection, day, day)[0])
        new = resolve(connection, night, tonight(connection, day))
        state, plan = opening(connection, night, new), plan_in_force(connection, night)
    assert state.waiting.height
    whole = {entry["transaction_id"]: entry for entry in rules.explain(plan, to_input(new), state)}
    waited = [name for name in state.waiting["transaction_id"] if name in whole]
    for name in [*list(whole)[::97], *list(whole)[-2:], *waited]:
        one, before = just_before(plan, to_input(new), state, name)
        (entry,) = rules.explain(plan, one, before, frozenset({name}))
        assert entry == whole[name]


def test_every_scheme_is_looked_at_with_its_lines(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    found = explained(capsys, first_of(city, Outcome.LIMIT_EXHAUSTED, "limit_name = 'bakery-budget'"))
    schemes = {one["scheme"]: one for one in found["explanation"]["schemes"]}
    assert len(schemes) == 13
    bakery = schemes["bakery-half"]
    assert bakery["lowered"][-1]["by"] == "bakery-budget"
    assert bakery["lowered"][-1]["to"] == "0.00"
    lines = {(place["file"], place["text"].split(":")[0].strip()) for place in bakery["yaml"]}
    assert ("schemes/s05-bakery.yaml", "benefit") in lines
    assert any(file == "programme.yaml" and "bakery-budget" in text for file, text in _texts(bakery))
    source = (city.home / "import" / "programme" / "schemes" / "s05-bakery.yaml").read_text("utf-8").splitlines()
    for place in bakery["yaml"]:
        if place["file"] == "schemes/s05-bakery.yaml":
            assert source[place["line"] - 1].rstrip() == place["text"].split("\n")[0]
    stopped = [one for one in schemes.values() if not one["candidate"]]
    assert stopped
    assert all(one["yaml"] for one in stopped)


def _texts(scheme: dict[str, Any]) -> list[tuple[str, str]]:
    return [(place["file"], place["text"]) for place in scheme["yaml"]]


def test_a_refund_shows_the_whole_sale(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    refund = first_of(city, Outcome.CLAWED_BACK)
    found = explained(capsys, refund)
    sale = found["transaction"]["original"]
    assert [row["transaction_id"] for row in found["sale"]][:1] == [sale]
    assert refund in [row["transaction_id"] for row in found["sale"]]
    assert found["explanation"]["awards"][0]["granted"].startswith(("-", "0"))
    shares = found["explanation"]["awards"][0]["shares"]
    total = sum(int(share["amount"].replace(".", "")) for share in shares)
    assert total == int(found["explanation"]["awards"][0]["granted"].replace(".", ""))


def test_limits_say_what_they_took_and_got_back(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    """The usage before and after is that of State; a refund's is in the windows of its sale."""
    refund = first_of(city, Outcome.CLAWED_BACK, "kind = 'REFUND' AND limit_name IS NULL")
    found = explained(capsys, refund)
    (award,) = found["explanation"]["awards"]
    pool = next(limit for limit in award["limits"] if limit["limit"] == "city-budget")
    moved = int(pool["used_after"].replace(".", "")) - int(pool["used_before"].replace(".", ""))
    assert moved == int(award["granted"].replace(".", "")) < 0
    assert "资金池 city-budget（活动期内限2,000,000元）：已用" in pool["zh"]
    (sentence,) = found["explanation"]["zh"]
    assert "累计已退" in sentence
    assert f"追回补贴{award['granted'].removeprefix('-').removesuffix('.00')}元" in sentence
    assert puhui(["explain", refund]) == 0
    shown = capsys.readouterr().out
    assert sentence in shown
    assert "限额变动" in shown
    assert ": scheme: " in shown or ": refund: " in shown  # the line of the rule that says so


def test_the_last_sale_of_a_day_leaves_the_usage_that_is_stored(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    """city-budget after the last award of the last night is what State says."""
    ((used,),) = city.rows(
        "SELECT used::bigint FROM puhui.state_usage WHERE name = 'city-budget' ORDER BY business_date DESC LIMIT 1"
    )
    ids = [
        row[0]
        for row in city.rows(
            "SELECT transaction_id FROM puhui.award WHERE business_date = :day AND granted_fen <> 0", day=DAYS[-1]
        )
    ]
    session, day = city.session, DAYS[-1]
    with session.database.engine.connect() as connection:
        run = session.reader(connection)
        night = at_night(run, *rated_nights(connection, day, day)[0])
        new = resolve(connection, night, tonight(connection, day))
        state, plan = opening(connection, night, new), plan_in_force(connection, night)
    pools = [
        limit
        for entry in rules.explain(plan, to_input(new), state)
        for award in entry["awards"]
        for limit in award["limits"]
        if limit["limit"] == "city-budget"
    ]
    assert len(pools) <= len(ids)
    assert all(one["used_after"] == two["used_before"] for one, two in pairwise(pools))
    assert int(pools[-1]["used_after"].replace(".", "")) == used
    del capsys


def test_an_orphan_waits_and_says_so(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    ((orphan,),) = city.rows(
        "SELECT transaction_id FROM puhui.rated GROUP BY 1 HAVING max(outcome) = 30 AND count(*) = 1 ORDER BY 1 LIMIT 1"
    )
    found = explained(capsys, orphan)
    assert found["waits"]
    assert found["explanation"]["zh"] == ["找不到原交易，等待中"]
    assert puhui(["explain", orphan]) == 0
    assert "原交易未到，等待中" in capsys.readouterr().out


def test_a_refund_that_came_before_its_sale_is_explained_by_the_night_that_settled_it(
    city: City, capsys: pytest.CaptureFixture[str]
) -> None:
    ((refund, settled),) = city.rows(
        "SELECT transaction_id, max(business_date) FROM puhui.rated GROUP BY 1 HAVING count(*) = 2 ORDER BY 1 LIMIT 1"
    )
    found = explained(capsys, refund)
    assert found["rated_on"] == settled.isoformat()
    assert not found["waits"]
    assert found["agrees"]


def test_the_raw_record_is_the_bank_s_with_its_card_masked(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    cards = (city.home / "import" / "cards.csv").read_text("utf-8")
    numbers = set(re.findall(r"[0-9]{16,19}", cards))
    assert numbers
    for source in ("smk", "pos"):
        found = explained(capsys, first_of(city, Outcome.GRANTED, f"source = '{source}'"))
        raw = found["raw"]
        assert raw["byte_end"] > raw["byte_start"]
        assert raw["bytes"]
        shown = re.sub("[^0-9]", "", json.dumps(found))
        assert not [number for number in numbers if number in shown]
    text = explained(capsys, first_of(city, Outcome.GRANTED, "source = 'smk'"))
    stan = city.rows(
        "SELECT stan FROM puhui.transaction WHERE transaction_id = :id", id=text["transaction"]["transaction_id"]
    )
    assert stan[0][0] in text["raw"]["bytes"]


def test_masking_knows_packed_and_running_digits() -> None:
    assert masked(b"6222021234567890123 A\n") == "622202*********0123 A"
    assert masked(b"202605076222021234567890 A") == "************************ A"
    assert masked(b"\x00\x62\x22\x02\x12\x34\x56\x78\x90\xfa") == "** ** ** ** ** ** ** ** ** FA"
    assert "3132333435" not in masked(b"\x00\xff1234567890123456").replace(" ", "")


def test_people_read_it(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    sale = first_of(city, Outcome.LIMIT_EXHAUSTED, "limit_name = 'bakery-budget'")
    capsys.readouterr()
    assert puhui(["explain", sale, "--lang", "en"]) == 0
    english = capsys.readouterr().out
    assert "(bakery-budget) is used up, so the subsidy is 0" in english
    assert "schemes that do not apply" in english
    assert "schemes/s05-bakery.yaml:" in english
    assert puhui(["explain", sale]) == 0
    assert "已用完" in capsys.readouterr().out
    assert puhui(["explain", sale, "--lang", "fr"]) == 2
    assert "write zh or en" in capsys.readouterr().err


def test_an_unknown_number_is_an_error_with_a_remedy(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    del city
    assert puhui(["explain", "pos:nothing"]) == 2
    told = capsys.readouterr().err
    assert "no transaction 'pos:nothing' is stored" in told
    assert told.count("\n") == 1
