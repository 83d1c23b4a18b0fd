"""The money side: what each bank line of tonight was, and what should have moved and did not."""

from __future__ import annotations

import polars as pl

from settlement.model.frames import Schema, conform

LINE: Schema = {
    "line_id": pl.String,
    "account": pl.String,
    "booking_date": pl.Date,
    "amount_fen": pl.Int64,
    "reference": pl.String,
    "end_to_end_id": pl.String,
    "counterparty_index": pl.String,
    "remittance": pl.String,
    "bank_code": pl.String,
}
# Payout items that have left. `result`: the last known, null while nothing came back.
SENT: Schema = {"end_to_end_id": pl.String, "amount_fen": pl.Int64, "result": pl.String}
MONEY: Schema = {
    "line_id": pl.String,
    "kind": pl.String,
    "subject": pl.String,
    "amount_fen": pl.Int64,
    "reason": pl.String,
}


def name_lines(
    lines: pl.DataFrame,
    sent: pl.DataFrame,
    sponsors: dict[tuple[str, str], str],
    charge_codes: dict[str, tuple[str, ...]],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(MONEY rows of the lines that are known, LINE rows of those that are not).

    `sponsors`: (account, keyed index of the counterparty's number) to sponsor; `charge_codes`: per account. A debit with
    the id and amount of a sent item is its payment, once; a credit with the id and amount of a paid item its return.
    Lines are looked at in order of booking date, debits first, so that a return of the same day finds its payment.
    """
    known: list[tuple[str, str, str, int, str | None]] = []
    results = dict(sent.select("end_to_end_id", "result").iter_rows())
    amounts = dict(sent.select("end_to_end_id", "amount_fen").iter_rows())
    ordered = conform(lines, LINE).sort("booking_date", pl.col("amount_fen") > 0, "line_id")
    for row in ordered.iter_rows(named=True):
        identity, amount = row["end_to_end_id"], row["amount_fen"]
        sponsor = sponsors.get((row["account"], row["counterparty_index"] or ""))
        code = row["bank_code"] or ""
        named: tuple[str, str, str | None] | None = None
        if identity in amounts and abs(amount) == amounts[identity]:
            if amount < 0 and results[identity] is None:
                named, results[identity] = ("paid", identity, None), "paid"
            elif amount > 0 and results[identity] == "paid":
                named, results[identity] = ("returned", identity, row["remittance"]), "returned"
        elif sponsor is not None and amount > 0:
            named = ("sponsor_funds", sponsor, None)
        elif code in charge_codes.get(row["account"], ()):
            named = ("charge" if amount < 0 else "interest", row["account"], None)
        if named is not None:
            known.append((row["line_id"], named[0], named[1], amount, named[2]))
    money = pl.DataFrame(known, schema=MONEY, orient="row").sort("line_id")
    return money, ordered.join(money, on="line_id", how="anti", maintain_order="left")
