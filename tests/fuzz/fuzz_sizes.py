"""Large files through every reader in a process of their own, one JSON line per case with its peak of memory.

    python tests/fuzz/fuzz_sizes.py lines MIB     one line without end, behind nothing and behind a good start
    python tests/fuzz/fuzz_sizes.py files MIB     correct files of as many MiB, made as they are read
    python tests/fuzz/fuzz_sizes.py fat MIB       the same with a long text in each record, or a note for each statement

Nothing is written to disk. The peak is the kernel's (VmHWM), set back before each case.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fuzz_first
import polars as pl
from fuzz_subjects import Subject, subjects

from adapters.base import Closing, Parsed

MIB = 2**20


class Made(io.RawIOBase):
    """A stream of pieces that are made when they are asked for; `given` counts the bytes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self.pieces, self.left, self.given = pieces, b"", 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        assert size > 0, "a reader asked for the whole file at once"
        out = [self.left]
        have = len(self.left)
        while have < size and (piece := next(self.pieces, b"")):
            out.append(piece)
            have += len(piece)
        data = b"".join(out)
        self.left = data[size:]
        self.given += min(size, len(data))
        return data[:size]


def peak_mib() -> int:
    """The peak of resident memory since `forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def forget_peak() -> None:
    """The peak is what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def filler(byte: bytes, mib: int) -> Iterator[bytes]:
    """As many MiB of one byte."""
    chunk = byte * MIB
    return (chunk for _ in range(mib))


def repeated(head: bytes, body: bytes, tail: bytes, mib: int) -> Iterator[bytes]:
    """Head, copies of the body (in pieces of about one MiB), tail."""
    times = max(MIB // len(body), 1)
    yield head or body
    piece = body * times
    for _ in range(max(mib * MIB // len(piece), 1)):
        yield piece
    yield tail


def run(subject: Subject, number: int, case: str, pieces: Iterator[bytes]) -> dict[str, Any]:
    """Reads one stream to its Closing."""
    forget_peak()
    stream, began, rows = Made(pieces), time.process_time(), 0
    closing = None
    for item in subject.read(stream, subject.context(subject.variants[number])):  # type: ignore[arg-type] # raw
        if isinstance(item, Parsed):
            rows += item.frame.height
        else:
            closing = item
    assert isinstance(closing, Closing)
    code = closing.refused.code if closing.refused else ""
    return {
        "name": subject.name,
        "variant": number,
        "case": case,
        "refused": code,
        "rows": rows,
        "records": closing.records,
        "read_mib": stream.given // MIB,
        "seconds": int(time.process_time() - began),
        "peak_mib": peak_mib(),
    }


def lines(mib: int) -> Iterator[dict[str, Any]]:
    """One endless line in every place where one may begin."""
    for subject in subjects().values():
        for number, variant in enumerate(subject.variants):
            if "xlsx" in subject.name:
                continue
            start = variant.seeds()[-1]
            yield run(subject, number, "zeros", filler(b"0", mib))
            yield run(subject, number, "nul", filler(b"\0", mib))
            for cut, byte in ((len(start) // 2, b"x"), (len(start) - 3, b"1"), (len(start), b"x"), (len(start), b" ")):
                yield run(subject, number, f"{byte!r} behind {cut}", _behind(start[:cut], byte, mib))
            yield run(subject, number, "quote", _behind(start + b'"', b"x", mib))
    for subject, tag in ((subjects()["camt053"], b"Stmt"), (subjects()["camt054"], b"Ntfctn")):
        start = subject.variants[0].seeds()[0]
        start = start[: start.index(b">", start.index(b"<" + tag)) + 1]
        for more in (b"<!--", b"<x a='", b"<", b"<x>", b"<Ntry><Ntry>", b"<![CDATA[", b"<?x "):
            yield run(subject, 0, more.decode(), _behind(start + more, b"y", mib))


def _behind(start: bytes, byte: bytes, mib: int) -> Iterator[bytes]:
    if start:
        yield start
    yield from filler(byte, mib)


def files(mib: int) -> Iterator[dict[str, Any]]:
    """Correct files: records are repeated, header and trailer fit them."""
    every = subjects()

    def case(name: str, number: int, head: bytes, body: bytes, tail: bytes) -> dict[str, Any]:
        return run(every[name], number, "file", repeated(head, body, tail, mib))

    def seed(name: str, number: int = 0, which: int = -1) -> bytes:
        return every[name].variants[number].seeds()[which]

    citizen = seed("citizen_card", 0, 0)
    record = citizen[25:-29]
    count = max(mib * MIB // (MIB // len(record) * len(record)), 1) * (MIB // len(record))
    trailer = b"T %09d %015d\r\n" % (count, count * int(record[152:164]))
    yield case("citizen_card", 0, citizen[:25], record, trailer)
    for name, number in (("unionpay_acom", 0), ("unionpay_acom", 1), ("unionpay_zm", 0)):
        yield case(name, number, b"", seed(name, number, 0), b"")
    pos = seed("pos_iso8583", 0, 0)
    yield case("pos_iso8583", 0, b"", pos[: 2 + int.from_bytes(pos[:2])], b"")
    hexed = seed("pos_iso8583+hex", 0, 0).split(b"\n")[0] + b"\n"
    yield case("pos_iso8583+hex", 0, b"", hexed, b"")
    yield case("mapped_csv", 3, b"", seed("mapped_csv", 3), b"")
    yield case("mt940", 0, b"", seed("mt940"), b"")
    for name, entry in (("camt053", b"Ntry"), ("camt054", b"Ntry")):
        data = seed(name, 0, 0)
        begin, end = data.index(b"<" + entry), data.rindex(b"</" + entry + b">") + len(entry) + 3
        yield case(name, 0, data[:begin], data[begin:end], data[end:])
    pain = seed("pain002")
    begin, end = pain.index(b"<TxInf"), pain.rindex(b"</TxInfAndSts>") + 14
    yield case("pain002", 0, pain[:begin], pain[begin:end], pain[end:])
    yield case("bank_csv", 2, *_three(seed("bank_csv", 2)))
    row = "SZ1|110|甲|100|补贴||S|\r\n".encode("gb18030")
    count = max(mib * MIB // (MIB // len(row) * len(row)), 1) * (MIB // len(row))
    yield case("bank_result", 0, b"P|%d|%d\r\n" % (count, count * 100), row, b"########")


def _three(data: bytes) -> tuple[bytes, bytes, bytes]:
    rows = data.splitlines(keepends=True)
    return b"".join(rows[:2]), rows[2], b""


def fat(mib: int) -> Iterator[dict[str, Any]]:
    """Few records of much text: what a block bounded by its number of rows would keep."""
    every = subjects()

    def case(name: str, number: int, data: bytes, begin: int, end: int, old: str, new: str) -> dict[str, Any]:
        encoding = "gb18030" if name == "bank_csv" else "utf-8"
        body = data[begin:end].replace(old.encode(encoding), new.encode(encoding))
        assert body != data[begin:end]
        return run(every[name], number, "fat", repeated(data[:begin], body, data[end:], mib))

    camt = every["camt053"].variants[0].seeds()[0]
    yield case("camt053", 0, camt, camt.index(b"<Ntry>"), camt.rindex(b"</Ntry>") + 7, "补贴", "补" * 100_000)
    yield run(every["camt053"], 0, "notes", repeated(*_bare_statements(camt), mib))
    pain = every["pain002"].variants[0].seeds()[0]
    at = pain.index(b"<TxInf"), pain.rindex(b"</TxInfAndSts>") + 14
    yield case("pain002", 0, pain, *at, "AC01", "A" * 200_000)
    yield case("pain002", 0, pain, *at, "<OrgnlEndToEndId>E1</OrgnlEndToEndId>", "<x/>")  # every second a reject
    swift = every["mt940"].variants[0].seeds()[0]
    yield case("mt940", 0, swift, swift.index(b":61:"), swift.index(b":62F:"), "REMI/t", "REMI/" + "t" * 60_000)
    yield case("mt940", 0, swift, 0, len(swift), "REMI/t", "REMI/" + "t" * 60_000)
    yield case("mt940", 0, swift, 0, len(swift), ":62F:C260507CNY14,05", ":62F:C260507CNY14,06")
    bank = every["bank_csv"].variants[2].seeds()[0]
    begin = bank.index(b"2026-05-07 01")
    yield case("bank_csv", 2, bank, begin, bank.index(b"\n", begin) + 1, "退汇", "退" * 300)
    mapped = every["mapped_csv"].variants[3].seeds()[0]
    yield case("mapped_csv", 3, mapped, 0, len(mapped), "观前店", "店" * 20_000)


def _bare_statements(data: bytes) -> tuple[bytes, bytes, bytes]:
    begin, end = data.index(b"<Stmt>"), data.rindex(b"</Stmt>") + 7
    return data[:begin], b"<Stmt><Id>1</Id><Acct><Id><Othr><Id>1</Id></Othr></Id></Acct></Stmt>", data[end:]


def main() -> None:
    """One JSON line per case; memory without any file first."""
    assert fuzz_first.ROOT.is_dir()
    pl.DataFrame({"a": ["x"]}).with_columns(pl.col("a").str.len_bytes())
    print(json.dumps({"case": "nothing", "peak_mib": peak_mib()}), flush=True)
    for result in {"lines": lines, "files": files, "fat": fat}[sys.argv[1]](int(sys.argv[2])):
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
