"""What every reader of transactions does: counts, policies on bad rows, notes, and readable records to a block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from adapters.base import Closing, Context, Parsed
from adapters.feeds.canonical import KINDS, SKIP, add_card, conformed, fault_reject
from adapters.feeds.records import HOPELESS
from adapters.layout_line import CellError
from adapters.refused import FileRefusedError
from settlement.model.cards import TOLD, CardTokens
from settlement.model.errors import BadInput
from settlement.model.rejects import Reject

AHEAD = 7  # days: cut-offs and zones move a clearing day by one or two
MOST_REJECTS = 100_000  # each is an object that is kept and shown


@dataclass(slots=True)
class Tally:
    """What a reader counts while it goes through a file."""

    cards: CardTokens
    accepted: int = 0
    rejected: int = 0
    skipped: int = 0
    ahead: int = 0  # accepted, and later than their clearing date by more than AHEAD days
    clearing: date | None = None
    notes: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Adds what was counted in a block behind those so far."""
        self.accepted += other.accepted
        self.rejected += other.rejected
        self.skipped += other.skipped
        self.ahead += other.ahead
        self.clearing = self.clearing or other.clearing  # one of the last block alone, from a trailer, must be this
        self.notes += other.notes

    def closing(
        self,
        context: Context,
        refused: Reject | None,
        *,
        total_fen: int | None,
        declared_records: int | None,
        declared_total_fen: int | None,
        bank_cards: bool = True,
    ) -> Closing:
        """The last item of a reader. `bank_cards`: its cards have check digits."""
        return Closing(
            records=self.accepted + self.rejected + self.skipped,
            accepted=self.accepted,
            rejected=self.rejected,
            skipped=self.skipped,
            total_fen=total_fen,
            declared_records=declared_records,
            declared_total_fen=declared_total_fen,
            clearing_date=self.clearing,
            notes=(*_token_notes(context), *self.notes, *_doubts(context, self, bank_cards=bank_cards)),
            refused=refused,
        )


def reject_of(context: Context, error: CellError, record: int, byte: int) -> Reject:
    """A cell that cannot be read, as a value."""
    return Reject(context.file, record, byte, error.field, error.code, str(error))


def _token_notes(context: Context) -> tuple[str, ...]:
    """The line that says why card_token is blank."""
    return () if context.tokeniser else ("no card key is set: card_token stays blank",)


def _doubts(context: Context, tally: Tally, *, bank_cards: bool) -> tuple[str, ...]:
    """Lines about what is taken all the same: bank cards with a wrong check digit, records after their clearing date.

    UnionPay's own samples fail the check digit. Citizen cards, which pay by purse and bank account, and electronic
    member cards have none.
    """
    given = context.settings
    others = given.get("instrument", "bank_card") != "bank_card" or given.get("rail", "pos") != "pos"
    wrong = tally.cards.wrong_check_digits if bank_cards and not others else 0
    many = f"{wrong} or more" if wrong == TOLD else str(wrong)
    told = [f"card numbers with a wrong check digit (Luhn), taken all the same: {many}"] * bool(wrong)
    if tally.ahead:
        told.append(f"records more than {AHEAD} days after their clearing date, taken all the same: {tally.ahead}")
    return tuple(told)


def check_bad_rows(context: Context, tally: Tally) -> None:
    """A source may be configured to refuse the file on any bad row (`bad_row: reject_file`)."""
    policy = context.settings.get("bad_row", "reject_row")
    if policy not in {"reject_row", "reject_file"}:
        raise BadInput("setting bad_row: write reject_row or reject_file")
    if policy == "reject_file" and tally.rejected:
        message = (
            f"{tally.rejected} records cannot be accepted, and this source takes only whole files "
            "(bad_row: reject_file); correct them"
        )
        raise FileRefusedError("BAD_ROWS", message)


def check_hopeless(first_record: int, height: int, errors: Mapping[int, CellError], byte: int) -> None:
    """A file whose first HOPELESS records or more are all bad is another format; it is not read to its end."""
    if first_record == 1 and height >= HOPELESS and len(errors) == height:
        first = f"{errors[0].field}: " if errors[0].field else ""  # of a whole record: has 3 fields; 5 are expected
        message = (
            f"none of the first {height} records can be read; is it this format, and set as it is sent? "
            f"The first: {first}{errors[0]}"
        )
        raise FileRefusedError("NOT_DECODABLE", message, byte, 1)


def check_rejects(tally: Tally) -> None:
    """Nobody reads that many, and each takes memory."""
    if tally.rejected > MOST_REJECTS:
        message = f"more than {MOST_REJECTS} records cannot be accepted; is it this format, and set as it is sent?"
        raise FileRefusedError("TOO_MANY_REJECTS", message)


def finish(
    good: pl.DataFrame,
    rejects: dict[int, Reject],
    context: Context,
    tally: Tally,
    interpret: Callable[[pl.DataFrame, date], pl.DataFrame],
) -> Parsed:
    """Readable records to a Parsed block: interpreted, faults as rejects in record order, skips counted."""
    assert tally.clearing is not None
    frame = interpret(add_card(good, tally.cards), tally.clearing)
    kind, fault = pl.col("kind"), pl.col("fault")
    known, skips, unknown, faults = frame.select(
        known=kind.is_in([*KINDS, SKIP]).all(),
        skips=(kind == SKIP).sum(),
        unknown=kind.is_null().sum(),
        faults=fault.is_not_null().sum(),
    ).row(0)
    assert known, "an unknown kind left the interpreter"
    tally.skipped += skips
    if skips or unknown or faults:
        kept = frame.filter(kind.ne_missing(SKIP))
        kept = kept.with_columns(fault=pl.when(kind.is_null()).then(pl.lit("UNKNOWN_KIND")).otherwise("fault"))
        for code, record, byte in kept.filter(fault.is_not_null())["fault", "record", "byte_start"].iter_rows():
            rejects[record] = fault_reject(context, code, record, byte)
        frame = kept.filter(fault.is_null())
    accepted = conformed(frame, context, tally.clearing)
    tally.accepted += accepted.height
    latest = datetime.combine(tally.clearing, time(), UTC) + timedelta(days=AHEAD + 1)
    tally.ahead += int((accepted["occurred_at"] >= latest).sum())
    tally.rejected += len(rejects)
    return Parsed(accepted, [rejects[record] for record in sorted(rejects)])
