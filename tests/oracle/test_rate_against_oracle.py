"""`puhui rate` and the oracle, row for row, on generated programmes.

`PUHUI_ORACLE_PROGRAMMES` says how many (60), `PUHUI_ORACLE_SEED` where to begin (0). A failure names the seed;
`town(seed).write(folder)` in tests/oracle/generate.py lays its files out again.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.oracle.generate import town
from tests.oracle.product import rate_by_command
from tests.oracle.rate_oracle import Award, as_csv, rate

COUNT = int(os.environ.get("PUHUI_ORACLE_PROGRAMMES", "60"))
FIRST = int(os.environ.get("PUHUI_ORACLE_SEED", "0"))
CHUNK = 10  # programmes per test, so that a run shows where it is


def first_difference(seed: int, wanted: list[list[Award]], got: list[list[Award]]) -> str:
    """ "" where the files agree, else the seed and the first row that differs."""
    for batch, (want, have) in enumerate(zip(wanted, got, strict=True)):
        if want == have:
            continue
        for number in range(max(len(want), len(have))):
            pair = [rows[number : number + 1] for rows in (want, have)]
            if pair[0] != pair[1]:
                texts = [as_csv(rows).partition("\n")[2].strip() or "(no row)" for rows in pair]
                return f"seed {seed}, batch {batch}, row {number}\n  oracle  {texts[0]}\n  product {texts[1]}"
    return ""


@pytest.mark.parametrize("start", range(FIRST, FIRST + COUNT, CHUNK))
def test_the_command_writes_what_the_oracle_says(start: int, tmp_path: Path) -> None:
    engine = "reference" if start % (3 * CHUNK) == 0 else "kernel"  # the kernel is what people run
    found = []
    for seed in range(start, min(start + CHUNK, FIRST + COUNT)):
        folder = tmp_path / f"town-{seed}"
        runs = town(seed).write(folder)
        found.append(first_difference(seed, rate(runs), rate_by_command(runs, folder, engine)))
    assert not [text for text in found if text], "\n".join(text for text in found if text)
