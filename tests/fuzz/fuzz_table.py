"""The table of docs/results from the log of runs: python tests/fuzz/fuzz_table.py FILE..."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any


def together(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One result of each name, whose run was cut into slices; in the order of the names' first."""
    out: dict[str, dict[str, Any]] = {}
    for one in results:
        whole = out.setdefault(one["name"], dict.fromkeys(one, 0) | {"name": one["name"], "outcomes": Counter()})
        for name in ("executions", "records_in_batches", "seconds", "cpu_seconds"):
            whole[name] += one[name]
        whole["peak_mib"] = max(whole["peak_mib"], one["peak_mib"])
        whole["outcomes"].update(one["outcomes"])
    return list(out.values())


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
    lines = [line for path in sys.argv[1:] for line in Path(path).read_text("utf-8").splitlines()]
    print("\n".join(map(row, together([json.loads(line) for line in lines]))))
