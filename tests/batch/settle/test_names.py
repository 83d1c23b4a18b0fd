"""A card number in a file's name goes no further than the inbox, and the name stays one and the same."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from batch.names import known_as, masked
from portal.cli.main import run
from settlement.model.cards import luhn

CARD = "6217000000000000004"


def index(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_card_number_of_a_name_becomes_another_of_its_shape_always_the_same() -> None:
    assert luhn(CARD)
    name = known_as(f"stmt_{CARD}_20260507.xml", index)
    assert name == known_as(f"stmt_{CARD}_20260507.xml", index)
    found = re.fullmatch(r"stmt_(621700[0-9]{9}0004)_20260507\.xml", name)
    assert found is not None
    assert found[1] != CARD
    assert not luhn(found[1])
    assert known_as(name, index) == name
    assert known_as("4" + "0" * 14 + "2", index) != "4" + "0" * 14 + "2"
    assert masked(f"waits for {CARD}.ok") == "waits for 621700*********0004.ok"


def test_two_cards_that_look_alike_when_masked_are_two_names() -> None:
    cards = [f"621700{n:09d}0004" for n in range(200)]
    cards = [card for card in cards if luhn(card)]
    assert len({known_as(card, index) for card in cards}) == len(cards) > 10


@pytest.mark.parametrize(
    "name",
    [
        "SMK_20260507", "IND26050801ACOMN", "DF00000000777290058110097202605080001I.txt", "camt053_20260508.xml",
        "POS_898110289997632_20260101.txt", "6217000000000000001.xml",
        "20260507213015123456.csv", "3050123400056789.csv",
    ],
)  # fmt: skip
def test_other_names_stay(name: str) -> None:
    assert known_as(name, index) == masked(name) == name


@pytest.mark.parametrize("name", ["ACQ_{day}.txt", "ACQ_{day}01.txt"])
def test_the_day_behind_a_banks_code_stays(name: str) -> None:
    days = [f"202605{day:02}" for day in range(1, 32)]
    names = [name.format(day=code + day) for code in ("48021234", "62001234") for day in days]
    assert any(luhn("48021234" + day) for day in days)
    assert [known_as(one, index) for one in names] == names


def test_our_own_account_is_no_secret_of_a_card_holder() -> None:
    assert known_as(f"{CARD}.xml", index, {CARD}) == masked(f"{CARD}.xml", {CARD}) == f"{CARD}.xml"


def test_check_tells_no_card_number_of_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / f"x_{CARD}.xml"
    file.write_bytes(b"")
    assert run(["feed", "check", str(file), "--format", "camt053", "--json"]) == 2
    said = capsys.readouterr().out
    assert CARD not in said
    assert re.fullmatch(r"x_621700[0-9]{9}0004\.xml", json.loads(said)["name"])


def test_an_error_tells_no_card_number_of_a_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["feed", "check", str(tmp_path / f"x_{CARD}.xml"), "--format", "camt053"]) == 2
    said = capsys.readouterr().err
    assert CARD not in said
    assert "x_621700*********0004.xml: no such file" in said
