"""Speed of rating, as ratios within one run: the kernel against the reference, and `puhui rate` against Polars' own IO.

    python -m benchmarks.rules_bench [ROWS] [--ten]

makes a city of ROWS transactions (1,000,000), 400,000 members, 5,000 merchants and 40 schemes with four limits and
three pools. `--ten` also rates ten times as many. The first run compiles the kernel, before anything is timed.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from benchmarks.rules_city import write_city

ROOT = Path(__file__).resolve().parents[1]
REFERENCE_ROWS = 20_000


def timed(label: str, action, repeat: int = 3):
    """The best wall time of some runs, and the last result."""
    best, result = float("inf"), None
    for _ in range(repeat):
        start = time.perf_counter()
        result = action()
        best = min(best, time.perf_counter() - start)
    print(f"{label:<52} {best:8.3f} s")
    return best, result


def kernel_against_reference(folder: Path) -> None:
    import rules
    from portal.cli.programme import load_plan, load_transactions
    from rules import kernel_batch
    from rules.columnar import prepare

    plan, state = load_plan(folder), rules.State.empty()
    stream = load_transactions(folder / "transactions.csv")[1]
    rules.rate(plan, stream[:1000], state, engine="kernel")
    best = float("inf")
    for _ in range(3):  # a batch is used up by being rated
        batch = prepare(plan, stream, state)
        start = time.perf_counter()
        kernel_batch.run(batch.arrays, batch.work, batch.order[: batch.rated], batch.opening_use, batch.combine)
        best = min(best, time.perf_counter() - start)
    sales = int((stream["kind"] == "SALE").sum())
    print(f"{'kernel loop':<52} {best:8.3f} s   {sales / best:,.0f} sales a second (wanted 2,000,000)")
    small = stream[:REFERENCE_ROWS]
    slow, _ = timed(f"reference, {REFERENCE_ROWS} rows", lambda: rules.rate(plan, small, state, engine="reference"), 1)
    ratio = (slow / small.height) / (best / stream.height)
    print(f"kernel loop / reference: {ratio:.0f} times faster (wanted 200)")


def files_alone(folder: Path, awards: Path) -> None:
    """Polars reading what the command reads, and writing what it writes."""
    for name in ("transactions.csv", "members.csv", "merchants.csv"):
        pl.read_csv(folder / name, infer_schema=False)
    pl.read_csv(awards, infer_schema=False).write_csv(folder / "copy.csv")


def command_against_files(folder: Path) -> float:
    awards = folder / "awards.csv"
    words = ["rate", str(folder), "--transactions", str(folder / "transactions.csv"), "--out", str(awards)]
    command = [sys.executable, "-c", "from portal.cli.main import main; main()", *words]
    whole, _ = timed("puhui rate, file to file", lambda: subprocess.run(command, cwd=ROOT, check=True), 2)
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    alone, _ = timed("Polars alone, the same files", lambda: files_alone(folder, awards))
    print(f"puhui rate / Polars alone: {whole / alone:.1f} times (wanted 6 at most); {used} MiB (wanted 1536 at most)")
    return whole


def main() -> None:
    """Prints the figures of issue 3."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    rows = numbers[0] if numbers else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_city(folder, rows)
        kernel_against_reference(folder)
        once = command_against_files(folder)
        if "--ten" in sys.argv:
            write_city(folder, 10 * rows)
            print(f"ten times the rows: {command_against_files(folder) / once:.1f} times (wanted 11 at most)")


if __name__ == "__main__":
    main()
