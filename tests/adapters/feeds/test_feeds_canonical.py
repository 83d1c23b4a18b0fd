"""Years of times without one, and the tokens of a file, against the same said one by one."""

from __future__ import annotations

import hashlib
import hmac
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from adapters.feeds.canonical import key_where, once_per_code, unionpay_kind
from adapters.feeds.times import as_instant, resolve_year
from settlement.model import cards
from settlement.model.cards import CardTokens, Tokeniser, card_columns, mask
from settlement.model.dates import resolve_yearless

ZONE = ZoneInfo("Asia/Shanghai")
CLEARING = [date(2026, 5, 7), date(2026, 1, 1), date(2027, 12, 31), date(2028, 2, 29), date(2027, 7, 2)]


@pytest.mark.parametrize("clearing", CLEARING)
def test_the_year_of_every_day(clearing):
    days = [datetime(2000, 1, 1) + timedelta(days=n, hours=h) for n in range(366) for h in (0, 11, 12, 13, 23)]
    for chosen in (days, [day for day in days if day.month == clearing.month]):  # with and without a torn day
        got = resolve_year(pl.DataFrame({"at": chosen}, schema={"at": pl.Datetime("us")}), "at", clearing).to_list()
        for moment, found in zip(chosen, got, strict=True):
            parts = (moment.month, moment.day, moment.hour, moment.minute, moment.second)
            try:
                want = resolve_yearless(*parts, clearing, ZONE).replace(tzinfo=None)
            except ValueError:
                want = None
            assert found == want, (clearing, moment)


def _token(key, number):
    return hmac.new(key, number.encode(), hashlib.sha256).hexdigest()[:32]


@pytest.mark.parametrize("key", [b"k" * 32, b"short", b"long" * 40])
def test_tokens_are_hmac_sha_256_once_per_number(key, monkeypatch):
    rng = random.Random(5)
    numbers = ["".join(rng.choices("0123456789", k=rng.choice([1, 8, 16, 18, 19]))) for _ in range(300)]
    numbers += ["0" * 19, "9" * 19, "00", "0"]
    made, tokens = [], Tokeniser.tokens

    def counted(self, given):
        made.extend(given := list(given))
        return tokens(self, given)

    monkeypatch.setattr(Tokeniser, "tokens", counted)
    holder = CardTokens(Tokeniser("t", key))
    for _ in range(4):
        block = [*rng.choices(numbers, k=200), None, "622202******1234"]
        assert holder.of(pl.Series(block)).to_list() == [_want(key, n) for n in block]
    assert len(made) == len(set(made)) > 200


def _want(key, number):
    return None if number is None else "" if "*" in number else _token(key, number)


def test_more_numbers_than_are_kept(monkeypatch):
    monkeypatch.setattr(cards, "KEPT", 10)
    holder = CardTokens(Tokeniser("t", b"k"))
    for start in range(0, 60, 7):
        block = [str(10**15 + n % 25) for n in range(start, start + 7)] + ["1" * 20, "7" * 25]
        assert holder.of(pl.Series(block)).to_list() == [_token(b"k", n) for n in block]


def test_masks_and_tokens_of_a_column():
    numbers = [None, "1", "1234567890", "12345678901", "6222021234567890123", "622202*********0123"]
    tokens, masks = card_columns(pl.Series(numbers), Tokeniser("t", b"k"))
    assert masks.to_list() == [None if n is None else mask(n) for n in numbers]
    assert tokens.to_list() == [_want(b"k", n) for n in numbers]
    assert card_columns(pl.Series(numbers), None)[0].to_list() == [None, *[""] * 5]


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"])
@pytest.mark.parametrize("first", [datetime(2026, 5, 7), datetime(2026, 3, 28), datetime(2026, 10, 24)])
def test_instants_where_the_clocks_change_and_where_not(zone, first):
    """As the zone says for each time by itself: the first of a doubled one, null for one that is skipped."""
    for days in (1, 3, 400):
        times = [first + timedelta(minutes=7 * n) for n in range(0, days * 205, max(days // 3, 1))] + [None]
        got = pl.DataFrame({"at": times}).select(as_instant("at", zone)).to_series().to_list()
        for moment, found in zip(times, got, strict=True):
            want = None if moment is None else moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
            skipped = want is not None and want.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != moment
            assert found == (None if skipped else want), (zone, moment)


def test_kinds_once_per_combination_of_codes():
    rng = random.Random(3)
    names = ["mti", "processing_code", "condition_code"]
    codes = (["0200", "0220", "0420", "0100", "xx", None], ["000000", "200000", "030000", "990000"], ["00", "06", None])
    kind = unionpay_kind(*names)
    for few in (1, 3, 72):  # more combinations than are kept apart, too
        rows = [tuple(rng.choice(column) for column in codes) for _ in range(few)]
        frame = pl.DataFrame(rng.choices(rows, k=500), schema=dict.fromkeys(names, pl.String), orient="row")
        assert once_per_code(frame, names, kind).to_list() == frame.select(kind).to_series().to_list()


def test_keys_only_where_they_are_asked_for():
    frame = pl.DataFrame({"stan": ["1", "2/3", None, "1"], "asked": [True, True, True, None], "acquirer": ["004"] * 4})
    keys = key_where(frame, pl.col("asked"), ("acquirer", "stan"), "a{}:")
    assert keys.to_list() == ["a{}:4/1", "a{}:4/2%2F3", "a{}:4/", None]
    assert key_where(frame, pl.lit(value=False), ("stan",), "").to_list() == [None] * 4
