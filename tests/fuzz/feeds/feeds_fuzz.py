"""Mutated files through every reader of transaction feeds.

    python tests/fuzz/feeds/feeds_fuzz.py FORMAT EXECUTIONS [SEED]

A run is a pure function of its seed. Whatever the bytes are, a reader ends with a Closing, raises nothing, and what
it accepts under a declared total sums to it. `check` takes any bytes, so that a coverage-guided fuzzer can call it.
"""

from __future__ import annotations

import io
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "adapters/feeds"))

import feeds_support as s
import polars as pl

from adapters.base import Closing, Context, Parsed
from adapters.registry import adapter
from settlement.model.frames import TRANSACTION, conform

# name: (format, file name, settings)
SUBJECTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "citizen_card": ("citizen_card", "SMK_20260507", {}),
    "pos_len2": ("pos_iso8583", "POS20260507", {}),
    "pos_len4_cups": ("pos_iso8583", "POS20260507", {"framing": "len4", "header": "cups"}),
    "pos_vbs_tpdu": ("pos_iso8583", "POS20260507", {"framing": "vbs", "header": "tpdu", "body": "pos"}),
    "pos_hex": ("pos_iso8583", "POS20260507", {"framing": "hex", "body": "pos"}),
    "unionpay_acomn": ("unionpay_acom", "IND26050701ACOMN", {"record": "acomn"}),
    "unionpay_acoma": ("unionpay_acom", "IND26050701ACOMA", {"record": "acoma"}),
    "unionpay_zm": ("unionpay_zm", "INN26050788ZM_802310048993424", {}),
    "purse_daily": ("mapped_csv", "PURSE_20260507.csv", {"mapping": "purse_daily", "rail": "purse"}),
    "wechat_pay": ("mapped_csv", "wx20260507.csv", {"mapping": "wechat_pay"}),
}
TOKENS = (
    b"\r\n",
    b"\n",
    b"\x00",
    b" ",
    b",",
    b'"',
    b"`",
    b"|",
    b"-",
    b"9" * 19,
    b"\xc4\xe3",
    b"\x81",
    b"\xff\xff",
    b"T ",
)


def seed_file(name: str) -> bytes:
    """A correct file of three records."""
    form, file, settings = SUBJECTS[name]
    if name == "wechat_pay":
        from test_feeds_mapped import WECHAT

        return WECHAT.encode()
    make = {"citizen_card": s.citizen_frame, "purse_daily": s.purse_frame}.get(name, s.pos_frame)
    frame = make(3).with_columns(file=pl.lit(file))
    return s.write(form, frame, s.context(file, "fuzz", s.DAY, **settings))


def check(name: str, data: bytes) -> str:
    """What became of one file: refused, rejects, whole. Asserts what must hold for any bytes."""
    form, file, settings = SUBJECTS[name]
    reader = adapter(form).read
    assert reader is not None
    items = list(reader(io.BytesIO(data), Context(file, "fuzz", settings, s.TOKENISER)))
    closing = items[-1]
    assert isinstance(closing, Closing)
    accepted, rejects = 0, []
    for item in items[:-1]:
        assert isinstance(item, Parsed)
        conform(item.frame, TRANSACTION)
        accepted += item.frame.height
        rejects += item.rejects
        assert item.frame["transaction_id"].null_count() == 0
        assert item.frame["paid_fen"].null_count() == 0
        assert item.frame["byte_end"].max() is None or item.frame["byte_end"].max() <= len(data)
    assert all(reject.code and reject.message for reject in rejects)
    if closing.refused is not None:
        return f"refused {closing.refused.code}"
    assert (closing.accepted, closing.rejected) == (accepted, len(rejects))
    assert closing.records == accepted + len(rejects) + closing.skipped
    if closing.declared_total_fen is not None:
        assert closing.declared_total_fen == closing.total_fen
    return "rejects" if rejects else "whole"


def mutate(rng: random.Random, data: bytes) -> bytes:
    """One to four small changes: flipped bits, other bytes, pieces cut, doubled, moved or put in."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        size = rng.choice([1, 1, 2, 8, 40])
        ways: list[Callable[[], None]] = [
            lambda at=at: out.__setitem__(
                slice(at, at + 1), bytes(b ^ 1 << rng.randrange(8) for b in out[at : at + 1])
            ),
            lambda at=at: out.__setitem__(slice(at, at + 1), rng.randbytes(1)),
            lambda at=at: out.__setitem__(slice(at, at + 1), rng.choice(b"0123456789ADT-").to_bytes(1, "big")),
            lambda at=at, size=size: out.__delitem__(slice(at, at + size)),
            lambda at=at, size=size: out.__setitem__(slice(at, at), out[at : at + size]),
            lambda at=at: out.__setitem__(slice(at, at), rng.choice(TOKENS)),
            lambda at=at: out.__delitem__(slice(at, None)),
        ]
        rng.choices(ways, weights=[6, 3, 6, 2, 2, 3, 1])[0]()
    return bytes(out)


def run(name: str, executions: int, seed: int) -> Counter[str]:
    """Outcomes of `executions` mutated files; an assertion names the seed that repeats it."""
    base = seed_file(name)
    outcomes: Counter[str] = Counter()
    for number in range(executions):
        data = mutate(random.Random(f"{seed} {name} {number}"), base)
        try:
            outcomes[check(name, data)] += 1
        except Exception as error:
            raise AssertionError(f"{name}: seed {seed}, execution {number}: {error!r}; {data!r}") from error
    return outcomes


def main() -> None:
    """Prints the outcomes of one run; without arguments, the names that can be run."""
    if len(sys.argv) == 1:
        print("\n".join(SUBJECTS))
        return
    name, executions = sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 20260507
    for outcome, count in sorted(run(name, executions, seed).items()):
        print(f"{name}\t{outcome}\t{count}")


if __name__ == "__main__":
    main()
