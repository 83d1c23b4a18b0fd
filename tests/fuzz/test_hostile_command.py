"""Hostile files as a bank would meet them: `puhui feed check` ends with 2 and says in one line what, where and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fuzz_oracle import CARDS
from fuzz_subjects import subjects
from test_hostile_text import LAUGHS

from portal.cli.main import run

# (subject, variant, arguments): the settings of the variant as they are written on a command line
CASES = [
    ("citizen_card", 0, []),
    ("unionpay_acom", 0, ["record=acomn"]),
    ("unionpay_acom", 1, ["record=acoma"]),
    ("unionpay_zm", 0, []),
    ("mapped_csv", 0, ["mapping=purse_daily", "rail=purse"]),
    ("mapped_csv", 1, ["mapping=wechat_pay"]),
    ("bank_csv", 0, ["layout=ccb"]),
    ("mt940", 0, ["encoding=iso-8859-1"]),
    ("camt053", 0, []),
    ("camt054", 0, []),
    ("pain002", 0, []),
    ("bank_result", 0, ["layout=minsheng_result"]),
    ("pos_iso8583+hex", 0, ["framing=hex", "body=pos"]),
    ("pos_iso8583", 2, ["framing=vbs", "header=tpdu", "body=pos"]),
    ("bank_csv+xlsx", 0, ["layout=ccb"]),
    ("mapped_csv+xlsx", 0, ["mapping=wechat_pay"]),
]


def hostile(name: str, good: bytes) -> dict[str, bytes]:
    """Files that each format refuses as a whole."""
    cut = good[: len(good) * 2 // 3 + 1]
    files = {"empty": b"", "nul": bytes(5000), "cut": cut if "csv" not in name or "xlsx" in name else good[:20]}
    if good.startswith(b"<"):
        at = good.index(b"<Document")
        files |= {"laughs": good[:at] + LAUGHS + good[at:], "surrogate": good.replace(b"</", b"&#xd800;</", 1)}
    if "xlsx" not in name:
        files["zeros"] = b"0" * 3_000_000
    return files


@pytest.mark.parametrize(("name", "number", "settings"), CASES)
def test_check_ends_with_two_and_one_clear_line(
    name: str, number: int, settings: list[str], tmp_path: Path, capsys: Any
) -> None:
    variant = subjects()[name].variants[number]
    form = name.partition("+")[0]
    arguments = ["--format", form, *(part for setting in settings for part in ("--set", setting))]
    path = tmp_path / variant.file
    path.write_bytes(variant.seeds()[-1])
    assert run(["feed", "check", str(path), *arguments]) in {0, 1}
    capsys.readouterr()
    for what, data in hostile(name, variant.seeds()[-1]).items():
        path.write_bytes(data)
        assert run(["feed", "check", str(path), *arguments]) == 2, what
        printed, error = capsys.readouterr()
        head, _, _ = printed.partition("receipt ")
        said = [line for line in head.splitlines() if line.startswith(f"refused: {variant.file}: ")]
        assert error == ""
        assert len(said) == 1, printed
        assert said[0].endswith("]")
        assert "Traceback" not in printed
        assert not any(card in printed for card in CARDS)
        out = tmp_path / "x.csv"
        assert run(["feed", "convert", str(path), *arguments, "--out", str(out)]) == 2, what
        assert not out.exists()
        assert capsys.readouterr().err.count("refused: ") == 1
