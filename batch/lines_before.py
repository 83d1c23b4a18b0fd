"""Lines of account statements that were taken before, perhaps in a statement of another name or length.

Balances prove that nothing comes twice, but where what comes twice sums to nothing: a day's statement sent again while
the account is back at its opening, exports whose days overlap, parts of a day and then the whole of it. Where the
statement sums to nothing itself, as each does of an account that is emptied daily, one line that the bank has numbered
is enough: the statement is another version of one before. So is one that moves the balance, all of whose lines are
there under numbers of the bank's: it came again while the account was back at its opening.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import polars as pl
from sqlalchemy import Connection

from adapters.accounts.statement import mask_cards
from batch.config import AccountConfig
from batch.refusals import GAP
from settlement.model.frames import empty
from settlement.store import intake

_LINE = list(intake.LINE)
_NONE = empty({"statement_id": pl.String, **intake.LINE})
_PLACE = "place"


_SUMS = 20_000  # that many sums are looked at


def may_sum_to_nothing(amounts: Iterable[int]) -> bool:
    """Whether some of `amounts` (all of them if too many to try) may sum to 0: a balance would not show these twice."""
    given = list(amounts)
    if not given or min(given) > 0 or max(given) < 0:
        return False
    sums: set[int] = set()
    for fen in given:
        sums |= {fen, *(one + fen for one in sums)}
        if 0 in sums or len(sums) > _SUMS:
            return True
    return False


class _Again(NamedTuple):
    """What of a statement is there already."""

    lines: int = 0
    unseen: bool = False  # some of them may sum to nothing
    numbered: bool = False  # one of them has an id, of the bank's or the payer's
    by_bank: bool = False  # one of them has the bank's own
    whole: bool = False  # all lines that move money, or all where none does


class Before:
    """Which lines of a file's statements the books have, or an earlier statement of the same file."""

    def __init__(
        self,
        connection: Connection,
        accounts: Mapping[str, AccountConfig],
        frame: pl.DataFrame,
        rows: Sequence[Mapping[str, Any]],
    ) -> None:
        """`frame`: STATEMENT_LINE rows with the day of booking as it is stored; `rows`: their statements in order."""
        self._stored: dict[str, pl.DataFrame] = {}
        self._of: dict[tuple[str, str], _Again] = {}
        self._sums: dict[str, int] = {}
        self._moves: Counter[str] = Counter()
        for row in rows:
            self._moves[row["account"]] += row["amount_fen"] or 0
        places = [(row["account"], row["statement"], place) for place, row in enumerate(rows)]
        order = pl.DataFrame(places, {"account": pl.String, "statement": pl.String, _PLACE: pl.Int64}, orient="row")
        known = frame.filter(pl.col("line").is_not_null(), pl.col("account").is_in(list(accounts)))
        known = known.join(order, on=["account", "statement"], maintain_order="left")
        for (number,), lines in known.group_by("account", maintain_order=True):
            first, last = lines["booking_date"].min(), lines["booking_date"].max()
            assert isinstance(first, date)
            assert isinstance(last, date)
            stored = intake.lines_by_statement(connection, accounts[str(number)].name, first, last)
            self._stored[str(number)] = stored
            copies = stored.group_by(_LINE).agg(copies=pl.len().cast(pl.Int64))
            # lines of nothing tell a statement that has no other
            moving = lines.filter((pl.col("amount_fen") != 0) | (pl.col("amount_fen").abs().max().over(_PLACE) == 0))
            self._take(str(number), moving, _again(moving, copies))

    def _take(self, account: str, lines: pl.DataFrame, again: pl.DataFrame) -> None:
        by_bank = _is_number(lines, "reference")
        numbered = (by_bank | _is_number(lines, "end_to_end_id")).any()
        sums = again.group_by("statement").agg(pl.len(), "amount_fen", numbered, by_bank.any().alias("own"))
        moving = dict(lines.group_by("statement").len().iter_rows())
        for name, count, fen, said, own in sums.iter_rows():
            self._of[account, name] = _Again(count, may_sum_to_nothing(fen), said, own, count == moving[name])
        if again.height:
            self._sums[account] = int(again["amount_fen"].sum())

    def stored(self, account: str) -> pl.DataFrame:
        """What the books have of the days of the account's lines in the file (`intake.lines_by_statement`)."""
        return self._stored.get(account, _NONE)

    def whole(self, row: Mapping[str, Any]) -> bool:
        """Whether all lines of a statement that move money are there."""
        return self._of.get((row["account"], row["statement"]), _Again()).whole

    def named(self, row: Mapping[str, Any], wrong: tuple[str, str] | None) -> tuple[str, str] | None:
        """What is wrong with a statement (`statement_sums`), where `wrong` was found without knowing its lines."""
        account, statement = row["account"], row["statement"]
        again = self._of.get((account, statement), _Again())
        lines = f"{again.lines} of its {row['line']} lines were taken before"
        name = f"statement {mask_cards(statement)}"
        proven = 0 not in {row["amount_fen"], self._moves[account]}
        if wrong is None and again.lines:
            if again.unseen or self._sums[account] == 0 or (again.numbered and not proven):
                return "STATEMENT_TWICE", f"{name}: {lines}, and no balance proves them; nothing is stored"
            if again.whole and again.by_bank:
                return "STATEMENT_TWICE", f"{name}: {lines}, under the same numbers of the bank; nothing is stored"
        if wrong is None or wrong[0] != GAP or not again.lines:
            return wrong
        if again.whole:
            return "STATEMENT_TWICE", f"{name}: {lines}; nothing is stored"
        gap = wrong[1].partition(";")[0]
        return GAP, f"{gap}; {lines}: it is another version of one that was, or overlaps it"


def _is_number(lines: pl.DataFrame, column: str) -> pl.Expr:
    """Whether an id tells a line: not one that a statement gives to several entries of one direction (POS, SALARY).

    A payout and its return have one id and go two ways; the details of an entry have that of their entry.
    """
    entries = lines.group_by(_PLACE, column, pl.col("amount_fen") > 0).agg(pl.col("record").n_unique())
    common = entries.filter(pl.col("record") > 1, pl.col(column).is_not_null())[column].unique()
    return pl.col(column).is_not_null() & ~pl.col(column).is_in(common.implode())


def _again(lines: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Those of an account's `lines` (with `place` of their statement) that are there already, each copy for one."""
    copy = pl.int_range(1, pl.len() + 1).over(_PLACE, *_LINE)
    each = lines.group_by(_PLACE, *_LINE).agg(copies=pl.len().cast(pl.Int64)).sort(_PLACE)
    each = each.with_columns(earlier=pl.col("copies").cum_sum().over(*_LINE) - pl.col("copies"))
    known = lines.with_columns(copy=copy).join(
        each.drop("copies"), on=[_PLACE, *_LINE], how="left", nulls_equal=True, maintain_order="left"
    )
    known = known.join(stored, on=_LINE, how="left", nulls_equal=True, maintain_order="left")
    return known.filter(pl.col("copy") <= pl.col("earlier") + pl.col("copies").fill_null(0))
