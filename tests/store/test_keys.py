"""The key file and what is made under its keys."""

from __future__ import annotations

import base64
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from settlement.model.errors import BadConfiguration, FoundWrong
from settlement.store.keys import PURPOSES, Keys, generate, load


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "puhui.keys"
    generate(path)
    return path


@pytest.fixture
def keys(path: Path) -> Keys:
    return load(path)


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def rotated(path: Path, purpose: str) -> Keys:
    """The keys after a new active key of `purpose` was added."""
    content = document(path)
    content[purpose]["keys"]["new"] = base64.b64encode(os.urandom(32)).decode()
    content[purpose]["active"] = "new"
    path.write_text(json.dumps(content))
    return load(path)


def test_a_key_file_is_its_owners_alone_and_never_replaced(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    with pytest.raises(BadConfiguration, match=r"puhui\.keys: there is a key file already; keep it"):
        generate(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["puhui.keys"]


def test_of_many_who_generate_at_once_one_wins_and_its_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "puhui.keys"
    refused: list[str] = []

    def try_it() -> None:
        try:
            generate(path)
        except BadConfiguration as error:
            refused.append(str(error))

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    assert load(path).open(load(path).seal("x")) == "x"


def test_no_two_keys_are_the_same(path: Path, tmp_path: Path) -> None:
    generate(tmp_path / "other")
    found = [key for p in (path, tmp_path / "other") for name in PURPOSES for key in document(p)[name]["keys"].values()]
    assert len(set(found)) == 2 * len(PURPOSES)


def test_no_key_is_in_a_repr(path: Path, keys: Keys) -> None:
    shown = f"{keys!r} {keys} {keys.tokeniser!r} {keys.person(keys.new_person_key())!r}"
    for purpose in PURPOSES:
        for text in document(path)[purpose]["keys"].values():
            raw = base64.b64decode(text)
            assert text not in shown
            assert repr(raw)[2:-1] not in shown
            assert raw.hex() not in shown


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(clear=st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sealed_opens_and_shows_nothing(keys: Keys, clear: str) -> None:
    sealed = keys.seal(clear)
    assert keys.open(sealed) == clear
    assert sealed.startswith("personal-1:")
    assert sealed.isascii()
    assert sealed != keys.seal(clear), "the same name twice must not look the same"
    assert len(clear) < 6 or clear not in sealed


def test_a_sealed_value_that_was_altered_does_not_open(keys: Keys) -> None:
    sealed = keys.seal("张三")
    key_id, text = sealed.split(":")
    data = bytearray(base64.b64decode(text))
    for place in range(len(data)):
        data[place] ^= 1
        with pytest.raises(FoundWrong, match="personal key personal-1 does not open: it was altered or the key is"):
            keys.open(f"{key_id}:{base64.b64encode(bytes(data)).decode()}")
        data[place] ^= 1
    for broken in (f"{key_id}:", f"{key_id}:x", f"{key_id}:{text[:-4]}", f"{key_id}:{text}é"):
        with pytest.raises(FoundWrong):
            keys.open(broken)
    with pytest.raises(BadConfiguration, match=r"key file: has no personal key other; restore puhui\.keys"):
        keys.open(f"other:{text}")


def test_the_index_finds_the_same_text_and_needs_the_key(keys: Keys, tmp_path: Path) -> None:
    generate(tmp_path / "other")
    assert keys.keyed_index("320502") == keys.keyed_index("320502")
    assert keys.keyed_index("320502") != keys.keyed_index("320503")
    assert keys.keyed_index("320502") != load(tmp_path / "other").keyed_index("320502")
    assert len(keys.keyed_index("")) == 64


def test_while_a_card_key_is_rotated_two_live_and_old_values_open(path: Path, keys: Keys) -> None:
    number = "6222" + "0" * 12
    old_token, old_sealed = keys.tokeniser.token(number), keys.seal("张三")
    new = rotated(path, "card")
    assert [tokeniser.key_id for tokeniser in new.tokenisers] == ["new", "card-1"]
    assert new.tokenisers[1].token(number) == old_token != new.tokeniser.token(number)
    assert rotated(path, "personal").open(old_sealed) == "张三"


def test_a_persons_values_open_with_the_persons_key_alone(keys: Keys) -> None:
    first, second = keys.new_person_key(), keys.new_person_key()
    sealed = keys.person(first).seal("张三")
    assert keys.person(first).open(sealed) == "张三"
    with pytest.raises(FoundWrong):
        keys.person(second).open(sealed)


def test_a_missing_file_and_one_that_others_read_are_refused(path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"gone: the key file is missing; restore it .* PUHUI_KEYS_FILE"):
        load(path.with_name("gone"))
    for mode in (0o640, 0o604, 0o620):
        path.chmod(mode)
        with pytest.raises(BadConfiguration, match=r"puhui\.keys: others can read the key file; run chmod 600 "):
            load(path)
    with pytest.raises(BadConfiguration, match="cannot read"):
        load(path.parent)


KEY = base64.b64encode(bytes(32)).decode()
RING = {"active": "a", "keys": {"a": KEY}}
GOOD = {"format": "puhui-keys-1", "card": RING, "archive": RING, "personal": RING, "index": RING}
MALFORMED = [
    (b"", "not JSON in UTF-8"),
    (b"\xff\xfe", "not JSON in UTF-8"),
    (b"[" * 100_000, "not JSON in UTF-8"),
    (b"[]", "is no key file of format puhui-keys-1"),
    (json.dumps({**GOOD, "format": "2"}).encode(), "is no key file of format puhui-keys-1"),
    (json.dumps({**GOOD, "more": 1}).encode(), "must have format, card, archive, personal, index and nothing else"),
    (json.dumps({**GOOD, "card": []}).encode(), "card: must have active and keys"),
    (json.dumps({**GOOD, "card": {**RING, "active": "b"}}).encode(), "card: the active key is not among its keys"),
    (json.dumps({**GOOD, "card": {**RING, "active": ["a"]}}).encode(), "card: the active key is not among its keys"),
    (json.dumps({**GOOD, "index": {"active": "a", "keys": {"a": KEY[4:]}}}).encode(), "index key a: must be 32 bytes"),
    (json.dumps({**GOOD, "index": {"active": "a", "keys": {"a": 7}}}).encode(), "index key a: must be 32 bytes"),
    (
        json.dumps({**GOOD, "index": {"active": "A:", "keys": {"A:": KEY}}}).encode(),
        "index: a key id is up to 32 small",
    ),
    (json.dumps(GOOD).replace('"active": "a"', '"active": "a", "active": "a"').encode(), "a name stands twice"),
]


@pytest.mark.parametrize(("data", "words"), MALFORMED, ids=[words for _, words in MALFORMED])
def test_a_malformed_file_is_refused_in_one_line_without_a_key(path: Path, data: bytes, words: str) -> None:
    path.write_bytes(data)
    with pytest.raises(BadConfiguration) as caught:
        load(path)
    message = str(caught.value)
    assert f"{path}: {words}" in message
    assert "\n" not in message
    assert KEY[4:] not in message
