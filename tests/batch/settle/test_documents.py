"""What settlement prints: statements that foot, the budget report, the list of payments to members."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from adapters.documents import report_csv, report_xlsx, statement_pdf, statement_xlsx
from batch.reports.settlement import budget_report, member_payout_report, statement_document
from settlement.model.errors import NotFound
from settlement.model.report import DETAIL_COLUMNS, HELD_COLUMNS, STATEMENT_COLUMNS
from settlement.store import tables as t
from tests.batch.settle.books import FRI, SAT, THU

PROGRAMME = """\
programme: suzhou
title: 苏州普惠
timezone: Asia/Shanghai
currency: CNY
sponsors:
  city: {name: 苏州市总工会, kind: union}
  bank: {name: 合作银行, kind: bank}
pools:
  - {name: city-budget, measure: amount, value: 100.00, window: total}
  - {name: daily, measure: amount, value: 50.00, window: day}
"""
SCHEME = """\
scheme: bakery
version: 1
title: 周三面包五折
programme: suzhou
effective: {from: 2026-05-01, to: 2026-12-31}
payee: merchant
benefit: {kind: percent, percent: 50}
pools: [city-budget]
funding: [{sponsor: city, share: 60}, {sponsor: bank, share: 40}]
"""


def rules(books):
    number = books.imported("programme")
    books.put(t.programme_text, {"import_id": number, "programme": "suzhou", "file": "p.yaml", "yaml": PROGRAMME})
    scheme = {"import_id": number, "programme": "suzhou", "scheme": "bakery", "version": 1, "title": "周三面包五折"}
    books.put(t.scheme_text, scheme | {"file": "s.yaml", "yaml": SCHEME})
    row = {"name": "平江面包", "category": "food", "district": "gusu", "hq_district": "gusu"}
    books.put(t.merchant, {"import_id": number, "merchant_no": "M1"} | row)


def used(books, day, fen, pool="city-budget", window="total", start=date(1970, 1, 1)):
    key = dict.fromkeys(("scheme", "per", "member_no", "merchant_no", "district", "org"), "")
    key |= {"name": pool, "measure": "amount", "window": window, "window_start": start}
    books.put(t.STATE_TABLES["usage"], key | {"used": fen, "business_date": day})


def document(books, number):
    return books.do(lambda c: statement_document(c, books.run, number))


def test_a_statement_as_printed(books):
    rules(books)
    books.sale(THU, 2000)
    books.sale(THU, 1000, matched=False)
    books.night(THU)
    printed = document(books, "SZ-2026-000001")
    head = dict(printed.head)
    assert list(head) == [
        *("结算单号", "商户编号", "商户名称", "结算周期起", "结算周期止", "结算日期", "结算账户名", "结算账号(掩码)"),
        *("开户行", "状态"),
    ]
    assert (head["商户名称"], head["结算账户名"], head["状态"]) == ("平江面包", "M1有限公司", "待付款 B-20260507-1")
    assert printed.lines.columns == [c.name for c in STATEMENT_COLUMNS]
    assert printed.detail.columns == [c.name for c in DETAIL_COLUMNS]
    assert printed.held.columns == [c.name for c in HELD_COLUMNS]
    assert printed.lines.select("scheme_title", "sale_count", "due_fen", "settled_fen").rows() == [
        ("周三面包五折", 1, 2000, 2000)
    ]
    (line,) = printed.detail.to_dicts()
    assert (line["number"], line["kind"], line["gross_fen"], line["paid_fen"]) == (1, "消费", 10_000, 8000)
    assert line["sponsors"] == "city 12.00、bank 8.00"
    assert printed.held["subsidy_fen"].to_list() == [1000]
    assert dict(printed.foot)["大写金额"] == "人民币贰拾元整"
    assert statement_pdf(printed)[:4] == b"%PDF"
    assert statement_xlsx(printed)[:2] == b"PK"


def test_a_refund_names_the_statement_of_its_sale_and_both_columns_foot(books):
    rules(books)
    sale = books.sale(THU, 1000)
    books.night(THU)
    books.sale(FRI, -1000, kind="REFUND", original=sale)
    books.night(FRI)
    books.sale(SAT, 1500)
    books.night(SAT)
    books.night(date(2026, 5, 10))
    second, third = document(books, "SZ-2026-000002"), document(books, "SZ-2026-000003")
    assert second.detail.select("kind", "gross_fen", "original_rrn", "remark").rows() == [
        ("退货", -10_000, "R0001", "原结算单 SZ-2026-000001")
    ]
    assert dict(second.head)["状态"] == "结转下期"
    assert second.lines.select("scheme_title", "due_fen", "settled_fen").rows()[-1] == ("结转下期", 0, 1000)
    assert (second.lines["due_fen"].sum(), second.lines["settled_fen"].sum()) == (-1000, 0)
    assert statement_pdf(second)[:4] == b"%PDF"
    assert third.lines["scheme_title"].to_list() == ["上期结转", "周三面包五折"]
    assert third.lines["settled_fen"].sum() == 500


def test_a_changed_account_is_printed_on_the_next_statement_only(books):
    rules(books)
    books.sale(THU, 1000)
    books.night(THU)
    books.account("M1", since=FRI)
    for day in (FRI, SAT):
        books.sale(day, 1000)
        books.night(day)
    books.night(date(2026, 5, 10))
    notes = ["".join(document(books, f"SZ-2026-00000{n}").notes) for n in (1, 2, 3)]
    assert ["结算账户已变更" in note for note in notes] == [False, True, False]


def test_an_unknown_statement_is_named(books):
    with pytest.raises(NotFound, match="no statement SZ-2026-000009"):
        document(books, "SZ-2026-000009")


def test_the_budget_report_shows_what_is_left_and_foots(books):
    rules(books)
    sale = books.sale(THU, 2000)
    books.sale(THU, -500, kind="REFUND", original=sale)
    books.sale(THU, 1000, matched=False)
    used(books, THU, 2500)
    used(books, THU, 1200, "daily", "day", THU)
    books.night(THU)
    report = books.do(lambda c: budget_report(c, books.run))
    (table,) = report.tables
    assert [c.heading for c in table.columns] == [
        *("活动编号", "活动名称", "出资方", "预算总额", "已占用", "已核销", "已结算", "已退回", "到期释放", "可用余额"),
        *("执行率", "截止日期"),
    ]
    pool, daily, bank, city = table.frame.to_dicts()
    assert (daily["title"], daily["used_fen"], daily["left_fen"]) == ("资金池·每日(0个活动)", 1200, 3800)
    assert (pool["budget_fen"], pool["used_fen"], pool["left_fen"]) == (10_000, 2500, 7500)
    assert (pool["granted_fen"], pool["returned_fen"], pool["rate_ppm"]) == (3000, 500, 250_000)
    assert pool["until"] == date(2026, 12, 31)
    assert (bank["sponsor"], bank["used_fen"], bank["settled_fen"]) == ("合作银行", 1000, 600)
    assert (city["sponsor"], city["used_fen"], city["settled_fen"]) == ("苏州市总工会", 1500, 900)
    assert [residual for _, residual in report.checks] == [0, 0]
    books.night(FRI)
    tomorrow = books.do(lambda c: budget_report(c, books.run)).tables[0].frame.to_dicts()
    assert [row["used_fen"] for row in tomorrow[:2]] == [2500, 0]
    assert report_xlsx(report)[:2] == b"PK"
    assert "city-budget" in report_csv(report).decode("utf-8-sig")


def test_payments_to_members_are_listed_masked(books):
    rules(books)
    number = books.imported("members")
    seal = books.run.keys.seal
    row = {"import_id": number, "member_no": "U1", "org": "SZ-01", "district": "gusu", "status": "active", "tags": ""}
    sealed = {"name_sealed": seal("欧阳修文"), "id_sealed": seal("32050019900101001X"), "id_index": "i"}
    books.put(t.member, row | sealed)
    union = {"import_id": books.imported("organisations"), "org": "SZ-01", "name": "姑苏区总工会", "district": "gusu"}
    books.put(t.organisation, union)
    books.account("U1", "member")
    books.sale(THU, 300, payee=("member", "U1"))
    books.night(THU)
    report = books.do(lambda c: member_payout_report(c, books.run))
    (line,) = report.tables[0].frame.to_dicts()
    assert (line["name"], line["identity"], line["org"]) == ("欧***", "**************001X", "姑苏区总工会")
    assert (line["benefit"], line["amount_fen"], line["result"]) == ("周三面包五折", 300, "待发放")
    assert report.checks[0][1] == 0
    assert isinstance(report.tables[0].frame, pl.DataFrame)
