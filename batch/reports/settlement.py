"""What settlement prints: statements (结算单), the budget report (补贴预算执行表), the list of payments to members."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection

from batch.documents import programme_in_force
from batch.run import Run
from rules import Programme, Scheme, parse_scheme
from rules.terms import window_start
from settlement.model.money import PPM, format_yuan, format_yuan_expr, upper_rmb
from settlement.model.outcomes import RESULT_ZH
from settlement.model.persons import mask_identity, mask_name
from settlement.model.report import (
    DETAIL_COLUMNS,
    HELD_COLUMNS,
    STATEMENT_COLUMNS,
    Column,
    Report,
    StatementDocument,
    Table,
)
from settlement.payout.digest import statement_digests
from settlement.store import payouts, reference, settle
from settlement.store import statements as rows

_KINDS = {"SALE": "消费", "REFUND": "退货", "VOID": "撤销", "REVERSAL": "冲正"}


# --- statements ----------------------------------------------------------------------------------------------------


def statement_document(connection: Connection, run: Run, statement_no: str) -> StatementDocument:
    """One statement as printed. NotFound where there is none."""
    head = rows.statement(connection, statement_no)
    payment = rows.payment(connection, statement_no)
    titles = rows.scheme_titles(connection, head["programme"], run.last_import)
    return StatementDocument(
        number=statement_no,
        head=_head(connection, run, head, payment),
        lines=_lines(connection, head, titles),
        detail=_detail(connection, run, head),
        held=_held(connection, statement_no),
        foot=_foot(connection, run, head),
        digest=head["digest"],
        business_date=head["business_date"],
        notes=_notes(head, payment),
        timezone=run.config.programme.timezone,
    )


def proven_digest(connection: Connection, statement_no: str) -> tuple[str, str]:
    """(stored digest, digest computed anew from the stored rows) of a statement."""
    stored = rows.statement(connection, statement_no)["digest"]
    return stored, statement_digests(*rows.rows_of(connection, statement_no))[statement_no]


def _head(
    connection: Connection, run: Run, head: dict[str, Any], payment: dict[str, Any]
) -> tuple[tuple[str, str], ...]:
    # a firm's account name is opened for its own statement; a member's stays sealed
    opened = payment["name_sealed"] and head["payee_kind"] != "member"
    return (
        ("结算单号", head["statement_no"]),
        ("商户编号", head["payee_no"]),
        ("商户名称", _payee_name(connection, run, head)),
        ("结算周期起", head["period_from"].isoformat()),
        ("结算周期止", head["period_to"].isoformat()),
        ("结算日期", head["due_date"].isoformat()),
        ("结算账户名", run.keys.open(payment["name_sealed"]) if opened else ""),
        ("结算账号(掩码)", payment["account_masked"] or ""),
        ("开户行", payment["bank_name"] or ""),
        ("状态", _state(head, payment)),
    )


def _payee_name(connection: Connection, run: Run, head: dict[str, Any]) -> str:
    if head["payee_kind"] == "merchant":
        return rows.payee_name(connection, head["payee_no"], run.last_import) or head["payee_no"]
    if head["payee_kind"] == "channel":
        return next((s.title for s in run.config.sources if s.name == head["payee_no"]), head["payee_no"])
    return "会员"


def _state(head: dict[str, Any], payment: dict[str, Any]) -> str:
    """As of the night that made it: what happens to a payout later is shown by `puhui payout`."""
    if head["settled_fen"] == 0:
        return "结转下期"
    if payment["batch_no"]:
        return f"待付款 {payment['batch_no']}"
    return f"暂缓付款: {payment['reason'] or ''}"


def _lines(connection: Connection, head: dict[str, Any], titles: dict[str, str]) -> pl.DataFrame:
    """The table; what is not paid now stands on a last line of its own, so that both money columns foot."""
    stored = rows.rows_of(connection, head["statement_no"])[1].sort("line")
    due = pl.col("subsidy_fen") - pl.col("merchant_share_fen") - pl.col("fee_fen")
    due += pl.col("adjustment_fen") + pl.col("brought_fen")
    other = pl.when(pl.col("brought_fen") != 0).then(pl.lit("上期结转")).otherwise(pl.lit("调账"))
    title = pl.col("scheme").replace(titles)
    frame = stored.with_columns(scheme_title=pl.coalesce(title, other), due_fen=due, settled_fen=due)
    frame = frame.select([column.name for column in STATEMENT_COLUMNS])
    if head["carried_fen"] == 0:
        return frame
    blank = {c.name: 0 for c in STATEMENT_COLUMNS if c.total}
    carried = {**blank, "clearing_date": None, "scheme_title": "结转下期", "settled_fen": -head["carried_fen"]}
    return pl.concat([frame, pl.DataFrame([carried], schema=frame.schema)])


def _detail(connection: Connection, run: Run, head: dict[str, Any]) -> pl.DataFrame:
    """One row per award; a transaction with several shows its amounts on the first."""
    found = rows.details(connection, head["statement_no"], run.last_import)
    shares = rows.shares(connection, head["statement_no"]).with_columns(format_yuan_expr("amount_fen"))
    named = shares.group_by("transaction_id", "line", maintain_order=True).agg(
        sponsors=pl.concat_str("sponsor", pl.lit(" "), "amount").str.join("、")
    )
    undone = pl.when(pl.col("undoes")).then(1).otherwise(-1)
    sign = pl.when(pl.col("kind") == "SALE").then(1).otherwise(undone)
    first = pl.col("line") == pl.col("line").min().over("transaction_id")
    gross = pl.when(first).then(sign * pl.col("gross_fen")).otherwise(0)
    paid = pl.col("paid_fen").fill_null(pl.col("gross_fen") - pl.col("subsidy_fen").abs())
    remark = pl.when(pl.col("first_statement").is_not_null()).then(pl.format("原结算单 {}", "first_statement"))
    return (
        found.join(named, on=["transaction_id", "line"], how="left", maintain_order="left")
        .with_columns(
            number=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
            kind=pl.col("kind").replace(_KINDS),
            gross_fen=gross,
            paid_fen=pl.when(first).then(sign * paid).otherwise(0),
            sponsors=pl.col("sponsors").fill_null(""),
            remark=remark.fill_null(""),
        )
        .select([column.name for column in DETAIL_COLUMNS])
    )


def _held(connection: Connection, statement_no: str) -> pl.DataFrame:
    return rows.held_details(connection, statement_no).select([column.name for column in HELD_COLUMNS])


def _foot(connection: Connection, run: Run, head: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return (
        ("大写金额", upper_rmb(head["settled_fen"])),
        ("应开票金额", format_yuan(_invoice_fen(connection, run, head))),
        ("制单", "系统"),
        ("复核", ""),
        ("商户确认(签章)", ""),
    )


def _invoice_fen(connection: Connection, run: Run, head: dict[str, Any]) -> int:
    """What the payee is to invoice by its contract: nothing, its subsidy, or (for our fee) the fee."""
    contracts = settle.contracts(connection, run.last_import).filter(
        (pl.col("payee_no") == head["payee_no"])
        & (pl.col("valid_from") <= head["business_date"])
        & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= head["business_date"]))
    )
    if head["payee_kind"] != "merchant" or contracts.is_empty():
        return 0
    own_first = contracts.sort(pl.col("merchant_no") != pl.col("payee_no"), "merchant_no")
    amounts: dict[str, int] = {"subsidy": head["subsidy_fen"] - head["merchant_share_fen"], "fee": head["fee_fen"]}
    return max(0, amounts.get(own_first["invoice"][0], 0))


def _notes(head: dict[str, Any], payment: dict[str, Any]) -> tuple[str, ...]:
    notes = []
    if payment["account_before"]:
        notes.append(f"结算账户已变更: {payment['account_before']} → {payment['account_masked']}")
    if head["holdback_fen"]:
        notes.append(f"本期暂留 {format_yuan(head['holdback_fen'])} 元, {head['holdback_until']} 到期释放")
    if head["carried_fen"] < 0:
        notes.append(f"应结金额为负, {format_yuan(head['carried_fen'])} 元结转下期抵扣")
    notes.append("交易金额与会员实付金额仅供核对, 本金由收单机构清算")
    return tuple(notes)


# --- budget --------------------------------------------------------------------------------------------------------

_BUDGET = (
    Column("scheme", "活动编号"),
    Column("title", "活动名称"),
    Column("sponsor", "出资方"),
    Column("budget_fen", "预算总额", "money"),
    Column("used_fen", "已占用", "money"),
    Column("granted_fen", "已核销", "money"),
    Column("settled_fen", "已结算", "money"),
    Column("returned_fen", "已退回", "money"),
    Column("released_fen", "到期释放", "money"),
    Column("left_fen", "可用余额", "money"),
    Column("rate_ppm", "执行率", "ppm"),
    Column("until", "截止日期", "date"),
)
_BUDGET_SCHEMA = {
    "text": pl.String,
    "money": pl.Int64,
    "ppm": pl.Int64,
    "date": pl.Date,
}


def budget_report(connection: Connection, run: Run) -> Report:
    """补贴预算执行表: the pools first, then every scheme by sponsor, as of the business date."""
    name = run.config.programme.name
    programme = programme_in_force(connection, name, run.last_import)
    schemes = _schemes(connection, name, run.last_import)
    use = rows.use_of_schemes(connection, run.business_date)
    lines = _pool_rows(connection, run.business_date, programme, schemes, use)
    lines += _scheme_rows(programme, schemes, use)
    schema = {column.name: _BUDGET_SCHEMA[column.kind] for column in _BUDGET}
    frame = pl.DataFrame(lines, schema=schema, orient="row")
    kept = frame.filter(pl.col("sponsor") != _ALL)
    printed = {column: int(kept[column].sum()) for column in ("granted_fen", "returned_fen", "used_fen")}
    stored = int(use["granted_fen"].sum()) - int(use["returned_fen"].sum())
    return Report(
        code="budget",
        title="补贴预算执行表",
        business_date=run.business_date,
        tables=(
            Table(
                "补贴预算执行表",
                _BUDGET,
                frame,
                (
                    "资金池行: 已占用为本窗口规则计数(退货不恢复额度的活动含已退部分), 可用余额 = 预算总额 − 已占用",
                    "活动行: 已占用 = 已核销 − 已退回; 预算在资金池",
                    "到期释放: 资金池在补贴发生时才占用, 未使用的券不占资金池, 故到期无可释放",
                ),
            ),
        ),
        checks=(
            ("已核销 − 已退回 − 已占用", printed["granted_fen"] - printed["returned_fen"] - printed["used_fen"]),
            ("活动合计 − 出资分担合计", printed["used_fen"] - stored),
        ),
        timezone=run.config.programme.timezone,
    )


_ALL = "全部出资方"
_Row = tuple[str, str, str, int | None, int, int, int, int, int, int | None, int | None, date | None]


def _schemes(connection: Connection, programme: str, last_import: int) -> dict[str, Scheme]:
    """Scheme code to its highest version."""
    _, texts = reference.programme_documents(connection, programme, last_import)
    documents = [parse_scheme(text, file) for file, text in texts]
    found = [document.value for document in documents if not isinstance(document, list)]
    return {scheme.scheme: scheme for scheme in sorted(found, key=lambda scheme: scheme.version)}


def _rate(used: int, budget: int | None) -> int | None:
    """Utilisation in ppm, rounded down; None where there is no budget."""
    return used * PPM // budget if budget else None


_WINDOWS = {"day": "每日", "week": "每周", "month": "每月", "quarter": "每季", "year": "每年", "total": "总额"}


def _pool_rows(
    connection: Connection, day: date, programme: Programme, schemes: dict[str, Scheme], use: pl.DataFrame
) -> list[_Row]:
    """One row per pool of money without keys: the budgets proper."""
    newest = {pool: (start, used) for pool, start, used in rows.pool_use(connection, day)}
    found: list[_Row] = []
    for pool in programme.pools:
        if pool.measure != "amount" or pool.per:
            continue
        drawing = [code for code, scheme in schemes.items() if pool.name in scheme.pools]
        drawn = use.filter(pl.col("scheme").is_in(drawing))
        granted, settled, returned = (int(drawn[f"{name}_fen"].sum()) for name in ("granted", "settled", "returned"))
        start, used = newest.get(pool.name, (None, 0))
        if start != window_start(pool.window, day):
            used = 0  # nothing was used yet of the window that `day` lies in
        ends = [schemes[code].effective.last for code in drawing]
        until = max((end for end in ends if end), default=None) if None not in ends else None
        found.append(
            (
                pool.name,
                f"资金池·{_WINDOWS[pool.window]}({len(drawing)}个活动)",
                _ALL,
                pool.value,
                used,
                granted,
                settled,
                returned,
                0,
                pool.value - used,
                _rate(used, pool.value),
                until,
            )
        )
    return found


def _scheme_rows(programme: Programme, schemes: dict[str, Scheme], use: pl.DataFrame) -> list[_Row]:
    """One row per scheme and sponsor that ever paid; a scheme's own total limit is its budget."""
    found: list[_Row] = []
    for row in use.iter_rows(named=True):
        scheme = schemes.get(row["scheme"])
        sponsor = programme.sponsors.get(row["sponsor"])
        used = row["granted_fen"] - row["returned_fen"]
        found.append(
            (
                row["scheme"],
                (scheme.title if scheme else "") or row["scheme"],
                (sponsor.name if sponsor else "") or row["sponsor"],
                None,
                used,
                row["granted_fen"],
                row["settled_fen"],
                row["returned_fen"],
                0,
                None,
                None,
                scheme.effective.last if scheme else None,
            )
        )
    return found


# --- payments to members -------------------------------------------------------------------------------------------

_MEMBERS = (
    Column("number", "序号", "count"),
    Column("approval", "批准文号"),
    Column("benefit", "待遇项目"),
    Column("name", "姓名(掩码)"),
    Column("identity", "证件号(掩码)"),
    Column("org", "所属工会"),
    Column("district", "区"),
    Column("tier", "档次"),
    Column("amount_fen", "金额", "money", total=True),
    Column("account", "收款账号(掩码)"),
    Column("bank", "开户行"),
    Column("result", "发放结果"),
    Column("reason", "退回原因"),
)


def member_payout_report(connection: Connection, run: Run) -> Report:
    """发放清册: the payments to members that were drafted on the business date."""
    items = payouts.member_items(connection, run.business_date)
    persons = rows.persons(connection, sorted(set(items["payee_no"])), run.last_import)
    known = {row["member_no"]: row for row in persons.iter_rows(named=True)}
    titles = rows.scheme_titles(connection, run.config.programme.name, run.last_import)
    schemes = rows.schemes_of_items(connection, run.business_date)
    unions = rows.organisation_names(connection, run.last_import)
    lines = []
    for number, item in enumerate(items.iter_rows(named=True), 1):
        person = known.get(item["payee_no"])
        benefits = [titles.get(code, code) for code in schemes.get(item["end_to_end_id"], [])]
        lines.append(
            (
                number,
                "",  # a rebate needs no approval document; direct benefits will name theirs
                "、".join(benefits),
                mask_name(run.keys.open(person["name_sealed"])) if person else "",
                mask_identity(run.keys.open(person["id_sealed"])) if person else "",
                unions.get(person["org"], person["org"]) if person else "",
                person["district"] if person else "",
                "",
                item["amount_fen"],
                item["account_masked"],
                item["bank_name"],
                RESULT_ZH.get(item["result"], "待发放"),
                item["reason"] or "",
            )
        )
    kinds = {"count": pl.Int64, "money": pl.Int64, "text": pl.String}
    schema = {column.name: kinds[column.kind] for column in _MEMBERS}
    frame = pl.DataFrame(lines, schema=schema, orient="row")
    return Report(
        code="member-payout",
        title="发放清册",
        business_date=run.business_date,
        tables=(Table("发放清册", _MEMBERS, frame),),
        checks=(("清册合计 − 付款合计", int(frame["amount_fen"].sum()) - int(items["amount_fen"].sum())),),
        timezone=run.config.programme.timezone,
    )
