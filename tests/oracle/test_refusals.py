"""What rules.md calls an error: the oracle and `puhui rate` refuse the same, each change of a sound directory alone.

The command ends with status 2, names the file and the line, and leaves no output behind.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.oracle.product import RefusedError, rate_by_command
from tests.oracle.rate_oracle import rate

SOUND = {
    "programme.yaml": """\
programme: town
title: 小城
timezone: Asia/Shanghai
currency: CNY
combine: best
sponsors:
  city: {name: 总工会, kind: union}
  bank: {name: 银行, kind: bank}
pools:
  - {name: budget, measure: amount, value: 100.00, window: total}
""",
    "schemes/half.yaml": """\
scheme: half
version: 1
title: 五折
programme: town
priority: 100
effective: {from: 2026-05-01, to: 2026-06-30}
payee: merchant
eligibility:
  merchants: {category: [food]}
  members: {tag: [red]}
  gross: {min: 1.00, max: 5000.00}
  weekdays: [mon, tue, wed, thu, fri, sat, sun]
  hours: ["00:00-24:00"]
  days: any
  requires_entitlement: true
benefit: {kind: percent, percent: 50, cap: 15.00, rounding: half_up, unit: 0.01}
min_grant: 0.01
limits:
  - {name: uses, per: [member], measure: count, value: 3, window: week}
  - {name: sum, per: [], measure: amount, value: 50.00, window: day, on_exceed: partial}
pools: [budget]
funding:
  - {sponsor: city, share: 1}
  - {sponsor: district, share: 2}
refund: {policy: proportional, restore: {amount: true, use: void}}
""",
    "schemes/tiers.yaml": """\
scheme: tiers
version: 1
title: 分档
programme: town
effective: {from: 2026-05-01, to: 2026-06-30}
payee: member
benefit:
  kind: tiers
  tiers:
    - {from: 10.00, off: 1.00}
    - {from: 20.00, percent: 10, cap: 3.00}
funding: [{sponsor: bank, share: 1}]
""",
    "members.csv": "member_no,org,district,status,tags,valid_from,valid_to\nu1,o1,gusu,active,red,2026-01-01,\n",
    "merchants.csv": (
        "merchant_no,name,category,district,hq_district,valid_from,valid_to\nm1,面包房,food.bakery,gusu,gusu,,\n"
    ),
    "entitlements.csv": (
        "entitlement_no,member_no,scheme,uses,amount,valid_from,valid_to\ne1,u1,half,2,30.00,2026-05-01,2026-05-31\n"
    ),
    "calendar.csv": "date,kind\n2026-05-01,restday\n",
    "transactions.csv": (
        "transaction_id,kind,original_id,occurred_at,member_no,merchant_no,instrument,gross,claimed\n"
        "t1,SALE,,2026-05-06T12:00:00+08:00,u1,m1,e_card,20.00,10.00\n"
        "t2,REFUND,t1,2026-05-07T12:00:00+08:00,,,,5.00,\n"
        "t3,VOID,t1,2026-05-08T12:00:00+08:00,,,,,\n"
    ),
}

# (file, what stands there, what is put in its place)
PROGRAMME = [
    ("programme: town", "programme: other"),
    ("timezone: Asia/Shanghai", "timezone: Asia/Nowhere"),
    ("timezone: Asia/Shanghai\n", ""),
    ("combine: best", "combine: most"),
    ("combine: best", "combine: best\ncombined: best"),
    ("combine: best", "combine: best\ncombine: best"),
    ("  city:", "  district:"),
    ("{name: budget, ", "{"),
    ("measure: amount", "measure: money"),
    ("value: 100.00", "value: 100.001"),
    ("value: 100.00", "value: -100.00"),
    ("value: 100.00", "value: .nan"),
    ("window: total", "window: decade"),
    ("window: total", "window: total, scheme: half"),
    ("pools:\n", "pools:\n  - {name: budget, measure: count, value: 1, window: day}\n"),
]
SCHEME = [
    *[
        (line, "")
        for line in (
            "scheme: half\n",
            "version: 1\n",
            "programme: town\n",
            "effective: {from: 2026-05-01, to: 2026-06-30}\n",
            "payee: merchant\n",
            "benefit: {kind: percent, percent: 50, cap: 15.00, rounding: half_up, unit: 0.01}\n",
            "funding:\n  - {sponsor: city, share: 1}\n  - {sponsor: district, share: 2}\n",
            "from: 2026-05-01, ",
            "kind: percent, ",
            "percent: 50, ",
            "name: uses, ",
        )
    ],
    ("version: 1", "version: one"),
    ("version: 1", "version: 1.5"),
    ("programme: town", "programme: village"),
    ("priority: 100", "priority: high"),
    ("from: 2026-05-01", "from: 2026-02-30"),
    ("from: 2026-05-01", "from: soon"),
    ("payee: merchant", "payee: bank"),
    ("payee: merchant", "payee: merchant\nbudget: 5"),
    ("eligibility:", "eligibility:\n  cards: [e_card]"),
    ("{category: [food]}", "{category: [food], name: [x]}"),
    ("{tag: [red]}", "{tag: [red], member_no: [u1]}"),
    ("min: 1.00,", "min: 1.005,"),
    ("min: 1.00,", "min: 1.00, step: 2.00,"),
    ("[mon, tue,", "[monday, tue,"),
    ('"00:00-24:00"', '"10:00-10:00"'),
    ('"00:00-24:00"', '"24:00-10:00"'),
    ('"00:00-24:00"', '"10:00-24:01"'),
    ('"00:00-24:00"', '"9:00-10:00"'),
    ("days: any", "days: holiday"),
    ("requires_entitlement: true", "requires_entitlement: maybe"),
    ("kind: percent", "kind: percentage"),
    ("percent: 50,", "percent: 50.00001,"),
    ("percent: 50,", "percent: fifty,"),
    ("percent: 50,", "percent: 50, off: 5.00,"),
    ("cap: 15.00", "cap: 15.001"),
    ("rounding: half_up", "rounding: nearest"),
    ("unit: 0.01", "unit: 0.001"),
    ("min_grant: 0.01", "min_grant: 0.001"),
    ("name: sum", "name: uses"),
    ("measure: count, value: 3", "measure: count, value: 3.5"),
    ("per: [member]", "per: [card]"),
    ("on_exceed: partial", "on_exceed: warn"),
    ("pools: [budget]", "pools: [treasure]"),
    ("sponsor: city", "sponsor: county"),
    ("share: 2", "share: 0"),
    ("share: 2", "share: -2"),
    ("share: 2", "share: 2.5"),
    ("share: 2", "part: 2"),
    ("  - {sponsor: city, share: 1}\n  - {sponsor: district, share: 2}\n", "  []\n"),
    ("policy: proportional", "policy: fair"),
    ("amount: true", "amount: half"),
    ("use: void", "use: always"),
    ("use: void", "use: void, count: void"),
]
TIERS = [
    ("off: 1.00", "off: 1.00, cap: 2.00"),
    ("off: 1.00", "off: 1.00, percent: 5"),
    (", off: 1.00", ""),
    ("from: 10.00, ", ""),
    ("from: 10.00", "from: 10.001"),
    ("kind: tiers", "kind: tiers\n  cap: 2.00"),
    ("scheme: tiers", "scheme: half"),  # the same version twice
    ("scheme: tiers\nversion: 1", "scheme: half\nversion: 2"),  # versions that overlap
]
ROSTER = [
    ("members.csv", "u1,o1,gusu,active,red,2026-01-01,\n", 2 * "u1,o1,gusu,active,red,2026-01-01,\n"),
    ("members.csv", "2026-01-01", "2026-13-01"),
    ("members.csv", ",tags", ""),
    ("members.csv", "red,2026-01-01,", "red,2026-01-01"),
    ("merchants.csv", "m1,面包房,food.bakery,gusu,gusu,,\n", 2 * "m1,面包房,food.bakery,gusu,gusu,,\n"),
    ("merchants.csv", "gusu,gusu", "gusu,"),  # the district pays, and there is none
    ("entitlements.csv", "2026-05-31\n", "2026-05-31\ne1,u1,half,1,,,\n"),
    ("entitlements.csv", "half,2", "half,-2"),
    ("entitlements.csv", "half,2", "half,2.5"),
    ("entitlements.csv", "30.00", "30.001"),
    ("entitlements.csv", "30.00", "1e3"),
    ("calendar.csv", "restday", "holiday"),
    ("calendar.csv", "2026-05-01", "1 May 2026"),
]
TRANSACTIONS = [
    ("t1,SALE", "t1,PURCHASE"),
    ("t1,SALE", "t1,sale"),
    ("t1,SALE", ",SALE"),
    ("t2,REFUND", "t1,REFUND"),
    ("12:00:00+08:00,u1", "12:00:00,u1"),
    ("2026-05-06T", "2026-05-32T"),
    ("2026-05-06T12:00:00+08:00", "yesterday"),
    ("2026-05-06T12:00:00+08:00", ""),
    ("20.00,10.00", "-20.00,10.00"),
    ("20.00,10.00", "20.001,10.00"),
    ("20.00,10.00", "0.00,10.00"),
    ("20.00,10.00", ",10.00"),
    ("20.00,10.00", "NaN,10.00"),
    ("20.00,10.00", "20.00,-10.00"),
    ("20.00,10.00", "20.00,ten"),
    ("20.00,10.00", "20.00"),
    ("5.00,\n", "0,\n"),
    ("5.00,\n", '"5,00",\n'),
    (",gross,", ",amount,"),
    (",claimed", ",claimed,claimed"),
]
CHANGES = [
    *[("programme.yaml", old, new) for old, new in PROGRAMME],
    *[("schemes/half.yaml", old, new) for old, new in SCHEME],
    *[("schemes/tiers.yaml", old, new) for old, new in TIERS],
    *ROSTER,
    *[("transactions.csv", old, new) for old, new in TRANSACTIONS],
]


def lay_out(folder: Path, files: dict[str, str]) -> Path:
    (folder / "schemes").mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


def test_the_sound_directory_is_rated_by_both(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "town", SOUND)
    runs = [(folder, folder / "transactions.csv")]
    wanted = rate(runs)
    assert [row["outcome"] for row in wanted[0]] == ["GRANTED", "CLAWED_BACK", "CLAWED_BACK"]
    assert rate_by_command(runs, tmp_path) == wanted


@pytest.mark.parametrize(("name", "old", "new"), CHANGES, ids=[f"{n}: {o!r} -> {w!r}"[:70] for n, o, w in CHANGES])
def test_both_refuse(name: str, old: str, new: str, tmp_path: Path) -> None:
    assert SOUND[name].count(old) == 1, "the change is meant for one place"
    folder = lay_out(tmp_path / "town", {**SOUND, name: SOUND[name].replace(old, new)})
    runs = [(folder, folder / "transactions.csv")]
    with pytest.raises(ValueError):
        rate(runs)
    with pytest.raises(RefusedError) as refused:
        rate_by_command(runs, tmp_path)
    assert str(refused.value).startswith("status 2: ")
    assert re.search(r"\.(csv|yaml):\d+: .*;", str(refused.value).replace("\n", ""))
    assert not list(tmp_path.glob("awards*"))
