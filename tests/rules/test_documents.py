"""Rule documents: what is refused, where, and with which remedy."""

from __future__ import annotations

import pytest

from rules import Document, Scheme, parse_programme, parse_scheme
from rules.documents import MAX_FEN
from rules.schema import document_schema

SCHEME = """scheme: bakery-wed-half
version: 1
title: 周三面包五折，封顶15元
programme: suzhou-2026
effective: {from: 2026-05-01, to: 2026-12-31}
payee: merchant
eligibility:
  merchants: {category: [food.bakery]}
  gross: {min: 10.00, max: 5000.00}
  weekdays: [wed]
  hours: ["10:00-22:00"]
benefit: {kind: percent, percent: 50, cap: 15.00}
limits:
  - {name: one-a-week, per: [member], measure: count, value: 1, window: week}
  - {name: shop-month, per: [merchant], measure: amount, value: 50000.00, window: month}
pools: [city-budget]
funding: [{sponsor: city, share: 50}, {sponsor: shop, share: 30}]
"""
PROGRAMME = """programme: suzhou-2026
timezone: Asia/Shanghai
sponsors:
  city: {name: 市总, kind: union}
pools:
  - {name: city-budget, measure: amount, value: 2000000.00, window: total}
"""


def scheme() -> Scheme:
    parsed = parse_scheme(SCHEME, "b.yaml")
    assert isinstance(parsed, Document)
    return parsed.value


def test_what_is_left_out_has_the_values_of_the_page() -> None:
    found = scheme()
    assert (found.priority, found.min_grant, found.refund.policy) == (100, 1, "proportional")
    assert (found.refund.restore.amount, found.refund.restore.use) == (True, "void")
    assert found.limits[1].on_exceed == "partial"


def test_amounts_are_read_from_their_text() -> None:
    found = scheme()
    assert found.eligibility.gross.max == 500_000
    assert found.benefit.model_dump()["percent"] == 500_000
    assert found.limits[1].value == 5_000_000


def test_terms_survive_their_own_json() -> None:
    assert Scheme.model_validate_json(scheme().model_dump_json(by_alias=True)) == scheme()


BAD = [
    ("percent: 50", "percent: 50.12345", 12, "more than 4 decimals"),
    ("cap: 15.00", "cap: 15.001", 12, "more than 2 decimals"),
    ("cap: 15.00", "cap: 15.000", 12, "more than 2 decimals"),
    ("cap: 15.00", "cap: .nan", 12, "not an amount"),
    ("cap: 15.00", "cap: -1.00", 12, "not an amount"),
    ("cap: 15.00", "cap: 1e3", 12, "not an amount"),
    ("cap:", "kap:", 12, "unknown key; write `cap`"),
    ("{category:", "{categry:", 8, "unknown key; write `category`"),
    ("value: 1,", "val: 1,", 14, "unknown key; write `value`"),
    ("kind: percent, percent: 50", "kind: fixed, off: 5", 12, "unknown key; remove it"),  # `cap` is a key elsewhere
    ("to: 2026-12-31", "last: 2026-12-31", 5, "unknown key; remove it"),
    ("category: [food.bakery]", "category:", 8, "no value; write one, or remove it"),
    ("payee: merchant", "payee:", 6, "no value; write one, or remove it"),
    ('"10:00-22:00"', "{start: 1, end: 2}", 11, "write them in quotes"),
    ("title: ", "title: " + "x" * 500, 3, "write at most 500 characters"),
    ("kind: percent", "kind: percnt", 12, "unknown 'kind'"),
    ("payee: merchant", "payee: shop", 6, "'merchant', 'channel' or 'member'"),
    ("payee: merchant", "payee: 5", 6, "not one of the words"),
    ("value: 1,", "value: 1.5,", 14, "not a whole number"),
    ("share: 30", "share: 0", 17, "write 1 or more"),
    ("share: 30", "share: 1.5", 17, "not a whole number"),
    ("[wed]", "[wen]", 10, "'mon', 'tue'"),
    ('"10:00-22:00"', '"10:00-10:00"', 11, "start and end are the same"),
    ('"10:00-22:00"', '"25:00-26:00"', 11, "write HH:MM-HH:MM"),
    ("version: 1", "version: one", 2, "not a whole number"),
    ("{name: shop-month, ", "{", 15, "`name` is missing"),
    ("name: shop-month", "name: one-a-week", 14, "two of the name one-a-week"),
    ("[{sponsor: city, share: 50}, {sponsor: shop, share: 30}]", "[]", 17, "write at least one"),
    ("from: 2026-05-01", "from: 2026-02-30", 5, "no such day"),
    ("to: 2026-12-31", "to: 2026-04-30", 5, "`to` is before `from`"),
    ("max: 5000.00", "max: 5.00", 9, "`max` is below `min`"),
    ("version: 1", "version: 1\nversion: 2", 3, "stands twice"),
    ("title:", "title: &t", 3, "anchors and aliases"),
    ("title: ", "title: !!str ", 3, "tags are not read"),
    ("payee: merchant\n", "", 1, "`payee` is missing"),
    ("version: 1", "version: [", 4, "correct the YAML"),
]


@pytest.mark.parametrize(("old", "new", "line", "says"), BAD)
def test_a_mistake_is_named_with_its_line_and_remedy(old: str, new: str, line: int, says: str) -> None:
    assert old in SCHEME
    rejects = parse_scheme(SCHEME.replace(old, new, 1), "b.yaml")
    assert isinstance(rejects, list)
    assert any(says in r.message and r.line == line for r in rejects), [str(r) for r in rejects]
    assert all(r.column > 0 and ";" in r.message for r in rejects)


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    for text in (bomb, "[" * 100_000, "x" * 2_000_000, "a: " + "{b: " * 40):
        rejects = parse_scheme(text, "b.yaml")
        assert isinstance(rejects, list)


def test_a_reserved_sponsor_and_an_unknown_zone_are_refused() -> None:
    reserved = parse_programme(PROGRAMME.replace("city:", "district:"))
    assert isinstance(reserved, list)
    assert "reserved" in reserved[0].message
    for name in (
        "Asia/Suzhou",
        "localtime",
        "right/UTC",
        "../UTC",
    ):  # a machine may have the middle two; Polars has not
        zone = parse_programme(PROGRAMME.replace("Asia/Shanghai", name))
        assert isinstance(zone, list)
        assert (zone[0].line, "not a time zone" in zone[0].message) == (2, True)


def test_a_bound_without_a_value_is_no_bound() -> None:
    text = SCHEME.replace("cap: 15.00", "cap: ").replace("to: 2026-12-31", "to: ").replace("max: 5000.00", "max: ")
    parsed = parse_scheme(text, "b.yaml")
    assert isinstance(parsed, Document)
    found = parsed.value
    assert (found.benefit.model_dump()["cap"], found.effective.last, found.eligibility.gross.max) == (None, None, None)


def test_the_key_of_a_fixed_price_is_pay_or_price() -> None:
    for key in ("pay", "price"):
        text = SCHEME.replace("{kind: percent, percent: 50, cap: 15.00}", f"{{kind: price, {key}: 10.00}}")
        parsed = parse_scheme(text, "b.yaml")
        assert isinstance(parsed, Document)
        assert parsed.value.benefit.model_dump()["pay"] == 1000


def test_amounts_have_one_bound_everywhere() -> None:
    from adapters.directory import programme_columns

    assert programme_columns.MAX_FEN == MAX_FEN < 2**50


def test_the_schema_of_editors_names_every_key() -> None:
    schema = document_schema("scheme")
    assert {"scheme", "version", "benefit", "funding", "limits", "refund"} <= set(schema["properties"])
    assert set(schema["required"]) == {"scheme", "version", "programme", "effective", "payee", "benefit", "funding"}
    assert {"from", "to"} == set(schema["$defs"]["Effective"]["properties"])
