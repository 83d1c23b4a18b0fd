"""The two rule documents as frozen values: a programme and a scheme version (rules.md section 2).

Amounts are whole fen, percentages and tier percentages whole parts per million (50 % = 500000). The models read both
the YAML tree of `rules.yamltext` (numbers by their text) and their own JSON (`model_dump_json`), in which a sale's
terms are kept in State.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

import polars as pl
from polars.exceptions import ComputeError
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from rules.yamltext import NumberText
from settlement.model.dates import parse_date
from settlement.model.money import PPM, parse_amount

MAX_FEN = 10**15 - 1
MAX_COUNT = 10**12
MAX_VERSION = 2**31 - 1  # what the store's tables of awards hold
MAX_SHARE = 1_000_000
MAX_UNIT = 10**8

_CODE = re.compile(r"[^\s,|=\"'`\x00-\x1f\x7f]{1,64}")
_WHOLE = re.compile(r"[0-9]{1,13}", re.ASCII)
_SIGNED = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00))", re.ASCII)


def _number(value: Any) -> str:
    if isinstance(value, NumberText):
        return value.text
    if isinstance(value, str):
        return value.strip(" ")
    raise ValueError("not a number; write digits, like 15.00")


def _short(text: str, most: int) -> str:
    """`text` itself where it has at most `most` decimals: the page counts decimals, zeros too."""
    decimals = text.partition(".")[2]
    if decimals.isdigit() and len(decimals) > most:
        raise ValueError(f"more than {most} decimals; write at most {most}")
    return text


def _fen(value: Any) -> int:
    """Yuan text to fen; an int is fen already (JSON of our own)."""
    fen = value if isinstance(value, int) and not isinstance(value, bool) else parse_amount(_short(_number(value), 2))
    if not 0 <= fen <= MAX_FEN:
        raise ValueError("amount out of range; write 0.00 to 9999999999999.99")
    return fen


def _positive_fen(value: Any) -> int:
    fen = _fen(value)
    if fen == 0:
        raise ValueError("must be above zero; write at least 0.01")
    return fen


def _unit(value: Any) -> int:
    fen = _positive_fen(value)
    if fen > MAX_UNIT:
        raise ValueError("unit too large; write at most 1000000.00")
    return fen


def _ppm(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        ppm = value
    else:
        text = _number(value)
        try:
            ppm = parse_amount(_short(text, 4), 4)
        except ValueError as bad:
            raise ValueError(str(bad).replace("an amount", "a percentage")) from None
    if not 0 <= ppm <= PPM:
        raise ValueError("percentage out of range; write 0 to 100")
    return ppm


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, NumberText) and _WHOLE.fullmatch(value.text):
        return int(value.text)
    raise ValueError("not a whole number; write digits only, like 1")


def _priority(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, NumberText) and _SIGNED.fullmatch(value.text):
        return int(value.text)
    raise ValueError("not a whole number; write digits only, like 100")


def _day(value: Any) -> date:
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        return parse_date(value)
    raise ValueError("not a date; write YYYY-MM-DD, like 2026-05-07")


def _text(value: Any) -> Any:
    return value.text if isinstance(value, NumberText) else value


def _code(value: Any) -> str:
    text = _text(value)
    if not isinstance(text, str) or _CODE.fullmatch(text) is None:
        raise ValueError("not a code; write 1 to 64 characters without blanks, commas, quotes, '|' and '='")
    return text


def _listed(value: Any) -> Any:
    """One value where a list may stand is a list of one."""
    if isinstance(value, str | NumberText):
        value = [value]
    return tuple(_text(v) for v in value) if isinstance(value, list | tuple) else value


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


# Editors see these: an amount may stand in quotes, and a code or text may look like a number.
_MONEY_SCHEMA = {
    "type": ["number", "string"],
    "minimum": 0,
    "maximum": MAX_FEN / 100,
    "pattern": r"^ *[0-9]+(\.[0-9]{1,2})? *$",
}
_ABOVE_ZERO = {**_MONEY_SCHEMA, "exclusiveMinimum": 0}
_PPM_SCHEMA = {"type": ["number", "string"], "minimum": 0, "maximum": 100, "pattern": r"^ *[0-9]+(\.[0-9]{1,4})? *$"}
_CODE_SCHEMA = {"type": ["string", "number"], "pattern": "^[^\\s,|=\"'`]{1,64}$"}
_TEXT_SCHEMA = {"type": ["string", "number"], "maxLength": 500}
_ONE_TEXT_SCHEMA = {**_TEXT_SCHEMA, "minLength": 1}
_DAY_SCHEMA = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


def _one_or_list(item: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item}]})


Fen = Annotated[int, BeforeValidator(_fen), WithJsonSchema(_MONEY_SCHEMA)]
PositiveFen = Annotated[int, BeforeValidator(_positive_fen), WithJsonSchema(_ABOVE_ZERO)]
Unit = Annotated[int, BeforeValidator(_unit), WithJsonSchema({**_ABOVE_ZERO, "maximum": MAX_UNIT / 100})]
Ppm = Annotated[int, BeforeValidator(_ppm), WithJsonSchema(_PPM_SCHEMA)]
Whole = Annotated[int, BeforeValidator(_whole), WithJsonSchema({"type": "integer", "minimum": 0})]
Positive = Annotated[int, BeforeValidator(_whole), Field(ge=1), WithJsonSchema({"type": "integer", "minimum": 1})]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema(_DAY_SCHEMA)]
Code = Annotated[str, BeforeValidator(_code), WithJsonSchema(_CODE_SCHEMA)]
Text = Annotated[str, BeforeValidator(_text), Field(max_length=500), WithJsonSchema(_TEXT_SCHEMA)]
OneText = Annotated[str, Field(min_length=1, max_length=500)]
AnyOf = Annotated[tuple[OneText, ...], BeforeValidator(_listed), _one_or_list(_ONE_TEXT_SCHEMA)]

Measure = Literal["amount", "count"]
Key = Literal["member", "merchant", "district", "org"]
Window = Literal["day", "week", "month", "quarter", "year", "total"]
Instrument = Literal["citizen_card", "bank_card", "e_card"]
Rounding = Literal["half_up", "down", "up"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
INSTRUMENTS: tuple[Instrument, ...] = ("citizen_card", "bank_card", "e_card")
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS_SCHEMA = {"type": "string", "pattern": f"^(?:{_HOURS.pattern})$"}
KEYS: tuple[Key, ...] = ("member", "merchant", "district", "org")


class _Document(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class Sponsor(_Document):
    """出资方: who pays a share."""

    name: Text = ""
    kind: Literal["union", "bank", "network", "merchant", "other"]


class _Limit(_Document):
    name: Code
    per: Annotated[tuple[Key, ...], BeforeValidator(_tupled)] = ()
    window: Window
    on_exceed: Literal["partial", "deny"] = "partial"

    @field_validator("per")
    @classmethod
    def _in_one_order(cls, per: tuple[Key, ...]) -> tuple[Key, ...]:
        if len(set(per)) != len(per):
            raise ValueError("a key stands twice in `per`; write each once")
        return tuple(key for key in KEYS if key in per)


class AmountLimit(_Limit):
    """限额: fen that a key may use in a window."""

    measure: Literal["amount"]
    value: Fen


class CountLimit(_Limit):
    """限次/名额: sales that a key may use in a window."""

    measure: Literal["count"]
    value: Annotated[Whole, Field(le=MAX_COUNT)]


Limit = Annotated[AmountLimit | CountLimit, Field(discriminator="measure")]
Limits = Annotated[tuple[Limit, ...], BeforeValidator(_tupled)]


class Programme(_Document):
    """programme.yaml."""

    programme: Code
    title: Text = ""
    timezone: str
    currency: Literal["CNY"] = "CNY"
    combine: Literal["best", "first", "stack"] = "best"
    sponsors: dict[Code, Sponsor]
    pools: Limits = ()

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
            pl.Series(dtype=pl.Datetime("us", "UTC")).dt.convert_time_zone(name)  # knows no `localtime`, `right/UTC`
        except (KeyError, ValueError, OSError, ComputeError):
            raise ValueError("not a time zone; write a name like Asia/Shanghai") from None
        return name

    @field_validator("sponsors")
    @classmethod
    def _not_reserved(cls, sponsors: dict[str, Sponsor]) -> dict[str, Sponsor]:
        if "district" in sponsors:
            raise ValueError("the sponsor name `district` is reserved; choose another")
        return sponsors

    @field_validator("pools")
    @classmethod
    def _once(cls, pools: tuple[Limit, ...]) -> tuple[Limit, ...]:
        return _unique_names(pools, "pool")


def _unique_names(limits: tuple[Any, ...], word: str) -> tuple[Any, ...]:
    seen: set[str] = set()
    for limit in limits:
        if limit.name in seen:
            raise ValueError(f"two of the name {limit.name}; give each {word} its own name")
        seen.add(limit.name)
    return limits


class Effective(_Document):
    """Both dates inclusive; `to` None is open."""

    first: Day = Field(alias="from")
    last: Day | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise ValueError("`to` is before `from`; write the later date in `to`")
        return self


class MerchantCondition(_Document):
    """Which merchants; every key given must hold."""

    category: AnyOf | None = None
    district: AnyOf | None = None
    id: AnyOf | None = None


class MemberCondition(_Document):
    """Which members; every key given must hold."""

    district: AnyOf | None = None
    org: AnyOf | None = None
    tag: AnyOf | None = None


class GrossRange(_Document):
    """Both bounds inclusive, fen."""

    min: Fen | None = None
    max: Fen | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min is not None and self.max is not None and self.max < self.min:
            raise ValueError("`max` is below `min`; write the larger amount in `max`")
        return self


class Hours(_Document):
    """Minutes of the local day, start inclusive, end exclusive; an end below the start wraps midnight."""

    start: int
    end: int

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, str):
            if isinstance(value, dict) and all(isinstance(minute, int) for minute in value.values()):
                return value  # JSON of our own
            raise ValueError('not hours; write them in quotes, like "10:00-22:00"')
        match = _HOURS.fullmatch(value)
        if match is None:
            raise ValueError('not hours; write HH:MM-HH:MM, like "10:00-22:00"')
        first, second, third, fourth, late, _ = match.groups()
        start, end = int(first) * 60 + int(second), 24 * 60 if late else int(third) * 60 + int(fourth)
        if start == end:
            raise ValueError("start and end are the same; leave `hours` out for the whole day")
        return {"start": start, "end": end}

    def hold(self, minute: int) -> bool:
        """Whether a minute of the local day lies within."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


class Eligibility(_Document):
    """When a scheme looks at a sale at all; a missing key means all."""

    merchants: MerchantCondition = MerchantCondition()
    members: MemberCondition = MemberCondition()
    instruments: (
        Annotated[tuple[Instrument, ...], BeforeValidator(_listed), _one_or_list({"enum": [*INSTRUMENTS]})] | None
    ) = None
    gross: GrossRange = GrossRange()
    weekdays: Annotated[tuple[Weekday, ...], BeforeValidator(_listed), _one_or_list({"enum": [*WEEKDAYS]})] | None = (
        None
    )
    hours: Annotated[tuple[Hours, ...], BeforeValidator(_listed), _one_or_list(_HOURS_SCHEMA)] | None = None
    days: Literal["any", "workday", "restday"] = "any"
    requires_entitlement: bool = False


class Percent(_Document):
    """折扣: percent of gross, rounded to `unit`, then at most `cap`."""

    kind: Literal["percent"]
    percent: Ppm
    cap: Fen | None = None
    rounding: Rounding = "half_up"
    unit: Unit = 1


class Fixed(_Document):
    """立减: a fixed amount off."""

    kind: Literal["fixed"]
    off: Fen


class Steps(_Document):
    """每满减: `off` for every whole `every` in the gross."""

    kind: Literal["steps"]
    every: PositiveFen
    off: Fen
    cap: Fen | None = None


class Tier(_Document):
    """One threshold: `off`, or `percent` with `cap`."""

    start: Fen = Field(alias="from")
    off: Fen | None = None
    percent: Ppm | None = None
    cap: Fen | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.off is None) == (self.percent is None):
            raise ValueError("a tier has either `off` or `percent`; write one of them")
        if self.off is not None and self.cap is not None:
            raise ValueError("a tier with `off` has no `cap`; remove it")
        return self


class Tiers(_Document):
    """满减: the highest tier reached; kept sorted by `from`."""

    kind: Literal["tiers"]
    tiers: Annotated[tuple[Tier, ...], BeforeValidator(_tupled), Field(min_length=1)]
    rounding: Rounding = "half_up"
    unit: Unit = 1

    @field_validator("tiers")
    @classmethod
    def _sorted(cls, tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
        if len({tier.start for tier in tiers}) != len(tiers):
            raise ValueError("two tiers have the same `from`; keep one of them")
        return tuple(sorted(tiers, key=lambda tier: tier.start))


class Price(_Document):
    """一口价: the member pays `pay`. The page's table leaves open whether the key is `pay` or `price`: both work."""

    kind: Literal["price"]
    pay: Fen = Field(validation_alias=AliasChoices("pay", "price"))
    cap: Fen | None = None


class Claimed(_Document):
    """随机立减: the discount the channel gave, when within the bounds."""

    kind: Literal["claimed"]
    min: Fen | None = None
    max: Fen | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min is not None and self.max is not None and self.max < self.min:
            raise ValueError("`max` is below `min`; write the larger amount in `max`")
        return self


Benefit = Annotated[Percent | Fixed | Steps | Tiers | Price | Claimed, Field(discriminator="kind")]


class Share(_Document):
    """One sponsor's part; parts are relative to their sum."""

    sponsor: Code
    share: Annotated[Positive, Field(le=MAX_SHARE)]


class Restore(_Document):
    """What a refund gives back to limits and entitlement."""

    amount: bool = True
    use: Literal["void", "full", "never"] = "void"


class Refund(_Document):
    """What a refund takes from the award."""

    policy: Literal["proportional", "subsidy_first", "recompute", "full_only", "none"] = "proportional"
    restore: Restore = Restore()


class Scheme(_Document):
    """One scheme version, schemes/*.yaml."""

    scheme: Code
    version: Annotated[Positive, Field(le=MAX_VERSION)]
    title: Text = ""
    programme: Code
    priority: Annotated[int, BeforeValidator(_priority), WithJsonSchema({"type": "integer"})] = 100
    effective: Effective
    payee: Literal["merchant", "channel", "member"]
    eligibility: Eligibility = Eligibility()
    benefit: Benefit
    min_grant: Fen = 1
    limits: Limits = ()
    pools: Annotated[tuple[Code, ...], BeforeValidator(_tupled)] = ()
    funding: Annotated[tuple[Share, ...], BeforeValidator(_tupled), Field(min_length=1)]
    refund: Refund = Refund()

    @field_validator("limits")
    @classmethod
    def _once(cls, limits: tuple[Limit, ...]) -> tuple[Limit, ...]:
        return _unique_names(limits, "limit")

    @field_validator("pools")
    @classmethod
    def _pools_once(cls, pools: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(pools)) != len(pools):
            raise ValueError("a pool stands twice; keep it once")
        return pools
