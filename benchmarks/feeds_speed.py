"""Feeds against what they are measured by, in one run (issue 4): `python -m benchmarks.feeds_speed [messages]`.

pos_iso8583: bytes to canonical frame, masks included, against iso8583.decode of the same messages, which only decodes
them. Both take turns on one core, by processor time, since other work on the machine must not show; the median of
ROUNDS turns counts. The tokens of the cards are timed apart, inside the read that makes them. Then memory: the most
that a process holds which reads files of three sizes from disk. Fixed-width formats follow, by fixed_width.py.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import iso8583
import numpy as np

from adapters.base import Context, Parsed
from adapters.feeds.iso_spec import SPECS
from adapters.registry import adapter
from benchmarks import fixed_width
from settlement.model.cards import CardTokens, Tokeniser, masked

SAMPLE = 5_000
ROUNDS = 7
FEWEST = 20  # data elements of a message
WITH_KEY = Context("POS20260507", "bank", {}, Tokeniser("bench", b"k" * 32))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds and the result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def read(stream: BinaryIO, given: Context) -> int:
    """Accepted rows; the frames are dropped as a block is done."""
    reader = adapter("pos_iso8583").read
    assert reader is not None
    return sum(item.frame.height if isinstance(item, Parsed) else 0 for item in reader(stream, given))


def sample(data: bytes) -> list[bytes]:
    """The first SAMPLE messages of a file. Each has FEWEST data elements or more, beside type and bitmaps."""
    messages, at = [], 0
    while at < len(data) and len(messages) < SAMPLE:
        size = int.from_bytes(data[at : at + 2], "big")
        messages.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    for message in messages:
        decoded, _ = iso8583.decode(message, SPECS["cups"])
        assert len(decoded.keys() - {"h", "t", "p", "1"}) >= FEWEST
    return messages


def write(count: int, path: Path) -> None:
    """A file of `count` messages, a part at a time."""
    rng, writer = np.random.default_rng(7), adapter("pos_iso8583").write
    assert writer is not None
    with path.open("wb") as stream:
        for first in range(0, count, fixed_width.PART):
            frame = fixed_width.traffic(first, min(fixed_width.PART, count - first), rng)
            whole = writer(frame, Context("POS20260507", "bank", {}))
            closing = 2 + 4 + 16 + 4 + 4 * 10 + 4 * 16  # the 0520 of a part would be none of the whole
            assert whole[-closing + 2 :].startswith(b"0520")
            stream.write(whole[:-closing])


def pos(path: Path) -> None:
    """pos_iso8583 against iso8583.decode."""
    data, given = path.read_bytes(), Context("POS20260507", "bank", {})
    messages = sample(data)
    read(io.BytesIO(data), given)  # the kernel is loaded
    ratios, speeds = [], []
    for _ in range(ROUNDS):
        theirs, _ = timed(lambda: [iso8583.decode(message, SPECS["cups"]) for message in messages])
        ours, rows = timed(lambda: read(io.BytesIO(data), given))
        ratios.append(theirs / len(messages) / (ours / rows))
        speeds.append(rows / ours)
    print(
        f"pos_iso8583: {rows} messages of {FEWEST} data elements or more, {median(speeds):,.0f} a second; "
        f"{median(ratios):.1f} times iso8583.decode (target 30; {ROUNDS} turns, {min(ratios):.1f} to {max(ratios):.1f})"
    )


def tokens(path: Path) -> None:
    """Tokens inside the read of a file, once per distinct number, and masks."""
    data, spent, plain = path.read_bytes(), [0.0, 0.0], CardTokens.of
    numbers = []

    def noted(self: CardTokens, given: Any) -> Any:
        seconds, found = timed(lambda: plain(self, given))
        spent[0] += seconds
        numbers.append(given)
        return found

    CardTokens.of = noted  # type: ignore[method-assign]
    rows = read(io.BytesIO(data), WITH_KEY)
    CardTokens.of = plain  # type: ignore[method-assign]
    for block in numbers:
        seconds, _ = timed(lambda block=block: masked(block))
        spent[1] += seconds
    print(
        f"  tokens of the cards of {rows} messages {spent[0]:.2f} s, masks {spent[1]:.2f} s "
        f"(target 1.0 for both; {fixed_width.CARDS} cards)"
    )


def memory(path: Path) -> None:
    """Reads a file from disk with tokens, and says the most that this process held."""
    with path.open("rb") as stream:
        rows = read(stream, WITH_KEY)
    status = Path("/proc/self/status").read_text("ascii")
    most = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps([rows, int(most.split()[1]) // 1024]))


def main() -> None:
    """Prints the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        sizes = {size: Path(name) / str(size) for size in (count // 10, count, 3 * count)}
        for size, path in sizes.items():
            write(size, path)
        child = [sys.executable, "-m", "benchmarks.feeds_speed"]
        print(subprocess.run([*child, "--speed", str(sizes[count])], check=True, stdout=-1, text=True).stdout, end="")
        for path in sizes.values():
            output = subprocess.run([*child, "--memory", str(path)], check=True, stdout=-1, text=True).stdout
            rows, most = json.loads(output)
            print(f"  memory: {rows} messages ({path.stat().st_size >> 20} MiB) from disk: at most {most} MiB")
    fixed_width.main(count)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--speed", path]:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            pos(Path(path))
            tokens(Path(path))
        case ["--memory", path]:
            memory(Path(path))
        case _:
            main()
