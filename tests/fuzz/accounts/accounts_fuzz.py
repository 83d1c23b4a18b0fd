"""Mutated statements and payment files through every reader of accounts and payments.

    python tests/fuzz/accounts/accounts_fuzz.py FORMAT EXECUTIONS [SEED]

A run is a pure function of its seed. Whatever the bytes are, a reader ends with a Closing, raises nothing, and what it
accepts without a note adds up. `check` takes any bytes, so that a coverage-guided fuzzer can call it as well.
"""

from __future__ import annotations

import io
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from adapters.accounts import ADAPTERS as ACCOUNTS
from adapters.accounts.bank_map import bank_map
from adapters.base import Closing, Context, Parsed
from adapters.payments import ADAPTERS as PAYMENTS
from adapters.payments.bank_template import layout_of
from settlement.model.frames import PAYMENT_RESULT, STATEMENT_LINE, conform

SAMPLES = (Path(__file__).resolve().parents[3] / "../shared/samples").resolve()
READERS = {entry.name: entry.read for entry in (*ACCOUNTS, *PAYMENTS) if entry.read is not None}
SETTINGS: dict[str, dict[str, Any]] = {
    "bank_csv": {"layout": bank_map({"layout": "ccb"}, "fuzz")},
    "bank_result": {"layout": layout_of({"layout": "minsheng_result"}, "result")},
    "mt940": {"encoding": "iso-8859-1"},
}
_TOKENS = {
    "camt053": [
        b"<Ntry>",
        b"</Ntry>",
        b'<Amt Ccy="CNY">1</Amt>',
        b"<!DOCTYPE x>",
        b"<!--",
        b"]]>",
        b"&x;",
        b"<Bal>",
        b"9" * 30,
    ],
    "mt940": [b":61:", b":62F:", b":20:", b"-}", b"\r\n", b",", b".", b"RC", b"9" * 20],
    "bank_csv": [b",", b'"', b"\r\n", b"-", b"1,2", b"=", b"\t", b"9" * 20],
    "bank_result": [b"|", b"########", b"\r\n", b"P|1|1", b"-", b"9" * 20],
}
_TOKENS |= {"camt054": _TOKENS["camt053"], "pain002": [*_TOKENS["camt053"], b"<TxInfAndSts>", b"RJCT"]}

PAIN002 = (
    b"<Document><CstmrPmtStsRpt><OrgnlGrpInfAndSts><OrgnlMsgId>M</OrgnlMsgId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>"
    b"<OrgnlPmtInfAndSts><OrgnlPmtInfId>M</OrgnlPmtInfId><TxInfAndSts><OrgnlEndToEndId>E1</OrgnlEndToEndId>"
    b"<TxSts>ACSC</TxSts></TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
)
RESULT = "P|2|300\r\nSZ1|110|甲|100|补贴||S|\r\nSZ2|110|乙|200|补贴||F|不符\r\n########".encode("gb18030")
EXPORT = (
    '账号:,1\n日期,借方发生额,贷方发生额,余额,对方账号\n20260507,,67.00,100.00,12\n20260508,"1,0.5",--,99.50,\n'
).encode()
SWIFT = (
    b":20:R\r\n:25:1\r\n:28C:1/1\r\n:60F:C260506CNY10,00\r\n:61:2605070507C3,05NTRFSZ//B\r\n:86:/EREF/E/NAME/N/REMI/t\r\n"
    b":61:260507RD1,NMSC\r\n:62F:C260507CNY14,05\r\n-\r\n"
)


def seeds(name: str) -> list[bytes]:
    """Samples of the format (where they are beside the checkout), and one small file of our own."""
    own = {"pain002": PAIN002, "bank_result": RESULT, "bank_csv": EXPORT, "mt940": SWIFT}
    pattern = {
        "camt053": "camt/*/camt*53*",
        "camt054": "camt/*/camt054*",
        "mt940": "mt940/*/*",
        "bank_csv": "cn-bank-csv/*/*",
    }
    found = sorted(SAMPLES.glob(pattern[name])) if name in pattern else []
    small = [path.read_bytes() for path in found if path.stat().st_size < 12_000]
    return [*([own[name]] if name in own else []), *small] or [b"<Document/>"]


def mutate(data: bytes, rng: random.Random, tokens: list[bytes]) -> bytes:
    """One to six cuts, flips, copies or tokens put in."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(6):
            case 0:
                del out[at:]
            case 1 if out:
                out[min(at, len(out) - 1)] ^= 1 << rng.randrange(8)
            case 2:
                out[at:at] = rng.choice(tokens)
            case 3:
                del out[at : at + rng.randint(1, 30)]
            case 4:
                out[at:at] = out[max(0, at - rng.randint(1, 200)) : at]
            case _:
                out[at:at] = bytes([rng.choice(b"\0\xff\x80\"'<>&;:,.|-0\n\r")])
    return bytes(out)


def check(name: str, data: bytes, **settings: Any) -> str:
    """What becomes of these bytes: a refusal's code, "noted" or "whole". Assertions fail where a promise is broken."""
    chosen = SETTINGS.get(name, {}) | settings
    items = list(READERS[name](io.BytesIO(data), Context("fuzz", "bank", chosen)))
    closing = items.pop()
    assert isinstance(closing, Closing)
    if closing.refused is not None:
        assert closing.refused.message
        return closing.refused.code
    rejects = 0
    frames: list[pl.DataFrame] = []
    for item in items:
        assert isinstance(item, Parsed)
        rejects += len(item.rejects)
        frames.append(conform(item.frame, PAYMENT_RESULT if name in {"pain002", "bank_result"} else STATEMENT_LINE))
    assert closing.records == closing.accepted + closing.rejected + closing.skipped
    assert closing.rejected == rejects
    if closing.notes or rejects:
        return "noted"
    if name in {"camt053", "mt940", "bank_csv"}:
        _adds_up(pl.concat(frames))
    return "whole"


def _adds_up(lines: pl.DataFrame) -> None:
    keys = ["statement", "account", "opening_fen", "closing_fen"]
    for (_, _, opening, closing), part in lines.group_by(keys, maintain_order=True):
        assert opening is not None
        assert closing is not None
        # two statements of one name and balances fall together here: each of them adds up
        starts = part.filter(pl.col("line").is_null() | (pl.col("line") == 1)).height
        assert (closing - opening) * starts == sum(part["amount_fen"].drop_nulls().to_list())


def run(name: str, executions: int, seed: int, say: Callable[[str], None] = print) -> Counter[str]:
    """`executions` mutations of the format's seeds; outcomes counted."""
    rng = random.Random(seed)
    pool, tokens = seeds(name), _TOKENS[name]
    outcomes: Counter[str] = Counter()
    for number in range(executions):
        data = mutate(rng.choice(pool), rng, tokens)
        try:
            outcomes[check(name, data)] += 1
        except BaseException:
            say(f"{name}: seed {seed}, execution {number}: {data!r}")
            raise
    return outcomes


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print("\n".join(_TOKENS))
        sys.exit()
    counted = run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    print(sys.argv[1], sum(counted.values()), dict(sorted(counted.items())))
