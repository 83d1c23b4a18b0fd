"""Statement exports of banks (.csv, .xls, .xlsx) by a mapping, to STATEMENT_LINE frames.

Source: feeds.md "Bank clearing and statements"; headings in samples/notes.md D. Lines above the headings are the
preamble (the account may stand there), lines that begin with a trailer word are skipped. A file is one statement per
account and currency. Where the bank writes a running balance, each row must follow from the row before it: that gives
opening and closing, in whichever direction of time the bank lists its rows.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO

from adapters.accounts.bank_balances import Account, set_balances, unread
from adapters.accounts.bank_cells import (
    CellError,
    account_of,
    amount_of,
    date_of,
    is_like_a_day,
    is_reference,
    is_somebody,
    name_of,
    see_minus,
    text_of,
    value_of,
)
from adapters.accounts.bank_feet import NUMBER, PAGE, PRINTED, TALLY, are_words, cut_notes, is_head, is_sum
from adapters.accounts.bank_headings import check_headings, headings_of, keys_of, no_headings, places_of, tells_sign
from adapters.accounts.bank_map import CANONICAL, BankMap, Form, bank_map, separator_of
from adapters.accounts.bank_preamble import (
    account_in,
    check_unit,
    check_unit_above,
    has_label,
    heading_key,
    labels_of,
    month_end,
)
from adapters.accounts.bank_rows import MAX_PREAMBLE, Row, rows
from adapters.accounts.bank_totals import Totals
from adapters.accounts.statement import BALANCE_DIFFERENCE, Block, Line, Statement, empty_line, fits
from adapters.base import Closing, Context, Parsed
from adapters.refused import FileRefusedError
from adapters.safe_workbook import MAX_COLUMNS, UNREAD, UNREAD_CELL, Cell
from adapters.shown import mask_text
from adapters.text_lines import encoding_of
from settlement.model.rejects import Reject

MAX_LINES = 300_000  # kept until the last balance is known
MAX_TEXT = 48 * 1024 * 1024  # characters, kept as the lines are
MAX_PASSED = 100_000  # rows that are no lines: a file of blank ones would be read for hours
MAX_ACCOUNTS = 1000
MAX_SHOWN = 40
_WHERE_ACCOUNT = "set account, or the mapping's account_labels to the word before it"
_SIDES = ("counterparty", "payer", "payee")
_DIGIT = re.compile("[0-9]")
_RULE = re.compile(r"[-=_*#+~. ]*")


def read_bank(stream: BinaryIO, context: Context) -> Iterator[Parsed | Closing]:
    """Blocks of lines, then the Closing.

    Settings: `layout` (a shipped bank or a mapping), `encoding` (the mapping's, else auto), `account` (where the file
    does not say it), `sheet` (the first).
    """
    bank = bank_map(context.settings, context.source)
    trailers = tuple(heading_key(word) for word in bank.trailers)
    no_lines = frozenset("".join(word.split()) for word in bank.no_lines)
    reader = _Reader(context, bank, bank, Totals(bank), trailers=trailers, no_lines=no_lines)
    reader.headings, reader.columns = bank.places
    reader.latest = context.clearing_date
    return reader.read(stream)


@dataclass(slots=True)
class _Reader:
    context: Context
    bank: BankMap
    form: Form
    totals: Totals
    columns: dict[str, list[int]] = field(default_factory=dict)
    trailers: tuple[str, ...] = ()
    account: str = ""
    currency: str = ""  # as the lines above the headings write it
    latest: date | None = None
    accounts: dict[tuple[str, str], Account] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    upper_headings: list[str] = field(default_factory=list)  # the merged ones, where they stand in two rows
    foot: bool = False  # a trailer was the last thing seen
    looked_at: str = ""  # the column that the row was last asked for: what a reject is about
    passed: int = 0
    no_lines: frozenset[str] = frozenset()
    tells_sign: bool = False  # the heading of money out does
    minuses: set[bool] = field(default_factory=set)  # whether money out had a minus, where the mapping does not say it
    between: deque[Row] = field(default_factory=lambda: deque(maxlen=MAX_PREAMBLE))  # no lines, since the last line
    last: Row | None = None  # the last row that is a line
    shortest: int = MAX_COLUMNS  # cells of the shortest line before it
    records: int = 0
    text: int = 0
    skipped: int = 0
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
            accepted=self.records - rejected - self.skipped if refused is None else 0,
            rejected=rejected,
            skipped=self.skipped,
            total_fen=self.total_fen,
            clearing_date=max(days, default=None),
            notes=tuple(self.notes),
            refused=refused,
        )

    # --- the file ----------------------------------------------------------------------------------------------------

    def _take_all(self, stream: BinaryIO) -> None:
        settings = self.context.settings
        given = settings.get("encoding", self.bank.encoding)
        encoding = given if given in {"auto", "utf-16"} else encoding_of(given, self.context.source)
        self.account = str(settings.get("account", ""))
        separator = separator_of(self.bank, settings, self.context.source)
        words = ("",) * bool(self.bank.headings) or tuple(
            dict.fromkeys(heading_key(h) for form in self.bank.forms for h in form.columns.booking_date)
        )
        all_rows = rows(
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
        seen = ""
        above: list[Cell] = []
        for number, row in enumerate(all_rows):
            self.position = row.end
            if self.columns:
                self._take(row)
            elif number >= MAX_PREAMBLE:
                break
            elif not self._find_headings(row, above):
                seen += "".join(text_of(cell) for cell in row.cells)
                self._read_preamble(row)
                self.totals.see_count([text_of(cell) for cell in row.cells])
                above = row.cells
        if self.columns:
            money = {place for name in ("income", "expense", "amount", "balance") for place in self.columns[name]}
            self.notes.extend(cut_notes(self.last, self.position, self.records, self.shortest, self.headings, money))
            self.notes += [*self.totals.count_note(self.records), *self.totals.sum_notes(self.records)]
        else:
            raise no_headings(self.bank.forms, seen)

    def _find_headings(self, row: Row, above: list[Cell]) -> bool:
        """True for the line of headings of a form: a date and a way to know the amount."""
        for form, keys in ((form, keys) for form in self.bank.forms for keys in headings_of(row.cells, above)):
            found = places_of(keys, form)
            if found is None:
                continue
            check_headings(row.cells, keys, found, self.bank.unit, row.start)
            self.form, self.columns, self.headings = form, found, keys
            self.tells_sign = tells_sign(form, keys, found)
            self.upper_headings = [] if keys == keys_of(row.cells) else keys_of(above)
            return True
        return False

    def _read_preamble(self, row: Row) -> None:
        """Account, currency and month above the headings: "账号：123" in one cell, or the value in the next cell."""
        texts = [text_of(cell) for cell in row.cells]
        for names, value in labels_of(texts):
            if not names.isdisjoint(map(heading_key, self.bank.account_labels)):
                self.account = self.account or account_in(value)
            elif not names.isdisjoint(map(heading_key, self.bank.currency_labels)):
                self.currency = value.strip("[] ")
        check_unit_above(texts, self.bank.unit, row.start)
        for text in texts:
            self.latest = month_end(text) or self.latest

    # --- a row -------------------------------------------------------------------------------------------------------

    def _take(self, row: Row) -> None:
        texts = [text_of(cell) for cell in row.cells]
        if self._is_no_line(row, texts):
            self.passed += 1
            if self.passed > MAX_PASSED:
                raise FileRefusedError("TOO_MANY_LINES", f"more than {MAX_PASSED} rows are no lines; leave them out")
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

    def _is_no_line(self, row: Row, texts: list[str]) -> bool:
        """True for blank rows and rules, for headings that come again, and for feet."""
        first = heading_key(next((text for text in texts if not _RULE.fullmatch(text)), ""))
        if first and not _DIGIT.search(text_of(self._cell(row, "booking_date"))):
            # headings again, perhaps of another table: its columns may stand otherwise
            above = self.between[-1].cells if self.between else []
            if self._find_headings(row, above):
                self.foot = False
                return True
            first = "" if keys_of(row.cells) == self.upper_headings else first
        if first and not self._is_foot(row, texts, first):
            return False
        self.between.append(row)
        self.totals.see_count(texts)
        return True

    def _is_foot(self, row: Row, texts: list[str], first: str) -> bool:
        """True for trailers, and for the rows behind one that have no day.

        Behind a trailer a row with a day, though it cannot be read, is a line again (本页小计 stands in the middle).
        """
        is_page = PAGE.match(first) is not None
        if (is_page or first.startswith(self.trailers) or TALLY.match(first)) and not self._is_line(row, first):
            self.foot = self.foot or not is_page
            self.totals.see_labelled(texts)
            self.notes.extend(self.totals.notes(row, first, self.columns, self.headings, self.records))
            return True
        words = {"".join(text.split()) for text in texts if not text.isascii()}
        if not self.no_lines.isdisjoint(words) and not self._names_other_side(row):
            self.totals.see_carried(words, self._cell(row, "balance"))
            return True
        # without an amount, a row that names an account begins the lines of another one
        if self.foot or self._is_labels(row, texts):
            self.foot = self._day(row) is None and not (self._is_like_a_day(row) and self._has_amount(row))
        return self.foot or self._is_sentence(row, texts)

    def _is_sentence(self, row: Row, texts: list[str]) -> bool:
        """True for words without money, other side and day; what may be part of a line, or other headings, is none."""
        told, day = [text for text in texts if text], text_of(self._cell(row, "booking_date"))
        if self._has_money(row, "balance") or (self.bank.headings and self.last is None) or not are_words(told):
            return False
        is_cut = not row.whole and self.columns["booking_date"][0] > 0
        if is_cut or NUMBER.match(day) or self._is_like_a_day(row):
            return False
        if self.last:
            return len(told) == 1 or (":" in heading_key("".join(told)) and not self._names_somebody(row))
        check_unit(" ".join(told), self.bank.unit, row.start)  # a second row of headings may say it
        return True

    def _names_other_side(self, row: Row) -> bool:
        """True for a line with somebody's name, account or number, whose text happens to be a word of `no_lines`."""
        return self._names_somebody(row) and self._day(row) is not None and self._has_amount(row)

    def _names_somebody(self, row: Row) -> bool:
        cells = ((self._cell(row, f"{who}_name"), self._cell(row, f"{who}_account")) for who in _SIDES)
        return is_reference(self._cell(row, "reference")) or any(is_somebody(*both, self.no_lines) for both in cells)

    def _day(self, row: Row) -> date | None:
        """The day of a row; None where it has none that can be read."""
        try:
            return date_of(self._cell(row, "booking_date"), self.form.date_format, self.latest)
        except CellError:
            return None

    def _has_amount(self, row: Row) -> bool:
        return any(value_of(self._cell(row, name)) for name in ("amount", "income", "expense"))

    def _is_labels(self, row: Row, texts: list[str]) -> bool:
        """True for a row of labels with an account: under money it may have 币种, or the account's number."""
        if not self._has_money(row):
            return self._has_account(texts)
        day = text_of(self._cell(row, "booking_date"))
        return not _DIGIT.search(day) and has_label(texts, self.bank.account_labels) and self._has_account(texts)

    def _has_money(self, row: Row, *more: str) -> bool:
        """True where a number stands under money, or what could not be read."""
        cells = (text_of(self._cell(row, name)) for name in ("amount", "income", "expense", *more))
        return any(cell == UNREAD or _DIGIT.search(cell) for cell in cells)

    def _has_account(self, texts: list[str]) -> bool:
        labels = set(map(heading_key, self.bank.account_labels))
        return any(account_in(value) and not labels.isdisjoint(names) for names, value in labels_of(texts))

    def _begin_again(self) -> None:
        """Above a line may stand another account, whose line it is, and those below it are."""
        above = ([text_of(cell) for cell in row.cells] for row in self.between)
        if (
            not any(self._has_account(texts) for texts in above if is_head(texts, self.trailers))
            or "account" in self.context.settings
        ):
            return
        account, currency = self.account, self.currency
        self.account = self.currency = ""
        for row in self.between:
            self._read_preamble(row)
        if self.account == account:  # the next page of the same one, which need not say its currency again
            self.currency = self.currency or currency
        else:
            self.totals.since.clear()

    def _is_line(self, row: Row, first: str) -> bool:
        """True for a row that begins as a trailer does, but has an amount and a day, perhaps a wrong one: 说明费."""
        is_total = is_sum(first, self.bank.totals) and not self._names_other_side(row)
        has_day = self._day(row) is not None or self._is_like_a_day(row)
        return has_day and self._has_amount(row) and not is_total and PRINTED.match(first) is None

    def _is_like_a_day(self, row: Row) -> bool:
        return is_like_a_day(self._cell(row, "booking_date"), self.form.date_format)

    def _cell(self, row: Row, name: str) -> Cell:
        """The cell of a column; None where the file lacks the column or the row is short."""
        self.looked_at = name
        place = self.columns[name]
        return row.cells[place[0]] if place and place[0] < len(row.cells) else None

    def _add(self, row: Row, texts: list[str]) -> None:
        self.looked_at = ""
        named = max(n for n, text in enumerate(self.headings, 1) if text)
        if any(texts[named if len(texts) > len(self.headings) else len(self.headings) :]):
            raise CellError("FIELD_COUNT", "the row has more cells than headings; is the separator right?")
        for column, places in self.columns.items():
            if any(row.cells[place] == UNREAD for place in places if place < len(row.cells)):
                self.looked_at = column
                raise CellError("UNREAD_CELL", f"a cell {UNREAD_CELL}")
        currency = self._currency(row)
        amount, reversal = self._amount(row, currency)
        if self.columns["amount"]:  # those of two columns are in the sums
            self.totals.add_signed(currency, amount, reversal)
        balance = self._balance(row, self.bank.digits_of(currency))
        booking = date_of(self._cell(row, "booking_date"), self.form.date_format, self.latest)
        if booking is None:
            raise CellError("BAD_DATE", "the row has no date")
        value = date_of(self._cell(row, "value_date"), self.form.date_format, self.latest)
        name, number = self._counterparty(row, amount)
        said = dict.fromkeys(value_of(row.cells[p]) for p in self.columns["remittance"] if p < len(row.cells))
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
        named = [text for text, heading in zip(texts, self.headings, strict=False) if heading.endswith("时间")]
        return " ".join([text_of(self._cell(row, "booking_date")), *named])

    def _currency(self, row: Row) -> str:
        text = value_of(self._cell(row, "currency")) or self.currency
        if not text:
            return self.bank.currency
        code = self.bank.currency_of(text)
        if not code:
            shown = mask_text(text[:MAX_SHOWN])
            message = f"the mapping does not know the currency {shown!r}; say its code: currencies: {{{shown}: USD}}"
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
        digits = self.bank.digits_of(currency)
        if self.columns["income"] and self.columns["expense"]:
            income = amount_of(self._cell(row, "income"), digits, self.bank.decimal)
            expense = amount_of(self._cell(row, "expense"), digits, self.bank.decimal)
            if income is None and expense is None:
                raise CellError("NO_AMOUNT", "neither money in nor money out")
            if expense and (self.form.expenses_signed or self.tells_sign):
                if self.tells_sign:
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
        if not self.columns["direction"]:
            return (amount if self.form.amount_positive == "credit" else -amount), False
        sign = self._direction(row)
        if sign is None:
            raise CellError("BAD_SIGN", "the row has no direction")
        if amount < 0 and self.form.expenses_signed is False:
            return sign * amount, True
        if amount < 0 and sign > 0:
            raise CellError("BAD_SIGN", "money in with a minus; where it undoes a line, set expenses_signed: false")
        if sign < 0 and amount and self.form.expenses_signed is None:
            see_minus(self.minuses, amount, "; leave direction out where the minus alone is the way")
        return sign * abs(amount), False

    def _direction(self, row: Row) -> int | None:
        """1 for money in, -1 for money out, None where the row does not say it."""
        mark = value_of(self._cell(row, "direction"))
        if mark is None:
            return None
        sign = self.form.directions.get(mark)
        if sign is None:
            raise CellError("BAD_SIGN", f"the direction is none of {', '.join(self.form.directions)}")
        return sign

    def _counterparty(self, row: Row, amount: int) -> tuple[str | None, str | None]:
        named = self.columns["payer_name"] or self.columns["payer_account"]
        who = ("payer" if amount >= 0 else "payee") if named else "counterparty"
        return name_of(self._cell(row, f"{who}_name")), account_of(self._cell(row, f"{who}_account"))

    def _account(self, row: Row, currency: str, amount: int) -> Account:
        """Whose row it is: the account column, our side of payer and payee, the preamble, or the setting."""
        own = account_of(self._cell(row, "account"))
        if own is None and (self.columns["payer_account"] or self.columns["payee_account"]):
            own = account_of(self._cell(row, "payee_account" if amount >= 0 else "payer_account"))
        if own is None:
            own = account_of(self.account) or ""
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
            self.accounts[("", "")] = Account(Statement(self.context.file, self.account, self.bank.currency))
        block, proven = Block(), bool(self.columns.get("balance"))
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
