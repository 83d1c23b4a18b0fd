"""Transaction files of a layout, whole: blocks of records in, canonical frames, rejects and closing totals out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import BinaryIO

import numpy as np
import polars as pl

from adapters.base import Closing, Context, Parsed
from adapters.feeds.canonical import without_skipped
from adapters.feeds.delimited_blocks import delimited_blocks
from adapters.feeds.fixed_blocks import fixed_blocks
from adapters.feeds.plain_keys import PLAIN
from adapters.feeds.records import Block, FileState, Totals, Unread, compare_declared
from adapters.feeds.tally import (
    Tally,
    check_bad_rows,
    check_hopeless,
    check_rejects,
    finish,
    reject_of,
)
from adapters.feeds.times import clearing_date_of, named_day
from adapters.layout import Layout
from adapters.layout_line import Value
from adapters.refused import FileRefusedError
from adapters.yaml_document import chosen_document
from settlement.model.cards import CardTokens, masked
from settlement.model.in_order import in_order

# (records, context, clearing date, layout) -> the records with canonical columns, `kind` and `fault` (a code, or null)
Interpret = Callable[[pl.DataFrame, Context, date, Layout], pl.DataFrame]
PACKAGE = "adapters.feeds"
SHORTEST_CARD = 13  # digits; a field that holds fewer holds no card number
# what interpreters read of a record, beside the parts of its keys and the amounts under declared totals; the other
# fields are only checked
WANTED = frozenset({
    "kind", "rail", "issuer", "merchant_no", "terminal_no", "terminal_sequence", "rrn", "stan", "auth_code", "mcc",
    "currency", "mti", "processing_code", "condition_code", "response_code", "acquirer", "forwarder", "card_number",
    "occurred_at", "clearing_date", "transmitted_at", "original_transmitted_at", "original_stan", "gross", "paid",
    "claimed", "fee", "accepted_amount", "settlement", "fee_payable", "fee_receivable", "switch_fee",
})  # fmt: skip


def layout_of(settings: Mapping[str, object], default: str) -> Layout:
    """The layout of a source: settings["layout"] as a shipped name, a mapping (YAML) or a Layout; else the default."""
    return chosen_document(settings.get("layout", default), "layout", PACKAGE, Layout)


@dataclass(frozen=True, slots=True)
class _Done:
    """One block as it is when done; `refused` instead of `parsed` where it refuses the file.

    `declared` is what the file had declared up to this block: the reader of blocks may be ahead of it.
    """

    declared: dict[str, Value]
    tally: Tally
    totals: Totals = field(default_factory=Totals)
    parsed: Parsed | None = None
    refused: FileRefusedError | None = None


def read_feed(
    stream: BinaryIO,
    context: Context,
    layout: Layout,
    interpret: Interpret,
    *,
    bank_cards: bool = False,
    also: tuple[int, ...] = (),
) -> Iterator[Parsed | Closing]:
    """Parsed blocks, then Closing; nothing of a file whose Closing is `refused` may be kept.

    `bank_cards`: its cards have check digits. `also`: as in FileState.
    """
    declares = {spec.of for line in layout.lines for spec in line.fields if spec.of}
    state = FileState(
        layout, WANTED.union(layout.key, layout.original_key, declares), f"{context.source}:".encode(), also
    )
    tally, totals, refused = Tally(CardTokens(context.tokeniser)), Totals(), None
    declared = state.declared
    with closing(in_order(_blocks(stream, state, context, interpret, tally.cards))) as blocks:
        for done in blocks:
            tally.add(done.tally)
            totals.add(done.totals)
            if done.parsed is None:
                refused, declared = done.refused, done.declared
                break
            try:
                check_rejects(tally)
            except FileRefusedError as error:
                refused, declared = error, done.declared
                break
            yield done.parsed
    if refused is None:
        try:
            compare_declared(state, totals)
            _check_day(state, tally, context)
            check_bad_rows(context, tally)
        except FileRefusedError as error:
            refused = error
    count, total = declared.get("count"), declared.get("total:paid")
    if refused is None:
        tally.notes += _day_notes(declared, context, layout)
    yield tally.closing(
        context,
        None if refused is None else refused.reject(context.file),
        total_fen=None if "paid" in totals.unreadable else totals.sums.get("paid", 0),
        declared_records=count if isinstance(count, int) else None,
        declared_total_fen=total if isinstance(total, int) else None,
        bank_cards=bank_cards,
    )


def _day_notes(declared: dict[str, Value], context: Context, layout: Layout) -> tuple[str, ...]:
    """The line that says that the file's clearing date is not the one in its name, which may be the day it was made."""
    said, named = declared.get("clearing_date"), named_day(context.file, layout.filename)
    if not isinstance(said, date) or named in {None, said} or context.clearing_date is not None:
        return ()
    return (f"the file says clearing date {said}, its name {named}: {said} is taken",)


def _check_day(state: FileState, tally: Tally, context: Context) -> None:
    """The clearing date of the file. FileRefusedError: the trailer says another than records were read by."""
    day = clearing_date_of(context, state.declared.get("clearing_date"), state.layout.filename)
    if tally.clearing is not None and day != tally.clearing:
        message = f"the trailer says clearing date {day}, and the file's name or settings {tally.clearing}; correct one"
        name, byte = state.places["clearing_date"]
        raise FileRefusedError("BAD_TRAILER", message, byte, name=name)
    tally.clearing = day


def _blocks(
    stream: BinaryIO, state: FileState, context: Context, interpret: Interpret, cards: CardTokens
) -> Iterator[Callable[[], _Done]]:
    """What is to be done for each block, in the order of the file; a refusal of the file comes last."""
    layout = state.layout
    try:
        below = _day_below(stream, context, layout)
        for unread in _unread(stream, state):
            yield partial(_done, unread, below | state.declared, Tally(cards), context, layout, interpret)
    except FileRefusedError as error:
        yield partial(_Done, dict(state.declared), Tally(cards), refused=error)


def _unread(stream: BinaryIO, state: FileState) -> Iterator[Unread]:
    return (fixed_blocks if state.layout.shape == "fixed" else delimited_blocks)(stream, state)


def _day_below(stream: BinaryIO, context: Context, layout: Layout) -> dict[str, Value]:
    """The clearing date that the trailer alone declares: without it no record can be read, so the file is passed twice.

    FileRefusedError: the file is not whole.
    """
    above, end = (
        {spec.declares for line in lines for spec in line.fields} for lines in (layout.header, layout.trailer)
    )
    if "clearing_date" not in end - above or not stream.seekable():
        return {}
    try:
        clearing_date_of(context, None, layout.filename)
    except FileRefusedError:
        start, state = stream.tell(), FileState(layout, frozenset())
        for _ in _unread(stream, state):
            pass  # a block is read when it is called
        stream.seek(start)
        return {"clearing_date": state.declared.get("clearing_date")}
    return {}


def _done(
    unread: Unread, declared: dict[str, Value], tally: Tally, context: Context, layout: Layout, interpret: Interpret
) -> _Done:
    totals = Totals()
    try:
        block = unread()
        totals.add_block(layout, block)
        tally.clearing = clearing_date_of(context, declared.get("clearing_date"), layout.filename)
        parsed = _parsed(block, context, layout, interpret, tally)
    except FileRefusedError as error:
        return _Done(declared, tally, totals, refused=error)
    return _Done(declared, tally, totals, parsed)


def _parsed(block: Block, context: Context, layout: Layout, interpret: Interpret, tally: Tally) -> Parsed:
    check_hopeless(block.first_record, block.height, block.errors, int(block.starts[0]))
    frame = pl.DataFrame(list(block.columns.values())).with_columns(
        record=pl.Series(np.arange(block.first_record, block.first_record + block.height, dtype=np.int64)),
        byte_start=pl.Series(block.starts),
        byte_end=pl.Series(block.ends),
    )
    rejects = {
        block.first_record + row: reject_of(context, error, block.first_record + row, int(block.starts[row]))
        for row, error in block.errors.items()
    }
    good = _with_masks(frame.filter(pl.Series(~block.bad)) if block.errors else frame, layout)
    assert tally.clearing is not None

    def told(rows: pl.DataFrame, clearing: date) -> pl.DataFrame:
        return without_skipped(interpret(rows, context, clearing, layout), layout.record.fields)

    return finish(good, rejects, context, tally, told)


def _with_masks(frame: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Where columns have slipped, a record's card number stands in another field too, and masked there as well."""
    if "card_number" not in frame.columns:
        return frame
    cards, hits = frame["card_number"], {}
    for spec in layout.record.fields:
        wide = (spec.length or SHORTEST_CARD) >= SHORTEST_CARD and frame.schema.get(spec.name) == pl.String
        if wide and spec.name != "card_number":
            same = frame[spec.name] == cards
            if same.any():
                hits[spec.name] = same & (cards.str.len_chars() >= SHORTEST_CARD)
    if not hits:
        return frame
    shown = masked(cards)
    frame = frame.drop(PLAIN, strict=False)  # keys joined before: they may hold the number
    return frame.with_columns(shown.zip_with(same, frame[name]).alias(name) for name, same in hits.items())
