"""A tiny programme on a real embedded PostgreSQL: rows written as the steps before would write them, then real steps.

Thu 2026-05-07, Fri 8, Sat 9 (make-up workday), Sun 10 (rest), Mon 11. One scheme paid by city 60 % and bank 40 %.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, text

from batch.config import Config
from batch.run import Run
from batch.steps.close import close
from batch.steps.post import post
from batch.steps.settle import settle
from settlement.store import keys as key_store
from settlement.store import tables as t
from settlement.store.database import Database

THU, FRI, SAT, SUN, MON, TUE = (date(2026, 5, n) for n in (7, 8, 9, 10, 11, 12))
GOOD_BANK = "102305000017"
CONFIG = {
    "programme": {"name": "suzhou", "statement_code": "SZ"},
    "sources": [
        {"name": n, "title": n, "format": "x", "role": r, "folder": n, "pattern": "*"}
        for n, r in (("pos", "feed"), ("unionpay", "clearing"), ("bank", "statement"))
    ],
    "channels": [{"name": "pos", "title": "POS", "ours": "pos", "rail": "pos", "theirs": "unionpay"}],
    "accounts": [
        {
            "name": "main",
            "title": "主账户",
            "number": "32201988236052500001",
            "statement_source": "bank",
            "ledger_account": "1002",
            "first_opening_fen": 1_000_000,
        }
    ],
    "payout": {"account": "main", "folder": "bank", "debtor_name": "苏州市总工会", "debtor_bank_code": GOOD_BANK},
    "policy": {"first_business_date": THU, "overdraft_fen": {"bank": 1_000_000}},
}


def at(day: date, hour: int = 23) -> datetime:
    return datetime(day.year, day.month, day.day, hour, 30, tzinfo=UTC)


@dataclass
class Books:
    """Rows and steps of one trial; `day` is the night that is being lived."""

    base: Database
    run: Run
    sales: int = 0
    bank_lines: int = 0
    closing: int = 1_000_000

    def do(self, work):
        return self.base.in_transaction(work)

    def put(self, table: Any, *rows: dict[str, Any]) -> None:
        if rows:
            self.do(lambda c: c.execute(insert(table), list(rows)))

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        return self.do(lambda c: [tuple(r) for r in c.execute(text(sql), values)])

    # --- nights ----------------------------------------------------------------------------------------------------

    def begin(self, day: date, missing: tuple[str, ...] = ()) -> None:
        """The night's row, and an empty file of each source but `missing` (and the bank: see `statement`)."""
        self.run = replace(self.run, business_date=day, now=at(day))
        night = {"business_date": day, "started_at": at(day), "last_import": self.run.last_import}
        self.put(t.night, night | {"config_digest": "c", "product_version": "0"})
        for source in ("pos", "unionpay"):
            if source not in missing:
                self.file(day, source)

    def finish(self) -> dict[str, Any]:
        """settle and post of the night that began; their summaries."""
        return {"settle": self.do(lambda c: settle(c, self.run)), "post": self.do(lambda c: post(c, self.run))}

    def close(self) -> dict[str, Any]:
        return self.do(lambda c: close(c, self.run))

    def night(self, day: date) -> dict[str, Any]:
        """A night whose bank statement holds the lines put since the last one."""
        self.begin(day)
        self.statement(day)
        return self.finish()

    # --- facts -----------------------------------------------------------------------------------------------------

    def file(self, day: date, source: str, accepted: int = 0, clearing: date | None = None) -> int:
        number = self.rows("SELECT coalesce(max(file_id), 0) + 1 FROM puhui.file")[0][0]
        self.put(
            t.file,
            {
                "file_id": number,
                "source": source,
                "name": f"{source}-{number}",
                "delivery": 1,
                "sha256": f"{number:064d}",
                "size": 1,
                "received_at": at(day),
                "business_date": day,
            },
        )
        counts = dict.fromkeys(("rejected", "duplicate", "quarantined", "skipped"), 0)
        outcome = {"file_id": number, "business_date": day, "status": "ACCEPTED", "clearing_date": clearing or day}
        self.put(t.file_outcome, outcome | counts | {"records": accepted, "accepted": accepted})
        return number

    def sale(self, day: date, granted: int, **more: Any) -> str:
        """A sale (or with `original` its refund) with one award of `granted`; its transaction_id."""
        self.sales += 1
        name = f"pos:{self.sales:04d}"
        kind, clearing = more.get("kind", "SALE"), more.get("clearing", day)
        gross = more.get("gross", 10_000)
        file_id = self.file(day, "pos", 1, clearing)
        fact = {"transaction_id": name, "source": "pos", "kind": kind, "original_key": more.get("original")}
        fact |= {"occurred_at": at(clearing, 8), "clearing_date": clearing, "rail": "pos", "currency": "CNY"}
        fact |= {"gross_fen": gross, "paid_fen": gross - abs(granted), "rrn": f"R{self.sales:04d}"}
        self.put(t.transaction, fact | {"file_id": file_id, "record": 1, "byte_start": 0, "byte_end": 1}
                 | {"business_date": day})  # fmt: skip
        sale_id = more.get("original", name)
        payee_kind, payee = more.get("payee", ("merchant", "M1"))
        outcome = 11 if kind == "SALE" else 25
        stamp = {"transaction_id": name, "business_date": day, "programme": "suzhou", "sale_id": sale_id}
        self.put(t.rated, stamp | {"our_merchant_no": "M1", "gross_fen": gross, "outcome": outcome}
                 | {"overclaimed_fen": 0})  # fmt: skip
        state = {"transaction_id": sale_id, "local_date": clearing, "business_date": day, "refunded_paid_fen": 0}
        if kind == "SALE":
            self.put(t.STATE_TABLES["sales"], state | {"gross_fen": gross, "refunded_gross_fen": 0}
                     | {"voided": False, "reversed": False})  # fmt: skip
        award = stamp | {"line": 1, "scheme": "bakery", "version": 1, "granted_fen": granted, "outcome": outcome}
        self.put(t.award, award | {"payee_kind": payee_kind, "payee_no": payee, "clearing_date": clearing}
                 | {"payable_fen": granted, "entitled_fen": abs(granted)})  # fmt: skip
        bank = granted * 2 // 5
        shares = [(1, "city", "union", granted - bank), (2, "bank", "bank", bank)]
        key = {"transaction_id": name, "line": 1}
        names = ("position", "sponsor", "sponsor_kind", "amount_fen")
        self.put(t.award_share, *[key | dict(zip(names, share, strict=True)) for share in shares])
        if more.get("matched", True):
            self.match(day, name)
        return name

    def match(self, day: date, name: str) -> None:
        """The clearing file names the transaction too."""
        query = "SELECT kind, clearing_date, gross_fen, occurred_at FROM puhui.transaction WHERE transaction_id = :n"
        kind, clearing, gross, occurred = self.rows(query, n=name)[0]
        item = {"item_id": f"u{name}", "source": "unionpay", "kind": kind, "occurred_at": occurred, "rail": "pos"}
        item |= {"clearing_date": clearing, "gross_fen": gross, "currency": "CNY", "business_date": day}
        file_id = self.file(day, "unionpay", 1, clearing)
        self.put(t.clearing_item, item | {"file_id": file_id, "record": 1, "byte_start": 0, "byte_end": 1})
        match = {"ours_id": name, "theirs_id": f"u{name}", "business_date": day, "channel": "pos", "pass": "exact"}
        self.put(t.recon_match, match | {"result": "BALANCED", "key": "rrn"})

    def statement(self, day: date, *lines: tuple[int, str | None, str | None]) -> None:
        """The bank's statement of a day; `lines` are (fen, money_match kind or None, subject)."""
        file_id = self.file(day, "bank", len(lines))
        opening, self.closing = self.closing, self.closing + sum(line[0] for line in lines)
        identity = f"main:{day}"
        self.put(
            t.bank_statement,
            {
                "statement_id": identity,
                "account": "main",
                "currency": "CNY",
                "opening_fen": opening,
                "closing_fen": self.closing,
                "statement_date": day,
                "file_id": file_id,
                "business_date": day,
            },
        )
        for number, (fen, kind, subject) in enumerate(lines, 1):
            line_id = f"{identity}/{number}"
            line = {"line_id": line_id, "statement_id": identity, "account": "main", "line": number}
            line |= {"booking_date": day, "amount_fen": fen, "reversal": False, "file_id": file_id}
            self.put(t.bank_line, line | {"business_date": day})
            if kind:
                self.put(t.money_match, {"line_id": line_id, "business_date": day, "kind": kind}
                         | {"subject": subject, "amount_fen": fen})  # fmt: skip
            if kind in {"paid", "returned"}:
                seq = self.rows("SELECT count(*) FROM puhui.payout_result WHERE end_to_end_id = :e", e=subject)[0][0]
                result = {"end_to_end_id": subject, "seq": seq + 1, "business_date": day, "result": kind}
                self.put(t.payout_result, result | {"line_id": line_id, "reason": "AC04" if fen > 0 else None})

    def put_discrepancy(self, day: date, kind: str, line_id: str) -> str:
        """A discrepancy of the money side that names a bank line; its id."""
        count = self.rows("SELECT count(*) FROM puhui.discrepancy")[0][0]
        name = f"D-{day:%Y%m%d}-{count + 1:06d}"
        row = {"discrepancy_id": name, "business_date": day, "kind": kind, "channel": "main", "theirs_id": line_id}
        self.put(t.discrepancy, row | {"difference_fen": 0, "detail": ""})
        return name

    def put_unbalanced(self) -> None:
        """An entry of one line, past the room that would not build it."""
        entry = {"entry_id": 99, "entry_key": "x", "business_date": THU, "event": "x", "summary": "x"}
        line = {"entry_id": 99, "line": 1, "account": "1002", "amount_fen": 5}

        def both(connection: Connection) -> None:
            connection.execute(insert(t.entry), entry)
            connection.execute(insert(t.entry_line), line)

        self.do(both)

    # --- reference data --------------------------------------------------------------------------------------------

    def imported(self, kind: str) -> int:
        number = self.rows("SELECT coalesce(max(import_id), 0) + 1 FROM puhui.import_file")[0][0]
        row = {"import_id": number, "kind": kind, "name": kind, "sha256": f"{number:064x}", "rows": 1}
        self.put(t.import_file, row | {"imported_at": at(THU), "imported_by": "zhao"})
        self.run = replace(self.run, last_import=number)
        return number

    def account(self, payee: str, kind: str = "merchant", *, approve: bool = True, bank_code: str = GOOD_BANK,
                since: date = date(2026, 1, 1)) -> None:  # fmt: skip
        number = self.imported("accounts")
        seal = self.run.keys.seal
        row = {"import_id": number, "payee_kind": kind, "payee_no": payee, "name_sealed": seal(f"{payee}有限公司")}
        row |= {"account_sealed": seal(f"6200{number:015d}"), "account_masked": f"6200***{number:04d}"}
        row |= {"account_index": f"i{number}", "bank_name": "某银行苏州分行", "bank_code": bank_code}
        self.put(t.payee_account, row | {"valid_from": since})
        if approve:
            day = self.run.business_date
            last = self.rows("SELECT coalesce(max(decision_id), 0) FROM puhui.decision")[0][0]
            decision = {"decision_id": max(number, last + 1), "business_date": day, "at": at(day), "actor": "qian"}
            self.put(t.decision, decision | {"kind": "approve_account", "subject": str(number), "reason": "checked"})

    def contract(self, merchant: str, payee: str, **terms: Any) -> None:
        number = self.imported("contracts")
        row = {"import_id": number, "merchant_no": merchant, "payee_no": payee, "cycle": "T+1", "cycle_day": None}
        row |= {"minimum_fen": 0, "holdback_ppm": 0, "holdback_days": 0, "fee_ppm": 0, "invoice": "none"}
        self.put(t.contract, row | {"valid_from": date(2026, 1, 1)} | terms)

    def calendar(self) -> None:
        number = self.imported("calendar")
        days = [date(2026, 4, 1) + timedelta(days=n) for n in range(120)]
        kind = {d: "workday" if d == SAT or d.weekday() < 5 else "restday" for d in days}
        self.put(t.calendar_day, *[{"import_id": number, "date": d, "kind": kind[d]} for d in days])


def opened(base: Database, home: Path) -> Books:
    """Books with a calendar and one merchant M1 that has a contract and an approved account."""
    config = Config.model_validate(CONFIG)
    key_path = home / "puhui.keys"
    home.mkdir(exist_ok=True)
    key_store.generate(key_path)
    run = Run(THU, at(THU), home, config, key_store.load(key_path), 0, 1)
    books = Books(base, run)
    books.calendar()
    books.contract("M1", "M1")
    books.account("M1")
    return books
