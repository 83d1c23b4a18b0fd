"""settle on a real database, over the make-up Saturday: what is drafted, held, carried, voided and drafted anew."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import polars as pl
import pytest

from adapters.payments import bank_template
from batch import payments, release
from batch.reports.settlement import proven_digest
from settlement.model.errors import BadConfiguration, FoundWrong, NotAllowed
from tests.batch.settle.books import FRI, GOOD_BANK, MON, SAT, SUN, THU, TUE, at

DECIDED = ("ann", "bo")


def release_and_write(base, home, config, keys, now, batch_no, actor):
    """As `puhui payout release`: the file leaves when the decision is committed."""

    def work(connection):
        run = release.desk(connection, home, config, keys, now)
        release.release(connection, run, batch_no, actor)
        return run

    run = base.in_transaction(work)
    return base.in_transaction(lambda connection: release.write_released(connection, run, batch_no))


def decide(books, day, batch_no, people=DECIDED):
    """Approval and release by day; gives the file's path."""
    who = (books.run.home, books.run.config, books.run.keys, at(day, 1))
    books.do(lambda c: release.approve(c, release.desk(c, *who), batch_no, people[0]))
    return release_and_write(books.base, *who, batch_no, people[1])


def statements(books):
    return books.rows(
        "SELECT number, payee_no, period_from, period_to, due_date, due_fen, settled_fen, carried_fen"
        " FROM puhui.statement ORDER BY number"
    )


def holds(books, day):
    return books.rows("SELECT statement_no, reason FROM puhui.payout_hold WHERE business_date = :d ORDER BY 1", d=day)


def test_a_night_drafts_a_statement_and_a_payout(books):
    books.sale(THU, 2000)
    held = books.sale(THU, 1000, matched=False)
    summary = books.night(THU)["settle"]
    assert (summary["statements"], summary["awards"], summary["awards_held"], summary["payouts"]) == (1, 1, 1, 1)
    assert statements(books) == [(1, "M1", THU, THU, FRI, 2000, 2000, 0)]
    items = books.rows("SELECT end_to_end_id, batch_no, amount_fen, attempt FROM puhui.payout_item")
    assert items == [("SZ-2026-000001-1", "B-20260507-1", 2000, 1)]
    assert books.rows("SELECT transaction_id, expected_date FROM puhui.statement_held") == [(held, SAT)]
    assert books.rows("SELECT execution_date, maker, count, total_fen FROM puhui.payout_batch") == [
        (FRI, "night", 1, 2000)
    ]
    assert books.close() == {"closed": ["2026-05-07"], "open": []}


def test_sales_of_the_weekend_are_paid_on_monday_and_the_make_up_saturday_counts(books):
    for day in (THU, FRI, SAT, SUN):
        books.sale(day, 1000)
        books.night(day)
    assert [row[2:5] for row in statements(books)] == [(THU, THU, FRI), (FRI, FRI, SAT), (SAT, SUN, MON)]
    assert [row[5] for row in statements(books)] == [1000, 1000, 2000]
    assert books.rows("SELECT execution_date FROM puhui.payout_batch ORDER BY 1")[-1] == (MON,)


def test_a_held_award_is_paid_once_it_is_matched(books):
    late = books.sale(THU, 1000, matched=False)
    books.night(THU)
    assert statements(books) == []
    books.begin(FRI)
    books.match(FRI, late)
    books.statement(FRI)
    books.finish()
    assert [row[5:7] for row in statements(books)] == [(1000, 1000)]


def test_stores_are_paid_through_their_head_office(books):
    books.contract("M2", "M1")
    books.sale(THU, 1000)
    books.sale(THU, 500, payee=("merchant", "M2"))
    books.night(THU)
    assert [row[1] for row in statements(books)] == ["M1"]
    assert statements(books)[0][5] == 1500


def test_a_later_contract_does_not_move_what_was_rated_before(books):
    late = books.sale(THU, 500, matched=False)
    books.night(THU)
    books.contract("M1", "M9")
    books.begin(FRI)
    books.match(FRI, late)
    books.sale(FRI, 700)
    books.statement(FRI)
    books.finish()
    assert [(row[1], row[5]) for row in statements(books)] == [("M1", 500), ("M9", 700)]
    assert books.close()["open"] == []


def test_a_refund_makes_the_next_statement_negative_and_is_carried(books):
    sale = books.sale(THU, 1000)
    books.night(THU)
    books.sale(FRI, -1000, kind="REFUND", original=sale)
    books.night(FRI)
    books.sale(SAT, 1500)
    books.night(SAT)
    books.night(SUN)
    assert [row[5:] for row in statements(books)] == [(1000, 1000, 0), (-1000, 0, -1000), (500, 500, 0)]


def test_members_channels_and_merchants_each_get_statements_and_a_batch_of_their_own(books):
    books.account("U1", "member")
    books.account("pos", "channel")
    books.sale(THU, 300, payee=("member", "U1"))
    books.sale(THU, 200, payee=("channel", "pos"))
    books.sale(THU, 100)
    books.night(THU)
    assert [row[1] for row in statements(books)] == ["pos", "U1", "M1"]
    found = books.rows("SELECT batch_no, payee_kind FROM puhui.payout_item ORDER BY 1")
    assert found == [("B-20260507-1", "channel"), ("B-20260507-2", "member"), ("B-20260507-3", "merchant")]
    assert books.close()["open"] == []


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        (None, "no account"),
        ({"approve": False}, "not approved"),
        ({"bank_code": "102305000018"}, "payee_bank_code is not a 联行号"),
    ],
)
def test_a_payee_without_a_good_account_is_held_with_the_reason_and_stops_nobody(books, account, reason):
    if account is not None:
        books.account("M3", **account)
    books.sale(THU, 900, payee=("merchant", "M3"))
    books.sale(THU, 100)
    summary = books.night(THU)["settle"]
    assert (summary["payouts"], summary["payouts_held"]) == (1, 1)
    ((number, said),) = holds(books, THU)
    assert number == "SZ-2026-000002"
    assert reason in said
    assert books.close()["open"] == []


def test_the_account_comes_and_the_held_payable_leaves(books):
    books.sale(THU, 900, payee=("merchant", "M3"))
    books.night(THU)
    books.account("M3")
    books.night(FRI)
    assert books.rows("SELECT end_to_end_id FROM puhui.payout_item") == [("SZ-2026-000001-1",)]


def test_an_unreleased_batch_is_voided_and_drafted_anew(books):
    books.sale(THU, 1000)
    books.night(THU)
    books.night(FRI)
    items = books.rows("SELECT end_to_end_id, batch_no, replaces FROM puhui.payout_item ORDER BY 1")
    assert items == [
        ("SZ-2026-000001-1", "B-20260507-1", None),
        ("SZ-2026-000001-2", "B-20260508-1", "SZ-2026-000001-1"),
    ]
    assert books.rows("SELECT batch_no, replaces FROM puhui.payout_batch ORDER BY 1") == [
        ("B-20260507-1", None),
        ("B-20260508-1", "B-20260507-1"),
    ]
    with pytest.raises(NotAllowed, match="it is voided"):
        decide(books, SAT, "B-20260507-1")


def test_before_a_rest_day_payables_wait_with_a_reason(books):
    books.sale(FRI, 1000)
    books.night(THU)
    books.night(FRI)
    books.night(SAT)
    assert holds(books, SAT) == [("SZ-2026-000001", "waits for the banking day 2026-05-11")]
    books.night(SUN)
    assert books.rows("SELECT batch_no FROM puhui.payout_item ORDER BY 1") == [("B-20260508-1",), ("B-20260510-1",)]
    assert books.close()["open"] == []


def test_the_week_of_a_payout_that_comes_back(books):
    """Released, paid, returned, held for a corrected account, sent again, paid: every fen is where the ledger says."""
    books.sale(THU, 5000)
    books.begin(THU)
    books.statement(THU, (8000, "sponsor_funds", "bank"), (777, None, None))
    books.put_discrepancy(THU, "UNKNOWN_CREDIT", f"main:{THU}/2")
    books.finish()
    decide(books, FRI, "B-20260507-1")
    books.begin(FRI)
    books.statement(FRI, (-5000, "paid", "SZ-2026-000001-1"), (-12, "charge", "main"))
    books.finish()
    books.begin(SAT)
    books.statement(SAT, (5000, "returned", "SZ-2026-000001-1"))
    books.finish()
    assert "waits for the banking day" in holds(books, SAT)[0][1]
    books.night(SUN)
    assert "returned by the bank (AC04); waits for a corrected account" in holds(books, SUN)[0][1]
    books.account("M1", since=MON)
    books.night(MON)
    assert books.rows("SELECT end_to_end_id, replaces FROM puhui.payout_item ORDER BY 1")[-1] == (
        "SZ-2026-000001-2",
        "SZ-2026-000001-1",
    )
    decide(books, TUE, "B-20260511-1")
    books.begin(TUE)
    books.statement(TUE, (-5000, "paid", "SZ-2026-000001-2"))
    books.finish()
    assert books.close()["open"] == []
    balances = dict(books.rows("SELECT account, sum(amount_fen)::bigint FROM puhui.entry_line GROUP BY 1"))
    bank = 1_000_000 + 8000 + 777 - 12 - 5000
    assert {code: fen for code, fen in balances.items() if fen} == {
        "1002": bank,
        "1901": -777,
        "2241": -8000 + 2000,
        "3001": -1_000_000,
        "5001": 3000,
        "5002": 12,
    }


def test_approval_release_and_the_file(books):
    books.sale(THU, 1000)
    books.night(THU)
    path = decide(books, FRI, "B-20260507-1")
    content = path.read_bytes()
    stored = books.rows("SELECT digest FROM puhui.payout_batch")[0][0]
    assert hashlib.sha256(content).hexdigest() == stored
    assert path == books.run.home / "exchange" / "bank" / "out" / "B-20260507-1.xml"
    assert f'"size":{len(content)}' in path.with_name("B-20260507-1.xml.ok").read_text()
    steps = books.rows("SELECT step, actor, approver, business_date FROM puhui.payout_decision ORDER BY 1")
    assert steps == [
        ("approved", "ann", None, FRI),
        ("released", "bo", "ann", FRI),
        ("written", "bo", None, FRI),
    ]
    assert books.rows("SELECT path, size FROM puhui.artifact") == [("exchange/bank/out/B-20260507-1.xml", len(content))]


def test_the_bank_took_the_file_and_it_is_not_written_again(books):
    books.sale(THU, 1000)
    books.night(THU)
    path = decide(books, FRI, "B-20260507-1")
    path.unlink()
    assert books.do(lambda c: release.write_missing(c, books.run)) == []
    assert not path.exists()


def test_a_release_whose_file_a_crash_kept_back_is_written_byte_for_byte(books):
    books.sale(THU, 1000)
    books.night(THU)
    who = (books.run.home, books.run.config, books.run.keys, at(FRI, 1))
    books.do(lambda c: release.approve(c, release.desk(c, *who), "B-20260507-1", "ann"))
    books.do(lambda c: release.release(c, release.desk(c, *who), "B-20260507-1", "bo"))
    (path,) = books.do(lambda c: release.write_missing(c, books.run))
    assert payments.digest(path.read_bytes()) == books.rows("SELECT digest FROM puhui.payout_batch")[0][0]


@pytest.mark.parametrize(
    ("people", "message"),
    [(("ann", "ann"), "another person releases"), (("night", "bo"), "another person approves")],
)
def test_one_person_cannot_do_it_alone(books, people, message):
    books.sale(THU, 1000)
    books.night(THU)
    with pytest.raises(NotAllowed, match=message):
        decide(books, FRI, "B-20260507-1", people)
    assert not (books.run.home / "exchange").exists()


def test_a_release_beyond_the_sponsors_money_is_refused(books):
    policy = books.run.config.policy.model_copy(update={"overdraft_fen": {"bank": 399}})
    config = books.run.config.model_copy(update={"policy": policy})
    books.sale(THU, 1000)
    books.night(THU)
    who = (books.run.home, config, books.run.keys, at(FRI, 1))
    books.do(lambda c: release.approve(c, release.desk(c, *who), "B-20260507-1", "ann"))
    with pytest.raises(NotAllowed, match=r"sponsor bank would go 0\.01 below its overdraft"):
        release_and_write(books.base, *who, "B-20260507-1", "bo")


def test_the_digest_of_a_statement_is_proven_from_its_rows(books):
    books.sale(THU, 1000)
    books.sale(THU, 50, matched=False)
    books.night(THU)
    stored, computed = books.do(lambda c: proven_digest(c, "SZ-2026-000001"))
    assert stored == computed
    assert len(stored) == 64


def test_a_night_run_again_after_a_rollback_is_the_same_night(books):
    books.sale(THU, 1000)
    books.begin(THU)
    books.statement(THU)

    class StopError(Exception):
        pass

    def killed(connection):
        from batch.steps.settle import settle

        settle(connection, books.run)
        found = connection.exec_driver_sql("SELECT digest FROM puhui.payout_batch").scalar_one()
        raise StopError(found)

    with pytest.raises(StopError) as stopped:
        books.do(killed)
    assert statements(books) == []
    books.finish()
    assert books.rows("SELECT digest FROM puhui.payout_batch") == [(str(stopped.value),)]


def test_a_payout_leaves_in_the_template_of_the_bank(books):
    outer = {"layout": "minsheng_payout_outer"}
    with_template(books, format="bank_template", settings=outer, file_name="req_outer_{day}_{number}.txt")
    books.sale(THU, 1000)
    books.night(THU)
    path = decide(books, FRI, "B-20260507-1")
    assert path.name == "req_outer_20260507_001.txt"
    layout = bank_template.payout_layout(outer)
    assert bank_template.read_back(path.read_bytes(), layout)["amount_fen"].to_list() == [1000]
    heading, item, mark = path.read_bytes().decode("gb18030").split("\r\n")
    assert (heading, mark) == ("PO|1|1000", "########")
    assert item.split("|")[0] == "SZ-2026-000001-1"
    assert item.split("|")[3] == GOOD_BANK
    assert books.rows("SELECT format FROM puhui.payout_batch") == [("bank_template.minsheng_payout_outer",)]
    stored = books.rows("SELECT digest FROM puhui.payout_batch")[0][0]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == stored


def test_a_template_holds_what_does_not_fit_its_file(books):
    layout = bank_template.payout_layout({"layout": "minsheng_payout"})
    with_template(
        books, format="bank_template", file_name="req_{day}_{number}.txt",
        settings={"layout": layout.model_copy(update={"maximum_records": 1})},
    )  # fmt: skip
    books.sale(THU, 1000)
    books.account("M3")
    books.sale(THU, 2000, payee=("merchant", "M3"))
    books.night(THU)
    assert [row[1] for row in holds(books, THU)] == ["the bank takes 1 items in a file; it leaves with the next"]
    assert books.rows("SELECT count(*) FROM puhui.payout_item") == [(1,)]
    books.night(FRI)
    assert books.rows("SELECT count(*) FROM puhui.payout_item") == [(2,)]


def test_a_file_that_is_not_its_batch_is_not_made():
    sealed = pl.DataFrame({"end_to_end_id": ["a", "b"], "amount_fen": [100, 250]})
    payments.check_whole("B-1", sealed, 2, 350)
    for rows, count, total in ((sealed[:1], 2, 350), (sealed, 2, 351), (pl.concat([sealed, sealed[:1]]), 2, 350)):
        with pytest.raises(FoundWrong, match=r"payout B-1: it has 2 items of 3.5[01], its accounts give "):
            payments.check_whole("B-1", rows, count, total)


def test_a_template_goes_to_its_bank_alone_and_to_codes_that_exist(books):
    outer = {"layout": "minsheng_payout_outer"}
    named = {"file_name": "req_outer_{day}_{number}.txt", "format": "bank_template", "settings": outer}
    with_template(books, bank=GOOD_BANK[:3], **named)
    books.account("M3", bank_code="105100000017")
    books.account("M4", bank_code="102100099997")
    for fen, payee in ((1000, "M1"), (2000, "M3"), (3000, "M4")):
        books.sale(THU, fen, payee=("merchant", payee))
    books.night(THU)
    assert [said.split(";")[0] for _, said in holds(books, THU)] == [
        "the payout file goes to accounts at bank 102 alone, this one is at 105100000017",
        "payee_bank_code 102100099997 is not a 联行号 (12 digits with check digit)",
    ]
    assert books.rows("SELECT amount_fen FROM puhui.payout_item") == [(1000,)]


def test_a_batch_leaves_in_the_format_that_it_was_drafted_in(books):
    books.sale(THU, 1000)
    books.night(THU)
    before = books.run.config.payout
    with_template(
        books, format="bank_template", settings={"layout": "minsheng_payout"}, file_name="req_{day}_{number}.txt"
    )
    with pytest.raises(
        BadConfiguration, match=r"drafted as pain001.09, and puhui.toml \(payout.format\) says bank_temp"
    ):
        decide(books, FRI, "B-20260507-1")
    with_template(books, **before.model_dump())
    who = (books.run.home, books.run.config, books.run.keys, at(FRI, 2))
    path = release_and_write(books.base, *who, "B-20260507-1", "bo")
    with_template(books, file_name="x{batch_no}.xml")
    assert books.do(lambda c: release.write_released(c, release.desk(c, *who), "B-20260507-1")) == path
    assert path.exists()


def with_template(books, **payout):
    """The programme pays out otherwise."""
    config = books.run.config.model_copy(update={"payout": books.run.config.payout.model_copy(update=payout)})
    books.run = replace(books.run, config=config)
