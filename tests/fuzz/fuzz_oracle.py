"""What must hold for any bytes: a reader ends with a Closing, raises nothing, and accepts no wrong total.

`check` looks at one file from outside: frames, counts, declared totals (counted again here, from the bytes), balances,
and card numbers, which stand nowhere in what a reader gives.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from decimal import Decimal

import feeds_support as s
import polars as pl
from fuzz_subjects import Subject

from adapters.accounts.statement import out_of_balance, unproven
from adapters.base import Closing, Parsed
from settlement.model.frames import conform
from settlement.model.rejects import Reject

# the numbers of the seeds: nobody may see one of them in what a reader gives
CARDS = sorted(
    {
        number
        for make in (s.pos_frame, s.citizen_frame, s.purse_frame)
        for count, seed in ((1, 1), (2, 2), (3, 3))
        for number in make(count, seed)["card_number"].to_list()
        if len(number) > 12
    }
    | {"6217000000000000011"}
)
_CARD = re.compile(rf"(?<![0-9])(?:{'|'.join(CARDS)})(?![0-9])")
# columns whose text a file chooses freely: our own accounts and references, and any cell of a mapped file
_FREE = {
    "statement": {"statement", "account", "reference", "end_to_end_id", "bank_code"},
    "mapped_csv": {"transaction_id", "original_key", "merchant_no", "terminal_no", "rrn", "stan", "auth_code"},
    "result": {"message_id", "end_to_end_id"},
}


def check(subject: Subject, data: bytes) -> str:
    """What became of an input: a refusal's code, "rejects", "noted" or "whole". AssertionError: a promise is broken."""
    variant, file = subject.variant(data)
    items = list(subject.read(io.BytesIO(file), subject.context(variant)))
    assert items, "a reader gave nothing"
    closing = items.pop()
    assert isinstance(closing, Closing), "a reader ends with its Closing"
    rejects: list[Reject] = []
    frames: list[pl.DataFrame] = []
    for item in items:
        assert isinstance(item, Parsed), "nothing but blocks stands before the Closing"
        rejects += item.rejects
        frames.append(conform(item.frame, subject.schema))
    _check_texts([*map(str, rejects), *closing.notes, str(closing.refused or "")])
    assert all(reject.code and reject.message for reject in rejects)
    if closing.refused is not None:
        assert closing.refused.code
        assert closing.refused.message
        return closing.refused.code
    frame = pl.concat(frames) if len(frames) > 1 else frames[0] if frames else pl.DataFrame(schema=subject.schema)
    _check_closing(closing, rejects)
    _check_frame(subject, frame, closing, len(file))
    if "amount_fen" in frame.columns and "line" in frame.columns and subject.name != "camt054":
        _check_balances(frame, closing, bool(rejects))
    recount = RECOUNTS.get((subject.name, variant.file))
    if recount is not None:
        recount(file, closing)
    return "rejects" if rejects else "noted" if closing.notes else "whole"


def _check_texts(texts: list[str]) -> None:
    assert not _CARD.search("\n".join(texts)), "a full card number stands in a message"


def _check_closing(closing: Closing, rejects: list[Reject]) -> None:
    assert closing.records == closing.accepted + closing.rejected + closing.skipped, "records do not add up"
    assert closing.rejected == len(rejects), "not every reject is told"
    if closing.declared_total_fen is not None:
        assert closing.declared_total_fen == closing.total_fen, "a wrong total is accepted"


def _check_frame(subject: Subject, frame: pl.DataFrame, closing: Closing, size: int) -> None:
    if not frame.height:
        return
    transactions = "transaction_id" in frame.columns
    if transactions:
        assert frame.height == closing.accepted
        assert frame["transaction_id"].null_count() + frame["paid_fen"].null_count() + frame["kind"].null_count() == 0
        assert frame["paid_fen"].min() >= 0  # type: ignore[operator] # not null
    starts, ends = frame["byte_start"], frame["byte_end"]
    assert int(ends.max() or 0) <= size, "a row stands behind the end of the file"  # type: ignore[call-overload] # int
    assert not (starts > ends).any()
    assert not (frame["record"] > closing.records).any()
    free = _FREE.get("mapped_csv" if subject.name.startswith("mapped_csv") else "")
    free = free or (set() if transactions else _FREE["statement" if "line" in frame.columns else "result"])
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String and name not in free]
    assert not _CARD.search(repr(frame.select(texts).rows())), "a full card number stands in a frame"


def _check_balances(frame: pl.DataFrame, closing: Closing, has_rejects: bool) -> None:
    keys = ["statement", "account", "currency", "opening_fen", "closing_fen"]
    for (_, _, _, opening, ends), part in frame.group_by(keys, maintain_order=True):
        if opening is None or ends is None:
            assert unproven(closing.notes) or out_of_balance(closing.notes), "a missing balance is not noted"
            continue
        # two statements of one name and balances fall together here: each of them adds up
        starts = part.filter(pl.col("line").is_null() | (pl.col("line") == 1)).height
        if has_rejects and starts != 1:
            continue
        if (ends - opening) * starts != sum(part["amount_fen"].drop_nulls().to_list()):
            assert out_of_balance(closing.notes), "a statement that does not add up carries no note"


# --- counted again, from the bytes -----------------------------------------------------------------------------------


def _recount_citizen_card(file: bytes, closing: Closing) -> None:
    """The default layout: 310 bytes and CRLF; paid at 153, its trailer's count at 3 and total at 13."""
    file = file.removesuffix(b"\r\n").removesuffix(b"\r\n") + b"\r\n"  # an empty last line is let pass
    trailer, body = file[-29:], file[25:-29]
    records = [body[at : at + 312] for at in range(0, len(body), 312)]
    assert int(trailer[2:11]) == len(records) == closing.records, "another count than the trailer's"
    assert int(trailer[12:27]) == sum(int(line[152:164]) for line in records), "another total than the trailer's"


def _recount_minsheng(file: bytes, closing: Closing) -> None:
    file = file.removesuffix(b"\n").removesuffix(b"\r")  # a line end behind the end mark is let pass
    lines = [line.rstrip(b"\r") for line in file.split(b"\n")]
    head, records = lines[0].split(b"|"), lines[1:-1]
    assert lines[-1] == b"########"
    assert int(head[1]) == len(records) == closing.records
    assert int(head[2]) == sum(int(line.decode("gb18030").split("|")[3]) for line in records if line)


def _recount_unionpay(file: bytes, closing: Closing) -> None:
    lines = file.removeprefix(b"\xef\xbb\xbf").decode().removesuffix("\n").split("\n")
    head, records = lines[0].split("|"), lines[2:]
    assert int(head[2]) == len(records) == closing.records
    assert int(head[1]) == sum(int(line.split("|")[2]) for line in records)


def _recount_purse(file: bytes, closing: Closing) -> None:
    rows = list(csv.reader(io.StringIO(file.decode("gb18030"), newline="")))
    wanted = {
        "实付金额",
        "卡号",
        "商户号",
    }  # what has not all of them is a preamble, however much it looks like headings
    head = next(n for n, row in enumerate(rows) if wanted <= {cell.strip("\t \u3000") for cell in row})
    place = next(i for i, cell in enumerate(rows[head]) if cell.strip("\t \u3000") == "实付金额")
    body = [row for row in rows[head + 1 :] if any(cell.strip() for cell in row)]
    last = next(number for number, row in enumerate(body) if row[0].strip("\t ").startswith("合计"))
    paid = [abs(Decimal(row[place].strip("\t "))) for row in body[:last]]
    assert int(body[last][1]) == len(paid) == closing.records
    assert Decimal(body[last][2].strip("\t ")) == sum(paid)


def _recount_mt940(file: bytes, closing: Closing) -> None:
    # behind a dash too, and torn behind its first colon, as savings banks write it
    lines = re.findall(rb"(?m)^(?:-?:|:\r?\n)61:", file)
    assert len(lines) == closing.records, "a :61: is lost"


RECOUNTS: dict[tuple[str, str], Callable[[bytes, Closing], None]] = {
    ("citizen_card", "SMK_20260507"): _recount_citizen_card,
    ("bank_result", "resp_20260507_001.txt"): _recount_minsheng,
    ("bank_result", "DF00000000777290058110097202605070002O.txt"): _recount_unionpay,
    ("mapped_csv", "PURSE_20260507.csv"): _recount_purse,
    ("mt940", "f"): _recount_mt940,
}
