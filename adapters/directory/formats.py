"""The kinds of `puhui import` that are tables, each as data."""

from __future__ import annotations

from adapters.directory.table import Field, TableFormat
from settlement.model.outcomes import INSTRUMENTS

_FROM = Field("valid_from", "date", required=False)
_TO = Field("valid_to", "date", required=False)
_SINCE = Field("valid_from", "date")
_ID_NUMBER = r"[1-9][0-9]{16}[0-9X]|[1-9][0-9]{14}"

FORMATS: dict[str, TableFormat] = {
    f.kind: f
    for f in (
        TableFormat(
            "organisations",
            (Field("org"), Field("name"), Field("district"), Field("parent", required=False)),
            ("org",),
        ),
        TableFormat(
            "members",
            (
                Field("member_no"),
                Field("name", secret=True),
                Field("id_no", pattern=_ID_NUMBER, remedy="write 18 digits (the last may be X) or 15", secret=True),
                Field("org"),
                Field("district"),
                Field("status"),
                Field("tags", required=False),
                _FROM,
                _TO,
            ),
            ("member_no",),
        ),
        TableFormat(
            "cards",
            (
                Field("card_no", pattern=r"[0-9]{8,19}", remedy="write 8 to 19 digits", secret=True),
                Field("member_no"),
                Field("instrument", choices=INSTRUMENTS),
                _SINCE,
                _TO,
            ),
            ("card_no", "valid_from"),
        ),
        TableFormat(
            "merchants",
            (
                Field("merchant_no"),
                Field("name"),
                Field("category", pattern=r"[^.\s]+(?:\.[^.\s]+)*", remedy="write a dotted path, like food.bakery"),
                Field("district"),
                Field("hq_district", required=False),
                _FROM,
                _TO,
            ),
            ("merchant_no",),
        ),
        TableFormat(
            "stores",
            (Field("store_no"), Field("merchant_no"), Field("name"), Field("district")),
            ("store_no",),
        ),
        TableFormat(
            "terminals",
            (
                Field("source"),
                Field("their_merchant_no"),
                Field("terminal_no", required=False),
                Field("merchant_no"),
                Field("store_no"),
                _SINCE,
                _TO,
            ),
            ("source", "their_merchant_no", "terminal_no", "valid_from"),
        ),
        TableFormat(
            "contracts",
            (
                Field("merchant_no"),
                Field("payee_no"),
                Field("cycle", choices=("T+1", "weekly", "monthly", "day")),
                Field("cycle_day", "int", required=False),
                Field("minimum", "yuan"),
                Field("holdback_percent", "ppm"),
                Field("holdback_days", "int"),
                Field("fee_percent", "ppm"),
                Field("invoice", choices=("none", "subsidy", "fee")),
                _SINCE,
                _TO,
            ),
            ("merchant_no", "valid_from"),
        ),
        TableFormat(
            "accounts",
            (
                Field("payee_kind", choices=("merchant", "channel", "member")),
                Field("payee_no"),
                Field("account_name", secret=True),
                Field("account_no", "digits", secret=True),
                Field("bank_name"),
                Field("bank_code", pattern=r"[0-9]{12}", remedy="write the 12 digits of the bank's CNAPS code"),
                _SINCE,
                _TO,
            ),
            ("payee_kind", "payee_no", "valid_from"),
        ),
        TableFormat(
            "entitlements",
            (
                Field("entitlement_no"),
                Field("member_no"),
                Field("scheme"),
                Field("uses", "int", required=False),
                Field("amount", "yuan", required=False),
                _FROM,
                _TO,
            ),
            ("entitlement_no",),
        ),
        TableFormat(
            "calendar",
            (Field("date", "date"), Field("kind", choices=("workday", "restday"))),
            ("date",),
        ),
    )
}
