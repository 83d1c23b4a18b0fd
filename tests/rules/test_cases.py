"""The worked cases of rules.md: each YAML file of cases/ through the oracle and through `puhui rate`.

Each is also cut into two batches by time (`--state`), where its order in time allows, and must give the same rows.
"""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from ruamel.yaml import YAML

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from settlement.ledger.chart import parse_chart  # noqa: E402 - the repository is put on the path just above
from settlement.ledger.events import AWARD_TOTAL, no_events, posting  # noqa: E402 - as above
from tests.oracle.oracle_roster import COLUMNS as FILE_COLUMNS  # noqa: E402 - as above
from tests.oracle.oracle_roster import read_transactions  # noqa: E402 - as above
from tests.oracle.product import rate_by_command  # noqa: E402 - as above
from tests.oracle.rate_oracle import Oracle  # noqa: E402 - as above

CASES = HERE / "cases"
CASE_FILES = sorted(path for path in CASES.glob("*.yaml") if not path.name.startswith("_"))
HEADINGS = {
    "id": "transaction_id",
    "of": "original_id",
    "at": "occurred_at",
    "member": "member_no",
    "merchant": "merchant_no",
    "card": "instrument",
}
SALE_DEFAULTS = {"kind": "SALE", "member_no": "U1", "merchant_no": "bakery", "instrument": "citizen_card"}
Row = dict[str, str]


Rater = Callable[["Case"], list[list[Row]]]


class Case(NamedTuple):
    """A case on disk: its directory, its files of transactions, the rows each must give."""

    folder: Path
    files: list[Path]
    awards: list[list[Row]]


def text_of(path: Path) -> dict[str, Any]:
    doc = YAML(typ="base", pure=True).load(path.read_text(encoding="utf-8"))
    assert isinstance(doc, dict)
    return doc


def table(text: str) -> list[Row]:
    """A table of a case: cells without the blanks around them, ranges like C001..C200 unrolled."""
    lines = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text)) if row]
    heading = [HEADINGS.get(name, name) for name in lines[0]]
    return [
        dict(zip(heading, row, strict=True))
        for line in lines[1:]
        for row in unrolled(line + [""] * (len(heading) - len(line)))
    ]


def unrolled(cells: list[str]) -> list[list[str]]:
    ranges = {i: m for i, cell in enumerate(cells) if (m := re.fullmatch(r"(\D*)(\d+)\.\.\1(\d+)", cell))}
    if not ranges:
        return [cells]
    columns = {i: [f"{m[1]}{n:0{len(m[2])}d}" for n in range(int(m[2]), int(m[3]) + 1)] for i, m in ranges.items()}
    count = {len(column) for column in columns.values()}
    assert len(count) == 1, "the ranges of a row have one length"
    return [[columns[i][k] if i in columns else cell for i, cell in enumerate(cells)] for k in range(count.pop())]


def write_csv(path: Path, name: str, rows: list[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FILE_COLUMNS[name], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def sale_row(row: Row) -> Row:
    """A row of a case's transactions as one of transactions.csv."""
    full = row if row.get("kind", "SALE") != "SALE" else {**SALE_DEFAULTS, **{k: v for k, v in row.items() if v}}
    at = full["occurred_at"]
    return {**full, "occurred_at": at if re.search(r"(Z|[+-]\d\d:\d\d)$", at) else at.replace(" ", "T") + "+08:00"}


def lay_out(path: Path, folder: Path) -> Case:
    """Write the directory and the transactions of a case."""
    town, case = text_of(CASES / "_town.yaml"), text_of(path)
    (folder / "schemes").mkdir(parents=True)
    head = town["programme"] + case.get("programme", town["programme_rest"])
    (folder / "programme.yaml").write_text(head, encoding="utf-8")
    for number, scheme in enumerate(case["schemes"]):
        (folder / "schemes" / f"{number}.yaml").write_text(scheme, encoding="utf-8")
    for name in ("members", "merchants", "entitlements", "calendar"):
        if name in case or name in town:
            write_csv(folder / f"{name}.csv", f"{name}.csv", table(case.get(name) or town[name]))
    files, awards = [], []
    for number, batch in enumerate(case.get("batches", [case])):
        rows = [sale_row(row) for row in table(batch["transactions"])]
        files.append(write_csv(folder / f"transactions-{number}.csv", "transactions.csv", rows))
        awards.append(table(batch["awards"]))
    return Case(folder, files, awards)


def can_be_cut(path: Path) -> bool:
    """Whether a case is one batch in which nothing waits (`cut: no` says that something does)."""
    case = text_of(path)
    return "batches" not in case and case.get("cut", "yes") == "yes"


def cut_in_time(case: Case) -> Case:
    """The one batch of a case as two, cut between two instants."""
    rows = sorted(read_transactions(case.files[0]), key=lambda t: t.order)
    place = {t.id: i for i, t in enumerate(rows)}
    waits = [t.id for t in rows if t.kind != "SALE" and place.get(t.original, len(rows)) >= place[t.id]]
    cuts = [i for i in range(1, len(rows)) if rows[i - 1].at < rows[i].at]
    assert not waits, f"{waits} wait for a later original; write `cut: no`"
    assert cuts, "all are at one instant; write `cut: no`"
    cut = cuts[len(cuts) // 2]
    with case.files[0].open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    parts = [[r for r in written if (place[r["transaction_id"]] < cut) == first] for first in (True, False)]
    files = [write_csv(case.folder / f"part-{n}.csv", "transactions.csv", part) for n, part in enumerate(parts)]
    early = {t.id for t in rows[:cut]}
    awards = [[r for r in case.awards[0] if (r["transaction_id"] in early) == first] for first in (True, False)]
    return Case(case.folder, files, awards)


def by_oracle(case: Case) -> list[list[Row]]:
    oracle = Oracle(case.folder)
    return [oracle.rate_file(path) for path in case.files]


def by_command(engine: str) -> Rater:
    def rater(case: Case) -> list[list[Row]]:
        return rate_by_command([(case.folder, path) for path in case.files], case.folder, engine)

    return rater


RATERS = {"oracle": by_oracle, "kernel": by_command("kernel"), "reference": by_command("reference")}


def compare(case: Case, got: list[list[Row]]) -> None:
    """Row for row; only the columns that a case names are looked at."""
    shown = [
        [{column: row[column] for column in (wanted[0] if wanted else row)} for row in rows]
        for wanted, rows in zip(case.awards, got, strict=True)
    ]
    assert shown == case.awards


@pytest.mark.parametrize("rater", RATERS)
@pytest.mark.parametrize("path", CASE_FILES, ids=lambda path: path.stem)
def test_case_gives_the_rows_worked_out_by_hand(path: Path, rater: str, tmp_path: Path) -> None:
    case = lay_out(path, tmp_path / "town")
    compare(case, RATERS[rater](case))


@pytest.mark.parametrize("rater", RATERS)
@pytest.mark.parametrize("path", [path for path in CASE_FILES if can_be_cut(path)], ids=lambda path: path.stem)
def test_case_cut_in_time_gives_the_same_rows(path: Path, rater: str, tmp_path: Path) -> None:
    case = cut_in_time(lay_out(path, tmp_path / "town"))
    compare(case, RATERS[rater](case))


def test_the_command_as_people_start_it(tmp_path: Path) -> None:
    case = lay_out(CASES / "S11-district.yaml", tmp_path / "town")
    awards = tmp_path / "awards.csv"
    words = ["rate", str(case.folder), "--transactions", str(case.files[0]), "--out", str(awards)]
    done = subprocess.run(
        [sys.executable, "-m", "portal.cli.main", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with awards.open(encoding="utf-8", newline="") as file:
        compare(case, [list(csv.DictReader(file))])


def test_every_worked_case_of_the_page_is_here() -> None:
    shown = {text_of(path)["case"].split()[0] for path in CASE_FILES}
    assert {"S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S10", "S11", "S12", "R"} <= shown
    assert len(shown) == len(CASE_FILES) >= 37


def test_the_merchant_of_s2_is_owed_its_award_less_its_own_share(tmp_path: Path) -> None:
    """158.00 -> 20.00 as 10.00, 6.00 and 4.00: the books owe the merchant 14.00."""
    case = lay_out(CASES / "S02-sunday-market.yaml", tmp_path / "town")
    (row,) = [row for row in RATERS["kernel"](case)[0] if row["transaction_id"] == "t3"]
    kinds = {"city": "union", "shop": "merchant", "bank": "bank"}
    parts = [part.split("=") for part in row["sponsors"].split("|")]
    totals = [
        ("award", "town", row["scheme"], row["payee"], "market", name, kinds[name], "market", int(fen.replace(".", "")))
        for name, fen in parts
    ]
    chart = parse_chart((ROOT / "batch" / "charts" / "default.yaml").read_text("utf-8"), "default.yaml")
    events = replace(no_events(), awards=pl.DataFrame(totals, schema=AWARD_TOTAL, orient="row"))
    lines = posting(events, "2026-05-10", "town", chart).lines
    owed = lines.filter(pl.col("account") == chart.payable("merchant"))
    assert owed.select("payee_no", "amount_fen").rows() == [("market", -1400)]
