"""Statement exports of banks (.csv, .xls, .xlsx) by a mapping, to STATEMENT_LINE frames.

Source: feeds.md "Bank clearing and statements"; headings in samples/notes.md D. Lines above the headings are the
preamble (the account may stand there), lines that begin with a trailer word are skipped. A file is one statement per
account and currency. Where the bank writes a running balance, each row must follow from the row before it: that gives
opening and closing, in whichever direction of time the bank lists its rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from adapters.accounts.bank_balances import Account, set_balances, unread
from adapters.accounts.bank_cells import (
    CellError,
    account_of,
    amount_of,
    date_of,
    name_of,
    see_minus,
    text_of,
    value_of,
)
from adapters.accounts.bank_feet import cut_notes, is_head
from adapters.accounts.bank_headings import headings_of, no_headings, places_of
from adapters.accounts.bank_kinds import Kind, Kinds, first_of
from adapters.accounts.bank_map import CANONICAL, BankMap, bank_map, names_unit, separator_of
from adapters.accounts.bank_preamble import Preamble, heading_key, names_account
from adapters.accounts.bank_rows import MAX_PREAMBLE, Row, rows
from adapters.accounts.bank_table import MONEY, Table, table_at, table_without_headings
from adapters.accounts.bank_totals import Totals
from adapters.accounts.statement import BALANCE_DIFFERENCE, CURRENCY_ASSUMED, Block, Line, Statement, empty_line, fits
from adapters.base import Closing, Context, Parsed
from adapters.refused import FileRefusedError
from adapters.safe_workbook import MAX_COLUMNS, UNREAD_CELL, Cell
from adapters.shown import mask_text
from adapters.text_lines import encoding_of
from settlement.model.rejects import Reject

MAX_LINES = 300_000  # kept until the last balance is known
MAX_TEXT = 48 * 1024 * 1024  # characters, kept as the lines are
MAX_PASSED = 100_000  # rows that are no lines: a file of blank ones would be read for hours
MAX_ACCOUNTS = 1000
MAX_SHOWN = 40
_WHERE_CURRENCY = "if that is theirs, add the word before it to the mapping's currency_labels, or set its currency"
_WHERE_ACCOUNT = "set account, or the mapping's account_labels to the word before it"


def read_bank(stream: BinaryIO, context: Context) -> Iterator[Parsed | Closing]:
    """Blocks of lines, then the Closing.

    Settings: `layout` (a shipped bank or a mapping), `encoding` (the mapping's, else auto), `account` (where the file
    does not say it), `sheet` (the first).
    """
    bank = bank_map(context.settings)
    above = Preamble(bank, str(context.settings.get("account", "")), latest=context.clearing_date)
    return _Reader(context, bank, above, Totals(bank)).read(stream)


@dataclass(slots=True)
class _Reader:
    context: Context
    bank: BankMap
    preamble: Preamble
    totals: Totals
    kinds: Kinds = field(init=False)  # once the headings are found
    accounts: dict[tuple[str, str], Account] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    assumed: str = ""  # a foreign currency above lines that say none
    currency: tuple[str, str] = ("", "")  # as the last row wrote it, and its code: most rows write the same
    looked_at: str = ""  # the column that the row was last asked for: what a reject is about
    passed: int = 0
    minuses: set[bool] = field(default_factory=set)  # whether money out had a minus, where the mapping does not say it
    between: deque[Row] = field(default_factory=lambda: deque(maxlen=MAX_PREAMBLE))  # no lines, since the last line
    last: Row | None = None  # the last row that is a line
    shortest: int = MAX_COLUMNS  # cells of the shortest line before it
    records: int = 0
    text: int = 0
    total_fen: int = 0
    position: int = 0

    def read(self, stream: BinaryIO) -> Iterator[Parsed | Closing]:
        """One block: balances are known when all rows are."""
        refused = None
        rejected = 0
        try:
            self._take_all(stream)
            rejected = len(self.rejects)
            yield from self._blocks()
        except FileRefusedError as error:
            refused = error.reject(self.context.file)
        days = [a.statement.closing_date for a in self.accounts.values() if a.statement.closing_date is not None]
        yield Closing(
            records=self.records,
            accepted=self.records - rejected if refused is None else 0,
            rejected=rejected,
            skipped=0,
            total_fen=self.total_fen,
            clearing_date=max(days, default=None),
            notes=tuple(self.notes),
            refused=refused,
        )

    # --- the file ----------------------------------------------------------------------------------------------------

    def _take_all(self, stream: BinaryIO) -> None:
        all_rows = self._rows(stream)
        self.kinds = Kinds(self.bank, self.preamble, table_without_headings(self.bank) or self._find_table(all_rows))
        for row in all_rows:
            self.position = row.end
            self._take(row)
        table = self.kinds.table
        money = {place for name in (*MONEY, "balance") for place in table.columns[name]}
        self.notes.extend(cut_notes(self.last, self.position, self.records, min(self.shortest, table.width), money))
        self.notes += [*self.totals.count_note(self.records), *self.totals.sum_notes(self.records)]
        if self.assumed:
            message = f"{self.assumed} stands above lines that say no currency, which are read as {self.bank.currency}"
            self.notes.append(f"{CURRENCY_ASSUMED}: {message}; {_WHERE_CURRENCY}")

    def _rows(self, stream: BinaryIO) -> Iterator[Row]:
        settings = self.context.settings
        given = settings.get("encoding", self.bank.encoding)
        encoding = given if given in {"auto", "utf-16"} else encoding_of(given, self.context.source)
        separator = separator_of(self.bank, settings, self.context.source)
        words = ("",) * bool(self.bank.headings) or tuple(
            dict.fromkeys(heading_key(h) for form in self.bank.forms for h in form.columns.booking_date)
        )
        return rows(
            stream,
            encoding,
            separator,
            str(settings.get("sheet", "")),
            lambda line: any(word in heading_key(line) for word in words),
            lambda cells, above: (
                (self.bank.headings and any(cells))
                or any(places_of(k, f) for f in self.bank.forms for k in headings_of(cells, above))
            ),
        )

    def _find_table(self, all_rows: Iterator[Row]) -> Table:
        """Takes the rows down to the headings."""
        seen = ""
        above: list[Cell] = []
        for number, row in enumerate(all_rows):
            if number >= MAX_PREAMBLE:
                break
            self.position = row.end
            table = table_at(row, above, self.bank)
            if table:
                return table
            texts = [text_of(cell) for cell in row.cells]
            seen += "".join(texts)
            self.preamble.read(texts, row.start)
            self.totals.see_count(texts)
            above = row.cells
        raise no_headings(self.bank.forms, seen)

    # --- a row -------------------------------------------------------------------------------------------------------

    def _take(self, row: Row) -> None:
        texts = [text_of(cell) for cell in row.cells]
        kind = self.kinds.of(row, texts, self.between[-1].cells if self.between else [])
        if kind is not Kind.LINE:
            self._pass(row, texts, kind)
            return
        self._begin_again()
        self.shortest = min(self.shortest, len(self.last.cells)) if self.last else self.shortest
        self.last = row
        self.between.clear()
        self.records += 1
        if self.records > MAX_LINES:
            raise FileRefusedError("TOO_MANY_LINES", f"more than {MAX_LINES} lines; export a shorter time")
        self.text += sum(map(len, texts))
        if self.text > MAX_TEXT:
            raise FileRefusedError("TOO_LARGE", f"lines of more than {MAX_TEXT} characters; export a shorter time")
        try:
            self._add(row, texts)
        except CellError as error:
            name = CANONICAL.get(self.looked_at, self.looked_at)
            self.rejects.append(Reject(self.context.file, self.records, row.start or -1, name, error.code, str(error)))

    def _pass(self, row: Row, texts: list[str], kind: Kind) -> None:
        """Takes what a row that is no line declares: sums, balances carried, the number of lines."""
        if kind is Kind.TRAILER:
            self.totals.see_labelled(texts)
            table = self.kinds.table
            self.notes.extend(self.totals.notes(row, first_of(texts), table.columns, table.headings, self.records))
        elif kind is Kind.CARRIED:
            self.totals.see_carried(texts, self._cell(row, "balance"))
        if kind is not Kind.HEADINGS:
            self.between.append(row)
            self.totals.see_count(texts)
        self.passed += 1
        if self.passed > MAX_PASSED:
            raise FileRefusedError("TOO_MANY_LINES", f"more than {MAX_PASSED} rows are no lines; leave them out")

    def _begin_again(self) -> None:
        """Above a line may stand another account, whose line it is, and those below it are."""
        if "account" in self.context.settings:
            return
        above = [([text_of(cell) for cell in row.cells], row.start) for row in self.between]
        heads = (texts for texts, _ in above if is_head(texts, self.bank.trailer_keys))
        is_named = any(names_account(texts, self.bank.account_keys) for texts in heads)
        if is_named and self.preamble.begin_again(above):
            self.totals.since.clear()

    def _cell(self, row: Row, name: str) -> Cell:
        self.looked_at = name
        return self.kinds.table.cell(row, name)

    def _add(self, row: Row, texts: list[str]) -> None:
        self.looked_at = ""
        table = self.kinds.table
        if len(texts) > len(table.headings) and any(texts[table.width :]):
            raise CellError("FIELD_COUNT", "the row has more cells than headings; is the separator right?")
        self.looked_at = table.unread(row)
        if self.looked_at:
            raise CellError("UNREAD_CELL", f"a cell {UNREAD_CELL}")
        currency = self._currency(row)
        amount, reversal = self._amount(row, currency)
        if table.columns["amount"]:  # those of two columns are in the sums
            self.totals.add_signed(currency, amount, reversal)
        balance = self._balance(row, self.bank.digits_of(currency))
        form, latest = table.form.date_format, self.preamble.latest
        booking = date_of(self._cell(row, "booking_date"), form, latest)
        if booking is None:
            raise CellError("BAD_DATE", "the row has no date")
        value = date_of(self._cell(row, "value_date"), form, latest)
        name, number = self._counterparty(row, amount)
        said = dict.fromkeys(value_of(row.cells[p]) for p in table.columns["remittance"] if p < len(row.cells))
        owner = self._account(row, currency, amount)
        statement = owner.statement
        if not fits(self.total_fen + abs(amount)):
            raise FileRefusedError("TOTAL_TOO_LARGE", "the amounts of this file add up beyond int64")
        self.total_fen += abs(amount)
        statement.total_fen += amount
        statement.lines += 1
        statement.closing_date = max(statement.closing_date or booking, booking)
        owner.balances.append(balance)
        at = self._time(row, texts)
        owner.times = (owner.times[0] or at, at)
        owner.lines.append(
            Line(
                statement.lines,
                booking,
                value,
                amount,
                reversal,
                value_of(self._cell(row, "reference")),
                value_of(self._cell(row, "end_to_end_id")),
                name,
                number,
                " ".join(text for text in said if text) or None,
                value_of(self._cell(row, "bank_code")),
                self.records,
                row.start,
                row.end,
            )
        )

    def _time(self, row: Row, texts: list[str]) -> str:
        """The cells that may tell the time of a day: that of the day itself, and those headed so."""
        headings = self.kinds.table.headings
        named = [text for text, heading in zip(texts, headings, strict=False) if heading.endswith("时间")]
        return " ".join([text_of(self._cell(row, "booking_date")), *named])

    def _currency(self, row: Row) -> str:
        text = value_of(self._cell(row, "currency")) or self.preamble.currency
        if not text:
            self.assumed = self.assumed or self.preamble.other
            return self.bank.currency
        if text != self.currency[0]:
            self.currency = text, self.bank.currency_of(text)
        code = self.currency[1]
        if not code:
            shown = mask_text(text[:MAX_SHOWN])
            message = f"the mapping does not know the currency {shown!r}; say its code: currencies: {{{shown}: …}}"
            if names_unit(text):
                message = f"the currency {shown!r} says a unit of the amounts; export them in yuan, and none there"
            raise CellError("BAD_CURRENCY", message)
        return code

    def _balance(self, row: Row, digits: int) -> int | None:
        """The running balance; one that cannot be read is no balance, and the statement says that it lacks it."""
        try:
            return amount_of(self._cell(row, "balance"), digits, self.bank.decimal)
        except CellError:
            return None

    def _amount(self, row: Row, currency: str) -> tuple[int, bool]:
        """(signed amount, reversal). A negative amount in 收入 or 支出 undoes an earlier one (红字冲正)."""
        digits, table = self.bank.digits_of(currency), self.kinds.table
        form = table.form
        if table.columns["income"] and table.columns["expense"]:
            income = amount_of(self._cell(row, "income"), digits, self.bank.decimal)
            expense = amount_of(self._cell(row, "expense"), digits, self.bank.decimal)
            if income is None and expense is None:
                raise CellError("NO_AMOUNT", "neither money in nor money out")
            if expense and (form.expenses_signed or table.tells_sign):
                if table.tells_sign:
                    see_minus(self.minuses, expense)
                expense = abs(expense)
            self.totals.add(currency, income or 0, expense or 0)
            if income and expense:
                raise CellError("TWO_AMOUNTS", "money in and money out in one row")
            said = self._direction(row)
            if said and ((income and said < 0) or (expense and said > 0)):
                raise CellError("SIGN_MISMATCH", "the direction is not that of the amount's column")
            return (income or 0) - (expense or 0), (income or 0) < 0 or (expense or 0) < 0
        amount = amount_of(self._cell(row, "amount"), digits, self.bank.decimal)
        if amount is None:
            raise CellError("NO_AMOUNT", "the row has no amount")
        if not table.columns["direction"]:
            return (amount if form.amount_positive == "credit" else -amount), False
        sign = self._direction(row)
        if sign is None:
            raise CellError("BAD_SIGN", "the row has no direction")
        if amount < 0 and form.expenses_signed is False:
            return sign * amount, True
        if amount < 0 and sign > 0:
            raise CellError("BAD_SIGN", "money in with a minus; where it undoes a line, set expenses_signed: false")
        if sign < 0 and amount and form.expenses_signed is None:
            see_minus(self.minuses, amount, "; leave direction out where the minus alone is the way")
        return sign * abs(amount), False

    def _direction(self, row: Row) -> int | None:
        """1 for money in, -1 for money out, None where the row does not say it."""
        mark = value_of(self._cell(row, "direction"))
        if mark is None:
            return None
        directions = self.kinds.table.form.directions
        sign = directions.get(mark)
        if sign is None:
            raise CellError("BAD_SIGN", f"the direction is none of {', '.join(directions)}")
        return sign

    def _counterparty(self, row: Row, amount: int) -> tuple[str | None, str | None]:
        columns = self.kinds.table.columns
        named = columns["payer_name"] or columns["payer_account"]
        who = ("payer" if amount >= 0 else "payee") if named else "counterparty"
        return name_of(self._cell(row, f"{who}_name")), account_of(self._cell(row, f"{who}_account"))

    def _account(self, row: Row, currency: str, amount: int) -> Account:
        """Whose row it is: the account column, our side of payer and payee, the preamble, or the setting."""
        own = account_of(self._cell(row, "account"))
        columns = self.kinds.table.columns
        if own is None and (columns["payer_account"] or columns["payee_account"]):
            own = account_of(self._cell(row, "payee_account" if amount >= 0 else "payer_account"))
        if own is None:
            own = account_of(self.preamble.account) or ""
        found = self.accounts.get((own, currency))
        if found is None:
            if len(self.accounts) >= MAX_ACCOUNTS:
                message = f"more than {MAX_ACCOUNTS} accounts; is account the right column?"
                raise FileRefusedError("TOO_MANY_ACCOUNTS", message)
            number = len(self.accounts) + 1
            name = self.context.file if number == 1 else f"{self.context.file}#{number}"
            found = self.accounts[(own, currency)] = Account(Statement(name, own, currency))
        return found

    # --- balances ----------------------------------------------------------------------------------------------------

    def _blocks(self) -> Iterator[Parsed]:
        if not self.accounts:
            self.accounts[("", "")] = Account(Statement(self.context.file, self.preamble.account, self.bank.currency))
        block, proven = Block(), bool(self.kinds.table.columns["balance"])
        for owner in self.accounts.values():
            statement = owner.statement
            if not statement.account:
                said = f"statement {statement.shown} does not name its account"
                self.notes.append(f"NO_ACCOUNT: {said}; {_WHERE_ACCOUNT}")
            if gap := set_balances(owner):
                self.notes.append(f"{BALANCE_DIFFERENCE}: statement {statement.shown}: {gap}")
            else:
                self.notes += statement.balance_notes(wants_balances=True, why=unread(owner, in_column=proven))
            if len(self.accounts) == 1:
                self.notes.extend(self.totals.carried_notes(statement))
            block.add(statement, owner.lines or [empty_line(0, self.position)])
        yield Parsed(block.frame(self.context.file), self.rejects)
