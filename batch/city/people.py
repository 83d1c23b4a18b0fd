"""Members and their cards, generated from a seed: numbers that nobody real has."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建文辉力志永健世广义兴良海山仁波宁贵福生龙元"
DISTRICTS = ("gusu", "wuzhong", "xiangcheng", "huqiu", "sip", "wujiang")
# issuer prefixes that no network has given out
PREFIX = {"citizen_card": "2150", "bank_card": "6299990", "e_card": "9996"}
LENGTH = {"citizen_card": 16, "bank_card": 19, "e_card": 18}


@dataclass(frozen=True, slots=True)
class People:
    """Who lives in the city. `cards`: member (row number), card_number, instrument; sorted by card number."""

    members: pl.DataFrame
    cards: pl.DataFrame

    def of(self, instrument: str) -> pl.DataFrame:
        """Cards of one instrument."""
        return self.cards.filter(pl.col("instrument") == instrument)


def luhn_digit(body: str) -> str:
    """The digit that makes `body` + digit pass Luhn."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def id_number(born: date, serial: int) -> str:
    """A GB 11643 number of an unassigned county (990000) with a right check digit."""
    body = f"990000{born:%Y%m%d}{serial % 1000:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(w * int(d) for w, d in zip(weights, body, strict=True)) % 11]


def people(seed: int, count: int) -> People:
    """`count` members, each with a citizen card, most with a bank card, some with an electronic card."""
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    orgs = [f"SZ-{n:02d}" for n in range(1, 25)]
    rows = []
    cards: list[tuple[int, str, str]] = []
    draws = rng.integers(0, 2**31, size=(count, 6))
    for n in range(count):
        a, b, c, d, e, f = (int(v) for v in draws[n])
        name = SURNAMES[a % len(SURNAMES)] + GIVEN[b % len(GIVEN)] + (GIVEN[c % len(GIVEN)] if c % 3 else "")
        born = date(1960, 1, 1) + timedelta(days=d % 15000)
        active = "active" if e % 200 else "left"
        rows.append(
            (
                f"U{n + 1:07d}",
                name,
                id_number(born, n),
                orgs[f % 24],
                DISTRICTS[f % 6],
                active,
                "paid-dues" if e % 7 else "",
                "2026-01-01",
                "",
            )
        )
        for instrument, holds in (("citizen_card", True), ("bank_card", e % 10 < 7), ("e_card", f % 4 == 0)):
            if holds:
                cards.append((n, _card_number(instrument, n, a), instrument))
    head = ["member_no", "name", "id_no", "org", "district", "status", "tags", "valid_from", "valid_to"]
    members = pl.DataFrame(rows, schema=head, orient="row")
    table = pl.DataFrame(cards, schema=["member", "card_number", "instrument"], orient="row")
    return People(members, table.sort("card_number"))


def _card_number(instrument: str, n: int, spice: int) -> str:
    prefix, length = PREFIX[instrument], LENGTH[instrument]
    # a permutation of the member number, so that neighbours do not look alike
    middle = (n * 7_368_787 + 1_299_709) % 100_000_000
    body = f"{prefix}{spice % 10}{middle:08d}".ljust(length - 1, "0")[: length - 1]
    return body + luhn_digit(body)


def write_reference(folder: Path, who: People, seed: int) -> None:
    """members.csv, cards.csv, entitlements.csv and the members' payee accounts (member_accounts.csv)."""
    numbers = who.members["member_no"].to_list()
    _write(folder / "members.csv", who.members.columns, who.members.rows())
    cards = [
        (number, numbers[member], instrument, "2026-01-01", "")
        for member, number, instrument in who.cards.select("member", "card_number", "instrument").iter_rows()
    ]
    _write(folder / "cards.csv", ["card_no", "member_no", "instrument", "valid_from", "valid_to"], cards)
    rights = []
    for n, number in enumerate(numbers):
        if n % 10 == 0:
            rights.append((f"E1-{n:07d}", number, "first-login", "1", "", "2026-04-25", "2026-05-24"))
        if n % 5 == 1:
            rights.append((f"E7-{n:07d}", number, "dining-pack", "4", "", "2026-05-01", "2026-06-30"))
        if n % 4 == 2:
            rights.append((f"E12-{n:07d}", number, "may-credit", "", "200.00", "2026-05-01", "2026-10-31"))
    head = ["entitlement_no", "member_no", "scheme", "uses", "amount", "valid_from", "valid_to"]
    _write(folder / "entitlements.csv", head, rights)
    names = who.members["name"].to_list()
    accounts = [
        (
            "member",
            number,
            names[n],
            f"6299{(n * 9_901 + seed) % 10**12:012d}",
            "合作银行苏州分行",
            "301305000019",
            "2026-01-01",
            "",
        )
        for n, number in enumerate(numbers)
    ]
    head = ["payee_kind", "payee_no", "account_name", "account_no", "bank_name", "bank_code", "valid_from", "valid_to"]
    _write(folder / "member_accounts.csv", head, accounts)


def _write(path: Path, head: list[str], rows: Sequence[tuple[str, ...]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    path.write_text(out.getvalue(), "utf-8")
