"""Every sample statement: what docs/formats_accounts.md says of it is what happens, and its figures are the expected.

The expected figures were written by other programs: genkgo/camt's JSON, and the mt-940 library's YAML, of which only
the amounts are taken.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from accounts_support import SAMPLES, needs_samples, read
from lxml import etree

from settlement.model.money import parse_amount

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/formats_accounts.md"
_ROW = re.compile(r"^\| `((?:camt|mt940|cn-bank-csv)/[^`]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_AMOUNT = re.compile(r"python/object:mt940\.models\.Transaction\n.*?amount: .*?- '(-?[0-9.]+)'", re.DOTALL)


def documented() -> list[tuple[str, str, str]]:
    """(file, how it is read, outcome) of every row of the document's table."""
    return [(name, how.strip(), said.strip()) for name, how, said in _ROW.findall(DOCUMENT.read_text("utf-8"))]


def arguments(how: str) -> tuple[str, dict[str, Any]]:
    """`mt940 encoding=cp1250` as the format and its settings."""
    name, *settings = how.split()
    return name, dict(setting.split("=", 1) for setting in settings)


def outcome(name: str, how: str) -> str:
    """What happens to a sample, in the words of the document."""
    format_name, settings = arguments(how)
    frame, rejects, closing = read(format_name, (SAMPLES / name).read_bytes(), **settings)
    if closing.refused is not None:
        return f"refused {closing.refused.code}"
    lines = frame["line"].drop_nulls().len()
    parts = [f"{frame.select('statement', 'account', 'currency').unique().height} statements, {lines} lines"]
    parts += [f"{count} × {code}" for code, count in sorted(Counter(r.code for r in rejects).items())]
    parts += [f"{count} × {code}" for code, count in sorted(Counter(n.split(":")[0] for n in closing.notes).items())]
    return ", ".join(parts)


@needs_samples
@pytest.mark.parametrize(("name", "how", "said"), documented(), ids=[name for name, _, _ in documented()])
def test_a_sample_ends_as_the_document_says(name: str, how: str, said: str) -> None:
    assert outcome(name, how) == said


@needs_samples
def test_the_document_leaves_no_sample_out() -> None:
    found = {
        str(path.relative_to(SAMPLES))
        for kind in ("camt", "mt940", "cn-bank-csv")
        for path in SAMPLES.glob(f"{kind}/*/*")
    }
    assert {name for name, _, _ in documented()} == found


def counted(name: str, data: bytes) -> list[Decimal]:
    """Unsigned amounts of a statement file's lines, found without any grammar of ours."""
    if name.startswith("mt940/"):
        return [
            Decimal(amount.decode().replace(",", "."))
            for amount in re.findall(rb"(?m)^:61:[^,\r\n]*?([0-9]+,[0-9]*)", data)
        ]
    return [Decimal(entry.findtext("{*}Amt") or "nan") for entry in etree.fromstring(data).iter("{*}Ntry")]


@needs_samples
@pytest.mark.parametrize(("name", "how", "said"), documented(), ids=[name for name, _, _ in documented()])
def test_no_sample_loses_a_line_or_a_fen(name: str, how: str, said: str) -> None:
    if said.startswith("refused") or how.startswith("bank_csv") or "BAD_AMOUNT" in said:
        return
    format_name, settings = arguments(how)
    data = (SAMPLES / name).read_bytes()
    frame, rejects, closing = read(format_name, data, **settings)
    amounts = counted(name, data)
    lines = frame.drop_nulls("line")
    assert closing.records == len(amounts) == lines["record"].n_unique() + len(rejects) + closing.skipped
    assert set(frame["currency"]).isdisjoint({"JPY", "KWD"})  # two decimals all of them
    assert closing.total_fen == sum(amounts) * 100


def frames(folder: str) -> list[tuple[str, pl.DataFrame]]:
    """Samples of a folder that are not refused, with the lines they give."""
    out = []
    for name, how, said in documented():
        if name.startswith(folder + "/") and not said.startswith("refused"):
            format_name, settings = arguments(how)
            out.append((name, read(format_name, (SAMPLES / name).read_bytes(), **settings)[0]))
    return out


@needs_samples
def test_camt_amounts_are_those_genkgo_reads() -> None:
    compared = 0
    for name, frame in frames("camt"):
        expected = SAMPLES / "camt-expected/genkgo+camt" / f"data__{Path(name).stem}.json"
        lines = frame.drop_nulls("line")
        if not expected.exists() or not lines.height:
            continue
        wanted = [
            int(entry["getAmount"]["getAmount"]) for entry in json.loads(expected.read_text("utf-8"))["getEntries"]
        ]
        last = lines.filter(
            pl.col("statement") == lines["statement"][-1]
        )  # its message keeps the last statement's entries
        assert (
            last.group_by("record", maintain_order=True).agg(pl.sum("amount_fen"))["amount_fen"].to_list() == wanted
        ), name
        compared += len(wanted)
    assert compared == 16


def fen(text: str) -> int:
    """The library's signed decimal text in minor units."""
    size = parse_amount(text.removeprefix("-"))
    return -size if text.startswith("-") else size


@needs_samples
def test_mt940_amounts_are_those_the_library_reads() -> None:
    compared = 0
    for name, frame in frames("mt940"):
        expected = SAMPLES / "mt940-expected/wolph+mt940" / f"{Path(name).stem}.yml"
        if not expected.exists():
            continue
        wanted = [fen(amount) for amount in _AMOUNT.findall(expected.read_text("utf-8"))]
        # that YAML was written with reversals unsigned (RC as C): the sign we give them is what makes these balance
        flip = pl.when(pl.col("reversal")).then(-pl.col("amount_fen")).otherwise("amount_fen")
        given = frame.drop_nulls("line").select(flip).to_series().to_list()
        if "BAD_DATE" in {row[0]: row[2] for row in documented()}[name]:
            continue  # the library moves 30 February to the 29th
        assert given == wanted, name
        compared += len(wanted)
    assert compared > 100
