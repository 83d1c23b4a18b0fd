"""Statements in: camt.053 against a bare lxml iterparse, MT940 against the mt-940 library, both over the same bytes.

    python -m benchmarks.accounts_statements [entries]

One process, one core, CPU seconds, best of two runs each. Targets: camt.053 at most 2.5 times iterparse, MT940 at least
5 times the library, memory flat.
"""

from __future__ import annotations

import io
import resource
import sys
import time
from collections.abc import Callable
from itertools import accumulate

import mt940
from lxml import etree

from adapters.accounts import ADAPTERS
from adapters.base import Closing, Context, Parsed

ENTRIES = 200_000
SPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def amounts(count: int) -> list[int]:
    """Fen of each entry, all credits."""
    return [100 + number * 37 % 99_991 for number in range(count)]


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def camt(count: int) -> bytes:
    """One statement of `count` entries with one detail each, about 620 bytes an entry."""
    fens = amounts(count)

    def balance(code: str, fen: int) -> str:
        return (
            f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">{yuan(fen)}</Amt>'
            "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-05-07</Dt></Dt></Bal>"
        )

    def entry(number: int, fen: int) -> str:
        return (
            f'<Ntry><Amt Ccy="CNY">{yuan(fen)}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
            "<BookgDt><Dt>2026-05-07</Dt></BookgDt><ValDt><Dt>2026-05-07</Dt></ValDt>"
            f"<AcctSvcrRef>R{number:010d}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd>"
            "<SubFmlyCd>DMCT</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls>"
            f"<Refs><EndToEndId>SZ-2026-{number:06d}/1</EndToEndId></Refs>"
            f"<RltdPties><Dbtr><Pty><Nm>苏州商户{number % 997}</Nm></Pty></Dbtr>"
            f"<DbtrAcct><Id><Othr><Id>32250{number:012d}</Id></Othr></Id></DbtrAcct></RltdPties>"
            f"<RmtInf><Ustrd>补贴结算 {number}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
        )

    head = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{SPACE}"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId>'
        "<CreDtTm>2026-05-08T00:00:00</CreDtTm></GrpHdr><Stmt><Id>S</Id><Acct><Id><Othr><Id>32250198</Id></Othr></Id>"
        "<Ccy>CNY</Ccy></Acct>"
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


def read(name: str, data: bytes) -> int:
    """Lines our reader gives; the run fails where a file is refused or does not balance."""
    reader = next(a.read for a in ADAPTERS if a.name == name)
    assert reader is not None
    rows = 0
    for item in reader(io.BytesIO(data), Context("bench", "bank")):
        if isinstance(item, Parsed):
            rows += item.frame.height
        elif isinstance(item, Closing):
            assert item.refused is None, item.refused
            assert not item.notes, item.notes[:1]
    return rows


def bare(data: bytes) -> int:
    """A bare iterparse: every element's end, cleared."""
    count = 0
    for _, element in etree.iterparse(io.BytesIO(data)):
        count += 1
        element.clear()
    return count


def library(data: bytes) -> int:
    """The mt-940 library, statement by statement."""
    return sum(len(statement) for statement in mt940.parse_statements(data.decode()))


def best(run: Callable[[bytes], int], data: bytes) -> float:
    """Seconds of the better of two runs."""
    times = []
    for _ in range(2):
        start = time.process_time()
        run(data)
        times.append(time.process_time() - start)
    return min(times)


def main(entries: int = ENTRIES) -> None:
    data = camt(entries)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours = best(lambda raw: read("camt053", raw), data)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    plain = best(bare, data)
    size = len(data) // 2**20
    print(f"camt053 {entries:,} entries, {size} MiB: {ours:.2f} s, iterparse {plain:.2f} s, ratio {ours / plain:.2f}")
    print(f"camt053 memory above the file itself: {grown} MiB")
    text = swift(entries // 10)
    mine = best(lambda raw: read("mt940", raw), text)
    theirs = best(library, text)
    print(f"mt940 {entries // 10:,} lines: {mine:.2f} s, mt-940 {theirs:.2f} s, {theirs / mine:.1f} times as fast")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES)
