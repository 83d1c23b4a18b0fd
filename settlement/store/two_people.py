"""What two people say of payout items: one proposes, another decides, both may withdraw; a night does it, or cannot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Connection, text

from settlement.model.frames import Schema
from settlement.store.copy import copy_out


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of decisions about one matter. Their subject is the item, or `ITEM LINE` where a bank line is meant."""

    propose: str
    withdraw: str
    decide: str

    @property
    def every(self) -> list[str]:
        """All three."""
        return [self.propose, self.withdraw, self.decide]


UNPAID = Kinds("propose_unpaid", "withdraw_unpaid", "unpaid")
PAID = Kinds("propose_paid", "withdraw_paid", "paid")

ITEM_OF, LINE_OF = "split_part({0}, ' ', 1)", "nullif(substr({0}, strpos({0} || ' ', ' ') + 1), '')"  # of a subject
SAID: Schema = {
    "decision_id": pl.Int64,
    "end_to_end_id": pl.String,
    "line_id": pl.String,
    "kind": pl.String,
    "business_date": pl.Date,
    "actor": pl.String,
    "checker": pl.String,
    "reason": pl.String,
    "taken": pl.Boolean,
    "over": pl.Boolean,
}
# `taken`: its night did it; `over`: its night is past.
_SAID = f"""
SELECT d.decision_id, i.end_to_end_id, {LINE_OF.format("d.subject")} AS line_id, d.kind, d.business_date, d.actor,
  d.checker, d.reason,
  EXISTS (SELECT 1 FROM puhui.payout_result q WHERE q.end_to_end_id = i.end_to_end_id
    AND q.decision_id = d.decision_id) AS taken,
  EXISTS (SELECT 1 FROM puhui.step_run s WHERE s.business_date = d.business_date AND s.step = 'reconcile') AS over
FROM puhui.decision d JOIN puhui.payout_item i ON i.end_to_end_id = {ITEM_OF.format("d.subject")}
WHERE d.kind = ANY (:kinds) AND i.batch_no = :batch_no ORDER BY d.decision_id
"""


def subject(end_to_end_id: str, line_id: str | None) -> str:
    """What a decision about an item, and a line, names."""
    return end_to_end_id if line_id is None else f"{end_to_end_id} {line_id}"


def said(connection: Connection, batch_no: str, kinds: Kinds) -> list[dict[str, Any]]:
    """What people said of the items of a batch (SAID), in order."""
    query = text(_SAID).bindparams(batch_no=batch_no, kinds=kinds.every)
    return copy_out(connection, query, SAID).to_dicts()


def decided(connection: Connection, day: date, kinds: Kinds) -> list[str]:
    """Batches with items that two people decided about for the night of `day`, in order."""
    sql = f"""SELECT DISTINCT i.batch_no FROM puhui.decision d
      JOIN puhui.payout_item i ON i.end_to_end_id = {ITEM_OF.format("d.subject")}
      WHERE d.kind = :kind AND d.business_date = :day ORDER BY 1"""
    return [row[0] for row in connection.execute(text(sql), {"kind": kinds.decide, "day": day})]
