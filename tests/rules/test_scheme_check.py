"""`puhui scheme check`: every kind of mistake is named with file, line, column, what and remedy; warnings are true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from portal.cli import schemes

PROGRAMME = """programme: town
timezone: Asia/Shanghai
sponsors:
  city: {name: 市总, kind: union}
  bank: {name: 银行, kind: bank}
pools:
  - {name: budget, measure: amount, value: 1000.00, window: total}
"""
SCHEME = """scheme: bread
version: 1
title: 面包五折
programme: town
priority: 100
effective: {from: 2026-01-01, to: 2026-12-31}
payee: merchant
eligibility:
  merchants: {category: [food]}
  gross: {min: 10.00, max: 500.00}
  weekdays: [wed]
  hours: ["10:00-22:00"]
  days: any
benefit: {kind: percent, percent: 50, cap: 15.00}
limits:
  - {name: week, per: [member], measure: count, value: 1, window: week}
  - {name: month, per: [merchant], measure: amount, value: 500.00, window: month}
pools: [budget]
funding: [{sponsor: city, share: 1}, {sponsor: bank, share: 2}]
refund: {policy: proportional, restore: {amount: true, use: void}}
"""
MERCHANTS = "merchant_no,name,category,district,hq_district,valid_from,valid_to\nM1,店,food,gusu,,,\n"
MEMBERS = "member_no,org,district,status,tags,valid_from,valid_to\nU1,o,gusu,active,a|b,,\nU2,p,gusu,left,gold,,\n"
RIGHTS = "entitlement_no,member_no,scheme,uses,amount,valid_from,valid_to\n"
BREAD = "schemes/bread.yaml"
PERCENT = "{kind: percent, percent: 50, cap: 15.00}"


def run(*words: str) -> Result:
    made = typer.Typer(pretty_exceptions_enable=False)
    schemes.register(made)
    return CliRunner().invoke(made, ["scheme", *words])


def town(folder: Path, **files: str) -> Path:
    texts = {"programme.yaml": PROGRAMME, BREAD: SCHEME, "merchants.csv": MERCHANTS, "members.csv": MEMBERS, **files}
    (folder / "schemes").mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())
    return folder


# (what stands, what is written instead, line:column, what is said, the remedy)
WRONG = [
    ("scheme: bread\n", "", "1:1", "`scheme` is missing", "add it"),
    ("version: 1\n", "", "1:1", "`version` is missing", "add it"),
    ("programme: town\n", "", "1:1", "`programme` is missing", "add it"),
    ("effective: {from: 2026-01-01, to: 2026-12-31}\n", "", "1:1", "`effective` is missing", "add it"),
    ("from: 2026-01-01, ", "", "6:12", "`from` is missing", "add it"),
    ("payee: merchant\n", "", "1:1", "`payee` is missing", "add it"),
    ("benefit: {kind: percent, percent: 50, cap: 15.00}\n", "", "1:1", "`benefit` is missing", "add it"),
    ("funding: [{sponsor: city, share: 1}, {sponsor: bank, share: 2}]\n", "", "1:1", "`funding` is missing", "add it"),
    ("scheme: bread", "scheme: two words", "1:9", "not a code", "1 to 64 characters"),
    ("scheme: bread", "scheme: a,b", "1:9", "not a code", "without blanks, commas"),
    ("version: 1", "version: 1.0", "2:10", "not a whole number", "digits only"),
    ("version: 1", "version: 0", "2:10", "too small", "1 or more"),
    ("version: 1", 'version: "1"', "2:10", "not a whole number", "digits only"),
    ("title: 面包五折", "title: [a]", "3:8", "not text", "in quotes"),
    ("programme: town", "programme: toun", "4:12", "programme toun does not exist", "write town"),
    ("priority: 100", "priority: high", "5:11", "not a whole number", "like 100"),
    ("from: 2026-01-01", "from: 01/01/2026", "6:19", "not a date", "YYYY-MM-DD"),
    ("from: 2026-01-01", "from: 2026-02-30", "6:19", "no such day", "a real date"),
    ("to: 2026-12-31", "to: 2025-12-31", "6:12", "`to` is before `from`", "the later date"),
    ("payee: merchant", "payee: shop", "7:8", "not one of the words", "'merchant', 'channel' or 'member'"),
    ("category: [food]", "categorie: [food]", "9:15", "unknown key", "write `category`"),
    ("category: [food]", "category: {a: b}", "9:25", "not a list", "in brackets"),
    ("category: [food]", "category: ['']", "9:26", "empty", "write a word"),
    ("min: 10.00", "min: -10.00", "10:16", "not an amount", "like 12.34"),
    ("min: 10.00", "min: 10.005", "10:16", "more than 2 decimals", "at most 2"),
    ("min: 10.00", "min: 1e1", "10:16", "not an amount", "like 12.34"),
    ("min: 10.00", "min: NaN", "10:16", "not an amount", "like 12.34"),
    ("max: 500.00", "max: 5.00", "10:10", "`max` is below `min`", "the larger amount"),
    ("max: 500.00", "max: 99999999999999.00", "10:28", "amount out of range", "9999999999999.99"),
    ("[wed]", "[Wed]", "11:14", "not one of the words", "'mon', 'tue'"),
    ('"10:00-22:00"', "10:00", "12:11", "not hours", "HH:MM-HH:MM"),
    ('"10:00-22:00"', '"10:00-10:00"', "12:11", "the same", "leave `hours` out"),
    ("days: any", "days: weekend", "13:9", "not one of the words", "'workday' or 'restday'"),
    ("kind: percent", "kind: percents", "14:10", "unknown 'kind'", "'percent', 'fixed'"),
    ("kind: percent, ", "", "14:10", "'kind' is missing", "add it"),
    ("percent: 50", "percent: 150", "14:35", "percentage out of range", "0 to 100"),
    ("percent: 50", "percent: 33.33333", "14:35", "more than 4 decimals", "at most 4"),
    ("percent: 50, ", "", "14:10", "`percent` is missing", "add it"),
    ("cap: 15.00", "capp: 15.00", "14:39", "unknown key", "write `cap`"),
    ("cap: 15.00", "rounding: half", "14:49", "not one of the words", "'half_up', 'down' or 'up'"),
    ("cap: 15.00", "unit: 0.00", "14:45", "above zero", "at least 0.01"),
    (PERCENT, "{kind: steps, every: 0, off: 1}", "14:31", "above zero", "0.01"),
    (PERCENT, "{kind: tiers, tiers: []}", "14:31", "empty", "at least one"),
    (PERCENT, "{kind: tiers, tiers: [{from: 1}]}", "14:32", "either `off`", "one of"),
    (PERCENT, "{kind: tiers, tiers: [{from: 1, off: 1, percent: 1}]}", "14:32",
     "either `off`", "write one"),
    (PERCENT, "{kind: tiers, tiers: [{from: 1, off: 1, cap: 1}]}", "14:32",
     "has no `cap`", "remove it"),
    (PERCENT, "{kind: tiers, tiers: [{from: 1, off: 1}, {from: 1.0, off: 2}]}",
     "14:31", "the same `from`", "keep one"),
    (PERCENT, "{kind: price, pay: 1, price: 2}", "14:32", "the same as `pay`", "keep one"),
    (PERCENT, "{kind: claimed, min: 2, max: 1}", "14:10", "`max` is below", "larger"),
    (PERCENT, "percent", "14:10", "not a mapping", "key: value"),
    ("{name: week, ", "{", "16:5", "`name` is missing", "add it"),
    ("name: month", "name: week", "16:3", "two of the name week", "its own name"),
    ("per: [member]", "per: member", "16:23", "not a list", "in brackets"),
    ("per: [member]", "per: [members]", "16:24", "not one of the words", "'member', 'merchant'"),
    ("per: [member]", "per: [member, member]", "16:23", "twice", "each once"),
    ("measure: count", "measure: times", "16:5", "unknown 'measure'", "'amount', 'count'"),
    ("value: 1,", "value: 1.5,", "16:56", "not a whole number", "digits only"),
    ("value: 1,", "value: -1,", "16:56", "not a whole number", "digits only"),
    ("window: week", "window: weekly", "16:67", "not one of the words", "'day', 'week'"),
    ("window: month}", "window: month, on_exceed: refuse}", "17:94", "not one of the words", "'partial' or 'deny'"),
    ("pools: [budget]", "pools: [bugdet]", "18:9", "pool bugdet does not exist", "correct the name"),
    ("pools: [budget]", "pools: [budget, budget]", "18:8", "a pool stands twice", "keep it once"),
    ("sponsor: bank", "sponsor: bonk", "19:48", "sponsor bonk does not exist", "declare it"),
    ("share: 2", "share: 0", "19:61", "too small", "1 or more"),
    ("version: 1", "version: 202605010001", "2:10", "too large", "smaller"),  # the import ended in a DataError
    ("share: 2", "share: 2000000", "19:61", "too large", "smaller"),
    ("[{sponsor: city, share: 1}, {sponsor: bank, share: 2}]", "[]", "19:10", "empty", "at least one"),
    ("policy: proportional", "policy: pro_rata", "20:18", "not one of the words", "'subsidy_first'"),
    ("amount: true", "amount: yes", "20:50", "not true or false", "true or false"),
    ("use: void", "use: sometimes", "20:61", "not one of the words", "'full' or 'never'"),
    ("refund: {", "refund: {policys: none, ", "20:10", "unknown key", "write `policy`"),
    ("version: 1", "version: 1\nversion: 2", "3:1", "stands twice", "keep one"),
    ("title: 面包五折", "title: &a 面包", "3:8", "anchors", "write the value out"),
    ("title: 面包五折", "title: !x 面包", "3:8", "tags are not read", "remove it"),
    ("title: 面包五折", "title: [面包", "4:10", "expected", "correct the YAML"),
    ("title: 面包五折", "title: a\x07b", "3:1", "does not allow", "remove it"),
    ("scheme: bread", "--- \nscheme: bread\n---\na: b\n", "3:1", "a second document", "one document"),
    ("scheme: bread", "\tscheme: bread", "1:1", "", "correct the YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place", "says", "remedy"), WRONG)
def test_a_wrong_scheme_is_named_by_place_and_remedy(
    old: str, new: str, place: str, says: str, remedy: str, tmp_path: Path
) -> None:
    assert old in SCHEME
    folder = town(tmp_path, **{BREAD: SCHEME.replace(old, new, 1)})
    result = run("check", str(folder))
    assert result.exit_code == 2
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert lines
    file = re.escape(str(folder / BREAD))
    for line in lines:  # each is whole: file, line, column, what; remedy, code
        assert re.fullmatch(rf"error: {file}:\d+:\d+: .+; .+ \[[A-Z_]+\]", line), line
    found = [line for line in lines if f"bread.yaml:{place}:" in line]
    assert found, lines
    assert any(says in line and remedy in line for line in found), found


WRONG_PROGRAMME = [
    ("timezone: Asia/Shanghai", "timezone: Asia/Suzhou", "2:11", "not a time zone"),
    ("timezone: Asia/Shanghai\n", "", "1:1", "`timezone` is missing"),
    ("kind: union", "kind: onion", "4:26", "not one of the words"),
    ("  city:", "  district:", "4:3", "reserved"),
    ("window: total", "window: ever", "7:61", "not one of the words"),
    ("sponsors:", "sponsor:", "3:1", "unknown key"),
]


@pytest.mark.parametrize(("old", "new", "place", "says"), WRONG_PROGRAMME)
def test_a_wrong_programme_is_named_by_place(old: str, new: str, place: str, says: str, tmp_path: Path) -> None:
    assert old in PROGRAMME
    result = run("check", str(town(tmp_path, **{"programme.yaml": PROGRAMME.replace(old, new, 1)})))
    assert result.exit_code == 2
    assert any(says in line and f"programme.yaml:{place}: " in line for line in result.stderr.splitlines()), (
        result.stderr
    )


def test_mistakes_across_files_are_named(tmp_path: Path) -> None:
    later = (
        SCHEME.replace("version: 1", "version: 2").replace("2026-01-01", "2026-12-31").replace("to: 2026", "to: 2027")
    )
    folder = town(tmp_path, **{"schemes/later.yaml": later, "schemes/twice.yaml": SCHEME})
    told = run("check", str(folder)).stderr
    assert "later.yaml:6:12: effective: version 2 of bread overlaps version 1" in told
    assert "twice.yaml:2:10: version: version 1 of bread also stands in" in told
    broken = {BREAD: SCHEME.replace("[budget]", "[x]"), "schemes/b.yaml": "a: [", "members.csv": MEMBERS + "U1,,,,,,\n"}
    told = run("check", str(town(tmp_path / "b", **broken))).stderr
    assert "pool x does not exist" in told  # told in one run with what cannot be read at all
    assert "b.yaml:1:5" in told
    assert "members.csv:4: member_no: stands twice" in told


def test_json_has_errors_and_warnings(tmp_path: Path) -> None:
    wrong = run("check", str(town(tmp_path / "a", **{BREAD: SCHEME.replace("percent: 50", "percent: 150")})), "--json")
    assert wrong.exit_code == 2
    (error,) = json.loads(wrong.stdout)["errors"]
    assert (error["line"], error["column"], error["field"]) == (14, 35, "benefit.percent")
    odd = SCHEME.replace("[food]", "[film]")
    warned = run("check", str(town(tmp_path / "b", **{BREAD: odd})), "--json")
    assert warned.exit_code == 1
    assert [w["code"] for w in json.loads(warned.stdout)["warnings"]] == ["NO_MERCHANT"]
    fine = run("check", str(town(tmp_path / "c")), "--json")
    assert (fine.exit_code, json.loads(fine.stdout)) == (0, {"schemes": 1, "errors": [], "warnings": []})


TIERS = "{kind: tiers, tiers: [{from: 100, off: 20}, {from: 200, off: 5}, {from: 20, off: 1}]}"
ODD = [
    ("category: [food]", "category: [film]", "9:14", "NO_MERCHANT"),
    ("gross: {", "members: {tag: [gold]}\n  gross: {", "10:12", "NO_MEMBER"),
    ("days: any", "requires_entitlement: true", "13:25", "NO_ENTITLEMENTS"),
    ("weekdays: [wed]", "weekdays: []", "11:13", "EMPTY_LIST"),
    ("from: 2026-01-01, to: 2026-12-31", "from: 2026-05-07, to: 2026-05-12", "11:13", "NO_DAY"),
    ("percent: 50", "percent: 0", "14:10", "NEVER_GIVES"),
    (PERCENT, "{kind: tiers, tiers: [{from: 900, off: 20}]}", "14:10", "NEVER_GIVES"),
    (PERCENT, "{kind: price, pay: 500}", "14:10", "NEVER_GIVES"),
    ("pools:", "min_grant: 20.00\npools:", "14:10", "NEVER_GIVES"),
    ("value: 1,", "value: 0,", "16:5", "NEVER_GIVES"),
    ("per: [merchant], measure: amount, value: 500.00, window: month",
     "per: [member, merchant], measure: amount, value: 15.00, window: week", "17:5", "NEVER_BINDS"),
    (PERCENT, TIERS, "14:54", "TIER_LOWERS"),
    ("name: week", "name: budget", "16:12", "SAME_NAME"),
    ("name: month", "name: min_grant", "17:12", "SAME_NAME"),
    ("{sponsor: bank, share: 2}", "{sponsor: bank, share: 2}, {sponsor: city, share: 1}", "19:75", "SPONSOR_TWICE"),
    (PERCENT, "{kind: tiers, tiers: [{from: 600, off: 9}, {from: 20, off: 1}]}", "14:32", "TIER_UNREACHED"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place", "code"), ODD)
def test_an_odd_scheme_is_told_by_place(old: str, new: str, place: str, code: str, tmp_path: Path) -> None:
    assert old in SCHEME
    result = run("check", str(town(tmp_path, **{BREAD: SCHEME.replace(old, new, 1)})))
    assert result.exit_code == 1, result.output
    told = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert any(f"bread.yaml:{place}: " in line and line.endswith(f"[{code}]") for line in told), told
    assert all("; " in line for line in told)


def test_a_programme_without_schemes_is_told(tmp_path: Path) -> None:
    folder = town(tmp_path)
    (folder / BREAD).unlink()
    for _ in ("empty", "missing"):
        result = run("check", str(folder))
        assert (result.exit_code, "programme.yaml:1:1: " in result.stderr, "[NO_SCHEMES]" in result.stderr) == (
            1,
            True,
            True,
        )
        if (folder / "schemes").exists():
            (folder / "schemes").rmdir()


def test_entitlements_of_nobody_are_told(tmp_path: Path) -> None:
    rights = RIGHTS + "e1,U1,breed,1,,,\ne2,U9,bread,1,,,\n"
    told = run("check", str(town(tmp_path, **{"entitlements.csv": rights}))).stderr
    assert "entitlements.csv:1: scheme: 1 of a scheme that does not exist, like e1 (breed)" in told
    assert "entitlements.csv:1: member_no: 1 of a member that does not exist, like e2 (U9)" in told


def test_a_limit_that_denies_can_bind_before_a_tighter_one(tmp_path: Path) -> None:
    """left of a: 12, left of b: 10, figure 15: `deny` gives nothing where b alone would give 10."""
    limits = (
        "limits:\n  - {name: a, measure: amount, value: 12.00, window: day, on_exceed: deny}\n"
        "  - {name: b, measure: amount, value: 10.00, window: day}\n"
    )
    text = re.sub(r"limits:\n.*\n.*\n", limits, SCHEME)
    assert run("check", str(town(tmp_path / "1", **{BREAD: text}))).exit_code == 0
    partial = text.replace(", on_exceed: deny", "")
    assert "NEVER_BINDS" in run("check", str(town(tmp_path / "2", **{BREAD: partial}))).stderr


@pytest.mark.parametrize(
    ("one", "between", "last", "told"),
    [
        ("", ", on_exceed: deny", "", False),  # figure 5, left 4, 4, 1: 4 passes the second, 5 does not
        ("", "", "", True),
        (", on_exceed: deny", "", ", on_exceed: deny", False),  # left 4, 1, 3: 1 passes the third, 5 not the first
        (", on_exceed: deny", ", on_exceed: deny", ", on_exceed: deny", False),
        ("", "", ", on_exceed: deny", True),
    ],
)
def test_a_limit_counts_for_those_between_it_and_a_tighter_one(
    one: str, between: str, last: str, told: bool, tmp_path: Path
) -> None:
    limits = (
        f"limits:\n  - {{name: a, measure: amount, value: 6.00, window: day{one}}}\n"
        f"  - {{name: b, measure: amount, value: 5.00, window: day, per: [member]{between}}}\n"
        f"  - {{name: c, measure: amount, value: 3.00, window: day{last}}}\n"
    )
    said = run("check", str(town(tmp_path, **{BREAD: re.sub(r"limits:\n.*\n.*\n", limits, SCHEME)}))).stderr
    assert ("bread.yaml:16:5" in said) == told, said


def test_a_limit_that_a_new_version_brings_says_nothing_of_older_use(tmp_path: Path) -> None:
    """`places` has used 100 before `tight` began at 0: it may be met first."""
    first = SCHEME.replace("to: 2026-12-31", "to: 2026-05-31")
    tight = "  - {name: tight, per: [member], measure: count, value: 1, window: total}\n"
    second = SCHEME.replace("version: 1", "version: 2").replace("2026-01-01", "2026-06-01")
    second = second.replace("limits:\n", "limits:\n" + tight).replace(
        "value: 1, window: week", "value: 2, window: week"
    )
    alone = run("check", str(town(tmp_path / "1", **{BREAD: second})))
    assert "NEVER_BINDS" in alone.stderr
    both = run("check", str(town(tmp_path / "2", **{BREAD: first, "schemes/second.yaml": second})))
    assert both.exit_code == 0, both.stderr


def test_a_hole_between_versions_is_told(tmp_path: Path) -> None:
    first = SCHEME.replace("to: 2026-12-31", "to: 2026-05-31")
    second = SCHEME.replace("version: 1", "version: 2").replace("2026-01-01", "2026-06-02")
    told = run("check", str(town(tmp_path, **{BREAD: first, "schemes/second.yaml": second}))).stderr
    assert "second.yaml:6:19: effective.from: no version is in force between 2026-05-31 and 2026-06-02" in told


def test_list_and_show(tmp_path: Path) -> None:
    folder = str(town(tmp_path))
    (row,) = json.loads(run("list", folder, "--json").stdout)
    assert (row["scheme"], row["version"], row["to"], row["title"]) == ("bread", 1, "2026-12-31", "面包五折")
    assert "面包五折" in run("list", folder).stdout
    shown = run("show", folder, "bread").stdout
    for part in ("补贴成交价的50%，封顶15元", "商户类别：food", "成交价10至500元", "星期：周三", "时段：10:00-22:00",
                 "限额 week：每会员每周限1次", "资金池 budget：活动期内限1000元", "出资：市总 1/3，银行 2/3",
                 "补贴付给商户", "退货按比例追回", "撤销后次数退还"):  # fmt: skip
        assert part in shown
    english = run("show", folder, "bread", "--lang", "en").stdout
    for part in ("50 % of the price, at most 15", "price from 10 to 500", "on Wednesday", "once a week for each member",
                 "pool budget: at most 1000 yuan in all", "city (市总) 1/3", "a void gives the use back"):  # fmt: skip
        assert part in english
    (whole,) = json.loads(run("show", folder, "bread", "--json").stdout)
    assert (whole["version"], whole["zh"][0]) == (1, "面包五折")
    assert len(whole["zh"]) == len(whole["en"])
    missing = run("show", folder, "cake")
    assert missing.exception is not None
    assert "no scheme cake; write one of bread" in str(missing.exception)
