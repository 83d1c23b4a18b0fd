"""What is fuzzed: per adapter its variants (settings) and the small correct files that mutation begins with.

An input is one byte that chooses the variant, then the file. Seeds are written by our own writers and, where they are
beside the checkout, taken from ../shared/samples at run time; none of those is copied into the tree.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import feeds_support as s
import polars as pl
import xlsxwriter
from fuzz_first import ROOT
from fuzz_texts import ALIPAY, ALLINPAY, EXPORTS, PAIN002, RESULT, SWIFT, UNIONPAY_RESULT, WECHAT, lines_frame

from adapters.accounts.bank_map import bank_map
from adapters.base import Context, Read
from adapters.feeds.mapping import mapping_of
from adapters.payments.bank_template import layout_of as result_layout
from adapters.registry import adapter
from settlement.model.frames import PAYMENT_RESULT, STATEMENT_LINE, TRANSACTION, Schema

SAMPLES = (ROOT / "../shared/samples").resolve()
MAX_SEED = 6_000
SCHEMAS: Mapping[str, Schema] = {
    "transaction": TRANSACTION,
    "statement": STATEMENT_LINE,
    "result": PAYMENT_RESULT,
}


@dataclass(frozen=True)
class Variant:
    """One way to call the adapter: file name, settings, its seeds (made when asked for), samples by pattern."""

    file: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    seeds: Callable[[], list[bytes]] = list
    samples: str = ""
    stride: int = 0  # bytes of a record and its line end, where every record has as many


@dataclass(frozen=True)
class Subject:
    """One adapter. `tokens` are pieces that its grammar knows; `binary` marks what is no text format."""

    name: str
    variants: tuple[Variant, ...]
    tokens: tuple[bytes, ...]
    binary: bool = False

    @property
    def read(self) -> Read:
        """The adapter's reader."""
        found = adapter(self.name.partition("+")[0]).read
        assert found is not None
        return found

    @property
    def schema(self) -> Schema:
        """The schema of what it gives."""
        return SCHEMAS[adapter(self.name.partition("+")[0]).gives]

    def variant(self, data: bytes) -> tuple[Variant, bytes]:
        """The variant that an input names, and the file in it."""
        return self.variants[(data[0] if data else 0) % len(self.variants)], data[1:]

    def context(self, variant: Variant) -> Context:
        """What the reader is told beside the bytes."""
        return Context(variant.file, "fuzz", variant.settings, s.TOKENISER)

    def seeds(self) -> list[bytes]:
        """Every input to begin with."""
        out = []
        for number, variant in enumerate(self.variants):
            paths = sorted(SAMPLES.glob(variant.samples)) if variant.samples else []
            files = [path.read_bytes() for path in paths if path.is_file() and path.stat().st_size <= MAX_SEED]
            out += [bytes([number]) + data for data in [*variant.seeds(), *files]]
        return out


def _written(form: str, file: str, settings: Mapping[str, Any], make: Callable[..., pl.DataFrame]) -> Any:
    """Files of 1, 2 and 3 records by the adapter's own writer."""

    def seeds() -> list[bytes]:
        frames = [make(count, seed).with_columns(file=pl.lit(file)) for count, seed in ((1, 1), (2, 2), (3, 3))]
        return [s.write(form, frame, s.context(file, "fuzz", s.DAY, **settings)) for frame in frames]

    return seeds


def _feed(form: str, file: str, make: Callable[..., pl.DataFrame], stride: int = 0, **settings: Any) -> Variant:
    return Variant(file, settings, _written(form, file, settings, make), stride=stride)


def _mapped(file: str, name: str, seeds: Callable[[], list[bytes]]) -> Variant:
    return Variant(file, {"mapping": mapping_of({"mapping": name}), "rail": "pos"}, seeds)


def _purse() -> Variant:
    made = _feed("mapped_csv", "PURSE_20260507.csv", s.purse_frame, mapping="purse_daily", rail="purse")
    return Variant(made.file, {**made.settings, "mapping": mapping_of({"mapping": "purse_daily"})}, made.seeds)


def _bank(name: str, samples: str) -> Variant:
    data = EXPORTS[name]
    return Variant("f", {"layout": bank_map({"layout": name})}, lambda: [data], samples)


def _result(name: str, file: str, data: bytes) -> Variant:
    return Variant(file, {"layout": result_layout({"layout": name}, "result")}, lambda: [data])


def _camt053() -> list[bytes]:
    write = adapter("camt053").write
    assert write is not None
    given = {"message_id": "M1", "created_at": "2026-05-08T01:00:00+08:00"}
    frames = [lines_frame(5), lines_frame(5, -2), pl.concat([lines_frame(1), lines_frame(7, statement="S2")])]
    return [write(frame, Context("f", "fuzz", given, clearing_date=s.DAY)) for frame in frames]


def _camt054() -> list[bytes]:
    return [
        data.replace(b"camt.053.001.08", b"camt.054.001.08")
        .replace(b"BkToCstmrStmt", b"BkToCstmrDbtCdtNtfctn")
        .replace(b"<Stmt>", b"<Ntfctn>")
        .replace(b"</Stmt>", b"</Ntfctn>")
        for data in _camt053()
    ]


def workbook(rows: list[list[Any]]) -> bytes:
    """A .xlsx of these rows."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return out.getvalue()


def _cells(data: bytes, encoding: str = "utf-8") -> list[list[Any]]:
    return list(csv.reader(io.StringIO(data.decode(encoding))))


_XML = (
    b"<!DOCTYPE x>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"&#xd800;", b"&amp;", b"&x;", b"</", b"/>",
    b"\xed\xa0\x80",
    b'<Amt Ccy="CNY">1</Amt>', b"<Ntry>", b"</Ntry>", b"<TxDtls>", b"</TxDtls>", b"<Bal>", b"<Sts>PDNG</Sts>",
    b"<RvslInd>true</RvslInd>", b"DBIT", b"CRDT", b"9" * 20,
)  # fmt: skip
_TEXT = (b"\r\n", b"\n", b"\r", b"\x00", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x81", b"\xff", b"9" * 19, b"0.01", b"-")
_SWIFT = (
    b":61:", b":62F:", b":60F:", b":86:", b":20:", b":25:", b"-}", b"RC", b"/BENM/", b"/ORDP/", b"/NAME/", b"/RTRN/",
    b"/REMI/", b"?20", b"?32", b"?38", b"SVWZ+", b"EREF+", b"TBB+00",
)  # fmt: skip
_RECORD = (b"\r\n", b"\n", b"\x00", b" ", b"0" * 12, b"9" * 12, b"\xc4\xe3", b"\x81", b"\xff\xff", b"20260230", b"*")


@cache
def subjects() -> dict[str, Subject]:
    """Every subject by name: an adapter, or an adapter and what it is given (`bank_csv+xlsx`)."""
    citizen = _feed("citizen_card", "SMK_20260507", s.citizen_frame, stride=312)
    pos = [
        _feed("pos_iso8583", "POS20260507", s.pos_frame),
        _feed("pos_iso8583", "POS20260507", s.pos_frame, framing="len4", header="cups"),
        _feed("pos_iso8583", "POS20260507", s.pos_frame, framing="vbs", header="tpdu", body="pos"),
    ]
    hexed = _feed("pos_iso8583", "POS20260507", s.pos_frame, framing="hex", body="pos")
    acom = [
        _feed("unionpay_acom", "IND26050701ACOMN", s.pos_frame, 502, record="acomn"),
        _feed("unionpay_acom", "IND26050701ACOMA", s.pos_frame, 402, record="acoma"),
    ]
    zm_file = "INN26050788ZM_802310048993424"
    zm = _feed("unionpay_zm", zm_file, s.pos_frame)
    zm = Variant(zm_file, {}, zm.seeds, "unionpay/zm/*/*ZM_*", stride=609)
    wechat = _mapped("wx20260507.csv", "wechat_pay", lambda: [WECHAT.encode()])
    alipay = _mapped("ali_20260507.csv", "alipay", lambda: [ALIPAY.encode("gb18030")])
    allinpay = _mapped("2026-05-07_1_checkFile.txt", "allinpay", lambda: [ALLINPAY])
    xlsx = _mapped("wx20260507.xlsx", "wechat_pay", lambda: [workbook(_cells(WECHAT.encode()))])
    banks = [_bank(name, f"cn-bank-csv/*/{name}_*.*") for name in ("ccb", "icbc", "abc", "cmb", "boc")]
    book = Variant("f", banks[0].settings, lambda: [workbook(_cells(EXPORTS["ccb"]))])
    swift = Variant("f", {"encoding": "iso-8859-1"}, lambda: [SWIFT], "mt940/*/*")
    results = [
        _result("minsheng_result", "resp_20260507_001.txt", RESULT),
        _result("unionpay_result", "DF00000000777290058110097202605070002O.txt", UNIONPAY_RESULT),
    ]
    csv = (*_TEXT, b",", b'"', b"`", b"|", b'="', b"\t", "合计".encode("gb18030"))
    found = (
        Subject("citizen_card", (citizen,), (*_RECORD, b"T ", b"H ", b"D ")),
        Subject("unionpay_acom", tuple(acom), _RECORD),
        Subject("unionpay_zm", (zm,), _RECORD),
        Subject("mapped_csv", (_purse(), wechat, alipay, allinpay), csv),
        Subject("bank_csv", tuple(banks), (*csv, b"--", "借".encode(), b"1,234.56")),
        Subject("mt940", (swift,), (*_SWIFT, *_TEXT)),
        Subject("camt053", (Variant("f", {}, _camt053, "camt/*/camt*53*"),), (*_XML, b"<Stmt>")),
        Subject("camt054", (Variant("f", {}, _camt054, "camt/*/camt054*"),), (*_XML, b"<Ntfctn>")),
        Subject("pain002", (Variant("f", {}, lambda: [PAIN002]),), (*_XML, b"<TxInfAndSts>", b"RJCT")),
        Subject("bank_result", tuple(results), (*_TEXT, b"|", b"########", b"P|1|1", b"S", b"F")),
        Subject("pos_iso8583+hex", (hexed,), (b"\r\n", b"\n", b"0200", b"0520", b"FFFFFFFFFFFFFFFF", b"00", b"g")),
        Subject("pos_iso8583", tuple(pos), (b"\x00\x00", b"0200", b"0520", b"0420", b"\xff" * 8, b"99"), binary=True),
        Subject("bank_csv+xlsx", (book,), (b"PK\x01\x02", b"PK\x05\x06", b"\xff\xff\xff\xff"), binary=True),
        Subject("mapped_csv+xlsx", (xlsx,), (b"PK\x01\x02", b"PK\x05\x06", b"\xff\xff\xff\xff"), binary=True),
    )
    return {subject.name: subject for subject in found}
