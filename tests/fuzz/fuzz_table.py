"""The table of docs/results from the log of runs: python tests/fuzz/fuzz_table.py fuzz.jsonl"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def row(result: dict[str, object]) -> str:
    """One line of the table."""
    outcomes = result["outcomes"]
    assert isinstance(outcomes, dict)
    single = {what: count for what, count in outcomes.items() if not what.startswith("batch: ")}
    accepted = [single.pop(what, 0) for what in ("rejects", "noted", "whole")]
    batches = f" + {result['records_in_batches']:,} records in batches" if result["records_in_batches"] else ""
    cells = [f"`{result['name']}`", f"{result['executions']:,}{batches}", f"{result['seconds']:,}"]
    cells[-1] += f" ({result['cpu_seconds']:,})"
    cells += [str(result["peak_mib"]), *(f"{count:,}" for count in (sum(single.values()), *accepted)), "none"]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    for line in Path(sys.argv[1]).read_text("utf-8").splitlines():
        print(row(json.loads(line)))
