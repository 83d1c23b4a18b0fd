"""What every reader of results shares: rows of PAYMENT_RESULT, how a result is called, what a whole file proves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import polars as pl

from adapters.base import Closing, Parsed
from settlement.model.cards import mask_digits
from settlement.model.frames import PAYMENT_RESULT, conform
from settlement.model.rejects import Reject

BLOCK_ROWS = 8192
BLOCK_BYTES = 8 * 1024 * 1024  # of the file: a row may hold a long text
MAX_HELD_BYTES = 64 * 1024 * 1024  # of frames: some four hundred thousand answers
MAX_REASON = 1000
RESULTS = ("paid", "rejected", "unknown")
# "there is one like it already": the first one may have been paid (ISO external status reason codes), or in the bank's
# own words; not those of a limit (当日已支付金额超限) or of a return (已成功退回)
_COPY = (
    r"\b(?:AM05|DU0[1-5]|DUPL)\b|duplicat|\b(?:not|be) unique\b"
    r"|\b(?:already|previously) (?:been |in )?"
    r"(?:exist|process|paid|made|received|executed|submitted|sent|used|complete|settled|booked|posted|credited|debited)"
    r"|重[复覆復]|(?<!可)疑重|重[账帐](?![户号])|[须不]唯一|(?<!不)存在相同|(?<![没所])有相同"
    r"|已(?:经|被)?(?:存在|处理|受理|提交|使用|成功|完成|结算|代付|代发|发放|支付|付款|付讫|扣款|划款|划付|汇款|汇出|导入"
    r"|[入记转上出到][账帐])"
    r"(?!的?[总金限额度笔次]|[,\uff0c]?(?:失败|退))"
    r"|(?<![额度金])已(?:经|被)?占用(?![额金限])"
    r"|(?<!失败)(?<!失败[,\uff0c])不(?:允许|能|可|得)再次"
)
# it is under way, or the bank itself does not know what became of it
_UNKNOWN = (
    r"正在(?:交易|处理|支付|付款|受理)"
    r"|(?:(?<!核查|筛查|核验|校验|验证)结果|(?<![户卡片件人])(?<![账帐卡]号)状态)(?:未知|不明|未明|未确[定认]|待[确查]|可疑)"
    r"|(?:交易|处理|请求|应答|响应|返回|通[讯信]|网络|主机|系统|[方行])超时"
    r"(?![,\uff0c]?(?:已|自动|被|系统)*(?:退|撤|拒|取消|冲正|作废|关闭))"
    r"|通[讯信]可疑"
)
_PERHAPS_PAID = re.compile(f"{_COPY}|{_UNKNOWN}", re.ASCII | re.IGNORECASE)


class Result(NamedTuple):
    """One row of PAYMENT_RESULT but for its file.

    A row without an `end_to_end_id` speaks for every item of its message that has no row of its own.
    """

    message_id: str | None
    end_to_end_id: str | None
    amount_fen: int | None
    result: str
    reason: str | None
    record: int
    byte_start: int
    byte_end: int


def result_frame(rows: Sequence[Result], file: str) -> pl.DataFrame:
    """Rows as a PAYMENT_RESULT frame."""
    schema = {name: dtype for name, dtype in PAYMENT_RESULT.items() if name != "file"}
    frame = pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
    return conform(frame.with_columns(pl.lit(file, pl.String).alias("file")), PAYMENT_RESULT)


def shown_reason(*parts: str | None) -> str:
    """The parts that are there, long digit runs masked (a bank may repeat the account), cut where no reason ends."""
    return mask_digits(" ".join(part for part in parts if part))[:MAX_REASON]


def perhaps_paid(reason: str | None) -> bool:
    """True where the bank says that it has the like already, or does not know: what it refuses may have been paid."""
    return _PERHAPS_PAID.search(reason or "") is not None


def settled(items: Iterator[Parsed | Closing], file: str) -> Iterator[Parsed | Closing]:
    """What a reader found, once the whole file is known; accepted rows are held until then.

    A payment of which the file says two things has no result: all its rows are rejects. A row about the whole message
    is left out of a file with rejects, as it would speak for the payments of these too.
    """
    frames: list[pl.DataFrame] = []
    size, closing = 0, None
    for item in items:
        if isinstance(item, Closing):
            closing = item
            break
        if item.rejects:
            yield Parsed(item.frame.clear(), item.rejects)
        frames.append(item.frame)
        size += int(item.frame.estimated_size())
        if size > MAX_HELD_BYTES:
            message = "more results than a payout file can have asked for; ask the bank for a file of each batch"
            yield Closing(0, 0, 0, refused=Reject(file, 0, -1, "", "TOO_LARGE", message))
            return
    assert closing is not None, "a reader ends with its Closing"
    if closing.refused is not None:
        yield closing
        return
    rows = pl.concat([result_frame((), file), *frames])
    frames.clear()
    two = (pl.col("result").n_unique().over("end_to_end_id") > 1) & pl.col("end_to_end_id").is_not_null()
    rejects = [_two_results(row) for row in rows.filter(two).iter_rows(named=True)]
    if rejects:
        rows = rows.filter(~two)
    silenced = rows["end_to_end_id"].null_count() if rejects or closing.rejected else 0
    if silenced:
        rows = rows.drop_nulls("end_to_end_id")
        note = "what the file says of the whole message is left out, as rows of it are rejected: ask the bank for these"
        closing = replace(closing, notes=(*closing.notes, note))
    yield Parsed(rows, rejects)
    yield replace(
        closing,
        accepted=closing.accepted - len(rejects) - silenced,
        rejected=closing.rejected + len(rejects),
        skipped=closing.skipped + silenced,
    )


def _two_results(row: dict[str, Any]) -> Reject:
    name = mask_digits(row["end_to_end_id"])
    message = f"the file says two things of payment {name}; ask the bank what became of it"
    return Reject(row["file"], row["record"], row["byte_start"], "end_to_end_id", "TWO_RESULTS", message)
