"""Settings of a pos_iso8583 source, checked once per file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from adapters.base import Context
from adapters.feeds.canonical import APPROVED
from adapters.feeds.iso_spec import SPECS, Spec
from adapters.layout_checks import dated_pattern, known_zone
from settlement.model.errors import BadInput

HEADERS = {"none": 0, "tpdu5": 5, "tpdu": 11, "cups": 46}  # bytes in front of the body
KNOWN = ("clearing_date", "bad_row", "rail", "instrument")  # those of every feed


def _two_characters(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Answer codes; one written otherwise would never be met, and what it approves would be skipped."""
    codes = tuple(code.strip() for code in codes)
    if not codes or any(len(code) != 2 for code in codes):
        raise ValueError("write two-character answer codes, like 00,11")
    return codes


def _no_bitmap(number: int) -> int:
    """A data element that a message may have; a bitmap would be no discount in silence."""
    if number in {1, 65}:
        raise ValueError("is a bitmap; write the element that carries the discount")
    return number


class PosSettings(BaseModel):
    """How one source's file is framed, which body it has, and where it carries the discount.

    framing         len2 (2 bytes), len4 (4 ASCII digits), vbs (4 bytes, zero length ends), hex (a line per message)
    header          none, tpdu (TPDU 5 + header 6 bytes), tpdu5 (TPDU alone), cups (46 bytes)
    body            cups (host, ASCII) or pos (terminal, BCD)
    track_pad       0 or F: what fills the last byte of a track of an odd number of characters (body pos)
    messages        any, requests or responses: which of a pair counts where a file has both
    reconciliation  auto: a closing 0520 is checked where it stands; required: a file without it is refused as cut;
                    batches: several, each of what stands before it; terminals: each of its terminal's (DE41, DE42)
    discount_field  0: none. 54: the entry with `discount_amount_type`. Else bytes of that field: `discount_length`
                    digits from `discount_start`, or behind the text `discount_prefix`
    discount_means  discount (fen off), or gross (the price before the discount)
    zone            of the messages' times, Asia/Shanghai by default
    approved        answer codes (DE39) of success, with commas between them
    filename        pattern whose group clearing_date gives the clearing date
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    framing: Literal["len2", "len4", "vbs", "hex"] = "len2"
    header: Literal["none", "tpdu5", "tpdu", "cups"] = "none"
    body: Literal["cups", "pos"] = "cups"
    track_pad: Literal["0", "F"] = "0"
    messages: Literal["any", "requests", "responses"] = "any"
    reconciliation: Literal["auto", "required", "batches", "terminals"] = "auto"
    zone: Annotated[str, AfterValidator(known_zone)] = "Asia/Shanghai"
    approved: Annotated[tuple[str, ...], AfterValidator(_two_characters)] = APPROVED
    discount_field: Annotated[int, AfterValidator(_no_bitmap)] = Field(default=54, ge=0, le=128)
    discount_amount_type: str = Field(default="60", pattern="^[0-9A-Z]{2}$")
    discount_start: int = Field(default=1, ge=1, le=999)
    discount_length: int = Field(default=12, ge=1, le=12)
    discount_prefix: str = ""
    discount_means: Literal["discount", "gross"] = "discount"
    filename: Annotated[str, AfterValidator(dated_pattern)] = (
        "(?<![0-9])(?P<clearing_date>20[0-9]{6})(?:[0-9]{2})?(?![0-9])"
    )

    @property
    def prefix_bytes(self) -> bytes:
        """`discount_prefix` as it stands in a message, whose Chinese texts are in GBK."""
        try:
            return self.discount_prefix.encode("latin-1")
        except UnicodeEncodeError:
            return self.discount_prefix.encode("gb18030")

    @property
    def spec(self) -> Spec:
        """The body's specification for pyiso8583."""
        return SPECS["pos F" if (self.body, self.track_pad) == ("pos", "F") else self.body]


def pos_settings(settings: Mapping[str, object]) -> PosSettings:
    """The source's settings. BadInput names the one that is wrong."""
    own = {key: value for key, value in settings.items() if key not in KNOWN}
    if isinstance(own.get("approved"), str):
        own["approved"] = tuple(str(own["approved"]).split(","))
    try:
        return PosSettings.model_validate(own)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"setting {name}: {said}; see `puhui feed describe --format pos_iso8583`") from None


def settings_of(context: Context) -> PosSettings:
    """The settings of a context."""
    return pos_settings(context.settings)
