"""Tables of runs, of people's decisions and of imported reference data."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from settlement.store.schema import day, fen, instant, metadata, words

# --- runs (batch/run.py) -------------------------------------------------------------------------------------------

run_lease = Table(
    "run_lease",
    metadata,
    Column("job", Text, primary_key=True),
    Column("fence", BigInteger, nullable=False),
    words("holder"),
    instant("taken_at"),
    instant("expires_at"),
    comment="one run at a time; fence grows with every taking and is checked before each commit",
)

step_run = Table(
    "step_run",
    metadata,
    Column("business_date", Date, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("fence", BigInteger, nullable=False),
    instant("started_at"),
    instant("finished_at"),
    Column("summary", JSONB, nullable=False),
    comment="batch/run.py: a step's effect and this row commit together",
)

night = Table(
    "night",
    metadata,
    Column("business_date", Date, primary_key=True),
    instant("started_at"),
    Column("last_import", BigInteger, nullable=False, comment="reference data up to this import is in force tonight"),
    Column("config_digest", Text, nullable=False),
    Column("product_version", Text, nullable=False),
    comment="batch/run.py: one row when the night of a business date first begins",
)

# --- people (portal) -----------------------------------------------------------------------------------------------

app_user = Table(
    "app_user",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    words("role"),
    words("passphrase_hash"),
    Column("active", Boolean, nullable=False),
    instant("changed_at"),
    words("changed_by"),
    comment="portal: the highest version of a name is in force",
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True),
    instant("at"),
    words("actor"),
    words("login"),
    words("verb"),
    Column("detail", Text, nullable=False, comment="canonical JSON"),
    words("previous"),
    words("digest"),
    comment="portal: every change by a person, chained by digest",
)

# Kinds since revision 0005: propose_paid withdraw_paid paid, whose subject is end_to_end_id and line_id.
decision = Table(
    "decision",
    metadata,
    Column("decision_id", BigInteger, primary_key=True, comment="1, 2, 3 … without gaps"),
    Column("business_date", Date, nullable=False, comment="the open business date whose night takes it"),
    instant("at"),
    words("actor"),
    words("checker", null=True),
    Column(
        "kind",
        Text,
        nullable=False,
        comment="explain suspense adjust write_off waive approve_account propose_file take_file keep_file "
        "propose_unpaid withdraw_unpaid unpaid",
    ),
    Column("subject", Text, nullable=False, comment="discrepancy id, source name, import id, file id, end_to_end_id"),
    words("reason"),
    fen("amount_fen", null=True),
    CheckConstraint("checker IS NULL OR checker <> actor", name="two_people"),
    comment="portal: what people decided; the step that takes it writes its own rows",
)

# --- reference data (batch/imports.py) -----------------------------------------------------------------------------

import_file = Table(
    "import_file",
    metadata,
    Column("import_id", BigInteger, primary_key=True, comment="1, 2, 3 … without gaps"),
    words("kind"),
    words("name"),
    words("sha256"),
    Column("rows", BigInteger, nullable=False),
    instant("imported_at"),
    words("imported_by"),
    comment="batch/imports.py: an import is an archived file; rows of the highest import win per key",
)


def _reference(name: str, keys: str, *columns: Column[Any], comment: str = "") -> Table:
    """A reference table: import_id, its columns, primary key (import_id, keys)."""
    key_names = keys.split()
    for column in columns:
        column.primary_key = column.name in key_names
    return Table(
        name,
        metadata,
        Column("import_id", BigInteger, ForeignKey(import_file.c.import_id), primary_key=True),
        *columns,
        Index(None, *key_names),
        comment=comment or "batch/imports.py",
    )


organisation = _reference(
    "organisation", "org", words("org"), words("name"), words("district"), words("parent", null=True)
)
member = _reference(
    "member",
    "member_no",
    words("member_no"),
    words("org"),
    words("district"),
    words("status"),
    words("tags"),
    day("valid_from", null=True),
    day("valid_to", null=True),
    Column("name_sealed", Text, nullable=False, comment="encrypted"),
    Column("id_sealed", Text, nullable=False, comment="encrypted"),
    Column("id_index", Text, nullable=False, comment="keyed"),
)
card_token = Table(
    "card_token",
    metadata,
    Column("card_id", BigInteger, primary_key=True),
    Column("key_id", Text, primary_key=True),
    words("token"),
    UniqueConstraint("key_id", "token"),
    comment="imports and ingest: a surrogate for a card; a key is rotated by further rows",
)
card = _reference(
    "card",
    "card_id valid_from",
    Column("card_id", BigInteger, nullable=False),
    words("card_masked"),
    words("member_no"),
    words("instrument"),
    day("valid_from"),
    day("valid_to", null=True),
)
merchant = _reference(
    "merchant",
    "merchant_no",
    words("merchant_no"),
    words("name"),
    words("category"),
    words("district"),
    words("hq_district"),
    day("valid_from", null=True),
    day("valid_to", null=True),
)
merchant_store = _reference(
    "merchant_store", "store_no", words("store_no"), words("merchant_no"), words("name"), words("district")
)
terminal = _reference(
    "terminal",
    "source their_merchant_no terminal_no valid_from",
    words("source"),
    words("their_merchant_no"),
    words("terminal_no"),
    words("merchant_no"),
    words("store_no"),
    day("valid_from"),
    day("valid_to", null=True),
)
contract = _reference(
    "contract",
    "merchant_no valid_from",
    words("merchant_no"),
    Column("payee_no", Text, nullable=False, comment="head office that is paid, or the merchant itself"),
    Column("cycle", Text, nullable=False, comment="T+1 weekly monthly day"),
    Column("cycle_day", SmallInteger, nullable=True, comment="weekly: 1 Monday to 7; day: day of month"),
    fen("minimum_fen"),
    Column("holdback_ppm", BigInteger, nullable=False),
    Column("holdback_days", Integer, nullable=False),
    Column("fee_ppm", BigInteger, nullable=False, comment="of the gross, taken from the subsidy; 0: not taken"),
    Column("invoice", Text, nullable=False, comment="none subsidy fee"),
    day("valid_from"),
    day("valid_to", null=True),
)
payee_account = _reference(
    "payee_account",
    "payee_kind payee_no valid_from",
    words("payee_kind"),
    words("payee_no"),
    Column("name_sealed", Text, nullable=False, comment="encrypted"),
    Column("account_sealed", Text, nullable=False, comment="encrypted; opened only when a payout file is written"),
    words("account_masked"),
    Column("account_index", Text, nullable=False, comment="keyed"),
    words("bank_name"),
    words("bank_code"),
    day("valid_from"),
    day("valid_to", null=True),
)
entitlement = _reference(
    "entitlement",
    "entitlement_no",
    words("entitlement_no"),
    words("member_no"),
    words("scheme"),
    Column("uses", BigInteger, nullable=True),
    fen("amount_fen", null=True),
    day("valid_from", null=True),
    day("valid_to", null=True),
)
calendar_day = _reference("calendar_day", "date", day("date"), words("kind"), comment="batch/imports.py")
programme_text = _reference("programme_text", "programme", words("programme"), words("file"), words("yaml"))
scheme_text = _reference(
    "scheme_text",
    "programme scheme version",
    words("programme"),
    words("scheme"),
    Column("version", Integer, nullable=False),
    words("title"),
    words("file"),
    words("yaml"),
)
chart_text = _reference("chart_text", "chart", words("chart"), words("file"), words("yaml"))
