"""Nights of several statement files and accounts: what is taken hangs on no name, kill or other account."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from adapters.base import Closing
from batch import accept
from batch.config import Config
from batch.steps import ingest
from settlement.model.frames import STATEMENT_LINE
from settlement.store import intake
from settlement.store import tables as t
from tests.batch.settle.books import CONFIG, FRI, SAT, SUN, THU, Books, at
from tests.batch.settle.test_accept import loop_of, moved, stored, taken, taken_of

OPEN = 1_000_000


@pytest.fixture
def night(books: Books, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lives one night of files of a statement each: name -> (its rows, newest day); gives what was tried, in turn."""
    books.begin(THU)
    number = books.run.config.accounts[0].number
    monkeypatch.setattr(ingest.runs, "guard", lambda *_: None)

    read: list[str] = []

    def live(files: dict[str, tuple[list[dict[str, Any]], Any]], kill: int | None = None) -> list[str]:
        def parsed(_run: Any, _archive: Any, delivery: ingest.Delivery, _source: Any) -> ingest.Content:
            rows, day = files[delivery.name]
            read.append(delivery.name)
            base = dict.fromkeys(STATEMENT_LINE) | {"statement": delivery.name, "account": number, "currency": "CNY"}
            base |= {"line": 1, "booking_date": day, "reversal": False, "record": 1, "file": "f", "byte_start": 0}
            frame = pl.DataFrame([base | {"byte_end": 1} | row for row in rows], schema=STATEMENT_LINE)
            return ingest.Content(frame, [], Closing(len(rows), len(rows), 0, clearing_date=day))

        tried: list[str] = []
        real = ingest._ingest_file

        def one(*given: Any, **more: Any) -> bool:
            tried.append(given[3].name)
            done = real(*given, **more)
            if done and kill is not None and tried.count("killed") == 0 and len(tried) > kill:
                tried.append("killed")
                raise KeyboardInterrupt
            return done

        monkeypatch.setattr(ingest, "parse", parsed)
        monkeypatch.setattr(ingest, "_ingest_file", one)
        for place, name in enumerate(files, 100):
            row = {"file_id": place, "source": "bank", "name": name, "delivery": 1, "sha256": f"{place:064d}"}
            books.put(t.file, row | {"size": 1, "received_at": at(THU), "business_date": THU})
        for _ in range(1 if kill is None else 2):
            try:
                ingest.ingest(books.base, books.run)
            except KeyboardInterrupt:
                continue
        return tried

    live.read = read  # type: ignore[attr-defined]  # what was read of files, in turn
    return live


def said(books: Books) -> list[tuple[Any, ...]]:
    sql = "SELECT name, status, code FROM puhui.file JOIN puhui.file_outcome USING (file_id)"
    return books.rows(f"{sql} WHERE file_id >= 100 ORDER BY file_id")


def test_statements_whose_names_do_not_sort_are_taken_by_their_days(books: Books, night: Any) -> None:
    """A year of files that are called by day, month, year, or by a random number, is no year of trying each again."""
    days = [THU + timedelta(days=n) for n in range(60)]
    files = {f"{d:%d%m%Y}": ([moved(OPEN + n, OPEN + n + 1)], d) for n, d in enumerate(days)}
    tried = night(dict(sorted(files.items())))
    assert [name for name in tried if name in files] == [f"{d:%d%m%Y}" for d in days]
    assert {status for _, status, _ in said(books)} == {"ACCEPTED"}


@pytest.mark.parametrize("kill", [None, 0, 1, 2])
def test_a_kill_does_not_change_which_of_those_that_waited_is_next(books: Books, night: Any, kill: int | None) -> None:
    """Two go on from what the first waits for; it is before the other, also where nothing is killed."""
    files = {
        "1": (loop_of(OPEN + 100, "1"), THU),
        "2": ([moved(OPEN, OPEN + 100)], THU),
        "3": ([moved(OPEN + 100, OPEN + 200)], THU),
    }
    night(files, kill)
    assert said(books) == [(name, "ACCEPTED", None) for name in files]
    assert stored(books) == [(-5,), (5,), (100,), (100,)]


@pytest.mark.parametrize(("held", "times"), [(200_000, 1), (0, 3)])
def test_a_file_that_waits_is_read_once(
    books: Books, night: Any, monkeypatch: pytest.MonkeyPatch, held: int, times: int
) -> None:
    """And again for each try where there are more than can be held."""
    monkeypatch.setattr(ingest, "MAX_HELD_ROWS", held)
    tried = night({"1": (loop_of(OPEN + 100, "1"), THU), "2": ([moved(OPEN, OPEN + 100)], THU)})
    assert (tried, night.read.count("1")) == (["1", "2", "1"], times)


def two_accounts(books: Books) -> str:
    """A second account of the same source, which is at 0; its number."""
    second = {**CONFIG["accounts"][0], "name": "two", "number": "32201988236052500002", "first_opening_fen": 0}
    config = Config.model_validate({**CONFIG, "accounts": [*CONFIG["accounts"], second]})
    books.run = replace(books.run, config=config)
    return str(second["number"])


def test_an_account_without_news_does_not_hold_the_others_of_its_file(books: Books) -> None:
    """The month so far of two accounts; one is emptied daily, and nothing moved on it since."""
    books.begin(THU)
    number = two_accounts(books)
    swept = [row | {"account": number} for row in loop_of(0, "b", booking_date=THU)]
    assert taken_of(books, moved(OPEN, OPEN + 100), *swept).status == "ACCEPTED"
    head = {"opening_fen": OPEN, "closing_fen": OPEN + 300}
    month = [head, head | {"amount_fen": 200, "line": 2, "record": 2, "booking_date": FRI}]
    outcome = taken_of(books, *month, *swept)
    assert (outcome.status, outcome.accepted, outcome.code) == ("SUPERSET", 1, None)
    assert stored(books) == [(-5,), (5,), (100,), (200,)]


def month_so_far(books: Books, day: Any) -> accept.Outcome:
    """Of a line of Thursday, as the bank states it at the end of `day`."""
    return month_of(books, day, [moved(OPEN, OPEN + 100) | {"booking_date": THU}])


def month_of(books: Books, day: Any, rows: list[dict[str, Any]]) -> accept.Outcome:
    number = books.run.config.accounts[0].number
    base = dict.fromkeys(STATEMENT_LINE) | {"statement": f"{day}", "account": number, "currency": "CNY", "line": 1}
    base |= {"reversal": False, "record": 1, "file": "f", "byte_start": 0, "byte_end": 1}
    frame = pl.DataFrame([base | row for row in rows], schema=STATEMENT_LINE)
    source = next(s for s in books.run.config.sources if s.role == "statement")
    file_id = books.file(books.run.business_date, "bank", 1)
    lines = sum(row.get("line", 1) is not None for row in rows)
    closing = Closing(lines, lines, 0, clearing_date=day)
    return books.do(lambda c: accept.statements(c, books.run, source, file_id, frame, closing))


def test_a_month_so_far_of_a_quiet_day_says_that_nothing_moved(books: Books) -> None:
    """It brings no line, and its day has come: else that day would never close."""
    books.begin(THU)
    assert month_so_far(books, THU).status == "ACCEPTED"
    books.begin(FRI)
    outcome = month_so_far(books, FRI)
    assert (outcome.status, outcome.accepted, outcome.duplicate) == ("SUPERSET", 0, 1)
    assert outcome.clearing_date == FRI
    assert books.do(lambda c: intake.last_statement(c, "main", OPEN)) == (FRI, OPEN + 100)
    assert month_so_far(books, THU).status == "DUPLICATE"
    assert month_so_far(books, FRI).status == "DUPLICATE"
    assert taken(books, **moved(OPEN + 100, OPEN + 300, booking_date=SAT, statement="S2")).status == "ACCEPTED"
    assert month_so_far(books, SAT).status == "DUPLICATE"  # it closes elsewhere: of Saturday it tells nothing
    assert stored(books) == [(100,), (200,)]


def test_the_lines_of_the_days_of_a_file_are_read_once(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """A year so far, a statement a day: the account's lines are not looked through for each of them."""
    books.begin(THU)
    days = [
        moved(OPEN + n, OPEN + n + 1, statement=f"{n}", booking_date=THU + timedelta(days=n), record=n + 1)
        for n in range(20)
    ]
    assert taken_of(books, *days[:10]).status == "ACCEPTED"
    calls: list[int] = []
    real = intake.lines_by_statement
    monkeypatch.setattr(intake, "lines_by_statement", lambda *given: calls.append(1) or real(*given))
    assert taken_of(books, *days).status == "SUPERSET"
    assert len(calls) == 1
    assert len(stored(books)) == 20


def test_a_month_so_far_of_an_emptied_account_is_a_quiet_day_but_not_one_that_lacks_a_line(books: Books) -> None:
    """Its lines lead back to where it stands: all were taken, and none is of a day behind theirs."""
    books.begin(THU)
    head = moved(OPEN, OPEN, booking_date=THU) | {"reference": None}
    rows = [head | {"amount_fen": fen, "line": n, "record": n} for n, fen in enumerate((5, -5, 7, -7), 1)]
    assert taken_of(books, *rows).status == "ACCEPTED"
    books.begin(FRI)
    assert month_of(books, FRI, rows[:2]).code == "STATEMENT_TWICE"
    assert month_of(books, THU, rows).code == "STATEMENT_TWICE"
    outcome = month_of(books, FRI, rows)
    assert (outcome.status, outcome.accepted, outcome.duplicate, outcome.clearing_date) == ("SUPERSET", 0, 4, FRI)
    assert len(stored(books)) == 4


def test_days_without_lines_of_a_month_so_far_are_kept_once(books: Books) -> None:
    """A year of an account that rests would be stored each night else, a statement a day."""
    books.begin(THU)
    quiet = moved(OPEN, OPEN) | {"line": None, "amount_fen": None, "booking_date": None, "record": 0}
    for count in range(2, 6):
        day = THU + timedelta(days=count)
        rows = [quiet | {"statement": f"{n}"} for n in range(count)]
        outcome = month_of(books, day, rows)
        assert (outcome.status, outcome.clearing_date) == ("ACCEPTED", day)
        assert month_of(books, day, rows).status == "DUPLICATE"
    assert books.rows("SELECT count(*) FROM puhui.bank_statement") == [(4,)]
    assert month_of(books, day, [row | moved(OPEN + 1, OPEN + 1) | {"amount_fen": None} for row in rows]).code == "GAP"


def test_a_page_with_a_line_of_nothing_is_not_taken_behind_its_day(books: Books) -> None:
    """It fits where the day closed, and nothing opened there; its line may name a payout."""
    books.begin(THU)
    nothing = moved(OPEN - 5, OPEN - 5, statement="b", reference="n", booking_date=THU)
    day = [moved(OPEN, OPEN - 5) | {"reference": "m"}, nothing | moved(OPEN, OPEN - 5) | {"amount_fen": 0}]
    assert taken_of(books, *(row | {"statement": "a", "line": n, "record": n} for n, row in enumerate(day, 1))).accepted
    assert taken_of(books, nothing).code == "STATEMENT_TWICE"
    assert taken_of(books, nothing | {"reference": "o"}).status == "ACCEPTED"
    assert stored(books) == [(-5,), (0,), (0,)]


def test_a_quiet_noon_without_a_day_is_tried_in_the_order_of_its_name(books: Books, night: Any) -> None:
    quiet = moved(OPEN, OPEN) | {"line": None, "amount_fen": None, "booking_date": None, "record": 0}
    files = {"1": ([quiet], None), "2": ([moved(OPEN, OPEN + 100, booking_date=THU)], None)}
    assert night(files) == ["1", "2"]


def test_statements_of_a_weekend_that_are_dated_and_called_monday(books: Books) -> None:
    """Of an account that is emptied daily: name, day and balances are one, the lines are each day's own."""
    books.begin(THU)
    for booked in (FRI, SAT):
        assert month_of(books, SUN, [row | {"booking_date": booked} for row in loop_of(OPEN, "1")]).status == "ACCEPTED"
    other = [row | {"booking_date": SAT, "remittance": "told otherwise"} for row in loop_of(OPEN, "1")]
    assert month_of(books, SUN, other).code == "STATEMENT_CHANGED"
    assert len(stored(books)) == 4
