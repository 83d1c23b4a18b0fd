"""Nights of an account whose bank sends a day again with other lines, and the people who take it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Connection

from adapters.base import Closing
from batch import deliveries
from batch.run import Run
from batch.steps import ingest
from batch.steps.close import close
from batch.steps.post import post
from batch.steps.reconcile import reconcile
from batch.steps.settle import settle
from settlement.model.frames import STATEMENT_LINE
from settlement.store import intake, runs
from settlement.store import tables as t
from tests.batch.settle.books import Books, at

OPEN = 1_000_000
Line = tuple[Any, ...]


def line(fen: int, text: str | None = None, **more: Any) -> dict[str, Any]:
    return {"amount_fen": fen, "remittance": text} | more


@dataclass
class Bank:
    """What the bank sends, read as if an adapter had: files wait for the next night."""

    books: Books
    contents: dict[str, ingest.Content] = field(default_factory=dict)
    count: int = 0

    @property
    def run(self) -> Run:
        return self.books.run

    def begin(self, day: date) -> None:
        """The next night's date; its row is made when it runs."""
        self.books.run = replace(self.run, business_date=day, now=at(day))

    def send(self, day: date, opening: int, *lines: dict[str, Any], **more: Any) -> int:
        """A file of one statement (its `number` is 1 where that is not said); the file's number."""
        return self.send_all(day, (opening, lines, more.pop("number", "1")), **more)

    def send_all(self, day: date, *statements: tuple[Any, ...], name: str = "", bytes_of: int = 0) -> int:
        """A file of statements: (opening, lines, number, and the account's number where it is another).

        Where a line says no day of booking it is `day`.

        `bytes_of`: a file with the same bytes.
        """
        self.count += 1
        rows: list[dict[str, Any]] = []
        record = 0
        for opening, lines, number, *account in statements:
            head = {"statement": number, "account": (*account, self.run.config.accounts[0].number)[0]}
            head |= {"currency": "CNY"}
            head |= {"opening_fen": opening, "closing_fen": opening + sum(one["amount_fen"] for one in lines)}
            head |= {"file": "f", "byte_start": 0, "byte_end": 1}
            for place, one in enumerate(lines, 1):
                record += 1
                base = dict.fromkeys(STATEMENT_LINE) | {"booking_date": day, "reversal": False}
                rows.append(base | one | head | {"line": place, "record": record})
            if not lines:
                rows.append(dict.fromkeys(STATEMENT_LINE) | head | {"record": 0})
        frame = pl.DataFrame(rows, schema=STATEMENT_LINE)
        file_id = self.books.rows("SELECT coalesce(max(file_id), 0) + 1 FROM puhui.file")[0][0]
        name = name or f"f{file_id}.sta"
        self.contents[name] = ingest.Content(frame, [], Closing(record, record, 0, clearing_date=day))
        row = {"file_id": file_id, "source": "bank", "name": name, "delivery": self.count, "size": 1}
        row |= {
            "sha256": f"{bytes_of or file_id:064d}",
            "received_at": at(day),
            "business_date": self.run.business_date,
        }
        self.books.put(t.file, row)
        return int(file_id)

    def ingest(self) -> None:
        """The step alone, with its record."""
        summary = ingest.ingest(self.books.base, self.run)
        self.summary = summary
        day = self.run.business_date
        self.books.do(lambda c: runs.record_step(c, day, "ingest", 1, at(day), summary))

    def night(self) -> None:
        """ingest, reconcile, settle, post, close of the date; then the next date is open."""
        day = self.run.business_date
        row = {"business_date": day, "started_at": at(day), "last_import": self.run.last_import}
        self.books.put(t.night, row | {"config_digest": "c", "product_version": "0"})
        for source in ("pos", "unionpay"):
            self.books.file(day, source)
        self.ingest()
        for step in (reconcile, settle, post):
            self.books.do(lambda c, step=step: step(c, self.run))
        self.closed = self.books.do(lambda c: close(c, self.run))

    def ingest_again(self) -> None:
        """The step of a night that was killed before its record."""
        self.summary = ingest.ingest(self.books.base, self.run)

    def status(self, file_id: int) -> tuple[str, str | None]:
        sql = "SELECT status, code FROM puhui.file_outcome WHERE file_id = :f"
        return self.books.rows(sql, f=file_id)[0]  # type: ignore[return-value]  # the columns of the query

    # --- people ----------------------------------------------------------------------------------------------------

    def look(self, file_id: int) -> deliveries.Look:
        with self.books.base.engine.connect() as connection:
            seen = deliveries.look(connection, self.run, file_id)
            connection.rollback()
        return seen

    def propose(self, file_id: int, actor: str = "wang") -> None:
        self.books.do(lambda c: deliveries.propose(c, self.run, deliveries.look(c, self.run, file_id), actor, "letter"))

    def approve(self, file_id: int, fen: int, checker: str = "li") -> None:
        self.books.do(lambda c: deliveries.approve(c, self.run, deliveries.look(c, self.run, file_id), checker, fen))

    def keep(self, connection: Connection, file_id: int) -> None:
        deliveries.keep(connection, self.run, deliveries.look(connection, self.run, file_id), "wang", "letter")

    def undecided(self, connection: Connection) -> list[int]:
        return list(intake.undecided(connection)["file_id"])

    def take(self, file_id: int, fen: int) -> None:
        self.propose(file_id)
        self.approve(file_id, fen)

    # --- what stands -----------------------------------------------------------------------------------------------

    def last(self, account: str = "main") -> int:
        return self.books.do(lambda c: intake.last_statement(c, account, OPEN))[1]

    def lines(self) -> list[tuple[int, str | None]]:
        """(fen, text) of every line, in order."""
        return self.books.rows(  # type: ignore[return-value]  # the columns of the query
            "SELECT amount_fen, remittance FROM puhui.bank_line ORDER BY file_id, statement_id, line"
        )

    def standing(self) -> Counter[Line]:
        def work(connection: Any) -> pl.DataFrame:
            return intake.lines_by_statement(connection, "main", date.min, date.max)

        return Counter(self.books.do(work).select(list(intake.LINE)).iter_rows())


@pytest.fixture
def bank(books: Books, monkeypatch: pytest.MonkeyPatch) -> Bank:
    made = Bank(books)

    def parsed(_run: Any, _archive: Any, delivery: ingest.Delivery, _source: Any) -> ingest.Content:
        return made.contents[delivery.name]

    monkeypatch.setattr(ingest, "parse", parsed)
    monkeypatch.setattr(deliveries, "parse", parsed)
    monkeypatch.setattr(ingest.runs, "guard", lambda *_: None)
    return made
