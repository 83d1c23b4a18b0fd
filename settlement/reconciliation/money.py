"""The money side: what each bank line of tonight was, and what should have moved and did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from settlement.model.dates import Calendar
from settlement.model.frames import Schema, conform
from settlement.model.money import format_yuan_expr
from settlement.model.outcomes import Discrepancy
from settlement.reconciliation.discrepancies import FOUND

LINE: Schema = {
    "line_id": pl.String,
    "account": pl.String,
    "booking_date": pl.Date,
    "amount_fen": pl.Int64,  # credit positive
    "reference": pl.String,
    "end_to_end_id": pl.String,
    "counterparty_index": pl.String,
    "remittance": pl.String,
    "bank_code": pl.String,
}
# Payout items that have left. `result`: the last known, null while nothing came back.
SENT: Schema = {"end_to_end_id": pl.String, "amount_fen": pl.Int64, "result": pl.String, "payee_no": pl.String}
# What a result file says of a released item, where it says so, and whether a file before it said that it was paid.
ANSWER: Schema = {
    "end_to_end_id": pl.String,
    "result": pl.String,
    "reason": pl.String,
    "evidence": pl.String,
    "said_paid": pl.Boolean,
}
MONEY: Schema = {
    "line_id": pl.String,
    "kind": pl.String,  # paid returned sponsor_funds charge interest
    "subject": pl.String,
    "amount_fen": pl.Int64,
    "reason": pl.String,
}
_DEAD = ("returned", "rejected", "unpaid")  # results after which an item is payable again
_NO_TEXT = pl.lit(None, pl.String)
_NO_FEN = pl.lit(None, pl.Int64)


def name_lines(
    lines: pl.DataFrame,
    sent: pl.DataFrame,
    sponsors: Mapping[tuple[str, str], str],
    charge_codes: Mapping[str, Sequence[str]],
) -> pl.DataFrame:
    """MONEY rows of the lines that are known, in order of line_id; every other line is a discrepancy.

    `sponsors`: (account, keyed index of the counterparty's number) to sponsor; `charge_codes`: per account. A debit
    with the id and amount of a sent item is its payment, once; a credit with the id and amount of a paid item its
    return. Debits of a day come before its credits, so that a return of the same day finds its payment. A bank
    statement has one line per payee and day: a loop is fast enough.
    """
    items = {row["end_to_end_id"]: row for row in conform(sent, SENT).iter_rows(named=True)}
    results = {identity: row["result"] for identity, row in items.items()}
    known: list[tuple[str, str, str, int, str | None]] = []
    ordered = conform(lines, LINE).sort("booking_date", pl.col("amount_fen") > 0, "line_id")
    for row in ordered.iter_rows(named=True):
        identity, amount = row["end_to_end_id"], row["amount_fen"]
        sponsor = sponsors.get((row["account"], row["counterparty_index"] or ""))
        named: tuple[str, str, str | None] | None = None
        if identity in items:
            # a line that names one of our items is that item or nothing: never a top-up or a charge
            if abs(amount) == items[identity]["amount_fen"]:
                if amount < 0 and results[identity] is None:
                    named = ("paid", identity, None)
                elif amount > 0 and results[identity] == "paid":
                    named = ("returned", identity, row["remittance"] or row["bank_code"])
            if named:
                results[identity] = named[0]
        elif sponsor is not None and amount > 0:
            named = ("sponsor_funds", sponsor, None)
        elif amount and row["bank_code"] in charge_codes.get(row["account"], ()):
            named = ("charge" if amount < 0 else "interest", row["account"], None)
        if named:
            known.append((row["line_id"], named[0], named[1], amount, named[2]))
    return pl.DataFrame(known, schema=MONEY, orient="row").sort("line_id")


def results(known: pl.DataFrame, last_seq: pl.DataFrame) -> pl.DataFrame:
    """Rows of payout_result of the MONEY rows; `last_seq` (end_to_end_id, seq): the numbers given before."""
    rows = known.filter(pl.col("kind").is_in(["paid", "returned"])).sort("subject", "kind")
    joined = rows.join(last_seq, left_on="subject", right_on="end_to_end_id", how="left", maintain_order="left")
    place = pl.int_range(1, pl.len() + 1).over("subject")
    return joined.select(
        "line_id", "reason", end_to_end_id="subject", result="kind", seq=pl.col("seq").fill_null(0) + place
    )


def found_lines(lines: pl.DataFrame, known: pl.DataFrame, sent: pl.DataFrame) -> pl.DataFrame:
    """FOUND rows of `lines` (LINE): RETURNED for a return, UNKNOWN_CREDIT or UNKNOWN_DEBIT for what nothing tells.

    A line of 0.00 (interest of nothing, a text of the bank) is no difference, unless it names an item of ours.
    """
    items = sent.select("end_to_end_id", "payee_no", item_fen="amount_fen", item_result="result")
    rows = conform(lines, LINE).join(known.select("line_id", was="kind", told="reason"), on="line_id", how="left")
    rows = rows.join(items, on="end_to_end_id", how="left").sort("line_id")
    moves = (pl.col("amount_fen") != 0) | pl.col("item_fen").is_not_null()
    rows = rows.filter((pl.col("was").is_null() & moves) | (pl.col("was") == "returned"))
    back, ours = pl.col("was") == "returned", pl.col("item_fen").is_not_null()
    kind = (
        pl.when(back)
        .then(pl.lit(str(Discrepancy.RETURNED)))
        .when(pl.col("amount_fen") < 0)
        .then(pl.lit(str(Discrepancy.UNKNOWN_DEBIT)))
        .otherwise(pl.lit(str(Discrepancy.UNKNOWN_CREDIT)))
    )
    rows = rows.with_columns(format_yuan_expr("item_fen"))
    cause = (
        pl.when(back.fill_null(value=False))
        .then(pl.format("银行退汇: {}; 更正收款账户后另起付款", pl.col("told").fill_null("未给原因")))
        .when(ours & (pl.col("amount_fen").abs() != pl.col("item_fen")))
        .then(pl.format("与付款 {} 同号而金额不同, 应为 {} 元", "end_to_end_id", "item"))
        .when(ours & (pl.col("amount_fen") < 0) & pl.col("item_result").is_in(_DEAD))
        .then(
            pl.format("付款 {} 未付或已退, 而后付出; 确为该笔付款的, 由两人认定 (puhui payout paid)", "end_to_end_id")
        )
        .when(ours & (pl.col("amount_fen") < 0))
        .then(pl.format("付款 {} 已有结果, 又付一次", "end_to_end_id"))
        .when(ours)
        .then(pl.format("付款 {} 的退款, 而付出未见于对账单", "end_to_end_id"))
        .otherwise(pl.format("非我方付款、出资方账户或银行收费; 摘要: {}", pl.col("remittance").fill_null("无")))
    )
    # a payment that has its answer has no second one: the line is all difference
    paid = known.filter(pl.col("kind") == "paid")["subject"]
    answered = pl.col("item_result").is_not_null() | pl.col("end_to_end_id").is_in(paid.implode())
    ours_fen = pl.when(ours & (pl.col("amount_fen") < 0) & ~answered).then(-pl.col("item_fen"))
    return _found(
        rows,
        kind=kind,
        channel=pl.col("account"),
        ours_id=pl.when(ours).then("end_to_end_id"),
        theirs_id=pl.col("line_id"),
        clearing_date=pl.col("booking_date"),
        ours_fen=ours_fen,
        theirs_fen=pl.col("amount_fen"),
        difference_fen=ours_fen.fill_null(0) - pl.col("amount_fen"),
        detail=cause,
    )


def refused(answers: pl.DataFrame, sent: pl.DataFrame) -> pl.DataFrame:
    """Rows of payout_result for the items (SENT with `seq`) that result files (ANSWER) call rejected, and `evidence`.

    Only the account statement shows that money went: an item of which a line has told already keeps what the line said,
    and one that the bank called paid before waits for people.
    """
    rows = conform(answers, ANSWER).join(sent.rename({"result": "known"}), on="end_to_end_id")
    rows = rows.filter((pl.col("result") == "rejected") & pl.col("known").is_null() & ~pl.col("said_paid"))
    rows = rows.sort("end_to_end_id")
    seq = pl.col("seq") + 1
    return rows.select("end_to_end_id", "reason", "evidence", "result", seq=seq, line_id=_NO_TEXT)


def found_answers(answers: pl.DataFrame, sent: pl.DataFrame, account: str) -> pl.DataFrame:
    """FOUND rows of result files: RETURNED where an item was refused, UNPAID where file and statement contradict.

    `sent`: SENT as the statements and earlier files left it.
    """
    rows = conform(answers, ANSWER).join(sent.rename({"result": "known"}), on="end_to_end_id").sort("end_to_end_id")
    no, known = pl.col("result") == "rejected", pl.col("known")
    fresh = no & known.is_null() & ~pl.col("said_paid")
    told = pl.col("reason").fill_null("未给原因")
    detail = (
        pl.when(fresh)
        .then(pl.format("银行拒付: {}; 更正收款账户后另起付款", told))
        .when(no & (known == "paid"))
        .then(pl.format("回盘称付款失败 ({}), 而对账单已付出: 向银行查询是否退回", told))
        .when(no & known.is_null())
        .then(pl.format("回盘先称已付, 后称付款失败 ({}): 向银行查询, 不得重复付款", told))
        .when((pl.col("result") == "paid") & (known == "rejected"))
        .then(pl.lit("回盘先称付款失败, 后称已付: 向银行查询, 不得重复付款"))
        .when((pl.col("result") == "paid") & (known == "unpaid"))
        .then(pl.lit("已认定银行未付, 而回盘称已付: 向银行查询, 不得重复付款"))
    )
    rows = rows.with_columns(detail=detail).filter(pl.col("detail").is_not_null())
    ours = -pl.col("amount_fen")
    return _found(
        rows,
        kind=pl.when(fresh).then(pl.lit(str(Discrepancy.RETURNED))).otherwise(pl.lit(str(Discrepancy.UNPAID))),
        channel=pl.lit(account),
        ours_id=pl.col("end_to_end_id"),
        theirs_id=_NO_TEXT,
        reference=pl.col("end_to_end_id"),
        clearing_date=pl.col("execution_date"),
        ours_fen=ours,
        theirs_fen=_NO_FEN,
        difference_fen=ours,
        detail=pl.col("detail"),
    )


def unpaid(sent: pl.DataFrame, account: str, day: date, after_days: int, calendar: Calendar) -> pl.DataFrame:
    """FOUND rows (UNPAID) of released items (SENT with their batch and date) silent for `after_days` banking days."""
    waiting = sent.filter(pl.col("result").is_null())
    dates = [d for d in waiting["execution_date"].unique() if calendar.workdays_between(d, day) >= after_days]
    late = waiting.filter(pl.col("execution_date").is_in(dates)).sort("end_to_end_id")
    return _found(
        late,
        kind=pl.lit(str(Discrepancy.UNPAID)),
        channel=pl.lit(account),
        ours_id=pl.col("end_to_end_id"),
        theirs_id=_NO_TEXT,
        reference=pl.col("end_to_end_id"),
        clearing_date=pl.col("execution_date"),
        ours_fen=-pl.col("amount_fen"),
        theirs_fen=_NO_FEN,
        difference_fen=-pl.col("amount_fen"),
        detail=pl.format(
            f"付款文件发出后 {after_days} 个银行工作日未见于对账单: 向银行查询, 不得重复付款;"
            " 银行答复未付的, 由两人认定 (puhui payout unpaid {} {})",
            "batch_no",
            "end_to_end_id",
        ),
    )


def _found(rows: pl.DataFrame, **columns: pl.Expr) -> pl.DataFrame:
    none = {name: pl.lit(None, dtype) for name, dtype in FOUND.items() if name not in rows.columns}
    return conform(rows.with_columns(**none).with_columns(**columns), FOUND)
