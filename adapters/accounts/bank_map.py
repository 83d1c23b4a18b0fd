"""A bank's statement export as data: which heading is which column, how dates, signs and blanks are written.

A mapping serves .csv, .xls and .xlsx alike. Those of ICBC, CCB, ABC, CMB and BOC ship in `layouts`; a file of the same
kind serves any other bank (setting `layout`: a shipped name, or the mapping itself).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from adapters.accounts.currency import is_currency
from adapters.description import Part, lines
from adapters.yaml_document import document_of, load_document, shipped_text
from settlement.model.errors import BadInput

PACKAGE = "adapters.accounts"
PRESETS = ("icbc", "ccb", "abc", "cmb", "boc")
_BRACKET = re.compile(r"\[.*?\]")
Headings = tuple[str, ...]
# what banks write for a currency; a mapping's own `currencies` go first
_CURRENCIES = {
    "人民币": "CNY",
    "人民币元": "CNY",
    "RMB": "CNY",
    "美元": "USD",
    "港币": "HKD",
    "港元": "HKD",
    "欧元": "EUR",
    "日元": "JPY",
    "英镑": "GBP",
}


def heading_key(text: str) -> str:
    """A heading without what banks vary: width (NFKC), blanks, an English name in square brackets, case."""
    plain = unicodedata.normalize("NFKC", text)
    plain = _BRACKET.sub("", plain)
    return "".join(plain.split()).casefold()


def _headings() -> Any:
    return Field(default=(), strict=False)


class Columns(BaseModel):
    """For each column of a line the headings it may stand under; the first that the file has is taken.

    Money is one of: `income` and `expense`; `amount` with `direction`; a signed `amount`. Where a bank names payer and
    payee instead of the other side, the other side is the payer of a credit and the payee of a debit. All the columns
    of `remittance` are joined.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)

    booking_date: Headings = Field(min_length=1, strict=False)
    value_date: Headings = _headings()
    amount: Headings = _headings()
    income: Headings = _headings()
    expense: Headings = _headings()
    direction: Headings = _headings()
    balance: Headings = _headings()
    currency: Headings = _headings()
    account: Headings = _headings()
    reference: Headings = _headings()
    end_to_end_id: Headings = _headings()
    counterparty_name: Headings = _headings()
    counterparty_account: Headings = _headings()
    payer_name: Headings = _headings()
    payer_account: Headings = _headings()
    payee_name: Headings = _headings()
    payee_account: Headings = _headings()
    remittance: Headings = _headings()
    bank_code: Headings = _headings()


class Form(BaseModel):
    """One table that a bank exports. `directions` gives each mark of the direction column its sign, the bank's view of
    our account: 借 is money out (-1), 贷 is money in (1).

    A day written MM/DD is in the year in which it is not after the month that stands above the headings (2024年01月),
    else not after the clearing date.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)

    columns: Columns
    directions: dict[str, Literal[1, -1]] = Field(default_factory=dict)
    amount_positive: Literal["credit", "debit"] = "credit"
    date_format: Literal["ISO", "DD/MM/YYYY", "MM/DD/YYYY", "MM/DD"] = "ISO"

    @model_validator(mode="after")
    def _money(self) -> Self:
        columns = self.columns
        if bool(columns.income) != bool(columns.expense):
            raise ValueError("income and expense go together")
        if bool(columns.income) == bool(columns.amount) and not columns.income:
            raise ValueError("give amount, or income and expense")
        if columns.direction and not self.directions:
            raise ValueError("a direction column needs directions: each mark with 1 or -1")
        return self


class BankMap(Form):
    """One bank's export, in its first form; `others` are further tables that the same bank exports (cards, retail). The
    first form whose headings a file has is the file's.

    `account_labels` and `currency_labels` are words before account and currency in the lines above the headings. A row
    whose first cell begins with one of `trailers` ends nothing and is skipped. The separator `auto` is the one that the
    line of headings has most.
    """

    format: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    source: str = ""
    encoding: Literal["auto", "utf-8", "gb18030"] = "auto"
    separator: Literal["auto", ",", "\t", ";", "|"] = "auto"
    others: tuple[Form, ...] = Field(default=(), strict=False)
    currency: str = Field(default="CNY", pattern=r"^[A-Z]{3}$")
    currencies: dict[str, str] = Field(default_factory=dict)
    account_labels: Headings = Field(default=("账号", "账户", "卡号", "查询账号", "卡号/账号"), strict=False)
    currency_labels: Headings = Field(default=("币种", "币别", "货币"), strict=False)
    trailers: Headings = Field(default=("合计", "总计", "以上数据", "人民币合计", "备注:", "说明", "#"), strict=False)

    @property
    def forms(self) -> tuple[Form, ...]:
        """Every table this mapping reads, in the order in which they are tried."""
        return (self, *self.others)

    def currency_of(self, text: str) -> str:
        """The code of a currency as the bank writes it; "" where the mapping does not know it."""
        code = self.currencies.get(text) or _CURRENCIES.get(text, text)
        return code if is_currency(code) else ""


def bank_map(settings: Mapping[str, Any], source: str) -> BankMap:
    """The mapping of the setting `layout`. Raises BadInput where it is missing or wrong."""
    chosen = settings.get("layout")
    if isinstance(chosen, BankMap):
        return chosen
    if isinstance(chosen, str):
        text = shipped_text(PACKAGE, chosen)
        if text is None:
            raise BadInput(f"{source}: layout {chosen!r} does not ship; one of {', '.join(PRESETS)}, or a mapping file")
        return load_document(text, f"{chosen}.yaml", BankMap)
    if isinstance(chosen, Mapping):
        return document_of(chosen, "setting layout", BankMap)
    raise BadInput(f"{source}: setting layout: name a bank ({', '.join(PRESETS)}), or give a mapping file")


def describe_bank(settings: Mapping[str, Any]) -> list[Part]:
    """The mapping in force; without the setting `layout`, that of ICBC."""
    chosen = bank_map({"layout": "icbc"} | dict(settings), "bank_csv")
    head = [f"{chosen.format}: {chosen.title}", f"encoding {chosen.encoding}; separator {chosen.separator!r}"]
    parts = [lines("", head + ([f"source: {chosen.source}"] if chosen.source else []))]
    for number, form in enumerate(chosen.forms, 1):
        title = f"form {number}; days {form.date_format}; an amount above zero is a {form.amount_positive}"
        marks = ", ".join(f"{mark} {'+' if sign > 0 else '-'}" for mark, sign in form.directions.items())
        rows = [(name, " | ".join(headings)) for name, headings in form.columns.model_dump().items() if headings]
        rows += [("(directions)", marks)] if marks else []
        parts.append(Part(title, ("name", "headings"), rows))
    return parts
