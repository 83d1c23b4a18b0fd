"""The chart of accounts as a document: whose books, which accounts, and which account plays which role."""

from __future__ import annotations

from enum import StrEnum
from io import StringIO
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from settlement.model.errors import BadConfiguration


class Role(StrEnum):
    """What an account is for; settlement.md "Ledger", the table of events."""

    SUBSIDY_EXPENSE = "subsidy_expense"
    SPONSOR_ADVANCE = "sponsor_advance"
    OWN_FUNDS = "own_funds"
    PAYABLE_MERCHANT = "payable_merchant"
    PAYABLE_CHANNEL = "payable_channel"
    PAYABLE_MEMBER = "payable_member"
    MERCHANT_RECEIVABLE = "merchant_receivable"
    PAYOUT_IN_TRANSIT = "payout_in_transit"
    BANK_CHARGE = "bank_charge"
    INTEREST = "interest"
    FEE_INCOME = "fee_income"
    SUSPENSE = "suspense"
    TOLERANCE = "tolerance"
    WRITE_OFF = "write_off"
    ADJUSTMENT = "adjustment"
    OPENING = "opening"


PAYABLE = {
    "merchant": Role.PAYABLE_MERCHANT,
    "channel": Role.PAYABLE_CHANNEL,
    "member": Role.PAYABLE_MEMBER,
}


class Account(BaseModel):
    """One account: its name, and whether it is an asset, liability, equity, income or expense."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    name: str = Field(min_length=1)
    kind: Literal["asset", "liability", "equity", "income", "expense"]


class Chart(BaseModel):
    """A chart: accounts by code, a code for every role; `own_sponsor` is the sponsor whose books these are."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    chart: str = Field(min_length=1)
    title: str
    own_sponsor: str = Field(min_length=1)
    accounts: dict[str, Account]
    roles: dict[str, str]

    @model_validator(mode="after")
    def _complete(self) -> Chart:
        wanted = {role.value for role in Role}
        if missing := sorted(wanted - set(self.roles)):
            raise ValueError(f"roles: {missing[0]} has no account; name the code of one")
        if strange := sorted(set(self.roles) - wanted):
            raise ValueError(f"roles: {strange[0]} is no role; write one of {', '.join(sorted(wanted))}")
        for role, code in sorted(self.roles.items()):
            if code not in self.accounts:
                raise ValueError(f"roles.{role}: no account {code!r}; add it under accounts")
        payables = [self.roles[role] for role in PAYABLE.values()]
        apart = [*payables, self.roles["payout_in_transit"], self.roles["suspense"], self.roles["sponsor_advance"]]
        if len(set(apart)) != len(apart):
            raise ValueError("roles: payables, in transit, suspense and advance need an account each")
        return self

    def code(self, role: Role) -> str:
        """The account code of a role."""
        return self.roles[role.value]

    def payable(self, payee_kind: str) -> str:
        """The payable account of a payee kind."""
        return self.code(PAYABLE[payee_kind])


def parse_chart(text: str, file: str) -> Chart:
    """A chart from YAML text. BadConfiguration names the file, the place and the remedy."""
    try:
        document = YAML(typ="safe", pure=True).load(StringIO(text))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadConfiguration(f"{file}:{line}: not YAML ({error.problem}); correct the line") from None
    try:
        return Chart.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the chart"
        message = first["msg"].removeprefix("Value error, ")
        raise BadConfiguration(f"{file}: {where}: {message}; correct the file") from None
