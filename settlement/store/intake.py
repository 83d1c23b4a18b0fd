"""Rows of receive and ingest: deliveries, their outcomes, and what is already known of the keys in a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Connection, Table, and_, cast, func, insert, literal, literal_column, or_, select, text

from settlement.model import frames
from settlement.model.persons import mask_name
from settlement.store import tables as t
from settlement.store.copy import copy_in, copy_out

PENDING: frames.Schema = {
    "file_id": pl.Int64,
    "source": pl.String,
    "name": pl.String,
    "delivery": pl.Int64,
    "sha256": pl.String,
    "size": pl.Int64,
}


def next_delivery(connection: Connection, source: str, name: str) -> int:
    """The number of the next delivery of this name: 1 for a name that never came."""
    count = select(func.coalesce(func.max(t.file.c.delivery), 0)).where(
        t.file.c.source == source, t.file.c.name == name
    )
    return int(connection.execute(count).scalar_one()) + 1


def claimed(connection: Connection, source: str, name: str, delivery: int) -> bool:
    """True where that delivery has its row."""
    row = select(literal(1)).where(t.file.c.source == source, t.file.c.name == name, t.file.c.delivery == delivery)
    return connection.execute(row).first() is not None


def claim(connection: Connection, **row: Any) -> int:
    """Inserts the row of a delivery (all columns of `file` but file_id) and gives its file_id."""
    file_id = int(connection.execute(select(func.coalesce(func.max(t.file.c.file_id), 0) + 1)).scalar_one())
    connection.execute(insert(t.file).values(file_id=file_id, **row))
    return file_id


def pending_files(connection: Connection) -> pl.DataFrame:
    """Deliveries without an outcome, oldest first (PENDING)."""
    done = select(literal(1)).where(t.file_outcome.c.file_id == t.file.c.file_id).exists()
    query = select(*[t.file.c[name] for name in PENDING]).where(~done).order_by(t.file.c.file_id)
    return copy_out(connection, query, PENDING)


def delivery(connection: Connection, file_id: int) -> pl.DataFrame:
    """The delivery of that number (PENDING); no row where there is none."""
    query = select(*[t.file.c[name] for name in PENDING]).where(t.file.c.file_id == file_id)
    return copy_out(connection, query, PENDING)


def same_bytes_before(connection: Connection, file_id: int, source: str, sha256: str) -> str | None:
    """Name of another delivery of the source with the same bytes that was taken; None if there is none.

    One that came later may have been taken earlier: a night tries statements again behind which another was missing.
    Not one of whose lines a decision took back: people may take it for right again.
    """
    c, b = t.correction.c, t.bank_line.c
    taken_back = select(literal(1)).where(b.line_id == c.ends, b.file_id == t.file.c.file_id)
    query = (
        select(t.file.c.name)
        .join(t.file_outcome, t.file_outcome.c.file_id == t.file.c.file_id)
        .where(
            t.file.c.source == source,
            t.file.c.sha256 == sha256,
            t.file.c.file_id != file_id,
            t.file_outcome.c.status != "REJECTED",
            t.file_outcome.c.code.is_distinct_from("DUPLICATE_FILE"),  # that one is of a delivery with its lines
            ~taken_back.exists(),
        )
        .order_by(t.file.c.file_id)
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def same_name_before(connection: Connection, file_id: int, source: str, name: str) -> bool:
    """True where an earlier delivery of that name was taken and not refused."""
    query = (
        select(literal(1))
        .join(t.file_outcome, t.file_outcome.c.file_id == t.file.c.file_id)
        .where(and_(t.file.c.source == source, t.file.c.name == name, t.file.c.file_id < file_id))
        .where(t.file_outcome.c.status.not_in(["REJECTED", "DUPLICATE"]))
    )
    return connection.execute(query).first() is not None


def wanted(connection: Connection, ids: pl.Series) -> None:
    """Puts `ids` into the transaction's temporary table wanted_id(id), emptied first, for joins."""
    connection.execute(text("CREATE TEMP TABLE IF NOT EXISTS wanted_id (id text PRIMARY KEY) ON COMMIT DROP"))
    connection.execute(text("TRUNCATE wanted_id"))
    copy_in(connection, "wanted_id", pl.DataFrame({"id": ids.unique().sort()}))
    connection.execute(text("ANALYZE wanted_id"))


def known_rows(connection: Connection, table: Table, key: str, ids: pl.Series, schema: frames.Schema) -> pl.DataFrame:
    """The stored rows of `table` whose `key` is among `ids`, with the columns of `schema`."""
    wanted(connection, ids)
    query = select(*[table.c[name] for name in schema]).where(
        table.c[key].in_(select(text("id")).select_from(text("wanted_id")))
    )
    return copy_out(connection, query, schema)


_TWINS = f"""
WITH stands AS NOT MATERIALIZED (
  SELECT transaction_id, split_part(substr(transaction_id, length(source) + 2), '~', 1) AS own, kind, rrn, terminal_no,
         gross_fen, paid_fen, occurred_at
  FROM {t.transaction.fullname} x
  WHERE source <> :source AND occurred_at BETWEEN :low AND :high
    AND NOT EXISTS (SELECT 1 FROM {t.correction.fullname} c WHERE c.ends = x.transaction_id)
    AND NOT EXISTS (SELECT 1 FROM {t.correction.fullname} c WHERE c.row_id = x.transaction_id AND c.version IS NULL)
), found AS (
  SELECT w.transaction_id, x.transaction_id AS twin, w.occurred_at - x.occurred_at AS apart
  FROM wanted_row w JOIN stands x ON x.kind = w.kind AND x.rrn = w.rrn AND x.terminal_no = w.terminal_no
    AND w.rrn !~ '^0*$' AND (x.gross_fen = w.gross_fen OR x.paid_fen = w.paid_fen)
  UNION ALL
  SELECT w.transaction_id, x.transaction_id, w.occurred_at - x.occurred_at
  FROM wanted_row w JOIN stands x ON x.kind = w.kind AND x.own = w.own
)
SELECT transaction_id, min(twin) AS twin FROM found
WHERE apart > interval '-1 day' AND apart < interval '1 day' GROUP BY transaction_id
"""
LATE = timedelta(days=45)
_IDENTITY: frames.Schema = {
    "transaction_id": pl.String,
    "own": pl.String,
    "kind": pl.String,
    "rrn": pl.String,
    "terminal_no": pl.String,
    "gross_fen": pl.Int64,
    "paid_fen": pl.Int64,
    "occurred_at": frames.INSTANT,
}


def under_another_source(connection: Connection, rows: pl.DataFrame) -> pl.DataFrame:
    """(transaction_id, twin) of those canonical rows of one source that stand under another one as `twin`.

    feeds.md: the same natural key (acquirer, STAN, time), or RRN, terminal and amount. The kind is the same and the
    times are less than a day apart, for all these numbers come again. Rows that lie LATE before the newest are not
    looked at: a single one of a year ago would have the whole year read.
    """
    schema: frames.Schema = {"transaction_id": pl.String, "twin": pl.String}
    low, high = rows["occurred_at"].min(), rows["occurred_at"].max()
    if not isinstance(low, datetime) or not isinstance(high, datetime):
        return frames.empty(schema)
    source = str(rows["source"][0])
    wanted_rows = rows.with_columns(own=pl.col("transaction_id").str.slice(len(source) + 1)).select(list(_IDENTITY))
    connection.execute(
        text(
            "CREATE TEMP TABLE IF NOT EXISTS wanted_row (transaction_id text, own text, kind text, rrn text,"
            " terminal_no text, gross_fen bigint, paid_fen bigint, occurred_at timestamptz) ON COMMIT DROP"
        )
    )
    connection.execute(text("TRUNCATE wanted_row"))
    copy_in(connection, "wanted_row", wanted_rows)
    connection.execute(text("ANALYZE wanted_row"))
    day = timedelta(days=1)
    bounds = {"low": max(low, high - LATE) - day, "high": high + day}
    return copy_out(connection, _TWINS, schema, {"source": source, **bounds})


def has_feeds_but(connection: Connection, source: str, no_feeds: Sequence[str]) -> bool:
    """Whether files came from any source but `source` and those that bring no feed, today's or one of before."""
    query = select(literal(1)).where(t.file.c.source.not_in([source, *no_feeds])).limit(1)
    return connection.execute(query).first() is not None


def card_ids(connection: Connection, tokens: pl.Series, key_id: str) -> pl.DataFrame:
    """(token, card_id) for every distinct token; tokens never seen are given the next numbers, in order of token.

    Takes the transaction's advisory lock on cards, so that an import and a night cannot number one card twice.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('puhui.card_token'))"))
    distinct = tokens.drop_nulls().unique().sort().rename("token")
    schema: frames.Schema = {"token": pl.String, "card_id": pl.Int64}
    wanted(connection, distinct)
    query = select(t.card_token.c.token, t.card_token.c.card_id).where(
        t.card_token.c.key_id == key_id,
        t.card_token.c.token.in_(select(text("id")).select_from(text("wanted_id"))),
    )
    known = copy_out(connection, query, schema)
    new = distinct.to_frame().join(known, on="token", how="anti", maintain_order="left")
    if new.height:
        last = int(connection.execute(select(func.coalesce(func.max(t.card_token.c.card_id), 0))).scalar_one())
        new = new.with_columns(card_id=pl.int_range(last + 1, last + 1 + new.height, dtype=pl.Int64))
        copy_in(connection, t.card_token, new.with_columns(key_id=pl.lit(key_id)))
    return pl.concat([known, new.select("token", "card_id")] if new.height else [known])


def last_statement(
    connection: Connection, account: str, first_opening_fen: int, day: date | None = None
) -> tuple[date | None, int]:
    """(date, closing balance in fen) of the account's newest statement, up to night `day`; (None, first opening).

    A file may hold several statements of one day, so the newest is found by balances: each closing is the opening
    of another, but for the last; where all are, the account is back at its first opening.
    """
    sql = """WITH known AS (SELECT * FROM puhui.bank_statement
        WHERE account = :account AND (cast(:day AS date) IS NULL OR business_date <= :day)),
      ends AS (SELECT closing_fen AS fen, 1 AS n FROM known UNION ALL SELECT opening_fen, -1 FROM known)
      SELECT (SELECT max(statement_date) FROM known), (SELECT fen FROM ends GROUP BY fen HAVING sum(n) > 0
        ORDER BY fen DESC LIMIT 1)"""
    newest, closing = connection.execute(text(sql), {"account": account, "day": day}).one()
    return newest, first_opening_fen if closing is None else int(closing)


STATEMENT: frames.Schema = {
    "statement_id": pl.String,
    "opening_fen": pl.Int64,
    "closing_fen": pl.Int64,
    "statement_date": pl.Date,
    "file_id": pl.Int64,
    "business_date": pl.Date,
}
# What tells a line of a statement from another one of its account; its number in the statement does not.
LINE: frames.Schema = {
    "booking_date": pl.Date,
    "amount_fen": pl.Int64,
    "reversal": pl.Boolean,
    "reference": pl.String,
    "end_to_end_id": pl.String,
    "counterparty_name": pl.String,
    "remittance": pl.String,
    "bank_code": pl.String,
}


# Whom a line of a member's payout names is a person: the name is kept masked (mask_name). Read so too, as lines of
# before were stored in clear.
_MEMBERS_ITEM = "SELECT i.end_to_end_id FROM puhui.payout_item i WHERE i.payee_kind = 'member' AND i.end_to_end_id"
_NAME = f"""CASE WHEN NOT EXISTS ({_MEMBERS_ITEM} = {{0}}.end_to_end_id) THEN {{0}}.counterparty_name
    WHEN length({{0}}.counterparty_name) > 1
      THEN left({{0}}.counterparty_name, 1) || repeat('*', length({{0}}.counterparty_name) - 1)
    ELSE repeat('*', length({{0}}.counterparty_name)) END"""


def members_masked(connection: Connection, lines: pl.DataFrame) -> pl.DataFrame:
    """Lines (LINE and more) as they are stored: the names on those of members' payouts masked."""
    wanted(connection, lines["end_to_end_id"].drop_nulls().rename("id"))
    query = f"{_MEMBERS_ITEM} IN (SELECT id FROM wanted_id)"
    ours = copy_out(connection, query, {"end_to_end_id": pl.String})["end_to_end_id"]
    of_member, name = pl.col("end_to_end_id").is_in(ours.implode()), pl.col("counterparty_name")
    masks = {one: mask_name(one) for one in lines.filter(of_member)["counterparty_name"].drop_nulls()}
    return lines.with_columns(pl.when(of_member).then(name.replace(masks)).otherwise(name))


# The lines of an account that stand, each of the statement that it is of, whoever brought it. A decision about a
# restated statement (batch/restated.py) ended some, and its counter-lines are no lines of the bank's.
STANDING_LINE: frames.Schema = {"statement_id": pl.String, "line_id": pl.String, "file_id": pl.Int64, "line": pl.Int64}
_STANDING = f"""SELECT coalesce(k.base_id, b.statement_id) AS statement_id, b.line_id, b.file_id, b.line, b.account,
    {", ".join(_NAME.format("b") + " AS " + name if name == "counterparty_name" else f"b.{name}" for name in LINE)}
  FROM puhui.bank_line b LEFT JOIN puhui.correction k ON k.row_id = b.line_id
  WHERE k.ends IS NULL AND NOT EXISTS (SELECT 1 FROM puhui.correction c WHERE c.ends = b.line_id)"""


def lines_by_statement(connection: Connection, account: str, first: date, last: date) -> pl.DataFrame:
    """statement_id and LINE of an account's lines that stand and were booked from `first` to `last`."""
    sql = f"""SELECT s.* FROM ({_STANDING}) s WHERE s.account = :account
      AND s.booking_date BETWEEN :first AND :last ORDER BY s.file_id, s.statement_id, s.line"""
    query = text(sql).bindparams(account=account, first=first, last=last)
    return copy_out(connection, query, {"statement_id": pl.String, **LINE})


def last_booked(connection: Connection, account: str) -> date | None:
    """The newest day of booking of an account's lines that stand."""
    # not max(): the index is read from its end
    sql = f"SELECT s.booking_date FROM ({_STANDING}) s WHERE s.account = :account ORDER BY s.booking_date DESC LIMIT 1"
    found: date | None = connection.execute(text(sql), {"account": account}).scalar_one_or_none()
    return found


def by_decision(connection: Connection, account: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """LINE of the account's lines that decisions took back, and of those that they brought and that stand."""
    b, k, c = t.bank_line.c, t.correction.c, t.correction.alias()
    columns: list[Any] = [b[name] for name in LINE if name != "counterparty_name"]
    columns.append(literal_column(_NAME.format("puhui.bank_line")).label("counterparty_name"))
    ended = select(literal(1)).where(c.c.ends == b.line_id).exists()
    gone = select(*columns).join(t.correction, k.ends == b.line_id).where(b.account == account)
    came = select(*columns).join(t.correction, k.row_id == b.line_id).where(b.account == account)
    came = came.where(k.version.is_not(None), ~ended)
    return copy_out(connection, gone, LINE), copy_out(connection, came, LINE)


def statements_of(connection: Connection, account: str) -> pl.DataFrame:
    """Every statement of an account (STATEMENT) in the order in which their files came."""
    s = t.bank_statement.c
    query = select(*[s[name] for name in STATEMENT]).where(s.account == account).order_by(s.file_id, s.statement_id)
    return copy_out(connection, query, STATEMENT)


def lines_of(connection: Connection, *statements: str) -> pl.DataFrame:
    """The lines that stand of statements (STANDING_LINE, LINE), in their order."""
    sql = f"SELECT s.* FROM ({_STANDING}) s WHERE s.statement_id = ANY (:names) ORDER BY s.file_id, s.line_id, s.line"
    return copy_out(connection, text(sql).bindparams(names=list(statements)), {**STANDING_LINE, **LINE})


def statements_stored(connection: Connection, names: pl.Series) -> pl.Series:
    """Those of `names` (account:statement) that statements of earlier files are stored as."""
    wanted(connection, names.rename("id"))
    sql = "SELECT s.statement_id FROM puhui.bank_statement s JOIN wanted_id w ON w.id = s.statement_id"
    return copy_out(connection, text(sql), {"statement_id": pl.String})["statement_id"]


def chain_head(connection: Connection, before: date) -> str:
    """Digest of the newest closed day before that date; 64 zeros where no day is closed."""
    query = (
        select(t.close_record.c.digest)
        .where(t.close_record.c.business_date < before)
        .order_by(t.close_record.c.business_date.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none() or "0" * 64


OUTCOME: frames.Schema = {
    "file_id": pl.Int64,
    "source": pl.String,
    "name": pl.String,
    "delivery": pl.Int64,
    "sha256": pl.String,
    "received_at": frames.INSTANT,
    "business_date": pl.Date,
    "status": pl.String,
    "records": pl.Int64,
    "declared_records": pl.Int64,
    "total_fen": pl.Int64,
    "declared_total_fen": pl.Int64,
    "accepted": pl.Int64,
    "rejected": pl.Int64,
    "duplicate": pl.Int64,
    "quarantined": pl.Int64,
    "code": pl.String,
    "message": pl.String,
    "decision": pl.String,  # the kind of what people decided last
}
_REJECT: frames.Schema = {
    "record": pl.Int64,
    "byte": pl.Int64,
    "field": pl.String,
    "code": pl.String,
    "message": pl.String,
}


def received(connection: Connection, business_date: date) -> int:
    """How many deliveries a night took."""
    return int(connection.execute(select(func.count()).where(t.file.c.business_date == business_date)).scalar_one())


def _deliveries() -> Any:
    joined = t.file.join(t.file_outcome, t.file_outcome.c.file_id == t.file.c.file_id)
    f, o, d = t.file.c, t.file_outcome.c, t.decision.c
    columns = [f[name] if name in f else o[name] for name in OUTCOME if name != "decision"]
    about = (d.kind.in_(["propose_file", "take_file", "keep_file"]), d.subject == cast(f.file_id, d.subject.type))
    last = select(d.kind).where(*about).order_by(d.decision_id.desc()).limit(1).scalar_subquery()
    return select(*columns, last.label("decision")).select_from(joined).order_by(t.file.c.file_id)


def outcomes(connection: Connection, business_date: date) -> pl.DataFrame:
    """Deliveries with their outcomes (OUTCOME) of a business date, in order of file_id."""
    return copy_out(connection, _deliveries().where(t.file_outcome.c.business_date == business_date), OUTCOME)


def outcome(connection: Connection, file_id: int) -> pl.DataFrame:
    """The delivery of that number with its outcome (OUTCOME); no row where there is none."""
    return copy_out(connection, _deliveries().where(t.file.c.file_id == file_id), OUTCOME)


def undecided(connection: Connection) -> pl.DataFrame:
    """Deliveries (OUTCOME) of which something is held and about which nobody has decided yet."""
    d, o, s, c = t.decision.c, t.file_outcome.c, t.step_run.c, t.correction.c
    # a statement's night that could not take it leaves it to people again (batch/deliveries.py)
    night = select(literal(1)).where(s.business_date == d.business_date, s.step == "ingest").exists()
    in_vain = and_(o.status == "REJECTED", night, ~select(literal(1)).where(c.decision_id == d.decision_id).exists())
    decided = select(literal(1)).where(
        d.subject == cast(t.file.c.file_id, d.subject.type),
        or_(d.kind == "keep_file", and_(d.kind == "take_file", ~in_vain)),
    )
    changed = and_(o.status == "REJECTED", o.code == "STATEMENT_CHANGED")
    held = or_(o.quarantined > 0, o.status == "CONFLICT", changed)
    return copy_out(connection, _deliveries().where(held, ~decided.exists()), OUTCOME)


def came_after(connection: Connection, file_id: int) -> int | None:
    """The number of the newest later delivery of the same name that was neither refused nor the same bytes again."""
    this, f = t.file.alias(), t.file.c
    same = and_(f.source == this.c.source, f.name == this.c.name, f.file_id > this.c.file_id)
    query = select(func.max(f.delivery)).join(this, same).join(t.file_outcome, t.file_outcome.c.file_id == f.file_id)
    query = query.where(this.c.file_id == file_id, t.file_outcome.c.status.not_in(["REJECTED", "DUPLICATE"]))
    return connection.execute(query).scalar_one_or_none()


def rejects_of(connection: Connection, file_id: int) -> pl.DataFrame:
    """record, byte, field, code, message of a delivery's rejects, in order."""
    query = select(*[t.file_reject.c[name] for name in _REJECT]).where(t.file_reject.c.file_id == file_id)
    return copy_out(connection, query.order_by(t.file_reject.c.seq), _REJECT)
