"""A file of ISO 8583 messages from POS acquiring: framed messages -> canonical transactions.

What a message means stands in samples/notes.md A (pos_kinds.py), its keys in pos_interpret.py.

There is no trailer in such a file. A closing 0520 reconciliation message (DE74 to 77 numbers, 86 to 89 amounts) proves
that nothing is missing between two messages: debits are sales, debit reversals voids and reversals, credits refunds.
Each total that it gives is checked, of what may move money nothing may follow it, and it is demanded, with all totals,
by `reconciliation: required`. Files with several of them: pos_batches.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import polars as pl

from adapters.base import Closing, Context, Parsed
from adapters.feeds.byte_cells import Ints, Mask
from adapters.feeds.canonical import SKIP
from adapters.feeds.framing import Messages, read_messages
from adapters.feeds.iso_columns import Decoded, Plan, decode_columns
from adapters.feeds.pos_batches import Batches
from adapters.feeds.pos_fields import TOTALS, Stated, closing_plan, plan_of, pos_columns, stated_totals
from adapters.feeds.pos_hints import body_hint, header_hint
from adapters.feeds.pos_interpret import interpret, with_series
from adapters.feeds.pos_kinds import CODES, KIND_NAMES, Kinds
from adapters.feeds.pos_settings import HEADERS, PosSettings, settings_of
from adapters.feeds.tally import (
    Tally,
    check_bad_rows,
    check_hopeless,
    check_rejects,
    finish,
    reject_of,
)
from adapters.feeds.times import clearing_date_of
from adapters.layout_line import CellError
from adapters.refused import FileRefusedError
from settlement.model.cards import CardTokens
from settlement.model.rejects import Reject

NAME = "pos_iso8583"
_SEVERAL = (
    "send each file with its own, or, where each batch or terminal has one, --set reconciliation=batches (terminals)"
)


@dataclass(slots=True)
class _File:
    """What is known of the file beside its transactions."""

    settings: PosSettings
    fields: Plan
    totals: Plan
    numbers: dict[str, int] = field(default_factory=dict)
    amounts: dict[str, int] = field(default_factory=dict)
    unreadable: tuple[int, int] | None = None
    batches: Batches | None = None  # where a file has several closing messages
    closing: Stated | None = None
    closing_at: tuple[int, int] = (0, -1)  # its record and byte
    closed: bool = False
    bare_requests: bool = False
    responses: bool = False
    declined: bool = False
    advised: bool = False  # a reversal or advice counts by its request, whose DE39 is no answer
    unadvised: bool = False  # and an answer says that one had no success
    unanswered: int = 0  # advices less their answers
    orphaned: int = 0


def read(stream: BinaryIO, context: Context) -> Iterator[Parsed | Closing]:
    """Blocks of canonical transactions, then Closing (feeds.md "Transaction feeds")."""
    settings = settings_of(context)
    known = _File(settings, plan_of(settings), closing_plan(settings))
    if settings.reconciliation in {"batches", "terminals"}:
        known.batches = Batches(_compare)
    tally = Tally(CardTokens(context.tokeniser))
    refused: Reject | None = None
    try:
        tally.clearing = clearing_date_of(context, None, settings.filename)
        for block in read_messages(stream, settings.framing):
            parsed = _parsed(block, context, known, tally)
            check_rejects(tally)
            yield parsed
        _check_file(known, tally)
        check_bad_rows(context, tally)
    except FileRefusedError as error:
        refused = error.reject(context.file)
    yield tally.closing(
        context,
        refused,
        total_fen=None if known.unreadable else sum(known.amounts.values()),
        declared_records=_declared(known.closing, TOTALS[:4]),
        declared_total_fen=_declared(known.closing, TOTALS[4:]),
    )


def _headers(block: Messages, settings: PosSettings) -> tuple[Ints, dict[int, CellError], Mask]:
    """Where each body starts, messages whose header is not what the source says, and those that CUPS has turned back.

    A message turned back comes with its sender's own body, and the reason in the header's last five characters.
    """
    size, turned = HEADERS[settings.header], np.zeros(len(block.starts), np.bool_)
    if size == 0:
        return block.starts, {}, turned
    lengths = block.ends - block.starts
    first = block.buffer[block.starts]
    good = (lengths > size) & (first == (46 if settings.header == "cups" else 0x60))
    errors = {}
    if settings.header == "cups":
        digits = block.buffer[block.starts[:, None] + np.arange(2, 6)].astype(np.int64) - 48
        stated = digits @ np.array([1000, 100, 10, 1])
        good &= ((digits >= 0) & (digits <= 9)).all(axis=1) & (stated == lengths)
        reason = block.buffer[block.starts[:, None] + np.arange(41, 46)]
        turned = good & ((reason >= 0x30) & (reason <= 0x39)).all(axis=1) & (reason != 0x30).any(axis=1)
    for row in np.flatnonzero(~good).tolist():
        message = block.buffer[block.starts[row] : block.ends[row]].tobytes()
        errors[row] = CellError("header", "BAD_HEADER", header_hint(message, settings))
    return np.where(good, block.starts + size, block.ends), errors, turned


def _decode(block: Messages, known: _File) -> tuple[Decoded, dict[int, CellError], Mask]:
    starts, errors, turned = _headers(block, known.settings)
    decoded = decode_columns(block.buffer, starts, block.ends, known.fields)
    for row, (name, position, what) in decoded.errors.items():
        if row in errors:
            continue
        place = position + int(starts[row] - block.starts[row])
        body = block.buffer[starts[row] : min(block.ends[row], starts[row] + 20)].tobytes()
        hint = body_hint(body, name, what, known.settings)
        errors[row] = CellError(f"DE{name}", "BAD_MESSAGE", f"{hint}{what}, at byte {place} of the message")
    return decoded, errors, turned


def _parsed(block: Messages, context: Context, known: _File, tally: Tally) -> Parsed:
    decoded, errors, turned = _decode(block, known)
    check_hopeless(block.first_record, decoded.height, errors, int(block.file_starts[0]))
    assert tally.clearing is not None
    frame, kinds, originals, faults = pos_columns(decoded, known.settings, tally.clearing)
    turned &= kinds.moves & ~decoded.bad
    if turned.any():  # as an answer would that declines it
        kinds.kind[turned], kinds.declined[turned] = KIND_NAMES.index(SKIP), True
        frame = frame.with_columns(kind=pl.Series(KIND_NAMES, dtype=pl.String).gather(pl.Series(kinds.kind)))
    frame = with_series(
        frame,
        pl.Series("record", np.arange(decoded.height, dtype=np.int64) + block.first_record),
        pl.Series("byte_start", block.file_starts),
        pl.Series("byte_end", block.file_ends),
    )
    for row, fault in faults.items():
        if kinds.moves[row]:  # what moves no money is skipped, whatever its fields hold
            errors.setdefault(row, fault)
    for row in np.flatnonzero(kinds.moves & kinds.answer & kinds.bare).tolist():
        errors.setdefault(
            row, CellError("response_code", "NO_ANSWER", "is missing (DE39): nothing says whether money has moved")
        )
    _add_totals(frame["paid"], kinds, errors, kinds.moves & ~decoded.bad, block, known)
    if known.batches is None:
        _note_closing(decoded, block, known, kinds)
    else:
        _note_batches(decoded, block, known, frame, kinds.moves & ~decoded.bad)
    rejects = {
        row + block.first_record: reject_of(context, error, row + block.first_record, int(block.file_starts[row]))
        for row, error in errors.items()
    }
    keep = np.ones(decoded.height, np.bool_)
    keep[list(errors)] = False
    good = frame.filter(pl.Series(keep)) if errors else frame
    known.orphaned += int((originals["original_bad"].to_numpy() & keep[originals["row"].to_numpy()]).sum())
    originals = originals.with_columns(record=pl.col("row") + block.first_record)
    _note_messages(kinds, keep, known)
    return finish(
        good,
        rejects,
        context,
        tally,
        lambda rows, clearing: interpret(rows, originals, context, clearing, known.settings),
    )


def _add_totals(
    paid: pl.Series, kinds: Kinds, errors: dict[int, CellError], counted: Mask, block: Messages, known: _File
) -> None:
    """Numbers and amounts per kind over all messages that move money, rejected ones included."""
    fen = paid.fill_null(0).to_numpy() if paid.null_count() else paid.to_numpy()
    for place in np.flatnonzero(np.bincount(kinds.kind)).tolist():
        rows = counted & (kinds.kind == place)
        name = str(KIND_NAMES[place])
        known.numbers[name] = known.numbers.get(name, 0) + int(rows.sum())
        known.amounts[name] = known.amounts.get(name, 0) + int(fen[rows].sum())
    blind = paid.is_null().to_numpy() & counted
    blind[[row for row, error in errors.items() if error.code in {"BAD_MESSAGE", "BAD_HEADER"}]] = True
    if known.unreadable is None and blind.any():
        row = int(np.argmax(blind))
        known.unreadable = (block.first_record + row, int(block.file_starts[row]))


def _note_batches(decoded: Decoded, block: Messages, known: _File, frame: pl.DataFrame, counted: Mask) -> None:
    """Closes the batches of a file with several 0520s. A terminal is known by its number and its merchant's."""
    assert known.batches is not None
    types = decoded.cells[CODES][:, :4]
    closings = np.flatnonzero((types[:, 1] == ord("5")) & (types[:, 2] == ord("2")) & (types[:, 3] <= ord("1")))
    given = decode_columns(decoded.buffer, decoded.starts[closings], decoded.ends[closings], known.totals)
    terminal = pl.lit("")
    if known.settings.reconciliation == "terminals":
        terminal = pl.format("{} {}", pl.col("merchant_no").fill_null(""), pl.col("terminal_no").fill_null(""))
    rows = frame.select(terminal=terminal, kind="kind", fen=pl.col("paid").fill_null(0))
    rows = rows.with_columns(counted=pl.Series(counted), again=pl.Series(types[:, 3] == ord("1")))
    known.batches.add(rows, closings, stated_totals(given), block)


def _note_closing(decoded: Decoded, block: Messages, known: _File, kinds: Kinds) -> None:
    """Keeps the closing reconciliation. Behind it nothing may stand that moves money: what it declares is all."""
    types = decoded.cells[CODES][:, :4]
    family = types[:, 1] == ord("5")
    if not known.closed and not family.any():
        return
    closings = np.flatnonzero(family & (types[:, 2] == ord("2")) & (types[:, 3] <= ord("1")))
    if not known.closed and not len(closings):
        return
    first = 0 if known.closed else int(closings[0])
    behind = np.flatnonzero(kinds.moves[first:])
    if len(behind):
        row = first + int(behind[0])
        message = f"a message stands behind the closing 0520, whose totals end the file; {_SEVERAL}"
        raise FileRefusedError("AFTER_END", message, int(block.file_starts[row]), block.first_record + row)
    known.closed = True
    if len(closings):
        given = decode_columns(decoded.buffer, decoded.starts[closings], decoded.ends[closings], known.totals)
        for row, stated in zip(closings.tolist(), stated_totals(given), strict=True):
            if stated and known.closing not in (None, {}, stated):
                message = f"a second closing 0520 declares other totals than the first; {_SEVERAL}"
                raise FileRefusedError("BAD_TRAILER", message, int(block.file_starts[row]), block.first_record + row)
            if stated or known.closing is None:
                known.closing, known.closing_at = stated, (block.first_record + row, int(block.file_starts[row]))


def _note_messages(kinds: Kinds, keep: Mask, known: _File) -> None:
    """Whether requests and answers both stand there; an answer that is rejected is one all the same."""
    moving = kinds.kind < KIND_NAMES.index(SKIP)
    known.declined |= bool(kinds.declined.any())
    known.responses |= bool((moving & kinds.answer).any())
    known.bare_requests |= bool((keep & moving & ~kinds.answer & kinds.bare).any())
    known.advised |= bool((keep & moving & ~kinds.answer & kinds.advice).any())
    known.unadvised |= bool((kinds.declined & kinds.advice).any())
    known.unanswered += int((kinds.advice & ~kinds.answer).sum()) - int((kinds.advice & kinds.answer).sum())


def _check_file(known: _File, tally: Tally) -> None:
    if (known.bare_requests and known.declined) or (known.advised and known.unadvised):
        message = "answers say that requests had no success, or in part; take the answers: --set messages=responses"
        raise FileRefusedError("MIXED_MESSAGES", message)
    if known.bare_requests and known.responses:
        message = "the file holds requests and answers; say which count: --set messages=responses (or requests)"
        raise FileRefusedError("MIXED_MESSAGES", message)
    if known.settings.messages == "responses" and known.unanswered > 0:
        what = "reversals or advices without an answer in the file, skipped: ask whether they took effect"
        tally.notes.append(f"{what}: {known.unanswered}")
    if known.orphaned:
        tally.notes.append(f"{known.orphaned} messages name their original in a DE90 that cannot be read: orphans")
    if known.batches is not None:
        known.batches.check_closed()
        known.closing = dict(known.batches.declared)
    if not known.closing or (known.settings.reconciliation == "required" and len(known.closing) < len(TOTALS)):
        if known.settings.reconciliation == "required":
            message = "the closing 0520 message with all its totals is missing; the file was cut: send it again"
            raise FileRefusedError("NO_END_MARK", message)
        tally.notes.append("no closing 0520 message: that the file is whole is not proved by itself")
        return
    if known.unreadable is not None:
        record, byte = known.unreadable
        message = "an amount under the declared totals cannot be read, so they cannot be proved; correct the file"
        raise FileRefusedError("TOTAL_UNPROVEN", message, byte, record, "paid")
    if known.batches is not None:
        known.closing = known.closing if known.batches.whole else None
        tally.notes.append(
            "each 0520 proves its batch; that no batch is missing behind the last is not proved by itself"
        )
        return
    _compare(known.numbers, known.amounts, known.closing, known.closing_at)


def totals_of(numbers: dict[str, int], sums: dict[str, int]) -> dict[str, int]:
    """What a closing 0520 declares for these numbers and amounts per kind."""
    both = ("VOID", "REVERSAL")
    return {
        "74": numbers.get("REFUND", 0),
        "75": 0,
        "76": numbers.get("SALE", 0),
        "77": sum(numbers.get(kind, 0) for kind in both),
        "86": sums.get("REFUND", 0),
        "87": 0,
        "88": sums.get("SALE", 0),
        "89": sum(sums.get(kind, 0) for kind in both),
    }


def _compare(numbers: dict[str, int], sums: dict[str, int], closing: Stated, place: tuple[int, int]) -> None:
    """Each total that is given must hold. FileRefusedError names the record and byte of the closing message."""
    (record, byte), have = place, totals_of(numbers, sums)
    for element, value in closing.items():
        if value is None:
            message = "the total that the closing message declares is not digits; correct it"
            raise FileRefusedError("BAD_TOTAL", message, byte, record, f"DE{element}")
        if have[element] != value:
            code = "COUNT_MISMATCH" if int(element) < 80 else "TOTAL_MISMATCH"
            message = f"the closing message declares {value} and the file has {have[element]}; ask for the whole file"
            raise FileRefusedError(code, message, byte, record, f"DE{element}")


def _declared(closing: Stated | None, elements: tuple[str, ...]) -> int | None:
    """The sum of these totals; None where one of them is not given."""
    values = [(closing or {}).get(element) for element in elements]
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
