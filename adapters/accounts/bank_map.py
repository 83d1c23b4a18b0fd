"""A bank's statement export as data: which heading is which column, how dates, signs and blanks are written.

A mapping serves .csv, .xls and .xlsx alike. Those of ICBC, CCB, ABC, CMB and BOC ship in `layouts`; a file of the same
kind serves any other bank (setting `layout`: a shipped name, or the mapping itself). docs/mapping.md is made from the
descriptions of the fields here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from adapters.accounts.bank_cells import DateForm
from adapters.accounts.bank_headings import places_of
from adapters.accounts.bank_preamble import heading_key
from adapters.accounts.currency import is_currency, minor_digits
from adapters.description import Part, keys, lines, unchosen
from adapters.layout import Document
from adapters.quotes import known_separator
from adapters.yaml_document import MisfitError, chosen_document, shipped_documents
from settlement.model.errors import BadInput

PACKAGE = "adapters.accounts"
PRESETS = ("icbc", "ccb", "abc", "cmb", "boc")
Headings = tuple[str, ...]
_CURRENCY = re.compile(r"(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])|[\u4e00-\u9fff]+")
# beside a currency: its amounts are not in yuan; 元 is no word of these (人民币（元）)
_UNIT = re.compile(r".*[千万亿]元?|(?:金额)?(?:单位)?[角分]")
# columns of a mapping that have another name, or none, in a line
CANONICAL = {
    "income": "amount",
    "expense": "amount",
    "direction": "amount",
    "payer_name": "counterparty_name",
    "payee_name": "counterparty_name",
    "payer_account": "counterparty_account",
    "payee_account": "counterparty_account",
}
# what banks write for a currency; a mapping's own `currencies` go first
_CURRENCIES = {
    "人民币": "CNY",
    "人民币元": "CNY",
    "RMB": "CNY",
    "美元": "USD",
    "港币": "HKD",
    "港元": "HKD",
    "澳门元": "MOP",
    "欧元": "EUR",
    "日元": "JPY",
    "英镑": "GBP",
    "澳元": "AUD",
    "澳大利亚元": "AUD",
    "加拿大元": "CAD",
    "加元": "CAD",
    "新西兰元": "NZD",
    "新加坡元": "SGD",
    "瑞士法郎": "CHF",
    "韩元": "KRW",
    "韩国元": "KRW",
    "泰铢": "THB",
    "泰国铢": "THB",
    "卢布": "RUB",
}


def names_unit(currency: str) -> bool:
    """Whether a unit that is not yuan stands beside a currency: 人民币（万元）."""
    return any(map(_UNIT.fullmatch, _CURRENCY.findall(currency)))


def _headings(description: str, default: Headings = ()) -> Any:
    return Field(default=default, strict=False, description=description)


def _separator(text: str) -> str:
    return text if text == "auto" else known_separator(text)


class Columns(Document):
    """For each column of a line the headings it may stand under; the first that the file has is taken.

    Money is one of: `income` and `expense`; `amount` with `direction`; a signed `amount`. Where a bank names payer and
    payee instead of the other side, the other side is the payer of a credit and the payee of a debit.
    """

    booking_date: Headings = Field(min_length=1, strict=False, description="the day of the booking, also with a time")
    value_date: Headings = _headings("the value date")
    amount: Headings = _headings("the amount, signed or with `direction`")
    income: Headings = _headings("money in (收入, 贷方发生额)")
    expense: Headings = _headings("money out (支出, 借方发生额)")
    direction: Headings = _headings("the mark of `directions` that says the way of `amount`")
    balance: Headings = _headings("the balance after the line; it proves that none is missing")
    currency: Headings = _headings("the currency as the bank writes it, or its code")
    account: Headings = _headings("our account")
    reference: Headings = _headings("the bank's number of the line")
    end_to_end_id: Headings = _headings("our own number, by which a payout is found again")
    counterparty_name: Headings = _headings("the other side's name")
    counterparty_account: Headings = _headings("the other side's account")
    payer_name: Headings = _headings("the payer's name, where payer and payee are named")
    payer_account: Headings = _headings("the payer's account")
    payee_name: Headings = _headings("the payee's name")
    payee_account: Headings = _headings("the payee's account")
    remittance: Headings = _headings("texts; all the columns that are there are joined")
    bank_code: Headings = _headings("the bank's kind of business")


class Form(Document):
    """One table that a bank exports."""

    columns: Columns = Field(description="the headings of each column, below")
    directions: dict[str, Literal[1, -1]] = Field(
        default_factory=dict,
        description="each mark of the direction column: 1 is money in (贷), -1 money out (借)",
    )
    amount_positive: Literal["credit", "debit"] = Field(
        default="credit", description="what an `amount` above zero is where no column says the direction"
    )
    expenses_signed: bool | None = Field(
        default=None,
        description="true: money out stands below zero (支出金额 -23.45). false: a minus undoes an earlier line "
        "(红字冲正). Left out: in a column of its own it undoes one, but where its heading has it (支出（-元）) it is "
        "money out; with `direction` too, and where such a file has money out with and without a minus, nobody knows "
        "which it is: those lines are rejects",
    )
    date_format: DateForm = Field(
        description="ISO takes 2026-05-07, 20260507, 2026/5/7, 2026.5.7 and 2026年5月7日. DD/MM/YYYY takes 7-5-2026, "
        "07.05.2026 and 07 May 2026 too; YY/MM/DD 26-5-7, 26.05.07 and 260507. "
        "A time may stand behind each. MM/DD is in the year in which it is "
        "not after the month above the headings (2024年01月), else not after the clearing date",
        default="ISO",
    )

    @model_validator(mode="after")
    def _money(self) -> Self:
        columns = self.columns
        if bool(columns.income) != bool(columns.expense):
            raise MisfitError("income and expense go together", "columns", "income" if columns.income else "expense")
        if bool(columns.income) == bool(columns.amount) and not columns.income:
            raise MisfitError("give amount, or income and expense", "columns")
        if columns.direction and not self.directions:
            raise MisfitError("a direction column needs directions: each mark with 1 or -1", "columns", "direction")
        for name in ("amount", "income", "expense"):
            for heading in getattr(columns, name):
                if heading_key(heading) in self.heading_keys["balance"]:
                    raise MisfitError(f"{heading} is the balance or the {name}, not both", "columns", "balance")
        return self

    @cached_property
    def heading_keys(self) -> dict[str, list[str]]:
        """The headings of each column as they are compared."""
        return {name: list(map(heading_key, headings)) for name, headings in self.columns.model_dump().items()}


class BankMap(Form):
    """One bank's export, in its first form; `others` are further tables that the same bank exports (cards, retail)."""

    format: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="its name: small letters, digits and _")
    title: str = Field(description="which bank and export it is, for people")
    source: str = Field(default="", description="where the headings were taken from, for people")
    encoding: Literal["auto", "utf-8", "gb18030", "utf-16"] = Field(
        default="auto",
        description="auto: UTF-8 where the first 64 KiB are, else GB18030; a UTF-16 byte order mark goes before it",
    )
    separator: Annotated[str, AfterValidator(_separator)] = Field(
        default="auto",
        description="auto: of comma, tab, | and ; the one that the line of headings has most. Others: ^, or |@|",
    )
    decimal: Literal[".", ","] = Field(
        default=".", description="what stands before the fen in a text: ',' reads 1234,56 and 1.234,56"
    )
    unit: Literal["yuan", "fen"] = Field(
        default="yuan", description="of amounts and balances; fen: whole numbers of the smallest unit, 1234 is 12.34"
    )
    others: tuple[Form, ...] = Field(
        default=(),
        strict=False,
        description="further forms, each with the keys of a form; the first whose headings a file has is the file's",
    )
    headings: Headings = _headings(
        "of a file without a row of headings: what its cells are, in order; `columns` name them. Every row is a line, "
        "a foot or a reject"
    )
    currency: str = Field(default="CNY", pattern=r"^[A-Z]{3}$", description="of a file that says none")
    currencies: dict[str, Annotated[str, Field(pattern=r"^[A-Z]{3}$")]] = Field(
        default_factory=dict, description="what this bank writes for a currency, and its code: 葡币: MOP"
    )
    account_labels: Headings = _headings(
        "words before our account in the lines above the headings",
        (
            *("账号", "账户", "卡号", "查询账号", "卡号/账号", "银行卡号", "账户账号", "账户号", "账户号码"),
            *("银行账号", "客户账号", "本方账号"),
        ),
    )
    currency_labels: Headings = _headings("words before the currency there", ("币种", "币别", "货币"))
    trailers: Headings = _headings(
        "a row whose first cell begins with one is no line, nor are the rows behind it until one has a day again; a "
        "row with a day and an amount is one all the same; where it begins with a word of `totals`, only one with the "
        "name or account of another side, or a reference",
        (
            *("合计", "总计", "小计", "本页", "累计", "以上数据", "人民币合计", "资金流水总笔数", "总笔数", "备注:"),
            *("说明", "#", "借方合计", "贷方合计", "收入合计", "支出合计", "借方笔数", "贷方笔数"),
            *("收入笔数", "支出笔数", "期初余额:", "期末余额:", "打印", "制表", "导出", "下载", "查询时间"),
            *("温馨提示", "提示:", "注:", "声明", "没有", "暂无", "无交易", "无记录", "无数据", "未查询到", "查无"),
            *("本期合计", "本次合计", "交易汇总", "借方交易", "贷方交易", "借方总", "贷方总", "收入总", "支出总"),
            *("总收入", "总支出"),
        ),
    )

    no_lines: Headings = _headings(
        "a row with a cell that is one of these, whole, is no line: balances carried, and sums among the lines. With a "
        "day, an amount and the name or account of another side, or a reference, it is one. A balance beside 期初余额 "
        "or 期末余额 must be that of the lines",
        (
            *("期初余额", "期末余额", "上期余额", "上期结余", "上年结转", "承前页", "过次页", "合计", "小计", "总计"),
            *("本日合计", "本日小计", "当日合计", "本月合计", "当月合计", "本年合计", "本月累计", "本年累计", "累计"),
        ),
    )
    totals: Headings = _headings(
        "rows of `trailers` whose cells under `income` and `expense` are the sums of the lines above them, of the "
        "whole file or since the last such row; other sums are told, and hold the statement",
        ("合计", "总计", "人民币合计"),
    )
    count_labels: Headings = _headings(
        "words before or above the number of lines, above the headings or below them, of all or of each account",
        ("总笔数", "资金流水总笔数"),
    )

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if self.headings and (self.others or not self.places[1]):
            raise ValueError("headings: name the cells of booking_date and of the amount, and give no others")
        return self

    @property
    def places(self) -> tuple[list[str], dict[str, list[int]]]:
        """(headings as they are compared, where each column stands) of a file without a row of headings."""
        keys = [heading_key(heading) for heading in self.headings]
        return keys, places_of(keys, self) or {}

    @cached_property
    def trailer_keys(self) -> Headings:
        """`trailers` as they are compared with what a row begins with."""
        return tuple(map(heading_key, self.trailers))

    @cached_property
    def no_line_keys(self) -> frozenset[str]:
        """`no_lines` as they are compared with cells."""
        return frozenset("".join(word.split()) for word in self.no_lines)

    @cached_property
    def account_keys(self) -> frozenset[str]:
        """`account_labels` as they are compared with labels."""
        return frozenset(map(heading_key, self.account_labels))

    @property
    def forms(self) -> tuple[Form, ...]:
        """Every table this mapping reads, in the order in which they are tried."""
        return (self, *self.others)

    def currency_of(self, text: str) -> str:
        """The code of a currency as the bank writes it; "" where it is not known.

        It may be written twice (人民币(CNY)) or beside other words (活期存款 港币 现汇), but be one alone, and not
        within another word (折合人民币 美元).
        """
        known = self._known_currencies
        code = known.get(text, text)
        if is_currency(code):
            return code
        parts = set(_CURRENCY.findall(text))
        others = parts - known.keys()
        codes = {*(known[part] for part in parts - others), *filter(is_currency, others)}
        if parts == others and not all(map(is_currency, parts)):
            return ""  # three capitals beside other words may be anything (VIP 客户)
        codes.update(code for word, code in known.items() if any(word in part for part in others))
        return codes.pop() if len(codes) == 1 and not names_unit(text) else ""

    @cached_property
    def _known_currencies(self) -> dict[str, str]:
        return _CURRENCIES | self.currencies

    @cached_property
    def foreign(self) -> re.Pattern[str]:
        """Finds the name or code of another currency than `currency` in a text."""
        known = self._known_currencies.items()
        words = {word for pair in known if pair[1] != self.currency for word in pair}
        # a number for a currency (13: HKD) may be part of any other; one look behind for all words, not one for each
        told = sorted(re.escape(word) for word in words if word.strip("0123456789"))
        return re.compile(rf"(?<![A-Za-z])(?:{'|'.join(told)})(?![A-Za-z])")

    def digits_of(self, currency: str) -> int:
        """Decimals of an amount in this file."""
        return 0 if self.unit == "fen" else minor_digits(currency)


def bank_map(settings: Mapping[str, Any]) -> BankMap:
    """The mapping of the setting `layout`. Raises BadInput where it is missing or wrong."""
    chosen = settings.get("layout")
    if chosen is None:
        raise BadInput(f"setting layout: name a bank ({', '.join(PRESETS)}), or give a mapping (docs/mapping.md)")
    return chosen_document(chosen, "layout", PACKAGE, BankMap)


def separator_of(bank: BankMap, settings: Mapping[str, Any], source: str) -> str:
    """The setting `separator`, else the mapping's. BadInput: it is none."""
    try:
        return _separator(str(settings.get("separator", bank.separator)))
    except ValueError as error:
        raise BadInput(f"{source}: setting separator: {error}") from None


_AROUND = ("headings", "account_labels", "currency_labels", "trailers", "no_lines", "totals", "count_labels")
_SIGNED = {None: "", True: "; money out stands below zero", False: "; a minus undoes an earlier line"}


def describe_bank(settings: Mapping[str, Any]) -> list[Part]:
    """The mapping in force; without the setting `layout`, those that ship and the keys of one."""
    if "layout" not in settings:
        told = unchosen("a bank's export is read by its mapping", "layout", shipped_documents(PACKAGE))
        return [*told, keys("mapping", BankMap), keys("columns", Columns)]
    chosen = bank_map(settings)
    head = [f"{chosen.format}: {chosen.title}", f"encoding {chosen.encoding}; separator {chosen.separator!r}"]
    parts = [lines("", head + ([f"source: {chosen.source}"] if chosen.source else []))]
    for number, form in enumerate(chosen.forms, 1):
        title = f"form {number}; days {form.date_format}; an amount above zero is a {form.amount_positive}"
        marks = ", ".join(f"{mark} {'+' if sign > 0 else '-'}" for mark, sign in form.directions.items())
        rows = [(name, " | ".join(headings)) for name, headings in form.columns.model_dump().items() if headings]
        rows += [("(directions)", marks)] if marks else []
        parts.append(Part(title + _SIGNED[form.expenses_signed], ("name", "headings"), rows))
    words = [(name, ", ".join(said)) for name in _AROUND if (said := getattr(chosen, name))]
    words += [("currencies", ", ".join(f"{word} {code}" for word, code in chosen.currencies.items()))] * bool(
        chosen.currencies
    )
    words += [("unit", "amounts and balances are whole numbers of fen")] * (chosen.unit == "fen")
    words += [("decimal", f"{chosen.decimal} stands before the fen")] * (chosen.decimal != ".")
    words += [("currency", f"{chosen.currency}, of a file that says none")]
    return [*parts, Part("around the lines (docs/mapping.md says what each does)", ("name", "what"), words)]
