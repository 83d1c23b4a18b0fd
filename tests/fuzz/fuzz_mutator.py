"""Mutations of small files: what a coverage-guided fuzzer does, and what it seldom gets right by itself.

`mutate` is a pure function of its random source. `repair` makes header and trailer fit the records again, so that a
changed record reaches what stands behind the totals; a workbook is changed inside its parts and zipped again.
"""

from __future__ import annotations

import copy
import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable

from fuzz_subjects import Subject
from lxml import etree

FRAMING = 0.93  # of the changes of a fixed-width file: what its record length, header or trailer must catch
BATCH = 256
Way = Callable[[random.Random, tuple[bytes, ...], bytearray], None]


def mutate(rng: random.Random, subject: Subject, data: bytes) -> bytes:
    """One to five changes of the file in an input; sometimes another variant, sometimes a repair behind them."""
    head, file = data[:1] or b"\0", data[1:]
    if rng.random() < 0.02:
        head = bytes([rng.randrange(len(subject.variants))])
    if subject.binary and file.startswith(b"PK") and rng.random() < 0.7:
        return head + _inside_zip(rng, subject, file)
    if file.lstrip().startswith(b"<") and rng.random() < 0.6:
        file = _inside_xml(rng, file)
        if rng.random() < 0.8:
            return head + file
    if subject.variant(head)[0].stride and rng.random() < FRAMING:
        ways = (_cut, _drop, _repeat, _token)
        if rng.random() < 0.9:
            file = _smallest(subject, head)
        return head + _changed(rng, subject.tokens, file, ways, (1, 6, 6, 6))
    file = _changed(rng, subject.tokens, file)
    fix = REPAIRS.get((subject.name, subject.variant(head)[0].file))
    if fix is not None and rng.random() < 0.3:
        file = fix(file)
    return head + file


_SMALLEST: dict[tuple[str, bytes], bytes] = {}


def _smallest(subject: Subject, head: bytes) -> bytes:
    """The smallest file of a variant: one record."""
    head = bytes([head[0] % len(subject.variants)])
    if (subject.name, head) not in _SMALLEST:
        _SMALLEST[subject.name, head] = min((data for data in subject.seeds() if data[:1] == head), key=len)[1:]
    return _SMALLEST[subject.name, head]


def batch(rng: random.Random, subject: Subject, inputs: list[bytes]) -> bytes:
    """A file of BATCH changed records of one variant, each of its right length, header and trailer fitting them.

    Records of these formats are read apart from each other, and a file of two costs as much as one of hundreds.
    """
    data = rng.choice(inputs)
    head, file = data[:1], data[1:]
    variant = subject.variant(data)[0]
    assert variant.stride
    opening = len(file) % variant.stride if REPAIRS.get((subject.name, variant.file)) is None else 25
    records = [file[at : at + variant.stride] for at in range(opening, len(file), variant.stride)]
    records = [record for record in records if len(record) == variant.stride] or [bytes(variant.stride)]
    keep = (_flip, _other, _over, _move)
    body = bytearray(file[:opening])
    for _ in range(BATCH):
        record = rng.choice(records)
        body += _changed(rng, subject.tokens, record[:-2], keep, (1, 1, 1, 1)) + record[-2:]
    fix = REPAIRS.get((subject.name, variant.file))
    return head + (fix(bytes(body) + file[-29:]) if fix else bytes(body))


def _changed(
    rng: random.Random,
    tokens: tuple[bytes, ...],
    data: bytes,
    ways: tuple[Way, ...] = (),
    weights: tuple[int, ...] = (),
) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5))):
        rng.choices(ways or _WAYS, weights=weights or _WEIGHTS)[0](rng, tokens, out)
    return bytes(out)


def _at(rng: random.Random, out: bytearray) -> int:
    return rng.randrange(len(out) + 1)


def _flip(rng: random.Random, _: tuple[bytes, ...], out: bytearray) -> None:
    if out:
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)


def _other(rng: random.Random, _: tuple[bytes, ...], out: bytearray) -> None:
    if out:
        out[rng.randrange(len(out))] = rng.choice(b"0123456789ADT-+.,|:<>\"'\0\x80\xff\r\n ")


def _cut(rng: random.Random, _: tuple[bytes, ...], out: bytearray) -> None:
    del out[_at(rng, out) :]


def _drop(rng: random.Random, _: tuple[bytes, ...], out: bytearray) -> None:
    at = _at(rng, out)
    del out[at : at + rng.choice((1, 1, 2, 8, 40))]


def _repeat(rng: random.Random, _: tuple[bytes, ...], out: bytearray) -> None:
    at = _at(rng, out)
    out[at:at] = out[max(0, at - rng.choice((1, 2, 8, 40, 200, 312, 609))) : at]


def _token(rng: random.Random, tokens: tuple[bytes, ...], out: bytearray) -> None:
    at = _at(rng, out)
    out[at:at] = rng.choice(tokens)


def _over(rng: random.Random, tokens: tuple[bytes, ...], out: bytearray) -> None:
    """A token over what stands there: the length stays."""
    token, at = rng.choice(tokens), _at(rng, out)
    out[at : at + len(token)] = token[: len(out) - at]


def _move(rng: random.Random, _: tuple[bytes, ...], out: bytearray) -> None:
    """A piece copied over another: the length stays."""
    size, source, target = rng.choice((1, 4, 12, 19, 40)), _at(rng, out), _at(rng, out)
    piece = out[source : source + size]
    out[target : target + len(piece)] = piece[: len(out) - target]


_WAYS = (_flip, _other, _cut, _drop, _repeat, _token, _over, _move)
_WEIGHTS = (4, 4, 2, 3, 3, 4, 3, 3)


# what the library raises over a damaged archive, which is changed as bytes then
_DAMAGED = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    EOFError,
)


def _inside_zip(rng: random.Random, subject: Subject, file: bytes) -> bytes:
    """One part of a workbook changed, and zipped again; a workbook that is no zip is changed as bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            parts = {
                entry.filename: archive.read(entry) for entry in archive.infolist()[:20] if entry.file_size < 2**16
            }
    except _DAMAGED:
        return _changed(rng, subject.tokens, file)
    if not parts:
        return file
    name = rng.choice([*parts, *(part for part in parts if "sheet" in part or "shared" in part)] * 2)
    tokens = (b"</c>", b"<v>", b't="s"', b't="e"', b"<f>1+1</f>", b'r="XFD1048576"', b"9" * 16, b"&#xd800;", b"<row>")
    parts[name] = _changed(rng, tokens, parts[name])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, text in parts.items():
            archive.writestr(part, text)
    return out.getvalue()


_XML_TEXTS = (
    "0", "1", "-1", "1.005", "1e3", "+1.00", "0.01", "9" * 18, "9" * 20, "1,00", "DBIT", "CRDT", "CNY", "JPY", "EUR",
    "BOOK", "PDNG", "true", "OPBD", "CLBD", "PRCD", "2026-02-30", "2026-05-07", "2026-05-07T01:02:03+08:00", "RJCT",
    "ACSC", "", " ", "6217000000000000011", "\u3000", "\U00020bb7",
)  # fmt: skip


def _inside_xml(rng: random.Random, file: bytes) -> bytes:
    """One to three elements changed, copied, moved or dropped; what is no XML stays as it is."""
    try:
        root = etree.fromstring(file, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except (etree.XMLSyntaxError, ValueError):
        return file
    for _ in range(rng.choice((1, 1, 2, 3))):
        every = list(root.iter(etree.Element))
        one, other = rng.choice(every), rng.choice(every)
        parent = one.getparent()
        match rng.randrange(6):
            case 0 | 1:
                one.text = rng.choice(_XML_TEXTS)
            case 2 if parent is not None:
                parent.remove(one)
            case 3 if parent is not None:
                parent.insert(rng.randrange(len(parent) + 1), copy.deepcopy(one))
            case 4 if len(every) < 400:
                one.insert(rng.randrange(len(one) + 1), copy.deepcopy(other))
            case _:
                for name in one.attrib:
                    one.attrib[name] = rng.choice(("CNY", "JPY", "XXX", "", "KWD"))
    return etree.tostring(root)


# --- header and trailer that fit the records again -------------------------------------------------------------------


def _number(raw: bytes) -> int:
    return int(raw) if re.fullmatch(rb"[0-9]+", raw) else 0


def _repair_citizen_card(file: bytes) -> bytes:
    head, body = file[:25], file[25:-29]
    records = [body[at : at + 310].ljust(310) for at in range(0, len(body), 312)]
    records = [line if line[152:164].isdigit() else line[:152] + b"000000000100" + line[164:] for line in records]
    total = sum(_number(line[152:164]) for line in records)
    trailer = b"T %09d %015d" % (len(records), total)
    return head + b"\r\n".join([*records, trailer, b""])


def _repair_minsheng(file: bytes) -> bytes:
    lines = file.split(b"\r\n")
    records = lines[1:-1]
    total = sum(_number(cells[3]) for line in records if len(cells := line.split(b"|")) > 3)
    return b"\r\n".join([b"P|%d|%d" % (len(records), total), *records, b"########"])


def _repair_purse(file: bytes) -> bytes:
    lines = file.split(b"\r\n")
    records = [line for line in lines[1:] if line and not line.startswith("合计".encode("gb18030"))]
    cells = [line.split(b",") for line in records]
    total = sum(_number(row[7].replace(b".", b"", 1)) for row in cells if len(row) > 7)
    end = "合计".encode("gb18030") + b",%d,%d.%02d" % (len(records), total // 100, total % 100)
    return b"\r\n".join([lines[0], *records, end, b""])


REPAIRS: dict[tuple[str, str], Callable[[bytes], bytes]] = {
    ("citizen_card", "SMK_20260507"): _repair_citizen_card,
    ("bank_result", "resp_20260507_001.txt"): _repair_minsheng,
    ("mapped_csv", "PURSE_20260507.csv"): _repair_purse,
}
