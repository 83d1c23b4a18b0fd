"""A draft rule tried on stored nights, or on a list of transactions. Reads the store, writes nothing to it.

Each night is rated with the directory that it had (its last import), so that the side without the draft gives what is
stored, to the fen; the draft side differs by the draft alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl
from sqlalchemy import Connection

import rules
from batch.documents import plan_in_force
from batch.replay import at_night
from batch.run import Run
from batch.steps.rate import opening, resolve, to_input
from rules.forecast import Forecast, forecast
from rules.trial import (
    Batch,
    Comparison,
    compare,
    in_force_throughout,
    losers,
    replay,
    winners,
    with_draft,
)
from settlement.model.errors import BadInput
from settlement.model.rejects import Reject
from settlement.model.report import Chart, Column, Report, Table
from settlement.store import rating, reference
from settlement.store import replay as store

SHOWN = 10
_WINDOWS = {"day": "每日", "week": "每周", "month": "每月", "quarter": "每季", "year": "每年", "total": "总额"}


@dataclass(frozen=True, slots=True)
class Backtest:
    """What came of it. `notes` are sentences a reader must know; `ends`: (scheme, budget) of a budget for the whole
    time that neither ran out: when it would, at the pace of the draft.
    """

    draft: rules.Scheme
    first: date
    last: date
    transactions: int
    comparison: Comparison
    ends: dict[tuple[str, str], Forecast]
    notes: tuple[str, ...]


def backtest(
    connection: Connection,
    run: Run,
    draft: rules.Document[rules.Scheme],
    first: date,
    last: date,
    *,
    beside: bool = False,
) -> Backtest | list[Reject]:
    """Tries the draft on the transactions of business dates `first` to `last`; a list: why it does not fit the rest.

    BadInput: no night of the period has rated, or `beside` with the code of a scheme that is there.
    """
    nights = store.rated_nights(connection, first, last)
    if not nights:
        raise BadInput(f"no night from {first} to {last} has rated; give business dates that `puhui night` has run")
    draft_used = in_force_throughout(draft, first, last)
    days, gathered = [], []
    for business_date, last_import in nights:
        night = at_night(run, business_date, last_import)
        rows = resolve(connection, night, rating.tonight(connection, business_date))
        gathered.append(rows.select("original_key", "member_no"))
        days.append((night, to_input(rows)))
    start = at_night(run, *nights[0])
    found = _tried(connection, days, opening(connection, start, pl.concat(gathered)), draft, draft_used, beside)
    missing = (last - first).days + 1 - len(nights)
    if missing and not isinstance(found, list):
        note = (
            f"试算期内有{missing}个业务日期未跑批，不计入 / {missing} business dates of the period have not been rated"
        )
        return replace(found, notes=(*found.notes, note))
    return found


def backtest_rows(
    connection: Connection,
    run: Run,
    draft: rules.Document[rules.Scheme],
    rows: pl.DataFrame,
    first: date | None = None,
    last: date | None = None,
    *,
    beside: bool = False,
) -> Backtest | list[Reject]:
    """As `backtest`, on `rows` (RATE_INPUT) of local dates `first` to `last` (all where left out), a batch a date.

    Directory and rules are those now in force; State is what the store had at the opening of the first date.
    BadInput: no row in the period, or a row that the store has rated before that date.
    """
    zone = run.config.programme.timezone
    dated = rows.with_columns(day=pl.col("occurred_at").dt.convert_time_zone(zone).dt.date())
    dated = dated.filter(pl.col("day").is_between(first or date.min, last or date.max))
    if dated.is_empty():
        raise BadInput("--transactions: no row lies in the period; give --from and --to of its dates, or none")
    parts = dated.partition_by("day", as_dict=True, include_key=False)
    days = [(at_night(run, key[0], run.last_import), parts[key]) for key in sorted(parts)]
    start, end = days[0][0].business_date, days[-1][0].business_date
    touched = dated.select("member_no", original_key="original_id")
    state = opening(connection, days[0][0], touched)
    known = store.rated_before(connection, dated["transaction_id"], start)
    if known:
        raise BadInput(f"--transactions: {known} was rated before {start}; begin with --from on its date or remove it")
    draft_used = in_force_throughout(draft, first or start, last or end)
    return _tried(connection, days, state, draft, draft_used, beside)


def _tried(
    connection: Connection,
    days: Sequence[tuple[Run, pl.DataFrame]],
    state: rules.State,
    draft: rules.Document[rules.Scheme],
    used: rules.Document[rules.Scheme],
    beside: bool,
) -> Backtest | list[Reject]:
    plans: dict[int, tuple[rules.Plan, rules.Plan]] = {}
    notes: list[str] = []
    for night, _ in days:
        if night.last_import not in plans:
            made = _plans(connection, night, used, beside)
            if isinstance(made, list):
                return made
            plans[night.last_import] = made
    if used is not draft:
        notes.append(
            f"草案生效期 {draft.value.effective.first} 起不在试算期内，按整个试算期有效计算 / "
            "the draft's own dates lie outside the period; it was tried as if in force throughout"
        )
    trials = [
        replay([Batch(night.business_date, plans[night.last_import][side], rows) for night, rows in days], state)
        for side in (0, 1)
    ]
    first, last = days[0][0].business_date, days[-1][0].business_date
    comparison = compare(*trials)
    ends = _ends(comparison, first, last)
    count = sum(rows.height for _, rows in days)
    return Backtest(used.value, first, last, count, comparison, ends, tuple(notes))


def _plans(
    connection: Connection, night: Run, draft: rules.Document[rules.Scheme], beside: bool
) -> tuple[rules.Plan, rules.Plan] | list[Reject]:
    """(rules of that night, the same with the draft)."""
    now = plan_in_force(connection, night)
    (file, text), bodies = reference.programme_documents(connection, night.config.programme.name, night.last_import)
    programme = rules.parse_programme(text, file)
    found = [rules.parse_scheme(body, name) for name, body in bodies]
    schemes = [document for document in found if not isinstance(document, list)]
    assert not isinstance(programme, list), "the plan was made from it"
    code = draft.value.scheme
    if beside and code in {document.value.scheme for document in schemes}:
        raise BadInput(f"{draft.file}: scheme {code} is in force; give the draft another code, or leave --beside out")
    documents = with_draft(schemes, draft, beside=beside)
    tried = rules.compile_plan(programme, documents, now.merchants, now.members, now.entitlements, now.calendar)
    return tried if isinstance(tried, list) else (now, tried)


def _ends(comparison: Comparison, first: date, last: date) -> dict[tuple[str, str], Forecast]:
    """When budgets for the whole time (window total) would run out at the draft's pace, where they did not."""
    cut = {(scheme, budget) for scheme, budget, _, _, day in comparison.cuts.iter_rows() if day is not None}
    ends: dict[tuple[str, str], Forecast] = {}
    whole = comparison.budgets.filter((pl.col("window") == "total") & pl.col("draft_used_fen").is_not_null())
    for key, rows in whole.group_by("scheme", "budget", maintain_order=True):
        scheme, budget = str(key[0]), str(key[1])
        if (scheme, budget) in cut:
            continue
        burn = dict(rows.select("date", pl.col("draft_used_fen") - pl.col("draft_before_fen")).iter_rows())
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        ends[scheme, budget] = forecast([(day, burn.get(day, 0)) for day in days], int(rows["draft_left_fen"][-1]))
    return ends


# --- as a report ---------------------------------------------------------------------------------------------------


_MONEY = (
    Column("now_fen", "现行规则", "money"),
    Column("draft_fen", "草案", "money"),
    Column("difference_fen", "差额", "money"),
)
_SALES = (Column("now_sales", "现行笔数", "count"), Column("draft_sales", "草案笔数", "count"))
_PEOPLE = (
    Column("now_members", "现行会员数", "count"),
    Column("draft_members", "草案会员数", "count"),
    Column("now_merchants", "现行商户数", "count"),
    Column("draft_merchants", "草案商户数", "count"),
)
_DAYS = (
    Column("date", "日期", "date"),
    *_MONEY,
    Column("now_sum_fen", "现行累计", "money"),
    Column("draft_sum_fen", "草案累计", "money"),
)
_DAY_CHARTS = (
    Chart("每日成本（元）", "column", "date", ("now_fen", "draft_fen")),
    Chart("累计成本（元）", "line", "date", ("now_sum_fen", "draft_sum_fen")),
)
_BUDGETS = (
    Column("date", "日期", "date"),
    Column("scheme", "活动(空为资金池)", "text"),
    Column("budget", "预算", "text"),
    Column("window", "窗口", "text"),
    Column("value_fen", "预算总额", "money"),
    Column("now_used_fen", "现行已占用", "money"),
    Column("draft_used_fen", "草案已占用", "money"),
    Column("draft_left_fen", "草案剩余", "money"),
)
_CUTS = (
    Column("scheme", "活动(空为资金池)", "text"),
    Column("budget", "预算", "text"),
    Column("window", "窗口", "text"),
    Column("now", "现行首次用尽", "date"),
    Column("draft", "草案首次用尽", "date"),
    Column("expected", "草案预计用尽", "date"),
    Column("early", "最早", "date"),
    Column("late", "最晚", "date"),
)


def report(found: Backtest) -> Report:
    """The backtest as a report: summary, days, budgets, run-out, winners, losers, all merchants, members, sponsors."""
    c = found.comparison
    total = pl.DataFrame([{"scheme": "合计", **c.total}], schema=c.schemes.schema)
    return Report(
        code="backtest",
        title="补贴规则试算",
        business_date=found.last,
        head=(
            ("草案", f"{found.draft.scheme} v{found.draft.version} {found.draft.title}"),
            ("试算期", f"{found.first} 至 {found.last}"),
            ("交易笔数", str(found.transactions)),
            *(("说明", note) for note in found.notes),
        ),
        tables=(
            _table(
                "汇总", (Column("scheme", "活动", "text"), *_MONEY, *_SALES, *_PEOPLE), pl.concat([c.schemes, total])
            ),
            _table("每日预算曲线", _DAYS, c.days, _DAY_CHARTS),
            _table("预算占用", _BUDGETS, _worded(c.budgets), budget_charts(c.budgets)),
            _table("预算用尽", _CUTS, _worded(_cut_rows(found))),
            _people("增加最多的商户", "merchant_no", winners(c.merchants, SHOWN)),
            _people("减少最多的商户", "merchant_no", losers(c.merchants, SHOWN)),
            _people("增加最多的会员", "member_no", winners(c.members, SHOWN)),
            _people("减少最多的会员", "member_no", losers(c.members, SHOWN)),
            _table("出资方", (Column("sponsor", "出资方", "text"), *_MONEY), c.sponsors),
            _people("全部商户", "merchant_no", c.merchants),
            _people("全部会员", "member_no", c.members),
        ),
        checks=(
            ("各活动差额合计 − 总差额", int(c.schemes["difference_fen"].sum()) - c.total["difference_fen"]),
            ("每日差额合计 − 总差额", int(c.days["difference_fen"].sum()) - c.total["difference_fen"]),
            ("出资方差额合计 − 总差额", int(c.sponsors["difference_fen"].sum()) - c.total["difference_fen"]),
        ),
    )


def _table(title: str, columns: tuple[Column, ...], frame: pl.DataFrame, charts: tuple[Chart, ...] = ()) -> Table:
    return Table(title, columns, frame.select([column.name for column in columns]), charts=charts)


def _people(title: str, key: str, frame: pl.DataFrame) -> Table:
    heading = "商户编号" if key == "merchant_no" else "会员编号"
    return _table(title, (Column(key, heading, "text"), *_MONEY, *_SALES), frame)


def _worded(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col("window").replace(_WINDOWS))


def budget_charts(budgets: pl.DataFrame) -> tuple[Chart, ...]:
    """A curve for each of the budgets (rows of Comparison.budgets, which stand together); its value is drawn where the
    curve comes near it, and would flatten it elsewhere.
    """
    charts: list[Chart] = []
    rows = budgets.with_row_index("row")
    for key, mine in rows.group_by("scheme", "budget", "window", maintain_order=True):
        scheme, budget, window = (str(part) for part in key)
        most = max(0, *mine["now_used_fen"].drop_nulls(), *mine["draft_used_fen"].drop_nulls())
        near = most * 4 >= int(mine["value_fen"][-1])
        series = ("now_used_fen", "draft_used_fen", *(("value_fen",) if near else ()))
        title = f"{f'{scheme} ' if scheme else '资金池 '}{budget}（{_WINDOWS[window]}）占用（元）"
        charts.append(Chart(title, "line", "date", series, int(mine["row"][0]), mine.height))
    return tuple(charts)


def _cut_rows(found: Backtest) -> pl.DataFrame:
    none = Forecast((), None, None, None, "none", found.last)
    ends = [found.ends.get((scheme, budget), none) for scheme, budget, *_ in found.comparison.cuts.iter_rows()]
    return found.comparison.cuts.with_columns(
        pl.Series("expected", [end.runs_out for end in ends], pl.Date),
        pl.Series("early", [end.early for end in ends], pl.Date),
        pl.Series("late", [end.late for end in ends], pl.Date),
    )
