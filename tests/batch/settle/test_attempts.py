"""Which of several attempts counts: whatever became of them and in whatever order, one payment at most is alive."""

from __future__ import annotations

from itertools import product
from typing import Any

import polars as pl
from sqlalchemy import insert

from settlement.model.outcomes import FAILED_RESULTS
from settlement.payout.items import ACCOUNT, HOLD, SAME_ACCOUNT, draft_items
from settlement.store import settle as rows
from settlement.store import tables as t
from tests.batch.settle.books import FRI, THU, Books, at

LIVE = ("none", "unknown")
STATES = (*LIVE, "paid", "void", *FAILED_RESULTS, "unpaid")
NOW, BEFORE = 1, 2  # imports of accounts: the one in force, and another
ATTEMPTS = tuple(product(STATES, (NOW, BEFORE)))


def put(books: Books, cases: dict[str, tuple[tuple[str, int], ...]]) -> None:
    """Statements of 3.00 with their attempts, each (what became of it, import of its account)."""
    key = {"programme": "suzhou", "payee_kind": "merchant", "business_date": THU}
    fen = ["merchant_share_fen", "fee_fen", "adjustment_fen", "brought_fen", "carried_fen", "holdback_fen"]
    base = key | dict.fromkeys(fen, 0) | dict.fromkeys(["subsidy_fen", "due_fen", "settled_fen"], 300)
    base |= dict.fromkeys(["period_from", "period_to"], THU) | {"year": 2026, "due_date": FRI, "digest": ""}
    batch = {"business_date": THU, "execution_date": FRI, "created_at": at(THU), "maker": "night", "account": "main"}
    batch |= {"format": "x", "count": 1, "total_fen": 300, "digest": ""}
    step = {"batch_no": "void", "step": "voided", "at": at(FRI), "actor": "x", "maker": "night", "digest": ""}
    statements: list[dict[str, Any]] = []
    items: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for number, (name, attempts) in enumerate(cases.items(), 1):
        statements.append(base | {"statement_no": name, "number": number, "payee_no": name})
        for attempt, (state, account) in enumerate(attempts, 1):
            item = {"end_to_end_id": f"{name}-{attempt}", "batch_no": "void" if state == "void" else "left"}
            item |= {"statement_no": name, "attempt": attempt, "payee_kind": "merchant", "payee_no": name}
            items.append(item | {"amount_fen": 300, "account_import_id": account, "account_valid_from": THU})
            if state not in ("none", "void"):
                said = {"end_to_end_id": f"{name}-{attempt}", "seq": 1, "business_date": FRI, "result": state}
                results.append(said | {"reason": f"attempt {attempt}"})
    books.put(t.payout_batch, batch | {"batch_no": "left"}, batch | {"batch_no": "void"})
    books.put(t.payout_decision, step | {"business_date": FRI})
    for table, many in ((t.statement, statements), (t.payout_item, items), (t.payout_result, results)):
        books.do(lambda c, table=table, many=many: c.execute(insert(table), many))


def meant(attempts: tuple[tuple[str, int], ...]) -> str:
    """What is to become of a statement: "", a new payment, or a reason why not."""
    states = [state for state, _ in attempts]
    if "paid" in states or set(states) & set(LIVE):
        return "alive"
    refused = [(n, account) for n, (state, account) in enumerate(attempts, 1) if state in FAILED_RESULTS]
    if refused and refused[-1][1] == NOW:
        return SAME_ACCOUNT.format(f"attempt {refused[-1][0]}")
    return ""


def test_of_three_attempts_in_any_order(books: Books) -> None:
    """None pays beside one that is alive or paid, none is forgotten, none goes to an account that the bank refused."""
    orders = [order for length in (1, 2, 3) for order in product(ATTEMPTS, repeat=length)]
    cases = {f"SZ-{number:06}": order for number, order in enumerate(orders)}
    put(books, cases)
    accounts = pl.DataFrame([("merchant", name, NOW, THU, True) for name in cases], schema=ACCOUNT, orient="row")
    payables = books.do(lambda c: rows.payables(c, FRI))
    drafted = draft_items(payables, accounts, pl.DataFrame(schema=HOLD), "B")
    holds = dict(drafted.holds.iter_rows())
    new = dict(drafted.items.select("statement_no", "attempt").iter_rows())
    found = {name: holds.get(name, "" if name in new else "alive") for name in cases}
    assert [(cases[name], found[name]) for name in cases if found[name] != meant(cases[name])] == []
    assert all(attempt == len(cases[name]) + 1 for name, attempt in new.items())
