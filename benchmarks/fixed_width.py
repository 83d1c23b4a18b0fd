"""Fixed-width feeds against polars.read_csv of the same fields as CSV: `python -m benchmarks.fixed_width [records]`.

Every shipped format, bytes to canonical frame, on one core (processor time of both) and with the threads as they come
(time on the clock, so that other work on the machine shows). Best of RUNS for both, one after the other; all frames are
kept until the file is read, as read_csv does. Cards have no tokens there: tokens are timed apart, once per distinct
number. Then memory: the most that a process holds which reads files of other sizes from disk.
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
from typing import Any

import numpy as np
import polars as pl

from adapters.base import Closing, Context, Parsed
from adapters.layout import Layout, shipped_layout
from adapters.layout_line import encode_line
from adapters.registry import adapter
from settlement.model.cards import CardTokens, Tokeniser
from settlement.model.frames import TRANSACTION

RUNS = 3
CARDS = 400_000
SHOPS = 5_000
PART = 100_000
TARGET = 3
# layout: (format, file name, settings)
FORMATS: dict[str, tuple[str, str, dict[str, str]]] = {
    "citizen_card": ("citizen_card", "SMK_20260507", {}),
    "unionpay_zm": ("unionpay_zm", "INN26050788ZM_802310048993424", {}),
    "unionpay_acomn": ("unionpay_acom", "IND26050701ACOMN", {"record": "acomn"}),
    "unionpay_acoma": ("unionpay_acom", "IND26050701ACOMA", {"record": "acoma"}),
}


def traffic(first: int, count: int, rng: np.random.Generator) -> pl.DataFrame:
    """Records of a POS day from number `first`: mostly sales, Chinese names, originals that are a few records back."""
    row = pl.int_range(first, first + count, eager=True)
    paid, shop = pl.Series(rng.integers(1, 99_999, count)), rng.integers(0, SHOPS, count)
    at = (row * 80 // 1000 % 80_000 * 1_000_000 + 1_778_090_400_000_000).cast(pl.Datetime("us", "UTC"))
    local = at.dt.convert_time_zone("Asia/Shanghai").dt.strftime("%Y%m%d%H%M%S")
    names = ("得月楼菜馆", "松鹤楼(观前店)", "Shop 7", "苏州市姑苏区平江路农贸市场有限公司", "邻里便利店")
    kinds = rng.choice(["SALE", "VOID", "REFUND", "REVERSAL"], count, p=[0.96, 0.01, 0.02, 0.01])
    trace = (row % 1_000_000).cast(pl.String).str.zfill(6)
    frame = pl.DataFrame({"paid_fen": paid, "occurred_at": at, "stan": trace, "kind": kinds.tolist()})
    frame = frame.with_columns(
        transaction_id=pl.format("bank:{}/49993/{}/{}", 48_020_000 + row // 80_000, trace, local),
        card_number=(6_222_000_000_000_000 + pl.Series(rng.integers(0, CARDS, count))).cast(pl.String),
        source=pl.lit("bank"), clearing_date=pl.lit("2026-05-07").str.to_date(), rail=pl.lit("pos"),
        merchant_no=pl.format("M{}", pl.Series(shop).cast(pl.String).str.zfill(14)),
        terminal_no=pl.format("T{}", pl.Series(shop * 2).cast(pl.String).str.zfill(7)),
        claimed_fen=paid % 500, gross_fen=paid + paid % 500, fee_fen=paid * 38 // 10_000,
        rrn=row.cast(pl.String).str.zfill(12), auth_code=trace, mcc=pl.lit("5411"), currency=pl.lit("156"),
        merchant_name=pl.Series([f"{names[number % 5]}{number}" for number in shop.tolist()]), file=pl.lit("F"),
    )  # fmt: skip
    frame = frame.with_columns(original_key=pl.when(pl.col("kind") != "SALE").then(pl.col("transaction_id").shift(5)))
    blank = [pl.lit(None, dtype).alias(name) for name, dtype in TRANSACTION.items() if name not in frame.columns]
    return frame.with_columns(blank)


def citizen(first: int, count: int, rng: np.random.Generator) -> pl.DataFrame:
    """The same as citizen-card records of both rails."""
    frame, row = traffic(first, count, rng), pl.int_range(first, first + count, eager=True)
    card = "2150000" + pl.Series(rng.integers(0, CARDS, count)).cast(pl.String).str.zfill(9)
    shown = card.str.slice(0, 6) + "******" + card.str.slice(12)
    counter, sequence = (row % 65_536).cast(pl.String).str.zfill(6), row.cast(pl.String).str.zfill(10)
    key = pl.format("bank:21500001/{}/{}/{}/{}", shown, counter, "terminal_no", sequence)
    frame = frame.with_columns(card_number=card, transaction_id=key, rail=pl.Series(["purse", "bank_account"])[row % 2])
    return frame.with_columns(original_key=pl.when(pl.col("kind") != "SALE").then(pl.col("transaction_id").shift(5)))


def write(name: str, count: int, folder: Path) -> None:
    """`name`.dat and `name`.csv of `count` records, a part at a time."""
    form, file, settings = FORMATS[name]
    layout, rng = shipped_layout("adapters.feeds", name), np.random.default_rng(7)
    head = sum(line.width + 2 for line in layout.header)
    total, writer = 0, adapter(form).write
    assert writer is not None
    with (folder / f"{name}.dat").open("wb") as data, (folder / f"{name}.csv").open("wb") as csv:
        for first in range(0, count, PART):
            size = min(PART, count - first)
            frame = (citizen if name == "citizen_card" else traffic)(first, size, rng)
            part = writer(frame, Context(file, "bank", settings))
            body = part[head : head + size * (layout.record.width + 2)]
            data.write((b"" if first else part[:head]) + body)
            csv.write(as_csv(layout, body).write_csv(include_header=not first).encode())
            total += int(frame["paid_fen"].sum())
        for line in layout.trailer:
            data.write(encode_line(layout, line, {"record_count": count, "total_paid": total}) + layout.newline_bytes)


def as_csv(layout: Layout, body: bytes) -> pl.DataFrame:
    """The fields of the records as text, without their blanks."""
    table = np.frombuffer(body, np.uint8).reshape(-1, layout.record.width + 2)
    columns = []
    for spec in layout.record.fields:
        assert spec.start is not None
        cells = np.ascontiguousarray(table[:, spec.start - 1 : spec.end])
        binary = pl.Series(spec.name, cells).cast(pl.List(pl.UInt8)).cast(pl.Binary)
        texts = {cell: cell.decode("gb18030").strip(" ") for cell in binary.unique().to_list()}
        columns.append(binary.replace_strict(texts, return_dtype=pl.String))
    return pl.DataFrame(columns)


def read(name: str, stream: Any) -> pl.DataFrame:
    """The canonical frame of a file."""
    form, file, settings = FORMATS[name]
    reader = adapter(form).read
    assert reader is not None
    *blocks, closing = reader(stream, Context(file, "bank", settings))
    assert isinstance(closing, Closing)
    assert closing.refused is None, closing.refused
    return pl.concat([block.frame for block in blocks if isinstance(block, Parsed)])


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Processor seconds, seconds on the clock, and the result."""
    clock, processor = time.perf_counter(), time.process_time()
    result = work()
    return time.process_time() - processor, time.perf_counter() - clock, result


def measure(folder: Path) -> None:
    """One line per format: ours, read_csv, their ratio."""
    one = pl.thread_pool_size() == 1
    print(f"{'one core, processor time' if one else f'{pl.thread_pool_size()} threads, time on the clock'}:")
    for name in FORMATS:
        data, csv = (folder / f"{name}.dat").read_bytes(), (folder / f"{name}.csv").read_bytes()
        ours, theirs = [], []
        for _ in range(RUNS):
            *took, frame = timed(lambda data=data, name=name: read(name, io.BytesIO(data)))
            ours.append(took[0 if one else 1])
            *took, table = timed(lambda csv=csv: pl.read_csv(csv, infer_schema_length=1000))
            theirs.append(took[0 if one else 1])
            assert frame.height == table.height
        ratio = min(ours) / min(theirs)
        size = len(data) // frame.height
        print(
            f"  {name:15} {frame.height} records of {size} bytes: {min(ours):.2f} s, read_csv {min(theirs):.2f} s; "
            f"ratio {ratio:.2f} (target at most {TARGET})",
            flush=True,
        )


def tokens(count: int) -> None:
    """Tokens of the cards of a file, once per distinct number."""
    rng = np.random.default_rng(7)
    numbers = pl.Series(6_222_000_000_000_000 + rng.integers(0, CARDS, count)).cast(pl.String)
    holder = CardTokens(Tokeniser("bench", b"k" * 32))
    parts = [numbers.slice(at, 32_768) for at in range(0, count, 32_768)]  # as the blocks of a file come
    seconds, _, _ = timed(lambda: [holder.of(part) for part in parts])
    print(f"tokens apart: {numbers.n_unique()} distinct cards in {count} records {seconds:.2f} s")


def memory(name: str, path: Path) -> None:
    """Reads a file from disk, block by block, and says the most that this process held."""
    form, file, settings = FORMATS[name]
    reader = adapter(form).read
    assert reader is not None
    with path.open("rb") as stream:
        rows = sum(
            item.frame.height for item in reader(stream, Context(file, "bank", settings)) if hasattr(item, "frame")
        )
    status = Path("/proc/self/status").read_text("ascii")  # ru_maxrss would count what the parent held
    most = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps([rows, int(most.split()[1]) // 1024]))


def child(*arguments: str, threads: str | None = None) -> str:
    """This module in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if key != "POLARS_MAX_THREADS"}
    environment |= {"POLARS_MAX_THREADS": threads} if threads else {}
    command = [sys.executable, "-m", "benchmarks.fixed_width", *arguments]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def main(count: int) -> None:
    """Prints the ratios and the memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for layout in FORMATS:
            write(layout, count, folder)
        print(child("--measure", name, threads="1"), end="")
        print(child("--measure", name), end="")
        tokens(count)
        body, path = (folder / "unionpay_acomn.dat").read_bytes(), folder / "large.dat"
        for times in (0.1, 1, 3):
            with path.open("wb") as stream:
                for _ in range(max(int(times), 1)):
                    stream.write(body[: int(len(body) // 502 * min(times, 1)) * 502])
            rows, most = json.loads(child("--memory", "unionpay_acomn", str(path)))
            print(f"memory: {rows} records ({path.stat().st_size >> 20} MiB) from disk: at most {most} MiB")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--measure", folder]:
            measure(Path(folder))
        case ["--memory", name, path]:
            memory(name, Path(path))
        case _:
            main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
