"""Tables of rating's State, one per frame of rules.state with the same columns and a business date; rate writes them.

The row of the highest business date is the state of its key: nothing is edited, and the opening State of any past
night can be read again. A test compares the columns with rules.state.STATE_SCHEMAS.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Table, Text

from settlement.store.schema import day, fen, instant, metadata, words


def _state(name: str, keys: tuple[str, ...], *columns: Column[Any]) -> Table:
    for column in columns:
        column.primary_key = column.name in keys
    table = Table(
        f"state_{name}",
        metadata,
        *columns,
        Column("business_date", Date, primary_key=True),
        comment="rate: the row of the highest business date wins",
    )
    table.info["keys"] = keys
    return table


_USAGE_KEY = (
    "scheme",
    "name",
    "measure",
    "per",
    "window",
    "member_no",
    "merchant_no",
    "district",
    "org",
    "window_start",
)

state_usage = _state(
    "usage",
    _USAGE_KEY,
    *[words(name) for name in _USAGE_KEY[:-1]],
    day("window_start"),
    fen("used"),
)
state_sales = _state(
    "sales",
    ("transaction_id",),
    words("transaction_id"),
    day("local_date"),
    words("member_no", null=True),
    words("merchant_no", null=True),
    words("district", null=True),
    words("org", null=True),
    words("hq_district", null=True),
    fen("gross_fen"),
    fen("paid_fen", null=True),
    fen("refunded_gross_fen"),
    fen("refunded_paid_fen"),
    Column("voided", Boolean, nullable=False),
    Column("reversed", Boolean, nullable=False),
)
state_lines = _state(
    "lines",
    ("transaction_id", "line"),
    words("transaction_id"),
    Column("line", BigInteger, nullable=False),
    words("terms"),
    words("scheme"),
    Column("version", BigInteger, nullable=False),
    words("entitlement_no", null=True),
    fen("entitled_fen"),
    fen("granted_fen"),
    fen("kept_fen"),
    fen("charged_fen"),
    Column("charged_uses", BigInteger, nullable=False),
)
state_terms = _state(
    "terms",
    ("terms",),
    words("terms"),
    words("scheme"),
    Column("version", BigInteger, nullable=False),
    words("document"),
)
state_operations = _state(
    "operations",
    ("transaction_id",),
    words("transaction_id"),
    words("kind"),
    words("original_id", null=True),
    words("sale_id", null=True),
    Column("took_effect", Boolean, nullable=False),
    Column("undone", Boolean, nullable=False),
    fen("gross_fen", null=True),
    fen("paid_fen", null=True),
)
Index(None, state_operations.c.sale_id)
state_entitlements = _state(
    "entitlements",
    ("entitlement_no",),
    words("entitlement_no"),
    Column("used_uses", BigInteger, nullable=False),
    fen("used_fen"),
)
state_waiting = _state(
    "waiting",
    ("transaction_id",),
    words("transaction_id"),
    words("kind"),
    words("original_id", null=True),
    instant("occurred_at"),
    words("member_no", null=True),
    words("merchant_no", null=True),
    words("instrument", null=True),
    fen("gross_fen", null=True),
    fen("claimed_fen", null=True),
    fen("paid_fen", null=True),
)
state_released = Table(
    "state_released",
    metadata,
    Column("transaction_id", Text, primary_key=True),
    Column("business_date", Date, nullable=False),
    comment="rate: a waiting transaction that waits no longer",
)

STATE_TABLES: dict[str, Table] = {
    "usage": state_usage,
    "sales": state_sales,
    "lines": state_lines,
    "terms": state_terms,
    "operations": state_operations,
    "entitlements": state_entitlements,
    "waiting": state_waiting,
}
