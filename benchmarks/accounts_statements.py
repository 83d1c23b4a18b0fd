"""Statements in: camt.053 against a bare lxml iterparse, MT940 against the mt-940 library, both over the same bytes.

    python -m benchmarks.accounts_statements [entries]

One process, one core, CPU seconds, best of the runs, which take turns. Targets: camt.053 at most 2.5 times iterparse,
MT940 at least 5 times the library, memory flat (each file read from disk by a process of its own).
"""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import mt940
from lxml import etree

from adapters.accounts import ADAPTERS
from adapters.base import Closing, Context, Parsed

ENTRIES = 200_000
SPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
SAMPLES = (Path(__file__).resolve().parents[1] / "../shared/samples/mt940").resolve()
SAMPLE_BYTES = 450_000


def amounts(count: int) -> list[int]:
    """Fen of each entry, all credits."""
    return [100 + number * 37 % 99_991 for number in range(count)]


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def camt(count: int, *, every: int = 1, space: str = SPACE) -> bytes:
    """One statement of `count` entries, about 620 bytes each; every `every`th has a detail, the others have none."""
    fens = amounts(count)

    def balance(code: str, fen: int) -> str:
        return (
            f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">{yuan(fen)}</Amt>'
            "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-05-07</Dt></Dt></Bal>"
        )

    def details(number: int) -> str:
        if number % every:
            return f"<AddtlNtryInf>补贴结算 {number}</AddtlNtryInf>"
        return (
            f"<NtryDtls><TxDtls><Refs><EndToEndId>SZ-2026-{number:06d}/1</EndToEndId></Refs>"
            f"<RltdPties><Dbtr><Pty><Nm>苏州商户{number % 997}</Nm></Pty></Dbtr>"
            f"<DbtrAcct><Id><Othr><Id>32250{number:012d}</Id></Othr></Id></DbtrAcct></RltdPties>"
            f"<RmtInf><Ustrd>补贴结算 {number}</Ustrd></RmtInf></TxDtls></NtryDtls>"
        )

    def entry(number: int, fen: int) -> str:
        return (
            f'<Ntry><Amt Ccy="CNY">{yuan(fen)}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
            "<BookgDt><Dt>2026-05-07</Dt></BookgDt><ValDt><Dt>2026-05-07</Dt></ValDt>"
            f"<AcctSvcrRef>R{number:010d}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd>"
            f"<SubFmlyCd>DMCT</SubFmlyCd></Fmly></Domn></BkTxCd>{details(number)}</Ntry>\n"
        )

    declared = f' xmlns="{space}"' if space else ""
    head = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document{declared}><BkToCstmrStmt>'
        "<GrpHdr><MsgId>M</MsgId><CreDtTm>2026-05-08T00:00:00</CreDtTm></GrpHdr><Stmt><Id>S</Id>"
        "<Acct><Id><Othr><Id>32250198</Id></Othr></Id><Ccy>CNY</Ccy></Acct>"
    )
    parts = [
        head,
        balance("OPBD", 1000),
        balance("CLBD", 1000 + sum(fens)),
        *(entry(number, fen) for number, fen in enumerate(fens)),
        "</Stmt></BkToCstmrStmt></Document>\n",
    ]
    return "".join(parts).encode()


def swift(count: int, lines: int = 50) -> bytes:
    """Messages of `lines` lines each, `count` lines in all."""
    fens = amounts(count)
    balances = [1000, *accumulate(fens, initial=1000)][1:]
    out: list[str] = []
    for start in range(0, count, lines):
        chunk = range(start, min(start + lines, count))
        out.append(f":20:REF{start}\r\n:25:32250198\r\n:28C:{start // lines + 1}/1\r\n")
        out.append(f":60F:C260506CNY{yuan(balances[start]).replace('.', ',')}\r\n")
        for number in chunk:
            amount = yuan(fens[number]).replace(".", ",")
            out.append(f":61:2605070507C{amount}NTRFSZ-{number:06d}//R{number:010d}\r\n")
            out.append(f":86:/EREF/SZ-2026-{number:06d}/NAME/Merchant {number % 997}/REMI/subsidy {number}\r\n")
        out.append(f":62F:C260507CNY{yuan(balances[chunk[-1] + 1]).replace('.', ',')}\r\n-\r\n")
    return "".join(out).encode()


def read(name: str, stream: BinaryIO, encoding: str = "utf-8") -> int:
    """Rows our reader gives; the run fails where a file is refused."""
    reader = next(a.read for a in ADAPTERS if a.name == name)
    assert reader is not None
    rows = 0
    for item in reader(stream, Context("bench", "bank", {"encoding": encoding} if name == "mt940" else {})):
        if isinstance(item, Parsed):
            rows += item.frame.height
        elif isinstance(item, Closing):
            assert item.refused is None, item.refused
    return rows


def bare(data: bytes) -> int:
    """A bare iterparse: every element's end, cleared."""
    count = 0
    for _, element in etree.iterparse(io.BytesIO(data)):
        count += 1
        element.clear()
    return count


def best(runs: list[Callable[[], object]], turns: int = 3, loop: int = 1) -> list[float]:
    """CPU seconds of each run, which take turns; the best of each."""
    times = [float("inf")] * len(runs)
    for _ in range(turns):
        for place, run in enumerate(runs):
            start = time.process_time()
            for _ in range(loop):
                run()
            times[place] = min(times[place], (time.process_time() - start) / loop)
    return times


def against_library(data: bytes, encoding: str = "utf-8", loop: int = 1) -> tuple[float, float, float]:
    """(our seconds, times as fast as `parse_statements`, as `parse`, which makes one statement of all)."""
    ours, apart, merged = best(
        [
            lambda: read("mt940", io.BytesIO(data), encoding),
            lambda: mt940.parse_statements(data.decode(encoding)),
            lambda: mt940.parse(data.decode(encoding)),
        ],
        loop=loop,
    )
    return ours, apart / ours, merged / ours


def samples() -> Iterator[tuple[str, bytes, str]]:
    """(name, bytes, encoding) of the samples that both readers take, each written out up to SAMPLE_BYTES."""
    logging.getLogger("mt940").setLevel(logging.CRITICAL)  # it prints what it cannot read
    for path in sorted(SAMPLES.glob("*/*")):
        data = path.read_bytes()
        encoding = "cp852" if "raiffeisen-cmi" in path.name else "utf-8"
        try:
            read("mt940", io.BytesIO(data), encoding)
            mt940.parse_statements(data.decode(encoding))
        except (AssertionError, RuntimeError, ValueError):
            continue
        whole = data if data.endswith(b"\n") else data + b"\r\n"
        yield path.name, whole * (SAMPLE_BYTES // len(whole)), encoding


def peak(name: str, data: bytes) -> int:
    """MiB that a process of its own needs to read `data` from disk."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        command = [sys.executable, "-m", "benchmarks.accounts_statements", "peak", name, file.name]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak(name: str, path: str) -> None:
    """What `peak` runs."""
    with Path(path).open("rb") as stream:
        read(name, stream)
    # not ru_maxrss, which begins with the size of the process that started this one
    (line,) = (line for line in Path("/proc/self/status").read_text("utf-8").splitlines() if line.startswith("VmHWM"))
    print(int(line.split()[1]) // 1024)


def bench_camt(entries: int) -> None:
    """Ratios for entries with and without details, with and without a namespace; memory by size."""
    for label, every, space in (("a detail each", 1, SPACE), ("a detail in two", 2, SPACE), ("no namespace", 2, "")):
        data = camt(entries, every=every, space=space)
        ours, plain = best([lambda data=data: read("camt053", io.BytesIO(data)), lambda data=data: bare(data)], turns=2)
        size = len(data) // 2**20
        said = f"{ours:.2f} s, iterparse {plain:.2f} s, {ours / plain:.2f} times"
        print(f"camt053 {entries:,} entries, {label}, {size} MiB: {said}")
    for count in (entries // 10, entries, 3 * entries):
        print(f"camt053 {count:,} entries: peak {peak('camt053', camt(count, every=2))} MiB")


def bench_mt940(lines: int) -> None:
    """Ratios on generated files, a small one, and the samples; memory by size."""
    for label, data, loop in (
        (f"{lines:,} lines, 50 a statement", swift(lines), 1),
        (f"{lines:,} lines, one statement", swift(lines, lines), 1),
        ("5 statements of 10 lines, in a loop", swift(50, 10), 100),
    ):
        ours, apart, merged = against_library(data, loop=loop)
        said = f"{apart:.1f} times as fast as mt940.parse_statements, {merged:.1f} as mt940.parse"
        print(f"mt940 {label}: {ours * 1000:.2f} ms, {said}")
    found = {name: against_library(data, encoding) for name, data, encoding in samples()}
    for name, (_, apart, merged) in sorted(found.items(), key=lambda one: one[1][1]):
        print(f"mt940 sample {name} written out: {apart:.1f} times as fast as parse_statements, {merged:.1f} as parse")
    whole = sum(ours for ours, _, _ in found.values())
    if found:
        apart, merged = (sum(ours * times[place] for ours, *times in found.values()) / whole for place in (0, 1))
        print(f"mt940 {len(found)} samples in sum: {apart:.1f} times parse_statements, {merged:.1f} times parse")
    for count in (lines, 10 * lines, 30 * lines):
        print(f"mt940 {count:,} lines: peak {peak('mt940', swift(count))} MiB")


def main(entries: int = ENTRIES) -> None:
    bench_camt(entries)
    bench_mt940(entries // 10)


if __name__ == "__main__":
    if sys.argv[1:2] == ["peak"]:
        print_peak(*sys.argv[2:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES)
