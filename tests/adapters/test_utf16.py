"""UTF-16: exports of programs that call it Unicode text, read with the bytes of the file."""

from __future__ import annotations

import io
import tracemalloc
from datetime import date
from pathlib import Path

import pytest

from adapters.base import Closing, Context, Parsed
from adapters.registry import adapter
from adapters.utf16 import utf16_lines
from portal.cli.main import run

BANK = (
    "账　号：\t6228\r\n交易日期\t业务摘要\t对方账户名称\t币种\t收入金额\t支出金额\t余额\r\n"
    "2026/05/07\t收\t甲਍公司𠮷\t人民币\t1.00\t\t11.00\r\n2026/05/08\t付\t乙\t人民币\t\t2.00\t9.00\r\n"
)  # U+0A0D: its bytes are a line end in the other order
WALLET = "订单号|类型|时间|金额\n1|消费|20260507101112|1.00\n2|消费|2026050710111x|2.00\n3|消਍|20260507101112|1.00\n"
MAPPING = {
    "format": "plain",
    "title": "t",
    "encoding": "utf-8",
    "separator": "|",
    "key": ["order_no"],
    "columns": [
        {"title": "订单号", "name": "order_no", "required": True},
        {"title": "类型", "name": "kind", "required": True, "values": {"消费": "SALE"}},
        {"title": "时间", "name": "occurred_at", "type": "datetime", "format": "YYYYMMDDhhmmss", "required": True},
        {"title": "金额", "name": "paid", "type": "amount", "required": True},
    ],
}
WAYS = [(b"\xff\xfe", "utf-16-le", {}), (b"\xfe\xff", "utf-16-be", {}), (b"", "utf-16-le", {"encoding": "utf-16"})]


def _read(name, data, **settings):
    chosen = adapter(name)
    assert chosen.read is not None
    items = list(chosen.read(io.BytesIO(data), Context("f", "x", settings, None, date(2026, 5, 7))))
    closing = items.pop()
    assert isinstance(closing, Closing)
    frames = [item for item in items if isinstance(item, Parsed)]
    return frames, closing


@pytest.mark.parametrize(("mark", "codec", "settings"), WAYS)
def test_a_bank_export(mark, codec, settings):
    data = mark + BANK.encode(codec)
    (block,), closing = _read("bank_csv", data, layout="boc", **settings)
    assert (closing.refused, block.rejects) == (None, [])
    rows = block.frame.select("account", "amount_fen", "counterparty_name", "byte_start", "byte_end").rows()
    assert [row[:3] for row in rows] == [("6228", 100, "甲਍公司𠮷"), ("6228", -200, "乙")]
    for (*_, start, end), line in zip(rows, BANK.splitlines(keepends=True)[2:], strict=True):
        assert data[start:end].decode(codec) == line


@pytest.mark.parametrize(("mark", "codec", "settings"), WAYS)
def test_a_mapped_file(mark, codec, settings, tmp_path: Path, capsys):
    data = mark + WALLET.encode(codec)
    (block,), closing = _read("mapped_csv", data, mapping=MAPPING, **settings)
    assert closing.refused is None
    assert [(r.record, r.code, r.byte) for r in block.rejects] == [
        (2, "BAD_DATE", data.index("2|消".encode(codec))),
        (3, "UNKNOWN_CODE", data.index("3|消".encode(codec))),
    ]
    start, end = block.frame.select("byte_start", "byte_end").row(0)
    assert data[start:end].decode(codec) == WALLET.splitlines(keepends=True)[1]
    if mark:
        path, own = tmp_path / "a_20260507.txt", tmp_path / "own.yaml"
        path.write_bytes(data)
        own.write_text(str(MAPPING).replace("True", "true"), "utf-8")
        options = ["--format", "mapped_csv", "--set", f"mapping={own}", "--set", "clearing_date=2026-05-07"]
        assert run(["feed", "check", str(path), *options]) == 1
        assert "2|消费|20*********11x|2.00" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "settings"), [("bank_csv", {"layout": "boc"}), ("mapped_csv", {"mapping": MAPPING})])
@pytest.mark.parametrize(
    ("tail", "codes"),
    [
        ("x\ud800x\n".encode("utf-16-le", "surrogatepass"), {"BAD_ENCODING"}),
        (b"x", {"BAD_ENCODING"}),
        ("a\0b\n".encode("utf-16-le"), {"NUL_BYTE", "BAD_TEXT"}),
        (("x" * 300_000).encode("utf-16-le"), {"LINE_TOO_LONG", "RECORD_LENGTH"}),
    ],
)
def test_what_is_no_utf_16_or_beyond_bounds_is_refused(name, settings, tail, codes):
    text = BANK if name == "bank_csv" else WALLET
    closing = _read(name, b"\xff\xfe" + text.encode("utf-16-le") + tail, **settings)[1]
    assert closing.refused is not None
    assert closing.refused.code in codes


def test_lines_are_read_in_flat_memory():
    line = ("金额" * 50 + "\r\n").encode("utf-16-le")
    file = io.BytesIO(b"\xff\xfe" + line * 100_000)  # 20 MB
    tracemalloc.start()
    assert sum(1 for _ in utf16_lines(file.read, "utf-16-le", 1000)) == 100_000
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()
