"""puhui.toml: sources, channels, accounts, payout and policy of one programme, checked before anything runs."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from datetime import date, time
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from adapters.base import Context
from adapters.payments.bank_template import payout_layout
from adapters.payments.bank_template import write as write_template
from adapters.yaml_document import read_yaml
from settlement.model.errors import BadConfiguration, BadInput
from settlement.model.frames import PAYMENT

CONFIG_NAME = "puhui.toml"


def _word(value: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", value) is None:
        raise ValueError("a name is 1 to 32 of a-z 0-9 _ - and begins with a letter")
    return value


Word = Annotated[str, AfterValidator(_word)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ProgrammeConfig(_Document):
    """The programme this home settles."""

    name: Word
    statement_code: str = Field(pattern=r"^[A-Z0-9]{1,6}$", description="begins statement numbers")
    timezone: str = "Asia/Shanghai"
    cutoff: time = time(23, 0)
    chart: Word = "default"

    @property
    def zone(self) -> ZoneInfo:
        """The programme's time zone."""
        return ZoneInfo(self.timezone)


class SourceConfig(_Document):
    """One source: a format bound to a bank, its folder below exchange/ and its settings."""

    name: Word
    title: str
    format: str
    role: Literal["feed", "clearing", "statement", "result"]
    folder: Word
    pattern: str = Field(description="glob of the file names that belong to this source", min_length=1)
    complete: Literal["marker", "rename"] = "marker"
    expected: Literal["daily", "none"] = "daily"
    reject_file_on_bad_row: bool = False
    settings: dict[str, Any] = Field(default_factory=dict)


class ChannelConfig(_Document):
    """One channel of transaction reconciliation: our feed's rail against the bank's clearing file."""

    name: Word
    title: str
    ours: Word
    rail: Literal["pos", "purse", "bank_account"]
    theirs: Word
    near_minutes: int = Field(default=5, ge=0, le=1440)
    carry_days: int = Field(default=10, ge=0, le=60)
    hold: bool = Field(default=True, description="awards wait for the match; false: a source configured otherwise")


class SponsorAccount(_Document):
    """Where a sponsor's money comes from; a credit from here is a top-up of its advance."""

    sponsor: Word
    account: str


class AccountConfig(_Document):
    """One bank account of ours, as its statements name it."""

    name: Word
    title: str
    number: str
    statement_source: Word
    ledger_account: str
    first_opening_fen: int = 0
    sponsors: tuple[SponsorAccount, ...] = ()
    charge_codes: tuple[str, ...] = Field(default=(), description="bank codes of charges (debit) and interest (credit)")


class PayoutConfig(_Document):
    """How payouts leave."""

    account: Word
    format: Literal["pain001", "bank_template"] = "pain001"
    version: Literal["03", "09"] = Field(default="09", description="of pain001")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="of bank_template: `layout`, and the fields that it takes from settings"
    )
    file_name: str = Field(
        default="{batch_no}.xml", description="with {batch_no}, or {day} (YYYYMMDD) and {number} (001, of the day)"
    )
    bank: str | None = Field(
        default=None, pattern=r"^[0-9]{3}$", description="pays accounts at this bank alone: first digits of the 联行号"
    )
    folder: Word
    debtor_name: str
    debtor_bank_code: str = Field(pattern=r"^[0-9]{12}$")
    unpaid_after_days: int = Field(default=3, ge=1, le=30, description="banking days until a released item is UNPAID")

    @model_validator(mode="after")
    def _file_can_be_named(self) -> Self:
        try:
            parts = list(Formatter().parse(self.file_name))
        except ValueError:
            parts = [("", "?", "", None)]
        fields = {field for _, field, _, _ in parts if field is not None}
        plain = not any(spec or conversion for _, _, spec, conversion in parts)
        if not plain or not fields <= {"batch_no", "day", "number"}:
            raise ValueError(
                "file_name: write it with {batch_no}, or with {day} and {number}, and nothing else in braces"
            )
        if "batch_no" not in fields and not fields >= {"day", "number"}:
            raise ValueError("file_name: two batches would have one name; write {batch_no}, or {day} and {number}")
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.name_of("B-20260507-1")) is None:
            raise ValueError("file_name: letters, digits, '.', '_' and '-', without folders")
        if (self.format == "bank_template") != ("layout" in self.settings):
            raise ValueError("settings: bank_template needs a layout, pain001 takes none; write both or neither")
        return self

    def name_of(self, batch_no: str) -> str:
        """The file's name of a batch B-<day>-<number>."""
        _, day, number = batch_no.split("-")
        return self.file_name.format(batch_no=batch_no, day=day, number=f"{int(number):03d}")


class PolicyConfig(_Document):
    """Who may decide alone, and up to what."""

    second_person_above_fen: int = Field(default=100_000, ge=0)
    overdraft_fen: dict[str, int] = Field(
        default_factory=dict, description="by sponsor: how far an advance may go below 0"
    )
    first_business_date: date


class Config(_Document):
    """puhui.toml as a whole."""

    programme: ProgrammeConfig
    sources: tuple[SourceConfig, ...]
    channels: tuple[ChannelConfig, ...]
    accounts: tuple[AccountConfig, ...]
    payout: PayoutConfig
    policy: PolicyConfig

    @model_validator(mode="after")
    def _names_exist(self) -> Config:
        try:
            ZoneInfo(self.programme.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"programme.timezone: no time zone {self.programme.timezone!r}") from None
        sources = [s.name for s in self.sources]
        for kind, names in (
            ("sources", sources),
            ("channels", [c.name for c in self.channels]),
            ("accounts", [a.name for a in self.accounts]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"{kind}: a name stands twice")
        wanted = [(f"channels.{c.name}", name) for c in self.channels for name in (c.ours, c.theirs)]
        wanted += [(f"accounts.{a.name}.statement_source", a.statement_source) for a in self.accounts]
        for where, name in wanted:
            if name not in sources:
                raise ValueError(f"{where}: no source {name!r}; write one of {', '.join(sources)}")
        if self.payout.account not in [a.name for a in self.accounts]:
            raise ValueError(f"payout.account: no account {self.payout.account!r}")
        return self

    def source(self, name: str) -> SourceConfig:
        """The source of that name; assert: names were checked when the file was read, or came from stored rows."""
        return next(s for s in self.sources if s.name == name)

    def account(self, name: str) -> AccountConfig:
        """The account of that name."""
        return next(a for a in self.accounts if a.name == name)

    @property
    def digest(self) -> str:
        """SHA-256 of the configuration's canonical JSON: what a night ran under."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def load_config(home: Path) -> Config:
    """Reads <home>/puhui.toml. BadConfiguration names the file, the key and the remedy; values are not shown."""
    path = home / CONFIG_NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadConfiguration(f"{path}: not found; run `puhui init {home}` or give --home") from None
    except OSError as error:
        raise BadConfiguration(f"{path}: cannot be read ({error.strerror}); correct its path or permissions") from None
    return _with_documents(parse_config(data, path), home)


T = TypeVar("T", SourceConfig, PayoutConfig)


def _with_documents(config: Config, home: Path) -> Config:
    """The configuration with the YAML files that settings name (below the home) read into their place."""

    def read(part: T) -> T:
        named = {k: v for k, v in part.settings.items() if isinstance(v, str) and v.endswith((".yaml", ".yml"))}
        documents = {key: read_yaml(home / value) for key, value in named.items()}
        return part.model_copy(update={"settings": part.settings | documents}) if documents else part

    sources, payout = tuple(read(source) for source in config.sources), read(config.payout)
    if payout.format == "bank_template":
        _check_template(payout, home / CONFIG_NAME)
    return config.model_copy(update={"sources": sources, "payout": payout})


_SAMPLE = {
    "end_to_end_id": "X-1",
    "amount_fen": 1,
    "payee_name": "X",
    "payee_account": "1",
    "payee_bank_name": "X",
    "payee_bank_code": "102100099996",
    "remittance": "X",
}


def _check_template(payout: PayoutConfig, path: Path) -> None:
    """Writes a file of one item, so that a wrong setting is told now and not by every payee's hold."""
    layout, name = payout_layout(payout.settings), payout.name_of("B-20260507-1")
    lines = (*layout.header, layout.record, *layout.trailer)
    fields = {field.name for line in lines for field in line.fields}
    for key, value in payout.settings.items():
        if key != "layout" and (key not in fields or not isinstance(value, str)):
            wrong = "write it in quotes" if key in fields else f"no field of {layout.format} has this name"
            raise BadConfiguration(f"{path}: payout.settings.{key}: {wrong}; correct the file")
    try:
        context = Context(name, "payout", payout.settings, None, date(2026, 5, 7))
        write_template(pl.DataFrame([_SAMPLE], schema=PAYMENT), context)
    except BadInput as error:
        said = str(error).removeprefix(f"{name}: ")
        raise BadConfiguration(f"{path}: payout: file_name or settings: {said}; correct the file") from None


def parse_config(data: bytes, path: Path) -> Config:
    """The configuration in the bytes of a puhui.toml; `path` names it in messages. Errors as in `load_config`."""
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadConfiguration(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BadConfiguration(f"{path}: cannot be read ({error}); correct the file") from None
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        message = first["msg"].removeprefix("Value error, ")
        raise BadConfiguration(f"{path}: {where}: {message}; correct the file") from None
